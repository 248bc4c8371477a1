"""A user's own arrays: what is kept, what is accepted in which form, and what is refused with a sentence."""

import tracemalloc
import warnings
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from medmnist import INFO

from medtutor.data import as_uint8, from_arrays, normalise
from medtutor.data.augmentation import apply_affine, draw_affine
from medtutor.data.card import SPLITS
from medtutor.data.cohort import chance, draw_cohort, with_table_of_others, without_table
from medtutor.data.dataset import Dataset, Split
from medtutor.data.phantoms import cine
from medtutor.data.planting import plant_marker, plant_spots
from medtutor.data.subsets import LeakWarning, near_duplicates
from medtutor.errors import InputError


def images(count=6, shape=(8, 9), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def splits(labels=(0, 1) * 3, shape=(8, 9)):
    """Three pairs of images that are all different."""
    return [(images(len(labels), shape, seed), np.array(labels)) for seed in range(3)]


def slices(count=4):
    """Three pairs of slices and masks of two classes."""
    masks = np.zeros((count, 8, 9), np.int64)
    masks[:, 2:5, 3:6] = 1
    return [(images(count, seed=seed), masks.copy()) for seed in range(3)]


def sentence(call, *arguments, **options):
    """The message of the `InputError`, one line."""
    with pytest.raises(InputError) as raised:
        call(*arguments, **options)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    return str(raised.value)


# What is given is left as it is, and not kept


def test_normalise_leaves_floats_as_they_are():
    given = torch.tensor([0.0, 255.0])
    assert normalise(given).tolist() == [-1, 1] and given.tolist() == [0, 255]
    assert "tensor" in sentence(normalise, np.zeros(3, np.uint8)) and "tensor" in sentence(as_uint8, [0.5])


def clips():
    return torch.from_numpy(images(2, (4, 1, 5, 5)))


LEFT_AS_IT_IS = {
    "normalise": (normalise, lambda: [torch.rand(2, 1, 4, 4)]),
    "as_uint8": (as_uint8, lambda: [torch.rand(2, 1, 4, 4)]),
    "reversed_in_time": (cine.reversed_in_time, lambda: [clips()]),
    "shuffled": (cine.shuffled, lambda: [clips()]),
    "dropped, black": (cine.dropped, lambda: [clips(), 2]),
    "dropped, held": (cine.dropped, lambda: [clips(), 2, "held"]),
    "dropped, cut": (cine.dropped, lambda: [clips(), 2, "cut"]),
    "apply_affine": (lambda x: apply_affine(x, draw_affine(2, (4, 4))), lambda: [torch.rand(2, 1, 4, 4)]),
    "near_duplicates": (lambda a, b: near_duplicates(a, b).correlation, lambda: [clips(), clips()]),
    "chance": (
        lambda f, t: torch.from_numpy(chance("additive", f, t)),
        lambda: [np.array([0, 1]), np.array([[0.1, 1], [2, np.nan]])],
    ),
}


@pytest.mark.parametrize("name", LEFT_AS_IT_IS)
def test_arguments_are_left_as_they_are_and_results_are_new(name):
    call, arguments = LEFT_AS_IT_IS[name]
    given = arguments()
    before = deepcopy(given)
    call(*given).add_(1)  # what is done to the result does not reach back either
    for each, then in zip(given, before):
        np.testing.assert_array_equal(each, then)


@pytest.mark.parametrize(
    "shape, sequence",
    [((8, 9), False), ((8, 9, 1), False), ((8, 9, 3), False), ((5, 8, 9), False), ((5, 8, 9, 1), True)],
)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_what_is_done_to_the_arrays_afterwards_changes_nothing(shape, sequence, kind):
    pairs = splits(shape=shape)
    if kind == "torch":
        pairs = [tuple(map(torch.from_numpy, pair)) for pair in pairs]
    dataset = from_arrays(*pairs, sequence=sequence)
    kept = {name: (getattr(dataset, name).images.clone(), getattr(dataset, name).labels.clone()) for name in SPLITS}
    for given, labels in pairs:
        given[:], labels[:] = 7, 7
    for name in SPLITS:
        assert torch.equal(getattr(dataset, name).images, kept[name][0]) and torch.equal(
            getattr(dataset, name).labels, kept[name][1]
        )


def test_masks_and_patients_are_not_kept_either():
    pairs, patients = slices(), {name: np.repeat([2 * i, 2 * i + 1], 2) for i, name in enumerate(SPLITS)}
    pairs = [(given, masks.astype(np.uint8)) for given, masks in pairs]
    dataset = from_arrays(*pairs, patients=patients)
    for (_, masks), numbers in zip(pairs, patients.values()):
        masks[:], numbers[:] = 0, 9
    assert dataset.train.masks.any() and dataset.train.patients.tolist() == [0, 0, 1, 1]


def storages(dataset):
    tensors = [tensor for name in SPLITS for tensor in vars(getattr(dataset, name)).values() if tensor is not None]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def test_what_is_made_of_a_data_set_shares_nothing_with_it():
    volumes = from_arrays(*splits(shape=(5, 8, 9)))
    patients = {name: np.repeat([2 * i, 2 * i + 1], 2) for i, name in enumerate(SPLITS)}
    stack = from_arrays(*slices(), patients=patients)
    grey = from_arrays(*splits(shape=(12, 12)))
    pairs = [
        (volumes, volumes.as_sequence()),
        (stack, stack.as_volumes()),
        (grey, plant_marker(grey, 0.9)),
        (grey, plant_spots(grey)),
    ]
    for dataset, made in pairs:
        assert not storages(dataset) & storages(made)


# Class names


def test_classes_by_number_as_medmnist_has_them():
    for classes in (
        INFO["pneumoniamnist"]["label"],
        {1: "pneumonia", 0: "normal"},
        np.array(["normal", "pneumonia"]),
        ("normal", "pneumonia"),
    ):
        assert from_arrays(*splits(), classes=classes).card.classes == ("normal", "pneumonia")
    assert from_arrays(*splits(), classes=[np.int64(3), torch.tensor(5)]).card.classes == ("3", "5")


def test_names_are_one_line():
    dataset = from_arrays(*splits(), classes=["a\nb", " c\t d "], name="my\r\nset")
    assert dataset.card.classes == ("a b", "c d") and dataset.card.name == dataset.title == "my set"


@pytest.mark.parametrize(
    "classes, words",
    [
        ("ab", "classes must be a list of names or {number: name}, not 'ab'"),
        (5, "classes must be a list"),
        ({"a", "b"}, "classes must be a list"),
        (iter("ab"), "classes must be a list"),
        (np.array([["a", "b"]]), "classes must be a list"),
        ({1: "a", 2: "b"}, "the keys of classes must be the numbers 0…1"),
        ({0: "a", "0": "b"}, "the keys of classes must be the numbers 0…1"),
        (["a", "a"], "two classes have the name 'a'"),
        (["a", "a "], "two classes have the name 'a'"),
        (["a", ""], "the name of class 1 is empty"),
        (["a", " \n"], "the name of class 1 is empty"),
        (["a", None], "the name of class 1 must be text, not None"),
        (["a", True], "the name of class 1 must be text, not True"),
        (["a", 0.5], "the name of class 1 must be text, not 0.5"),
        (["a", "b\x1b[31m"], "the name of class 1 holds control characters"),
        (["a", "\ud800"], "the name of class 1 holds control characters"),
        (range(10**9), "a binary task has 2 classes, not 1000000000"),
    ],
)
def test_class_names_that_are_none(classes, words):
    assert words in sentence(from_arrays, *splits(), classes=classes)


@pytest.mark.parametrize("name", [None, "", 5, "a\0b"])
def test_a_set_has_a_name(name):
    assert "name " in sentence(from_arrays, *splits(), name=name)


# Counted before anything is named or copied


@pytest.mark.parametrize("wrong", [10**7, 2**62])
def test_one_label_of_millions_is_refused_at_once(wrong):
    pairs = splits([0, 1, wrong] * 2)
    tracemalloc.start()
    try:
        assert "no case of class 2" in sentence(from_arrays, *pairs)
        assert "binary task has 2 classes" in sentence(from_arrays, *pairs, task="binary")
        masks = slices()
        masks[0][1][0, 0, 0] = wrong
        assert "at most 256" in sentence(from_arrays, *masks)
        assert "no case of class 2" in sentence(
            from_arrays, *splits([0, 1] * 3), classes=range(10**9), task="multi-class"
        )
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_view_that_claims_more_than_there_is_is_not_copied():
    endless = np.broadcast_to(images(1), (10**9, 8, 9))
    assert "1000000000 images but 6 labels" in sentence(from_arrays, (endless, [0, 1] * 3), *splits()[1:])


def test_more_classes_than_masks_can_hold_are_refused():
    """Masks are stored in 8 bits: class 256 would come back as the background."""
    masks = np.arange(6 * 72).reshape(6, 8, 9)
    pairs = [(images(seed=seed), masks) for seed in range(3)]
    assert "432 classes are too many; a segmentation has at most 256" in sentence(from_arrays, *pairs)


def test_numbers_that_float32_cannot_hold_are_refused():
    pairs = [(given, np.linspace(0, 1e300, 6)) for given, _ in splits()]
    assert "finite numbers" in sentence(from_arrays, *pairs, task="regression")
    pairs = [(given, 1e9 + np.arange(6)) for given, _ in splits()]
    assert "nothing to predict" in sentence(from_arrays, *pairs, task="regression")


@pytest.mark.parametrize(
    "labels",
    [np.array([0, 1, 2**64 - 1] * 2, np.uint64), np.array([0, 1, 1e300] * 2), np.array([0, 1, -(2.0**80)] * 2)],
)
def test_labels_beyond_64_bits_are_refused(labels):
    """They would come back as other numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sentence(from_arrays, *splits(labels))
        assert "val labels hold" in sentence(from_arrays, splits()[0], *splits(labels)[1:])


# Arrays of every kind


def test_arrays_of_every_order_in_memory_hold_the_same():
    given, labels = splits()[0]
    read_only = given.copy()
    read_only.flags.writeable = False
    ways = [
        given[::-1][::-1],
        np.asfortranarray(given),
        read_only,
        np.ma.masked_array(given),
        torch.from_numpy(given),
        torch.from_numpy(given.transpose(0, 2, 1).copy()).transpose(1, 2),
        given.astype(given.dtype.newbyteorder()),
    ]
    for way in ways:
        assert np.array_equal(from_arrays((way, labels), *splits()[1:]).train.images[:, 0], given)
    for numbers in (
        labels.astype(">i8"),
        labels[::-1][::-1],
        torch.tensor(labels).bfloat16(),
        labels.astype(np.float16),
        labels.astype(np.uint64),
    ):
        dataset = from_arrays((given, numbers), *splits()[1:])
        assert dataset.train.labels.tolist() == labels.tolist() and dataset.train.labels.dtype == torch.int64


@pytest.mark.parametrize(
    "given, words",
    [
        (np.ma.masked_equal(images(), 0), "train images hold masked values; fill them first"),
        (images().astype(complex), "train images are complex128"),
        (images().astype(np.float16), "train images are float16"),
        (images() > 9, "train images are bool"),
        (images().astype(object), "train images are object"),
        (images().view([("a", "u1")]), "train images are "),
        (images(6, (0, 9)), "without a pixel"),
        (images(6, (8, 0)), "without a pixel"),
        (images(6, (8, 9, 0)), "without a pixel"),
        (torch.from_numpy(images()).to_sparse(), "train images cannot be read as an array"),
        (torch.empty(6, 8, 9, dtype=torch.uint8, device="meta"), "train images cannot be read as an array"),
        ([torch.rand(8, 9, requires_grad=True)] * 6, "train images"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_images_that_are_none(given, words):
    assert words in sentence(from_arrays, (given, [0, 1] * 3), *splits()[1:])


# Numbers and arrays where they mean the same


@pytest.mark.parametrize(
    "mirror",
    [(-1, -2), [-1, -2], np.array([-1, -2]), torch.tensor([-1, -2]), (np.int64(-1), torch.tensor(-2)), (-1, -2, -1)],
)
def test_mirror_in_every_form(mirror):
    axes = from_arrays(*splits(), mirror=mirror).card.mirror
    assert axes == (-1, -2) and {type(axis) for axis in axes} == {int}


@pytest.mark.parametrize(
    "mirror", [np.int64(-1), np.array(-1), (True,), (-1.0,), "x", np.array([[-1]]), (-3,), (None,), None]
)
def test_mirror_that_is_none(mirror):
    assert "mirror must be a tuple of axes out of (-1, -2), not " in sentence(from_arrays, *splits(), mirror=mirror)


@pytest.mark.parametrize(
    "spacing", [(0.5, 2), [0.5, 2], np.array([0.5, 2]), torch.tensor([0.5, 2]), (np.float32(0.5), np.int64(2))]
)
def test_spacing_in_every_form(spacing):
    lengths = from_arrays(*slices(), spacing=spacing).card.spacing
    assert lengths == (0.5, 2.0) and {type(length) for length in lengths} == {float}


@pytest.mark.parametrize(
    "spacing",
    [0.5, np.float64(0.5), "ab", ("1", "2"), (True, 1), (1, np.nan), (1, np.inf), (1, 0), np.ones((1, 2)), {}, (1,)],
)
def test_spacing_that_is_none(spacing):
    assert "spacing must be 2 lengths in millimetres, one for each axis, not " in sentence(
        from_arrays, *slices(), spacing=spacing
    )


NUMBERS = [[1, 1, 2, 2], [3, 3, 4, 4], [5, 5, 6, 6]]


@pytest.mark.parametrize("of", [np.array, torch.tensor, tuple, list, lambda numbers: np.array(numbers, np.uint8)])
def test_patients_in_every_form(of):
    dataset = from_arrays(*slices(), patients=dict(zip(SPLITS, map(of, NUMBERS))))
    assert dataset.test.patients.tolist() == NUMBERS[2] and dataset.test.patients.dtype == torch.int64


@pytest.mark.parametrize(
    "patients, words",
    [
        (NUMBERS, 'patients must be {"train"'),
        (3, 'patients must be {"train"'),
        ({"training": NUMBERS[0]}, 'patients must be {"train"'),
        (dict.fromkeys(SPLITS, 3), "train patients: labels must be whole numbers"),
        (dict.fromkeys(SPLITS, "abcd"), "train patients: labels must be whole numbers"),
        (dict.fromkeys(SPLITS, [0.5] * 4), "train patients: labels must be whole numbers"),
        (dict(zip(SPLITS, NUMBERS[:2])), "the test split has 4 images but 0 patient numbers"),
        (dict(zip(SPLITS, np.array(NUMBERS, np.uint64) + np.uint64(2**63))), "too large a number"),
        (
            dict(zip(SPLITS, [NUMBERS[0], NUMBERS[1], NUMBERS[0]])),
            "2 of the patients (1, 2) stand in train and in test",
        ),
        (dict(zip(SPLITS, [NUMBERS[0], [3, 3, 2, 2], NUMBERS[2]])), "1 of the patients (2) stand in train and in val"),
        (dict(zip(SPLITS, [NUMBERS[0], NUMBERS[1], [4, 4, 9, 9]])), "1 of the patients (4) stand in val and in test"),
    ],
)
def test_patients_that_cannot_be(patients, words):
    assert words in sentence(from_arrays, *slices(), patients=patients)


@pytest.mark.parametrize(
    "options",
    [{"sequence": 1}, {"sequence": "no"}, {"task": 3}, {"task": ["binary"]}, {"task": np.array(["binary", "b"])}],
)
def test_options_of_another_type(options):
    sentence(from_arrays, *splits(), **options)


def test_volumes_of_unequal_depth_do_not_stack():
    patients = {"train": [1, 1, 2, 2], "val": [3, 3, 4, 4], "test": [5] * 4}
    dataset = from_arrays(*slices(), patients=patients)
    assert "unequal numbers of slices in its splits" in sentence(dataset.as_volumes)


def test_a_segmentation_is_not_read_as_sequences():
    volume = np.zeros((2, 5, 8, 9), np.uint8)
    volume[:, 1:3, 2:4, 2:4] = 1
    dataset = from_arrays(*[(images(2, (5, 8, 9), seed), volume) for seed in range(3)])
    assert "sequences cannot be segmented" in sentence(dataset.as_sequence)


# Multi-label


def many(count, constant, seed):
    labels = np.random.default_rng(seed).integers(0, 2, (count, 3))
    labels[0], labels[1] = 0, 1
    for column in constant:
        labels[:, column] = 0
    return images(count, seed=seed), labels


def test_a_label_that_never_varies_may_stand_in_val_and_test():
    dataset = from_arrays(many(12, (), 0), many(9, (1,), 1), many(9, (0, 2), 2), classes=["a", "b", "c"])
    assert dataset.card.task == "multi-label" and not dataset.val.labels[:, 1].any()
    train = sentence(from_arrays, many(12, (1,), 0), many(9, (), 1), many(9, (), 2), classes=["a", "b", "c"])
    assert "in the train split every case has the same label for b" in train
    val = sentence(from_arrays, many(12, (), 0), many(9, (0, 1, 2), 1), many(9, (), 2))
    assert "in the val split every case has the same label for class 0" in val


# Images in two splits


def test_images_in_two_splits_bring_a_warning_with_their_number():
    train, val, test = (given for given, _ in splits([0, 1] * 10))
    test[:3] = train[4:7]
    val[:2] = train[:2] // 2 + 40  # darker, and with less contrast
    labels = [0, 1] * 10
    with pytest.warns(LeakWarning) as caught:
        dataset = from_arrays((train, labels), (val, labels), (test, labels))
    said = str(caught[0].message)
    assert "3 of 20 test images stand in train byte for byte" in said
    assert "2 of 20 val images have one in train that correlates above 0.97" in said and "stand in val" not in said
    assert caught[0].filename == __file__ and len(dataset.card.warnings) == 2 and "3 of 20 test" in str(dataset)


def test_images_of_different_cases_bring_no_warning():
    blank = np.zeros((6, 8, 9), np.uint8)  # shows nothing, so it is nobody's
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_arrays(*splits()).card.warnings == ()
        from_arrays(*[(blank, [0, 1] * 3)] * 3)


# A split made by hand


def test_a_split_holds_what_a_split_holds():
    good = from_arrays(*splits()).train
    for change in (
        {"images": good.images.float()},
        {"images": good.images.numpy()},
        {"images": good.images[0, 0]},
        {"labels": good.labels[:3]},
        {"labels": [0, 1] * 3},
        {"labels": None, "masks": torch.zeros(2, 8, 9)},
        {"patients": torch.arange(5)},
    ):
        sentence(replace, good, **change)
    sentence(Split, None, None)
    sentence(Dataset, good, good, good, from_arrays(*splits()).card, "mine")


def test_a_cohort_leaves_its_images_alone():
    dataset = from_arrays(*splits([0, 1] * 10))
    cohort = draw_cohort(dataset)
    for made in (
        without_table(cohort.test),
        without_table(cohort.test, np.int64(1)),
        with_table_of_others(cohort.test, np.int64(3)),
    ):
        made.table.fill_(5)
    assert not (cohort.test.table == 5).any()
