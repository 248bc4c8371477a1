"""Exam questions of lesson 10, small data."""

import numpy as np
import torch

from ....data.subsets import near_duplicates
from ....metrics.agreement import kappa
from ....metrics.decisions import Counts
from ....metrics.selection import expected_maximum, winners_excess
from ...exam import question


@question(
    "Two images of four pixels: {one} and {other}. What is the correlation by which near-duplicates are found?",
    "{:.3f}",
)
def alike(generator):
    one, other = (generator.integers(1, 25, 4) * 10 for _ in range(2))
    images = [torch.tensor(x, dtype=torch.uint8).reshape(1, 1, 2, 2) for x in (one, other)]
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return {"one": one.tolist(), "other": other.tolist()}, [
        (float(near_duplicates(*images).correlation), "Subtract each image's mean, divide by its length, multiply."),
        (cosine, "The means were not subtracted: then all images look alike, since all are bright somewhere."),
        (1 - np.abs(one - other).mean() / 255, "This compares brightness; a darker copy is still a copy."),
        (float(np.mean((one > one.mean()) == (other > other.mean()))), "This only asks where both are above the mean."),
    ]


CHOSEN = (
    "{count} networks differ by chance in what they are worth (standard deviation {spread} of the AUC); a test set"
    " measures each with a standard error of {error}. The largest of {count} standard normal numbers is {m} on average."
    " "
)


@question(CHOSEN + "By how much is the best network's reported AUC too high?", "{:.4f}")
def winner(generator):
    count = int(generator.integers(5, 41))
    error, spread = (int(x) / 1000 for x in generator.integers(5, 25, 2))
    most = expected_maximum(count)
    return {"count": count, "error": error, "spread": spread, "m": f"{most:.3f}"}, [
        (
            winners_excess(count, error, spread),
            "Of what the best is ahead, the share error² / (error² + spread²) is luck.",
        ),
        (most * np.hypot(error, spread), "So far it looks better than the mean; a part of that it is really worth."),
        (winners_excess(count, error), "This holds where all networks are worth the same."),
        (0.0, "Its luck was part of why it was chosen, and does not come along to new patients."),
    ]


@question(
    "Dropout with p = {p}, as PyTorch has it. A unit has the value {x} and is kept. What is passed on in training?",
    "{:.3f}",
)
def dropout(generator):
    p, x = int(generator.integers(1, 9)) / 10, int(generator.integers(10, 60)) / 10
    return {"p": p, "x": x}, [
        (x / (1 - p), "What is kept is divided by the share that is kept, so that the mean stays."),
        (x, "Without a scale the mean would fall in training, and the next layer would see larger sums later."),
        (x * (1 - p), "This is what the unit has on average without the scale; what is kept is scaled up, not down."),
        (x / p, "p is the share that is dropped, not the share that is kept."),
    ]


@question(
    "Dropout with p = {p}, in training, as PyTorch has it. Of four units with gradient {g} each on what is passed on"
    " (dL/dy), {kept} are kept. What is the sum of the gradients with respect to the four inputs (dL/dx)?",
    "{:.3f}",
)
def backwards(generator):
    p, g, kept = int(generator.integers(2, 8)) / 10, int(generator.integers(2, 20)) / 10, int(generator.integers(2, 4))
    return {"p": p, "g": g, "kept": kept}, [
        (kept * g / (1 - p), "What is kept is scaled on the way back as on the way forth; dropped units get nothing."),
        (4 * g / (1 - p), "A dropped unit had no part in the answer, so its gradient is 0."),
        (kept * g, "The scale is forgotten: y = x / (1 - p) has this slope, too."),
        (4 * g, "On average over masks it is this; for one mask the number that was kept counts."),
    ]


TWO = (
    "Two readers see {n} films: both find a pneumothorax on {both}, only the first on {one}, only the second on"
    " {other}. "
)


@question(TWO + "What is Cohen's kappa?", "{:.3f}")
def beyond_chance(generator):
    n, both, one, other = int(generator.integers(150, 400)), *(int(x) for x in generator.integers(5, 30, 3))
    neither = n - both - one - other
    first, second = (np.repeat(x, [both, one, other, neither]) for x in ([1, 1, 0, 0], [1, 0, 1, 0]))
    agreed, chance = (both + neither) / n, first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return {"n": n, "both": both, "one": one, "other": other}, [
        (kappa(first, second), "(agreed - chance) / (1 - chance), with chance from how often each of them finds it."),
        (agreed, "This is the agreement; most of it is on films where there is nothing."),
        (agreed - chance, "Chance is taken off, but not divided by what is left for agreement beyond it."),
        (both / (both + one + other), "This is the share of films found by either on which both found it."),
    ]


@question(
    "Label smoothing takes {share} from the right class and gives each of the {classes} classes an equal part of it."
    " What is asked for of the right class?",
    "{:.3f}",
)
def smoothing(generator):
    share, classes = int(generator.integers(4, 30)) / 100, int(generator.integers(3, 10))
    return {"share": share, "classes": classes}, [
        (1 - share + share / classes, "The right class gets its equal part back."),
        (1 - share, "The right class is one of the classes: it gets a part, too."),
        (share / classes, "This is asked for of each wrong class."),
        (1 - share / classes, "The whole share is taken off, not the part of one class."),
    ]


@question(
    "Mixup: {part} of an image with pneumonia and the rest of a normal one, which loss (cross-entropy) has the mixed"
    " label where the network says pneumonia {said}?",
    "{:.3f}",
)
def mixup(generator):
    part, said = int(generator.integers(55, 95)) / 100, int(generator.integers(10, 95)) / 100
    return {"part": part, "said": said}, [
        (
            -part * np.log(said) - (1 - part) * np.log(1 - said),
            "The label is mixed as the image is: both classes count.",
        ),
        (-np.log(said), "The larger part does not take the whole label: the label is mixed along."),
        (
            -(np.log(said) + np.log(1 - said)) / 2,
            "The label is mixed by the same share as the image, not half and half.",
        ),
        (-(1 - part) * np.log(said) - part * np.log(1 - said), "The two shares were swapped."),
    ]


@question(
    "AUC: without either {none}, with dropout {one}, with augmentation {other}, with both {both}. By how much does"
    " dropout help less (below 0) or more where there is augmentation already?",
    "{:+.3f}",
)
def factorial(generator):
    none, one, other, both = (int(x) / 1000 for x in generator.integers(850, 960, 4))
    told = dict(zip(("none", "one", "other", "both"), (f"{x:.3f}" for x in (none, one, other, both)), strict=True))
    return told, [
        ((both - other) - (one - none), "The interaction: its gain with augmentation, minus its gain without."),
        (both - none, "This is what both do together."),
        (both - other, "This is its gain with augmentation; it is not compared with the gain without."),
        ((one - none) + (other - none), "This would be the gain of both if neither changed what the other does."),
    ]


@question(
    "On {n} test images the 95 % interval of an accuracy is {width} wide. About how many images of the same kind make"
    " it {times} times narrower?"
)
def narrower(generator):
    n, times = int(generator.integers(60, 400)), int(generator.integers(3, 7))
    share = 0.8
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / n)
    return {"n": n, "times": times, "width": f"{width:.3f}"}, [
        (n * times**2, "The width falls with the root of the number of images."),
        (n * times, "So many images make it narrower by the root of that factor only."),
        (n * times**3, "More than is needed: the width falls with the root, so the factor is squared."),
        (n + n * times // 2, "The factor multiplies the number of images, and is squared before."),
    ]


@question(
    "Of {n} test films {ill} show a finding; the record has overlooked {lost} of them and is right otherwise. A network"
    " that makes no mistake is measured by this record. What precision does it get?",
    "{:.3f}",
)
def record(generator):
    n, ill = int(generator.integers(300, 800)), int(generator.integers(50, 140))
    lost = int(ill * generator.uniform(0.1, 0.4))
    found = Counts(tp=ill - lost, fp=lost, fn=0, tn=n - ill)
    return {"n": n, "ill": ill, "lost": lost}, [
        (found.precision, "What the record overlooked counts as a false alarm, although the network is right."),
        (1.0, "It would be so by the truth; the record is what it is measured by."),
        (found.accuracy, "This is the accuracy by the record."),
        (found.specificity, "This is the specificity by the record: false alarms of all that it calls normal."),
    ]
