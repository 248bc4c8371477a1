"""Weights that were learned elsewhere, for networks that have few labels: in a file of its own, since the evidence of
the other claims about few labels is bound to theirs.
"""

from ...data.subsets import draw_labels
from ...models import build
from ...training.small_data import Setup, fit_small, pretrain, probe
from ..evidence import between
from .small_data import FEW, LABELS, PASSES, REPEATS, TUNING, _auc, _curve, _seed


def learned_elsewhere(data, seeds, train):
    """Convolutions that have learned from breast ultrasound, or from the X-rays without labels, against random ones.

    Yields contrasts of test AUC of fine-tuned networks and of linear probes, 5 to 100 labels a class, and a 2 x 2 of
    transfer and augmentation.
    """
    dataset, breast = data["pneumoniamnist"], data["breastmnist"]

    def fine_tuned(recipe, dataset):
        return with_weights(recipe, dataset, breast)

    found = [train(None, dataset, seed, measure=fine_tuned) for seed in seeds]
    for count in LABELS:
        for source in ("breast", "autoencoder"):
            for how in ("", " probe"):
                arms = (f"{source}{how}", f"{source}{how} {count}"), (f"random{how}", f"random{how} {count}")
                yield between(
                    f"{source} weights against random{how and ', linear probe'}",
                    f"{count} labels",
                    *((arm, found, key) for arm, key in arms),
                    labels=count,
                )
    for source in ("random", "breast", "autoencoder"):
        for how in ("", " probe"):
            keys = {count: f"{source}{how} {count}" for count in LABELS}
            yield from _curve(found, f"{source}{how}", keys, "test AUC")
    both = {
        f"{source}, {way}": f"{source}{'' if way == 'plain' else ' geometry'} {FEW}"
        for source in ("random", "breast")
        for way in ("plain", "geometry")
    }
    yield from _curve(found, "2 x 2", both, "test AUC")


def with_weights(recipe, dataset, breast):
    """Test AUC of networks that begin with weights from elsewhere: {"breast 20": …, "random probe 200": …}.

    What is learned before differs with each seed.
    """
    seed, found = recipe.seed, {}
    starts = {
        "random": build("lenet", dataset, seed=_seed(seed, 0)).eval(),
        "breast": pretrain(breast, epochs=PASSES["breast"], seed=_seed(seed, 0)),
        "autoencoder": pretrain(dataset, labels=False, epochs=PASSES["autoencoder"], seed=_seed(seed, 0)),
    }
    for count in LABELS:
        few = draw_labels(dataset, count, seed)
        for source, start in starts.items():
            how = {"start": None if source == "random" else start, "steps": TUNING}
            found[f"{source} {count}"] = _tuned(dataset, few, seed, **how)
            found[f"{source} probe {count}"] = _auc(dataset.test, [probe(start, few).scores(dataset.test.images)])
            if count == FEW and source != "autoencoder":
                found[f"{source} geometry {count}"] = _tuned(dataset, few, seed, augmentation="geometry", **how)
    return found


def _tuned(dataset, few, draw, start, **how):
    """`REPEATS` trainings on one draw of labels, from the same convolutions: their test AUC."""
    made = [fit_small(few, Setup(**how), seed=_seed(draw, number), start=start) for number in range(REPEATS)]
    return _auc(dataset.test, [each.scores(dataset.test.images) for each in made])
