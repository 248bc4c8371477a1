"""Where a transformer looks: attention weights, what they come to over all blocks, how far they reach.

Attention is not yet an explanation. A weight says from where a token gathered
numbers, not what the numbers said, nor whether they decided anything. Whether the
maps explain is tested like every other map, by deletion, by random weights and by
planted evidence.
"""

from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F

from ..checks import whole
from ..errors import InputError, shown
from .anatomy import covered, title_of
from .draws import generator
from .subject import Subject, is_about_memory, layers, model_of

ANSWER = "answer"  # the query that stands for the network's answer


def is_transformer(run_or_model):
    """Whether a run's model, or a model, gives its attention weights: it then has `attention` and `grid`."""
    model = model_of(run_or_model)
    return callable(getattr(model, "attention", None)) and hasattr(model, "grid")


@dataclass(frozen=True, eq=False)
class AttentionWeights:
    """Where each token of one image looks.

    weights      float32 (blocks, heads, N, N); each row adds up to 1
    grid         tokens along each side of the image; (7, 7)
    class_token  whether token 0 is a class token, which stands for no place
    shape        of the image in pixels
    covers       pixels under the grid, where the patches reach beyond the image; left out: its shape
    """

    weights: torch.Tensor
    grid: tuple
    class_token: bool
    shape: tuple
    covers: tuple | None = None

    @property
    def blocks(self):
        return self.weights.shape[0]

    @property
    def heads(self):
        return self.weights.shape[1]

    def seen_from(self, query, block, head=None):
        """What a query looks at, as a map (*grid).

        query  a place (row, column) of the grid, or "answer": the class token, or where there
               is none the mean over all tokens, of which the answer is made
        block  0 … blocks - 1
        head   0 … heads - 1; left out: the mean over heads

        A class token's own share is left out, so a map adds up to 1 or a little less.
        Raises `InputError` for a query, block or head that there is not.
        """
        block = self._checked(block, self.blocks, "block")
        head = None if head is None else self._checked(head, self.heads, "head")
        weights = self.weights[block].mean(dim=0) if head is None else self.weights[block, head]
        return self._row(weights, query)

    def rollout(self, query=ANSWER, upto=None):
        """What has reached a query through the first blocks, `upto` of them or all: a map (*grid). See `rollout`."""
        try:
            upto = self.blocks if upto is None else whole("upto", upto, 1, self.blocks)
        except InputError:
            raise InputError(f"upto is {shown(upto)}; give how many blocks, 1…{self.blocks}") from None
        return self._row(rollout(self.weights[:upto]), query)

    def distances(self):
        """How far each head looks, in pixels: (blocks, heads), the mean over all tokens.

        The distance between the centres of two patches, weighted by attention (Dosovitskiy
        et al., 2020, figure 7). A class token has no place and is left out.
        """
        weights = self.weights[..., self.class_token :, self.class_token :]
        weights = weights / weights.sum(dim=-1, keepdim=True)
        return (weights * self._apart()).sum(dim=-1).mean(dim=-1)

    def even_distance(self):
        """The same for a head that looks at all places alike, pixels: what `distances` are to be held against."""
        return self._apart().mean().item()

    def _apart(self):
        """(N, N): pixels between the centres of two patches."""
        lines = [
            (torch.arange(count) + 0.5) * side / count for count, side in zip(self.grid, self.covers or self.shape)
        ]
        centres = torch.cartesian_prod(*lines).view(prod(self.grid), -1).float()
        return torch.cdist(centres, centres)

    def _row(self, weights, query):
        if isinstance(query, str) and query == ANSWER:
            row = weights[0] if self.class_token else weights.mean(dim=0)
        else:
            row = weights[self._token(query)]
        return row[self.class_token :].view(self.grid)

    def _token(self, place):
        try:
            if not isinstance(place, (tuple, list)) or len(place) != len(self.grid):
                raise InputError("no place of the grid")
            place = [whole("place", at, 0, side - 1) for at, side in zip(place, self.grid)]
        except InputError:
            last = ", ".join(f"0…{side - 1}" for side in self.grid)
            raise InputError(f"query is {shown(place)}; give a place of the grid, ({last}), or {ANSWER!r}") from None
        number = 0
        for at, side in zip(place, self.grid):
            number = number * side + at
        return number + self.class_token

    @staticmethod
    def _checked(number, count, what):
        try:
            return whole(what, number, 0, count - 1)
        except InputError:
            raise InputError(f"{what} {shown(number)} is not there; give 0…{count - 1}") from None


def attention_of(run_or_model, image):
    """The `AttentionWeights` of one uint8 image, (C, H, W) or (H, W).

    Raises `InputError` for a model without attention, and for an image that it does not take.
    """
    if not is_transformer(run_or_model):
        raise InputError(
            f"{title_of(model_of(run_or_model))} is no transformer, so it has no attention to look at; build 'vit',"
            " 'windowed_vit' or 'hybrid'"
        )
    subject = Subject.of(run_or_model)
    with torch.no_grad():
        x = subject.batch(image, many=False)
        subject.scores(x)  # says in a sentence what is wrong with an image or with weights
        weights = torch.stack(_weights(subject.net, x), dim=1)[0]
    shape = tuple(x.shape[2:])
    return AttentionWeights(
        weights.float().cpu(),
        tuple(subject.net.grid),
        _has_class_token(subject.net),
        shape,
        covered(subject.net, shape),
    )


def _weights(net, x):
    """What `attention` of a network gives, a list of (B, heads, N, N).

    Raises `InputError` where it is something else.
    """
    try:
        weights = list(net.attention(x))
        tokens = prod(net.grid) + _has_class_token(net)
        fits = weights and all(each.shape[0] == len(x) and each.shape[2:] == (tokens, tokens) for each in weights)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        fits = False
    if not fits:
        raise InputError(
            f"the attention() of {title_of(net)} does not give one tensor (B, heads, N, N) a block, for the N tokens of"
            " its grid; write it as that of 'vit' is, or choose another method"
        )
    return weights


def rollout(weights):
    """Attention multiplied through the blocks: (…, N, N), each row adding up to 1.

    weights  (blocks, heads, N, N), or a sequence over blocks of (…, heads, N, N)

    The heads' mean, half of it and half of "stays where it is", since every block adds
    to what was there; the product over blocks says which patch has reached which token.
    What is done to the numbers on the way it does not know. Abnar & Zuidema, ACL 2020,
    arXiv:2005.00928.
    """
    through = None
    for each in _checked_blocks(weights):
        mean = each.mean(dim=-3)
        step = (mean + torch.eye(mean.shape[-1], device=mean.device)) / 2
        through = step if through is None else step @ through
    return through


def _checked_blocks(weights):
    """The weights of every block as a list of tensors (…, heads, N, N) of one shape."""
    try:
        weights = [torch.as_tensor(each) for each in weights]
        fits = bool(weights) and all(
            each.is_floating_point() and each.dim() >= 3 and each.shape == weights[0].shape for each in weights
        )
    except (TypeError, ValueError, RuntimeError):
        fits = False
    if not fits or weights[0].shape[-1] != weights[0].shape[-2]:
        raise InputError("give attention weights (blocks, heads, N, N), one matrix for each block and head")
    return weights


def rollout_maps(net, x):
    """The rollout to the answer of each image of a float batch: (B, 1, *grid).

    What `explain` shows as attention_rollout.
    """
    through = rollout(_weights(net, x))  # (B, N, N)
    row = through[:, 0, 1:] if _has_class_token(net) else through.mean(dim=1)
    return row.unflatten(1, tuple(net.grid)).unsqueeze(1)


def _has_class_token(net):
    return getattr(net, "class_token", None) is not None


def receptive_field(run_or_model, place=None, layer=None, images=8, seed=0):
    """How much each pixel can move what a convolution says at one place: float32 (H, W), 0…1, the largest 1.

    place   (row, column) on the layer's map; left out: its middle
    layer   of `layers(run)`; left out: the last with feature maps
    images  of noise over which the size of the gradient is averaged

    Exactly 0 is outside the receptive field: no image whatever lets that pixel be felt. How
    it fades inside is the effective receptive field (Luo et al., arXiv:1701.04128, 2016).
    Raises `InputError` for a layer or a place that there is not, and for volumes.
    """
    images, draws = whole("images", images, 1, 1024), generator(seed)
    subject = Subject.of(run_or_model)
    shape = subject.shape or (28, 28)
    if len(shape) != 2 or subject.dims == 3:
        raise InputError(f"receptive_field is drawn for images, but {subject.title} takes volumes")
    maps = layers(run_or_model)
    if not maps:
        raise InputError(f"{subject.title} has no feature maps, so no receptive field; build 'cnn'")
    layer = list(maps)[-1] if layer is None else layer
    if not isinstance(layer, str) or layer not in maps:
        raise InputError(f"layer {shown(layer)} gives no feature maps; choose one of {', '.join(maps)}")
    rows, columns = maps[layer][1:]
    try:
        row, column = (rows // 2, columns // 2) if place is None else place
        row, column = whole("row", row, 0, rows - 1), whole("column", column, 0, columns - 1)
    except (TypeError, ValueError):
        raise InputError(f"place is {shown(place)}; the map of {layer} is {rows} x {columns}") from None
    found = []
    hook = subject.net.get_submodule(layer).register_forward_hook(lambda module, taken, given: found.append(given))
    try:
        with torch.inference_mode(False), torch.enable_grad():
            grey = subject.blank()
            noise = torch.randn(images, *grey.shape[1:], dtype=torch.float32, generator=draws)
            x = noise.to(grey).requires_grad_()
            subject.net(x)
            gradient = torch.autograd.grad(found[-1][:, :, row, column].abs().sum(), x)[0]
    except RuntimeError as error:
        if is_about_memory(error):
            raise
        raise InputError(
            f"{subject.title} has no receptive field at {layer}: no gradient reaches the image from there"
        ) from error
    finally:
        hook.remove()
    field = gradient.abs().sum(dim=(0, 1)).float().cpu()
    return field / field.max().clamp(min=1e-12)


def enlarged(grid_map, shape, covers=None):
    """A map on the grid of tokens as pixels: each patch one value, (H, W). `covers` as of `AttentionWeights`."""
    pixels = F.interpolate(grid_map[None, None].float(), size=tuple(covers or shape), mode="nearest")[0, 0]
    return pixels[tuple(slice(side) for side in shape)]
