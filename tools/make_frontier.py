"""How right each model is that the frontier explorer shows, trained once: medtutor/reports/frontier.json.

    python tools/make_frontier.py [MODEL…]    # those of `MODELS` in medtutor/reports/frontier.py; all when left out

Each is trained on PneumoniaMNIST at 28 pixels with its shipped recipe and three seeds. Intervals are over seeds and
cases. What it costs is counted and measured where it is shown. The file is written again after each model.
"""

import json
import platform
import sys
import time

import numpy as np
import torch

import medtutor as mt
from medtutor.files import write_text
from medtutor.metrics.classification import weighted_auc
from medtutor.metrics.intervals import over_seeds_and_cases, weighted_mean
from medtutor.reports.frontier import MODELS, PATH

SEEDS = (0, 1, 2)


def rounded(difference, zero):
    """[value, low, high] above what knows nothing, turned back into the number itself."""
    return [round(zero + each, 5) for each in (difference.value, *difference.interval())]


def reached(runs, split):
    """AUC and accuracy on a split, each with its interval, and the AUC of each seed."""
    labels = runs[0].labels[split].numpy().reshape(-1)
    shares = np.stack([run.predictions[split].numpy() for run in runs]).astype(np.float64)  # (seeds, cases, 2)
    scores, right = shares[..., 1], (shares.argmax(-1) == labels).astype(np.float64)
    nothing = np.zeros_like(scores)  # the same score for all: AUC 0.5
    return {
        "auc": rounded(over_seeds_and_cases(scores, nothing, weighted_auc(labels), limit=0.5), 0.5),
        "acc": rounded(over_seeds_and_cases(right, nothing, weighted_mean, limit=1.0), 0.0),
        "seeds": [round(getattr(run, split).auc, 5) for run in runs],
    }


def trained(name):
    """What belongs to a model in the file."""
    xray, (model, options) = mt.load("pneumoniamnist", source="medmnist"), MODELS[name]
    runs, start = [], time.process_time()
    for seed in SEEDS:
        recipe = mt.default_recipe(xray.card, model, seed=seed)
        runs.append(mt.fit(mt.build(model, xray, seed=seed, **options), xray, recipe, progress=False))
        print(f"{name}, seed {seed}: val AUC {runs[-1].val.auc:.3f}", file=sys.stderr, flush=True)
    return {
        "epochs": recipe.epochs,
        "seconds": round((time.process_time() - start) / len(runs), 1),
        "val": reached(runs, "val"),
        "test": reached(runs, "test"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {"models": {}}
        kept["models"][name] = trained(name)
        kept |= {
            "command": "python tools/make_frontier.py",
            "data": "pneumoniamnist, 28 px, published images",
            "seeds": list(SEEDS),
            "versions": {"medtutor": mt.__version__, "torch": torch.__version__, "python": platform.python_version()},
        }
        write_text(PATH, json.dumps(kept, indent=1) + "\n")
