"""How far a number hangs on which cases were measured: the bootstrap (Efron & Tibshirani, 1993).

Cases are drawn again with replacement, as many as there are, and the number is computed anew, many times. Numbers
of one case are drawn together (paired), so that the difference of two models on the same cases has an interval of its
own; and where several cases are of one patient, patients are drawn, with all that is theirs.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from ..errors import InputError

RESAMPLES = 1000
BOUNDS = np.array([0.025, 0.975])  # of a 95 % interval


def with_interval(value: float, interval: tuple[float, float] | None, digits: int = 3) -> str:
    """A number and its interval, where there is one, as text.

    >>> with_interval(0.912, (0.874, 0.943))
    '0.912 [0.874, 0.943]'
    """
    return f"{value:.{digits}f}" + (f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else "")


def bootstrap(
    statistic: Callable[..., np.ndarray],
    *samples: ArrayLike,
    subjects: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int | np.random.Generator = 0,
    bca: bool = False,
) -> tuple[float, float]:
    """The 95 % interval of a statistic of one or more samples.

    statistic  of arrays (…, n), one for each sample, along their last axis: (…)
    samples    numbers (n,) of the same n cases, which are drawn together
    subjects   whose each case is, (n,): subjects are drawn, with all their cases
    resamples  how many
    seed       or a generator, from which is drawn
    bca        corrected for bias and for a spread that changes with the value (BCa; Efron, JASA 82:171, 1987):
               nearer to 95 % where the cases are few or the statistic is near the end of its range;
               without it, the percentiles of what the resamples gave

    Resamples of which the statistic is NaN are left out. Raises `InputError` where the samples have not the same
    length.

    >>> import numpy as np
    >>> first, second = np.array([0.91, 0.88, 0.93, 0.85]), np.array([0.89, 0.87, 0.90, 0.84])
    >>> low, high = bootstrap(lambda a, b: (a - b).mean(axis=-1), first, second)
    >>> round(low, 4), round(high, 4)  # of four patients the first model is better on each
    (0.01, 0.025)
    """
    columns = [np.asarray(sample) for sample in samples]
    if len({len(column) for column in [*columns, *([] if subjects is None else [np.asarray(subjects)])]}) != 1:
        raise InputError("samples and subjects must have one length: one value for each case")
    # The cases of each subject; of cases that are nobody's in particular, each is its own.
    members = None if subjects is None else _members(np.asarray(subjects))
    drawn = draws(len(columns[0]) if members is None else len(members), resamples, seed)

    def of(rows: np.ndarray) -> np.ndarray:
        if members is None:
            return statistic(*(column[rows] for column in columns))
        cases = [np.concatenate([members[subject] for subject in row]) for row in rows]
        return np.array([statistic(*(column[chosen] for column in columns)) for chosen in cases])

    values = of(drawn)
    if not bca:
        return percentiles(values)
    return percentiles(values, _corrected(values, float(statistic(*columns)), of, drawn.shape[1]))


def draws(n: int, resamples: int, seed: int | np.random.Generator) -> np.ndarray:
    """The numbers of the cases in each resample: (resamples, n).

    >>> draws(3, 2, seed=0).shape
    (2, 3)
    """
    return np.random.default_rng(seed).integers(n, size=(resamples, n))


def counts(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each case is in each resample, (some, n) at a time, as float64.

    That says all of a resample, and makes a weighted sum over many resamples one matrix product.

    >>> [part.sum(axis=1).tolist() for part in counts(3, 2, seed=0)]
    [[3.0, 3.0]]
    """
    generator = np.random.default_rng(seed)
    share = max(1, min(resamples, 4_000_000 // n))
    for start in range(0, resamples, share):
        yield generator.multinomial(n, np.full(n, 1 / n), size=min(share, resamples - start)).astype(np.float64)


def percentiles(values: np.ndarray, bounds: np.ndarray = BOUNDS) -> tuple[float, float]:
    """(low, high) of what resamples gave; NaN is left out.

    >>> percentiles(np.arange(101.0))
    (2.5, 97.5)
    """
    low, high = np.nanpercentile(values, 100 * bounds)
    return float(low), float(high)


def _members(subjects):
    return [np.flatnonzero(subjects == subject) for subject in np.unique(subjects)]


def _corrected(values, value, of, n):
    """The shares below and above which BCa cuts, in place of 2.5 and 97.5 %."""
    acceleration = 0.0
    if n > 1:
        without = of(np.array([np.delete(np.arange(n), left_out) for left_out in range(n)]))  # the jackknife
        distance = np.nanmean(without) - without
        spread = np.nansum(distance**2)
        acceleration = np.nansum(distance**3) / (6 * spread**1.5) if spread else 0.0
    known = values[np.isfinite(values)]
    # Ties count half: of few cases many resamples give the value itself. Never none and never all, which have no bias.
    share = ((known < value).mean() + (known <= value).mean()) / 2
    bias = ndtri(np.clip(share, 0.5 / len(known), 1 - 0.5 / len(known)))
    moved = bias + ndtri(BOUNDS)
    return ndtr(bias + moved / (1 - acceleration * moved))
