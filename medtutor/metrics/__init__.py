"""Numbers from predictions: of a classification, a segmentation, a regression, of drawn images; with intervals."""

from ..checks import one_of
from ..data.card import TASKS
from .classification import Metrics, measure
from .regression import RegressionMetrics, measure_regression
from .segmentation import SegmentationMetrics, measure_segmentation, segmentation_scores

__all__ = [
    "Metrics",
    "RegressionMetrics",
    "SegmentationMetrics",
    "measure",
    "measure_regression",
    "measure_segmentation",
    "measure_split",
    "metrics_kind",
    "segmentation_scores",
]


def metrics_kind(task):
    """The class of metrics that a task has. Raises `InputError` for an unknown one."""
    one_of("task", task, TASKS)
    return {"segmentation": SegmentationMetrics, "regression": RegressionMetrics}.get(task, Metrics)


def measure_split(cases, scores, card, *, quick=False):
    """The metrics of predictions on one `Split`: of the kind that the card's task has.

    scores  what `Run.predict` gives for the images of the split
    quick   leaves out intervals, and the distances of a segmentation

    Raises `InputError` for scores that are not of these cases, or not finite.
    """
    options = {"resamples": 0} if quick else {}
    if card.task == "segmentation":
        return measure_segmentation(cases.masks, scores, card, cases.patients, distances=not quick, **options)
    if card.task == "regression":
        return measure_regression(cases.labels, scores, **options)
    return measure(cases.labels, scores, card.task, **options)
