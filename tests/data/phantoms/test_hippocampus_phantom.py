"""Hippocampus phantoms: the mask is what was drawn, and brightness alone does not find it."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from medtutor.data.phantoms import hippocampus as phantom
from medtutor.data.sources import decathlon, nifti
from medtutor.errors import InputError

FEW = {"train": 2, "val": 1, "test": 2}


@pytest.fixture(scope="module")
def drawn():
    return phantom.draw()


def dice(one, two):
    return 2 * (one & two).sum() / (one.sum() + two.sum())


def test_the_form_is_that_of_the_real_set(drawn):
    assert {name: len(part[2]) for name, part in drawn.items()} == {
        name: len(ids) for name, ids in decathlon.SPLIT.items()
    }
    for images, masks, ids in drawn.values():
        count = len(ids)
        assert images.shape == (count, 1, *nifti.SHAPE) and images.dtype == torch.uint8
        assert masks.shape == (count, *nifti.SHAPE) and masks.dtype == torch.uint8
        assert ids.dtype == torch.int64 and images.is_contiguous()
        assert set(masks.unique().tolist()) == {0, 1, 2}
    assert [i for _, _, ids in drawn.values() for i in ids.tolist()] == list(range(1, 49))


def test_same_seed_same_volumes_other_seed_other_volumes():
    first, again, other = (phantom.draw(FEW, seed) for seed in (3, 3, 4))
    for name in FEW:
        assert all(torch.equal(a, b) for a, b in zip(first[name], again[name]))
        assert not torch.equal(first[name][0], other[name][0])


def test_the_size_of_one_split_does_not_change_another():
    one, two = phantom.draw(FEW), phantom.draw(FEW | {"train": 3})
    assert torch.equal(one["test"][0], two["test"][0])


def test_no_volume_stands_twice(drawn):
    images = torch.cat([part[0] for part in drawn.values()]).flatten(1).numpy()
    assert len(np.unique(images, axis=0)) == 48


def test_the_head_lies_in_front_of_and_below_the_tail(drawn):
    for mask in drawn["train"][1]:
        head, tail = ((mask == label).nonzero().float().mean(0) for label in (1, 2))
        assert head[1] > tail[1] + 10 and head[2] < tail[2]


def test_the_border_of_the_labels_is_a_plane_across(drawn):
    for mask in drawn["train"][1]:
        head, tail = ((mask == label).any(2).any(0).nonzero() for label in (1, 2))
        assert head.min() == tail.max() + 1


def test_a_mask_is_one_piece_that_nothing_cuts_off(drawn):
    for _, masks, _ in drawn.values():
        for mask in masks.numpy() > 0:
            pieces, count = ndimage.label(mask)
            assert np.bincount(pieces.ravel())[1:].max() > 0.98 * mask.sum()
            for axis in range(3):
                assert not mask.take((0, -1), axis).any()


def test_sizes_are_those_of_the_real_set(drawn):
    masks = drawn["train"][1].numpy()
    assert 0.028 < (masks > 0).mean() < 0.036
    sizes = np.array([[(mask == label).sum() for label in (1, 2)] for mask in masks])
    assert (sizes > 700).all() and (sizes < 3000).all()
    assert (sizes.std(0) > 100).all()


def test_the_image_shows_what_the_mask_says(drawn):
    """The hippocampus is darker than the white matter just below it."""
    images, masks, _ = drawn["train"]
    differences = []
    for image, mask in zip(images[:, 0].numpy().astype(float), masks.numpy() > 0):
        core = ndimage.binary_erosion(mask)
        under = np.roll(mask, -3, axis=2) & ~ndimage.binary_dilation(mask)
        differences.append(np.median(image[under]) - np.median(image[core]))
    assert np.mean(differences) > 25 and np.mean(np.array(differences) > 0) > 0.9


def test_brightness_alone_does_not_find_it(drawn):
    images, masks, _ = drawn["test"]
    values, wanted = images[:, 0].numpy(), masks.numpy() > 0
    both = np.bincount(values.ravel(), minlength=256), np.bincount(values[wanted], minlength=256)
    best = max(
        2 * both[1][low:high].sum() / (both[0][low:high].sum() + wanted.sum())
        for low in range(0, 250, 5)
        for high in range(low + 5, 260, 5)
    )
    assert best < 0.4


def test_an_atlas_finds_it_only_roughly(drawn):
    train, test = drawn["train"][1].numpy(), drawn["test"][1].numpy()
    atlas = np.stack([(train == label).mean(0) for label in range(3)]).argmax(0)
    for label in (1, 2):
        mean = np.mean([dice(atlas == label, mask == label) for mask in test])
        assert 0.5 < mean < 0.8


@pytest.mark.parametrize("counts", [10, None, {"train": 3}, FEW | {"more": 1}])
def test_counts_of_another_form(counts):
    with pytest.raises(InputError, match="give a dict"):
        phantom.draw(counts)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_counts_that_are_no_numbers(count):
    with pytest.raises(InputError, match="counts of val is .* whole number from 1"):
        phantom.draw(FEW | {"val": count})


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_seed(seed):
    with pytest.raises(InputError, match="seed"):
        phantom.draw(FEW, seed=seed)
