"""From the grid of a file to that of a model and back: axes in order, voxels of one size, a window of one shape.

A `Step` knows both ways. What is brought back are probabilities; outside of what the model saw it is background.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from ..errors import InputError

CODES = "RAS"  # to the patient's right, front and head


@dataclass(frozen=True)
class Step:
    """One change of the grid.

    there  an array (D, H, W) or (N, H, W) to the new grid
    back   float probabilities (C, …) on the new grid to the old one
    """

    there: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


def to_ras(affine: np.ndarray) -> tuple[Step, np.ndarray]:
    """(step, mm of a voxel): frames, rows and columns to axes that run to the right, front and head, as near as can be.

    affine  (4, 4) of a `Reading`: (frame, row, column) to LPS

    No value is changed: axes are exchanged and turned round.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    directions = np.diag([-1.0, -1.0, 1.0]) @ directions  # LPS to RAS
    order = _nearest_axes(directions)
    turned = [axis for axis in range(3) if directions[axis, order[axis]] < 0]
    inverse = np.argsort(order)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)[list(order)]

    def there(array):
        return np.flip(array.transpose(order), turned)

    def back(chances):
        flipped = np.flip(chances, [axis + 1 for axis in turned])
        return flipped.transpose(0, *(axis + 1 for axis in inverse))

    return Step(there, back), sizes


def _nearest_axes(directions):
    """For each of right, front and head the axis of the array that runs most along it, each axis once."""
    from itertools import permutations

    return max(permutations(range(3)), key=lambda order: sum(abs(directions[i, order[i]]) for i in range(3)))


def off_axis(affine: np.ndarray) -> float:
    """Degrees by which the direction of an array differs most from the body's axes: how oblique it is.

    >>> off_axis(np.eye(4))
    0.0
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.degrees(np.arccos(np.abs(directions).max(axis=0).clip(0, 1))).max())


def resized(shape: Sequence[int], wanted: Sequence[int]) -> Step:
    """To another number of voxels over the same space: linear, after a mean where they become fewer."""
    shape, wanted = tuple(shape), tuple(wanted)
    if shape == wanted:
        return Step(lambda array: array, lambda chances: chances)

    def there(array):
        return _linear(array[None], wanted)[0]

    return Step(there, lambda chances: _linear(chances, shape))


def _linear(array, wanted):
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[None]
    fewer = [min(have, want) for have, want in zip(tensor.shape[2:], wanted)]
    mode = {2: "bilinear", 3: "trilinear"}[len(wanted)]
    # First the mean of those that become one: else fine structures would be missed.
    tensor = functional.interpolate(functional.interpolate(tensor, fewer, mode="area"), tuple(wanted), mode=mode)
    return tensor[0].numpy()


def window(shape: Sequence[int], sizes: Sequence[float], wanted: Sequence[int]) -> tuple[slice, ...]:
    """The largest part around the middle whose lengths are to each other as the sides wanted: nothing is stretched.

    shape, sizes  of the array, in voxels, and of a voxel in mm
    wanted        sides of what it becomes

    >>> window((100, 200), (1, 1), (28, 28)), window((100, 200), (2, 1), (28, 28))
    ((slice(0, 100, None), slice(50, 150, None)), (slice(0, 100, None), slice(0, 200, None)))
    """
    step = min(have * size / want for have, size, want in zip(shape, sizes, wanted))
    kept = [max(1, min(have, round(want * step / size))) for have, size, want in zip(shape, sizes, wanted)]
    return tuple(slice((have - keep) // 2, (have - keep) // 2 + keep) for have, keep in zip(shape, kept))


def placed(chances: np.ndarray, shape: Sequence[int], where: tuple[slice, ...]) -> np.ndarray:
    """Probabilities (C, …) of a part put at its place in a whole that else is background, class 0."""
    whole = np.zeros((len(chances), *shape), dtype=np.float32)
    whole[0] = 1
    whole[(slice(None), *where)] = chances
    return whole


def centred(shape: Sequence[int], wanted: Sequence[int], there: Callable[[np.ndarray], np.ndarray]) -> Step:
    """Padded or cut around the middle by `there`, as the hippocampus's volumes are; and back."""
    inner, outer = [], []
    for have, want in zip(shape, wanted):
        start = abs(have - want) // 2
        inner.append(slice(start, start + min(have, want)) if have < want else slice(0, want))
        outer.append(slice(start, start + want) if have > want else slice(0, have))
    return Step(there, lambda chances: placed(chances[(slice(None), *inner)], shape, tuple(outer)))


def check_room(shape: Sequence[int], classes: int, most: int = 2**28) -> None:
    """Raises `InputError` where the probabilities of all pixels would not fit in memory."""
    if np.prod([float(side) for side in shape]) * classes > most:
        raise InputError(
            "the series is too large to be segmented at once; give a part of it, such as every other slice"
        )
