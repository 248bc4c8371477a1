"""One benchmark in memory: `Split`, `Dataset`, and `from_arrays`.

Images stay uint8 tensors, decoded once. They become floats per batch, with
`normalise`: 252 MB for PathMNIST instead of 1 GB.

Shapes: images (N, C, H, W), volumes (N, C, D, H, W), sequences
(N, T, C, H, W). Labels (N,) int64, or (N, L) int64 of 0 and 1 for multi-label.
Masks (N, H, W) or (N, D, H, W) uint8: the number of each pixel's class.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import InputError
from .catalog import TASKS, Card

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """The cases of one split.

    images    uint8, (N, C, H, W), (N, C, D, H, W) or (N, T, C, H, W)
    labels    int64, (N,), or (N, L) for multi-label; float32 (N,) of a regression;
              None for a segmentation
    evidence  bool, (N, H, W), (N, D, H, W) or (N, T, H, W): the pixels that decide the
              label. Known of phantoms only, else None
    masks     uint8, shape of evidence: which structure each pixel belongs
              to (0 is background). What a segmentation learns; else known of
              phantoms only, and None
    patients  int64, (N,): whose slice it is, where the images are slices of volumes;
              the slices of one volume stand together, in order. Else None. (Of the
              hippocampus the number of the volume: a patient may have two, one a side)
    """

    images: torch.Tensor
    labels: torch.Tensor | None
    evidence: torch.Tensor | None = None
    masks: torch.Tensor | None = None
    patients: torch.Tensor | None = None

    def __len__(self):
        return len(self.images)

    @property
    def targets(self):
        """What is learned: the labels, or the masks of a segmentation."""
        return self.masks if self.labels is None else self.labels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits, their `Card`, and where they come from.

    provenance: "medmnist" (the published file, MD5 checked), "decathlon" (published
    volumes of the Medical Segmentation Decathlon), "phantom" (drawn by medtutor, no
    patients) or "arrays" (the user's own).
    """

    train: Split
    val: Split
    test: Split
    card: Card
    provenance: str

    @property
    def is_phantom(self):
        return self.provenance == "phantom"

    @property
    def title(self):
        """The name for print; a phantom says that it is one."""
        return f"{self.card.title} (PHANTOM, drawn by medtutor)" if self.is_phantom else self.card.title

    def as_sequence(self):
        """Volumes read as sequences of slices: (N, C, D, H, W) -> (N, D, C, H, W).

        Raises `InputError` for a set that does not hold volumes.
        """
        if self.card.dims != 3:
            raise InputError(f"{self.card.name} does not hold volumes; only a 3-D set can be read as slices")
        if self.card.task == "segmentation":
            raise InputError("sequences cannot be segmented yet; give single images or volumes and their masks")
        card = replace(
            self.card,
            shape=self.card.shape[1:],
            frames=self.card.shape[0],
            mirror=tuple(axis for axis in self.card.mirror if axis != -3),
        )
        splits = {
            name: replace(getattr(self, name), images=getattr(self, name).images.transpose(1, 2)) for name in SPLITS
        }
        return Dataset(**splits, card=card, provenance=self.provenance)

    def as_volumes(self):
        """Slices stacked to a volume per patient: (N, C, H, W) -> (patients, C, D, H, W), masks alike.

        Raises `InputError` where it is not known whose slice is whose, or where the
        patients have unequal numbers of slices.
        """
        if any(getattr(self, name).patients is None for name in SPLITS):
            raise InputError(f"{self.card.name} does not say which images are of one patient; give volumes to from_arrays")
        splits = {name: _stacked(getattr(self, name), self.card.name) for name in SPLITS}
        card = replace(self.card, shape=tuple(splits["train"].images.shape[2:]))
        return Dataset(**splits, card=card, provenance=self.provenance)

    def __str__(self):
        rows = ", ".join(f"{len(getattr(self, name))} {name}" for name in SPLITS)
        if self.train.patients is not None and len(self.train.patients.unique()) < len(self.train):
            of = ", ".join(f"{len(getattr(self, name).patients.unique())} {name}" for name in SPLITS)
            rows += f"\nvolumes: {of}"
        source = {
            "medmnist": "published images, MD5 checked",
            "decathlon": "published volumes, as found on disk",
            "phantom": "PHANTOM: drawn by medtutor, no patient's image",
            "arrays": "your own arrays",
        }[self.provenance]
        return f"{self.card}\ncases: {rows}\nsource: {source}"

    __repr__ = __str__


def _stacked(split, name):
    """A split of slices as one of volumes."""
    patients, counts = split.patients.unique_consecutive(return_counts=True)
    if len(counts.unique()) > 1 or len(patients.unique()) < len(patients):
        raise InputError(f"the patients of {name} have unequal numbers of slices, or their slices do not stand together")
    depth = int(counts[0])

    def volumes(slices):
        return None if slices is None else slices.unflatten(0, (-1, depth))

    return Split(
        volumes(split.images).transpose(1, 2).contiguous(), None, volumes(split.evidence), volumes(split.masks), patients
    )


def normalise(images):
    """uint8 0…255 to float32 -1…1, the range that all models here expect."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def as_uint8(images):
    """Back from `normalise`: float -1…1 to uint8 0…255; what lies beyond is cut off."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def from_arrays(
    train, val, test, *, classes=None, task=None, name="arrays", sequence=False, mirror=(), spacing=None, patients=None
):
    """A `Dataset` of your own uint8 arrays.

    train, val, test  pairs (images, labels). images: uint8, numpy or torch,
                      (N, H, W), (N, H, W, C) with C 1 or 3, volumes
                      (N, D, H, W) or (N, D, H, W, C); with `sequence`
                      (N, T, H, W) or (N, T, H, W, C).
                      labels: whole numbers (N,), or (N, L) of 0 and 1; for a
                      regression any numbers (N,); for a segmentation masks (N, H, W) or (N, D, H, W), the number of
                      each pixel's class, 0 the background
    classes           the names of the labels; "class 0", … when left out; of a
                      regression the one name of what is predicted
    task              "binary", "multi-class", "multi-label", "ordinal", "segmentation" or
                      "regression"; left out: from the labels (the last and "ordinal" must
                      be said)
    mirror            axes along which a mirrored image keeps its label:
                      (-1,) allows left-right flips. None by default: safe
    spacing           of a segmentation: millimetres between slices, rows and columns,
                      such as (1.0, 0.5, 0.5), or (rows, columns) where each image is a
                      case of its own; distances are in pixels when left out
    patients          of a segmentation by slices: {"train": (N,) whole numbers, …}, whose
                      slice it is; measured is then each patient's volume

    Raises `InputError` with one sentence for anything that cannot be trained
    on: floats, NaN, unequal counts or sizes, a label out of range, an empty
    split, a split with one class.
    """
    if task is not None and task not in TASKS:
        raise InputError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}")
    pairs = {}
    for split, given in zip(SPLITS, (train, val, test)):
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise InputError(f"{split} must be a pair (images, labels)")
        pairs[split] = tuple(_as_numpy(array, f"{split} {what}") for array, what in zip(given, ("images", "labels")))

    labels = _real_numbers("train", pairs["train"][1]) if task == "regression" else _whole_numbers("train", pairs["train"][1])
    if task is None and labels.ndim > 2:
        task = "segmentation"
    if task == "segmentation" and sequence:
        raise InputError("sequences cannot be segmented yet; give single images or volumes and their masks")
    if task != "segmentation" and (spacing is not None or patients is not None):
        raise InputError("spacing and patients are for a segmentation; say task='segmentation', or leave them out")
    if task is None:
        many = labels.ndim == 2 and labels.shape[1] > 1
        if many and (labels.sum(axis=1) == 1).all():
            raise InputError(
                "every train case has exactly one label: give class numbers, labels.argmax(1), or say task='multi-label'"
            )
        task = "multi-label" if many else "binary" if labels.size and labels.max() < 2 else "multi-class"
    if task == "regression" and classes is not None and len(classes) != 1:
        raise InputError(f"a regression predicts one number, so classes must hold its one name, not {len(classes)}")
    if classes is None and task == "regression":
        classes = ["target"]
    if classes is None:
        count = labels.shape[-1] if task == "multi-label" and labels.ndim == 2 else int(labels.max(initial=0)) + 1
        classes = [f"class {i}" for i in range(max(count, 2))]
    if task == "binary" and len(classes) != 2:
        raise InputError(f"a binary task has 2 classes, not {len(classes)}; name two, or say task='multi-class'")

    images = {split: _channels_first(pairs[split][0], split, sequence) for split in SPLITS}
    shape = tuple(images["train"].shape)
    frames, channels, spatial = (shape[1], shape[2], shape[3:]) if sequence else (None, shape[1], shape[2:])
    allowed = tuple(range(-1, -1 - len(spatial), -1))
    if not isinstance(mirror, (tuple, list)) or not set(mirror) <= set(allowed):
        raise InputError(f"mirror must be a tuple of axes out of {allowed}, not {mirror!r}")
    measured = len(spatial) + (patients is not None)  # axes along which distances are measured
    if spacing is not None and (len(spacing) != measured or not all(0 < step < float("inf") for step in spacing)):
        raise InputError(f"spacing must be {measured} lengths in millimetres, one for each axis, not {spacing!r}")
    card = Card(
        name=name, title=name, modality="your own images", task=task, classes=tuple(map(str, classes)), channels=channels,
        shape=spatial, frames=frames, mirror=tuple(mirror), licence="yours", spacing=spacing and tuple(map(float, spacing)),
    )  # fmt: skip
    splits = {}
    for split in SPLITS:
        if task == "segmentation":
            of_whom = None if patients is None else _as_numpy(patients.get(split, ()), f"{split} patients")
            splits[split] = make_segmentation_split(split, images[split], pairs[split][1], card, of_whom)
        else:
            splits[split] = make_split(split, images[split], pairs[split][1], card)
    return Dataset(**splits, card=card, provenance="arrays")


def _as_numpy(array, what):
    try:
        return array.cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    except ValueError:
        raise InputError(f"{what}: the rows have different shapes; give one array") from None


def _channels_first(images, split, sequence):
    """(N[, T], *spatial[, C]) uint8 array to a tensor (N[, T], C, *spatial)."""
    if images.ndim and len(images) == 0:
        raise InputError(f"the {split} split is empty")
    if images.dtype.kind == "f" and np.isnan(images).any():
        raise InputError(f"{split} images hold NaN; clean them, scale to 0…255 and convert to uint8")
    if images.dtype != np.uint8:
        raise InputError(f"{split} images are {images.dtype}; scale to 0…255 and convert to uint8")
    lead = 2 if sequence else 1
    has_channel = images.ndim > lead + 2 and images.shape[-1] in (1, 3)
    spatial = images.ndim - lead - has_channel
    if spatial not in ((2,) if sequence else (2, 3)):
        expected = "(N, T, H, W[, C])" if sequence else "(N, H, W[, C]) or (N, D, H, W[, C])"
        raise InputError(f"{split} images have shape {images.shape}; expected {expected} with C 1 or 3")
    # Channels first and four channels would pass for thin volumes.
    if spatial == 3 and not has_channel and (images.shape[1] in (1, 3, 4) or images.shape[-1] in (2, 4)):
        raise InputError(
            f"{split} images have shape {images.shape}; put 1 or 3 channels last, (N, H, W, C), "
            "and write volumes of so few slices as (N, D, H, W, 1)"
        )
    images = torch.from_numpy(np.require(images, requirements=["C", "W"]))  # torch warns of read-only arrays
    return images.movedim(-1, lead).contiguous() if has_channel else images.unsqueeze(lead)


def make_split(name, images, labels, card):
    """A checked `Split` of channels-first uint8 images and an array of labels.

    Raises `InputError` where images and labels do not fit each other or `card`.
    """
    if len(images) == 0:
        raise InputError(f"the {name} split is empty")
    labels = _real_numbers(name, labels) if card.task == "regression" else _whole_numbers(name, labels)
    if len(images) != len(labels):
        raise InputError(f"the {name} split has {len(images)} images but {len(labels)} labels")
    expected = (card.channels, *card.shape) if card.frames is None else (card.frames, card.channels, *card.shape)
    if tuple(images.shape[1:]) != expected:
        raise InputError(f"{name} images have shape {tuple(images.shape[1:])}, expected {expected}")
    return Split(images, torch.from_numpy(labels) if card.task == "regression" else _checked_labels(name, labels, card))


def make_segmentation_split(name, images, masks, card, patients=None):
    """A checked `Split` of channels-first uint8 images, an array of masks, and whose images they are.

    Raises `InputError` where images, masks and patients do not fit each other or `card`.
    """
    if len(images) == 0:
        raise InputError(f"the {name} split is empty")
    masks = _whole_numbers(name, masks)
    if tuple(masks.shape) != (len(images), *card.shape):
        raise InputError(
            f"{name} masks have shape {tuple(masks.shape)}, expected {(len(images), *card.shape)}: one class number for each pixel"
        )
    if tuple(images.shape[1:]) != (card.channels, *card.shape):
        raise InputError(f"{name} images have shape {tuple(images.shape[1:])}, expected {(card.channels, *card.shape)}")
    count = len(card.classes)
    out = masks[(masks < 0) | (masks >= count)]
    if out.size:
        raise InputError(f"{name} masks hold {out[0]}, out of range 0…{count - 1} for {count} classes")
    missing = [card.classes[i] for i in range(1, count) if not (masks == i).any()]
    if missing:
        raise InputError(f"the {name} split has no pixel of {missing[0]}; what is not there cannot be learned or measured")
    if patients is not None:
        patients = torch.from_numpy(_whole_numbers(f"{name} patients:", patients))
        if patients.shape != (len(images),):
            raise InputError(f"the {name} split has {len(images)} images but {len(patients)} patient numbers; give one for each image")
        split = Split(images, None, masks=torch.from_numpy(masks.astype(np.uint8)), patients=patients)
        _stacked(split, f"the {name} split")  # refuses what cannot be stacked
        return split
    return Split(images, None, masks=torch.from_numpy(masks.astype(np.uint8)))


def _real_numbers(name, labels):
    """An array of numbers to be predicted, as float32 (N,). Raises `InputError` for text, NaN, or all equal."""
    labels = labels.squeeze(1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "biuf" or labels.ndim != 1 or not np.isfinite(labels).all():
        raise InputError(f"{name} labels of a regression must be finite numbers, one for each case")
    if labels.size and labels.min() == labels.max():
        raise InputError(f"all {name} labels are {labels[0]:g}: there is nothing to predict")
    return labels.astype(np.float32)


def _whole_numbers(name, labels):
    """An array of labels as int64. Raises `InputError` for text, NaN, 0.5 or a single number."""
    numbers = labels.dtype.kind in "biuf" and labels.ndim > 0
    if not numbers or not np.isfinite(labels).all() or (labels != np.round(labels)).any():
        raise InputError(f"{name} labels must be whole numbers (0, 1, …), one for each case")
    return labels.astype(np.int64)


def _checked_labels(name, labels, card):
    labels = torch.from_numpy(labels)
    count = len(card.classes)
    if card.task == "multi-label":
        if labels.ndim != 2 or labels.shape[1] != count:
            raise InputError(
                f"{name} labels have shape {tuple(labels.shape)}; a multi-label task needs one column per class, 0 or 1"
            )
        if ((labels < 0) | (labels > 1)).any():
            raise InputError(f"{name} labels of a multi-label task must be 0 or 1")
        constant = [card.classes[i] for i in range(count) if labels[:, i].unique().numel() < 2]
        if constant:
            raise InputError(f"in the {name} split every case has the same label for {constant[0]}: no AUC exists")
        return labels
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.squeeze(1)
    if labels.ndim != 1:
        raise InputError(f"{name} labels have shape {tuple(labels.shape)}, expected (N,)")
    out = labels[(labels < 0) | (labels >= count)]
    if out.numel():
        raise InputError(f"{name} labels hold {out[0].item()}, out of range 0…{count - 1} for {count} classes")
    present = labels.unique().tolist()
    if len(present) == 1:
        raise InputError(f"the {name} split holds one class only ({card.classes[present[0]]}): nothing to tell apart")
    if name == "train" and len(present) < count:
        missing = next(c for i, c in enumerate(card.classes) if i not in present)
        raise InputError(f"the train split has no case of {missing}; a class without examples cannot be learned")
    return labels
