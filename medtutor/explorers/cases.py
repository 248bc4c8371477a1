"""Which image is looked at: cases of a data set by label and outcome, and a square that covers a region."""

from dataclasses import dataclass

import numpy as np
import torch

from ..data import Dataset, as_uint8, normalise
from ..data.card import Card
from ..errors import InputError
from ..explanation.methods import baseline
from ..explanation.subject import Subject
from ..training.run import Run

EVERY, RIGHT, WRONG = "all", "right", "wrong"
FILLS = {"grey, the mean": "mean", "blurred": "blurred", "black": "black"}


@dataclass(frozen=True, eq=False)
class Case:
    """What is explained: one image, and what is known of it.

    key       tells it from all others
    image     uint8 (C, H, W) or (C, D, H, W)
    name      "image 12 of the test split", counted from 1
    code      the Python expression for the image
    label     class number; a tuple of them for a multi-label task; of a regression the number; None where unknown
    evidence  bool, as the image without channels, or None
    """

    key: tuple
    image: torch.Tensor
    name: str
    code: str
    label: int | float | tuple | None = None
    evidence: torch.Tensor | None = None


def check_classes(run):
    """Raises `InputError` for a run whose answer to a case is no class."""
    task, name = run.card.task, run.card.classes[0]
    if task == "regression":
        raise InputError(
            f"this explorer shows classes, but the run is a regression and predicts a number, {name}; "
            "figures.predicted(run) shows its numbers, explain(run, image) why"
        )
    if task == "segmentation":
        raise InputError(
            "this explorer shows one answer an image, but the run is a segmentation; use explorers.segmentation(run,"
            " dataset)"
        )


def check_no_sequences(run):
    """Raises `InputError` for a run about clips."""
    if run.card.frames:
        raise InputError(
            "this explorer shows single images and volumes, but the run is about sequences; use explorers.sequence(run,"
            " dataset)"
        )


def check_has_predictions(run, split, called="the run"):
    """Raises `InputError` where a run keeps no predictions of a split."""
    if split not in run.predictions:
        read = " or ".join(map(repr, run.predictions)) or "none yet"
        raise InputError(
            f"{called} has no predictions for the {split} split (it has {read}); finish it with fit(…, resume=…), or"
            " name another split"
        )


def was_made_on(run, dataset):
    """Whether a run was made on a data set like this one; phantoms of one name may still have another seed."""
    facts = ("name", "task", "classes", "channels", "shape", "frames")
    same = all(getattr(run.card, fact) == getattr(dataset.card, fact) for fact in facts)
    return same and run.provenance == dataset.provenance


def has_labels_of(run, dataset, split):
    """Whether the labels (or masks) that a run keeps of a split are those of the data set."""
    labels, own = run.labels.get(split), getattr(dataset, split).targets
    return labels is not None and labels.shape == own.shape and bool((labels == own).all())


def own_dataset(run, dataset, sequences=False):
    """The run's data set, checked; or an `InputError`. `sequences`: whether it may be about clips."""
    if not isinstance(run, Run):
        raise InputError(f"explore takes a Run, not {type(run).__name__}; train one with fit(…), or use explain(…)")
    card = run.card
    if not sequences:
        check_no_sequences(run)
    dataset = run.dataset() if dataset is None else dataset
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset is {type(dataset).__name__}; give the Dataset that the run was made on")
    if not was_made_on(run, dataset):
        raise InputError(
            f"the run was made on {card.name} ({run.provenance}, {card.size} pixels), not on this data set,"
            f" {dataset.card.name} ({dataset.provenance}, {dataset.card.size} pixels); give the run's own: explore(run,"
            " dataset)"
        )
    for split in run.labels:
        if not has_labels_of(run, dataset, split):
            raise InputError(
                f"the {split} labels of the run and of this {card.name} differ; give the run's own data set"
            )
    return dataset


def loading_line(dataset):
    """The Python line that loads a data set which `own_dataset` has found by its name."""
    return f"dataset = mt.load({dataset.card.name!r}, {dataset.card.size}, source={dataset.provenance!r})"


def of_class(labels, number):
    """bool (N,): the cases that have a label; all for -1."""
    labels = labels.numpy()
    if number < 0:
        return np.ones(len(labels), dtype=bool)
    return labels[:, number] == 1 if labels.ndim == 2 else labels == number


def with_outcome(labels, answers, task, outcome):
    """bool (N,): the cases in which a run's answers have that outcome."""
    labels, answers = labels.numpy(), answers.numpy()
    called = answers > 0.5 if task == "multi-label" else answers.argmax(1)
    right = (called == labels).all(1) if task == "multi-label" else called == labels
    if outcome in (RIGHT, WRONG):
        return right if outcome == RIGHT else ~right
    true, positive = outcome.split()
    return (right == (true == "true")) & (called == (positive == "positive"))


def case_of(dataset, split, number):
    """The `Case` of that number in a split."""
    cases = getattr(dataset, split)
    return Case(
        key=(split, number),
        image=cases.images[number],
        name=f"image {number + 1} of the {split} split",
        code=f"dataset.{split}.images[{number}]",
        label=_label(cases.labels[number]),
        evidence=None if cases.evidence is None else cases.evidence[number],
    )


def _label(label):
    if label.is_floating_point():
        return float(label)
    return int(label) if label.dim() == 0 else tuple(torch.nonzero(label).flatten().tolist())


def label_of(label: torch.Tensor, card: Card) -> str:
    """The name of a case's class, or the names of its labels."""
    if label.dim() == 0:
        return card.classes[int(label)]
    return ", ".join(name for name, has in zip(card.classes, label.tolist()) if has) or "no label"


def as_image(image, run):
    """A user's own array as a uint8 image (C, H, W) or (C, D, H, W) that a run's model takes; (H, W, C) is turned
    round.

    Raises `InputError` for another type or size.
    """
    image = image.clone() if isinstance(image, torch.Tensor) else torch.from_numpy(np.array(image))
    card = run.card
    if image.dim() == 3 and card.dims == 2 and image.shape[-1] == card.channels != image.shape[0]:
        image = image.permute(2, 0, 1)
    Subject.of(run).batch(image, many=False)  # refuses what does not fit
    return (image.unsqueeze(0) if image.dim() == card.dims else image).contiguous()


def covered(image, square, fill, depth=0):
    """A copy of a uint8 image with a square covered; in a volume a cube around slice `depth`.

    square  (top, left, bottom, right)
    fill    "mean", "blurred" or "black": what `explanation` too puts in place of pixels
    """
    top, left, bottom, right = square
    ground = as_uint8(baseline(normalise(image[None]), fill)[0])
    where = (..., slice(top, bottom), slice(left, right))
    if image.dim() == 4:
        first = min(max(depth - (bottom - top) // 2, 0), image.shape[1] - (bottom - top))
        where = (slice(None), slice(first, first + bottom - top), *where[1:])
    copy = image.clone()
    copy[where] = ground[where]
    return copy
