"""Whom to ask next: labels bought one batch after another, by a linear probe that learns from those that it has.

Active learning asks for the cases of which the model is least sure. Whether that is worth it is seen beside labels
bought at random, with every label counted, those of the beginning too.
"""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..checks import as_numbers, one_of, seed, whole
from ..errors import InputError
from ..metrics.classification import measure
from .small_data import PROBE

CHOICES = ("random", "unsure")


def buy_labels(
    features: ArrayLike,
    labels: ArrayLike,
    judged: ArrayLike,
    truth: ArrayLike,
    *,
    choose: str = "unsure",
    budget: int = 100,
    first: int = 10,
    batch: int = 10,
    start: int = 0,
) -> dict[int, float]:
    """{labels bought: AUC} of a linear probe that has learned from them.

    features, labels  of the cases that may be bought, (N, features) and 0 or 1 (N,); a label is read when it is bought
    judged, truth     of the cases on which the AUC is measured, val for one
    choose  "unsure": those to which the probe gives a probability nearest to one half; "random"
    budget  labels in all; first: bought at random, and as many more as it takes until both classes are among them;
            batch: bought between two trainings
    start   seed of the random ones

    Raises `InputError` for arrays that do not fit each other, for labels that are not 0 and 1, and for a budget below
    the first labels or above the cases.

    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> features = labels[:, None] + random.normal(size=(200, 2))
    >>> list(buy_labels(features, labels, features, labels, budget=30))
    [10, 20, 30]
    """
    features, labels = as_numbers("features", features), as_numbers("labels", labels)
    judged, truth = as_numbers("features", judged), as_numbers("labels", truth)
    for table, column in ((features, labels), (judged, truth)):
        if table.ndim != 2 or column.shape != (len(table),) or not set(np.unique(column)) == {0, 1}:
            raise InputError(
                f"features have shape {table.shape} and labels {column.shape}; give (N, features) and N labels of both"
                " 0 and 1"
            )
    one_of("way to choose", choose, CHOICES)
    first, batch = whole("first", first, 2), whole("batch", batch, 1)
    budget = whole("budget", budget, first, len(features))
    order = np.random.default_rng(seed(start, "start")).permutation(len(features))
    while len(np.unique(labels[order[:first]])) < 2:
        first += 1
    bought, found = order[:first], {}
    while len(bought) <= budget:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=PROBE, max_iter=500))
        probe.fit(features[bought], labels[bought])
        found[len(bought)] = measure(truth, probe.predict_proba(judged), "binary", resamples=0).auc
        left = order[~np.isin(order, bought)]  # in random order
        if choose == "unsure" and len(left):
            left = left[np.abs(probe.predict_proba(features[left])[:, 1] - 0.5).argsort(kind="stable")]
        more = min(batch, budget - len(bought))
        if not more:
            break
        bought = np.concatenate([bought, left[:more]])
    return found
