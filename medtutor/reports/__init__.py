"""Numbers about Runs: beside published results and an atlas, what a model costs, which segmentation to trust."""

from .classes import by_class, class_table
from .comparison import atlases, compare, comparison_table, reading, segmentation_table
from .model_card import ModelCard, model_card
from .table import Table
from .trust import methods_table

__all__ = [
    "ModelCard",
    "Table",
    "atlases",
    "by_class",
    "class_table",
    "compare",
    "comparison_table",
    "methods_table",
    "model_card",
    "reading",
    "segmentation_table",
]
