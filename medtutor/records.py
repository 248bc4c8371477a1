"""Values out of JSON, believed only after they were checked.

`typed` holds them against type hints, and a SHA-256 over all of them shows what was altered.
"""

import hashlib
import json
import math
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from .checks import flag, number, whole
from .errors import InputError


def read_json(path: Path) -> Any:
    """What a JSON file holds; NaN, which is no JSON, is None.

    Raises `OSError` where it cannot be read, `ValueError` for what is no JSON, names a key twice or is nested deeply.
    """
    return parse_json(path.read_bytes())


def parse_json(content: bytes) -> Any:
    """As `read_json`, of the content of a file."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _each_once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def _no_number(name):
    if name != "NaN":
        raise ValueError(f"it holds {name}")


def digest(record: dict | list) -> str:
    """SHA-256 of plain values, in one spelling."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, allow_nan=False).encode()).hexdigest()


def signed(record: dict) -> dict:
    """A record with a SHA-256 over all of it.

    >>> unsigned(signed({"seed": 3}))
    {'seed': 3}
    """
    return record | {"sha256": digest(record)}


def unsigned(record: Any) -> dict | None:
    """What `signed` was given; None for what bears no SHA-256, or one of other values."""
    if not isinstance(record, dict):
        return None
    held = {name: value for name, value in record.items() if name != "sha256"}
    return held if record.get("sha256") == digest(held) else None


def typed(what: str, value: Any, hint: Any, gaps: bool = False) -> Any:
    """`value`, as JSON gives it, checked against a type hint: with tuples for lists, and dataclasses for objects.

    hint  int, float, bool, str, dict, list, dict[str, …], list[…], tuple[…], a dataclass, a `TypedDict`, or one of them
          | None
    gaps  None stands for a number that could not be computed, and becomes NaN

    Raises `InputError`, which calls it `what`, for another type, a number that is not finite, and a key too many or too
    few.
    """
    if hint in (int, bool, str) and type(value) is hint:  # most of what a file holds
        return value
    kind, inner = get_origin(hint), get_args(hint)
    if kind is UnionType:
        return None if value is None else typed(what, value, inner[0], gaps)
    if is_dataclass(hint) or is_typeddict(hint):
        return _built(what, value, hint, gaps)
    if hint is float:
        if gaps and value is None:
            return math.nan
        number(what, value)  # a whole one stays whole, as it stands in the file
    elif hint is int:
        whole(what, value)
    elif hint is bool:
        flag(what, value)
    elif hint is str and not isinstance(value, str):
        raise InputError(f"{what} must be text, not {_shown(value)}")
    elif (kind or hint) is dict:
        if not isinstance(value, dict):
            raise InputError(f"{what} must be an object, not {_shown(value)}")
        if inner:
            return {key: typed(f"{what}.{key}", each, inner[1], gaps) for key, each in value.items()}
    elif (kind or hint) in (list, tuple):
        if not isinstance(value, list):
            raise InputError(f"{what} must be a list, not {_shown(value)}")
        hints = inner if kind is tuple and inner[-1] is not ... else inner[:1] * len(value) or [object] * len(value)
        if len(hints) != len(value):
            raise InputError(f"{what} must hold {len(hints)} values, not {len(value)}")
        return (kind or hint)(typed(f"{what}[{i}]", each, of, gaps) for i, (each, of) in enumerate(zip(value, hints)))
    return value


def _built(what, value, kind, gaps):
    typed(what, value, dict)
    hints, within = get_type_hints(kind), f"{what}." if what else ""
    if is_dataclass(kind):
        needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}
        hints = {field.name: hints[field.name] for field in fields(kind)}
    else:
        needed = set(kind.__required_keys__)
    for name in sorted(needed - set(value)):
        raise InputError(f"{within}{name} is missing")
    for name in value:
        if name not in hints:
            raise InputError(f"{within}{_shown(name)[1:-1]} is not known")
    return kind(**{name: typed(f"{within}{name}", each, hints[name], gaps) for name, each in value.items()})


def _shown(value):
    """What was found, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
