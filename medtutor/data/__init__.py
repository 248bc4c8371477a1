"""Images in, tensors out: catalogue, loading, your own arrays, phantoms, augmentation."""

from .arrays import from_arrays
from .card import Card
from .catalog import card, names, sizes
from .dataset import Dataset, Split, as_uint8, normalise
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
