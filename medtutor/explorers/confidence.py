"""The confidence explorer, the trust explorer of lesson 11: what was calibrated here, does it hold there?

The cases that are looked at are always the same half of a split. What changes is where temperature and conformal
thresholds come from: from the other half, which is exchangeable with them, or from val, which need not be.
"""

import numpy as np
import torch
from scipy.special import entr

from ..data.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from ..data.dataset import Dataset
from ..explanation.familiar import features_of
from ..explanation.subject import Subject
from ..metrics.calibration import (
    BINNINGS,
    at_temperature,
    brier_score,
    error_if_calibrated,
    fit_temperature,
    overconfidence,
    reliability,
    said_and_true,
)
from ..metrics.conformal import SplitConformal, coverage
from ..metrics.decisions import counted, outcomes
from ..metrics.intervals import with_interval
from ..metrics.selective import at_prevalence, net_benefit, risk_coverage, treat_all
from ..training.run import Run
from ..training.uncertainty import disagreement, dropout_passes, has_dropout
from ..widgets import (
    MESSAGE,
    Background,
    Button,
    Buttons,
    Check,
    Choice,
    Explorer,
    Index,
    Slider,
    Steps,
    derived,
    drawing,
    on,
    panel,
    sentences,
    slow,
)
from .confidence_panels import axes, bars
from .confidence_parts import NEIGHBOURS, THRESHOLDS, check, half_of, log_probabilities, nearest_threshold, remembered

NONE = "none"
ON_VAL, ON_OTHER_HALF = "val", "the other half"
PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
PASSES = 20  # with dropout
SIDE = 112  # page pixels of an image


def confidence(run: Run, dataset: Dataset, split: str = "val") -> "ConfidenceExplorer":
    """The explorer of what confidence is worth: a `ConfidenceExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a classification of images, each of one class
    dataset  the `Dataset` that it was trained on
    split    "val" or "test": half of its cases are looked at; on the other half, or on val, is calibrated

    Raises `InputError` where the run has no predictions of the split or of val, where the data set is not the run's
    own, for volumes, sequences, several labels, and for fewer than two cases of a class.

    >>> import medtutor as mt
    >>> few = mt.data.phantoms.draw(mt.data.card("breastmnist"), {"train": 20, "val": 30, "test": 30})
    >>> run = mt.fit(mt.build("mlp", few), few, mt.Recipe(epochs=1), progress=False)
    >>> shown = confidence(run, few)
    >>> shown.asked.value = 0.5
    >>> shown.found.mean_size <= 2
    True
    """
    return ConfidenceExplorer(run, dataset, split)


class ConfidenceExplorer(Explorer):
    """Temperature, coverage, threshold, prevalence and corruption, and everything that follows from them.

    calibrated_on  ToggleButtons: where temperature and sets come from
    temperature    FloatSlider: logits are divided by it
    asked          FloatSlider: the coverage that is asked of the sets
    by_class       Checkbox: a threshold for each class
    corruption, severity  what is done to the images that are looked at
    positive, threshold, prevalence, corrected  of the decision
    number         which of the cases is looked at

    found          `Coverage` of the sets
    bins           `Reliability` of the confidence
    """

    heading = "How far can its confidence be trusted?"

    calibrated_on = Buttons(
        "calibrated on",
        lambda self: [ON_OTHER_HALF] if self._split == "val" else [ON_VAL, ON_OTHER_HALF],
        meaning="the cases from which temperature and sets come",
        label="8em",
    )
    temperature = Slider(
        "temperature",
        0.25,
        5.0,
        0.05,
        start=1.0,
        meaning="logits are divided by it: above 1 the model is less sure",
        readout_format=".2f",
        width="520px",
        label="8em",
    )
    fit_it = Button("fit it there", meaning="take the temperature that suits the calibration cases best")
    asked = Slider(
        "coverage asked",
        0.5,
        0.99,
        0.01,
        start=0.9,
        meaning="how often the set shall hold the true class",
        readout_format=".2f",
        width="520px",
        label="8em",
    )
    by_class = Check("each class on its own", meaning="one threshold for each class, from its own cases")
    corruption = Choice(
        "corruption",
        lambda self: [NONE, *CORRUPTIONS] if self._run.card.channels == 1 else [NONE],
        meaning="what is done to the images that are looked at",
        label="8em",
    )
    severity = Slider("severity", 1, SEVERITIES, start=3, meaning="how much of it", width="260px", label="5em")
    bin_count = Steps("bins", [5, 10, 15, 20, 30], start=10, meaning="of the reliability diagram", width="20em")
    binning = Choice(
        "binning", list(BINNINGS), meaning="bins of one width, or with as many cases in each", width="20em"
    )
    positive = Choice(
        "positive class",
        lambda self: [(name, number) for number, name in enumerate(self._run.card.classes)],
        start=lambda self: 1,
        meaning="the class that is treated",
        width="22em",
        label="8em",
    )
    threshold = Slider(
        "threshold",
        0.01,
        0.99,
        0.01,
        start=0.5,
        meaning="treated from this probability on",
        readout_format=".2f",
        width="520px",
        label="8em",
    )
    prevalence = Steps(
        "prevalence",
        [(f"{100 * share:g} %", share) for share in PREVALENCES],
        start=0.1,
        meaning="the share of the positive class where the model would be used",
        width="30em",
        label="8em",
    )
    corrected = Check("correct for it", meaning="correct the probabilities for this prevalence by Bayes' rule")
    number = Index("image", lambda self: len(self._truth), meaning="number among the cases looked at", label="8em")
    job = Background(always=False)

    def __init__(self, run, dataset, split="val"):
        check(run, dataset, split)
        self._run, self._dataset, self._split = run, dataset, split
        self._phantom = run.provenance == "phantom"
        half = half_of(run.labels[split])
        self._rows, other = np.flatnonzero(half), np.flatnonzero(~half)
        self._images = getattr(dataset, split).images[self._rows]
        self._truth = run.labels[split].numpy()[self._rows]
        said = log_probabilities(run.predictions[split])
        self._plain = said[self._rows]
        self._calibration = {ON_OTHER_HALF: (said[other], run.labels[split].numpy()[other])}
        if split != "val":
            self._calibration[ON_VAL] = log_probabilities(run.predictions["val"]), run.labels["val"].numpy()
        self._past, self._past_labels, self._known = remembered(run, dataset.train)
        self._title = f"{run.model.name} on {dataset.title}, half of the {split} split"
        self.call = f'confidence(run, dataset, "{split}")'
        super().__init__()

    @on(fit_it)
    def _fit(self):
        logits, labels = self._calibration[self.calibrated_on.value]
        self._set(self.temperature, value=min(max(fit_temperature(logits, labels), 0.25), 5.0))
        self._cells.changed(type(self).temperature)

    # What follows from the controls ---------------------------------------------------------

    @slow
    def _worse(self):
        """Log probabilities of the corrupted images."""
        kind, severity = self.corruption.value, self.severity.value
        if kind == NONE:
            return None

        def work(tell):
            images = torch.from_numpy(corrupted(self._images, kind, severity))
            parts = []
            for start in range(0, len(images), 64):
                tell(start / len(images), f"{kind}: image {start + 1} of {len(images)}")
                parts.append(self._run.predict(images[start : start + 64]))
            return images, log_probabilities(torch.cat(parts))

        return work

    @derived
    def _seen(self):
        """(images, log probabilities) of the cases that are looked at."""
        return (self._images, self._plain) if self._worse is None else self._worse

    @derived
    def _said(self):
        return at_temperature(self._seen[1], self.temperature.value)

    @derived
    def _conformal(self):
        logits, labels = self._calibration[self.calibrated_on.value]
        said = at_temperature(logits, self.temperature.value)
        return SplitConformal.fit(said, labels, self.asked.value, self.by_class.value)

    @derived
    def _sets(self):
        return self._conformal.sets(self._said)

    @derived
    def found(self):
        return coverage(self._sets, self._truth)

    @derived
    def _answers(self):
        return said_and_true(self._said, self._truth)

    @derived
    def bins(self):
        return reliability(*self._answers, self.bin_count.value, self.binning.value)

    @derived
    def _by_luck(self):
        return error_if_calibrated(self._answers[0], self.bin_count.value, self.binning.value, repeats=40)[1]

    @derived
    def _answered(self):
        """(share, share wrong) of the cases whose set holds one class, or None."""
        alone = self.found.size == 1
        return (alone.mean(), 1 - self.found.covered[alone].mean()) if alone.any() else None

    @derived
    def _of_positive(self):
        """Probabilities of the positive class, corrected where that is asked for."""
        said, (_, labels) = self._said[:, self.positive.value], self._calibration[self.calibrated_on.value]
        was = (labels == self.positive.value).mean()
        return at_prevalence(said, was, self.prevalence.value) if self.corrected.value else said

    @derived
    def _benefit(self):
        """Net benefit of the model and of treating all, as shares of the largest possible."""
        share = self.prevalence.value
        model = net_benefit(self._truth == self.positive.value, self._of_positive, THRESHOLDS, share)
        return model / share, treat_all(share, THRESHOLDS) / share

    # Words ----------------------------------------------------------------------------------

    def _first_line(self):
        return f"{self._title}, calibrated on {self.calibrated_on.value}, temperature {self.temperature.value:.2f}."

    @sentences(as_blocks=True)
    def _numbers(self):
        found, (said, true) = self.found, self._answers
        alone = "no set of one class" if self._answered is None else f"{self._answered[1]:.3f} of them wrong"
        return [
            f"accuracy {true.mean():.3f}: mean confidence {said.mean():.3f}",
            f"overconfidence {overconfidence(self._said, self._truth):+.3f}: confidence minus accuracy",
            f"ECE {self.bins.ece:.3f}: up to {self._by_luck:.3f} would be chance",
            f"Brier {brier_score(self._said, self._truth):.3f}: lower is better",
            f"coverage {with_interval(found.share, found.interval)}: asked {self.asked.value:.2f}",
            f"answered {found.single:.3f}: {alone}; {found.empty:.3f} empty",
        ]

    @sentences
    def _decision(self):
        share, name = self.prevalence.value, self._run.card.classes[self.positive.value]
        c = counted(
            outcomes(self._truth == self.positive.value, self._said[:, self.positive.value], self.threshold.value)
        )
        model, everybody = (each[nearest_threshold(self.threshold.value)] for each in self._benefit)
        best = max(("the model", model), ("treating all", everybody), ("treating nobody", 0.0), key=lambda of: of[1])[0]
        precision = c.precision_at(share)
        true = "nobody is treated" if np.isnan(precision) else f"of 1000 treated, {round(1000 * precision)} have it"
        return (
            f"Where {share:.0%} are {name}: sensitivity {c.sensitivity:.3f}, specificity {c.specificity:.3f}, {true}."
            f" Most net benefit at this threshold: {best}."
        )

    @sentences
    def _about(self):
        name, row = self._run.card.classes, self.number.value
        said = self._said[row]
        within = [name[number] for number in np.flatnonzero(self._sets[row])]
        spread = f" Passes with dropout disagree by {self._doubt:.3f} nats." if self._doubt is not None else ""
        return (
            f"True class {name[self._truth[row]]}. Set: {' or '.join(within) or 'empty, no class is likely enough'}."
            f" Confidence {said.max():.3f} in {name[int(said.argmax())]}, entropy {entr(said).sum():.3f} nats.{spread}"
        )

    @derived
    def _doubt(self):
        """How much passes with dropout disagree about this image; None without dropout."""
        if not has_dropout(self._run.model):
            return None
        image = self._seen[0][self.number.value]
        many = dropout_passes(self._run, image.expand(PASSES, *image.shape), passes=1)[0]
        return float(disagreement(many[:, None])[0])

    @derived
    def _near(self):
        """(numbers of the nearest training images, their distances), or None."""
        if self._known is None:
            return None
        image = self._seen[0][self.number.value][None]
        point = features_of(Subject.of(self._run), image, self._known.layer)
        away = (self._known.features - point).norm(dim=1)
        found = away.argsort()[:NEIGHBOURS]
        return found, away[found]

    # Pictures -------------------------------------------------------------------------------

    @panel
    def _curves(self):
        (model, everybody), (share, risk) = self._benefit, risk_coverage(*self._answers)
        sheet = axes(len(self._run.card.classes)).at(
            self.bins, (share, risk), self._answered, (THRESHOLDS, model), everybody, self.threshold.value
        )
        rows = zip(self.bins.said, self.bins.true, self.bins.count)
        told = "; ".join(f"said {said:.2f}, right {true:.2f} of {count}" for said, true, count in rows)
        at = nearest_threshold(self.threshold.value)
        return sheet, (
            f"Three charts. Reliability diagram: {told}; bins whose interval leaves out what was said are red."
            f" Risk against coverage: {risk[-1]:.3f} wrong where all are answered, {risk[(len(risk) - 1) // 2]:.3f} of"
            f" the surer half. Decision curve at threshold {self.threshold.value:.2f}: net benefit of the model"
            f" {model[at]:.2f} of the best possible, of treating all {everybody[at]:.2f}."
        )

    @panel
    def _bars(self):
        classes, found, asked = self._run.card.classes, self.found, self.asked.value
        each = "; ".join(f"{name} {share:.3f}" for name, share in zip(classes, found.by_class))
        return bars(found, self._truth, classes, asked), (
            f"Bars of the sets: {found.empty:.3f} are empty, {found.single:.3f} hold one class. The true class is in"
            f" {found.share:.3f} of them, asked for were {asked:.2f}; by class: {each}."
        )

    @panel
    def _image(self):
        row, names = self.number.value, self._run.card.classes
        shown, captions = [self._seen[0][row]], [f"looked at: {names[self._truth[row]]}"]
        if self._near is not None:
            for number, away in zip(*self._near):
                shown.append(self._past[number])
                captions.append(f"{names[int(self._past_labels[number])]}, {away:.2f}")
        sheet = drawing.tiles(
            drawing.flat(torch.stack(shown)),
            captions,
            title="The image, and the training images nearest to it in the network's features",
            columns=NEIGHBOURS + 1,
            rows=1,
            side=SIDE,
        )
        return sheet, f"Image {row + 1} of those looked at, and the nearest training images: {'; '.join(captions)}."

    layout = [
        calibrated_on,
        [temperature, fit_it],
        [asked, by_class],
        [corruption, severity],
        job,
        MESSAGE,
        _curves,
        _numbers,
        [bin_count, binning],
        "Sets of classes",
        _bars,
        "A decision",
        positive,
        threshold,
        [prevalence, corrected],
        _decision,
        "One image",
        number,
        _about,
        _image,
    ]
