"""Exercises of lesson 13, fairness, ethics and law."""

import math

import torch

from ....metrics.groups import precision_at
from ...check import Exercise, Mistake


def rates(labels, called, own):
    """(sensitivity, false alarms) of the cases that `own` marks."""
    return tuple(called[own & (labels == label)].double().mean() for label in (1, 0))


def equalised_odds(labels, called, groups):
    """The larger of the gaps in sensitivity and in false alarms between group 0 and group 1.

    labels, called, groups  0 or 1, (N,) -> a number from 0 to 1
    """
    first, second = (rates(labels, called, groups == group) for group in (0, 1))
    return max(abs(one - other) for one, other in zip(first, second))


def called_in_each(labels, scores, groups, sensitivity):
    """Who is called positive where each group has the highest threshold that finds at least this share of its ill.

    (N,) -> (N,) of True and False
    """
    called = torch.zeros(len(labels), dtype=torch.bool)
    for group in groups.unique():
        own = groups == group
        ill = scores[own & (labels == 1)].sort(descending=True).values
        last = ill[math.ceil(sensitivity * len(ill)) - 1]
        called |= own & (scores >= last)
    return called


def reweigh(labels, groups):
    """What each case must weigh so that label and group have nothing to do with each other: P(g) P(y) / P(g, y).

    (N,) -> (N,)
    """
    weights = torch.zeros(len(labels), dtype=torch.float64)
    for g in (0, 1):
        for y in (0, 1):
            kind = (groups == g) & (labels == y)
            weights[kind] = (groups == g).double().mean() * (labels == y).double().mean() / kind.double().mean()
    return weights


def worth_of_an_alarm(sensitivity, false_alarm, prevalence):
    """The precision that follows from the error rates and the prevalence."""
    true, false = sensitivity * prevalence, false_alarm * (1 - prevalence)
    return true / (true + false)


def _cases(generator, n=60):
    """Labels, groups of unequal size, and scores: at least five cases of every kind, no two scores alike."""
    kinds = torch.tensor([(0, 0), (0, 1), (1, 0), (1, 1)]).repeat(5, 1)
    rest = torch.tensor(
        [(generator.random() < 0.3, generator.random() < 0.6) for _ in range(n - len(kinds))], dtype=torch.int64
    )
    both = torch.cat([kinds, rest])[torch.from_numpy(generator.permutation(n))]
    groups, labels = both.T
    scores = torch.from_numpy(generator.permutation(n) + generator.random(n) / 2)
    scores = (scores + 12 * labels - 9 * groups).argsort().argsort() / (n + 1.0)
    return labels.clone(), groups.clone(), scores


def _answers(generator):
    """Labels, answers and groups; now the sensitivity is further apart, now the false alarms."""
    labels, groups, _ = _cases(generator)
    chance = {(0, 1): 0.9, (0, 0): 0.3, (1, 1): 0.4, (1, 0): 0.2}
    if generator.random() < 0.5:
        chance = {(0, 1): 0.8, (0, 0): 0.1, (1, 1): 0.7, (1, 0): 0.7}
    called = torch.tensor(
        [int(generator.random() < chance[int(g), int(y)]) for g, y in zip(groups, labels)], dtype=torch.int64
    )
    called[:4], groups[:4], labels[:4] = (
        torch.tensor([1, 0, 1, 0]),
        torch.tensor([0, 0, 1, 1]),
        torch.tensor([1, 1, 0, 0]),
    )
    return labels, called, groups


def _ranked(generator):
    labels, groups, scores = _cases(generator)
    return labels, scores, groups, round(float(generator.uniform(0.71, 0.93)), 2) + 0.0037


def _labels_and_groups(generator):
    labels, groups, _ = _cases(generator)
    return labels, groups


def _three_rates(generator):
    return (
        round(float(generator.uniform(0.7, 0.95)), 3),
        round(float(generator.uniform(0.05, 0.4)), 3),
        round(float(generator.uniform(0.05, 0.4)), 3),
    )


def _gaps(labels, called, groups):
    first, second = (rates(labels, called, groups == group) for group in (0, 1))
    return [abs(one - other) for one, other in zip(first, second)]


def _of_called(labels, called, groups):
    first, second = (called[groups == group].double().mean() for group in (0, 1))
    return abs(first - second)


def _of_precision(labels, called, groups):
    first, second = (labels[(groups == group) & (called == 1)].double().mean() for group in (0, 1))
    return abs(first - second)


def _of_accuracy(labels, called, groups):
    right = (labels == called).double()
    return abs(right[groups == 0].mean() - right[groups == 1].mean())


def _signed(labels, called, groups):
    first, second = (rates(labels, called, groups == group) for group in (0, 1))
    return max((one - other for one, other in zip(first, second)), key=abs)


def _one_for_all(labels, scores, groups, sensitivity):
    return called_in_each(labels, scores, torch.zeros_like(groups), sensitivity)


def _by_share(labels, scores, groups, sensitivity):
    """That share of all cases of the group is called, not of its ill."""
    return called_in_each(torch.ones_like(labels), scores, groups, sensitivity)


def _by_the_healthy(labels, scores, groups, sensitivity):
    """That share of the healthy lies below."""
    called = torch.zeros(len(labels), dtype=torch.bool)
    for group in groups.unique():
        own = groups == group
        called |= own & (scores > scores[own & (labels == 0)].quantile(sensitivity))
    return called


def _one_too_few(labels, scores, groups, sensitivity):
    called = torch.zeros(len(labels), dtype=torch.bool)
    for group in groups.unique():
        own = groups == group
        ill = scores[own & (labels == 1)].sort(descending=True).values
        called |= own & (scores > ill[math.ceil(sensitivity * len(ill) - 1e-6) - 1])
    return called


def _all_found(labels, scores, groups, sensitivity):
    return called_in_each(labels, scores, groups, 1.0)


def _the_ill_alone(labels, scores, groups, sensitivity):
    return called_in_each(labels, scores, groups, sensitivity) & (labels == 1)


def _by_kind(labels, groups, of):
    weights = torch.zeros(len(labels), dtype=torch.float64)
    for g in (0, 1):
        for y in (0, 1):
            kind = (groups == g) & (labels == y)
            shares = (groups == g).double().mean(), (labels == y).double().mean(), kind.double().mean()
            weights[kind] = of(*shares)
    return weights


EXERCISES = [
    Exercise(
        "equalised_odds",
        equalised_odds,
        _answers,
        (
            Mistake(
                "demographic parity",
                _of_called,
                "this compares how many are called positive, whatever their labels: demographic parity. Equalised odds"
                " looks at the ill and at the healthy, each for themselves.",
            ),
            Mistake(
                "sensitivity alone",
                lambda *case: _gaps(*case)[0],
                "this is the gap in sensitivity alone: equal opportunity. False alarms belong to it, too.",
            ),
            Mistake(
                "false alarms alone",
                lambda *case: _gaps(*case)[1],
                "this is the gap in false alarms alone. What of the ill who are missed?",
            ),
            Mistake("sum", lambda *case: sum(_gaps(*case)), "you add the two gaps up. Asked for is the larger one."),
            Mistake(
                "mean", lambda *case: sum(_gaps(*case)) / 2, "you average the two gaps. Asked for is the larger one."
            ),
            Mistake(
                "precision",
                _of_precision,
                "this divides by those who are called positive: it is the gap in precision. Divide by those who are"
                " ill, and by those who are not.",
            ),
            Mistake(
                "accuracy",
                _of_accuracy,
                "this is the gap in accuracy, in which a missed case and a false alarm can cancel.",
            ),
            Mistake(
                "signed", _signed, "this has a sign: a gap is a size. Which group is worse off is another question."
            ),
            Mistake(
                "smaller of the two",
                lambda *case: min(_gaps(*case)),
                "this is the smaller gap. Odds are equal only where both are small: take the larger one.",
            ),
        ),
        trials=12,
    ),
    Exercise(
        "called_in_each",
        called_in_each,
        _ranked,
        (
            Mistake(
                "one threshold for all",
                _one_for_all,
                "this is one threshold for all: it finds the share of all ill together. Look at each group for itself.",
            ),
            Mistake(
                "share of all cases",
                _by_share,
                "you call that share of all cases of a group. Sensitivity counts among the ill of the group alone.",
            ),
            Mistake(
                "specificity",
                _by_the_healthy,
                "you look at the scores of the healthy: that fixes the specificity. Look at those of the ill.",
            ),
            Mistake(
                "one too few",
                _one_too_few,
                "one of the ill is missing in each group: the case that just reaches the share must be called, too.",
            ),
            Mistake(
                "everybody ill",
                _all_found,
                "you find all of the ill. Asked for is the *highest* threshold that finds at least the share: each"
                " lower one costs false alarms.",
            ),
            Mistake(
                "the ill alone",
                _the_ill_alone,
                "you call none of the healthy. Who is ill is known when the threshold is chosen, not when it is used:"
                " whoever lies above it is called.",
            ),
        ),
        trials=8,
    ),
    Exercise(
        "reweigh",
        reweigh,
        _labels_and_groups,
        (
            Mistake(
                "turned over",
                lambda labels, groups: 1 / reweigh(labels, groups),
                "this is turned over: a kind of case that is rarer than it would be by chance has to weigh more, not"
                " less.",
            ),
            Mistake(
                "every kind the same",
                lambda labels, groups: _by_kind(labels, groups, lambda g, y, both: 1 / (4 * both)),
                "all four kinds weigh the same now. Label and group are independent then, but the groups have lost"
                " their sizes and the labels their shares, which nobody asked for.",
            ),
            Mistake(
                "classes balanced",
                lambda labels, groups: _by_kind(labels, groups, lambda g, y, both: 1 / (2 * y)),
                "this balances the labels and knows nothing of groups.",
            ),
            Mistake(
                "groups balanced",
                lambda labels, groups: _by_kind(labels, groups, lambda g, y, both: 1 / (2 * g)),
                "this balances the groups, and leaves in each the share of labels that it had.",
            ),
            Mistake(
                "P(y) left out",
                lambda labels, groups: _by_kind(labels, groups, lambda g, y, both: g / both),
                "the share of the label, P(y), is missing.",
            ),
            Mistake(
                "P(g) left out",
                lambda labels, groups: _by_kind(labels, groups, lambda g, y, both: y / both),
                "the share of the group, P(g), is missing: a small group now weighs as much as a large one.",
            ),
            Mistake(
                "sum of 1",
                lambda labels, groups: reweigh(labels, groups) / reweigh(labels, groups).sum(),
                "your weights add up to 1. In proportion they are right; asked for are such as add up to the number of"
                " cases.",
            ),
        ),
    ),
    Exercise(
        "worth_of_an_alarm",
        worth_of_an_alarm,
        _three_rates,
        (
            Mistake(
                "without the prevalence",
                lambda sensitivity, alarm, prevalence: sensitivity / (sensitivity + alarm),
                "the prevalence is missing: this holds where half of all are ill.",
            ),
            Mistake(
                "specificity for false alarms",
                lambda sensitivity, alarm, prevalence: precision_at(sensitivity, 1 - alarm, prevalence),
                "the second number is the share of the healthy that is alarmed, not the share that is left alone.",
            ),
            Mistake(
                "odds",
                lambda sensitivity, alarm, prevalence: sensitivity / alarm * prevalence / (1 - prevalence),
                "these are the odds. A probability is odds / (1 + odds).",
            ),
            Mistake(
                "true alarms of all",
                lambda sensitivity, alarm, prevalence: sensitivity * prevalence,
                "this is the share of *all* who are ill and called. Divide by all who are called.",
            ),
            Mistake(
                "of those left alone",
                lambda sensitivity, alarm, prevalence: precision_at(1 - alarm, 1 - sensitivity, 1 - prevalence),
                "this is the share of the healthy among those who are not called. Asked for are the alarms.",
            ),
        ),
    ),
]
