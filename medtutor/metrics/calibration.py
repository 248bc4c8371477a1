"""Does a probability mean what it says? Reliability, calibration error, and two ways to mend it after training.

A classifier is calibrated on a kind of image where, of all answers given with a probability p, a share p is right.
Two things are called calibration error, and differ: here "confidence" is of the class that was named, whichever it
is (Guo et al. 2017), "positive" of the probability of class 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from ..checks import as_numbers, as_probabilities, check_class_numbers, number, one_of, whole
from ..errors import InputError
from .intervals import share_interval

BINNINGS = ("equal width", "equal mass")
BINS = 15  # as Guo et al. (2017) have it
COLDEST, HOTTEST = 0.05, 20.0  # temperatures that are looked at


def as_answers(probabilities: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities, class numbers) as float64 (N, K) and int64 (N,), checked.

    Raises `InputError` for other shapes, no case, NaN, logits, and labels that are no class numbers.

    >>> as_answers([[0.9, 0.1]], [0])
    (array([[0.9, 0.1]]), array([0]))
    """
    found, truth = as_probabilities("probabilities", probabilities), as_numbers("labels", labels)
    _check_shapes("probabilities", found, truth)
    return found, truth.astype(np.int64)


def _check_shapes(what, rows, labels):
    if rows.ndim != 2 or rows.shape[1] < 2 or labels.shape != rows.shape[:1]:
        raise InputError(
            f"{what} have shape {rows.shape}, labels {labels.shape}; give {what} (N, classes), two classes or more, and"
            " a class number for each row"
        )
    if not len(labels):
        raise InputError("there is no case, so nothing can be measured; give one or more")
    check_class_numbers("labels", labels, rows.shape[1])


def said_and_true(probabilities: ArrayLike, labels: ArrayLike, of: str = "confidence") -> tuple[np.ndarray, np.ndarray]:
    """(what was said, whether it came true), float64 and bool (N,).

    probabilities  (N, classes)
    labels         class numbers (N,)
    of             "confidence": the highest probability, and whether its class is right;
                   "positive": the probability of class 1, and whether the case is of it

    Raises `InputError` as `as_answers` does, and for "positive" of more than two classes.

    >>> said_and_true([[0.9, 0.1], [0.8, 0.2]], [0, 1])
    (array([0.9, 0.8]), array([ True, False]))
    """
    found, truth = as_answers(probabilities, labels)
    if one_of("probability", of, ("confidence", "positive")) == "positive":
        if found.shape[1] != 2:
            raise InputError(f"there are {found.shape[1]} classes, so none is the positive one; use of='confidence'")
        return found[:, 1], truth == 1
    return found.max(axis=1), found.argmax(axis=1) == truth


# Bins -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Reliability:
    """Cases put into bins by what was said of them; a bin without cases is left out.

    edges      (bins, 2), from and to
    count      cases in each, (bins,)
    said       mean of what was said
    true       share that came true
    intervals  (bins, 2): 95 % Clopper-Pearson interval of that share
    """

    edges: np.ndarray
    count: np.ndarray
    said: np.ndarray
    true: np.ndarray
    intervals: np.ndarray

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean distance of said and true, each bin weighted by its cases."""
        return float(np.abs(self.said - self.true) @ self.count / self.count.sum())

    @property
    def mce(self) -> float:
        """Maximum calibration error: the largest distance of a bin, however few its cases."""
        return float(np.abs(self.said - self.true).max())

    @property
    def excluded(self) -> np.ndarray:
        """bool (bins,): the interval of what came true does not hold what was said."""
        return (self.said < self.intervals[:, 0]) | (self.said > self.intervals[:, 1])


def reliability(said: ArrayLike, true: ArrayLike, bins: int = BINS, binning: str = "equal width") -> Reliability:
    """The `Reliability` of probabilities.

    said     what was said, (N,), 0…1, such as confidences
    true     whether it came true, bool (N,)
    bins     how many, 1…1000
    binning  "equal width": bins of one width from 0 to 1, closed above, as in Guo et al. 2017; "equal mass": as
             many cases in each, as far as ties allow

    Raises `InputError` for other shapes, no case, NaN, and what is no probability.

    >>> found = reliability([0.9, 0.9, 0.6, 0.6], [True, False, True, False], bins=5)
    >>> found.true, round(found.ece, 3)
    (array([0.5, 0.5]), 0.25)
    """
    said, true = as_probabilities("what was said", said), as_numbers("what is true", true)
    if said.ndim != 1 or said.shape != true.shape or not np.isin(true, (0, 1)).all():
        raise InputError(
            f"what was said has shape {said.shape}, what is true {true.shape}; give a probability and a bool for each"
            " case"
        )
    if not len(said):
        raise InputError("there is no case, so nothing can be measured; give one or more")
    bins = whole("bins", bins, 1, 1000)
    if one_of("binning", binning, BINNINGS) == "equal width":
        borders = np.linspace(0, 1, bins + 1)
    else:
        borders = np.quantile(said, np.linspace(0, 1, bins + 1))
    place = np.clip(np.searchsorted(borders, said, side="left") - 1, 0, bins - 1)
    count, right, sums = (np.bincount(place, weights, bins) for weights in (None, true, said))
    kept = count > 0
    count, right, sums = count[kept], right[kept], sums[kept]
    edges = np.stack([borders[:-1], borders[1:]], axis=1)[kept]
    return Reliability(edges, count, sums / count, right / count, share_interval(right, count))


def calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS, binning: str = "equal width", of: str = "confidence"
) -> float:
    """The expected calibration error (ECE), 0…1. See `said_and_true` for `of`, `reliability` for the binnings.

    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599. Raises `InputError` as those do.

    >>> round(calibration_error([[0.9, 0.1], [0.9, 0.1]], [0, 1]), 3)  # sure, and right half of the time
    0.4
    """
    return reliability(*said_and_true(probabilities, labels, of), bins, binning).ece


def error_if_calibrated(
    said: ArrayLike, bins: int = BINS, binning: str = "equal width", repeats: int = 200, seed: int = 0
) -> tuple[float, float]:
    """(mean, 97.5 % quantile) of the calibration error that *perfect* probabilities of these cases would show.

    An ECE of few cases is never 0: shares scatter, and it counts every distance. What comes true is drawn `repeats`
    times with the very probabilities that were said; an ECE below the quantile is no evidence of anything.

    >>> mean, high = error_if_calibrated(np.full(100, 0.8))
    >>> 0.02 < mean < 0.05 < high
    True
    """
    said = as_probabilities("what was said", said)
    generator = np.random.default_rng(seed)
    drawn = [reliability(said, generator.random(len(said)) < said, bins, binning).ece for _ in range(repeats)]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.975))


# Scores that need no bins ---------------------------------------------------------------------


def brier_score(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The mean over cases of the squared distance of the probabilities from the truth, 0…2 (Brier, 1950).

    Of two classes it is twice what libraries give that look at class 1 alone.

    >>> round(brier_score([[0.9, 0.1], [0.9, 0.1]], [0, 1]), 3)
    0.82
    """
    found, truth = as_answers(probabilities, labels)
    return float(((found - np.eye(found.shape[1])[truth]) ** 2).sum(axis=1).mean())


def overconfidence(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean confidence minus accuracy, -1…1: by how much a model promises more than it keeps. It needs no bins.

    >>> round(overconfidence([[0.9, 0.1], [0.9, 0.1]], [0, 1]), 3)
    0.4
    """
    said, true = said_and_true(probabilities, labels)
    return float(said.mean() - true.mean())


# Mending it -----------------------------------------------------------------------------------


def _as_logits(logits):
    found = as_numbers("logits", logits).astype(np.float64)
    if found.ndim != 2 or found.shape[1] < 2:
        raise InputError(f"logits have shape {found.shape}; give (N, classes), two classes or more")
    return found


def at_temperature(logits: ArrayLike, temperature: float) -> np.ndarray:
    """Probabilities (N, classes): the softmax of logits / temperature. Above 1 they are less sure, and the order
    of the classes stays.

    Raises `InputError` for a temperature that is not above 0. Log probabilities are as good as logits.

    >>> at_temperature([[2.0, 0.0]], 2.0).round(3)
    array([[0.731, 0.269]])
    """
    return softmax(_as_logits(logits) / number("temperature", temperature, above=0), axis=1)


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature with the lowest cross-entropy on these cases, 0.05…20 (Guo et al. 2017).

    logits  (N, classes), or log probabilities
    labels  class numbers (N,)

    At an end of that range there is no best one: where all is right, colder is always better. Raises `InputError`
    for other shapes, NaN and no case, and where all cases are of one class: their best temperature says nothing of
    another.

    >>> generator = np.random.default_rng(0)
    >>> logits = generator.normal(size=(4000, 2))
    >>> labels = (generator.random(4000) < at_temperature(logits, 1)[:, 1]).astype(int)
    >>> 2.3 < fit_temperature(2.5 * logits, labels) < 2.8
    True
    """
    logits, labels = _as_logits(logits), as_numbers("labels", labels)
    _check_shapes("logits", logits, labels)
    labels = labels.astype(np.int64)
    _check_several(labels)
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature):
        return -log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean()

    found = minimize_scalar(cross_entropy, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def _check_several(labels):
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"all {len(labels)} cases are of class {labels[0]}, so nothing can be fitted; give cases of two classes"
        )


@dataclass(frozen=True, eq=False)
class Isotonic:
    """A map of the positive class's probability that never falls: where it stands, and what it gives there.

    at, gives  float64 (steps,), in between straight lines; beyond the ends the last value is held
    """

    at: np.ndarray
    gives: np.ndarray

    def __call__(self, probabilities: ArrayLike) -> np.ndarray:
        """Probabilities (N, 2) of two classes, mended: (N, 2)."""
        found = as_probabilities("probabilities", probabilities)
        if found.ndim != 2 or found.shape[1] != 2:
            raise InputError(f"probabilities have shape {found.shape}; isotonic calibration is for two classes, (N, 2)")
        positive = np.interp(found[:, 1], self.at, self.gives)
        return np.stack([1 - positive, positive], axis=1)


def fit_isotonic(probabilities: ArrayLike, labels: ArrayLike) -> Isotonic:
    """The rising map from probabilities to shares with the least squared error (Zadrozny & Elkan 2002): `Isotonic`.

    It can bend as the data want it, so it needs more of them than a temperature, and it makes ties.

    Raises `InputError` as `as_answers` does, and for more than two classes, or cases of one.

    >>> mend = fit_isotonic([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]], [1, 0, 0])
    >>> mend([[0.1, 0.9], [0.2, 0.8]])
    array([[0., 1.],
           [1., 0.]])
    """
    from sklearn.isotonic import IsotonicRegression  # most of a second: for this alone

    found, truth = as_answers(probabilities, labels)
    if found.shape[1] != 2:
        raise InputError(f"there are {found.shape[1]} classes; isotonic calibration is for two")
    _check_several(truth)
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(found[:, 1], truth == 1)
    return Isotonic(fitted.X_thresholds_.astype(np.float64), fitted.y_thresholds_.astype(np.float64))
