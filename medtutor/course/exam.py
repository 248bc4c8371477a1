"""An exam from the lessons: questions whose numbers are drawn by a seed, with a key that is computed, not typed in.

A lesson's questions lie in its folder, `course/lessons/NN_name/exam.py`, one function each:

    @question("Of {ill} ill people {found} are found. What is the sensitivity?", "{:.2f}")
    def sensitivity(generator):
        ill = int(generator.integers(20, 60))
        …
        return {"ill": ill, "found": found}, [(key, why), (wrong, why not), (wrong, why not), (wrong, why not)]

The first of the four options is the key. The others come from misconceptions, each told in one sentence.
"""

import json
import os
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..errors import InputError, unknown
from ..files import resolve, write_text
from .lessons import lessons_with

LETTERS = "ABCD"
MINUS_NOTHING = re.compile(r"-0\.?0*")  # as a small number below 0 is printed
DRAWS = 200  # until four options differ as they are printed
FILES = ("exam.md", "key.md", "exam.json")

Options = list[tuple[Any, str]]


@dataclass(frozen=True)
class Question:
    """A question before its numbers are drawn.

    name  within its lesson
    text  with the names of what is drawn in braces
    form  how all four options are written, such as "{:.2f}"
    draw  generator (`numpy.random.Generator`) -> {name: what is drawn}, [(option, why), …], the key first
    """

    name: str
    text: str
    form: str
    draw: Callable[[np.random.Generator], tuple[dict[str, Any], Options]]


@dataclass(frozen=True)
class Asked:
    """A question with its numbers: four options, the letter of the key, and for each option why it is right or not."""

    name: str
    text: str
    options: dict[str, str]
    key: str
    why: dict[str, str]


def question(text: str, form: str = "{}") -> Callable[[Callable], Question]:
    """The decorator that makes a function which draws a `Question`, named as the function is.

    >>> @question("What is {a} + {b}?")
    ... def addition(generator):
    ...     a, b = generator.integers(3, 9, 2)
    ...     wrong = [(a * b, "Multiplied."), (a - b, "Subtracted."), (a, "The first alone.")]
    ...     return {"a": a, "b": b}, [(a + b, "The sum.")] + wrong
    >>> addition.name
    'addition'
    """
    return lambda draw: Question(draw.__name__, text, form, draw)


def questions() -> dict[str, list[Question]]:
    """{lesson: its questions}, of the lessons that have some."""
    found = {}
    for lesson in lessons_with("exam.py"):
        module = import_module(f"{__package__}.lessons.{lesson}.exam")
        found[lesson] = [each for each in vars(module).values() if isinstance(each, Question)]
    return found


def ask(lesson: str, asked: Question, seed: int = 0) -> Asked:
    """A question with the numbers of a seed. They do not hang on which other questions are asked.

    Raises `InputError` where no draw gave four options that differ as they are printed.
    """
    generator = np.random.default_rng([seed, zlib.crc32(f"{lesson}/{asked.name}".encode())])
    for _ in range(DRAWS):
        values, options = asked.draw(generator)
        shown = [asked.form.format(value) for value, _ in options]
        if len(options) == len(LETTERS) == len(set(shown)) and not any(map(MINUS_NOTHING.fullmatch, shown)):
            break
    else:
        raise InputError(f"{lesson}/exam.py: {asked.name} has no four different options; draw other numbers")
    order = generator.permutation(len(LETTERS))
    return Asked(
        asked.name,
        asked.text.format(**values),
        {letter: shown[place] for letter, place in zip(LETTERS, order, strict=True)},
        LETTERS[int(np.flatnonzero(order == 0)[0])],
        {letter: options[place][1] for letter, place in zip(LETTERS, order, strict=True)},
    )


def exam(lessons: Iterable[str] = (), seed: int = 0) -> tuple[dict[str, list[Asked]], list[str]]:
    """({lesson: its questions with numbers}, numbers of chosen lessons that have no questions yet).

    lessons  numbers such as "01"; all when left out
    seed     0 or more; another one gives other numbers and another order of the options

    Raises `InputError` for an unknown lesson, for a seed that is none, and where no chosen lesson has questions.

    >>> from medtutor.course.exam import exam
    >>> asked, missing = exam(["01"], seed=3)
    >>> len(asked["01_cnn_classification"]), missing
    (10, [])
    """
    seed = checks.seed(seed)
    known = {lesson[:2]: lesson for lesson in lessons_with("quiz.txt")}
    chosen = list(dict.fromkeys(lessons)) or list(known)
    for number in chosen:
        if number not in known:
            raise unknown("lesson", number, list(known))
    there = questions()
    missing = [number for number in sorted(chosen) if known[number] not in there]
    if len(missing) == len(chosen):
        have = ", ".join(lesson[:2] for lesson in there)
        raise InputError(f"lesson {', '.join(missing)} has no questions yet; choose from {have}")
    found = {known[number]: there[known[number]] for number in sorted(chosen) if number not in missing}
    return {lesson: [ask(lesson, each, seed) for each in given] for lesson, given in found.items()}, missing


def write_exam(out: str | os.PathLike, lessons: Iterable[str] = (), seed: int = 0) -> tuple[Path, dict, list[str]]:
    """Writes exam.md (the paper), key.md and exam.json; (folder, {lesson: how many questions}, lessons without any).

    out  a new or empty folder, or one that holds an exam that this made before, which is replaced

    The paper does not name the seed: whoever has it and medtutor has the key, too.

    Raises `InputError` for a folder that holds something else or cannot be written, and what `exam` raises.
    """
    target = resolve(out)
    if target.exists() and not target.is_dir():
        raise InputError(f"{out} is a file; give the name of a folder")
    if target.exists() and {each.name for each in target.iterdir()} - set(FILES):
        raise InputError(f"{out} holds other files; give a new folder, or an empty one")
    place = target if target.exists() else target.absolute().parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise InputError(f"{out} cannot be written; choose a folder inside one that can")
    asked, missing = exam(lessons, seed)
    target.mkdir(parents=True, exist_ok=True)
    record = {"seed": seed, "lessons": {lesson: [asdict(each) for each in given] for lesson, given in asked.items()}}
    for name, text in zip(FILES, (_paper(asked), _key(asked, seed), json.dumps(record, indent=1) + "\n"), strict=True):
        write_text(target / name, text)
    return target, {lesson: len(given) for lesson, given in asked.items()}, missing


def _paper(asked):
    count = sum(map(len, asked.values()))
    head = (
        f"# Exam\n\nName: ____________________  Date: ____________\n\n{count} questions. One option of each is right."
    )
    return _written(head, asked, lambda each: "\n".join(f"- ({x}) {option}" for x, option in each.options.items()))


def _key(asked, seed):
    def answered(each):
        right = f"**({each.key}) {each.options[each.key]}** {each.why[each.key]}\n"
        wrong = [f"- ({x}) {option}: {each.why[x]}" for x, option in each.options.items() if x != each.key]
        return "\n".join([right, *wrong])

    return _written(f"# Key\n\nSeed {seed}. Keep this file and exam.json to yourself.", asked, answered)


def _written(head, asked, answers):
    """Markdown: a heading for each lesson, and its questions numbered throughout."""
    parts, number = [head], 0
    for lesson, given in asked.items():
        parts.append(f"## Lesson {lesson[:2]}: {lesson[3:].replace('_', ' ')}")
        for each in given:
            number += 1
            parts.append(f"**{number}.** {each.text}\n\n{answers(each)}")
    return "\n\n".join(parts) + "\n"
