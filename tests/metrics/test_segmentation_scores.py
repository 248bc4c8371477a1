"""Dice, HD95 and surface Dice where the answer is known by hand."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance

import medtutor as mt
from medtutor.data import card
from medtutor.errors import InputError
from medtutor.metrics import measure_segmentation, segmentation_scores
from medtutor.reports import atlases, segmentation_table


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
    assert (
        far["dice"].item() == 0 and far["hd95"].item() == pytest.approx(6, abs=0.2) and far["surface_dice"].item() == 0
    )


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
            assert dice["dice"][patient, number - 1] == pytest.approx(
                2 * (a & b).sum().item() / (a.sum() + b.sum()).item()
            )


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
    quick = measure_segmentation(
        masks, scores, card("hippocampus"), torch.tensor([5, 5, 9, 9]), distances=False, resamples=0
    )
    assert quick.dice == metrics.dice and quick.hd95 is None and quick.dice_interval is None


# A structure that was missed, or invented, counts -----------------------------------------------------


def probabilities(found, classes=2):
    return torch.nn.functional.one_hot(found.long(), classes).movedim(-1, 1).float()


def two_patients(shape=(4, 10, 12)):
    """(truth, found): the first patient's lesion is found, the second's is missed."""
    truth = torch.zeros(2, *shape, dtype=torch.uint8)
    truth[:, 1:3, 2:6, 3:7] = 1
    found = truth.clone()
    found[1] = 0
    return truth, found


@pytest.mark.parametrize("invented", [False, True])
def test_a_missed_lesion_is_a_diagonal_away_in_every_mean(invented):
    """A library that leaves it out as NaN would call this segmentation perfect."""
    truth, found = two_patients()
    truth, found = (found, truth) if invented else (truth, found)
    diagonal = math.dist((0, 0, 0), (2 * 4, 10, 12))
    facts = replace(card("hippocampus"), classes=("background", "lesion"), spacing=(2.0, 1.0, 1.0))
    as_volumes = measure_segmentation(truth, probabilities(found), replace(facts, shape=(4, 10, 12)))
    slices, whose = truth.flatten(0, 1), torch.tensor([3, 8]).repeat_interleave(4)
    by_slices = measure_segmentation(slices, probabilities(found.flatten(0, 1)), replace(facts, shape=(10, 12)), whose)
    for metrics in (as_volumes, by_slices):
        assert metrics.hd95 == pytest.approx(diagonal / 2) == metrics.of_class["lesion"]["hd95"]
        assert metrics.dice == pytest.approx(0.5) == metrics.surface_dice and metrics.n == 2
        assert metrics.hd95_interval[1] == pytest.approx(diagonal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is nothing to measure
        alone = compute_hausdorff_distance(
            found[:, None].float(), truth[:, None].float(), include_background=True, percentile=95
        )
    assert alone.flatten()[0] == 0 and not alone.flatten()[1].isfinite()


def test_a_run_that_misses_a_lesion_says_so_in_its_table():
    truth, _ = two_patients()
    images = (truth * 200).numpy()[..., None]
    dataset = mt.from_arrays(*[(images, truth.numpy())] * 3, classes=["background", "lesion"], task="segmentation")
    run = mt.fit(mt.build("unet", dataset, widths=(4, 8)), dataset, mt.Recipe(epochs=1), progress=False)
    with torch.no_grad():  # a network that finds nothing
        run.model.classifier.weight.zero_()
        run.model.classifier.bias.copy_(torch.tensor([9.0, -9.0]))
    run.test = measure_segmentation(dataset.test.masks, run.predict(dataset.test.images), dataset.card)
    diagonal = math.dist((0, 0, 0), (4, 10, 12))
    assert run.test.hd95 == pytest.approx(diagonal) and f"{diagonal:.3f}" in segmentation_table(run, dataset)
    assert atlases(dataset)["atlas"].hd95 == 0


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_numbers_whatever_the_masks(seed):
    generator = np.random.default_rng(seed)
    shape = (2, *generator.integers(1, 6, generator.integers(2, 4)))
    found, real = (generator.integers(0, 3, shape) * generator.integers(0, 2, shape) for _ in range(2))
    for score, values in segmentation_scores(found, real, 3).items():
        assert np.isfinite(values).all() and (values >= 0).all() and (score == "hd95" or (values <= 1).all())


@pytest.mark.parametrize(
    "found, real, classes, words",
    [
        ((1, 4, 4), (2, 4, 4), 2, "give both of the same images"),
        ((2, 4, 4), (2, 4, 5), 2, "give both of the same images"),
        ((4, 4), (4, 4), 2, "give class numbers"),
        ((0, 4, 4), (0, 4, 4), 2, "of one case or more"),
        ((2, 4, 4), (2, 4, 4), 1, "classes must be"),
    ],
)
def test_masks_that_do_not_fit_are_refused(found, real, classes, words):
    with pytest.raises(InputError, match=words):
        segmentation_scores(np.zeros(found, int), np.zeros(real, int), classes)


def test_numbers_that_are_no_class_are_refused():
    with pytest.raises(InputError, match="predicted masks hold 3; give whole numbers 0…1"):
        segmentation_scores(3 * square(5, 5), square(5, 5), 2)
    with pytest.raises(InputError, match="true masks hold -1; give whole numbers 0…1"):
        segmentation_scores(square(5, 5), -1 * square(5, 5).long(), 2)


def test_probabilities_that_are_none_and_patients_that_do_not_fit_are_refused():
    truth, found = two_patients()
    facts = replace(card("hippocampus"), classes=("background", "lesion"), spacing=None)
    scores = probabilities(found)
    with pytest.raises(InputError, match="NaN or infinity"):
        measure_segmentation(truth, scores * torch.nan, facts)
    for whose, words in (
        ([1, 1, 2], "one for each slice"),
        ([1, 2, 1, 2, 1, 1, 2, 2], "do not stand together"),
        ([1] * 5 + [2] * 3, "unequal numbers"),
    ):
        with pytest.raises(InputError, match=words):
            measure_segmentation(truth.flatten(0, 1), probabilities(found.flatten(0, 1)), facts, torch.tensor(whose))
