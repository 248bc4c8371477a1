"""`explain`: why a model gave an image its score, as an `Attribution`."""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from ..checks import one_of
from ..errors import InputError, unknown
from .anatomy import Trace, covered, feature_maps, is_quantised, is_scripted, last_feature_map, trace
from .methods import METHODS
from .methods.method import PIXELS, baseline
from .subject import Subject, Target, is_about_memory


@dataclass(frozen=True, eq=False)
class Attribution:
    """One explanation of one image.

    method       a name of `METHODS`
    target       `Target(index, name)`: the class that is explained; of a regression what is predicted
    predicted    `Target` of the class with the highest score
    score        the model's logit for the target; of a regression what the network says, before it is put into units
    probability  of the target, of this one image without test-time mirroring; None of a regression
    map          float32 (H, W) or (D, H, W): the channels of `raw` added up; of
                 Grad-CAM and rollout, the coarse map enlarged bilinearly
    raw          as the method gives it: (C, H, W), (C, D, H, W), or of Grad-CAM
                 and rollout the coarse (1, h, w) of the layer or the tokens
    options      all options, those left out with their default
    layer        the layer Grad-CAM looked at, else None
    expected_sum what the values of `map` should add up to, where the method
                 promises something: the score, or its difference from the
                 baseline's; else None
    seconds      wall time; of a batch, the mean
    number       of a regression the predicted number, in the units of the target; else None
    """

    method: str
    target: Target
    predicted: Target
    score: float
    probability: float | None
    map: torch.Tensor = field(repr=False)
    raw: torch.Tensor = field(repr=False)
    options: dict
    layer: str | None
    expected_sum: float | None
    seconds: float
    number: float | None = None

    @property
    def title(self):
        return METHODS[self.method].title

    @property
    def signed(self):
        """Whether negative values speak against the target."""
        return METHODS[self.method].signed

    @property
    def completeness_error(self):
        """How far the map's sum misses `expected_sum`, as a share of it; None where nothing is promised.

        0 is perfect. Where `expected_sum` is close to zero, a large share says little.
        """
        if self.expected_sum is None:
            return None
        missed = abs(self.map.sum(dtype=torch.float64).item() - self.expected_sum)
        return missed / max(abs(self.expected_sum), 1e-6)

    @property
    def said(self):
        """What the model says of the target, in words."""
        return f"probability {self.probability:.3f}" if self.number is None else f"predicted {self.number:.4g}"

    def __str__(self):
        where = f", layer {self.layer}" if self.layer else ""
        return f"{self.title} for '{self.target.name}' ({self.said}){where}"


def explain(run_or_model, image, method="integrated_gradients", *, target=None, layer=None, **options):
    """Why a model gave an image its score: an `Attribution`.

    run_or_model  a `Run`, or any torch model from images in -1…1 to (B, classes). One output, (B, 1)
                  or (B,), is read as the logit of class 1; what speaks against it, as that of class 0
    image         uint8: (C, H, W), a volume (C, D, H, W), or either without C
    method        a name of `METHODS`: "saliency", "integrated_gradients", …
    target        class number or name; left out: the class the model predicts
    layer         of Grad-CAM, a name of `layers(run_or_model)`; left out: the last
                  one with feature maps
    options       of the method, see `METHODS[method].options`, such as steps=64

    The model itself is not changed: all is done on a twin that shares its weights.

    Raises `InputError`, before any work, for an unknown method, option, target or
    layer, an image that the model does not take, a model whose output is not
    finite, or is another each time, and a method that cannot work on this model.
    """
    return _explain(run_or_model, image, False, method, target, layer, options)[0]


def explain_batch(run_or_model, images, method="integrated_gradients", *, target=None, layer=None, **options):
    """`explain` for many images at once: a list of `Attribution`, one for each.

    images  uint8 (B, C, H, W) or (B, C, D, H, W), or a list of images
    target  one class for all, or a list of B classes; left out: what the model
            predicts for each

    Otherwise as `explain`. For gradients this is several times faster than one by one.
    """
    return _explain(run_or_model, images, True, method, target, layer, options)


def attribute_floats(subject, x, attribution):
    """The method of an `Attribution` again, on other float images (B, C, *spatial): its raw values."""
    with torch.enable_grad():
        seen = _inspect(subject, x, attribution.method)
        return _attribute(
            subject, attribution.method, seen, x, [attribution.target] * len(x), attribution.layer, attribution.options
        )


def checked_method(method):
    """The `Method` of a name. Raises `InputError` for one that is not known."""
    return METHODS[one_of("method", method, METHODS)]


def _explain(run_or_model, images, many, method, target, layer, options):
    how = checked_method(method)
    subject = Subject.of(run_or_model)
    begin = time.perf_counter()
    # A caller may be in inference mode, where no gradient can be had.
    with torch.inference_mode(False), torch.enable_grad():
        x = subject.batch(images, many)
        options = how.complete(options, tuple(x.shape[2:]))
        logits = _checked_scores(subject, x)
        targets = _targets(subject, target, logits)
        seen = _inspect(subject, x, method)
        layer = _checked_layer(how, method, layer, seen, x.dim() - 2)
        raw = _attribute(subject, method, seen, x, targets, layer, options)
        expected = _expected_sums(how, subject, x, logits, targets, options)
        return _as_attributions(subject, method, x, logits, targets, raw, expected, layer, options, begin)


def _checked_scores(subject, x):
    size = max(1, PIXELS // x.shape[2:].numel())
    return torch.cat([subject.scores(part) for part in x.split(size)])


def _targets(subject, wanted, logits):
    """One `Target` for each image."""
    count = logits.shape[1]
    if wanted is None:
        return [subject.target(index, count) for index in logits.argmax(dim=1).tolist()]
    if isinstance(wanted, (torch.Tensor, np.ndarray)):
        wanted = wanted.tolist()
    if isinstance(wanted, (list, tuple)) and not isinstance(wanted, Target):
        if len(wanted) != len(logits):
            raise InputError(
                f"there are {len(wanted)} targets for {len(logits)} images; give one for each, or one for all"
            )
        return [subject.target(one, count) for one in wanted]
    return [subject.target(wanted, count)] * len(logits)


def _inspect(subject, x, method):
    """The `Trace` of a forward pass, once the method's guard has passed; empty where the method hooks nothing."""
    how = METHODS[method]
    if how.needs_gradient and is_quantised(subject.net):
        raise InputError(
            f"{method} needs gradients, and none passes the quantised layers of {subject.title}; {_without_gradients()}"
        )
    if how.guard is None:
        return Trace(subject.net, [], [], {})
    if is_scripted(subject.net):
        rest = ", ".join(name for name, each in METHODS.items() if each.guard is None)
        raise InputError(
            f"{method} looks at layers, and TorchScript hides those of {subject.title}; choose one of {rest}"
        )
    seen = trace(subject.net, x[:1])
    try:
        how.guard(seen, x.dim() - 2)
    except InputError:
        _check_gradients(subject, method, x)  # the better reason
        raise
    return seen


def _checked_layer(how, method, layer, seen, dims):
    if not how.needs_layer:
        if layer is not None:
            raise InputError(f"{method} looks at the whole model, not at a layer; leave layer out, or choose grad_cam")
        return None
    if layer is None:
        return last_feature_map(seen, dims)
    maps = feature_maps(seen, dims)
    if isinstance(layer, str) and layer in maps:
        return layer
    call = next((call for call in seen.calls if isinstance(layer, str) and call.name == layer), None)
    if call is None:
        raise unknown("layer", layer, _worth_naming(seen, maps))
    shape = "no tensor" if call.output is None else f"({', '.join(map(str, call.output.shape[1:]))})"
    raise InputError(
        f"grad_cam needs feature maps of several pixels, and layer {layer} gives {shape}; "
        f"choose one of {', '.join(_worth_naming(seen, maps))}"
    )


def _worth_naming(seen, maps):
    """Of the layers in `maps`, the blocks and convolutions: a message should be short."""
    return [
        call.name
        for call in seen.calls
        if call.name in maps and (not call.is_leaf or "Conv" in type(call.module).__name__)
    ]


def _attribute(subject, method, seen, x, targets, layer, options):
    """(B, C or 1, *spatial), computed in portions that fit into memory.

    Raises `InputError` where the network gives no gradients, or broken ones.
    """
    how = METHODS[method]
    size = max(1, PIXELS // (x.shape[2:].numel() * how.passes(options)))
    target = torch.tensor([one.index for one in targets], device=x.device)
    parts = []
    for part, label in zip(x.split(size), target.split(size)):
        try:
            parts.append(how.attribute(seen, part.detach().requires_grad_(), label, layer, options).detach())
        except RuntimeError as error:
            if not how.needs_gradient or is_about_memory(error):
                raise
            _check_gradients(subject, method, x)
            reason = str(error).partition("\n")[0].partition(". ")[0].rstrip(". ")
            raise InputError(f"{method} cannot work on {subject.title}: {reason}; {_without_gradients()}") from error
    raw = torch.cat(parts)
    if not torch.isfinite(raw).all():
        rest = _without_gradients() if how.needs_gradient else "train or load the model again"
        raise InputError(
            f"{method} finds NaN or infinity on the way through {subject.title}, as of a root or a logarithm of zero;"
            f" {rest}"
        )
    return raw


def _check_gradients(subject, method, x):
    if METHODS[method].needs_gradient and not subject.gives_gradients(x[:1]):
        raise InputError(
            f"{method} needs gradients, and none of {subject.title}'s answer reaches the image; {_without_gradients()}"
        )


def _without_gradients():
    names = [name for name, method in METHODS.items() if not method.needs_gradient and not method.needs_attention]
    return f"choose {' or '.join(names)}, which need no gradients"


def _expected_sums(how, subject, x, logits, targets, options):
    """What each map should add up to, [B]; None where the method promises nothing."""
    if how.sums_to is None:
        return [None] * len(x)
    score = logits[range(len(x)), [one.index for one in targets]]
    if how.sums_to == "difference":
        base = _checked_scores(subject, baseline(x, options["baseline"]))
        score = score - base[range(len(x)), [one.index for one in targets]]
    return score.tolist()


def _as_attributions(subject, method, x, logits, targets, raw, expected, layer, options, begin):
    raw, logits = raw.float().cpu().contiguous(), logits.float().cpu()
    maps = raw.sum(dim=1)
    if maps.shape[1:] != x.shape[2:]:
        mode = "bilinear" if x.dim() == 4 else "trilinear"
        maps = F.interpolate(raw, size=covered(subject.net, x.shape[2:]), mode=mode, align_corners=False)[:, 0]
        maps = maps[(..., *(slice(side) for side in x.shape[2:]))]
    said, is_number = subject.probabilities(logits), subject.task == "regression"
    predicted = [subject.target(index, logits.shape[1]) for index in logits.argmax(dim=1).tolist()]
    seconds = (time.perf_counter() - begin) / len(x)
    return [
        Attribution(
            method=method,
            target=targets[i],
            predicted=predicted[i],
            score=logits[i, targets[i].index].item(),
            probability=None if is_number else said[i, targets[i].index].item(),
            number=said[i, targets[i].index].item() if is_number else None,
            map=maps[i],
            raw=raw[i],
            options=dict(options),
            layer=layer,
            expected_sum=expected[i],
            seconds=seconds,
        )
        for i in range(len(x))
    ]
