"""axe-core finds no serious fault of accessibility in any explorer: all of them in one notebook, each in its cell."""

import pytest

from . import (
    test_attention_in_lab,
    test_attribution_in_lab,
    test_confidence_in_lab,
    test_draw_mask_in_lab,
    test_fairness_in_lab,
    test_features_in_lab,
    test_frontier_in_lab,
    test_fusion_in_lab,
    test_generator_in_lab,
    test_latent_in_lab,
    test_monitor_in_lab,
    test_review_in_lab,
    test_sample_size_in_lab,
    test_segmentation_in_lab,
    test_sequence_in_lab,
)
from .lab import NotebookPage
from .test_explorers_in_lab import FIT, RUN

pytestmark = pytest.mark.browser

FAULTS = """async cell => (await axe.run(cell.querySelectorAll('.medtutor'), {resultTypes: ['violations']})).violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 200)).join(' | ')}`)"""

# The cells of each explorer, the last of which shows it. What follows the same cells is made of the same run.
SHOWN = {
    "attention": (test_attention_in_lab.FIT, "attention(vit, xray, cnn=cnn)"),
    "attribution": (test_attribution_in_lab.FIT, "mt.explore(run, xray)"),
    "claims": (test_review_in_lab.CLAIMS,),
    "classification": (RUN, FIT, "classification(run, xray)"),
    "classroom": ("from medtutor.explorers import classroom\nclassroom()",),
    "confidence": (test_confidence_in_lab.FIT, "confidence(run, xray, 'test')"),
    "draw_mask": (test_draw_mask_in_lab.DRAW,),
    "fairness": (test_fairness_in_lab.FIT, "fairness(run, grouped)"),
    "reading": (test_fairness_in_lab.FIT, "reading(xray)"),
    "features": (test_features_in_lab.FIT, "features(run, xray)"),
    "frontier": (test_frontier_in_lab.SHOW,),
    "fusion": (test_fusion_in_lab.FIT, "fusion(models, cohort)"),
    "gallery": (RUN, "gallery()"),
    "game": (test_generator_in_lab.FIT, "generator(adversary, xray, part='game')"),
    "film": (test_generator_in_lab.FIT, "generator(adversary, part='film')"),
    "walk": (test_generator_in_lab.FIT, "generator(adversary, xray)"),
    "latent": (test_latent_in_lab.FIT, "latent(model, xray)"),
    "literature": (test_review_in_lab.LITERATURE,),
    "sample_size": (test_sample_size_in_lab.SHOW,),
    "monitor": (test_monitor_in_lab.FIT, "monitor(run, xray)"),
    "privacy": ("from medtutor.explorers import privacy\nprivacy()",),
    "screening": (test_review_in_lab.SCREENING,),
    "segmentation": (test_segmentation_in_lab.FIT, "segmentation(run, brain, others={'fcn': other})"),
    "sequence": (test_sequence_in_lab.FIT, "sequence(run, clips, others={'max/min': pooled})"),
}


@pytest.fixture(scope="module")
def cell_of(chrome, lab, axe):
    """A function: the name of an explorer -> the cell that shows it, in a page that knows axe-core."""
    cells, places, before = [], {}, ()
    for name, (*made, shows) in SHOWN.items():
        cells += [*(made if made != before else ()), shows]
        places[name], before = len(cells) - 1, made
    context = chrome.new_context(viewport={"width": 1200, "height": 1200})
    page = NotebookPage(context.new_page(), lab)
    page.open(lab.write("shown.ipynb", *cells)).run_all(timeout=600)
    page.page.evaluate(axe)
    yield lambda name: page.page.locator(".jp-CodeCell").nth(places[name])
    try:
        page.check()
    finally:
        context.close()
        lab.end_kernels()


@pytest.mark.parametrize("name", SHOWN)
def test_no_serious_fault_inside_an_explorer(cell_of, name):
    cell = cell_of(name)
    cell.scroll_into_view_if_needed()
    cell.get_by_role("button", name="reset").wait_for()
    cell.page.wait_for_timeout(500)
    assert cell.locator(".medtutor").count()
    assert cell.evaluate(FAULTS) == []
