"""Methods that ask for nothing but the gradient of the score."""

from captum.attr import GuidedBackprop, InputXGradient, IntegratedGradients, Saliency
from torch import nn

from ...errors import InputError
from ..draws import generator
from .method import BLACK, MOST, SEED, Method, Option, at_once, baseline, noise, portions


def _plain(kind):
    """A method of captum's that has no options."""
    return lambda seen, x, target, layer, options: kind(seen.net).attribute(x, target=target)


def _integrated_gradients(seen, x, target, layer, options):
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
    samples, draws = options["samples"], generator(options["seed"])
    total = 0
    for size in portions(samples, max(1, at_once(x) // len(x))):
        noisy = x.detach().repeat_interleave(size, dim=0)
        noisy = (noisy + noise(noisy, options["noise"], draws)).requires_grad_()
        gradients = Saliency(seen.net).attribute(noisy, target=target.repeat_interleave(size), abs=False)
        total = total + gradients.unflatten(0, (len(x), size)).sum(dim=1)
    return (total / samples).abs()


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


SALIENCY = Method(
    "Saliency",
    "How much the score changes with each pixel: the size of the gradient.",
    "Simonyan et al., arXiv:1312.6034 (2013)",
    _plain(Saliency),
    signed=False,
)

INPUT_X_GRADIENT = Method(
    "Input x gradient",
    "The gradient times the pixel; as the model sees it, mid-grey is zero and black is -1.",
    "Shrikumar et al., arXiv:1605.01713 (2016)",
    _plain(InputXGradient),
    signed=True,
)

INTEGRATED_GRADIENTS = Method(
    "Integrated gradients",
    "Gradients gathered on the straight way from a baseline to the image; they add up to the change of the score.",
    "Sundararajan et al., ICML 2017, arXiv:1703.01365",
    _integrated_gradients,
    signed=True,
    sums_to="difference",
    options=(Option("steps", 32, "points on the way from baseline to image", 2, 256, 2, most=MOST), BLACK),
    passes=lambda options: options["steps"],
)

SMOOTHGRAD = Method(
    "SmoothGrad",
    "The size of the gradient averaged over noisy copies of the image.",
    "Smilkov et al., arXiv:1706.03825 (2017)",
    _smoothgrad,
    signed=False,
    options=(
        Option("samples", 16, "noisy copies", 1, 64, 1, most=MOST),
        Option("noise", 0.15, "spread of the noise, as a share of black to white", 0.0, 0.5, 0.01, most=10.0),
        SEED,
    ),
    passes=lambda options: options["samples"],
)

GUIDED_BACKPROP = Method(
    "Guided backpropagation",
    "The gradient, with everything negative cut off at each ReLU: sharp, and almost blind to what was learned.",
    "Springenberg et al., arXiv:1412.6806 (2014); warning of Adebayo et al., arXiv:1810.03292 (2018)",
    _plain(GuidedBackprop),
    signed=True,
    guard=_needs_relu_modules,
)
