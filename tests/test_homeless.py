"""A user whom the system does not know, without HOME, as in containers; and paths that begin with `~`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import medtutor as mt
from medtutor import cli
from medtutor.data import catalog, loading
from medtutor.data.sources import medmnist
from medtutor.data.sources.nifti import read_pair
from medtutor.errors import FetchError, InputError
from medtutor.figures import Picture
from medtutor.models.gan import Discriminator, Generator
from medtutor.review import read_evidence
from medtutor.training.gan import GANRun, fit_gan


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """Neither HOME nor an entry in the list of users; no network; a folder of its own to work in."""
    pwd = pytest.importorskip("pwd")
    for name in ("HOME", "MEDTUTOR_DATA", "MEDTUTOR_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_):
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(medmnist, "address", lambda name, size=28: ("http://127.0.0.1:9/x.npz", "0" * 32))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError):
        Path.home()
    yield
    assert not Path("~").exists(), "a folder named ~"


def test_without_a_home_data_are_phantoms_or_a_sentence(homeless):
    assert loading.folders() == [] and loading.find("breastmnist") is None
    with pytest.warns(mt.data.PhantomWarning, match="no home folder.*set MEDTUTOR_DATA"):
        assert mt.load("breastmnist", progress=False).is_phantom
    for name in ("breastmnist", "hippocampus"):
        with pytest.raises(FetchError, match="no home folder.*set MEDTUTOR_DATA"):
            mt.load(name, source=catalog.publisher(name), progress=False)


def test_without_a_home_what_is_asked_for_by_a_path_is_found(homeless, tmp_path, monkeypatch):
    assert loading.folders(tmp_path) == [tmp_path]
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    assert loading.folders() == [tmp_path]


def test_without_a_home_the_commands_work(homeless, capsys, monkeypatch):
    assert cli.main(["data", "list", "--json"]) == 0
    assert cli.main(["doctor", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "set MEDTUTOR_DATA" in out and "Traceback" not in err
    monkeypatch.setenv("MEDTUTOR_DATA", "~/data")
    assert cli.main(["doctor"]) == 0
    assert "~/data cannot be found: there is no home folder here" in capsys.readouterr().out


def test_without_a_home_a_guess_holds_until_the_kernel_stops(homeless, monkeypatch):
    from medtutor.course import Prediction

    prediction = Prediction("01/auc", "Which AUC?", low=0.5, high=1.0)
    prediction.button.click()
    assert "no home folder to keep it in: set MEDTUTOR_HOME" in prediction.message.value and prediction.guess == 0.75
    monkeypatch.setenv("MEDTUTOR_HOME", "~/kept")
    assert Prediction("01/auc", "Which AUC?", low=0.5, high=1.0).guess is None
    prediction.button.click()
    assert "~/kept cannot be found" in prediction.message.value


def test_without_a_home_the_gallery_opens(homeless):
    from medtutor.explorers.gallery import gallery

    assert gallery().dataset.is_phantom


SMALL = dict(shape=(8, 8), widths=(2, 2, 2))
NETWORKS = Generator(**SMALL), Discriminator(**SMALL)
# What takes a path, called with one.
TAKES = {
    "load": lambda path: mt.load("breastmnist", root=path),
    "data list": lambda path: cli.data.data_list(cli._parser().parse_args(["data", "list", "--root", path])),
    "data fetch": lambda path: cli.data.data_fetch(
        cli._parser().parse_args(["data", "fetch", "breastmnist", "--root", path])
    ),
    "data clean": lambda path: cli.data.data_clean(
        cli._parser().parse_args(["data", "clean", "breastmnist", "--root", path])
    ),
    "train": lambda path: cli.runs.train_command(
        cli._parser().parse_args(["train", "breastmnist", "--source", "phantom", "--out", path])
    ),
    "resume": lambda path: cli.runs.train_command(
        cli._parser().parse_args(["train", "breastmnist", "--resume", "--out", path])
    ),
    "evaluate": lambda path: cli.runs.evaluate_command(cli._parser().parse_args(["evaluate", path])),
    "explain": lambda path: cli.runs._checked_png(f"{path}/x.png"),
    "trial run": lambda path: cli.trials.trial_run(
        cli._parser().parse_args(["trial", "run", "cnn-beats-mlp", "--out", path])
    ),
    "Run.load": mt.Run.load,
    "GANRun.load": GANRun.load,
    "fit_gan": lambda path: fit_gan(*NETWORKS, torch.zeros(8, 1, 8, 8), steps=1, batch_size=2, frames=2, folder=path),
    "read_evidence": lambda path: read_evidence("cnn-beats-mlp", path),
    "Picture.save": lambda path: Picture(b"png", "a picture").save(path),
    "read_pair": lambda path: read_pair(path, path),
}


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES)
@pytest.mark.parametrize("path, words", [("~/x", "no home folder"), ("x" * 4000, "is no path")])
def test_every_path_goes_one_way(homeless, take, path, words):
    """`~` is no folder's name, and what can be no path is a sentence, before any work."""
    with pytest.raises(InputError, match=words):
        take(path)


def test_a_run_is_saved_to_the_home_folder(monkeypatch, tmp_path, tiny):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run = mt.fit(mt.build("mlp", tiny, width=4), tiny, mt.Recipe(epochs=1, batch_size=16), progress=False)
    run.save("~/run")
    assert (tmp_path / "home" / "run" / "run.json").exists() and not Path("~").exists()
    assert mt.Run.load("~/run").card == run.card


def test_a_home_that_nobody_may_look_into(homeless, monkeypatch):
    """Python's own `is_file` raises there, in some of its versions."""
    monkeypatch.setenv("HOME", "/closed")
    stat = os.stat

    def refuse(path, *more, **options):
        if str(path).startswith("/closed"):
            raise PermissionError(13, "Permission denied")
        return stat(path, *more, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert loading.find("breastmnist") is None and loading.find("hippocampus") is None


# As root: really another user. What is imported late is imported before, since that user may not read this Python.
UNKNOWN = """
import os, socket, sys, warnings
import medtutor as mt
from medtutor import cli
from medtutor.course import Prediction
from medtutor.data.sources import medmnist

def no_network(*_, **__):
    raise OSError("no network")

socket.create_connection = no_network
medmnist.address = lambda name, size=28: ("http://127.0.0.1:9/x.npz", "0" * 32)
warnings.simplefilter("ignore")

def use():
    phantom = mt.load("breastmnist", progress=False).is_phantom
    prediction = Prediction("a", "?", low=0, high=1)
    prediction.button.click()
    assert cli.main(["data", "list"]) == 0 and cli.main(["doctor"]) == 0
    return phantom, prediction.message.value

use()
os.setgid(54321), os.setuid(54321)
del os.environ["HOME"]
print("unknown:", *use())
os.environ["HOME"] = "/"  # there, but not to be written
print("read-only:", *use())
os.environ["HOME"] = sys.argv[1]  # of another user, who lets nobody in
print("closed:", *use())
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser can become another user"
)
def test_a_user_whom_the_system_does_not_know(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MEDTUTOR")}
    environment |= {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", UNKNOWN, str(tmp_path)], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if ": True" in line]
    assert "no home folder" in lines[0] and all("set MEDTUTOR_HOME" in line for line in lines) and len(lines) == 3
    assert not (tmp_path / "~").exists()
