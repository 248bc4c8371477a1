"""A page in a notebook: live in JupyterLab, in the saved notebook opened anew, and a picture where it cannot be."""

import json

import pytest
from nbconvert import HTMLExporter

from .lab import NotebookPage
from .test_faults_in_lab import FAULTS

pytestmark = pytest.mark.browser
MAKE = """import medtutor as mt
from medtutor.data import card, phantoms

few = phantoms.draw(card("breastmnist"), {"train": 60, "val": 30, "test": 20})
run = mt.fit(mt.build("lenet", few), few, mt.Recipe(epochs=2, batch_size=16), progress=False)"""
STILL = "A still picture."


class Framed:
    """A notebook, open in a profile of its own, that shows a page: on the file beside it, or `embedded`."""

    def __init__(self, chrome, lab, name, embedded=False, **options):
        self.context = chrome.new_context(viewport={"width": 1200, "height": 1100}, **options)
        self.book = NotebookPage(self.context.new_page(), lab).open(name)
        self.look_at(embedded)

    def look_at(self, embedded):
        """From now on this is about the cell that shows the page in that way."""
        self.cell = self.book.page.locator(".jp-CodeCell", has_text="embedded()" if embedded else "mt.page(run").last
        self.output = self.cell.locator(".jp-OutputArea-output")

    def live(self):
        """The page's frame, once a map was computed in it."""
        self.output.scroll_into_view_if_needed()
        frame = live(self.output)
        assert self.output.locator("iframe").bounding_box()["height"] == 760
        return frame

    def still(self):
        """The picture that stands in for the page."""
        self.output.get_by_text(STILL).wait_for()
        picture = self.output.locator("img")
        assert picture.bounding_box()["height"] > 100
        assert picture.get_attribute("alt").startswith("Phantom images")
        return picture

    def end(self):
        self.book.check()
        self.context.close()


def live(shown):
    """The frame of a page in what is shown, once a map was computed there, and no picture stands in for it."""
    frame = shown.locator("iframe").element_handle().content_frame()
    frame.get_by_text("Live: maps are computed in this page.").wait_for(timeout=60_000)
    frame.evaluate("() => window.medtutor.ready")
    assert "live, " in frame.inner_text("#trained-how")
    assert not shown.get_by_text(STILL).is_visible()
    return frame


@pytest.fixture(scope="module")
def saved(chrome, lab):
    """A notebook that was run and saved: its name; the page lies beside it as page.html."""
    name = lab.write("framed.ipynb", MAKE, "mt.page(run, few, images=8)", "_.embedded()")
    one = Framed(chrome, lab, name)
    one.book.run_all(timeout=240)
    for embedded in (False, True):
        one.look_at(embedded)
        one.live()
    one.book.page.get_by_role("menuitem", name="File", exact=True).click()
    save = one.book.page.locator('.lm-Menu-item[data-command="docmanager:save"]')
    with one.book.page.expect_response(lambda answer: answer.request.method == "PUT" and name in answer.url):
        save.click()
    one.end()
    lab.end_kernels()
    return name


def outputs(lab, name):
    """Of each cell of a notebook as it was saved."""
    return [cell["outputs"] for cell in json.loads((lab.folder / name).read_text())["cells"]]


@pytest.fixture
def opened(chrome, lab, saved):
    """A function: options of the browser -> the saved notebook, opened anew; no cell is run."""
    shown = []

    def open_anew(name=saved, **options):
        shown.append(Framed(chrome, lab, name, **options))
        return shown[-1]

    yield open_anew
    for one in shown:
        one.end()
    lab.end_kernels()


@pytest.mark.parametrize("embedded", [False, True], ids=["beside", "embedded"])
def test_a_saved_notebook_shows_the_page_without_running(opened, embedded):
    opened(embedded=embedded).live()


def test_a_notebook_holds_the_page_only_where_it_is_asked(saved, lab):
    beside, embedded = (len(json.dumps(each)) for each in outputs(lab, saved)[1:])
    size = (lab.folder / "page.html").stat().st_size
    assert beside < 100_000 < size < embedded < 1.1 * size
    assert f"{size / 1e6:.1f} MB, lies beside" in json.dumps(outputs(lab, saved)[1])


def test_the_keyboard_reaches_into_the_page(opened):
    one = opened()
    frame = one.live()
    before = frame.locator("#trained").get_attribute("aria-label")
    one.output.scroll_into_view_if_needed()
    one.cell.locator(".cm-content").click()
    one.book.page.keyboard.press("Escape")
    for _ in range(40):
        one.book.page.keyboard.press("Tab")
        if frame.evaluate("() => document.activeElement?.id === 'method'"):
            break
    one.book.page.keyboard.press("ArrowDown")
    frame.evaluate("() => window.medtutor.idle()")
    assert frame.input_value("#method") != "saliency"
    assert frame.locator("#trained").get_attribute("aria-label") != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(opened, axe, scheme):
    # axe-core is brought in from outside, which the page's policy would forbid.
    one = opened(color_scheme=scheme, bypass_csp=True)
    frame = one.live()
    frame.evaluate(axe)
    assert frame.locator("html").evaluate(FAULTS.replace("cell.querySelectorAll('.medtutor')", "document")) == []
    one.book.page.evaluate(axe)
    around = FAULTS.replace("cell.querySelectorAll('.medtutor')", "cell").replace("{result", "{iframes: false, result")
    assert one.output.evaluate(around) == []


def test_a_notebook_that_is_not_trusted_has_a_picture_and_a_sentence(opened, lab, saved):
    shown = outputs(lab, saved)[1][-1]["data"]
    one = opened(lab.write("from_elsewhere.ipynb", "mt.page(run)", shown=shown))
    one.still()
    assert one.output.locator("iframe").count() == 0
    assert "page.html" in one.output.inner_text() and "trusted" in one.output.inner_text()


def test_without_its_file_a_notebook_has_a_picture_and_a_sentence(opened, lab):
    page = lab.folder / "page.html"
    page.rename(lab.folder / "gone.html")
    try:
        one = opened()
        one.still()
        one.book.page.wait_for_timeout(2000)
        one.still()
        one.look_at(embedded=True)
        one.live()
        # The server says 404, which the browser's console repeats.
        assert all("404" in each for each in one.book.problems)
        one.book.problems.clear()
    finally:
        (lab.folder / "gone.html").rename(page)


def test_a_notebook_as_a_static_file_shows_the_page(chrome, lab, saved):
    """As nbconvert writes it; what else that asks the network for it does not get."""
    file = lab.folder / "static.html"
    file.write_text(HTMLExporter().from_filename(str(lab.folder / saved))[0], encoding="utf-8")
    context = chrome.new_context()
    context.route("http*://**", lambda route: route.abort())
    page = context.new_page()
    page.goto(file.as_uri())
    for shown in page.locator(".medtutor-page").all():
        shown.scroll_into_view_if_needed()
        live(shown)
    assert page.locator(".medtutor-page").count() == 2
    context.close()
