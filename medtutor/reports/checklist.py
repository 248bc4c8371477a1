"""What a report of a model should say: items of CLAIM 2024, TRIPOD+AI and DECIDE-AI, paraphrased, to be answered.

The items are data, `checklist.toml`, in our words and not all of them: a study is reported with the originals.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..checks import instance, one_of, text
from ..errors import InputError, shown, unknown
from .table import Table

ANSWERS = ("yes", "partly", "no", "not applicable")


@dataclass(frozen=True)
class Item:
    """One item.

    id      ours, such as "C3"
    source  "CLAIM 2024", "TRIPOD+AI" or "DECIDE-AI"
    part    of a report
    asks    in our words
    doi     of the original
    """

    id: str
    source: str
    part: str
    asks: str
    doi: str

    paraphrased = True


@cache
def checklist() -> tuple[Item, ...]:
    """All items.

    >>> first = checklist()[0]
    >>> first.source, first.paraphrased
    ('CLAIM 2024', True)
    """
    read = tomllib.loads(files(__package__).joinpath("checklist.toml").read_text(encoding="utf-8"))
    doi = {source["key"]: source["doi"] for source in read["source"]}
    return tuple(Item(**item, doi=doi[item["source"]]) for item in read["item"])


def checklist_table() -> Table:
    """The items as a `Table`, to be answered.

    >>> checklist_table().head
    ('id', 'source', 'part', 'asks (paraphrased)')
    """
    rows = [(item.id, item.source, item.part, item.asks) for item in checklist()]
    return Table(("id", "source", "part", "asks (paraphrased)"), rows)


def answered(lesson: str, answers: Mapping[str, tuple[str, str]]) -> Table:
    """A lesson, or any report, held against the items: a `Table`, the items that nobody has answered called open.

    lesson   what is looked at, such as "01_cnn_classification"
    answers  {id: (answer, where or why)}; the answer is of `ANSWERS`, and "yes" and "partly" name a place

    Raises `InputError` for an item that is not known, and for another answer.

    >>> found = answered("01", {"C7": ("yes", "How good is it? AUC with a bootstrap interval")})
    >>> found.caption
    '01: 1 of 22 items answered, 1 yes'
    """
    lesson = text("lesson", lesson)
    instance("answers", answers, Mapping, 'a dict such as {"C7": ("yes", "where")}')
    items = {item.id: item for item in checklist()}
    given = {}
    for key, answer in answers.items():
        if key not in items:
            raise unknown("item", key, list(items))
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise InputError(f'the answer to {key} is {shown(answer)}; give a pair such as ("yes", "where it stands")')
        kind, where = answer
        one_of("answer", kind, ANSWERS)
        if kind in ("yes", "partly"):
            where = text(f"where of {key}", where)
        given[key] = (kind, str(where))
    rows = [(item.id, item.source, item.asks, *given.get(item.id, ("open", ""))) for item in items.values()]
    yes = sum(kind == "yes" for kind, _ in given.values())
    caption = f"{lesson}: {len(given)} of {len(items)} items answered, {yes} yes"
    return Table(("id", "source", "asks (paraphrased)", "answer", "where or why"), rows, caption)
