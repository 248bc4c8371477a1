"""The models: shapes, sizes, and the library that has the same network."""

import pytest
import torch
from torch import nn

import medtutor as mt
from medtutor.data import card
from medtutor.errors import InputError
from medtutor.models import MODELS, build, models_for, parameter_count
from medtutor.models.cnn import Add, ResidualBlock

# As the docstrings say, for one grey channel, 28 x 28 pixels, two classes.
PARAMETERS = {
    "mlp": 108_866,
    "lenet": 61_026,
    "vgg": 287_138,
    "swish_cnn": 287_138,
    "cnn": 173_066,
    "resnet18": 11_168_706,
    "vit": 171_842,
    "windowed_vit": 180_482,
    "hybrid": 174_794,
    "bag_of_patches": 66_442,
    "patches_together": 70_266,
}


NAMES = models_for(card("pneumoniamnist"))


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_parameters(name):
    model = build(name, card("pneumoniamnist"))
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 2)
    assert parameter_count(model) == PARAMETERS[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dataset, size", [("pathmnist", 28), ("bloodmnist", 64), ("organmnist3d", 28)])
def test_channels_size_and_classes_come_from_the_card(name, dataset, size):
    facts = card(dataset, size)
    if facts.dims == 3 and not MODELS[name].volumes:
        with pytest.raises(InputError, match="takes images.*cnn"):
            build(name, facts)
        return
    if name == "resnet18" and facts.dims == 3:
        return  # 33 M parameters: seen once by hand, too slow for each test run
    assert build(name, facts)(torch.zeros(2, facts.channels, *facts.shape)).shape == (2, len(facts.classes))


def test_resnet18_is_torchvisions_with_the_small_stem():
    """The same weights give the same answer in torchvision's ResNet-18, its stem exchanged."""
    from torchvision.models import resnet18

    theirs = resnet18(num_classes=2)
    theirs.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    ours = build("resnet18", card("pneumoniamnist"))
    weights, other = ours.state_dict(), theirs.state_dict()
    assert [value.shape for value in weights.values()] == [value.shape for value in other.values()]
    ours.load_state_dict(dict(zip(weights, other.values())))
    x = torch.randn(3, 1, 28, 28)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), atol=1e-5)


def test_one_relu_module_per_call_site():
    """DeepLift needs each ReLU called once per pass, and sums that it can see."""
    model = build("cnn", card("pneumoniamnist"))
    calls = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.ReLU, Add)):
            module.register_forward_hook(lambda *_, name=name: calls.update({name: calls.get(name, 0) + 1}))
    model(torch.zeros(2, 1, 28, 28))
    assert set(calls.values()) == {1} and sum("add" in name for name in calls) == 3


def test_swish_is_the_only_difference_to_vgg():
    vgg, swish = build("vgg", card("breastmnist")), build("swish_cnn", card("breastmnist"))
    kinds = [(type(a), type(b)) for a, b in zip(vgg.modules(), swish.modules()) if type(a) is not type(b)]
    assert set(kinds[1:]) == {(nn.ReLU, nn.SiLU)}
    assert all(torch.equal(a, b) for a, b in zip(vgg.parameters(), swish.parameters()))


def test_seed_sets_the_weights_and_nothing_else():
    facts = card("pneumoniamnist")
    state = torch.random.get_rng_state()
    first, again, other = (next(build("cnn", facts, seed=seed).parameters()) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "wanted, options, words",
    [("lenett", {}, "did you mean lenet"), ("cnn", {"widht": 3}, "does not take these options.*widht")],
)
def test_wrong_names_are_refused(wanted, options, words):
    with pytest.raises(InputError, match=words):
        build(wanted, card("pneumoniamnist"), **options)


def test_too_small_images_and_sequences_are_refused(tiny):
    from dataclasses import replace

    with pytest.raises(InputError, match="at least 12 pixels"):
        build("lenet", replace(tiny.card, shape=(8, 8)))
    with pytest.raises(InputError, match="sequences"):
        build("cnn", replace(tiny.card, frames=5))
    assert mt.build("mlp", tiny).name == "mlp"


@pytest.mark.parametrize("dims", [2, 3])
def test_a_narrow_block_leaves_pixels_out_as_the_stride_of_its_skip_would(dims):
    block = ResidualBlock(4, 8, stride=2, dims=dims).eval()
    x = torch.randn(3, 4, *[9] * dims)
    skip = block.skip[0]
    strided = (torch.conv2d, torch.conv3d)[dims - 2](x, skip.weight, stride=2)
    expected = block.relu2(block.norm2(block.conv2(block.relu1(block.norm1(block.conv1(x))))) + block.skip[1](strided))
    torch.testing.assert_close(block(x), expected)


def test_a_narrow_network_is_trained_in_the_memory_order_of_training():
    """On a processor without AVX-512, with torch 2.14.1, such a backward pass ended the process."""
    block = ResidualBlock(4, 8, stride=2).to(memory_format=torch.channels_last)
    x = torch.randn(160, 4, 28, 28).contiguous(memory_format=torch.channels_last)
    for _ in range(20):
        block(x).square().sum().backward()
    assert block.skip[0].weight.grad.isfinite().all()
