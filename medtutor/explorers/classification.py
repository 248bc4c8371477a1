"""The classification explorer: move the threshold, and see at once who is found, missed and alarmed for nothing.

A classifier gives scores; a decision needs a threshold, and every threshold
trades missed cases against false alarms. Here the confusion matrix, the scores
behind it, the points on both curves, the usual numbers and the images
themselves all follow one slider.
"""

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..metrics.decisions import counted, outcomes
from ..training.run import Run
from ..widgets import MESSAGE, Buttons, Choice, Explorer, Pages, Slider, Steps, derived, drawing, panel, sentences
from .cases import check_classes, check_has_predictions, check_no_sequences, has_labels_of, was_made_on
from .classification_panels import OUTCOMES, PANEL, curves, matrix, scores_by_class

CONFIDENT, CLOSEST, AS_STORED = "most confident first", "closest to the threshold first", "as stored"
PREVALENCES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

COLUMNS, ROWS, SIDE = 8, 2, 84  # of the images; page pixels


def classification(run: Run, dataset: Dataset, split: str = "val") -> "ClassificationExplorer":
    """The explorer of a run's decisions on one split: a `ClassificationExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a classification
    dataset  the `Dataset` that it was trained on
    split    "val" or "test"

    Where there are more than two classes or several labels, one class at a time
    is looked at, against the rest.

    Raises `InputError` where the run has no predictions of the split, where the
    data set is not the run's own, for sequences, and for runs whose answer is no class.

    >>> import medtutor as mt
    >>> few = mt.data.phantoms.draw(mt.data.card("breastmnist"), {"train": 20, "val": 8, "test": 8})
    >>> run = mt.fit(mt.build("mlp", few), few, mt.Recipe(epochs=1), progress=False)
    >>> shown = classification(run, few)
    >>> shown.threshold.value = 0.0  # every case is called positive
    >>> shown.counts.fn, shown.counts.tn
    (0, 0)
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
    listed      the indices of the cases that are shown, in the split
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

    def __init__(self, run, dataset, split="val"):
        self._labels, self._scores = checked_predictions(run, dataset, split)
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
        return scores_by_class(self._truth, self._score, self.name, self.rest)

    @derived
    def _plots(self):
        """Both curves with their areas; None where there is one class only."""
        from sklearn.metrics import average_precision_score, roc_auc_score  # most of a second: for this explorer alone

        if not self._truth.any() or self._truth.all():
            return None
        areas = roc_auc_score(self._truth, self._score), average_precision_score(self._truth, self._score)
        return curves(self._truth, self._score, *areas), *areas

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
        sheet = drawing.beside(matrix(c, self.name, self.rest, self.outcome.value), self._histogram.at(threshold))
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
            [f"{score:.3f}  #{case + 1}" for score, case in zip(scores, listed)],
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
        each = ", ".join(f"{case + 1} ({score:.3f})" for score, case in zip(scores, listed))
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


def checked_predictions(run, dataset, split):
    """Labels (N,) or (N, L) and scores (N, classes) as numpy; or an `InputError`."""
    if not isinstance(run, Run) or not isinstance(dataset, Dataset):
        raise InputError(
            f"classification takes a Run and its Dataset, not {type(run).__name__} and {type(dataset).__name__}"
        )
    card = run.card
    check_no_sequences(run)
    check_classes(run)
    check_has_predictions(run, split)
    if not was_made_on(run, dataset):
        raise InputError(
            f"the run was made on {card.name} ({run.provenance}, {card.size} pixels), not on this data set,"
            f" {dataset.card.name} ({dataset.provenance}, {dataset.card.size} pixels); give the run's own"
        )
    labels, scores = run.labels[split], run.predictions[split]
    if not has_labels_of(run, dataset, split):
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
