"""The widgets, one explorer a file."""

from .attribution import AttributionExplorer, explore
from .classification import ClassificationExplorer, classification
from .explorer import Explorer
from .gallery import GalleryExplorer, gallery

__all__ = ["AttributionExplorer", "ClassificationExplorer", "Explorer", "GalleryExplorer", "classification", "explore", "gallery"]
