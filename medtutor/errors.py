"""The errors that medtutor raises on purpose.

Each carries one sentence that names the cause and the remedy, and the exit
code that the command line gives it.
"""

from difflib import get_close_matches


class MedtutorError(Exception):
    """Something went wrong that the user should know of."""

    exit_code = 1


class InputError(MedtutorError, ValueError):
    """What was asked for cannot be: a wrong name, value or file."""

    exit_code = 2


class FetchError(MedtutorError):
    """A file could not be fetched."""


def unknown(kind, given, known):
    """The `InputError` for a name that is not known, with the nearest ones.

    >>> str(unknown("model", "lenett", ["cnn", "lenet"]))
    "unknown model 'lenett'; did you mean lenet? Known: cnn, lenet"
    """
    near = get_close_matches(str(given).lower(), known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    return InputError(f"unknown {kind} {shown(given)}{hint} Known: {', '.join(known)}")


def shown(value):
    """What was given, in one line and short enough for a sentence."""
    try:
        text = " ".join(repr(value).split())  # arrays are written on many lines
    except ValueError:  # Python writes no number of more than 4300 digits
        text = f"a {type(value).__name__} too large to write"
    return text if len(text) <= 60 else f"{text[:57]}…"
