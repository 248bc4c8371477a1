"""Controls, named in the class of an explorer; the base makes and observes them.

Whatever a declaration takes may also be a function of the explorer, such as
`options=lambda self: self._card.classes`. It is asked again when what it has read changes: a list gets new options, a
slider another end. `start` as a function is a rule: the control is put there whenever what the rule has read changes;
in between the user moves it. Declare a control below what it follows.
"""

import ipywidgets

from ..errors import InputError
from .cells import Cell
from .controls import _STYLE, _WIDE, FromOne, as_shown
from .job import Job
from .pages import Pages as PagesOf

ENDS = ("min", "max", "step")


class Control(Cell):
    """A labelled control; a subclass says which widget it is.

    description  the label; also a function of the explorer
    meaning      what it does, for who sees it the first time; shown as a tooltip, of a slider with its ends
    start        its first value, or a rule for it; left out: the first option, or what the widget has by itself
    visible      whether it is on the page; also a function of the explorer
    width, label  CSS widths of the whole and of the description
    traits       further traits of the widget

    Raises `InputError` where the meaning is missing.
    """

    kind = ipywidgets.Text

    def __init__(self, description, *, meaning="", start=None, visible=True, width=None, label=None, **traits):
        if not meaning:
            raise InputError(f"the control {description!r} has no meaning; say in meaning=… what it does")
        self.meaning, self._width, self._label = meaning, width, label
        self.followed = {"description": description, **traits, "visible": visible}
        self.start = start

    def begin(self, explorer):
        traits = {
            name: self._asked(explorer, name, given) for name, given in self.followed.items() if name != "visible"
        }
        if self.start is not None:
            traits["value"] = self._asked(explorer, "value", self.start)
        widget = self.made(**traits)
        if "value" in traits:
            widget.value = as_shown(widget, widget.value)
        self.keep(explorer, widget)
        _show(widget, self._asked(explorer, "visible", self.followed["visible"]))
        _explain(widget, self.meaning)

    def made(self, **traits):
        """The widget."""
        layout = {**_WIDE, **({"width": self._width, "max_width": "98%"} if self._width else {})}
        style = {**_STYLE, **({"description_width": self._label} if self._label else {})}
        return self.kind(**traits, style=style, layout=layout)

    def keep(self, explorer, widget):
        explorer._widgets[self] = widget
        explorer._cells.changed(self)
        explorer._hear(self, widget)

    def box(self, explorer):
        """What stands on the page."""
        return explorer._widgets[self]

    def __get__(self, explorer, owner=None):
        if explorer is None:
            return self
        explorer._cells.touched(self)
        try:
            return explorer._widgets[self]
        except KeyError:
            raise AttributeError(
                f"{self.name} is made by Explorer.__init__; call super().__init__() last, and declare {self.name} above"
                " what reads it"
            ) from None

    # Following ----------------------------------------------------------------------------------

    def _asked(self, explorer, name, given):
        if not callable(given):
            return given
        return explorer._cells.compute((self, name), given, explorer)

    def _stale(self, explorer, name):
        given = self.start if name == "value" else self.followed[name]
        return callable(given) and not explorer._cells.is_fresh((self, name), explorer)

    def follow(self, explorer):
        """Bring what is a function of the explorer up to date, quietly."""
        widget, other = explorer._widgets[self], False
        stale = {
            name: given for name, given in self.followed.items() if name != "visible" and self._stale(explorer, name)
        }
        new = {name: self._asked(explorer, name, given) for name, given in stale.items()}
        ends = set(new) & set(ENDS)
        if new.get("max", 0) > getattr(widget, "max", 0):  # the lower end never passes the upper one
            explorer._set(widget, max=new.pop("max"))
        for name, value in new.items():
            if name != "options" or _listed(value) != _listed(self._options(explorer)):
                explorer._set(widget, **{name: value})
                other = other or name == "options"
        if ends:
            _explain(widget, self.meaning)
        if self._stale(explorer, "value") or (other and callable(self.start)):
            value = self._asked(explorer, "value", self.start)
            if value is not None:
                explorer._set(widget, value=value)
        if stale:
            explorer._cells.changed(self)  # what reads the options or an end follows, also where the value stays
        if self._stale(explorer, "visible"):  # last: it may read the control itself
            _show(widget, self._asked(explorer, "visible", self.followed["visible"]))

    def _options(self, explorer):
        return explorer._widgets[self].options

    # Back to the start, and as code ---------------------------------------------------------------

    def value(self, explorer):
        """The present value."""
        return explorer._widgets[self].value

    def at_first(self, explorer):
        """The value that a new explorer has by itself once what it follows stands as now."""
        value = self.start(explorer) if callable(self.start) else None
        return explorer._starts[self.name] if value is None else as_shown(explorer._widgets[self], value)

    def put(self, explorer, value):
        """Set the value quietly; what no longer is among the options stays out."""
        widget = explorer._widgets[self]
        if not hasattr(widget, "_options_values") or value in widget._options_values:
            explorer._set(widget, value=value)

    def lines(self, explorer, value, start):
        """Lines of Python that bring a value back."""
        return [f"explorer.{self.name}.value = {round(value, 9) if isinstance(value, float) else value!r}"]


def _listed(options):
    return list(options.items()) if isinstance(options, dict) else [*options]


def _show(widget, wanted):
    widget.layout.display = None if wanted else "none"


def _explain(widget, meaning):
    """The meaning as a tooltip, with the ends of a slider."""
    if widget.has_trait("min") and widget.has_trait("max"):
        ends = widget.get_state(["min", "max"])  # as the page has them
        meaning = f"{meaning} ({ends['min']:g} to {ends['max']:g})"
    name = "tooltip" if widget.has_trait("tooltip") else "description_tooltip"  # ipywidgets 8, 7
    if widget.has_trait(name):
        widget.set_trait(name, meaning)


class Slider(Control):
    """A slider: an IntSlider where `step` is whole, else a FloatSlider.

    low, high, step  numbers, the ends also functions of the explorer
    """

    def __init__(self, description, low, high, step=1, **declared):
        super().__init__(description, min=low, max=high, step=step, **declared)
        self.kind = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
        if self.start is None:
            self.start = low


class Steps(Control):
    """A slider over a few values: options are values or (words, value)."""

    kind = ipywidgets.SelectionSlider

    def __init__(self, description, options, **declared):
        super().__init__(description, options=options, **declared)


class Choice(Control):
    """A list that opens: options are values or (words, value)."""

    kind = ipywidgets.Dropdown

    def __init__(self, description, options, **declared):
        super().__init__(description, options=options, **declared)


class Buttons(Control):
    """A row of buttons of which one is pressed: options are values or (words, value)."""

    kind = ipywidgets.ToggleButtons

    def __init__(self, description, options, width="98%", **declared):
        super().__init__(description, options=options, width=width, **declared)

    def made(self, **traits):
        widget = super().made(**traits)
        widget.style.button_width = "auto"
        return widget


class Number(Control):
    """A whole number in a field."""

    kind = ipywidgets.BoundedIntText

    def __init__(self, description, low, high, width="12em", **declared):
        super().__init__(description, min=low, max=high, width=width, **declared)
        if self.start is None:
            self.start = low


class Index(Number):
    """An index in a field, from 0 in Python, counted from 1 on the page; `count` is a function of the explorer."""

    kind = FromOne

    def __init__(self, description, count, **declared):
        super().__init__(description, 0, lambda explorer: count(explorer) - 1, **declared)


class Check(Control):
    """A box to tick."""

    kind = ipywidgets.Checkbox

    def __init__(self, description, start=False, width="auto", **declared):
        super().__init__(description, start=start, width=width, indent=False, **declared)


class Switch(Control):
    """One button that stays pressed."""

    kind = ipywidgets.ToggleButton

    def __init__(self, description, start=False, width="auto", **declared):
        super().__init__(description, start=start, width=width, **declared)

    def made(self, **traits):
        return self.kind(**traits, layout={"width": self._width})


class Text(Control):
    """A line of text; a field of several lines where there are `rows`."""

    def __init__(self, description, rows=1, **declared):
        super().__init__(description, **declared, **({"rows": rows} if rows > 1 else {}))
        self.kind = ipywidgets.Textarea if rows > 1 else ipywidgets.Text


class Button(Control):
    """A button; `@on(button)` says what it does. `icon` is a name of Font Awesome's."""

    kind = ipywidgets.Button

    def __init__(self, description, width="auto", **declared):
        super().__init__(description, width=width, **declared)

    def made(self, **traits):
        return self.kind(**traits, layout={"width": self._width})

    def value(self, explorer):
        return None

    def put(self, explorer, value):
        """A button has no state."""


class Upload(Button):
    """A file of the user's own. `accept` is what the browser offers, such as ".png,.jpg"."""

    kind = ipywidgets.FileUpload


class Pages(Control):
    """Pages of a number of items: `self.pages` is a `pages.Pages`, `self.items[self.pages.shown]` stand on the page.

    per_page  items on one
    of        a function of the explorer: the items, or how many; where what it reads changes, the first page is shown
    """

    def __init__(self, per_page, of, description="page", **declared):
        super().__init__(description, **declared)
        self.per_page, self.of = per_page, of

    def begin(self, explorer):
        pages = PagesOf(self.per_page)
        pages.number.description = self.followed["description"]
        explorer._widgets[self] = pages
        explorer._hear(self, pages.number)
        explorer._roots.append(pages.box)
        self.follow(explorer)

    def follow(self, explorer):
        if explorer._cells.is_fresh(self, explorer):
            return
        items = explorer._cells.compute(self, _value, self.of, explorer)
        with explorer._quiet:
            explorer._widgets[self].restart(items if isinstance(items, int) else len(items))
        _explain(explorer._widgets[self].number, self.meaning)
        explorer._cells.changed(self)

    def box(self, explorer):
        return explorer._widgets[self].box

    def value(self, explorer):
        return explorer._widgets[self].number.value

    def put(self, explorer, value):
        explorer._set(explorer._widgets[self].number, value=value)

    def lines(self, explorer, value, start):
        return [f"explorer.{self.name}.number.value = {value}"]


def _value(of, explorer):
    """What a function of the explorer gives, or a cell that was declared above."""
    return of.__get__(explorer) if isinstance(of, Cell) else of(explorer)


class Several(Control):
    """As many controls as the explorer needs: `self.axes` is a list of widgets, and `@on(axes)` gets the number first.

    each  a function of the explorer: a list of controls, such as [Slider(…), Slider(…)], made once
    """

    def __init__(self, each):
        self.each, self.start = each, None

    def begin(self, explorer):
        controls = self.each(explorer)
        explorer._several[self] = controls
        for number, control in enumerate(controls):
            control.name = f"{self.name}[{number}]"
            control.keep = lambda explorer, widget, control=control, number=number: self._keep(
                explorer, control, widget, number
            )
            control.begin(explorer)
        explorer._widgets[self] = [explorer._widgets[control] for control in controls]

    def _keep(self, explorer, control, widget, number):
        explorer._widgets[control] = widget
        explorer._hear(self, widget, number)

    def follow(self, explorer):
        for control in explorer._several[self]:
            control.follow(explorer)

    def box(self, explorer):
        return ipywidgets.VBox([control.box(explorer) for control in explorer._several[self]])

    def value(self, explorer):
        return tuple(control.value(explorer) for control in explorer._several[self])

    def put(self, explorer, value):
        for control, each in zip(explorer._several[self], value):
            control.put(explorer, each)

    def lines(self, explorer, value, start):
        of_each = zip(explorer._several[self], value, start)
        return [line for control, now, then in of_each if now != then for line in control.lines(explorer, now, then)]


class Background(Cell):
    """The `Job` of an explorer, which computes what is `slow`: declared as `job = Background()`, above that.

    always  whether stop and bar are on the page also while nothing runs
    """

    def __init__(self, always=True):
        self.always = always

    def begin(self, explorer):
        explorer._widgets[self] = job = Job(explorer._lock, self.always)
        explorer._roots.append(job.box)
        explorer._hear(self, job.stop)

    def box(self, explorer):
        return explorer._widgets[self].box

    def __get__(self, explorer, owner=None):
        return self if explorer is None else explorer._widgets[self]


def on(control, *given):
    """Decorator: the method answers a control, before what follows from it is computed: `method(self, *given)`.

    Of a `Button` it is what it does; of a `Background`, what happens when stop was pressed. One method may answer
    several controls, each with its own `given`.
    """

    def answers(method):
        method._answers = [*getattr(method, "_answers", []), (control, given)]
        return method

    return answers
