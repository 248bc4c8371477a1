"""The arguments of all that draws, plants and loads: numbers of numpy and torch mean what Python's mean, all else gets
a sentence.
"""

import warnings

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data import card, phantoms
from medtutor.data.card import SPLITS
from medtutor.data.cohort import chance, draw_cohort, with_table_of_others, without_table
from medtutor.data.loading import find
from medtutor.data.phantoms import cine, contrasts
from medtutor.data.phantoms import hippocampus as hippocampus_phantom
from medtutor.data.phantoms.marks import draw_marks
from medtutor.data.planting import plant_marker, plant_spots
from medtutor.errors import InputError

FEW = {"train": 4, "val": 4, "test": 4}
ONE = {"train": 1, "val": 1, "test": 1}
DRAWN = {
    "phantoms": lambda counts=FEW, seed=0: phantoms.draw(card("breastmnist"), counts, seed).train.images,
    "cine": lambda counts=FEW, seed=0: cine.draw(counts=counts, seed=seed)["train"].images,
    "contrasts": lambda counts=FEW, seed=0: contrasts.draw(counts, seed).train.a,
    "marks": lambda counts=FEW, seed=0: draw_marks(counts=counts, seed=seed).train.images,
}


def of_two(channels=1, size=16, count=20, **options):
    return mt.from_arrays(*[blobs(count, seed, size, channels) for seed in range(3)], **options)


def refused(call, *arguments, **options):
    """The sentence, and no other error and no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as raised:
            call(*arguments, **options)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500
    return str(raised.value)


@pytest.mark.parametrize("name", DRAWN)
def test_counts_and_seeds_of_numpy_and_torch_draw_the_same(name):
    plain = DRAWN[name](FEW, 3)
    for number in (np.int64, np.uint8, torch.tensor, np.array):
        assert torch.equal(DRAWN[name]({split: number(4) for split in SPLITS}, number(3)), plain)


@pytest.mark.parametrize("name", [*DRAWN, "hippocampus"])
def test_counts_and_seeds_that_are_no_whole_numbers(name):
    draw = DRAWN.get(name) or (lambda counts=ONE, seed=0: hippocampus_phantom.draw(counts, seed))
    for wrong in (
        True,
        np.True_,
        torch.tensor(True),
        4.0,
        np.float64(4),
        "4",
        None,
        -1,
        [4],
        np.array([4]),
        -(10**5000),
    ):
        assert "seed must be " in refused(draw, seed=wrong)
        assert "whole number" in refused(draw, FEW | {"val": wrong})


@pytest.mark.parametrize("counts", [5, "train", [("train", 4)], {"training": 4}])
@pytest.mark.parametrize("name", DRAWN)
def test_counts_of_another_form(name, counts):
    assert "counts is" in refused(DRAWN[name], counts)


def test_the_difficulty_of_a_cine():
    plain = cine.draw(counts=FEW, radius=(6.0, 8.0), grain=8.0)["train"].images
    again = cine.draw(counts=FEW, radius=torch.tensor([6, 8]), grain=np.float32(8))["train"].images
    assert torch.equal(plain, again)
    for wrong in ("ab", ("6", "8"), (6, np.nan), (True, 8), (6, 7, 8), 7, None, {6, 8}):
        assert "radius is " in refused(cine.draw, counts=FEW, radius=wrong)
    for wrong in ("8", True, (8,), None, np.inf):
        assert "grain is " in refused(cine.draw, counts=FEW, grain=wrong)
    for wrong in (3, None, ["filling"]):
        assert "unknown target" in refused(cine.draw, wrong)


def test_which_frames_are_kept():
    images = torch.arange(2 * 4).to(torch.uint8).view(2, 4, 1, 1, 1)
    for keep in (
        2,
        np.int64(2),
        torch.tensor(2),
        np.array(2),
        [True, True, False, False],
        np.array([True, True, False, False]),
    ):
        assert cine.dropped(images, keep).flatten().tolist() == [0, 1, 0, 0, 4, 5, 0, 0]
    assert cine.dropped(images, np.int64(2), "cut").shape == (2, 2, 1, 1, 1)
    for keep in ("two", None, 2.0, [1, 1, 0, 0], [[True], [True, False]], np.array([True]), object()):
        for mode in cine.MODES:
            assert "keep does not fit" in refused(cine.dropped, images, keep, mode)
    assert "generator" in refused(cine.shuffled, images, 5)


def test_the_numbers_of_marks():
    plain = draw_marks("patterns", FEW, noise=0.25, jitter=1, contrast=0.5, cells=2, cell=3).train.images
    again = draw_marks(
        "patterns",
        FEW,
        noise=np.float32(0.25),
        jitter=np.int8(1),
        contrast=torch.tensor(0.5),
        cells=np.int64(2),
        cell=torch.tensor(3),
    )
    assert torch.equal(plain, again.train.images)
    for wrong in (
        {"noise": "0.1"},
        {"noise": True},
        {"contrast": None},
        {"jitter": 1.0},
        {"jitter": True},
        {"cells": 6.0},
        {"cell": "1"},
        {"kind": 3},
    ):
        refused(draw_marks, **({"counts": FEW} | wrong))


def test_what_is_planted():
    dataset = of_two()
    assert torch.equal(
        plant_spots(dataset, share=np.float64(0.5), seed=np.int64(2)).train.images,
        plant_spots(dataset, share=0.5, seed=2).train.images,
    )
    marked = plant_marker(dataset, {"train": torch.tensor(0.9)}, seed=torch.tensor(1))
    assert torch.equal(marked.train.images, plant_marker(dataset, {"train": np.float32(0.9)}, seed=1).train.images)
    assert torch.equal(marked.test.images, dataset.test.images)
    for wrong in ("0.5", True, None, np.nan, [0.5]):
        assert "share must lie between 0 and 1" in refused(plant_spots, dataset, share=wrong)
        if wrong is not None:  # no marker
            assert "agreement must lie in 0…1" in refused(plant_marker, dataset, {"train": wrong})
    for plant in (plant_spots, lambda given, **options: plant_marker(given, 0.9, **options)):
        assert "seed must be from 0" in refused(plant, dataset, seed=-1)
        assert "dataset must be a Dataset" in refused(plant, dataset.train)
        assert "at least 9 x 9 pixels" in refused(plant, of_two(size=8))


def test_a_share_that_plants_nothing_is_refused():
    """All labels would be alike, and nothing could be measured."""
    assert "a share of 0.01 is 0 of the 20 train images: both classes are needed" in refused(
        plant_spots, of_two(), share=0.01
    )
    assert "a share of 0.99 is 20 of the 20 train images" in refused(plant_spots, of_two(), share=0.99)


def test_a_split_that_is_misspelt_does_not_lose_its_marker():
    assert "name the splits train, val, test" in refused(plant_marker, of_two(), {"training": 0.95})


def test_a_marker_goes_with_one_class_an_image():
    pairs = [(images, (images > 200).astype(int)) for images, _ in (blobs(6, seed) for seed in range(3))]
    assert "of no single class" in refused(plant_marker, mt.from_arrays(*pairs, task="segmentation"), 0.9)


def test_what_a_cohort_is_drawn_from():
    dataset = of_two()
    plain = draw_cohort(dataset, missing=0.25, most=10, seed=3)
    again = draw_cohort(dataset, missing=np.float32(0.25), most=np.int64(10), seed=torch.tensor(3))
    assert torch.equal(plain.train.images, again.train.images) and torch.equal(plain.train.labels, again.train.labels)
    assert "dataset must be a Dataset" in refused(draw_cohort, dataset.train)
    for wrong in (
        {"missing": True},
        {"missing": "0"},
        {"missing": np.nan},
        {"most": True},
        {"seed": 0.0},
        {"kind": None},
    ):
        refused(draw_cohort, dataset, **wrong)
    for column in (2, True, "age", 0.5):
        assert "column must be" in refused(without_table, plain.test, column)
    assert "seed must be" in refused(with_table_of_others, plain.test, "0")


@pytest.mark.parametrize(
    "findings, table",
    [
        ([0, 1], [[0.1, 0.2]]),
        ([2], [[0.1, 0.2]]),
        ([0], [0.1, 0.2]),
        ([0], [["a", "b"]]),
        ([0], [[0.1]]),
        (["x"], [[0.1, 0.2]]),
    ],
)
def test_findings_and_table_that_do_not_fit(findings, table):
    refused(chance, "additive", findings, table)


def test_the_size_of_a_set():
    for size in (28, np.int64(28), torch.tensor(28), None):
        found = card("pneumoniamnist", size)
        assert found.shape == (28, 28) and {type(side) for side in found.shape} == {int}
    for wrong in (28.0, "28", True, [28], 27, 0):
        refused(card, "pneumoniamnist", wrong)
        refused(mt.load, "pneumoniamnist", wrong)
        refused(find, "pneumoniamnist", wrong)
    for wrong in (None, 3, ["pneumoniamnist"], True):
        assert "unknown data set" in refused(mt.load, wrong)
    for options in (
        {"source": ["phantom"]},
        {"source": None},
        {"source": np.array(["a", "b"])},
        {"source": "phantom", "progress": "no"},
    ):
        refused(mt.load, "pneumoniamnist", **options)
    assert "card must be the Card" in refused(phantoms.draw, "pneumoniamnist")
