"""The lessons' site in Chromium, opened as a folder of files: nothing from elsewhere, found, read on a phone."""

from pathlib import Path

import pytest

from medtutor.course import site

pytestmark = pytest.mark.browser
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    for name in site.NEEDED:
        pytest.importorskip(name)
    made = tmp_path_factory.mktemp("course") / "site"
    site.build_site(NOTEBOOKS, made, ["00", "11"], report=str)
    return made


@pytest.fixture
def opened(chrome, folder):
    """A function: a page's name and options of the browser -> the page, open. Nobody else may be asked."""
    asked, contexts = [], []

    def gate(route):
        if route.request.url.startswith(folder.as_uri()):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    def open_page(name, **options):
        contexts.append(chrome.new_context(**options))
        contexts[-1].route("**/*", gate)
        page = contexts[-1].new_page()
        page.goto(f"{folder.as_uri()}/{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert asked == []


def test_the_search_finds_a_word(opened):
    page = opened("search.html?q=calibration")
    page.wait_for_selector("#search-results li a")
    assert "Trust" in page.inner_text("#search-results")


def test_a_formula_is_laid_out(opened):
    page = opened("11_trust.html")
    above, below = (page.locator(f"mfrac > :nth-child({k})").first.bounding_box() for k in (1, 2))
    assert above["y"] + above["height"] <= below["y"] + 1


def test_the_policy_refuses_other_hosts(opened):
    page = opened("index.html")
    refused = """() => new Promise(done => {
      document.addEventListener("securitypolicyviolation", event => done(event.blockedURI));
      document.body.append(Object.assign(new Image(), {src: "https://example.org/x.png"}));
    })"""
    assert page.evaluate(refused).startswith("https://example.org")


@pytest.mark.parametrize("width", [380, 1300])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "00_start_here.html", "11_trust.html"])
def test_no_serious_fault_of_accessibility_and_no_scrolling_sideways(opened, axe, name, width, scheme):
    page = opened(name, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    faults = page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
    assert [f["id"] for f in faults if f["impact"] in ("serious", "critical")] == []
    assert page.evaluate("[...document.images].every(image => image.alt)")
