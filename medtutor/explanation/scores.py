"""How far to trust a map: scores from the model's own answers, and from the truth where it is known.

From the model: `deletion` and `insertion` (Petsiuk et al., RISE, arXiv:1806.07421,
2018), `infidelity` and `sensitivity` (Yeh et al., arXiv:1901.09392, 2019), and
what `.maps` tells of a map alone.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from captum.metrics import infidelity as captum_infidelity
from captum.metrics import sensitivity_max
from numpy.typing import ArrayLike
from torch import nn

from ..checks import number, one_of, whole
from ..errors import InputError, shown
from ..training.run import Run
from .attribution import Attribution, attribute_floats, explain
from .draws import checked_seed, generator
from .maps import as_truth, pointing_game, relevance_mass, similarity, values_of
from .methods.method import BASELINES, MOST, at_once, baseline
from .randomisation import randomised
from .subject import Subject, Target


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


def deletion(
    run_or_model: Run | nn.Module,
    image: ArrayLike | torch.Tensor,
    attribution: Attribution | tuple[ArrayLike | torch.Tensor, int | str | Target],
    *,
    steps: int = 28,
    using: str = "blurred",
    of: str = "probability",
) -> Curve:
    """The `Curve` of the target while the most important pixels are taken away first.

    A low area speaks for the map: the model soon misses what was taken.

    image        uint8, as given to `explain`
    attribution  an `Attribution`, or a pair (map, target) for a map from elsewhere
    steps        in how many portions
    using        what stands in for a pixel: "blurred", "black" or "mean"
    of           "probability" (of a regression the predicted number) or "score" (the logit)

    >>> import torch
    >>> from torch import nn
    >>> from medtutor.explanation import deletion, explain
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> model[1].weight.data = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 2]])  # the last pixel speaks for class 1
    >>> image = torch.tensor([[[0, 0], [0, 255]]], dtype=torch.uint8)
    >>> curve = deletion(model, image, explain(model, image, target=1), using="black", of="score")
    >>> curve.value
    tensor([ 2., -2., -2., -2., -2.])
    """
    return _curve(run_or_model, image, attribution, steps, using, of, deleting=True)


def insertion(
    run_or_model: Run | nn.Module,
    image: ArrayLike | torch.Tensor,
    attribution: Attribution | tuple[ArrayLike | torch.Tensor, int | str | Target],
    *,
    steps: int = 28,
    using: str = "blurred",
    of: str = "probability",
) -> Curve:
    """The `Curve` of the target while the most important pixels are put onto a blurred image first.

    A high area speaks for the map: few pixels are enough. Arguments as of `deletion`.

    >>> import torch
    >>> from torch import nn
    >>> from medtutor.explanation import explain, insertion
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> model[1].weight.data = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 2]])  # the last pixel speaks for class 1
    >>> image = torch.tensor([[[0, 0], [0, 255]]], dtype=torch.uint8)
    >>> curve = insertion(model, image, explain(model, image, target=1), using="black", of="score")
    >>> curve.value
    tensor([-2.,  2.,  2.,  2.,  2.])
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
    values, target, region = _parts(attribution)
    with torch.inference_mode(False), torch.no_grad():
        x = subject.batch(image, many=False)
        _check_same_shape(values, x)
        steps = min(steps, values.numel())
        counts = torch.linspace(0, values.numel(), steps + 1).round().long()
        # changed[k]: the pixels among the counts[k] most important ones
        changed = (_ranks(values)[None] < counts.view(-1, *[1] * values.dim())).unsqueeze(1).to(x.device)
        other = baseline(x, using)
        before, after = (x, other) if deleting else (other, x)
        with subject.asked(x, target, region) as (target, _):
            answers = [subject.answers(torch.where(part, after, before)) for part in changed.split(at_once(x))]
        rows = torch.cat([probable if of == "probability" else logits for logits, probable in answers])
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
    shuffled = torch.from_numpy(order_of_ties(flat.numel()))
    order = shuffled[torch.argsort(flat[shuffled], descending=True, stable=True)]
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks.view(values.shape)


def order_of_ties(size):
    """In which order pixels with equal values are taken away: their numbers, int64 (size,)."""
    return np.random.default_rng(0).permutation(size)


def infidelity(
    run_or_model: Run | nn.Module,
    image: ArrayLike | torch.Tensor,
    attribution: Attribution | tuple[ArrayLike | torch.Tensor, int | str | Target],
    *,
    samples: int = 64,
    using: str = "blurred",
    seed: int = 0,
) -> float:
    """How badly the map foretells what covering random squares does to the score: 0 perfectly, 1 not at all.

    Captum's infidelity, with the map scaled at its best, over that of an empty
    map: so it compares between images, models and methods. A map is asked for the
    sum of its values inside a square, the model for the fall of its score.

    samples  squares, a quarter of the image wide, at random places

    >>> import torch
    >>> from torch import nn
    >>> from medtutor.explanation import explain, infidelity
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> model[1].weight.data = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 2]])  # the last pixel speaks for class 1
    >>> image = torch.tensor([[[0, 0], [0, 255]]], dtype=torch.uint8)
    >>> round(infidelity(model, image, explain(model, image, target=1), using="black"), 3)  # it foretells every fall
    0.0
    """
    samples, seed = whole("samples", samples, 1, MOST), checked_seed(seed)
    one_of("baseline", using, BASELINES)
    subject = Subject.of(run_or_model)
    values, target, region = _parts(attribution)
    with torch.inference_mode(False), torch.no_grad():
        x = subject.batch(image, many=False)
        _check_same_shape(values, x)
        with subject.asked(x, target, region) as (target, _):
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


def sensitivity(
    run_or_model: Run | nn.Module,
    image: ArrayLike | torch.Tensor,
    attribution: Attribution,
    *,
    radius: float = 0.01,
    samples: int = 10,
    seed: int = 0,
) -> float:
    """How much the map changes, at most, when the image changes invisibly: 0 not at all, 1 as much as it is large.

    Captum's sensitivity_max. The method runs again, with the same options, on
    copies whose pixels are changed by up to `radius` of black to white.

    attribution  an `Attribution`

    >>> import torch
    >>> from torch import nn
    >>> from medtutor.explanation import explain, sensitivity
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> model[1].weight.data = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 2]])  # the last pixel speaks for class 1
    >>> image = torch.tensor([[[0, 0], [0, 255]]], dtype=torch.uint8)
    >>> sensitivity(model, image, explain(model, image, "saliency", target=1))  # the gradient of a linear model is one
    0.0
    """
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

        with subject.asked(x, attribution.target, attribution.region):
            return sensitivity_max(
                again, x, near, n_perturb_samples=samples, max_examples_per_batch=min(samples, at_once(x))
            ).item()


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
    pointing_game, relevance_mass
                         on known evidence: high; None where none is known
    """

    deletion: float
    insertion: float
    infidelity: float
    sensitivity: float
    completeness_error: float | None
    to_randomised: float
    pointing_game: float | None = None
    relevance_mass: float | None = None


def score(
    run_or_model: Run | nn.Module,
    image: ArrayLike | torch.Tensor,
    attribution: Attribution,
    *,
    evidence: ArrayLike | torch.Tensor | None = None,
    seed: int = 0,
) -> Scores:
    """All `Scores` of one `Attribution`; about as long as forty forward passes and a dozen runs of the method.

    >>> import torch
    >>> from torch import nn
    >>> from medtutor.explanation import explain, score
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> model[1].weight.data = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 2]])  # the last pixel speaks for class 1
    >>> image = torch.tensor([[[0, 0], [0, 255]]], dtype=torch.uint8)
    >>> found = score(model, image, explain(model, image, target=1), evidence=[[False, False], [False, True]])
    >>> found.pointing_game, found.relevance_mass, round(found.completeness_error, 3)
    (1.0, 1.0, 0.0)
    """
    _check_attribution(attribution)
    subject, seed = Subject.of(run_or_model), checked_seed(seed)
    _check_same_shape(attribution.map, subject.batch(image, many=False))
    of_evidence = {}
    if evidence is not None and as_truth("evidence", evidence).any():
        of_evidence = {
            "pointing_game": pointing_game(attribution, evidence),
            "relevance_mass": relevance_mass(attribution, evidence),
        }
    unlearned = explain(
        randomised(run_or_model, seed=seed),
        image,
        attribution.method,
        target=attribution.target,
        layer=attribution.layer,
        region=attribution.region,
        **attribution.options,
    )
    return Scores(
        deletion=deletion(run_or_model, image, attribution).auc,
        insertion=insertion(run_or_model, image, attribution).auc,
        infidelity=infidelity(run_or_model, image, attribution, seed=seed),
        sensitivity=sensitivity(run_or_model, image, attribution, seed=seed),
        completeness_error=attribution.completeness_error,
        to_randomised=similarity(attribution, unlearned),
        **of_evidence,
    )


def _check_attribution(attribution):
    if not isinstance(attribution, Attribution):
        raise InputError(f"give an Attribution, as explain returns it, not {type(attribution).__name__}")


def _parts(attribution):
    """Map, target and region, None where it has none."""
    if isinstance(attribution, Attribution):
        return values_of(attribution), attribution.target, attribution.region
    if isinstance(attribution, tuple) and len(attribution) == 2 and not isinstance(attribution, Target):
        return values_of(attribution[0]), attribution[1], None
    raise InputError("give an Attribution, or a pair (map, target)")


def _check_same_shape(values, x):
    if values.shape != x.shape[2:]:
        raise InputError(
            f"the map has shape {tuple(values.shape)}, the image {tuple(x.shape[2:])}; give the map of this image"
        )
