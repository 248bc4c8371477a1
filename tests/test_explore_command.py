"""What `medtutor explore` refuses, and with what it starts Voila."""

import json
import os
from types import SimpleNamespace

import pytest

import medtutor as mt
from medtutor.cli import explore, main
from medtutor.models.gan import Generator
from medtutor.training.gan_run import GANRun


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    phantoms = mt.load("breastmnist", source="phantom")
    mt.fit(mt.build("mlp", phantoms, width=8), phantoms, mt.Recipe(epochs=1), progress=False).save(folder)
    return folder


@pytest.fixture
def started(monkeypatch):
    calls = []

    def run(command, env):
        calls.append((command, env, open(command[3]).read()))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(explore.subprocess, "run", run)
    return calls


def test_a_run_beside_the_user_is_found_from_the_kernel_s_folder(saved, started, monkeypatch):
    monkeypatch.chdir(saved.parent)
    assert main(["explore", saved.name, "--root", ".", "--no-browser"]) == 0
    ((_, _, notebook),) = started
    assert f"'{saved}', '{saved.parent}'" in notebook


def test_it_serves_a_notebook_of_one_cell_on_this_machine_alone(saved, started):
    assert main(["explore", str(saved), "--port", "9000", "--no-browser"]) == 0
    ((command, environment, notebook),) = started
    assert "--Voila.ip=127.0.0.1" in command and "--port=9000" in command and "--no-browser" in command
    assert str(saved) in notebook and "explorers.lecture" in notebook and "None)" in notebook
    assert str(explore.SETTINGS) in environment["JUPYTER_PATH"].split(os.pathsep)
    assert (explore.SETTINGS / "voila/templates/medtutor/index.html.j2").is_file()
    assert not os.path.exists(command[3])


def test_one_of_the_explorers_and_a_generator(saved, started, tmp_path):
    assert main(["explore", str(saved), "--only", "confidence", "--no-browser"]) == 0
    GANRun(Generator(latents=4, shape=(16, 16), widths=(8, 4)).eval()).save(tmp_path / "gan")
    assert main(["explore", str(tmp_path / "gan"), "--no-browser"]) == 0
    of_run, of_generator = (json.loads(notebook) for *_, notebook in started)
    assert "'confidence')" in "".join(of_run["cells"][0]["source"]) and of_run["metadata"]["title"] == "BreastMNIST"
    assert of_generator["metadata"]["title"] == "Generator"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none"], "none"),
        (["{saved}", "--port", "0"], "--port must be 1 to 65535"),
        (["{saved}", "--only", "attention"], "attention does not fit this run: mlp has no attention"),
        (["{saved}", "--only", "why"], "Known: attribution, classification, confidence, monitor, reading"),
    ],
)
def test_what_it_refuses_before_a_server_starts(saved, started, capsys, arguments, words):
    assert main(["explore", *(each.format(saved=saved) for each in arguments)]) == 2
    assert words in capsys.readouterr().err and not started
