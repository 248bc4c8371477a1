"""Autoencoders: networks that learn from images without labels.

An autoencoder squeezes an image into a few numbers, its code z, and draws the
image again from them. What does not fit through is lost, so the code has to
hold what the images have in common.

model        what it learns                          after
Autoencoder  x -> z -> x                             Hinton & Salakhutdinov, Science 313:504 (2006)
  denoising  the same, from a spoilt x to x          Vincent et al., ICML 2008
VAE          x -> a cloud of z -> x; new images too  Kingma & Welling, arXiv:1312.6114 (2013)
Translator   one contrast -> another one             encoder and decoder, as all of these

Images are float (B, C, H, W) in the range -1…1. What comes out are images, not
logits, of the same shape and meant for the same range: the last layer is
linear, so that squared errors compare with those of PCA, and a value can
overshoot a little. Clamp to -1…1 before you show it.

Sizes below are for one grey channel, 28 x 28 pixels and 32 latents.
"""

from collections.abc import Sequence

import torch
from torch import nn

from ..checks import wholes
from ..errors import InputError
from .cnn import conv_norm_relu
from .options import SIDE, check

SMALLEST = 8  # pixels: the encoders halve each side twice, and a 3 x 3 kernel wants more than one pixel


class Encoder(nn.Module):
    """Two convolutions of stride 2, then one linear layer: (B, C, H, W) -> (B, outputs).

    `features` gives the map before the linear layer, (B, 64, 7, 7): what was
    found, and where. No batch normalisation: brightness is part of what has to
    come out again, and with it the same error took twice as many epochs.
    """

    def __init__(self, channels: int, shape: Sequence[int], outputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for in_channels, out_channels in zip((channels, *widths), widths):
            layers += [nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)  # (B, 1, 28, 28) -> (B, 32, 14, 14) -> (B, 64, 7, 7)
        self.flatten = nn.Flatten()  # (B, 3136)
        height, width = _sides(shape, len(widths))[-1]
        self.code = nn.Linear(widths[-1] * height * width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.code(self.flatten(self.features(x)))


class Decoder(nn.Module):
    """The encoder backwards: (B, latents) -> (B, C, H, W).

    A transposed convolution of stride 2 doubles each side; where the encoder
    had rounded an odd side up, it gives one pixel less.
    """

    def __init__(self, channels: int, shape: Sequence[int], latents: int, widths: Sequence[int]) -> None:
        super().__init__()
        sides = _sides(shape, len(widths))[::-1]  # (7, 7), (14, 14), (28, 28)
        widths = widths[::-1]
        self.expand = nn.Sequential(
            nn.Linear(latents, widths[0] * sides[0][0] * sides[0][1]),
            nn.Unflatten(1, (widths[0], *sides[0])),  # (B, 3136) -> (B, 64, 7, 7)
            nn.ReLU(),
        )
        layers = []
        for in_channels, out_channels, small, large in zip(widths, widths[1:], sides, sides[1:]):
            layers += [_doubling(in_channels, out_channels, small, large), nn.ReLU()]
        layers.append(_doubling(widths[-1], channels, *sides[-2:]))
        self.layers = nn.Sequential(*layers)  # (B, 64, 7, 7) -> (B, 32, 14, 14) -> (B, 1, 28, 28)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(self.expand(z))


class Autoencoder(nn.Module):
    """Convolutional autoencoder: an image through a bottleneck of a few numbers.

    Trained to give back its input (Hinton & Salakhutdinov, 2006); trained to
    give back what was spoilt, as by `data.augmentation.corrupt`, it is a denoising autoencoder
    (Vincent et al., 2008), the same network. 242 k parameters. Images of at
    least 8 pixels.

    >>> Autoencoder(latents=8).encode(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 8])
    """

    def __init__(
        self, channels: int = 1, shape: Sequence[int] = (28, 28), latents: int = 32, widths: Sequence[int] = (32, 64)
    ) -> None:
        super().__init__()
        _check(channels, shape, latents, widths)
        self.latents = latents
        self.encoder = Encoder(channels, shape, latents, widths)
        self.decoder = Decoder(channels, shape, latents, widths)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) to their codes (B, latents)."""
        return self.encoder(x)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Codes (B, latents) to images (B, C, H, W)."""
        return self.decoder(z)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(x))


def reparameterise(mean: torch.Tensor, log_variance: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Codes z of the distribution that the encoder names: mean + standard deviation * noise.

    Drawing z itself would leave no way for the gradient; drawing the noise
    beside it leaves z an ordinary function of mean and variance. All (B, latents);
    noise is standard normal.

    >>> reparameterise(torch.ones(1, 2), torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
    tensor([[1., 2.]])
    """
    return mean + (0.5 * log_variance).exp() * noise


def kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """How far each number of a code is from the prior, in nats: (B, latents), 0 or more.

    The Kullback-Leibler divergence of N(mean, variance) from N(0, 1). Its sum
    over the latents is the second term of a VAE's loss.

    >>> kl(torch.tensor([0.0, 2.0]), torch.zeros(2))
    tensor([0., 2.])
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)


def active_units(means: torch.Tensor, threshold: float = 0.01) -> int:
    """How many numbers of the code say something: their mean varies from image to image.

    means  (N, latents), the encoder's means for many images
    The others have collapsed into the prior. After Burda et al., arXiv:1509.00519
    (2015), whose threshold of the variance is 0.01.

    >>> active_units(torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
    1
    """
    return int((means.var(0) > threshold).sum())


class VAE(nn.Module):
    """Variational autoencoder: each image is encoded as a small cloud of codes.

    The encoder names the mean and the log variance of a Gaussian; a code is
    drawn from it and decoded. The loss is the squared error, summed over the
    pixels, + beta * `kl`, summed over the latents: beta is twice the variance
    that the pixels are granted (Kingma & Welling, 2013; the weight is that of
    Higgins et al., ICLR 2017). Since the clouds have to lie near N(0, 1), a
    draw from it can be decoded to an image that never was: `decode(prior(16))`.
    342 k parameters, more than the autoencoder's by the log variance.

    >>> model = VAE(latents=8)
    >>> model.decode(model.prior(16)).shape
    torch.Size([16, 1, 28, 28])
    """

    def __init__(
        self, channels: int = 1, shape: Sequence[int] = (28, 28), latents: int = 32, widths: Sequence[int] = (32, 64)
    ) -> None:
        super().__init__()
        _check(channels, shape, latents, widths)
        self.latents = latents
        self.encoder = Encoder(channels, shape, 2 * latents, widths)
        self.decoder = Decoder(channels, shape, latents, widths)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (B, C, H, W) to mean and log variance of their codes, (B, latents) each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)  # (B, 64) -> two of (B, 32)
        return mean, log_variance

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Codes (B, latents) to images (B, C, H, W)."""
        return self.decoder(z)

    def prior(self, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """That many codes of no image, (count, latents), from N(0, 1)."""
        return torch.randn(count, self.latents, generator=generator).to(next(self.parameters()).device)

    def forward(
        self, x: torch.Tensor, noise: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images, and the mean and log variance that the loss asks for.

        noise  (B, latents), standard normal. Left out: drawn while training,
               none in evaluation, where the code is its mean
        """
        mean, log_variance = self.encode(x)
        if noise is None:
            noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return self.decode(reparameterise(mean, log_variance, noise)), mean, log_variance


class Translator(nn.Module):
    """Encoder and decoder from one contrast into another: an image in, an image out.

    A work that the review cites generates diffusion tensor images of lumbar
    nerves with a CNN (Magnetic Resonance Imaging 114:110237, 2024); this network
    is not its, only a small one for the same kind of task.
    Three resolutions; with `skips` each finer one is handed across to the
    decoder (U-Net: Ronneberger et al., MICCAI 2015), 88 k parameters; without
    them every detail has to pass through the coarsest, 76 k.
    Fully convolutional: any size from 8 pixels, also another than it was trained on.

    >>> Translator(out_channels=2)(torch.zeros(1, 1, 21, 30)).shape
    torch.Size([1, 2, 21, 30])
    """

    def __init__(
        self, channels: int = 1, out_channels: int = 1, widths: Sequence[int] = (16, 32, 64), skips: bool = True
    ) -> None:
        super().__init__()
        check(channels=channels, out_channels=out_channels, widths=widths, skips=skips)
        self.skips = skips
        pairs = list(zip(widths, widths[1:]))  # (16, 32), (32, 64)
        self.down = nn.ModuleList([nn.Sequential(*conv_norm_relu(channels, widths[0]))])
        self.down.extend(nn.Sequential(*conv_norm_relu(fine, coarse, stride=2)) for fine, coarse in pairs)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1) for fine, coarse in pairs[::-1]
        )
        self.merge = nn.ModuleList(
            nn.Sequential(*conv_norm_relu(2 * fine if skips else fine, fine)) for fine, _ in pairs[::-1]
        )
        self.head = nn.Conv2d(widths[0], out_channels, 1)

    def encode(self, x: torch.Tensor) -> list[torch.Tensor]:
        """An image (B, C, H, W) to its maps, finest first: (B, 16, 28, 28), (B, 32, 14, 14), (B, 64, 7, 7)."""
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        return maps

    def decode(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """The maps of `encode` to an image (B, out_channels, H, W); without skips only the last is read."""
        x = maps[-1]
        for up, merge, finer in zip(self.up, self.merge, maps[-2::-1]):
            height, width = finer.shape[-2:]
            x = up(x)[..., :height, :width]  # an odd side had been rounded up
            x = merge(torch.cat([x, finer], dim=1) if self.skips else x)
        return self.head(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(x))


def _doubling(in_channels, out_channels, small, large):
    """A transposed convolution from the sides `small` to the sides `large`, twice as long or one less."""
    extra = tuple(big - (2 * little - 1) for little, big in zip(small, large))
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=extra)


def _sides(shape, halvings):
    """The image's sides and those after each convolution of stride 2, which rounds up."""
    sides = [tuple(shape)]
    for _ in range(halvings):
        sides.append(tuple((side + 1) // 2 for side in sides[-1]))
    return sides


def _check(channels, shape, latents, widths):
    check(channels=channels, latents=latents, widths=widths)
    shape = wholes("shape", shape, 1, SIDE, 2, 3)
    if len(shape) != 2 or min(shape) < SMALLEST:
        raise InputError(
            f"the shape is {tuple(shape)}; autoencoders take images (height, width) of at least {SMALLEST} pixels"
        )
    if latents < 1:
        raise InputError(f"a code of {latents} numbers holds nothing; give latents from 1")
