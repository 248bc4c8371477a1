"""What `explanation.trust_table` found, as a table to read."""

from collections.abc import Mapping

from .table import Table


def methods_table(table: Mapping[str, Mapping[str, float]], caption: str = "", *, phantom: bool = False) -> Table:
    """The rows of `trust_table` as a `Table`, without columns that nobody has.

    And without the milliseconds, which are others each time.

    table    {method: {column: value}}
    caption  one line above it
    phantom  whether the images were drawn

    >>> from medtutor.reports import methods_table
    >>> print(methods_table({"saliency": {"hit": 0.5, "ms": 3.0}, "edges": {"hit": 0.25}}))
    method    hit
    saliency  0.50
    edges     0.25
    """
    from ..explanation.trust import COLUMNS  # loads captum, which no other report needs

    columns = [column for column in COLUMNS if column != "ms" and any(column in row for row in table.values())]
    rows = [
        [method, *(f"{row[column]:.2f}" if column in row else "" for column in columns)]
        for method, row in table.items()
    ]
    return Table(["method", *columns], rows, caption, phantom)
