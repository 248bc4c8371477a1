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
from .region import in_words
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
    region       of a segmentation the pixels that are explained, bool as `map`; `score` and `probability`
                 are then means over them. Else None
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
    region: torch.Tensor | None = field(default=None, repr=False)

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
        if self.number is not None:
            return f"predicted {self.number:.4g}"
        return f"{'probability' if self.region is None else 'mean probability'} {self.probability:.3f}"

    def __str__(self):
        over = "" if self.region is None else f" over {in_words(self.region)}"
        where = f", layer {self.layer}" if self.layer else ""
        return f"{self.title} for '{self.target.name}'{over} ({self.said}){where}"


def explain(run_or_model, image, method="integrated_gradients", *, target=None, layer=None, region=None, **options):
    """Why a model gave an image its score: an `Attribution`.

    run_or_model  a `Run`, or any torch model from images in -1…1 to (B, classes). One output, (B, 1)
                  or (B,), is read as the logit of class 1; what speaks against it, as that of class 0
    image         uint8: (C, H, W), a volume (C, D, H, W), or either without C
    method        a name of `METHODS`: "saliency", "integrated_gradients", …
    target        class number or name; left out: the class the model predicts
    layer         of Grad-CAM, a name of `layers(run_or_model)`; left out: the last
                  one with feature maps, of a segmentation the last of the coarsest ones
    region        of a segmentation, whose score is the mean logit of the target over a region: a mask (H, W)
                  or (D, H, W), or a box (top, left, bottom, right), of a volume (front, top, left, back, bottom,
                  right); left out: the pixels that the model gives to the target. A target left out is
                  the class but the background to which it gives most pixels. After Seg-Grad-CAM
                  (Vinogradova et al., AAAI 2020, arXiv:2002.11434)
    options       of the method, see `METHODS[method].options`, such as steps=64

    The model itself is not changed: all is done on a twin that shares its weights.

    Raises `InputError`, before any work, for an unknown method, option, target or
    layer, an image that the model does not take, a region without a pixel, a model whose output is not
    finite, or is another each time, and a method that cannot work on this model.
    """
    return _explain(run_or_model, image, False, method, target, layer, [region], options)[0]


def explain_batch(
    run_or_model, images, method="integrated_gradients", *, target=None, layer=None, region=None, **options
):
    """`explain` for many images at once: a list of `Attribution`, one for each.

    images  uint8 (B, C, H, W) or (B, C, D, H, W), or a list of images
    target  one class for all, or a list of B classes; left out: what the model
            predicts for each
    region  of segmentations, one for all, or a list of B regions

    Otherwise as `explain`. For gradients this is several times faster than one by one.
    """
    return _explain(run_or_model, images, True, method, target, layer, region, options)


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


def _explain(run_or_model, images, many, method, targets, layer, regions, options):
    how = checked_method(method)
    subject = Subject.of(run_or_model)
    if subject.dense and not how.regional:
        known = [name for name, each in METHODS.items() if each.regional]
        raise InputError(
            f"{method} explains one answer for an image, but {subject.title} answers for each pixel; choose one of"
            f" {', '.join(known)}"
        )
    # A caller may be in inference mode, where no gradient can be had.
    with torch.inference_mode(False), torch.enable_grad():
        x = subject.batch(images, many)
        options = how.complete(options, tuple(x.shape[2:]))
        targets, regions = _one_each("targets", targets, len(x)), _one_each("regions", regions, len(x))
        if not subject.dense and all(region is None for region in regions):
            return _explained(subject, method, x, targets, layer, None, options)
        found = []
        for one, target, region in zip(x.split(1), targets, regions):  # each has a region of its own
            with subject.asked(one, target, region) as (target, region):
                found += _explained(subject, method, one, [target], layer, region, options)
        return found


def _explained(subject, method, x, targets, layer, region, options):
    """An `Attribution` for each image of a float batch, whose network answers (B, classes)."""
    how, begin = METHODS[method], time.perf_counter()
    logits, said = _answers(subject, x)
    targets = [
        subject.target(at if target is None else target, logits.shape[1])
        for target, at in zip(targets, logits.argmax(dim=1).tolist())
    ]
    seen = _inspect(subject, x, method)
    layer = _checked_layer(how, method, layer, seen, x.dim() - 2, subject.dense)
    raw = _attribute(subject, method, seen, x, targets, layer, options)
    expected = _expected_sums(how, subject, x, logits, targets, options)
    return _as_attributions(subject, method, x, logits, said, targets, raw, expected, layer, region, options, begin)


def _answers(subject, x):
    """Scores and probabilities of a float batch, in portions that fit into memory."""
    size = max(1, PIXELS // x.shape[2:].numel())
    return [torch.cat(parts) for parts in zip(*(subject.answers(part) for part in x.split(size)))]


def _one_each(what, given, count):
    """A list of `count`, of one for all, or of one for each."""
    if what == "targets" and isinstance(given, (torch.Tensor, np.ndarray)):
        given = given.tolist()
    if isinstance(given, list) or (what == "targets" and isinstance(given, tuple) and not isinstance(given, Target)):
        if len(given) != count:
            raise InputError(f"there are {len(given)} {what} for {count} images; give one for each, or one for all")
        return given
    return [given] * count


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


def _checked_layer(how, method, layer, seen, dims, dense):
    if not how.needs_layer:
        if layer is not None:
            raise InputError(f"{method} looks at the whole model, not at a layer; leave layer out, or choose grad_cam")
        return None
    if layer is None:
        return last_feature_map(seen, dims, coarsest=dense)
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
        base = _answers(subject, baseline(x, options["baseline"]))[0]
        score = score - base[range(len(x)), [one.index for one in targets]]
    return score.tolist()


def _as_attributions(subject, method, x, logits, said, targets, raw, expected, layer, region, options, begin):
    raw, logits, said = raw.float().cpu().contiguous(), logits.float().cpu(), said.float().cpu()
    maps = raw.sum(dim=1)
    if maps.shape[1:] != x.shape[2:]:
        mode = "bilinear" if x.dim() == 4 else "trilinear"
        maps = F.interpolate(raw, size=covered(subject.net, x.shape[2:]), mode=mode, align_corners=False)[:, 0]
        maps = maps[(..., *(slice(side) for side in x.shape[2:]))]
    is_number = subject.task == "regression"
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
            region=None if region is None else region.cpu(),
        )
        for i in range(len(x))
    ]
