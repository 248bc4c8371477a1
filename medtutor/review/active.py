"""Active learning on records: a model ranks what is not screened, a person screens the first of them, again and again.

The features are TF-IDF of title and abstract, the model a logistic regression with balanced classes, both of
scikit-learn. ASReview, the tool that reviewers use for this, has as its own default ("ELAS u4") a linear support vector
machine on TF-IDF of words and pairs of words, balanced too; naive Bayes and random forests are among its others.

Both stand here with the settings that scikit-learn has by itself: none was chosen by how well it does on a review. What
is simulated knows the reviewers' decisions on all records. Nobody who screens has them: how much work is saved can be
known afterwards only, and a rule for stopping must do without.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..checks import number, seed, whole
from ..errors import InputError
from .bibliography import Record
from .collection import Collection

if TYPE_CHECKING:
    from ..figures import Picture

BATCH = 10  # records that are screened between two trainings


def features(records: Sequence[Record]):
    """TF-IDF of title and abstract, a sparse matrix with a row for each record and a column for each word.

    Raises `InputError` for records without words.

    >>> features([Record("a", "the knee"), Record("b", "a knee"), Record("c", "a mouse and a knee")]).shape
    (3, 4)
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{record.title} {record.abstract}" for record in records]
    try:
        return TfidfVectorizer().fit_transform(texts)
    except ValueError:
        raise InputError("the records hold no words that a model could learn from; screen them all") from None


def ranked(table, decided: Mapping[int, bool]) -> list[int]:
    """The rows that are not decided, the most likely relevant first; in their own order while only one answer is known.

    table    as `features` gives
    decided  {row: included}
    """
    from sklearn.linear_model import LogisticRegression

    left = [row for row in range(table.shape[0]) if row not in decided]
    if len(set(decided.values())) < 2 or not left:
        return left
    model = LogisticRegression(class_weight="balanced")
    model.fit(table[list(decided)], list(decided.values()))
    return [left[place] for place in np.argsort(-model.decision_function(table[left]), kind="stable")]


@dataclass(frozen=True)
class Simulation:
    """In which order the records of a review would have been screened.

    relevant  bool of each record, in the order of screening
    keys      of the records, in that order
    seed      of the two records to begin with
    """

    relevant: tuple[bool, ...]
    keys: tuple[str, ...]
    seed: int
    phantom: bool = False

    @cached_property
    def recall(self) -> np.ndarray:
        """Share of the relevant records found, 0…1, after each record; as long as the records."""
        return np.cumsum(self.relevant) / sum(self.relevant)

    def screened_for(self, recall: float = 0.95) -> int:
        """How many records must be screened until that share of the relevant ones is found."""
        number("recall", recall, above=0, high=1)
        return int(np.searchsorted(self.recall, recall - 1e-12)) + 1

    def work_saved(self, recall: float = 0.95) -> float:
        """Work saved over sampling: the share of records that need not be screened, less what chance would save."""
        return 1 - self.screened_for(recall) / len(self.relevant) - (1 - recall)

    def stop(self, run: int = 50) -> "Stop":
        """What the rule 'stop after that many irrelevant records in a row' would have found, and missed."""
        whole("run", run, 1)
        since, screened = 0, len(self.relevant)
        for place, relevant in enumerate(self.relevant, 1):
            since = 0 if relevant else since + 1
            if since == run:
                screened = place
                break
        missed = tuple(key for key, relevant in zip(self.keys[screened:], self.relevant[screened:]) if relevant)
        return Stop(run, screened, sum(self.relevant[:screened]), missed)


@dataclass(frozen=True)
class Stop:
    """Where a rule stopped: after `run` irrelevant records in a row, of `screened`, with `found` relevant ones.

    missed  keys of the relevant records that were never seen
    """

    run: int
    screened: int
    found: int
    missed: tuple[str, ...]

    @property
    def recall(self) -> float:
        """Share of the relevant records that were found, 0…1."""
        return self.found / (self.found + len(self.missed))

    def __str__(self):
        return (
            f"after {self.run} irrelevant records in a row: {self.screened} screened, {self.found} relevant found,"
            f" {len(self.missed)} missed (recall {self.recall:.2f})"
        )


def simulate(collection: Collection, start: int = 0, batch: int = BATCH) -> Simulation:
    """Screen a review anew with a model that learns from each decision; the reviewers' decisions are the answers.

    start  seed: which relevant and which irrelevant record are known at first
    batch  how many records are screened between two trainings

    Raises `InputError` for records without decisions, and where all decisions are one.

    >>> from medtutor.review import load_collection, simulate
    >>> simulate(load_collection("drawn")).screened_for(0.95) < 120
    True
    """
    draw, records = random.Random(seed(start)), collection.records
    whole("batch", batch, 1)
    labels = [record.included for record in records]
    undecided = next((record for record in records if record.included is None), None)
    if undecided is not None:
        raise InputError(
            f"{undecided.place} has no decision; a simulation needs the reviewers' decisions on all records"
        )
    if len(set(labels)) < 2:
        raise InputError(
            f"all records of {collection.name} have the same decision; there is nothing to learn from them"
        )
    table = features(records)
    order = [draw.choice([row for row, label in enumerate(labels) if label is wanted]) for wanted in (True, False)]
    while len(order) < len(records):
        order += ranked(table, {row: bool(labels[row]) for row in order})[:batch]
    keys = tuple(records[row].key for row in order)
    return Simulation(tuple(bool(labels[row]) for row in order), keys, start, collection.phantom)


def recall_curve(simulations: Sequence[Simulation], recall: float = 0.95) -> "Picture":
    """Recall over records screened, a line for each simulation, beside what screening in no order gives.

    >>> from medtutor.review import load_collection, recall_curve, simulate
    >>> recall_curve([simulate(load_collection("drawn"))]).alt[:80]
    'Phantom images, drawn by medtutor. Of drawn titles. Recall over records screened'
    """
    from ..figures import BLUE, GREY, picture  # they load torch
    from ..figures.canvas import new_figure

    if not simulations:
        raise InputError("there is no simulation to draw; make one with simulate(…)")
    figure = new_figure(6, 3.6)
    ax, total = figure.subplots(), len(simulations[0].relevant)
    for each in simulations:
        ax.plot(np.arange(1, total + 1), each.recall, color=BLUE, linewidth=1.5, alpha=0.8)
    ax.plot([0, total], [0, 1], color=GREY, linestyle="--", linewidth=1.5)
    ax.axhline(recall, color=GREY, linewidth=0.8)
    ax.text(total, recall - 0.03, f"recall {recall:g}", ha="right", va="top", fontsize=9)
    ax.text(total * 0.62, 0.5, "in no order", color="#5f5f5f", fontsize=9)
    ax.set(xlabel="records screened", ylabel="share of the relevant records found", xlim=(0, total), ylim=(0, 1.02))
    ax.spines[["top", "right"]].set_visible(False)
    needed = [each.screened_for(recall) for each in simulations]
    saved = [each.work_saved(recall) for each in simulations]
    drawn, orders = "Of drawn titles. " * simulations[0].phantom, f"{len(needed)} order{'s' * (len(needed) > 1)}"
    words = (
        f"{drawn}Recall over records screened, in {orders} of a model that learns. Recall {recall:g} is reached after"
        f" {min(needed)} to {max(needed)} of {total} records: work saved over sampling {min(saved):.2f} to"
        f" {max(saved):.2f}."
    )
    return picture(figure, words, phantom=any(each.phantom for each in simulations))
