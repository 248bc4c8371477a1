"""Explorers for who listens to a screen reader, works in high contrast, or wants a picture large."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from .lab import JupyterLab, NotebookPage
from .test_explorers_in_lab import FIT, RUN
from .test_faults_in_lab import SHOWN

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shown(chrome, lab):
    """A `NotebookPage` with the classification explorer."""
    context = chrome.new_context(viewport={"width": 1200, "height": 1200})
    page = NotebookPage(context.new_page(), lab)
    yield page.open(lab.write("shown.ipynb", RUN, FIT, "classification(run, xray)")).run_all()
    context.close()
    lab.end_kernels()


@pytest.fixture
def classification(shown):
    """The same, as it is when it is opened."""
    shown.output.get_by_role("button", name="reset").click()
    shown.picture("Confusion matrix at threshold 0.50").wait_for()
    yield shown
    shown.check()


def test_names_values_and_states_are_said(classification):
    page = classification
    page.output.get_by_role("slider", name="threshold").wait_for()
    assert page.output.get_by_role("slider", name="prevalence").get_attribute("aria-valuetext") == "1 %"
    shown = page.output.get_by_role("group", name="show")
    assert shown.get_by_role("button", name="false negative", pressed=True).count() == 1
    shown.get_by_role("button", name="true positive").focus()
    page.press("Space", shown.get_by_role("button", name="true positive", pressed=True))
    assert shown.get_by_role("button", pressed=True).count() == 1
    page.focus(page.control("threshold"))
    page.press("ArrowRight", page.picture("Confusion matrix at threshold 0.51"))
    assert page.output.get_by_role("slider", name="threshold").get_attribute("aria-valuetext") == "0.51"


def test_pressed_buttons_differ_in_forced_colours(classification):
    page = classification
    page.page.emulate_media(forced_colors="active")
    group = page.output.get_by_role("group", name="show")
    grounds = group.get_by_role("button").evaluate_all("all => all.map(each => getComputedStyle(each).backgroundColor)")
    page.page.emulate_media(forced_colors="none")
    assert len(set(grounds)) == 2


def test_a_picture_opens_large_by_mouse_and_by_keyboard(classification):
    page = classification
    matrix = page.picture("Confusion matrix")
    small = matrix.bounding_box()["width"]
    matrix.click()
    dialog = page.page.get_by_role("dialog", name="enlarged picture")
    assert dialog.locator("img").bounding_box()["width"] > 1.5 * small
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.tab_from(page.control("order"), page.control("large"))
    page.choose(1)
    page.page.wait_for_timeout(500)
    assert matrix.bounding_box()["width"] > 1.5 * small


def test_the_picture_can_be_downloaded_and_the_code_copied(classification):
    page = classification
    page.output.get_by_role("button", name="save picture").click()
    with page.page.expect_download() as download:
        page.output.get_by_role("link", name="classification.png").click()
    assert download.value.suggested_filename == "classification.png"
    page.output.get_by_role("button", name="copy as code").click()
    code = page.output.get_by_role("textbox", name="this view as code")
    assert "classification(run, dataset" in code.input_value()


# In the theme of high contrast ---------------------------------------------------------------

# [what, its colour, the colour that it lies on] of handles, tracks, arrows and rings, as the page has computed them.
COLOURS = """() => {
  const seen = [], own = (e, name) => getComputedStyle(e)[name];
  const ground = e => {
    while (e && /, 0\\)$|^transparent$/.test(own(e, 'backgroundColor'))) e = e.parentElement;
    return own(e, 'backgroundColor');
  };
  for (const e of document.querySelectorAll('.medtutor .noUi-handle'))
    seen.push(['handle', own(e, 'backgroundColor'), ground(e.closest('.medtutor').parentElement)]);
  for (const e of document.querySelectorAll('.medtutor button i.fa'))
    seen.push([e.className, own(e, 'color'), ground(e)]);
  for (const e of document.querySelectorAll('.medtutor .mod-active'))
    seen.push(['pressed', own(e, 'boxShadow').match(/^rgb\\([^)]*\\)/)[0], own(e, 'backgroundColor')]);
  return seen;
}"""


def luminance(colour):
    """Of an RGB colour, 0…255 each, as WCAG has it."""
    shares = np.asarray(colour, dtype=float) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """The ratio of two luminances, 1 to 21."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.fixture(scope="module")
def dark(chrome, tmp_path_factory):
    """A `NotebookPage` in JupyterLab's dark theme of high contrast."""
    theme = {"@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Dark High Contrast"}}
    server = JupyterLab(tmp_path_factory.mktemp("dark"), tmp_path_factory.mktemp("home"), theme)
    context = chrome.new_context(viewport={"width": 1200, "height": 1400})
    yield NotebookPage(context.new_page(), server)
    context.close()
    server.stop()


@pytest.fixture(scope="module")
def dark_attention(dark):
    return dark.open(dark.server.write("dark.ipynb", *SHOWN["attention"])).run_all()


def test_arrows_and_what_is_pressed_are_seen_in_the_dark_theme_of_high_contrast(dark_attention):
    page = dark_attention
    page.output.get_by_role("slider", name="row").wait_for()
    assert page.page.evaluate("document.body.dataset.jpThemeName") == "JupyterLab Dark High Contrast"
    seen = page.page.evaluate(COLOURS)
    assert {"handle", "fa fa-arrow-left", "fa fa-arrow-right", "pressed"} <= {what for what, *_ in seen}
    for what, *colours in seen:
        on, below = (luminance([int(part) for part in re.findall(r"\d+", each)[:3]]) for each in colours)
        assert contrast(on, below) >= 3, (what, colours)
    # The arrow of a list is a picture: its pixels tell. It lies at the right, within the border.
    for chosen in page.output.locator("select").all():
        shot = np.asarray(Image.open(io.BytesIO(chosen.screenshot())).convert("RGB"))
        light = luminance(shot[4:-4, -20:-4])
        assert contrast(light.max(), light.min()) >= 3
    page.check()


def test_the_field_and_the_title_count_images_alike_from_one(dark_attention):
    page = dark_attention
    page.output.get_by_role("button", name="reset").click()
    field = page.control("image").locator("input")
    page.picture("Image 1 of the val split").wait_for()
    assert field.input_value() == "1"
    page.output.get_by_role("button", name="previous").click()  # from the first on the last
    last = field.get_attribute("max")
    page.picture(f"Image {last} of the val split").wait_for()
    assert field.input_value() == last
    field.fill("3")
    field.press("Enter")
    page.picture("Image 3 of the val split").wait_for()
    page.page.wait_for_timeout(500)
    assert field.input_value() == "3"
    page.check()


def test_the_way_to_the_lesson_opens_it_at_the_paragraph(dark):
    lesson = ["Saliency", *["between\n\n" * 40] * 2, "Integrated gradients", "between\n\n" * 40]
    cells = [
        {"cell_type": "markdown", "id": f"c{i}", "metadata": {}, "source": f"### {each}"}
        for i, each in enumerate(lesson)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (dark.server.folder / "09_interpretability.ipynb").write_text(json.dumps(notebook))
    page = dark.open(dark.server.write("why.ipynb", RUN, FIT, "mt.explore(run, xray)")).run_all()
    page.output.get_by_role("link", name="Lesson 09, 'Integrated gradients'").click()
    heading = page.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) h3", has_text="Integrated gradients")
    heading.wait_for()
    page.page.wait_for_timeout(1500)
    assert 0 < heading.bounding_box()["y"] < 700
    page.check()
