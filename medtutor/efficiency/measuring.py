"""What a network costs: parameters, floating-point operations, bytes, time of an answer, memory, energy."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .. import checks
from ..data.images import case_shape
from ..models import parameter_count
from ..models.inference import device_of, evaluating, to_model
from ..training.processes import one_thread

NOT_HERE = "not measurable here"
RAPL = Path("/sys/class/powercap")  # where Linux shows the energy counters of a processor, if it lets anybody read them


@dataclass(frozen=True)
class Latency:
    """How long one and the same work took, each time, on one thread.

    first    milliseconds of the first time, which pays for what later ones find ready
    times    milliseconds of the others, in order, without those of the warm-up
    """

    first: float
    times: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the times are shorter."""
        return statistics.median(self.times)

    @property
    def p99(self) -> float:
        """99 % of the times are shorter, or as long."""
        return float(np.percentile(self.times, 99, method="higher"))

    def __str__(self):
        return f"median {self.median:.2f} ms, p99 {self.p99:.2f} ms (first {self.first:.1f} ms)"


class NetworkCost(NamedTuple):
    """What a network costs.

    parameters  trained numbers, as of `parameter_count`
    flops       floating-point operations of one case, forward; a multiplication and an addition are two
    bytes       of all its numbers in a file (safetensors)
    latency     of one batch, `Latency`
    """

    parameters: int
    flops: int
    bytes: int
    latency: Latency


def forward_flops(model: nn.Module, card: Any) -> int:
    """Floating-point operations of one case, forward; training costs about three times as many.

    torch's own counter: convolutions and matrix products, which are all but a few
    per cent of these models. Recurrent layers it does not see. The model is left as it was.

    >>> from medtutor import build
    >>> from medtutor.data import card
    >>> from medtutor.efficiency import forward_flops
    >>> forward_flops(build("mlp", card("pneumoniamnist")), card("pneumoniamnist"))  # 2 x 784 x 128 + ...
    217344
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad(), evaluating(model):
        model(torch.zeros(1, *case_shape(card), device=device_of(model)))
    return counter.get_total_flops()


def file_bytes(model: nn.Module) -> int:
    """Bytes of a model's numbers as a file: weights, and what its batch norms have counted.

    >>> from medtutor.efficiency import file_bytes
    >>> file_bytes(nn.Linear(3, 2))  # eight numbers of four bytes, and a head that names the two tensors
    160
    """
    return len(save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}))


def latencies(works: Mapping[str, Callable[[], object]], repeats: int = 100, warm_up: int = 5) -> dict[str, Latency]:
    """How long each of several functions of no arguments takes, on one thread of torch: {name: `Latency`}.

    repeats  times each is measured, from 1; below 100 the 99th percentile is the slowest
    warm_up  times each runs before that, from 1

    They take turns, so that what else the machine does meets all alike. Wall clock: it counts, as it would in service.
    Compare what was measured in one call. Raises `InputError` for numbers that cannot be.

    >>> from medtutor.efficiency import latencies
    >>> spent = latencies({"short": lambda: sum(range(10)), "long": lambda: sum(range(100_000))}, repeats=20)
    >>> spent["short"].median < spent["long"].median
    True
    """
    repeats, warm_up = checks.whole("repeats", repeats, 1), checks.whole("warm_up", warm_up, 1)
    spent: dict[str, list[float]] = {name: [] for name in works}
    with one_thread():
        for _ in range(warm_up + repeats):
            for name, work in works.items():
                start = time.perf_counter()
                work()
                spent[name].append(1000 * (time.perf_counter() - start))
    return {name: Latency(times[0], tuple(times[warm_up:])) for name, times in spent.items()}


def latency(work: Callable[[], object], repeats: int = 100, warm_up: int = 5) -> Latency:
    """The `Latency` of one function, see `latencies`.

    >>> from medtutor.efficiency import latency
    >>> len(latency(lambda: sum(range(1000)), repeats=20).times)
    20
    """
    return latencies({"": work}, repeats, warm_up)[""]


def model_latency(model: nn.Module, images: torch.Tensor, repeats: int = 100, warm_up: int = 5) -> Latency:
    """The `Latency` of a network's answer to one batch, in eval mode, without gradients, one thread.

    images  float (B, C, H, W), as the network takes them

    >>> from medtutor.efficiency import model_latency
    >>> model_latency(nn.Flatten(), torch.zeros(1, 1, 8, 8), repeats=10).median < 100
    True
    """
    x = to_model(images, device_of(model)) if images.dim() in (4, 5) else images
    with torch.inference_mode(), evaluating(model):
        return latency(lambda: model(x), repeats, warm_up)


def measure_network(model: nn.Module, card: Any, batch: int = 1, repeats: int = 100) -> NetworkCost:
    """The `NetworkCost` of a network on cases of a card.

    batch  cases that are answered at once, of noise: the time does not depend on what is seen

    >>> from medtutor import build
    >>> from medtutor.data import card
    >>> from medtutor.efficiency import measure_network
    >>> measure_network(build("mlp", card("pneumoniamnist"), width=16), card("pneumoniamnist"), repeats=10).parameters
    12714
    """
    batch = checks.whole("batch", batch, 1)
    x = torch.randn(batch, *case_shape(card), generator=torch.Generator().manual_seed(0))
    spent = model_latency(model, x, repeats)
    return NetworkCost(parameter_count(model), forward_flops(model, card), file_bytes(model), spent)


def peak_memory() -> int | None:
    """The most bytes that this process has ever held, libraries with it; None where the system does not tell.

    >>> from medtutor.efficiency import peak_memory
    >>> (peak_memory() or 1) > 0
    True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def energy(work: Callable[[], object], repeats: int = 100) -> str:
    """Millijoules that the whole processor takes for one run of a function, or the words "not measurable here".

    Read from the counters of RAPL, which few machines have and fewer let a user read; nothing is estimated.

    >>> from medtutor.efficiency import energy
    >>> isinstance(energy(lambda: None), str)
    True
    """
    repeats = checks.whole("repeats", repeats, 1)
    before = _microjoules()
    if before is None:
        return NOT_HERE
    for _ in range(repeats):
        work()
    after = _microjoules()
    # A counter begins again at zero after some minutes.
    return NOT_HERE if after is None or after < before else f"{(after - before) / repeats / 1000:.3g} mJ"


def _microjoules():
    """The sum over processors, or None where no counter can be read."""
    found = []
    with suppress(OSError, ValueError):
        for counter in sorted(RAPL.glob("*-rapl:?/energy_uj")):
            found.append(int(counter.read_text()))
    return sum(found) if found else None
