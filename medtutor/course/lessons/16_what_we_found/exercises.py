"""Exercises of lesson 16, what the review names, what we asked, what we found."""

import numpy as np

from ...check import Exercise, Mistake


def work_saved(relevant, recall):
    """Work saved over sampling: the share of records that need not be screened, less what chance would save.

    relevant  bool of each record, in the order of screening (N,)
    recall    the share of the relevant ones that must be found
    """
    found = np.cumsum(relevant)
    screened = np.argmax(found >= recall * found[-1]) + 1
    return recall - screened / len(found)


def _order(generator):
    """Sometimes the share asked for is a whole number of records, sometimes it lies between two."""
    relevant = np.sort(generator.random(60))[::-1]
    relevant = generator.random(60) < 0.6 * relevant
    recall = float(generator.choice([0.5, 0.75]))
    short = (4 - relevant.sum() % 4) % 4 if generator.random() < 0.5 else 1
    relevant[np.flatnonzero(~relevant)[:short]] = True
    if generator.random() < 0.5:  # the very last record may count, too
        relevant[[-1, np.flatnonzero(relevant)[-1]]] = relevant[[np.flatnonzero(relevant)[-1], -1]]
    return relevant, recall if generator.random() < 0.7 else 1.0


def _not_less_chance(relevant, recall):
    return work_saved(relevant, recall) + 1 - recall


def _the_work_itself(relevant, recall):
    return recall - work_saved(relevant, recall)


def _counted_from_zero(relevant, recall):
    return work_saved(relevant, recall) + 1 / len(relevant)


def _of_all_records(relevant, recall):
    """The share of all records, not of the relevant ones."""
    return recall - np.ceil(recall * len(relevant)) / len(relevant)


def _one_more(relevant, recall):
    """Screens on until more than the share is found."""
    found = np.cumsum(relevant)
    return recall - (np.argmax(found > recall * found[-1]) + 1) / len(found)


def judged(low, high, margin, learned):
    """The place of the answer in `ANSWERS`, where a difference above the margin is claimed.

    low, high  95 % interval of the difference
    margin     above 0; an interval that only touches it is not beyond it
    learned    whether both arms have learned their task
    """
    if not learned:
        return 4
    if low > margin:
        return 0
    if high < -margin:
        return 1
    return 2 if -margin < low and high < margin else 3


def _interval(generator):
    """Every way in which an interval can lie to the margin and its mirror image, touching them, too."""
    margin = float(generator.uniform(0.01, 0.1))
    places = {
        "beyond": (1.2, 2.5),
        "below": (-2.5, -1.3),
        "within": (-0.6, 0.5),
        "within, above zero": (0.2, 0.7),
        "within, below zero": (-0.7, -0.2),
        "wide": (-1.8, 1.6),
        "above zero, not above the margin": (0.4, 1.9),
        "below zero, not below the margin": (-1.9, -0.4),
        "over zero and the margin": (-0.5, 3.0),
        "over zero and below": (-3.0, 0.5),
        "touches from above": (1.0, 2.0),
        "touches from below": (-2.0, -1.0),
        "within, touches above": (-0.3, 1.0),
        "within, touches below": (-1.0, 0.3),
    }
    low, high = generator.choice(list(places.values()))
    return float(low) * margin, float(high) * margin, margin, bool(generator.random() < 0.85)


def _against_zero(low, high, margin, learned):
    return judged(low, high, 0.0, learned)


def _by_the_middle(low, high, margin, learned):
    middle = (low + high) / 2
    return judged(middle, middle, margin, learned)


def _none_where_zero_lies_within(low, high, margin, learned):
    found = judged(low, high, margin, learned)
    return 2 if found == 3 and low <= 0 <= high else found


def _without_the_gate(low, high, margin, learned):
    return judged(low, high, margin, True)


def _nothing_contradicts(low, high, margin, learned):
    found = judged(low, high, margin, learned)
    return 3 if found == 1 else found


def holm(p_values):
    """p values corrected for their number by Holm's method, in the order given: (N,) -> (N,)"""
    order = np.argsort(p_values)
    steps = np.arange(len(p_values), 0, -1) * p_values[order]
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(steps).clip(None, 1)
    return corrected


def _several(generator):
    """Small ones, two that lie close together, and large ones, in no order."""
    small = generator.uniform(0.001, 0.02, size=3)
    p_values = np.concatenate([small, [small.max() * 1.05], generator.uniform(0.3, 0.9, size=3)])
    return (generator.permutation(p_values),)


def _bonferroni(p_values):
    return np.minimum(1, len(p_values) * p_values)


def _never_falling_forgotten(p_values):
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1, np.arange(len(p_values), 0, -1) * p_values[order])
    return corrected


def _from_the_wrong_end(p_values):
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(np.arange(1, len(p_values) + 1) * p_values[order]).clip(None, 1)
    return corrected


def _left_in_order_of_size(p_values):
    return np.sort(holm(p_values))


def _above_one(p_values):
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(np.arange(len(p_values), 0, -1) * p_values[order])
    return corrected


def _false_discoveries(p_values):
    """Benjamini and Hochberg's method."""
    order, n = np.argsort(p_values), len(p_values)
    steps = p_values[order] * n / np.arange(1, n + 1)
    corrected = np.empty(n)
    corrected[order] = np.minimum.accumulate(steps[::-1])[::-1].clip(None, 1)
    return corrected


EXERCISES = [
    Exercise(
        "work_saved",
        work_saved,
        _order,
        (
            Mistake(
                "not less chance",
                _not_less_chance,
                "whoever stops after half of the records in no order has saved half of the work, and finds about half"
                " of what is relevant. What must be taken off for the recall that you give up?",
            ),
            Mistake(
                "the work itself",
                _the_work_itself,
                "that is the share of records that were screened. Wanted is what was saved.",
            ),
            Mistake(
                "counted from zero",
                _counted_from_zero,
                "when the first record of all is the last that you need, how many have you screened?",
            ),
            Mistake(
                "recall of all records",
                _of_all_records,
                "your number does not depend on where the relevant records stand. Recall is a share of which records?",
            ),
            Mistake("one too many", _one_more, "you screen on after the share is reached. Is it enough to reach it?"),
        ),
        trials=16,
    ),
    Exercise(
        "judged",
        judged,
        _interval,
        (
            Mistake(
                "against zero",
                _against_zero,
                "you compare with zero. A difference may be real and too small to count. Where is the margin?",
            ),
            Mistake("by the middle", _by_the_middle, "you look at the middle of the interval. What of the rest of it?"),
            Mistake(
                "no difference where zero lies within",
                _none_where_zero_lies_within,
                "that zero lies in a wide interval does not show that there is no difference. Which values would all"
                " have to be excluded?",
            ),
            Mistake(
                "networks that learned nothing",
                _without_the_gate,
                "what does a comparison test in which an arm has not learned its task?",
            ),
            Mistake(
                "nothing contradicts",
                _nothing_contradicts,
                "an interval may lie wholly on the other side of the margin. Which answer is that?",
            ),
        ),
        trials=80,
    ),
    Exercise(
        "holm",
        holm,
        _several,
        (
            Mistake(
                "Bonferroni",
                _bonferroni,
                "each p value times their number is Bonferroni's method, which is never better. By how many does Holm"
                " multiply the second smallest?",
            ),
            Mistake(
                "falling",
                _never_falling_forgotten,
                "after the correction a larger p value became smaller than a smaller one. What must hold of the order?",
            ),
            Mistake(
                "from the wrong end",
                _from_the_wrong_end,
                "which p value is multiplied by their number, the smallest or the largest?",
            ),
            Mistake(
                "in order of size",
                _left_in_order_of_size,
                "the values seem right, and stand in another order than the p values that you were given.",
            ),
            Mistake("above one", _above_one, "some of yours are above 1. What can a p value be at most?"),
            Mistake(
                "false discoveries",
                _false_discoveries,
                "that is Benjamini and Hochberg's method. It bounds the share of false ones among the discoveries; Holm"
                " bounds the chance of even one.",
            ),
        ),
    ),
]
