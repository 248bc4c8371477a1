"""What the fusion explorer computes, and shows: bars, shares and curves as sheets."""

from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.special import expit
from torch import nn

from ..data.card import SPLITS
from ..data.cohort import KINDS, OUTCOMES, Cohort, chance
from ..errors import InputError, unknown
from ..explanation.parts import check_answers, log_odds
from ..figures import BLUE, GREEN, GREY, VERMILION
from ..widgets import drawing
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import FAINT, GAP, INK, SCALE

MODELS = 8  # beside each other; more would not be live
LAB, YEARS = 0, 1  # columns of the table
REACH = 3.0  # standard deviations, to either side, that the sliders and the curves go
# The curves' lab values. The true chance may jump at 0: two of them are beside it, none on it.
GRID = np.concatenate([np.linspace(-REACH, -0.1, 30), [-1e-6, 1e-6], np.linspace(0.1, REACH, 30)])
MISSING = 3.9  # where the charts have the place of a lab value that is missing

THUMB = 56  # page pixels of the image that stands above a curve
HALF = 370  # page pixels of the bars, and of the shares
WIDTHS, HEIGHT, ABOVE = (426, 314), 230, 66  # page pixels: of the charts, their axes, of what stands above them
NAMES, TOP, LINE = 118, 26, 22  # page pixels of the bars: width of the names, height of the title and of a row
POINT, MIDDLE, FINE = "#F0E442", "#b0b0b0", "#e4e4e4"  # Okabe & Ito's yellow, and greys
SMALLEST = 8.25  # points: 11 page pixels


def checked(models, cohort, split):
    """{name: model} that all answer the patients of the cohort; or an `InputError`."""
    if not isinstance(cohort, Cohort):
        raise InputError(f"{type(cohort).__name__} is no cohort; make one of a data set with draw_cohort(dataset)")
    if cohort.kind not in KINDS:
        raise unknown("kind of cohort", cohort.kind, KINDS)
    if split not in SPLITS:
        raise unknown("split", split, list(SPLITS))
    if isinstance(models, nn.Module):
        models = {getattr(models, "way", type(models).__name__): models}
    if (
        not isinstance(models, dict)
        or not 1 <= len(models) <= MODELS
        or not all(isinstance(name, str) and name for name in models)
    ):
        raise InputError(
            f'models must be {{name: model}}, at most {MODELS}, such as {{"early": …, "late": …}}, or one model'
        )
    cases = getattr(cohort, split)
    if not len(cases):
        raise InputError(f"the {split} split holds no patient; choose another one")
    for name, model in models.items():
        try:
            check_answers(model, cases.images[:2], cases.table[:2])
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return dict(models)


def nearest_other(findings, number):
    """The number of the nearest patient with another finding; None where there is none."""
    others = np.flatnonzero(findings != findings[number])
    return int(others[np.abs(others - number).argmin()]) if len(others) else None


def over_lab_values(model, seen, kind, finding, row):
    """Probabilities (by the model, true), (64,) each: over `GRID`, with no lab value, and of the row as it is.

    seen  what the model has seen in the image
    """
    rows = row.repeat(len(GRID) + 2, 1)
    rows[:-2, LAB], rows[-2, LAB] = torch.from_numpy(GRID), float("nan")
    by_model = expit(log_odds(model, seen.expand(len(rows), *seen.shape), rows))
    return by_model, chance(kind, finding.expand(len(rows)), rows)


# Bars -----------------------------------------------------------------------------------------


def bars(rows, title, marked):
    """Probabilities as a sheet: rows of (name, probability, colour); the name `marked` is bold."""
    long, bold = 190, [name == marked for name, *_ in rows]
    ticks = {share: [f"{share:g}"] for share in (0, 0.25, 0.5, 0.75, 1)}
    sheet, pen = _rows(title, [name for name, *_ in rows], bold, long, ticks)
    for number, (_, probability, colour) in enumerate(rows):
        left, y = NAMES * SCALE, (TOP + LINE * number + 2) * SCALE
        pen.rectangle((left, y, left + max(probability * long * SCALE, 2), y + 14 * SCALE), fill=colour)
        pen.text((left + (long + GAP) * SCALE, y), f"{probability:.3f}", INK, drawing.font(11, bold[number]))
    return sheet


def waterfall(given, title, numbers):
    """`ShapleyValues` as bars, each of which begins where the one above has ended, from the base to the total.

    numbers  what the columns of the table are at present, in words
    """
    names, steps, long = ["mean of others", given.names[0], *numbers, "together"], given.steps, 140
    bold = [True, *[False] * (len(names) - 2), True]
    reach = max(4, 2 * int(np.ceil((np.abs(steps).max() + 0.2) / 2)))
    tick = next(size for size in (2, 4, 8, 16, 32, 64, reach) if reach / size < 3 or size == reach)
    ticks = {"": ["log-odds", "probability"]}
    for value in range(-(reach // tick) * tick, reach + 1, tick):
        probability = f"{expit(value):.2f}" if abs(value) < 5 else ("≈ 1" if value > 0 else "≈ 0")
        ticks[(value / reach + 1) / 2] = [f"{value:+d}" if value else "0", probability]
    sheet, pen = _rows(title, names, bold, long, ticks)
    places = (NAMES + (np.append(steps, steps[-1]) / reach + 1) / 2 * long) * SCALE  # where each row ends
    for number, end in enumerate(places):
        y, begin = (TOP + LINE * number + 2) * SCALE, places[number - 1]
        if bold[number]:
            value = steps[0] if number == 0 else steps[-1]
            text = f"{value:+.2f}, p {expit(value):.2f}"
            pen.rectangle((end - 4, y, end + 4, y + 14 * SCALE), fill=INK)
        else:
            text, left, right = f"{given.values[number - 1]:+.2f}", min(begin, end), max(begin, end, begin + 2)
            pen.rectangle((left, y, right, y + 14 * SCALE), fill=VERMILION if end >= begin else BLUE)
        if number < len(names) - 1:  # down to where the next one begins
            pen.line((end, y + 14 * SCALE, end, y + LINE * SCALE), fill=GREY, width=2)
        pen.text(((NAMES + long + GAP) * SCALE, y), text, INK, drawing.font(11, bold[number]))
    return sheet


def _rows(title, names, bold, long, ticks):
    """(sheet, pen): a title, the names of the rows, and a scale of `long` page pixels.

    ticks  {place on the scale, 0…1: the words below it}; those of "" stand below the names
    """
    bottom = TOP + LINE * len(names)
    sheet = drawing.blank(HALF, bottom + 10 + 14 * len(next(iter(ticks.values()))))
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP * SCALE, 4 * SCALE), drawing.shortened(title, HALF - 2 * GAP, 12, True), INK, drawing.font(12, True))
    for share, words in ticks.items():
        x, anchor = ((NAMES + share * long) * SCALE, "ma") if share != "" else ((NAMES - 4 * GAP) * SCALE, "ra")
        if share != "":
            pen.line((x, (TOP - 2) * SCALE, x, bottom * SCALE), fill=MIDDLE if share == 0.5 else FINE, width=2)
        for number, each in enumerate(words):
            pen.text((x, (bottom + 2 + 14 * number) * SCALE), each, FAINT, drawing.font(11), anchor=anchor)
    for number, (name, is_bold) in enumerate(zip(names, bold)):
        y, face = (TOP + LINE * number + 2) * SCALE, drawing.font(11, is_bold)
        name = drawing.shortened(name, NAMES - 2 * GAP, 11, is_bold)
        pen.text(((NAMES - GAP) * SCALE, y), name, INK, face, anchor="ra")
    return sheet, pen


# Curves ---------------------------------------------------------------------------------------


def curves(number, by_model, true, lab):
    """Both curves over the lab value, and the present point, as a sheet; the first chart is a wider one.

    by_model, true  (64,): over `GRID`, where the lab value is missing, and at the present point
    lab             NaN where it is missing
    """
    chart = _empty(number)
    sheet, pen = chart.begin()
    *along, unknown, here = by_model
    *truly, unknown_truly, _ = true
    _dashed(pen, [chart.pixel(*place) for place in zip(GRID, truly)], GREEN)
    pen.line([chart.pixel(*place) for place in zip(GRID, along)], fill=BLUE, width=5, joint="curve")
    x, y = chart.pixel(MISSING, unknown_truly)
    _dashed(pen, [(x - 20, y), (x + 20, y)], GREEN)
    x, y = chart.pixel(MISSING, unknown)
    pen.line((x - 20, y, x + 20, y), fill=BLUE, width=5)
    x, y = chart.pixel(MISSING if np.isnan(lab) else np.clip(lab, -REACH, REACH), here)
    pen.line((x, chart.pixel(0, 1)[1], x, chart.pixel(0, 0)[1]), fill=GREY, width=2)
    dot(pen, x, y, POINT)
    return sheet


@cache
def _empty(number):
    """The empty axes of a curve: the same in every explorer."""
    width, is_first = WIDTHS[number], number == 0
    made = figure(width, HEIGHT)
    left, right, bottom, top = 52 / width, 1 - 16 / width, 42 / HEIGHT, 1 - 8 / HEIGHT
    axes = made.add_axes((left, bottom, right - left, top - bottom))
    axes.set(xlim=(-REACH - 0.1, MISSING + 0.4), ylim=(-0.02, 1.02), yticks=np.linspace(0, 1, 5))
    ticks = range(-3, 4) if is_first else range(-2, 3, 2)
    axes.set_xticks([*ticks, MISSING], [*(f"{value:+d}" if value else "0" for value in ticks), "missing"])
    for height in (0.25, 0.5, 0.75):
        axes.axhline(height, color=MIDDLE if height == 0.5 else FINE, linewidth=0.8, zorder=0)
    axes.axvline(REACH + 0.2, color=MIDDLE, linewidth=0.8)
    words = "lab value (standard deviations from the mean)" if is_first else "lab value"
    axes.set_xlabel(words, fontsize=SMALLEST, labelpad=2)
    axes.set_ylabel(f"probability of a {OUTCOMES[1]}", fontsize=SMALLEST, labelpad=3)
    axes.tick_params(labelsize=SMALLEST)
    return Chart.of(made, [axes])


def above(number, image, *lines):
    """What stands above a curve: the image small, a title, and more lines."""
    sheet = drawing.blank(WIDTHS[number], ABOVE)
    height, across = image.shape[:2]
    size = round(across * THUMB * SCALE / max(height, across)), round(height * THUMB * SCALE / max(height, across))
    small = Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BILINEAR)
    sheet.paste(small, (52 * SCALE, GAP * SCALE))
    pen, left = ImageDraw.Draw(sheet), 52 + THUMB + 2 * GAP
    for place, words in enumerate(lines):
        bold = place == 0
        text = drawing.shortened(words, WIDTHS[number] - left - GAP, 11, bold)
        pen.text((left * SCALE, (8 + 18 * place) * SCALE), text, INK, drawing.font(11, bold))
    return sheet


def _dashed(pen, places, colour, on=16, off=10):
    """A dashed line through places in pixels."""
    places = np.asarray(places)
    far = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    for start in np.arange(0, far[-1], on + off):
        stops = np.linspace(start, min(start + on, far[-1]), 9)
        x, y = (np.interp(stops, far, along) for along in places.T)
        pen.line([*zip(x, y)], fill=colour, width=5)
