"""Records to screen: two real reviews of SYNERGY with their reviewers' decisions, and drawn ones where those are not.

SYNERGY's files are made on the user's machine by its own package, so there is no address to fetch them from; they are
looked for in the folder `synergy` of the places where data lie.
"""

import random
import tomllib
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from os import PathLike
from pathlib import Path

from ..checks import items, one_of, text, whole
from ..errors import FetchError, InputError
from .bibliography import Record, read_records

HOW = (
    "make its files with SYNERGY's own package: pip install synergy-dataset; SYNERGY_SET=synergy synergy get -d {name}"
    " -v publication_year -o {folder}"
)


@dataclass(frozen=True)
class Collection:
    """Records of one review; of your own with `read_records`.

    name      such as "Jeyaraman_2020"
    records   (`Record`, …), with the reviewers' decisions in `included`
    about     what they are about
    reasons   for leaving one out; of the exercise, not of the review
    phantom   whether they were drawn by medtutor: no publication

    Raises `InputError` for no records, what is none, a key that stands twice, and no reasons.

    >>> Collection("mine", (Record("1", "On knees"),), reasons=("not on knees",)).records[0].title
    'On knees'
    """

    name: str
    records: tuple[Record, ...]
    about: str = ""
    reasons: tuple[str, ...] = ("does not answer the question", "other")
    phantom: bool = False

    def __post_init__(self):
        text("name of a collection", self.name)
        object.__setattr__(self, "records", tuple(items(self.records) or ()))
        object.__setattr__(self, "reasons", tuple(items(self.reasons) or ()))
        if not self.records or not all(isinstance(record, Record) for record in self.records):
            raise InputError(f"{self.name}: give at least one Record, such as read_records reads from a file")
        if len({record.key for record in self.records}) < len(self.records):
            raise InputError(f"{self.name}: two records have one key; give each a key of its own")
        if not self.reasons:
            raise InputError(f"{self.name}: name at least one reason for leaving a record out")
        for reason in self.reasons:
            text("a reason", reason)

    def sample(self, count: int, seed: int = 0) -> "Collection":
        """Some of the records by chance, in the order of the file. Raises `InputError` for more than there are."""
        whole(f"the number of records of {self.name}", count, 1, len(self.records))
        chosen = sorted(random.Random(seed).sample(range(len(self.records)), count))
        kept = tuple(self.records[place] for place in chosen)
        return Collection(self.name, kept, self.about, self.reasons, self.phantom)


@cache
def _entries():
    return tomllib.loads(files(__package__).joinpath("collection.toml").read_text(encoding="utf-8"))


def collection_names() -> tuple[str, ...]:
    """The names that `load_collection` knows.

    >>> collection_names()
    ('Donners_2021', 'Jeyaraman_2020', 'drawn')
    """
    return tuple(_entries())


def find_collection(name: str, root: str | PathLike | None = None) -> Path | None:
    """Where a review's file lies: in the folder `synergy` of `root`, $MEDTUTOR_DATA, ~/.medmnist, or there itself."""
    from ..data.loading import folders  # it loads torch

    one_of("collection", name, collection_names())
    places = [place / f"{name}.csv" for folder in folders(root) for place in (folder / "synergy", folder)]
    return next((place for place in places if place.is_file()), None)


def load_collection(name: str, source: str = "auto", root: str | PathLike | None = None) -> Collection:
    """The records of a review.

    name    one of `collection_names()`
    source  "auto": the real ones, or drawn ones with a warning where they are not on disk; "synergy": never drawn;
            "phantom": drawn
    root    a folder to look in first

    Raises `InputError` for an unknown name or source and for a damaged file, `FetchError`, with how to get the file,
    where it is not on disk and must not be drawn.

    >>> records = load_collection("drawn").records
    >>> len(records), sum(record.included for record in records)
    (240, 24)
    """
    from ..data.loading import PhantomWarning, folders

    entry = _entries()[one_of("collection", name, collection_names())]
    one_of("source", source, ("auto", "synergy", "phantom"))
    if name != "drawn" and source != "phantom":
        path = find_collection(name, root)
        if path is not None:
            return Collection(name, tuple(read_records(path)), entry["about"], tuple(entry["reasons"]))
        where = folders(root)
        how = HOW.format(name=name, folder=(where[0] if where else Path("data")) / "synergy")
        error = FetchError(f"{name}.csv is not on disk, and there is no address to fetch it from; {how}")
        if source == "synergy":
            raise error
        warnings.warn(
            f"\n\n  PHANTOM RECORDS stand in for {name}: {error}\n"
            "  Everything below is about drawn titles, not about publications.\n",
            PhantomWarning,
            stacklevel=2,
        )
    drawn = _entries()["drawn"]
    records = draw_records(drawn["records"], drawn["included"])
    return Collection("drawn", records, drawn["about"], tuple(drawn["reasons"]), phantom=True)


# What a drawn title is made of: (what the review is after, what it is not).
SUBJECTS = (
    ("chest X-rays", ("retinal images", "knee MRI", "abdominal ultrasound", "skin photographs", "dental X-rays")),
    ("children", ("adults", "the elderly", "athletes", "pregnant women", "mice")),
    ("a convolutional network", ("a questionnaire", "a clinical score", "linear regression", "expert reading")),
)
FORMS = (
    "{2} for {0} of {1}",
    "Reading {0} of {1} with {2}",
    "{0} in {1}: a study of {2}",
    "{2} and {0}: lessons from {1}",
)
FILLERS = (
    "We studied {count} cases of {place}.",
    "Two readers were compared in {place}.",
    "Data were collected over {count} months.",
    "The primary outcome was agreement with the reference.",
    "Sensitivity and specificity are given with intervals.",
    "No funding was received for this work.",
)
PLACES = ("one centre", "three hospitals", "a rural clinic", "a national registry")


def draw_records(count: int, included: int, seed: int = 0, copies: int = 6) -> tuple[Record, ...]:
    """Drawn records whose truth is known: included is what is about chest X-rays *and* children *and* a network.

    count     how many, with the `copies` of some of them that stand in it twice
    included  how many of them, copies aside, are about all three

    >>> records = draw_records(40, 5)
    >>> records[0].abstract[:41]
    'PHANTOM: drawn by medtutor, of no author.'
    """
    draw = random.Random(seed)
    rows: list[tuple[str, str, int, bool]] = []
    seen: set[str] = set()
    while len(rows) < count - copies:
        relevant = len(rows) < included
        wrong = 0 if relevant else draw.randint(1, 7)  # a bit for each subject that is another
        parts = [draw.choice(others) if wrong >> place & 1 else own for place, (own, others) in enumerate(SUBJECTS)]
        title = draw.choice(FORMS).format(*parts)
        told = [each.format(count=draw.randint(20, 900), place=draw.choice(PLACES)) for each in draw.sample(FILLERS, 3)]
        about = f"This is about {parts[0]} of {parts[1]} and {parts[2]}."
        abstract = " ".join(["PHANTOM: drawn by medtutor, of no author.", about, *told])
        if abstract not in seen:
            seen.add(abstract)
            rows.append((title[0].upper() + title[1:], abstract, draw.randint(2015, 2025), relevant))
    rows += [row for row in draw.sample(rows, len(rows)) if not row[3]][:copies]
    draw.shuffle(rows)
    return tuple(
        Record(f"phantom-{number:03}", *row[:2], year=row[2], included=row[3], place=f"drawn record {number}")
        for number, row in enumerate(rows, 1)
    )
