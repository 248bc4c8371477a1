"""The exam: four different options and one key, whatever the seed; sentences for bad requests; the guide beside it."""

import json
import re
from pathlib import Path

import pytest

from medtutor.course import exam as exams
from medtutor.course.exam import LETTERS, Question, ask, exam, questions, write_exam
from medtutor.course.lessons import lessons_with
from medtutor.errors import InputError
from medtutor.metrics.decisions import Counts
from medtutor.review.rule import holm

ROOT = Path(__file__).parents[2]
ALL = [(lesson, each) for lesson, given in questions().items() for each in given]
SEEDS = range(20)
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def test_each_lesson_with_questions_has_ten_of_their_own():
    for lesson, given in questions().items():
        assert len(given) == len({each.name for each in given}) == len({each.text for each in given}) == 10, lesson


@pytest.mark.parametrize(("lesson", "each"), ALL, ids=[f"{lesson[:2]}-{each.name}" for lesson, each in ALL])
def test_four_options_differ_and_one_is_the_key(lesson, each):
    drawn = [ask(lesson, each, seed) for seed in SEEDS]
    for asked in drawn:
        assert tuple(asked.options) == tuple(asked.why) == tuple(LETTERS) and asked.key in asked.options
        assert len(set(asked.options.values())) == 4
        assert all(reason.endswith(".") and len(reason) > 15 for reason in asked.why.values())
        assert "{" not in asked.text and "nan" not in " ".join(asked.options.values())
        numbers = [NUMBER.fullmatch(option) for option in asked.options.values()]
        if any(numbers):  # all with as many digits behind the point, and with a sign or all without
            assert all(numbers) and len({found[1] and len(found[1]) for found in numbers}) == 1
    assert len({asked.text for asked in drawn}) > len(SEEDS) / 2, "another seed gives other numbers"
    assert len({asked.key for asked in drawn}) > 1, "the key stands at different places"


def test_the_same_seed_gives_the_same_question_whatever_else_is_asked():
    alone, _ = exam(["01"], seed=5)
    assert alone["01_cnn_classification"] == exam(["10", "01"], seed=5)[0]["01_cnn_classification"]


def _asked(name, lesson, seed):
    return next(each for each in exam([lesson], seed)[0].popitem()[1] if each.name == name)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_key_is_what_medtutor_says(seed):
    asked = _asked("precision", "01", seed)
    ill, tp, healthy, fp = map(int, re.findall(r"\d+", asked.text))
    assert float(asked.options[asked.key]) == pytest.approx(Counts(tp, fp, ill - tp, healthy - fp).precision, abs=5e-4)
    asked = _asked("corrected", "16", seed)
    p = [float(x) for x in re.findall(r"0\.\d+", asked.text)]
    assert float(asked.options[asked.key]) == pytest.approx(sorted(holm(p))[1], abs=5e-4)


def test_a_question_without_four_different_options_is_refused():
    flat = Question("flat", "?", "{}", lambda generator: ({}, [(1, "a"), (1, "b"), (2, "c"), (3, "d")]))
    with pytest.raises(InputError, match="flat has no four different options"):
        ask("99_none", flat)


@pytest.mark.parametrize("number", ["99", "", "../etc", "1", "01\n", "{x}", "O1"])
def test_an_unknown_lesson_is_told_in_a_sentence(tmp_path, number):
    with pytest.raises(InputError, match="unknown lesson") as told:
        write_exam(tmp_path / "exam", [number])
    assert "\n" not in str(told.value) and not (tmp_path / "exam").exists()


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(InputError):
        exam(["01"], seed)


def test_a_lesson_without_questions_is_named(tmp_path, monkeypatch):
    there = {lesson: given for lesson, given in questions().items() if not lesson.startswith("03")}
    monkeypatch.setattr(exams, "questions", lambda: there)
    assert exam(["01", "03"])[1] == ["03"]
    with pytest.raises(InputError, match="lesson 03 has no questions yet; choose from 00, 01, 02, 04"):
        write_exam(tmp_path / "exam", ["03"])


def test_paper_and_key_are_written_whole(tmp_path):
    folder, made, missing = write_exam(tmp_path / "exam", ["16", "01", "01"], seed=4)
    assert made == {"01_cnn_classification": 10, "16_what_we_found": 10} and not missing
    paper, key = ((folder / name).read_text() for name in ("exam.md", "key.md"))
    record = json.loads((folder / "exam.json").read_text())
    for each in record["lessons"]["16_what_we_found"]:
        assert each["text"] in paper and each["text"] in key
        assert each["why"][each["key"]] in key and each["why"][each["key"]] not in paper
    assert "Seed 4" in key and "eed 4" not in paper and record["seed"] == 4
    write_exam(folder, ["01"], seed=6)  # a former exam is replaced
    assert "Seed 6" in (folder / "key.md").read_text()


def test_a_folder_with_other_files_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.md").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        write_exam(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        write_exam(tmp_path / "thesis.md")
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.md"]


def test_the_guide_names_predictions_that_are_there():
    guide = (ROOT / "docs" / "instructors.rst").read_text(encoding="utf-8")
    named = re.findall(r"``(\d\d/[\w-]+)``", guide)
    for lesson in lessons_with("quiz.txt"):
        source = (ROOT / "notebooks" / "source" / f"{lesson}.py").read_text(encoding="utf-8")
        of_it = [name for name in named if name.startswith(lesson[:2])]
        assert of_it and all(f'"{name}"' in source for name in of_it), lesson
