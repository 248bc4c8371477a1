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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike

from .. import checks
from ..checks import as_numbers, check_class_numbers
from ..data.card import Card
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


def by_patient(slices: torch.Tensor, patients: ArrayLike | None) -> torch.Tensor:
    """Slices (N, …) stacked to (patients, D, …); as they are where `patients` is None or names each but once.

    Raises `InputError` where the slices of a patient do not stand together, or patients have unequal numbers of them.

    >>> import torch
    >>> from medtutor.metrics.segmentation import by_patient
    >>> by_patient(torch.zeros(4, 8, 8), [7, 7, 9, 9]).shape
    torch.Size([2, 2, 8, 8])
    """
    if patients is None:
        return slices
    numbers = as_numbers("patients", patients)
    if numbers.shape != (len(slices),):
        raise InputError(f"there are {len(slices)} slices but {numbers.size} patient numbers; give one for each slice")
    changes = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1
    runs = np.diff([0, *changes, len(numbers)])  # slices that stand together
    if (runs == 1).all() and len(np.unique(numbers)) == len(numbers):
        return slices
    if len(set(runs)) > 1 or len(np.unique(numbers)) < len(runs):
        raise InputError(
            "the patients have unequal numbers of slices, or their slices do not stand together; sort them, or leave"
            " some out"
        )
    return slices.unflatten(0, (len(runs), -1))


def segmentation_scores(
    predicted: ArrayLike, truth: ArrayLike, classes: int, spacing: Sequence[float] | None = None, distances: bool = True
) -> dict[str, np.ndarray]:
    """{score: (P, foreground classes) float64} of each patient and class.

    predicted, truth  class numbers (P, H, W) or (P, D, H, W)
    classes           how many, the background among them
    spacing           millimetres along each axis, or None for pixels
    distances         False: Dice only, which is quick

    Raises `InputError` for masks of different shapes, for what is no class number, and for another spacing.

    >>> from medtutor.metrics import segmentation_scores
    >>> scores = segmentation_scores([[[1, 1, 0]]], [[[1, 0, 0]]], classes=2)
    >>> round(float(scores["dice"][0, 0]), 3), round(float(scores["hd95"][0, 0]), 3)
    (0.667, 0.95)
    """
    classes, distances = checks.whole("classes", classes, 2), checks.flag("distances", distances)
    drawn, true = _class_numbers("predicted masks", predicted, classes), _class_numbers("true masks", truth, classes)
    if drawn.shape != true.shape:
        raise InputError(
            f"predicted masks have shape {tuple(drawn.shape)}, true ones {tuple(true.shape)}; give both of the"
            " same images"
        )
    known = _checked_spacing(spacing, true.dim() - 1)
    found, real = _one_hot(drawn, classes), _one_hot(true, classes)
    pixels = tuple(range(2, found.dim()))
    both, total = (found * real).sum(pixels), found.sum(pixels) + real.sum(pixels)
    neither, one = total == 0, (found.sum(pixels) == 0) != (real.sum(pixels) == 0)
    dice = torch.where(neither, 1.0, 2 * both / total.clamp(min=1))
    scores = {"dice": dice.double().numpy()}
    if not distances:
        return scores
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    steps = known or (1.0,) * len(pixels)
    diagonal = math.dist([0] * len(steps), [step * size for step, size in zip(steps, true.shape[1:])])
    # MONAI warns of each empty class; the rule above says what they score.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = compute_hausdorff_distance(found, real, include_background=True, percentile=95, spacing=steps)
        near = compute_surface_dice(found, real, [TOLERANCE] * (classes - 1), include_background=True, spacing=steps)
    for name, values, best, worst in (("hd95", far, 0.0, diagonal), ("surface_dice", near, 1.0, 0.0)):
        scores[name] = torch.where(neither, best, torch.where(one, worst, values.double())).numpy()
    return scores


def dice(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean Dice of bool masks (N, H, W); 1 where both are empty.

    >>> import torch
    >>> from medtutor.metrics.segmentation import dice
    >>> dice(torch.tensor([[[True, True]]]), torch.tensor([[[True, False]]]))
    tensor(0.6667)
    """
    return dice_of_each(found, wanted).mean()


def dice_of_each(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """That of each mask, (N,).

    >>> dice_of_each(torch.tensor([[[True, True]], [[False, False]]]), torch.zeros(2, 1, 2, dtype=torch.bool))
    tensor([0., 1.])
    """
    both, sizes = (found & wanted).flatten(1).sum(1), found.flatten(1).sum(1) + wanted.flatten(1).sum(1)
    return torch.where(sizes > 0, 2 * both / sizes.clamp(min=1), 1.0)


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


def measure_segmentation(
    masks: ArrayLike,
    scores: ArrayLike,
    card: Card,
    patients: ArrayLike | None = None,
    *,
    subjects: ArrayLike | None = None,
    distances: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SegmentationMetrics:
    """`SegmentationMetrics` of predicted probabilities, patient by patient.

    masks      class numbers (N, H, W) or (N, D, H, W)
    scores     probabilities (N, classes, …): the highest decides
    card       of the data set: its classes and spacing
    patients   (N,), where the images are slices: measured is each patient's volume
    subjects   (N,), which person each image is of, where one has several: intervals draw people
    distances  False: Dice only
    resamples  bootstrap resamples of the subjects, else of the patients; 0 for no intervals

    Raises `InputError` for scores that do not fit masks and card, for NaN, and for what `by_patient` and
    `segmentation_scores` refuse.

    >>> import torch
    >>> from medtutor.data import card
    >>> from medtutor.metrics import measure_segmentation
    >>> masks = torch.zeros(2, 6, 6, dtype=torch.long)
    >>> masks[:, 2:4, 2:4] = 1
    >>> masks[:, 4:, :2] = 2
    >>> probabilities = torch.nn.functional.one_hot(masks, 3).movedim(-1, 1).float()
    >>> print(measure_segmentation(masks, probabilities, card("hippocampus"), distances=False, resamples=0))
    Dice 1.000 (n = 2)
    """
    resamples, seed = checks.whole("resamples", resamples, 0), checks.seed(seed)
    true, chances = torch.from_numpy(as_numbers("masks", masks)), torch.from_numpy(as_numbers("scores", scores))
    wanted = (len(true), len(card.classes), *true.shape[1:])
    if tuple(chances.shape) != wanted:
        raise InputError(
            f"scores have shape {tuple(chances.shape)}, masks {tuple(true.shape)}; give probabilities {wanted}, "
            f"one for each of the {len(card.classes)} classes of {card.name}"
        )
    found = by_patient(chances.argmax(dim=1), patients)
    values = segmentation_scores(found, by_patient(true, patients), len(card.classes), card.spacing, distances)
    of_class = {
        name: {score: float(column[:, number].mean()) for score, column in values.items()}
        for number, name in enumerate(card.classes[1:])
    }
    of_patient = {score: column.mean(axis=1) for score, column in values.items()}
    means = {score: float(column.mean()) for score, column in of_patient.items()}
    intervals = {}
    whose = None if subjects is None else by_patient(torch.from_numpy(as_numbers("subjects", subjects)), patients)
    if whose is not None and whose.dim() > 1:
        whose = whose[:, 0]  # of all slices of a patient the same
    if resamples:
        for score, column in of_patient.items():
            intervals[f"{score}_interval"] = bootstrap(
                lambda drawn: drawn.mean(axis=-1), column, subjects=whose, resamples=resamples, seed=seed
            )
    return SegmentationMetrics(
        means["dice"], means.get("hd95"), means.get("surface_dice"), len(found), of_class, **intervals
    )
