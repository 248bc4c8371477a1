"""Abstaining and deciding: by hand, by counting, and at the ends."""

import numpy as np
import pytest

from medtutor.errors import InputError
from medtutor.metrics.decisions import counted, outcomes
from medtutor.metrics.selective import area_under_risk, at_prevalence, net_benefit, risk_coverage, treat_all

GENERATOR = np.random.default_rng(0)
TRUTH = GENERATOR.random(300) < 0.4
SCORE = np.clip(0.35 * TRUTH + 0.65 * GENERATOR.random(300), 0, 1)


def test_risk_is_the_share_of_errors_among_the_surest():
    certainty, right = GENERATOR.random(50), GENERATOR.random(50) < 0.7
    coverage, risk = risk_coverage(certainty, right)
    order = np.argsort(-certainty)
    for count in (1, 7, 50):
        assert coverage[count - 1] == count / 50
        assert risk[count - 1] == pytest.approx(1 - right[order[:count]].mean())


def test_equally_certain_cases_come_in_no_order():
    first = risk_coverage([0.5] * 4, [True, True, False, False])[1]
    assert first == pytest.approx([0.5] * 4) == risk_coverage([0.5] * 4, [False, False, True, True])[1]


def test_a_certainty_that_knows_has_less_area_than_one_that_does_not():
    right = np.arange(100) >= 20
    assert area_under_risk(np.arange(100), right) < area_under_risk(GENERATOR.random(100), right)
    assert area_under_risk(np.zeros(100), right) == pytest.approx(0.2)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.8])
def test_net_benefit_counts_true_and_false_alarms(at):
    c = counted(outcomes(TRUTH, SCORE, at))
    by_hand = c.tp / 300 - c.fp / 300 * at / (1 - at)
    assert net_benefit(TRUTH, SCORE, [at])[0] == pytest.approx(by_hand)


def test_another_prevalence_is_that_of_cases_drawn_so():
    ill, well = np.flatnonzero(TRUTH), np.flatnonzero(~TRUTH)
    rows = np.concatenate([np.tile(ill, len(well)), np.tile(np.repeat(well, len(ill)), 3)])  # one in four is ill
    at = [0.1, 0.3, 0.6]
    assert net_benefit(TRUTH, SCORE, at, 0.25) == pytest.approx(net_benefit(TRUTH[rows], SCORE[rows], at))


def test_who_treats_all_is_a_model_that_says_one():
    at = np.array([0.0, 0.2, 0.5])
    assert treat_all(TRUTH.mean(), at) == pytest.approx(net_benefit(TRUTH, np.ones(300), at))
    assert treat_all(0.3, [0.3])[0] == pytest.approx(0.0)


def test_bayes_corrects_a_label_shift_and_back():
    p = np.linspace(0.01, 0.99, 20)
    moved = at_prevalence(p, 0.7, 0.1)
    assert (moved < p).all() and at_prevalence(moved, 0.1, 0.7) == pytest.approx(p)
    # Two classes with normal scores: the posterior is known.
    x = np.linspace(-2, 3, 11)

    def posterior(share):
        return (
            share
            * np.exp(-((x - 1) ** 2) / 2)
            / (share * np.exp(-((x - 1) ** 2) / 2) + (1 - share) * np.exp(-(x**2) / 2))
        )

    assert at_prevalence(posterior(0.5), 0.5, 0.05) == pytest.approx(posterior(0.05))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: risk_coverage([], []), "one case or more"),
        (lambda: risk_coverage([np.nan], [True]), "NaN"),
        (lambda: risk_coverage([0.5, 0.6], [True]), "a bool for each"),
        (lambda: net_benefit([True, True], [0.5, 0.6], [0.5]), "one class"),
        (lambda: net_benefit([], [], [0.5]), "one class"),
        (lambda: net_benefit([True, False], [0.5], [0.5]), "one for each"),
        (lambda: net_benefit([True, False], [0.5, 0.6], [1.0]), "below 1"),
        (lambda: net_benefit([True, False], [0.5, 0.6], [0.5], 1.5), "prevalence"),
        (lambda: at_prevalence([0.5], 0.0, 0.5), "was"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
