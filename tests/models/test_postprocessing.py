"""Islands go, and the mean shape comes to lie where the prediction is."""

import numpy as np
import pytest
import torch

from medtutor.errors import InputError
from medtutor.models.postprocessing import MeanShape, largest_component


def discs(centres, radii, side=40, dims=2):
    """Masks of one organ of two halves: 1 before the middle of the first axis, 2 behind it."""
    grid = np.stack(np.meshgrid(*[np.arange(side)] * dims, indexing="ij"), axis=-1)
    masks = []
    for centre, radius in zip(centres, radii):
        inside = ((grid - np.asarray(centre)) ** 2).sum(axis=-1) <= radius**2
        masks.append(inside * (1 + (grid[..., 0] > centre[0])))
    return np.stack(masks).astype(np.uint8)


def soft(masks, classes=3, sure=0.9):
    """Probabilities whose argmax is the mask."""
    hot = np.moveaxis(np.eye(classes)[masks], -1, 1)
    return (hot * (sure - (1 - sure) / (classes - 1)) + (1 - sure) / (classes - 1)).astype(np.float32)


def dice(a, b):
    return 2 * ((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum())


def test_each_class_keeps_its_largest_piece_or_the_organ_does():
    mask = np.array([[[1, 1, 0, 2, 0, 1], [1, 1, 2, 2, 0, 0]]], np.uint8)
    assert largest_component(mask).tolist() == [[[1, 1, 0, 2, 0, 0], [1, 1, 2, 2, 0, 0]]]
    split = np.array([[[1, 1, 2, 1, 0, 2, 2]]], np.uint8)
    assert largest_component(split).tolist() == [[[1, 1, 0, 0, 0, 2, 2]]], "every class for itself"
    assert largest_component(split, whole=True).tolist() == [[[1, 1, 2, 1, 0, 0, 0]]], "the organ as one piece"


def test_corners_connect_and_an_empty_mask_stays_empty():
    mask = torch.zeros(2, 3, 3, 3, dtype=torch.uint8)
    mask[0, 0, 0, 0] = mask[0, 1, 1, 1] = 1
    assert largest_component(mask).sum() == 2
    assert largest_component(mask).dtype == np.uint8 and not largest_component(mask)[1].any()
    with pytest.raises(InputError, match="whole numbers"):
        largest_component(np.zeros((2, 4, 4)))


@pytest.mark.parametrize("dims", [2, 3])
def test_the_mean_shape_of_discs_is_a_disc_of_the_mean_size(dims):
    side = 40 if dims == 2 else 24
    middle = np.full(dims, (side - 1) / 2)
    masks = discs([middle - 3, middle, middle + 3], [5, 6, 7], side, dims)
    shape = MeanShape.fit(masks, 3)
    assert shape.distance.shape == (3, *masks.shape[1:])
    (truth,) = discs([middle], [6], side, dims)
    assert dice(shape.distance.argmax(axis=0), truth) > 0.95
    # A pixel beside the middle of a disc of radius 6, so nearer to its border; and one far outside.
    assert -shape.distance[(0, *[side // 2] * dims)] == pytest.approx(6 - dims**0.5 / 2, abs=0.6)
    assert shape.distance[(0, *[0] * dims)] > 5


def test_the_shape_moves_and_grows_with_the_prediction():
    shape = MeanShape.fit(discs([(19, 19)] * 2, [6, 6]), 3)
    far = discs([(26, 12)], [9])
    alone = shape.apply(soft(far), 1.0).argmax(axis=1)
    assert dice(alone, far) > 0.95
    assert ((alone == 2) & (far == 2)).sum() > 0.9 * (far == 2).sum(), "its classes too"


def test_a_bite_out_of_the_organ_is_mended_and_an_island_does_not_mislead():
    shape = MeanShape.fit(discs([(19, 19), (20, 18)], [8, 9]), 3)
    truth = discs([(22, 16)], [8])
    bitten = truth.copy()
    bitten[0, 20:24, 8:14] = 0
    bitten[0, 1:4, 36:39] = 1
    mended = shape.apply(soft(bitten, sure=0.6), 0.5).argmax(axis=1)
    assert dice(mended, truth) > dice(bitten, truth) + 0.03
    assert not mended[0, 1:4, 36:39].any()


def test_weight_0_changes_nothing_and_an_empty_prediction_stays():
    shape = MeanShape.fit(discs([(19, 19)], [8]), 3)
    given = soft(discs([(15, 15)], [5]))
    np.testing.assert_array_equal(shape.apply(torch.from_numpy(given), 0), given)
    empty = soft(np.zeros((1, 40, 40), np.uint8))
    np.testing.assert_array_equal(shape.apply(empty, 0.7), empty)
    between = shape.apply(given, 0.4)
    assert between.dtype == np.float32 and between.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_distances_are_millimetres_where_the_spacing_is_given():
    masks = discs([(19, 19)], [8])
    assert MeanShape.fit(masks, 3, spacing=(2, 2)).distance == pytest.approx(
        2 * MeanShape.fit(masks, 3).distance, rel=1e-5
    )


def test_wrong_input_is_refused():
    masks = discs([(19, 19)], [8])
    with pytest.raises(InputError, match="must have foreground"):
        MeanShape.fit(np.zeros_like(masks), 3)
    with pytest.raises(InputError, match="classes 1 to 1"):
        MeanShape.fit(masks, 2)
    shape = MeanShape.fit(masks, 3)
    with pytest.raises(InputError, match="from 0 .no shape. to 1"):
        shape.apply(soft(masks), 1.5)
    with pytest.raises(InputError, match="fit it on masks"):
        shape.apply(soft(masks)[:, :, 1:], 0.5)
