"""What the sample-size explorer draws: intervals of repeated comparisons, shares, what test sets can show, curves."""

import math

from PIL import ImageDraw

from ..figures import BLUE, GREY, VERMILION
from ..widgets import drawing
from ..widgets.chart import dot
from ..widgets.drawing import FAINT, GAP, INK, SCALE

WIDTH = 366  # page pixels of each panel: two stand beside each other in JupyterLab
LETTERS = 11  # page pixels
FINE = "#e4e4e4"
KINDS = {"seen": BLUE, "nothing": GREY, "wrong": VERMILION}
REACHES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the axis of differences, to either side


class _Plane:
    """A pair of axes on a sheet, in page pixels, drawn with Pillow."""

    def __init__(self, width, height, title, box, reach):
        self.sheet = drawing.blank(width, height)
        self.pen = ImageDraw.Draw(self.sheet)
        self.box, self.reach = box, reach
        self.pen.text((GAP * SCALE, 4 * SCALE), title, INK, drawing.font(12, True))

    def x(self, value):
        (left, _, right, _), (low, _, high, _) = self.box, self.reach
        return (left + (value - low) / (high - low) * (right - left)) * SCALE

    def y(self, value):
        (_, top, _, bottom), (_, low, _, high) = self.box, self.reach
        return (bottom - (value - low) / (high - low) * (bottom - top)) * SCALE

    def words(self, x, y, text, anchor, colour=INK, bold=False):
        halo = {"stroke_width": 2 * SCALE, "stroke_fill": "white"}  # where a line runs behind it
        self.pen.text((x, y), text, colour, drawing.font(LETTERS, bold), anchor=anchor, **halo)

    def upright(self, value, label, colour=FINE):
        _, top, _, bottom = self.box
        self.pen.line((self.x(value), top * SCALE, self.x(value), bottom * SCALE), fill=colour, width=2)
        if label:
            self.words(self.x(value), (bottom + 4) * SCALE, label, "ma", FAINT)

    def level(self, value, label):
        left, _, right, _ = self.box
        self.pen.line((left * SCALE, self.y(value), right * SCALE, self.y(value)), fill=FINE, width=2)
        self.words((left - 5) * SCALE, self.y(value), label, "rm", FAINT)


def kind_of(low, high):
    """What an interval of a difference says: "seen", "nothing" or "wrong"."""
    return "seen" if low > 0 else "wrong" if high < 0 else "nothing"


def intervals(outlook):
    """Comparisons of the two models, again and again: each with its interval. A sheet."""
    far = max(abs(end) for example in outlook.examples for end in example)
    reach = next((each for each in REACHES if each >= far), REACHES[-1])
    height = 56 + 6 * len(outlook.examples) + 24
    box = 12, 44, WIDTH - 12, height - 22
    title = f"{len(outlook.examples)} repetitions, each with its interval"
    plane = _Plane(WIDTH, height, title, box, (-reach, 0, reach, 1))
    told = "triangle: the true difference; band: 95 % of what is observed"
    plane.words(GAP * SCALE, 22 * SCALE, told, "la", FAINT)
    for share in (-1, -0.5, 0.5, 1):
        anchor = {-1: "la", 1: "ra"}.get(share, "ma")
        plane.upright(share * reach, "")
        plane.words(plane.x(share * reach), (box[3] + 4) * SCALE, f"{share * reach:+g}", anchor, FAINT)
    plane.upright(0, "0: no difference", INK)
    # Where most of the observed differences lie: a band behind the intervals.
    low, high = (min(max(end, -reach), reach) for end in outlook.interval)
    plane.pen.rectangle((plane.x(low), (box[1] + 2) * SCALE, plane.x(high), (box[1] + 8) * SCALE), fill="#cfe3f2")
    truth = plane.x(min(outlook.difference, reach))
    plane.pen.polygon(
        (truth - 9, (box[1] - 3) * SCALE, truth + 9, (box[1] - 3) * SCALE, truth, (box[1] + 9) * SCALE), fill=INK
    )
    for number, (low, value, high) in enumerate(outlook.examples):
        y, kind = (box[1] + 14 + 6 * number) * SCALE, kind_of(low, high)
        ends = [plane.x(min(max(end, -reach), reach)) for end in (low, high)]
        plane.pen.line((ends[0], y, ends[1], y), fill=KINDS[kind], width=3)
        _mark(plane.pen, plane.x(min(max(value, -reach), reach)), y, kind)
    return plane.sheet


def _mark(pen, x, y, kind, r=5):
    """Told apart without colour, too: filled, hollow, square."""
    if kind == "wrong":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=KINDS[kind], outline=INK)
    else:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=KINDS[kind] if kind == "seen" else "white", outline=INK)


def shares(outlook, names):
    """How often each of three things happens: bars from 0 to 100 %. A sheet.

    names  {"seen": words, "nothing": …, "wrong": …}
    """
    plane = _Plane(WIDTH, 118, "Of all repetitions", (158, 26, WIDTH - 46, 100), (0, 0, 1, 1))
    for share in (0, 0.5, 1):
        plane.upright(share, percent(share))
    for number, kind in enumerate(names):
        value, y = getattr(outlook, kind), (38 + 24 * number) * SCALE
        plane.words(152 * SCALE, y, names[kind], "rm")
        plane.pen.rectangle((plane.x(0), y - 14, max(plane.x(value), plane.x(0) + 2), y + 14), fill=KINDS[kind])
        _mark(plane.pen, plane.x(0) - 1, y, kind, 6)
        plane.words(plane.x(value) + 10, y, percent(value), "lm", bold=True)
    return plane.sheet


def percent(share):
    """A share in words: one that is small is not 0 %."""
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def detectable(points, marks, chosen, difference):
    """The smallest difference that a test set shows, over its size. A sheet.

    points      [(cases, difference or None), …], rising
    marks       {name: (cases, difference or None)} of known test sets
    chosen      (cases, difference or None) of the present one
    difference  the true one
    """
    known = [value for _, value in points if value is not None]
    top = next((each for each in REACHES if each >= max(known, default=0)), 1.0)
    low, high = (math.log10(points[end][0]) for end in (0, -1))
    title = "Smallest difference that is seen in 4 of 5 repetitions"
    plane = _Plane(WIDTH, 250, title, (48, 30, WIDTH - 16, 212), (low, 0, high, top))
    for share in (0, 0.25, 0.5, 0.75, 1):
        plane.level(share * top, f"{share * top:.3g}")
    for cases in (50, 100, 1000):
        plane.upright(math.log10(cases), f"{cases:,}")
    plane.words((WIDTH - GAP) * SCALE, 216 * SCALE, f"{points[-1][0]:,}", "ra", FAINT)
    plane.words((WIDTH // 2) * SCALE, 232 * SCALE, "test cases", "ma", FAINT)
    if difference <= top:
        left, _, right, _ = plane.box
        for start in range(round(left), round(right), 12):
            plane.pen.line(
                (start * SCALE, plane.y(difference), (start + 6) * SCALE, plane.y(difference)), fill=INK, width=2
            )
        plane.words((left + 3) * SCALE, plane.y(difference) - 4, "true difference", "lb")
    line = [(plane.x(math.log10(cases)), plane.y(value)) for cases, value in points if value is not None]
    if len(line) > 1:
        plane.pen.line(line, fill=BLUE, width=5)
    for name, (cases, value) in marks.items():
        if value is not None:
            x, y = plane.x(math.log10(cases)), plane.y(value)
            plane.pen.rectangle((x - 9, y - 9, x + 9, y + 9), fill="#E69F00", outline=INK, width=2)
            # Above the line, which falls; at the right end there is no room but below it.
            right = x > (WIDTH - 130) * SCALE
            where, anchor = ((x - 12, y + 8), "rt") if right else ((x + 12, y - 10), "lb")
            plane.words(*where, f"{name} {value:.3f}", anchor)
    if chosen[1] is not None:
        dot(plane.pen, plane.x(math.log10(chosen[0])), plane.y(chosen[1]), "#F0E442")
    return plane.sheet


def learned(curve):
    """A stored `Curve` with its intervals, its points as far from each other as they are many. A sheet."""
    low, high = min(curve.low), max(curve.high)
    room = 0.06 * (high - low or 1)
    step = next(each for each in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if (high - low + 2 * room) / each <= 6)
    low, high = math.floor((low - room) / step) * step, math.ceil((high + room) / step) * step
    long = max(drawing.font(LETTERS).getlength(_short(x)) for x in curve.x) / SCALE
    turned = long > (WIDTH - 70) / len(curve.x) - 4
    height = 244 + (14 * len(curve.x) if turned else 0)
    plane = _Plane(
        WIDTH,
        height,
        drawing.shortened(f"{curve.name}: {curve.y_label}", WIDTH - 12, 12, True),
        (48, 30, WIDTH - 16, 206),
        (-0.5, low, len(curve.x) - 0.5, high),
    )
    for number in range(round((high - low) / step) + 1):
        plane.level(low + number * step, f"{low + number * step:.3g}")
    middles = [(plane.x(number), plane.y(value)) for number, value in enumerate(curve.value)]
    if curve.is_numeric and len(middles) > 1:
        plane.pen.line(middles, fill=BLUE, width=4)
    for number, (name, (x, y)) in enumerate(zip(curve.x, middles)):
        plane.pen.line((x, plane.y(curve.low[number]), x, plane.y(curve.high[number])), fill=INK, width=3)
        for end in (curve.low[number], curve.high[number]):
            plane.pen.line((x - 8, plane.y(end), x + 8, plane.y(end)), fill=INK, width=3)
        dot(plane.pen, x, y, BLUE, 4)
        words = f"{number + 1}" if turned else _short(name)
        plane.words(x, 210 * SCALE, words, "ma", FAINT)
        if turned:
            plane.words(GAP * SCALE, (228 + 14 * number) * SCALE, f"{number + 1}: {_short(name)}", "la", FAINT)
    if curve.x_label and not turned:
        plane.words((WIDTH // 2) * SCALE, 226 * SCALE, curve.x_label, "ma", FAINT)
    return plane.sheet


def _short(x):
    return f"{x:,g}" if isinstance(x, (int, float)) else str(x)
