"""The pictures of the segmentation explorer: regions, errors, maps, and three small charts. numpy and Pillow only.

Errors look different in three ways, so that nobody needs to tell the colours apart:
what was missed is striped, what is too much is plain, what was given to the wrong
class is dotted; and the three differ in brightness too.
"""

from functools import cache

import matplotlib
import numpy as np
from PIL import Image, ImageDraw

from ..figures import BLUE, GREY, OUTLINES, VERMILION
from ..widgets import drawing
from ..widgets.drawing import FAINT, GAP, INK, SCALE
from ..widgets.panels import PIXELATED

COLUMNS = 5
TILE, TALLEST = 164, 232  # page pixels: no tile is wider or higher
TITLE, LINE, LINES = 17, 14, 3  # page pixels: title, line of the caption; lines of the caption
BORDER = 4  # pixels of an outline

MISSED, EXTRA, SWAPPED = "missed", "too much", "wrong class"
ERRORS = {MISSED: VERMILION, EXTRA: "#F0E442", SWAPPED: "#CC79A7"}
PROBABILITY, UNCERTAINTY = "cividis", "magma"  # both go from dark to bright: readable without colour

CHART, STRIP, HEIGHT = 300, 104, 165  # page pixels: width of the charts, height of the strip of slices, of the charts


def rgb(colour):
    """ "#D55E00" as three numbers."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


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
    """A mask or map (H, W) at that size, nearest neighbour."""
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
        inside, colour = wide == number, np.array(rgb(class_colour(number)))
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
        _paint(picture, enlarged(where, size), error)
    picture[edge(enlarged(truth > 0, size), 2)] = 255
    return picture


def _paint(picture, where, error):
    """Fill a region with the colour and the pattern of an error."""
    picture[where] = rgb(ERRORS[error])
    rows, columns = np.indices(where.shape, sparse=True)
    if error == MISSED:
        picture[where & ((rows + columns) % 10 < 3)] = 255
    elif error == SWAPPED:
        picture[where & (rows % 8 < 3) & (columns % 8 < 3)] = 0


@cache
def _ramp(name):
    return (255 * matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]).astype(np.uint8)


def heat(values, size, name):
    """A map 0…1 (H, W) in colours, as a tile."""
    return _ramp(name)[enlarged((255 * np.clip(values, 0, 1)).astype(np.uint8), size)]


def ring(picture, inside, colour=255):
    """A tile with the thin outline of a bool mask (H, W)."""
    picture = picture.copy()
    picture[edge(enlarged(inside, picture.shape[1::-1]), 2)] = colour
    return picture


# Panels ---------------------------------------------------------------------------------------


def panel(picture, title, caption, size):
    """A tile with a title and below it the lines of a caption.

    picture  uint8 (height, width, 3), or None for an empty place
    caption  texts, or pairs (swatch, text), the swatch a key of `swatch`; up to six, more than three in two columns
    size     (width, height) of the tiles
    """
    width, height = size[0] / SCALE, size[1] / SCALE
    sheet = drawing.blank(width + GAP, TITLE + height + LINE * LINES + GAP)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP * SCALE, 2 * SCALE), drawing.shortened(title, width, 11, bold=True), INK, drawing.font(11, True))
    if picture is not None:
        sheet.paste(Image.fromarray(picture), (GAP * SCALE, TITLE * SCALE))
    columns = 1 if len(caption) <= LINES else 2
    for number, line in enumerate(caption[: 2 * LINES]):
        mark, text = line if isinstance(line, tuple) else (None, line)
        column, row = divmod(number, LINES)
        x, y = GAP + column * width / 2, TITLE + height + 3 + LINE * row
        end = GAP + (column + 1) * width / columns
        if mark is not None:
            sheet.paste(swatch(mark), (round(x * SCALE), round((y + 1) * SCALE)))
            x += 16
        pen.text((x * SCALE, y * SCALE), drawing.shortened(text, end - x, 10), INK, drawing.font(10))
    return sheet


@cache
def swatch(mark):
    """A small square: an error with its pattern, the colour of a class by its number, or a ramp by its name."""
    side = 11 * SCALE
    pixels = np.zeros((side, side, 3), np.uint8)
    if mark in ERRORS:
        _paint(pixels, np.ones((side, side), bool), mark)
    elif isinstance(mark, str):
        pixels[:] = _ramp(mark)[np.linspace(0, 255, side).astype(int)]
    else:
        pixels[:] = rgb(class_colour(mark))
    return Image.fromarray(pixels)


def words(lines, columns, size):
    """Text in place of some panels; the first line is bold."""
    width = columns * (size[0] / SCALE + GAP)
    sheet = drawing.blank(width, TITLE + size[1] / SCALE + LINE * LINES + GAP)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        size_of, bold = (13, True) if number == 0 else (11, False)
        place = (GAP * SCALE, (TITLE + 18 * number) * SCALE)
        pen.text(place, drawing.shortened(line, width - 2 * GAP, size_of, bold=bold), INK, drawing.font(size_of, bold))
    return sheet


def grid(rows):
    """Rows of panels below each other."""
    return drawing.below(*(drawing.beside(*row) for row in rows))


# Charts ---------------------------------------------------------------------------------------


def strip(foreground, wrong_pixels, width):
    """How much foreground each slice has, upward, and what is wrong there, downward; `at` marks a slice.

    foreground    pixels of each slice (D,)
    wrong_pixels  {error: pixels of each slice (D,)}
    """
    first, step = strip_axis(len(foreground), width)
    middle, up, down = 58 * SCALE, 34 * SCALE, 28 * SCALE
    most, total = max(foreground.max(), 1), np.sum(list(wrong_pixels.values()), axis=0)
    worst = max(total.max(), 1)
    pixels = np.array(drawing.blank(width, STRIP))
    kinds = np.zeros(pixels.shape[:2], np.uint8)  # which error has a pixel of the sheet
    for number in range(len(foreground)):
        left = round((first + number * step) * SCALE) + 1
        right = max(round((first + (number + 1) * step) * SCALE) - 1, left + 1)
        pixels[middle - round(up * foreground[number] / most) : middle, left:right] = rgb(GREY)
        below = middle + 2
        for kind, counts in enumerate(wrong_pixels.values(), 1):
            bottom = below + round(down * counts[number] / worst)
            kinds[below:bottom, left:right] = kind
            below = bottom
    for kind, error in enumerate(wrong_pixels, 1):
        _paint(pixels, kinds == kind, error)
    sheet = Image.fromarray(pixels)
    pen, face = ImageDraw.Draw(sheet), drawing.font(10)
    end = (first + len(foreground) * step) * SCALE
    pen.line((first * SCALE, middle, end, middle), fill=INK, width=2)
    for text, y in (
        ("foreground", 38),
        (f"up to {most:.0f} px", 49),
        ("wrong", 66),
        (f"up to {total.max():.0f} px", 77),
    ):
        pen.text(((first - 6) * SCALE, y * SCALE), text, INK if y in (38, 66) else FAINT, face, anchor="rm")
    for number in sorted({1, *range(10, len(foreground), 10), len(foreground)}):
        if number in (1, len(foreground)) or min(number - 1, len(foreground) - number) * step > 16:
            pen.text(((first + (number - 0.5) * step) * SCALE, 95 * SCALE), str(number), FAINT, face, anchor="mm")
    return sheet


def strip_axis(slices, width):
    """Page pixels: where the first slice of `strip` begins, and how wide one is."""
    first = 92
    return first, (width - first - 2 * GAP) / slices


def at(sheet, number, slices):
    """The `strip` with slice `number`, from 0, marked."""
    sheet = sheet.copy()
    pen = ImageDraw.Draw(sheet)
    first, step = strip_axis(slices, sheet.width / SCALE)
    x = (first + (number + 0.5) * step) * SCALE
    pen.line((x, 18 * SCALE, x, 88 * SCALE), fill=BLUE, width=4)
    pen.polygon((x - 12, 8 * SCALE, x + 12, 8 * SCALE, x, 20 * SCALE), fill=BLUE)
    side = "ra" if x > sheet.width - 60 * SCALE else "la"
    pen.text(
        (x + (-16 if side == "ra" else 16), 4 * SCALE), f"slice {number + 1}", BLUE, drawing.font(11, True), anchor=side
    )
    return sheet


def curve(values, chosen, dice, title):
    """Dice against the threshold, (99,) for 0.01 … 0.99.

    chosen, dice  the threshold that is chosen and its Dice, a dot; None and the Dice of the
                  likeliest class, a line
    """
    sheet = drawing.blank(CHART, HEIGHT)
    pen, face = ImageDraw.Draw(sheet), drawing.font(10)
    low = _floor(min(values.min(), dice))
    left, top, right, bottom = _axes(pen, title, "threshold", (0, 0.5, 1), (low, 1.0))

    def place(threshold, value):
        return left + threshold * (right - left), bottom - (value - low) / (1 - low) * (bottom - top)

    pen.line(
        [place((number + 1) / 100, value) for number, value in enumerate(values)], fill=BLUE, width=4, joint="curve"
    )
    if chosen is None:
        y = place(0, dice)[1]
        for x in range(round(left), round(right), 14):
            pen.line((x, y, x + 7, y), fill=VERMILION, width=3)
        up = y > top + 16 * SCALE
        middle, words = ((left + right) / 2, y + (-4 if up else 4) * SCALE), f"likeliest class {dice:.3f}"
        pen.text(middle, words, INK, face, anchor="mb" if up else "mt", stroke_width=3, stroke_fill="white")
    else:
        x, y = place(chosen, dice)
        pen.line((x, y, x, bottom), fill=GREY, width=2)
        pen.ellipse((x - 10, y - 10, x + 10, y + 10), fill=VERMILION, outline=INK, width=2)
        side = "l" if chosen < 0.5 else "r"
        up = y > top + 24 * SCALE
        spot, words, side = (
            (x, y + (-9 if up else 9) * SCALE),
            f"{dice:.3f} at {chosen:.2f}",
            side + ("b" if up else "t"),
        )
        pen.text(spot, words, INK, face, anchor=side, stroke_width=3, stroke_fill="white")
    return sheet


def _floor(value):
    """The tenth below a Dice, where an axis begins."""
    return max(0.0, np.floor(10 * (value - 0.02)) / 10)


def ranks(dices, number, name, atlas):
    """Dice of every patient as a dot, one row for each run, that of patient `number` marked; the atlas as a bar.

    dices  {run: (P,)}
    atlas  its Dice of this patient, or None
    """
    sheet = drawing.blank(CHART, HEIGHT)
    pen = ImageDraw.Draw(sheet)
    every = np.concatenate([*dices.values(), [1.0 if atlas is None else atlas]])
    low = _floor(every.min())
    left, top, right, bottom = _axes(pen, f"Dice of all as tested, {name} marked", "", (low, (1 + low) / 2, 1.0), ())

    def across(value):
        return left + (value - low) / (1 - low) * (right - left)

    rows = len(dices) + (atlas is not None)
    step = (bottom - top) / rows
    for row, (run, values) in enumerate(dices.items()):
        y = top + (row + 0.55) * step
        pen.text((left + 2, y - 9 * SCALE), drawing.shortened(run, 120, 10), INK, drawing.font(10), anchor="lb")
        for value in values:
            x = across(value)
            pen.ellipse((x - 6, y - 6, x + 6, y + 6), outline=GREY, width=2)
        x = across(values[number])
        pen.ellipse((x - 10, y - 10, x + 10, y + 10), fill=VERMILION, outline=INK, width=2)
        pen.text((right, y - 9 * SCALE), f"{values[number]:.3f}", INK, drawing.font(10), anchor="rb")
    if atlas is not None:
        y, x = top + (rows - 0.45) * step, across(atlas)
        pen.text((left + 2, y - 9 * SCALE), "atlas, no network", INK, drawing.font(10), anchor="lb")
        pen.rectangle((x - 4, y - 12, x + 4, y + 12), fill=INK)
        pen.text((right, y - 9 * SCALE), f"{atlas:.3f}", INK, drawing.font(10), anchor="rb")
    return sheet


def _axes(pen, title, label, across, up):
    """Draw two axes with their ticks at equal distances; the pixels (left, top, right, bottom) of their square."""
    left, top, right, bottom = (32 if up else 10) * SCALE, 28 * SCALE, (CHART - 16) * SCALE, (HEIGHT - 34) * SCALE
    pen.text(
        (GAP * SCALE, 4 * SCALE), drawing.shortened(title, CHART - 2 * GAP, 11, bold=True), INK, drawing.font(11, True)
    )
    pen.line((left, top, left, bottom, right, bottom), fill=GREY, width=2)
    face = drawing.font(9)
    for x, value in zip(np.linspace(left, right, len(across)), across):
        pen.text((x, bottom + 3 * SCALE), f"{value:.3g}", FAINT, face, anchor="ma")
    for y, value in zip(np.linspace(bottom, top, len(up)), up):
        pen.text((left - 4 * SCALE, y), f"{value:.3g}", FAINT, face, anchor="rm")
    pen.text(((left + right) / 2, bottom + 15 * SCALE), label, INK, drawing.font(10), anchor="ma")
    return left, top, right, bottom
