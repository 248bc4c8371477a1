"""`Run`: what came of a training, and its folder on disk.

A folder holds `run.json` and safetensors files, as `files.Folder` keeps them. What is
read is checked, part by part and against each other; a Run that could not be read
again is not written.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import NotRequired, TypedDict

import torch
from torch import nn

from ..checks import number, one_of, whole
from ..data.catalog import TASKS, Card, names
from ..data.images import as_images, case_shape
from ..data.loading import load as load_dataset
from ..errors import InputError
from ..files import Folder, resolve, typed
from ..metrics import Metrics, RegressionMetrics, SegmentationMetrics, metrics_kind
from ..models import build, frozen, parameter_count
from ..models.inference import probabilities
from .prediction import predict_logits
from .recipe import Recipe

FORMAT = 1
PROVENANCES = ("medmnist", "decathlon", "phantom", "arrays")
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


@dataclass(eq=False)
class Run:
    """What came of a training.

    model        the trained network, in eval mode on the CPU
    card, recipe what it was trained on, and how
    history      one dict per finished epoch: epoch, loss, val_auc and val_acc (val_dice;
                 val_r2 and val_mae), seconds
    val, test    `Metrics`, of a segmentation `SegmentationMetrics`, of a regression
                 `RegressionMetrics`; test is None until the last epoch is done, since it
                 is read once, at the end
    predictions  {"val": (N, classes) probabilities, "test": …}; of a segmentation
                 (N, classes, H, W) in half precision, of a regression numbers (N, 1)
    labels       {"val": (N,) or (N, L), "test": …}; of a segmentation masks (N, H, W)
    seconds      wall time of training, evaluation of val included
    cpu_seconds  processor time of the same, over all threads of this process
    provenance   "medmnist", "phantom" or "arrays"
    device, processes, versions: where and with what
    state        what `fit(resume=…)` needs, where the run was interrupted
    scale        of a regression the mean and the standard deviation of the training targets: the network
                 answers in standard deviations from the mean, `predict` in the units of the target
    """

    model: nn.Module
    card: Card
    recipe: Recipe
    provenance: str
    history: list = field(default_factory=list)
    val: Metrics | SegmentationMetrics | RegressionMetrics | None = None
    test: Metrics | SegmentationMetrics | RegressionMetrics | None = None
    predictions: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    device: str = "cpu"
    processes: int = 1
    versions: dict = field(default_factory=dict)
    state: dict | None = None
    scale: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self):
        self.recipe = self.recipe.filled(self, getattr(self.model, "name", None))

    @property
    def epochs_done(self):
        return len(self.history)

    @property
    def interrupted(self):
        """Whether epochs are missing, or the reading of the test split after the last one."""
        return self.epochs_done < self.recipe.epochs or self.state is not None

    @property
    def parameters(self):
        return parameter_count(self.model)

    def predict(self, images):
        """(N, classes) probabilities of images; of a segmentation (N, classes, H, W), of a regression numbers (N, 1) in
        its units.

        images  uint8, numpy or torch, shaped like the data set's: (N, C, H, W), (N, C, D, H, W), or (N, T, C, H, W) of
                any number of frames; grey ones may lack the axis of the channel. One case alone is a batch of one

        Raises `InputError` for other images, for none, and for clips of a length that the model cannot take.
        """
        mirror = self.card.mirror if self.recipe.mirror else ()
        images = self._checked(images)
        try:
            return self.read(predict_logits(self.model, images, mirror, self.recipe.shift_at_test))
        except RuntimeError as error:
            if not self.card.frames or images.shape[1] == self.card.frames:
                raise
            raise InputError(
                f"{self.model.name} does not take clips of {images.shape[1]} frames ({str(error).splitlines()[0]}); "
                f"give clips of {self.card.frames}, as it was trained on"
            ) from error

    def _checked(self, images):
        """Images as the model takes them: a uint8 tensor with an axis for the channel; or an `InputError`."""
        shape, frames = case_shape(self.card), self.card.frames
        given = tuple(getattr(images, "shape", ()))
        flat = (frames, *self.card.shape) if frames else self.card.shape
        if self.card.channels == 1 and given[1:] == flat:
            images = images[:, :, None] if frames else images[:, None]
        elif given == shape or (frames and given[1:] == shape[1:]):
            images = images[None]
        # A recurrent model may be asked before the film is over.
        return as_images(images, (None, *shape[1:]) if frames else shape, self.model.name)

    def read(self, logits):
        """What the model returned, (N, classes), as probabilities; of a regression as numbers in the units of the
        target.

        Of a segmentation (N, classes, H, W). Raises `InputError` for another shape.
        """
        axes = 2 + (self.card.dims if self.card.task == "segmentation" else 0)
        if not isinstance(logits, torch.Tensor) or logits.dim() != axes or logits.shape[1] != len(self.card.classes):
            found = tuple(getattr(logits, "shape", ())) or type(logits).__name__
            raise InputError(
                f"read takes what {self.model.name} returns, a tensor of {axes} axes with {len(self.card.classes)}"
                f" classes on the second, not {found}"
            )
        return probabilities(logits, self.card.task, self.scale)

    def dataset(self, root=None):
        """The `Dataset` it was trained on, loaded by its name from where it came; `root` as of `load`.

        Raises `InputError` for the user's own arrays, and for a set whose classes or shape were
        changed after it was loaded: no name brings them back.
        """
        if self.provenance == "arrays" or self.card.name not in names():
            own = (
                "your own arrays"
                if self.provenance == "arrays"
                else f"{self.card.name}, which no name alone brings back"
            )
            raise InputError(f"the run was made on {own}; give its data set, in Python: explore(run, dataset)")
        loaded = load_dataset(self.card.name, self.card.size, source=self.provenance, root=root)
        if self.card.frames and loaded.card.dims == 3:
            loaded = loaded.as_sequence()
        elif self.card.dims == 3 and loaded.train.patients is not None:
            loaded = loaded.as_volumes()
        for fact in ("task", "classes", "channels", "shape", "frames"):
            if getattr(loaded.card, fact) != getattr(self.card, fact):
                raise InputError(
                    f"the run was made on {self.card.name} with another {fact} than the one that its name brings back; "
                    "give its data set, in Python: explore(run, dataset)"
                )
        return loaded

    def summary(self):
        """The run as plain values, for JSON; None for a number that could not be computed."""
        return {
            "dataset": self.card.name,
            "model": self.model.name,
            "task": self.card.task,
            "size": self.card.size,
            "parameters": self.parameters,
            "epochs": self.epochs_done,
            "seed": self.recipe.seed,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "provenance": self.provenance,
            "device": self.device,
            "processes": self.processes,
            "interrupted": self.interrupted,
            "val": _with_null(asdict(self.val)) if self.val else None,
            "test": _with_null(asdict(self.test)) if self.test else None,
        }

    def __str__(self):
        phantom = (
            "PHANTOM images, drawn by medtutor: says nothing about patients\n" if self.provenance == "phantom" else ""
        )
        stopped = f" (interrupted after {self.epochs_done} of {self.recipe.epochs} epochs)" if self.interrupted else ""
        test = str(self.test) if self.test else "not read: the run is not finished"
        return (
            f"{phantom}{self.model.name} on {self.card.title}, {self.parameters:,} parameters, "
            f"{self.epochs_done} epochs in {self.seconds:.0f} s{stopped}\nval   {self.val}\ntest  {test}"
        )

    __repr__ = __str__

    def save(self, folder):
        """Write the Run to a folder; an older Run there is replaced in one step.

        Raises `InputError` for a folder that holds other files, and for a Run that could not be read again;
        `MedtutorError` where the folder cannot be written. Then what stood there before still stands.
        """
        target = run_folder(folder)
        try:
            _check(self)
        except InputError as error:
            raise InputError(f"the run cannot be saved: {error}; train again") from None
        groups = {
            "model": self.model.state_dict(),
            "predictions": {
                f"{kind}.{split}": tensor
                for kind in ("predictions", "labels")
                for split, tensor in getattr(self, kind).items()
            },
        }
        if self.state is not None:
            groups["state"] = self.state
        record = {
            **self.summary(),
            "options": self.model.options,
            "frozen": frozen(self.model),
            "card": asdict(self.card),
            "recipe": self.recipe.as_dict(),
            "scale": self.scale,
            "history": _with_null(self.history),
            "versions": self.versions,
        }
        target.save(record, groups)

    @classmethod
    def load(cls, folder):
        """Read a Run from a folder. Raises `InputError` where a file is missing, damaged or altered."""
        source = run_folder(folder)
        record, groups = source.load()
        with source.checked():
            read = typed("", record, _Record)
            if not {"model", "predictions"} <= set(groups) <= {"model", "predictions", "state"}:
                raise InputError(
                    f"files must name model and predictions, and of an interrupted run state, not {', '.join(groups)}"
                )
            card = _checked_card(read["card"])
            if card.publisher is None and read["provenance"] != "arrays":  # of before cards named their publisher
                card = replace(card, publisher=read["provenance"])
            _check_size("options", read["options"])
            val, test = (
                read[split] and typed(split, read[split], metrics_kind(card.task), gaps=True)
                for split in ("val", "test")
            )
            source.verify(record)
            model = build(read["model"], card, **{key: _tupled(value) for key, value in read["options"].items()})
            model.load_state_dict(groups["model"])
            for name in read.get("frozen", ()):
                model.get_parameter(name).requires_grad_(False)
            run = cls(
                model=model.eval(),
                card=card,
                history=[_with_nan(row) for row in read["history"]],
                val=val,
                test=test,
                predictions=_of_kind("predictions", groups),
                labels=_of_kind("labels", groups),
                state=groups.get("state"),
                **{
                    name: read[name]
                    for name in (
                        "recipe",
                        "provenance",
                        "seconds",
                        "cpu_seconds",
                        "device",
                        "processes",
                        "versions",
                        "scale",
                    )
                },
            )
            _check(run)
            for name, value in run.summary().items():
                if record[name] != value:
                    raise InputError(f"{name} is {record[name]!r}, but the rest says {value!r}")
        return run


def run_folder(path):
    """The `Folder` of a Run. Raises `InputError` for what can be no path."""
    path = resolve(path)
    again = f"train again with --out {path}"
    absent = f"make one with: medtutor train … --out {path}"
    return Folder(path, "run.json", "run", FORMAT, {"absent": absent, "damaged": again, "outdated": again})


# --- what is read is checked -------------------------------------------------------------


class _Record(TypedDict):
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


def _check(run):
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


def _checked_card(card):
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


def _check_size(what, value):
    if isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            _check_size(what, each)
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


def _of_kind(kind, groups):
    """{split: tensor} of "predictions" or "labels", which stand together in one file."""
    known = {f"{each}.{split}": (each, split) for each in ("predictions", "labels") for split in ("val", "test")}
    for key in groups["predictions"]:
        one_of("tensor among the predictions", key, known)
    return {known[key][1]: tensor for key, tensor in groups["predictions"].items() if known[key][0] == kind}


def _with_null(value):
    """Plain values with None in place of NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _with_null(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_null(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(row):
    return {name: math.nan if value is None else value for name, value in row.items()}


def _tupled(value):
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
