"""What a student has done, cell by cell: attempts, hints, and predictions beside results."""

from collections import Counter
from dataclasses import dataclass

from ..checks import text
from ..reports import Table
from .kept import SCHEMA, recorded
from .lessons import lessons_with

LONGEST = 60  # characters of a name


@dataclass(frozen=True)
class Attempts:
    """A check: how often it looked at an answer, whether one was right, and {mistake: how often its hint was given}."""

    name: str
    attempts: int
    solved: bool
    mistakes: dict[str, int]


@dataclass(frozen=True)
class Guess:
    """A prediction at its first look at the result.

    off  how far: of a choice 0 or 1, of a number as a share of the range that was offered
    """

    name: str
    guess: str
    result: str
    off: float


@dataclass(frozen=True)
class Progress:
    """All that a student has done.

    name     None unless the student gives one
    quizzes  {"lesson/number of the question": whether the first answer was right}
    """

    schema: int
    name: str | None
    checks: tuple[Attempts, ...]
    predictions: tuple[Guess, ...]
    quizzes: dict[str, bool]


def summary(name: str | None = None) -> Progress:
    """The `Progress` that is kept on this machine. Raises `InputError` for a name that is no text."""
    checks: dict[str, list[dict]] = {}
    guesses: dict[str, Guess] = {}
    quizzes: dict[str, bool] = {}
    for event in recorded():
        try:
            kind, cell = event["kind"], str(event["name"])
            if kind == "check":
                checks.setdefault(cell, []).append({"right": bool(event["right"]), "mistake": event["mistake"]})
            elif kind == "prediction":
                guess = Guess(cell, str(event["guess"]), str(event["result"]), float(event["off"]))
                guesses.setdefault(cell, guess)  # whoever knows the result guesses no more
            elif kind == "quiz":
                quizzes.setdefault(cell, bool(event["right"]))
        except (LookupError, TypeError, ValueError):  # a line that somebody has changed
            continue
    done = (
        Attempts(
            cell,
            len(tries),
            any(each["right"] for each in tries),
            dict(Counter(str(each["mistake"]) for each in tries if each["mistake"])),
        )
        for cell, tries in checks.items()
    )
    named = None if name is None else text("name", name)[:LONGEST]
    return Progress(SCHEMA, named, tuple(done), tuple(guesses.values()), quizzes)


def progress() -> Table:
    """What you have done, a row for each cell: attempts, hints, your prediction and the result.

    It is kept on this machine alone; `medtutor course progress --out FILE` writes it to a file that you can hand in.

    >>> from medtutor.course import progress
    >>> progress().head
    ('cell', 'attempts', 'hints', 'outcome')
    """
    done = summary()
    rows: list[tuple[object, ...]] = [
        (f"check.{each.name}", each.attempts, sum(each.mistakes.values()), "right" if each.solved else "not yet")
        for each in done.checks
    ]
    rows += [(f"prediction {each.name}", 1, 0, f"said {each.guess}, is {each.result}") for each in done.predictions]
    for lesson in lessons_with("quiz.txt"):
        first = [right for cell, right in done.quizzes.items() if cell.startswith(f"{lesson}/")]
        if first:
            rows.append((f"quiz {lesson}", len(first), 0, f"{sum(first)} of {len(first)} right at the first try"))
    return Table(("cell", "attempts", "hints", "outcome"), rows, "What you have done")
