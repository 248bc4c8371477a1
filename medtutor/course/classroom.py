"""A class, from the files that its students handed in: which mistake is common, which prediction fails most."""

import re
from collections import Counter
from html import escape
from os import PathLike
from statistics import median

from ..checks import number, whole
from ..errors import InputError
from ..files import resolve
from ..records import read_json, typed
from ..reports import Table
from .check import exercises
from .kept import SCHEMA
from .lessons import lessons_with
from .progress import LONGEST, Progress

BYTES = 1_000_000  # of one file; a whole course takes some ten thousand
FAR = 0.1  # of the range: a number that is further off counts as failed
KEY = re.compile(rf"[0-9]{{2}}/[\w-]{{1,{LONGEST}}}")
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#16202c}
body{overflow-wrap:anywhere}table{border-collapse:collapse;margin:1em 0}caption{text-align:left;color:#566270}
th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid #dfe3e8;vertical-align:top}"""


def read_class(folder: str | PathLike) -> tuple[list[Progress], list[str]]:
    """What students handed in, and a sentence for each file that is left out.

    folder  holds files that `medtutor course progress --out FILE.json` wrote

    Raises `InputError` where there is no such folder, or no such file in it.
    """
    root = resolve(folder)
    if not root.is_dir():
        raise InputError(f"{folder} is no folder; give the one with the files that students handed in")
    found, left_out = [], []
    for path in sorted(root.glob("*.json")):
        try:
            found.append(_read(path))
        except InputError as error:
            left_out.append(f"{path.name} is left out: {error}")
    if not found and not left_out:
        raise InputError(f"{folder} holds no file; students write theirs with: medtutor course progress --out me.json")
    return found, left_out


def _read(path):
    if not path.is_file() or path.stat().st_size > BYTES:
        raise InputError(f"it is no file of at most {BYTES / 1e6:g} MB")
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read ({error})" if isinstance(error, OSError) else "it is no JSON") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise InputError(f"it is not of schema {SCHEMA}; write it again with: medtutor course progress --out me.json")
    done = typed("", value, Progress)
    _check_names(done)
    return done


def _check_names(done):
    """Raises `InputError` for what no student of this course can have done."""
    known = exercises()
    for kind in (done.checks, done.predictions):
        if len({each.name for each in kind}) < len(kind):
            raise InputError("a cell stands in it twice")
    for each in done.checks:
        if each.name not in known:
            raise InputError("it names an exercise that this version of the course does not have")
        names = {mistake.name for mistake in known[each.name].mistakes}
        for mistake, count in each.mistakes.items():
            if mistake not in names:
                raise InputError(f"it names a mistake that check.{each.name} does not have")
            whole("hints", count, 1, each.attempts)
        whole("attempts", each.attempts, 1)
    for each in done.predictions:
        if not KEY.fullmatch(each.name):
            raise InputError("it names a prediction that the course does not have")
        number("off", each.off, 0)
    quizzes = set(lessons_with("quiz.txt"))
    if any(cell.rpartition("/")[0] not in quizzes for cell in done.quizzes):
        raise InputError("it names a quiz that the course does not have")


def tables(found: list[Progress]) -> list[Table]:
    """Of a class: its exercises, its mistakes and its predictions, what needs most attention first."""
    checks = [each for student in found for each in student.checks]
    names = dict.fromkeys(each.name for each in checks)
    by_name = {name: [each for each in checks if each.name == name] for name in names}
    hardest = sorted(by_name.items(), key=lambda item: sum(each.solved for each in item[1]) / len(item[1]))
    hints = Counter[tuple[str, str]]()
    students = Counter[tuple[str, str]]()
    for each in checks:
        for mistake, count in each.mistakes.items():
            hints[each.name, mistake] += count
            students[each.name, mistake] += 1
    guesses = [each for student in found for each in student.predictions]
    by_key = {key: [each.off for each in guesses if each.name == key] for key in {each.name for each in guesses}}
    failed = sorted(
        ((key, len(off), sum(each > FAR for each in off)) for key, off in by_key.items()),
        key=lambda row: (-row[2] / row[1], row[0]),
    )
    return [
        Table(
            ("exercise", "students", "solved", "attempts, median"),
            [
                (f"check.{name}", len(all_of), sum(each.solved for each in all_of), _plain(all_of))
                for name, all_of in hardest
            ],
            "Exercises, the one that fewest solved first",
        ),
        Table(
            ("exercise", "mistake", "students", "hints"),
            [
                (f"check.{name}", mistake, count, hints[name, mistake])
                for (name, mistake), count in students.most_common()
            ],
            "Mistakes, the most common first",
        ),
        Table(
            ("prediction", "students", "failed"),
            failed,
            f"Predictions, the one that fails most first; a number fails where it is off by more than {FAR:.0%} of"
            " the range",
        ),
    ]


def _plain(all_of):
    return f"{median(each.attempts for each in all_of):g}"


def report(found: list[Progress], left_out: list[str]) -> str:
    """A class as one HTML page: tables, and which files were left out and why."""
    names = sorted(student.name for student in found if student.name)
    parts = [f"<p>{len(found)} students handed in a file, {len(names)} of them with a name.</p>"]
    for heading, table in zip(("Exercises", "Mistakes", "Predictions"), tables(found)):
        shown = table._repr_html_() if table.rows else "<p>Nobody has come so far.</p>"
        parts.append(f"<h2>{heading}</h2>{shown}")
    if names:
        parts.append(f"<h2>Names</h2><ul>{''.join(f'<li>{escape(name)}</li>' for name in names)}</ul>")
    if left_out:
        parts.append(f"<h2>Left out</h2><ul>{''.join(f'<li>{escape(each)}</li>' for each in left_out)}</ul>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>A class</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body><main><h1>A class</h1>{''.join(parts)}</main></body></html>\n"
    )
