"""Phantom pairs for translation: the same drawn anatomy in two contrasts.

Two contrasts of one scanner show the same tissues, each with its own
brightness. Here both are drawn from one map of tissues, a slice through a
head, so that the truth about every pixel is known in both:

            air  scalp  skull  fluid  grey matter  white matter  lesion
contrast A   0    .75    .08    .16       .46           .70        .30    as T1-weighted
contrast B   0    .42    .06    .92       .58           .36        .85    as T2-weighted

No curve turns A into B: bone and fluid are both dark in A, scalp and white
matter both bright, and in B each goes its own way. What tells them apart is
where they lie, and that a network can learn.

Half of the cases have a lesion in the white matter. In B it is always bright.
In A it is dark in half of them, and in the others it looks as the white matter
around it: `kinds` says which. What the source does not show no network can
translate.

Phantoms, no patients: brightness is chosen by hand, nothing here is physics.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from ... import checks
from .brushes import clouds, edge, fine_axes, shrink, streams, to_uint8, uniform

TISSUES = ("air", "scalp", "skull", "fluid", "grey matter", "white matter", "lesion")
AIR, SCALP, SKULL, FLUID, GREY, WHITE, LESION = range(len(TISSUES))
KINDS = ("no lesion", "seen in both", "seen in B only")
NO_LESION, IN_BOTH, IN_B_ONLY = range(len(KINDS))
# Brightness of each tissue, 0 black to 1 white; in A that of a lesion that is seen there.
LEVELS_A = (0.0, 0.75, 0.08, 0.16, 0.46, 0.70, 0.30)
LEVELS_B = (0.0, 0.42, 0.06, 0.92, 0.58, 0.36, 0.85)
NOISE = 0.02  # standard deviation in each contrast, of the same scale: 5 grey levels
COUNTS = {"train": 1000, "val": 100, "test": 300}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Cases that were drawn in two contrasts, pixel on pixel.

    a, b     uint8 (N, 1, 28, 28): the two contrasts
    tissues  uint8 (N, 28, 28): the number in `TISSUES` of each pixel's main tissue
    kinds    int64 (N,): the number in `KINDS`
    """

    a: torch.Tensor
    b: torch.Tensor
    tissues: torch.Tensor
    kinds: torch.Tensor

    def __len__(self) -> int:
        return len(self.a)


@dataclass(frozen=True, eq=False)
class Contrasts:
    """The three splits of the phantom pairs."""

    train: Pairs
    val: Pairs
    test: Pairs
    title: str = "Head in two contrasts (PHANTOM, drawn by medtutor)"


def draw(counts: dict[str, int] | None = None, seed: int = 0) -> Contrasts:
    """The phantom pairs, `Contrasts`.

    counts  cases to draw, such as {"train": 100}; a split left out keeps its
            usual number of `COUNTS`
    seed    a whole number from 0: the same seed draws the same images, bit for bit

    Raises `InputError` for fewer than two cases in a split, and for a seed that
    is not a whole number from 0.

    >>> heads = draw({"train": 8, "val": 2, "test": 2})
    >>> heads.train.a.shape, heads.train.kinds.bincount()  # half without a lesion
    (torch.Size([8, 1, 28, 28]), tensor([4, 2, 2]))
    """
    counts, seed = checks.counts(counts, COUNTS, 2, ", one case a class"), checks.whole("seed", seed, 0)
    return Contrasts(**{split: _pairs(rng, counts[split]) for split, rng in streams(seed).items()})


def _pairs(rng, n):
    """n cases: half without a lesion, a quarter with one seen in both contrasts, a quarter in B only."""
    kinds = rng.permutation(np.resize([NO_LESION, IN_BOTH, NO_LESION, IN_B_ONLY], n))
    tissues, lesion = _head(rng, n)
    # Where the lesion is not seen in A, A is drawn as if it were not there: no trace is left.
    a, _ = _drawn(rng, tissues, lesion, kinds == IN_BOTH, LEVELS_A)
    b, main = _drawn(rng, tissues, lesion, kinds != NO_LESION, LEVELS_B)
    return Pairs(*map(torch.from_numpy, (a[:, None], b[:, None], main, kinds)))


def _drawn(rng, tissues, lesion, seen, levels):
    """One contrast, and the main tissue of each of its pixels; one at a time, since the shares are large."""
    shares = _with_lesion(tissues, lesion * seen[:, None, None])
    return _scan(rng, shares, levels), np.stack([shrink(share) for share in shares]).argmax(0).astype(np.uint8)


def _with_lesion(tissues, lesion):
    """The shares (7, n, height, width) of all tissues, the lesion in place of what was there."""
    return np.concatenate([tissues * (1 - lesion), lesion[None]])


def _scan(rng, shares, levels):
    """What a scanner makes of the tissues: brightness, pixels, blur and noise; uint8 (n, 28, 28).

    Each tissue's brightness differs a little from case to case and contrast to contrast.
    """
    n = shares.shape[1]
    picture = sum(level * uniform(rng, n, 0.95, 1.05) * share for level, share in zip(levels, shares))
    pixels = ndimage.gaussian_filter(shrink(picture), (0, 0.4, 0.4))
    return to_uint8(255 * (pixels + NOISE * rng.standard_normal(pixels.shape, dtype=np.float32)))


def _head(rng, n):
    """The share of each healthy tissue in each fine pixel, (6, n, height, width), and a lesion, (n, height, width).

    The shares add up to 1. Ovals inside one another, from the scalp inwards. The border of the white
    matter is folded, the ventricles are two crescents back to back.
    """
    y, x = fine_axes()
    y, x = y - uniform(rng, n, -0.06, 0.06), x - uniform(rng, n, -0.06, 0.06)
    turn = uniform(rng, n, -0.15, 0.15)  # radians
    y, x = y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)
    height, width = uniform(rng, n, 0.86, 0.96), uniform(rng, n, 0.74, 0.86)
    inward = (1 - np.hypot(y / height, x / width)) * width  # distance from the skin, roughly

    scalp = uniform(rng, n, 0.05, 0.09)
    skull = scalp + uniform(rng, n, 0.05, 0.08)
    brain = skull + uniform(rng, n, 0.02, 0.08)  # thicker where the brain has shrunk
    folds = 0.045 * clouds(rng, n, 2.5, 2.5)
    white = brain + uniform(rng, n, 0.09, 0.13) + folds
    ventricles = _ventricles(rng, n, y, x)

    blur = 0.03
    layers = [np.ones_like(inward)]  # air, then each tissue covers what lies under it
    for depth in (0, scalp, skull, brain, white):
        layers.append(edge(inward - depth, blur))
    shares = np.zeros((LESION, *inward.shape), np.float32)
    for tissue, (own, next_one) in enumerate(zip(layers, layers[1:] + [0])):
        shares[tissue] = own - np.minimum(own, next_one)
    shares[:FLUID] *= 1 - ventricles
    shares[GREY:] *= 1 - ventricles
    shares[FLUID] += 1 - shares.sum(0)
    return shares, _lesion(rng, n, y, x, shares[WHITE])


def _ventricles(rng, n, y, x):
    """Soft mask of the two ventricles."""
    size, long = uniform(rng, n, 0.05, 0.12), uniform(rng, n, 0.22, 0.36)
    low = uniform(rng, n, -0.05, 0.05)
    bend = uniform(rng, n, 0.04, 0.1) + 0.9 * (y - low) ** 2
    inside = 1 - np.hypot((np.abs(x) - bend) / size, (y - low) / long)
    return edge(inside * size, 0.03)


def _lesion(rng, n, y, x, white):
    """Soft mask of one round lesion a case, cut off where the white matter ends."""
    deep = ndimage.gaussian_filter(white, (0, 3, 3))
    chance = deep**4 * rng.random(white.shape, dtype=np.float32)
    place = chance.reshape(n, -1).argmax(1)
    rows, columns = np.unravel_index(place, white.shape[1:])
    case = np.arange(n)
    y, x = np.broadcast_to(y, white.shape), np.broadcast_to(x, white.shape)
    centre_y, centre_x = (axis[case, rows, columns][:, None, None] for axis in (y, x))
    radius = uniform(rng, n, 0.12, 0.2)  # 1.7 to 2.8 pixels
    return edge(radius - np.hypot(y - centre_y, x - centre_x), 0.04) * (white > 0.3)
