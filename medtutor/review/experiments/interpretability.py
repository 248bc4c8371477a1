"""Experiments about explanations, on evidence that was planted and is known."""

from dataclasses import replace
from statistics import fmean

import numpy as np

from ...data.planting import MARKED, SPOTS, plant_marker, plant_spots
from ...explanation import explain_batch, methods_for, pointing_game, randomised
from ...explanation.trust import WITHOUT_NETWORK, trust_of_each
from ...models import build
from ...training import default_recipe, fit
from ..cases import Cases, PerCase, log_odds, unpacked
from ..evidence import between, contrast

# Test images that the methods explain, and of those, on how many deletion and insertion are drawn.
IMAGES = 32
CURVES = 8


def planted_spots(data, seeds, train):
    """Each explanation method on networks that have learned planted spots, and on the plain images.

    Yields, for each method, contrasts of what the trained network's maps hit and what
    those of the same network with random weights hit, averaged over the kinds of spot;
    of deletion and insertion against a random map; and of the similarity to randomised
    maps against none.
    """
    for dataset in data.values():
        of_kind = {
            kind: [train("cnn", planted(dataset, kind, seed), seed, measure=trust_of_methods) for seed in seeds]
            for kind in SPOTS
        }
        plain = [train("cnn", dataset, seed, measure=trust_of_methods) for seed in seeds]
        for method in (*methods_for(build("cnn", dataset)), *WITHOUT_NETWORK):
            yield from _about_spots(method, of_kind)
            yield from _about_method(method, [*of_kind.values()], "all")
            yield from _about_method(method, [plain], None)


# Of those that work on attention, the quick ones and what attention itself shows.
OF_ATTENTION = ("attention_rollout", "grad_cam", "saliency", "integrated_gradients", "occlusion")


def attention_on_spots(data, seeds, train):
    """The same of a ViT that knows the spots: does what attention shows explain?

    Yields the contrasts of `planted_spots` without those of the plain images, named "vit, attention_rollout: hit"
    and so on, and of each kind of spot the AUC, trained and with random weights: whether there was anything to show.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=trust_of_attention) for seed in seeds]
        of_kind = {kind: [_of(training, kind) for training in found] for kind in SPOTS}
        for kind, trainings in of_kind.items():
            row, column = "vit", f"AUC on {kind} spots"
            arms = ("trained", trainings, "AUC"), ("untrained", trainings, "AUC untrained")
            yield between(row, column, *arms, model="vit", score="AUC", spots=kind)
        for method in OF_ATTENTION:
            yield from _about_spots(method, of_kind, "vit")
            yield from _about_method(method, [*of_kind.values()], "all", "vit")


def _of(training, kind):
    """The training with what was measured on one kind of spot alone: {"AUC": …} of {"dark AUC": …}."""
    start = f"{kind} "
    values, cases = (
        {name.removeprefix(start): value for name, value in of.items() if name.startswith(start)}
        for of in (training.values, training.cases)
    )
    return replace(training, values=values, cases=cases)


def planted(dataset, kind, seed, test=0):
    """A data set of spots whose training images, and the places of the spots in them, differ by seed; its test images
    do not: they are the cases that all networks are asked about.

    test  the seed of those
    """
    return replace(plant_spots(dataset, kind, seed=seed), test=plant_spots(dataset, kind, seed=test).test)


def _row(method, model):
    return method if model == "cnn" else f"{model}, {method}"


def _about_spots(method, of_kind, model="cnn"):
    """Hit, hit of the highest cell as a whole, and mass of one method, averaged over the kinds of spot, and hit for
    each kind.
    """
    every, row = list(of_kind.values()), _row(method, model)
    if method in WITHOUT_NETWORK:
        return
    keys = {"method": method, "model": model}
    for score in ("hit", "mass", "touch"):
        arms = ("trained", f"{method} {score}"), ("untrained", f"{method} {score} untrained")
        yield _averaged(row, score, every, *arms, **keys, score=score, spots="all")
    for kind, trainings in of_kind.items():
        arms = ("trained", f"{method} hit"), ("untrained", f"{method} hit untrained")
        yield _averaged(row, f"hit on {kind} spots", [trainings], *arms, **keys, score="hit", spots=kind)


def _about_method(method, every, spots, model="cnn"):
    """Contrasts of one method that need no evidence, averaged over lists of trainings.

    spots  "all" kinds, or None of the plain images
    """
    row, where = _row(method, model), "" if spots else " on the plain images"
    keys = {"method": method, "model": model, "spots": spots}
    if method != "random map":
        for score in ("deletion", "insertion"):
            arms = (method, f"{method} {score}"), ("random map", f"random map {score}")
            yield _averaged(row, f"{score}{where}", every, *arms, **keys, score=score)
    if method not in WITHOUT_NETWORK:
        for score in ("similar all", "similar head"):
            arms = ("randomised", f"{method} {score}"), ("none", None)
            yield _averaged(row, f"{score}{where}", every, *arms, **keys, score=score)


def planted_marker(data, seeds, train):
    """Networks that learned with a marker in the corner of one class against networks that saw it in half of both.

    So both know the marker, and only one has reason to go by it. Yields a contrast of the AUC when the marker is turned
    round, and for each method one of how often the highest value of its maps lies on the marker, and one of how often
    its highest cell touches it, which is another question where a map is coarser than pixels.
    """
    for dataset in data.values():
        learned, control = (
            [train("cnn", plant_marker(dataset, shares, seed=seed), seed, measure=marker_seen) for seed in seeds]
            for shares in (MARKED, UNTOLD)
        )
        yield between(SWAP, "", ("clean", control, SWAP), ("shortcut", learned, SWAP))
        for method in learned[0].values:
            if method == SWAP or method.endswith(TOUCH):
                continue
            arms = ("shortcut", learned, method), ("clean", control, method)
            yield between(method, "points to the marker", *arms, method=method)
            arms = ("shortcut", learned, f"{method}{TOUCH}"), ("clean", control, f"{method}{TOUCH}")
            yield between(method, "highest cell touches the marker", *arms, touching=method)


SWAP = "AUC with the marker turned round"
TOUCH = " touch"
# How often the marker stands in class 1, and one minus it in class 0: in training it tells nothing.
UNTOLD = {"train": 0.5, "val": 0.5, "test": MARKED["test"]}


def trust_of_methods(run, dataset, methods=None):
    """`trust_of_each` of a run on test images of class 1, flat: {"saliency hit": …}; without the milliseconds.

    The weights at random are others with each seed, so that there are as many untrained networks as trained ones.
    """
    chosen = (dataset.test.labels == 1).nonzero()[:IMAGES, 0]
    evidence = None if dataset.test.evidence is None else dataset.test.evidence[chosen]
    images, its = dataset.test.images[chosen], dict(methods=methods, curves=CURVES, seed=run.recipe.seed)
    table = trust_of_each(run, images, [1] * len(chosen), evidence, **its)
    return {
        f"{method} {column}": PerCase.of("mean", values, subjects=chosen[: len(values)])
        for method, row in table.items()
        for column, values in row.items()
        if column != "ms"
    }


def trust_of_attention(recipe, dataset):
    """`trust_of_methods` of `OF_ATTENTION`, and the test AUC, of a ViT on each kind of spot: {"dark saliency hit": …}.

    From random weights a ViT learns such spots late or not at all, and the map of a network that does not know them
    says nothing about maps. So it learns the plain images first, and begins each kind with what the kind before left.
    """
    its = default_recipe(dataset.card, "vit", epochs=recipe.epochs, seed=recipe.seed, shift_at_test=0)
    run = fit(build("vit", dataset, seed=recipe.seed), dataset, its, progress=False)
    found = {}
    for number, kind in enumerate(SPOTS):
        # Other images and other places for each kind.
        spots = planted(dataset, kind, len(SPOTS) * recipe.seed + number, test=number)
        run = fit(run.model, spots, its, progress=False)
        values = trust_of_methods(run, spots, OF_ATTENTION)
        for name, of in (("AUC", run), ("AUC untrained", randomised(run, seed=recipe.seed))):
            values[name] = _auc(of, spots.test)
        found |= {f"{kind} {name}": value for name, value in values.items()}
    return found


def _auc(run, cases):
    return PerCase.of("AUC", log_odds(run.predict(cases.images)), cases.labels, cases.subjects)


def marker_seen(run, dataset):
    """The test AUC, and for each method how often its highest value lies on the marker, and its highest cell touches
    it, on marked images of class 1.
    """
    marked = plant_marker(dataset, 1.0).test
    chosen = (marked.labels == 1).nonzero()[:IMAGES, 0]
    hits = {}
    for method in methods_for(run):
        maps = explain_batch(run, marked.images[chosen], method, target=1)
        pairs = [*zip(maps, marked.evidence[chosen])]
        hits[method] = PerCase.of("mean", [pointing_game(*pair) for pair in pairs])
        hits[f"{method}{TOUCH}"] = PerCase.of("mean", [pointing_game(*pair, ties="touch") for pair in pairs])
    return {SWAP: _auc(run, dataset.test)} | hits


def _averaged(row, column, every, first, second, **keys):
    """A `contrast` of two measured keys, each averaged over lists of trainings with the same seeds.

    first, second  (name of the arm, key in `Training.values`, or None for zero)

    The kinds have as many cases each, so that the average of their means is the mean of all.
    """

    def values(key):
        return [fmean(training.values[key] if key else 0.0 for training in same_seed) for same_seed in zip(*every)]

    def told(key):
        """[`PerCase` of all kinds together, …], one of each seed; [] where one of them was not kept."""
        if not all(key in training.cases for trainings in every for training in trainings):
            return []
        return [_together([training.cases[key] for training in same_seed]) for same_seed in zip(*every)]

    one, other = told(first[1]), told(second[1] or first[1])
    if second[1] is None:
        other = [_nothing(each) for each in one]
    cases = Cases.of(one, other) if one and other else None
    return contrast(row, column, *((arm, values(key)) for arm, key in (first, second)), cases=cases, **keys)


def _together(several):
    """The `PerCase` of the cases of several means, one after the other."""
    values = np.concatenate([unpacked(each.values, 1) for each in several])
    return PerCase.of("mean", values, subjects=sum((each.subjects for each in several), ()))


def _nothing(like):
    return PerCase.of("mean", 0 * unpacked(like.values, 1), subjects=like.subjects)
