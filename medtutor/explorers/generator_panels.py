"""What the generator explorer draws: rows of images, a yardstick, scores on a scale, the course of a training."""

import numpy as np
import torch
from PIL import ImageDraw

from ..figures import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..widgets import drawing
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import GAP, INK, SCALE
from .generator_parts import NO_PATIENT

YELLOW = "#F0E442"  # the present place: Okabe & Ito's, which nothing else has here
DRAWN, REAL = ORANGE, BLUE  # frames
YARDSTICK = 250, 165  # page pixels
SCALE_OF_SCORES = 440, 128
COURSE = 760, 250
FONT = 8.25  # points: 11 page pixels
FRAME = 84  # page pixels of a drawn image in a row
LAST, ANSWERED = 10, 73  # answers of the game that stay on the page, and page pixels of each
# With these a discriminator of cross-entropy says one half to every image: ln 4, ln 2.
UNDECIDED = {"discriminator": 1.386, "generator": 0.693}


class Marked(Chart):
    """A chart on which a line marks a place."""

    def at(self, *shares):
        """The sheet with a line in each pair of axes, at a share 0…1 of its width."""
        sheet, pen = self.begin()
        for (left, top, right, bottom), share in zip(self.boxes, shares):
            x = left + min(max(share, 0), 1) * (right - left)
            pen.line((x, top, x, bottom), fill=INK, width=3)
            dot(pen, x, bottom, YELLOW, 4.5)
        return sheet


def farthest(distances):
    """The right end of the yardstick: one outlier must not squeeze all others."""
    return 2.0 * float(max(np.quantile(distances, 0.95), 1e-6))


def yardstick(distances, split):
    """How far real images that were not learned from are from the nearest that was: a chart over 0…`farthest`."""
    made, end = figure(*YARDSTICK), farthest(distances)
    axes = made.add_axes((0.04, 0.36, 0.92, 0.47))
    axes.hist(np.minimum(distances, end), bins=np.linspace(0, end, 50), color="#b8b8b8")
    axes.set(xlim=(0, end), yticks=[])
    axes.tick_params(labelsize=FONT)
    axes.spines["left"].set_visible(False)
    words = f"distance to the nearest learned from\ngrey: real {split} images; yellow: drawn"
    axes.set_xlabel(words, fontsize=FONT, labelpad=1)
    made.text(0.04, 0.89, "How near is near?", fontsize=8.75, weight="bold", color=INK)
    return Marked.of(made, [axes])


def course(steps, history, real_spread, cross_entropy):
    """Losses and spread over the training: a chart of two pairs of axes.

    steps          of the film's moments, rising; the axis is stretched where they are close, at the beginning
    history        one dict per moment but the first, as of a `GANRun`
    cross_entropy  whether a discriminator that cannot decide has the losses of UNDECIDED
    """
    made = figure(*COURSE)
    losses, spread = made.add_axes((0.06, 0.19, 0.40, 0.6)), made.add_axes((0.56, 0.19, 0.40, 0.6))
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
        axes.set_xlabel("step (square-root axis)", fontsize=FONT, labelpad=2)
        axes.set_title(title, fontsize=8.75, loc="left", weight="bold", color=INK, pad=22)
        axes.tick_params(labelsize=FONT)
        axes.grid(alpha=0.25)
        # Above the axes, where no curve and no mark crosses it.
        axes.legend(fontsize=FONT, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=2)
    return Marked.of(made, [losses, spread])


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
        pen.text((x(share), (bottom + 4) * SCALE), words, drawing.FAINT, drawing.font(11), anchor="ma")
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


def rows(images, captions, title, side, colour, count=1):
    """A number of rows of uint8 images (N, C, H, W); without captions where there are none."""
    captions, columns = captions or [""] * len(images), max(len(images) // count, 1)
    return drawing.tiles(
        drawing.flat(images), captions, title=title, columns=columns, rows=count, side=side, colour=colour
    )


def marked(strip, share, steps):
    """A copy of a film strip, with room below it, marked at a share 0…1 of its length from the first to the last."""
    sheet = strip.copy()
    pen = ImageDraw.Draw(sheet)
    left, y, long = (GAP + FRAME // 2) * SCALE, sheet.height - 8 * SCALE, (steps - 1) * (FRAME + GAP) * SCALE
    pen.line((left, y, left + long, y), fill=GREY, width=3)
    dot(pen, left + share * long, y, YELLOW)
    return sheet


def answered(turns):
    """The last turns of a game, the last one first, each in a frame that says what it was: (sheet, alt text)."""
    last = turns[: -LAST - 1 : -1]
    if not last:
        return drawing.written(["Nothing answered yet"], 480), "No image answered yet."
    captions = [f"{'✓' if turn.is_right else '✗'} {'real' if turn.is_real else 'no patient'}" for turn in last]
    colours = [REAL if turn.is_real else DRAWN for turn in last]
    title, images = f"Answered, the last one first; orange: {NO_PATIENT}", torch.stack([turn.image for turn in last])
    each = ", ".join(f"{turn.name}, {'right' if turn.is_right else 'wrong'}" for turn in last)
    sheet = drawing.tiles(
        drawing.flat(images), captions, title=title, columns=LAST, rows=1, side=ANSWERED, colour=colours
    )
    return sheet, f"The last {len(last)} images: {each}."
