"""Planted evidence: what is handed out as evidence is what was changed, and nothing else was."""

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data.planting import MARKER, SPOTS, plant_marker, plant_side, plant_spots
from medtutor.errors import InputError


@pytest.fixture
def grey():
    """Even grey images, so that every change shows."""
    images = np.full((40, 28, 28), 120, dtype=np.uint8)
    return mt.from_arrays(*[(images, np.arange(40) % 2)] * 3, classes=["a", "b"], name="grey")


@pytest.mark.parametrize("kind", SPOTS)
def test_the_evidence_is_where_the_image_was_changed(grey, kind):
    planted = plant_spots(grey, kind)
    for name in ("train", "val", "test"):
        before, after = getattr(grey, name), getattr(planted, name)
        changed = (after.images != before.images)[:, 0]
        assert after.labels.sum() == 20
        assert (changed.any((1, 2)) == (after.labels == 1)).all()
        assert changed[after.evidence].float().mean() > 0.95
        assert 6 <= after.evidence[after.labels == 1].sum((1, 2)).float().mean() <= 40
        assert not after.evidence[after.labels == 0].any()


def test_kinds_differ_in_brightness(grey):
    def change(kind):
        test = plant_spots(grey, kind).test
        return (test.images[:, 0].float() - 120)[test.evidence]

    assert change("bright").min() > 30 and change("dark").max() < -30
    texture = change("texture")
    assert abs(texture.mean()) < 5 and texture.abs().min() > 20


def test_the_marker_goes_with_the_label_as_often_as_asked(grey):
    many = mt.from_arrays(*[blobs(2000, seed, size=28) for seed in range(3)], classes=["a", "b"])
    planted = plant_marker(many, {"train": 0.95, "val": 0.5, "test": 0.05})
    for name, share in (("train", 0.95), ("val", 0.5), ("test", 0.05)):
        split = getattr(planted, name)
        marked = (split.images[:, 0, *MARKER] == 255).all(-1).all(-1)
        assert abs(marked[split.labels == 1].double().mean() - share) < 0.03
        assert abs(marked[split.labels == 0].double().mean() - (1 - share)) < 0.03
        assert torch.equal(split.labels, getattr(many, name).labels)
        assert split.evidence.sum() == 12 * len(split)
    assert torch.equal(plant_marker(grey, None).test.images, grey.test.images)


def test_it_says_that_it_is_a_phantom_and_the_same_seed_plants_the_same(grey):
    planted = plant_spots(grey, "bright", seed=3)
    assert planted.is_phantom and "PHANTOM" in planted.title and "planted bright spots" in planted.title
    assert torch.equal(planted.test.images, plant_spots(grey, "bright", seed=3).test.images)
    assert not torch.equal(planted.test.images, plant_spots(grey, "bright", seed=4).test.images)
    assert plant_marker(grey, 0.9).is_phantom and plant_marker(grey, 0.9).card.mirror == ()
    # The images that were given are left as they were.
    assert (grey.train.images == 120).all()


def test_every_second_image_is_turned_and_the_label_says_which():
    sided = mt.from_arrays(*[blobs(40, seed, size=28) for seed in range(3)], classes=["a", "b"])
    planted = plant_side(sided, seed=1)
    for name in ("train", "val", "test"):
        split, before = getattr(planted, name), getattr(sided, name).images
        assert int(split.labels.sum()) == 20
        assert all(
            torch.equal(image, was.flip(-1) if turned else was)
            for image, was, turned in zip(split.images, before, split.labels)
        )
    assert planted.is_phantom and "PHANTOM" in planted.title and planted.card.mirror == ()
    assert not torch.equal(planted.train.labels, plant_side(sided, seed=2).train.labels)
    with pytest.raises(InputError, match="grey images"):
        plant_side(mt.from_arrays(*[blobs(20, seed, channels=3) for seed in range(3)]))


def test_what_cannot_be_planted_is_said(grey):
    with pytest.raises(InputError, match="unknown kind of spot 'bright spot'.*bright"):
        plant_spots(grey, "bright spot")
    with pytest.raises(InputError, match="share"):
        plant_spots(grey, share=1.0)
    with pytest.raises(InputError, match="agreement"):
        plant_marker(grey, 1.2)
    colour = mt.from_arrays(*[blobs(20, seed, channels=3) for seed in range(3)])
    with pytest.raises(InputError, match="grey images"):
        plant_spots(colour)
    three = mt.from_arrays(*[blobs(21, seed, classes=3) for seed in range(3)])
    with pytest.raises(InputError, match="two classes"):
        plant_marker(three, 0.9)
