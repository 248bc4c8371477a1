"""The shapes that a model's layers give, asked of the model."""

from collections.abc import Sequence

import torch
from torch import nn

Shape = tuple[int, ...]


def shapes_of(model: nn.Module, *inputs: torch.Tensor) -> dict[str, Shape]:
    """{name of a module: the shape that it gives, without the batch}; "name:in" is the shape of what it takes first.

    The model itself has the name "", and a module that is called several times tells its first call.

    >>> shapes_of(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten()), torch.zeros(2, 1, 8, 8))["0"]
    (4, 6, 6)
    """
    found: dict[str, Shape] = {}

    def keep(name):
        def hook(module, taken, given):
            first = given[0] if isinstance(given, tuple) else given
            found.setdefault(name, tuple(first.shape[1:]))
            if taken:
                found.setdefault(f"{name}:in", tuple(taken[0].shape[1:]))

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in model.named_modules()]
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def image(model: nn.Module, size: Shape) -> torch.Tensor:
    """One image with as many channels as the model's first convolution takes; without pixels, as only shapes are asked.

    >>> image(nn.Conv2d(3, 8, 5), (28, 28)).shape
    torch.Size([1, 3, 28, 28])
    """
    first = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return torch.zeros(1, first.in_channels, *size, device="meta")


def scale(shapes: Sequence[Shape], high: float, thick: float):
    """A function from the shape (C, H, W) of a map to its (thickness, height, depth) in pixels.

    The largest map of all `shapes` is `high` pixels high, the one with most channels `thick` pixels thick.
    """
    row, channel = high / max(max(each[1:]) for each in shapes), thick / max(each[0] for each in shapes)
    return lambda shape: (max(shape[0] * channel, 5), max(shape[1] * row, 7), max(shape[2] * row, 7))
