"""Folders that somebody else may have written: runs and generators."""

import hashlib
import json
import shutil
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import load, save
from sklearn.metrics import roc_auc_score

import medtutor as mt
from medtutor.models.gan import Discriminator, Generator
from medtutor.training.gan import GANRun, fit_gan

from . import things
from .harness import PLAIN, REFUSED, attempt, damaged, finite, fuzzed, odd_array, some_altered, whole
from .test_fuzz_arrays import check_card, check_predictions
from .test_fuzz_options import check_recipe

KINDS = (*things.TASKS, "interrupted")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder to write to, emptied before each case."""
    return tmp_path_factory.mktemp("folders") / "it"


HALF = 2**-10  # by which a probability in half precision may be off, twice


@cache
def saved(kind):
    """{name: bytes} of the folder of a run, or of a generator."""
    import tempfile
    from pathlib import Path

    thing = adversary() if kind == "gan" else things.interrupted() if kind == "interrupted" else things.run(kind)
    with tempfile.TemporaryDirectory() as folder:
        thing.save(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@cache
def adversary():
    from medtutor.data.dataset import normalise

    torch.manual_seed(0)
    images = normalise(things.dataset("binary").train.images)
    return fit_gan(
        Generator(1, (8, 8), 0, 2, (4, 4)),
        Discriminator(1, (8, 8), 0, (4, 4)),
        images,
        steps=3,
        batch_size=4,
        frames=2,
        progress=False,
        about={"provenance": "arrays", "classes": (), "command": "python -m nothing"},
    )


def write(place, files):
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def with_record(files, name, change):
    """The files with the JSON file of that name changed."""
    return files | {name: json.dumps(change(json.loads(files[name]))).encode()}


def with_tensors(files, name, group, change):
    """The files with one file of tensors changed, and its digest in the JSON file made to fit: as a careful forger
    would.
    """
    record = json.loads(files[name])
    entry = record["files"][group]
    content = save({key: tensor.clone().contiguous() for key, tensor in change(load(files[entry["file"]])).items()})
    digest = hashlib.sha256(content).hexdigest()
    renamed = f"{group}-{digest[:12]}.safetensors"
    record["files"][group] = {"file": renamed, "sha256": digest}
    kept = {each: content for each, content in files.items() if each not in (name, entry["file"])}
    return kept | {name: json.dumps(record).encode(), renamed: content}


@st.composite
def forged(draw, files, name, groups):
    """A folder, changed in its JSON file, in its tensors with a digest that fits, or in single bytes."""
    how = draw(st.sampled_from(["record"] * 6 + ["tensors"] * 4 + ["bytes", "a file less", "two files exchanged"]))
    if how == "record":
        return how, with_record(files, name, lambda record: draw(some_altered(record, leaf=PLAIN)))
    if how == "tensors":
        return how, with_tensors(
            files, name, draw(st.sampled_from(groups)), lambda tensors: draw(changed_tensors(tensors))
        )
    first, second = draw(st.permutations(sorted(files)).map(lambda names: names[:2]))
    if how == "bytes":
        return how, files | {first: draw(damaged(files[first]))}
    if how == "a file less":
        return how, {each: content for each, content in files.items() if each != first}
    return how, files | {first: files[second], second: files[first]}


@st.composite
def changed_tensors(draw, tensors):
    """One tensor changed, lost, or under another name; or two exchanged."""
    if not tensors:
        return {"more": torch.zeros(2)}
    key = draw(st.sampled_from(sorted(tensors)))
    how = draw(st.sampled_from(["change"] * 6 + ["lose", "more", "exchange", "rename"]))
    if how == "lose":
        return {each: tensor for each, tensor in tensors.items() if each != key}
    if how == "more":
        return tensors | {
            draw(st.sampled_from(["more", "predictions.train", "labels.x", "model.x.y", "..", ""])): tensors[key]
        }
    if how == "rename":
        return {(f"{each}x" if each == key else each): tensor for each, tensor in tensors.items()}
    if how == "exchange":
        other = draw(st.sampled_from(sorted(tensors)))
        return tensors | {key: tensors[other].clone(), other: tensors[key].clone()}
    changed = draw(odd_array(tensors[key]).filter(lambda found: isinstance(found, (torch.Tensor, np.ndarray))))
    try:
        changed = torch.as_tensor(np.ascontiguousarray(changed) if isinstance(changed, np.ndarray) else changed)
        save({"it": changed.contiguous()})
    except Exception:  # what safetensors does not hold cannot come out of a file
        changed = torch.zeros(3)
    return tensors | {key: changed}


# --- runs -----------------------------------------------------------------------------


@fuzzed(5, kind=st.sampled_from(KINDS), data=st.data())
def test_a_run_that_loads_can_be_believed(place, kind, data):
    files = saved(kind)
    groups = ["model", "predictions", *(["state"] if kind == "interrupted" else [])]
    how, changed = data.draw(forged(files, "run.json", groups))
    run = attempt(mt.Run.load, write(place, changed))
    if run is REFUSED:
        return
    if how in ("bytes", "a file less", "two files exchanged"):
        altered = [name for name in files if changed.get(name) != files[name]]
        assert altered == ["run.json"] or not altered, f"{altered} altered, and not noticed"
    check_loaded(run)
    # What has loaded can be used, and saved again.
    images = things.dataset("binary" if kind == "interrupted" else kind).test.images
    if tuple(images.shape[1:]) == (
        *(() if run.card.frames is None else (run.card.frames,)),
        run.card.channels,
        *run.card.shape,
    ):
        check_predictions(run.predict(images), run.card)
    assert str(run) and json.dumps(run.summary(), allow_nan=False)
    run.save(place / "again")
    again = mt.Run.load(place / "again")
    assert (again.card, again.recipe, again.history, again.val, again.test) == (
        run.card,
        run.recipe,
        run.history,
        run.val,
        run.test,
    )


def check_loaded(run):
    """All that a run says, against all else that it says."""
    check_card(run.card)
    check_recipe(run.recipe)
    assert run.provenance in ("medmnist", "decathlon", "phantom", "arrays")
    assert (
        finite(run.seconds, 0)
        and finite(run.cpu_seconds, 0)
        and whole(run.processes, 1)
        and isinstance(run.device, str)
    )
    assert isinstance(run.versions, dict) and all(
        isinstance(each, str) for pair in run.versions.items() for each in pair
    )
    assert 1 <= len(run.history) <= run.recipe.epochs
    assert [row["epoch"] for row in run.history] == list(range(1, len(run.history) + 1))
    for row in run.history:
        assert all(finite(value) or (value != value and name.startswith("val_")) for name, value in row.items()), row
    assert [row["seconds"] for row in run.history] == sorted(row["seconds"] for row in run.history)
    assert len(run.scale) == 2 and finite(run.scale[0]) and finite(run.scale[1], 1e-30)
    assert run.card.task == "regression" or tuple(run.scale) == (0.0, 1.0)
    assert all(tensor.isfinite().all() for tensor in run.model.state_dict().values() if tensor.is_floating_point())
    assert (run.state is not None) == run.interrupted and (run.test is None) == run.interrupted
    assert run.val is not None and set(run.predictions) == set(run.labels) == (
        {"val"} if run.interrupted else {"val", "test"}
    )
    for split in run.predictions:
        check_predictions(run.predictions[split], run.card)
        labels = run.labels[split]
        assert len(labels) == len(run.predictions[split]) > 0
        check_metrics(getattr(run, split), labels, run.predictions[split].float(), run.card)


def check_metrics(metrics, labels, scores, card):
    """The numbers, computed anew by other means."""
    labels, scores = labels.numpy(), scores.numpy()
    for name, value in asdict(metrics).items():
        if name.endswith("_interval") and value is not None:
            assert len(value) == 2 and value[0] <= value[1]
    if card.task == "segmentation":
        assert set(metrics.of_class) == set(card.classes[1:])
        found = scores.argmax(axis=1)
        assert labels.shape == found.shape and metrics.n == len(labels)
        # Means over cases that each count once: as these runs have no volumes.
        # Predictions are kept in half precision: where two classes are as likely but for its last digit, either won.
        worst, best = [], []
        for c in range(1, len(card.classes)):
            lead, truth = scores[:, c] - np.delete(scores, c, axis=1).max(axis=1), labels == c
            sure, either = lead > HALF, np.abs(lead) <= HALF
            worst.append(_dice(sure | (either & ~truth), truth))
            best.append(_dice(sure | (either & truth), truth))
        assert np.mean(worst) - 1e-6 <= metrics.dice <= np.mean(best) + 1e-6
        return
    assert metrics.n == len(labels)
    if card.task == "regression":
        assert abs(metrics.mae - np.abs(scores[:, 0] - labels).mean()) < 1e-4
    elif card.task == "multi-label":
        assert abs(metrics.acc - ((scores > 0.5) == (labels == 1)).mean()) < 1e-6
        assert (
            abs(metrics.auc - np.mean([roc_auc_score(labels[:, i], scores[:, i]) for i in range(labels.shape[1])]))
            < 1e-6
        )
    else:
        assert set(np.unique(labels).tolist()) <= set(range(len(card.classes)))
        right = (scores[:, 1] > 0.5) == (labels == 1) if card.task == "binary" else scores.argmax(axis=1) == labels
        assert abs(metrics.acc - right.mean()) < 1e-6
        aucs = [
            roc_auc_score(labels == c, scores[:, c])
            for c in (range(len(card.classes)) if card.task != "binary" else [1])
        ]
        assert abs(metrics.auc - np.mean(aucs)) < 1e-6


def _dice(found, real):
    pixels = tuple(range(1, found.ndim))
    total = found.sum(pixels) + real.sum(pixels)
    return np.where(total == 0, 1.0, 2 * (found & real).sum(pixels) / np.maximum(total, 1))


@fuzzed(
    1,
    name=st.sampled_from(["run.json", "gan.json"]),
    content=st.one_of(
        st.binary(max_size=60),
        st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner)).map(
            lambda value: json.dumps(value).encode()
        ),
        st.sampled_from(
            [
                b"[" * 100_000,
                b"1" * 5000,
                b'{"format": 1}',
                b'{"format": 1, "files": {"model": {"file": "/etc/passwd"}}}',
                b"\xff\xfe{\x00}\x00",
                b"\xef\xbb\xbf{}",
                b"nul",
            ]
        ),
    ),
)
def test_no_text_but_ours_is_a_run(place, name, content):
    folder = write(place, {name: content})
    assert attempt(mt.Run.load if name == "run.json" else GANRun.load, folder) is REFUSED


def test_what_is_in_the_place_of_a_file_is_refused(place):
    """Folders in the place of files, links to nowhere, and no folder at all."""
    write(place, saved("binary"))
    for name in saved("binary"):
        write(place, saved("binary"))
        (place / name).unlink()
        (place / name).mkdir()
        assert attempt(mt.Run.load, place) is REFUSED
        (place / name).rmdir()
        (place / name).symlink_to(place / name)
        assert attempt(mt.Run.load, place) is REFUSED
    assert attempt(mt.Run.load, place / "run.json") is REFUSED and attempt(mt.Run.load, "no\0name") is REFUSED


# --- generators -----------------------------------------------------------------------


@fuzzed(2, data=st.data())
def test_a_generator_that_loads_draws_images(place, data):
    files = saved("gan")
    how, changed = data.draw(forged(files, "gan.json", ["generator", "film"]))
    gan = attempt(GANRun.load, write(place, changed))
    if gan is REFUSED:
        return
    if how in ("bytes", "a file less", "two files exchanged"):
        assert [name for name in files if changed.get(name) != files[name]] in ([], ["gan.json"])
    drawn = gan.sample(3)
    assert drawn.dtype == torch.uint8 and tuple(drawn.shape) == (3, gan.generator.channels, *gan.generator.shape)
    assert all(tensor.isfinite().all() for tensor in gan.generator.state_dict().values() if tensor.is_floating_point())
    assert whole(gan.steps, 0) and whole(gan.seed, 0) and finite(gan.seconds, 0) and finite(gan.real_spread, 0)
    assert (
        gan.provenance in ("medmnist", "decathlon", "phantom", "arrays")
        and isinstance(gan.command, str)
        and isinstance(gan.settings, dict)
    )
    assert all(isinstance(name, str) for name in gan.classes) and len(gan.classes) in (0, gan.generator.classes)
    steps = [row["step"] for row in gan.history]
    assert all(whole(step, 1, gan.steps) for step in steps) and steps == sorted(set(steps))
    assert all(finite(value) for row in gan.history for value in row.values())
    assert (
        gan.film is not None and gan.film.dtype == torch.uint8 and tuple(gan.film.shape[2:]) == tuple(drawn.shape[1:])
    )
    assert len(gan.film) == len(gan.history) + 1


@fuzzed(1, data=st.data())
def test_samples_are_images_of_the_labels_that_were_meant(data):
    valid = {"count": 3, "labels": None, "seed": 0, "truncation": 1.0}
    options = data.draw(some_altered(valid, little=("count",), keep=("",)))
    found = attempt(adversary().sample, **options)
    if found is not REFUSED:
        assert found.dtype == torch.uint8 and tuple(found.shape) == (int(options["count"]), 1, 8, 8)
        assert (
            whole(int(options["count"]), 1)
            and not isinstance(options["count"], bool)
            and np.isfinite(float(options["truncation"]))
        )
