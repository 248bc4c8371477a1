"""Numbers about Runs: beside published results and an atlas, what a model costs, which segmentation to trust."""

from .comparison import atlases, compare, comparison_table, reading, segmentation_table
from .table import Table
from .trust import methods_table

__all__ = ["Table", "atlases", "compare", "comparison_table", "methods_table", "reading", "segmentation_table"]
