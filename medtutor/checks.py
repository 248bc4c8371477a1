"""Checks of arguments, with one wording for each kind of mistake.

Every public function takes its numbers and names through here, before any work
starts. A number of numpy or torch counts where it means the same as Python's; a
bool is no number.
"""

import math
import numbers
import unicodedata
from contextlib import contextmanager

import numpy as np

from .errors import InputError, shown, unknown

ROUNDING = 1e-3  # how far a probability in half precision may lie beyond 0…1


def whole(what, value, low=None, high=None):
    """`value` as an int. Raises `InputError`, which calls it `what`, for anything else and outside low…high."""
    found = _single(value)
    if isinstance(found, (bool, np.bool_)) or not isinstance(found, numbers.Integral):
        raise InputError(f"{what} must be a whole number{_range(low, high)}, not {shown(value)}")
    return _within(what, int(found), low, high)


def number(what, value, low=None, high=None, *, above=None, below=None):
    """`value` as a finite float. Raises `InputError`, which calls it `what`, for anything else and outside the range.

    low, high     the range, both ends within; `above` and `below` leave the end out
    """
    found = _single(value)
    if isinstance(found, (bool, np.bool_)) or not isinstance(found, numbers.Real) or not _finite(found):
        raise InputError(f"{what} must be a finite number{_range(low, high, above, below)}, not {shown(value)}")
    if (above is not None and found <= above) or (below is not None and found >= below):
        raise InputError(f"{what} must be a number{_range(low, high, above, below)}, not {shown(value)}")
    return _within(what, float(found), low, high)


def flag(what, value):
    """`value` as a bool. Raises `InputError`, which calls it `what`, for anything but True and False."""
    found = _single(value)
    if not isinstance(found, (bool, np.bool_)):
        raise InputError(f"{what} must be True or False, not {shown(value)}")
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


def _finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _within(what, value, low, high):
    if (low is not None and value < low) or (high is not None and value > high):
        raise InputError(f"{what} must be{_range(low, high)}, not {shown(value)}")
    return value


def _range(low=None, high=None, above=None, below=None):
    least = f"from {low}" if low is not None else f"above {above}" if above is not None else ""
    if high is not None:
        most = f"to {high}" if least else f"of at most {high}"
    else:
        most = f"below {below}" if below is not None else ""
    words = (" and " if below is not None else " ").join(filter(None, (least, most)))
    return f" {words}" if words else ""


def instance(what, value, kind, words):
    """`value`, an instance of the class `kind`.

    Raises `InputError`, which says in `words` what was expected, for any other.
    """
    if not isinstance(value, kind):
        raise InputError(f"{what} must be {words}, not {shown(value)}")
    return value


def items(values):
    """What stands in a list, a tuple, or an array or tensor with one axis, as a list; None of anything else."""
    if isinstance(values, (list, tuple)):
        return list(values)
    return list(values) if getattr(values, "ndim", None) == 1 else None


def text(what, value):
    """`value` as one line: line breaks and runs of blanks become one blank.

    Raises `InputError`, which calls it `what`, for anything but text, for text of blanks alone, and for
    control characters, which break files and pages.
    """
    if not isinstance(value, str):
        raise InputError(f"{what} must be text, not {shown(value)}")
    line = " ".join(value.split())
    if not line:
        raise InputError(f"{what} is empty; give it a name")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in line):
        raise InputError(f"{what} holds control characters, {shown(value)}; leave them out")
    return line


MOST = 100_000  # cases of a split that are drawn: more fill the memory of a machine


def counts(given, usual, least, why=""):
    """How many cases of each split: {"train": 100, …}, `usual` where nothing is given. `why` follows the least number.

    Raises `InputError` for anything but a dict of whole numbers from `least`, and for splits that `usual` does not
    have.
    """
    given = {} if given is None else given
    if not isinstance(given, dict) or not set(given) <= set(usual):
        raise InputError(f'counts is {shown(given)}; give a dict such as {{"train": 100, "test": 50}}')
    for split, count in given.items():
        with saying(f"counts of {split} is {shown(count)}; give a whole number from {least}{why}"):
            given = given | {split: whole("count", count, least)}
        whole(f"counts of {split}", count, high=MOST)
    return {**usual, **given}


@contextmanager
def saying(sentence):
    """Checks inside speak with this sentence, where one fits better than their own."""
    try:
        yield
    except InputError:
        raise InputError(sentence) from None


LARGEST_SEED = 2**46 - 1  # that of an epoch is 100,003 times as large, and torch takes 64 bits


def seed(value, what="seed"):
    """`value` as a seed that every generator here takes. Raises `InputError`, which calls it `what`, for any other."""
    return whole(what, value, 0, LARGEST_SEED)


def wholes(what, values, low, high, least=1, most=12):
    """`values` as a tuple of ints, `least` to `most` of them, each from `low` to `high`; else an `InputError` about
    `what`.
    """
    if not isinstance(values, (tuple, list)) or not least <= len(values) <= most:
        raise InputError(
            f"{what} must be {least} to {most} whole numbers, such as {(low,) * max(least, 2)}, not {shown(values)}"
        )
    return tuple(whole(f"each of {what}", value, low, high) for value in values)


def as_numbers(what, values):
    """Tensor, array or list as a numpy array of finite numbers.

    Raises `InputError`, which calls it `what`, for anything else.
    """
    try:
        array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except ValueError:
        raise InputError(f"{what} have rows of different lengths; give one array") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} must be numbers, not {array.dtype}")
    if not np.isfinite(array).all():
        raise InputError(
            f"{what} hold NaN or infinity; leave those cases out, or train again with a lower learning rate"
        )
    return array


def as_probabilities(what, values):
    """As `as_numbers`, float64, all of it in 0…1 but for rounding. Raises `InputError` for logits."""
    array = as_numbers(what, values).astype(np.float64)
    if array.size and (array.min() < -ROUNDING or array.max() > 1 + ROUNDING):
        raise InputError(
            f"{what} run from {array.min():.3g} to {array.max():.3g}; give probabilities 0…1, as run.predict does, not"
            " logits"
        )
    return array


def check_class_numbers(what, numbers, classes):
    """Raises `InputError` where the numbers are not whole and in 0…classes - 1."""
    wrong = (numbers < 0) | (numbers >= classes)
    if numbers.dtype.kind == "f":
        wrong |= numbers != np.floor(numbers)
    if wrong.any():
        out = numbers[wrong]
        raise InputError(f"{what} hold {out.flat[0]:g}; give whole numbers 0…{classes - 1}, the classes of the scores")
