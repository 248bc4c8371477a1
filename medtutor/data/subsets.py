"""Parts of a data set: what stands in two splits at once, and fewer training cases.

A network that has seen an image, or another one of the same lesion, need not understand
it: what it scores on such images says little about new patients.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..checks import number, whole
from ..checks import seed as checked_seed
from ..errors import InputError, unknown
from .dataset import Dataset, Split

ALIKE = 0.97  # correlation above which two images are called alike
SHARED = ("breastmnist",)  # published sets whose splits share images: results on them stand twice
# Of numbers at once, so that memory stays small: 32 MB of pixels, 16 MB of correlations.
PIXELS, ROWS = 2**23, 2048
# Products that `warn_of_leaks` spends on near-duplicates of each pair of splits: a fraction of a second on one core.
# To prepare a pixel for them takes as long as so many products.
WORK, PREPARING = 3 * 10**9, 100


class LeakWarning(UserWarning):
    """Images of one split stand in another, too."""


@dataclass(frozen=True, eq=False)
class Duplicates:
    """What `near_duplicates` found for each of N images.

    match        int64 (N,): the number of the other image that is most alike; the same one where there is
                 one, byte for byte; -1 for an image of one value everywhere, which shows nothing
    correlation  float32 (N,): of the pixels of the two, -1…1; 0 where there is no match
    exact        bool (N,): the two are the same, byte for byte
    near         bool (N,): the two are the same, or correlate above the threshold
    """

    match: torch.Tensor
    correlation: torch.Tensor
    exact: torch.Tensor
    near: torch.Tensor

    def __str__(self) -> str:
        return (
            f"of {len(self.match)} images {int(self.near.sum())} have a near-duplicate, {int(self.exact.sum())} of them"
            " byte for byte"
        )

    __repr__ = __str__


def near_duplicates(
    images: torch.Tensor | np.ndarray, others: torch.Tensor | np.ndarray, *, threshold: float = ALIKE
) -> Duplicates:
    """Which images have a near-duplicate among others, and which: `Duplicates`.

    images, others  uint8 tensors or arrays of images, volumes or sequences of one shape, (N, …) and (M, …)
    threshold       the correlation, -1…1, above which two images are called alike

    Correlation does not see brightness and contrast: a copy that is darker is still a copy. An image of one
    value everywhere, such as a black slice, shows nothing and is nobody's duplicate. Time goes with
    N * M * pixels: a test set against PneumoniaMNIST's training images takes less than a second.

    Raises `InputError` for other types and for shapes that differ.

    >>> images = torch.randint(256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    >>> found = near_duplicates(images // 2, images[:2])  # half as bright
    >>> found.near.tolist(), found.match[:2].tolist()
    ([True, True, False, False, False], [0, 1])
    """
    threshold = number("threshold", threshold, -1, 1)
    images, others = _checked(images, "images"), _checked(others, "others")
    if images.shape[1:] != others.shape[1:]:
        raise InputError(
            f"images of shape {tuple(images.shape[1:])} and {tuple(others.shape[1:])} do not compare; give both of one"
            " shape"
        )
    match, correlation = _most_alike(images, others)
    same = _same(images, others)
    exact = same >= 0
    match = torch.where(exact, same, match)
    correlation[exact] = 1.0
    return Duplicates(match, correlation, exact, exact | (correlation > threshold))


def unshared(dataset: Dataset) -> torch.Tensor | None:
    """Which test images have no near-duplicate in train, bool (N,); None where the set is not of those published ones
    whose splits share images, as their cards say.

    >>> from medtutor.data import card, phantoms
    >>> unshared(phantoms.draw(card("breastmnist"), {"train": 4, "val": 4, "test": 4}))  # drawn ones share none
    """
    if dataset.card.name not in SHARED or dataset.is_phantom:
        return None
    return ~near_duplicates(dataset.test.images, dataset.train.images).near


def warn_of_leaks(splits: Mapping[str, torch.Tensor], stacklevel: int) -> tuple[str, ...]:
    """Sentences on the images that stand in two of the splits, given out as a `LeakWarning`, too; () where there are
    none.

    splits  {"train": images, "val": …, "test": …}, uint8 tensors

    All images are compared byte for byte. Near-duplicates are looked for with `WORK` products for each pair of
    splits: that is all images of sets as large as PneumoniaMNIST. Of larger splits so many are looked at, evenly
    spaced, as the work allows, and the sentence says how many; of the largest none.
    """
    sentences = []
    for name, other in (("val", "train"), ("test", "train"), ("test", "val")):
        images, others = splits[name], splits[other]
        exact = int((_same(images, others) >= 0).sum())
        most = max(0, WORK // others.numel() - PREPARING)
        looked_at = images[:: -(-len(images) // most)] if most else images[:0]  # a step rounded up
        near = int(near_duplicates(looked_at, others).near.sum()) if len(looked_at) else 0
        words = []
        if near > exact or (near and len(looked_at) < len(images)):
            of = f"{near} of {len(looked_at)} {name} images" + (" looked at" if len(looked_at) < len(images) else "")
            words.append(f"{of} have one in {other} that correlates above {ALIKE}")
        if exact:
            words.append(f"{exact} of {len(images)} {name} images stand in {other} byte for byte")
        if words:
            sentences.append(f"{', '.join(words)}: what is measured there says little about new patients.")
    if sentences:
        remedy = (
            "Put all images of one patient into one split; medtutor.data.subsets.near_duplicates tells which they are."
        )
        warnings.warn(" ".join([*sentences, remedy]), LeakWarning, stacklevel=stacklevel + 1)
    return tuple(sentences)


def _checked(images, what):
    images = (
        torch.from_numpy(np.array(images)) if isinstance(images, np.ndarray) and images.dtype == np.uint8 else images
    )
    if (
        not isinstance(images, torch.Tensor)
        or images.dtype != torch.uint8
        or images.dim() < 2
        or not images[:1].numel()
    ):
        found = f"{images.dtype} of shape {tuple(images.shape)}" if hasattr(images, "shape") else type(images).__name__
        raise InputError(f"{what} are {found}; give uint8 images (N, …), at least one, as in dataset.train.images")
    return images


def _most_alike(images, others):
    """The number of the most alike of the others, and the correlation with it, (N,) each; -1 and 0 of a flat image."""
    size = max(1, min(ROWS, PIXELS // images[0].numel()))
    match, correlation = torch.full((len(images),), -1), torch.zeros(len(images))
    for start in range(0, len(images), size):
        some = _unit(images[start : start + size])
        best = torch.full((len(some),), -2.0)
        for first in range(0, len(others), size):
            found, which = (some @ _unit(others[first : first + size]).T).max(1)
            better = found > best
            best = torch.where(better, found, best)
            match[start : start + size][better] = which[better] + first
        shows = some.any(1)
        correlation[start : start + size] = torch.where(shows, best.clamp(-1, 1), 0.0)
        match[start : start + size][~shows] = -1
    return match, correlation


def _unit(images):
    """Float (N, pixels) of mean 0 and length 1, whose products are correlations; 0 for an image of one value."""
    pixels = images.flatten(1).float()  # a copy, so that the rest may work in place
    pixels -= pixels.mean(1, keepdim=True)
    length = pixels.norm(dim=1, keepdim=True)
    # Where one pixel differs by one grey level, the length is at least 0.7; what is less comes of rounding.
    return pixels.div_(torch.where(length < 0.5, torch.inf, length))


def _same(images, others):
    """int64 (N,): the number of the first of the others that is the same, byte for byte; -1 where none is, and for a
    flat image.
    """
    numbers = {}
    for place, content in enumerate(_contents(others)):
        numbers.setdefault(hash(content), place)
    found = torch.full((len(images),), -1)
    for place, content in enumerate(_contents(images)):
        at = numbers.get(hash(content), -1)
        # Two images may have one hash by chance.
        if at >= 0 and torch.equal(images[place], others[at]) and content.count(content[0]) < len(content):
            found[place] = at
    return found


def _contents(images):
    return (image.numpy().tobytes() for image in images)


# Fewer training cases ------------------------------------------------------------------------


def some_of(dataset: Dataset, count: int) -> Dataset:
    """The data set with its first `count` training cases alone: for sets in random order, as drawn ones are.

    Where there are fewer, all of them. Raises `InputError` for a count below 1.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> some = some_of(xray, 10)
    >>> len(some.train), len(some.test)
    (10, 4)
    """
    return replace(dataset, train=_only(dataset.train, slice(whole("count", count, 1))))


def labelled(dataset: Dataset, share: float, seed: int) -> Dataset:
    """The data set with a share of its training cases, drawn at random from each class; all of them for 1.0.

    Raises `InputError` for a share that is not above 0, and for a set whose images are not of one class each.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})  # 10 normal, 30 ill
    >>> labelled(xray, 0.1, seed=0).train.labels
    tensor([0, 1, 1, 1])
    """
    share = number("share", share, above=0)
    if share >= 1:
        return dataset
    labels, generator = _classes_of(dataset), torch.Generator().manual_seed(seed)
    rows = []
    for each in range(len(dataset.card.classes)):
        of_class = (labels == each).nonzero()[:, 0]
        count = max(1, round(share * len(of_class)))
        rows.append(of_class[torch.randperm(len(of_class), generator=generator)[:count]])
    card = replace(dataset.card, name=f"{dataset.card.name}-{share:.0%}")
    return replace(dataset, card=card, train=_only(dataset.train, torch.cat(rows)))


def few_of(dataset: Dataset, count: int, seed: int) -> Split:
    """`count` random training cases of each class, a `Split`.

    Raises `InputError` for more than the smallest class has, and for a set whose images are not of one class each.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> few_of(xray, 2, seed=0).labels
    tensor([0, 0, 1, 1])
    """
    return _only(dataset.train, rows_of_each_class(dataset, count, seed))


def rows_of_each_class(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """The numbers of `count` random training cases of each class, (classes * count,)."""
    labels, generator = _classes_of(dataset).numpy(), np.random.default_rng(seed)
    of_class = [np.flatnonzero(labels == each) for each in range(len(dataset.card.classes))]
    count = whole("count", count, 1, min(map(len, of_class)))
    return np.concatenate([generator.choice(rows, count, replace=False) for rows in of_class])


NOISES = ("symmetric", "one-sided")  # of labels


def draw_labels(dataset: Dataset, count: int, seed: int, each_class: bool = True) -> Dataset:
    """The data set with `count` of its training cases in all: what somebody has who paid for so many labels.

    count       at least one for each class, at most all
    seed        of the draw; a smaller draw with the same seed is part of a larger one
    each_class  the classes have their share of it, and one case at least; False: drawn blindly, as the cases come

    Raises `InputError` for another count, for a blind draw in which a class is missing, and for a set whose images are
    not of one class each.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})  # 10 normal, 30 ill
    >>> torch.bincount(draw_labels(xray, 8, seed=0).train.labels)
    tensor([2, 6])
    """
    labels, classes = _classes_of(dataset), len(dataset.card.classes)
    count = whole("count", count)
    if count < classes:
        raise InputError(f"{count} labels cannot be of {classes} classes; draw {classes} or more")
    whole("count", count, classes, len(labels))
    generator = torch.Generator().manual_seed(checked_seed(seed))
    order = torch.randperm(len(labels), generator=generator)
    if each_class:
        # Where each case stands among those of its class, as a share: the first of every class come before all others.
        place = torch.zeros(len(labels), dtype=torch.float64)
        for each in range(classes):
            of_class = order[labels[order] == each]
            place[of_class] = torch.arange(len(of_class), dtype=torch.float64) / max(1, len(of_class))
        order = order[place[order].argsort(stable=True)]
    rows = order[:count]
    missing = [name for number, name in enumerate(dataset.card.classes) if not (labels[rows] == number).any()]
    if missing:
        raise InputError(
            f"of the {count} labels that were drawn none is of {missing[0]!r}, and nobody learns what it never sees;"
            " draw more, or with each_class=True"
        )
    return replace(dataset, train=_only(dataset.train, rows.sort().values))


def with_label_noise(dataset: Dataset, share: float, seed: int, kind: str = "symmetric") -> Dataset:
    """The data set with a share of its training labels wrong; val and test keep theirs.

    share  of labels that are wrong, 0 to below a half: from there on the wrong class is the likelier one
    kind   "symmetric": of all labels, each another class at random; "one-sided": of the labels that are not of class
           0, which become class 0, as where a finding is overlooked
    seed   a larger share with the same seed has all the mistakes of a smaller one

    Raises `InputError` for another share or kind, and for a set whose images are not of one class each.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    >>> int((with_label_noise(xray, 0.1, seed=0).train.labels != xray.train.labels).sum())
    4
    """
    labels, classes = _classes_of(dataset), len(dataset.card.classes)
    if kind not in NOISES:
        raise unknown("kind of label noise", kind, NOISES)
    share = number("share", share, 0)
    if share >= 0.5:
        raise InputError(f"with {share:.0%} of the labels wrong there is nothing left to learn; give a share below 0.5")
    generator = torch.Generator().manual_seed(checked_seed(seed))
    order = torch.randperm(len(labels), generator=generator)
    other = (labels + torch.randint(1, max(classes, 2), (len(labels),), generator=generator)) % classes
    if kind == "one-sided":
        order, other = order[labels[order] != 0], torch.zeros_like(labels)
    wrong = order[: round(share * len(order))]
    noisy = labels.clone()
    noisy[wrong] = other[wrong]
    if len(noisy.unique()) < len(labels.unique()):
        raise InputError(f"with {share:.0%} of so few labels wrong a class is gone; give a smaller share")
    return replace(dataset, train=replace(dataset.train, labels=noisy))


def _classes_of(dataset: Dataset) -> torch.Tensor:
    """The class number of each training case. Raises `InputError` where a case has none, or many."""
    labels = dataset.train.labels
    if labels is None or labels.dim() != 1 or labels.is_floating_point():
        raise InputError(f"{dataset.card.name} does not have one class for each image; give a set of single classes")
    return labels


def _only(split: Split, rows: slice | torch.Tensor | np.ndarray) -> Split:
    """Those cases of a split, with all that is known of them."""
    return replace(split, **{name: tensor[rows] for name, tensor in vars(split).items() if tensor is not None})
