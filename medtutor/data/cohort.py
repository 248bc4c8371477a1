"""A cohort with a table: real images, and for each a row of drawn numbers, so that it is known what either part can
say.

Of every patient there is an image, whose finding (class 0 or 1 of its data set) is real,
and two numbers that medtutor draws: a lab value and an age. The outcome is drawn from
a logistic model of finding, lab value and age:

"additive"     all three push the outcome the same way, whatever the others say
"interaction"  a finding is a bad sign where the lab value is high, a good one where it
               is low. Either part alone says next to nothing

So the table is a PHANTOM, and so is the outcome: results say nothing about patients.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .. import checks
from ..errors import InputError, shown
from .card import SPLITS, Card
from .dataset import Dataset
from .phantoms.brushes import streams

KINDS = ("additive", "interaction")
COLUMNS = ("lab value", "age")
OUTCOMES = ("good outcome", "bad outcome")
AGE = 60.0, 12.0  # years: mean and standard deviation, to show an age as one
_NORMAL = ndtri((np.arange(100) + 0.5) / 100)  # stands for a standard normal number that is missing


@dataclass(frozen=True, eq=False)
class Patients:
    """One split of a cohort.

    images    uint8 (N, C, H, W)
    table     float32 (N, 2): lab value and age, standardised; NaN where missing
    labels    int64 (N,): the outcome
    findings  int64 (N,): what the image's own data set calls it
    chances   float32 (N,): the probability from which the outcome was drawn: no model can know more
    """

    images: torch.Tensor
    table: torch.Tensor
    labels: torch.Tensor
    findings: torch.Tensor
    chances: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Cohort:
    """Three splits of `Patients`, and what is known of them.

    kind        of `KINDS`
    title       for print; it says that table and outcome are phantoms
    card        of the images' data set
    missing     share of the table that is missing
    provenance  of the images, as of a `Dataset`: "phantom" where they are drawn, too
    """

    train: Patients
    val: Patients
    test: Patients
    kind: str
    title: str
    card: Card
    missing: float
    provenance: str

    def __str__(self) -> str:
        rows = ", ".join(f"{len(getattr(self, name))} {name}" for name in SPLITS)
        return f"{self.title}\ntable: {', '.join(COLUMNS)}, {self.missing:.0%} missing\npatients: {rows}"

    __repr__ = __str__


def draw_cohort(
    dataset: Dataset, kind: str = "interaction", *, missing: float = 0.0, most: int = 2000, seed: int = 0
) -> Cohort:
    """A `Cohort` made of a data set's images: as many of either finding in training, at most `most` of them.

    dataset  of images and two classes
    kind     of `KINDS`
    missing  0…0.9: share of the table's numbers that are missing, at random, in all splits
    seed     of table, outcome and which images

    Raises `InputError` for an unknown kind, another share, numbers that cannot be, and data sets of other tasks.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})  # 10 normal, 30 ill
    >>> cohort = draw_cohort(xray, "additive")
    >>> len(cohort.train), cohort.train.table.shape
    (20, torch.Size([20, 2]))
    """
    checks.one_of("kind of cohort", kind, KINDS)
    with checks.saying(f"missing is {shown(missing)}; give a share of the table from 0 to 0.9"):
        missing = checks.number("missing", missing, 0, 0.9)
    with checks.saying(f"most is {shown(most)}; give a whole number from 2"):
        most = checks.whole("most", most, 2)
    with checks.saying(f"seed is {shown(seed)}; give a whole number from 0"):
        seed = checks.whole("seed", seed, 0)
    checks.instance("dataset", dataset, Dataset, "a Dataset, such as load and from_arrays give")
    if dataset.card.task != "binary" or dataset.card.dims != 2 or dataset.card.frames:
        raise InputError(f"a cohort is made of images with two classes; {dataset.card.name} holds others")
    splits = {
        name: _patients(rng, getattr(dataset, name), kind, missing, most if name == "train" else None)
        for name, rng in streams(seed).items()
    }
    title = f"{dataset.title}, with a PHANTOM table and outcome, {kind}"
    return Cohort(**splits, kind=kind, title=title, card=dataset.card, missing=missing, provenance=dataset.provenance)


def _patients(rng, split, kind, missing, most):
    labels = split.labels.numpy()
    rows = np.arange(len(labels))
    if most is not None:  # as many of either finding, so that neither says much about the outcome by itself
        each = min(most // 2, *np.bincount(labels, minlength=2))
        rows = rng.permutation(
            np.concatenate([rng.choice(np.flatnonzero(labels == c), each, replace=False) for c in (0, 1)])
        )
    findings = labels[rows]
    table = rng.standard_normal((len(rows), 2)).astype(np.float32)
    chances = chance(kind, findings, table)
    outcome = (rng.random(len(rows)) < chances).astype(np.int64)
    table[rng.random(table.shape) < missing] = np.nan
    return Patients(
        split.images[torch.from_numpy(rows)],
        torch.from_numpy(table),
        torch.from_numpy(outcome),
        torch.from_numpy(findings),
        torch.from_numpy(chances.astype(np.float32)),
    )


def chance(kind: str, findings: ArrayLike, table: ArrayLike) -> np.ndarray:
    """The probability of a bad outcome from which the outcome is drawn: no model can know more.

    kind      of `KINDS`
    findings  (N,): 0 or 1
    table     (N, 2): lab value and age, standardised. Of a number that is missing (NaN), the
              mean over all that it can be, as it is missing at random

    float64 (N,). Raises `InputError` for an unknown kind, and for findings and a table of another form.

    >>> chance("interaction", [1, 1, 0], [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]).round(2).tolist()
    [0.98, 0.02, 0.02]
    """
    checks.one_of("kind of cohort", kind, KINDS)
    findings, table = np.asarray(findings), np.asarray(table)
    if table.dtype.kind not in "iuf" or table.ndim != 2 or table.shape[1] != len(COLUMNS):
        raise InputError(
            f"the table is {table.dtype} of shape {table.shape}; give numbers (N, {len(COLUMNS)}),"
            f" {' and '.join(COLUMNS)}"
        )
    if findings.shape != (len(table),) or not np.isin(findings, (0, 1)).all():
        raise InputError(f"findings must be {len(table)} of 0 and 1, one for each row of the table")
    return _chance(kind, findings, table)


def _chance(kind, findings, table):
    for column in range(len(COLUMNS)):
        gaps = np.isnan(table[:, column])
        if gaps.any():
            filled = np.repeat(table[gaps], len(_NORMAL), axis=0)
            filled[:, column] = np.tile(_NORMAL, gaps.sum())
            found = np.empty(len(table))
            found[gaps] = (
                _chance(kind, np.repeat(findings[gaps], len(_NORMAL)), filled).reshape(-1, len(_NORMAL)).mean(axis=1)
            )
            found[~gaps] = _chance(kind, findings[~gaps], table[~gaps])
            return found
    finding, (lab, age) = findings - 0.5, table.T
    if kind == "additive":
        logit = 3.6 * finding + 1.6 * lab + 0.8 * age
    else:
        logit = 8.0 * finding * np.sign(lab) + 0.4 * age
    return 1 / (1 + np.exp(-logit))


def without_table(patients: Patients, column: int | None = None) -> Patients:
    """The same patients with one column of the table missing, by its number, or (None) all of it.

    Raises `InputError` for a column that is not there.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> without_table(draw_cohort(xray).train, 0).table.isnan().all(0)
    tensor([ True, False])
    """
    if column is not None:
        column = checks.whole("column", column, -len(COLUMNS), len(COLUMNS) - 1)
    table = patients.table.clone()
    table[:, slice(None) if column is None else column] = float("nan")
    return replace(patients, table=table)


def with_table_of_others(patients: Patients, seed: int = 0) -> Patients:
    """The same patients, each with somebody else's row of the table: what the table was worth to a model is lost.

    Raises `InputError` for a single patient, and for a seed that is not a whole number from 0.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> own = draw_cohort(xray).train
    >>> (with_table_of_others(own).table == own.table).any()
    tensor(False)
    """
    if len(patients) < 2:
        raise InputError("a single patient has no others; give at least 2")
    seed = checks.whole("seed", seed, 0, 2**63 - 1)
    order = torch.randperm(len(patients), generator=torch.Generator().manual_seed(seed))
    others = torch.empty_like(order)
    others[order] = order.roll(1)  # each gets the row of the one before in a random order: never its own
    return replace(patients, table=patients.table[others])
