"""A diffusion model: a network that takes noise out of images, asked again and again, turns noise into an image.

Between an image and pure noise lie the times 0 ≤ t ≤ 1. At time t

    noisy = a image + b noise,  a = cos(pi t / 2), b = sin(pi t / 2)

with noise from N(0, 1), so a² + b² = 1 (Ho et al., arXiv:2006.11239, 2020; this schedule after Nichol & Dhariwal,
arXiv:2102.09672, 2021). `Denoiser` estimates the image from that; `sample` begins at pure noise and goes back to
t = 0 in a few steps (DDIM: Song et al., arXiv:2010.02502, 2020).
"""

from collections.abc import Sequence
from math import pi

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import whole
from ..errors import InputError
from .inference import device_of, evaluating
from .options import check, check_shape

FREQUENCIES = 16  # sines and cosines of the time that tell a network how noisy its images are


def levels(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of the image and how much noise there is at times t (B,), 0…1: (a, b), each (B, 1, 1, 1).

    >>> [round(level.item(), 3) for level in levels(torch.tensor([0.5]))]
    [0.707, 0.707]
    """
    angle = t.view(-1, 1, 1, 1) * pi / 2
    return angle.cos(), angle.sin()


class TimedBlock(nn.Module):
    """Two convolutions and a shortcut; what is known of time and class scales and shifts the maps between them.

    x (B, C, H, W), known (B, D) -> (B, width, H, W)
    """

    def __init__(self, in_channels: int, width: int, known: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.known = nn.Linear(known, 2 * width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.shortcut = nn.Conv2d(in_channels, width, 1)

    def forward(self, x: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        scale, shift = self.known(known)[..., None, None].chunk(2, dim=1)
        y = F.silu(self.norm1(self.first(x)) * (1 + scale) + shift)
        return self.shortcut(x) + F.silu(self.norm2(self.second(y)))


class Denoiser(nn.Module):
    """Noisy images (B, C, H, W), times (B,), labels (B,) where there are classes -> images without the noise, alike.

    A small U-Net, whose blocks are told the time and the class: (B, 24, 28, 28) -> (B, 48, 14, 14) ->
    (B, 96, 7, 7), and back, with skips. What comes out of it, v, is mixed with what came in,
    image = a noisy - b v: where there is little noise the image stays as it is (v-prediction: Salimans & Ho,
    arXiv:2202.00512, 2022).

    Raises `InputError` for widths that 8 does not divide.

    >>> Denoiser(classes=2)(torch.zeros(3, 1, 28, 28), torch.rand(3), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 1, 28, 28])
    """

    def __init__(
        self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 0, widths: Sequence[int] = (24, 48, 96)
    ) -> None:
        super().__init__()
        check(channels=channels, classes=classes, widths=widths)
        check_shape(shape, least=2 ** (len(widths) - 1), volumes=False)
        if any(width % 8 for width in widths):
            raise InputError(f"widths={tuple(widths)} must be multiples of 8, such as (24, 48, 96)")
        self.channels, self.shape, self.classes, self.widths = channels, tuple(shape), classes, tuple(widths)
        known = 4 * widths[0]
        self.know = nn.Sequential(nn.Linear(2 * FREQUENCIES + classes, known), nn.SiLU(), nn.Linear(known, known))
        self.down = nn.ModuleList(TimedBlock(a, b, known) for a, b in zip((channels, *widths), widths))
        self.ups = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(TimedBlock(2 * width, width, known) for width in widths[:-1])
        self.draw = nn.Conv2d(widths[0], channels, 3, padding=1)

    def forward(self, noisy: torch.Tensor, t: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        a, b = levels(t)
        waves = t[:, None] * torch.logspace(0, 2, FREQUENCIES, device=t.device)
        told = [waves.sin(), waves.cos()]
        if self.classes:
            told.append(F.one_hot(labels, self.classes).to(t.dtype))  # type: ignore[arg-type]
        known = self.know(torch.cat(told, dim=1))
        x, skips = noisy, []
        for number, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2, ceil_mode=True) if number else x, known)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = F.interpolate(self.ups[level](x), skips[level].shape[2:])
            x = self.up[level](torch.cat([skips[level], x], dim=1), known)
        return a * noisy - b * self.draw(x)


def denoising_loss(
    denoiser: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Mean squared error of what a denoiser finds in images (B, C, H, W), -1…1, each at a random time.

    Each error is divided by its b²: little noise asks for small errors. It is the squared error of v.

    >>> denoising_loss(Denoiser(widths=(8, 8)), torch.zeros(4, 1, 8, 8)).dim()
    0
    """
    t = torch.rand(len(images), generator=generator).clamp(min=1e-3).to(images.device)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    a, b = levels(t)
    return ((denoiser(a * images + b * noise, t, labels) - images) / b).square().mean()


@torch.no_grad()
def sample(
    denoiser: Denoiser, noise: torch.Tensor, labels: torch.Tensor | None = None, steps: int = 50
) -> torch.Tensor:
    """Images (B, C, H, W), -1…1, from pure noise of that shape.

    labels  (B,), where the denoiser knows classes
    steps   how often the denoiser is asked, from 1

    In each step the denoiser says which image, and so which noise, it sees; both are mixed again with less noise.
    Nothing is drawn on the way: the same noise, the same image. The denoiser is put in eval mode and back. Raises
    `InputError` for steps below 1.

    >>> sample(Denoiser(widths=(8, 8)), torch.randn(2, 1, 8, 8), steps=2).shape
    torch.Size([2, 1, 8, 8])
    """
    times = torch.linspace(1, 0, whole("steps", steps, 1, 10_000) + 1).tolist()
    with evaluating(denoiser):
        x = noise.to(device_of(denoiser))
        for now, then in zip(times, times[1:]):
            t = torch.full((len(x),), now, device=x.device)
            (a, b), (next_a, next_b) = levels(t), levels(torch.full_like(t, then))
            image = denoiser(x, t, labels).clamp(-1, 1)
            x = next_a * image + next_b * (x - a * image) / b
    return x.clamp(-1, 1)
