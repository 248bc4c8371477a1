"""How well a segmentation fits: Dice, HD95 and surface Dice, per class and per patient.

MONAI computes all three. They answer different questions:

dice          the share of the two regions that overlaps, 0…1. Big structures
              forgive much, thin ones nothing
hd95          how far apart the two surfaces are where they are farthest, the worst
              5 % left out: the larger of the two directed 95th percentiles, in
              millimetres where the spacing is known, else in pixels
surface_dice  the share of both surfaces that lies within `TOLERANCE` (1 mm, or one
              pixel) of the other (Nikolov et al., arXiv:1809.04430)

A rule for what is empty: a class that neither has and neither was found scores
Dice 1, HD95 0, surface Dice 1; a class that only one of the two has scores 0, the
diagonal of the image (nothing can be farther), and 0.
"""

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from .. import checks
from ..errors import InputError
from .metrics import RESAMPLES, with_interval

TOLERANCE = 1.0
SCORES = ("dice", "hd95", "surface_dice")


@dataclass(frozen=True)
class SegmentationMetrics:
    """The numbers of one split: means over patients and foreground classes.

    dice, surface_dice     0…1
    hd95                   mm, or pixels where the spacing is not known
    n                      number of patients (of images, where each is a case of its own)
    of_class               {class: {"dice": …, "hd95": …, "surface_dice": …}}, means over patients
    dice_interval, …       95 % bootstrap interval over the patients; None if not asked for

    HD95 and surface Dice are None where only the Dice was asked for.
    """

    dice: float
    hd95: float | None
    surface_dice: float | None
    n: int
    of_class: dict
    dice_interval: tuple[float, float] | None = None
    hd95_interval: tuple[float, float] | None = None
    surface_dice_interval: tuple[float, float] | None = None

    curve: ClassVar = ("dice",)  # what the history keeps of each epoch, the headline first
    headline: ClassVar = "Dice"

    def __str__(self):
        parts = [f"Dice {with_interval(self.dice, self.dice_interval)}"]
        if self.hd95 is not None:
            parts.append(f"HD95 {with_interval(self.hd95, self.hd95_interval, 2)}")
            parts.append(f"surface Dice {with_interval(self.surface_dice, self.surface_dice_interval)}")
        return f"{', '.join(parts)} (n = {self.n})"


def by_patient(slices, patients):
    """Slices (N, …) stacked to (patients, D, …); as they are where `patients` is None or names each but once.

    Raises `InputError` where the patients do not fit the slices: unequal numbers of them, or not side by side.
    """
    if patients is None or len(patients.unique()) == len(patients) == len(slices):
        return slices
    counts = patients.unique_consecutive(return_counts=True)[1]
    if len(patients) != len(slices) or len(counts.unique()) != 1 or len(counts) != len(patients.unique()):
        raise InputError("the patients do not fit the slices: name one for each, as many slices of every patient, side by side")
    return slices.unflatten(0, (len(counts), -1))


def segmentation_scores(predicted, truth, classes, spacing=None, distances=True):
    """{score: (P, foreground classes) float64} of each patient and class.

    predicted, truth  class numbers (P, H, W) or (P, D, H, W)
    classes           how many, the background among them
    spacing           millimetres along each axis, or None for pixels
    distances         False: Dice only, which is quick

    Raises `InputError` for masks of different shapes, and for numbers that are no class.
    """
    classes = checks.whole("classes", classes, 2)
    predicted, truth = (torch.as_tensor(np.asarray(each)).long() for each in (predicted, truth))
    _check_masks(predicted, truth, classes)
    found, real = _one_hot(predicted, classes), _one_hot(truth, classes)
    pixels = tuple(range(2, found.dim()))
    both, total = (found * real).sum(pixels), found.sum(pixels) + real.sum(pixels)
    neither, one = total == 0, (found.sum(pixels) == 0) != (real.sum(pixels) == 0)
    dice = torch.where(neither, 1.0, 2 * both / total.clamp(min=1))
    scores = {"dice": dice.double().numpy()}
    if not distances:
        return scores
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    steps = tuple(spacing[-len(pixels) :] if spacing else [1.0] * len(pixels))
    diagonal = math.dist([0] * len(steps), [step * size for step, size in zip(steps, truth.shape[1:])])
    # MONAI warns of each empty class; the rule above says what they score.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = compute_hausdorff_distance(found, real, include_background=True, percentile=95, spacing=steps)
        near = compute_surface_dice(found, real, [TOLERANCE] * (classes - 1), include_background=True, spacing=steps)
    for name, values, best, worst in (("hd95", far, 0.0, diagonal), ("surface_dice", near, 1.0, 0.0)):
        scores[name] = torch.where(neither, best, torch.where(one, worst, values.double())).numpy()
    return scores


def _check_masks(predicted, truth, classes):
    if predicted.shape != truth.shape or predicted.dim() not in (3, 4) or not predicted.numel():
        raise InputError(
            f"the predicted masks have shape {tuple(predicted.shape)}, the true ones {tuple(truth.shape)}; "
            "give both as (P, H, W) or (P, D, H, W), of the same patients"
        )
    for name, masks in (("predicted", predicted), ("true", truth)):
        if masks.min() < 0 or masks.max() >= classes:
            raise InputError(f"the {name} masks hold {masks.min()} to {masks.max()}; give class numbers 0 to {classes - 1}")


def _one_hot(numbers, classes):
    """(P, …) class numbers to (P, foreground classes, …) of 0 and 1."""
    return torch.stack([numbers == number for number in range(1, classes)], dim=1).float()


def measure_segmentation(masks, scores, card, patients=None, *, distances=True, resamples=RESAMPLES, seed=0):
    """`SegmentationMetrics` of predicted probabilities, patient by patient.

    masks      class numbers (N, H, W) or (N, D, H, W)
    scores     probabilities (N, classes, …): the highest decides
    card       of the data set: its classes and spacing
    patients   (N,), where the images are slices: measured is each patient's volume
    distances  False: Dice only
    resamples  bootstrap resamples of the patients; 0 for no intervals

    Raises `InputError` where masks, probabilities and patients do not fit each other, and for NaN.
    """
    resamples, seed = checks.whole("resamples", resamples, 0), checks.seed(seed)
    if not scores.isfinite().all():
        raise InputError("the predicted probabilities hold NaN or infinity: no class is the highest; train again, at a lower learning rate")
    found = by_patient(scores.argmax(dim=1), patients)
    values = segmentation_scores(found, by_patient(masks, patients), len(card.classes), card.spacing, distances)
    of_class = {
        name: {score: float(column[:, number].mean()) for score, column in values.items()}
        for number, name in enumerate(card.classes[1:])
    }
    of_patient = {score: column.mean(axis=1) for score, column in values.items()}
    means = {score: float(column.mean()) for score, column in of_patient.items()}
    intervals = {}
    if resamples:
        drawn = np.random.default_rng(seed).integers(len(found), size=(resamples, len(found)))
        for score, column in of_patient.items():
            low, high = np.percentile(column[drawn].mean(axis=1), [2.5, 97.5])
            intervals[f"{score}_interval"] = (float(low), float(high))
    return SegmentationMetrics(
        means["dice"], means.get("hd95"), means.get("surface_dice"), len(found), of_class, **intervals
    )
