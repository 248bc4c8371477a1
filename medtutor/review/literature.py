"""The works around the review: what each is, what was seen of it, and where the course shows its technique.

What could not be read is said, and nothing stands in for it: an author who was not seen is "others", a title that was
not seen is left out.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from ..checks import one_of
from ..errors import InputError
from ..records import typed
from .bibliography import plain_doi, ris_text
from .places import LESSONS, link, shown_in
from .textfile import csv_text

LISTS = {"similar": "similar", "citing": "cites it", "cited": "cited by it", "canonical": "first paper"}
FAMILIES = ("CNN classification", "CNN segmentation", "U-Net", "RNN", "autoencoder", "GAN", "ViT", "hybrid")
SUBJECTS = ("small data", "interpretability", "privacy", "ethics and law", "reporting", "all families", "PRISMA")
MODALITIES = ("MRI", "CT", "ultrasound", "X-ray", "microscopy", "mixed", "not medical", "not seen")
SEEN = {
    "source": "seen in the source",
    "copy": "seen in third parties' copies, not in the paper itself",
    "list": "seen as it is listed, no further",
}
NO_TITLE = "title not seen"
FORMATS = ("bib", "ris", "csv")


@dataclass(frozen=True)
class Number:
    """Something that a work reports: what it says, where that was seen, and how, see `SEEN`."""

    says: str
    source: str
    seen: str

    def __str__(self):
        return f"{self.says} ({self.source}; {SEEN[self.seen]})"


@dataclass(frozen=True)
class Work:
    """A work around the review; the fields are explained at the head of literature.toml."""

    id: str
    listed: str
    authors: tuple[str, ...]
    about: str
    year: int
    family: str
    modality: tuple[str, ...]
    method: str
    seen: str
    seen_in: str
    title: str = ""
    journal: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    doi: str = ""
    arxiv: str = ""
    also: tuple[str, ...] = ()
    unread: str = ""
    lesson: str = ""
    cell: str = ""
    not_shown: str = ""
    numbers: tuple[Number, ...] = ()

    def __post_init__(self):
        one_of("list of works", self.listed, LISTS)
        for family in (self.family, *self.also):
            one_of("family", family, FAMILIES + SUBJECTS)
        for modality in self.modality:
            one_of("modality", modality, MODALITIES)
        for seen in (self.seen, *(each.seen for each in self.numbers)):
            one_of("way of seeing", seen, SEEN)
        if bool(self.lesson) == bool(self.not_shown):
            raise InputError("name either the lesson that shows it, or in not_shown why none does")
        if self.lesson:
            one_of("lesson", self.lesson, LESSONS)

    @property
    def name(self) -> str:
        """How it is called in a list: "Ding et al. 2024", "U-Net (Ronneberger et al. 2015)"."""
        first = self.authors[0].partition(",")[0] if self.authors else self.journal
        several = " et al." if len(self.authors) > 2 or "others" in self.authors else ""
        both = f" & {self.authors[1].partition(',')[0]}" if len(self.authors) == 2 and not several else ""
        short = f"{first}{both}{several} {self.year}"
        return f"{self.about} ({short})" if self.listed == "canonical" else short

    @property
    def families(self) -> tuple[str, ...]:
        """What it is about, the first first."""
        return (self.family, *self.also)

    @property
    def place(self) -> str:
        """Where the course shows its technique, in words; or that it does not, and why."""
        return shown_in(self.lesson, self.cell) if self.lesson else f"not shown: {self.not_shown}"

    @property
    def link(self) -> str | None:
        """The link to that cell, None where there is none yet."""
        return link(self.lesson, self.cell) if self.lesson else None

    @property
    def reference(self) -> str:
        """In one line, with what was seen only: "Azad, et al., Medical Image Segmentation Review: … (2024)"."""
        authors = ", ".join("et al." if author == "others" else author for author in self.authors)
        issue = f"{self.volume}{f'({self.number})' if self.number else ''}"
        where = " ".join(filter(None, (self.journal, ":".join(filter(None, (issue, self.pages))))))
        where = where or (f"arXiv:{self.arxiv}" if self.arxiv else "")
        parts = [authors or "authors not seen", self.title or f"{self.about} [{NO_TITLE}]", where]
        return f"{', '.join(filter(None, parts))} ({self.year})"


@cache
def works() -> tuple[Work, ...]:
    """All works, in the order of literature.toml: (`Work`, …).

    >>> from medtutor.review import works
    >>> sum(work.listed != "canonical" for work in works())
    22
    """
    return parse_works(files(__package__).joinpath("literature.toml").read_text(encoding="utf-8"))


def work(work_id: str) -> Work:
    """The work of that id. Raises `InputError` for an unknown one, with the nearest.

    >>> from medtutor.review import work
    >>> work("unet-2015").place
    'lesson 03, Why this family exists: the way down loses the place'
    """
    known = {each.id: each for each in works()}
    return known[one_of("work", work_id, known)]


def parse_works(text: str) -> tuple[Work, ...]:
    """(`Work`, …) from TOML. Raises `InputError` that names the work which is not well-formed, or two with one DOI.

    >>> parse_works("")
    ()
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"literature.toml cannot be read: {error}") from None
    found = []
    for work_id, table in tables.items():
        try:
            found.append(typed("", {"id": work_id, **table}, Work))
        except (InputError, TypeError) as error:
            raise InputError(f"literature.toml: work {work_id!r} is not well-formed ({error})") from None
    for field in ("doi", "arxiv"):
        seen: dict[str, str] = {}
        for each in found:
            value = plain_doi(getattr(each, field))
            if value and value in seen:
                raise InputError(f"literature.toml: works {seen[value]!r} and {each.id!r} have one {field}, {value}")
            seen[value] = each.id
    return tuple(found)


# --- out ---------------------------------------------------------------------------------------


def cite(chosen: Iterable[Work], form: str = "bib") -> str:
    """Works as text for a reference manager or a table.

    form  "bib" (BibTeX), "ris" or "csv"

    Raises `InputError` for another form.

    >>> from medtutor.review import cite, work
    >>> print(cite([work("dcgan-2015")], "bib").splitlines()[0])
    @misc{dcgan-2015,
    """
    one_of("format", form, FORMATS)
    made = {"bib": _bibtex, "ris": _ris, "csv": _csv}[form]
    return made(list(chosen))


def _note(each):
    return ". ".join(filter(None, [f"{SEEN[each.seen].capitalize()}: {each.seen_in}", each.unread.rstrip(".")])) + "."


def _bibtex(chosen):
    entries = []
    for each in chosen:
        values = {
            "author": " and ".join(each.authors),
            "title": f"{{{each.title}}}" if each.title else f"[{NO_TITLE}] {each.about}",
            "year": str(each.year),
            "journal": each.journal,
            "volume": each.volume,
            "number": each.number,
            "pages": each.pages.replace("-", "--"),
            "doi": each.doi,
            "eprint": each.arxiv,
            "archivePrefix": "arXiv" if each.arxiv else "",
            "note": _note(each),
        }
        lines = [
            f"  {key} = {{{value if key in ('doi', 'eprint') else _escaped(value)}}}"
            for key, value in values.items()
            if value
        ]
        entries.append(f"@{'article' if each.journal else 'misc'}{{{each.id},\n" + ",\n".join(lines) + "\n}\n")
    return "\n".join(entries)


def _escaped(value):
    for sign in "&%#_":
        value = value.replace(sign, f"\\{sign}")
    return value


def _ris(chosen):
    return ris_text(
        [
            ("TY", "JOUR" if each.journal else "GEN"),
            ("ID", each.id),
            ("TI", each.title or f"[{NO_TITLE}] {each.about}"),
            *(("AU", author) for author in each.authors if author != "others"),
            ("PY", str(each.year)),
            ("JO", each.journal),
            ("VL", each.volume),
            ("IS", each.number),
            ("SP", each.pages),
            ("DO", each.doi),
            ("UR", f"https://arxiv.org/abs/{each.arxiv}" if each.arxiv else ""),
            ("N1", _note(each)),
        ]
        for each in chosen
    )


def _csv(chosen: Sequence[Work]) -> str:
    names = [field.name for field in fields(Work)]
    rows = [[*(getattr(each, name) for name in names), each.place] for each in chosen]
    plain = [["; ".join(map(str, value)) if isinstance(value, tuple) else value for value in row] for row in rows]
    return csv_text([[*names, "place"], *plain])
