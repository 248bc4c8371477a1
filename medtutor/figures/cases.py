"""Pictures of images: a gallery, masks, mistakes, maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.lines import Line2D

from ..checks import one_of, whole
from ..data.card import SPLITS
from ..data.dataset import Dataset
from ..errors import InputError
from ..training.run import Run
from .canvas import OUTLINES, Picture, bare, check_dataset, new_figure, picture, predictions, show

if TYPE_CHECKING:
    from ..explanation import Attribution, Scores

WIDEST = 10.0  # inches of a row of images: on a page that makes it narrower its words stay above 11 pixels


def gallery(dataset: Dataset, split: str = "train", columns: int = 8) -> Picture:
    """The first images of each class, one row per class.

    Of a volume, the middle slice is shown, of a sequence the middle frame. Of a regression, one row of
    images from the lowest number to the highest. Of a segmentation, for each of the first patients the
    slice that holds most foreground, plain and with its outlines.

    Raises `InputError` for a multi-label set: its images belong to no one row.

    >>> from medtutor import figures, load
    >>> print(figures.gallery(load("pneumoniamnist", source="phantom"), columns=3).alt)
    Phantom images, drawn by medtutor. Up to 3 chest X-ray images of each class...
    """
    check_dataset(dataset)
    one_of("split", split, SPLITS)
    columns = whole("columns", columns, 1)
    cases, card = getattr(dataset, split), dataset.card
    if card.task == "segmentation":
        return _masked_gallery(dataset, split, columns)
    if card.task == "regression":
        return _numbered_gallery(dataset, split, columns)
    if card.task == "multi-label":
        raise InputError(f"{card.name} has several labels per image; a gallery has one row per class")
    figure = new_figure(columns * 0.95 + 1.6, len(card.classes) * 1.05 + 0.5)
    axes = figure.subplots(len(card.classes), columns, squeeze=False)
    for row, (name, line) in enumerate(zip(card.classes, axes)):
        of_class = cases.images[cases.labels == row][:columns]
        for ax, image in zip(line, of_class):
            show(ax, image, card)
        for ax in line:
            bare(ax)
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
    figure = new_figure(columns * 0.95 + 0.6, 1.9)
    for ax, i in zip(figure.subplots(1, len(chosen), squeeze=False)[0], chosen):
        show(ax, cases.images[i], card)
        bare(ax)
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


def outlines(
    images: torch.Tensor,
    columns: dict,
    classes: Sequence[str],
    alt: str,
    *,
    names: Sequence[str] = (),
    title: str = "",
    sideways: bool = False,
    phantom: bool = False,
) -> Picture:
    """Images, and beside each the same image with the outlines of masks.

    images    uint8 (N, C, H, W)
    columns   {heading: masks (N, H, W) of class numbers, or None for the plain image}
    classes   names by number, the background first: the legend
    names     of the images, one for each row
    sideways  one column for each image instead of one row

    Raises `InputError` where masks or names are not as many as the images, and for more classes than colours.

    >>> import torch
    >>> from medtutor import figures
    >>> image, mask = torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.zeros(1, 8, 8, dtype=torch.long)
    >>> mask[:, 2:5, 2:5] = 1
    >>> figures.outlines(image, {"image": None, "mask": mask}, ["background", "square"], "A square.").alt
    'A square.'
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
    figure = new_figure(
        shape[1] * side * width / max(height, width) + 1.2, shape[0] * side * height / max(height, width) + 0.7
    )
    axes = figure.subplots(*shape, squeeze=False)
    axes = axes.T if sideways else axes
    for row, (line, image) in enumerate(zip(axes, images)):
        for ax, (heading, masks) in zip(line, columns.items()):
            show(ax, image)
            bare(ax)
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


def images(pictures: Sequence, titles: Sequence[str], alt: str, *, phantom: bool = False) -> Picture:
    """Images or maps in a row, each with its title.

    pictures  2-D tensors: uint8 is shown from black to white; floats, which may
              be negative, from blue over white to red, each on its own scale

    Raises `InputError` where titles and pictures are not as many, and for what is no picture.

    >>> import torch
    >>> from medtutor import figures
    >>> figures.images([torch.zeros(1, 8, 8, dtype=torch.uint8)], ["night"], "A black image.").alt
    'A black image.'
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
    side = min(1.75, WIDEST / len(pictures))
    figure = new_figure(side * len(pictures), side + (0.55 if phantom else 0.35))  # the word PHANTOM takes a line
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


def worst_mistakes(run: Run, dataset: Dataset, split: str = "val", count: int = 6) -> Picture:
    """The images that a binary run is most sure about and wrong, in two rows.

    Above, images of class 0 with the highest scores; below, of class 1 with the lowest.
    Raises `InputError` for other tasks, and for a data set that is not the run's own.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.worst_mistakes(run, xray).alt)
    Phantom images, drawn by medtutor. The ...
    """
    labels, scores = predictions(run, split)
    if run.card.task != "binary":
        raise InputError(f"mistakes are sorted for binary tasks; this one is {run.card.task}")
    check_dataset(dataset)
    cases, score, count = getattr(dataset, split), scores[:, 1], whole("count", count, 1)
    if dataset.card.task != "binary" or not np.array_equal(cases.labels.numpy(), labels):
        raise InputError(
            f"the {split} labels of the run and of this {dataset.card.name} differ; give the data set that the run was"
            " made on"
        )
    figure = new_figure(count * 1.15 + 1.6, 3.0)
    wrong = []
    for label, line in enumerate(figure.subplots(2, count, squeeze=False)):
        sure = np.argsort(-score if label == 0 else score)
        chosen = [i for i in sure if labels[i] == label and (score[i] > 0.5) != label][:count]
        wrong.append(len(chosen))
        for ax in line:
            bare(ax)
        for ax, i in zip(line, chosen):
            show(ax, cases.images[i], run.card)
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


def attribution(
    dataset: Dataset, image: torch.Tensor, attribution: "Attribution", caption: str, scores: "Scores"
) -> Picture:
    """Image, map and overlay side by side, with a colour bar; of a volume, the strongest slice.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> from medtutor.explanation import explain, score
    >>> image = xray.test.images[0]
    >>> found = explain(run, image, "saliency")
    >>> print(figures.attribution(xray, image, found, "image 1 of the test split", score(run, image, found)).alt)
    Phantom images, drawn by medtutor. Three panels: image 1 of the test split...
    """
    from ..explanation.overlay import colours, overlay, scale, strongest_slice  # no other picture needs explanations

    values, limit, where = attribution.map, scale(attribution.map) or 1.0, ""
    if values.dim() == 3:
        depth = strongest_slice(values)
        image, values, where = image[:, depth], values[depth], f", slice {depth + 1} of {len(attribution.map)}"
    figure = new_figure(8.4, 3.4)
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
        f"The highest value is at row {row + 1}, column {column + 1} of {values.shape[0]} x {values.shape[1]}. "
        f"Deletion area {scores.deletion:.3f}, insertion area {scores.insertion:.3f}."
    )
    return picture(figure, words, phantom=dataset.is_phantom)
