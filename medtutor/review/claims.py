"""The claims: what the review says, the rule it is judged by, and the verdict.

`claims.toml` holds the claims, `evidence/` what was measured. The verdict is in
neither: `verdict` computes it from both.
"""

import math
import tomllib
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import get_type_hints

from ..checks import whole
from ..errors import InputError, unknown
from ..files import digest, typed
from .evidence import Evidence, command, read_evidence
from .render import Card, provenance, rows_of

SUPPORTED, NOT_SUPPORTED, MIXED, NOT_TESTABLE = "supported", "not supported", "mixed", "not testable here"


@dataclass(frozen=True)
class Rule:
    """When the evidence speaks for a claim: each contrast's interval on one side of a margin.

    direction  "above" or "below": where the whole interval must lie
    margin     in units of the metric
    contrasts  names of the contrasts that count
    """

    direction: str
    margin: float
    contrasts: tuple[str, ...]

    def __post_init__(self):
        if self.direction not in ("above", "below"):
            raise InputError(f"rule: direction must be above or below, not {self.direction!r}")
        if isinstance(self.margin, bool) or not isinstance(self.margin, (int, float)) or not math.isfinite(self.margin):
            raise InputError(f"rule: margin must be a number, not {self.margin!r}")
        if not all(self.contrasts) or not self.contrasts or len(set(self.contrasts)) < len(self.contrasts):
            raise InputError("rule: name at least one contrast, each once")

    def reads(self, contrast):
        """What one `Contrast` says: "for", "against", or "unclear" where its interval holds the margin."""
        low, high = contrast.interval
        if low <= self.margin <= high:
            return "unclear"
        return "for" if (low > self.margin) == (self.direction == "above") else "against"

    def __str__(self):
        which = "the contrast" if len(self.contrasts) == 1 else f"each of the {len(self.contrasts)} contrasts"
        return f"the 95 % interval over seeds of {which} must lie wholly {self.direction} {self.margin:g}"


@dataclass(frozen=True, repr=False)
class Claim:
    """One sentence of the review made testable. Shows itself as a card, with evidence and verdict.

    The fields are explained at the head of claims.toml.
    """

    id: str
    says: str
    place: str
    tested: str
    protocol: str
    metric: str
    rule: Rule
    seeds: tuple[int, ...]
    lesson: str
    cell: str
    trial: str
    settings: dict = field(hash=False)

    def __post_init__(self):
        if len(set(self.seeds)) < max(2, len(self.seeds)):
            raise InputError("seeds: name at least two, each once; one training has no spread")
        for seed in self.seeds:
            whole("seeds", seed, 0)

    @property
    def registered(self):
        """SHA-256 of what must stand before the evidence: protocol, metric, rule, seeds and settings."""
        return digest([self.protocol.split(), self.metric, asdict(self.rule), self.seeds, self.settings])

    def card(self, evidence: Evidence | None = None, found: "Verdict | None" = None) -> Card:
        """The claim with evidence and verdict, for a terminal, a notebook or a page.

        Without a verdict, those that ship.
        """
        if found is None:
            evidence, found = judge(self)
        sections = [
            (f"The review says ({self.place})", self.says),
            ("Tested here, in our words", self.tested),
            ("How", self.protocol),
            ("Rule, written before the evidence", f"{self.metric}; {self.rule}."),
            ("Verdict", str(found)),
            *([("Evidence", provenance(evidence))] if evidence else []),
        ]
        rows = rows_of(evidence.contrasts, found.readings) if evidence else []
        phantom = evidence is not None and evidence.on_phantoms
        return Card(self.id, phantom, sections, rows, self.metric, self.lesson, self.cell)

    def as_record(self, evidence: Evidence | None, found: "Verdict") -> dict:
        """The claim with evidence and verdict as plain values, for JSON."""
        return {
            "id": self.id,
            "says": self.says,
            "place": self.place,
            "tested": self.tested,
            "protocol": self.protocol,
            "metric": self.metric,
            "rule": str(self.rule),
            "seeds": list(self.seeds),
            "lesson": self.lesson,
            "cell": self.cell,
            "verdict": found.word,
            "reason": found.reason,
            "readings": found.readings,
            "evidence": evidence.as_record() if evidence else None,
        }

    def __str__(self):
        return self.card().as_text()

    __repr__ = __str__

    def _repr_html_(self):
        return self.card().as_html()


@dataclass(frozen=True)
class Verdict:
    """What rule and evidence come to.

    word      "supported", "not supported", "mixed" or "not testable here"
    reason    one sentence
    readings  {contrast: "for", "against" or "unclear"}; empty where not testable
    """

    word: str
    reason: str
    readings: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.word}: {self.reason}"


def verdict(claim, evidence):
    """The `Verdict` on a claim, from its rule and its `Evidence` (or None) alone.

    All contrasts for it: supported. None for it: not supported. Else mixed. Not testable
    here: without evidence, with evidence of other seeds or images, or collected under another rule.
    """
    obstacle = _obstacle(claim, evidence)
    if obstacle:
        return Verdict(NOT_TESTABLE, obstacle)
    readings = {name: claim.rule.reads(evidence.contrast(name)) for name in claim.rule.contrasts}
    found = list(readings.values())
    count = ", ".join(f"{found.count(word)} {word}" for word in ("for", "against", "unclear"))
    word = SUPPORTED if set(found) == {"for"} else MIXED if "for" in found else NOT_SUPPORTED
    return Verdict(word, f"of {len(found)} contrast{'s' * (len(found) > 1)}, {count}", readings)


def _obstacle(claim, evidence):
    """Why the rule cannot be applied to the evidence, or None."""
    if evidence is None:
        return f"there is no evidence yet; collect it: {command(claim.id)}"
    if evidence.on_phantoms and not claim.settings.get("phantoms"):
        return "the evidence was made on PHANTOM images, drawn by medtutor, which say nothing about patients"
    if any(entry["provenance"] == "arrays" for entry in evidence.data.values()):
        return "the evidence was made on other images than the published ones"
    if evidence.registered != claim.registered:
        return f"the rule was changed after the evidence; collect it anew: {command(claim.id)}"
    missing = sorted(set(claim.seeds) - set(evidence.seeds))
    if missing:
        return f"the evidence lacks seed {', '.join(map(str, missing))}; complete it: {command(claim.id)}"
    if sorted(evidence.seeds) != sorted(claim.seeds):
        return "the evidence has more seeds than the rule names: adding seeds until it fits is not a test"
    for name in claim.rule.contrasts:
        if evidence.contrast(name) is None:
            return f"the evidence lacks the contrast {name}; collect it anew: {command(claim.id)}"
    return None


def judge(claim):
    """(Evidence or None, `Verdict`) from the shipped evidence; a damaged file makes the claim not testable."""
    try:
        evidence = read_evidence(claim.id)
    except InputError as error:
        return None, Verdict(NOT_TESTABLE, str(error))
    return evidence, verdict(claim, evidence)


@cache
def claims():
    """All claims, in the order of claims.toml: (`Claim`, …)."""
    return parse_claims(files(__package__).joinpath("claims.toml").read_text(encoding="utf-8"))


def claim(claim_id):
    """The claim of that id. Raises `InputError` for an unknown one, with the nearest."""
    known = {each.id: each for each in claims()}
    if claim_id not in known:
        raise unknown("claim", claim_id, list(known))
    return known[claim_id]


def parse_claims(text):
    """(`Claim`, …) from TOML. Raises `InputError` that names the claim which is not well-formed."""
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
        rule = given["rule"] | {"contrasts": typed("rule.contrasts", given["rule"]["contrasts"], tuple[str, ...])}
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
            "rule": Rule(**rule),
            "protocol": " ".join(texts["protocol"].split()),
            "seeds": typed("seeds", given["seeds"], tuple[int, ...]),
            "settings": settings,
        }
        return Claim(**given | texts | changed)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"claims.toml: claim {claim_id!r} is not well-formed ({error})") from None
