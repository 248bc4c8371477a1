"""What other programs leave of the identifiers of `PLANTED`, beside ours: counted by the same code."""

import io
import json
from collections.abc import Callable
from typing import Any

from ..errors import InputError
from ..reports.table import Table
from .deidentify import Deidentifier
from .opening import only_our_words
from .planted import PLANTED, left_in, read_off
from .uids import as_bytes

NOT_LOOKED = "not looked at"


def left_by_each(dataset: Any, orthanc: str | None = None) -> Table:
    """How many of the identifiers that `plant` has put into a pydicom `Dataset` each program leaves, and which.

    orthanc  address of an Orthanc, such as "http://127.0.0.1:8042", which is given the object, asked for an anonymised
             copy of it, and told to forget it; left out: it is not tried

    Beside ours stand dicognito, and `/anonymize` of Orthanc, with their own settings and nothing else. Letters in the
    pixels count where tesseract reads them, where it is there. Raises `InputError` where Orthanc does not answer.

    >>> from pydicom import dcmread
    >>> from pydicom.data import get_testdata_file
    >>> from medtutor.clinic.planted import plant
    >>> scan = dcmread(get_testdata_file("CT_small.dcm"))
    >>> plant(scan)
    >>> left_by_each(scan).rows[0][:2]
    ('as it came', '60 of 60')
    """
    given = as_bytes(dataset)
    programs: dict[str, Callable[[bytes], bytes] | None] = {
        "as it came": lambda content: content,
        "medtutor": _by_us,
        "dicognito": _by_dicognito if _has_dicognito() else None,
        "Orthanc /anonymize": None if orthanc is None else lambda content: _by_orthanc(content, orthanc),
    }
    rows = []
    for name, program in programs.items():
        if program is None:
            rows.append([name, "not there", ""])
            continue
        content = program(given)
        left, letters = left_in(content), _letters(content)
        left = [*left, *(["burned in"] if letters is True else [])]
        note = NOT_LOOKED if letters is None else ""
        shown = "none" if not left else "all" if len(left) == len(PLANTED) else ", ".join(left)
        rows.append(
            [name, f"{len(left)} of {len(PLANTED)}", "; ".join(filter(None, [shown, note and f"letters {note}"]))]
        )
    return Table(["program", "identifiers left", "which"], rows, "Sixty planted identifiers, in all bytes and pixels")


def _by_us(content):
    return as_bytes(Deidentifier().dataset(_read(content)))


def _has_dicognito():
    from importlib.util import find_spec

    return find_spec("dicognito") is not None


def _by_dicognito(content):
    from dicognito.anonymizer import Anonymizer

    dataset = _read(content)
    with only_our_words("dicognito cannot take this object; try another"):
        Anonymizer().anonymize(dataset)
        return as_bytes(dataset)


def _by_orthanc(content, address):
    import requests

    try:
        stored = requests.post(f"{address}/instances", data=content, timeout=60)
        stored.raise_for_status()
        place = f"{address}/instances/{stored.json()['ID']}"
        made = requests.post(f"{place}/anonymize", data=json.dumps({}), timeout=60)
        requests.delete(place, timeout=60)
        made.raise_for_status()
    except (requests.RequestException, ValueError, KeyError):
        raise InputError("Orthanc does not answer as it should; start it, and give its address") from None
    return made.content


def _letters(content) -> bool | None:
    """Whether what was burned in can be read; None where there are no eyes."""
    try:
        words = read_off(_read(content))
    except InputError:
        return None
    return any(word in words for word in ("musterfrau", "1931"))


def _read(content):
    from pydicom import dcmread

    return dcmread(io.BytesIO(content))
