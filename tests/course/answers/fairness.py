"""Right answers of lesson 13."""

import numpy as np
import torch
from fairlearn.metrics import equalized_odds_difference

from . import right


@right("equalised_odds")
def by_fairlearn(labels, called, groups):
    return equalized_odds_difference(labels.numpy(), called.numpy(), sensitive_features=groups.numpy())


@right("equalised_odds")
def by_loops(labels, called, groups):
    gaps = []
    for label in (1, 0):
        rates = []
        for group in (0, 1):
            own = [c for c, y, g in zip(called.tolist(), labels.tolist(), groups.tolist()) if (y, g) == (label, group)]
            rates.append(sum(own) / len(own))
        gaps.append(abs(rates[0] - rates[1]))
    return max(gaps)


@right("called_in_each")
def by_quantiles(labels, scores, groups, sensitivity):
    called = np.zeros(len(labels), dtype=bool)
    for group in np.unique(groups):
        own = (groups == group).numpy()
        ill = scores.numpy()[own & (labels == 1).numpy()]
        called[own] = scores.numpy()[own] >= np.quantile(ill, 1 - sensitivity, method="inverted_cdf")
    return called


@right("called_in_each")
def by_trying(labels, scores, groups, sensitivity):
    called = torch.zeros(len(labels))
    for group in (0, 1):
        own = groups == group
        for threshold in scores[own].sort(descending=True).values:
            if (scores[own & (labels == 1)] >= threshold).double().mean() >= sensitivity:
                called[own & (scores >= threshold)] = 1
                break
    return called


@right("reweigh")
def by_counts(labels, groups):
    table = np.histogram2d(groups, labels, bins=2)[0]
    weights = table.sum(1, keepdims=True) * table.sum(0) / (table * len(labels))
    return weights[groups, labels]


@right("reweigh")
def case_by_case(labels, groups):
    n = len(labels)
    return [
        (int((groups == g).sum()) / n)
        * (int((labels == y).sum()) / n)
        / (int(((groups == g) & (labels == y)).sum()) / n)
        for g, y in zip(groups, labels)
    ]


@right("worth_of_an_alarm")
def by_odds(sensitivity, false_alarm, prevalence):
    odds = sensitivity / false_alarm * prevalence / (1 - prevalence)
    return odds / (1 + odds)


@right("worth_of_an_alarm")
def of_a_thousand(sensitivity, false_alarm, prevalence):
    ill = 1000 * prevalence
    return torch.tensor(sensitivity * ill) / (sensitivity * ill + false_alarm * (1000 - ill))


@right("equalised_odds")
def by_confusion(labels, called, groups):
    counts = torch.zeros(2, 2, 2)
    counts.index_put_((groups, labels, called), torch.ones(len(labels)), accumulate=True)
    rates = counts[..., 1] / counts.sum(-1)
    return (rates[0] - rates[1]).abs().max()


@right("called_in_each")
def by_ranks(labels, scores, groups, sensitivity):
    called = torch.zeros(len(labels), dtype=torch.int64)
    for group in (0, 1):
        rows = torch.where(groups == group)[0]
        rows = rows[scores[rows].argsort(descending=True)]
        found = labels[rows].cumsum(0) / labels[rows].sum()
        called[rows[: int((found < sensitivity).sum()) + 1]] = 1
    return called


@right("reweigh")
def by_ratios(labels, groups):
    y, g = labels.double(), groups.double()
    of_label, of_group = (
        torch.where(labels == 1, y.mean(), 1 - y.mean()),
        torch.where(groups == 1, g.mean(), 1 - g.mean()),
    )
    kind = 2 * groups + labels
    return of_label * of_group / (kind.bincount(minlength=4) / len(kind))[kind]


@right("worth_of_an_alarm")
def by_complement(sensitivity, false_alarm, prevalence):
    return 1 - false_alarm * (1 - prevalence) / (sensitivity * prevalence + false_alarm * (1 - prevalence))
