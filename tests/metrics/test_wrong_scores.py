"""Numbers come of finite scores of the same cases, or there are none: wrong ones get one sentence, never a number."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.data import Split
from medtutor.errors import InputError
from medtutor.metrics import (
    measure,
    measure_regression,
    measure_segmentation,
    measure_split,
    metrics_kind,
    segmentation_scores,
)
from medtutor.metrics.segmentation import by_patient
from medtutor.models.classical import Atlas, best_cluster, oracle_seeds, region_growing
from medtutor.models.postprocessing import MeanShape, largest_component
from medtutor.reports.quality import flag, judge_flags, leave_one_out, uncertainty_features

GENERATOR = np.random.default_rng(0)
LABELS = np.arange(12) % 3
SCORES = GENERATOR.dirichlet(np.ones(3), 12)
MANY = np.stack([LABELS == 0, LABELS != 1, np.arange(12) % 2 == 0], 1).astype(int)
NUMBERS = GENERATOR.normal(size=12)
MASKS = np.zeros((4, 8, 8), np.uint8)
MASKS[:, 2:5, 2:5], MASKS[:, 5:7, 2:5] = 1, 2
MAPS = np.moveaxis(np.eye(3)[MASKS] * 0.7 + 0.1, -1, 1)
IMAGES = (MASKS * 90 + GENERATOR.integers(0, 60, MASKS.shape)).astype(np.uint8)
CARD = mt.from_arrays(*[(IMAGES, MASKS)] * 3, task="segmentation").card


def with_one(array, value):
    """A copy, as floats, with one wrong value."""
    array = np.array(array, dtype=float)
    array.flat[3] = value
    return array


NOT_FINITE = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}


@pytest.mark.parametrize("value", NOT_FINITE.values(), ids=NOT_FINITE)
@pytest.mark.parametrize(
    "call",
    [
        lambda v: measure(LABELS, with_one(SCORES, v), "multi-class"),
        lambda v: measure(with_one(LABELS, v), SCORES, "multi-class"),
        lambda v: measure(LABELS % 2, with_one(SCORES[:, :2], v), "binary"),
        lambda v: measure(MANY, with_one(SCORES, v), "multi-label"),
        lambda v: measure_regression(NUMBERS, with_one(NUMBERS, v)),
        lambda v: measure_regression(with_one(NUMBERS, v), NUMBERS),
        lambda v: measure_segmentation(torch.from_numpy(MASKS), torch.from_numpy(with_one(MAPS, v)), CARD),
        lambda v: segmentation_scores(with_one(MASKS, v), MASKS, 3),
        lambda v: uncertainty_features(with_one(MAPS, v)),
        lambda v: MeanShape.fit(MASKS, 3).apply(with_one(MAPS, v), 0.5),
        lambda v: MeanShape.fit(MASKS, 3).apply(MAPS, v),
        lambda v: MeanShape.fit(MASKS, 3, spacing=(1.0, v)),
        lambda v: flag(with_one(SCORES[:, 0], v)),
        lambda v: judge_flags(SCORES[:, 0], with_one(SCORES[:, 1], v)),
        lambda v: Atlas.fit(IMAGES, with_one(MASKS, v), 3),
        lambda v: best_cluster(with_one(MASKS, v), MASKS),
        lambda v: oracle_seeds(with_one(MASKS, v)),
    ],
)
def test_what_is_not_finite_gives_no_number(call, value):
    with pytest.raises(InputError) as refused:
        call(value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "call, words",
    [
        # unequal lengths, also those that numpy would spread over each other
        (lambda: measure(LABELS, SCORES[:-1], "multi-class"), "one row for each case"),
        (lambda: measure(LABELS[:1], SCORES, "multi-class"), "one row for each case"),
        (lambda: measure(LABELS[:, None], SCORES, "multi-class"), "one row for each case"),
        (lambda: measure(MANY[:1], SCORES, "multi-label"), "one row for each case"),
        (lambda: measure(MANY[:, :2], SCORES, "multi-label"), "one row for each case"),
        (lambda: measure_regression(NUMBERS, NUMBERS[:-1]), "12 labels and 11 answers"),
        (lambda: measure_regression(NUMBERS, NUMBERS[None]), "one number for each case"),
        (lambda: measure_regression(NUMBERS, NUMBERS.reshape(6, 2)), "one number for each case"),
        (lambda: segmentation_scores(MASKS[:1], MASKS, 3), "give both of the same images"),
        (lambda: segmentation_scores(MASKS[:, :1], MASKS, 3), "give both of the same images"),
        (lambda: measure_segmentation(MASKS[:2], MAPS, CARD), "scores have shape"),
        (lambda: measure_segmentation(MASKS, MAPS[:, :2], CARD), "each of the 3 classes"),
        (lambda: measure_segmentation(MASKS, MAPS, CARD, patients=torch.tensor([0, 1])), "one for each slice"),
        (lambda: leave_one_out({"a": NUMBERS}, SCORES[:, 0], groups=[0, 1]), "whose it is"),
        (lambda: judge_flags(SCORES[:, 0], SCORES[:-1, 0]), "for the same 2 cases"),
        # slices of patients, stacked as if they stood together
        (lambda: by_patient(torch.from_numpy(MASKS), torch.tensor([0, 0, 0, 1])), "unequal numbers of slices"),
        (lambda: by_patient(torch.from_numpy(MASKS), torch.tensor([0, 1, 0, 1])), "do not stand together"),
        # logits, and other numbers that are no probability
        (lambda: measure(LABELS, 5 * SCORES - 2, "multi-class"), "not logits"),
        (lambda: measure(LABELS % 2, np.stack([-NUMBERS, NUMBERS], 1), "binary"), "not logits"),
        (lambda: measure(MANY, 100 * SCORES, "multi-label"), "not logits"),
        (lambda: uncertainty_features(10 * MAPS), "not logits"),
        (lambda: MeanShape.fit(MASKS, 3).apply(MAPS - 0.5, 0.5), "not logits"),
        (lambda: MeanShape.fit(MASKS, 3).apply(MAPS, True), "weight is True"),
        # other axes
        (lambda: measure(LABELS % 2, SCORES[:, 0], "binary"), "give probabilities"),
        (lambda: measure(LABELS % 2, SCORES, "binary"), "2 classes"),
        (lambda: measure(LABELS, SCORES.T, "multi-class"), "one row for each case"),
        (lambda: segmentation_scores(MASKS[0], MASKS[0], 3), "of one case or more"),
        (lambda: MeanShape.fit(MASKS, 3).apply(MAPS[0], 0.5), "fit it on masks"),
        # nothing
        (lambda: measure(LABELS[:0], SCORES[:0], "multi-class"), "one case or more"),
        (lambda: measure_regression([], []), "one number for each case"),
        (lambda: segmentation_scores(MASKS[:0], MASKS[:0], 3), "of one case or more"),
        (lambda: uncertainty_features(MAPS[:0]), "give \\(P, classes"),
        (lambda: MeanShape.fit(MASKS, 3).apply(MAPS[:0], 0.5), "fit it on masks"),
        # no labels of these classes
        (lambda: measure(LABELS + 1, SCORES, "multi-class"), "labels hold 3"),
        (lambda: measure(LABELS + 0.5, SCORES, "multi-class"), "labels hold 0.5"),
        (lambda: measure(LABELS, SCORES[:, :2], "binary"), "labels hold 2"),
        (lambda: measure(2 * MANY, SCORES, "multi-label"), "labels hold 2"),
        (lambda: segmentation_scores(MASKS, MASKS, 2), "masks hold 2"),
        (lambda: segmentation_scores(MASKS / 2, MASKS, 3), "masks hold 0.5"),
        (lambda: best_cluster(MASKS - 1.0, MASKS), "whole numbers from 0"),
        (lambda: region_growing(IMAGES, np.full((4, 2), 3.7)), "seeds of shape"),
        # no numbers
        (lambda: measure(list("abcabcabcabc"), SCORES, "multi-class"), "labels must be numbers"),
        (lambda: measure(LABELS, [[0.5, 0.5], [1.0]], "multi-class"), "rows of different lengths"),
        (lambda: measure_regression(NUMBERS, None), "answers must be numbers"),
        (lambda: segmentation_scores("masks", MASKS, 3), "must be numbers"),
        # tasks, and options
        (lambda: measure(NUMBERS, NUMBERS[:, None], "regression"), "measure_regression"),
        (lambda: measure(MASKS, MAPS, "segmentation"), "measure_segmentation"),
        (lambda: measure(LABELS, SCORES, "multiclass"), "measure is for binary"),
        (lambda: metrics_kind("regresion"), "did you mean regression"),
        (lambda: measure(LABELS, SCORES, "multi-class", resamples=-1), "resamples must be from 0"),
        (lambda: measure_regression(NUMBERS, NUMBERS, resamples=0.5), "resamples must be a whole number"),
        (lambda: segmentation_scores(MASKS, MASKS, 3, spacing=(1.0,)), "spacing must be 2 lengths"),
        (lambda: segmentation_scores(MASKS, MASKS, 3, spacing=(1.0, 0.0)), "spacing must be"),
        (lambda: largest_component(MASKS, whole="no"), "whole must be True or False"),
    ],
)
def test_what_does_not_fit_gives_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_the_metrics_of_a_split_are_checked_too():
    split = Split(torch.zeros(12, 1, 8, 8, dtype=torch.uint8), torch.from_numpy(LABELS))
    three = replace(CARD, task="multi-class")
    assert measure_split(split, torch.from_numpy(SCORES), three).n == 12
    with pytest.raises(InputError, match="one row for each case"):
        measure_split(split, torch.from_numpy(SCORES[1:]), three)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rounding_is_no_mistake(kind):
    """Probabilities are kept in half precision, which may round them beyond 1."""
    scores = SCORES.astype(kind)
    scores[0] = [1 + 5e-4, 0, 0]
    assert 0 <= measure(LABELS, scores, "multi-class", resamples=0).auc <= 1
    assert measure(LABELS, torch.from_numpy(scores), "multi-class", resamples=0).n == 12
