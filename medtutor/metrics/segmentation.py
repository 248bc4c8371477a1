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
from ..checks import as_numbers, check_class_numbers
from ..errors import InputError
from .intervals import RESAMPLES, bootstrap, with_interval

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

    Raises `InputError` where the slices of a patient do not stand together, or patients have unequal numbers of them.
    """
    if patients is None:
        return slices
    patients = torch.as_tensor(patients)
    if patients.shape != (len(slices),):
        raise InputError(
            f"there are {len(slices)} slices but {patients.numel()} patient numbers; give one for each slice"
        )
    if len(patients.unique()) == len(patients):
        return slices
    names, counts = patients.unique_consecutive(return_counts=True)
    if len(counts.unique()) > 1 or len(names.unique()) < len(names):
        raise InputError(
            "the patients have unequal numbers of slices, or their slices do not stand together; sort them, or leave"
            " some out"
        )
    return slices.unflatten(0, (len(names), -1))


def segmentation_scores(predicted, truth, classes, spacing=None, distances=True):
    """{score: (P, foreground classes) float64} of each patient and class.

    predicted, truth  class numbers (P, H, W) or (P, D, H, W)
    classes           how many, the background among them
    spacing           millimetres along each axis, or None for pixels
    distances         False: Dice only, which is quick

    Raises `InputError` for masks of different shapes, for what is no class number, and for another spacing.
    """
    classes, distances = checks.whole("classes", classes, 2), checks.flag("distances", distances)
    predicted, truth = (
        _class_numbers("predicted masks", predicted, classes),
        _class_numbers("true masks", truth, classes),
    )
    if predicted.shape != truth.shape:
        raise InputError(
            f"predicted masks have shape {tuple(predicted.shape)}, true ones {tuple(truth.shape)}; give both of the"
            " same images"
        )
    spacing = _checked_spacing(spacing, truth.dim() - 1)
    found, real = _one_hot(predicted, classes), _one_hot(truth, classes)
    pixels = tuple(range(2, found.dim()))
    both, total = (found * real).sum(pixels), found.sum(pixels) + real.sum(pixels)
    neither, one = total == 0, (found.sum(pixels) == 0) != (real.sum(pixels) == 0)
    dice = torch.where(neither, 1.0, 2 * both / total.clamp(min=1))
    scores = {"dice": dice.double().numpy()}
    if not distances:
        return scores
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    steps = spacing or (1.0,) * len(pixels)
    diagonal = math.dist([0] * len(steps), [step * size for step, size in zip(steps, truth.shape[1:])])
    # MONAI warns of each empty class; the rule above says what they score.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = compute_hausdorff_distance(found, real, include_background=True, percentile=95, spacing=steps)
        near = compute_surface_dice(found, real, [TOLERANCE] * (classes - 1), include_background=True, spacing=steps)
    for name, values, best, worst in (("hd95", far, 0.0, diagonal), ("surface_dice", near, 1.0, 0.0)):
        scores[name] = torch.where(neither, best, torch.where(one, worst, values.double())).numpy()
    return scores


def dice(found, wanted):
    """Mean Dice of bool masks (N, H, W); 1 where both are empty."""
    both, sizes = (found & wanted).flatten(1).sum(1), found.flatten(1).sum(1) + wanted.flatten(1).sum(1)
    return torch.where(sizes > 0, 2 * both / sizes.clamp(min=1), 1.0).mean()


def _class_numbers(what, masks, classes):
    """Masks as a tensor int64 (P, [D,] H, W)."""
    masks = as_numbers(what, masks)
    if masks.ndim not in (3, 4) or not masks.size:
        raise InputError(
            f"{what} have shape {masks.shape}; give class numbers (P, H, W) or (P, D, H, W), of one case or more"
        )
    check_class_numbers(what, masks, classes)
    return torch.from_numpy(masks.astype(np.int64))


def _checked_spacing(spacing, axes):
    """Millimetres along each of the last axes, as a tuple; None for pixels."""
    if spacing is None:
        return None
    if not isinstance(spacing, (tuple, list, np.ndarray)) or len(spacing) < axes:
        raise InputError(f"spacing must be {axes} lengths in millimetres, one for each axis, not {spacing!r}")
    return tuple(checks.number("spacing", step, above=0) for step in spacing[-axes:])


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

    Raises `InputError` for scores that do not fit masks and card, for NaN, and for what `by_patient` and
    `segmentation_scores` refuse.
    """
    resamples, seed = checks.whole("resamples", resamples, 0), checks.seed(seed)
    masks, scores = (torch.from_numpy(as_numbers(what, each)) for what, each in (("masks", masks), ("scores", scores)))
    wanted = (len(masks), len(card.classes), *masks.shape[1:])
    if tuple(scores.shape) != wanted:
        raise InputError(
            f"scores have shape {tuple(scores.shape)}, masks {tuple(masks.shape)}; give probabilities {wanted}, "
            f"one for each of the {len(card.classes)} classes of {card.name}"
        )
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
        for score, column in of_patient.items():
            intervals[f"{score}_interval"] = bootstrap(
                lambda drawn: drawn.mean(axis=-1), column, resamples=resamples, seed=seed
            )
    return SegmentationMetrics(
        means["dice"], means.get("hd95"), means.get("surface_dice"), len(found), of_class, **intervals
    )
