"""The map of the course: made of the notebooks that are there, with what the student has done."""

import json
import re
from pathlib import Path

import pytest

from medtutor.course import Prediction, check, course_map
from medtutor.course.kept import guesses_file, kept
from medtutor.review.places import LESSONS, lesson_name

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "kept"))


def stops(folder):
    return {stop.number: stop for each in course_map(folder).parts.values() for stop in each}


def written(folder, lesson, *cells):
    """A notebook with a heading and code cells."""
    text = [{"cell_type": "markdown", "source": ["# Which one?\n", "words"]}]
    text += [{"cell_type": "code", "source": [each]} for each in cells]
    (folder / f"{lesson}.ipynb").write_text(json.dumps({"cells": text}))


def test_every_lesson_is_on_the_map_once_and_its_link_leads_somewhere():
    found = stops(NOTEBOOKS)
    assert set(found) == {number for number in LESSONS}
    for number, stop in found.items():
        name = lesson_name(number)
        assert (stop.link == f"{name}.ipynb" and (NOTEBOOKS / stop.link).is_file()) if name else stop.link is None
        assert (stop.title == "to come") == (name is None)
    assert "CNN, classification" in found["01"].named and found["01"].solved[1] >= 3 and found["01"].guesses[1] >= 3


def test_links_and_words_are_in_the_page():
    page = course_map(NOTEBOOKS)._repr_html_()
    assert '<a href="01_cnn_classification.ipynb"><b>01 CNN classification' in page
    assert len(re.findall("<a ", page)) == len(list(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")))
    assert "interpretability" in str(course_map(NOTEBOOKS))


def test_what_was_guessed_and_solved_is_counted(tmp_path):
    ask = 'guess = Prediction(\n    "01/auc", "Which AUC?", low=0.5, high=1.0)'
    written(tmp_path, "01_cnn_classification", ask, 'Prediction("01/other", "?", choices=["a", "b"])')
    before = stops(tmp_path)["01"]
    assert (before.title, before.guesses, before.solved[0]) == ("Which one?", (0, 2), 0)
    prediction = Prediction("01/auc", "Which AUC?", low=0.5, high=1.0)
    prediction.answer.value = 0.9
    prediction.button.click()
    check.sensitivity_and_specificity(
        lambda labels, scores, threshold: (
            (scores > threshold)[labels == 1].double().mean(),
            (scores <= threshold)[labels == 0].double().mean(),
        )
    )
    after = stops(tmp_path)["01"]
    assert (after.guesses, after.solved[0]) == ((1, 2), 1) and after.done.startswith("1 of 2 guesses, 1 of ")
    assert "●○●○" in course_map(tmp_path)._repr_html_()


def test_a_wrong_answer_is_not_kept_and_what_cannot_be_kept_is_no_error(tmp_path, monkeypatch):
    assert check.auc(lambda labels, scores: 0.5).kind == "wrong" and kept() == {}
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "file" / "below"))
    assert check.accuracy_of_the_commonest(lambda labels: labels.bincount().max() / len(labels)).kind == "right"
    assert kept() == {} and guesses_file() is not None


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": 3}', '{"cells": [{"cell_type": []}]}', ""])
def test_a_damaged_notebook_has_no_link(tmp_path, content):
    (tmp_path / "01_cnn_classification.ipynb").write_text(content)
    stop = stops(tmp_path)["01"]
    assert stop.link is None and stop.title == "cnn classification"


def test_beside_no_notebook_the_map_is_there(tmp_path):
    found = stops(tmp_path)
    assert found["09"].title == "interpretability" and found["09"].link is None
    assert "<a " not in course_map(tmp_path)._repr_html_()
