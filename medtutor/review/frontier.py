"""The models of the frontier: trained for it with three seeds, or out of the evidence of the claims."""

import json
from collections.abc import Callable
from statistics import fmean

from ..data import catalog
from ..metrics.intervals import over_seeds
from ..reports.frontier import MODELS, PATH, Point, measured_costs
from .evidence import read_evidence

DATASET = "pneumoniamnist"
CASES = 4708  # of its training split
# {model: claim, the keys of its contrast}
EVIDENCE: dict[str, tuple[str, dict]] = {
    "mlp": ("cnn-beats-mlp", {}),
    "cnn": ("depth-helps", {}),
    "resnet18": ("depth-helps", {}),
    "vit": ("vits-need-more-data", {"labels": 1.0, "arm": "cnn", "against": "vit"}),
    "hybrid": ("vits-need-more-data", {"labels": 1.0, "arm": "hybrid", "against": "cnn"}),
}


def frontier_points(repeats: int = 30, report: Callable[[str], object] | None = None) -> list[Point]:
    """The models on PneumoniaMNIST at 28 pixels, each a `Point`: how right it was is stored, its cost is measured now.

    repeats  times that the answer to one image is measured
    report   is told in a line what is measured

    Those that `tools/make_frontier.py` has trained come first, with intervals over seeds and cases; then those of the
    evidence alone, whose cases were not kept, with intervals over seeds, which are too narrow. All results are those of
    published test images. Some seconds.

    >>> from medtutor.review.frontier import frontier_points
    >>> "cnn" in [point.name for point in frontier_points(repeats=5)]
    True
    """
    known: dict[str, tuple[dict, str]] = {}
    models: dict[str, tuple[str, dict, int]] = {}
    stored = json.loads(PATH.read_text(encoding="utf-8"))["models"] if PATH.exists() else {}
    for name, each in stored.items():
        models[name] = (*MODELS[name], each["epochs"])
        known[name] = (
            {
                "test AUC": tuple(each["test"]["auc"]),
                "test accuracy": tuple(each["test"]["acc"]),
                "val AUC": tuple(each["val"]["auc"]),
            },
            "seeds and cases",
        )
    for name, (claim, keys) in EVIDENCE.items():
        evidence = read_evidence(claim)
        if name in known or evidence is None:
            continue
        (contrast,) = evidence.where(dataset=DATASET, **keys)[:1]
        aucs = contrast.second if contrast.arms.index(name) else contrast.first
        low, high = over_seeds([auc - 0.5 for auc in aucs], limit=0.5).interval()
        known[name] = {"test AUC": (fmean(aucs), 0.5 + low, 0.5 + high)}, "seeds alone"
        arms = [arm for arm in evidence.arms if (arm["dataset"], arm["model"]) == (DATASET, name)]
        arm = min(arms, key=lambda each: len(each["options"]))
        models[name] = name, arm["options"], arm["recipe"]["epochs"]
    card = catalog.card(DATASET)
    if report:
        report(f"measuring the cost of {len(models)} models")
    costs = measured_costs(models, card, CASES, repeats)
    return [Point(name, measures, costs[name], over) for name, (measures, over) in known.items()]
