"""`medtutor explain` as a user meets it."""

import json
import re
from functools import partial

import pytest
from squares import run as squares_run  # noqa: F401 (fixture)

import medtutor as mt
from medtutor import cli
from medtutor.data import card, phantoms
from medtutor.data.phantoms import hippocampus as hippocampus_phantom


def command(*arguments):
    return cli.main(["explain", *[str(argument) for argument in arguments]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved run on few phantoms."""
    few = phantoms.draw(card("breastmnist"), {"train": 60, "val": 20, "test": 20})
    run = mt.fit(mt.build("lenet", few), few, mt.Recipe(epochs=1, seed=0), progress=False)
    path = tmp_path_factory.mktemp("runs") / "run"
    run.save(path)
    return path


def test_picture_and_numbers(folder, tmp_path, capsys):
    out = tmp_path / "new" / "map.png"
    assert command(folder, "--index", 1, "--method", "occlusion", "--target", 1, "--out", out, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert out.read_bytes().startswith(b"\x89PNG") and answer["file"] == str(out)
    assert answer["method"] == "occlusion" and answer["target"] == card("breastmnist").classes[1]
    assert answer["provenance"] == "phantom" and answer["split"] == "val" and answer["index"] == 1
    assert 0 <= answer["probability"] <= 1 and {"deletion", "insertion", "completeness_error"} <= set(answer["scores"])
    assert answer["options"]["window"] == 4


def test_a_phantom_says_so(folder, tmp_path, capsys):
    assert command(folder, "--index", 0, "--split", "test", "--out", tmp_path / "map.png") == 0
    printed = capsys.readouterr().out
    assert "PHANTOM" in printed and "Integrated gradients" in printed and "deletion" in printed


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--index", "999999"], "out of range; the val split has images 0…"),
        (["--index", "-1"], "out of range"),
        (["--index", "one"], "invalid int value"),
        (["--index", "0", "--method", "gradcam"], "did you mean grad_cam"),
        (["--index", "0", "--method", "attention_rollout"], "needs a transformer"),
        (["--index", "0", "--split", "tets"], "did you mean test"),
        (["--index", "0", "--target", "cyst"], "unknown target 'cyst'"),
        (["--index", "0", "--target", "7"], "out of range"),
        (["--index", "0", "--method", "grad_cam", "--layer", "feature"], "did you mean features"),
        (["--index", "0", "--out", "map.jpg"], "ends in .png"),
        ([], "required: --index"),
    ],
)
def test_wrong_input_exits_2_with_one_line(folder, tmp_path, capsys, arguments, words):
    if "--out" not in arguments:
        arguments = [*arguments, "--out", tmp_path / "map.png"]
    assert command(folder, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and words in err and not (tmp_path / "map.png").exists()


def test_out_that_cannot_be_written_is_found_before_the_work(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("medtutor.explanation.explain", lambda *_, **__: pytest.fail("worked before --out was checked"))
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for out in (tmp_path / "file" / "map.png", tmp_path / "folder.png"):
        assert command(folder, "--index", 0, "--out", out) == 2
        assert "cannot be written" in capsys.readouterr().err


def test_images_that_have_no_name(squares_run, tmp_path, capsys):
    squares_run.save(tmp_path / "run")
    assert command(tmp_path / "run", "--index", 0, "--out", tmp_path / "map.png") == 2
    assert "give its data set, in Python" in capsys.readouterr().err
    assert command(tmp_path / "nowhere", "--index", 0, "--out", tmp_path / "map.png") == 2
    assert "no run.json" in capsys.readouterr().err


def test_a_volume(tmp_path, capsys):
    few = phantoms.draw(card("adrenalmnist3d"), {"train": 12, "val": 6, "test": 6})
    run = mt.fit(mt.build("mlp", few), few, mt.Recipe(epochs=1, seed=0), progress=False)
    run.save(tmp_path / "run")
    assert command(tmp_path / "run", "--index", 0, "--method", "saliency", "--out", tmp_path / "map.png", "--json") == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == "adrenalmnist3d"


def test_a_segmentation(tmp_path, capsys, monkeypatch):
    few = partial(hippocampus_phantom.draw, {"train": 6, "val": 2, "test": 2})
    monkeypatch.setattr(hippocampus_phantom, "draw", few)
    data = mt.load("hippocampus", source="phantom")
    run = mt.fit(mt.build("unet", data, widths=(4, 8)), data, mt.Recipe(epochs=1, seed=0), progress=False)
    run.save(tmp_path / "run")
    given = (tmp_path / "run", "--index", 1, "--method", "grad_cam", "--out", tmp_path / "map.png")
    assert command(*given, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["target"] in data.card.classes and re.match(r"\d+ pixels in rows \d+…", answer["region"])
    assert command(*given, "--target", answer["target"]) == 0
    assert f"Grad-CAM for '{answer['target']}' over {answer['region']} (mean probability" in capsys.readouterr().out
