"""Published results on MedMNIST, with the source of each."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """One published result: test AUC and ACC of a model at an image size."""

    dataset: str
    model: str
    size: str
    auc: float
    acc: float
    source: str


@cache
def _table():
    text = files(__package__).joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(
        Published(
            dataset=row["dataset"],
            model=row["model"],
            size=row["image size (px)"],
            auc=float(row["test AUC"]),
            acc=float(row["test ACC"]),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def published_rows(name: str, size: int | str | None = None) -> tuple[Published, ...]:
    """The published results on a set, ResNet-18 at 28 pixels first.

    With `size` only those at that image size in pixels (28: the small images
    as they are, not the ones enlarged to 224). A set without any: ().

    >>> row = published_rows("breastmnist", 28)[0]
    >>> row.model, row.auc
    ('ResNet-18', 0.901)
    """
    if not isinstance(name, str) or not (size is None or isinstance(size, (str, int))):
        return ()
    rows = [row for row in _table() if row.dataset == name and size in (None, row.size, _number(row.size))]
    # The sort is stable: within each group the order of the file stays.
    return tuple(
        sorted(rows, key=lambda row: (row.size != "28", not row.model.startswith("ResNet-18"), "," in row.model))
    )


def _number(size):
    return int(size) if size.isdigit() else None
