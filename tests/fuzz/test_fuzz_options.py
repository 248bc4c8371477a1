"""Numbers and names: recipes, models and their options, trainings, and what medtutor draws."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st

import medtutor as mt
from medtutor.data import catalog, cohort, phantoms, planting
from medtutor.data.dataset import normalise
from medtutor.data.phantoms import cine, contrasts, marks
from medtutor.data.sources.published import published_rows
from medtutor.models import MODELS
from medtutor.models.autoencoder import Autoencoder
from medtutor.models.gan import Discriminator, Generator
from medtutor.models.hybrid import Fusion
from medtutor.models.recurrent import HEADS
from medtutor.training.engine import OPTIMISERS
from medtutor.training.fusion import fit_fusion
from medtutor.training.gan import fit_gan
from medtutor.training.heads import fit_head
from medtutor.training.reconstruction import fit_reconstruction

from . import things
from .harness import ANYTHING, LITTLE, REFUSED, SHORT, attempt, finite, fuzzed, some_altered, whole
from .test_fuzz_arrays import check_card, check_predictions, check_split

SPLITS = ("train", "val", "test")


# --- recipes --------------------------------------------------------------------------

RECIPE = {
    "epochs": 8,
    "batch_size": 64,
    "learning_rate": 4e-3,
    "weight_decay": 0.05,
    "label_smoothing": 0.1,
    "mirror": True,
    "rotation": 0.0,
    "scale": 0.0,
    "shift": 2.0,
    "average": 0.99,
    "shift_at_test": 0,
    "skip_empty": False,
    "optimiser": "muon",
    "seed": 0,
}


def check_recipe(recipe, complete=True):
    """The documented ranges; of a recipe that is not `complete` yet, None is what is not said."""
    values = recipe.as_dict()
    if not complete:
        values |= {name: RECIPE[name] for name, value in values.items() if value is None}
        recipe = mt.Recipe(**values)
    for name in ("epochs", "batch_size", "shift_at_test", "seed"):
        assert whole(values[name], 0)
    for name in ("mirror", "skip_empty"):
        assert isinstance(values[name], bool), name
    for name in ("learning_rate", "weight_decay", "label_smoothing", "rotation", "scale", "shift", "average"):
        assert finite(values[name], 0), name
    assert values["optimiser"] in OPTIMISERS
    assert recipe.epochs >= 1 and recipe.batch_size >= 2 and recipe.learning_rate > 0
    assert max(recipe.label_smoothing, recipe.average, recipe.scale) < 1
    # What a training makes of the seed must be one that torch takes.
    assert recipe.seed * 100_003 + recipe.epochs < 2**64
    assert mt.Recipe(**json.loads(json.dumps(values, allow_nan=False))) == recipe


@fuzzed(2, options=some_altered(RECIPE, keep=("",)))
def test_a_recipe_holds_numbers_that_can_be_trained_with(options):
    recipe = attempt(mt.Recipe, **options)
    if recipe is not REFUSED:
        check_recipe(recipe, complete=False)
        assert all(
            getattr(recipe, name) is value is None
            or (getattr(recipe, name) == value if name == "optimiser" else float(getattr(recipe, name)) == float(value))
            for name, value in options.items()
        )


@fuzzed(
    1,
    changes=st.dictionaries(st.one_of(st.sampled_from(sorted(RECIPE)), SHORT), ANYTHING, max_size=2),
    model=st.one_of(st.sampled_from([None, "cnn", "vit"]), ANYTHING),
)
def test_a_changed_recipe_is_checked_anew(changes, model):
    first = attempt(mt.Recipe().but, **changes)
    # A name that Python itself does not know as an argument is its own TypeError.
    known = {name: value for name, value in changes.items() if name in RECIPE}
    second = attempt(mt.default_recipe, things.dataset("binary").card, model, **known)
    for recipe, complete in ((first, False), (second, True)):
        if recipe is not REFUSED:
            check_recipe(recipe, complete)


# --- models ---------------------------------------------------------------------------

OPTIONS = (
    "width",
    "widths",
    "depth",
    "heads",
    "expansion",
    "positions",
    "readout",
    "patch",
    "window",
    "activation",
    "together",
    "dropout",
    "nonsense",
)
OPTION_VALUES = st.one_of(
    LITTLE,
    st.sampled_from([(2, 4), (2,), (4, 4, 4), (8, 8, 8, 8), [2, 4], (0, 2), (2, -1), (2.5, 4), ("a",), (2, None)]),
)


@fuzzed(
    3,
    name=st.one_of(st.sampled_from([each for each in MODELS if each != "resnet18"]), ANYTHING),
    task=st.sampled_from(things.TASKS),
    seed=st.one_of(st.just(0), ANYTHING),
    options=st.dictionaries(st.sampled_from(OPTIONS), OPTION_VALUES, max_size=2),
)
def test_a_model_that_is_built_answers(name, task, seed, options):
    data = things.dataset(task)
    model = attempt(mt.build, name, data, seed=seed, **options)
    if model is REFUSED:
        return
    assert whole(int(seed), 0) and not isinstance(seed, (bool, float, str))
    assert model.name == name and set(model.options) == set(options)
    with torch.no_grad():
        answer = model.eval()(normalise(data.test.images[:2]))
    pixels = data.card.shape if task == "segmentation" else ()
    assert tuple(answer.shape) == (2, len(data.card.classes), *pixels) and answer.isfinite().all()
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


@fuzzed(1, name=st.sampled_from(["cnn", "unet", "mlp"]), what=ANYTHING)
def test_a_model_is_built_for_a_data_set_alone(name, what):
    assert attempt(mt.build, name, what) is REFUSED


# --- trainings ------------------------------------------------------------------------


@fuzzed(1, task=st.sampled_from(things.TASKS), data=st.data())
def test_a_training_gives_a_whole_run_or_a_sentence(task, data):
    own = things.dataset(task)
    name, options = things.MODEL.get(task, ("cnn", {"widths": (2, 4)}))
    valid = {
        "model": mt.build(name, own, **options),
        "dataset": own,
        "recipe": mt.Recipe(epochs=1, batch_size=4, shift=1.0),
        "device": "cpu",
        "progress": False,
        "resume": None,
    }
    others = [
        mt.build("mlp", things.dataset("multi-class"), width=3),
        things.dataset("regression"),
        things.run("binary"),
        things.run(task),
        mt.Recipe(epochs=1, batch_size=4, learning_rate=1e30),
    ]
    changed = data.draw(
        st.one_of(
            some_altered(valid, keep=("",)),
            st.tuples(st.sampled_from(sorted(valid)), st.sampled_from(others)).map(lambda pair: valid | dict([pair])),
        )
    )
    if changed["recipe"] is None:
        return  # the recipe that ships: many epochs
    run = attempt(mt.fit, **changed)
    if run is not REFUSED:
        check_run(run)


def check_run(run):
    """A finished run that can be believed."""
    check_recipe(run.recipe)
    check_card(run.card)
    assert len(run.history) == run.recipe.epochs and not run.interrupted
    for split in ("val", "test"):
        check_predictions(run.predictions[split], run.card)
        assert len(run.labels[split]) == len(run.predictions[split])
    assert all(math.isfinite(row["loss"]) for row in run.history)
    json.dumps(run.summary(), allow_nan=False)
    assert str(run)


def _fit_head():
    features = torch.linspace(-1, 1, 6 * 4 * 5).reshape(6, 4, 5)
    return {
        "head": HEADS["lstm"](5, 2, 4),
        "features": features,
        "targets": torch.tensor([0, 1] * 3),
        "task": "binary",
        "epochs": 1,
        "batch_size": 3,
        "learning_rate": 1e-3,
        "noise": 0.1,
        "weight_decay": 0.05,
        "seed": 0,
        "progress": False,
    }


def _fit_reconstruction():
    images = normalise(things.dataset("binary").train.images)
    return {
        "model": Autoencoder(1, (8, 8), latents=2, widths=(2, 2)),
        "inputs": images,
        "targets": None,
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "corrupt": None,
        "beta": None,
        "seed": 0,
        "progress": False,
    }


def _fit_gan():
    images = normalise(things.dataset("binary").train.images)
    return {
        "generator": Generator(1, (8, 8), 0, 2, (4, 4)),
        "discriminator": Discriminator(1, (8, 8), 0, (4, 4)),
        "images": images,
        "labels": None,
        "steps": 2,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "discriminator_rate": None,
        "average": 0.9,
        "augmentation": True,
        "seed": 0,
        "frames": 2,
        "progress": False,
        "report": None,
        "folder": None,
    }


def _patients():
    images = things.dataset("binary").train.images
    table = torch.linspace(-1, 1, 24).reshape(12, 2)
    labels = torch.arange(12) % 2
    return cohort.Patients(images, table, labels, labels, torch.full((12,), 0.5))


def _fit_fusion():
    return {
        "model": Fusion(1, (8, 8), 2, 2, "late"),
        "patients": _patients(),
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "hide": 0.1,
        "shift": 1.0,
        "seed": 0,
        "progress": False,
    }


TRAININGS = {fit_head: _fit_head, fit_reconstruction: _fit_reconstruction, fit_gan: _fit_gan, fit_fusion: _fit_fusion}
NUMBERS = ("epochs", "batch_size", "steps", "frames")


@fuzzed(2, which=st.sampled_from(sorted(TRAININGS, key=lambda function: function.__name__)), data=st.data())
def test_other_trainings_give_finite_weights_or_a_sentence(which, data):
    valid = TRAININGS[which]()
    options = data.draw(some_altered(valid, little=NUMBERS, keep=("patients", "progress", "report", "folder")))
    trained = attempt(which, **options)
    if trained is REFUSED:
        return
    network = trained.generator if which is fit_gan else trained
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values() if tensor.is_floating_point())
    assert not network.training
    for name in NUMBERS:
        if name in options:
            assert whole(int(options[name]), 1) and not isinstance(options[name], bool)


# --- what is drawn --------------------------------------------------------------------

FEW = {"train": 6, "val": 4, "test": 4}


def _contrasts(options):
    found = contrasts.draw(**options)
    for split in SPLITS:
        pairs = getattr(found, split)
        assert len(pairs) == options["counts"].get(split, len(pairs)) and pairs.a.dtype == pairs.b.dtype == torch.uint8
        assert set(pairs.kinds.tolist()) <= {0, 1, 2} and int(pairs.tissues.max()) < 7


def _cine(options):
    found = cine.draw(**options)
    for split in SPLITS:
        clips = found[split]
        assert len(clips) == options["counts"].get(split, len(clips)) and clips.images.dtype == torch.uint8
        assert clips.volumes.isfinite().all() and 0 < clips.volumes.min() and clips.volumes.max() <= 1 + 1e-6
        assert clips.ejection.isfinite().all() and 0 <= clips.ejection.min() and clips.ejection.max() <= 0.95 + 1e-6
        assert set(clips.filling.tolist()) <= {0, 1}


def _as_drawn(function):
    def drawn(options):
        found = function(**options)
        for split in SPLITS:
            check_split(getattr(found, split), found.card, split)
            assert not isinstance(options.get("counts"), dict) or len(getattr(found, split)) == options["counts"].get(
                split, len(getattr(found, split))
            )
        assert found.provenance == "phantom" and "PHANTOM" in found.title + str(found)

    return drawn


def _cohort(options):
    found = cohort.draw_cohort(**options)
    for split in SPLITS:
        patients = getattr(found, split)
        assert len(patients) >= 2 and set(patients.labels.tolist()) <= {0, 1} and patients.chances.isfinite().all()
        assert 0 <= patients.chances.min() and patients.chances.max() <= 1
        assert not patients.table.isinf().any() and (options["missing"] or patients.table.isfinite().all())


def _dropped(options):
    found = cine.dropped(**options)
    assert (
        isinstance(found, torch.Tensor) and found.dtype == torch.uint8 and len(found) == 2 and 1 <= found.shape[1] <= 4
    )


def _clips():
    return torch.arange(2 * 4 * 4, dtype=torch.uint8).reshape(2, 4, 1, 2, 2)


def _grey():
    return replace(things.dataset("binary"), provenance="phantom")


DRAWN = {
    "contrasts": (_contrasts, lambda: {"counts": FEW, "seed": 0}),
    "cine": (
        _cine,
        lambda: {
            "target": "filling",
            "counts": FEW,
            "seed": 0,
            "ejection": (0.4, 0.7),
            "radius": (6.0, 8.0),
            "systole": (0.2, 0.3),
            "beat": (9, 16),
            "grain": 8,
        },
    ),
    "dropped frames": (_dropped, lambda: {"images": _clips(), "keep": 2, "mode": "held"}),
    "dropped, by mask": (
        _dropped,
        lambda: {"images": _clips(), "keep": torch.tensor([True, False, True, False]), "mode": "black"},
    ),
    "marks": (
        _as_drawn(marks.draw_marks),
        lambda: {
            "kind": "patterns",
            "counts": FEW,
            "noise": 0.05,
            "jitter": 1,
            "contrast": 0.5,
            "cells": 2,
            "cell": 2,
            "seed": 0,
        },
    ),
    "cohort": (_cohort, lambda: {"dataset": _grey(), "kind": "interaction", "missing": 0.2, "most": 10, "seed": 0}),
    "spots": (_as_drawn(planting.plant_spots), lambda: {"dataset": _grey(), "kind": "bright", "share": 0.5, "seed": 0}),
    "marker": (
        _as_drawn(planting.plant_marker),
        lambda: {"dataset": _grey(), "agreement": {"train": 0.9, "val": 0.5, "test": None}, "seed": 0},
    ),
    "phantoms": (_as_drawn(phantoms.draw), lambda: {"card": catalog.card("breastmnist"), "counts": FEW, "seed": 0}),
}


@fuzzed(4, which=st.sampled_from(sorted(DRAWN)), data=st.data())
def test_what_is_drawn_is_what_was_asked_for(which, data):
    draw, valid = DRAWN[which]
    options = data.draw(
        some_altered(valid(), little=("counts", "most", "jitter", "cells", "cell"), keep=("card", "dataset", "images"))
    )
    if isinstance(options.get("counts"), dict):  # what is left out has its usual thousands
        options["counts"] = {**FEW, **options["counts"]}
    elif "counts" in options and options["counts"] is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # a number that overflowed is no number
        attempt(draw, options)
    if "seed" in options and not isinstance(options["seed"], (int, np.integer, np.ndarray, torch.Tensor)):
        assert attempt(draw, options) is REFUSED, "a seed is a whole number"


@fuzzed(
    2,
    function=st.sampled_from([catalog.card, catalog.sizes, catalog.counts, catalog.publisher, mt.load, published_rows]),
    name=st.one_of(st.sampled_from(["pneumoniamnist", "hippocampus", " BREASTMNIST ", "cine_filling"]), ANYTHING),
    size=st.one_of(st.sampled_from([None, 28, 64]), ANYTHING),
)
def test_only_sets_that_there_are_have_cards(function, name, size):
    arguments = (name, size) if function in (catalog.card, mt.load, published_rows) else (name,)
    options = {"source": "medmnist", "progress": False} if function is mt.load else {}
    found = attempt(function, *arguments, **options)
    if found is REFUSED or function is published_rows:
        return
    assert isinstance(name, str) and name.strip().lower() in catalog.names()
    if function is catalog.card:
        assert size is None or (whole(size) and size == found.size)
