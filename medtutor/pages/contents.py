"""What a page shows of a Run: some of its images, what was said of them, and maps that captum computed."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np
import torch

from ..data import Dataset, normalise
from ..errors import InputError
from ..explanation import METHODS, explain, explain_batch
from ..explanation.draws import generator
from ..explanation.familiar import Known, known, limit_of, nearest
from ..explanation.subject import Subject
from ..explorers.attribution_cases import SHARE, likeness
from ..explorers.cases import case_of, label_of
from ..training.run import Run
from .packing import rounded

# Those that the page computes itself: that with which it begins, of one gradient, first; those that take long last.
LIVE = (
    "saliency",
    "input_x_gradient",
    "integrated_gradients",
    "smoothgrad",
    "gradient_shap",
    "grad_cam",
    "guided_backprop",
    "occlusion",
    "kernel_shap",
    "rise",
)
FEATURE_BITS = 7  # after the point, of 23
BEFORE = tuple(name for name in LIVE if METHODS[name].live)  # of which it holds maps
MOST_VAL = 4000  # scores of the validation split that a page holds
MOST_KNOWN = 12_500  # numbers that are features of validation images, such as 64 for each


def choose(run: Run, count: int) -> list[tuple[str, int]]:
    """(split, index) of images of val, and two thirds as many of test, each class and outcome in turn."""
    shares = {"val": count - 2 * count // 5, "test": 2 * count // 5} if "test" in run.predictions else {"val": count}
    return [(split, index) for split, share in shares.items() for index in _each_kind(run, split, share)]


def _each_kind(run, split, count):
    labels, said = run.labels[split], run.predictions[split]
    right = ((said > 0.5) == labels).all(1) if labels.dim() == 2 else said.argmax(1) == labels
    kinds: dict[tuple, list] = {}
    for index in torch.randperm(len(labels), generator=generator(0)).tolist():
        kinds.setdefault((tuple(np.atleast_1d(labels[index].numpy())), bool(right[index])), []).append(index)
    in_turn = [index for turn in zip_longest(*kinds.values()) for index in turn if index is not None]
    return sorted(in_turn[:count])


def cases(run: Run, other: Run, dataset: Dataset, chosen: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """What is known of each image: split, number from 1, label, and what the networks say, as logits."""
    images = torch.stack([getattr(dataset, split).images[index] for split, index in chosen])
    logits = {
        name: Subject.of(each).scores(normalise(images)) for name, each in {"trained": run, "random": other}.items()
    }
    found = []
    for place, (split, index) in enumerate(chosen):
        label = case_of(dataset, split, index).label
        found.append(
            {
                "split": split,
                "number": index + 1,
                "label": label_of(getattr(dataset, split).labels[index], run.card),
                "labels": list(label) if isinstance(label, tuple) else [label],
                "said": [round(value, 5) for value in run.predictions[split][index].tolist()],
                "logits": {name: values[place].tolist() for name, values in logits.items()},
            }
        )
    return found


def maps(
    run: Run, other: Run, images: torch.Tensor, predicted: Sequence[int]
) -> tuple[list[dict[str, Any]], np.ndarray, list[float], dict[str, str]]:
    """What each method says of every image: (methods, int8 maps, their scales, why other methods are missing).

    The maps are (methods, 2, N, H, W), of the trained and of the random network, in 127ths of their largest value. Of
    methods that take long the page computes them when they are asked; they stand behind the others.
    """
    methods, packed, scales, missing = [], [], [], {}
    for name in LIVE:
        if name in BEFORE:
            try:
                found = [one.map.numpy() for each in (run, other) for one in _explained(each, images, name, predicted)]
            except InputError as error:
                missing[name] = str(error)
                continue
            sizes = [float(np.abs(values).max()) for values in found]
            packed.append([np.rint(values / (size or 1) * 127) for values, size in zip(found, sizes)])
            scales += sizes
        methods.append(facts_of(name, tuple(images.shape[2:])) | {"before": name in BEFORE})
    return methods, np.array(packed, dtype=np.int8), scales, missing


def facts_of(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a page says of a method, and the options that it has for images of that shape."""
    how = METHODS[name]
    usual = how.complete({}, shape)
    options = [
        {
            "name": option.name,
            "default": usual[option.name],
            "low": option.low,
            "high": max(option.high or 0, usual[option.name]) if not option.choices else None,
            "step": option.step,
            "choices": option.choices,
            "meaning": option.meaning,
        }
        for option in how.options
    ]
    return {
        "name": name,
        "title": how.title,
        "computes": how.computes,
        "paper": how.paper,
        "signed": how.signed,
        "options": options,
    }


def _explained(run, images, name, predicted):
    if any(option.name == "seed" for option in METHODS[name].options):  # in a batch each image would have other draws
        return [explain(run, image, name, target=target) for image, target in zip(images, predicted)]
    return explain_batch(run, images, name, target=list(predicted))


def validation(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """(scores, labels) of the validation split, (N, classes): uint16 in 65535ths, and uint8, 1 where it is one."""
    said, labels = run.predictions["val"], run.labels["val"]
    if len(said) > MOST_VAL:
        some = torch.randperm(len(said), generator=generator(0))[:MOST_VAL]
        said, labels = said[some], labels[some]
    has = labels if labels.dim() == 2 else torch.nn.functional.one_hot(labels, said.shape[1])
    return np.rint(said.double().clamp(0, 1).numpy() * 65535).astype("<u2"), has.numpy().astype(np.uint8)


def familiar(run: Run, dataset: Dataset) -> tuple[dict[str, Any], Known | None]:
    """What a page says of a picture of the user's own: is it like validation images, in the network's own features?

    The facts hold the distance beyond which it is not, and the sentences of the attribution explorer, in which (0) and
    (inf) stand for the distance; or one sentence where it cannot be said.
    """
    images = dataset.val.images
    try:
        found = known(run, images[:2])
        most = max(2, MOST_KNOWN // found.features.shape[1])
        some = torch.randperm(len(images), generator=generator(0))[:most]
        found = known(run, images[some])
    except InputError as error:
        return {"missing": f"Whether the model has seen anything like it cannot be said: {error}."}, None
    features = rounded(found.features, FEATURE_BITS)
    found = replace(found, features=features, usual=nearest(features, features, to_others=True))
    limit, _ = limit_of(found.usual, SHARE)
    return {
        "limit": limit,
        "near": likeness(0, found.usual),
        "far": likeness(float("inf"), found.usual),
        "features": found.features.shape[1],
    }, found
