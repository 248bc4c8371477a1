"""Arrays of the user's own: made a data set, predicted on, explained, measured."""

import json
from dataclasses import asdict

import numpy as np
import torch
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import medtutor as mt
from medtutor.explanation import (
    METHODS,
    attention_of,
    deletion,
    explain_batch,
    insertion,
    overlay,
    pointing_game,
    relevance_mass,
    similarity,
)
from medtutor.metrics import measure, measure_regression, measure_segmentation, segmentation_scores
from medtutor.training.run import Run

from . import things
from .harness import ANYTHING, REFUSED, altered, attempt, finite, fuzzed, odd_array, some_altered

SPLITS = ("train", "val", "test")


# --- from_arrays ----------------------------------------------------------------------


def given(task, channels=1):
    """What `from_arrays` is called with, all of it right."""
    options = {
        "classes": None,
        "task": task,
        "name": "own",
        "sequence": False,
        "mirror": (),
        "spacing": None,
        "patients": None,
    }
    if task == "sequences":
        options |= {"task": "binary", "sequence": True}
    count = {"multi-class": 3, "regression": 1}.get(task, 2)
    options["classes"] = ["ejection fraction", "ill", "other"][:count]
    if task == "segmentation":
        options["spacing"] = (0.5, 0.5)
    return {**things.arrays(task, channels), **options}


@st.composite
def own_arrays(draw):
    options = given(draw(st.sampled_from(things.TASKS)), draw(st.sampled_from([1, 1, 3])))
    if draw(st.integers(0, 5)) == 0:
        options["task"] = draw(
            st.sampled_from([None, "binary", "multi-class", "multi-label", "ordinal", "segmentation", "regression"])
        )
    if options["task"] == "segmentation" and options["spacing"] and draw(st.booleans()):
        options["patients"] = {split: np.arange(len(options[split][0])) // 2 for split in SPLITS}
        options["spacing"] = (1.0, 0.5, 0.5)
    return draw(some_altered(options, keep=("",)))


@fuzzed(3, options=own_arrays())
def test_own_arrays_become_a_data_set_or_are_refused(options):
    data = attempt(mt.from_arrays, **options)
    if data is REFUSED:
        return
    check_card(data.card)
    assert data.provenance == "arrays" and data.card.name == " ".join(options["name"].split()) and str(data)
    assert options["task"] in (None, data.card.task)
    if isinstance(options["classes"], (list, tuple)):  # numbers may be names, and blanks are not told apart
        assert [" ".join(str(name).split()) for name in options["classes"]] == list(
            data.card.classes
        ) and None not in options["classes"]
    for split in SPLITS:
        check_split(getattr(data, split), data.card, split)
        images, labels = options[split]
        same_content(getattr(data, split), np.asarray(images), np.asarray(labels))


def check_card(card):
    """What a card may say."""
    assert card.task in ("binary", "multi-class", "multi-label", "ordinal", "segmentation", "regression")
    assert isinstance(card.name, str) and card.name.strip()
    assert card.classes and all(isinstance(name, str) and name.strip() for name in card.classes)
    assert len(set(card.classes)) == len(card.classes)
    assert len(card.classes) == 1 if card.task == "regression" else len(card.classes) >= 2 or card.task == "multi-label"
    assert len(card.classes) == 2 if card.task == "binary" else True
    assert card.channels in (1, 3) and len(card.shape) in (2, 3) and all(side >= 1 for side in card.shape)
    assert all(type(axis) is int and -len(card.shape) <= axis <= -1 for axis in card.mirror) and len(
        set(card.mirror)
    ) == len(card.mirror)
    if card.spacing is not None:
        assert len(card.spacing) in (2, 3) and all(finite(step, 1e-9) for step in card.spacing)
    json.dumps(asdict(card), allow_nan=False)


def check_split(split, card, name):
    """What a split may hold."""
    frames = () if card.frames is None else (card.frames,)
    assert split.images.dtype == torch.uint8 and len(split) >= 1
    assert tuple(split.images.shape[1:]) == (*frames, card.channels, *card.shape)
    if card.task == "segmentation":
        assert split.labels is None and split.masks.dtype == torch.uint8
        assert tuple(split.masks.shape) == (len(split), *card.shape)
        assert set(range(1, len(card.classes))) <= set(split.masks.unique().tolist()) <= set(range(len(card.classes)))
        return
    assert len(split.labels) == len(split)
    if card.task == "regression":
        assert split.labels.dtype == torch.float32 and split.labels.isfinite().all() and split.labels.std() > 0
    elif card.task == "multi-label":
        assert split.labels.shape == (len(split), len(card.classes)) and set(split.labels.unique().tolist()) <= {0, 1}
    else:
        found = set(split.labels.tolist())
        assert split.labels.dtype == torch.int64 and 2 <= len(found) and found <= set(range(len(card.classes)))
        assert name != "train" or len(found) == len(card.classes)


def same_content(split, images, labels):
    """The pixels and labels are those that were given, none cast, none lost."""
    assert images.dtype == np.uint8
    assert sorted(split.images.flatten().tolist()) == sorted(images.ravel().tolist())
    assert split.images[0].numpy().sum() == images[0].sum() and split.images[-1].numpy().sum() == images[-1].sum()
    kept = split.targets.numpy().astype(np.float64)
    assert np.allclose(kept.reshape(labels.shape), labels.astype(np.float64), rtol=1e-6, atol=1e-6)


# --- predict --------------------------------------------------------------------------


@fuzzed(2, task=st.sampled_from(things.TASKS), data=st.data())
def test_predictions_are_finite_and_of_the_images_that_were_meant(task, data):
    run, images = things.run(task), things.dataset(task).test.images
    shown = data.draw(odd_array(images))
    found = attempt(run.predict, shown)
    if found is REFUSED:
        return
    assert isinstance(shown, (torch.Tensor, np.ndarray)) and str(shown.dtype).endswith("uint8"), (
        "only uint8 means 0…255"
    )
    # Grey images may come without their axis of channels.
    assert tuple(shown.shape[1:]) in (tuple(images.shape[1:]), tuple(images.shape[1:])[1:])
    assert len(found) == len(shown)
    check_predictions(found, run.card)
    assert torch.allclose(found, run.predict(torch.tensor(np.asarray(shown).tolist(), dtype=torch.uint8)), atol=1e-6)


def check_predictions(found, card):
    pixels = card.shape if card.task == "segmentation" else ()
    assert tuple(found.shape[1:]) == (len(card.classes), *pixels) and found.isfinite().all()
    if card.task != "regression":
        assert 0 <= found.min() and found.max() <= 1
    if card.task not in ("regression", "multi-label"):
        assert torch.allclose(found.float().sum(dim=1), torch.ones(()), atol=5e-3)


# --- explain --------------------------------------------------------------------------

QUICK = {"steps": 4, "samples": 4, "patch": 4, "window": 4, "stride": 4}


@st.composite
def explained(draw):
    task = draw(
        st.sampled_from(["binary", "multi-class", "multi-label", "regression", "binary", "sequences", "segmentation"])
    )
    method = draw(st.sampled_from(sorted(METHODS)))
    options = {option.name: QUICK.get(option.name, option.default) for option in METHODS[method].options}
    valid = {
        "image": things.image(task),
        "method": method,
        "target": draw(st.sampled_from([None, 0, "class 1"])),
        "layer": None,
        **options,
    }
    return task, draw(some_altered(valid, little=tuple(options), keep=("",)))


@fuzzed(2, case=explained())
def test_an_explanation_is_finite_and_of_what_was_asked(case):
    task, options = case
    run = things.run(task)
    found = attempt(mt.explain, run, **options)
    if found is REFUSED:
        return
    assert task not in ("sequences", "segmentation")
    assert found.method == options["method"] and tuple(found.map.shape) == run.card.shape and found.map.isfinite().all()
    assert found.target.name == run.card.classes[found.target.index]
    assert options["target"] is None or options["target"] in tuple(found.target)
    assert np.isfinite(found.score) and (task == "regression" or 0 <= found.probability <= 1)
    assert str(found) and attempt(similarity, found, found) >= 0


@fuzzed(1, task=st.sampled_from(["binary", "multi-label"]), data=st.data())
def test_a_batch_is_explained_one_by_one_or_refused(task, data):
    run, images = things.run(task), things.dataset(task).test.images[:3]
    shown = data.draw(st.one_of(odd_array(images), st.just(list(images)), altered(list(images)), ANYTHING))
    target = data.draw(st.one_of(st.none(), st.just([0, 1, 0]), altered([0, 1, 0]), st.just(torch.tensor([0, 1, 1]))))
    found = attempt(explain_batch, run, shown, "saliency", target=target)
    if found is not REFUSED:
        assert len(found) == len(shown) > 0
        assert all(each.map.isfinite().all() and tuple(each.map.shape) == run.card.shape for each in found)


@fuzzed(1, what=ANYTHING, function=st.sampled_from([mt.explain, attention_of]))
def test_only_runs_and_models_are_explained(what, function):
    assert attempt(function, what, things.image()) is REFUSED


@fuzzed(
    2, which=st.sampled_from([deletion, insertion, pointing_game, relevance_mass, similarity, overlay]), data=st.data()
)
def test_scores_of_maps_lie_in_their_ranges(which, data):
    image, shape = things.image(), (things.SIDE, things.SIDE)
    values = torch.linspace(-1, 1, 64).reshape(shape)
    evidence = torch.zeros(shape, dtype=torch.bool)
    evidence[2:5, 2:5] = True
    valid = {
        deletion: {
            "run_or_model": things.run("binary"),
            "image": image,
            "attribution": (values, 0),
            "steps": 4,
            "using": "blurred",
            "of": "probability",
        },
        insertion: {
            "run_or_model": things.run("binary"),
            "image": image,
            "attribution": (values, 0),
            "steps": 4,
            "using": "black",
            "of": "probability",
        },
        pointing_game: {"attribution": values, "evidence": evidence, "tolerance": 1, "part": "positive"},
        relevance_mass: {"attribution": values, "evidence": evidence, "part": "positive"},
        similarity: {"one": values, "other": values.flip(0)},
        overlay: {"image": image, "attribution_map": values, "opacity": 0.7, "limit": None, "slice": None, "zoom": 1},
    }[which]
    options = data.draw(some_altered(valid, little=("steps", "tolerance", "zoom"), keep=("run_or_model",)))
    found = attempt(which, **options)
    if found is REFUSED:
        return
    if which in (deletion, insertion):
        ranged = options["of"] == "probability"
        assert (
            found.value.isfinite().all() and np.isfinite(found.auc) and (not ranged or -1e-6 <= found.auc <= 1 + 1e-6)
        )
    elif which is overlay:
        assert found.dtype == np.uint8 and found.shape[-1] == 3
    else:
        low = -1 if which is similarity else 0
        assert low - 1e-6 <= found <= 1 + 1e-6, found


# --- measures -------------------------------------------------------------------------


def predicted(task):
    run = things.run(task)
    return run.labels["test"], run.predictions["test"].float()


@fuzzed(2, task=st.sampled_from(["binary", "multi-class", "multi-label"]), data=st.data())
def test_auc_and_accuracy_are_those_of_the_cases(task, data):
    labels, scores = predicted(task)
    valid = {"labels": labels, "scores": scores, "task": task, "resamples": 10, "seed": 0}
    options = data.draw(some_altered(valid, little=("resamples",), keep=("",)))
    found = attempt(measure, **options)
    if found is REFUSED:
        return
    labels, scores = np.asarray(options["labels"]), np.asarray(options["scores"], dtype=float)
    assert len(labels) == len(scores) == found.n > 0 and np.isfinite(scores).all()
    assert (
        (labels == np.round(labels.astype(float))).all()
        and 0 <= labels.min()
        and labels.max() < max(2, scores.shape[1])
    )
    assert (np.isnan(found.auc) or 0 <= found.auc <= 1) and 0 <= found.acc <= 1
    for interval in (found.auc_interval, found.acc_interval):
        assert interval is None or np.isnan(interval).any() or 0 <= interval[0] <= interval[1] <= 1
    if options["task"] == "binary" and len(set(labels.ravel().tolist())) == 2:
        assert abs(found.auc - roc_auc_score(labels.ravel(), scores[:, -1])) < 1e-6


@fuzzed(1, data=st.data())
def test_errors_of_numbers_are_those_of_the_cases(data):
    labels, answers = predicted("regression")
    valid = {"labels": labels, "answers": answers, "resamples": 10, "seed": 0}
    options = data.draw(some_altered(valid, little=("resamples",), keep=("",)))
    found = attempt(measure_regression, **options)
    if found is REFUSED:
        return
    labels, answers = (
        np.asarray(options["labels"], dtype=float).ravel(),
        np.asarray(options["answers"], dtype=float).ravel(),
    )
    assert len(labels) == len(answers) == found.n > 0
    assert finite(found.mae, 0) and abs(found.mae - np.abs(labels - answers).mean()) <= 1e-5 * max(1, found.mae)
    assert np.isnan(found.r2) or found.r2 <= 1


@fuzzed(1, data=st.data())
def test_dice_is_that_of_the_masks(data):
    masks, scores = predicted("segmentation")
    card = things.run("segmentation").card
    valid = {
        "masks": masks[:3],
        "scores": scores[:3],
        "card": card,
        "patients": None,
        "distances": False,
        "resamples": 5,
        "seed": 0,
    }
    options = data.draw(some_altered(valid, little=("resamples",), keep=("card",)))
    found = attempt(measure_segmentation, **options)
    if found is REFUSED:
        return
    truth, chosen = np.asarray(options["masks"]), np.asarray(options["scores"]).argmax(axis=1)
    assert np.isfinite(np.asarray(options["scores"], dtype=float)).all() and set(np.unique(truth).tolist()) <= {0, 1}
    assert chosen.shape == truth.shape and 0 <= found.dice <= 1
    if options["patients"] is None:
        each = [
            2 * (a & b).sum() / max((a.sum() + b.sum()), 1) if a.any() or b.any() else 1.0
            for a, b in zip(truth == 1, chosen == 1)
        ]
        assert abs(found.dice - np.mean(each)) < 1e-6


@fuzzed(1, data=st.data())
def test_scores_of_masks_lie_in_their_ranges(data):
    masks = things.dataset("segmentation").test.masks[:2].numpy()
    valid = {"predicted": masks, "truth": masks[::-1].copy(), "classes": 2, "spacing": (1.0, 0.5), "distances": True}
    found = attempt(segmentation_scores, **data.draw(some_altered(valid, little=("classes",), keep=("",))))
    if found is not REFUSED:
        assert all(np.isfinite(values).all() and (values >= 0).all() for values in found.values())
        assert found["dice"].max() <= 1


def test_the_harness_sees_a_wrong_prediction():
    """What the fuzz tests would say of a run that answers NaN: without this, they might look at nothing."""
    card = things.run("binary").card
    for wrong in (torch.full((3, 2), torch.nan), torch.full((3, 2), 0.9), torch.rand(3, 3)):
        try:
            check_predictions(wrong, card)
        except AssertionError:
            continue
        raise AssertionError(f"{wrong} passed")
    assert isinstance(things.run("binary"), Run)
