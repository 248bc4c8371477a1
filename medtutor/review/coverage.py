"""What the review names, and where in the course each of it lives; a page that goes with the article."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..checks import one_of
from ..records import typed
from ..reports.table import aligned, markdown_table
from .claims import claims, judge
from .literature import LISTS, works
from .places import LESSONS, lesson_name, link, shown_in
from .prisma import UNKNOWN, flows

KINDS = ("family", "modality", "process", "challenge", "concern", "direction", "work")
HEAD = ("kind", "named", "where", "claims")
TO_COME = "to come"


@dataclass(frozen=True)
class Named:
    """Something that the review or its lists name.

    kind  one of `KINDS`
    lesson, cell  number of the lesson and heading in it, "" for the beginning
    """

    kind: str
    name: str
    lesson: str
    cell: str = ""
    note: str = ""

    def __post_init__(self):
        one_of("kind", self.kind, KINDS)
        one_of("lesson", self.lesson, LESSONS)

    @property
    def is_there(self) -> bool:
        """Whether the lesson is written."""
        return lesson_name(self.lesson) is not None

    @property
    def claims(self) -> int:
        """How many claims are tested in that lesson."""
        return sum(claim.lesson == lesson_name(self.lesson) for claim in claims())


@cache
def coverage() -> tuple[Named, ...]:
    """All that the abstract names, then the 22 listed works: (`Named`, …).

    >>> from medtutor.review import coverage
    >>> sum(each.kind == "family" for each in coverage()), sum(each.kind == "work" for each in coverage())
    (9, 22)
    """
    text = files(__package__).joinpath("coverage.toml").read_text(encoding="utf-8")
    named = [typed("named", table, Named) for table in tomllib.loads(text)["named"]]
    for each in works():
        if each.listed != "canonical":
            named.append(Named("work", f"{each.name}: {each.about}", each.lesson, each.cell, LISTS[each.listed]))
    return tuple(named)


def missing(rows: Sequence[Named]) -> list[str]:
    """Sentences on what is still to come, one a lesson.

    >>> missing([])
    []
    """
    names: dict[str, list[str]] = {}
    for each in rows:
        if not each.is_there:
            names.setdefault(each.lesson, []).append(each.name)
    return [f"lesson {lesson} is to come: {'; '.join(names[lesson])}" for lesson in sorted(names)]


def as_text(rows: Sequence[Named]) -> str:
    """The table for a terminal."""
    lines = [(each.kind, each.name[:70], shown_in(each.lesson, each.cell), str(each.claims or "")) for each in rows]
    return aligned([HEAD, *lines])


def as_markdown(rows: Sequence[Named], folder: str = "notebooks/") -> str:
    """The table for a page, with links to the lessons in `folder`."""
    lines = []
    for each in rows:
        place, target = shown_in(each.lesson, each.cell), link(each.lesson, each.cell)
        where = f"[{place}]({folder}{target})" if target else place
        note = f" ({each.note})" if each.note else ""
        lines.append((each.kind, f"{each.name}{note}", where, str(each.claims or "")))
    return markdown_table(HEAD, lines)


def companion() -> str:
    """One page, as Markdown, that goes with the article: what it is, what of it the course runs, what was not seen.

    >>> companion().splitlines()[0]
    '# A companion to the review'
    """
    rows, review = coverage(), works()[0]
    words = Counter(judge(claim)[1].word for claim in claims())
    there = sum(each.is_there for each in rows)
    found = ", ".join(f"{count} {word}" for word, count in words.most_common())
    flow = flows()["shobayo-2025"]
    parts = [
        "# A companion to the review",
        f"{review.reference}, https://doi.org/{review.doi}",
        review.method,
        f"**Not seen:** {review.unread} Nothing is attributed to it that was not seen. Its PRISMA counts are"
        f" '{UNKNOWN}': {flow.source}.",
        f"**In the course:** {there} of {len(rows)} things that its abstract and lists name have a place;"
        f" {len(claims())} sentences are tested as claims of ours: {found} (`medtutor trial report`).",
        *_kinds(rows),
        *(["**To come:** " + "; ".join(missing(rows)) + "."] if missing(rows) else []),
        "`medtutor review coverage` lists all of it; `medtutor review literature --format bib` gives the works;"
        " `medtutor review prisma COUNTS.csv --out FLOW.svg` draws a flow diagram. For teaching and research, not for"
        " clinical use.",
    ]
    return "\n\n".join(parts)


def _kinds(rows):
    for kind in KINDS[:-1]:
        named = [f"{each.name} ({each.lesson})" for each in rows if each.kind == kind]
        yield f"**{kind.capitalize()}:** {', '.join(named)}"
    listed = [each for each in works() if each.listed != "canonical"]
    unread = sum(not each.numbers for each in listed)
    yield f"**Works:** {len(listed)} listed around it (similar, citing, cited); of {unread} no numbers could be read."
