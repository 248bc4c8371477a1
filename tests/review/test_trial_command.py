"""`medtutor trial …` as a user meets it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from conftest import blobs

import medtutor as mt
from medtutor import cli
from medtutor.data import catalog
from medtutor.data.sources import medmnist
from medtutor.review import ANSWERS, claims, read_evidence
from medtutor.review import evidence as stored


@pytest.fixture
def quick(monkeypatch):
    """`load` gives tiny images under the name of real ones, and claims train for one epoch."""

    def load(name, source="auto", **_):
        card = catalog.card(name)
        data = mt.from_arrays(*[blobs(count, i, size=28) for i, count in enumerate((32, 20, 20))])
        return replace(data, card=card, provenance="phantom" if source == "phantom" else "medmnist")

    first = claims()[0]
    settings = first.settings | {"epochs": {name: 1 for name in first.settings["epochs"]}, "moves": []}
    monkeypatch.setattr("medtutor.data.loading.load", load)
    monkeypatch.setattr("medtutor.review.claim", lambda _: replace(first, settings=settings, seeds=(0, 1)))


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "cnn-beat-mlp"], "did you mean cnn-beats-mlp"),
        (["run", "--source", "web", "--out", "x"], "choose auto or phantom"),
        (["run", "--source", "phantom"], "--out FOLDER"),
        (["run", "--source", "auto"], "--out FOLDER"),
        (["run", "--seeds", "0", "1"], "--out FOLDER"),
        (["run", "--seeds", "-1", "--out", "x"], "whole numbers from 0"),
        (["run", "--seeds", "1", "1", "--out", "x"], "each once"),
        (["run", "--seeds", "one"], "invalid int value"),
        (["run", "--out", "pyproject.toml/x"], "cannot be written"),
        (["judge"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_input_exits_2_with_one_line(capsys, monkeypatch, arguments, words):
    monkeypatch.setattr(
        "medtutor.review.trials.fit", lambda *_, **__: pytest.fail("trained before the input was checked")
    )
    monkeypatch.chdir(stored.FOLDER.parents[2])
    assert run("trial", *arguments) == 2
    out, err = capsys.readouterr()
    assert (
        out == "" and words in err and "Traceback" not in err and err.startswith("medtutor: ") and err.count("\n") == 1
    )


def test_images_that_cannot_be_had_are_a_failure(empty_home, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(medmnist, "address", lambda name, size=28: ("http://127.0.0.1:9/x.npz", "0" * 32))
    assert run("trial", "run", "--out", tmp_path / "out") == 1
    assert not (tmp_path / "out").exists() and "127.0.0.1" in capsys.readouterr().err


def test_run_writes_evidence_and_shows_the_verdict(quick, tmp_path, capsys):
    assert run("trial", "run", "cnn-beats-mlp", "--out", tmp_path, "--json") == 0
    out, err = capsys.readouterr()
    (record,) = json.loads(out)["claims"]
    assert record["verdict"] in ANSWERS and len(record["readings"]) == 2
    assert "training 1 of 8: cnn on pneumoniamnist, seed 0" in err
    assert [path.name for path in tmp_path.iterdir()] == ["cnn-beats-mlp.json"]
    assert read_evidence("cnn-beats-mlp", tmp_path).as_record() == record["evidence"]
    before = (tmp_path / "cnn-beats-mlp.json").read_bytes()
    assert run("trial", "run", "cnn-beats-mlp", "--out", tmp_path) == 0
    assert "What we found" in capsys.readouterr().out
    assert (tmp_path / "cnn-beats-mlp.json").read_bytes() == before


def test_an_interrupted_trial_says_how_to_go_on(quick, tmp_path, capsys, monkeypatch):
    def fit_stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("medtutor.review.trials.fit", fit_stopped)
    assert run("trial", "run", "cnn-beats-mlp", "--out", tmp_path, "--json") == 130
    out, err = capsys.readouterr()
    assert out == "" and "the same command goes on" in err


def test_phantoms_decide_nothing(quick, tmp_path, capsys):
    assert run("trial", "run", "cnn-beats-mlp", "--out", tmp_path, "--source", "phantom", "--seeds", 0) == 0
    out = capsys.readouterr().out
    assert "PHANTOM IMAGES" in out and "not testable here" in out


def test_list_and_report(capsys):
    assert run("trial", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["claims"]
    assert [row["id"] for row in rows] == [claim.id for claim in claims()]
    assert {"id", "lesson", "verdict", "over", "asked"} <= set(rows[0])
    assert run("trial", "list") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(claims())
    assert run("trial", "report", "--json", "--untimed") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in found["claims"]] == [claim.id for claim in claims()]
    assert {"dataset", "family", "model", "labels", "auc", "interval", "parameters", "flops"} <= set(
        found["families"][0]
    )
    assert run("trial", "report", "--untimed") == 0
    out = capsys.readouterr().out
    assert out.count("\n## ") == len(claims()) + 1 and out.count("\n## All families side by side") == 1


@pytest.mark.parametrize("content", ['{"verdict": "supported"}', "{", "[" * 100_000, None])
def test_damaged_evidence_makes_its_claim_not_testable_and_the_rest_goes_on(tmp_path, capsys, monkeypatch, content):
    """None: what lies there is a folder."""
    for path in stored.FOLDER.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = tmp_path / "cnn-beats-mlp.json"
    damaged.unlink()
    damaged.mkdir() if content is None else damaged.write_text(content)
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    for arguments in (["list", "--json"], ["report", "--untimed", "--json"]):
        assert run("trial", *arguments) == 0
        rows = json.loads(capsys.readouterr().out)["claims"]
        broken = [row for row in rows if row["verdict"] == "not testable here" and "cannot be" in row["reason"]]
        assert len(rows) == len(claims()) and [row["id"] for row in broken] == ["cnn-beats-mlp"]
        assert (
            "cnn-beats-mlp.json cannot be" in broken[0]["reason"]
            and "medtutor trial run cnn-beats-mlp" in broken[0]["reason"]
        )
    assert run("trial", "list") == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(claims())
    assert (
        "cnn-beats-mlp is not testable here: the evidence in cnn-beats-mlp.json cannot be" in err
        and err.count("\n") == 1
    )


def test_a_missing_file_of_evidence_is_no_remark(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    assert run("trial", "list") == 0
    assert capsys.readouterr().err == ""


def test_two_trials_in_one_folder(quick, tmp_path, monkeypatch):
    """The second begins, and is interrupted, while the first is at work: its trainings are there when it goes on."""
    from medtutor.review import trials

    fit, fitted = trials.fit, []

    def fit_and_let_another_work(*arguments, **options):
        fitted.append(arguments)
        if len(fitted) == 2:
            other = subprocess.run([sys.executable, "-c", ANOTHER, str(tmp_path)], capture_output=True, text=True)
            assert other.returncode == 0, other.stderr
        return fit(*arguments, **options)

    monkeypatch.setattr(trials, "fit", fit_and_let_another_work)
    assert run("trial", "run", "cnn-beats-mlp", "--out", tmp_path) == 0
    assert [path.name for path in (tmp_path / ".trainings").glob("*.json")] == ["f" * 64 + ".json"]
    assert read_evidence("cnn-beats-mlp", tmp_path)


ANOTHER = """
import sys
from medtutor.review import kept
kept.keep(sys.argv[1], "f" * 64, kept.Training("d", "cnn", {}, 7, {"epochs": 1}, {"0": 0.9}, "cpu", 1, {}, 1.5))
"""
