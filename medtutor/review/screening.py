"""Screening by a person: duplicates out, one decision a record, each saved before the next; agreement with others.

Whoever screens a thousand titles must not lose an afternoon to a power cut: the file is replaced whole after each
decision, so that a kill loses at most the last one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from filelock import Timeout

from ..checks import flag, instance, one_of
from ..errors import InputError, MedtutorError
from ..files import locked, resolve, write_whole
from ..records import digest, read_json, signed, typed, unsigned
from .bibliography import Record
from .collection import Collection
from .prisma import Flow

FORMAT = 1


@dataclass(frozen=True)
class Duplicate:
    """A record that stands in the collection already.

    why  "DOI" or "title and abstract"
    """

    kept: Record
    removed: Record
    why: str

    def __str__(self):
        same = f"one DOI, {self.kept.doi}" if self.why == "DOI" else "one title and abstract"
        differ = self.kept.included is not None and self.removed.included not in (None, self.kept.included)
        decided = "; their decisions differ, the first counts" if differ else ""
        return f"{self.kept.place} and {self.removed.place}: {same}; the first is kept{decided}"


def without_duplicates(records: Iterable[Record]) -> tuple[tuple[Record, ...], tuple[Duplicate, ...]]:
    """(the records, each once; the `Duplicate` records that were removed).

    Two records are one where they have one DOI, or one title and abstract but for signs and capitals. One title alone
    is not enough: conferences publish hundreds of 'Abstracts'.

    >>> first, second = (Record(key, "On knees", doi="10.1/a", place=f"line {key}") for key in "23")
    >>> kept, removed = without_duplicates([first, second])
    >>> len(kept), str(removed[0])
    (1, 'line 2 and line 3: one DOI, 10.1/a; the first is kept')
    """
    kept, removed = [], []
    dois: dict[str, Record] = {}
    texts: dict[tuple[str, str], Record] = {}
    for record in records:
        text = _plain(record.title), _plain(record.abstract)
        by_doi = dois.get(record.doi) if record.doi else None
        first = by_doi or (texts.get(text) if all(text) else None)
        if first is not None:
            removed.append(Duplicate(first, record, "DOI" if by_doi else "title and abstract"))
            continue
        kept.append(record)
        dois.setdefault(record.doi, record)
        texts.setdefault(text, record)
    return tuple(kept), tuple(removed)


def _plain(text):
    return re.sub(r"\W+", "", text.casefold())


@dataclass(frozen=True)
class Agreement:
    """Two screeners on the same records.

    both, own, others, neither  how many both included, only the first, only the second, none of them
    kappa  Cohen's: 1 is full agreement, 0 what chance gives; None where one of them, or both, never decided otherwise
    """

    both: int
    own: int
    others: int
    neither: int

    @property
    def records(self) -> int:
        """How many records both have decided on."""
        return self.both + self.own + self.others + self.neither

    @property
    def kappa(self) -> float | None:
        """(agreed - by chance) / (1 - by chance), where chance keeps how often each of them includes."""
        n = self.records
        if n == 0:
            return None
        agreed = (self.both + self.neither) / n
        first, second = (self.both + self.own) / n, (self.both + self.others) / n
        chance = first * second + (1 - first) * (1 - second)
        return None if first in (0, 1) or second in (0, 1) else (agreed - chance) / (1 - chance)

    def __str__(self):
        said = "not defined: one of you has decided the same each time" if self.kappa is None else f"{self.kappa:.2f}"
        return (
            f"of {self.records} records both included {self.both}, only you {self.own}, only the reviewers"
            f" {self.others}, neither {self.neither}; Cohen's kappa {said}"
        )


def agreement(own: Mapping[str, bool], records: Iterable[Record]) -> Agreement:
    """Own decisions {key: included} against the reviewers', on the records that both have decided.

    >>> records = [Record(key, "t", included=included) for key, included in (("a", True), ("b", False), ("c", False))]
    >>> agreement({"a": True, "b": True, "c": False}, records).records
    3
    """
    pairs = Counter((own[r.key], r.included) for r in records if r.key in own and r.included is not None)
    return Agreement(pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False])


class Screening:
    """Decisions on the records of a `Collection`, one after the other, saved after each.

    collection  what is screened
    path        a file for the decisions, JSON; one that is there and belongs to these records is gone on with. None:
                nothing is saved

    records     without duplicates
    duplicates  what was removed, (`Duplicate`, …)
    decisions   {key: (included, reason)}, in the order in which they were made

    Raises `InputError` for what is no collection, for a file of other records, and for one that is damaged.

    >>> from medtutor.review import Screening, load_collection
    >>> screening = Screening(load_collection("drawn"))
    >>> screening.decide(screening.next.key, False, "no children")
    >>> len(screening.decisions), len(screening.duplicates), screening.flow()["records_excluded"]
    (1, 6, 1)
    """

    def __init__(self, collection: Collection, path: str | PathLike | None = None) -> None:
        self.collection = instance("collection", collection, Collection, "a Collection, such as load_collection gives")
        self.records, self.duplicates = without_duplicates(collection.records)
        self.decisions: dict[str, tuple[bool, str]] = {}
        self.path = None if path is None else resolve(path)
        self._known = {record.key: record for record in self.records}
        self._of = digest({"keys": [record.key for record in self.records]})
        self._saved = None  # what the file held when it was last read or written
        if self.path is not None and self.path.exists():
            self._load(self.path)

    @property
    def left(self) -> list[Record]:
        """The records that are not decided, in the order of the collection."""
        return [record for record in self.records if record.key not in self.decisions]

    @property
    def next(self) -> Record | None:
        """The first record that is not decided; None at the end."""
        return next((record for record in self.records if record.key not in self.decisions), None)

    def decide(self, key: str, included: bool, reason: str = "") -> None:
        """Include a record, or leave it out for one of the collection's reasons; saved before this returns.

        Raises `InputError` for an unknown key, one that is decided, and a reason that is none; `MedtutorError` where it
        cannot be saved: then nothing is decided.
        """
        one_of("record", key, self._known)
        flag("included", included)
        if key in self.decisions:
            raise InputError(f"{self._known[key].place} is decided already; undo first")
        if not included:
            one_of("reason", reason, self.collection.reasons)
        elif reason:
            raise InputError("a reason is for leaving a record out; include it without")
        self._keep({**self.decisions, key: (included, reason)})

    def undo(self) -> str | None:
        """Take the last decision back; the key of its record, or None where there is none. It is saved at once."""
        if not self.decisions:
            return None
        key = next(reversed(self.decisions))
        self._keep({each: self.decisions[each] for each in self.decisions if each != key})
        return key

    # The file ------------------------------------------------------------------------------------

    def _keep(self, decisions):
        if self.path is not None:
            record = {
                "format": FORMAT,
                "collection": self.collection.name,
                "records": self._of,
                "decisions": [[key, *decision] for key, decision in decisions.items()],
            }
            try:
                with locked(self.path.parent):
                    self._check_unchanged(self.path)
                    record = signed(record)
                    write_whole(self.path, json.dumps(record) + "\n")
                    self._saved = record["sha256"]
            except Timeout:
                raise MedtutorError(f"{self.path.parent} is being written to by another process; try again") from None
            except OSError as error:
                raise MedtutorError(
                    f"the decision could not be saved to {self.path} ({error.strerror or error}); make room, or choose"
                    " another file"
                ) from None
        self.decisions = decisions

    def _check_unchanged(self, path: Path) -> None:
        there = _sha256(path) if path.exists() else None
        if there != self._saved:
            raise MedtutorError(f"{path} was changed by another program meanwhile; open the screening anew to go on")

    def _load(self, path):
        try:
            record = read_json(path)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror or error}); choose another file") from None
        except ValueError:
            raise InputError(f"{path} is damaged or no screening; choose another file") from None
        held = unsigned(record)
        if held is None or held.get("format") != FORMAT:
            raise InputError(f"{path} is damaged, was altered, or is no screening; choose another file")
        if held.get("records") != self._of:
            raise InputError(f"{path} holds decisions on other records ({held.get('collection')}); choose another file")
        try:
            decisions = typed("decisions", held.get("decisions"), list[tuple[str, bool, str]])
            found = {one_of("record", key, self._known): (included, reason) for key, included, reason in decisions}
        except InputError as error:
            raise InputError(f"{path} is no screening ({error}); choose another file") from None
        self.decisions = found
        self._saved = record["sha256"]

    # What came of it -----------------------------------------------------------------------------

    @property
    def included(self) -> dict[str, bool]:
        """{key: included} of the decisions."""
        return {key: included for key, (included, _) in self.decisions.items()}

    @property
    def reasons(self) -> dict[str, int]:
        """{reason: how many records were left out for it}, the commonest first."""
        return dict(Counter(reason for included, reason in self.decisions.values() if not included).most_common())

    def agreement(self) -> Agreement:
        """Own decisions against the reviewers'."""
        return agreement(self.included, self.records)

    def flow(self) -> Flow:
        """The `Flow` so far. How many were identified is in it once all are screened: before, it would not add up."""
        included = sum(self.included.values())
        counts = {
            "duplicates": len(self.duplicates),
            "excluded_automatic": 0,
            "excluded_other": 0,
            "records_screened": len(self.decisions),
            "records_excluded": len(self.decisions) - included,
            "dbr_sought_reports": included,
        }
        if not self.left:
            counts["records_identified"] = len(self.collection.records)
        title = f"{self.collection.name}{', PHANTOM records' if self.collection.phantom else ''}"
        return Flow(counts, title=title, source="own screening of titles and abstracts")

    def as_records(self) -> list[Record]:
        """The records with one's own decisions, for `write_records`; a reason is among the notes."""
        found = []
        for record in self.records:
            included, reason = self.decisions.get(record.key, (None, ""))
            notes = (*record.notes, f"left out: {reason}") if reason else record.notes
            found.append(replace(record, included=included, notes=notes))
        return found


def _sha256(path):
    try:
        record = read_json(path)
    except (OSError, ValueError):
        return ""
    return record.get("sha256", "") if isinstance(record, dict) else ""
