"""Where training runs: threads, devices, and one run over many processes.

One process or many: the same batches, the same augmentation, the same sums.
Each process draws the whole batch's random numbers, works on its share
of the cases, and gradients and batch statistics are those of the whole batch.
"""

import math
import os
import statistics
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from torch.distributed.nn.functional import all_reduce

from ..errors import InputError

DEVICES = ("auto", "cpu")
# What `measure_threads` gives two threads on two cores of an AMD EPYC of the fifth generation (AVX-512, torch 2.14)
# that nothing else keeps busy. The limits of lessons are meant for these.
REFERENCE_SECONDS = 0.0028
# What a lesson may hold in memory of its own: the lessons are held to it, and `medtutor doctor`, which does without
# Jupyter, looks whether it is there.
LESSON_BYTES = 1.2e9


def cpu_quota():
    """The CPUs this process may use: its affinity, cut by the cgroup's quota.

    A container often shows all cores of the machine but may use two; with more
    threads than that, training is tens of times slower.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota, period in _cgroup_limits():
        cpus = min(cpus, max(1, math.floor(quota / period)))
    return cpus


def _cgroup_limits(root=Path("/sys/fs/cgroup")):
    """(quota, period) in microseconds, of cgroup v2 or v1, where one is set."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota), int(period)
    except (OSError, ValueError):
        pass
    try:
        quota = int((root / "cpu/cpu.cfs_quota_us").read_text())
        if quota > 0:
            yield quota, int((root / "cpu/cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        pass


@contextmanager
def on_threads(number):
    """Torch works on so many threads of the CPU within; also a decorator. The number of before comes back."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread():
    """`on_threads(1)`: for steps of networks so small that they are not worth sharing."""
    return on_threads(1)


def choose_threads():
    """Give torch the number of threads that trains fastest here and now; that number.

    As many as there are CPUs to use, shared by the processes here, unless other work keeps these
    busy: threads that wait for each other then lose more than they gain. It is measured once in a
    process (`measure_threads`), so that two runs in one notebook work alike.

    A user's `OMP_NUM_THREADS` is left alone. torchrun sets that to 1 for its
    workers by itself, so there it counts only when more than 1.
    """
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    given = os.environ.get("OMP_NUM_THREADS")
    if not given or (processes > 1 and given == "1"):
        most = max(1, cpu_quota() // processes)
        # Processes that measured at the same time would disturb, and might disagree with, each other.
        torch.set_num_threads(most if processes > 1 else _fastest(most))
    return torch.get_num_threads()


@cache
def _fastest(most):
    seconds = measure_threads(most)
    return min(seconds, key=seconds.get)


def precision(device: torch.device) -> str:
    """What convolutions and matrix products of a training step are computed in on a device.

    bfloat16, where `kernels_fit`, on a CPU that has instructions for it (AVX-512 BF16 or AMX): a step takes two
    thirds of the time. Elsewhere it would be emulated, and take six times as long. Weights, their gradients and
    sums, and all that is predicted stay float32. With `MEDTUTOR_PRECISION=float32` in the environment all of it
    does, as on every other machine. Raises `InputError` for another value of that.

    >>> precision(torch.device("cuda"))
    'float32'
    """
    wanted = os.environ.get("MEDTUTOR_PRECISION") or None
    if wanted not in (None, "float32"):
        raise InputError(f"MEDTUTOR_PRECISION is {wanted!r}; set it to float32, or leave it out")
    if wanted:
        return wanted
    return "bfloat16" if device.type == "cpu" and _has_bfloat16() else "float32"


@cache
def _has_bfloat16():
    # No public function says so; where torch has lost these, float32 it is.
    asked = (getattr(torch.cpu, name, bool) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask() for ask in asked)


def kernels_fit(model: nn.Module, *asked: torch.Tensor | None) -> bool:
    """Whether no convolution of a model has a kernel larger than what it is laid on.

    Others have no use in bfloat16: where a part of a kernel lies on nothing but padding, oneDNN leaves its gradient
    as it found the memory (torch 2.14; `findings/onednn_bfloat16_gradient.sh`).

    model  in the mode that it is in
    asked  what it takes: images, float (B, C, H, W), or volumes, and labels where it knows some

    >>> kernels_fit(nn.Conv2d(1, 8, 5, padding=2), torch.zeros(1, 1, 28, 28))
    True
    >>> kernels_fit(nn.Conv2d(1, 8, 5, padding=2), torch.zeros(1, 1, 4, 4))
    False
    """
    fits = []

    def look(conv, given):
        sides = given[0].shape[2:]
        fits.append(all(side >= kernel for side, kernel in zip(sides, conv.kernel_size)))

    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    hooks = [each.register_forward_pre_hook(look) for each in model.modules() if isinstance(each, kinds)]
    try:
        with torch.no_grad():
            model(*asked)
    finally:
        for hook in hooks:
            hook.remove()
    return all(fits)


def measure_threads(most, patience=1.5):
    """{threads: seconds of a piece of work like a part of a training step}, for 1, 2, 4, … and `most` threads.

    Medians of up to 15 pieces, the numbers of threads in turn, so that what else runs here meets them
    alike: a fifth of a second for two threads on a quiet machine, and little more than `patience`
    seconds on a busy one.
    """
    counts = sorted({1, most, *(2**power for power in range(1, most.bit_length()) if 2**power < most)})
    before, times = torch.get_num_threads(), {count: [] for count in counts}
    random = torch.Generator().manual_seed(0)
    images = torch.randn(16, 32, 28, 28, generator=random).contiguous(memory_format=torch.channels_last)
    weights = torch.randn(32, 32, 3, 3, generator=random).mul_(0.05).requires_grad_()
    until = time.perf_counter() + patience
    try:
        for done in range(16):  # the first round only warms up
            if done > 3 and time.perf_counter() > until:
                break
            for count in counts:
                torch.set_num_threads(count)
                begin = time.perf_counter()
                answer = F.conv2d(images, weights, padding=1).relu()
                torch.autograd.grad(answer.square().mean(), weights)
                times[count].append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(before)
    return {count: statistics.median(seconds[1:]) for count, seconds in times.items()}


@cache
def slowness():
    """How many times as long as on the reference machine a piece of training takes here; 1 where it is quicker.

    On as many threads as training would take; measured once in a process, in less than a second on two
    cores. A limit of time that is multiplied by it means the same on every machine, busy ones as well.

    >>> slowness() >= 1
    True
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    seconds = measure_threads(max(1, int(given)) if given.isdecimal() else cpu_quota(), patience=0.5)
    return max(1.0, min(seconds.values()) / REFERENCE_SECONDS)


def seconds_of_children() -> float:
    """Seconds that processes which this one has started, and which have ended, have had of the processor; of their own
    children as well. 0 on Windows, which does not tell.

    >>> seconds_of_children() >= 0
    True
    """
    try:
        import resource
    except ImportError:
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_accelerator(device="auto"):
    """Accelerate's `Accelerator`: device, processes, gradient exchange.

    device: "auto" (a GPU where there is one) or "cpu". Raises `InputError` for
    others, and where this Python process already trains on another device.
    """
    if device not in DEVICES:
        raise InputError(f"unknown device {device!r}; choose auto or cpu")
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    try:
        return Accelerator(cpu=device == "cpu" or not has_gpu)
    except ValueError:
        raise InputError(
            f"this Python process already trains on another device than {device!r}; start a new one"
        ) from None


def share(count, accelerator):
    """The rows of a batch of `count` that this process works on."""
    return slice(accelerator.process_index, count, accelerator.num_processes)


def gather_rows(rows, total, accelerator):
    """All rows of a split in order, from each process's `share` of them.

    The shares may differ by one row: the short ones are padded for the
    exchange and the padding is cut off again, so that each case counts once.
    """
    if accelerator.num_processes == 1:
        return rows
    longest = math.ceil(total / accelerator.num_processes)
    padded = torch.cat([rows, rows.new_zeros(longest - len(rows), *rows.shape[1:])])
    gathered = accelerator.gather(padded).view(accelerator.num_processes, longest, *rows.shape[1:])
    return gathered.transpose(0, 1).flatten(0, 1)[:total]  # process-major -> case order


def synchronise_batch_norm(model, accelerator):
    """The model with batch statistics taken over all processes.

    torch's `SyncBatchNorm` on a GPU; it refuses the CPU, so there our own.
    """
    if accelerator.num_processes == 1:
        return model
    if accelerator.device.type != "cpu":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.forward = _SumOverProcesses(module)
    return model


class _SumOverProcesses:
    """Batch normalisation whose mean and variance are those of all processes' cases.

    Replaces the `forward` of one BatchNorm module; weights, running statistics
    and names in the state dict stay the module's own.
    """

    def __init__(self, module):
        self.module, self.alone = module, module.forward

    def __call__(self, x):
        module = self.module
        if not module.training:
            return self.alone(x)
        axes = [0, *range(2, x.dim())]
        shape = (1, -1, *[1] * (x.dim() - 2))
        # (3, channels): count, sum, and sum of squares about the running mean,
        # which keeps the difference of two large numbers small.
        centre = module.running_mean.view(shape)
        moved = x - centre
        count = torch.full_like(module.running_mean, x.numel() / x.shape[1])
        count, total, squares = all_reduce(torch.stack([count, moved.sum(axes), moved.square().sum(axes)]))
        mean = total / count
        variance = squares / count - mean.square()
        with torch.no_grad():
            module.num_batches_tracked += 1
            module.running_mean.lerp_(module.running_mean + mean, module.momentum)
            module.running_var.lerp_(variance * count / (count - 1), module.momentum)
        scale = module.weight / (variance + module.eps).sqrt()
        return (moved - mean.view(shape)) * scale.view(shape) + module.bias.view(shape)


def finish():
    """Leave the process group, so that many-process runs end without a warning."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
