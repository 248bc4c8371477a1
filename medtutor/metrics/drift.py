"""Has something changed? Sums and distances that are followed case by case, and how often they alarm for nothing.

A monitor looks again after every case, so that sooner or later it alarms by chance. What is chosen in advance is how
long that may take on average, the average run length; the limit follows from it, and then how soon a change is noticed.

CUSUM: Page, Biometrika 41:100 (1954), https://doi.org/10.1093/biomet/41.1-2.100. Its run length: Siegmund, Sequential
Analysis (1985), https://doi.org/10.1007/978-1-4757-1862-1.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtri

from ..checks import as_numbers, number, whole
from ..errors import InputError

PLACES = 32  # of the usual values, at which two distributions are compared
OVERSHOOT = 1.166  # how far a sum jumps beyond its limit on average, on both sides (Siegmund)
LEAST = 20  # usual values: fewer do not say what is usual


def normal_scores(values: ArrayLike, usual: ArrayLike) -> np.ndarray:
    """Values as standard deviations of a normal distribution, by their rank among the usual ones: (…), as `values`.

    usual  (M,), at least 20: what was measured while all was well

    The usual ones become normal whatever their distribution, and no single value counts for more than its rank.
    Raises `InputError` for fewer usual values, and for what is not finite.

    >>> normal_scores([0.5, 9.0], np.linspace(0, 1, 101)).round(2).tolist()
    [0.0, 2.58]
    """
    given, known = as_numbers("values", values), _usual(usual)
    below, upto = (np.searchsorted(known, given, side=side) for side in ("left", "right"))
    return ndtri(((below + upto) / 2 + 0.5) / (len(known) + 1))


def cusum(deviations: ArrayLike, slack: float = 0.5) -> np.ndarray:
    """CUSUM of both sides along the last axis: the larger of the sums upward and downward, (…, N), from 0.

    deviations  (…, N), in standard deviations from what is usual, such as `normal_scores`
    slack       what each is allowed, from 0: half of the change that is to be noticed first

    Raises `InputError` for what is not finite, and for a negative slack.

    >>> cusum([0.0, 2.0, 2.0, -1.0], slack=0.5).tolist()
    [0.0, 1.5, 3.0, 1.5]
    """
    given, slack = _streams("deviations", deviations), number("slack", slack, 0)
    up = down = np.zeros(given.shape[:-1])
    sums = np.empty(given.shape)
    for at in range(given.shape[-1]):
        up = np.maximum(0, up + given[..., at] - slack)
        down = np.maximum(0, down - given[..., at] - slack)
        sums[..., at] = np.maximum(up, down)
    return sums


def windowed_ks(values: ArrayLike, usual: ArrayLike, window: int) -> np.ndarray:
    """Kolmogorov-Smirnov distance between the last `window` values and the usual ones, (…, N), 0…1; 0 before the
    window is full.

    values  (…, N), in the order in which they came
    usual   (M,), at least 20
    window  from 2: how many of the last values are compared

    The distance is taken at 32 places of the usual values, so it is at most 1/32 too small. Raises `InputError` for
    fewer usual values, and for what is not finite.

    >>> windowed_ks([0.5] * 20 + [2.0] * 20, np.linspace(0, 1, 101), 20)[[18, 39]].tolist()
    [0.0, 1.0]
    """
    given, known, window = _streams("values", values), _usual(usual), whole("window", window, 2)
    at = known[np.linspace(0, len(known) - 1, PLACES).round().astype(int)]
    expected = np.searchsorted(known, at, side="right") / len(known)
    distances = np.zeros(given.shape, dtype=np.float32)
    if window > given.shape[-1]:
        return distances
    found = distances[..., window - 1 :]
    place = np.searchsorted(at, given).astype(np.int8)  # the value lies below or at every place from this one on
    for number_of, share in enumerate(expected):
        below = np.cumsum(place <= number_of, axis=-1, dtype=np.int32)
        inside = below[..., window - 1 :].astype(np.float64)
        inside[..., 1:] -= below[..., :-window]
        inside /= window
        inside -= np.float32(share)
        np.maximum(found, np.abs(inside, out=inside), out=found)
    return distances


def first_alarm(statistic: ArrayLike, limit: float) -> np.ndarray:
    """After how many cases a statistic is above its limit for the first time, from 1; infinity where it never is.

    statistic  (…, N), of each stream

    >>> first_alarm([[0.0, 2.0, 3.0], [0.0, 0.0, 1.0]], 1.5).tolist()
    [2.0, inf]
    """
    above = _streams("statistic", statistic) > limit
    return np.where(above.any(axis=-1), above.argmax(axis=-1) + 1.0, np.inf)


def run_length(statistic: ArrayLike, limit: float) -> float:
    """The average run length of streams in which nothing has changed: cases watched for each false alarm; infinity
    where there is none.

    statistic  (…, N); a stream is watched up to its first alarm, or its end

    >>> run_length([[0.0, 2.0, 3.0, 0.0], [0.0, 0.0, 1.0, 0.0]], 1.5)  # 2 + 4 cases, one alarm
    6.0
    """
    found = _streams("statistic", statistic)
    alarms = first_alarm(found, limit)
    count = int(np.isfinite(alarms).sum())
    return float(np.minimum(alarms, found.shape[-1]).sum()) / count if count else math.inf


def limit_for(statistic: ArrayLike, cases: float) -> float:
    """The limit with which a statistic alarms for nothing once in so many cases.

    statistic  (S, N): of streams in which nothing has changed, at least 20, best about as long as `cases`
    cases      average run length, above 0

    False alarms come at random, so that none comes in N cases with a chance of exp(-N / cases): the limit is that
    quantile of the largest value of each stream. Raises `InputError` for fewer streams.

    >>> quiet = cusum(np.random.default_rng(0).standard_normal((400, 400)))
    >>> abs(limit_for(quiet, 465) - 5) < 0.25  # the textbooks' limit of 5 has a run length of 465
    True
    """
    found, cases = _streams("statistic", statistic), number("cases", cases, above=0)
    if found.ndim != 2 or len(found) < LEAST:
        raise InputError(f"a limit is read off at least {LEAST} streams, (S, N), not shape {found.shape}; draw more")
    return float(np.quantile(found.max(axis=1), math.exp(-found.shape[1] / cases)))


def cusum_run_length(limit: float, slack: float = 0.5) -> float:
    """The average run length of `cusum` on normal deviations in which nothing has changed (Siegmund's formula).

    limit  from 0; slack  above 0

    >>> round(cusum_run_length(4)), round(cusum_run_length(5))  # 168 and 465 are exact
    (169, 469)
    """
    limit, slack = number("limit", limit, 0), number("slack", slack, above=0)
    reach = 2 * slack * (limit + OVERSHOOT)
    return math.inf if reach > 700 else (math.exp(reach) - reach - 1) / (4 * slack**2)


def cusum_limit(cases: float, slack: float = 0.5) -> float:
    """The limit of `cusum` with which it alarms for nothing once in so many cases; the inverse of `cusum_run_length`.

    cases  at least 10

    >>> round(cusum_limit(465), 1)
    5.0
    """
    cases, slack = number("cases", cases, 10), number("slack", slack, above=0)
    return (
        float(brentq(lambda limit: cusum_run_length(limit, slack) - cases, 0, 350 / slack))
        if cases > cusum_run_length(0, slack)
        else 0.0
    )


def _streams(what, values):
    given = as_numbers(what, values).astype(np.float64)
    if not given.ndim or not given.size:
        raise InputError(f"{what} hold no case; give numbers (…, N)")
    return given


def _usual(values):
    known = as_numbers("the usual values", values).astype(np.float64)
    if known.ndim != 1 or len(known) < LEAST:
        raise InputError(f"the usual values have shape {known.shape}; give at least {LEAST}, (M,)")
    return np.sort(known)
