"""What training makes of the machine's rate of matrix products."""

import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..data import normalise
from ..models import build
from .common import median_seconds


def product_rate(dtype=torch.float32, clock=time.perf_counter, side=2048):
    """FLOP/s of a large matrix product in numbers of a type; `clock` is what counts as seconds.

    `torch.matmul` and convolutions come from two libraries (MKL and oneDNN), either of which may be much the faster:
    the machine's rate is the higher of the two, the second for the same product written as a 1 x 1 convolution.
    """
    a, b = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
    x = torch.randn(2, side, 32, 32).to(dtype, memory_format=torch.channels_last)
    weight = torch.randn(side, side, 1, 1).to(dtype, memory_format=torch.channels_last)
    with torch.no_grad():
        times = [median_seconds(work, clock=clock) for work in (lambda: a @ b, lambda: nn.functional.conv2d(x, weight))]
    return 2 * side**3 / min(times)


def measure_gemm(dataset):
    """The rate of floating-point operations in training, as a share of a large matrix product's."""
    product = product_rate()
    figures = {"matrix product, GFLOP/s": product / 1e9}
    for name in ("cnn", "resnet18"):
        model = build(name, dataset).to(memory_format=torch.channels_last)
        x = normalise(dataset.train.images[:64]).to(memory_format=torch.channels_last)
        y = dataset.train.labels[:64]
        optimiser = torch.optim.AdamW(model.parameters())

        def step(model=model, optimiser=optimiser, x=x, y=y):
            nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
            optimiser.zero_grad()

        with FlopCounterMode(display=False) as counter:
            step()
        rate = counter.get_total_flops() / median_seconds(step, 7)
        figures[f"{name} training, GFLOP/s"] = rate / 1e9
        figures[f"{name} training, share of the matrix product"] = rate / product
    return figures
