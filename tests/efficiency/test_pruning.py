"""Pruned: the smallest weights and no others, zeros that stay, and channels that are really gone."""

import pytest
import torch
import torch.nn.utils.prune as torchs
from torch import nn

from medtutor.data import card
from medtutor.efficiency import forward_flops, prune_weights, remove_channels, zeros
from medtutor.errors import InputError
from medtutor.models import CNN, LeNet, ResNet18, parameter_count
from medtutor.training.private import fit_plain


@pytest.fixture
def net():
    torch.manual_seed(0)
    return CNN(shape=(8, 8), widths=(8, 16)).eval()


def test_the_same_weights_go_as_in_torchs_own(net):
    pruned, theirs = prune_weights(net, 0.8), CNN(shape=(8, 8), widths=(8, 16))
    theirs.load_state_dict(net.state_dict())
    layers = [(each, "weight") for each in theirs.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    torchs.global_unstructured(layers, torchs.L1Unstructured, amount=0.8)
    ours = [each for each in pruned.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    for (module, _), our in zip(layers, ours):
        assert torch.equal(module.weight, our.weight)
    assert zeros(pruned) == pytest.approx(0.8, abs=1e-3) and zeros(net) == 0


def test_zeros_stay_zero_in_training_and_the_rest_moves(net):
    pruned = prune_weights(net, 0.7)
    before = pruned.blocks[0].conv1.weight.detach().clone()
    images, labels = torch.rand(32, 1, 8, 8) * 2 - 1, torch.arange(32) % 2
    fit_plain(pruned, images, labels, epochs=2, batch_size=8, progress=False)
    after = pruned.blocks[0].conv1.weight.detach()
    assert torch.equal(after == 0, before == 0) and not torch.equal(after, before)
    assert zeros(pruned) == pytest.approx(0.7, abs=1e-3)


def test_nothing_is_pruned_at_zero(net):
    assert zeros(prune_weights(net, 0)) == 0
    assert parameter_count(remove_channels(net, 0)) == parameter_count(net)


def test_channels_that_do_nothing_are_those_that_go(net):
    """A channel whose factor and offset are zero adds nothing: without it the answers are the same."""
    idle = {0: [1, 2, 5, 7], 1: [0, 3, 4, 8, 9, 10, 11, 15]}
    with torch.no_grad():
        for number, channels in idle.items():
            net.blocks[number].norm1.weight[channels] = 0
            net.blocks[number].norm1.bias[channels] = 0
            net.blocks[number].norm1.running_mean.normal_()
    smaller = remove_channels(net, 0.5)
    x = torch.randn(5, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(smaller(x), net(x), atol=1e-5)
    assert [block.conv1.weight.shape[0] for block in smaller.blocks] == [4, 8]
    assert net.blocks[0].conv1.weight.shape[0] == 8  # the first is left as it was


def test_work_and_file_shrink_with_the_channels():
    facts, net = card("pneumoniamnist"), ResNet18()
    smaller = remove_channels(net, 0.9)
    assert parameter_count(smaller) < 0.2 * parameter_count(net)
    assert forward_flops(smaller, facts) < 0.2 * forward_flops(net, facts)


def test_one_channel_stays():
    assert remove_channels(CNN(widths=(2, 3)), 0.99).blocks[1].conv2.in_channels == 1


@pytest.mark.parametrize("share", [1, -0.1, "half", float("nan")])
@pytest.mark.parametrize("prune", [prune_weights, remove_channels])
def test_shares_that_are_none_are_refused(prune, share, net):
    with pytest.raises(InputError, match="share"):
        prune(net, share)


def test_models_that_have_nothing_to_prune_are_refused():
    with pytest.raises(InputError, match="LeNet has no residual block"):
        remove_channels(LeNet(), 0.5)
    with pytest.raises(InputError, match="no convolution and no linear layer"):
        prune_weights(nn.ReLU(), 0.5)
    with pytest.raises(InputError, match="give a network"):
        prune_weights("cnn", 0.5)
