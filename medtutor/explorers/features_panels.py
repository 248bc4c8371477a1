"""The pictures of the feature explorer: maps of channels, bars of two answers, what each channel changes."""

import numpy as np
from PIL import Image, ImageDraw

from ..figures import BLUE, ORANGE
from ..widgets import drawing, panels
from ..widgets.drawing import FAINT, GAP, INK, SCALE

COLUMNS, ROWS, SIDE = 8, 3, 84  # of the channels; page pixels
WIDTH = COLUMNS * (SIDE + GAP) + GAP  # of every sheet
NEAR, NEAR_SIDE = 6, 112  # training images beside each other: 28 pixels four times
# From dark to bright: readable without colour, and told apart by the colour-blind.
COLOURS = "cividis"
NAME, NUMBER = 150, 44  # page pixels of a class name, and of a number beside a bar


def coloured(maps: np.ndarray, alone: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps (C, H, W) as uint8 (C, H, W, 3), and of each what is dark, and what is bright.

    alone  whether each has colours of its own, from its lowest to its highest number; else one for all

    >>> pixels, low, high = coloured(np.array([[[0.0, 1.0]]]), alone=True)
    >>> pixels[0, 0, 0].tolist(), low.tolist(), high.tolist()  # cividis begins with a dark blue
    ([0, 34, 77], [0.0], [1.0])
    """
    low, high = maps.min((1, 2)), maps.max((1, 2))
    if not alone:
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    share = (maps - low[:, None, None]) / np.maximum(high - low, 1e-12)[:, None, None]
    return panels.ramp(COLOURS)[(255 * share).astype(np.uint8)], low, high


def channels(pixels: np.ndarray, captions: list[str], title: str, chosen: int | None) -> Image.Image:
    """A page of small maps, uint8 (N, H, W, 3); the one at the place `chosen` has a thick orange frame within."""
    shown = list(pixels)
    if chosen is not None:
        times = max(1, SIDE * SCALE // max(pixels.shape[1:3]))
        large = Image.fromarray(pixels[chosen].repeat(times, axis=0).repeat(times, axis=1))
        edge = (0, 0, large.width - 1, large.height - 1)
        ImageDraw.Draw(large).rectangle(edge, outline=ORANGE, width=max(large.size) // 20)
        shown[chosen] = np.asarray(large)
    return drawing.tiles(shown, captions, title=title, columns=COLUMNS, rows=ROWS, side=SIDE, colour="#b0b0b0")


def near(pixels: np.ndarray, names: list[str], distances: list[float], title: str) -> Image.Image:
    """A row of training images, each with its distance and label."""
    captions = [f"{distance:.3g} {name}" for distance, name in zip(distances, names)]
    return drawing.tiles(pixels, captions, title=title, columns=NEAR, rows=1, side=NEAR_SIDE, colour=BLUE)


def looked_at(
    image: np.ndarray, channel: np.ndarray, titles: tuple[str, str], captions: tuple[str, str], bars: Image.Image
) -> Image.Image:
    """The image and the map of a channel, uint8 (H, W, 3) each, with the bars of the answers beside them."""
    shown = (panels.panel(panels.tile(each), *words) for each, *words in zip((image, channel), titles, captions))
    return drawing.beside(*shown, drawing.below(drawing.blank(1, 16), bars))


def answers(rows: list[tuple[str, float, float | None]], classes: int) -> Image.Image:
    """Probabilities before and after, as bars in what is left of the width: rows of (class, before, after), of so many
    classes.
    """
    title = "Probabilities" if len(rows) == classes else f"The {len(rows)} highest probabilities of {classes}"
    width, line, top = WIDTH - 2 * (panels.SIDE + GAP), 30, 40
    sheet = drawing.blank(width, top + line * len(rows) + GAP)
    pen, long = ImageDraw.Draw(sheet), width - NAME - NUMBER - 2 * GAP
    _write(pen, GAP, 0, drawing.shortened(title, width - GAP, 11, bold=True), bold=True)
    _write(pen, GAP, 17, "filled: as it is; striped: channel switched off", colour=FAINT)
    for number, (name, before, after) in enumerate(rows):
        y = top + line * number
        _write(pen, GAP, y + 5, drawing.shortened(name, NAME - GAP, 11))
        for place, share, colour in ((0, before, BLUE), (1, after, ORANGE)):
            if share is not None:
                _bar(pen, NAME + GAP, y + 13 * place, long, share, colour, striped=place == 1)
                _write(pen, NAME + long + 2 * GAP, y + 13 * place - 1, f"{share:.3f}")
    return sheet


def effects(rows: list[tuple[str, float, str]], title: str) -> Image.Image:
    """What channels change: rows of (channel, change, remark), the longest bar for the largest change."""
    line, top, long, name = 19, 24, 200, 100
    sheet = drawing.blank(WIDTH, top + line * len(rows) + GAP)
    pen, largest = ImageDraw.Draw(sheet), max([1e-12, *(change for _, change, _ in rows)])
    _write(pen, GAP, 4, drawing.shortened(title, WIDTH - 2 * GAP, 11, bold=True), bold=True)
    for number, (channel, change, remark) in enumerate(rows):
        y = top + line * number
        _write(pen, GAP, y, drawing.shortened(channel, name - GAP, 11))
        _bar(pen, name, y + 1, long, change / largest, ORANGE, striped=True)
        left = name + long + GAP
        _write(pen, left, y, drawing.shortened(f"{change:.5f}  {remark}", WIDTH - left - GAP, 11))
    return sheet


def _bar(pen, x, y, long, share, colour, striped=False):
    """A bar 0…1 in its frame; stripes tell it apart without colour."""
    left, top, right, bottom = (round(each * SCALE) for each in (x, y, x + long, y + 11))
    end = left + round(share * (right - left))
    if end > left:
        pen.rectangle((left, top, end, bottom), fill=colour)
    for stripe in range(left + 8, end, 12) if striped else ():
        pen.line((stripe, top, stripe, bottom), fill="white", width=4)
    pen.rectangle((left, top, right, bottom), outline="#808080", width=2)


def _write(pen, x, y, words, colour=INK, bold=False):
    pen.text((x * SCALE, y * SCALE), words, colour, drawing.font(11, bold))
