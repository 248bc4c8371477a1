"""The sample-size explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

SHOW = """
from medtutor.explorers import sample_size
from medtutor.review import Curve

plain = Curve("plain", (20, 4708), (0.8, 0.94), (0.7, 0.92), (0.86, 0.96), "test AUC", "draws of labels")
none = Curve("none of it", ("a", "b"), (0.8, 0.94), (0.7, 0.92), (0.86, 0.96), "test AUC", "draws of labels")
explorer = sample_size([plain, none])
explorer
"""


def test_sample_size_by_keyboard(notebook, record_property):
    page = notebook(SHOW)
    intervals = page.picture("40 simulated comparisons of two models, true difference 0.020")
    shares, detectable = page.picture("Of all repetitions"), page.picture("Smallest difference of two AUC")
    for each in (intervals, shares, detectable):
        each.wait_for()
    before = [png(each.get_attribute("src")) for each in (intervals, shares, detectable)]

    sliders = page.output.get_by_role("slider")
    sliders.first.focus()  # test cases
    moves = page.latencies(shares, "ArrowRight", 6)
    record_property("milliseconds", ["test cases", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    assert all(png(each.get_attribute("src")) != old for each, old in zip((intervals, shares, detectable), before))
    page.output.get_by_text("How often you would miss it, or be fooled").wait_for()

    page.tab_to(page.control("curve"))
    page.choose(1)
    page.picture("none of it: test AUC, with 95 % intervals. a: 0.800").wait_for()
    assert page.output.get_by_role("alert").count() == 0
    page.check()
