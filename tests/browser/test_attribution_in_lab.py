"""The attribution explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# A hundred phantoms and one epoch: a second or two.
FIT = """
import medtutor as mt
from medtutor.data import phantoms

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 100, "val": 40, "test": 60})
run = mt.fit(mt.build("cnn", xray), xray, mt.Recipe(epochs=1), progress=False)
"""


def test_attribution_by_keyboard(notebook, record_property):
    page = notebook(FIT, "mt.explore(run, xray)")
    [picture] = page.phantom_pictures("its map, and the map over the image")
    page.picture("Integrated gradients for").wait_for()  # the picture comes before its map
    first = picture.get_attribute("src")

    page.focus(page.control("split"))
    page.tab_to(page.control("method"))
    page.choose(1)  # SmoothGrad
    page.picture("SmoothGrad for").wait_for()
    assert png(picture.get_attribute("src")) != png(first)
    page.tab_to(page.control("samples"))
    before = png(picture.get_attribute("src"))
    page.press("ArrowLeft", page.picture("samples 15, noise 0.15"))
    assert png(picture.get_attribute("src")) != before

    page.tab_to(page.control("weights"))
    page.choose(2)
    page.picture("all at random").wait_for()
    page.tab_to(page.control("compare with"))
    page.choose(1)
    page.picture("Compared with: SmoothGrad").wait_for()
    page.tab_to(page.control("show"))
    page.choose(1)
    page.picture("for the class").wait_for()

    page.tab_to(page.control("opacity"))
    looks = page.latencies(picture, "ArrowLeft", 10)
    page.tab_to(page.output.get_by_role("button", name="next"))
    page.press("Space", page.picture("image 2 of the val split"))
    images = page.latencies(picture, "Enter", 10)
    record_property("milliseconds", ["opacity", statistics.median(looks)])
    record_property("milliseconds", ["next image, two maps", statistics.median(images)])
    assert statistics.median(looks) < 1000 and statistics.median(images) < 1000

    page.tab_to(page.control("size"))
    page.press("ArrowRight", page.picture("A square of 1 pixels is covered"))
    page.output.get_by_text("striped: with the square").wait_for()


def test_scores_by_keyboard(notebook):
    page = notebook(FIT, "mt.explore(run, xray)")
    page.picture("Integrated gradients for").wait_for()
    page.focus(page.control("fill"))
    page.tab_to(page.output.get_by_role("button", name="compute the scores"))
    page.press("Space", page.picture("deletion 0"), timeout=60)
    assert page.output.get_by_role("rowheader", name="insertion").is_visible()
    page.tab_to(page.control("as code"))
    assert "mt.explain(run, image" in page.control("as code").locator("textarea").input_value()


def test_a_slow_method_can_be_stopped_by_keyboard(notebook):
    page = notebook(
        FIT, "e = mt.explore(run, xray)\ne.method.value = 'kernel_shap'\ne.settings.children[1].value = 1000\ne"
    )
    page.picture("No map").wait_for()
    page.focus(page.control("fill"))
    page.tab_to(page.output.get_by_role("button", name="compute the map"))
    page.page.keyboard.press("Space")
    page.tab_to(page.output.get_by_role("button", name="stop"))
    page.page.keyboard.press("Space")
    page.output.get_by_text("stopped", exact=True).or_(page.output.get_by_text("done", exact=True)).first.wait_for()
    page.focus(page.control("method"))
    page.choose(-1)  # nowhere: the list closes
    assert page.output.get_by_role("alert").count() == 0
