"""What the fairness explorer draws, and how it finds a threshold for group B."""

import numpy as np
from PIL import Image, ImageDraw

from ..data.groups import GROUPS
from ..figures import BLUE, GREY, ORANGE
from ..metrics.groups import GroupMetrics
from ..widgets import drawing
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import FAINT, GAP, INK, SCALE

# What of group B may be as in group A, in words, and the rate of `GroupMetrics` that is meant.
CRITERIA = {
    "threshold": None,
    "share called positive": "called",
    "sensitivity": "sensitivity",
    "false alarms": "false_alarm",
    "precision in practice": "precision",
}
COLOURS = dict(zip(GROUPS, (BLUE, ORANGE)))
SIDE = 380  # page pixels of each chart
SMALL = 8.25  # points: 11 page pixels
NAMES, LONG, ROW = 170, 420, 40  # page pixels of the bars


class Matcher:
    """All rates of both groups at all thresholds that the slider has, computed once."""

    grid = np.round(np.arange(0, 1.001, 0.01), 2)

    def __init__(self, truth, scores, groups):
        called = scores[None] > self.grid[:, None]
        self._rates = []
        for number in range(len(GROUPS)):
            own = groups == number
            ill, well = own & (truth == 1), own & (truth == 0)
            self._rates.append(
                {
                    "called": called[:, own].mean(1),
                    "sensitivity": called[:, ill].mean(1),
                    "false_alarm": called[:, well].mean(1),
                }
            )

    def threshold(self, criterion: str, of_a: float, prevalences: tuple[float, float]) -> float:
        """The threshold of group B at which the criterion is nearest to that of group A; the nearest to its own on
        ties.
        """
        key = CRITERIA[criterion]
        if key is None:
            return of_a
        row = int(np.abs(self.grid - of_a).argmin())
        first, second = (self._of(key, number, prevalences[number]) for number in (0, 1))
        if np.isnan(first[row]):
            return of_a
        apart = np.where(np.isnan(second), np.inf, np.abs(second - first[row]))
        nearest = np.flatnonzero(apart <= apart.min() + 1e-12)
        return float(self.grid[nearest[np.abs(self.grid[nearest] - of_a).argmin()]])

    def _of(self, key, number, prevalence):
        rates = self._rates[number]
        if key != "precision":
            return rates[key]
        true = rates["sensitivity"] * prevalence
        alarms = true + rates["false_alarm"] * (1 - prevalence)
        return np.divide(true, alarms, out=np.full(len(true), np.nan), where=alarms > 0)


def bars(found: dict[str, GroupMetrics], precision: dict[str, float]) -> Image.Image:
    """Every criterion as a pair of bars, with their intervals and how far apart they are."""
    rows = [(name, key) for name, key in CRITERIA.items() if key]
    sheet = drawing.blank(NAMES + LONG + 250, 30 + ROW * len(rows))
    pen = ImageDraw.Draw(sheet)

    def text(x, y, words, bold=False, colour=INK):
        pen.text((x * SCALE, y * SCALE), words, colour, drawing.font(11, bold))

    text(GAP, 4, "group A above, group B below", True)
    text(NAMES + LONG + 90, 4, "apart by", True)
    for line, (name, key) in enumerate(rows):
        top = 26 + ROW * line
        text(GAP, top + 8, name)
        values = []
        for number, (group, each) in enumerate(found.items()):
            practice = key == "precision"
            value = precision[group] if practice else getattr(each, key).value
            interval = None if practice else getattr(each, key).interval
            values.append(value)
            y = top + 15 * number
            left = NAMES * SCALE
            if np.isnan(value):
                text(NAMES, y, "nobody is called positive", colour=FAINT)
                continue
            pen.rectangle((left, y * SCALE, left + max(value * LONG * SCALE, 2), (y + 12) * SCALE), fill=COLOURS[group])
            if interval:
                low, high = (left + end * LONG * SCALE for end in interval)
                middle = (y + 6) * SCALE
                pen.line((low, middle, high, middle), fill=INK, width=3)
                for end in (low, high):
                    pen.line((end, middle - 7, end, middle + 7), fill=INK, width=3)
            text(NAMES + LONG + 24, y - 1, f"{group} {value:.2f}")
        apart = abs(values[0] - values[1])
        text(NAMES + LONG + 90, top + 7, "–" if np.isnan(apart) else f"{apart:.2f}", bold=apart >= 0.05)
    return sheet


class Points(Chart):
    """The ROC curves of both groups."""

    def at(self, points: dict[str, tuple[float, float]]) -> Image.Image:
        """The sheet with a point of each group."""
        sheet, pen = self.begin()
        for group, point in points.items():
            x, y = self.pixel(*point)
            dot(pen, x, y, COLOURS[group], 6.5)
            _name(pen, x, y, group)
        return sheet


def rocs(truth: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> Points:
    """The ROC curves of both groups, drawn once."""
    from sklearn.metrics import roc_curve  # most of a second: for these curves alone

    made = figure(SIDE, SIDE - 60)
    axes = made.add_axes((0.13, 0.15, 0.83, 0.74), xlim=(0, 1), ylim=(0, 1))
    axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    for number, group in enumerate(GROUPS):
        own = groups == number
        x, y, _ = roc_curve(truth[own], scores[own])
        axes.plot(x, y, color=COLOURS[group], linestyle="-" if number == 0 else "--", linewidth=1.6)
    _named(axes, "ROC: A solid, B dashed", "false alarms", "sensitivity")
    return Points.of(made, [axes])


def _name(pen, x, y, group):
    """The group's name beside its point, where the other's has room, too."""
    pen.text((x + 10 * SCALE, y + (2 if group == GROUPS[0] else -15) * SCALE), group, INK, drawing.font(12, True))


class Precisions(Chart):
    """The plane of prevalence and precision."""

    def at(self, rates: dict[str, tuple[float, float, float]]) -> Image.Image:
        """The sheet with the curve of each group's error rates, and its point; {group: (sensitivity, false alarms,
        prevalence)}.
        """
        sheet, pen = self.begin()
        share = np.linspace(0.005, 0.995, 100)
        for group, (sensitivity, alarm, prevalence) in rates.items():
            true, false = sensitivity * share, alarm * (1 - share)
            if not (true + false).all():
                continue
            line = [self.pixel(x, y) for x, y in zip(share, true / (true + false))]
            if group == GROUPS[0]:
                pen.line(line, fill=COLOURS[group], width=4)
            else:
                for start in range(0, len(line) - 2, 4):
                    pen.line(line[start : start + 3], fill=COLOURS[group], width=4)
            here = sensitivity * prevalence
            x, y = self.pixel(prevalence, here / (here + alarm * (1 - prevalence)))
            dot(pen, x, y, COLOURS[group], 6.5)
            _name(pen, x, y, group)
        return sheet


def precisions() -> Precisions:
    """Empty axes, drawn once."""
    made = figure(SIDE, SIDE - 60)
    axes = made.add_axes((0.13, 0.15, 0.83, 0.74), xlim=(0, 1), ylim=(0, 1))
    _named(axes, "What an alarm is worth: A solid, B dashed", "prevalence in practice", "precision in practice")
    return Precisions.of(made, [axes])


def _named(axes, title, x, y):
    axes.set_title(title, fontsize=8.5, pad=6)
    axes.set_xlabel(x, fontsize=SMALL, labelpad=1)
    axes.set_ylabel(y, fontsize=SMALL, labelpad=1)
    axes.tick_params(labelsize=SMALL)
