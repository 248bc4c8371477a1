"""Exam questions of lesson 12, privacy."""

import numpy as np
import torch

from ....metrics.membership import attack_rates, log_odds_of_label
from ....training.federated import average
from ...exam import question


@question(
    "A table has {rows} people; after coarsening, its groups of equal columns have the sizes {sizes}. What"
    " is the largest k for which it is k-anonymous?"
)
def anonymous(generator):
    sizes = generator.integers(2, 40, 6)
    return {"rows": sizes.sum(), "sizes": ", ".join(map(str, sizes))}, [
        (int(sizes.min()), "The smallest group decides: nobody stands in a smaller one."),
        (int(sizes.max()), "The largest group protects its own members only."),
        (round(sizes.mean()), "A mean protects nobody who stands in a smaller group."),
        (len(sizes), "This is how many groups there are."),
    ]


@question(
    "{n} people and {cells} equally likely combinations of columns. What share of the people is expected to be"
    " alone with"
    " theirs?",
    "{:.3f}",
)
def alone(generator):
    n, cells = int(generator.integers(500, 4000)), int(generator.integers(1000, 9000))
    return {"n": n, "cells": cells}, [
        ((1 - 1 / cells) ** (n - 1), "Each of the other n - 1 people has another combination."),
        (min(1.0, cells / n), "More combinations than people do not make everybody alone."),
        (1 - (1 - 1 / cells) ** (n - 1), "This is the share of those who are not alone."),
        (1 / cells, "This is how likely one given person has the same combination."),
    ]


@question(
    "The gradient of an image is {gradient}; per-image gradients are clipped to a length of {limit}. What is its"
    " first number then?",
    "{:.3f}",
)
def clipped(generator):
    gradient, limit = generator.integers(1, 9, 3).astype(float), int(generator.integers(5, 40)) / 10
    length = np.linalg.norm(gradient)
    return {"gradient": gradient.tolist(), "limit": limit}, [
        (
            gradient[0] * min(1, limit / length),
            "Only the length is cut, the direction stays: all are multiplied alike.",
        ),
        (min(gradient[0], limit), "Not each number is cut at the limit, but the length of all together."),
        (gradient[0] / length, "It is cut to the limit, not to a length of 1."),
        (gradient[0] * min(1, limit / np.abs(gradient).sum()), "The length is the root of the sum of squares."),
    ]


@question(
    "DP-SGD: a batch of {batch}, clipped to {limit}, noise multiplier {noise}. What standard deviation has the noise in"
    " the mean gradient, in each of its numbers?",
    "{:.4f}",
)
def noise(generator):
    batch, limit, noise = (
        int(generator.integers(32, 257)),
        int(generator.integers(5, 30)) / 10,
        int(generator.integers(6, 30)) / 10,
    )
    return {"batch": batch, "limit": limit, "noise": noise}, [
        (noise * limit / batch, "Noise times limit is added to the sum, which is then divided by the batch."),
        (noise * limit, "This is the noise of the sum; the mean is divided by the batch."),
        (noise / batch, "The noise is scaled to the clipping limit: what one image can change."),
        (noise * limit / np.sqrt(batch), "The noise is drawn once for the sum, not for each image."),
    ]


@question(
    "A training is ({epsilon}, {delta})-differentially private. What share of its members can any attack find at"
    " a false"
    " positive rate of {rate} %, at most?",
    "{:.4f}",
)
def bound(generator):
    epsilon, rate = int(generator.integers(3, 20)) / 10, int(generator.integers(1, 10))
    delta = 1e-4
    return {"epsilon": epsilon, "delta": "0.0001", "rate": rate}, [
        (min(1.0, np.exp(epsilon) * rate / 100 + delta), "True positives are at most e^epsilon false ones plus delta."),
        (epsilon * rate / 100 + delta, "epsilon stands in the exponent."),
        (rate / 100 + delta, "So it would be for an epsilon of 0: the attack knows nothing."),
        (min(1.0, np.exp(epsilon) * rate / 100) / 2, "The bound is of the members found, not half of them."),
    ]


@question(
    "An attack gives each image a score, higher for likely members. Members: {inner}; others: {outer}. What share of"
    " the members does it find where it may accuse one of the {count} others?",
    "{:.2f}",
)
def found(generator):
    inner, outer = np.sort(generator.integers(30, 99, 5))[::-1], np.sort(generator.integers(10, 80, 10))[::-1]
    if set(inner) & set(outer):  # at a tie it would hang on > or >=
        return {}, []
    key = attack_rates(inner, outer, at=(0.1,))[0].found
    values = {"inner": ", ".join(map(str, inner)), "outer": ", ".join(map(str, outer)), "count": 10}
    auc = float((inner[:, None] > outer[None]).mean())
    return values, [
        (key, "The members above the second highest of the others."),
        (float((inner > outer[0]).mean()), "This accuses none of the others; one is allowed."),
        (auc, "This is the AUC: an average over all false positive rates."),
        (float((inner > np.median(outer)).mean()), "This accuses half of the others."),
    ]


@question(
    "A network says {p} for the true class. What is the attack's number, the log odds of the true class?", "{:.3f}"
)
def odds(generator):
    p = int(generator.integers(60, 100)) / 100
    return {"p": p}, [
        (float(log_odds_of_label([[1 - p, p]], [1])[0]), "log of p / (1 - p): it tells apart what is very sure."),
        (-np.log(p), "This is the loss, near 0 for all that is sure."),
        (p / (1 - p), "These are the odds; the logarithm makes them nearly normal."),
        (np.log(p), "This is log p, without the other classes' share."),
    ]


@question(
    "One weight of three hospitals after local training: {weights}; they have {counts} images. What does federated"
    " averaging give?",
    "{:.3f}",
)
def averaged(generator):
    weights, counts = generator.integers(-20, 21, 3) / 10, generator.integers(50, 900, 3)
    states = [{"w": torch.tensor([x])} for x in weights]
    return {"weights": ", ".join(map(str, weights)), "counts": ", ".join(map(str, counts))}, [
        (float(average(states, counts.tolist())["w"][0]), "The mean, each hospital weighed by its images."),
        (weights.mean(), "A small hospital does not count as much as a large one."),
        (weights[counts.argmax()], "This is the largest hospital's weight alone."),
        (float(np.median(weights)), "This is the median, in which numbers of images play no part."),
    ]


@question(
    "Secure aggregation: A sends its value {a} plus mask AB plus mask AC, B sends {b} minus AB plus BC, C sends"
    " {c} minus"
    " AC minus BC. AB is {ab}, AC {ac}, BC {bc}. C's message is lost. What does the sum of the other two hold?"
)
def masked(generator):
    a, b, c = (int(x) for x in generator.integers(1, 30, 3))
    ab, ac, bc = (int(x) for x in generator.integers(-90, 90, 3))
    return {"a": a, "b": b, "c": c, "ab": ab, "ac": ac, "bc": bc}, [
        (a + b + ac + bc, "AB cancels; the masks shared with C stay, and make the sum noise."),
        (a + b, "Only AB cancels: those shared with C have no counterpart."),
        (a + b + c, "This is the sum if all three arrive."),
        (a + b + ab, "AB is what cancels, since both its hospitals have sent."),
    ]


@question(
    "A model has {weights} weights of 4 bytes. {clients} hospitals take part in {rounds} rounds; each gets the"
    " model and"
    " sends it back. How many megabytes (10^6 bytes) go over the line?",
    "{:.2f}",
)
def traffic(generator):
    weights, clients, rounds = (
        int(generator.integers(20, 400)) * 1000,
        int(generator.integers(3, 9)),
        int(generator.integers(5, 30)),
    )
    once = weights * 4 * clients * rounds / 1e6
    return {"weights": weights, "clients": clients, "rounds": rounds}, [
        (2 * once, "There and back, for each hospital, in each round."),
        (once, "Only one way was counted."),
        (2 * once / clients, "Each hospital gets and sends the model."),
        (2 * once / 4, "A weight takes 4 bytes."),
    ]
