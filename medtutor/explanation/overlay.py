"""A map over its image, as pixels: numpy only, fast enough for a slider.

Okabe & Ito's vermilion speaks for the class and their blue against it, a pair
that colour-blind readers can tell apart; the stronger, the more opaque. So the
image shows through wherever the map says nothing.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..checks import number, whole
from ..data.images import as_image
from ..errors import InputError, shown

FOR = np.array([213, 94, 0], dtype=np.float32)  # vermilion, #D55E00
AGAINST = np.array([0, 114, 178], dtype=np.float32)  # blue, #0072B2


def strength(attribution_map, limit=None) -> np.ndarray:
    """A map as float32 numpy in -1…1.

    limit  the absolute value that becomes 1; left out: the 99.5th percentile,
           so that one odd pixel does not pale the others

    Raises `InputError` for a map that holds NaN or infinity: it has no colour.
    """
    values = _numbers(attribution_map)
    limit = scale(values) if limit is None else number("limit", limit, 0)
    return np.clip(values / max(limit, 1e-12), -1, 1)


def scale(attribution_map):
    """The absolute value that is shown at full strength: the 99.5th percentile, or the maximum of a sparse map."""
    size = np.abs(_numbers(attribution_map))
    return float(np.percentile(size, 99.5)) or float(size.max(initial=0))


def colours(attribution_map: ArrayLike | torch.Tensor, *, limit: float | None = None) -> np.ndarray:
    """The map alone, white where it is zero: uint8 (H, W, 3).

    >>> from medtutor.explanation import colours
    >>> colours([[0.0, 1.0]], limit=1)[0].tolist()  # white, vermilion
    [[255, 255, 255], [213, 94, 0]]
    """
    values = strength(attribution_map, limit)
    return _tint(np.full((*values.shape, 3), 255, dtype=np.float32), values)


def overlay(
    image: np.ndarray | torch.Tensor,
    attribution_map: ArrayLike | torch.Tensor,
    *,
    opacity: float = 0.7,
    limit: float | None = None,
    slice: int | None = None,
    zoom: int = 1,
) -> np.ndarray:
    """The image in grey or colour with the map over it: uint8 (H, W, 3).

    image            uint8 (C, H, W), or a volume (C, D, H, W)
    attribution_map  (H, W), or (D, H, W)
    opacity          of the strongest pixels, 0…1
    limit            see `strength`
    slice            of a volume; left out: the one with the largest sum of absolute values
    zoom             each pixel becomes zoom x zoom

    Raises `InputError` where image and map do not fit each other.

    >>> import numpy as np
    >>> from medtutor.explanation import overlay
    >>> overlay(np.full((1, 2, 2), 100, np.uint8), np.eye(2), zoom=3).shape
    (6, 6, 3)
    """
    image, values = as_image(image, title="overlay").cpu().numpy(), _numbers(attribution_map)
    if image.shape[1:] != values.shape or image.shape[0] not in (1, 3):
        raise InputError(f"an image of shape {image.shape} and a map of shape {values.shape} do not fit each other")
    try:
        opacity = number("opacity", opacity, 0, 1)
    except InputError:
        raise InputError(f"opacity is {shown(opacity)}; give a number from 0 to 1") from None
    zoom = whole("zoom", zoom, 1, 64)
    values = strength(values, limit)  # of the whole volume, so that slices compare
    if values.ndim == 3:
        slice = strongest_slice(values) if slice is None else whole("slice", slice, 0, len(values) - 1)
        image, values = image[:, slice], values[slice]
    pixels = np.broadcast_to(image.transpose(1, 2, 0), (*values.shape, 3)).astype(np.float32)
    mixed = _tint(pixels, values, opacity)
    return mixed.repeat(zoom, axis=0).repeat(zoom, axis=1) if zoom > 1 else mixed


def strongest_slice(attribution_map):
    """The slice of a (D, H, W) map with the largest sum of absolute values."""
    values = np.abs(_numbers(attribution_map))
    if values.ndim != 3:
        raise InputError(f"only the map of a volume, (D, H, W), has slices; this one has shape {values.shape}")
    return int(values.sum(axis=(1, 2)).argmax())


def _numbers(attribution_map) -> np.ndarray:
    """A map as float32 numpy. Raises `InputError` where it is none of finite numbers."""
    try:
        values = attribution_map.detach().cpu() if hasattr(attribution_map, "detach") else attribution_map
        values = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("a map must be an array of numbers, one for each pixel") from None
    if not values.size or not np.isfinite(values).all():
        raise InputError("the map is empty, or holds NaN or infinity; give finite numbers, one for each pixel")
    return values


def _tint(pixels, values, opacity=1.0):
    """float (H, W, 3) pixels, coloured by values -1…1, as uint8."""
    alpha = opacity * np.abs(values)[..., None]
    colour = np.where(values[..., None] >= 0, FOR, AGAINST)
    return (pixels * (1 - alpha) + colour * alpha + 0.5).astype(np.uint8)
