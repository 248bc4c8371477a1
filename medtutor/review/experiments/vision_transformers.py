"""Experiments about attention, and about networks of mixed parts."""

import numpy as np

from ...data.phantoms.marks import draw_marks
from ...data.subsets import labelled, some_of
from ...reports.cost import MATCHED, equal_work
from ..cases import Cases, PerCase, unpacked
from ..evidence import between, contrast
from .cnn_classification import alone

# Two marks far apart -------------------------------------------------------------------------

# Training images; of "noisy", shapes that are fainter and jitter more.
MARKS = {"shapes": (2_500, 10_000, 20_000), "shapes, noisy": (10_000,), "patterns": (20_000,)}
# Images that the CNN sees in training, whatever their number; the others see more or fewer, for as many FLOPs.
PASSES = 20_000
NOISY = {"noise": 0.10, "contrast": 0.4, "jitter": 3}


def two_marks(data, seeds, train):
    """Images whose label lies in the relation of two distant PHANTOM marks, over the number of training images.

    Yields contrasts of test AUC: the ViT minus each other arm, and patches together minus a bag of them.
    """
    images = {
        "shapes": data["marks_shapes"],
        "shapes, noisy": draw_marks("shapes", **NOISY),
        "patterns": data["marks_patterns"],
    }
    for kind, counts in MARKS.items():
        for count in counts:
            part = some_of(images[kind], count)
            of = {arm: [_with_equal_work(train, arm, part, seed) for seed in seeds] for arm in MATCHED}
            where, keys = f"{kind}, {count} images", {"kind": kind, "images": count}
            for other in ("cnn", "bag", "together", "hybrid"):
                yield between(f"vit against {other}", where, ("vit", of["vit"], "0"), (other, of[other], "0"), **keys)
            yield between(
                "together against bag", where, ("together", of["together"], "0"), ("bag", of["bag"], "0"), **keys
            )


def _with_equal_work(train, arm, dataset, seed):
    model, options = MATCHED[arm]
    longer = PASSES / len(dataset.train) * equal_work(model, dataset, options, MATCHED["cnn"])
    return train(model, dataset, seed, longer=longer, **options)


# All families, over the number of labels -----------------------------------------------------

# name: {share of the training labels: how many times as many epochs}. Fewer images, more epochs, but fewer steps in
# all.
SHARES = {"pneumoniamnist": {0.05: 10, 0.25: 3, 1.0: 1}, "breastmnist": {1.0: 1}, "vesselmnist3d": {1.0: 1}}
FAMILIES = ("cnn", "vit", "hybrid")


def families(data, seeds, train):
    """CNN, ViT and their hybrid, of as many parameters and with as many training FLOPs, over the share of labels.

    Yields contrasts of test AUC between each two, of the gap between CNN and ViT with few labels and with all, and
    of a ViT with and without positions.
    """
    for name, dataset in data.items():
        work = {model: equal_work(model, dataset) for model in FAMILIES}
        of = {}
        for share, longer in SHARES[name].items():
            parts = {seed: labelled(dataset, share, seed) for seed in seeds}
            of[share] = {
                model: [train(model, parts[seed], seed, longer=longer * work[model]) for seed in seeds]
                for model in FAMILIES
            }
            for first, second in (("cnn", "vit"), ("hybrid", "cnn"), ("hybrid", "vit")):
                arms = ((arm, of[share][arm], "0") for arm in (first, second))
                found = between(
                    f"{first} against {second}", f"{name}, {share:.0%} of labels", *arms, dataset=name, labels=share
                )
                yield from (found, *alone(found, dataset))
        if len(of) > 1:
            yield _gap(name, of, min(of))
            bag = [train("vit", dataset, seed, longer=work["vit"], positions=False) for seed in seeds]
            yield between(
                "vit with positions against none",
                name,
                ("positions", of[1.0]["vit"], "0"),
                ("none", bag, "0"),
                dataset=name,
            )


def _gap(name, of, few):
    """The lead of the CNN over the ViT with few labels, against its lead with all."""
    pairs = [[*zip(of[share]["cnn"], of[share]["vit"])] for share in (few, 1.0)]
    leads = [[cnn.values["0"] - vit.values["0"] for cnn, vit in arm] for arm in pairs]
    known = all("0" in training.cases for arm in pairs for pair in arm for training in pair)
    cases = Cases.of(*([_lead(*pair) for pair in arm] for arm in pairs)) if known else None
    return contrast(
        "lead of the cnn over the vit",
        f"{name}, {few:.0%} of labels against all",
        *zip((f"{few:.0%}", "100%"), leads),
        cases=cases,
        dataset=name,
    )


def _lead(cnn, vit):
    """What both trainings said of each case, side by side."""
    one, other = cnn.cases["0"], vit.cases["0"]
    scores = np.stack([unpacked(each.values, 1) for each in (one, other)], axis=1)
    return PerCase.of("AUC lead", scores, one.labels, one.subjects or None)
