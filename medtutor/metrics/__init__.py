"""Numbers from predictions: of a classification, a segmentation, a regression, of drawn images; with intervals."""

from typing import Any

import torch

from ..checks import one_of
from ..data.card import TASKS, Card
from ..data.dataset import Split
from .classification import ClassMetrics, Metrics, measure, measure_classes
from .drift import cusum, first_alarm, limit_for, normal_scores, run_length, windowed_ks
from .regression import RegressionMetrics, measure_regression
from .segmentation import SegmentationMetrics, measure_segmentation, segmentation_scores

__all__ = [
    "ClassMetrics",
    "Metrics",
    "RegressionMetrics",
    "SegmentationMetrics",
    "cusum",
    "first_alarm",
    "limit_for",
    "measure",
    "measure_classes",
    "measure_regression",
    "measure_segmentation",
    "measure_split",
    "metrics_kind",
    "normal_scores",
    "run_length",
    "segmentation_scores",
    "windowed_ks",
]


def metrics_kind(task: str) -> type[Metrics] | type[RegressionMetrics] | type[SegmentationMetrics]:
    """The class of metrics that a task has. Raises `InputError` for an unknown one.

    >>> from medtutor.metrics import metrics_kind
    >>> metrics_kind("segmentation").headline
    'Dice'
    """
    one_of("task", task, TASKS)
    return {"segmentation": SegmentationMetrics, "regression": RegressionMetrics}.get(task, Metrics)


def measure_split(
    cases: Split, scores: torch.Tensor, card: Card, *, quick: bool = False
) -> Metrics | RegressionMetrics | SegmentationMetrics:
    """The metrics of predictions on one `Split`: of the kind that the card's task has.

    scores  what `Run.predict` gives for the images of the split
    quick   leaves out intervals, and the distances of a segmentation

    Raises `InputError` for scores that are not of these cases, or not finite.

    >>> import torch
    >>> from medtutor import load
    >>> from medtutor.metrics import measure_split
    >>> xray = load("pneumoniamnist", source="phantom")
    >>> measure_split(xray.test, torch.full((len(xray.test), 2), 0.5), xray.card, quick=True).auc  # a coin
    0.5
    """
    options: Any = {"subjects": cases.subjects} | ({"resamples": 0} if quick else {})
    truth: Any = cases.masks if card.task == "segmentation" else cases.labels
    if card.task == "segmentation":
        return measure_segmentation(truth, scores, card, cases.patients, distances=not quick, **options)
    if card.task == "regression":
        return measure_regression(truth, scores, **options)
    return measure(truth, scores, card.task, **options)
