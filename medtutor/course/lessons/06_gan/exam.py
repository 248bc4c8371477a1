"""Exam questions of lesson 06, GANs and diffusion."""

import numpy as np
import torch

from ....training.losses import critic_loss, discriminator_loss, generator_loss
from ...exam import question


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@question(
    "A discriminator's logits are {real} for a real image and {fake} for a drawn one. What is its loss?", "{:.3f}"
)
def discriminator(generator):
    real, fake = (int(x) / 10 for x in generator.integers(-30, 31, 2))
    key = float(discriminator_loss(torch.tensor([real]), torch.tensor([fake])))
    return {"real": real, "fake": fake}, [
        (key, "-log of calling the real one real, plus -log of calling the drawn one drawn."),
        (float(discriminator_loss(torch.tensor([fake]), torch.tensor([real]))), "Real and drawn were swapped."),
        (-np.log(_sigmoid(real)), "This is the half for the real image."),
        (fake - real, "This is a critic's loss: scores without a sigmoid."),
    ]


@question(
    "The discriminator's logit of a drawn image is {fake}. What is the generator's (non-saturating) loss?", "{:.3f}"
)
def drawn(generator):
    fake = int(generator.integers(-40, 41)) / 10
    return {"fake": fake}, [
        (float(generator_loss(torch.tensor([fake]))), "-log of the probability that the image is called real."),
        (-np.log(_sigmoid(-fake)), "This is what the discriminator pays for this image."),
        (np.log(_sigmoid(-fake)), "This is the original game's, which has hardly a slope while images are bad."),
        (-fake, "This is a critic's score; here a sigmoid and a logarithm come first."),
    ]


@question(
    "The discriminator's logit of a drawn image is {fake}. How large is the slope of the generator's"
    " non-saturating loss with respect to it?",
    "{:.4f}",
)
def slope(generator):
    logit = torch.tensor(-int(generator.integers(5, 60)) / 10, dtype=torch.float64, requires_grad=True)
    key = float(torch.autograd.grad(generator_loss(logit[None]), logit)[0].abs())
    said = torch.sigmoid(logit).item()
    return {"fake": f"{logit.item():.1f}"}, [
        (key, "1 minus the probability: large as long as images are bad."),
        (said, "This is the slope of the original game, which is small as long as images are bad."),
        (said * (1 - said), "This is the slope of the probability, without the logarithm."),
        (-np.log(said), "This is the loss, not its slope."),
    ]


@question("A critic scores real images {real} and drawn ones {fake}. What is its loss?", "{:+.3f}")
def critic(generator):
    real, fake = generator.integers(-30, 50, 3) / 10, generator.integers(-50, 30, 3) / 10
    key = float(critic_loss(torch.tensor(real), torch.tensor(fake)))
    listed = [", ".join(f"{x:.1f}" for x in each) for each in (real, fake)]
    return dict(zip(("real", "fake"), listed, strict=True)), [
        (key, "The mean score of drawn images less that of real ones."),
        (-key, "It is made small, so real ones have to score higher: the sign is the other way."),
        (fake.max() - real.min(), "Means are compared, not extremes."),
        (fake.mean(), "The real images are left out."),
    ]


@question(
    "A discriminator that is perfect for two hills of data sees real images with density {p} and drawn ones with"
    " density {q} at a place; it is shown as many of either kind. What probability of real does it say there?",
    "{:.3f}",
)
def optimum(generator):
    p, q = (int(x) / 100 for x in generator.integers(2, 60, 2))
    return {"p": f"{p:.2f}", "q": f"{q:.2f}"}, [
        (p / (p + q), "The share of the real among all that are found there."),
        (q / (p + q), "This is the probability of drawn."),
        (0.5, "So it is where both densities are alike: the end of the game."),
        (p, "A density is no probability; it is held against that of drawn images."),
    ]


@question(
    "Diffusion with x_t = cos(pi t / 2) x + sin(pi t / 2) z. An image pixel is {x}, the noise {z}, t is {t}."
    " What is the pixel of x_t?",
    "{:.3f}",
)
def noised(generator):
    x, z = (int(v) / 10 for v in generator.choice(np.arange(-15, 16), 2))
    t = int(generator.choice([1, 2, 3, 4, 6, 7, 8, 9])) / 10
    image, noise = np.cos(np.pi * t / 2), np.sin(np.pi * t / 2)
    key = image * x + noise * z
    return {"x": x, "z": z, "t": t}, [
        (key, "From the image (t = 0) to the noise (t = 1), and the squares of the two weights add up to 1."),
        (image * z + noise * x, "The two ends were swapped."),
        (x + noise * z, "The image fades as the noise comes."),
        ((1 - t) * x + t * z, "This is a straight line, on which the variance is not kept."),
    ]


@question(
    "A perfect network must say, from pure noise in one step, one image for all. The training images have a"
    " pixel of {values}, equally often. What does it say of this pixel (squared error)?",
    "{:.3f}",
)
def one_step(generator):
    values = np.sort(generator.integers(-10, 11, 5)) / 10
    return {"values": ", ".join(f"{x:.1f}" for x in values)}, [
        (values.mean(), "From pure noise nothing is known, and the mean has the least squared error: a blurred image."),
        (np.median(values), "The median has the least absolute error."),
        (values[-1], "No single image has the least error over all."),
        ((values[0] + values[-1]) / 2, "This is the middle of the range, which ignores how often values occur."),
    ]


@question(
    "Fréchet distance of one feature: real images have mean {m} and deviation {s}, drawn ones {n} and {d}. What"
    " is it (squared)?",
    "{:.3f}",
)
def frechet(generator):
    m, n = (int(x) / 10 for x in generator.integers(0, 40, 2))
    s, d = (int(x) / 10 for x in generator.integers(3, 30, 2))
    return {"m": m, "s": s, "n": n, "d": d}, [
        ((m - n) ** 2 + (s - d) ** 2, "The squared difference of means plus that of deviations."),
        ((m - n) ** 2, "One fine image, drawn over and over, would have this for the mean: spread counts, too."),
        (abs(m - n) + abs(s - d), "The differences are squared."),
        ((m - n) ** 2 + (s**2 - d**2) ** 2, "Deviations are compared, not variances."),
    ]


@question(
    "{n} real images have {covered} with a drawn one nearby; of {drawn} drawn images {near} have a real one"
    " nearby. What is the recall of the generator?",
    "{:.3f}",
)
def recall(generator):
    n, drawn = (int(x) for x in generator.integers(100, 300, 2))
    covered, near = int(n * generator.uniform(0.2, 0.6)), int(drawn * generator.uniform(0.65, 0.98))
    return {"n": n, "covered": covered, "drawn": drawn, "near": near}, [
        (covered / n, "Of the real images, how many the generator could have drawn."),
        (near / drawn, "This is the precision: of the drawn ones, how many look real."),
        (near / n, "Drawn and real images were mixed up in the fraction."),
        (2 * covered / n * near / drawn / (covered / n + near / drawn), "This is the harmonic mean of both."),
    ]


@question(
    "A classifier tells drawn from held-out real images with an accuracy of {told}; two sets of real images with"
    " {floor}. How far is the generator from images that are told from real ones no better than real ones from each"
    " other?",
    "{:.3f}",
)
def two_sample(generator):
    told, floor = int(generator.integers(700, 990)) / 1000, int(generator.integers(505, 600)) / 1000
    return {"told": f"{told:.3f}", "floor": f"{floor:.3f}"}, [
        (told - floor, "Against what chance and the size of the sets give for real images."),
        (told - 0.5, "Two sets of real images are not told apart at just one half, either."),
        (1 - told, "This is how often the classifier is wrong."),
        (told, "An accuracy says little without its floor."),
    ]
