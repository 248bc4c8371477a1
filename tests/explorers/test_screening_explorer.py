"""The screening explorer: decisions one after the other, the flow, undo, what is saved, and the reviewers' answers."""

import base64
import html
import re

import pytest

from medtutor.errors import InputError
from medtutor.explorers import screening
from medtutor.review import Screening, load_collection
from medtutor.review.bibliography import parse_csv, parse_ris


@pytest.fixture
def drawn():
    return load_collection("drawn").sample(30)


def words(widget):
    return html.unescape(re.sub("<[^>]+>", " ", widget.value))


def alt(explorer):
    return html.unescape(re.search(r'alt="([^"]*)"', explorer._flow_shown.value)[1])


def test_the_flow_grows_with_each_decision(drawn):
    shown = screening(drawn)
    first = shown.record
    assert first.title in words(shown._record_shown) and "Records screened: n = 0" in alt(shown)
    shown.include.click()
    shown.reason.value = "no children"
    shown.leave_out.click()
    assert "Records screened: n = 2; Records excluded: n = 1; Reports sought for retrieval: n = 1" in alt(shown)
    assert "2 of 30 decided: 1 included, 1 left out. Not saved" in words(shown._progress)
    assert "Left out because: no children 1." in words(shown._progress) and shown.record is shown.screening.records[2]
    assert "PHANTOM" in alt(shown) and alt(shown).startswith("Phantom")


def test_undo_brings_the_record_back(drawn):
    shown = screening(drawn)
    shown.undo.click()  # nothing to take back
    assert shown.screening.decisions == {} and not shown.message.value
    for _ in range(3):
        shown.include.click()
    last = shown.screening.records[2]
    shown.undo.click()
    assert shown.record is last and "2 of 30 decided" in words(shown._progress) and "screened: n = 2" in alt(shown)


def test_decisions_are_saved_and_gone_on_with(drawn, tmp_path):
    shown = screening(drawn, tmp_path / "mine.json")
    shown.include.click()
    shown.leave_out.click()
    assert f"Saved in {tmp_path / 'mine.json'}" in words(shown._progress)
    again = screening(drawn, tmp_path / "mine.json")
    assert again.screening.decisions == shown.screening.decisions and again.record is again.screening.records[2]
    assert again.call == f"screening(collection, {str(tmp_path / 'mine.json')!r})"
    again.include.click()
    shown.include.click()  # the older one would overwrite it
    assert "was changed by another program" in shown.message.value and len(shown.screening.decisions) == 2
    assert len(Screening(drawn, tmp_path / "mine.json").decisions) == 3


def test_the_end(drawn):
    shown = screening(drawn)
    while shown.record is not None:
        (shown.include if shown.record.included else shown.leave_out).click()
    shown.include.click()
    assert "All records are decided" in words(shown._record_shown) and len(shown.screening.decisions) == len(
        shown.screening.records
    )
    assert "Databases and registers: n = 30" in alt(shown) and not shown.message.value


def test_the_reviewers_are_hidden_until_asked_for(drawn):
    shown = screening(drawn)
    shown.compare.value = True
    assert "Nothing to compare" in words(shown._compared)
    shown.compare.value = False
    for _ in range(6):
        shown.include.click()
    assert shown._compared.value == "" and "eviewers" not in shown.still().alt
    shown.compare.value = True
    assert f"Of 6 records both included {shown.screening.agreement().both}" in words(shown._compared)
    assert "Reviewers left out: " in words(shown._compared) and "not defined" in words(shown._compared)


def test_the_model_puts_the_likely_ones_first():
    shown = screening(load_collection("drawn"))
    shown.order.value = "most likely first"
    assert shown.record is shown.screening.records[0]  # it needs one of each first
    while len(set(shown.screening.included.values())) < 2:
        (shown.include if shown.record.included else shown.leave_out).click()
    begun = sum(shown.screening.included.values())
    for _ in range(30):
        (shown.include if shown.record.included else shown.leave_out).click()
    by_model = sum(shown.screening.included.values()) - begun
    assert by_model >= 15 and not shown.message.value  # of 24 in 234: by chance three
    likely = shown.record
    shown.include.click()
    shown.undo.click()
    assert shown.record is likely


@pytest.mark.parametrize("form, kind", [("RIS", parse_ris), ("CSV", parse_csv)])
def test_decisions_as_a_file(drawn, form, kind):
    shown = screening(drawn)
    shown.include.click()
    shown.leave_out.click()
    shown.form.value = form
    data = base64.b64decode(re.search('base64,([^"]+)', shown._file.value)[1]).decode()
    assert [record.included for record in kind(data)][:3] == [True, False, None]
    shown.include.click()
    again = base64.b64decode(re.search('base64,([^"]+)', shown._file.value)[1]).decode()
    assert kind(again)[2].included is True


def test_the_flow_as_a_file(drawn):
    shown = screening(drawn)
    shown.form.value = "flow diagram"
    assert b"<svg" in base64.b64decode(re.search('base64,([^"]+)', shown._file.value)[1])


def test_reset_keeps_the_decisions(drawn):
    shown = screening(drawn)
    shown.include.click()
    shown.compare.value = True
    shown.tools.reset.click()
    assert len(shown.screening.decisions) == 1 and not shown.compare.value and "screened: n = 1" in alt(shown)


def test_what_is_no_collection():
    with pytest.raises(InputError, match="collection must be a Collection"):
        screening("Jeyaraman_2020")
