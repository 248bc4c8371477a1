"""The literature explorer: what is selected, what is said of a work, the way to its cell, and the works written out."""

import html
import re

import pytest

from medtutor.explorers import literature
from medtutor.review import cite, claim, places, works
from medtutor.review.places import lesson_name


@pytest.fixture
def shown():
    return literature()


def words(widget):
    return html.unescape(re.sub("<[^>]+>", " ", widget.value))


def test_all_works_are_selected_at_first_and_the_review_is_described(shown):
    assert shown.found == list(works()) and shown.work.id == "shobayo-2025"
    assert "The article beyond its abstract and section 1 could not be read." in words(shown._told)


@pytest.mark.parametrize(
    "name, value, fits",
    [
        ("family", "U-Net", lambda work: "U-Net" in work.families),
        ("modality", "ultrasound", lambda work: "ultrasound" in work.modality),
        ("listed", "citing", lambda work: work.listed == "citing"),
        ("listed", "around", lambda work: work.listed != "canonical"),
        ("since", 2020, lambda work: work.year >= 2020),
        ("claim", "03_unet_and_descendants", lambda work: lesson_name(work.lesson) == "03_unet_and_descendants"),
    ],
)
def test_each_list_selects(shown, name, value, fits):
    getattr(shown, name).value = value
    assert shown.found == [work for work in works() if fits(work)] != []
    assert [key for _, key in shown.chosen.options] == [work.id for work in shown.found]
    assert f"{len(shown.found)} of {len(works())} works are selected" in shown.still().alt and not shown.message.value


def test_claims_lead_to_their_lesson(shown):
    assert dict(shown.claim.options)["skips-sharpen-boundaries"] == claim("skips-sharpen-boundaries").lesson


def test_a_number_stands_with_its_source(shown):
    shown.chosen.value = "ding-2024"
    assert (
        "Dice 0.93, sensitivity 93 %, specificity 99 % (ouci.dntb.gov.ua/en/works/4L52jOql; seen in the source)"
        in words(shown._told)
    )
    assert 'href="03_unet_and_descendants.ipynb#Attention-gates"' in shown._way.value
    shown.chosen.value = "unet-2015"
    assert "seen in third parties' copies" in words(shown._told) and "arxiv.org/abs/1505.04597" in shown._way.value


def test_what_is_shown_nowhere_or_later_has_no_link(monkeypatch):
    written = {number: name for number, name in places._written().items() if number != "16"}
    monkeypatch.setattr(places, "_written", lambda: written)
    shown = literature()
    shown.chosen.value = "densenet-2017"
    assert "not shown: " in words(shown._told) and ".ipynb" not in shown._way.value
    later = next(work for work in works() if work.lesson and lesson_name(work.lesson) is None)
    shown.chosen.value = later.id
    assert "to come" in words(shown._told) and ".ipynb" not in (shown._way.value or "")


def test_the_selected_works_are_written_out(shown):
    shown.listed.value = "citing"
    for name, form in (("BibTeX", "bib"), ("RIS", "ris"), ("CSV", "csv")):
        shown.form.value = name
        assert html.escape(cite(shown.found, form)) in shown._written_out.value
    shown.form.value = "not"
    assert shown._written_out.value == ""


def test_nothing_selected_is_a_sentence(shown):
    shown.family.value, shown.modality.value = "privacy", "CT"
    assert shown.found == [] and shown.work is None and "No work is selected" in words(shown._told)
    assert shown._way.value == "" and not shown.message.value and "0 of" in shown.still().alt
    shown.tools.reset.click()
    assert len(shown.found) == len(works())
