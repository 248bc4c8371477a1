"""Attention that can be looked at: by hand in fractions, and as a method of `explain` beside the others."""

from fractions import Fraction
from functools import cache
from math import sqrt

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import blobs
from torch import nn

import medtutor as mt
from medtutor.data import card
from medtutor.data.dataset import normalise
from medtutor.errors import InputError
from medtutor.explanation import (
    METHODS,
    AttentionWeights,
    attention_of,
    cascade,
    explain,
    explain_batch,
    layers,
    methods_for,
    randomised,
    receptive_field,
    rollout,
    score,
    weighted_layers,
)
from medtutor.explanation.attention import enlarged, is_transformer

SMALL = {"width": 16, "depth": 2, "heads": 2}
TRANSFORMERS = ("vit", "windowed_vit", "hybrid")


@cache
def _data():
    sets = [blobs(count, seed, size=28) for seed, count in enumerate((48, 20, 20))]
    return mt.from_arrays(*sets, classes=["top", "bottom"], name="squares")


@cache
def trained(name="vit", **options):
    return mt.fit(
        mt.build(name, _data(), **SMALL, **options), _data(), mt.Recipe(epochs=2, batch_size=16), progress=False
    )


def image(number=0):
    return _data().test.images[number]


def tables(*rows):
    """(blocks, heads, N, N) of fractions written as text."""
    return torch.tensor(
        [[[[float(Fraction(one)) for one in row.split()] for row in head] for head in block] for block in rows]
    )


# Two blocks of two heads on two tokens; the heads' means are (3/4 1/4, 1/4 3/4) and (0 1, 1/2 1/2).
TWO = tables([["1 0", "1/2 1/2"], ["1/2 1/2", "0 1"]], [["0 1", "0 1"], ["0 1", "1 0"]])


# By hand --------------------------------------------------------------------------------------


def test_rollout_of_two_blocks_in_fractions():
    """Half of each step stays: (7/8 1/8, 1/8 7/8), then (1/2 1/2, 1/4 3/4). The later one stands on the left."""
    assert rollout(TWO[:1]).tolist() == [[7 / 8, 1 / 8], [1 / 8, 7 / 8]]
    assert rollout(TWO).tolist() == [[1 / 2, 1 / 2], [5 / 16, 11 / 16]]
    assert rollout(TWO.flip(0)).tolist() == [[15 / 32, 17 / 32], [9 / 32, 23 / 32]]
    # For many images at once, and as a list over blocks, as the model gives it.
    batch = [torch.stack([block, block.flip(0)]) for block in TWO]
    assert torch.equal(rollout(batch), rollout(TWO).expand(2, 2, 2))


def test_rows_of_the_rollout_add_up_to_one():
    weights = torch.rand(5, 3, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(-1)
    through = rollout(weights)
    torch.testing.assert_close(through.sum(-1), torch.ones(9, dtype=torch.float64))
    assert (through > 0).all()
    # Whoever looks at itself alone stays where it is; whoever looks at all alike gets half of that in every block.
    assert torch.equal(rollout(torch.eye(4).expand(3, 2, 4, 4)), torch.eye(4))
    even = rollout(torch.full((2, 1, 4, 4), 1 / 4))
    torch.testing.assert_close(even, torch.eye(4) / 4 + (1 - 1 / 4) / 4)


def weights_of(rows, grid, class_token=False, **about):
    return AttentionWeights(rows, grid, class_token, **({"shape": grid} | about))


def test_maps_of_one_query_by_hand():
    one = weights_of(TWO, (1, 2))
    assert (one.blocks, one.heads) == (2, 2)
    assert one.seen_from((0, 1), 0).tolist() == [[1 / 4, 3 / 4]]
    assert one.seen_from((0, 1), 0, head=1).tolist() == [[0, 1]]
    assert one.seen_from("answer", 0).tolist() == [[1 / 2, 1 / 2]]
    assert one.seen_from("answer", 1).tolist() == [[1 / 4, 3 / 4]]  # the mean over both tokens
    assert one.rollout((0, 1)).tolist() == [[5 / 16, 11 / 16]]
    assert one.rollout().tolist() == [[13 / 32, 19 / 32]]
    assert one.rollout(upto=1).tolist() == [[1 / 2, 1 / 2]]
    with_class = weights_of(TWO, (1, 1), class_token=True)
    assert with_class.seen_from("answer", 0).tolist() == [[1 / 4]]  # its own 3/4 are no place
    assert with_class.seen_from((0, 0), 0).tolist() == [[3 / 4]] and with_class.rollout().tolist() == [[1 / 2]]


def test_tokens_stand_row_by_row():
    rows = torch.arange(6.0).expand(1, 1, 6, 6) + 10 * torch.arange(6.0)[:, None]
    assert weights_of(rows, (2, 3)).seen_from((1, 0), 0).tolist() == [[30, 31, 32], [33, 34, 35]]
    cube = torch.arange(12.0).expand(1, 1, 12, 12) + 100 * torch.arange(12.0)[:, None]
    assert weights_of(cube, (2, 3, 2)).seen_from((1, 2, 0), 0)[1].tolist() == [[1006, 1007], [1008, 1009], [1010, 1011]]


def test_distances_on_two_by_two_patches():
    """Centres are 4 pixels apart down and 2 across; so two patches are 2, 4 or the root of 20 apart."""
    itself, even = torch.eye(4), torch.full((4, 4), 1 / 4)
    beside, across = torch.eye(4)[[1, 0, 3, 2]], torch.eye(4)[[3, 2, 1, 0]]
    mixed = torch.stack([itself[0], beside[1], torch.eye(4)[0], across[3]])  # 0, 2, 4 and the root of 20
    one = weights_of(
        torch.stack([torch.stack([itself, even, beside]), torch.stack([across, mixed, even])]), (2, 2), shape=(8, 4)
    )
    everywhere = (0 + 2 + 4 + sqrt(20)) / 4
    expected = torch.tensor([[0, everywhere, 2], [sqrt(20), everywhere, everywhere]])
    torch.testing.assert_close(one.distances(), expected)
    assert one.even_distance() == pytest.approx(everywhere)


def test_distances_leave_the_class_token_out():
    """A patch that gives the class token half of its attention looks as far as with the other half alone."""
    rows = torch.tensor([[0.2, 0.4, 0.4], [0.5, 0.25, 0.25], [0.5, 0.5, 0.0]])[None, None]
    one = weights_of(rows, (1, 2), class_token=True, shape=(4, 6))
    torch.testing.assert_close(one.distances(), torch.tensor([[(3 / 2 + 3) / 2]]))
    assert one.even_distance() == pytest.approx(3 / 2)


def test_distances_in_volumes_and_where_patches_reach_beyond_the_image():
    even = torch.full((1, 1, 8, 8), 1 / 8)
    cube = weights_of(even, (2, 2, 2), shape=(4, 4, 4))
    assert cube.even_distance() == pytest.approx((3 * 2 + 3 * sqrt(8) + sqrt(12)) / 8)
    torch.testing.assert_close(cube.distances(), torch.tensor([[cube.even_distance()]]))
    beyond = weights_of(torch.full((1, 1, 2, 2), 1 / 2), (1, 2), shape=(5, 8), covers=(5, 10))
    assert beyond.even_distance() == pytest.approx(5 / 2)


def test_a_patch_enlarged_is_its_pixels():
    values = torch.tensor([[1.0, 2], [3, 4]])
    assert enlarged(values, (2, 4)).tolist() == [[1, 1, 2, 2], [3, 3, 4, 4]]
    assert enlarged(values, (3, 5), covers=(4, 6)).tolist() == [[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [3, 3, 3, 4, 4]]
    assert enlarged(values[None], (2, 2, 2)).shape == (2, 2, 2)


@pytest.mark.parametrize(
    "ask, words",
    [
        (
            lambda one: one.seen_from("anser", 0),
            r"query is 'anser'; give a place of the grid, \(0…1, 0…2\), or 'answer'",
        ),
        (lambda one: one.seen_from((2, 0), 0), r"query is \(2, 0\)"),
        (lambda one: one.seen_from((0, -1), 0), r"query is \(0, -1\)"),
        (lambda one: one.seen_from((0,), 0), "query is"),
        (lambda one: one.seen_from((0.5, 1), 0), "query is"),
        (lambda one: one.seen_from(3, 0), "query is 3"),
        (lambda one: one.seen_from((0, 0), 2), "block 2 is not there; give 0…1"),
        (lambda one: one.seen_from((0, 0), -1), "block -1 is not there"),
        (lambda one: one.seen_from((0, 0), "first"), "block 'first' is not there"),
        (lambda one: one.seen_from((0, 0), 0, head=3), "head 3 is not there; give 0…2"),
        (lambda one: one.rollout((0, 5)), "query is"),
        (lambda one: one.rollout(upto=0), "upto is 0; give how many blocks, 1…2"),
        (lambda one: one.rollout(upto=3), "upto is 3"),
        (lambda one: one.rollout(upto="all"), "upto is 'all'"),
        (lambda one: one.seen_from((True, 0), 0), r"query is \(True, 0\)"),
        (lambda one: one.seen_from((0, 0), True), "block True is not there"),
        (lambda one: one.rollout(upto=True), "upto is True"),
        (lambda one: one.seen_from(None, 0), "query is None"),
        (lambda one: rollout(3), r"give attention weights \(blocks, heads, N, N\)"),
        (lambda one: rollout(one.weights[..., :2]), "give attention weights"),
        (lambda one: rollout([]), "give attention weights"),
    ],
)
def test_what_there_is_not_is_said(ask, words):
    with pytest.raises(InputError, match=words):
        ask(weights_of(torch.full((2, 3, 6, 6), 1 / 6), (2, 3)))


def test_places_and_blocks_may_be_numbers_of_numpy():
    one = weights_of(torch.rand(2, 3, 6, 6).softmax(-1), (2, 3))
    assert torch.equal(
        one.seen_from((np.int64(1), 2), np.int64(1), head=torch.tensor(2)), one.seen_from((1, 2), 1, head=2)
    )
    assert torch.equal(rollout(one.weights.numpy()), rollout(one.weights))


# Of a network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_weights_of_an_image_are_those_of_the_model(name):
    run = trained(name)
    found = attention_of(run, image())
    with torch.no_grad():
        expected = run.model.eval().attention(normalise(image()[None]))
    torch.testing.assert_close(found.weights, torch.cat(expected), atol=1e-5, rtol=1e-4)
    assert found.grid == run.model.grid and found.shape == (28, 28) == found.covers and not found.class_token
    torch.testing.assert_close(found.weights.sum(-1), torch.ones_like(found.weights[..., 0]))
    assert found.seen_from("answer", 1).shape == found.grid and found.rollout().sum().item() == pytest.approx(
        1, abs=1e-5
    )
    assert found.distances().shape == (2, 2) and 0 < found.distances().max() < 28 * sqrt(2)
    assert not found.weights.requires_grad


def test_a_class_token_stands_before_the_patches():
    found = attention_of(trained(readout="class"), image())
    assert found.class_token and found.weights.shape == (2, 2, 50, 50)
    torch.testing.assert_close(found.seen_from("answer", 0, head=1), found.weights[0, 1, 0, 1:].view(7, 7))
    torch.testing.assert_close(found.seen_from((1, 2), 1, head=0), found.weights[1, 0, 1 + 9, 1:].view(7, 7))
    torch.testing.assert_close(found.rollout((1, 2)), rollout(found.weights)[1 + 9, 1:].view(7, 7))
    assert found.rollout().sum() < 1


def test_windows_do_not_see_beyond_themselves():
    found = attention_of(trained("windowed_vit"), image())
    seen = found.seen_from((0, 0), 0)
    assert found.grid == (14, 14) and (seen[:7, :7] > 0).all() and seen.sum().item() == pytest.approx(1, abs=1e-5)
    assert seen[7:].sum() == 0 == seen[:, 7:].sum()
    assert found.distances().max() < found.even_distance()


def test_of_a_run_saved_and_loaded_of_a_bare_model_and_of_a_picture_without_channel(tmp_path):
    run = trained()
    expected = attention_of(run, image())
    run.save(tmp_path / "run")
    loaded = mt.Run.load(tmp_path / "run")
    assert torch.equal(attention_of(loaded, image()).weights, expected.weights)
    assert torch.equal(attention_of(run.model, image()[0].numpy()).weights, expected.weights)
    with torch.inference_mode():
        assert torch.equal(attention_of(run, image()).weights, expected.weights)


@pytest.mark.parametrize(
    "shape, options",
    [
        ((3, 28, 28), {}),
        ((1, 16, 16, 16), {}),
        ((1, 64, 40), {}),
        ((1, 30, 30), {"readout": "class"}),
        ((3, 9, 12, 17), {"readout": "class"}),
    ],
)
@pytest.mark.parametrize("name", ["ViT", "Hybrid"])
def test_colour_volumes_and_other_sizes(shape, options, name):
    model = getattr(mt.models, name)(shape[0], shape[1:], 3, **SMALL, **options)
    picture = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = attention_of(model, picture)
    assert found.seen_from("answer", 0).shape == model.grid == found.grid and found.covers == model.covers
    attribution = explain(model, picture, "attention_rollout", target=2)
    assert attribution.raw.shape == (1, *model.grid) and attribution.map.shape == shape[1:]
    torch.testing.assert_close(attribution.raw[0], found.rollout())


def test_looking_leaves_the_model_as_it_was():
    model = mt.build("vit", _data(), **SMALL).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attention_of(model, image())
    explain(model, image(), "attention_rollout")
    receptive_field(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_who_is_a_transformer():
    shown = {name: is_transformer(mt.build(name, _data())) for name in mt.models.models_for(_data())}
    assert [name for name, there in shown.items() if there] == list(TRANSFORMERS) and shown["cnn"] is False
    unet = mt.models.AttentionUNet()  # it has gates, which it calls attention, and no tokens
    assert not is_transformer(unet) and not is_transformer(mt.models.TransformerUNet()) and not is_transformer("vit")
    for name in ("cnn", "bag_of_patches"):
        with pytest.raises(InputError, match=f"{name} is no transformer, so it has no attention.*build 'vit'"):
            attention_of(mt.build(name, _data()), image())
    with pytest.raises(InputError, match=r"the image has shape \(1, 20, 28\); vit takes \(1, 28, 28\)"):
        attention_of(trained(), image()[:, :20])
    with pytest.raises(InputError, match="give uint8"):
        attention_of(trained(), normalise(image()))
    with pytest.raises(InputError, match="cannot take an image of shape"):
        attention_of(mt.models.ViT(shape=(28, 28)), image()[:, :16])


# As a method of explain -----------------------------------------------------------------------


@pytest.mark.parametrize("name, options", [(name, {}) for name in TRANSFORMERS] + [("vit", {"readout": "class"})])
def test_the_map_is_the_rollout_and_the_same_for_every_target(name, options):
    run = trained(name, **options)
    found = attention_of(run, image())
    ours = [explain(run, image(), "attention_rollout", target=target) for target in (0, "bottom", None)]
    for one in ours:
        torch.testing.assert_close(one.raw[0], found.rollout())
        large = F.interpolate(found.rollout()[None, None], (28, 28), mode="bilinear", align_corners=False)[0, 0]
        torch.testing.assert_close(one.map, large)
        assert torch.equal(one.map, ours[0].map) and (one.map >= 0).all()
        assert one.layer is None and one.options == {} and one.expected_sum is None and one.completeness_error is None
    assert (
        ours[0].target.name == "top"
        and ours[1].target.name == "bottom"
        and "Attention rollout for 'top'" in str(ours[0])
    )
    together = explain_batch(run, _data().test.images[:3], "attention_rollout")
    torch.testing.assert_close(together[0].map, ours[2].map, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(together[0].map, together[1].map, rtol=1e-4, atol=1e-6)


def test_a_map_lies_on_the_pixels_that_its_patches_cover():
    """64 pixels, patches of 10: the last one has 4 pixels of the image, and must not be spread over more."""

    class Looks(mt.models.ViT):
        """Every token looks at the one in row 1, column 6 alone."""

        def attention(self, x):
            weights = torch.zeros(len(x), 1, 49, 49)
            weights[..., 13] = 1
            return [weights] * 30

    model = Looks(shape=(64, 64), **SMALL)
    attribution = explain(model, torch.zeros(1, 64, 64, dtype=torch.uint8), "attention_rollout")
    assert model.covers == (70, 70) and divmod(attribution.map.argmax().item(), 64) == (14, 63)
    large = F.interpolate(attribution.raw[None], (70, 70), mode="bilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(attribution.map, large[:64, :64])
    # Grad-CAM on the tokens likewise.
    model = mt.models.ViT(shape=(64, 64), **SMALL)
    attribution = explain(model, torch.randint(0, 256, (1, 64, 64), dtype=torch.uint8), "grad_cam")
    large = F.interpolate(attribution.raw[None], (70, 70), mode="bilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(attribution.map, large[:64, :64])


def test_methods_for():
    everywhere = [name for name in METHODS if name != "attention_rollout"]
    assert [name for name, method in METHODS.items() if method.needs_attention] == ["attention_rollout"]
    assert methods_for(mt.build("cnn", _data())) == everywhere and methods_for(nn.Linear(1, 1)) == everywhere
    assert methods_for(trained()) == methods_for(trained().model) == list(METHODS)


CHEAP = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "kernel_shap": {"samples": 20, "patch": 7},
    "rise": {"samples": 20, "cells": 3},
    "occlusion": {"window": 7, "stride": 7},
}
REFUSED = {
    "deep_lift": r"no rule for LayerNorm \(layer blocks.0.norm1",
    "guided_backprop": "changes ReLUs, and the model has none",
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_works_on_a_vit_or_says_why_not(method):
    if method in REFUSED:
        with pytest.raises(InputError, match=REFUSED[method]):
            explain(trained(), image(), method)
        return
    one = explain(trained(), image(), method, target=1, **CHEAP.get(method, {}))
    assert one.map.shape == (28, 28) and torch.isfinite(one.map).all() and one.map.abs().max() > 0
    if method == "integrated_gradients":
        assert explain(trained(), image(), method, steps=128).completeness_error < 0.02


def test_a_hybrid_says_why_not_as_well():
    with pytest.raises(InputError, match="no rule for LayerNorm"):
        explain(trained("hybrid"), image(), "deep_lift")
    assert explain(trained("hybrid"), image(), "guided_backprop").map.abs().max() > 0  # its stem has ReLUs


def test_a_cnn_has_no_attention_to_roll_out():
    for model in (mt.build("cnn", _data(), widths=(4, 8, 8)), mt.build("mlp", _data())):
        with pytest.raises(
            InputError,
            match="needs a transformer that returns its attention.*build 'vit'.*choose one of saliency.*kernel_shap"
            ", rise$",
        ):
            explain(model, image(), "attention_rollout")


def test_grad_cam_needs_maps_behind_the_attention():
    grad_cam = explain(trained(), image(), "grad_cam")
    assert grad_cam.layer == "as_maps" and grad_cam.raw.shape == (1, 7, 7)
    assert explain(trained("hybrid"), image(), "grad_cam", layer="embedding.4").raw.shape == (1, 14, 14)
    for name in ("vit", "hybrid"):
        with pytest.raises(
            InputError, match="answers from its class token; build it with readout='mean', or choose attention_rollout"
        ):
            explain(trained(name, readout="class"), image(), "grad_cam")


@pytest.mark.parametrize("name, last", [("vit", "as_maps"), ("windowed_vit", "as_maps"), ("hybrid", "as_maps")])
def test_attention_weights_are_no_feature_maps(name, last):
    found = layers(trained(name))
    assert not any("softmax" in layer for layer in found) and list(found)[-1] == last
    assert found["embedding"] == found["as_maps"] == (16, *trained(name).model.grid)


def test_scores_stand_beside_a_rollout():
    run = trained()
    told = score(run, image(), explain(run, image(), "attention_rollout"))
    assert 0 <= told.deletion <= 1 and 0 <= told.insertion <= 1 and told.completeness_error is None


def test_a_transformer_can_be_randomised_layer_by_layer():
    run = trained(readout="class")
    names = weighted_layers(run)
    assert list(names)[0] == "classifier" and list(names)[-3:] == ["positions", "class_token", "embedding.0"]
    blank, weights = randomised(run).model.state_dict(), run.model.state_dict()
    assert not any(torch.equal(value, weights[name]) for name, value in blank.items())
    blank = randomised(run, "class_token").model.state_dict()
    kept = [name for name, value in blank.items() if torch.equal(value, weights[name])]
    assert kept == ["embedding.0.weight", "embedding.0.bias"]
    stages = cascade(run, _data().test.images[:2], "attention_rollout")
    assert stages[1].layer == "classifier" and stages[1].similarity == pytest.approx(
        1, abs=1e-6
    )  # the head is never asked
    assert stages[-1].similarity < 0.9


# The receptive field --------------------------------------------------------------------------


class Stack(nn.Module):
    """Kernels 3, 3 and 5, the second with a stride of 2: 3, then 5, then 5 + 4 * 2 pixels."""

    def __init__(self):
        super().__init__()
        self.first, self.relu1 = nn.Conv2d(1, 8, 3, padding=1), nn.ReLU()
        self.second, self.relu2 = nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU()
        self.third = nn.Conv2d(8, 4, 5, padding=2)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.pool(self.third(self.relu2(self.second(self.relu1(self.first(x)))))).flatten(1))


@pytest.mark.parametrize("layer, side, jump", [("first", 3, 1), ("relu1", 3, 1), ("second", 5, 2), ("third", 13, 2)])
@pytest.mark.parametrize("place", [(7, 7), (0, 0), (13, 4), (6, 13)])
def test_the_receptive_field_is_what_kernels_and_strides_say(layer, side, jump, place):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        field = receptive_field(Stack(), place=place, layer=layer)
    expected = torch.zeros(28, 28, dtype=torch.bool)
    (top, left), half = (jump * at for at in place), side // 2
    expected[max(0, top - half) : top + half + 1, max(0, left - half) : left + half + 1] = True
    assert torch.equal(field > 0, expected)
    assert field.max() == 1 and field.dtype == torch.float32 and field.shape == (28, 28)


def test_what_is_left_out_is_the_middle_of_the_last_layer():
    model = Stack()
    assert torch.equal(receptive_field(model), receptive_field(model, place=(7, 7), layer="third"))
    assert torch.equal(receptive_field(model, seed=3), receptive_field(model, seed=3))
    assert not torch.equal(receptive_field(model, seed=3), receptive_field(model, seed=4))
    expected = receptive_field(model)
    with torch.inference_mode():  # on a model that was never in another order of memory
        assert torch.equal(receptive_field(model), expected)
        assert torch.isfinite(explain(model, image(), "saliency").map).all()


def test_the_field_of_a_transformer_is_a_patch_before_and_all_after_attention():
    one = receptive_field(trained(), layer="embedding", place=(1, 2)) > 0
    assert one[4:8, 8:12].all() and one.sum() == 16
    assert (receptive_field(trained()) > 0).all()


def test_receptive_fields_that_there_are_not():
    for model, options, words in (
        (trained(), {"layer": "softmax"}, "layer 'softmax' gives no feature maps; choose one of embedding.0"),
        (trained(), {"place": (7, 0)}, r"place is \(7, 0\); the map of as_maps is 7 x 7"),
        (trained(), {"place": (-1, 0)}, "place is"),
        (trained(), {"place": (1, 1, 1)}, "place is"),
        (trained(), {"place": 3}, "place is 3"),
        (trained(), {"place": (1.5, 0)}, r"place is \(1.5, 0\)"),
        (trained(), {"layer": 3}, "layer 3 gives no feature maps"),
        (trained(), {"images": 0}, "images must be from 1 to 1024"),
        (trained(), {"images": 10**9}, "images must be from 1 to 1024"),
        (trained(), {"seed": -1}, "seed must be from 0"),
        (mt.build("mlp", _data()), {}, "mlp has no feature maps, so no receptive field"),
        (mt.build("cnn", card("organmnist3d")), {}, "drawn for images, but cnn takes volumes"),
    ):
        with pytest.raises(InputError, match=words):
            receptive_field(model, **options)
