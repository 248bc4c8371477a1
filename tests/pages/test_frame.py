"""What a notebook gets of a page: a frame on its file, or the page itself; and a picture."""

import html
import re
from dataclasses import replace

import pytest

import medtutor as mt
from medtutor.data import card, phantoms
from medtutor.pages import Page, frame


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A `Page` whose file is a few characters: what stands in it, a notebook does not ask."""
    few = phantoms.draw(card("breastmnist"), {"train": 40, "val": 20, "test": 15})
    run = mt.fit(mt.build("mlp", few, width=8), few, mt.Recipe(epochs=1), progress=False)
    path = tmp_path_factory.mktemp("pages") / 'a "page" & more.html'
    path.write_text('<!DOCTYPE html><p title="x">5 < 6 & "$source" \'é\'</p>', encoding="utf-8")
    return Page(path, run, few)


@pytest.fixture(autouse=True)
def anywhere(monkeypatch):
    """On no host in particular."""
    for name in frame.NO_FILES:
        monkeypatch.delenv(name, raising=False)


def shown(page):
    return page._repr_mimebundle_()["text/html"]


def test_the_output_is_a_frame_on_the_file_and_a_picture(made, monkeypatch):
    monkeypatch.chdir(made.path.parent)
    text = shown(made)
    assert re.search('<iframe[^>]* src="(.*?)"', text)[1] == "a%20%22page%22%20%26%20more.html"
    assert 'sandbox="allow-scripts"' in text and "srcdoc" not in text and len(text) < 100_000
    assert re.search('<img alt="Phantom images, drawn by medtutor[^"]+"', text)
    assert "A still picture." in text and "0.0 MB, lies beside this notebook" in text


def test_the_address_is_as_the_notebook_sees_it(made, monkeypatch, tmp_path):
    """Not as a cell does, which may have gone to another folder."""

    class Shell:
        starting_dir = str(made.path.parent.parent)

    monkeypatch.setattr(frame, "get_ipython", Shell)
    monkeypatch.chdir(tmp_path)
    text = shown(made)
    assert f'src="{made.path.parent.name}/a%20' in text and "is needed as well" in text and "lies beside" not in text
    (tmp_path / "link").symlink_to(made.path.parent)
    assert f'src="{made.path.parent.name}/a%20' in shown(replace(made, path=tmp_path / "link" / made.path.name))


def test_embedded_it_is_the_page_itself(made):
    text = shown(made.embedded())
    found = re.search(' srcdoc="([^"]*)"', text)[1]
    assert html.unescape(found) == made.path.read_text(encoding="utf-8")
    assert " src=" not in re.search("<iframe.*?>", text, re.S)[0] and "of this notebook are" in text


@pytest.mark.parametrize("host", frame.NO_FILES)
def test_where_a_frame_reaches_no_file_the_page_is_inside(made, monkeypatch, host):
    monkeypatch.setenv(host, "1")
    assert "srcdoc=" in shown(made)


def test_a_page_that_is_gone_is_one_sentence(made, tmp_path):
    gone = Page(tmp_path / "<b>.html", made.run, made.dataset)
    bundle = gone._repr_mimebundle_()
    assert str(gone) == bundle["text/plain"]
    assert "&lt;b&gt;.html is there no more; write it again" in bundle["text/html"]
    assert "<iframe" not in bundle["text/html"]


def test_an_explorer_that_fails_takes_nothing_but_the_picture(made, monkeypatch):
    def fail(run, dataset):
        raise RuntimeError("no <explorer>")

    monkeypatch.setattr(frame, "explore", fail)
    text = shown(made)
    assert "<iframe" in text and "no &lt;explorer&gt;" in text


def test_it_is_a_path(made):
    assert open(made, encoding="utf-8").read() == made.path.read_text(encoding="utf-8")
    assert str(made).endswith("0.0 MB; open it in a browser, or send it to somebody")
    assert made._repr_mimebundle_()["text/plain"] == str(made)
