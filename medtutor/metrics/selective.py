"""Answer some cases and hand over the rest; and whether a decision is worth more than to treat all, or nobody."""

import numpy as np
from numpy.typing import ArrayLike

from ..checks import as_numbers, as_probabilities, number
from ..errors import InputError


def risk_coverage(certainty: ArrayLike, right: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(coverage, risk), (N,) each: the share of wrong answers among the most certain 1, 2, … N cases.

    certainty  (N,), higher is surer; any scale
    right      bool (N,)

    Of cases that are equally certain, none comes before another: each counts as their mean. Source: El-Yaniv &
    Wiener, JMLR 11:1605, 2010. Raises `InputError` for other shapes, NaN and no case.

    >>> coverage, risk = risk_coverage([0.9, 0.8, 0.6, 0.6], [True, True, True, False])
    >>> coverage, risk.round(3)
    (array([0.25, 0.5 , 0.75, 1.  ]), array([0.   , 0.   , 0.167, 0.25 ]))
    """
    certainty, right = as_numbers("certainties", certainty), as_numbers("right", right)
    if certainty.ndim != 1 or certainty.shape != right.shape or not len(right) or not np.isin(right, (0, 1)).all():
        raise InputError(
            f"certainties have shape {certainty.shape}, right {right.shape}; give a number and a bool for each of one"
            " case or more"
        )
    _, group = np.unique(-certainty, return_inverse=True)
    wrong = np.bincount(group, 1.0 - right) / np.bincount(group)
    errors = np.cumsum(wrong[np.sort(group)])
    counts = np.arange(1, len(right) + 1)
    return counts / len(right), errors / counts


def area_under_risk(certainty: ArrayLike, right: ArrayLike) -> float:
    """The mean risk over all coverages (AURC), 0…1: low where the wrong answers are the uncertain ones.

    >>> area_under_risk([0.9, 0.1], [True, False]), area_under_risk([0.1, 0.9], [True, False])
    (0.25, 0.75)
    """
    return float(risk_coverage(certainty, right)[1].mean())


def net_benefit(
    truth: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike, prevalence: float | None = None
) -> np.ndarray:
    """The net benefit at each threshold, (T,): true alarms less false ones, weighed as the threshold says.

    truth          bool (N,), cases of both kinds
    probabilities  (N,) of being positive, 0…1; a case at or above the threshold is treated
    thresholds     (T,), 0…1, the upper end left out: who treats from 10 % on says that one missed case is as bad as
                   nine needless treatments
    prevalence     the share of positives where it would be used; left out: that of these cases

    Source: Vickers & Elkin 2006, Med. Decis. Making 26:565. "Treat all" is `treat_all`, "treat nobody" is 0.
    Raises `InputError` for other shapes, NaN, and cases of one class.

    >>> net_benefit([True, False, False, False], [0.9, 0.6, 0.2, 0.1], [0.5]).tolist()
    [0.0]
    """
    positive, found = _two_classes(truth), as_probabilities("probabilities", probabilities)
    if found.shape != positive.shape:
        raise InputError(f"there are {len(positive)} cases and probabilities of shape {found.shape}; give one for each")
    at = _thresholds(thresholds)
    share = positive.mean() if prevalence is None else number("prevalence", prevalence, 0, 1)
    sensitivity, false = ((found[of][None] >= at[:, None]).mean(axis=1) for of in (positive, ~positive))
    return sensitivity * share - false * (1 - share) * at / (1 - at)


def treat_all(prevalence: float, thresholds: ArrayLike) -> np.ndarray:
    """The net benefit of treating everybody, (T,): what a model must be better than.

    >>> treat_all(0.25, [0.0, 0.25])
    array([0.25, 0.  ])
    """
    share, at = number("prevalence", prevalence, 0, 1), _thresholds(thresholds)
    return share - (1 - share) * at / (1 - at)


def at_prevalence(probabilities: ArrayLike, was: float, will_be: float) -> np.ndarray:
    """Probabilities of being positive, (N,), corrected for another prevalence by Bayes' rule.

    was, will_be  shares of positives, where the probabilities were right and where they are to be; 0…1, the ends left
                  out

    Right only where the images of each class look the same in both places: a *label shift*, and no other.

    >>> at_prevalence([0.5], 0.5, 0.1).round(3)
    array([0.1])
    """
    found = as_probabilities("probabilities", probabilities)
    was, will_be = (number(name, of, above=0, below=1) for name, of in (("was", was), ("will_be", will_be)))
    positive, negative = found * will_be / was, (1 - found) * (1 - will_be) / (1 - was)
    return positive / (positive + negative)


def _two_classes(truth):
    found = as_numbers("truth", truth)
    if found.ndim != 1 or not np.isin(found, (0, 1)).all():
        raise InputError(f"truth has shape {found.shape}; give a bool for each case, such as labels == 1")
    found = found.astype(bool)
    if found.all() or not found.any():
        raise InputError(f"all {len(found)} cases are of one class, so nothing can be decided; give cases of both")
    return found


def _thresholds(values):
    at = np.atleast_1d(as_probabilities("thresholds", values))
    if at.ndim != 1 or (at >= 1).any():
        raise InputError("thresholds must be probabilities from 0 and below 1: at 1 nothing outweighs a false alarm")
    return at
