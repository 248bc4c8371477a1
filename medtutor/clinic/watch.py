"""`watch`: a model beside the clinic's traffic. What arrives is processed once, and what comes of it goes out.

In the folder `out`:

    results/KEY/       what came of an object: DICOM files, and report.json, a FHIR Bundle
    done/KEY.dcm       the object
    quarantine/KEY.dcm an object that could not be processed, and KEY.txt, why
    taken/             objects on their way
    journal.sqlite     what was processed and sent (see `journal`)

KEY is the SHA-256 of the object's content: no name and no identifier stands in a name, a log line or the journal. A
folder of results appears whole, by one renaming, and only then the journal says "done": a kill at any moment leaves an
object in exactly one place, and with one result.
"""

import io
import json
import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from ..checks import flag, number
from ..errors import InputError, MedtutorError, shown
from ..files import resolve, write_whole
from .intake import Arrived, Intake, check_folder, identified, new_series, remove, suffix_of, waiting
from .journal import Journal
from .pacs import Pacs, PacsAway, PacsRefused, connect
from .pacs_base import written

BATCH = 20  # results that are sent at once, and objects between two sendings
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds until a PACS that is away is asked again: twice as long each time
FOLDERS = ("results", "done", "quarantine", "taken")


@dataclass
class Watched:
    """What a watcher did: how many objects it processed and refused, and how many were here before; how many results it
    sent, and how many the archive did not take.
    """

    done: int = 0
    refused: int = 0
    again: int = 0
    sent: int = 0
    unsent: int = 0

    def __str__(self):
        return (
            f"{self.done} processed, {self.refused} refused, {self.again} here before; results: {self.sent} sent,"
            f" {self.unsent} not taken"
        )


def watch(
    source: Any,
    process: Callable[[Path], Any],
    out: str | os.PathLike,
    *,
    send: str | Pacs | None = None,
    model: str = "",
    modality: str | None = None,
    once: bool = False,
    dry_run: bool = False,
    every: float = 2.0,
    settle: float = 2.0,
    stop: Event | None = None,
    log: Callable[[str], object] = print,
) -> Watched:
    """Process what arrives in a folder or a PACS, until it is told to stop.

    source    a folder, or a PACS: its address (see `pacs.connect`) or what `connect` gave
    process   from the path of a file, or of a folder with one series, to what came of it: `.objects`, DICOM data sets,
              and `.fhir`, a dict; such as `lambda path: medtutor.clinic.process(run, path)`. It must give the same
              objects for the same file. An error that it raises sends the file to quarantine
    out       folder for results, quarantine and journal; several watchers may share it, and the work
    send      a PACS to which the results go; None keeps them, for a later watcher that has one
    model     SHA-256 of the model: an `out` holds the results of one
    modality  of a PACS: "DX", "CT", …; None takes every series that can hold pictures
    once      end when everything that is there is processed, in place of waiting for more
    dry_run   process, and tell what would be done; nothing is moved, written or sent. Ends as `once` does
    every     seconds between two looks
    settle    seconds for which a file must have been left alone, to be whole
    stop      an `Event`: when it is set, the object that is being processed is ended, and then the watch
    log       is called with one line for each object, in which no name and no identifier stands

    Raises `InputError` for a source, address or number that cannot be, `MedtutorError` where `out` cannot be written.

    >>> import tempfile, types
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.dcm").write_bytes(b"no DICOM")
    >>> process = lambda path: types.SimpleNamespace(objects=[], fhir={"size": path.stat().st_size})
    >>> print(watch(folder, process, f"{folder}-out", once=True, settle=0, log=lambda line: None))
    1 processed, 0 refused, 0 here before; results: 0 sent, 0 not taken
    """
    number("every", every, above=0)
    number("settle", settle, 0)
    flag("once", once), flag("dry_run", dry_run)
    target = resolve(out)
    if isinstance(source, str) and re.match(r"[a-z]+://", source):
        source = connect(source)
    elif not isinstance(source, Pacs):
        source = resolve(source)
        check_folder(source, target)
    archive = connect(send) if isinstance(send, str) else send
    if archive is not None and not isinstance(archive, Pacs):
        raise InputError(f"send must be the address of a PACS, not {shown(send)}")
    stop = stop or Event()
    with _silent():
        if dry_run:
            return _rehearsed(source, process, modality, stop, log)
        try:
            # Patients' files lie in it: where it is new, it is its owner's alone.
            target.parent.mkdir(parents=True, exist_ok=True)
            target.mkdir(mode=0o700, exist_ok=True)
            for name in FOLDERS:
                (target / name).mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{target} cannot be written ({error.strerror or error}); choose another --out") from None
        with Journal(target, model) as journal:
            watcher = _Watcher(target, journal, process, archive, log, stop)
            try:
                return watcher.run(source, modality, once, every, settle)
            except OSError as error:
                why = error.strerror or type(error).__name__
                raise MedtutorError(
                    f"{target} cannot be written ({why}); make room and start again: what was taken is kept"
                ) from None


class _Unfit(Exception):
    """Why an object cannot be processed, in a sentence."""


class _Wait:
    """How long a PACS that is away is left alone."""

    def __init__(self):
        self.seconds, self._until = 0.0, 0.0

    def is_over(self):
        return time.monotonic() >= self._until

    def longer(self):
        self.seconds = min(LONGEST_WAIT, max(FIRST_WAIT, 2 * self.seconds))
        self._until = time.monotonic() + self.seconds


class _Watcher:
    def __init__(self, out, journal, process, archive, log, stop):
        self._out, self._journal, self._process, self._stop = out, journal, process, stop
        self._archive, self._log = archive, log
        self._intake = Intake(out / "taken", journal)
        self._waits = {"source": _Wait(), "archive": _Wait()}
        self._busy: list[Arrived] = []  # of the same content as what another watcher is at
        self.counts = Watched()

    def run(self, source, modality, once, every, settle):
        while not self._stop.is_set():
            seen, ended = 0, 0
            for arrived in self._arrivals(source, modality, settle):
                seen += 1
                ended += self._handle(arrived)
                if seen % BATCH == 0:
                    self._send()
                if self._stop.is_set():
                    break
            self._send()
            if once and not seen and self._is_through(source):
                break
            if not ended:
                self._stop.wait(max(0.05, min(every, settle)) if once else every)
        self._log(_line("", f"{'stopped' if self._stop.is_set() else 'ended'}: {self.counts}"))
        return self.counts

    def _is_through(self, source):
        """Whether nothing lies there that is still being written; a PACS that is away was told in a line."""
        return isinstance(source, Pacs) or not waiting(source, settle=0)

    def _arrivals(self, source, modality, settle):
        busy, self._busy = self._busy, []
        yield from busy
        yield from self._intake.adopted()
        if not isinstance(source, Pacs):
            yield from self._intake.from_folder(source, settle, self._stop.is_set)
        elif self._waits["source"].is_over():
            with self._told("source"):
                yield from self._intake.from_pacs(source, self._stop.is_set, modality)

    @contextmanager
    def _told(self, which):
        """That a PACS is away is one line, and that it is back another."""
        wait = self._waits[which]
        try:
            yield
        except (PacsAway, PacsRefused) as error:
            wait.longer()
            self._log(_line("", f"{error}; asked again in {wait.seconds:.0f} s"))
        else:
            if wait.seconds:
                self._log(_line("", "the PACS is back"))
            wait.seconds = 0.0

    def _handle(self, arrived):
        """One object, from wherever it was left, to where it stays. Whether it got there."""
        began, key = time.perf_counter(), arrived.key
        state = self._journal.begin(key, arrived.instance)
        if state == "busy":
            self._busy.append(arrived)
            return False
        if state == "mine":
            try:
                count = self._processed(arrived)
                state = "processed"
            except _Unfit as error:
                self._journal.refuse(key, str(error))
                state = "refused"
        if state == "refused":
            reason = self._journal.reason(key)
            write_whole(self._out / "quarantine" / f"{key}.txt", f"{reason}\n")
        said = {
            "processed": lambda: f"processed: {count} results",
            "refused": lambda: f"refused: {reason}",
            "done": lambda: "was here before",
        }[state]
        _put(
            arrived.path,
            self._out / ("quarantine" if state == "refused" else "done") / f"{key}{suffix_of(arrived.path)}",
        )
        self.counts.done += state == "processed"
        self.counts.refused += state == "refused"
        self.counts.again += state == "done"
        self._log(_line(key, said(), began))
        return True

    def _processed(self, arrived):
        """Its results, in their folder and in the journal; how many."""
        folder = self._out / "results" / arrived.key
        if not folder.exists():  # else the process ended just after it was there
            made = _made(self._process, arrived)
            partial = folder.with_name(f".{arrived.key}.partial")
            remove(partial)
            partial.mkdir()
            for name, content in made.items():
                write_whole(partial / name, content)
            os.rename(partial, folder)
        results = [identified(path) for path in sorted(folder.glob("*.dcm"))]
        self._journal.done(arrived.key, [(each.instance, each.key, each.path.name) for each in results])
        return len(results)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send(self):
        if self._archive is None or not self._waits["archive"].is_over():
            return
        with self._told("archive"):
            while not self._stop.is_set() and (batch := self._journal.take(BATCH)):
                self._deliver(batch)

    def _deliver(self, batch):
        paths = {instance: self._out / "results" / key / file for instance, key, file in batch}
        try:
            self._archive.store(paths.values())
        except InputError as error:
            if len(batch) > 1:  # which of them?
                for each in batch:
                    self._deliver([each])
                return
            [(instance, key, _)] = batch
            self._journal.unsent(instance, str(error))
            self.counts.unsent += 1
            self._log(_line(key, f"a result is not sent: {error}"))
        else:
            self._journal.sent(paths)
            self.counts.sent += len(paths)


def _made(process, arrived):
    """The files that come of an object: {name: content}. Raises `_Unfit` with the reason where none does."""
    if arrived.wrong:
        raise _Unfit(arrived.wrong)
    try:
        result = process(arrived.path)
        files: dict[str, str | bytes] = {}
        for number, dataset in enumerate(result.objects, 1):
            kind = re.sub(r"[^A-Z0-9]", "", str(dataset.get("Modality", "")))[:16]
            files[f"{number}_{kind}.dcm"] = written(dataset)
        files["report.json"] = json.dumps(result.fhir, indent=1) + "\n"
        return files
    except InputError as error:
        raise _Unfit(_discreet(str(error), arrived.path)) from None
    except Exception as error:  # whatever a decoder raises; its words hold what it read
        raise _Unfit(f"it cannot be processed ({type(error).__name__})") from None


def _put(path, target):
    """Rename a file or folder within `out`; what lies at the target has the same content."""
    if target.is_dir() or path.is_dir():
        remove(target)
    os.replace(path, target)


NAMING = (
    "PatientName PatientID OtherPatientIDs PatientBirthDate PatientAddress AccessionNumber StudyID InstitutionName"
    " ReferringPhysicianName PerformingPhysicianName OperatorsName StationName StudyInstanceUID SeriesInstanceUID"
    " SOPInstanceUID DeviceSerialNumber StudyDescription"
).split()


def _discreet(sentence, path):
    """A sentence in one line, without the path; another in its place, where a value of the file stands in it."""
    from pydicom.filereader import read_partial

    line = " ".join(sentence.replace(str(path), "the file").replace(path.name, "the file").split())
    try:
        with open(path, "rb") as file:
            begin = io.BytesIO(file.read(65536))
        header = read_partial(begin, stop_when=lambda tag, *_: tag >= 0x00280000)
        words = {
            word for name in NAMING for word in re.split(r"[\^\s\\=]+", str(header.get(name) or "")) if len(word) > 3
        }
    except Exception:  # nothing that could be read, nothing that could be told
        words = set()
    if any(word.lower() in line.lower() for word in words):
        return "it cannot be processed; see why with: medtutor clinic read"
    return line[:500]


def _line(key, text, began=None):
    took = "" if began is None else f" ({1000 * (time.perf_counter() - began):.0f} ms)"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {key[:12] or '-':12} {text}{took}"


@contextmanager
def _silent() -> Iterator[None]:
    """Within, the libraries say nothing: their warnings quote what stands in a file."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "pynetdicom", "dicomweb_client", "highdicom")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def _rehearsed(source, process, modality, stop, log):
    """A dry run: what is there, processed where it lies."""
    counts = Watched()
    with tempfile.TemporaryDirectory(prefix="medtutor-dry-run-") as own:
        if isinstance(source, Pacs):
            arrivals = _fetched(source, modality, Path(own))
        else:
            arrivals = (identified(path) for path in waiting(source, settle=0))
        for arrived in arrivals:
            if stop.is_set():
                break
            began = time.perf_counter()
            try:
                made = _made(process, arrived)
                counts.done += 1
                log(_line(arrived.key, f"would be processed: {len(made) - 1} results", began))
            except _Unfit as error:
                counts.refused += 1
                log(_line(arrived.key, f"would be refused: {error}", began))
    log(_line("", f"dry run, nothing was moved, written or sent: {counts}"))
    return counts


def _fetched(pacs, modality, folder):
    for series in new_series(pacs, None, modality):
        uids = {name: str(series[name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID")}
        for found in pacs.find("instance", **uids):
            path = folder / "object"
            path.write_bytes(pacs.retrieve(found))
            yield identified(path)
