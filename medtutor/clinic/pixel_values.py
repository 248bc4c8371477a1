"""The pixels of a DICOM data set as numbers in the modality's units: rescale, palettes, MONOCHROME1, windows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.sources.dicom import GREY, decoded, decodes
from ..errors import InputError


@dataclass(frozen=True, eq=False)
class Values:
    """The pixels of one data set.

    frames    float32 (N, H, W), or (N, H, W, 3) of colours 0…255; more is brighter
    units     such as "HU", or ""
    window    (centre, width) in units of the frames, or None
    curve     of the window: "LINEAR", "LINEAR_EXACT" or "SIGMOID"
    padding   the value of pixels that are no part of the image, in units of the frames; None where none is named
    words     what was done to them
    """

    frames: np.ndarray
    units: str
    window: tuple[float, float] | None
    curve: str
    padding: float | None
    words: tuple[str, ...]


def values_of(dataset: Any) -> Values:
    """The `Values` of a data set with pixels, decoded. Raises `InputError` where nothing here decodes them."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if not decodes(syntax):
        raise InputError(
            f"the file is compressed ({syntax.name}), and nothing here decodes that; install medtutor[clinic], or"
            " export it uncompressed"
        )
    many = int(dataset.get("NumberOfFrames") or 1) > 1
    stored = decoded(dataset)  # of YBR already RGB, though the tag still says YBR
    stored = stored if many or stored.ndim == (4 if dataset.SamplesPerPixel > 1 else 3) else stored[None]
    if str(dataset.PhotometricInterpretation) not in GREY:
        return _colours(dataset, stored)
    return _greys(dataset, _within_stored_bits(stored, dataset))


def _within_stored_bits(stored, dataset):
    """Without what old files keep in the bits above: an overlay is no grey."""
    bits, allocated = dataset.get("BitsStored"), dataset.BitsAllocated
    if stored.dtype.kind == "f" or not bits or not 0 < bits < allocated:
        return stored
    if dataset.get("PixelRepresentation"):
        return (stored << (allocated - bits)) >> (allocated - bits)
    return stored & ((1 << bits) - 1)


def _colours(dataset, stored):
    from pydicom.pixels import apply_color_lut

    words = ()
    if str(dataset.PhotometricInterpretation) == "PALETTE COLOR":
        bits = dataset.RedPaletteColorLookupTableDescriptor[2]
        stored = np.stack([apply_color_lut(frame, dataset)[..., :3] for frame in stored])
        words = ("colours were taken from the file's palette",)
        # Some tables of 16 bits hold numbers of 8.
        top = 255 if stored.dtype == np.uint8 or stored.max(initial=0) < 256 else 2**bits - 1
    else:
        top = 2 ** (dataset.get("BitsStored") or dataset.BitsAllocated) - 1
    frames = stored.astype(np.float32)
    if top != 255:
        frames *= 255 / top
        words = (*words, "colours were brought to 0…255")
    return Values(frames, "", None, "LINEAR", None, words)


def _greys(dataset, stored):
    slopes, words = _slopes(dataset, len(stored))
    units = _units(dataset)
    padding = dataset.get("PixelPaddingValue")
    if "ModalityLUTSequence" in dataset:
        from pydicom.pixels import apply_modality_lut

        frames, padding = apply_modality_lut(stored, dataset).astype(np.float32), None
        words = ["values were taken from the file's table (Modality LUT)"]
    else:
        frames = stored.astype(np.float32)
        if not ((slopes[:, 0] == 1).all() and (slopes[:, 1] == 0).all()):
            for number, (slope, intercept) in enumerate(slopes):  # in double precision, one at a time: PET has 1e5
                frames[number] = stored[number] * slope + intercept
        padding = float(padding * slopes[0, 0] + slopes[0, 1]) if isinstance(padding, int) else None
    if not np.isfinite(frames).all():
        raise InputError("the file holds NaN or infinite values; get it anew from where it came")
    window, curve = _window(dataset)
    if str(dataset.PhotometricInterpretation) == "MONOCHROME1":
        top = _sum_of_ends(dataset, slopes[0], frames)
        frames, units = np.float32(top) - frames, ""
        window = window and (top - window[0] + (1 if curve == "LINEAR" else 0), window[1])
        padding = None if padding is None else top - padding
        words.append("inverted (MONOCHROME1), so that more is brighter")
    return Values(frames, units, window, curve, padding, tuple(words))


def _sum_of_ends(dataset, slope, frames):
    """The lowest and the highest number that the stored bits can hold, added, in units: minus a value is its inverse.

    SimpleITK inverts so, too; of floats the lowest and highest that there are.
    """
    if "PixelData" not in dataset or "ModalityLUTSequence" in dataset:
        return float(frames.min() + frames.max())
    ends = -1 if dataset.get("PixelRepresentation") else 2 ** (dataset.get("BitsStored") or dataset.BitsAllocated) - 1
    return float(slope[0] * ends + 2 * slope[1])


def _slopes(dataset, count):
    """((N, 2) slope and intercept of each frame, words): of an enhanced file they stand in its functional groups."""
    if dataset.get("RescaleSlope") is not None or "PerFrameFunctionalGroupsSequence" not in dataset:
        found = [[_number(dataset, "RescaleSlope", 1), _number(dataset, "RescaleIntercept", 0)]] * count
    else:
        found = []
        for number in range(count):
            group = functional(dataset, number, "PixelValueTransformationSequence")
            found.append([_number(group, "RescaleSlope", 1), _number(group, "RescaleIntercept", 0)])
    slopes = np.array(found, dtype=np.float64)
    if not np.isfinite(slopes).all() or not slopes[:, 0].all():
        raise InputError("the file's rescale slope is zero or no number, so its values have no unit; get it anew")
    if (slopes == (1, 0)).all():
        return slopes, []
    one = (slopes == slopes[0]).all()
    return slopes, ["rescaled by its slope and intercept" if one else "each frame was rescaled by its own slope"]


def functional(dataset: Any, frame: int, name: str) -> Any:
    """The item of an enhanced file's functional group for a frame, its own before the shared one; None without."""
    for groups, number in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        items = dataset.get(groups) or ()
        if number < len(items) and items[number].get(name):
            return items[number][name][0]
    return None


def _number(dataset, name, usual):
    value = None if dataset is None else dataset.get(name)
    return usual if value is None or value == "" else float(value)


def _units(dataset):
    """What the values are in: Hounsfield units of CT, Units of PET, else what RescaleType says."""
    group = functional(dataset, 0, "PixelValueTransformationSequence")
    said = str(dataset.get("RescaleType") or (group is not None and group.get("RescaleType")) or "").upper()
    if dataset.get("Modality") == "CT" and said in ("", "HU", "US"):
        rescaled = dataset.get("RescaleIntercept") is not None or group is not None
        return "HU" if rescaled and (said != "US" or "LOCALIZER" not in (dataset.get("ImageType") or ())) else ""
    if dataset.get("Modality") == "PT":
        return str(dataset.get("Units") or "")[:16]
    return said if re_safe(said) and said != "US" else ""


def re_safe(word: str) -> bool:
    """Whether a word of a file is a short code, which may be said: letters only."""
    return word.isascii() and word.isalpha() and len(word) <= 16


def _window(dataset):
    """(the first window or None, its curve)."""
    holder = dataset
    if dataset.get("WindowCenter") in (None, ""):
        holder = functional(dataset, 0, "FrameVOILUTSequence")
    if holder is None:
        return None, "LINEAR"
    centre, width = (_first(holder.get(name)) for name in ("WindowCenter", "WindowWidth"))
    curve = str(holder.get("VOILUTFunction") or "LINEAR").upper()
    curve = curve if curve in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"
    if centre is None or width is None or not np.isfinite([centre, width]).all() or not width > 0:
        return None, curve
    return (centre, width), curve


def _first(value):
    if value is None or value == "":
        return None
    return float(value if np.isscalar(value) or not len(value) else value[0])


def windowed(frames: np.ndarray, window: tuple[float, float], curve: str = "LINEAR") -> np.ndarray:
    """Grey values through a window to 0…255, uint8, as the standard has it (part 3, C.11.2.1).

    window  (centre, width) in units of the values
    curve   "LINEAR", "LINEAR_EXACT" or "SIGMOID"

    >>> windowed(np.array([-160.0, 40.0, 240.0]), (40, 400))
    array([  0, 128, 255], dtype=uint8)
    """
    centre, width = window
    values = np.asarray(frames, dtype=np.float64)
    if curve == "SIGMOID":
        shares = 1 / (1 + np.exp((-4 * (values - centre) / width).clip(-500, 500)))
    elif curve == "LINEAR_EXACT":
        shares = (values - centre) / width + 0.5
    else:
        shares = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    return (shares.clip(0, 1) * 255).round().astype(np.uint8)
