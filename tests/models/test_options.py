"""What a model is built from: out of range, it is one sentence, before any memory is taken."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from medtutor.data import card
from medtutor.errors import InputError
from medtutor.models import MODELS, build, frozen, parameter_count
from medtutor.models.autoencoder import VAE, Autoencoder, Translator
from medtutor.models.cnn import CNN, MLP, VGG, BagOfPatches, LeNet, ResNet18
from medtutor.models.conv_lstm import ConvLSTM, NextFrame
from medtutor.models.gan import Critic, Discriminator, Generator
from medtutor.models.hybrid import CineSegmenter, Fusion, Hybrid, TransformerUNet
from medtutor.models.recurrent import HEADS, FrameEncoder, FrameSequence
from medtutor.models.unet import FCN, AttentionUNet, MultiLevelUNet, ResidualUNet, UNet
from medtutor.models.vit import ViT, WindowedViT

XRAY, SLICES, CINE = card("pneumoniamnist"), card("hippocampus"), card("cine_filling")
HUGE = 10**9
CLASSES = {
    LeNet: (),
    MLP: ("width",),
    VGG: ("widths",),
    CNN: ("widths",),
    BagOfPatches: ("widths",),
    ResNet18: (),
    FrameEncoder: ("features",),
    ConvLSTM: ("hidden", "frames"),
    NextFrame: ("hidden",),
    ViT: ("width", "depth", "heads", "patch", "expansion"),
    Generator: ("latents", "widths"),
    WindowedViT: ("width", "depth", "window"),
    Hybrid: ("widths", "depth"),
    FCN: ("widths",),
    UNet: ("widths",),
    ResidualUNet: ("widths",),
    AttentionUNet: ("widths",),
    MultiLevelUNet: ("widths",),
    TransformerUNet: ("widths", "depth"),
    Autoencoder: ("latents", "widths"),
    VAE: ("latents", "widths"),
    Translator: ("widths",),
    Discriminator: ("widths",),
    Critic: ("widths",),
    Fusion: ("columns",),
    FrameSequence: ("frames",),
}
CASES = [(model, option) for model, options in CLASSES.items() for option in ("channels", *options)]


@pytest.mark.parametrize("model, option", CASES, ids=lambda each: getattr(each, "__name__", each))
@pytest.mark.parametrize("value", [0, -1, 2.5, HUGE, True, None, "many"])
def test_every_option_of_every_model_is_checked(model, option, value):
    if value is None and option in ("widths", "depth", "patch") and model in (CNN, ViT, WindowedViT, Hybrid):
        return  # left out
    value = (value, value, value) if option == "widths" else value
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as raised:
            model(**{option: value})
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


@pytest.mark.parametrize("head", HEADS)
def test_heads_are_checked(head):
    for options in ({"features": 0}, {"outputs": -1}, {"frames": HUGE} if head == "fourier" else {"features": HUGE}):
        with pytest.raises(InputError):
            HEADS[head](**options)


@pytest.mark.parametrize(
    "model, shape",
    [
        (LeNet, (28, 28, 28)),
        (LeNet, (4, 4)),
        (VGG, (28,)),
        (CNN, 28),
        (ViT, (28, 0)),
        (Autoencoder, "big"),
        (Generator, (28, HUGE)),
        (UNet, (1, 2, 3, 4)),
        (ConvLSTM, (3, 3, 3)),
    ],
)
def test_shapes_are_checked(model, shape):
    with pytest.raises(InputError):
        model(shape=shape)


@pytest.mark.parametrize(
    "name, facts, options",
    [
        ("cnn", XRAY, {"widths": (0,)}),
        ("cnn", XRAY, {"widths": ()}),
        ("cnn", XRAY, {"widths": 8}),
        ("cnn", XRAY, {"widths": (HUGE,)}),
        ("vit", XRAY, {"depth": -1}),
        ("vit", XRAY, {"depth": HUGE}),
        ("vit", XRAY, {"expansion": 0}),
        ("vit", XRAY, {"positions": "no"}),
        ("transformer_unet", SLICES, {"depth": 0}),
        ("lstm", CINE, {"hidden": HUGE}),
        ("mlp", replace(XRAY, shape=(4000, 4000)), {"width": 4096}),
        ("patches_together", XRAY, {"widths": (8, 8.5)}),
        ("cnn", XRAY, {"seed": -1}),
        ("cnn", XRAY, {"seed": 2**64}),
        ("cnn", XRAY, {"seed": 1.5}),
    ],
)
def test_build_refuses_before_memory_is_taken(name, facts, options):
    with pytest.raises(InputError) as raised:
        build(name, facts, **options)
    assert "\n" not in str(raised.value)


def test_build_says_that_a_model_would_be_too_large():
    with pytest.raises(InputError, match="model mlp would have 65,5.* parameters .* choose a smaller one"):
        build("mlp", replace(XRAY, shape=(4000, 4000)), width=4096)


def test_build_wants_a_data_set_and_a_name():
    with pytest.raises(InputError, match="takes a Dataset or its Card, not str"):
        build("cnn", "pneumoniamnist")
    for name in (None, 3, ["cnn"]):
        with pytest.raises(InputError, match="unknown model"):
            build(name, XRAY)


def test_numbers_of_numpy_build_the_same_model_and_can_be_stored():
    plain, numpy = (
        build("cnn", XRAY, widths=(4, 8), seed=3),
        build("cnn", XRAY, widths=[np.int64(4), np.int64(8)], seed=np.int64(3)),
    )
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), numpy.state_dict().values()))
    assert numpy.options == {"widths": (4, 8)} and type(numpy.options["widths"][0]) is int


@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet18"])
def test_building_leaves_the_random_state_and_draws_as_torch_would(name):
    family = MODELS[name]
    facts = CINE if family.takes == "sequences" else SLICES if family.answers == "mask" else XRAY
    before = torch.random.get_rng_state()
    built = build(name, facts, seed=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        frames = {"frames": facts.frames} if facts.frames else {}
        by_torch = family.model(facts.channels, facts.shape, len(facts.classes), **frames)
    assert all(torch.equal(a, b) for a, b in zip(built.state_dict().values(), by_torch.state_dict().values()))


def test_frozen_weights_are_no_trained_numbers():
    whole = build("lstm", CINE)
    half = build("lstm", CINE, encoder=whole.encoder)
    assert parameter_count(whole) == 49_234 and parameter_count(half) == 10_562
    assert frozen(whole) == [] and all(name.startswith("encoder.") for name in frozen(half))
    assert parameter_count(CineSegmenter(Autoencoder(2))) < sum(
        weight.numel() for weight in CineSegmenter(Autoencoder(2)).parameters()
    )
    assert parameter_count(half.encoder) == parameter_count(whole.encoder), "frozen as a whole, it is counted whole"
