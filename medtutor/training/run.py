"""`Run`: what came of a training, and its folder on disk.

A folder holds `run.json` and safetensors files, as `files.Folder` keeps them.
"""

from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from typing import Self

import numpy as np
import torch
from torch import nn

from ..data.card import Card
from ..data.catalog import names
from ..data.dataset import Dataset
from ..data.images import as_images, case_shape
from ..data.loading import load as load_dataset
from ..errors import InputError
from ..files import Folder, resolve, typed
from ..metrics import Metrics, RegressionMetrics, SegmentationMetrics, metrics_kind
from ..models import build, frozen, parameter_count
from ..models.inference import probabilities
from .prediction import predict_logits
from .recipe import Recipe
from .run_record import Record, check, check_size, checked_card, of_kind, tupled, with_nan, with_null

FORMAT = 1
AS_READ = ("recipe", "provenance", "seconds", "cpu_seconds", "device", "processes", "versions", "scale")


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
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def interrupted(self) -> bool:
        """Whether epochs are missing, or the reading of the test split after the last one."""
        return self.epochs_done < (self.recipe.epochs or 0) or self.state is not None

    @property
    def parameters(self) -> int:
        return parameter_count(self.model)

    def predict(self, images: np.ndarray | torch.Tensor) -> torch.Tensor:
        """(N, classes) probabilities of images; of a segmentation (N, classes, H, W), of a regression numbers (N, 1) in
        its units.

        images  uint8, numpy or torch, shaped like the data set's: (N, C, H, W), (N, C, D, H, W), or (N, T, C, H, W) of
                any number of frames; grey ones may lack the axis of the channel. One case alone is a batch of one

        Raises `InputError` for other images, for none, and for clips of a length that the model cannot take.

        >>> from medtutor import load
        >>> xray = load("pneumoniamnist", source="phantom")
        >>> run = Run(build("mlp", xray), xray.card, Recipe(), "phantom")  # untrained
        >>> run.predict(xray.test.images[:3]).sum(dim=1)
        tensor([1., 1., 1.])
        """
        mirror = self.card.mirror if self.recipe.mirror else ()
        cases = self._checked(images)
        try:
            return self.read(predict_logits(self.model, cases, mirror, self.recipe.shift_at_test or 0))
        except RuntimeError as error:
            if not self.card.frames or cases.shape[1] == self.card.frames:
                raise
            raise InputError(
                f"{self.model.name} does not take clips of {cases.shape[1]} frames ({str(error).splitlines()[0]}); "
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

    def read(self, logits: torch.Tensor) -> torch.Tensor:
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

    def dataset(self, root: str | PathLike | None = None) -> Dataset:
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

    def summary(self) -> dict:
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
            "val": with_null(asdict(self.val)) if self.val else None,
            "test": with_null(asdict(self.test)) if self.test else None,
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

    def save(self, folder: str | PathLike) -> None:
        """Write the Run to a folder; an older Run there is replaced in one step.

        Raises `InputError` for a folder that holds other files, and for a Run that could not be read again;
        `MedtutorError` where the folder cannot be written. Then what stood there before still stands.
        """
        target = run_folder(folder)
        try:
            check(self)
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
            "history": with_null(self.history),
            "versions": self.versions,
        }
        target.save(record, groups)

    @classmethod
    def load(cls, folder: str | PathLike) -> Self:
        """Read a Run from a folder. Raises `InputError` where a file is missing, damaged or altered."""
        source = run_folder(folder)
        record, groups = source.load()
        with source.checked():
            read = typed("", record, Record)
            if not {"model", "predictions"} <= set(groups) <= {"model", "predictions", "state"}:
                raise InputError(
                    f"files must name model and predictions, and of an interrupted run state, not {', '.join(groups)}"
                )
            card = checked_card(read["card"])
            if card.publisher is None and read["provenance"] != "arrays":  # of before cards named their publisher
                card = replace(card, publisher=read["provenance"])
            check_size("options", read["options"])
            val, test = (
                read[split] and typed(split, read[split], metrics_kind(card.task), gaps=True)
                for split in ("val", "test")
            )
            source.verify(record)
            model = build(read["model"], card, **{key: tupled(value) for key, value in read["options"].items()})
            model.load_state_dict(groups["model"])
            for name in read.get("frozen", ()):
                model.get_parameter(name).requires_grad_(False)
            run = cls(
                model=model.eval(),
                card=card,
                history=[with_nan(row) for row in read["history"]],
                val=val,
                test=test,
                predictions=of_kind("predictions", groups),
                labels=of_kind("labels", groups),
                state=groups.get("state"),
                **{name: read[name] for name in AS_READ},
            )
            check(run)
            for name, value in run.summary().items():
                if record[name] != value:
                    raise InputError(f"{name} is {record[name]!r}, but the rest says {value!r}")
        return run


def run_folder(path: str | PathLike) -> Folder:
    """The `Folder` of a Run. Raises `InputError` for what can be no path."""
    path = resolve(path)
    again = f"train again with --out {path}"
    absent = f"make one with: medtutor train … --out {path}"
    return Folder(path, "run.json", "run", FORMAT, {"absent": absent, "damaged": again, "outdated": again})
