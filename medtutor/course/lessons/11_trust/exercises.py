"""Exercises of lesson 11, trust."""

import math
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F

from ...check import Exercise, Mistake


def expected_error(confidence, right, bins):
    """The expected calibration error.

    confidence (N,), 0…1, right bool (N,), bins of one width from 0 to 1 -> a number
    """
    place = (confidence * bins).ceil().long()
    error = 0.0
    for number in place.unique():
        here = place == number
        distance = (confidence[here].mean() - right[here].double().mean()).abs()
        error += here.double().mean() * distance
    return error


def _confidences(generator):
    """Bins of very different size, over- and underconfident, and some of them empty."""
    while True:
        bins, count = int(generator.integers(5, 12)), int(generator.integers(60, 120))
        confidence = 0.5 + 0.5 * generator.beta(1.5, 0.6, count)
        share = np.clip(confidence + 0.35 * np.sin(9 * confidence), 0.02, 0.98)
        given = torch.tensor(confidence), torch.tensor(generator.random(count) < share), bins
        # No confidence where one bin ends and another begins: rounding would decide.
        if np.abs(confidence * bins - np.round(confidence * bins)).min() > 1e-3:
            values = [float(expected_error(*given)), *(float(mistake(*given)) for mistake in _MISTAKEN_ERRORS)]
            if min(abs(value - values[0]) for value in values[1:]) > 1e-3:
                return given


def _binned(confidence, right, bins):
    place = (confidence * bins).ceil().long()
    for number in place.unique():
        here = place == number
        yield int(number), here.double().mean(), confidence[here].double().mean(), right[here].double().mean()


def _all_bins_alike(confidence, right, bins):
    found = [abs(said - true) for _, _, said, true in _binned(confidence, right, bins)]
    return sum(found) / len(found)


def _divided_by_all_bins(confidence, right, bins):
    return sum(abs(said - true) for _, _, said, true in _binned(confidence, right, bins)) / bins


def _signed(confidence, right, bins):
    return sum(share * (said - true) for _, share, said, true in _binned(confidence, right, bins))


def _middle_of_the_bin(confidence, right, bins):
    return sum(share * abs((number - 0.5) / bins - true) for number, share, _, true in _binned(confidence, right, bins))


def _squared(confidence, right, bins):
    return sum(share * (said - true) ** 2 for _, share, said, true in _binned(confidence, right, bins))


def _largest(confidence, right, bins):
    return max(abs(said - true) for _, _, said, true in _binned(confidence, right, bins))


def _as_many_in_each_bin(confidence, right, bins):
    parts = confidence.argsort().tensor_split(bins)
    return sum(len(part) * (confidence[part].mean() - right[part].double().mean()).abs() for part in parts) / len(right)


_MISTAKEN_ERRORS = (
    _all_bins_alike,
    _divided_by_all_bins,
    _signed,
    _middle_of_the_bin,
    _squared,
    _largest,
    _as_many_in_each_bin,
)


def best_temperature(logits, labels, candidates):
    """The temperature, among the candidates, with the lowest cross-entropy.

    logits (N, K), labels (N,), candidates (T,), above 0 -> one of the candidates
    """
    losses = torch.stack([F.cross_entropy(logits / each, labels) for each in candidates])
    return candidates[losses.argmin()]


def _overconfident_logits(generator):
    """Logits that are too large, or too small, and candidates in no order, the best of which is clear."""
    while True:
        count, classes = 300, int(generator.integers(2, 5))
        true = torch.tensor(generator.normal(size=(count, classes)) * 1.5)
        labels = torch.multinomial(
            true.softmax(1), 1, generator=torch.Generator().manual_seed(int(generator.integers(2**31)))
        )[:, 0]
        factor = float(generator.choice([0.3, 0.35, 0.4, 2.0, 3.0]))
        candidates = torch.tensor(generator.permutation([0.2, 0.4, 0.75, 1.4, 2.2, 3.1, 4.3, 6.0]))
        given = true * factor, labels, candidates
        best = best_temperature(*given)
        others = [mistake(*given) for mistake in (*_MISTAKEN_TEMPERATURES, _rounded_down)]
        if all(abs(float(other) - float(best)) > 1e-3 for other in others):
            return given


def _multiplied(logits, labels, candidates):
    losses = torch.stack([F.cross_entropy(logits * each, labels) for each in candidates])
    return candidates[losses.argmin()]


def _softmax_twice(logits, labels, candidates):
    losses = torch.stack([F.cross_entropy((logits / each).softmax(1), labels) for each in candidates])
    return candidates[losses.argmin()]


def _rounded_down(logits, labels, candidates):
    losses = torch.stack([F.cross_entropy(logits // each, labels) for each in candidates])
    return candidates[losses.argmin()]


def _highest_loss(logits, labels, candidates):
    losses = torch.stack([F.cross_entropy(logits / each, labels) for each in candidates])
    return candidates[losses.argmax()]


def _most_accurate(logits, labels, candidates):
    right = torch.stack([((logits / each).argmax(1) == labels).double().mean() for each in candidates])
    return candidates[right.argmax()]


def _most_probable(logits, labels, candidates):
    rows = torch.arange(len(labels))
    said = torch.stack([(logits / each).softmax(1)[rows, labels].mean() for each in candidates])
    return candidates[said.argmax()]


_MISTAKEN_TEMPERATURES = (_multiplied, _softmax_twice, _highest_loss, _most_accurate, _most_probable)


def conformal_sets(probabilities, labels, new, coverage):
    """Split conformal prediction with the score 1 - probability of the true class.

    probabilities (n, K) and labels (n,) of calibration cases, new (m, K), coverage such as 0.9 -> bool (m, K): which
    classes are in the set of each new case
    """
    scores = 1 - probabilities[torch.arange(len(labels)), labels]
    rank = math.ceil((len(labels) + 1) * coverage)
    return 1 - new <= scores.sort().values[rank - 1]


def _exact(generator, count, classes):
    """Probabilities without rounding errors, so that a score may be just at the threshold."""
    return torch.tensor(generator.multinomial(4096, generator.dirichlet([0.8] * classes, count)) / 4096)


def _to_be_calibrated(generator):
    """Few calibration cases, so that the + 1 is seen, and so many new ones that some lie between any two of theirs."""
    while True:
        n, classes = int(generator.integers(19, 40)), int(generator.integers(2, 5))
        coverage = float(generator.choice([0.7, 0.75, 0.8, 0.85, 0.9]))
        calibration = _exact(generator, n, classes)
        # Among the new cases are the old ones again, one of which lies just at the threshold.
        new = torch.cat([_exact(generator, 1500, classes), calibration])
        given = calibration, torch.tensor(generator.integers(0, classes, n)), new, coverage
        if abs((n + 1) * coverage - round((n + 1) * coverage)) < 0.01:
            continue  # rounding would decide the rank
        best = conformal_sets(*given)
        sets = [best, *(mistake(*given) for mistake in _MISTAKEN_SETS)]
        if all(int((one != other).sum()) > 3 for one, other in combinations(sets, 2)):
            return given


def _true_scores(probabilities, labels):
    return 1 - probabilities[torch.arange(len(labels)), labels]


def _without_the_new_case(probabilities, labels, new, coverage):
    rank = math.ceil(len(labels) * coverage)
    return 1 - new <= _true_scores(probabilities, labels).sort().values[rank - 1]


def _next_rank(probabilities, labels, new, coverage):
    rank = math.ceil((len(labels) + 1) * coverage)
    return 1 - new <= _true_scores(probabilities, labels).sort().values[min(rank, len(labels) - 1)]


def _interpolated(probabilities, labels, new, coverage):
    return 1 - new <= torch.quantile(_true_scores(probabilities, labels), coverage)


def _other_tail(probabilities, labels, new, coverage):
    rank = max(1, math.ceil((len(labels) + 1) * (1 - coverage)))
    return 1 - new <= _true_scores(probabilities, labels).sort().values[rank - 1]


def _highest_not_true(probabilities, labels, new, coverage):
    rank = math.ceil((len(labels) + 1) * coverage)
    return 1 - new <= (1 - probabilities.max(1).values).sort().values[rank - 1]


def _threshold_on_the_probability(probabilities, labels, new, coverage):
    rank = math.ceil((len(labels) + 1) * coverage)
    return new >= _true_scores(probabilities, labels).sort().values[rank - 1]


def _coverage_as_threshold(probabilities, labels, new, coverage):
    return new >= 1 - coverage


_MISTAKEN_SETS = (
    _without_the_new_case,
    _interpolated,
    _other_tail,
    _highest_not_true,
    _threshold_on_the_probability,
    _coverage_as_threshold,
)


EXERCISES = [
    Exercise(
        "expected_error",
        expected_error,
        _confidences,
        (
            Mistake(
                "every bin counts alike",
                _all_bins_alike,
                "your bins all count the same. A bin with two cases must not weigh as much as one with fifty.",
            ),
            Mistake(
                "divided by the number of bins",
                _divided_by_all_bins,
                "you divide by the number of bins, also of the empty ones. By what share of the cases should each"
                " distance be weighed?",
            ),
            Mistake(
                "signs cancel",
                _signed,
                "you add distances with their signs, so that too sure here and too modest there cancel.",
            ),
            Mistake(
                "middle of the bin",
                _middle_of_the_bin,
                "you compare with the middle of the bin. What was *said* there is the mean of the confidences.",
            ),
            Mistake("squares", _squared, "you square the distances. ECE takes their absolute value."),
            Mistake(
                "as many cases in each bin",
                _as_many_in_each_bin,
                "your bins hold equally many cases. Here they are equally wide, from 0 to 1.",
            ),
            Mistake(
                "the worst bin",
                _largest,
                "you take the worst bin: that is the maximum calibration error. Asked for is the mean.",
            ),
        ),
    ),
    Exercise(
        "best_temperature",
        best_temperature,
        _overconfident_logits,
        (
            Mistake(
                "multiplied",
                _multiplied,
                "you multiply the logits. A temperature above 1 is to make the model *less* sure.",
            ),
            Mistake(
                "softmax twice",
                _softmax_twice,
                "you hand probabilities to the cross-entropy, which takes logits: the softmax is taken twice.",
            ),
            Mistake("the worst", _highest_loss, "you take the temperature with the highest cross-entropy."),
            Mistake(
                "by accuracy",
                _most_accurate,
                "you choose by accuracy, which no temperature changes: the order of the classes stays.",
            ),
            Mistake(
                "highest mean probability",
                _most_probable,
                "you choose by the mean probability of the true class, which rewards being sure of everything. The"
                " cross-entropy takes its logarithm.",
            ),
        ),
        trials=12,
    ),
    Exercise(
        "conformal_sets",
        conformal_sets,
        _to_be_calibrated,
        (
            Mistake(
                "without the + 1",
                _without_the_new_case,
                "your rank is of n cases. The new case is one of the pot, too: n + 1.",
            ),
            Mistake("one rank too high", _next_rank, "the smallest score has rank 1, and index 0."),
            Mistake(
                "interpolated",
                _interpolated,
                "you take a quantile between two scores. The guarantee needs one of them, at the rank rounded up.",
            ),
            Mistake(
                "the other tail",
                _other_tail,
                "your sets hold the true class in 1 - coverage of the cases. Which scores may a class have?",
            ),
            Mistake(
                "of the highest class",
                _highest_not_true,
                "your scores are of the class with the highest probability. How strange was the *true* one?",
            ),
            Mistake(
                "a score taken for a probability",
                _threshold_on_the_probability,
                "you compare probabilities with a score. A class is in where its own score, 1 - p, is small enough.",
            ),
            Mistake(
                "the coverage as threshold",
                _coverage_as_threshold,
                "you trust the probabilities and use the coverage itself as threshold. The calibration cases are there"
                " because probabilities may be wrong.",
            ),
        ),
    ),
]
