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

import gzip
import io
import math
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
import pooch
import torch

from ..checks import whole
from ..errors import InputError
from ..files import resolve
from .fetching import fetch

TAR = "Task04_Hippocampus.tar"
# The address and MD5 that MONAI's DecathlonDataset names.
URL = f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{TAR}"
MD5 = "9d24dba78a72977dbd1d2e110310f31b"
CITATION = "Simpson et al., arXiv:1902.09063 (2019); Antonelli et al., Nature Communications 13:4128 (2022)"

SHAPE = (48, 56, 40)  # voxels from left to right, from back to front, from below to above
SPACING = (1.0, 1.0, 1.0)  # mm between voxels along each of them
CLASSES = ("background", "anterior", "posterior")
PARTS = ("imagesTr", "labelsTr")  # the folders of the published set
LARGEST = 2**28  # bytes of a file, unpacked: 256 MB hold a whole head, and no more is read into memory

# Drawn once: the 34 patients, sorted, in the order of numpy.random.default_rng(0).permutation, each with all
# volumes to the first split that has room for them: test (12 volumes), then val (6), then train (30).
SPLIT = {
    "train": (
        1,
        7,
        8,
        17,
        23,
        24,
        25,
        33,
        34,
        39,
        40,
        42,
        44,
        45,
        46,
        48,
        49,
        50,
        58,
        60,
        70,
        77,
        83,
        84,
        87,
        88,
        89,
        90,
        91,
        92,
    ),
    "val": (14, 19, 20, 35, 36, 56),
    "test": (11, 15, 37, 38, 52, 53, 67, 74, 75, 95, 96, 97),
}


def find(folders):
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


def fetch_tar(folder, progress=True):
    """Fetch the published tar file (27 MB) into a folder, unless it is there; its path.

    Raises `FetchError` with what to do where that is impossible.
    """
    return fetch(URL, Path(folder) / TAR, MD5, progress=progress)


def read(path):
    """The volumes of `SPLIT`: {"train": (images, masks, ids), "val": …, "test": …}.

    path    what `find` gave: the folder that holds imagesTr and labelsTr, or
            the published tar file, whose MD5 is checked and which is read in
            memory, never extracted

    images uint8 (N, 1, 48, 56, 40), masks uint8 (N, 48, 56, 40) of 0, 1, 2,
    ids int64 (N,): the numbers in the files' names. How a volume becomes
    uint8, see `read_pair`.

    Raises `InputError` for a volume that is not there, has no mask or cannot
    be read, with the file's name.
    """
    path = Path(path)
    files = _from_folder(path) if path.is_dir() else _from_tar(path)
    _check_complete(files, path)
    splits = {}
    for split, ids in SPLIT.items():
        pairs = [
            _pair(*(files[part, i] for part in PARTS), *(f"{part}/{_filename(i)}" for part in PARTS), len(CLASSES))
            for i in ids
        ]
        images, masks = (torch.stack(arrays) for arrays in zip(*pairs))
        splits[split] = images, masks, torch.tensor(ids, dtype=torch.int64)
    return splits


def read_pair(image_path, mask_path, labels=3):
    """One volume and its mask from NIfTI files (.nii or .nii.gz), as `read` does it.

    labels  how many values the mask may have: 3 allows 0, 1 and 2

    Returns an image uint8 (1, 48, 56, 40) and a mask uint8 (48, 56, 40). The
    brightness is cut off below the 1st and above the 99th percentile of the
    volume; then 0 is 3 standard deviations below the mean, 255 as much above.
    Smaller volumes are padded on all sides, with their lowest value; larger
    ones are cut, where no label is lost.

    Raises `InputError` where the two do not belong together (shape, place),
    where they are not 1 mm volumes with the usual order of axes, for a mask
    that is empty or holds other labels, for NaN and constant images, for
    files that are no NIfTI, or larger than `LARGEST`.
    """
    labels = whole("labels", labels, 2, 256)
    files = []
    for path in map(resolve, (image_path, mask_path)):
        try:
            files.append(_content(path))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); give the path of a NIfTI file") from error
    names = [Path(path).name for path in (image_path, mask_path)]
    if names[0] == names[1]:  # as in the published set: only the folders differ
        names = [str(Path(path)) for path in (image_path, mask_path)]
    return _pair(*files, *names, labels)


def _content(path):
    """A file's bytes. Raises `InputError` where they are too many to be read."""
    if path.stat().st_size > LARGEST:
        raise _too_large(path.name)
    return path.read_bytes()


def _too_large(name):
    return InputError(f"{name} holds more than {LARGEST // 2**20} MB; crop the volume around the structure first")


def _filename(number):
    return f"hippocampus_{number:03d}.nii.gz"


def _wanted():
    """(part, number) of each file that `read` reads, and its name in the published set."""
    numbers = [number for ids in SPLIT.values() for number in ids]
    return {(part, number): f"{part}/{_filename(number)}" for part in PARTS for number in numbers}


def _from_folder(path):
    """The bytes of the files that are there, by (part, number)."""
    return {key: _content(path / name) for key, name in _wanted().items() if (path / name).is_file()}


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


def _pair(image_bytes, mask_bytes, image_name, mask_name, labels):
    """A checked pair of NIfTI files as tensors: image (1, *SHAPE), mask SHAPE, both uint8."""
    image, image_affine = _nifti(image_bytes, image_name)
    mask, mask_affine = _nifti(mask_bytes, mask_name)
    _check_grid(image_affine, image_name)
    if mask.shape != image.shape:
        raise InputError(
            f"{mask_name} has shape {mask.shape} but its image {image_name} {image.shape}; give the mask of that image"
        )
    if not np.allclose(mask_affine, image_affine, rtol=0, atol=1e-3):
        raise InputError(
            f"{mask_name} has another affine than its image {image_name}, so it lies elsewhere in the head; "
            "resample the mask to the image's grid, or give the mask of that image"
        )
    _check_labels(mask, mask_name, labels)
    image = fit(grey_levels(image, image_name))
    fitted = fit(mask.astype(np.uint8), 0)
    if np.count_nonzero(fitted) < np.count_nonzero(mask):
        raise InputError(
            f"{mask_name} has labels outside the middle {' x '.join(map(str, SHAPE))} voxels, which would be cut off; "
            "crop image and mask around the structure first"
        )
    return torch.from_numpy(image)[None], torch.from_numpy(fitted)


def _nifti(content, name):
    """Array and affine (4, 4) of a NIfTI file's bytes; three axes, real numbers.

    What the header declares is compared with what is there before memory is asked for.
    """
    import nibabel  # half a second, and only reading needs it

    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(LARGEST + 1)
            if len(content) > LARGEST:
                raise _too_large(name)
        # Without the notes that may follow the header: they are of many kinds, and none is needed.
        file = nibabel.Nifti1Image.from_bytes(content[:348] + bytes(4) + content[352:])
        _check_declared(file, len(content))
        with np.errstate(all="ignore"):  # a scale that makes infinite values, which are refused
            array = np.asarray(file.dataobj)
    except InputError:
        raise
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        ArithmeticError,
        TypeError,
        nibabel.spatialimages.ImageDataError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.wrapstruct.WrapStructError,
    ) as error:
        cause = f"{error}".splitlines()[0].rstrip(".") if f"{error}" else type(error).__name__
        raise InputError(f"{name} is no whole NIfTI file ({cause}); get it anew, or export it as .nii.gz") from error
    if array.ndim != 3 or not array.size:
        raise InputError(f"{name} has {array.ndim} axes, shape {array.shape}; give one volume with 3 axes")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} holds {array.dtype}, not grey values; export it as one number a voxel")
    return array, file.affine


def _check_declared(file, there):
    """Raise `ValueError` where the header promises more than the bytes that are there."""
    voxels = math.prod(file.shape) if all(side >= 0 for side in file.shape) else math.inf
    wanted = file.dataobj.offset + voxels * file.dataobj.dtype.itemsize
    if not 0 <= wanted <= there:
        raise ValueError(f"its header declares {wanted:,} bytes, the file holds {there:,}")


def _check_grid(affine, name):
    """Refuse axes that are not left to right, back to front, below to above, 1 mm each."""
    axes = affine[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    if not np.allclose(axes, np.diag(spacing), rtol=0, atol=1e-3) or not spacing.all():
        raise InputError(
            f"{name} has its axes in another order than right, anterior, superior; "
            "reorient image and mask first: nibabel.as_closest_canonical, then resample if it is oblique"
        )
    if not np.allclose(spacing, SPACING, rtol=0, atol=1e-3):
        raise InputError(
            f"{name} has voxels of {' x '.join(f'{mm:.4g}' for mm in spacing)} mm; resample image and mask to 1 mm"
            " first"
        )


def _check_labels(mask, name, labels):
    """Refuse masks without a label and with values that are none."""
    allowed = f"0 to {labels - 1}"
    values = np.unique(mask)
    wrong = values[~np.isin(values, range(labels))]
    if len(wrong):
        raise InputError(f"{name} holds the value {wrong[0]:g}; a mask here has whole labels from {allowed} only")
    if not values.any():
        raise InputError(f"{name} is empty, all background; give a mask with labels from {allowed}")


def grey_levels(image, name):
    """Clip to the 1st…99th percentile, then map -3…+3 standard deviations to 0…255."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputError(f"{name} holds NaN or infinite values; replace them in the file, for example with 0")
    image = np.clip(image, *np.percentile(image, [1, 99]))
    # In double precision: scanners write values up to 1e5 and above.
    mean, spread = image.mean(dtype=np.float64), image.std(dtype=np.float64)
    if spread <= 1e-6 * abs(mean):
        raise InputError(f"{name} is constant, one value nearly everywhere; give an image with contrast")
    return np.clip(np.rint(((image - mean) / spread + 3) * (255 / 6)), 0, 255).astype(np.uint8)


def fit(volume, fill=None):
    """Centre a volume in `SHAPE`: pad with `fill`, its lowest value when left out, or cut."""
    fill = volume.min() if fill is None else fill
    for axis, size in enumerate(SHAPE):
        have = volume.shape[axis]
        if have > size:
            start = (have - size) // 2
            volume = volume.take(range(start, start + size), axis)
        else:
            before = (size - have) // 2
            pads = [(0, 0)] * 3
            pads[axis] = (before, size - have - before)
            volume = np.pad(volume, pads, constant_values=fill)
    return np.ascontiguousarray(volume)
