"""What the best of K networks promises, where all were looked at on the same cases.

Whoever measures K networks on a test set and reports the best one reports the luckiest, too: its number is larger
than what the same network reaches on new cases.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from ..checks import as_numbers, number, seed, whole
from ..errors import InputError
from .classification import weighted_auc

STEPS = np.linspace(-8, 8, 4001)  # of the integral, in standard deviations


def expected_maximum(count: int) -> float:
    """The mean of the largest of `count` independent numbers of a standard normal distribution.

    >>> [round(expected_maximum(count), 2) for count in (2, 10, 100)]
    [0.56, 1.54, 2.51]
    """
    count = whole("count", count, 1)
    middle = (STEPS[1:] + STEPS[:-1]) / 2
    return float(middle @ np.diff(ndtr(STEPS) ** count))  # ∫ x d(Φ(x)^count): Φ^count is how the largest is distributed


def winners_excess(count: int, error: float, spread: float = 0.0) -> float:
    """By how much the best of `count` networks is expected to look better than it is.

    error   standard error of one network's number on these cases, of that part alone which the networks do not share
    spread  standard deviation of what the networks are really worth; 0 where all are worth the same

    What is seen is worth plus error. The best looks better than the mean by m·√(error² + spread²), where m is
    `expected_maximum(count)`, and of that the share error² / (error² + spread²) is luck.
    Raises `InputError` for counts below 1 and for negative numbers.

    >>> round(winners_excess(20, 0.012), 3)
    0.022
    """
    count, error, spread = whole("count", count, 1), number("error", error, 0), number("spread", spread, 0)
    both = math.hypot(error, spread)
    return expected_maximum(count) * error**2 / both if both else 0.0


@dataclass(frozen=True)
class Selected:
    """The best of K networks on one half of the cases, and on the other half; means over many such halves.

    shown    AUC of the best on the half on which it was chosen
    kept     AUC of the same network on the other half
    error    standard error of a network's AUC on such a half, without what all networks share
    spread   standard deviation of what the networks are worth: that of their AUC on all cases, less its error
    """

    shown: float
    kept: float
    error: float
    spread: float
    count: int

    @property
    def excess(self) -> float:
        """How much the winner flattered itself."""
        return self.shown - self.kept

    @property
    def expected(self) -> float:
        """The excess by the formula, `winners_excess`."""
        return winners_excess(self.count, self.error, self.spread)


def select_on_half(scores: ArrayLike, labels: ArrayLike, *, repeats: int = 400, start: int = 0) -> Selected:
    """Choose the network with the highest AUC on a random half of the cases, and look at it on the other half.

    scores   of class 1, (networks, cases), of K networks on the same cases
    labels   0 or 1, (cases,)
    repeats  how many random halves, of each class as many in both
    start    seed

    Raises `InputError` for shapes that do not fit, fewer than two networks, and fewer than two cases of a class.

    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> equal = labels + random.normal(size=(20, 200))  # twenty that are worth the same
    >>> found = select_on_half(equal, labels)
    >>> found.excess > 0.02
    True
    """
    scores, truth = as_numbers("scores", scores).astype(np.float64), as_numbers("labels", labels)
    if scores.ndim != 2 or truth.shape != scores.shape[1:] or len(scores) < 2:
        raise InputError(
            f"scores have shape {scores.shape} and labels {truth.shape}; give (networks, cases) of two networks or"
            " more, and a label for each case"
        )
    rows = [np.flatnonzero(truth == each) for each in (0, 1)]
    if min(map(len, rows)) < 2 or sum(map(len, rows)) < len(truth):
        raise InputError("a half needs cases of class 0 and of class 1; give two or more of each, and no other class")
    whole("repeats", repeats, 1)
    random = np.random.default_rng(seed(start, "start"))
    first = np.zeros((repeats, len(truth)))
    for half in first:
        for of_class in rows:
            half[random.permutation(of_class)[: len(of_class) // 2]] = 1
    weights = np.concatenate([first, 1 - first])
    auc = np.stack([weighted_auc(truth)(one, weights) for one in scores])  # (networks, 2 * repeats)
    seen, unseen = auc[:, :repeats], auc[:, repeats:]
    best, each = seen.argmax(axis=0), np.arange(repeats)
    own = seen - seen.mean(axis=0)  # what a half does to all networks alike chooses none of them
    # Halves vary around all cases by half the variance with which a half varies around the truth, and so do all cases.
    around = float(own.var(axis=1).mean())
    spread = math.sqrt(max(0.0, float(own.mean(axis=1).var(ddof=1)) - around))
    return Selected(
        float(seen[best, each].mean()), float(unseen[best, each].mean()), math.sqrt(2 * around), spread, len(scores)
    )
