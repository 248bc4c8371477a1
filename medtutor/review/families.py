"""Every family of the course that answers with classes, side by side, on three data sets.

What was reached comes from the evidence of the claims; what it costs is measured
when the table is made, on this machine. A U-Net draws masks and a GAN draws images:
neither classifies, and neither is in the table.
"""

from dataclasses import asdict, dataclass, replace
from html import escape
from statistics import fmean

from .. import figures
from ..data import catalog
from ..errors import InputError
from ..models import MODELS, build
from ..models.autoencoder import Autoencoder
from ..models.randomness import seeded
from ..reports.cost import Cost, measure_cost
from ..reports.table import aligned, html_table, markdown_table
from .evidence import Contrast, read_evidence

COLUMNS = (
    "family",
    "model",
    "labels",
    "test AUC (95 % over seeds)",
    "parameters",
    "MFLOP an image",
    "training, s",
    "ms an image",
    "best explanation",
)
ABOUT = (
    "labels: share of the training labels that were used. Parameters, operations of one image forward, seconds of the"
    " whole training and milliseconds of predicting an image in a batch, {times}. Best explanation: of the methods"
    " tried, the one whose highest value most often hits planted spots that decide the label, the share of hits less"
    " that of the same network with random weights; measured on networks of the same form that learned the spots, as"
    " explanations-find-planted-evidence and attention-explains say."
)


@dataclass(frozen=True)
class Source:
    """Where a row of the table comes from: the claim whose evidence holds it, and what is explained in which claim.

    keys        of the contrast in the evidence, its first and its second arm among them, see `Evidence.where`
    arm         0 the first arm, 1 the second
    trained_on  the arm's data set in the evidence, with its share of labels
    """

    dataset: str
    family: str
    model: str
    claim: str
    keys: dict
    arm: int
    trained_on: str
    explained: str = ""


def _sources():
    xray, breast, vessel = "pneumoniamnist", "breastmnist", "vesselmnist3d"
    for name in (xray, breast):
        yield Source(name, "baseline", "mlp", "cnn-beats-mlp", {"dataset": name, "pixels": 0}, 1, name)
    yield Source(xray, "CNN", "resnet18", "depth-helps", {"dataset": xray, "pixels": 0}, 0, xray)
    for name, shares in ((xray, (0.05, 0.25, 1.0)), (breast, (1.0,)), (vessel, (1.0,))):
        for share in shares:
            on = name if share == 1 else f"{name}-{share:.0%}"
            of = {"dataset": name, "labels": share}
            explained = name == xray and share == 1
            lead = "vits-need-more-data", of | {"arm": "cnn", "against": "vit"}
            yield Source(name, "CNN", "cnn", *lead, 0, on, "explanations-find-planted-evidence" if explained else "")
            yield Source(name, "ViT", "vit", *lead, 1, on, "attention-explains" if explained else "")
            hybrid = of | {"arm": "hybrid", "against": "cnn"}
            yield Source(name, "hybrid", "hybrid", "vits-need-more-data", hybrid, 0, on)
    code = {"arm": "DAE", "against": "raw pixels", "labels": 100}
    claim = "features-help-when-labels-are-few"
    yield Source(xray, "autoencoder", "code and regression", claim, code, 0, xray)
    slices = "recurrence-helps-on-slices", {"dataset": vessel, "arm": "lstm", "against": "mean_frames"}
    yield Source(vessel, "RNN", "lstm", *slices, 0, vessel)
    yield Source(vessel, "RNN", "mean_frames", *slices, 1, vessel)


@dataclass(frozen=True)
class Row:
    """One model on one data set.

    labels       share of the training labels, 0…1
    aucs         test AUC of each seed
    cost         `Cost`; its times are None where they were not measured
    seconds      of the whole training, None where it was not measured
    explanation  (method, hits less those of a random network), or None where it was not tested
    """

    dataset: str
    family: str
    model: str
    labels: float
    aucs: tuple
    cost: Cost
    seconds: float | None
    explanation: tuple | None

    @property
    def auc(self):
        return fmean(self.aucs)

    @property
    def interval(self):
        """Student's 95 % interval over seeds."""
        return Contrast("auc", ("auc", "zero"), self.aucs, (0.0,) * len(self.aucs)).interval


class SideBySide:
    """The rows; shows itself as text, as Markdown, and in a notebook as a table with a figure."""

    def __init__(self, rows):
        self.rows = rows

    def of(self, dataset):
        """The rows of one data set."""
        return [row for row in self.rows if row.dataset == dataset]

    @property
    def datasets(self):
        return list(dict.fromkeys(row.dataset for row in self.rows))

    @property
    def about(self):
        threads = next((row.cost.threads for row in self.rows if row.cost.threads), 0)
        measured = f"measured now with {threads} thread{'s' * (threads > 1)}: compare within this table only"
        return ABOUT.format(times=measured if threads else "not measured this time")

    def as_text(self):
        parts = []
        for name in self.datasets:
            parts += [catalog.card(name).title, aligned([COLUMNS, *map(_cells, self.of(name))]), ""]
        return "\n".join([*parts, self.about])

    __str__ = __repr__ = as_text

    def as_markdown(self):
        parts = ["## All families side by side", self.about]
        for name in self.datasets:
            parts += [f"### {catalog.card(name).title}", markdown_table(COLUMNS, [*map(_cells, self.of(name))])]
        return "\n\n".join(parts)

    def figure(self):
        """AUC over operations, one panel a data set: a `Picture`. Raises `InputError` where there is no row to draw."""
        if not self.rows:
            raise InputError("there is no evidence to put side by side; collect it: medtutor trial run")
        return figures.side_by_side({catalog.card(name).title: self.of(name) for name in self.datasets})

    def _repr_html_(self):
        parts = [html_table(catalog.card(name).title, COLUMNS, [*map(_cells, self.of(name))]) for name in self.datasets]
        picture = self.figure()._repr_mimebundle_()["text/html"] if self.rows else ""
        return f"<div>{picture}{''.join(parts)}<p><small>{escape(self.about)}</small></p></div>"

    def as_records(self):
        """[{column: plain value}, …], for JSON."""
        return [
            {
                "dataset": row.dataset,
                "family": row.family,
                "model": row.model,
                "labels": row.labels,
                "auc": round(row.auc, 6),
                "interval": list(row.interval),
                "seeds": len(row.aucs),
                **asdict(row.cost),
                "training_seconds": row.seconds,
                "explanation": row.explanation and list(row.explanation),
            }
            for row in self.rows
        ]


def side_by_side(timed=True, report=None):
    """All families side by side, `SideBySide`.

    timed   also measure times, some twenty seconds; parameters and operations are always counted
    report  is told in a line what is measured

    Rows whose evidence is not there, or is damaged, are left out.
    """
    rows, costs = [], {}
    for source in _sources():
        evidence = _sound(source.claim)
        found = evidence.where(**source.keys) if evidence else []
        if not found:
            continue
        contrast = found[0]
        arm = _arm(evidence, source)
        share = _share(source, evidence)
        known = source.dataset, source.model
        if known not in costs:
            if report:
                report(f"side by side: {source.model} on {source.dataset}")
            costs[known] = _cost(source, arm, timed)
        cost = costs[known]
        seconds = None
        if cost.train_ms is not None:
            # What needs no labels sees all images.
            seen = evidence.data[source.dataset]["train"] * (1 if source.family == "autoencoder" else share)
            seconds = cost.train_ms * seen * arm["recipe"]["epochs"] / 1000
        values = contrast.second if source.arm else contrast.first
        rows.append(Row(source.dataset, source.family, source.model, share, values, cost, seconds, _explained(source)))
    return SideBySide(rows)


def _sound(claim_id):
    """The evidence for a claim; None also where its file is damaged, which the card of the claim says."""
    try:
        return read_evidence(claim_id)
    except InputError:
        return None


def _arm(evidence, source):
    """What the evidence says of the model: its options and recipe. An autoencoder was trained by what measured it."""
    arms = [
        arm for arm in evidence.arms if arm["dataset"] == source.trained_on and arm["model"] in (source.model, "probe")
    ]
    return min(arms, key=lambda arm: len(arm["options"]))


def _share(source, evidence):
    """The share of the training labels that was used, 0…1."""
    if source.family == "autoencoder":  # so many labels of each of the two classes
        return 2 * source.keys["labels"] / evidence.data[source.dataset]["train"]
    return source.keys.get("labels", 1.0)


def _cost(source, arm, timed):
    card = catalog.card(source.dataset)
    if source.model in MODELS and MODELS[source.model].takes == "sequences":
        card = replace(card, shape=card.shape[1:], frames=card.shape[0])
    with seeded(0):
        model = (
            build(source.model, card, **arm["options"])
            if source.model in MODELS
            else Autoencoder(card.channels, card.shape)
        )
    return measure_cost(model, card, timed=timed)


def _explained(source):
    """(method, its hits less those of a random network) of the best method."""
    evidence = _sound(source.explained) if source.explained else None
    if not evidence:
        return None
    tested = evidence.where(score="hit", spots="all", model=source.model)
    hits = {contrast.keys["method"]: contrast.mean for contrast in tested}
    return max(hits.items(), key=lambda pair: pair[1]) if hits else None


def _cells(row):
    low, high = row.interval
    return (
        row.family,
        row.model,
        f"{row.labels:.0%}",
        f"{row.auc:.3f} ({low:.3f} to {high:.3f})",
        f"{row.cost.parameters:,}",
        f"{row.cost.flops / 1e6:.3g}",
        "–" if row.seconds is None else f"{row.seconds:.0f}",
        "–" if row.cost.predict_ms is None else f"{row.cost.predict_ms:.2g}",
        "–" if row.explanation is None else f"{row.explanation[0]} {row.explanation[1]:+.2f}",
    )
