"""Why a network gave pixels their class: the mean logit over a region, explained.

The networks are made by hand, so that the truth is known: one looks eight columns beside each pixel.
"""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import medtutor as mt
from medtutor import figures
from medtutor.data.dataset import normalise
from medtutor.errors import InputError
from medtutor.explanation import (
    METHODS,
    cascade,
    deletion,
    explain,
    explain_batch,
    infidelity,
    insertion,
    layers,
    methods_for,
    score,
    trust_table,
)
from medtutor.training import Run

METHODS_OF_REGIONS = ("saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", "grad_cam", "occlusion")


class Beside(nn.Module):
    """The logit of 'spot' at a pixel is three times what stands eight columns to its right, the background's zero."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.look.weight.copy_(torch.tensor([0.0, 3.0]).view(2, 1, 1, 1))
            self.look.bias.zero_()

    def forward(self, x):
        return self.look(x).roll(-8, dims=3)


class Small(nn.Module):
    """Two convolutions, a pooling between them, back to full size: (B, 3, *spatial)."""

    def __init__(self, dims):
        super().__init__()
        conv, pool = (nn.Conv2d, nn.MaxPool2d) if dims == 2 else (nn.Conv3d, nn.MaxPool3d)
        self.down = nn.Sequential(conv(1, 4, 3, padding=1), nn.ReLU(), pool(2))
        self.deep = nn.Sequential(conv(4, 5, 3, padding=1), nn.ReLU())
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), conv(5, 3, 1))

    def forward(self, x):
        return self.up(self.deep(self.down(x)))


def images_of(shape, classes, count=6, seed=0):
    """Dark images with a bright block: uint8 (count, *shape), and where it is."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 100, (count, *shape), dtype=np.uint8)
    images[..., 2:6, 10:14] = 255
    masks = (images == 255).astype(np.uint8)
    if classes == 3:
        masks[..., 12:, 12:] = 2
    return images, masks


def run_of(model, shape=(16, 20), classes=("background", "spot")):
    torch.manual_seed(0)
    splits = [images_of(shape, len(classes), seed=seed) for seed in range(3)]
    data = mt.from_arrays(*splits, task="segmentation", classes=list(classes), name="blocks")
    return Run(model().eval(), data.card, mt.Recipe(), "arrays"), data


def test_a_network_that_looks_elsewhere_is_found_out():
    """The pixels that it calls a spot lie eight columns to the left of what it looks at."""
    run, data = run_of(Beside)
    image = data.test.images[0]
    seen = torch.zeros(16, 20, dtype=torch.bool)
    seen[2:6, 10:14] = True
    one = explain(run, image, "saliency")
    assert one.target == (1, "spot") == one.predicted and torch.equal(one.region, seen.roll(-8, dims=1))
    assert torch.allclose(one.map, torch.where(seen, 3 / 16, 0.0)) and one.score == pytest.approx(3)
    assert one.probability == pytest.approx(torch.tensor(3.0).sigmoid().item())
    whole = explain(run, image, "integrated_gradients", baseline="mean")
    base = normalise(image).mean()
    assert torch.allclose(whole.map, torch.where(seen, 3 / 16 * (1 - base), 0.0), atol=1e-6)
    assert whole.expected_sum == pytest.approx(3 * (1 - base.item())) and whole.completeness_error < 1e-5
    for method in METHODS_OF_REGIONS:
        found = (
            explain(run, image, method, window=2, stride=2) if method == "occlusion" else explain(run, image, method)
        )
        if method == "grad_cam":  # its one layer knows nothing of what comes after it
            continue
        assert (found.map[seen].abs() > 0).all() and found.map[~seen].abs().max() < 1e-6, method


def test_a_region_is_a_mask_or_a_box():
    run, data = run_of(Beside)
    image, mask = data.test.images[1], np.zeros((16, 20), bool)
    mask[3:5, 0:7] = True
    one = explain(run, image, "input_x_gradient", target="spot", region=mask)
    for region in (torch.from_numpy(mask), mask.astype(np.uint8), mask.tolist(), (3, 0, 5, 7)):
        assert torch.equal(explain(run, image, "input_x_gradient", target=1, region=region).map, one.map)
    assert str(one).startswith("Input x gradient for 'spot' over 14 pixels in rows 3…4, columns 0…6 (mean probability ")
    several = explain_batch(run, data.test.images[:2], "saliency", target=[0, 1], region=[(0, 0, 1, 2), mask])
    assert [each.region.sum().item() for each in several] == [2, 14] and [each.target.index for each in several] == [
        0,
        1,
    ]
    assert [each.region.sum() for each in explain_batch(run, data.test.images[:2], "saliency")] == [16, 16]


@pytest.mark.parametrize("dims, layer", [(2, "deep"), (3, "deep"), (2, "down.0"), (3, "up.1")])
def test_grad_cam_is_that_of_the_definition(dims, layer):
    """The mean logit over a region, and the sum that others take, give one map, but for its scale."""
    shape = (16, 20) if dims == 2 else (6, 16, 20)
    run, data = run_of(lambda: Small(dims), shape, ("background", "spot", "ring"))
    image, region = data.test.images[0], torch.zeros(shape, dtype=torch.bool)
    region[..., 2:9, 3:7] = True
    kept = []
    hook = run.model.get_submodule(layer).register_forward_hook(lambda module, taken, given: kept.append(given))
    maps = run.model(normalise(image)[None])
    hook.remove()
    over, mode = tuple(range(2, dims + 2)), "bilinear" if dims == 2 else "trilinear"
    highest = []
    for target in range(3):
        one = explain(run, image, "grad_cam", target=target, layer=layer, region=region)
        highest.append(one.raw.max())
        for quantity, scale in ((maps[0, target][region].mean(), 1), ((maps[0, target] * region).sum(), region.sum())):
            gradient = torch.autograd.grad(quantity, kept[0], retain_graph=True)[0]
            by_hand = (kept[0] * gradient.mean(dim=over, keepdim=True)).sum(dim=1).clamp(min=0)
            assert torch.allclose(one.raw, by_hand / scale, rtol=1e-4, atol=1e-8)
        enlarged = F.interpolate(one.raw[None], size=shape, mode=mode, align_corners=False)
        assert torch.allclose(one.map, enlarged[0, 0])
    assert max(highest) > 0


def test_grad_cam_looks_at_the_coarsest_maps():
    run, data = run_of(lambda: Small(2), classes=("background", "spot", "ring"))
    assert explain(run, data.test.images[0], "grad_cam", region=(0, 0, 4, 4)).layer == "deep"
    unet, data = run_of(lambda: mt.build("unet", data, widths=(4, 6, 8)), (16, 20))
    assert list(layers(unet))[-1] == "classifier"
    assert explain(unet, data.test.images[0], "grad_cam", target=1, region=(0, 0, 4, 4)).layer == "encoder.2"


@pytest.mark.parametrize("shape", [(16, 20), (6, 16, 20)])
def test_every_method_works_on_a_unet_or_says_why_not(shape):
    run, data = run_of(lambda: mt.build("unet", run_of(Beside, shape)[1], widths=(4, 6)), shape)
    cheap = {
        "occlusion": {"window": 4, "stride": 4},
        "kernel_shap": {"patch": 4, "samples": 30},
        "rise": {"samples": 30},
    }
    box = tuple([1] * len(shape) + [3] * len(shape))
    for method in METHODS:
        if method not in methods_for(run):
            with pytest.raises(
                InputError, match=f"{method} explains one answer for an image, but unet answers for each"
            ):
                explain(run, data.test.images[0], method)
            continue
        options = cheap.get(method, {})
        one = explain(run, data.test.images[0], method, target=1, region=box, **options)
        assert one.map.shape == shape and one.map.isfinite().all(), method
        # Of a network that has learned nothing, these two may cut everything off.
        assert one.map.abs().max() > 0 or method in ("grad_cam", "guided_backprop"), method
    assert set(METHODS) - set(methods_for(run)) == {"lrp", "attention_rollout"}
    one = explain(run, data.test.images[0], "integrated_gradients", target=1, region=box, steps=256)
    maps = run.model(normalise(data.test.images[0])[None])[0, 1]
    black = run.model(-torch.ones(1, 1, *shape))[0, 1]
    assert one.expected_sum == pytest.approx((maps - black)[one.region].mean().item(), abs=1e-5)
    assert abs(one.map.sum().item() - one.expected_sum) < 0.01 * one.map.abs().sum().item()


def test_scores_are_about_the_region():
    run, data = run_of(Beside)
    image = data.test.images[0]
    one = explain(run, image, "integrated_gradients")
    left, back = deletion(run, image, one), insertion(run, image, one)
    assert left.value[0] == pytest.approx(one.probability) == back.value[-1] and left.auc < back.auc
    assert deletion(run, image, one, of="score").value[0] == pytest.approx(3)
    flipped = deletion(run, image, (one.map.flip(1), "spot"))  # a map from elsewhere: of the predicted pixels
    assert flipped.auc > left.auc and infidelity(run, image, one, using="black") < 1e-3
    found = score(run, image, one)
    assert found.completeness_error < 1e-4 and found.sensitivity < 0.1 and found.pointing_game is None
    assert score(run, image, one, evidence=data.test.masks[0]).pointing_game == 1
    stages = cascade(run, data.test.images[:2], "saliency", target="spot")
    assert [stage.layer for stage in stages] == ["trained", "look"] and stages[
        1
    ].similarity > 0.9  # it always looks there
    picture = figures.attribution(data, image, one, "test image 0", found)
    assert "'spot' over 16 pixels in rows 2…5, columns 2…5" in picture.alt


def test_wrong_questions():
    run, data = run_of(Beside)
    image, black = data.test.images[0], torch.zeros(1, 16, 20, dtype=torch.uint8)
    for call, words in (
        (lambda: explain(run, black, target="spot"), "gives no pixel of this image to 'spot'; give a region"),
        (lambda: explain(run, image, region=np.zeros((16, 20))), "holds no pixel"),
        (lambda: explain(run, image, region=(3, 3, 3, 9)), "holds no pixel"),
        (lambda: explain(run, image, region=(3, 3, 5, 99)), "right must be from 1 to 20"),
        (lambda: explain(run, image, region=(3, 3, 5)), "a box is (top, left, bottom, right), and else give a mask"),
        (lambda: explain(run, image, region=np.ones((4, 4))), "the region has shape (4, 4), the image (16, 20)"),
        (lambda: explain(run, image, region=np.full((16, 20), 0.5)), "must say yes or no of each pixel"),
        (lambda: explain(run, image, region="all"), "must be an array of numbers"),
        (lambda: explain(run, image, target="cyst"), "unknown target 'cyst'"),
        (lambda: explain(run, image[:, :8]), "the image has shape (1, 8, 20)"),
        (lambda: explain_batch(run, [image, image], region=[(0, 0, 2, 2)]), "there are 1 regions for 2 images"),
        (lambda: trust_table(run, image[None], [1]), "trust_table is about one answer for an image"),
    ):
        with pytest.raises(InputError, match=re.escape(words)):
            call()
    assert explain(run, black).target.name == "background"
    with pytest.raises(InputError, match="one answer for an image, and none for a region; leave region out"):
        explain(nn.Sequential(nn.Flatten(), nn.Linear(16 * 20, 2)), image, region=(0, 0, 2, 2))
