"""How the network behind `metrics.generative.domain_features` was made.

    python tools/make_domain_features.py --out FOLDER

It needs the published images of `SETS` on disk or the network, and takes about one
minute of one core. What it writes, weights and what was measured of them, is what
ships in medtutor/metrics/features.
"""

import argparse
import json

import numpy as np
import torch
from safetensors.torch import save

from medtutor.data import from_arrays, load, normalise
from medtutor.data.augmentation import degrade
from medtutor.files import resolve, write_whole
from medtutor.metrics.generative import CHECKPOINT, SIDE, WIDTHS, standardised
from medtutor.models import build
from medtutor.training import Recipe, fit

SETS = ("pneumoniamnist", "breastmnist")
DEGRADED = ("noise", "blur", "contrast")
RECIPE = Recipe(epochs=6, mirror=False, label_smoothing=0.0, rotation=0.0, scale=0.0, shift_at_test=0)


def domain_images(sets=SETS, seed=0):
    """A multi-label `Dataset`: of which set an image is, of which class, and what was done to it.

    Train is the train split of each set, val the even and "test" the odd images of
    its val split: no test image of any set is read. Of every second image a copy is
    added that was degraded in one way, so that blur and noise have to be seen.
    """
    rng = np.random.default_rng(seed)
    columns = [*sets, *(f"{name}: {load(name, source='medmnist').card.classes[1]}" for name in sets), *DEGRADED]
    parts = {"train": [], "val": [], "test": []}
    for number, name in enumerate(sets):
        dataset = load(name, source="medmnist")
        val = dataset.val
        for part, images, labels in (
            ("train", dataset.train.images, dataset.train.labels),
            ("val", val.images[::2], val.labels[::2]),
            ("test", val.images[1::2], val.labels[1::2]),
        ):
            marks = np.zeros((len(images), len(columns)), dtype=np.int64)
            marks[:, number] = 1
            marks[:, len(sets) + number] = labels.flatten() == 1
            images = images[:, 0].numpy()
            parts[part] += [(images, marks), *(_degraded(images, marks, way, rng) for way in range(len(DEGRADED)))]
    pairs = [tuple(np.concatenate(arrays) for arrays in zip(*parts[part])) for part in ("train", "val", "test")]
    return from_arrays(*pairs, classes=columns, task="multi-label", name="domain")


def _degraded(images, marks, way, rng):
    """Every sixth image, degraded in one way, each by a strength of its own, and its labels."""
    images, marks = images[way::6], marks[way::6].copy()
    marks[:, len(marks[0]) - len(DEGRADED) + way] = 1
    worse = [degrade(image[None], DEGRADED[way], rng.uniform(0.2, 0.8), rng)[0] for image in images]
    return np.stack(worse), marks


@torch.no_grad()
def standard(network, images):
    """The layer that gives each feature mean 0 and variance 1 over images as they were taken."""
    network.classifier = torch.nn.Identity()
    features = torch.cat([network(normalise(part)) for given in images for part in given.split(256)])
    layer = standardised()
    layer.running_mean, layer.running_var = features.mean(dim=0), features.var(dim=0)
    return layer


def make(out):
    """Trains the network, writes its weights and their story into the folder; the run."""
    dataset = domain_images()
    run = fit(build("cnn", dataset, widths=WIDTHS), dataset, RECIPE, device="cpu", progress=False)
    network = run.model.cpu().eval()
    network.classifier = standard(network, [load(name, source="medmnist").train.images for name in SETS])
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    out = resolve(out)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / f"{CHECKPOINT}.safetensors", save(weights))
    story = {
        "made by": "python tools/make_domain_features.py --out FOLDER",
        "network": (
            f"CNN, widths {list(WIDTHS)}, {SIDE} x {SIDE} pixels, one channel; "
            "features of mean 0 and variance 1 in place of its last layer"
        ),
        "trained on": {name: len(load(name, source="medmnist").train) for name in SETS},
        "and degraded copies": f"of every second image, by {', '.join(DEGRADED)}",
        "labels": list(dataset.card.classes),
        "test images seen": 0,
        "recipe": RECIPE.as_dict(),
        "AUC on odd val images": round(run.test.auc, 3),
        "torch": torch.__version__,
    }
    write_whole(out / f"{CHECKPOINT}.json", json.dumps(story, indent=2) + "\n")
    return run


def main():
    parser = argparse.ArgumentParser(description="train the network behind domain_features")
    parser.add_argument("--out", required=True, help="folder that the weights and their story are written to")
    print(make(parser.parse_args().out).test)


if __name__ == "__main__":
    main()
