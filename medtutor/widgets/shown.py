"""Which cell shows which explorer, so that widgets live as long as they are on a page, and no longer.

ipywidgets keeps every widget until it is closed. A cell that is run again shows a new explorer in the place of the one
before, whose widgets nobody sees any more: they are closed here. A cell is known by the id that the page gives it.
Without one, as in a run without a page, nothing is closed.
"""

import ipywidgets
from IPython import get_ipython

_cells: dict = {}  # id of a cell: the explorers that it shows
_elsewhere: list = []  # shown outside a cell, or in one without an id
_now: list = []  # shown since the present cell began


def remember(explorer):
    """Take note that the present cell shows an explorer."""
    shell = get_ipython()
    if shell is None:
        return
    for moment, answer in (("pre_run_cell", _began), ("post_run_cell", _ended)):
        shell.events.register(moment, answer)  # a second time it does nothing
    _now.append(explorer)


def _began(_):
    """What was shown between two cells, by a button say, belongs to none of them."""
    _elsewhere.extend(_now)
    _now.clear()


def _ended(result):
    """The cell shows what this run of it has shown; what it showed before is closed, but where it is shown elsewhere,
    too.
    """
    cell, now = _id_of(result), list(_now)
    _now.clear()
    if cell is None:
        _elsewhere.extend(now)
        return
    before = _cells.pop(cell, [])
    if now:
        _cells[cell] = now
    still = {id(each) for each in [*_elsewhere, *(each for listed in _cells.values() for each in listed)]}
    for explorer in before:
        if id(explorer) not in still:
            explorer.close()


def _id_of(result):
    """The id of the cell that was run; None where the page gives none."""
    known = getattr(result.info, "cell_id", None)
    if known is None:  # IPython before 8.3
        known = (getattr(get_ipython(), "parent_header", {}).get("metadata") or {}).get("cellId")
    return known


# Widgets --------------------------------------------------------------------------------------


def widgets(roots):
    """All widgets that hang on some, layouts and styles too, each once, after those that it names."""
    found, seen = [], set()

    def visit(value):
        if isinstance(value, (tuple, list)):
            for each in value:
                visit(each)
        elif isinstance(value, ipywidgets.Widget) and id(value) not in seen:
            seen.add(id(value))
            for name in value.keys:
                visit(getattr(value, name))
            found.append(value)

    visit(list(roots))
    return found


def close(roots):
    """Close all widgets that hang on some."""
    for widget in reversed(widgets(roots)):
        widget.close()


def reopen(roots):
    """Bring back those of the widgets that were closed."""
    for widget in widgets(roots):
        if widget.comm is None:
            widget.open()
            # A closed widget has lost how it is displayed, in ipywidgets 8 and 7.
            for lost in ("_repr_mimebundle_", "_ipython_display_"):
                vars(widget).pop(lost, None)
