"""`medtutor clinic deidentify`: a folder of DICOM files without what identifies a person."""

import sys

from .common import command, print_json


def deidentify(parts):
    """Declares the command."""
    summary = (
        "copies of DICOM files without what identifies a person: the Basic Profile of PS3.15, and letters in pixels"
    )
    made = command(parts, "deidentify", deidentify_command, summary)
    made.add_argument("folder", help="folder of DICOM files, and those below it")
    made.add_argument("--out", required=True, help="a new or empty folder")
    made.add_argument("--key", help="file of 16 bytes or more, kept secret: with the same one, later files match these")


def deidentify_command(options):
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
