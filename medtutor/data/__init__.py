"""Images in, tensors out: catalogue, loading, phantoms, augmentation."""

from .catalog import Card, card, names, sizes
from .dataset import Dataset, Split, as_uint8, from_arrays, normalise
from .loading import PhantomWarning, load

__all__ = [
    "Card",
    "Dataset",
    "PhantomWarning",
    "Split",
    "as_uint8",
    "card",
    "from_arrays",
    "load",
    "names",
    "normalise",
    "sizes",
]
