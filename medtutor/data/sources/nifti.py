"""`read_pair`: an MRI volume and its mask from NIfTI files, as the hippocampus networks here take them."""

import gzip
import io
import math
import struct
import zlib
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from ...checks import whole
from ...errors import InputError
from ...files import resolve

SHAPE = (48, 56, 40)  # voxels from left to right, from back to front, from below to above
SPACING = (1.0, 1.0, 1.0)  # mm between voxels along each of them
LARGEST = 2**28  # bytes of a file, unpacked: 256 MB hold a whole head, and no more is read into memory


def is_nifti(content: bytes) -> bool:
    """Whether a file's bytes begin as those of a NIfTI file, packed by gzip or not.

    >>> is_nifti(b"no picture")
    False
    """
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(352)
        except (OSError, EOFError, zlib.error):
            return False
    lengths = [struct.pack(order + "i", length) for order in "<>" for length in (348, 540)]
    return content[:4] in lengths and (content[344:346] == b"n+" or content[4:6] == b"n+")


def read_pair(
    image_path: str | PathLike, mask_path: str | PathLike, labels: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """One volume and its mask from NIfTI files (.nii or .nii.gz), as the Decathlon's are read.

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

    >>> import nibabel, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, array in (("scan", np.arange(8000.0)), ("mask", np.arange(8000) % 3)):
    ...         volume = nibabel.Nifti1Image(array.reshape(20, 20, 20).astype(np.float32), np.eye(4))
    ...         nibabel.save(volume, f"{folder}/{name}.nii.gz")
    ...     image, mask = read_pair(f"{folder}/scan.nii.gz", f"{folder}/mask.nii.gz")
    >>> image.shape, mask.shape
    (torch.Size([1, 48, 56, 40]), torch.Size([48, 56, 40]))
    """
    labels = whole("labels", labels, 2, 256)
    files = []
    for path in map(resolve, (image_path, mask_path)):
        try:
            files.append(content(path))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); give the path of a NIfTI file") from error
    names = [Path(path).name for path in (image_path, mask_path)]
    if names[0] == names[1]:  # as in the published set: only the folders differ
        names = [str(Path(path)) for path in (image_path, mask_path)]
    image, mask = zip(files, names)
    return pair(image, mask, labels)


def content(path):
    """A file's bytes. Raises `InputError` where they are too many to be read."""
    if path.stat().st_size > LARGEST:
        raise _too_large(path.name)
    return path.read_bytes()


def _too_large(name):
    return InputError(f"{name} holds more than {LARGEST // 2**20} MB; crop the volume around the structure first")


def pair(image_file, mask_file, labels):
    """A checked pair of NIfTI files, (bytes, name) each, as tensors: image (1, *SHAPE), mask SHAPE, both uint8."""
    (_, image_name), (_, mask_name) = image_file, mask_file
    image, image_affine = read_volume(*image_file)
    mask, mask_affine = read_volume(*mask_file)
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


def read_volume(content, name, most=LARGEST):
    """Array and affine (4, 4) of a NIfTI file's bytes; three axes, real numbers, at most so many voxels.

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
        if math.prod(file.shape) > most:
            raise InputError(f"{name} has {math.prod(file.shape):,} voxels, and at most {most:,} can be read; crop it")
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
