"""The fairness explorer and the reader study in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

FIT = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.data.groups import plant_groups
from medtutor.explorers import fairness, reading

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 200, "val": 200, "test": 20})
grouped = plant_groups(xray, missed=0.4)
run = mt.fit(mt.build("mlp", grouped.dataset), grouped.dataset, mt.Recipe(epochs=1), progress=False)
"""


def test_both_by_keyboard(notebook, record_property):
    page = notebook(FIT, "explorer = fairness(run, grouped)\nexplorer")
    bars, curves, precision = page.phantom_pictures(
        "Bars of every criterion", "ROC curves of both", "Precision against"
    )
    before = [png(each.get_attribute("src")) for each in (bars, curves, precision)]
    page.tab_to(page.output.get_by_role("slider").first)
    moves = page.latencies(bars, "ArrowRight", 12)
    record_property("milliseconds", ["threshold of group A", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    assert all(png(each.get_attribute("src")) != old for each, old in zip((bars, curves, precision), before))
    page.tab_to(page.control("B as A in"))
    page.choose(3)  # sensitivity
    page.output.get_by_text("of 1,000 seen").first.wait_for()
    assert page.output.get_by_role("alert").count() == 0


def test_a_study_is_read_by_keyboard(notebook):
    page = notebook(FIT, "study = reading(xray, count=4, wrong=2)\nstudy")
    page.output.get_by_text("Nobody has read yet.").wait_for()
    page.tab_to(page.output.get_by_role("button", name="normal"))
    for number in (2, 3, 4):
        page.press("Space", page.picture(f"Film {number} of 4, no hint"))
    page.press("Space", page.picture("Film 1 of 4, hint: "))
    for number in (2, 3, 4):
        page.press("Space", page.picture(f"Film {number} of 4, hint: "))
    page.page.keyboard.press("Space")
    page.output.get_by_text("Automation bias").wait_for()
    assert page.output.get_by_role("alert").count() == 0
