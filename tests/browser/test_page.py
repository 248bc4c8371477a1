"""A page in Chromium, opened as a file: it paints at once, computes what captum computes, asks nobody."""

import time
from itertools import product
from statistics import median

import pytest
import torch

import medtutor as mt
from medtutor.data import card, phantoms
from medtutor.explanation import METHODS, explain
from medtutor.pages import contents, page
from medtutor.pages.classification import unlearned

from .test_faults_in_lab import FAULTS

pytestmark = pytest.mark.browser
INDEX = 3  # of the image that is asked about
MAP = """async ([which, index, name, target, options]) =>
  Array.from(await window.medtutor.map(which, index, name, target, options))"""
BEFORE = "([name, which, index]) => Array.from(window.medtutor.before(name, which, index))"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, data set, file) of phantoms."""
    few = phantoms.draw(card("breastmnist"), {"train": 60, "val": 30, "test": 20})
    run = mt.fit(mt.build("cnn", few), few, mt.Recipe(epochs=2, batch_size=16), progress=False)
    return run, few, page(run, few, tmp_path_factory.mktemp("page") / "run.html", images=20)


class Shown:
    """A page in a browser. Whatever it asks of anybody is refused and noted in `asked`."""

    def __init__(self, browser, file, before="", **options):
        self.context = browser.new_context(**options)
        self.context.add_init_script(before)
        self.page = self.context.new_page()
        self.asked, self.problems = [], []
        self.context.route("**/*", self._gate)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        self._file = file.as_uri()
        self.page.goto(self._file)

    def _gate(self, route):
        if route.request.url == self._file or route.request.url.startswith("blob:"):
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()

    def ready(self):
        """Wait until the page has done what it does by itself."""
        self.page.evaluate("() => window.medtutor.ready")
        return self

    def wait_for(self, words, seconds=60):
        """Wait until the page's text has these words; its policy forbids to wait in the page."""
        end = time.monotonic() + seconds
        while words not in self.page.inner_text("body"):
            assert time.monotonic() < end, f"no {words!r} after {seconds} s"
            self.page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def shown(chrome, made):
    """The page, ready."""
    found = Shown(chrome, made[2], viewport={"width": 1200, "height": 900}).ready()
    yield found
    assert (found.asked, found.problems) == ([], [])
    found.context.close()


def image_of(made, facts, index=INDEX):
    """The image that is asked about, and the class that the page explains."""
    case = facts["cases"][index]
    logits = case["logits"]["trained"]
    return getattr(made[1], case["split"]).images[case["number"] - 1], logits.index(max(logits))


@pytest.fixture(scope="module")
def facts(shown):
    return shown.page.evaluate("() => window.medtutor.facts")


def test_it_is_small(made):
    assert made[2].stat().st_size <= 6_000_000


def test_maps_are_painted_before_the_runtime_is_there(shown):
    marks = shown.page.evaluate(
        "() => ['painted', 'live'].map(name => performance.getEntriesByName(`medtutor-${name}`)[0].startTime)"
    )
    assert marks[0] < marks[1]


@pytest.mark.parametrize("which", ["trained", "random"])
@pytest.mark.parametrize("name", contents.LIVE)
def test_live_maps_are_those_of_captum(made, shown, facts, name, which):
    """The draws too: the page draws its random numbers as torch and numpy do.

    A network of ReLUs and maxima has kinks, at which the last bit of a number turns a gradient: there captum's own map
    in float64 is another one by a hundredth. So not every map is the same to 1e-4; most are, and all to 5e-2.
    """
    run = made[0] if which == "trained" else unlearned(made[0])
    kinds = [{}, {"baseline": "blurred"}] if "baseline" in {option.name for option in METHODS[name].options} else [{}]
    errors = []
    for index, settings in product(range(4), kinds):
        image, target = image_of(made, facts, index)
        expected = explain(run, image, name, target=target, **settings)
        found = torch.tensor(shown.page.evaluate(MAP, [which, index, name, target, expected.options]))
        largest = expected.map.abs().max().clamp(min=1e-6)  # Grad-CAM of random weights may be empty
        errors.append(float((found.view_as(expected.map) - expected.map).abs().max() / largest))
    assert max(errors) < 0.05 and median(errors) < 1e-4, errors


@pytest.mark.parametrize("name", contents.LIVE)
@pytest.mark.parametrize("which", ["trained", "random"])
def test_maps_from_beforehand_are_the_live_ones(shown, facts, name, which):
    logits = facts["cases"][INDEX]["logits"]["trained"]
    target = logits.index(max(logits))
    options = next(method["options"] for method in facts["methods"] if method["name"] == name)
    usual = {option["name"]: option["default"] for option in options}
    live = torch.tensor(shown.page.evaluate(MAP, [which, INDEX, name, target, usual]))
    before = torch.tensor(shown.page.evaluate(BEFORE, [name, which, INDEX]))
    assert (live - before).abs().max() <= live.abs().max() * (0.5 / 127 + 0.05)  # a byte holds them; and kinks, above
    assert (live - before).abs().median() <= live.abs().max() * (0.5 / 127)


def test_phantoms_and_the_warning_are_marked(shown):
    assert shown.page.get_by_text("PHANTOM images, drawn by medtutor").is_visible()
    assert shown.page.get_by_text("For teaching and research; not for clinical use.").first.is_visible()
    for name in ("image", "trained", "random"):
        assert shown.page.locator(f"#{name}").get_attribute("aria-label").startswith("Phantom image")


def test_a_covered_region_changes_what_the_network_says(chrome, made):
    one = Shown(chrome, made[2], viewport={"width": 1200, "height": 900}).ready()
    box = one.page.locator("#image").bounding_box()
    one.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    one.page.mouse.down()
    one.page.mouse.up()
    one.wait_for("→")
    one.page.evaluate("() => window.medtutor.idle()")
    assert "square of 7 pixels covered" in one.page.locator("#image").get_attribute("aria-label")
    assert "live" in one.page.inner_text("#random-how")
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


def test_controls_work_by_keyboard(chrome, made):
    one = Shown(chrome, made[2], viewport={"width": 1200, "height": 900}).ready()
    one.page.focus("#thumbnails [aria-pressed=true]")
    before = one.page.inner_text("#case")
    one.page.keyboard.press("ArrowRight")
    assert one.page.inner_text("#case") != before
    one.page.focus("#method")
    one.page.keyboard.press("ArrowDown")
    one.page.evaluate("() => window.medtutor.idle()")
    assert one.page.locator("#trained").get_attribute("aria-label").startswith("Phantom image: Saliency")
    one.page.focus("#threshold")
    one.page.keyboard.press("End")  # nobody is called positive
    assert one.page.inner_text("#true-positive b") == "0" and one.page.inner_text("#sensitivity") == "0.00"
    one.page.focus("#false-negative")
    one.page.keyboard.press("Enter")
    assert "false negatives" in one.page.inner_text("#listed")
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


def test_without_webassembly_the_first_maps_stay(chrome, made):
    one = Shown(chrome, made[2], "delete globalThis.WebAssembly").ready()
    assert "cannot compute here" in one.page.inner_text("#status")
    one.page.select_option("#method", "occlusion")
    assert one.page.inner_text("#trained-how") == "computed beforehand"
    colours = "() => new Set(document.querySelector('#trained').getContext('2d').getImageData(0, 0, 28, 28).data).size"
    assert one.page.evaluate(colours) > 20
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_no_serious_fault_of_accessibility(chrome, made, axe, width, scheme):
    # axe-core is brought in from outside, which the page's policy would forbid.
    one = Shown(chrome, made[2], viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True).ready()
    one.page.evaluate(axe)
    faults = FAULTS.replace("cell.querySelectorAll('.medtutor')", "document")
    assert one.page.locator("html").evaluate(faults) == []
    assert one.page.evaluate("() => document.documentElement.scrollWidth") == width
    one.context.close()


def test_a_damaged_page_says_so(chrome, made, tmp_path):
    text = made[2].read_text(encoding="utf-8")
    start = text.index('id="first"') + 60
    broken = tmp_path / "broken.html"
    broken.write_text(text[:start] + text[start + 200 :], encoding="utf-8")
    one = Shown(chrome, broken).ready()
    assert "This page is damaged" in one.page.inner_text("[role=alert]")
    one.context.close()
