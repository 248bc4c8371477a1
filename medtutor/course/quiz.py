"""`Quiz`: questions with feedback for each answer, from a plain text file.

    ? A question
    - a wrong answer
      what to say to whoever chooses it
    + the right answer
      what to say

The text lies in the package, `course/lessons/NN_name/quiz.txt`, not in the notebook:
who reads the notebook file finds the questions, not which answer is right.
"""

import html
import re
from contextlib import suppress
from dataclasses import dataclass

import ipywidgets

from ..errors import InputError, unknown
from ..widgets.explorer import Explorer, answering
from .box import Box
from .lessons import lessons_with
from .progress import note_answer


@dataclass(frozen=True)
class Answer:
    text: str
    right: bool
    feedback: str


@dataclass(frozen=True)
class Question:
    text: str
    answers: tuple[Answer, ...]


def parse(text, name="quiz"):
    """[Question, …] of a quiz text.

    Raises `InputError` naming the line for what does not follow the form: each
    question needs two answers or more, exactly one right, each with feedback, and
    no question or answer of it may be empty or stand there twice.
    """
    questions = []
    for number, line in enumerate(text.splitlines(), 1):
        mark, rest = line[:1].replace("\t", " "), line[1:].strip()
        if not line.strip() or mark == "#":
            continue
        if mark == " " and re.match(r"[?+-](\s|$)", rest):
            raise InputError(
                f"{name}, line {number}: {rest[0]} stands behind a blank; a question or an answer begins its line"
            )
        if mark == "?":
            questions.append((rest, []))
        elif mark in "+-" and questions:
            questions[-1][1].append([rest, mark == "+", ""])
        elif mark == " " and questions and questions[-1][1]:
            answer = questions[-1][1][-1]
            answer[2] = f"{answer[2]} {rest}".strip()
        elif mark == " " and questions:
            questions[-1] = (f"{questions[-1][0]} {rest}".strip(), questions[-1][1])
        else:
            raise InputError(f"{name}, line {number}: a line begins with ?, -, + or a blank, and with a question first")
    asked = [question.casefold() for question, _ in questions]
    for question, answers in questions:
        if not question or asked.count(question.casefold()) > 1:
            what = f"{question!r} is asked twice" if question else "a question has no words"
            raise InputError(f"{name}: {what}; each question needs words of its own")
        choices = [answer.casefold() for answer, _, _ in answers]
        if not all(choices) or len(set(choices)) < len(choices):
            raise InputError(
                f"{name}: {question!r} has an answer without words, or one twice; each answer needs words of its own"
            )
        if len(answers) < 2 or sum(right for _, right, _ in answers) != 1:
            raise InputError(f"{name}: {question!r} needs two answers or more, exactly one of them right")
        if not all(feedback for _, _, feedback in answers):
            raise InputError(f"{name}: {question!r} has an answer without feedback")
    if not questions:
        raise InputError(f"{name}: no question")
    return [Question(question, tuple(Answer(*answer) for answer in answers)) for question, answers in questions]


def _text(file, lesson):
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{lesson}/{file.name} is not written in UTF-8; save it so") from None


class Quiz(Explorer):
    """The questions of a lesson: `Quiz("01_cnn_classification")`.

    Raises `InputError` for a name without a quiz, and for a text that is none.
    """

    def __init__(self, name):
        super().__init__()
        known = lessons_with("quiz.txt")
        if name not in known:
            raise unknown("quiz", name, list(known))
        self.name = name
        self.questions = parse(_text(known[name], name), name)
        self.first_try = {}
        self.score = ipywidgets.HTML()
        parts = [self._ask(number, question) for number, question in enumerate(self.questions, 1)]
        self.box.children = [*parts, self.score, self.message, self.keys]

    def still(self, small=False):
        items = "".join(
            f"<li>{html.escape(question.text)}<ul>"
            + "".join(f"<li>{html.escape(answer.text)}</li>" for answer in question.answers)
            + "</ul></li>"
            for question in self.questions
        )
        return f"<p><b>Quiz</b> (run the cell to answer)</p><ol>{items}</ol>"

    def _ask(self, number, question):
        heading = ipywidgets.HTML(f"<b>{number}. {html.escape(question.text)}</b>", layout={"max_width": "46em"})
        feedback = ipywidgets.HTML()
        buttons = [self._button(number, answer, feedback) for answer in question.answers]
        return ipywidgets.VBox([heading, *buttons, feedback])

    def _button(self, number, answer, feedback):
        # A button for each answer: JupyterLab keeps the arrow keys that would move radio buttons.
        button = ipywidgets.Button(description=answer.text, layout={"width": "auto", "align_self": "flex-start"})
        self._on(button, self._answered, number, answer, feedback)
        return button

    @answering
    def _answered(self, number, answer, feedback):
        self.first_try.setdefault(number, answer.right)
        kind, words = ("right", "Yes.") if answer.right else ("wrong", "Not quite.")
        feedback.value = Box(kind, f"“{answer.text}” {words}", answer.feedback)._repr_html_()
        answered, right = len(self.first_try), sum(self.first_try.values())
        self.score.value = (
            f'<p role="status">{right} right at the first try, of {answered} answered; {len(self.questions)} in'
            " all.</p>"
        )
        with suppress(InputError):  # what is kept is for looking back: the quiz goes on without it
            note_answer(self.name, self.questions[number - 1].text, answer)
