"""Quizzes: the text's form, feedback for each answer, and nothing of the answers in the file."""

import html

import pytest

from medtutor.course import Quiz
from medtutor.course.lessons import lessons_with
from medtutor.course.quiz import parse
from medtutor.errors import InputError

NAMES = list(lessons_with("quiz.txt"))


def asked(quiz, number):
    """({answer: its button}, feedback) of a question."""
    _, *buttons, feedback = quiz.box.children[number - 1].children
    return {button.description: button for button in buttons}, feedback


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_has_its_feedback(name):
    quiz = Quiz(name)
    for number, question in enumerate(quiz.questions, 1):
        buttons, feedback = asked(quiz, number)
        for answer in question.answers:
            buttons[answer.text].click()
            assert ("✓" in feedback.value) is answer.right
            assert ("✗" in feedback.value) is not answer.right
            assert html.escape(answer.feedback) in feedback.value


@pytest.mark.parametrize("name", NAMES)
def test_the_right_answer_is_not_always_at_the_same_place(name):
    places = [[answer.right for answer in question.answers].index(True) for question in Quiz(name).questions]
    assert len(places) < 3 or len(set(places)) > 1


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_file_tells_questions_but_not_answers(name):
    quiz = Quiz(name)
    bundle = str(quiz._repr_mimebundle_())
    assert quiz.questions[0].answers[0].text[:20] in bundle
    assert "✓" not in bundle and "feedback" not in bundle
    for question in quiz.questions:
        for answer in question.answers:
            assert answer.feedback not in bundle


def test_the_first_try_counts():
    quiz = Quiz("00_start_here")
    buttons, _ = asked(quiz, 1)
    wrong, right = (next(a.text for a in quiz.questions[0].answers if a.right is kind) for kind in (False, True))
    buttons[wrong].click()
    buttons[right].click()
    assert "0 right at the first try, of 1 answered" in quiz.score.value


def test_an_unknown_quiz_names_those_there_are():
    with pytest.raises(InputError, match="00_start_here"):
        Quiz("00_start")


@pytest.mark.parametrize(
    "text, message",
    [
        ("- answer\n  said", "line 1"),
        ("? q\n* a", "line 2"),
        ("? q\n+ a\n  yes", "two answers or more"),
        ("? q\n+ a\n  yes\n+ b\n  yes", "exactly one"),
        ("? q\n- a\n  no\n- b\n  no", "exactly one"),
        ("? q\n+ a\n  yes\n- b", "without feedback"),
        ("# nothing", "no question"),
        ("", "no question"),
        ("?\n+ a\n  yes\n- b\n  no", "a question has no words; each"),
        ("? q\n+\n  yes\n- b\n  no", "an answer without words"),
        ("? q\n+ a\n  yes\n- A \n  no", "an answer without words, or one twice"),
        ("? q\n+ a\n  yes\n- b\n  no\n? Q\n+ a\n  yes\n- b\n  no", "'q' is asked twice"),
        ("? q\n+ a\n  yes\n- b\n  no\n - c\n  no", "line 6: - stands behind a blank"),
        ("? q\n+ a\n  yes\n- b\n  no\n\t? r", r"line 6: \? stands behind a blank"),
    ],
)
def test_a_text_that_breaks_the_form_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


def test_a_file_in_another_encoding_is_refused(tmp_path, monkeypatch):
    (tmp_path / "00_latin").mkdir()
    (tmp_path / "00_latin" / "quiz.txt").write_bytes("? Fr\u00e9chet\n+ a\n  yes\n- b\n  no".encode("latin-1"))
    monkeypatch.setattr("medtutor.course.lessons.files", lambda package: tmp_path)
    with pytest.raises(InputError, match="00_latin/quiz.txt is not written in UTF-8"):
        Quiz("00_latin")


def test_feedback_may_be_set_in_by_a_tab_and_hold_signs():
    (question,) = parse("? q\n+ a\n\t+1 is right\n- b\n  -1 is not")
    assert [answer.feedback for answer in question.answers] == ["+1 is right", "-1 is not"]


def test_questions_and_feedback_may_run_over_lines():
    (question,) = parse("? one\n  two\n+ a\n  yes\n  indeed\n- b\n  no")
    assert question.text == "one two" and question.answers[0].feedback == "yes indeed"
