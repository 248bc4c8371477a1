"""`medtutor clinic watch` and `orthanc` as a user meets them: with a real run, and a clean stop."""

import json
import signal
import subprocess
import sys

import pytest

from medtutor import cli
from medtutor.clinic.pacs import PacsAway, connect

from .made import picture, slice_of


@pytest.fixture
def saved_run(xray, tmp_path):
    xray[0].save(tmp_path / "run")
    return tmp_path / "run"


def fill(inbox, dataset, count):
    """So many X-rays of a split, and one file that is none."""
    inbox.mkdir()
    for number in range(count):
        pixels = dataset.test.images[number, 0].numpy().astype("uint16").repeat(4, 0).repeat(4, 1)
        made = slice_of(pixels, number + 1, modality="CR")
        made.BitsStored, made.HighBit = 8, 7
        made.save_as(inbox / f"Plantedname {number}", enforce_file_format=True)
    (inbox / "broken").write_bytes(b"no DICOM")


def test_a_run_is_watched_with_from_folder_to_pacs(xray, saved_run, tmp_path, archive, capsys):
    fill(tmp_path / "inbox", xray[1], 3)
    command = ["clinic", "watch", str(tmp_path / "inbox"), "--run", str(saved_run), "--once", "--settle", "0"]
    assert cli.main([*command, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.count("would be processed") == 3 and not (tmp_path / "inbox-results").exists()
    assert cli.main([*command, "--send", archive.dicom, "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["done"], answer["refused"], answer["sent"], answer["unsent"]) == (3, 1, 6, 0)
    assert "Plantedname" not in out + err and err.count(" processed: ") == 3
    reports = sorted((tmp_path / "inbox-results" / "results").glob("*/report.json"))
    assert len(reports) == 3 and json.loads(reports[0].read_text())["resourceType"] == "Bundle"
    [one, *_] = connect(archive.web).find("series", Modality="SR", StudyInstanceUID="1.2.276.0.7230010.3.1.9.7")
    assert one.Modality == "SR"


def test_another_run_needs_another_folder(xray, saved_run, tmp_path, capsys):
    import medtutor as mt

    fill(tmp_path / "inbox", xray[1], 1)
    mt.fit(mt.build("mlp", xray[1], seed=1), xray[1], mt.Recipe(epochs=1), progress=False).save(tmp_path / "other")
    command = ["clinic", "watch", str(tmp_path / "inbox"), "--once", "--settle", "0", "--run"]
    assert cli.main([*command, str(saved_run)]) == 0
    assert cli.main([*command, str(tmp_path / "other")]) == 2
    assert "another model's results" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more, words",
    [
        (["nowhere", "--run", "RUN"], "is no folder"),
        (["dicom://x", "--run", "RUN"], "no address of a PACS"),
        (["INBOX"], "required: --run"),
        (["INBOX", "--run", "nowhere"], "no run.json"),
        (["INBOX", "--run", "RUN", "--out", "INBOX/out"], "choose one beside it"),
        (["INBOX", "--run", "RUN", "--every", "0"], "every"),
    ],
)
def test_wrong_input_exits_2_with_one_line(xray, saved_run, tmp_path, capsys, more, words):
    (tmp_path / "inbox").mkdir()
    places = {"INBOX": str(tmp_path / "inbox"), "RUN": str(saved_run), "INBOX/out": str(tmp_path / "inbox" / "out")}
    assert cli.main(["clinic", "watch", *(places.get(each, each) for each in more)]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("medtutor: ") and words in line


def test_it_stops_cleanly_when_it_is_told_to(xray, saved_run, tmp_path):
    fill(tmp_path / "inbox", xray[1], 3)
    command = [
        sys.executable,
        "-m",
        "medtutor",
        "clinic",
        "watch",
        tmp_path / "inbox",
        "--run",
        saved_run,
        "--settle",
        "0",
    ]
    watcher = subprocess.Popen(
        [*map(str, command), "--no-picture"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert watcher.stdout.readline()
        watcher.send_signal(signal.SIGTERM)
        out, err = watcher.communicate(timeout=120)
    finally:
        watcher.kill()
        watcher.wait()
    assert watcher.returncode == 0 and "stopped: " in out.splitlines()[-1] and "Traceback" not in err
    assert not list((tmp_path / "inbox-results" / "taken").iterdir())


def test_an_orthanc_is_started_and_ended(archive, tmp_path):
    command = [sys.executable, "-m", "medtutor", "clinic", "orthanc", "--folder", str(tmp_path / "kept"), "--json"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while not said.rstrip().endswith("}"):
            line = started.stdout.readline()
            assert line, "it ended"
            said += line
        where = json.loads(said)
        assert connect(where["dicom"]).store([picture()]) == [True]
        started.send_signal(signal.SIGTERM)
        assert started.wait(timeout=60) == 0
    finally:
        started.kill()
        started.wait()
    with pytest.raises(PacsAway):
        connect(where["web"]).echo()
    assert any((tmp_path / "kept").rglob("*"))
