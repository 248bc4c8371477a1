"""Weights and channels that matter least are taken away: zeros in place (unstructured), or smaller layers (structured).

Zeros leave every tensor as large as before, and a dense convolution multiplies by them as by any other number. A
channel that is removed makes the tensors, the file and the work smaller.
"""

import copy

import torch
from torch import nn

from .. import checks
from ..errors import InputError
from ..models.cnn import ResidualBlock

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def prune_weights(model: nn.Module, share: float) -> nn.Module:
    """A copy in which the smallest weights of all convolutions and linear layers together are zero, and stay zero.

    share  of the weights, 0 to below 1; offsets and batch norms are left alone

    Magnitude pruning over the whole network (Han et al., arXiv:1506.02626, 2015). Training with SGD, Adam or AdamW
    leaves the zeros at zero, since they get no gradient: train the copy itself, not a copy of it.
    Raises `InputError` for a share out of range and for a model without such layers.

    >>> from medtutor.efficiency import prune_weights, zeros
    >>> zeros(prune_weights(nn.Linear(50, 2), 0.9))
    0.9
    """
    share = checks.number("share", share, 0, below=1)
    pruned = copy.deepcopy(model)
    weights = _weights(pruned)
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights])
    count = round(share * len(sizes))
    if count:
        # By rank, not by a threshold: weights that are alike would all go or all stay.
        gone = torch.zeros(len(sizes), dtype=torch.bool)
        gone[sizes.argsort(stable=True)[:count]] = True
        for weight, out in zip(weights, gone.split([weight.numel() for weight in weights])):
            kept = ~out.view_as(weight)
            with torch.no_grad():
                weight.mul_(kept)
            weight.register_hook(lambda gradient, kept=kept: gradient * kept)
    return pruned


def zeros(model: nn.Module) -> float:
    """The share of the weights of convolutions and linear layers that are zero.

    >>> from medtutor.efficiency import zeros
    >>> zeros(nn.Linear(3, 2))
    0.0
    """
    weights = _weights(model)
    return sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)


def remove_channels(model: nn.Module, share: float) -> nn.Module:
    """A copy whose residual blocks have fewer channels inside, so that its tensors are really smaller.

    model  with a `ResidualBlock`, such as `CNN` or `ResNet18`
    share  of the channels between the two convolutions of each block, 0 to below 1; one stays at least

    Between its two convolutions a block is free: what goes in and out, and what is added to it, keeps its width. A
    channel is worth the factor of its batch norm times the length of the weights that read it; those worth least go.
    Raises `InputError` for a share out of range and for a model without such blocks.

    >>> from medtutor.efficiency import remove_channels
    >>> from medtutor.models import CNN, parameter_count
    >>> net = CNN(widths=(8, 16))
    >>> parameter_count(net), parameter_count(remove_channels(net, 0.75))
    (4986, 1494)
    """
    share = checks.number("share", share, 0, below=1)
    smaller = copy.deepcopy(model)
    blocks = [module for module in smaller.modules() if isinstance(module, ResidualBlock)]
    if not blocks:
        raise InputError(
            f"{type(model).__name__} has no residual block, whose channels could go; give a cnn or resnet18"
        )
    for block in blocks:
        width = block.conv1.out_channels
        left = max(1, width - round(share * width))
        reads = block.conv2.weight.detach().transpose(0, 1).flatten(1).norm(dim=1)
        worth = block.norm1.weight.detach().abs() * reads
        kept = worth.argsort(descending=True, stable=True)[:left].sort().values
        _keep(block, kept)
    return smaller


def _keep(block, kept):
    """Leaves a block only these channels between its convolutions."""
    with torch.no_grad():
        for module, name, axis in (
            (block.conv1, "weight", 0),
            (block.norm1, "weight", 0),
            (block.norm1, "bias", 0),
            (block.conv2, "weight", 1),
        ):
            old = getattr(module, name)
            setattr(module, name, nn.Parameter(old.index_select(axis, kept).clone(), old.requires_grad))
        block.norm1.running_mean = block.norm1.running_mean[kept].clone()
        block.norm1.running_var = block.norm1.running_var[kept].clone()
    block.conv1.out_channels = block.norm1.num_features = block.conv2.in_channels = len(kept)


def _weights(model):
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; give a network, such as build(name, dataset)")
    found = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    if not found:
        raise InputError(f"{type(model).__name__} has no convolution and no linear layer, whose weights could be zero")
    return found
