"""What is done to a segmentation after the network: islands removed, a mean shape brought in.

Both use what is known of the organ beforehand, that it is one piece, and what
it usually looks like; neither sees the image. Whether that helps is a question
for the validation split, and the answer may be no.

Arrays or tensors in, numpy out: masks uint8 (P, [D,] H, W), 0 is background;
probabilities (P, classes, [D,] H, W).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .. import checks
from ..checks import as_probabilities
from ..errors import InputError


def largest_component(masks: ArrayLike, *, whole: bool = False) -> np.ndarray:
    """The masks without islands: all but the largest connected piece becomes background.

    masks  uint8 (P, [D,] H, W)
    whole  False: the largest piece of each foreground class, every class for itself;
           True: the largest piece of the foreground, whatever its classes: for parts of
           one organ that touch, such as the front and the back of the hippocampus

    Pixels that touch at a corner are connected. Raises `InputError` for masks of another form.

    >>> largest_component(np.array([[[1, 1, 0, 1]]], dtype=np.uint8))
    array([[[1, 1, 0, 0]]], dtype=uint8)
    """
    found, whole = _checked_masks(masks), checks.flag("whole", whole)
    cleaned = np.zeros_like(found)
    for out, mask in zip(cleaned, found):
        for keep in [mask > 0] if whole else [mask == c for c in np.unique(mask[mask > 0])]:
            piece = _largest(keep)
            out[piece] = mask[piece]
    return cleaned


def _largest(inside):
    """The largest connected piece of a bool array, bool."""
    pieces, count = ndimage.label(inside, np.ones([3] * inside.ndim))
    if count < 2:
        return inside
    return pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()


@dataclass(frozen=True, eq=False)
class MeanShape:
    """The mean shape of the training masks, to pull a prediction towards.

    distance  mean signed distance to the border of each class, positive inside it,
              float32 (classes, [D,] H, W); in pixels, or mm where `spacing` was given
    size      mean size of the organ (all foreground), the d-th root of its pixels

    Each training mask is first moved and scaled so that the organ's centroid lies in
    the middle and its size is the mean one. A mean of distances is a smooth shape, where
    a mean of masks would only be a blur. After the idea of Lin, Dall'Ara & Guo, PLoS
    One 2024 e0308664 (a statistical mean shape after a U-Net); the means are our own.

    >>> masks = np.zeros((2, 9, 9), dtype=np.uint8)
    >>> masks[0, 2:6, 2:6] = masks[1, 3:8, 3:8] = 1
    >>> shape = MeanShape.fit(masks, 2)
    >>> shape.size, shape.distance.shape
    (4.5, (2, 9, 9))
    >>> shape.apply(np.full((1, 2, 9, 9), 0.5), weight=0.5).shape
    (1, 2, 9, 9)
    """

    distance: np.ndarray = field(repr=False)
    size: float

    @classmethod
    def fit(cls, masks: ArrayLike, classes: int, *, spacing: Sequence[float] | None = None) -> Self:
        """The mean shape of training masks, uint8 (P, [D,] H, W).

        classes  how many, background included
        spacing  mm between slices, rows and columns; pixels count as 1 when left out

        Raises `InputError` for a mask without foreground, or with a class too many, and for another spacing.
        """
        found, classes = _checked_masks(masks), checks.whole("classes", classes, 2)
        if found.max() >= classes or not all(mask.any() for mask in found):
            raise InputError(
                f"every training mask must have foreground, of classes 1 to {classes - 1}; leave out those that have"
                " none"
            )
        axes = found.ndim - 1
        if spacing is not None and np.shape(spacing) != (axes,):
            raise InputError(f"spacing must be {axes} lengths in millimetres, one for each axis, not {spacing!r}")
        steps = np.array(
            [checks.number("spacing", step, above=0) for step in ([1] * axes if spacing is None else spacing)]
        )
        frames = [_frame(mask) for mask in found]
        size = float(np.mean([own for _, own in frames]))
        middle = (np.array(found.shape[1:]) - 1) / 2
        total = np.zeros((classes, *found.shape[1:]), np.float64)
        for mask, (centre, own) in zip(found, frames):
            for c in range(classes):
                signed = _signed_distance(mask == c, steps)
                total[c] += size / own * _moved(signed, middle, centre, own / size)
        return cls((total / len(found)).astype(np.float32), size)

    def apply(self, probabilities: ArrayLike, weight: float) -> np.ndarray:
        """The probabilities with the mean shape brought in, float32 of the same shape.

        weight  0 leaves the probabilities as they are, 1 leaves the mean shape alone,
                put where the prediction lies and as large; choose it on validation images

        In between it is the weighted geometric mean, made to sum to 1:
        p ** (1 - weight) * prior ** weight, where prior is the softmax over the
        classes of their mean signed distances. Where the prediction holds no
        foreground there is no place to put the shape, and nothing changes.
        Raises `InputError` for a weight outside 0…1, for other shapes, and for what is no probability.
        """
        found = as_probabilities("probabilities", probabilities).astype(np.float32)
        try:
            weight = checks.number("weight", weight, 0, 1)
        except InputError:
            raise InputError(f"weight is {weight!r}; give a number from 0 (no shape) to 1 (the shape alone)") from None
        if found.shape[1:] != self.distance.shape or not len(found):
            raise InputError(
                f"probabilities are of shape {found.shape[1:]} a case, the mean shape of {self.distance.shape};"
                " fit it on masks of these classes and this size"
            )
        return np.stack([self._applied(case, weight) for case in found])

    def _applied(self, case, weight):
        mask = case.argmax(axis=0)
        if weight == 0 or not mask.any():
            return case
        # The largest piece says where the organ is: an island far off would move the centroid.
        centre, own = _frame(_largest(mask > 0))
        middle = (np.array(mask.shape) - 1) / 2
        placed = np.stack([_moved(each, centre, middle, self.size / own) for each in self.distance])
        prior = _log_softmax(placed * own / self.size)
        return np.exp(_log_softmax((1 - weight) * np.log(np.maximum(case, 1e-7)) + weight * prior))


def _frame(mask):
    """Centroid (pixels) and size (d-th root of the number of pixels) of all foreground."""
    places = np.argwhere(mask)
    return places.mean(axis=0), len(places) ** (1 / mask.ndim)


def _signed_distance(inside, spacing):
    """Distance to the border, positive inside and negative outside; half a pixel on either side of it.

    A class that is not there is one image's diagonal away from everywhere.
    """
    if not inside.any():
        return np.full(inside.shape, -np.linalg.norm(inside.shape * spacing))
    within = ndimage.distance_transform_edt(inside, sampling=spacing)
    without = ndimage.distance_transform_edt(~inside, sampling=spacing)
    half = spacing.min() / 2
    return np.where(inside, within - half, half - without)


def _moved(values, to, source, zoom):
    """Values resampled so that the pixel `source` comes to lie at `to`; `zoom` source pixels a pixel."""
    offset = np.asarray(source) - zoom * np.asarray(to)
    return ndimage.affine_transform(values, np.full(values.ndim, zoom), offset, order=1, mode="nearest")


def _log_softmax(scores):
    """Over the first axis."""
    scores = scores - scores.max(axis=0)
    return scores - np.log(np.exp(scores).sum(axis=0))


def _checked_masks(masks):
    masks = np.asarray(masks)
    if masks.ndim not in (3, 4) or not np.issubdtype(masks.dtype, np.integer) or not masks.size:
        raise InputError(
            f"masks are {masks.dtype} of shape {masks.shape}; give whole numbers (P, H, W) or (P, D, H, W)"
        )
    return masks
