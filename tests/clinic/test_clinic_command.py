"""`medtutor clinic read` and `report`: numbers, files, one line for what is wrong, and nobody's name."""

import json

import numpy as np
import pydicom
import pytest

from medtutor.cli import main

from .made import PLANTED, saved, series_of, slice_of


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    return saved(series_of(rng.integers(0, 999, (4, 6, 8)).astype(np.int16)), tmp_path / "series")


@pytest.fixture
def run_folder(xray, tmp_path):
    xray[0].save(tmp_path / "run")
    return str(tmp_path / "run")


@pytest.fixture
def radiograph(xray, tmp_path):
    path = tmp_path / "image.dcm"
    image = xray[1].test.images[0, 0].numpy().astype(np.uint16)
    slice_of(image, modality="CR").save_as(path, enforce_file_format=True)
    return str(path)


def test_read(folder, capsys):
    assert main(["clinic", "read", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 4 and facts["spacing"] == [1, 1, 1] and facts["kind"] == "volume"
    assert main(["clinic", "read", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "frames to head, rows to back, columns to left" in out
    assert not any(name in out for name in PLANTED)


def test_report(radiograph, run_folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["clinic", "report", radiograph, "--run", run_folder, "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["objects"] == ["SR", "OT"] and sorted(answer["files"]) == sorted(path.name for path in out.iterdir())
    for name in answer["files"]:
        if name.endswith(".dcm"):
            assert pydicom.dcmread(out / name).PatientID == "PLANTED-ID-4711"
        else:
            assert json.loads((out / name).read_text())["resourceType"] == "Bundle"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(["clinic", "report", radiograph, "--run", run_folder, "--out", str(out)]) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    said = capsys.readouterr().out
    assert "NOT FOR CLINICAL USE" in said and not any(name in said for name in PLANTED)


@pytest.mark.parametrize("arguments", [["--kind", "LABELMAP"], ["--run", "nothing"], ["--out", f"{__file__}/x"]])
def test_wrong_input_is_one_line(radiograph, run_folder, arguments, capsys):
    assert main(["clinic", "report", radiograph, "--run", run_folder, *arguments]) == 2
    line = capsys.readouterr().err
    assert line.startswith("medtutor: ") and line.count("\n") == 1


def test_another_modality_is_one_line(folder, run_folder, capsys):
    assert main(["clinic", "report", str(folder), "--run", run_folder]) == 2
    line = capsys.readouterr().err
    assert "modality MR" in line and line.count("\n") == 1
    assert not any(name in line for name in PLANTED)
