"""What each lesson takes: a student's minutes, counted; a processor's seconds and memory, as they were measured.

What was measured is kept in `notebooks/costs.json`, each lesson with a hash of the code that ran, and the table of
`docs/instructors.rst` is made from it.
"""

import hashlib
import json
import re
from pathlib import Path

from ..errors import MedtutorError
from ..files import write_text
from ..records import read_json
from ..reports.table import aligned
from .builder import read, sources
from .counting import count
from .execution import Cost

KEPT = "costs.json"  # in the folder of the notebooks
GUIDE = Path("docs", "instructors.rst")  # beside it
BEGIN, END = ".. What follows is written by: medtutor notebooks table --write\n\n", ".. So far.\n"


def record(notebooks: Path, source: Path, cost: Cost, on: str) -> None:
    """Keep what a lesson took, and write the guide's table anew.

    source  of the lesson; of other lessons what was kept stays
    cost    of its student notebook
    on      the machine, in a few words
    """
    kept = recorded(notebooks)
    kept[source.stem] = {
        "seconds": round(cost.worked),
        "own": round(cost.peak / 1e6),
        "mapped": round(cost.mapped / 1e6),
        "code": code_of(source),
        "on": on,
    }
    write_text(notebooks / KEPT, json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    write_guide(notebooks)


def recorded(notebooks: Path) -> dict[str, dict]:
    """{lesson: seconds (of the processor), own and mapped (megabytes), code (a hash), on (the machine)} of those that
    were measured.
    """
    path = notebooks / KEPT
    return read_json(path) if path.exists() else {}


def code_of(source: Path) -> str:
    """A hash of a lesson's code, as students get it: text that changes costs nothing."""
    cells = read(source, solved=False).cells
    return hashlib.sha256("\0".join(cell.source for cell in cells if cell.cell_type == "code").encode()).hexdigest()[
        :12
    ]


def table(notebooks: Path) -> str:
    """All lessons, in reStructuredText: minutes, seconds, megabytes, and where they were measured."""
    kept, rows, minutes, seconds, old = recorded(notebooks), [], 0, 0, False
    for source in sources(notebooks):
        own, found = count(source).minutes, kept.get(source.stem)
        minutes += own
        if found is None:
            rows.append((source.name[:2], str(own), "–", "–", "–"))
            continue
        seconds += found["seconds"]
        star = "" if found["code"] == code_of(source) else "*"
        old = old or bool(star)
        rows.append((source.name[:2], str(own), *(f"{found[name]}{star}" for name in ("seconds", "own", "mapped"))))
    head = [("lesson", "minutes", "seconds", "MB of its", "MB of files"), ("", "", "", "own", "")]
    rule = ["=" * max(map(len, column)) for column in zip(*head, *rows)]
    lines = [
        aligned([rule, *head, rule, *rows, rule]),
        "",
        f"All of them are {minutes} minutes, about {minutes / 60:.0f} hours.",
    ]
    if kept:
        lines[-1] += f" Those that were measured need {seconds / 60:.1f} minutes of the processor."
        lines += ["", "Measured on:", ""]
        lines += [f"- {on}" for on in sorted({each["on"] for each in kept.values()})]
    if old:
        lines += ["", "A star: measured before the lesson's code last changed."]
    return "\n".join(lines) + "\n\n"


def write_guide(notebooks: Path) -> Path:
    """Write the table into the guide; its path. Raises `MedtutorError` where the guide has no place for it."""
    path = notebooks.parent / GUIDE
    text = path.read_text(encoding="utf-8")
    parts = re.split(f"({re.escape(BEGIN)}).*?({re.escape(END)})", text, flags=re.S)
    if len(parts) != 4:
        raise MedtutorError(f"{path} has no place for the table: lines '{BEGIN.strip()}' and '{END.strip()}'")
    before, begin, end, after = parts
    write_text(path, f"{before}{begin}{table(notebooks)}{end}{after}")
    return path
