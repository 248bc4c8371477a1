"""The pictures of the confidence explorer: reliability, risk and benefit on axes that stand still, and sets as bars."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from ..figures import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..metrics.calibration import Reliability
from ..metrics.conformal import Coverage
from ..widgets import drawing
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import GAP, INK, SCALE

WIDTH, HEIGHT = 780, 250  # page pixels of the three pairs of axes
SMALL = 8.25  # points: 11 page pixels
LOWEST = -0.3  # of the net benefit that is drawn
RISK = 0.5
# What a set may be: empty, one class, several.
KINDS = (("empty", VERMILION), ("one class", BLUE), ("several", ORANGE))
LINE, NAMES, LONG = 22, 190, 330  # page pixels of the bars: height, words, length


class Curves(Chart):
    """Reliability, risk against coverage, net benefit against threshold."""

    def line(self, pen, x, y, number, colour, width=3):
        """A line through points, cut where it leaves its axes."""
        _, low, _, high = self.limits[number]
        points = [self.pixel(a, min(max(b, low), high), number) for a, b in zip(x, y)]
        pen.line(points, fill=colour, width=width)

    def at(self, found: Reliability, risk, kept, benefit, everybody, threshold) -> Image.Image:
        """The sheet with everything that moves.

        risk      (coverage, risk) of all cases, the most certain first
        kept      (coverage, risk) of those that are answered, or None
        benefit   (thresholds, net benefit of the model as a share of the largest possible), everybody: of treating all
        """
        sheet, pen = self.begin()
        most = found.count.max()
        for said, true, (low, high), count, out in zip(
            found.said, found.true, found.intervals, found.count, found.excluded
        ):
            x, top = self.pixel(said, high)
            _, bottom = self.pixel(said, low)
            colour = VERMILION if out else BLUE
            pen.line((x, top, x, bottom), fill=colour, width=3)
            pen.line((x - 6, top, x + 6, top), fill=colour, width=3)
            pen.line((x - 6, bottom, x + 6, bottom), fill=colour, width=3)
            dot(pen, *self.pixel(said, true), colour, 2.5 + 3.5 * (count / most) ** 0.5)
        self.line(pen, risk[0], risk[1], 1, BLUE)
        if kept is not None:
            dot(pen, *self.pixel(kept[0], min(kept[1], RISK), 1), ORANGE)
        at, model = benefit
        self.line(pen, at, everybody, 2, GREY)
        self.line(pen, at, model, 2, BLUE)
        x, bottom = self.pixel(threshold, LOWEST, 2)
        pen.line((x, self.boxes[2][1], x, bottom), fill=INK, width=2)
        value = float(np.interp(threshold, at, model))
        dot(pen, x, self.pixel(threshold, max(value, LOWEST), 2)[1], ORANGE)
        return sheet


@cache
def axes(classes: int) -> Curves:
    """The three pairs of axes, drawn once: nobody is less confident than one share in so many classes."""
    made = figure(WIDTH, HEIGHT)
    pairs = made.subplots(1, 3)
    made.subplots_adjust(left=0.075, right=0.98, bottom=0.17, top=0.88, wspace=0.36)
    for pair, title, x, y, limits in (
        (pairs[0], "Reliability, 95 % intervals", "confidence", "share right", (1 / classes, 1, 0, 1)),
        (pairs[1], "Abstain from the least certain", "share answered", "share wrong among them", (0, 1, 0, RISK)),
        (pairs[2], "Decision curve (grey: treat all)", "threshold", "net benefit / best possible", (0, 1, LOWEST, 1)),
    ):
        pair.set(xlim=limits[:2], ylim=limits[2:])
        pair.set_title(title, fontsize=8.5, pad=5)
        pair.set_xlabel(x, fontsize=SMALL, labelpad=1)
        pair.set_ylabel(y, fontsize=SMALL, labelpad=1)
        pair.tick_params(labelsize=SMALL)
        pair.set_xticks(np.linspace(limits[0], 1, 3).round(2))
    pairs[0].plot([0, 1], [0, 1], ":", color=INK, linewidth=1)
    pairs[2].axhline(0, color=GREEN, linewidth=1.2, linestyle="--")
    pairs[2].text(0.98, 0.02, "treat nobody", fontsize=SMALL, color=INK, ha="right", va="bottom")
    return Curves.of(made, list(pairs))


def bars(found: Coverage, truth: np.ndarray, classes: tuple[str, ...], asked: float) -> Image.Image:
    """For all cases and for each class: how many sets are empty, hold one class, or several, and the coverage."""
    rows = [("all", np.ones(len(truth), bool), found.share)]
    rows += [(name, truth == number, found.by_class[number]) for number, name in enumerate(classes)]
    sheet = drawing.blank(WIDTH, LINE * (len(rows) + 1) + GAP)
    pen = ImageDraw.Draw(sheet)
    left = NAMES
    for words, colour in KINDS:
        pen.rectangle(_box(left, 5, 12, 12), fill=colour)
        pen.text(((left + 17) * SCALE, 4 * SCALE), words, INK, drawing.font(11))
        left += 100
    for number, (name, of, share) in enumerate(rows, 1):
        y, size = LINE * number + 2, found.size[of]
        words = drawing.shortened(f"sets of {name}", NAMES - 2 * GAP, 11)
        pen.text((GAP * SCALE, (y + 2) * SCALE), words, INK, drawing.font(11, name == "all"))
        x = float(NAMES)
        for kind, colour in zip((size == 0, size == 1, size > 1), (colour for _, colour in KINDS)):
            wide = LONG * float(kind.mean()) if len(size) else 0.0
            if wide:
                pen.rectangle(_box(x, y, wide, LINE - 5), fill=colour)
            x += wide
        pen.rectangle(_box(NAMES, y, LONG, LINE - 5), outline="#808080")
        said = f"true class in {share:.3f} of {len(size)} sets, asked {asked:.2f}" if len(size) else "no case"
        pen.text(((NAMES + LONG + GAP) * SCALE, (y + 2) * SCALE), said, INK, drawing.font(11))
    return sheet


def _box(x, y, wide, high):
    return (x * SCALE, y * SCALE, (x + wide) * SCALE - 1, (y + high) * SCALE - 1)
