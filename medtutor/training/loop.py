"""`fit`: model + Dataset + Recipe -> Run. One loop, for one process or many."""

import platform
import sys
import time
import warnings
from importlib.metadata import version
from typing import NamedTuple

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from ..data.augmentation import apply_affine, apply_affine_to_masks, draw_affine
from ..data.dataset import Dataset, normalise
from ..errors import InputError, MedtutorError, shown
from ..metrics import Metrics, RegressionMetrics, SegmentationMetrics, measure_split, metrics_kind
from ..metrics.segmentation import by_patient
from ..models import frozen
from ..models.inference import device_of, evaluating, probabilities, to_model
from ..models.randomness import draws
from . import given, processes
from .engine import Trainer, moving_average, own_random
from .losses import case_losses
from .prediction import predict_logits
from .recipe import Recipe
from .run import Run

VIEWS = 1000  # of a case, at most, that a prediction is averaged over


class Measured(NamedTuple):
    """What was found on a split."""

    metrics: Metrics | SegmentationMetrics | RegressionMetrics
    predictions: torch.Tensor
    labels: torch.Tensor


class Reached(NamedTuple):
    """How far a training has come, at the end of an epoch."""

    history: list
    seconds: float
    cpu_seconds: float
    state: dict
    val: Measured | None


class Interrupted(MedtutorError):
    """Ctrl-C before one epoch was done: there is nothing to keep."""

    exit_code = 130  # what a shell gives a program that Ctrl-C ended


def fit(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe | None = None,
    *,
    device: str = "auto",
    progress: bool = True,
    resume: Run | None = None,
) -> Run:
    """Train a model and measure it: on val after each epoch, on test once at the end.

    model    from `build`; trained in place
    dataset  a `Dataset`
    recipe   a `Recipe`; what it does not name, or all of it, is that of the one that ships
             for this data set and model. The Run's recipe is whole
    device   "auto" (a GPU where there is one) or "cpu"
    resume   an interrupted `Run` of the same recipe: goes on after its last epoch

    The weights kept are the moving average after the last epoch: nothing is selected. Ctrl-C keeps
    the last finished epoch: the Run comes back with `interrupted` true and test unread, also where it
    comes while the trained model is measured. On one machine the same model, recipe and number of
    threads give the same Run, bit for bit, resumed or not, and whatever other threads draw meanwhile;
    torch's own random state is left as it was. Machines differ in the last digits, and more where one
    computes in bfloat16 (`processes.precision`; a Run's `versions` say in what).

    Raises `InputError` where model, data and recipe do not fit each other; the model is
    then as it was. `MedtutorError` where the loss stops being a number, `Interrupted` for
    a Ctrl-C in the first epoch.

    >>> from medtutor import Recipe, build, fit, load
    >>> xray = load("pneumoniamnist", source="phantom")
    >>> run = fit(build("mlp", xray, width=16), xray, Recipe(epochs=1), progress=False)
    >>> run.epochs_done, run.test.n == len(xray.test)
    (1, True)
    """
    recipe = _whole_recipe(model, dataset, recipe)
    _check(model, dataset, recipe, resume)
    processes.choose_threads()
    accelerator, device_before = processes.make_accelerator(device), device_of(model)
    try:
        trainer = _Trainer(model, dataset, recipe, accelerator, progress)
        if resume is not None:
            trainer.restore(resume)
        trainer.train()
        return trainer.as_run()
    except BaseException:
        model.to(device_before).eval()
        raise


def _whole_recipe(model, dataset, recipe):
    if not isinstance(dataset, Dataset):
        raise InputError(f"fit takes a Dataset, not {type(dataset).__name__}; load one with load(…) or from_arrays(…)")
    recipe = Recipe() if recipe is None else recipe
    if not isinstance(recipe, Recipe):
        raise InputError(
            f"the recipe must be a Recipe, not {type(recipe).__name__}; give Recipe(epochs=…), or leave it out"
        )
    return recipe.filled(dataset, getattr(model, "name", None))


def _check(model, dataset, recipe, resume):
    card = dataset.card
    if getattr(model, "name", None) is None:
        raise InputError("the model must come from medtutor.build(name, dataset), so that its run can be saved")
    if resume is not None and not isinstance(resume, Run):
        raise InputError(f"resume is {shown(resume)}; give the interrupted Run, or leave it out")
    if resume is not None and not resume.interrupted:
        raise InputError("this run is finished; there is nothing to resume")
    if resume is not None:
        then, now = (
            (each.card, each.provenance, how, net.name, net.options, frozen(net))
            for each, how, net in ((resume, resume.recipe, resume.model), (dataset, recipe, model))
        )
        if resume.state is None or then != now:
            raise InputError("a run can only be resumed with its own data, model and recipe; leave them as they were")
    given.check_trainable(model)
    shape = tuple(dataset.train.images.shape[1:])
    with given.asking(model, f"the model does not take images of shape {shape}", "build it for this data set"):
        logits = model(normalise(dataset.train.images[:2]).to(device_of(model)))
    if (card.frames or card.task == "segmentation") and recipe.shift_at_test:
        raise InputError(
            "recipe: shift_at_test must be 0 for a segmentation and for sequences; predictions are averaged over moves"
            " of single images only"
        )
    _check_moves(card, recipe)
    if card.task == "segmentation":
        for cases in (dataset.val, dataset.test):  # nothing but whose slices they are: they are measured as volumes
            by_patient(cases.patients, cases.patients)
    pixels = card.shape if card.task == "segmentation" else ()
    if logits.shape[1:] != (len(card.classes), *pixels):
        wanted = "a class for each pixel" if pixels else "a class for each image"
        raise InputError(
            f"the model answers {tuple(logits.shape)} for {len(logits)} images of {len(card.classes)} classes, but"
            f" {card.name} asks for {wanted}; build it for this data set"
        )


def _check_moves(card, recipe):
    """Moves that leave nothing of an image, and more views of it than there is time for."""
    side = min(card.shape)
    for name in ("shift", "shift_at_test"):
        if getattr(recipe, name) > side:
            raise InputError(
                f"recipe: {name} must be at most {side}, the pixels of the image's shortest side, not"
                f" {getattr(recipe, name)}"
            )
    flips = 2 ** len(card.mirror) if recipe.mirror else 1
    views = [flips * (2 * pixels + 1) ** card.dims for pixels in range(recipe.shift_at_test + 1)]
    if views[-1] > VIEWS:
        most = sum(count <= VIEWS for count in views) - 1
        raise InputError(
            f"recipe: shift_at_test={recipe.shift_at_test} averages each prediction over {views[-1]:,} moved and"
            f" mirrored copies; give at most {most}"
        )


class _Trainer(Trainer):
    """The training of a model for a `Dataset`: validation, a moving average of the weights, many processes."""

    def __init__(self, model, dataset, recipe, accelerator, progress):
        self.dataset, self.recipe, self.accelerator = dataset, recipe, accelerator
        self.card, self.data = dataset.card, dataset.train
        self.mirror = self.card.mirror if recipe.mirror else ()
        # Of slices the distance between them plays no part in turning one.
        self.spacing = self.card.spacing and self.card.spacing[-self.card.dims :]
        cases = torch.arange(len(self.data))
        if recipe.skip_empty and self.card.task == "segmentation":
            cases = self.data.masks.flatten(1).any(dim=1).nonzero()[:, 0]
        order = torch.channels_last if self.card.dims == 2 else torch.channels_last_3d
        self.precision = processes.precision(accelerator.device)
        two = normalise(self.data.images[:2]).to(device_of(model))
        self.draws = draws(model, two)
        with evaluating(model):
            if self.precision != "float32" and not processes.kernels_fit(model, two):
                self.precision = "float32"
        # `network` is the user's model; `model` the same, wrapped for many processes.
        self.network = processes.synchronise_batch_norm(model.to(accelerator.device, memory_format=order), accelerator)
        super().__init__(
            self.network,
            cases,
            self.batch_loss,
            epochs=recipe.epochs,
            batch_size=min(recipe.batch_size, len(cases)),
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            seed=recipe.seed,
            title=f"{model.name} on {dataset.title}",
            progress=progress and accelerator.is_main_process,
            optimiser=recipe.optimiser,
        )
        self.model, self.optimiser = accelerator.prepare(self.network, self.optimiser)
        self.average = AveragedModel(self.network, multi_avg_fn=moving_average(recipe.average), use_buffers=True)
        # A network starts with answers around 0 that differ by about 1: targets of a regression are brought there.
        self.scale = (0.0, 1.0)
        if self.card.task == "regression":
            self.scale = (float(self.data.labels.mean()), float(self.data.labels.std()))
        # Replaced as one at the end of an epoch: Ctrl-C finds either the old or the new.
        self.reached = Reached([], 0.0, 0.0, {}, None)

    @property
    def epochs_done(self):
        return len(self.reached.history)

    def train(self):
        """All epochs that are left, or those before a Ctrl-C."""
        try:
            super().train()
        except KeyboardInterrupt:
            if self.epochs_done == 0:
                raise Interrupted("interrupted before the first epoch was done: there is nothing to keep") from None
            _say(f"interrupted: keeping the {self.epochs_done} finished of {self.recipe.epochs} epochs")
            self.back_to_last_epoch()

    def train_epoch(self, epoch):
        wall, cpu = time.perf_counter(), time.process_time()
        # Everything random in an epoch hangs on (seed, epoch) alone, so that a
        # resumed run continues as if it had never stopped.
        self.generator, self.layers_draw = own_random(self.recipe.seed * 100_003 + epoch, self.draws)
        loss = super().train_epoch(epoch)
        # For the curve the plain image must do; averaging over views takes many times as long.
        val = self.evaluate("val", views=(), quick=True)
        seconds = self.reached.seconds + time.perf_counter() - wall
        cpu_seconds = self.reached.cpu_seconds + time.process_time() - cpu
        measured = {f"val_{name}": getattr(val.metrics, name) for name in val.metrics.curve}
        row = {"epoch": epoch + 1, "loss": loss, **measured, "seconds": round(seconds, 3)}
        self.reached = Reached([*self.reached.history, row], seconds, cpu_seconds, self.state(), val)
        self.bar.set_postfix_str(self.status(loss))
        return loss

    def step(self, rows, generator):
        """One step on a batch; its mean loss over all processes."""
        with self.layers_draw:
            loss = self.loss_of(rows, generator)
        self.optimiser.zero_grad()
        # Gradients are averaged over processes: scaled so that the average is that of the whole batch.
        self.accelerator.backward(loss * self.accelerator.num_processes)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        return self.accelerator.reduce(loss.detach(), "sum").item()

    def batch_loss(self, rows, generator):
        """This process's part of a batch's mean loss, however unequal the shares."""
        mine = processes.share(len(rows), self.accelerator)
        recipe, device = self.recipe, self.accelerator.device
        x = to_model(normalise(self.data.images[rows[mine]]), device)
        targets = self.data.targets[rows[mine]].to(device)
        if self.card.task == "regression":
            mean, spread = self.scale
            targets = (targets - mean) / spread
        if self.mirror or recipe.rotation or recipe.scale or recipe.shift:
            # The random numbers of the whole batch, on every process alike.
            affine = draw_affine(
                len(rows),
                self.card.shape,
                mirror=self.mirror,
                rotation=recipe.rotation,
                scale=recipe.scale,
                shift=recipe.shift,
                spacing=self.spacing,
                generator=generator,
            )[mine]
            # All frames of a sequence move alike: to the affine map they are channels.
            frames = x.flatten(1, 2) if self.card.frames else x
            x = to_model(apply_affine(frames, affine).view_as(x), device)
            if self.card.task == "segmentation":
                targets = apply_affine_to_masks(targets, affine)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits = self.model(x)
        return case_losses(logits.float(), targets, self.card.task, recipe.label_smoothing).sum() / len(rows)

    def evaluate(self, split, views, quick=False):
        """What is `Measured` of a split, over all processes.

        `views` are the mirror axes and the shift that predictions are averaged over;
        `quick` leaves out intervals and distances.
        """
        cases = getattr(self.dataset, split)
        mine = processes.share(len(cases), self.accelerator)
        logits = predict_logits(self.average.module, cases.images[mine], *views)
        logits = processes.gather_rows(logits.to(self.accelerator.device), len(cases), self.accelerator).cpu()
        if not logits.isfinite().all():
            raise MedtutorError(
                f"the model's answers are no finite numbers any more; the learning rate {self.recipe.learning_rate:g}"
                " is probably too high"
            )
        scores = probabilities(logits, self.card.task, self.scale)
        metrics = measure_split(cases, scores, self.card, quick=quick)
        # Half precision does for the probabilities of every pixel, which are many.
        return Measured(metrics, scores.half() if self.card.task == "segmentation" else scores, cases.targets)

    def status(self, loss):
        history, kind = self.reached.history, metrics_kind(self.card.task)
        val = f", val {kind.headline} {history[-1][f'val_{kind.curve[0]}']:.3f}" if history else ""
        return f"loss {loss:.3f}{val}"

    def state(self):
        """A copy of all that a resumed run needs, as flat tensors."""
        tensors = {f"last.{key}": value for key, value in self.network.state_dict().items()}
        tensors |= {f"average.{key}": value for key, value in self.average.state_dict().items()}
        for index, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in values.items()}
        return {key: value.detach().clone() for key, value in tensors.items()}

    def restore(self, run):
        """Go on from where an interrupted Run stopped."""
        val = Measured(run.val, run.predictions.get("val"), run.labels.get("val"))
        self.reached = Reached(run.history, run.seconds, run.cpu_seconds, run.state, val)
        self.back_to_last_epoch()
        with warnings.catch_warnings():
            # torch warns of a schedule that moves before the first optimiser step: here it must.
            warnings.simplefilter("ignore", UserWarning)
            for _ in range(self.steps * self.epochs_done):
                self.schedule.step()
        self.bar.update(self.steps * self.epochs_done)

    def back_to_last_epoch(self):
        """Weights, average and optimiser as they were at the end of the last finished epoch."""
        parts = {"last": {}, "average": {}, "optimiser": {}}
        for key, value in self.reached.state.items():
            part, name = key.split(".", 1)
            parts[part][name] = value
        self.network.load_state_dict(parts["last"])
        self.average.load_state_dict(parts["average"])
        moments = {}
        for key, value in parts["optimiser"].items():
            index, name = key.split(".")
            moments.setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})

    def measure(self):
        """{split: Measured}: val, and test where all epochs are done.

        A Ctrl-C meanwhile leaves test unread, and of val perhaps what the last epoch measured.
        """
        views, found = (self.mirror, self.recipe.shift_at_test), {"val": self.reached.val}
        try:
            found["val"] = self.evaluate("val", views)
            if self.epochs_done == self.recipe.epochs:
                # The one place where the test split is read.
                found["test"] = self.evaluate("test", views)
        except KeyboardInterrupt:
            _say("interrupted: keeping the trained weights; test is not read")
        return found

    def as_run(self):
        found = self.measure()
        self.network.load_state_dict(self.average.module.state_dict())
        self.optimiser.zero_grad()  # a Run keeps no gradients
        return Run(
            model=self.network.cpu().eval(),
            card=self.card,
            recipe=self.recipe,
            provenance=self.dataset.provenance,
            history=self.reached.history,
            **{split: each.metrics for split, each in found.items()},
            predictions={split: each.predictions for split, each in found.items()},
            labels={split: each.labels for split, each in found.items()},
            seconds=self.reached.seconds,
            cpu_seconds=self.reached.cpu_seconds,
            device=self.accelerator.device.type,
            processes=self.accelerator.num_processes,
            versions=_versions() | {"precision": self.precision},
            state=None if "test" in found else self.reached.state,
            scale=self.scale,
        )


def _say(words):
    tqdm.write(words, file=sys.stderr)


def _versions():
    packages = {name: version(name) for name in ("medtutor", "torch", "numpy", "medmnist")}
    return {"python": platform.python_version(), **packages}
