"""Numbers in a few bits: a scale, a zero point, and what is lost by rounding (Jacob et al., arXiv:1712.05877, 2018)."""

import copy

import torch
from torch import nn

from .. import checks
from ..errors import InputError
from .pruning import LAYERS


def scale_and_zero_point(low: float, high: float, bits: int = 8) -> tuple[float, int]:
    """The step and the zero point of whole numbers 0…2^bits - 1 that stand for the range low…high.

    The range is widened to hold 0, and 0 is met exactly: padding and what ReLU cuts off are zeros. Raises `InputError`
    for a range that is none, and for bits outside 2…16.

    >>> from medtutor.efficiency import scale_and_zero_point
    >>> scale_and_zero_point(-64.0, 63.5)
    (0.5, 128)
    """
    bits = checks.whole("bits", bits, 2, 16)
    low, high = min(0.0, checks.number("low", low)), max(0.0, checks.number("high", high))
    if low == high:
        raise InputError(f"the range {low:g} to {high:g} holds one number; give a low below a high")
    scale = (high - low) / (2**bits - 1)
    return scale, round(-low / scale)


def quantise(values: torch.Tensor, scale: float, zero_point: int, bits: int = 8) -> torch.Tensor:
    """Numbers as whole ones, 0…2^bits - 1, int32 of the same shape; what lies outside of the range is cut off.

    >>> from medtutor.efficiency import quantise
    >>> quantise(torch.tensor([-1.0, 0.0, 0.031, 9.0]), 0.02, 50)
    tensor([  0,  50,  52, 255], dtype=torch.int32)
    """
    return (values / scale + zero_point).round().clamp(0, 2**bits - 1).to(torch.int32)


def dequantise(whole: torch.Tensor, scale: float, zero_point: int) -> torch.Tensor:
    """The numbers, float32, that whole ones stand for.

    >>> from medtutor.efficiency import dequantise
    >>> dequantise(torch.tensor([50, 255]), 0.02, 50)
    tensor([0.0000, 4.1000])
    """
    return (whole.float() - zero_point) * scale


def rounded_weights(model: nn.Module, bits: int = 8, per_channel: bool = True) -> nn.Module:
    """A copy whose weights have been quantised and turned back: as exact as they would be in so many bits, no smaller.

    per_channel  each output channel has a scale of its own; else one for each layer

    Only weights are rounded; the maps between the layers are left as they are. Raises `InputError` for bits outside
    2…16.

    >>> from medtutor.efficiency import rounded_weights
    >>> rounded_weights(nn.Linear(100, 1), bits=2).weight.unique().numel() <= 4
    True
    """
    checks.whole("bits", bits, 2, 16)
    rounded = copy.deepcopy(model)
    for module in rounded.modules():
        if isinstance(module, LAYERS):
            with torch.no_grad():
                for part in module.weight if per_channel else [module.weight]:
                    low, high = float(part.min()), float(part.max())
                    if low or high:
                        scale, zero = scale_and_zero_point(low, high, bits)
                        part.copy_(dequantise(quantise(part, scale, zero, bits), scale, zero))
    return rounded
