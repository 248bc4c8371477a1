"""Gaps between groups: how far apart their rates are, how sure that is, and what chance alone would do.

What is to be equal has names in the field, `PARITIES`. Groups that lack a rate are left out, and a sentence says so: a
missing sensitivity is no sensitivity of 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..checks import one_of, whole
from .classification import weighted_auc
from .groups import RATES, checked_cases, limits_of, measure_groups
from .intervals import percentiles, with_interval

# What is equal in all groups, by its name in the field: the rates whose gaps are meant.
PARITIES = {
    "demographic parity": ("called",),
    "equal opportunity": ("sensitivity",),
    "equalised odds": ("sensitivity", "false_alarm"),
    "predictive parity": ("precision",),
    "calibration": ("miscalibration",),
}


@dataclass(frozen=True)
class Gap:
    """The largest difference between groups in one of `RATES` of `groups`.

    value     highest minus lowest; NaN where fewer than two groups have the rate
    highest, lowest  names of these groups
    interval  95 %, of the difference of these two: of shares Newcombe's, of other numbers the bootstrap's
    by_chance the gap that one of twenty divisions at random into groups of the same sizes exceeds, where the cases
              are as they are: of small groups it is large
    notes     sentences on groups that are left out
    """

    criterion: str
    value: float
    highest: str = ""
    lowest: str = ""
    interval: tuple[float, float] | None = None
    by_chance: float = math.nan
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"{self.criterion}: no gap to be told. {' '.join(self.notes)}".strip()
        return f"{self.criterion}: {with_interval(self.value, self.interval, 2)}, {self.highest} above {self.lowest}"


def gaps(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    thresholds: float | Mapping[str, float] = 0.5,
    *,
    names: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Gap]:
    """{criterion: `Gap`} of all `RATES` of `groups`; arguments as of `measure_groups`.

    With three groups or more, the largest gap is one that was looked for: compare it with `by_chance`.

    >>> found = gaps([1, 1, 0, 0, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.2, 0.9, 0.3, 0.2, 0.1], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> found["sensitivity"].value, found["sensitivity"].lowest, found["false_alarm"].value
    (0.5, '1', 0.0)
    """
    true, score, group, names = checked_cases(labels, scores, groups, names)
    limits = limits_of(thresholds, names)
    resamples, seed = whole("resamples", resamples, 0), whole("seed", seed, 0)
    every = measure_groups(true, score, group, limits, names=names, resamples=0)
    rng = np.random.default_rng(seed)
    called = score > np.array([limits[name] for name in names])[group]
    chance = {
        criterion: percentiles(values, np.array([0.95, 0.95]))[0] if np.isfinite(values).any() else math.nan
        for criterion, values in _by_chance(true, score, called, group, len(names), resamples, rng).items()
    }
    return {
        criterion: _gap(criterion, every, true, score, group, names, chance.get(criterion, math.nan), resamples, seed)
        for criterion in RATES
    }


def parity_gap(found: Mapping[str, Gap], parity: str) -> Gap:
    """The `Gap` of one of `PARITIES`: of equalised odds the larger of its two; NaN where one of the two is.

    found  what `gaps` gives

    >>> found = gaps([1, 1, 0, 0, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.2, 0.9, 0.3, 0.2, 0.1], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> parity_gap(found, "equalised odds").criterion
    'sensitivity'
    """
    one_of("parity", parity, PARITIES)
    of = [found[criterion] for criterion in PARITIES[parity]]
    unknown = [gap for gap in of if math.isnan(gap.value)]
    return unknown[0] if unknown else max(of, key=lambda gap: gap.value)


def _gap(criterion, every, true, score, group, names, chance, resamples, seed):
    known = [each for each in every if not math.isnan(getattr(each, criterion).value)]
    left_out = tuple(
        f"{each.group} is left out: {(each.notes or ('nobody there is called positive.',))[0]}"
        for each in every
        if each not in known
    )
    if len(known) < 2:
        return Gap(criterion, math.nan, notes=(*left_out, "A gap needs two groups that have the rate."))
    high, low = (pick(known, key=lambda each: getattr(each, criterion).value) for pick in (max, min))
    first, second = getattr(high, criterion), getattr(low, criterion)
    if criterion in ("miscalibration", "auc"):
        interval = None
        if resamples and min(first.n, second.n) > 1:
            interval = _difference(
                criterion, true, score, group, names.index(high.group), names.index(low.group), resamples, seed
            )
    else:
        interval = _newcombe(first, second)
    notes = (*left_out, *(note for each in (high, low) for note in each.notes if "single case" in note))
    return Gap(criterion, first.value - second.value, high.group, low.group, interval, chance, notes)


def _newcombe(first, second):
    """The 95 % interval of a difference of two shares (hybrid score; Newcombe, Stat. Med. 17:873, 1998)."""
    (low, high), (below, above) = first.interval, second.interval
    difference = first.value - second.value
    return (
        difference - math.hypot(first.value - low, above - second.value),
        difference + math.hypot(high - first.value, second.value - below),
    )


def _difference(criterion, true, score, group, first, second, resamples, seed):
    """The bootstrap's interval of a difference between two groups, each drawn by itself."""
    values = []
    for number_of, chosen in enumerate((first, second)):
        t, s = true[group == chosen], score[group == chosen]
        counts = np.random.default_rng([seed, number_of]).multinomial(len(t), np.full(len(t), 1 / len(t)), resamples)
        counts = counts.astype(np.float64)
        values.append(weighted_auc(t)(s, counts) if criterion == "auc" else counts @ (s - t) / len(t))
    return percentiles(values[0] - values[1])


def _by_chance(true, score, called, group, many, resamples, rng):
    """{criterion: (resamples,) gaps} where the cases keep label, score and answer, and the group is dealt anew."""
    found = {criterion: np.full(resamples, np.nan) for criterion in RATES[:-1]}
    for row in range(resamples):
        dealt = rng.permutation(group)
        count = np.bincount(dealt, minlength=many).astype(np.float64)

        def share(hit, of, dealt=dealt):
            number_of = np.bincount(dealt[of], minlength=many)
            hits = np.bincount(dealt[of], weights=hit[of], minlength=many)
            return np.divide(hits, number_of, out=np.full(many, np.nan), where=number_of > 0)

        everybody = np.ones(len(true), dtype=bool)
        off = np.divide(
            np.bincount(dealt, weights=score - true, minlength=many), count, out=np.full(many, np.nan), where=count > 0
        )
        for criterion, rates in (
            ("called", share(called, everybody)),
            ("sensitivity", share(called, true == 1)),
            ("false_alarm", share(called, true == 0)),
            ("precision", share(true, called)),
            ("miscalibration", off),
        ):
            known = rates[np.isfinite(rates)]
            found[criterion][row] = known.max() - known.min() if len(known) > 1 else np.nan
    return found
