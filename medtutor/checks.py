"""Checks of arguments, with one wording for each kind of mistake.

Every public function takes its numbers and names through here, before any work
starts. A number of numpy or torch counts where it means the same as Python's; a
bool is no number.
"""

import math
import numbers

import numpy as np

from .errors import InputError, unknown


def whole(what, value, low=None, high=None):
    """`value` as an int. Raises `InputError`, which calls it `what`, for anything else and outside low…high."""
    found = _single(value)
    if isinstance(found, (bool, np.bool_)) or not isinstance(found, numbers.Integral):
        raise InputError(f"{what} must be a whole number{_range(low, high)}, not {_shown(value)}")
    return _within(what, int(found), low, high)


def number(what, value, low=None, high=None, *, above=None, below=None):
    """`value` as a finite float. Raises `InputError`, which calls it `what`, for anything else and outside the range.

    low, high     the range, both ends within; `above` and `below` leave the end out
    """
    found = _single(value)
    if isinstance(found, (bool, np.bool_)) or not isinstance(found, numbers.Real) or not math.isfinite(found):
        raise InputError(f"{what} must be a finite number{_range(low, high, above, below)}, not {_shown(value)}")
    if (above is not None and found <= above) or (below is not None and found >= below):
        raise InputError(f"{what} must be a number{_range(low, high, above, below)}, not {_shown(value)}")
    return _within(what, float(found), low, high)


def flag(what, value):
    """`value` as a bool. Raises `InputError`, which calls it `what`, for anything but True and False."""
    found = _single(value)
    if not isinstance(found, (bool, np.bool_)):
        raise InputError(f"{what} must be True or False, not {_shown(value)}")
    return bool(found)


def one_of(kind, value, known):
    """`value`, one of the names in `known`. Raises `InputError`, with the nearest names, for any other."""
    if not isinstance(value, str) or value not in known:
        raise unknown(kind, value, list(known))
    return value


def _single(value):
    """A number of numpy or torch, also as an array of one without axes, as Python's own."""
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return value.item()
    return value


def _within(what, value, low, high):
    if (low is not None and value < low) or (high is not None and value > high):
        raise InputError(f"{what} must be{_range(low, high)}, not {_shown(value)}")
    return value


def _range(low=None, high=None, above=None, below=None):
    least = f"from {low}" if low is not None else f"above {above}" if above is not None else ""
    if high is not None:
        most = f"to {high}" if least else f"of at most {high}"
    else:
        most = f"below {below}" if below is not None else ""
    words = (" and " if below is not None else " ").join(filter(None, (least, most)))
    return f" {words}" if words else ""


def _shown(value):
    """What was given, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
