"""Experiments about drawn images: whether they can be told from real ones, and whether they help a classifier that has
few. See `trials`.
"""

from dataclasses import replace

import torch

from ..data import as_uint8, normalise
from ..metrics.classification import measure as measured
from ..metrics.generative import domain_features, kernel_distance, precision_recall, two_sample_accuracy
from ..models import build
from ..models.autoencoder import VAE
from ..models.gan import Discriminator, Generator
from ..models.randomness import seeded
from ..training import default_recipe, fit
from ..training.gan import fit_gan, load_gan
from ..training.reconstruction import fit_reconstruction
from .evidence import between
from .feature_trials import few_of

WIDTHS = (16, 32, 64)  # of every CNN here
JUDGED = 2000  # real and as many drawn images, from which a judge learns to tell them apart
EPOCHS = 4  # of every CNN here
SIZES = dict(
    latents=64, widths=(64, 128)
)  # of the VAE: its decoder has as many parameters as the generator, within a tenth

LABELS = (25, 50, 100)  # of each class
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


def drawn_or_real(data, seeds, train):
    """How drawn images of the shipped generator, and of a VAE trained anew, differ from real ones.

    Yields contrasts against real images that took the drawn ones' place: of the accuracy with which they
    are told from held-out ones, of distance, precision and recall, and of labels.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=told_apart) for seed in seeds]
        for source in ("GAN", "VAE"):
            for score in ("told by a CNN", "told by features", "KID", "precision", "recall"):
                yield between(
                    f"{source} against real: {score}",
                    (source, found, f"{source} {score}"),
                    ("real", found, f"real {score}"),
                )
        for score in ("labels right", "learned from"):
            yield between(
                f"GAN against real: {score}", ("GAN", found, f"GAN {score}"), ("real", found, f"real {score}")
            )


def few_shot_augmentation(data, seeds, train):
    """A CNN on few labelled images: alone, varied, and with images of a GAN that has seen those few and no others.

    Yields, at each number of labels a class, contrasts of the test AUC.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=augmented) for seed in seeds]
        for count in LABELS:
            for first, second in (
                ("classical", "none"),
                ("GAN", "none"),
                ("GAN", "classical"),
                ("both", "none"),
                ("both", "classical"),
                ("GAN of all images", "none"),
                ("GAN of all images", "classical"),
            ):
                keys = (f"{first} {count}", f"{second} {count}")
                yield between(
                    f"{first} against {second}: {count} labels", (first, found, keys[0]), (second, found, keys[1])
                )


def told_apart(recipe, dataset):
    """What `drawn_or_real` compares, {"GAN told by a CNN": accuracy, …}, all on validation images, which no generator
    has seen.

    Real images take three parts: from some the judges learn, the others take the place of drawn ones.
    """
    held_out, seed = dataset.val, recipe.seed
    order = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(seed))
    count = min(JUDGED, (len(order) - len(held_out)) // 2)
    parts = order[:count], order[count:]  # to learn from; in place of drawn images
    real, other = (
        replace(dataset.train, images=dataset.train.images[rows], labels=dataset.train.labels[rows]) for rows in parts
    )
    labels = other.labels[: count + len(held_out)]  # drawn images have the classes of real ones
    shipped = load_gan(dataset.card.name)
    places = {
        "real": other.images[: len(labels)],
        "GAN": shipped.sample(len(labels), labels, seed=seed),
        "VAE": _of_vae(dataset, len(labels), recipe),
    }
    features, found = domain_features(held_out.images), {}
    for name, images in places.items():
        learned_from, unseen = images[:count], images[count:]
        found[f"{name} told by a CNN"] = _told_by_cnn(
            dataset, (real.images, learned_from), (held_out.images, unseen), seed
        )
        of_unseen = domain_features(unseen)
        found[f"{name} told by features"] = two_sample_accuracy(features, of_unseen, seed)
        found[f"{name} KID"] = kernel_distance(features, of_unseen, seed)
        found |= dict(zip((f"{name} precision", f"{name} recall"), precision_recall(features, of_unseen)))
    fake = replace(other, images=places["GAN"][:count], labels=labels[:count])
    unseen = replace(held_out, images=places["GAN"][count:], labels=labels[count:])
    of_real, of_fake = (_trained(dataset, split, held_out, seed) for split in (real, fake))
    found |= {
        "real learned from": of_real.test.auc,
        "GAN learned from": of_fake.test.auc,
        "real labels right": of_real.test.acc,
    }
    found["GAN labels right"] = measured(
        unseen.labels, of_real.predict(unseen.images), dataset.card.task, resamples=0
    ).acc
    return {name: float(value) for name, value in found.items()}


def _of_vae(dataset, count, recipe):
    """Images that a VAE draws from codes of no image, uint8 (count, C, H, W)."""
    images = normalise(dataset.train.images)
    with seeded(recipe.seed):
        model = VAE(images.shape[1], tuple(images.shape[2:]), **SIZES)
    fit_reconstruction(
        model, images, epochs=recipe.epochs, beta=1.0, learning_rate=3e-3, seed=recipe.seed, progress=False
    )
    with torch.no_grad():
        return as_uint8(model.decode(model.prior(count, torch.Generator().manual_seed(recipe.seed))))


def _told_by_cnn(dataset, learned_from, unseen, seed):
    """How often a CNN is right about unseen images, that has learned from others which are real (0) and which not
    (1).
    """
    learned_from, unseen = (_labelled(dataset.train, pair, (0, 1)) for pair in (learned_from, unseen))
    return _trained(dataset, learned_from, unseen, seed).test.acc


def _labelled(like, images, labels):
    """A split of several sets of images, those of a set with one label."""
    labels = torch.cat([torch.full((len(each),), label) for each, label in zip(images, labels)])
    return replace(like, images=torch.cat(images), labels=labels)


def _trained(dataset, learned_from, unseen, seed, **changes):
    """The `Run` of a CNN, with the classical augmentation unless that is changed; nothing is chosen on val."""
    glance = replace(dataset.val, images=dataset.val.images[:50], labels=dataset.val.labels[:50])
    own = replace(dataset, train=learned_from, val=glance, test=unseen)
    recipe = default_recipe(dataset.card, **dict(epochs=EPOCHS, batch_size=20, seed=seed, shift_at_test=0) | changes)
    return fit(build("cnn", own, widths=WIDTHS, seed=seed), own, recipe, progress=False)


def augmented(recipe, dataset):
    """What `few_shot_augmentation` compares, {"GAN 25": test AUC, …}. The labelled images are others with each seed."""
    found = {}
    for count in LABELS:
        few = few_of(dataset, count, recipe.seed)
        sources = {"own": gan_of(dataset, few, recipe.seed), "shipped": load_gan(dataset.card.name)}
        for arm in ARMS:
            found[f"{arm} {count}"] = classifier_of(dataset, few, arm, sources, recipe.seed).test.auc
    return found


def gan_of(dataset, few, seed, steps=STEPS, progress=False):
    """A `GANRun` that has seen those few images and no others."""
    shape = dict(channels=dataset.card.channels, shape=dataset.card.shape, classes=len(dataset.card.classes))
    with seeded(seed):
        networks = Generator(**shape, widths=(64, 32, 16)), Discriminator(**shape, widths=(16, 32, 64))
    return fit_gan(
        *networks,
        normalise(few.images),
        few.labels,
        steps=steps,
        batch_size=min(32, len(few)),
        learning_rate=2e-3,
        average=0.99,
        seed=seed,
        frames=2,
        progress=progress,
    )


def classifier_of(dataset, few, arm, sources, seed):
    """The `Run` of a CNN on `POOL` images an epoch: the few again and again, of these half in favour of drawn ones
    where `ARMS` says so.

    sources  {"own": GANRun, "shipped": GANRun}, those that the arm needs
    """
    source, varied = ARMS[arm]
    rows = torch.arange(POOL // 2 if source else POOL) % len(few)
    images, labels = few.images[rows], few.labels[rows]
    if source:
        asked = torch.arange(POOL - len(rows)) % len(dataset.card.classes)
        images, labels = (
            torch.cat([images, sources[source].sample(len(asked), asked, seed=seed)]),
            torch.cat([labels, asked]),
        )
    pool = replace(few, images=images, labels=labels)
    return _trained(dataset, pool, dataset.test, seed, **({} if varied else PLAIN))
