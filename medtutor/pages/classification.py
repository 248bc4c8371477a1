"""The page of a classification: maps of a trained network beside those of the same with random weights."""

from typing import cast

import torch

from ..data import Dataset
from ..errors import InputError
from ..explanation import randomised
from ..explanation.anatomy import covered, feature_maps, last_feature_map, trace
from ..explanation.attention import is_transformer
from ..explanation.methods.cam import GRAD_CAM
from ..explanation.methods.gradients import GUIDED_BACKPROP
from ..explanation.scores import order_of_ties
from ..explanation.subject import Subject
from ..training.run import Run
from . import contents
from .attention import attention
from .graph import export
from .kind import A_WEIGHT, Content, Kind, check_room
from .packing import planes, rounded, zipped

# Bits after the point that random weights keep, of 23: they are as random. The trained ones keep all of theirs: at the
# kinks of ReLU and maximum the last bit may turn a gradient.
RANDOM_BITS = 7
A_RANDOM_WEIGHT = 1.7  # bytes of a page for each weight of the random network
A_MAP, AN_IMAGE = 0.85, 1.23  # bytes for each pixel of a map, and of a channel of an image


def check_size(run: Run, count: int) -> None:
    """Raises `InputError` for what would not fit, before the work is done."""
    each = (2 * len(contents.BEFORE) * A_MAP + run.card.channels * AN_IMAGE) * torch.Size(run.card.shape).numel()
    what, advice = f"images of {run.card.size} pixels", "cnn on 28 pixels, or narrower widths"
    check_room(run, count, each, A_WEIGHT + A_RANDOM_WEIGHT, what, advice)


def content(run: Run, dataset: Dataset, count: int) -> Content:
    """What the page of a classification holds."""
    other = unlearned(run)
    layer = _layer(run)
    card = run.card
    shape = (card.channels, *card.shape)
    likeness, known = contents.familiar(run, dataset)
    graph = export(
        run.model,
        shape,
        len(card.classes),
        layer["name"] if layer else None,
        layer["features"] if layer else None,
        known=known.layer if known else None,
        guided=_guided(run),
        single=is_transformer(run),
    )
    chosen = contents.choose(run, count)
    pictures = torch.stack([getattr(dataset, split).images[index] for split, index in chosen])
    cases = contents.cases(run, other, dataset, chosen)
    predicted = [max(range(len(card.classes)), key=each["logits"]["trained"].__getitem__) for each in cases]
    methods, maps, scales, missing = contents.maps(run, other, pictures, predicted)
    scores, labels = contents.validation(run)
    looks, of_attention = attention(run, pictures)
    facts = {
        "positive": 1 if card.task == "binary" else 0,
        "cover": max(1, min(card.shape) // 4),
        "layer": layer,
        "methods": methods,
        "missing": missing,
        "scales": scales,
        "cases": cases,
        "val": len(scores),
        "known": likeness,
        "single": is_transformer(run),
        "attention": looks,
    }
    # As they are, and not packed, so that the first picture need not wait: the images, and the maps of one method.
    early = {"first": pictures.numpy().tobytes() + maps[0].tobytes()}
    late = of_attention | {
        "others": zipped(maps[1:].tobytes()),
        "val-scores": zipped(scores.tobytes()),
        "val-labels": zipped(labels.tobytes()),
        "gradient": zipped(graph.gradient),
        "forward": zipped(graph.forward),
        "guided": zipped(graph.guided or b""),
        "ties": zipped(order_of_ties(torch.Size(card.shape).numel()).astype("<u4").tobytes()),
        "known": zipped(planes(known.features.numpy().tobytes()) if known else b""),
        "trained-weights": zipped(planes(graph.weights(run.model))),
        "random-weights": zipped(planes(graph.weights(other.model))),
    }
    return Content(facts, early, late)


def unlearned(run: Run) -> Run:
    """The run with random weights in place of what it learned, as a page holds them: rounded to bfloat16."""
    other = cast(Run, randomised(run))
    state = other.model.state_dict()  # of a copy of the run's model, so it may be changed
    state = {name: rounded(each, RANDOM_BITS) if each.is_floating_point() else each for name, each in state.items()}
    other.model.load_state_dict(state)
    return other


def _works(method, seen):
    """Whether a method works on a network."""
    try:
        method.guard(seen, 2)
    except InputError:
        return False
    return True


def _guided(run):
    """Whether guided backpropagation works on the network."""
    subject = Subject.of(run)
    return _works(GUIDED_BACKPROP, trace(subject.net, subject.blank()))


def _layer(run):
    """What Grad-CAM looks at: {name, features: (c, h, w), covers: (H, W)}; None where there is nothing to look at."""
    subject = Subject.of(run)
    seen = trace(subject.net, subject.blank())
    if not _works(GRAD_CAM, seen):
        return None
    name = last_feature_map(seen, 2)
    return {
        "name": name,
        "features": feature_maps(seen, 2)[name],
        "covers": covered(subject.net, tuple(run.card.shape)),
    }


CLASSIFICATION = Kind(
    "classification",
    "why did the network say that?",
    ("trust.mjs", "picture.mjs", "attention.mjs", "classification.mjs"),
    check_size,
    content,
    "Each class and outcome is shown in turn, so the share of errors among these images says nothing; the measures"
    " above do. Probabilities under the maps are of the one image; outcomes and measures are the Run's, which may also"
    " average over mirrored or shifted copies.",
)
