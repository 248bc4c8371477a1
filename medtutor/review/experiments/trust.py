"""Experiments about promises: whether what was calibrated on one part of a collection holds on another."""

import numpy as np
import torch

from ...metrics.calibration import at_temperature, fit_temperature
from ...metrics.conformal import SplitConformal
from ...models import build
from ...training import default_recipe, fit
from ...training.uncertainty import AS_IT_IS, dropout_passes, with_dropout
from ..cases import PerCase
from ..evidence import between

COVERAGE = 0.9  # asked of the sets
PASSES = 10  # with dropout
MEMBERS = 3  # networks of an ensemble, the first of them the one that is looked at
VAL, OTHER = "calibrated on val", "calibrated on the other half of test"


def calibrated_here_and_there(data, seeds, train):
    """One network, calibrated on val, and on a random half of test for the other half, measured on all of test.

    Yields contrasts of the coverage of conformal sets, of all cases and of each class, and of how much the mean
    confidence lies above the accuracy: with each temperature, with dropout left on, and of an ensemble.
    """
    for name, dataset in data.items():
        found = [train(None, dataset, seed, measure=promises) for seed in seeds]

        def arm(title, key, found=found):
            return title, found, key

        first, second = arm(OTHER, "covered other"), arm(VAL, "covered val")
        yield between(name, "coverage", first, second, score="coverage")
        for number, label in enumerate(dataset.card.classes):
            for how in ("", " by class"):
                first = arm(f"{label}, {OTHER}{how}", f"covered other{how} {number}")
                second = arm(f"{label}, {VAL}{how}", f"covered val{how} {number}")
                yield between(name, f"coverage of {label}{how}", first, second, score="coverage", label=label)
        plain, mended = arm("as trained", "over plain"), arm(f"temperature {VAL}", "over val")
        other = arm(f"temperature {OTHER}", "over other")
        yield between(name, "overconfidence, temperatures", mended, other, score="overconfidence")
        yield between(name, "overconfidence, temperature of val", plain, mended, score="overconfidence")
        of_dropout, of_several = arm("MC dropout", "over dropout"), arm("ensemble", "over ensemble")
        yield between(name, "overconfidence, MC dropout", plain, of_dropout, score="overconfidence")
        yield between(name, "overconfidence, ensemble", plain, of_several, score="overconfidence")


def promises(recipe, dataset):
    """What `calibrated_here_and_there` compares, of one seed: {"covered val": `PerCase`, …}, all on test."""
    runs = [_trained(dataset, recipe.epochs, MEMBERS * recipe.seed + member) for member in range(MEMBERS)]
    val, test = (runs[0].predictions[split].double().numpy() for split in ("val", "test"))
    of_val, truth = (getattr(dataset, split).labels.numpy() for split in ("val", "test"))
    half = np.random.default_rng(recipe.seed).permutation(len(truth)) % 2 == 0
    found = {}
    for how, by_class in (("", False), (" by class", True)):
        covered = {
            "val": _covered(SplitConformal.fit(val, of_val, COVERAGE, by_class).sets(test), truth),
            "other": _of_halves(
                half,
                lambda here, there, by_class=by_class: _covered(
                    SplitConformal.fit(test[there], truth[there], COVERAGE, by_class).sets(test[here]), truth[here]
                ),
            ),
        }
        for where, values in covered.items():
            found[f"covered {where}{how}"] = PerCase.of("mean", values)
            for number in range(len(dataset.card.classes)):
                found[f"covered {where}{how} {number}"] = PerCase.of("mean", values[truth == number])
    logits, of_logits = np.log(test.clip(1e-12)), np.log(val.clip(1e-12))
    other = _of_halves(
        half, lambda here, there: at_temperature(logits[here], fit_temperature(logits[there], truth[there]))
    )
    said = {
        "plain": test,
        "val": at_temperature(logits, fit_temperature(of_logits, of_val)),
        "other": other,
        "dropout": dropout_passes(runs[0], dataset.test.images, PASSES, recipe.seed).mean(0).double().numpy(),
        "ensemble": torch.stack([run.predictions["test"] for run in runs]).mean(0).double().numpy(),
    }
    for name, probabilities in said.items():
        over = probabilities.max(axis=1) - (probabilities.argmax(axis=1) == truth)
        found[f"over {name}"] = PerCase.of("mean", over)
    return found


def _trained(dataset, epochs, seed):
    network = with_dropout(build("cnn", dataset, seed=seed, widths=(16, 32, 64)))
    recipe = default_recipe(dataset.card, "cnn", **{**AS_IT_IS, "epochs": epochs}, seed=seed)
    return fit(network, dataset, recipe, progress=False)


def _covered(sets, truth):
    return sets[np.arange(len(truth)), truth].astype(np.float64)


def _of_halves(half, of):
    """What each half gives when calibrated on the other, in the order of the cases."""
    first, second = of(half, ~half), of(~half, half)
    whole = np.empty((len(half), *first.shape[1:]))
    whole[half], whole[~half] = first, second
    return whole
