"""Label-safe augmentation of a whole batch at once, images and volumes alike.

One affine map per case (mirror, rotation, scale, shift) through `grid_sample`
costs microseconds a case; the numbers are drawn on the CPU from one generator,
so that a run repeats bit for bit whatever the device.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from scipy import ndimage

from ..checks import number, seed, whole
from ..errors import InputError, unknown

HOLE = 9  # pixels along each side of the square that `corrupt` takes out
# What `augment` does, in the words of the review that the course follows; "mirror" is apart, since it can harm.
AUGMENTATIONS = ("none", "filters", "geometry", "erasing", "mixing", "mirror")
DEGRADATIONS = ("noise", "blur", "bias field", "contrast", "ghost", "shift")  # what `degrade` does


def draw_affine(
    count: int,
    shape: Sequence[int],
    *,
    mirror: Sequence[int] = (),
    rotation: float = 0.0,
    scale: float = 0.0,
    shift: float = 0.0,
    spacing: Sequence[float] | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """`count` random affine maps for images or volumes of a spatial `shape`.

    mirror    axes (-1, -2, -3) that are flipped with probability one half:
              only those of the card, along which the label stays
    rotation  degrees, drawn from -rotation…rotation; in a volume about all axes
    scale     share, drawn from 1-scale…1+scale
    shift     pixels along each axis, drawn from -shift…shift
    spacing   how long a pixel is along each axis of `shape`, in any unit: what is turned keeps its form in
              that unit. Left out: pixels are as long as wide

    Returns (count, d, d + 1) float32, as `torch.nn.functional.affine_grid` takes it.

    >>> turned = draw_affine(3, (28, 28), rotation=10, generator=torch.Generator().manual_seed(0))
    >>> turned.shape, bool((turned[:, 0, 0] > math.cos(math.radians(10))).all())
    (torch.Size([3, 2, 3]), True)
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


def apply_affine(images: torch.Tensor, affine: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """The float images (B, C, H, W) or volumes (B, C, D, H, W), moved.

    Beyond the border the border's own value continues: no black frame that a
    network could learn from.

    >>> mirrored = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> apply_affine(torch.tensor([[[[1.0, 2.0, 3.0]]]]), mirrored)
    tensor([[[[3., 2., 1.]]]])
    """
    dims = affine.shape[1]
    mirrored = affine.diagonal(dim1=1, dim2=2).sign().diag_embed()
    if torch.equal(affine, F.pad(mirrored, (0, 1))):  # nothing is moved between pixels
        for axis in range(dims):  # affine maps count axes from the last
            back = (mirrored[:, axis, axis] < 0).view(-1, *[1] * (dims + 1)).to(images.device)
            images = torch.where(back, images.flip(-1 - axis), images)
        return images
    grid = _grid(affine.to(images.device), images.shape[2:])
    return F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False)


def _grid(affine, shape):
    """What `F.affine_grid` gives, (B, *shape, d): a sum of rows of places, in a third of the time."""
    count, dims = affine.shape[:2]
    grid = affine[:, :, -1].view(count, *[1] * dims, dims)
    for axis, side in enumerate(shape):
        places = (2 * torch.arange(side, device=affine.device) + 1) / side - 1
        row = places[:, None] * affine[:, None, :, dims - 1 - axis]  # (B, side, d); columns count axes from the last
        grid = grid + row.view(count, *(side if other == axis else 1 for other in range(dims)), dims)
    return grid


def apply_affine_to_masks(masks: torch.Tensor, affine: torch.Tensor) -> torch.Tensor:
    """Class numbers (B, H, W) or (B, D, H, W), moved as `apply_affine` moves their images.

    >>> mirrored = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> apply_affine_to_masks(torch.tensor([[[0, 0, 2]]], dtype=torch.uint8), mirrored)
    tensor([[[2, 0, 0]]], dtype=torch.uint8)
    """
    # The nearest pixel decides: between class 0 and class 2 lies no class 1.
    return apply_affine(masks.unsqueeze(1).float(), affine, mode="nearest").squeeze(1).to(masks.dtype)


def test_views(
    images: torch.Tensor, mirror: Sequence[int] = (), shift: int = 0
) -> Iterator[tuple[torch.Tensor, tuple[int, ...]]]:
    """Yields (float images as seen when predicting, axes along which they are mirrored), to be averaged over.

    Every combination of flips along the `mirror` axes, times every move by up to
    `shift` whole pixels along each axis: 2 x 9 views for one axis and one pixel.

    >>> len(list(test_views(torch.zeros(1, 1, 28, 28), mirror=(-1,), shift=1)))
    18
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


test_views.__test__ = False  # type: ignore[attr-defined]  # named for the test split; pytest collects what starts with test


def corrupt(
    images: torch.Tensor, noise: float = 0.25, hole: int = HOLE, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Images as a denoising autoencoder sees them: with noise, and with a hole.

    images     float (B, C, H, W), -1…1; left as they are
    noise      standard deviation of the Gaussian noise, in the same units:
               the whole range from black to white is 2
    hole       pixels along each side of a square that becomes 0, mid-grey, at
               a place of its own in each image; 0 leaves it out
    generator  a `torch.Generator` on the CPU; the same one, the same corruption

    Returns new images, not clamped: noise that is cut off is no longer
    Gaussian. Raises `InputError` for images of whole numbers, negative noise and a hole that does not fit.

    >>> seen = corrupt(torch.ones(2, 1, 28, 28), noise=0, hole=9)
    >>> (seen == 0).sum((1, 2, 3))  # 9 x 9 pixels
    tensor([81, 81])
    """
    if not images.is_floating_point():
        raise InputError(f"images are {images.dtype}; give floats -1…1, such as normalise(images)")
    height, width = images.shape[-2:]
    noise, hole = number("noise", noise), whole("hole", hole)
    if noise < 0:
        raise InputError(f"noise is a standard deviation, {noise} cannot be one; give 0 or more")
    if not 0 <= hole <= min(height, width):
        raise InputError(f"a hole of {hole} pixels does not fit into {height} x {width}; give 0…{min(height, width)}")
    corrupted = images + noise * torch.randn(images.shape, generator=generator).to(images.device)
    return cut_out(corrupted, hole, generator)


def cut_out(images: torch.Tensor, side: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """Float images (B, C, H, W) with a square of 0, mid-grey, at a place of its own in each.

    side       of the square in pixels, at most the image's shortest side
    generator  a `torch.Generator` on the CPU; the same one, the same places

    >>> int((cut_out(torch.ones(1, 1, 8, 8), 3) == 0).sum())
    9
    """
    count, (height, width) = len(images), images.shape[-2:]
    top = torch.randint(height - side + 1, (count, 1, 1, 1), generator=generator)
    left = torch.randint(width - side + 1, (count, 1, 1, 1), generator=generator)
    rows, columns = torch.arange(height).view(-1, 1), torch.arange(width)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)  # (B, 1, H, W)
    return images.masked_fill(inside.to(images.device), 0.0)


def augment(
    images: torch.Tensor, targets: torch.Tensor, kind: str, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of images and what is to be said of them, varied in one of the ways of `AUGMENTATIONS`.

    images     float (B, C, H, W), -1…1; left as they are
    targets    float (B, classes), probabilities: 1 for the class of an image, else 0
    kind       "none"
               "filters"   each image blurred or sharpened by a 3 x 3 kernel, more or less
               "geometry"  turned by up to 14 degrees, scaled by up to a tenth, moved by up to 2 pixels
               "erasing"   a square of a third of the shorter side is grey (Zhong et al., arXiv:1708.04896)
               "mixing"    each image a mean of itself and of another of the batch, weighed at random, and its
                           target alike: mixup (Zhang et al., arXiv:1710.09412) with alpha 1
               "mirror"    every second image turned left to right: harmless only where the sides mean nothing
    generator  a `torch.Generator` on the CPU; the same one, the same numbers

    Returns images and targets of the same shapes. Raises `InputError` for another kind, and for images of whole
    numbers.

    >>> half = augment(torch.zeros(4, 1, 28, 28), torch.eye(2).repeat(2, 1), "mixing")[1]
    >>> half.sum(dim=1)  # still probabilities
    tensor([1., 1., 1., 1.])
    """
    if kind not in AUGMENTATIONS:
        raise unknown("kind of augmentation", kind, AUGMENTATIONS)
    if not images.is_floating_point():
        raise InputError(f"images are {images.dtype}; give floats -1…1, such as normalise(images)")
    count, shape = len(images), images.shape[2:]
    if kind == "filters":
        # From -1, the details twice as strong, to 1, none of them left.
        strength = torch.rand(count, 1, 1, 1, generator=generator) * 2 - 1
        kernel = torch.full((images.shape[1], 1, 3, 3), 1 / 9)
        blurred = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel, groups=images.shape[1])
        images = images + strength * (blurred - images)
    elif kind == "geometry":
        moved = draw_affine(count, shape, rotation=14.0, scale=0.1, shift=2.0, generator=generator)
        images = apply_affine(images, moved)
    elif kind == "erasing":
        images = cut_out(images, max(1, min(shape) // 3), generator)
    elif kind == "mixing":
        share = torch.rand(count, 1, generator=generator)
        other = torch.randperm(count, generator=generator)
        targets = share * targets + (1 - share) * targets[other]
        share = share[:, :, None, None]
        images = share * images + (1 - share) * images[other]
    elif kind == "mirror":
        images = apply_affine(images, draw_affine(count, shape, mirror=(-1,), generator=generator))
    return images, targets


def with_frames_lost(clips: torch.Tensor, share: float = 0.3, generator: torch.Generator | None = None) -> torch.Tensor:
    """Float clips (N, T, C, H, W) in which a share of the frames is black, at random.

    >>> (with_frames_lost(torch.zeros(1, 100, 1, 4, 4), share=1.0) == -1).all()
    tensor(True)
    """
    lost = torch.rand(clips.shape[:2], generator=generator) < share
    return clips.masked_fill(lost[:, :, None, None, None], -1.0)


def degrade(images: ArrayLike, kind: str, strength: float, generator: np.random.Generator | int = 0) -> np.ndarray:
    """The images made worse, as scanners and patients do: uint8 of the same shape.

    images     uint8 (P, H, W) or volumes (P, D, H, W)
    kind       "noise"       normal noise on every pixel, up to 60 grey levels
               "blur"        Gaussian blur, up to 3 pixels
               "bias field"  brightness that waxes and wanes smoothly over the image, up to 3-fold
               "contrast"    grey levels drawn to their mean, up to nine tenths of the way
               "ghost"       the patient sways along the last axis during the scan, up to 6
                             pixels: copies of the borders
               "shift"       whole pixels along each axis, up to 12; 0 comes in at the border
    strength   0 (nothing changes) to 1 (what is given above)
    generator  a numpy Generator, or a seed

    A shift moves the truth too: `degrade(masks, "shift", strength, seed)` with the same
    seed moves the masks alike. Raises `InputError` for another kind, strength or images.

    >>> flat = np.full((1, 28, 28), 100, np.uint8)
    >>> worse = degrade(flat, "noise", 0.5, 0)
    >>> worse.dtype, bool(28 < worse.std() < 32)  # half of 60 grey levels
    (dtype('uint8'), True)
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or images.dtype != np.uint8:
        raise InputError(
            f"images are {images.dtype} of shape {images.shape}; give uint8 images (P, H, W) or volumes (P, D, H, W)"
        )
    if kind not in DEGRADATIONS:
        raise unknown("kind of degradation", kind, DEGRADATIONS)
    try:
        strength = number("strength", strength, 0, 1)
    except InputError:
        raise InputError(f"strength is {strength!r}; give a number from 0 (nothing) to 1 (the worst)") from None
    if not isinstance(generator, np.random.Generator):
        generator = seed(generator, "generator")
    rng = np.random.default_rng(generator)
    if strength == 0:
        return images.copy()
    worse = [_DEGRADE[kind](image.astype(np.float32), strength, rng) for image in images]
    return np.stack(worse).round().clip(0, 255).astype(np.uint8)


def _noise(image, strength, rng):
    return image + strength * 60 * rng.standard_normal(image.shape, dtype=np.float32)


def _blur(image, strength, rng):
    return ndimage.gaussian_filter(image, 3 * strength)


def _bias_field(image, strength, rng):
    # Four random numbers along each axis, drawn out to the size of the image.
    coarse = rng.uniform(-1, 1, [4] * image.ndim)
    smooth = ndimage.zoom(coarse, [side / 4 for side in image.shape], order=3)
    return image * 3 ** (strength * smooth / np.abs(smooth).max())


def _contrast(image, strength, rng):
    inside = image > 0  # padding stays black
    return np.where(inside, image + 0.9 * strength * (image[inside].mean() - image), 0) if inside.any() else image


def _ghost(image, strength, rng):
    # A scanner measures line by line in frequency space; a patient who sways meanwhile gives
    # each line another place, and a place is a phase there. Four to eight sways a scan.
    lines = np.arange(image.shape[-1])
    place = 6 * strength * np.sin(2 * np.pi * rng.uniform(4, 8) * lines / len(lines) + rng.uniform(0, 2 * np.pi))
    frequency = np.fft.fftfreq(len(lines))
    spectrum = np.fft.fft(image, axis=-1) * np.exp(-2j * np.pi * frequency * np.fft.ifftshift(place))
    return np.abs(np.fft.ifft(spectrum, axis=-1))


def _shift(image, strength, rng):
    return ndimage.shift(image, np.round(12 * strength * rng.uniform(-1, 1, image.ndim)), order=0)


_DEGRADE = dict(zip(DEGRADATIONS, (_noise, _blur, _bias_field, _contrast, _ghost, _shift)))
