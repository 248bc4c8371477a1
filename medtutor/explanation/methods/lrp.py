"""Layer-wise relevance propagation (Bach et al., PLOS ONE 10:e0130140, 2015), on convolutional networks.

Captum's `LRP` does the propagation. Its default rule, epsilon in every layer,
loses most of the score to the biases of a network with batch normalisation, and
what is left is noise. So each layer gets the rule that is recommended for its
place (Montavon et al., "Layer-wise relevance propagation: an overview", 2019;
Kohlbrenner et al., arXiv:1910.09840), and relevance is conserved:

first layer   box rule (z^B): pixels lie between -1 and 1, zero is not special
hidden layer  z+ rule: relevance goes back along what excites a unit
sums          in proportion to what each side adds, if it is positive
last layer    epsilon rule, the only one with a sign: for or against the class

Before that, on a copy, batch normalisation is folded into the convolution
before it, which changes nothing that the network computes in eval mode.
Transformers have rules of their own, see `.attention_lrp`.
"""

from copy import deepcopy

import torch
from captum.attr import LRP
from captum.attr._utils.custom_modules import Addition_Module
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from torch import nn

from ...errors import InputError
from ...models.cnn import Add
from ..anatomy import NORMS, RESHAPING, WEIGHTED, Copied, fold_norms, replace
from ..subject import Answer
from . import attention_lrp
from .method import Method

SUMS = (Add, Addition_Module)
PASSING = (nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Dropout3d)
POOLS = (
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
)
KNOWN = (*WEIGHTED, *NORMS, *SUMS, *PASSING, *POOLS, nn.ReLU)


def check(seen, dims):
    """Raises `InputError` where LRP has no rule for something in the network.

    seen  the `Trace` of the network
    dims  not asked for
    """
    if type(seen.net) in attention_lrp.TRANSFORMERS:
        return
    for call in seen.leaves:
        if not isinstance(call.module, KNOWN):
            raise InputError(
                f"lrp has no rule for {type(call.module).__name__} (layer {call.name}); it works on convolutions,"
                " linear layers, ReLU, pooling and batch normalisation, and on 'vit', 'windowed_vit' and 'hybrid' as"
                " they are built here; choose integrated_gradients"
            )
    if hidden := [name for name in seen.hidden if name not in RESHAPING]:
        raise InputError(
            f"lrp cannot see '{hidden[0]}', which the model computes outside of any module; "
            "write it as a module (nn.ReLU, medtutor.models.cnn.Add)"
        )
    if twice := seen.called_twice():
        raise InputError(
            f"lrp needs each layer called once, but {twice[0]} is called several times; make one for each call"
        )
    weighted = [call for call in seen.leaves if isinstance(call.module, WEIGHTED)]
    if not weighted:
        raise InputError("lrp needs a convolution or a linear layer to start from; the model has none")
    if getattr(weighted[0].module, "groups", 1) != 1:
        raise InputError("lrp needs a first convolution without groups; choose integrated_gradients")
    outputs = {id(call.output): call for call in weighted}
    for call in seen.leaves:
        if isinstance(call.module, NORMS) and id(call.input) not in outputs:
            raise InputError(
                f"lrp needs each batch normalisation right after a convolution, to be folded into it; {call.name}"
                " is not"
            )


def relevance(seen, x, target, layer, options):
    """Relevance of each pixel, (B, C, *spatial); its sum over a sample is the score.

    seen    the `Trace` of the network, which is not changed
    x       float images -1…1, (B, C, *spatial)
    target  class of each sample, (B,)
    """
    if type(seen.net) in attention_lrp.TRANSFORMERS:
        return attention_lrp.relevance(seen, x, target)
    net = deepcopy(seen.net)
    first = _simplify(net, seen)
    low, high = torch.full_like(x, -1.0), torch.full_like(x, 1.0)
    channels = x.shape[1]
    _see_bounds(first, channels)
    bounded = torch.cat([x, low, high], dim=1)  # (B, 3*C, *spatial)
    _check_bounds(net, first, bounded[:1])
    shared, sign = target, 1
    if any(isinstance(hook, Answer) and hook.paired for hook in net._forward_hooks.values()):
        # A network of one output: its score is shared out, and what speaks against it is the same with the sign turned.
        shared, sign = torch.ones_like(target), (2 * target - 1).view(-1, *[1] * (x.dim() - 1))
    parts = LRP(net).attribute(bounded, target=shared)
    return sign * parts.detach().unflatten(1, (3, channels)).sum(dim=1)


def _simplify(net, seen):
    """Fold, exchange and give each layer of the copy its rule; returns the first weighted layer."""
    places = {id(call.output): call.name for call in seen.leaves if isinstance(call.module, WEIGHTED)}
    fold_norms(net, seen)
    for name, module in list(net.named_modules()):
        if next(module.children(), None) is None:
            if isinstance(module, PASSING) and not isinstance(module, nn.Flatten):
                # Identity and Dropout return their input itself; hooks for both would end on one tensor.
                replace(net, name, Copied())
    weighted = [net.get_submodule(name) for name in places.values()]
    for module in net.modules():
        if next(module.children(), None) is None and not isinstance(module, nn.ReLU):
            module.rule = PositiveRule() if isinstance(module, SUMS) else EpsilonRule()
    for module in weighted[1:-1]:
        module.rule = Alpha1_Beta0_Rule(set_bias_to_zero=True)
    weighted[0].rule = BoxRule()
    weighted[-1].rule = SharedBiasRule()  # also where the last is the first: only this rule has a sign
    return weighted[0]


def _see_bounds(layer, channels):
    """Let the first layer take (x, low, high), with no weight on the bounds yet."""
    weight = layer.weight.data  # (out, C, k, k) or, of a linear layer, (out, C*H*W)
    layer.weight = nn.Parameter(torch.cat([weight, torch.zeros_like(weight), torch.zeros_like(weight)], dim=1))
    if isinstance(layer, nn.Linear):
        layer.in_features *= 3
    else:
        layer.in_channels = 3 * channels


def _check_bounds(net, layer, bounded):
    """Raise `InputError` unless (x, low, high) arrive at the first layer as they went in, one after the other."""
    arrived = []
    hook = layer.register_forward_pre_hook(lambda module, inputs: arrived.append(inputs[0]))
    try:
        with torch.no_grad():
            net(bounded)
        _, low, high = arrived[0].chunk(3, dim=1)
        fits = bool((low == -1).all() and (high == 1).all())
    except (IndexError, RuntimeError, ValueError):
        fits = False
    finally:
        hook.remove()
    if not fits:
        raise InputError(
            "lrp needs a first layer that takes the image as it is, its channels in order; choose integrated_gradients"
        )


class BoxRule(EpsilonRule):
    """z^B: relevance in proportion to x·w - low·w⁺ - high·w⁻, which is never negative.

    Works on a layer whose input is (x, low, high), see `_see_bounds`.
    """

    def _manipulate_weights(self, module, inputs, outputs):
        weight = module.weight.data.chunk(3, dim=1)[0]
        module.weight.data = torch.cat([weight, -weight.clamp(min=0), -weight.clamp(max=0)], dim=1)
        if module.bias is not None:
            module.bias.data = torch.zeros_like(module.bias.data)


class SharedBiasRule(EpsilonRule):
    """Epsilon rule whose bias is shared among the inputs, in proportion to what each adds or takes away.

    So nothing is lost to the bias of the classifier, and a score near zero is
    not divided by.
    """

    def _create_backward_hook_output(self, outputs):
        divide = super()._create_backward_hook_output(outputs)

        def hook(grad):
            self.arriving = grad.flatten(1).sum(dim=1)  # (B,)
            return divide(grad)

        return hook

    def _create_backward_hook_input(self, inputs):
        multiply = super()._create_backward_hook_input(inputs)

        def hook(grad):
            relevance = multiply(grad)
            size = relevance.abs()
            over = (-1,) + (1,) * (size.dim() - 1)
            missing = self.arriving - relevance.flatten(1).sum(dim=1)
            shared = relevance + size * (missing / size.flatten(1).sum(dim=1).clamp(min=1e-12)).view(over)
            grad.replace_out = shared  # what captum's hook on a ReLU before this layer reads
            return shared

        return hook


class PositiveRule(EpsilonRule):
    """A sum gives relevance back in proportion to its positive terms: no division by a difference."""

    def forward_hook_weights(self, module, inputs, outputs):
        super().forward_hook_weights(module, inputs, outputs)
        for device, terms in module.activations.items():
            module.activations[device] = tuple(term.clamp(min=0) for term in terms)


LRP_METHOD = Method(
    "Layer-wise relevance propagation",
    "The score shared out layer by layer, down to the pixels; biases get nothing, so that it adds up to the score.",
    "Bach et al., PLOS ONE 10:e0130140 (2015); rules of Kohlbrenner et al., arXiv:1910.09840 (2019)",
    relevance,
    signed=True,
    regional=False,
    sums_to="score",
    guard=check,
    passes=lambda options: 3,
)
