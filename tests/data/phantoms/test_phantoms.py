"""Phantoms: the truth that is handed out is the truth that was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from medtutor.data import catalog, phantoms
from medtutor.data.card import SPLITS
from medtutor.errors import InputError

FLAT = ("pneumoniamnist", "breastmnist")
SOLID = ("vesselmnist3d", "adrenalmnist3d")
FEW = {"train": 20, "val": 12, "test": 16}
ILL = {"pneumoniamnist": 1, "breastmnist": 0, "vesselmnist3d": 1, "adrenalmnist3d": 1}


@pytest.fixture(scope="module", params=phantoms.NAMES)
def few(request):
    return phantoms.draw(catalog.card(request.param), counts=FEW)


@pytest.fixture(scope="module", params=phantoms.NAMES)
def many(request):
    """Many test cases; the other splits large enough for their shares of the classes."""
    counts = {"train": 150, "val": 100, "test": 300}
    return phantoms.draw(catalog.card(request.param), counts, seed=1)


def _ill(data, split):
    return split.labels == ILL[data.card.name]


def test_names():
    assert phantoms.NAMES == FLAT + SOLID


def test_shapes_types_and_ranges(few):
    shape = (28, 28) if few.card.name in FLAT else (28, 28, 28)
    for name in SPLITS:
        split, count = getattr(few, name), FEW[name]
        assert split.images.shape == (count, 1, *shape) and split.images.dtype == torch.uint8
        assert split.labels.shape == (count,) and split.labels.dtype == torch.int64
        assert split.evidence.shape == (count, *shape) and split.evidence.dtype == torch.bool
        assert split.masks.shape == (count, *shape) and split.masks.dtype == torch.uint8
        assert split.images.is_contiguous()
        flat = split.images.flatten(1)
        assert (flat.min(1).values < flat.max(1).values).all(), "a constant image"


def test_it_says_that_it_is_a_phantom(few):
    real = catalog.card(few.card.name)
    assert few.is_phantom and few.provenance == "phantom" and "PHANTOM" in few.title
    assert few.card.classes == real.classes and few.card.task == real.task
    assert "medtutor" in few.card.licence and few.card.citation == ""
    assert any("PHANTOM" in warning for warning in few.card.warnings)


def test_labels_mean_what_they_mean_in_the_real_sets():
    meaning = {name: catalog.card(name).classes for name in phantoms.NAMES}
    assert meaning["pneumoniamnist"] == ("normal", "pneumonia")
    assert meaning["breastmnist"] == ("malignant", "normal, benign")
    assert meaning["vesselmnist3d"] == ("vessel", "aneurysm")
    assert meaning["adrenalmnist3d"] == ("normal", "hyperplasia")


@pytest.mark.parametrize("name", phantoms.NAMES)
def test_same_seed_same_images_other_seed_other_images(name):
    counts = {"train": 6, "val": 6, "test": 6}
    first, again, other = (phantoms.draw(catalog.card(name), counts, seed) for seed in (3, 3, 4))
    for split in SPLITS:
        a, b, c = (getattr(data, split) for data in (first, again, other))
        for part in ("images", "labels", "evidence", "masks"):
            assert torch.equal(getattr(a, part), getattr(b, part))
        assert not torch.equal(a.images, c.images)


def test_no_image_stands_in_two_splits(few):
    rows = [getattr(few, name).images.flatten(1) for name in SPLITS]
    rows = torch.cat(rows).numpy()
    assert len(np.unique(rows, axis=0)) == sum(FEW.values())


@pytest.mark.parametrize("name", phantoms.NAMES)
def test_the_size_of_one_split_does_not_change_another(name):
    one = phantoms.draw(catalog.card(name), {"train": 4, "val": 4, "test": 4})
    two = phantoms.draw(catalog.card(name), {"train": 9, "val": 4, "test": 4})
    assert torch.equal(one.test.images, two.test.images)


def test_classes_are_as_frequent_as_in_the_real_set(many):
    real = {
        "pneumoniamnist": (3494 / 4708, 389 / 524, 390 / 624),
        "breastmnist": (399 / 546, 57 / 78, 114 / 156),
        "vesselmnist3d": (150 / 1335, 22 / 191, 43 / 382),
        "adrenalmnist3d": (259 / 1188, 22 / 98, 69 / 298),
    }[many.card.name]
    for name, share in zip(SPLITS, real):
        assert getattr(many, name).labels.float().mean().item() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("name", phantoms.NAMES)
def test_the_smallest_splits_hold_both_classes(name):
    data = phantoms.draw(catalog.card(name), {"train": 2, "val": 2, "test": 3})
    for split in SPLITS:
        assert set(getattr(data, split).labels.tolist()) == {0, 1}


def test_evidence_is_where_the_disease_is_and_nowhere_else(many):
    for name in SPLITS:
        split = getattr(many, name)
        ill = _ill(many, split)
        pixels = split.evidence.flatten(1).sum(1)
        assert (pixels[ill] >= 2).all(), "a case without evidence of its disease"
        assert (pixels[~ill] == 0).all(), "evidence of a disease in a healthy case"
        assert (pixels < 0.6 * split.masks[0].numel()).all()
        assert (split.masks[split.evidence] > 0).all(), "evidence outside the anatomy"


def test_opacities_lie_in_the_lungs_and_are_whiter_than_the_rest_of_them():
    split = phantoms.draw(catalog.card("pneumoniamnist"), FEW | {"train": 300}).train
    assert set(split.masks[split.evidence].unique().tolist()) <= {1, 2}
    assert set(split.masks.unique().tolist()) == {0, 1, 2, 3}
    images = split.images[:, 0].float()
    lungs = (split.masks == 1) | (split.masks == 2)
    differences = []
    for image, inside, lung in zip(images, split.evidence, lungs):
        if inside.any() and (lung & ~inside).sum() > 20:
            differences.append((image[inside].mean() - image[lung & ~inside].mean()).item())
    assert np.mean(differences) > 15 and np.mean(np.array(differences) > 0) > 0.9


def test_the_chest_is_the_right_way_round():
    split = phantoms.draw(catalog.card("pneumoniamnist"), FEW | {"train": 100}).train
    across = torch.arange(28.0)
    for masks in split.masks:
        left, right, heart = ((masks == i).float().sum(0) @ across / (masks == i).sum() for i in (1, 2, 3))
        assert right < heart < left, "the patient's left lung belongs on the viewer's right"
    lungs = (split.masks == 1) | (split.masks == 2)
    healthy = split.labels == 0
    images = split.images[:, 0].float()
    heart = split.masks == 3
    assert images[healthy][lungs[healthy]].mean() + 30 < images[healthy][heart[healthy]].mean()


def test_lesions_are_dark_and_some_breasts_have_none():
    split = phantoms.draw(catalog.card("breastmnist"), FEW | {"train": 300}).train
    has_lesion = (split.masks == 1).flatten(1).any(1)
    assert has_lesion[split.labels == 0].all()
    share = has_lesion[split.labels == 1].float().mean().item()
    assert 0.6 < share < 0.9
    images = split.images[:, 0].float()
    assert images[split.masks == 1].mean() + 15 < images[split.masks == 0].mean()


@pytest.mark.parametrize("name", SOLID)
def test_shapes_are_binary_and_the_mask_is_the_shape(name):
    split = phantoms.draw(catalog.card(name), FEW).train
    assert set(split.images.unique().tolist()) == {0, 255}
    assert torch.equal(split.masks, (split.images[:, 0] > 0).to(torch.uint8))
    assert (split.masks.flatten(1).sum(1) > 40).all()


@pytest.mark.parametrize("name", SOLID)
def test_without_the_evidence_a_sick_shape_has_the_size_of_a_healthy_one(name):
    split = phantoms.draw(catalog.card(name), FEW | {"train": 250}, seed=2).train
    volume = (split.masks.bool() & ~split.evidence).flatten(1).sum(1)
    assert 0.4 < roc_auc_score(split.labels, volume) < 0.6


def test_trivial_statistics_do_not_solve_it(many):
    split = many.test
    x = split.images.flatten(1).float()
    edges = sum(split.images.float().diff(dim=axis).abs().flatten(1).mean(1) for axis in range(2, split.images.ndim))
    for name, statistic in {
        "mean (volume)": x.mean(1),
        "std": x.std(1),
        "min": x.amin(1),
        "max": x.amax(1),
        "edges": edges,
    }.items():
        auc = roc_auc_score(split.labels, statistic)
        assert max(auc, 1 - auc) < 0.8, name


def test_no_phantom_of_that_card():
    with pytest.raises(InputError, match="no phantom of chestmnist.*pneumoniamnist"):
        phantoms.draw(catalog.card("chestmnist"))
    with pytest.raises(InputError, match="no phantom of breastmnist at size 64.*size 28"):
        phantoms.draw(catalog.card("breastmnist", 64))
    slices = replace(catalog.card("vesselmnist3d"), shape=(28, 28), frames=28)
    with pytest.raises(InputError, match="no phantom"):
        phantoms.draw(slices)


@pytest.mark.parametrize("count", [1, 0, -3, 2.5, True])
def test_too_few_cases(count):
    with pytest.raises(InputError, match="whole number from 2"):
        phantoms.draw(catalog.card("breastmnist"), {"val": count})


@pytest.mark.parametrize("counts", [100, (1, 2, 3), {"training": 10}])
def test_counts_of_another_form(counts):
    with pytest.raises(InputError, match="give a dict"):
        phantoms.draw(catalog.card("breastmnist"), counts)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None])
def test_seed(seed):
    with pytest.raises(InputError, match="seed"):
        phantoms.draw(catalog.card("breastmnist"), {"train": 2}, seed=seed)
