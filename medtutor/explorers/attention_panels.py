"""What the attention explorer draws: maps as tiles, the colour scale, and how far each head looks."""

from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageDraw

from ..figures import BLUE
from ..widgets import drawing
from ..widgets.drawing import FAINT, GAP, INK, SCALE
from ..widgets.panels import COLOURS, SIDE, alone, framed, outlined, over, panel, row, tile, words

ACROSS = 4  # tiles in a row; a page of 800 pixels has room for them
SHEET = ACROSS * (SIDE + GAP) + GAP  # page pixels
OPACITY = 0.7  # of the strongest pixels of a map over its image
LARGE = 1.5  # the image against a tile
CHART = 480, 210  # page pixels
BAND = "#F7F3C0"  # behind the present block: a light tone of the yellow that marks the present place elsewhere
SHADES = COLOURS["vermilion and blue"]


def large(pixels):
    """uint8 (H, W, 3) as a tile of one and a half times the usual size."""
    small = tile(pixels)
    return small.resize((round(small.width * LARGE), round(small.height * LARGE)), Image.Resampling.NEAREST)


def coloured(values, pixels=None):
    """A map (H, W) in shares of the full colour, 0…1, as a tile: over uint8 pixels (H, W, 3), or alone on white."""
    values = np.clip(values, 0, 1)
    return tile(alone(values, SHADES) if pixels is None else over(pixels.astype(np.float32), values, SHADES, OPACITY))


def dashes(mask):
    """The outline of a bool mask (H, W), drawn once for all tiles: (picture, where it is drawn)."""
    lines = outlined(tile(np.full((*mask.shape, 3), 128, np.uint8)), mask)
    return lines, Image.fromarray(np.asarray(lines)[..., 0] != 128)


def put_dashes(picture, drawn):
    """Put the outline of `dashes` onto a tile of any size."""
    lines, where = (
        each if each.size == picture.size else each.resize(picture.size, Image.Resampling.NEAREST) for each in drawn
    )
    picture.paste(lines, mask=where)


def square(place, grid, covers, shape):
    """(top, left, bottom, right) in pixels of an image (H, W): where a place (row, column) of a grid lies.

    covers  pixels under the grid; they may be more than the image has
    """
    down, across = (side / count for side, count in zip(covers, grid))
    corners = place[0] * down, place[1] * across, (place[0] + 1) * down, (place[1] + 1) * across
    return tuple(min(corner, side) for corner, side in zip(corners, (*shape, *shape)))


def rows(panels):
    """Panels in rows of `ACROSS`, each a sheet."""
    return [row(*panels[start : start + ACROSS]) for start in range(0, len(panels), ACROSS)]


@lru_cache(32)
def legend(end, *lines):
    """The colour scale from 0 to `end`, with lines of text beside it, as a sheet."""
    scale = drawing.blank(2 * GAP + SIDE, 44)
    scale.paste(_ramp(), (GAP * SCALE, 4 * SCALE))
    pen, y = ImageDraw.Draw(scale), 18 * SCALE
    pen.text((GAP * SCALE, y), "0", INK, drawing.font(11))
    pen.text(((GAP + SIDE) * SCALE - 1, y), end, INK, drawing.font(11), anchor="ra")
    return drawing.beside(scale, drawing.written(lines, SHEET - 2 * GAP - SIDE))


@cache
def _ramp():
    width, height = SIDE * SCALE, 12 * SCALE
    ramp = Image.fromarray(alone(np.linspace(0, 1, width, dtype=np.float32)[None].repeat(height, axis=0), SHADES))
    ImageDraw.Draw(ramp).rectangle((0, 0, width - 1, height - 1), outline="#808080")
    return ramp


def distances(found, even, block):
    """How far each head looks, as a chart.

    found  (blocks, heads): mean attention distance in pixels
    even   the same for an even look: a dashed line
    block  the present one, from 0: on a band, its heads with their numbers
    """
    width, height = CHART
    sheet = drawing.blank(width, height)
    pen, face = ImageDraw.Draw(sheet), drawing.font(11)
    left, right, top, bottom = (place * SCALE for place in (40, width - 78, 34, height - 36))
    end = max(1.4 * even, 1.05 * float(found.max()))
    step, wide = _step(end), (right - left) / len(found)

    def y(value):
        return bottom - value / end * (bottom - top)

    pen.text(
        (GAP * SCALE, 6 * SCALE), "Mean attention distance in pixels; each dot a head", INK, drawing.font(12, True)
    )
    pen.rectangle((left + block * wide, top, left + (block + 1) * wide, bottom), fill=BAND)
    for tick in np.arange(0, end, step):
        pen.line((left, y(tick), right, y(tick)), fill="#d8d8d8", width=1)
        pen.text((left - 5 * SCALE, y(tick)), f"{tick:g}", INK, face, anchor="rm")
    pen.line((left, top, left, bottom, right, bottom), fill=INK, width=2)
    for start in np.arange(left, right, 10 * SCALE):
        pen.line((start, y(even), min(start + 6 * SCALE, right), y(even)), fill=INK, width=3)
    pen.text((right + 5 * SCALE, y(even)), f"an even\nlook: {even:.1f}", INK, face, anchor="lm")
    for number, heads in enumerate(found):
        x = left + (number + 0.5) * wide
        pen.text((x, bottom + 4 * SCALE), str(number + 1), INK, drawing.font(11, number == block), anchor="ma")
        if number == block:  # the dashed line ends before the numbers
            pen.rectangle((x + 5 * SCALE, y(even) - 4, left + (block + 1) * wide, y(even) + 4), fill=BAND)
        for at in heads:
            box = (x - 9, y(at) - 9, x + 9, y(at) + 9)
            pen.ellipse(box, fill=BLUE, outline="white", width=2)
        if number == block:
            _numbered(pen, x + 7 * SCALE, [y(at) for at in heads], face)
    pen.text(((left + right) / 2, bottom + 19 * SCALE), "block", FAINT, face, anchor="ma")
    return sheet


def _numbered(pen, x, heights, face):
    """Head numbers beside their dots, moved up and down where they would lie over each other."""
    order, line = np.argsort(heights), 12 * SCALE
    places = np.array(heights, dtype=float)[order]
    for _ in range(50):
        for i in range(len(places) - 1):
            short = line - (places[i + 1] - places[i])
            if short > 0:
                places[i : i + 2] += (-short / 2, short / 2)
    for head, place in zip(order, places):
        pen.text((x, place), str(head + 1), INK, face, anchor="lm", stroke_width=3, stroke_fill=BAND)


def _step(end):
    """A round distance between ticks, for about four of them."""
    rough = end / 4
    power = 10 ** np.floor(np.log10(rough))
    return float(next(times for times in (1, 2, 5, 10) if times * power >= rough) * power)


__all__ = [
    "SHEET",
    "coloured",
    "dashes",
    "distances",
    "framed",
    "large",
    "legend",
    "panel",
    "put_dashes",
    "rows",
    "square",
    "words",
]
