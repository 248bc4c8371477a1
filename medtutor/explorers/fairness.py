"""The fairness explorer: a threshold for each of two groups, and all that fairness is called, at once.

What is equal in one sense is unequal in another: where groups differ in prevalence, error rates and precision cannot
both be equal, whatever the thresholds. Here one of them is made equal, and the others are seen to part.
"""

import math

import numpy as np

from ..checks import instance, one_of
from ..data.groups import GROUPS, GroupedDataset
from ..errors import InputError
from ..metrics.gaps import gaps
from ..metrics.groups import measure_groups, precision_at
from ..training.run import Run
from ..widgets import MESSAGE, Buttons, Choice, Column, Explorer, Slider, derived, panel, sentences
from .cases import check_classes
from .fairness_parts import CRITERIA, Matcher, bars, precisions, rocs

LABELS = ("true", "as recorded")


def fairness(run: Run, grouped: GroupedDataset, split: str = "val") -> "FairnessExplorer":
    """The explorer of a run's decisions on two groups: a `FairnessExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of two classes, whose images have the data set's shape
    grouped  a `GroupedDataset`, such as `plant_groups` gives
    split    "train", "val" or "test": whose cases are looked at

    Raises `InputError` for a run of other tasks or images, for what is no grouped data set, an unknown split, and a
    split in which a group lacks a class.

    >>> import medtutor as mt
    >>> from medtutor import explorers
    >>> from medtutor.data import phantoms
    >>> from medtutor.data.groups import plant_groups
    >>> few = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 40, "val": 60, "test": 10})
    >>> run = mt.fit(mt.build("mlp", few), few, mt.Recipe(epochs=1), progress=False)
    >>> explorer = explorers.fairness(run, plant_groups(few))
    >>> explorer.threshold_b.value = 0.0  # everybody of group B is called ill
    >>> explorer.found["B"].sensitivity.value
    1.0
    """
    return FairnessExplorer(run, grouped, split)


class FairnessExplorer(Explorer):
    """A threshold for each group, and what follows.

    threshold_a, threshold_b    FloatSliders: a case of the group is called positive above it
    match                       Dropdown: what of group B is to be as in group A; its threshold is then put there
    labels                      ToggleButtons: the true ones, or those that were recorded
    prevalence_a, prevalence_b  FloatSliders: share of the group that is ill, among those seen in practice
    cost                        IntSlider: a missed case costs as much as so many false alarms

    found      {group: `GroupMetrics`} at the present thresholds
    precision  {group: at the present prevalence}
    expense    {group: cost of 1,000 patients, in false alarms}
    """

    heading, width = "Fair in which sense?", "900px"

    labels = Buttons("labels", list(LABELS), meaning="by which labels the groups are judged", label="9em")
    threshold_a = Slider(
        "threshold of A",
        0.0,
        1.0,
        0.01,
        start=0.5,
        meaning="a case of group A is called positive above it",
        readout_format=".2f",
        width="420px",
        label="9em",
    )
    match = Choice(
        "B as A in",
        ["nothing: by hand", *CRITERIA],
        start="threshold",
        meaning="the threshold of group B is put where this is most nearly as in group A",
        width="420px",
        label="9em",
    )
    prevalence_a = Slider(
        "prevalence in A",
        0.01,
        0.99,
        0.01,
        start=lambda self: self._observed[0],
        meaning="share of group A that is ill, among those seen in practice",
        readout_format=".2f",
        width="420px",
        label="9em",
    )
    prevalence_b = Slider(
        "prevalence in B",
        0.01,
        0.99,
        0.01,
        start=lambda self: self._observed[1],
        meaning="share of group B that is ill, among those seen in practice",
        readout_format=".2f",
        width="420px",
        label="9em",
    )
    threshold_b = Slider(
        "threshold of B",
        0.0,
        1.0,
        0.01,
        start=lambda self: self._matched,
        meaning="a case of group B is called positive above it",
        readout_format=".2f",
        width="420px",
        label="9em",
    )
    cost = Slider(
        "a miss costs",
        1,
        50,
        start=5,
        meaning="so many false alarms are as bad as one missed case",
        width="420px",
        label="9em",
    )

    def __init__(self, run, grouped, split="val"):
        self._scores, self._labels, self._groups = _predictions(run, grouped, split)
        self._rocs = {kind: rocs(labels, self._scores, self._groups) for kind, labels in self._labels.items()}
        self._phantom = grouped.dataset.is_phantom
        self._title = f"{run.model.name} on {grouped.title}, {split} split"
        self.call = f'fairness(run, grouped, "{split}")'
        super().__init__()

    # What follows from the controls ---------------------------------------------------------------

    @derived
    def _truth(self):
        return self._labels[self.labels.value]

    @derived
    def _observed(self):
        return [float(np.clip(self._truth[self._groups == group].mean(), 0.01, 0.99)) for group in (0, 1)]

    @derived
    def _matcher(self):
        return Matcher(self._truth, self._scores, self._groups)

    @derived
    def _matched(self):
        if self.match.value not in CRITERIA:
            return None
        return self._matcher.threshold(
            self.match.value, self.threshold_a.value, (self.prevalence_a.value, self.prevalence_b.value)
        )

    @derived
    def _thresholds(self):
        return {"A": self.threshold_a.value, "B": self.threshold_b.value}

    @derived
    def found(self):
        every = measure_groups(self._truth, self._scores, self._groups, self._thresholds, names=GROUPS, resamples=0)
        return {each.group: each for each in every}

    @derived
    def _gaps(self):
        return gaps(self._truth, self._scores, self._groups, self._thresholds, names=GROUPS, resamples=0)

    @derived
    def _prevalence(self):
        return {"A": self.prevalence_a.value, "B": self.prevalence_b.value}

    @derived
    def precision(self):
        return {
            group: precision_at(each.sensitivity.value, each.false_alarm.value, self._prevalence[group])
            for group, each in self.found.items()
        }

    @derived
    def _errors(self):
        """{group: (missed, false alarms)} of 1,000 patients in practice."""
        found = {}
        for group, each in self.found.items():
            ill = 1000 * self._prevalence[group]
            found[group] = (ill * (1 - each.sensitivity.value), (1000 - ill) * each.false_alarm.value)
        return found

    @derived
    def expense(self):
        return {group: self.cost.value * missed + alarms for group, (missed, alarms) in self._errors.items()}

    # Words ----------------------------------------------------------------------------------------

    def _first_line(self):
        return f"{self._title}. By labels {self.labels.value}."

    @sentences(as_blocks=True)
    def _who_pays(self):
        lines = []
        for group, (missed, alarms) in self._errors.items():
            lines.append(
                f"group {group} pays {self.expense[group]:.0f}: of 1,000 seen {missed:.0f} are missed, {alarms:.0f}"
                " alarmed for nothing"
            )
        return lines

    @sentences(read_out=True)
    def _verdict(self):
        gap = self._gaps
        odds = max(gap["sensitivity"].value, gap["false_alarm"].value)
        precise = abs(self.precision["A"] - self.precision["B"])
        apart = "no precision to compare" if math.isnan(precise) else f"precision {precise:.2f} apart"
        off = ", ".join(f"{group} {each.miscalibration.value:+.2f}" for group, each in self.found.items())
        costs = abs(np.subtract(*self.expense.values()))
        words = (
            f"Error rates at most {odds:.2f} apart, {apart}, costs {costs:.0f} apart. Calibration here (mean score"
            f" minus share of the ill): {off}."
        )
        if abs(self.prevalence_a.value - self.prevalence_b.value) > 0.05 and odds < 0.05:
            words += " Prevalences differ: with equal error rates precision cannot be equal."
        return words

    # Pictures -------------------------------------------------------------------------------------

    @derived
    def _plane(self):
        return precisions()

    @panel
    def _criteria(self):
        sheet = bars(self.found, self.precision)
        said = "; ".join(
            f"{name} {', '.join(f'{group} {value:.2f}' for group, value in values.items())}"
            for name, values in self._values.items()
        )
        return sheet, f"Bars of every criterion in group A and group B, with 95 % intervals: {said}."

    @property
    def _values(self):
        rows = {
            name: {group: getattr(each, key).value for group, each in self.found.items()}
            for name, key in CRITERIA.items()
            if key not in (None, "precision")
        }
        return rows | {"precision in practice": self.precision}

    @panel
    def _curves(self):
        points = {group: (each.false_alarm.value, each.sensitivity.value) for group, each in self.found.items()}
        said = ", ".join(f"{group} false alarms {x:.2f} and sensitivity {y:.2f}" for group, (x, y) in points.items())
        return self._rocs[self.labels.value].at(
            points
        ), f"ROC curves of both groups, with the points of their thresholds: {said}."

    @panel
    def _precision_shown(self):
        rates = {
            group: (each.sensitivity.value, each.false_alarm.value, self._prevalence[group])
            for group, each in self.found.items()
        }
        said = ", ".join(
            f"{group} {self.precision[group]:.2f} at a prevalence of {self._prevalence[group]:.2f}" for group in rates
        )
        return self._plane.at(rates), (
            f"Precision against prevalence, a curve for the error rates of each group, and its point: {said}."
        )

    layout = [
        labels,
        [Column("430px", threshold_a, match, threshold_b), Column("430px", prevalence_a, prevalence_b, cost)],
        MESSAGE,
        _verdict,
        _who_pays,
        _criteria,
        [_curves, _precision_shown],
    ]


def _predictions(run, grouped, split):
    """(scores (N,), {labels: (N,)}, groups (N,)); or an `InputError`."""
    instance("run", run, Run, "a Run, such as fit gives")
    instance("grouped", grouped, GroupedDataset, "a GroupedDataset, such as plant_groups gives")
    check_classes(run)
    one_of("split", split, grouped.groups)
    if run.card.task != "binary":
        raise InputError(
            f"this explorer is for two classes, but the run is {run.card.task}; use explorers.classification"
        )
    cases, groups = getattr(grouped.dataset, split), grouped.groups[split].numpy()
    labels = dict(zip(LABELS, (grouped.truth[split].numpy(), cases.labels.numpy())))
    for kind, of in labels.items():
        for number, name in enumerate(GROUPS):
            if len(set(of[groups == number].tolist())) < 2:
                raise InputError(
                    f"in the {split} split, by labels {kind}, group {name} has not both classes, so that half of its"
                    " rates do not exist; choose another split, or plant a larger group"
                )
    scores = run.predict(cases.images)[:, 1].double().numpy()
    if not np.isfinite(scores).all():
        raise InputError("the run's predictions hold NaN; train it again with a lower learning rate")
    return scores, labels, groups
