"""Predictions: committed, kept over a restart, reconciled; nothing waits for them."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medtutor.course import Prediction
from medtutor.course.prediction import guesses_file
from medtutor.errors import InputError
from medtutor.files import locked


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "kept"))


def auc():
    return Prediction("01/auc", "Which AUC?", low=0.5, high=1.0)


def winner():
    return Prediction("01/winner", "Which is better?", choices=["MLP", "CNN"])


def commit(prediction, value):
    prediction.answer.value = value
    prediction.button.click()


def test_guess_result_and_gap_are_shown_with_the_reason():
    prediction = auc()
    commit(prediction, 0.8)
    assert "Your guess: 0.8" in prediction.state.value
    assert str(prediction.reconcile(0.97, "Filters.")) == "▸ It is 0.97. You said 0.8; it is 0.17 more than that. Filters."
    assert "0.1 less" in str(prediction.reconcile(0.7))
    assert "exactly that" in str(prediction.reconcile(0.8))


def test_a_choice_is_right_or_not():
    prediction = winner()
    commit(prediction, "MLP")
    assert str(prediction.reconcile("CNN", "Why.")) == "▸ It is: CNN. You said: MLP. Why."
    commit(prediction, "CNN")
    assert prediction.reconcile("CNN").kind == "right"
    with pytest.raises(InputError, match="not one of the choices"):
        prediction.reconcile("ViT")


def test_a_guess_survives_a_restart_of_the_kernel():
    commit(auc(), 0.9)
    commit(winner(), "CNN")
    assert auc().guess == 0.9 and winner().guess == "CNN"
    assert "Your guess" in auc().state.value


def test_unattended_the_question_is_shown_and_the_run_goes_on():
    prediction = auc()
    bundle = prediction._repr_mimebundle_()
    assert "Which AUC?" in bundle["text/html"] and "application/vnd.jupyter.widget-view+json" in bundle
    assert "You made no guess" in str(prediction.reconcile(0.97))


def test_the_picture_for_pages_without_a_kernel_never_tells_the_guess():
    prediction = auc()
    commit(prediction, 0.87654)
    assert "0.877" not in prediction.still() and "0.87654" not in prediction.still()


def test_nothing_chosen_is_a_sentence():
    prediction = winner()
    prediction.button.click()
    assert "choose an answer first" in prediction.message.value and prediction.guess is None


def test_an_older_guess_that_fits_no_more_is_left_out():
    commit(Prediction("01/winner", "?", choices=["SVM", "MLP"]), "SVM")
    assert winner().guess is None
    commit(Prediction("01/auc", "?", low=0, high=100), 80)
    assert auc().guess is None


@pytest.mark.parametrize("content", ["{", "[1]", '{"01/auc": "high"}'])
def test_a_damaged_file_is_no_guess(content):
    guesses_file().parent.mkdir()
    guesses_file().write_text(content)
    prediction = auc()
    assert prediction.guess is None
    commit(prediction, 0.9)
    assert json.loads(guesses_file().read_text())["01/auc"] == 0.9


def test_a_folder_that_cannot_be_written_is_a_sentence_and_the_guess_holds(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "file" / "below"))
    prediction = auc()
    commit(prediction, 0.9)
    assert "set MEDTUTOR_HOME" in prediction.message.value
    assert "You said 0.9" in str(prediction.reconcile(0.97))


def test_a_prediction_needs_a_range_or_choices():
    with pytest.raises(InputError, match="either choices, or low and high"):
        Prediction("x", "?")


# --- the file of guesses -------------------------------------------------------------------


ODD = ["[" * 100_000, '{"01/auc": 0.8, "01/auc": 0.9}', '{"01/auc": NaN}', '{"01/auc": Infinity}', '{"01/auc": true}', '{"01/auc": 1e999}',
       '{"01/auc": [0.8]}', '{"01/auc": {"01/auc": 0.8}}', '{"01/auc": ' + "9" * 400 + "}", "\x00", '{"01/auc": "0.8"}', "null"]  # fmt: skip


@pytest.mark.parametrize("content", ODD, ids=[content[:20] for content in ODD])
def test_whatever_stands_in_the_file_is_a_guess_or_none(content):
    guesses_file().parent.mkdir()
    guesses_file().write_text(content)
    assert auc().guess is None and winner().guess is None
    prediction = auc()
    commit(prediction, 0.9)
    assert "role" not in prediction.message.value and auc().guess == 0.9


def test_a_damaged_file_is_kept_beside_the_new_one():
    """Somebody may have edited it, and left out a comma."""
    guesses_file().parent.mkdir()
    guesses_file().write_text('{"01/auc": 0.8 "02/dice": 0.7}')
    commit(winner(), "CNN")
    assert json.loads(guesses_file().read_text()) == {"01/winner": "CNN"}
    assert guesses_file().with_suffix(".damaged").read_text() == '{"01/auc": 0.8 "02/dice": 0.7}'


def test_guesses_that_cannot_be_read_are_not_overwritten(monkeypatch):
    commit(auc(), 0.8)
    read = Path.read_text

    def refuse(path, *arguments, **options):
        if path.name == "guesses.json":
            raise PermissionError(13, "Permission denied")
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refuse)
    prediction = winner()
    commit(prediction, "CNN")
    assert "could not be kept" in prediction.message.value and prediction.guess == "CNN"
    assert json.loads(guesses_file().read_bytes()) == {"01/auc": 0.8}


def test_notebooks_commit_at_a_time(tmp_path):
    """No guess is lost, and nothing else is left."""
    predictions = [Prediction(f"01/{number}", "?", low=0, high=100) for number in range(12)]

    def commit_one(prediction):
        prediction.guess = float(prediction.key.split("/")[1])
        prediction._store()

    with ThreadPoolExecutor() as pool:
        list(pool.map(commit_one, predictions))
    assert json.loads(guesses_file().read_text()) == {f"01/{number}": float(number) for number in range(12)}
    assert os.listdir(guesses_file().parent) == ["guesses.json"]


def test_another_notebook_that_does_not_end_its_writing_is_the_reason(monkeypatch):
    commit(auc(), 0.8)
    monkeypatch.setattr("medtutor.course.prediction.locked", lambda folder, wait: locked(folder, 0.1))
    prediction = winner()
    prediction.guess = "CNN"
    with locked(guesses_file().parent), ThreadPoolExecutor() as pool:
        with pytest.raises(InputError, match="holds until the kernel stops; another notebook is writing"):
            pool.submit(prediction._store).result()


def test_what_a_kill_left_goes_with_the_next_guess():
    guesses_file().parent.mkdir()
    for name in ("guesses.json.0a1b2c3d.partial", "guesses.json.4711.partial", "mine.partial"):
        (guesses_file().parent / name).write_text("{")
    commit(auc(), 0.8)
    assert sorted(os.listdir(guesses_file().parent)) == ["guesses.json", "mine.partial"]
