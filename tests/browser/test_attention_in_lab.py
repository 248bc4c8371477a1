"""The attention explorer in JupyterLab in Chromium, by keyboard only; and one click on the image."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# A hundred phantoms, two small models, one epoch each: a second or two.
FIT = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.explorers import attention

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 100, "val": 40, "test": 60})
models = mt.build("vit", xray, width=16, depth=3, heads=2), mt.build("cnn", xray, widths=(8, 16, 32))
vit, cnn = (mt.fit(model, xray, mt.Recipe(epochs=1), progress=False) for model in models)
"""
IMAGE, MAPS, CHART = (
    "of the test split in 7 x 7 patches",
    "Maps over the image|Maps alone",
    "Mean attention distance in pixels",
)


def test_attention_by_keyboard(notebook, record_property):
    page = notebook(FIT, "attention(vit, xray, cnn=cnn, split='test')")
    image, maps, chart = shown = page.phantom_pictures(IMAGE, MAPS, CHART)
    before = [png(each.get_attribute("src")) for each in shown]

    page.focus(page.control("image"))
    page.tab_to(page.output.get_by_role("button", name="next"))
    page.press("Space", page.picture("Image 2 of the test split"))
    page.output.get_by_text("Image 2: predicted").first.wait_for()  # the words come last
    assert png(image.get_attribute("src")) != before[0] and png(maps.get_attribute("src")) != before[1]

    # The buttons of the patches are not on the way.
    page.tab_to(page.output.get_by_role("slider").nth(1), limit=6)
    page.press("ArrowRight", page.picture("where the patch in row 4, column 5 looks"))
    page.press("ArrowLeft", page.picture("where the patch in row 4, column 4 looks"))
    page.picture("the patch in row 4, column 4 is framed").wait_for()
    moves = page.latencies(maps, "ArrowLeft", 3) + page.latencies(maps, "ArrowRight", 6)
    record_property("milliseconds", ["patch that looks", statistics.median(moves)])
    page.picture("where the patch in row 4, column 7 looks").wait_for()
    assert statistics.median(moves) < 1000

    page.tab_to(page.output.get_by_role("slider").nth(2), limit=6)
    page.press("ArrowLeft", page.picture("Block 2 of 3: where the patch"))
    page.picture("Block 2 is marked").wait_for()
    page.tab_to(page.output.get_by_role("button", name="alone", exact=True))
    page.press("Space", page.picture("Maps alone"))
    page.tab_to(page.output.get_by_role("button", name="each map its own"))
    page.press("Enter", page.picture("Full colour of heads and mean: the highest of each"))
    page.tab_to(page.control("CNN layer"))
    for key in ("Space", "ArrowUp", "Enter"):
        page.page.keyboard.press(key)
        page.page.wait_for_timeout(100)
    page.picture("Receptive field of cnn, blocks.1, at the same place").wait_for()

    page.focus(page.control("image"))
    page.tab_to(page.output.get_by_role("button", name="the answer", exact=True))
    page.press("Space", page.picture("where the answer .the mean over all tokens. looks"))
    page.output.get_by_text("the answer (the mean over all tokens) looks most at").first.wait_for()
    assert page.output.get_by_role("alert").count() == 0


def test_a_click_on_the_image_chooses_a_patch(notebook):
    page = notebook(FIT, "attention(vit, xray, split='test')")
    image = page.picture(IMAGE)
    image.wait_for()
    box = image.bounding_box()
    side = box["width"] / 7
    page.page.mouse.click(box["x"] + 5.5 * side, box["y"] + 1.5 * side)
    page.picture("the patch in row 2, column 6 is framed").wait_for()
    page.picture("where the patch in row 2, column 6 looks").wait_for()
    page.output.get_by_role("button", name="row 7, column 7").click()
    page.picture("the patch in row 7, column 7 is framed").wait_for()
