"""How far to trust a map: scores from the model's own answers, and from the truth where it is known.

Without truth: `deletion` and `insertion` (Petsiuk et al., RISE, arXiv:1806.07421,
2018), `infidelity` and `sensitivity` (Yeh et al., arXiv:1901.09392, 2019), and
the `similarity` of two maps. With the truth of a phantom: `pointing` (Zhang et
al., arXiv:1608.00507, 2016) and `mass`. `random_map` and `edge_map` need no model
at all: a map that scores no better than they do has shown nothing.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from scipy.stats import rankdata

from ..checks import number, one_of, whole
from ..data.images import as_image
from ..errors import InputError, shown
from .attribution import Attribution, attribute_floats, explain_batch
from .draws import checked_seed, generator
from .methods import BASELINES, MOST, at_once, baseline
from .randomisation import randomised
from .subject import Subject, Target, checked_sides


@dataclass(frozen=True, eq=False)
class Curve:
    """How a model's answer changes while pixels are taken away or given back.

    share  of the pixels changed, 0 to 1, (steps + 1,)
    value  probability of the target (or its score), of a regression the predicted number, (steps + 1,)
    auc    area under the curve
    """

    share: torch.Tensor = field(repr=False)
    value: torch.Tensor = field(repr=False)
    auc: float


def deletion(run_or_model, image, attribution, *, steps=28, using="blurred", of="probability"):
    """The `Curve` of the target while the most important pixels are taken away first.

    A low area speaks for the map: the model soon misses what was taken.

    image        uint8, as given to `explain`
    attribution  an `Attribution`, or a pair (map, target) for a map from elsewhere
    steps        in how many portions
    using        what stands in for a pixel: "blurred", "black" or "mean"
    of           "probability" (of a regression the predicted number) or "score" (the logit)
    """
    return _curve(run_or_model, image, attribution, steps, using, of, deleting=True)


def insertion(run_or_model, image, attribution, *, steps=28, using="blurred", of="probability"):
    """The `Curve` of the target while the most important pixels are put onto a blurred image first.

    A high area speaks for the map: few pixels are enough. Arguments as of `deletion`.
    """
    return _curve(run_or_model, image, attribution, steps, using, of, deleting=False)


def _curve(run_or_model, image, attribution, steps, using, of, deleting):
    one_of("measure", of, ("probability", "score"))
    one_of("baseline", using, BASELINES)
    try:
        steps = whole("steps", steps, 1)
    except InputError:
        raise InputError(f"steps is {shown(steps)}; give a whole number from 1") from None
    subject = Subject.of(run_or_model)
    values, target = _map_and_target(attribution)
    with torch.inference_mode(False), torch.no_grad():
        x = subject.batch(image, many=False)
        _check_same_shape(values, x)
        steps = min(steps, values.numel())
        counts = torch.linspace(0, values.numel(), steps + 1).round().long()
        # changed[k]: the pixels among the counts[k] most important ones
        changed = (_ranks(values)[None] < counts.view(-1, *[1] * values.dim())).unsqueeze(1).to(x.device)
        other = baseline(x, using)
        answers = []
        for part in changed.split(at_once(x)):
            answers.append(subject.scores(torch.where(part, other, x) if deleting else torch.where(part, x, other)))
        logits = torch.cat(answers)
        rows = subject.probabilities(logits) if of == "probability" else logits
        value = rows[:, subject.target(target, rows.shape[1]).index].float().cpu()
    share = counts / values.numel()
    area = torch.trapezoid(value, share).item()
    if of == "probability" and subject.task != "regression":
        area = min(max(area, 0.0), 1.0)  # rounding must not lead beyond
    return Curve(share, value, area)


def _ranks(values):
    """0 for the pixel with the highest value, 1 for the next, … Equal ones stand in random order.

    Else a flat map would be read from the top left corner on, as if it said so.
    """
    flat = values.flatten()
    shuffled = torch.from_numpy(np.random.default_rng(0).permutation(flat.numel()))
    order = shuffled[torch.argsort(flat[shuffled], descending=True, stable=True)]
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks.view(values.shape)


def infidelity(run_or_model, image, attribution, *, samples=64, using="blurred", seed=0):
    """How badly the map foretells what covering random squares does to the score: 0 perfectly, 1 not at all.

    Captum's infidelity, with the map scaled at its best, over that of an empty
    map: so it compares between images, models and methods. A map is asked for the
    sum of its values inside a square, the model for the fall of its score.

    samples  squares, a quarter of the image wide, at random places
    """
    from captum.metrics import infidelity as captum_infidelity

    samples, seed = whole("samples", samples, 1, MOST), checked_seed(seed)
    one_of("baseline", using, BASELINES)
    subject = Subject.of(run_or_model)
    values, target = _map_and_target(attribution)
    with torch.inference_mode(False), torch.no_grad():
        x = subject.batch(image, many=False)
        _check_same_shape(values, x)
        index = subject.target(target, subject.scores(x).shape[1]).index
        other = baseline(x, using)
        spread = values[None, None].expand_as(x).to(x) / x.shape[1]  # each channel its share

        def missed(values):
            draws = generator(seed)

            def cover(copies):
                inside = _squares(len(copies), x.shape[2:], draws).to(x.device)
                return inside.expand_as(copies).to(copies), torch.where(inside, other, copies)

            return captum_infidelity(
                subject.net,
                cover,
                x,
                values,
                target=index,
                n_perturb_samples=samples,
                max_examples_per_batch=min(samples, at_once(x)),
                normalize=True,
            ).item()

        nothing = missed(torch.zeros_like(spread))
        return min(max(missed(spread) / nothing, 0.0), 1.0) if nothing > 0 else 0.0


def _squares(count, shape, draws):
    """Masks (count, 1, *shape) of squares or cubes a quarter as wide as the image, at places that a generator draws."""
    inside = torch.ones(count, 1, *shape, dtype=torch.bool)
    for axis, side in enumerate(shape):
        width = max(1, side // 4)
        start = torch.randint(0, side - width + 1, (count, 1), generator=draws)
        place = torch.arange(side)[None]
        over = [-1 if other == axis else 1 for other in range(len(shape))]
        inside &= ((place >= start) & (place < start + width)).view(count, 1, *over)
    return inside


def sensitivity(run_or_model, image, attribution, *, radius=0.01, samples=10, seed=0):
    """How much the map changes, at most, when the image changes invisibly: 0 not at all, 1 as much as it is large.

    Captum's sensitivity_max. The method runs again, with the same options, on
    copies whose pixels are changed by up to `radius` of black to white.

    attribution  an `Attribution`
    """
    from captum.metrics import sensitivity_max

    _check_attribution(attribution)
    radius, samples, draws = (
        2 * number("radius", radius, 0, 1),
        whole("samples", samples, 1, MOST),
        generator(seed),
    )  # -1…1 is 2 wide
    subject = Subject.of(run_or_model)
    with torch.inference_mode(False):
        x = subject.batch(image, many=False)
        _check_same_shape(attribution.map, x)
        subject.scores(x)

        def near(images):
            moved = torch.empty(images.shape, dtype=torch.float32).uniform_(-radius, radius, generator=draws)
            return (images + moved.to(images),)

        def again(images):
            # A tuple of one: captum would take a bare tensor for a tuple of its rows, and answer wrongly.
            return (attribute_floats(subject, images[0], attribution),)

        return sensitivity_max(
            again, x, near, n_perturb_samples=samples, max_examples_per_batch=min(samples, at_once(x))
        ).item()


def similarity(one, other):
    """Do two maps point to the same places? Spearman's rank correlation of the absolute values, -1 to 1.

    The sign is left out, since a randomised network gives it at random (Adebayo et
    al., arXiv:1810.03292, 2018). 0 where one map is flat and has no ranks.

    one, other  `Attribution`s or maps of the same shape; NaN and infinity are refused, as by all scores
    """
    one, other = _map(one), _map(other)
    if one.shape != other.shape:
        raise InputError(
            f"the maps have shapes {tuple(one.shape)} and {tuple(other.shape)}; give two of the same image"
        )
    ranks = np.stack([rankdata(values.abs().flatten().numpy()) for values in (one, other)])
    if (ranks.std(axis=1) == 0).any():
        return 0.0
    return float(np.clip(np.corrcoef(ranks)[0, 1], -1, 1))


def agreement(maps):
    """The `similarity` of each map to each other one: a symmetric tensor (n, n), 1 on its diagonal.

    maps  a list of `Attribution`s or maps of the same shape
    """
    if not isinstance(maps, (list, tuple)):
        raise InputError(f"give a list of Attributions or maps, not {type(maps).__name__}")
    matrix = torch.eye(len(maps))
    for i, one in enumerate(maps):
        for j, other in enumerate(maps[:i]):
            matrix[i, j] = matrix[j, i] = similarity(one, other)
    return matrix


# --- where the truth is known -----------------------------------------------------------


def pointing(attribution, evidence, *, tolerance=0, part="positive"):
    """The pointing game: does the highest value fall on the evidence? 1 yes, 0 no.

    Where several pixels are highest, their share on the evidence: a flat map gets
    what chance would give it.

    evidence   bool (H, W) or (D, H, W), such as `dataset.test.evidence[i]`
    tolerance  pixels that a hit may be off
    part       "positive" (what speaks for the target) or "absolute"
    """
    tolerance = whole("tolerance", tolerance, 0)
    values, evidence = _against(attribution, evidence, part)
    if tolerance:
        tolerance = min(tolerance, max(evidence.shape))  # which is everywhere
        window = 2 * tolerance + 1
        pool = F.max_pool2d if evidence.dim() == 2 else F.max_pool3d
        evidence = pool(evidence[None, None].float(), window, stride=1, padding=tolerance)[0, 0] > 0
    highest = values == values.max()
    return (highest & evidence).sum().item() / highest.sum().item()


def mass(attribution, evidence, *, part="positive"):
    """The share of the attribution that falls on the evidence, 0 to 1; chance is the evidence's share of the image.

    0 for an empty map. Arguments as of `pointing`.
    """
    values, evidence = _against(attribution, evidence, part)
    values = values.double()  # single precision would overflow, or add up to more than there is
    inside, beside = values[evidence].sum().item(), values[~evidence].sum().item()
    return inside / (inside + beside) if inside > 0 else 0.0


def _against(attribution, evidence, part):
    values, evidence = _map(attribution), _as_evidence(evidence)
    one_of("part", part, ("positive", "absolute"))
    if evidence.shape != values.shape:
        raise InputError(f"the evidence has shape {tuple(evidence.shape)}, the map {tuple(values.shape)}")
    if not evidence.any():
        raise InputError("this image has no evidence: nothing was planted in it; choose one of the other class")
    return (values.abs() if part == "absolute" else values.clamp(min=0)), evidence


def _as_evidence(evidence):
    """Evidence as a bool tensor; numbers are read as 0 for no and 1, or another whole number, for yes."""
    evidence = _as_numbers("evidence", evidence)
    if evidence.is_floating_point() and ((evidence != 0) & (evidence != 1)).any():
        raise InputError(
            "evidence must say yes or no of each pixel, True or False; decide from which value on it counts"
        )
    return evidence.bool()


def random_map(shape, seed=0):
    """A map of random values 0…1 that knows neither model nor image: the floor of every score.

    shape  of the image in pixels, (H, W) or (D, H, W)
    """
    return torch.rand(checked_sides(shape), generator=generator(seed))


def edge_map(image):
    """Edges of the image (Sobel), (H, W) or (D, H, W): what a map may show without any model.

    image  uint8 (C, H, W), (C, D, H, W), as `explain` takes it; the channels' edges are added up
    """
    pixels = as_image(image, title="edge_map").cpu().numpy().astype(np.float32) / 255
    axes = range(1, pixels.ndim)
    return torch.from_numpy(np.sqrt(sum(ndimage.sobel(pixels, axis) ** 2 for axis in axes)).sum(axis=0))


# --- all of them --------------------------------------------------------------------------


@dataclass(frozen=True)
class Scores:
    """What stands beside a map. Arrows: which way speaks for it.

    deletion, insertion  areas, of the target's probability (of a regression of the predicted number): low, high
    infidelity           0…1, low
    sensitivity          from 0, low
    completeness_error   from 0, low; None where the method promises no sum
    to_randomised        -1…1, similarity to the map of the same network with random
                         weights: near 0, or the map does not show what was learned
    pointing, mass       on known evidence: high; None where none is known
    """

    deletion: float
    insertion: float
    infidelity: float
    sensitivity: float
    completeness_error: float | None
    to_randomised: float
    pointing: float | None = None
    mass: float | None = None


def score(run_or_model, image, attribution, *, evidence=None, seed=0):
    """All `Scores` of one `Attribution`; about as long as forty forward passes and a dozen runs of the method."""
    _check_attribution(attribution)
    subject, seed = Subject.of(run_or_model), checked_seed(seed)
    _check_same_shape(attribution.map, subject.batch(image, many=False))
    known = evidence is not None and bool(_as_evidence(evidence).any())
    of_evidence = {"pointing": pointing(attribution, evidence), "mass": mass(attribution, evidence)} if known else {}
    again = {"target": attribution.target, "layer": attribution.layer, **attribution.options}
    unlearned = explain_batch(randomised(run_or_model, seed=seed), [image], attribution.method, **again)[0]
    return Scores(
        deletion=deletion(run_or_model, image, attribution).auc,
        insertion=insertion(run_or_model, image, attribution).auc,
        infidelity=infidelity(run_or_model, image, attribution, seed=seed),
        sensitivity=sensitivity(run_or_model, image, attribution, seed=seed),
        completeness_error=attribution.completeness_error,
        to_randomised=similarity(attribution, unlearned),
        **of_evidence,
    )


def _map(attribution):
    """The values of an `Attribution`, or of a map from elsewhere, as float32.

    Raises `InputError` where they are no finite numbers.
    """
    values = _as_numbers("a map", attribution.map if isinstance(attribution, Attribution) else attribution)
    if not values.numel() or not torch.isfinite(values).all():
        raise InputError("the map is empty, or holds NaN or infinity; give finite numbers, one for each pixel")
    return values.float()


def _as_numbers(what, values):
    """An array of real numbers as a tensor on the CPU."""
    try:
        values = torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        values = None
    if values is None or values.is_complex() or values.is_quantized:
        raise InputError(f"{what} must be an array of numbers, one for each pixel")
    return values.to_dense() if values.layout != torch.strided else values


def _check_attribution(attribution):
    if not isinstance(attribution, Attribution):
        raise InputError(f"give an Attribution, as explain returns it, not {type(attribution).__name__}")


def _map_and_target(attribution):
    if isinstance(attribution, Attribution):
        return _map(attribution), attribution.target
    if isinstance(attribution, tuple) and len(attribution) == 2 and not isinstance(attribution, Target):
        return _map(attribution[0]), attribution[1]
    raise InputError("give an Attribution, or a pair (map, target)")


def _check_same_shape(values, x):
    if values.shape != x.shape[2:]:
        raise InputError(
            f"the map has shape {tuple(values.shape)}, the image {tuple(x.shape[2:])}; give the map of this image"
        )
