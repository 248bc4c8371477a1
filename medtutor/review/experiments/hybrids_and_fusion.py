"""Experiments about parts that are put together: an image with a table, a network of three families, a pipeline."""

from functools import partial

import numpy as np
import torch

from ...data import normalise, phantoms
from ...data.augmentation import with_frames_lost
from ...data.catalog import card
from ...data.cohort import KINDS, draw_cohort, with_table_of_others
from ...data.planting import MARKED, plant_marker
from ...metrics.segmentation import SCORES, dice_of_each, segmentation_scores
from ...models import build
from ...models.autoencoder import Autoencoder
from ...models.hybrid import CineSegmenter, EachFrame, Fusion, as_masks
from ...models.randomness import seeded
from ...models.unet import UNet
from ...reports.cost import equal_work
from ...reports.shortcut import on_marker
from ...training import default_recipe, fit
from ...training.fusion import fit_fusion, predict_fusion
from ...training.organ import cut_out, lung_segmenter
from ...training.reconstruction import fit_reconstruction
from ..cases import PerCase, in_plain, log_odds
from ..evidence import between
from .unet_and_descendants import chances_of_volumes

# An image and a table ------------------------------------------------------------------------

MISSING = 0.3  # of the table, where values are missing


def parts_of_a_cohort(data, seeds, train):
    """An image with a PHANTOM table, fused early, late and by gates, against either part alone.

    Yields contrasts of test AUC, on a cohort in which the parts add up and on one in which one changes what the
    other means; with the table of others; and with a part of the table missing.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=fused) for seed in seeds]

        def against(kind, first, second, found=found):
            return between(
                kind,
                f"{first} against {second}",
                (first, found, f"{kind} {first}"),
                (second, found, f"{kind} {second}"),
                cohort=kind,
            )

        for kind in KINDS:
            for way in ("early", "late", "gated"):
                for part in ("image", "table"):
                    yield against(kind, way, part)
                yield against(kind, way, f"{way}, table of others")
            yield against(kind, "early", "late")
            yield against(kind, "early", "gated")
            yield against(kind, "oracle", "early")
        for way in ("early", "early, trained with gaps"):
            yield against("interaction", way, f"{way}; gaps")
        yield against("interaction", "early, trained with gaps; gaps", "early; gaps")


def fused(recipe, dataset):
    """Test AUC of each way on a cohort of each kind: {"additive early": …, "interaction early, table of others": …}."""
    found = {}
    for kind in KINDS:
        cohort = draw_cohort(dataset, kind, seed=recipe.seed)
        gaps = draw_cohort(dataset, kind, seed=recipe.seed, missing=MISSING)
        others = with_table_of_others(cohort.test, recipe.seed)
        found[f"{kind} oracle"] = _own_auc(cohort.test, cohort.test.chances)
        ways = {"image": {}, "table": {}, "early": {}, "late": {}, "gated": {}}
        if kind == "interaction":
            ways["early, trained with gaps"] = {"hide": MISSING}
        for name, options in ways.items():
            with seeded(recipe.seed):
                model = Fusion(cohort.card.channels, cohort.card.shape, way=name.split(",")[0])
            fit_fusion(model, cohort.train, epochs=recipe.epochs, seed=recipe.seed, progress=False, **options)
            for what, patients in (("", cohort.test), (", table of others", others), ("; gaps", gaps.test)):
                scores = log_odds(predict_fusion(model, patients.images, patients.table))
                found[f"{kind} {name}{what}"] = _own_auc(patients, scores)
    return found


def _own_auc(patients, scores):
    """The images are the same with each seed, the outcomes are not."""
    return PerCase.of("own AUC", np.stack([scores, patients.labels], axis=1))


# Masks over a cine: autoencoder, CNN and LSTM --------------------------------------------------

CLIPS, TESTED = 400, 300  # of those that are drawn: training, test
LATENTS = 16


def cine_of_parts(data, seeds, train):
    """Masks of PHANTOM clips of a beating heart: autoencoder + CNN + LSTM, the same without the LSTM, and a U-Net.

    Yields contrasts of the Dice of the cavity on frames that are there and on frames that were lost, and of the error
    of the ejection fraction that follows from the masks, turned round.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=masks_of_clips) for seed in seeds]
        for other in ("without lstm", "unet"):
            for what in ("seen", "lost"):
                yield between(
                    f"hybrid against {other}",
                    f"{what} frames, Dice",
                    ("hybrid", found, f"hybrid {what}"),
                    (other, found, f"{other} {what}"),
                )
            yield between(
                f"hybrid against {other}",
                "ejection fraction nearer",
                ("hybrid", found, "hybrid error"),
                (other, found, f"{other} error"),
                -1,
            )


def cine_models(seed, masks, shape=(28, 28), epochs=6):
    """{name: network} of three families and of one: `CineSegmenter` with and without its LSTM, and a U-Net of each
    frame.

    masks  (N, 2, H, W) of -1 and 1, on which the autoencoder learns what masks look like
    """
    with seeded(seed):
        shapes = Autoencoder(2, shape, latents=LATENTS)
    fit_reconstruction(shapes, masks, epochs=epochs, seed=seed, progress=False)
    with seeded(seed):
        return {
            "hybrid": CineSegmenter(shapes, shape=shape, latents=LATENTS),
            "without lstm": CineSegmenter(shapes, shape=shape, latents=LATENTS, recurrent=False),
            "unet": EachFrame(UNet(1, shape, 2, widths=(8, 16, 32))),
        }


def masks_of_clips(recipe, dataset):
    """{"hybrid seen": Dice of the cavity, "hybrid lost": …, "hybrid error": of the ejection fraction, …} on test
    clips.
    """
    seed = recipe.seed
    clips, truth = normalise(dataset.train.images[:CLIPS]), as_masks(dataset.train.masks[:CLIPS])
    test = with_frames_lost(normalise(dataset.test.images[:TESTED]), generator=torch.Generator().manual_seed(seed))
    lost = (test == -1).flatten(2).all(dim=2)
    wanted = dataset.test.masks[:TESTED] == 1
    found = {}
    for name, model in cine_models(seed, truth[:, ::4].flatten(0, 1)).items():
        fit_reconstruction(
            model,
            clips,
            truth,
            epochs=recipe.epochs,
            batch_size=16,
            learning_rate=4e-3,
            corrupt=with_frames_lost,
            seed=seed,
            progress=False,
        )
        with torch.no_grad():
            cavity = torch.cat([model(some)[:, :, 0] for some in test.split(50)]) > 0
        each = dice_of_each(cavity.flatten(0, 1), wanted.flatten(0, 1)).view_as(lost)
        for what, frames in (("seen", ~lost), ("lost", lost)):
            # Clips have unequal numbers of such frames, and a frame counts as much as another.
            found[f"{name} {what}"] = PerCase.of(
                "pooled mean", torch.stack([(each * frames).sum(dim=1), frames.sum(dim=1)], dim=1)
            )
        areas = cavity.flatten(2).sum(dim=2).float()
        ejection = 1 - areas.amin(dim=1) / areas.amax(dim=1).clamp(min=1)
        found[f"{name} error"] = PerCase.of("mean", (ejection - dataset.test.labels[:TESTED]).abs())
    return found


# Organ first: segmenter, transformer, map ------------------------------------------------------


def organ_first(data, seeds, train):
    """A transformer that sees the lungs alone, cut out by a U-Net, against one that sees the whole image with its
    marker.

    Yields contrasts of test AUC with the marker turned round and without any, on PHANTOM X-rays and on real ones with
    a planted marker, and of the share of the attribution that lies on the marker, turned round.
    """
    for dataset in data.values():
        found = [train(None, dataset, seed, measure=lungs_alone) for seed in seeds]
        for where in ("phantom", "real"):
            for what in ("turned round", "no marker"):
                yield between(
                    where,
                    f"lungs alone against whole, {what}",
                    ("lungs alone", found, f"{where} lungs {what}"),
                    ("whole", found, f"{where} whole {what}"),
                )
            yield between(
                where,
                "lungs alone against whole, less attribution on the marker",
                ("lungs alone", found, f"{where} lungs on marker"),
                ("whole", found, f"{where} whole on marker"),
                -1,
            )
        yield between(
            "phantom", "Dice of the lungs", ("unet", found, "Dice of the lungs"), ("nothing", found, "nothing")
        )


def lungs_alone(recipe, dataset):
    """AUC of a ViT on marked images, whole and cut out: {"real whole turned round": …, "phantom lungs no marker": …,
    …}.
    """
    seed, found = recipe.seed, {"nothing": 0.0}
    segmenter, drawn = lung_segmenter(seed), phantoms.draw(card("pneumoniamnist"), seed=seed)
    found["Dice of the lungs"] = segmenter.test.dice
    for where, images in (("phantom", drawn), ("real", dataset)):
        marked, plain = plant_marker(images, MARKED, seed=seed), plant_marker(images, None, seed=seed)
        views = {"whole": lambda each: each, "lungs": partial(cut_out, segmenter=segmenter)}
        for name, view in views.items():
            seen = view(marked)
            vit = build("vit", seen, seed=seed)
            epochs = round(recipe.epochs * equal_work("vit", seen))
            its = default_recipe(
                seen.card, "vit", epochs=epochs, seed=seed, shift_at_test=0, shift=1.0, rotation=0.0, scale=0.0
            )
            run = fit(vit, seen, its, progress=False)
            for what, of in (("turned round", marked), ("no marker", plain)):
                scores = log_odds(run.predict(view(of).test.images))
                found[f"{where} {name} {what}"] = PerCase.of("AUC", scores, of.test.labels, of.test.subjects)
            found[f"{where} {name} on marker"] = on_marker(run, view(plant_marker(images, 1.0, seed=seed)))
    return in_plain(found)


# A transformer in a U-Net ----------------------------------------------------------------------


def transformer_at_the_bottom(data, seeds, train):
    """A U-Net whose coarsest level holds a transformer, against a U-Net of as many parameters.

    Yields contrasts of Dice, of surface Dice, and of HD95, the last turned round.
    """
    for dataset in data.values():
        hybrid, unet = (
            [train(model, dataset, seed, measure=scores_of_masks) for seed in seeds]
            for model in ("transformer_unet", "unet")
        )
        for score, sign in (("dice", 1), ("surface dice", 1), ("hd95", -1)):
            yield between(
                "transformer_unet against unet",
                score,
                ("transformer_unet", hybrid, score),
                ("unet", unet, score),
                sign,
                score=score,
            )


def scores_of_masks(run, dataset):
    """Mean test Dice over volumes and parts, surface Dice and HD95."""
    test = dataset.as_volumes().test
    found = chances_of_volumes(run, dataset).argmax(dim=1)
    scores = segmentation_scores(found, test.masks, len(run.card.classes), run.card.spacing)
    return {
        score.replace("_", " "): PerCase.of("mean", scores[score].mean(axis=1), subjects=test.subjects)
        for score in SCORES
    }
