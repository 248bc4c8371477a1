"""Makes the generators that ship with medtutor; `load_gan` reads them.

    python tools/make_gan_checkpoints.py pneumoniamnist --out FOLDER

trains one of `CHECKPOINTS` and saves it to FOLDER again and again while it
learns, so that a run that was cut off still leaves something. With FOLDER
medtutor/training/checkpoints/NAME it is the one that ships. About 0.14 s a
step of one quiet core: 25 minutes for the X-rays, 15 for the ultrasound.
"""

import argparse
import os

import torch

from medtutor.data import load, normalise
from medtutor.models.gan import Discriminator, Generator
from medtutor.models.randomness import seeded
from medtutor.training.gan import fit_gan

# name: (data set, how many of its training images, what `fit_gan` is told).
# All of them in float32, with images drawn anew for each network, as those that ship were made.
# Chest X-rays are not mirrored, though their labels would allow it: the heart has a side, and a picture is to look
# right.
CHECKPOINTS = {
    "pneumoniamnist": ("pneumoniamnist", None, dict(steps=10_926)),
    "breastmnist": (
        "breastmnist",
        None,
        dict(steps=6_000, discriminator_rate=8e-4, augmentation=dict(shift=3, zoom=0.1, mirror=True)),
    ),
    "pneumoniamnist_memorised": (
        "pneumoniamnist",
        8,
        dict(steps=8_000, batch_size=8, learning_rate=5e-4, discriminator_rate=2e-3, augmentation=False),
    ),
}


def make(name, folder, steps=None, progress=True):
    """Train a generator of `CHECKPOINTS` and save it to a folder; returns the `GANRun`.

    steps  fewer or more than the recipe has; the command that is noted says so
    """
    source, count, settings = CHECKPOINTS[name]
    dataset = load(source, source="medmnist")  # never a phantom
    images, labels = dataset.train.images, dataset.train.labels
    if count:  # the first of each class, equally many
        classes = len(dataset.card.classes)
        rows = torch.cat([torch.nonzero(labels == label).flatten()[: count // classes] for label in range(classes)])
        images, labels = images[rows], labels[rows]
    shape = dict(channels=dataset.card.channels, shape=dataset.card.shape, classes=len(dataset.card.classes))
    option = "" if steps is None else f" --steps {steps}"
    about = {
        "provenance": dataset.provenance,
        "classes": dataset.card.classes,
        "command": f"python tools/make_gan_checkpoints.py {name}{option} --out FOLDER",
    }
    settings = {"fresh": True, **settings} | ({} if steps is None else {"steps": steps})
    with seeded(0):
        networks = Generator(**shape), Discriminator(**shape)
    return fit_gan(*networks, normalise(images), labels, **settings, folder=folder, about=about, progress=progress)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=list(CHECKPOINTS))
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--steps", type=int, help="fewer or more than the recipe has")
    options = parser.parse_args()
    os.environ["MEDTUTOR_PRECISION"] = "float32"
    make(options.name, options.out, options.steps)
