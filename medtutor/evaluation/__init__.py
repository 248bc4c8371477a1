"""Numbers about a Run: metrics with intervals, and the published results beside it."""

from .comparison import atlases, compare, comparison_table, reading, segmentation_table
from .metrics import Metrics, measure
from .segmentation import SegmentationMetrics, measure_segmentation, segmentation_scores

__all__ = [
    "Metrics", "SegmentationMetrics", "atlases", "compare", "comparison_table", "measure", "measure_segmentation", "reading",
    "segmentation_scores", "segmentation_table",
]  # fmt: skip
