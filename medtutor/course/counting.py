"""How long a lesson is, counted in one stated way: what stands in its title cell, and what the limits are held against.

A section whose heading begins with "Bonus: " is not counted, up to the next heading of its level.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from .. import explorers
from ..reports import Table
from .builder import read
from .quiz import Quiz

CODE_CELLS, WORDS, MINUTES = 45, 2000, 90
WORDS_A_MINUTE, SECONDS_A_LINE = 130, 6
# Minutes for each.
EXERCISE, EXPLORER, CARD, PREDICTION, QUESTION = 8, 4, 1, 1, 0.5
FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$\w])\$(?!\s)[^$\n]+(?<!\s)\$(?![\d$])", re.S)
ADDRESS = re.compile(r"\]\([^)]*\)|https?://\S+")
# `explorers.gallery(…)`, `mt.explore(…)`, or `draw_mask(…)` where it was imported.
_NAMES = "|".join([*filter(str.islower, explorers.__all__), "explore"])
SHOWN = re.compile(rf"^(?:\w+ = )?(?:explorers\.|mt\.)?(?:{_NAMES})\(", re.M)
FENCE = re.compile(r"^```.*?^```", re.S | re.M)


@dataclass(frozen=True)
class Counts:
    """What there is in a lesson, bonus parts left out.

    words    of prose, without addresses, formulas and the list of references
    lines    of code, without blank ones, as students get them
    links    to papers, in the list of references
    """

    code_cells: int
    words: int
    lines: int
    exercises: int
    explorers: int
    cards: int
    predictions: int
    questions: int
    formulas: int
    diagrams: int
    links: int

    @property
    def minutes(self) -> int:
        """How long a student takes, by the stated way of counting."""
        return round(
            self.words / WORDS_A_MINUTE
            + self.lines * SECONDS_A_LINE / 60
            + self.exercises * EXERCISE
            + self.explorers * EXPLORER
            + self.cards * CARD
            + self.predictions * PREDICTION
            + self.questions * QUESTION
        )

    @property
    def problems(self) -> list[str]:
        """What is above its limit, in sentences."""
        held = (
            ("code cells", self.code_cells, CODE_CELLS),
            ("words of prose", self.words, WORDS),
            ("minutes, as counted", self.minutes, MINUTES),
        )
        return [
            f"{count} {what}; at most {most}: shorten it, or head a section 'Bonus: …'"
            for what, count, most in held
            if count > most
        ]


def count(source: Path) -> Counts:
    """The `Counts` of a lesson's source. Raises `InputError` for a source that cannot be read."""
    text, code, references = [], [], ""
    bonus = False
    for cell in read(Path(source), solved=False, links=False).cells:
        if cell.cell_type == "code":
            if not bonus:
                code.append(cell.source)
            continue
        for section in re.split(r"^(?=##? )", cell.source, flags=re.M):
            if re.match(r"##? ", section):
                bonus = section.startswith("## Bonus: ")
            if section.startswith("## References"):
                references += section
            elif not bonus:
                text.append(section)
    prose, code = "\n\n".join(text), [each for each in code if each.strip()]
    calls = "\n".join(code)
    bare = ADDRESS.sub(" ", FORMULA.sub(" ", FENCE.sub(" ", prose)))
    quizzes = re.findall(r'Quiz\("(\w+)"\)', calls)
    return Counts(
        code_cells=len(code),
        words=sum(any(letter.isalnum() for letter in word) for word in bare.split()),
        lines=sum(bool(line.strip()) for line in calls.splitlines()),
        exercises=len(re.findall(r"^check\.\w+\(", calls, re.M)),
        explorers=len(SHOWN.findall(calls)),
        cards=len(re.findall(r"\bclaim\(", calls)),
        predictions=len(re.findall(r"\bPrediction\(", calls)),
        questions=sum(len(Quiz(name).questions) for name in quizzes),
        formulas=len(FORMULA.findall(prose)),
        diagrams=len(re.findall(r"\bfigures\.diagram\(", calls)),
        links=len(re.findall(r"\]\(https?://", references)),
    )


def overview(sources: list[Path]) -> Table:
    """What there is in each lesson, as `medtutor notebooks table` prints it."""
    head = ("lesson", "code cells", "words", "minutes", "exercises", "explorers", "formulas", "diagrams", "links")
    rows = []
    for source in sources:
        found = count(source)
        rows.append((source.stem, *(getattr(found, name.replace(" ", "_")) for name in head[1:])))
    return Table(head, rows)
