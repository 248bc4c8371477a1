"""What the best of K promises: the formula against drawn numbers, and the experiment against the formula."""

import numpy as np
import pytest

from medtutor.errors import InputError
from medtutor.metrics.selection import expected_maximum, select_on_half, winners_excess


def test_the_mean_of_the_largest_is_that_of_drawn_numbers():
    random = np.random.default_rng(0)
    for count in (2, 7, 20):
        drawn = random.normal(size=(100_000, count)).max(axis=1)
        assert expected_maximum(count) == pytest.approx(drawn.mean(), abs=0.01)


def test_one_network_flatters_nobody():
    assert abs(winners_excess(1, 0.02)) < 1e-9
    assert winners_excess(20, 0.0) == 0


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
def test_the_excess_is_that_of_drawn_networks(spread):
    random = np.random.default_rng(0)
    worth = spread * random.normal(size=(50_000, 10))
    seen = worth + 0.02 * random.normal(size=worth.shape)
    best = seen.argmax(axis=1)
    rows = np.arange(len(seen))
    found = (seen[rows, best] - worth[rows, best]).mean()
    assert winners_excess(10, 0.02, spread) == pytest.approx(found, abs=5e-4)


def test_the_experiment_comes_near_to_the_formula():
    """The mean of some test sets: of one, the halves say as much of its own luck as of the formula."""
    labels, found = np.arange(300) % 2, []
    for seed in range(12):
        random = np.random.default_rng(seed)
        found.append(select_on_half(1.5 * labels + random.normal(size=(20, 300)), labels, repeats=100))
    excess = np.mean([each.excess for each in found])
    assert all(each.kept < each.shown for each in found)
    assert np.mean([each.expected for each in found]) == pytest.approx(excess, rel=0.15)


def test_who_differ_much_are_told_apart():
    random = np.random.default_rng(1)
    labels = np.arange(300) % 2
    worth = np.linspace(0, 3, 20)[:, None]
    found = select_on_half(worth * labels + random.normal(size=(20, 300)), labels)
    assert found.excess < 0.02 and found.spread > 0.1


def test_the_same_start_gives_the_same_halves():
    random = np.random.default_rng(1)
    labels, scores = np.arange(60) % 2, random.normal(size=(3, 60))
    assert select_on_half(scores, labels, start=4) == select_on_half(scores, labels, start=4)
    assert select_on_half(scores, labels, start=4) != select_on_half(scores, labels, start=5)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [(np.zeros((1, 8)), np.arange(8) % 2), (np.zeros((3, 7)), np.arange(8) % 2), (np.zeros((3, 8)), np.ones(8, int))],
)
def test_what_cannot_be_selected_from_is_refused(scores, labels):
    with pytest.raises(InputError, match="give"):
        select_on_half(scores, labels)
