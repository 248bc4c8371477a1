"""What the segmentation explorer computes: patients from slices, masks from probabilities, and numbers in words."""

import html
import math
from dataclasses import dataclass

import numpy as np
import torch

from ..data.dataset import normalise
from ..errors import InputError
from ..metrics.segmentation import segmentation_scores
from ..models.classical import Atlas
from ..models.inference import device_of, evaluating, to_model
from ..models.postprocessing import largest_component
from ..training.run import Run
from .cases import check_has_predictions, own_dataset

WORST, BEST, NUMBER = "worst first", "best first", "by number"
MOST = 500  # patients in the list: a longer one is no help
ALL = 0  # in place of a class: the whole foreground. The background's number is free


def decided(probabilities, looked=ALL, threshold=None):
    """The mask that probabilities (classes, …) amount to, uint8 (…).

    looked     a class, or ALL
    threshold  None: the likeliest class everywhere. 0…1: a pixel belongs to the class that is
               looked at where its probability is above; with ALL, to the likeliest foreground
               class where the foreground's probability is above
    """
    if threshold is None:
        return probabilities.argmax(axis=0).astype(np.uint8)
    if looked != ALL:
        return np.uint8(looked) * (probabilities[looked] > threshold)
    inside = 1 - probabilities[0] > threshold
    return (1 + probabilities[1:].argmax(axis=0)).astype(np.uint8) * inside


def dice_by_threshold(probabilities, truth, looked=ALL):
    """Dice at the thresholds 0.01, 0.02 … 0.99, (99,): of a class, with ALL the mean over the foreground classes."""
    classes = range(1, len(probabilities)) if looked == ALL else [looked]
    likeliest = 1 + probabilities[1:].argmax(axis=0) if looked == ALL else np.full(truth.shape, looked)
    score = 1 - probabilities[0] if looked == ALL else probabilities[looked]
    # A pixel of level k is above the thresholds 0.01 … k / 100, and no other.
    level = np.clip(np.ceil(100 * score) - 1, 0, 99).astype(np.int64)
    each = []
    for number in classes:
        called, real = likeliest == number, truth == number
        found, hits = (_above(level[where]) for where in (called, called & real))
        total = found + real.sum()
        each.append(np.where(total == 0, 1.0, 2 * hits / np.maximum(total, 1)))
    return np.mean(each, axis=0)


def _above(levels):
    """How many pixels are above each of the 99 thresholds."""
    counts = np.bincount(levels, minlength=100)
    return counts[::-1].cumsum()[::-1][1:]


def entropy(probabilities):
    """How undecided probabilities (classes, …) are, 0 (sure) … 1 (all classes alike)."""
    p = np.maximum(probabilities, 1e-7)
    return -(p * np.log(p)).sum(axis=0) / math.log(len(p))


def checked(run, dataset, split, others):
    """The data set, and {name: Run} of all runs; or an `InputError`."""
    if isinstance(run, Run) and run.card.task != "segmentation":
        other = "explorers.classification"
        if run.card.task == "regression" or run.card.frames:
            other = "explorers.sequence" if run.card.frames else "figures.predicted"
        raise InputError(f"this explorer shows segmentations, but the run is {run.card.task}; use {other}")
    if not isinstance(others, dict):
        raise InputError('others must be named runs, such as {"fcn": run}')
    dataset = own_dataset(run, dataset)
    first = getattr(run.model, "name", type(run.model).__name__)
    runs = {f"{first}, this run" if first in others else first: run, **others}
    cases = getattr(dataset, split, None) if split in ("val", "test") else None
    if cases is None:
        raise InputError(f'split is {split!r}; choose "val" or "test": of the training images no predictions are kept')
    wanted = in_volumes(cases.masks, dataset.card.dims, cases)
    for name, each in runs.items():
        if not isinstance(each, Run) or each.card.task != "segmentation":
            raise InputError(f"{name!r} is no Run of a segmentation; train one with fit(…)")
        check_has_predictions(each, split, f"the run {name!r}")
        truth, slices = each.labels[split], wanted
        if each.card.dims == 2:
            slices = wanted.flatten(0, 1)
        if (
            each.card.classes != dataset.card.classes
            or truth.shape != slices.shape
            or not bool((truth == slices).all())
        ):
            raise InputError(
                f"the {split} masks of the run {name!r} and of this {dataset.card.name} differ; give runs on the same"
                " images"
            )
        if not bool(each.predictions[split].isfinite().all()):
            raise InputError(f"the predictions of {name!r} hold NaN; train it again with a lower learning rate")
    return dataset, runs


def in_volumes(values, dims, cases):
    """Masks (N, H, W) or images (N, C, H, W) of the slices of `cases` as volumes (P, D, H, W) or (P, C, D, H, W).

    What is of volumes already, with dims 3, stays. Single images become volumes of one slice.
    """
    if dims == 3:
        return values
    count = len(cases) if cases.patients is None else len(cases.patients.unique_consecutive())
    volumes = values.unflatten(0, (count, -1))
    return volumes.transpose(1, 2) if volumes.dim() == 5 else volumes


class Patients:
    """A split patient by patient; images without slices are volumes of one slice.

    what       "patient", "volume" or "image"; `names` of all
    deep       whether they have slices
    truth      uint8 (P, D, H, W)
    images     uint8 (P, C, D, H, W)
    predicted  {run: probabilities (P, classes, D, H, W)}
    tested     {run: (P,)}: mean Dice as the runs were tested, of the likeliest class, with nothing afterwards
    """

    def __init__(self, dataset, split, runs):
        cases, card = getattr(dataset, split), dataset.card
        self._train, self.classes, self.spacing, self._dims = dataset.train, card.classes, card.spacing, card.dims
        self.deep = card.dims == 3 or cases.patients is not None
        self.truth = in_volumes(cases.masks, card.dims, cases).numpy()
        self.images = in_volumes(cases.images, card.dims, cases)
        self.predicted = {name: in_volumes(run.predictions[split], run.card.dims, cases) for name, run in runs.items()}
        self.what = "image" if not self.deep else "volume" if cases.patients is None else "patient"
        # Patients have numbers of their own; places are counted from 1.
        known = None if cases.patients is None else cases.patients.unique_consecutive().tolist()
        self.names = [f"{self.what} {number}" for number in known or range(1, len(self.truth) + 1)]
        self.tested = {name: np.array([*map(self._dice, each, self.truth)]) for name, each in self.predicted.items()}
        self._atlas = self._fitted_atlas()

    def _dice(self, probabilities, truth):
        return self.scored(decided(probabilities.float().numpy()), truth, distances=False)["dice"].mean()

    def scored(self, mask, truth, distances=True, looked=ALL):
        """{score: (classes looked at,)} of one patient."""
        found = segmentation_scores(self.flat(mask), self.flat(truth), len(self.classes), self.spacing, distances)
        rows = slice(None) if looked == ALL else slice(looked - 1, looked)
        return {name: values[0, rows] for name, values in found.items()}

    @property
    def train_masks(self):
        """(P, D, H, W) of the training split, or (P, H, W) where images have no slices."""
        return self._flat(in_volumes(self._train.masks, self._dims, self._train).numpy())

    def _fitted_atlas(self):
        """The `Atlas` of the training split; None where it cannot be one."""
        images = self._flat(_grey(in_volumes(self._train.images, self._dims, self._train)))
        try:
            return Atlas.fit(images, self.train_masks, len(self.classes))
        except InputError:
            return None

    def dice_of_atlas(self, number):
        """(foreground classes,) of a patient, or None where there is no atlas."""
        if self._atlas is None:
            return None
        mask = self._atlas.predict(self._flat(_grey(self.images[number][None])))[0]
        return self.scored(self.deepened(mask), self.truth[number], distances=False)["dice"]

    def flat(self, mask):
        """One patient's (D, H, W) as (1, D, H, W), or (1, H, W) where images have no slices."""
        return self._flat(mask[None])

    def _flat(self, volumes):
        return volumes if self.deep else volumes[..., 0, :, :]

    def deepened(self, values):
        """(…, D, H, W) again of what was computed without slices."""
        return values if self.deep else values[..., None, :, :]

    def masked(self, probabilities, looked, threshold, whole):
        """The mask (D, H, W) of what is looked at.

        whole  True: its largest piece alone; False: that of each class; None: as it is
        """
        mask = decided(probabilities, looked, threshold)
        if whole is not None:
            mask = self.deepened(largest_component(self.flat(mask), whole=whole)[0])
        return mask if looked == ALL else mask * (mask == looked)

    def shaped(self, shape, probabilities, weight):
        """Probabilities (classes, D, H, W) pulled towards a `MeanShape`."""
        return self.deepened(shape.apply(self.flat(probabilities), weight)[0])

    def listed(self, run, order, staying):
        """The patients in an order, with the one to stay with, or None: (words, number) each."""
        tested = self.tested[run]
        numbers = {
            WORST: np.argsort(tested, kind="stable"),
            BEST: np.argsort(-tested, kind="stable"),
            NUMBER: np.arange(len(tested)),
        }[order]
        listed = dict.fromkeys([*numbers[:MOST].tolist(), *([] if staying is None else [staying])])
        return [(f"{self.names[number]}, Dice {tested[number]:.3f}", number) for number in listed]

    def rank(self, run, number):
        """How a patient stands among all, as a run was tested, in words."""
        tested, own = self.tested[run], self.tested[run][number]
        return (
            f"As {run} was tested, {self.names[number]} has Dice {own:.3f}: place {1 + int((tested > own).sum())} of"
            f" {len(tested)}, whose median is {np.median(tested):.3f}."
        )

    @property
    def units(self):
        """Of distances, and of sizes."""
        if self.spacing is None:
            return "px", "voxels" if self.deep else "px"
        return "mm", "ml" if self.deep else "mm²"

    def size(self, pixels):
        """In ml, mm² or pixels, with three digits."""
        if self.spacing is None:
            return f"{pixels}"
        size = pixels * math.prod(self.spacing) / (1000 if self.deep else 1)
        return f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}" if size else "0"


def gates_of(run, image, at):
    """The attention gates of a run, from fine to coarse: of slice `at`, (h, w), or of a volume, (d, h, w), 0…1."""
    x = normalise((image if run.card.dims == 3 else image[:, at])[None])
    with torch.inference_mode(), evaluating(run.model):
        maps = run.model.attention(to_model(x, device_of(run.model)))
    return [gate[0, 0].float().cpu().numpy() for gate in maps]


def in_words(looked, classes):
    """What is looked at."""
    return "foreground" if looked == ALL else classes[looked]


def _grey(images):
    """uint8 (P, C, D, H, W) as a grey array (P, D, H, W), as the atlas takes it."""
    return images.float().mean(dim=1).round().to(torch.uint8).numpy()


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a mask scores, class by class, in words.

    patients  `Patients`
    run, number  whose mask, and of which patient
    looked    a class, or ALL
    scores    {score: (classes looked at,)}
    atlas     Dice of the atlas, (foreground classes,), or None
    truth, mask  uint8 (D, H, W)
    """

    patients: Patients
    run: str
    number: int
    looked: int
    scores: dict
    atlas: np.ndarray | None
    truth: np.ndarray
    mask: np.ndarray

    def rows(self):
        """(name, Dice, HD95, surface Dice, truth, predicted, atlas) of each class looked at, as texts."""
        classes = self.patients.classes
        if self.looked != ALL:
            return [self._row(classes[self.looked], 0, self.looked - 1, self.looked)]
        rows = [self._row(name, number, number, number + 1) for number, name in enumerate(classes[1:])]
        return [*rows, self._row("mean, sum", slice(None), slice(None), ALL)] if len(rows) > 1 else rows

    def _row(self, name, row, place, number):
        atlas = "–" if self.atlas is None else f"{self.atlas[place].mean():.3f}"
        digits = {"dice": 3, "hd95": 2, "surface_dice": 3}
        numbers = [
            f"{np.mean(self.scores[score][row]):.{places}f}" if score in self.scores else "–"
            for score, places in digits.items()
        ]
        inside = [each > 0 if number == ALL else each == number for each in (self.truth, self.mask)]
        return (name, *numbers, *(self.patients.size(each.sum()) for each in inside), atlas)

    def sentences(self):
        length, size = self.patients.units
        each = [
            f"{name}: Dice {dice} (atlas {atlas}), HD95 {far} {length}, surface Dice {near}, "
            f"truth {true} {size}, predicted {predicted} {size}."
            for name, dice, far, near, true, predicted, atlas in self.rows()
        ]
        return [*each, self.patients.rank(self.run, self.number)]

    def table(self):
        """HTML: the rows, and how the patient stands among all."""
        title = f"{self.patients.names[self.number].capitalize()}, {self.run}"
        below = self.patients.rank(self.run, self.number)
        length, size = self.patients.units
        heads = ("", "Dice", f"HD95, {length}", "surface Dice", f"truth, {size}", f"predicted, {size}", "atlas' Dice")
        cell = "style='text-align:right;padding:0 0.4em;vertical-align:bottom;white-space:normal'"
        left = "style='text-align:left;font-weight:normal;white-space:nowrap'"
        body = "".join(
            f"<tr><th scope='row' {left}>{html.escape(name)}</th>"
            + "".join(f"<td {cell}>{text}</td>" for text in texts)
            + "</tr>"
            for name, *texts in self.rows()
        )
        return (
            f"<h4 style='margin:0.4em 0 0 0'>{html.escape(title)}</h4><div style='overflow-x:auto'>"
            "<table style='line-height:1.35;max-width:430px'><tr>"
            + "".join(f"<th scope='col' {cell}>{text}</th>" for text in heads)
            + f"</tr>{body}</table></div><div style='line-height:1.35;max-width:420px'>{html.escape(below)}</div>"
        )
