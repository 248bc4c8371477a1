"""`load(name)`: a published set from disk or the network, or its phantom."""

import os
import warnings
from os import PathLike
from pathlib import Path

from ..checks import flag
from ..errors import FetchError, InputError
from ..files import home, resolve
from . import catalog
from .dataset import Dataset


class PhantomWarning(UserWarning):
    """Phantoms stand in for real images."""


def load(
    name: str,
    size: int | None = None,
    *,
    source: str = "auto",
    root: str | PathLike | None = None,
    progress: bool = True,
) -> Dataset:
    """A published set by name, as a `Dataset` of uint8 tensors.

    name    "pneumoniamnist", "breastmnist", …, "hippocampus" (`medtutor data list`)
    size    pixels: 28 (when left out), 64, 128 or 224; 3-D sets 28 or 64; the
            hippocampus has one size
    source  "auto": from disk, else fetched, else the phantom of that name with
            a `PhantomWarning`; "medmnist", of the hippocampus "decathlon": the
            published images or an error; "phantom": always the phantom (28 pixels)
    root    a folder to look in first, and to fetch to

    Files are looked for in `root`, then `$MEDTUTOR_DATA`, then `~/.medmnist`,
    and their MD5 is checked. The hippocampus comes as sagittal slices with masks
    (`Dataset.as_volumes` stacks them) from a folder of NIfTI files,
    `hippocampus/imagesTr` and `labelsTr`, which is taken as found, or from the
    published tar.

    MedMNIST images that would take more than half of the memory that is available (of the machine, or of
    the container where that has a limit) are decoded once to a folder beside their file, NAME.decoded, or where
    that cannot be written in the user's cache folder. The images are then mapped from there: the same tensors,
    of which a batch reads its own rows alone. `medtutor data clean NAME` deletes such a copy.

    Raises `InputError` for an unknown name, size or source and for a damaged file, `FetchError` where the
    published images are asked for and cannot be had, or no phantom of that name exists, `MedtutorError` where
    there is no room to decode to.

    >>> load("breastmnist", source="phantom").test.images.shape
    torch.Size([156, 1, 28, 28])
    """
    known = ("auto", *(each.publisher for each in catalog.SOURCES))
    if not isinstance(source, str) or source not in known:
        raise InputError(f"unknown source {source!r}; choose one of {', '.join(known)}")
    card, progress = catalog.card(name, size), flag("progress", progress)
    own = catalog.source(card.name)
    if source not in ("auto", "phantom", own.publisher):
        raise InputError(f"{card.name} is not published by {source}; say source={own.publisher!r}")
    if source == "phantom" or own.publisher == "phantom":
        return own.draw(card)
    path = find(card.name, card.size, root)
    if path is None:
        try:
            path = fetch_set(card.name, card.size, root, progress=progress)
        except FetchError as error:
            if source == own.publisher or not own.has_phantom(card):
                raise
            # Newlines, so that it stands out among other output.
            warnings.warn(
                f"\n\n  PHANTOM IMAGES stand in for {card.title}: {error}\n"
                "  Everything below is about drawn images, not about patients.\n",
                PhantomWarning,
                stacklevel=2,
            )
            return own.draw(card)
    return own.read(path, card, progress)


def folders(root: str | PathLike | None = None) -> list[Path]:
    """Where files are looked for, in order: none where there is neither `root`, nor $MEDTUTOR_DATA, nor a home folder.

    Raises `InputError` for what can be no path.
    """
    # The last is where the medmnist package keeps its files.
    given = [root, os.environ.get("MEDTUTOR_DATA") or None, (own := home()) and own / ".medmnist"]
    return [resolve(folder) for folder in given if folder is not None]


def find(name: str, size: int | None = None, root: str | PathLike | None = None) -> Path | None:
    """The path of a set's file on disk, of the hippocampus also of its folder; or None, as of what is always drawn."""
    return catalog.source(name).find(catalog.card(name, size), folders(root))


def copies(name: str, size: int | None = None, root: str | PathLike | None = None) -> list[Path]:
    """The folders of decoded copies of a set that is larger than memory; most sets have none."""
    return catalog.source(name).copies(catalog.card(name, size), folders(root))


def fetch_set(name: str, size: int | None = None, root: str | PathLike | None = None, *, progress: bool = True) -> Path:
    """Fetch a set's file into the first folder of the search path; its path.

    Raises `FetchError` with what to do where that is impossible.
    """
    return catalog.source(name).fetch(catalog.card(name, size), folders(root), progress)
