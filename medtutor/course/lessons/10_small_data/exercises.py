"""Exercises of lesson 10, small data."""

import math

import numpy as np
import torch

from ...check import Exercise, Mistake

CLASSES = 3


# --- near-duplicates ---------------------------------------------------------------------------


def _unit(images):
    """(N, H, W) -> (N, pixels), each of mean 0 and length 1."""
    pixels = images.flatten(1)
    pixels = pixels - pixels.mean(1, keepdim=True)
    return pixels / pixels.norm(dim=1, keepdim=True)


def most_alike(images, others):
    """The correlation of each image with the one of the others that is most alike.

    images (N, H, W), others (M, H, W) -> (N,)
    """
    return (_unit(images) @ _unit(others).T).max(1).values


def _films(generator):
    """Images and others, among them a darker copy, a copy of less contrast and a negative."""
    count, more, side = int(generator.integers(4, 7)), int(generator.integers(8, 12)), int(generator.integers(5, 8))
    images = torch.tensor(generator.uniform(0, 255, (count, side, side)))
    others = torch.tensor(generator.uniform(0, 255, (more, side, side)))
    others[1] = 0.5 * images[0] + torch.tensor(generator.normal(0, 6, (side, side)))
    others[3] = 100 + 0.3 * images[1] + torch.tensor(generator.normal(0, 9, (side, side)))
    others[5] = 255 - images[2]
    return images, others


def _with(centre=None, scale=None, best=None):
    """A finder with one step another one."""

    def answer(images, others):
        parts = []
        for each in (images, others):
            pixels = each.flatten(1)
            pixels = pixels - (pixels.mean(1, keepdim=True) if centre is None else centre(pixels))
            parts.append(pixels / (pixels.norm(dim=1, keepdim=True) if scale is None else scale(pixels)))
        table = parts[0] @ parts[1].T
        return table.max(1).values if best is None else best(table)

    return answer


# --- dropout -----------------------------------------------------------------------------------


def dropout(x, gradient, kept, p):
    """Inverted dropout, forward and backward (Hinton et al. 2012).

    x (B, F), gradient (B, F) of the loss with respect to the output, kept bool (B, F), p the share that is dropped
    -> output (B, F), gradient of the loss with respect to x (B, F)
    """
    scale = kept / (1 - p)
    return x * scale, gradient * scale


def _layer(generator):
    rows, columns = int(generator.integers(3, 6)), int(generator.integers(6, 10))
    p = float(generator.uniform(0.15, 0.4))
    kept = torch.tensor(generator.uniform(size=(rows, columns)) > p)
    kept[0, 0], kept[0, 1] = True, False
    x, gradient = (torch.tensor(generator.normal(size=(rows, columns))) for _ in range(2))
    return x, gradient, kept, p


# --- kappa -------------------------------------------------------------------------------------


def cohens_kappa(first, second):
    """Agreement beyond chance (Cohen 1960). first, second: class numbers (N,) -> a number, at most 1"""
    agreed, by_chance = 0.0, 0.0
    for each in range(CLASSES):
        one, other = first == each, second == each
        agreed = agreed + (one & other).double().mean()
        by_chance = by_chance + one.double().mean() * other.double().mean()
    return (agreed - by_chance) / (1 - by_chance)


def _readings(generator):
    """Two raters who often agree, and who call the classes differently often."""
    count = int(generator.integers(40, 80))
    truth = generator.choice(CLASSES, size=count, p=[0.6, 0.3, 0.1])
    first = np.where(generator.uniform(size=count) < 0.75, truth, generator.choice(CLASSES, size=count))
    second = np.where(generator.uniform(size=count) < 0.7, truth, generator.choice(CLASSES, count, p=[0.1, 0.2, 0.7]))
    first[:CLASSES], second[:CLASSES] = range(CLASSES), [0, 2, 2]
    return torch.tensor(first), torch.tensor(second)


def _shares(first, second):
    one, other = (torch.stack([(each == k).double().mean() for k in range(CLASSES)]) for each in (first, second))
    return (first == second).double().mean(), one, other


def _kappa_of(chance):
    """Kappa with another idea of chance, from the shares of both raters."""

    def answer(first, second):
        agreed, one, other = _shares(first, second)
        by_chance = chance(one, other)
        return (agreed - by_chance) / (1 - by_chance)

    return answer


def _weighted(first, second):
    """Linearly weighted: to be one class off counts half."""
    away = (torch.arange(CLASSES)[:, None] - torch.arange(CLASSES)).abs().double() / (CLASSES - 1)
    _, one, other = _shares(first, second)
    seen = away[first, second].mean()
    return 1 - seen / (away * one[:, None] * other).sum()


# --- mixup -------------------------------------------------------------------------------------


def mixup(images, targets, order, share):
    """Every image mixed with another one of the batch, its target alike (Zhang et al. 2018).

    images (B, C, H, W), targets (B, classes), order: numbers of the others (B,), share of the own image (B,)
    -> images (B, C, H, W), targets (B, classes)
    """
    of_images, of_targets = share[:, None, None, None], share[:, None]
    return (
        of_images * images + (1 - of_images) * images[order],
        of_targets * targets + (1 - of_targets) * targets[order],
    )


def _batch(generator):
    count, side = int(generator.integers(4, 8)), int(generator.integers(4, 7))
    images = torch.tensor(generator.normal(size=(count, 1, side, side)))
    targets = torch.eye(CLASSES, dtype=torch.float64)[torch.arange(count) % CLASSES]
    order = torch.tensor(np.roll(np.arange(count), int(generator.integers(1, CLASSES))))
    share = torch.tensor(generator.uniform(0.1, 0.45, count))
    share[0] = 0.8
    return images, targets, order, share


def _one_share(images, targets, order, share):
    return mixup(images, targets, order, torch.full_like(share, share[0].item()))


def _hard(images, targets, order, share):
    own = (share > 0.5)[:, None]
    return mixup(images, targets, order, share)[0], torch.where(own, targets, targets[order])


# --- the error of an AUC -----------------------------------------------------------------------


def auc_error(auc, positives, negatives):
    """Standard error of an AUC (Hanley & McNeil 1982). auc 0…1, numbers of cases -> a number"""
    one, other = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (other - auc**2)
    return torch.tensor(variance / (positives * negatives), dtype=torch.float64).sqrt()


def _hanley(auc, positives, negatives, of_positives, of_negatives, square=None):
    """The same with other numbers in the place of n - 1 and A²."""
    square = auc**2 if square is None else square
    one, other = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + of_positives * (one - square) + of_negatives * (other - square)
    return torch.tensor(math.sqrt(max(variance, 0) / (positives * negatives)), dtype=torch.float64)


def _test_set(generator):
    positives = int(generator.integers(8, 30))
    return float(generator.uniform(0.7, 0.93)), positives, positives * int(generator.integers(3, 6))


EXERCISES = [
    Exercise(
        "most_alike",
        most_alike,
        _films,
        (
            Mistake(
                "not centred",
                _with(centre=lambda pixels: 0),
                "you do not subtract the mean of each image. Pixels are never negative, so any two images then point"
                " the same way, and all look alike.",
            ),
            Mistake(
                "not of length 1",
                _with(scale=lambda pixels: 1),
                "you do not divide by the lengths: images with much contrast then win, alike or not.",
            ),
            Mistake(
                "divided by the number of pixels",
                _with(scale=lambda pixels: pixels.shape[1] ** 0.5),
                "this is the covariance. Divide by the spread of both images, too, or contrast decides.",
            ),
            Mistake(
                "centred by pixel",
                _with(centre=lambda pixels: pixels.mean(0)),
                "you subtract the mean of each pixel over the images. Brightness belongs to an image: subtract the mean"
                " over its pixels.",
            ),
            Mistake(
                "one mean for all",
                _with(centre=lambda pixels: pixels.mean()),
                "you subtract one mean for all images. A darker copy has another mean: take that of each image.",
            ),
            Mistake(
                "spread with n - 1",
                _with(scale=lambda pixels: pixels.std(1, keepdim=True) * pixels.shape[1] ** 0.5),
                "you divide by a standard deviation with n - 1, but average over n: an image then does not correlate"
                " with itself at 1.",
            ),
            Mistake(
                "the mean over the others",
                _with(best=lambda table: table.mean(1)),
                "this is the mean over all the others. One copy among thousands hardly moves it: take the largest.",
            ),
            Mistake(
                "which one, not how much",
                _with(best=lambda table: table.argmax(1)),
                "this is the number of the most alike image. Asked for is how much it correlates.",
            ),
            Mistake(
                "for each of the others",
                _with(best=lambda table: table.max(0).values),
                "you take the largest along the wrong axis: one number for each of the others. Asked for is one for"
                " each image.",
            ),
            Mistake(
                "the whole table",
                _with(best=lambda table: table),
                "this is the table of all pairs. Of each image the best match is asked for.",
            ),
            Mistake(
                "without its sign",
                _with(best=lambda table: table.abs().max(1).values),
                "you drop the sign, and a negative of a film then counts as its copy.",
            ),
            Mistake(
                "squared",
                _with(best=lambda table: (table**2).max(1).values),
                "you square the correlation, so that a negative of a film counts as its copy.",
            ),
        ),
    ),
    Exercise(
        "dropout",
        dropout,
        _layer,
        (
            Mistake(
                "not scaled",
                lambda x, gradient, kept, p: (x * kept, gradient * kept),
                "what is kept has to be scaled up, or the next layer sees smaller sums in training than later, when"
                " nothing is dropped.",
            ),
            Mistake(
                "scaled by the share dropped",
                lambda x, gradient, kept, p: (x * kept / p, gradient * kept / p),
                "you divide by p, the share that is dropped. The mean stays the same with the share that is kept.",
            ),
            Mistake(
                "scaled down",
                lambda x, gradient, kept, p: (x * kept * (1 - p), gradient * kept * (1 - p)),
                "you multiply by the share kept. That is what the *old* dropout does at test time; here training scales"
                " up.",
            ),
            Mistake(
                "the other ones dropped",
                lambda x, gradient, kept, p: (x * ~kept / (1 - p), gradient * ~kept / (1 - p)),
                "you drop what is to be kept: `kept` is True for what stays.",
            ),
            Mistake(
                "gradient passes whole",
                lambda x, gradient, kept, p: (x * kept / (1 - p), gradient),
                "the gradient passes unchanged. What was dropped did not touch the loss: what is its gradient?",
            ),
            Mistake(
                "gradient not scaled",
                lambda x, gradient, kept, p: (x * kept / (1 - p), gradient * kept),
                "the output is scaled, but its gradient is not. If y = c·x, what is dy/dx?",
            ),
            Mistake(
                "gradient scaled, not dropped",
                lambda x, gradient, kept, p: (x * kept / (1 - p), gradient / (1 - p)),
                "the gradient is scaled, but nothing of it is dropped. What was dropped did not touch the loss.",
            ),
            Mistake(
                "gradient times the input",
                lambda x, gradient, kept, p: (x * kept / (1 - p), gradient * x * kept / (1 - p)),
                "you multiply the gradient by x. The output is linear in x: the derivative does not hold it.",
            ),
            Mistake(
                "scaled by what was kept by chance",
                lambda x, gradient, kept, p: (
                    x * kept / kept.to(x.dtype).mean(),
                    gradient * kept / kept.to(x.dtype).mean(),
                ),
                "you divide by the share that was kept by chance in this batch. Asked for is the expected one, 1 - p.",
            ),
            Mistake(
                "the other way round",
                lambda x, gradient, kept, p: dropout(x, gradient, kept, p)[::-1],
                "you return the gradient first. First the output, then the gradient.",
            ),
            Mistake(
                "the output alone",
                lambda x, gradient, kept, p: dropout(x, gradient, kept, p)[0],
                "this is the forward pass alone. Return the gradient with respect to x, too: two tensors.",
            ),
        ),
    ),
    Exercise(
        "cohens_kappa",
        cohens_kappa,
        _readings,
        (
            Mistake(
                "agreement",
                lambda first, second: _shares(first, second)[0],
                "this is the share on which they agree. How much of it would two raters reach by chance?",
            ),
            Mistake(
                "not divided",
                lambda first, second: (lambda agreed, one, other: agreed - (one * other).sum())(
                    *_shares(first, second)
                ),
                "you subtract what chance gives, but two who always agree then do not reach 1. Divide by what was left"
                " to reach.",
            ),
            Mistake(
                "divided by the agreement",
                lambda first, second: (lambda agreed, one, other: 1 - (one * other).sum() / agreed)(
                    *_shares(first, second)
                ),
                "you divide by the agreement. Divide by what was left to reach beyond chance.",
            ),
            Mistake(
                "all classes equally often",
                _kappa_of(lambda one, other: torch.tensor(1 / CLASSES)),
                "chance is 1 / classes here, as if raters who guess gave each class equally often. How often does each"
                " give it?",
            ),
            Mistake(
                "one rater's habits",
                _kappa_of(lambda one, other: (one**2).sum()),
                "you take the habits of the first rater for both. Each has their own.",
            ),
            Mistake(
                "the other rater's habits",
                _kappa_of(lambda one, other: (other**2).sum()),
                "you take the habits of the second rater for both. Each has their own.",
            ),
            Mistake(
                "mean habits",
                _kappa_of(lambda one, other: (((one + other) / 2) ** 2).sum()),
                "you average the habits of the two: that is Scott's pi. Cohen's kappa lets each have their own.",
            ),
            Mistake(
                "the commonest class",
                _kappa_of(lambda one, other: torch.max(one.max(), other.max())),
                "chance is the share of the commonest class here. Asked for is how often two who guess would agree,"
                " over all classes.",
            ),
            Mistake(
                "one class alone",
                _kappa_of(lambda one, other: one[1] * other[1]),
                "you count chance agreement on class 1 alone. They may agree on each class by chance: add them up.",
            ),
            Mistake(
                "two classes alone",
                _kappa_of(lambda one, other: one[1] * other[1] + (1 - one[1]) * (1 - other[1])),
                "you treat all as two classes, class 1 and the rest. Add up over every class.",
            ),
            Mistake(
                "weighted",
                _weighted,
                "this is the weighted kappa, for which the next class is half right. Here classes have no order.",
            ),
            Mistake(
                "correlation",
                lambda first, second: torch.corrcoef(torch.stack([first, second]).double())[0, 1],
                "this is a correlation of class numbers, which have no size. Count agreement, and chance agreement.",
            ),
        ),
    ),
    Exercise(
        "mixup",
        mixup,
        _batch,
        (
            Mistake(
                "targets as they were",
                lambda images, targets, order, share: (mixup(images, targets, order, share)[0], targets),
                "the images are mixed, the targets are not: the network is told that half an image is a whole one.",
            ),
            Mistake(
                "images as they were",
                lambda images, targets, order, share: (images, mixup(images, targets, order, share)[1]),
                "the targets are mixed, the images are not.",
            ),
            Mistake(
                "shares turned round",
                lambda images, targets, order, share: mixup(images, targets, order, 1 - share),
                "`share` is how much of its own image stays; you give it to the other one.",
            ),
            Mistake(
                "shares of targets turned round",
                lambda images, targets, order, share: (
                    mixup(images, targets, order, share)[0],
                    mixup(images, targets, order, 1 - share)[1],
                ),
                "the targets get the shares the other way round: who gives most of the image gives most of the target.",
            ),
            Mistake(
                "one share for all", _one_share, "you take the first share for the whole batch. Each image has its own."
            ),
            Mistake(
                "half and half",
                lambda images, targets, order, share: mixup(images, targets, order, torch.full_like(share, 0.5)),
                "you mix half and half, whatever the shares are.",
            ),
            Mistake(
                "the target of the larger share",
                _hard,
                "you give the target of whoever has the larger share. Mixup mixes it, as the image is mixed.",
            ),
            Mistake(
                "added up",
                lambda images, targets, order, share: (images + images[order], targets + targets[order]),
                "you add up without shares: targets no longer add up to 1.",
            ),
            Mistake(
                "in reverse order",
                lambda images, targets, order, share: mixup(images, targets, torch.arange(len(order)).flip(0), share),
                "you mix with the batch in reverse. With whom each image is mixed stands in `order`.",
            ),
        ),
    ),
    Exercise(
        "auc_error",
        auc_error,
        _test_set,
        (
            Mistake(
                "the variance",
                lambda auc, positives, negatives: auc_error(auc, positives, negatives) ** 2,
                "this is the variance. The standard error is its root.",
            ),
            Mistake(
                "classes exchanged",
                lambda auc, positives, negatives: _hanley(auc, positives, negatives, negatives - 1, positives - 1),
                "the numbers of the two classes are exchanged: the term with A / (2 - A) goes with the positives.",
            ),
            Mistake(
                "as a proportion",
                lambda auc, positives, negatives: torch.tensor(math.sqrt(auc * (1 - auc) / (positives + negatives))),
                "this is the standard error of a proportion over all cases. An AUC counts pairs, which share cases.",
            ),
            Mistake(
                "pairs as if independent",
                lambda auc, positives, negatives: torch.tensor(math.sqrt(auc * (1 - auc) / (positives * negatives))),
                "you count all pairs as if they were independent. Those that share a case are not: add two terms.",
            ),
            Mistake(
                "all, not all but one",
                lambda auc, positives, negatives: _hanley(auc, positives, negatives, positives, negatives),
                "you take n in place of n - 1: a pair does not share a case with itself.",
            ),
            Mistake(
                "A for A²",
                lambda auc, positives, negatives: _hanley(
                    auc, positives, negatives, positives - 1, negatives - 1, square=auc
                ),
                "you subtract A in both terms. What is subtracted is A², what two independent pairs would give.",
            ),
            Mistake(
                "divided by all cases",
                lambda auc, positives, negatives: (
                    auc_error(auc, positives, negatives) * math.sqrt(positives * negatives / (positives + negatives))
                ),
                "you divide by the number of cases. Divide by the number of pairs, positives times negatives.",
            ),
            Mistake(
                "the interval",
                lambda auc, positives, negatives: 1.96 * auc_error(auc, positives, negatives),
                "this is half of a 95 % interval. Asked for is the standard error.",
            ),
            Mistake(
                "positives alone",
                lambda auc, positives, negatives: _hanley(auc, positives, negatives, positives - 1, 0),
                "the term of the negatives is missing: pairs share negatives, too.",
            ),
        ),
    ),
]
