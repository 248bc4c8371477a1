"""One mask against the true one: what each measure rewards, and masks that are wrong in one way each."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from .segmentation import segmentation_scores

# measure: what it says
MEASURES = {
    "Dice": "overlap: twice the pixels that both masks have, over the sum of their pixels",
    "Jaccard": "overlap: the pixels that both masks have, over those that either has",
    "sensitivity": "of the expert's pixels, how many are yours",
    "precision": "of your pixels, how many are the expert's",
    "Hausdorff": "how far apart the borders are where they are farthest; less is better",
    "HD95": "the same, the worst 5 % of the border left out",
    "surface Dice": "share of both borders that lies within 1 mm (or pixel) of the other",
}
CROSS = ndimage.generate_binary_structure(2, 1)


def wrong_masks(truth: np.ndarray) -> dict[str, np.ndarray]:
    """{name: bool mask (H, W)} of masks that are wrong in one way each, made from the true one.

    truth  bool (H, W), with some foreground

    >>> import numpy as np
    >>> truth = np.zeros((8, 8), dtype=bool)
    >>> truth[2:6, 3:5] = True
    >>> {name: int(mask.sum()) for name, mask in wrong_masks(truth).items()}["one pixel too wide"]
    20
    """
    rows, columns = np.nonzero(truth)
    # Along its longer side, the last quarter of the structure.
    along = rows if np.ptp(rows) >= np.ptp(columns) else columns
    tip = truth.copy()
    last = along >= np.quantile(along, 0.75)
    tip[rows[last], columns[last]] = False
    speck = truth.copy()
    # In the corner that is farthest from the structure.
    corners = [(1, 1), (1, truth.shape[1] - 3), (truth.shape[0] - 3, 1), (truth.shape[0] - 3, truth.shape[1] - 3)]
    row, column = max(corners, key=lambda corner: np.hypot(rows - corner[0], columns - corner[1]).min())
    speck[row : row + 2, column : column + 2] = True
    box = np.zeros_like(truth)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return {
        "the expert's mask": truth.copy(),
        "the tip missed": tip,
        "one pixel too wide": ndimage.binary_dilation(truth, CROSS),
        "one pixel too narrow": ndimage.binary_erosion(truth, CROSS),
        "moved by two pixels": moved(truth, 0, 2),
        "a speck far off": speck,
        "a box around it": box,
        "nothing": np.zeros_like(truth),
    }


def moved(mask: np.ndarray, down: int, right: int) -> np.ndarray:
    """A mask (H, W) moved by whole pixels; what leaves is lost.

    >>> import numpy as np
    >>> moved(np.array([[True, False]]), 0, 1)
    array([[False,  True]])
    """
    return ndimage.shift(mask.astype(np.uint8), (down, right), order=0).astype(bool)


def mask_measures(mask: np.ndarray, truth: np.ndarray, spacing: Sequence[float] | None = None) -> dict[str, float]:
    """{name of `MEASURES`: number} of a mask against the true one, both bool (H, W).

    spacing  millimetres between rows and columns; None for pixels

    What has no denominator is NaN. HD95 and surface Dice follow the rule for what is
    empty of `metrics.segmentation`.

    >>> import numpy as np
    >>> numbers = mask_measures(np.array([[True, True]]), np.array([[True, False]]))
    >>> numbers["sensitivity"], numbers["precision"]
    (1.0, 0.5)
    """
    both, found, real = int((mask & truth).sum()), int(mask.sum()), int(truth.sum())
    scores = {
        name: float(values[0, 0]) for name, values in segmentation_scores(mask[None], truth[None], 2, spacing).items()
    }
    return {
        "Dice": scores["dice"],
        "Jaccard": both / (found + real - both) if found + real else 1.0,
        "sensitivity": both / real if real else float("nan"),
        "precision": both / found if found else float("nan"),
        "Hausdorff": hausdorff(mask, truth, spacing),
        "HD95": scores["hd95"],
        "surface Dice": scores["surface_dice"],
    }


def hausdorff(mask: np.ndarray, truth: np.ndarray, spacing: Sequence[float] | None = None) -> float:
    """The largest distance from one border to the other, both bool (H, W); the image's diagonal where one is empty.

    >>> import numpy as np
    >>> hausdorff(np.array([[True, True, True]]), np.array([[True, False, False]]), spacing=(1.0, 0.5))
    1.0
    """
    steps = spacing or (1.0, 1.0)
    if not mask.any() or not truth.any():
        return (
            0.0
            if mask.any() == truth.any()
            else math.dist((0, 0), [step * side for step, side in zip(steps, mask.shape)])
        )
    borders = [region & ~ndimage.binary_erosion(region, CROSS) for region in (mask, truth)]
    away = [
        ndimage.distance_transform_edt(~border, sampling=steps) for border in borders
    ]  # of each pixel, from the border
    return float(max(away[0][borders[1]].max(), away[1][borders[0]].max()))
