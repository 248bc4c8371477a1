"""Vision transformers: an image as a set of patches, each of which may look at every other.

Float images (B, C, H, W), or volumes (B, C, D, H, W) where a docstring says so,
in the range -1…1, become tokens (B, N, D), one for each patch; blocks mix them;
the answer is logits (B, classes). Attention is written out here, so that its
weights can be looked at:

    model.attention(images)  # a list, one (B, heads, N, N) for each block

Row i of such a matrix says where token i looks; it adds up to 1. Tokens stand in
the order of `grid`, row by row; a class token stands before them.

Sizes below are for one grey channel, 28 x 28 pixels and two classes.
"""

from collections.abc import Callable, Sequence
from math import ceil, prod, sqrt

import torch
from torch import nn

from ..errors import InputError, unknown
from .cnn import CONV, GLOBAL_MEAN, Add
from .options import check, check_shape

READOUTS = ("mean", "class")
PAD: dict[int, Callable[..., nn.Module]] = {2: nn.ConstantPad2d, 3: nn.ConstantPad3d}
BLACK = -1.0


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    softmax: nn.Module | None = None,
    attn_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scaled dot-product attention: what each query gathers from all values.

    queries, keys, values  (…, N, d) each -> (…, N, d)
    softmax                what turns scores into weights; left out: softmax over the keys
    attn_mask              bool (…, N, N), true where a query must not see a key

    softmax(Q K^T / sqrt(d)) V; Vaswani et al., arXiv:1706.03762 (2017), eq. 1.

    >>> values = torch.tensor([[1.0], [3.0]])
    >>> attend(torch.zeros(2, 4), torch.zeros(2, 4), values)  # all keys alike: the mean of the values
    tensor([[2.],
            [2.]])
    """
    scores = queries @ keys.transpose(-2, -1) / sqrt(queries.shape[-1])  # (…, N, N)
    if attn_mask is not None:
        scores = scores.masked_fill(attn_mask, float("-inf"))
    return (scores.softmax(dim=-1) if softmax is None else softmax(scores)) @ values


class Attention(nn.Module):
    """Multi-head self-attention: (B, N, D) -> (B, N, D).

    Each head attends with D / heads numbers of its own; what the heads gather is put
    side by side and mixed. `softmax` gives the weights, (B, heads, N, N).

    >>> Attention(8, heads=2)(torch.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.softmax = nn.Softmax(dim=-1)  # a module, so that a hook sees the weights
        self.mix = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
        parts = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1))  # (B, N, 3, heads, d)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # (B, heads, N, d) each
        gathered = attend(queries, keys, values, self.softmax, attn_mask)
        return self.mix(gathered.transpose(1, 2).flatten(2))  # (B, N, heads * d)

    def everywhere(self, weights: torch.Tensor) -> torch.Tensor:
        """The weights as they are: (B, heads, N, N)."""
        return weights


class WindowedAttention(nn.Module):
    """Attention inside windows of a grid of tokens: (B, N, D) -> (B, N, D).

    N tokens then cost N * window² products, not N². With a shift the windows lie
    elsewhere, cut off at the grid's edge, so that neighbours which one block keeps
    apart meet in the next. Liu et al., arXiv:2103.14030 (2021); theirs adds a bias
    for the distance of two tokens, ours knows positions from the tokens alone.

    grid    (rows, columns) of tokens, multiples of the window
    window  side of a window in tokens
    shift   tokens by which the windows are moved, 0 … window - 1
    """

    def __init__(self, width: int, heads: int, grid: Sequence[int], window: int, shift: int) -> None:
        super().__init__()
        self.inside = Attention(width, heads)
        self.grid, self.window, self.shift = grid, window, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._joined(self.inside(self._split(x), self._attn_mask(x)))

    def _split(self, x):
        """(B, N, D) -> (B * windows, window², D). Rolled, the shifted windows are a plain grid."""
        maps = x.unflatten(1, self.grid).roll((-self.shift, -self.shift), (1, 2))  # (B, rows, columns, D)
        windows = maps.unflatten(2, (-1, self.window)).unflatten(1, (-1, self.window))  # (B, R, window, C, window, D)
        return windows.transpose(2, 3).reshape(-1, self.window**2, x.shape[-1])

    def _joined(self, windows):
        """The way back."""
        rows, columns = (side // self.window for side in self.grid)
        maps = windows.view(-1, rows, columns, self.window, self.window, windows.shape[-1]).transpose(2, 3)
        return maps.reshape(maps.shape[0], *self.grid, -1).roll((self.shift, self.shift), (1, 2)).flatten(1, 2)

    def _attn_mask(self, x):
        """bool (B * windows, 1, window², window²): what rolling has brought together from opposite edges must not
        meet.
        """
        if not self.shift:
            return None
        over = [torch.arange(side, device=x.device) < self.shift for side in self.grid]
        pieces = (2 * over[0].long()[:, None] + over[1].long()).flatten()  # (N,)
        pieces = self._split(pieces[None, :, None])[..., 0]  # (windows, window²)
        return (pieces[:, :, None] != pieces[:, None]).repeat(x.shape[0], 1, 1).unsqueeze(1)

    def everywhere(self, weights: torch.Tensor) -> torch.Tensor:
        """The weights between all tokens, (B, heads, N, N): 0 where two share no window."""
        tokens = self._split(torch.arange(prod(self.grid))[None, :, None])[..., 0]  # (windows, window²): their numbers
        weights = weights.unflatten(0, (-1, len(tokens))).transpose(1, 2)  # (B, heads, windows, window², window²)
        every = weights.new_zeros(*weights.shape[:2], prod(self.grid), prod(self.grid))
        every[:, :, tokens[:, :, None], tokens[:, None]] = weights
        return every


class Block(nn.Module):
    """Tokens look at each other, then each thinks for itself: (B, N, D) -> (B, N, D).

    Both steps are added to what was there, and normalise first (Xiong et al., arXiv:2002.04745, 2020).
    """

    def __init__(self, width: int, attention: Attention | WindowedAttention, expansion: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = attention
        self.add1 = Add()
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width))
        self.add2 = Add()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.add1(x, self.attention(self.norm1(x)))
        return self.add2(x, self.mlp(self.norm2(x)))


class Learned(nn.Module):
    """Learned numbers, (1, N, D): the positions of the tokens, or a class token."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, tokens, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self) -> torch.Tensor:
        return self.weight


class AsMaps(nn.Module):
    """Tokens (B, N, D) laid out again as the maps that they are, (B, D, rows, columns)."""

    def __init__(self, grid: Sequence[int]) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2).unflatten(2, self.grid)


class ViT(nn.Module):
    """Vision transformer: patches, positions, blocks of attention, a mean over all tokens.

    Dosovitskiy et al., arXiv:2010.11929 (2020), made small. Theirs reads the answer
    from a class token; the mean is what they tried as well, and what Beyer et al.,
    arXiv:2205.01580 (2022), found no worse.

    patch      pixels along the side of a patch; left out: a seventh of the image, a
               quarter of a volume. A side it does not divide is filled up with black:
               `covers` are the pixels with what was filled up
    width      numbers of a token
    depth      blocks; 5, in 3-D 6
    heads      of each attention; they share the width
    expansion  how much wider the hidden layer of a block's MLP is
    positions  without them the network sees a bag of patches
    readout    "mean" of all tokens, or "class": a token of its own that gathers the answer

    (B, 1, 28, 28) -> (B, 64, 7, 7) -> tokens (B, 49, 64) -> (B, 2). 172 k parameters, as
    many as `CNN` within 1 %. Volumes: patches of 7³ pixels, 64 tokens, 227 k parameters.

    Raises `InputError` for heads that do not divide the width, a depth below 1, an
    unknown readout, and patches larger than the image.

    >>> ViT(depth=1).attention(torch.zeros(2, 1, 28, 28))[0].shape
    torch.Size([2, 4, 49, 49])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        patch: int | None = None,
        width: int = 64,
        depth: int | None = None,
        heads: int = 4,
        expansion: int = 2,
        positions: bool = True,
        readout: str = "mean",
    ) -> None:
        super().__init__()
        if readout not in READOUTS:
            raise unknown("readout", readout, READOUTS)
        check(channels=channels, classes=classes, width=width, heads=heads, expansion=expansion, positions=positions)
        check_shape(shape)
        if heads < 1 or width % heads:
            raise InputError(f"heads={heads} do not divide the width of {width}; choose a number that does")
        dims = len(shape)
        depth = self.usual_depth[dims] if depth is None else depth
        check(depth=depth)
        if depth < 1:
            raise InputError(f"depth={depth} leaves no block that attends; give 1 or more")
        self.embedding, self.grid, self.covers = self.embed(channels, shape, width, patch)
        self.class_token = Learned(1, width) if readout == "class" else None
        count = prod(self.grid) + (readout == "class")
        self.positions = Learned(count, width) if positions else None
        self.blocks = nn.Sequential(
            *(Block(width, self.attention_of(number, width, heads), expansion) for number in range(depth))
        )
        self.norm = nn.LayerNorm(width)
        if readout == "mean":
            self.as_maps = AsMaps(self.grid)
            self.pool = GLOBAL_MEAN[dims](1)
            self.flatten = nn.Flatten()
        self.classifier = nn.Linear(width, classes)

    usual_depth = {2: 5, 3: 6}
    multiple = 1  # of which the sides of the grid are

    def embed(
        self, channels: int, shape: Sequence[int], width: int, patch: int | None
    ) -> tuple[nn.Module, tuple[int, ...], tuple[int, ...]]:
        """(module: images -> maps (B, width, *grid), grid, covers).

        One patch, one token: a convolution that never overlaps.
        """
        dims = len(shape)
        patch = ceil(min(shape) / (7 if dims == 2 else 4)) if patch is None else patch
        check(patch=patch)
        if not 1 <= patch <= min(shape):
            raise InputError(
                f"patch={patch} does not fit into images of {' x '.join(map(str, shape))}; give 1…{min(shape)}"
            )
        grid = tuple(ceil(side / patch / self.multiple) * self.multiple for side in shape)
        covers = tuple(patches * patch for patches in grid)
        missing = [length for side, covered in zip(shape[::-1], covers[::-1]) for length in (0, covered - side)]
        fill: list[nn.Module] = [PAD[dims](missing, BLACK)] if any(missing) else []
        return nn.Sequential(*fill, CONV[dims](channels, width, patch, stride=patch)), grid, covers

    def attention_of(self, number: int, width: int, heads: int) -> Attention | WindowedAttention:
        """The attention of block `number`."""
        return Attention(width, heads)

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) to tokens (B, N, D), before any of them has looked at another."""
        tokens = self.embedding(x).flatten(2).transpose(1, 2)  # (B, N, D)
        if self.class_token is not None:
            tokens = torch.cat([self.class_token().expand(x.shape[0], -1, -1), tokens], dim=1)
        return tokens if self.positions is None else tokens + self.positions()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.norm(self.blocks(self.tokens(x)))
        if self.class_token is not None:
            return self.classifier(tokens[:, 0])
        return self.classifier(self.flatten(self.pool(self.as_maps(tokens))))

    def attention(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Where every token looks, block by block: a list of (B, heads, N, N), each row adding up to 1.

        As with `forward`, call `eval()` first, and stay in `torch.no_grad()` where no gradient is wanted.
        """
        found: list[torch.Tensor] = []
        hooks, attentions = [], [block.attention for block in self.blocks if isinstance(block, Block)]
        for attention in attentions:
            softmax = next(module for module in attention.modules() if isinstance(module, nn.Softmax))
            hooks.append(softmax.register_forward_hook(lambda module, taken, weights: found.append(weights)))
        try:
            self(x)
        finally:
            for hook in hooks:
                hook.remove()
        return [attention.everywhere(weights) for attention, weights in zip(attentions, found)]


class WindowedViT(ViT):
    """A ViT whose tokens look no further than their window; every second block moves the windows.

    The windows of Swin (Liu et al., arXiv:2103.14030, 2021), without its merging of
    tokens: the grid stays as it is, so that its maps compare with those of `ViT`.
    Images only; the answer is the mean of the tokens.

    window  tokens along the side of a window; the grid is filled up to a multiple of it.
            Where one window holds all tokens, none is moved

    Patches of 2 pixels, 14 x 14 tokens in four windows of 7 x 7. 180 k parameters.

    Raises `InputError` as `ViT`, and for a window below 1.

    >>> WindowedViT(depth=2)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        classes: int = 2,
        patch: int | None = None,
        width: int = 64,
        depth: int | None = None,
        heads: int = 4,
        expansion: int = 2,
        window: int = 7,
    ) -> None:
        check(window=window)
        check_shape(shape, volumes=False)
        if window < 1:
            raise InputError(f"window={window} holds no token; give 1 or more")
        self.multiple = window
        patch = ceil(min(shape) / 14) if patch is None else patch
        super().__init__(channels, shape, classes, patch, width, depth, heads, expansion)

    def attention_of(self, number: int, width: int, heads: int) -> Attention | WindowedAttention:
        window = self.multiple
        moved = number % 2 and max(self.grid) > window
        return WindowedAttention(width, heads, self.grid, window, window // 2 if moved else 0)
