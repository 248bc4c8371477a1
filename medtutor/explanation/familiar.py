"""How far an image is from those that are known, in a network's own features, and what is usual among them.

A network answers whatever it is shown. What goes into its last layer tells whether it has
met the like: there, ordinary images lie near each other, and a distance beyond nearly all
of theirs is a reason not to trust the answer, or any explanation of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import InputError
from ..training.run import Run
from .anatomy import WEIGHTED, Trace, trace
from .subject import Subject

BATCH = 64  # images that go through the network at once


@dataclass(frozen=True, eq=False)
class Known:
    """Known images as a network's features, and how near they are to each other.

    layer     name of the last layer with weights; its input is meant
    features  float32 (N, F)
    usual     float32 (N,): how far each is from the nearest of the others, Euclidean
    """

    layer: str
    features: torch.Tensor
    usual: torch.Tensor


def known(run: Run, images: torch.Tensor, tell: Callable[..., None] | None = None) -> Known:
    """The `Known` of a run's network and images, such as the validation images.

    run     a `Run` of a classification of single images
    images  uint8 (N, C, H, W), at least two
    tell    called with a share, 0…1, and words, before each batch; left out: nobody is told

    Raises `InputError` for volumes, for fewer than two images, and where no features are made before the last
    layer.

    Source: nearest neighbours in feature space, Sun et al. 2022, https://arxiv.org/abs/2204.06507, there with
    features of length 1 and the k-th neighbour.

    >>> import medtutor as mt
    >>> few = mt.data.phantoms.draw(mt.data.card("breastmnist"), {"train": 20, "val": 8, "test": 8})
    >>> run = mt.fit(mt.build("cnn", few, widths=(4, 8, 8)), few, mt.Recipe(epochs=1), progress=False)
    >>> found = known(run, few.val.images)
    >>> found.features.shape, found.usual.shape
    (torch.Size([8, 8]), torch.Size([8]))
    """
    subject = Subject.of(run)
    if run.card.dims != 2:
        raise InputError(f"{subject.title} looks at volumes; features are compared for images only")
    if len(images) < 2:
        raise InputError("fewer than two images are known, so no distance among them is usual; give more of them")
    layer = _with_features(subject)
    points = features_of(subject, images, layer, lambda done: tell and tell(done / len(images), "features"))
    return Known(layer, points, nearest(points, points, to_others=True))


def is_up_to_date(found: Known, run: Run, images: torch.Tensor) -> bool:
    """Whether a run's network still makes the same features of images as when they became `Known`; one is tried.

    images  those that are known
    """
    now = features_of(Subject.of(run), images[:1], found.layer)
    return torch.allclose(now, found.features[:1], rtol=1e-3, atol=1e-5)


def limit_of(usual: torch.Tensor, share: float) -> tuple[float, int]:
    """(limit, how many are beyond it): the distance beyond which a share of the known images lies.

    usual  (N,): distances that are usual
    share  0…1, of them that may be called unusual: the rate of false alarms

    Of few images a share cannot be met exactly, so those beyond the limit are counted.

    >>> limit_of(torch.arange(101.0), 0.05)
    (95.0, 5)
    """
    limit = float(torch.quantile(usual, 1 - share))
    return limit, int((usual > limit).sum())


def nearest(points: torch.Tensor, known: torch.Tensor, to_others: bool = False) -> torch.Tensor:
    """float32 (N,): how far each point is from the nearest known one, Euclidean.

    points     (N, F)
    known      (M, F)
    to_others  whether the points are the known ones themselves, and none is its own neighbour

    >>> nearest(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.0], [1.0], [5.0]]), to_others=True)
    tensor([1., 1., 4.])
    """
    found = []
    for rows in torch.arange(len(points)).split(BATCH):
        away = torch.cdist(points[rows], known)
        if to_others:
            away[torch.arange(len(rows)), rows] = torch.inf
        found.append((points[rows] - known[away.argmin(1)]).norm(dim=1))  # exact, unlike cdist
    return torch.cat(found)


def features_of(
    subject: Subject,
    images: torch.Tensor,
    layer: str,
    tell: Callable[[int], object] = lambda done: None,
    hooks: dict[str, Callable] | None = None,
) -> torch.Tensor:
    """float32 (N, F): what goes into a layer for each image, the mean over all places.

    subject  the network
    images   uint8 (N, C, *spatial)
    tell     called with the number of images done, before each batch
    hooks    forward hooks that listen meanwhile, by the name of their layer

    >>> net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 26 * 26, 2))
    >>> features_of(Subject.of(net), torch.zeros(5, 1, 28, 28, dtype=torch.uint8), "0").shape
    torch.Size([5, 1])
    """
    found: list[torch.Tensor] = []
    listening = {layer: lambda *call: found.append(pooled(*call))}
    done = 0
    for some in images.split(BATCH):
        tell(done)
        x = subject.batch(some, many=True)
        with hooked(subject.net, hooks or {}), hooked(subject.net, listening):
            subject.scores(x)
        done += len(some)
    return torch.cat(found)


def pooled(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    """(B, F): what goes into a layer, the mean over all places; called as a forward hook is.

    >>> pooled(nn.Identity(), (torch.ones(2, 3, 4, 4),), torch.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3])
    """
    x = inputs[0].detach().float().cpu()
    return x.flatten(2).mean(2) if x.dim() > 2 else x


@contextmanager
def hooked(net: nn.Module, hooks: dict[str, Callable]) -> Iterator[None]:
    """Within, modules of a network have forward hooks, {name: hook}.

    >>> net, heard = nn.Sequential(nn.Identity()), []
    >>> with hooked(net, {"0": lambda *call: heard.append(1)}):
    ...     _ = net(torch.ones(1))
    >>> _ = net(torch.ones(1))
    >>> heard
    [1]
    """
    handles = [net.get_submodule(name).register_forward_hook(hook) for name, hook in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def weighted(seen: Trace) -> list[str]:
    """The names of the layers with weights, in the order in which they were called."""
    return [call.name for call in seen.leaves if isinstance(call.module, WEIGHTED)]


def _with_features(subject):
    """The last layer with weights. Raises `InputError` where what goes into it is no feature of the network's own."""
    seen = trace(subject.net, subject.blank())
    names = weighted(seen)
    if len(names) < 2 or names.count(names[-1]) > 1:
        raise InputError(f"{subject.title} makes no features of its own before its last layer")
    given = next(call.input for call in reversed(seen.leaves) if call.name == names[-1])
    if given is None or given.dim() not in (2, subject.dims + 2):
        raise InputError(f"{subject.title} has no one row of features for an image before its last layer")
    return names[-1]
