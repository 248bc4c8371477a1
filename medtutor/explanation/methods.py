"""The methods of attribution: what each computes, what it needs, its options. Captum does the work.

Every method explains the *score* of one class (its logit), not the probability:
softmax would mix in the evidence for the other classes. Images are seen as the
model sees them, -1 (black) to 1 (white).
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from ..checks import number, one_of, whole
from ..errors import InputError, shown, unknown
from .anatomy import LINEAR, Copied, feature_maps, replace
from .draws import generator

# Captum says so each time that it sets hooks, and takes them off again.
warnings.filterwarnings("ignore", r"Setting (forward, )?backward hooks", UserWarning)

BASELINES = ("black", "blurred", "mean")
MOST = 10_000  # steps or samples
# Pixels that go through a network at once: 128 images of 28 x 28, some 200 MB with gradients.
PIXELS = 128 * 28 * 28


def baseline(x, kind):
    """The image without its content, to compare with: float (B, C, *spatial) like `x`.

    "black"    all pixels -1
    "blurred"  the image blurred with a Gaussian of a seventh of its width: no
               shapes, but the same brightness in each region
    "mean"     each channel's mean over the image
    """
    if kind == "black":
        return torch.full_like(x, -1.0)
    if kind == "mean":
        return x.mean(dim=tuple(range(2, x.dim())), keepdim=True).expand_as(x).clone()
    one_of("baseline", kind, BASELINES)
    sigma = (0, 0, *(side / 7 for side in x.shape[2:]))
    pixels = x.detach().cpu()
    pixels = (
        pixels if pixels.dtype in (torch.float32, torch.float64) else pixels.float()
    )  # scipy knows no half precision
    blurred = ndimage.gaussian_filter(pixels.numpy(), sigma, mode="nearest")
    return torch.from_numpy(blurred).to(x)


@dataclass(frozen=True)
class Option:
    """One setting of a method.

    default  for 28 pixels a side
    low      the least that makes sense; less is refused
    high     the most that a slider offers; more is allowed
    most     the most that is taken: beyond it, work would not end
    step     of a slider
    choices  names to choose from, for an option that is no number
    meaning  one phrase
    """

    name: str
    default: int | float | str
    meaning: str
    low: int | float | None = None
    high: int | float | None = None
    step: int | float | None = None
    choices: tuple = ()
    most: int | float | None = None

    def check(self, value):
        """`value`, or an `InputError` that says what is allowed."""
        if self.choices:
            return one_of(self.name, value, self.choices)
        kind = "whole number" if isinstance(self.default, int) else "number"
        try:
            return (whole if kind == "whole number" else number)(self.name, value, self.low, self.most)
        except InputError:
            upto = f" to {self.most}" if self.most is not None else ""
            raise InputError(f"{self.name} is {shown(value)}; give a {kind} from {self.low}{upto}") from None


@dataclass(frozen=True)
class Method:
    """One method of attribution.

    title, computes, paper: for people
    attribute   (seen, x, target, layer, options) -> (B, C or 1, *spatial); seen is
                the `Trace` of the network, empty where there is no guard
    signed      whether negative values speak against the class; else all are >= 0
    live        answers within 100 ms on the default network (28 pixels, two cores)
    sums_to     what the attributions of all pixels add up to: "score", "difference"
                (from the score of the baseline), or None
    needs_gradient
                it asks the network for gradients, not for scores alone
    needs_layer it looks at feature maps of one layer
    needs_attention
                it reads attention weights: only transformers have them
    options     `Option`s
    guard       (seen, dims) -> None; raises `InputError` where it cannot work; None
                for a method that only asks for scores and gradients
    passes      options -> how many copies of an image go through the network
    """

    title: str
    computes: str
    paper: str
    attribute: Callable
    signed: bool
    live: bool = True
    sums_to: str | None = None
    needs_gradient: bool = True
    needs_layer: bool = False
    needs_attention: bool = False
    options: tuple = ()
    guard: Callable | None = None
    passes: Callable = lambda options: 1

    def complete(self, given, shape):
        """All options of the method for images of a shape: those given, checked, and defaults for the rest."""
        known = {option.name: option for option in self.options}
        for name in given:
            if name not in known:
                raise unknown(f"option of {self.title}", name, list(known) or ["none: it has no options"])
        values = {name: option.default for name, option in known.items()} | _sized(known, shape)
        values |= {name: known[name].check(value) for name, value in given.items()}
        if "stride" in values and "stride" not in given:
            values["stride"] = min(values["stride"], values["window"])
        _check_window(values, shape)
        return values


def _sized(known, shape):
    """Windows and patches grow with the image; a volume gets larger ones, as it has more places."""
    if "window" in known:
        # 13 x 13 places on an image whatever its size, 4 x 4 x 4 in a volume.
        window = max(1, round(min(shape) / 7)) if len(shape) == 2 else max(1, round(min(shape) / 4))
        return {"window": window, "stride": max(1, window // 2) if len(shape) == 2 else window}
    if "patch" in known:
        return {"patch": max(1, round(min(shape) / (7 if len(shape) == 2 else 4)))}
    return {}


def _check_window(values, shape):
    for name in ("window", "patch"):
        if values.get(name, 0) > min(shape):
            raise InputError(f"{name} is {values[name]}, larger than the image; give at most {min(shape)}")
    if values.get("stride", 0) > values.get("window", 0):
        raise InputError(
            f"stride is {values['stride']}, larger than the window: pixels would be left out; give at most"
            f" {values['window']}"
        )
    if "patch" in values:
        patches = math.prod(-(-side // values["patch"]) for side in shape)
        if patches * values["samples"] > 2**26:
            raise InputError(
                f"{values['samples']} samples of {patches} patches do not fit into memory; give a larger patch or fewer"
                " samples"
            )


# --- what each method does; `seen.net` is the twin ------------------------------------


def _saliency(seen, x, target, layer, options):
    from captum.attr import Saliency

    return Saliency(seen.net).attribute(x, target=target)


def _input_x_gradient(seen, x, target, layer, options):
    from captum.attr import InputXGradient

    return InputXGradient(seen.net).attribute(x, target=target)


def _integrated_gradients(seen, x, target, layer, options):
    from captum.attr import IntegratedGradients

    return IntegratedGradients(seen.net).attribute(
        x,
        baselines=baseline(x, options["baseline"]),
        target=target,
        n_steps=options["steps"],
        # Along the way a network of ReLUs and maxima has kinks: captum's default, Gauss-Legendre, is for smooth curves.
        method="riemann_middle",
        internal_batch_size=max(len(x), at_once(x)),
    )


def _smoothgrad(seen, x, target, layer, options):
    from captum.attr import Saliency

    samples, draws = options["samples"], generator(options["seed"])
    total = 0
    for size in _portions(samples, max(1, at_once(x) // len(x))):
        noisy = x.detach().repeat_interleave(size, dim=0)
        noisy = (noisy + _noise(noisy, options["noise"], draws)).requires_grad_()
        gradients = Saliency(seen.net).attribute(noisy, target=target.repeat_interleave(size), abs=False)
        total = total + gradients.unflatten(0, (len(x), size)).sum(dim=1)
    return (total / samples).abs()


def _gradient_shap(seen, x, target, layer, options):
    samples, base = options["samples"], baseline(x, options["baseline"])
    # Captum's own would draw from the random state that the whole process shares. The draws are those that it makes
    # from a seed.
    draws, places = generator(options["seed"]), np.random.RandomState(options["seed"] % 2**32)
    rows = []
    for image, start, label in zip(x.detach().split(1), base.split(1), target.split(1)):
        total = 0
        for size in _portions(samples, at_once(x)):
            noisy = image.expand(size, *image.shape[1:])
            noisy = noisy + _noise(noisy, options["noise"], draws)
            share = torch.from_numpy(places.uniform(0.0, 1.0, size)).to(x).view(size, *[1] * (x.dim() - 1))
            between = (share * noisy + (1.0 - share) * start).requires_grad_()
            gradient = torch.autograd.grad(seen.net(between)[:, label].sum(), between)[0]
            total = total + ((noisy - start) * gradient).sum(dim=0, keepdim=True)
        rows.append(total / samples)
    return torch.cat(rows)


def _noise(x, spread, draws):
    """Noise for a batch of images; its spread is a share of black to white, and -1…1 is 2 wide."""
    return torch.normal(0.0, torch.full(x.shape, 2 * spread, dtype=torch.float32), generator=draws).to(x)


def _deep_lift(seen, x, target, layer, options):
    from captum.attr import DeepLift

    return DeepLift(_as_deep_lift_needs_it(seen)).attribute(
        x, baselines=baseline(x, options["baseline"]), target=target
    )


def _lrp(seen, x, target, layer, options):
    from .lrp import relevance

    return relevance(seen, x, target)


def _grad_cam(seen, x, target, layer, options):
    from captum.attr import LayerGradCam

    return LayerGradCam(seen.net, seen.net.get_submodule(layer)).attribute(x, target=target, relu_attributions=True)


def _guided_backprop(seen, x, target, layer, options):
    from captum.attr import GuidedBackprop

    return GuidedBackprop(seen.net).attribute(x, target=target)


def _occlusion(seen, x, target, layer, options):
    from captum.attr import Occlusion

    channels, dims = x.shape[1], x.dim() - 2
    falls = Occlusion(seen.net).attribute(
        x,
        sliding_window_shapes=(channels, *[options["window"]] * dims),
        strides=(channels, *[options["stride"]] * dims),
        baselines=baseline(x, options["baseline"]),
        target=target,
        perturbations_per_eval=max(1, at_once(x) // len(x)),  # 1 by default: slow
    )
    return falls / channels  # a window covers all channels: what falls is shared among them


def _kernel_shap(seen, x, target, layer, options):
    from sklearn.linear_model import LinearRegression

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
        scores = torch.cat(scores).float().cpu().numpy()
        # All patches, and none, must be met: what the patches get then adds up to what the image adds to its cover.
        weights = np.float32([1e6, 1e6] + [1.0] * (len(left) - 2))
        shares = LinearRegression().fit(left.float().numpy(), scores, sample_weight=weights).coef_
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
            size = torch.multinomial(weights / weights.sum(), 1, True, generator=draws).item()
            values = torch.randn(count, generator=draws)
            left.append(values > values.kthvalue(count - size).values)
    return torch.stack(left)


def _attention_rollout(seen, x, target, layer, options):
    from .attention import rollout_maps

    return rollout_maps(seen.net, x)


def superpixels(shape, patch):
    """The image cut into squares (cubes) of `patch` pixels: their numbers, int64 of that shape."""
    grid = torch.zeros(tuple(shape), dtype=torch.int64)
    for axis, side in enumerate(shape):
        place = (torch.arange(side) // patch).view(-1, *[1] * (len(shape) - 1 - axis))
        grid = grid * (-(-side // patch)) + place
    return grid


def at_once(x):
    """How many images like those of the batch `x` go through the network at once."""
    return max(1, PIXELS // x.shape[2:].numel())


def _portions(count, most):
    """The sizes of portions of at most `most` that add up to `count`."""
    return [min(most, count - start) for start in range(0, count, most)]


def _as_deep_lift_needs_it(seen):
    """The network in a form that captum's DeepLift gets right.

    It knows no adaptive max-pooling, so the plain one that does the same stands
    in. And where a non-linearity takes the very tensor that another one returned,
    such as a pooling after a ReLU, captum hooks that one tensor twice; the first
    then sees the gradient from before the second one's rule, and half of the
    attribution is wrong without a word. A copy of the tensor between them mends it.
    """
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

    plain = {nn.AdaptiveMaxPool2d: nn.MaxPool2d, nn.AdaptiveMaxPool3d: nn.MaxPool3d}
    for call in seen.leaves:
        module = call.module
        if type(module) in plain:
            module = plain[type(module)](tuple(a // b for a, b in zip(call.input.shape[2:], call.output.shape[2:])))
        if type(module) in SUPPORTED_NON_LINEAR:
            replace(seen.net, call.name, nn.Sequential(Copied(), module))
    return seen.net


# --- what each method cannot do -------------------------------------------------------


def _needs_layers_captum_knows(seen, dims):
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

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


def _needs_relu_modules(seen, dims):
    if hidden := [name for name in seen.hidden if name.startswith("relu")]:
        raise InputError(
            f"guided_backprop cannot see '{hidden[0]}', which the model computes outside of any module; write it as"
            " nn.ReLU"
        )
    if not any(isinstance(call.module, nn.ReLU) for call in seen.leaves):
        raise InputError(
            "guided_backprop changes ReLUs, and the model has none: it would be plain saliency; choose saliency"
        )


def _needs_lrp_rules(seen, dims):
    from .lrp import check

    check(seen)


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


def _needs_attention(seen, dims):
    from .attention import is_transformer

    if not is_transformer(seen.net):
        raise InputError(
            "attention_rollout needs a transformer that returns its attention, and this model is none; build 'vit' or"
            " 'hybrid', or choose one of"
            f" {', '.join(name for name, method in METHODS.items() if not method.needs_attention)}"
        )


_STEPS = Option("steps", 32, "points on the way from baseline to image", 2, 256, 2, most=MOST)
_SEED = Option("seed", 0, "of the random numbers", 0, 99, 1, most=2**63 - 1)
_BLACK = Option("baseline", "black", "what the image is compared with", choices=BASELINES)
_MEAN = Option("baseline", "mean", "what covers the image", choices=BASELINES)

METHODS = {
    "saliency": Method(
        "Saliency",
        "How much the score changes with each pixel: the size of the gradient.",
        "Simonyan et al., arXiv:1312.6034 (2013)",
        _saliency,
        signed=False,
    ),
    "input_x_gradient": Method(
        "Input x gradient",
        "The gradient times the pixel; as the model sees it, mid-grey is zero and black is -1.",
        "Shrikumar et al., arXiv:1605.01713 (2016)",
        _input_x_gradient,
        signed=True,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        "Gradients gathered on the straight way from a baseline to the image; they add up to the change of the score.",
        "Sundararajan et al., ICML 2017, arXiv:1703.01365",
        _integrated_gradients,
        signed=True,
        sums_to="difference",
        options=(_STEPS, _BLACK),
        passes=lambda options: options["steps"],
    ),
    "smoothgrad": Method(
        "SmoothGrad",
        "The size of the gradient averaged over noisy copies of the image.",
        "Smilkov et al., arXiv:1706.03825 (2017)",
        _smoothgrad,
        signed=False,
        options=(
            Option("samples", 16, "noisy copies", 1, 64, 1, most=MOST),
            Option("noise", 0.15, "spread of the noise, as a share of black to white", 0.0, 0.5, 0.01, most=10.0),
            _SEED,
        ),
        passes=lambda options: options["samples"],
    ),
    "gradient_shap": Method(
        "GradientSHAP",
        "Gradients at random points between a baseline and noisy copies of the image: expected Shapley values.",
        "Lundberg & Lee, NeurIPS 2017, arXiv:1705.07874",
        _gradient_shap,
        signed=True,
        sums_to="difference",
        options=(
            Option("samples", 32, "random points", 1, 128, 1, most=MOST),
            Option("noise", 0.05, "spread of the noise, as a share of black to white", 0.0, 0.5, 0.01, most=10.0),
            _BLACK,
            _SEED,
        ),
    ),
    "deep_lift": Method(
        "DeepLIFT",
        "What each unit does differently than for a baseline, passed back through the layers (rescale rule).",
        "Shrikumar et al., ICML 2017, arXiv:1704.02685",
        _deep_lift,
        signed=True,
        sums_to="difference",
        options=(_BLACK,),
        guard=_needs_layers_captum_knows,
        passes=lambda options: 2,
    ),
    "lrp": Method(
        "Layer-wise relevance propagation",
        "The score shared out layer by layer, down to the pixels, none of it lost.",
        "Bach et al., PLOS ONE 10:e0130140 (2015); rules of Kohlbrenner et al., arXiv:1910.09840 (2019)",
        _lrp,
        signed=True,
        sums_to="score",
        guard=_needs_lrp_rules,
        passes=lambda options: 3,
    ),
    "grad_cam": Method(
        "Grad-CAM",
        "The feature maps of one layer, each weighted by its mean gradient, negative sums cut off.",
        "Selvaraju et al., ICCV 2017, arXiv:1610.02391",
        _grad_cam,
        signed=False,
        needs_layer=True,
        guard=_needs_feature_maps,
    ),
    "guided_backprop": Method(
        "Guided backpropagation",
        "The gradient, with everything negative cut off at each ReLU: sharp, and almost blind to what was learned.",
        "Springenberg et al., arXiv:1412.6806 (2014); warning of Adebayo et al., arXiv:1810.03292 (2018)",
        _guided_backprop,
        signed=True,
        guard=_needs_relu_modules,
    ),
    "occlusion": Method(
        "Occlusion",
        "How far the score falls when a window is covered, averaged over all windows that cover a pixel.",
        "Zeiler & Fergus, ECCV 2014, arXiv:1311.2901",
        _occlusion,
        signed=True,
        needs_gradient=False,
        options=(
            Option("window", 4, "side of the window in pixels", 1, 14, 1),
            Option("stride", 2, "pixels from one window to the next", 1, 7, 1),
            _MEAN,
        ),
    ),
    "kernel_shap": Method(
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
            _MEAN,
            _SEED,
        ),
    ),
    "attention_rollout": Method(
        "Attention rollout",
        "Where the tokens of a transformer look, multiplied through its blocks. It is the same for every class.",
        "Abnar & Zuidema, ACL 2020, arXiv:2005.00928",
        _attention_rollout,
        signed=False,
        needs_gradient=False,
        needs_attention=True,
        guard=_needs_attention,
    ),
}


def methods_for(run_or_model):
    """The names of `METHODS`, without those that need attention where the model has none."""
    from .attention import is_transformer

    return [name for name, method in METHODS.items() if not method.needs_attention or is_transformer(run_or_model)]
