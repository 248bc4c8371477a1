"""A region of an image: the pixels whose answer is explained, where a network answers for each pixel."""

import torch

from ..checks import whole
from ..errors import InputError, shown
from .maps import as_truth

AXES = ("slices", "rows", "columns")


def as_region(region, shape) -> torch.Tensor:
    """A region as a mask, bool of that shape.

    region  a mask (H, W) or (D, H, W) of True and False, or a box: (top, left, bottom, right), of a
            volume (front, top, left, back, bottom, right); the last three, or two, are no longer in it
    shape   of the image in pixels

    Raises `InputError` for another shape, for numbers that are neither, and for a region without a pixel.

    >>> as_region((0, 1, 2, 3), (2, 4)).int().tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0]]
    """
    shape = tuple(shape)
    if isinstance(region, tuple):
        mask = torch.zeros(shape, dtype=torch.bool)
        mask[_sides(region, shape)] = True
    else:
        mask = as_truth("the region", region)
        if mask.shape != shape:
            raise InputError(f"the region has shape {tuple(mask.shape)}, the image {shape}; give a mask of this image")
    if not mask.any():
        raise InputError("the region holds no pixel; give one that does, or leave it out")
    return mask


def _sides(box, shape):
    dims = len(shape)
    names = ("front", "top", "left", "back", "bottom", "right") if dims == 3 else ("top", "left", "bottom", "right")
    if len(box) != 2 * dims:
        raise InputError(f"the region is {shown(box)}; a box is ({', '.join(names)}), and else give a mask")
    first = [whole(name, at, 0, side - 1) for name, at, side in zip(names, box, shape)]
    last = [whole(name, at, 1, side) for name, at, side in zip(names[dims:], box[dims:], shape)]
    return tuple(slice(*ends) for ends in zip(first, last))


def in_words(region) -> str:
    """How many pixels a mask holds, and where: counted from 0, as in a box.

    >>> in_words(as_region((0, 1, 2, 3), (2, 4)))
    '4 pixels in rows 0…1, columns 1…2'
    """
    places = region.nonzero()
    ends = zip(AXES[-region.dim() :], places.amin(dim=0).tolist(), places.amax(dim=0).tolist())
    unit = ("pixel" if region.dim() == 2 else "voxel") + "s" * (len(places) > 1)
    return f"{len(places)} {unit} in {', '.join(f'{axis} {first}…{last}' for axis, first, last in ends)}"
