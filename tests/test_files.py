"""Files on disk: paths, whole files, one writer at a time, and folders that delete nothing of anybody else's."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from medtutor import files
from medtutor.errors import InputError, MedtutorError
from medtutor.files import Folder, alone, locked, remove_partial, resolve, write_whole
from medtutor.records import read_json, typed

REMEDIES = {"absent": "make one", "damaged": "make it again", "outdated": "make it again"}


def folder(path, manifest="thing.json", holds="thing"):
    return Folder(path, manifest, holds, 1, REMEDIES)


def save(path, value=0.0, name="part"):
    folder(path).save({"value": value}, {name: {"x": torch.tensor([value])}})


# --- paths ----------------------------------------------------------------------------


def test_the_home_folder_is_meant_by_its_sign(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/run") == tmp_path / "run" and resolve(tmp_path / "run") == tmp_path / "run"


@pytest.mark.parametrize("path", [None, "", 5, "a\0b", "x" * 4000, "x/" * 4000, "\ud800", ["run"]])
def test_what_can_be_no_path_is_a_sentence(path):
    with pytest.raises(InputError, match="is no path.*give the name of a file or folder") as raised:
        resolve(path)
    assert len(str(raised.value)) < 200


# --- whole files ----------------------------------------------------------------------


def test_threads_may_write_one_file(tmp_path):
    failed = []

    def write(letter):
        try:
            for _ in range(20):
                write_whole(tmp_path / "file", letter * 10_000)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and os.listdir(tmp_path) == ["file"]
    assert len(set((tmp_path / "file").read_text())) == 1


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "file", "text")
    assert os.listdir(tmp_path) == []


def test_only_our_own_partial_files_go(tmp_path):
    ours = ["file.0a1b2c3d.partial", "file.4711.partial"]
    others = ["file", "file.partial", "other.0a1b2c3d.partial", "film.part", "notes.partial", "file.mine.partial"]
    for name in ours + others:
        (tmp_path / name).write_text("")
    remove_partial(tmp_path, "file")
    assert sorted(os.listdir(tmp_path)) == sorted(others)


COUNTS = """
import sys
from pathlib import Path
from medtutor.files import locked
folder = Path(sys.argv[1])
for _ in range(25):
    with locked(folder):
        number = int((folder / "count").read_text())
        (folder / "count").write_text(str(number + 1))
"""


def test_of_those_who_want_a_folder_one_has_it(tmp_path):
    """Each adds to a number in a file: none is lost, although the file of the lock is made and deleted all the time."""
    (tmp_path / "count").write_text("0")
    counting = [subprocess.Popen([sys.executable, "-c", COUNTS, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in counting] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "75" and os.listdir(tmp_path) == ["count"]


def test_a_lock_whose_file_was_deleted_is_not_taken_for_the_lock(tmp_path):
    """Who waits for a file that is deleted meanwhile must not come in beside the holder of the next one."""
    path, order = tmp_path / "lock", []

    def enter(name):
        with alone(FileLock(path, timeout=30)):
            order.append(f"{name} in")
            time.sleep(0.3)
            order.append(f"{name} out")

    with alone(FileLock(path)):
        waiting = threading.Thread(target=enter, args=["who waits"])
        waiting.start()
        path.unlink()
        enter("the next")
        waiting.join(30)
    # Who comes first is chance; no one comes in beside another.
    one, other = ["who waits in", "who waits out"], ["the next in", "the next out"]
    assert order in (one + other, other + one) and os.listdir(tmp_path) == []


# --- values out of JSON ---------------------------------------------------------------


@dataclass
class Pair:
    name: str
    sides: tuple[int, int]
    weight: float = 1.0
    more: dict[str, float] | None = None


def test_values_become_what_the_hints_say():
    assert typed("", {"name": "a", "sides": [1, 2]}, Pair) == Pair("a", (1, 2))
    found = typed("pairs", [{"name": "a", "sides": [1, 2], "more": {"x": 0.5}}], list[Pair])
    assert found == [Pair("a", (1, 2), 1.0, {"x": 0.5})]
    assert typed("x", None, float, gaps=True) != typed("x", None, float, gaps=True), "NaN"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": 5}, "pair.name must be text"),
        ({"sides": [1]}, "pair.sides must hold 2 values, not 1"),
        ({"sides": [1, 2.5]}, r"pair.sides\[1\] must be a whole number"),
        ({"sides": [1, True]}, r"pair.sides\[1\] must be a whole number"),
        ({"sides": "12"}, "pair.sides must be a list"),
        ({"weight": float("nan")}, "pair.weight must be a finite number"),
        ({"weight": 10**400}, "pair.weight must be a finite number"),
        ({"weight": None}, "pair.weight must be a finite number"),
        ({"more": []}, "pair.more must be an object"),
        ({"more": {"x": "1"}}, "pair.more.x must be a finite number"),
        ({"colour": 1}, "pair.colour is not known"),
        ({"name": ...}, "pair.name is missing"),
    ],
)
def test_a_value_of_another_kind_is_named(change, words):
    record = {"name": "a", "sides": [1, 2]} | change
    with pytest.raises(InputError, match=words):
        typed("pair", {key: value for key, value in record.items() if value is not ...}, Pair)


@pytest.mark.parametrize(
    "text", ["{", "", '{"a": 1, "a": 2}', "[" * 100_000, '{"a": Infinity}', '{"a": -Infinity}', '"\xff']
)
def test_what_is_no_json_is_a_value_error(tmp_path, text):
    (tmp_path / "file").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError):
        read_json(tmp_path / "file")


# --- folders --------------------------------------------------------------------------


def test_a_folder_keeps_what_is_not_its_own(tmp_path):
    save(tmp_path, 0.0)
    own = {
        "weights.safetensors",
        "part-0123456789ab.safetensors",
        "notes.txt",
        "film.partial",
        "thing.json.mine.partial",
        ".hidden",
    }
    for name in own:
        (tmp_path / name).write_text("mine")
    save(tmp_path, 1.0)
    assert {path.name for path in tmp_path.iterdir() if path.read_bytes() == b"mine"} == own
    record, tensors = folder(tmp_path).load()
    assert record["value"] == 1.0 and tensors["part"]["x"].item() == 1.0
    assert len(os.listdir(tmp_path)) == len(own) + 2, "the files of the former save are gone"


@pytest.mark.parametrize(
    "name", ["notes.txt", "model.safetensors", "part-0123456789ab.safetensors", "other.json", "thing.json", "sub/"]
)
def test_a_folder_of_somebody_else_is_refused(tmp_path, name):
    (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("{}")
    before = sorted(os.listdir(tmp_path))
    for step in (folder(tmp_path).check, lambda: save(tmp_path)):
        with pytest.raises(InputError, match=f"no thing's, such as {name.rstrip('/')}; choose a new or empty folder"):
            step()
    assert sorted(os.listdir(tmp_path)) == before


def test_a_folder_without_visible_files_is_free(tmp_path):
    for name in (".DS_Store", ".gitkeep"):
        (tmp_path / name).write_text("")
    save(tmp_path)
    assert folder(tmp_path).load()[0]["value"] == 0.0 and (tmp_path / ".gitkeep").exists()


def test_one_kind_of_thing_never_replaces_another(tmp_path):
    save(tmp_path)
    with pytest.raises(InputError, match="no other's, such as part-"):
        folder(tmp_path, "other.json", "other").save({}, {})
    assert folder(tmp_path).load()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99, "files": {}}', '{"format": 1, "files": null}', ""])
def test_a_damaged_manifest_is_replaced(tmp_path, text):
    """As the sentence that refuses it says."""
    save(tmp_path)
    (tmp_path / "thing.json").write_text(text)
    with pytest.raises(InputError, match="make it again"):
        folder(tmp_path).load()
    save(tmp_path, 1.0)
    assert folder(tmp_path).load()[0]["value"] == 1.0


def test_a_manifest_deletes_no_file_that_is_not_of_our_naming(tmp_path):
    save(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    record = json.loads((tmp_path / "thing.json").read_text())
    record["files"]["more"] = {"file": "thesis.txt", "sha256": ""}
    record["files"]["most"] = {"file": "../thesis.txt", "sha256": ""}
    (tmp_path / "thing.json").write_text(json.dumps(record))
    save(tmp_path, 1.0)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_value_that_json_cannot_hold_is_a_sentence(tmp_path):
    for value in (object(), float("nan"), {1, 2}, {(1, 2): 3}):
        with pytest.raises(InputError, match="the thing cannot be written .*; give plain"):
            folder(tmp_path / "new").save({"value": value}, {})
    folder(tmp_path / "new").save({"value": torch.tensor(2), "more": torch.ones(2)}, {})
    assert folder(tmp_path / "new").load()[0]["more"] == [1.0, 1.0]


def test_who_waits_too_long_hears_the_true_reason(tmp_path, monkeypatch):
    save(tmp_path)
    monkeypatch.setattr(files, "WAIT", 0.2)
    monkeypatch.setattr(files, "locked", lambda path: locked(path, 0.2))
    with FileLock(tmp_path / files.LOCK):
        with (
            ThreadPoolExecutor() as pool,
            pytest.raises(MedtutorError, match="another process is writing there.*wait for it"),
        ):
            pool.submit(save, tmp_path, 1.0).result()
        assert folder(tmp_path).load()[0]["value"] == 0.0, "readers need no lock"
    save(tmp_path, 1.0)


SAVES = """
import os, sys, torch
from pathlib import Path
from medtutor.files import Folder
kind, value, dies = sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
replace = os.replace

def replace_or_stop(*names):
    global dies
    if dies == 0:
        print("stopped", flush=True)
        sys.stdin.readline() if kind == "waits" else os.kill(os.getpid(), 9)
    dies -= 1
    replace(*names)

os.replace = replace_or_stop
Folder(Path(sys.argv[1]), "thing.json", "thing", 1, {}).save({"value": value}, {"part": {"x": torch.tensor([value])}})
"""


def start(path, kind, value, moment):
    command = [sys.executable, "-c", SAVES, str(path), kind, str(value), str(moment)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("moment", [0, 1])
def test_what_a_killed_first_save_leaves_is_no_somebody_elses_and_goes(tmp_path, moment):
    died = start(tmp_path / "new", "dies", 5.0, moment)
    assert died.wait(60) == -signal.SIGKILL and any("partial" in name for name in os.listdir(tmp_path / "new"))
    folder(tmp_path / "new").check()
    save(tmp_path / "new", 1.0)
    assert folder(tmp_path / "new").load()[0]["value"] == 1.0 and len(os.listdir(tmp_path / "new")) == 2


def test_what_a_living_process_writes_stays(tmp_path):
    """It holds its half-written file; the next one waits for it, and both saves are whole."""
    living = start(tmp_path, "waits", 5.0, 1)
    assert living.stdout.readline() == "stopped\n"
    (partial,) = tmp_path.glob("*.partial")
    after = threading.Thread(target=save, args=(tmp_path, 1.0))
    after.start()
    after.join(0.5)
    assert after.is_alive() and partial.exists()
    living.communicate("go on\n", timeout=60)
    after.join(30)
    assert living.returncode == 0 and not partial.exists()
    assert folder(tmp_path).load()[0]["value"] == 1.0 and len(os.listdir(tmp_path)) == 2


def test_two_saves_and_a_reader_at_a_time(tmp_path):
    """Each save is whole, and whoever reads meanwhile gets one of them."""
    save(tmp_path)
    failed = []

    def writing(first):
        try:
            for value in range(12):
                save(tmp_path, first + value)
        except Exception as error:
            failed.append(error)

    writers = [threading.Thread(target=writing, args=(first,)) for first in (100.0, 200.0)]
    for writer in writers:
        writer.start()
    read = 0
    while any(writer.is_alive() for writer in writers):
        record, tensors = folder(tmp_path).load()
        assert tensors["part"]["x"].item() == record["value"]
        read += 1
    assert not failed and read > 3
    assert folder(tmp_path).load() and len(os.listdir(tmp_path)) == 2


@pytest.fixture
def readable():
    """A folder that this process can read, but not write; the superuser, who may write anywhere, is nobody for a
    while.
    """
    with tempfile.TemporaryDirectory() as path:
        save(Path(path) / "new")
        Path(path).chmod(0o555)
        (Path(path) / "new").chmod(0o555)
        superuser = hasattr(os, "geteuid") and os.geteuid() == 0
        if superuser:
            os.seteuid(65534)
        try:
            yield Path(path) / "new"
        finally:
            if superuser:
                os.seteuid(0)
            (Path(path) / "new").chmod(0o755)
            Path(path).chmod(0o755)


def test_a_folder_that_cannot_be_written_can_be_read(readable):
    assert folder(readable).load()[0]["value"] == 0.0
    with pytest.raises(MedtutorError, match="could not be written.*Permission denied.*choose a folder"):
        save(readable, 1.0)
    with pytest.raises(MedtutorError, match="could not be written.*Permission denied.*choose a folder"):
        save(readable.parent / "newer", 1.0)
