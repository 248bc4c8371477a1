"""Claims about simulated trainings, whose truth is known: the answer is the right one, and intervals hold the truth."""

from dataclasses import replace
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from medtutor.metrics.intervals import over_seeds_and_cases
from medtutor.review import Claim, Evidence, Rule, verdict
from medtutor.review.cases import Cases, PerCase
from medtutor.review.evidence import Contrast

TOOL = Path(__file__).parents[2] / "tools" / "simulate_intervals.py"
spec = spec_from_file_location(TOOL.stem, TOOL)
simulate_intervals = module_from_spec(spec)
spec.loader.exec_module(simulate_intervals)

REPETITIONS = 100
# The designs of the course: test sets of 624 and 156 images, twelve volumes of ten people; five seeds.
DESIGNS = {
    "AUC": [
        simulate_intervals.Scores(624, auc=0.85, spread=0.004),
        simulate_intervals.Scores(156, ill=0.73, auc=0.6, spread=0.01),
        simulate_intervals.Scores(156, ill=0.5, auc=0.6, spread=0.02, hard=0.5),
    ],
    "Dice": [simulate_intervals.Masks(), simulate_intervals.Masks(spread=0.008)],
}
EVERY = [(unit, design) for unit, designs in DESIGNS.items() for design in designs]


def noise_of(design, rng):
    """The standard error that the design has, from twelve pilots, as `trial plan` takes it from earlier evidence."""
    errors = []
    for _ in range(12):
        first, second, statistic, subjects = design.drawn(rng)
        errors.append(over_seeds_and_cases(first, second, statistic, subjects=subjects).error)
    return float(np.mean(errors))


def judged(unit, margin, design, rng):
    """The verdict on a claim whose evidence is drawn from the design."""
    first, second, statistic, subjects = design.drawn(rng)
    labels = getattr(statistic, "labels", None)
    kind = "mean" if unit == "Dice" else "AUC"
    arms = [[PerCase.of(kind, training, labels, subjects) for training in arm] for arm in (first, second)]
    contrast = Contrast(
        "one against other",
        ("one", "other"),
        *(tuple(round(each.number, 6) for each in arm) for arm in arms),
        cases=Cases.of(*arms),
    )
    rule = Rule("above", unit, margin, "one against other")
    claim = Claim(
        "simulated", "n", "p", "a", "p", "m", rule, date(2026, 11, 29), (0, 1, 2, 3, 4), "l", "c", "t", {"epochs": {}}
    )
    data = {"d": {"provenance": "medmnist", "train": 1, "val": 1, "test": 1}}
    evidence = Evidence("simulated", claim.registered, claim.seeds, (contrast,), [], data, {}, "cpu", 1, 1.0)
    evidence.check()
    return verdict(claim, evidence)


def test_a_true_effect_none_and_one_at_the_margin_are_answered_rightly():
    """Of designs that can tell: the margin is four and a half standard errors, the true effect twice the margin."""
    rng = np.random.default_rng(2026)
    noise = [noise_of(design, rng) for _, design in EVERY]
    told = {"effect": [], "none": [], "margin": []}
    for _ in range(REPETITIONS):
        number = int(rng.integers(len(EVERY)))
        unit, design = EVERY[number]
        margin = max(4.5 * noise[number], 0.015 if unit == "AUC" else 0.01)
        for truth, effect in (("effect", 2 * margin), ("none", 0.0), ("margin", margin)):
            told[truth].append(judged(unit, margin, replace(design, effect=effect), rng).word)
    counts = {truth: {word: words.count(word) for word in dict.fromkeys(words)} for truth, words in told.items()}
    print(counts)
    assert told["effect"].count("supported") >= 93, counts
    assert told["none"].count("no difference larger than the margin") >= 93, counts
    assert told["margin"].count("inconclusive") >= 93, counts


@pytest.mark.parametrize(
    "design, seeds_alone",
    [
        (simulate_intervals.DESIGNS["156 ultrasounds, AUC .90 against .80"], (0.6, 0.9)),
        (simulate_intervals.DESIGNS["12 volumes of 10 people, Dice"], (0.8, 0.95)),
    ],
    ids=["156 cases", "12 volumes"],
)
def test_intervals_hold_the_truth(design, seeds_alone):
    """In 95 % of repetitions, within what 300 can show; over seeds alone in fewer.

    `tools/simulate_intervals.py` measures it on more designs and repetitions.
    """
    found = simulate_intervals.coverage(design, 300, seed=1, bootstrap=False)
    assert 0.92 <= found["seeds and cases"][0] <= 0.98, found
    assert seeds_alone[0] <= found["seeds alone"][0] <= seeds_alone[1], found
