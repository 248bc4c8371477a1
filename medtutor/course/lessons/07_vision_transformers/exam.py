"""Exam questions of lesson 07, vision transformers."""

import numpy as np
import torch
from torch import nn

from ....models.vit import attend
from ...exam import question


def _tensor(values):
    return torch.tensor(np.asarray(values, float)[None] if np.ndim(values) == 1 else np.asarray(values, float))


@question("A query {query} meets two keys, {one} and {two}. What weight does the first key get?", "{:.3f}")
def weight(generator):
    query, one, two = generator.integers(-4, 5, (3, 4)) / 2
    keys = _tensor([one, two])
    key = float(attend(_tensor(query), keys, _tensor([[1.0], [0.0]])))
    scores = np.array([query @ one, query @ two])
    plain = np.exp(scores - scores.max())
    return {"query": query.tolist(), "one": one.tolist(), "two": two.tolist()}, [
        (key, "Products, divided by the root of the four numbers, and a softmax."),
        (plain[0] / plain.sum(), "The root is forgotten: scores of long vectors make the softmax all or nothing."),
        (1 - key, "This is the weight of the second key."),
        (0.5, "Keys get equal weights only where their products are equal."),
    ]


@question(
    "Two values, {one} and {two}, are gathered with scores (already divided by the root) of {a} and {b}. What"
    " comes out?",
    "{:.3f}",
)
def gathered(generator):
    one, two = (int(x) for x in generator.integers(-9, 10, 2))
    a, b = (int(x) / 10 for x in generator.integers(-20, 21, 2))
    key = float(attend(_tensor([1.0]), _tensor([[a], [b]]), _tensor([[float(one)], [float(two)]])))
    return {"one": one, "two": two, "a": a, "b": b}, [
        (key, "The softmax of the scores weighs the values."),
        (a * one + b * two, "Scores are no weights: the softmax makes them positive, with a sum of 1."),
        ((one + two) / 2, "This is for equal scores."),
        (one if a > b else two, "A softmax does not take the best alone."),
    ]


@question(
    "Images of {size} x {size} pixels, patches of {small} in place of {large} pixels a side. How many times as"
    " many scores (pairs of tokens) are there?"
)
def pairs(generator):
    small = int(generator.choice([2, 4]))
    large, size = small * int(generator.choice([2, 4])), 16 * int(generator.integers(2, 9))
    tokens = [(size // side) ** 2 for side in (small, large)]
    return {"size": size, "small": small, "large": large}, [
        (
            (tokens[0] // tokens[1]) ** 2,
            "Tokens grow with the square of the ratio, pairs with the square of the tokens.",
        ),
        (tokens[0] // tokens[1], "These are the tokens; each meets each other."),
        (large // small, "This is the ratio of the sides."),
        (2 * tokens[0] // tokens[1], "Pairs grow with the square, they do not double."),
    ]


@question(
    "An image of {size} x {size} with {channels} channels is cut into patches of {side} x {side}, each made a"
    " token of {width} numbers by a linear layer with bias. How many parameters has the layer?"
)
def embedding(generator):
    side, channels, width = (
        int(generator.choice([4, 7, 8])),
        int(generator.choice([3, 4])),
        8 * int(generator.integers(3, 13)),
    )
    size = side * int(generator.integers(4, 9))
    key = sum(each.numel() for each in nn.Linear(side**2 * channels, width).parameters())
    return {"size": size, "channels": channels, "side": side, "width": width}, [
        (key, "A patch has side x side x channels numbers; the layer is the same for all patches."),
        (key * (size // side) ** 2, "All patches share one layer."),
        (side**2 * width + width, "A patch has all channels."),
        (size**2 * channels * width + width, "The layer sees a patch, not the image."),
    ]


@question(
    "Attention with {heads} heads on tokens of {width} numbers: queries, keys, values and the output are linear"
    " layers with bias. How many parameters are that?"
)
def heads(generator):
    heads = int(generator.choice([2, 3, 4, 6]))
    width = heads * int(generator.integers(8, 25))
    key = 4 * sum(each.numel() for each in nn.Linear(width, width).parameters())
    return {"heads": heads, "width": width}, [
        (key, "Four layers of width x width; the heads share the width among them."),
        (heads * key, "Heads do not each have the whole width: they divide it."),
        (key - width**2 - width, "The output layer, which mixes the heads, is left out."),
        (4 * width**2, "The biases are left out."),
    ]


@question(
    "Scores are sums of {d} products of standard normal numbers. What standard deviation have they before the"
    " division?",
    "{:.2f}",
)
def spread(generator):
    d = int(generator.choice([8, 12, 20, 24, 32, 40, 48, 64, 80, 96, 128]))
    return {"d": d}, [
        (d**0.5, "Variances add up: d of them, so the deviation is the root of d."),
        (d, "This is the variance."),
        (1.0, "So it is after the division by the root of d."),
        (d**0.25, "The root is taken once."),
    ]


@question(
    "A ViT without positions (mean readout) has an AUC of {auc} on X-rays. All images' patches are shuffled,"
    " each image in its own way. What is the AUC?",
    "{:.2f}",
)
def bag(generator):
    auc = int(generator.integers(65, 96)) / 100
    return {"auc": auc}, [
        (auc, "A sum over tokens is the same in any order, so no answer changes."),
        (0.5, "It never knew the order, so it has nothing to lose."),
        (1 - auc, "No ranking is turned round: no answer changes at all."),
        ((auc + 0.5) / 2, "This would be for a network that uses places in part."),
    ]


@question(
    "In windows of {side} x {side} tokens attention stays within a window; the map has {rows} x {rows} tokens."
    " How many scores has one head?"
)
def windows(generator):
    side, times = int(generator.integers(2, 8)), int(generator.integers(2, 6))
    rows = side * times
    return {"side": side, "rows": rows}, [
        (rows**2 * side**2, "Each token meets the tokens of its window."),
        (rows**4, "Without windows each token meets all tokens."),
        (side**4, "This is one window; there are several."),
        (rows**2 * side, "A window has side x side tokens."),
    ]


@question(
    "One head gives a token these weights at these distances in pixels: {weights} at {far}. How far does it look"
    " on average?",
    "{:.2f}",
)
def reach(generator):
    weights, far = generator.integers(1, 10, 4), np.sort(generator.choice(np.arange(0, 24), 4, replace=False))
    weights = (weights / weights.sum()).round(2)
    weights[3] = round(1 - weights[:3].sum(), 2)
    return {"weights": ", ".join(f"{x:.2f}" for x in weights), "far": ", ".join(map(str, far))}, [
        (weights @ far, "The mean distance, weighed by attention."),
        (far.mean(), "This is for a head that looks at all places alike."),
        (far[weights.argmax()], "This is where it looks most, not how far on average."),
        (far.max(), "This is the farthest place, however little weight it has."),
    ]


@question(
    "A block adds to a token x = {x} first what attention gives, {a} times what it is given, then what the MLP"
    " gives, {m} times what it is given. (No normalisation.) What leaves the block?",
    "{:.3f}",
)
def residual(generator):
    x, a, m = (int(v) / 10 for v in generator.choice(np.arange(-9, 16), 3))
    return {"x": x, "a": a, "m": m}, [
        (x * (1 + a) * (1 + m), "Each part adds to what comes in, and the second sees what the first has left."),
        (x * a * m, "The token itself is kept: both parts add to it."),
        (x * (1 + a + m), "The MLP sees the token after attention, not before."),
        (x * (1 + a) * m, "The second sum is forgotten."),
    ]
