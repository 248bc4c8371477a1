"""DICOM and NIfTI files of the user's own, as grey levels or colours of 8 bits, with words on what was done to them."""

import io
import warnings

import numpy as np
import torch
from torch.nn import functional

from ..data.sources.dicom import GREY, decoded, decodes
from ..data.sources.nifti import read_volume
from ..errors import InputError

VOXELS = 2**26  # of a NIfTI file: 400 x 400 x 400, which become at most 512 MB in memory
PIXELS = 2**25  # of a frame of a DICOM file: a large mammogram has 24 million


def is_dicom(content: bytes) -> bool:
    """Whether a file's bytes are those of a DICOM file: DICM stands behind a preamble of 128 bytes.

    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"no picture")
    (True, False)
    """
    return content[128:132] == b"DICM"


def dicom_frame(content: bytes, name: str) -> tuple[np.ndarray, str, list[str]]:
    """(pixels, kind, what was done): one frame of a DICOM file's bytes, uint8 (H, W) or (H, W, 3).

    name  of the file, for messages

    Of several frames it is the middle one. Grey values are rescaled as the file says, and its (first) window is
    applied; without one they are spread from the lowest to the highest. MONOCHROME1 is inverted, so that more is
    brighter.
    Raises `InputError` for a file without an image, one that nothing here decodes, and one that is damaged.
    """
    import pydicom  # a quarter of a second, and only reading needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that break the standard; those that matter are looked at here
        try:
            _check_packed(content, name)
            file = pydicom.dcmread(io.BytesIO(content))
            return _frame(file, name)
        except InputError:
            raise
        except Exception as error:  # any value may be missing or of another kind, and pydicom raises as it falls
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"{name} is no whole DICOM file ({reason}); get it anew, or export it as PNG") from error


def nifti_slice(content: bytes, name: str) -> tuple[np.ndarray, str, list[str]]:
    """(pixels, kind, what was done): the middle slice of a NIfTI file's bytes, from below to above, uint8 (H, W).

    It lies as radiology has it, front above and the patient's right on the left, where the file says which is which.
    Raises `InputError` for a file that is no whole NIfTI of one volume.
    """
    array, sizes, turned = _volume(content, name)
    middle = array.shape[2] // 2
    done = [f"taken as its middle slice ({middle + 1} of {array.shape[2]})"]
    done += ["turned as radiology has it, front above and the patient's right on the left"] if turned else []
    done += _as_cubes(sizes[:2], "pixels", "squares")
    pixels = array[:, :, middle]
    pixels = (pixels[::-1, ::-1] if turned else pixels).T
    return eight_bits(pixels, name), "NIfTI, grey, its levels spread from lowest to highest", done


def nifti_volume(content: bytes, name: str, shape: tuple[int, ...]) -> tuple[torch.Tensor, str]:
    """(uint8 (1, *shape), a sentence on what was done): the whole volume of a NIfTI file's bytes.

    shape  (D, H, W) that it is made to fit; from left to right, back to front, below to above, where the file says so

    Cut to the proportions of the shape around its middle, then resized; never stretched.
    Raises `InputError` for a file that is no whole NIfTI of one volume.
    """
    array, sizes, turned = _volume(content, name)
    was, done = array.shape, ["turned to left-right, back-front, below-above"] if turned else []
    done += _as_cubes(sizes, "voxels", "cubes")
    step = min(have / want for have, want in zip(was, shape))
    kept = [max(1, min(have, round(want * step))) for have, want in zip(was, shape)]
    if tuple(kept) != was:
        done.append("cut to its middle")
    array = array[tuple(slice((have - keep) // 2, (have - keep) // 2 + keep) for have, keep in zip(was, kept))]
    volume = torch.from_numpy(eight_bits(array, name))[None, None].float()
    if tuple(kept) != tuple(shape):
        done.append(f"resized to {_sides(shape)}")
        # First the mean of the voxels that become one: else fine structures would be missed.
        fewer = [min(keep, want) for keep, want in zip(kept, shape)]
        volume = functional.interpolate(functional.interpolate(volume, fewer, mode="area"), shape, mode="trilinear")
    return volume[0].round().clamp(0, 255).to(torch.uint8), (
        f"{name} ({_sides(was)} voxels, NIfTI, grey) was"
        f" {', '.join(['spread from its lowest to its highest value over 0…255', *done])}. It has no label."
    )


def eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Numbers of any kind spread from the lowest to the highest over 0…255, uint8.

    Raises `InputError` for NaN and infinite values.

    >>> eight_bits(np.array([[-1000.0, 0.0, 1000.0]]), "scan")
    array([[  0, 128, 255]], dtype=uint8)
    """
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinite values; replace them, for example with 0")
    low, high = values.min(), values.max()
    return _levels((values - low) / max(high - low, 1e-9))


def _levels(shares):
    return (shares * 255).round().astype(np.uint8)


def _sides(shape):
    return " x ".join(map(str, shape))


def _as_cubes(sizes, what, shape):
    """Said where pixels or voxels are longer on one side than on another."""
    if min(sizes) <= 0 or max(sizes) <= 1.01 * min(sizes):
        return []
    return [f"its {what} of {' x '.join(f'{mm:.3g}' for mm in sizes)} mm taken as {shape}"]


# DICOM --------------------------------------------------------------------------------------


def _check_packed(content, name):
    """Refuse a file that is packed as a whole: pydicom would unpack it without a limit."""
    from pydicom.filereader import read_dataset, read_preamble
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    file = io.BytesIO(content)
    read_preamble(file, force=False)
    head = read_dataset(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
    if head.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise InputError(f"{name} is packed as a whole (deflated); export it uncompressed, or as PNG")


def _frame(file, name):
    from pydicom.pixels import apply_color_lut, apply_modality_lut

    if not any(word in file for word in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise InputError(f"{name} is a DICOM file without an image; give one that holds a picture")
    syntax = file.file_meta.TransferSyntaxUID
    if not decodes(syntax):
        raise InputError(
            f"{name} is compressed ({syntax.name}), and nothing here decodes that; export it uncompressed, or as PNG"
        )
    pixels = int(file.Rows) * int(file.Columns)
    if not 0 < pixels * int(file.get("SamplesPerPixel") or 1) <= PIXELS:
        raise InputError(f"{name} has {pixels:,} pixels in a frame; between 1 and {PIXELS:,} can be read")
    frames, done = int(file.get("NumberOfFrames") or 1), []
    if frames > 1:
        done.append(f"taken as its middle frame ({frames // 2 + 1} of {frames})")
    colours, values = str(file.PhotometricInterpretation), decoded(file, index=frames // 2)
    spacing = file.get("PixelSpacing") or (1, 1)
    done += _as_cubes([float(mm) for mm in spacing], "pixels", "squares")
    if colours == "PALETTE COLOR":
        values = apply_color_lut(values, file)
    if colours not in GREY:
        deep = values.dtype != np.uint8
        return eight_bits(values, name) if deep else values, "DICOM, colour", done
    shares, words = _windowed(apply_modality_lut(values, file), file, name)
    slope, intercept = file.get("RescaleSlope"), file.get("RescaleIntercept")
    if slope is not None and intercept is not None and (slope, intercept) != (1, 0):
        done.append(f"rescaled (slope {slope:g}, intercept {intercept:g})")
    done.append(words)
    if colours == "MONOCHROME1":
        done.append("inverted (MONOCHROME1)")
        shares = 255 - shares
    return shares, "DICOM, grey", done


def _windowed(values, file, name):
    """(uint8, what was done): the file's first window, as the standard has it (part 3, C.11.2.1); or all values."""
    centre, width = (_first(file.get(word)) for word in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or not width > 0 or not np.isfinite([centre, width]).all():
        return eight_bits(values, name), "spread from its lowest to its highest value over 0…255"
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinite values; replace them, for example with 0")
    curve = str(file.get("VOILUTFunction") or "LINEAR").upper()
    if curve == "SIGMOID":
        shares = 1 / (1 + np.exp((-4 * (values - centre) / width).clip(-500, 500)))
    elif curve == "LINEAR_EXACT":
        shares = (values - centre) / width + 0.5
    else:
        shares = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    return _levels(shares.clip(0, 1)), f"windowed (centre {centre:g}, width {width:g})"


def _first(value):
    """The first of one or several numbers, None where there is none."""
    if value is None or value == "":
        return None
    return float(value if np.isscalar(value) or not len(value) else value[0])


# NIfTI --------------------------------------------------------------------------------------


def _volume(content, name):
    """(array, lengths of a voxel in mm, whether its axes were put in order) of a NIfTI file's bytes."""
    import nibabel  # half a second, and only reading needs it

    array, affine = read_volume(content, name, VOXELS)
    try:
        order = nibabel.io_orientation(affine)
        sizes = nibabel.affines.voxel_sizes(affine)
        if np.isnan(order).any() or not np.isfinite(sizes).all():
            return array, (1, 1, 1), False
    except ValueError:  # an affine of which nothing can be made
        return array, (1, 1, 1), False
    return nibabel.apply_orientation(array, order), sizes[np.argsort(order[:, 0])], True
