"""Is this image of the kind that the network knows? Scores, each of them higher where it is less likely.

An image of another kind gets an answer, too, and often a confident one. A detector is worth something where it finds
what a line of image statistics does not, so there is one here to be beaten.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from ..checks import as_numbers, as_probabilities, number, whole
from ..errors import InputError


def not_confident(probabilities: ArrayLike) -> np.ndarray:
    """1 - the highest probability, (N,) (Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136).

    >>> not_confident([[0.9, 0.1], [0.5, 0.5]]).round(3)
    array([0.1, 0.5])
    """
    return 1 - as_probabilities("probabilities", _rows("probabilities", probabilities)).max(axis=1)


def energy(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """-T log Σ exp(logit / T), (N,) (Liu et al. 2020, https://arxiv.org/abs/2010.03759).

    It needs logits: of log probabilities it is 0 for every image.

    >>> energy([[5.0, 0.0], [0.0, 0.0]]).round(3)
    array([-5.007, -0.693])
    """
    temperature = number("temperature", temperature, above=0)
    return -temperature * logsumexp(_rows("logits", logits) / temperature, axis=1)


def nearest_distance(features: ArrayLike, known: ArrayLike, neighbour: int = 1) -> np.ndarray:
    """The Euclidean distance to the k-th nearest known row, (N,) (Sun et al. 2022, https://arxiv.org/abs/2204.06507).

    features   (N, F)
    known      (M, F), of training images
    neighbour  k, from 1

    >>> nearest_distance([[0.0], [3.0]], [[0.0], [1.0]])
    array([0., 2.])
    """
    rows, others = _alike(features, known)
    k = whole("neighbour", neighbour, 1, len(others))
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.sqrt(np.maximum(np.partition(squares, k - 1, axis=1)[:, k - 1], 0))


def mahalanobis(features: ArrayLike, known: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The squared distance to the nearest class, in units of the spread that all classes share, (N,).

    features       (N, F)
    known, labels  (M, F) and class numbers (M,), of training images

    Source: Lee et al. 2018, https://arxiv.org/abs/1807.03888, of one layer. Raises `InputError` for fewer than two
    known rows.

    >>> mahalanobis([[0.0], [4.0]], [[-1.0], [1.0], [9.0], [11.0]], [0, 0, 1, 1]).round(2)
    array([ 0., 16.])
    """
    rows, others = _alike(features, known)
    labels = as_numbers("labels", labels)
    if labels.shape != others.shape[:1] or len(others) < 2:
        raise InputError(f"there are {len(others)} known rows and labels of shape {labels.shape}; give one for each")
    middles = np.stack([others[labels == each].mean(axis=0) for each in np.unique(labels)])
    within = others - middles[np.searchsorted(np.unique(labels), labels)]
    # The pseudo-inverse: a feature that is 0 for all known images has no spread, and says nothing.
    precision = np.linalg.pinv(within.T @ within / len(others), hermitian=True)
    away = rows[:, None] - middles
    return np.einsum("ncf,fg,ncg->nc", away, precision, away).min(axis=1)


def image_statistics(images: ArrayLike, known: ArrayLike) -> np.ndarray:
    """How unusual mean, spread and sharpness of an image are among known ones, (N,): the line to be beaten.

    images, known  uint8 (N, C, H, W) and (M, C, H, W)

    Sharpness is the mean difference of neighbouring pixels. The score is the largest of the three distances from the
    known mean, in standard deviations.

    >>> flat, noise = np.zeros((1, 1, 8, 8), np.uint8), np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8))
    >>> bool(image_statistics(flat, noise.astype(np.uint8))[0] > 4)
    True
    """
    numbers, usual = _statistics(images), _statistics(known)
    return np.abs((numbers - usual.mean(0)) / np.maximum(usual.std(0), 1e-9)).max(axis=1)


def _statistics(images):
    pixels = as_numbers("images", images).astype(np.float32)
    if pixels.ndim != 4 or not len(pixels):
        raise InputError(f"images have shape {pixels.shape}; give (N, C, H, W), one or more")
    sharp = [np.abs(np.diff(pixels, axis=axis)).mean(axis=(1, 2, 3)) for axis in (2, 3)]
    return np.stack([pixels.mean((1, 2, 3)), pixels.std((1, 2, 3)), sum(sharp)], axis=1)


def _rows(what, values):
    found = as_numbers(what, values).astype(np.float64)
    if found.ndim != 2 or not found.size:
        raise InputError(f"{what} have shape {found.shape}; give a row of numbers for each of one case or more")
    return found


def _alike(features, known):
    rows, others = _rows("features", features), _rows("known features", known)
    if rows.shape[1] != others.shape[1]:
        raise InputError(
            f"features have {rows.shape[1]} columns, those that are known {others.shape[1]}; use one layer"
        )
    return rows, others
