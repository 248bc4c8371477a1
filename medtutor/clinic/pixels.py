"""Pixels of a DICOM object as they may be handed on: decoded, cut to what is declared, black where letters stood."""

from typing import Any

import numpy as np

from ..data.sources.dicom import decoded
from ..errors import InputError
from .burned_in import find_letters

MOST = 2 << 30  # bytes of one object's pixels
BITS = {"PixelData": 0, "FloatPixelData": 32, "DoubleFloatPixelData": 64}  # of a number; 0: as the object declares
# Segmentations and doses: what stands in them is drawn or computed, and holds no letters.
DRAWN = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("66.4", "66.7", "481.2"))


def cleaned_pixels(dataset: Any, made: Any) -> float | None:
    """Put the pixels of a data set into another that has the rest of it, and black where letters may stand.

    Returns the share of the picture that is black now; None where there are no pixels that could hold letters. They
    come uncompressed, of colour as RGB, and bits that the object does not declare are empty.

    Raises `InputError` for pixels that cannot be decoded, or are more than two gigabytes.
    """
    from pydicom.uid import UncompressedTransferSyntaxes

    kind = next((name for name in BITS if name in dataset), None)
    if kind is None:
        return None
    declared = _declared(dataset, kind)
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if kind != "PixelData" or dataset.BitsAllocated not in (8, 16):
        if syntax not in UncompressedTransferSyntaxes:
            raise InputError("its pixels are compressed in a way that is not expected here; decompress it first")
        setattr(made, kind, _even(bytes(dataset[kind].value)[:declared]))
        return None
    try:
        pixels = decoded(dataset)
    except Exception as error:
        raise InputError(f"its pixels cannot be decoded ({type(error).__name__}); decompress it first") from None
    rows, columns, samples = int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel)
    pixels = np.array(pixels).reshape(-1, rows, columns, samples)
    pixels = _declared_bits(pixels, dataset)
    grey = _brightness(pixels, dataset)
    drawn = dataset.SOPClassUID in DRAWN
    mask = np.zeros((rows, columns), bool) if drawn else find_letters(grey, str(dataset.get("Modality", "")))
    if mask.any():
        darkest = np.unravel_index(np.argmin(grey), grey.shape)
        pixels[:, mask] = 0 if samples == 3 else pixels[darkest]
    made.PixelData = _even(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes())
    made["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    if samples == 3:
        made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    return None if drawn else float(mask.mean())


def _declared(dataset, kind):
    """How many bytes the pixels have, uncompressed."""
    bits = BITS[kind] or dataset.get("BitsAllocated") or 0
    numbers = [dataset.get(name) or 0 for name in ("Rows", "Columns")]
    numbers += [dataset.get("SamplesPerPixel") or 1, int(dataset.get("NumberOfFrames") or 1), bits]
    size = 1
    for number in numbers:
        size *= int(number)
    if not 0 < size // 8 <= MOST:
        raise InputError("its pixels are said to be none, or more than two gigabytes; leave it out")
    return -(-size // 8)


def _declared_bits(pixels, dataset):
    """Pixels without what older files keep in bits beside them, such as overlays."""
    allocated, stored, high = (int(dataset[name].value) for name in ("BitsAllocated", "BitsStored", "HighBit"))
    above, below = allocated - 1 - high, high + 1 - stored
    if not (0 <= above and 0 <= below and 0 < stored):
        raise InputError("its pixels have bits that cannot be; such a file is broken, leave it out")
    return (pixels << above >> above + below) << below  # a sign is carried along


def _brightness(pixels, dataset):
    """(N, H, W): how bright each pixel is seen."""
    if pixels.shape[3] > 1:
        return pixels.max(axis=3)  # also of coloured letters
    grey = pixels[..., 0]
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        return apply_color_lut(grey, dataset)[..., :3].max(axis=-1)
    return grey if dataset.PhotometricInterpretation != "MONOCHROME1" else np.invert(grey)


def _even(data):
    return data + b"\0" * (len(data) % 2)
