"""Maps as numbers: whether two agree, whether one falls on what is known, and two that need no model.

With the truth of a phantom: `pointing_game` (Zhang et al., arXiv:1608.00507, 2016) and
`relevance_mass`. `random_map` and `edge_map` need no model at all: a map that scores no
better than they do has shown nothing.
"""

from collections.abc import Sequence
from math import prod
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from scipy import ndimage

from ..checks import one_of, whole
from ..data.images import as_image
from ..errors import InputError, shown
from .draws import generator


class HasMap(Protocol):
    """An `Attribution`: what has a map."""

    @property
    def map(self) -> torch.Tensor: ...


Map = ArrayLike | torch.Tensor | HasMap


def similarity(one: Map, other: Map) -> float:
    """Do two maps point to the same places? Spearman's rank correlation of the absolute values, -1 to 1.

    The sign is left out, since a randomised network gives it at random (Adebayo et
    al., arXiv:1810.03292, 2018). 0 where one map is flat and has no ranks.

    one, other  `Attribution`s or maps of the same shape; NaN and infinity are refused, as by all scores

    >>> from medtutor.explanation import similarity
    >>> round(similarity([[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [40.0, 30.0]]), 3)
    0.8
    """
    from scipy.stats import rankdata  # takes half a second, and most maps are never compared

    one, other = values_of(one), values_of(other)
    if one.shape != other.shape:
        raise InputError(
            f"the maps have shapes {tuple(one.shape)} and {tuple(other.shape)}; give two of the same image"
        )
    ranks = np.stack([rankdata(values.abs().flatten().numpy()) for values in (one, other)])
    if (ranks.std(axis=1) == 0).any():
        return 0.0
    return float(np.clip(np.corrcoef(ranks)[0, 1], -1, 1))


def agreement(maps: Sequence[Map]) -> torch.Tensor:
    """The `similarity` of each map to each other one: a symmetric tensor (n, n), 1 on its diagonal.

    maps  a list of `Attribution`s or maps of the same shape

    >>> from medtutor.explanation import agreement
    >>> agreement([[[1.0, 2.0], [3.0, 4.0]], [[4.0, 3.0], [2.0, 1.0]]])
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if not isinstance(maps, (list, tuple)):
        raise InputError(f"give a list of Attributions or maps, not {type(maps).__name__}")
    matrix = torch.eye(len(maps))
    for i, one in enumerate(maps):
        for j, other in enumerate(maps[:i]):
            matrix[i, j] = matrix[j, i] = similarity(one, other)
    return matrix


def pointing_game(
    attribution: Map,
    evidence: ArrayLike | torch.Tensor,
    *,
    tolerance: int = 0,
    part: str = "positive",
    ties: str = "share",
) -> float:
    """The pointing game: does the highest value fall on the evidence? 1 yes, 0 no.

    Where several pixels are highest, their share on the evidence: a flat map gets
    what chance would give it.

    evidence   bool (H, W) or (D, H, W), such as `dataset.test.evidence[i]`
    tolerance  pixels that a hit may be off
    part       "positive" (what speaks for the target) or "absolute"
    ties       where several pixels are highest: "share" (which of them lie on the evidence) or "touch" (1 where any
               does, unless all are). The highest cell of a map that is coarser than pixels has many pixels: a cell
               that reaches beyond the evidence cannot score 1 by share, whatever the method says

    >>> from medtutor.explanation import pointing_game
    >>> pointing_game([[0.1, 0.9], [0.0, 0.0]], [[False, True], [False, True]])
    1.0
    >>> [pointing_game([[0.9, 0.9], [0, 0]], [[True, False], [False, False]], ties=ties) for ties in ("share", "touch")]
    [0.5, 1.0]
    """
    one_of("ties", ties, ("share", "touch"))
    tolerance = whole("tolerance", tolerance, 0)
    values, evidence = _against(attribution, evidence, part)
    if tolerance:
        tolerance = min(tolerance, max(evidence.shape))  # which is everywhere
        window = 2 * tolerance + 1
        pool = F.max_pool2d if evidence.dim() == 2 else F.max_pool3d
        evidence = pool(evidence[None, None].float(), window, stride=1, padding=tolerance)[0, 0] > 0
    highest = values == values.max()
    share = (highest & evidence).sum().item() / highest.sum().item()
    return share if ties == "share" or highest.all() else float(share > 0)


def relevance_mass(attribution: Map, evidence: ArrayLike | torch.Tensor, *, part: str = "positive") -> float:
    """The share of the attribution that falls on the evidence, 0 to 1; chance is the evidence's share of the image.

    0 for an empty map. Arguments as of `pointing_game`.

    >>> from medtutor.explanation import relevance_mass
    >>> relevance_mass([[1.0, 3.0], [0.0, -5.0]], [[False, True], [False, True]])
    0.75
    """
    values, evidence = _against(attribution, evidence, part)
    values = values.double()  # single precision would overflow, or add up to more than there is
    inside, beside = values[evidence].sum().item(), values[~evidence].sum().item()
    return inside / (inside + beside) if inside > 0 else 0.0


def _against(attribution, evidence, part) -> tuple[torch.Tensor, torch.Tensor]:
    values, evidence = values_of(attribution), as_truth("evidence", evidence)
    one_of("part", part, ("positive", "absolute"))
    if evidence.shape != values.shape:
        raise InputError(f"the evidence has shape {tuple(evidence.shape)}, the map {tuple(values.shape)}")
    if not evidence.any():
        raise InputError("this image has no evidence: nothing was planted in it; choose one of the other class")
    return (values.abs() if part == "absolute" else values.clamp(min=0)), evidence


def as_truth(what, values) -> torch.Tensor:
    """An array as a bool tensor; numbers are read as 0 for no and 1, or another whole number, for yes."""
    values = _as_numbers(what, values)
    if values.is_floating_point() and ((values != 0) & (values != 1)).any():
        raise InputError(
            f"{what} must say yes or no of each pixel, True or False; decide from which value on it counts"
        )
    return values.bool()


def random_map(shape: Sequence[int], seed: int = 0) -> torch.Tensor:
    """A map of random values 0…1 that knows neither model nor image: the floor of every score.

    shape  of the image in pixels, (H, W) or (D, H, W)

    >>> import torch
    >>> from medtutor.explanation import random_map
    >>> random_map((28, 28)).shape
    torch.Size([28, 28])
    """
    return torch.rand(checked_sides(shape), generator=generator(seed))


def edge_map(image: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Edges of the image (Sobel), (H, W) or (D, H, W): what a map may show without any model.

    image  uint8 (C, H, W), (C, D, H, W), as `explain` takes it; the channels' edges are added up

    >>> import torch
    >>> from medtutor.explanation import edge_map
    >>> image = torch.zeros(1, 5, 5, dtype=torch.uint8)
    >>> image[0, 2, 2] = 255
    >>> edge_map(image).argmin().item() == 0  # nothing in the corner
    True
    """
    pixels = as_image(image, title="edge_map").cpu().numpy().astype(np.float32) / 255
    axes = range(1, pixels.ndim)
    return torch.from_numpy(np.sqrt(sum(ndimage.sobel(pixels, axis) ** 2 for axis in axes)).sum(axis=0))


def values_of(attribution) -> torch.Tensor:
    """The values of an `Attribution`, or of a map from elsewhere, as float32.

    Raises `InputError` where they are no finite numbers.
    """
    values = _as_numbers("a map", getattr(attribution, "map", attribution))
    if not values.numel() or not torch.isfinite(values).all():
        raise InputError("the map is empty, or holds NaN or infinity; give finite numbers, one for each pixel")
    return values.float()


def _as_numbers(what, values) -> torch.Tensor:
    """An array of real numbers as a tensor on the CPU."""
    try:
        values = torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        values = None
    if values is None or values.is_complex() or values.is_quantized:
        raise InputError(f"{what} must be an array of numbers, one for each pixel")
    return values.to_dense() if values.layout != torch.strided else values


def checked_sides(shape):
    """The shape of an image or volume as a tuple of ints.

    Raises `InputError` for what is none, or too large to be one.
    """
    sides = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    sides = tuple(whole("each side of shape", side, 1, 100_000) for side in sides)
    if not 1 <= len(sides) <= 4 or prod(sides) > 2**28:
        raise InputError(f"shape is {shown(sides)}; give the sides of one image or volume, of at most 2**28 pixels")
    return sides
