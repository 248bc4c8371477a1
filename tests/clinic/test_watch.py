"""The watcher: loses nothing, does nothing twice, survives bad files, its own death, and a PACS that is away."""

import errno
import json
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import time
import warnings
from collections import Counter
from pathlib import Path
from threading import Event, Thread

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

import medtutor.clinic.intake as intake
import medtutor.clinic.watch as module
from medtutor.clinic.journal import ATTEMPTS, Journal, digest_of
from medtutor.clinic.orthanc import missing, orthanc
from medtutor.clinic.pacs import connect
from medtutor.clinic.uids import as_bytes
from medtutor.clinic.watch import watch
from medtutor.errors import InputError, MedtutorError

from .conftest import lacks
from .made import picture
from .standin import Sink, careless, child, process

QUIET = {"settle": 0, "every": 0.02}


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def put(inbox, name="a.dcm", **values):
    dataset = picture(**values)
    dataset.save_as(inbox / name)
    return dataset


def once(inbox, function=process, **options):
    """(what was counted, the lines) of a watch until all is processed."""
    lines = []
    out = inbox.with_name("out")
    return watch(inbox, function, out, once=True, log=lines.append, **{**QUIET, **options}), lines


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_what_lies_there_is_processed_once_and_put_away(inbox):
    put(inbox), put(inbox, "b", PatientName="Other")
    counts, lines = once(inbox)
    out = inbox.with_name("out")
    assert counts.done == 2 and not names(inbox) and not names(out / "taken") and len(names(out / "done")) == 2
    for folder in (out / "results").iterdir():
        assert names(folder) == ["1_OT.dcm", "report.json"]
        assert dcmread(folder / "1_OT.dcm").Modality == "OT"
        assert json.loads((folder / "report.json").read_text()) == {"resourceType": "Bundle"}
        assert (out / "done" / f"{folder.name}.dcm").exists()
    assert [line.split()[2] for line in lines] == ["processed:", "processed:", "ended:"]


def test_a_second_copy_is_not_processed_again(inbox):
    one = put(inbox)
    once(inbox)
    one.save_as(inbox / "again")
    one.file_meta.ImplementationVersionName = "ELSEWHERE"  # it came another way
    one.preamble = b"x" * 128
    one.save_as(inbox / "by another way")
    counts, lines = once(inbox, lambda path: pytest.fail("processed twice"))
    assert counts.again == 2 and counts.done == 0 and not names(inbox)


def test_the_same_instance_with_other_content_is_refused(inbox):
    one = put(inbox)
    once(inbox)
    one.StudyDescription = "corrected"
    one.save_as(inbox / "corrected")
    counts, lines = once(inbox)
    assert counts.refused == 1 and "a correction is a new instance" in lines[0]


BROKEN = {
    "empty": b"",
    "no DICOM": b"GIF89a" + bytes(500),
    "cut off": lambda: as_bytes(picture())[:20_000],
    "declares more pixels than there are": lambda: as_bytes(picture(Rows=60_000, Columns=60_000)),
    "an element longer than the file": lambda: as_bytes(picture())[:-40_000] + b"\xff" * 40,
    "another modality": lambda: as_bytes(picture("MR_small_RLE.dcm")),
    "a path for a UID": lambda: as_bytes(picture()).replace(
        b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322", b"../" * 15
    ),
}


def test_bad_files_go_to_quarantine_with_the_reason_and_the_rest_goes_on(inbox):
    for name, content in BROKEN.items():
        (inbox / name).write_bytes(content() if callable(content) else content)
    good = [put(inbox, f"good {number}") for number in range(3)]
    counts, lines = once(inbox)
    out = inbox.with_name("out")
    kept = [name for name in names(out / "quarantine") if name.endswith(".dcm")]
    assert counts.done >= len(good) and counts.done + counts.refused == len(good) + len(BROKEN)
    assert len(kept) == counts.refused >= 6
    for name in kept:
        [reason] = (out / "quarantine" / name).with_suffix(".txt").read_text().splitlines()
        assert "Traceback" not in reason and any(reason in line for line in lines)
    assert not names(inbox) and len(lines) == len(good) + len(BROKEN) + 1


@pytest.mark.parametrize(
    "error", [ValueError("Doe^John"), MemoryError(), RecursionError(), OSError("Doe"), KeyError("Doe")]
)
def test_whatever_the_processing_raises_is_a_sentence_without_its_words(inbox, error):
    put(inbox)

    def raises(path):
        raise error

    counts, lines = once(inbox, raises)
    assert counts.refused == 1 and type(error).__name__ in lines[0] and "Doe" not in str(lines)


def test_an_interrupt_is_no_fault_of_the_file(inbox):
    put(inbox)

    def raises(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(inbox, raises)
    assert once(inbox)[0].done == 1


def test_links_pipes_and_folders_in_folders_are_set_aside_unopened(inbox, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    (inbox / "link").symlink_to(secret)
    os.mkfifo(inbox / "pipe")
    (inbox / "series" / "inner").mkdir(parents=True)
    (inbox / "series" / "inner" / "a").write_bytes(b"x")
    counts, lines = once(inbox, lambda path: pytest.fail("opened"))
    assert counts.refused == 3 and secret.read_text() == "a secret"
    assert sum("link or a pipe" in line for line in lines) == 2 and sum("folders in it" in line for line in lines) == 1


def test_a_huge_file_is_not_read(inbox, monkeypatch):
    with open(inbox / "huge", "wb") as file:
        file.truncate(2**40)  # it takes no room
    counts, lines = once(inbox, lambda path: pytest.fail("opened"))
    assert counts.refused == 1 and "larger than" in lines[0]
    assert not names(inbox)


def test_odd_names_do_no_harm_and_are_not_told(inbox):
    for name in ("Doe\nJohn", "..dcm", "-rf", "$(touch x)", "%s%n", "ü" * 60):
        put(inbox, name)
    put(inbox, os.fsdecode(b"\xff\xfe"))
    counts, lines = once(inbox)
    assert counts.done == 7 - 0 - ("..dcm" in names_hidden(inbox)) and "Doe" not in str(lines)


def names_hidden(folder):
    return [path.name for path in folder.iterdir()]


def test_a_series_is_a_folder_of_its_own(inbox):
    (inbox / "series").mkdir()
    for number in range(3):
        picture().save_as(inbox / "series" / str(number))
    (inbox / "empty").mkdir()
    seen = []

    def read(path):
        seen.append(len(list(path.iterdir())))
        return process(sorted(path.iterdir())[0])

    counts, _ = once(inbox, read)
    assert counts.done == 1 and seen == [3] and names(inbox) == ["empty"]


def test_what_is_being_written_is_left_alone(inbox):
    put(inbox, ".hidden"), put(inbox, "a.partial"), put(inbox, "b.tmp")
    file, stop, lines = inbox / "c", Event(), []
    content = as_bytes(picture())
    thread = Thread(
        target=watch,
        args=(inbox, process, inbox.with_name("out")),
        kwargs={"settle": 0.4, "every": 0.05, "stop": stop, "log": lines.append},
    )
    with open(file, "wb") as slow:
        thread.start()
        for start in range(0, len(content), 4000):
            slow.write(content[start : start + 4000])
            slow.flush()
            time.sleep(0.05)
    try:
        wait_for(lambda: lines)
    finally:
        stop.set()
        thread.join(20)
    assert [line.split()[2] for line in lines] == ["processed:", "stopped:"]
    assert names_hidden(inbox) and len(names_hidden(inbox)) == 3


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- no identifiers ------------------------------------------------------------------------------------------------

PLANTED = {
    "PatientName": "Plantagenet^Quirina",
    "PatientID": "QX7731HN",
    "AccessionNumber": "ACC99871",
    "InstitutionName": "Saint Plantedname",
    "StudyDescription": "brainscan of Quirina",
    "PatientBirthDate": "19610203",
}


def test_no_identifier_is_told_or_stands_in_a_name_or_in_the_journal(inbox, capfd):
    good = put(inbox, "Plantagenet_Quirina_QX7731HN.dcm", **PLANTED)
    bad = picture("MR_small_RLE.dcm", **PLANTED)
    bad.save_as(inbox / "QX7731HN")
    cut = picture(**PLANTED)
    (inbox / "Plantagenet.cut").write_bytes(as_bytes(cut)[:3000])
    loud = put(inbox, "loud", PatientComments="loud", **PLANTED)

    def talks(path):
        dataset = dcmread(path, force=True)
        warnings.warn(f"odd value {dataset.get('PatientName')}", stacklevel=1)
        if dataset.get("PatientComments") == "loud":
            raise InputError(f"{path} of {dataset.PatientName} ({dataset.SOPInstanceUID}) cannot be; give another")
        return process(path)

    _, lines = once(inbox, talks)
    out = inbox.with_name("out")
    told = " ".join(lines) + "".join(capfd.readouterr())
    told += " ".join(str(path.relative_to(out)) for path in out.rglob("*"))
    told += " ".join(path.read_text() for path in (out / "quarantine").glob("*.txt"))
    told += b" ".join(path.read_bytes() for path in out.glob("journal*")).decode("latin-1")
    words = [word for value in PLANTED.values() for word in value.replace("^", " ").split() if len(word) > 3]
    for word in [*words, *(str(each.SOPInstanceUID) for each in (good, bad, cut, loud))]:
        assert word.lower() not in told.lower(), word
    assert len(lines) == 5


# --- kill -9 -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spawn():
    """A function: starts `child` in a process of its own, from a server that has everything loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["medtutor.clinic.watch", "pynetdicom"])

    def start(*arguments):
        ready = context.Event()
        process = context.Process(target=child, args=(*arguments, ready), daemon=True)
        process.start()
        assert ready.wait(120), "it did not start"
        return process

    return start


def fill(inbox, count):
    """{comment: ...} of so many different small objects, which appear whole."""
    base = picture()
    base.Rows = base.Columns = 4
    base.PixelData = bytes(32)
    for number in range(count):
        base.SOPInstanceUID = base.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        base.PatientComments = f"number{number}"
        base.save_as(inbox / f"{number}.partial")
        os.rename(inbox / f"{number}.partial", inbox / str(number))


def check_all_is_there_once(inbox, sink, count):
    """Each object in one place, with one result, which was sent under one UID."""
    out = inbox.with_name("out")
    assert not names(inbox) and not names(out / "taken") and not names(out / "quarantine")
    assert len(names(out / "done")) == len(names(out / "results")) == count
    results = {}
    for folder in (out / "results").iterdir():
        assert names(folder) == ["1_OT.dcm", "report.json"] if not folder.name.startswith(".") else True
        dataset = dcmread(folder / "1_OT.dcm")
        results[dataset.PatientComments] = str(dataset.SOPInstanceUID)
    assert len(results) == count
    sent = {tuple(line.split()) for line in (sink / "got").read_text().splitlines()}
    assert sent == set(results.items())
    with Journal(out) as journal:
        counts = journal.counts()
    assert (counts["done"], counts["sent"]) == (count, count) and counts["begun"] == counts["waiting"] == 0


@pytest.mark.parametrize("watchers", [1, 2])
def test_killed_at_any_moment_it_loses_nothing_and_does_nothing_twice(inbox, tmp_path, spawn, watchers):
    """20 times `kill -9`; with two watchers on the folder one of them each time."""
    sink, dice = tmp_path / "sink", random.Random(watchers)
    sink.mkdir()
    count = 80
    fill(inbox, count)
    running, hit = [], Counter()
    for _ in range(20):
        while len(running) < watchers:
            running.append(spawn(inbox, inbox.with_name("out"), sink))
        time.sleep(dice.uniform(0.0, 0.4))
        victim = running.pop(0)
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        hit[bool(names(inbox))] += 1
    for each in running:
        os.kill(each.pid, signal.SIGKILL)
        each.join()
    assert hit[True] >= 5, "too quick: most kills met a watcher with nothing to do"
    watch(inbox, careless, inbox.with_name("out"), send=Sink(sink), once=True, log=lambda line: None, **QUIET)
    check_all_is_there_once(inbox, sink, count)


def test_two_watchers_share_the_work(inbox, tmp_path, spawn):
    sink = tmp_path / "sink"
    sink.mkdir()
    fill(inbox, 40)
    pair = [spawn(inbox, inbox.with_name("out"), sink) for _ in range(2)]
    try:
        wait_for(lambda: (sink / "got").exists() and len((sink / "got").read_text().splitlines()) >= 40)
    finally:
        for each in pair:
            os.kill(each.pid, signal.SIGKILL)
            each.join()
    watch(inbox, careless, inbox.with_name("out"), send=Sink(sink), once=True, log=lambda line: None, **QUIET)
    check_all_is_there_once(inbox, sink, 40)


@pytest.mark.parametrize("moment", ["rename", "done", "_put"])
def test_an_end_between_two_steps_is_made_good(inbox, tmp_path, monkeypatch, moment):
    """The process ends before the results have their name, before the journal says so, before all is put away."""
    put(inbox)

    class End(BaseException):
        pass

    def end(*_, **__):
        raise End

    target = {"rename": (module.os, "rename"), "done": (Journal, "done"), "_put": (module, "_put")}[moment]
    if moment == "rename":
        real = os.rename
        monkeypatch.setattr(module.os, "rename", lambda a, b: end() if "results" in str(b) else real(a, b))
    else:
        monkeypatch.setattr(*target, end)
    with pytest.raises(End):
        once(inbox, careless)
    monkeypatch.undo()
    counts, _ = once(inbox, careless if moment == "rename" else lambda path: pytest.fail("processed twice"))
    out = inbox.with_name("out")
    assert counts.done + counts.again == 1 and len(names(out / "results")) == len(names(out / "done")) == 1
    assert not names(out / "taken")


def test_a_file_that_ends_the_process_each_time_is_set_aside(inbox):
    put(inbox)

    class End(BaseException):
        pass

    def ends(path):
        raise End

    for _ in range(ATTEMPTS):
        with pytest.raises(End):
            once(inbox, ends)
    counts, lines = once(inbox, ends)
    assert counts.refused == 1 and f"ended {ATTEMPTS} times" in lines[0]


# --- a PACS at the other end ---------------------------------------------------------------------------------------


def test_results_go_to_a_real_pacs_and_none_twice(inbox, archive):
    sources = [put(inbox, str(number)) for number in range(3)]
    counts, _ = once(inbox, send=archive.dicom)
    assert counts.sent == 3
    web = connect(archive.web)
    for source in sources:
        uid = generate_uid(entropy_srcs=["result", source.SOPInstanceUID])
        assert len(web.find("instance", SOPInstanceUID=uid)) == 1
    assert once(inbox, send=archive.web)[0].sent == 0


def test_a_pacs_that_is_away_is_asked_less_and_less_and_nothing_is_lost(inbox, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.3)
    if lack := missing():
        lacks(lack)
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    put(inbox)
    stop, lines = Event(), []
    address = f"http://127.0.0.1:{port}/dicom-web"
    options = {"send": address, "stop": stop, "log": lines.append, **QUIET}
    thread = Thread(target=watch, args=(inbox, process, inbox.with_name("out")), kwargs=options)
    thread.start()
    try:
        wait_for(lambda: sum("asked again in" in line for line in lines) >= 3)
        put(inbox, "while it is away")
        with orthanc(web_port=port) as back:
            wait_for(lambda: any("is back" in line for line in lines))
            wait_for(lambda: len(connect(back.web).find("instance")) == 2)
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive() and sum("processed:" in line for line in lines) == 2


def test_what_was_kept_without_a_pacs_is_sent_by_the_next_that_has_one(inbox, archive):
    put(inbox)
    assert once(inbox)[0].sent == 0
    assert once(inbox, send=archive.dicom)[0].sent == 1


def test_a_result_that_the_pacs_does_not_take_does_not_hold_up_the_others(inbox, archive):
    put(inbox), put(inbox, "b")

    def odd(path):
        result = process(path)
        if path.name.endswith("-1.dcm"):
            result.objects[0].SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
            result.objects[0].file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
        return result

    counts, lines = once(inbox, odd, send=archive.dicom)
    assert (counts.sent, counts.unsent) == (1, 1) and sum("is not sent" in line for line in lines) == 1
    assert once(inbox, odd, send=archive.dicom)[0].unsent == 0  # not tried again and again


def test_a_result_with_the_uid_of_another_in_the_archive_is_not_sent(inbox, archive):
    source = put(inbox)
    earlier = picture()
    earlier.SOPInstanceUID = generate_uid(entropy_srcs=["result", source.SOPInstanceUID])
    earlier.file_meta.MediaStorageSOPInstanceUID = earlier.SOPInstanceUID
    connect(archive.dicom).store([earlier])
    counts, lines = once(inbox, send=archive.dicom)
    assert (counts.sent, counts.unsent) == (0, 1) and any("a correction is a new instance" in line for line in lines)


@pytest.mark.parametrize("way, back", [("dicom", "web"), ("web", "dicom")])
def test_a_pacs_is_watched_and_gets_its_results_back(fresh, tmp_path, way, back):
    source, lines = getattr(fresh, way), []
    pictures = [picture() for _ in range(3)]
    connect(fresh.dicom).store([*pictures, picture("test-SR.dcm"), picture("MR_small_RLE.dcm")])
    options = {"send": getattr(fresh, back), "once": True, "log": lines.append, **QUIET}
    counts = watch(source, process, tmp_path / "out", **options)
    assert (counts.done, counts.refused, counts.sent) == (3, 1, 3)  # of the report, which is no picture, nothing
    assert watch(source, process, tmp_path / "out", **options).done == 0
    extra = picture(SeriesInstanceUID=pictures[0].SeriesInstanceUID, StudyInstanceUID=pictures[0].StudyInstanceUID)
    connect(fresh.dicom).store([extra])
    assert watch(source, process, tmp_path / "out", **options).done == 1
    assert watch(source, process, tmp_path / "out", modality="OT", **options).done == 0  # its own results
    assert len(connect(fresh.web).find("instance")) == 3 + 2 + 1 + 4


# --- the rest ------------------------------------------------------------------------------------------------------


def test_a_dry_run_touches_nothing(inbox):
    put(inbox), put(inbox, "b")
    (inbox / "c").write_bytes(b"no DICOM")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in inbox.iterdir()}
    counts, lines = once(inbox, dry_run=True, send="dicom://A@127.0.0.1:9/B")
    assert (counts.done, counts.refused) == (2, 1) and sum("would be" in line for line in lines) == 3
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in inbox.iterdir()}
    assert not inbox.with_name("out").exists()


def test_a_stop_ends_the_object_that_is_processed_and_then_the_watch(inbox):
    for number in range(5):
        put(inbox, str(number))
    stop, lines = Event(), []

    def slow(path):
        stop.set()
        return process(path)

    counts = watch(inbox, slow, inbox.with_name("out"), stop=stop, log=lines.append, **QUIET)
    assert counts.done == 1 and len(names(inbox)) == 4 and "stopped" in lines[-1]
    assert once(inbox)[0].done == 4


def test_an_out_holds_the_results_of_one_model(inbox):
    put(inbox)
    once(inbox, model="a" * 64)
    with pytest.raises(InputError, match="another model's results"):
        once(inbox, model="b" * 64)


@pytest.mark.parametrize(
    "source, options, words",
    [
        ("missing", {}, "is no folder"),
        ("inbox", {"send": "nowhere"}, "no address of a PACS"),
        ("inbox", {"send": 3}, "must be the address"),
        ("inbox", {"every": 0}, "every"),
        ("inbox", {"settle": -1}, "settle"),
        ("inbox", {"once": "yes"}, "once"),
        ("ftp://x/y", {}, "no address of a PACS"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_work_starts(inbox, source, options, words):
    given = source if "://" in source else inbox.with_name(source)
    with pytest.raises(InputError, match=words):
        watch(given, process, inbox.with_name("out"), **{"once": True, **options})


def test_results_do_not_lie_in_the_folder_that_is_watched(inbox):
    with pytest.raises(InputError, match="choose one beside it"):
        watch(inbox, process, inbox / "out", once=True)


def test_an_out_that_cannot_be_written_is_told(inbox):
    with pytest.raises(InputError, match="cannot be written"):
        watch(inbox, process, "/dev/null/out", once=True)


def test_a_full_disk_is_told_and_loses_nothing(inbox, monkeypatch):
    put(inbox)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_whole", full)
        with pytest.raises(MedtutorError, match="cannot be written .No space left on device"):
            once(inbox)
    assert once(inbox)[0].done == 1
    once(inbox)
    assert len(list((inbox.with_name("out") / "results").glob("*/report.json"))) == 1


def test_a_damaged_journal_is_told(inbox):
    out = inbox.with_name("out")
    out.mkdir()
    (out / "journal.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="journal is damaged"):
        once(inbox)
    (out / "journal.sqlite").unlink()
    with sqlite3.connect(out / "journal.sqlite") as data:
        data.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="another version"):
        once(inbox)


def test_a_folder_on_another_disk_is_emptied_by_copies(inbox, monkeypatch):
    """As between two disks, where nothing can be renamed."""
    put(inbox)
    (inbox / "series").mkdir()
    picture().save_as(inbox / "series" / "a")
    real = os.rename

    def rename(source, target):
        if Path(source).parent == inbox:
            raise OSError(18, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(intake.os, "rename", rename)
    counts, _ = once(inbox, lambda path: process(path if path.is_file() else path / "a"))
    assert counts.done == 2 and not names(inbox)


def test_memory_does_not_grow(inbox):
    import psutil

    own, sizes = psutil.Process(), []
    for _ in range(5):
        fill(inbox, 30)
        once(inbox)
        sizes.append(own.memory_info().rss / 2**20)
    assert sizes[-1] - sizes[1] < 8, sizes


def test_a_digest_tells_no_uid():
    assert digest_of("1.2.3") != digest_of("1.2.4") and "1.2.3" not in digest_of("1.2.3")


def test_a_journal_elsewhere_cannot_be_had():
    with pytest.raises(MedtutorError, match="cannot be written"):
        Journal(Path("/dev/null/there"))


def test_what_a_watcher_keeps_is_its_owner_s_alone(tmp_path):
    (tmp_path / "in").mkdir()
    watch(tmp_path / "in", lambda path: None, tmp_path / "new" / "out", once=True, settle=0, log=lambda line: None)
    assert (tmp_path / "new" / "out").stat().st_mode & 0o077 == 0
