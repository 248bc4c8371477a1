"""Layer-wise relevance propagation on transformers: the rules of `.lrp`, for numbers of both signs and for attention.

After AttnLRP (Achtibat et al., ICML 2024, arXiv:2402.05602):

softmax        relevance of a score by what it does to the weights: R_i = x_i (R_i - s_i sum R)
product        of two factors each gets half: weights and values, queries and keys
normalisation, GELU
               what comes in gets what goes out, number by number: the identity rule

Tokens have both signs. So the z+ rule of hidden layers becomes: relevance goes back along what pushes a
unit the way that it goes, upwards where it is above 0, downwards where it is below. So it does in sums and means.

A bias takes nothing: that of a layer leaves all to what came in, the positions to the patches. What a softmax takes,
and its scores do not explain, is what even attention would have done too; it goes to the values, which is our
own choice. So all relevance reaches the pixels, but for that of a class token and of black that fills up patches.

Each rule is written as a function with the layer's value, whose gradient times its input is the relevance.
"""

from copy import deepcopy
from math import sqrt
from typing import Any

import torch
from torch import nn

from ...models.cnn import Add
from ...models.hybrid import Hybrid
from ...models.vit import Attention, ViT, WindowedViT
from ..anatomy import WEIGHTED, Trace, fold_norms, replace

TRANSFORMERS = (ViT, WindowedViT, Hybrid)  # whose parts are known; what is made of them may compute anything
MEANS = (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)


def relevance(seen: Trace, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Relevance of each pixel, (B, C, *spatial). Arguments as of `.lrp`."""
    net = deepcopy(seen.net)
    fold_norms(net, seen)
    first = next(call.name for call in seen.leaves if isinstance(call.module, WEIGHTED))
    for name, module in list(net.named_modules()):
        rule = next((rule for kind, rule in RULES.items() if isinstance(module, kind)), None)
        if rule and name not in (first, "classifier"):
            replace(net, name, rule(module))
    net.classifier = Last(net.classifier)
    images = x.detach().requires_grad_()
    kept: dict[str, torch.Tensor] = {}

    def stop(name):
        """A hook that keeps what arrives, and lets the gradient end there."""
        return lambda module, *given: kept.setdefault(name, _alone(given[-1]).detach().requires_grad_())

    net.get_submodule(first).register_forward_pre_hook(lambda module, inputs: kept.update(pixels=inputs[0]))
    net.get_submodule(first).register_forward_hook(stop("first"))
    net.get_submodule("embedding").register_forward_hook(lambda module, inputs, output: kept.update(embedded=output))
    net.get_submodule("blocks").register_forward_pre_hook(stop("tokens"))
    scores = net(images)[torch.arange(len(x)), target]
    tokens = kept["tokens"] * torch.autograd.grad(scores.sum(), kept["tokens"])[0]
    patches = tokens[:, net.class_token is not None :].transpose(1, 2)  # positions leave all to the patches
    passed = patches.reshape(kept["embedded"].shape)
    if kept["embedded"] is not kept["first"]:
        passed = kept["first"] * _back(kept["embedded"], kept["first"], passed)
    passed = _to_pixels(net.get_submodule(first), kept["pixels"], passed)
    return passed if kept["pixels"] is images else torch.autograd.grad(kept["pixels"], images, passed)[0]


def _alone(given):
    return given[0] if isinstance(given, tuple) else given


def _back(output, inputs, relevance):
    """The gradient which, times the input, is what an input gets of the relevance of an output."""
    return torch.autograd.grad(output, inputs, _divided(relevance, output).detach())[0]


def _to_pixels(layer, pixels, passed):
    """The box rule of the first layer: in proportion to (x - low) w⁺ + (x - high) w⁻, which is never negative."""
    up, down = _signs(layer)
    low, high = ((pixels.detach() - bound).requires_grad_() for bound in (-1, 1))
    whole = up(low) + down(high)
    to_low, to_high = torch.autograd.grad(whole, (low, high), _divided(passed, whole).detach())
    return (low * to_low + high * to_high).detach()


def _divided(one, other):
    """one / other, 0 where other is 0."""
    return torch.where(other == 0, 0, one / torch.where(other == 0, 1, other))


def _following(part, value):
    """`value`, whose gradient is that of `part`: its relevance goes to the inputs in proportion to what they add to
    `part`.
    """
    return part * _divided(value, part).detach()


def _signs(layer):
    """A layer of the positive weights and one of the negative ones, both without a bias."""
    up, down = deepcopy(layer), deepcopy(layer)
    for each in (up, down):
        each._forward_hooks.clear(), each._forward_pre_hooks.clear()
        each.bias = None
    up.weight.data.clamp_(min=0), down.weight.data.clamp_(max=0)
    return up, down


class Layer(nn.Module):
    """Linear layers and convolutions: along what pushes each unit the way that it goes."""

    def __init__(self, layer):
        super().__init__()
        self.layer, (self.up, self.down) = layer, _signs(layer)

    def forward(self, x):
        above, below = x.clamp(min=0), x.clamp(max=0)
        rise, fall = self.up(above) + self.down(below), self.up(below) + self.down(above)
        return _following(torch.where(rise + fall > 0, rise, fall), self.layer(x))


class Last(nn.Module):
    """The classifier: in proportion to what each input adds or takes away; so is its bias shared."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        size = x.abs() @ self.layer.weight.abs().T
        return x @ self.layer.weight.T + _following(size, self.layer.bias.expand_as(size))


class Sum(nn.Module):
    """Along the terms that have the sum's sign."""

    def __init__(self, add):
        super().__init__()

    def forward(self, x, y):
        rise, fall = x.clamp(min=0) + y.clamp(min=0), x.clamp(max=0) + y.clamp(max=0)
        return _following(torch.where(x + y > 0, rise, fall), x + y)


class Mean(nn.Module):
    """Along the places that have the mean's sign."""

    def __init__(self, pool):
        super().__init__()
        self.pool = pool

    def forward(self, x):
        mean = self.pool(x)
        return _following(torch.where(mean > 0, self.pool(x.clamp(min=0)), self.pool(x.clamp(max=0))), mean)


class Same(nn.Module):
    """What comes in gets what goes out, number by number."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return _following(x, self.layer(x))


class Attending(nn.Module):
    """`Attention` by the rules of softmax and products."""

    def __init__(self, attention):
        super().__init__()
        self.heads, self.mix = attention.heads, Layer(attention.mix)
        self.queries_keys_values = Layer(attention.queries_keys_values)

    def forward(self, x, attn_mask=None):
        parts = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.mix(Gather.apply(*parts, attn_mask).transpose(1, 2).flatten(2))


class Gather(torch.autograd.Function):
    """softmax(Q K^T / sqrt(d)) V, whose gradients times Q, K and V are their relevance."""

    @staticmethod
    def forward(ctx, queries, keys, values, attn_mask):
        scores = queries @ keys.transpose(-2, -1) / sqrt(queries.shape[-1])  # (…, N, N)
        weights = (scores if attn_mask is None else scores.masked_fill(attn_mask, float("-inf"))).softmax(dim=-1)
        ctx.save_for_backward(queries, keys, values, scores, weights)
        return weights @ values

    @staticmethod
    def backward(ctx, gradient):
        queries, keys, values, scores, weights = ctx.saved_tensors
        half = gradient / 2
        to_weights = half @ values.transpose(-2, -1)
        of_weights = weights * to_weights
        to_scores = of_weights - weights * of_weights.sum(dim=-1, keepdim=True)
        # What the scores do not explain goes to the values, in proportion to what each adds or takes away.
        left = (of_weights - scores * to_scores).sum(dim=-1, keepdim=True)  # (…, N, 1)
        size = (weights @ values.abs() * gradient.abs()).sum(dim=-1, keepdim=True)
        back = weights.transpose(-2, -1)
        to_values = back @ half + values.sign() * (back @ (gradient.abs() * _divided(left, size)))
        to_scores = to_scores / (2 * sqrt(queries.shape[-1]))
        return to_scores @ keys, to_scores.transpose(-2, -1) @ queries, to_values, None


RULES: dict[Any, type[nn.Module]] = {
    Attention: Attending,
    WEIGHTED: Layer,
    Add: Sum,
    MEANS: Mean,
    (nn.LayerNorm, nn.GELU): Same,
}
