"""The gallery: every data set at hand, its images, and what is known of them.

Look at the images before the model does. What is on disk is shown; where a set
is not, its phantom is, and says so.
"""

import html

import ipywidgets
import numpy as np

from ..data import catalog, loading, phantoms
from ..data.card import NOT_CLINICAL, SPLITS
from ..errors import InputError
from ..figures import BLUE, VERMILION
from . import drawing
from .explorer import Explorer, answering
from .job import Job
from .pages import Pages

COLUMNS, ROWS, SIDE = 8, 3, 84  # of the images; page pixels
ALL = "all classes"


def gallery(root=None):
    """The explorer of all data sets that are on disk, and of the phantoms.

    root  a folder to look in first, before `$MEDTUTOR_DATA` and `~/.medmnist`

    Nothing is fetched. A set is read when it is chosen, and only one at a time
    is kept in memory.
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
    listed   the numbers of the cases that are shown, in the split
    """

    def __init__(self, root=None):
        super().__init__()
        self._root, self.dataset = root, None
        # Images with labels: masks and clips have explorers of their own.
        labelled = [name for name in catalog.names() if catalog.publisher(name) == "medmnist"]
        self._sizes = {name: _sizes_on_disk(name, root) for name in labelled}
        choices = [(name, False) for name, sizes in self._sizes.items() if sizes]
        choices += [(name, True) for name in phantoms.NAMES if not self._sizes[name]]

        wide = {"description_width": "6em"}
        narrow = ipywidgets.Layout(width="26em", max_width="98%")
        self.name = ipywidgets.Dropdown(
            options=[(_title(*choice), choice) for choice in choices],
            description="data set",
            style=wide,
            layout={"width": "36em", "max_width": "98%"},
        )
        self.size = ipywidgets.Dropdown(options=[28], description="pixels", style=wide, layout={"width": "12em"})
        self.split = ipywidgets.ToggleButtons(
            options=list(SPLITS),
            description="split",
            style={"description_width": "6em", "button_width": "auto"},
            layout={"width": "22em"},
        )
        self.of = ipywidgets.Dropdown(options=[(ALL, -1)], description="class", style=wide, layout=narrow)
        self.depth = ipywidgets.IntSlider(
            value=1, min=1, max=1, description="slice", style=wide, layout={"width": "98%", "max_width": "500px"}
        )
        self.pages = Pages(COLUMNS * ROWS, self._turned)
        self.job = Job(self._lock, always=False)
        self._shown, self._about = (
            ipywidgets.HTML(layout={"max_width": "100%"}),
            ipywidgets.HTML(layout={"max_width": "100%"}),
        )

        wrapping = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self.box.children = (
            ipywidgets.HTML("<h3 style='margin:0'>Look at the images first</h3>"),
            ipywidgets.HBox([self.name, self.size, self.job.box], layout=wrapping),
            ipywidgets.HBox([self.split, self.of], layout=wrapping),
            self.depth,
            self.pages.box,
            self.message,
            self._shown,
            self.keys,
            self._about,
        )
        self._on(self.name, self._other_name)
        self._on(self.size, self._other_size)
        for control in (self.split, self.of):
            self._on(control, self._other_cases)
        self._on(self.depth, self._other_slice)
        self._on(self.job.stop, self._gave_up)
        self._begin()

    def _composed(self):
        if self.dataset is None:
            words = f"{self.name.label} {'is being read' if self.job.running else 'cannot be shown'}."
            return drawing.written([words], 600), words
        card = self.dataset.card
        lines = [f"{self.dataset.title}: {card.modality}, {card.task}. Licence: {card.licence}. {NOT_CLINICAL}"]
        sheet = drawing.below(self._sheet, drawing.written(lines, self._sheet.width / drawing.SCALE))
        return sheet, f"{self._alt} {lines[0]}"

    # What the user did ----------------------------------------------------------------------

    @answering
    def _begin(self):
        self._list_sizes()
        self._take(self._reading()(lambda *_: None))

    @answering
    def _other_name(self, _):
        self._list_sizes()
        self._read()

    @answering
    def _gave_up(self, _):
        if self.dataset is None:
            raise InputError(f"{self.name.label} was not read; choose another set, then this one again")

    @answering
    def _other_size(self, _):
        self._read()

    @answering
    def _other_cases(self, _):
        if self.dataset is not None:
            self._list_cases()
            self._draw()

    @answering
    def _turned(self):
        if self.dataset is not None:
            self._draw()

    @answering
    def _other_slice(self, _):
        if self.dataset is not None:
            self._draw()

    # The state ------------------------------------------------------------------------------

    @property
    def _phantom(self):
        return self.dataset is not None and self.dataset.is_phantom

    def _list_sizes(self):
        name, phantom = self.name.value
        self._set(self.size, options=[28] if phantom else self._sizes[name])
        self.size.layout.display = None if len(self.size.options) > 1 else "none"

    def _read(self):
        """Read the chosen set; the one before is let go first, so that two are never in memory."""
        self.dataset = None
        self._shown.value = self._about.value = ""
        self.pages.restart(0)
        self._begin_job(self._reading(), self._take)

    def _reading(self):
        """Work of the `Job`: the chosen set."""
        (name, phantom), size, root = self.name.value, self.size.value, self._root

        def work(tell):
            tell(0.1, f"reading {name}")
            if not phantom and loading.find(name, size, root) is None:
                raise InputError(
                    f"the file of {name} is no longer on disk; choose another set, or make the gallery anew"
                )
            return loading.load(name, size, source="phantom" if phantom else "medmnist", root=root)

        return work

    @answering
    def _take(self, dataset):
        self.dataset, card = dataset, dataset.card
        self._set(
            self.of, options=[(ALL, -1), *((f"{number} {label}", number) for number, label in enumerate(card.classes))]
        )
        slices = card.shape[0] if card.dims == 3 else 1
        self._set(self.depth, max=slices, value=slices // 2 + 1)
        self.depth.layout.display = None if card.dims == 3 else "none"
        self._about.value = _about(self.dataset)
        self._list_cases()
        self._draw()

    def _list_cases(self):
        labels, number = getattr(self.dataset, self.split.value).labels.numpy(), self.of.value
        if number < 0:
            self._cases = np.arange(len(labels))
        else:
            self._cases = np.flatnonzero(labels[:, number] == 1 if labels.ndim == 2 else labels == number)
        self.pages.restart(len(self._cases))

    def _draw(self):
        dataset, cases = self.dataset, getattr(self.dataset, self.split.value)
        card, label = dataset.card, self.of.label
        self.listed = self._cases[self.pages.shown]
        depth = self.depth.value - 1 if card.dims == 3 else None
        where = f", slice {self.depth.value} of {self.depth.max}" if card.dims == 3 else ""
        title = f"{dataset.title}, {self.split.value}, {label}{where}: {self.pages.place}"
        names = [_labels(cases.labels[case], card) for case in self.listed]
        self._sheet = drawing.tiles(
            drawing.flat(cases.images[self.listed], depth),
            names,
            title=title,
            columns=COLUMNS,
            rows=ROWS,
            side=SIDE,
            colour=VERMILION if dataset.is_phantom else BLUE,
            empty=f"no image of {label} in the {self.split.value} split",
        )
        counted = ", ".join(f"{names.count(name)} of {name}" for name in dict.fromkeys(names)) or "none"
        self._alt = (
            f"{len(names)} {card.modality} images of {dataset.title}, {self.split.value} split, {label}{where}, "
            f"{self.pages.place}: {counted}."
        )
        self._put(self._shown, self._sheet, self._alt)


def _sizes_on_disk(name, root):
    return [size for size in catalog.sizes(name) if loading.find(name, size, root)]


def _title(name, phantom):
    title = catalog.card(name).title
    return f"{title} (PHANTOM, drawn by medtutor)" if phantom else title


def _labels(label, card):
    """The names of a case's label or labels."""
    if label.dim() == 0:
        return card.classes[int(label)]
    return ", ".join(name for name, has in zip(card.classes, label.tolist()) if has) or "no label"


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
