"""Heads on cached features: the second of two stages.

In the first stage an encoder is trained, on whatever task. Its features of every
clip are then computed once (`features_of`), and a head learns to read them
(`fit_head`): an epoch takes a fraction of a second, and heads can be compared on
the same features.
"""

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ..checks import whole
from ..data.dataset import normalise
from ..data.images import as_images
from ..errors import InputError, MedtutorError, unknown
from .loop import case_losses

TASKS = ("binary", "multi-class", "regression")


@torch.no_grad()
def features_of(model, images, batch_size=128):
    """(N, T, 48) float32: what a model's encoder makes of each frame.

    model   a `FrameSequence`, such as `build("lstm", dataset)` or a run's model; it is
            put in eval mode and back
    images  uint8 (N, T, C, H, W)

    No gradient flows through them. Raises `InputError` for a model without
    features of frames, and for images that are no clips.
    """
    if not callable(getattr(model, "features", None)):
        raise InputError(f"{type(model).__name__} has no features of frames; give a model such as build('lstm', dataset)")
    if getattr(images, "ndim", 5) != 5 or getattr(images, "dtype", torch.uint8) not in (torch.uint8, np.uint8):
        raise InputError("images must be clips, a uint8 tensor (N, T, C, H, W)")
    images, batch_size = as_images(images, (None,) * 4), whole("batch_size", batch_size, 1)
    was_training = model.training
    model.eval()
    try:
        return torch.cat([model.features(normalise(batch)) for batch in images.split(batch_size)])
    except RuntimeError as error:
        raise InputError(f"the model does not take clips of shape {tuple(images.shape[1:])} ({str(error).splitlines()[0]})") from error
    finally:
        model.train(was_training)


def fit_head(
    head, features, targets, *, task, epochs=25, batch_size=64, learning_rate=3e-3, noise=0.1, weight_decay=0.05, seed=0,
    progress=True,
):  # fmt: skip
    """Train a head on cached features; the head, trained in place and in eval mode.

    head           of `models.recurrent.HEADS`, or anything that takes (B, T, F)
    features       float32 (N, T, F), from `features_of`, or measured otherwise
    targets        int64 (N,) class numbers; of a regression float32 (N,)
    task           "binary", "multi-class" or "regression"
    epochs, batch_size, learning_rate, weight_decay
                   AdamW, one-cycle; the last weights are kept, nothing is selected
    noise          spread of the noise added to each feature in every step, as a
                   share of the feature's own spread over all frames
    seed           of order, noise and whatever the head draws; torch's own random
                   state is left as it was. The initial weights are the head's own

    The same head, features and seed give the same weights, bit for bit. Raises
    `InputError` where head, features and targets do not fit each other,
    `MedtutorError` where the loss stops being a number.
    """
    _check(head, features, targets, task, epochs, batch_size)
    batch = min(batch_size, len(features))
    steps = len(features) // batch  # the last partial batch is left out
    optimiser = torch.optim.AdamW(head.parameters(), learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps * epochs + 1)
    spread = features.std(dim=(0, 1))
    head.train()
    with torch.random.fork_rng(devices=[]), tqdm(total=epochs, unit="epoch", desc=type(head).__name__, disable=not progress) as bar:
        torch.manual_seed(seed)
        for epoch in range(epochs):
            for rows in torch.randperm(len(features))[: steps * batch].split(batch):
                x = features[rows]
                x = x + noise * spread * torch.randn_like(x)
                loss = case_losses(head(x), targets[rows], task).mean()
                if not loss.isfinite():
                    raise MedtutorError(
                        f"the loss is {loss.item()} in epoch {epoch + 1}; the learning rate {learning_rate:g} is probably too high"
                    )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            bar.update()
    return head.eval()


def _check(head, features, targets, task, epochs, batch_size):
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{name} is {value!r}; give a whole number from 1")
    if not isinstance(features, torch.Tensor) or features.ndim != 3 or not features.is_floating_point():
        raise InputError("features must be a float tensor (N, T, F), such as features_of gives")
    if features.requires_grad or not features.isfinite().all():
        raise InputError("features must be finite numbers without gradients; compute them with features_of")
    if len(features) < 2:
        raise InputError("there are fewer than two clips; a head cannot learn from them")
    if not isinstance(targets, torch.Tensor) or targets.shape != (len(features),):
        raise InputError(f"targets must be a tensor ({len(features)},), one for each clip")
    wanted = torch.float32 if task == "regression" else torch.int64
    if targets.dtype != wanted:
        raise InputError(f"targets of a {task} task must be {str(wanted).removeprefix('torch.')}, not {str(targets.dtype).removeprefix('torch.')}")
    _check_answers(head, features, targets, task)


def _check_answers(head, features, targets, task):
    """Whether the head takes the features and has an output for every class."""
    if not isinstance(head, nn.Module):
        raise InputError(f"the head must be a network, not {type(head).__name__}; take one of models.recurrent.HEADS")
    was_training = head.training
    try:
        with torch.no_grad():
            outputs = head.eval()(features[:2]).shape[-1]
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"the head does not take features of shape {tuple(features.shape[1:])} ({str(error).splitlines()[0]}); "
            "make it for that many numbers and frames"
        ) from error
    finally:
        head.train(was_training)
    if task == "regression" and outputs != 1:
        raise InputError(f"a regression needs a head with one output, not {outputs}")
    if task != "regression" and (targets.min() < 0 or targets.max() >= outputs):
        raise InputError(f"targets run from {targets.min()} to {targets.max()}, but the head has {outputs} outputs, one a class from 0")
