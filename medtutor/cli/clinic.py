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


PARTS = (_read,)
