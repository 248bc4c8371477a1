"""The tiles of the segmentation explorer: regions, errors and maps. numpy and Pillow only.

Errors look different in three ways, so that nobody needs to tell the colours apart:
what was missed is striped, what is too much is plain, what was given to the wrong
class is dotted; and the three differ in brightness too.
"""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from ..figures import OUTLINES, VERMILION
from ..widgets import drawing
from ..widgets.drawing import GAP, INK, SCALE
from ..widgets.panels import PIXELATED, ramp
from .segmentation_parts import ALL, entropy, in_words

COLUMNS = 5
TILE, TALLEST = 164, 232  # page pixels: no tile is wider or higher
TITLE, LINE, LINES = 18, 15, 3  # page pixels: title, line of the caption; lines of the caption
BORDER = 4  # pixels of an outline

MISSED, EXTRA, SWAPPED = "missed", "too much", "wrong class"
ERRORS = {MISSED: VERMILION, EXTRA: "#F0E442", SWAPPED: "#CC79A7"}
PROBABILITY, UNCERTAINTY = "cividis", "magma"  # both go from dark to bright: readable without colour


def class_colour(number):
    """The colour of a foreground class, as `figures.outlines` has it."""
    return OUTLINES[(number - 1) % len(OUTLINES)]


# Tiles ----------------------------------------------------------------------------------------


def tile_size(shape):
    """Pixels (width, height) of the tile of an image (H, W): a whole number of times as large, or shrunk."""
    height, width = shape
    times = min(TILE * SCALE / width, TALLEST * SCALE / height)
    times = int(times) if times >= 1 else times
    return max(1, round(width * times)), max(1, round(height * times))


def tile(pixels, size):
    """uint8 (H, W, 3) as an array of that size."""
    how = Image.Resampling.NEAREST if max(pixels.shape[:2]) <= PIXELATED else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(pixels).resize(size, how))


def enlarged(values, size):
    """A mask or map (H, W), or colours (H, W, 3), at that size, nearest neighbour."""
    rows = (np.arange(size[1]) * values.shape[0]) // size[1]
    columns = (np.arange(size[0]) * values.shape[1]) // size[0]
    return values[rows][:, columns]


def edge(inside, width=BORDER):
    """The rim of a bool array, `width` pixels wide, within it."""
    room = np.pad(inside, width)
    up, down = room[: -2 * width, width:-width], room[2 * width :, width:-width]
    left, right = room[width:-width, : -2 * width], room[width:-width, 2 * width :]
    return inside & ~(up & down & left & right)


def regions(picture, mask, filled):
    """A tile with the classes of a mask (H, W): outlines, or filled."""
    picture, wide = picture.copy(), enlarged(mask, picture.shape[1::-1])
    for number in np.unique(mask[mask > 0]):
        inside, colour = wide == number, np.array(ImageColor.getrgb(class_colour(number)))
        if filled:
            picture[inside] = (0.5 * picture[inside] + 0.5 * colour).astype(np.uint8)
        picture[edge(inside)] = colour
    return picture


def errors(mask, truth):
    """{error: bool (…)}: where a mask differs from the truth."""
    return {
        MISSED: (truth > 0) & (mask == 0),
        EXTRA: (truth == 0) & (mask > 0),
        SWAPPED: (truth > 0) & (mask > 0) & (truth != mask),
    }


def wrong(picture, mask, truth):
    """A tile, darkened, with what a mask (H, W) has wrong, and the outline of the truth."""
    size = picture.shape[1::-1]
    picture = picture // 2
    for error, where in errors(mask, truth).items():
        paint(picture, enlarged(where, size), error)
    picture[edge(enlarged(truth > 0, size), 2)] = 255
    return picture


def paint(picture, where, error):
    """Fill a region with the colour and the pattern of an error."""
    if not where.any():
        return
    picture[where] = ImageColor.getrgb(ERRORS[error])
    if error == MISSED:
        picture[where & _pattern(error, where.shape)] = 255
    elif error == SWAPPED:
        picture[where & _pattern(error, where.shape)] = 0


@lru_cache(16)
def _pattern(error, shape):
    """Stripes, or dots: bool of a shape."""
    rows, columns = np.indices(shape, sparse=True)
    return (rows + columns) % 10 < 3 if error == MISSED else (rows % 8 < 3) & (columns % 8 < 3)


def heat(values, size, name):
    """A map 0…1 (H, W) in colours, as a tile."""
    return enlarged(ramp(name)[(255 * np.clip(values, 0, 1)).astype(np.uint8)], size)


def ring(picture, inside, colour=255):
    """A tile with the thin outline of a bool mask (H, W)."""
    picture = picture.copy()
    picture[edge(enlarged(inside, picture.shape[1::-1]), 2)] = colour
    return picture


# Panels ---------------------------------------------------------------------------------------


def letters(size):
    """Page pixels of the letters beside tiles: a row of more than 800 is shown smaller on a page of 800."""
    return 11 if COLUMNS * (size[0] / SCALE + GAP) <= 800 else 12


def panel(picture, title, caption, size):
    """A tile with a title and below it the lines of a caption.

    picture  uint8 (height, width, 3), or None for an empty place
    caption  texts, or pairs (swatch, text), the swatch a key of `swatch`; up to six, more than three in two columns
    size     (width, height) of the tiles
    """
    width, height, text = size[0] / SCALE, size[1] / SCALE, letters(size)
    sheet = drawing.blank(width + GAP, TITLE + height + LINE * LINES + GAP)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP * SCALE, 2 * SCALE), drawing.shortened(title, width, text, bold=True), INK, drawing.font(text, True))
    if picture is not None:
        sheet.paste(Image.fromarray(picture), (GAP * SCALE, TITLE * SCALE))
    columns = 1 if len(caption) <= LINES else 2
    for number, line in enumerate(caption[: 2 * LINES]):
        mark, words = line if isinstance(line, tuple) else (None, line)
        column, row = divmod(number, LINES)
        x, y = GAP + column * width / 2, TITLE + height + 3 + LINE * row
        end = GAP + (column + 1) * width / columns
        if mark is not None:
            sheet.paste(swatch(mark), (round(x * SCALE), round((y + 1) * SCALE)))
            x += 16
        pen.text((x * SCALE, y * SCALE), drawing.shortened(words, end - x, text), INK, drawing.font(text))
    return sheet


@cache
def swatch(mark):
    """A small square: an error with its pattern, the colour of a class by its number, or a ramp by its name."""
    side = 11 * SCALE
    pixels = np.zeros((side, side, 3), np.uint8)
    if mark in ERRORS:
        paint(pixels, np.ones((side, side), bool), mark)
    elif isinstance(mark, str):
        pixels[:] = ramp(mark)[np.linspace(0, 255, side).astype(int)]
    else:
        pixels[:] = ImageColor.getrgb(class_colour(mark))
    return Image.fromarray(pixels)


def words(lines, columns, size):
    """Text in place of some panels; the first line is bold."""
    width = columns * (size[0] / SCALE + GAP)
    sheet = drawing.blank(width, TITLE + size[1] / SCALE + LINE * LINES + GAP)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        size_of, bold = (13, True) if number == 0 else (12, False)
        place = (GAP * SCALE, (TITLE + 18 * number) * SCALE)
        pen.text(place, drawing.shortened(line, width - 2 * GAP, size_of, bold=bold), INK, drawing.font(size_of, bold))
    return sheet


@dataclass(frozen=True, eq=False)
class Slice:
    """A slice, and how it is drawn.

    pixels     uint8 (H, W, 3)
    truth      uint8 (H, W) of what is looked at
    masks      {run: uint8 (H, W)}, the present run first
    probabilities, dices   {run: (classes, H, W)}, {run: mean Dice of the whole patient}
    looked     a class, or ALL
    deep       whether there are other slices
    filled     whether masks are filled, else outlined
    uncertain  whether the entropy is shown, else the probability
    gates      attention gates (h, w) of the present run
    """

    pixels: np.ndarray
    truth: np.ndarray
    masks: dict
    probabilities: dict
    dices: dict
    classes: tuple
    looked: int
    deep: bool
    filled: bool
    uncertain: bool
    gates: list

    @cached_property
    def size(self):
        return tile_size(self.truth.shape)

    @cached_property
    def picture(self):
        return tile(self.pixels, self.size)

    @property
    def of(self):
        return in_words(self.looked, self.classes)

    def sheet(self, place):
        """A row for each run, the first of them with image and truth, and one for the gates."""
        first = [panel(self.picture, "Image", [place], self.size), self._mask("Truth", self.truth)]
        rows = [
            [*(first if not row else [self._beside(name)]), *self._answer(name)] for row, name in enumerate(self.masks)
        ]
        if self.gates:
            about = ["Attention gates", "bright: the skip passes", "dark: it is held back"]
            rows.append([words(about, 2, self.size), *map(self._gate, self.gates[: COLUMNS - 2])])
        return drawing.below(*(drawing.beside(*row) for row in rows))

    def alt(self, settings):
        """The sheet in words, for who cannot see it."""
        lines, shown = [], "uncertainty" if self.uncertain else f"probability of {self.of}"
        for name, mask in self.masks.items():
            found = ", ".join(f"{int(where.sum())} {error}" for error, where in errors(mask, self.truth).items())
            lines.append(f"{name}: {int((mask > 0).sum())} pixels, {found}; Dice {self.dices[name]:.3f} in all.")
        if self.gates:
            means = (f"{' x '.join(map(str, gate.shape))}, mean {gate.mean():.2f}" for gate in self.gates)
            lines.append(f"Gates: {', '.join(means)}.")
        return (
            f"image, truth, prediction of {next(iter(self.masks))}, where it is wrong, {shown}. {settings}"
            f" The truth has {int((self.truth > 0).sum())} pixels of {self.of} here. {' '.join(lines)}"
        )

    def _beside(self, name):
        """Another run's numbers beside those of the present one."""
        lines = [f"The same with {name}"]
        for each in (name, next(iter(self.masks))):
            count = int((self.masks[each] != self.truth).sum())
            lines.append(f"{each}: Dice {self.dices[each]:.3f}" + f", {count} px wrong in this slice" * self.deep)
        return words(lines, 2, self.size)

    def _mask(self, title, mask):
        found = [(int(number), self.classes[number]) for number in np.unique(mask[mask > 0])]
        return panel(regions(self.picture, mask, self.filled), title, found or [f"no {self.of} here"], self.size)

    def _answer(self, name):
        """What a run says of it: its mask, what is wrong with it, and its probabilities."""
        mask, probabilities, title = (
            self.masks[name],
            self.probabilities[name],
            name if len(self.masks) > 1 else "Prediction",
        )
        counts = {error: int(where.sum()) for error, where in errors(mask, self.truth).items()}
        caption = [(error, f"{count} px {error}") for error, count in counts.items() if count or error != SWAPPED]
        if self.uncertain:
            what, values, colours = "Uncertainty", entropy(probabilities), UNCERTAINTY
            about = [(colours, "dark: sure; bright: all"), "classes alike (entropy)", "white: the truth's outline"]
        else:
            inside = 1 - probabilities[0] if self.looked == ALL else probabilities[self.looked]
            what, values, colours = "Probability", inside, PROBABILITY
            about = [(colours, "dark 0, bright 1"), f"of {self.of}", "white: the truth's outline"]
        return [
            self._mask(title, mask),
            panel(wrong(self.picture, mask, self.truth), "Where it is wrong", caption, self.size),
            panel(ring(heat(values, self.size, colours), self.truth > 0), what, about, self.size),
        ]

    def _gate(self, gate):
        mixed = (0.3 * self.picture + 0.7 * heat(gate, self.size, PROBABILITY)).astype(np.uint8)
        title = f"Gate, {' x '.join(map(str, gate.shape))}"
        caption = [f"{gate.min():.2f} … {gate.max():.2f}, mean {gate.mean():.2f}"]
        return panel(ring(mixed, self.truth > 0), title, caption, self.size)
