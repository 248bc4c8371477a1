"""The draw-a-mask explorer: mark a structure yourself, and feel what each number rewards.

Dice, Jaccard, sensitivity, precision, Hausdorff distance, HD95 and surface Dice follow every stroke. A mask
is drawn with a brush that sliders move, grown, shrunk and moved as a whole, or begun
with one of the `wrong_masks`: the ways in which masks are commonly wrong.
"""

import html

import ipywidgets
import numpy as np
from PIL import Image
from scipy import ndimage

from ..data.card import SPLITS
from ..errors import InputError
from ..metrics.masks import CROSS, MEASURES, mask_measures, moved, wrong_masks
from ..widgets import drawing, panels
from ..widgets.explorer import Explorer, answering

HEIGHT = 448  # page pixels of the drawing, at most
MINE, BEYOND = (86, 180, 233), (230, 159, 0)  # sky blue and orange of Okabe & Ito
OPACITY = 0.55
NOTES, UNDO = 5, 100


def draw_mask(dataset, split="train", image=None):
    """The explorer that lets you draw a mask: a `DrawMaskExplorer`, shown by a notebook as a widget.

    dataset  a `Dataset` of images with masks
    split    "train", "val" or "test"
    image    number of the image in the split; left out: the one with most foreground

    Raises `InputError` for a set without masks, for volumes, and for an image that is not there.
    """
    return DrawMaskExplorer(dataset, split, image)


class DrawMaskExplorer(Explorer):
    """A mask, the ways to change it, and the numbers that follow.

    structure     Dropdown: all parts together, or one class
    begin         Dropdown: one of the `wrong_masks`; `start` takes it
    start, grow, shrink, left, right, up, down, undo, note   Buttons
    brush         ToggleButtons: whether the brush only moves, draws or erases
    row, column   IntSliders: where the brush is, from 1; `radius` of it, in pixels
    shown         ToggleButton: whether the expert's mask is shown

    mask, truth   bool (H, W)
    numbers       {name: number} of the mask, as `mask_measures`
    """

    def __init__(self, dataset, split="train", image=None):
        super().__init__()
        self._dataset, self._split, self._phantom = dataset, split, dataset.is_phantom
        self.number = _checked_number(dataset, split, image)
        cases, card = getattr(dataset, split), dataset.card
        self._pixels = drawing.flat(cases.images[self.number][None])[0]
        self._classes = cases.masks[self.number].numpy()
        self._spacing = card.spacing and card.spacing[-2:]
        self._unit = "mm" if card.spacing else "pixels"
        rows, columns = self._classes.shape

        wide = {"description_width": "8em"}
        broad = ipywidgets.Layout(width="98%", max_width="500px")
        present = [(name, i) for i, name in enumerate(card.classes) if i and (self._classes == i).any()]
        self.structure = ipywidgets.Dropdown(
            options=[("all parts", 0), *present] if len(present) > 1 else present,
            description="structure",
            style=wide,
            layout={"width": "24em", "max_width": "98%"},
        )
        self.truth = self._true_mask()
        self.begin = ipywidgets.Dropdown(
            options=list(wrong_masks(self.truth)),
            value="the tip missed",
            description="begin with",
            style=wide,
            layout={"width": "24em", "max_width": "98%"},
        )
        self.brush = ipywidgets.ToggleButtons(
            options=["only moves", "draws", "erases"],
            description="the brush",
            layout={"width": "98%"},
            style={"description_width": "8em", "button_width": "auto"},
        )
        self.row = ipywidgets.IntSlider(value=rows // 2, min=1, max=rows, description="row", style=wide, layout=broad)
        self.column = ipywidgets.IntSlider(
            value=columns // 2, min=1, max=columns, description="column", style=wide, layout=broad
        )
        self.radius = ipywidgets.IntSlider(value=1, min=0, max=5, description="radius", style=wide, layout=broad)
        self.shown = ipywidgets.ToggleButton(value=True, description="show the expert's mask", layout={"width": "auto"})
        self.start, self.grow, self.shrink, self.undo, self.note = (
            ipywidgets.Button(description=words, tooltip=tip, layout={"width": "auto"})
            for words, tip in (
                ("begin", "replace the mask by the chosen one"),
                ("grow", "the mask becomes one pixel wider"),
                ("shrink", "the mask becomes one pixel narrower"),
                ("undo", "take the last change back"),
                ("note the numbers", "keep the present numbers beside the next ones"),
            )
        )
        self.left, self.right, self.up, self.down = (
            ipywidgets.Button(description=word, tooltip=f"move the mask by one pixel, {word}", layout={"width": "auto"})
            for word in ("left", "right", "up", "down")
        )
        self._picture, self._table = (
            ipywidgets.HTML(layout={"max_width": "100%"}),
            ipywidgets.HTML(layout={"max_width": "100%"}),
        )
        self._notes = []  # the numbers of earlier masks
        self._arrange()
        self._connect()
        self._begin()

    def _arrange(self):
        wrapping = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        title = f"{self._dataset.title}, image {self.number} of the {self._split} split"
        whole = [
            ipywidgets.Label("the whole mask"),
            self.grow,
            self.shrink,
            self.left,
            self.right,
            self.up,
            self.down,
            self.undo,
        ]
        controls = ipywidgets.VBox(
            [
                self.structure,
                ipywidgets.HBox([self.begin, self.start], layout=wrapping),
                ipywidgets.HBox(whole, layout=wrapping),
                self.brush,
                self.row,
                self.column,
                self.radius,
                ipywidgets.HBox([self.shown, self.note], layout=wrapping),
            ],
            layout=ipywidgets.Layout(width="440px", max_width="98%"),
        )
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>Draw a mask</h3>{html.escape(title)}"),
            self.message,
            ipywidgets.HBox([self._picture, controls], layout=ipywidgets.Layout(flex_flow="row wrap")),
            self._table,
            self.keys,
        )

    def _connect(self):
        self._on(self.structure, self._other_structure)
        self._on(self.start, self._started)
        self._on(self.grow, self._reshaped, ndimage.binary_dilation, CROSS)
        self._on(self.shrink, self._reshaped, ndimage.binary_erosion, CROSS)
        for button, step in ((self.left, (0, -1)), (self.right, (0, 1)), (self.up, (-1, 0)), (self.down, (1, 0))):
            self._on(button, self._reshaped, moved, *step)
        self._on(self.undo, self._undo)
        self._on(self.note, self._keep)
        for control in (self.brush, self.row, self.column, self.radius):
            self._on(control, self._stroke)
        self._on(self.shown, self._look)

    def _composed(self):
        return drawing.beside(self._sheet(), drawing.written(self._sentences(), 330)), self._words()

    # What the user did ----------------------------------------------------------------------

    @answering
    def _other_structure(self, _):
        self.truth, self._notes = self._true_mask(), []
        self._begin()

    @answering
    def _started(self, _):
        self._begin()

    def _begin(self):
        self.mask, self._past = wrong_masks(self.truth)[self.begin.value], []
        self._last = self._place
        self._measure()

    @answering
    def _reshaped(self, how, *given):
        self._change(how(self.mask, *given))

    def _change(self, mask):
        self._past = [*self._past[-UNDO:], self.mask]
        self.mask = mask
        self._measure()

    @answering
    def _undo(self, _):
        if not self._past:
            raise InputError("there is nothing to take back since the mask was begun")
        self.mask = self._past.pop()
        self._measure()

    @answering
    def _stroke(self, change):
        """The brush has moved, or was put down: it marks all between where it was and where it is."""
        way = _line(self._last, self._place) if change["owner"] in (self.row, self.column) else [self._place]
        self._last = self._place
        if self.brush.value == "only moves":
            self._draw()
            return
        stroke = np.zeros_like(self.mask)
        for place in way:
            stroke |= self._under_brush(place)
        self._change(self.mask | stroke if self.brush.value == "draws" else self.mask & ~stroke)

    @answering
    def _look(self, _):
        self._draw()
        self._tabulate()

    @answering
    def _keep(self, _):
        self._notes = [*self._notes[1 - NOTES :], self.numbers]
        self._tabulate()

    # The state ------------------------------------------------------------------------------

    @property
    def _place(self):
        return self.row.value - 1, self.column.value - 1

    def _true_mask(self):
        chosen = self.structure.value
        return self._classes == chosen if chosen else self._classes > 0

    def _under_brush(self, place):
        rows, columns = np.ogrid[: self.mask.shape[0], : self.mask.shape[1]]
        return (rows - place[0]) ** 2 + (columns - place[1]) ** 2 <= self.radius.value**2

    def _measure(self):
        self.numbers = mask_measures(self.mask, self.truth, self._spacing)
        self._draw()
        self._tabulate()

    # Words and pictures -----------------------------------------------------------------------

    def _number(self, name, numbers):
        value = numbers[name]
        if np.isnan(value):
            return "–"
        return f"{value:.1f} {self._unit}" if name in ("Hausdorff", "HD95") else f"{value:.3f}"

    def _sentences(self):
        """The numbers, each with what it says."""
        return [f"{name} {self._number(name, self.numbers)}: {meaning}" for name, meaning in MEASURES.items()]

    def _words(self):
        common, mine, real = (int(x.sum()) for x in (self.mask & self.truth, self.mask, self.truth))
        numbers = ", ".join(f"{name} {self._number(name, self.numbers)}" for name in MEASURES)
        expert = "the expert's mask is hidden"
        if self.shown.value:
            expert = f"dashed, the expert's, {real} pixels, {common} of them common"
        row, column = self._place
        return (
            f"A slice of {self._dataset.card.modality} with your mask of {self.structure.label}, {mine} pixels;"
            f" {expert}. The brush is at row {row + 1}, column {column + 1}. {numbers}."
        )

    def _sheet(self):
        """Image, masks and brush, as a sheet."""
        pixels = self._pixels.astype(np.float32)
        tints = (
            [(self.mask & self.truth, MINE), (self.mask & ~self.truth, BEYOND)]
            if self.shown.value
            else [(self.mask, MINE)]
        )
        for where, colour in tints:
            pixels[where] = (1 - OPACITY) * pixels[where] + OPACITY * np.float32(colour)
        times = max(1, HEIGHT * drawing.SCALE // max(self.mask.shape))
        size = self.mask.shape[1] * times, self.mask.shape[0] * times
        tile = Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
        if self.shown.value:
            tile = panels.outlined(tile, self.truth)
        row, column, radius = *self._place, self.radius.value
        square = (max(row - radius, 0), max(column - radius, 0), row + radius + 1, column + radius + 1)
        return panels.framed(tile, self.mask.shape, square)

    def _draw(self):
        sheet = self._sheet()
        self._put(self._picture, sheet, self._words())

    def _tabulate(self):
        """The present numbers and the noted ones, as a table that a screen reader reads row by row."""
        heads = "".join(
            f'<th scope="col" style="white-space:nowrap">note {i + 1}</th>' for i in range(len(self._notes))
        )
        rows = [
            f'<tr style="line-height:1.3"><th scope="row" style="text-align:left;white-space:nowrap">{name}</th>'
            + f"<td><b>{self._number(name, self.numbers)}</b></td>"
            + "".join(f"<td>{self._number(name, noted)}</td>" for noted in self._notes)
            + f'<td style="text-align:left"><small>{html.escape(meaning)}</small></td></tr>'
            for name, meaning in MEASURES.items()
        ]
        key = (
            "Blue: common with the expert; orange: yours only; dashed line: the expert's border. "
            if self.shown.value
            else ""
        )
        self._table.value = (
            f'<table style="border-spacing:0.7em 0"><tr><th></th><th scope="col">now</th>{heads}<th></th></tr>'
            f"{''.join(rows)}</table><small>{key}Square: the brush.</small>"
        )


def _line(start, end):
    """All pixels on the way between two, both included: [(row, column), …]."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [tuple(round(a + (b - a) * i / steps) for a, b in zip(start, end)) for i in range(steps + 1)]


def _checked_number(dataset, split, image):
    """The number of the image to draw on; or an `InputError`."""
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    masks = getattr(dataset, split).masks
    if dataset.card.task != "segmentation" or masks.dim() != 3:
        raise InputError(
            f"{dataset.card.name} holds no images with masks to draw on; load the hippocampus slices, for example"
        )
    sizes = (masks > 0).flatten(1).sum(dim=1)
    if image is None:
        return int(sizes.argmax())
    if not 0 <= image < len(masks) or not sizes[image]:
        raise InputError(
            f"image {image!r} of the {split} split is not there or has an empty mask; choose one with foreground"
        )
    return int(image)
