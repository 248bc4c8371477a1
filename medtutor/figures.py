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
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, roc_curve

from .errors import InputError
from .evaluation.comparison import compare

# Okabe & Ito (2008).
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
DPI = 100


@dataclass(frozen=True)
class Picture:
    """A finished picture: PNG bytes and the text that says what they show."""

    png: bytes = field(repr=False)
    alt: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = base64.b64encode(self.png).decode()
        tag = f'<img alt="{html.escape(self.alt, quote=True)}" style="max-width:100%" src="data:image/png;base64,{data}">'
        return {"text/html": tag, "text/plain": self.alt}

    def save(self, path):
        """Write the PNG file."""
        Path(path).write_bytes(self.png)


def picture(figure, alt, *, phantom=False):
    """A `Picture` of a matplotlib figure.

    alt      says in words what is to be seen; must not be empty
    phantom  writes PHANTOM into the picture itself
    """
    if not alt.strip():
        raise InputError("a picture needs alt text: say in a sentence what it shows")
    if phantom:
        alt = f"Phantom images, drawn by medtutor. {alt}"
        figure.text(0.995, 0.005, "PHANTOM: drawn, no patient", ha="right", va="bottom", color=VERMILION, weight="bold", size=9)
    buffer = io.BytesIO()
    # No date and no version in the file: the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return Picture(buffer.getvalue(), alt)


def _figure(width, height):
    return Figure(figsize=(width, height), layout="constrained")


def gallery(dataset, split="train", columns=8):
    """The first images of each class, one row per class.

    Of a volume, the middle slice is shown.
    """
    cases, card = getattr(dataset, split), dataset.card
    if card.task == "multi-label":
        raise InputError(f"{card.name} has several labels per image; a gallery has one row per class")
    figure = _figure(columns * 0.95 + 1.6, len(card.classes) * 1.05 + 0.5)
    axes = figure.subplots(len(card.classes), columns, squeeze=False)
    for row, (name, line) in enumerate(zip(card.classes, axes)):
        of_class = cases.images[cases.labels == row][:columns]
        for ax, image in zip(line, of_class):
            _show(ax, image)
        for ax in line:
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(f"{dataset.title}, {split} split", size=11)
    slices = ", middle slices" if card.dims == 3 else ""
    return picture(
        figure,
        f"{columns} {card.modality} images of each class from the {split} split of {card.title}{slices}, "
        f"one row per class: {', '.join(card.classes)}.",
        phantom=dataset.is_phantom,
    )


def _show(ax, image):
    """One uint8 image (C, H, W), or the middle slice of a volume (C, D, H, W)."""
    if image.dim() == 4:
        image = image[:, image.shape[1] // 2]
    pixels = image.permute(1, 2, 0).numpy()
    ax.imshow(pixels.squeeze() if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)


def history(run):
    """Loss and validation AUC after each epoch."""
    epochs = [row["epoch"] for row in run.history]
    figure = _figure(7, 2.6)
    loss, auc = figure.subplots(1, 2)
    loss.plot(epochs, [row["loss"] for row in run.history], "o-", color=BLUE, markersize=3)
    loss.set(xlabel="epoch", ylabel="training loss")
    auc.plot(epochs, [row["val_auc"] for row in run.history], "o-", color=ORANGE, markersize=3)
    auc.set(xlabel="epoch", ylabel="validation AUC")
    for ax in (loss, auc):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.spines[["top", "right"]].set_visible(False)
    first, last = run.history[0], run.history[-1]
    return picture(
        figure,
        f"Two curves over {len(epochs)} epochs: the training loss goes from {first['loss']:.2f} to {last['loss']:.2f}, "
        f"the validation AUC from {first['val_auc']:.3f} to {last['val_auc']:.3f}.",
        phantom=run.provenance == "phantom",
    )


def confusion(run, split="test"):
    """How often each class was called each class, at the highest score.

    Raises `InputError` for multi-label runs, and for a split that was not read.
    """
    labels, scores = _predictions(run, split)
    if run.card.task == "multi-label":
        raise InputError("a multi-label run has no confusion matrix: each image may have several labels")
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
    words = "; ".join(
        f"of {matrix[i].sum()} {name}, {matrix[i, i]} are called so" for i, name in enumerate(classes)
    )
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


def comparison(run):
    """The run's test AUC and ACC, with intervals, beside the published results."""
    rows = compare(run)
    if not rows:
        raise InputError("the run is not finished: there is no test result to compare; resume it first")
    figure = _figure(8, 0.34 * len(rows) + 1.1)
    for ax, name, title in zip(figure.subplots(1, 2, sharey=True), ("auc", "acc"), ("test AUC", "test accuracy")):
        for place, row in enumerate(rows):
            value, interval = getattr(row, name), getattr(row, f"{name}_interval")
            if interval:
                ax.plot(interval, [place, place], color=BLUE, linewidth=3, alpha=0.4, solid_capstyle="round")
            own = row.auc_interval is not None
            ax.plot(value, place, "o" if own else "D", color=BLUE if own else GREY, markersize=7 if own else 5)
        ax.set_yticks(range(len(rows)), [f"{row.model} ({row.size} px)" for row in rows], fontsize=8)
        ax.set_xlabel(title)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    own, others = rows[0], rows[1:]
    best = max(others, key=lambda row: row.auc, default=None)
    beaten = sum(row.auc < own.auc for row in others)
    words = f"Test AUC and accuracy as points, with 95 % intervals. This run: AUC {own.auc:.3f}, accuracy {own.acc:.3f}."
    if best:
        words += (
            f" Its AUC is above {beaten} of {len(others)} published results; the highest of those is "
            f"{best.model} with {best.auc:.3f}."
        )
    return picture(figure, words, phantom=run.provenance == "phantom")


def _predictions(run, split):
    if split not in run.predictions:
        raise InputError(f"the run has no predictions for the {split} split: it is not finished; resume it first")
    return run.labels[split].numpy(), run.predictions[split].numpy()
