"""The fusion explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# Two hundred phantoms and one epoch each: a second or two.
FIT = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.data.cohort import draw_cohort
from medtutor.explorers import fusion
from medtutor.models.hybrid import Fusion
from medtutor.training.fusion import fit_fusion

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 200, "val": 20, "test": 60})
cohort = draw_cohort(xray, missing=0.1)
models = {
    way: fit_fusion(Fusion(way=way), cohort.train, epochs=1, progress=False) for way in ("early", "late", "table")
}
"""
IMAGE, BARS, SHARES, CHARTS = (
    "too. Image of patient",
    "Bars of the probability",
    "Bars of each part's share",
    "Curves of the probability",
)


def test_fusion_by_keyboard(notebook, record_property):
    page = notebook(FIT, "explorer = fusion(models, cohort, 'test')\nexplorer")
    image, bars, parts, charts = shown = page.phantom_pictures(IMAGE, BARS, SHARES, CHARTS)
    before = [png(each.get_attribute("src")) for each in shown]

    page.focus(page.control("patient"))
    page.tab_to(page.output.get_by_role("button", name="next"))
    page.press("Space", page.picture("Image of patient 2 of the test split"))
    assert png(image.get_attribute("src")) != before[0]

    page.tab_to(page.output.get_by_role("slider").first)
    moves = page.latencies(charts, "ArrowRight", 12)
    record_property("milliseconds", ["lab value of a patient", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    assert all(png(each.get_attribute("src")) != old for each, old in zip((bars, parts, charts), before[1:]))

    page.tab_to(page.output.get_by_role("checkbox", name="lab value missing"))
    page.press("Space", page.picture("Bars of the probability .* lab value missing"))
    page.tab_to(page.output.get_by_role("checkbox", name="age missing"))
    page.press("Space", page.picture("lab value missing, age missing"))
    page.tab_to(page.control("look at model"))
    page.choose(1)
    page.picture("the answer of model late").wait_for()
    page.tab_to(page.output.get_by_role("button", name="this patient's own values"))
    page.press("Enter", page.picture("Bars of the probability .* lab value [+-]"))
    page.output.get_by_text("model late says").wait_for()
    assert page.output.get_by_role("alert").count() == 0


def test_patients_turned_over_quickly_keep_their_own_numbers(notebook):
    """What a browser sends back of a slider comes when the kernel is at the next patient already: it is no move
    there.
    """
    page = notebook(FIT, "explorer = fusion(models, cohort, 'test')\nexplorer")
    page.picture(IMAGE).wait_for()
    page.page.wait_for_timeout(500)
    page.tab_to(page.output.get_by_role("button", name="next"))
    for _ in range(12):
        page.page.keyboard.press("Space")
    bars = page.picture(BARS)
    page.picture("Image of patient 13 of the test split").wait_for()
    page.page.wait_for_timeout(1500)
    said = bars.get_attribute("alt")
    page.tab_to(page.output.get_by_role("button", name="this patient's own values"))
    page.page.keyboard.press("Enter")
    page.page.wait_for_timeout(1500)
    assert bars.get_attribute("alt") == said
