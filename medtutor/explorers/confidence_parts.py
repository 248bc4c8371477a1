"""What the confidence explorer is made of: its cases, and what it refuses."""

import numpy as np
import torch

from ..data.dataset import Dataset, Split
from ..errors import InputError
from ..explanation.familiar import Known, known
from ..training.run import Run
from .cases import check_classes, check_has_predictions, check_no_sequences, has_labels_of, was_made_on

NEIGHBOURS, REMEMBERED = 4, 600  # training images shown, and looked through
THRESHOLDS = np.linspace(0.01, 0.99, 99)  # of the decision curve


def nearest_threshold(threshold: float) -> int:
    """The number of that threshold in `THRESHOLDS`."""
    return int(np.abs(THRESHOLDS - threshold).argmin())


def remembered(run: Run, train: Split) -> tuple[torch.Tensor, torch.Tensor, Known | None]:
    """(images, labels, features) of at most `REMEMBERED` training cases, evenly spaced.

    The features are None of a network that makes none of its own before its last layer.
    """
    step = -(-len(train) // REMEMBERED)
    assert train.labels is not None  # of a segmentation they are, and that is refused
    images, labels = train.images[::step], train.labels[::step]
    try:
        return images, labels, known(run, images)
    except InputError:
        return images, labels, None


def half_of(labels: torch.Tensor) -> np.ndarray:
    """bool (N,): half of each class, at random and always the same."""
    half, generator = np.zeros(len(labels), bool), np.random.default_rng(0)
    for each in labels.unique().tolist():
        rows = generator.permutation(np.flatnonzero(labels.numpy() == each))
        half[rows[: len(rows) // 2]] = True
    return half


def log_probabilities(probabilities: torch.Tensor) -> np.ndarray:
    """Logits as good as the model's own, float64 (N, classes)."""
    return np.log(probabilities.double().numpy().clip(1e-12))


def check(run: Run, dataset: Dataset, split: str) -> None:
    """Raises `InputError` for what cannot be shown."""
    if not isinstance(run, Run) or not isinstance(dataset, Dataset):
        raise InputError(
            f"confidence takes a Run and its Dataset, not {type(run).__name__} and {type(dataset).__name__}"
        )
    card = run.card
    check_no_sequences(run)
    if card.dims != 2:
        raise InputError("this explorer shows single images, but the run looks at volumes; use explorers.explore(run)")
    check_classes(run)
    if card.task == "multi-label":
        raise InputError("this explorer shows sets of classes of which one is true, but the run has several labels")
    if not was_made_on(run, dataset):
        raise InputError(
            f"the run was made on {card.name} ({run.provenance}, {card.size} pixels), not on this data set,"
            f" {dataset.card.name} ({dataset.provenance}, {dataset.card.size} pixels); give the run's own"
        )
    for each in dict.fromkeys((split, "val")):
        check_has_predictions(run, each)
        if not has_labels_of(run, dataset, each):
            raise InputError(
                f"the {each} labels of the run and of this {card.name} differ; give the run's own data set"
            )
        if not bool(run.predictions[each].isfinite().all()):
            raise InputError("the run's predictions hold NaN; train it again with a lower learning rate")
        counts = run.labels[each].long().bincount(minlength=len(card.classes))
        if int(counts.min()) < 2:
            raise InputError(
                f"the {each} split has {int(counts.min())} cases of {card.classes[int(counts.argmin())]}; to calibrate"
                " and to look takes two of each class or more"
            )
