"""Exercises of lesson 12, privacy."""

import math

import torch

from ...check import Exercise, Mistake


def private_gradient(gradients, clip, noise, normal, batch_size):
    """What DP-SGD makes of the gradients of a batch (Abadi et al. 2016).

    gradients (N, P), one row for each image; normal (P,), standard normal numbers; batch_size as expected -> (P,)
    """
    return (_clipped(gradients, clip).sum(0) + noise * clip * normal) / batch_size


def federated_average(weights, counts):
    """The mean of weights, each weighed by its number of images (McMahan et al. 2017).

    weights [(P,), …], counts [int, …] -> (P,)
    """
    shares = torch.tensor(counts) / sum(counts)
    return (shares[:, None] * torch.stack(weights)).sum(0)


def likelihood_ratio(target, inside, outside):
    """The log-likelihood ratio of membership, for each image (Carlini et al. 2022).

    target (N,); inside, outside (models, N), of shadow models with and without each image -> (N,)
    """
    return _log_normal(target, inside) - _log_normal(target, outside)


def _clipped(gradients, clip):
    lengths = gradients.norm(dim=1, keepdim=True)
    return gradients * (clip / lengths).clamp(max=1)


def _log_normal(target, shadows, unbiased=True):
    """log of the normal density, without its constant."""
    mean, spread = shadows.mean(0), shadows.std(0, unbiased=unbiased)
    return -(((target - mean) / spread) ** 2) / 2 - spread.log()


def _batch(generator):
    """Gradients of which some are longer than the clipping length and some shorter, and noise."""
    count, size = int(generator.integers(5, 9)), int(generator.integers(4, 8))
    directions = torch.tensor(generator.normal(size=(count, size)))
    lengths = torch.tensor(generator.permutation([0.3, 0.6, *generator.uniform(1.5, 4, count - 2)]))
    gradients = directions / directions.norm(dim=1, keepdim=True) * lengths[:, None]
    clip, noise = float(generator.uniform(0.8, 1.3)), float(generator.uniform(0.6, 2.0))
    normal = torch.tensor(generator.normal(size=size))
    return gradients, clip, noise, normal, count + int(generator.integers(1, 4))


def _hospitals(generator):
    count, size = int(generator.integers(3, 6)), int(generator.integers(3, 7))
    weights = [torch.tensor(generator.normal(size=size)) for _ in range(count)]
    return weights, [int(each) for each in generator.permutation([7, 40, 300, 90, 15])[:count]]


def _shadows(generator):
    models, images = int(generator.integers(6, 10)), int(generator.integers(5, 9))
    middle, shift = generator.normal(2, 1.5, images), generator.uniform(0.3, 2.0, images)
    spreads = generator.uniform(0.4, 1.6, (2, images))
    inside = middle + shift + spreads[0] * generator.normal(size=(models, images))
    outside = middle + spreads[1] * generator.normal(size=(models, images))
    target = middle + shift * generator.uniform(-0.5, 1.5, images)
    return torch.tensor(target), torch.tensor(inside), torch.tensor(outside)


def _noise_not_scaled(gradients, clip, noise, normal, batch_size):
    return (_clipped(gradients, clip).sum(0) + noise * normal) / batch_size


def _mean_clipped(gradients, clip, noise, normal, batch_size):
    return _clipped(gradients.mean(0, keepdim=True), clip)[0] + noise * clip * normal / batch_size


def _clamped(gradients, clip, noise, normal, batch_size):
    return (gradients.clamp(-clip, clip).sum(0) + noise * clip * normal) / batch_size


def _all_rescaled(gradients, clip, noise, normal, batch_size):
    scaled = gradients / gradients.norm(dim=1, keepdim=True) * clip
    return (scaled.sum(0) + noise * clip * normal) / batch_size


def _pooled_spread(target, inside, outside):
    spread = torch.cat([inside - inside.mean(0), outside - outside.mean(0)]).std()
    return ((target - outside.mean(0)) ** 2 - (target - inside.mean(0)) ** 2) / (2 * spread**2)


def _over_images(target, inside, outside):
    return _log_normal(target, inside.flatten()[:, None]) - _log_normal(target, outside.flatten()[:, None])


EXERCISES = [
    Exercise(
        "private_gradient",
        private_gradient,
        _batch,
        (
            Mistake(
                "clips the mean",
                _mean_clipped,
                "you average first and clip the mean. One image can then still move the step by as much as it likes:"
                " clip each row.",
            ),
            Mistake(
                "noise not in units of the clipping length",
                _noise_not_scaled,
                "the noise does not grow with the clipping length. What must be hidden is one image, and that is up to"
                " `clip` long.",
            ),
            Mistake(
                "numbers clipped one by one",
                _clamped,
                "you cut each number off. A row of many numbers is then longer than `clip`: scale the row by its"
                " length.",
            ),
            Mistake(
                "short ones stretched",
                _all_rescaled,
                "you bring every gradient to the same length. Those that are shorter than `clip` stay as they are.",
            ),
            Mistake(
                "clips the sum",
                lambda gradients, clip, noise, normal, batch_size: (
                    (_clipped(gradients.sum(0, keepdim=True), clip)[0] + noise * clip * normal) / batch_size
                ),
                "you add up first and clip the sum. One image can then still turn it wherever it likes: clip each row.",
            ),
            Mistake(
                "noise for each image",
                lambda gradients, clip, noise, normal, batch_size: (
                    (_clipped(gradients, clip) + noise * clip * normal).sum(0) / batch_size
                ),
                "you add the noise to each image's gradient, so it is there as often as there are images. Once, to the"
                " sum, is what is accounted for.",
            ),
            Mistake(
                "noise after the division",
                lambda gradients, clip, noise, normal, batch_size: (
                    _clipped(gradients, clip).sum(0) / batch_size + noise * clip * normal
                ),
                "you add the noise after dividing, which is far more than is needed. Add it to the sum, and divide"
                " both.",
            ),
            Mistake(
                "divided by those who came",
                lambda gradients, clip, noise, normal, batch_size: (
                    (_clipped(gradients, clip).sum(0) + noise * clip * normal) / len(gradients)
                ),
                "you divide by the number of images that came. That number is itself a secret: divide by the expected"
                " one, `batch_size`.",
            ),
            Mistake(
                "no noise",
                lambda gradients, clip, noise, normal, batch_size: _clipped(gradients, clip).sum(0) / batch_size,
                "the noise is missing. Clipping bounds what one image does; only noise hides it.",
            ),
            Mistake(
                "noise before clipping",
                lambda gradients, clip, noise, normal, batch_size: (
                    _clipped(gradients + noise * clip * normal, clip).sum(0) / batch_size
                ),
                "you add the noise before you clip, and clip it away. First clip, then add up, then the noise.",
            ),
        ),
    ),
    Exercise(
        "federated_average",
        federated_average,
        _hospitals,
        (
            Mistake(
                "all alike",
                lambda weights, counts: torch.stack(weights).mean(0),
                "each hospital counts the same here, one of 7 images as much as one of 300. Weigh by the images.",
            ),
            Mistake(
                "not divided",
                lambda weights, counts: sum(count * each for count, each in zip(counts, weights)),
                "the weights of the mean must add up to 1. By what do you have to divide?",
            ),
            Mistake(
                "divided by the hospitals",
                lambda weights, counts: sum(count * each for count, each in zip(counts, weights)) / len(counts),
                "you divide by the number of hospitals. The weights of the mean add up to 1 if you divide by the number"
                " of all images.",
            ),
            Mistake(
                "the largest alone",
                lambda weights, counts: weights[max(range(len(counts)), key=counts.__getitem__)],
                "this is the largest hospital alone. The others have learned something, too.",
            ),
            Mistake(
                "the median",
                lambda weights, counts: torch.stack(weights).median(0).values,
                "this is the median, which resists a client that lies. Asked for is the weighted mean.",
            ),
            Mistake(
                "by the root",
                lambda weights, counts: (
                    sum(math.sqrt(count) * each for count, each in zip(counts, weights)) / sum(map(math.sqrt, counts))
                ),
                "you weigh by the root of the number of images. Each image should count the same, wherever it is.",
            ),
            Mistake(
                "by one over the images",
                lambda weights, counts: (
                    sum(each / count for count, each in zip(counts, weights)) / sum(1 / count for count in counts)
                ),
                "the smallest hospital counts most here. It is the other way round.",
            ),
        ),
    ),
    Exercise(
        "likelihood_ratio",
        likelihood_ratio,
        _shadows,
        (
            Mistake(
                "outside minus inside",
                lambda target, inside, outside: -likelihood_ratio(target, inside, outside),
                "the sign is turned round: high is to mean that the image was in the training.",
            ),
            Mistake(
                "the score itself",
                lambda target, inside, outside: target - outside.mean(0),
                "this is how far the target is from models that have not seen the image. How likely is that, under each"
                " of the two hypotheses?",
            ),
            Mistake(
                "one hypothesis",
                lambda target, inside, outside: _log_normal(target, inside),
                "this is the likelihood under one hypothesis. An image that is easy for all scores high here, member or"
                " not: compare with the other one.",
            ),
            Mistake(
                "the log of the spread forgotten",
                lambda target, inside, outside: (
                    (
                        ((target - outside.mean(0)) / outside.std(0)) ** 2
                        - ((target - inside.mean(0)) / inside.std(0)) ** 2
                    )
                    / 2
                ),
                "a normal density is also divided by its standard deviation, and the two differ. Its logarithm is"
                " missing.",
            ),
            Mistake(
                "one spread for all",
                _pooled_spread,
                "you take one spread for all images and both hypotheses. With few models that is wise, and the package"
                " does something like it; asked for is each image's own.",
            ),
            Mistake(
                "over all images",
                _over_images,
                "you take one mean for all images. The attack knows how hard *this* image is: mean and spread are over"
                " the models, axis 0.",
            ),
            Mistake(
                "not halved",
                lambda target, inside, outside: (
                    (
                        ((target - outside.mean(0)) / outside.std(0)) ** 2
                        - ((target - inside.mean(0)) / inside.std(0)) ** 2
                    )
                    - inside.std(0).log()
                    + outside.std(0).log()
                ),
                "the square in a normal density is halved.",
            ),
            Mistake(
                "by the variance of the population",
                lambda target, inside, outside: (
                    _log_normal(target, inside, unbiased=False) - _log_normal(target, outside, unbiased=False)
                ),
                "you divide by the number of models. For a standard deviation of a sample divide by one less, as torch"
                " does if nothing else is said.",
            ),
            Mistake(
                "the ratio, not its logarithm",
                lambda target, inside, outside: likelihood_ratio(target, inside, outside).exp(),
                "this is the ratio. Its logarithm is asked for, which does not overflow.",
            ),
        ),
    ),
]
