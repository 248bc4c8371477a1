"""Values that follow from each other, as in a spreadsheet.

A cell is declared in the class of an explorer. What a cell is computed from need not be said: whatever it reads by way
of `self.name` while it is computed, it follows. It is computed when it is asked for, and kept until one of the cells
that it has read changes.
"""

import threading

_local = threading.local()


class Cells:
    """The cells of one explorer: their values, their versions, and what each has read.

    A key is a `Cell`, or whatever else can be a key of a dict and is computed from cells.
    """

    def __init__(self):
        self.values, self._versions, self._read, self._checked = {}, {}, {}, {}
        self._moment = 0

    def changed(self, key):
        """Take note that a cell has another value: what has read it is no longer fresh."""
        self._moment += 1
        self._versions[key] = self._moment

    def touched(self, key):
        """Take note that the innermost computation of this thread reads a cell."""
        reading = getattr(_local, "reading", None)
        if reading:
            reading[-1][key] = self._versions.get(key, 0)

    def compute(self, key, function, *given):
        """Call a function, and keep what it has read, also where it fails."""
        stack, begun = _local.__dict__.setdefault("reading", []), self._moment
        stack.append({})
        try:
            return function(*given)
        finally:
            self._read[key] = stack.pop()
            self._checked[key] = begun  # the user may have moved, meanwhile, what it had read before

    def is_fresh(self, key, explorer):
        """Whether nothing that was read for it has changed since."""
        if key not in self._read:
            return False
        begun = self._moment
        if self._checked[key] == begun:
            return True
        for cell, version in self._read[key].items():
            try:
                cell.settle(explorer)
            except Exception:  # said when it is read
                return False
            if self._versions.get(cell, 0) != version:
                return False
        self._checked[key] = begun
        return True

    def forget(self, key):
        """Let it be computed anew."""
        self._read.pop(key, None)

    def has_read(self, key):
        """The cells that it was computed from, and those that they were computed from."""
        found = list(self._read.get(key, ()))
        for cell in found:
            found.extend(each for each in self._read.get(cell, ()) if each not in found)
        return found


class Cell:
    """Base of all that is declared in the class of an explorer."""

    name = ""

    def __set_name__(self, owner, name):
        self.name = name

    def begin(self, explorer):
        """Make what an instance needs, in the order in which cells are declared."""

    def settle(self, explorer):
        """Bring the value up to date."""


class State(Cell):
    """What an explorer remembers beyond its controls: `self.mask = …` lets all follow that has read `self.mask`.

    start  its first value, or a function of the explorer that gives it; `reset` goes back to it
    """

    def __init__(self, start=None):
        self.start = start

    def begin(self, explorer):
        explorer._cells.values[self] = self.start(explorer) if callable(self.start) else self.start
        explorer._cells.changed(self)

    def __get__(self, explorer, owner=None):
        if explorer is None:
            return self
        explorer._cells.touched(self)
        return explorer._cells.values[self]

    def __set__(self, explorer, value):
        explorer._cells.values[self] = value
        explorer._cells.changed(self)


class derived(Cell):  # a decorator
    """A value that follows from controls and other values: a method, read like an attribute, computed when needed.

        @derived
        def cases(self):
            return np.flatnonzero(self.scores > self.threshold.value)

    What it reads must be cells, or never change.
    """

    def __init__(self, function):
        self.function, self.__doc__ = function, function.__doc__

    def settle(self, explorer):
        cells = explorer._cells
        if cells.is_fresh(self, explorer):
            return
        try:
            value = cells.compute(self, self.function, explorer)
        except Exception:
            cells.forget(self)  # else the value before would pass for this one
            raise
        same = isinstance(value, (str, int, float)) and cells.values.get(self, cells) == value
        cells.values[self] = value
        if not same:
            cells.changed(self)

    def __get__(self, explorer, owner=None):
        if explorer is None:
            return self
        with explorer._lock:
            self.settle(explorer)
            explorer._cells.touched(self)
            return explorer._cells.values[self]

    def __set__(self, explorer, value):
        raise AttributeError(f"{self.name} follows from other values; change those")
