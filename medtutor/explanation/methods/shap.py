"""Shapley values of pixels and patches, by gradients, by DeepLIFT's rescale rule, and by a linear fit."""

import numpy as np
import torch
from captum.attr import DeepLift
from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR
from torch import nn

from ...errors import InputError
from ..anatomy import LINEAR, Copied, replace
from ..draws import generator
from .method import BLACK, MEAN, MOST, SEED, Method, Option, at_once, baseline, noise, portions


def _gradient_shap(seen, x, target, layer, options):
    samples, base = options["samples"], baseline(x, options["baseline"])
    # Captum's own would draw from the random state that the whole process shares. The draws are those that it makes
    # from a seed.
    draws, places = generator(options["seed"]), np.random.RandomState(options["seed"] % 2**32)
    rows = []
    for image, start, label in zip(x.detach().split(1), base.split(1), target.split(1)):
        total = 0
        for size in portions(samples, at_once(x)):
            noisy = image.expand(size, *image.shape[1:])
            noisy = noisy + noise(noisy, options["noise"], draws)
            share = torch.from_numpy(places.uniform(0.0, 1.0, size)).to(x).view(size, *[1] * (x.dim() - 1))
            between = (share * noisy + (1.0 - share) * start).requires_grad_()
            gradient = torch.autograd.grad(seen.net(between)[:, label].sum(), between)[0]
            total = total + ((noisy - start) * gradient).sum(dim=0, keepdim=True)
        rows.append(total / samples)
    return torch.cat(rows)


def _deep_lift(seen, x, target, layer, options):
    return DeepLift(_as_deep_lift_needs_it(seen)).attribute(
        x, baselines=baseline(x, options["baseline"]), target=target
    )


def _as_deep_lift_needs_it(seen):
    """The network in a form that captum's DeepLift gets right.

    It knows no adaptive max-pooling, so the plain one that does the same stands
    in. And where a non-linearity takes the very tensor that another one returned,
    such as a pooling after a ReLU, captum hooks that one tensor twice; the first
    then sees the gradient from before the second one's rule, and half of the
    attribution is wrong without a word. A copy of the tensor between them mends it.
    """
    plain = {nn.AdaptiveMaxPool2d: nn.MaxPool2d, nn.AdaptiveMaxPool3d: nn.MaxPool3d}
    for call in seen.leaves:
        module = call.module
        if type(module) in plain:
            module = plain[type(module)](tuple(a // b for a, b in zip(call.input.shape[2:], call.output.shape[2:])))
        if type(module) in SUPPORTED_NON_LINEAR:
            replace(seen.net, call.name, nn.Sequential(Copied(), module))
    return seen.net


def _needs_layers_captum_knows(seen, dims):
    adaptive = (nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
    for call in seen.leaves:
        if type(call.module) in adaptive:
            if any(a % b for a, b in zip(call.input.shape[2:], call.output.shape[2:])):
                raise InputError(f"deep_lift cannot work on {call.name}: it pools into windows of unequal size")
        elif type(call.module) not in SUPPORTED_NON_LINEAR and (
            odd := _first_not_linear(seen.inside.get(call.name, []))
        ):
            raise InputError(
                f"deep_lift has no rule for {type(call.module).__name__} (layer {call.name}, '{odd}'): "
                "its answer would be a plain gradient; choose integrated_gradients"
            )
    if odd := _first_not_linear(seen.hidden):
        raise InputError(
            f"deep_lift cannot see '{odd}', which the model computes outside of any module; write it as a module, such"
            " as nn.ReLU"
        )
    if twice := seen.called_twice((*SUPPORTED_NON_LINEAR, *adaptive)):
        raise InputError(
            f"deep_lift needs each non-linearity called once, but {twice[0]} is called several times; make one for each"
            " call"
        )


def _first_not_linear(operations):
    return next((name for name in operations if name not in LINEAR), None)


def _kernel_shap(seen, x, target, layer, options):
    from sklearn.linear_model import LinearRegression  # takes a third of a second, for this method alone

    # Captum's own would draw from the random state that the whole process shares.
    patches = superpixels(x.shape[2:], options["patch"]).to(x.device)
    sizes = torch.bincount(patches.flatten())[patches] * x.shape[1]  # how many numbers share a value
    base, draws, rows = baseline(x, options["baseline"]), generator(options["seed"]), []
    for image, cover, label in zip(x.split(1), base.split(1), target.split(1)):
        left = _coalitions(int(patches.max()) + 1, options["samples"], draws)
        scores = []
        with torch.no_grad():
            for part in left.to(x.device).split(at_once(x)):
                scores.append(seen.net(torch.where(part[:, patches].unsqueeze(1), image, cover))[:, label].flatten())
        scores = torch.cat(scores).double().cpu().numpy()
        # All patches, and none, must be met: what the patches get then adds up to what the image adds to its cover.
        # In float64: with weights so unlike each other, float32 would lose a thousandth of the map and more.
        weights = np.float64([1e6, 1e6] + [1.0] * (len(left) - 2))
        shares = LinearRegression().fit(left.double().numpy(), scores, sample_weight=weights).coef_
        if scores.min() == scores.max():
            shares = np.zeros_like(shares)  # not the rounding of the fit, which would look like a map
        values = torch.from_numpy(shares).to(x)[patches] / sizes
        rows.append(values.expand(1, *x.shape[1:]))
        # Captum's KernelShap, whose maps these are, draws as much before the next image, for weights that it then
        # replaces.
        torch.empty((), dtype=torch.int64).random_(generator=draws)
        torch.rand(left.shape[1] + 1, generator=draws)
    return torch.cat(rows)


def _coalitions(count, samples, draws):
    """Which of `count` patches are left in each sample: bool (samples, count), the first two all of them and none.

    The others are drawn so that a plain linear fit gives Shapley values: how many are
    left with the weight of the Shapley kernel, then which ones, all choices alike.
    """
    left = [torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)]
    if count > 1:
        sizes = torch.arange(1, count, dtype=torch.float32)
        weights = torch.cat([torch.zeros(1), (count - 1) / (sizes * (count - sizes))])
        for _ in range(samples - 2):
            # As torch.multinomial drew here; written out, so that a page can draw the same.
            waits = -torch.log1p(-torch.rand(count, dtype=torch.float64, generator=draws)).float()
            size = int((weights / weights.sum() / waits).argmax())
            values = torch.randn(count, generator=draws)
            left.append(values > values.kthvalue(count - size).values)
    return torch.stack(left)


def superpixels(shape, patch):
    """The image cut into squares (cubes) of `patch` pixels: their numbers, int64 of that shape."""
    grid = torch.zeros(tuple(shape), dtype=torch.int64)
    for axis, side in enumerate(shape):
        place = (torch.arange(side) // patch).view(-1, *[1] * (len(shape) - 1 - axis))
        grid = grid * (-(-side // patch)) + place
    return grid


GRADIENT_SHAP = Method(
    "GradientSHAP",
    "Gradients at random points between a baseline and noisy copies of the image: expected Shapley values.",
    "Lundberg & Lee, NeurIPS 2017, arXiv:1705.07874",
    _gradient_shap,
    signed=True,
    sums_to="difference",
    options=(
        Option("samples", 32, "random points", 1, 128, 1, most=MOST),
        Option("noise", 0.05, "spread of the noise, as a share of black to white", 0.0, 0.5, 0.01, most=10.0),
        BLACK,
        SEED,
    ),
)

DEEP_LIFT = Method(
    "DeepLIFT",
    "What each unit does differently than for a baseline, passed back through the layers (rescale rule).",
    "Shrikumar et al., ICML 2017, arXiv:1704.02685",
    _deep_lift,
    signed=True,
    sums_to="difference",
    options=(BLACK,),
    guard=_needs_layers_captum_knows,
    passes=lambda options: 2,
)

KERNEL_SHAP = Method(
    "Kernel SHAP",
    "Shapley values of square patches, fitted to the scores of images with random patches covered.",
    "Lundberg & Lee, NeurIPS 2017, arXiv:1705.07874",
    _kernel_shap,
    signed=True,
    live=False,
    needs_gradient=False,
    sums_to="difference",
    options=(
        Option("patch", 4, "side of a patch in pixels", 1, 14, 1),
        Option("samples", 200, "random choices of patches", 10, 1000, 10, most=MOST),
        MEAN,
        SEED,
    ),
)
