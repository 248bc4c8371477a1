"""What people mark and read, where they do not agree.

Raters of masks are simulated, so that the truth is known that they differ from. How much two real readings of the same
films differ stands in `read_twice`.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from scipy import ndimage

from .. import checks
from ..errors import InputError

# How each simulated rater draws, in pixels: how far outside (+) or inside (-) of the border, and how much the hand
# wavers; and how far along the second last axis the border between two structures is put.
RATERS = {"generous": (0.4, 0.3, 0.0), "sparing": (-0.4, 0.3, 0.0), "hasty": (0.0, 0.7, 1.5)}
SMOOTH = 2.0  # pixels over which the hand wavers in one direction


def raters(masks: torch.Tensor | np.ndarray, seed: int = 0) -> dict[str, torch.Tensor]:
    """What three simulated raters mark where the masks are the truth: {"generous": …, "sparing": …, "hasty": …}.

    masks  class numbers (N, H, W) or (N, D, H, W), 0 is background
    seed   of the wavering hands

    The generous one draws around the border, the sparing one within it; the hasty one's hand wavers more, and puts the
    border between two structures up to two pixels off. All are uint8 tensors of the masks' shape. Raises `InputError`
    for masks of another kind, and for masks without any structure.

    >>> masks = torch.zeros(1, 20, 20, dtype=torch.uint8)
    >>> masks[:, 6:14, 6:14] = 1
    >>> {name: int(marked.sum()) for name, marked in raters(masks).items()}  # of 64 pixels
    {'generous': 68, 'sparing': 57, 'hasty': 69}
    """
    truth = np.asarray(masks)
    if truth.ndim not in (3, 4) or truth.dtype.kind not in "ui" or not truth.size:
        raise InputError(
            f"masks are {truth.dtype} of shape {truth.shape}; give class numbers (N, H, W) or (N, D, H, W), as in"
            " dataset.test.masks"
        )
    if not truth.any():
        raise InputError("the masks hold background alone; give cases with a structure that raters could mark")
    found = {}
    for place, (name, how) in enumerate(RATERS.items()):
        random = np.random.default_rng([checks.seed(seed), place])
        found[name] = torch.from_numpy(np.stack([_marked(each, *how, random) for each in truth]).astype(np.uint8))
    return found


def _marked(mask, outside, wavering, slip, random):
    """One case as one rater marks it: every pixel within the drawn border gets the nearest structure's class."""
    if not mask.any():
        return mask
    inside = mask > 0
    away, nearest = ndimage.distance_transform_edt(~inside, return_indices=True)
    depth = ndimage.distance_transform_edt(inside)
    beyond = np.where(inside, 0.5 - depth, away - 0.5)  # pixels from the border, negative inside
    hand = ndimage.gaussian_filter(random.standard_normal(mask.shape), SMOOTH)
    border = outside + wavering * hand / hand.std()
    slipped = round(slip * random.uniform(-1, 1)) if slip else 0
    classes = mask[tuple(nearest)]
    if slipped:
        classes = ndimage.shift(classes, [slipped if axis == mask.ndim - 2 else 0 for axis in range(mask.ndim)],
                                order=0, mode="nearest")  # fmt: skip
    return np.where(beyond < border, classes, 0)


# Two readings of the same films ----------------------------------------------------------------


@dataclass(frozen=True)
class TwoReadings:
    """How often two readings of the same images found something.

    finding         what was looked for
    first, second   images on which each of the readings has it; both: on which both have it
    images          how many were read twice
    """

    finding: str
    first: int
    second: int
    both: int
    images: int

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """(first, second) as labels of 0 and 1 for each image, (images,) each, in no particular order."""
        counts = self.both, self.first - self.both, self.second - self.both
        pairs = np.repeat([(1, 1), (1, 0), (0, 1), (0, 0)], [*counts, self.images - sum(counts)], axis=0)
        return pairs[:, 0], pairs[:, 1]


def read_twice() -> tuple[TwoReadings, ...]:
    """Chest X-rays of the NIH set, labelled by a program that read the reports, and later by radiologists who agreed.

    Counts alone, of 4,376 images of 1,695 patients; the tables with a row for each image are their publishers'. First:
    ChestX-ray14 (Wang et al., arXiv:1705.02315), labels mined from the reports; second: adjudicated by at least three
    radiologists (Majkowska et al., Radiology 294:421, 2020, doi:10.1148/radiol.2019191293).

    >>> pneumothorax = read_twice()[0]
    >>> pneumothorax.first, pneumothorax.second, pneumothorax.both
    (238, 238, 109)
    """
    lines = files(__package__).joinpath("read_twice.csv").read_text(encoding="utf-8").splitlines()
    rows: Sequence[dict] = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return tuple(TwoReadings(row.pop("finding"), **{name: int(value) for name, value in row.items()}) for row in rows)
