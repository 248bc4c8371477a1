"""A PACS of one's own: Orthanc, started on this machine for a lesson or a test, and ended with it.

Orthanc is free software, which many hospitals and studies run. Debian has it:
`apt-get install orthanc orthanc-dicomweb`. Where it is not (Binder, Colab, Windows), `missing` says so in a sentence,
and the lesson works on a folder.
"""

import atexit
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from uuid import uuid4

from ..checks import flag, whole
from ..errors import InputError, MedtutorError
from ..files import resolve

PROGRAMS = ("Orthanc", "/usr/sbin/Orthanc")
PLUGINS = (
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/lib/orthanc/libOrthancDicomWeb.so",
)
CALLER, CALLED = "MEDTUTOR", "ORTHANC"  # the titles of both sides, as DIMSE names them
SECONDS = 30  # to start; it takes less than one on a quiet machine
REMEDY = (
    "on Debian and Ubuntu: apt-get install orthanc orthanc-dicomweb; "
    "on Binder and Colab, where nothing can be installed that way, work on a folder"
)


def missing() -> str | None:
    """What this machine lacks to run Orthanc, as a sentence with the remedy; None where it lacks nothing.

    >>> from medtutor.clinic.orthanc import missing
    >>> missing() is None or "apt-get install" in missing()
    True
    """
    if _program() is None:
        return f"Orthanc is not there; {REMEDY}"
    if _plugin() is None:
        return f"Orthanc is there, but not its DICOMweb plugin; {REMEDY}"
    return None


def _program():
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _plugin():
    return next((place for place in PLUGINS if os.path.exists(place)), None)


@dataclass
class Orthanc:
    """An Orthanc that runs.

    dicom   where it takes DIMSE, for `pacs.connect`: "dicom://MEDTUTOR@127.0.0.1:PORT/ORTHANC"
    web     where it takes DICOMweb: "http://127.0.0.1:PORT/dicom-web"
    page    its own page, to look at in a browser
    folder  where it keeps what it stores
    """

    dicom: str
    web: str
    page: str
    folder: Path
    process: subprocess.Popen = field(repr=False)
    temporary: bool = field(default=False, repr=False)

    def close(self) -> None:
        """Ends it, and waits until it has ended; what it stored stays in its folder. Once is enough."""
        atexit.unregister(self.close)
        if self.temporary:
            self.process.kill()  # to end in order takes seconds, and nothing is kept
        else:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def orthanc(
    folder: str | PathLike | None = None, *, dicom_port: int = 0, web_port: int = 0, strangers: bool = False
) -> Iterator[Orthanc]:
    """An empty Orthanc within a `with`, that is ended after it.

    folder      what it stores is kept here and found again by the next; None is a temporary folder, gone afterwards
    dicom_port, web_port
                of DIMSE and of HTTP; 0 takes free ones
    strangers   True: it takes files from whoever sends them, under any title, as an Orthanc does that nobody has
                configured. False: from callers that it knows, and only from this machine

    Both of its ports listen on every address of this machine; the one for HTTP answers this machine alone. So does the
    other, unless `strangers`.

    Raises `InputError` where Orthanc is not there, `MedtutorError` where it does not start.

    >>> from medtutor.clinic.orthanc import missing, orthanc
    >>> from medtutor.clinic.pacs import connect
    >>> if missing() is None:
    ...     with orthanc() as archive:
    ...         assert connect(archive.web).find("study") == []
    """
    flag("strangers", strangers)
    ports = [whole(name, port, 0, 65535) for name, port in (("dicom_port", dicom_port), ("web_port", web_port))]
    lack = missing()
    if lack:
        raise InputError(lack)
    with tempfile.TemporaryDirectory(prefix="medtutor-orthanc-", ignore_cleanup_errors=True) as own:
        kept = resolve(folder) if folder is not None else Path(own) / "storage"
        archive = _start(kept, Path(own), ports, strangers)
        archive.temporary = folder is None
        atexit.register(archive.close)  # where a kernel ends within the `with`
        try:
            yield archive
        finally:
            archive.close()


def _start(kept, own, ports, strangers):
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{kept} cannot be made ({error.strerror or error}); choose another folder") from None
    for _ in range(3):  # a free port may be taken before Orthanc has it
        dicom, web = (port or _free_port() for port in ports)
        file, log = own / "orthanc.json", own / "log"
        name = f"medtutor-{uuid4().hex[:12]}"  # so that another that has the port is not taken for it
        file.write_text(json.dumps(_settings(name, kept, dicom, web, strangers)), encoding="utf-8")
        with open(log, "w", encoding="utf-8") as lines:
            process = subprocess.Popen(
                [_program(), str(file)], stdin=subprocess.DEVNULL, stdout=lines, stderr=lines, start_new_session=True
            )
        page = f"http://127.0.0.1:{web}"
        archive = Orthanc(f"dicom://{CALLER}@127.0.0.1:{dicom}/{CALLED}", f"{page}/dicom-web", page, kept, process)
        try:
            if _answers(archive, name):
                return archive
        except BaseException:
            archive.close()
            raise
        archive.close()
    said = next((line for line in log.read_text(errors="replace").splitlines() if line[:1] == "E"), "")
    raise MedtutorError(
        f"Orthanc did not start within {SECONDS} s"
        + (f" ({said.partition('] ')[2]})" if said else "")
        + "; end what holds its ports or its folder, or choose others"
    )


def _settings(name, kept, dicom, web, strangers):
    rights = {f"Allow{what}": True for what in ("Echo", "Find", "Get", "Move", "Store")}
    return {
        "Name": name,
        "StorageDirectory": str(kept),
        "IndexDirectory": str(kept),
        "Plugins": [_plugin()],
        "DicomAet": CALLED,
        "DicomPort": dicom,
        "HttpPort": web,
        "HttpServerEnabled": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomModalities": {"medtutor": {"AET": CALLER, "Host": "127.0.0.1", "Port": 104, **rights}},
        "DicomAlwaysAllowEcho": strangers,
        "DicomAlwaysAllowStore": strangers,
        "DicomCheckModalityHost": not strangers,
        "DicomCheckCalledAet": not strangers,
        "HttpsCACertificates": "",
        "LimitFindResults": 0,
        "LimitFindInstances": 0,
    }


def _free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def _answers(archive, name):
    """Whether it answers as the process that was started, before it ends or the time is over."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and archive.process.poll() is None:
        with suppress(OSError, urllib.error.URLError):
            with opener.open(f"{archive.page}/system", timeout=5) as answer:
                if json.load(answer).get("Name") == name:
                    return True
        time.sleep(0.05)
    return False
