"""What the students of a class have done, from the files that they hand in: `medtutor course progress` writes one.

A file is believed only after it was checked, and is bounded in size. What cannot be read is left out, with a sentence.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import number, one_of, text, whole
from ..errors import InputError
from ..files import resolve
from ..records import read_json, typed
from .table import Table

FORMAT = 1  # of the file
BYTES, FILES, ENTRIES, LETTERS, TIMES = 300_000, 500, 1000, 400, 100_000  # more is no student's
NEAR = 0.1  # of the range of a prediction: a guess so far off, or less, is near the result
LARGEST = 1e12  # number of a prediction
MOST = 200  # rows of a table
FEW = 5  # students: a share of fewer says little
ALL = "all"
MADE_UP = "MADE-UP CLASS: drawn by chance, no student"
# what is shown: (head of its column of names, what its share is)
VIEWS = {
    "mistakes": ("mistake", "given the hint for it, of those who attempted the exercise"),
    "predictions": ("question", "near the result, of those who committed a guess"),
    "quiz": ("question", "right at the first answer, of those who answered"),
}
ORDERS = ("highest first", "lowest first", "by lesson")


@dataclass(frozen=True)
class Checked:
    """An exercise: answers that were looked at until one was right, and how often the hint for which mistake came."""

    lesson: str
    attempts: int
    solved: bool
    mistakes: dict[str, int]


@dataclass(frozen=True)
class Predicted:
    """A guess, and the result that was first shown after it: two numbers in low…high, or two texts."""

    lesson: str
    question: str
    guess: Any
    result: Any
    low: float | None = None
    high: float | None = None

    @property
    def near(self) -> bool:
        """Whether a text is the result, and a number at most `NEAR` of the range away from it."""
        if isinstance(self.guess, str):
            return self.guess == self.result
        assert self.low is not None and self.high is not None  # `progress_of` has looked
        return abs(self.guess - self.result) <= NEAR * (self.high - self.low) * (1 + 1e-9)  # 0.9 - 0.8 is above 0.1


@dataclass(frozen=True)
class Answered:
    """The first answer to a question of a quiz."""

    answer: str
    right: bool


@dataclass(frozen=True)
class Progress:
    """What one student has done.

    student      a random text that tells files of different students apart, and nothing else
    name         what the student wants to be called; None: not told
    checks       by exercise; predictions by key, such as "01/mlp"; quizzes by lesson and question
    """

    format: int
    student: str
    checks: dict[str, Checked]
    predictions: dict[str, Predicted]
    quizzes: dict[str, dict[str, Answered]]
    name: str | None = None


def progress_of(record: object) -> Progress:
    """The `Progress` that a JSON object holds. Raises `InputError` for anything that is none, or too large."""
    if isinstance(record, dict) and type(record.get("format")) is int and record["format"] != FORMAT:
        raise InputError("it was written by another version of medtutor")
    found = typed("", record, Progress)
    _bounded("format", found.format, FORMAT)
    _line("student", found.student)
    if found.name is not None:
        _line("name", found.name)
    for entries in (found.checks, found.predictions, found.quizzes, *found.quizzes.values()):
        _names(entries)
    for one in found.checks.values():
        _lesson(one.lesson)
        _names(one.mistakes)
        for count in (one.attempts, *one.mistakes.values()):
            _bounded("a count", count, TIMES)
    for one in found.predictions.values():
        _lesson(one.lesson)
        _line("question", one.question)
        if isinstance(one.guess, str):
            _line("guess", one.guess)
            _line("result", one.result)
            continue
        for what, value in (("guess", one.guess), ("result", one.result), ("low", one.low), ("high", one.high)):
            number(what, value, -LARGEST, LARGEST)
        number("high", one.high, above=one.low)
    for questions in found.quizzes.values():
        for one in questions.values():
            _line("answer", one.answer)
    return found


def _bounded(what, value, most):
    whole(what, value, 0, most)


def _line(what, value):
    if len(text(what, value)) > LETTERS:
        raise InputError(f"{what} is longer than {LETTERS} letters")


def _lesson(value):
    if len(text("lesson", value)) > 2:
        raise InputError("a lesson is no number such as 01")


def _names(entries):
    if len(entries) > ENTRIES:
        raise InputError(f"it holds more than {ENTRIES} entries of one kind")
    for name in entries:
        _line("a name", name)


@dataclass(frozen=True)
class Row:
    """What `many` of `of` students did at one cell: a mistake of an exercise, a prediction, a question of a quiz."""

    lesson: str
    cell: str
    what: str
    many: int
    of: int

    @property
    def share(self) -> float:
        """many / of."""
        return self.many / self.of


@dataclass(frozen=True)
class Classroom:
    """The students of a class, and a sentence for each file that was left out.

    made_up  drawn by chance, of no students
    """

    students: tuple[Progress, ...]
    left_out: tuple[str, ...] = ()
    made_up: bool = False

    @property
    def lessons(self) -> list[str]:
        """The numbers of the lessons in which anything was done."""
        return sorted({row.lesson for view in VIEWS for row in self.rows(view)})

    def rows(self, view: str, lesson: str = ALL, order: str = "by lesson") -> list[Row]:
        """The `Row`s of one of `VIEWS`, of a lesson or `ALL`, in one of `ORDERS`. Raises `InputError` for others."""
        one_of("view", view, VIEWS)
        one_of("order", order, ORDERS)
        many: Counter = Counter()
        of: Counter = Counter()
        for student in self.students:
            for place, counted in getattr(self, f"_{view}")(student):
                many[place] += counted
                of[place[:2]] += view == "mistakes" and place[2] == ""
                of[place] += view != "mistakes"
        found = [
            Row(number, cell, what, times, of[(number, cell) if view == "mistakes" else (number, cell, what)])
            for (number, cell, what), times in sorted(many.items())
            if what and lesson in (ALL, number)
        ]
        if order != "by lesson":
            sign = -1 if order == "highest first" else 1
            found.sort(key=lambda row: (sign * row.share, -row.of))
        return found

    # (lesson, cell, what) of each thing that a student did, and whether it counts

    @staticmethod
    def _mistakes(student):
        for name, one in student.checks.items():
            if one.attempts:
                yield (one.lesson, name, ""), False
                yield from (((one.lesson, name, mistake), True) for mistake, times in one.mistakes.items() if times)

    @staticmethod
    def _predictions(student):
        yield from (((one.lesson, key, one.question), one.near) for key, one in student.predictions.items())

    @staticmethod
    def _quiz(student):
        for lesson, questions in student.quizzes.items():
            yield from (((lesson[:2], "quiz", question), one.right) for question, one in questions.items())

    def table(self, view: str, lesson: str = ALL, order: str = "highest first") -> Table:
        """The first `MOST` of the `rows` as a `Table`."""
        name, share = VIEWS[one_of("view", view, VIEWS)]
        found = self.rows(view, lesson, order)
        rows = [[row.lesson, row.cell, row.what, row.many, row.of, f"{row.share:.0%}"] for row in found[:MOST]]
        caption = f"{MADE_UP}. " if self.made_up else ""
        caption += f"{view.capitalize()}: students {share}"
        if len(found) > MOST:
            caption += f"; the first {MOST} of {len(found)}"
        return Table(["lesson", "cell", name, "students", "of", "share"], rows, caption)


def read_class(folder: str | PathLike) -> Classroom:
    """The `Classroom` of all files NAME.json in a folder.

    Left out, each with a sentence: what is no such file or too large, and a student's second file. Raises `InputError`
    for what is no folder, and for one without any file that can be read.
    """
    folder = resolve(folder)
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise InputError(f"{folder} is no folder that can be read ({error.strerror}); give that of the files") from None
    students: dict[str, Progress] = {}
    owners: dict[str, str] = {}
    left_out = []
    for path in paths[:FILES]:
        try:
            found = _read(path)
            if found.student in students:
                raise InputError(f"it is of the same student as {owners[found.student]}; remove one of them")
            students[found.student], owners[found.student] = found, path.name
        except InputError as error:
            left_out.append(f"{path.name[:LETTERS]} was left out: {' '.join(str(error).split())[:LETTERS]}.")
    if len(paths) > FILES:
        left_out.append(f"{len(paths) - FILES} more files were left out: at most {FILES} are read.")
    if not students:
        why = f" ({left_out[0]})" if left_out else ""
        raise InputError(
            f"{folder} holds no progress of a student{why}; collect what medtutor course progress --out me.json wrote"
        )
    return Classroom(tuple(students.values()), tuple(left_out))


def _read(path: Path) -> Progress:
    if not path.is_file():
        raise InputError("it is no file")
    try:
        if path.stat().st_size > BYTES:
            raise InputError(f"it is larger than {BYTES:,} bytes")
        record = read_json(path)
    except OSError as error:
        raise InputError(f"it cannot be read ({error.strerror})") from None
    except InputError:  # which is a ValueError, too
        raise
    except ValueError:
        raise InputError("it is no JSON") from None
    return progress_of(record)


# --- a made-up class ---------------------------------------------------------------------

_EXERCISES = {
    ("01", "auc"): {"ties are counted as wins": 0.4, "the classes are swapped": 0.2},
    ("01", "cross_correlate"): {"the kernel is flipped": 0.5, "the border is kept": 0.15},
    ("03", "dice"): {"the union is counted once": 0.35, "empty masks give zero": 0.6},
}
_GUESSES = {
    ("01", "01/mlp"): ("Which AUC does the MLP reach?", 0.97, 0.12),
    ("03", "03/skips"): ("What Dice without skip connections?", 0.71, 0.05),
}
_QUESTIONS = {
    "01": {"Why is accuracy not enough?": 0.8, "What does pooling throw away?": 0.45},
    "03": {"What is a skip?": 0.9},
}


def made_up_class(count: int = 24, seed: int = 0) -> Classroom:
    """A class of `count` students that do not exist, drawn by chance: to look at what a class is shown as.

    >>> made_up_class(3).made_up
    True
    """
    generator = np.random.default_rng(seed)
    return Classroom(
        tuple(_made_up_student(f"made up {i}", generator) for i in range(whole("count", count, 1, 1000))), made_up=True
    )


def _made_up_student(student, generator):
    def drawn(shares: Iterable[tuple[str, float]]):
        return [name for name, share in shares if generator.random() < share]

    checks = {}
    for (lesson, name), shares in _EXERCISES.items():
        mistakes = dict.fromkeys(drawn(shares.items()), 1)
        checks[name] = Checked(lesson, 1 + len(mistakes), True, mistakes)
    predictions = {
        key: Predicted(lesson, question, float(np.clip(generator.normal(result, off), 0, 1)), result, 0.0, 1.0)
        for (lesson, key), (question, result, off) in _GUESSES.items()
    }
    quizzes = {}
    for lesson, shares in _QUESTIONS.items():
        right = drawn(shares.items())
        quizzes[lesson] = {question: Answered("an answer", question in right) for question in shares}
    return Progress(FORMAT, student, checks, predictions, quizzes)
