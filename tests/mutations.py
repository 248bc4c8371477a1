"""Records altered at random: whoever reads one finds the same as before, or says in a sentence what is wrong."""

import copy
import json
import random

from medtutor.errors import InputError

# Of every type, and beyond every range; the last ones are written as JSON does not know them.
ODD = [
    None,
    {},
    [],
    "",
    "x",
    "../../etc/passwd",
    0,
    1,
    -1,
    2,
    7,
    3.5,
    90.39,
    10**400,
    1e308,
    True,
    False,
    [1, 2],
    {"a": 1},
    "\0",
    "<NaN>",
    "<Infinity>",
    "<deep>",
    "<deeper>",
]


def altered(record, count, seed=0):
    """Yields (what was done, text of JSON): a record with one place changed, left out, added to, doubled or scaled."""
    draw = random.Random(seed)
    for _ in range(count):
        changed = copy.deepcopy(record)
        place = draw.choice([place for place in _places(changed) if place])
        inside = changed
        for step in place[:-1]:
            inside = inside[step]
        old, how = inside[place[-1]], draw.choice(["odd", "odd", "without", "more"])
        if how == "without":
            del inside[place[-1]]
        elif how == "more" and isinstance(old, dict):
            old["another"] = 1
        elif how == "more" and isinstance(old, list):
            old.append(old[-1] if old else 1)
        elif how == "more" and isinstance(old, (int, float)) and not isinstance(old, bool):
            inside[place[-1]] = old * draw.choice([-1, 0.999, 1.001, 100, 10**6])
        else:
            inside[place[-1]] = draw.choice(ODD)
        yield (how, place), _text(changed)


def check_altered(path, load, same, count=100, resign=None):
    """Alter a JSON file `count` times: `load()` gives what is `same` as before, or raises `InputError` in one line.

    resign  a function that signs a record anew, as a forger would: then another answer is no mistake, but another error
            is
    """
    honest = path.read_text(encoding="utf-8")
    before, refused = load(), 0
    for done, text in altered(json.loads(honest), count):
        if resign:
            try:
                text = json.dumps(resign(json.loads(text)))
            except (ValueError, RecursionError):
                pass
        path.write_text(text, encoding="utf-8")
        try:
            found = load()
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 1000, done
        else:
            assert resign or same(found, before), f"{done} was believed"
    path.write_text(honest, encoding="utf-8")
    assert same(load(), before) and refused > count / 3


def _places(value, place=()):
    yield place
    if isinstance(value, (dict, list)):
        for step in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[step], (*place, step))


def _text(record):
    text = json.dumps(record)
    for mark, written in (
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("deep", "[" * 900 + "]" * 900),
        ("deeper", "[" * 10**5 + "]" * 10**5),
    ):
        text = text.replace(f'"<{mark}>"', written)
    return text
