"""What every training said of each test case, small enough to lie in the evidence: intervals over cases need it.

Half precision, so that 624 cases of five seeds and two arms are 17 kB as text.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import one_of
from ..errors import InputError
from ..metrics.classification import weighted_auc
from ..metrics.intervals import Difference, over_seeds_and_cases, weighted_mean

# name: (whether labels are given beside the values, how many values of a case; None for any)
STATISTICS = {
    "mean": (False, 1),
    "pooled mean": (False, 2),
    "AUC": (True, None),
    "AUC lead": (True, 2),
    "own AUC": (False, 2),
    "R²": (False, 2),
}
# How far the number of a training may lie from that of its predictions in half precision.
ROUNDING = 2e-3
HIGHEST = 1e30


@dataclass(frozen=True)
class PerCase:
    """What one training said of each case: what a `measure` may give in place of a number.

    number     what the values come to, before they were rounded
    statistic  "mean": that is the mean of the values, such as a Dice of each volume
               "pooled mean": the sum of the first column over that of the second, such as the Dice of the frames that
               each clip has lost, added up, and how many those are
               "AUC": the values are scores of class 1, and it is their AUC; of several columns the mean of theirs
               "AUC lead": the AUC of the first of two columns minus that of the second
               "own AUC": the AUC of the first column, where the label is the second: other trainings have others
               "R²": of what was said, the first column, and what is true, the second
    values     text, see `packed`; (cases,) or (cases, columns)
    columns    how many values a case has
    labels     of "AUC" and "AUC lead": 0 or 1 for each case; else ()
    subjects   whose each case is; () where each is its own
    """

    number: float
    statistic: str
    values: str
    columns: int = 1
    labels: tuple[int, ...] = ()
    subjects: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        statistic: str,
        values: ArrayLike,
        labels: ArrayLike | None = None,
        subjects: ArrayLike | None = None,
        number: float | None = None,
    ) -> "PerCase":
        """From arrays: values (cases,) or (cases, columns); the number is computed where it is not given.

        >>> PerCase.of("mean", [0.5, 0.75]).number
        0.625
        """
        values = np.asarray(values, dtype=np.float64)
        of_labels = () if labels is None else tuple(np.asarray(labels).tolist())
        if number is None:
            number = float(statistic_of(statistic, of_labels)(values, np.ones((1, len(values))))[0])
        return cls(
            number,
            statistic,
            packed(values),
            1 if values.ndim == 1 else values.shape[1],
            of_labels,
            () if subjects is None else tuple(np.asarray(subjects).tolist()),
        )


@dataclass(frozen=True)
class Cases:
    """What all trainings of both arms of a contrast said of the same cases.

    first, second  text of each seed, see `PerCase` for the rest
    """

    statistic: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    columns: int = 1
    labels: tuple[int, ...] = ()
    subjects: tuple[int, ...] = ()

    @classmethod
    def of(cls, first: list[PerCase], second: list[PerCase], sign: int = 1) -> "Cases | None":
        """Of the trainings of both arms; None where they did not look at the same cases in the same way.

        sign  -1 turns the values of a mean round
        """
        like = {(each.statistic, each.columns, each.labels, each.subjects) for each in (*first, *second)}
        if len(like) != 1 or len({len(each.values) for each in (*first, *second)}) != 1:
            return None
        statistic, columns, labels, subjects = like.pop()
        one, other = (tuple(packed(sign * unpacked(each.values, columns)) for each in arm) for arm in (first, second))
        return cls(statistic, one, other, columns, labels, subjects)

    def difference(self, limit: float | None) -> Difference:
        """Over seeds and cases, see `over_seeds_and_cases`."""
        return _difference(self, limit)

    def among(self, chosen: ArrayLike) -> "Cases":
        """Of some cases alone; chosen: bool (cases,)."""
        chosen = np.asarray(chosen, dtype=bool)
        first, second = (tuple(packed(each[chosen]) for each in arm) for arm in self.arms)
        labels, subjects = (tuple(np.array(of)[chosen].tolist()) if of else () for of in (self.labels, self.subjects))
        return Cases(self.statistic, first, second, self.columns, labels, subjects)

    def numbers(self) -> tuple[list[float], list[float]]:
        """What the values of each seed come to, in both arms."""
        statistic = statistic_of(self.statistic, self.labels)
        first, second = (
            [float(statistic(each, np.ones((1, len(each))))[0]) for each in predictions] for predictions in self.arms
        )
        return first, second

    @property
    def arms(self):
        """Both arms as arrays, (seeds, cases) or (seeds, cases, columns)."""
        return (np.stack([unpacked(each, self.columns) for each in arm]) for arm in (self.first, self.second))

    def check(self, first: tuple[float, ...], second: tuple[float, ...]) -> None:
        """Raises `InputError` where the predictions are not of one shape, or do not give these numbers of each seed."""
        one_of("statistic", self.statistic, STATISTICS)
        arms = list(self.arms)
        n, (labelled, columns) = arms[0].shape[1], STATISTICS[self.statistic]
        if {arm.shape for arm in arms} != {arms[0].shape} or len(arms[0]) != len(first):
            raise InputError("the predictions are not of the same cases and seeds in both arms")
        if columns not in (None, self.columns):
            raise InputError(f"{self.statistic} needs {columns} values of a case, not {self.columns}")
        if (self.subjects and len(self.subjects) != n) or len(self.labels) != (n if labelled else 0):
            raise InputError("the labels or subjects of the predictions are not of as many cases")
        if set(self.labels) - {0, 1}:
            raise InputError("the labels of the predictions must be 0 and 1")
        for values, known in zip((first, second), self.numbers()):
            for value, found in zip(values, known):
                if not abs(found - value) <= ROUNDING * max(1.0, abs(value)):
                    raise InputError(f"the predictions give {found:.4f} where {value:.4f} is said")


@lru_cache(maxsize=256)  # list, report and cards ask for the same again, and 2,000 cases take a second
def _difference(cases, limit):
    first, second = cases.arms
    whose = np.array(cases.subjects) if cases.subjects else None
    return over_seeds_and_cases(first, second, statistic_of(cases.statistic, cases.labels), subjects=whose, limit=limit)


def statistic_of(name: str, labels: tuple[int, ...]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The statistic of that name, of the values of cases and of weights, see `over_seeds_and_cases`."""
    if name == "mean":
        return weighted_mean
    if name == "pooled mean":
        return lambda pairs, weights: weights @ pairs[:, 0] / (weights @ pairs[:, 1])
    if name == "R²":
        return _weighted_r2
    if name == "own AUC":
        return lambda pairs, weights: weighted_auc((pairs[:, 1] > 0.5).astype(np.int64))(pairs[:, 0], weights)
    auc = weighted_auc(np.array(labels, dtype=np.int64))
    if name == "AUC lead":
        return lambda scores, weights: auc(scores[:, 0], weights) - auc(scores[:, 1], weights)

    def mean_auc(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Of (cases,), or of (cases, columns), each column a prediction of its own."""
        columns = scores[:, None] if scores.ndim == 1 else scores
        return np.mean([auc(column, weights) for column in columns.T], axis=0)

    return mean_auc


def _weighted_r2(pairs, weights):
    said, true = pairs.T
    centre = weighted_mean(true, weights)[:, None]
    return 1 - weights @ (said - true) ** 2 / (weights * (true - centre) ** 2).sum(axis=1)


def log_odds(probabilities: Any) -> np.ndarray:
    """The log odds of class 1, (cases,), of probabilities (cases, 2): 0.9999 and 0.99999 are nearly alike, their log
    odds are not, and only the order counts for an AUC.

    >>> log_odds(np.array([[0.5, 0.5], [0.0, 1.0]])).round(1).tolist()
    [0.0, 16.1]
    """
    chance = np.asarray(probabilities, dtype=np.float64)[:, 1].clip(1e-7, 1 - 1e-7)
    return np.log(chance / (1 - chance))


def in_plain(found: dict[str, Any]) -> dict[str, "float | PerCase"]:
    """What a measure found: numbers as floats, and each `PerCase` as it is.

    >>> in_plain({"dice": np.float32(0.5)})
    {'dice': 0.5}
    """
    return {name: each if isinstance(each, PerCase) else float(each) for name, each in found.items()}


def packed(values: np.ndarray) -> str:
    """Numbers as text: half precision, from their mean and in their standard deviation, both of which stand in front.

    So an untrained network, whose scores differ in the fourth digit, keeps their order. Little-endian, base64.
    Raises `InputError` for what is not finite.

    >>> unpacked(packed(np.array([0.25, -3.0])), 1)
    array([ 0.25, -3.  ])
    """
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > HIGHEST:
        raise InputError(f"predictions must be finite, and at most {HIGHEST:g}")
    scale = np.array([values.mean(), values.std() or 1.0], dtype="<f4")
    half = ((values - scale[0]) / scale[1]).astype("<f2")
    return b64encode(scale.tobytes() + half.tobytes()).decode()


def unpacked(text: str, columns: int) -> np.ndarray:
    """What `packed` made a text of: (cases,), or (cases, columns). Raises `InputError` for other text."""
    try:
        content = b64decode(text, validate=True)
        mean, spread = np.frombuffer(content[:8], dtype="<f4").astype(np.float64)
        values = mean + spread * np.frombuffer(content[8:], dtype="<f2").astype(np.float64)
        values = values if columns == 1 else values.reshape(-1, columns)
    except ValueError:  # also of base64
        raise InputError("the predictions are not numbers in half precision as text") from None
    if not len(values) or not np.isfinite(values).all():
        raise InputError("the predictions must be finite numbers, at least one")
    return values
