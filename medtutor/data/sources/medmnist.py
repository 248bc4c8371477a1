"""MedMNIST: 18 sets, each an npz file with its published MD5.

The `medmnist` package's `INFO` has the names, addresses, MD5 sums, labels and
licences. Here stands only what it does not say: the modality as one short
name, the symmetries that keep the label, and what to beware of.

Source of the facts: Yang et al., MedMNIST v2, Scientific Data 10:41 (2023),
and medmnist.com.
"""

import ast
import hashlib
import math
import os
import zipfile
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...errors import InputError, MedtutorError
from .. import phantoms
from ..arrays import channels_first, make_split
from ..card import SPLITS, Card
from ..dataset import Dataset
from . import decoded
from .fetching import fetch, first_folder
from .source import Source

CITATION = "Yang et al., MedMNIST v2, Scientific Data 10:41 (2023)"
HEADER = 2**16  # bytes that the header of an npy file may take
# What numpy and zipfile raise for a broken npz file; a way of packing that zipfile does not know is a
# NotImplementedError, a password a RuntimeError.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, ValueError, RuntimeError)

_TASK = {
    "binary-class": "binary",
    "multi-class": "multi-class",
    "multi-label, binary-class": "multi-label",
    "ordinal-regression": "ordinal",
}

# name: (modality, axes along which a mirrored image keeps its label).
# Axes count from the end: -1 is left-right, -2 up-down, -3 through the slices.
# Organs have a side (left and right kidney are two classes): never mirrored.
_MODALITY = {
    "pathmnist": ("colon pathology", (-1, -2)),
    "chestmnist": ("chest X-ray", (-1,)),
    "dermamnist": ("dermatoscope", (-1, -2)),
    "octmnist": ("retinal OCT", (-1,)),
    "pneumoniamnist": ("chest X-ray", (-1,)),
    "retinamnist": ("fundus camera", (-1, -2)),
    "breastmnist": ("breast ultrasound", (-1,)),
    "bloodmnist": ("blood cell microscope", (-1, -2)),
    "tissuemnist": ("kidney cortex microscope", (-1, -2)),
    "organamnist": ("abdominal CT, axial", ()),
    "organcmnist": ("abdominal CT, coronal", ()),
    "organsmnist": ("abdominal CT, sagittal", ()),
    "organmnist3d": ("abdominal CT", ()),
    "nodulemnist3d": ("chest CT", (-1, -2, -3)),
    "adrenalmnist3d": ("shape from abdominal CT", (-1, -2, -3)),
    "fracturemnist3d": ("chest CT", (-1,)),
    "vesselmnist3d": ("shape from brain MRA", (-1, -2, -3)),
    "synapsemnist3d": ("electron microscope", (-1, -2, -3)),
}

_WARNINGS = {
    "chestmnist": (
        (
            "Accuracy says nothing here, since each of the 14 findings is rare: published networks with an AUC of 0.74"
            " to 0.79 all have one of 0.94 to 0.95. Read the AUC."
        ),
    ),
    "dermamnist": (
        "CC BY-NC 4.0: not for commercial use, unlike the other sets.",
        (
            "Images of one lesion stand in more than one split (Abhishek et al., "
            "Scientific Data 12:196, 2025): results are too good."
        ),
    ),
    # Counted with subsets.near_duplicates; a test counts again where the files are.
    "breastmnist": (
        "The test set has 156 images: one image is 0.64 points of accuracy. Read the intervals.",
        (
            "Its splits share images: at 28 pixels 55 of 156 test images have a training image that correlates above"
            " 0.97 (39 above 0.99), 31 of 78 validation images likewise. Read results on the other 101 test images,"
            " too."
        ),
        "Test image 76 is training image 115 byte for byte at 28 pixels, with the other label.",
    ),
    "pneumoniamnist": (
        (
            "Children of one to five years of one hospital (Kermany et al., Cell 172:1122, 2018): results say nothing"
            " about others."
        ),
        (
            "Validation images are a random tenth of the source's training images, so a child may stand in both; 8 of"
            " 524 are training images byte for byte at 28 pixels. The test images are a set of their own, and none of"
            " the 624 is a training image. They hold 62.5 % pneumonia, the others 74 %: a validation result is no"
            " forecast of the test result."
        ),
    ),
    "adrenalmnist3d": (
        "Binary shapes, no grey images: at 28 pixels every voxel is 0 or 255.",
        "The validation split has 98 volumes: small differences on it are noise.",
    ),
    "vesselmnist3d": ("Binary shapes, no grey images: at 28 pixels every voxel is 0 or 255.",),
}


class MedMNIST(Source):
    """The 18 sets, 2-D before 3-D."""

    publisher = "medmnist"
    names = tuple(_MODALITY)

    def sizes(self, name: str) -> tuple[int, ...]:
        return (28, *(size for size in (64, 128, 224) if f"MD5_{size}" in _info()[name]))

    def counts(self, name: str) -> dict[str, int]:
        return dict(_info()[name]["n_samples"])

    def card(self, name: str, size: int) -> Card:
        info = _info()[name]
        modality, mirror = _MODALITY[name]
        return Card(
            name=name,
            title=info["python_class"],
            modality=modality,
            task=_TASK[info["task"]],
            classes=tuple(info["label"][str(i)] for i in range(len(info["label"]))),
            channels=info["n_channels"],
            shape=(size,) * (3 if name.endswith("3d") else 2),
            mirror=mirror,
            licence=info["license"],
            citation=CITATION,
            description=info["description"],
            warnings=_WARNINGS.get(name, ()),
            publisher=self.publisher,
        )

    def find(self, card: Card, folders: Sequence[Path]) -> Path | None:
        paths = (folder / filename(card.name, card.size) for folder in folders)
        return next((path for path in paths if os.path.isfile(path)), None)  # False also where nobody may look

    def fetch(self, card: Card, folders: Sequence[Path], progress: bool = True) -> Path:
        url, md5 = address(card.name, card.size)
        return fetch(url, first_folder(folders) / filename(card.name, card.size), md5, progress=progress)

    def read(self, path: Path, card: Card, progress: bool = True) -> Dataset:
        """The file's arrays as a `Dataset`, after its MD5 and the sizes that it declares were checked.

        `allow_pickle=False`: an npz that holds Python objects is refused, since
        unpickling runs code from the file. Images that would take too much of the memory are mapped (`decoded`).
        """
        _, md5 = address(card.name, card.size)
        large = _is_large(path)
        images = decoded.ready(path, md5, unchanged=True) if large else None
        if images is None:
            _check(path, card, md5)
        try:
            if large:
                images = images or decoded.decode(path, md5, progress)
            with np.load(path, allow_pickle=False) as arrays:
                splits = {
                    name: make_split(
                        name,
                        images[name]
                        if images
                        else channels_first(arrays[f"{name}_images"], name, sequence=False, copy=False),
                        arrays[f"{name}_labels"],
                        card,
                    )
                    for name in SPLITS
                }
        except MedtutorError:
            raise
        except _UNREADABLE as error:
            raise _unreadable(path, card, error) from error
        return Dataset(**splits, card=card, provenance=self.publisher)

    def copies(self, card: Card, folders: Sequence[Path]) -> list[Path]:
        paths = (copy for folder in folders for copy in decoded.copies(folder / filename(card.name, card.size)))
        return list(dict.fromkeys(paths))

    def has_phantom(self, card: Card) -> bool:
        return card.name in phantoms.NAMES and card.size == 28

    def draw(self, card: Card) -> Dataset:
        return phantoms.draw(card)


@cache
def _info():
    # `import medmnist` brings pandas, scikit-image and torchvision: two seconds
    # and 100 MB for a table. Its catalogue is a file of its own, of which the table
    # alone is read: run, the file would make a folder, without a home one named "~".
    file = Path(find_spec("medmnist").submodule_search_locations[0]) / "info.py"
    tables = {
        getattr(node.targets[0], "id", ""): node.value
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
    }
    return ast.literal_eval(tables["INFO"])


def filename(name: str, size: int = 28) -> str:
    """The name of the set's file, as the medmnist package writes it."""
    return f"{name}.npz" if size == 28 else f"{name}_{size}.npz"


def address(name: str, size: int = 28) -> tuple[str, str]:
    """(url, md5) of the set's file."""
    suffix = "" if size == 28 else f"_{size}"
    info = _info()[name]
    return info[f"url{suffix}"], info[f"MD5{suffix}"]


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _check(path, card, md5):
    """Refuse a file that is not the published one, or that declares more than that has."""
    remedy = _remedy(path, card)
    try:
        found = _md5(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); make it readable, or {remedy}") from error
    if found != md5:
        raise InputError(f"{path.name} is damaged or not the published file (its MD5 differs); {remedy}")
    try:
        _check_sizes(path, card, remedy)
    except InputError:
        raise
    except _UNREADABLE as error:
        raise _unreadable(path, card, error) from error


def _remedy(path, card):
    return f"delete {path} and run: medtutor data fetch {card.name} --size {card.size}"


def _unreadable(path, card, error):
    return InputError(f"{path.name} cannot be read as a MedMNIST file ({error}); {_remedy(path, card)}")


def _is_large(path):
    try:
        return decoded.too_large(path)
    except _UNREADABLE:  # which is said where it is read
        return False


def _check_sizes(path, card, remedy):
    """Refuse a file whose arrays claim to be larger than the published ones, before memory is asked for."""
    counts = _info()[card.name]["n_samples"]
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
