"""Each part's share of an answer: what the image and each number beside it have added to it.

The parts are players of a game, what they win together is the model's answer, and
the Shapley value (Shapley, in Contributions to the Theory of Games II, 1953) divides
it: what a part adds when it joins, averaged over all orders in which the parts can
join. A part that has not joined yet is replaced by that of other patients, the
background, and the answer is averaged over them (the interventional form; Lundberg
& Lee, arXiv:1705.07874, 2017; Janzing, Minorics & Blöbaum, arXiv:1910.13413, 2019).
With a few parts nothing need be sampled: 3 parts make 8 coalitions.

The answer is the log-odds of the second outcome, log p - log(1 - p), not its probability:
there a model that adds its parts up, as late fusion and logistic regression do, gives
each part a share that depends on no other part, and no share shrinks because the
probability is near 0 or 1 already.
"""

from dataclasses import dataclass, field
from math import factorial

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..checks import whole
from ..data.cohort import COLUMNS, Patients
from ..data.dataset import normalise
from ..data.images import as_image, as_images
from ..errors import InputError, shown
from ..models.inference import device_of, to_model
from .anatomy import twin
from .draws import generator
from .subject import is_about_memory

MOST = 6  # columns of the table: 128 coalitions
OTHERS = 32  # patients of a background


@dataclass(frozen=True, eq=False)
class ShapleyValues:
    """The answer for one patient, divided between its parts; all in log-odds of the second outcome.

    names   of the parts: "image", then the columns of the table
    values  float64 (parts,): what each has added; above 0, it spoke for the second outcome
    base    the mean answer for the background: what was to be expected before anything was known
    total   the answer for the patient: base + values.sum()
    """

    names: tuple
    values: np.ndarray = field(repr=False)
    base: float
    total: float

    @property
    def steps(self):
        """float64 (parts + 1,): from the base to the total, part after part."""
        return self.base + np.concatenate([[0.0], np.cumsum(self.values)])

    def __str__(self):
        each = ", ".join(f"{name} {value:+.2f}" for name, value in zip(self.names, self.values))
        return f"{self.base:+.2f}, {each}: {self.total:+.2f} (log-odds)"


class Background:
    """Other patients, as one model sees them: what stands in for a part that has not joined.

    Their images go through the model once, here; so shares for further rows of the table cost
    next to nothing. Make it anew when the model has been trained further.

    model     a `Fusion`, or another network of (images, table) -> logits (B, 2)
    patients  `Patients`; `count` of them are drawn, all where there are fewer
    seed      of the draw
    columns   names of the table's columns, at most 6

    names     of the parts
    seen      what the model makes of the images, (count, …)
    table     float32 (count, columns), as the patients have it: also with values missing

    Raises `InputError` where model and patients do not fit each other.
    """

    def __init__(self, model, patients, count=OTHERS, seed=0, columns=COLUMNS):
        try:
            count = whole("count", count, 1)
        except InputError:
            raise InputError(
                f"count is {shown(count)}; give how many patients are the background, at least 1"
            ) from None
        if not isinstance(patients, Patients) or not len(patients):
            raise InputError(
                f"the background must be Patients, such as cohort.train, not {type(patients).__name__}, and at"
                " least one"
            )
        if patients.table.shape[1] != len(columns):
            raise InputError(
                f"the table has {patients.table.shape[1]} columns, but {len(columns)} names: {', '.join(columns)}"
            )
        if len(columns) > MOST:
            raise InputError(
                f"the table has {len(columns)} columns: {2 ** (len(columns) + 1)} coalitions with the image; give at"
                f" most {MOST}"
            )
        check_answers(model, patients.images[:2], patients.table[:2])
        chosen = torch.randperm(len(patients), generator=generator(seed))[:count]
        self.model, self.names = model, ("image", *columns)
        self.seen, self.table = see(model, patients.images[chosen]), patients.table[chosen]


def shapley_values(
    model: nn.Module,
    image: np.ndarray | torch.Tensor,
    row: ArrayLike | torch.Tensor,
    background: "Background | Patients",
    *,
    seen: torch.Tensor | None = None,
) -> ShapleyValues:
    """The `ShapleyValues` of the image and of each number in one answer: exact Shapley values.

    model       as of `Background`; asked in eval mode, and left as it was
    image       uint8 (C, H, W), as `explain` takes it
    row         float32 (columns,): standardised numbers. One that is missing (NaN) is a value like
                any other: its share says what it has changed that nothing is known
    background  a `Background` of this model, or `Patients`, of whom 32 are drawn
    seen        `see(model, image[None])`, where that has been computed before

    Raises `InputError` where model, image, row and background do not fit each other.

    >>> import torch
    >>> from medtutor.explanation import Background, shapley_values
    >>> import medtutor as mt
    >>> from medtutor.data.cohort import draw_cohort
    >>> from medtutor.models.hybrid import Fusion
    >>> images = torch.arange(6 * 784).view(6, 28, 28).to(torch.uint8)
    >>> data = mt.from_arrays((images, [0, 1] * 3), (images + 9, [0, 1] * 3), (images + 99, [0, 1] * 3))
    >>> cohort, model = draw_cohort(data), Fusion(way="late").eval()
    >>> found = shapley_values(model, cohort.test.images[0], cohort.test.table[0], Background(model, cohort.train, 4))
    >>> found.names
    ('image', 'lab value', 'age')
    >>> bool(abs(found.base + found.values.sum() - found.total) < 1e-6)
    True
    """
    if not isinstance(background, Background):
        background = Background(model, background)
    if background.model is not model:
        raise InputError("the background was made for another model; make one with Background(model, patients)")
    try:
        row = torch.as_tensor(row, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(
            f"the row must hold the {background.table.shape[1]} numbers {', '.join(background.names[1:])}"
        ) from None
    if row.shape != background.table.shape[1:]:
        raise InputError(
            f"the row has shape {tuple(row.shape)}; give the {background.table.shape[1]} numbers"
            f" {', '.join(background.names[1:])}"
        )
    if row.isinf().any():
        raise InputError("the row holds infinity; give finite numbers, or NaN for one that is missing")
    model = _at_rest(model)
    if seen is None:
        image = as_image(image)[None]
        check_answers(model, image, row[None])
        seen = see(model, image)
    parts = len(background.names)
    worth = np.empty(2**parts)  # of a coalition, whose bit i says whether part i has joined
    for coalition in range(2**parts):
        joined = torch.tensor([bool(coalition >> part & 1) for part in range(parts)])
        images = seen.expand_as(background.seen) if joined[0] else background.seen
        worth[coalition] = log_odds(model, images, torch.where(joined[1:], row, background.table)).mean()
    if not np.isfinite(worth).all():
        raise InputError("the model answers NaN or infinity; train it again, with a smaller learning rate")
    values = np.zeros(parts)
    for part in range(parts):
        for coalition in range(2**parts):
            if not coalition >> part & 1:
                size = coalition.bit_count()
                weight = factorial(size) * factorial(parts - size - 1) / factorial(parts)
                values[part] += weight * (worth[coalition | 1 << part] - worth[coalition])
    return ShapleyValues(background.names, values, float(worth[0]), float(worth[-1]))


@torch.no_grad()
def see(model, images):
    """What a model makes of uint8 images (N, C, H, W) alone: (N, …).

    Features where the model has `see` and `fuse`, as a `Fusion` has; else the images
    themselves, as floats. The model is asked in eval mode, and left as it was.

    Raises `InputError` for images that are not uint8.
    """
    images, model = as_images(images), _at_rest(model)
    images = to_model(normalise(images), device_of(model))
    return model.see(images) if hasattr(model, "see") else images


@torch.no_grad()
def log_odds(model, seen, table):
    """The log-odds of the second outcome, float64 (N,), of what `see` gave and a table (N, columns).

    The model is asked in eval mode, and left as it was.
    """
    model = _at_rest(model)
    logits = (model.fuse if hasattr(model, "fuse") else model)(seen, table.to(seen.device)).double().cpu()
    return (logits[:, 1] - logits[:, 0]).numpy()


def check_answers(model, images, table):
    """Raise `InputError` unless the model answers uint8 images with their rows of a table by two finite logits each.

    The model is asked in eval mode, and left as it was.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"{type(model).__name__} is no network; give a Fusion, trained with fit_fusion")
    images, model = as_images(images), _at_rest(model)
    try:
        with torch.no_grad():
            device = device_of(model)
            logits = model(to_model(normalise(images), device), table.to(device))
    except Exception as error:
        if is_about_memory(error):
            raise
        raise InputError(
            f"the model does not take images {tuple(images.shape[1:])} with a table of {table.shape[1]} columns "
            f"({str(error).partition(chr(10))[0]}); give a Fusion that was trained on such patients"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (len(images), 2):
        raise InputError("the model does not give one score for each of two outcomes; give a Fusion that does")
    if not logits.isfinite().all():
        raise InputError("the model answers NaN or infinity; train it again, with a smaller learning rate")


def _at_rest(model):
    """The model where all of it is in eval mode, else a twin of it that is: asking changes nothing about a model."""
    return twin(model) if any(module.training for module in model.modules()) else model
