"""Exam questions of lesson 05, autoencoders."""

import numpy as np
import torch

from ....training.losses import reconstruction_loss
from ...exam import question


def _kl(mean, deviation):
    """Of a normal distribution from the standard one, in nats, by the formula of the lesson."""
    return (mean**2 + deviation**2 - 1) / 2 - np.log(deviation)


@question(
    "Pixels go from -1 to 1; the mean squared error is {error}. What is the peak signal-to-noise ratio, in dB?",
    "{:.2f}",
)
def psnr(generator):
    error = int(generator.integers(20, 400)) / 10000
    return {"error": f"{error:.4f}"}, [
        (10 * np.log10(4 / error), "10 log10 of the squared range over the error; the range is 2, its square 4."),
        (10 * np.log10(1 / error), "The range is 2, from -1 to 1, and not 1."),
        (10 * np.log10(2 / error), "The range is squared, as the error is."),
        (20 * np.log10(4 / error), "The error is a square already: 10, not 20, times the logarithm."),
    ]


@question(
    "A principal component analysis of images has the variances {variances} (all of them). What share of the"
    " variance is"
    " left out by a code of the first {kept}?",
    "{:.3f}",
)
def components(generator):
    variances, kept = np.sort(generator.integers(1, 60, 6))[::-1], int(generator.integers(2, 5))
    return {"variances": ", ".join(map(str, variances)), "kept": kept}, [
        (variances[kept:].sum() / variances.sum(), "What the other components hold, of the sum of all."),
        (variances[:kept].sum() / variances.sum(), "This is what the code keeps."),
        (1 - kept / 6, "Components do not hold alike: the first ones hold most."),
        (variances[kept] / variances.sum(), "This is the first component left out; the later ones are lost, too."),
    ]


@question(
    "A VAE says of a latent: mean {mean}, standard deviation {deviation}. What does it cost, in nats (KL)?", "{:.3f}"
)
def divergence(generator):
    mean, deviation = int(generator.integers(2, 25)) / 10, int(generator.integers(2, 16)) / 10
    return {"mean": mean, "deviation": deviation}, [
        (_kl(mean, deviation), "(mean² + deviation² - 1) / 2 - log deviation: 0 only for mean 0 and deviation 1."),
        (mean**2 / 2, "The deviation is forgotten: to say a latent precisely costs, too."),
        (_kl(mean, deviation**2), "The variance was put in where the deviation belongs."),
        (2 * _kl(mean, deviation), "The formula has a factor of one half."),
    ]


@question(
    "Reparameterisation: mean {mean}, log variance {log_variance}, and the noise drawn is {noise}. Which code is"
    " decoded?",
    "{:.3f}",
)
def reparameterised(generator):
    mean, log_variance, noise = (int(x) / 10 for x in generator.integers(-20, 21, 3))
    return {"mean": mean, "log_variance": log_variance, "noise": noise}, [
        (
            mean + np.exp(log_variance / 2) * noise,
            "Mean plus deviation times noise; the deviation is exp(log variance / 2).",
        ),
        (mean + np.exp(log_variance) * noise, "This multiplies with the variance, not with the deviation."),
        (mean + log_variance * noise, "The network gives the logarithm of the variance, so that it may be negative."),
        (mean, "This is the code without noise, which training does not decode."),
    ]


@question(
    "An image's squared error, summed over pixels, is {error}; its latents cost {nats} nats in all. What is the loss of"
    " lesson 05, whose squared error has no factor, at beta {beta}?",
    "{:.2f}",
)
def loss(generator):
    error, nats, beta = (
        int(generator.integers(10, 60)),
        int(generator.integers(20, 300)) / 10,
        int(generator.choice([2, 4, 5])),
    )
    # A latent of deviation 1 costs mean² / 2; one pixel is off by the root of the error.
    answer = torch.zeros(1, 1, 1, 1), torch.tensor([[(2 * nats) ** 0.5]]), torch.zeros(1, 1)
    key = float(reconstruction_loss(answer, torch.full((1, 1, 1, 1), error**0.5), beta=beta))
    return {"error": error, "nats": nats, "beta": beta}, [
        (key, "Squared error plus beta times the KL."),
        (error / 2 + nats * beta, "In our loss the squared error has no factor of one half."),
        (beta * error + nats, "beta is the price of information, not of the error."),
        (error + nats, "This is for a beta of 1."),
    ]


@question(
    "The loss is the squared error, summed over pixels, plus beta times the KL. A latent costs {nats} nats for each"
    " image and lowers the squared error by {gain}. Above which beta does it not pay to use it (posterior collapse)?",
    "{:.2f}",
)
def collapse(generator):
    nats, gain = int(generator.integers(5, 40)) / 10, int(generator.integers(20, 200)) / 10
    return {"nats": nats, "gain": gain}, [
        (gain / nats, "Where beta times the nats is more than what is gained."),
        (nats / gain, "The division is upside down: dear information collapses at a low beta."),
        (gain - nats, "This is what is won at a beta of 1; beta multiplies the nats."),
        (gain / nats / 2, "Our loss has the whole squared error; with one half of it, it would be this."),
    ]


@question(
    "The loss is the squared error, summed over pixels, plus beta times the KL. It is the negative bound (ELBO), but"
    " for a factor, where pixels have a normal likelihood of standard deviation {s}. To which beta does that belong?",
    "{:.3f}",
)
def beta(generator):
    s = int(generator.integers(15, 95)) / 100
    return {"s": s}, [
        (2 * s**2, "The negative bound times 2 s²: the squared error alone, and 2 s² times the KL."),
        (s**2, "The error is divided by 2 s² in the likelihood, not by s²."),
        (2 * s, "The likelihood holds the variance, the square of the deviation."),
        (1 / (2 * s**2), "The bound is multiplied by 2 s², so that the error stands without a factor."),
    ]


@question(
    "From clean images a network rebuilds with a mean squared error of {floor}; from noisy ones with {with_noise}; a"
    " filter reaches {by_filter} on these. What share of the network's error on noisy images would be there without any"
    " noise?",
    "{:.3f}",
)
def ceiling(generator):
    floor, more = (int(x) / 1000 for x in generator.integers(5, 20, 2))
    by_filter = floor * float(generator.choice([0.5, 0.7, 1.5]))
    return {"floor": f"{floor:.3f}", "with_noise": f"{floor + more:.3f}", "by_filter": f"{by_filter:.4f}"}, [
        (floor / (floor + more), "What the code cannot hold is lost without noise, too: a ceiling of all it draws."),
        (0.0, "All that the network draws has come through a small code, noise or not."),
        (more / (floor + more), "This is the part that the noise adds."),
        (by_filter / (floor + more), "The filter's error says nothing of where the network's comes from."),
    ]


@question("Residuals in a row of pixels: {row}. Which is the largest mean over three neighbouring pixels?", "{:.3f}")
def neighbourhood(generator):
    row = generator.integers(0, 40, 9) / 100
    row[int(generator.integers(0, 9))] += 0.3
    means = np.convolve(row, np.ones(3) / 3, "valid")
    return {"row": ", ".join(f"{x:.2f}" for x in row)}, [
        (means.max(), "A small anomaly shows in a small neighbourhood; noise of single pixels averages out."),
        (row.max(), "This is the largest single pixel, which may be noise."),
        (row.mean(), "This is the mean over all: a small anomaly is lost in it."),
        (np.sort(row)[-3:].mean(), "These are the three largest, wherever they are; neighbours were asked for."),
    ]


@question(
    "Ten labels a class: the AUC on the code is {code}, on pixels {pixels}, on standardised pixels {scaled}, on a PCA"
    " {pca}. By how much do the learned features help against the best baseline?",
    "{:+.3f}",
)
def features(generator):
    code, pixels, scaled, pca = generator.integers(780, 930, 4) / 1000
    values = {"code": code, "pixels": pixels, "scaled": scaled, "pca": pca}
    return {name: f"{x:.3f}" for name, x in values.items()}, [
        (code - max(pixels, scaled, pca), "Whoever claims a gain compares with the best that needs no network."),
        (code - min(pixels, scaled, pca), "The weakest baseline flatters."),
        (code - np.mean([pixels, scaled, pca]), "A mean of baselines is none: anybody would take the best."),
        (code - 0.5, "Chance is no baseline: pixels alone are far above it."),
    ]
