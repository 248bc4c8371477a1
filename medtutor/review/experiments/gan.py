"""Experiments about drawn images: whether they can be told from real ones, and whether they help a classifier that has
few.
"""

from dataclasses import replace

import numpy as np
import torch

from ...data import as_uint8, normalise
from ...data.subsets import few_of
from ...metrics.classification import measure as measured
from ...metrics.generative import domain_features, kernel_distance, precision_recall, told_right
from ...models.autoencoder import VAE
from ...models.randomness import seeded
from ...training.few_shot import ARMS, classifier_of, gan_of, small_cnn
from ...training.gan import load_gan
from ...training.reconstruction import fit_reconstruction
from ..cases import PerCase, in_plain, log_odds
from ..evidence import between

JUDGED = 2000  # real and as many drawn images, from which a judge learns to tell them apart
SIZES = dict(
    latents=64, widths=(64, 128)
)  # of the VAE: its decoder has as many parameters as the generator, within a tenth

LABELS = (25, 50, 100)  # of each class


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
                    f"{source} against real",
                    score,
                    (source, found, f"{source} {score}"),
                    ("real", found, f"real {score}"),
                )
        for score in ("labels right", "learned from"):
            yield between("GAN against real", score, ("GAN", found, f"GAN {score}"), ("real", found, f"real {score}"))


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
                    f"{first} against {second}",
                    f"{count} labels",
                    (first, found, keys[0]),
                    (second, found, keys[1]),
                    labels=count,
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
        found[f"{name} told by a CNN"] = _of_held_out(
            _told_by_cnn(dataset, (real.images, learned_from), (held_out.images, unseen), seed)
        )
        of_unseen = domain_features(unseen)
        found[f"{name} told by features"] = _of_held_out(told_right(features, of_unseen, seed))
        # Neither a distance of two sets nor the two shares, whose balls are of the sets, is a mean over images.
        found[f"{name} KID"] = kernel_distance(features, of_unseen, seed)
        found |= dict(zip((f"{name} precision", f"{name} recall"), precision_recall(features, of_unseen)))
    fake = replace(other, images=places["GAN"][:count], labels=labels[:count])
    unseen = replace(held_out, images=places["GAN"][count:], labels=labels[count:])
    of_real, of_fake = (small_cnn(dataset, split, held_out, seed) for split in (real, fake))
    found |= {
        "real learned from": _auc(of_real, held_out),
        "GAN learned from": _auc(of_fake, held_out),
        "real labels right": of_real.test.acc,
    }
    found["GAN labels right"] = measured(
        unseen.labels, of_real.predict(unseen.images), dataset.card.task, resamples=0
    ).acc
    return in_plain(found)


def _of_held_out(right):
    """The share of right answers, held-out real images and as many others, (2, N), kept by held-out image.

    Those are the same for all seeds and arms. The others are new with each seed, so that what they do lies in the
    differences between seeds: here they are one number for all.
    """
    held_out, others = np.asarray(right, dtype=np.float64)
    return PerCase.of("mean", (held_out + others.mean()) / 2)


def _auc(run, cases):
    """The test AUC of a run, with what it said of each case."""
    return PerCase.of("AUC", log_odds(run.predictions["test"]), cases.labels, cases.subjects, run.test.auc)


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
    """Whether a CNN is right about unseen images, that has learned from others which are real (0) and which not
    (1): bool (2, N), real ones and others.
    """
    learned_from, unseen = (_labelled(dataset.train, pair, (0, 1)) for pair in (learned_from, unseen))
    said = small_cnn(dataset, learned_from, unseen, seed).predictions["test"][:, 1] > 0.5
    return (said == (unseen.labels == 1)).reshape(2, -1)


def _labelled(like, images, labels):
    """A split of several sets of images, those of a set with one label."""
    labels = torch.cat([torch.full((len(each),), label) for each, label in zip(images, labels)])
    return replace(like, images=torch.cat(images), labels=labels)


def augmented(recipe, dataset):
    """What `few_shot_augmentation` compares, {"GAN 25": test AUC, …}. The labelled images are others with each seed."""
    found = {}
    for count in LABELS:
        few = few_of(dataset, count, recipe.seed)
        sources = {"own": gan_of(dataset, few, recipe.seed), "shipped": load_gan(dataset.card.name)}
        for arm in ARMS:
            found[f"{arm} {count}"] = _auc(classifier_of(dataset, few, arm, sources, recipe.seed), dataset.test)
    return found
