"""Segmentation networks: one encoder-decoder, and what each descendant of U-Net changes in it.

Every model takes float images (B, C, H, W), or volumes (B, C, D, H, W), in the
range -1…1, and returns logits of the same size, (B, classes, H, W) or
(B, classes, D, H, W). The networks are convolutions throughout: `shape` only
says how many dimensions there are, and a trained model takes other sizes too.
Sides may be odd: pooling rounds up, and the decoder cuts off what is too much.

`widths` are the channels of each level from fine to coarse, with one pooling
between two levels. The defaults differ in the coarsest level alone, so that
all five have as many parameters as `UNet` within 2 %: a comparison of two of
them is then one of their wiring and not of their size. Shapes and parameters
below are for one grey channel, 56 x 40 pixels and three classes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from ..errors import InputError
from .cnn import BATCH_NORM, CONV, MAX_POOL, Add, ResidualBlock
from .options import check, check_shape


class PlainBlock(nn.Sequential):
    """Two 3 x 3 convolutions, each with batch normalisation and ReLU.

    >>> PlainBlock(1, 4)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 4, 28, 28])
    """

    def __init__(self, in_channels: int, out_channels: int, dims: int = 2) -> None:
        conv, norm = CONV[dims], BATCH_NORM[dims]
        super().__init__(
            conv(in_channels, out_channels, 3, padding=1, bias=False),
            norm(out_channels),
            nn.ReLU(),
            conv(out_channels, out_channels, 3, padding=1, bias=False),
            norm(out_channels),
            nn.ReLU(),
        )


def crop_to(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """x without what reaches beyond the sides of `like`, such as 8 x 6 cut to 7 x 5.

    >>> crop_to(torch.zeros(1, 4, 8, 6), torch.zeros(1, 2, 7, 5)).shape
    torch.Size([1, 4, 7, 5])
    """
    return x[(..., *(slice(side) for side in like.shape[2:]))]  # type: ignore[index]


class FCN(nn.Module):
    """Encoder-decoder without skips: all the decoder knows comes through the coarsest level.

    A fully convolutional network (Long et al., arXiv:1411.4038, 2014) whose
    decoder mirrors its encoder. The finer networks of that paper do add skips;
    this one has none, so that `UNet` differs from it by its skips and nothing else.

    Encoder (B, 12, 56, 40) -> (B, 24, 28, 20) -> (B, 48, 14, 10) -> (B, 100, 7, 5),
    decoder back through 48, 24 and 12 channels to (B, 3, 56, 40). 235 k parameters.

    Raises `InputError` for fewer than two widths.

    >>> FCN(widths=(4, 8))(torch.zeros(2, 1, 56, 40)).shape
    torch.Size([2, 3, 56, 40])
    """

    block: Callable[..., nn.Module] = PlainBlock

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (56, 40),
        classes: int = 3,
        widths: Sequence[int] = (12, 24, 48, 100),
    ) -> None:
        super().__init__()
        check(channels=channels, classes=classes, widths=widths)
        check_shape(shape)
        if len(widths) < 2:
            raise InputError(f"widths={widths} gives too few levels; give two or more, such as widths=(12, 24, 48)")
        dims, deeper = len(shape), widths[1:]
        steps = zip((channels, *widths), widths)
        self.encoder = nn.ModuleList(
            self.block(in_channels, out_channels, dims=dims) for in_channels, out_channels in steps
        )
        self.pools = nn.ModuleList(MAX_POOL[dims](2, ceil_mode=True) for _ in deeper)
        # A transposed 2 x 2 convolution takes 1.4 to 1.8 times as long as these two on a CPU (forward and backward,
        # channels_last), which the whole network hardly feels, and has four times their parameters.
        self.ups = nn.ModuleList(
            nn.Sequential(CONV[dims](below, width, 1), nn.Upsample(scale_factor=2))
            for width, below in zip(widths, deeper)
        )
        self.decoder = nn.ModuleList(
            self.block(width + self.skip_width(widths, level), width, dims=dims)
            for level, width in enumerate(widths[:-1])
        )
        self.classifier = CONV[dims](widths[0], classes, 1)

    def skip_width(self, widths: Sequence[int], level: int) -> int:
        """How many channels `join` adds at a level; 0 is the finest."""
        return 0

    def join(self, x: torch.Tensor, features: list[torch.Tensor], level: int) -> torch.Tensor:
        """What a decoder block sees: x from below, and of the encoder's features, one tensor a level, nothing."""
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [self.encoder[0](x)]
        for pool, block in zip(self.pools, self.encoder[1:]):
            features.append(block(pool(features[-1])))
        x = features[-1]
        for level in reversed(range(len(self.decoder))):
            x = crop_to(self.ups[level](x), features[level])
            x = self.decoder[level](self.join(x, features, level))
        return self.classifier(x)


class UNet(FCN):
    """U-Net: the decoder also sees the encoder's features of its own level, concatenated.

    Ronneberger et al., MICCAI 2015 (arXiv:1505.04597), narrowed, with padding
    and batch normalisation. Changed against `FCN`: the skips.

    Encoder (B, 12, 56, 40) -> (B, 24, 28, 20) -> (B, 48, 14, 10) -> (B, 88, 7, 5);
    the decoder's blocks take (B, 48 + 48, 14, 10), (B, 24 + 24, 28, 20) and
    (B, 12 + 12, 56, 40). 236 k parameters.

    >>> UNet(widths=(4, 8))(torch.zeros(2, 1, 56, 40)).shape
    torch.Size([2, 3, 56, 40])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (56, 40),
        classes: int = 3,
        widths: Sequence[int] = (12, 24, 48, 88),
    ) -> None:
        super().__init__(channels, shape, classes, widths)

    def skip_width(self, widths: Sequence[int], level: int) -> int:
        return widths[level]

    def join(self, x: torch.Tensor, features: list[torch.Tensor], level: int) -> torch.Tensor:
        return torch.cat([features[level], x], dim=1)


class ResidualUNet(UNet):
    """Residual U-Net: each block adds its input to its output.

    After Zhang et al., IEEE GRSL 2018 (arXiv:1711.10684). Changed against
    `UNet`: the blocks, which are those of `cnn.CNN`. Theirs normalise before
    they convolve and halve the size by a stride; ours pool, as `UNet` does.

    Shapes as in `UNet`, with (B, 84, 7, 5) at the coarsest level. 240 k parameters.

    >>> ResidualUNet(widths=(4, 8))(torch.zeros(2, 1, 56, 40)).shape
    torch.Size([2, 3, 56, 40])
    """

    block = ResidualBlock

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (56, 40),
        classes: int = 3,
        widths: Sequence[int] = (12, 24, 48, 84),
    ) -> None:
        super().__init__(channels, shape, classes, widths)


class AttentionGate(nn.Module):
    """Additive attention: x from below decides, place by place, how much of a skip passes.

    The gate is sigmoid(w * ReLU(U skip + V x)), (B, 1, H, W) in the range 0…1.
    It multiplies the skip (B, C, H, W), all channels alike; x has the same shape.
    """

    def __init__(self, width: int, dims: int = 2) -> None:
        super().__init__()
        conv, norm, inner = CONV[dims], BATCH_NORM[dims], width // 2
        self.from_skip = nn.Sequential(conv(width, inner, 1, bias=False), norm(inner))
        self.from_below = nn.Sequential(conv(width, inner, 1, bias=False), norm(inner))
        self.add = Add()
        self.relu = nn.ReLU()
        self.gate = nn.Sequential(conv(inner, 1, 1, bias=False), norm(1), nn.Sigmoid())

    def forward(self, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return skip * self.gate(self.relu(self.add(self.from_skip(skip), self.from_below(x))))


class AttentionUNet(UNet):
    """Attention U-Net: a gate on each skip, and `attention` shows what it lets through.

    Oktay et al., arXiv:1804.03999 (2018). Changed against `UNet`: the gates.
    Theirs take x before it is brought to the skip's size, ours after, as MONAI's do.

    Shapes as in `UNet`; gates (B, 1, 56, 40), (B, 1, 28, 20) and (B, 1, 14, 10).
    240 k parameters.

    >>> [gate.shape[2:] for gate in AttentionUNet(widths=(4, 8, 8)).attention(torch.zeros(1, 1, 56, 40))]
    [torch.Size([56, 40]), torch.Size([28, 20])]
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (56, 40),
        classes: int = 3,
        widths: Sequence[int] = (12, 24, 48, 88),
    ) -> None:
        super().__init__(channels, shape, classes, widths)
        self.gates = nn.ModuleList(AttentionGate(width, len(shape)) for width in widths[:-1])

    def join(self, x: torch.Tensor, features: list[torch.Tensor], level: int) -> torch.Tensor:
        return torch.cat([self.gates[level](features[level], x), x], dim=1)

    def attention(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The gates for images x, a list from fine to coarse of (B, 1, h, w), 0 (nothing passes) … 1 (all does).

        As with `forward`, call `eval()` first, and stay in `torch.no_grad()` where no gradient is wanted.
        """
        maps: list[torch.Tensor] = []
        gates = [gate.gate for gate in self.gates if isinstance(gate, AttentionGate)]
        hooks = [gate.register_forward_hook(lambda module, taken, given: maps.append(given)) for gate in gates]
        try:
            self(x)
        finally:
            for hook in hooks:
                hook.remove()
        return maps[::-1]  # the decoder runs from coarse to fine


class Bring(nn.Sequential):
    """Features of one encoder level for another: fewer channels by a 1 x 1 convolution, and the other's size."""

    def __init__(self, in_channels: int, out_channels: int, source: int, target: int, dims: int = 2) -> None:
        factor = 2 ** abs(target - source)
        finer = source < target
        resize = MAX_POOL[dims](factor, ceil_mode=True) if finer else nn.Upsample(scale_factor=factor)
        super().__init__(CONV[dims](in_channels, out_channels, 1), resize)


class MultiLevelUNet(UNet):
    """Multi-level feature assembly: each decoder block sees the features of all encoder levels.

    The idea that gives MLFA-UNet (Methods 2024;232:52) its name, in our own
    form: that paper could not be read, and this is not its network. Changed
    against `UNet`: beside its own level's features a skip carries 8 channels
    from every other level, max-pooled or repeated to the size it needs.

    Encoder as in `UNet`, with (B, 76, 7, 5) at the coarsest level; the decoder's
    blocks take (B, 48 + 24 + 48, 14, 10), (B, 24 + 24 + 24, 28, 20) and
    (B, 12 + 24 + 12, 56, 40). 234 k parameters.

    >>> MultiLevelUNet(widths=(4, 8))(torch.zeros(2, 1, 56, 40)).shape
    torch.Size([2, 3, 56, 40])
    """

    share = 8  # channels from each other level

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (56, 40),
        classes: int = 3,
        widths: Sequence[int] = (12, 24, 48, 76),
    ) -> None:
        super().__init__(channels, shape, classes, widths)
        self.bring = nn.ModuleList(
            nn.ModuleList(
                Bring(width, self.share, source, target, len(shape))
                for source, width in enumerate(widths)
                if source != target
            )
            for target in range(len(widths) - 1)
        )

    def skip_width(self, widths: Sequence[int], level: int) -> int:
        return widths[level] + self.share * (len(widths) - 1)

    def join(self, x: torch.Tensor, features: list[torch.Tensor], level: int) -> torch.Tensor:
        own, others = features[level], features[:level] + features[level + 1 :]
        brought = [crop_to(bring(other), own) for bring, other in zip(self.bring[level], others)]  # type: ignore[call-overload]
        return torch.cat([own, *brought, x], dim=1)
