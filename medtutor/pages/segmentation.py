"""The page of a segmentation: masks beside the expert's, and why a network gives a region to a class."""

from typing import Any

import numpy as np
import torch

from ..data import Dataset, normalise
from ..errors import InputError
from ..explanation import explain
from ..metrics.segmentation import dice_of_each
from ..models.inference import probabilities
from ..training.run import Run
from . import contents
from .fixed import export_segmentation
from .kind import A_WEIGHT, Content, Kind, check_room
from .packing import planes, zipped

LIVE = ("saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", "occlusion")  # of a region
A_PIXEL = 1.23  # bytes of a page for a byte of a picture, a mask, a probability or a map


def check_size(run: Run, count: int) -> None:
    """Raises `InputError` for what would not fit, before the work is done."""
    planes_of_one = run.card.channels + 1 + len(run.card.classes) + len(LIVE)
    each = planes_of_one * A_PIXEL * torch.Size(run.card.shape).numel()
    check_room(run, count, each, A_WEIGHT, f"images of {run.card.size} pixels", "narrower widths")


def choose(run: Run, count: int) -> list[tuple[str, int]]:
    """(split, index) of slices that hold a structure, of val and two thirds as many of test: the worst Dice, the best,
    and evenly what lies between.
    """
    shares = {"val": count - 2 * count // 5, "test": 2 * count // 5} if "test" in run.predictions else {"val": count}
    return [(split, index) for split, share in shares.items() for index in _spread(run, split, share)]


def _spread(run, split, count):
    wanted, found = run.labels[split] > 0, run.predictions[split].argmax(1) > 0
    holds = torch.nonzero((wanted | found).flatten(1).any(1)).flatten()
    if not len(holds):
        raise InputError(f"no mask of the {split} split holds a structure, so there is nothing to show")
    ranked = holds[dice_of_each(found[holds], wanted[holds]).argsort(stable=True)]
    places = torch.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().long()
    return sorted(set(ranked[places].tolist()))


def content(run: Run, dataset: Dataset, count: int) -> Content:
    """What the page of a segmentation holds."""
    card = run.card
    chosen = choose(run, count)
    graph = export_segmentation(run.model, (card.channels, *card.shape), len(card.classes))
    pictures = torch.stack([getattr(dataset, split).images[index] for split, index in chosen])
    experts = torch.stack([run.labels[split][index] for split, index in chosen]).to(torch.uint8)
    with torch.inference_mode():
        logits = torch.cat([run.model(normalise(each[None])) for each in pictures])
    said = probabilities(logits, card.task)
    cases = [_case(dataset, *each) for each in chosen]
    for each, mask in zip(cases, said.argmax(1)):
        sizes = torch.bincount(mask.flatten(), minlength=len(card.classes))
        each["target"] = 1 + int(sizes[1:].argmax()) if bool(sizes[1:].any()) else None
    maps, scales = _maps(run, pictures, said.argmax(1), [each["target"] for each in cases])
    facts = {
        "cases": cases,
        "methods": [contents.facts_of(name, tuple(card.shape)) for name in LIVE],
        "scales": scales,
        "start": int((experts > 0).flatten(1).sum(1).argmax()),
        "side": max(1, min(card.shape) // 5),
    }
    early = {
        "first": pictures.numpy().tobytes() + experts.numpy().tobytes(),
        "said": zipped(np.rint(said.numpy() * 255).astype(np.uint8).tobytes()),
        "maps": zipped(maps.tobytes()),
    }
    late = {
        "gradient": zipped(graph.files["gradient"]),
        "forward": zipped(graph.files["forward"]),
        "trained-weights": zipped(planes(graph.weights(run.model))),
    }
    return Content(facts, early, late)


def _case(dataset, split, index) -> dict[str, Any]:
    patients = getattr(dataset, split).patients
    return {"split": split, "number": index + 1, "patient": None if patients is None else int(patients[index])}


def _maps(run, pictures, masks, targets):
    """int8 (methods, N, H, W) of the region that each mask gives to its target, and the scale of each."""
    packed = np.zeros((len(LIVE), *masks.shape), dtype=np.int8)
    scales = []
    for place, name in enumerate(LIVE):
        for number, (picture, mask, target) in enumerate(zip(pictures, masks, targets)):
            if target is None:
                scales.append(0.0)
                continue
            found = explain(run, picture, name, target=target, region=mask == target).map.numpy()
            size = float(np.abs(found).max())
            packed[place, number] = np.rint(found / (size or 1) * 127)
            scales.append(size)
    return packed, scales


SEGMENTATION = Kind(
    "segmentation",
    "what does the network outline, and why?",
    ("single.mjs", "segmentation.mjs"),
    check_size,
    content,
    "Slices are chosen by rank of their Dice, from the worst to the best, and each holds a structure: their mean says"
    " nothing; the measures above do, and are of whole patients. Masks here are of the one slice as it is; the Run's"
    " may also average over mirrored copies.",
)
