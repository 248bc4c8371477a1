"""How right models are and what they cost, with intervals on both sides, and which of them none beats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import checks
from ..data.images import case_shape
from ..efficiency.measuring import file_bytes, forward_flops, latencies
from ..errors import InputError
from ..metrics.intervals import bootstrap
from ..models import build, parameter_count
from ..models.inference import to_model
from .cost import measure_cost

PATH = Path(__file__).with_suffix(".json")  # what `tools/make_frontier.py` has written
MODELS: dict[str, tuple[str, dict]] = {
    "mlp": ("mlp", {}),
    "lenet": ("lenet", {}),
    "cnn 8/16/32": ("cnn", {"widths": (8, 16, 32)}),
    "bag_of_patches": ("bag_of_patches", {}),
    "cnn": ("cnn", {}),
    "vit": ("vit", {}),
    "hybrid": ("hybrid", {}),
    "vgg": ("vgg", {}),
    "swish_cnn": ("swish_cnn", {}),
    "windowed_vit": ("windowed_vit", {}),
}
COSTS = {
    "parameters": "parameters",
    "MFLOP": "million operations of one image",
    "kB": "kilobytes of its file",
    "ms": "milliseconds of one image, one thread",
    "training s": "seconds of the whole training",
}
BATCH = 16

Estimate = tuple[float, float, float]  # value, low, high of the 95 % interval


@dataclass(frozen=True)
class Point:
    """One model on the plane of accuracy and cost.

    name      of the model
    measures  {"val AUC" and the like: (value, low, high)}, 0…1
    costs     {one of `COSTS`: (value, low, high)}; what is counted has no width
    over      what the intervals of the measures are over, such as "seeds and cases"
    """

    name: str
    measures: Mapping[str, Estimate]
    costs: Mapping[str, Estimate]
    over: str = "seeds and cases"


def check_points(points: Sequence[Point]) -> list[Point]:
    """The points as a list. Raises `InputError` for what are none, for names that stand twice, for points without a
    measure or a cost in common, for numbers that are not finite, and for values outside of their intervals.

    >>> from medtutor.reports.frontier import Point, check_points
    >>> len(check_points([Point("cnn", {"val AUC": (0.9, 0.8, 0.95)}, {"ms": (1.0, 0.9, 1.2)})]))
    1
    """
    given = checks.items(points)
    if not given or not all(isinstance(each, Point) for each in given):
        raise InputError("there are no points; give a list of Point, or leave it out")
    if len({each.name for each in given}) < len(given):
        raise InputError("a model stands among the points twice; give each a name of its own")
    if not all(each.measures for each in given) or not shared_costs(given):
        raise InputError("a point has no measure, or the points have no cost in common; give each the same costs")
    for point in given:
        for what, (value, low, high) in {**point.measures, **point.costs}.items():
            if not (np.isfinite([value, low, high]).all() and 0 <= low <= value <= high):
                raise InputError(f"{what} of {point.name} is {value} in {low} to {high}; give 0 ≤ low ≤ value ≤ high")
    return list(given)


def shared_costs(points: Sequence[Point]) -> list[str]:
    """The costs that all points have, in the order of the first."""
    return [name for name in points[0].costs if all(name in each.costs for each in points)]


def on_frontier(points: Sequence[Point], measure: str, cost: str) -> list[Point]:
    """The points that no other beats: none is at least as good and at most as dear, and better in one. Cheapest first.

    >>> from medtutor.reports.frontier import Point, on_frontier
    >>> def point(name, auc, ms): return Point(name, {"AUC": (auc,) * 3}, {"ms": (ms,) * 3})
    >>> [each.name for each in on_frontier([point("a", 0.8, 1), point("b", 0.7, 2), point("c", 0.9, 3)], "AUC", "ms")]
    ['a', 'c']
    """
    best, found = -1.0, []
    for point in sorted(points, key=lambda each: (each.costs[cost][0], -each.measures[measure][0])):
        if point.measures[measure][0] > best:
            best = point.measures[measure][0]
            found.append(point)
    return found


def measured_costs(
    models: Mapping[str, tuple[str, dict, int]], card: Any, cases: int, repeats: int = 30
) -> dict[str, dict[str, Estimate]]:
    """What models cost, {name: {one of `COSTS`: (value, low, high)}}; counted, or measured now on one thread.

    models   {name: (name for `build`, its options, epochs of its training)}
    card     of the images
    cases    of the training split
    repeats  times that the answer to one image is measured, the models in turns; the median and its interval by the
             bootstrap over repetitions. The training is that of `measure_cost`, times cases and epochs, with the
             lowest and highest of so many repetitions as its interval

    >>> from medtutor.data import card
    >>> from medtutor.reports.frontier import measured_costs
    >>> list(measured_costs({"mlp": ("mlp", {"width": 16}, 1)}, card("pneumoniamnist"), 100, repeats=5)["mlp"])
    ['parameters', 'MFLOP', 'kB', 'ms', 'training s']
    """
    built = {name: build(model, card, **options).eval() for name, (model, options, _) in models.items()}
    one = to_model(torch.zeros(1, *case_shape(card)), torch.device("cpu"))

    def answering(model: torch.nn.Module) -> Callable[[], object]:
        return lambda: model(one)

    with torch.inference_mode():
        spent = latencies({name: answering(model) for name, model in built.items()}, repeats)
    found = {}
    for name, model in built.items():
        batch = BATCH if forward_flops(model, card) < 1e8 else 4
        trains = [measure_cost(model, card, batch=batch).train_ms or 0.0 for _ in range(3)]
        seconds = np.array(trains) * cases * models[name][2] / 1000
        times = np.array(spent[name].times)
        low, high = bootstrap(lambda drawn: np.median(drawn, axis=-1), times)
        found[name] = {
            "parameters": (float(parameter_count(model)),) * 3,
            "MFLOP": (forward_flops(model, card) / 1e6,) * 3,
            "kB": (file_bytes(model) / 1000,) * 3,
            "ms": (spent[name].median, min(low, spent[name].median), max(high, spent[name].median)),
            "training s": (float(np.median(seconds)), float(seconds.min()), float(seconds.max())),
        }
    return found
