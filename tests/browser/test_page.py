"""A page in Chromium, opened as a file: it paints at once, computes what captum computes, asks nobody."""

import time
from itertools import product
from statistics import median

import numpy as np
import pytest
import torch
from PIL import Image

import medtutor as mt
from medtutor.data import card, normalise, phantoms
from medtutor.explanation import METHODS, deletion, explain, insertion
from medtutor.explanation.familiar import features_of, nearest
from medtutor.explanation.subject import Subject
from medtutor.explorers.attribution_cases import likeness
from medtutor.explorers.own_image import read_image
from medtutor.pages import contents, page
from medtutor.pages.classification import unlearned

from .test_faults_in_lab import FAULTS

pytestmark = pytest.mark.browser
INDEX = 3  # of the image that is asked about
MAP = """async ([which, index, name, target, options]) =>
  Array.from(await window.medtutor.map(which, index, name, target, options))"""
CURVES = "([index, map, target]) => window.medtutor.curves(index, map, target)"
PASTE = """bytes => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "pasted.png", {type: "image/png"}));
  document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data}));
}"""
BEFORE = "([name, which, index]) => Array.from(window.medtutor.before(name, which, index))"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, data set, file) of phantoms."""
    few = phantoms.draw(card("breastmnist"), {"train": 60, "val": 30, "test": 20})
    run = mt.fit(mt.build("cnn", few), few, mt.Recipe(epochs=2, batch_size=16), progress=False)
    return run, few, page(run, few, tmp_path_factory.mktemp("page") / "run.html", images=20).path


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
    many = METHODS[name].live and "baseline" in {option.name for option in METHODS[name].options}
    kinds = [{}, {"baseline": "blurred"}] if many else [{}]
    errors = []
    for index, settings in product(range(4 if METHODS[name].live else 2), kinds):
        image, target = image_of(made, facts, index)
        expected = explain(run, image, name, target=target, **settings)
        found = torch.tensor(shown.page.evaluate(MAP, [which, index, name, target, expected.options]))
        largest = expected.map.abs().max().clamp(min=1e-6)  # Grad-CAM of random weights may be empty
        errors.append(float((found.view_as(expected.map) - expected.map).abs().max() / largest))
    assert max(errors) < 0.05 and median(errors) < 1e-4, errors


@pytest.mark.parametrize("settings", [{"patch": 14}, {"patch": 9, "samples": 30, "seed": 7}, {"patch": 28}])
def test_few_patches_of_kernel_shap_are_drawn_alike(made, shown, facts, settings):
    """Torch draws fewer than sixteen numbers in another way."""
    image, target = image_of(made, facts)
    expected = explain(made[0], image, "kernel_shap", target=target, **settings)
    found = torch.tensor(shown.page.evaluate(MAP, ["trained", INDEX, "kernel_shap", target, expected.options]))
    torch.testing.assert_close(found.view(28, 28), expected.map, rtol=1e-4, atol=1e-4 * float(expected.map.abs().max()))


@pytest.mark.parametrize("name", ["saliency", "occlusion", "rise", "none"])
def test_deletion_and_insertion_are_those_of_the_scores(made, shown, facts, name):
    """Of the same map, and of an empty one, whose pixels are taken in the same random order."""
    for index in range(3):
        image, target = image_of(made, facts, index)
        values = torch.zeros(28, 28) if name == "none" else explain(made[0], image, name, target=target).map
        found = shown.page.evaluate(CURVES, [index, values.flatten().tolist(), target])
        for which, curve in {"deletion": deletion, "insertion": insertion}.items():
            expected = curve(made[0], image, (values, target))
            assert found["share"] == pytest.approx(expected.share.tolist(), abs=1e-6)
            assert found[which]["value"] == pytest.approx(expected.value.tolist(), abs=1e-4)
            assert found[which]["auc"] == pytest.approx(expected.auc, abs=1e-4)


@pytest.mark.parametrize("name", contents.BEFORE)
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
    assert one.page.locator("#trained").get_attribute("aria-label").startswith("Phantom image: Input x gradient")
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


def own_picture(folder, kind):
    """A file of a picture: grey ones of several sizes, colour, see-through."""
    draws = np.random.default_rng(3)
    shape = {"wide": (40, 90), "tall": (300, 200), "as it is": (28, 28)}.get(kind, (60, 60))
    pixels = draws.integers(0, 256, shape, dtype=np.uint8)
    picture = Image.fromarray(pixels)
    if kind == "colour":
        picture = Image.fromarray(draws.integers(0, 256, (*shape, 3), dtype=np.uint8))
    if kind == "see-through":
        picture = Image.merge("LA", (picture, Image.new("L", picture.size, 0)))
    picture.save(folder / "own.png")
    return folder / "own.png"


@pytest.mark.parametrize("kind", ["wide", "tall", "as it is", "colour", "see-through"])
def test_a_picture_of_ones_own_is_what_the_explorer_makes_of_it(made, shown, tmp_path, kind):
    """The same pixels, the same features, the same sentence; and it is explained."""
    run, few, _ = made
    file = own_picture(tmp_path, kind)
    shown.page.set_input_files("#own-file", file)
    shown.wait_for("Your own picture")
    shown.page.evaluate("() => window.medtutor.idle()")
    image, said = read_image(file, run.card)
    own = shown.page.evaluate("() => [Array.from(window.medtutor.own().image), window.medtutor.own().logits.trained]")
    assert own[0] == image.flatten().tolist()
    assert own[1] == pytest.approx(Subject.of(run).scores(normalise(image[None]))[0].tolist(), abs=1e-4)
    words = shown.page.inner_text("#own-said")
    for part in said.split(" was ")[1].split(". It has")[0].split(", "):
        assert part in words
    _, known = contents.familiar(run, few)
    distance = float(nearest(features_of(Subject.of(run), image[None], known.layer), known.features))
    assert likeness(distance, known.usual) in words
    assert "Your own picture" in shown.page.inner_text("#case") and "live" in shown.page.inner_text("#trained-how")
    assert not shown.page.locator("#trained").get_attribute("aria-label").startswith("Phantom")


@pytest.mark.parametrize(
    "content, words",
    [(b"", "is empty"), (b"no picture", "cannot be read as a picture"), (b"\x89PNG\r\n\x1a\n12", "cannot be read")],
)
def test_a_file_that_is_no_picture_is_one_sentence(shown, tmp_path, content, words):
    (tmp_path / "odd.png").write_bytes(content)
    shown.page.set_input_files("#own-file", tmp_path / "odd.png")
    shown.wait_for(words)
    assert shown.page.inner_text("#own-said").startswith("odd.png") and not shown.page.is_visible("#alert")


def test_a_picture_can_be_pasted(made, shown, tmp_path):
    content = own_picture(tmp_path, "wide").read_bytes()
    shown.page.evaluate(PASTE, list(content))
    shown.wait_for("pasted.png (90 x 40 pixels)")
    shown.page.evaluate("() => window.medtutor.idle()")


def test_forty_classes(chrome, tmp_path):
    """All of them can be asked about; the table has the five that the network holds most likely."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (120, 16, 16), dtype=torch.uint8, generator=draws)
    parts = [(images[i : i + 40], torch.arange(40)) for i in (0, 40, 80)]
    names = [f"a finding with quite a long name, number {i}" for i in range(40)]
    many = mt.from_arrays(*parts, classes=names)
    run = mt.fit(mt.build("mlp", many, width=16), many, mt.Recipe(epochs=1), progress=False)
    one = Shown(chrome, page(run, many, tmp_path / "many.html", images=10).path, viewport={"width": 390, "height": 800})
    one.ready()
    assert one.page.locator("#target option").count() == 41 and one.page.locator("#answers tr").count() == 5
    assert one.page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert "needs a layer" in one.page.inner_text("#choices") or "has none" in one.page.inner_text("#choices")
    assert (one.asked, one.problems) == ([], [])
    one.context.close()


def damaged(text, how):
    """The text of a page with something missing or spoilt."""
    place, change = how
    start = text.index(place) + len(place) + 60
    return {"cut out": text[:start] + text[start + 200 :], "cut off": text[:start]}.get(change) or (
        text[:start]
        + "".join(chr(33 + (ord(c) - 33 + 7) % 26) for c in text[start : start + 400])
        + text[start + 400 :]
    )


@pytest.mark.parametrize(
    "how, words",
    [
        (('id="first"', "cut out"), 'cannot be shown (its part "first" is not whole)'),
        (('id="others"', "cut out"), "damaged"),
        (('id="wasm"', "cut out"), 'its part "wasm" is not whole'),
        (('id="wasm"', "spoilt"), "damaged"),
        (('id="wasm"', "cut off"), "damaged"),
        (('id="facts"', "cut out"), "its script did not run"),
        (("class Twister", "cut off"), "its script did not run"),
        (('id="trained-weights"', "cut off"), "is not whole"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, tuple) else "",
)
def test_a_damaged_page_says_so(chrome, made, tmp_path, how, words):
    broken = tmp_path / "broken.html"
    broken.write_text(damaged(made[2].read_text(encoding="utf-8"), how), encoding="utf-8")
    one = Shown(chrome, broken)
    one.wait_for(words)
    alert = one.page.inner_text("[role=alert]")
    assert words in alert and "\n" not in alert and one.page.is_visible("h1")
    one.context.close()


REFERENCE = """() => {
  const start = performance.now();
  let sum = 0;
  for (let i = 0; i < 2e7; i++) sum += Math.sqrt(i);
  return [performance.now() - start, sum][0];
}"""


TIMED = """async call => {
  const start = performance.now();
  await call();
  return performance.now() - start;
}"""


def medians(chrome, file, asked):
    """{what: [milliseconds, loops]}: medians of ten openings of a page, in milliseconds, and beside a loop of twenty
    million square roots in the same page. Of its first picture, its first live one, and what is `asked`: {what:
    JavaScript of what window.medtutor offers}, each the median of three after one to warm up.
    """
    times = {what: [] for what in ("first picture", "first live picture", *asked)}
    loops = []
    for _ in range(10):
        one = Shown(chrome, file, viewport={"width": 1200, "height": 900}).ready()
        one.page.evaluate("() => window.medtutor.idle()")
        at = "name => performance.getEntriesByName(`medtutor-${name}`)[0].startTime"
        times["first picture"].append(one.page.evaluate(at, "painted"))
        times["first live picture"].append(one.page.evaluate(at, "live"))
        loops.append(median(one.page.evaluate(REFERENCE) for _ in range(3)))
        for what, words in asked.items():
            found = [one.page.evaluate(f"() => ({TIMED})(() => window.medtutor.{words})") for _ in range(4)]
            times[what].append(median(found[1:]))
        one.context.close()
    return {
        what: [median(each), median(value / loop for value, loop in zip(each, loops))] for what, each in times.items()
    }


def told(found, page, record_property, capsys):
    """Print medians, and keep them for the summary."""
    with capsys.disabled():
        print()
        for what, (milliseconds, loops) in found.items():
            print(f"{page}: {what:32} {milliseconds:6.1f} ms, {loops:6.3f} loops")
            record_property("milliseconds", [f"{page}: {what}", milliseconds])


def test_how_long_it_takes(chrome, made, capsys, record_property):
    """Beside a loop in the same page, since machines differ."""
    asked = {
        "saliency": f"map('trained', {INDEX}, 'saliency', 0, {{}})",
        "integrated gradients, 32 steps": f"map('trained', {INDEX}, 'integrated_gradients', 0,"
        " {steps: 32, baseline: 'black'})",
    }
    found = medians(chrome, made[2], asked)
    told(found, "page of a classification", record_property, capsys)
    assert found["first picture"][1] < 12 and found["first live picture"][1] < 60
