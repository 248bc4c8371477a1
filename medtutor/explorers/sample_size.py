"""The sample-size explorer: what a comparison of two models on so many test cases will look like, and how often it
fools you; beside it the learning curves that stand in the evidence.
"""

from collections.abc import Sequence

from ..checks import items
from ..errors import InputError, shown
from ..metrics.power import outlook
from ..review import Curve, stored_curves
from ..widgets import Choice, Column, Explorer, Slider, Steps, derived, panel, sentences
from . import sample_size_panels as panels

CASES = (50, 75, 100, 156, 200, 300, 450, 624, 900, 1300, 2000, 3000, 4500, 7180, 10_000)
SETS = {"BreastMNIST": 156, "PneumoniaMNIST": 624, "PathMNIST": 7180}  # test images
CLAIMS = ("data-availability-limits", "transfer-helps", "augmentation-helps", "dropout-helps")


def sample_size(curves: Sequence[Curve] | dict[str, Curve] | None = None) -> "SampleSizeExplorer":
    """The explorer of what a test set can show: cases, classes, seeds and a true difference, and what is seen of it.

    curves  learning curves to show beside it; those in the evidence of the claims about few labels when left out, ()
            for none

    Raises `InputError` for what are no curves.

    >>> explorer = sample_size(())
    >>> explorer.cases.value = 156
    >>> explorer.found.seen < explorer.found.nothing  # of two models that are 0.02 apart
    True
    """
    return SampleSizeExplorer(curves)


class SampleSizeExplorer(Explorer):
    """Two models, one truly better, compared again and again on test sets of a size, with trainings of a number.

    cases       SelectionSlider: test cases
    share       FloatSlider: of class 1 among them
    classes     IntSlider: with more than two, each is as large, and the AUC is a mean over them
    auc         FloatSlider: of the weaker model
    difference  FloatSlider: the true one
    correlation FloatSlider: of the AUC of both models, over test sets
    seeds, spread  sliders: trainings of each model, and how far they are apart
    curve       Dropdown: which stored curve is shown

    found       the `Outlook`
    """

    heading, width = "What can so many test cases show?", "800px"

    cases = Steps(
        "test cases",
        [(f"{n:,}", n) for n in CASES],
        start=624,
        meaning="how many test images both models are asked about",
        label="9em",
        width="360px",
    )
    classes = Slider(
        "classes",
        2,
        11,
        start=2,
        meaning="with more than two the AUC is a mean over classes",
        label="9em",
        width="360px",
    )
    share = Slider(
        "share of class 1",
        0.05,
        0.95,
        0.01,
        start=0.62,
        meaning="of the test cases; 0.62 in PneumoniaMNIST",
        visible=lambda self: self.classes.value == 2,
        label="9em",
        width="360px",
    )
    auc = Slider(
        "AUC of weaker",
        0.55,
        0.98,
        0.01,
        start=0.93,
        meaning="of the weaker of both models",
        label="9em",
        width="360px",
    )
    difference = Slider(
        "true difference",
        0.0,
        lambda self: min(0.2, round(1 - self.auc.value, 9)),
        0.005,
        start=0.02,
        meaning="by how much the AUC of the better model is truly higher; 0: they are alike",
        label="9em",
        width="360px",
    )
    correlation = Slider(
        "shared errors",
        0.0,
        0.95,
        0.05,
        start=0.5,
        meaning="correlation of both AUC over test sets: models that err on the same cases are easier to compare",
        label="9em",
        width="360px",
    )
    seeds = Slider("trainings", 1, 10, start=1, meaning="how often each model was trained", label="9em", width="360px")
    spread = Slider(
        "spread of AUC",
        0.0,
        0.03,
        0.001,
        start=0.006,
        meaning="standard deviation of one model's AUC from one training to the next",
        readout_format=".3f",
        label="9em",
        width="360px",
    )
    curve = Choice(
        "curve",
        lambda self: [(words, number) for number, (words, _) in enumerate(self._curves)] or [("none", 0)],
        meaning="a curve that was measured, with its intervals",
        visible=lambda self: bool(self._curves),
        width="34em",
        label="6em",
    )

    def __init__(self, curves=None):
        self._curves = _listed(curves)
        self.call = "sample_size()" if curves is None else "sample_size(curves)"
        super().__init__()

    @property
    def _counts(self):
        """(cases of class 1, of all others) of a number of test cases."""
        share = self.share.value if self.classes.value == 2 else 1 / self.classes.value

        def counts(cases):
            positives = min(max(round(share * cases), 1), cases - 1)
            return positives, cases - positives

        return counts

    def _outlook(self, cases, difference):
        return outlook(
            difference,
            self.auc.value,
            *self._counts(cases),
            correlation=self.correlation.value,
            classes=self.classes.value,
            seeds=self.seeds.value,
            spread=self.spread.value,
        )

    @derived
    def found(self):
        return self._outlook(self.cases.value, self._difference)

    @property
    def _difference(self):
        return min(self.difference.value, 1 - self.auc.value)

    @derived
    def _smallest(self):
        """{cases: smallest difference that is seen, or None}, whatever the true one."""
        return {cases: self._outlook(cases, 0.0).smallest for cases in CASES}

    # Words and pictures -------------------------------------------------------------------------

    @property
    def _names(self):
        if self._difference == 0:
            return {"seen": "the second better: false", "nothing": "nothing: right", "wrong": "the first better: false"}
        return {"seen": "the better one found", "nothing": "nothing seen", "wrong": "the worse one preferred"}

    @panel
    def _intervals_shown(self):
        found = self.found
        kinds = [panels.kind_of(low, high) for low, _, high in found.examples]
        alt = (
            f"{len(kinds)} simulated comparisons of two models, true difference {found.difference:.3f}: the interval"
            f" lies above 0 in {kinds.count('seen')}, holds 0 in {kinds.count('nothing')}, lies below 0 in"
            f" {kinds.count('wrong')}."
        )
        return panels.intervals(found), alt

    @panel
    def _shares_shown(self):
        found, names = self.found, self._names
        alt = "; ".join(f"{words}: {panels.percent(getattr(found, kind))}" for kind, words in names.items())
        return panels.shares(found, names), f"Of all repetitions. {alt}."

    @panel
    def _detectable_shown(self):
        smallest = self._smallest
        marks = {name: (cases, smallest[cases]) for name, cases in SETS.items()}
        chosen = self.cases.value, smallest[self.cases.value]
        told = "; ".join(f"{name}, {cases:,} test images: {_told(value)}" for name, (cases, value) in marks.items())
        alt = f"Smallest difference of two AUC that is seen in four of five repetitions, over test cases. {told}."
        return panels.detectable(list(smallest.items()), marks, chosen, self._difference), alt

    @panel
    def _curve_shown(self):
        if not self._curves:
            return None
        words, curve = self._curves[self.curve.value]
        points = "; ".join(
            f"{x}: {value:.3f} ({low:.3f} to {high:.3f})"
            for x, value, low, high in zip(curve.x, curve.value, curve.low, curve.high)
        )
        return panels.learned(curve), f"{words}: {curve.y_label}, with 95 % intervals. {points}."

    @sentences(read_out=True)
    def _in_words(self):
        found = self.found
        low, high = found.interval
        fooled = found.seen + found.wrong if found.difference == 0 else 1 - found.seen
        lines = [
            f"What you would see: a difference between {low:+.3f} and {high:+.3f} in 95 of 100 repetitions; the"
            f" usual interval reaches {found.half_width:.3f} to either side of it.",
            (
                f"How often you would be fooled: {panels.percent(fooled)}, a difference where there is none."
                if found.difference == 0
                else f"How often you would miss it, or be fooled: {panels.percent(fooled)}; in"
                f" {panels.percent(found.wrong_order)} the worse model even has the higher AUC."
            ),
            f"Smallest difference that is seen in four of five repetitions: {_told(found.smallest)}.",
        ]
        if self.seeds.value == 1 and found.of_seeds > 0.05:
            lines.append(
                f"One training each: {panels.percent(found.of_seeds)} of what varies comes from the trainings, and the"
                " interval does not know of it."
            )
        return lines

    @sentences
    def _about_curve(self):
        if not self._curves:
            return []
        return [f"The intervals of this curve are over {self._curves[self.curve.value][1].over}."]

    layout = [
        [cases, classes],
        [share, auc],
        [difference, correlation],
        [seeds, spread],
        _in_words,
        [Column("366px", _intervals_shown), Column("366px", _shares_shown, _detectable_shown)],
        "Learning curves that were measured",
        curve,
        _curve_shown,
        _about_curve,
    ]


def _told(value):
    return "none is" if value is None else f"{value:.3f}"


def _listed(curves):
    """[(words, curve), …]: those that are given, or those of the evidence."""
    if curves is None:
        return [
            (f"{name} ({claim_id})", curve) for claim_id in CLAIMS for name, curve in stored_curves(claim_id).items()
        ]
    given = items(list(curves.values()) if isinstance(curves, dict) else curves)
    if given is None or not all(isinstance(curve, Curve) and len(curve.x) for curve in given):
        raise InputError(
            f"curves are {shown(curves)}; give a list of Curve, such as stored_curves(claim).values(), or leave it out"
        )
    return [(curve.name, curve) for curve in given]
