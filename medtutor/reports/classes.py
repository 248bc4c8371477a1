"""What a mean over classes hides: recall, precision, F1 and AUC of each class of a Run."""

import math
from dataclasses import asdict
from statistics import fmean

from ..checks import one_of
from ..errors import InputError
from ..metrics import measure_classes
from ..metrics.classification import TASKS
from ..training.run import Run
from .table import Table


def by_class(run: Run, split: str = "val") -> list[dict]:
    """[{"class": name, "n": …, "called": …, "recall": …, "precision": …, "f1": …, "auc": …}, …], as plain values.

    The numbers are those of `metrics.ClassMetrics`. Empty for a split that was not read. Raises `InputError` for a
    run that does not classify, and for an unknown split.

    >>> import medtutor as mt
    >>> from medtutor.reports import by_class
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> [row["class"] for row in by_class(run)]
    ['normal', 'pneumonia']
    """
    if not isinstance(run, Run):
        raise InputError(f"results are those of a Run, not of {type(run).__name__}; train one with fit(…)")
    if run.card.task not in TASKS:
        raise InputError(f"this run is a {run.card.task}, which calls no image a class; give a classification")
    one_of("split", split, ("val", "test"))
    if split not in run.predictions:
        return []
    found = measure_classes(run.labels[split], run.predictions[split], run.card.task)
    return [{"class": name, **asdict(each)} for name, each in zip(run.card.classes, found)]


def class_table(run: Run, split: str = "val") -> Table:
    """The numbers of each class as a `Table`; below them their plain means, which count a rare class as a common one.

    Raises `InputError` as `by_class`, and for a split that was not read.

    >>> import medtutor as mt
    >>> from medtutor.reports import class_table
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(class_table(run).head[0])
    class
    """
    rows = by_class(run, split)
    if not rows:
        raise InputError(f"the {split} split was not read: the run is not finished; resume it first")
    shares = ("recall", "precision", "f1", "auc")
    lines = [(row["class"], row["n"], row["called"], *(_or_none(row[name]) for name in shares)) for row in rows]
    # A class that is never called has no precision: then the mean of it has none, either.
    means = [fmean(row[name] for row in rows) for name in shares]
    which = "label" if run.card.task == "multi-label" else "class"
    return Table(
        (which, "cases", "called so", "recall", "precision", "F1", "AUC"),
        [*lines, ("mean (macro)", "", "", *map(_or_none, means))],
        f"{run.model.name} on {run.card.title}, {split} split",
        phantom=run.provenance == "phantom",
    )


def _or_none(share):
    return "–" if math.isnan(share) else share
