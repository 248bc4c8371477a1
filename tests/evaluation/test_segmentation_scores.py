"""Dice, HD95 and surface Dice where the answer is known by hand."""

import math

import numpy as np
import pytest
import torch

from medtutor.data import card
from medtutor.evaluation import measure_segmentation, segmentation_scores


def square(top, left, side=4, shape=(20, 24)):
    mask = torch.zeros(1, *shape, dtype=torch.uint8)
    mask[0, top : top + side, left : left + side] = 1
    return mask


def test_the_same_mask_is_perfect():
    scores = segmentation_scores(square(5, 5), square(5, 5), 2)
    assert [scores[name].item() for name in ("dice", "hd95", "surface_dice")] == [1, 0, 1]


def test_a_shifted_square():
    """By one column: 12 of 16 pixels overlap; by six: none, and the surfaces are six pixels apart."""
    near = segmentation_scores(square(5, 5), square(5, 6), 2)
    assert near["dice"].item() == pytest.approx(0.75) and near["hd95"].item() == 1 and near["surface_dice"].item() == 1
    far = segmentation_scores(square(5, 5), square(5, 11), 2)
    assert far["dice"].item() == 0 and far["hd95"].item() == pytest.approx(6, abs=0.2) and far["surface_dice"].item() == 0


def test_spacing_is_in_millimetres():
    """Columns 2 mm apart: a shift by one column is 2 mm, and farther than the tolerance."""
    scores = segmentation_scores(square(5, 5), square(5, 6), 2, spacing=(1.0, 2.0))
    assert scores["hd95"].item() == pytest.approx(2) and scores["surface_dice"].item() < 1


def test_the_rule_for_what_is_empty():
    nothing, something = torch.zeros(1, 20, 24, dtype=torch.uint8), square(5, 5)
    both = segmentation_scores(nothing, nothing, 2, spacing=(1.0, 2.0))
    assert [both[name].item() for name in ("dice", "hd95", "surface_dice")] == [1, 0, 1]
    for pair in ((nothing, something), (something, nothing)):
        one = segmentation_scores(*pair, 2, spacing=(1.0, 2.0))
        assert one["dice"].item() == 0 and one["surface_dice"].item() == 0
        assert one["hd95"].item() == pytest.approx(math.hypot(20, 48))


def test_dice_is_that_of_a_count():
    generator = np.random.default_rng(0)
    found, real = (torch.tensor(generator.integers(0, 3, (3, 4, 6, 5))) for _ in range(2))
    dice = segmentation_scores(found, real, 3, distances=False)
    assert set(dice) == {"dice"}
    for patient in range(3):
        for number in (1, 2):
            a, b = found[patient] == number, real[patient] == number
            assert dice["dice"][patient, number - 1] == pytest.approx(2 * (a & b).sum().item() / (a.sum() + b.sum()).item())


def test_slices_are_measured_as_volumes_of_their_patients():
    """Slice by slice the second patient would score 1/2; the volume has twice the pixels in its good slice."""
    masks = torch.zeros(4, 56, 40, dtype=torch.uint8)
    masks[:, 10:20, 10:14], masks[:, 30:40, 10:14] = 1, 2
    found = masks.clone()
    found[3] = 0
    masks[2, 20:30, 10:14] = found[2, 20:30, 10:14] = 1
    scores = torch.nn.functional.one_hot(found.long(), 3).movedim(-1, 1).float()
    metrics = measure_segmentation(masks, scores, card("hippocampus"), torch.tensor([5, 5, 9, 9]))
    assert metrics.n == 2
    # Patient 9: class 1 has 80 of 120 pixels, 2 * 80 / 200; class 2 40 of 80, 2 * 40 / 120.
    assert metrics.of_class["anterior"]["dice"] == pytest.approx((1 + 0.8) / 2)
    assert metrics.of_class["posterior"]["dice"] == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.dice == pytest.approx((1 + (0.8 + 2 / 3) / 2) / 2)
    assert metrics.dice_interval[0] <= metrics.dice <= metrics.dice_interval[1]
    assert "HD95" in str(metrics) and "(n = 2)" in str(metrics)
    quick = measure_segmentation(masks, scores, card("hippocampus"), torch.tensor([5, 5, 9, 9]), distances=False, resamples=0)
    assert quick.dice == metrics.dice and quick.hd95 is None and quick.dice_interval is None
