"""The gallery: every data set at hand, its images, and what is known of them.

Look at the images before the model does. What is on disk is shown; where a set
is not, its phantom is, and says so.
"""

import html
from os import PathLike

import numpy as np

from ..data import catalog, loading, phantoms
from ..data.card import NOT_CLINICAL, SPLITS
from ..errors import InputError
from ..figures import BLUE, VERMILION
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


def gallery(root: str | PathLike | None = None) -> "GalleryExplorer":
    """The explorer of all data sets that are on disk, and of the phantoms.

    root  a folder to look in first, before `$MEDTUTOR_DATA` and `~/.medmnist`

    Nothing is fetched. A set is read when it is chosen, and only one at a time
    is kept in memory.

    >>> shown = gallery()
    >>> shown.split.value = "val"
    >>> len(shown.listed)  # the images of the first page
    24
    """
    return GalleryExplorer(root)


class GalleryExplorer(Explorer):
    """Images of a data set, page by page, and its card.

    name     Dropdown: the data set; (its name, whether it is the phantom)
    size     Dropdown: pixels, where several are on disk
    split    ToggleButtons: train, val, test
    of       Dropdown: all classes, or one of them
    depth    IntSlider: which slice of volumes, from 1
    pages    `Pages` of the images
    job      `Job`: reads a set that was chosen

    dataset  the `Dataset` that is shown, None while it is read, and where it cannot be
    listed   the indices of the cases that are shown, in the split
    """

    heading = "Look at the images first"

    name = Choice(
        "data set",
        lambda self: [(_title(*choice), choice) for choice in self._choices],
        meaning="what is on disk, and drawn phantoms of what is not",
        width="36em",
        label="6em",
    )
    size = Choice(
        "pixels",
        lambda self: [28] if self.name.value[1] else self._sizes[self.name.value[0]],
        visible=lambda self: len(self.size.options) > 1,
        meaning="the side of an image, of the sizes on disk",
        width="12em",
        label="6em",
    )
    job = Background(always=False)

    @slow
    def dataset(self):
        (name, phantom), size, root = self.name.value, self.size.value, self._root

        def work(tell):
            tell(0.1, f"reading {name}")
            if not phantom and loading.find(name, size, root) is None:
                raise InputError(
                    f"the file of {name} is no longer on disk; choose another set, or make the gallery anew"
                )
            return loading.load(name, size, source="phantom" if phantom else "medmnist", root=root)

        return work

    split = Buttons("split", list(SPLITS), meaning="whose images are shown", width="22em", label="6em")
    of = Choice(
        "class",
        lambda self: [(ALL, -1), *((f"{number} {label}", number) for number, label in enumerate(self._classes))],
        meaning="only images of this class",
        width="26em",
        label="6em",
    )
    depth = Slider(
        "slice",
        1,
        lambda self: self._slices,
        start=lambda self: self._slices // 2 + 1,
        visible=lambda self: self._slices > 1,
        meaning="which slice of the volumes",
        width="500px",
        label="6em",
    )

    def __init__(self, root=None):
        self._root = root
        self.call = "gallery()" if root is None else f"gallery({str(root)!r})"
        # Images with labels: masks and clips have explorers of their own.
        labelled = [name for name in catalog.names() if catalog.publisher(name) == "medmnist"]
        self._sizes = {name: _sizes_on_disk(name, root) for name in labelled}
        self._choices = [(name, False) for name, sizes in self._sizes.items() if sizes]
        self._choices += [(name, True) for name in phantoms.NAMES if not self._sizes[name]]
        super().__init__()

    @on(job)
    def _gave_up(self):
        if self.dataset is None:
            raise InputError(f"{self.name.label} was not read; choose another set, then this one again")

    # What follows from the controls ---------------------------------------------------------

    @property
    def _phantom(self):
        return self.dataset is not None and self.dataset.is_phantom

    @property
    def _classes(self):
        return () if self.dataset is None else self.dataset.card.classes

    @property
    def _slices(self):
        return self.dataset.card.shape[0] if self.dataset is not None and self.dataset.card.dims == 3 else 1

    @derived
    def _cases(self):
        """The numbers of the cases of the chosen class."""
        if self.dataset is None:
            return np.arange(0)
        labels, number = getattr(self.dataset, self.split.value).labels.numpy(), self.of.value
        if number < 0:
            return np.arange(len(labels))
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
        dataset, split, label, listed = self.dataset, self.split.value, self.of.label, self.listed
        cases, card = getattr(dataset, split), dataset.card
        depth = self.depth.value - 1 if card.dims == 3 else None
        where = f", slice {self.depth.value} of {self.depth.max}" if card.dims == 3 else ""
        names = [label_of(cases.labels[case], card) for case in listed]
        sheet = drawing.tiles(
            drawing.flat(cases.images[listed], depth),
            names,
            title=f"{dataset.title}, {split}, {label}{where}: {self.pages.place}",
            columns=COLUMNS,
            rows=ROWS,
            side=SIDE,
            colour=VERMILION if dataset.is_phantom else BLUE,
            empty=f"no image of {label} in the {split} split",
        )
        counted = ", ".join(f"{names.count(name)} of {name}" for name in dict.fromkeys(names)) or "none"
        return sheet, (
            f"{len(names)} {card.modality} images of {dataset.title}, {split} split, {label}{where}, "
            f"{self.pages.place}: {counted}."
        )

    @markup
    def _about(self):
        return None if self.dataset is None else _about(self.dataset)

    def _composed(self):
        if self.dataset is None:
            words = f"{self.name.label} {'is being read' if self.job.running else 'cannot be shown'}."
            return drawing.written([words], 600), words
        card = self.dataset.card
        line = f"{self.dataset.title}: {card.modality}, {card.task}. Licence: {card.licence}. {NOT_CLINICAL}"
        sheet, alt = super()._composed()
        return drawing.below(sheet, drawing.written([line], sheet.width / drawing.SCALE)), f"{alt} {line}"

    layout = [[name, size, job], [split, of], depth, pages, MESSAGE, _shown, _about]


def _sizes_on_disk(name, root):
    return [size for size in catalog.sizes(name) if loading.find(name, size, root)]


def _title(name, phantom):
    title = catalog.card(name).title
    return f"{title} (PHANTOM, drawn by medtutor)" if phantom else title


def _about(dataset):
    """The card and the counts of a data set, as HTML."""
    card = dataset.card
    size = " x ".join(map(str, card.shape))
    facts = {
        "modality": card.modality,
        "task": f"{card.task}, {len(card.classes)} {'labels' if card.task == 'multi-label' else 'classes'}",
        "images": f"{size} {'voxels' if card.dims == 3 else 'pixels'}, {'colour' if card.channels == 3 else 'grey'}",
        "description": card.description,
        "licence": card.licence,
        "source": card.citation,
    }
    rows = "".join(_row(f"<b>{what}</b>", html.escape(text)) for what, text in facts.items() if text)
    rows += "".join(_row("<b>beware</b>", html.escape(warning)) for warning in card.warnings)
    rows += _row("<b>use</b>", f"<b>{html.escape(NOT_CLINICAL)}</b>")
    return (
        f"<h4 style='margin:0.5em 0 0.2em'>{html.escape(dataset.title)}</h4>"
        f"<table style='line-height:1.4;max-width:48em'>{rows}</table>"
        f"<h4 style='margin:0.5em 0 0.2em'>How many of each class</h4>{_counts(dataset)}"
    )


def _row(what, text):
    style = "text-align:left;vertical-align:top;padding-right:1em"
    return f"<tr><th scope='row' style='{style}'>{what}</th><td style='text-align:left'>{text}</td></tr>"


def _counts(dataset):
    """The number of cases of each class in each split, with its share, as an HTML table."""
    card, columns = dataset.card, []
    for split in SPLITS:
        labels = getattr(dataset, split).labels
        many = labels.dim() == 2
        of_class = labels.sum(0).tolist() if many else labels.bincount(minlength=len(card.classes)).tolist()
        total = len(labels)
        columns.append([f"{count} ({count / total:.0%})" for count in of_class] + [str(total)])
    cell = "style='text-align:right;padding:0 0.6em'"
    head = "".join(f"<th scope='col' {cell}>{split}</th>" for split in SPLITS)
    names = [*(f"{number} {name}" for number, name in enumerate(card.classes)), "cases"]
    body = "".join(
        f"<tr><th scope='row' style='text-align:left;font-weight:normal'>{html.escape(name)}</th>"
        + "".join(f"<td {cell}>{column[number]}</td>" for column in columns)
        + "</tr>"
        for number, name in enumerate(names)
    )
    return (
        "<table style='line-height:1.4'><tr><th scope='col'"
        f" style='text-align:left'>class</th>{head}</tr>{body}</table>"
    )
