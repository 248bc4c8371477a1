"""The widgets, one explorer a file."""

from ..widgets.explorer import Explorer
from .attention import AttentionExplorer, attention
from .attribution import AttributionExplorer, explore
from .classification import ClassificationExplorer, classification
from .draw_mask import DrawMaskExplorer, draw_mask
from .features import FeaturesExplorer, features
from .fusion import FusionExplorer, fusion
from .gallery import GalleryExplorer, gallery
from .generator import GeneratorExplorer, generator
from .latent import LatentExplorer, latent
from .literature import LiteratureExplorer, literature
from .privacy import PrivacyExplorer, privacy
from .screening import ScreeningExplorer, screening
from .segmentation import SegmentationExplorer, segmentation
from .sequence import SequenceExplorer, sequence

__all__ = [
    "AttentionExplorer",
    "AttributionExplorer",
    "ClassificationExplorer",
    "DrawMaskExplorer",
    "Explorer",
    "FeaturesExplorer",
    "FusionExplorer",
    "GalleryExplorer",
    "GeneratorExplorer",
    "LatentExplorer",
    "LiteratureExplorer",
    "PrivacyExplorer",
    "ScreeningExplorer",
    "SegmentationExplorer",
    "SequenceExplorer",
    "attention",
    "classification",
    "draw_mask",
    "explore",
    "features",
    "fusion",
    "gallery",
    "generator",
    "latent",
    "literature",
    "privacy",
    "screening",
    "segmentation",
    "sequence",
]
