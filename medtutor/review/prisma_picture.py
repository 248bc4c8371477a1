"""The flow diagram of PRISMA 2020, drawn from a `Flow`: boxes and arrows with places, and those as SVG.

Drawn here and not by the package prisma-flow: that one refuses a flow with a count that is not known, and its
description for who cannot see it is the same for every flow.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from os import PathLike
from textwrap import wrap

from ..checks import instance
from .prisma import UNKNOWN, Flow
from .textfile import write_text

WIDE, LETTERS, LINE, PAD, GAP = 224, 34, 16, 8, 30  # pixels of a box; letters, pixels of a line; around; between boxes
BAR = 26  # pixels of the bars at the left
TITLES = {
    "previous": "Previous studies",
    "new": "Identification of new studies via databases and registers",
    "other": "Identification of new studies via other methods",
}
PHASES = ("Identification", "Screening", "Included")


@dataclass(frozen=True)
class Box:
    """A box of the diagram, in pixels: its corner, its size, its lines; kind "box", "title" or "phase" (written up)."""

    left: int
    top: int
    width: int
    height: int
    lines: tuple[str, ...]
    kind: str = "box"


@dataclass(frozen=True)
class Diagram:
    """Boxes, and arrows ((x, y), …) whose last point is the head, on a sheet of `width` x `height` pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[tuple[tuple[int, int], ...], ...]


def _text(flow: Flow, unknown: str) -> dict[tuple[int, str], list[str]]:
    """{(row, column): entries} of the boxes: columns previous, new, new side, other, other side."""

    def counted(label, count):
        return f"{label}: {unknown if count is None else f'n = {count:,}'}"

    def n(key, label):
        return [counted(label, flow[key])]

    def why(key):
        return [*n(key, "Reports excluded"), *(counted(*each) for each in flow.reasons.get(key, {}).items())]

    identified = ["Records identified from:"]
    if flow["records_identified"] is not None and flow["database_results"] is None:
        identified += n("records_identified", "Databases and registers")
    else:
        identified += n("database_results", "Databases") + n("register_results", "Registers")
    found = {
        (1, "new"): identified,
        (1, "new side"): [
            "Records removed before screening:",
            *n("duplicates", "Duplicate records"),
            *n("excluded_automatic", "Marked as ineligible by automation tools"),
            *n("excluded_other", "Removed for other reasons"),
        ],
        (2, "new"): n("records_screened", "Records screened"),
        (2, "new side"): n("records_excluded", "Records excluded"),
        (3, "new"): n("dbr_sought_reports", "Reports sought for retrieval"),
        (3, "new side"): n("dbr_notretrieved_reports", "Reports not retrieved"),
        (4, "new"): n("dbr_assessed", "Reports assessed for eligibility"),
        (4, "new side"): why("dbr_excluded"),
        (5, "new"): n("new_studies", "New studies included in review")
        + n("new_reports", "Reports of new included studies"),
    }
    if flow.has_other:
        found |= {
            (1, "other"): [
                "Records identified from:",
                *n("website_results", "Websites"),
                *n("organisation_results", "Organisations"),
                *n("citations_results", "Citation searching"),
            ],
            (3, "other"): n("other_sought_reports", "Reports sought for retrieval"),
            (3, "other side"): n("other_notretrieved_reports", "Reports not retrieved"),
            (4, "other"): n("other_assessed", "Reports assessed for eligibility"),
            (4, "other side"): why("other_excluded"),
        }
    if flow.has_previous:
        found |= {
            (1, "previous"): n("previous_studies", "Studies included in previous version of review")
            + n("previous_reports", "Reports of studies included in previous version"),
            (6, "new"): n("total_studies", "Total studies included in review")
            + n("total_reports", "Reports of total included studies"),
        }
    return found


def diagram(flow: Flow, unknown: str = UNKNOWN) -> Diagram:
    """Where boxes and arrows of a flow stand; columns that the flow has not are left out.

    unknown  what stands for a count that is not known

    >>> len(diagram(Flow({"records_screened": 30})).boxes)
    13
    """
    instance("flow", flow, Flow, "a Flow, such as read_flow gives")
    texts = {place: _lines(entries, unknown) for place, entries in _text(flow, unknown).items()}
    columns = [("previous",)] * flow.has_previous + [("new", "new side")] + [("other", "other side")] * flow.has_other
    left = {name: BAR + GAP + number * (WIDE + GAP) for number, name in enumerate(sum(columns, ()))}
    titles = {group[0]: wrap(TITLES[group[0]], LETTERS * len(group)) for group in columns}
    tops, top = {}, PAD
    heights = {0: max(map(len, titles.values())) * LINE + PAD}
    for (row, _), lines in texts.items():
        heights[row] = max(heights.get(row, 0), len(lines) * LINE + 2 * PAD)
    for row in sorted(heights):
        tops[row], top = top, top + heights[row] + GAP
    boxes = [
        Box(left[group[0]], tops[0], len(group) * (WIDE + GAP) - GAP, heights[0], tuple(titles[group[0]]), "title")
        for group in columns
    ]
    boxes += [
        Box(left[column], tops[row], WIDE, heights[row], tuple(lines)) for (row, column), lines in sorted(texts.items())
    ]
    for name, rows in zip(PHASES, ((0, 1), (2, 3, 4), (5, 6))):
        last = max(row for row in rows if row in tops)
        boxes.append(Box(PAD, tops[rows[0]], BAR, tops[last] + heights[last] - tops[rows[0]], (name,), "phase"))
    width = max(box.left + box.width for box in boxes) + PAD
    return Diagram(width, top - GAP + PAD, tuple(boxes), tuple(_arrows(texts, left, tops, heights)))


def _lines(entries, unknown):
    """Entries broken into lines, but never within a count."""
    lines = []
    for entry in entries:
        for words in (unknown, "n = "):
            entry = entry.replace(words, words.replace(" ", "\u00a0"))
        lines += wrap(entry, LETTERS, subsequent_indent="  ")
    return lines


def _arrows(texts, left, tops, heights):
    def middle(row):
        return tops[row] + heights[row] // 2

    for row, column in sorted(texts):
        centre = left[column] + WIDE // 2
        if (row, f"{column} side") in texts:
            yield (left[column] + WIDE, middle(row)), (left[f"{column} side"], middle(row))
        if column in ("new", "other") and row < max(r for r, c in texts if c == column):
            below = min(r for r, c in texts if c == column and r > row)
            yield (centre, tops[row] + heights[row]), (centre, tops[below])
    end = left["new"] + WIDE
    if (4, "other") in texts:  # what came by other methods is included below
        centre = left["other"] + WIDE // 2
        yield (centre, tops[4] + heights[4]), (centre, middle(5)), (end, middle(5))
    if (1, "previous") in texts:
        centre = left["previous"] + WIDE // 2
        yield (centre, tops[1] + heights[1]), (centre, middle(6)), (left["new"], middle(6))


def described(flow: Flow, unknown: str = UNKNOWN) -> str:
    """The diagram in words, box by box, for who cannot see it.

    >>> described(Flow({"records_screened": 30}, title="Knees"))[:57]
    'PRISMA 2020 flow diagram: Knees. Identification of new st'
    """
    texts = _text(flow, unknown)
    parts = [f"PRISMA 2020 flow diagram{f': {flow.title}' if flow.title else ''}."]
    for name, title in TITLES.items():
        boxes = [", ".join(each) for (_, column), each in sorted(texts.items()) if column.startswith(name)]
        if boxes:
            parts.append(f"{title}: {'; '.join(boxes)}.".replace(":,", ":"))
    return " ".join(parts)


COLOURS: Mapping[str, tuple[str, str]] = {  # kind: (ground, edge); the words are black on all of them
    "box": ("#ffffff", "#202020"),
    "title": ("#f5d76e", "#202020"),
    "phase": ("#a9cdea", "#202020"),
}


def svg(flow: Flow, unknown: str = UNKNOWN) -> str:
    """The flow diagram as the text of an SVG file, with title and description for screen readers.

    unknown  what stands for a count that is not known

    >>> svg(Flow({"records_screened": 30})).count("<rect")
    14
    """
    shape = diagram(flow, unknown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{shape.width}" height="{shape.height}"'
        f' viewBox="0 0 {shape.width} {shape.height}" role="img" aria-labelledby="title desc"'
        ' font-family="DejaVu Sans, Verdana, Arial, sans-serif" font-size="11">',
        f'<title id="title">{escape(": ".join(filter(None, ("PRISMA 2020 flow diagram", flow.title))))}</title>',
        f'<desc id="desc">{escape(described(flow, unknown))}</desc>',
        '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>',
        f'<rect width="{shape.width}" height="{shape.height}" fill="white"/>',
    ]
    for arrow in shape.arrows:
        points = " ".join(f"{x},{y}" for x, y in arrow)
        parts.append(f'<polyline points="{points}" fill="none" stroke="#202020" marker-end="url(#head)"/>')
    for box in shape.boxes:
        ground, edge = COLOURS[box.kind]
        parts.append(
            f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{box.height}" fill="{ground}"'
            f' stroke="{edge}"/>'
        )
        parts += _words(box)
    return "\n".join([*parts, "</svg>", ""])


def _words(box):
    middle = box.left + box.width // 2, box.top + box.height // 2
    if box.kind == "phase":
        x, y = middle
        yield (
            f'<text x="{x}" y="{y}" text-anchor="middle" dominant-baseline="central" font-weight="bold"'
            f' transform="rotate(-90 {x} {y})">{escape(box.lines[0])}</text>'
        )
        return
    first = middle[1] - LINE * len(box.lines) // 2 + LINE - 5
    for number, line in enumerate(box.lines):
        place = (
            f'x="{middle[0]}" text-anchor="middle" font-weight="bold"'
            if box.kind == "title"
            else f'x="{box.left + PAD}"'
        )
        yield f'<text {place} y="{first + LINE * number}" xml:space="preserve">{escape(line)}</text>'


@dataclass(frozen=True)
class FlowPicture:
    """A flow diagram as SVG, with the words that say what it shows; a picture in a notebook."""

    svg: str
    alt: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = base64.b64encode(self.svg.encode()).decode()
        alt = escape(self.alt, quote=True)
        image = f'<img alt="{alt}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'
        return {"text/html": image, "text/plain": self.alt}

    def save(self, path: str | PathLike) -> None:
        """Write the SVG file, whole or not at all. Raises `InputError` where that is impossible."""
        write_text(path, self.svg)


def draw_flow(flow: Flow, unknown: str = UNKNOWN) -> FlowPicture:
    """The flow diagram of PRISMA 2020 of a `Flow`.

    unknown  what stands for a count that is not known

    Raises `InputError` for what is no `Flow`.

    >>> from medtutor.review import draw_flow, flows
    >>> draw_flow(flows()["ali-2023"]).alt[-70:]
    'in review: n = 22, Reports of new included studies: not reported here.'
    """
    return FlowPicture(svg(flow, unknown), described(flow, unknown))
