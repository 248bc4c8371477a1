"""The segmentation explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# Ten phantoms, narrow networks and one epoch: a second or two, and five more for the losses to be imported.
FIT = """
from dataclasses import replace

import medtutor as mt
from medtutor.data.phantoms import hippocampus
from medtutor.explorers import segmentation

parts = hippocampus.draw({"train": 4, "val": 2, "test": 4})
slices = [(images.transpose(1, 2).flatten(0, 2), masks.flatten(0, 1)) for images, masks, _ in parts.values()]
patients = {name: ids.repeat_interleave(48) for name, (_, _, ids) in parts.items()}
card = mt.data.card("hippocampus")
brain = mt.from_arrays(*slices, classes=card.classes, name="hippocampus", patients=patients, spacing=card.spacing)
brain = replace(brain, provenance="phantom")
recipe = mt.default_recipe(brain.card, epochs=1)
run, other = (
    mt.fit(mt.build(name, brain, widths=(4, 8)), brain, recipe, progress=False) for name in ("attention_unet", "fcn")
)
"""
PICTURE, CURVE = "where it is wrong", "Curve of"


def test_segmentation_by_keyboard(notebook, record_property):
    page = notebook(FIT, "segmentation(run, brain, 'test', others={'fcn': other})")
    picture, curve = page.phantom_pictures(PICTURE, CURVE)
    first = [png(each.get_attribute("src")) for each in (picture, curve)]

    page.focus(page.control("patient"))
    page.choose(1)
    page.output.get_by_text("place 3 of 4").wait_for()
    page.tab_to(page.control("slice"))
    page.page.keyboard.press("Home")
    page.press("ArrowRight", page.picture("slice 2 of 48"))
    slices = page.latencies(picture, "ArrowRight", 12)
    record_property("milliseconds", ["slice, two runs", statistics.median(slices)])
    assert statistics.median(slices) < 1000
    assert png(picture.get_attribute("src")) != first[0]

    page.focus(page.control("look at"))
    page.choose(1)
    page.picture("probability of anterior").wait_for()
    page.tab_to(page.output.get_by_role("button", name="threshold"))
    page.press("Space", page.picture("anterior where its probability is above 0.50"))
    page.tab_to(page.control("threshold"))
    page.press("ArrowRight", page.picture("above 0.51"))
    thresholds = page.latencies(picture, "ArrowRight", 12)
    record_property("milliseconds", ["threshold of a segmentation, two runs", statistics.median(thresholds)])
    assert statistics.median(thresholds) < 1500
    assert png(curve.get_attribute("src")) != first[1]

    page.tab_to(page.output.get_by_role("button", name="mean shape"))
    page.press("Space", page.picture("weight 0.30 of the mean shape"), timeout=30)
    page.tab_to(page.control("weight"))
    page.press("ArrowRight", page.picture("weight 0.35 of the mean shape"))
    assert page.output.get_by_role("alert").count() == 0


def test_switches_by_keyboard(notebook):
    page = notebook(FIT, "mt.explore(run, brain)")
    page.picture(PICTURE).wait_for()
    page.focus(page.control("slice"))
    page.tab_to(page.output.get_by_role("button", name="filled"))
    page.page.keyboard.press("Space")
    page.tab_to(page.output.get_by_role("checkbox", name="uncertainty instead of probability"))
    page.press("Space", page.picture("where it is wrong, uncertainty"))
    page.tab_to(page.output.get_by_role("checkbox", name="attention gates"))
    page.press("Space", page.picture("Gates: 56 x 40, mean"))
    page.tab_to(page.output.get_by_role("button", name="largest piece"))
    page.press("Space", page.picture("afterwards largest piece"))
