"""What the fuzz tests share: odd values, the limits of a case, and what counts as a refusal.

A test starts from something valid and changes a field or two (`altered`), hands it
over (`attempt`), and where it is taken looks with its own eyes whether that was right.
"""

import faulthandler
import io
import json
import math
import resource
import signal
import sys
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from decimal import Decimal
from fractions import Fraction
from functools import wraps
from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtutor.errors import MedtutorError

SECONDS = 10  # of the processor, a case: most take milliseconds
PATIENCE = 60  # seconds on the clock without any work: what waits for something that never comes
BYTES = 1 << 30  # of memory that a case may ask for beyond what is there
LONGEST = 1500  # characters of an error: a sentence, not the data

PROFILES = {"brief": 8, "fuzz": 60}  # cases of a test of weight 1


class Counter:
    """How many cases ran, for the line at the end."""

    cases = 0


def fuzzed(weight=1.0, **strategies):
    """`given`, with so many times the profile's usual number of cases, counted."""

    def decorate(test):
        @settings(max_examples=max(1, round(weight * settings.default.max_examples)))
        @given(**strategies)
        @wraps(test)
        def counted(*arguments, **options):
            Counter.cases += 1
            return test(*arguments, **options)

        return counted

    return decorate


def register_profiles():
    """The two profiles. Time is limited by `limits`: a deadline of milliseconds would fail on a busy machine."""
    quiet = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    settings.register_profile("brief", max_examples=PROFILES["brief"], derandomize=True, database=None, **quiet)
    settings.register_profile("fuzz", max_examples=PROFILES["fuzz"], print_blob=True, **quiet)


# --- a case and its limits ------------------------------------------------------------


class _TooLong(BaseException):
    """Not an `Exception`, so that nothing under test takes it for one of its own."""


@contextmanager
def limits(seconds=SECONDS, extra=BYTES):
    """Fail what takes longer, or asks for more memory. What hangs in C is ended with a traceback of where it hangs."""

    worked = time.process_time()

    def too_much_work(*_):
        raise _TooLong

    def too_little_work(*_):
        nonlocal worked
        worked, then = time.process_time(), worked
        if worked - then < 0.01:  # on a busy machine a case may take minutes; it works nevertheless
            raise _TooLong

    before = signal.signal(signal.SIGPROF, too_much_work), signal.signal(signal.SIGALRM, too_little_work)
    ceiling = resource.getrlimit(resource.RLIMIT_AS)
    faulthandler.dump_traceback_later(1800, exit=True, file=sys.__stderr__)  # what hangs in C hears no signal
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)
    mapped = _mapped()
    if mapped:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + extra, ceiling[1]))
    try:
        yield
    except _TooLong:
        raise AssertionError(f"took more than {seconds} s of the processor, or did nothing for {PATIENCE} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, ceiling)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGALRM, before[1])


def _mapped():
    """Bytes of addresses that this process has; 0 where Linux does not tell, and memory is not limited."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


REFUSED = type("Refused", (), {"__repr__": lambda self: "REFUSED"})()


def attempt(function, *arguments, **options):
    """What `function` gives, or `REFUSED` where it says in a sentence why not.

    Anything else it raises fails the test.
    """
    try:
        with limits(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return function(*arguments, **options)
    except MedtutorError as error:
        sentence = str(error)
        assert sentence.strip() and len(sentence) <= LONGEST, f"{len(sentence)} characters: {sentence[:300]}"
        return REFUSED


# --- odd values -----------------------------------------------------------------------

NUMBERS = [
    True,
    False,
    0,
    -1,
    1,
    2,
    3,
    7,
    100,
    2**31,
    2**63,
    -(2**63),
    2**64,
    10**30,
    -0.0,
    0.5,
    1.0,
    2.0,
    -3.5,
    1e-320,
    1e16,
    1e308,
    math.inf,
    -math.inf,
    math.nan,
]
TEXTS = [
    "",
    " ",
    "0",
    "1",
    "-1",
    "nan",
    "None",
    "ß漢字 ",
    "a\nb",
    "\0",
    "..",
    "/",
    "~",
    "%s{0}",
    "<b>&",
    "x" * 3000,
    "\ud800",
    "\x1b[31m",
]
SHORT = st.text(max_size=12)

# What a JSON or TOML file can hold.
PLAIN = st.one_of(
    st.sampled_from([None, *NUMBERS, *TEXTS, [], {}, [[]], [None], [1, 2], {"a": 1}, {"": []}, [1.5] * 40]),
    st.integers(-20, 200),
    st.floats(),
    SHORT,
)

# What a Python caller can hand over.
_OBJECTS = [
    (),
    (1,),
    (1, 2),
    (None, None),
    {1},
    b"bytes",
    bytearray(b"x"),
    1j,
    Decimal("1.5"),
    Fraction(1, 3),
    range(3),
    object(),
    print,
    int,
    Path("x"),
    np.int64(3),
    np.uint8(255),
    np.float32("nan"),
    np.float64(0.5),
    np.bool_(True),
    np.str_("cnn"),
    np.array(3),
    np.array(2.5),
    np.array([]),
    np.array([1, 2]),
    np.array(["a"]),
    np.datetime64("2020-01-01"),
    torch.tensor(2),
    torch.tensor(1.5),
    torch.tensor([1, 2]),
    torch.tensor([]),
    torch.tensor(float("nan")),
]
ANYTHING = st.one_of(PLAIN, st.sampled_from(_OBJECTS))
# For numbers that say how much is to be done: nothing that is right and takes a day.
LITTLE = ANYTHING.filter(lambda value: not (_number(value) and 60 < value < 2**62))


def _number(value):
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


# --- changes --------------------------------------------------------------------------


@st.composite
def altered(draw, value, leaf=ANYTHING, little=(), keep=()):
    """`value` with one thing in it changed: another leaf, an array of another form, an entry more or less.

    leaf    what may come in its place
    little  names of entries that get `LITTLE` instead
    keep    names of entries that stay
    """
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return draw(odd_array(value))
    if isinstance(value, dict) and value:
        choices = ["entry"] * 8 if keep or little else ["entry"] * 8 + ["less", "more", "whole"]
        how = draw(st.sampled_from(choices))
        if how == "whole":
            return draw(leaf)
        key = draw(st.sampled_from(sorted((key for key in value if key not in keep), key=str)))
        if how == "less":
            return {name: each for name, each in value.items() if name != key}
        if how == "more":
            return value | {draw(SHORT): draw(leaf)}
        return value | {key: draw(altered(value[key], LITTLE if key in little else leaf))}
    if isinstance(value, (list, tuple)) and len(value):
        how = draw(st.sampled_from(["entry"] * 6 + ["less", "twice", "reversed", "whole"]))
        if how == "whole":
            return draw(leaf)
        items, at = list(value), draw(st.integers(0, len(value) - 1))
        if how == "less":
            del items[at]
        elif how == "twice":
            items.insert(at, items[at])
        elif how == "reversed":
            items.reverse()
        else:
            items[at] = draw(altered(items[at], leaf))
        return type(value)(items) if type(value) in (list, tuple) else items
    if (
        draw(st.integers(0, 4)) == 0
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
    ):
        return draw(
            st.sampled_from([value + 1, value - 1, -value, value * 1.01, float(value), str(value), value + 1e-4])
        )
    return draw(leaf)


def some_altered(value, **options):
    """`value` with none, one or two things changed."""
    once = altered(value, **options)
    return st.one_of(once, once, once.flatmap(lambda changed: altered(changed, **options)), st.just(value))


@st.composite
def odd_array(draw, array):
    """An array or tensor like `array`, of another kind, form or content; or no array at all."""
    how = draw(st.sampled_from(sorted(_ARRAYS)))
    values = array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    changed = _ARRAYS[how](draw, values)
    as_tensor = isinstance(array, torch.Tensor) != draw(st.sampled_from([False, False, False, True]))
    if as_tensor and isinstance(changed, np.ndarray):
        try:
            return torch.from_numpy(changed.copy())
        except TypeError:
            return changed
    return changed


def _poked(draw, values):
    """One element, or all of a row, replaced by an odd number that the dtype has."""
    if not values.size:
        return values
    out = values.copy()
    odd = draw(st.sampled_from([0, 1, -1, 2, 255, 256, 1e9, 2**40, 0.5, math.nan, math.inf, -math.inf]))
    if values.dtype.kind != "f":
        odd = int(odd) % 256 if math.isfinite(odd) else 255
    where = tuple(draw(st.integers(0, side - 1)) for side in values.shape)
    with np.errstate(all="ignore"):
        out[where if draw(st.booleans()) else where[:1]] = odd
    return out


def _fewer(draw, values):
    return values[: draw(st.integers(0, min(2, len(values))))] if values.ndim else values


def _retyped(draw, values):
    kind = draw(
        st.sampled_from(
            [
                "int8",
                "int16",
                "int64",
                "uint16",
                "uint64",
                "float16",
                "float32",
                "float64",
                "bool",
                "complex64",
                "object",
                "str",
                "M8[s]",
            ]
        )
    )
    with np.errstate(all="ignore"):
        return values.astype(kind)


_ARRAYS = {
    "poked": _poked,
    "poked again": _poked,
    "fewer": _fewer,
    "all but one": lambda draw, values: values[:-1] if values.ndim else values,
    "retyped": _retyped,
    "constant": lambda draw, values: np.full_like(values, draw(st.integers(0, 3))),
    "more axes": lambda draw, values: values[None] if draw(st.booleans()) else values[..., None],
    "an axis less": lambda draw, values: values[0] if values.ndim and len(values) else values,
    "turned": lambda draw, values: np.ascontiguousarray(np.moveaxis(values, 0, -1)) if values.ndim else values,
    "cropped": lambda draw, values: values[..., :-1] if values.ndim else values,
    "twice": lambda draw, values: np.concatenate([values, values]) if values.ndim else values,
    "nothing in it": lambda draw, values: values[..., :0] if values.ndim else values,
    "backwards": lambda draw, values: values[::-1] if values.ndim else values,  # negative strides
    "read-only": lambda draw, values: _read_only(values),
    "as a list": lambda draw, values: values[:4].tolist() if values.ndim else values.tolist(),
    "ragged": lambda draw, values: [row.tolist() for row in values[:2]] + [[0]] if values.ndim else [],
    "another thing": lambda draw, values: draw(ANYTHING),
    "as it is": lambda draw, values: values,
}


def _read_only(values):
    out = values.copy()
    out.flags.writeable = False
    return out


@st.composite
def damaged(draw, content):
    """Bytes with a bit flipped, some overwritten, cut off, doubled, or others altogether."""
    how = draw(st.sampled_from(["flip", "flip", "overwrite", "cut", "append", "insert", "head", "noise", "empty"]))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    extra = draw(st.binary(min_size=1, max_size=12))
    return {
        "flip": lambda: content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :],
        "overwrite": lambda: content[:at] + extra + content[at + len(extra) :],
        "cut": lambda: content[:at],
        "append": lambda: content + extra,
        "insert": lambda: content[:at] + extra + content[at:],
        "head": lambda: extra + content[len(extra) :],
        "noise": lambda: draw(st.binary(max_size=200)),
        "empty": lambda: b"",
    }[how]()


# --- what the tests look with ---------------------------------------------------------


def finite(value, low=-math.inf, high=math.inf):
    """A plain finite number in a range; a bool is none."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


def whole(value, low=-math.inf, high=math.inf):
    return isinstance(value, int) and finite(value, low, high)


def one_json_object(text):
    """The object that `text` is, strictly: no NaN, nothing before or after it."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    found = json.loads(text, parse_constant=refuse)
    assert isinstance(found, dict), text[:200]
    return found
