"""Exam questions of lesson 03, the U-Net and its descendants."""

import numpy as np
from torch import nn

from ....metrics.segmentation import segmentation_scores
from ....models.postprocessing import largest_component
from ...exam import question

SKIP = (
    "At a skip {up} channels come from below; a 1 x 1 convolution makes {skip} of them, as many as the encoder brings. "
)


def _channels(generator):
    return {"up": int(generator.integers(60, 130)), "skip": int(generator.integers(16, 56))}


@question(SKIP + "They are concatenated. How many channels does the next block take?")
def concatenated(generator):
    given = _channels(generator)
    up, skip = given.values()
    return given, [
        (2 * skip, "Concatenation puts channels behind each other: as many from below as from the encoder."),
        (skip, "That would be a sum, as in a residual block; concatenation keeps both."),
        (up + skip, "The 1 x 1 convolution comes first, and leaves fewer of those from below."),
        (up, "The channels from below are neither kept in number nor alone."),
    ]


@question(SKIP + "How many parameters has this 1 x 1 convolution, with a bias?")
def one_by_one(generator):
    given = _channels(generator)
    up, skip = given.values()
    key = sum(each.numel() for each in nn.Conv2d(up, skip, 1).parameters())
    return given, [
        (key, "A weight for each pair of channels, and a bias for each channel out."),
        (up * skip, "The biases are forgotten."),
        (9 * up * skip + skip, "This is a 3 x 3 convolution; 1 x 1 looks at one place."),
        (up + skip, "Each channel out is made of all channels in: the numbers multiply."),
    ]


@question(
    "A gate for one place: {w} times ReLU({u} e + {v} d), and a sigmoid. e is {e}, d is {d}. By what is the skip"
    " multiplied?",
    "{:.3f}",
)
def gate(generator):
    w, u, v, e, d = (int(x) / 10 for x in generator.choice([-12, -8, -5, 6, 9, 15, 21], 5))
    inner = max(u * e + v * d, 0)
    return {"w": w, "u": u, "v": v, "e": e, "d": d}, [
        (1 / (1 + np.exp(-w * inner)), "The sum, cut off below 0, weighed, and put between 0 and 1."),
        (1 / (1 + np.exp(-w * (u * e + v * d))), "The ReLU is forgotten."),
        (w * inner, "The sigmoid is forgotten: a gate lies between 0 and 1."),
        (1 / (1 + np.exp(-w * max(u * e, 0))), "The gate looks at the decoder, too, which knows what is looked for."),
    ]


@question(
    "Surface Dice at {mm} mm of one slice: of {a} border points of the mask {ra} lie within {mm} mm of the"
    " expert's border, of the expert's {b} border points {rb} within {mm} mm of the mask's. What is it?",
    "{:.3f}",
)
def surface(generator):
    a, b = int(generator.integers(60, 100)), int(generator.integers(110, 200))
    ra, rb = int(a * generator.uniform(0.5, 0.7)), int(b * generator.uniform(0.75, 0.97))
    return {"mm": int(generator.integers(1, 4)), "a": a, "ra": ra, "b": b, "rb": rb}, [
        ((ra + rb) / (a + b), "Points within the tolerance, of both borders together."),
        ((ra / a + rb / b) / 2, "Both borders count by their points, not half and half."),
        (rb / b, "This asks of the expert's border only; false pieces would not be seen."),
        (min(ra, rb) / max(a, b), "This is an overlap of numbers, not of borders."),
    ]


@question(
    "In a row of pixels (1 organ, 0 not) the mask is {mask}, the expert's {truth}. Only the largest piece of the"
    " mask is"
    " kept. By how much does the Dice change?",
    "{:+.3f}",
)
def islands(generator):
    main, island, gap = int(generator.integers(5, 9)), int(generator.integers(1, 4)), int(generator.integers(2, 4))
    true = main + int(generator.integers(0, 3))
    length = true + gap + island + 1
    mask, truth = np.zeros(length, int), np.zeros(length, int)
    mask[:main], mask[-1 - island : -1], truth[:true] = 1, 1, 1

    def scored(row):
        return float(segmentation_scores(row[None, None], truth[None, None], 2, distances=False)["dice"][0, 0])

    kept = scored(largest_component(mask[None, None])[0, 0])
    given = {"mask": " ".join(map(str, mask)), "truth": " ".join(map(str, truth))}
    return given, [
        (kept - scored(mask), "Without the island the overlap stays, and the mask is smaller."),
        (0.0, "The overlap stays, but the Dice also divides by the size of the mask."),
        (island / true, "This is the island's size beside the organ's, not the change of the Dice."),
        (scored(mask) - kept, "The Dice rises: what was removed was wrong."),
    ]


@question(
    "The mean shape says {mean} for a voxel, the network {said}. Log-probabilities are averaged with the weight {pull}"
    " for the shape, and both classes are then made to add up to 1. Which probability comes out?",
    "{:.3f}",
)
def pull(generator):
    mean, said = (int(x) / 100 for x in generator.integers(5, 96, 2))
    weight = int(generator.integers(1, 8)) / 10
    both = [(1 - weight) * np.log(x) + weight * np.log(y) for x, y in ((said, mean), (1 - said, 1 - mean))]
    return {"mean": mean, "said": said, "pull": weight}, [
        (np.exp(both[0]) / np.exp(both).sum(), "The weighted geometric means of both classes, divided by their sum."),
        ((1 - weight) * said + weight * mean, "This averages probabilities, not their logarithms."),
        (np.exp(both[0]), "The two classes do not add up to 1 before they are divided by their sum."),
        (said, "The shape pulls wherever it has a weight above 0."),
    ]


@question(
    "Three descendants are compared with the U-Net. The 95 % intervals of the Dice differences are {a}, {b} and {c}."
    " How many beat it, the whole interval above zero?"
)
def beaten(generator):
    above = int(generator.integers(0, 4))
    means = generator.integers(4, 20, 3) / 1000
    order = generator.permutation(3)
    halves = [m * (0.5 if place < above else 1.6) for place, m in enumerate(means)]
    rows = [f"{m - h:+.4f} to {m + h:+.4f}" for m, h in zip(means, halves, strict=True)]
    given = dict(zip("abc", (rows[place] for place in order), strict=True))
    why = "Count the intervals whose lower end is above 0; a mean above 0 alone shows no difference."
    wrong = "The lower end of each interval decides: {} of them lie above 0."
    return given, [(above, why), *((n, wrong.format(above)) for n in range(4) if n != above)]


@question(
    "A U-Net of widths {widths} pools between them. The image has {rows} x {cols} pixels. How many numbers (channels x"
    " places) are there at its bottom?"
)
def bottom(generator):
    widths = [int(x) for x in np.cumsum(generator.integers(10, 40, 4))]
    rows, cols = (8 * int(x) for x in generator.integers(5, 12, 2))
    return {"widths": ", ".join(map(str, widths)), "rows": rows, "cols": cols}, [
        (widths[-1] * rows * cols // 64, "Three poolings halve both sides three times: 64 times fewer places."),
        (widths[-1] * rows * cols // 8, "Both sides are halved, so places become fewer by 4 with each pooling."),
        (widths[-1] * rows * cols // 256, "Between four widths there are three poolings, not four."),
        (rows * cols // 64, "These are the places; each has as many numbers as there are channels."),
    ]


@question(
    "Cutting a skip of a trained U-Net lowers the Dice from {whole} to {cut}. Trained anew without this skip a network"
    " reaches {anew}. What is the skip worth on these images?",
    "{:.3f}",
)
def worth(generator):
    whole = int(generator.integers(860, 910)) / 1000
    cut, anew = whole - int(generator.integers(60, 200)) / 1000, whole - int(generator.integers(3, 40)) / 1000
    return {"whole": f"{whole:.3f}", "cut": f"{cut:.3f}", "anew": f"{anew:.3f}"}, [
        (whole - anew, "What a network loses that never had it: it learns to do without."),
        (whole - cut, "This says how much this trained network relies on it."),
        (anew - cut, "This is what training anew makes good again."),
        ((2 * whole - cut - anew) / 2, "Two different questions have no common mean."),
    ]


@question("A voxel's probabilities of three classes are {p}. What is its entropy, divided by log 3?", "{:.3f}")
def doubt(generator):
    p = generator.integers(1, 9, 3)
    p = (p / p.sum()).round(2)
    p[2] = round(1 - p[0] - p[1], 2)
    return {"p": ", ".join(f"{x:.2f}" for x in p)}, [
        (-(p * np.log(p)).sum() / np.log(3), "0 is sure, 1 is all classes alike."),
        (-(p * np.log(p)).sum(), "It was not divided by the largest possible one, log 3."),
        (1 - p.max(), "This is 1 minus the confidence, which ignores how the rest is spread."),
        (-np.log(p.max()), "This is the surprise if the likeliest class is true, not the mean over classes."),
    ]
