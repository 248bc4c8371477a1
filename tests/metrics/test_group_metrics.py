"""Rates and gaps by group: Fairlearn says the same where it can, and a sentence stands where nothing can be said."""

import math

import numpy as np
import pytest
from fairlearn import metrics as fair
from scipy.stats import binomtest
from sklearn.metrics import precision_score, roc_auc_score

from medtutor.errors import InputError
from medtutor.metrics.gaps import gaps, parity_gap
from medtutor.metrics.groups import RATES, balancing_weights, group_thresholds, measure_groups, precision_at, wilson

NAMES = ("A", "B", "C")


def cases(n=400, seed=0, groups=3):
    rng = np.random.default_rng(seed)
    labels, group = rng.integers(0, 2, n), rng.integers(0, groups, n)
    scores = np.clip(0.3 + 0.3 * labels + 0.05 * group + 0.2 * rng.normal(size=n), 0, 1)
    return labels, scores, group


@pytest.mark.parametrize("seed", range(5))
def test_fairlearn_says_the_same(seed):
    labels, scores, group = cases(seed=seed)
    called = scores > 0.5
    found = gaps(labels, scores, group, names=NAMES, resamples=0)
    its = dict(sensitive_features=group)
    assert parity_gap(found, "demographic parity").value == pytest.approx(
        fair.demographic_parity_difference(labels, called, **its)
    )
    assert parity_gap(found, "equal opportunity").value == pytest.approx(
        fair.equal_opportunity_difference(labels, called, **its)
    )
    assert parity_gap(found, "equalised odds").value == pytest.approx(
        fair.equalized_odds_difference(labels, called, **its)
    )
    frame = fair.MetricFrame(
        metrics={
            "called": fair.selection_rate,
            "sensitivity": fair.true_positive_rate,
            "false_alarm": fair.false_positive_rate,
            "precision": precision_score,
        },
        y_true=labels,
        y_pred=called,
        sensitive_features=group,
    )
    for each in measure_groups(labels, scores, group, names=NAMES, resamples=0):
        row = frame.by_group.loc[NAMES.index(each.group)]
        for name in frame.by_group.columns:
            assert getattr(each, name).value == pytest.approx(row[name])


def test_auc_and_miscalibration_of_each_group():
    labels, scores, group = cases()
    for number, each in enumerate(measure_groups(labels, scores, group, names=NAMES)):
        own = group == number
        assert each.auc.value == pytest.approx(roc_auc_score(labels[own], scores[own]))
        assert each.miscalibration.value == pytest.approx(scores[own].mean() - labels[own].mean())
        for rate in (each.auc, each.miscalibration, each.sensitivity):
            assert rate.interval[0] < rate.value < rate.interval[1]


@pytest.mark.parametrize("hits, n", [(0, 5), (3, 7), (10, 10), (40, 100), (1, 1)])
def test_wilson_is_scipys(hits, n):
    low, high = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((low, high))


def test_the_interval_of_a_gap_is_newcombes():
    """56 of 70 against 48 of 80: the example of Newcombe (1998), method 10."""
    labels, scores = np.ones(150, int), np.r_[np.ones(56), np.zeros(14), np.ones(48), np.zeros(32)]
    gap = gaps(labels, scores, np.r_[np.zeros(70, int), np.ones(80, int)], names=["A", "B"], resamples=0)["sensitivity"]
    assert gap.value == pytest.approx(0.2)
    assert gap.interval == pytest.approx((0.0524, 0.3339), abs=1e-4)


# What Fairlearn says without a warning ------------------------------------------------------------


def test_a_perfect_predictor_is_not_unfair_to_a_group_without_positives():
    """Fairlearn counts the missing sensitivity as 0, and the gap as 1."""
    labels, group = np.array([1, 0, 1, 0, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    assert fair.equalized_odds_difference(labels, labels, sensitive_features=group) == 1.0  # its trap
    found = gaps(labels, labels.astype(float), group, names=["A", "B"])
    gap = parity_gap(found, "equalised odds")
    assert math.isnan(gap.value) and "group B has no positive case" in " ".join(gap.notes)
    assert "no gap to be told" in str(gap)
    assert found["false_alarm"].value == 0.0


def test_equalised_odds_of_a_group_without_negatives_are_not_known():
    """Its sensitivity is, and would else stand for both."""
    found = gaps([1, 0, 1, 1], [0.9, 0.2, 0.9, 0.1], [0, 0, 1, 1], names=["A", "B"])
    assert found["sensitivity"].value == 0.5 and math.isnan(parity_gap(found, "equalised odds").value)


def test_a_third_group_is_left_out_and_told():
    labels, scores, group = cases()
    labels[group == 2] = 0
    gap = gaps(labels, scores, group, names=NAMES, resamples=0)["sensitivity"]
    assert {gap.highest, gap.lowest} == {"A", "B"} and "C is left out" in gap.notes[0]


def test_the_same_scores_have_the_same_thresholds():
    """Fairlearn's `ThresholdOptimizer.predict` draws its answers."""
    labels, scores, group = cases()
    first, again = (group_thresholds(labels, scores, group, 0.9, names=NAMES) for _ in range(2))
    assert first == again


# Groups of which little can be said ---------------------------------------------------------------


@pytest.mark.parametrize(
    "labels, group, sentence",
    [
        ([1, 0], [0, 0], "group B has no cases: nothing can be said of it."),
        ([1, 0, 0], [0, 0, 1], "group B has a single case"),
        ([1, 0, 0, 0], [0, 0, 1, 1], "group B has no positive case"),
        ([1, 0, 1, 1], [0, 0, 1, 1], "group B has positive cases only"),
    ],
)
def test_what_cannot_be_said_is_a_sentence(labels, group, sentence):
    scores = np.linspace(0.1, 0.9, len(labels))
    _, second = measure_groups(labels, scores, group, names=["A", "B"])
    assert sentence in second.notes[0]
    found = gaps(labels, scores, group, names=["A", "B"])
    assert sentence.split(":")[0] in " ".join(note for gap in found.values() for note in gap.notes)
    assert all(
        math.isnan(gap.value) or 0 <= gap.value <= (2 if gap.criterion == "miscalibration" else 1)
        for gap in found.values()
    )


def test_a_threshold_for_a_group_without_positives_is_refused():
    with pytest.raises(InputError, match="group B has no positive case, so no threshold"):
        group_thresholds([1, 0, 0], [0.9, 0.2, 0.1], [0, 0, 1], 0.9, names=["A", "B"])


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(labels=[0, 2]), "labels hold 2"),
        (dict(scores=[0.1, 3.0]), "not logits"),
        (dict(scores=[[0.1, 0.9]]), "of class 1"),
        (dict(groups=[0, 5], names=["A", "B"]), "groups hold 5"),
        (dict(groups=[0]), "give one of each for every case"),
        (dict(thresholds={"A": 0.5}, names=["A", "B"]), "give one for each of A, B"),
        (dict(names=["A", "A"]), "the same name"),
        (dict(thresholds=float("nan")), "threshold must be a finite number"),
        (dict(scores=[0.1, float("nan")]), "NaN"),
    ],
)
def test_wrong_input_is_one_sentence(change, words):
    given = dict(labels=[0, 1], scores=[0.1, 0.9], groups=[0, 1]) | change
    for function in (measure_groups, gaps):
        with pytest.raises(InputError, match=words):
            function(**given)


# Small groups, and what closes a gap --------------------------------------------------------------


def test_small_groups_differ_by_chance_alone():
    """Nothing is wrong, and of twenty such audits about one finds a gap beyond `by_chance`."""
    beyond, small = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels, scores = rng.integers(0, 2, 200), rng.random(200)
        gap = gaps(labels, scores, rng.permutation(np.r_[np.zeros(180, int), np.ones(20, int)]), resamples=200)
        beyond += gap["sensitivity"].value > gap["sensitivity"].by_chance
        small.append(gap["sensitivity"].by_chance)
    assert beyond <= 6 and np.mean(small) > 0.2


def test_a_threshold_for_each_group_finds_what_was_asked_for():
    labels, scores, group = cases(800)
    limits = group_thresholds(labels, scores, group, 0.9, names=NAMES)
    for each in measure_groups(labels, scores, group, limits, names=NAMES, resamples=0):
        assert 0.9 <= each.sensitivity.value < 0.9 + 1.5 / each.positives
    assert limits["A"] < limits["C"]  # whose scores are higher


def test_a_threshold_for_positives_with_a_score_of_zero():
    assert group_thresholds([1, 0], [0.0, 0.0], [0, 0], 1.0) == {"0": -1.0}


def test_weighted_label_and_group_have_nothing_to_do_with_each_other():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 3000)
    labels = (rng.random(3000) < np.array([0.8, 0.5, 0.2])[group]).astype(int)
    weights = balancing_weights(labels, group)
    shares = [np.average(labels[group == g], weights=weights[group == g]) for g in range(3)]
    assert shares == pytest.approx([labels.mean()] * 3) and weights.sum() == pytest.approx(3000)


@pytest.mark.parametrize("prevalence", [0.1, 0.5, 0.9])
def test_equal_error_rates_and_equal_precision_exclude_each_other(prevalence):
    """The odds of the precision are the likelihood ratio times the odds of the prevalence."""
    precision = precision_at(0.9, 0.2, prevalence)
    assert precision / (1 - precision) == pytest.approx(0.9 / 0.2 * prevalence / (1 - prevalence))


def test_every_criterion_has_a_gap():
    assert tuple(gaps(*cases(), names=NAMES, resamples=50)) == RATES
