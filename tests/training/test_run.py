"""A Run on disk: whole, checked, and never half replaced."""

import json
import math
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from mutations import check_altered

import medtutor as mt
from medtutor import files
from medtutor.errors import InputError, MedtutorError
from medtutor.metrics import Metrics
from medtutor.training import loop


@pytest.fixture
def run(tiny, quick):
    return mt.fit(mt.build("cnn", tiny, widths=(4, 8, 8)), tiny, quick, progress=False)


def test_saved_and_loaded_is_the_same(run, tiny, tmp_path):
    run.save(tmp_path / "run")
    loaded = mt.Run.load(tmp_path / "run")
    assert loaded.summary() == run.summary() | {"seconds": loaded.seconds, "cpu_seconds": loaded.cpu_seconds}
    assert (loaded.card, loaded.recipe, loaded.history) == (run.card, run.recipe, run.history)
    assert torch.equal(loaded.predict(tiny.test.images), run.predictions["test"])
    assert torch.equal(loaded.labels["test"], tiny.test.labels)
    assert str(loaded) == str(run)


def test_nothing_in_the_folder_is_pickle(run, tmp_path):
    run.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_saving_again_leaves_only_the_new_files(run, tmp_path):
    run.save(tmp_path)
    with torch.no_grad():
        run.model.classifier.bias += 1
    run.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    assert torch.equal(mt.Run.load(tmp_path).model.classifier.bias, run.model.classifier.bias)


def test_missing_and_altered_files_are_named(run, tmp_path):
    run.save(tmp_path)
    weights = next(tmp_path.glob("model-*"))
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=f"{weights.name}.*altered"):
        mt.Run.load(tmp_path)
    weights.unlink()
    with pytest.raises(InputError, match=f"{weights.name} is missing"):
        mt.Run.load(tmp_path)
    with pytest.raises(InputError, match="no run.json"):
        mt.Run.load(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda record: record.update(format=99), "another version"),
        (lambda record: record.pop("recipe"), "altered"),
        (lambda record: record.update(model="resnet18"), "altered"),
        (lambda record: record["files"]["model"].update(file="../../etc/passwd"), "missing"),
    ],
)
def test_an_altered_record_is_refused(run, tmp_path, change, words):
    run.save(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    change(record)
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=words):
        mt.Run.load(tmp_path)


def test_a_damaged_record_is_refused(run, tmp_path):
    run.save(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        mt.Run.load(tmp_path)


KILLED = """
import os, sys
import medtutor as mt

run = mt.Run.load(sys.argv[1])
with __import__("torch").no_grad():
    run.model.classifier.bias += 1
steps, original = int(sys.argv[2]), os.replace

def replace_then_die(*names):
    global steps
    if steps == 0:
        os.kill(os.getpid(), 9)
    steps -= 1
    original(*names)

os.replace = replace_then_die
run.save(sys.argv[1])
"""


@pytest.mark.parametrize("moment", [0, 1, 2])
def test_a_kill_in_the_middle_of_saving_leaves_the_old_run_whole(run, tmp_path, moment):
    """Killed before the first, second and last of the three files took its name."""
    run.save(tmp_path / "run")
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run"), str(moment)])
    assert died.returncode == -signal.SIGKILL
    loaded = mt.Run.load(tmp_path / "run")
    assert torch.equal(loaded.model.classifier.bias, run.model.classifier.bias)
    loaded.save(tmp_path / "run")  # and what the kill left behind is cleared away
    assert len(list((tmp_path / "run").iterdir())) == 3


def test_a_full_disk_keeps_the_old_run(run, tmp_path, monkeypatch):
    run.save(tmp_path / "run")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with torch.no_grad():
        run.model.classifier.bias += 1
    with pytest.raises(MedtutorError, match="No space left.*choose a folder"):
        run.save(tmp_path / "run")
    monkeypatch.undo()
    assert not torch.equal(mt.Run.load(tmp_path / "run").model.classifier.bias, run.model.classifier.bias)


def test_a_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MedtutorError, match="could not be written to .*file"):
        run.save(tmp_path / "file" / "run")


def test_text_says_what_it_is_made_of(run):
    assert "PHANTOM" not in str(run)
    run.provenance = "phantom"
    assert str(run).startswith("PHANTOM")


# --- other people's files ---------------------------------------------------------------


def test_weights_of_somebody_else_stay(run, tmp_path):
    run.save(tmp_path / "run")
    (tmp_path / "run" / "mine.safetensors").write_text("mine")
    (tmp_path / "run" / "film.partial").write_text("mine")
    with torch.no_grad():
        run.model.classifier.bias += 1
    run.save(tmp_path / "run")
    assert (
        (tmp_path / "run" / "mine.safetensors").read_text() == (tmp_path / "run" / "film.partial").read_text() == "mine"
    )
    assert len(list((tmp_path / "run").iterdir())) == 5


def test_a_folder_with_other_files_is_refused(run, tmp_path):
    (tmp_path / "mine.safetensors").write_text("mine")
    with pytest.raises(InputError, match="no run's, such as mine.safetensors; choose a new or empty folder"):
        run.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


def test_a_run_does_not_replace_a_generator(run, tmp_path):
    from medtutor.models.gan import Generator
    from medtutor.training.gan import GANRun

    GANRun(Generator(shape=(8, 8), widths=(2, 2, 2))).save(tmp_path / "gan")
    run.save(tmp_path / "run")
    with pytest.raises(InputError, match="no run's"):
        run.save(tmp_path / "gan")
    with pytest.raises(InputError, match="no generator's"):
        GANRun(Generator(shape=(8, 8), widths=(2, 2, 2))).save(tmp_path / "run")
    assert mt.Run.load(tmp_path / "run") and GANRun.load(tmp_path / "gan")


def test_two_saves_at_a_time_leave_one_of_them_whole(run, tmp_path):
    run.save(tmp_path / "a")
    runs = [mt.Run.load(tmp_path / "a") for _ in range(3)]
    for number, each in enumerate(runs):
        each.seconds = float(number)
        with torch.no_grad():
            each.model.classifier.bias.fill_(number)
    with ThreadPoolExecutor() as pool:
        saves = [pool.submit(each.save, tmp_path / "run") for _ in range(6) for each in runs]
        while not all(save.done() for save in saves):
            if (tmp_path / "run" / "run.json").exists():
                found = mt.Run.load(tmp_path / "run")
                assert found.model.classifier.bias[0] == found.seconds
        for save in saves:
            save.result()
    assert mt.Run.load(tmp_path / "run") and len(list((tmp_path / "run").iterdir())) == 3


# --- what is read is checked ------------------------------------------------------------


def same(one, other):
    tensors = [
        {
            **run.model.state_dict(),
            **run.predictions,
            **{f"labels {split}": labels for split, labels in run.labels.items()},
        }
        for run in (one, other)
    ]
    return (
        one.summary() == other.summary()
        and (one.card, one.recipe, one.history) == (other.card, other.recipe, other.history)
        and (one.versions, one.scale, one.model.options) == (other.versions, other.scale, other.model.options)
        and tensors[0].keys() == tensors[1].keys()
        and all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    )


def test_an_altered_record_is_found_out_or_means_the_same(run, tmp_path):
    run.save(tmp_path)
    check_altered(tmp_path / "run.json", lambda: mt.Run.load(tmp_path), same)


def signed(record):
    """What a careful forger does: a fresh SHA-256."""
    if isinstance(record, dict):
        record["sha256"] = files.digest({key: value for key, value in record.items() if key != "sha256"})
    return record


def test_a_forged_record_is_a_sentence_at_worst(run, tmp_path):
    run.save(tmp_path)
    check_altered(tmp_path / "run.json", lambda: mt.Run.load(tmp_path), same, resign=signed)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda record: record.update(files=None), "files must be an object"),
        (lambda record: record["files"].update(model={}), "files.model.file is missing"),
        (lambda record: record["files"].pop("predictions"), "files must name model and predictions"),
        (lambda record: record["test"].update(auc=7), r"test.auc must be from 0 to 1"),
        (lambda record: record["val"].update(auc="x"), "val.auc must be a finite number"),
        (lambda record: record["val"].update(auc_interval=[0.9, 0.1]), "val.auc_interval must be"),
        (lambda record: record["val"].update(n=22), "val.n is 22, but there are predictions of 21"),
        (lambda record: record["val"].update(dice=0.5), "val.dice is not known"),
        (lambda record: record["history"].append({}), "history has 4 epochs, but the recipe 3"),
        (lambda record: record["history"][1].update(epoch=9), r"history\[1\].epoch must be from 2 to 2"),
        (lambda record: record["history"][1].update(loss=-1), r"history\[1\].loss must be from 0"),
        (lambda record: record["history"][2].update(val_acc=None), r"history\[2\].val_acc must be a finite number"),
        (lambda record: record["history"][0].pop("seconds"), r"history\[0\].seconds is missing"),
        (lambda record: record["recipe"].update(epochs="8"), "recipe.epochs must be a whole number"),
        (lambda record: record["recipe"].update(speed=1), "recipe.speed is not known"),
        (lambda record: record["card"].update(classes="ab"), "card.classes must be a list"),
        (lambda record: record["card"].update(task="guessing"), "unknown card.task"),
        (lambda record: record["card"].update(classes=["a", "b", "c"]), "size mismatch"),
        (lambda record: record["card"].update(mirror=[-3]), "card.mirror must be from -2 to -1"),
        (lambda record: record["options"].update(widths=[10**12]), "a number among the options"),
        (lambda record: record.update(scale=[0.0]), "scale must hold 2 values"),
        (lambda record: record.update(scale=[0.0, 0.0]), "scale must be a number above 0"),
        (lambda record: record.update(versions={"torch": 2}), "versions.torch must be text"),
        (lambda record: record.update(provenance="web"), "unknown provenance"),
        (lambda record: record.update(seconds=-1), "seconds must be from 0"),
        (lambda record: record.update(parameters=1), "parameters is 1, but the rest says"),
        (lambda record: record.update(interrupted=True), "interrupted is True, but the rest says False"),
        (lambda record: record.update(model=None), "model must be text"),
        (lambda record: record.update(format=True), "another version"),
        (lambda record: record.update(verdict="good"), "verdict is not known"),
    ],
)
def test_a_record_that_cannot_be_names_the_field_and_the_remedy(run, tmp_path, change, words):
    """Signed anew: it is not the SHA-256 alone that finds it."""
    run.save(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    change(record)
    (tmp_path / "run.json").write_text(json.dumps(signed(record)))
    with pytest.raises(InputError, match=words) as raised:
        mt.Run.load(tmp_path)
    assert str(raised.value).endswith(f"train again with --out {tmp_path}")


def forged(folder, group, change):
    """Other tensors, with an honest SHA-256 of theirs."""
    record = json.loads((folder / "run.json").read_text())
    tensors = files.read_tensors(folder, record["files"][group])
    change(tensors)
    other = files.Folder(folder / "other", "run.json", "run", 1, {})
    other.save({}, {group: tensors})
    record["files"][group] = json.loads((folder / "other" / "run.json").read_text())["files"][group]
    name = record["files"][group]["file"]
    (folder / "other" / name).rename(folder / name)
    (folder / "run.json").write_text(json.dumps(signed(record)))


@pytest.mark.parametrize(
    "group, change, words",
    [
        ("predictions", lambda t: t["predictions.test"].fill_(float("nan")), "test holds numbers that are not finite"),
        (
            "predictions",
            lambda t: t.update({"predictions.test": t["predictions.test"][:-1]}),
            "predictions.test and labels.test have the shapes",
        ),
        (
            "predictions",
            lambda t: t.update({"predictions.test": t["predictions.test"][:, :1]}),
            "predictions.test and labels.test have the shapes",
        ),
        (
            "predictions",
            lambda t: t.update({k: v[:5] for k, v in t.items()}),
            "val.n is 21, but there are predictions of 5|test.n is 19",
        ),
        ("predictions", lambda t: t["predictions.val"].mul_(2), "predictions.val must be probabilities, 0…1"),
        (
            "predictions",
            lambda t: t["predictions.val"].mul_(0.5),
            "predictions.val must be probabilities that sum to 1",
        ),
        ("predictions", lambda t: t["labels.val"].fill_(2), "labels.val must lie in 0…1"),
        (
            "predictions",
            lambda t: t.update({"labels.val": t["labels.val"].float()}),
            "torch.float32, which do not fit the task",
        ),
        ("predictions", lambda t: t.pop("labels.val"), "predictions and labels must be those of"),
        (
            "predictions",
            lambda t: t.update(predictions=torch.zeros(1)),
            "unknown tensor among the predictions 'predictions'",
        ),
        (
            "predictions",
            lambda t: t.update({"labels.train": torch.zeros(1)}),
            "unknown tensor among the predictions 'labels.train'",
        ),
        (
            "model",
            lambda t: t["classifier.bias"].fill_(float("inf")),
            "classifier.bias holds numbers that are not finite",
        ),
        ("model", lambda t: t.pop("classifier.bias"), "Missing key"),
    ],
)
def test_tensors_that_cannot_be_are_named(run, tmp_path, group, change, words):
    run.save(tmp_path)
    forged(tmp_path, group, change)
    with pytest.raises(InputError, match=words) as raised:
        mt.Run.load(tmp_path)
    assert "\n" not in str(raised.value)


def test_the_state_of_an_interrupted_run_is_checked(tiny, quick, tmp_path):
    stopped = interrupted(tiny, quick)
    stopped.save(tmp_path)
    assert mt.Run.load(tmp_path).state.keys() == stopped.state.keys()
    changes = [
        lambda t: t.pop("average.n_averaged"),
        lambda t: t.update({"optimiser.99.step": torch.zeros(())}),
        lambda t: t.update(more=torch.zeros(1)),
        lambda t: t.update({"optimiser.0.exp_avg": torch.zeros(1)}),
        lambda t: t["optimiser.0.exp_avg"].fill_(float("nan")),
    ]
    for change in changes:
        stopped.save(tmp_path / "run")
        forged(tmp_path / "run", "state", change)
        with pytest.raises(InputError, match="state|out of range"):
            mt.Run.load(tmp_path / "run")


def interrupted(tiny, quick):
    """A Run of one of three epochs, as `fit` leaves it after a Ctrl-C."""

    def stop(trainer, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(trainer, epoch)

    train_epoch = loop._Trainer.train_epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Trainer, "train_epoch", stop)
        return mt.fit(mt.build("mlp", tiny, width=4), tiny, quick, progress=False)


def test_a_number_that_could_not_be_computed_comes_back(run, tmp_path):
    """The AUC of cases of one class is NaN, which JSON does not know."""
    run.val = Metrics(math.nan, 0.9, 21, (math.nan, math.nan), (0.8, 1.0))
    run.history[0]["val_auc"] = math.nan
    run.save(tmp_path)
    assert "NaN" not in (tmp_path / "run.json").read_text()
    found = mt.Run.load(tmp_path)
    assert math.isnan(found.val.auc) and math.isnan(found.val.auc_interval[0]) and found.val.acc_interval == (0.8, 1.0)
    assert math.isnan(found.history[0]["val_auc"]) and found.history[1:] == run.history[1:]
    json.dumps(found.summary(), allow_nan=False)


def test_a_record_of_before_there_were_signatures_is_read(run, tmp_path):
    run.save(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    del record["sha256"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert same(mt.Run.load(tmp_path), run_as_read(run))


def run_as_read(run):
    return replace(run, seconds=round(run.seconds, 3), cpu_seconds=round(run.cpu_seconds, 3))


def test_a_run_that_could_not_be_read_again_is_not_written(run, tmp_path):
    run.predictions["val"] = run.predictions["val"] * float("nan")
    with pytest.raises(
        InputError, match="the run cannot be saved: predictions and labels: val holds numbers that are not finite"
    ):
        run.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_runs_of_other_tasks_come_back(tmp_path):
    """What each task measures and predicts passes the checks; of masks and of sequences other tests see to it."""
    generator = np.random.default_rng(0)

    def pairs(labels):
        return [(generator.integers(0, 255, (count, 16, 16), dtype=np.uint8), labels(count)) for count in (24, 12, 12)]

    sets = [
        mt.from_arrays(*pairs(lambda n: np.arange(n) % 3)),
        mt.from_arrays(*pairs(lambda n: generator.integers(0, 2, (n, 3))), task="multi-label"),
        mt.from_arrays(*pairs(lambda n: generator.random(n)), task="regression"),
    ]
    for dataset in sets:
        run = mt.fit(mt.build("mlp", dataset, width=4), dataset, mt.Recipe(epochs=1, batch_size=12), progress=False)
        run.save(tmp_path / dataset.card.task)
        assert same(mt.Run.load(tmp_path / dataset.card.task), run_as_read(run)), dataset.card.task
