"""What was said of each case: small, true to the numbers, and what intervals over seeds and cases come of."""

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score, roc_auc_score
from test_evidence import evidence

import medtutor as mt
from medtutor.errors import InputError
from medtutor.metrics.intervals import over_seeds, over_seeds_and_cases, weighted_mean
from medtutor.reports import atlases
from medtutor.review import Rule, claim, read_evidence, verdict
from medtutor.review.cases import Cases, PerCase, log_odds, packed, statistic_of, unpacked
from medtutor.review.evidence import among, between, code_of
from medtutor.review.experiments.unet_and_descendants import fit_of_masks
from medtutor.review.experiments.vision_transformers import _gap
from medtutor.review.kept import Training, keep, kept
from medtutor.review.render import rows_of
from medtutor.review.trials import train_once
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


def by_hand(statistic, values):
    """What scikit-learn says of all cases, and of all but the first."""
    true = values[:, 1]
    of = {
        "pooled mean": lambda rows: values[rows, 0].sum() / true[rows].sum(),
        "own AUC": lambda rows: roc_auc_score(true[rows], values[rows, 0]),
        "R²": lambda rows: r2_score(true[rows], values[rows, 0]),
        "AUC lead": lambda rows: (
            roc_auc_score(LABELS[rows], values[rows, 0]) - roc_auc_score(LABELS[rows], values[rows, 1])
        ),
    }[statistic]
    return [of(slice(None)), of(slice(1, None))]


PAIRS = {
    "pooled mean": np.stack([np.random.default_rng(0).uniform(0, 3, 40), np.arange(40) % 4 + 3], axis=1),
    "own AUC": np.stack([scores(0), np.random.default_rng(1).permutation(LABELS)], axis=1),
    "R²": np.stack([0.5 + 0.1 * scores(0), 0.5 + 0.1 * scores(1)], axis=1),
    "AUC lead": np.stack([scores(0, 1), scores(1)], axis=1),
}


@pytest.mark.parametrize("statistic", PAIRS)
def test_each_statistic_is_that_of_its_name_of_all_cases_and_of_some(statistic):
    values = PAIRS[statistic]
    labels = LABELS if statistic == "AUC lead" else None
    case = PerCase.of(statistic, values, labels)
    kept_values = unpacked(case.values, 2)
    without_first = np.stack([np.ones(40), np.arange(40) > 0]).astype(float)
    for given, within in ((values, 1e-9), (kept_values, 2e-3)):
        found = statistic_of(statistic, case.labels)(given, without_first)
        assert found.tolist() == pytest.approx(by_hand(statistic, values), abs=within)
    alike = Cases.of([case, case], [case, case])
    alike.check((case.number,) * 2, (case.number,) * 2)
    with pytest.raises(InputError, match="needs 2 values of a case, not 1"):
        one = PerCase.of("mean", values[:, 0])
        replace(Cases.of([one], [one]), statistic=statistic).check((0.5,), (0.5,))


def test_labels_that_differ_between_trainings_are_no_obstacle():
    """Outcomes drawn anew with each seed, of the same images."""
    pairs = [np.stack([scores(seed), np.random.default_rng(seed).permutation(LABELS)], axis=1) for seed in range(4)]
    first, second = ([PerCase.of("own AUC", each) for each in some] for some in (pairs[:2], pairs[2:]))
    assert Cases.of(first, second).difference(1.0).value == pytest.approx(
        np.mean([each.number for each in first]) - np.mean([each.number for each in second]), abs=1e-3
    )


def test_the_same_contrast_on_some_of_the_cases():
    whole, chosen = measured(), np.arange(40) >= 10
    fewer = among(whole, chosen, "without near-duplicates")
    assert fewer.name == "plain, without near-duplicates" and fewer.keys["of"] == "plain" and fewer.arms == whole.arms
    assert fewer.first[0] == pytest.approx(roc_auc_score(LABELS[chosen], scores(0, 1)[chosen]), abs=1e-3)
    assert fewer.cases.subjects == tuple(np.arange(10, 40) // 2)
    fewer.cases.check(fewer.first, fewer.second)
    readings = read(Rule("above", "AUC", 0.02, "plain"), [whole])
    (first, second) = rows_of([whole, fewer], readings)
    assert first[0] == "plain" and second[0] == fewer.name and second[-2] == "not judged" and second[4] != "none"


def test_the_lead_with_few_labels_against_that_with_all_keeps_its_cases():
    of = {
        share: {arm: [training(i + 3 * j + 6 * k) for i in range(3)] for k, arm in enumerate(("cnn", "vit"))}
        for j, share in enumerate((0.05, 1.0))
    }
    found = _gap("x", of, 0.05)
    found.cases.check(found.first, found.second)
    assert found.cases.difference(1.0).value == pytest.approx(found.mean, abs=1e-3)
    of[1.0]["vit"][0].cases.clear()
    assert _gap("x", of, 0.05).cases is None


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
    each = claim("cnn-keeps-lead-shifted")
    shipped = read_evidence(each.id)
    now = code_of(each.trial)
    assert verdict(each, replace(shipped, code=now)).word == "supported"
    found = verdict(each, replace(shipped, code="0" * 64))
    assert found.word == "not testable here" and "other code" in found.reason
    assert code_of("no_such_trial") is None and code_of("planted_spots") != now


def test_the_rule_for_evidence_without_predictions_is_one_line(monkeypatch):
    # The function hides the module of its name.
    monkeypatch.setattr(import_module("medtutor.review.verdict"), "NEEDS_PREDICTIONS", True)
    each = replace(
        claim("depth-helps"), rule=Rule("above", "AUC", 0.02, "plain", secondary=("beside",)), seeds=(0, 1, 2)
    )
    contrast, beside = measured(), replace(measured(), name="beside", cases=None)

    def found(*contrasts):
        return verdict(each, evidence(contrasts=contrasts, registered=REGISTERED))

    # What stands beside may be no mean over cases, such as a distance of two sets: it is read over seeds.
    assert found(contrast, beside).over == "seeds and cases"
    assert found(contrast, beside).readings["beside"].of_seeds is None
    without = found(replace(contrast, cases=None), beside)
    assert without.word == "not testable here" and "kept no predictions" in without.reason


def test_masks_are_measured_volume_by_volume_and_person_by_person():
    """Of a network, of its masks post-processed, and of the atlas, which has no seed."""
    brain = mt.load("hippocampus", source="phantom")
    people = torch.arange(len(brain.test)) // (2 * brain.test.patients.unique_consecutive(return_counts=True)[1][0])
    brain = replace(brain, test=replace(brain.test, subjects=people))
    recipe = mt.Recipe(epochs=1, batch_size=64, seed=0)
    one = train_once("fcn", brain, recipe, measure=fit_of_masks, progress=False, widths=(2, 4))
    assert one.values["network dice"] == pytest.approx(one.cases["network dice"].number, abs=1e-6)
    assert one.cases["network dice"].subjects == tuple(i for i in range(6) for _ in range(2))
    atlas = atlases(brain)["atlas with intensity"]
    assert one.values["atlas dice"] == pytest.approx(atlas.dice, abs=1e-6)
    assert one.values["atlas hd95"] == pytest.approx(atlas.hd95, abs=1e-6) and "pull" not in one.cases
    rival = between("x", "dice", ("a", [one, one], "network dice"), ("atlas", [one, one], "atlas dice"))
    assert rival.cases.subjects == one.cases["network dice"].subjects
    found = between("x", "nearer", ("a", [one, one], "network hd95"), ("b", [one, one], "mean shape hd95"), -1)
    found.cases.check(found.first, found.second)
    assert found.cases.difference(None).value == pytest.approx(found.mean, abs=0.05)


@pytest.mark.parametrize("claim_id", ["cnn-keeps-lead-shifted", "compression-keeps-accuracy", "subgroups-served-alike"])
def test_the_interval_is_the_same_to_the_last_bit_as_with_every_auc_added_up_anew(claim_id):
    """A row of weights more, where two cases count twice, and no AUC is taken from another."""
    read_in = read_evidence(claim_id)
    contrast = read_in.contrast(claim(claim_id).rule.primary)
    quick, cases = contrast.cases.difference(1.0), contrast.cases

    def slowly(values, weights):
        more = np.concatenate([weights, [1 + (np.arange(weights.shape[1]) < 2)]])
        return statistic_of(cases.statistic, cases.labels)(values, more)[:-1]

    subjects = np.array(cases.subjects) if cases.subjects else None
    assert over_seeds_and_cases(*cases.arms, slowly, subjects=subjects, limit=1.0) == quick
