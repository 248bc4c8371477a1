"""What the generator explorer draws that is no row of images: a yardstick, scores on a scale, the course of a
training.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from ..figures import BLUE, GREEN, ORANGE, VERMILION
from ..widgets import drawing
from ..widgets.drawing import GAP, INK, SCALE

DPI = 100
YELLOW = "#F0E442"  # the present place: Okabe & Ito's, which nothing else has here
DRAWN, REAL = ORANGE, BLUE  # frames
YARDSTICK = 250, 176  # page pixels
SCALE_OF_SCORES = 440, 128
COURSE = 760, 230
# With these a discriminator of cross-entropy says one half to every image: ln 4, ln 2.
UNDECIDED = {"discriminator": 1.386, "generator": 0.693}


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart that is drawn once; `at` marks a place on a copy.

    sheet  RGB image; never changed
    boxes  pixels (left, top, right, bottom) of each pair of axes
    """

    sheet: Image.Image
    boxes: tuple

    def at(self, *shares):
        """The sheet with a line in each pair of axes, at a share 0…1 of its width."""
        sheet = self.sheet.copy()
        pen = ImageDraw.Draw(sheet)
        for (left, top, right, bottom), share in zip(self.boxes, shares):
            x = left + min(max(share, 0), 1) * (right - left)
            pen.line((x, top, x, bottom), fill=INK, width=3)
            pen.ellipse((x - 9, bottom - 9, x + 9, bottom + 9), fill=YELLOW, outline=INK, width=3)
        return sheet


def _chart(figure, *pairs):
    """A figure of dpi DPI * SCALE as a `Chart`."""
    sheet = drawing.background(figure)
    boxes = []
    for axes in pairs:
        axes.spines[["top", "right"]].set_visible(False)
        box = axes.get_window_extent()
        boxes.append((box.x0, figure.bbox.height - box.y1, box.x1, figure.bbox.height - box.y0))
    return Chart(sheet, tuple(boxes))


def _figure(size):
    return Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI * SCALE)


def farthest(distances):
    """The right end of the yardstick: one outlier must not squeeze all others."""
    return 2.0 * float(max(np.quantile(distances, 0.95), 1e-6))


def yardstick(distances, split):
    """How far real images that were not learned from are from the nearest that was: a `Chart` over 0…`farthest`."""
    figure, end = _figure(YARDSTICK), farthest(distances)
    axes = figure.add_axes((0.04, 0.31, 0.92, 0.53))
    axes.hist(np.minimum(distances, end), bins=np.linspace(0, end, 50), color="#b8b8b8")
    axes.set(xlim=(0, end), yticks=[])
    axes.tick_params(labelsize=7)
    axes.spines["left"].set_visible(False)
    words = f"distance to the nearest image learned from\ngrey: real {split} images; yellow: the drawn one"
    axes.set_xlabel(words, fontsize=7, labelpad=2)
    figure.text(0.04, 0.90, "How near is near?", fontsize=8.5, weight="bold", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    return _chart(figure, axes)


def course(steps, history, real_spread, cross_entropy):
    """Losses and spread over the training: a `Chart` of two pairs of axes.

    steps          of the film's moments, rising; the axis is stretched where they are close, at the beginning
    history        one dict per moment but the first, as of a `GANRun`
    cross_entropy  whether a discriminator that cannot decide has the losses of UNDECIDED
    """
    figure = _figure(COURSE)
    losses, spread = figure.add_axes((0.06, 0.2, 0.40, 0.64)), figure.add_axes((0.56, 0.2, 0.40, 0.64))
    at = [row["step"] for row in history]
    look = {"marker": "o", "markersize": 2.5, "linewidth": 1.4}
    for name, colour, style in (("discriminator", BLUE, "-"), ("generator", VERMILION, "--")):
        values = [row[name] for row in history]
        losses.plot(at, values, linestyle=style, color=colour, label=name, **look)
        if cross_entropy:
            losses.axhline(UNDECIDED[name], color=colour, linewidth=0.7, linestyle=":")
    spread.plot(at, [row["spread"] for row in history], color=ORANGE, label="the 16 samples", **look)
    spread.axhline(real_spread, color=GREEN, linewidth=1.4, linestyle="--", label="real images")
    spread.set_ylim(0, 1.15 * max([real_spread, *(row["spread"] for row in history)]))
    titles = "loss" + (" (dotted: cannot decide)" if cross_entropy else ""), "how much images differ, grey levels"
    for axes, title in zip((losses, spread), titles):
        axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
        axes.set_xlim(0, steps[-1])
        ticks = [round_step(steps[-1] * share) for share in (0, 1 / 16, 1 / 4, 9 / 16)] + [steps[-1]]
        axes.set_xticks(sorted(set(ticks)), [f"{tick:,}" for tick in sorted(set(ticks))])
        axes.set_xlabel("step (square-root axis)", fontsize=7.5, labelpad=2)
        axes.set_title(title, fontsize=8.5, loc="left", weight="bold", color=INK, pad=5)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False, loc="best")
    return _chart(figure, losses, spread)


def round_step(step):
    """A step for an axis, with two digits that count."""
    return int(float(f"{step:.2g}"))


def place_of(step, last):
    """0…1: where a step lies on the axis of `course`."""
    return (step / last) ** 0.5


def scores(rows):
    """Shares of right answers on a scale from 0 to 100 %, chance in the middle.

    rows  (name, share, interval or None, colour), at most three; a share of None has no mark
    """
    width, height = SCALE_OF_SCORES
    sheet = drawing.blank(width, height)
    pen = ImageDraw.Draw(sheet)
    left, right, top, bottom = 150, width - 62, 24, height - 26

    def x(share):
        return (left + share * (right - left)) * SCALE

    pen.text((GAP * SCALE, 3 * SCALE), "Right answers", INK, drawing.font(12, True))
    for share in (0, 0.5, 1):
        pen.line((x(share), top * SCALE, x(share), bottom * SCALE), fill="#b0b0b0", width=2)
        words = f"{share:.0%}" + (" (guessing)" if share == 0.5 else "")
        pen.text((x(share), (bottom + 4) * SCALE), words, drawing.FAINT, drawing.font(10), anchor="ma")
    for number, (name, share, interval, colour) in enumerate(rows):
        y = (top + 14 + 26 * number) * SCALE
        pen.text((GAP * SCALE, y), drawing.shortened(name, left - 2 * GAP, 11), INK, drawing.font(11), anchor="lm")
        if share is None:
            continue
        # The user, who has an interval, is a dot, the machine a diamond: told apart without colour too.
        if interval is not None:
            pen.line((x(interval[0]), y, x(interval[1]), y), fill=INK, width=4)
            pen.ellipse((x(share) - 11, y - 11, x(share) + 11, y + 11), fill=colour, outline=INK, width=2)
        else:
            corners = [(x(share) - 13, y), (x(share), y - 13), (x(share) + 13, y), (x(share), y + 13)]
            pen.polygon(corners, fill=colour, outline=INK)
        pen.text(((right + 12) * SCALE, y), f"{share:.0%}", INK, drawing.font(11, True), anchor="lm")
    return sheet


def framed(pixels, captions, colours, title, side):
    """A row of images, each with a frame of its own colour: uint8 (H, W, 3) each, under one title."""
    width = max(len(pixels), 1) * (side + GAP) + GAP
    head = drawing.blank(max(width, 480), 20)
    ImageDraw.Draw(head).text((GAP * SCALE, 3 * SCALE), title, INK, drawing.font(12, True))
    row = [
        drawing.tiles([each], [caption], title="", columns=1, rows=1, side=side, colour=colour)
        for each, caption, colour in zip(pixels, captions, colours)
    ]
    if not row:
        return head
    # `tiles` leaves room for a title, which stands above already.
    cut = (0, 14 * SCALE, row[0].width, row[0].height)
    return drawing.below(head, drawing.beside(*(tile.crop(cut) for tile in row)))
