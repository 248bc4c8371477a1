"""What can be known of a claim before its evidence: can its rule be passed, and what difference would the design see?

A rule that nothing can pass, or that the noise hides, is no test. `medtutor trial plan ID` prints this.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from heapq import heapreplace
from typing import Any

from scipy.special import nctdtrinc, stdtrit

from ..checks import whole
from ..errors import InputError
from ..records import digest
from .evidence import Evidence, read_evidence
from .verdict import difference_of

POWER = 0.8  # in four of five repetitions
# Of trials that train the same networks and measure the same of them, though each is an experiment of its own: what
# they measure. A test finds them in the experiments. The seconds of each have those of the shared trainings in them.
MEASURES = {
    "compressed": "made_smaller",
    "students": "made_smaller",
    "more_labels": "over_labels",
    "augmented_in_each_way": "over_labels",
}


@dataclass(frozen=True)
class Plan:
    """What can be known of a claim before its evidence.

    claim             its id
    primary, rule     the contrast that decides, and the rule in words
    room              the largest difference that can show; None where there is no end, or it is not known yet
    cannot_be_passed  half a sentence, or None
    error             standard error of the difference, or None where nothing is known of the noise
    known             where the error comes from, in words
    sees              the smallest difference that the design would call supported in four of five repetitions
    equivalent        the smallest margin at which arms that are alike would be called so in four of five repetitions;
                      None where the claim itself is that nothing is so large
    margin, unit      of the rule
    reaches           {arm: level} of the convergence gate
    ceilings          {contrast told beside it: the largest difference that it can show}, where that is known beforehand
    by_construction   why a phantom makes it true; "" where none does
    """

    claim: str
    primary: str
    rule: str
    room: float | None
    cannot_be_passed: str | None
    error: float | None
    known: str
    sees: float | None
    equivalent: float | None
    margin: float
    unit: str
    reaches: dict[str, float]
    ceilings: dict[str, float]
    by_construction: str

    def as_record(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self)

    def __str__(self):
        gate = "; ".join(f"{arm} must reach {level:g}, else not testable" for arm, level in self.reaches.items())
        lines = [
            self.claim,
            f"rule: {self.rule}",
            f"ceiling: {self._ceiling}",
            f"noise: {self.known}",
            f"power: {self._power}",
            f"convergence: {gate or 'no arm has a level to reach'}",
        ]
        return "\n".join([*lines, *([f"by construction: {self.by_construction}"] if self.by_construction else [])])

    @property
    def _ceiling(self):
        beside = "".join(f"; {name}: at most {most:.3f}" for name, most in self.ceilings.items())
        if self.cannot_be_passed:
            return f"{self.cannot_be_passed}; give the contrast room, or ask another question{beside}"
        if self.room is None:
            return f"none known, the margin is {self.margin:g} {self.unit}{beside}"
        return f"a difference of at most {self.room:.3f} can show, the margin is {self.margin:g} {self.unit}{beside}"

    @property
    def _power(self):
        if self.sees is None:
            return "not known before the noise is; say noise = { seeds = …, cases = … } in claims.toml"
        beyond = ""
        if self.room is not None and self.sees > self.room:
            beyond = ", more than can show: more seeds or cases are needed"
        alike = ""
        if self.equivalent is not None:
            alike = f"; arms that are alike would be called so with a margin of {self.equivalent:.3f} or more"
        return f"in four of five repetitions a difference of {self.sees:.3f} would be called supported{beyond}{alike}"


def plan(claim: Any) -> Plan:
    """The `Plan` of a `Claim`: from its rule, from the noise that claims.toml gives, and where there is evidence, from
    the noise that it shows.

    >>> from medtutor.review import claim
    >>> from medtutor.review.plan import plan
    >>> made = plan(claim("cnn-beats-mlp"))
    >>> made.room > made.sees > made.margin
    True
    """
    rule, evidence = claim.rule, _sound(claim.id)
    contrast = evidence.contrast(rule.primary) if evidence else None
    error, freedom, known = _noise(claim, contrast)
    sees = equivalent = None
    if error is not None:
        # The difference, in standard errors, whose Student's t exceeds that of the interval in four of five draws.
        distance = float(nctdtrinc(freedom, 1 - POWER, stdtrit(freedom, 0.975)))
        sees = rule.margin + distance * error * (1 if rule.direction == "above" else -1)
        if rule.direction == "above":
            equivalent = float(stdtrit(freedom, 0.975) + stdtrit(freedom, (1 + POWER) / 2)) * error
    return Plan(
        claim.id,
        rule.primary,
        str(rule),
        rule.room(rule.primary, contrast),
        rule.cannot_be_passed(rule.primary, contrast),
        error,
        known,
        sees,
        equivalent,
        rule.margin,
        rule.unit,
        dict(rule.reaches),
        {name: most for name, most in rule.ceilings.items() if name != rule.primary},
        claim.by_construction,
    )


def estimate(chosen: Sequence[Any]) -> tuple[float, list[str]]:
    """(seconds, ids of claims of which nothing is known): what the evidence of `Claim`s took when it was collected.

    Claims that share their trainings are counted once. Where trainings are kept already it takes less, on another
    machine more or less.

    >>> from medtutor.review import claim
    >>> from medtutor.review.plan import estimate
    >>> one, other = claim("cnn-beats-mlp"), claim("cnn-keeps-lead-shifted")
    >>> estimate([one, other]) == estimate([one])
    True
    """
    groups = sharing(chosen)
    unknown = [claim.id for claim in chosen if _sound(claim.id) is None]
    return sum(map(_seconds, groups)), unknown


def at_once(chosen: Sequence[Any], workers: int) -> float:
    """Seconds that so many workers need for the evidence of `Claim`s, each on one thread as it was when collected.

    Claims that share trainings go to one worker; whoever is free takes those that take longest, as `workers.collect`
    deals them out. Raises `InputError` for less than one worker.

    >>> from medtutor.review import claim
    >>> from medtutor.review.plan import at_once, estimate
    >>> one = claim("cnn-beats-mlp")
    >>> at_once([one], 2) == estimate([one])[0]
    True
    """
    busy = [0.0] * whole("workers", workers, 1)
    for group in sharing(chosen):
        heapreplace(busy, busy[0] + _seconds(group))
    return max(busy)


def sharing(chosen: Sequence[Any]) -> list[list[Any]]:
    """`Claim`s in groups that share their trainings, those first of which the evidence took longest.

    >>> from medtutor.review import claim
    >>> from medtutor.review.plan import sharing
    >>> [len(group) for group in sharing([claim("cnn-beats-mlp"), claim("cnn-keeps-lead-shifted")])]
    [2]
    >>> [len(group) for group in sharing([claim("compression-keeps-accuracy"), claim("small-student-suffices")])]
    [2]
    """
    groups: dict[str, list[Any]] = {}
    for claim in chosen:
        same = {name: each for name, each in claim.settings.items() if name != "keep_all"}
        trainings = MEASURES.get(claim.trial) or [claim.trial, same]
        groups.setdefault(digest([trainings, list(claim.seeds)]), []).append(claim)
    return sorted(groups.values(), key=_seconds, reverse=True)


def _seconds(group):
    found = [_sound(claim.id) for claim in group]
    return max((evidence.seconds for evidence in found if evidence), default=0.0)


def _noise(claim, contrast):
    """(standard error or None, degrees of freedom, in words): the larger of what is given and what was measured."""
    count = len(claim.seeds)
    measured = difference_of(contrast, claim.rule.margin_of(contrast.name)) if contrast else None
    given, cases = claim.noise.get("seeds"), claim.noise.get("cases")
    if measured and measured.of_seeds is not None:
        return measured.error, measured.freedom, f"{measured.error:.4f}, measured over seeds and cases"
    if measured:
        of_seeds, said = measured.error, f"over seeds {measured.error:.4f}, measured"
    elif given is not None:
        of_seeds, said = given / math.sqrt(count), f"over seeds {given / math.sqrt(count):.4f}, as given"
    else:
        return None, count - 1, "not known"
    if cases is None:
        return of_seeds, count - 1, f"{said}; over cases not known, so that the power is less than said here"
    error = math.hypot(of_seeds, cases)
    freedom = (count - 1) * error**4 / of_seeds**4 if of_seeds else math.inf
    return error, min(freedom, 1e6), f"{said}; over cases {cases:.4f}, as given; together {error:.4f}"


def _sound(claim_id) -> Evidence | None:
    """The evidence, where there is any that can be read."""
    try:
        return read_evidence(claim_id)
    except InputError:
        return None
