"""Explorers for who listens to a screen reader, works in high contrast, or wants a picture large."""

import pytest

from . import (
    test_attention_in_lab,
    test_attribution_in_lab,
    test_draw_mask_in_lab,
    test_features_in_lab,
    test_fusion_in_lab,
    test_generator_in_lab,
    test_latent_in_lab,
    test_segmentation_in_lab,
    test_sequence_in_lab,
)
from .test_explorers_in_lab import FIT, RUN

pytestmark = pytest.mark.browser

FAULTS = """async () => (await axe.run('.medtutor', {resultTypes: ['violations']})).violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 200)).join(' | ')}`)"""


SHOWN = {
    "attention": (test_attention_in_lab.FIT, "attention(vit, xray, cnn=cnn)"),
    "attribution": (test_attribution_in_lab.FIT, "mt.explore(run, xray)"),
    "classification": (RUN, FIT, "classification(run, xray)"),
    "draw_mask": (test_draw_mask_in_lab.DRAW,),
    "features": (test_features_in_lab.FIT, "features(run, xray)"),
    "fusion": (test_fusion_in_lab.FIT, "fusion(models, cohort)"),
    "gallery": (RUN, "gallery()"),
    "game": (test_generator_in_lab.FIT, "generator(adversary, xray, part='game')"),
    "film": (test_generator_in_lab.FIT, "generator(adversary, part='film')"),
    "latent": (test_latent_in_lab.FIT, "latent(model, xray)"),
    "segmentation": (test_segmentation_in_lab.FIT, "segmentation(run, brain, others={'fcn': other})"),
    "sequence": (test_sequence_in_lab.FIT, "sequence(run, clips, others={'max/min': pooled})"),
    "walk": (test_generator_in_lab.FIT, "generator(adversary, xray)"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_no_serious_fault_inside_an_explorer(notebook, axe, name):
    page = notebook(*SHOWN[name])
    page.output.get_by_role("button", name="reset").wait_for()
    page.page.wait_for_timeout(500)
    page.page.evaluate(axe)
    assert page.page.evaluate(FAULTS) == []


def test_names_values_and_states_are_said(notebook):
    page = notebook(RUN, FIT, "classification(run, xray)")
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


def test_pressed_buttons_differ_in_forced_colours(notebook):
    page = notebook(RUN, FIT, "classification(run, xray)")
    page.page.emulate_media(forced_colors="active")
    group = page.output.get_by_role("group", name="show")
    grounds = group.get_by_role("button").evaluate_all("all => all.map(each => getComputedStyle(each).backgroundColor)")
    assert len(set(grounds)) == 2


def test_a_picture_opens_large_by_mouse_and_by_keyboard(notebook):
    page = notebook(RUN, FIT, "classification(run, xray)")
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


def test_the_picture_can_be_downloaded_and_the_code_copied(notebook):
    page = notebook(RUN, FIT, "classification(run, xray)")
    page.output.get_by_role("button", name="save picture").click()
    with page.page.expect_download() as download:
        page.output.get_by_role("link", name="classification.png").click()
    assert download.value.suggested_filename == "classification.png"
    page.output.get_by_role("button", name="copy as code").click()
    code = page.output.get_by_role("textbox", name="this view as code")
    assert "classification(run, dataset" in code.input_value()
