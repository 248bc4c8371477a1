"""Calibration: against torchmetrics, scikit-learn and scipy, on models that are right, and on input that is not."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from medtutor.errors import InputError
from medtutor.metrics.calibration import (
    at_temperature,
    brier_score,
    calibration_error,
    error_if_calibrated,
    fit_isotonic,
    fit_temperature,
    overconfidence,
    reliability,
    said_and_true,
)


def model(n=500, classes=2, factor=1.0, seed=0):
    """(logits, labels): right probabilities are the softmax of logits / factor."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(n, classes))
    p = at_temperature(logits, 1.0)
    labels = (generator.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    return factor * logits, labels


@pytest.mark.parametrize("bins", [5, 15, 40])
@pytest.mark.parametrize("classes", [2, 4])
def test_of_confidence_it_is_that_of_torchmetrics_for_many_classes(bins, classes):
    logits, labels = model(classes=classes, factor=2.0)
    p = at_temperature(logits, 1.0)
    theirs = multiclass_calibration_error(
        torch.tensor(p), torch.tensor(labels), num_classes=classes, n_bins=bins, norm="l1"
    )
    assert calibration_error(p, labels, bins) == pytest.approx(float(theirs), abs=1e-6)


def test_of_the_positive_class_it_is_that_of_torchmetrics_for_two_and_another_number():
    logits, labels = model(factor=2.0)
    p = at_temperature(logits, 1.0)
    theirs = binary_calibration_error(torch.tensor(p[:, 1]), torch.tensor(labels), n_bins=15, norm="l1")
    ours = calibration_error(p, labels, of="positive")
    assert ours == pytest.approx(float(theirs), abs=1e-6)
    assert abs(ours - calibration_error(p, labels)) > 1e-3


def test_the_largest_error_is_that_of_torchmetrics():
    logits, labels = model(factor=3.0)
    p = at_temperature(logits, 1.0)
    theirs = multiclass_calibration_error(torch.tensor(p), torch.tensor(labels), num_classes=2, n_bins=10, norm="max")
    assert reliability(*said_and_true(p, labels), 10).mce == pytest.approx(float(theirs), abs=1e-6)


def test_bins_of_equal_mass_hold_as_many_cases():
    logits, labels = model(n=600)
    found = reliability(*said_and_true(at_temperature(logits, 1.0), labels), 12, "equal mass")
    assert found.count.sum() == 600 and set(found.count) <= {49, 50, 51}


def test_ties_and_a_constant_model_leave_fewer_bins():
    found = reliability(np.full(20, 0.7), np.arange(20) < 14, 10, "equal mass")
    assert len(found.count) == 1 and found.ece == pytest.approx(0.0)


def test_a_share_of_a_bin_has_scipys_interval():
    found = reliability([0.9] * 20 + [0.6] * 3, [True] * 17 + [False] * 3 + [True] * 3, 5)
    for share, count, interval in zip(found.true, found.count, found.intervals):
        theirs = binomtest(round(share * count), int(count)).proportion_ci()
        assert interval == pytest.approx([theirs.low, theirs.high], abs=1e-9)


def test_brier_is_scikit_learns_twice_for_two_classes():
    logits, labels = model()
    p = at_temperature(logits, 1.0)
    assert brier_score(p, labels) == pytest.approx(2 * brier_score_loss(labels, p[:, 1]))


def test_an_error_that_chance_makes_is_not_exceeded_by_a_calibrated_model():
    beyond = 0
    for seed in range(40):
        logits, labels = model(n=200, seed=seed)
        p = at_temperature(logits, 1.0)
        beyond += calibration_error(p, labels) > error_if_calibrated(said_and_true(p, labels)[0], repeats=100)[1]
    assert beyond <= 5  # 1 is expected
    logits, labels = model(n=200, factor=4.0)
    p = at_temperature(logits, 1.0)
    assert calibration_error(p, labels) > error_if_calibrated(said_and_true(p, labels)[0])[1]


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_temperature_is_found_and_mends(factor, classes):
    logits, labels = model(n=6000, classes=classes, factor=factor)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(factor, rel=0.08)
    mended = at_temperature(logits, found)
    assert abs(overconfidence(mended, labels)) < 0.02
    assert (mended.argmax(1) == logits.argmax(1)).all()
    # Log probabilities are as good as logits.
    assert fit_temperature(np.log(at_temperature(logits, 1.0)), labels) == pytest.approx(found, rel=1e-3)


def test_the_temperature_has_the_lowest_cross_entropy():
    logits, labels = model(factor=2.5)
    z, y = torch.tensor(logits), torch.tensor(labels)
    best = fit_temperature(logits, labels)
    losses = [float(torch.nn.functional.cross_entropy(z / t, y)) for t in (0.97 * best, best, 1.03 * best)]
    assert losses[1] == min(losses)


def test_where_all_is_right_colder_is_always_better():
    assert fit_temperature([[0.5, 0.0], [0.0, 0.5]], [0, 1]) < 0.06


def test_isotonic_is_scikit_learns():
    logits, labels = model(factor=3.0)
    p = at_temperature(logits, 1.0)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(p[:, 1], labels).predict(p[:, 1])
    ours = fit_isotonic(p, labels)(p)
    assert ours[:, 1] == pytest.approx(theirs) and ours.sum(1) == pytest.approx(1)
    assert calibration_error(ours, labels) < calibration_error(p, labels)


TWO = [[0.9, 0.1], [0.4, 0.6]]


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: calibration_error(np.zeros((0, 2)), []), "no case"),
        (lambda: calibration_error([[np.nan, 1.0]], [0]), "NaN"),
        (lambda: calibration_error([[3.0, -1.0]], [0]), "not logits"),
        (lambda: calibration_error(TWO, [0]), "give probabilities"),
        (lambda: calibration_error(TWO, [0, 2]), "hold 2"),
        (lambda: calibration_error([0.9, 0.4], [0, 1]), "two classes or more"),
        (lambda: calibration_error(TWO, [0, 1], bins=0), "bins must be"),
        (lambda: calibration_error(TWO, [0, 1], binning="equal"), "equal width"),
        (lambda: calibration_error([[0.2, 0.3, 0.5]], [0], of="positive"), "3 classes"),
        (lambda: reliability([], []), "no case"),
        (lambda: reliability([0.5], [2]), "a bool"),
        (lambda: fit_temperature([[1.0, 2.0], [0.0, 1.0]], [1, 1]), "all 2 cases are of class 1"),
        (lambda: fit_temperature([[np.inf, 2.0]], [1]), "NaN or infinity"),
        (lambda: at_temperature([[1.0, 2.0]], 0), "temperature"),
        (lambda: fit_isotonic([[0.2, 0.3, 0.5]], [0]), "3 classes"),
        (lambda: fit_isotonic(TWO, [1, 1]), "all 2 cases"),
        (lambda: fit_isotonic(TWO, [0, 1])([[0.2, 0.3, 0.5]]), "two classes"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as told:
        call()
    assert "\n" not in str(told.value)
