"""Rows of cells as a table: for a terminal, a page and a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..errors import InputError

PHANTOM = "PHANTOM: drawn, no patient"


@dataclass(frozen=True)
class Table:
    """A table that shows itself in a notebook as HTML, elsewhere as text in columns.

    head     names of the columns
    rows     cells below them; numbers that are no integers stand with three decimals
    caption  one line above it
    phantom  says above it that the numbers are of drawn images

    Raises `InputError` for a row that is not as long as the head.

    >>> from medtutor.reports import Table
    >>> print(Table(["model", "AUC"], [["cnn", 0.97]], "One run"))
    One run
    model  AUC
    cnn    0.970
    """

    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    phantom: bool = False

    def __post_init__(self):
        rows = tuple(tuple(map(_written, row)) for row in self.rows)
        for number, row in enumerate(rows, 1):
            if len(row) != len(self.head):
                raise InputError(f"row {number} has {len(row)} cells, the head {len(self.head)}; give one for each")
        object.__setattr__(self, "rows", rows)

    def __str__(self):
        return "\n".join([*filter(None, [self._title]), aligned([self.head, *self.rows])])

    __repr__ = __str__

    def _repr_html_(self):
        return html_table(self._title, self.head, self.rows)

    @property
    def _title(self):
        return ". ".join(filter(None, [PHANTOM if self.phantom else "", self.caption]))


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text in columns.

    >>> print(aligned([["model", "AUC"], ["cnn", "0.97"]]))
    model  AUC
    cnn    0.97
    """
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table.

    >>> print(markdown_table(["model", "AUC"], [["cnn", "0.97"]]))
    | model | AUC |
    | --- | --- |
    | cnn | 0.97 |
    """
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])


def html_table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as an HTML table with a caption, all of it escaped; Jupyter would set words to the right, too.

    >>> html_table("AUC", ["a & b"], [["1"]])[:66]
    '<table><caption>AUC</caption><thead><tr><th scope="col">a &amp; b<'
    """
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text):
    number = text[:1].isdigit() or text[1:2].isdigit()
    return f"<td>{escape(text)}</td>" if number else f'<td style="text-align:left">{escape(text)}</td>'


def _written(cell):
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
