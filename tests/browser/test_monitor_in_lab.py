"""The monitor explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# Phantoms, one epoch of a small network: a few seconds.
FIT = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.explorers import monitor

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 100, "val": 80, "test": 20})
run = mt.fit(mt.build("mlp", xray), xray, mt.Recipe(epochs=1), progress=False)
"""


def test_monitor_by_keyboard(notebook, record_property):
    page = notebook(FIT, "monitor(run, xray)")
    followed, shown = page.phantom_pictures("of stream 1, with a line", "Images of stream 1")
    before = png(followed.get_attribute("src"))

    page.tab_from(page.control("change"), page.control("follow"))
    page.choose(3)
    page.picture("of sharpness over the 900 images").wait_for()
    assert png(followed.get_attribute("src")) != before
    page.focus(page.control("change"))
    page.choose(1)
    page.picture("Images of stream 1.* the scanner changes: noise, size 0.3").wait_for()
    page.output.get_by_text("from the change to the alarm").wait_for()

    page.focus(page.control("stream"))
    waits = [
        page.press("ArrowRight", page.picture(f"over the 900 images of stream {number}, ")) for number in (2, 3, 4)
    ]
    record_property("milliseconds", ["another stream", 1000 * statistics.median(waits)])
    assert statistics.median(waits) < 1
    page.picture("Images of stream 4").wait_for()
