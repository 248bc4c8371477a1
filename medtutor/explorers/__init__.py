"""The widgets, one explorer a file."""

from .classification import ClassificationExplorer, classification
from .explorer import Explorer
from .gallery import GalleryExplorer, gallery

__all__ = ["ClassificationExplorer", "Explorer", "GalleryExplorer", "classification", "gallery"]
