"""Charts: axes that matplotlib draws once, and marks that move on a copy of them.

matplotlib takes a tenth of a second and more, Pillow a few milliseconds: so a slider is followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from . import drawing
from .drawing import INK, SCALE

DPI = 100


def figure(width: float, height: float) -> Figure:
    """An empty matplotlib figure of page pixels."""
    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI * SCALE)


@dataclass(frozen=True, eq=False)
class Chart:
    """Axes drawn once, on which marks move.

    sheet   RGB image; never changed: `begin` gives a copy to draw on
    boxes   pixels (left, top, right, bottom) of each pair of axes
    limits  (lowest x, lowest y, highest x, highest y) of each pair of axes

    >>> made = figure(200, 100)
    >>> one = Chart.of(made, [made.add_axes((0.25, 0.25, 0.5, 0.5), xlim=(0, 4), ylim=(0, 1))])
    >>> one.pixel(2, 0.5)  # the middle, at SCALE pixels a page pixel
    (200.0, 100.0)
    """

    sheet: Image.Image
    boxes: tuple[tuple[float, float, float, float], ...]
    limits: tuple[tuple[float, float, float, float], ...]

    @classmethod
    def of(cls, made: Figure, pairs: Sequence[Axes]) -> Self:
        """Draw a `figure`, and keep where its axes are; both axes linear."""
        for axes in pairs:
            axes.spines[["top", "right"]].set_visible(False)
        sheet, height = drawing.background(made), made.bbox.height
        windows = [axes.get_window_extent() for axes in pairs]
        boxes = tuple((box.x0, height - box.y1, box.x1, height - box.y0) for box in windows)
        reach = [(*axes.get_xlim(), *axes.get_ylim()) for axes in pairs]
        return cls(sheet, boxes, tuple((x0, y0, x1, y1) for x0, x1, y0, y1 in reach))

    def pixel(self, x: float, y: float, number: int = 0) -> tuple[float, float]:
        """Where a point of the axes of that number lies on the sheet."""
        left, top, right, bottom = self.boxes[number]
        x0, y0, x1, y1 = self.limits[number]
        across, up = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
        return float(left + across * (right - left)), float(bottom - up * (bottom - top))

    def point(self, across: float, down: float, number: int = 0) -> tuple[float, float]:
        """The other way round: the point of the axes at a pixel of the sheet."""
        left, top, right, bottom = self.boxes[number]
        x0, y0, x1, y1 = self.limits[number]
        return x0 + (across - left) / (right - left) * (x1 - x0), y0 + (bottom - down) / (bottom - top) * (y1 - y0)

    def begin(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        """A copy of the sheet, and a pen for it."""
        sheet = self.sheet.copy()
        return sheet, ImageDraw.Draw(sheet)


def dot(pen: ImageDraw.ImageDraw, x: float, y: float, colour: str, radius: float = 5.5) -> None:
    """A dot with a dark outline at a pixel of the sheet; the radius in page pixels."""
    r = radius * SCALE
    pen.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline=INK, width=SCALE)
