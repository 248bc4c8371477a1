"""The charts of the segmentation explorer: slices, Dice by threshold, Dice of all patients. numpy and Pillow only."""

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from ..figures import BLUE, GREY, VERMILION
from ..widgets import drawing
from ..widgets.chart import Chart, dot
from ..widgets.drawing import FAINT, GAP, INK, SCALE
from .segmentation_panels import COLUMNS, errors, paint, tile_size

CHART, STRIP, HEIGHT = 300, 104, 190  # page pixels: width of the charts, height of the strip of slices, of the charts
LETTERS = 12  # page pixels


def strip(mask, truth):
    """How much foreground each slice has, upward, and what is wrong there, downward: (sheet, sentence).

    mask, truth  uint8 (D, H, W); `at` marks a slice
    """
    foreground = (truth > 0).sum(axis=(1, 2))
    wrong_pixels = {error: where.sum(axis=(1, 2)) for error, where in errors(mask, truth).items()}
    width = COLUMNS * (tile_size(truth.shape[1:])[0] / SCALE + GAP)
    first, step = strip_axis(len(foreground), width)
    middle, up, down = 58 * SCALE, 34 * SCALE, 28 * SCALE
    most, total = max(foreground.max(), 1), np.sum(list(wrong_pixels.values()), axis=0)
    worst = max(total.max(), 1)
    pixels = np.array(drawing.blank(width, STRIP))
    kinds = np.zeros(pixels.shape[:2], np.uint8)  # which error has a pixel of the sheet
    for number in range(len(foreground)):
        left = round((first + number * step) * SCALE) + 1
        right = max(round((first + (number + 1) * step) * SCALE) - 1, left + 1)
        pixels[middle - round(up * foreground[number] / most) : middle, left:right] = ImageColor.getrgb(GREY)
        below = middle + 2
        for kind, counts in enumerate(wrong_pixels.values(), 1):
            bottom = below + round(down * counts[number] / worst)
            kinds[below:bottom, left:right] = kind
            below = bottom
    for kind, error in enumerate(wrong_pixels, 1):
        paint(pixels, kinds == kind, error)
    sheet = Image.fromarray(pixels)
    pen, face = ImageDraw.Draw(sheet), drawing.font(12)
    end = (first + len(foreground) * step) * SCALE
    pen.line((first * SCALE, middle, end, middle), fill=INK, width=2)
    for text, y in (
        ("foreground", 36),
        (f"up to {most:.0f} px", 50),
        ("wrong", 67),
        (f"up to {total.max():.0f} px", 81),
    ):
        pen.text(((first - 6) * SCALE, y * SCALE), text, INK if y in (36, 67) else FAINT, face, anchor="rm")
    for number in sorted({1, *range(10, len(foreground), 10), len(foreground)}):
        if number in (1, len(foreground)) or min(number - 1, len(foreground) - number) * step > 24:
            pen.text(((first + (number - 0.5) * step) * SCALE, 95 * SCALE), str(number), FAINT, face, anchor="mm")
    return sheet, f"Most is wrong in slice {1 + int(total.argmax())}, {int(total.max())} pixels."


def strip_axis(slices, width):
    """Page pixels: where the first slice of `strip` begins, and how wide one is."""
    first = 104
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
        (x + (-16 if side == "ra" else 16), 4 * SCALE), f"slice {number + 1}", BLUE, drawing.font(12, True), anchor=side
    )
    return sheet


def curve(values, chosen, dice, what, name):
    """Dice against the threshold, (99,) for 0.01 … 0.99: (sheet, alt text).

    chosen, dice  the threshold that is chosen and its Dice, a dot; None and the Dice of the
                  likeliest class, a line
    what, name    "mean Dice", and of whom
    """
    low = _floor(min(values.min(), dice))
    note = f"line: likeliest class, {dice:.3f}" if chosen is None else f"dot: {dice:.3f} at {chosen:.2f}"
    chart = _axes(f"{what}, by threshold", note, "threshold", (0, 1), (low, 1.0))
    sheet, pen = chart.begin()
    points = [chart.pixel((number + 1) / 100, value) for number, value in enumerate(values)]
    pen.line(points, fill=BLUE, width=4, joint="curve")
    left, _, right, bottom = chart.boxes[0]
    x, y = chart.pixel(chosen or 0, dice)
    if chosen is None:
        for start in range(round(left), round(right), 14):
            pen.line((start, y, start + 7, y), fill=VERMILION, width=3)
    else:
        pen.line((x, y, x, bottom), fill=GREY, width=2)
        dot(pen, x, y, VERMILION, 5)
    best = int(values.argmax())
    return sheet, (
        f"Curve of {what} of {name} against the threshold: highest, {values[best]:.3f}, at {(best + 1) / 100:.2f}; now"
        f" {dice:.3f}."
    )


def _floor(value):
    """The tenth below a Dice, where an axis begins."""
    return max(0.0, np.floor(10 * (value - 0.02)) / 10)


def ranks(dices, number, name, atlas):
    """Dice of every patient as a dot, a row for each run; the atlas as a bar: (sheet, alt text).

    dices  {run: (P,)}
    atlas  its Dice of this patient, or None
    """
    every = np.concatenate([*dices.values(), [1.0 if atlas is None else atlas]])
    rows = {run: values[number] for run, values in dices.items()} | (
        {} if atlas is None else {"atlas, no network": atlas}
    )
    chart = _axes(f"Dice of all as tested, {name} marked", "", "", (_floor(every.min()), 1.0), (0, len(rows)))
    sheet, pen = chart.begin()
    left, _, right, _ = chart.boxes[0]
    for row, (run, value) in enumerate(rows.items()):
        x, y = chart.pixel(value, len(rows) - row - 0.62)
        above, face = y - 8 * SCALE, drawing.font(LETTERS)
        pen.text((left + 8, above), drawing.shortened(run, 180, LETTERS), INK, face, anchor="lb")
        pen.text((right, above), f"{value:.3f}", INK, face, anchor="rb")
        for each in dices.get(run, ()):
            spot = chart.pixel(each, 0)[0]
            pen.ellipse((spot - 6, y - 6, spot + 6, y + 6), outline=GREY, width=2)
        if run in dices:
            dot(pen, x, y, VERMILION, 5)
        else:
            pen.rectangle((x - 4, y - 12, x + 4, y + 12), fill=INK)
    each = "; ".join(
        f"{run} {values[number]:.3f}, all {values.min():.3f} to {values.max():.3f}" for run, values in dices.items()
    )
    beside = "" if atlas is None else f"; the atlas without a network {atlas:.3f}"
    return sheet, f"Dots: Dice of all {len(next(iter(dices.values())))} as tested, {name} marked: {each}{beside}."


def _axes(title, note, label, across, up):
    """A `Chart` with its ends as ticks: (lowest, highest) across and up; without a label, `up` has none.

    note  a line below the title, where nothing else is drawn
    """
    sheet = drawing.blank(CHART, HEIGHT)
    pen, face = ImageDraw.Draw(sheet), drawing.font(LETTERS)
    box = left, top, right, bottom = (
        (36 if label else 10) * SCALE,
        (44 if note else 26) * SCALE,
        (CHART - 16) * SCALE,
        (HEIGHT - 38) * SCALE,
    )
    title = drawing.shortened(title, CHART - 2 * GAP, LETTERS, bold=True)
    pen.text((GAP * SCALE, 4 * SCALE), title, INK, drawing.font(LETTERS, True))
    pen.text((GAP * SCALE, 22 * SCALE), note, INK, face)
    pen.line((left, top, left, bottom, right, bottom), fill=GREY, width=2)
    for x in (across[0], sum(across) / 2, across[1]):
        place = left + (x - across[0]) / (across[1] - across[0]) * (right - left)
        pen.text((place, bottom + 3 * SCALE), f"{x:.3g}", FAINT, face, anchor="ma")
    if label:
        for y, value in ((bottom, up[0]), (top, up[1])):
            pen.text((left - 4 * SCALE, y), f"{value:.3g}", FAINT, face, anchor="rm")
    pen.text(((left + right) / 2, bottom + 19 * SCALE), label, INK, face, anchor="ma")
    return Chart(sheet, (box,), ((across[0], up[0], across[1], up[1]),))
