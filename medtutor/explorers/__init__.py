"""The widgets, one explorer a file."""

from .attribution import AttributionExplorer, explore
from .classification import ClassificationExplorer, classification
from .explorer import Explorer
from .gallery import GalleryExplorer, gallery
from .segmentation import SegmentationExplorer, segmentation

__all__ = [
    "AttributionExplorer", "ClassificationExplorer", "Explorer", "GalleryExplorer", "SegmentationExplorer", "classification",
    "explore", "gallery", "segmentation",
]  # fmt: skip
