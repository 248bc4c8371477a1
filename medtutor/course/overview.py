"""The map of the course, made of the lessons that are there, with what the student has done of each."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path

from ..figures import BLUE, GREEN, GREY, VERMILION
from ..files import resolve
from ..review.coverage import Named, coverage
from ..review.places import LESSONS, lesson_name
from .kept import kept
from .lessons import lessons_with

# What the review's abstract names, and the part of the map where its lessons stand; a lesson stands where the first
# of these is that is in it.
PARTS = {
    "family": ("The techniques", BLUE),
    "challenge": ("What holds them back", VERMILION),
    "concern": ("What holds them back", VERMILION),
    "direction": ("Into the clinic", GREEN),
    "process": ("All of it together", GREY),
}
GUESS = re.compile(r"""\bPrediction\(\s*["']([^"']+)["']""")
BOX = "flex:1 1 15em;max-width:24em;border:1px solid {0};border-left:6px solid {0};border-radius:4px;padding:6px 10px"


@dataclass(frozen=True)
class Stop:
    """One lesson on the map.

    title      as its notebook says; of one that is not beside, by its name
    link       to the notebook; None where it is not there
    named      what the review's abstract names and the lesson shows
    guesses, solved  (done, in all): the predictions that the student has committed, the exercises whose check passed
    """

    number: str
    title: str
    link: str | None
    named: tuple[str, ...]
    guesses: tuple[int, int]
    solved: tuple[int, int]

    @property
    def done(self) -> str:
        """How far the student has come, in words, such as "2 of 3 guesses"; "" where nothing is counted."""
        pairs = ((self.guesses, "guesses"), (self.solved, "exercises"))
        return ", ".join(f"{many} of {of} {what}" for (many, of), what in pairs if of)


class CourseMap:
    """What `course_map` gives: parts and their `Stop`s. It shows itself in a notebook as boxes with links.

    parts  {heading: [Stop, …]}
    """

    def __init__(self, parts: dict[str, list[Stop]], colours: dict[str, str]) -> None:
        self.parts, self._colours = parts, colours

    def __str__(self) -> str:
        lines = []
        for heading, stops in self.parts.items():
            lines.append(heading)
            lines += ["  " + " | ".join(filter(None, _words(stop))) for stop in stops]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = []
        for heading, stops in self.parts.items():
            boxes = "".join(_box(stop, self._colours[heading]) for stop in stops)
            rows.append(
                f'<p style="margin:0.6em 0 0.2em"><b>{html.escape(heading)}</b></p>'
                f'<div style="display:flex;flex-wrap:wrap;gap:8px">{boxes}</div>'
            )
        return f'<div style="max-width:62em">{"".join(rows)}</div>'


def course_map(folder: str | PathLike = ".") -> CourseMap:
    """The lessons of the course as a map, with links, and with the student's own progress.

    folder  where the notebooks are; that of the notebook that asks when left out

    A lesson is one that the package brings; it has a link where its notebook is in the folder. Progress is what is
    kept on this machine: committed guesses and exercises whose check passed. Raises `InputError` for what can be no
    path.

    >>> from medtutor.course import course_map
    >>> print(str(course_map()).splitlines()[0])
    Begin here
    """
    folder, done = resolve(folder), kept()
    names: dict[str, list[Named]] = {number: [] for number in LESSONS}
    for each in coverage():
        if each.kind in PARTS:
            names[each.lesson].append(each)
    parts: dict[str, list[Stop]] = {"Begin here": []}
    parts |= {heading: [] for heading, _ in PARTS.values()}
    for number, named in names.items():
        kinds = [each.kind for each in named]
        heading = next((PARTS[kind][0] for kind in PARTS if kind in kinds), "Begin here")
        if named or lesson_name(number):
            parts[heading].append(_stop(number, named, folder, done))
    colours = {"Begin here": GREY} | dict(PARTS.values())
    return CourseMap({heading: stops for heading, stops in parts.items() if stops}, colours)


def _stop(number: str, named: Sequence[Named], folder: Path, done: dict) -> Stop:
    lesson = lesson_name(number)
    names = tuple(dict.fromkeys(each.name for each in named))
    if lesson is None:
        return Stop(number, "to come", None, names, (0, 0), (0, 0))
    title, guesses = _of_notebook(folder / f"{lesson}.ipynb")
    exercises = []
    if lesson in lessons_with("exercises.py"):
        exercises = [each.name for each in import_module(f"{__package__}.lessons.{lesson}.exercises").EXERCISES]
    return Stop(
        number,
        title or lesson[3:].replace("_", " "),
        f"{lesson}.ipynb" if title else None,
        names,
        (sum(key in done for key in guesses), len(guesses)),
        (sum(f"solved/{name}" in done for name in exercises), len(exercises)),
    )


def _of_notebook(path):
    """(title, keys of its predictions) of a notebook; ("", ()) where there is none that can be read."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = {kind: [] for kind in ("markdown", "code")}
        for cell in cells:
            text.get(cell["cell_type"], []).append("".join(cell["source"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", ()
    heading = re.search(r"^# (.+)", "\n".join(text["markdown"]), re.M)
    keys = tuple(dict.fromkeys(GUESS.findall("\n".join(text["code"]))))
    return (heading[1].strip() if heading else path.stem), keys


def _words(stop):
    return [f"{stop.number} {stop.title}", "; ".join(stop.named), stop.done]


def _box(stop, colour):
    title = html.escape(f"{stop.number} {stop.title}")
    head = f'<a href="{html.escape(stop.link)}"><b>{title}</b></a>' if stop.link else f"<b>{title}</b>"
    lines = [head]
    if stop.named:
        lines.append(f"<small>{html.escape('; '.join(stop.named))}</small>")
    if stop.done:
        pairs = (stop.guesses, stop.solved)
        marks = "".join("●" * many + "○" * (of - many) for many, of in pairs)
        lines.append(f'<small><span aria-hidden="true">{marks}</span> {html.escape(stop.done)}</small>')
    return f'<div style="{BOX.format(colour)}">{"<br>".join(lines)}</div>'
