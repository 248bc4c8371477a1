"""`load(name)`: a published set from disk or the network, or its phantom."""

import hashlib
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np

from ..errors import FetchError, InputError
from . import catalog
from .dataset import SPLITS, Dataset, _channels_first, make_split
from .fetching import fetch

SOURCES = ("auto", "medmnist", "phantom")


class PhantomWarning(UserWarning):
    """Phantoms stand in for real images."""


def load(name, size=28, *, source="auto", root=None, progress=True):
    """A MedMNIST set by name, as a `Dataset` of uint8 tensors.

    name    "pneumoniamnist", "breastmnist", … (`medtutor data list`)
    size    pixels: 28, 64, 128 or 224; 3-D sets 28 or 64
    source  "auto": from disk, else fetched, else the phantom of that name with
            a `PhantomWarning`; "medmnist": the published images or an error;
            "phantom": always the phantom (28 pixels)
    root    a folder to look in first, and to fetch to

    Files are looked for in `root`, then `$MEDTUTOR_DATA`, then `~/.medmnist`,
    and their MD5 is checked. Raises `InputError` for an unknown name, size or
    source and for a damaged file, `FetchError` where `source="medmnist"` and
    the file cannot be had, or no phantom of that name exists.
    """
    if source not in SOURCES:
        raise InputError(f"unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    card = catalog.card(name, size)
    if source == "phantom":
        return _phantom(card)
    path = find(card.name, size, root)
    if path is None:
        try:
            path = fetch_set(card.name, size, root, progress=progress)
        except FetchError as error:
            if source == "medmnist" or not _has_phantom(card):
                raise
            # Newlines, so that it stands out among other output.
            warnings.warn(
                f"\n\n  PHANTOM IMAGES stand in for {card.title}: {error}\n"
                "  Everything below is about drawn images, not about patients.\n",
                PhantomWarning,
                stacklevel=2,
            )
            return _phantom(card)
    return _decode(path, card)


def folders(root=None):
    """Where files are looked for, in order."""
    given = [root, os.environ.get("MEDTUTOR_DATA"), catalog.default_folder()]
    return [Path(folder).expanduser() for folder in given if folder]


def find(name, size=28, root=None):
    """The path of a set's file on disk, or None."""
    for folder in folders(root):
        path = folder / catalog.filename(name, size)
        if path.is_file():
            return path
    return None


def fetch_set(name, size=28, root=None, *, progress=True):
    """Fetch a set's file into the first folder of the search path; its path.

    Raises `FetchError` with what to do where that is impossible.
    """
    name = catalog.card(name, size).name
    url, md5 = catalog.address(name, size)
    return fetch(url, folders(root)[0] / catalog.filename(name, size), md5, progress=progress)


def _has_phantom(card):
    from . import phantoms

    return card.name in phantoms.NAMES and card.size == 28


def _phantom(card):
    # Drawing needs scipy; reading a file does not.
    from . import phantoms

    return phantoms.draw(card)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _decode(path, card):
    """The file's arrays as a `Dataset`, after its MD5 was checked.

    `allow_pickle=False`: an npz that holds Python objects is refused, since
    unpickling runs code from the file.
    """
    _, md5 = catalog.address(card.name, card.size)
    remedy = f"delete {path} and run: medtutor data fetch {card.name} --size {card.size}"
    if _md5(path) != md5:
        raise InputError(f"{path.name} is damaged or not the published file (its MD5 differs); {remedy}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            splits = {
                name: make_split(
                    name,
                    _channels_first(arrays[f"{name}_images"], name, sequence=False),
                    arrays[f"{name}_labels"],
                    card,
                )
                for name in SPLITS
            }
    except (zipfile.BadZipFile, KeyError, EOFError, OSError) as error:
        raise InputError(f"{path.name} cannot be read as a MedMNIST file ({error}); {remedy}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} holds Python objects, which are never unpickled; {remedy}") from error
    return Dataset(**splits, card=card, provenance="medmnist")
