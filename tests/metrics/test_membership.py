"""Membership attacks: rates where they matter, and chance where there is nothing to find."""

import numpy as np
import pytest

from medtutor.errors import InputError
from medtutor.metrics.membership import attack_curve, attack_rates, each_in_turn, likelihood_ratio, log_odds_of_label


def worlds(models, images, shift, seed=0):
    """(scores, inside) of models that remember what they have seen by `shift`; some images are far easier."""
    generator = np.random.default_rng(seed)
    inside = generator.random((models, images)) < 0.5
    easy = generator.normal(0, 3, images)
    return easy + shift * inside + generator.normal(0, 0.5, (models, images)), inside


def test_the_rate_is_that_of_the_lowest_threshold_that_accuses_no_more_than_allowed():
    others, members = np.arange(1000.0), np.array([0.0, 989.5, 990.5, 2000.0])
    few, more = attack_rates(members, others, at=(0.001, 0.01))
    assert (few.found, more.found) == (0.25, 0.75)
    assert few.false <= 0.001 and more.false <= 0.01 and more.interval[0] < 0.75 < more.interval[1]


def test_ties_are_no_hits():
    assert attack_rates(np.ones(50), np.ones(200), at=(0.01,))[0].found == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_has_seen_none_of_the_images_gives_chance(seed):
    scores, inside = worlds(16, 600, shift=0.0, seed=seed)
    found = each_in_turn(scores, inside)
    rate = attack_rates(found.members, found.others, at=(0.01,), whose=found.whose)[0]
    assert rate.interval[0] - 0.004 <= 0.01 <= rate.interval[1] + 0.004


def test_the_likelihood_ratio_finds_what_the_score_alone_does_not():
    scores, inside = worlds(16, 600, shift=1.5)
    found = each_in_turn(scores, inside)
    by_ratio = attack_rates(found.members, found.others, whose=found.whose)
    by_score = attack_rates(scores[inside], scores[~inside])
    assert by_ratio[1].found > 0.3 and by_score[1].found < 0.1
    assert by_ratio[0].found < by_ratio[1].found


def test_intervals_over_images_know_that_scores_of_one_image_are_alike():
    hit = np.repeat([1.0, 0.0], 10).repeat(20)  # ten images that every model gives away, and ten that none does
    whose, others = np.repeat(np.arange(20), 20), np.zeros(100)
    whole, single = (attack_rates(hit, others, at=(0.1,), whose=each)[0] for each in (whose, None))
    assert np.diff(whole.interval) > 2 * np.diff(single.interval)


def test_the_ratio_is_that_of_two_normal_densities():
    from scipy.stats import norm

    generator = np.random.default_rng(0)
    inside = np.tile(np.array([[True], [False]]), (20, 30))
    shadows = generator.normal(0, 1, (40, 30)) + inside
    target = generator.normal(0.5, 1, 30)
    among, without = shadows[inside].reshape(20, 30), shadows[~inside].reshape(20, 30)
    spreads = [np.sqrt(((each - each.mean(0)) ** 2).sum() / (19 * 30)) for each in (among, without)]
    wanted = norm.logpdf(target, among.mean(0), spreads[0]) - norm.logpdf(target, without.mean(0), spreads[1])
    np.testing.assert_allclose(likelihood_ratio(target, shadows, inside), wanted)


def test_an_image_that_no_shadow_has_seen_takes_the_shift_of_the_others():
    inside = np.array([[True, False], [False, False], [True, False]])
    found = likelihood_ratio([2.0, 2.0], np.array([[2.0, 0.1], [0.0, -0.1], [2.2, 0.0]]), inside)
    assert np.isfinite(found).all() and found[1] > 0


def test_the_curve_rises_from_nothing_to_all():
    false, true = attack_curve([3.0, 1.0, 1.0], [0.0, 1.0])
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert (np.diff(false) >= 0).all() and (np.diff(true) >= 0).all()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: attack_rates([1.0], np.arange(50.0)), "takes 1,000 images"),
        (lambda: attack_rates([], [1.0]), "one score for each"),
        (lambda: attack_rates([np.nan], np.arange(2000.0)), "NaN"),
        (lambda: attack_rates([1.0], np.arange(200.0), at=(0.0,)), "above 0"),
        (lambda: likelihood_ratio([1.0], [[1.0]], [[True]]), "some have not"),
        (lambda: likelihood_ratio([1.0, 2.0], [[1.0]], [[True]]), "shape"),
        (lambda: each_in_turn(np.zeros((2, 4)), np.zeros((2, 4), bool)), "three models"),
        (lambda: log_odds_of_label([[2.0, -1.0]], [0]), "probabilities"),
        (lambda: log_odds_of_label([[0.5, 0.5]], [2]), "0 to 1"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
