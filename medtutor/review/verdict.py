"""The answer to a claim: it follows from rule and evidence by code, and is one of five.

answer                                    when the primary contrast is asked for above a margin m
supported                                 its 95 % interval lies above m
contradicted                              its 95 % interval lies below -m
no difference larger than the margin      its 95 % interval lies within -m and m: two one-sided tests, each at 2.5 %
inconclusive                              none of these: nobody can tell from this evidence
not testable here                         no evidence that the rule can be applied to

One interval tells all of them apart. (Equivalence is often tested at 5 % on each side. Then a difference of just the
margin would have an answer, one way or the other, in 7.5 % of repetitions; so it has one in 5 %.)

Where a claim is that there is no difference so large ("below"), supported is an interval below m, contradicted one
above it, else it is inconclusive. Secondary contrasts are read alike, told with p values that Holm's method corrects
for their number, and decide nothing.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from ..checks import instance
from ..errors import InputError, shown
from ..metrics.intervals import Difference, over_seeds
from .evidence import Contrast, Evidence, code_of, command, read_evidence
from .rule import UNITS, Margin, Rule, holm

SUPPORTED, CONTRADICTED, NO_DIFFERENCE, INCONCLUSIVE, NOT_TESTABLE = ANSWERS = (
    "supported",
    "contradicted",
    "no difference larger than the margin",
    "inconclusive",
    "not testable here",
)
# Evidence without predictions knows how much seeds differ, and nothing of cases. It is judged over seeds only, which
# card, list and report say. True, and such evidence is "not testable here": the rule once all of it is collected anew.
# It is asked of the primary contrast. Of every claim that is a mean, an AUC or an R² over cases; what is not, such as
# a distance of two sets of images (KID), stands beside and is read over seeds.
NEEDS_PREDICTIONS = False


@dataclass(frozen=True)
class Reading:
    """What one contrast says.

    answer    one of `ANSWERS`
    interval  95 %, of the difference; None where nothing was read
    p         of a difference within the margin, two-sided, of a secondary contrast corrected by Holm's method; below
              0.05 where the interval lies beyond the margin; None where nothing was read
    of_seeds  the share of the interval's squared width that comes from seeds; None where cases were not looked at
    why       half a sentence, where the contrast is no test
    """

    answer: str
    interval: tuple[float, float] | None = None
    p: float | None = None
    of_seeds: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """What rule and evidence come to.

    word      one of `ANSWERS`: that of the primary contrast
    reason    one sentence
    readings  {contrast: `Reading`}, the primary one first; empty where nothing could be read
    """

    word: str
    reason: str
    readings: dict[str, Reading] = field(default_factory=dict)

    @property
    def over(self) -> str | None:
        """What the interval of the primary contrast is over; None where nothing was read."""
        primary = next(iter(self.readings.values()), None)
        if primary is None or primary.interval is None:
            return None
        return "seeds" if primary.of_seeds is None else "seeds and cases"

    def __str__(self):
        return f"{self.word}: {self.reason}"


def verdict(claim: Any, evidence: Evidence | None) -> Verdict:
    """The `Verdict` on a `Claim`, from its rule and its `Evidence` (or None) alone.

    Not testable here: without evidence, with evidence of other seeds, images or code, or collected under another
    protocol (but for one that an amendment names, which the reason says); where an arm has not learned its task, and
    where the margin could not have been passed.

    >>> from medtutor.review import claim, read_evidence, verdict
    >>> verdict(claim("cnn-beats-mlp"), None).word
    'not testable here'
    """
    _check_claim(claim)
    if evidence is not None:
        instance("evidence", evidence, Evidence, "Evidence, such as read_evidence gives, or None")
    obstacle = _obstacle(claim, evidence)
    if evidence is None or obstacle:
        return Verdict(NOT_TESTABLE, obstacle)
    found = judged(claim.rule, [evidence.contrast(name) for name in claim.rule.contrasts])
    earlier = None if evidence.registered == claim.registered else claim.read_under(evidence.registered)
    if earlier and found.over:
        return replace(
            found, reason=f"{found.reason}; the evidence is of the protocol before {earlier.on}, see Amended"
        )
    return found


def judged(rule: Rule, contrasts: list[Contrast], in_full: bool = True) -> Verdict:
    """The `Verdict` that a rule comes to on contrasts, the primary one first.

    in_full  the reason says, too, which share of the interval comes from seeds, or that cases were not looked at
    """
    readings = read(rule, contrasts)
    contrast, reading = contrasts[0], readings[rule.primary]
    if reading.interval is None:
        return Verdict(NOT_TESTABLE, reading.why, readings)
    low, high = reading.interval
    if reading.of_seeds is None:
        basis = "over seeds only" + ", not over the choice of test cases" * in_full
    else:
        basis = "over seeds and cases" + f", {reading.of_seeds:.0%} of it from seeds" * in_full
    reason = (
        f"{contrast.name} is {contrast.mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f}, {basis}); "
        f"the margin is {rule.margin_of(contrast.name)}"
    )
    return Verdict(reading.answer, reason, readings)


def read(rule: Rule, contrasts: list[Contrast]) -> dict[str, Reading]:
    """{contrast: `Reading`}, the first as the primary one, the others with their p values corrected together."""
    differences = [difference_of(contrast, rule.margin_of(contrast.name)) for contrast in contrasts]
    voids = [rule.void(contrast) for contrast in contrasts]
    raw = [_p_beyond(rule, each, rule.margin_of(c.name).margin) for each, c in zip(differences, contrasts)]
    told = [i for i in range(1, len(contrasts)) if not voids[i]]
    p_values = dict(zip(told, holm([raw[i] for i in told]))) | {0: raw[0]}
    return {
        contrast.name: Reading(NOT_TESTABLE, why=why)
        if (why := voids[i])
        else _reading(rule, differences[i], rule.margin_of(contrast.name).margin, p_values[i])
        for i, contrast in enumerate(contrasts)
    }


def difference_of(contrast: Contrast, margin: Margin) -> Difference:
    """The `Difference` of a contrast, on the scale of its unit: over seeds and cases where predictions are kept."""
    limit = UNITS[margin.unit].limit
    return over_seeds(contrast.values, limit) if contrast.cases is None else contrast.cases.difference(limit)


def _reading(rule, difference, margin, p):
    low, high = difference.interval()
    answer = INCONCLUSIVE
    if p < 0.05:
        beyond = difference.value > margin
        answer = SUPPORTED if beyond == (rule.direction == "above") else CONTRADICTED
    elif rule.direction == "above" and max(difference.p_above(-margin), difference.p_below(margin)) < 0.025:
        answer = NO_DIFFERENCE
    return Reading(answer, (low, high), p, difference.of_seeds)


def _p_beyond(rule, difference, margin):
    """Two-sided p value against the answer that nothing can be told: it is below 0.05 where the 95 % interval lies
    beyond the margin."""
    above = difference.p_above(margin)
    below = difference.p_below(margin if rule.direction == "below" else -margin)
    return min(1.0, 2 * min(above, below))


def _obstacle(claim, evidence):
    """Why the rule cannot be applied to the evidence, or None."""
    if evidence is None:
        return f"there is no evidence yet; collect it: {command(claim.id)}"
    if evidence.on_phantoms and not claim.settings.get("phantoms"):
        return "the evidence was made on PHANTOM images, drawn by medtutor, which say nothing about patients"
    if any(entry["provenance"] == "arrays" for entry in evidence.data.values()):
        return "the evidence was made on other images than the published ones"
    if evidence.registered != claim.registered and not claim.read_under(evidence.registered):
        return f"the trial was changed after the evidence; collect it anew: {command(claim.id)}"
    if evidence.code is not None and evidence.code != code_of(claim.trial):
        return f"the evidence was measured by other code than this version's; collect it anew: {command(claim.id)}"
    missing = sorted(set(claim.seeds) - set(evidence.seeds))
    if missing:
        return f"the evidence lacks seed {', '.join(map(str, missing))}; complete it: {command(claim.id)}"
    if sorted(evidence.seeds) != sorted(claim.seeds):
        return "the evidence has more seeds than the rule names: adding seeds until it fits is not a test"
    for name in claim.rule.contrasts:
        if evidence.contrast(name) is None:
            return f"the evidence lacks the contrast {name}; collect it anew: {command(claim.id)}"
    if NEEDS_PREDICTIONS and evidence.contrast(claim.rule.primary).cases is None:
        return f"the evidence kept no predictions of single cases; collect it anew: {command(claim.id)}"
    return None


def _check_claim(given):
    if not hasattr(given, "read_under"):  # `Claim` stands above this file
        raise InputError(f"claim must be a Claim, such as review.claim gives for an id, not {shown(given)}")


def judge(claim: Any) -> tuple[Evidence | None, Verdict]:
    """(Evidence or None, `Verdict`) from the shipped evidence; a damaged file makes the claim not testable.

    >>> from medtutor.review import claim, judge
    >>> evidence, found = judge(claim("cnn-keeps-lead-shifted"))
    >>> len(evidence.seeds), found.word
    (5, 'supported')
    """
    _check_claim(claim)
    try:
        evidence = read_evidence(claim.id)
    except InputError as error:
        return None, Verdict(NOT_TESTABLE, str(error))
    return evidence, verdict(claim, evidence)
