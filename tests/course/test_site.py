"""The lessons as static pages: what is refused, and what becomes of links, formulas, pictures and outputs."""

import json

import pytest

from medtutor.course import site
from medtutor.errors import InputError, MedtutorError

PICTURE = '<img alt="Phantom images: one" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">'
FOLDED = f"<details><summary>folded</summary>{PICTURE}</details>"


def cell(source, html=None, count=1):
    if html is None:
        return {"cell_type": "markdown", "id": str(abs(hash(source)) % 10**8), "metadata": {}, "source": source}
    output = {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": {"text/html": html}}
    made = {"cell_type": "code", "id": str(abs(hash(source)) % 10**8), "metadata": {}, "source": source}
    return made | {"outputs": [output], "execution_count": count}


def write(folder, name, *cells):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": list(cells), "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / name).write_text(json.dumps(book), encoding="utf-8")


def notebooks_in(folder):
    """Two small lessons, and a README with their table."""
    made = folder / "notebooks"
    made.mkdir()
    text = "A **[term](01_two.ipynb#What-is-%22it%22%3F \"a 'word' & its meaning\")**, $A_i = \\frac{a}{b}$.\n\n$$x^2$$"
    write(made, "00_one.ipynb", cell(f"# One\n\n{text}"), cell("1", FOLDED), cell("mt.explore(run)", PICTURE))
    back = '<a href="00_one.ipynb#One">back</a> <a href="02_left_out.ipynb">out</a>'
    write(made, "01_two.ipynb", cell('# Two\n\n## What is "it"?\n\nAn axolotl.'), cell("2", back))
    (folder / "README.md").write_text("| 00 | `notebooks/00_one.ipynb` | what is one? |\n", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    return notebooks_in(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def built(notebooks, tmp_path_factory):
    """(folder, what was reported) of a site with one page of a run."""
    for name in site.NEEDED:
        pytest.importorskip(name)
    folder, said = tmp_path_factory.mktemp("out"), []
    (folder / "pages").mkdir()
    (folder / "pages" / "00.html").write_text("<!doctype html><title>a run</title>", encoding="utf-8")
    site.build_site(notebooks, folder / "site", pages=folder / "pages", report=said.append)
    return folder / "site", said


def test_links_lead_to_pages_and_keep_what_a_term_means(built):
    one, two = ((built[0] / name).read_text(encoding="utf-8") for name in ("00_one.html", "01_two.html"))
    assert '<a href="01_two.html#what-is-it" title="a &#x27;word&#x27; &amp; its meaning">term</a>' in one
    assert 'id="what-is-it"' in two
    assert '<a href="00_one.html#one">back</a> out' in two
    assert site.broken_links(built[0]) == []


def test_formulas_are_mathml_and_answers_stay_folded(built):
    text = (built[0] / "00_one.html").read_text(encoding="utf-8")
    assert text.count("<math ") == 2 and "<mfrac>" in text
    assert FOLDED in text


def test_a_page_of_a_run_stands_in_place_of_the_still(built):
    text = (built[0] / "00_one.html").read_text(encoding="utf-8")
    assert text.count("<iframe") == 1 and 'loading="lazy" title="A run' in text
    assert text.count(PICTURE) == 1  # the folded one
    assert (built[0] / "pages" / "00.html").is_file()


def test_progress_and_start_page(built):
    assert "01_two …" in built[1]
    assert "what is one?" in (built[0] / "index.html").read_text(encoding="utf-8")


def test_a_former_site_is_replaced_and_others_are_not(built, notebooks, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(InputError, match="holds other files"):
        site.build_site(notebooks, tmp_path / "mine")
    for lessons in ([], ["01"]):
        made = site.build_site(notebooks, tmp_path / "site", lessons, report=str)
    assert list(made) == ["01"] and not (tmp_path / "site" / "00_one.html").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "site"}


def test_a_link_that_leads_nowhere_leaves_no_site(built, tmp_path):
    write(tmp_path, "00_one.ipynb", cell("# One\n\n[gone](00_one.ipynb#Gone)"))
    with pytest.raises(MedtutorError, match="1 links of the site lead nowhere: 00_one.html: 00_one.html#gone"):
        site.build_site(tmp_path, tmp_path / "site", report=str)
    assert [path.name for path in tmp_path.iterdir()] == ["00_one.ipynb"]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("00_one.ipynb", "{", "is no notebook"),
        ("01_two.ipynb", None, "was not executed"),
        ("README", "", "holds no lessons"),
    ],
)
def test_a_notebook_that_cannot_be_shown(monkeypatch, tmp_path, name, content, words):
    monkeypatch.setattr(site, "NEEDED", ())
    if content is None:
        write(tmp_path, name, cell("1", "", count=None))
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words):
        site.build_site(tmp_path, tmp_path / "site")


@pytest.mark.parametrize(
    "page, words", [("01.html", "has no attribution explorer"), ("07.html", "unknown lesson"), ("x", "holds no pages")]
)
def test_pages_that_do_not_fit(monkeypatch, notebooks, tmp_path, page, words):
    monkeypatch.setattr(site, "NEEDED", ())
    (tmp_path / page).touch()
    with pytest.raises(InputError, match=words):
        site.build_site(notebooks, tmp_path / "site", pages=tmp_path)


def test_a_missing_package_is_named(monkeypatch, notebooks, tmp_path):
    monkeypatch.setattr(site, "NEEDED", ("json", "no_such_generator"))
    with pytest.raises(InputError, match=r'^no_such_generator not installed; run: pip install "medtutor\[site\]"$'):
        site.build_site(notebooks, tmp_path / "site")
