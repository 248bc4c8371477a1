"""Maps as pixels for a live explorer: colours, tiles with titles, outlines. numpy and Pillow only."""

from dataclasses import dataclass
from functools import cache, lru_cache

import matplotlib
import numpy as np
from PIL import Image, ImageDraw

from ..explanation.overlay import AGAINST, FOR
from . import drawing
from .drawing import GAP, INK, SCALE

SIDE = 168  # page pixels of a tile: 28 pixels six times
ABOVE, BELOW = 34, 40  # page pixels for title and caption
WIDTH = 3 * (SIDE + GAP) + GAP  # of a row of three
BORDER = 3  # pixels of a tile
PIXELATED = 100  # images up to this many pixels a side are shown with square pixels, larger ones smoothed


@cache
def ramp(name):
    """uint8 (256, 3): a colour map of matplotlib, from its lowest to its highest."""
    return (255 * matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Colours:
    """What speaks for the class, what against it, and what stands for nothing where a map is shown alone."""

    pro: tuple
    contra: tuple
    nothing: tuple = (255, 255, 255)


# Pairs that colour-blind readers can tell apart: Okabe & Ito's (2008), ColorBrewer's PuOr, and light ones of Okabe &
# Ito.
COLOURS = {
    "vermilion and blue": Colours(tuple(FOR), tuple(AGAINST)),
    "orange and purple": Colours((230, 97, 1), (94, 60, 153)),
    "light, on black": Colours((240, 228, 66), (86, 180, 233), (0, 0, 0)),
}


def alone(values, colours):
    """A map -1…1 (H, W) as uint8 (H, W, 3)."""
    return over(np.full((*values.shape, 3), colours.nothing, dtype=np.float32), values, colours, 1.0)


def over(pixels, values, colours, opacity):
    """A map -1…1 (H, W) over pixels (H, W, 3), as uint8: the stronger, the more opaque."""
    share = opacity * np.abs(values)[..., None]
    colour = np.where(values[..., None] >= 0, np.float32(colours.pro), np.float32(colours.contra))
    return (pixels * (1 - share) + colour * share + 0.5).astype(np.uint8)


def tile(pixels):
    """uint8 (H, W, 3) as a Pillow image that fits into a square of SIDE page pixels."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    size = round(width * SIDE * SCALE / longest), round(height * SIDE * SCALE / longest)
    how = Image.Resampling.NEAREST if longest <= PIXELATED else Image.Resampling.BILINEAR
    return Image.fromarray(np.ascontiguousarray(pixels)).resize(size, how)


def outlined(picture, mask):
    """A tile with the border of a bool mask (H, W), in black and white dashes that show on any ground."""
    rows, columns, colours = _border(mask.astype(np.uint8).tobytes(), mask.shape, picture.size)
    pixels = np.array(picture)
    pixels[rows, columns] = colours
    return Image.fromarray(pixels)


@lru_cache(16)  # the same for every tile of an image
def _border(mask, shape, size):
    """(rows, columns, colours) of the border's pixels, of a mask as bytes."""
    inside = Image.fromarray(np.frombuffer(mask, np.uint8).reshape(shape))
    wide = np.asarray(inside.resize(size, Image.Resampling.NEAREST)).astype(bool)
    room = np.pad(wide, BORDER)
    up, down = room[: -2 * BORDER, BORDER:-BORDER], room[2 * BORDER :, BORDER:-BORDER]
    left, right = room[BORDER:-BORDER, : -2 * BORDER], room[BORDER:-BORDER, 2 * BORDER :]
    rows, columns = np.nonzero(wide & ~(up & down & left & right))
    return rows, columns, np.where((rows + columns) // (3 * BORDER) % 2, 255, 0)[:, None]


def framed(picture, shape, square):
    """A tile with the frame of a covered square, given in pixels of the image.

    shape   (H, W) of the image
    square  (top, left, bottom, right), the last two not included
    """
    down, across = picture.height / shape[0], picture.width / shape[1]
    top, left, bottom, right = square
    corners = np.array([left * across, top * down, right * across - 1, bottom * down - 1])
    pen = ImageDraw.Draw(picture)
    pen.rectangle(tuple(corners), outline="black", width=6)
    if min(corners[2:] - corners[:2]) > 4:
        pen.rectangle(tuple(corners + (2, 2, -2, -2)), outline="white", width=2)
    return picture


def row(*sheets):
    """Panels beside each other, with a margin at the right too."""
    return drawing.beside(*sheets, drawing.blank(GAP, 1))


def panel(picture, title, caption):
    """A tile with its title above and a caption below: text, or a sheet such as `legend`."""
    is_text = isinstance(caption, str)
    sheet = _titled(title, caption if is_text else "").copy()
    if picture is not None:
        inset = (SIDE * SCALE - picture.width) // 2, (SIDE * SCALE - picture.height) // 2
        sheet.paste(picture, (GAP * SCALE + inset[0], ABOVE * SCALE + inset[1]))
    if not is_text:
        sheet.paste(caption, (GAP * SCALE, (ABOVE + SIDE + 4) * SCALE))
    return sheet


@lru_cache(16)  # half a megabyte each
def _titled(title, caption):
    """A `panel` without its picture: most moves of a control leave its words as they are."""
    sheet = drawing.blank(GAP + SIDE, ABOVE + SIDE + BELOW)
    pen = ImageDraw.Draw(sheet)
    _write(pen, GAP, ABOVE - 4, title, 11, True, rising=True)
    _write(pen, GAP, ABOVE + SIDE + 4, caption, 11, False)
    return sheet


def words(text, ground="#eeeeee"):
    """A tile without an image: a sentence."""
    sheet = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), ground)
    pen = ImageDraw.Draw(sheet)
    inset = 0 if ground == "white" else GAP
    for number, line in enumerate(_lines(text, SIDE - 2 * inset, 12, False, 9)):
        pen.text((inset * SCALE, (inset + 17 * number) * SCALE), line, INK, drawing.font(12))
    return sheet


@cache
def legend(name, sign):
    """The colours of a map and what they say, as a sheet as wide as a tile."""
    sheet, width = drawing.blank(SIDE, BELOW - 6), SIDE * SCALE
    low, high = {"positive": (0, 1), "negative": (-1, 0), "both": (-1, 1), "absolute": (0, 1)}[sign]
    ramp = alone(np.linspace(low, high, width, dtype=np.float32)[None].repeat(10 * SCALE, axis=0), COLOURS[name])
    sheet.paste(Image.fromarray(ramp), (0, 0))
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, width - 1, 10 * SCALE - 1), outline="#808080", width=1)
    left, right = {
        "positive": ("0", "for the class"),
        "negative": ("against the class", "0"),
        "both": ("against the class", "for it"),
        "absolute": ("0", "either way"),
    }[sign]
    face = drawing.font(11)
    pen.text((0, 12 * SCALE), left, INK, face)
    pen.text((width, 12 * SCALE), right, INK, face, anchor="ra")
    return sheet


def bars(rows, width):
    """Probabilities as a sheet: rows of (class, probability, remark)."""
    line, place = 18, 150
    sheet = drawing.blank(width, line * len(rows) + GAP)
    pen, long = ImageDraw.Draw(sheet), 160
    for number, (name, probability, remark) in enumerate(rows):
        y = line * number + 3
        pen.text((GAP * SCALE, y * SCALE), drawing.shortened(name, place - 2 * GAP, 11), INK, drawing.font(11))
        box = [place * SCALE, (y + 1) * SCALE, (place + long) * SCALE, (y + 12) * SCALE]
        pen.rectangle(box, outline="#808080", width=1)
        pen.rectangle([*box[:2], box[0] + probability * long * SCALE, box[3]], fill="#0072B2")
        text = f"{probability:.3f}  {remark}"
        text = drawing.shortened(text, width - place - long - GAP, 11)
        pen.text(((place + long + GAP) * SCALE, y * SCALE), text, INK, drawing.font(11))
    return sheet


def _write(pen, x, y, text, size, bold, rising=False):
    """Up to two lines from y down, or (`rising`) so that the last one ends at y."""
    lines = _lines(text, SIDE, size, bold, 2)
    y = y - 14 * len(lines) if rising else y
    for number, line in enumerate(lines):
        pen.text((x * SCALE, (y + 14 * number) * SCALE), line, INK, drawing.font(size, bold))


def _lines(text, width, size, bold, most):
    """The text broken between words into lines of that many page pixels; the last of `most` is cut."""
    face, lines = drawing.font(size, bold), []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (len(lines) == most or face.getlength(longer) <= width * SCALE):
            lines[-1] = longer
        else:
            lines.append(word)
    return [drawing.shortened(line, width, size, bold) for line in lines]
