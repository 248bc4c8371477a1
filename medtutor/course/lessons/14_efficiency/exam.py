"""Exam questions of lesson 14, efficiency."""

import numpy as np
import torch
from torch import nn

from ....efficiency import dequantise, distillation_loss, quantise, scale_and_zero_point
from ...exam import question

RANGE = "Weights from {low} to {high} are stored in {bits} bits. "


def _range(generator):
    return {
        "low": -int(generator.integers(3, 30)) / 10,
        "high": int(generator.integers(3, 30)) / 10,
        "bits": int(generator.integers(4, 9)),
    }


@question(RANGE + "What is the scale (one step)?", "{:.5f}")
def scale(generator):
    given = _range(generator)
    low, high, bits = given.values()
    return given, [
        (scale_and_zero_point(low, high, bits)[0], "The range over 2^b - 1 steps: b bits have 2^b numbers."),
        ((high - low) / 2**bits, "Between 2^b numbers there are 2^b - 1 steps."),
        (max(high, -low) / (2**bits - 1), "The range has two sides."),
        ((high - low) / (2 * bits), "b bits have 2^b numbers, not 2 b."),
    ]


@question(RANGE + "Which whole number stands for 0 (the zero point)?")
def zero_point(generator):
    given = _range(generator)
    low, high, bits = given.values()
    step, zero = scale_and_zero_point(low, high, bits)
    return given, [
        (zero, "-low over the scale, rounded, so that 0 is met exactly."),
        (2 ** (bits - 1), "This is the middle of the numbers; it is 0 only for a range that is symmetric."),
        (0, "The number 0 stands for the lowest weight."),
        (round(high / step), "This is how many steps lie above 0; the zero point counts those below."),
    ]


@question(RANGE + "What becomes of the weight {x}, stored and read back?", "{:.4f}")
def rounded(generator):
    given = _range(generator)
    low, high, bits = given.values()
    x = round(float(generator.uniform(0.2 * low, 0.9 * high)), 2)
    step, zero = scale_and_zero_point(low, high, bits)
    stored = quantise(torch.tensor([x], dtype=torch.float64), step, zero, bits)
    return given | {"x": x}, [
        (float(dequantise(stored, step, zero)[0]), "The nearest multiple of the scale."),
        (x, "Only multiples of the scale can be stored."),
        (float(stored[0] * step), "The zero point was not taken off."),
        (
            float(dequantise(stored, step, zero)[0]) + step / 2,
            "Rounding goes to the nearest step, and not half a step up.",
        ),
    ]


@question(
    "A convolution of 3 x 3, {given} channels in, {made} out, on {size} x {size} places, padded. How many FLOPs"
    " (a multiplication and an addition are two), without the bias?"
)
def flops(generator):
    given, made, size = (int(x) for x in generator.integers(4, 33, 3))
    layer = nn.Conv2d(given, made, 3, padding=1, bias=False)
    key = 2 * layer.weight.numel() * size**2
    return {"given": given, "made": made, "size": size}, [
        (key, "Two for each weight, on each place."),
        (key // 2, "A multiplication and an addition are two operations."),
        (2 * 9 * given * made, "The kernel is laid on each place."),
        (2 * 9 * size**2 * made, "A kernel reaches through all channels in."),
    ]


@question(
    "One image takes {alone} ms alone; a batch of {batch} takes {whole} ms. By which factor does the throughput rise?",
    "{:.2f}",
)
def throughput(generator):
    alone, batch = int(generator.integers(10, 40)) / 10, int(generator.choice([8, 16, 32, 64]))
    whole = round(alone * batch / generator.uniform(2, 7), 1)
    return {"alone": alone, "batch": batch, "whole": whole}, [
        (alone / (whole / batch), "The time alone over the time for one image of the batch."),
        (batch, "A batch takes longer than one image."),
        (whole / alone, "This is how much later the first answer of the batch comes."),
        (whole / batch, "This is the time for one image, in ms."),
    ]


@question(
    "The times of {n} frames, in ms: {times}. The deadline is {deadline} ms. What share of the frames is late?",
    "{:.3f}",
)
def late(generator):
    times, deadline = generator.integers(15, 50, 9), 33
    return {"n": 9, "times": ", ".join(map(str, times)), "deadline": deadline}, [
        (float((times > deadline).mean()), "Each frame has its own deadline: count those above."),
        (float(times.mean() > deadline), "A mean below the deadline does not hold it for each frame."),
        (float((times <= deadline).mean()), "This is the share that is in time."),
        (max(0.0, float(times.max() / deadline - 1)), "This is by how much the slowest is late."),
    ]


@question(
    "Teacher logits {teacher}, student logits {student}, temperature {t}; the teacher has all the weight. What is the"
    " distillation loss (of Hinton, Vinyals and Dean, natural logarithm)?",
    "{:.4f}",
)
def distilled(generator):
    teacher, student = generator.integers(-30, 31, 2) / 10, generator.integers(-30, 31, 2) / 10
    t = int(generator.integers(2, 6))
    logits = [torch.tensor(x[None]) for x in (student, teacher)]
    key = float(distillation_loss(*logits, torch.tensor([0]), t, 1.0))
    return {"teacher": teacher.tolist(), "student": student.tolist(), "t": t}, [
        (key, "The divergence of the softened answers, times T²."),
        (key / t**2, "Without T² its slopes would shrink as the temperature rises."),
        (float(distillation_loss(*logits, torch.tensor([0]), 1.0, 1.0)), "The temperature is left out."),
        (key / t, "The factor is T², not T: two slopes are divided by T."),
    ]


@question(
    "Of the {given} and {made} channels before and after a layer {share} % are removed, in both. What share of"
    " its weights is left?",
    "{:.4f}",
)
def removed(generator):
    first, second = (10 * int(x) for x in generator.integers(2, 13, 2))
    cut = int(generator.choice([20, 30, 40, 60, 70, 80, 90]))
    left = 1 - cut / 100
    return {"given": first, "made": second, "share": cut}, [
        (left**2, "A weight joins a channel before with one after: both must be there."),
        (left, "Channels are gone on both sides of the layer."),
        (1 - (1 - left) ** 2, "This counts weights of which at least one side is left."),
        (cut / 100, "This is the share of channels that is gone."),
    ]


@question(
    "{n} weights of 4 bytes; nine of ten are zero. Sparse storage keeps each other weight with an index of"
    " {index} bytes."
    " How many times smaller is the file?",
    "{:.2f}",
)
def sparse(generator):
    n, index = int(generator.integers(50, 900)) * 1000, int(generator.choice([1, 2, 4]))
    return {"n": n, "index": index}, [
        (4 / (0.1 * (4 + index)), "A tenth of the weights, each with its index."),
        (10.0, "To know where the weights stand, the indices have to be kept, too."),
        (1.0, "So it is as long as zeros are stored as any other number."),
        (4 / (0.9 * (4 + index)), "The weights that are not zero are kept, one of ten."),
    ]


@question(
    "Five runs of a network take {times} ms. What is the median, which is reported after a warm-up of one run?",
    "{:.2f}",
)
def warm(generator):
    times = np.round(generator.uniform(8, 12, 5), 1)
    times[0] = round(float(generator.uniform(30, 90)), 1)
    return {"times": ", ".join(map(str, times))}, [
        (np.median(times[1:]), "The first run, in which memory is asked for, is left out."),
        (np.median(times), "The first run is part of it."),
        (times.mean(), "The mean is drawn up by the first run."),
        (times.min(), "The quickest run is luck, too, and nobody can count on it."),
    ]
