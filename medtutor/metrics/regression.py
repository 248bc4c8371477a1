"""How near predicted numbers are to the true ones: mean absolute error and R²."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..checks import as_numbers, whole
from ..errors import InputError
from .intervals import RESAMPLES, bootstrap, with_interval


@dataclass(frozen=True)
class RegressionMetrics:
    """The numbers of one split.

    mae            mean absolute error, in the unit of the target
    r2             share of the variance that is explained: 1 for perfect, 0 for saying
                   the mean of these cases each time, below 0 for worse than that; NaN
                   where all targets are equal
    n              number of cases
    …_interval     95 % bootstrap interval over the cases; None if not asked for
    """

    mae: float
    r2: float
    n: int
    mae_interval: tuple[float, float] | None = None
    r2_interval: tuple[float, float] | None = None

    curve: ClassVar = ("r2", "mae")  # what the history keeps of each epoch, the headline first
    headline: ClassVar = "R²"

    def __str__(self):
        return (
            f"R² {with_interval(self.r2, self.r2_interval)}, mean error {with_interval(self.mae, self.mae_interval)} (n"
            f" = {self.n})"
        )


def measure_regression(
    labels: ArrayLike,
    answers: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> RegressionMetrics:
    """`RegressionMetrics` of predicted numbers.

    labels     numbers (N,)
    answers    numbers (N,) or (N, 1)
    subjects   (N,), which person each case is of, where one has several: intervals draw people
    resamples  bootstrap resamples of the subjects, else of the cases; 0 for no intervals

    Raises `InputError` for what is not one finite number for each case.

    >>> from medtutor.metrics import measure_regression
    >>> print(measure_regression([1.0, 2.0, 3.0], [1.0, 2.5, 3.0], resamples=0))
    R² 0.875, mean error 0.167 (n = 3)
    """
    resamples, seed = whole("resamples", resamples, 0), whole("seed", seed, 0)
    true, said = _one_each("labels", labels), _one_each("answers", answers)
    if len(true) != len(said):
        raise InputError(f"there are {len(true)} labels and {len(said)} answers; give one of each for every case")
    mae, r2 = _scores(true[None], said[None])
    if not resamples:
        return RegressionMetrics(float(mae[0]), float(r2[0]), len(true))
    intervals = [
        bootstrap(
            lambda *drawn, at=at: _scores(*drawn)[at], true, said, subjects=subjects, resamples=resamples, seed=seed
        )
        for at in (0, 1)
    ]
    return RegressionMetrics(float(mae[0]), float(r2[0]), len(true), *intervals)


def _one_each(what, values):
    """float64 (N,) of numbers (N,) or (N, 1)."""
    numbers = as_numbers(what, values).astype(np.float64)
    numbers = numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers
    if numbers.ndim != 1 or not len(numbers):
        raise InputError(f"{what} have shape {numbers.shape}; give one number for each case, (N,)")
    return numbers


def _scores(labels, answers):
    """(mean absolute error, R²) of each row, along the last axis."""
    error = answers - labels
    spread = np.asarray(((labels - labels.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))
    missed = (error**2).sum(axis=-1)
    left = np.divide(missed, spread, out=np.full(spread.shape, np.nan), where=spread > 0)
    return np.abs(error).mean(axis=-1), 1 - left
