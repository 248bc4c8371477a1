"""Groups of patients planted into images, so that it is known who was misjudged, and why.

MedMNIST says nothing about its patients: no sex, no age, no hospital of a single image. So groups are planted, openly:
every case is of group A or of group B, by lot, and the films of group B look as if another detector had made them, with
less contrast and less sharp. A network can then tell the groups apart, as it can on real films (Gichoya et al. 2022).

missed  part of the findings of group B is recorded as normal: under-diagnosis, a bias of the *label*. The `truth` stays
marker  a white marker goes with the finding in group B, and with nothing in group A: a shortcut of one group

From then on the images are phantoms: results say nothing about patients.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from .. import checks
from ..errors import InputError
from .card import SPLITS
from .dataset import Dataset, Split
from .phantoms.brushes import streams
from .planting import plant_marker

GROUPS = ("A", "B")
CONTRAST = 0.6  # of the films of group B


@dataclass(frozen=True, eq=False)
class GroupedDataset:
    """A data set in which every case is of a planted group.

    dataset  the `Dataset`, a phantom; its labels are what was *recorded*
    groups   {split: int64 (N,)}: 0 for group A, 1 for group B
    truth    {split: int64 (N,)}: the label before any was recorded wrongly
    """

    dataset: Dataset
    groups: Mapping[str, torch.Tensor]
    truth: Mapping[str, torch.Tensor]

    @property
    def title(self) -> str:
        """The name for print, which says that groups are planted."""
        return self.dataset.title

    def __str__(self) -> str:
        lines = [self.title]
        for split in SPLITS:
            group, truth = self.groups[split], self.truth[split]
            wrong = getattr(self.dataset, split).labels != truth
            each = ", ".join(
                f"{name} {int((group == i).sum())} ({int(truth[group == i].sum())} with the finding,"
                f" {int(wrong[group == i].sum())} of them recorded without)"
                for i, name in enumerate(GROUPS)
            )
            lines.append(f"{split}: {each}")
        return "\n".join(lines)

    __repr__ = __str__


def plant_groups(
    dataset: Dataset, *, share: float = 0.3, missed: float = 0.0, marker: float | None = None, seed: int = 0
) -> GroupedDataset:
    """A `GroupedDataset` of a data set of grey images with two classes.

    share   of the cases that are of group B, between 0 and 1
    missed  0…1: share of the findings (class 1) of group B that are recorded as class 0, in all splits
    marker  0…1: in group B how many of class 1, and one minus how many of class 0, bear a white marker in the corner,
            as recorded; in group A it says nothing, half of either class bear it. None: no marker at all
    seed    of who is of which group, whose finding is missed, and who bears a marker

    Raises `InputError` for shares beyond these, and for sets of other images or tasks.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 8, "test": 8})
    >>> planted = plant_groups(xray, share=0.5, missed=1.0)
    >>> planted.dataset.train.labels[planted.groups["train"] == 1].sum()  # nobody of group B is recorded as ill
    tensor(0)
    """
    checks.instance("dataset", dataset, Dataset, "a Dataset, such as load and from_arrays give")
    share = checks.number("share", share, above=0, below=1)
    missed = checks.number("missed", missed, 0, 1)
    seed = checks.whole("seed", seed, 0)
    card = dataset.card
    if card.task != "binary" or card.dims != 2 or card.channels != 1 or card.frames:
        raise InputError(f"groups are planted into grey images with two classes; {card.name} holds others")
    groups, recorded, truth = {}, {}, {}
    for name, rng in streams(seed).items():
        labels = getattr(dataset, name).labels.clone()
        groups[name] = torch.from_numpy((rng.random(len(labels)) < share).astype(np.int64))
        lost = torch.from_numpy(rng.random(len(labels)) < missed) & (groups[name] == 1)
        recorded[name], truth[name] = torch.where(lost, 0, labels), labels
    as_recorded = replace(dataset, **{name: replace(getattr(dataset, name), labels=recorded[name]) for name in SPLITS})
    marked = [as_recorded] * 2
    if marker is not None:
        marker = checks.number("marker", marker, 0, 1)
        # A stream of its own: numpy's generator of `seed` is that of [seed, 0], by which the groups were drawn.
        other = int(np.random.default_rng([seed, len(SPLITS)]).integers(2**31))
        marked = [plant_marker(as_recorded, agreement, seed=other) for agreement in (0.5, marker)]
    first, second = marked
    splits = {name: _of_both(getattr(first, name), getattr(second, name), groups[name]) for name in SPLITS}
    card = replace(
        card,
        name=f"{card.name}-groups",
        title=f"{card.title} with planted groups",
        mirror=() if marker is not None else card.mirror,
        warnings=("PHANTOM: groups of patients, and what was done to them, were planted by medtutor.", *card.warnings),
    )
    return GroupedDataset(Dataset(**splits, card=card, provenance="phantom"), groups, truth)


def _of_both(first: Split, second: Split, group: torch.Tensor) -> Split:
    """Each case as its group has it: without a marker, or with that of its group, and on its detector."""
    is_second = (group == 1)[:, None, None, None]
    images = torch.where(is_second, as_group(second.images, "B"), first.images)
    return replace(first, images=images, evidence=None)


def as_group(images: torch.Tensor, group: str) -> torch.Tensor:
    """The same films as the detector of a group gives them, uint8 (N, 1, H, W): what is shown stays, its look changes.

    images  uint8 (N, 1, H, W), as of group A
    group   "A", as they are, or "B": each pixel the mean of 3 x 3, with `CONTRAST` of the distance from mid-grey

    So one patient can be shown as either: a fair comparison of two groups has the same patients in both. Raises
    `InputError` for another group, and for other images.

    >>> film = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    >>> as_group(film, "B").unique()
    tensor([204], dtype=torch.uint8)
    """
    checks.one_of("group", group, GROUPS)
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or images.dim() != 4:
        raise InputError("the images of a group are a uint8 tensor (N, 1, H, W), as in dataset.test.images")
    if group == "A":
        return images.clone()
    room = torch.nn.functional.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    smooth = torch.nn.functional.avg_pool2d(room, 3, stride=1)
    return (127.5 + CONTRAST * (smooth - 127.5)).round().clamp(0, 255).to(torch.uint8)


def redrawn(dataset: Dataset, weights: ArrayLike, seed: int = 0) -> Dataset:
    """The data set with as many training cases, drawn with replacement in proportion to weights.

    It does to a training what weights in the loss do, on average, and needs no other loss.

    weights  (N,), 0 or more, one for each training case, such as `metrics.groups.balancing_weights` gives
    seed     of the draw

    Raises `InputError` for weights of other cases, below 0, or all 0.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> redrawn(xray, (xray.train.labels == 1).float()).train.labels.unique()  # the others weigh nothing
    tensor([1])
    """
    checks.instance("dataset", dataset, Dataset, "a Dataset, such as load and from_arrays give")
    weights = checks.as_numbers("weights", weights).astype(np.float64)
    if weights.shape != (len(dataset.train),) or (weights < 0).any() or not weights.sum():
        raise InputError(f"weights must be {len(dataset.train)} numbers from 0, one for each training case, not all 0")
    rng = np.random.default_rng(checks.whole("seed", seed, 0))
    rows = torch.from_numpy(rng.choice(len(weights), len(weights), p=weights / weights.sum()))
    train = replace(
        dataset.train, **{name: tensor[rows] for name, tensor in vars(dataset.train).items() if tensor is not None}
    )
    return replace(dataset, train=train)
