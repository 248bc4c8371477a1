"""Hippocampus phantoms: drawn MRI volumes, so that the true mask is known.

A phantom is an instrument, not a patient. Experts who mark a real hippocampus
differ from each other; here the mask is what was drawn. Results on phantoms
say nothing about patients and never stand beside published ones.

The hippocampus is a curved tube that falls from back to front. Label 1 is its
head with the uncus, a lobe on the inner side; label 2 is body and tail. The
border is where experts put it: the plane across the head, from left to right
and from below to above, at the back end of the uncus.

Brightness alone does not find it. The amygdala in front and the cortex below
are as grey, and the edge between head and amygdala can hardly be seen. White
matter, fluid, an uneven coil and grain lie around and over it.

Lengths in mm, which here are voxels; x runs from the side of the head to its
middle, y from back to front, z from below to above.
"""

import numpy as np
import torch
from scipy import ndimage

from ... import checks
from ...errors import InputError
from ..card import SPLITS
from ..sources.nifti import SHAPE, fit, grey_levels
from .brushes import edge, from_middle, lumps, paint, streams

COUNTS = {"train": 30, "val": 6, "test": 12}
CANVAS = tuple(size + 4 for size in SHAPE)  # drawn larger, then cut out around the structure
BLUR = 0.6  # half the width of an edge, mm

# Brightness of tissues in a T1 image, 0 to 1.
FLUID, GREY, WHITE = 0.12, 0.45, 0.78


def draw(counts: dict[str, int] = COUNTS, seed: int = 0) -> dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Drawn volumes in the form of `sources.decathlon.read`.

    counts  volumes to draw, such as {"train": 30, "val": 6, "test": 12}
    seed    a whole number from 0: the same seed draws the same volumes, bit for bit

    Returns {"train": (images, masks, ids), …}: images uint8 (N, 1, 48, 56, 40),
    masks uint8 (N, 48, 56, 40) of 0 background, 1 anterior, 2 posterior, ids
    int64 (N,), from 1 up through all splits; every volume is a patient of its own.

    Raises `InputError` for counts that are not whole numbers from 1 for each
    of train, val and test, and for a seed that is not a whole number from 0.

    >>> images, masks, ids = draw({"train": 1, "val": 1, "test": 1})["train"]
    >>> images.shape, masks.unique().tolist()
    (torch.Size([1, 1, 48, 56, 40]), [0, 1, 2])
    """
    if not isinstance(counts, dict) or set(counts) != set(SPLITS):
        raise InputError(f"counts is {counts!r}; give a dict such as {COUNTS}")
    counts, seed = checks.counts(counts, COUNTS, 1), checks.whole("seed", seed, 0)
    splits, last = {}, 0
    for split, rng in streams(seed).items():
        images, masks = zip(*(_volume(rng) for _ in range(counts[split])))
        ids = torch.arange(last + 1, last + 1 + len(images))
        splits[split] = torch.from_numpy(np.stack(images))[:, None], torch.from_numpy(np.stack(masks)), ids
        last += len(images)
    return splits


# Volumes are float32 arrays of the shape CANVAS, distances positive inside.


def _axes():
    """Coordinates x, y, z in mm from the middle of the canvas; they broadcast to its shape."""
    return np.meshgrid(*map(from_middle, CANVAS), indexing="ij", sparse=True)


def _lumps(rng, size):
    """Random texture with lumps of that size (mm)."""
    return lumps(rng, CANVAS, size)


def _ball(x, y, z, centre, radii):
    """Distance inward from the surface of an ellipsoid, about in mm."""
    across = sum(((axis - c) / r) ** 2 for axis, c, r in zip((x, y, z), centre, radii))
    return (1 - np.sqrt(across)) * min(radii)


def _volume(rng):
    """One phantom: image and mask, uint8, of the shape SHAPE."""
    distance, tube, front = _hippocampus(rng)
    mask = np.where(distance > 0, np.where(_axes()[1] > front, 1, 2), 0).astype(np.uint8)
    picture = _surroundings(rng, tube)
    level = GREY + rng.uniform(-0.04, 0.04)
    level = level + 0.1 * edge(1.2 - distance, 1.2)  # its rim is a little brighter
    picture = _scan(rng, paint(picture, edge(distance, BLUR), level))
    window = _cut_out(rng, mask)
    return fit(grey_levels(picture[window], "the phantom")), fit(mask[window], 0)


def _hippocampus(rng):
    """A hippocampus: distance inward (mm), its tube, and y of the border between the labels.

    The tube is what the surroundings follow: for every voxel (x, y, z) the way
    along it (0 tail, 1 head), outward to the middle of the head, and up, in mm,
    and its half-widths there.
    """
    x, y, z = _axes()
    length = rng.uniform(34, 42)
    along = y / length + 0.5
    held = np.clip(along, -0.15, 1.15)  # beyond its ends the tube goes on straight
    middle = held - 0.5
    lean, bow = rng.normal(2.5, 3), rng.normal(3.5, 2)
    fall, sag = rng.normal(19, 4), rng.normal(2, 3)
    wobble = 0.9 * _lumps(rng, 5)
    x0 = lean * middle + bow * (4 * middle**2 - 0.33)
    z0 = -fall * middle + sag * (4 * middle**2 - 0.33)
    roll = np.deg2rad(rng.normal(-8, 10))
    out = np.cos(roll) * (x - x0) + np.sin(roll) * (z - z0) + wobble
    up = np.cos(roll) * (z - z0) - np.sin(roll) * (x - x0) + 0.6 * np.roll(wobble, 20, axis=1)

    size = rng.normal(1, 0.06)
    wide = size * np.interp(held, [0, 0.3, 0.6, 0.8, 1], [6.4, 6.2, 6.6, 7.4, 6.6]).astype(np.float32)
    high = size * np.interp(held, [0, 0.3, 0.6, 0.8, 1], [4.2, 3.8, 4.2, 5.5, 4.9]).astype(np.float32)
    # Round ends: how far the tube reaches, in shares of its width there.
    tail, head = np.clip(along / 0.16, 0, 1), np.clip((1 - along) / 0.2, 0, 1)
    round_end = np.sqrt(np.clip(1 - (1 - tail) ** 2, 0, 1) * np.clip(1 - (1 - head) ** 2, 0, 1))
    distance = (round_end - np.hypot(out / wide, up / high)) * high

    # The uncus lies at the inner side of the head, and its back end is the border of the labels.
    back = rng.normal(0.6, 0.045)
    reach = rng.uniform(5.5, 8)
    place = back * length - length / 2 + reach
    uncus = _ball(out, y, up, (rng.uniform(5.5, 8), place, rng.uniform(0, 2.5)), (rng.uniform(4, 6), reach, 4.0))
    distance = np.maximum(distance, uncus)
    return distance, (along, out, up, wide, high), place - reach


def _surroundings(rng, tube):
    """Brightness of what lies around the hippocampus, painted from far to near."""
    along, out, up, wide, high = tube
    fold = _lumps(rng, 4)
    picture = WHITE + 0.04 * _lumps(rng, 2.5)
    # Below: a band of white matter, then folded cortex; between the folds white matter and furrows with fluid.
    depth = -up - high - rng.uniform(2.0, 3.8) + 1.4 * fold
    wave = np.cos(2 * np.pi * (depth / rng.uniform(8, 12) - 0.4) + np.roll(fold, 9, axis=0))
    cortex = np.where(wave > 0.9, FLUID + 0.1, np.where(wave > -0.8, GREY, WHITE))
    picture = paint(picture, edge(depth, BLUR), cortex)
    # Above: deep grey matter, brighter than cortex, as the thalamus is.
    deep = up - high - rng.uniform(4, 9) + 1.5 * np.roll(fold, 15, axis=1)
    picture = paint(picture, 0.8 * edge(deep, 2), rng.uniform(0.58, 0.7))
    # Towards the middle of the head: vessels and membranes in fluid, then the brain stem, which is bright.
    inner = out - wide - rng.uniform(2.0, 4.5) + 1.2 * np.roll(fold, 30, axis=1)
    picture = paint(picture, edge(inner, BLUR), FLUID + 0.12 * np.abs(_lumps(rng, 1.3)))
    picture = paint(picture, edge(inner - rng.uniform(2.5, 7), BLUR), WHITE - 0.05)
    # In front: amygdala above, cortex below. They are as grey as the head and touch it.
    front = (along - rng.uniform(0.98, 1.06)) * 38 + 1.2 * np.roll(fold, 20, axis=0)
    amygdala = _ball(out, front, up, (rng.uniform(-1, 3), 1.5, rng.uniform(5, 8)), (9.0, 10.0, 7.0))
    picture = paint(picture, edge(amygdala, 1.5), GREY + rng.uniform(-0.02, 0.06))
    ahead = np.minimum(front - 0.25 * up - 1.5, 2.0 - inner)
    picture = paint(picture, edge(ahead, 1.5), GREY + rng.uniform(-0.05, 0.05) + 0.05 * fold)
    # The ventricle: a thin cap of fluid over the body, open in places, and a pool behind the tail.
    gap = np.hypot(out / wide, np.maximum(up, 0) / high) * high - high
    cap = rng.uniform(0.1, 0.9) + 0.7 * np.roll(fold, 25, axis=1) - 0.05 * out - np.abs(gap - 0.5)
    pool = _ball(out, along * 38, up, (rng.uniform(-6, 0), rng.uniform(-7, -3), rng.uniform(2, 6)), (6.0, 5.0, 5.0))
    picture = paint(picture, edge(np.minimum(cap, up), BLUR), FLUID + rng.uniform(0, 0.12))
    return paint(picture, edge(pool + 0.8 * fold, 1), FLUID + rng.uniform(0, 0.08))


def _scan(rng, picture):
    """What the scanner adds: blur, patches and grain, an uneven coil."""
    picture = ndimage.gaussian_filter(picture, rng.uniform(0.45, 0.75), truncate=3)
    slope = sum(rng.uniform(-0.12, 0.12) * axis / axis.max() for axis in _axes())
    grain = rng.uniform(0.01, 0.04) * rng.standard_normal(CANVAS, dtype=np.float32)
    return (picture + 0.035 * _lumps(rng, 1)) * np.exp(slope) + grain


def _cut_out(rng, mask):
    """The window of the canvas around the structure, as the published volumes are cut out.

    They leave 4 to 7 voxels on each side, more towards the middle of the head.
    """
    window = []
    for axis, more in enumerate((3, 1, 0)):
        used = np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis)))
        window.append(slice(max(used[0] - rng.integers(4, 8), 0), used[-1] + 1 + rng.integers(4, 8) + more))
    return tuple(window)
