"""Whole numbers for real ones: as torch rounds them, with an exact zero."""

import pytest
import torch
from torch import nn

from medtutor.efficiency import dequantise, quantise, rounded_weights, scale_and_zero_point
from medtutor.errors import InputError


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (-0.3, 2.1), (0.5, 3.0), (-4.0, -1.0)])
def test_it_rounds_as_torch_does_and_meets_zero(low, high, bits):
    scale, zero = scale_and_zero_point(low, high, bits)
    # Never half way between two steps, where rounding may go either way.
    steps = torch.arange(-10, 2**bits + 10) + torch.rand(20 + 2**bits, generator=torch.Generator().manual_seed(0)) * 0.8
    values = torch.cat([(steps - 0.4 - zero) * scale, torch.zeros(1)])
    ours = dequantise(quantise(values, scale, zero, bits), scale, zero)
    theirs = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, 2**bits - 1)
    assert torch.allclose(ours, theirs, atol=1e-6) and ours[-1] == 0
    assert 0 <= zero <= 2**bits - 1


def test_inside_of_the_range_no_more_than_half_a_step_is_lost():
    scale, zero = scale_and_zero_point(-1.5, 2.5, 6)
    values = torch.linspace(-1.4, 2.4, 1000)
    assert (dequantise(quantise(values, scale, zero, 6), scale, zero) - values).abs().max() <= scale / 2 + 1e-6


def test_a_scale_for_each_channel_loses_less():
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        layer.weight.mul_(torch.tensor([1, 0.1, 0.01, 1]).view(4, 1, 1, 1))
    lost = [
        (rounded_weights(layer, 4, per_channel).weight - layer.weight).abs()[2].max() for per_channel in (True, False)
    ]
    assert 0 < lost[0] < lost[1] / 5


def test_a_channel_of_zeros_stays_and_the_first_model_does_not_change():
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight[1] = 0
    before = layer.weight.detach().clone()
    rounded = rounded_weights(layer, 2)
    assert (rounded.weight[1] == 0).all() and rounded.weight[0].unique().numel() <= 4
    assert torch.equal(layer.weight, before)


def test_ranges_and_bits_that_are_none_are_refused():
    with pytest.raises(InputError, match="holds one number"):
        scale_and_zero_point(0, 0)
    with pytest.raises(InputError, match="bits"):
        scale_and_zero_point(0, 1, 1)
    with pytest.raises(InputError, match="bits"):
        rounded_weights(nn.Linear(2, 2), 33)
