"""The classification explorer: move the threshold, and see at once who is found, missed and alarmed for nothing.

A classifier gives scores; a decision needs a threshold, and every threshold
trades missed cases against false alarms. Here the confusion matrix, the scores
behind it, the points on both curves, the usual numbers and the images
themselves all follow one slider.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from PIL import ImageDraw
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from ..data.dataset import Dataset
from ..errors import InputError
from ..figures import BLUE, GREY, ORANGE, VERMILION
from ..training.run import Run
from ..widgets import MESSAGE, Buttons, Choice, Explorer, Pages, Slider, Steps, derived, drawing, panel, sentences
from .cases import check_classes

# outcome: (short name, colour of its frames). Right in blue, wrong in orange and red: Okabe & Ito.
OUTCOMES = {
    "true positive": ("TP", BLUE),
    "false positive": ("FP", ORANGE),
    "false negative": ("FN", VERMILION),
    "true negative": ("TN", "#56B4E9"),
}
CONFIDENT, CLOSEST, AS_STORED = "most confident first", "closest to the threshold first", "as stored"
PREVALENCES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

COLUMNS, ROWS, SIDE = 8, 2, 84  # of the images; page pixels
PANEL, HEIGHT = 195, 225  # page pixels of each of the four panels
BINS = 25


@dataclass(frozen=True)
class Counts:
    """A confusion matrix of one class against the rest, and what follows from it.

    A rate whose denominator is zero is NaN: nothing can be said.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def sensitivity(self):
        return _rate(self.tp, self.tp + self.fn)

    @property
    def specificity(self):
        return _rate(self.tn, self.tn + self.fp)

    @property
    def precision(self):
        return _rate(self.tp, self.tp + self.fp)

    @property
    def f1(self):
        return _rate(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self):
        return _rate(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    def precision_at(self, prevalence):
        """The precision (PPV) where another share of the cases is positive (Bayes)."""
        alarms = self.sensitivity * prevalence + (1 - self.specificity) * (1 - prevalence)
        return _rate(self.sensitivity * prevalence, alarms)


def _rate(part, whole):
    return part / whole if whole else float("nan")


def outcomes(truth, scores, threshold):
    """{outcome: bool (N,)}; a case is called positive where its score is above the threshold.

    truth   bool (N,)
    scores  (N,), 0…1

    Raises `InputError` for a truth that is not bool, and for scores of other cases or that are not finite.
    """
    if (
        not np.issubdtype(getattr(truth, "dtype", None), np.bool_)
        or np.shape(truth) != np.shape(scores)
        or not np.isfinite(scores).all()
    ):
        raise InputError(
            f"truth has shape {np.shape(truth)}, scores {np.shape(scores)}; give bools, such as labels == 1, and a"
            " finite score for each"
        )
    called = scores > threshold
    return {
        "true positive": truth & called,
        "false positive": ~truth & called,
        "false negative": truth & ~called,
        "true negative": ~truth & ~called,
    }


def counted(found):
    """The `Counts` of `outcomes`."""
    return Counts(*(int(found[name].sum()) for name in OUTCOMES))


def classification(run, dataset, split="test"):
    """The explorer of a run's decisions on one split: a `ClassificationExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a classification
    dataset  the `Dataset` that it was trained on
    split    "val" or "test"

    Where there are more than two classes or several labels, one class at a time
    is looked at, against the rest.

    Raises `InputError` where the run has no predictions of the split, where the
    data set is not the run's own, for sequences, and for runs whose answer is no class.
    """
    return ClassificationExplorer(run, dataset, split)


class ClassificationExplorer(Explorer):
    """A threshold, and everything that follows from it.

    positive    Dropdown: the class that counts as positive, by its number
    threshold   FloatSlider 0…1: a case is called positive above it
    outcome     ToggleButtons: whose images are shown
    order       Dropdown: in which order
    prevalence  SelectionSlider: the share of positives among those seen in practice
    pages       `Pages` of the images

    counts      `Counts` at the present threshold
    listed      the numbers of the cases that are shown, in the split
    """

    heading = "Where to put the threshold?"

    positive = Choice(
        "positive class",
        lambda self: [(name, number) for number, name in enumerate(self._run.card.classes)],
        start=lambda self: 1 if self._run.card.task == "binary" else 0,
        meaning="the class that counts as positive, against all others",
        width="22em",
        label="8em",
    )
    threshold = Slider(
        "threshold",
        0.0,
        1.0,
        0.01,
        start=0.5,
        meaning="a case is called positive where its score is above",
        readout_format=".2f",
        width="780px",
        label="8em",
    )
    prevalence = Steps(
        "prevalence",
        [(f"{100 * share:g} %", share) for share in PREVALENCES],
        start=0.01,
        meaning="the share of positives among those seen in practice",
        width="30em",
        label="8em",
    )
    outcome = Buttons(
        "show", list(OUTCOMES), start="false negative", meaning="whose images are shown below", label="8em"
    )
    order = Choice(
        "order", [CONFIDENT, CLOSEST, AS_STORED], meaning="which of these images come first", width="24em", label="8em"
    )

    def __init__(self, run, dataset, split="test"):
        self._labels, self._scores = _predictions(run, dataset, split)
        self._run, self._split = run, split
        self._phantom = run.provenance == "phantom"
        self._images = getattr(dataset, split).images
        self._title = f"{run.model.name} on {dataset.title}, {split} split"
        self.call = f'classification(run, dataset, "{split}")'
        super().__init__()

    @property
    def name(self):
        """The name of the positive class."""
        return self._run.card.classes[self.positive.value]

    @property
    def rest(self):
        """What a case is that is not of the positive class."""
        card = self._run.card
        return card.classes[1 - self.positive.value] if card.task == "binary" else f"not {self.name}"

    # What follows from the controls ---------------------------------------------------------

    @derived
    def _truth(self):
        column, labels = self.positive.value, self._labels
        return labels[:, column] == 1 if labels.ndim == 2 else labels == column

    @derived
    def _score(self):
        return self._scores[:, self.positive.value]

    @derived
    def _histogram(self):
        return _histogram(self._truth, self._score, self.name, self.rest)

    @derived
    def _plots(self):
        """Both curves with their areas; None where there is one class only."""
        if not self._truth.any() or self._truth.all():
            return None
        areas = roc_auc_score(self._truth, self._score), average_precision_score(self._truth, self._score)
        return _plots(self._truth, self._score, *areas), *areas

    @derived
    def _found(self):
        return outcomes(self._truth, self._score, self.threshold.value)

    @derived
    def counts(self):
        return counted(self._found)

    @derived
    def _cases(self):
        """The cases of the chosen outcome, in order."""
        cases = np.flatnonzero(self._found[self.outcome.value])
        scores = self._score[cases]
        if self.order.value == CONFIDENT:
            called = self.outcome.value.endswith("positive")
            cases = cases[np.argsort(-scores if called else scores, kind="stable")]
        elif self.order.value == CLOSEST:
            cases = cases[np.argsort(np.abs(scores - self.threshold.value), kind="stable")]
        return cases

    pages = Pages(COLUMNS * ROWS, _cases, meaning="of the images below")

    @derived
    def listed(self):
        return self._cases[self.pages.shown]

    # Words ----------------------------------------------------------------------------------

    def _first_line(self):
        return f"{self._title}. Threshold {self.threshold.value:.2f}."

    @sentences(read_out=True)
    def _note(self):
        if self._plots is not None:
            return []
        only = self.name if self._truth.any() else self.rest
        return (
            f"In the {self._split} split every case is {only}: there is no one to tell apart, so no curve and no AUC;"
            " choose another class or split."
        )

    @sentences(as_blocks=True)
    def _numbers(self):
        """The five numbers, each with what it counts."""
        c, name, rest = self.counts, self.name, self.rest
        return [
            f"sensitivity {_number(c.sensitivity)}: {c.tp} of {c.tp + c.fn} {name} found",
            f"specificity {_number(c.specificity)}: {c.tn} of {c.tn + c.fp} {rest} left alone",
            f"precision {_number(c.precision)}: {c.tp} of {c.tp + c.fp} alarms true",
            f"F1 {_number(c.f1)}: sensitivity and precision",
            f"accuracy {_number(c.accuracy)}: {c.tp + c.tn} of {len(self._truth)} right",
        ]

    @sentences
    def _elsewhere(self):
        share, here = self.prevalence.value, self._truth.mean()
        precision = self.counts.precision_at(share)
        if np.isnan(precision):
            return (
                f"No precision, whatever the prevalence: nothing is called {self.name} here, or the split has one class"
                " only."
            )
        return (
            f"If {100 * share:g} % of all seen were {self.name} (here it is {here:.0%}), precision (PPV) would be"
            f" {precision:.3f}: of 1000 called {self.name}, {round(1000 * precision)} are."
        )

    # Pictures -------------------------------------------------------------------------------

    @panel
    def _matrix(self):
        threshold, c = self.threshold.value, self.counts
        sheet = drawing.beside(_matrix(c, self.name, self.rest, self.outcome.value), self._histogram.at(threshold))
        return sheet, (
            f"Confusion matrix at threshold {threshold:.2f}: of {c.tp + c.fn} {self.name}, {c.tp} are called so (true"
            f" positives) and {c.fn} missed (false negatives); of {c.tn + c.fp} {self.rest}, {c.tn} are left alone"
            f" (true negatives) and {c.fp} called {self.name} (false positives). Beside it the histogram of the scores,"
            f" {self.name} upward and {self.rest} downward, with a line at the threshold."
        )

    @panel
    def _curves(self):
        return self._draw_curves()

    def _draw_curves(self):
        c = self.counts
        if self._plots is None:
            words = "No curves: every case has the same label."
            return drawing.written([words], 2 * PANEL), words
        plots, area, average = self._plots
        nothing = "and no precision, since nothing is called positive"
        precise = nothing if np.isnan(c.precision) else f"and precision {c.precision:.3f}"
        return plots.at([(1 - c.specificity, c.sensitivity), (c.sensitivity, c.precision)]), (
            f"Two curves with the point of threshold {self.threshold.value:.2f}. ROC curve, area {area:.3f}:"
            f" at the point sensitivity is {c.sensitivity:.3f} and the false positive rate {1 - c.specificity:.3f}."
            f" Precision-recall curve, average precision {average:.3f}: at the point recall is"
            f" {c.sensitivity:.3f} {precise}."
        )

    @panel
    def _shown(self):
        listed, outcome, threshold = self.listed, self.outcome.value, self.threshold.value
        scores = self._score[listed]
        sheet = drawing.tiles(
            drawing.flat(self._images[listed]),
            [f"{score:.3f}  #{case}" for score, case in zip(scores, listed)],
            title=f"{outcome}s, {self.order.value}: {self.pages.place}. Below each: score, number in the split",
            columns=COLUMNS,
            rows=ROWS,
            side=SIDE,
            colour=OUTCOMES[outcome][1],
            empty=f"no {outcome} at threshold {threshold:.2f}",
        )
        if not len(listed):
            return sheet, f"No image: there is no {outcome} at threshold {threshold:.2f}."
        slices = ", middle slices of volumes" if self._run.card.dims == 3 else ""
        each = ", ".join(f"{case} ({score:.3f})" for score, case in zip(scores, listed))
        return sheet, (
            f"Images{slices} of {outcome}s at threshold {threshold:.2f}, {self.order.value}, {self.pages.place}."
            f" Case numbers with scores: {each}."
        )

    layout = [
        positive,
        threshold,
        MESSAGE,
        _note,
        [_matrix, _curves],
        _numbers,
        [prevalence, _elsewhere],
        "The images behind the counts",
        outcome,
        [order, pages],
        _shown,
    ]


def _predictions(run, dataset, split):
    """Labels (N,) or (N, L) and scores (N, classes) as numpy; or an `InputError`."""
    if not isinstance(run, Run) or not isinstance(dataset, Dataset):
        raise InputError(
            f"classification takes a Run and its Dataset, not {type(run).__name__} and {type(dataset).__name__}"
        )
    card = run.card
    if card.frames:
        raise InputError(
            "this explorer shows single images and volumes, but the run is about sequences; use explorers.sequence(run,"
            " dataset)"
        )
    check_classes(run)
    if split not in run.predictions:
        read = " or ".join(map(repr, run.predictions)) or "none yet"
        raise InputError(
            f"the run has no predictions for the {split} split (it has {read}); finish it with fit(…, resume=…), or"
            " name another split"
        )
    same = all(
        getattr(card, what) == getattr(dataset.card, what)
        for what in ("name", "task", "classes", "channels", "shape", "frames")
    )
    if not same or run.provenance != dataset.provenance:
        raise InputError(
            f"the run was made on {card.name} ({run.provenance}, {card.size} pixels), not on this data set,"
            f" {dataset.card.name} ({dataset.provenance}, {dataset.card.size} pixels); give the run's own"
        )
    labels, scores, own = run.labels[split], run.predictions[split], getattr(dataset, split).labels
    if labels.shape != own.shape or not bool((labels == own).all()):
        raise InputError(
            f"the {split} labels of the run and of this {card.name} differ; give the data set that the run was made on"
        )
    if scores.ndim != 2 or scores.shape[1] != len(card.classes):
        raise InputError(
            f"the run's predictions have shape {tuple(scores.shape)}, not (cases, classes); this explorer is for"
            " classification"
        )
    if not bool(scores.isfinite().all()):
        raise InputError(
            "the run's predictions hold NaN, so no threshold divides them; train it again with a lower learning rate"
        )
    return labels.numpy(), scores.double().numpy()


def _number(value):
    return "–" if np.isnan(value) else f"{value:.3f}"


# The panels -----------------------------------------------------------------------------------


def _matrix(counts, name, rest, marked):
    """The confusion matrix as a sheet: rows are labels, columns what the model says."""
    cell, left, top = 62, 66, 56
    sheet = drawing.blank(PANEL, HEIGHT)
    pen, scale = ImageDraw.Draw(sheet), drawing.SCALE

    def text(x, y, words, size=11, bold=False, colour=drawing.INK):
        pen.text((x * scale, y * scale), words, colour, drawing.font(size, bold), anchor="mm")

    text(left + cell, 14, "the model says", 11, True)
    text(left / 2, top - 10, "the label", 11, True)
    rows = [(rest, counts.tn + counts.fp), (name, counts.fn + counts.tp)]
    cells = [["true negative", "false positive"], ["false negative", "true positive"]]
    for i, (label, total) in enumerate(rows):
        words = _in_two_lines(label, cell)
        middle = top + (i + 0.5) * cell
        for number, line in enumerate(words):
            text(left + (i + 0.5) * cell, top - 10 - 12 * (len(words) - 1 - number), line, 10)
            text(left / 2, middle - 7 - 12 * (len(words) - 1 - number), line, 10)
        text(left / 2, middle + 7, str(total), 10, colour=drawing.FAINT)
        for j, outcome in enumerate(cells[i]):
            short, colour = OUTCOMES[outcome]
            count = getattr(counts, short.lower())
            share = count / total if total else 0
            x, y = left + j * cell, top + i * cell
            frame = (x * scale + 2, y * scale + 2, (x + cell) * scale - 3, (y + cell) * scale - 3)
            chosen = outcome == marked
            pen.rectangle(
                frame,
                fill=_tint(colour, 0.75 * share),
                outline=drawing.INK if chosen else "#b0b0b0",
                width=6 if chosen else 2,
            )
            text(x + cell / 2, y + 14, short, 10, colour=drawing.INK)
            text(x + cell / 2, y + 31, str(count), 13, True)
            text(x + cell / 2, y + 48, f"{share:.0%}" if total else "–", 10)
    return sheet


def _in_two_lines(name, width):
    """A class name as one or two lines of that many page pixels, broken at a space; cut where that is not enough."""
    words, first = name.split(), ""
    while words and drawing.shortened(f"{first} {words[0]}".strip(), width, 10) == f"{first} {words[0]}".strip():
        first = f"{first} {words.pop(0)}".strip()
    lines = [first, " ".join(words)] if first else [name]
    return [drawing.shortened(line, width, 10) for line in lines if line]


def _tint(colour, share):
    """A colour between white (share 0) and itself (share 1)."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return tuple(round(255 + share * (channel - 255)) for channel in channels)


@dataclass(frozen=True)
class _Plots:
    """Axes drawn once, on which marks move.

    sheet  the drawn axes; never changed
    axes   for each, the pixels of its corners: (left, top, right, bottom)
    """

    sheet: object
    axes: tuple

    def pixel(self, number, x, y):
        """Where the point (x, y), both 0…1, of an axes lies on the sheet."""
        left, top, right, bottom = self.axes[number]
        return left + x * (right - left), bottom + y * (top - bottom)


class _Curves(_Plots):
    def at(self, points):
        """The sheet with one point in each axes, and lines to where it is read off."""
        sheet = self.sheet.copy()
        pen = ImageDraw.Draw(sheet)
        for number, (x, y) in enumerate(points):
            if np.isnan(x + y):
                continue
            left, _, _, bottom = self.axes[number]
            px, py = self.pixel(number, x, y)
            pen.line((left, py, px, py), fill=GREY, width=2)
            pen.line((px, py, px, bottom), fill=GREY, width=2)
            pen.ellipse((px - 11, py - 11, px + 11, py + 11), fill=ORANGE, outline=drawing.INK, width=2)
        return sheet


class _Scores(_Plots):
    def at(self, threshold):
        """The sheet with a line at the threshold, and what is called positive on its right."""
        sheet = self.sheet.copy()
        pen = ImageDraw.Draw(sheet)
        _, top, _, bottom = self.axes[0]
        x, _ = self.pixel(0, threshold, 0)
        pen.line((x, top - 12, x, bottom), fill=drawing.INK, width=4)
        pen.polygon((x - 10, top - 22, x + 10, top - 22, x, top - 6), fill=drawing.INK)
        return sheet


def _figure(panels):
    dpi = 100
    figure = Figure(figsize=(panels * PANEL / dpi, HEIGHT / dpi), dpi=dpi * drawing.SCALE)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for ax in axes:
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _corners(figure, axes):
    """Pixels (left, top, right, bottom) of the unit square of each axes, once it is drawn."""
    height = figure.bbox.height
    corners = []
    for ax in axes:
        box = ax.get_window_extent()
        corners.append((box.x0, height - box.y1, box.x1, height - box.y0))
    return tuple(corners)


def _histogram(truth, score, name, rest):
    """How the scores spread, of positives upward and of negatives downward, as `_Scores`."""
    figure, (ax,) = _figure(1)
    figure.subplots_adjust(left=0.12, right=0.95, bottom=0.17, top=0.88)
    edges = np.linspace(0, 1, BINS + 1)
    # Shares of each class: the rarer one would vanish beside the other's counts.
    up, down = (np.histogram(score[which], edges)[0] / max(which.sum(), 1) for which in (truth, ~truth))
    centres, width = (edges[1:] + edges[:-1]) / 2, 0.9 / BINS
    ax.bar(centres, up, width, color=BLUE)
    ax.bar(centres, -down, width, color=ORANGE, hatch="////", edgecolor="white", linewidth=0)
    ax.axhline(0, color=drawing.INK, linewidth=0.8)
    tallest = 1.05 * max(up.max(), down.max())
    ax.set(xlim=(0, 1), ylim=(-tallest, tallest), yticks=[])
    ax.set_xlabel("score", fontsize=8, labelpad=1)
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    for place, words in ((0.75, name), (0.25, rest)):
        words = drawing.shortened(words, 80, 10)
        ax.text(-0.04, place, words, transform=ax.transAxes, fontsize=7.5, rotation=90, ha="right", va="center")
    sheet = drawing.background(figure)
    return _Scores(sheet, _corners(figure, [ax]))


def _plots(truth, score, area, average):
    """ROC and precision-recall curve as `_Curves`."""
    figure, (roc, pr) = _figure(2)
    figure.subplots_adjust(left=0.105, right=0.98, bottom=0.17, top=0.88, wspace=0.36)
    false_positive, true_positive, _ = roc_curve(truth, score)
    precision, recall, _ = precision_recall_curve(truth, score)
    roc.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    roc.plot(false_positive, true_positive, color=BLUE, linewidth=1.5, clip_on=False)
    pr.plot([0, 1], [truth.mean()] * 2, ":", color=GREY, linewidth=1)
    pr.plot(recall, precision, color=BLUE, linewidth=1.5, clip_on=False)
    titles = (f"ROC, AUC {area:.3f}", f"PR, average {average:.3f}")
    labels = (("false positive rate", "sensitivity"), ("recall (sensitivity)", "precision"))
    for ax, title, (x, y) in zip((roc, pr), titles, labels):
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.set_title(title, fontsize=8.5, pad=5)
        ax.set_xlabel(x, fontsize=8, labelpad=1)
        ax.set_ylabel(y, fontsize=8, labelpad=1)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    return _Curves(drawing.background(figure), _corners(figure, (roc, pr)))
