"""A question of one's own: asked, ruled and locked by a hash before anything is measured.

The lock is a file. It holds question, rule, seeds and a hash of the function that measures; whoever changes one of them
afterwards is told so, and gets no answer. What was measured goes into a second file beside it.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from os import PathLike
from pathlib import Path

from tqdm.auto import tqdm

from ..checks import instance, items, number, text
from ..errors import InputError, shown
from ..files import resolve, write_text
from ..records import digest, read_json, signed, typed, unsigned
from .cases import Cases, PerCase
from .claims import check_seeds, parse_rule
from .evidence import Contrast, contrast, without_docstrings
from .rule import UNITS, Rule
from .verdict import Verdict, judged

FORMAT = "medtutor own claim 1"
ANEW = "a question is measured once: lock it again in a new file, and measure that"
Measured = float | PerCase
Measure = Callable[[int], tuple[Measured, Measured]]


@dataclass(frozen=True)
class OwnClaim:
    """A question with its rule, as it was locked.

    asked    the question
    rule     `Rule`; its primary contrast names what is compared
    arms     names of what is measured first and second
    seeds    with which `measure` is called
    code     SHA-256 of the function that measures, without its comments
    locked   the day
    """

    asked: str
    rule: Rule
    arms: tuple[str, str]
    seeds: tuple[int, ...]
    code: str
    locked: str

    @property
    def sha256(self) -> str:
        """The hash of all of it: whoever notes it down can show later that nothing was changed."""
        return digest(_plain(self))

    def __str__(self):
        return (
            f"locked on {self.locked}: {self.asked} Rule: {self.rule}. Seeds {', '.join(map(str, self.seeds))}."
            f" SHA-256 {self.sha256[:12]}"
        )


def lock_claim(
    path: str | PathLike,
    *,
    asked: str,
    rule: Rule,
    measure: Measure,
    arms: tuple[str, str],
    seeds: tuple[int, ...] = (0, 1, 2),
) -> OwnClaim:
    """Lock a question before it is measured: the `OwnClaim`, written to a JSON file.

    asked    the question, one sentence
    rule     `Rule`: direction, unit, margin, and the name of the primary contrast
    measure  measure(seed) gives what the first and the second arm reach, as numbers or as `PerCase`; only its own
             text is hashed, not that of functions it calls
    arms     their names
    seeds    at least two, each once

    The same lock again changes nothing. Raises `InputError` for a file with another lock, for less than two seeds, and
    for a function whose text cannot be read.

    >>> import tempfile
    >>> from statistics import NormalDist
    >>> place = Path(tempfile.mkdtemp()) / "mine.json"
    >>> rule = Rule("above", "AUC", 0.05, "wide against narrow")
    >>> arms = ("wide", "narrow")  # a measure is a function of yours; this one stands for it
    >>> own = lock_claim(place, asked="Is wide better?", rule=rule, measure=NormalDist.from_samples, arms=arms)
    >>> own.sha256 == read_claim(place).sha256
    True
    """
    target = resolve(path)
    instance("rule", rule, Rule, "a Rule")
    check_seeds(seeds)
    if len(arms) != 2:
        raise InputError(f"arms: name both, the first and the second, not {len(arms)}")
    if rule.secondary or rule.other_units:
        raise InputError("an own claim has one contrast; leave secondary and other_units out")
    names = text("arms[0]", arms[0]), text("arms[1]", arms[1])
    made = OwnClaim(text("asked", asked), rule, names, tuple(seeds), _code(measure), str(date.today()))
    if target.exists():
        there = read_claim(target)
        if _plain(there) | {"locked": ""} != _plain(made) | {"locked": ""}:
            raise InputError(f"{path} holds another lock, of {there.locked}; a new question or rule needs a new file")
        return there
    _write(target, {"format": FORMAT, "claim": _plain(made)})
    return made


def read_claim(path: str | PathLike) -> OwnClaim:
    """The `OwnClaim` that `lock_claim` wrote. Raises `InputError` for a file that is missing, damaged or altered.

    >>> read_claim("nowhere.json")
    Traceback (most recent call last):
    medtutor.errors.InputError: nowhere.json cannot be read (No such file or directory); lock a question first
    """
    given = typed("the lock", _read(resolve(path), path), dict)
    try:
        own = typed("claim", given["claim"], dict)
        rule = parse_rule({name: each for name, each in own["rule"].items() if each or name == "margin"})
        made = OwnClaim(
            typed("asked", own["asked"], str),
            rule,
            typed("arms", own["arms"], tuple[str, str]),
            typed("seeds", own["seeds"], tuple[int, ...]),
            typed("code", own["code"], str),
            typed("locked", own["locked"], str),
        )
        check_seeds(made.seeds)
        return made
    except (KeyError, AttributeError, TypeError):
        raise InputError(f"{path} is damaged, was altered, or is no lock; lock the question again") from None
    except InputError as error:
        raise InputError(f"{path} is no lock ({error}); lock the question again in a new file") from None


def run_claim(path: str | PathLike, measure: Measure, *, progress: bool = True) -> Verdict:
    """Measure a locked question with every seed, and give the `Verdict` that its rule comes to.

    path     of the lock; the evidence is written beside it, named `NAME.evidence.json`, whole or not at all
    measure  the function that was locked

    Raises `InputError` for a function that is not the one that was locked, for one that gives anything but two numbers
    (or two `PerCase`) that can be of the rule's unit, and where there is evidence already: who measures until it fits
    does not test.

    >>> run_claim("nowhere.json", lambda seed: (0.9, 0.8))
    Traceback (most recent call last):
    medtutor.errors.InputError: nowhere.json cannot be read (No such file or directory); lock a question first
    """
    own = read_claim(path)
    if _code(measure) != own.code:
        raise InputError(
            f"the function that measures is not the one that was locked on {own.locked}; lock a new question in another"
            " file"
        )
    target = evidence_path(path)
    if target.exists():
        raise InputError(
            f"{target.name} is there already; read_own reads what was found, a new question needs a new lock"
        )
    first, second = [], []
    for seed in tqdm(own.seeds, desc="seeds", disable=not progress):
        one, other = _pair(own, seed, measure(seed))
        first.append(one)
        second.append(other)
    found = _contrast(own, first, second)
    _check(own, found)
    record = {"format": FORMAT, "claim": own.sha256, "contrast": found.as_record()}
    _write(target, record)
    return judged(own.rule, [found], in_full=False)


def read_own(path: str | PathLike) -> Verdict:
    """The `Verdict` from the lock and the evidence beside it, without measuring anything.

    Raises `InputError` where one of both is missing, damaged or altered, or the evidence is of another lock.

    >>> read_own("nowhere.json")
    Traceback (most recent call last):
    medtutor.errors.InputError: nowhere.json cannot be read (No such file or directory); lock a question first
    """
    own, target = read_claim(path), evidence_path(path)
    given = typed("the evidence", _read(target, target), dict)
    if given.get("claim") != own.sha256:
        raise InputError(f"{target.name} is evidence of another lock; measure with run_claim")
    try:
        held = typed("contrast", given.get("contrast"), dict)
        cases = held.get("cases")
        found = Contrast(
            held["name"],
            own.arms,
            typed("first", held["first"], tuple[float, ...]),
            typed("second", held["second"], tuple[float, ...]),
            typed("keys", held.get("keys", {}), dict),
            typed("cases", cases, Cases) if cases else None,
        )
        _check(own, found)
        altered = found.as_record() != held
    except (InputError, KeyError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{target.name} is damaged or no evidence ({why}); {ANEW}") from None
    if altered:
        raise InputError(f"{target.name} was altered after it was written; {ANEW}")
    return judged(own.rule, [found], in_full=False)


def evidence_path(path: str | PathLike) -> Path:
    """Where the evidence of a lock lies.

    >>> evidence_path("mine.json").name
    'mine.evidence.json'
    """
    target = resolve(path)
    return target.with_name(f"{target.stem}.evidence.json")


def _pair(own, seed, found):
    """What a measure gave, where it can be what it says. Raises `InputError` with the seed."""
    pair = items(found)
    if pair is None or len(pair) != 2:
        raise InputError(
            f"measure({seed}) must give two numbers, of {own.arms[0]} and of {own.arms[1]}, not {shown(found)}"
        )
    for arm, value in zip(own.arms, pair):
        if not isinstance(value, PerCase):
            _number(own, f"{arm} with seed {seed}", value)
    return pair


def _number(own, what, value):
    unit = UNITS[own.rule.unit]
    number(f"{what}, in {own.rule.unit},", value, None if unit.limit is None else -unit.limit, unit.top)


def _check(own, found):
    """Raises `InputError` for a contrast that cannot be of this lock."""
    if found.name != own.rule.primary or {len(found.first), len(found.second)} != {len(own.seeds)}:
        raise InputError(
            f"it must be {own.rule.primary!r}, with a number for each arm and each of {len(own.seeds)} seeds"
        )
    for value in (*found.first, *found.second):
        _number(own, "a value", value)
    if found.cases:
        found.cases.check(found.first, found.second)


def _contrast(own, first, second):
    kept = all(isinstance(each, PerCase) for each in (*first, *second))
    cases = Cases.of(first, second) if kept else None
    numbers = [[each.number if isinstance(each, PerCase) else float(each) for each in arm] for arm in (first, second)]
    named = [(name, values) for name, values in zip(own.arms, numbers)]
    return contrast(own.rule.primary, "", *named, cases=cases)


def _plain(own):
    """As JSON gives it back."""
    return {**asdict(own), "rule": _plain_rule(own.rule), "arms": list(own.arms), "seeds": list(own.seeds)}


def _plain_rule(rule):
    return {
        "direction": rule.direction,
        "unit": rule.unit,
        "margin": rule.margin,
        "primary": rule.primary,
        "reaches": dict(rule.reaches),
        "ceilings": dict(rule.ceilings),
    }


def _code(measure):
    """A hash of what a function computes: its text without comments, blank lines and docstring."""
    if not callable(measure):
        raise InputError(f"measure must be a function, not {type(measure).__name__}")
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(measure)))
    except (OSError, TypeError, SyntaxError):
        raise InputError(
            "the text of measure cannot be read; define it with def, in a cell or a file of its own"
        ) from None
    return digest([ast.dump(without_docstrings(tree))])


def _write(target, record):
    write_text(target, json.dumps(signed(record), indent=1, ensure_ascii=False) + "\n")


def _read(target, shown_as):
    """What a file holds, less its hash. Raises `InputError` where it is missing, damaged or altered."""
    try:
        record = read_json(target)
    except OSError as error:
        raise InputError(f"{shown_as} cannot be read ({error.strerror or error}); lock a question first") from None
    except ValueError:
        record = None
    held = unsigned(record)
    if held is None or held.get("format") != FORMAT:
        raise InputError(f"{shown_as} is damaged, was altered, or is no lock; lock the question again in a new file")
    return held
