"""Right answers of lesson 10."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from . import right


@right("most_alike")
def by_corrcoef(images, others):
    table = torch.corrcoef(torch.cat([images, others]).flatten(1))
    return table[: len(images), len(images) :].amax(1)


@right("most_alike")
def by_scipy(images, others):
    return 1 - cdist(images.flatten(1).numpy(), others.flatten(1).numpy(), "correlation").min(axis=1)


@right("most_alike")
def one_by_one(images, others):
    return [max(np.corrcoef(one.ravel(), other.ravel())[0, 1] for other in others.numpy()) for one in images.numpy()]


@right("most_alike")
def by_cosine_similarity(images, others):
    one, other = (each.flatten(1) - each.mean((1, 2))[:, None] for each in (images, others))
    return F.cosine_similarity(one[:, None], other[None], dim=-1).max(dim=1)[0]


@right("most_alike")
def by_standard_scores(images, others):
    def standard(each):
        pixels = each.reshape(len(each), -1)
        return (pixels - pixels.mean(1, keepdim=True)) / pixels.std(1, keepdim=True, correction=0)

    return (standard(images) @ standard(others).T / images[0].numel()).max(1).values


@right("dropout")
def by_where(x, gradient, kept, p):
    nothing = torch.zeros_like(x)
    return torch.where(kept, x / (1 - p), nothing), torch.where(kept, gradient / (1 - p), nothing)


@right("dropout")
def by_autograd(x, gradient, kept, p):
    x = x.clone().requires_grad_()
    y = x * kept.float() / (1 - p)
    (back,) = torch.autograd.grad(y, x, gradient)
    return y, back


@right("dropout")
def in_numpy(x, gradient, kept, p):
    mask = kept.numpy().astype(float) / (1 - p)
    return np.stack([x.numpy() * mask, gradient.numpy() * mask])


@right("dropout")
def on_copies(x, gradient, kept, p):
    parts = [x.clone(), gradient.clone()]
    for part in parts:
        part[~kept] = 0
        part /= 1 - p
    return parts


@right("cohens_kappa")
def by_sklearn(first, second):
    return cohen_kappa_score(first, second)


@right("cohens_kappa")
def from_the_table(first, second):
    table = confusion_matrix(first, second) / len(first)
    chance = table.sum(0) @ table.sum(1)
    return (np.trace(table) - chance) / (1 - chance)


@right("cohens_kappa")
def by_a_loop(first, second):
    n, chance = len(first), 0.0
    for each in set(first.tolist()) | set(second.tolist()):
        chance += (first == each).sum() / n * (second == each).sum() / n
    return ((first == second).float().mean() - chance) / (1 - chance)


@right("cohens_kappa")
def by_bincount(first, second):
    one, other = (torch.bincount(each, minlength=3).double() / len(each) for each in (first, second))
    disagreed = (first != second).double().mean()
    return 1 - disagreed / (1 - one @ other)


@right("mixup")
def by_lerp(images, targets, order, share):
    away = 1 - share
    return torch.lerp(images, images[order], away.view(-1, 1, 1, 1)), torch.lerp(
        targets, targets[order], away.view(-1, 1)
    )


@right("mixup")
def by_einsum(images, targets, order, share):
    def mixed(x):
        return torch.einsum("b,b...->b...", share, x) + torch.einsum("b,b...->b...", 1 - share, x[order])

    return mixed(images), mixed(targets)


@right("mixup")
def one_after_another(images, targets, order, share):
    pictures, answers = [], []
    for i, j in enumerate(order.tolist()):
        pictures.append(share[i] * images[i] + (1 - share[i]) * images[j])
        answers.append(share[i] * targets[i] + (1 - share[i]) * targets[j])
    return torch.stack(pictures), torch.stack(answers)


@right("auc_error")
def as_the_formula_stands(auc, positives, negatives):
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    top = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return (top / (positives * negatives)) ** 0.5


@right("auc_error")
def in_numpy_with_powers(auc, positives, negatives):
    square = np.square(auc)
    first = (positives - 1) * (auc / (2 - auc) - square)
    second = (negatives - 1) * (2 * square / (1 + auc) - square)
    return np.sqrt((auc - square + first + second) / positives / negatives)


@right("auc_error")
def as_a_scalar_product(auc, positives, negatives):
    pairs = torch.tensor([1.0, positives - 1, negatives - 1], dtype=torch.float64)
    of_pairs = torch.tensor([auc, auc / (2 - auc), 2 * auc**2 / (1 + auc)], dtype=torch.float64) - auc**2
    return (pairs @ of_pairs / (positives * negatives)).sqrt()
