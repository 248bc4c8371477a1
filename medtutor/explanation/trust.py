"""Many methods on many images: which of them find what is known, and which only seem to.

A map that hits the evidence has shown nothing as long as the same network with
random weights hits it too: edges and bright pixels draw every gradient. So each
method is scored twice, and two rows need no network at all.
"""

import time
from collections.abc import Sequence, Sized
from statistics import fmean

import numpy as np
import torch
from torch import nn

from ..checks import whole
from ..data.images import as_images
from ..errors import InputError, shown
from ..training.run import Run
from .anatomy import title_of
from .attribution import checked_method, explain_batch
from .draws import checked_seed
from .maps import edge_map, pointing_game, random_map, relevance_mass, similarity
from .methods import methods_for
from .randomisation import randomised
from .scores import deletion, insertion

# What `trust_table` tells of each method; without evidence, the first four are missing. What is said of the target is
# its probability, of a regression the predicted number, in its units.
COLUMNS = {
    "hit": "pointing game: the highest value lies on the evidence, share of images",
    "hit untrained": "the same for the network with random weights",
    "mass": "share of the positive attribution on the evidence",
    "mass untrained": "the same for the network with random weights",
    "deletion": "area under what is said of the target while the highest pixels are taken away: low",
    "insertion": "area under what is said of the target while they are given back: high",
    "similar all": "rank correlation with the map of the network with random weights: near 0",
    "similar head": "the same where only the last layer is random",
    "ms": "milliseconds an image",
}
WITHOUT_NETWORK = ("random map", "edges")


def trust_table(
    run: Run | nn.Module,
    images: torch.Tensor | np.ndarray,
    targets: Sequence[int] | torch.Tensor | np.ndarray,
    evidence: torch.Tensor | np.ndarray | None = None,
    *,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    curves: int = 16,
) -> dict[str, dict[str, float]]:
    """{method: {column: mean over the images}} for methods, and for maps that need no network.

    run       a trained `Run` or model
    images    uint8 (N, C, H, W)
    targets   class of each, [N]; of a regression 0
    evidence  bool (N, H, W), or None where it is not known
    methods   names of `METHODS`; left out: all that work on the model
    seed      of the random weights and the random maps
    curves    on how many of the images deletion and insertion are drawn: they
              cost thirty forward passes each

    Columns are those of `COLUMNS`; of a regression `deletion` and `insertion` are in the units of the predicted number.
    Raises `InputError` for no images, for targets or evidence of
    another number of images, and what `explain` raises.

    >>> import torch
    >>> from medtutor.explanation import trust_table
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    >>> table = trust_table(model, torch.zeros(2, 1, 8, 8, dtype=torch.uint8), [1, 1], methods=["saliency"])
    >>> list(table)
    ['saliency', 'random map', 'edges']
    """
    found = trust_of_each(run, images, targets, evidence, methods=methods, seed=seed, curves=curves)
    return {
        method: {column: fmean(values) for column, values in row.items() if column in COLUMNS}
        for method, row in found.items()
    }


def trust_of_each(
    run: Run | nn.Module,
    images: torch.Tensor | np.ndarray,
    targets: Sequence[int] | torch.Tensor | np.ndarray,
    evidence: torch.Tensor | np.ndarray | None = None,
    *,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    curves: int = 16,
) -> dict[str, dict[str, list[float]]]:
    """The same with a value of each image, of deletion and insertion of the first `curves` of them.

    And with "touch" and "touch untrained": hits where the highest cell of a coarse map counts as a whole.
    """
    if getattr(images, "ndim", 1) and hasattr(images, "__len__") and not len(images):
        raise InputError("there is no image to score methods on; choose a split with some of that class")
    images = as_images(images)
    if getattr(getattr(run, "card", None), "task", None) == "segmentation":
        raise InputError(
            f"trust_table is about one answer for an image, but {title_of(run.model)} answers for each pixel;"
            " take score, for one map after the other"
        )
    seed, curves = checked_seed(seed), whole("curves", curves, 1)
    if methods is not None and not isinstance(methods, (list, tuple)):
        raise InputError(f'methods is {shown(methods)}; give a list of names, such as ["saliency"]')
    for method in methods or ():
        checked_method(method)
    for what, given in (("targets", targets), ("maps of evidence", evidence)):
        found = len(given) if isinstance(given, Sized) and getattr(given, "ndim", True) else "no"
        if found != len(images) and not (given is None and what == "maps of evidence"):
            raise InputError(f"there are {found} {what} for {len(images)} images; give one for each")
    untrained, headless = randomised(run, seed=seed), randomised(run, "head", seed=seed)
    table = {}
    for method in _working(run, images[:1]) if methods is None else methods:
        start = time.perf_counter()
        maps = [each.map for each in explain_batch(run, images, method, target=list(targets))]
        seconds = time.perf_counter() - start
        blank = [each.map for each in explain_batch(untrained, images, method, target=list(targets))]
        head = [each.map for each in explain_batch(headless, images, method, target=list(targets))]
        table[method] = {
            **_on_evidence(maps, evidence),
            **{f"{name} untrained": value for name, value in _on_evidence(blank, evidence).items()},
            **_curves(run, images[:curves], maps, targets),
            "similar all": [*map(similarity, maps, blank)],
            "similar head": [*map(similarity, maps, head)],
            "ms": [1000 * seconds / len(images)] * len(images),
        }
    shape = images.shape[2:]
    for name in WITHOUT_NETWORK:
        maps = [
            random_map(shape, (seed * 10_007 + i) % 2**63) if name == "random map" else edge_map(image)
            for i, image in enumerate(images)
        ]
        table[name] = {**_on_evidence(maps, evidence), **_curves(run, images[:curves], maps, targets)}
    return table


def _working(run, images):
    """The names of the methods that do not refuse the model."""
    found = []
    for method in methods_for(run):
        try:
            explain_batch(run, images, method)
        except InputError:
            continue
        found.append(method)
    return found


def _on_evidence(maps, evidence):
    if evidence is None:
        return {}
    return {
        "hit": [pointing_game(one, truth) for one, truth in zip(maps, evidence)],
        "touch": [pointing_game(one, truth, ties="touch") for one, truth in zip(maps, evidence)],
        "mass": [relevance_mass(one, truth) for one, truth in zip(maps, evidence)],
    }


def _curves(run, images, maps, targets):
    shown = [(image, (one, target)) for image, one, target in zip(images, maps, targets)]
    return {
        "deletion": [deletion(run, *each).auc for each in shown],
        "insertion": [insertion(run, *each).auc for each in shown],
    }
