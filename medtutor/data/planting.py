"""Evidence and shortcuts planted into images: what decides the label is then known.

On a real image nobody knows which pixels ought to decide. Put a spot into half
of the images, make the spot the label, and it is known: an explanation that
does not point there is wrong. Put a marker into the images of one class, and a
network has a shortcut. Either way the images are phantoms from then on.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from .. import checks
from ..errors import InputError, shown
from .card import SPLITS
from .dataset import Dataset, Split

SPOTS = ("bright", "dark", "texture")
# kind: (smallest and largest radius in pixels, change in grey levels). A spot of
# texture must be larger: it is told by its pattern, not by its brightness.
_SPOT = {"bright": (1.6, 2.4, 70), "dark": (1.6, 2.4, -70), "texture": (2.6, 3.4, 45)}
MARGIN = 4  # pixels from the border to a spot's centre
MARKER = (slice(1, 4), slice(1, 5))  # rows and columns: 3 x 4 pixels, top left
WHITE = 255

# How often a marker goes with the disease: at test it is turned round.
MARKED = {"train": 0.95, "val": 0.95, "test": 0.05}


def plant_spots(dataset: Dataset, kind: str = "bright", *, share: float = 0.5, seed: int = 0) -> Dataset:
    """A phantom `Dataset` whose label is whether a spot was planted; where it was is `evidence`.

    dataset  of grey images (N, 1, H, W); its own labels are forgotten
    kind     "bright", "dark" or "texture" (a checkerboard as bright as what was there)
    share    of images with a spot, between 0 and 1
    seed     of which images, and where

    Raises `InputError` for an unknown kind, a share that leaves a split with one class, images below 9 x 9 pixels,
    colour images, volumes and sequences.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> spots = plant_spots(xray, "dark", share=0.25)
    >>> spots.card.classes, int(spots.train.labels.sum())
    (('no spot', 'spot'), 10)
    """
    checks.one_of("kind of spot", kind, SPOTS)
    with checks.saying(f"share must lie between 0 and 1, not {shown(share)}: both classes are needed"):
        share = checks.number("share", share, above=0, below=1)
    seed = checks.whole("seed", seed, 0)
    _check(dataset)
    for name in SPLITS:
        count = len(getattr(dataset, name))
        if not 0 < round(share * count) < count:
            raise InputError(
                f"a share of {share:g} is {round(share * count)} of the {count} {name} images: both classes are needed"
            )
    generator = np.random.default_rng(seed)
    card = replace(
        dataset.card,
        name=f"{dataset.card.name}-{kind}-spots",
        title=f"{dataset.card.title} with planted {kind} spots",
        task="binary",
        classes=("no spot", "spot"),
        mirror=(-1,),
        warnings=("PHANTOM: the spots were planted by medtutor and decide the label.",),
    )
    splits = {name: _with_spots(getattr(dataset, name), kind, share, generator) for name in SPLITS}
    return Dataset(**splits, card=card, provenance="phantom")


def plant_marker(dataset: Dataset, agreement: float | None | Mapping[str, float | None], *, seed: int = 0) -> Dataset:
    """A phantom `Dataset`: its labels stay, and a white marker in the corner goes with label 1.

    dataset    of grey images and two classes
    agreement  {split: share}, or one share for all: how many of class 1, and one
               minus how many of class 0, get the marker. 0.95 is a shortcut, 0.5
               says nothing, 0.05 is the shortcut turned round, None is no marker, as
               is a split left out
    seed       of which images

    `evidence` marks the place of the marker in every image, also where it is
    not: what an explanation must not look at. Raises `InputError` as `plant_spots`.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> marked = plant_marker(xray, {"train": 1.0, "test": 0.0})  # the shortcut is turned round in the test
    >>> (marked.train.images[:, 0, 1, 1] == 255)[marked.train.labels == 1].all()
    tensor(True)
    """
    seed = checks.whole("seed", seed, 0)
    _check(dataset)
    if len(dataset.card.classes) != 2:
        raise InputError(
            f"a marker goes with one of two classes, but {dataset.card.name} has {len(dataset.card.classes)}"
        )
    if dataset.card.task in ("segmentation", "multi-label"):
        raise InputError(
            f"a marker goes with one of two classes, but the images of {dataset.card.name} are of no single class"
        )
    shares = agreement if isinstance(agreement, dict) else dict.fromkeys(SPLITS, agreement)
    if not set(shares) <= set(SPLITS):
        raise InputError(
            f"agreement is {shown(agreement)}; name the splits {', '.join(SPLITS)}, or give one share for all"
        )
    for name, share in shares.items():
        with checks.saying(f"agreement must lie in 0…1, not {shown(share)}"):
            shares = shares | {name: None if share is None else checks.number("agreement", share, 0, 1)}
    generator = np.random.default_rng(seed)
    card = replace(
        dataset.card,
        name=f"{dataset.card.name}-marker",
        title=f"{dataset.card.title} with a planted marker",
        mirror=(),  # mirrored, the marker would be in the other corner
        warnings=("PHANTOM: a marker that goes with the label was planted by medtutor.",),
    )
    splits = {name: _with_marker(getattr(dataset, name), shares.get(name), generator) for name in SPLITS}
    return Dataset(**splits, card=card, provenance="phantom")


def plant_side(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """A phantom `Dataset`: every second image, at random, is turned left to right, and the label says which.

    As where the heart is on the other side: whoever augments with a mirror takes away what is to be learned. `seed`
    says which images. Raises `InputError` as `plant_spots`.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> sides = plant_side(xray)
    >>> int(sides.train.labels.sum()), sides.card.mirror
    (20, ())
    """
    seed = checks.whole("seed", seed, 0)
    _check(dataset)
    generator = np.random.default_rng(seed)
    card = replace(
        dataset.card,
        name=f"{dataset.card.name}-side",
        title=f"{dataset.card.title}, every second image turned left to right",
        task="binary",
        classes=("as it was", "turned"),
        mirror=(),
        warnings=("PHANTOM: medtutor turned the images, and the label says which.",),
    )
    splits = {name: _turned(getattr(dataset, name), generator) for name in SPLITS}
    return Dataset(**splits, card=card, provenance="phantom")


def _turned(split, generator):
    turned = torch.from_numpy(generator.permutation(len(split)) < len(split) // 2)
    images = torch.where(turned[:, None, None, None], split.images.flip(-1), split.images)
    return Split(images, turned.long(), subjects=_people(split))


def _check(dataset):
    checks.instance("dataset", dataset, Dataset, "a Dataset, such as load and from_arrays give")
    if dataset.card.dims != 2 or dataset.card.channels != 1 or dataset.card.frames:
        raise InputError(f"planting is for grey images; {dataset.card.name} holds others")
    if min(dataset.card.shape) < 2 * MARGIN + 1:
        raise InputError(
            f"planting needs images of at least {2 * MARGIN + 1} x {2 * MARGIN + 1} pixels, not"
            f" {' x '.join(map(str, dataset.card.shape))}"
        )


def _with_spots(split, kind, share, generator):
    count, (height, width) = len(split), split.images.shape[-2:]
    labels = generator.permutation(count) < round(share * count)
    small, large, change = _SPOT[kind]
    centres = generator.uniform(MARGIN, [height - 1 - MARGIN, width - 1 - MARGIN], (count, 2))
    radii = generator.uniform(small, large, count)
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - centres[:, :1, None], columns - centres[:, 1:, None])  # (N, H, W)
    # One pixel of soft edge: a hard one would be a cue of its own.
    weight = np.clip(radii[:, None, None] + 0.5 - distance, 0, 1) * labels[:, None, None]
    pattern = np.where((rows + columns) % 2, 1, -1) if kind == "texture" else 1
    images = split.images[:, 0].numpy() + change * weight * pattern
    images = torch.from_numpy(images.round().clip(0, 255).astype(np.uint8))[:, None]
    evidence = torch.from_numpy(weight > 0.5)
    return Split(images, torch.from_numpy(labels.astype(np.int64)), evidence=evidence, subjects=_people(split))


def _with_marker(split, share, generator):
    images = split.images.clone()
    evidence = torch.zeros(len(split), *images.shape[-2:], dtype=torch.bool)
    evidence[:, *MARKER] = True
    if share is not None:
        wanted = np.where(split.labels.numpy() == 1, share, 1 - share)
        marked = torch.from_numpy(generator.random(len(split)) < wanted)
        images[marked, :, *MARKER] = WHITE
    return Split(images, split.labels.clone(), evidence=evidence, subjects=_people(split))


def _people(split):
    """Who each case is of: the same people, whatever was planted."""
    return None if split.subjects is None else split.subjects.clone()
