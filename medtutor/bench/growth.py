"""`medtutor bench growth`: what an epoch costs as images become more and larger, beside a machine that wastes nothing.

Each point is the default `cnn` trained by `fit` on one thread of a fresh process, in processor time: a whole epoch
where that is short, else steps until there are enough, whose median stands for each step of the epoch. The images are
random pixels: what they show costs nothing.

A perfect machine would compute all the while, at the rate of a large matrix product, and read and write meanwhile,
at the rate of a large copy, no more than it must: what takes longer of both is its time.
"""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.flop_counter import FlopCounterMode

from ..course.memory import Memory
from ..data import Dataset, Split, catalog, normalise
from ..models import build
from ..models.inference import to_model
from ..training import default_recipe, fit
from ..training.processes import precision
from .against import machine, spread
from .common import median_seconds
from .gemm import product_rate

COUNTS, SIZES = (500, 3_000, 20_000, 100_000), (28, 64, 128, 224)
LEAST = 4  # steps of a point that is no whole epoch
# Each output of a convolution is written and read on the way there; on the way back it is read again, and its gradient
# written and read.
MOVES = 5


def measure_growth(seconds=10.0, counts=COUNTS, sizes=SIZES, report=None):
    """{"machine", "precision", "rates", "image": {size: …}, "points": [{images, size, whole, …}]}.

    seconds  of processor time, about, for each point: an epoch that takes longer is not trained whole
    report   gets a line of text for each point

    A point has the `steps` of an epoch, the processor seconds of a `step` (`spread`, the first one left out), those of
    an `epoch`, and the most bytes of its own that the process had, `memory`; its images take `pixels` bytes.
    """
    say = report or (lambda line: None)
    found = {"machine": machine(), **_alone(_measure_machine, sizes), "points": []}
    say(", ".join(f"{name} {value}" for name, value in (found["machine"] | found["rates"]).items()))
    for size in sizes:
        for count in counts:
            with Memory() as memory:
                point = _alone(_measure_point, count, size, seconds)
            found["points"].append(point | {"memory": memory.peak})
            say(row(found, found["points"][-1]))
    return found


def _alone(work, *given):
    """What a function returns in a fresh process, which works on one thread."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(work, *given).result()
    finally:
        os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.update(OMP_NUM_THREADS=before)


def _measure_machine(sizes):
    """The rates of the machine, and what an image of each size asks of it at the least."""
    computed_in = precision(torch.device("cpu"))
    one, other = torch.zeros(2**26), torch.zeros(2**26)
    copied = 2 * one.nbytes / median_seconds(lambda: other.copy_(one), 9, time.process_time)
    rate = product_rate(getattr(torch, computed_in), clock=time.process_time)
    image = {str(size): _least_work(size, getattr(torch, computed_in).itemsize) for size in sizes}
    return {"precision": computed_in, "rates": {"FLOP/s": rate, "bytes/s": copied}, "image": image}


def _least_work(size, width):
    """{"flop", "bytes"} of training on one image; `width` bytes a number."""
    model, moved = build("cnn", _random(2, size)), []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, given, answer: moved.append(answer.numel()))
    x = to_model(normalise(_random(2, size).train.images), torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    return {"flop": counter.get_total_flops() // 2, "bytes": MOVES * width * sum(moved) // 2}


def _random(count, size):
    """A data set of random pixels, as many to train on, and two to measure on."""
    splits = []
    for number in (count, 2, 2):
        images = torch.randint(0, 256, (number, 1, size, size), dtype=torch.uint8)
        splits.append(Split(images, torch.arange(number) % 2))
    return Dataset(*splits, card=catalog.card("pneumoniamnist", size), provenance="arrays")


class _Enough(Exception):
    """Of an epoch that is not trained whole."""


def _measure_point(count, size, seconds):
    warm, dataset = _random(64, size), _random(count, size)
    recipe = default_recipe(dataset.card, "cnn", epochs=1)
    fit(build("cnn", warm), warm, recipe, progress=False)
    epochs, times, steps = [], [], count // recipe.batch_size

    def note(*_):
        ends.append(time.process_time())
        if ends[-1] - begun > seconds and len(times) + len(ends) > LEAST and 2 * len(ends) < steps:
            raise _Enough

    begun = time.process_time()
    while not epochs or (len(epochs) < 5 and time.process_time() - begun < seconds / 2):
        ends = []
        hook = register_optimizer_step_post_hook(note)
        try:
            epochs.append(fit(build("cnn", dataset), dataset, recipe, progress=False).cpu_seconds)
        except _Enough:
            break
        finally:
            hook.remove()
            times += [after - before for before, after in zip(ends, ends[1:])]
    step = spread(times)
    whole = bool(epochs)
    epoch = statistics.median(epochs) if whole else step["median"] * steps
    return {
        "images": count,
        "size": size,
        "whole": whole,
        "steps": steps,
        "measured": len(times),
        "step": step,
        "epoch": epoch,
        "pixels": dataset.train.images.nbytes,
    }


def perfect(found, size):
    """Seconds of a perfect machine for an image: what takes longer of computing, and of reading and writing."""
    least, rates = found["image"][str(size)], found["rates"]
    return max(least["flop"] / rates["FLOP/s"], least["bytes"] / rates["bytes/s"])


def row(found, point):
    """A line of text about a point."""
    share = perfect(found, point["size"]) * point["images"] / point["epoch"]
    how = "whole epoch" if point["whole"] else f"from {point['measured']} of {point['steps']:,} steps"
    memory = point["memory"] / 1e9
    return (
        f"{point['images']:>9,} images of {point['size']:>3} px {point['epoch']:10.4g} s {memory:6.2f} GB"
        f"  {share:.2f} of a perfect machine  ({how})"
    )


__all__ = ["measure_growth", "perfect", "row"]
