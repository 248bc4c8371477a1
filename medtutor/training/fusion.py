"""`fit_fusion`: a model that sees an image and a row of a table, trained on a cohort.

`fit` knows images alone. This loop is as short as that of `fit_head`, and as plain:
AdamW, one-cycle, the weights after the last epoch, nothing selected.
"""

import torch
from tqdm import tqdm

from .. import checks
from ..data.augmentation import apply_affine, draw_affine
from ..data.cohort import OUTCOMES
from ..data.dataset import normalise
from ..data.images import as_images
from ..errors import InputError, MedtutorError
from ..models.inference import device_of, evaluating
from ..models.randomness import seeded
from . import given
from .loop import case_losses
from .processes import choose_threads
from .run import to_model


def fit_fusion(
    model, patients, *, epochs=8, batch_size=32, learning_rate=4e-3, hide=0.0, shift=2.0, seed=0, progress=True
):
    """Train a `Fusion`, or any model of (images, table); returns it, in eval mode.

    model    takes float images (B, C, H, W) in -1…1 and a table float32 (B, columns), NaN where
             a value is missing; gives logits (B, classes). Trained in place
    patients `Patients`, such as `cohort.train`
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
    """
    epochs, batch_size, seed = (
        given.count("epochs", epochs),
        given.count("batch_size", batch_size, 2),
        checks.seed(seed),
    )
    learning_rate = given.learning_rate(learning_rate)
    hide, shift = given.share("hide", hide, "a share of the table"), given.amount("shift", shift)
    _check(model, patients, shift)
    choose_threads()
    model.to(memory_format=torch.channels_last)
    generator, layers_draw = torch.Generator().manual_seed(seed), seeded(seed)
    batch = min(batch_size, len(patients))
    steps = len(patients) // batch
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps * epochs + 1)
    device, shape = device_of(model), tuple(patients.images.shape[2:])
    model.train()
    try:
        with tqdm(
            total=steps * epochs,
            unit="step",
            desc=f"fusion, {getattr(model, 'way', 'own model')}",
            disable=not progress,
        ) as bar:
            for epoch in range(epochs):
                for rows in torch.randperm(len(patients), generator=generator)[: steps * batch].split(batch):
                    images = to_model(normalise(patients.images[rows]), device)
                    images = (
                        apply_affine(images, draw_affine(batch, shape, shift=shift, generator=generator))
                        if shift
                        else images
                    )
                    table = patients.table[rows].clone()
                    table[torch.rand(table.shape, generator=generator) < hide] = float("nan")
                    with layers_draw:
                        answers = model(images, table.to(device))
                    loss = case_losses(answers, patients.labels[rows].to(device), "binary").mean()
                    if not loss.isfinite():
                        raise MedtutorError(
                            f"the loss is {loss.item()} in epoch {epoch + 1}; the learning rate {learning_rate:g} is"
                            " probably too high"
                        )
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
                    bar.set_postfix_str(f"loss {loss.item():.3f}", refresh=False)
                    bar.update()
        given.check_finite(model, learning_rate)
    finally:
        model.eval()
    return model


@torch.no_grad()
def predict_fusion(model, images, table, batch_size=256):
    """Probabilities (N, classes) of uint8 images (N, C, H, W) with their rows of a table (N, columns), NaN where a
    value is missing.

    The model is put in eval mode and back, whatever happens. Raises `InputError` for other images, a table that
    has not a row for each, and what the model does not take.
    """
    images, table, batch_size = as_images(images), _checked_table(table), given.count("batch_size", batch_size)
    if len(images) != len(table) or not len(images):
        raise InputError(
            f"there are {len(images)} images but {len(table)} rows of the table; give one row for each image, and at"
            " least one"
        )
    device = device_of(model)
    try:
        with evaluating(model):
            return torch.cat(
                [
                    model(to_model(normalise(some), device), rows.to(device)).softmax(dim=1).cpu()
                    for some, rows in zip(images.split(batch_size), table.split(batch_size))
                ]
            )
    except (RuntimeError, TypeError) as error:
        raise InputError(_does_not_take(images, table, error, "give those that it was trained on")) from error


def _checked_table(table):
    try:
        table = torch.as_tensor(table)
    except (TypeError, ValueError, RuntimeError):
        table = None
    if table is None or table.dim() != 2 or not table.is_floating_point() or table.isinf().any():
        found = "no array" if table is None else f"{table.dtype} of shape {tuple(table.shape)}"
        raise InputError(f"the table is {found}; give floats (N, columns), NaN where a value is missing, no infinity")
    return table.float()


def _does_not_take(images, table, error, remedy):
    return (
        f"the model does not take images {tuple(images.shape[1:])} with a table of {table.shape[1]} columns "
        f"({str(error).splitlines()[0]}); {remedy}"
    )


def _check(model, patients, shift):
    if len(patients) < 2:
        raise InputError(f"there are {len(patients)} patients; give at least 2")
    side = min(patients.images.shape[2:])
    if shift > side:
        raise InputError(f"shift is {shift!r}; give at most {side} pixels, the images' shortest side")
    given.check_trainable(model)
    device = device_of(model)
    try:
        with torch.no_grad(), evaluating(model):
            logits = model(to_model(normalise(patients.images[:2]), device), patients.table[:2].to(device))
    except (RuntimeError, TypeError) as error:
        remedy = "build it as Fusion(channels, shape, classes, columns, way=…)"
        raise InputError(_does_not_take(patients.images, patients.table, error, remedy)) from error
    # Few patients may all have had the same outcome.
    if logits.shape != (2, max(len(OUTCOMES), int(patients.labels.max()) + 1)):
        raise InputError(
            f"the model answers {tuple(logits.shape)} for two patients; it must give one score for each outcome"
        )
