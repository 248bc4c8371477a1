"""Two marks far apart, whose relation is the label: phantoms that ask who can see globally.

An image of noise holds two findings in opposite corners. Each alone says nothing about
the label; only the two together do.

"shapes"    each mark is a cross or a hollow square; label 1: both are the same. That is
            the exclusive or of two shapes: two detectors and one conjunction are enough.
            (A square has more bright pixels than a cross: to add them all up and to ask
            whether there are neither few nor many is another way, and no less global)
"patterns"  each mark is a pattern of black and white squares, drawn anew for every
            image; label 1: the two patterns are the same. There is no list of patterns
            to learn: the two places have to be compared

Everything is drawn by medtutor; results say nothing about patients.
"""

import numpy as np
import torch

from ... import checks
from ...errors import InputError, shown
from ..card import PHANTOM, SPLITS, Card
from ..dataset import Dataset, Split
from .brushes import SIZE, streams, to_uint8

KINDS = ("shapes", "patterns")
COUNTS = {"train": 20_000, "val": 500, "test": 2000}
CELLS = ((2, 2), (3, 2), (2, 3), (4, 1), (5, 1), (6, 1))  # squares along a side of a pattern, pixels along a square
GREY = 0.45  # of the ground, 0 black to 1 white

_CROSS = np.zeros((5, 5), np.float32)
_CROSS[2, :] = _CROSS[:, 2] = 1
_SQUARE = np.ones((5, 5), np.float32)
_SQUARE[1:4, 1:4] = 0
SHAPES = np.stack([_CROSS, _SQUARE])  # (2, 5, 5)


def card(kind: str) -> Card:
    """The card of the marks of a kind."""
    return Card(
        name=f"marks_{kind}",
        title=f"Two {kind}",
        modality="two marks in noise",
        task="binary",
        classes=("different", "same"),
        channels=1,
        shape=(SIZE, SIZE),
        mirror=(-1, -2),
        description="Two marks in opposite corners, drawn by medtutor; no patient's image.",
        **PHANTOM,
    )


def draw_marks(
    kind: str = "shapes",
    counts: dict[str, int] | None = None,
    *,
    noise: float = 0.05,
    jitter: int = 2,
    contrast: float = 0.5,
    cells: int = 6,
    cell: int = 1,
    seed: int = 0,
) -> Dataset:
    """A phantom `Dataset` of images (N, 1, 28, 28) with two marks; label 1 where they are the same.

    kind      of `KINDS`
    counts    images to draw, such as {"train": 2500}; a split left out keeps its usual number
    noise     standard deviation of the ground's noise; 1 is black to white
    jitter    whole pixels by which each mark may be away from its usual place, any way
    contrast  of a mark to the ground
    cells     of "patterns": squares along each side of a pattern
    cell      of "patterns": pixels along each side of a square; `CELLS` are the pairs of both that can be drawn
    seed      the same seed draws the same images, bit for bit

    `evidence` marks the two places. Classes are equally frequent, and so are upper left
    with lower right, and upper right with lower left. Raises `InputError` for values that
    cannot be drawn.

    >>> marks = draw_marks("patterns", {"train": 6, "val": 4, "test": 4})
    >>> marks.card.classes, marks.train.labels.bincount()
    (('different', 'same'), tensor([3, 3]))
    """
    checks.one_of("kind of marks", kind, KINDS)
    with checks.saying(f"counts is {shown(counts)}; give a whole number from 4 for each of {', '.join(SPLITS)}"):
        counts = checks.counts(counts, COUNTS, 4)
    with checks.saying("marks need noise and contrast of at most 0.5, and a jitter of 0…4 pixels"):
        noise, contrast = checks.number("noise", noise, 0, 0.5), checks.number("contrast", contrast, high=0.5, above=0)
        jitter = checks.whole("jitter", jitter, 0, 4)
    cells, cell, seed = checks.whole("cells", cells), checks.whole("cell", cell), checks.whole("seed", seed, 0)
    if (cells, cell) not in CELLS:
        raise InputError(f"a pattern has (cells, cell) of {', '.join(map(str, CELLS))}, not {(cells, cell)}")
    side = SHAPES.shape[-1] if kind == "shapes" else cells * cell
    if 2 * (side + 1 + 2 * jitter) > SIZE:
        raise InputError(
            f"marks of {side} pixels that move by {jitter} could meet; give a jitter of at most"
            f" {(SIZE // 2 - side - 1) // 2}"
        )
    splits = {}
    for name, rng in streams(seed, KINDS.index(kind)).items():
        splits[name] = _split(rng, kind, counts[name], noise, jitter, contrast, cells, cell)
    return Dataset(**splits, card=card(kind), provenance="phantom")


def _split(rng, kind, count, noise, jitter, contrast, cells, cell):
    labels = rng.permutation(np.arange(count) % 2)
    first, second = _marks(rng, kind, labels, cells, cell)  # (N, side, side) each, -1…1
    side = first.shape[-1]
    picture = GREY + noise * rng.standard_normal((count, SIZE, SIZE), dtype=np.float32)
    evidence = np.zeros((count, SIZE, SIZE), bool)
    rising = rng.random(count) < 0.5  # the pair lies lower left and upper right
    near, far = 1 + jitter, SIZE - side - 1 - jitter
    for number, mark in enumerate((first, second)):
        down = np.full(count, near if number == 0 else far)
        across = np.where(rising == (number == 0), far, near)
        down, across = (place + rng.integers(-jitter, jitter + 1, count) for place in (down, across))
        rows = (down[:, None] + np.arange(side))[:, :, None]
        columns = (across[:, None] + np.arange(side))[:, None]
        every = np.arange(count)[:, None, None]
        picture[every, rows, columns] += contrast * mark
        evidence[every, rows, columns] = True
    images = to_uint8(255 * picture)
    return Split(torch.from_numpy(images)[:, None], torch.from_numpy(labels), evidence=torch.from_numpy(evidence))


def _marks(rng, kind, labels, cells, cell):
    count = len(labels)
    if kind == "shapes":
        which = rng.integers(0, 2, count)
        return SHAPES[which], SHAPES[np.where(labels == 1, which, 1 - which)]
    patterns = rng.integers(0, 2, (count, cells, cells))
    # The others differ in about half of their cells, at least in two.
    flips = rng.random((count, cells, cells)) < 0.5
    few = flips.sum(axis=(1, 2)) < 2
    flips[few] = True
    others = np.where((labels == 1)[:, None, None], patterns, patterns ^ flips)
    return [(2 * each - 1).repeat(cell, axis=1).repeat(cell, axis=2).astype(np.float32) for each in (patterns, others)]
