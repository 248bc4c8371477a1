"""Scores of what is unknown: those of pytorch-ood, and the line of image statistics that finds a hand."""

import numpy as np
import pytest
import torch

from medtutor.data.phantoms.hand import hands
from medtutor.errors import InputError
from medtutor.metrics.out_of_distribution import energy, image_statistics, mahalanobis, nearest_distance, not_confident

GENERATOR = np.random.default_rng(0)
LOGITS = 3 * GENERATOR.normal(size=(40, 3))
KNOWN, LABELS = GENERATOR.normal(size=(90, 5)) + np.repeat([[0], [2], [4]], 30, axis=0), np.repeat([0, 1, 2], 30)
NEW = 3 * GENERATOR.normal(size=(20, 5))


def test_energy_and_confidence_are_those_of_pytorch_ood():
    from pytorch_ood.detector import EnergyBased, MaxSoftmax

    z = torch.tensor(LOGITS)
    for temperature in (1.0, 2.5):
        theirs = EnergyBased.score(z, temperature).numpy()
        assert energy(LOGITS, temperature) == pytest.approx(theirs)
    # Theirs is minus the highest probability: the same order.
    assert not_confident(z.softmax(1).numpy()) == pytest.approx(1 + MaxSoftmax.score(z).numpy())


def test_mahalanobis_is_that_of_pytorch_ood():
    from pytorch_ood.detector import Mahalanobis

    detector = Mahalanobis(torch.nn.Identity()).fit_features(torch.tensor(KNOWN).float(), torch.tensor(LABELS))
    theirs = detector.predict_features(torch.tensor(NEW).float()).numpy()
    ours = mahalanobis(NEW, KNOWN, LABELS)
    # Theirs may be scaled and shifted; the order, and so every AUC, is the same.
    assert (np.argsort(ours) == np.argsort(theirs)).all()


def test_nearest_is_what_counting_gives():
    away = np.sort(np.linalg.norm(NEW[:, None] - KNOWN, axis=2), axis=1)
    for k in (1, 3):
        assert nearest_distance(NEW, KNOWN, k) == pytest.approx(away[:, k - 1])


def test_a_feature_without_spread_says_nothing():
    known = np.concatenate([KNOWN, np.ones((90, 1))], axis=1)
    new = np.concatenate([NEW, np.ones((20, 1))], axis=1)
    assert mahalanobis(new, known, LABELS) == pytest.approx(mahalanobis(NEW, KNOWN, LABELS))


def test_a_line_of_statistics_finds_what_is_dark_and_sharp():
    smooth = np.repeat(np.linspace(90, 160, 28), 28).reshape(1, 1, 28, 28).repeat(30, axis=0)
    known = (smooth + GENERATOR.normal(0, 4, smooth.shape)).astype(np.uint8)
    assert image_statistics(hands(10), known).min() > image_statistics(known, known).max()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: energy([[np.nan, 1.0]]), "NaN"),
        (lambda: energy(np.zeros((0, 2))), "one case or more"),
        (lambda: not_confident([[3.0, 1.0]]), "not logits"),
        (lambda: nearest_distance(NEW, KNOWN[:, :4]), "columns"),
        (lambda: nearest_distance(NEW, KNOWN, 91), "neighbour"),
        (lambda: mahalanobis(NEW, KNOWN, LABELS[:5]), "one for each"),
        (lambda: image_statistics(np.zeros((2, 28, 28)), np.zeros((1, 1, 28, 28))), "give"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
