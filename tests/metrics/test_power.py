"""What a test set can show, held against simulated scores and against the interval that the package itself computes."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from medtutor.errors import InputError
from medtutor.metrics.classification import weighted_auc
from medtutor.metrics.intervals import over_seeds_and_cases
from medtutor.metrics.power import LEVEL, auc_error, difference_error, outlook, smallest_difference


def aucs(scores, positives):
    """The AUC of each row of scores, the cases of class 1 first, by counting pairs."""
    above = scores[:, :positives, None] > scores[:, None, positives:]
    return above.mean(axis=(1, 2))


def drawn(auc, positives, negatives, repetitions, seed, shared=0.5, gap=0.0):
    """Scores of two models that are alike in a share: the first has the AUC, the second so much more.

    Their tails are as Hanley and McNeil assume them: the formula is then exact.
    """
    draw, n = np.random.default_rng(seed), positives + negatives
    common = draw.standard_normal((repetitions, n))
    for one in (auc, auc + gap):
        normal = math.sqrt(shared) * common + math.sqrt(1 - shared) * draw.standard_normal((repetitions, n))
        yield -np.log(ndtr(-normal)) * np.where(np.arange(n) < positives, one / (1 - one), 1.0)


def normal_scores(auc, positives, negatives, repetitions, seed):
    draw, n = np.random.default_rng(seed), positives + negatives
    up = np.where(np.arange(n) < positives, math.sqrt(2) * ndtri(auc), 0.0)
    return up + draw.standard_normal((repetitions, n))


@pytest.mark.parametrize("auc, positives, negatives", [(0.9, 42, 114), (0.75, 30, 30), (0.95, 20, 80)])
def test_the_standard_error_is_that_of_repeated_test_sets(auc, positives, negatives):
    found = aucs(next(drawn(auc, positives, negatives, 4000, 0)), positives)
    assert found.mean() == pytest.approx(auc, abs=0.004)
    assert found.std() == pytest.approx(auc_error(auc, positives, negatives), rel=0.05)
    share = aucs(normal_scores(auc, positives, negatives, 3000, 1), positives).std() / auc_error(
        auc, positives, negatives
    )
    assert 0.65 < share < 1.1, "of normal scores nearly, and rather too large than too small"


def test_the_numbers_of_the_paper():
    """Hanley & McNeil 1982: an AUC of 0.893, 51 abnormal and 58 normal cases, 3.2 %."""
    assert auc_error(0.893, 51, 58) == pytest.approx(0.032, abs=6e-4)


def test_the_error_of_a_difference_follows_from_the_correlation():
    first, second = (aucs(scores, 60) for scores in drawn(0.85, 60, 90, 3000, 2))
    correlation = np.corrcoef(first, second)[0, 1]
    assert 0.3 < correlation < 0.6
    wanted = difference_error(0.85, 0.85, 60, 90, correlation)
    assert (first - second).std() == pytest.approx(wanted, rel=0.12)
    apart = difference_error(0.85, 0.85, 60, 90, 0)
    assert apart == pytest.approx(math.sqrt(2) * auc_error(0.85, 60, 90)) and wanted < 0.8 * apart
    assert difference_error(0.85, 0.85, 60, 90, 1) == 0


def test_the_smallest_difference_is_seen_in_four_of_five_test_sets():
    positives, negatives = 60, 90
    first, second = (aucs(scores, positives) for scores in drawn(0.8, positives, negatives, 1500, 3))
    correlation = np.corrcoef(first, second)[0, 1]
    gap = smallest_difference(0.8, positives, negatives, correlation)
    one, other = (aucs(scores, positives) for scores in drawn(0.8, positives, negatives, 3000, 4, gap=gap))
    half = ndtri(0.5 + LEVEL / 2) * (other - one).std()
    assert (other - one - half > 0).mean() == pytest.approx(0.8, abs=0.05)
    assert smallest_difference(0.95, 10, 10) is None, "nothing can be 0.3 better than 0.95"
    assert smallest_difference(0.9, 390, 234, power=0.5) < smallest_difference(0.9, 390, 234) < 0.05


def test_with_one_training_and_no_spread_the_shares_are_those_of_the_normal_distribution():
    found = outlook(0.02, 0.9, 390, 234)
    error = difference_error(0.9, 0.92, 390, 234)
    seen = 0.5 * (1 + math.erf((0.02 / error - 1.96) / math.sqrt(2)))
    assert found.error == pytest.approx(error) and found.of_seeds == 0
    assert found.seen == pytest.approx(seen, abs=0.01)
    assert found.seen + found.nothing + found.wrong == pytest.approx(1)
    assert found.smallest == pytest.approx(smallest_difference(0.9, 390, 234), abs=0.001)


def test_alike_models_are_told_apart_in_one_of_twenty_and_more_often_by_one_training():
    assert outlook(0, 0.9, 390, 234).seen + outlook(0, 0.9, 390, 234).wrong == pytest.approx(0.05, abs=0.01)
    fooled = {seeds: outlook(0, 0.9, 390, 234, seeds=seeds, spread=0.015) for seeds in (1, 5, 10)}
    shares = {seeds: found.seen + found.wrong for seeds, found in fooled.items()}
    assert shares[1] > 0.2 and shares[5] < 0.07 and shares[10] < 0.07


def test_several_trainings_are_judged_as_over_seeds_and_cases_judges():
    """Trainings and cases simulated one by one, each repetition with the interval of the package."""
    positives, negatives, seeds, noise, gap = 40, 40, 4, 0.35, 0.06
    draw, found, labels = np.random.default_rng(5), [], np.arange(80) < positives
    auc = weighted_auc(labels.astype(int))
    truth, own = [], []
    for _ in range(250):
        common = draw.standard_normal(80)
        arms = []
        for level in (0.8, 0.8 + gap):
            up = np.where(labels, math.sqrt(2) * ndtri(level), 0.0)
            # A training shifts how well the classes are told apart.
            shift = noise * draw.standard_normal((seeds, 1)) * labels
            arms.append(up + math.sqrt(0.5) * (common + draw.standard_normal(80)) + shift)
        judged = over_seeds_and_cases(arms[1], arms[0], auc)
        found.append(judged.interval()[0] > 0)
        values = [auc(each, np.ones((1, 80)))[0] for each in arms[0]]
        truth.append(judged.value)
        own.append(np.var(values, ddof=1))
    spread = math.sqrt(np.mean(own))
    wanted = outlook(gap, 0.8, positives, negatives, correlation=0.5, seeds=seeds, spread=spread)
    assert np.std(truth) == pytest.approx(wanted.error, rel=0.15)
    assert np.mean(found) == pytest.approx(wanted.seen, abs=0.09)


def test_a_mean_over_classes_is_more_certain():
    two, nine = outlook(0.01, 0.9, 800, 6380), outlook(0.01, 0.9, 800, 6380, classes=9)
    assert nine.error == pytest.approx(two.error / 3)


def test_the_error_of_a_mean_over_classes_is_near_that_of_simulated_ones():
    """Three classes whose scores are independent: the AUC of each against the rest are nearly so."""
    draw, n, columns = np.random.default_rng(6), 90, []
    labels = np.arange(n) % 3
    scores = draw.standard_normal((2000, n, 3)) + 1.2 * np.eye(3)[labels]
    for each in range(3):
        ill, well = scores[:, labels == each, each], scores[:, labels != each, each]
        columns.append((ill[:, :, None] > well[:, None, :]).mean(axis=(1, 2)))
    single = np.mean(columns)
    assert np.mean(columns, axis=0).std() == pytest.approx(auc_error(single, 30, 60) / math.sqrt(3), rel=0.15)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: auc_error(1.2, 5, 5), "auc must be"),
        (lambda: auc_error(0.9, 0, 5), "positives, cases of class 1, must be from 1, not 0"),
        (lambda: auc_error(0.9, 5, 0), "negatives, cases of class 0, must be from 1, not 0"),
        (lambda: difference_error(0.9, 0.9, 5, 5, 2), "correlation must be"),
        (lambda: outlook(0.2, 0.9, 5, 5), "no model has an AUC of 1.100; give a difference of at most 0.100"),
        (lambda: outlook(-0.1, 0.9, 5, 5), "difference must be"),
        (lambda: outlook(0.01, 0.9, 5, 5, seeds=0), "seeds must be from 1, not 0"),
        (lambda: outlook(0.01, 0.9, 5, 5, spread=-1), "spread must be"),
        (lambda: smallest_difference(0.9, 5, 5, power=1), "power must be"),
    ],
)
def test_what_cannot_be_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as refused:
        call()
    assert "\n" not in str(refused.value)
