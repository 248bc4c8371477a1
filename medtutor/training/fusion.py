"""`fit_fusion`: a model that sees an image and a row of a table, trained on a cohort.

`fit` knows images alone.
"""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..data.augmentation import apply_affine, draw_affine
from ..data.cohort import OUTCOMES, Patients
from ..data.dataset import normalise
from ..data.images import as_images
from ..errors import InputError
from ..models.inference import device_of, to_model
from . import given
from .engine import Trainer
from .losses import case_losses
from .processes import choose_threads

Model = TypeVar("Model", bound=nn.Module)


def fit_fusion(
    model: Model,
    patients: Patients,
    *,
    epochs: int = 8,
    batch_size: int = 32,
    learning_rate: float = 4e-3,
    hide: float = 0.0,
    shift: float = 2.0,
    seed: int = 0,
    progress: bool = True,
) -> Model:
    """Train a `Fusion`, or any model of (images, table); returns it, in eval mode.

    model    takes float images (B, C, H, W) in -1…1 and a table float32 (B, columns), NaN where
             a value is missing; gives logits (B, classes). Trained in place
    patients  `Patients`, such as `cohort.train`
    epochs, batch_size, learning_rate
             of AdamW on a one-cycle schedule; the last partial batch is left out
    hide     0…1: share of the table's numbers that are hidden anew in every step, so that the
             model learns to do without them
    shift    pixels by which images are moved at random, at most their shortest side
    seed     of order, hiding, moves and dropout; initial weights are the caller's

    On one machine the same model and seed give the same weights, bit for bit, whatever other
    threads draw meanwhile; torch's own random state is left as it was. Raises
    `InputError` where numbers, model and patients do not fit each other; the model is then as
    it was. `MedtutorError` where the loss stops being a number.

    >>> from medtutor import load
    >>> from medtutor.data.cohort import draw_cohort
    >>> from medtutor.models.hybrid import Fusion
    >>> train = draw_cohort(load("pneumoniamnist", source="phantom"), "additive").train
    >>> fit_fusion(Fusion(way="table"), train, epochs=1, progress=False).training
    False
    """
    batch_size = given.count("batch_size", batch_size, 2)
    hide, shift = given.share("hide", hide, "a share of the table"), given.amount("shift", shift)
    _check(model, patients, shift)
    choose_threads()
    device, shape = device_of(model), tuple(patients.images.shape[2:])

    def loss_of(rows, generator):
        images = to_model(normalise(patients.images[rows]), device)
        if shift:
            images = apply_affine(images, draw_affine(len(rows), shape, shift=shift, generator=generator))
        table = patients.table[rows].clone()
        table[torch.rand(table.shape, generator=generator) < hide] = float("nan")
        return case_losses(model(images, table.to(device)), patients.labels[rows].to(device), "binary").mean()

    rows, title, weight_decay = torch.arange(len(patients)), f"fusion, {getattr(model, 'way', 'own model')}", 0.05
    trainer = Trainer(model, rows, loss_of, epochs, batch_size, learning_rate, weight_decay, seed, title, progress)
    model.to(memory_format=torch.channels_last)
    trainer.train()
    return model


def predict_fusion(
    model: nn.Module, images: np.ndarray | torch.Tensor, table: ArrayLike | torch.Tensor, batch_size: int = 256
) -> torch.Tensor:
    """Probabilities (N, classes) of images with their rows of a table.

    model       as of `fit_fusion`
    images      uint8 (N, C, H, W)
    table       floats (N, columns), NaN where a value is missing
    batch_size  cases at once, from 1

    The model is put in eval mode and back, whatever happens. Raises `InputError` for other images, a table that
    has not a row for each, and what the model does not take.

    >>> from medtutor.models.hybrid import Fusion
    >>> predict_fusion(Fusion(shape=(16, 16)), torch.zeros(3, 1, 16, 16, dtype=torch.uint8), torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """
    pixels: torch.Tensor = as_images(images)
    rows, batch_size = _checked_table(table), given.count("batch_size", batch_size)
    if len(pixels) != len(rows) or not len(pixels):
        raise InputError(
            f"there are {len(pixels)} images but {len(rows)} rows of the table; give one row for each image, and at"
            " least one"
        )
    with given.asking(model, _does_not_take(pixels, rows), "give those that it was trained on"):
        batches = zip(pixels.split(batch_size), rows.split(batch_size))
        return torch.cat([_logits(model, *batch).softmax(dim=1).cpu() for batch in batches])


def _logits(model, images, table):
    device = device_of(model)
    return model(to_model(normalise(images), device), table.to(device))


def _checked_table(table: ArrayLike | torch.Tensor) -> torch.Tensor:
    try:
        found: torch.Tensor | None = torch.as_tensor(table)
    except (TypeError, ValueError, RuntimeError):
        found = None
    if found is None or found.dim() != 2 or not found.is_floating_point() or found.isinf().any():
        held = "no array" if found is None else f"{found.dtype} of shape {tuple(found.shape)}"
        raise InputError(f"the table is {held}; give floats (N, columns), NaN where a value is missing, no infinity")
    return found.float()


def _does_not_take(images, table):
    return f"the model does not take images {tuple(images.shape[1:])} with a table of {table.shape[1]} columns"


def _check(model, patients, shift):
    if len(patients) < 2:
        raise InputError(f"there are {len(patients)} patients; give at least 2")
    side = min(patients.images.shape[2:])
    if shift > side:
        raise InputError(f"shift is {shift!r}; give at most {side} pixels, the images' shortest side")
    given.check_trainable(model)
    remedy = "build it as Fusion(channels, shape, classes, columns, way=…)"
    with given.asking(model, _does_not_take(patients.images, patients.table), remedy):
        logits = _logits(model, patients.images[:2], patients.table[:2])
    # Few patients may all have had the same outcome.
    if logits.shape != (2, max(len(OUTCOMES), int(patients.labels.max()) + 1)):
        raise InputError(
            f"the model answers {tuple(logits.shape)} for two patients; it must give one score for each outcome"
        )
