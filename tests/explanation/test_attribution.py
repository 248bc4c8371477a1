"""`explain`: right against plain torch, complete, refusing what cannot work, and harmless to the model."""

import copy

import numpy as np
import pytest
import torch
from squares import data, images, run, transformer  # noqa: F401 (fixtures)
from torch import nn

import medtutor as mt
from medtutor.data.dataset import normalise
from medtutor.errors import InputError
from medtutor.explanation import (
    BASELINES,
    METHODS,
    Attribution,
    cascade,
    deletion,
    edge_map,
    explain,
    explain_batch,
    infidelity,
    insertion,
    layers,
    methods_for,
    overlay,
    score,
    sensitivity,
)
from medtutor.explanation.methods import baseline
from medtutor.explanation.methods.shap import superpixels

CHEAP = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "kernel_shap": {"samples": 20, "patch": 7},
    "rise": {"samples": 20, "cells": 3},
    "occlusion": {"window": 7, "stride": 7},
}


def gradient(model, x, target):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(model(x)[:, target].sum(), x)[0]


# --- right ------------------------------------------------------------------------------


def test_saliency_is_the_size_of_the_gradient(run, images):
    ours = explain(run, images[0], "saliency", target=1)
    theirs = gradient(run.model, normalise(images[:1]), 1).abs()
    torch.testing.assert_close(ours.raw, theirs[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours.map, theirs[0, 0], rtol=1e-4, atol=1e-6)


def test_integrated_gradients_are_the_mean_gradient_on_the_way(run, images):
    # In double precision: rounding decides which of two equal pixels is the maximum, and so where its gradient goes.
    x, model = normalise(images[:1]).double(), copy.deepcopy(run.model).double()
    for kind in BASELINES:
        start = baseline(x, kind)
        total = sum(gradient(model, start + (k + 0.5) / 8 * (x - start), 0) for k in range(8)) / 8
        ours = explain(model, images[0], target=0, steps=8, baseline=kind)
        torch.testing.assert_close(ours.map, (total * (x - start))[0, 0].float(), rtol=1e-3, atol=1e-5)


def test_input_x_gradient_and_grad_cam(run, images):
    x, model = normalise(images[:1]), run.model
    ours = explain(run, images[0], "input_x_gradient", target=1)
    torch.testing.assert_close(ours.map, (x * gradient(model, x, 1))[0, 0], rtol=1e-4, atol=1e-6)
    features = model.blocks(model.stem(x)).detach().requires_grad_()
    score = model.classifier(model.flatten(model.pool(features)))[0, 1]
    weights = torch.autograd.grad(score, features)[0].mean((2, 3), keepdim=True)
    coarse = (weights * features).sum(1, keepdim=True).clamp(min=0)
    ours = explain(run, images[0], "grad_cam", target=1)
    assert ours.layer == "blocks.2" and ours.raw.shape == (1, 7, 7)
    torch.testing.assert_close(ours.raw, coarse[0], rtol=1e-3, atol=1e-6)
    large = nn.functional.interpolate(coarse, (28, 28), mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours.map, large[0, 0], rtol=1e-3, atol=1e-6)


def test_occlusion_is_the_fall_of_the_score(run, images):
    image = images[0]
    covered = normalise(image[None])
    covered[..., :14, 14:] = -1
    with torch.no_grad():
        fall = (run.model(normalise(image[None])) - run.model(covered))[0, 0]
    ours = explain(run, image, "occlusion", target=0, window=14, stride=14, baseline="black")
    torch.testing.assert_close(ours.map[:14, 14:], fall.expand(14, 14), rtol=1e-3, atol=1e-5)


def test_of_a_linear_model_all_complete_methods_say_the_same():
    """Weight times change of the pixel: there is nothing else to say."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 2))
    image = torch.randint(0, 256, (3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = (model[1].weight[1].view(3, 6, 6) * (normalise(image) + 1)).detach()
    for method, options in {
        "integrated_gradients": {"steps": 2},
        "deep_lift": {},
        "gradient_shap": {"noise": 0.0},
    }.items():
        ours = explain(model, image, method, target=1, baseline="black", **options)
        torch.testing.assert_close(ours.raw, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.map, expected.sum(0), rtol=1e-4, atol=1e-5)
    shapley = explain(model, image, "kernel_shap", target=1, baseline="black", patch=3, samples=100)
    torch.testing.assert_close(shapley.map[:3, :3].sum(), expected[:, :3, :3].sum(), rtol=1e-2, atol=1e-2)


# --- complete -----------------------------------------------------------------------------


def test_what_a_method_promises_to_add_up_does(run, images):
    for kind in BASELINES:
        attributions = explain_batch(run, images[:4], steps=512, baseline=kind)
        told = [one for one in attributions if abs(one.expected_sum) > 0.3]  # a share of almost nothing says nothing
        assert told, kind
        for attribution in told:
            assert attribution.completeness_error < 0.01, (kind, attribution.expected_sum)
    for method in ("deep_lift", "kernel_shap"):
        for kind in BASELINES:
            for attribution in explain_batch(run, images[:3], method, baseline=kind):
                assert attribution.completeness_error < 0.01, (method, kind)
    assert explain(run, images[0], "saliency").completeness_error is None


@pytest.mark.parametrize("name", ["vgg", "lenet", "mlp", "resnet18"])
def test_deep_lift_is_complete_on_every_network_of_relus(name, data, images):
    """A ReLU followed by a pooling is where captum alone loses attribution."""
    model = mt.build(name, data)
    for attribution in explain_batch(model, images[:2], "deep_lift"):
        assert abs(attribution.map.sum().item() - attribution.expected_sum) < 1e-3 * max(
            1, attribution.map.abs().sum().item()
        )


# --- every method ---------------------------------------------------------------------------


def farthest_from_a_kink(model, images, count):
    """Those images for which no ReLU's input is so near 0 that rounding decides on which side it is.

    One image and a batch are rounded differently, by other instructions on other processors; where a
    ReLU's input is within that of 0, its gradient is 0 in the one and not in the other, and both are right.
    """
    near = []
    hooks = [
        module.register_forward_hook(lambda _, given, __: near.append(given[0].abs().flatten(1).amin(1)))
        for module in model.modules()
        if isinstance(module, nn.ReLU)
    ]
    with torch.no_grad():
        model(normalise(images))
    for hook in hooks:
        hook.remove()
    return images[torch.stack(near).amin(0).topk(count).indices] if near else images[:count]


@pytest.mark.parametrize("method", METHODS)
def test_one_image_and_a_batch_say_the_same(method, run, transformer, data):
    run, options = transformer if METHODS[method].needs_attention else run, CHEAP.get(method, {})
    images = farthest_from_a_kink(run.model, torch.cat([data.train.images, data.test.images]), 2)
    one = [explain(run, image, method, **options) for image in images]
    for alone, together in zip(one, explain_batch(run, images, method, **options)):
        assert isinstance(alone, Attribution) and alone.map.shape == (28, 28) and torch.isfinite(alone.map).all()
        assert alone.target == together.target == alone.predicted
        assert alone.options == together.options and set(options) <= set(alone.options)
        assert METHODS[method].signed or (alone.map >= 0).all()
        if method not in ("smoothgrad", "gradient_shap", "kernel_shap", "rise"):  # these draw other numbers
            torch.testing.assert_close(alone.map, together.map, rtol=1e-3, atol=1e-5)
        assert alone.title in str(alone)
    again = explain(run, images[0], method, **options)
    torch.testing.assert_close(one[0].map, again.map, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 16, 16, 16)])
def test_colour_and_volumes(method, shape):
    if METHODS[method].needs_attention:
        model = mt.models.ViT(shape[0], shape[1:], 3, width=8, depth=2)
    else:
        model = mt.models.CNN(shape[0], shape[1:], 3, widths=(4, 8, 8))
    image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    options = CHEAP.get(method, {}) | ({"window": 8, "stride": 8} if method == "occlusion" else {})
    attribution = explain(model, image, method, target=2, **options)
    assert attribution.map.shape == shape[1:] and attribution.target == (2, "class 2")
    if METHODS[method].needs_layer or METHODS[method].needs_attention:
        assert attribution.raw.shape[0] == 1 and all(
            coarse < side for coarse, side in zip(attribution.raw.shape[1:], shape[1:])
        )
    else:
        assert attribution.raw.shape == shape
        torch.testing.assert_close(attribution.map, attribution.raw.sum(0))


def test_targets_by_number_name_and_prediction(run, images):
    with torch.no_grad():
        logits = run.model(normalise(images[:1]))[0]
    called = explain(run, images[0], "saliency")
    assert called.target.index == logits.argmax() and called.predicted == called.target
    bottom = explain(run, images[0], "saliency", target="bottom")
    assert bottom.target == (1, "bottom") == explain(run, images[0], "saliency", target=1).target
    assert bottom.score == pytest.approx(logits[1].item(), abs=1e-4)
    assert bottom.probability == pytest.approx(logits.softmax(0)[1].item(), abs=1e-4)
    pair = explain_batch(run, images[:2], "saliency", target=["top", 1])
    assert [one.target.index for one in pair] == [0, 1]


def test_images_may_come_in_several_forms(run, images):
    reference = explain(run, images[0], "saliency").map
    for form in (images[0, 0], images[0].numpy(), images[0, 0].numpy()):
        assert torch.equal(explain(run, form, "saliency").map, reference)
    assert len(explain_batch(run, [images[0], images[1, 0].numpy()], "saliency")) == 2
    read_only = np.broadcast_to(images[0].numpy(), (1, 28, 28))
    assert torch.equal(explain(run, read_only, "saliency").map, reference)
    with torch.inference_mode():
        assert torch.equal(explain(run, images[0], "saliency").map, reference)


def test_layers(run, data, images):
    found = layers(run)
    assert found["stem.0"] == (24, 28, 28) and found["blocks.2"] == (96, 7, 7) and "pool" not in found
    early = explain(run, images[0], "grad_cam", layer="blocks.1")
    assert early.raw.shape == (1, 14, 14) and early.layer == "blocks.1"
    assert layers(mt.build("lenet", data))["features.4"] == (16, 10, 10)
    assert explain(mt.build("lenet", data), images[0], "grad_cam").layer == "features.4"
    assert layers(mt.build("mlp", data)) == {}
    assert layers(mt.models.CNN(3, (12, 12), 2, widths=(4, 4, 4)), (3, 12, 12))["stem.0"] == (4, 12, 12)
    for shape, words in (
        ((28, 28), "one image"),
        (28, "one image"),
        ((1, 0, 28), "from 1"),
        ((1, 2.5, 3), "whole number"),
        ("abc", "whole"),
        ((1, 10**6, 28), "to 100000"),
        ((9, 10**5, 10**5), "at most"),
        ((2, 28, 28), "cannot take"),
    ):
        with pytest.raises(InputError, match=words):
            layers(run.model, shape)


def test_windows_grow_with_the_image():
    occlusion = METHODS["occlusion"]
    assert occlusion.complete({}, (28, 28)) == {"window": 4, "stride": 2, "baseline": "mean"}
    assert occlusion.complete({}, (224, 224))["window"] == 32
    assert occlusion.complete({"window": 1}, (28, 28))["stride"] == 1
    patches = superpixels((5, 4), 2)
    assert patches.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3], [4, 4, 5, 5]]


# --- what is refused -----------------------------------------------------------------------


class Odd(nn.Module):
    """A network with one thing wrong for DeepLift, LRP or guided backpropagation."""

    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong
        self.conv, self.relu, self.conv2 = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)
        self.pool, self.flatten, self.head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        odd = {"gelu": nn.GELU(), "layer norm": nn.LayerNorm(28), "bare norm": nn.BatchNorm2d(4)}
        self.odd = odd.get(wrong, nn.Identity())

    def forward(self, x):
        x = self.relu(self.conv(x))
        if self.wrong == "functional":
            x = torch.relu(self.conv2(x))
        elif self.wrong == "reused":
            x = self.relu(self.conv2(x))
        elif self.wrong == "sum":
            x = x + self.conv2(x)
        x = self.odd(x)
        return self.head(self.flatten(self.pool(x)))


@pytest.mark.parametrize(
    "method, wrong, words",
    [
        ("deep_lift", "functional", "cannot see 'relu'"),
        ("deep_lift", "reused", "relu is called several times"),
        ("deep_lift", "gelu", "no rule for GELU"),
        ("deep_lift", "layer norm", "no rule for LayerNorm"),
        ("lrp", "functional", "cannot see 'relu'"),
        ("lrp", "reused", "relu is called several times"),
        ("lrp", "sum", "cannot see 'add'"),
        ("lrp", "gelu", "no rule for GELU"),
        ("lrp", "bare norm", "right after a convolution"),
        ("guided_backprop", "functional", "cannot see 'relu'"),
    ],
)
def test_a_method_that_cannot_work_says_why(method, wrong, words, images):
    with pytest.raises(InputError, match=words):
        explain(Odd(wrong), images[0], method)
    assert explain(Odd(wrong), images[0], "saliency").map.shape == (28, 28)


def test_a_sum_outside_of_modules_is_no_trouble_for_deep_lift(images):
    assert explain(Odd("sum"), images[0], "deep_lift").completeness_error < 0.01


@pytest.mark.parametrize("method", ["deep_lift", "lrp", "guided_backprop"])
def test_swish_is_refused(method, data, images):
    with pytest.raises(InputError, match="SiLU|has none"):
        explain(mt.build("swish_cnn", data), images[0], method)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"method": "gradcam"}, "did you mean grad_cam"),
        ({"method": "attention_rollout"}, "needs a transformer"),
        ({"target": "botom"}, "did you mean bottom"),
        ({"target": 2}, "classes 0…1: top, bottom"),
        ({"target": True}, "unknown target"),
        ({"steps": 1}, "steps is 1; give a whole number from 2"),
        ({"steps": 3.5}, "whole number"),
        ({"baseline": "white"}, "Known: black, blurred, mean"),
        ({"step": 3}, "did you mean steps"),
        ({"layer": "blocks.2"}, "leave layer out"),
        ({"method": "saliency", "steps": 3}, "no options"),
        ({"method": "smoothgrad", "noise": float("nan")}, "noise is nan"),
        ({"method": "occlusion", "window": 29}, "larger than the image"),
        ({"method": "occlusion", "window": 2, "stride": 3}, "pixels would be left out"),
        ({"method": "grad_cam", "layer": "block.2"}, "did you mean blocks.2"),
        ({"method": "grad_cam", "layer": "pool"}, r"layer pool gives \(96, 1, 1\)"),
        ({"method": "grad_cam", "layer": "classifier"}, r"layer classifier gives \(2\)"),
        ({"method": "grad_cam", "layer": 3}, "unknown layer 3"),
        ({"method": "grad_cam", "layer": ["stem"]}, "unknown layer"),
        ({"method": ["saliency"]}, "unknown method"),
        ({"method": 3}, "unknown method 3"),
        ({"target": -1}, "target -1 is out of range"),
        ({"target": torch.tensor(7)}, "target 7 is out of range"),
        ({"target": 1.0}, "unknown target 1.0"),
        ({"target": np.bool_(True)}, "unknown target"),
        ({"target": torch.tensor(True)}, "unknown target"),
        ({"target": {}}, "unknown target"),
        ({"target": float("nan")}, "unknown target nan"),
        ({"steps": True}, "give a whole number from 2"),
        ({"steps": 10**9}, "steps is 1000000000; give a whole number from 2 to 10000"),
        ({"steps": 2**70}, "give a whole number from 2 to 10000"),
        ({"steps": "32"}, "steps is '32'; give a whole number from 2"),
        ({"steps": np.zeros((50, 50))}, r"^steps is array\(\[\[0., 0.*…; give a whole number from 2 to 10000$"),
        ({"baseline": ["black"]}, "unknown baseline"),
        ({"method": "smoothgrad", "samples": 0}, "samples is 0; give a whole number from 1 to 10000"),
        ({"method": "smoothgrad", "samples": 10**6}, "to 10000"),
        ({"method": "smoothgrad", "seed": -1}, "seed is -1; give a whole number from 0"),
        ({"method": "smoothgrad", "seed": 2**64}, "seed is 18446744073709551616"),
        ({"method": "smoothgrad", "noise": 1e30}, "noise is 1e.30; give a number from 0.0 to 10.0"),
        ({"method": "gradient_shap", "samples": 10**6}, "to 10000"),
        ({"method": "gradient_shap", "noise": -0.1}, "give a number from 0.0"),
        ({"method": "kernel_shap", "samples": 10**6}, "samples is 1000000; give a whole number from 10 to 10000"),
        ({"method": "kernel_shap", "patch": 0}, "patch is 0; give a whole number from 1"),
        ({"method": "kernel_shap", "patch": 29}, "larger than the image"),
        ({"method": "occlusion", "window": 0}, "window is 0; give a whole number from 1"),
        ({"method": "occlusion", "window": -(2**40)}, "give a whole number from 1"),
        ({"method": "occlusion", "stride": 0}, "stride is 0; give a whole number from 1"),
    ],
)
def test_wrong_arguments(arguments, words, run, images):
    with pytest.raises(InputError, match=words):
        explain(run, images[0], **arguments)


def test_numbers_of_numpy_and_torch_count_as_pythons(run, images):
    expected = explain(run, images[0], target=1, steps=4)
    for target in (np.int64(1), np.array(1), torch.tensor(1), expected.target, "bottom", np.str_("bottom")):
        assert torch.equal(explain(run, images[0], target=target, steps=np.int32(4)).map, expected.map)
    for targets in ([0, 1], (0, 1), np.array([0, 1]), torch.tensor([0, 1]), ["top", torch.tensor(1)]):
        assert [one.target.index for one in explain_batch(run, images[:2], "saliency", target=targets)] == [0, 1]


def test_a_patch_as_large_as_the_image_is_the_whole_difference(run, images):
    found = explain(run, images[0], "kernel_shap", patch=28)
    assert found.map.sum().item() == pytest.approx(found.expected_sum, rel=1e-4) and len(found.map.unique()) == 1
    large = torch.zeros(1, 400, 400, dtype=torch.uint8)
    with pytest.raises(InputError, match="10000 samples of 160000 patches do not fit into memory; give a larger patch"):
        explain(
            nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 2)),
            large,
            "kernel_shap",
            patch=1,
            samples=10_000,
        )


def test_wrong_images(run, data, images):
    given = explain(run, images[0], "occlusion", window=14, stride=14)
    for image, words in (
        (normalise(images[0]), "torch.float32; give uint8"),
        (images[0].numpy().astype(int), "int64; give uint8"),
        ([[0]], "list; give uint8"),
        (images, r"takes \(1, 28, 28\), channels first"),
        (images[0, 0, :20], r"shape \(1, 20, 28\)"),
        (images[0].expand(3, 28, 28), r"shape \(3, 28, 28\); cnn takes \(1, 28, 28\)"),
        (images[0].permute(1, 2, 0), "channels first"),
        (images[0].short(), "torch.int16; give uint8"),
        (normalise(images[0]) * float("nan"), "torch.float32; give uint8"),
        (images[0] > 9, "torch.bool; give uint8"),
        (images[0, 0, 0], r"shape \(28,\)"),
        (images[0, :, :0], r"shape \(1, 0, 28\)"),
        (None, "NoneType; give uint8"),
        ("scan.png", "str; give uint8"),
    ):
        for call in (
            lambda: explain(run, image),
            lambda: explain_batch(run, [images[0], image]),
            lambda: deletion(run, image, given),
            lambda: insertion(run, image, given),
            lambda: infidelity(run, image, given),
            lambda: sensitivity(run, image, given),
            lambda: score(run, image, given),
            lambda: cascade(run, [image], "saliency"),
        ):
            with pytest.raises(InputError, match=words):
                call()
    for image in (normalise(images[0]), images[0].short(), None, "scan.png", images[0, 0, 0]):
        for call in (lambda: edge_map(image), lambda: overlay(image, given.map)):
            with pytest.raises(InputError, match="give uint8|channels first"):
                call()
    with pytest.raises(InputError, match="list is empty"):
        explain_batch(run, [])
    with pytest.raises(InputError, match="the batch is empty"):
        explain_batch(run, images[:0])
    with pytest.raises(InputError, match=r"the images have shape \(1, 28, 28\); cnn takes \(N, 1, 28, 28\)"):
        explain_batch(run, images[0])
    with pytest.raises(InputError, match="1 targets for 2 images"):
        explain_batch(run, images[:2], target=[0])
    with pytest.raises(InputError, match="cannot take an image of shape"):
        explain(mt.build("lenet", data), torch.zeros(1, 40, 40, dtype=torch.uint8))
    with pytest.raises(InputError, match=r"Conv2d|takes \(1, H, W\)"):
        explain(run.model, torch.zeros(1, 8, 28, 28, dtype=torch.uint8))


def test_models_that_cannot_be_explained(run, data, images):
    broken = copy.deepcopy(run.model)
    broken.classifier.weight.data.fill_(float("nan"))
    with pytest.raises(InputError, match="NaN or infinity"):
        explain(broken, images[0])
    with pytest.raises(InputError, match="one score for each class"):
        explain(nn.Conv2d(1, 2, 3), images[0])
    with pytest.raises(InputError, match="not str"):
        explain("run", images[0])
    with pytest.raises(InputError, match="has none"):
        explain(mt.build("mlp", data), images[0], "grad_cam")


# --- the model stays as it was -------------------------------------------------------------


def state(model):
    """All that could be changed about a model."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "weights": {name: value.clone() for name, value in model.state_dict().items()},
        "strides": [p.stride() for p in model.parameters()],
        "modes": [m.training for m in model.modules()],
        "grads": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "required": [p.requires_grad for p in model.parameters()],
        "hooks": [sorted(getattr(m, hook)) for m in model.modules() for hook in hooks],
        "attributes": [sorted(vars(m)) for m in model.modules()],
        "classes": [type(m) for m in model.modules()],
        "random": (torch.get_rng_state(), torch.from_numpy(np.random.get_state()[1].astype(np.int64))),
    }


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other))
    return one == other


def test_nothing_about_the_model_changes(run, data, images):
    model = copy.deepcopy(run.model).train()
    model.stem.eval()  # modes of its parts, too
    model.classifier.weight.requires_grad_(False)
    model.stem[0].weight.grad = torch.ones_like(model.stem[0].weight)
    model.blocks.register_forward_hook(lambda *_: None)
    before = state(model)
    assert set(METHODS) - set(methods_for(model)) == {"attention_rollout"}
    for method in methods_for(model):
        explain(model, images[0], method, **CHEAP.get(method, {}))
        assert same(before, state(model)), method
    for wrong in ({"target": 9}, {"method": "grad_cam", "layer": "pool"}, {"method": "attention_rollout"}):
        with pytest.raises(InputError):
            explain(model, images[0], **wrong)
        assert same(before, state(model)), wrong


def test_nothing_about_a_transformer_changes(transformer, images):
    model = copy.deepcopy(transformer.model).train()
    model.blocks[0].attention.softmax.register_forward_hook(lambda *_: None)
    model.embedding.eval()
    before, refused = state(model), ("deep_lift", "guided_backprop")
    for method in METHODS:
        if method in refused:
            with pytest.raises(InputError):
                explain(model, images[0], method)
        else:
            explain(model, images[0], method, **CHEAP.get(method, {}))
        assert same(before, state(model)), method


def test_nothing_changes_when_a_method_breaks_down(run, images, monkeypatch):
    import captum.attr

    model = copy.deepcopy(run.model).train()
    before = state(model)
    for method, name in (
        ("deep_lift", "DeepLift"),
        ("lrp", "LRP"),
        ("grad_cam", "LayerGradCam"),
        ("smoothgrad", "Saliency"),
    ):
        monkeypatch.setattr(getattr(captum.attr, name), "attribute", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            explain(model, images[0], method)
        assert same(before, state(model)), method


def test_every_method_says_what_it_is():
    for name, method in METHODS.items():
        assert method.title and method.computes.endswith(".") and any(digit in method.paper for digit in "12")
        for option in method.options:
            assert option.meaning and (option.choices or option.low <= option.default <= option.high), (name, option)
            assert option.check(option.default) == option.default
