"""`medtutor clinic watch`, `orthanc`: a Run beside the traffic of files and a PACS, and a PACS to try it with."""

import signal
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event

from ..files import resolve
from .common import command, print_json


def watch_part(parts):
    """Declares `medtutor clinic watch`."""
    watch = command(
        parts, "watch", watch_command, "process what arrives in a folder or a PACS, once each, until stopped"
    )
    watch.add_argument(
        "source",
        metavar="FOLDER|PACS",
        help="folder; or dicom://CALLER@HOST:PORT/CALLED, or http://HOST:PORT/dicom-web",
    )
    watch.add_argument("--run", required=True, help="folder of a run")
    watch.add_argument("--out", help="folder for results, quarantine and journal; left out: FOLDER-results beside it")
    watch.add_argument("--send", metavar="PACS", help="where the results go; left out: they stay in --out")
    watch.add_argument("--modality", help="of a PACS: DX, CT, …; left out: every series that can hold pictures")
    watch.add_argument("--once", action="store_true", help="end when all that is there is processed")
    watch.add_argument("--dry-run", action="store_true", help="process and tell; move, write and send nothing")
    watch.add_argument("--every", type=float, default=2.0, metavar="S", help="seconds between two looks: 2 (default)")
    watch.add_argument(
        "--settle",
        type=float,
        default=2.0,
        metavar="S",
        help="seconds a file must be left alone, to be whole: 2 (default)",
    )
    watch.add_argument("--no-picture", action="store_true", help="no Secondary Capture, which takes longest")
    watch.add_argument(
        "--compare", action="store_true", help="with the run's validation images: say what is unlike them"
    )
    watch.add_argument("--root", help="of --compare: folder to look for data in first")


def orthanc_part(parts):
    """Declares `medtutor clinic orthanc`."""
    orthanc = command(parts, "orthanc", orthanc_command, "a PACS on this machine, to try things with, until stopped")
    orthanc.add_argument(
        "--folder", help="what it stores is kept here; left out: in a temporary folder, gone afterwards"
    )
    orthanc.add_argument("--dicom-port", type=int, default=0, help="of DIMSE; left out: a free one")
    orthanc.add_argument("--web-port", type=int, default=0, help="of HTTP and DICOMweb; left out: a free one")
    orthanc.add_argument(
        "--strangers", action="store_true", help="take files from any caller, as one does that nobody has configured"
    )


def watch_command(options):
    from ..clinic import process
    from ..clinic.uids import model_hash
    from ..clinic.watch import watch
    from ..training import Run

    run = Run.load(options.run)
    known = _known(run, options.root) if options.compare else None
    out = options.out
    if out is None:
        folder = resolve(options.source)
        out = "medtutor-results" if "://" in options.source else folder.with_name(f"{folder.resolve().name}-results")

    def work(path: Path):
        return process(run, path, known, picture=not options.no_picture)

    with _told_to_stop() as stop:
        counts = watch(
            options.source,
            work,
            out,
            send=options.send,
            model=model_hash(run),
            modality=options.modality,
            once=options.once,
            dry_run=options.dry_run,
            every=options.every,
            settle=options.settle,
            stop=stop,
            log=lambda line: print(line, file=sys.stderr if options.json else sys.stdout, flush=True),
        )
    if options.json:
        print_json({"out": str(out), **asdict(counts)})
    return 0


def _known(run, root):
    from ..explanation.familiar import known

    return known(run, run.dataset(root).val.images)


@contextmanager
def _told_to_stop():
    """An `Event` that Ctrl-C and SIGTERM set; a second Ctrl-C ends at once."""
    stop, former = Event(), {}

    def told(number, frame):
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        former[number] = signal.signal(number, told)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def orthanc_command(options):
    from ..clinic.orthanc import orthanc

    ports = {"dicom_port": options.dicom_port, "web_port": options.web_port}
    with _told_to_stop() as stop, orthanc(options.folder, strangers=options.strangers, **ports) as archive:
        if options.json:
            print_json(
                {"dicom": archive.dicom, "web": archive.web, "page": archive.page, "folder": str(archive.folder)}
            )
            sys.stdout.flush()
        else:
            print(f"DIMSE {archive.dicom}\nDICOMweb {archive.web}\npage {archive.page}\nCtrl-C ends it", flush=True)
        while not stop.wait(0.2) and archive.process.poll() is None:
            pass
    return 0 if stop.is_set() else 1
