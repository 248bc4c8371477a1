"""Predictions: committed, kept over a restart, reconciled; nothing waits for them."""

import json

import pytest

from medtutor.course import Prediction
from medtutor.course.kept import guesses_file
from medtutor.errors import InputError


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
    assert (
        str(prediction.reconcile(0.97, "Filters.")) == "▸ It is 0.97. You said 0.8; it is 0.17 more than that. Filters."
    )
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
    found = prediction.reconcile(0.97, "Why.")
    assert "You made no guess" in str(found)
    summary, folded = found._repr_html_().split("</summary>")
    assert "0.97" not in summary and "It is 0.97. Why.</details>" in folded


def test_what_was_guessed_is_answered_openly():
    prediction = auc()
    commit(prediction, 0.9)
    assert "<details>" not in prediction.reconcile(0.97)._repr_html_()


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


@pytest.mark.parametrize(
    "options",
    [
        {"choices": ["yes", None]},
        {"choices": ["yes"]},
        {"choices": ["yes", "yes"]},
        {"choices": "yes"},
        {"choices": 3},
        {"low": 1.0, "high": 0.5},
        {"low": 0, "high": "1"},
        {"low": float("nan"), "high": 1},
        {"low": 0, "high": 1, "step": (1,)},
        {"low": 0, "high": 1, "step": 0},
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(options):
    with pytest.raises(InputError):
        Prediction("01/x", "What?", **options)


@pytest.mark.parametrize(
    "prediction, result",
    [(auc, "0.9"), (auc, None), (auc, float("nan")), (winner, "VGG"), (winner, 1), (winner, ["CNN"])],
)
def test_a_result_is_a_number_or_one_of_the_choices(prediction, result):
    with pytest.raises(InputError):
        prediction().reconcile(result)
