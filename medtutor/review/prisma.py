"""The flow of PRISMA 2020 as data: counts that must agree, in and out as PRISMA2020's CSV, drawn in `prisma_picture`.

A count that is not known stays unknown. What is known must still be possible: whatever the unknown counts are, nothing
can come out of a box that has not gone in.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from os import PathLike

from ..checks import instance, one_of, whole
from ..errors import InputError, shown, unknown
from ..files import resolve, write_text
from ..reports.table import html_table, markdown_table
from .textfile import csv_rows, csv_text, read_text

UNKNOWN = "not reported here"
# Of each count its node and box in PRISMA2020's CSV, and what the box says. Keys, nodes and boxes are that package's.
BOXES = {
    "previous_studies": ("node5", "box1", "Studies included in previous version of review"),
    "previous_reports": ("NA", "box1", "Reports of studies included in previous version of review"),
    "database_results": ("node7", "box2", "Records identified from: Databases"),
    "register_results": ("NA", "box2", "Records identified from: Registers"),
    "website_results": ("node17", "box11", "Records identified from: Websites"),
    "organisation_results": ("NA", "box11", "Records identified from: Organisations"),
    "citations_results": ("NA", "box11", "Records identified from: Citation searching"),
    "duplicates": ("node8", "box3", "Duplicate records"),
    "excluded_automatic": ("NA", "box3", "Records marked as ineligible by automation tools"),
    "excluded_other": ("NA", "box3", "Records removed for other reasons"),
    "records_screened": ("node9", "box4", "Records screened"),
    "records_excluded": ("node10", "box5", "Records excluded"),
    "dbr_sought_reports": ("node11", "box6", "Reports sought for retrieval"),
    "dbr_notretrieved_reports": ("node12", "box7", "Reports not retrieved"),
    "other_sought_reports": ("node18", "box12", "Reports sought for retrieval (other methods)"),
    "other_notretrieved_reports": ("node19", "box13", "Reports not retrieved (other methods)"),
    "dbr_assessed": ("node13", "box8", "Reports assessed for eligibility"),
    "dbr_excluded": ("node14", "box9", "Reports excluded"),
    "other_assessed": ("node20", "box14", "Reports assessed for eligibility (other methods)"),
    "other_excluded": ("node21", "box15", "Reports excluded (other methods)"),
    "new_studies": ("node15", "box10", "New studies included in review"),
    "new_reports": ("NA", "box10", "Reports of new included studies"),
    "total_studies": ("node22", "box16", "Total studies included in review"),
    "total_reports": ("NA", "box16", "Reports of total included studies"),
    "records_identified": ("NA", "NA", "Records identified from databases and registers"),  # ours, the sum of two
}
HEAD = ("data", "node", "box", "description", "boxtext", "tooltips", "url", "n")
REASONS = ("dbr_excluded", "other_excluded")
# Rows of that CSV which hold no count: titles, and where records come from one by one.
WITHOUT_COUNT = ("NA", "", "identification", "screening", "included")
DETAILS = ("database_specific_results", "register_specific_results")
# Each whole is the sum of its parts: (whole, parts).
IDENTITIES = (
    ("records_identified", ("database_results", "register_results")),
    ("records_identified", ("duplicates", "excluded_automatic", "excluded_other", "records_screened")),
    ("records_screened", ("records_excluded", "dbr_sought_reports")),
    ("dbr_sought_reports", ("dbr_notretrieved_reports", "dbr_assessed")),
    ("other_sought_reports", ("other_notretrieved_reports", "other_assessed")),
    ("reports_assessed", ("dbr_assessed", "other_assessed")),
    ("reports_assessed", ("dbr_excluded", "other_excluded", "new_reports")),
    ("dbr_assessed", ("dbr_excluded", "dbr_included")),
    ("other_assessed", ("other_excluded", "other_included")),
    ("new_reports", ("dbr_included", "other_included")),
    ("total_studies", ("previous_studies", "new_studies")),
    ("total_reports", ("previous_reports", "new_reports")),
    ("others_identified", ("website_results", "organisation_results", "citations_results")),
)
# The first is never less than the second: a study has at least one report, a report one record.
AT_LEAST = (
    ("new_reports", "new_studies"),
    ("previous_reports", "previous_studies"),
    ("total_reports", "total_studies"),
    ("others_identified", "other_sought_reports"),
)
# Where none of them is given, the flow has no such part.
OTHER = tuple(key for key, (_, box, _) in BOXES.items() if box in ("box11", "box12", "box13", "box14", "box15"))
PREVIOUS = ("previous_studies", "previous_reports")
PARTS = (OTHER, PREVIOUS)
MOST = 10**9  # records; all databases together have fewer
ROUNDS = 50  # of narrowing down what the unknown counts can be; a flow is at most some ten boxes long
SUMS = {  # that no box shows
    "reports_assessed": "reports assessed in all",
    "others_identified": "records identified by other methods",
    "dbr_included": "included reports of databases and registers",
    "other_included": "included reports of other methods",
}


@dataclass(frozen=True)
class Flow:
    """Counts of a flow diagram, whole numbers from 0, None where they are not known.

    counts   {key: count}, keys as in PRISMA2020's CSV (`BOXES`); a key that is left out is not known
    reasons  {"dbr_excluded" or "other_excluded": {reason: count or None}}: why reports were excluded. Their sum is the
             count of that key, where all of them are known
    title    what it is of
    source   where the counts come from
    note     what is uncertain

    Raises `InputError` for an unknown key, a count that is none, and counts that contradict each other, with the boxes.

    >>> flow = Flow({"records_identified": 688, "new_studies": 22}, title="a review")
    >>> flow["new_studies"], flow["records_screened"]
    (22, None)
    >>> Flow({"records_screened": 50, "records_excluded": 80})
    Traceback (most recent call last):
    medtutor.errors.InputError: the counts contradict each other: records screened is 50, but records
    excluded (80) and reports sought for retrieval (not reported here) are together at least 80
    """

    counts: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    note: str = ""

    def __post_init__(self):
        known = {}
        for key, count in instance("counts", self.counts, Mapping, "{box: count}").items():
            one_of("box of the flow", key, BOXES)
            if count is not None:
                known[key] = whole(_name(key), count, 0, MOST)
        for key, reasons in self.reasons.items():
            if key not in REASONS:
                raise unknown("box with reasons", key, list(REASONS))
            for reason, count in reasons.items():
                if count is not None:
                    whole(f"{_name(key)}: {reason}", count, 0)
            total = sum(count for count in reasons.values() if count is not None)
            if key in known and (total > known[key] or (None not in reasons.values() and total < known[key])):
                raise InputError(
                    f"the counts contradict each other: {_name(key)} is {known[key]}, but its reasons add up to {total}"
                )
            if reasons and None not in reasons.values():
                known[key] = total
        object.__setattr__(self, "counts", known)
        check(known)

    def __getitem__(self, key):
        """A count, None where it is not known."""
        if key not in BOXES:
            raise unknown("box of the flow", key, list(BOXES))
        return self.counts.get(key)

    @property
    def has_other(self) -> bool:
        """Whether records came by other methods than databases and registers."""
        return any(self[key] for key in OTHER)

    @property
    def has_previous(self) -> bool:
        """Whether there is an earlier version of the review."""
        return any(self[key] for key in PREVIOUS)

    def as_csv(self) -> str:
        """As PRISMA2020's CSV, a row for each box; `NA` where a count is not known."""
        rows: list[Iterable] = [HEAD]
        for key, (node, box, label) in BOXES.items():
            if key != "records_identified" or (self[key] is not None and self["database_results"] is None):
                count = "NA" if self[key] is None else str(self[key])
                if self.reasons.get(key):
                    count = "; ".join(f"{why}, {'NA' if n is None else n}" for why, n in self.reasons[key].items())
                elif key in REASONS and self[key] is not None:
                    count = f"Reasons not reported here, {self[key]}"
                rows.append([key, node, box, label, label, label, f"{key}.html", count])
        return csv_text(rows)

    def save(self, path: str | PathLike) -> None:
        """Write PRISMA2020's CSV. Raises `InputError` where that is impossible."""
        write_text(path, self.as_csv())


def check(known: Mapping[str, int]) -> None:
    """Raises `InputError`, with the boxes, where no counts of the unknown boxes can make the known ones agree.

    A flow that has no count of other methods, or of an earlier version, is taken to be without them.

    known  {key: count}
    """
    known = dict.fromkeys([key for part in PARTS if not set(part) & set(known) for key in part], 0) | dict(known)
    low: dict[str, float] = dict.fromkeys([*BOXES, *SUMS], 0.0) | known
    high: dict[str, float] = dict.fromkeys([*BOXES, *SUMS], float("inf")) | known
    rules = [(total, parts, True) for total, parts in IDENTITIES] + [(more, (less,), False) for more, less in AT_LEAST]
    for _ in range(ROUNDS):
        before = dict(low), dict(high)
        for total, parts, equal in rules:
            least, most = sum(low[part] for part in parts), sum(high[part] for part in parts)
            if least > high[total]:
                raise _contradiction(known, low, high, total, parts, f"at least {least:.0f}")
            if equal and most < low[total]:
                raise _contradiction(known, low, high, total, parts, f"at most {most:.0f}")
            low[total] = max(low[total], least)
            if equal:
                high[total] = min(high[total], most)
            for part in parts:
                others = [other for other in parts if other != part]
                high[part] = min(high[part], high[total] - sum(low[other] for other in others))
                if equal:
                    low[part] = max(low[part], low[total] - sum(high[other] for other in others))
        if before == (low, high):
            return


def _contradiction(known, low, high, total, parts, limit):
    """The sentence; `limit` says what the parts come to."""
    sure = set(parts) <= set(known)
    if total in known or low[total] == high[total]:
        comes = f"{'is' if total in known else 'comes to'} {low[total]:.0f}"
    else:
        comes = f"is at {'most' if 'least' in limit else 'least'} {(high if 'least' in limit else low)[total]:.0f}"
    said = [f"{_name(part)} ({known.get(part, UNKNOWN)})" for part in parts]
    limit = limit.split()[-1] if sure else limit
    listed = (
        f"{', '.join(said[:-1])} and {said[-1]} are together {limit}" if parts[1:] else f"{_name(parts[0])} is {limit}"
    )
    return InputError(f"the counts contradict each other: {_name(total)} {comes}, but {listed}")


def _name(key):
    return SUMS.get(key) or (BOXES[key][2][0].lower() + BOXES[key][2][1:])


# --- in and out --------------------------------------------------------------------------------


def read_flow(path: str | PathLike, title: str = "") -> Flow:
    """The flow in PRISMA2020's CSV (columns `data` and `n` are read). Empty and NA are counts that are not known.

    Raises `InputError`, with the line, for a file that is none, a count that is none, and a box that stands twice;
    with the boxes where counts contradict each other.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "counts.csv"
    >>> Flow({"records_screened": 30, "records_excluded": 20}).save(file)
    >>> read_flow(file)["records_excluded"]
    20
    """
    return parse_flow(read_text(path, "PRISMA2020's CSV"), resolve(path).name, title)


def parse_flow(text: str, name: str = "the text", title: str = "") -> Flow:
    """As `read_flow`, from the text of a CSV file.

    >>> parse_flow("data,n\\nrecords_screened,30\\n")["records_screened"]
    30
    """
    counts: dict[str, int | None] = {}
    reasons: dict[str, Mapping[str, int | None]] = {}
    with csv_rows(text, name) as reader:
        if not {"data", "n"} <= set(reader.fieldnames or ()):
            raise InputError(f"line 1 of {name}: there are no columns data and n; give PRISMA2020's CSV")
        for row in reader:
            key, value = (row["data"] or "").strip(), (row["n"] or "").strip()
            place = f"line {reader.line_num} of {name}"
            if key in (*WITHOUT_COUNT, *DETAILS):
                continue
            if key not in BOXES:
                raise InputError(f"{place}: {unknown('box of the flow', key, list(BOXES))}")
            if key in counts:
                raise InputError(f"{place}: {key} stands in the file twice; leave one of them")
            if key in REASONS and not value.isdigit():
                reasons[key], counts[key] = _reasons(value, place), None
            else:
                counts[key] = _count(value, place)
    if not counts:
        raise InputError(f"{name} holds no count; give PRISMA2020's CSV")
    try:
        known = {key: count for key, count in counts.items() if count is not None}
        return Flow(known, {key: why for key, why in reasons.items() if why}, title, source=name)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _count(value, place):
    if value in ("", "NA", "xxx", UNKNOWN):
        return None
    plain = value.replace(",", "")
    if not (plain.isascii() and plain.isdigit()) or len(plain) > len(str(MOST)):
        raise InputError(f"{place}: {shown(value)} is no count; write a whole number, or NA where it is not known")
    return int(plain)


def _reasons(value, place):
    """{reason: count} of "Wrong population, 30; Animals, 12"."""
    found = {}
    for each in filter(None, (part.strip() for part in value.split(";"))):
        reason, _, count = each.rpartition(",")
        if each in ("NA", UNKNOWN):
            continue
        if not reason.strip():
            raise InputError(f"{place}: {shown(each)} is no reason with a count; write 'Wrong population, 30; …'")
        if reason.strip() in found:
            raise InputError(f"{place}: the reason {shown(reason.strip())} stands twice; add the two up")
        found[reason.strip()] = _count(count.strip(), place)
    return found


# --- what was published ------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """An item of the PRISMA 2020 checklist; `asks` is our summary."""

    number: int
    section: str
    topic: str
    asks: str


@cache
def _file():
    return tomllib.loads(files(__package__).joinpath("prisma.toml").read_text(encoding="utf-8"))


def flows() -> dict[str, Flow]:
    """{id: `Flow`} of the review and of published sibling reviews, with what of their counts was seen.

    >>> flows()["ali-2023"]["new_studies"], flows()["shobayo-2025"].counts
    (22, {})
    """
    return {
        name: Flow(entry.get("counts", {}), {}, entry["review"], entry["source"], entry["note"])
        for name, entry in _file()["flows"].items()
    }


class Checklist:
    """The 27 items of PRISMA 2020, with what a review reports on each; a table in a notebook.

    items    (`Item`, …)
    answers  {number of an item: where or what is reported}; the others are 'not reported here'
    """

    COLUMNS = ("item", "topic", "asks, in our words", "reported")

    def __init__(self, items: tuple[Item, ...], answers: Mapping[int, str]) -> None:
        self.items, self.answers = items, dict(answers)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Text below `COLUMNS`."""
        return [
            (str(item.number), item.topic, item.asks, self.answers.get(item.number, UNKNOWN)) for item in self.items
        ]

    def as_markdown(self) -> str:
        """A Markdown table."""
        return markdown_table(self.COLUMNS, self.rows)

    def __str__(self):
        return self.as_markdown()

    __repr__ = __str__

    def _repr_html_(self):
        return html_table("PRISMA 2020 checklist", self.COLUMNS, self.rows)


def checklist(answers: Mapping[int, str] | None = None) -> Checklist:
    """The checklist of PRISMA 2020 as a view; without answers of your own, with what was seen of the review.

    answers  {number of an item: what is reported, and where}

    Raises `InputError` for a number that no item has.

    >>> view = checklist({7: "appendix A"})
    >>> len(view.rows), view.rows[6][3], view.rows[7][3]
    (27, 'appendix A', 'not reported here')
    """
    items = tuple(Item(number, **entry) for number, entry in enumerate(_file()["checklist"], 1))
    if answers is None:
        seen = _file()["flows"]["shobayo-2025"]["answers"]
        answers = {int(number): answer for number, answer in seen.items()}
    for number in answers:
        whole("the number of an item", number, 1, len(items))
    return Checklist(items, answers)
