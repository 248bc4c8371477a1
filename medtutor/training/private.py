"""Training that no single image can change much: DP-SGD (Abadi et al. 2016, arXiv:1607.00133), by Opacus.

In each step a batch is drawn by lot, each image for itself (Poisson sampling). The gradient of every image is clipped
to a length, they are added up, and normal noise is added that is `noise` times as long. Whether one image was there is
then hidden up to (epsilon, delta): no test of it has a true positive rate above e^epsilon times its false positive
rate, plus delta.

Opacus and dp-accounting are the extra `privacy` of medtutor, imported where they are used.
"""

import copy
import importlib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from scipy.optimize import brentq
from torch import nn

from .. import checks
from ..errors import InputError, MedtutorError
from . import given
from .engine import Trainer, progress_bar
from .processes import one_thread
from .reconstruction import check_normalised

REMEDY = "pip install 'medtutor[privacy]'"
ACCOUNTANTS = {"prv": "Opacus, PRV", "pld": "dp-accounting, PLD", "rdp": "Opacus, RDP"}
CLOSE = 1e-3  # how far a gradient of one image may lie from that of the image alone, as a share of its length


@dataclass(frozen=True)
class PrivateTraining:
    """What a private training has cost, and what came of it.

    model    in eval mode
    epsilon  what was spent, by the accountant "prv"; infinite without noise
    delta    the chance that is left out of the promise
    noise    standard deviation of the noise over the clipping length
    rate     chance of an image to be in a batch
    steps    taken, those with an empty batch too
    losses   mean loss of each epoch, which are not private: do not publish them

    >>> PrivateTraining(nn.Linear(1, 2), 1.0, 1e-5, 2.0, 0.05, 100, (0.7,)).epsilon
    1.0
    """

    model: nn.Module
    epsilon: float
    delta: float
    noise: float
    rate: float
    steps: int
    losses: tuple[float, ...]


@one_thread()
def fit_private(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float,
    delta: float = 1e-4,
    clip: float = 1.0,
    epochs: int = 10,
    batch_size: int = 256,
    learning_rate: float = 0.5,
    seed: int = 0,
    progress: bool = True,
) -> PrivateTraining:
    """Train a classifier by DP-SGD with momentum 0.9, in place, and say what it has cost.

    model     whose answer to an image hangs on no other image, such as `GroupNormCNN`; see `check_private`
    images    float (N, C, H, W) in -1…1
    labels    int64 (N,)
    epsilon   above 0: how much may be spent; noise is chosen so that it is, in all epochs
    delta     below 1 / N, or a single image may be published by chance
    clip      the length that the gradient of one image is clipped to
    epochs, batch_size, learning_rate
              a batch has `batch_size` images on average; the rate is constant
    seed      of batches and noise. A real release draws noise that nobody can repeat

    What is paid is paid for each training: who tries ten learning rates on the same images has spent ten times.
    Raises `InputError` for numbers and models that do not fit, and where Opacus is not installed. `MedtutorError` where
    the loss stops being a number.

    >>> from medtutor.models.group_norm import GroupNormCNN
    >>> images, labels = torch.rand(64, 1, 8, 8) * 2 - 1, torch.arange(64) % 2
    >>> net = GroupNormCNN(shape=(8, 8), widths=(4, 4))
    >>> spent = fit_private(net, images, labels, epsilon=2, delta=1e-3, epochs=1, batch_size=16, progress=False)
    >>> spent.epsilon <= 2, spent.steps
    (True, 4)
    """
    epsilon = checks.number("epsilon", epsilon, above=0)
    clip = checks.number("clip", clip, above=0)
    epochs, rate = given.count("epochs", epochs), given.learning_rate(learning_rate)
    batch_size, seed = given.count("batch_size", batch_size), checks.seed(seed)
    _check_cases(images, labels)
    delta = checks.number("delta", delta, above=0, below=1)
    if delta >= 1 / len(images):
        raise InputError(
            f"delta is {delta:g}, but there are {len(images)} images; give one below {1 / len(images):.2g}"
        )
    if batch_size >= len(images):
        raise InputError(f"batch_size is {batch_size}, but there are {len(images)} images; give a smaller one")
    opacus = library("opacus")
    check_private(model, images[:4], labels[:4])
    share, every = batch_size / len(images), max(1, len(images) // batch_size)
    noise = noise_for(epsilon, share, every * epochs, delta)
    chance, own = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    with quiet():
        watched = opacus.GradSampleModule(model, loss_reduction="sum")
        optimiser = opacus.optimizers.DPOptimizer(
            torch.optim.SGD(model.parameters(), rate, momentum=0.9),
            noise_multiplier=noise,
            max_grad_norm=clip,
            expected_batch_size=batch_size,
            generator=own,
        )
    bar, losses = progress_bar(every * epochs, f"DP-SGD, epsilon {epsilon:g}", progress), []
    try:
        model.train()
        for _ in range(epochs):
            total = 0.0
            for _ in range(every):
                rows = (torch.rand(len(images), generator=chance) < share).nonzero()[:, 0]  # sometimes none
                with quiet():
                    loss = F.cross_entropy(watched(images[rows]), labels[rows], reduction="sum")
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                total += loss.item()
                bar.update()
            losses.append(total / (every * batch_size))
            if not math.isfinite(losses[-1]):
                raise MedtutorError(f"the loss is {losses[-1]}; the learning rate {rate:g} is probably too high")
        given.check_finite(model, rate)
    finally:
        bar.close()
        watched.to_standard_module()
        _without_samples(model)
    spent = epsilon_of(noise, share, every * epochs, delta)
    return PrivateTraining(model, spent, delta, noise, share, every * epochs, tuple(losses))


@one_thread()
def fit_plain(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-4,
    seed: int = 0,
    progress: bool = True,
) -> nn.Module:
    """Train a classifier without any privacy, in place, by AdamW on a one-cycle schedule; returns it in eval mode.

    Raises `InputError` for numbers and models that do not fit. `MedtutorError` where the loss stops being a number.

    >>> from medtutor.models.group_norm import GroupNormCNN
    >>> images, labels = torch.rand(64, 1, 8, 8) * 2 - 1, torch.arange(64) % 2
    >>> fit_plain(GroupNormCNN(shape=(8, 8), widths=(4, 4)), images, labels, epochs=1, progress=False)(images).shape
    torch.Size([64, 2])
    """
    _check_cases(images, labels)
    given.check_trainable(model)

    def loss_of(rows: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        return F.cross_entropy(model(images[rows]), labels[rows])

    rows, title = torch.arange(len(images)), f"{type(model).__name__}, {len(images)} images"
    Trainer(
        model, rows, loss_of, epochs, batch_size, learning_rate, weight_decay, seed, title, progress=progress
    ).train()
    return model


def check_private(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise `InputError` for a model of which Opacus would promise what does not hold.

    images, labels  three cases or more, as it will be trained on

    Opacus' own validator refuses layers by name. This asks the model: whether the answer to one image changes with its
    neighbours, as under batch normalisation, and whether the gradient that Opacus finds for each image is that of the
    image alone. Under `channels_last` it is not, without a warning.

    >>> from medtutor.models.group_norm import GroupNormCNN
    >>> check_private(GroupNormCNN(), torch.rand(3, 1, 28, 28), torch.tensor([0, 1, 0]))
    """
    given.check_trainable(model)
    if len(images) < 3:
        raise InputError(f"there are {len(images)} images; give three or more, to see whether they are kept apart")
    tried = _as_trained(model)
    with given.asking(tried, f"the model does not take images of shape {tuple(images.shape[1:])}", "build it for them"):
        tried(images[:2])
    with torch.no_grad():
        alone, among = tried(images[:2])[0], tried(torch.cat([images[:1], 3 * images[1:].flip(0)]))[0]
    if not torch.allclose(alone, among, rtol=1e-3, atol=1e-4):
        raise InputError(
            "the answer to one image changes with the others of its batch, as under batch normalisation: no bound on"
            " one image holds; take layers that see each image alone, such as nn.GroupNorm"
        )
    opacus = library("opacus")
    reference = _gradients_alone(_as_trained(model), images, labels)
    with quiet():
        try:
            watched = opacus.GradSampleModule(_as_trained(model), loss_reduction="sum")
            F.cross_entropy(watched(images), labels, reduction="sum").backward()
        except (NotImplementedError, RuntimeError, ValueError, LookupError, AttributeError, TypeError) as error:
            why = str(error).splitlines()[:1] or [type(error).__name__]
            raise InputError(
                f"Opacus cannot tell the gradients of single images apart ({why[0][:200]}); take layers that it knows,"
                " each called with an input"
            ) from error
    for (name, weight), wanted in zip(watched._module.named_parameters(), reference):
        if not weight.requires_grad:
            continue
        found = getattr(weight, "grad_sample", None)
        if found is None or (found - wanted).norm() > CLOSE * wanted.norm() + 1e-6:
            raise InputError(
                f"Opacus' gradients of single images are wrong for {name}, so that clipping bounds nothing; keep"
                " weights and images in the usual order, model.to(memory_format=torch.contiguous_format), not"
                " channels_last"
            )


def epsilon_of(noise: float, rate: float, steps: int, delta: float = 1e-4, accountant: str = "prv") -> float:
    """The epsilon that DP-SGD has spent, by an accountant of `ACCOUNTANTS`.

    noise   standard deviation of the noise over the clipping length
    rate    chance of an image to be in a batch
    steps   taken
    delta   the chance that is left out of the promise

    "prv" (Gopi et al. 2021, arXiv:2106.02848) and "pld" follow the whole distribution of what a step gives away, and
    agree; "rdp" (Mironov 2017, arXiv:1702.07476) follows some of its moments, and says more than is spent. All count
    two sets as neighbours where one has one image more.

    Raises `InputError` for numbers out of range, and where the accountant's package is not installed.

    >>> prv, pld = (epsilon_of(1.1, 1 / 19, 95, 1e-5, name) for name in ("prv", "pld"))
    >>> round(prv, 1), abs(prv / pld - 1) < 0.02
    (3.0, True)
    """
    checks.one_of("accountant", accountant, ACCOUNTANTS)
    noise, rate = checks.number("noise", noise, 0.0), checks.number("rate", rate, above=0, high=1)
    steps, delta = given.count("steps", steps), checks.number("delta", delta, above=0, below=1)
    if noise < 0.3:  # accountants run out of memory; what such noise hides is nothing worth the name
        return math.inf
    if accountant == "pld":
        library("dp_accounting")
        events, pld = importlib.import_module("dp_accounting.dp_event"), importlib.import_module("dp_accounting.pld")
        step = events.PoissonSampledDpEvent(rate, events.GaussianDpEvent(noise))
        counted = pld.PLDAccountant().compose(events.SelfComposedDpEvent(step, steps))
        return float(counted.get_epsilon(delta))
    library("opacus")
    made = importlib.import_module("opacus.accountants").create_accountant(accountant)
    made.history = [(noise, rate, steps)]
    with quiet():
        if accountant == "rdp":
            return float(made.get_epsilon(delta))
        rough = float(made.get_epsilon(delta))  # never too low, but by up to 0.01 too high
        return float(made.get_epsilon(delta, eps_error=max(1e-3, 0.005 * rough)))


@lru_cache
def noise_for(epsilon: float, rate: float, steps: int, delta: float = 1e-4) -> float:
    """The least noise with which DP-SGD spends at most `epsilon`, by the accountant "prv"; see `epsilon_of`.

    Raises `InputError` as `epsilon_of` does, and for an epsilon that is not above 0: no noise would do.

    >>> noise = noise_for(1.0, 1 / 19, 95)
    >>> 0.98 < epsilon_of(noise, 1 / 19, 95) <= 1.0
    True
    """
    epsilon = checks.number("epsilon", epsilon, above=0)
    if epsilon < 0.01:
        raise InputError(f"epsilon is {epsilon:g}; below 0.01 nothing is learned, give 0.1 or more")
    spent = lru_cache(lambda noise: epsilon_of(noise, rate, steps, delta))
    low, high = 0.5, 1.0
    while spent(high) > epsilon:
        low, high = high, 2 * high
    if spent(low) <= epsilon:
        low = 0.31
        if spent(low) <= epsilon:
            return low
    return math.exp(
        brentq(lambda log: math.log(spent(math.exp(log)) / (0.998 * epsilon)), math.log(low), math.log(high), xtol=1e-3)
    )


def library(name: str) -> ModuleType:
    """A package of the extra `privacy`. Raises `InputError`, with the remedy, where it is not installed."""
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError:
        raise InputError(f"{name} is not installed; run {REMEDY}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Within, Opacus does not warn of random numbers that are not for a release, and of its own hooks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _gradients_alone(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """The gradient of each image by itself, of each weight: [(N, …), …]."""
    rows: list[list[Any]] = []
    for image, label in zip(images, labels):
        model.zero_grad()
        F.cross_entropy(model(image[None]), label[None]).backward()
        rows.append([torch.zeros_like(each) if each.grad is None else each.grad for each in model.parameters()])
    return [torch.stack(each) for each in zip(*rows)]


def _as_trained(model):
    """A copy in training mode whose dropout is off: what it draws is no difference between images."""
    tried = copy.deepcopy(model).train()
    for layer in tried.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.eval()
    return tried


def _without_samples(model):
    """Takes away what Opacus has hung on the weights: N gradients each, which a copy of the model would take along."""
    for weight in model.parameters():
        for name in ("grad_sample", "summed_grad", "_norm_sample"):
            if hasattr(weight, name):
                delattr(weight, name)
        weight.grad = None
    model.eval()


def _check_cases(images, labels):
    check_normalised("images", images)
    given.check_labels(images, labels)
    if len(images) < 4:
        raise InputError(f"there are {len(images)} images; give at least 4")
