"""A model that is asked, not trained: its mode is lent, its batches are laid out, its logits are read."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode within; afterwards each of its modules is in the mode of before.

    Of a model that is in eval mode throughout nothing is touched, so that threads may share it.

    >>> model = nn.Dropout().train()
    >>> with evaluating(model):
    ...     model.training
    False
    >>> model.training
    True
    """
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield model
    finally:
        for module in training:
            module.training = True


def device_of(model: nn.Module) -> torch.device:
    """The device that a model is on; of one without weights the CPU.

    >>> device_of(nn.Linear(2, 1))
    device(type='cpu')
    """
    weight = next(model.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


def to_model(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A batch (B, C, H, W), or with five axes, on the device, in the memory order that convolutions are fastest in.

    >>> to_model(torch.zeros(2, 3, 8, 8), torch.device("cpu")).stride()
    (192, 1, 24, 3)
    """
    order = torch.channels_last if images.dim() == 4 else torch.channels_last_3d
    return images.to(device=device, memory_format=order)


def probabilities(logits: torch.Tensor, task: str, scale: tuple[float, float] = (0.0, 1.0)) -> torch.Tensor:
    """Logits (N, classes, …) to probabilities: sigmoid for the task "multi-label", softmax for the others.

    Those of a "regression" become numbers in its units: `scale` is the mean and the standard deviation of the
    training targets.

    >>> probabilities(torch.tensor([[0.0, 0.0]]), "binary")
    tensor([[0.5000, 0.5000]])
    >>> probabilities(torch.tensor([[2.0]]), "regression", scale=(50.0, 10.0))
    tensor([[70.]])
    """
    if task == "regression":
        mean, spread = scale
        return logits * spread + mean
    return logits.sigmoid() if task == "multi-label" else logits.softmax(dim=1)
