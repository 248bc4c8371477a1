"""A CNN that has a few labelled images, and a GAN that has seen no others: does it help to draw more?"""

from dataclasses import replace
from typing import Any

import torch

from ..data.dataset import Dataset, Split, normalise
from ..models import build
from ..models.gan import Discriminator, Generator
from ..models.randomness import seeded
from .gan import fit_gan
from .gan_run import GANRun
from .loop import fit
from .recipe import default_recipe
from .run import Run

WIDTHS = (16, 32, 64)  # of every CNN here
EPOCHS = 4  # of every CNN here

POOL = 800  # images of an epoch, whatever they are: every classifier sees 4 x 800
STEPS = 1500  # of a GAN that learns from the few labelled images
# No augmentation at all. The classical one is that of the shipped recipe: turned, moved, scaled, mirrored where the
# labels allow it.
PLAIN = dict(mirror=False, rotation=0.0, scale=0.0, shift=0.0)
ARMS = {  # what a classifier is shown beside the few, and whether all of it is varied
    "none": (None, False),
    "classical": (None, True),
    "GAN": ("own", False),
    "both": ("own", True),
    "GAN of all images": ("shipped", False),
}


def small_cnn(dataset: Dataset, learned_from: Split, unseen: Split, seed: int, **changes: Any) -> Run:
    """The `Run` of a CNN, with the classical augmentation unless that is changed; nothing is chosen on val."""
    glance = replace(dataset.val, images=dataset.val.images[:50], labels=dataset.val.targets[:50])  # type: ignore[index]
    own = replace(dataset, train=learned_from, val=glance, test=unseen)
    recipe = default_recipe(dataset.card, **dict(epochs=EPOCHS, batch_size=20, seed=seed, shift_at_test=0) | changes)
    return fit(build("cnn", own, widths=WIDTHS, seed=seed), own, recipe, progress=False)


def gan_of(dataset: Dataset, few: Split, seed: int, steps: int = STEPS, progress: bool = False) -> GANRun:
    """A `GANRun` that has seen those few images and no others."""
    shape = dataset.card.channels, dataset.card.shape, len(dataset.card.classes)
    with seeded(seed):
        networks = Generator(*shape, widths=(64, 32, 16)), Discriminator(*shape, widths=(16, 32, 64))
    return fit_gan(
        *networks,
        normalise(few.images),
        few.labels,
        steps=steps,
        batch_size=min(32, len(few)),
        learning_rate=2e-3,
        fresh=True,  # as where the claim about such images was registered
        average=0.99,
        seed=seed,
        frames=2,
        progress=progress,
    )


def classifier_of(dataset: Dataset, few: Split, arm: str, sources: dict[str, GANRun], seed: int) -> Run:
    """The `Run` of a CNN on `POOL` images an epoch: the few again and again, of these half in favour of drawn ones
    where `ARMS` says so.

    sources  {"own": GANRun, "shipped": GANRun}, those that the arm needs
    """
    source, varied = ARMS[arm]
    rows = torch.arange(POOL // 2 if source else POOL) % len(few)
    images, labels = few.images[rows], few.targets[rows]  # type: ignore[index]
    if source:
        asked = torch.arange(POOL - len(rows)) % len(dataset.card.classes)
        images, labels = (
            torch.cat([images, sources[source].sample(len(asked), asked, seed=seed)]),
            torch.cat([labels, asked]),
        )
    pool = replace(few, images=images, labels=labels)
    return small_cnn(dataset, pool, dataset.test, seed, **({} if varied else PLAIN))
