"""A PACS: asked, read from and sent to, by DIMSE or by DICOMweb.

`connect` takes an address and gives one of two classes with the same methods: `echo`, `find`, `retrieve`, `store`. An
object is sent as it is, in its own transfer syntax; pydicom's `compress` and `decompress` would give it a new UID. What
the archive holds under an object's UID is looked at first: Orthanc, for one, answers "success" to a second object with
other content, and keeps the first.
"""

import re
from urllib.parse import urlsplit

from ..checks import number
from ..errors import InputError
from .pacs_base import Pacs, PacsAway, PacsRefused
from .pacs_dimse import Dimse
from .pacs_web import Web

__all__ = ["Dimse", "Pacs", "PacsAway", "PacsRefused", "Web", "connect"]


def connect(address: str, *, timeout: float = 10) -> Pacs:
    """The PACS at an address.

    address  "dicom://CALLER@HOST:PORT/CALLED", with the titles (AE titles) of both sides, or where its DICOMweb is:
             "http://HOST:PORT/dicom-web"
    timeout  seconds that each answer may take

    Nothing is sent before the first question. Raises `InputError` for anything else than such an address, and where the
    package that it takes is not installed.

    >>> from medtutor.clinic.pacs import connect
    >>> connect("dicom://MEDTUTOR@127.0.0.1:4242/ORTHANC")
    Dimse('dicom://MEDTUTOR@127.0.0.1:4242/ORTHANC')
    >>> connect("http://127.0.0.1:8042/dicom-web").kind
    'DICOMweb'
    """
    seconds = number("timeout", timeout, above=0)
    try:
        parts = urlsplit(address)
        if parts.scheme == "dicom" and parts.hostname and parts.port:
            titles = [parts.username or "", parts.path.strip("/")]
            if all(re.fullmatch(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?", title) for title in titles):
                return Dimse(address, parts.hostname, parts.port, titles[0], titles[1], seconds)
        elif parts.scheme in ("http", "https") and parts.hostname and (parts.port or True):
            return Web(address, parts.hostname, seconds)
    except (AttributeError, TypeError, ValueError):
        pass
    raise InputError(
        "this is no address of a PACS; give dicom://CALLER@HOST:PORT/CALLED, with AE titles of at most 16 letters, or"
        " the http:// address of its DICOMweb"
    )
