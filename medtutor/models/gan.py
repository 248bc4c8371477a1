"""Generative adversarial networks: one network draws, another one judges.

A generator turns noise into images. A discriminator sees real and drawn images
and says which is which; the generator learns from nothing but its verdict
(Goodfellow et al., NeurIPS 2014).

network        from -> to                     after
Generator      codes -> images                DCGAN: Radford et al., arXiv:1511.06434 (2015)
Discriminator  images -> logits, real is > 0  the same, held back by spectral norms: Miyato et al., ICLR 2018
Critic         images -> scores               WGAN-GP: Gulrajani et al., NeurIPS 2017

With `classes` all three are told the label of each image (conditional GAN:
Mirza & Osindero, arXiv:1411.1784, 2014). Images are float (B, C, H, W), -1…1.
Sizes below are for one grey channel and 28 x 28 pixels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ..checks import wholes
from ..errors import InputError
from .options import SIDE, check

SMALLEST = 8  # pixels: the discriminator halves each side three times


class Generator(nn.Module):
    """Codes (B, latents), and labels (B,) where there are classes, to images (B, C, H, W) in -1…1.

    One linear layer draws a coarse map, each transposed convolution of stride 2
    doubles its sides, and a last convolution smooths the seams. 433 k parameters.

    >>> drawer = Generator(classes=2)
    >>> drawer(drawer.prior(3), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 1, 28, 28])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 0,
        latents: int = 64,
        widths: Sequence[int] = (96, 64, 32),
    ) -> None:
        super().__init__()
        check(channels=channels, latents=latents, widths=widths)
        _check(shape, classes)
        if latents < 1:
            raise InputError(f"a code of {latents} numbers holds nothing; give latents from 1")
        self.channels, self.classes, self.latents = channels, classes, latents
        self.shape, self.widths = tuple(shape), tuple(widths)
        doublings = 2 ** (len(widths) - 1)
        self.coarse = tuple(-(-side // doublings) for side in shape)  # (7, 7), rounded up
        height, width = self.coarse
        layers = [
            nn.Linear(latents + classes, widths[0] * height * width, bias=False),
            nn.Unflatten(1, (widths[0], height, width)),  # (B, 96, 7, 7)
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for in_channels, out_channels in zip(widths, widths[1:]):  # (B, 64, 14, 14), (B, 32, 28, 28)
            doubled = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
            layers += [doubled, nn.BatchNorm2d(out_channels), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh())

    def prior(self, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """That many random codes, (count, latents), from N(0, 1)."""
        return torch.randn(count, self.latents, generator=generator).to(next(self.parameters()).device)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if self.classes:
            z = torch.cat([z, F.one_hot(labels, self.classes).to(z.dtype)], dim=1)  # type: ignore[arg-type]
        height, width = self.shape
        return self.layers(z)[..., :height, :width]  # sides that were rounded up


class Discriminator(nn.Module):
    """Images (B, C, H, W) to logits (B,): above 0 where they look real.

    Three convolutions of stride 2 and a linear layer, 166 k parameters. With
    classes there is a logit for each, and that of the image's label is read: an
    image has to be real as one of its class. Two safeguards can be left out, to
    see what happens then:

    spectral   spectral norms keep each layer from stretching its input, so that
               the verdict stays smooth and the generator can follow it
    minibatch  a last map tells how much the images of the batch differ (Karras
               et al., ICLR 2018): always drawing the same image is found out

    >>> Discriminator()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 0,
        widths: Sequence[int] = (32, 64, 128),
        spectral: bool = True,
        minibatch: bool = True,
    ) -> None:
        super().__init__()
        check(channels=channels, widths=widths, spectral=spectral, minibatch=minibatch)
        _check(shape, classes)
        self.classes, self.minibatch = classes, minibatch
        normed = spectral_norm if spectral else lambda layer: layer
        layers: list[nn.Module] = []
        height, width = shape
        for in_channels, out_channels in zip(
            (channels, *widths), widths
        ):  # (B, 32, 14, 14), (B, 64, 7, 7), (B, 128, 3, 3)
            layers += [normed(nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            height, width = height // 2, width // 2
        self.features = nn.Sequential(*layers)
        self.score = normed(nn.Linear((widths[-1] + minibatch) * height * width, max(classes, 1)))

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        maps = self.features(images)
        if self.minibatch:
            spread = (maps.var(0, unbiased=False) + 1e-8).sqrt().mean()
            maps = torch.cat([maps, spread.expand(maps.shape[0], 1, *maps.shape[2:])], dim=1)
        scores = self.score(maps.flatten(1))  # (B, classes), or (B, 1)
        if self.classes:
            scores = scores.gather(1, labels.view(-1, 1))  # type: ignore[union-attr]
        return scores.squeeze(1)


class Critic(Discriminator):
    """The same network for WGAN-GP: images (B, C, H, W) to scores (B,), higher where they look real.

    No sigmoid follows: the difference of the mean scores of real and drawn
    images estimates how far apart the two are (Wasserstein distance), if no
    slope of the score is steeper than 1. A penalty on the slopes sees to that,
    so there are no spectral norms, and each image is judged alone.

    >>> Critic()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 0,
        widths: Sequence[int] = (32, 64, 128),
    ) -> None:
        super().__init__(channels, shape, classes, widths, spectral=False, minibatch=False)


def _check(shape, classes):
    check(classes=classes)
    shape = wholes("shape", shape, 1, SIDE, 2, 3)
    if len(shape) != 2 or min(shape) < SMALLEST:
        raise InputError(
            f"the shape is {tuple(shape)}; these networks take images (height, width) of at least {SMALLEST} pixels"
        )
    if classes < 0 or classes == 1:
        raise InputError(f"{classes} classes cannot be told apart; give at least 2, or 0 for a network without labels")
