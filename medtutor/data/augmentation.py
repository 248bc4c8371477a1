"""Label-safe augmentation of a whole batch at once, images and volumes alike.

One affine map per case (mirror, rotation, scale, shift) through `grid_sample`
costs microseconds a case; the numbers are drawn on the CPU from one generator,
so that a run repeats bit for bit whatever the device.
"""

import math
from itertools import combinations, product

import torch
import torch.nn.functional as F


def draw_affine(count, shape, *, mirror=(), rotation=0.0, scale=0.0, shift=0.0, spacing=None, generator=None):
    """`count` random affine maps for images or volumes of a spatial `shape`.

    mirror    axes (-1, -2, -3) that are flipped with probability one half:
              only those of the card, along which the label stays
    rotation  degrees, drawn from -rotation…rotation; in a volume about all axes
    scale     share, drawn from 1-scale…1+scale
    shift     pixels along each axis, drawn from -shift…shift
    spacing   how long a pixel is along each axis of `shape`, in any unit: what is turned keeps its form in
              that unit. Left out: pixels are as long as wide

    Returns (count, d, d + 1) float32, as `torch.nn.functional.affine_grid` takes it.
    """
    dims = len(shape)

    def uniform(*size):
        return torch.rand(*size, generator=generator) * 2 - 1

    matrix = torch.eye(dims).repeat(count, 1, 1)
    # One rotation per plane: (x, y) in 2-D; (x, y), (x, z), (y, z) in 3-D.
    for i in range(dims):
        for j in range(i + 1, dims):
            angle = uniform(count) * math.radians(rotation)
            plane = torch.eye(dims).repeat(count, 1, 1)
            plane[:, i, i] = plane[:, j, j] = angle.cos()
            plane[:, i, j], plane[:, j, i] = -angle.sin(), angle.sin()
            matrix = matrix @ plane
    matrix = matrix * (1 + uniform(count) * scale).view(-1, 1, 1)
    for axis in mirror:
        sign = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
        # affine_grid counts axes from x: column 0 is the last axis, -1.
        matrix[:, :, -axis - 1] *= sign.view(-1, 1)
    # affine_grid measures each axis from -1 to 1, x first: one pixel is 2 / side.
    sides = torch.tensor(shape[::-1], dtype=torch.float32)
    lengths = sides * torch.tensor(spacing[::-1], dtype=torch.float32) if spacing else sides
    # A rotation is one in lengths; between axes of unequal length it would be a shear.
    matrix = matrix * (lengths / lengths.view(-1, 1))
    moved = uniform(count, dims) * shift * 2 / sides
    return torch.cat([matrix, moved.unsqueeze(-1)], dim=-1)


def apply_affine(images, affine, mode="bilinear"):
    """The float images (B, C, H, W) or volumes (B, C, D, H, W), moved.

    Beyond the border the border's own value continues: no black frame that a
    network could learn from.
    """
    grid = F.affine_grid(affine.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False)


def apply_affine_to_masks(masks, affine):
    """Class numbers (B, H, W) or (B, D, H, W), moved as `apply_affine` moves their images."""
    # The nearest pixel decides: between class 0 and class 2 lies no class 1.
    return apply_affine(masks.unsqueeze(1).float(), affine, mode="nearest").squeeze(1).to(masks.dtype)


def test_views(images, mirror=(), shift=0):
    """Yields (float images as seen when predicting, axes along which they are mirrored), to be averaged over.

    Every combination of flips along the `mirror` axes, times every move by up to
    `shift` whole pixels along each axis: 2 x 9 views for one axis and one pixel.
    """
    dims = images.dim() - 2
    padded = F.pad(images, [shift] * (2 * dims), mode="replicate") if shift else images
    flips = [axes for count in range(len(mirror) + 1) for axes in combinations(mirror, count)]
    for offsets in product(range(2 * shift + 1), repeat=dims):
        view = padded
        for axis, (start, size) in enumerate(zip(offsets, images.shape[2:]), start=2):
            view = view.narrow(axis, start, size)
        for axes in flips:
            yield (view.flip(axes) if axes else view), axes


test_views.__test__ = False  # named for the test split; pytest collects what starts with test
