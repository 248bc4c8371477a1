"""Experiments about planted groups of patients: are they served alike?

Who is of which group is planted, so every test image can be shown as either: the same patients, as the detector of
group A gives them and as that of group B. What differs then is the group alone.
"""

import numpy as np

from ...data.groups import GROUPS, as_group, plant_groups
from ...data.subsets import labelled
from ...metrics.groups import group_thresholds
from ...models import build
from ...training import default_recipe, fit
from ..cases import PerCase, log_odds
from ..evidence import between

# name of a training: what is planted. The share of cases that are of group B, and of its findings that are recorded as
# normal.
PLANTED = {
    "group B a tenth": {"share": 0.1},
    "group B half": {"share": 0.5},
    "group B under-diagnosed": {"share": 0.3, "missed": 0.4},
}
MISSED = "group B under-diagnosed"
OWN = f"{MISSED}, own threshold"
WANTED = 0.95  # sensitivity as recorded, where each group has its own threshold
IMAGES = 0.5  # share of the training images


def groups_served(data, seeds, train):
    """Group A minus group B, on the same test images shown as either, by their true labels.

    Yields contrasts of the AUC for everything that is planted; and where group B is under-diagnosed of sensitivity and
    false alarms, as trained and with a threshold for each group.
    """
    for name, dataset in data.items():
        found = [train(None, dataset, seed, measure=each_group) for seed in seeds]
        rows = [(row, "AUC") for row in PLANTED]
        rows += [(row, what) for row in (MISSED, OWN) for what in ("sensitivity", "false alarms")]
        for row, what in rows:
            arms = ((f"group {group}", found, f"{row}: {what}, {group}") for group in GROUPS)
            yield between(row, what, *arms, dataset=name, trained=row, measure=what)


def each_group(recipe, dataset):
    """{"group B a tenth: AUC, A": …, …}: what each training makes of the test images, shown as of either group."""
    found = {}
    for name, what in PLANTED.items():
        planted = plant_groups(labelled(dataset, IMAGES, recipe.seed), seed=recipe.seed, **what)
        run = _fitted(planted.dataset, recipe)
        found |= _aucs(name, run, dataset.test)
        if "missed" in what:
            val = planted.dataset.val
            limits = group_thresholds(
                val.labels, run.predict(val.images)[:, 1], planted.groups["val"], WANTED, names=GROUPS
            )
            found |= _answers(name, run, dataset.test, dict.fromkeys(GROUPS, 0.5))
            found |= _answers(OWN, run, dataset.test, limits)
    return found


def _fitted(dataset, recipe):
    its = default_recipe(dataset.card, epochs=recipe.epochs, seed=recipe.seed, shift_at_test=0, optimiser="adamw")
    return fit(build("cnn", dataset, seed=recipe.seed), dataset, its, progress=False)


def _aucs(name, run, cases):
    labels = np.asarray(cases.labels)
    return {
        f"{name}: AUC, {group}": PerCase.of("AUC", log_odds(run.predict(as_group(cases.images, group))), labels)
        for group in GROUPS
    }


def _answers(name, run, cases, limits):
    """Sensitivity and false alarms: of each positive, and of each negative, whether it is called positive."""
    labels, found = np.asarray(cases.labels), {}
    for group in GROUPS:
        called = np.asarray(run.predict(as_group(cases.images, group)))[:, 1] > limits[group]
        for what, label in (("sensitivity", 1), ("false alarms", 0)):
            found[f"{name}: {what}, {group}"] = PerCase.of("mean", called[labels == label])
    return found
