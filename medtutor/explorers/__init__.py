"""The widgets, one explorer a file."""

from ..widgets.explorer import Explorer
from .attention import AttentionExplorer, attention
from .attribution import AttributionExplorer, explore
from .claims import ClaimsExplorer, claims
from .classification import ClassificationExplorer, classification
from .classroom import ClassroomExplorer, classroom
from .confidence import ConfidenceExplorer, confidence
from .draw_mask import DrawMaskExplorer, draw_mask
from .fairness import FairnessExplorer, fairness
from .features import FeaturesExplorer, features
from .frontier import FrontierExplorer, frontier
from .fusion import FusionExplorer, fusion
from .gallery import GalleryExplorer, gallery
from .generator import GeneratorExplorer, generator
from .latent import LatentExplorer, latent
from .lecture import Lecture, lecture
from .literature import LiteratureExplorer, literature
from .monitor import MonitorExplorer, monitor
from .privacy import PrivacyExplorer, privacy
from .reading import ReadingExplorer, reading
from .sample_size import SampleSizeExplorer, sample_size
from .screening import ScreeningExplorer, screening
from .segmentation import SegmentationExplorer, segmentation
from .sequence import SequenceExplorer, sequence

__all__ = [
    "AttentionExplorer",
    "AttributionExplorer",
    "ClaimsExplorer",
    "ClassificationExplorer",
    "ClassroomExplorer",
    "ConfidenceExplorer",
    "DrawMaskExplorer",
    "Explorer",
    "FairnessExplorer",
    "FeaturesExplorer",
    "FrontierExplorer",
    "FusionExplorer",
    "GalleryExplorer",
    "GeneratorExplorer",
    "LatentExplorer",
    "Lecture",
    "LiteratureExplorer",
    "ReadingExplorer",
    "SampleSizeExplorer",
    "MonitorExplorer",
    "PrivacyExplorer",
    "ScreeningExplorer",
    "SegmentationExplorer",
    "SequenceExplorer",
    "attention",
    "claims",
    "classification",
    "confidence",
    "classroom",
    "draw_mask",
    "explore",
    "fairness",
    "features",
    "frontier",
    "fusion",
    "gallery",
    "generator",
    "latent",
    "lecture",
    "literature",
    "reading",
    "sample_size",
    "monitor",
    "privacy",
    "screening",
    "segmentation",
    "sequence",
]
