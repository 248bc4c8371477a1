"""Performance by group of patients: rates with intervals, gaps between groups, and what closes them.

A score is turned into an answer by a threshold, one for all or one for each group. Of each group then are told

called       share of its cases that are called positive; equal in all groups: *demographic parity*
sensitivity  share of its positives that are found; equal: *equal opportunity* (Hardt et al. 2016)
false_alarm  share of its negatives that are called positive; this and the sensitivity equal: *equalised odds*
precision    share of its alarms that are true; equal: *predictive parity* (Chouldechova 2017)
miscalibration  mean score minus share of positives; 0 in all: calibration in the large

Nothing can be said of an empty group, of a rate whose cases are missing, and next to nothing of a single case:
then the number is NaN, and a sentence says so. The gaps between groups stand in `gaps`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from ..checks import as_numbers, as_probabilities, check_class_numbers, number, whole
from ..errors import InputError
from .classification import weighted_auc
from .intervals import bootstrap, percentiles, with_interval

RATES = ("called", "sensitivity", "false_alarm", "precision", "miscalibration", "auc")
_Z = float(ndtri(0.975))


@dataclass(frozen=True)
class Rate:
    """One number of one group.

    value     NaN where there are no cases to compute it of
    interval  95 %: of a share Wilson's, of other numbers the bootstrap's; None where there is none
    n         of how many cases
    """

    value: float
    interval: tuple[float, float] | None
    n: int

    def __str__(self) -> str:
        return "–" if math.isnan(self.value) else with_interval(self.value, self.interval, 2)


@dataclass(frozen=True)
class GroupMetrics:
    """What one threshold makes of one group; the rates are explained at the top of this module.

    group         its name
    n, positives  cases
    threshold     above which a case is called positive
    notes         sentences on what cannot be said
    """

    group: str
    n: int
    positives: int
    threshold: float
    called: Rate
    sensitivity: Rate
    false_alarm: Rate
    precision: Rate
    miscalibration: Rate
    auc: Rate
    notes: tuple[str, ...] = ()


def measure_groups(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    thresholds: float | Mapping[str, float] = 0.5,
    *,
    names: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[GroupMetrics, ...]:
    """`GroupMetrics` of each group.

    labels      0 or 1, (N,)
    scores      probabilities of class 1, (N,)
    groups      whole numbers (N,), each the number of a group
    thresholds  one for all, or {name: threshold}
    names       of the groups, by number; "0", "1", … when left out
    resamples   of the bootstrap; 0 leaves out the intervals of AUC and miscalibration

    The cases are taken to be of different people. Raises `InputError` for what does not fit together.

    >>> a, b = measure_groups([1, 1, 0, 1], [0.9, 0.2, 0.1, 0.7], [0, 0, 0, 1], names=["A", "B"])
    >>> a.sensitivity.value, b.n, b.notes[0]
    (0.5, 1, 'group B has a single case: whatever is said of it, is said of one patient.')
    """
    true, score, group, names = checked_cases(labels, scores, groups, names)
    limits = limits_of(thresholds, names)
    resamples, seed = whole("resamples", resamples, 0), whole("seed", seed, 0)
    return tuple(
        _of_group(name, limits[name], true[group == i], score[group == i], resamples, seed)
        for i, name in enumerate(names)
    )


def group_thresholds(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, sensitivity: float, *, names: Sequence[str] | None = None
) -> dict[str, float]:
    """{name: the highest threshold at which the group's sensitivity is at least what is asked for}.

    A case is called positive *above* its threshold, so it lies half-way below the score that must still be called.
    The same scores give the same answers each time: nothing is drawn. Choose on `val`, never on `test`.

    sensitivity  above 0, to 1

    Raises `InputError` for a group without positives, and as `measure_groups`.

    >>> group_thresholds([1, 1, 1, 1, 0], [0.9, 0.7, 0.6, 0.2, 0.1], [0, 0, 1, 1, 1], 0.5, names=["A", "B"])
    {'A': 0.8, 'B': 0.4}
    """
    true, score, group, names = checked_cases(labels, scores, groups, names)
    sensitivity = number("sensitivity", sensitivity, above=0, high=1)
    found = {}
    for i, name in enumerate(names):
        own = np.sort(score[(group == i) & (true == 1)])[::-1]
        if not len(own):
            raise InputError(
                f"group {name} has no positive case, so no threshold has a sensitivity there; leave the group out, or"
                " give more cases"
            )
        last = own[math.ceil(sensitivity * len(own) - 1e-9) - 1]  # the last score that must be called
        below = score[(group == i) & (score < last)]
        found[name] = float((last + (below.max() if len(below) else 0.0)) / 2)
        if found[name] >= last:  # scores of 0: nothing lies below
            found[name] = -1.0
    return found


def balancing_weights(labels: ArrayLike, groups: ArrayLike) -> np.ndarray:
    """(N,) weights after which label and group have nothing to do with each other (reweighing; Kamiran & Calders 2012).

    A case of group g and label y weighs P(g) P(y) / P(g, y): what its kind would be if the two were independent, over
    what it is. The weights add up to N where every kind of case occurs.

    Raises `InputError` for labels and groups that do not fit each other.

    >>> balancing_weights([1, 1, 1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0, 2.0, 0.67, 0.67, 0.67]
    """
    true, group = as_numbers("labels", labels), as_numbers("groups", groups)
    _check_lengths(true, group)
    weights = np.empty(len(true))
    for g in np.unique(group):
        for y in np.unique(true):
            kind = (group == g) & (true == y)
            weights[kind] = (group == g).mean() * (true == y).mean() / max(kind.mean(), 1e-12)
    return weights


def precision_at(sensitivity: float, false_alarm: float, prevalence: float) -> float:
    """The precision that follows from the other rates (Bayes); NaN where nobody is called positive.

    Its odds are (sensitivity / false alarms) times the odds of the prevalence: groups that differ in prevalence and not
    in error rates differ in precision.

    >>> [round(precision_at(0.9, 0.1, share), 2) for share in (0.5, 0.1)]
    [0.9, 0.5]
    """
    alarms = sensitivity * prevalence + false_alarm * (1 - prevalence)
    return sensitivity * prevalence / alarms if alarms else math.nan


def wilson(hits: int, n: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share (JASA 22:209, 1927): honest also for few cases and for shares of 0 and 1.

    None where there are no cases.

    >>> low, high = wilson(10, 10)  # ten of ten found, and still
    >>> round(low, 2), round(high, 2)
    (0.72, 1.0)
    """
    if not n:
        return None
    share, z = hits / n, _Z
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


# --- of one group ------------------------------------------------------------


def checked_cases(labels, scores, groups, names):
    """(labels, scores, groups, names) that fit each other, as arrays; or an `InputError`."""
    true, score = as_numbers("labels", labels), as_probabilities("scores", scores)
    group = as_numbers("groups", groups)
    check_class_numbers("labels", true, 2)
    if score.ndim != 1 or not len(score):
        raise InputError(f"scores have shape {score.shape}; give those of class 1, (N,), of one case or more")
    _check_lengths(true, group, score)
    if names is None:
        names = [str(i) for i in range(int(group.max()) + 1)]
    names = [str(name) for name in names]
    if len(set(names)) < len(names):
        raise InputError("two groups have the same name; give each its own")
    wrong = (group < 0) | (group >= len(names)) | (group != np.floor(group))
    if wrong.any():
        raise InputError(
            f"groups hold {group[wrong][0]:g}; give whole numbers 0…{len(names) - 1}, each the number of one of"
            f" {', '.join(names)}"
        )
    return true.astype(np.int64), score, group.astype(np.int64), names


def _check_lengths(*arrays):
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim != 1:
        raise InputError(
            f"labels, groups and scores have shapes {', '.join(str(array.shape) for array in arrays)}; give one of each"
            " for every case, (N,)"
        )


def limits_of(thresholds, names):
    """{name: threshold}; or an `InputError`."""
    if not isinstance(thresholds, Mapping):
        return dict.fromkeys(names, number("threshold", thresholds))
    if set(thresholds) != set(names):
        raise InputError(
            f"thresholds are of {', '.join(map(str, thresholds)) or 'no group'}; give one for each of"
            f" {', '.join(names)}"
        )
    return {name: number(f"threshold of {name}", thresholds[name]) for name in names}


def _of_group(name, threshold, true, score, resamples, seed):
    n, positives = len(true), int(true.sum())
    called = score > threshold
    drawn = dict(resamples=resamples, seed=seed)
    off = Rate(float(score.mean() - true.mean()) if n else math.nan, None, n)
    auc = Rate(_auc(true, score), None, n)
    if resamples and n > 1:
        interval = bootstrap(lambda s, t: (s - t).mean(axis=-1), score, true, **drawn)
        off = Rate(off.value, interval, n)
        if not math.isnan(auc.value):
            auc = Rate(auc.value, _interval_of_auc(true, score, resamples, seed), n)
    return GroupMetrics(
        name,
        n,
        positives,
        threshold,
        called=_share(called),
        sensitivity=_share(called[true == 1]),
        false_alarm=_share(called[true == 0]),
        precision=_share(true[called] == 1),
        miscalibration=off,
        auc=auc,
        notes=tuple(_notes(name, n, positives)),
    )


def _notes(name, n, positives):
    if not n:
        yield f"group {name} has no cases: nothing can be said of it."
        return
    if n == 1:
        yield f"group {name} has a single case: whatever is said of it, is said of one patient."
    if not positives:
        yield f"group {name} has no positive case: it has no sensitivity and no AUC."
    elif positives == n:
        yield f"group {name} has positive cases only: it has no false alarms and no AUC."


def _share(hit):
    hits, n = int(hit.sum()), len(hit)
    return Rate(hits / n if n else math.nan, wilson(hits, n), n)


def _auc(true, score):
    return float(weighted_auc(true)(score, np.ones((1, len(true))))[0]) if len(true) else math.nan


def _interval_of_auc(true, score, resamples, seed):
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(true), np.full(len(true), 1 / len(true)), size=resamples).astype(np.float64)
    return percentiles(weighted_auc(true)(score, counts))
