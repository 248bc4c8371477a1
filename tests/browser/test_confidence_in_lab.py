"""The confidence explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# Two hundred phantoms and six epochs: with fewer, a step of the slider moves nothing by a pixel.
FIT = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.explorers import confidence
from medtutor.training.uncertainty import with_dropout

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 200, "val": 100, "test": 120})
network = with_dropout(mt.build("cnn", xray, widths=(4, 8, 8)))
run = mt.fit(network, xray, mt.Recipe(epochs=6), progress=False)
"""
CURVES, BARS, IMAGE = "Three charts", "Bars of the sets", "Image .* of those looked at"


def test_confidence_by_keyboard(notebook, record_property):
    page = notebook(FIT, "explorer = confidence(run, xray, 'test')\nexplorer")
    curves, bars, image = shown = page.phantom_pictures(CURVES, BARS, IMAGE)
    before = [png(each.get_attribute("src")) for each in shown]

    page.tab_to(page.output.get_by_role("slider").first)
    moves = page.latencies(curves, "ArrowLeft", 8)
    record_property("milliseconds", ["temperature", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    assert png(curves.get_attribute("src")) != before[0]

    page.tab_to(page.output.get_by_role("button", name="fit it there"))
    page.press("Enter", page.output.get_by_text("overconfidence"))
    page.tab_to(page.output.get_by_role("slider").nth(1))
    page.latencies(bars, "ArrowLeft", 6)
    assert png(bars.get_attribute("src")) != before[1]
    page.tab_to(page.output.get_by_role("checkbox", name="each class on its own"))
    page.press("Space", page.picture(BARS))
    page.tab_to(page.control("corruption"))
    page.choose(1)
    page.picture(CURVES).wait_for()
    page.focus(page.control("image"))
    assert page.output.get_by_role("alert").count() == 0
