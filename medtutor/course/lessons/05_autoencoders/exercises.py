"""Exercises of lesson 05, autoencoders and features."""

import torch
import torch.nn.functional as F

from ....models.autoencoder import kl, reparameterise
from ...check import Exercise, Mistake


def pca_reconstruction(train, images, components):
    """Images through the first principal components of the training images, and back.

    train (N, D), images (M, D), components of at most N - 1 -> (M, D)
    """
    mean = train.mean(0)
    axes = _axes(train)[:components]  # (components, D)
    return (images - mean) @ axes.T @ axes + mean


def _axes(rows, centre=True):
    """All principal axes, one a row, the one of largest spread first."""
    return torch.linalg.svd(rows - rows.mean(0) if centre else rows, full_matrices=False).Vh


def _rows_of_pixels(generator):
    count, others, pixels = (
        int(generator.integers(14, 20)),
        int(generator.integers(8, 12)),
        int(generator.integers(6, 9)),
    )
    # Spread that differs much from axis to axis, so that their order is sure, and a mean far from 0: what is left out
    # shows.
    turned = torch.linalg.qr(torch.tensor(generator.normal(size=(pixels, pixels)))).Q
    spread = 2.0 ** torch.arange(pixels) / 4
    mean = torch.tensor(generator.normal(size=pixels)) * 5
    train, images = (
        torch.tensor(generator.normal(size=(rows, pixels))) * spread @ turned + mean for rows in (count, others)
    )
    return train, images, int(generator.integers(2, 4))


def _not_centred(train, images, components):
    axes = _axes(train, centre=False)[:components]
    return images @ axes.T @ axes


def _mean_left_out(train, images, components):
    return pca_reconstruction(train, images, components) - train.mean(0)


def _mean_of_the_images(train, images, components):
    axes, mean = _axes(train)[:components], images.mean(0)
    return (images - mean) @ axes.T @ axes + mean


def _of_the_images(train, images, components):
    return pca_reconstruction(images, images, components)


def _smallest_axes(train, images, components):
    axes, mean = _axes(train)[-components:], train.mean(0)
    return (images - mean) @ axes.T @ axes + mean


def _codes_only(train, images, components):
    return (images - train.mean(0)) @ _axes(train)[:components].T


def _standardised(train, images, components):
    mean, deviation = train.mean(0), train.std(0)
    return pca_reconstruction((train - mean) / deviation, (images - mean) / deviation, components) * deviation + mean


def _columns_for_rows(train, images, components):
    mean, axes = train.mean(0), _axes(train)[:, :components]
    return (images - mean) @ axes @ axes.T + mean


def _whitened(train, images, components):
    axes, mean = _axes(train)[:components], train.mean(0)
    codes = (images - mean) @ axes.T
    return codes / codes.std(0) @ axes + mean


def _codes(generator):
    shape = tuple(generator.integers(3, 8, 2))
    mean, log_variance, noise = (torch.tensor(generator.normal(size=shape)) for _ in range(3))
    return mean, log_variance - 0.5, noise


def _mean_and_log_variance(generator):
    mean, log_variance, _ = _codes(generator)
    return mean, log_variance


def _of_the_prior(mean, log_variance):
    """The divergence the other way round, of N(0, 1) from N(mean, variance)."""
    return 0.5 * ((1 + mean**2) / log_variance.exp() - 1 + log_variance)


def anomaly_score(image, rebuilt):
    """The largest residual that holds in a whole neighbourhood: |difference|, mean over each 3 x 3 that fits, largest.

    image, rebuilt (H, W) -> one number
    """
    return _neighbourhoods((image - rebuilt).abs()).max()


def _neighbourhoods(residual):
    """The mean of every 3 x 3 places: (H, W) -> (H - 2, W - 2)."""
    return F.avg_pool2d(residual[None, None], 3, stride=1)[0, 0]


def _image_and_rebuilt(generator):
    """Noise, and in it a dark spot, a checkerboard and one stray pixel: a trap for each mistake.

    The checkerboard is what has to be found. It lies in any of the four corners: who leaves a row out misses it.
    """
    height, width = generator.permutation([10, 11, 12, 13])[:2]
    image, rebuilt = (torch.tensor(generator.normal(size=(height, width))) for _ in range(2))
    image[4:7, 4:7] -= 7
    image[-3:, -3:] += 9 * torch.tensor([[1, -1, 1], [-1, 1, -1], [1, -1, 1]])
    image[0, 0] += 50
    turned = [axis for axis in (0, 1) if generator.random() < 0.5]
    return image.flip(turned), rebuilt.flip(turned)


EXERCISES = [
    Exercise(
        "pca_reconstruction",
        pca_reconstruction,
        _rows_of_pixels,
        (
            Mistake(
                "not centred",
                _not_centred,
                "you never subtract the mean. The first axis then points to the mean image, and one component is"
                " lost on it.",
            ),
            Mistake(
                "mean not put back",
                _mean_left_out,
                "this is right but for the mean image, which you subtracted and did not add again.",
            ),
            Mistake(
                "mean of the wrong images",
                _mean_of_the_images,
                "you subtract the mean of the images that are to be rebuilt. What is learned has to come from the"
                " training images.",
            ),
            Mistake(
                "axes of the wrong images",
                _of_the_images,
                "the axes are found on the images that are to be rebuilt. Find them on the training images: the others"
                " stand for new patients.",
            ),
            Mistake(
                "the smallest axes",
                _smallest_axes,
                "these are the axes of the least spread. (torch.linalg.eigh sorts upward, torch.linalg.svd downward.)",
            ),
            Mistake(
                "codes only", _codes_only, "these are the codes, one number for each axis. Draw the images from them."
            ),
            Mistake(
                "one axis too few",
                lambda train, images, components: pca_reconstruction(train, images, components - 1),
                "you use one axis less than asked for. A slice [:n] holds n of them.",
            ),
            Mistake(
                "one axis too many",
                lambda train, images, components: pca_reconstruction(train, images, components + 1),
                "you use one axis more than asked for. A slice [:n] holds n of them already.",
            ),
            Mistake(
                "without the first axis",
                lambda train, images, components: (
                    _mean_left_out(train, images, components + 1) - _mean_left_out(train, images, 1) + train.mean(0)
                ),
                "the axis of most spread is missing: axes are counted from 0.",
            ),
            Mistake(
                "standardised",
                _standardised,
                "you divide each pixel by its standard deviation first. Pixels are all of one kind: subtract the mean"
                " alone.",
            ),
            Mistake(
                "columns for rows",
                _columns_for_rows,
                "you take columns where the axes are rows. (torch.linalg.svd gives Vh, the axes one below the other;"
                " eigh gives them side by side.)",
            ),
            Mistake(
                "whitened",
                _whitened,
                "you divide the codes by their spread, and draw from what is left: the images lose their contrast. Take"
                " the codes as they are.",
            ),
        ),
        tolerance=1e-3,
    ),
    Exercise(
        "reparameterise",
        reparameterise,
        _codes,
        (
            Mistake(
                "variance for standard deviation",
                lambda mean, log_variance, noise: mean + log_variance.exp() * noise,
                "you multiply the noise by the variance. A standard deviation is the root of it.",
            ),
            Mistake(
                "log variance for standard deviation",
                lambda mean, log_variance, noise: mean + log_variance * noise,
                "you multiply the noise by the log variance, which may be negative. How does a log become a standard"
                " deviation?",
            ),
            Mistake(
                "spread left out",
                lambda mean, log_variance, noise: mean + noise,
                "every code has the same spread here. Where does the encoder's second answer come in?",
            ),
            Mistake(
                "nothing drawn",
                lambda mean, log_variance, noise: mean,
                "this is the mean alone, which is what a VAE takes after the training. While it trains, it draws.",
            ),
            Mistake(
                "mean scaled too",
                lambda mean, log_variance, noise: (mean + noise) * (0.5 * log_variance).exp(),
                "the mean is multiplied by the spread, too. Only the noise is.",
            ),
            Mistake(
                "one over the spread",
                lambda mean, log_variance, noise: mean + (-0.5 * log_variance).exp() * noise,
                "you divide by the standard deviation, as one does to make something standard normal. This goes the"
                " other way.",
            ),
            Mistake(
                "half outside",
                lambda mean, log_variance, noise: mean + 0.5 * log_variance.exp() * noise,
                "you halve the variance. The root of it is something else: where does a half stand in a logarithm?",
            ),
            Mistake(
                "root of the log variance",
                lambda mean, log_variance, noise: mean + log_variance.abs().sqrt() * noise,
                "you take the root of the log variance. First it has to become a variance.",
            ),
            Mistake(
                "variance squared",
                lambda mean, log_variance, noise: mean + (2 * log_variance).exp() * noise,
                "you square the variance. A standard deviation is the root of it.",
            ),
            Mistake(
                "noise subtracted",
                lambda mean, log_variance, noise: mean - (0.5 * log_variance).exp() * noise,
                "you subtract the noise. Over many draws that is the same; here it is to be added.",
            ),
            Mistake(
                "noise alone",
                lambda mean, log_variance, noise: (0.5 * log_variance).exp() * noise,
                "these codes lie around 0. Where does the mean come in?",
            ),
        ),
        gradients=True,
    ),
    Exercise(
        "kl",
        kl,
        _mean_and_log_variance,
        (
            Mistake(
                "sign",
                lambda mean, log_variance: -kl(mean, log_variance),
                "the sign is wrong: a divergence is 0 or more, and the loss adds it.",
            ),
            Mistake(
                "half forgotten",
                lambda mean, log_variance: 2 * kl(mean, log_variance),
                "this is twice what is asked for: the density of a normal distribution has a half in its exponent.",
            ),
            Mistake(
                "mean forgotten",
                lambda mean, log_variance: kl(torch.zeros_like(mean), log_variance),
                "this does not depend on the mean. A narrow distribution far from 0 is far from N(0, 1), too.",
            ),
            Mistake(
                "mean not squared",
                lambda mean, log_variance: 0.5 * (mean + log_variance.exp() - 1 - log_variance),
                "the mean enters with its sign here, so that the loss could be lowered by moving the code. It enters as"
                " a square.",
            ),
            Mistake(
                "one forgotten",
                lambda mean, log_variance: kl(mean, log_variance) + 0.5,
                "a code that is exactly N(0, 1) has a divergence of 0. Yours has not.",
            ),
            Mistake(
                "standard deviation for variance",
                lambda mean, log_variance: 0.5 * (mean**2 + (0.5 * log_variance).exp() - 1 - log_variance),
                "one term holds the standard deviation where the variance belongs.",
            ),
            Mistake(
                "summed",
                lambda mean, log_variance: kl(mean, log_variance).sum(1),
                "this is summed over the latents. Asked for is each number's own share, to see which of them say"
                " something.",
            ),
            Mistake(
                "the mean over all",
                lambda mean, log_variance: kl(mean, log_variance).mean(),
                "this is one number for the batch. Asked for is each number's own share, to see which of them say"
                " something.",
            ),
            Mistake(
                "the other way round",
                _of_the_prior,
                "this is the divergence of the prior from the posterior. The two are not the same: asked for is that"
                " of the posterior from the prior.",
            ),
            Mistake(
                "log deviation",
                lambda mean, log_variance: kl(mean, 2 * log_variance),
                "you take the encoder's second answer for the logarithm of the standard deviation. It is that of the"
                " variance.",
            ),
            Mistake(
                "sign of the logarithm",
                lambda mean, log_variance: 0.5 * (mean**2 + log_variance.exp() - 1 + log_variance),
                "the logarithm is added; then a posterior that shrinks to a point would be rewarded. It is subtracted.",
            ),
        ),
        gradients=True,
    ),
    Exercise(
        "anomaly_score",
        anomaly_score,
        _image_and_rebuilt,
        (
            Mistake(
                "signed",
                lambda image, rebuilt: _neighbourhoods(image - rebuilt).max(),
                "the difference still has its sign: what is too dark is never found.",
            ),
            Mistake(
                "sign lost after the mean",
                lambda image, rebuilt: _neighbourhoods(image - rebuilt).abs().max(),
                "you average before you take the absolute value, so that dark and bright beside each other cancel.",
            ),
            Mistake(
                "single pixels",
                lambda image, rebuilt: (image - rebuilt).abs().max(),
                "this is the largest single pixel, and noise has a large one everywhere. Average over neighbourhoods"
                " first.",
            ),
            Mistake(
                "mean of the image",
                lambda image, rebuilt: (image - rebuilt).abs().mean(),
                "this is the mean over the whole image, in which a small spot is lost. Where is the residual largest?",
            ),
            Mistake(
                "squared",
                lambda image, rebuilt: _neighbourhoods((image - rebuilt) ** 2).max(),
                "this is squared; asked for is the absolute difference.",
            ),
            Mistake(
                "border padded",
                lambda image, rebuilt: F.avg_pool2d(
                    (image - rebuilt).abs()[None, None], 3, stride=1, padding=1, count_include_pad=False
                ).max(),
                "neighbourhoods that hang over the border count here. Take those that fit into the image.",
            ),
            Mistake(
                "side by side",
                lambda image, rebuilt: F.avg_pool2d((image - rebuilt).abs()[None, None], 3).max(),
                "your neighbourhoods lie side by side: a spot on the border of two is halved. They overlap, one begins"
                " at each place.",
            ),
            Mistake(
                "summed",
                lambda image, rebuilt: 9 * anomaly_score(image, rebuilt),
                "this is the sum over each neighbourhood; asked for is the mean.",
            ),
            Mistake(
                "mean of the neighbourhoods",
                lambda image, rebuilt: _neighbourhoods((image - rebuilt).abs()).mean(),
                "this is the mean over all neighbourhoods, in which a small spot is lost. Which one is the largest?",
            ),
            Mistake(
                "largest of the smallest",
                lambda image, rebuilt: -F.max_pool2d(-(image - rebuilt).abs()[None, None], 3, stride=1).min(),
                "you take the smallest pixel of each neighbourhood. Asked for is their mean.",
            ),
            Mistake(
                "root of the mean square",
                lambda image, rebuilt: _neighbourhoods((image - rebuilt) ** 2).max().sqrt(),
                "this is the root of a mean of squares, in which one stray pixel weighs more. Asked for is the mean of"
                " the absolute difference.",
            ),
        ),
        trials=20,  # every corner is sure to occur
    ),
]
