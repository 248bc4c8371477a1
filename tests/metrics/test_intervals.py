"""Intervals: what scipy gives, pairs that stay together, patients that are drawn whole."""

import numpy as np
import pytest
from scipy import stats

from medtutor.errors import InputError
from medtutor.metrics.intervals import bootstrap, counts, draws, percentiles


def mean(x):
    return x.mean(axis=-1)


@pytest.fixture
def skewed():
    return np.random.default_rng(3).exponential(size=25)


@pytest.mark.parametrize("bca, method", [(False, "percentile"), (True, "BCa")])
@pytest.mark.parametrize("statistic", [mean, lambda x: x.std(axis=-1)], ids=["mean", "sd"])
def test_intervals_are_those_of_scipy(skewed, statistic, bca, method):
    """With the same seed: the same resamples."""
    ours = bootstrap(statistic, skewed, resamples=2_000, bca=bca)
    theirs = stats.bootstrap(
        (skewed,), lambda x, axis: statistic(x), n_resamples=2_000, method=method, random_state=np.random.default_rng(0)
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs))


def test_numbers_of_one_case_are_drawn_together(skewed):
    better = skewed + 0.1
    low, high = bootstrap(lambda a, b: mean(a) - mean(b), better, skewed)
    assert low == pytest.approx(0.1) == high, "each case is better by as much, whichever are drawn"


def test_subjects_are_drawn_with_all_their_cases():
    """Ten slices of each of eight patients, all alike: as uncertain as eight numbers, not eighty."""
    of_patient = np.random.default_rng(0).normal(size=8)
    slices, patients = np.repeat(of_patient, 10), np.repeat(np.arange(8) + 100, 10)
    whole = bootstrap(mean, slices, subjects=patients)
    assert whole == pytest.approx(bootstrap(mean, of_patient))
    assert np.diff(whole)[0] > 2 * np.diff(bootstrap(mean, slices))[0]
    shuffled = np.random.default_rng(1).permutation(80)
    assert bootstrap(mean, slices[shuffled], subjects=patients[shuffled]) == pytest.approx(whole)


def test_subjects_may_have_unequal_numbers_of_cases_and_be_corrected():
    values, subjects = np.arange(7.0), [0, 0, 0, 1, 1, 2, 3]
    low, high = bootstrap(mean, values, subjects=subjects, bca=True)
    assert 0 <= low < values.mean() < high <= 6


@pytest.mark.parametrize("bca", [False, True])
def test_cases_that_are_all_alike_leave_no_doubt(bca):
    assert bootstrap(mean, np.full(5, 0.5), bca=bca) == (0.5, 0.5)
    assert bootstrap(mean, [0.5], bca=bca) == (0.5, 0.5)


def test_resamples_without_a_value_are_left_out():
    values = np.r_[np.nan, np.arange(101.0)]
    assert percentiles(values) == (2.5, 97.5)


def test_counts_are_of_whole_resamples_in_parts_of_any_size():
    parts = list(counts(3_000_000, 3, seed=0))
    assert [part.shape for part in parts] == [(1, 3_000_000)] * 3 and all(part.sum() == 3_000_000 for part in parts)


def test_a_generator_goes_on_where_it_stopped():
    generator = np.random.default_rng(5)
    first, second = draws(4, 10, generator), draws(4, 10, generator)
    assert np.array_equal(first, draws(4, 10, 5)) and not np.array_equal(first, second)


def test_samples_of_other_lengths_are_refused():
    with pytest.raises(InputError, match="one length"):
        bootstrap(lambda a, b: mean(a) - mean(b), [1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="one length"):
        bootstrap(mean, [1.0, 2.0], subjects=[1])
