"""`run.json`: what it holds, and the checks that it and its Run must pass.

What is read is checked, part by part and against each other; a Run that could not be read
again is not written.
"""

import math
from dataclasses import asdict
from typing import NotRequired, TypedDict

import torch

from ..checks import number, one_of, whole
from ..data.card import TASKS, Card
from ..data.dataset import PROVENANCES
from ..errors import InputError
from ..metrics import metrics_kind
from .recipe import Recipe

LARGEST = 100_000  # number among a model's options: what is larger than that is no network, but an accident
# Of what is measured, by the first words of its name: the smallest and the largest value that there can be.
RANGES = {
    "auc": (0, 1),
    "acc": (0, 1),
    "dice": (0, 1),
    "surface_dice": (0, 1),
    "hd95": (0, None),
    "mae": (0, None),
    "r2": (None, 1),
    "loss": (0, None),
    "seconds": (0, None),
}


class Record(TypedDict):
    """`run.json`: the summary, and what it takes to build the Run again."""

    format: int
    dataset: str
    model: str
    task: str
    size: int
    parameters: int
    epochs: int
    seed: int
    seconds: float
    cpu_seconds: float
    provenance: str
    device: str
    processes: int
    interrupted: bool
    val: dict | None
    test: dict | None
    options: dict
    frozen: NotRequired[tuple[str, ...]]
    card: Card
    recipe: Recipe
    scale: tuple[float, float]
    history: list[dict]
    versions: dict[str, str]
    files: dict
    sha256: NotRequired[str]


def check(run):
    """Raises `InputError`, which names the part, for a Run whose parts cannot be or do not fit each other."""
    one_of("provenance", run.provenance, PROVENANCES)
    number("seconds", run.seconds, 0)
    number("cpu_seconds", run.cpu_seconds, 0)
    whole("processes", run.processes, 1)
    number("scale", run.scale[0])
    number("scale", run.scale[1], above=0)
    if len(run.history) > run.recipe.epochs:
        raise InputError(f"history has {len(run.history)} epochs, but the recipe {run.recipe.epochs}")
    for i, row in enumerate(run.history):
        _check_epoch(f"history[{i}]", row, i + 1, metrics_kind(run.card.task).curve)
    _check_finite("model", run.model.state_dict())
    if set(run.predictions) != set(run.labels) or not set(run.predictions) <= {"val", "test"}:
        raise InputError("predictions and labels must be those of val, or of val and test")
    for split in run.predictions:
        _check_predictions(split, run.predictions[split], run.labels[split], run.card)
    for split in ("val", "test"):
        metrics = getattr(run, split)
        if metrics is not None:
            _check_metrics(split, metrics, run.card, len(run.predictions.get(split, ())))
    if run.state is not None:
        _check_state(run.state, run.model)


def checked_card(card):
    """The `Card`, if it can be one; what else it says is only shown."""
    one_of("card.task", card.task, TASKS)
    whole("card.channels", card.channels, 1)
    if not 2 <= len(card.shape) <= 3 or not card.classes:
        raise InputError("card must have a shape of 2 or 3 sides, and classes")
    for side in card.shape if card.frames is None else (card.frames, *card.shape):
        whole("card.shape and card.frames", side, 1, LARGEST)
    for axis in card.mirror:
        whole("card.mirror", axis, -len(card.shape), -1)
    for step in card.spacing or ():
        number("card.spacing", step, above=0)
    return card


def check_size(what, value):
    if isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            check_size(what, each)
    elif isinstance(value, (int, float)):
        number(f"a number among the {what}", value, -LARGEST, LARGEST)


def _check_epoch(what, row, epoch, curve):
    for name in ("epoch", "loss", *(f"val_{name}" for name in curve), "seconds"):
        if name not in row:
            raise InputError(f"{what}.{name} is missing")
    whole(f"{what}.epoch", row["epoch"], epoch, epoch)
    for name, value in row.items():
        _check_measured(f"{what}.{name}", name.removeprefix("val_"), value)


def _check_measured(what, name, value):
    """A number that was measured, in its range; the AUC of cases of one class, and R² of equal ones, are NaN."""
    if not (name in ("auc", "r2") and isinstance(value, float) and math.isnan(value)):
        number(what, value, *RANGES.get(name, ()))


def _check_metrics(what, metrics, card, cases):
    """The numbers of a split of that many cases; 0 where they are not known."""
    whole(f"{what}.n", metrics.n, 1)
    patients = card.task == "segmentation"  # whose slices are the cases
    if cases and (metrics.n > cases if patients else metrics.n != cases):
        raise InputError(f"{what}.n is {metrics.n}, but there are predictions of {cases} cases")
    for name, value in asdict(metrics).items():
        if name == "of_class":
            if set(value) != set(card.classes[1:]):
                raise InputError(f"{what}.of_class must name {', '.join(card.classes[1:])}")
            for scores in value.values():
                for score, mean in scores.items():
                    _check_measured(f"{what}.of_class.{score}", score, mean)
        elif name.endswith("_interval"):
            for end in value or ():
                _check_measured(f"{what}.{name}", name.removesuffix("_interval"), end)
            if value and value[0] > value[1]:
                raise InputError(f"{what}.{name} must be (low, high), not {value}")
        elif name == "left_out":
            for number_of_class in value:
                whole(f"{what}.left_out", number_of_class, 0, len(card.classes) - 1)
        elif name != "n" and value is not None:
            _check_measured(f"{what}.{name}", name, value)


def _check_predictions(split, found, labels, card):
    """What was predicted for a split, and the true labels: shapes, types and ranges as `Run` says."""
    classes, pixels = len(card.classes), card.shape if card.task == "segmentation" else ()
    wanted = {"multi-label": (classes,)}.get(card.task, pixels)
    if (
        len(found) != len(labels)
        or not len(found)
        or found.shape[1:] != (classes, *pixels)
        or labels.shape[1:] != wanted
    ):
        raise InputError(
            f"predictions.{split} and labels.{split} have the shapes {tuple(found.shape)} and {tuple(labels.shape)},"
            f" which do not fit each other or the {classes} classes of the card"
        )
    if not found.is_floating_point() or labels.is_floating_point() != (card.task == "regression"):
        raise InputError(
            f"predictions.{split} and labels.{split} are {found.dtype} and {labels.dtype}, which do not fit the task"
        )
    _check_finite("predictions and labels", {split: found, f"labels of {split}": labels})
    if card.task == "regression":
        return
    last = 1 if card.task == "multi-label" else classes - 1
    if labels.min() < 0 or labels.max() > last:
        raise InputError(f"labels.{split} must lie in 0…{last}")
    for part in found.split(256):  # of many masks, not all at once
        chances = part.float()
        if chances.min() < -1e-3 or chances.max() > 1 + 1e-3:
            raise InputError(f"predictions.{split} must be probabilities, 0…1")
        if card.task != "multi-label" and (chances.sum(dim=1) - 1).abs().max() > 1e-2:
            raise InputError(f"predictions.{split} must be probabilities that sum to 1")


def _check_finite(what, tensors):
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{what}: {name} holds numbers that are not finite")


def _check_state(state, model):
    """Weights, their average and the optimiser's moments as `fit` keeps them, of the shapes that the model has."""
    _check_finite("state", state)
    weights, parameters = model.state_dict(), list(model.parameters())
    shapes = {f"last.{name}": weight.shape for name, weight in weights.items()}
    shapes |= {f"average.module.{name}": weight.shape for name, weight in weights.items()} | {
        "average.n_averaged": torch.Size()
    }
    for name in state:
        if name.startswith("optimiser."):  # a moment of each trained weight, and the number of its steps
            index, moment = name.split(".")[1:]
            weight = parameters[int(index)]
            shapes[name] = torch.Size() if moment == "step" else weight.shape
    if {name: tensor.shape for name, tensor in state.items()} != shapes:
        raise InputError("state is not that of this model")


def of_kind(kind, groups):
    """{split: tensor} of "predictions" or "labels", which stand together in one file."""
    known = {f"{each}.{split}": (each, split) for each in ("predictions", "labels") for split in ("val", "test")}
    for key in groups["predictions"]:
        one_of("tensor among the predictions", key, known)
    return {known[key][1]: tensor for key, tensor in groups["predictions"].items() if known[key][0] == kind}


def with_null(value):
    """Plain values with None in place of NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: with_null(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_null(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def with_nan(row):
    return {name: math.nan if value is None else value for name, value in row.items()}


def tupled(value):
    return tuple(map(tupled, value)) if isinstance(value, list) else value
