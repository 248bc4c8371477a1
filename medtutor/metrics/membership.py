"""Membership inference: can it be told from a model which images it was trained on?

A mean over all images hides what matters: one patient found without doubt is a leak. So an attack is measured where it
is sure of itself: the share of members that it finds (true positive rate) while it accuses 1 in 100, or 1 in 1,000, of
those who are none (Carlini et al. 2022, arXiv:2112.03570).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from ..checks import as_numbers, as_probabilities, number
from ..errors import InputError
from .intervals import bootstrap

RATES = (0.001, 0.01)  # false positive rates
FLOOR = 0.02  # standard deviation of log odds that few shadow models may claim at least


@dataclass(frozen=True)
class AttackRate:
    """How many members an attack finds at a false positive rate.

    allowed    the false positive rate that was asked for
    found      the share of members above the threshold
    interval   95 % of it: over images where `whose` says which, else Clopper-Pearson
    false      false positive rate of that threshold, at most what is allowed

    >>> print(AttackRate(0.01, 0.05, (0.03, 0.08), 0.01))
    finds 5.0 % (95 % interval 3.0 to 8.0 %) at 1 % false positives
    """

    allowed: float
    found: float
    interval: tuple[float, float]
    false: float

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        return (
            f"finds {100 * self.found:.1f} % (95 % interval {low:.1f} to {high:.1f} %) at {100 * self.allowed:.3g} %"
            " false positives"
        )


def attack_rates(
    members: ArrayLike, others: ArrayLike, at: tuple[float, ...] = RATES, *, whose: ArrayLike | None = None
) -> tuple[AttackRate, ...]:
    """What an attack finds, at each false positive rate.

    members, others  scores of images that were in the training and of some that were not, (N,) and (M,): higher where
                     the attack believes more in membership
    at               false positive rates, each at least 1 / M: fewer others cannot show it
    whose            which image each member's score is of, (N,), where several models were attacked: the interval then
                     draws images. What the choice of others adds to it is left out

    The threshold is the lowest that accuses no more of the others than allowed; an attack that knows nothing finds as
    many as it accuses. Raises `InputError` for scores that are no numbers, and too few of them.

    >>> scores = np.arange(1000.0)
    >>> [rate.found for rate in attack_rates(scores, scores)]  # no better than chance
    [0.001, 0.01]
    """
    inner, outer = _scores("members", members), _scores("others", others)
    found = []
    for each in at:
        allowed = number("each of at", each, above=0, below=1)
        most = math.floor(allowed * len(outer) + 1e-9)
        if most < 1:
            raise InputError(
                f"a false positive rate of {allowed:g} takes {math.ceil(1 / allowed):,} images that were not in the"
                f" training, and there are {len(outer):,}; give more, or a higher rate"
            )
        threshold = np.sort(outer)[-most - 1] if most < len(outer) else -np.inf
        hit = inner > threshold
        found.append(AttackRate(allowed, float(hit.mean()), _interval(hit, whose), float((outer > threshold).mean())))
    return tuple(found)


def attack_curve(members: ArrayLike, others: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The attack's ROC: (false positive rates, true positive rates), both rising, a point for each threshold.

    >>> false, true = attack_curve([2.0, 1.0], [0.0, 1.5])
    >>> false.tolist(), true.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    inner, outer = _scores("members", members), _scores("others", others)
    every = np.unique(np.concatenate([inner, outer]))[::-1]
    false, true = ((scores[None] >= every[:, None]).mean(axis=1) for scores in (outer, inner))
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def log_odds_of_label(probabilities: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """log(p / (1 - p)) of the true class, (N,): what the attacks look at; nearly normal over trainings.

    probabilities  (N, classes), in double precision, since those of an overfitted network are near 1
    labels         whole (N,)

    >>> log_odds_of_label([[0.5, 0.5], [0.1, 0.9]], [0, 1]).round(2).tolist()
    [0.0, 2.2]
    """
    scores, truth = as_probabilities("probabilities", probabilities), as_numbers("labels", labels).astype(int)
    if scores.ndim != 2 or truth.shape != scores.shape[:1]:
        raise InputError(f"probabilities are {scores.shape} and labels {truth.shape}; give (N, classes) and (N,)")
    if truth.size and not 0 <= truth.min() <= truth.max() < scores.shape[1]:
        raise InputError(f"labels run from {truth.min()} to {truth.max()}; give 0 to {scores.shape[1] - 1}")
    # Where single precision says 1, double still tells apart: cases that tie could not be accused one by one.
    of_label = scores[np.arange(len(truth)), truth].clip(1e-15, 1 - 1e-15)
    return np.log(of_label / (1 - of_label))


def likelihood_ratio(target: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> np.ndarray:
    """The likelihood-ratio attack (LiRA; Carlini et al. 2022): a score for each image, higher for likely members.

    target   what the attacked model says of each image, (N,), see `log_odds_of_label`
    shadows  what models of the attacker's own say, (models, N)
    inside   bool (models, N): which images each of them has been trained on

    log p(target | trained with it) - log p(target | without it), both normal: the two means are of each image, which
    takes out that some images are easy; the two spreads are of all images together, since few models show none of one
    image alone. An image that no shadow has, or all have, takes the mean shift of the others.

    Raises `InputError` for shapes that do not fit, and for shadows that all have, or all lack, everything.

    >>> inside = np.array([[True, False], [False, True], [True, False], [False, True]])
    >>> shadows = np.array([[2.0, 0.0], [0.0, 2.1], [2.2, 0.1], [0.2, 2.0]])
    >>> (likelihood_ratio([2.0, 0.0], shadows, inside) > 0).tolist()
    [True, False]
    """
    said, told = _scores("target", target), as_numbers("shadows", shadows).astype(np.float64)
    within = np.asarray(inside, dtype=bool)
    if told.ndim != 2 or told.shape[1:] != said.shape or within.shape != told.shape:
        raise InputError(
            f"the target has shape {said.shape}, shadows {told.shape}, inside {within.shape}; give (N,) and twice"
            " (models, N)"
        )
    if not within.any() or within.all():
        raise InputError("give shadow models of which some have seen an image and some have not")
    means, spreads = [], []
    for which in (within, ~within):
        count = which.sum(axis=0)
        mean = np.where(which, told, 0.0).sum(axis=0) / np.maximum(count, 1)
        means.append(np.where(count > 0, mean, np.nan))
        left = np.where(which, told - mean, 0.0)
        freedom = max(int(count.sum() - (count > 0).sum()), 1)
        spreads.append(max(math.sqrt(float((left**2).sum()) / freedom), FLOOR))
    shift = np.nanmean(means[0] - means[1]) if np.isfinite(means[0] - means[1]).any() else 0.0
    means[0] = np.where(np.isnan(means[0]), means[1] + shift, means[0])
    means[1] = np.where(np.isnan(means[1]), means[0] - shift, means[1])
    into, without = (-(((said - mean) / spread) ** 2) / 2 - math.log(spread) for mean, spread in zip(means, spreads))
    return into - without


class Turns(NamedTuple):
    """Scores of an attack on several models: of images that a model had seen, of those it had not, and which image
    each of the former is of.
    """

    members: np.ndarray
    others: np.ndarray
    whose: np.ndarray


def each_in_turn(scores: ArrayLike, inside: ArrayLike) -> Turns:
    """`likelihood_ratio` of each model in turn, the others being its shadows.

    scores  log odds that each model gives each image, (models, N)
    inside  bool (models, N): which images each has been trained on

    >>> inside = np.array([[True, False], [False, True], [True, False], [False, True]])
    >>> found = each_in_turn(np.where(inside, 2.0, 0.0), inside)
    >>> bool(found.members.min() > found.others.max()), found.whose.tolist()
    (True, [0, 1, 0, 1])
    """
    told, within = as_numbers("scores", scores), np.asarray(inside, dtype=bool)
    if told.ndim != 2 or len(told) < 3 or within.shape != told.shape:
        raise InputError(
            f"scores are {told.shape} and inside {within.shape}; give twice (models, N), three models or more"
        )
    rows = np.arange(len(told))
    found = np.stack([likelihood_ratio(told[i], told[rows != i], within[rows != i]) for i in rows])
    return Turns(found[within], found[~within], np.nonzero(within)[1])


def _scores(what, values):
    found = as_numbers(what, values).astype(np.float64)
    if found.ndim != 1 or not len(found):
        raise InputError(f"{what} have shape {found.shape}; give one score for each of one image or more")
    return found


def _interval(hit, whose):
    if whose is not None:
        return bootstrap(lambda each: each.mean(axis=-1), hit.astype(np.float64), subjects=whose)
    low, high = binomtest(int(hit.sum()), len(hit)).proportion_ci(method="exact")
    return float(low), float(high)
