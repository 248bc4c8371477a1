"""The rule that a claim is judged by: one primary contrast, its direction, its margin, and what makes it void.

A margin smaller than the noise of the measure is refused: what lies within it nobody can tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from ..checks import number, one_of
from ..errors import InputError
from .evidence import Contrast


class Unit(NamedTuple):
    """What differences are measured in.

    noise  a difference so small is not told from chance here, measured once: the standard error of one test AUC of
           624 cases is 0.008 to 0.010, Dice moves by 0.01 between splits of the same volumes
    limit  no difference can be larger; None where there is no end
    top    no value can be larger; None where there is no end
    """

    noise: float = 0.0
    limit: float | None = None
    top: float | None = None


UNITS = {
    "AUC": Unit(0.015, 1.0, 1.0),
    "Dice": Unit(0.01, 1.0, 1.0),
    "accuracy": Unit(0.015, 1.0, 1.0),
    "share": Unit(0.0, 1.0, 1.0),
    "correlation": Unit(0.0, 1.0, 1.0),
    "R²": Unit(0.0, None, 1.0),
    "ejection fraction": Unit(),
    "dB": Unit(),
    "mm": Unit(),
}


@dataclass(frozen=True)
class Margin:
    """The smallest difference that counts, above 0, in a unit of `UNITS`."""

    unit: str
    margin: float

    def __post_init__(self):
        one_of("unit", self.unit, UNITS)
        number("margin", self.margin, above=0)
        if self.margin < UNITS[self.unit].noise:
            raise InputError(
                f"a margin of {self.margin:g} {self.unit} is below its noise, {UNITS[self.unit].noise:g}; "
                "give one that can be told from chance"
            )

    def __str__(self):
        return f"{self.margin:g} {self.unit}"


@dataclass(frozen=True)
class Rule:
    """When the evidence speaks for a claim.

    direction    "above": a difference larger than the margin is claimed, first arm minus second;
                 "below": none so large is claimed
    unit, margin of the primary contrast and of the secondary ones, see `Margin`
    primary      the name of the contrast that decides
    secondary    names of contrasts that are told beside it
    other_units  {name: `Margin`} of further ones that are measured otherwise
    reaches      {arm: level}: what the arm must reach, on average over seeds, to be a test of anything; a network that
                 has not learned its task tests nothing
    ceilings     {name: the largest difference that a contrast can show}, where that is known before the evidence; of
                 the others what the second arm leaves below the top of the unit
    """

    direction: str
    unit: str
    margin: float
    primary: str
    secondary: tuple[str, ...] = ()
    other_units: Mapping[str, Margin] = field(default_factory=dict, hash=False)
    reaches: Mapping[str, float] = field(default_factory=dict, hash=False)
    ceilings: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self):
        if self.direction not in ("above", "below"):
            raise InputError(f"rule: direction must be above or below, not {self.direction!r}")
        Margin(self.unit, self.margin)
        if not all(self.contrasts) or len(set(self.contrasts)) < len(self.contrasts):
            raise InputError("rule: name each contrast, primary or other, once")
        for arm, level in self.reaches.items():
            number(f"rule.reaches.{arm}", level)
        for name, most in self.ceilings.items():
            one_of("contrast in rule.ceilings", name, self.contrasts)
            number(f"rule.ceilings.{name}", most)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The names of all contrasts that are read, the primary one first."""
        return (self.primary, *self.secondary, *self.other_units)

    def margin_of(self, name: str) -> Margin:
        """The `Margin` that a contrast is read by."""
        return self.other_units.get(name) or Margin(self.unit, self.margin)

    def room(self, name: str, contrast: Contrast | None) -> float | None:
        """The largest difference that a contrast can show; None where there is no end, or nothing is known yet."""
        if name in self.ceilings:
            return self.ceilings[name]
        top = UNITS[self.margin_of(name).unit].top
        return None if top is None or contrast is None else top - fmean(contrast.second)

    def cannot_be_passed(self, name: str, contrast: Contrast | None) -> str | None:
        """Why a contrast cannot show a difference beyond its margin, in half a sentence, or None."""
        room, margin = self.room(name, contrast), self.margin_of(name)
        if self.direction == "below" or room is None or room > margin.margin:
            return None
        since = "" if contrast is None or name in self.ceilings else f", since {contrast.arms[1]} is so near the top"
        return f"{name} can show no difference above {max(0.0, room):.3f}{since}: a margin of {margin} cannot be passed"

    def void(self, contrast: Contrast) -> str | None:
        """Why a contrast is no test of the claim, in half a sentence, or None."""
        for arm, values in zip(contrast.arms, (contrast.first, contrast.second)):
            level = self.reaches.get(arm)
            if level is not None and fmean(values) < level:
                return (
                    f"{arm} reached {fmean(values):.3f} on average, and has not learned its task before {level:g}: "
                    "a network that does not know tests nothing"
                )
        return self.cannot_be_passed(contrast.name, contrast)

    def __str__(self):
        others = len(self.contrasts) - 1
        told = "; another contrast is told and decides nothing" if others else ""
        if others > 1:
            told = f"; {others} other contrasts are told and decide nothing"
        gate = "; ".join(f"{arm} must reach {level:g}" for arm, level in self.reaches.items())
        return (
            f"the 95 % interval of {self.primary} must lie wholly {self.direction} {self.margin:g} {self.unit}"
            f"{f', and {gate}' if gate else ''}{told}"
        )


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm, Scand. J. Stat. 6:65, 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = highest
    return corrected
