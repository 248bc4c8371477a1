"""Bibliographic records, in and out: RIS, and CSV as ASReview and SYNERGY have it.

RIS is a line for each value, `TY  - JOUR` to `ER  - `. Reference managers leave records open or begin in the middle;
a reader that skips those loses studies without a word, so here each is told with its line. Decisions travel as ASReview
writes them: in CSV a column `included` (1, 0 or empty), in RIS a note (`N1  - ASReview_relevant`).
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, count
from os import PathLike

from ..errors import InputError, shown
from ..files import resolve, write_text
from .textfile import csv_rows, csv_text, read_text

NOTES = {"ASReview_relevant": True, "ASReview_irrelevant": False, "ASReview_not_seen": None}
WORDS = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False, "": None}
# The columns that a field may have, the first that is there counts.
COLUMNS = {
    "key": ("key", "openalex_id", "record_id", "id"),
    "title": ("title", "primary_title"),
    "abstract": ("abstract", "notes_abstract"),
    "authors": ("authors", "author_names"),
    "year": ("year", "publication_year"),
    "journal": ("journal", "journal_name"),
    "doi": ("doi",),
    "included": ("asreview_label", "included", "label_included", "label"),
}
TAGS = {
    "title": ("TI", "T1"),
    "abstract": ("AB", "N2"),
    "authors": ("AU", "A1"),
    "year": ("PY", "Y1"),
    "journal": ("JO", "JF", "T2"),
    "doi": ("DO",),
    "key": ("ID",),
    "notes": ("N1",),
}
LINE = re.compile(r"([A-Z][A-Z0-9])  - ?(.*)$")


@dataclass(frozen=True)
class Record:
    """One record of a bibliographic database.

    key       tells it from the others of its file
    title, abstract  text, "" where unknown; one of them is there
    authors   ("Page, Matthew J.", …)
    year      None where unknown
    doi       as it is cited, without the address of a resolver, in small letters; "" where unknown
    included  the decision that came with it: True, False, or None
    notes     RIS notes that are no decision
    place     where it was read, for sentences: "line 12 of refs.ris"
    """

    key: str
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    journal: str = ""
    doi: str = ""
    included: bool | None = None
    notes: tuple[str, ...] = ()
    place: str = ""


def read_records(path: str | PathLike) -> list[Record]:
    """The records of a file whose name ends in .csv or .ris, in its order.

    Raises `InputError`, with the line, for a file that cannot be read, a record that is broken or has neither title nor
    abstract, a decision that is none, and a key that stands twice.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "two.csv"
    >>> written = file.write_text("title,doi,included\\nOn knees,10.1/A,1\\nOn mice,,0\\n")
    >>> [(record.title, record.doi, record.included) for record in read_records(file)]
    [('On knees', '10.1/a', True), ('On mice', '', False)]
    """
    found = resolve(path)
    kind = found.suffix.lower()
    if kind not in (".csv", ".ris"):
        raise InputError(f"{found.name} is neither .csv nor .ris; save the records as one of these")
    text = read_text(found, "a .csv or .ris file")
    return parse_ris(text, found.name) if kind == ".ris" else parse_csv(text, found.name)


def write_records(path: str | PathLike, records: Iterable[Record]) -> None:
    """Write records to a file whose name ends in .csv or .ris, whole or not at all. ASReview reads both.

    Raises `InputError` for another name, for what is no `Record`, and where the file cannot be written.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "one.ris"
    >>> write_records(file, [Record("k1", "On knees", included=True)])
    >>> read_records(file)[0].included
    True
    """
    target = resolve(path)
    kind = target.suffix.lower()
    if kind not in (".csv", ".ris"):
        raise InputError(f"{target.name} must end in .csv or .ris")
    given = list(records) if isinstance(records, Iterable) else [None]
    if not all(isinstance(record, Record) for record in given):
        raise InputError(f"records must be a list of Record, such as read_records gives, not {shown(records)}")
    write_text(target, as_ris(given) if kind == ".ris" else as_csv(given))


# --- CSV ---------------------------------------------------------------------------------------


def parse_csv(text: str, name: str = "the text") -> list[Record]:
    """Records from CSV text with a header; `name` is what sentences call it. Raises `InputError` as `read_records`.

    >>> [record.year for record in parse_csv("title,year\\nOn knees,2020\\n")]
    [2020]
    """
    csv.field_size_limit(10**7)  # an abstract may be long; its usual limit is 131,072 letters
    with csv_rows(text, name) as reader:
        names = [(column or "").strip().lower() for column in reader.fieldnames or ()]
        head = dict(zip(names, reader.fieldnames or ()))
        columns = {field: next((head[c] for c in given if c in head), None) for field, given in COLUMNS.items()}
        for column in filter(None, columns.values()):
            if names.count(column.strip().lower()) > 1:
                raise InputError(f"line 1 of {name}: the column {shown(column)} stands twice; leave one of them")
        if columns["title"] is None and columns["abstract"] is None:
            raise InputError(
                f"line 1 of {name}: there is no column title or abstract; the first line names the columns"
            )
        records: list[Record] = []
        line = 1
        for row in reader:
            place = f"line {line + 1} of {name}"
            line = reader.line_num
            if None in row or None in row.values():
                raise InputError(
                    f"{place}: it has not {len(names)} values, as the first line; quote values with commas"
                )
            values = {field: row[column].strip() if column else "" for field, column in columns.items()}
            records.append(_from_csv(values, place))
    return _each_once(records, name)


def _from_csv(values, place):
    decision = values.pop("included").lower()
    if decision.removesuffix(".0") not in WORDS:
        raise InputError(f"{place}: {shown(decision)} is no decision; write 1, 0, or nothing for not screened")
    authors = tuple(each.strip() for each in values.pop("authors").split(";") if each.strip())
    included = WORDS[decision.removesuffix(".0")]
    return _record(**values, authors=authors, included=included, place=place)


def as_csv(records: Iterable[Record]) -> str:
    """Records as CSV text with a header; decisions in `included` as 1, 0 or empty.

    >>> print(as_csv([Record("k1", "On knees", year=2020, included=False)]))
    key,title,abstract,authors,year,journal,doi,included
    k1,On knees,,,2020,,,0
    <BLANKLINE>
    """
    rows: list[Iterable] = [COLUMNS]
    for record in records:
        decision = "" if record.included is None else int(record.included)
        authors = "; ".join(record.authors)
        year = record.year or ""
        rows.append([record.key, record.title, record.abstract, authors, year, record.journal, record.doi, decision])
    return csv_text(rows)


# --- RIS ---------------------------------------------------------------------------------------


def parse_ris(text: str, name: str = "the text") -> list[Record]:
    """Records from RIS text; `name` is what sentences call it. Raises `InputError` as `read_records`.

    >>> parse_ris("TY  - JOUR\\nTI  - On knees\\nN1  - ASReview_relevant\\nER  - \\n")[0].included
    True
    """
    records: list[Record] = []
    fields: dict[str, list[str]] | None = None  # of the open record
    begun, last = 0, ""
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):  # `splitlines` also breaks within a title
        found = LINE.match(line.rstrip())
        tag, value = (found[1], found[2]) if found else ("", line)
        value, place = " ".join(value.split()), f"line {number} of {name}"
        if tag == "TY":
            if fields is not None:
                raise InputError(
                    f"{place}: a record begins (TY) before the one of line {begun} has ended; end it with 'ER  - '"
                )
            fields, begun, last = {}, number, ""
        elif fields is None:
            if tag:
                raise InputError(f"{place}: {tag} stands outside a record; a record begins with 'TY  - JOUR'")
            # Between records some write numbers or blank lines.
        elif tag == "ER":
            records.append(_from_ris(fields, f"line {begun} of {name}"))
            fields = None
        elif tag:
            fields.setdefault(tag, []).append(value)
            last = tag
        elif value:  # goes on from the line above
            if not last:
                raise InputError(f"{place}: {shown(value)} follows no tag; a line begins as in 'TI  - the title'")
            fields[last][-1] = f"{fields[last][-1]} {value}".strip()
    if fields is not None:
        raise InputError(f"line {begun} of {name}: the record that begins here never ends; end it with 'ER  - '")
    if not records and text.strip():
        raise InputError(f"line 1 of {name}: there is no record; a record begins with 'TY  - JOUR'")
    return _each_once(records, name)


def _from_ris(fields, place):
    given = {field: [value for tag in tags for value in fields.get(tag, ())] for field, tags in TAGS.items()}
    notes = [re.sub(r"^<p>|</p>$", "", note) for note in given.pop("notes")]  # as Zotero wraps them
    decisions = {NOTES[note] for note in notes if note in NOTES}
    if len(decisions) > 1:
        raise InputError(f"{place}: its notes hold two decisions; leave one N1  - ASReview_… in it")
    return _record(
        **{field: (values or [""])[0] for field, values in given.items() if field not in ("authors", "key")},
        key=(given["key"] or [""])[0],
        authors=tuple(given["authors"]),
        included=decisions.pop() if decisions else None,
        notes=tuple(note for note in notes if note not in NOTES and note),
        place=place,
    )


def as_ris(records: Iterable[Record]) -> str:
    """Records as RIS text, journal articles; decisions as ASReview's notes.

    >>> print(as_ris([Record("k1", "On knees", included=False)]))
    TY  - JOUR
    ID  - k1
    TI  - On knees
    N1  - ASReview_irrelevant
    ER  -
    <BLANKLINE>
    """
    return ris_text(_pairs(record) for record in records)


def _pairs(record):
    yield from (("TY", "JOUR"), ("ID", record.key), ("TI", record.title))
    yield from (("AU", author) for author in record.authors)
    yield from (("PY", str(record.year or "")), ("JO", record.journal), ("DO", record.doi), ("AB", record.abstract))
    if record.included is not None:
        yield "N1", next(note for note, decision in NOTES.items() if decision is record.included)
    yield from (("N1", note) for note in record.notes)


def ris_text(entries: Iterable[Iterable[tuple[str, str]]]) -> str:
    """RIS text of entries of (tag, value), the first `TY`; empty values are left out.

    >>> ris_text([[("TY", "GEN"), ("TI", "On knees"), ("DO", "")]])
    'TY  - GEN\\nTI  - On knees\\nER  - \\n\\n'
    """
    lines = []
    for entry in entries:
        lines += [f"{tag}  - {' '.join(value.split())}" for tag, value in entry if value.strip()]
        lines += ["ER  - ", ""]
    return "".join(f"{line}\n" for line in lines)


# --- both --------------------------------------------------------------------------------------


def _record(*, key, title, abstract, year, doi, place, **others):
    if not title and not abstract:
        raise InputError(f"{place}: the record has neither a title nor an abstract; complete it, or take it out")
    found = re.search(r"\b(1[5-9]|20)\d\d\b", year)  # "2020/05/12/", "2020.0"; nothing of "in press"
    key, doi = " ".join(key.split()), " ".join(doi.split())  # as they will stand on a line of RIS
    return Record(
        key, title, abstract, year=int(found[0]) if found else None, doi=plain_doi(doi), place=place, **others
    )


def plain_doi(doi: str) -> str:
    """A DOI without the address of a resolver, in small letters: two spellings of one are equal.

    >>> plain_doi("https://doi.org/10.1002/CPT.1")
    '10.1002/cpt.1'
    """
    return re.sub(r"^(https?://(dx\.|www\.)?doi\.org/|doi:\s*)", "", doi.strip().lower())


def _each_once(records, name):
    """The records, each with a key of its own: its number where it came with none."""
    given, free = {record.key for record in records}, count(len(records) + 1)
    for place, record in enumerate(records):
        if not record.key:
            number = next(each for each in map(str, chain([place + 1], free)) if each not in given)
            records[place] = replace(record, key=number)
    places = {}
    for record in records:
        if record.key in places:
            raise InputError(
                f"{record.place}: the key {shown(record.key)} stands in {places[record.key]} already; "
                "give each record one of its own, or leave the keys out"
            )
        places[record.key] = record.place
    if not records:
        raise InputError(f"{name} holds no record")
    return records
