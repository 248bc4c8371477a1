"""What a model costs: parameters, floating-point operations, time."""

import statistics
import time
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch

from .. import checks
from ..data.dataset import Dataset
from ..data.images import case_shape
from ..efficiency.measuring import forward_flops
from ..models import build, parameter_count
from ..models.inference import device_of
from ..models.randomness import seeded

REPEATS = 5


@dataclass(frozen=True)
class Cost:
    """What a model costs on the machine that measured it.

    parameters  trained numbers, as of `parameter_count`
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


# Smaller than the defaults, and all of 66 to 80 thousand parameters: trainings are many.
MATCHED = {
    "cnn": ("cnn", {"widths": (16, 32, 64)}),
    "bag": ("bag_of_patches", {}),
    "together": ("patches_together", {}),
    "vit": ("vit", {"patch": 7, "width": 48, "depth": 4}),
    "hybrid": ("hybrid", {"widths": (16, 32), "width": 48, "depth": 2}),
}


def equal_work(
    model: str, dataset: Dataset, options: dict | None = None, than: tuple[str, dict] = ("cnn", {})
) -> float:
    """How many times as long a model may train as another one, a CNN, for as many floating-point operations.

    >>> from medtutor import load
    >>> from medtutor.reports.cost import equal_work
    >>> equal_work("cnn", load("pneumoniamnist", source="phantom"))
    1.0
    """
    name, theirs = than
    flops = [
        forward_flops(build(each, dataset, **own), dataset.card)
        for each, own in ((name, theirs), (model, options or {}))
    ]
    return flops[0] / flops[1]


def measure_cost(model, card, *, batch=32, timed=True):
    """The `Cost` of a model on cases of a card.

    batch  cases of noise that times are measured on, 2 or more, medians of `REPEATS` batches; of
           a large model fewer, since its maps fill the memory
    timed  without it, times are None

    Measured is a copy: the model, its gradients and torch's random state are left as they
    were. A model that is frozen as a whole has no time of training. Times are of this machine
    and this minute: compare only what was measured in one run. Raises `InputError` for a batch
    below 2.
    """
    batch, timed = checks.whole("batch", batch, 2), checks.flag("timed", timed)
    flops = forward_flops(model, card)
    if not timed:
        return Cost(parameter_count(model), flops)
    batch = max(2, min(batch, int(8e9 / max(flops, 1))))
    # Steps on noise may end in numbers that are none: only a copy's.
    copy, device = deepcopy(model), device_of(model)
    order = torch.channels_last if card.dims == 2 else torch.channels_last_3d
    x = torch.randn(batch, *case_shape(card), generator=torch.Generator().manual_seed(0)).to(device)
    if x.dim() == card.dims + 2:
        copy, x = copy.to(memory_format=order), x.to(memory_format=order)
    trains = any(weight.requires_grad for weight in copy.parameters())
    train_ms = _milliseconds(_training_step(copy.train(), x), device) / batch if trains else None
    copy.eval()

    def predict():
        with torch.no_grad():
            copy(x)

    return Cost(
        parameter_count(model), flops, train_ms, _milliseconds(predict, device) / batch, torch.get_num_threads()
    )


def _training_step(model, x):
    """A function that does one step: forward, backward, and a move of the weights by nothing."""
    optimiser, draws = torch.optim.SGD(model.parameters(), 0.0), seeded(0)

    def step(within):
        with within, torch.enable_grad():
            model(x).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    step(draws)
    # To hand dropout a generator takes time: only where there is dropout.
    return partial(step, draws if draws.drew else nullcontext())


def _milliseconds(work, device):
    times = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        work()
        if device.type == "cuda":  # which works on after the call
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])  # the first one warms up
