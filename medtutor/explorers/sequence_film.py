"""What the sequence explorer draws: film, effects, hidden state, answer and size over one time axis."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from ..figures import BLUE, GREEN, GREY, VERMILION
from ..widgets import drawing, panels
from .sequence_clips import signed

LEFT, WIDE, RIGHT, APART = 124, 634, 42, 12  # page pixels: names of the panels, time axis, margin, between panels
NAME = 6  # where the names begin
YELLOW = "#F0E442"  # marks the present frame
LARGEST = 112  # page pixels of a frame in the strip at most
THUMB = 24  # page pixels that a frame of the strip needs at least
EFFECTS, HIDDEN, ANSWER, SIZE = 60, 112, 120, 70  # heights


@dataclass(frozen=True, eq=False)
class Film:
    """Film strip, effects, hidden state, answer and size over one time axis; drawn once, on which a cursor moves.

    pixels   uint8 (T, H, W, 3) of the frames played, of `total` that were filmed
    numbers  T numbers of frames in the film, 0 for a black one
    units    (rows, T), -1…1, of `hidden` that there are
    span     the ends of the answer's axis
    size     (T,) or None: true sizes; NaN in a black frame
    usual    whether the clip is played as filmed
    against  what a frame was replaced by for its effect
    """

    pixels: np.ndarray
    numbers: list
    total: int
    effects: np.ndarray
    units: np.ndarray
    hidden: int
    answers: np.ndarray
    filmed: np.ndarray
    truth: float
    what: str
    span: tuple
    size: np.ndarray | None
    size_filmed: np.ndarray | None
    size_name: str
    usual: bool
    against: str

    @property
    def step(self):
        """Page pixels of a frame."""
        return WIDE / self.total

    @property
    def each(self):
        """Every so manieth frame is in the strip."""
        return -(-THUMB * self.total // WIDE)

    @property
    def thumb(self):
        """(width, height) of a frame in the strip, in page pixels."""
        height, width = self.pixels.shape[1:3]
        wide = min(self.step * self.each - 2, LARGEST)
        return wide, max(1, wide * height / width)

    @cached_property
    def tops(self):
        """{panel: (top, height)} in page pixels."""
        heights = {"film": 18 + max(self.thumb[1], 28), "effects": EFFECTS, "hidden": HIDDEN, "answer": ANSWER}
        if self.size is not None:
            heights["size"] = SIZE
        tops, y = {}, 4
        for name, height in heights.items():
            tops[name] = (y, height)
            y += height + APART
        return tops

    @property
    def bottom(self):
        """Where the last panel ends."""
        return sum(list(self.tops.values())[-1])

    def x(self, frame):
        """The middle of a frame."""
        return LEFT + (frame + 0.5) * self.step

    def y(self, panel, value):
        """Where a value stands in a panel with a curve."""
        low, high = self.span if panel == "answer" else (0, self.size_filmed.max())
        top, height = self.tops[panel]
        return top + 5 + (1 - (value - low) / max(high - low, 1e-9)) * (height - 10)

    def words(self, now):
        """The panels in words, for who cannot see them."""
        strongest = int(np.abs(self.effects).argmax())
        filmed = "" if self.usual else f"As filmed the answer is {self.filmed[-1]:.2f}. "
        known = self.size is not None and np.isfinite(self.size[now])
        size = f"True size here ({self.size_name}): {self.size[now]:.0f}. " if known else ""
        return (
            f"The answer ({self.what}) is {self.answers[now]:.2f} had it ended here, {self.answers[-1]:.2f} at the end."
            f" {filmed}Frame {strongest + 1} does most to it: {signed(self.effects[strongest])} against"
            f" {self.against}. {size}Heat map of {len(self.units)} hidden units over time."
        )

    def at(self, now):
        """The sheet with the present frame marked in every panel."""
        sheet = self.drawn.copy()
        pen, x = Pen(sheet), self.x(now)
        pen.line([(x, self.tops["effects"][0]), (x, self.bottom)], drawing.INK, 1)
        left, top, right, bottom = self._box(now // self.each * self.each)
        for apart, colour in ((3, drawing.INK), (1.5, YELLOW)):
            pen.box((left - apart, top - apart, right + apart, bottom + apart), outline=colour)
        self._mark(pen, "answer", now, self.answers[now], 15, f"now {self.answers[now]:.2f}")
        pen.text(NAME, self.tops["effects"][0] + 43, f"this one {signed(self.effects[now])}")
        if self.size is not None:
            black = np.isnan(self.size[now])
            self._mark(pen, "size", now, self.size[now], 30, "now black" if black else f"now {self.size[now]:.0f}")
        return sheet

    def _mark(self, pen, panel, frame, value, below, words):
        """The present value of a curve: a dot on it, and a number below the panel's name."""
        pen.text(NAME, self.tops[panel][0] + below, words)
        if np.isfinite(value):
            pen.dot(self.x(frame), self.y(panel, value), 5, YELLOW, outline=drawing.INK)

    # What stays ---------------------------------------------------------------------------------

    @cached_property
    def drawn(self):
        sheet = drawing.blank(LEFT + WIDE + RIGHT, self.bottom + 20)
        pen = Pen(sheet)
        self._draw_film(sheet, pen)
        self._draw_effects(pen)
        self._draw_hidden(sheet, pen)
        self._draw_answer(pen)
        if self.size is not None:
            self._draw_size(pen)
        pen.text(LEFT - 5, self.bottom + 4, "frame played", colour=drawing.FAINT, anchor="ra")
        for frame in range(0, self.total, -(-20 * self.total // WIDE)):
            pen.text(self.x(frame), self.bottom + 4, str(frame + 1), colour=drawing.FAINT, anchor="ma")
        return sheet

    def _box(self, frame):
        """Where a frame of the strip lies: (left, top, right, bottom)."""
        (width, height), top = self.thumb, self.tops["film"][0] + 18
        left = LEFT + (frame + self.each / 2) * self.step - width / 2
        return left, top, left + width, top + height

    def _draw_film(self, sheet, pen):
        width, height = (round(side * drawing.SCALE) for side in self.thumb)
        for frame in range(0, len(self.pixels), self.each):
            left, top, right, _ = self._box(frame)
            picture = Image.fromarray(np.ascontiguousarray(self.pixels[frame])).resize(
                (width, height), Image.Resampling.BOX
            )
            sheet.paste(picture, (round(left * drawing.SCALE), round(top * drawing.SCALE)))
            number = self.numbers[frame]
            moved = number != frame + 1
            colour = drawing.INK if moved else drawing.FAINT
            pen.text((left + right) / 2, top - 5, str(number or "–"), 11, moved, colour, "ms")
        moved = self.numbers != list(range(1, len(self.numbers) + 1))
        self._name(pen, "film", "film", ["number: as filmed"] + ["bold: moved"] * moved)

    def _draw_effects(self, pen):
        top, height = self.tops["effects"]
        # A hundredth of the axis at least: what is as good as nothing is to look like it.
        largest = max(float(np.abs(self.effects).max()), (self.span[1] - self.span[0]) / 100)
        middle, half_width = top + height / 2, 0.31 * self.step
        pen.rule(middle)
        for frame, effect in enumerate(self.effects):
            x, end = self.x(frame), middle - effect / largest * height / 2
            if effect:
                colour = VERMILION if effect > 0 else BLUE
                pen.box((x - half_width, min(middle, end), x + half_width, max(middle, end)), fill=colour)
        self._name(pen, "effects", "effect of a frame", [f"against {self.against}", f"full height ±{largest:.2f}"])

    def _draw_hidden(self, sheet, pen):
        top, height = self.tops["hidden"]
        box = (LEFT, top, LEFT + len(self.pixels) * self.step, top + height)
        left, upper, right, lower = (round(side * drawing.SCALE) for side in box)
        if len(self.units):
            colours = panels.alone(self.units.astype(np.float32), panels.COLOURS["vermilion and blue"])
            sheet.paste(
                Image.fromarray(colours).resize((right - left, lower - upper), Image.Resampling.NEAREST), (left, upper)
            )
        pen.box(box, outline="#808080")
        some = f"{len(self.units)} of {self.hidden} units" if len(self.units) < self.hidden else f"{self.hidden} units"
        self._name(
            pen, "hidden", "hidden state", [some, "top: early peak", "red: above 0", "blue: below 0", "white: 0"]
        )

    def _draw_answer(self, pen):
        top, height = self.tops["answer"]
        for value in self.span:
            pen.rule(self.y("answer", value))
            pen.text(LEFT - 5, self.y("answer", value), f"{value:.2g}", colour=drawing.FAINT, anchor="rm")
        y = self.y("answer", self.truth)
        pen.line([(LEFT, y), (LEFT + WIDE, y)], GREEN, 2.5)
        pen.text(LEFT + WIDE + 4, y, "label", 11, True, GREEN, "lm")
        self._name(pen, "answer", "answer so far", [])
        if not self.usual:
            self._curve(pen, "answer", self.filmed, GREY, 1.5, dashed=True)
            pen.text(NAME, top + 30, "dashes: as filmed", colour=drawing.FAINT)
        self._curve(pen, "answer", self.answers, BLUE, 2.5)

    def _draw_size(self, pen):
        pen.rule(self.y("size", 0))
        pen.text(LEFT - 5, self.y("size", 0), "0", colour=drawing.FAINT, anchor="rm")
        if not self.usual:
            self._curve(pen, "size", self.size_filmed, GREY, 1.5, dashed=True)
        self._curve(pen, "size", self.size, drawing.INK, 2)
        self._name(pen, "size", "true size", [self.size_name])

    def _curve(self, pen, panel, values, colour, width, dashed=False):
        """Values over time, with gaps where they are NaN; dots where it is not dashed."""
        points = [(self.x(frame), self.y(panel, value)) for frame, value in enumerate(values)]
        for start, end in zip(points, points[1:]):
            if np.isfinite(start[1] + end[1]):
                pen.dashes(start, end, colour, width) if dashed else pen.line([start, end], colour, width)
        for x, y in points if not dashed else []:
            if np.isfinite(y):
                pen.dot(x, y, 2.5, colour)

    def _name(self, pen, panel, name, lines):
        top, _ = self.tops[panel]
        pen.text(NAME, top, name, bold=True)
        for number, line in enumerate(lines):
            pen.text(NAME, top + 15 + 13 * number, line, colour=drawing.FAINT)


class Pen:
    """Pillow's pen, in page pixels."""

    def __init__(self, sheet):
        self._pen = ImageDraw.Draw(sheet)

    def text(self, x, y, words, size=11, bold=False, colour=drawing.INK, anchor="la"):
        self._pen.text((x * drawing.SCALE, y * drawing.SCALE), words, colour, drawing.font(size, bold), anchor=anchor)

    def line(self, points, colour, width):
        self._pen.line(
            [(x * drawing.SCALE, y * drawing.SCALE) for x, y in points], colour, round(width * drawing.SCALE)
        )

    def dashes(self, start, end, colour, width):
        """A line of three dashes."""
        (x0, y0), (x1, y1) = start, end
        for near, far in ((0.05, 0.25), (0.4, 0.6), (0.75, 0.95)):
            self.line([(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in (near, far)], colour, width)

    def rule(self, y):
        """A faint line over the whole time axis."""
        self.line([(LEFT, y), (LEFT + WIDE, y)], "#d0d0d0", 1)

    def box(self, corners, fill=None, outline=None):
        self._pen.rectangle([side * drawing.SCALE for side in corners], fill, outline, width=3 if outline else 0)

    def dot(self, x, y, radius, colour, outline=None):
        corners = [side * drawing.SCALE for side in (x - radius, y - radius, x + radius, y + radius)]
        self._pen.ellipse(corners, colour, outline, width=3 if outline else 0)
