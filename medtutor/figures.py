"""Every static picture, each with alt text.

A `Picture` shows itself in a notebook as `<img alt=…>`: alt text in image
metadata does not reach JupyterLab's page, an HTML tag does. Colours are those
of Okabe & Ito, which colour-blind readers can tell apart; the background is
white, so that a picture reads the same on a dark page.
"""

import base64
import html
import io
from dataclasses import dataclass, field

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, LogLocator, NullFormatter
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve, roc_curve

from .checks import one_of, whole
from .data.card import SPLITS
from .data.dataset import Dataset
from .errors import InputError
from .files import resolve, write_whole
from .metrics import metrics_kind
from .reports import compare
from .training.run import Run

# Okabe & Ito (2008).
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
# Of the foreground classes of a segmentation, in order.
OUTLINES = (ORANGE, "#56B4E9", GREEN, VERMILION, "#CC79A7", "#F0E442")
DPI = 100
PHANTOM = "PHANTOM: drawn, no patient"


@dataclass(frozen=True)
class Picture:
    """A finished picture: PNG bytes and the text that says what they show."""

    png: bytes = field(repr=False)
    alt: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = base64.b64encode(self.png).decode()
        tag = (
            f'<img alt="{html.escape(self.alt, quote=True)}" style="max-width:100%" src="data:image/png;base64,{data}">'
        )
        return {"text/html": tag, "text/plain": self.alt}

    def save(self, path):
        """Write the PNG file."""
        write_whole(resolve(path), self.png)


def picture(figure, alt, *, phantom=False):
    """A `Picture` of a matplotlib figure.

    alt      says in words what is to be seen; must not be empty
    phantom  writes PHANTOM into the picture itself
    """
    if not alt.strip():
        raise InputError("a picture needs alt text: say in a sentence what it shows")
    if phantom:
        alt = f"Phantom images, drawn by medtutor. {alt}"
        # As a label of the whole figure it has a line of its own, below everything else.
        figure.supxlabel(PHANTOM, x=0.995, ha="right", color=VERMILION, weight="bold", size=9)
    buffer = io.BytesIO()
    # No date and no version in the file: the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return Picture(buffer.getvalue(), alt)


def as_written(figure):
    """The figure, whose texts are drawn letter by letter: a "$" in the name of a class starts no formula.

    Only matplotlib's own numbers along an axis stay formulas: powers of ten.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatter):
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                tick.label1.set_parse_math(True)
                tick.label2.set_parse_math(True)
    return figure


class _Written(Figure):
    """A figure that is drawn `as_written`."""

    def draw(self, renderer):
        super(_Written, as_written(self)).draw(renderer)


def _figure(width, height):
    return _Written(figsize=(width, height), layout="constrained")


def gallery(dataset, split="train", columns=8):
    """The first images of each class, one row per class.

    Of a volume, the middle slice is shown, of a sequence the middle frame. Of a regression, one row of
    images from the lowest number to the highest. Of a segmentation, for each of the first patients the
    slice that holds most foreground, plain and with its outlines.

    Raises `InputError` for a multi-label set: its images belong to no one row.
    """
    _check_dataset(dataset)
    one_of("split", split, SPLITS)
    columns = whole("columns", columns, 1)
    cases, card = getattr(dataset, split), dataset.card
    if card.task == "segmentation":
        return _masked_gallery(dataset, split, columns)
    if card.task == "regression":
        return _numbered_gallery(dataset, split, columns)
    if card.task == "multi-label":
        raise InputError(f"{card.name} has several labels per image; a gallery has one row per class")
    figure = _figure(columns * 0.95 + 1.6, len(card.classes) * 1.05 + 0.5)
    axes = figure.subplots(len(card.classes), columns, squeeze=False)
    for row, (name, line) in enumerate(zip(card.classes, axes)):
        of_class = cases.images[cases.labels == row][:columns]
        for ax, image in zip(line, of_class):
            _show(ax, image, card)
        for ax in line:
            _bare(ax)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(f"{dataset.title}, {split} split", size=11)
    return picture(
        figure,
        f"Up to {columns} {_called(card)} of each class from the {split} split of {card.title}{_middle(card)}, "
        f"one row per class: {', '.join(card.classes)}.",
        phantom=dataset.is_phantom,
    )


def _numbered_gallery(dataset, split, columns):
    cases, card = getattr(dataset, split), dataset.card
    order = np.argsort(cases.labels.numpy(), kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(columns, len(order))).round().astype(int)]
    figure = _figure(columns * 0.95 + 0.6, 1.9)
    for ax, i in zip(figure.subplots(1, len(chosen), squeeze=False)[0], chosen):
        _show(ax, cases.images[i], card)
        _bare(ax)
        ax.set_title(f"{cases.labels[i]:.3g}", size=9)
    figure.suptitle(f"{dataset.title}, {split} split: {card.classes[0]}", size=10)
    numbers = ", ".join(f"{cases.labels[i]:.3g}" for i in chosen)
    return picture(
        figure,
        f"{len(chosen)} {_called(card)} from the {split} split of {card.title}{_middle(card)}, from the lowest"
        f" {card.classes[0]} to the highest: {numbers}.",
        phantom=dataset.is_phantom,
    )


def _called(card):
    """The images of a set in words."""
    return card.modality if card.modality.endswith("images") else f"{card.modality} images"


def _middle(card):
    """What is shown of cases that are more than one image, in words."""
    return ", middle frames" if card.frames else ", middle slices" if card.dims == 3 else ""


def _bare(ax):
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _masked_gallery(dataset, split, columns):
    cases, card = getattr(dataset, split), dataset.card
    images, masks = cases.images, cases.masks
    if card.dims == 3:  # volumes as slices
        whose = np.repeat(np.arange(len(images)), card.shape[0])
        images, masks = images.transpose(1, 2).flatten(0, 1), masks.flatten(0, 1)
    else:
        whose = np.arange(len(images)) if cases.patients is None else cases.patients.numpy()
    size = (masks > 0).flatten(1).sum(dim=1).numpy()
    first = list(dict.fromkeys(whose.tolist()))[:columns]
    chosen = [max(np.flatnonzero(whose == patient), key=lambda i: size[i]) for patient in first]
    words = (
        f"{len(chosen)} {_called(card)} from the {split} split of {card.title}, of {len(first)} cases the slice with"
        f" most foreground; above plain, below with the outlines of {' and '.join(card.classes[1:])}."
    )
    return outlines(
        images[chosen],
        {"image": None, "expert" if dataset.provenance == "decathlon" else "mask": masks[chosen]},
        card.classes,
        words,
        title=f"{dataset.title}, {split} split",
        sideways=True,
        phantom=dataset.is_phantom,
    )


def outlines(images, columns, classes, alt, *, names=(), title="", sideways=False, phantom=False):
    """Images, and beside each the same image with the outlines of masks.

    images    uint8 (N, C, H, W)
    columns   {heading: masks (N, H, W) of class numbers, or None for the plain image}
    classes   names by number, the background first: the legend
    names     of the images, one for each row
    sideways  one column for each image instead of one row

    Raises `InputError` where masks or names are not as many as the images, and for more classes than colours.
    """
    if images.ndim != 4 or not len(images) or not columns:
        raise InputError(
            f"images have shape {tuple(images.shape)} in {len(columns)} columns; give (N, C, H, W), at least one of"
            " each"
        )
    if len(classes) - 1 > len(OUTLINES):
        raise InputError(
            f"there are colours for {len(OUTLINES)} classes, not for {len(classes) - 1}; draw some of them"
        )
    wanted = (len(images), *images.shape[-2:])
    for heading, masks in columns.items():
        if masks is not None and tuple(masks.shape) != wanted:
            raise InputError(
                f"the masks of {heading!r} have shape {tuple(masks.shape)}; give one mask for each image, {wanted}"
            )
    if len(names) not in (0, len(images)):
        raise InputError(f"there are {len(names)} names for {len(images)} images; give one for each, or none")
    side = 1.5
    shape = (len(columns), len(images)) if sideways else (len(images), len(columns))
    height, width = images.shape[-2:]
    figure = _figure(
        shape[1] * side * width / max(height, width) + 1.2, shape[0] * side * height / max(height, width) + 0.7
    )
    axes = figure.subplots(*shape, squeeze=False)
    axes = axes.T if sideways else axes
    for row, (line, image) in enumerate(zip(axes, images)):
        for ax, (heading, masks) in zip(line, columns.items()):
            _show(ax, image)
            _bare(ax)
            for number in range(1, len(classes)):
                if masks is not None and (masks[row] == number).any():
                    ax.contour(np.asarray(masks[row] == number), [0.5], colors=[OUTLINES[number - 1]], linewidths=1.2)
            if row == 0 and sideways:
                ax.set_ylabel(heading, size=9)
            elif row == 0:
                ax.set_title(heading, size=9)
        if names:
            put = line[0].set_title if sideways else line[0].set_ylabel
            put(names[row], size=8)
    handles = [Line2D([], [], color=OUTLINES[i], label=name) for i, name in enumerate(classes[1:])]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, size=10)
    return picture(figure, alt, phantom=phantom)


def patients(scores, alt, *, labels=None, phantom=False):
    """Scores of each patient, one row per method: dots are patients, the bar is the mean with its 95 % interval.

    scores  {method: {"dice": (P,), "hd95": (P,), "surface_dice": (P,)}}, or any other named arrays
    labels  {score: label of its axis}

    Raises `InputError` where the methods have not the same scores, and for scores that are not finite.
    """
    if not scores or any(list(values) != list(next(iter(scores.values()))) for values in scores.values()):
        raise InputError("give the same scores of each method, of one method or more")
    for method, values in scores.items():
        for column, each in values.items():
            if np.ndim(each) != 1 or not np.size(each) or not np.isfinite(np.asarray(each, dtype=float)).all():
                raise InputError(f"the {column} of {method} must be finite numbers, one for each patient")
    columns = list(next(iter(scores.values())))
    labels = {"dice": "Dice", "hd95": "HD95, mm (less is better)", "surface_dice": "surface Dice at 1 mm"} | (
        labels or {}
    )
    figure = _figure(2.6 * len(columns) + 1.6, 0.42 * len(scores) + 0.9)
    words = []
    for ax, column in zip(figure.subplots(1, len(columns), sharey=True, squeeze=False)[0], columns):
        for place, (method, values) in enumerate(scores.items()):
            each = np.asarray(values[column], dtype=float)
            drawn = each[np.random.default_rng(0).integers(len(each), size=(1000, len(each)))].mean(axis=1)
            ax.plot(each, np.full(len(each), place), ".", color=GREY, alpha=0.6, markersize=5)
            ax.plot(
                np.percentile(drawn, [2.5, 97.5]),
                [place, place],
                color=BLUE,
                linewidth=5,
                alpha=0.5,
                solid_capstyle="butt",
            )
            ax.plot(each.mean(), place, "|", color=BLUE, markersize=14, markeredgewidth=2.5)
            words.append(f"{method} {labels.get(column, column)} {each.mean():.3g}")
        ax.set_yticks(range(len(scores)), list(scores), fontsize=9)
        ax.set_xlabel(labels.get(column, column), fontsize=9)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(scores) - 0.5, -0.5)
    return picture(figure, f"{alt} Means: {'; '.join(words)}.", phantom=phantom)


def _show(ax, image, card=None):
    """One uint8 image (C, H, W), or the middle slice of a volume (C, D, H, W); with the card the middle frame of a clip
    (T, C, H, W).
    """
    if card is not None and card.frames:
        image = image[len(image) // 2]
    elif image.dim() == 4:
        image = image[:, image.shape[1] // 2]
    pixels = image.permute(1, 2, 0).numpy()
    ax.imshow(pixels.squeeze() if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)


def history(run):
    """Loss and validation AUC (Dice of a segmentation, R² of a regression) after each epoch."""
    if not _checked(run).history:
        raise InputError(
            "the run has no history: its model was not trained, or is no longer what was trained; give the run that fit"
            " returned"
        )
    kind = metrics_kind(run.card.task)
    key, name = f"val_{kind.curve[0]}", kind.headline
    epochs = [row["epoch"] for row in run.history]
    figure = _figure(7, 2.6)
    loss, auc = figure.subplots(1, 2)
    loss.plot(epochs, [row["loss"] for row in run.history], "o-", color=BLUE, markersize=3)
    loss.set(xlabel="epoch", ylabel="training loss")
    auc.plot(epochs, [row[key] for row in run.history], "o-", color=ORANGE, markersize=3)
    auc.set(xlabel="epoch", ylabel=f"validation {name}")
    for ax in (loss, auc):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.spines[["top", "right"]].set_visible(False)
    first, last = run.history[0], run.history[-1]
    return picture(
        figure,
        f"Two curves over {len(epochs)} epochs: the training loss goes from {first['loss']:.2f} to {last['loss']:.2f}, "
        f"the validation {name} from {first[key]:.3f} to {last[key]:.3f}.",
        phantom=run.provenance == "phantom",
    )


def confusion(run, split="test"):
    """How often each class was called each class, at the highest score.

    Raises `InputError` for runs without one class for each case, and for a split that was not read.
    """
    labels, scores = _predictions(run, split)
    if run.card.task == "multi-label":
        raise InputError("a multi-label run has no confusion matrix: each image may have several labels")
    if run.card.task == "regression":
        raise InputError(
            "a regression has no confusion matrix: it predicts a number, not a class; use figures.predicted(run)"
        )
    if run.card.task == "segmentation":
        raise InputError(
            "a segmentation has no confusion matrix of images: it answers for each pixel; use figures.gallery or"
            " explore(run)"
        )
    classes = run.card.classes
    matrix = confusion_matrix(labels, scores.argmax(1), labels=range(len(classes)))
    side = 1.1 * len(classes) + 1.6
    figure = _figure(max(side, 3.6), max(side * 0.85, 3.0))
    ax = figure.subplots()
    share = matrix / matrix.sum(1, keepdims=True).clip(min=1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i in range(len(classes)):
        for j in range(len(classes)):
            colour = "white" if share[i, j] > 0.5 else "black"
            ax.text(j, i, f"{matrix[i, j]}\n{share[i, j]:.0%}", ha="center", va="center", color=colour)
    names = [name.replace(", ", ",\n") for name in classes]
    ax.set_xticks(range(len(classes)), names, rotation=0 if len(classes) <= 3 else 90)
    ax.set_yticks(range(len(classes)), names)
    ax.set(xlabel="the model says", ylabel="the label says")
    ax.set_title(f"{run.card.title}, {split} split", size=10)
    words = "; ".join(f"of {matrix[i].sum()} {name}, {matrix[i, i]} are called so" for i, name in enumerate(classes))
    return picture(figure, f"Confusion matrix: {words}.", phantom=run.provenance == "phantom")


def roc(run, split="test"):
    """The ROC curve of a binary run, with the point where the score is one half."""
    labels, scores = _predictions(run, split)
    if run.card.task != "binary":
        raise InputError(f"a ROC curve is drawn for binary tasks; this one is {run.card.task}")
    false_positive, true_positive, _ = roc_curve(labels, scores[:, 1])
    called = scores[:, 1] > 0.5
    found, mistaken = called[labels == 1].mean(), called[labels == 0].mean()
    metrics = getattr(run, split)
    figure = _figure(3.6, 3.6)
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], ":", color=GREY, label="chance")
    ax.plot(false_positive, true_positive, color=BLUE, label=f"{run.model.name}, AUC {metrics.auc:.3f}")
    ax.plot(mistaken, found, "o", color=ORANGE, label="threshold one half")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    ax.legend(loc="lower right", fontsize=8, frameon=False)
    return picture(
        figure,
        f"ROC curve on the {split} split, area {metrics.auc:.3f}. At a threshold of one half, "
        f"{found:.0%} of '{run.card.classes[1]}' are found and "
        f"{mistaken:.0%} of '{run.card.classes[0]}' are called so by mistake.",
        phantom=run.provenance == "phantom",
    )


def precision_recall(run, split="test"):
    """Precision against recall of a binary run, with the point where the score is one half.

    Chance is the share of class 1: unlike the ROC curve, this one depends on it.
    """
    labels, scores = _predictions(run, split)
    if run.card.task != "binary":
        raise InputError(f"a precision-recall curve is drawn for binary tasks; this one is {run.card.task}")
    precision, recall, _ = precision_recall_curve(labels, scores[:, 1])
    area, share = average_precision_score(labels, scores[:, 1]), labels.mean()
    called = scores[:, 1] > 0.5
    at_half = labels[called].mean() if called.any() else float("nan")
    found = called[labels == 1].mean()
    figure = _figure(3.6, 3.6)
    ax = figure.subplots()
    ax.axhline(share, linestyle=":", color=GREY, label=f"chance, {share:.2f}")
    ax.plot(recall, precision, color=BLUE, label=f"{run.model.name}, average {area:.3f}")
    ax.plot(found, at_half, "o", color=ORANGE, label="threshold one half")
    ax.set(xlabel="recall (sensitivity)", ylabel="precision", xlim=(-0.02, 1.02), ylim=(0, 1.02), aspect="equal")
    ax.legend(loc="lower left", fontsize=8, frameon=False)
    return picture(
        figure,
        f"Precision against recall on the {split} split, average precision {area:.3f}, chance {share:.2f}. At a"
        f" threshold of one half, {found:.0%} of '{run.card.classes[1]}' are found, and {at_half:.0%} of those called"
        " so are so.",
        phantom=run.provenance == "phantom",
    )


def images(pictures, titles, alt, *, phantom=False):
    """Images or maps in a row, each with its title.

    pictures  2-D tensors: uint8 is shown from black to white; floats, which may
              be negative, from blue over white to red, each on its own scale

    Raises `InputError` where titles and pictures are not as many, and for what is no picture.
    """
    if len(pictures) != len(titles) or not len(pictures):
        raise InputError(
            f"there are {len(pictures)} pictures and {len(titles)} titles; give one title for each, of one picture or"
            " more"
        )
    for number, pixels in enumerate(pictures):
        if np.asarray(pixels).squeeze().ndim != 2 or not np.isfinite(np.asarray(pixels)).all():
            raise InputError(
                f"picture {number} has shape {np.shape(pixels)} or is not finite; give one channel, (H, W), of finite"
                " numbers"
            )
    figure = _figure(1.75 * len(pictures), 2.3 if phantom else 2.1)  # the word PHANTOM takes a line
    for ax, pixels, title in zip(figure.subplots(1, len(pictures), squeeze=False)[0], pictures, titles):
        pixels = np.asarray(pixels).squeeze()
        if pixels.dtype == np.uint8:
            ax.imshow(pixels, cmap="gray", vmin=0, vmax=255)
        else:
            largest = max(np.abs(pixels).max(), 1e-9)
            ax.imshow(pixels, cmap="RdBu_r", vmin=-largest, vmax=largest)
        ax.set_axis_off()
        ax.set_title(title, size=9)
    return picture(figure, alt, phantom=phantom)


def curves(x, lines, xlabel, ylabel, alt, *, phantom=False):
    """Named lines over x: `{"CNN": [...], "MLP": [...]}`, at most five.

    Raises `InputError` for more lines, and for lines that are not as long as x.
    """
    styles = list(zip((BLUE, VERMILION, GREEN, ORANGE, GREY), ("o-", "s--", "^-.", "d:", "v-")))
    if not 1 <= len(lines) <= len(styles):
        raise InputError(f"there are {len(lines)} lines; give 1 to {len(styles)}: no more can be told apart")
    for name, y in lines.items():
        if len(y) != len(x):
            raise InputError(f"the line {name!r} has {len(y)} values, x has {len(x)}; give one for each")
    figure = _figure(5, 2.8)
    ax = figure.subplots()
    for (name, y), (colour, style) in zip(lines.items(), styles):
        ax.plot(x, y, style, color=colour, label=name, markersize=4)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if all(isinstance(value, int) for value in x):
        ax.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 1.5
    ax.legend(fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return picture(figure, alt, phantom=phantom)


def matrix(values, names, alt, *, phantom=False):
    """A square table of correlations -1…1, as colours and numbers.

    Raises `InputError` where it is not as large as the names say.
    """
    if np.shape(values) != (len(names), len(names)):
        raise InputError(
            f"the table has shape {np.shape(values)} and {len(names)} names; give one name for each row and column"
        )
    side = 0.55 * len(names) + 1.8
    figure = _figure(side, side * 0.9)
    ax = figure.subplots()
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    for i in range(len(names)):
        for j in range(len(names)):
            colour = "white" if abs(values[i][j]) > 0.6 else "black"
            ax.text(j, i, f"{values[i][j]:.1f}", ha="center", va="center", color=colour, fontsize=7)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    return picture(figure, alt, phantom=phantom)


def ladder(runs, split="test"):
    """The AUC of several runs on the same images, one under the other, with intervals and sizes.

    Of segmentations the Dice, of regressions R². Raises `InputError` for no run, for runs of different
    tasks or other images, and for a split that was not read.
    """
    if not isinstance(runs, (list, tuple)) or not runs:
        raise InputError("there is no run to show; give a list of runs")
    labels = [_predictions(run, split)[0] for run in runs]
    first = runs[0].card
    if any(run.card.task != first.task or not np.array_equal(each, labels[0]) for run, each in zip(runs, labels)):
        raise InputError(
            f"the runs were not tested on the same {split} cases, so their numbers do not compare; give runs of one"
            " data set"
        )
    key, name = metrics_kind(first.task).curve[0], metrics_kind(first.task).headline
    values = [getattr(getattr(run, split), key) for run in runs]
    figure = _figure(6.5, 0.42 * len(runs) + 0.8)
    ax = figure.subplots()
    names = [f"{run.model.name}, {run.parameters / 1000:,.0f} k parameters" for run in runs]
    for place, (run, value) in enumerate(zip(runs, values)):
        interval = getattr(getattr(run, split), f"{key}_interval")
        if interval:
            ax.plot(interval, [place, place], color=BLUE, linewidth=3, alpha=0.4, solid_capstyle="round")
        ax.plot(value, place, "o", color=BLUE)
    ax.set_yticks(range(len(runs)), names, fontsize=9)
    ax.set_xlabel(f"{split} {name}, with the 95 % interval over images")
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(runs) - 0.5, -0.5)
    words = "; ".join(f"{each}: {value:.3f}" for each, value in zip(names, values))
    return picture(figure, f"{split} {name} of {len(runs)} models. {words}.", phantom=runs[0].provenance == "phantom")


def predicted(run, split="test"):
    """The predicted numbers of a regression against the true ones: on the line they agree.

    Raises `InputError` for runs of other tasks, and for a split that was not read.
    """
    labels, answers = _predictions(run, split)
    if run.card.task != "regression":
        raise InputError(f"predicted against true numbers are drawn of a regression; this run is {run.card.task}")
    answers, metrics, name = answers[:, 0], getattr(run, split), run.card.classes[0]
    ends = [min(labels.min(), answers.min()), max(labels.max(), answers.max())]
    figure = _figure(3.8, 3.8)
    ax = figure.subplots()
    ax.plot(ends, ends, ":", color=GREY, label="as it should be")
    ax.plot(ends, [run.scale[0]] * 2, "--", color=ORANGE, linewidth=1, label="always the mean")
    ax.plot(labels, answers, "o", color=BLUE, alpha=0.5, markersize=4, label=run.model.name)
    ax.set(xlabel=f"{name}, the label", ylabel=f"{name}, predicted", aspect="equal")
    ax.legend(loc="upper left", fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return picture(
        figure,
        f"Predicted {name} against the true one of {len(labels)} cases of the {split} split. The labels run from"
        f" {labels.min():.3g} to {labels.max():.3g}, the predictions from {answers.min():.3g} to {answers.max():.3g};"
        f" R² {metrics.r2:.3f}, mean error {metrics.mae:.3g}.",
        phantom=run.provenance == "phantom",
    )


def worst_mistakes(run, dataset, split="test", count=6):
    """The images that a binary run is most sure about and wrong, in two rows.

    Above, images of class 0 with the highest scores; below, of class 1 with the lowest.
    Raises `InputError` for other tasks, and for a data set that is not the run's own.
    """
    labels, scores = _predictions(run, split)
    if run.card.task != "binary":
        raise InputError(f"mistakes are sorted for binary tasks; this one is {run.card.task}")
    _check_dataset(dataset)
    cases, score, count = getattr(dataset, split), scores[:, 1], whole("count", count, 1)
    if dataset.card.task != "binary" or not np.array_equal(cases.labels.numpy(), labels):
        raise InputError(
            f"the {split} labels of the run and of this {dataset.card.name} differ; give the data set that the run was"
            " made on"
        )
    figure = _figure(count * 1.15 + 1.6, 3.0)
    wrong = []
    for label, line in enumerate(figure.subplots(2, count, squeeze=False)):
        sure = np.argsort(-score if label == 0 else score)
        chosen = [i for i in sure if labels[i] == label and (score[i] > 0.5) != label][:count]
        wrong.append(len(chosen))
        for ax in line:
            _bare(ax)
        for ax, i in zip(line, chosen):
            _show(ax, cases.images[i], run.card)
            ax.set_title(f"{score[i]:.2f}", size=9)
        line[0].set_ylabel(
            f"{run.card.classes[label]},\ncalled\n{run.card.classes[1 - label]}", rotation=0, ha="right", va="center"
        )
    figure.suptitle(f"{dataset.title}: most sure, and wrong; score for '{run.card.classes[1]}'", size=10)
    return picture(
        figure,
        f"The {wrong[0]} images of '{run.card.classes[0]}' with the highest scores and the {wrong[1]} of"
        f" '{run.card.classes[1]}' with the lowest, all on the wrong side of one half, from the {split} split.",
        phantom=dataset.is_phantom,
    )


def comparison(run):
    """The run's test AUC and ACC, with intervals, beside the published results; of a regression R² and mean error,
    beside the mean.

    Raises `InputError` for a run that is not finished, and for a segmentation, as `compare`.
    """
    rows = compare(_checked(run))
    if not rows:
        raise InputError("the run is not finished: there is no test result to compare; resume it first")
    figure = _figure(8, 0.34 * len(rows) + 1.1)
    titles = ("test R²", "test mean error") if run.card.task == "regression" else ("test AUC", "test accuracy")
    for ax, name, title in zip(figure.subplots(1, 2, sharey=True), rows[0].columns, titles):
        for place, row in enumerate(rows):
            value, interval = getattr(row, name), getattr(row, f"{name}_interval")
            own = row is rows[0]
            if interval:
                ax.plot(
                    interval,
                    [place, place],
                    color=BLUE if own else GREY,
                    linewidth=3,
                    alpha=0.4,
                    solid_capstyle="round",
                )
            ax.plot(value, place, "o" if own else "D", color=BLUE if own else GREY, markersize=7 if own else 5)
        ax.set_yticks(range(len(rows)), [f"{row.model} ({row.size} px)" for row in rows], fontsize=8)
        ax.set_xlabel(title)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    own, others = rows[0], rows[1:]
    if run.card.task == "regression":
        mean = others[0]
        words = (
            f"Test R² and mean error as points, with 95 % intervals. This run: R² {own.r2:.3f}, mean error"
            f" {own.mae:.3g}. Who says the mean of the training numbers of every case: R² {mean.r2:.3f}, mean error"
            f" {mean.mae:.3g}."
        )
        return picture(figure, words, phantom=run.provenance == "phantom")
    best = max(others, key=lambda row: row.auc, default=None)
    beaten = sum(row.auc < own.auc for row in others)
    words = (
        f"Test AUC and accuracy as points, with 95 % intervals. This run: AUC {own.auc:.3f}, accuracy {own.acc:.3f}."
    )
    if best:
        words += (
            f" Its AUC is above {beaten} of {len(others)} published results; the highest of those is "
            f"{best.model} with {best.auc:.3f}."
        )
    return picture(figure, words, phantom=run.provenance == "phantom")


def side_by_side(tables):
    """Test AUC over the operations of one image, one panel a data set: {title: rows}.

    rows  with family, model, labels (share), auc, interval and cost.flops, as of `review.side_by_side()`;
          hollow where only a share of the labels was used
    """
    looks = {
        "CNN": (BLUE, "o"),
        "ViT": (VERMILION, "s"),
        "hybrid": (GREEN, "D"),
        "RNN": (ORANGE, "^"),
        "autoencoder": ("#CC79A7", "v"),
        "baseline": (GREY, "P"),
    }
    figure = _figure(3.4 * len(tables) + 0.6, 3.6)
    words = []
    for ax, (title, rows) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items()):
        for row in rows:
            colour, shape = looks[row.family]
            flops, whole = row.cost.flops / 1e6, row.labels == 1
            ax.plot([flops, flops], row.interval, color=colour, alpha=0.5, linewidth=2)
            ax.plot(flops, row.auc, shape, color=colour, markerfacecolor=colour if whole else "white", markersize=7)
            name = row.model if whole else f"{row.labels:.0%}"
            # CNN and hybrid cost about as much: their names must not meet.
            away = {"ViT": (-7, "right"), "hybrid": (24, "left")}.get(row.family, (7, "left"))
            ax.annotate(name, (flops, row.auc), (away[0], -3), textcoords="offset points", fontsize=7, ha=away[1])
            words.append(f"{title}, {row.model}, {row.labels:.0%} of the labels: {row.auc:.3f} at {flops:.0f} million")
        ax.set(xscale="log", xlabel="million operations an image", title=title)
        ax.xaxis.set_major_formatter("{x:g}")
        every = [row.cost.flops for row in rows]
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if max(every) > 100 * min(every) else (1.0, 3.0), numticks=9))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(alpha=0.3)
        ax.margins(x=0.35)
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("test AUC")
    found = {row.family for rows in tables.values() for row in rows}
    marks = [
        Line2D([], [], color=colour, marker=shape, linestyle="", label=name)
        for name, (colour, shape) in looks.items()
        if name in found
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=8)
    return picture(
        figure,
        f"Test AUC with 95 % intervals over seeds, over the operations that one image costs. {'; '.join(words)}.",
    )


def attribution(dataset, image, attribution, caption, scores):
    """Image, map and overlay side by side, with a colour bar; of a volume, the strongest slice."""
    from .explanation.overlay import colours, overlay, scale, strongest_slice

    values, limit, where = attribution.map, scale(attribution.map) or 1.0, ""
    if values.dim() == 3:
        depth = strongest_slice(values)
        image, values, where = image[:, depth], values[depth], f", slice {depth}"
    figure = _figure(8.4, 3.4)
    axes = figure.subplots(1, 3)
    blank = np.zeros(values.shape, dtype=np.float32)
    panels = (overlay(image, blank, limit=1), colours(values, limit=limit), overlay(image, values, limit=limit))
    for ax, pixels, title in zip(axes, panels, ("image", "map", "both")):
        ax.imshow(pixels)
        ax.set(title=title, xticks=[], yticks=[])
    lowest = -limit if attribution.signed else 0
    ramp = np.linspace(lowest, limit, 256, dtype=np.float32)[None]
    shades = ScalarMappable(Normalize(lowest, limit), ListedColormap(colours(ramp, limit=limit)[0] / 255))
    both = "against … for" if attribution.number is None else "lowers … raises the number"
    figure.colorbar(shades, ax=axes, shrink=0.75, label=both if attribution.signed else "importance")
    figure.suptitle(f"{attribution}{where}\n{dataset.title}, {caption}", fontsize=9)
    share = np.clip(values.numpy(), 0, None)
    row, column = np.unravel_index(int(share.argmax()), share.shape)
    words = (
        f"Three panels: {caption}{where}; the map of {attribution}; the map over the image. "
        f"The highest value is at row {row}, column {column} of {values.shape[0]} x {values.shape[1]}. "
        f"Deletion area {scores.deletion:.3f}, insertion area {scores.insertion:.3f}."
    )
    return picture(figure, words, phantom=dataset.is_phantom)


def _checked(run):
    if not isinstance(run, Run):
        raise InputError(f"this picture is of a Run, not of {type(run).__name__}; train one with fit(…)")
    return run


def _check_dataset(dataset):
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset is {type(dataset).__name__}; give a Dataset, such as load returns")


def _predictions(run, split):
    _checked(run)
    one_of("split", split, ("val", "test"))  # of the training images no predictions are kept
    if split not in run.predictions:
        raise InputError(f"the run has no predictions for the {split} split: it is not finished; resume it first")
    return run.labels[split].numpy(), run.predictions[split].numpy()
