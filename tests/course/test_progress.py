"""What a student has done: kept line by line, shown by cell, written to a file on purpose."""

import json
import subprocess
import sys

import pytest

from medtutor.cli import main
from medtutor.course import Prediction, Quiz, check, progress
from medtutor.course.check import exercises
from medtutor.course.kept import ATTEMPTS, guesses_file, record, recorded
from medtutor.course.progress import summary


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "kept"))


def predict(guess, result):
    prediction = Prediction("01/auc", "Which AUC?", low=0.5, high=1.0)
    prediction.answer.value = guess
    prediction.button.click()
    prediction.reconcile(result)


def test_attempts_and_the_hints_among_them_are_counted_until_the_exercise_is_solved():
    exercise = exercises()["dice"]
    check.dice(...)
    assert summary().checks == ()  # nothing written yet is no attempt
    check.dice(exercise.mistakes[1].answer)
    check.dice(exercise.mistakes[1].answer)
    check.dice(lambda *inputs: 17.0)  # wrong, and like no mistake that has a hint
    (done,) = summary().checks
    assert (done.attempts, done.solved, done.mistakes) == (3, False, {exercise.mistakes[1].name: 2})
    check.dice(exercise.reference)
    (done,) = summary().checks
    assert (done.attempts, done.solved) == (4, True)
    assert progress().rows == (("check.dice", "4", "2", "right"),)


def test_a_prediction_counts_as_it_was_before_its_result_was_seen():
    Prediction("01/auc", "Which AUC?", low=0.5, high=1.0).reconcile(0.9)
    assert summary().predictions == ()  # no guess
    predict(0.6, 0.9)
    predict(0.9, 0.9)
    (guess,) = summary().predictions
    assert (guess.guess, guess.result, guess.off) == ("0.6", "0.9", pytest.approx(0.6))
    assert "said 0.6, is 0.9" in str(progress())


def test_of_a_quiz_the_first_answer_counts():
    quiz = Quiz("01_cnn_classification")
    wrong, right = (next(a for a in quiz.questions[0].answers if a.right is kind) for kind in (False, True))
    buttons = {button.description: button for button in quiz.box.children[0].children[1:-1]}
    buttons[wrong.text].click()
    buttons[right.text].click()
    assert summary().quizzes == {"01_cnn_classification/1": False}
    assert "0 of 1 right at the first try" in str(progress())


def test_two_kernels_at_once_lose_nothing():
    code = "from medtutor.course.kept import record\nfor i in range(40): record({'kind': 'quiz', 'name': str(i)})"
    kernels = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [kernel.wait(120) for kernel in kernels] == [0, 0]
    assert len(recorded()) == 80


def test_a_line_that_a_killed_kernel_left_half_written_is_all_that_is_lost():
    record({"kind": "quiz", "name": "a", "right": True})
    with open(guesses_file().with_name(ATTEMPTS), "a") as file:
        file.write('\n{"schema": 1, "kind": "qu')
    record({"kind": "quiz", "name": "b", "right": True})
    assert [event["name"] for event in recorded()] == ["a", "b"]


@pytest.mark.parametrize("line", ["[]", '{"schema": 2, "kind": "quiz", "name": "a", "right": true}', "[" * 100_000])
def test_lines_of_others_are_left_out(line):
    record({"kind": "quiz", "name": "a"})  # without its answer
    with open(guesses_file().with_name(ATTEMPTS), "a") as file:
        file.write(line + "\n")
    assert summary().quizzes == {} and not progress().rows


def test_what_cannot_be_kept_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "file" / "below"))
    record({"kind": "quiz", "name": "a", "right": True})
    assert recorded() == []


def test_the_file_to_hand_in_has_no_name_unless_one_is_given(tmp_path, capsys):
    predict(0.6, 0.9)
    out = tmp_path / "me.json"
    assert main(["course", "progress", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["name"] is None and "to hand in" in capsys.readouterr().out
    assert main(["course", "progress", "--out", str(out), "--name", "made up"]) == 0
    assert json.loads(out.read_text())["name"] == "made up"
    assert main(["course", "progress", "--name", "made up"]) != 0
    assert "--out" in capsys.readouterr().err
