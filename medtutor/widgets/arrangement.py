"""Where controls and panels stand: on the page, and in the still picture."""

import html

import ipywidgets

from . import drawing
from .cells import Cell
from .controls import column, heading
from .output import panel, sentences

MESSAGE = object()  # in a layout: where errors are said
NARROW = 600  # page pixels of a still picture without panels
ROOM = 260  # page pixels beside a row of panels in which its sentences can stand; with less they stand below


class Pane(Cell):
    """Items below each other that are on the page, and in the still picture, only at times; a layout names it.

        walk = Pane(picture, words, visible=lambda self: self.part.value == "walk")

    items    as in a layout, declared above
    visible  a function of the explorer
    """

    def __init__(self, *items, visible):
        self.items, self.visible = items, visible

    def begin(self, explorer):
        explorer._widgets[self] = ipywidgets.VBox()

    def box(self, explorer):
        widget = explorer._widgets[self]
        widget.children = [_placed(explorer, item) for item in self.items]
        return widget

    def follow(self, explorer):
        if not explorer._cells.is_fresh(self, explorer):
            wanted = explorer._cells.compute(self, self.visible, explorer)
            explorer._widgets[self].layout.display = None if wanted else "none"

    def __get__(self, explorer, owner=None):
        return self if explorer is None else explorer._widgets[self]


class Column:
    """In a row of a layout: items below each other; columns stand side by side where the page is wide enough.

    width  CSS width that it has at least, where there is room
    """

    def __init__(self, width, *items):
        self.width, self.items = width, items


def arrange(explorer):
    """Fill the box of an explorer as its `layout` has it."""
    title = html.escape(explorer._title)
    above = [ipywidgets.HTML(f"<h3 style='margin:0'>{html.escape(explorer.heading)}</h3>{title}")]
    if MESSAGE not in explorer.layout:
        above.append(explorer.message)
    explorer.box.children = (
        *above,
        *(_placed(explorer, item) for item in explorer.layout),
        explorer.tools.box,
        explorer.keys,
    )


def _placed(explorer, item):
    """The widget of one item of a layout."""
    if item is MESSAGE:
        return explorer.message
    if isinstance(item, Cell):
        return item.box(explorer)
    if isinstance(item, str):
        return heading(item)
    if isinstance(item, Column):
        return column(item.width, *(_placed(explorer, each) for each in item.items))
    if isinstance(item, ipywidgets.Widget):
        return item
    align = "flex-start" if any(isinstance(each, Column) for each in item) else "center"
    look = {"width": "98%", "max_width": explorer.width} if explorer.width else {}
    return ipywidgets.HBox(
        [_placed(explorer, each) for each in item],
        layout=ipywidgets.Layout(flex_flow="row wrap", align_items=align, **look),
    )


def composed(explorer, layout=None):
    """(sheet, alt text): what is shown, in the order of the layout; rows of panels beside each other.

    layout  left out: as on the page
    """
    rows = [_row(explorer, item) for item in _on_the_page(explorer, explorer.layout if layout is None else layout)]
    width = max((sheet.width for sheet, _ in rows if sheet is not None), default=NARROW * drawing.SCALE)
    caption = explorer._first_line()
    sheets, alts = [], []
    for sheet, said in [(None, [(caption, True)] if caption else []), *rows]:
        lines = [line for line, is_written in said if is_written]
        room = (width - sheet.width) / drawing.SCALE if sheet is not None else 0
        if sheet is not None and lines and room >= ROOM:
            sheet, lines = drawing.beside(sheet, drawing.written(lines, room)), []
        if sheet is not None:
            sheets.append(sheet)
        if lines:
            sheets.append(drawing.written(lines, width / drawing.SCALE))
        alts += [line for line, _ in said]
    return drawing.below(*sheets), " ".join(alts)


def _on_the_page(explorer, items):
    """The items, and those of the panes that are visible in their place."""
    for item in items:
        if not isinstance(item, Pane):
            yield item
        elif explorer._widgets[item].layout.display != "none":
            yield from _on_the_page(explorer, item.items)


def _row(explorer, item):
    """(sheet or None, [(sentence, whether it is to be written)]) of one item of a layout."""
    if isinstance(item, panel):
        kept = explorer._cells.values.get(item)
        return (None, []) if kept is None else (kept[0], [(kept[1], False)])
    if isinstance(item, sentences):
        kept = explorer._cells.values.get(item) or []
        return None, [(line, True) for line in ([kept] if isinstance(kept, str) else kept) if line]
    inside = item.items if isinstance(item, Column) else item if isinstance(item, (list, tuple)) else ()
    parts = [_row(explorer, each) for each in inside]
    sheets = [sheet for sheet, _ in parts if sheet is not None]
    join = drawing.below if isinstance(item, Column) else drawing.beside
    return (join(*sheets) if sheets else None), [line for _, said in parts for line in said]
