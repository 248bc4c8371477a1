"""A trial: the experiment of a claim is run, and what it measured becomes `Evidence`."""

import hashlib
import json
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from importlib.metadata import version

import numpy as np
import torch

from ..checks import number
from ..data import load as load_medmnist
from ..data.card import SPLITS
from ..errors import InputError, unknown
from ..models import build, parameter_count
from ..training import Interrupted, default_recipe, fit
from ..training.processes import choose_threads, make_accelerator, precision
from .cases import PerCase, log_odds
from .evidence import DECIMALS, Evidence, code_of
from .experiments.autoencoders import drawn_again, features_without_labels, reconstruction_errors
from .experiments.clinic import drift_in_time
from .experiments.clinic_standards import read_by_others
from .experiments.cnn_classification import cnn_against_mlp, moved_auc, moved_scores, resnet18_against_cnn
from .experiments.efficiency import compressed, frames_of_a_loop, students
from .experiments.fairness import groups_served
from .experiments.gan import drawn_or_real, few_shot_augmentation
from .experiments.hybrids_and_fusion import cine_of_parts, organ_first, parts_of_a_cohort, transformer_at_the_bottom
from .experiments.interpretability import attention_on_spots, planted_marker, planted_spots
from .experiments.privacy import federated_training, private_training
from .experiments.rnn_and_time import order_of_frames, order_of_slices
from .experiments.small_data import augmented_in_each_way, more_labels, remedies_against_overfitting
from .experiments.transfer import learned_elsewhere
from .experiments.trust import calibrated_here_and_there
from .experiments.unet_and_descendants import unet_and_kin
from .experiments.vision_transformers import families, two_marks
from .kept import Training, keep, kept, locked_training

# name: (experiment, its trainings per data set and seed, a mean where the sets differ)
TRIALS = {
    "cnn_against_mlp": (cnn_against_mlp, 2),
    "resnet18_against_cnn": (resnet18_against_cnn, 2),
    "unet_and_kin": (unet_and_kin, 5),
    "order_of_frames": (order_of_frames, 5),
    "order_of_slices": (order_of_slices, 3),
    "features_without_labels": (features_without_labels, 1),
    "reconstruction_errors": (reconstruction_errors, 1),
    "drawn_again": (drawn_again, 1),
    "drawn_or_real": (drawn_or_real, 1),
    "few_shot_augmentation": (few_shot_augmentation, 1),
    "planted_spots": (planted_spots, 4),
    "planted_marker": (planted_marker, 2),
    "attention_on_spots": (attention_on_spots, 1),
    "two_marks": (two_marks, 25 / 2),
    "transformer_at_the_bottom": (transformer_at_the_bottom, 2),
    "families": (families, 16 / 3),
    "parts_of_a_cohort": (parts_of_a_cohort, 1),
    "cine_of_parts": (cine_of_parts, 1),
    "organ_first": (organ_first, 1),
    "drift_in_time": (drift_in_time, 1),
    "calibrated_here_and_there": (calibrated_here_and_there, 1),
    "groups_served": (groups_served, 1),
    "more_labels": (more_labels, 1),
    "augmented_in_each_way": (augmented_in_each_way, 3 / 2),
    "learned_elsewhere": (learned_elsewhere, 1 / 2),
    "remedies_against_overfitting": (remedies_against_overfitting, 2),
    "private_training": (private_training, 1),
    "federated_training": (federated_training, 1),
    "read_by_others": (read_by_others, 1),
    "frames_of_a_loop": (frames_of_a_loop, 1),
    "compressed": (compressed, 1),
    "students": (students, 1),
}


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
    experiment, arms = TRIALS[claim.trial]
    done = []

    def train(model, dataset, seed, longer=1.0, **options):
        name = next(name for name in data if dataset.card.name.split("-")[0] == name)
        epochs = max(1, round(longer * claim.settings["epochs"][name]))
        # One optimiser for all arms, unless a claim names another: that with which the claims were registered.
        named = {"optimiser": "adamw"} | claim.settings.get("recipe", {})
        recipe = default_recipe(dataset.card, model, **named, epochs=epochs, seed=seed)
        if report:
            number, all_of_them = len(done) + 1, round(arms * len(data) * len(seeds))
            report(f"{claim.id}: training {number} of {all_of_them}: {model} on {dataset.card.name}, seed {seed}")
        moves = claim.settings.get("moves", [])
        done.append(
            train_once(model, dataset, recipe, moves, folder=folder, device=device, progress=progress, **options)
        )
        return done[-1]

    # What the rule reads keeps its cases, and the same on fewer cases stands beside it; the rest keeps its numbers.
    judged, found = claim.rule.contrasts, []
    for contrast in experiment(data, seeds, train):
        if {contrast.name, contrast.keys.get("of")} & set(judged):
            found.append(contrast)
        elif claim.settings.get("keep_all"):
            found.append(replace(contrast, cases=None))
    return Evidence(
        claim=claim.id,
        registered=claim.registered,
        seeds=seeds,
        contrasts=tuple(found),
        arms=_arms(done),
        data={name: _origin(dataset) for name, dataset in data.items()},
        versions=done[0].versions,
        device=done[0].device,
        threads=done[0].threads,
        seconds=round(sum(training.seconds for training in done), 1),
        code=code_of(claim.trial),
    )


def train_once(model, dataset, recipe, moves=(), *, measure=None, folder=None, device="auto", progress=True, **options):
    """The `Training` of a model by name, or the one kept in `folder` if it was trained there already.

    model    None where `measure` trains by itself: it is then called as
             measure(recipe, dataset), and of the recipe uses the epochs and the seed
    measure  measure(run, dataset) -> {name: value}, a function with a name of its own, a value a number or a
             `PerCase`, whose single cases are kept; the test AUC, plain and moved, when left out

    A training is known again by its data, initial weights, recipe, moves, versions,
    device, threads and the name of `measure`. A change to the training loop or inside
    `measure` it cannot see: an old `folder` is better deleted.

    Raises `InputError` where the kept one was damaged or altered, and where what was
    measured is no number.
    """
    choose_threads()
    on, threads = make_accelerator(device).device, torch.get_num_threads()
    versions = {name: version(name) for name in ("medtutor", "torch", "numpy")} | {"precision": precision(on)}
    network = None if model is None else build(model, dataset, seed=recipe.seed, **options)
    conditions = [recipe.as_dict(), list(moves), on.type, threads, versions, measure and _name_of(measure)]
    fingerprint = folder is not None and _fingerprint(network, dataset, conditions)
    # Claims in other processes may want the same: it is trained once.
    with locked_training(folder, fingerprint) if fingerprint else nullcontext():
        found = kept(folder, fingerprint) if fingerprint else None
        if found:
            return found
        begin = time.perf_counter()
        if network is None:
            values = measure(recipe, dataset)
        else:
            run = _fitted(network, dataset, recipe, device, progress)
            values = measure(run, dataset) if measure else _plain_and_moved(run, dataset, moves)
        training = Training(
            dataset=dataset.card.name,
            model=model or measure.__name__,
            options=network.options if network else options,
            parameters=parameter_count(network) if network else 0,
            recipe=recipe.as_dict(),
            device=on.type,
            values={
                key: round(number(f"{key} of {model or measure.__name__}", _number_of(value)), DECIMALS)
                for key, value in values.items()
            },
            cases={key: value for key, value in values.items() if isinstance(value, PerCase)},
            threads=threads,
            versions=versions,
            seconds=round(time.perf_counter() - begin, 1),
        )
        if fingerprint:
            keep(folder, fingerprint, training)
        return training


def _name_of(measure):
    """A name by which a measure is known again. Raises `InputError` for a function without one of its own."""
    name = getattr(measure, "__qualname__", "<lambda>")
    if "<lambda>" in name:
        raise InputError(
            f"{measure!r} has no name by which its trainings can be known again; give a function made with def"
        )
    return f"{measure.__module__}.{name}"


def _number_of(value):
    return value.number if isinstance(value, PerCase) else value


def _plain_and_moved(run, dataset, moves):
    """The test AUC, and of images moved; of two classes with what was said of each image."""
    scores = {"0": [run.predictions["test"]]} | {str(by): moved_scores(run, dataset.test, by) for by in moves}
    found = {by: moved_auc(run, dataset.test, by, each) if by != "0" else run.test.auc for by, each in scores.items()}
    if run.card.task != "binary":
        return found
    cases = dataset.test
    return {
        by: PerCase.of("AUC", np.stack([*map(log_odds, each)], axis=1), cases.labels, cases.subjects, found[by])
        for by, each in scores.items()
    }


def _fitted(network, dataset, recipe, device, progress):
    try:
        run = fit(network, dataset, recipe, device=device, progress=progress)
    except Interrupted:
        raise KeyboardInterrupt from None
    if run.interrupted:
        # `fit` answers Ctrl-C with the epochs it has: those are no evidence.
        raise KeyboardInterrupt
    return run


def _arms(trainings):
    """What was trained on what and for how long, each once, without the seed."""
    arms = {}
    for each in trainings:
        recipe = {key: value for key, value in each.recipe.items() if key != "seed"}
        arm = {"dataset": each.dataset, "model": each.model, "options": each.options, "parameters": each.parameters}
        arms[each.dataset, each.model, str(each.options), recipe["epochs"]] = arm | {"recipe": recipe}
    return list(arms.values())


def _origin(dataset):
    """Where a data set comes from, and how many cases it has; slices count as the volume that they are of."""
    splits = {name: getattr(dataset, name) for name in SPLITS}
    cases = {
        name: len(split) if split.patients is None else len(split.patients.unique()) for name, split in splits.items()
    }
    return {"provenance": dataset.provenance, **cases}


def _fingerprint(network, dataset, conditions):
    """SHA-256 of all that decides what a training comes to."""
    description = [asdict(dataset.card), dataset.provenance, *conditions]
    if network is not None:
        description += [network.name, network.options]
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    tensors = {f"{split}.{part}": tensor for split in SPLITS for part, tensor in vars(getattr(dataset, split)).items()}
    for name, tensor in {**tensors, **(network.state_dict() if network is not None else {})}.items():
        if tensor is not None:
            # With its name, type and shape: the same bytes may be other numbers.
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()
