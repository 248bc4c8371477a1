"""`load(name)`: a published set from disk or the network, or its phantom."""

import hashlib
import math
import os
import warnings
import zipfile
import zlib
from dataclasses import replace

import numpy as np

from ..checks import flag
from ..errors import FetchError, InputError
from ..files import resolve
from . import catalog, hippocampus
from .dataset import SPLITS, Dataset, _channels_first, make_segmentation_split, make_split
from .fetching import fetch

SOURCES = ("auto", "medmnist", "decathlon", "phantom")
HEADER = 2**16  # bytes that the header of an npy file may take


class PhantomWarning(UserWarning):
    """Phantoms stand in for real images."""


def load(name, size=None, *, source="auto", root=None, progress=True):
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
    published tar. Raises `InputError` for an unknown name, size or source and for a
    damaged file, `FetchError` where the published images are asked for and
    cannot be had, or no phantom of that name exists.
    """
    if not isinstance(source, str) or source not in SOURCES:
        raise InputError(f"unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    card, progress = catalog.card(name, size), flag("progress", progress)
    size, publisher = card.size, catalog.publisher(card.name)
    if source not in ("auto", "phantom", publisher):
        raise InputError(f"{card.name} is not published by {source}; say source={publisher!r}")
    if source == "phantom" or publisher == "phantom":
        return _phantom(card)
    path = find(card.name, size, root)
    if path is None:
        try:
            path = fetch_set(card.name, size, root, progress=progress)
        except FetchError as error:
            if source == publisher or not _has_phantom(card):
                raise
            # Newlines, so that it stands out among other output.
            warnings.warn(
                f"\n\n  PHANTOM IMAGES stand in for {card.title}: {error}\n"
                "  Everything below is about drawn images, not about patients.\n",
                PhantomWarning,
                stacklevel=2,
            )
            return _phantom(card)
    return _as_slices(hippocampus.read(path), card, publisher) if publisher == "decathlon" else _decode(path, card)


def folders(root=None):
    """Where files are looked for, in order: none where there is neither `root`, nor $MEDTUTOR_DATA, nor a home folder.

    Raises `InputError` for what can be no path.
    """
    given = [root, os.environ.get("MEDTUTOR_DATA") or None, catalog.default_folder()]
    return [resolve(folder) for folder in given if folder is not None]


def find(name, size=None, root=None):
    """The path of a set's file on disk, of the hippocampus also of its folder; or None."""
    if catalog.publisher(name) == "phantom":
        return None  # drawn, never on disk
    if catalog.publisher(name) == "decathlon":
        return hippocampus.find(folders(root))
    card = catalog.card(name, size)
    for folder in folders(root):
        path = folder / catalog.filename(card.name, card.size)
        if os.path.isfile(path):  # False also where the folder may not be looked into
            return path
    return None


def fetch_set(name, size=None, root=None, *, progress=True):
    """Fetch a set's file into the first folder of the search path; its path.

    Raises `FetchError` with what to do where that is impossible.
    """
    card = catalog.card(name, size)
    name, size = card.name, card.size
    if catalog.publisher(name) == "phantom":
        raise FetchError(f"{name} is drawn by medtutor; there is nothing to fetch")
    if catalog.publisher(name) == "decathlon":
        return hippocampus.fetch_tar(_first_folder(root), progress=progress)
    url, md5 = catalog.address(name, size)
    return fetch(url, _first_folder(root) / catalog.filename(name, size), md5, progress=progress)


def _first_folder(root):
    found = folders(root)
    if not found:
        raise FetchError(
            "there is no home folder to fetch images to; set MEDTUTOR_DATA to a folder that can be written"
        )
    return found[0]


def _has_phantom(card):
    from . import phantoms

    return card.name == "hippocampus" or (card.name in phantoms.NAMES and card.size == 28)


def _phantom(card):
    # Drawing needs scipy; reading a file does not.
    from . import cine, hippocampus_phantom, marks, phantoms

    if card.frames:
        splits = {}
        for name, clips in cine.draw(catalog.cine_target(card.name)).items():
            splits[name] = replace(make_split(name, clips.images, clips.targets.numpy(), card), masks=clips.masks)
        return Dataset(**splits, card=card, provenance="phantom")
    if catalog.marks_kind(card.name):
        return marks.draw_marks(catalog.marks_kind(card.name))
    if card.name == "hippocampus":
        return _as_slices(hippocampus_phantom.draw(), phantoms.phantom_card(card), "phantom")
    return phantoms.draw(card)


def _as_slices(volumes, card, provenance):
    """Volumes (N, 1, D, H, W) with masks and patients' numbers, as a `Dataset` of their slices."""
    splits = {}
    for name, (images, masks, patients) in volumes.items():
        depth = images.shape[2]
        slices = images.transpose(1, 2).flatten(0, 1).contiguous()
        splits[name] = make_segmentation_split(
            name, slices, masks.flatten(0, 1).numpy(), card, patients.repeat_interleave(depth).numpy()
        )
    return Dataset(**splits, card=card, provenance=provenance)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _decode(path, card):
    """The file's arrays as a `Dataset`, after its MD5 and the sizes that it declares were checked.

    `allow_pickle=False`: an npz that holds Python objects is refused, since
    unpickling runs code from the file.
    """
    _, md5 = catalog.address(card.name, card.size)
    remedy = f"delete {path} and run: medtutor data fetch {card.name} --size {card.size}"
    try:
        found = _md5(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); make it readable, or {remedy}") from error
    if found != md5:
        raise InputError(f"{path.name} is damaged or not the published file (its MD5 differs); {remedy}")
    try:
        _check_sizes(path, card, remedy)
        with np.load(path, allow_pickle=False) as arrays:
            splits = {
                name: make_split(
                    name,
                    _channels_first(arrays[f"{name}_images"], name, sequence=False, copy=False),
                    arrays[f"{name}_labels"],
                    card,
                )
                for name in SPLITS
            }
    except InputError:
        raise
    # The last two: a way of packing that zipfile does not know, and a password.
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(f"{path.name} cannot be read as a MedMNIST file ({error}); {remedy}") from error
    return Dataset(**splits, card=card, provenance="medmnist")


def _check_sizes(path, card, remedy):
    """Refuse a file whose arrays claim to be larger than the published ones, before memory is asked for."""
    counts = catalog.counts(card.name)
    with zipfile.ZipFile(path) as archive:
        for split in SPLITS:
            for kind, most in (("images", math.prod(card.shape) * card.channels), ("labels", 8 * len(card.classes))):
                member = archive.getinfo(f"{split}_{kind}.npy")
                with archive.open(member) as file:
                    size = _declared_bytes(file)
                if size is None:
                    raise InputError(f"{path.name} holds Python objects, which are never unpickled; {remedy}")
                if max(size, member.file_size - HEADER) > counts[split] * most:
                    raise InputError(
                        f"{path.name} declares {split} {kind} of {size:,} bytes, more than the published file has;"
                        f" {remedy}"
                    )


def _declared_bytes(file):
    """The bytes of the array in an open npy file, as its header says; None of Python objects."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return None if dtype.hasobject else math.prod(shape) * dtype.itemsize
