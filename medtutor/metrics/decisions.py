"""What a threshold makes of scores: who is found, missed, and alarmed for nothing."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

OUTCOMES = ("true positive", "false positive", "false negative", "true negative")


@dataclass(frozen=True)
class Counts:
    """A confusion matrix of one class against the rest, and what follows from it.

    A rate whose denominator is zero is NaN: nothing can be said.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def sensitivity(self) -> float:
        return _rate(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float:
        return _rate(self.tn, self.tn + self.fp)

    @property
    def precision(self) -> float:
        return _rate(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float:
        return _rate(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        return _rate(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    def precision_at(self, prevalence: float) -> float:
        """The precision (PPV) where another share of the cases is positive (Bayes)."""
        alarms = self.sensitivity * prevalence + (1 - self.specificity) * (1 - prevalence)
        return _rate(self.sensitivity * prevalence, alarms)


def _rate(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def outcomes(truth: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """{outcome: bool (N,)}; a case is called positive where its score is above the threshold.

    truth   bool (N,)
    scores  (N,), 0…1

    Raises `InputError` for a truth that is not bool, and for scores of other cases or that are not finite.

    >>> found = outcomes(np.array([True, True, False]), np.array([0.9, 0.2, 0.3]), 0.5)
    >>> counted(found)
    Counts(tp=1, fp=0, fn=1, tn=1)
    """
    if (
        not np.issubdtype(getattr(truth, "dtype", None), np.bool_)
        or np.shape(truth) != np.shape(scores)
        or not np.isfinite(scores).all()
    ):
        raise InputError(
            f"truth has shape {np.shape(truth)}, scores {np.shape(scores)}; give bools, such as labels == 1, and a"
            " finite score for each"
        )
    called = scores > threshold
    return {
        "true positive": truth & called,
        "false positive": ~truth & called,
        "false negative": truth & ~called,
        "true negative": ~truth & ~called,
    }


def counted(found: dict[str, np.ndarray]) -> Counts:
    """The `Counts` of `outcomes`."""
    return Counts(*(int(found[name].sum()) for name in OUTCOMES))
