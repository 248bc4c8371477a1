"""The page of a sequence: does the network use the order of the frames?"""

import numpy as np
import torch

from ..data import Dataset
from ..errors import InputError
from ..explorers import sequence_clips as clips
from ..explorers.sequence_clips import AS_FILMED, EXPECTED, HOWS
from ..training.run import Run
from .fixed import export_sequence
from .kind import A_WEIGHT, Content, Kind, check_room
from .packing import planes, zipped

A_PIXEL = 1.23  # bytes of a page for a byte of a clip


def check_size(run: Run, count: int) -> None:
    """Raises `InputError` for what would not fit or cannot be shown, before the work is done."""
    if not hasattr(run.model, "answers_over_time"):
        raise InputError(
            "the run's model has no answers over time; build one of medtutor's sequence models, such as lstm"
        )
    card = run.card
    if (card.frames or 0) < 2:
        raise InputError("the clips have one frame each, so there is no order; give clips of two frames or more")
    each = (card.frames or 1) * card.channels * torch.Size(card.shape).numel() * A_PIXEL
    check_room(run, count, each, A_WEIGHT, f"{card.frames} frames of {card.size} pixels", "lstm on 28 pixels")


def choose(run: Run, count: int) -> list[tuple[str, int]]:
    """(split, index) of clips of val and two thirds as many of test: from the worst answer to the best, evenly."""
    shares = {"val": count - 2 * count // 5, "test": 2 * count // 5} if "test" in run.predictions else {"val": count}
    found = []
    for split, share in shares.items():
        said, labels = run.predictions[split].double().numpy(), run.labels[split].numpy()
        ranked = np.argsort(-clips.errors(said, labels, run.card.task), kind="stable")
        places = np.linspace(0, len(ranked) - 1, min(share, len(ranked))).round().astype(int)
        found += [(split, int(index)) for index in sorted(set(ranked[places].tolist()))]
    return found


def content(run: Run, dataset: Dataset, count: int) -> Content:
    """What the page of a sequence holds."""
    card = run.card
    chosen = choose(run, count)
    graph = export_sequence(run.model, (card.frames or 1, card.channels, *card.shape))
    films = torch.stack([getattr(dataset, split).images[index] for split, index in chosen])
    cases = [_case(run, dataset, *each) for each in chosen]
    expected = EXPECTED.get(card.name, {}) if dataset.is_phantom else {}
    facts = {
        "frames": card.frames,
        "cases": cases,
        "hows": list(HOWS),
        "expected": {how: expected.get(how, "") for how in HOWS},
        "looked": 1 if card.task == "binary" else 0,
        "scale": list(run.scale) if card.task == "regression" else None,
        "span": _span(run, cases),
    }
    late = {"forward": zipped(graph.files["forward"]), "trained-weights": zipped(planes(graph.weights(run.model)))}
    return Content(facts, {"first": films.numpy().tobytes()}, late)


def _case(run, dataset, split, index):
    """What is known of a clip, and what the network says of it however it is played."""
    cases = getattr(dataset, split)
    clip, label = cases.images[index], cases.labels[index].numpy()
    found = {
        "split": split,
        "number": index + 1,
        "label": clips.in_words(label, run.card),
        "truth": [float(value) for value in _truth(label, run.card)],
        "played": {},
    }
    for how in HOWS:
        order = clips.orders(how, run.card.frames, seed=index)[0]
        film = clips.played(clip[None], order[None])[0]
        answers = clips.over_time(run, film)
        found["played"][how] = {"order": order.tolist(), "answers": _rounded(answers)}
        for instead in (clips.BEFORE, clips.FLAT) if how == AS_FILMED else ():
            without = clips.answered(run, clips.replaced(film, instead))
            found["played"][how][instead] = _rounded(answers[-1] - without)
    return found


def _rounded(values):
    return [[round(float(value), 5) for value in row] for row in values]


def _truth(label, card):
    if card.task == "regression" or np.ndim(label):
        return np.atleast_1d(label)
    return np.arange(len(card.classes)) == label


def _span(run, cases):
    """From where to where the axis of the answers goes."""
    if run.card.task != "regression":
        return [0.0, 1.0]
    values = [value for each in cases for way in each["played"].values() for row in way["answers"] for value in row]
    values += [value for each in cases for value in each["truth"]]
    return [min(values), max(values)]


SEQUENCE = Kind(
    "sequence",
    "does the network use the order of the frames?",
    ("single.mjs", "sequence.mjs"),
    check_size,
    content,
    "Clips are chosen by rank of their error, from the worst to the best, so the share of errors among them says"
    " nothing; the measures above do. Answers here are of the one clip as it is; the Run's may also average over"
    " mirrored copies.",
)
