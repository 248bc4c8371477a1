"""The flow diagram of PRISMA 2020, drawn from a `Flow`: boxes and arrows with places, and those as SVG.

Drawn here and not by the package prisma-flow: that one refuses a flow with a count that is not known, and its
description for who cannot see it is the same for every flow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap

from ..checks import instance
from ..figures.drawing import Diagram, Sheet
from .prisma import UNKNOWN, Flow

WIDE, LETTERS, LINE, PAD, GAP = 224, 34, 16, 8, 30  # pixels of a box; letters, pixels of a line; around; between boxes
LETTER = 11  # pixels of letters
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
class Layout:
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


def diagram(flow: Flow, unknown: str = UNKNOWN) -> Layout:
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
    return Layout(width, top - GAP + PAD, tuple(boxes), tuple(_arrows(texts, left, tops, heights)))


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


def draw_flow(flow: Flow, unknown: str = UNKNOWN) -> Diagram:
    """The flow diagram of PRISMA 2020 of a `Flow`.

    unknown  what stands for a count that is not known

    Raises `InputError` for what is no `Flow`.

    >>> from medtutor.review import draw_flow, flows
    >>> draw_flow(flows()["ali-2023"]).alt[-70:]
    'in review: n = 22, Reports of new included studies: not reported here.'
    """
    shape = diagram(flow, unknown)
    title = ": ".join(filter(None, ("PRISMA 2020 flow diagram", flow.title)))
    sheet = Sheet(title, shape.height, shape.width, heading=False)
    for arrow in shape.arrows:
        sheet.arrow(arrow)
    for box in shape.boxes:
        ground, edge = COLOURS[box.kind]
        sheet.frame(box.left, box.top, box.width, box.height, edge, fill=ground)
        middle = box.left + box.width / 2, box.top + box.height / 2
        if box.kind == "phase":
            sheet.text(middle[0] + 4, middle[1], box.lines[0], size=LETTER, bold=True, upward=True)
            continue
        title_box = box.kind == "title"
        for number, line in enumerate(box.lines):
            sheet.text(
                middle[0] if title_box else box.left + PAD,
                middle[1] + LINE * (number + 1 - len(box.lines) / 2) - 5,
                line.replace("  ", "\u00a0\u00a0"),  # as indented as it was wrapped
                size=LETTER,
                bold=title_box,
                anchor="middle" if title_box else "start",
            )
    return sheet.finish(described(flow, unknown))
