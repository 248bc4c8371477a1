"""The works around the review: only what was seen, each with a cell that exists; out as BibTeX, RIS and CSV."""

import csv
import io
import re

import pytest
from test_coverage import headings

from medtutor.errors import InputError
from medtutor.review import cite, work, works
from medtutor.review.bibliography import parse_ris
from medtutor.review.literature import FAMILIES, SEEN, parse_works
from medtutor.review.places import lesson_name

AROUND = [each for each in works() if each.listed != "canonical"]


def test_the_22_listed_works_are_there():
    assert [sum(each.listed == name for each in works()) for name in ("similar", "citing", "cited")] == [10, 2, 10]


@pytest.mark.parametrize("each", works(), ids=lambda each: each.id)
def test_a_work_has_two_sentences_and_a_cell_that_exists(each):
    assert len(re.findall(r"[.](?= |$)", each.method)) >= 2 and each.method.endswith(".")
    if each.not_shown:
        assert each.listed == "canonical" and not each.cell  # what the review's page lists is shown, all of it
    elif lesson_name(each.lesson) is None:
        assert not each.cell, "a lesson that is not written has no heading"
    else:
        assert each.cell in headings(each.lesson) or (not each.cell and each.lesson >= "10")


@pytest.mark.parametrize("each", works(), ids=lambda each: each.id)
def test_what_is_said_of_a_work_says_where_it_was_seen(each):
    assert each.seen_in and all(number.source and number.seen in SEEN for number in each.numbers)
    if each.seen != "copy" and not each.numbers:
        assert each.unread or each.id == "chau-2024"  # a narrative review: there are no numbers to read
    if "others" in each.authors or not each.authors:
        assert "et al." in each.reference or "authors not seen" in each.reference
    if not each.title:
        assert "[title not seen]" in each.reference


def test_every_family_has_a_listed_work():
    assert {family for each in AROUND for family in each.families} >= set(FAMILIES)


def test_names():
    assert work("ali-2022").name == "Ali & Shah 2022" and work("ding-2024").name == "Ding et al. 2024"
    assert work("unet-2015").name == "U-Net (Ronneberger et al. 2015)" and work("chau-2024").name == "Chau 2024"
    with pytest.raises(InputError, match="unknown work 'unet'; did you mean"):
        work("unet")


def test_bibtex():
    """Each entry is whole: balanced braces, its key once, nothing that TeX would stumble over."""
    text = cite(works(), "bib")
    entries = text.split("\n\n")
    assert [re.match(r"@(article|misc)\{([^,]+),", entry)[2] for entry in entries] == [each.id for each in works()]
    for entry in entries:
        assert entry.count("{") == entry.count("}") and not re.search(r"(?<!\\)[%&#]", entry)
    assert "author = {Piffer and others}" in text and "eprint = {1505.04597}" in text and "pages = {618--626}" in text


def test_ris_is_read_again():
    records = parse_ris(cite(works(), "ris"))
    assert [record.key for record in records] == [each.id for each in works()]
    assert [record.year for record in records] == [each.year for each in works()]
    assert records[0].doi == "10.3390/diagnostics15091072" and "could not be read" in records[0].notes[0]


def test_csv_has_a_row_for_each():
    rows = list(csv.DictReader(io.StringIO(cite(works(), "csv"))))
    assert [row["id"] for row in rows] == [each.id for each in works()]
    assert rows[0]["place"] == "lesson 00, The map" and rows[0]["modality"] == "MRI; CT; ultrasound; X-ray"
    with pytest.raises(InputError, match="unknown format 'xml'"):
        cite(works(), "xml")


ONE = """
[a]
listed = "cited"
authors = ["A"]
about = "x"
year = 2020
family = "U-Net"
modality = ["MRI"]
method = "One. Two."
seen = "source"
seen_in = "there"
doi = "10.1/a"
lesson = "03"
"""


@pytest.mark.parametrize(
    "text, words",
    [
        (ONE + ONE.replace("[a]", "[b]").replace("10.1/a", "10.1/A"), "works 'a' and 'b' have one doi, 10.1/a"),
        (ONE.replace("U-Net", "unet"), "work 'a' is not well-formed .unknown family 'unet'"),
        (ONE.replace('lesson = "03"', ""), "name either the lesson"),
        (ONE.replace("2020", '"2020"'), "year must be a whole number"),
        (ONE.replace('seen = "source"', 'seen = "memory"'), "unknown way of seeing 'memory'"),
        (ONE + "colour = 1\n", "colour is not known"),
        ("[a", "literature.toml cannot be read"),
    ],
)
def test_a_wrong_entry_is_told_with_its_name(text, words):
    assert len(parse_works(ONE)) == 1
    with pytest.raises(InputError, match=words):
        parse_works(text)


def test_two_works_with_one_doi_are_told_however_it_is_spelled():
    work = """listed="similar"
authors=["A"]
about="x"
year=2020
family="GAN"
modality=["CT"]
method="m"
seen="list"
seen_in="s"
not_shown="n"
"""
    with pytest.raises(InputError, match="works 'a' and 'b' have one doi, 10.1/a"):
        parse_works(f'[a]\n{work}doi="10.1/A"\n[b]\n{work}doi="https://doi.org/10.1/a"\n')
