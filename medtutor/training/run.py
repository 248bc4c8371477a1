"""`Run`: what came of a training, and its folder on disk.

A folder holds `run.json` and safetensors files; nothing in it is executed
when it is read. `run.json` names each file with its SHA-256 and is replaced in
one step after all files are written: a kill at any moment leaves either the
old Run or the new one, whole.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from ..data.catalog import Card, names
from ..data.dataset import normalise
from ..data.loading import load as load_dataset
from ..data.augmentation import test_views
from ..errors import InputError, MedtutorError
from ..evaluation import Metrics, RegressionMetrics, SegmentationMetrics, metrics_kind
from ..files import read_tensors, write_tensors, write_whole
from ..models import build, frozen, parameter_count
from ..models.inference import device_of, evaluating
from .recipe import Recipe

FORMAT = 1


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
        return self.epochs_done < self.recipe.epochs

    @property
    def parameters(self):
        return parameter_count(self.model)

    def predict(self, images):
        """(N, classes) probabilities of uint8 images shaped like the data set's; of a segmentation (N, classes, H, W)."""
        mirror = self.card.mirror if self.recipe.mirror else ()
        return self.read(predict_logits(self.model, images, mirror, self.recipe.shift_at_test))

    def read(self, logits):
        """What the model returned, (…, classes), as probabilities; of a regression as numbers in the units of the target."""
        return probabilities(logits, self.card.task, self.scale)

    def dataset(self, root=None):
        """The `Dataset` it was trained on, loaded by its name from where it came; `root` as of `load`.

        Raises `InputError` for the user's own arrays, and for a set whose classes or shape were
        changed after it was loaded: no name brings them back.
        """
        if self.provenance == "arrays" or self.card.name not in names():
            own = "your own arrays" if self.provenance == "arrays" else f"{self.card.name}, which no name alone brings back"
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
        """The run as plain values, for JSON."""
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
            "val": asdict(self.val) if self.val else None,
            "test": asdict(self.test) if self.test else None,
        }

    def __str__(self):
        phantom = "PHANTOM images, drawn by medtutor: says nothing about patients\n" if self.provenance == "phantom" else ""
        stopped = f" (interrupted after {self.epochs_done} of {self.recipe.epochs} epochs)" if self.interrupted else ""
        test = str(self.test) if self.test else "not read: the run is not finished"
        return (
            f"{phantom}{self.model.name} on {self.card.title}, {self.parameters:,} parameters, "
            f"{self.epochs_done} epochs in {self.seconds:.0f} s{stopped}\nval   {self.val}\ntest  {test}"
        )

    __repr__ = __str__

    def save(self, folder):
        """Write the Run to a folder; an older Run there is replaced in one step.

        Raises `MedtutorError` where the folder cannot be written; then what
        stood there before still stands.
        """
        folder = Path(folder)
        groups = {
            "model": self.model.state_dict(),
            "predictions": {f"{kind}.{split}": tensor for kind in ("predictions", "labels") for split, tensor in getattr(self, kind).items()},
        }
        if self.state is not None:
            groups["state"] = self.state
        try:
            folder.mkdir(parents=True, exist_ok=True)
            listed = {name: write_tensors(folder, name, tensors) for name, tensors in groups.items()}
            record = {
                "format": FORMAT,
                **self.summary(),
                "options": self.model.options,
                "frozen": frozen(self.model),
                "card": asdict(self.card),
                "recipe": self.recipe.as_dict(),
                "scale": self.scale,
                "history": self.history,
                "versions": self.versions,
                "files": listed,
            }
            write_whole(folder / "run.json", json.dumps(record, indent=1) + "\n")
        except OSError as error:
            raise MedtutorError(
                f"the run could not be written to {folder} ({error.strerror or error}); "
                "choose a folder that can be written and has room"
            ) from error
        # Only now are the files of an older Run of no use.
        keep = {entry["file"] for entry in listed.values()}
        for stale in [*folder.glob("*.safetensors"), *folder.glob("*.partial")]:
            if stale.name not in keep:
                stale.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder):
        """Read a Run from a folder. Raises `InputError` if a file is missing or altered."""
        folder = Path(folder)
        try:
            record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except OSError:
            raise InputError(f"{folder} holds no run (no run.json); make one with: medtutor train … --out {folder}") from None
        except ValueError:
            raise InputError(f"{folder}/run.json is damaged; train again with --out {folder}") from None
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise InputError(f"{folder} was written by another version of medtutor; train again with --out {folder}")
        groups = {name: read_tensors(folder, entry) for name, entry in record.get("files", {}).items()}
        try:
            # Cards of before they named their publisher have that of their images.
            publisher = None if record["provenance"] == "arrays" else record["provenance"]
            card = Card(**{"publisher": publisher} | {key: _tupled(value) for key, value in record["card"].items()})
            recipe = Recipe(**record["recipe"])
            model = build(record["model"], card, **{key: _tupled(value) for key, value in record["options"].items()})
            model.load_state_dict(groups["model"])
            for name in record.get("frozen", ()):
                model.get_parameter(name).requires_grad_(False)
            stored = {"predictions": {}, "labels": {}}
            for key, tensor in groups["predictions"].items():
                kind, split = key.split(".")
                stored[kind][split] = tensor
            return cls(
                model=model.eval(), card=card, recipe=recipe, provenance=record["provenance"],
                history=record["history"], val=_metrics(record["val"], card), test=_metrics(record["test"], card),
                seconds=record["seconds"], cpu_seconds=record["cpu_seconds"], device=record["device"],
                processes=record["processes"], versions=record["versions"], state=groups.get("state"),
                scale=_tupled(record["scale"]), **stored,
            )  # fmt: skip
        except (InputError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise InputError(f"{folder}/run.json was altered and does not fit its files ({error}); train again with --out {folder}") from error


def predict_logits(model, images, mirror=(), shift=0, batch_size=64):
    """(N, classes) float32 logits of uint8 images, averaged over their `test_views`.

    Logits of pixels, (N, classes, H, W), are mirrored back before they are averaged.
    The model is put in eval mode and back, whatever happens.
    """
    device, batches = device_of(model), []
    with torch.inference_mode(), evaluating(model):
        for start in range(0, len(images), batch_size):
            x = normalise(images[start : start + batch_size]).to(device)
            logits = []
            for view, axes in test_views(x, mirror, shift):
                answer = model(to_model(view, device)).float()
                logits.append(answer.flip(axes) if axes and answer.dim() > 2 else answer)
            batches.append(torch.stack(logits).mean(dim=0).cpu())
    return torch.cat(batches)


def probabilities(logits, task, scale=(0.0, 1.0)):
    """Logits to probabilities: sigmoid for multi-label, softmax for the others; those of a regression to numbers, by `Run.scale`."""
    if task == "regression":
        mean, spread = scale
        return logits * spread + mean
    return logits.sigmoid() if task == "multi-label" else logits.softmax(dim=1)


def to_model(images, device):
    """A batch on the device, in the memory order that convolutions are fastest in."""
    order = torch.channels_last if images.dim() == 4 else torch.channels_last_3d
    return images.to(device=device, memory_format=order)


def _tupled(value):
    return tuple(value) if isinstance(value, list) else value


def _metrics(values, card):
    return None if values is None else metrics_kind(card.task)(**{key: _tupled(value) for key, value in values.items()})
