"""What the privacy explorer shows, computed once: medtutor/explorers/privacy.json.

    python tools/make_privacy_results.py [PART…]    # such as "epsilon 8", 4708/256, accuracy; all when left out

Three parts, a few minutes on one core: epsilon over noise, batch size and epochs, by the accountant PRV; the
likelihood-ratio attack on networks that were trained freely and by DP-SGD; and, out of the evidence of
`privacy-costs-accuracy`, the test AUC at each epsilon.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

import medtutor as mt
from medtutor.data import normalise
from medtutor.metrics.membership import attack_curve, attack_rates, each_in_turn, log_odds_of_label
from medtutor.models.cnn import MLP
from medtutor.models.randomness import seeded
from medtutor.review import read_evidence
from medtutor.training.private import epsilon_of, fit_plain, fit_private

_explorer = import_module("medtutor.explorers.privacy")
BATCHES, DELTA, EPOCHS, NOISES, RATES = (
    getattr(_explorer, name) for name in ("BATCHES", "DELTA", "EPOCHS", "NOISES", "RATES")
)
PATH = Path(mt.__file__).parent / "explorers" / "privacy.json"
POOL, MODELS = 1000, 8  # images, of which each model has learned half
ARMS = {
    "overfitted": dict(epochs=30, learning_rate=3e-3, batch_size=32),
    "stopped early": dict(epochs=2, learning_rate=3e-3, batch_size=32),
    "epsilon 8": dict(epsilon=8.0, epochs=10, learning_rate=0.5, batch_size=100, delta=DELTA),
    "epsilon 1": dict(epsilon=1.0, epochs=10, learning_rate=0.5, batch_size=100, delta=DELTA),
}


def spent(count, batch):
    """[[epsilon of each noise] of each number of epochs]."""
    return [
        [float(f"{epsilon_of(noise, batch / count, max(1, count // batch) * epochs, DELTA):.5g}") for noise in NOISES]
        for epochs in EPOCHS
    ]


def attacked(arm):
    """What the attack finds, and the mean test AUC of the attacked networks."""
    xray = mt.load("pneumoniamnist", source="medmnist")
    rows = torch.randperm(len(xray.train), generator=torch.Generator().manual_seed(7))[:POOL]
    images, labels = normalise(xray.train.images[rows]), xray.train.labels[rows]
    unseen = normalise(xray.val.images)
    scores, inside, aucs = [], [], []
    for seed in range(MODELS):
        mine = torch.zeros(POOL, dtype=torch.bool)
        mine[torch.randperm(POOL, generator=torch.Generator().manual_seed(seed))[: POOL // 2]] = True
        with seeded(seed):
            model = MLP()
        how = ARMS[arm] | {"seed": seed, "progress": False}
        (fit_private if "epsilon" in how else fit_plain)(model, images[mine], labels[mine], **how)
        with torch.no_grad():
            scores.append(log_odds_of_label(model(images).double().softmax(1), labels))
            chances = model(unseen).softmax(1)
        inside.append(mine.numpy())
        aucs.append(mt.metrics.measure(xray.val.labels, chances, "binary", resamples=0).auc)
    found = each_in_turn(np.stack(scores), np.stack(inside))
    false, true = attack_curve(found.members, found.others)
    rates = attack_rates(found.members, found.others, whose=found.whose)
    return {
        "true": [float(f"{true[false <= rate + 1e-12].max():.4g}") for rate in RATES],
        "rates": {
            str(each.allowed): [round(each.found, 5), *(round(end, 5) for end in each.interval)] for each in rates
        },
        "val auc": round(float(np.mean(aucs)), 4),
    }


def measured():
    """{"all images": {"free": [test AUC of each seed], "1": …}, "500 images": …}, out of the evidence."""
    found: dict[str, dict[str, list[float]]] = {}
    for each in read_evidence("privacy-costs-accuracy").contrasts:
        place = found.setdefault(each.keys["images"], {})
        place["free"], place[f"{each.keys['epsilon']:g}"] = list(each.first), list(each.second)
    return found


def part(name):
    """{its key in the file: what belongs there}."""
    if name == "accuracy":
        return {name: measured()}
    if name in ARMS:
        return {f"attack, {name}": attacked(name)}
    count, batch = map(int, name.split("/"))
    return {f"spent, {count}, {batch}": spent(count, batch)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    everything = [*ARMS, *(f"{count}/{batch}" for count, batches in BATCHES.items() for batch in batches), "accuracy"]
    for name in sys.argv[1:] or everything:
        kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
        kept |= part(name)
        PATH.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8", newline="\n")
