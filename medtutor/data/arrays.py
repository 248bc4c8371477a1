"""`from_arrays`: your own arrays as a `Dataset`, and the checks that every split goes through."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..checks import flag, items, number, saying, text, whole
from ..errors import InputError, shown
from .card import SPLITS, TASKS, Card
from .dataset import Dataset, Split, check_apart, stacked
from .images import case_shape
from .subsets import warn_of_leaks

MOST_MASKS = 256  # classes that uint8 masks can name
MANY = 1000  # classes that are named without asking whether there can be so many


def from_arrays(
    train: Sequence[ArrayLike],
    val: Sequence[ArrayLike],
    test: Sequence[ArrayLike],
    *,
    classes: Sequence | Mapping | None = None,
    task: str | None = None,
    name: str = "arrays",
    sequence: bool = False,
    mirror: Sequence[int] = (),
    spacing: Sequence[float] | None = None,
    patients: Mapping[str, ArrayLike] | None = None,
    subjects: Mapping[str, ArrayLike] | None = None,
) -> Dataset:
    """A `Dataset` of your own uint8 arrays.

    train, val, test  pairs (images, labels). images: uint8, numpy or torch,
                      (N, H, W), (N, H, W, C) with C 1 or 3, volumes
                      (N, D, H, W) or (N, D, H, W, C); with `sequence`
                      (N, T, H, W) or (N, T, H, W, C).
                      labels: whole numbers (N,), or (N, L) of 0 and 1; for a
                      regression any numbers (N,); for a segmentation masks (N, H, W) or (N, D, H, W), the number of
                      each pixel's class, 0 the background
    classes           the names of the labels, a list or {number: name}; "class 0", … when left out; of a
                      regression the one name of what is predicted
    task              "binary", "multi-class", "multi-label", "ordinal", "segmentation" or
                      "regression"; left out: from the labels (the last and "ordinal" must
                      be said)
    name              of the data set, for print
    mirror            axes along which a mirrored image keeps its label:
                      (-1,) allows left-right flips. None by default: safe
    spacing           of a segmentation: millimetres between slices, rows and columns,
                      such as (1.0, 0.5, 0.5), or (rows, columns) where each image is a
                      case of its own; distances are in pixels when left out
    patients          of a segmentation by slices: {"train": (N,) whole numbers, …}, whose
                      slice it is; measured is then each patient's volume
    subjects          {"train": (N,) whole numbers, …}: which person each image is of, where one may have several

    Everything is copied: what is done to the arrays afterwards changes nothing here. Images that stand in
    two splits, byte for byte or nearly, bring a `LeakWarning` with their number, which the card keeps.

    Raises `InputError` with one sentence for anything that cannot be trained
    on: floats, NaN, unequal counts or sizes, a label out of range, an empty
    split, a split with one class, a patient in two splits.

    >>> rng = np.random.default_rng(0)
    >>> train, val, test = [(rng.integers(0, 256, (8, 28, 28), dtype=np.uint8), [0, 1] * 4) for _ in range(3)]
    >>> mine = from_arrays(train, val, test, classes=["ill", "well"], name="mine")
    >>> mine.card.task, mine.train.images.shape, mine.train.labels.dtype
    ('binary', torch.Size([8, 1, 28, 28]), torch.int64)
    """
    if task is not None and (not isinstance(task, str) or task not in TASKS):
        raise InputError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}")
    name, sequence = text("name", name), flag("sequence", sequence)
    pairs = {}
    for split, given in zip(SPLITS, (train, val, test)):
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise InputError(f"{split} must be a pair (images, labels)")
        pairs[split] = tuple(_as_numpy(array, f"{split} {what}") for array, what in zip(given, ("images", "labels")))

    labels = (_real_numbers if task == "regression" else _whole_numbers)("train", pairs["train"][1])
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
                "every train case has exactly one label: give class numbers, labels.argmax(1), or say"
                " task='multi-label'"
            )
        task = "multi-label" if many else "binary" if labels.size and labels.max() < 2 else "multi-class"
    known = _class_names(classes, labels, task)

    for split, (given, labels) in pairs.items():
        # Before anything is copied: an array may be a view that claims far more than there is.
        if task != "segmentation" and given.ndim and len(given) and labels.ndim and len(given) != len(labels):
            raise InputError(f"the {split} split has {len(given)} images but {len(labels)} labels")
    images = {split: channels_first(pairs[split][0], split, sequence) for split in SPLITS}
    shape = images["train"].shape
    frames, channels, spatial = (shape[1], shape[2], shape[3:]) if sequence else (None, shape[1], shape[2:])
    of_whom, people = _numbers_of("patients", patients), _numbers_of("subjects", subjects)
    card = Card(
        name=name,
        title=name,
        modality="your own images",
        task=task,
        classes=known,
        channels=channels,
        shape=spatial,
        frames=frames,
        mirror=_mirror_axes(mirror, len(spatial)),
        licence="yours",
        spacing=_lengths(spacing, len(spatial) + (patients is not None)),
    )
    splits = {}
    for split in SPLITS:
        whose = None if patients is None else of_whom.get(split, np.empty(0, np.int64))
        who = None if subjects is None else people.get(split, np.empty(0, np.int64))
        splits[split] = make_split(split, images[split], pairs[split][1], card, whose, who)
    for kind, whom in (("patients", patients), ("subjects", subjects)):
        if whom is not None:
            check_apart(splits, kind)
    leaks = warn_of_leaks({split: cases.images for split, cases in splits.items()}, stacklevel=2)
    return Dataset(**splits, card=replace(card, warnings=leaks), provenance="arrays")


def _as_numpy(array, what):
    """What was given as a numpy array, not yet copied."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InputError(f"{what} hold masked values; fill them first, with array.filled(…)")
    try:
        if isinstance(array, torch.Tensor):
            # numpy does not know bfloat16, and float32 holds each of its numbers.
            array = (array.float() if array.dtype == torch.bfloat16 else array).numpy(force=True)
        return np.asarray(array)
    except ValueError:
        raise InputError(f"{what}: the rows have different shapes; give one array") from None
    except (
        TypeError,
        RuntimeError,
    ) as error:  # sparse, quantised or without content; objects that pretend to be arrays
        raise InputError(
            f"{what} cannot be read as an array ({' '.join(str(error).split())[:80]}); give a plain one"
        ) from None


def _class_names(given, labels, task):
    """The names of the classes as a tuple of text, given or made up.

    They are counted before they are made or read: one wrong label may be a number of millions.
    """
    if given is not None and (isinstance(given, (str, bytes, set, frozenset)) or not _is_list(given)):
        raise InputError(f"classes must be a list of names or {{number: name}}, not {shown(given)}")
    if task == "regression":
        wanted = 1
    else:
        wanted = max(
            labels.shape[1] if task == "multi-label" and labels.ndim == 2 else int(labels.max(initial=0)) + 1, 2
        )
    count = wanted if given is None else len(given)
    if task == "regression" and count != 1:
        raise InputError(f"a regression predicts one number, so classes must hold its one name, not {count}")
    if task == "binary" and count != 2:
        raise InputError(f"a binary task has 2 classes, not {count}; name two, or say task='multi-class'")
    if task == "segmentation" and count > MOST_MASKS:
        raise InputError(
            f"{count} classes are too many; a segmentation has at most {MOST_MASKS}, so that masks hold"
            f" 0…{MOST_MASKS - 1}"
        )
    if count > max(labels.size, MANY):
        present = np.unique(labels[labels >= 0])
        gaps = np.flatnonzero(present != np.arange(len(present)))
        missing = int(gaps[0]) if len(gaps) else len(present)
        raise InputError(f"the train split has no case of class {missing}; a class without examples cannot be learned")
    if given is None:
        return ("target",) if task == "regression" else tuple(f"class {i}" for i in range(count))
    names = [_class_name(i, each) for i, each in enumerate(_in_order(given))]
    if len(set(names)) < len(names):
        twice = next(each for each, times in Counter(names).items() if times > 1)
        raise InputError(f"two classes have the name {twice!r}; give each a name of its own")
    return tuple(names)


def _is_list(given):
    return hasattr(given, "__len__") and hasattr(given, "__iter__") and getattr(given, "ndim", 1) == 1


def _in_order(given):
    """The names of {0: name, 1: name, …} by number, whose keys may be text, as in medmnist's INFO; a list as it is."""
    if not isinstance(given, Mapping):
        return list(given)
    by_number = {str(key): each for key, each in given.items()}
    if set(by_number) != {str(number) for number in range(len(given))}:
        raise InputError(f"the keys of classes must be the numbers 0…{len(given) - 1}, each once")
    return [by_number[str(number)] for number in range(len(given))]


def _class_name(i, given):
    try:
        return str(whole("class", given))  # a number may be a name
    except InputError:
        return text(f"the name of class {i}", given)


def _mirror_axes(given, dims):
    allowed = tuple(range(-1, -1 - dims, -1))
    with saying(f"mirror must be a tuple of axes out of {allowed}, not {shown(given)}"):
        axes = items(given)
        if axes is None:
            raise InputError("no axes")
        return tuple(dict.fromkeys(whole("mirror", axis, -dims, -1) for axis in axes))


def _lengths(given, count):
    """The spacing as a tuple of floats; None where none is given."""
    if given is None:
        return None
    with saying(f"spacing must be {count} lengths in millimetres, one for each axis, not {shown(given)}"):
        lengths = items(given) or ()
        if len(lengths) != count:
            raise InputError("another number of them")
        return tuple(number("spacing", length, above=0) for length in lengths)


def _numbers_of(kind, given):
    """{split: array of whole numbers} of patients or subjects as given; {} where none are."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not set(given) <= set(SPLITS):
        raise InputError(f'{kind} must be {{"train": (N,) whole numbers, "val": …, "test": …}}, not {shown(given)}')
    return {split: _as_numpy(numbers, f"{split} {kind}") for split, numbers in given.items()}


def channels_first(images: np.ndarray, split: str, sequence: bool, copy: bool = True) -> torch.Tensor:
    """(N[, T], *spatial[, C]) uint8 array to a tensor (N[, T], C, *spatial) of its own.

    copy  False: of an array that nobody else holds, which may be kept
    """
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
    if not images.size:
        raise InputError(
            f"{split} images have shape {images.shape}, without a pixel; give images of at least one along each axis"
        )
    # Channels first and four channels would pass for thin volumes.
    if spatial == 3 and not has_channel and (images.shape[1] in (1, 3, 4) or images.shape[-1] in (2, 4)):
        raise InputError(
            f"{split} images have shape {images.shape}; put 1 or 3 channels last, (N, H, W, C), "
            "and write volumes of so few slices as (N, D, H, W, 1)"
        )
    images = np.moveaxis(images, -1, lead) if has_channel else np.expand_dims(images, lead)
    return torch.from_numpy(np.array(images, order="C") if copy else np.require(images, requirements=["C", "W"]))


def make_split(
    name: str,
    images: torch.Tensor,
    learned: np.ndarray | torch.Tensor,
    card: Card,
    patients: np.ndarray | None = None,
    subjects: np.ndarray | None = None,
) -> Split:
    """A checked `Split` of channels-first uint8 images.

    learned   labels; of a segmentation masks
    patients  of a segmentation by slices: (N,) whole numbers, whose slice it is
    subjects  (N,) whole numbers, which person each image is of

    Raises `InputError` where images, what is learned, patients and subjects do not fit each other or `card`.
    """
    if len(images) == 0:
        raise InputError(f"the {name} split is empty")
    learned = (_real_numbers if card.task == "regression" else _whole_numbers)(name, np.asarray(learned))
    wanted = (len(images), *card.shape)
    if card.task == "segmentation" and tuple(learned.shape) != wanted:
        raise InputError(
            f"{name} masks have shape {tuple(learned.shape)}, expected {wanted}: one class number for each pixel"
        )
    if len(images) != len(learned):
        raise InputError(f"the {name} split has {len(images)} images but {len(learned)} labels")
    if tuple(images.shape[1:]) != case_shape(card):
        raise InputError(f"{name} images have shape {tuple(images.shape[1:])}, expected {case_shape(card)}")
    people = None if subjects is None else _one_each(name, "subject", subjects, len(images))
    if card.task == "regression":
        return Split(images, torch.from_numpy(learned), subjects=people)
    if card.task != "segmentation":
        return Split(images, torch.from_numpy(_checked_labels(name, learned, card)), subjects=people)
    masks = torch.from_numpy(_checked_masks(name, learned, card))
    if patients is None:
        return Split(images, None, masks=masks, subjects=people)
    of_whom = _one_each(name, "patient", patients, len(images))
    split = Split(images, None, masks=masks, patients=of_whom, subjects=people)
    stacked(split, f"the {name} split")  # refuses what cannot be stacked
    return split


def _one_each(name, kind, numbers, count):
    """int64 (N,), the number of a patient or subject for each image."""
    found = torch.from_numpy(_int64(f"{name} {kind}s:", _whole_numbers(f"{name} {kind}s:", numbers)))
    if found.shape != (count,):
        raise InputError(f"the {name} split has {count} images but {len(found)} {kind} numbers; give one for each")
    return found


def _real_numbers(name, labels):
    """An array of numbers to be predicted, as float32 (N,). Raises `InputError` for text, NaN, or all equal."""
    labels = labels.squeeze(1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        numbers = labels.astype(np.float32) if labels.dtype.kind in "biuf" else np.full(1, np.nan)
    if labels.ndim != 1 or not np.isfinite(numbers).all():
        raise InputError(f"{name} labels of a regression must be finite numbers, one for each case")
    if numbers.size and numbers.min() == numbers.max():
        raise InputError(f"all {name} labels are {numbers[0]:g}: there is nothing to predict")
    return numbers


def _whole_numbers(name, labels):
    """An array of whole numbers, of its own type and not copied.

    Raises `InputError` for text, NaN, 0.5 or a single number.
    """
    numbers = labels.dtype.kind in "biuf" and labels.ndim > 0
    if not numbers or (
        labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.round(labels)).all())
    ):
        raise InputError(f"{name} labels must be whole numbers (0, 1, …), one for each case")
    return labels


def _int64(name, numbers):
    """Whole numbers as int64, a copy. Raises `InputError` for those that it cannot hold."""
    if numbers.size and not (-(2**63) <= int(numbers.min()) and int(numbers.max()) < 2**63):
        raise InputError(f"{name} {int(numbers.max()):.3g} is too large a number; give smaller ones")
    return numbers.astype(np.int64)


def _checked_labels(name, labels, card):
    """Labels as int64, a copy. Raises `InputError` for those that do not fit the card, or from which nothing can be
    learned.
    """
    count = len(card.classes)
    if card.task == "multi-label":
        if labels.ndim != 2 or labels.shape[1] != count:
            raise InputError(
                f"{name} labels have shape {labels.shape}; a multi-label task needs one column per class, 0 or 1"
            )
        if ((labels < 0) | (labels > 1)).any():
            raise InputError(f"{name} labels of a multi-label task must be 0 or 1")
        constant = (labels == labels[:1]).all(axis=0)
        # What never varies cannot be learned. Where it is only not measured, `measure` leaves it out and says so.
        if constant.all() or (name == "train" and constant.any()):
            unvaried = card.classes[constant.argmax()]
            raise InputError(f"in the {name} split every case has the same label for {unvaried}: no AUC exists")
        return labels.astype(np.int64)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.squeeze(1)
    if labels.ndim != 1:
        raise InputError(f"{name} labels have shape {labels.shape}, expected (N,)")
    _check_range(f"{name} labels", labels, count)
    present = np.unique(labels.astype(np.int64))
    if len(present) == 1:
        raise InputError(f"the {name} split holds one class only ({card.classes[present[0]]}): nothing to tell apart")
    if name == "train" and len(present) < count:
        missing = next(number for number, found in enumerate([*present, -1]) if found != number)
        raise InputError(
            f"the train split has no case of {card.classes[missing]}; a class without examples cannot be learned"
        )
    return labels.astype(np.int64)


def _checked_masks(name, masks, card):
    """Masks as uint8, a copy. Raises `InputError` for those with other classes than the card's, or without one."""
    _check_range(f"{name} masks", masks, len(card.classes))
    missing = [each for number, each in enumerate(card.classes) if number and not (masks == number).any()]
    if missing:
        raise InputError(
            f"the {name} split has no pixel of {missing[0]}; what is not there cannot be learned or measured"
        )
    return masks.astype(np.uint8)


def _check_range(what, numbers, count):
    out = numbers[(numbers < 0) | (numbers >= count)]
    if out.size:
        raise InputError(f"{what} hold {int(out[0])}, out of range 0…{count - 1} for {count} classes")
