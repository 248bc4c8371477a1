"""All claims together: where each stands, drawn in units of its margin, and what is left after a correction.

The question that a claim asks of its family is data, `questions.toml`.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

from ..checks import number
from ..errors import InputError
from ..reports.table import Table
from .claims import Claim, claims
from .evidence import Contrast, Evidence
from .rule import holm
from .verdict import ANSWERS, INCONCLUSIVE, NO_DIFFERENCE, NOT_TESTABLE, Reading, Verdict, difference_of, judge, read

if TYPE_CHECKING:
    from ..figures import Picture

MARKS = ("phantom images", "by construction", "amended", "asked: is it less?")


@dataclass(frozen=True)
class Standing:
    """A claim with its evidence and its answer.

    family    whose claim it is, such as "CNN"; of `questions.toml`
    question  which of the questions there it asks
    """

    claim: Claim
    evidence: Evidence | None
    found: Verdict
    family: str
    question: str

    @property
    def contrast(self) -> Contrast | None:
        """The primary `Contrast`, None without evidence of it."""
        return self.evidence.contrast(self.claim.rule.primary) if self.evidence else None

    @property
    def reading(self) -> Reading | None:
        """What the primary contrast says; None where nothing could be read."""
        return self.found.readings.get(self.claim.rule.primary)

    @property
    def judged(self) -> tuple[Contrast, tuple[float, float]] | None:
        """The primary contrast and its 95 % interval; None where nothing was read."""
        if self.reading is None or self.reading.interval is None or self.contrast is None:
            return None
        return self.contrast, self.reading.interval

    @property
    def in_margins(self) -> tuple[float, float, float] | None:
        """(low, difference, high) of the primary contrast, in units of the margin; None where nothing was read."""
        if self.judged is None:
            return None
        contrast, (low, high) = self.judged
        margin = self.claim.rule.margin
        return low / margin, contrast.mean / margin, high / margin

    @property
    def marks(self) -> tuple[str, ...]:
        """Those of `MARKS` that hold for it."""
        amended = any(each.on > self.claim.since for each in self.claim.amended)
        holds = (
            bool(self.claim.settings.get("phantoms")),
            bool(self.claim.by_construction),
            amended,
            self.claim.rule.direction == "below",
        )
        return tuple(mark for mark, held in zip(MARKS, holds) if held)

    @property
    def measured(self) -> str:
        """The difference and its interval in the claim's unit, in words.

        >>> from medtutor.review.standing import standings
        >>> standings()[0].measured.split()[-1]
        'AUC'
        """
        if self.judged is None:
            return NOT_TESTABLE
        contrast, (low, high) = self.judged
        return f"{contrast.mean:+.3f} ({low:+.3f} to {high:+.3f}) {self.claim.rule.unit}"

    @cached_property
    def over_seeds(self) -> str | None:
        """The answer over seeds alone, with the test cases taken as they are; None where nothing was read."""
        if self.judged is None:
            return None
        return _primary(self.claim.rule, replace(self.judged[0], cases=None)).answer

    @cached_property
    def p_of_answer(self) -> float | None:
        """How likely evidence so clear would be by chance where the answer is wrong; below 0.05 where there is one.

        Of "no difference larger than the margin" twice the larger of the two one-sided p values. None where nothing
        was read.
        """
        if self.judged is None:
            return None
        rule = self.claim.rule
        if self.found.word != NO_DIFFERENCE:
            return self.found.readings[rule.primary].p
        difference = difference_of(self.judged[0], rule.margin_of(rule.primary))
        return min(1.0, 2 * max(difference.p_above(-rule.margin), difference.p_below(rule.margin)))

    def with_margin(self, margin: float) -> Reading:
        """What the primary contrast would say with another margin. It is no verdict: the rule was another.

        Raises `InputError` for a margin below the noise of its unit, and where there is nothing to read.

        >>> from medtutor.review.standing import standings
        >>> standings()[0].with_margin(0.05).answer
        'no difference larger than the margin'
        """
        number("margin", margin, above=0)
        if self.judged is None:
            raise InputError(f"{self.claim.id} has no evidence that could be read; choose another claim")
        return _primary(replace(self.claim.rule, margin=margin), self.judged[0])


def _primary(rule, contrast):
    """The `Reading` of the primary contrast alone."""
    ceilings = {name: most for name, most in rule.ceilings.items() if name == rule.primary}
    return read(replace(rule, secondary=(), other_units={}, ceilings=ceilings), [contrast])[rule.primary]


def standings() -> tuple[Standing, ...]:
    """Every claim, in the order of the file, with the evidence that ships.

    Raises `InputError` for a claim that has no place in questions.toml.

    >>> from medtutor.review.standing import standings
    >>> standings()[0].claim.id, standings()[0].family
    ('cnn-beats-mlp', 'CNN')
    """
    places = _places()
    missing = [each.id for each in claims() if each.id not in places]
    if missing:
        raise InputError(f"questions.toml has no place for {', '.join(missing)}; write its family and its question")
    return tuple(Standing(each, *judge(each), *places[each.id]) for each in claims())


@cache
def _places():
    """{claim: (family, question)}"""
    read_in = tomllib.loads(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))
    return {
        claim: (family, question) for question, of in read_in.items() for family, ids in of.items() for claim in ids
    }


def forest(shown: Sequence[Standing] | None = None) -> "Picture":
    """A forest plot: the primary contrast of each claim in units of its margin, with its 95 % interval and its answer.

    shown  claims to draw; all when left out

    >>> from medtutor.review.standing import forest, standings
    >>> forest(standings()[:1]).alt[:56]
    'Forest plot of 1 claims, each difference in units of its'
    """
    from ..figures import Effect  # they load torch
    from ..figures import forest as drawn

    rows = [
        Effect(each.claim.id, each.in_margins, each.found.word, each.measured, each.marks)
        for each in (standings() if shown is None else shown)
    ]
    return drawn(rows)


def answer_map(shown: Sequence[Standing] | None = None) -> "Picture":
    """Families by questions: a square for each claim, by its answer.

    >>> from medtutor.review.standing import answer_map, standings
    >>> answer_map(standings()[:1]).alt
    'Answers by family and question. CNN, is it better than what is simpler?: 1 ...'
    """
    from ..figures import answer_map as drawn

    shown = standings() if shown is None else shown
    cells: dict[tuple[str, str], list[str]] = {}
    for each in shown:
        cells.setdefault((each.family, each.question), []).append(each.found.word)
    return drawn(cells)


def survivors(shown: Sequence[Standing] | None = None) -> Table:
    """How many claims keep which answer: over seeds only, as judged, and as judged with Holm's correction.

    Claims that are true by construction are left out: nothing could have come of them but what did.

    >>> from medtutor.review.standing import survivors
    >>> survivors().head
    ('answer', 'over seeds only', 'as judged', 'as judged, corrected for their number')
    """
    asked = [each for each in (standings() if shown is None else shown) if not each.claim.by_construction]
    after = corrected(asked)
    rows = [
        (
            answer,
            str(sum((each.over_seeds or NOT_TESTABLE) == answer for each in asked)),
            str(sum(each.found.word == answer for each in asked)),
            str(sum(after[each.claim.id] == answer for each in asked)),
        )
        for answer in ANSWERS
    ]
    head = ("answer", "over seeds only", "as judged", "as judged, corrected for their number")
    return Table(head, rows, f"{len(asked)} claims that are not true by construction")


def corrected(shown: Sequence[Standing]) -> dict[str, str]:
    """{claim: answer} after Holm's correction for the number of claims: what is then not below 0.05 is inconclusive.

    >>> from medtutor.review.standing import corrected, standings
    >>> set(corrected(standings()).values()) <= set(ANSWERS)
    True
    """
    tested = [each for each in shown if each.p_of_answer is not None]
    p_values = dict(zip((each.claim.id for each in tested), holm([each.p_of_answer for each in tested])))  # type: ignore[misc]
    return {
        each.claim.id: INCONCLUSIVE if p_values.get(each.claim.id, 0.0) >= 0.05 else each.found.word for each in shown
    }
