"""The frontier explorer: what fits, what is best and how sure that is, what it says and draws, how quick it is."""

import html
import re
import statistics
import time

import pytest

from medtutor.errors import InputError
from medtutor.explorers import frontier
from medtutor.reports.frontier import Point, on_frontier


def point(name, auc, ms, parameters=1000.0, **more):
    return Point(
        name,
        {"AUC": (auc, auc - 0.02, auc + 0.02), **more},
        {"parameters": (parameters,) * 3, "ms": (ms, 0.9 * ms, 1.1 * ms)},
    )


POINTS = [
    point("tiny", 0.80, 0.1, 1e3),
    point("small", 0.93, 0.5, 1e4, accuracy=(0.9, 0.85, 0.95)),
    point("worse", 0.90, 5.0, 5e4),
    point("large", 0.95, 10.0, 1e6, accuracy=(0.8, 0.7, 0.9)),
]


@pytest.fixture
def explorer():
    return frontier(POINTS)


def words(widget):
    return html.unescape(re.sub("<[^>]+>", " ", widget.value))


def alt(widget):
    return html.unescape(re.search(r'alt="([^"]*)"', widget.value)[1])


def names(points):
    return [each.name for each in points]


def test_without_limits_all_fit_and_overlap_makes_rivals(explorer):
    assert names(explorer.fitting) == ["tiny", "small", "worse", "large"] and explorer.best.name == "large"
    assert names(explorer.rivals) == ["small"]  # 0.95 reaches down to 0.93, worse only up to 0.92
    assert "small costs 100.0 times less" in words(explorer._words)


def test_a_budget_leaves_the_cheap_and_a_deadline_the_quick(explorer):
    explorer.budget.value = 60
    assert 1e4 < explorer.allowed < 1e6 and explorer.best.name == "small"
    explorer.budget.value, explorer.deadline.value = 100, 30
    assert explorer.limit < 0.5 and names(explorer.fitting) == ["tiny"]
    assert "There is no other to compare it with" in words(explorer._words)
    assert "small 0.930 (0.910 to 0.950) at 1e+04, does not fit" in alt(explorer._plane)


def test_the_deadline_is_held_by_the_upper_end_of_the_interval():
    slow = Point("slow", {"AUC": (0.9, 0.8, 1.0)}, {"ms": (1.0, 0.5, 100.0)})
    quick = Point("quick", {"AUC": (0.8, 0.7, 0.9)}, {"ms": (1.0, 0.5, 1.2)})
    explorer = frontier([slow, quick])
    explorer.deadline.value = 50
    assert 1.2 < explorer.limit < 100 and names(explorer.fitting) == ["quick"]


def test_nothing_that_fits_is_said(explorer):
    explorer.budget.value = 0
    assert explorer.best is None and "No model fits" in words(explorer._words) and "None fits" in alt(explorer._plane)
    assert not explorer.message.value


def test_a_measure_that_few_have_shows_few(explorer):
    explorer.measure.value = "accuracy"
    assert explorer.best.name == "small" and "tiny" not in alt(explorer._plane)


def test_on_the_frontier_is_what_none_beats():
    assert names(on_frontier(POINTS, "AUC", "ms")) == ["tiny", "small", "large"]


def test_without_times_there_is_no_deadline():
    explorer = frontier([Point("a", {"AUC": (0.9, 0.9, 0.9)}, {"kB": (3.0, 3.0, 3.0)})])
    assert explorer.deadline.layout.display == "none" and explorer.best.name == "a" and not explorer.message.value


@pytest.mark.parametrize(
    "given, why",
    [
        (3, "no points"),
        ([1], "no points"),
        ([], "no points"),
        ([POINTS[0], POINTS[0]], "twice"),
        ([Point("a", {}, {"ms": (1.0, 1.0, 1.0)})], "no measure"),
        ([POINTS[0], Point("a", {"AUC": (0.9, 0.9, 0.9)}, {"kB": (1.0, 1.0, 1.0)})], "no cost in common"),
        ([Point("a", {"AUC": (0.9, 0.95, 0.99)}, {"ms": (1.0, 1.0, 1.0)})], "low ≤ value ≤ high"),
        ([Point("a", {"AUC": (float("nan"),) * 3}, {"ms": (1.0, 1.0, 1.0)})], "low ≤ value ≤ high"),
    ],
)
def test_what_is_no_point_is_one_sentence(given, why):
    with pytest.raises(InputError, match=why):
        frontier(given)


def test_every_control_answers_within_100_ms(explorer):
    """Of processor time, as busy machines let others in between; the median of eight moves."""
    for name, values in {"budget": range(20, 100, 10), "deadline": range(20, 100, 10)}.items():
        times = []
        for value in values:
            start = time.process_time()
            getattr(explorer, name).value = value
            times.append(time.process_time() - start)
        assert statistics.median(times) < 0.1, name
    assert not explorer.message.value
