"""The pictures of the classification explorer: the confusion matrix, the scores of both classes, ROC and PR curves."""

import numpy as np
from matplotlib.collections import PolyCollection
from PIL import Image, ImageColor, ImageDraw

from ..figures import BLUE, GREY, ORANGE, VERMILION
from ..metrics.decisions import Counts
from ..widgets import drawing
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import INK, SCALE

# outcome: (short name, colour of its frames). Right in blue, wrong in orange and red: Okabe & Ito.
OUTCOMES = {
    "true positive": ("TP", BLUE),
    "false positive": ("FP", ORANGE),
    "false negative": ("FN", VERMILION),
    "true negative": ("TN", "#56B4E9"),
}
# Rows are labels, columns what the model says.
CELLS = (("true negative", "false positive"), ("false negative", "true positive"))
PANEL, HEIGHT = 200, 232  # page pixels of each of the four panels
CELL, LEFT, TOP = 64, 70, 58  # of the matrix
BINS = 25
SMALL = 8.25  # points: 11 page pixels


def matrix(counts: Counts, name: str, rest: str, marked: str) -> Image.Image:
    """The confusion matrix as a sheet, with the cell of one outcome marked."""
    sheet = drawing.blank(PANEL, HEIGHT)
    pen = ImageDraw.Draw(sheet)

    def text(x, y, words, size=11, bold=False, colour=INK):
        pen.text((x * SCALE, y * SCALE), words, colour, drawing.font(size, bold), anchor="mm")

    def label(x, y, words):
        """A class name whose last line is at y."""
        lines = _in_two_lines(words, CELL)
        for number, line in enumerate(lines):
            text(x, y - 12 * (len(lines) - 1 - number), line)

    text(LEFT + CELL, 12, "the model says", bold=True)
    text(LEFT / 2, TOP - 10, "the label", bold=True)
    for i, (words, total) in enumerate(((rest, counts.tn + counts.fp), (name, counts.fn + counts.tp))):
        middle = TOP + (i + 0.5) * CELL
        label(LEFT + (i + 0.5) * CELL, TOP - 10, words)
        label(LEFT / 2, middle - 7, words)
        text(LEFT / 2, middle + 7, str(total), colour=drawing.FAINT)
        for j, outcome in enumerate(CELLS[i]):
            short, colour = OUTCOMES[outcome]
            count, chosen = getattr(counts, short.lower()), outcome == marked
            share = count / total if total else 0
            x, y = LEFT + j * CELL, TOP + i * CELL
            pen.rectangle(
                (x * SCALE + 2, y * SCALE + 2, (x + CELL) * SCALE - 3, (y + CELL) * SCALE - 3),
                fill=_tint(colour, 0.75 * share),
                outline=INK if chosen else "#b0b0b0",
                width=6 if chosen else 2,
            )
            text(x + CELL / 2, y + 15, short)
            text(x + CELL / 2, y + 33, str(count), 13, True)
            text(x + CELL / 2, y + 51, f"{share:.0%}" if total else "–")
    return sheet


def _in_two_lines(name, width):
    """A class name as one or two lines of that many page pixels, broken at a space; cut where that is not enough."""
    words, first = name.split(), ""
    while words and drawing.shortened(f"{first} {words[0]}".strip(), width, 11) == f"{first} {words[0]}".strip():
        first = f"{first} {words.pop(0)}".strip()
    lines = [first, " ".join(words)] if first else [name]
    return [drawing.shortened(line, width, 11) for line in lines if line]


def _tint(colour, share):
    """A colour between white (share 0) and itself (share 1)."""
    return tuple(round(255 + share * (channel - 255)) for channel in ImageColor.getrgb(colour))


class Scores(Chart):
    """How the scores spread, of positives upward and of negatives downward."""

    def at(self, threshold: float) -> Image.Image:
        """The sheet with a line at the threshold, and what is called positive on its right."""
        sheet, pen = self.begin()
        _, top, _, bottom = self.boxes[0]
        x, _ = self.pixel(threshold, 0)
        pen.line((x, top - 12, x, bottom), fill=INK, width=4)
        pen.polygon((x - 10, top - 22, x + 10, top - 22, x, top - 6), fill=INK)
        return sheet


class Curves(Chart):
    """ROC and precision-recall curve."""

    def at(self, points: list[tuple[float, float]]) -> Image.Image:
        """The sheet with one point in each axes, and lines to where it is read off."""
        sheet, pen = self.begin()
        for number, (x, y) in enumerate(points):
            if np.isnan(x + y):
                continue
            left, _, _, bottom = self.boxes[number]
            across, down = self.pixel(x, y, number)
            pen.line((left, down, across, down), fill=GREY, width=2)
            pen.line((across, down, across, bottom), fill=GREY, width=2)
            dot(pen, across, down, ORANGE)
        return sheet


def scores_by_class(truth: np.ndarray, score: np.ndarray, name: str, rest: str) -> Scores:
    """The histogram of the scores, of positives upward and of negatives downward."""
    made = figure(PANEL, HEIGHT)
    axes = made.add_axes((0.12, 0.17, 0.83, 0.71))
    edges = np.linspace(0, 1, BINS + 1)
    # Shares of each class: the rarer one would vanish beside the other's counts.
    up, down = (np.histogram(score[which], edges)[0] / max(which.sum(), 1) for which in (truth, ~truth))
    axes.add_collection(_bars(edges, up, facecolor=BLUE))
    axes.add_collection(_bars(edges, -down, facecolor=ORANGE, hatch="////", edgecolor="white"))
    axes.axhline(0, color=INK, linewidth=0.8)
    tallest = 1.05 * max(up.max(), down.max())
    axes.set(xlim=(0, 1), ylim=(-tallest, tallest), yticks=[])
    _ticks(axes.set_xticks)
    axes.set_xlabel("score", fontsize=SMALL, labelpad=1)
    axes.tick_params(labelsize=SMALL)
    for place, words in ((0.75, name), (0.25, rest)):
        axes.text(
            -0.04,
            place,
            drawing.shortened(words, 84, 11),
            transform=axes.transAxes,
            fontsize=SMALL,
            rotation=90,
            ha="right",
            va="center",
        )
    return Scores.of(made, [axes])


def _bars(edges, heights, **look):
    """Bars as one collection: as a patch each, they take a third of the chart's time."""
    margin = 0.05 / BINS
    corners = zip(edges[:-1] + margin, edges[1:] - margin, heights)
    return PolyCollection([[(x0, 0), (x0, y), (x1, y), (x1, 0)] for x0, x1, y in corners], linewidth=0, **look)


def curves(truth: np.ndarray, score: np.ndarray, area: float, average: float) -> Curves:
    """ROC and precision-recall curve, with their areas in the titles."""
    from sklearn.metrics import precision_recall_curve, roc_curve  # most of a second: for these curves alone

    made = figure(2 * PANEL, HEIGHT)
    roc, pr = made.subplots(1, 2)
    made.subplots_adjust(left=0.115, right=0.98, bottom=0.17, top=0.88, wspace=0.4)
    false_positive, true_positive, _ = roc_curve(truth, score)
    precision, recall, _ = precision_recall_curve(truth, score)
    roc.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    roc.plot(false_positive, true_positive, color=BLUE, linewidth=1.5, clip_on=False)
    pr.plot([0, 1], [truth.mean()] * 2, ":", color=GREY, linewidth=1)
    pr.plot(recall, precision, color=BLUE, linewidth=1.5, clip_on=False)
    for axes, title, x, y in (
        (roc, f"ROC, AUC {area:.3f}", "false positive rate", "sensitivity"),
        (pr, f"PR, average {average:.3f}", "recall (sensitivity)", "precision"),
    ):
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.set_title(title, fontsize=8.5, pad=5)
        axes.set_xlabel(x, fontsize=SMALL, labelpad=1)
        axes.set_ylabel(y, fontsize=SMALL, labelpad=1)
        axes.tick_params(labelsize=SMALL)
        _ticks(axes.set_xticks)
        _ticks(axes.set_yticks)
    return Curves.of(made, (roc, pr))


def _ticks(place):
    place([0, 0.5, 1], ["0", "0.5", "1"])
