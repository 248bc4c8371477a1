"""What a model costs: parameters, floating-point operations, time."""

import statistics
import time
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..models import parameter_count

REPEATS = 5


@dataclass(frozen=True)
class Cost:
    """What a model costs on the machine that measured it.

    parameters  trained numbers
    flops       floating-point operations of one case, forward; a multiplication and an
                addition are two
    train_ms    milliseconds of training a case, in a batch: forward, backward, a plain step
    predict_ms  milliseconds of predicting a case, in a batch
    threads     that torch worked with
    """

    parameters: int
    flops: int
    train_ms: float | None = None
    predict_ms: float | None = None
    threads: int | None = None


def case_shape(card):
    """The shape of one case of a card: (C, *spatial), of a sequence (T, C, *spatial)."""
    return (*((card.frames,) if card.frames else ()), card.channels, *card.shape)


def forward_flops(model, card):
    """Floating-point operations of one case, forward; training costs about three times as many.

    torch's own counter: convolutions and matrix products, which are all but a few
    per cent of these models. Recurrent layers it does not see.
    """
    was_training = model.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, *case_shape(card), device=next(model.parameters()).device))
    model.train(was_training)
    return counter.get_total_flops()


def measure_cost(model, card, *, batch=32, timed=True):
    """The `Cost` of a model on cases of a card.

    batch  cases of noise that times are measured on, medians of `REPEATS` batches; of a
           large model fewer, since its maps fill the memory
    timed  without it, times are None

    The model is left as it was. Times are of this machine and this minute: compare
    only what was measured in one run.
    """
    flops = forward_flops(model, card)
    if not timed:
        return Cost(parameter_count(model), flops)
    batch = max(2, min(batch, int(8e9 / max(flops, 1))))
    order = torch.channels_last if card.dims == 2 else torch.channels_last_3d
    buffers = {name: tensor.clone() for name, tensor in model.named_buffers()}
    was_training = model.training
    x = torch.randn(batch, *case_shape(card))
    if x.dim() == card.dims + 2:
        model, x = model.to(memory_format=order), x.to(memory_format=order)
    # At a rate of 0 the weights stay; what batch normalisation counts is put back.
    optimiser = torch.optim.SGD(model.parameters(), 0.0)

    def step():
        model(x).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    def predict():
        with torch.no_grad():
            model(x)

    model.train()
    train_ms = _milliseconds(step) / batch
    model.eval()
    predict_ms = _milliseconds(predict) / batch
    for name, tensor in model.named_buffers():
        tensor.copy_(buffers[name])
    model.train(was_training)
    return Cost(parameter_count(model), flops, train_ms, predict_ms, torch.get_num_threads())


def _milliseconds(work):
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
