"""Convolutional networks for classification, and the MLP, their baseline.

Every model takes float images (B, C, H, W), or volumes (B, C, D, H, W) where
its docstring says so, in the range -1…1, and returns logits (B, classes).
Each non-linearity is an `nn.ReLU` module of its own and each residual sum an
`Add`: explanation methods such as DeepLift and LRP hook modules, and a
functional `relu` or a bare `+` is invisible to them.

Sizes below are for one grey channel, 28 x 28 pixels and two classes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from .options import check, check_shape

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
GLOBAL_MEAN = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
GLOBAL_MAX = {2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}


class Add(nn.Module):
    """x + y as a module, so that an explanation method can see the sum.

    >>> Add()(torch.ones(2), torch.ones(2))
    tensor([2., 2.])
    """

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


def conv_norm_relu(
    in_channels: int, out_channels: int, stride: int = 1, dims: int = 2, activation: Callable[[], nn.Module] = nn.ReLU
) -> list[nn.Module]:
    """A 3 x 3 convolution, batch normalisation, which makes a bias needless, and ReLU.

    >>> nn.Sequential(*conv_norm_relu(1, 8, stride=2))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 8, 14, 14])
    """
    conv = CONV[dims](in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
    return [conv, BATCH_NORM[dims](out_channels), activation()]


class MLP(nn.Module):
    """Multi-layer perceptron: sees pixels, but not which are neighbours.

    784 -> 128 -> 64 -> 2, 109 k parameters. Volumes too.

    >>> MLP()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 2, width: int = 128) -> None:
        super().__init__()
        check(channels=channels, classes=classes, width=width)
        check_shape(shape)
        pixels = channels * torch.Size(shape).numel()
        self.layers = nn.Sequential(
            nn.Flatten(),  # (B, C, H, W) -> (B, C*H*W)
            nn.Linear(pixels, width),
            nn.ReLU(),
            nn.Linear(width, max(width // 2, 1)),
            nn.ReLU(),
            nn.Linear(max(width // 2, 1), classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class LeNet(nn.Module):
    """The size of LeNet-5 (LeCun et al., Proc. IEEE 1998), with ReLU and max-pooling.

    Two 5 x 5 convolutions, three linear layers, 61 k parameters. Images only.

    >>> LeNet(classes=3)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 3])
    """

    def __init__(self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 2) -> None:
        super().__init__()
        check(channels=channels, classes=classes)
        check_shape(shape, least=12, volumes=False)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 6, 14, 14)
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 16, 5, 5)
        )
        height, width = ((side // 2 - 4) // 2 for side in shape)
        self.classifier = nn.Sequential(
            nn.Flatten(),  # (B, 400)
            nn.Linear(16 * height * width, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


class VGG(nn.Module):
    """VGG-style: pairs of 3 x 3 convolutions between poolings.

    After Simonyan & Zisserman, arXiv:1409.1556 (2014), narrowed to 28 pixels
    and with batch normalisation; 288 k parameters. Images only.

    >>> VGG(widths=(4, 8))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        widths: Sequence[int] = (32, 64, 128),
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        check(channels=channels, classes=classes, widths=widths)
        check_shape(shape, volumes=False)
        layers, in_channels = [], channels
        for out_channels in widths:
            layers += conv_norm_relu(in_channels, out_channels, activation=activation)
            layers += conv_norm_relu(out_channels, out_channels, activation=activation)
            layers.append(nn.MaxPool2d(2))  # 28 -> 14 -> 7 -> 3
            in_channels = out_channels
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)  # (B, 128, 3, 3) -> (B, 128, 1, 1)
        self.flatten = nn.Flatten()  # (B, 128)
        self.classifier = nn.Linear(in_channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.flatten(self.pool(self.features(x))))


class SwishCNN(VGG):
    """The VGG-style network with Swish, x * sigmoid(x), in place of ReLU.

    One variable changed against `VGG`, so that the two can be compared.
    Swish: Ramachandran et al., arXiv:1710.05941 (2017).

    >>> SwishCNN(widths=(4, 8))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        widths: Sequence[int] = (32, 64, 128),
    ) -> None:
        super().__init__(channels, shape, classes, widths, activation=nn.SiLU)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a skip connection (He et al., arXiv:1512.03385).

    The skip is the identity, or a 1 x 1 convolution where channels or stride change.

    >>> ResidualBlock(1, 8, stride=2)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 8, 14, 14])
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, dims: int = 2) -> None:
        super().__init__()
        conv, norm = CONV[dims], BATCH_NORM[dims]
        self.conv1 = conv(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = norm(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = norm(out_channels)
        self.skip: nn.Module = nn.Identity()
        # The backward pass of a strided 1 x 1 convolution of few channels, in the memory order channels_last, ends the
        # process on processors without AVX-512 (seen with torch 2.14.1): so the pixels are left out before it.
        thinned = stride if in_channels < 8 else 1
        self.thins, self.left = thinned > 1, (slice(None), slice(None), *[slice(None, None, thinned)] * dims)
        if stride != 1 or in_channels != out_channels:
            step = stride // thinned
            self.skip = nn.Sequential(conv(in_channels, out_channels, 1, stride=step, bias=False), norm(out_channels))
        self.add = Add()
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu1(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return self.relu2(self.add(y, self.skip(x[self.left] if self.thins else x)))


def residual_stages(widths: Sequence[int], dims: int = 2) -> nn.Sequential:
    """A residual block for each width, every one but the first at half the resolution of the one before.

    >>> residual_stages((8, 16))(torch.zeros(2, 8, 28, 28)).shape
    torch.Size([2, 16, 14, 14])
    """
    first = ResidualBlock(widths[0], widths[0], dims=dims)
    return nn.Sequential(first, *(ResidualBlock(*step, stride=2, dims=dims) for step in zip(widths, widths[1:])))


class CNN(nn.Module):
    """The default: a small residual network for images and volumes.

    A stem convolution, then one residual block at each of three resolutions,
    then the maximum over all places: a finding counts wherever it is. 173 k
    parameters. In 3-D the stem halves the resolution and the blocks are
    narrower, (16, 32, 64): 225 k parameters, and 3-D costs enough as it is.

    >>> CNN()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    >>> CNN(shape=(12, 12, 12))(torch.zeros(1, 1, 12, 12, 12)).shape
    torch.Size([1, 2])
    """

    def __init__(
        self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 2, widths: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        check_shape(shape)
        dims = len(shape)
        widths = {2: (24, 48, 96), 3: (16, 32, 64)}[dims] if widths is None else widths
        check(channels=channels, classes=classes, widths=widths)
        self.stem = nn.Sequential(*conv_norm_relu(channels, widths[0], stride=dims - 1, dims=dims))
        self.blocks = residual_stages(widths, dims)  # (B, 24, 28, 28) -> (B, 48, 14, 14) -> (B, 96, 7, 7)
        self.pool = GLOBAL_MAX[dims](1)
        self.flatten = nn.Flatten()  # (B, 96)
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.flatten(self.pool(self.blocks(self.stem(x)))))


class BagOfPatches(nn.Module):
    """A CNN that never sees more than 13 x 13 pixels at once, and adds up what it finds.

    After BagNet (Brendel & Bethge, arXiv:1904.00760, 2019): four convolutions, then the
    answer of each place, and the mean of all answers. What two places say *together* it
    cannot know. With `together` the maximum over places goes through an MLP: the same
    features, which may now be combined.

    (B, 1, 28, 28) -> (B, 24, 28, 28) -> (B, 48, 14, 14) -> (B, 80, 7, 7); 66 k parameters,
    together 70 k. Images only.

    >>> BagOfPatches().features(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 80, 7, 7])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        widths: Sequence[int] = (24, 48, 48, 80),
        together: bool = False,
    ) -> None:
        super().__init__()
        check(channels=channels, classes=classes, widths=widths, together=together)
        check_shape(shape, volumes=False)
        layers, in_channels = [], channels
        for out_channels, stride in zip(widths, (1, 2, 1, 2)):  # each place sees 3, 5, 9, 13 pixels
            layers += conv_norm_relu(in_channels, out_channels, stride)
            in_channels = out_channels
        self.features = nn.Sequential(*layers)
        self.pool: nn.Module
        self.classifier: nn.Module
        if together:
            self.pool = nn.AdaptiveMaxPool2d(1)
            self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(in_channels, 48), nn.ReLU(), nn.Linear(48, classes))
        else:
            self.pool = nn.Sequential(nn.Conv2d(in_channels, classes, 1), nn.AdaptiveAvgPool2d(1))
            self.classifier = nn.Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.pool(self.features(x)))


class ResNet18(nn.Module):
    """ResNet-18 (He et al., arXiv:1512.03385) in the form of the MedMNIST benchmark.

    For 28 pixels the stem is one 3 x 3 convolution without stride or pooling;
    the rest is the original: 11.17 M parameters. Volumes too, with the same
    layers in 3-D (33.2 M parameters).

    >>> ResNet18(channels=3).eval()(torch.zeros(1, 3, 28, 28)).shape
    torch.Size([1, 2])
    """

    def __init__(self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 2) -> None:
        super().__init__()
        check(channels=channels, classes=classes)
        check_shape(shape)
        dims = len(shape)
        self.stem = nn.Sequential(*conv_norm_relu(channels, 64, dims=dims))
        blocks, in_channels = [], 64
        for out_channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [
                ResidualBlock(in_channels, out_channels, stride, dims),
                ResidualBlock(out_channels, out_channels, 1, dims),
            ]
            in_channels = out_channels
        self.blocks = nn.Sequential(*blocks)  # 28 -> 14 -> 7 -> 4 pixels
        self.pool = GLOBAL_MEAN[dims](1)
        self.flatten = nn.Flatten()  # (B, 512)
        self.classifier = nn.Linear(512, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.flatten(self.pool(self.blocks(self.stem(x)))))
