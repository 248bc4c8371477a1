"""Which person a case is of: a split knows it, nobody stands in two splits, and intervals draw people."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data import Split, catalog
from medtutor.data.planting import plant_marker, plant_spots
from medtutor.data.sources.decathlon import SPLIT, _as_slices
from medtutor.data.subsets import few_of, some_of
from medtutor.errors import InputError
from medtutor.metrics import measure, measure_regression, measure_segmentation, measure_split

COUNTS = {"train": 24, "val": 12, "test": 12}
PEOPLE = {name: 1000 * i + np.arange(count) // 2 for i, (name, count) in enumerate(COUNTS.items())}


def data(**options):
    return mt.from_arrays(*[blobs(count, i) for i, count in enumerate(COUNTS.values())], **options)


def test_arrays_bring_their_subjects():
    mine = data(subjects=PEOPLE)
    assert mine.test.subjects.tolist() == PEOPLE["test"].tolist()
    assert "people: 12 train, 6 val, 6 test" in str(mine) and "people" not in str(data())
    assert some_of(mine, 4).train.subjects.tolist() == [0, 0, 1, 1]
    assert few_of(mine, 2, seed=0).subjects is not None
    grey = mt.from_arrays(*[blobs(count, i, size=16) for i, count in enumerate(COUNTS.values())], subjects=PEOPLE)
    for planted in (plant_spots(grey, "bright"), plant_marker(grey, 0.9)):
        assert planted.test.subjects.tolist() == PEOPLE["test"].tolist()


@pytest.mark.parametrize(
    "subjects, words",
    [
        ({**PEOPLE, "test": np.r_[0, PEOPLE["test"][1:]]}, r"1 of the subjects \(0\) stand in train and in test"),
        ({**PEOPLE, "test": [1, 2]}, "12 images but 2 subject numbers"),
        ({"train": PEOPLE["train"]}, "the val split has 12 images but 0 subject numbers"),
        ({**PEOPLE, "all": [1]}, "subjects must be"),
        ([1, 2], "subjects must be"),
        ({**PEOPLE, "val": np.full(12, 0.5)}, "whole numbers"),
    ],
)
def test_subjects_that_cannot_be_are_refused(subjects, words):
    with pytest.raises(InputError, match=words):
        data(subjects=subjects)


def test_slices_of_one_volume_are_of_one_person():
    rng = np.random.default_rng(0)
    cases = [(rng.integers(0, 256, (6, 8, 8), np.uint8), rng.integers(0, 2, (6, 8, 8), np.uint8)) for _ in range(3)]
    volumes = {name: 10 * i + np.repeat([1, 2, 3], 2) for i, name in enumerate(COUNTS)}
    people = {name: 10 * i + np.repeat([1, 1, 2], 2) for i, name in enumerate(COUNTS)}
    mine = mt.from_arrays(*cases, patients=volumes, subjects=people)
    assert mine.as_volumes().test.subjects.tolist() == [21, 21, 22]
    mixed = people | {"test": np.array([21, 22, 21, 21, 22, 22])}
    with pytest.raises(InputError, match="of several subjects"):
        mt.from_arrays(*cases, patients=volumes, subjects=mixed)


def test_twelve_test_volumes_of_the_hippocampus_are_ten_people():
    shape = (2, 8, 8)
    volumes = {
        name: (
            torch.zeros(len(ids), 1, *shape, dtype=torch.uint8),
            (torch.arange(128) % 3).view(1, *shape).repeat(len(ids), 1, 1, 1).to(torch.uint8),
            torch.tensor(ids),
        )
        for name, ids in SPLIT.items()
    }
    card = catalog.card("hippocampus")
    published = _as_slices(volumes, replace(card, shape=shape[1:]), "decathlon").as_volumes()
    assert (len(published.test), len(published.test.subjects.unique())) == (12, 10)
    people = [set(getattr(published, name).subjects.tolist()) for name in SPLIT]
    assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
    assert mt.load("hippocampus", source="phantom").test.subjects is None, "every phantom is drawn for itself"


def test_intervals_draw_people():
    """Each person's images alike: as uncertain as six cases, not as twelve."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 0, 1, 1, 0, 1, 0], 6)
    chance = np.repeat(rng.uniform(0.1, 0.9, 8), 6)
    whose = np.repeat(np.arange(8), 6)
    scores = np.stack([1 - chance, chance], axis=1)

    def width(interval):
        return interval[1] - interval[0]

    alone, people = measure(labels, scores, "binary"), measure(labels, scores, "binary", subjects=whose)
    assert alone.auc == people.auc and alone.acc == people.acc
    assert width(people.auc_interval) > 1.5 * width(alone.auc_interval)
    assert width(people.acc_interval) > 1.5 * width(alone.acc_interval)
    alone, people = measure_regression(labels, chance), measure_regression(labels, chance, subjects=whose)
    assert width(people.mae_interval) > 1.5 * width(alone.mae_interval)
    split = Split(torch.zeros(48, 1, 4, 4, dtype=torch.uint8), torch.tensor(labels), subjects=torch.tensor(whose))
    assert measure_split(split, torch.tensor(scores), data().card) == measure(labels, scores, "binary", subjects=whose)
    with pytest.raises(InputError, match="one for each of the 48 cases"):
        measure(labels, scores, "binary", subjects=[1, 2])


def test_the_interval_of_a_segmentation_draws_people():
    masks = torch.zeros(6, 8, 8, dtype=torch.long)
    masks[:, 2:6, 2:6] = 1
    masks[:, :2, :2] = 2
    found = masks.clone()
    found[:3, 2:4] = 0  # half of one person's volumes is missed
    scores = torch.nn.functional.one_hot(found, 3).movedim(-1, 1).float()
    card = catalog.card("hippocampus")
    options = {"distances": False}
    alone = measure_segmentation(masks, scores, card, **options)
    people = measure_segmentation(masks, scores, card, subjects=[1, 1, 1, 2, 2, 2], **options)
    assert people.dice == alone.dice and people.dice_interval[0] < alone.dice_interval[0]
