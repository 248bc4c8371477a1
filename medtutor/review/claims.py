"""The claims: what the review names, what we asked, and the rule that it is judged by.

`claims.toml` holds the claims, `evidence/` what was measured. The answer is in neither: `verdict.verdict` computes it
from both.
"""

import tomllib
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import get_type_hints

from ..checks import number, one_of, whole
from ..errors import InputError
from ..records import digest, typed
from .evidence import Evidence
from .render import Card, provenance, rows_of
from .rule import Margin, Rule
from .verdict import Verdict, judge


@dataclass(frozen=True)
class Amendment:
    """A change to a rule or a protocol after there was evidence, in the open.

    on       the day
    why      the reason
    earlier  what rule and evidence had come to before
    reads    `Claim.registered` before a change of the protocol: evidence that bears it is still judged, and the answer
             says so, until it is collected anew; "" where there is none
    """

    on: date
    why: str
    earlier: str
    reads: str = ""

    def __str__(self):
        return f"{self.on}: {self.why} Before: {self.earlier}"


@dataclass(frozen=True, repr=False)
class Claim:
    """A question that a sentence of the review raises. Shows itself as a card, with evidence and answer.

    The fields are explained at the head of claims.toml.
    """

    id: str
    names: str
    place: str
    asked: str
    protocol: str
    metric: str
    rule: Rule
    since: date
    seeds: tuple[int, ...]
    lesson: str
    cell: str
    trial: str
    settings: dict = field(hash=False)
    noise: dict = field(default_factory=dict, hash=False)
    by_construction: str = ""
    amended: tuple[Amendment, ...] = ()

    def __post_init__(self):
        check_seeds(self.seeds)
        if not set(self.noise) <= {"seeds", "cases"}:
            raise InputError("noise: give seeds, cases or both")
        for of, error in self.noise.items():
            number(f"noise.{of}", error, 0)

    @property
    def registered(self) -> str:
        """SHA-256 of what is measured, and how: trial, protocol, metric, seeds and settings. Evidence of another is
        stale.
        """
        return digest([self.trial, self.protocol.split(), self.metric, self.seeds, self.settings])

    def read_under(self, registered: str) -> Amendment | None:
        """The `Amendment` by which evidence of an earlier protocol is still judged, or None."""
        return next((each for each in self.amended if each.reads and each.reads == registered), None)

    @property
    def ruled(self) -> str:
        """SHA-256 of what is named and asked, and how it is decided, with the convergence gate. It stands on the card
        with the day of its last change.
        """
        return digest([self.names.split(), self.asked.split(), asdict(self.rule)])

    @property
    def rule_of(self) -> date:
        """The day on which the rule took its present form."""
        return max([self.since, *(each.on for each in self.amended)])

    def card(self, evidence: Evidence | None = None, found: Verdict | None = None) -> Card:
        """The claim with evidence and answer, for a terminal, a notebook or a page.

        Without a verdict, those that ship.
        """
        if found is None:
            evidence, found = judge(self)
        dated = f"of {self.rule_of}, first of {self.since}" if self.rule_of > self.since else f"of {self.since}"
        sections = [
            (f"What the review names ({self.place})", self.names),
            ("What we asked", self.asked),
            ("What we found", str(found)),
            *([("True by construction", self.by_construction)] if self.by_construction else []),
            ("How", self.protocol),
            (f"Rule ({dated}; SHA-256 {self.ruled[:12]})", f"{self.metric}; {self.rule}."),
            *(("Amended", str(each)) for each in self.amended),
            *([("Evidence", provenance(evidence))] if evidence else []),
        ]
        rows = rows_of(evidence.contrasts, found.readings) if evidence else []
        phantom = evidence is not None and evidence.on_phantoms
        first = 3 + bool(self.by_construction)
        return Card(self.id, phantom, sections, first, rows, self.metric, self.lesson, self.cell)

    def as_record(self, evidence: Evidence | None, found: Verdict) -> dict:
        """The claim with evidence and answer as plain values, for JSON."""
        return {
            "id": self.id,
            "names": self.names,
            "place": self.place,
            "asked": self.asked,
            "protocol": self.protocol,
            "metric": self.metric,
            "rule": str(self.rule),
            "primary": self.rule.primary,
            "margin": self.rule.margin,
            "unit": self.rule.unit,
            "since": str(self.since),
            "rule_of": str(self.rule_of),
            "ruled": self.ruled,
            "amended": [{"on": str(each.on), "why": each.why, "earlier": each.earlier} for each in self.amended],
            "by_construction": self.by_construction or None,
            "seeds": list(self.seeds),
            "lesson": self.lesson,
            "cell": self.cell,
            "verdict": found.word,
            "reason": found.reason,
            "over": found.over,
            "readings": {name: asdict(reading) for name, reading in found.readings.items()},
            "evidence": evidence.as_record() if evidence else None,
        }

    def __str__(self):
        return self.card().as_text()

    __repr__ = __str__

    def _repr_html_(self):
        return self.card().as_html()


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of claims.toml: (`Claim`, …).

    >>> from medtutor.review import claims
    >>> claims()[0].id
    'cnn-beats-mlp'
    """
    return parse_claims(files(__package__).joinpath("claims.toml").read_text(encoding="utf-8"))


def claim(claim_id: str) -> Claim:
    """The claim of that id. Raises `InputError` for an unknown one, with the nearest.

    >>> from medtutor.review import claim
    >>> claim("cnn-beats-mlp").rule.primary
    'pneumoniamnist'
    """
    known = {each.id: each for each in claims()}
    return known[one_of("claim", claim_id, known)]


def parse_claims(text: str) -> tuple[Claim, ...]:
    """(`Claim`, …) from TOML. Raises `InputError` that names the claim which is not well-formed.

    >>> from medtutor.review.claims import parse_claims
    >>> parse_claims("")
    ()
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"claims.toml cannot be read: {error}") from None
    except RecursionError:
        raise InputError("claims.toml cannot be read: it is nested too deeply") from None
    return tuple(_parse_claim(claim_id, table) for claim_id, table in tables.items())


def _parse_claim(claim_id, table):
    try:
        given = typed("it", table, dict)
        texts = {
            name: typed(name, given[name], str)
            for name, hint in get_type_hints(Claim).items()
            if hint is str and name in given
        }
        for name, words in texts.items():
            if not words.strip():
                raise InputError(f"{name} is empty")
        settings = typed("settings", given["settings"], dict)
        for name, epochs in typed("settings.epochs", settings["epochs"], dict).items():
            whole(f"settings.epochs.{name}", epochs, 1)
        for pixels in typed("settings.moves", settings.get("moves", []), list):
            whole("settings.moves", pixels, 1)
        typed("settings.recipe", settings.get("recipe", {}), dict)
        changed = {
            "id": claim_id,
            "rule": parse_rule(given["rule"]),
            "protocol": " ".join(texts["protocol"].split()),
            "since": _day("since", given["since"]),
            "seeds": typed("seeds", given["seeds"], tuple[int, ...]),
            "settings": settings,
            "noise": typed("noise", given.get("noise", {}), dict[str, float]),
            "amended": tuple(_parse_amendment(each) for each in typed("amended", given.get("amended", []), list)),
        }
        return Claim(**given | texts | changed)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"claims.toml: claim {claim_id!r} is not well-formed ({error})") from None


def check_seeds(seeds: tuple[int, ...]) -> None:
    """Raises `InputError` for less than two, for one that stands twice, and for what can be no seed."""
    if len(set(seeds)) < max(2, len(seeds)):
        raise InputError("seeds: name at least two, each once; one training has no spread")
    for seed in seeds:
        whole("seeds", seed, 0)


def parse_rule(given: dict) -> Rule:
    """A `Rule` of plain values, as TOML and JSON give them. Raises `InputError` for what can be none."""
    given = typed("rule", given, dict)
    for name in ("direction", "unit", "primary"):
        typed(f"rule.{name}", given[name], str)
    others = typed("rule.other_units", given.get("other_units", {}), dict[str, Margin])
    return Rule(
        **given
        | {
            "margin": typed("rule.margin", given["margin"], float),
            "secondary": typed("rule.secondary", given.get("secondary", []), tuple[str, ...]),
            "other_units": others,
            "reaches": typed("rule.reaches", given.get("reaches", {}), dict[str, float]),
            "ceilings": typed("rule.ceilings", given.get("ceilings", {}), dict[str, float]),
        }
    )


def _parse_amendment(given):
    given = typed("amended", given, dict)
    texts = {name: " ".join(typed(f"amended.{name}", given[name], str).split()) for name in ("why", "earlier")}
    if not all(texts.values()):
        raise InputError("amended: say why, and what was found earlier")
    typed("amended.reads", given.get("reads", ""), str)
    return Amendment(**given | texts | {"on": _day("amended.on", given["on"])})


def _day(what, value):
    """A date as TOML has it, such as 2026-11-29."""
    if type(value) is not date:  # a datetime is one, too
        raise InputError(f"{what} must be a day such as 2026-11-29, not {value!r}")
    return value
