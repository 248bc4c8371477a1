"""What an explorer shows: panels, words, tables, and what is computed beside the widget."""

import html

import ipywidgets

from .cells import Cell
from .controls import blocks, status


class Shown(Cell):
    """Base of what stands on the page and follows from cells: a method of the explorer, drawn again when it must be.

    Read by its name it is the `HTML` widget.
    """

    def __init__(self, function):
        self.function, self.__doc__ = function, function.__doc__

    def begin(self, explorer):
        explorer._widgets[self] = ipywidgets.HTML(layout={"max_width": "100%"})

    def box(self, explorer):
        return explorer._widgets[self]

    def __get__(self, explorer, owner=None):
        return self if explorer is None else explorer._widgets[self]

    def draw(self, explorer):
        """Draw it where it is not up to date; what went wrong leaves nothing, and is raised."""
        cells = explorer._cells
        if cells.is_fresh(self, explorer):
            return
        cells.forget(self)
        try:
            cells.compute(self, self._drawn, explorer)
        except Exception:
            cells.forget(self)
            cells.values[self] = None
            explorer._widgets[self].value = ""
            raise

    def _drawn(self, explorer):
        result = self.function(explorer)
        explorer._cells.values[self] = result
        explorer._widgets[self].value = "" if result is None else self.as_html(explorer, result)


class panel(Shown):  # a decorator
    """A picture: a method that returns (sheet, alt text), or None where there is nothing to show.

    The base shows it, marks it where it is of phantoms, and keeps it for the still picture.
    """

    def as_html(self, explorer, result):
        return explorer._shown_as(self, *result)

    @property
    def title(self):
        """What it is called in lists."""
        return self.name.strip("_").removesuffix("_shown").replace("_", " ")


class sentences(Shown):  # a decorator
    """Sentences: a method that returns a list of them, or one. They stand in the still picture, too.

    as_blocks  "number: its meaning" as small blocks beside each other
    read_out   whether a screen reader says them when they change
    """

    def __init__(self, function=None, *, as_blocks=False, read_out=False):
        self.as_blocks, self.read_out = as_blocks, read_out
        if function is not None:
            super().__init__(function)

    def __call__(self, function):
        """As `@sentences(as_blocks=True)`."""
        super().__init__(function)
        return self

    def as_html(self, explorer, result):
        lines = [result] if isinstance(result, str) else result
        if self.as_blocks:
            return blocks(lines)
        return "".join(map(status, lines)) if self.read_out else "<br>".join(map(html.escape, lines))


class markup(Shown):  # a decorator
    """HTML: a method that returns it, such as a table. It does not stand in the still picture."""

    def as_html(self, explorer, result):
        return result


class slow(Cell):  # a decorator
    """A value that takes longer than a control may wait. Until it is known, it is None.

    The method reads what it needs and returns `work(tell)`, as a `Job` takes it, or None where there is nothing to
    compute. It is called when what it has read changes, and the explorer's `job` does the work beside the widget: once
    in the foreground, when the explorer is made. As `@slow(button)` it is called at the press of that button only, and
    what it has found is dropped when what it has read changes. `at_once`, a function of the explorer, says whether the
    button is not waited for when the explorer is made.

    There is one job: what starts later takes the place of what still runs.
    """

    def __init__(self, function, at_once=lambda explorer: False):
        self.pressed, self.at_once = None, at_once
        if isinstance(function, Cell):
            self.pressed, function = function, None
        self.function = function

    def __call__(self, function):
        """As `@slow(button)`."""
        self.function, self.__doc__ = function, function.__doc__
        return self

    def begin(self, explorer):
        if self.pressed is None or self.at_once(explorer):
            work = explorer._cells.compute(self, self.function, explorer)
            if work is not None:
                self._found(explorer, work(lambda *_: None))

    def follow(self, explorer):
        """Where what it has read has changed: drop what was found, and begin anew."""
        cells = explorer._cells
        if self.pressed is not None and self not in cells._read or cells.is_fresh(self, explorer):
            return
        if self.pressed is None:
            self.start(explorer)
            return
        if explorer._computing is self:
            explorer.job.cancel()
        cells.forget(self)
        self._found(explorer, None)

    def start(self, explorer):
        """Let the job compute it."""
        self._found(explorer, None)
        work = explorer._cells.compute(self, self.function, explorer)
        if work is not None:
            explorer._compute_beside(self, work)
        elif explorer._computing is self:
            explorer.job.cancel()

    def _found(self, explorer, value):
        explorer._cells.values[self] = value
        explorer._cells.changed(self)

    def __get__(self, explorer, owner=None):
        if explorer is None:
            return self
        explorer._cells.touched(self)
        return explorer._cells.values.get(self)  # None also for what is declared above it
