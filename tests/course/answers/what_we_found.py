"""Right answers of lesson 16."""

import math

import numpy as np

from . import right


@right("work_saved")
def by_counting(relevant, recall):
    wanted, found = recall * sum(bool(each) for each in relevant), 0
    for screened, each in enumerate(relevant, 1):
        found += bool(each)
        if found >= wanted:
            return (1 - screened / len(relevant)) - (1 - recall)


@right("work_saved")
def by_places(relevant, recall):
    places = np.flatnonzero(relevant)
    return 1 - (places[math.ceil(recall * len(places)) - 1] + 1) / len(relevant) - (1 - recall)


@right("work_saved")
def by_a_sorted_search(relevant, recall):
    share = np.cumsum(relevant) / np.sum(relevant)
    return recall - (np.searchsorted(share, recall - 1e-9) + 1) / len(relevant)


@right("judged")
def by_two_signs(low, high, margin, learned):
    above, below = (low > margin, low > -margin), (high < margin, high < -margin)
    if not learned:
        return 4
    return 0 if above[0] else 1 if below[1] else 2 if above[1] and below[0] else 3


@right("judged")
def by_a_table(low, high, margin, learned):
    answers = {4: not learned, 0: low > margin, 1: high < -margin, 2: max(-low, high) < margin}
    return next((answer for answer, holds in answers.items() if holds), 3)


@right("judged")
def by_the_nearer_and_the_further_end(low, high, margin, learned):
    near, far = sorted([abs(low), abs(high)])
    if not learned:
        return 4
    if low * high > 0 and near > margin:
        return 0 if low > 0 else 1
    return 2 if far < margin else 3


@right("holm")
def by_a_loop(p_values):
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, (len(p_values) - place) * float(p_values[i]))
        corrected[i] = min(1.0, highest)
    return corrected


@right("holm")
def by_ranks(p_values):
    p_values = np.asarray(p_values)
    order = p_values.argsort()
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    steps[steps > 1] = 1
    return steps[order.argsort()]


@right("holm")
def by_definition(p_values):
    """The largest of the corrected values of all that are not larger."""
    p_values = np.asarray(p_values)
    return [min(1.0, max((p_values >= other).sum() * other for other in p_values[p_values <= p])) for p in p_values]
