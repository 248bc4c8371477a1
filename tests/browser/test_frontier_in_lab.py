"""The frontier explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

SHOW = """
from medtutor.explorers import frontier
from medtutor.reports.frontier import Point

names = ("mlp", "lenet", "cnn", "vit")
points = [
    Point(name, {"test AUC": (0.90 + 0.02 * n, 0.87 + 0.02 * n, 0.92 + 0.02 * n)},
          {"parameters": (1000.0 * 4**n,) * 3, "ms": (0.1 * 2**n, 0.09 * 2**n, 0.15 * 2**n)})
    for n, name in enumerate(names)
]
explorer = frontier(points)
explorer
"""


def test_frontier_by_keyboard(notebook, record_property):
    page = notebook(SHOW)
    plane = page.picture("test AUC over parameters")
    plane.wait_for()
    before = png(plane.get_attribute("src"))
    page.focus(page.control("budget"))
    moves = page.latencies(plane, "ArrowLeft", 6)
    record_property("milliseconds", ["budget", statistics.median(moves)])
    assert statistics.median(moves) < 1000 and png(plane.get_attribute("src")) != before
    page.output.get_by_text("The best of them: cnn").wait_for()
    page.page.keyboard.press("Home")
    page.output.get_by_text("No model fits").or_(page.output.get_by_text("0 of 4 models fit")).first.wait_for()
    page.tab_to(page.control("cost"))
    page.choose(1)
    page.picture("test AUC over milliseconds of one image").wait_for()
    assert page.output.get_by_role("alert").count() == 0
    page.check()
