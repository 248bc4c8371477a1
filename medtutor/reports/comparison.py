"""A Run beside the published results on the same data set, a segmentation beside what needs no network."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ..checks import one_of
from ..data.card import SPLITS
from ..data.dataset import Dataset
from ..data.subsets import unshared
from ..errors import InputError
from ..metrics.classification import Metrics, measure
from ..metrics.intervals import with_interval
from ..metrics.regression import measure_regression
from ..metrics.segmentation import SegmentationMetrics, measure_segmentation
from ..models.classical import Atlas
from ..training.run import Run
from .table import aligned

NOT_READ = "no test result yet: the run is not finished"


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

    columns: ClassVar = {"auc": "AUC", "acc": "ACC"}


@dataclass(frozen=True)
class RegressionRow:
    """One line of the comparison of a regression: R² and mean absolute error, in the unit of the target."""

    model: str
    size: str
    r2: float
    mae: float
    source: str
    r2_interval: tuple[float, float] | None = None
    mae_interval: tuple[float, float] | None = None

    columns: ClassVar = {"r2": "R²", "mae": "mean error"}


def compare(run: Run, dataset: Dataset | None = None) -> list:
    """[Row, …]: the run first, then the published results at its image size.

    dataset  the run's own; then a run on a set whose splits share images (BreastMNIST) stands twice, the second time
             on the test images without a near-duplicate in train

    A run on phantoms or on your own arrays stands alone: its numbers are not
    about the same images. A regression, of which nothing is published, stands beside the
    mean of the training numbers, said of every case: [`RegressionRow`, `RegressionRow`].
    The run must be finished (`run.test` is there), else the list is empty.

    Raises `InputError` for a segmentation, which stands beside an atlas: `segmentation_table`, and for another data
    set.

    >>> import medtutor as mt
    >>> from medtutor.reports import compare
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> len(compare(run))  # phantoms: nothing published stands beside
    1
    """
    _check_run(run)
    if run.card.task == "segmentation":
        raise InputError("a segmentation has no AUC and stands beside an atlas; use segmentation_table(run, dataset)")
    if run.test is None:
        return []
    test: Any = run.test  # of the kind that the task has
    name, size = f"{run.model.name}, this run", str(run.card.size)
    source = f"seed {run.recipe.seed}, {run.epochs_done} epochs, {run.seconds:.0f} s"
    if run.card.task == "regression":
        mean = _of_the_mean(run)
        return [
            RegressionRow(name, size, test.r2, test.mae, source, test.r2_interval, test.mae_interval),
            RegressionRow(
                f"always {run.scale[0]:.4g}",
                size,
                mean.r2,
                mean.mae,
                "the mean of the training numbers",
                mean.r2_interval,
                mean.mae_interval,
            ),
        ]
    own = Row(name, size, test.auc, test.acc, source, test.auc_interval, test.acc_interval)
    return [
        own,
        *_without_duplicates(run, dataset, own),
        *(Row(row.model, row.size, row.auc, row.acc, row.source) for row in published_beside(run.card, run.provenance)),
    ]


def _without_duplicates(run, dataset, own):
    """[`Row` of the test images without a near-duplicate in train], where the set shares images between its splits."""
    if dataset is None:
        return []
    if dataset.card.name != run.card.name or not torch.equal(dataset.test.targets, run.labels["test"]):
        raise InputError(
            f"the run was made on other images than those of this {dataset.card.name}; give the run's own data set"
        )
    chosen = unshared(dataset)
    if chosen is None or run.provenance != dataset.provenance:
        return []
    found = measure(run.labels["test"][chosen], run.predictions["test"][chosen], run.card.task)
    name = f"  on the {found.n} without a near-duplicate in train"
    return [Row(name, own.size, found.auc, found.acc, "", found.auc_interval, found.acc_interval)]


def _check_run(run):
    # Known by what it has: a class of its own is not asked for.
    if not hasattr(run, "card") or not hasattr(run, "provenance") or not hasattr(run, "predictions"):
        raise InputError(f"results are those of a Run, not of {type(run).__name__}; train one with fit(…)")


def _of_the_mean(run):
    """`RegressionMetrics` on the test split of who has seen no image, and says the mean of the training numbers."""
    labels = run.labels["test"]
    return measure_regression(labels, torch.full_like(labels, run.scale[0]))


def published_beside(card, provenance):
    """The published rows that a result may be shown beside: same images, same size."""
    if provenance != "medmnist":
        return []
    return [row for row in card.published if row.size.split()[0] == str(card.size)]


def comparison_table(run: Run, dataset: Dataset | None = None) -> str:
    """The comparison as text for a terminal, and what is to be read from it. Arguments and errors as of `compare`.

    >>> import medtutor as mt
    >>> from medtutor.reports import comparison_table
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(comparison_table(run).splitlines()[-1][:14])
    PHANTOM images
    """
    rows = compare(run, dataset)
    if not rows:
        return NOT_READ
    sources = list(dict.fromkeys(row.source for row in rows[1:] if row.source))
    table = [("test split", "px", *rows[0].columns.values())]
    for row in rows:
        # The sources are long: numbered below the table.
        note = f" [{sources.index(row.source) + 1}]" if row.source in sources and row is not rows[0] else ""
        cells = [with_interval(getattr(row, column), getattr(row, f"{column}_interval")) for column in row.columns]
        table.append((row.model + note, row.size.replace(" upsampled to ", " -> "), *cells))
    numbered = [f"[{number}] {source}" for number, source in enumerate(sources, 1)]
    return "\n".join([aligned(table), "", *numbered, reading(run)])


def atlases(dataset: Dataset, split: str = "test") -> dict[str, SegmentationMetrics]:
    """{name: `SegmentationMetrics`} of the atlas, with and without intensity, on one split.

    What comes of centred images and the training masks alone, with no network: every
    Dice is to be read beside it. Raises `InputError` for a set without masks to learn.

    >>> from medtutor import load
    >>> from medtutor.reports import atlases
    >>> list(atlases(load("hippocampus", source="phantom")))
    ['atlas with intensity', 'atlas']
    """
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset is {type(dataset).__name__}; give a Dataset, such as load returns")
    if dataset.card.task != "segmentation":
        raise InputError(
            f"an atlas is made of masks, but {dataset.card.name} is for {dataset.card.task}; give a segmentation's"
            " data set"
        )
    one_of("split", split, SPLITS)
    volumes: Any = dataset if dataset.train.patients is None else dataset.as_volumes()
    grey = {
        name: getattr(volumes, name).images.float().mean(dim=1).round().to(torch.uint8).numpy()
        for name in ("train", split)
    }
    cases = getattr(volumes, split)
    atlas = Atlas.fit(grey["train"], volumes.train.masks.numpy(), len(volumes.card.classes))
    found = {}
    for name, use_intensity in (("atlas with intensity", True), ("atlas", False)):
        scores = torch.from_numpy(atlas.probabilities(grey[split], use_intensity=use_intensity))
        found[name] = measure_segmentation(cases.masks, scores, volumes.card, subjects=cases.subjects)
    return found


def segmentation_table(run: Run, dataset: Dataset | None = None) -> str:
    """The test results of a segmentation as text: the run, each class of it, and the atlas without a network.

    dataset  the run's own, whose training masks make the atlas; left out: no atlas

    Raises `InputError` for a run of another task, and for another data set.

    >>> import medtutor as mt
    >>> from medtutor.reports import segmentation_table
    >>> brain = mt.load("hippocampus", source="phantom")
    >>> model = mt.build("fcn", brain, widths=(2, 4))
    >>> run = mt.fit(model, brain, mt.Recipe(epochs=1, batch_size=256), progress=False)
    >>> "anterior" in segmentation_table(run)
    True
    """
    _check_run(run)
    if run.card.task != "segmentation":
        raise InputError(f"this run is {run.card.task}, which has no Dice; use comparison_table(run)")
    if run.test is None:
        return NOT_READ
    if dataset is not None:
        masks: Any = dataset.test.masks
        own = run.labels["test"]
        if (
            dataset.card.task != "segmentation"
            or dataset.card.classes != run.card.classes
            or masks.shape != own.shape
            or not bool((masks == own).all())
        ):
            raise InputError(
                f"the run was made on other masks than those of this {dataset.card.name}; give the run's own data set"
            )
    test: Any = run.test
    rows: dict[str, Any] = {f"{run.model.name}, this run": test, **(atlases(dataset) if dataset else {})}
    unit = "mm" if run.card.spacing else "px"
    table: list[tuple[str, ...]] = [("test split", "Dice", f"HD95, {unit}", "surface Dice")]
    for name, metrics in rows.items():
        cells = [
            (metrics.dice, metrics.dice_interval),
            (metrics.hd95, metrics.hd95_interval),
            (metrics.surface_dice, metrics.surface_dice_interval),
        ]
        table.append((name, *(with_interval(value, interval) for value, interval in cells)))
        if metrics is test and len(metrics.of_class) > 1:
            table += [
                (f"  {of}", *(f"{each[score]:.3f}" for score in ("dice", "hd95", "surface_dice")))
                for of, each in metrics.of_class.items()
            ]
    end = f"n = {run.test.n}; the intervals are over test cases, not over seeds."
    if dataset is not None:
        end += " The atlas needs no network: it votes with the training masks."
    if run.provenance == "phantom":
        end += "\nPHANTOM images, drawn by medtutor: nothing learned about patients."
    return "\n".join([aligned(table), "", end])


def reading(run: Run) -> str:
    """How the run's test AUC stands to the published ResNet-18's; of a regression, its mean error to that of the mean.

    What is published is one number, a point. The interval is this run's, over the test cases only: another seed moves
    the number too. What this run averages over is named, since the published networks may not.

    >>> import medtutor as mt
    >>> from medtutor.reports import reading
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> reading(run)[:14]
    'PHANTOM images'
    """
    _check_run(run)
    if run.test is None:
        return NOT_READ
    if run.card.task == "regression":
        return f"{_beside_the_mean(run)} {_beside_nothing(run)}".rstrip()
    return _beside_nothing(run) or _beside_the_published(run)


def _beside_nothing(run):
    """Why nothing published stands beside the run; "" where something does."""
    if run.provenance == "phantom":
        return (
            "PHANTOM images, drawn by medtutor: nothing published to compare with, and nothing learned about patients."
        )
    if run.provenance == "arrays":
        return "Your own images: nothing published to compare with."
    if not isinstance(run.test, Metrics):
        return f"Nothing published to compare a {run.card.task} with."
    reference = next(iter(published_beside(run.card, run.provenance)), None)
    return "" if reference else f"Nothing published at {run.card.size} pixels to compare with."


def _beside_the_published(run):
    reference = published_beside(run.card, run.provenance)[0]
    low, high = run.test.auc_interval
    verdict = (
        "lies below this run's 95 % interval: this run is better on these images"
        if reference.auc < low
        else (
            "lies above this run's 95 % interval: this run is worse on these images"
            if reference.auc > high
            else "lies inside this run's 95 % interval: no difference can be told from this run alone"
        )
    )
    return (
        f"The published {reference.model} at {reference.size} px has AUC {reference.auc:.3f}, a point without an"
        f" interval, on the same {run.test.n} test images; it {verdict}. (The interval is over test cases, not over"
        f" seeds.{_averaged(run.recipe)})"
    )


def _averaged(recipe):
    """What the answers of a run are averaged over, in a sentence; "" for nothing."""
    over = [
        *(["mirror images"] if recipe.mirror else []),
        *([f"moves by {recipe.shift_at_test} px"] if recipe.shift_at_test else []),
    ]
    said = [
        *([f"answers are averaged over {' and '.join(over)}"] if over else []),
        *(["weights over the last steps"] if recipe.average else []),
    ]
    return f" This run's {' and its '.join(said)}; the published network's may not be." if said else ""


def _beside_the_mean(run):
    mean, (low, high) = _of_the_mean(run).mae, run.test.mae_interval
    verdict = (
        "lies above this run's 95 % interval: this run is better"
        if mean > high
        else (
            "lies below this run's 95 % interval: this run is worse"
            if mean < low
            else "lies inside this run's 95 % interval: no difference can be told from this run alone"
        )
    )
    return (
        f"Who says {run.scale[0]:.4g}, the mean of the training numbers, of every case has a mean error of {mean:.3g},"
        f" which {verdict}. (The interval is over test cases, not over seeds.)"
    )
