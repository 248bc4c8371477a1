"""Right answers of lesson 16."""

import numpy as np
import torch

from . import right


@right("answers_of")
def one_by_one(low, high, margin):
    found = []
    for a, b in zip(low.tolist(), high.tolist()):
        found.append(0 if a > margin else 1 if b < -margin else 2 if -margin < a and b < margin else 3)
    return found


@right("answers_of")
def by_where(low, high, margin):
    within = torch.maximum(low.abs(), high.abs()) < margin
    return torch.where(low > margin, 0, torch.where(high < -margin, 1, torch.where(within, 2, 3)))


@right("answers_of")
def by_select(low, high, margin):
    low, high = low.numpy(), high.numpy()
    return np.select([low > margin, high < -margin, (low > -margin) & (high < margin)], [0, 1, 2], 3)


@right("kappa")
def by_sklearn(first, second):
    from sklearn.metrics import cohen_kappa_score

    return cohen_kappa_score(first.numpy(), second.numpy())


@right("kappa")
def by_a_table(first, second):
    table = np.zeros((2, 2))
    for a, b in zip(first.tolist(), second.tolist()):
        table[int(a), int(b)] += 1
    table /= table.sum()
    chance = table.sum(0) @ table.sum(1)
    return (np.trace(table) - chance) / (1 - chance)


@right("kappa")
def by_disagreement(first, second):
    observed = (first ^ second).float().mean()
    a, b = first.float().mean(), second.float().mean()
    return 1 - observed / (a * (1 - b) + b * (1 - a))


@right("holm")
def with_a_loop(p):
    values = p.tolist()
    corrected, highest = [0.0] * len(values), 0.0
    for place, i in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, values[i] * (len(values) - place)))
        corrected[i] = highest
    return corrected


@right("holm")
def by_numpy(p):
    p = p.numpy()
    order = np.argsort(p)
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return stepped[np.argsort(order)]


@right("holm")
def by_pairs(p):
    found = [max(float(other) * int((p >= other).sum()) for other in p if other <= each) for each in p]
    return [min(1.0, each) for each in found]
