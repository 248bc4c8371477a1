"""CUSUM, KS and run lengths: against definitions, textbooks' numbers and scipy."""

import numpy as np
import pytest
from scipy import stats

from medtutor.errors import InputError
from medtutor.metrics import cusum, first_alarm, limit_for, normal_scores, run_length, windowed_ks
from medtutor.metrics.drift import PLACES, cusum_limit, cusum_run_length


def by_definition(deviations, slack):
    """The larger of both sums, one step after the other."""
    up = down = 0.0
    sums = []
    for each in deviations:
        up, down = max(0.0, up + each - slack), max(0.0, down - each - slack)
        sums.append(max(up, down))
    return sums


@pytest.mark.parametrize("slack", [0.0, 0.25, 0.5, 1.0])
def test_cusum_is_its_definition_on_each_stream(slack):
    streams = np.random.default_rng(0).standard_normal((3, 4, 50))
    found = cusum(streams, slack)
    assert found.shape == streams.shape
    for place in np.ndindex(3, 4):
        assert found[place].tolist() == pytest.approx(by_definition(streams[place], slack))


def test_cusum_sees_a_change_in_either_direction_and_not_a_spike():
    change = np.r_[np.zeros(20), np.full(20, 1.5)]
    assert cusum(change)[-1] == pytest.approx(cusum(-change)[-1]) == pytest.approx(20)
    assert cusum(np.r_[np.zeros(20), 4.0, np.zeros(20)])[-1] == 0


# Hawkins & Olwell, Cumulative Sum Charts (1998): both sides, slack 0.5.
@pytest.mark.parametrize("limit, exact", [(4, 168), (5, 465)])
def test_run_length_of_the_textbooks(limit, exact):
    assert cusum_run_length(limit) == pytest.approx(exact, rel=0.02)
    quiet = cusum(np.random.default_rng(0).standard_normal((1000, 1000)))
    assert run_length(quiet, limit) == pytest.approx(exact, rel=0.12)
    assert limit_for(quiet, exact) == pytest.approx(limit, abs=0.2)


@pytest.mark.parametrize("cases", [50, 168, 1000, 1e6])
@pytest.mark.parametrize("slack", [0.25, 0.5, 1.0])
def test_the_limit_is_the_inverse_of_the_run_length(cases, slack):
    limit = cusum_limit(cases, slack)
    assert limit == 0.0 or cusum_run_length(limit, slack) == pytest.approx(cases, rel=1e-6)


def test_windowed_ks_is_that_of_scipy_but_for_its_places():
    rng = np.random.default_rng(0)
    usual, stream = rng.standard_normal(400), rng.standard_normal(120) + 0.4
    found = windowed_ks(stream, usual, 60)
    assert (found[:59] == 0).all()
    exact = [stats.ks_2samp(stream[at - 59 : at + 1], usual).statistic for at in range(59, 120)]
    assert (found[59:] <= np.array(exact) + 1e-6).all()
    assert np.abs(found[59:] - exact).max() < 2 / PLACES


def test_windowed_ks_sees_a_change_of_spread_that_cusum_does_not():
    rng = np.random.default_rng(0)
    usual = rng.standard_normal(400)
    wide = 3 * rng.standard_normal(200)
    assert windowed_ks(wide, usual, 100)[-1] > 0.2
    assert np.abs(normal_scores(wide, usual).mean()) < 0.3


def test_normal_scores_are_normal_whatever_the_distribution():
    usual = np.random.default_rng(0).exponential(size=2000) ** 3
    found = normal_scores(usual, usual)
    assert abs(found.mean()) < 0.01 and found.std() == pytest.approx(1, abs=0.02)
    assert np.isfinite(normal_scores([-1e9, 1e9], usual)).all()
    assert (np.diff(found[np.argsort(usual)]) >= 0).all()


def test_ties_have_the_score_of_their_middle():
    assert normal_scores([1.0], [1.0] * 40)[0] == pytest.approx(0, abs=1e-9)


def test_first_alarm_counts_from_one_and_needs_more_than_the_limit():
    assert first_alarm([[1.0, 2.0], [3.0, 0.0], [1.0, 1.0]], 1.0).tolist() == [2.0, 1.0, np.inf]
    assert run_length(np.zeros((5, 10)), 1.0) == np.inf


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: cusum([0.0], -1), "slack"),
        (lambda: cusum([]), "no case"),
        (lambda: cusum([float("nan")]), "NaN"),
        (lambda: normal_scores([0.0], [1.0] * 5), "at least 20"),
        (lambda: windowed_ks([0.0], np.arange(50.0), 1), "window"),
        (lambda: limit_for(np.zeros((5, 10)), 100), "at least 20 streams"),
        (lambda: limit_for(np.zeros((30, 10)), 0), "cases"),
        (lambda: cusum_limit(3), "cases"),
        (lambda: cusum_run_length(-1), "limit"),
    ],
)
def test_wrong_input_is_a_sentence(wrong, words):
    with pytest.raises(InputError, match=words):
        wrong()
