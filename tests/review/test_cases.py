"""What was said of each case: small, true to the numbers, and what intervals over seeds and cases come of."""

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from test_evidence import evidence

from medtutor.errors import InputError
from medtutor.metrics.intervals import over_seeds, over_seeds_and_cases, weighted_mean
from medtutor.review import Rule, claim, read_evidence, verdict
from medtutor.review.cases import Cases, PerCase, log_odds, packed, unpacked
from medtutor.review.evidence import between, code_of
from medtutor.review.kept import Training, keep, kept
from medtutor.review.verdict import read

LABELS = np.arange(40) % 2
REGISTERED = replace(claim("depth-helps"), seeds=(0, 1, 2)).registered


def scores(seed, better=0.0):
    generator = np.random.default_rng(7)  # what is hard is hard for all
    return generator.normal(size=40) + (1 + better) * LABELS + 0.3 * np.random.default_rng(seed).normal(size=40)


def training(seed, better=0.0, statistic="AUC"):
    values = scores(seed, better)
    case = PerCase.of(statistic, values, LABELS if statistic == "AUC" else None, np.arange(40) // 2)
    return Training("d", "m", {}, 1, {"epochs": 1}, {"0": round(case.number, 6)}, "cpu", 1, {}, 1.0, {"0": case})


def measured(statistic="AUC", sign=1):
    first, second = ([training(seed + add, better, statistic) for seed in range(3)] for add, better in ((0, 1), (9, 0)))
    return between("plain", "", ("cnn", first, "0"), ("mlp", second, "0"), sign)


def test_a_contrast_is_read_over_seeds_and_cases_where_predictions_are_kept():
    contrast = measured()
    reading = read(Rule("above", "AUC", 0.02, "plain"), [contrast])["plain"]
    assert 0 < reading.of_seeds < 1
    alone = read(Rule("above", "AUC", 0.02, "plain"), [replace(contrast, cases=None)])["plain"]
    assert alone.of_seeds is None and contrast.cases.difference(1.0).error > over_seeds(contrast.values, 1.0).error
    found = verdict(
        replace(claim("depth-helps"), rule=Rule("above", "AUC", 0.02, "plain"), seeds=(0, 1, 2)),
        evidence(contrasts=(contrast,), registered=REGISTERED),
    )
    assert found.over == "seeds and cases" and "of it from seeds" in found.reason


def test_half_precision_changes_the_interval_by_little():
    whole = over_seeds_and_cases(
        *[[scores(s + add, b) for s in range(3)] for add, b in ((0, 1), (9, 0))], weighted_mean
    )
    half = replace(measured("mean").cases, subjects=()).difference(None)
    assert half.interval() == pytest.approx(whole.interval(), abs=2e-3)


def test_less_is_better_is_turned_round():
    straight, turned = measured("mean").cases.difference(None), measured("mean", -1).cases.difference(None)
    assert turned.value == pytest.approx(-straight.value) and turned.error == pytest.approx(straight.error)
    assert measured("mean", -1).mean == pytest.approx(-measured("mean").mean)


def test_evidence_with_predictions_comes_back_from_its_file(tmp_path):
    given = evidence(contrasts=(measured(),), code="c" * 64)
    path = given.save(tmp_path)
    assert read_evidence("a-claim", tmp_path) == given and path.stat().st_size < 6_000
    assert "code" not in evidence().as_record() and "cases" not in evidence().as_record()["contrasts"][0]


def test_624_cases_of_ten_trainings_are_a_few_kilobytes():
    case = PerCase.of("AUC", np.random.default_rng(0).normal(size=624), np.arange(624) % 2)
    given = Cases.of([case] * 5, [case] * 5)
    assert len(json.dumps(given.first + given.second)) < 17_000


ALTERED = {
    "other labels": ({"labels": tuple(1 - LABELS)}, "the predictions give"),
    "no labels": ({"labels": ()}, "not of as many cases"),
    "a label of 2": ({"labels": (2, *LABELS[1:].tolist())}, "must be 0 and 1"),
    "too few subjects": ({"subjects": (1, 2)}, "not of as many cases"),
    "another statistic": ({"statistic": "median"}, "unknown statistic"),
    "a mean of scores": ({"statistic": "mean", "labels": ()}, "the predictions give"),
    "a seed too few": ({"first": measured().cases.first[:2]}, "not of the same cases and seeds"),
    "no text of numbers": ({"first": ("§",) * 3}, "not numbers in half precision"),
    "half a number": ({"first": ("AAA=AAA",) * 3}, "not numbers in half precision"),
    "infinite": (
        {"first": (b64encode(b64decode(packed(np.zeros(40)))[:-2] + b"\x00\x7c").decode(),) * 3},
        "must be finite",
    ),
    "columns that do not fit": ({"columns": 7}, "not numbers in half precision"),
}


@pytest.mark.parametrize("change, words", ALTERED.values(), ids=ALTERED)
def test_predictions_that_do_not_give_the_numbers_are_refused(change, words):
    contrast = measured()
    with pytest.raises(InputError, match=words):
        evidence(contrasts=(replace(contrast, cases=replace(contrast.cases, **change)),)).check()


def test_arms_that_looked_at_other_cases_have_no_predictions_together():
    first, other = training(0).cases["0"], training(1).cases["0"]
    assert Cases.of([first], [other]) is not None
    assert Cases.of([first], [replace(other, subjects=())]) is None
    assert Cases.of([first], [PerCase.of("AUC", scores(1)[:20], LABELS[:20])]) is None


def test_columns_are_averaged():
    both = np.stack([scores(0), scores(1)], axis=1)
    one, two = (PerCase.of("AUC", column, LABELS).number for column in both.T)
    assert PerCase.of("AUC", both, LABELS).number == pytest.approx((one + two) / 2)


def test_log_odds_keep_the_order_that_half_precision_would_lose():
    chance = 1 - 10.0 ** -np.arange(2, 7)
    given = unpacked(packed(log_odds(np.stack([1 - chance, chance], axis=1))), 1)
    assert (np.diff(given) > 0).all() and len(np.unique(chance.astype(np.float16))) < 5


def test_scores_that_hardly_differ_keep_their_order():
    scores = 0.3 + 1e-5 * np.arange(40)
    assert (np.diff(unpacked(packed(scores), 1)) > 0).all() and len(np.unique(scores.astype(np.float16))) < 5
    for few in ([0.5], [0.5, 0.5]):
        assert unpacked(packed(np.array(few)), 1).tolist() == few
    with pytest.raises(InputError, match="must be finite"):
        packed(np.array([np.inf]))


def test_a_kept_training_keeps_its_predictions(tmp_path):
    given = training(0)
    keep(tmp_path, "ab" * 32, given)
    assert kept(tmp_path, "ab" * 32) == given


def test_evidence_of_other_code_is_not_testable():
    each = claim("cnn-beats-mlp")
    shipped = read_evidence(each.id)
    now = code_of(each.trial)
    assert verdict(each, replace(shipped, code=now)).word == "supported"
    found = verdict(each, replace(shipped, code="0" * 64))
    assert found.word == "not testable here" and "other code" in found.reason
    assert code_of("no_such_trial") is None and code_of("planted_spots") != now


def test_the_rule_for_evidence_without_predictions_is_one_line(monkeypatch):
    # The function hides the module of its name.
    monkeypatch.setattr(import_module("medtutor.review.verdict"), "NEEDS_PREDICTIONS", True)
    each = claim("cnn-beats-mlp")
    found = verdict(each, read_evidence(each.id))
    assert found.word == "not testable here" and "kept no predictions" in found.reason
