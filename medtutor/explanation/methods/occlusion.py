"""What the score loses when a part of the image is covered."""

import math
from concurrent.futures import ThreadPoolExecutor

import torch
from captum.attr import Occlusion

from ...training.processes import cpu_quota
from .method import MEAN, Method, Option, at_once, baseline

# What draws no random numbers and remembers nothing: a batch that needs no more may be dealt out to threads.
STEADY = frozenset(
    "add adaptive_max_pool2d addmm convolution empty max_pool2d_with_indices mean native_batch_norm relu t view".split()
)
SHARED = 32  # images of a batch from which on it is dealt out
PORTION = 32  # images that one thread takes at a time, at most


def dealt_out(seen):
    """The network as a function, which deals a batch out to threads of Python, one of torch each.

    The answers are the same, on two cores in half the time; and where other work keeps a core busy, no thread waits
    for another at every operation, as torch's own do. What may draw random numbers goes through as it is.
    """
    operations = {*seen.hidden, *(name for inside in seen.inside.values() for name in inside)}
    workers = cpu_quota()
    if workers < 2 or not operations <= STEADY:
        return seen.net

    def part(images):
        torch.set_num_threads(1)  # of this thread
        with torch.no_grad():
            return seen.net(images)

    def answer(images):
        if images.device.type != "cpu" or len(images) < SHARED:
            return seen.net(images)
        rounds = math.ceil(len(images) / (workers * PORTION))
        with ThreadPoolExecutor(workers) as pool:
            return torch.cat([*pool.map(part, images.tensor_split(rounds * workers))])

    return answer


def _occlusion(seen, x, target, layer, options):
    channels, dims = x.shape[1], x.dim() - 2
    falls = Occlusion(dealt_out(seen)).attribute(
        x,
        sliding_window_shapes=(channels, *[options["window"]] * dims),
        strides=(channels, *[options["stride"]] * dims),
        baselines=baseline(x, options["baseline"]),
        target=target,
        perturbations_per_eval=max(1, at_once(x) // len(x)),  # 1 by default: slow
    )
    return falls / channels  # a window covers all channels: what falls is shared among them


OCCLUSION = Method(
    "Occlusion",
    "How far the score falls when a window is covered, averaged over all windows that cover a pixel.",
    "Zeiler & Fergus, ECCV 2014, arXiv:1311.2901",
    _occlusion,
    signed=True,
    needs_gradient=False,
    options=(
        Option("window", 4, "side of the window in pixels", 1, 14, 1),
        Option("stride", 2, "pixels from one window to the next", 1, 7, 1),
        MEAN,
    ),
)
