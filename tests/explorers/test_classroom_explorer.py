"""The class explorer: what is selected and sorted, what is said, and what is left out; the classes are made up."""

import html
import json
import re

import pytest

from medtutor.errors import InputError
from medtutor.explorers import classroom


@pytest.fixture(scope="module")
def shown():
    return classroom()


@pytest.fixture(autouse=True)
def at_the_start(shown):
    shown.tools.reset.click()


def words(widget):
    return html.unescape(re.sub("<[^>]+>", " ", widget.value))


def student(number):
    checks = {"<b>auc": {"lesson": "01", "attempts": 1, "solved": False, "mistakes": {"swapped": 1}}}
    return {"format": 1, "student": str(number), "checks": checks, "predictions": {}, "quizzes": {}}


def test_it_begins_with_the_commonest_mistake_of_all_lessons(shown):
    assert (shown.lesson.value, shown.view.value, shown.order.value) == ("all", "mistakes", "highest first")
    shares = [row.share for row in shown.rows]
    assert shares == sorted(shares, reverse=True) and {row.lesson for row in shown.rows} == {"01", "03"}
    first = shown.rows[0]
    assert f"“{first.what}”: {first.many} of {first.of} students" in words(shown._told)


def test_each_control_selects(shown):
    shown.lesson.value = "03"
    assert {row.lesson for row in shown.rows} == {"03"}
    for view in ("predictions", "quiz", "mistakes"):
        shown.view.value = view
        assert shown.rows == shown.group.rows(view, "03", "highest first") != []
        assert f"Bar chart, {view}" in shown.still().alt and not shown.message.value
    shown.lesson.value, shown.order.value = "all", "lowest first"
    assert shown.rows[0].share == min(row.share for row in shown.rows)


def test_a_made_up_class_says_so(shown):
    assert "MADE-UP CLASS" in shown.still().alt and "made-up students" in shown._title


def test_the_files_of_a_folder_are_shown_and_others_left_out(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.json").write_text(json.dumps(student(number)))
    for number in range(7):
        (tmp_path / f"bad{number}.json").write_text("{")
    read = classroom(tmp_path)
    assert "MADE-UP" not in read.still().alt and read.call == f"classroom({str(tmp_path)!r})"
    said = words(read._told)
    assert "3 of 3 students (100%)" in said and "1 of 1 rows are of fewer than 5 students" in said
    assert "bad0.json was left out" in said and "2 more files were left out" in said
    assert "<b>auc" not in read._told.value
    read.view.value = "quiz"
    assert read.rows == [] and "Nothing was handed in about quiz" in words(read._told) and not read.message.value
    assert "no rows" in read.still().alt


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="no progress of a student"):
        classroom(tmp_path)
