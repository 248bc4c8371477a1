"""Numbers about a Run: metrics with intervals, and the published results beside it."""

from .comparison import compare, comparison_table, reading
from .metrics import Metrics, measure

__all__ = ["Metrics", "compare", "comparison_table", "measure", "reading"]
