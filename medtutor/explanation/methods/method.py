"""What a method of attribution is: what it computes, what it needs, its options. Captum does the work.

Every method explains the *score* of one class (its logit), not the probability:
softmax would mix in the evidence for the other classes. Images are seen as the
model sees them, -1 (black) to 1 (white).
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy import ndimage

from ...checks import number, one_of, whole
from ...errors import InputError, shown, unknown

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
    regional    it can ask about a region: it works on segmentations
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
    regional: bool = True
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


def at_once(x):
    """How many images like those of the batch `x` go through the network at once."""
    return max(1, PIXELS // x.shape[2:].numel())


def portions(count, most):
    """The sizes of portions of at most `most` that add up to `count`."""
    return [min(most, count - start) for start in range(0, count, most)]


def noise(x, spread, draws):
    """Noise for a batch of images; its spread is a share of black to white, and -1…1 is 2 wide."""
    return torch.normal(0.0, torch.full(x.shape, 2 * spread, dtype=torch.float32), generator=draws).to(x)


SEED = Option("seed", 0, "of the random numbers", 0, 99, 1, most=2**63 - 1)
BLACK = Option("baseline", "black", "what the image is compared with", choices=BASELINES)
MEAN = Option("baseline", "mean", "what covers the image", choices=BASELINES)

METHODS: dict[str, Method] = {}  # by name, in the order of menus; the package fills it
