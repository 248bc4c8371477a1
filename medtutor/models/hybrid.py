"""Hybrids: networks of parts that come from different families, and of an image with a table.

`Hybrid`          convolutions see what is near, attention what is far
`TransformerUNet` a U-Net whose coarsest level is a transformer
`CineSegmenter`   autoencoder + CNN + LSTM: masks of a beating heart that know what masks look like
`Fusion`          an image and a table of numbers, brought together early, late or by gates

Parameters are given for one grey channel, 28 x 28 pixels and two classes,
where a docstring does not say otherwise.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn

from ..errors import InputError, unknown
from .autoencoder import Autoencoder
from .cnn import BATCH_NORM, CONV, GLOBAL_MAX, ResidualBlock
from .options import check, check_shape
from .recurrent import FrameEncoder
from .unet import PlainBlock, UNet
from .vit import Attention, Block, ViT


class Hybrid(ViT):
    """Convolutions first, attention on what they found: a conv stem in place of the patches of `ViT`.

    After Xiao et al., arXiv:2106.14881 (2021), who put a few convolutions before a
    transformer, and Dai et al., arXiv:2106.04803 (2021; CoAtNet), who stack convolution
    stages and attention stages. Changed against `ViT`: the embedding, and two blocks
    less. Changed against `CNN`: attention in place of its last stage.

    (B, 1, 28, 28) -> (B, 24, 28, 28) -> (B, 48, 14, 14) -> (B, 64, 7, 7) -> tokens
    (B, 49, 64) -> (B, 2). 175 k parameters, as many as both parents within 2 %. Volumes
    are halved once more, (B, 64, 4, 4, 4): 217 k, within 5 %.

    Options as of `ViT`, without a patch; `widths` are the channels of the stem.

    >>> Hybrid(depth=1)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    usual_depth = {2: 3, 3: 3}

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        widths: Sequence[int] | None = None,
        width: int = 64,
        depth: int | None = None,
        heads: int = 4,
        expansion: int = 2,
        positions: bool = True,
        readout: str = "mean",
    ) -> None:
        check_shape(shape)
        self.widths = {2: (24, 48), 3: (16, 32)}[len(shape)] if widths is None else widths
        check(widths=self.widths)
        super().__init__(channels, shape, classes, None, width, depth, heads, expansion, positions, readout)

    def embed(
        self, channels: int, shape: Sequence[int], width: int, patch: int | None
    ) -> tuple[nn.Module, tuple[int, ...], tuple[int, ...]]:
        """A convolution, a residual block at each of the stem's widths, and a convolution to the tokens' width."""
        dims, (first, *_) = len(shape), self.widths
        stem = [
            CONV[dims](channels, first, 3, padding=1, stride=1 if dims == 2 else 2, bias=False),
            BATCH_NORM[dims](first),
            nn.ReLU(),
        ]
        steps = enumerate(zip((first, *self.widths), self.widths))
        stem += [
            ResidualBlock(in_channels, out_channels, stride=1 if i == 0 else 2, dims=dims)
            for i, (in_channels, out_channels) in steps
        ]
        stem.append(CONV[dims](self.widths[-1], width, 3, stride=2, padding=1))
        halvings = len(self.widths) + (dims == 3)
        grid = tuple(-(-side // 2**halvings) for side in shape)
        return nn.Sequential(*stem), grid, tuple(shape)


class Tokens(nn.Module):
    """Transformer blocks on the places of a map: (B, D, H, W) -> (B, D, H, W), volumes alike."""

    def __init__(self, width: int, depth: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, Attention(width, heads), expansion) for _ in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])


class TransformerUNet(UNet):
    """A U-Net whose coarsest level also looks at all places at once.

    The idea of TransUNet (Chen et al., arXiv:2102.04306, 2021) at the size of `UNet`:
    narrower convolutions at the coarsest level pay for two blocks of attention. No
    positions are added, padding tells the convolutions where the border is; so other
    sizes are taken, as by every U-Net here.

    For 56 x 40 pixels and three classes the coarsest level is (B, 58, 7, 5), 35 tokens.
    238 k parameters, as many as `UNet` within 2 %.

    depth, heads, expansion  of the blocks, as in `ViT`

    >>> TransformerUNet(widths=(4, 8))(torch.zeros(1, 1, 16, 16)).shape
    torch.Size([1, 3, 16, 16])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (56, 40),
        classes: int = 3,
        widths: Sequence[int] = (12, 24, 48, 58),
        depth: int = 2,
        heads: int = 2,
        expansion: int = 2,
    ) -> None:
        super().__init__(channels, shape, classes, widths)
        check(depth=depth, heads=heads, expansion=expansion)
        if heads < 1 or widths[-1] % heads:
            raise InputError(
                f"heads={heads} do not divide the {widths[-1]} channels of the coarsest level; choose a number that"
                " does"
            )
        if depth < 1:
            raise InputError(f"depth={depth} leaves no block that attends; give 1 or more, or take a UNet")
        self.encoder[-1] = nn.Sequential(
            PlainBlock(widths[-2], widths[-1], len(shape)), Tokens(widths[-1], depth, heads, expansion)
        )


class CineSegmenter(nn.Module):
    """Masks of a beating heart by three families: an autoencoder, a CNN and an LSTM.

    The CNN turns each frame into the code of its mask; the LSTM reads the codes in
    order, both ways, and says what each should be; the autoencoder, which has seen
    masks and no image, draws the mask of the code. After the idea in the title of
    Sufian & Niu, Comput. Biol. Med. 186:109597 (2025), in our own form: that paper
    could not be read.

    autoencoder  trained on masks (B, K, H, W) in -1…1; this model gets a copy of its
                 decoder, which is not trained further
    latents      of the autoencoder; left out, they are read from it
    recurrent    without it, each frame is on its own

    clips (B, T, C, H, W) -> masks (B, T, K, H, W) in about -1…1.

    Raises `InputError` for latents that are not those of the autoencoder.

    >>> masks = Autoencoder(shape=(16, 16), latents=4)
    >>> CineSegmenter(masks, shape=(16, 16))(torch.zeros(1, 3, 1, 16, 16)).shape
    torch.Size([1, 3, 1, 16, 16])
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        latents: int | None = None,
        hidden: int = 48,
        recurrent: bool = True,
    ) -> None:
        super().__init__()
        check(channels=channels, hidden=hidden, recurrent=recurrent)
        check_shape(shape, volumes=False)
        if not hasattr(autoencoder, "latents") or not isinstance(getattr(autoencoder, "decoder", None), nn.Module):
            raise InputError(
                f"{type(autoencoder).__name__} has no decoder; give an Autoencoder that was trained on masks"
            )
        if latents not in (None, autoencoder.latents):
            raise InputError(f"latents={latents}, but the autoencoder has {autoencoder.latents}; leave latents out")
        latents = autoencoder.latents
        self.encoder = FrameEncoder(channels, shape)
        self.code = nn.Linear(48, latents)
        self.recurrence = nn.LSTM(48, hidden, batch_first=True, bidirectional=True) if recurrent else None
        self.change = nn.Linear(2 * hidden, latents) if recurrent else None
        self.decoder = deepcopy(autoencoder.decoder).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.encoder(x.flatten(0, 1)).unflatten(0, x.shape[:2])  # (B, T, 48)
        codes = self.code(features)  # (B, T, latents)
        if self.recurrence is not None and self.change is not None:
            codes = codes + self.change(self.recurrence(features)[0])
        return self.decoder(codes.flatten(0, 1)).unflatten(0, x.shape[:2])


WAYS = ("image", "table", "early", "late", "gated")


def as_masks(numbers: torch.Tensor) -> torch.Tensor:
    """What `CineSegmenter` is to draw, (…, 2, H, W) of -1 and 1: cavity and wall of masks (…, H, W).

    numbers  of classes: 0 background, 1 cavity, 2 wall

    >>> as_masks(torch.tensor([[0, 1, 2]])).tolist()
    [[[-1.0, 1.0, -1.0]], [[-1.0, -1.0, 1.0]]]
    """
    return torch.stack([numbers == 1, numbers == 2], dim=-3).float() * 2 - 1


class EachFrame(nn.Module):
    """A network of single images on every frame of clips (B, T, C, H, W).

    >>> EachFrame(nn.Conv2d(1, 2, 1))(torch.zeros(3, 5, 1, 8, 8)).shape
    torch.Size([3, 5, 2, 8, 8])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class ImageFeatures(nn.Sequential):
    """A small residual CNN without its last layer: (B, C, H, W) -> (B, 64). 77 k parameters."""

    def __init__(self, channels: int = 1, widths: Sequence[int] = (16, 32, 64)) -> None:
        check(channels=channels, widths=widths)
        stem = [nn.Conv2d(channels, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        steps = enumerate(zip((widths[0], *widths), widths))
        blocks = [ResidualBlock(*channels_in_out, stride=1 if i == 0 else 2) for i, channels_in_out in steps]
        super().__init__(*stem, *blocks, GLOBAL_MAX[2](1), nn.Flatten())


class TableFeatures(nn.Module):
    """A row of numbers, some of which may be missing (NaN): (B, columns) -> (B, 16).

    A missing number becomes 0, the mean of a standardised column, and a second
    number says that it is missing: so it can be told from one that is average.
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        check(columns=columns)
        self.layers = nn.Sequential(nn.Linear(2 * columns, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        missing = table.isnan()
        return self.layers(torch.cat([table.nan_to_num(0.0), missing.to(table.dtype)], dim=1))


class Fusion(nn.Module):
    """An image and a table of numbers to one answer: (B, C, H, W), (B, columns) -> logits (B, classes).

    columns  of the table, standardised; NaN where a value is missing
    way      "early"  features side by side, then an MLP: it can let one change what the other means
             "late"   each part gives logits of its own, which are added up: it cannot
             "gated"  each part's features are let through by gates that see both, then a linear layer
             "image", "table"  one part alone

    77 k parameters of the image's part and 0.4 k of the table's; 5 k of the MLP, 7 k of the gates.

    >>> Fusion(way="gated")(torch.zeros(2, 1, 28, 28), torch.zeros(2, 2)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self, channels: int = 1, shape: Sequence[int] = (28, 28), classes: int = 2, columns: int = 2, way: str = "early"
    ) -> None:
        super().__init__()
        if way not in WAYS:
            raise unknown("way of fusion", way, WAYS)
        check(channels=channels, classes=classes, columns=columns)
        check_shape(shape, volumes=False)
        self.way = way
        self.image = ImageFeatures(channels) if way != "table" else None
        self.table = TableFeatures(columns) if way != "image" else None
        self.answer: nn.Module
        if way == "early":
            self.answer = nn.Sequential(nn.Linear(80, 64), nn.ReLU(), nn.Linear(64, classes))
        elif way == "gated":
            self.gates = nn.Sequential(nn.Linear(80, 80), nn.Sigmoid())
            self.answer = nn.Linear(80, classes)
        else:
            self.of_image = nn.Linear(64, classes) if self.image else None
            self.of_table = nn.Linear(16, classes) if self.table else None

    def forward(self, images: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        return self.fuse(self.see(images), table)

    def see(self, images: torch.Tensor) -> torch.Tensor:
        """What the image's part makes of images: (B, C, H, W) -> (B, 64), or (B, 0) where there is none."""
        return self.image(images) if self.image else images.new_zeros(images.shape[0], 0)

    def fuse(self, seen: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """The rest of the way: what `see` made of images (B, 64), and a table (B, columns) -> logits (B, classes)."""
        parts = [seen] if self.image else []
        parts += [self.table(table)] if self.table else []
        if self.way in ("early", "gated"):
            features = torch.cat(parts, dim=1)  # (B, 64 + 16)
            return self.answer(features * self.gates(features) if self.way == "gated" else features)
        heads = [head for head in (self.of_image, self.of_table) if head]
        return sum(head(part) for head, part in zip(heads, parts))
