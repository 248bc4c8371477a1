"""What a student has done, cell by cell, in `progress.json` beside the guesses: for the student, and to hand in.

It never leaves the machine by itself: `medtutor course progress --out me.json` writes it to a file, without a name.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from ..checks import text
from ..errors import InputError
from ..files import write_text
from ..records import read_json
from ..reports import Table
from ..reports.classroom import FORMAT, LETTERS, Progress, progress_of
from .kept import change, guesses_file, kept

_EMPTY: dict = {"format": FORMAT, "checks": {}, "predictions": {}, "quizzes": {}}
HEAD = ("lesson", "cell", "attempts", "solved", "hints", "guess", "result")


def progress(lesson: str | None = None) -> Table:
    """What is kept of you on this machine, a row for each cell that you worked on.

    lesson  its number, such as "01"; all of them when left out

    Attempts are counted until the check passes; hints are those for a mistake that the exercise knows. A guess stands
    beside the result that you saw first after it, and of a quiz the first answer counts. Raises `InputError` for a
    lesson that is no text, and for a file of another version.

    >>> progress("99").head[:3]
    ('lesson', 'cell', 'attempts')
    """
    wanted = None if lesson is None else text("lesson", lesson)[:2]
    rows = [row for row in sorted(_rows(kept_progress()), key=lambda row: row[:2]) if wanted in (None, row[0])]
    return Table(HEAD, rows, "What you have done, by cell" if rows else "Nothing is kept yet")


def _rows(found):
    solved = kept()
    for name, one in found.checks.items():
        done = one.solved or f"solved/{name}" in solved
        hints = ", ".join(f"{mistake} ({times})" for mistake, times in one.mistakes.items())
        yield one.lesson, f"check.{name}", one.attempts, "yes" if done else "no", hints or "none", "", ""
    for key, one in found.predictions.items():
        pair = [value if isinstance(value, str) else f"{value:.3g}" for value in (one.guess, one.result)]
        yield one.lesson, f"prediction {key}", "", "", "", *pair
    for lesson, questions in found.quizzes.items():
        for question, one in questions.items():
            yield lesson[:2], f"quiz: {question}", 1, "yes" if one.right else "no", "", one.answer, ""


def kept_progress() -> Progress:
    """The `Progress` that is kept here; an empty one where nothing is, or what is there is damaged.

    Raises `InputError` for a file of another version.
    """
    path = _file()
    try:
        record = read_json(path) if path else {}
    except (OSError, ValueError):
        record = {}
    return progress_of(record if _fits(record) else _EMPTY | {"student": uuid4().hex})


def export_progress(path: str, name: str | None = None) -> None:
    """Write what is kept to a file that can be handed in, with a name where one is given.

    Raises `InputError` for a name that is no line of text, and where the file cannot be written.
    """
    _note(lambda record: None)  # so that a student who hands in twice is known by the same random text
    record = asdict(kept_progress())
    if name is not None:
        record["name"] = text("name", name)[:LETTERS]
    write_text(path, json.dumps(record, indent=1) + "\n")


def note_check(name: str, lesson: str, right: bool, mistake: str | None) -> None:
    """Count an answer to an exercise, until one was right; `mistake` is the one whose hint was given."""

    def changed(record):
        one = record["checks"].setdefault(name, {"lesson": lesson, "attempts": 0, "solved": False, "mistakes": {}})
        if not one["solved"]:
            one["attempts"] += 1
            one["solved"] = right
            if mistake is not None:
                one["mistakes"][mistake] = one["mistakes"].get(mistake, 0) + 1

    _note(changed)


def note_prediction(prediction, result: float | str) -> None:
    """Keep a guess and the result; the first pair stays."""
    one = {"lesson": prediction.key[:2], "question": prediction.question[:LETTERS]}
    one |= {"guess": prediction.guess, "result": result}
    if not prediction.choices:
        one |= {"low": prediction.low, "high": prediction.high}
    _note(lambda record: record["predictions"].setdefault(prediction.key, one))


def note_answer(lesson: str, question: str, answer) -> None:
    """Keep the first answer to a question of a quiz."""
    one = {"answer": answer.text[:LETTERS], "right": answer.right}
    _note(lambda record: record["quizzes"].setdefault(lesson, {}).setdefault(question[:LETTERS], one))


def _note(changed: Callable[[dict], object]) -> None:
    def noted(record):
        record = record or {**copy.deepcopy(_EMPTY), "student": uuid4().hex}
        changed(record)
        return asdict(progress_of(record))  # never what could not be read again

    change(_file(), noted, _fits)


def _fits(record: object) -> bool:
    """Whether it is a record of this version, whole.

    Raises `InputError` for one of another version: a newer medtutor's is not written over.
    """
    if isinstance(record, dict) and type(record.get("format")) is int and record["format"] != FORMAT:
        raise InputError(f"{_file()} is another version's; update medtutor, or move the file away")
    try:
        progress_of(record)
    except InputError:
        return False
    return True


def _file() -> Path | None:
    guesses = guesses_file()
    return guesses and guesses.with_name("progress.json")
