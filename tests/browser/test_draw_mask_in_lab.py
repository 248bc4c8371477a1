"""The draw-a-mask explorer in JupyterLab in Chromium, by keyboard only."""

import re
import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

DRAW = """
import medtutor as mt
from medtutor.explorers.draw_mask import draw_mask

draw_mask(mt.load("hippocampus", source="phantom"))
"""


def test_drawing_by_keyboard(notebook, record_property):
    page = notebook(DRAW)
    [picture] = page.phantom_pictures("with your mask")
    assert "common" in picture.get_attribute("alt")
    button = lambda name: page.output.get_by_role("button", name=name, exact=True)  # noqa: E731

    page.focus(page.control("begin with"))
    page.choose(1)  # one pixel too wide
    page.tab_to(button("begin"))
    page.press("Space", page.picture("sensitivity 1.000, precision 0"))
    pixels = re.search("all parts, ([0-9]+) pixels", picture.get_attribute("alt"))[1]
    before = png(picture.get_attribute("src"))
    page.tab_to(button("grow"))
    page.press("Space", page.picture(f"all parts, (?!{pixels} )"))
    assert png(picture.get_attribute("src")) != before
    page.tab_to(button("undo"))
    page.press("Enter", page.picture(f"all parts, {pixels} pixels"))

    page.tab_to(button("erases"))
    page.page.keyboard.press("Space")
    page.tab_to(page.control("row"))
    size = picture.get_attribute("alt")
    row = int(size.split("at row ")[1].split(",")[0])
    waits = [page.press("ArrowRight", page.picture(f"brush is at row {row + step},")) for step in range(1, 9)]
    record_property("milliseconds", ["a stroke", 1000 * statistics.median(waits)])
    assert statistics.median(waits) < 0.3  # of which most is the way between page and kernel
    assert picture.get_attribute("alt").split("mask of")[1] != size.split("mask of")[1]

    page.tab_to(button("show the expert's mask"))
    page.press("Space", page.picture("the expert's mask is hidden"))
    page.tab_to(button("note the numbers"))
    page.press("Space", page.output.get_by_text("note 1", exact=True))
