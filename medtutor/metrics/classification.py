"""AUC and accuracy as the MedMNIST evaluator defines them, with intervals.

Definitions: `medmnist.evaluator.getAUC` and `getACC` (a test compares):

task         AUC                                     ACC
binary       of the score of class 1                 score above one half
multi-class  mean over classes, each against rest    highest score
ordinal      as multi-class                          as multi-class
multi-label  mean over labels                        mean over labels, score above one half
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..checks import as_numbers, as_probabilities, check_class_numbers, whole
from ..errors import InputError
from .intervals import RESAMPLES, counts, percentiles, with_interval

TASKS = ("binary", "multi-class", "ordinal", "multi-label")


@dataclass(frozen=True)
class Metrics:
    """The numbers of one split.

    auc, acc            as the MedMNIST evaluator defines them, 0…1
    auc_interval, …     95 % bootstrap interval over the cases; None if not asked for
    n                   number of cases
    left_out            numbers of the classes that the mean AUC leaves out: all cases are
                        of them, or none, so they have no AUC
    """

    auc: float
    acc: float
    n: int
    auc_interval: tuple[float, float] | None = None
    acc_interval: tuple[float, float] | None = None
    left_out: tuple[int, ...] = ()

    curve: ClassVar = ("auc", "acc")  # what the history keeps of each epoch, the headline first
    headline: ClassVar = "AUC"

    def __str__(self):
        without = f"; no AUC of class {', '.join(map(str, self.left_out))}: all cases alike" if self.left_out else ""
        return (
            f"AUC {with_interval(self.auc, self.auc_interval)}, ACC {with_interval(self.acc, self.acc_interval)} "
            f"(n = {self.n}{without})"
        )


def measure(
    labels: ArrayLike,
    scores: ArrayLike,
    task: str,
    *,
    subjects: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Metrics:
    """`Metrics` of predicted scores.

    labels     whole numbers (N,), or (N, L) of 0 and 1 for "multi-label"
    scores     probabilities (N, classes)
    task       "binary", "multi-class", "ordinal" or "multi-label"
    subjects   (N,), which person each case is of, where one has several: intervals draw people
    resamples  bootstrap resamples of the subjects, else of the cases; 0 for no intervals

    A class without positive or negative cases has no AUC and is left out of
    the mean, and the `Metrics` say which; if that holds for all, AUC is NaN.

    Raises `InputError` for another task, labels and scores that do not fit each other, and
    scores that are no probabilities: a threshold of one half says nothing of logits.

    >>> from medtutor.metrics import measure
    >>> print(measure([0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]], "binary", resamples=0))
    AUC 1.000, ACC 0.750 (n = 4)
    """
    resamples, seed = whole("resamples", resamples, 0), whole("seed", seed, 0)
    true, chances = _checked(labels, scores, task)
    columns = _one_against_rest(true, chances, task)
    auc = float(_mean_over_columns(columns, np.ones((1, len(true))))[0])
    right = _right(true, chances, task)
    first = 1 if task == "binary" else 0  # of a binary task the one AUC is that of class 1
    left_out = tuple(i for i, (truth, _) in enumerate(columns, first) if truth.all() or not truth.any())
    if not resamples:
        return Metrics(auc, float(right.mean()), len(true), left_out=left_out)
    drawn = partial(_drawn, len(true), subjects, resamples, seed)  # the same each time it is called
    return Metrics(
        auc,
        float(right.mean()),
        len(true),
        auc_interval=percentiles(_resampled_auc(columns, drawn())),
        acc_interval=percentiles(np.concatenate([of_case @ right / of_case.sum(axis=1) for of_case in drawn()])),
        left_out=left_out,
    )


@dataclass(frozen=True)
class ClassMetrics:
    """The numbers of one class, or of one label, against all others.

    n          cases that are of it
    called     cases that the model calls so
    recall     of the cases that are of it, the share that is called so: sensitivity
    precision  of the cases that are called so, the share that is
    f1         their harmonic mean
    auc        the chance that a case of it gets a higher score for it than another case

    All but the counts are 0…1; NaN where a share is of nothing.
    """

    n: int
    called: int
    recall: float
    precision: float
    f1: float
    auc: float


def measure_classes(labels: ArrayLike, scores: ArrayLike, task: str) -> tuple[ClassMetrics, ...]:
    """`ClassMetrics` of each class, by its number: what a mean over classes hides.

    labels, scores, task  as of `measure`

    A case is called the class of its highest score; of two classes the second where its score is above one half, and
    in a multi-label task each label whose score is. Raises `InputError` as `measure`.

    >>> from medtutor.metrics import measure_classes
    >>> scores = [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.5, 0.1, 0.4]]
    >>> rare = measure_classes([0, 0, 1, 2], scores, "multi-class")
    >>> [(each.recall, each.auc) for each in rare]  # perfectly ordered, and never found
    [(1.0, 1.0), (0.0, 1.0), (0.0, 1.0)]
    """
    true, chances = _checked(labels, scores, task)
    if task == "multi-label":
        truths, called = true == 1, chances > 0.5
    else:
        if task == "binary":
            chances = np.stack([1 - chances[:, -1], chances[:, -1]], axis=1)
        said = chances[:, 1] > 0.5 if task == "binary" else chances.argmax(axis=1)
        numbers = np.arange(chances.shape[1])
        truths, called = true[:, None] == numbers, said[:, None] == numbers
    return tuple(_of_class(*columns) for columns in zip(truths.T, called.T, chances.T))


def _of_class(truth, called, score):
    """`ClassMetrics` of one class: which cases are of it, which are called so, and their scores for it, (N,) each."""
    right, n, many = int((truth & called).sum()), int(truth.sum()), int(called.sum())
    return ClassMetrics(
        n,
        many,
        right / n if n else math.nan,
        right / many if many else math.nan,
        2 * right / (n + many) if n + many else math.nan,
        float(_weighted_auc(truth, score, np.ones((1, len(truth))))[0]),
    )


def _drawn(n, subjects, resamples, seed):
    """How often each case is in each resample, (some, n) at a time: with all others of its subject."""
    if subjects is None:
        return counts(n, resamples, seed)
    people, whose = np.unique(as_numbers("subjects", subjects), return_inverse=True)
    if whose.shape != (n,):
        raise InputError(f"subjects have shape {whose.shape}; give one for each of the {n} cases")
    return (of_subject[:, whose] for of_subject in counts(len(people), resamples, seed))


def _checked(labels, scores, task):
    """Labels and scores (float64) that fit each other and the task; or an `InputError`."""
    if not isinstance(task, str) or task not in TASKS:
        raise InputError(
            f"measure is for {', '.join(TASKS)}, not {task!r}; of a regression use measure_regression, of masks"
            " measure_segmentation"
        )
    labels, scores = as_numbers("labels", labels), as_probabilities("scores", scores)
    if scores.ndim != 2 or not scores.size:
        raise InputError(f"scores have shape {scores.shape}; give probabilities (N, classes) of one case or more")
    wanted = scores.shape if task == "multi-label" else scores.shape[:1]
    if labels.shape != wanted:
        raise InputError(
            f"labels have shape {labels.shape}, scores {scores.shape}; give labels {wanted}, one row for each case"
        )
    if task == "binary" and scores.shape[1] > 2:
        raise InputError(f"scores have {scores.shape[1]} columns, but a binary task has 2 classes; say multi-class")
    check_class_numbers("labels", labels, 2 if task in ("binary", "multi-label") else scores.shape[1])
    return labels, scores


def weighted_auc(labels: ArrayLike, task: str = "binary") -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The AUC as a statistic of one training's scores and of weights, for `intervals.over_seeds_and_cases`.

    labels  whole numbers (N,), or (N, L) of 0 and 1 for "multi-label"
    task    see `measure`

    It takes scores, (N,) of class 1 or (N, classes), and weights (W, N), and gives (W,); NaN where no class has an
    AUC. Only the order of the scores counts.

    >>> auc = weighted_auc([0, 0, 1, 1])
    >>> auc(np.array([0.1, 0.6, 0.6, 0.8]), np.array([[1, 1, 1, 1], [1, 0, 1, 1]]))
    array([0.875, 1.   ])
    """
    labels = as_numbers("labels", labels)

    def auc(scores, weights):
        scores = scores[:, None] if scores.ndim == 1 else scores
        return _mean_over_columns(_one_against_rest(labels, scores, task), weights)

    return auc


def _one_against_rest(labels, scores, task):
    """[(is positive (N,), score (N,)), …]: one pair per AUC in the mean."""
    if task == "binary":
        return [(labels == 1, scores[:, -1])]
    if task == "multi-label":
        return [(labels[:, i] == 1, scores[:, i]) for i in range(scores.shape[1])]
    return [(labels == i, scores[:, i]) for i in range(scores.shape[1])]


def _right(labels, scores, task):
    """(N,) share of right answers per case: 0 or 1, between for multi-label."""
    if task == "binary":
        return ((scores[:, -1] > 0.5) == (labels == 1)).astype(np.float64)
    if task == "multi-label":
        return ((scores > 0.5) == (labels == 1)).mean(axis=1)
    return (scores.argmax(axis=1) == labels).astype(np.float64)


def _resampled_auc(columns, draws):
    """(resamples,) mean AUC over the columns in each resample."""
    return np.concatenate([_mean_over_columns(columns, counts) for counts in draws])


def _mean_over_columns(columns, counts):
    aucs = np.stack([_weighted_auc(truth, score, counts) for truth, score in columns])
    defined = np.isfinite(aucs)
    total = np.where(defined, aucs, 0).sum(axis=0)
    return np.divide(total, defined.sum(axis=0), out=np.full(len(counts), np.nan), where=defined.any(axis=0))


def _weighted_auc(truth, score, counts):
    """(resamples,) AUC with each case counted as often as it was drawn.

    The AUC is the share of (positive, negative) pairs in the right order, ties
    counted half (Mann-Whitney). Equals scikit-learn's with `sample_weight`, which
    would take a call per resample, and 110 MB and two seconds to import.
    """
    _, rank = np.unique(score, return_inverse=True)
    differs = counts != 1
    if (np.count_nonzero(differs, axis=1) <= 1).all():
        # The jackknife leaves one case out at a time: one term of the sum changes, and none is added up anew.
        one = differs.argmax(axis=1)
        return _all_but_one(truth, rank, one, counts[np.arange(len(counts)), one].astype(np.float64) - 1)
    levels = rank.max() + 1
    order = np.argsort(rank, kind="stable")
    starts = np.searchsorted(rank[order], np.arange(levels))
    ordered, positive = counts[:, order], truth[order]
    # (resamples, levels): drawn positives and negatives at each distinct score.
    positives, negatives = (
        np.add.reduceat(drawn, starts, axis=1) if levels < len(order) else drawn
        for drawn in (ordered * positive, ordered * ~positive)
    )
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return _share(np.einsum("rl,rl->r", positives, below), pairs)


def _all_but_one(truth, rank, one, more):
    """The same where in each resample case `one` counts `more` than once, and all others once: (resamples,) each."""
    positives, negatives = (np.bincount(rank[of], minlength=rank.max() + 1) for of in (truth, ~truth))
    below = (np.cumsum(negatives) - negatives / 2)[rank]
    above = positives.sum() - (np.cumsum(positives) - positives / 2)[rank]
    ordered_pairs = below[truth].sum() + more * np.where(truth, below, above)[one]
    pairs = (positives.sum() + more * truth[one]) * (negatives.sum() + more * ~truth[one])
    return _share(ordered_pairs, pairs)


def _share(ordered_pairs, pairs):
    return np.divide(ordered_pairs, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
