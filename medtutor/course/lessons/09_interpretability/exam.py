"""Exam questions of lesson 09, interpretability."""

import numpy as np
import torch

from ....explanation import pointing_game, relevance_mass, rollout, similarity
from ...exam import question


@question(
    "A network adds up three pixels, f = {w} · x (a sum of products), at x = {x}; the baseline is b = {b}. What does"
    " integrated gradients give the first pixel?",
    "{:.4f}",
)
def integrated(generator):
    w, x, b = (generator.choice([-3, -2, 2, 3, 4, 5], 3) / 4 for _ in range(3))
    return {"w": w.tolist(), "x": x.tolist(), "b": b.tolist()}, [
        ((x[0] - b[0]) * w[0], "How far the pixel has gone from the baseline, times the (constant) gradient."),
        (x[0] * w[0], "This is input x gradient: it takes zero for the baseline."),
        (abs(w[0]), "This is the saliency: the size of the gradient alone."),
        ((x - b) @ w, "This is what all pixels get together: f(x) - f(b)."),
    ]


@question(
    "f(image) = {there}, f(baseline) = {base}. The values of integrated gradients with few steps add up to {total}. By"
    " how much is completeness missed?",
    "{:.2f}",
)
def completeness(generator):
    there, base = generator.integers(200, 500) / 100, -generator.integers(50, 190) / 100
    total = round(float((there - base) * generator.uniform(0.7, 0.95)), 2)
    return {"there": there, "base": base, "total": total}, [
        (there - base - total, "They should add up to f(image) - f(baseline); this is what is missing."),
        (abs(there - total), "The score of the baseline is forgotten: only its difference to the image is shared out."),
        (abs(there + base - total), "The two scores are added in place of subtracted."),
        (total, "This is the sum itself, not what it lacks."),
    ]


def _map(generator):
    values = generator.integers(-9, 10, (3, 3)).astype(float)
    evidence = np.zeros((3, 3), bool)
    evidence[0, :2] = True
    values[0, 0] = abs(values[0, 0]) + 1
    return values, evidence


def _rows(values):
    return "; ".join(" ".join(f"{x:g}" for x in row) for row in values)


@question(
    "A map of 3 x 3 pixels, row by row: {rows}. The evidence is the first two pixels of the first row. What is its mass"
    " (of the positive attribution)?",
    "{:.3f}",
)
def mass(generator):
    values, evidence = _map(generator)
    return {"rows": _rows(values)}, [
        (relevance_mass(values, evidence), "The positive values on the evidence, of all positive values."),
        (relevance_mass(values, evidence, part="absolute"), "Here negative values count as if they spoke for it."),
        (evidence.mean(), "This is the evidence's share of the image: what a flat map would get."),
        (pointing_game(values, evidence), "This is the pointing game, which looks at the highest pixel alone."),
    ]


@question(
    "The highest {k} pixels of an upsampled map are equally high; {inside} of them lie on the evidence, which has {all}"
    " of the image's {pixels} pixels. What does this image count in the pointing game?",
    "{:.3f}",
)
def ties(generator):
    side = int(generator.integers(3, 6))
    inside, size = int(generator.integers(2, side**2 - 1)), int(generator.integers(10, 30))
    k = side**2
    values, evidence = np.zeros((28, 28)), np.zeros((28, 28), bool)
    values.flat[:k], evidence.flat[k - inside : k - inside + size] = 1, True
    return {"k": k, "inside": min(inside, size), "all": size, "pixels": 28 * 28}, [
        (pointing_game(values, evidence), "Equally high pixels share one hit; those on the evidence have their part."),
        (1.0, "That would hold if all of the highest pixels lay on the evidence."),
        (evidence.mean(), "This is what a flat map would get: chance."),
        (
            min(inside, size) / size,
            "This is the covered share of the evidence; asked is the share of the highest pixels.",
        ),
    ]


@question(
    "A method hits the spot in {trained} of {n} images with the trained network, in {blind} of {n} with random"
    " weights, and an edge filter in {edges}. By what share of hits does the trained map show what was learned?",
    "{:.3f}",
)
def untrained(generator):
    n = int(generator.integers(80, 200))
    trained, blind, edges = (int(n * generator.uniform(*r)) for r in ((0.8, 0.98), (0.3, 0.6), (0.1, 0.28)))
    return {"n": n, "trained": trained, "blind": blind, "edges": edges}, [
        ((trained - blind) / n, "Trained minus untrained: only what lies above the control was learned."),
        (trained / n, "Bright spots draw gradients of a network that has learned nothing, too."),
        ((trained - edges) / n, "An edge filter is no control for this network; the same network untrained is."),
        (trained / n - 1 / 49, "Chance is no control: an untrained network may point to the spot far more often."),
    ]


@question(
    "A coarse map has cells of {cell} x {cell} pixels, which are upsampled as squares. The evidence, {high} x {wide}"
    " pixels, lies within one cell. What is the best share of a hit that any such map can score?",
    "{:.3f}",
)
def ceiling(generator):
    cell = int(generator.integers(4, 9))
    high, wide = (int(x) for x in generator.integers(2, cell, 2))
    values, evidence = np.zeros((3 * cell, 3 * cell)), np.zeros((3 * cell, 3 * cell), bool)
    values[:cell, :cell], evidence[:high, :wide] = 1, True
    return {"cell": cell, "high": high, "wide": wide}, [
        (pointing_game(values, evidence), "All pixels of the cell tie for the highest; those on the evidence count."),
        (1.0, "Even the right cell reaches beyond the evidence, and its pixels share one hit."),
        (1 / cell**2, "This is one pixel of the cell; the evidence has more."),
        (high / cell, "This compares one side only; pixels are counted over both."),
    ]


@question(
    "A patch's score: f with nothing covered {all}, with patch A covered {a}, with B covered {b}, with both covered"
    " {none}. There are only these two patches. What is the Shapley value of A?",
    "{:.2f}",
)
def shapley(generator):
    none, a, b = (int(x) for x in generator.integers(0, 30, 3))
    whole = int(generator.integers(40, 80))
    none, only_b, only_a, whole = (x / 10 for x in (none, a, b, whole))  # f where A (or B) is covered: only B (A) shows
    return {"all": whole, "a": only_b, "b": only_a, "none": none}, [
        (((only_a - none) + (whole - only_b)) / 2, "The mean of what A adds first, and of what it adds after B."),
        (whole - only_b, "This is occlusion: what A adds when B is there already."),
        (only_a - none, "This is what A adds when it comes first, one of two orders."),
        (whole - none, "This is what both add together; B gets its part of it."),
    ]


@question(
    "Two blocks of a transformer with two tokens. Attention of the first: [[{a}, {b}], [{c}, {d}]], of the second"
    " [[{e}, {f}], [{g}, {h}]]. How much of token 2 has reached token 1, by rollout?",
    "{:.3f}",
)
def rolled(generator):
    blocks = []
    for _ in range(2):
        p, q = generator.integers(1, 10, 2) / 10
        blocks.append(np.array([[p, 1 - p], [q, 1 - q]]))
    first, second = blocks
    mixed = [(each + np.eye(2)) / 2 for each in blocks]
    key = float(rollout(torch.tensor(np.stack(blocks), dtype=torch.float32)[:, None])[0, 1])
    values = {name: f"{x:.1f}" for name, x in zip("abcdefgh", [*first.ravel(), *second.ravel()], strict=True)}
    return values, [
        (key, "Each block is half attention and half identity; the later one stands on the left."),
        ((second @ first)[0, 1], "The identity is forgotten: a block adds what it gathers to what was there."),
        (second[0, 1], "This is the last block's attention alone: a token there is no longer its own patch."),
        ((mixed[0] @ mixed[1])[0, 1], "The blocks are multiplied in the wrong order."),
    ]


@question(
    "Deletion: pixels are taken away in the map's order, and the network's probability is {curve} after 0, 25, 50, 75"
    " and 100 % of them. What is the area under this curve (straight lines between the points)?",
    "{:.3f}",
)
def deleted(generator):
    curve = np.sort(generator.integers(2, 98, 5))[::-1] / 100
    area = (curve[1:] + curve[:-1]).sum() / 2 * 0.25
    return {"curve": ", ".join(f"{x:.2f}" for x in curve)}, [
        (area, "The mean of neighbouring points, times 0.25 each; low is good for deletion."),
        (curve.mean(), "The two ends count half: they belong to one piece each."),
        (1 - area, "This is the area above the curve; deletion counts what is below."),
        (curve[0] - curve[-1], "This is how far it falls in all: every order of pixels has the same."),
    ]


@question(
    "{method}: the ranks of four pixels are {one} with the trained network, and {other} after its head was randomised."
    " What is their rank correlation?",
    "{:.2f}",
)
def randomised_head(generator):
    one, other = generator.permutation(4) + 1, generator.permutation(4) + 1
    same = float(np.mean(one == other))
    key = float(similarity(torch.tensor(one[None] * 1.0), torch.tensor(other[None] * 1.0)))
    first, second = np.triu_indices(4, 1)
    pairs = float(np.mean((one[first] < one[second]) == (other[first] < other[second])))
    method = generator.choice(["Saliency", "Occlusion", "Grad-CAM"])
    return {"method": method, "one": one.tolist(), "other": other.tolist()}, [
        (key, "The correlation of the ranks; near 1 the map never showed what the head had learned."),
        (same, "This is the share of pixels with the same rank; the correlation also sees how far ranks moved."),
        (-key, "The sign is turned round: equal orders have +1."),
        (pairs, "This is the share of pairs in the same order, from 0 to 1; unrelated maps have 0.5 there."),
    ]
