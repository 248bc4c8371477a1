"""An image back from the gradient that it caused: what a server can see of a client that never sent it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from .. import checks
from ..errors import InputError
from ..models.inference import evaluating
from . import given
from .processes import one_thread


class SmallConvNet(nn.Module):
    """Two convolutions with GELU and a linear layer on all their pixels, 6 k to 10 k parameters for 28 x 28 pixels: a
    network whose gradient hides little.

    >>> SmallConvNet()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 2) -> None:
        super().__init__()
        side = [(each + 1) // 2 for each in shape]
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1),  # (B, 16, 14, 14)
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(16 * side[0] * side[1], classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def gradient_of(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """The gradient of the mean cross-entropy with respect to each weight: what a client sends after one step.

    images  float (N, C, H, W); labels int64 (N,)

    After one step of plain SGD with a known rate, old weights minus new ones are this times the rate.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> [tuple(each.shape) for each in gradient_of(net, torch.zeros(1, 1, 2, 2), torch.tensor([0]))]
    [(2, 4), (2,)]
    """
    with evaluating(model):
        loss = F.cross_entropy(model(images), labels)
        return [each.detach() for each in torch.autograd.grad(loss, list(model.parameters()))]


@one_thread()
def invert(
    model: nn.Module,
    gradient: Sequence[torch.Tensor],
    label: int,
    shape: Sequence[int],
    *,
    steps: int = 200,
    smooth: float = 0.01,
    seed: int = 0,
) -> torch.Tensor:
    """The image (C, H, W) in -1…1 whose gradient points the way of `gradient` (Geiping et al. 2020, arXiv:2003.14053).

    gradient  of one image, see `gradient_of`
    label     the image's class: two tries do where it is not known, and for one image the sign of the last bias says it
    shape     (C, H, W)
    steps     of Adam on the sign of the image's own gradient
    smooth    weight of the image's total variation: neighbours are alike in photographs

    Raises `InputError` for a gradient that is not of this model, or holds what is no number.

    >>> net, image = SmallConvNet(shape=(8, 8)), torch.rand(1, 1, 8, 8)
    >>> invert(net, gradient_of(net, image, torch.tensor([1])), 1, (1, 8, 8), steps=2).shape
    torch.Size([1, 8, 8])
    """
    weights = list(model.parameters())
    if [each.shape for each in gradient] != [each.shape for each in weights]:
        raise InputError("the gradient is not of this model; give what gradient_of(model, …) does")
    if not all(each.isfinite().all() for each in gradient):
        raise InputError("the gradient holds NaN or infinity; nothing can be read from it")
    steps, smooth = given.count("steps", steps), given.amount("smooth", smooth)
    generator = torch.Generator().manual_seed(checks.seed(seed))
    image = (0.1 * torch.randn(1, *shape, generator=generator)).requires_grad_()
    optimiser = torch.optim.Adam([image], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    target, length = torch.tensor([label]), _length(gradient)
    with evaluating(model):
        for _ in range(steps):
            found = torch.autograd.grad(F.cross_entropy(model(image), target), weights, create_graph=True)
            along = sum((one * other).sum() for one, other in zip(found, gradient))
            loss = 1 - along / (_length(found) * length + 1e-12) + smooth * _variation(image)
            (slope,) = torch.autograd.grad(loss, [image])
            image.grad = slope.sign()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                image.clamp_(-1, 1)
    return image.detach()[0]


def _length(gradient):
    return torch.sqrt(sum((each**2).sum() for each in gradient))


def _variation(images):
    across, down = (images.diff(dim=axis).abs().mean() for axis in (-1, -2))
    return across + down
