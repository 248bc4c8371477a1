"""U-Net, its skips, its descendants and what came before it."""

from ...metrics.segmentation import SCORES, by_patient, segmentation_scores
from ...models.classical import Atlas
from ...models.postprocessing import MeanShape, largest_component
from ..cases import PerCase
from ..evidence import between


def unet_and_kin(data, seeds, train):
    """U-Net against the same network without skips, its descendants, the atlas, and its own answers post-processed.

    Yields for each a contrast of Dice, of surface Dice, and of HD95, the last turned round:
    the millimetres by which the first arm is nearer.
    """
    for dataset in data.values():
        unet, fcn, residual, attention, multi_level = (
            [train(model, dataset, seed, measure=fit_of_masks) for seed in seeds]
            for model in ("unet", "fcn", "residual_unet", "attention_unet", "multi_level_unet")
        )
        for first, second in ((unet, fcn), (residual, unet), (attention, unet), (multi_level, unet)):
            yield from _of_masks(f"{first[0].model} against {second[0].model}", first, second)
        for network in (unet, fcn):
            yield from _of_masks(f"{network[0].model} against the atlas", network, network, second_key="atlas")
        for way in ("largest component", "mean shape"):
            yield from _of_masks(f"{way} against none", unet, unet, first_key=way)


def _of_masks(name, first, second, first_key="network", second_key="network"):
    for score, title, sign in (("dice", "dice", 1), ("surface_dice", "surface dice", 1), ("hd95", "nearer in mm", -1)):
        arms = [
            (trainings[0].model if key == "network" else key, trainings, f"{key} {score}")
            for trainings, key in ((first, first_key), (second, second_key))
        ]
        yield between(name, title, *arms, sign, score=score)


# How strongly the mean shape pulls; the best on val is taken.
PULLS = (0.1, 0.2, 0.3, 0.5)


def chances_of_volumes(run, dataset, split="test"):
    """What a run says of the volumes of a split, float (volumes, classes, D, H, W)."""
    said = run.predictions[split].float()
    return by_patient(said, getattr(dataset, split).patients).transpose(1, 2)


def fit_of_masks(run, dataset):
    """Test Dice, surface Dice and HD95, {"network dice": …}: of the run, of its masks post-processed in two ways, of
    the atlas.

    All measured on the volumes of patients. The weight of the mean shape is chosen by the Dice on val.
    """
    volumes, classes = dataset.as_volumes(), len(run.card.classes)
    chances = {split: chances_of_volumes(run, dataset, split) for split in ("val", "test")}

    def scores(masks, split="test"):
        """{score: mean over the classes of each volume}."""
        found = segmentation_scores(masks, getattr(volumes, split).masks, classes, run.card.spacing)
        return {name: values.mean(axis=1) for name, values in found.items()}

    grey = {split: getattr(volumes, split).images[:, 0].numpy() for split in ("train", "test")}
    atlas = Atlas.fit(grey["train"], volumes.train.masks.numpy(), classes)
    shape = MeanShape.fit(volumes.train.masks, classes, spacing=run.card.spacing)
    weight = max(PULLS, key=lambda pull: scores(shape.apply(chances["val"], pull).argmax(axis=1), "val")["dice"].mean())
    found = chances["test"].argmax(dim=1)
    ways = {
        "network": scores(found),
        "largest component": scores(largest_component(found, whole=True)),
        "mean shape": scores(shape.apply(chances["test"], weight).argmax(axis=1)),
        "atlas": scores(atlas.predict(grey["test"])),
    }
    told = {
        f"{way} {score}": PerCase.of("mean", values[score], subjects=volumes.test.subjects)
        for way, values in ways.items()
        for score in SCORES
    }
    return told | {"pull": weight}
