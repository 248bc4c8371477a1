"""The explorers of the literature, of screening and of the claims in JupyterLab in Chromium, by keyboard only."""

import json

import pytest

pytestmark = pytest.mark.browser

LITERATURE = """
from medtutor import explorers

explorers.literature()
"""
CLAIMS = """
from medtutor import explorers

explorers.claims()
"""
SCREENING = """
from medtutor import explorers
from medtutor.review import load_collection

explorers.screening(load_collection("drawn").sample(30), "mine.json")
"""


def test_screening_by_keyboard(notebook):
    page = notebook(SCREENING)
    page.picture("Records screened: n = 0").wait_for()
    button = lambda name: page.output.get_by_role("button", name=name, exact=True)  # noqa: E731

    button("include").focus()
    page.press("Space", page.picture("Records screened: n = 1;.* sought for retrieval: n = 1"))
    page.press(
        "Space", page.picture("Records screened: n = 2;.* sought for retrieval: n = 2")
    )  # the button keeps the focus
    page.tab_to(button("leave out"))
    page.press("Enter", page.picture("Records screened: n = 3; Records excluded: n = 1"))
    page.tab_to(button("undo"))
    page.press("Space", page.picture("Records screened: n = 2; Records excluded: n = 0"))
    saved = json.loads((page.server.folder / "mine.json").read_text())
    assert [decision[1] for decision in saved["decisions"]] == [True, True]
    page.check()


def test_literature_by_keyboard(notebook):
    page = notebook(LITERATURE)
    page.picture("66 of 66 works are selected").wait_for()
    page.focus(page.control("family"))
    page.choose(1)
    page.picture("(?!66 of).* works are selected").wait_for()
    page.output.get_by_role("link", name="run it: lesson").wait_for()
    page.check()


def test_claims_by_keyboard(notebook):
    page = notebook(CLAIMS)
    page.picture(r"Forest plot in units of each claim's margin: (\d+) of \1 claims").wait_for()
    page.focus(page.control("family"))
    page.choose(1)
    page.picture(r"Forest plot .* framed is cnn-beats-mlp").wait_for()
    page.check()
