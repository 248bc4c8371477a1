"""The feature explorer in JupyterLab in Chromium, by keyboard only."""

import re
import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# A hundred phantoms, one epoch: a second or two.
FIT = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.explorers import features

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 100, "val": 40, "test": 60})
run = mt.fit(mt.build("cnn", xray), xray, mt.Recipe(epochs=1), progress=False)
"""


def test_features_by_keyboard(notebook, record_property):
    page = notebook(FIT, "features(run, xray, 'test')")
    looked_at, maps = page.phantom_pictures("Image \\d+, and its map", "Feature maps of")
    before = [png(each.get_attribute("src")) for each in (looked_at, maps)]

    page.tab_from(page.control("class"), page.control("layer"))
    page.choose(1)
    page.picture("Feature maps of layer blocks").wait_for()
    channel = re.search(r"in channel (\d+) of", looked_at.get_attribute("alt"))[1]
    page.tab_to(page.control("channel"))
    page.choose(1)
    page.picture(f"^(?!.*in channel {channel} of).*its map in channel .* of layer blocks,").wait_for()
    page.tab_to(page.output.get_by_role("button", name="each map its own"))
    page.press("Space", page.picture("colours each map its own"))
    assert png(maps.get_attribute("src")) != before[1]

    page.tab_to(page.output.get_by_role("button", name="try every channel"))
    page.press("Space", page.picture("Largest change of a probability"), timeout=30)
    page.tab_to(page.output.get_by_role("button", name="compare with the training images"))
    page.press("Enter", page.picture("The nearest training images of image 1"), timeout=30)
    page.tab_to(page.output.get_by_role("slider").first)
    waits = [
        page.press("ArrowRight", page.output.get_by_text(f"of the {count} nearest training images"))
        for count in (11, 12, 13)
    ]
    record_property("milliseconds", ["nearest counted", 1000 * statistics.median(waits)])
    assert statistics.median(waits) < 1

    page.focus(page.control("image"))
    page.press("ArrowUp", page.picture("Image 2, and its map"))
    page.picture("The nearest training images of image 2").wait_for()
    assert png(looked_at.get_attribute("src")) != before[0]
