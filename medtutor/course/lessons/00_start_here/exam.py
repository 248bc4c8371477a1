"""Exam questions of lesson 00, start here."""

import numpy as np

from ....clinic.pixel_values import windowed
from ....metrics import measure
from ...exam import question


@question(
    "Of {n} test images {ill} show the disease. A program calls every image {said} without looking. What is its"
    " accuracy?",
    "{:.3f}",
)
def floor(generator):
    n, share = int(generator.integers(150, 900)), generator.uniform(0.55, 0.8)
    ill, said = int(n * share), str(generator.choice(["ill", "healthy"]))
    key = ill / n if said == "ill" else 1 - ill / n
    return {"n": n, "ill": ill, "said": said}, [
        (key, "It is right wherever its one answer is true."),
        (1 - key, "This is how often it is wrong."),
        (0.5, "One half is for classes of equal size."),
        (0.0, "To learn nothing is not to be always wrong."),
    ]


@question(
    "Of {n} test images {ill} show the disease; a network is right for {right}. By how much does its accuracy"
    " exceed that"
    " of naming the commonest class each time?",
    "{:+.3f}",
)
def above(generator):
    n, share = int(generator.integers(200, 900)), generator.uniform(0.2, 0.45)
    ill, right = int(n * share), int(n * generator.uniform(0.7, 0.95))
    return {"n": n, "ill": ill, "right": right}, [
        (right / n - (1 - ill / n), "The commonest class is the healthy one here: its share is the floor."),
        (right / n - 0.5, "The floor is the share of the commonest class, not one half."),
        (right / n - ill / n, "The ill are the rarer class: to name them is no good floor."),
        (right / n, "An accuracy has to be read beside its floor."),
    ]


@question(
    "Three networks have the accuracies {val} on val and, in this order, {test} on test. One is chosen as it should be."
    " Which accuracy is reported for it?",
    "{:.3f}",
)
def chosen(generator):
    val, test = (generator.choice(np.arange(800, 960), 3, replace=False) / 1000 for _ in range(2))
    best = int(val.argmax())
    shown = [", ".join(f"{x:.3f}" for x in each) for each in (val, test)]
    return dict(zip(("val", "test"), shown, strict=True)), [
        (test[best], "Chosen on val, and then read once on test."),
        (test.max(), "This was chosen on test: its luck is part of it."),
        (val[best], "This is the number by which it was chosen, so that it flatters."),
        (test.mean(), "Only the chosen one is read on test; a mean is of nobody."),
    ]


@question(
    "{n} images are divided: {train} % for training, {val} % for choices, the rest for the test. How many are"
    " read once, at the end?"
)
def split(generator):
    n, train, val = (
        100 * int(generator.integers(4, 60)),
        int(generator.choice([60, 70, 75])),
        int(generator.choice([10, 15])),
    )
    return {"n": n, "train": train, "val": val}, [
        (n * (100 - train - val) // 100, "The test split: what neither was learned from nor chosen on."),
        (n * val // 100, "This is val, which is looked at for each choice."),
        (n * train // 100, "From these the network learns."),
        (n * (100 - train) // 100, "val is no part of the test."),
    ]


@question(
    "An accuracy of {p} was found on {n} images. About how wide is its 95 % interval, from end to end (normal"
    " approximation)?",
    "{:.3f}",
)
def interval(generator):
    p, n = int(generator.integers(70, 96)) / 100, int(generator.integers(100, 900))
    error = (p * (1 - p) / n) ** 0.5
    return {"p": p, "n": n}, [
        (2 * 1.96 * error, "Twice 1.96 standard errors: the fewer images, the wider."),
        (error, "This is the standard error."),
        (1.96 * error, "This is the interval's half: it reaches to both sides."),
        (2 * 1.96 * (p * (1 - p)) ** 0.5 / n, "The width falls with the root of the number of images."),
    ]


@question(
    "A network ranks all images alike: each gets the score {score}. {ill} of {n} images are ill. What is its AUC?",
    "{:.3f}",
)
def alike(generator):
    n, ill = int(generator.integers(40, 90)), int(generator.integers(8, 35))
    score = int(generator.integers(55, 95)) / 100
    scores = np.full((n, 2), 0.5)
    scores[:] = 1 - score, score
    key = measure(np.repeat([1, 0], [ill, n - ill]), scores, "binary", resamples=0).auc
    return {"n": n, "ill": ill, "score": score}, [
        (key, "No pair is told apart, and a tie counts half, however common the disease is."),
        (ill / n, "This is the accuracy of calling all ill; the AUC does not depend on it."),
        (1 - ill / n, "This is the share of the healthy."),
        (0.0, "An AUC of 0 would be a perfect order, the wrong way round."),
    ]


@question(
    "In {n} of {all} predictions a student was right. By how much is that above guessing, where each had"
    " {choices} choices?",
    "{:+.3f}",
)
def guessing(generator):
    total, choices = int(generator.integers(20, 60)), int(generator.integers(3, 6))
    n = int(total * generator.uniform(0.5, 0.9))
    return {"n": n, "all": total, "choices": choices}, [
        (n / total - 1 / choices, "Guessing is right in one of so many: that is the floor."),
        (n / total, "Guessing alone is right now and then."),
        (n / total - 0.5, "One half is for two choices."),
        (n / total - (1 - 1 / choices), "This is how often guessing is wrong."),
    ]


@question(
    "A CT slice is shown in the window centre {centre}, width {width}. Which of these values is drawn lightest"
    " without being cut off at white?"
)
def window(generator):
    centre, width = 10 * int(generator.integers(-60, 30)), 100 * int(generator.integers(2, 10))
    values = [centre + width // 2 - 20, centre + width // 2 + 60, centre, centre - width // 2 - 40]
    grey = windowed(np.array(values, float), (centre, width), "LINEAR_EXACT")
    if grey[0] == 255:
        return {}, []
    return {"centre": centre, "width": width}, [
        (values[0], "Just below the upper end: half a width above the centre."),
        (values[1], "Above the upper end all is white alike, whatever the value."),
        (values[2], "The centre is mid-grey."),
        (values[3], "Below the lower end all is black."),
    ]


@question(
    "{people} people have {images} slices each. {share} % of the people go to the test. How many slices"
    " are there to test on, if people are kept apart?"
)
def people(generator):
    people, images, share = (
        10 * int(generator.integers(4, 30)),
        int(generator.integers(5, 30)),
        int(generator.choice([10, 20, 30])),
    )
    return {"people": people, "images": images, "share": share}, [
        (people * share // 100 * images, "All slices of the people drawn: nobody stands on both sides."),
        (people * share // 100, "These are the people; each has several slices."),
        (people * images, "These are all slices."),
        (people * (100 - share) // 100 * images, "These are the slices to learn from."),
    ]


@question(
    "A phantom set has {n} drawn images; a network is right on {right} of them. Published on real images is an"
    " accuracy of {published}. By how much is the network shown to be better on patients?",
    "{:+.3f}",
)
def phantom(generator):
    n, published = int(generator.integers(50, 300)), int(generator.integers(700, 850)) / 1000
    right = int(n * generator.uniform(0.9, 0.99))
    return {"n": n, "right": right, "published": f"{published:.3f}"}, [
        (0.0, "By nothing: drawn images say nothing about patients, and do not stand beside published results."),
        (right / n - published, "No patient is behind a phantom: the two numbers are of different things."),
        (right / n, "This is the accuracy on drawn images."),
        (right / n - 0.5, "This is above one half, on drawn images."),
    ]
