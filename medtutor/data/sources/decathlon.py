"""The hippocampus set: MRI volumes with expert masks, read from NIfTI files.

Task04 of the Medical Segmentation Decathlon: T1-weighted MRI, cut out around
one hippocampus, 1 mm between voxels. Experts marked its anterior part (label 1,
the head) and its posterior part (label 2, body and tail). CC BY-SA 4.0.

Simpson et al., arXiv:1902.09063 (2019); Antonelli et al., Nature
Communications 13:4128 (2022).

The published set has 260 volumes with masks; the 48 of `SPLIT` are enough for a
course. The files do not say of which patient they are, but their brightness hints
at it: in all 14 pairs of numbers 2k - 1 and 2k, median and spread of the two agree
within 7 %, and in 5 % of all other pairs; scanners' scales differ up to several
hundredfold. So two such volumes are taken for one patient's, probably the two sides
of the head, one mirrored: a patient is (number + 1) // 2, there are 34, and the
split keeps each one's volumes together.
"""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pooch
import torch

from ...errors import InputError
from ..arrays import make_split
from ..card import Card, phantom_card
from ..dataset import Dataset
from .fetching import fetch, first_folder
from .nifti import SHAPE, SPACING, content, pair
from .source import Source

TAR = "Task04_Hippocampus.tar"
# The address and MD5 that MONAI's DecathlonDataset names.
URL = f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{TAR}"
MD5 = "9d24dba78a72977dbd1d2e110310f31b"
CITATION = "Simpson et al., arXiv:1902.09063 (2019); Antonelli et al., Nature Communications 13:4128 (2022)"

CLASSES = ("background", "anterior", "posterior")
PARTS = ("imagesTr", "labelsTr")  # the folders of the published set
# Drawn once: the 34 patients, sorted, in the order of numpy.random.default_rng(0).permutation, each with all
# volumes to the first split that has room for them: test (12 volumes), then val (6), then train (30).
SPLIT = {
    split: tuple(map(int, numbers.split()))
    for split, numbers in {
        "train": "1 7 8 17 23 24 25 33 34 39 40 42 44 45 46 48 49 50 58 60 70 77 83 84 87 88 89 90 91 92",
        "val": "14 19 20 35 36 56",
        "test": "11 15 37 38 52 53 67 74 75 95 96 97",
    }.items()
}


class Decathlon(Source):
    """The hippocampus, as slices: its `Dataset.as_volumes` stacks them."""

    publisher = "decathlon"
    names = ("hippocampus",)

    def sizes(self, name: str) -> tuple[int, ...]:
        return (SHAPE[-1],)

    def counts(self, name: str) -> dict[str, int]:
        return {split: len(ids) for split, ids in SPLIT.items()}  # of volumes

    def card(self, name: str, size: int) -> Card:
        return Card(
            name=name,
            title="Hippocampus (Decathlon Task04)",
            modality="brain MRI, T1, sagittal slices",
            task="segmentation",
            classes=CLASSES,
            channels=1,
            shape=SHAPE[1:],
            spacing=SPACING,
            licence="CC BY-SA 4.0",
            citation=CITATION,
            description=(
                "T1-weighted MRI cut out around one hippocampus, whose front and back part experts have marked."
            ),
            warnings=(
                "A teaching split, by patient, of 48 of the 260 published volumes; 12 volumes of 10 people are"
                " tested: read the intervals, which draw people.",
            ),
            publisher=self.publisher,
        )

    def find(self, card: Card, folders: Sequence[Path]) -> Path | None:
        return find(folders)

    def fetch(self, card: Card, folders: Sequence[Path], progress: bool = True) -> Path:
        return fetch_tar(first_folder(folders), progress=progress)

    def read(self, path: Path, card: Card, progress: bool = True) -> Dataset:
        return _as_slices(read(path), card, self.publisher)

    def draw(self, card: Card) -> Dataset:
        from ..phantoms import hippocampus  # brings scipy, which only drawing needs

        return _as_slices(hippocampus.draw(), phantom_card(card), "phantom")


def _as_slices(volumes, card, provenance):
    """Volumes (N, 1, D, H, W) with masks and their numbers, as a `Dataset` of their slices."""
    splits = {}
    for name, (images, masks, patients) in volumes.items():
        depth = images.shape[2]
        slices = images.transpose(1, 2).flatten(0, 1).contiguous()
        of_whom = patients.repeat_interleave(depth).numpy()
        # Of two published volumes 2k - 1 and 2k; every phantom is drawn for itself.
        people = (of_whom + 1) // 2 if provenance == "decathlon" else None
        splits[name] = make_split(name, slices, masks.flatten(0, 1).numpy(), card, of_whom, people)
    return Dataset(**splits, card=card, provenance=provenance)


def find(folders: Sequence[str | Path]) -> Path | None:
    """Where the set lies: a `Path` for `read`, or None.

    folders  looked through in order; in each, the folders "hippocampus" and
             "Task04_Hippocampus" that hold imagesTr and labelsTr, then the
             file Task04_Hippocampus.tar
    """
    for folder in map(Path, folders):
        for path in (folder / "hippocampus", folder / "Task04_Hippocampus"):
            if all(os.path.isdir(path / part) for part in PARTS):  # False also where nobody may look
                return path
        if os.path.isfile(folder / TAR):
            return folder / TAR
    return None


def fetch_tar(folder: str | Path, progress: bool = True) -> Path:
    """Fetch the published tar file (27 MB) into a folder, unless it is there; its path.

    Raises `FetchError` with what to do where that is impossible.
    """
    return fetch(URL, Path(folder) / TAR, MD5, progress=progress)


def read(path: str | Path) -> dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """The volumes of `SPLIT`: {"train": (images, masks, ids), "val": …, "test": …}.

    path    what `find` gave: the folder that holds imagesTr and labelsTr, or
            the published tar file, whose MD5 is checked and which is read in
            memory, never extracted

    images uint8 (N, 1, 48, 56, 40), masks uint8 (N, 48, 56, 40) of 0, 1, 2,
    ids int64 (N,): the numbers in the files' names. How a volume becomes
    uint8, see `nifti.read_pair`.

    Raises `InputError` for a volume that is not there, has no mask or cannot
    be read, with the file's name.
    """
    path = Path(path)
    files = _from_folder(path) if path.is_dir() else _from_tar(path)
    _check_complete(files, path)
    splits = {}
    for split, ids in SPLIT.items():
        pairs = []
        for i in ids:
            image, mask = ((files[part, i], f"{part}/{_filename(i)}") for part in PARTS)
            pairs.append(pair(image, mask, len(CLASSES)))
        images, masks = (torch.stack(arrays) for arrays in zip(*pairs))
        splits[split] = images, masks, torch.tensor(ids, dtype=torch.int64)
    return splits


def _filename(number):
    return f"hippocampus_{number:03d}.nii.gz"


def _wanted():
    """(part, number) of each file that `read` reads, and its name in the published set."""
    numbers = [number for ids in SPLIT.values() for number in ids]
    return {(part, number): f"{part}/{_filename(number)}" for part in PARTS for number in numbers}


def _from_folder(path):
    """The bytes of the files that are there, by (part, number)."""
    return {key: content(path / name) for key, name in _wanted().items() if (path / name).is_file()}


def _from_tar(path):
    """As `_from_folder`, out of the published tar file: only members of the expected names, in memory."""
    if not path.is_file():
        raise InputError(f"there is no {path}; run: medtutor data fetch hippocampus")
    remedy = f"delete {path} and run: medtutor data fetch hippocampus"
    if pooch.file_hash(str(path), alg="md5") != MD5:
        raise InputError(f"{path.name} is damaged or not the published file (its MD5 differs); {remedy}")
    keys = {PurePosixPath("Task04_Hippocampus", name): key for key, name in _wanted().items()}
    try:
        with tarfile.open(path, "r:") as tar:
            members = {keys.get(PurePosixPath(member.name)): member for member in tar if member.isfile()}
            return {key: tar.extractfile(member).read() for key, member in members.items() if key}
    except tarfile.TarError as error:
        raise InputError(f"{path.name} cannot be read as a tar file ({error}); {remedy}") from error


def _check_complete(files, path):
    """Refuse a set without some of the volumes, or with half of a pair."""
    remedy = "put the missing files there, or delete it and run: medtutor data fetch hippocampus"
    numbers = sorted({number for _, number in _wanted()})
    lost = [number for number in numbers if all((part, number) not in files for part in PARTS)]
    if lost:
        names = ", ".join(f"hippocampus_{number:03d}" for number in lost[:3]) + (", …" if len(lost) > 3 else "")
        raise InputError(f"{path} lacks {len(lost)} of {len(numbers)} volumes ({names}); {remedy}")
    for number in numbers:
        for part, other in (PARTS, PARTS[::-1]):
            if (part, number) not in files:
                raise InputError(f"{path}: {_filename(number)} is in {other} but not in {part}; {remedy}")
