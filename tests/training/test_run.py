"""A Run on disk: whole, checked, and never half replaced."""

import json
import signal
import subprocess
import sys

import pytest
import torch

import medtutor as mt
from medtutor import files
from medtutor.errors import InputError, MedtutorError


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


