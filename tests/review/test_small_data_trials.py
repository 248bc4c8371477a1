"""The experiments about few labels, on few phantoms and with few steps: what is compared with what, and that it is
fair; and the curves that their evidence holds.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from medtutor.data import card, phantoms
from medtutor.errors import InputError
from medtutor.metrics.intervals import over_seeds_and_cases
from medtutor.review import Curve, Evidence, claim, claims, stored_curves
from medtutor.review.cases import PerCase, unpacked
from medtutor.review.experiments import small_data as trials
from medtutor.review.trials import TRIALS, run_trial
from medtutor.training import Recipe, small_data
from medtutor.training.small_data import Setup

OURS = [each for each in claims() if each.lesson == "10_small_data" and each.trial in TRIALS]


@pytest.fixture
def quick(monkeypatch):
    """Two steps everywhere."""
    monkeypatch.setattr(trials, "Setup", lambda **how: Setup(**{**how, "steps": 2}))
    for name, value in dict(CURVE={20: 2, 100: 2, None: 2}, LABELS=(20,), WIDTHS=(1, 4), SHARES=(0.0, 0.4)).items():
        monkeypatch.setattr(trials, name, value)
    monkeypatch.setattr(trials, "CAPACITY_STEPS", 2)


@pytest.fixture(scope="module")
def xray():
    return phantoms.draw(card("pneumoniamnist"), {"train": 220, "val": 30, "test": 40})


def drawn(name):
    return phantoms.draw(card(name), {"train": 220, "val": 30, "test": 40})


def test_there_are_four_claims_and_each_has_its_trial():
    assert {each.id for each in OURS} >= {
        "data-availability-limits",
        "augmentation-helps",
        "transfer-helps",
        "dropout-helps",
    }
    assert all(each.trial in TRIALS and each.rule.direction == "above" for each in OURS)


class Any(dict):
    def __missing__(self, key):
        return 0.5


@pytest.mark.parametrize("its", OURS, ids=lambda each: each.id)
def test_the_contrasts_of_the_claims_are_measured(its):
    """But for those on breast ultrasound without near-duplicates, which need its published images."""
    of = SimpleNamespace(values=Any(), cases={})
    count = {"train": 4708, "val": 4, "test": 4}
    data = {
        name: SimpleNamespace(card=card(name), train=range(count["train"]), test=range(4), is_phantom=True)
        for name in its.settings["epochs"]
    }
    yields = {each.name for each in TRIALS[its.trial][0](data, its.seeds, lambda *given, **options: of)}
    assert {name for name in its.rule.contrasts if not name.endswith("near-duplicates")} <= yields


def test_a_trial_runs_and_its_evidence_holds_the_curves(quick):
    its = claim("dropout-helps")
    found = run_trial(its, seeds=(0, 1), load=drawn, progress=False)
    assert Evidence.from_record(json.loads(json.dumps(found.as_record()))) == found
    curves = stored_curves(its.id, found)
    remedies = curves["remedies"]
    assert remedies.x == ("none", *trials.REMEDIES) and remedies.y_label == "test AUC"
    assert not remedies.is_numeric and curves["capacity, val AUC"].is_numeric
    assert all(low <= value <= high for low, value, high in zip(remedies.low, remedies.value, remedies.high))
    assert remedies.over == "draws of labels, trainings and test images"
    assert np.shape(remedies.each) == (7, 2, trials.REPEATS)
    assert np.mean(remedies.each[0]) == pytest.approx(remedies.value[0], abs=2e-3)
    assert (
        curves["capacity, val loss"].over == "draws of labels and trainings" and not curves["capacity, val loss"].each
    )
    assert curves["symmetric noise"].x == (0.0, 0.4) and curves["symmetric noise"].x_label == "share of wrong labels"
    assert curves["capacity, val loss"].x_label == "weights of the network" and remedies.x_label == ""
    assert remedies.at("dropout")[0] == remedies.value[1]
    with pytest.raises(InputError, match="remedies has no point at 'drop'; it has none, dropout"):
        remedies.at("drop")


def test_arms_of_a_draw_share_labels_and_first_weights(quick, xray, monkeypatch):
    asked = []

    def watch(dataset, setup, *, seed, **options):
        asked.append((dataset.train.images.sum().item(), len(dataset.train), setup.augmentation, seed))
        return small_data.fit_small(dataset, setup, seed=seed, **options)

    monkeypatch.setattr(trials, "fit_small", watch)
    found = trials.over_labels(Recipe(epochs=1, seed=3), xray)
    assert set(found) == {f"{way} {count}" for way in trials.WAYS for count in (20, 100, 220)}
    by_way = {way: [row[:2] + row[3:] for row in asked if row[2] == way] for way in trials.WAYS}
    assert by_way["none"] == by_way["geometry"], "the same labels and the same seeds"
    seeds = {row[3] for row in asked}
    assert seeds == {3000, 3001}, "of this draw alone"
    asked.clear()
    trials.over_labels(Recipe(epochs=1, seed=4), xray)
    assert not {row[3] for row in asked} & seeds
    assert {row[0] for row in asked if row[1] == 20}.isdisjoint({row[0] for row in by_way["none"] if row[1] == 20})
    assert all(
        each.columns == trials.REPEATS and each.labels == tuple(xray.test.labels.tolist()) for each in found.values()
    )


def test_all_combinations_of_the_factors():
    names = trials._combinations()
    assert len(names) == len(set(names)) == 4 and names[0] == "none" and names[-1] == " + ".join(trials.FACTORS)
    assert trials._together("dropout + augmentation") == {"dropout": 0.5, "augmentation": "geometry"}


def test_the_capacity_is_not_measured_on_test(quick, xray):
    """Other test images, the same numbers."""
    other = replace(xray, test=replace(xray.test, labels=1 - xray.test.labels))
    once, again = (trials.of_each_size(Recipe(epochs=1, seed=0), each) for each in (xray, other))
    assert once == again and set(once) == {f"{width}: {what}" for width in (1, 4) for what in trials.OF_SIZE}


def test_the_interval_of_a_point_is_over_draws_and_cases():
    rng, labels = np.random.default_rng(0), np.arange(80) % 2
    told = [PerCase.of("AUC", rng.normal(labels[:, None], 1, (80, 2)), labels) for _ in range(5)]
    keys = trials._of_cases(told)
    arms = np.stack([unpacked(each.values, 2) for each in told])
    auc = trials.statistic_of("AUC", told[0].labels)
    plain = over_seeds_and_cases(arms, np.zeros_like(arms), auc)
    assert keys["low"] < 0.5 + plain.value < keys["high"] < 1
    assert keys["high"] - keys["low"] == pytest.approx(np.diff(plain.interval())[0], rel=0.1)
    assert np.shape(keys["each"]) == (5, 2)


def test_a_claim_without_curves_has_none():
    assert stored_curves("cnn-beats-mlp") == {}
    assert Curve("a", (1, 2), (1.0, 2.0), (0.0, 1.0), (2.0, 3.0), "y", "draws").at(2) == (2.0, 1.0, 3.0)
