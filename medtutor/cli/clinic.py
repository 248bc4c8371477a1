"""`medtutor clinic read`, `report`: a Run on DICOM and NIfTI files.

A subcommand is a function that declares it, in `PARTS`.
"""

from .common import OneLineParser, command, print_json


def add(commands):
    """Declares `medtutor clinic` and its subcommands."""
    clinic = commands.add_parser("clinic", help="a Run on DICOM and NIfTI files: read, report")
    parts = clinic.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=OneLineParser)
    for part in PARTS:
        part(parts)


def _read(parts):
    read = command(parts, "read", read_command, "what a file or series holds, in one convention, and what to beware of")
    read.add_argument("path", help="DICOM or NIfTI file, or folder of one DICOM series")


def read_command(options):
    from ..clinic import read_images

    reading = read_images(options.path)
    print_json({"sentences": reading.sentences})
    return 0


def _deidentify(parts):
    summary = (
        "copies of DICOM files without what identifies a person: the Basic Profile of PS3.15, and letters in pixels"
    )
    made = command(parts, "deidentify", deidentify_command, summary)
    made.add_argument("folder", help="folder of DICOM files, and those below it")
    made.add_argument("--out", required=True, help="a new or empty folder")
    made.add_argument("--key", help="file of 16 bytes or more, kept secret: with the same one, later files match these")


def deidentify_command(options):
    import sys

    from ..clinic import deidentify_folder
    from ..clinic.opening import content_of

    key = None if options.key is None else content_of(options.key, 4096)
    done = deidentify_folder(options.folder, options.out, key=key)
    summary, *left_out = str(done).splitlines()
    print("\n".join(left_out), end="\n" if left_out else "", file=sys.stderr)
    if options.json:
        print_json({"written": done.written, "cleaned": done.cleaned, "left_out": done.left_out})
    else:
        print(summary)
    return 0 if done.written else 1


PARTS = (_read, _deidentify)
