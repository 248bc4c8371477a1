"""Numbers about Runs: beside published results and an atlas, what a model costs, which segmentation to trust."""

from .comparison import atlases, compare, comparison_table, reading, segmentation_table

__all__ = ["atlases", "compare", "comparison_table", "reading", "segmentation_table"]
