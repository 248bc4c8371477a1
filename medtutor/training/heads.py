"""Heads on cached features: the second of two stages.

In the first stage an encoder is trained, on whatever task. Its features of every
clip are then computed once (`features_of`), and a head learns to read them
(`fit_head`): an epoch takes a fraction of a second, and heads can be compared on
the same features.
"""

from typing import TypeVar

import numpy as np
import torch
from torch import nn

from ..data.dataset import normalise
from ..data.images import as_images
from ..errors import InputError, unknown
from ..models.inference import device_of
from . import given
from .engine import Trainer
from .losses import case_losses

Head = TypeVar("Head", bound=nn.Module)
TASKS = ("binary", "multi-class", "regression")


def features_of(model: nn.Module, images: np.ndarray | torch.Tensor, batch_size: int = 128) -> torch.Tensor:
    """(N, T, 48) float32: what a model's encoder makes of each frame.

    model   a `FrameSequence`, such as `build("lstm", dataset)` or a run's model; it is
            put in eval mode and back
    images  uint8 (N, T, C, H, W)
    batch_size  clips that go through the encoder at once, from 1

    No gradient flows through them. Raises `InputError` for a model without
    features of frames, and for images that are no clips.

    >>> from medtutor.models.recurrent import FrameSequence
    >>> features_of(FrameSequence(shape=(12, 12), frames=5), torch.zeros(3, 5, 1, 12, 12, dtype=torch.uint8)).shape
    torch.Size([3, 5, 48])
    """
    features = getattr(model, "features", None)
    if not callable(features):
        raise InputError(
            f"{type(model).__name__} has no features of frames; give a model such as build('lstm', dataset)"
        )
    if getattr(images, "ndim", 5) != 5 or getattr(images, "dtype", torch.uint8) not in (torch.uint8, np.uint8):
        raise InputError("images must be clips, a uint8 tensor (N, T, C, H, W)")
    if getattr(images, "shape", (1,))[0] == 0:
        raise InputError("there is no clip among the images; give at least one")
    clips: torch.Tensor = as_images(images, (None,) * 4)
    batch_size, device = given.count("batch_size", batch_size), device_of(model)
    with given.asking(model, f"the model does not take clips of shape {tuple(clips.shape[1:])}"):
        return torch.cat([features(normalise(some).to(device)).cpu() for some in clips.split(batch_size)])


def fit_head(
    head: Head,
    features: torch.Tensor,
    targets: torch.Tensor,
    *,
    task: str,
    epochs: int = 25,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    noise: float = 0.1,
    weight_decay: float = 0.05,
    seed: int = 0,
    progress: bool = True,
) -> Head:
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

    The same head, features and seed give the same weights, bit for bit, whatever other
    threads draw meanwhile. Raises `InputError` where head, features, targets and
    numbers do not fit each other; the head is then as it was. `MedtutorError` where the
    loss stops being a number.

    >>> from medtutor.models.recurrent import HEADS
    >>> features = torch.rand(8, 4, 48)
    >>> head = HEADS["lstm"](48, 2, frames=4)
    >>> fit_head(head, features, torch.arange(8) % 2, task="binary", epochs=2, progress=False)(features).shape
    torch.Size([8, 2])
    """
    noise, weight_decay = given.amount("noise", noise), given.amount("weight_decay", weight_decay)
    _check(head, features, targets, task)
    spread = features.std(dim=(0, 1))

    def loss_of(rows, generator):
        x = features[rows]
        answers = head(x + noise * spread * torch.randn_like(x))
        return case_losses(answers, targets[rows], task).mean()

    trainer = Trainer(
        head,
        torch.arange(len(features)),
        loss_of,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        seed=seed,
        title=type(head).__name__,
        progress=progress,
    )
    trainer.generator = None  # the order is drawn, like noise and dropout, from the state of the layers
    trainer.train()
    return head


def _check(head, features, targets, task):
    if task not in TASKS:
        raise unknown("task", task, TASKS)
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
        raise InputError(
            f"targets of a {task} task must be {str(wanted).removeprefix('torch.')}, not"
            f" {str(targets.dtype).removeprefix('torch.')}"
        )
    _check_answers(head, features, targets, task)


def _check_answers(head, features, targets, task):
    """Whether the head takes the features and has an output for every class."""
    if not isinstance(head, nn.Module):
        raise InputError(f"the head must be a network, not {type(head).__name__}; take one of models.recurrent.HEADS")
    given.check_trainable(head)
    shape = tuple(features.shape[1:])
    with given.asking(
        head, f"the head does not take features of shape {shape}", "make it for that many numbers and frames"
    ):
        outputs = head(features[:2]).shape[-1]
    if task == "regression" and outputs != 1:
        raise InputError(f"a regression needs a head with one output, not {outputs}")
    if task != "regression" and (targets.min() < 0 or targets.max() >= outputs):
        raise InputError(
            f"targets run from {targets.min()} to {targets.max()}, but the head has {outputs} outputs, one a class"
            " from 0"
        )
