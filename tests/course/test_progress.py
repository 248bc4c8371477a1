"""What is kept of a student, the file that is handed in, and the report about a class of such files.

The students here are made up.
"""

import html
import importlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from medtutor.cli import main
from medtutor.course import Prediction, Quiz, check, progress
from medtutor.course.check import exercises
from medtutor.course.class_report import class_report
from medtutor.course.kept import guesses_file
from medtutor.course.progress import export_progress, kept_progress, note_answer, note_check
from medtutor.errors import InputError
from medtutor.reports.classroom import BYTES, FILES, Classroom, Predicted, made_up_class, progress_of, read_class


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "kept"))


def kept_file():
    return guesses_file().with_name("progress.json")


def record(student="a", **changed):
    """What a made-up student hands in."""
    checks = {"auc": {"lesson": "01", "attempts": 2, "solved": True, "mistakes": {"swapped": 1}}}
    predictions = {
        "01/mlp": {"lesson": "01", "question": "Which AUC?", "guess": 0.8, "result": 0.97, "low": 0.5, "high": 1.0}
    }
    quizzes = {"01_cnn": {"Why?": {"answer": "so", "right": True}}}
    whole = {"format": 1, "student": student, "checks": checks, "predictions": predictions, "quizzes": quizzes}
    return whole | changed


def handed_in(folder, *records):
    folder.mkdir(exist_ok=True)
    for number, one in enumerate(records):
        (folder / f"{number}.json").write_text(one if isinstance(one, str) else json.dumps(one))
    return folder


# What is kept -----------------------------------------------------------------------------------


def test_attempts_and_hints_are_counted_until_the_check_passes(monkeypatch):
    # However busy the machine is; the package's `check` hides the module of its name.
    monkeypatch.setattr(importlib.import_module("medtutor.course.check"), "SECONDS", 300)
    auc = exercises()["auc"]
    check.auc(auc.mistakes[0].answer)
    check.auc(lambda *_: 7.0)
    check.auc(None)  # not attempted
    check.auc(auc.reference)
    check.auc(auc.mistakes[0].answer)  # a look back, when it was solved
    one = kept_progress().checks["auc"]
    assert (one.lesson, one.attempts, one.solved) == ("01", 3, True)
    assert one.mistakes == {auc.mistakes[0].name: 1}
    assert progress("01").rows == (("01", "check.auc", "3", "yes", f"{auc.mistakes[0].name} (1)", "", ""),)
    assert progress("02").rows == ()


def test_the_first_pair_of_guess_and_result_stays():
    prediction = Prediction("01/auc", "Which AUC?", low=0.5, high=1.0)
    prediction.reconcile(0.97)
    assert not kept_progress().predictions
    prediction.answer.value = 0.8
    prediction.button.click()
    prediction.reconcile(0.97)
    prediction.answer.value = 0.97
    prediction.button.click()
    prediction.reconcile(0.96)
    one = kept_progress().predictions["01/auc"]
    assert (one.guess, one.result, one.near) == (0.8, 0.97, False)
    assert progress().rows[0][-2:] == ("0.8", "0.97")


def test_the_first_answer_to_a_question_stays_over_kernels():
    for right in (False, True):
        quiz = Quiz("00_start_here")
        question = quiz.questions[0]
        answer = next(one for one in question.answers if one.right is right)
        next(b for b in quiz.box.children[0].children[1:-1] if b.description == answer.text).click()
    assert not kept_progress().quizzes["00_start_here"][question.text].right


def test_kernels_that_write_at_once_lose_nothing():
    with ThreadPoolExecutor(2) as pool:  # few: on a busy machine one of many would wait longer than a lesson may
        list(pool.map(lambda i: note_check("auc", "01", False, f"m{i % 2}"), range(8)))
    one = kept_progress().checks["auc"]
    assert one.attempts == 8 and one.mistakes == {"m0": 4, "m1": 4}
    assert [path.name for path in kept_file().parent.iterdir()] == ["progress.json"]


@pytest.mark.parametrize("content", ["{", "[1]", '{"format": 1, "checks": 3}', '{"a": 1}'])
def test_a_damaged_file_is_moved_aside(content):
    kept_file().parent.mkdir()
    kept_file().write_text(content)
    assert progress().rows == ()
    note_check("auc", "01", True, None)
    assert kept_progress().checks["auc"].solved
    assert kept_file().with_suffix(".damaged").read_text() == content


def test_a_newer_file_stays_and_the_lesson_goes_on():
    kept_file().parent.mkdir()
    kept_file().write_text('{"format": 2}')
    assert check.auc(lambda *_: 7.0).kind == "wrong"
    assert kept_file().read_text() == '{"format": 2}'
    with pytest.raises(InputError, match="another version"):
        progress()


def test_a_folder_that_cannot_be_written_disturbs_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "file" / "below"))
    assert check.auc(lambda *_: 7.0).kind == "wrong"
    prediction = Prediction("01/auc", "Which AUC?", low=0.5, high=1.0)
    prediction.guess = 0.8
    assert "You said 0.8" in str(prediction.reconcile(0.97))
    quiz = Quiz("00_start_here")
    quiz.box.children[0].children[1].click()
    assert quiz.message.value == "" and "of 1 answered" in quiz.score.value


def test_what_could_not_be_read_again_is_not_written():
    note_check("auc", "01", True, None)
    before = kept_file().read_text()
    with pytest.raises(InputError):
        note_answer("01_cnn", " ", SimpleNamespace(text="so", right=True))
    assert kept_file().read_text() == before


# What is handed in ------------------------------------------------------------------------------


def test_a_file_is_written_on_purpose_and_tells_a_name_only_where_one_is_given(tmp_path, capsys):
    note_check("auc", "01", True, None)
    out = tmp_path / "me.json"
    assert main(["course", "progress", "--out", str(out)]) == 0
    first = json.loads(out.read_text())
    assert first["name"] is None and first["checks"]["auc"]["solved"]
    export_progress(out, "Ada")
    again = json.loads(out.read_text())
    assert again["name"] == "Ada" and again["student"] == first["student"]
    capsys.readouterr()
    assert main(["course", "progress"]) == 0 and "check.auc" in capsys.readouterr().out
    assert main(["course", "progress", "--name", "Ada"]) == 2


def test_the_names_of_students_stand_in_no_report(tmp_path):
    folder = handed_in(tmp_path / "class", record(name="Ada Lovelace"))
    assert "Lovelace" not in class_report(read_class(folder))


# A class ----------------------------------------------------------------------------------------


def test_shares_are_of_those_who_tried(tmp_path):
    untried = record("b", checks={}, predictions={}, quizzes={})
    clean = record("c", checks={"auc": {"lesson": "01", "attempts": 1, "solved": True, "mistakes": {}}})
    found = read_class(handed_in(tmp_path / "class", record(), untried, clean))
    assert len(found.students) == 3 and found.left_out == () and found.lessons == ["01"]
    assert [(row.cell, row.what, row.many, row.of) for row in found.rows("mistakes")] == [("auc", "swapped", 1, 2)]
    assert [(row.many, row.of) for row in found.rows("predictions")] == [(0, 2)]
    assert [(row.what, row.share) for row in found.rows("quiz")] == [("Why?", 1.0)]
    assert found.rows("quiz", "02") == []


@pytest.mark.parametrize("guess, near", [(0.8, True), (0.799, False), (1.0, True)])
def test_near_is_a_tenth_of_the_range(guess, near):
    assert Predicted("01", "?", guess, 0.9, 0.0, 1.0).near is near
    assert Predicted("01", "?", "MLP", "MLP").near and not Predicted("01", "?", "MLP", "CNN").near


def test_rows_are_sorted():
    found = made_up_class()
    shares = [row.share for row in found.rows("mistakes", order="highest first")]
    assert shares == sorted(shares, reverse=True)
    assert [row.share for row in found.rows("mistakes", order="lowest first")] == sorted(shares)
    with pytest.raises(InputError, match="view"):
        found.rows("names")


BAD = {
    "no JSON": "{",
    "no JSON (nan)": '{"format": Infinity}',
    "nested": "[" * 100_000,
    "version": record(format=2),
    "format": record(format=True),
    "list": [1],
    "key": record(grade=1),
    "number": record(checks={"auc": {"lesson": "01", "attempts": "9", "solved": True, "mistakes": {}}}),
    "negative": record(checks={"auc": {"lesson": "01", "attempts": -1, "solved": True, "mistakes": {}}}),
    "huge": record(checks={"auc": {"lesson": "01", "attempts": 10**300, "solved": True, "mistakes": {}}}),
    "lesson": record(checks={"auc": {"lesson": "all", "attempts": 1, "solved": True, "mistakes": {}}}),
    "guess": record(
        predictions={"x": {"lesson": "01", "question": "?", "guess": [1], "result": 1, "low": 0, "high": 1}}
    ),
    "range": record(predictions={"x": {"lesson": "01", "question": "?", "guess": 1, "result": 1, "low": 1, "high": 1}}),
    "beyond": record(
        predictions={
            "x": {"lesson": "01", "question": "?", "guess": 1, "result": 1, "low": -(10**308), "high": 10**308}
        }
    ),
    "mixed": record(predictions={"x": {"lesson": "01", "question": "?", "guess": "a", "result": 1}}),
    "control": record(checks={"a\x00b": {"lesson": "01", "attempts": 1, "solved": True, "mistakes": {}}}),
    "long": record(checks={"a" * 500: {"lesson": "01", "attempts": 1, "solved": True, "mistakes": {}}}),
    "many": record(quizzes={"01": {str(i): {"answer": "a", "right": True} for i in range(1001)}}),
    "large": " " * (BYTES + 1),
    "twice": record("good"),
}


SAID = {
    "no JSON": "no JSON",
    "no JSON (nan)": "no JSON",
    "nested": "no JSON",
    "version": "another version",
    "key": "grade is not known",
    "large": "larger than 300,000 bytes",
    "twice": "same student as 0.json",
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_none_is_left_out_with_a_sentence(tmp_path, name):
    found = read_class(handed_in(tmp_path / "class", record("good"), BAD[name]))
    assert [one.student for one in found.students] == ["good"] and len(found.left_out) == 1
    sentence = found.left_out[0]
    assert re.search(SAID.get(name, "must be|longer|more than|no number|control"), sentence)
    assert sentence.startswith("1.json was left out: ") and len(sentence) < 500 and "\n" not in sentence


def test_what_is_no_file_and_what_is_too_many(tmp_path, monkeypatch):
    folder = handed_in(tmp_path / "class", record("a"), record("b"), record("c"))
    (folder / "0a.json").mkdir()
    monkeypatch.setattr("medtutor.reports.classroom.FILES", 2)
    found = read_class(folder)
    assert len(found.students) == 1 and FILES > 2
    assert found.left_out == ("0a.json was left out: it is no file.", "2 more files were left out: at most 2 are read.")


def test_no_file_at_all_is_refused(tmp_path):
    with pytest.raises(InputError, match="no progress of a student .*1.json|no progress of a student .*0.json"):
        read_class(handed_in(tmp_path / "class", "{"))
    with pytest.raises(InputError, match="no folder"):
        read_class(tmp_path / "none")


def test_a_report_is_one_page_without_scripts_and_escapes_what_it_was_given(tmp_path, capsys):
    evil = "<script>alert(1)</script>"
    checks = {evil: {"lesson": "<b", "attempts": 1, "solved": True, "mistakes": {'"><img src=x>': 1}}}
    folder = handed_in(
        tmp_path / "class", record(checks=checks), record("b", quizzes={"01": {evil: {"answer": evil, "right": False}}})
    )
    (folder / "<i>.json").write_text("{")
    out = tmp_path / "report.html"
    assert main(["course", "report", str(folder), "--out", str(out)]) == 0
    assert "<i>.json was left out: it is no JSON." in capsys.readouterr().err
    page = out.read_text()
    assert "<script" not in page and "<img src=x" not in page and "<i>" not in page and html.escape(evil) in page
    assert re.findall(r"<img [^>]*src=\"([a-z:/]+)", page) == ["data:image/png"]
    assert re.search(r'alt="Bar chart, mistakes', page) and not re.search(r"(src|href)=.https?:", page)
    assert page.count("<table>") == 3 and "2 students handed in a file." in page


def test_a_made_up_class_says_that_it_is_made_up():
    page = class_report(made_up_class(6))
    assert "students handed in" not in page and page.count("MADE-UP CLASS") >= 4
    assert "MADE-UP" not in class_report(Classroom((progress_of(record()),)))
