"""A small CNN whose answer to one image never hangs on the others of its batch: what private training needs.

Float images (B, C, H, W) in -1…1 -> logits (B, classes).
"""

from collections.abc import Sequence

import torch
from torch import nn

from .options import check, check_shape


class GroupNormCNN(nn.Module):
    """Three 3 x 3 convolutions, each with group normalisation (Wu & He 2018, arXiv:1803.08494), ReLU and pooling.

    Batch normalisation takes its mean over the images of a batch: each image is in the answers to all others, and what
    one patient does to a step cannot be bounded. Here the mean is over channels and pixels of one image. 14 k
    parameters at 28 x 28.

    >>> GroupNormCNN()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        widths: Sequence[int] = (16, 32, 32),
        groups: int = 4,
    ) -> None:
        super().__init__()
        check(channels=channels, classes=classes, widths=widths)
        check_shape(shape, least=2 ** (len(widths) - 1), volumes=False)
        layers: list[nn.Module] = []
        for before, width in zip((channels, *widths), widths):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.GroupNorm(groups, width), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers[:-1])  # (B, 32, 7, 7)
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))
