"""A model card and a data sheet, filled from a Run and its data set's Card: Markdown for people, JSON for programs.

After Mitchell et al., *Model cards for model reporting* (2019), and Gebru et al., *Datasheets for datasets* (2021).
Its numbers are copied from the Run, none is computed anew but those of groups; what nobody has said is called unknown.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from numpy.typing import ArrayLike

from ..checks import instance, number, one_of, text, whole
from ..data.card import NOT_CLINICAL, TASKS
from ..data.dataset import PROVENANCES
from ..errors import InputError
from ..metrics.groups import RATES, measure_groups
from ..records import typed
from ..training.run import Run
from .classes import by_class
from .table import PHANTOM, markdown_table

FORMAT = 1
UNKNOWN = "not stated"
HEADLINES = {"auc": "AUC", "acc": "accuracy", "dice": "Dice", "hd95": "HD95", "surface_dice": "surface Dice",
             "mae": "mean absolute error", "r2": "R²"}  # fmt: skip


class Group(TypedDict):
    """One group of the test cases; a rate is [value, low, high], None where it is not known."""

    group: str
    n: int
    positives: int
    threshold: float
    rates: dict[str, list]
    notes: list[str]


class Record(TypedDict):
    """`card.json`: what a card holds."""

    format: int
    title: str
    phantom: bool
    model: dict
    intended_use: str
    out_of_scope: list[str]
    data: dict
    metrics: dict
    classes: list[dict]
    subgroups: list[Group]
    limits: list[str]
    datasheet: dict[str, str]


@dataclass(frozen=True)
class ModelCard:
    """A card as plain values, checked; `markdown` is for reading, `as_record` for files.

    Raises `InputError` for a record that is no card: a part missing, a number outside of its interval.
    """

    record: Mapping[str, Any]

    def __post_init__(self) -> None:
        check_card(dict(self.record))

    def as_record(self) -> dict:
        """Plain values, for JSON."""
        return json.loads(json.dumps(self.record))

    @property
    def markdown(self) -> str:
        """The card as Markdown."""
        return "\n\n".join(_written(self.record)) + "\n"

    def __str__(self) -> str:
        return self.markdown

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        # One step down: in a notebook the headings are not those of the lesson.
        return self.markdown.replace("\n## ", "\n#### ").replace("# ", "### ", 1)


def model_card(
    run: Run,
    *,
    groups: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    threshold: float = 0.5,
    intended_use: str = "",
) -> ModelCard:
    """The `ModelCard` of a finished Run.

    groups        of the test cases, whole numbers (N,), where it is known of which group each is; two classes only
    names         of the groups, by number
    threshold     at which the rates of the groups are told
    intended_use  in place of teaching and research

    Raises `InputError` for what is no Run, a Run that is not finished, and groups of other cases or other tasks.

    >>> import medtutor as mt
    >>> from medtutor.reports import model_card
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> card = model_card(run)
    >>> card.record["metrics"]["test"]["auc"] == run.test.auc
    True
    """
    instance("run", run, Run, "a Run, such as fit and Run.load give")
    if run.test is None:
        raise InputError(
            "the run is not finished, and its test split was not read: resume it first, then fill its card"
        )
    summary, card = run.summary(), run.card
    use = text("intended_use", intended_use) if intended_use else f"{_what_it_does(card)} {NOT_CLINICAL}"
    record = {
        "format": FORMAT,
        "title": f"{run.model.name} on {card.title}",
        "phantom": run.provenance == "phantom",
        "model": {
            "name": run.model.name,
            "parameters": run.parameters,
            "options": run.model.options,
            "recipe": run.recipe.as_dict(),
            "epochs": run.epochs_done,
            "seconds": summary["seconds"],
            "device": run.device,
            "versions": dict(run.versions),
        },
        "intended_use": use,
        "out_of_scope": _out_of_scope(run),
        "data": {
            "name": card.name,
            "title": card.title,
            "modality": card.modality,
            "task": card.task,
            "classes": list(card.classes),
            "shape": list(card.shape),
            "provenance": run.provenance,
            "licence": card.licence,
            "citation": card.citation,
            "cases": {split: len(run.labels[split]) for split in run.labels},
        },
        "metrics": {split: summary[split] for split in ("val", "test")},
        "classes": by_class(run, "test") if card.task not in ("segmentation", "regression") else [],
        "subgroups": _subgroups(run, groups, names, threshold),
        "limits": _limits(run, groups is not None),
        "datasheet": _datasheet(run),
    }
    return ModelCard(_plain(record))


def _what_it_does(card):
    if card.task == "segmentation":
        what = f"outlines {', '.join(card.classes[1:])} in"
    elif card.task == "regression":
        what = f"predicts {card.classes[0]} from"
    else:
        what = f"tells {', '.join(card.classes[:-1])} and {card.classes[-1]} apart in"
    return f"It {what} images ({card.modality}) of {' x '.join(map(str, card.shape))} pixels."


def _out_of_scope(run):
    card = run.card
    found = [
        "Any decision about a patient: it was evaluated on one data set and never in use.",
        f"Images of another kind, another size or other people than those of {card.title}.",
        "Findings that its labels do not name.",
    ]
    if run.provenance == "phantom":
        found.insert(0, "Any statement about patients: its images are phantoms or hold planted parts.")
    return found


def _limits(run, has_groups):
    found = list(run.card.warnings)
    if not has_groups:
        found.append(
            "No subgroup was evaluated: the data set does not say of which sex, age, origin, scanner or hospital an"
            " image is. A difference between groups would not be seen here."
        )
    found.append(
        "One training with one seed: another one gives other numbers, which the intervals, over test cases alone, leave"
        " out."
    )
    return found


def _datasheet(run):
    """Gebru's seven parts, from what the Card says."""
    card = run.card
    whose = " ".join(card.warnings) or f"whose images they are is {UNKNOWN}"
    return {
        "motivation": card.description or UNKNOWN,
        "composition": f"{card.modality}; classes {', '.join(card.classes)}; {whose}",
        "collection": _collected(run),
        "preprocessing": f"{' x '.join(map(str, card.shape))} pixels, {card.channels} channel(s), 8 bits",
        "uses": NOT_CLINICAL,
        "distribution": card.licence,
        "maintenance": UNKNOWN,
    }


def _collected(run):
    if run.provenance == "phantom" and run.card.citation:  # of a publisher, and no longer as it published them
        return f"images of {run.card.citation}, with parts planted by medtutor"
    return PROVENANCES[run.provenance] + (f"; {run.card.citation}" if run.card.citation else "")


def _subgroups(run, groups, names, threshold):
    if groups is None:
        return []
    if run.card.task != "binary":
        raise InputError(f"groups are told of two classes; this run is a {run.card.task}: leave groups out")
    found = measure_groups(
        run.labels["test"], run.predictions["test"][:, 1], groups, threshold, names=names, resamples=1000
    )
    return [
        {
            "group": each.group,
            "n": each.n,
            "positives": each.positives,
            "threshold": each.threshold,
            "rates": {
                name: [rate.value, *(rate.interval or (None, None))]
                for name, rate in ((name, getattr(each, name)) for name in RATES)
            },
            "notes": list(each.notes),
        }
        for each in found
    ]


def _plain(value):
    """As JSON has it: lists for tuples, None for NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- checks ------------------------------------------------------------------


def check_card(record: Mapping[str, Any]) -> None:
    """Raises `InputError`, which names the part, for a record that is no model card as `model_card` fills it.

    Every part is there and of its type, nothing that a reader needs is empty, and every number lies in its interval.

    >>> check_card({"format": 1})
    Traceback (most recent call last):
    medtutor.errors.InputError: no model card: classes is missing; fill it anew with model_card(run)
    """
    try:
        read = typed("", dict(record), Record)
        whole("format", read["format"], FORMAT, FORMAT)
        for name in ("title", "intended_use"):
            text(name, read[name])
        for name in ("out_of_scope", "limits"):
            if not read[name]:
                raise InputError(f"{name} is empty, and no model is without any")
        for part, needed in (
            ("model", ("name", "parameters", "recipe", "versions")),
            ("data", ("name", "task", "classes", "provenance", "licence", "cases")),
            ("metrics", ("val", "test")),
            ("datasheet", ("motivation", "composition", "collection", "uses")),
        ):
            for name in needed:
                if name not in read[part]:
                    raise InputError(f"{part}.{name} is missing")
        one_of("data.task", read["data"]["task"], TASKS)
        one_of("data.provenance", read["data"]["provenance"], PROVENANCES)
        if read["phantom"] != (read["data"]["provenance"] == "phantom"):
            raise InputError("phantom does not agree with data.provenance")
        for split, of in read["metrics"].items():
            typed(f"metrics.{split}", of, dict)
            for name in [name for name in of if f"{name}_interval" in of]:
                _check_within(f"metrics.{split}.{name}", of[name], of[f"{name}_interval"])
        for group in read["subgroups"]:
            whole(f"cases of group {group['group']}", group["n"], 0)
            whole(f"positives of group {group['group']}", group["positives"], 0, group["n"])
            for name, (value, *interval) in group["rates"].items():
                _check_within(f"{name} of group {group['group']}", value, interval)
    except (InputError, ValueError, TypeError) as error:
        raise InputError(f"no model card: {error}; fill it anew with model_card(run)") from None


def _check_within(what, value, interval):
    if value is None or not interval or None in interval:
        return
    low, high = interval
    number(what, value)
    if not number(what, low) - 1e-9 <= value <= number(what, high) + 1e-9:
        raise InputError(f"{what} is {value:g}, outside of its interval {low:g} to {high:g}")


# --- for reading --------------------------------------------------------------


def _written(record):
    """The paragraphs of the card."""
    model, data = record["model"], record["data"]
    yield f"# Model card: {record['title']}"
    if record["phantom"]:
        yield f"**{PHANTOM}. These numbers say nothing about patients.**"
    versions = ", ".join(f"{name} {version}" for name, version in sorted(model["versions"].items())) or UNKNOWN
    yield (
        f"## Model\n\n{model['name']}, {model['parameters']:,} parameters, epochs: {model['epochs']}, seed"
        f" {model['recipe']['seed']}; versions: {versions}"
    )
    yield f"## Intended use\n\n{record['intended_use']}"
    yield "## Out of scope\n\n" + _listed(record["out_of_scope"])
    cases = ", ".join(f"{n} {split}" for split, n in data["cases"].items())
    yield (
        f"## Data\n\n{data['title']}: {data['modality']}, {' x '.join(map(str, data['shape']))} pixels; classes"
        f" {', '.join(data['classes'])}; evaluated on {cases} cases; {PROVENANCES[data['provenance']]}; licence"
        f" {data['licence']}."
    )
    yield "## Metrics\n\n" + _metrics_table(record["metrics"])
    if record["classes"]:
        head = ("class", "cases", "recall", "precision", "AUC")
        keys = ("n", "recall", "precision", "auc")
        rows = [[row["class"], *(_shown(row[key]) for key in keys)] for row in record["classes"]]
        yield "By class, on test:\n\n" + markdown_table(head, rows)
    yield "## Subgroups\n\n" + (_groups_table(record["subgroups"]) if record["subgroups"] else "None was evaluated.")
    yield "## Limits\n\n" + _listed(record["limits"])
    yield "## Data sheet\n\n" + markdown_table(
        ("part", "what is known"), [[part, answer.replace("|", "/")] for part, answer in record["datasheet"].items()]
    )


def _listed(lines):
    return "\n".join(f"- {line}" for line in lines)


def _shown(value):
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _with_interval(value, interval):
    known = interval and None not in interval
    return _shown(value) + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if known and value is not None else "")


def _metrics_table(metrics):
    rows = [
        [split, HEADLINES[name], _with_interval(of[name], of.get(f"{name}_interval")), str(of["n"])]
        for split, of in metrics.items()
        for name in HEADLINES
        if name in of
    ]
    return markdown_table(("split", "metric", "value [95 % interval]", "cases"), rows)


def _groups_table(groups):
    rows = [
        [each["group"], str(each["n"]), str(each["positives"])]
        + [_with_interval(each["rates"][name][0], each["rates"][name][1:]) for name in RATES]
        for each in groups
    ]
    notes = [note for each in groups for note in each["notes"]]
    head = ("group", "cases", "positives", "called positive", "sensitivity", "false alarms", "precision",
            "miscalibration", "AUC")  # fmt: skip
    return markdown_table(head, rows) + (f"\n\n{_listed(notes)}" if notes else "")
