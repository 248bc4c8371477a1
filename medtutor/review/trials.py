"""The experiments behind the claims: what is trained, and what is measured.

An experiment is a generator of `Contrast`s. It is given

data   {name: Dataset}, the data sets of the claim
seeds  of the trainings
train  train(model, dataset, seed, **options) -> `Training`: `train_once` with the
       claim's settings; the arms of an experiment differ in nothing else

Everything an experiment may vary stands in `settings` of claims.toml, so that
the evidence is bound to it.
"""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from statistics import fmean

import torch

from ..data import load as load_medmnist
from ..errors import unknown
from ..evaluation.metrics import measure
from ..models import build, parameter_count
from ..training import Interrupted, default_recipe, fit
from ..training.processes import make_accelerator, use_cpu_quota
from .evidence import DECIMALS, Contrast, Evidence, write_whole


def cnn_against_mlp(data, seeds, train):
    """The CNN minus an MLP of as many parameters: what looking at neighbours is worth.

    Yields a contrast per data set and move of the test images.
    """
    for name, dataset in data.items():
        width = matching_width(dataset)
        cnn = [train("cnn", dataset, seed) for seed in seeds]
        mlp = [train("mlp", dataset, seed, width=width) for seed in seeds]
        yield from contrasts(name, cnn, mlp)


def resnet18_against_cnn(data, seeds, train):
    """ResNet-18 minus the CNN: what 65 times as many parameters are worth."""
    for name, dataset in data.items():
        cnn = [train("cnn", dataset, seed) for seed in seeds]
        resnet18 = [train("resnet18", dataset, seed) for seed in seeds]
        yield from contrasts(name, resnet18, cnn)


TRIALS = {"cnn_against_mlp": cnn_against_mlp, "resnet18_against_cnn": resnet18_against_cnn}


def run_trial(claim, *, seeds=None, load=load_medmnist, folder=None, device="auto", progress=True, report=None):
    """Collect the `Evidence` for a claim.

    seeds   the claim's own when left out; with others the verdict is "not testable here"
    load    load(name) -> Dataset
    folder  where finished trainings are kept until `forget_trainings`: an interrupted
            trial goes on after the last of them, and claims with equal arms share them
    device  "auto" (a GPU where there is one) or "cpu"
    report  is told in a line which training begins

    Raises `InputError` for a claim whose trial does not exist, KeyboardInterrupt for
    Ctrl-C, and what `load` and `fit` raise.
    """
    if claim.trial not in TRIALS:
        raise unknown("trial", claim.trial, list(TRIALS))
    seeds = tuple(claim.seeds if seeds is None else seeds)
    data = {name: load(name) for name in claim.settings["epochs"]}
    done = []

    def train(model, dataset, seed, **options):
        name = next(name for name, known in data.items() if known is dataset)
        recipe = default_recipe(
            dataset.card, **claim.settings.get("recipe", {}), epochs=claim.settings["epochs"][name], seed=seed
        )
        if report:
            # Every experiment has two arms.
            report(f"{claim.id}: training {len(done) + 1} of {2 * len(data) * len(seeds)}: {model} on {name}, seed {seed}")
        moves = claim.settings.get("moves", [])
        done.append(train_once(model, dataset, recipe, moves, folder=folder, device=device, progress=progress, **options))
        return done[-1]

    found = [contrast for contrast in TRIALS[claim.trial](data, seeds, train) if contrast.name in claim.rule.contrasts]
    return Evidence(
        claim=claim.id, registered=claim.registered, seeds=seeds, contrasts=tuple(found), arms=_arms(done),
        data={name: _origin(dataset) for name, dataset in data.items()},
        versions=done[0].versions, device=done[0].device, threads=done[0].threads,
        seconds=round(sum(training.seconds for training in done), 1),
    )  # fmt: skip


@dataclass(frozen=True)
class Training:
    """What one training came to.

    auc      {"0": test AUC, "2": the same on test images moved by 2 pixels, …}
    seconds  wall time of training and measuring
    """

    dataset: str
    model: str
    options: dict
    parameters: int
    recipe: dict
    auc: dict
    device: str
    threads: int
    versions: dict
    seconds: float


def train_once(model, dataset, recipe, moves=(), *, folder=None, device="auto", progress=True, **options):
    """The `Training` of a model by name, or the one kept in `folder` if it was trained there already.

    A training is known again by its data, initial weights, recipe, moves, versions,
    device and threads. A change to the training loop itself it cannot see: an old
    `folder` is better deleted.
    """
    use_cpu_quota()
    device_type, threads = make_accelerator(device).device.type, torch.get_num_threads()
    versions = {name: version(name) for name in ("medtutor", "torch", "numpy")}
    network = build(model, dataset, seed=recipe.seed, **options)
    conditions = [recipe.as_dict(), list(moves), device_type, threads, versions]
    kept = Path(folder) / ".trainings" / f"{_fingerprint(network, dataset, conditions)}.json" if folder else None
    if kept and kept.is_file():
        return Training(**json.loads(kept.read_text(encoding="utf-8")))
    begin = time.perf_counter()
    try:
        run = fit(network, dataset, recipe, device=device, progress=progress)
    except Interrupted:
        raise KeyboardInterrupt from None
    if run.interrupted:
        # `fit` answers Ctrl-C with the epochs it has: those are no evidence.
        raise KeyboardInterrupt
    auc = {"0": run.test.auc} | {str(pixels): moved_auc(run, dataset.test, pixels) for pixels in moves}
    training = Training(
        dataset=dataset.card.name, model=model, options=options, parameters=parameter_count(network),
        recipe=recipe.as_dict(), auc={key: round(value, DECIMALS) for key, value in auc.items()}, device=device_type,
        threads=threads, versions=versions, seconds=round(time.perf_counter() - begin, 1),
    )  # fmt: skip
    if kept:
        write_whole(kept.with_name(".gitignore"), "*\n")
        write_whole(kept, json.dumps(asdict(training)) + "\n")
    return training


def forget_trainings(folder):
    """Delete the trainings kept in a folder: the next trial trains anew."""
    shutil.rmtree(Path(folder) / ".trainings", ignore_errors=True)


def contrasts(name, first, second):
    """[Contrast, …]: first minus second, trainings with the same seeds, at every move measured."""
    return [
        Contrast(
            name if pixels == "0" else f"{name} moved {pixels} px",
            (first[0].model, second[0].model),
            tuple(training.auc[pixels] for training in first),
            tuple(training.auc[pixels] for training in second),
        )
        for pixels in first[0].auc
    ]


def matching_width(dataset):
    """The smallest even width with which the MLP has at least as many parameters as the default CNN."""
    wanted = parameter_count(build("cnn", dataset))
    return next(width for width in count(2, 2) if parameter_count(build("mlp", dataset, width=width)) >= wanted)


def moved(images, down, right):
    """Images (N, C, H, W) moved by whole pixels; beyond the border its own value continues."""
    height, width = images.shape[-2:]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return images[..., rows[:, None], columns]


def moved_auc(run, split, pixels):
    """Mean AUC of a run over the images of a split moved up, down, left and right."""
    directions = ((-pixels, 0), (pixels, 0), (0, -pixels), (0, pixels))
    scores = [run.predict(moved(split.images, *direction)) for direction in directions]
    return fmean(measure(split.labels, score, run.card.task, resamples=0).auc for score in scores)


def _arms(trainings):
    """What was trained on what, once per data set and model, without the seed."""
    arms = {}
    for each in trainings:
        recipe = {key: value for key, value in each.recipe.items() if key != "seed"}
        arm = {"dataset": each.dataset, "model": each.model, "options": each.options, "parameters": each.parameters}
        arms[each.dataset, each.model] = arm | {"recipe": recipe}
    return list(arms.values())


def _origin(dataset):
    cases = {name: len(getattr(dataset, name)) for name in ("train", "val", "test")}
    return {"provenance": dataset.provenance, **cases}


def _fingerprint(network, dataset, conditions):
    """SHA-256 of all that decides what a training comes to."""
    description = [network.name, network.options, dataset.card.name, dataset.provenance, *conditions]
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    tensors = [getattr(getattr(dataset, split), part) for split in ("train", "val", "test") for part in ("images", "labels")]
    for tensor in [*tensors, *network.state_dict().values()]:
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()
