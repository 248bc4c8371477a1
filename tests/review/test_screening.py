"""Screening: duplicates, decisions that survive a kill, agreement as scikit-learn has it, and what a model saves."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, recall_score

from medtutor.data.loading import PhantomWarning
from medtutor.errors import FetchError, InputError, MedtutorError
from medtutor.records import signed, unsigned
from medtutor.review import (
    Collection,
    Record,
    Screening,
    agreement,
    collection_names,
    load_collection,
    read_records,
    recall_curve,
    simulate,
    without_duplicates,
    write_records,
)
from medtutor.review.collection import _entries, draw_records, find_collection

REAL = [name for name in collection_names() if name != "drawn"]


def real(name):
    if find_collection(name) is None:
        pytest.skip(f"{name}.csv is not on disk")
    return load_collection(name, source="synergy")


def small(count=6):
    records = tuple(Record(str(i), f"title {i}", included=i % 3 == 0, place=f"line {i}") for i in range(count))
    return Collection("small", records, reasons=("not it", "other"))


# --- where the records come from -------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_real_reviews_have_the_published_counts(name):
    collection = real(name)
    assert len(collection.records) == _entries()[name]["records"] and not collection.phantom
    assert sum(record.included for record in collection.records) == _entries()[name]["included"]


def test_they_are_found_in_root_before_all_else(tmp_path):
    (tmp_path / "synergy").mkdir()
    (tmp_path / "synergy" / "Donners_2021.csv").write_text("title,label_included\nOn knees,1\n")
    assert [r.title for r in load_collection("Donners_2021", root=tmp_path).records] == ["On knees"]


def test_without_the_files_they_are_drawn_and_say_so(empty_home):
    with pytest.warns(PhantomWarning, match="PHANTOM RECORDS stand in for Donners_2021.*pip install synergy-dataset"):
        collection = load_collection("Donners_2021")
    assert collection.phantom and collection.name == "drawn"
    assert all(record.abstract.startswith("PHANTOM: drawn by medtutor") for record in collection.records)
    with pytest.raises(FetchError, match="synergy get -d Donners_2021"):
        load_collection("Donners_2021", source="synergy")
    with pytest.raises(InputError, match="unknown collection 'Donners'; did you mean Donners_2021"):
        load_collection("Donners")
    with pytest.raises(InputError, match="unknown source"):
        load_collection("Donners_2021", source="web")


def test_drawn_records_have_the_truth_that_they_say():
    records = draw_records(240, 24)
    for record in records:
        subjects = ("chest X-rays", "children", "a convolutional network")
        assert record.included == all(f"{subject}" in record.abstract for subject in subjects)
    assert records == draw_records(240, 24) != draw_records(240, 24, seed=1)


def test_a_sample_keeps_the_order_and_what_is_known():
    collection = load_collection("drawn")
    part = collection.sample(30, seed=1)
    keys = [record.key for record in part.records]
    assert len(keys) == 30 and keys == sorted(keys) and part.phantom and part.reasons == collection.reasons
    with pytest.raises(InputError, match="the number of records of drawn must be from 1 to 240, not 241"):
        collection.sample(241)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"records": ()}, "at least one Record"),
        ({"records": ("a title",)}, "at least one Record"),
        ({"records": (Record("1", "a"), Record("1", "b"))}, "two records have one key"),
        ({"reasons": ()}, "at least one reason"),
        ({"reasons": (1,)}, "a reason must be text"),
        ({"name": ""}, "name of a collection is empty"),
    ],
)
def test_what_is_no_collection(given, words):
    with pytest.raises(InputError, match=words):
        Collection(**{"name": "mine", "records": (Record("1", "a"),), "reasons": ("other",)} | given)


# --- duplicates ------------------------------------------------------------------------------------


def test_two_records_with_one_doi_are_told_with_their_places():
    records = [
        Record("1", "On knees", doi="10.1/a", included=True, place="line 2 of x.csv"),
        Record("2", "On Knees!", "Another abstract", doi="10.1/a", included=False, place="line 9 of x.csv"),
    ]
    kept, [removed] = without_duplicates(records)
    assert [record.key for record in kept] == ["1"]
    assert str(removed) == (
        "line 2 of x.csv and line 9 of x.csv: one DOI, 10.1/a; the first is kept; their decisions differ, the first"
        " counts"
    )


def test_one_title_is_not_enough():
    records = [
        Record("1", "Abstracts", "of 2019"),
        Record("2", "Abstracts", "of 2020"),
        Record("3", "ABSTRACTS", "Of 2019."),
    ]
    kept, [removed] = without_duplicates(records)
    assert [record.key for record in kept] == ["1", "2"] and removed.why == "title and abstract"
    assert without_duplicates([Record("1", "Abstracts"), Record("2", "Abstracts")])[1] == ()


def test_the_drawn_records_hold_six():
    assert len(without_duplicates(load_collection("drawn").records)[1]) == 6


# --- decisions ---------------------------------------------------------------------------------------


def test_decide_undo_and_the_flow():
    screening = Screening(small())
    screening.decide("0", True)
    screening.decide("1", False, "not it")
    assert screening.next.key == "2" and screening.reasons == {"not it": 1}
    assert screening.flow()["records_identified"] is None and screening.flow()["records_screened"] == 2
    assert screening.undo() == "1" and screening.next.key == "1"
    for key in "12345":
        screening.decide(key, False, "other")
    flow = screening.flow()
    assert screening.next is None
    assert [
        flow[key] for key in ("records_identified", "records_screened", "records_excluded", "dbr_sought_reports")
    ] == [6, 6, 5, 1]
    assert Screening(small()).undo() is None


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("9", True), "unknown record '9'"),
        (("1", 1), "included must be True or False"),
        (("1", False), "unknown reason ''"),
        (("1", False, "nonsense"), "unknown reason 'nonsense'"),
        (("1", True, "other"), "a reason is for leaving a record out"),
        (("0", True), "line 0 is decided already; undo first"),
    ],
)
def test_wrong_decisions_are_refused(arguments, words):
    screening = Screening(small())
    screening.decide("0", True)
    with pytest.raises(InputError, match=words):
        screening.decide(*arguments)
    assert len(screening.decisions) == 1


def test_decisions_are_gone_on_with(tmp_path):
    first = Screening(small(), tmp_path / "mine.json")
    first.decide("0", True)
    first.decide("1", False, "not it")
    first.undo()
    again = Screening(small(), tmp_path / "mine.json")
    assert again.decisions == {"0": (True, "")}
    again.decide("1", False, "other")
    with pytest.raises(MedtutorError, match="was changed by another program"):
        first.decide("2", True)
    assert Screening(small(), tmp_path / "mine.json").decisions == again.decisions
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_a_file_of_others_or_a_damaged_one_is_refused_and_left(tmp_path):
    path = tmp_path / "mine.json"
    Screening(small(), path).decide("0", True)
    with pytest.raises(InputError, match="holds decisions on other records .small."):
        Screening(small(5), path)
    record = json.loads(path.read_text())
    record["decisions"][0][1] = False
    for content in (json.dumps(record), "{}", "[1]", "no json", ""):
        path.write_text(content)
        with pytest.raises(InputError, match="damaged"):
            Screening(small(), path)
        assert path.read_text() == content
    with pytest.raises(InputError, match="collection must be a Collection"):
        Screening([1, 2])


def test_what_cannot_be_saved_is_not_decided(tmp_path):
    screening = Screening(small(), tmp_path / "no folder" / "mine.json")
    with pytest.raises(MedtutorError, match="could not be saved"):
        screening.decide("0", True)
    assert screening.decisions == {}


KILLED = """
import sys
from medtutor.review import Screening, load_collection
screening = Screening(load_collection("drawn"), sys.argv[1])
while screening.next:
    key = screening.next.key
    screening.decide(key, True)
    print(key, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 23])
def test_a_kill_loses_at_most_the_last_decision(tmp_path, after):
    path = tmp_path / "mine.json"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline().strip() for _ in range(after)]
        time.sleep(random.Random(after).uniform(0, 0.02))  # somewhere in the middle of the next
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split()
    saved = list(Screening(load_collection("drawn"), path).decisions)
    assert saved[: len(told)] == told and len(saved) - len(told) in (0, 1)


def test_1175_records_are_screened_by_script_in_under_a_minute(tmp_path):
    collection = real("Jeyaraman_2020")
    begun = time.perf_counter()
    screening = Screening(collection, tmp_path / "all.json")
    while (record := screening.next) is not None:
        screening.decide(record.key, record.included, "" if record.included else "other")
    assert time.perf_counter() - begun < 60
    assert len(screening.decisions) == 1175 and screening.flow()["dbr_sought_reports"] == 96
    assert len(Screening(collection, tmp_path / "all.json").decisions) == 1175


def test_own_decisions_as_files(tmp_path):
    screening = Screening(small())
    screening.decide("0", True)
    screening.decide("1", False, "not it")
    for name in ("mine.ris", "mine.csv"):
        write_records(tmp_path / name, screening.as_records())
        assert [record.included for record in read_records(tmp_path / name)] == [True, False, None, None, None, None]
    assert "N1  - left out: not it" in (tmp_path / "mine.ris").read_text()


# --- agreement ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_kappa_equals_that_of_scikit_learn_on_the_real_decisions(name, share):
    records, draw = real(name).records, random.Random(0)
    own = {record.key: record.included != (draw.random() < share) for record in records}
    found = agreement(own, records)
    reviewers = [record.included for record in records]
    assert found.records == len(records)
    assert found.kappa == pytest.approx(cohen_kappa_score(list(own.values()), reviewers), abs=1e-12)


def test_kappa_by_hand_and_where_it_is_not_defined():
    labels = {"a": True, "b": True, "c": False, "d": False}
    records = [Record(key, "t", included=included) for key, included in labels.items()]
    assert agreement({"a": True, "b": False, "c": False, "d": False}, records).kappa == pytest.approx(0.5)
    assert agreement(labels, records).kappa == 1
    same = agreement(dict.fromkeys(labels, True), records)
    assert same.kappa is None and "not defined" in str(same)
    assert (
        agreement({}, records).kappa is None
        and agreement({"a": True}, [replace(records[0], included=None)]).records == 0
    )


# --- the model -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    return simulate(real("Donners_2021"))


def test_recall_equals_that_of_scikit_learn_at_every_cut(run):
    relevant = np.array(run.relevant)
    for cut in range(1, len(relevant) + 1):
        seen = np.arange(len(relevant)) < cut
        assert run.recall[cut - 1] == pytest.approx(recall_score(relevant, seen))
    needed = run.screened_for(0.95)
    assert run.recall[needed - 1] >= 0.95 > run.recall[needed - 2]
    assert run.work_saved(0.95) == pytest.approx((len(relevant) - needed) / len(relevant) - 0.05)


def test_a_simulation_screens_each_record_once_and_repeats(run):
    collection = real("Donners_2021")
    labels = {record.key: record.included for record in collection.records}
    assert sorted(run.keys) == sorted(labels) and [labels[key] for key in run.keys] == list(run.relevant)
    assert simulate(collection) == run != simulate(collection, start=1)
    assert run.work_saved() > 0.5  # chance saves nothing


def test_a_rule_for_stopping_and_what_it_misses(run):
    stop = run.stop(50)
    assert not any(run.relevant[stop.screened - 50 : stop.screened]) and run.relevant[stop.screened - 51]
    assert stop.found + len(stop.missed) == sum(run.relevant) and stop.recall == pytest.approx(
        stop.found / sum(run.relevant)
    )
    hasty = run.stop(2)
    labels = dict(zip(run.keys, run.relevant))
    assert hasty.screened < stop.screened and hasty.missed and all(labels[key] for key in hasty.missed)
    assert run.stop(10**6).screened == len(run.relevant)


def test_a_larger_review_saves_half_of_the_work():
    """Measured: 453 of 1,175 records to 95 % recall; 7 relevant ones missed by stopping after 50 irrelevant."""
    run = simulate(real("Jeyaraman_2020"), batch=25)
    assert 0.5 < run.work_saved() < 0.65 and run.stop(50).missed


def test_the_curve_is_a_picture_that_marks_phantoms():
    curve = recall_curve([simulate(load_collection("drawn"), seed) for seed in (0, 1)])
    assert curve.alt.startswith("Phantom") and "2 orders" in curve.alt and curve.png.startswith(b"\x89PNG")
    with pytest.raises(InputError, match="no simulation"):
        recall_curve([])


def test_what_a_simulation_cannot_work_on():
    with pytest.raises(InputError, match="line 1 has no decision"):
        simulate(Collection("x", (Record("0", "a", included=True, place="line 0"), Record("1", "b", place="line 1"))))
    with pytest.raises(InputError, match="the same decision"):
        simulate(Collection("x", (Record("0", "a", included=True), Record("1", "b", included=True))))
    with pytest.raises(InputError, match="no words"):
        simulate(Collection("x", (Record("0", "?", included=True), Record("1", "!", included=False))))
    with pytest.raises(InputError, match="batch"):
        simulate(load_collection("drawn"), batch=0)


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        (None, "decisions must be a list"),
        ([["nobody", True, ""]], "unknown record"),
        ([["1", "yes", ""]], "must be True"),
    ],
)
def test_a_file_with_decisions_that_are_none_is_said(tmp_path, decisions, said):
    collection = load_collection("drawn").sample(5)
    path = tmp_path / "mine.json"
    Screening(collection, path).decide(collection.records[0].key, True)
    record = unsigned(json.loads(path.read_text()))
    record["decisions"] = decisions
    path.write_text(json.dumps(signed(record)))
    with pytest.raises(InputError, match=f"mine.json is no screening .*{said}.*choose another file"):
        Screening(collection, path)
