"""Exam questions of lesson 02, CNN segmentation."""

import numpy as np
import torch

from ....metrics.decisions import Counts
from ....metrics.masks import hausdorff
from ....metrics.segmentation import dice_of_each
from ...exam import question

MASKS = "A mask has {found} pixels, the expert's {real}; {both} pixels are in both. "


def _sizes(generator):
    real = int(generator.integers(80, 200))
    found, both = int(real * generator.uniform(0.7, 1.4)), int(real * generator.uniform(0.4, 0.65))
    return {"found": found, "real": real, "both": both}


@question(MASKS + "What is the Dice?", "{:.3f}")
def dice(generator):
    sizes = _sizes(generator)
    counts = Counts(tp=sizes["both"], fp=sizes["found"] - sizes["both"], fn=sizes["real"] - sizes["both"], tn=0)
    return sizes, [
        (counts.f1, "Twice the overlap over the sum of both sizes; for pixels this is F1."),
        (sizes["both"] / (sizes["found"] + sizes["real"] - sizes["both"]), "This is the Jaccard index."),
        (counts.sensitivity, "This is the share of the expert's pixels that was found."),
        (counts.precision, "This is the share of the mask's pixels that is right."),
    ]


@question(MASKS + "What is the Jaccard index?", "{:.3f}")
def jaccard(generator):
    sizes = _sizes(generator)
    found, real, both = sizes.values()
    return sizes, [
        (both / (found + real - both), "The overlap over the union, in which the overlap counts once."),
        (both / (found + real), "The overlap was counted twice in the union."),
        (2 * both / (found + real), "This is the Dice, which is higher."),
        (both / max(found, real), "The union is larger than the larger of the two masks."),
    ]


@question(
    "A true square of {side} x {side} pixels; a mask is the same square, one pixel too narrow all round. What is the"
    " Dice?",
    "{:.3f}",
)
def rim(generator):
    side = int(generator.integers(5, 20))
    truth = torch.ones(1, side, side, dtype=torch.bool)
    mask = torch.zeros_like(truth)
    mask[:, 1:-1, 1:-1] = True
    key = float(dice_of_each(mask, truth)[0])
    return {"side": side}, [
        (key, "The rim of a small organ is a large part of it: 2 (n - 2)² / (n² + (n - 2)²)."),
        ((side - 2) ** 2 / side**2, "This is the share of the organ that was found; nothing false was added."),
        (
            2 * (side - 1) ** 2 / (side**2 + (side - 1) ** 2),
            "One pixel is lost on both sides: two of each side length.",
        ),
        (1 - 1 / side, "This counts a line; the rim runs round the whole square."),
    ]


@question(
    "An image has {rows} x {rows} pixels, the organ {organ} of them. A mask finds {hit} of these and {false} others."
    " What is the pixel accuracy minus the Dice?",
    "{:.3f}",
)
def background(generator):
    rows, organ = int(generator.integers(40, 90)), int(generator.integers(40, 90))
    hit, false = int(organ * generator.uniform(0.3, 0.7)), int(generator.integers(10, 60))
    counts = Counts(tp=hit, fp=false, fn=organ - hit, tn=rows**2 - organ - false)
    return {"rows": rows, "organ": organ, "hit": hit, "false": false}, [
        (counts.accuracy - counts.f1, "The background makes accuracy high; Dice does not count it."),
        (0.0, "They would be alike only without a background that is right anyway."),
        (counts.accuracy - counts.sensitivity, "This takes off the sensitivity, which does not see false pixels."),
        (counts.specificity - counts.f1, "This is the specificity minus the Dice: it leaves out what was missed."),
    ]


@question(
    "A mask is right but for one pixel, which lies {right} pixels right of the organ's nearest pixel and {down} below"
    " it. Pixels are {step} mm wide and high. What is the Hausdorff distance, in mm?",
    "{:.2f}",
)
def farthest(generator):
    right, down = (int(x) for x in generator.integers(3, 12, 2))
    step = int(generator.integers(5, 15)) / 10
    truth = np.zeros((20, 20), bool)
    truth[:6, :6] = True
    mask = truth.copy()
    mask[5 + down, 5 + right] = True
    return {"right": right, "down": down, "step": step}, [
        (hausdorff(mask, truth, (step, step)), "The farthest wrong place decides: a straight line, in millimetres."),
        (step * (right + down), "This goes round the corner; the distance is a straight line."),
        (float(np.hypot(right, down)), "This is in pixels; a pixel is not a millimetre wide."),
        (step * float(np.hypot(right, down)) / 37, "This is the mean over the mask; Hausdorff takes the farthest."),
    ]


@question(
    "Of a true stripe of {n} x {wide} pixels the last {lost} of its {n} rows were missed, nothing false was added. What"
    " is the Dice?",
    "{:.3f}",
)
def tip(generator):
    n, wide = int(generator.integers(12, 30)), int(generator.integers(3, 8))
    lost = int(generator.integers(3, n // 2))
    truth = np.ones((n, wide), bool)
    mask = truth.copy()
    mask[-lost:] = False
    return {"n": n, "wide": wide, "lost": lost}, [
        (Counts(tp=int(mask.sum()), fp=0, fn=lost * wide, tn=0).f1, "Twice what was found over the sum of both sizes."),
        (1 - lost / n, "This is the sensitivity, and here the Jaccard index, too."),
        (1 - lost / (n + lost), "What was missed lowers the sum of both sizes, and does not raise it."),
        (1.0 - lost / n / wide, "Whole rows were missed: the width cancels."),
    ]


@question(
    "Soft Dice of one class, with 1 added above and below: 2 x overlap plus 1, over the sum of both sizes plus 1. The"
    " class is absent from the slice, and the network's probabilities for it add up to {p}. What is the loss (1 minus"
    " soft Dice)?",
    "{:.3f}",
)
def absent(generator):
    p = int(generator.integers(3, 60)) / 10
    return {"p": p}, [
        (1 - 1 / (p + 1), "The overlap is 0: 1 minus 1 / (p + 1), which falls as the network predicts less."),
        (1.0, "So it would be without the ones, and with a gradient of 0."),
        (1 / (p + 1), "This is the soft Dice itself; the loss is 1 minus it."),
        (0.0, "The loss is 0 only where nothing of an absent class is predicted."),
    ]


@question(
    "A pixel's probability of its true class is {p}, and {q} of another pixel. Their mean cross-entropy?", "{:.3f}"
)
def entropy(generator):
    p, q = (int(x) / 100 for x in generator.integers(5, 96, 2))
    return {"p": p, "q": q}, [
        (-(np.log(p) + np.log(q)) / 2, "The mean of -log of the true class's probabilities."),
        (-np.log((p + q) / 2), "The logarithm is taken of each pixel, and then the mean."),
        (1 - (p + q) / 2, "This is the mean distance to 1, in which a pixel that is sure and wrong costs little."),
        (-(np.log2(p) + np.log2(q)) / 2, "This is in bits; the loss takes the natural logarithm."),
    ]


@question(
    "{pools} times a 2 x 2 pooling, with {each} convolutions of {side} x {side} before each and {each} after the last"
    " one. How many pixels in a row does one place at the end see?"
)
def reach(generator):
    pools, each = (int(x) for x in generator.integers(2, 5, 2))
    side = int(generator.choice([3, 5, 7]))
    seen, step = 1, 1
    for level in range(pools + 1):
        seen += each * (side - 1) * step
        if level < pools:
            seen += step
            step *= 2
    return {"pools": pools, "each": each, "side": side}, [
        (seen, "A convolution adds kernel - 1 steps, a pooling 1; the step doubles with each pooling."),
        (
            1 + each * (side - 1) * (pools + 1) + pools,
            "The step is forgotten: after a pooling a place is two of before.",
        ),
        (side * 2**pools, "Only the last convolution was counted."),
        (seen - 2**pools + 1, "What the poolings themselves add is left out: each adds one step."),
    ]


@question(
    "Otsu's threshold marks {marked} pixels as bright; the organ has {organ}, and {share} % of the organ is among them."
    " What is the Dice?",
    "{:.3f}",
)
def bright(generator):
    marked, organ = int(generator.integers(700, 1500)), int(generator.integers(40, 120))
    share = int(generator.integers(60, 96))
    both = share / 100 * organ
    return {"marked": marked, "organ": organ, "share": share}, [
        (2 * both / (marked + organ), "Much else is as bright: it makes the sum of both sizes large."),
        (share / 100, "This is the sensitivity: it does not see what was marked beside the organ."),
        (both / marked, "This is the precision, about one half of such a low Dice."),
        (2 * share / 100 / (1 + share / 100), "So it would be if nothing but the organ were marked."),
    ]
