"""Pictures drawn quickly enough for a slider: tiles and text on a white sheet, in Pillow.

matplotlib takes a fifth of a second for a page of images; a live explorer has
half of that for everything. So matplotlib draws what stays (`background`,
once), and Pillow what moves. All sheets are drawn with `SCALE` pixels to one
pixel of the page, so that they are sharp on fine screens, and on white, so
that they read the same on a dark page.

Lengths called "page pixels" are as CSS counts them, before `SCALE`.
"""

import io
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image, ImageDraw, ImageFont

from ..figures import PHANTOM, VERMILION, Picture, as_written
from .png import png

SCALE = 2
INK, FAINT = "#202020", "#5f5f5f"
GAP = 6  # page pixels between tiles
SMALL = 110_000  # bytes of a picture that a notebook keeps beside a widget: 150 kB once they are text
FINE = 2_000_000  # pixels of such a picture; a larger one would take long, and many bytes


@cache
def font(size, bold=False):
    """The sans serif that ships with matplotlib, `size` page pixels high."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return _Face(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size * SCALE)


class _Face(ImageFont.FreeTypeFont):
    """A font that keeps what it has drawn: when a control moves, most words of a picture stay."""

    @lru_cache(1024)  # noqa: B019  # the fonts live as long as the program
    def getmask2(self, text, *how, **named):
        return super().getmask2(text, *how, **named)

    @lru_cache(4096)  # noqa: B019
    def getlength(self, text, *how, **named):
        return super().getlength(text, *how, **named)


def background(figure):
    """A matplotlib figure as an RGB image; its dpi must be 100 * SCALE."""
    canvas = FigureCanvasAgg(as_written(figure))
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def blank(width, height):
    """A white RGB sheet of page pixels."""
    return Image.new("RGB", (round(width * SCALE), round(height * SCALE)), "white")


def flat(images, depth=None):
    """uint8 images (N, C, H, W) or volumes (N, C, D, H, W) as an array (N, H, W, 3).

    depth  the slice of a volume, from 0; the middle one when left out
    """
    if images.dim() == 5:
        images = images[:, :, images.shape[2] // 2 if depth is None else depth]
    pixels = images.permute(0, 2, 3, 1).numpy()
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def tiles(pixels, captions, *, title, columns, rows, side, colour=INK, empty="no image"):
    """A sheet of small images in rows, each with its caption below.

    pixels    uint8 (N, H, W, 3), at most rows * columns of them
    captions  N short texts, cut where they are wider than a tile
    title     stands above; `empty` in the middle where there is no image
    side      page pixels of a tile; images are enlarged by whole numbers, so
              that a pixel stays a square, and only larger ones are shrunk
    colour    of the frames, or one for each
    """
    step, line, top = side + GAP, 15, 24
    width, height = columns * step + GAP, top + rows * (step + line)
    sheet = blank(width, height)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP * SCALE, 4 * SCALE), shortened(title, width - 2 * GAP, 12, bold=True), INK, font(12, True))
    if not len(pixels):
        pen.text((width * SCALE // 2, height * SCALE // 2), empty, FAINT, font(13), anchor="mm")
    colours = [colour] * len(pixels) if isinstance(colour, str) else colour
    for number, (image, caption, colour) in enumerate(zip(pixels, captions, colours)):
        row, column = divmod(number, columns)
        left, upper = (GAP + column * step) * SCALE, (top + row * (step + line)) * SCALE
        tile = _fitted(image, side * SCALE)
        inset = (side * SCALE - tile.width) // 2, (side * SCALE - tile.height) // 2
        x, y = left + inset[0], upper + inset[1]
        sheet.paste(tile, (x, y))
        pen.rectangle((x - 4, y - 4, x + tile.width + 3, y + tile.height + 3), outline=colour, width=4)
        below = (left + side * SCALE // 2, upper + (side + 3) * SCALE)
        pen.text(below, shortened(caption, side + 2, 11), INK, font(11), anchor="ma")
    return sheet


def _fitted(image, side):
    """One uint8 image (H, W, 3), enlarged by a whole number or shrunk to fit into a square."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= side:
        times = side // longest
        return Image.fromarray(image.repeat(times, axis=0).repeat(times, axis=1))
    size = max(1, width * side // longest), max(1, height * side // longest)
    return Image.fromarray(image).resize(size, Image.Resampling.BOX)


def shortened(text, width, size, bold=False):
    """The text, cut with an ellipsis where it is wider than `width` page pixels."""
    face = font(size, bold)
    if face.getlength(text) <= width * SCALE:
        return text
    while text and face.getlength(text + "…") > width * SCALE:
        text = text[:-1]
    return text.rstrip(" ,") + "…"


def written(lines, width):
    """Lines of text on a sheet `width` page pixels wide; long ones are broken between words."""
    face, broken = font(12), []
    for line in lines:
        row = ""
        for word in line.split():
            if row and face.getlength(f"{row} {word}") > (width - 2 * GAP) * SCALE:
                broken.append(row)
                row = ""
            row = f"{row} {word}".strip()
        broken.append(row)
    sheet = blank(width, 17 * len(broken) + GAP)
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(broken):
        pen.text((GAP * SCALE, (3 + 17 * number) * SCALE), row, INK, face)
    return sheet


def beside(*sheets):
    """Sheets in a row, from the left."""
    whole = Image.new("RGB", (sum(sheet.width for sheet in sheets), max(sheet.height for sheet in sheets)), None)
    left = 0
    for sheet in sheets:
        whole.paste(sheet, (left, 0))
        if sheet.height < whole.height:  # to begin with, nothing is white: to fill it all takes as long as to draw
            whole.paste("white", (left, sheet.height, left + sheet.width, whole.height))
        left += sheet.width
    return whole


def below(*sheets):
    """Sheets in a column, from the top."""
    whole = Image.new("RGB", (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)), None)
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        if sheet.width < whole.width:
            whole.paste("white", (sheet.width, top, whole.width, top + sheet.height))
        top += sheet.height
    return whole


@lru_cache(16)
def _phantom_mark(width):
    """The line below a picture of phantoms, so many pixels wide."""
    line = blank(width / SCALE, 18)
    corner = (line.width - GAP * SCALE, line.height - 4 * SCALE)
    ImageDraw.Draw(line).text(corner, PHANTOM, VERMILION, font(11, True), anchor="rs")
    return line


def finished(sheet, alt, *, phantom=False, small=False):
    """A `Picture` of a sheet; of phantoms it says so, in the picture and in the alt text.

    small  of at most `SMALL` bytes, in 256 colours
    """
    if phantom:
        alt = f"Phantom images, drawn by medtutor. {alt}"
        sheet = below(sheet, _phantom_mark(sheet.width))
    return Picture(small_png(sheet) if small else png(sheet), alt)


def small_png(sheet):
    """The bytes of an RGB sheet as PNG of 256 colours; a large one has one pixel to a pixel of the page, or fewer."""
    if sheet.width * sheet.height > FINE:
        sheet = sheet.reduce(SCALE)
    while True:
        buffer = io.BytesIO()
        sheet.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(buffer, "PNG")
        if buffer.tell() <= SMALL:
            return buffer.getvalue()
        sheet = sheet.reduce(2)
