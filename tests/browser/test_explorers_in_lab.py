"""The explorers in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from medtutor.explorers import gallery

from .lab import png

pytestmark = pytest.mark.browser

RUN = """
import medtutor as mt
from medtutor.data import phantoms
from medtutor.explorers import classification, gallery
"""
# A hundred phantoms and one epoch: a second.
FIT = """
xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 100, "val": 40, "test": 200})
run = mt.fit(mt.build("mlp", xray), xray, mt.Recipe(epochs=1), progress=False)
"""


def test_classification_by_keyboard(notebook, record_property):
    page = notebook(RUN, FIT, "classification(run, xray, 'test')")
    matrix, curves, images = page.phantom_pictures("Confusion matrix", "ROC curve", "(Images of|No image)")
    assert "at threshold 0.50" in matrix.get_attribute("alt")

    page.tab_from(page.control("positive class"), page.control("threshold"))
    before = [picture.get_attribute("src") for picture in (matrix, curves, images)]
    page.press("ArrowRight", page.picture("(Images of|No image).* at threshold 0.51"))  # the last to arrive
    after = [picture.get_attribute("src") for picture in (matrix, curves, images)]
    for old, new in zip(before, after):
        assert png(new).startswith(b"\x89PNG") and png(new) != png(old)
    assert "at threshold 0.51" in matrix.get_attribute("alt") and "point of threshold 0.51" in curves.get_attribute(
        "alt"
    )

    thresholds = [0.5 - step / 100 for step in range(9)]
    waits = [
        page.press("ArrowLeft", page.picture(f"(Images of|No image).* at threshold {value:.2f}"))
        for value in thresholds
    ]
    record_property("milliseconds", ["threshold", 1000 * statistics.median(waits)])
    assert statistics.median(waits) < 0.3  # of which most is the way between page and kernel

    page.tab_to(page.control("prevalence"))
    page.press("ArrowRight", page.output.get_by_text("If 2 % of all seen were pneumonia"))
    page.tab_to(page.output.get_by_role("button", name="true positive"))
    page.press("Space", page.picture("(Images of|there is no) true positive"))
    page.tab_to(page.control("order"))
    page.choose(1)
    page.picture("Images of true positives .* closest to the threshold first").wait_for()
    page.tab_to(page.output.get_by_role("button", name="next"))
    page.press("Enter", page.picture("closest to the threshold first, 17 to"))


def test_gallery_by_keyboard(notebook):
    page = notebook(RUN, "gallery()")
    images = page.picture("PneumoniaMNIST")
    images.wait_for()
    assert "PHANTOM" in images.get_attribute("alt") and "train split, all classes, 1 to 24" in images.get_attribute(
        "alt"
    )
    first = images.get_attribute("src")
    page.tab_from(page.control("data set"), page.output.get_by_role("button", name="next"))
    page.press("Space", page.picture("25 to 48"))
    assert png(images.get_attribute("src")) != png(first)

    page.focus(page.control("data set"))
    page.choose(3)
    page.picture("VesselMNIST3D.*slice 15 of 28").wait_for()
    page.tab_to(page.output.get_by_role("button", name="test"))
    page.press("Space", page.picture("test split, all classes"))
    page.tab_to(page.control("class"))
    page.choose(2)
    page.picture("test split, 1 aneurysm").wait_for()
    page.tab_to(page.control("slice"))
    page.press("ArrowLeft", page.picture("slice 14 of 28"))
    assert page.output.get_by_text("not for clinical use").is_visible()


def test_a_cell_that_is_run_again_has_one_living_explorer(notebook):
    count = "from ipywidgets.widgets import widget\nprint('living', len(widget._instances))"
    page = notebook(RUN, FIT, "classification(run, xray, 'test')", count)
    page.phantom_pictures("Confusion matrix")
    living = page.output.get_by_text("living").inner_text()
    for time in (8, 12):
        page.run_all()
        page.page.get_by_text(f"[{time}]:").wait_for(timeout=60_000)
        assert page.output.get_by_text("living").inner_text() == living
    page.phantom_pictures("Confusion matrix")
    page.tab_from(page.control("positive class"), page.control("threshold"))
    page.press("ArrowRight", page.picture("Confusion matrix at threshold 0.51"))


def test_a_notebook_that_ran_elsewhere_shows_the_picture(page, lab, monkeypatch, tmp_path):
    """As it was published, and not run here: the picture with its alt text, no broken widget."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MEDTUTOR_DATA", raising=False)
    page.open(lab.write("published.ipynb", "gallery()", shown=gallery()._repr_mimebundle_()))
    still = page.picture("For teaching and research; not for clinical use")
    still.wait_for()
    assert png(still.get_attribute("src")).startswith(b"\x89PNG")
