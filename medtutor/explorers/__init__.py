"""The widgets, one explorer a file."""

from .attribution import AttributionExplorer, explore
from .classification import ClassificationExplorer, classification
from .draw_mask import DrawMaskExplorer, draw_mask
from .explorer import Explorer
from .gallery import GalleryExplorer, gallery
from .generator import GeneratorExplorer, generator
from .latent import LatentExplorer, latent
from .segmentation import SegmentationExplorer, segmentation
from .sequence import SequenceExplorer, sequence

__all__ = [
    "AttributionExplorer", "ClassificationExplorer", "DrawMaskExplorer", "Explorer", "GalleryExplorer", "GeneratorExplorer",
    "LatentExplorer", "SegmentationExplorer", "SequenceExplorer", "classification", "draw_mask", "explore", "gallery", "generator",
    "latent", "segmentation", "sequence",
]  # fmt: skip
