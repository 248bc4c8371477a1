"""Class activation maps: the feature maps of one layer, weighted by what they do for the score."""

from captum.attr import LayerGradCam
from torch import nn

from ...errors import InputError
from ..anatomy import feature_maps
from .method import Method


def _grad_cam(seen, x, target, layer, options):
    return LayerGradCam(seen.net, seen.net.get_submodule(layer)).attribute(x, target=target, relu_attributions=True)


def _needs_feature_maps(seen, dims):
    maps = feature_maps(seen, dims)
    if not maps:
        raise InputError(
            "grad_cam needs a layer that gives feature maps, and the model has none; choose integrated_gradients"
        )
    names = [call.name for call in seen.calls]
    attention = [place for place, call in enumerate(seen.calls) if isinstance(call.module, nn.Softmax)]
    if attention and max(names.index(name) for name in maps) < max(attention):
        raise InputError(
            "grad_cam needs feature maps behind the attention, and this model answers from its class token; "
            "build it with readout='mean', or choose attention_rollout"
        )


GRAD_CAM = Method(
    "Grad-CAM",
    "The feature maps of one layer, each weighted by its mean gradient, negative sums cut off.",
    "Selvaraju et al., ICCV 2017, arXiv:1610.02391",
    _grad_cam,
    signed=False,
    needs_layer=True,
    guard=_needs_feature_maps,
)
