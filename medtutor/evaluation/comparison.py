"""A Run beside the published results on the same data set, a segmentation beside what needs no network."""

from dataclasses import dataclass

import torch

from .classical import Atlas
from .metrics import Metrics, with_interval
from .segmentation import measure_segmentation


@dataclass(frozen=True)
class Row:
    """One line of the comparison: a model's test AUC and ACC, and where they come from."""

    model: str
    size: str
    auc: float
    acc: float
    source: str
    auc_interval: tuple[float, float] | None = None
    acc_interval: tuple[float, float] | None = None


def compare(run):
    """[Row, …]: the run first, then the published results at its image size.

    A run on phantoms or on your own arrays stands alone: its numbers are not
    about the same images. The list is empty where the run is not finished (`run.test`
    is None), and of a regression or a segmentation, which have no AUC and ACC.
    """
    if not isinstance(run.test, Metrics):
        return []
    test = run.test
    own = Row(
        f"{run.model.name}, this run", str(run.card.size), test.auc, test.acc,
        f"seed {run.recipe.seed}, {run.epochs_done} epochs, {run.seconds:.0f} s",
        test.auc_interval, test.acc_interval,
    )  # fmt: skip
    return [own, *(Row(row.model, row.size, row.auc, row.acc, row.source) for row in published_beside(run.card, run.provenance))]


def published_beside(card, provenance):
    """The published rows that a result may be shown beside: same images, same size."""
    if provenance != "medmnist":
        return []
    return [row for row in card.published if row.size.split()[0] == str(card.size)]


def comparison_table(run):
    """The comparison as text for a terminal, and one sentence that reads it."""
    rows = compare(run)
    if run.test is None:
        return "no test result yet: the run is not finished"
    if not rows:
        return f"test split  {run.test}\n\n{reading(run)}"
    sources = list(dict.fromkeys(row.source for row in rows[1:]))
    table = [("test split", "px", "AUC", "ACC")]
    for row in rows:
        # The sources are long: numbered below the table.
        note = f" [{sources.index(row.source) + 1}]" if row is not rows[0] else ""
        auc, acc = with_interval(row.auc, row.auc_interval), with_interval(row.acc, row.acc_interval)
        table.append((row.model + note, row.size.replace(" upsampled to ", " -> "), auc, acc))
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip() for line in table]
    lines += ["", *(f"[{number}] {source}" for number, source in enumerate(sources, 1))]
    return "\n".join([*lines, reading(run)])


def atlases(dataset, split="test"):
    """{name: `SegmentationMetrics`} of the atlas, with and without intensity, on one split.

    What comes of centred images and the training masks alone, with no network: every
    Dice is to be read beside it.
    """
    volumes = dataset if dataset.train.patients is None else dataset.as_volumes()
    grey = {name: getattr(volumes, name).images.float().mean(dim=1).round().to(torch.uint8).numpy() for name in ("train", split)}
    cases = getattr(volumes, split)
    atlas = Atlas.fit(grey["train"], volumes.train.masks.numpy(), len(volumes.card.classes))
    found = {}
    for name, use_intensity in (("atlas with intensity", True), ("atlas", False)):
        scores = torch.from_numpy(atlas.probabilities(grey[split], use_intensity=use_intensity))
        found[name] = measure_segmentation(cases.masks, scores, volumes.card)
    return found


def segmentation_table(run, dataset):
    """The test results of a segmentation as text: the run, each class of it, and the atlas without a network."""
    if run.test is None:
        return "no test result yet: the run is not finished"
    rows = {f"{run.model.name}, this run": run.test, **atlases(dataset)}
    unit = "mm" if run.card.spacing else "px"
    table = [("test split", "Dice", f"HD95, {unit}", "surface Dice")]
    for name, metrics in rows.items():
        cells = [(metrics.dice, metrics.dice_interval), (metrics.hd95, metrics.hd95_interval), (metrics.surface_dice, metrics.surface_dice_interval)]
        table.append((name, *(with_interval(value, interval) for value, interval in cells)))
        if metrics is run.test and len(metrics.of_class) > 1:
            table += [(f"  {of}", *(f"{each[score]:.3f}" for score in ("dice", "hd95", "surface_dice"))) for of, each in metrics.of_class.items()]
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip() for line in table]
    end = f"n = {run.test.n}; the intervals are over test cases, not over seeds. The atlas needs no network: it votes with the training masks."
    if dataset.is_phantom:
        end += "\nPHANTOM images, drawn by medtutor: nothing learned about patients."
    return "\n".join([*lines, "", end])


def reading(run):
    """One sentence on how the run's test AUC stands to the published ResNet-18's.

    The interval is over the test cases only: another seed moves the number too.
    """
    if run.provenance == "phantom":
        return "PHANTOM images, drawn by medtutor: nothing published to compare with, and nothing learned about patients."
    if run.provenance == "arrays":
        return "Your own images: nothing published to compare with."
    if not isinstance(run.test, Metrics):
        return f"Nothing published to compare a {run.card.task} with."
    reference = next(iter(published_beside(run.card, run.provenance)), None)
    if reference is None:
        return f"Nothing published at {run.card.size} pixels to compare with."
    low, high = run.test.auc_interval
    verdict = (
        "lies below this run's 95 % interval: this run is better"
        if reference.auc < low
        else "lies above this run's 95 % interval: this run is worse"
        if reference.auc > high
        else "lies inside this run's 95 % interval: no difference can be told from this run alone"
    )
    return (
        f"The published {reference.model} at {reference.size} px has AUC {reference.auc:.3f}, which {verdict}. "
        "(The interval is over test cases, not over seeds.)"
    )
