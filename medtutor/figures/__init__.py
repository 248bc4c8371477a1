"""Every static picture, each with alt text."""

from .answers import ANSWER_STYLES, Effect, answer_map, forest
from .beside import comparison, curves, dots, ladder, matrix, patients, side_by_side
from .canvas import BLUE, DPI, GREEN, GREY, ORANGE, OUTLINES, PHANTOM, VERMILION, Picture, as_written, picture
from .cases import attribution, gallery, images, outlines, worst_mistakes
from .deadline import deadline
from .diagrams import diagram
from .drawing import Diagram
from .reliability import reliability
from .runs import confusion, history, precision_recall, predicted, roc

__all__ = [
    "ANSWER_STYLES",
    "BLUE",
    "DPI",
    "GREEN",
    "GREY",
    "ORANGE",
    "OUTLINES",
    "PHANTOM",
    "VERMILION",
    "Diagram",
    "Effect",
    "Picture",
    "answer_map",
    "as_written",
    "attribution",
    "comparison",
    "confusion",
    "curves",
    "deadline",
    "diagram",
    "dots",
    "forest",
    "gallery",
    "history",
    "images",
    "ladder",
    "matrix",
    "outlines",
    "patients",
    "picture",
    "precision_recall",
    "predicted",
    "reliability",
    "roc",
    "side_by_side",
    "worst_mistakes",
]
