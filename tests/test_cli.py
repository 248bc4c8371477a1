"""The command line as a user meets it: exit codes, one-line errors, one JSON object."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib.metadata import version

import pytest
from conftest import blobs
from jupyter_server.services.config.manager import ConfigManager

import medtutor as mt
from medtutor import cli
from medtutor.data import catalog, loading
from medtutor.data.phantoms import cine
from medtutor.data.phantoms import hippocampus as hippocampus_phantom
from medtutor.data.sources import decathlon, medmnist
from medtutor.errors import InputError


@pytest.fixture
def offline(empty_home, monkeypatch):
    """No file on disk and a network that refuses at once."""
    monkeypatch.setattr(medmnist, "address", lambda name, size=28: ("http://127.0.0.1:9/x.npz", "0" * 32))


@pytest.fixture
def small(offline, monkeypatch):
    """`load` gives a small set of two squares under the name of a real one."""
    card = catalog.card("breastmnist")

    def load(name, size=28, **_):
        catalog.card(name, size)
        data = mt.from_arrays(*[blobs(count, i, size=28) for i, count in enumerate((40, 20, 20))])
        return replace(data, card=card, provenance="medmnist")

    monkeypatch.setattr("medtutor.data.load", load)


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def error_line(capsys):
    out, err = capsys.readouterr()
    assert "Traceback" not in err and out == ""
    line = err.strip().splitlines()[-1]
    assert line.startswith("medtutor: ")
    return line


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train", "pneumonamnist"], "did you mean pneumoniamnist"),
        (["train", "pneumoniamnist", "--size", "32"], "choose one of 28, 64, 128, 224"),
        (["train", "vesselmnist3d", "--size", "128"], "choose one of 28, 64"),
        (["train", "pneumoniamnist", "--source", "web"], "choose one of auto, medmnist, decathlon, phantom"),
        (["train", "breastmnist", "--source", "phantom", "--model", "lenett"], "did you mean lenet"),
        (["train", "breastmnist", "--source", "phantom", "--epochs", "0"], "epochs must be above 0"),
        (["train", "breastmnist", "--source", "phantom", "--epochs", "many"], "invalid int value: 'many'"),
        (["train", "breastmnist", "--source", "phantom", "--device", "tpu"], "choose auto or cpu"),
        (["train", "breastmnist", "--resume"], "--resume needs --out"),
        (["train", "pathmnist", "--source", "phantom"], "no phantom of pathmnist"),
        (["train"], "required: dataset"),
        (["evaluate", "nowhere"], "no run.json"),
        (["evaluate", ""], "'' is no path"),
        (["evaluate", "x" * 4000], "is no path: it is too long"),
        (["train", "breastmnist", "--source", "phantom", "--out", ""], "'' is no path"),
        (["train", "breastmnist", "--resume", "--out", ""], "'' is no path"),
        (["train", "breastmnist", "--out", "x" * 4000], "is no path: it is too long"),
        (["data", "list", "--root", "x" * 4000], "is no path: it is too long"),
        (["data", "fetch", "breastmnist", "--root", ""], "'' is no path"),
        (["data", "fetch", "brestmnist"], "did you mean breastmnist"),
        (["bench", "speed"], "choose from data, gemm, reference"),
        (["bench", "data", "growth"], "run: medtutor bench growth"),
        (["bench", "data", "--out", "there"], "--out is for: medtutor bench growth"),
        (["bench", "growth", "--out", "/dev/null/there"], "cannot be written"),
        (["bench", "against"], "against which revision"),
        (["bench", "against", "HEAD", "imports"], "did you mean import"),
        (["notebooks", "build", "99"], "unknown lesson '99'"),
        (["trane"], "invalid choice"),
    ],
)
def test_wrong_input_exits_2_with_one_line(offline, capsys, arguments, words):
    assert run(*arguments) == 2
    assert words in error_line(capsys)


def test_a_set_that_cannot_be_had_exits_1(offline, capsys):
    assert run("train", "pneumoniamnist", "--source", "medmnist") == 1
    assert "127.0.0.1" in error_line(capsys)
    assert run("data", "fetch", "pneumoniamnist") == 1


def test_out_that_cannot_be_written_is_found_before_training(offline, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("medtutor.training.fit", lambda *_, **__: pytest.fail("trained before --out was checked"))
    assert run("train", "breastmnist", "--source", "phantom", "--out", tmp_path / "file" / "run") == 2
    assert "cannot be written" in error_line(capsys)


def test_out_with_files_of_somebody_else_is_found_before_training(offline, tmp_path, capsys, monkeypatch):
    (tmp_path / "weights.safetensors").write_text("mine")
    monkeypatch.setattr("medtutor.training.fit", lambda *_, **__: pytest.fail("trained before --out was checked"))
    assert run("train", "breastmnist", "--source", "phantom", "--out", tmp_path) == 2
    assert "no run's, such as weights.safetensors; choose a new or empty folder" in error_line(capsys)
    assert (tmp_path / "weights.safetensors").read_text() == "mine"


def test_train_json_is_one_object_with_the_promised_keys(small, capsys, tmp_path):
    assert run("train", "breastmnist", "--epochs", 2, "--json", "--out", tmp_path / "run") == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    promised = "dataset model task parameters epochs seed seconds provenance device processes val test"
    assert set(promised.split()) <= set(answer)
    assert answer["dataset"] == "breastmnist" and answer["epochs"] == 2 and answer["provenance"] == "medmnist"
    assert {"auc", "acc"} <= set(answer["val"]) and {"auc", "acc"} <= set(answer["test"])
    assert "val AUC" in err  # the bar
    assert run("evaluate", tmp_path / "run", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["test"] == answer["test"] and again["comparison"][1]["model"] == "ResNet-18"
    assert [row["class"] for row in again["classes"]] == ["malignant", "normal, benign"]
    assert {"n", "called", "recall", "precision", "f1", "auc"} < set(again["classes"][0])
    assert sum(row["n"] for row in again["classes"]) == answer["test"]["n"]


def test_train_and_evaluate_explain_to_a_terminal(small, capsys, tmp_path):
    assert run("train", "breastmnist", "--epochs", 1, "--out", tmp_path / "run") == 0
    trained = capsys.readouterr().out
    assert "ResNet-18" in trained and "0.901" in trained and "95 % interval" in trained
    assert "without a near-duplicate in train" in trained  # the squares look alike
    assert "recall  precision" in trained and "mean (macro)" in trained
    assert run("evaluate", tmp_path / "run") == 0
    # The images are not at hand: the result stands once.
    lines = [[line.split() for line in text.splitlines()] for text in (capsys.readouterr().out, trained)]
    assert all(line in lines[1] for line in lines[0]) and "near-duplicate" not in str(lines[0])


def test_phantoms_say_so_and_stand_alone(offline, capsys):
    """`auto` without files and network: drawn images, named as such, beside nothing published."""
    assert run("train", "breastmnist", "--model", "lenet", "--epochs", 1) == 0
    out, err = capsys.readouterr()
    assert "PHANTOM" in err and out.startswith("PHANTOM") and "ResNet" not in out


def test_a_segmentation_stands_beside_the_atlas(offline, capsys, tmp_path, monkeypatch):
    """`medtutor train hippocampus`, offline: U-Net on the phantom, Dice and HD95, and what needs no network."""
    few = partial(hippocampus_phantom.draw, {"train": 6, "val": 2, "test": 2})
    monkeypatch.setattr(hippocampus_phantom, "draw", few)
    assert run("train", "hippocampus", "--source", "phantom", "--epochs", 1, "--json", "--out", tmp_path / "run") == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer["model"] == "unet" and answer["task"] == "segmentation" and "val Dice" in err
    assert {"dice", "hd95"} <= set(answer["val"]) and {"dice", "hd95", "surface_dice"} <= set(answer["test"])
    assert run("evaluate", tmp_path / "run") == 0
    told = capsys.readouterr().out
    assert told.startswith("PHANTOM") and "atlas with intensity" in told and "anterior" in told and "posterior" in told
    with pytest.raises(InputError, match="cnn answers with classes.*choose one of unet"):
        cli.runs.train_command(
            cli._parser().parse_args(["train", "hippocampus", "--source", "phantom", "--model", "cnn"])
        )


def test_a_regression_is_trained_and_evaluated(offline, capsys, tmp_path, monkeypatch):
    """`medtutor train cine_ejection`: numbers beside the mean, in the terminal and as JSON."""
    few = partial(cine.draw, counts={"train": 16, "val": 8, "test": 8})
    monkeypatch.setattr(cine, "draw", few)
    assert run("train", "cine_ejection", "--epochs", 1, "--out", tmp_path / "run") == 0
    trained = capsys.readouterr().out
    assert trained.startswith("PHANTOM") and "R²" in trained and "always 0." in trained and "AUC" not in trained
    assert run("evaluate", tmp_path / "run") == 0
    assert capsys.readouterr().out.strip() in trained
    assert run("evaluate", tmp_path / "run", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [set(row) >= {"model", "mae", "r2"} for row in answer["comparison"]] == [True, True]
    assert answer["comparison"][0]["mae"] == answer["test"]["mae"]
    assert run("explain", tmp_path / "run", "--index", 0, "--out", tmp_path / "why.png") == 2
    assert "holds sequences" in error_line(capsys)
    assert run("train", "cine_ejection", "--model", "cnn") == 2
    assert "cnn takes images, but cine_ejection holds sequences; choose one of lstm" in error_line(capsys)


def test_own_masks_are_evaluated_without_an_atlas(capsys, tmp_path):
    splits = [(images, (images > 200).astype("uint8")) for images, _ in (blobs(8, seed, size=8) for seed in range(3))]
    data = mt.from_arrays(*splits, task="segmentation")
    mt.fit(mt.build("unet", data, widths=(4, 8)), data, mt.Recipe(epochs=1, label_smoothing=0.0), progress=False).save(
        tmp_path / "run"
    )
    assert run("evaluate", tmp_path / "run") == 0
    told = capsys.readouterr().out
    assert "unet, this run" in told and "atlas" not in told
    assert run("evaluate", tmp_path / "run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["comparison"] == {}


def test_a_number_that_is_none_is_null_in_json(capsys):
    """JSON knows no NaN: an AUC that does not exist ended the command after all its work."""
    cli.common.print_json({"auc": float("nan"), "intervals": [(0.1, float("inf"))], "n": 3})
    assert json.loads(capsys.readouterr().out) == {"auc": None, "intervals": [[0.1, None]], "n": 3}


def test_data_list(offline, capsys):
    assert run("data", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["datasets"]
    assert [row["name"] for row in rows] == list(catalog.names()) and rows[0]["name"] == "pathmnist"
    assert rows[0]["on_disk"] == {}
    assert run("data", "list") == 0
    assert "vesselmnist3d" in capsys.readouterr().out


def test_doctor(offline, capsys):
    assert run("doctor", "--json") == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    missing = {finding["subject"]: finding for finding in findings}["data"]
    assert not missing["ok"] and "medtutor data fetch" in missing["remedy"]
    assert run("doctor") == 0


@pytest.mark.parametrize("free, ok", [(1.3e9, True), (1.1e9, False)])
def test_doctor_asks_for_the_memory_that_lessons_are_held_to(monkeypatch, free, ok):
    from medtutor import doctor
    from medtutor.data.sources import decoded

    monkeypatch.setattr(decoded, "available_memory", lambda: free)
    found = doctor._memory()
    assert found.ok == ok and found.text == f"{free / 1e9:.1f} GB free" and ("up to 1.2 GB" in found.remedy) != ok


@pytest.mark.parametrize(
    "seconds, ok, words",
    [({1: 0.02, 2: 0.01}, True, "2 threads 2.0 times"), ({1: 0.01, 2: 0.05}, False, "2 threads 0.2 times")],
)
def test_doctor_measures_what_threads_are_worth(monkeypatch, seconds, ok, words):
    """On a busy machine two threads may be slower than one: it says so, and what training does about it."""
    from medtutor import doctor
    from medtutor.training import processes

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processes, "cpu_quota", lambda: 2)
    monkeypatch.setattr(processes, "measure_threads", lambda most: seconds)
    found = doctor._threads()
    assert (
        found.ok == ok
        and words in found.text
        and f"training takes {2 if ok else 1}" in found.text
        and (ok or found.remedy)
    )


def test_doctor_counts_what_is_medmnist(offline, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "hippocampus" / folder).mkdir(parents=True)
    monkeypatch.setattr(decathlon, "find", lambda folders: tmp_path / "hippocampus")

    def data():
        assert run("doctor", "--json") == 0
        return {each["subject"]: each for each in json.loads(capsys.readouterr().out)["findings"]}["data"]

    assert not data()["ok"] and "no MedMNIST set on disk; hippocampus is on disk" in data()["text"]
    (tmp_path / "breastmnist.npz").touch()
    assert (
        data()["ok"]
        and "1 of 18 MedMNIST sets on disk at 28 px (breastmnist); hippocampus is on disk" in data()["text"]
    )


def test_an_unexpected_error_is_one_line_and_debug_shows_more(offline, monkeypatch, capsys):
    monkeypatch.setattr(loading, "find", lambda *_: 1 / 0)
    assert run("data", "list") == 1
    assert "unexpected ZeroDivisionError" in error_line(capsys)
    with pytest.raises(ZeroDivisionError):
        run("data", "list", "--debug")


def test_ctrl_c_keeps_what_was_reached_and_resume_ends_as_without(tmp_path, empty_home):
    """A real process, a real SIGINT, and the same numbers as a run that was never stopped."""
    environment = os.environ | {"HOME": str(empty_home), "OMP_NUM_THREADS": "1"}
    start = [sys.executable, "-m", "medtutor", "train", "breastmnist", "--source", "phantom", "--epochs", "40"]
    start += ["--model", "lenet", "--json", "--out"]
    folder = tmp_path / "run"
    with subprocess.Popen(
        [*start, str(folder)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        seen = b""
        while b"val AUC" not in seen:  # the first epoch is done
            seen += os.read(process.stderr.fileno(), 4096)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    stopped = json.loads(out)
    assert stopped["interrupted"] and 0 < stopped["epochs"] < 40 and stopped["test"] is None
    assert b"--resume" in err
    resumed = subprocess.run([*start, str(folder), "--resume"], capture_output=True, env=environment, check=True)
    whole = subprocess.run([*start, str(tmp_path / "whole")], capture_output=True, env=environment, check=True)
    resumed, whole = json.loads(resumed.stdout), json.loads(whole.stdout)
    assert resumed["test"] == whole["test"] and resumed["val"] == whole["val"] and not resumed["interrupted"]


def test_import_costs_little():
    """`import medtutor`, and `load` where the images are on disk, over `import torch` alone, in processor time."""

    def seconds(code):
        times = []
        for _ in range(2):
            begin = os.times()
            subprocess.run([sys.executable, "-c", code], check=True)
            end = os.times()
            times.append(sum(end[2:4]) - sum(begin[2:4]))  # user and system time of children
        return min(times)

    torch = seconds("import torch")
    assert seconds("import torch, medtutor") < torch + 0.5
    assert seconds("import torch, medtutor; medtutor.load") < torch + 1.5


@pytest.mark.parametrize(
    "names, heavy",
    [
        ("load from_arrays", "scipy accelerate"),
        ("build fit", "captum sklearn scipy.stats matplotlib PIL pandas IPython"),
        ("explain", "scipy.stats sklearn.linear_model ipywidgets"),
        ("explore", "sklearn scipy.stats"),
    ],
)
def test_libraries_are_loaded_when_first_used(names, heavy):
    """What a name of `medtutor` does not need at once is not loaded with it."""
    never = "monai skimage nibabel pydicom torchmetrics torchvision"
    uses = "; ".join(f"medtutor.{name}" for name in names.split())
    code = f"import sys, torch; had = set(sys.modules); import medtutor; {uses}; print(*set(sys.modules) - had)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert sorted({*heavy.split(), *never.split()} & set(loaded)) == []


def test_lab_starts_on_the_lessons_and_saves_widgets(monkeypatch):
    seen = {}

    def start(command, env):
        seen.update(command=command, env=env)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", start)
    assert cli.main(["lab", "--", "--no-browser"]) == 0
    root = next(part for part in seen["command"] if part.startswith("--ServerApp.root_dir="))
    assert root.endswith("notebooks") and "--no-browser" in seen["command"]
    # As JupyterLab finds it.
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", seen["env"]["JUPYTER_CONFIG_PATH"])
    manager = ConfigManager(config_dir_name="labconfig")
    found = manager.get("default_setting_overrides")
    assert found["@jupyter-widgets/jupyterlab-manager:plugin"] == {"saveState": True}


def test_the_version_is_that_of_the_installed_package(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"medtutor {mt.__version__}\n" == f"medtutor {version('medtutor')}\n"
