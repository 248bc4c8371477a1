"""How far two people agree, and what several of them say together.

Agreement is a ceiling: a model that is measured against one rater cannot be told to be better than another rater is.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..checks import as_numbers, one_of, whole
from ..errors import InputError
from .segmentation import dice_of_each

METHODS = ("STAPLE", "majority")


def kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa: the share of cases on which two raters agree, beyond what chance alone would give (Cohen 1960).

    first, second  class numbers (N,) of the same cases

    1 is full agreement, 0 what two raters reach who know nothing but how often each of them says what, below 0 is less.
    doi:10.1177/001316446002000104. Raises `InputError` for different numbers of cases, and where both raters call all
    cases alike: there chance explains everything.

    >>> kappa([0, 0, 1, 1], [0, 0, 1, 0])  # agreed on 3 of 4; by chance on half
    0.5
    """
    from sklearn.metrics import cohen_kappa_score

    one, other = as_numbers("the first rater's labels", first), as_numbers("the second rater's labels", second)
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise InputError(
            f"the raters' labels have shapes {one.shape} and {other.shape}; give one label for each case, of the same"
            " cases"
        )
    if len(np.unique(np.concatenate([one, other]))) < 2:
        raise InputError("both raters call all cases alike, so that chance explains it all; give cases of two classes")
    return float(cohen_kappa_score(one, other))


def raters_dice(marked: Mapping[str, torch.Tensor], classes: int) -> np.ndarray:
    """Dice of each pair of raters, float (R, R): the mean over cases and foreground classes.

    marked   {rater: class numbers (N, H, W) or (N, D, H, W)}, of the same cases
    classes  how many, background among them

    Raises `InputError` for fewer than two raters and for masks of different shapes.

    >>> one = torch.tensor([[[0, 1, 1, 0]]])
    >>> raters_dice({"A": one, "B": torch.tensor([[[0, 1, 0, 0]]])}, classes=2).round(2).tolist()
    [[1.0, 0.67], [0.67, 1.0]]
    """
    masks, classes = _same_shape(marked), whole("classes", classes, 2)
    table = np.eye(len(masks))
    for i in range(len(masks)):
        for j in range(i):
            scores = [dice_of_each(masks[i] == each, masks[j] == each) for each in range(1, classes)]
            table[i, j] = table[j, i] = float(torch.stack(scores).mean())
    return table


def consensus(marked: Mapping[str, torch.Tensor], method: str = "STAPLE") -> torch.Tensor:
    """What several raters say together, uint8 masks of their shape; computed by SimpleITK, case by case.

    marked  {rater: class numbers (N, H, W) or (N, D, H, W)}, of the same cases
    method  "majority": each pixel gets the class that most raters gave; where no class has most, background
            "STAPLE": estimates at once the truth and how often each rater gives which class for which, and so weighs
            the raters (Warfield et al., IEEE TMI 23:903, 2004, doi:10.1109/TMI.2004.828354)

    Where all raters make one mistake, both make it, too. Raises `InputError` for fewer than two raters, masks of
    different shapes, and another method.

    >>> one, other = torch.tensor([[[0, 1, 1, 0]]]), torch.tensor([[[0, 1, 0, 0]]])
    >>> consensus({"A": one, "B": one, "C": other}, "majority").tolist()
    [[[0, 1, 1, 0]]]
    """
    import SimpleITK

    masks = _same_shape(marked)
    one_of("method", method, METHODS)
    last = int(max(mask.max() for mask in masks))

    def of_case(case):
        images = [SimpleITK.GetImageFromArray(mask[case].numpy().astype(np.uint8)) for mask in masks]
        vote = SimpleITK.LabelVoting(images, last + 1)
        if method == "STAPLE":
            vote = SimpleITK.MultiLabelSTAPLE(images, last + 1)
        found = SimpleITK.GetArrayFromImage(vote)
        return torch.from_numpy(np.where(found > last, 0, found).astype(np.uint8))

    return torch.stack([of_case(case) for case in range(len(masks[0]))])


def _same_shape(marked):
    masks = [torch.as_tensor(mask) for mask in marked.values()]
    if len(masks) < 2:
        raise InputError(f"there is {len(masks)} rater; agreement takes two or more")
    shapes = {tuple(mask.shape) for mask in masks}
    if len(shapes) > 1 or masks[0].dim() not in (3, 4) or not masks[0].numel():
        raise InputError(f"the raters' masks have shapes {sorted(shapes)}; give masks of the same cases, (N, H, W)")
    if any(mask.is_floating_point() or mask.min() < 0 or mask.max() > 254 for mask in masks):
        raise InputError("masks must be class numbers 0…254; give whole numbers")
    return masks
