"""The fairness explorer and the reader study: every number is that of the cases, and nobody's reading is invented."""

import statistics
import time
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data.groups import GROUPS, plant_groups
from medtutor.errors import InputError
from medtutor.explorers.fairness import fairness
from medtutor.explorers.fairness_parts import Matcher
from medtutor.explorers.reading import NOBODY, reading
from medtutor.metrics.groups import measure_groups, precision_at
from medtutor.training.run import Run


@cache
def grouped():
    data = mt.from_arrays(*[blobs(n, seed) for seed, n in enumerate((60, 300, 40))], classes=["well", "ill"])
    return plant_groups(data, share=0.4, missed=0.3)


@cache
def run():
    data = grouped().dataset
    return mt.fit(mt.build("mlp", data, width=8), data, mt.Recipe(epochs=1, mirror=False), progress=False)


pytestmark = pytest.mark.filterwarnings("ignore:.*byte for byte")


@pytest.fixture
def explorer():
    return fairness(run(), grouped())


def measured(explorer, labels=None):
    truth = grouped().truth["val"] if labels is None else labels
    scores = run().predict(grouped().dataset.val.images)[:, 1]
    limits = {"A": explorer.threshold_a.value, "B": explorer.threshold_b.value}
    return measure_groups(truth, scores, grouped().groups["val"], limits, names=GROUPS, resamples=0)


def test_every_number_is_that_of_the_cases(explorer):
    explorer.threshold_a.value, explorer.match.value = 0.45, "nothing: by hand"
    explorer.threshold_b.value = 0.52
    for each in measured(explorer):
        assert explorer.found[each.group] == each
        name = f"{each.group} {each.sensitivity.value:.2f}"
        assert name in explorer._criteria.value
    missed, alarms = explorer._errors["A"]
    a = explorer.found["A"]
    assert missed == pytest.approx(1000 * explorer.prevalence_a.value * (1 - a.sensitivity.value))
    assert explorer.expense["A"] == pytest.approx(explorer.cost.value * missed + alarms)


def test_the_labels_can_be_those_recorded(explorer):
    explorer.labels.value = "as recorded"
    assert list(explorer.found.values()) == list(measured(explorer, grouped().dataset.val.labels))
    assert "By labels as recorded." in explorer.still().alt


@pytest.mark.parametrize(
    "match, key", [("sensitivity", "sensitivity"), ("false alarms", "false_alarm"), ("share called positive", "called")]
)
def test_group_b_is_put_where_it_is_most_like_group_a(explorer, match, key):
    explorer.match.value = match
    wanted = getattr(explorer.found["A"], key).value
    apart = abs(getattr(explorer.found["B"], key).value - wanted)
    scores, group = run().predict(grouped().dataset.val.images)[:, 1], grouped().groups["val"]
    for limit in Matcher.grid:
        limits = {"A": explorer.threshold_a.value, "B": float(limit)}
        every = measure_groups(grouped().truth["val"], scores, group, limits, names=GROUPS, resamples=0)
        assert apart <= abs(getattr(every[1], key).value - wanted) + 1e-9


def test_one_threshold_for_both_at_first(explorer):
    explorer.threshold_a.value = 0.61
    assert explorer.threshold_b.value == pytest.approx(0.61)


def test_precision_follows_the_prevalence(explorer):
    explorer.prevalence_b.value = 0.1
    b = explorer.found["B"]
    assert explorer.precision["B"] == pytest.approx(precision_at(b.sensitivity.value, b.false_alarm.value, 0.1))


def test_where_prevalences_differ_equal_odds_exclude_equal_precision():
    """The same cases in both groups: error rates are equal, whatever the threshold."""
    images, labels = blobs(80, 1)
    data = mt.from_arrays(*[(images, labels)] * 3, classes=["well", "ill"], name="same")
    both = plant_groups(data, share=0.5)
    half = np.arange(80) // 2 % 2
    twice = {name: torch.from_numpy(np.r_[half]) for name in both.groups}
    same = type(both)(data, twice, both.truth)
    explorer = fairness(Run(run().model, data.card, mt.Recipe(epochs=1, mirror=False), "arrays"), same)
    explorer.threshold_a.value = 0.0
    explorer.prevalence_a.value, explorer.prevalence_b.value = 0.5, 0.1
    assert "precision cannot be equal" in explorer._verdict.value


def test_every_control_is_live(explorer):
    explorer.match.value = "nothing: by hand"
    waits = []
    for control, values in (
        (explorer.threshold_a, (0.3, 0.4, 0.6)),
        (explorer.threshold_b, (0.3, 0.4, 0.6)),
        (explorer.prevalence_a, (0.2, 0.3)),
        (explorer.prevalence_b, (0.2, 0.3)),
        (explorer.cost, (7, 9)),
        (explorer.labels, ("as recorded", "true")),
        (explorer.match, ("sensitivity", "precision in practice")),
    ):
        for value in values:
            start = time.process_time()
            control.value = value
            waits.append(time.process_time() - start)
    assert statistics.median(waits) < 0.1 and explorer.message.value == ""


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: fairness("run", grouped()), "run must be a Run"),
        (lambda: fairness(run(), grouped().dataset), "grouped must be a GroupedDataset"),
        (lambda: fairness(run(), grouped(), "all"), "unknown split"),
        (lambda: fairness(run(), plant_groups(few(), share=0.01)), "group B has not both classes"),
        (lambda: reading("xray"), "dataset must be a Dataset"),
        (lambda: reading(grouped().dataset, count=5), "count must be even"),
        (lambda: reading(grouped().dataset, count=2), "count must be from 4"),
        (lambda: reading(grouped().dataset, wrong=20), "wrong must be"),
        (lambda: reading(grouped().dataset, count=4000), "ask for fewer"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()


def few():
    return mt.from_arrays(*[blobs(8, seed) for seed in range(3)], classes=["well", "ill"], name="few")


# The reader study -------------------------------------------------------------------------------


@pytest.fixture
def study():
    return reading(grouped().dataset, count=8, wrong=4)


def read(study, answer):
    """Answer all: answer(with a hint, truth, hint) -> class."""
    while study.case is not None:
        hinted, number = study.case
        said = answer(hinted, study._truth[number], study._hints[number])
        (study.first, study.second)[said].click()


def test_nobody_has_read(study):
    assert NOBODY in study._progress.value and study.bias is None and study._result.value == ""
    assert NOBODY in study.still().alt


def test_the_films_are_of_both_classes_and_as_many_hints_are_wrong_as_asked_for(study):
    assert study._truth.tolist().count(1) == 4 and (study._hints != study._truth).sum() == 4
    assert all(sorted(order) == list(range(8)) for order in study._orders)


def test_who_always_follows_the_hint_is_wholly_biased(study):
    read(study, lambda hinted, truth, hint: hint if hinted else truth)
    assert study.bias == 1.0 and "4 films: you said what it says on 0 without it, on 4 with it" in study._result.value


def test_who_does_not_listen_is_not_biased(study):
    read(study, lambda hinted, truth, hint: truth)
    assert study.bias == 0.0 and "right on 4 without it, on 4 with it" in study._result.value


def test_the_hint_is_told_in_the_second_round_only(study):
    assert "no hint" in study._film.value
    for _ in range(8):
        study.first.click()
    assert "hint: " in study._film.value and "with a hint" in study._progress.value
    study.undo.click()
    assert "no hint" in study._film.value and len(study.answers) == 7


def test_after_the_last_film_nothing_counts(study):
    read(study, lambda hinted, truth, hint: 0)
    study.second.click()
    assert len(study.answers) == 16 and study._said.max() == 0
    study.undo.click()
    assert study.bias is None
