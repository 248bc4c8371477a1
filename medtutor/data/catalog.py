"""What data sets there are, and what is known of each: the registry of sources."""

from ..checks import whole
from ..errors import InputError, unknown
from .card import Card
from .sources.decathlon import Decathlon
from .sources.drawn import Drawn
from .sources.medmnist import MedMNIST
from .sources.source import Source

SOURCES: tuple[Source, ...] = (MedMNIST(), Decathlon(), Drawn())


def names() -> tuple[str, ...]:
    """The names of all sets: MedMNIST's, 2-D before 3-D, the hippocampus, the drawn cines and marks.

    >>> names()[0], "hippocampus" in names()
    ('pathmnist', True)
    """
    return tuple(name for each in SOURCES for name in each.names)


def check_name(name: str) -> str:
    """`name` in lower case. Raises `InputError` for one that is not known."""
    lowered = str(name).strip().lower()
    if lowered not in names():
        raise unknown("data set", name, names())
    return lowered


def source(name: str) -> Source:
    """The `Source` of a set. Raises `InputError` for an unknown name."""
    name = check_name(name)
    return next(each for each in SOURCES if name in each.names)


def publisher(name: str) -> str:
    """Where a set's images come from: "medmnist", "decathlon", or "phantom" of what is always drawn; also their
    provenance.

    >>> publisher("pneumoniamnist"), publisher("cine_filling")
    ('medmnist', 'phantom')
    """
    return source(name).publisher


def sizes(name: str) -> tuple[int, ...]:
    """The sizes in pixels that there are of a set: (28, 64, …), the usual one first.

    >>> sizes("breastmnist"), sizes("vesselmnist3d"), sizes("hippocampus")
    ((28, 64, 128, 224), (28, 64), (40,))
    """
    return source(name).sizes(check_name(name))


def counts(name: str) -> dict[str, int]:
    """The number of cases in each split: {"train": …, "val": …, "test": …}; of the hippocampus, of volumes.

    >>> counts("breastmnist")
    {'train': 546, 'val': 78, 'test': 156}
    """
    return source(name).counts(check_name(name))


def card(name: str, size: int | None = None) -> Card:
    """The `Card` of a set at a size; the usual one when left out.

    Raises `InputError` for an unknown name or a size that is not published.

    >>> card("breastmnist", 64).shape, card("breastmnist").classes
    ((64, 64), ('malignant', 'normal, benign'))
    """
    name = check_name(name)
    size = sizes(name)[0] if size is None else whole("size", size)
    if size not in sizes(name):
        known = ", ".join(map(str, sizes(name)))
        raise InputError(f"{name} is not published at size {size}; choose one of {known}")
    return source(name).card(name, size)
