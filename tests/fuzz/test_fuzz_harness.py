"""The harness itself: what it must not let pass, it does not."""

import time

import pytest

from medtutor.errors import InputError

from . import harness
from .harness import REFUSED, attempt, limits


def refuse(sentence):
    raise InputError(sentence)


def test_a_sentence_is_a_refusal_and_a_page_is_none():
    assert attempt(refuse, "give a number") is REFUSED
    for wrong in ("", " ", "x" * 5000):
        with pytest.raises(AssertionError):
            attempt(refuse, wrong)
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: 1 / 0)


def test_work_without_end_and_waiting_are_ended(monkeypatch):
    monkeypatch.setattr(harness, "PATIENCE", 0.3)
    with pytest.raises(AssertionError, match="did nothing"):
        attempt(time.sleep, 60)
    with pytest.raises(AssertionError, match="took more"), limits(seconds=0.3):
        while True:
            pass


@pytest.mark.skipif(not harness._mapped(), reason="memory is limited on Linux only")
def test_gigabytes_are_refused():
    with pytest.raises(MemoryError):
        attempt(bytearray, 3 << 30)
