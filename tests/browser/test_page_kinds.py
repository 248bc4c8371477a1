"""Pages of segmentations, sequences and transformers in Chromium, opened as files: against Python, by keyboard, without
WebAssembly."""

from statistics import median

import numpy as np
import pytest
import torch

from medtutor.data import normalise
from medtutor.explanation import attention_of, explain
from medtutor.explorers import sequence_clips as clips
from medtutor.metrics.segmentation import dice_of_each
from medtutor.pages import page
from medtutor.pages.segmentation import LIVE

from . import few
from .test_faults_in_lab import FAULTS
from .test_page import Shown, medians, told

pytestmark = pytest.mark.browser
WIDE = {"viewport": {"width": 1200, "height": 900}}
KINDS = {"segmentation": few.segmentation, "sequence": few.sequence}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{kind: (run, data set, file)} of phantoms."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for kind, make in KINDS.items():
        run, dataset = make()
        found[kind] = run, dataset, page(run, dataset, folder / f"{kind}.html", images=8).path
    return found


@pytest.fixture(scope="module")
def pages(chrome, made):
    """{kind: page}, ready."""
    found = {kind: Shown(chrome, file, **WIDE).ready() for kind, (_, _, file) in made.items()}
    yield found
    for each in found.values():
        assert (each.asked, each.problems) == ([], [])
        each.context.close()


def ask(one, words, *given):
    """What the page answers, as a tensor: `words` is JavaScript of what window.medtutor offers."""
    found = one.page.evaluate(f"async given => window.medtutor.{words}", list(given))
    return torch.tensor(found)


def case(made, one, kind, index):
    """(split, index in the split) of a case of a page."""
    facts = one.page.evaluate("() => window.medtutor.facts")
    found = facts["cases"][index]
    return getattr(made[kind][1], found["split"]), found["number"] - 1, facts


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_small_and_says_what_it_is(made, pages, kind):
    assert made[kind][2].stat().st_size <= 6_000_000
    shown = pages[kind].page
    assert shown.get_by_text("PHANTOM images, drawn by medtutor").is_visible()
    assert shown.get_by_text("For teaching and research; not for clinical use.").first.is_visible()
    assert shown.locator(".reading li").count() == 3
    for picture in shown.locator("[role=img]").all():
        assert picture.get_attribute("aria-label").startswith("Phantom image")


def test_masks_are_those_of_the_network(made, pages):
    run, _, _ = made["segmentation"]
    for index in range(8):
        split, at, _ = case(made, pages["segmentation"], "segmentation", index)
        with torch.inference_mode():
            expected = run.model(normalise(split.images[at][None])).softmax(1)
        found = ask(pages["segmentation"], "predict(given[0]).then(Object.values)", index).view_as(expected)
        assert (found - expected).abs().max() < 1e-4
        dice = ask(pages["segmentation"], "dice(given[0])", index)
        mask = expected.argmax(1)
        for number in range(expected.shape[1]):
            wanted = dice_of_each(mask == number, split.masks[at][None] == number)[0]
            assert dice[number] == pytest.approx(float(wanted), abs=0.02)  # from bytes where it is not live


@pytest.mark.parametrize("name", LIVE)
def test_maps_of_a_region_are_those_of_captum(made, pages, name):
    """In an even region several pixels of each window are the largest, but for rounding, which then decides whose
    gradient passes: there torch's own maps in float32 and float64 differ by half of their largest value. Not compared.
    """
    run, one = made["segmentation"][0], pages["segmentation"]
    errors = []
    for index in range(8):
        split, at, facts = case(made, one, "segmentation", index)
        region = torch.zeros(facts["height"], facts["width"], dtype=torch.bool)
        region[20:34, 12:25] = True
        target = 1 + index % 2
        if split.images[at][0][region].float().std() < 5:
            continue
        expected = explain(run, split.images[at], name, target=target, region=region)
        words = "map(given[0], given[1], given[2], given[3], given[4]).then(map => Array.from(map))"
        found = ask(one, words, index, name, target, region.int().flatten().tolist(), expected.options)
        largest = expected.map.abs().max().clamp(min=1e-6)
        errors.append(float((found.view_as(expected.map) - expected.map).abs().max() / largest))
    # At the kinks of ReLU and maximum the last bit of a number turns a gradient: see test_page.
    assert len(errors) >= 3 and max(errors) < 0.05 and median(errors) < 1e-4, errors


@pytest.mark.parametrize("how", clips.HOWS)
def test_answers_over_time_are_those_of_python(made, pages, how):
    run, one = made["sequence"][0], pages["sequence"]
    for index in range(4):
        split, at, facts = case(made, one, "sequence", index)
        order = clips.orders(how, run.card.frames, seed=at)
        assert facts["cases"][index]["played"][how]["order"] == order[0].tolist()
        film = clips.played(split.images[at][None], order)[0]
        expected = clips.over_time(run, film)
        assert np.abs(ask(one, "answers(given[0], given[1])", index, order[0].tolist()).numpy() - expected).max() < 1e-4
        for instead in (clips.BEFORE, clips.FLAT):
            without = ask(one, "without(given[0], given[1], given[2])", index, order[0].tolist(), instead).numpy()
            assert np.abs(without - clips.answered(run, clips.replaced(film, instead))).max() < 1e-4


def test_a_mask_by_keyboard(chrome, made):
    one = Shown(chrome, made["segmentation"][2], **WIDE).ready()
    shown = one.page
    before = shown.inner_text("#pixel")
    shown.focus("#row")
    shown.keyboard.press("Home")
    assert "row 1," in shown.inner_text("#pixel-words") and shown.inner_text("#pixel") != before
    shown.focus("#covered")
    shown.keyboard.press("Space")
    shown.evaluate("() => window.medtutor.idle()")
    assert "pixels covered" in shown.locator("#mask").get_attribute("aria-label")
    shown.select_option("#rule-kind", "threshold")
    shown.focus("#threshold")
    shown.keyboard.press("End")
    shown.evaluate("() => window.medtutor.idle()")
    assert "anterior 0 pixels" in shown.locator("#mask").get_attribute("aria-label")
    assert "choose another region" in shown.inner_text("#map-how")
    shown.select_option("#region", "expert")
    shown.focus("#thumbnails [aria-pressed=true]")
    name = shown.inner_text("#case")
    shown.keyboard.press("ArrowLeft")
    assert shown.inner_text("#case") != name
    shown.evaluate("() => window.medtutor.idle()")
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


def test_a_pixel_by_pointer(chrome, made):
    one = Shown(chrome, made["segmentation"][2], **WIDE).ready()
    box = one.page.locator("#mask").bounding_box()
    one.page.mouse.move(box["x"] + 3, box["y"] + box["height"] - 3)
    assert one.page.inner_text("#pixel-words") == "The pixel in row 56, column 1"
    one.context.close()


def test_a_clip_by_keyboard(chrome, made):
    one = Shown(chrome, made["sequence"][2], **WIDE).ready()
    shown = one.page
    shown.focus("#how")
    shown.keyboard.press("ArrowDown")
    shown.evaluate("() => window.medtutor.idle()")
    assert "reversed" in shown.inner_text("#answers") and "must change sides" in shown.inner_text("#expected")
    shown.keyboard.press("ArrowDown")
    order = shown.locator("#film").get_attribute("aria-label")
    shown.focus("#seed")
    shown.keyboard.press("End")
    shown.evaluate("() => window.medtutor.idle()")
    assert shown.locator("#film").get_attribute("aria-label") != order and "live" in shown.inner_text("#answers-how")
    shown.focus("#frame")
    shown.keyboard.press("End")
    assert "16 of 16" in shown.locator("#frame-shown").get_attribute("aria-label")
    shown.focus("#play")
    shown.keyboard.press("Enter")
    one.wait_for("Stop")
    shown.wait_for_timeout(400)
    shown.keyboard.press("Enter")
    assert "16 of 16" not in shown.locator("#frame-shown").get_attribute("aria-label")
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_without_webassembly_what_is_known_stays(chrome, made, kind):
    one = Shown(chrome, made[kind][2], "delete globalThis.WebAssembly", **WIDE).ready()
    assert "cannot compute here" in one.page.inner_text("#status")
    if kind == "segmentation":
        one.page.select_option("#method", "occlusion")
        assert one.page.inner_text("#map-how") == one.page.inner_text("#mask-how") == "computed beforehand"
    else:
        one.page.select_option("#how", "reversed")
        assert one.page.inner_text("#answers-how") == "computed beforehand"
        assert one.page.inner_text("#effects-how") == "needs WebAssembly"
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("kind", KINDS)
def test_no_serious_fault_of_accessibility(chrome, made, axe, kind, width, scheme):
    # axe-core is brought in from outside, which the page's policy would forbid.
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    one = Shown(chrome, made[kind][2], bypass_csp=True, **view).ready()
    one.page.evaluate(axe)
    faults = FAULTS.replace("cell.querySelectorAll('.medtutor')", "document")
    assert one.page.locator("html").evaluate(faults) == []
    assert one.page.evaluate("() => document.documentElement.scrollWidth") == width
    one.context.close()


# What is timed of a page: JavaScript of what window.medtutor offers.
REGION = "Array.from({length: medtutor.facts.height * medtutor.facts.width}, (_, i) => Number(i % 7 < 3))"
STEPS = "{steps: 32, baseline: 'black'}"
ORDER = "medtutor.facts.cases[0].played['as filmed'].order"
ASKED = {
    "segmentation": {
        "mask": "predict(0)",
        "saliency of a region": f"map(0, 'saliency', 1, {REGION}, {{}})",
        "integrated gradients, 32 steps": f"map(0, 'integrated_gradients', 1, {REGION}, {STEPS})",
    },
    "sequence": {"answers over time": f"answers(0, {ORDER})", "effect of each frame": f"without(0, {ORDER}, 'grey')"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_how_long_it_takes(chrome, made, kind, capsys, record_property):
    """Beside a loop in the same page, since machines differ."""
    found = medians(chrome, made[kind][2], ASKED[kind])
    told(found, f"page of a {kind}", record_property, capsys)
    assert found["first picture"][1] < 12 and found["first live picture"][1] < 60


@pytest.fixture(scope="module", params=["mean", "class"])
def transformer(request, chrome, tmp_path_factory):
    """(run, data set, its page, ready): a transformer whose answer is the mean of all tokens, or a class token's."""
    run, dataset = few.transformer(readout=request.param, depth=2 - (request.param == "class"))
    file = page(run, dataset, tmp_path_factory.mktemp("vit") / "vit.html", images=6).path
    one = Shown(chrome, file, **WIDE).ready()
    yield run, dataset, one
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


def image_of(transformer, index):
    _, dataset, one = transformer
    found = one.page.evaluate("() => window.medtutor.facts")["cases"][index]
    logits = found["logits"]["trained"]
    return getattr(dataset, found["split"]).images[found["number"] - 1], logits.index(max(logits))


def test_attention_is_that_of_python(transformer):
    run, _, one = transformer
    for index in (0, 3):
        expected = attention_of(run, image_of(transformer, index)[0])
        weights = ask(one, "attention(given[0])", index)
        assert (weights.view_as(expected.weights) - expected.weights).abs().max() < 1e-4
        for query, place in ((None, "answer"), (9, (1, 2))):
            for block, head in ((0, None), (expected.blocks - 1, 3)):
                shown = -1 if head is None else head
                found = ask(one, "looks(given[0], given[1], given[2], given[3])", weights.tolist(), block, shown, query)
                wanted = expected.seen_from(place, block, head)
                assert (found.view_as(wanted) - wanted).abs().max() < 1e-4
            for upto in (1, expected.blocks):
                found = ask(one, "rollout(given[0], given[1], given[2])", weights.tolist(), upto, query)
                wanted = expected.rollout(place, upto)
                assert (found.view_as(wanted) - wanted).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["saliency", "input_x_gradient", "integrated_gradients", "smoothgrad"])
def test_gradients_of_a_transformer_are_those_of_captum(transformer, name):
    run, _, one = transformer
    for index in (1, 4):
        image, target = image_of(transformer, index)
        expected = explain(run, image, name, target=target)
        words = "map('trained', given[0], given[1], given[2], given[3]).then(map => Array.from(map))"
        found = ask(one, words, index, name, target, expected.options).view_as(expected.map)
        assert (found - expected.map).abs().max() < 1e-4 * expected.map.abs().max()


def test_a_patch_by_keyboard(transformer):
    shown = transformer[2].page
    shown.evaluate("() => window.medtutor.idle()")
    assert "live" in shown.inner_text("#rolled-how") and "Attention is no explanation" in shown.inner_text("main")
    shown.focus("#query-row")
    shown.keyboard.press("End")
    assert "the patch in row 7, column 1" in shown.locator("#looks").get_attribute("aria-label")
    shown.focus("#head")
    shown.keyboard.press("ArrowDown")
    assert "head 1" in shown.inner_text("#looks-name")
