"""Experiments about features learned without labels: what they are worth with few, and what they find. See `trials`."""

from dataclasses import replace
from functools import partial
from statistics import fmean

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..data import normalise
from ..data.dataset import SPLITS
from ..data.planting import SPOTS, plant_spots
from ..models.autoencoder import VAE, Autoencoder, corrupt
from ..training.reconstruction import fit_reconstruction
from .evidence import between

LABELS = (10, 20, 50, 100)  # of each class
DRAWS = 10
LATENTS = 32
# How strongly the logistic regression is held back: chosen on val, once, with ten labels a class.
RAW, PLAIN_PCA, OTHERS = 0.01, 1.0, 0.1


def features_without_labels(data, seeds, train):
    """A linear probe on codes learned without labels, against raw pixels, PCA and random weights.

    Yields, at each number of labels a class, contrasts of the test AUC, a mean over ten draws of the labels.
    """
    for dataset in data.values():
        probes = [train(None, dataset, seed, measure=probe) for seed in seeds]
        for count in LABELS:
            for code in ("DAE", "AE", "VAE"):
                for other in ("raw pixels", "random weights", "PCA", "PCA standardised"):
                    keys = (f"{code} {count}", f"{other} {count}")
                    yield between(f"{code} against {other}: {count} labels", (code, probes, keys[0]), (other, probes, keys[1]))


def reconstruction_errors(data, seeds, train):
    """How well reconstruction errors of an autoencoder trained on class 0 alone find class 1, and planted spots.

    Yields contrasts of the test AUC: against chance, against one line of image statistics, and of
    spots planted into images of class 0.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=errors_of_normals) for seed in seeds]
        yield between("disease: reconstruction error against chance", ("autoencoder", found, "disease"), ("chance", found, "chance"))
        yield between("disease: reconstruction error against smoothness", ("autoencoder", found, "disease"), ("smoothness", found, "smoothness"))
        yield between("disease: PCA error against chance", ("PCA", found, "disease PCA"), ("chance", found, "chance"))
        for kind in SPOTS:
            yield between(f"{kind} spots: reconstruction error against chance", ("autoencoder", found, kind), ("chance", found, "chance"))
            yield between(f"{kind} spots: autoencoder against PCA", ("autoencoder", found, kind), ("PCA", found, f"{kind} PCA"))


def probe(recipe, dataset):
    """Test AUC of a logistic regression on each kind of features, {"DAE 10": …}: a mean over ten draws of labels."""
    images = {split: normalise(getattr(dataset, split).images) for split in ("train", "test")}
    side = images["train"].shape[1], tuple(images["train"].shape[2:])
    fitted = partial(fit_reconstruction, inputs=images["train"], epochs=recipe.epochs, seed=recipe.seed, progress=False)

    def made(kind, seed=recipe.seed):
        torch.manual_seed(seed)
        return kind(*side, latents=LATENTS)

    untrained, plain = made(Autoencoder, 1000 + recipe.seed).eval(), fitted(made(Autoencoder))
    denoising, variational = fitted(made(Autoencoder), corrupt=corrupt), fitted(made(VAE), beta=0.1, learning_rate=3e-3)
    pca = PCA(LATENTS, svd_solver="full").fit(images["train"].flatten(1).numpy())
    ways = {
        "raw pixels": (lambda x: x.flatten(1).numpy(), RAW, True),
        "PCA": (lambda x: pca.transform(x.flatten(1).numpy()), PLAIN_PCA, False),
        "PCA standardised": (lambda x: pca.transform(x.flatten(1).numpy()), OTHERS, True),
        "random weights": (_codes(untrained), OTHERS, True),
        "AE": (_codes(plain), OTHERS, True),
        "DAE": (_codes(denoising), OTHERS, True),
        "VAE": (_codes(variational), OTHERS, True),
    }
    found = {}
    for name, (features, strength, standardise) in ways.items():
        train, test = features(images["train"]), features(images["test"])
        for count in LABELS:
            found[f"{name} {count}"] = fmean(
                _auc_with(count, draw, dataset, train, test, strength, standardise) for draw in range(DRAWS)
            )
    return found


def _codes(model):
    @torch.no_grad()
    def codes(images):
        answer = [model.encode(batch) for batch in images.split(256)]
        return torch.cat([each[0] if isinstance(each, tuple) else each for each in answer]).numpy()

    return codes


def _auc_with(count, draw, dataset, train, test, strength, standardise):
    """Test AUC of a logistic regression trained on `count` random cases of each class."""
    labels, generator = dataset.train.labels.numpy(), np.random.default_rng(draw)
    rows = np.concatenate([generator.choice(np.flatnonzero(labels == c), count, replace=False) for c in (0, 1)])
    model = LogisticRegression(C=strength, max_iter=500)
    model = make_pipeline(StandardScaler(), model) if standardise else model
    return roc_auc_score(dataset.test.labels, model.fit(train[rows], labels[rows]).decision_function(test))


def errors_of_normals(recipe, dataset):
    """AUC with which errors of an autoencoder and of PCA, both of images of class 0 alone, find class 1 and planted spots.

    Of the disease the error is the mean square over the image, of spots the largest absolute
    error after a blur by one pixel. "smoothness" is the mean step between neighbours, turned round.
    """
    normal = {split: _only_normal(getattr(dataset, split)) for split in SPLITS}
    images, test = normalise(normal["train"].images), normalise(dataset.test.images)
    torch.manual_seed(recipe.seed)
    model = Autoencoder(images.shape[1], tuple(images.shape[2:]), latents=16)
    fit_reconstruction(model, images, epochs=2 * recipe.epochs, seed=recipe.seed, progress=False)
    pca = PCA(16, svd_solver="full").fit(images.flatten(1).numpy())

    @torch.no_grad()
    def error(x):
        return (torch.cat([model(batch) for batch in x.split(256)]) - x).numpy()

    def error_of_pca(x):
        flat = x.flatten(1).numpy()
        return (pca.inverse_transform(pca.transform(flat)) - flat).reshape(x.shape)

    steps = np.abs(np.diff(test.numpy(), axis=-1)).mean(axis=(1, 2, 3))
    found = {"chance": 0.5, "smoothness": roc_auc_score(dataset.test.labels, -steps)}
    spotted = {kind: plant_spots(replace(dataset, **normal), kind, seed=recipe.seed).test for kind in SPOTS}
    for suffix, of in (("", error), (" PCA", error_of_pca)):
        found[f"disease{suffix}"] = roc_auc_score(dataset.test.labels, (of(test) ** 2).mean(axis=(1, 2, 3)))
        for kind, cases in spotted.items():
            blurred = gaussian_filter(np.abs(of(normalise(cases.images))), (0, 0, 1, 1))
            found[f"{kind}{suffix}"] = roc_auc_score(cases.labels, blurred.max(axis=(1, 2, 3)))
    return {name: float(value) for name, value in found.items()}


def _only_normal(split):
    kept = split.labels == 0
    return replace(split, images=split.images[kept], labels=split.labels[kept], evidence=None, masks=None)
