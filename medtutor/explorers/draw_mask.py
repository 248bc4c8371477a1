"""The draw-a-mask explorer: mark a structure yourself, and feel what each number rewards.

Dice, Jaccard, sensitivity, precision, Hausdorff distance, HD95 and surface Dice follow every stroke. A mask
is drawn with a brush that sliders move, grown, shrunk and moved as a whole, or begun
with one of the `wrong_masks`: the ways in which masks are commonly wrong.
"""

import base64
import html
import zlib

import numpy as np
from PIL import Image
from scipy import ndimage

from ..data.card import SPLITS
from ..data.dataset import Dataset
from ..errors import InputError
from ..metrics.masks import CROSS, MEASURES, mask_measures, moved, wrong_masks
from ..widgets import (
    Button,
    Buttons,
    Choice,
    Column,
    Explorer,
    Slider,
    State,
    Switch,
    derived,
    drawing,
    markup,
    on,
    panel,
    panels,
)
from ..widgets.explorer import answering

HEIGHT = 448  # page pixels of the drawing, at most
MINE, BEYOND = (86, 180, 233), (230, 159, 0)  # sky blue and orange of Okabe & Ito
OPACITY = 0.55
NOTES, UNDO = 5, 100


def draw_mask(dataset: Dataset, split: str = "train", image: int | None = None) -> "DrawMaskExplorer":
    """The explorer that lets you draw a mask: a `DrawMaskExplorer`, shown by a notebook as a widget.

    dataset  a `Dataset` of images with masks
    split    "train", "val" or "test"
    image    index of the image in the split; left out: the one with most foreground

    Raises `InputError` for a set without masks, for volumes, and for an image that is not there.

    >>> import medtutor as mt
    >>> from medtutor.explorers import draw_mask
    >>> mri = mt.load("hippocampus", source="phantom")
    >>> drawn = draw_mask(mri)
    >>> drawn.grow.click()  # the mask becomes one pixel wider
    >>> bool(drawn.numbers["sensitivity"] < 1)  # but its tip was missed
    True
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

    mask, truth   bool (H, W); from code, `take(mask)`
    numbers       {name: number} of the mask, as `mask_measures`
    """

    heading = "Draw a mask"

    structure = Choice(
        "structure",
        lambda self: self._structures,
        meaning="which part you mark: all parts together, or one class",
        width="24em",
        label="8em",
    )

    @derived
    def truth(self):
        chosen = self.structure.value
        return self._classes == chosen if chosen else self._classes > 0

    @derived
    def _wrong(self):
        return wrong_masks(self.truth)

    begin = Choice(
        "begin with",
        lambda self: list(self._wrong),
        start="the tip missed",
        meaning="a mask that is wrong in a common way",
        width="24em",
        label="8em",
    )
    start = Button("begin", meaning="replace the mask by the chosen one")
    grow = Button("grow", meaning="the mask becomes one pixel wider")
    shrink = Button("shrink", meaning="the mask becomes one pixel narrower")
    left = Button("left", meaning="move the mask by one pixel, left")
    right = Button("right", meaning="move the mask by one pixel, right")
    up = Button("up", meaning="move the mask by one pixel, up")
    down = Button("down", meaning="move the mask by one pixel, down")
    undo = Button("undo", meaning="take the last change back")
    brush = Buttons(
        "the brush", ["only moves", "draws", "erases"], meaning="what it does where the sliders move it", label="8em"
    )
    row = Slider(
        "row",
        1,
        lambda self: self._classes.shape[0],
        start=lambda self: self._classes.shape[0] // 2,
        meaning="row of the brush, from above",
        label="8em",
        width="500px",
    )
    column = Slider(
        "column",
        1,
        lambda self: self._classes.shape[1],
        start=lambda self: self._classes.shape[1] // 2,
        meaning="column of the brush, from the left",
        label="8em",
        width="500px",
    )
    radius = Slider("radius", 0, 5, start=1, meaning="of the brush, in pixels", label="8em", width="500px")
    shown = Switch("show the expert's mask", start=True, meaning="whether the mask to compare with is drawn")
    note = Button("note the numbers", meaning="keep the present numbers beside the next ones")

    mask = State(lambda self: self._wrong[self.begin.value])
    _past = State(())  # masks before the last changes
    _last = State(lambda self: self._place)  # where the brush was before
    _notes = State(())  # the numbers of earlier masks

    def __init__(self, dataset, split="train", image=None):
        self._dataset, self._split, self._phantom = dataset, split, dataset.is_phantom
        self.number = checked_number(dataset, split, image)
        cases, card = getattr(dataset, split), dataset.card
        self._pixels = drawing.flat(cases.images[self.number][None])[0]
        self._classes = cases.masks[self.number].numpy()
        present = [(name, i) for i, name in enumerate(card.classes) if i and (self._classes == i).any()]
        self._structures = [("all parts", 0), *present] if len(present) > 1 else present
        self._spacing = card.spacing and card.spacing[-2:]
        self._unit = "mm" if card.spacing else "pixels"
        self._title = f"{dataset.title}, image {self.number + 1} of the {split} split"
        self.call = f'draw_mask(dataset, "{split}", {self.number})'
        super().__init__()

    # What the user did ----------------------------------------------------------------------

    @on(structure)
    def _other_structure(self):
        self._notes = ()
        self._begin()

    @on(start)
    def _begin(self):
        self.mask, self._past, self._last = self._wrong[self.begin.value], (), self._place

    @on(grow, ndimage.binary_dilation, CROSS)
    @on(shrink, ndimage.binary_erosion, CROSS)
    @on(left, moved, 0, -1)
    @on(right, moved, 0, 1)
    @on(up, moved, -1, 0)
    @on(down, moved, 1, 0)
    def _reshaped(self, how, *given):
        self._change(how(self.mask, *given))

    def _change(self, mask):
        self._past = (*self._past[-UNDO:], self.mask)
        self.mask = mask

    @on(undo)
    def _undo(self):
        if not self._past:
            raise InputError("there is nothing to take back since the mask was begun")
        self._past, self.mask = self._past[:-1], self._past[-1]

    @on(row, True)
    @on(column, True)
    @on(brush, False)
    @on(radius, False)
    def _stroke(self, has_moved):
        """The brush has moved, or was put down: it marks all between where it was and where it is."""
        way = _line(self._last, self._place) if has_moved else [self._place]
        self._last = self._place
        if self.brush.value == "only moves":
            return
        stroke = np.zeros_like(self.mask)
        for place in way:
            stroke |= self._under_brush(place)
        self._change(self.mask | stroke if self.brush.value == "draws" else self.mask & ~stroke)

    @on(note)
    def _keep(self):
        self._notes = (*self._notes[1 - NOTES :], self.numbers)

    @answering
    def take(self, mask):
        """Go on with a mask of your own, bool (H, W)."""
        mask = np.asarray(mask)
        if mask.shape != self.truth.shape or mask.dtype != bool:
            raise InputError(f"the mask is {mask.dtype} {mask.shape}; give bools of shape {self.truth.shape}")
        self._change(mask.copy())

    # The state ------------------------------------------------------------------------------

    @property
    def _place(self):
        return self.row.value - 1, self.column.value - 1

    def _under_brush(self, place):
        rows, columns = np.ogrid[: self.mask.shape[0], : self.mask.shape[1]]
        return (rows - place[0]) ** 2 + (columns - place[1]) ** 2 <= self.radius.value**2

    @derived
    def numbers(self):
        return mask_measures(self.mask, self.truth, self._spacing)

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
        (row, column), radius = self._place, self.radius.value
        square = (max(row - radius, 0), max(column - radius, 0), row + radius + 1, column + radius + 1)
        return panels.framed(tile, self.mask.shape, square)

    @panel
    def _picture(self):
        return self._sheet(), self._words()

    @markup
    def _table(self):
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
        return (
            f'<table style="border-spacing:0.7em 0"><tr><th></th><th scope="col">now</th>{heads}<th></th></tr>'
            f"{''.join(rows)}</table><small>{key}Square: the brush.</small>"
        )

    def _composed(self):
        return drawing.beside(self._sheet(), drawing.written(self._sentences(), 330)), self._words()

    def _code(self):
        """What was drawn is in the lines, too."""
        lines = super()._code()
        if not self._past:
            return lines
        bits = base64.b64encode(zlib.compress(np.packbits(self.mask), 9)).decode()
        unpacked = f'np.frombuffer(zlib.decompress(base64.b64decode("{bits}")), np.uint8)'
        size, shape = self.mask.size, self.mask.shape
        drawn = f"explorer.take(np.unpackbits({unpacked}, count={size}).reshape{shape}.astype(bool))"
        return f"import base64, zlib\nimport numpy as np\n{lines.removesuffix('explorer')}{drawn}\nexplorer"

    layout = [
        [
            _picture,
            Column(
                "340px",
                structure,
                [begin, start],
                "The whole mask",
                [grow, shrink, left, right, up, down, undo],
                "With a brush",
                brush,
                row,
                column,
                radius,
                [shown, note],
            ),
        ],
        _table,
    ]


def _line(start, end):
    """All pixels on the way between two, both included: [(row, column), …]."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [tuple(round(a + (b - a) * i / steps) for a, b in zip(start, end)) for i in range(steps + 1)]


def checked_number(dataset, split, image):
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
