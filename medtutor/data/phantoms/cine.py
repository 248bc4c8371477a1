"""The cine phantom: a beating ventricle in speckle, so that motion and order are known.

A short-axis slice through a left ventricle: a dark cavity inside a bright wall,
filmed over T = 16 frames of 28 x 28 pixels. Of every clip the truth is known:
the volume of the cavity in each frame, the ejection fraction, and which way
time runs. No patient is shown; results say nothing about patients.

Two questions can be asked of a clip.

"ejection fraction"  how much of the blood is thrown out: 1 - smallest / largest
                     volume. It needs two frames and no order
"filling"            is the filling of the ventricle fast (1) or slow (0)? A
                     clip of class 1 is drawn like one of class 0 and its volume
                     curve is then run backwards. Every statistic that forgets
                     the order of the frames, and the Fourier magnitude, has the
                     same distribution in both classes, by construction

The wall keeps its area, so it thickens as the cavity shrinks. A slice of fixed
thickness has a volume in proportion to its area. Position, size, axis ratio,
angle, brightness, phase and beats per clip are drawn anew for every clip, grain
(multiplicative, gamma-distributed) for every frame.
"""

import numbers
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ... import checks
from ...errors import InputError, shown, unknown
from ..card import PHANTOM, Card
from .brushes import BATCH, SIZE, edge, from_middle, streams, to_uint8, uniform

FRAMES = 16
BLUR = 0.7  # half the width of an edge, pixels
COUNTS = {"train": 1500, "val": 300, "test": 2000}
STRUCTURES = ("background", "cavity", "wall")
FILLINGS = ("slow filling", "fast filling")
MODES = ("black", "held", "cut")

# What is drawn, from … to, unless told otherwise. Grain is the shape of the gamma
# distribution: its spread is 1 / sqrt(shape), so 30 is fine grain and 4 is coarse.
_USUAL = {
    "ejection fraction": {"ejection": (0.15, 0.75), "radius": (5.5, 8.5), "grain": 8.0},
    "filling": {"ejection": (0.40, 0.75), "radius": (6.5, 9.0), "grain": 30.0},
}
TARGETS = tuple(_USUAL)
_uniform = partial(uniform, axes=3)  # one random number a clip, (n, 1, 1, 1)
_ALWAYS = {"systole": (0.20, 0.30), "beat": (9.0, 16.0)}


@dataclass(frozen=True, eq=False)
class Clips:
    """The clips of one split and all that is true of them.

    images    uint8 (N, T, 1, H, W)
    masks     uint8 (N, T, H, W): 0 background, 1 cavity, 2 wall
    volumes   float32 (N, T): the cavity's volume in each frame, as a share of the
              largest of the whole beat
    ejection  float32 (N,): ejection fraction, 0 to 1
    filling   int64 (N,): 0 slow, 1 fast
    target    which of the two is asked for
    """

    images: torch.Tensor
    masks: torch.Tensor
    volumes: torch.Tensor
    ejection: torch.Tensor
    filling: torch.Tensor
    target: str

    @property
    def targets(self) -> torch.Tensor:
        """(N,): `ejection` or `filling`, whichever is asked for."""
        return self.ejection if self.target == "ejection fraction" else self.filling

    def __len__(self) -> int:
        return len(self.images)


def card(name: str, target: str) -> Card:
    """The card of clips of which `target` is asked."""
    regression = target == "ejection fraction"
    return Card(
        name=name,
        title=f"Cardiac cine, {target}",
        modality="cardiac cine, short axis",
        task="regression" if regression else "binary",
        classes=(target,) if regression else FILLINGS,
        channels=1,
        shape=(SIZE, SIZE),
        frames=FRAMES,
        mirror=(-1, -2),
        description="A beating ventricle in speckle, drawn by medtutor; no patient's image.",
        **PHANTOM,
    )


def draw(
    target: str = "ejection fraction", counts: dict[str, int] | None = None, seed: int = 0, **difficulty: Any
) -> dict[str, Clips]:
    """Phantom clips: {"train": Clips, "val": Clips, "test": Clips}.

    target      "ejection fraction" or "filling"; the usual difficulty differs
    counts      clips to draw, such as {"train": 200}; a split left out keeps its
                usual number of `COUNTS`
    seed        a whole number from 0: the same seed draws the same clips, bit for bit
    difficulty  ranges (low, high) that are drawn from evenly, and one number:
                ejection  ejection fraction, usually (0.15, 0.75); for "filling" (0.40, 0.75)
                radius    of the full cavity in pixels, (5.5, 8.5); for "filling" (6.5, 9.0)
                systole   the share of a beat in which the cavity shrinks, in class 0;
                          (0.20, 0.30), one minus that in class 1. At 0.5 the classes are alike
                beat      frames a beat lasts, (9, 16)
                grain     shape of the gamma distribution, 8; for "filling" 30. Less is coarser

    Raises `InputError` for an unknown target or difficulty, a range that cannot
    be drawn from, fewer than two clips in a split, and a seed that is not a whole
    number from 0.

    >>> clips = draw("filling", {"train": 6, "val": 2, "test": 2})["train"]
    >>> clips.images.shape, sorted(clips.targets.tolist())
    (torch.Size([6, 16, 1, 28, 28]), [0, 0, 0, 1, 1, 1])
    """
    checks.one_of("target", target, TARGETS)
    counts, seed = checks.counts(counts, COUNTS, 2, ", one clip a class"), checks.whole("seed", seed, 0)
    difficulty = _checked_difficulty({**_ALWAYS, **_USUAL[target]}, difficulty)
    return {split: _clips(rng, counts[split], target, difficulty) for split, rng in streams(seed).items()}


# name: the least and the most that can be drawn
_LIMITS = {
    "ejection": (0.0, 0.95),
    "radius": (2.0, 12.0),
    "systole": (0.05, 0.95),
    "beat": (4.0, 64.0),
    "grain": (0.5, 1000.0),
}


def _checked_difficulty(usual, given):
    for name, value in given.items():
        if name not in usual:
            raise unknown("difficulty", name, list(usual))
        low, high = _LIMITS[name]
        form = "a number" if name == "grain" else "a range (low, high)"
        with checks.saying(f"{name} is {shown(value)}; give {form} between {low:g} and {high:g}"):
            given[name] = (
                checks.number(name, value, low, high) if name == "grain" else _checked_range(name, value, low, high)
            )
    return {**usual, **given}


def _checked_range(name, value, low, high):
    ends = checks.items(value) or ()
    if len(ends) != 2:
        raise InputError("a range has two ends")
    first = checks.number(name, ends[0], low, high)
    return first, checks.number(name, ends[1], first, high)


def _clips(rng, count, target, difficulty):
    filling = rng.permutation(np.arange(count) % 2)
    ejection, volumes = _volumes(rng, filling, difficulty)
    parts = []
    for start in range(0, count, BATCH):
        parts.append(_film(rng, volumes[start : start + BATCH], difficulty))
    images, masks = (np.concatenate(part) for part in zip(*parts))
    return Clips(
        images=torch.from_numpy(images).unsqueeze(2),
        masks=torch.from_numpy(masks),
        volumes=torch.from_numpy(volumes),
        ejection=torch.from_numpy(ejection),
        filling=torch.from_numpy(filling),
        target=target,
    )


def _volumes(rng, filling, difficulty):
    """Ejection fractions (N,) and volume curves (N, T), float32; class 1 runs backwards.

    Shrinking and filling are half cosine waves. All numbers are drawn before the
    classes are looked at: with the same numbers, the curve of the other class
    holds the same volumes in the opposite order.
    """
    n = len(filling)
    ejection, systole, beat = (rng.uniform(*difficulty[name], n) for name in ("ejection", "systole", "beat"))
    moment = (rng.random((n, 1)) + np.arange(FRAMES) / beat[:, None]) % 1  # 0 full … 1 full again
    systole = systole[:, None]
    shrinking = (1 - np.cos(np.pi * moment / systole)) / 2
    refilling = (1 + np.cos(np.pi * (moment - systole) / (1 - systole))) / 2
    emptied = np.where(moment < systole, shrinking, refilling)
    volumes = 1 - ejection[:, None] * emptied
    volumes = np.where(filling[:, None] == 1, volumes[:, ::-1], volumes)
    return ejection.astype(np.float32), volumes.astype(np.float32)


def _film(rng, volumes, difficulty):
    """Clips of ventricles with those volumes (n, T): images and masks, uint8 (n, T, H, W)."""
    n = len(volumes)
    radius = _uniform(rng, n, *difficulty["radius"])
    distance = _distance(rng, n)  # of each pixel from the middle, as the radius of the ellipse through it
    cavity = radius * np.sqrt(volumes)[:, :, None, None]
    wall_area = (radius + _uniform(rng, n, 2.0, 3.5)) ** 2 - radius**2
    outside = np.sqrt(cavity**2 + wall_area)

    behind, muscle, blood = _uniform(rng, n, 0.22, 0.42), _uniform(rng, n, 0.55, 0.85), _uniform(rng, n, 0.06, 0.18)
    echo = behind + (muscle - behind) * edge(outside - distance, BLUR)
    echo = echo + (blood - muscle) * edge(cavity - distance, BLUR)
    grain = rng.standard_gamma(difficulty["grain"], echo.shape, dtype=np.float32) / np.float32(difficulty["grain"])
    images = to_uint8(255 * echo * grain)
    masks = np.where(distance < cavity, 1, np.where(distance < outside, 2, 0)).astype(np.uint8)
    return images, masks


def _distance(rng, n):
    """(n, 1, H, W): the place of each pixel in an ellipse that is shifted, turned and squeezed."""
    line = from_middle(SIZE)
    x = line - _uniform(rng, n, -2.0, 2.0)
    y = line[:, None] - _uniform(rng, n, -2.0, 2.0)
    turn, ratio = _uniform(rng, n, 0, np.pi), _uniform(rng, n, 1.0, 1.3)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return np.sqrt(along**2 / ratio + across**2 * ratio)


# What can happen to a clip -------------------------------------------------------------------


def reversed_in_time(images: torch.Tensor) -> torch.Tensor:
    """Clips (N, T, C, H, W) with the last frame first.

    >>> clips = torch.arange(4).reshape(1, 4, 1, 1, 1)
    >>> reversed_in_time(clips).flatten()
    tensor([3, 2, 1, 0])
    """
    return _checked(images).flip(1)


def shuffled(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Clips (N, T, C, H, W), the frames of each in a random order of its own.

    generator: a `torch.Generator`; torch's own random state where left out.
    Raises `InputError` for another one.

    >>> clips = torch.arange(4).reshape(1, 4, 1, 1, 1)
    >>> shuffled(clips, torch.Generator().manual_seed(0)).flatten().sort().values
    tensor([0, 1, 2, 3])
    """
    if generator is not None:
        checks.instance("generator", generator, torch.Generator, "a torch.Generator, or left out")
    order = torch.rand(_checked(images).shape[:2], generator=generator).argsort(1)
    return images[torch.arange(len(images))[:, None], order]


def dropped(images: torch.Tensor, keep: int | ArrayLike, mode: str = "black") -> torch.Tensor:
    """Clips with frames missing: uint8 (N, T, C, H, W).

    keep  a whole number: the first so many frames are there; or bool (T,) or
          (N, T), true where a frame is there
    mode  what stands in for a missing frame: "black"; "held", the last frame that
          is there (before the first, that first one; black where none is there at
          all); or "cut", which gives shorter clips and needs a whole number

    Raises `InputError` for an unknown mode, and for a `keep` of another form.

    >>> clips = torch.arange(1, 5).reshape(1, 4, 1, 1, 1)
    >>> dropped(clips, 2).flatten(), dropped(clips, [False, True, False, True], "held").flatten()
    (tensor([1, 2, 0, 0]), tensor([2, 2, 2, 4]))
    """
    count, frames = _checked(images).shape[:2]
    checks.one_of("mode", mode, MODES)
    also = "" if mode == "cut" else f", or bool ({frames},) or ({count}, {frames})"
    with checks.saying(f"keep does not fit {count} clips of {frames} frames; give a whole number 1…{frames}{also}"):
        there = _kept(keep, count, frames, mode)
    if mode == "cut":
        return images[:, : int(there.sum())].clone()
    there = there.expand(count, frames)
    if mode == "black":
        return images * there[:, :, None, None, None]
    places = torch.where(there, torch.arange(frames), -1).cummax(1).values
    first = there.int().argmax(1, keepdim=True)
    held = images[torch.arange(count)[:, None], torch.where(places < 0, first, places)]
    return held * there.any(1)[:, None, None, None, None]


def _kept(keep, count, frames, mode):
    """bool (T,) or (N, T): which frames are there. Raises `InputError` for a `keep` of another form."""
    if mode == "cut" or isinstance(keep, numbers.Number) or getattr(keep, "ndim", None) == 0:
        return torch.arange(frames) < checks.whole("keep", keep, 1, frames)
    try:
        there = torch.as_tensor(keep)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("no array") from None
    if there.dtype != torch.bool or there.shape not in ((frames,), (count, frames)):
        raise InputError("another shape or type")
    return there


def _checked(images):
    if not isinstance(images, torch.Tensor) or images.ndim != 5:
        raise InputError("clips must be a tensor (N, T, C, H, W)")
    return images
