"""What neighbours and depth are worth to a network that classifies."""

from itertools import count
from statistics import fmean

import torch

from ...data.subsets import unshared
from ...metrics.classification import measure as measured
from ...models import build, parameter_count
from ..evidence import among, between


def cnn_against_mlp(data, seeds, train):
    """The CNN minus an MLP of as many parameters: what looking at neighbours is worth.

    Yields a contrast per data set and move of the test images.
    """
    for name, dataset in data.items():
        width = matching_width(dataset)
        cnn = [train("cnn", dataset, seed) for seed in seeds]
        mlp = [train("mlp", dataset, seed, width=width) for seed in seeds]
        yield from contrasts(name, cnn, mlp, dataset)


def resnet18_against_cnn(data, seeds, train):
    """ResNet-18 minus the CNN: what 65 times as many parameters are worth."""
    for name, dataset in data.items():
        cnn = [train("cnn", dataset, seed) for seed in seeds]
        resnet18 = [train("resnet18", dataset, seed) for seed in seeds]
        yield from contrasts(name, resnet18, cnn, dataset)


def contrasts(name, first, second, dataset):
    """Yields first minus second, trainings with the same seeds, at every move measured, and that of `alone`."""
    for pixels in first[0].values:
        found = between(
            name if pixels == "0" else f"{name} moved {pixels} px",
            "",
            *((trainings[0].model, trainings, pixels) for trainings in (first, second)),
            dataset=name,
            pixels=int(pixels),
        )
        yield from (found, *alone(found, dataset))


def alone(found, dataset):
    """[The same contrast on the test images without a near-duplicate in train]; [] of a set whose splits are apart."""
    chosen = None if found.cases is None else unshared(dataset)
    return [] if chosen is None else [among(found, chosen.numpy(), "without near-duplicates")]


def matching_width(dataset):
    """The smallest even width with which the MLP has at least as many parameters as the default CNN."""
    wanted = parameter_count(build("cnn", dataset))
    return next(width for width in count(2, 2) if parameter_count(build("mlp", dataset, width=width)) >= wanted)


def moved(images, down, right):
    """Images (N, C, H, W) moved by whole pixels; beyond the border its own value continues."""
    height, width = images.shape[-2:]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return images[..., rows[:, None], columns]


def moved_scores(run, split, pixels):
    """[(N, classes), …]: what a run says of the images of a split moved up, down, left and right."""
    directions = ((-pixels, 0), (pixels, 0), (0, -pixels), (0, pixels))
    return [run.predict(moved(split.images, *direction)) for direction in directions]


def moved_auc(run, split, pixels, scores=None):
    """Mean AUC of a run over the images of a split moved up, down, left and right, or of such `scores`."""
    scores = moved_scores(run, split, pixels) if scores is None else scores
    return fmean(measured(split.labels, score, run.card.task, resamples=0).auc for score in scores)
