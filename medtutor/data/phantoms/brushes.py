"""Brushes: what the phantoms are drawn with.

A flat picture is an array (n, height, width) of brightness, 0 black to 1 white. Numbers that
differ from picture to picture have shape (n, 1, 1), so that one line of numpy draws n of them.
"""

import numpy as np

from ..card import SPLITS

SIZE = 28  # pixels along each side of flat pictures
ZOOM = 2  # they are drawn this much finer, then averaged to SIZE
BATCH = 50  # pictures drawn at once: few enough to stay in the processor's cache


def streams(*seed):
    """{split: numpy Generator}. The number of the split is part of the seed: no two splits share a stream."""
    return {split: np.random.default_rng([*seed, number]) for number, split in enumerate(SPLITS)}


def uniform(rng, n, low, high, axes=2):
    """One random number a picture, (n, 1, 1); with as many axes after n as asked for."""
    return rng.uniform(low, high, (n, *[1] * axes)).astype(np.float32)


def often(rng, n, share):
    """1 for that share of the pictures, else 0, (n, 1, 1)."""
    return (rng.random((n, 1, 1)) < share).astype(np.float32)


def edge(distance, blur):
    """0 outside (distance < 0), 1 inside, a ramp of that half-width between."""
    return np.clip(0.5 + 0.5 * distance / blur, 0, 1)


def paint(picture, mask, level):
    """Cover the picture with a level where mask is 1; half where it is 0.5."""
    return picture + mask * (level - picture)


def lumps(rng, shape, size):
    """Random texture of a shape with lumps of that size, one for all axes or one each; mean 0, spread 1."""
    from scipy import ndimage  # a tenth of a second, and only drawing needs it

    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, size, mode="wrap", truncate=2.5)
    return noise / noise.std()


def clouds(rng, n, down, across):
    """Random texture with lumps of that size (fine pixels); mean 0, spread 1."""
    return lumps(rng, (n, SIZE * ZOOM, SIZE * ZOOM), (0, down, across))


def fine_axes():
    """Fine coordinates (1, height, 1) and (1, 1, width): -1 top or left, 1 bottom or right."""
    line = (np.arange(SIZE * ZOOM, dtype=np.float32) + 0.5) / (SIZE * ZOOM / 2) - 1
    return line[None, :, None], line[None, None, :]


def from_middle(count):
    """The places of so many pixels, counted from the middle of the line: (count,)."""
    return np.arange(count, dtype=np.float32) - (count - 1) / 2


def shrink(fine):
    """The mean of each ZOOM x ZOOM block, as a camera with bigger pixels sees it."""
    return fine.reshape(len(fine), SIZE, ZOOM, SIZE, ZOOM).mean((2, 4))


def to_uint8(grey):
    """Grey levels, 0 to 255, as whole ones; what lies beyond is cut off."""
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
