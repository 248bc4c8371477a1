"""Segmentation without a network: thresholds, edges, regions, clusters, and an atlas.

What the networks have to beat. All work on plain arrays or tensors: images
(P, H, W) or volumes (P, D, H, W), uint8, each image by itself; slabs of its lowest
value round an image are padding and take no part. Everything returned is numpy.

All but the atlas see brightness alone. They find classes of brightness, not
organs: which of their clusters or regions is the organ, nobody has told them.
`best_cluster` and `oracle_seeds` ask the truth for it, as no method in use could,
and so give the best that could have come of them. The `Atlas` knows from training masks where
the organ usually lies, and that is a great deal where images are centred alike.

scikit-image and scikit-learn do the work, and are loaded when first needed.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .. import checks
from ..checks import as_numbers
from ..errors import InputError

LARGEST_SEED = 2**32 - 1  # that scikit-learn takes


def otsu(images: ArrayLike, *, bright: bool = True) -> np.ndarray:
    """The brighter (or darker) of two classes of brightness: masks uint8 as the images, 0 or 1.

    The threshold is that of Otsu, IEEE Trans. SMC 9:62 (1979), one for each image.

    >>> otsu(np.array([[[10, 20, 200, 210]]], dtype=np.uint8))
    array([[[0, 0, 1, 1]]], dtype=uint8)
    """
    from skimage.filters import threshold_otsu

    def one(image):
        if image.min() == image.max():
            return np.zeros(image.shape, np.uint8)
        over = image > threshold_otsu(image)
        return over if bright else ~over

    return _each(images, one, np.uint8)


def edges(images: ArrayLike, *, sigma: float = 1.0) -> np.ndarray:
    """The regions that edges enclose, numbered from 1; 0 is on no side: int32 as the images.

    Canny's edges (IEEE TPAMI 8:679, 1986) after a blur of `sigma` pixels, closed over
    gaps of two pixels; each region then takes back the pixel that the line took from it.
    Edges are sought slice by slice; regions go on through the slices.

    >>> picture = np.full((1, 32, 32), 50, dtype=np.uint8)
    >>> picture[0, 8:24, 8:24] = 200
    >>> picture[0, 0, 0] = 0  # what is darkest all along a border is padding
    >>> int(edges(picture).max())  # one square
    1
    """
    from skimage.feature import canny
    from skimage.measure import label
    from skimage.segmentation import expand_labels

    sigma = checks.number("sigma", sigma, 0)

    def enclosed(picture):
        line = ndimage.binary_dilation(canny(picture / 255, sigma=sigma))
        return ndimage.binary_fill_holes(line) & ~line

    def one(image):
        inside = enclosed(image) if image.ndim == 2 else np.stack([enclosed(piece) for piece in image])
        return expand_labels(label(inside, connectivity=1), 1)

    return _each(images, one, np.int32)


def region_growing(images: ArrayLike, seeds: ArrayLike, tolerance: float = 10) -> np.ndarray:
    """All that is connected with the seed and as bright, give or take: masks uint8 as the images, 0 or 1.

    seeds      whole numbers (P, 2) or (P, 3): one pixel of each image, see `oracle_seeds`
    tolerance  how many grey levels a pixel may differ from the seed, 0…255

    Raises `InputError` for seeds that do not fit the images.

    >>> region_growing(np.array([[[10, 15, 90, 12]]], dtype=np.uint8), [[0, 0]])
    array([[[1, 1, 0, 0]]], dtype=uint8)
    """
    from skimage.segmentation import flood

    found, places = _checked(images), as_numbers("seeds", seeds)
    tolerance = checks.number("tolerance", tolerance, 0, 255)
    shape = found.shape[1:]
    if (
        places.shape != (len(found), len(shape))
        or (places < 0).any()
        or (places >= shape).any()
        or (places != np.floor(places)).any()
    ):
        raise InputError(
            f"seeds of shape {places.shape} do not fit images {found.shape}; "
            f"give one pixel inside each image, an array ({len(found)}, {len(shape)})"
        )
    grown = [
        flood(image.astype(np.int16), tuple(int(side) for side in place), tolerance=tolerance)
        for image, place in zip(found, places)
    ]
    return np.stack(grown).astype(np.uint8)


def watershed(images: ArrayLike, *, regions: int = 200, sigma: float = 1.0) -> np.ndarray:
    """The basins of the edge strength, numbered from 1; padding is 0: int32 as the images.

    Flooded from about `regions` seeds on a regular grid, uphill on the gradient after
    a blur of `sigma` pixels (skimage.segmentation.watershed).

    >>> image = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    >>> len(np.unique(watershed(image, regions=16)))
    16
    """
    from skimage.segmentation import watershed as flooded

    regions, sigma = checks.whole("regions", regions, 1), checks.number("sigma", sigma, 0)

    def one(image):
        strength = ndimage.gaussian_gradient_magnitude(image.astype(np.float32), sigma)
        return flooded(strength, markers=regions)

    return _each(images, one, np.int32)


def kmeans(images: ArrayLike, k: int = 4, *, seed: int = 0) -> np.ndarray:
    """Clusters of brightness in each image, 1 the darkest to `k` the brightest, padding 0: uint8 as the images.

    Lloyd's k-means of scikit-learn on the grey levels, each weighted by how often it occurs.
    Raises `InputError` for fewer than two clusters.

    >>> kmeans(np.array([[[0, 10, 20, 200, 210]]], dtype=np.uint8), k=2)  # the darkest is padding
    array([[[0, 1, 1, 2, 2]]], dtype=uint8)
    """
    from sklearn.cluster import KMeans

    k, seed = _checked_k(k), checks.whole("seed", seed, 0, LARGEST_SEED)

    def one(image):
        levels, counts = np.unique(image, return_counts=True)
        clusters = min(k, len(levels))
        fitted = KMeans(clusters, n_init=4, random_state=seed).fit(levels[:, None].astype(float), sample_weight=counts)
        rank = np.empty(clusters, int)
        rank[np.argsort(fitted.cluster_centers_[:, 0])] = np.arange(1, clusters + 1)
        return rank[fitted.labels_][np.searchsorted(levels, image)]

    return _each(images, one, np.uint8)


def fuzzy_c_means(
    values: ArrayLike,
    k: int,
    m: float = 2.0,
    *,
    weights: ArrayLike | None = None,
    seed: int = 0,
    steps: int = 300,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, np.ndarray]:
    """(memberships (N, k), centres (k, F)): how much each value belongs to each of `k` clusters.

    values     numbers (N,) or (N, F)
    m          fuzziness, over 1: near 1 each value belongs to one cluster (k-means),
               large m makes all memberships equal
    weights    how often each value counts, (N,); once when left out
    steps      at most so many rounds, or until no centre moves by more than
               `tolerance` times the spread of the values

    Memberships are 0…1 and sum to 1 for each value; clusters are sorted by their
    first number. Bezdek, "Pattern Recognition with Fuzzy Objective Function
    Algorithms" (1981). Raises `InputError` for wrong k, m or values.

    >>> memberships, centres = fuzzy_c_means([0, 1, 9, 10], 2)
    >>> memberships.argmax(axis=1)
    array([0, 0, 1, 1])
    """
    from sklearn.cluster import kmeans_plusplus

    found = np.asarray(values, dtype=np.float64)
    found = found[:, None] if found.ndim == 1 else found
    k, seed, steps = _checked_k(k), checks.whole("seed", seed, 0, LARGEST_SEED), checks.whole("steps", steps, 1)
    if found.ndim != 2 or len(np.unique(found, axis=0)) < k or not np.isfinite(found).all():
        raise InputError(
            f"values of shape {found.shape} do not make {k} clusters; give at least {k} different finite ones"
        )
    if not m > 1:
        raise InputError(f"m is {m!r}; give a fuzziness over 1, usually 2")
    often = np.ones(len(found)) if weights is None else np.asarray(weights, dtype=np.float64)
    centres, _ = kmeans_plusplus(found, k, sample_weight=often, random_state=seed)
    for _ in range(steps):
        before = centres
        shares = _memberships(found, centres, m) ** m * often[:, None]
        centres = shares.T @ found / np.maximum(shares.sum(axis=0), 1e-300)[:, None]
        if np.abs(centres - before).max() <= tolerance * np.ptp(found):
            break
    centres = centres[np.argsort(centres[:, 0])]
    return _memberships(found, centres, m), centres


def _memberships(values, centres, m):
    """distance ** (-2 / (m - 1)), made to sum to 1 over the clusters: (N, k)."""
    distance = ((values[:, None] - centres) ** 2).sum(axis=2)
    # As a softmax of logarithms: the power itself overflows when m is near 1.
    power = -np.log(np.maximum(distance, 1e-300)) / (m - 1)
    power = np.exp(power - power.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def fuzzy_clusters(images: ArrayLike, k: int = 4, m: float = 2.0, *, seed: int = 0) -> np.ndarray:
    """Memberships of every pixel in `k` fuzzy clusters of brightness: float32 (P, k, [D,] H, W).

    The clusters are sorted from dark to bright; padding belongs to none (0).
    Raises `InputError` as `fuzzy_c_means`.

    >>> fuzzy_clusters(np.array([[[0, 10, 20, 200, 210]]], dtype=np.uint8), k=2).sum(axis=1)
    array([[[0., 1., 1., 1., 1.]]], dtype=float32)
    """
    found, k = _checked(images), _checked_k(k)
    memberships = np.zeros((len(found), k, *found.shape[1:]), np.float32)
    for out, image in zip(memberships, found):
        content = _content(image)
        levels, counts = np.unique(image[content], return_counts=True)
        shares, _ = fuzzy_c_means(levels, k, m, weights=counts, seed=seed)
        out[(slice(None), *content)] = np.moveaxis(shares[np.searchsorted(levels, image[content])], -1, 0)
    return memberships


def best_cluster(clusters: ArrayLike, masks: ArrayLike) -> np.ndarray:
    """ORACLE: of each image's clusters, the one that the truth likes best. Masks uint8, 0 or 1.

    clusters  whole numbers (P, [D,] H, W), 0 belongs to none: from any function above
    masks     the true masks, same shape; every class but 0 is foreground

    It looks at the truth to choose (by Dice), so its result is an upper bound on
    what the clusters are worth and never the result of a method. The more there
    are to choose from, the more the truth has told: among four clusters of
    brightness hardly anything, among two hundred regions where the organ lies.
    Given the masks that an `Atlas` predicts instead of the true ones, it is no oracle.
    Raises `InputError` for shapes that differ.

    >>> best_cluster([[[1, 1, 2, 3]]], [[[1, 1, 1, 0]]])
    array([[[1, 1, 0, 0]]], dtype=uint8)
    """
    found, truth = _same_shape(_whole_numbers("clusters", clusters), _whole_numbers("masks", masks))
    chosen = np.zeros(found.shape, np.uint8)
    for out, labels, mask in zip(chosen, found, truth > 0):
        size, shared = np.bincount(labels.ravel()), np.bincount(labels[mask])
        dice = 2 * np.pad(shared, (0, len(size) - len(shared))) / (size + mask.sum())
        if len(size) > 1:
            out[labels == 1 + dice[1:].argmax()] = 1
    return chosen


def oracle_seeds(masks: ArrayLike) -> np.ndarray:
    """ORACLE: the pixel deepest inside the true foreground of each mask, int64 (P, 2) or (P, 3).

    What an expert's click would give `region_growing`. Raises `InputError` for a
    mask without foreground.

    >>> oracle_seeds([[[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]]])
    array([[2, 1]])
    """
    found = _whole_numbers("masks", masks)
    if not all(mask.any() for mask in found):
        raise InputError("a mask has no foreground to put a seed into; leave that image out")
    # A ring of 0 round the mask: the border of the image is no place deep inside.
    depths = (ndimage.distance_transform_edt(np.pad(mask > 0, 1)) for mask in found)
    return np.stack([np.unravel_index(depth.argmax(), depth.shape) for depth in depths]) - 1


@dataclass(frozen=True, eq=False)
class Atlas:
    """Where each class lies in the training masks, and how bright it is there.

    prior   share of the training masks with that class at that place, float32 (classes, [D,] H, W)
    mean    brightness of each class, 0…255, (classes,)
    spread  its standard deviation, (classes,)

    Images must be centred alike, as those of the training were. The intensity
    model is Gaussian naive Bayes with the share at the place as its prior.

    >>> masks = np.array([[[0, 1, 1]], [[0, 0, 1]]], dtype=np.uint8)
    >>> atlas = Atlas.fit(200 * masks, masks, 2)
    >>> atlas.predict(np.full((1, 1, 3), 200, dtype=np.uint8))
    array([[[0, 1, 1]]], dtype=uint8)
    """

    prior: np.ndarray = field(repr=False)
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, images: ArrayLike, masks: ArrayLike, classes: int) -> Self:
        """The atlas of training images and masks, both uint8 (P, [D,] H, W).

        classes  how many, background included

        The brightness of the background is that of everything else, padding too. Taken next
        to the organ only, or without padding, it did no better on the hippocampus.
        Raises `InputError` for shapes that differ, or a class that no mask has.
        """
        seen, truth = _same_shape(_checked(images), _whole_numbers("masks", masks))
        classes = checks.whole("classes", classes, 2)
        counts = np.bincount(truth.ravel(), minlength=classes)
        if len(counts) > classes or not counts.all():
            held = np.flatnonzero(counts).tolist()
            raise InputError(f"masks hold classes {held}; give masks of all classes 0 to {classes - 1}")
        prior = np.stack([(truth == c).mean(axis=0, dtype=np.float32) for c in range(classes)])
        inside = [seen[truth == c].astype(np.float64) for c in range(classes)]
        return cls(prior, np.array([i.mean() for i in inside]), np.array([max(i.std(), 1.0) for i in inside]))

    def probabilities(self, images: ArrayLike, *, use_intensity: bool = True) -> np.ndarray:
        """Probability of each class at each place, float32 (P, classes, [D,] H, W); they sum to 1.

        use_intensity  False: the prior alone, the same for every image

        Raises `InputError` for images of another shape than the training's.
        """
        found, use_intensity = _checked(images), checks.flag("use_intensity", use_intensity)
        if found.shape[1:] != self.prior.shape[1:]:
            raise InputError(f"images are {found.shape[1:]}, the atlas {self.prior.shape[1:]}; pad or crop them alike")
        if not use_intensity:
            return np.repeat(self.prior[None], len(found), axis=0)
        mean, spread = (x.astype(np.float32).reshape(-1, *[1] * (found.ndim - 1)) for x in (self.mean, self.spread))
        likelihood = np.exp(-0.5 * ((found[:, None] - mean) / spread) ** 2) / spread
        # A brightness that no class ever has says nothing: there the prior decides.
        joint = self.prior * np.maximum(likelihood, 1e-12)
        return joint / joint.sum(axis=1, keepdims=True)

    def predict(self, images: ArrayLike, *, use_intensity: bool = True) -> np.ndarray:
        """The likeliest class at each place: masks uint8 as the images. As `probabilities`."""
        return self.probabilities(images, use_intensity=use_intensity).argmax(axis=1).astype(np.uint8)


def _checked(images):
    images = np.asarray(images)
    if images.ndim not in (3, 4) or images.dtype != np.uint8 or not images.size:
        raise InputError(
            f"images are {images.dtype} of shape {images.shape}; give uint8 images (P, H, W) or volumes (P, D, H, W)"
        )
    return images


def _whole_numbers(what, values):
    """Numbers of classes, clusters or places, as int64."""
    numbers = as_numbers(what, values)
    if (numbers < 0).any() or (numbers.dtype.kind == "f" and (numbers != np.floor(numbers)).any()):
        raise InputError(f"{what} must be whole numbers from 0")
    return numbers.astype(np.int64)


def _checked_k(k):
    try:
        return checks.whole("k", k, 2, 256)
    except InputError:
        raise InputError(f"k is {k!r}; give the number of clusters, 2 or more, at most the 256 grey levels") from None


def _same_shape(first, second):
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        raise InputError(f"shapes differ, {first.shape} and {second.shape}; give one mask for each image, of its shape")
    return first, second


def _content(image):
    """The box round all that is brighter than the darkest value, as slices; everything where all are alike."""
    found = ndimage.find_objects((image > image.min()).astype(np.int8))
    return found[0] if found else tuple(slice(None) for _ in image.shape)


def _each(images, one, dtype):
    """`one` of each image without its padding, put back in place: `dtype` as the images, 0 in the padding."""
    images = _checked(images)
    result = np.zeros(images.shape, dtype)
    for out, image in zip(result, images):
        content = _content(image)
        out[content] = one(image[content])
    return result
