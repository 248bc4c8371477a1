"""Exercises of lesson 16, what the review names, what we asked, what we found."""

import torch

from ...check import Exercise, Mistake

SUPPORTED, CONTRADICTED, NO_DIFFERENCE, INCONCLUSIVE = range(4)


def answers_of(low, high, margin):
    """Answers to claims of a difference above the margin, as places in `ANSWERS`.

    low, high (N,), the ends of 95 % intervals; margin > 0 -> (N,)
    """
    answers = torch.full(low.shape, INCONCLUSIVE)
    answers[low > margin] = SUPPORTED
    answers[high < -margin] = CONTRADICTED
    answers[(low > -margin) & (high < margin)] = NO_DIFFERENCE
    return answers


def kappa(first, second):
    """Cohen's kappa of two screeners. Their decisions, bool (N,) -> a number."""
    first, second = first.double(), second.double()
    agreed = (first == second).double().mean()
    chance = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return (agreed - chance) / (1 - chance)


def holm(p):
    """p values (N,) corrected for their number, in the order given (Holm 1979)."""
    order = p.argsort()
    times = torch.arange(len(p), 0, -1, dtype=p.dtype)
    stepped = (p[order] * times).cummax(0).values.clamp(max=1)
    corrected = torch.empty_like(p)
    corrected[order] = stepped
    return corrected


def _intervals(generator):
    """Of every answer some, and intervals whose middle lies elsewhere than their ends."""
    margin = float(generator.uniform(0.01, 0.05))
    middles = [(1.3, 2.0), (2.5, 4.0), (-2.0, -1.3), (-4.0, -2.5), (-0.5, 0.4), (0.2, 0.9), (-0.9, -0.2)]
    middles += [(0.5, 1.5), (-1.5, -0.5), (-2.0, 2.0), (-1.4, 0.3), (-0.2, 1.6), (0.1, 2.4), (-2.4, -0.1)]
    ends = torch.tensor(generator.permutation(middles) * generator.uniform(0.98, 1.02)) * margin
    return ends[:, 0], ends[:, 1], margin


def _decisions(generator):
    """Two screeners who include few, and not as many as each other."""
    while True:
        relevant = generator.random(int(generator.integers(40, 80))) < 0.2
        first = relevant ^ (generator.random(len(relevant)) < 0.08)
        second = (relevant ^ (generator.random(len(relevant)) < 0.05)) | (generator.random(len(relevant)) < 0.12)
        given = torch.tensor(first), torch.tensor(second)
        if 2 < first.sum() < len(first) - 2 and abs(int(first.sum()) - int(second.sum())) > 2:
            return given


def _p_values(generator):
    """Small and large ones, of which two nearly alike: their order changes what they are multiplied by."""
    one = generator.uniform(0.012, 0.02)
    p = [0.0004, 0.003, one, one * 1.05, *generator.uniform(0.05, 0.3, 2), *generator.uniform(0.4, 0.9, 2)]
    return (torch.tensor(generator.permutation(p)),)


def _by_the_middle(low, high, margin):
    middle = (low + high) / 2
    answers = torch.full(low.shape, NO_DIFFERENCE)
    answers[middle > margin] = SUPPORTED
    answers[middle < -margin] = CONTRADICTED
    return answers


def _against_zero(low, high, margin):
    answers = torch.full(low.shape, INCONCLUSIVE)
    answers[low > 0] = SUPPORTED
    answers[high < 0] = CONTRADICTED
    return answers


def _not_significant_is_none(low, high, margin):
    answers = torch.full(low.shape, NO_DIFFERENCE)
    answers[low > margin] = SUPPORTED
    answers[high < -margin] = CONTRADICTED
    return answers


def _either_side_supports(low, high, margin):
    answers = answers_of(low, high, margin)
    answers[answers == CONTRADICTED] = SUPPORTED
    return answers


def _holds_zero(low, high, margin):
    answers = answers_of(low, high, margin)
    answers[(low < 0) & (high > 0)] = NO_DIFFERENCE
    return answers


def _agreement(first, second):
    return (first == second).double().mean()


def _chance_of_both_including(first, second):
    first, second = first.double(), second.double()
    chance = first.mean() * second.mean()
    return ((first == second).double().mean() - chance) / (1 - chance)


def _chance_of_a_coin(first, second):
    return 2 * (first == second).double().mean() - 1


def _not_divided(first, second):
    first, second = first.double(), second.double()
    chance = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return (first == second).double().mean() - chance


def _correlation(first, second):
    return torch.corrcoef(torch.stack([first.double(), second.double()]))[0, 1]


def _scott(first, second):
    both = torch.cat([first, second]).double().mean()
    chance = both**2 + (1 - both) ** 2
    return ((first == second).double().mean() - chance) / (1 - chance)


def _stepped(p, times, running=True, capped=True):
    order = p.argsort()
    found = p[order] * times
    found = found.cummax(0).values if running else found
    corrected = torch.empty_like(p)
    corrected[order] = found.clamp(max=1) if capped else found
    return corrected


def _falling(p):
    return torch.arange(len(p), 0, -1, dtype=p.dtype)


def _false_discovery(p):
    order, n = p.argsort(), len(p)
    found = (p[order] * n / torch.arange(1, n + 1, dtype=p.dtype)).flip(0).cummin(0).values.flip(0)
    corrected = torch.empty_like(p)
    corrected[order] = found.clamp(max=1)
    return corrected


EXERCISES = [
    Exercise(
        "answers_of",
        answers_of,
        _intervals,
        (
            Mistake(
                "by the middle",
                _by_the_middle,
                "you look at the middle of the interval. The whole of it must lie beyond the margin.",
            ),
            Mistake(
                "against zero",
                _against_zero,
                "you compare with zero. A difference above zero may still be too small to count: where is the margin?",
            ),
            Mistake(
                "what is not shown is absent",
                _not_significant_is_none,
                "you call everything else 'no difference'. An interval that reaches from one side of the margin to the"
                " other tells nothing.",
            ),
            Mistake(
                "either side supports",
                _either_side_supports,
                "an interval below minus the margin speaks against the claim.",
            ),
            Mistake(
                "no difference where zero is inside",
                _holds_zero,
                "an interval that holds zero may hold large differences, too. Is all of it within the margin?",
            ),
        ),
    ),
    Exercise(
        "kappa",
        kappa,
        _decisions,
        (
            Mistake("raw agreement", _agreement, "that is how often they agree. How often would chance alone agree?"),
            Mistake(
                "chance includes only",
                _chance_of_both_including,
                "two screeners also agree by chance where both leave a record out: that is the larger part.",
            ),
            Mistake(
                "a coin",
                _chance_of_a_coin,
                "your chance is one half. These screeners include few records, so chance agrees far more often.",
            ),
            Mistake("not divided", _not_divided, "divide by the most that is left to reach beyond chance."),
            Mistake(
                "correlation", _correlation, "that is Pearson's correlation, which is near kappa and not the same."
            ),
            Mistake(
                "one share for both",
                _scott,
                "you let chance include as often for both (that is Scott's pi). Each screener has a share of their own.",
            ),
        ),
    ),
    Exercise(
        "holm",
        holm,
        _p_values,
        (
            Mistake(
                "Bonferroni",
                lambda p: (p * len(p)).clamp(max=1),
                "you multiply all by their number: that is Bonferroni's method. Holm's multiplies the second smallest"
                " by one less, and so on.",
            ),
            Mistake(
                "no running maximum",
                lambda p: _stepped(p, _falling(p), running=False),
                "a larger p value must not end up below a smaller one: take the running maximum.",
            ),
            Mistake(
                "above one",
                lambda p: _stepped(p, _falling(p), capped=False),
                "some of your values are above 1, which no probability is.",
            ),
            Mistake(
                "false discovery rate",
                _false_discovery,
                "that is the method of Benjamini and Hochberg, which holds down the share of false finds, not the chance"
                " of any.",
            ),
            Mistake(
                "sorted",
                lambda p: (p.sort().values * _falling(p)).cummax(0).values.clamp(max=1),
                "your values are sorted. Give them back in the order of the claims.",
            ),
            Mistake(
                "the wrong way round",
                lambda p: _stepped(p, _falling(p).flip(0)),
                "you multiply the smallest by 1 and the largest by their number. It is the other way round.",
            ),
            Mistake(
                "by places not ranks",
                lambda p: (p * _falling(p)).clamp(max=1),
                "you multiply by the place in the list. It is the rank among the values that counts.",
            ),
        ),
    ),
]
