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
from .card import aligned
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

    contrast, arm  of the evidence: 0 the first arm, 1 the second
    trained_on     the arm's data set in the evidence, with its share of labels
    """

    dataset: str
    family: str
    model: str
    claim: str
    contrast: str
    arm: int
    trained_on: str
    explained: str = ""


def _sources():
    xray, breast, vessel = "pneumoniamnist", "breastmnist", "vesselmnist3d"
    for name in (xray, breast):
        yield Source(name, "baseline", "mlp", "cnn-beats-mlp", name, 1, name)
    yield Source(xray, "CNN", "resnet18", "deeper-is-not-better", xray, 0, xray)
    for name, shares in ((xray, ("5%", "25%", "100%")), (breast, ("100%",)), (vessel, ("100%",))):
        for share in shares:
            on = name if share == "100%" else f"{name}-{share}"
            of = f"{name}, {share} of labels"
            explained = name == xray and share == "100%"
            lead = ("vits-need-more-data", f"cnn against vit: {of}")
            yield Source(name, "CNN", "cnn", *lead, 0, on, "explanations-find-planted-evidence" if explained else "")
            yield Source(name, "ViT", "vit", *lead, 1, on, "attention-explains" if explained else "")
            yield Source(name, "hybrid", "hybrid", "vits-need-more-data", f"hybrid against cnn: {of}", 0, on)
    yield Source(
        xray,
        "autoencoder",
        "code and regression",
        "features-help-when-labels-are-few",
        "DAE against raw pixels: 100 labels",
        0,
        xray,
    )
    slices = "recurrence-helps-on-slices", f"lstm against mean_frames: slices of {vessel}"
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
            lines = [COLUMNS, ["---"] * len(COLUMNS), *map(_cells, self.of(name))]
            parts += [f"### {catalog.card(name).title}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
        return "\n\n".join(parts)

    def figure(self):
        """AUC over operations, one panel a data set: a `Picture`. Raises `InputError` where there is no row to draw."""
        if not self.rows:
            raise InputError("there is no evidence to put side by side; collect it: medtutor trial run")
        return figures.side_by_side({catalog.card(name).title: self.of(name) for name in self.datasets})

    def _repr_html_(self):
        parts = []
        for name in self.datasets:
            head = "".join(f'<th scope="col">{escape(column)}</th>' for column in COLUMNS)
            body = "".join(
                f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in self.of(name)
            )
            parts.append(
                f"<table><caption>{escape(catalog.card(name).title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            )
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
        contrast = evidence and evidence.contrast(source.contrast)
        if not contrast:
            continue
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
    if source.family == "autoencoder":
        return 2 * int(source.contrast.split(": ")[1].split()[0]) / evidence.data[source.dataset]["train"]
    return float(source.trained_on.partition("-")[2].rstrip("%") or 100) / 100


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
    prefix = "vit, " if source.model == "vit" else ""
    hits = {
        contrast.name.removeprefix(prefix).removesuffix(": hit"): contrast.mean
        for contrast in evidence.contrasts
        if contrast.name.startswith(prefix) and contrast.name.endswith(": hit")
    }
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
