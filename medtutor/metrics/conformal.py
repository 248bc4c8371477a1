"""Conformal prediction: sets of classes that hold the true one as often as was asked for.

The guarantee needs one thing: that calibration and test cases are *exchangeable*, as if both were drawn from one pot.
It says nothing of a single image, nor of a group, unless each class is calibrated on its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..checks import as_probabilities, number, whole
from ..errors import InputError
from .calibration import as_answers
from .intervals import share_interval


def conformal_threshold(scores: ArrayLike, coverage: float) -> float:
    """The ⌈(n + 1) coverage⌉-th smallest of n calibration scores; infinite where there are too few for that.

    scores    (n,): how strange each calibration case is, such as 1 - the probability of its true class
    coverage  0…1, the ends left out

    A new case is at most so strange with a probability of at least `coverage`. The "+ 1" is the new case itself.

    >>> conformal_threshold(np.arange(1, 10) / 10, 0.8), conformal_threshold([0.1, 0.2], 0.9)
    (0.8, inf)
    """
    coverage = number("coverage", coverage, above=0, below=1)
    scores = np.sort(np.asarray(scores, np.float64))
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise InputError("the calibration scores must be finite numbers, one for each case")
    # Rounding must not lift a rank that is whole: 0.9 * 10 is 9.
    rank = int(np.ceil(round((len(scores) + 1) * coverage, 9)))
    return float(scores[rank - 1]) if rank <= len(scores) else float("inf")


@dataclass(frozen=True, eq=False)
class SplitConformal:
    """Thresholds from calibration cases; a class belongs to the set where 1 - its probability is at most its own.

    thresholds  (classes,); all the same unless each class was calibrated on its own
    coverage    what was asked for
    calibrated  calibration cases of each class, (classes,)
    """

    thresholds: np.ndarray
    coverage: float
    calibrated: np.ndarray

    @classmethod
    def fit(
        cls, probabilities: ArrayLike, labels: ArrayLike, coverage: float = 0.9, by_class: bool = False
    ) -> "SplitConformal":
        """From calibration cases that the model has not learned from.

        probabilities  (N, classes)
        labels         class numbers (N,)
        coverage       share of new cases whose true class shall be in their set, 0…1, the ends left out
        by_class       calibrate each class on its own cases (Vovk 2012): the promise then holds within each. A class
                       with too few cases for that is in every set

        Source: split conformal prediction with the score 1 - p, Sadinle et al. 2019,
        https://arxiv.org/abs/1609.00451. Raises `InputError` as `as_answers` does.

        >>> found = SplitConformal.fit([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 0, 1], coverage=0.5)
        >>> found.sets([[0.95, 0.05], [0.5, 0.5]])  # the second set is empty: nothing is likely enough
        array([[ True, False],
               [False, False]])
        """
        found, truth = as_answers(probabilities, labels)
        classes = found.shape[1]
        scores = 1 - found[np.arange(len(truth)), truth]
        counts = np.bincount(truth, minlength=classes)
        if by_class:
            thresholds = [conformal_threshold(scores[truth == each], coverage) for each in range(classes)]
        else:
            thresholds = [conformal_threshold(scores, coverage)] * classes
        return cls(np.array(thresholds), coverage, counts)

    def sets(self, probabilities: ArrayLike) -> np.ndarray:
        """bool (N, classes): which classes are in the set of each case; a set may be empty, or hold all."""
        found = as_probabilities("probabilities", probabilities)
        if found.ndim != 2 or found.shape[1] != len(self.thresholds):
            raise InputError(f"probabilities have shape {found.shape}; give (N, {len(self.thresholds)})")
        return 1 - found <= self.thresholds


@dataclass(frozen=True, eq=False)
class Coverage:
    """What sets of classes came to.

    covered    bool (N,): the true class is in the set
    size       classes in each set, (N,)
    by_class   coverage within each class; NaN of a class without cases
    """

    covered: np.ndarray
    size: np.ndarray
    by_class: np.ndarray

    @property
    def share(self) -> float:
        return float(self.covered.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, of the share, over the choice of cases (Clopper-Pearson)."""
        low, high = share_interval(self.covered.sum(), len(self.covered))
        return float(low), float(high)

    @property
    def mean_size(self) -> float:
        return float(self.size.mean())

    @property
    def empty(self) -> float:
        """Share of cases for which no class is likely enough."""
        return float((self.size == 0).mean())

    @property
    def single(self) -> float:
        """Share of cases with one class: those that would be answered, the others handed to a human."""
        return float((self.size == 1).mean())


def coverage(sets: ArrayLike, labels: ArrayLike) -> Coverage:
    """The `Coverage` of sets, bool (N, classes), and class numbers (N,).

    Raises `InputError` for other shapes and no case.

    >>> found = coverage([[True, False], [False, False]], [0, 1])
    >>> found.share, found.empty, found.by_class
    (0.5, 0.5, array([1., 0.]))
    """
    sets = np.asarray(sets)
    if sets.dtype != bool:
        raise InputError(f"sets are {sets.dtype}; give bools, as SplitConformal.sets does")
    _, truth = as_answers(sets.astype(np.float64), labels)
    covered = sets[np.arange(len(truth)), truth]
    of_class = [covered[truth == each] for each in range(sets.shape[1])]
    by_class = np.array([of.mean() if len(of) else np.nan for of in of_class])
    return Coverage(covered, sets.sum(axis=1), by_class)


def coverage_expected(calibration: int, test: int, asked: float, level: float = 0.95) -> tuple[float, float]:
    """Between which shares the coverage on a test set lies in 95 % of repetitions, where all is exchangeable.

    calibration, test  cases
    asked              the coverage that was asked for

    Of one calibration set the coverage of new cases is a draw from a beta distribution (Vovk 2012), and of so
    many test cases the number covered is beta-binomial. Scores without ties.

    >>> low, high = coverage_expected(312, 312, 0.9)
    >>> round(low, 2), round(high, 2)
    (0.85, 0.94)
    """
    from scipy.stats import betabinom  # half a second: for this alone

    calibration, test = whole("calibration", calibration, 1), whole("test", test, 1)
    rank = int(np.ceil(round((calibration + 1) * number("asked", asked, above=0, below=1), 9)))
    if rank > calibration:
        return 1.0, 1.0  # everything is in every set
    spread = betabinom(test, rank, calibration + 1 - rank)
    low, high = spread.ppf([(1 - level) / 2, (1 + level) / 2])
    return float(low / test), float(high / test)
