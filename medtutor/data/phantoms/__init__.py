"""Phantoms: images that medtutor draws, so that the truth about them is known.

A phantom is an instrument, not a patient. On a real image nobody knows which
pixels ought to decide the label; on a phantom they are known, because they
were put there. `Split.evidence` marks them and `Split.masks` names the anatomy
around them, so an explanation or a segmentation can be marked right or wrong.
Results on phantoms say nothing about patients and never stand beside published
ones.

name            what is drawn           evidence                    masks
pneumoniamnist  frontal chest X-ray     opacities in the lungs      1 left lung, 2 right lung,
                                                                    3 heart and mediastinum
breastmnist     breast ultrasound       malignant lesion, shadow    1 lesion, 2 strip behind it
vesselmnist3d   brain vessel            the bulge of an aneurysm    1 vessel
adrenalmnist3d  adrenal gland           what a swelling has added   1 gland

No label is wrong on purpose. The tasks are hard because faint disease is drawn
beside healthy look-alikes: a skin fold over a lung, a benign mass with a
shadow, a vessel that swells where it branches, a gland that is thick all over.
"""

from dataclasses import replace

import numpy as np
import torch

from ... import checks
from ...errors import InputError
from ..arrays import make_split
from ..card import Card, phantom_card
from ..dataset import Dataset
from . import breast, chest, shapes
from .brushes import BATCH, SIZE, streams

# The share of label 1 in each split is that of the real set.
_SHARES = {
    "pneumoniamnist": {"train": 0.742, "val": 0.742, "test": 0.625},
    "breastmnist": {"train": 0.731, "val": 0.731, "test": 0.731},
    "vesselmnist3d": {"train": 0.112, "val": 0.115, "test": 0.113},
    "adrenalmnist3d": {"train": 0.218, "val": 0.224, "test": 0.232},
}
# Functions of a generator and labels (n,): images, evidence and masks, numpy arrays.
_PAINTERS = {
    "pneumoniamnist": chest.xrays,
    "breastmnist": breast.scans,
    "vesselmnist3d": shapes.vessels,
    "adrenalmnist3d": shapes.adrenals,
}
NAMES = tuple(_SHARES)
# Enough to train on and quick to draw; as few ultrasound images as the real set has.
COUNTS = {
    "pneumoniamnist": {"train": 1500, "val": 300, "test": 500},
    "breastmnist": {"train": 546, "val": 78, "test": 156},
    "vesselmnist3d": {"train": 600, "val": 120, "test": 240},
    "adrenalmnist3d": {"train": 600, "val": 120, "test": 240},
}


def draw(card: Card, counts: dict[str, int] | None = None, seed: int = 0) -> Dataset:
    """The phantom `Dataset` of a card; provenance "phantom".

    card    of a set named in `NAMES`, at size 28
    counts  cases to draw, such as {"train": 100}; a split left out keeps its
            usual number of `COUNTS`
    seed    a whole number from 0: the same seed draws the same images, bit for bit

    Images are uint8 (N, 1, 28, 28) or (N, 1, 28, 28, 28), volumes 0 or 255;
    labels mean what they mean in the real set; evidence (bool) and masks
    (uint8) have the shape of the images without the channel.

    Raises `InputError` where no phantom of the card exists, for fewer than two
    cases in a split, and for a seed that is not a whole number from 0.

    >>> from medtutor.data.catalog import card
    >>> scans = draw(card("breastmnist"), {"train": 20, "val": 4, "test": 4})
    >>> scans.title, scans.train.images.shape
    ('BreastMNIST (PHANTOM, drawn by medtutor)', torch.Size([20, 1, 28, 28]))
    >>> ill = scans.train.labels == 0
    >>> scans.train.evidence.flatten(1).any(1).equal(ill)  # only an ill one has evidence
    True
    """
    checks.instance("card", card, Card, "the Card of a data set, such as medtutor.data.card gives")
    dims = 3 if card.name.endswith("3d") else 2
    if card.name not in NAMES or card.shape != (SIZE,) * dims:
        raise InputError(
            f"there is no phantom of {card.name} at size {card.size}; choose one of {', '.join(NAMES)} at size {SIZE}"
        )
    counts, seed = checks.counts(counts, COUNTS[card.name], 2, ", one case a class"), checks.whole("seed", seed, 0)
    card = phantom_card(card)
    splits = {}
    for split, rng in streams(seed, NAMES.index(card.name)).items():
        labels = _labels(rng, counts[split], _SHARES[card.name][split])
        images, evidence, masks = _cases(card.name, rng, labels)
        checked = make_split(split, torch.from_numpy(images).unsqueeze(1), labels, card)
        splits[split] = replace(checked, evidence=torch.from_numpy(evidence), masks=torch.from_numpy(masks))
    return Dataset(**splits, card=card, provenance="phantom")


def _labels(rng, count, share):
    """Labels 0 and 1 in random order, the given share of them 1, at least one of each."""
    ones = min(max(round(count * share), 1), count - 1)
    return rng.permutation(np.repeat([0, 1], [count - ones, ones]))


def _cases(name, rng, labels):
    """Draw one case for each label, BATCH at a time: numpy images, evidence, masks."""
    batches = [labels[i : i + BATCH] for i in range(0, len(labels), BATCH)]
    parts = [_PAINTERS[name](rng, batch) for batch in batches]
    return tuple(np.concatenate(part) for part in zip(*parts))
