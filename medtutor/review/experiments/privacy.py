"""What privacy costs: noise for a guarantee (DP-SGD), and images that stay in the hospital (federated averaging)."""

import torch

from ...data import normalise
from ...models.cnn import LeNet
from ...models.group_norm import GroupNormCNN
from ...models.randomness import seeded
from ...training.federated import Client, Settings, federate, scanned, shared_out
from ...training.private import fit_plain, fit_private
from ..cases import PerCase, in_plain
from ..evidence import between

# Found on val, with a seed that the evidence does not have. Trying them has cost privacy, too, which is not counted.
EPSILONS = (0.3, 1, 3, 8)
DELTA = 1e-4
FEW = 500
PLAIN = dict(learning_rate=1e-2, batch_size=64)
PRIVATE = dict(learning_rate=0.5, batch_size=256, delta=DELTA)
FEW_PLAIN = dict(learning_rate=1e-2, batch_size=32, epochs=30)
FEW_PRIVATE = dict(learning_rate=0.5, batch_size=128, delta=DELTA, epochs=15)

CLIENTS, ALPHA = 4, 1.0
HOSPITAL = dict(learning_rate=3e-3)  # of each arm of the federation, whose network is LeNet


def private_training(data, seeds, train):
    """A network trained freely minus the same under DP-SGD, on all training images and on 500 of them.

    Yields a contrast of the test AUC for each epsilon and number of images.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=under_privacy) for seed in seeds]
        for images in ("", f"{FEW} images"):
            for epsilon in EPSILONS:
                yield between(
                    f"free against epsilon {epsilon:g}",
                    images,
                    ("free", found, f"free {images}"),
                    (f"epsilon {epsilon:g}", found, f"{epsilon:g} {images}"),
                    epsilon=epsilon,
                    images=images or "all images",
                )


def federated_training(data, seeds, train):
    """A network trained on all images in one place minus the same trained where they are, and local ones.

    Yields contrasts of the test AUC, for clients that differ in classes and size, and for those that also differ in
    their scanner.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=in_hospitals) for seed in seeds]
        for where in ("unequal classes", "unequal classes and scanners"):
            for first, second in (("central", "federated"), ("federated", "local"), ("central", "local")):
                yield between(
                    f"{first} against {second}",
                    where,
                    (first, found, f"{first}, {where}"),
                    (second, found, f"{second}, {where}"),
                    clients=where,
                )


def under_privacy(recipe, dataset):
    """What `private_training` compares, {"free ": test AUC, "0.3 ": …}; the 500 images are others with each seed."""
    images, labels, found = normalise(dataset.train.images), dataset.train.labels, {}
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(recipe.seed))
    for name, rows, plain, private in (
        ("", order, PLAIN | dict(epochs=recipe.epochs), PRIVATE | dict(epochs=recipe.epochs)),
        (f"{FEW} images", order[:FEW], FEW_PLAIN, FEW_PRIVATE),
    ):
        seen = images[rows], labels[rows]
        free = fit_plain(_network(GroupNormCNN, dataset, recipe), *seen, **plain, seed=recipe.seed, progress=False)
        found[f"free {name}"] = _auc(free, dataset, normalise(dataset.test.images))
        for epsilon in EPSILONS:
            net = _network(GroupNormCNN, dataset, recipe)
            fit_private(net, *seen, epsilon=epsilon, **private, seed=recipe.seed, progress=False)
            found[f"{epsilon:g} {name}"] = _auc(net, dataset, normalise(dataset.test.images))
    return in_plain(found)


def in_hospitals(recipe, dataset):
    """What `federated_training` compares, {"central, unequal classes": test AUC, …}; who has which image is drawn anew
    with each seed. A local network is that of the largest client.
    """
    images, labels, seed, found = normalise(dataset.train.images), dataset.train.labels, recipe.seed, {}
    parts = shared_out(labels, CLIENTS, ALPHA, seed=seed)
    for where, scanners in (("unequal classes", 1), ("unequal classes and scanners", CLIENTS)):
        clients = [
            Client("ABCD"[i], scanned(images[rows], i % scanners, seed=seed), labels[rows])
            for i, rows in enumerate(parts)
        ]
        test = normalise(dataset.test.images)
        for i in range(scanners):  # each test image as one of the scanners has it, in turn
            test[i::scanners] = scanned(test[i::scanners], i, seed=seed)
        pooled = torch.cat([each.images for each in clients]), torch.cat([each.labels for each in clients])
        largest = max(clients, key=len)
        how = HOSPITAL | dict(batch_size=32, epochs=recipe.epochs, seed=seed, progress=False)
        trained = {
            "central": fit_plain(_network(LeNet, dataset, recipe), *pooled, **how),
            "federated": federate(
                _network(LeNet, dataset, recipe), clients, recipe.epochs, Settings(seed=seed, **HOSPITAL)
            ).model,
            "local": fit_plain(_network(LeNet, dataset, recipe), largest.images, largest.labels, **how),
        }
        found |= {f"{name}, {where}": _auc(net, dataset, test) for name, net in trained.items()}
    return in_plain(found)


def _network(kind, dataset, recipe):
    with seeded(recipe.seed):
        return kind(dataset.card.channels, dataset.card.shape, len(dataset.card.classes))


def _auc(model, dataset, images):
    """The test AUC of a network, with what it said of each case."""
    with torch.no_grad():
        logits = model(images)
    return PerCase.of("AUC", (logits[:, 1] - logits[:, 0]).numpy(), dataset.test.labels, dataset.test.subjects)
