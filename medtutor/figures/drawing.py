"""What every drawn diagram is made of: boxes, feature maps and arrows as SVG, and the words that say the same.

A `Sheet` is drawn on, and gives a `Diagram`. Each arrow is told: the alt text is made from the boxes that the arrows
join, so it cannot say anything else than the picture. Words are measured before they are written, with a font that
is wider than the common ones: what a reader's browser takes in its place still fits.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from os import PathLike

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from ..files import write_text
from .canvas import GREY

WIDE = 760  # pixels, of a notebook's page
INK, EDGE, QUIET = "#202020", "#D0D0D0", "#595959"  # QUIET: words that matter less
FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
MEASURED = "DejaVu Sans"  # comes with matplotlib, and is about an eighth wider than those above
SMALL, PLAIN, LARGE = 12, 13, 16  # pixels of letters
SUBSCRIPT = 11
SLANT = 0.4  # how far a map's depth runs to the right and up, as a share of its columns
Point = tuple[float, float]


@dataclass(frozen=True)
class Diagram:
    """A finished drawing: the text of an SVG file, and the text that says what it shows."""

    svg: str = field(repr=False)
    alt: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        # As an image, not as SVG in the page: there its names would meet those of other diagrams.
        data = base64.b64encode(self.svg.encode()).decode()
        alt = escape(self.alt, quote=True)
        tag = f'<img alt="{alt}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'
        return {"text/html": tag, "text/plain": self.alt}

    def save(self, path: str | PathLike) -> None:
        """Write the SVG file, whole or not at all. Raises `InputError` where `path` can be none."""
        write_text(path, self.svg)


@dataclass(frozen=True)
class Node:
    """What stands on a sheet and arrows lead to: its name with its shape, and its sides in pixels."""

    name: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def west(self) -> Point:
        return self.left, self.y

    @property
    def east(self) -> Point:
        return self.right, self.y

    @property
    def north(self) -> Point:
        return self.x, self.top

    @property
    def south(self) -> Point:
        return self.x, self.bottom


def shaped(shape: Sequence[int]) -> str:
    """A shape as it is written: 24 × 28 × 28.

    >>> shaped((24, 28, 28)).split()  # its spaces do not break a line
    ['24', '×', '28', '×', '28']
    """
    return " × ".join(map(str, shape)).replace(" ", "\u00a0")


def tint(colour: str, share: float = 0.22) -> str:
    """A colour mixed with white: black words can be read on it.

    >>> tint("#0072B2")
    '#c7e0ee'
    """
    return "#" + "".join(f"{round(255 - share * (255 - int(colour[at : at + 2], 16))):02x}" for at in (1, 3, 5))


@cache
def measured(words: str, size: float = PLAIN, bold: bool = False) -> float:
    """How wide words are, in pixels; with `_{…}` for a subscript.

    >>> 50 < measured("attention", 13) < 80
    True
    """
    font = FontProperties(family=MEASURED, weight="bold" if bold else "normal")
    font.set_size(size)
    wide = 0.0
    for part, low in _parts(words):
        font.set_size(SUBSCRIPT if low else size)
        wide += TextToPath().get_text_width_height_descent(part, font, False)[0] if part else 0
    return wide


def _parts(words):
    """[(words, whether they are a subscript), …]"""
    for number, part in enumerate(re.split(r"_\{(.*?)\}", words)):
        yield part, number % 2 == 1


def spoken(words: str) -> str:
    """Words without the marks of a subscript.

    >>> spoken("h_{t−1}")
    'h(t−1)'
    """
    return re.sub(r"_\{(.*?)\}", r"(\1)", words)


def document(width: float, height: float, title: str, alt: str, parts: Iterable[str]) -> str:
    """The text of an SVG file with a title and a description; a white sheet, so that it reads alike on a dark page."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
            f' viewBox="0 0 {width:g} {height:g}" role="img" font-family="{FONT}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(alt)}</desc>",
            f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="8" fill="#ffffff"'
            f' stroke="{EDGE}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


class Sheet:
    """A white sheet, `width` x `height` pixels; x runs to the right, y down.

    title    its name, for screen readers
    heading  whether the title is written on the sheet, too
    """

    def __init__(self, title: str, height: float, width: float = WIDE, heading: bool = True) -> None:
        self.title, self.height, self.width = title, height, width
        self._parts: list[str] = []
        self._flows: list[tuple[str, str, str]] = []
        self._told: list[str] = []
        if heading:
            self.text(20, 30, title, size=LARGE, bold=True, anchor="start")

    # --- words ---

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = SMALL,
        bold: bool = False,
        anchor: str = "middle",
        colour: str = INK,
        upward: bool = False,
    ) -> None:
        """One line; y is where its letters stand. `upward` is turned around (x, y), to be read from below."""
        line, lowered = "", False
        for part, low in _parts(words):
            if low:
                line += f'<tspan dy="3" font-size="{SUBSCRIPT}">{escape(part)}</tspan>'
            elif part:
                line += f'<tspan dy="-3">{escape(part)}</tspan>' if lowered else escape(part)
            lowered = low
        weight = ' font-weight="bold"' if bold else ""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upward else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}{turn}>'
            f"{line}</text>"
        )

    def lines(self, x: float, y: float, lines: Sequence[str], *, gap: float = 16, **how) -> None:
        """Lines below each other, the first at y."""
        for number, words in enumerate(lines):
            self.text(x, y + number * gap, words, **how)

    def tell(self, x: float, y: float, lines: Sequence[str], *, size: float = SMALL, bold: bool = False) -> None:
        """A remark, which the alt text has, too."""
        self.lines(x, y, lines, gap=17, anchor="start", size=size, bold=bold)
        told = spoken(" ".join(lines))
        self._told.append(told if told.endswith(".") else f"{told}.")

    # --- things ---

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: Sequence[str],
        *,
        colour: str = GREY,
        shape: Sequence[int] | None = None,
        name: str | None = None,
        size: float = PLAIN,
        dashed: bool = False,
    ) -> Node:
        """A layer: a rounded box around the middle (x, y), its lines inside, and the shape of what it gives."""
        left, top = x - width / 2, y - height / 2
        self.frame(left, top, width, height, colour, fill=tint(colour), dashed=dashed)
        written = [*lines, *([shaped(shape)] if shape is not None else [])]
        first = y - (len(written) - 1) * 8 + size * 0.35
        for number, words in enumerate(written):
            self.text(x, first + number * 16, words, size=SMALL if number >= len(lines) else size)
        return Node(named(name or " ".join(lines), shape), left, top, left + width, top + height)

    def slab(
        self,
        x: float,
        y: float,
        size: tuple[float, float, float],
        colour: str,
        *,
        name: str = "",
        shape: Sequence[int] | None = None,
        split: float | None = None,
        other: str = GREY,
    ) -> Node:
        """A feature map around the middle (x, y): thickness for channels, height for rows, depth for columns.

        size   (thickness, height, depth) in pixels
        split  share of the channels that have `colour`, the rest has the `other`
        """
        thick, high, deep = size
        right, up = deep * SLANT, deep * SLANT * 0.75
        left, top = x - (thick + right) / 2, y - (high - up) / 2
        node = Node(named(name, shape), left, top - up, left + thick + right, top + high)
        cuts = [(left, thick, colour)]
        if split is not None:
            cuts = [(left, thick * split, colour), (left + thick * split, thick * (1 - split), other)]
        for start, across, ink in cuts:
            self._face(
                [(start, top), (start + across, top), (start + across, top + high), (start, top + high)], ink, 0.4
            )
            ahead = [(start + right, top - up), (start + across + right, top - up)]
            self._face([(start, top), *ahead, (start + across, top)], ink, 0.2)
        end = left + thick
        self._face(
            [(end, top), (end + right, top - up), (end + right, top - up + high), (end, top + high)], cuts[-1][2], 0.65
        )
        return node

    def _face(self, points, colour, share):
        place = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(
            f'<polygon points="{place}" fill="{tint(colour, share)}" stroke="{colour}" stroke-linejoin="round"/>'
        )

    def sign(self, x: float, y: float, words: str, name: str, *, radius: float = 13, colour: str = INK) -> Node:
        """An operation, such as "+", in a circle."""
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{tint(colour)}" stroke="{colour}"'
            ' stroke-width="1.5"/>'
        )
        self.text(x, y + 5.5, words, size=LARGE)
        return Node(spoken(name), x - radius, y - radius, x + radius, y + radius)

    def frame(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        colour: str = EDGE,
        *,
        fill: str = "none",
        dashed: bool = False,
    ) -> None:
        """A rounded frame, by its corner."""
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" fill="{fill}"'
            f' stroke="{colour}" stroke-width="1.5"{dashes}/>'
        )

    def node(self, name: str, shape: Sequence[int] | None, *sides: float) -> Node:
        """What was drawn from lines and frames, as a thing: its left, top, right and bottom."""
        return Node(named(name, shape), *sides)

    # --- lines ---

    def line(self, points: Sequence[Point], colour: str = INK, *, dashed: bool = False, width: float = 1.5) -> None:
        """A line without a head."""
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        place = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(
            f'<polyline points="{place}" fill="none" stroke="{colour}" stroke-width="{width}"'
            f' stroke-linejoin="round"{dashes}/>'
        )

    def arrow(self, points: Sequence[Point], colour: str = INK, *, dashed: bool = False, width: float = 1.5) -> None:
        """A line whose last point is the head. The head is drawn, not a marker: a marker needs a name of its own."""
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        back = x1 - 8 * dx, y1 - 8 * dy
        self.line([*points[:-1], back], colour, dashed=dashed, width=width)
        sides = [(back[0] - 4.5 * dy, back[1] + 4.5 * dx), (back[0] + 4.5 * dy, back[1] - 4.5 * dx)]
        place = " ".join(f"{x:.1f},{y:.1f}" for x, y in [(x1, y1), *sides])
        self._parts.append(f'<polygon points="{place}" fill="{colour}"/>')

    def flow(
        self,
        start: Node,
        end: Node,
        points: Sequence[Point] | None = None,
        *,
        by: str = "",
        colour: str = INK,
        dashed: bool = False,
    ) -> None:
        """An arrow from one thing to another, told in the alt text: `by` what is done on the way."""
        if points is None:
            points = [start.east, end.west] if end.left >= start.right else [start.south, end.north]
            if end.left < start.right and end.bottom <= start.top:
                points = [start.north, end.south]
        self.arrow(points, colour, dashed=dashed)
        self.told(start, end, by=by)

    def told(self, start: Node, end: Node, *, by: str = "") -> None:
        """In the alt text alone: an arrow that is drawn in parts."""
        self._flows.append((start.name, end.name, by))

    def finish(self, alt: str | None = None) -> Diagram:
        """The diagram. Its alt text is made from what was drawn, where none is given."""
        if alt is None:
            alt = " ".join([f"Diagram: {self.title}.", _told(self._flows), *self._told])
        return Diagram(document(self.width, self.height, self.title, alt, self._parts), alt)


def named(name: str, shape: Sequence[int] | None) -> str:
    """What the alt text calls a thing.

    >>> named("x_{t}", (48,))
    'x(t) (48)'
    """
    return spoken(name) + (f" ({' x '.join(map(str, shape))})" if shape is not None else "")


def _told(flows):
    """Arrows as sentences: one that begins where the last has ended goes on with its sentence."""
    sentences: list[str] = []
    last = None
    for start, end, by in flows:
        step = f", {spoken(by)}, to {end}" if by else f" to {end}"
        if start == last:
            sentences[-1] += step
        else:
            sentences.append((start[:1].upper() + start[1:] if start[1:2].isalpha() else start) + step)
        last = end
    return " ".join(f"{sentence}." for sentence in sentences)
