"""The gallery: every data set that the package knows, its images, and what is known of them.

Look at the images before the model does. What is on disk is shown; where a set
is not, its phantom is, and says so; of a set without one, its card, and how to get it.
"""

import html
from os import PathLike

import numpy as np
from PIL import ImageColor

from ..data import catalog, loading
from ..data.card import NOT_CLINICAL, SPLITS
from ..errors import InputError
from ..figures import BLUE, OUTLINES, VERMILION
from ..widgets import (
    MESSAGE,
    Background,
    Buttons,
    Choice,
    Explorer,
    Pages,
    Slider,
    derived,
    drawing,
    markup,
    on,
    panel,
    slow,
)
from .cases import label_of

COLUMNS, ROWS, SIDE = 8, 3, 84  # of the images; page pixels
ALL = "all classes"
SHOWN, HIDDEN = "shown", "hidden"
COLOURS = ("orange", "blue", "green", "red", "pink", "yellow")  # of `OUTLINES`, in words
DISK, PHANTOM, ABSENT = "on disk", "phantom", "absent"
MARKS = {DISK: "", PHANTOM: " (PHANTOM, drawn by medtutor)", ABSENT: " (not on this machine)"}


def gallery(root: str | PathLike | None = None) -> "GalleryExplorer":
    """The explorer of all data sets: those on disk, the phantoms, and the cards of the rest.

    root  a folder to look in first, before `$MEDTUTOR_DATA` and `~/.medmnist`

    Slices of volumes are stacked, clips are shown frame by frame, masks as colours over the image. Nothing is
    fetched. A set is read when it is chosen, and only one at a time is kept in memory.

    >>> shown = gallery()
    >>> shown.split.value = "val"
    >>> len(shown.listed)  # the images of the first page
    24
    """
    return GalleryExplorer(root)


class GalleryExplorer(Explorer):
    """Images of a data set, page by page, and its card.

    name     Dropdown: the data set; (its name, "on disk", "phantom" or "absent")
    size     Dropdown: pixels, where several are on disk
    split    ToggleButtons: train, val, test
    of       Dropdown: all classes, or one of them
    depth    IntSlider: which slice of volumes, or frame of clips, from 1
    masks    ToggleButtons: whether the masks of a segmentation are shown
    pages    `Pages` of the images
    job      `Job`: reads a set that was chosen

    dataset  the `Dataset` that is shown, None while it is read, and where it cannot be
    listed   the indices of the cases that are shown, in the split
    """

    heading = "Look at the images first"

    name = Choice(
        "data set",
        lambda self: [(_title(*choice), choice) for choice in self._choices],
        meaning="what is on disk, drawn phantoms of what is not, and the cards of the rest",
        width="36em",
        label="6em",
    )
    size = Choice(
        "pixels",
        lambda self: self._sizes[self.name.value[0]],
        visible=lambda self: len(self.size.options) > 1,
        meaning="the side of an image, of the sizes on disk",
        width="12em",
        label="6em",
    )
    job = Background(always=False)

    @slow
    def dataset(self):
        (name, kind), size, root = self.name.value, self.size.value, self._root

        def work(tell):
            tell(0.1, f"reading {name}")
            if kind == ABSENT:  # no error: its card says how to get it
                return None
            if kind == DISK and loading.find(name, size, root) is None:
                raise InputError(
                    f"the file of {name} is no longer on disk; choose another set, or make the gallery anew"
                )
            source = "phantom" if kind == PHANTOM else catalog.publisher(name)
            loaded = loading.load(name, size, source=source, root=root)
            return loaded if loaded.train.patients is None else loaded.as_volumes()

        return work

    split = Buttons("split", list(SPLITS), meaning="whose images are shown", width="22em", label="6em")
    of = Choice(
        "class",
        lambda self: [(ALL, -1), *((f"{number} {label}", number) for number, label in enumerate(self._classes))],
        visible=lambda self: len(self.of.options) > 2,
        meaning="only images of this class",
        width="26em",
        label="6em",
    )
    masks = Buttons(
        "masks",
        [SHOWN, HIDDEN],
        visible=lambda self: self._segments,
        meaning="whether what experts have marked is coloured",
        width="22em",
        label="6em",
    )
    depth = Slider(
        lambda self: "frame" if self.dataset is not None and self.dataset.card.frames else "slice",
        1,
        lambda self: self._slices,
        start=lambda self: self._slices // 2 + 1,
        visible=lambda self: self._slices > 1,
        meaning="which slice of the volumes, or frame of the clips",
        width="500px",
        label="6em",
    )

    def __init__(self, root=None):
        self._root = root
        self.call = "gallery()" if root is None else f"gallery({str(root)!r})"
        on_disk = {name: _sizes_on_disk(name, root) for name in catalog.names()}
        kinds = {name: DISK if sizes else _of_the_rest(name) for name, sizes in on_disk.items()}
        self._sizes = {name: sizes or [catalog.sizes(name)[0]] for name, sizes in on_disk.items()}
        self._choices = sorted(kinds.items(), key=lambda choice: list(MARKS).index(choice[1]))
        super().__init__()

    @on(job)
    def _gave_up(self):
        if self.dataset is None and self.name.value[1] != ABSENT:
            raise InputError(f"{self.name.label} was not read; choose another set, then this one again")

    # What follows from the controls ---------------------------------------------------------

    @property
    def _phantom(self):
        return self.dataset is not None and self.dataset.is_phantom

    @property
    def _segments(self):
        return self.dataset is not None and self.dataset.card.task == "segmentation"

    @property
    def _classes(self):
        """Those by which images can be chosen: a number, or masks, put no image into a class."""
        if self.dataset is None or self.dataset.card.task in ("segmentation", "regression"):
            return ()
        return self.dataset.card.classes

    @property
    def _slices(self):
        if self.dataset is None:
            return 1
        card = self.dataset.card
        return card.frames or (card.shape[0] if card.dims == 3 else 1)

    @derived
    def _cases(self):
        """The numbers of the cases of the chosen class."""
        if self.dataset is None:
            return np.arange(0)
        cases, number = getattr(self.dataset, self.split.value), self.of.value
        if number < 0 or not self._classes:
            return np.arange(len(cases))
        labels = cases.labels.numpy()
        return np.flatnonzero(labels[:, number] == 1 if labels.ndim == 2 else labels == number)

    pages = Pages(COLUMNS * ROWS, _cases, meaning="of the images below")

    @derived
    def listed(self):
        return self._cases[self.pages.shown]

    # Pictures and words ---------------------------------------------------------------------

    @panel
    def _shown(self):
        if self.dataset is None:
            return None
        dataset, split, listed = self.dataset, self.split.value, self.listed
        cases, card, at = getattr(dataset, split), dataset.card, self.depth.value - 1
        which = f", {self.depth.description} {at + 1} of {self._slices}" if self._slices > 1 else ""
        masked = self._segments and self.masks.value == SHOWN
        if masked:
            which += "; " + ", ".join(f"{name} {colour}" for name, colour in zip(card.classes[1:], COLOURS))
        what = f"{split}, {self.of.label}{which}" if self._classes else f"{split}, all{which}"
        images = cases.images[listed]
        pixels = drawing.flat(images[:, at] if card.frames else images, at if card.dims == 3 else None)
        if masked:
            masks = cases.masks[listed]
            pixels = _coloured(pixels, (masks[:, at] if card.dims == 3 else masks).numpy())
        names = _names(cases, listed, card)
        sheet = drawing.tiles(
            pixels,
            names,
            title=f"{dataset.title}, {what}: {self.pages.place}",
            columns=COLUMNS,
            rows=ROWS,
            side=SIDE,
            colour=VERMILION if dataset.is_phantom else BLUE,
            empty=f"no image of {self.of.label} in the {split} split",
        )
        counted = ", ".join(f"{names.count(name)} of {name}" for name in dict.fromkeys(names)) or "none"
        if not self._classes:
            counted = ", ".join([f"{card.classes[0]} of each"] * (card.task == "regression") + names)
        return sheet, (
            f"{len(names)} {card.modality} images of {dataset.title}, {what.replace(',', ' split,', 1)}, "
            f"{self.pages.place}: {counted}."
        )

    @markup
    def _about(self):
        if self.dataset is not None:
            return _about(self.dataset.card, self.dataset.title, _counts(self.dataset))
        name, kind = self.name.value
        if kind != ABSENT:
            return None
        how = f"<p role='status'><b>not on this machine; run: medtutor data fetch {name}</b></p>"
        return _about(catalog.card(name), _title(name, kind), how)

    def _composed(self):
        if self.dataset is None:
            words = f"{self.name.label} {'is being read' if self.job.running else 'cannot be shown'}."
            return drawing.written([words], 600), words
        card = self.dataset.card
        line = f"{self.dataset.title}: {card.modality}, {card.task}. Licence: {card.licence}. {NOT_CLINICAL}"
        sheet, alt = super()._composed()
        return drawing.below(sheet, drawing.written([line], sheet.width / drawing.SCALE)), f"{alt} {line}"

    layout = [[name, size, job], [split, of, masks], depth, pages, MESSAGE, _shown, _about]


def _sizes_on_disk(name, root):
    return [size for size in catalog.sizes(name) if loading.find(name, size, root)]


def _of_the_rest(name):
    """What can be shown of a set that is not on disk."""
    return PHANTOM if catalog.source(name).has_phantom(catalog.card(name)) else ABSENT


def _title(name, kind):
    return catalog.card(name).title + MARKS[kind]


def _coloured(pixels, masks):
    """uint8 images (N, H, W, 3) with the classes of masks (N, H, W) laid over them, half transparent."""
    pixels = pixels.copy()
    for number, colour in enumerate(OUTLINES, 1):
        here = masks == number
        pixels[here] = (pixels[here] + np.array(ImageColor.getrgb(colour))) // 2
    return pixels


def _names(cases, listed, card):
    """What is written below each image."""
    if card.task == "segmentation":
        numbers = listed if cases.patients is None else cases.patients[listed].tolist()
        return [f"{'case' if cases.patients is None else 'volume'} {number}" for number in numbers]
    if card.task == "regression":
        return [f"{cases.labels[case]:.2f}" for case in listed]
    return [label_of(cases.labels[case], card) for case in listed]


def _about(card, title, below):
    """The card of a data set as HTML; below it how many cases there are of each class, or how to get the set."""
    size = " x ".join(map(str, card.shape))
    facts = {
        "modality": card.modality,
        "task": f"{card.task}: {', '.join(card.classes)}",
        "images": f"{card.frames} frames of " * bool(card.frames)
        + f"{size} {'voxels' if card.dims == 3 else 'pixels'}, {'colour' if card.channels == 3 else 'grey'}",
        "description": card.description,
        "licence": card.licence,
        "source": card.citation,
    }
    rows = "".join(_row(f"<b>{what}</b>", html.escape(text)) for what, text in facts.items() if text)
    rows += "".join(_row("<b>beware</b>", html.escape(warning)) for warning in card.warnings)
    rows += _row("<b>use</b>", f"<b>{html.escape(NOT_CLINICAL)}</b>")
    return (
        f"<h4 style='margin:0.5em 0 0.2em'>{html.escape(title)}</h4>"
        f"<table style='line-height:1.4;max-width:48em'>{rows}</table>{below}"
    )


def _row(what, text):
    style = "text-align:left;vertical-align:top;padding-right:1em"
    return f"<tr><th scope='row' style='{style}'>{what}</th><td style='text-align:left'>{text}</td></tr>"


def _counts(dataset):
    """The number of cases in each split, and where they have classes of each, with its share, as an HTML table."""
    card, columns = dataset.card, []
    classes = () if card.task in ("segmentation", "regression") else card.classes
    for split in SPLITS:
        cases = getattr(dataset, split)
        total, of_class = len(cases), []
        if classes:
            many = cases.labels.dim() == 2
            of_class = cases.labels.sum(0) if many else cases.labels.bincount(minlength=len(classes))
        columns.append([f"{int(count)} ({count / total:.0%})" for count in of_class] + [str(total)])
    cell = "style='text-align:right;padding:0 0.6em'"
    head = "".join(f"<th scope='col' {cell}>{split}</th>" for split in SPLITS)
    names = [*(f"{number} {name}" for number, name in enumerate(classes)), "cases"]
    body = "".join(
        f"<tr><th scope='row' style='text-align:left;font-weight:normal'>{html.escape(name)}</th>"
        + "".join(f"<td {cell}>{column[number]}</td>" for column in columns)
        + "</tr>"
        for number, name in enumerate(names)
    )
    heading = "How many of each class" if classes else "How many cases"
    return (
        f"<h4 style='margin:0.5em 0 0.2em'>{heading}</h4><table style='line-height:1.4'><tr><th scope='col'"
        f" style='text-align:left'>{'class' if classes else 'split'}</th>{head}</tr>{body}</table>"
    )
