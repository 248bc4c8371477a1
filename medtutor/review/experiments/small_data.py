"""Experiments about few labels: what more of them are worth, and what is tried in their place.

Five draws of the labels, one with each seed of the evidence, and two trainings on each draw: the intervals are over
draws, trainings and test images. All trainings are those of `training.small_data`, a LeNet and a second each. How many
steps, and how strong each remedy is, was chosen on val beforehand.
"""

import numpy as np

from ...data.augmentation import AUGMENTATIONS
from ...data.planting import plant_side
from ...data.subsets import NOISES, draw_labels, unshared, with_label_noise
from ...metrics.intervals import over_seeds_and_cases
from ...models import build
from ...training.small_data import Setup, fit_small, pretrain, probe
from ..cases import PerCase, log_odds, statistic_of, unpacked
from ..evidence import among, between, contrast

REPEATS = 2  # trainings on each draw of labels, with weights of their own
FEW = 100  # labels, where one number is asked about
# {labels in all: steps}; None is all that there are.
CURVE = {20: 300, 50: 300, 100: 300, 200: 300, 500: 500, 1000: 500, None: 1000}
WAYS = ("none", "geometry")
# Transfer: labels in all, and passes of what is learned before.
LABELS = (10, 20, 100, 200)
PASSES = {"breast": 10, "autoencoder": 3}
TUNING = 150  # steps
REMEDIES = {
    "dropout": {"dropout": 0.5},
    "weight decay": {"weight_decay": 1.0},
    "label smoothing": {"label_smoothing": 0.1},
    "early stopping": {"early_stopping": True},
    "augmentation": {"augmentation": "geometry"},
    "averaging": {"average": 0.99},
}
FACTORS = ("dropout", "augmentation")  # all four combinations of them
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)  # of an MLP
CAPACITY_STEPS = 1000
NOISY = 200  # labels, some of which are wrong
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)


def more_labels(data, seeds, train):
    """The learning curve of a small network, 20 labels to all, plain and with geometric augmentation.

    Yields contrasts of test AUC, all labels against fewer, and every point of the curves.
    """
    for name, dataset in data.items():
        found = [train(None, dataset, seed, measure=over_labels) for seed in seeds]
        counts = _counts(dataset)
        for count in counts[:-1]:
            arms = ("all labels", found, f"none {counts[-1]}"), (f"{count} labels", found, f"none {count}")
            yield between("all labels against fewer", f"{name}, {count} labels", *arms, labels=count)
        for way in WAYS:
            curve = {"none": "plain"}.get(way, way)
            yield from _curve(found, curve, {count: f"{way} {count}" for count in counts}, "test AUC")


def over_labels(recipe, dataset):
    """Test AUC of trainings on so many labels: {"none 20": …, "geometry 4708": …}."""
    return {
        f"{way} {count}": _tested(
            dataset, draw_labels(dataset, count, recipe.seed), recipe.seed, steps=_steps(count), augmentation=way
        )
        for count in _counts(dataset)
        for way in WAYS
    }


def augmented_in_each_way(data, seeds, train):
    """Augmentation in the review's words, each against none: filters, geometry, erasing, mixing, and a mirror.

    Yields contrasts of test AUC with 100 labels and, of geometry, with others; of breast ultrasound without the test
    images that have a near-duplicate in train; and what a mirror does to X-rays whose label is the side (PHANTOM).
    """
    for name, dataset in data.items():
        found = [train(None, dataset, seed, measure=in_each_way) for seed in seeds]
        told = between(
            "geometry against none",
            f"{name}, {FEW} labels",
            ("geometry", found, "geometry"),
            ("none", found, "none"),
            dataset=name,
        )
        yield told
        chosen = None if told.cases is None else unshared(dataset)
        if chosen is not None:
            yield among(told, chosen.numpy(), "without near-duplicates")
        if name != "pneumoniamnist":
            continue
        for kind in AUGMENTATIONS[1:]:
            if kind != "geometry":
                arms = (kind, found, kind), ("none", found, "none")
                yield between(f"{kind} against none", f"{name}, {FEW} labels", *arms, dataset=name)
        yield from _curve(found, "kinds", {kind: kind for kind in AUGMENTATIONS}, "test AUC")
        sides = {kind: f"side {kind}" for kind in ("none", "geometry", "mirror")}
        yield from _curve(found, "kinds, side", sides, "test AUC of the side (PHANTOM)")
        of_labels = [train(None, dataset, seed, measure=over_labels) for seed in seeds]
        for count in _counts(dataset):
            arms = ("geometry", of_labels, f"geometry {count}"), ("none", of_labels, f"none {count}")
            yield between("geometry against none, over labels", f"{count} labels", *arms, labels=count)


def in_each_way(recipe, dataset):
    """Test AUC with 100 labels and each augmentation: {"none": …, "side mirror": …}."""
    few = draw_labels(dataset, FEW, recipe.seed)
    only = AUGMENTATIONS if dataset.card.name.startswith("pneumoniamnist") else WAYS
    found = {kind: _tested(dataset, few, recipe.seed, augmentation=kind) for kind in only}
    if len(only) > len(WAYS):
        sides = plant_side(dataset)  # the test images are the same for all seeds
        some = draw_labels(sides, FEW, recipe.seed)
        for kind in ("none", "geometry", "mirror"):
            found[f"side {kind}"] = _tested(sides, some, recipe.seed, augmentation=kind)
    return found


# No trial calls these two any more: transfer.py has taken their place. They stay until the evidence that is bound to
# this file's code is collected anew.
def weights_from_elsewhere(data, seeds, train):
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
            found[f"{source} {count}"] = _tested(dataset, few, seed, **how)
            found[f"{source} probe {count}"] = _auc(dataset.test, [probe(start, few).scores(dataset.test.images)])
            if count == FEW and source != "autoencoder":
                found[f"{source} geometry {count}"] = _tested(dataset, few, seed, augmentation="geometry", **how)
    return found


def remedies_against_overfitting(data, seeds, train):
    """What helps a network that has 100 labels: each remedy alone, two of them together; how much the gap between
    train and val grows with the number of weights; and what is left where labels are wrong.

    Yields contrasts of test AUC, of each remedy against none, and the points of the curves.
    """
    for name, dataset in data.items():
        found = [train(None, dataset, seed, measure=with_remedies) for seed in seeds]
        for remedy in REMEDIES if name == "pneumoniamnist" else ("dropout",):
            told = between(
                f"{remedy} against none",
                f"{name}, {FEW} labels",
                (remedy, found, remedy),
                ("none", found, "none"),
                dataset=name,
            )
            yield told
            chosen = None if told.cases is None else unshared(dataset)
            if chosen is not None:
                yield among(told, chosen.numpy(), "without near-duplicates")
        if name != "pneumoniamnist":
            continue
        names = {key: key for key in ("none", *REMEDIES)}
        yield from _curve(found, "remedies", names, "test AUC")
        yield from _curve(found, "factorial", {key: key for key in _combinations()}, "test AUC")
        for what in ("train AUC", "val AUC", "val calibration error"):
            keys = {key: f"{key}: {what}" for key in ("none", *REMEDIES)}
            yield from _curve(found, f"remedies, {what}", keys, what)
        sizes = [train(None, dataset, seed, measure=of_each_size) for seed in seeds]
        for what in OF_SIZE:
            keys = {_weights_of(dataset, width): f"{width}: {what}" for width in WIDTHS}
            yield from _curve(sizes, f"capacity, {what}", keys, what)
        noisy = [train(None, dataset, seed, measure=with_noise) for seed in seeds]
        for kind in NOISES:
            yield from _curve(noisy, f"{kind} noise", {share: f"{kind} {share:g}" for share in SHARES}, "test AUC")


def with_remedies(recipe, dataset):
    """Test AUC with 100 labels: {"none": …, "dropout": …, "dropout + augmentation": …}; of those alone also the AUC on
    train and val and the calibration error on val, {"none: val AUC": …}.
    """
    few, found = draw_labels(dataset, FEW, recipe.seed), {}
    whole = dataset.card.name.startswith("pneumoniamnist")
    for name in ("none", *REMEDIES, *_combinations()) if whole else ("none", "dropout"):
        if name in found:
            continue
        made = _trained(few, recipe.seed, **_together(name))
        found[name] = _auc(dataset.test, [each.scores(dataset.test.images) for each in made])
        if " + " not in name:
            on = {split: [each.quality(getattr(few, split)) for each in made] for split in ("train", "val")}
            found[f"{name}: train AUC"] = _mean(each.auc for each in on["train"])
            found[f"{name}: val AUC"] = _mean(each.auc for each in on["val"])
            found[f"{name}: val calibration error"] = _mean(each.calibration for each in on["val"])
    return found


OF_SIZE = ("train AUC", "val AUC", "train loss", "val loss", "train calibration error", "val calibration error")


def of_each_size(recipe, dataset):
    """AUC, loss and calibration error, on train and on val, of MLPs of each width that have 100 labels, of which a
    tenth is wrong: {"16: val AUC": …}. Of test nothing is read.
    """
    few = with_label_noise(draw_labels(dataset, FEW, recipe.seed), 0.1, recipe.seed)
    found = {}
    for width in WIDTHS:
        made = fit_small(few, Setup(steps=CAPACITY_STEPS), seed=recipe.seed, model="mlp", width=width)
        for split in ("train", "val"):
            of = made.quality(getattr(few, split))
            found[f"{width}: {split} AUC"] = of.auc
            found[f"{width}: {split} loss"] = of.loss
            found[f"{width}: {split} calibration error"] = of.calibration
    return found


def with_noise(recipe, dataset):
    """Test AUC with 200 labels of which a share is wrong: {"symmetric 0.2": …}."""
    few, found = draw_labels(dataset, NOISY, recipe.seed), {}
    for kind in NOISES:
        for share in SHARES:
            noisy, clean = with_label_noise(few, share, recipe.seed, kind), f"{NOISES[0]} 0"
            known = share == 0 and clean in found
            found[f"{kind} {share:g}"] = found[clean] if known else _once(noisy, recipe.seed, dataset)
    return found


# What all of them do -------------------------------------------------------------------------


def _counts(dataset):
    return [len(dataset.train) if count is None else count for count in CURVE if (count or 0) < len(dataset.train)]


def _steps(count):
    return CURVE.get(count, CURVE[None])


def _combinations():
    """{"dropout + weight decay": …}: the names of all combinations of `FACTORS`, "none" first."""
    names = []
    for number in range(2 ** len(FACTORS)):
        names.append(" + ".join(name for place, name in enumerate(FACTORS) if number >> place & 1) or "none")
    return names


def _together(name):
    return {} if name == "none" else {key: value for one in name.split(" + ") for key, value in REMEDIES[one].items()}


def _seed(draw, number):
    """No two trainings have the same weights, on whichever draw of labels."""
    return 1000 * draw + number


def _trained(few, draw, start=None, **how):
    """`REPEATS` trainings on one draw of labels."""
    starts = start or [None] * REPEATS
    return [fit_small(few, Setup(**how), seed=_seed(draw, number), start=begin) for number, begin in enumerate(starts)]


def _tested(dataset, few, draw, start=None, **how):
    return _auc(dataset.test, [each.scores(dataset.test.images) for each in _trained(few, draw, start, **how)])


def _once(few, draw, dataset):
    return _auc(dataset.test, [fit_small(few, Setup(), seed=_seed(draw, 0)).scores(dataset.test.images)])


def _auc(cases, scores):
    """The mean of the AUC of several trainings, of probabilities (N, 2) each."""
    columns = np.stack([log_odds(each) for each in scores], axis=1)
    return PerCase.of("AUC", columns, cases.labels, cases.subjects)


def _mean(values):
    return float(np.mean(list(values)))


def _weights_of(dataset, width):
    return sum(weight.numel() for weight in build("mlp", dataset, width=width).parameters())


def _curve(trainings, curve, points, unit):
    """Yields the points of a curve, {x: key of the values}: contrasts against nothing.

    Their keys hold the interval over draws, trainings and test images, and each training's value where cases were
    kept.
    """
    for x, key in points.items():
        told = [training.cases.get(key) for training in trainings]
        keys = _of_cases(told) if all(told) and len(told) > 1 else {}
        values = [training.values[key] for training in trainings]
        arms = (curve, values), ("nothing", [0.0] * len(values))
        yield contrast(curve, str(x), *arms, curve=curve, x=x, unit=unit, **keys)


def _of_cases(told):
    """The two-way interval of the mean AUC, and the AUC of each training, (draws, trainings)."""
    arm = np.stack([unpacked(each.values, each.columns) for each in told])
    auc = statistic_of("AUC", told[0].labels)
    whose = np.array(told[0].subjects) if told[0].subjects else None
    # Chance has 0.5 of whichever cases.
    found = over_seeds_and_cases(arm, np.zeros_like(arm), auc, subjects=whose, limit=0.5)
    columns = arm[..., None] if arm.ndim == 2 else arm
    ones = np.ones((1, arm.shape[1]))
    each = [[round(float(auc(column, ones)[0]), 4) for column in draw.T] for draw in columns]
    low, high = found.interval()
    share = None if found.of_seeds is None else round(found.of_seeds, 4)
    return {"low": round(0.5 + low, 4), "high": round(0.5 + high, 4), "of_seeds": share, "each": each}
