"""The sample-size explorer: what its numbers say, what it draws, how quick it is."""

import html
import re
import statistics
import time

import pytest

from medtutor.errors import InputError
from medtutor.explorers import sample_size
from medtutor.explorers.sample_size import CASES, SETS
from medtutor.explorers.sample_size_panels import kind_of, percent
from medtutor.metrics.power import outlook
from medtutor.review import Curve

CURVES = [
    Curve("plain", (20, 4708), (0.8, 0.94), (0.7, 0.92), (0.86, 0.96), "test AUC", "draws"),
    Curve("remedies", ("none", "a long name of a remedy"), (0.9, 0.91), (0.88, 0.9), (0.92, 0.93), "test AUC", "draws"),
]


@pytest.fixture
def explorer():
    return sample_size(CURVES)


def words(widget):
    return html.unescape(re.sub("<[^>]+>", " ", widget.value))


def alt(widget):
    return html.unescape(re.search(r'alt="([^"]*)"', widget.value)[1])


def test_the_numbers_are_those_of_the_outlook(explorer):
    explorer.cases.value, explorer.difference.value = 156, 0.05
    explorer.share.value, explorer.auc.value, explorer.seeds.value = 0.25, 0.9, 3
    wanted = outlook(0.05, 0.9, 39, 117, correlation=0.5, seeds=3, spread=0.006)
    assert explorer.found.seen == pytest.approx(wanted.seen) and explorer.found.error == pytest.approx(wanted.error)
    assert f"the better one found: {percent(wanted.seen)}" in alt(explorer._shares_shown)
    low, high = wanted.interval
    assert f"a difference between {low:+.3f} and {high:+.3f}" in words(explorer._in_words)


def test_more_cases_show_smaller_differences_and_the_marks_are_there(explorer):
    smallest = [explorer._smallest[cases] for cases in CASES]
    known = [value for value in smallest if value is not None]
    assert known == sorted(known, reverse=True) and len(known) > 5
    told = alt(explorer._detectable_shown)
    assert set(SETS.values()) == {156, 624, 7180} <= set(CASES)
    for name, cases in SETS.items():
        assert f"{name}, {cases:,} test images: {explorer._smallest[cases]:.3f}" in told


def test_without_a_difference_to_find_one_is_to_be_fooled(explorer):
    explorer.difference.value, explorer.spread.value = 0, 0.02
    found = explorer.found
    assert "a difference where there is none" in words(explorer._in_words)
    assert f"How often you would be fooled: {percent(found.seen + found.wrong)}" in words(explorer._in_words)
    assert "comes from the trainings, and the interval does not know of it" in words(explorer._in_words)
    one = found.seen + found.wrong
    explorer.seeds.value = 5
    assert explorer.found.seen + explorer.found.wrong < 0.5 * one
    assert "does not know of it" not in words(explorer._in_words)


def test_several_classes_hide_the_share_and_are_more_certain(explorer):
    two = explorer.found.error
    explorer.classes.value = 9
    assert explorer.share.layout.display == "none" and explorer.found.error < two
    explorer.classes.value = 2
    assert explorer.share.layout.display is None


def test_the_difference_never_passes_an_auc_of_one(explorer):
    explorer.auc.value, explorer.difference.value = 0.85, 0.15
    explorer.auc.value = 0.98
    assert explorer.difference.value <= 0.02 + 1e-9 and not explorer.message.value


def test_every_interval_is_drawn_as_what_it_says(explorer):
    kinds = [kind_of(low, high) for low, _, high in explorer.found.examples]
    assert f"lies above 0 in {kinds.count('seen')}, holds 0 in {kinds.count('nothing')}" in alt(
        explorer._intervals_shown
    )
    assert kind_of(0.1, 0.2) == "seen" and kind_of(-0.2, -0.1) == "wrong" and kind_of(-0.1, 0.1) == "nothing"


def test_curves_are_told_with_their_intervals(explorer):
    assert "20: 0.800 (0.700 to 0.860); 4708: 0.940 (0.920 to 0.960)" in alt(explorer._curve_shown)
    before = explorer._curve_shown.value
    explorer.curve.value = 1
    assert "remedies: test AUC" in alt(explorer._curve_shown) and explorer._curve_shown.value != before
    assert "over draws" in words(explorer._about_curve)


def test_without_curves_there_is_no_list_of_them():
    explorer = sample_size(())
    assert explorer.curve.layout.display == "none" and explorer._curve_shown.value == ""
    assert "What you would see" in words(explorer._in_words) and not explorer.message.value


def test_the_curves_of_the_evidence_are_shown_unless_others_are_given():
    explorer = sample_size()
    assert not explorer.message.value
    assert all(isinstance(curve, Curve) for _, curve in explorer._curves)


@pytest.mark.parametrize("given", [3, "plain", [1], [None]])
def test_what_is_no_curve_is_one_sentence(given):
    with pytest.raises(InputError, match=r"curves are .*; give a list of Curve"):
        sample_size(given)


def test_every_control_answers_within_100_ms(explorer):
    """Of processor time, as busy machines let others in between; the median of eight moves."""
    moves = {
        "cases": CASES[:8],
        "classes": (3, 4, 5, 6, 7, 8, 9, 2),
        "share": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.62),
        "auc": (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93),
        "difference": (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.025),
        "correlation": (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.5),
        "seeds": (2, 3, 4, 5, 6, 7, 8, 9),
        "spread": (0.001, 0.002, 0.003, 0.004, 0.005, 0.007, 0.008, 0.01),
        "curve": (1, 0, 1, 0, 1, 0, 1, 0),
    }
    for name, values in moves.items():
        times = []
        for value in values:
            start = time.process_time()
            getattr(explorer, name).value = value
            times.append(time.process_time() - start)
        assert statistics.median(times) < 0.1, name
    assert not explorer.message.value
