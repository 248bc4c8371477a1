"""Experiments about features learned without labels: what they are worth with few, and what they find."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_tv_chambolle
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...data import normalise
from ...data.augmentation import corrupt
from ...data.card import SPLITS
from ...data.phantoms import contrasts
from ...data.planting import SPOTS, plant_spots
from ...data.subsets import few_of, rows_of_each_class
from ...metrics.generative import psnr, psnr_of_each
from ...models import build
from ...models.autoencoder import VAE, Autoencoder, Translator, kl
from ...models.randomness import seeded
from ...training import default_recipe, fit
from ...training.reconstruction import fit_reconstruction
from ..cases import PerCase, in_plain, log_odds
from ..evidence import between

LABELS = (10, 20, 50, 100)  # of each class
DRAWS = 10
# Of a CNN on the labelled images alone: epochs at each number of labels a class, chosen beforehand, and draws.
CNN_EPOCHS = {10: 80, 20: 40, 50: 24, 100: 16}
CNN_DRAWS = 3
LATENTS = 32
# How strongly the logistic regression is held back: chosen on val, once, with ten labels a class.
RAW, PLAIN_PCA, OTHERS = 0.01, 1.0, 0.1

SIZES = (4, 16, 32, 64)  # of the code
NOISES = (0.1, 0.5)
BETAS = (0.1, 1.0, 10.0)
SAYS = 0.1  # nats: a number of the code with a smaller divergence says nothing
VAL = 150  # validation images on which the strength of a filter is chosen


def features_without_labels(data, seeds, train):
    """A linear probe on codes learned without labels, against raw pixels, PCA, random weights, and a CNN that sees the
    labelled images alone.

    Yields, at each number of labels a class, contrasts of the test AUC, a mean over ten draws of the labels, of the CNN
    over three.
    """
    for dataset in data.values():
        probes = [train(None, dataset, seed, measure=probe) for seed in seeds]
        for count in LABELS:
            for code in ("DAE", "AE", "VAE"):
                for other in ("raw pixels", "random weights", "PCA", "PCA standardised", "CNN"):
                    keys = (f"{code} {count}", f"{other} {count}")
                    yield between(
                        f"{code} against {other}",
                        f"{count} labels",
                        (code, probes, keys[0]),
                        (other, probes, keys[1]),
                        labels=count,
                    )


def reconstruction_errors(data, seeds, train):
    """How well reconstruction errors of an autoencoder trained on class 0 alone find class 1, and planted spots.

    Yields contrasts of the test AUC: against chance, against one line of image statistics, and of
    spots planted into images of class 0.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=errors_of_normals) for seed in seeds]
        yield between(
            "disease",
            "reconstruction error against chance",
            ("autoencoder", found, "disease"),
            ("chance", found, "chance"),
        )
        yield between(
            "disease",
            "reconstruction error against smoothness",
            ("autoencoder", found, "disease"),
            ("smoothness", found, "smoothness"),
        )
        yield between("disease", "PCA error against chance", ("PCA", found, "disease PCA"), ("chance", found, "chance"))
        for kind in SPOTS:
            yield between(
                f"{kind} spots",
                "reconstruction error against chance",
                ("autoencoder", found, kind),
                ("chance", found, "chance"),
            )
            yield between(
                f"{kind} spots", "autoencoder against PCA", ("autoencoder", found, kind), ("PCA", found, f"{kind} PCA")
            )


def drawn_again(data, seeds, train):
    """What comes out of autoencoders: reconstructions, denoised images, a VAE's two losses, one contrast from another.

    Yields contrasts in dB (peak signal-to-noise ratio on test images, whose range is 2): of bottlenecks
    against PCA, of denoising against the best filter; of the VAE's squared error, divergence and numbers that
    say something, between values of beta; and of translators of PHANTOM heads.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=redrawn) for seed in seeds]

        def against(row, column, first, second, key, found=found):
            return between(row, column, (first, found, f"{first} {key}"), (second, found, f"{second} {key}"))

        for size in SIZES:
            yield against("autoencoder against PCA", f"{size} numbers", "autoencoder", "PCA", str(size))
        for noise in NOISES:
            for rival in ("best filter", "PCA of noisy"):
                yield against(f"denoising against {rival}", f"noise {noise}", "denoising", rival, str(noise))
        for beta in BETAS[::2]:
            for key in ("PSNR", "divergence", "numbers"):
                yield against(f"VAE of beta {beta:g} against beta 1", key, f"beta {beta:g}", "beta 1", key)
        for tissue in contrasts.TISSUES[:-1]:
            yield against("PHANTOM heads, translated against a straight line", tissue, "skips", "line", tissue)
            yield against("PHANTOM heads, skips against none", tissue, "skips", "no skips", tissue)
        for kind in (contrasts.IN_BOTH, contrasts.IN_B_ONLY):
            where = f"lesion {contrasts.KINDS[kind]}"
            yield against("PHANTOM heads, share drawn against all of it", where, "skips", "all", where)


def redrawn(recipe, dataset):
    """What `drawn_again` compares: {"autoencoder 4": dB, …, "beta 1 divergence": nats, "beta 1 numbers": count, "skips
    bone": dB, …}.
    """
    images = {split: normalise(getattr(dataset, split).images) for split in SPLITS}
    side = images["train"].shape[1], tuple(images["train"].shape[2:])
    fitted = partial(fit_reconstruction, epochs=recipe.epochs, seed=recipe.seed, progress=False)

    def made(kind, **options):
        with seeded(recipe.seed):
            return kind(*side, **options)

    pca = PCA(max(SIZES), svd_solver="full").fit(images["train"].flatten(1).numpy())
    found = {}
    for size in SIZES:
        network = fitted(made(Autoencoder, latents=size), images["train"])
        found[f"autoencoder {size}"] = _psnr(_images_of(network, images["test"]), images["test"])
        found[f"PCA {size}"] = _psnr(_through(pca, images["test"], size), images["test"])
    for noise in NOISES:
        spoil = partial(corrupt, noise=noise, hole=0)
        denoiser = fitted(made(Autoencoder, latents=LATENTS), images["train"], corrupt=spoil)
        noisy = {
            split: spoil(images[split], generator=torch.Generator().manual_seed(recipe.seed))
            for split in ("val", "test")
        }
        found[f"denoising {noise}"] = _psnr(_images_of(denoiser, noisy["test"]), images["test"])
        found |= _filtered(noisy, images, pca, noise)
    for beta in BETAS:
        network = fitted(made(VAE, latents=LATENTS), images["train"], beta=beta, learning_rate=3e-3)
        with torch.no_grad():
            again, mean, log_variance = network(images["test"])
        each = kl(mean, log_variance).mean(dim=0)
        found |= {
            f"beta {beta:g} PSNR": _psnr(again, images["test"]),
            f"beta {beta:g} divergence": each.sum(),
            # Which numbers say something is asked of all images together: no mean over images.
            f"beta {beta:g} numbers": (each > SAYS).sum(),
        }
    return in_plain(found | _translated(recipe))


def _psnr(drawn, images):
    return PerCase.of("mean", psnr_of_each(drawn, images))


def _filtered(noisy, images, pca, noise):
    """dB of the best of three filters, and of PCA; which filter and how strong was chosen on validation images."""

    def one_by_one(function, of, strength):
        return torch.tensor(np.stack([function(image, strength) for image in of[:, 0].numpy()]))[:, None].float()

    filters = {
        gaussian_filter: (0.5, 0.8, 1, 1.4, 2),
        median_filter: (2, 3, 5),
        denoise_tv_chambolle: (0.05, 0.1, 0.2, 0.5, 0.8, 1.2),
    }
    every = [(function, strength) for function, strengths in filters.items() for strength in strengths]
    function, strength = max(
        every, key=lambda one: psnr(one_by_one(one[0], noisy["val"][:VAL], one[1]), images["val"][:VAL])
    )
    size = max(SIZES, key=lambda size: psnr(_through(pca, noisy["val"][:VAL], size), images["val"][:VAL]))
    return {
        f"best filter {noise}": _psnr(one_by_one(function, noisy["test"], strength), images["test"]),
        f"PCA of noisy {noise}": _psnr(_through(pca, noisy["test"], size), images["test"]),
    }


def _translated(recipe):
    """dB by tissue of PHANTOM heads whose contrast B was drawn from A, and how much of a lesion's brightness was
    drawn. Of all pixels of a tissue together, not of each head: a number, judged by no claim.
    """
    pairs = contrasts.draw()
    a, b, source, wanted = (normalise(images) for images in (pairs.train.a, pairs.train.b, pairs.test.a, pairs.test.b))
    slope, shift = np.polyfit(a.flatten(), b.flatten(), 1)
    drawn = {"line": slope * source + shift}
    for skips, name in ((True, "skips"), (False, "no skips")):
        with seeded(recipe.seed):
            network = Translator(skips=skips)
        fit_reconstruction(network, a, b, epochs=8, learning_rate=1e-2, seed=recipe.seed, progress=False)
        drawn[name] = _images_of(network, source)
    found, tissues = {}, pairs.test.tissues
    for name, images in drawn.items():
        error = (images - wanted)[:, 0].square()
        found |= {
            f"{name} {tissue}": 10 * torch.log10(4 / error[tissues == i].mean())
            for i, tissue in enumerate(contrasts.TISSUES[:-1])
        }
    white = wanted[:, 0][tissues == contrasts.WHITE].mean()
    for kind in (contrasts.IN_BOTH, contrasts.IN_B_ONLY):
        where = (tissues == contrasts.LESION) & (pairs.test.kinds == kind)[:, None, None]
        level, true = drawn["skips"][:, 0][where].mean(), wanted[:, 0][where].mean()
        found |= {
            f"skips lesion {contrasts.KINDS[kind]}": (level - white) / (true - white),
            f"all lesion {contrasts.KINDS[kind]}": 1.0,
        }
    return found


@torch.no_grad()
def _images_of(network, images):
    return torch.cat([network(batch) for batch in images.split(256)])


def _through(pca, images, components):
    """Images rebuilt from their first components."""
    codes = pca.transform(images.flatten(1).numpy())
    codes[:, components:] = 0
    return torch.tensor(pca.inverse_transform(codes)).view_as(images)


def probe(recipe, dataset):
    """Test AUC of a logistic regression on each kind of features, {"DAE 10": …}: a mean over ten draws of labels."""
    images = {split: normalise(getattr(dataset, split).images) for split in ("train", "test")}
    side = images["train"].shape[1], tuple(images["train"].shape[2:])
    fitted = partial(fit_reconstruction, inputs=images["train"], epochs=recipe.epochs, seed=recipe.seed, progress=False)

    def made(kind, seed=recipe.seed):
        with seeded(seed):
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
            found[f"{name} {count}"] = _auc(
                dataset.test,
                *(_scores_with(count, draw, dataset, train, test, strength, standardise) for draw in range(DRAWS)),
            )
    for count in LABELS:
        found[f"CNN {count}"] = _auc(
            dataset.test, *(_scores_of_cnn(count, draw, dataset, recipe.seed) for draw in range(CNN_DRAWS))
        )
    return found


def _codes(model):
    @torch.no_grad()
    def codes(images):
        answer = [model.encode(batch) for batch in images.split(256)]
        return torch.cat([each[0] if isinstance(each, tuple) else each for each in answer]).numpy()

    return codes


def _scores_with(count, draw, dataset, train, test, strength, standardise):
    """What a logistic regression trained on `count` random cases of each class says of the test cases."""
    labels, rows = dataset.train.labels.numpy(), rows_of_each_class(dataset, count, draw)
    model = LogisticRegression(C=strength, max_iter=500)
    model = make_pipeline(StandardScaler(), model) if standardise else model
    return model.fit(train[rows], labels[rows]).decision_function(test)


def _scores_of_cnn(count, draw, dataset, seed):
    """The same of a small CNN trained on `count` random cases of each class and on nothing else, moved and mirrored."""
    own = replace(dataset, train=few_of(dataset, count, draw))
    recipe = default_recipe(
        dataset.card, batch_size=20, epochs=CNN_EPOCHS[count], optimiser="adamw", seed=seed, shift_at_test=0
    )
    run = fit(build("cnn", own, widths=(16, 32, 64), seed=seed), own, recipe, progress=False)
    return log_odds(run.predictions["test"])


def errors_of_normals(recipe, dataset):
    """AUC with which errors of an autoencoder and of PCA, both of images of class 0 alone, find class 1 and planted
    spots.

    Of the disease the error is the mean square over the image, of spots the largest absolute
    error after a blur by one pixel. "smoothness" is the mean step between neighbours, turned round.
    """
    normal = {split: _only_normal(getattr(dataset, split)) for split in SPLITS}
    images, test = normalise(normal["train"].images), normalise(dataset.test.images)
    with seeded(recipe.seed):
        model = Autoencoder(images.shape[1], tuple(images.shape[2:]), latents=16)
    fit_reconstruction(model, images, epochs=2 * recipe.epochs, seed=recipe.seed, progress=False)
    pca = PCA(16, svd_solver="full").fit(images.flatten(1).numpy())

    def error(x):
        return (_images_of(model, x) - x).numpy()

    def error_of_pca(x):
        flat = x.flatten(1).numpy()
        return (pca.inverse_transform(pca.transform(flat)) - flat).reshape(x.shape)

    steps = np.abs(np.diff(test.numpy(), axis=-1)).mean(axis=(1, 2, 3))
    # Chance says the same of every image.
    found = {"chance": _auc(dataset.test, 0 * steps), "smoothness": _auc(dataset.test, -steps)}
    spotted = {kind: plant_spots(replace(dataset, **normal), kind, seed=recipe.seed).test for kind in SPOTS}
    for suffix, of in (("", error), (" PCA", error_of_pca)):
        found[f"disease{suffix}"] = _auc(dataset.test, (of(test) ** 2).mean(axis=(1, 2, 3)))
        for kind, cases in spotted.items():
            blurred = gaussian_filter(np.abs(of(normalise(cases.images))), (0, 0, 1, 1))
            found[f"{kind}{suffix}"] = _auc(cases, blurred.max(axis=(1, 2, 3)))
    return found


def _auc(cases, *scores):
    """Of scores of all cases; a mean where several are given."""
    return PerCase.of("AUC", np.stack(scores, axis=1), cases.labels, cases.subjects)


def _only_normal(split):
    kept = split.labels == 0
    return replace(split, images=split.images[kept], labels=split.labels[kept], evidence=None, masks=None)
