"""How good are images that nobody took? Numbers about samples of a generative model, beside real images.

number           says                                              after
Fréchet (FID)    how far two clouds of features are apart          Heusel et al., arXiv:1706.08500
kernel (KID)     the same, without the Gaussian, fit for few       Bińkowski et al., arXiv:1801.01401
precision        share of samples that look like real ones         Kynkäänniemi et al., arXiv:1904.06991
recall           share of the real ones that samples look like     the same
two-sample test  how often a classifier tells real from drawn      Lopez-Paz & Oquab, arXiv:1610.06545
memorisation     are samples nearer to what was trained on         `memorisation_ratio`

The first five are computed on 64 numbers an image, from a small network that ships:
`domain_features`. They are not comparable with published FIDs, which use Inception.
None means anything alone: read each beside its floor, real images against real ones.

Images are uint8 (N, C, H, W), tensors or arrays; where three channels are given, the
network and the distances see their mean. Where the first five take images they also
take what `domain_features` made of them, so that it is computed once.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import nn

from .. import checks
from ..errors import InputError
from ..models.cnn import CNN
from ..models.randomness import seeded
from .intervals import RESAMPLES, draws, percentiles, with_interval

CHECKPOINT = "domain"  # in the folder features, .safetensors and .json
SIDE = 28  # pixels that the network was trained on
WIDTHS = (16, 32, 64)
LEAST = 20  # images that a number about a set needs
LARGEST_SEED = 2**32 - 1  # that scikit-learn takes


@torch.no_grad()
def domain_features(images):
    """64 numbers for each image, float32 (N, 64): what the network sees before it decides.

    images  uint8 (N, C, H, W); other sizes are resized to 28 x 28 pixels

    The network is a CNN of 77 k parameters that learned, on the train splits of
    PneumoniaMNIST and BreastMNIST, to tell the sets, their classes and degraded copies
    (features/domain.json). On those splits each feature has mean 0 and variance 1; of other
    kinds of images the network knows little. Raises `InputError` for anything but images.
    """
    images = _images(images, "images")
    network = _network()
    return torch.cat([network(_small(_grey(part)) / 127.5 - 1) for part in images.split(256)])


def standardised():
    """The layer in place of the classifier: the features minus their mean, over their deviation."""
    return nn.BatchNorm1d(WIDTHS[-1], affine=False)


@cache
def _network():
    with seeded(0):  # the first weights, which are replaced
        network = CNN(channels=1, shape=(SIDE, SIDE), widths=WIDTHS)
    network.classifier = standardised()
    weights = load(files(__package__).joinpath("features", f"{CHECKPOINT}.safetensors").read_bytes())
    network.load_state_dict(weights)
    return network.eval()


class _Given(nn.Module):
    """Features as they are, in the form that torchmetrics asks for."""

    def __init__(self, features):
        super().__init__()
        self.num_features = features.shape[1]

    def forward(self, features):
        return features


def frechet_distance(real, fake):
    """Distance of the Gaussians that fit two sets of features: 0 for the same, no upper end.

    |difference of means|² + trace(C₁ + C₂ − 2 (C₁C₂)^½), C the covariances. Too high
    for few images: compare only between equal numbers.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    real, fake = _two_sets(real, fake)
    return _measured(FrechetInceptionDistance(feature=_Given(real)), real, fake)


def kernel_distance(real, fake, seed=0):
    """Squared distance of two sets of features under a cubic kernel: 0 for the same, about; no upper end.

    Mean over 50 subsets of half the images (1000 at most), drawn with the seed. Unbiased:
    real against real may come out a little below 0.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    real, fake = _two_sets(real, fake)
    size = min(1000, len(real) // 2, len(fake) // 2)
    # torchmetrics draws its subsets, and can be given no generator.
    with seeded(checks.seed(seed)), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the features are kept: they are few
        return _measured(KernelInceptionDistance(feature=_Given(real), subsets=50, subset_size=size), real, fake)


def _measured(metric, real, fake):
    metric.update(real, real=True)
    metric.update(fake, real=False)
    result = metric.compute()
    return float(result[0] if isinstance(result, tuple) else result)


def precision_recall(real, fake, k=3):
    """(precision, recall), each 0…1.

    Around each image of a set lies a ball that reaches to its k-th nearest neighbour in
    that set. Precision: share of the fake in a ball of a real one. Recall: share of the
    real in a ball of a fake one. More images make smaller balls: compare equal numbers.
    """
    real, fake = _two_sets(real, fake)
    try:
        k = checks.whole("k", k, 1, min(len(real), len(fake)) - 1)
    except InputError:
        raise InputError(f"k is {k!r}; give a whole number from 1, below the number of images") from None
    across = _distances(real, fake)
    return _share_inside(across, _radii(real, k)), _share_inside(across.T, _radii(fake, k))


def _radii(features, k):
    """(N,) distance to the k-th nearest of the others; the first of the sorted is the image itself."""
    return _distances(features, features).kthvalue(k + 1, dim=1).values


def _share_inside(across, radii):
    """Share of the columns that lie within the radius of any row."""
    return float((across <= radii[:, None]).any(dim=0).float().mean())


def _distances(a, b):
    # By matrix products a distance to itself comes out as 1e-3 rather than 0.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def two_sample_accuracy(real, fake, seed=0):
    """How often a classifier is right that is asked "real or drawn?": .5 for nobody can tell, 1 for always.

    Logistic regression on the features, five-fold: each image is judged by one that
    learned without it. Equal numbers of both are taken, at random where one has more.
    Asked for 500 chest X-rays and 500 others blurred by half a pixel, it was right in 80 %;
    a CNN trained on half of these images, in seven times the time, in 63 % of the rest.
    """
    from sklearn.model_selection import cross_val_score

    judge, features, drawn, folds = _two_samples(real, fake, seed)
    return float(cross_val_score(judge, features, drawn, cv=folds).mean())


def told_right(real, fake, seed=0):
    """Whether the classifier of `two_sample_accuracy` is right about each image, bool (2, N): real ones and drawn."""
    from sklearn.model_selection import cross_val_predict

    judge, features, drawn, folds = _two_samples(real, fake, seed)
    return (cross_val_predict(judge, features, drawn, cv=folds) == drawn).reshape(2, -1)


def _two_samples(real, fake, seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    real, fake = _two_sets(real, fake)
    seed = checks.whole("seed", seed, 0, LARGEST_SEED)
    count = min(len(real), len(fake))
    real, fake = _some(real, count, seed), _some(fake, count, seed)
    features = torch.cat([real, fake]).double().numpy()
    drawn = np.repeat([0, 1], count)
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return judge, features, drawn, StratifiedKFold(5, shuffle=True, random_state=seed)


def nearest(images, among):
    """(distances, indices), float32 and int64 (N,): for each image the nearest among others.

    The distance is the root of the squared differences, summed over the pixels, of grey
    values 0…1. Raises `InputError` for images of different shapes.
    """
    images, among = _images(images, "images", least=1), _images(among, "images to search among", least=1)
    _check_same_shape(images, among)
    images, among = (_grey(each).flatten(1) / 255 for each in (images, among))
    indices = torch.cat([torch.cdist(part, among).argmin(dim=1) for part in images.split(512)])
    # Among many, cdist is quick and rounds: an image is not quite 0 away from itself.
    return (images - among[indices]).norm(dim=1), indices


@dataclass(frozen=True)
class Ratio:
    """A ratio and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self):
        return with_interval(self.value, (self.low, self.high), 2)


def memorisation_ratio(samples, train, test, resamples=RESAMPLES, seed=0):
    """How much nearer samples are to the images trained on than to others: a `Ratio`, 1 for honest, near 0 for copies.

    samples    drawn by the model
    train      what it was trained on: all of it, since copies of images left out go unseen
    test       images of the same kind that it never saw; not those of another source: of
               PneumoniaMNIST val rather than test, whose images differ
    resamples  bootstrap resamples, of samples and of test images

    The distance to the nearest train image over that to the nearest held-out one. Train
    images are mostly more, and among more there is a nearer one; so half of test, drawn
    with the seed, is searched, and the other half stands in for samples that are honest
    for sure: the ratio is divided by theirs. Distances are those of `nearest`, in pixels: on
    the features, which forgive noise, copies look honest. Their means are taken, so that a
    set of which half are copies lies about half-way. A copy moved by a pixel goes unseen.
    """
    resamples, seed = checks.whole("resamples", resamples, 1), checks.seed(seed)
    samples, train = _images(samples, "samples"), _images(train, "train images", least=1)
    test = _images(test, "held-out images", least=2 * LEAST)
    _check_same_shape(samples, train)
    _check_same_shape(samples, test)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(test)))
    held_out, honest = test[order[::2]], test[order[1::2]]
    distances = [
        [nearest(images, among)[0].double().numpy() for among in (train, held_out)] for images in (samples, honest)
    ]
    if min(distances[0][1].max(), distances[1][0].max(), distances[1][1].max()) == 0:
        raise InputError("the held-out images are copies of the samples, the train images or each other; give others")
    value = _ratio(*(np.mean(each) for pair in distances for each in pair))
    rng = np.random.default_rng(seed)
    means = []
    for pair in distances:
        drawn = draws(len(pair[0]), resamples, rng)
        means += [each[drawn].mean(axis=1) for each in pair]
    return Ratio(float(value), *percentiles(_ratio(*means)))


def _ratio(to_train, to_held_out, honest_to_train, honest_to_held_out):
    return (to_train / to_held_out) / (honest_to_train / honest_to_held_out)


@dataclass(frozen=True)
class GenerativeScores:
    """The numbers of one set of samples.

    frechet, kernel, precision, recall, two_sample  against held-out images, see their functions
    memorisation   `Ratio` of nearness to train and to held-out images; None for the floor
    n              images of each kind that the first five were computed on
    floor          the same of real train images in place of samples: what a perfect model would get
    """

    frechet: float
    kernel: float
    precision: float
    recall: float
    two_sample: float
    n: int
    memorisation: Ratio | None = None
    floor: "GenerativeScores | None" = None

    def __str__(self):
        def number(name, digits):
            beside = f" ({getattr(self.floor, name):.{digits}f})" if self.floor else ""
            return f"{getattr(self, name):.{digits}f}" + beside

        parts = [
            f"FID {number('frechet', 2)}",
            f"KID {number('kernel', 3)}",
            f"precision {number('precision', 2)}",
            f"recall {number('recall', 2)}",
            f"real or drawn: {number('two_sample', 2)} right",
        ]
        if self.memorisation:
            parts.append(f"memorisation {self.memorisation}")
        return ", ".join(parts) + f" (n = {self.n}" + ("; in brackets real images)" if self.floor else ")")


def generative_scores(samples, real_train, real_test, seed=0):
    """`GenerativeScores` of samples against held-out images, beside what real train images get.

    All images uint8 (N, C, H, W) of one shape. Of each as many are taken as of the
    fewest, with the seed, since most of the numbers depend on how many; for memorisation
    all. The samples must be drawn as the real ones are: with the same share of classes.
    Raises `InputError` for other images and fewer than 40 of a kind.
    """
    seed = checks.whole("seed", seed, 0, LARGEST_SEED)
    named = {"samples": samples, "train images": real_train, "held-out images": real_test}
    samples, train, test = (_images(images, name, least=2 * LEAST) for name, images in named.items())
    _check_same_shape(samples, train)
    _check_same_shape(samples, test)
    count = min(len(samples), len(train), len(test))
    drawn, trained, real = (domain_features(_some(images, count, seed)) for images in (samples, train, test))
    memorisation = memorisation_ratio(samples, train, test, seed=seed)
    floor = GenerativeScores(*_scores(real, trained, seed), count)
    return GenerativeScores(*_scores(real, drawn, seed), count, memorisation, floor)


def _scores(real, fake, seed):
    distances = frechet_distance(real, fake), kernel_distance(real, fake, seed)
    return *distances, *precision_recall(real, fake), two_sample_accuracy(real, fake, seed)


def _some(images, count, seed):
    """That many of the images, at random; all of them in their order where there are no more."""
    if len(images) == count:
        return images
    return images[torch.from_numpy(np.random.default_rng(seed).permutation(len(images))[:count])]


def _two_sets(real, fake):
    """Two sets of features; images are turned into theirs."""
    sets = []
    for images, name in ((real, "real images"), (fake, "drawn images")):
        given = _tensor(images, name)
        if given.ndim == 2 and given.is_floating_point():
            if len(given) < LEAST:
                raise InputError(f"the {name} are {len(given)}; give at least {LEAST}")
            if not given.isfinite().all():
                raise InputError(f"features of the {name} are not finite; make them with domain_features")
            sets.append(given.float())
        else:
            sets.append(domain_features(_images(images, name)))
    if sets[0].shape[1] != sets[1].shape[1]:
        widths = " and ".join(str(features.shape[1]) for features in sets)
        raise InputError(f"features of {widths} numbers do not compare; make both with domain_features")
    return sets


def _tensor(images, name):
    try:
        return torch.as_tensor(images)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the {name} are no array ({type(images).__name__}); give uint8 (N, C, H, W)") from error


def _images(images, name, least=LEAST):
    """A uint8 tensor (N, C, H, W)."""
    images = _tensor(images, name)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise InputError(
            f"the {name} are {images.dtype} of shape {tuple(images.shape)}; give uint8 (N, C, H, W) with C 1 or 3"
        )
    if len(images) < least:
        raise InputError(f"the {name} are {len(images)}; give at least {least}")
    return images


def _check_same_shape(a, b):
    if a.shape[1:] != b.shape[1:]:
        raise InputError(
            f"images of shape {tuple(a.shape[1:])} and {tuple(b.shape[1:])} do not compare; give both of one shape"
        )


def _grey(images):
    """Float (N, 1, H, W), 0…255: the mean of the channels."""
    return images.float().mean(dim=1, keepdim=True)


def _small(images):
    """Grey images at the size that the network knows."""
    if images.shape[-2:] == (SIDE, SIDE):
        return images
    return F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def psnr(drawn, images):
    """Peak signal-to-noise ratio in dB of images (N, C, H, W) whose range is 2: the mean over images."""
    return psnr_of_each(drawn, images).mean().item()


def psnr_of_each(drawn, images):
    """That of each image, (N,)."""
    return 10 * torch.log10(4 / (drawn - images).square().flatten(1).mean(dim=1))
