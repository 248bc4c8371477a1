"""One benchmark in memory: `Split` and `Dataset`.

Images stay uint8 tensors, decoded once. They become floats per batch, with
`normalise`: 252 MB for PathMNIST instead of 1 GB.

Shapes: images (N, C, H, W), volumes (N, C, D, H, W), sequences
(N, T, C, H, W). Labels (N,) int64, or (N, L) int64 of 0 and 1 for multi-label.
Masks (N, H, W) or (N, D, H, W) uint8: the number of each pixel's class.
"""

from dataclasses import dataclass, replace

import torch

from ..checks import instance, one_of
from ..errors import InputError
from .card import SPLITS, Card

PROVENANCES = {
    "medmnist": "published images, MD5 checked",
    "decathlon": "published volumes, as found on disk",
    "phantom": "PHANTOM: drawn by medtutor, no patient's image",
    "arrays": "your own arrays",
}


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
              hippocampus the number of the volume: a person may have two, one a side)
    subjects  int64, (N,): which person it is of, where one person may have several images or volumes: intervals
              draw people, not images. Else None: each case, or each of `patients`, is another person's

    Raises `InputError` for images of another type, and where what is learned has not N cases.

    >>> split = Split(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 0]))
    >>> len(split), split.targets
    (3, tensor([0, 1, 0]))
    """

    images: torch.Tensor
    labels: torch.Tensor | None
    evidence: torch.Tensor | None = None
    masks: torch.Tensor | None = None
    patients: torch.Tensor | None = None
    subjects: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if (
            not isinstance(self.images, torch.Tensor)
            or self.images.dtype != torch.uint8
            or self.images.dim() not in (4, 5)
        ):
            raise InputError(
                "the images of a Split are a uint8 tensor (N, C, H, W), …; from_arrays makes one of other arrays"
            )
        for name in ("labels", "patients", "subjects", "targets"):
            given = getattr(self, name)
            if given is not None and (not isinstance(given, torch.Tensor) or len(given) != len(self.images)):
                raise InputError(
                    f"the {name} of a Split are a tensor with one entry for each of its {len(self.images)} images, or"
                    " None"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def targets(self) -> torch.Tensor | None:
        """What is learned: the labels, or the masks of a segmentation."""
        return self.masks if self.labels is None else self.labels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits, their `Card`, and where they come from.

    provenance: "medmnist" (the published file, MD5 checked), "decathlon" (published
    volumes of the Medical Segmentation Decathlon), "phantom" (drawn by medtutor, no
    patients) or "arrays" (the user's own).

    >>> from medtutor.data import card, phantoms
    >>> drawn = phantoms.draw(card("vesselmnist3d"), {"train": 5, "val": 4, "test": 3})
    >>> drawn.is_phantom, len(drawn.val), drawn.train.images.shape
    (True, 4, torch.Size([5, 1, 28, 28, 28]))
    >>> drawn.as_sequence().train.images.shape  # 28 slices of each volume
    torch.Size([5, 28, 1, 28, 28])
    """

    train: Split
    val: Split
    test: Split
    card: Card
    provenance: str

    def __post_init__(self) -> None:
        one_of("provenance", self.provenance, PROVENANCES)

    @property
    def is_phantom(self) -> bool:
        """Whether medtutor drew the images."""
        return self.provenance == "phantom"

    @property
    def title(self) -> str:
        """The name for print; a phantom says that it is one."""
        return f"{self.card.title} (PHANTOM, drawn by medtutor)" if self.is_phantom else self.card.title

    def as_sequence(self) -> "Dataset":
        """Volumes read as sequences of slices: (N, C, D, H, W) -> (N, D, C, H, W).

        A data set of its own: it shares no tensor with this one. Raises `InputError` for a set that does not hold
        volumes, and for a segmentation.
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
        splits = {name: _copied(getattr(self, name)) for name in SPLITS}
        splits = {
            name: replace(split, images=split.images.transpose(1, 2).contiguous()) for name, split in splits.items()
        }
        return Dataset(**splits, card=card, provenance=self.provenance)

    def as_volumes(self) -> "Dataset":
        """Slices stacked to a volume per patient: (N, C, H, W) -> (patients, C, D, H, W), masks alike.

        A data set of its own: it shares no tensor with this one. Raises `InputError` where it is not known whose slice
        is whose, or where the patients have unequal numbers of slices.
        """
        if any(getattr(self, name).patients is None for name in SPLITS):
            raise InputError(
                f"{self.card.name} does not say which images are of one patient; give volumes to from_arrays"
            )
        splits = {name: _copied(stacked(getattr(self, name), self.card.name)) for name in SPLITS}
        if len({split.images.shape[2] for split in splits.values()}) > 1:
            raise InputError(f"the patients of {self.card.name} have unequal numbers of slices in its splits")
        card = replace(self.card, shape=tuple(splits["train"].images.shape[2:]))
        return Dataset(**splits, card=card, provenance=self.provenance)

    def __str__(self) -> str:
        rows = ", ".join(f"{len(getattr(self, name))} {name}" for name in SPLITS)
        if self.train.patients is not None and len(self.train.patients.unique()) < len(self.train):
            of = ", ".join(f"{len(getattr(self, name).patients.unique())} {name}" for name in SPLITS)
            rows += f"\nvolumes: {of}"
        if all(getattr(self, name).subjects is not None for name in SPLITS):
            of = ", ".join(f"{len(getattr(self, name).subjects.unique())} {name}" for name in SPLITS)
            rows += f"\npeople: {of}"
        return f"{self.card}\ncases: {rows}\nsource: {PROVENANCES[self.provenance]}"

    __repr__ = __str__


def _copied(split):
    """The split with tensors of its own."""
    return replace(split, **{name: tensor.clone() for name, tensor in vars(split).items() if tensor is not None})


def stacked(split, name):
    """A split of slices as one of volumes."""
    if split.labels is not None:
        raise InputError(f"{name} has a label for each slice; only the slices of a segmentation are stacked to volumes")
    patients, counts = split.patients.unique_consecutive(return_counts=True)
    if len(counts.unique()) > 1 or len(patients.unique()) < len(patients):
        raise InputError(
            f"the patients of {name} have unequal numbers of slices, or their slices do not stand together"
        )
    depth = int(counts[0])
    if split.subjects is not None and (split.subjects.unflatten(0, (-1, depth)).diff(dim=1) != 0).any():
        raise InputError(f"the slices of one patient of {name} are of several subjects; give all of them one number")

    def volumes(slices):
        return None if slices is None else slices.unflatten(0, (-1, depth))

    return Split(
        volumes(split.images).transpose(1, 2).contiguous(),
        None,
        volumes(split.evidence),
        volumes(split.masks),
        patients,
        None if split.subjects is None else split.subjects[::depth].clone(),
    )


def check_apart(splits, kind):
    """Refuse a patient or subject who stands in two splits: what is tested would have been learned."""
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        both = sorted(set.intersection(*(set(getattr(splits[name], kind).tolist()) for name in (first, second))))
        if both:
            who = ", ".join(map(str, both[:3])) + (", …" if len(both) > 3 else "")
            raise InputError(
                f"{len(both)} of the {kind} ({who}) stand in {first} and in {second}: what was learned would be"
                f" tested; put all {'slices' if kind == 'patients' else 'images'} of a {kind[:-1]} into one split, or"
                f" give other {kind} other numbers"
            )


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 0…255 to float32 -1…1, the range that all models here expect; the images are left as they are.

    Raises `InputError` for anything but a tensor.

    >>> normalise(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([-1.0000, -0.6000,  1.0000])
    """
    instance("images", images, torch.Tensor, "a tensor (torch.from_numpy makes one of an array)")
    # A copy, also of float32 images, so that the rest may work in place.
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1.0)


def as_uint8(images: torch.Tensor) -> torch.Tensor:
    """Back from `normalise`: float -1…1 to uint8 0…255; what lies beyond is cut off. The images are left as they are.

    Raises `InputError` for anything but a tensor.

    >>> as_uint8(torch.tensor([-1.0, 0.0, 1.5]))
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    instance("images", images, torch.Tensor, "a tensor (torch.from_numpy makes one of an array)")
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
