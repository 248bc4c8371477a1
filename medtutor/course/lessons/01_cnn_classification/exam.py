"""Exam questions of lesson 01, CNN classification."""

import numpy as np
import torch
from torch import nn

from ....metrics import measure
from ....metrics.decisions import Counts
from ...exam import question


def _counts(generator):
    """A confusion matrix in which the four rates differ."""
    ill, healthy = int(generator.integers(40, 120)), int(generator.integers(150, 400))
    found, alarms = int(ill * generator.uniform(0.6, 0.95)), int(healthy * generator.uniform(0.05, 0.3))
    return Counts(tp=found, fp=alarms, fn=ill - found, tn=healthy - alarms)


TABLE = "Of {ill} ill people a network calls {tp} ill; of {healthy} healthy ones it calls {fp} ill. "


def _told(counts):
    return {"ill": counts.tp + counts.fn, "healthy": counts.fp + counts.tn, "tp": counts.tp, "fp": counts.fp}


@question(TABLE + "What is the precision?", "{:.3f}")
def precision(generator):
    counts = _counts(generator)
    return _told(counts), [
        (counts.precision, "Of all that are called ill, this share is ill: TP / (TP + FP)."),
        (counts.sensitivity, "This is the recall: it asks of the ill, not of those called ill."),
        (counts.accuracy, "This is the accuracy: it also counts the healthy that were left alone."),
        (counts.specificity, "This is the specificity: it asks of the healthy only."),
    ]


@question(TABLE + "What is F1?", "{:.3f}")
def f1(generator):
    counts = _counts(generator)
    mean = (counts.precision + counts.sensitivity) / 2
    return _told(counts), [
        (counts.f1, "F1 is 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."),
        (mean, "This is the arithmetic mean of precision and recall; F1 is the harmonic one, which is lower."),
        (counts.accuracy, "This is the accuracy; F1 ignores the healthy that were left alone."),
        (counts.tp / (counts.tp + counts.fp + counts.fn), "Here TP is not counted twice: this is the Jaccard index."),
    ]


@question(
    "A network has sensitivity {sensitivity} % and specificity {specificity} %. Where it is used, {rate} of 1000 people"
    " are ill. Of those that it calls ill, what share is ill?",
    "{:.3f}",
)
def rare(generator):
    hit, left = int(generator.integers(80, 97)), int(generator.integers(80, 97))
    rate = int(generator.integers(10, 60))
    counts = Counts(tp=hit, fn=100 - hit, tn=left, fp=100 - left)
    return {"sensitivity": hit, "specificity": left, "rate": rate}, [
        (counts.precision_at(rate / 1000), "Bayes: most alarms come from the many healthy people."),
        (counts.precision, "This holds where half of the people are ill; precision falls with prevalence."),
        (counts.sensitivity, "This is the reverse question: of the ill, how many are called ill."),
        (rate / 1000, "This is the prevalence: it would mean that the network says nothing at all."),
    ]


@question("Ill images have the scores {ill}, healthy ones the scores {healthy}. What is the AUC?", "{:.3f}")
def auc(generator):
    ill, healthy = generator.integers(25, 100, 4) / 100, generator.integers(1, 75, 5) / 100
    labels = np.repeat([1, 0], [4, 5])
    scores = np.concatenate([ill, healthy])
    found = measure(labels, np.stack([1 - scores, scores], 1), "binary", resamples=0).auc
    above = float(np.mean(ill > 0.5)), float(np.mean(healthy <= 0.5))
    told = {"ill": ", ".join(f"{x:.2f}" for x in ill), "healthy": ", ".join(f"{x:.2f}" for x in healthy)}
    return told, [
        (found, "The share of pairs, one ill and one healthy, in which the ill one scores higher; a tie counts half."),
        (above[0], "This is the sensitivity at a threshold of 0.5; the AUC uses no threshold."),
        (float(np.mean((scores > 0.5) == labels)), "This is the accuracy at a threshold of 0.5."),
        (1 - found, "Here the pairs are counted the wrong way round: healthy above ill."),
    ]


@question(
    "A convolution has kernels of {side} x {side}, {given} channels in and {made} out, each with a bias. How many"
    " parameters has it?"
)
def parameters(generator):
    side, given, made = int(generator.choice([3, 5, 7])), *(int(x) for x in generator.integers(4, 33, 2))
    key = sum(each.numel() for each in nn.Conv2d(given, made, side).parameters())
    return {"side": side, "given": given, "made": made}, [
        (key, "Each channel out has a kernel over all channels in, and one bias."),
        (side**2 * made + made, "A kernel reaches through all channels in, not through one."),
        (side**2 * given * made, "The biases are left out: one for each channel out."),
        (side**2 * given * made + given, "There is a bias for each channel out, not for each channel in."),
    ]


@question(
    "An image of {size} x {size} pixels goes through a convolution of {side} x {side}, stride {stride}, padding {pad}."
    " How many pixels has one side of the answer?"
)
def side(generator):
    size, side, stride = int(generator.integers(28, 129)), int(generator.choice([3, 5, 7])), 2
    pad = int(generator.integers(1, side // 2 + 1))
    with torch.no_grad():
        key = nn.Conv2d(1, 1, side, stride, pad)(torch.zeros(1, 1, size, size)).shape[-1]
    return {"size": size, "side": side, "stride": stride, "pad": pad}, [
        (key, "(size + 2 padding - kernel) / stride, rounded down, plus 1."),
        (size + 2 * pad - side + 1, "The stride is forgotten: it skips every second place."),
        ((size - side) // stride + 1, "The padding is forgotten: it is added on both sides."),
        (key - 1, "The first place is forgotten: n steps lead to n + 1 places."),
    ]


@question(
    "{layers} convolutions of {side} x {side} without stride follow each other. How many pixels in a row does one value"
    " of the last see?"
)
def field(generator):
    layers, side = int(generator.integers(3, 9)), int(generator.choice([3, 5, 7]))
    return {"layers": layers, "side": side}, [
        (1 + layers * (side - 1), "Each layer adds kernel - 1 pixels to what is seen."),
        (layers * side, "Neighbouring kernels overlap: a layer adds kernel - 1, not kernel."),
        (side, "That is what one layer sees of the one before; the image is seen through all of them."),
        (side**layers, "The field grows by addition here; it multiplies only with strides or pooling."),
    ]


@question(
    "Images of {size} x {size} pixels with one channel. One layer gives {made} values for each pixel, by a {side} x"
    " {side} convolution with padding; another gives {made} values for the whole image, fully connected. How many"
    " weights (no biases) does the fully connected one have more?"
)
def shared(generator):
    size, made, side = (
        int(generator.choice([28, 32, 64])),
        int(generator.integers(8, 33)),
        int(generator.choice([3, 5])),
    )
    whole, laid = nn.Linear(size**2, made, bias=False), nn.Conv2d(1, made, side, bias=False)
    return {"size": size, "made": made, "side": side}, [
        (whole.weight.numel() - laid.weight.numel(), "One has a weight for each pixel, the other shares its kernel."),
        (0, "Both give so many values, but the convolution uses the same weights on every place."),
        (whole.weight.numel(), "The convolution has weights, too: one kernel for each value of a pixel."),
        (size**2 - side**2, "This is for one value; there are as many kernels, or rows of weights, as values."),
    ]


@question(
    "Threshold {low} in place of {high}: of the ill, {more} more are found, of the healthy {alarms} more are called"
    " ill. There are {ill} ill and {healthy} healthy ones. How does the specificity change?",
    "{:+.3f}",
)
def threshold(generator):
    ill, healthy = int(generator.integers(50, 100)), int(generator.integers(120, 300))
    more, alarms = (int(x) for x in generator.integers(5, 30, 2))
    values = {"low": 0.3, "high": 0.5, "more": more, "alarms": alarms, "ill": ill, "healthy": healthy}
    return values, [
        (-alarms / healthy, "Of the healthy, so many more are called ill: specificity falls by that share."),
        (more / ill, "This is the change of sensitivity, which asks of the ill."),
        (alarms / healthy, "More alarms among the healthy are a lower specificity, not a higher one."),
        ((more - alarms) / (ill + healthy), "This is the change of accuracy, over all people."),
    ]


@question(
    "Three classes with {a}, {b} and {c} test images. Of the first {ra}, of the second {rb}, of the third {rc} are"
    " right. What is the macro-averaged recall?",
    "{:.3f}",
)
def macro(generator):
    sizes = [int(generator.integers(low, high)) for low, high in ((200, 400), (80, 150), (10, 30))]
    right = [int(n * share) for n, share in zip(sizes, generator.uniform([0.9, 0.7, 0.2], [1, 0.9, 0.6]), strict=True)]
    recalls = [r / n for r, n in zip(right, sizes, strict=True)]
    values = dict(zip(("a", "b", "c", "ra", "rb", "rc"), sizes + right, strict=True))
    return values, [
        (sum(recalls) / 3, "The mean of the recalls, in which every class counts alike."),
        (sum(right) / sum(sizes), "This is the accuracy: the largest class decides it."),
        (recalls[0], "This is the recall of the commonest class alone."),
        (min(recalls), "This is the recall of the rarest class alone: the worst, not the mean."),
    ]
