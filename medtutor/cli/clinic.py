"""`medtutor clinic read`, `report`, `watch`, `orthanc`: a Run on DICOM and NIfTI files.

A subcommand is a function that declares it, and stands in `PARTS`. What they print names no patient, no UID and no file
but those that were typed.
"""

from ..errors import MedtutorError
from ..files import resolve, write_text, write_whole
from .clinic_traffic import orthanc_part, watch_part
from .common import OneLineParser, check_writable, command, print_json
from .deidentify import deidentify


def add(commands):
    """Declares `medtutor clinic` and its subcommands."""
    summary = "a Run on DICOM and NIfTI files; for teaching and research, not for clinical use"
    clinic = commands.add_parser("clinic", help=summary, description=summary)
    parts = clinic.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=OneLineParser)
    for part in PARTS:
        part(parts)


def _read(parts):
    read = command(
        parts, "read", read_command, "what a file or a series holds, in one convention, and what to beware of"
    )
    read.add_argument("path", help="DICOM or NIfTI file, or the folder of one DICOM series")


def _report(parts):
    report = command(parts, "report", report_command, "a saved run on a file or a series: DICOM and FHIR objects")
    report.add_argument("path", help="DICOM or NIfTI file, or the folder of one DICOM series")
    report.add_argument("--run", required=True, help="folder of a run")
    report.add_argument("--out", help="folder to write the objects to; left out: they are only told")
    report.add_argument("--kind", default="BINARY", help="of a segmentation: BINARY (default) or FRACTIONAL")
    report.add_argument("--no-picture", action="store_true", help="no Secondary Capture")
    report.add_argument(
        "--compare", action="store_true", help="with the run's validation images: say what is unlike them"
    )
    report.add_argument("--root", help="of --compare: folder to look for data in first")


def read_command(options):
    from ..clinic import read_images

    reading = read_images(options.path)
    facts = {
        "frames": len(reading.frames),
        "rows": reading.frames.shape[1],
        "columns": reading.frames.shape[2],
        "kind": reading.kind,
        "colour": reading.colour,
        "modality": reading.modality or None,
        "units": reading.units or None,
        "lowest": float(reading.frames.min()),
        "highest": float(reading.frames.max()),
        "window": reading.window,
        "spacing": reading.spacing,
        "affine": None if reading.affine is None else reading.affine.tolist(),
        "sentences": reading.sentences,
    }
    if options.json:
        print_json(facts)
        return 0
    for name, value in facts.items():
        if name not in ("affine", "sentences") and value is not None:
            print(f"{name:10}{_shown(value)}")
    if reading.affine is not None:
        print("axes      " + ", ".join(f"{name} to {_towards(reading, n)}" for n, name in enumerate(AXES)))
    _print_sentences(reading.sentences)
    return 0


AXES = ("frames", "rows", "columns")


def _shown(value):
    if isinstance(value, tuple):
        return " x ".join("?" if each is None else f"{each:.4g}" for each in value)
    return f"{value:g}" if isinstance(value, float) else value


def _towards(reading, axis):
    """To which side of the patient an axis runs most."""
    direction = reading.orientation[:, axis]
    most = int(abs(direction).argmax())
    return (("left", "right"), ("back", "front"), ("head", "feet"))[most][int(direction[most] < 0)]


def report_command(options):
    from ..clinic import process
    from ..training import Run

    out = None if options.out is None else resolve(options.out)
    if out is not None:
        check_writable(out)
    run = Run.load(options.run)
    known = _known(run, options.root) if options.compare else None
    found = process(run, options.path, known, picture=not options.no_picture, kind=options.kind.upper())
    files = [] if out is None else _write(found, out)
    if options.json:
        answer = {
            "run": options.run,
            "model": run.model.name,
            "provenance": run.provenance,
            "answers": found.answers.tolist(),
            "measured": [{"name": each.title, "value": each.value, "unit": each.unit.value} for each in found.measured],
            "objects": [each.Modality for each in found.objects],
            "sentences": found.sentences,
            "files": files,
        }
        print_json(answer)
        return 0
    print(f"{run.model.name} on {run.card.title}: NOT FOR CLINICAL USE")
    for each in found.measured:
        print(f"  {each}")
    _print_sentences(found.sentences)
    if files:
        print(f"saved to {options.out}: {', '.join(files)}")
    return 0


def _known(run, root):
    from ..explanation.familiar import known

    return known(run, run.dataset(root).val.images)


def _write(found, folder):
    """The names of the files: kinds and our own UIDs, nothing that stood in a file."""
    import json

    from ..clinic.uids import as_bytes

    kinds = {"SEG": "seg", "SR": "sr", "OT": "capture"}
    names = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in found.objects:
            names.append(f"{kinds[each.Modality]}-{each.SOPInstanceUID.removeprefix('2.25.')[:12]}.dcm")
            write_whole(folder / names[-1], as_bytes(each))
        names.append(f"fhir-{found.fhir['entry'][0]['resource']['id'][:12]}.json")
        write_text(folder / names[-1], json.dumps(found.fhir, indent=1) + "\n")
    except OSError as error:
        raise MedtutorError(f"--out {folder} could not be written ({error.strerror or error})") from None
    return names


def _print_sentences(sentences):
    for sentence in sentences:
        print(f"  beware: {sentence}")


PARTS = (_read, _report, deidentify, watch_part, orthanc_part)
