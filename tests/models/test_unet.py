"""The segmentation networks: sizes, what each changes against U-Net, and MONAI's attention gate."""

import pytest
import torch
from torch import nn

from medtutor.errors import InputError
from medtutor.models import parameter_count
from medtutor.models.cnn import Add, ResidualBlock
from medtutor.models.hybrid import TransformerUNet
from medtutor.models.unet import FCN, AttentionGate, AttentionUNet, MultiLevelUNet, PlainBlock, ResidualUNet, UNet

# As the docstrings say, for one grey channel and three classes.
PARAMETERS = {
    FCN: 235_351,
    UNet: 236_455,
    ResidualUNet: 240_363,
    AttentionUNet: 239_695,
    MultiLevelUNet: 234_319,
    TransformerUNet: 237_615,
}
SMALL = {"widths": (4, 8, 12)}


@pytest.mark.parametrize("model", PARAMETERS)
def test_all_have_the_parameters_of_the_unet_within_two_percent(model):
    assert parameter_count(model()) == PARAMETERS[model]
    assert abs(PARAMETERS[model] / PARAMETERS[UNet] - 1) < 0.02


@pytest.mark.parametrize("model", PARAMETERS)
@pytest.mark.parametrize(
    "shape, channels, classes, widths",
    [
        ((56, 40), 1, 3, (12, 24, 48, 64)),
        ((8, 8), 1, 2, (4, 8, 8, 12)),  # the smallest: one pixel at the coarsest level
        ((13, 10), 3, 2, (4, 8, 12)),
        ((9, 15), 1, 3, (4, 8, 8, 12)),
        ((7, 5), 1, 2, (4, 8)),
        ((8, 8, 8), 1, 3, (4, 8, 8, 12)),
        ((5, 11, 6), 2, 3, (4, 8, 12)),
    ],
)
def test_logits_have_the_size_of_the_images(model, shape, channels, classes, widths):
    network = model(channels, shape, classes, widths)
    assert network(torch.randn(2, channels, *shape)).shape == (2, classes, *shape)


@pytest.mark.parametrize("model", PARAMETERS)
def test_a_network_takes_other_sizes_than_it_was_built_for(model):
    assert model(shape=(56, 40), **SMALL)(torch.randn(2, 1, 21, 18)).shape == (2, 3, 21, 18)


@pytest.mark.parametrize("model", PARAMETERS)
def test_one_level_is_refused(model):
    with pytest.raises(InputError, match=r"widths=\(12,\) gives too few levels; give two or more"):
        model(widths=(12,))


@pytest.mark.parametrize("model", PARAMETERS)
def test_gradient_reaches_every_parameter(model):
    torch.manual_seed(0)
    network = model(**SMALL)
    logits = network(torch.randn(4, 1, 20, 12))
    nn.functional.cross_entropy(logits, torch.randint(0, 3, (4, 20, 12))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("model", PARAMETERS)
def test_the_seed_sets_the_weights(model):
    weights = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        weights.append(nn.utils.parameters_to_vector(model(**SMALL).parameters()))
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("model", PARAMETERS)
def test_each_nonlinearity_and_sum_is_a_module_called_once(model):
    network, calls = model(**SMALL), {}
    for name, module in network.named_modules():
        if isinstance(module, (nn.ReLU, nn.Sigmoid, nn.MaxPool2d, Add)):
            calls[name] = 0
            module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    network(torch.zeros(2, 1, 12, 8))
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("model", PARAMETERS)
def test_channels_last_gives_the_same_logits(model):
    network = model(**SMALL).eval()
    x = torch.randn(2, 1, 13, 10)
    expected = network(x)
    faster = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert torch.allclose(faster, expected, atol=1e-5)


def bottleneck_cut(network, x):
    """Logits with the features of the coarsest level set to zero: what is left came over the skips."""
    hook = network.encoder[-1].register_forward_hook(lambda module, taken, given: torch.zeros_like(given))
    logits = network(x)
    hook.remove()
    return logits


@pytest.mark.parametrize("model", PARAMETERS)
def test_only_the_fcn_sees_nothing_past_the_bottleneck(model):
    torch.manual_seed(0)
    network = model(**SMALL).eval()
    first, second = (bottleneck_cut(network, torch.randn(1, 1, 16, 12)) for _ in range(2))
    assert torch.equal(first, second) == (model is FCN)


def level_cut(network, x, level):
    """Logits with the features of one encoder level set to zero for the decoder, but not for the next level."""
    join = network.join
    network.join = lambda y, features, at: join(
        y, [torch.zeros_like(f) if i == level else f for i, f in enumerate(features)], at
    )
    logits = network(x)
    del network.join
    return logits


@pytest.mark.parametrize("model", PARAMETERS)
def test_skips_come_from_the_levels_that_the_docstring_names(model):
    torch.manual_seed(0)
    network, x = model(**SMALL).eval(), torch.randn(1, 1, 16, 12)
    felt = [not torch.equal(level_cut(network, x, level), network(x)) for level in range(3)]
    named = {FCN: [False, False, False], MultiLevelUNet: [True, True, True]}  # the coarsest is no level of the decoder
    assert felt == named.get(model, [True, True, False])


def test_every_decoder_level_of_the_assembly_sees_every_encoder_level():
    """Also where sizes are odd: 13 x 10, 7 x 5, 4 x 3, 2 x 2."""
    network, seen = MultiLevelUNet(widths=(4, 8, 8, 12)), []
    for row in network.bring:
        for bring in row:
            bring.register_forward_hook(lambda module, taken, given: seen.append(tuple(given.shape[1:])))
    network(torch.randn(2, 1, 13, 10))
    assert [len(row) for row in network.bring] == [3, 3, 3]
    assert seen == [
        *[(8, 4, 3), (8, 4, 3), (8, 4, 4)],  # pooled sizes fit, repeated ones are cut afterwards
        *[(8, 7, 5), (8, 8, 6), (8, 8, 8)],
        *[(8, 14, 10), (8, 16, 12), (8, 16, 16)],
    ]


def test_the_unet_with_its_skips_taken_out_is_the_fcn():
    """Same widths, same blocks: only the first convolution of each decoder block is narrower."""
    fcn, unet = FCN(**SMALL), UNet(**SMALL)
    theirs, ours = ({name: value.shape for name, value in network.named_parameters()} for network in (unet, fcn))
    changed = [name for name in theirs if theirs[name] != ours[name]]
    assert list(theirs) == list(ours) and changed == ["decoder.0.0.weight", "decoder.1.0.weight"]
    # The weights for the skips at zero, the rest copied: then both give the same logits.
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            mine = fcn.get_parameter(name)
            if name in changed:
                parameter[:, : mine.shape[1]] = 0.0
                parameter[:, mine.shape[1] :] = mine
            else:
                parameter.copy_(mine)
    x = torch.randn(2, 1, 16, 12)
    assert torch.allclose(unet(x), fcn(x), atol=1e-5)


def test_the_residual_unet_differs_by_its_blocks():
    plain, residual = UNet(**SMALL), ResidualUNet(**SMALL)
    assert sum(isinstance(module, PlainBlock) for module in plain.modules()) == 5
    assert sum(isinstance(module, ResidualBlock) for module in residual.modules()) == 5
    assert not any(isinstance(module, PlainBlock) for module in residual.modules())


@pytest.mark.parametrize("shape", [(56, 40), (13, 10), (5, 11, 6)])
def test_gates_have_the_size_of_their_skip_and_lie_in_0_to_1(shape):
    torch.manual_seed(0)
    network = AttentionUNet(shape=shape, **SMALL)
    x = torch.randn(2, 1, *shape)
    fine, coarse = network.attention(x)
    assert fine.shape == (2, 1, *shape)
    assert coarse.shape == (2, 1, *(-(-side // 2) for side in shape))
    for gate in (fine, coarse):
        assert 0 <= gate.min() < gate.max() <= 1
    assert not any(module._forward_hooks for module in network.modules())


def test_open_gates_make_the_attention_unet_a_unet_and_shut_gates_hide_the_skips():
    torch.manual_seed(0)
    plain, gated = UNet(**SMALL).eval(), AttentionUNet(**SMALL).eval()
    gated.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(2, 1, 16, 12)
    for bias, same in ((60.0, True), (0.0, False)):
        for gate in gated.gates:
            nn.init.constant_(gate.gate[1].bias, bias)
        assert torch.allclose(gated(x), plain(x), atol=1e-5) == same
    for gate in gated.gates:
        nn.init.constant_(gate.gate[1].bias, -60.0)
    assert all(gate.max() < 1e-6 for gate in gated.attention(x))
    first, second = (bottleneck_cut(gated, torch.randn(1, 1, 16, 12)) for _ in range(2))
    assert torch.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_gate_is_monais_attention_block(dims):
    """The same weights give the same numbers; the biases of MONAI's convolutions are idle before normalisation."""
    from monai.networks.nets.attentionunet import AttentionBlock

    torch.manual_seed(0)
    ours, theirs = AttentionGate(8, dims), AttentionBlock(dims, f_int=4, f_g=8, f_l=8)
    pairs = [
        (ours.from_skip[0], theirs.W_x[0].conv),
        (ours.from_below[0], theirs.W_g[0].conv),
        (ours.gate[0], theirs.psi[0].conv),
        (ours.from_skip[1], theirs.W_x[1]),
        (ours.from_below[1], theirs.W_g[1]),
        (ours.gate[1], theirs.psi[1]),
    ]
    for mine, other in pairs:
        nn.init.normal_(mine.weight)
        other.weight.data.copy_(mine.weight)
    skip, x = torch.randn(2, 3, 8, *(6, 5, 4)[:dims])
    assert torch.allclose(ours(skip, x), theirs(x, skip), atol=1e-5)
    idle = sum(other.conv.bias.numel() for other in (theirs.W_x[0], theirs.W_g[0], theirs.psi[0]))
    assert parameter_count(ours) == parameter_count(theirs) - idle


@pytest.mark.parametrize("dims", [2, 3])
def test_the_unet_is_monais_basic_unet_with_the_upsampling_exchanged(dims):
    """The same weights give the same logits. MONAI's has five levels and keeps the two finest equally wide."""
    from monai.networks.nets import BasicUNet

    torch.manual_seed(0)
    widths, shape = (4, 4, 8, 16, 32), (32, 16, 16)[:dims]
    ours = UNet(shape=shape, widths=widths)
    theirs = BasicUNet(dims, 1, 3, features=(*widths, 4), act="relu", norm=("batch", {"affine": True}), bias=False)
    downs = [theirs.down_1, theirs.down_2, theirs.down_3, theirs.down_4]
    ups = [theirs.upcat_1, theirs.upcat_2, theirs.upcat_3, theirs.upcat_4]
    for mine, other in zip(ours.ups, ups):
        other.upsample = mine
    pairs = [
        *zip(ours.encoder, [theirs.conv_0, *(down.convs for down in downs)]),
        *zip(ours.decoder, [up.convs for up in ups]),
        (ours.classifier, theirs.final_conv),
    ]
    for mine, other in pairs:
        mine.load_state_dict(dict(zip(mine.state_dict(), other.state_dict().values())))
    x = torch.randn(2, 1, *shape)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
    assert parameter_count(ours) == parameter_count(theirs)
