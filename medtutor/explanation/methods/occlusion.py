"""What the score loses when a part of the image is covered."""

from captum.attr import Occlusion

from .method import MEAN, Method, Option, at_once, baseline


def _occlusion(seen, x, target, layer, options):
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


OCCLUSION = Method(
    "Occlusion",
    "How far the score falls when a window is covered, averaged over all windows that cover a pixel.",
    "Zeiler & Fergus, ECCV 2014, arXiv:1311.2901",
    _occlusion,
    signed=True,
    needs_gradient=False,
    options=(
        Option("window", 4, "side of the window in pixels", 1, 14, 1),
        Option("stride", 2, "pixels from one window to the next", 1, 7, 1),
        MEAN,
    ),
)
