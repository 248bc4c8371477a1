"""A class from the files that were handed in. The classes here are made up."""

import json

import pytest

from medtutor.cli import main
from medtutor.course.check import exercises
from medtutor.course.classroom import read_class, report, tables
from medtutor.errors import InputError

COMMON, RARE = (mistake.name for mistake in exercises()["dice"].mistakes[:2])


def student(name=None, **changed):
    """One made-up student."""
    done = {"name": "dice", "attempts": 3, "solved": True, "mistakes": {COMMON: 2}}
    guess = {"name": "01/pooling", "guess": "a", "result": "b", "off": 1.0}
    known = {"name": "02/gain", "guess": "0.8", "result": "0.81", "off": 0.01}
    quizzes = {"01_cnn_classification/1": True}
    return {"schema": 1, "name": name, "checks": [done], "predictions": [guess, known], "quizzes": quizzes} | changed


@pytest.fixture
def folder(tmp_path):
    other = {"name": "dice", "attempts": 9, "solved": False, "mistakes": {COMMON: 1, RARE: 5}}
    for name, value in (("a", student()), ("b", student("Made up")), ("c", student(checks=[other]))):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    return tmp_path


def test_the_common_mistake_and_the_prediction_that_fails_most_come_first(folder):
    found, left_out = read_class(folder)
    checks, mistakes, predictions = tables(found)
    assert left_out == [] and checks.rows == (("check.dice", "3", "2", "3"),)
    assert mistakes.rows == (("check.dice", COMMON, "3", "5"), ("check.dice", RARE, "1", "5"))
    assert predictions.rows == (("01/pooling", "3", "3"), ("02/gain", "3", "0"))


def test_what_students_write_is_read(tmp_path, monkeypatch):
    from medtutor.course import check

    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "kept"))
    check.dice(exercises()["dice"].reference)
    assert main(["course", "progress", "--out", str(tmp_path / "me.json")]) == 0
    (done,), left_out = read_class(tmp_path)
    assert done.checks[0].solved and left_out == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "not of schema 1"),
        (json.dumps(student(schema=2)), "not of schema 1"),
        (json.dumps(student(schema=[])), "not of schema 1"),
        (json.dumps(student(extra=1)), "extra is not known"),
        (json.dumps(student(name=3)), "must be text"),
        (json.dumps(student(checks=[{"name": "<b>", "attempts": 1, "solved": True, "mistakes": {}}])), "an exercise"),
        (json.dumps(student(checks=[{"name": "dice", "attempts": 0, "solved": True, "mistakes": {}}])), "attempts"),
        (
            json.dumps(student(checks=[{"name": "dice", "attempts": 1, "solved": True, "mistakes": {"x": 1}}])),
            "mistake",
        ),
        (json.dumps(student(checks=student()["checks"] * 2)), "twice"),
        (json.dumps(student(quizzes={"<script>/1": True})), "a quiz"),
        (json.dumps(student(predictions=[{"name": "<i>", "guess": "", "result": "", "off": 0}])), "a prediction"),
        (json.dumps(student(predictions=[{"name": "01/a", "guess": "", "result": "", "off": -1}])), "off"),
        (b"\xff\xfe", "no JSON"),
        (" " * 1_000_001, "at most 1 MB"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_broken_or_hostile_file_is_left_out_with_a_sentence(folder, content, why):
    (folder / "z.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    found, (sentence,) = read_class(folder)
    assert len(found) == 3 and sentence.startswith("z.json is left out: ") and why in sentence


def test_names_and_files_are_escaped(folder):
    (folder / "d.json").write_text(json.dumps(student("<script>alert(1)</script>")))
    (folder / "<img src=x>.json").write_text("{")
    page = report(*read_class(folder))
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page
    assert "4 students handed in a file, 2 of them with a name" in page


def test_the_report_is_one_file(folder, tmp_path_factory, capsys):
    (folder / "z.json").write_text("{")
    out = tmp_path_factory.mktemp("out") / "report.html"
    assert main(["course", "report", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "NOT  z.json is left out: it is no JSON" in said and "3 students" in said
    page = out.read_text()
    assert '<html lang="en">' in page and "http" not in page and COMMON in page


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no file"):
        read_class(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        read_class(tmp_path / "none")
