"""The pictures of the monitor explorer: one stream and its threshold, and the share of streams that have alarmed."""

from functools import lru_cache

import numpy as np
from PIL import Image

from ..figures import BLUE, GREY, ORANGE, VERMILION
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import INK

WIDTH, HEIGHT = 400, 240  # page pixels of each chart
SMALL = 8.25  # points: 11 page pixels
HIGHEST = {"CUSUM": 25.0, "KS": 1.0}  # of the axis, and of the threshold
NAMES = {"CUSUM": "CUSUM, standard deviations", "KS": "KS distance"}


class StreamChart(Chart):
    """A statistic over the images of one stream."""

    def at(self, line: np.ndarray, threshold: float, alarm: float) -> Image.Image:
        """The sheet with the statistic (N,), cut off at the top, a line at the threshold and a dot at the alarm."""
        sheet, pen = self.begin()
        left, top, right, _ = self.boxes[0]
        highest = self.limits[0][3]
        points = [self.pixel(at + 1, min(float(value), highest)) for at, value in enumerate(line)]
        pen.line(points, fill=BLUE, width=3)
        _, level = self.pixel(0, threshold)
        for start in range(int(left), int(right), 16):
            pen.line((start, level, start + 9, level), fill=VERMILION, width=3)
        if np.isfinite(alarm):
            dot(pen, *self.pixel(alarm, min(float(line[int(alarm) - 1]), highest)), ORANGE)
        return sheet


class AlarmsChart(Chart):
    """The share of streams that have alarmed, over the images."""

    def at(self, quiet: list[float], changed: list[float]) -> Image.Image:
        """The sheet with both shares, 0…1, at even steps from no image to the last."""
        sheet, pen = self.begin()
        last = self.limits[0][2]
        for shares, colour, broken in ((quiet, GREY, True), (changed, BLUE, False)):
            points = [self.pixel(last * at / (len(shares) - 1), share) for at, share in enumerate(shares)]
            for number, (one, other) in enumerate(zip(points, points[1:])):
                if not broken or number % 3:
                    pen.line((*one, *other), fill=colour, width=4)
        return sheet


@lru_cache(8)
def stream_chart(detector: str, length: int, change: int) -> StreamChart:
    """The axes of one stream: images, and the statistic of a detector."""
    made = figure(WIDTH, HEIGHT)
    axes = _axes(made, length, change, HIGHEST[detector])
    axes.set_ylabel(NAMES[detector], fontsize=SMALL)
    axes.set_title("one stream; dashed: threshold; dot: alarm", fontsize=8.5, pad=5)
    return StreamChart.of(made, [axes])


@lru_cache(8)
def alarms_chart(length: int, change: int) -> AlarmsChart:
    """The axes of all streams: images, and a share."""
    made = figure(WIDTH, HEIGHT)
    axes = _axes(made, length, change, 1.0)
    axes.set_ylabel("share of streams alarmed", fontsize=SMALL)
    axes.set_title("all streams; broken: nothing changes", fontsize=8.5, pad=5)
    return AlarmsChart.of(made, [axes])


def _axes(made, length, change, highest):
    axes = made.add_axes((0.14, 0.18, 0.83, 0.7))
    axes.set(xlim=(0, length), ylim=(0, highest))
    axes.axvline(change, color=INK, linewidth=0.8)
    axes.text(change + length / 90, 0.96 * highest, "change", fontsize=SMALL, va="top", color=INK)
    axes.set_xlabel("images", fontsize=SMALL, labelpad=1)
    axes.tick_params(labelsize=SMALL)
    return axes
