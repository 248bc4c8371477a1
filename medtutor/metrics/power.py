"""What a test set can show at all: the standard error of an AUC, and how often a comparison of two models fools you.

Of two models that are asked about the same cases, errors are shared: what is hard for the one is hard for the other.
The correlation of their AUC says how much, and the more they share, the smaller a difference can be told.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from ..checks import number, whole
from ..errors import InputError

POWER = 0.8  # in four of five repetitions
LEVEL = 0.95  # of an interval
SHARED = 0.5  # correlation of the AUC of two models on the same cases, where nothing is known of it
REPETITIONS = 4000  # of a simulated comparison
EXAMPLES = 40  # of them that an outlook tells one by one


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """The standard error of an AUC on so many cases: Hanley & McNeil, Radiology 143:29 (1982).

    auc                   0…1, of the model on all cases that there are
    positives, negatives  cases of class 1 and of class 0, one or more of each

    Beside how likely one case of class 1 is above one of class 0 it asks how likely two are above one, and one above
    two, of scores with exponential tails. Of normal scores it is rather too large: by a twentieth with as many
    cases of both classes, by two fifths with 20 of class 1, 80 of class 0 and an AUC of 0.95, in simulations. Raises
    `InputError` for an AUC outside of 0…1, and where a class has no case.

    >>> round(auc_error(0.9, 42, 114), 3), round(auc_error(0.9, 390, 234), 3)  # BreastMNIST, PneumoniaMNIST
    (0.033, 0.012)
    """
    auc = number("auc", auc, 0, 1)
    positives, negatives = (
        whole(f"{name}, cases of class {of},", count, 1)
        for name, of, count in (("positives", 1, positives), ("negatives", 0, negatives))
    )
    two_above_one, one_above_two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (two_above_one - auc**2) + (negatives - 1) * (one_above_two - auc**2)
    return math.sqrt(max(0.0, variance) / (positives * negatives))


def difference_error(first: float, second: float, positives: int, negatives: int, correlation: float = SHARED) -> float:
    """The standard error of the difference of two AUC on the same cases: Hanley & McNeil, Radiology 148:839 (1983).

    first, second  the AUC of both models
    correlation    of the two AUC, -1…1: 0 of models that are asked about other cases, near 1 of models that err alike

    Raises `InputError` as `auc_error`.

    >>> apart = difference_error(0.9, 0.9, 390, 234, correlation=0)
    >>> round(difference_error(0.9, 0.9, 390, 234) / apart, 3)  # half of the variance is shared
    0.707
    """
    correlation = number("correlation", correlation, -1, 1)
    one, other = auc_error(first, positives, negatives), auc_error(second, positives, negatives)
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


def smallest_difference(
    auc: float, positives: int, negatives: int, correlation: float = SHARED, power: float = POWER, level: float = LEVEL
) -> float | None:
    """The smallest difference of two models that a test set shows in so large a share of repetitions.

    auc    of the weaker one; the better one has this and the difference
    power  share of repetitions in which the interval lies wholly on the right side of 0
    level  of the interval, two-sided

    None where no difference is large enough: the better model cannot have more than 1. Raises `InputError` as
    `auc_error`.

    >>> [round(smallest_difference(0.9, n * 5 // 8, n * 3 // 8), 3) for n in (156, 624, 7180)]
    [0.059, 0.031, 0.01]
    """
    power, level = number("power", power, above=0, below=1), number("level", level, above=0, below=1)
    auc = number("auc", auc, 0, 1)
    distance = float(ndtri(0.5 + level / 2) + ndtri(power))

    def is_seen(difference):
        return difference >= distance * difference_error(auc, auc + difference, positives, negatives, correlation)

    low, high = 0.0, 1 - auc
    if not is_seen(high):
        return None
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class Outlook:
    """What a comparison of two models will look like, before it is made.

    difference   the true one, the better model's AUC minus the other's
    error        standard deviation of the observed difference: how far it lies from the true one, over test sets and
                 trainings
    of_seeds     share of error² that comes from the trainings
    seen         share of repetitions whose interval lies wholly above 0
    nothing      share whose interval holds 0
    wrong        share whose interval lies wholly below 0
    wrong_order  share in which the worse model has the higher AUC
    interval     the middle 95 % of the observed differences
    half_width   of the usual interval, from the observed difference to either end
    smallest     the smallest difference that is seen in four of five repetitions, or None where none is
    examples     some repetitions: (low end of the interval, observed difference, high end) of each

    >>> outlook(0.0, 0.9, 390, 234).smallest == outlook(0.02, 0.9, 390, 234).smallest
    True
    """

    difference: float
    error: float
    of_seeds: float
    seen: float
    nothing: float
    wrong: float
    wrong_order: float
    interval: tuple[float, float]
    half_width: float
    smallest: float | None
    examples: tuple[tuple[float, float, float], ...]


def outlook(
    difference: float,
    auc: float,
    positives: int,
    negatives: int,
    *,
    correlation: float = SHARED,
    classes: int = 2,
    seeds: int = 1,
    spread: float = 0.0,
) -> Outlook:
    """The `Outlook` on a comparison of two models on the same test cases.

    difference  the true one, 0 or more; auc + difference is at most 1
    auc         of the weaker model
    positives, negatives  cases of a class and of all others
    correlation of the two AUC
    classes     2, or more: then the AUC is a mean over so many classes, each as large, which are taken as independent
    seeds       trainings of each model. With one, the interval is over test cases alone, since one training shows no
                spread, and it is too sure of itself; with more it is over seeds and cases, as `over_seeds_and_cases`
                has it
    spread      standard deviation of one model's AUC from one training to the next

    Raises `InputError` for numbers that cannot be.

    >>> one = outlook(0.0, 0.9, 390, 234, seeds=1, spread=0.02)  # no difference, and one training each
    >>> five = outlook(0.0, 0.9, 390, 234, seeds=5, spread=0.02)
    >>> one.seen + one.wrong > 0.2 > five.seen + five.wrong  # how often a difference is found all the same
    True
    """
    difference, auc = number("difference", difference, 0, 1), number("auc", auc, 0, 1)
    if auc + difference > 1 + 1e-9:
        raise InputError(f"no model has an AUC of {auc + difference:.3f}; give a difference of at most {1 - auc:.3f}")
    classes, seeds, spread = whole("classes", classes, 2), whole("seeds", seeds, 1), number("spread", spread, 0)
    columns = 1 if classes == 2 else classes

    def of_cases(gap):
        better = min(1.0, auc + gap)
        return difference_error(auc, better, positives, negatives, correlation) / math.sqrt(columns)

    error = math.hypot(of_cases(difference), spread * math.sqrt(2 / seeds))
    observed, half = _simulated(difference, of_cases(difference), seeds, spread)
    seen, wrong = float((observed > half).mean()), float((observed < -half).mean())
    order = float(ndtr(-difference / error)) if error else float(difference == 0) / 2
    middle = 1.959964 * error
    return Outlook(
        difference,
        error,
        (spread**2 * 2 / seeds) / error**2 if error else 0.0,
        seen,
        1 - seen - wrong,
        wrong,
        order,
        (difference - middle, difference + middle),
        float(np.median(half)),
        _smallest(1 - auc, of_cases, seeds, spread),
        tuple((float(at - wide), float(at), float(at + wide)) for at, wide in zip(observed[:EXAMPLES], half)),
    )


def _smallest(room, of_cases, seeds, spread):
    """The smallest difference that is seen in four of five repetitions, or None."""

    def is_seen(gap):
        observed, half = _simulated(gap, of_cases(gap), seeds, spread)
        return (observed > half).mean() >= POWER

    low, high = 0.0, room
    if not is_seen(high):
        return None
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def _simulated(difference, of_cases, seeds, spread):
    """Observed differences of `REPETITIONS` comparisons, and half of the usual interval of each.

    The same random numbers each time: so that a share moves smoothly with what it follows from.
    """
    cases, trainings, deviations = _numbers(seeds)
    observed = difference + of_cases * cases + spread * math.sqrt(2 / seeds) * trainings
    if seeds == 1:
        half = np.full(len(observed), float(ndtri(0.5 + LEVEL / 2)) * of_cases)
    else:
        between = 2 * spread**2 * deviations / seeds
        variance = between + of_cases**2
        # Satterthwaite's degrees of freedom, one over them.
        rarity = np.divide(between**2 / (seeds - 1), variance**2, out=np.zeros_like(variance), where=variance > 0)
        half = np.interp(rarity, *_student()) * np.sqrt(variance)
    return observed, half


@lru_cache(maxsize=1)
def _student():
    """Student's t that bounds an interval, over one by its degrees of freedom: (0…1, t)."""
    rarity = np.linspace(0, 1, 1001)
    return rarity, stdtrit(1 / np.maximum(rarity, 1e-6), 0.5 + LEVEL / 2)


@lru_cache(maxsize=32)
def _numbers(seeds):
    """Random numbers of `REPETITIONS` comparisons: what cases and trainings add, and variances of trainings."""
    draw = np.random.default_rng(2026)
    cases = draw.permutation(ndtri((np.arange(REPETITIONS) + 0.5) / REPETITIONS))
    trainings = draw.permutation(ndtri((np.arange(REPETITIONS) + 0.5) / REPETITIONS))
    deviations = draw.chisquare(seeds - 1, REPETITIONS) / (seeds - 1) if seeds > 1 else np.zeros(REPETITIONS)
    return cases, trainings, deviations
