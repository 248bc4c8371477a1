"""What every explorer is: a box of widgets, a picture for where no kernel runs, sentences for errors.

An explorer is declared, not wired: controls, values that follow from them, and panels are named in its class.

    class Squares(Explorer):
        heading = "How do squares grow?"
        side = Slider("side", 1, 9, start=3, meaning="length of a side")
        colour = Choice("colour", lambda self: self._colours, meaning="of the square")

        def __init__(self, colours):
            self._colours = colours
            super().__init__()  # last: it makes the widgets, and draws

        @derived
        def area(self):  # computed when it is asked for, kept until the slider moves
            return self.side.value**2

        @panel
        def picture(self):
            return drawing.written([f"{self.colour.value}, {self.area}"], 200), f"A square of {self.area}"

        layout = [[side, colour], "The square", picture]

The same cell output must serve three readers. With a kernel, JupyterLab takes
the widget. In a published notebook, on GitHub or on a static page there is
none: the reader gets the picture, with its alt text. And where something inside
goes wrong, the explorer says so in a sentence and stays alive.

One case needs a setting. A notebook that was run and saved in JupyterLab is trusted
there; opened again, Lab looks for the widget and writes "model not found" until the
cell is run, unless "Save Widget State Automatically" is on. `medtutor lab` turns it on.
"""

import functools
import html
import inspect
import threading
import traceback
import weakref
from collections.abc import Sequence

import ipywidgets

from ..errors import MedtutorError
from ..figures import Picture
from . import drawing, shown
from .access import CLASS, mending
from .arrangement import Pane, arrange, composed
from .cells import Cell, Cells, State
from .controls import as_shown
from .declared import Background, Control
from .output import Shown, panel, slow
from .silence import Silence
from .tools import Tools, as_code

VIEW = "application/vnd.jupyter.widget-view+json"
# JupyterLab keeps the arrow keys and letters for itself, but for sliders and number fields.
# Radio buttons and open lists (`RadioButtons`, `Select`) cannot be operated by keyboard there: no explorer uses them.
KEYS = "By keyboard: Tab goes on, arrow keys move a slider, Space opens a list or presses a button, Enter chooses."
SAME = 1e-3  # of a step: what differs by less is the same place of a slider


def answering(method):
    """Decorator for an explorer's callbacks: an error becomes a sentence, the widget lives on.

    Where one callback calls another, the outermost speaks: what went wrong within is not wiped away by what went well
    around it. It also brings up to date what follows from what was changed.
    """

    @functools.wraps(method)
    def careful(self, *arguments, **options):
        with self._lock:
            if self._in_callback:
                return method(self, *arguments, **options)
            with self._in_callback:
                result = problem = None
                try:
                    result = method(self, *arguments, **options)
                except Exception as error:
                    problem = error
                problem = self._refresh(problem)
                self.say(sentence(problem) if problem is not None else "")
                return result

    return careful


class Explorer:
    """Base of the explorers. A subclass declares controls, values and panels, and where they stand.

    heading  the title, a question; `self._title`, where there is one, is written below it
    layout   what stands below each other: controls, panels and words; a string is a small title; a list is a row, a
             `Column` within it stands beside the rest; `MESSAGE` is where errors are said, else below the heading
    width    CSS width that no row exceeds
    call     what makes it, for `copy as code`: "classification(run, dataset)"

    box      the ipywidgets container that is shown where a kernel runs
    message  an HTML widget for sentences about errors
    keys     an HTML widget that says how to do without a mouse
    tools    `Tools`: reset, save picture, copy as code, a panel large
    job      the `Job` of what takes longer than a control may wait; None where nothing does

    A subclass that declares nothing fills `box`, lets its controls be answered with `_on`, and answers `_composed`.

    An explorer that a cell shows lives as long as the cell shows it. One that stands nowhere and that nobody holds
    takes its widgets along; so hold it as long as its `box` stands in a container of your own.
    """

    heading, call = "", ""
    width: str | None = None
    layout: Sequence = ()
    job = None
    _phantom = False  # whether the pictures are of phantoms
    _title = ""
    _declared: dict[str, Cell] = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        named = {name: each for klass in reversed(cls.__mro__) for name, each in vars(klass).items()}
        cls._declared = {name: each for name, each in named.items() if isinstance(each, Cell)}
        cls._handlers = {}
        for name, method in named.items():
            for control, given in getattr(method, "_answers", ()) if inspect.isfunction(method) else ():
                cls._handlers.setdefault(control, []).append((name, given))

    def __init__(self):
        self.message = ipywidgets.HTML()
        self.keys = ipywidgets.HTML(f"<small>{KEYS}</small>{mending()}")
        self.box = ipywidgets.VBox()
        self.box.add_class(CLASS)
        self._lock = threading.RLock()  # a job may show what it has found just when the user moves something
        self._quiet, self._in_callback = Silence(), Silence()
        self._roots = [self.box, self.message, self.keys]
        self._cells, self._widgets, self._several = Cells(), {}, {}
        self._computing = None
        weakref.finalize(self, shown.close, self._roots).atexit = False
        if self._declared:
            self._begin_declared()

    # What is declared -----------------------------------------------------------------------------

    def _begin_declared(self):
        """Make the controls, arrange them, and draw."""
        problem = None
        for cell in self._declared.values():
            try:
                cell.begin(self)
            except Exception as error:
                if not isinstance(cell, slow):
                    raise
                problem = error
        self.tools = Tools(self)
        arrange(self)
        self._draw_first(problem)
        self._starts = {name: cell.value(self) for name, cell in self._declared_controls.items()}

    @answering
    def _draw_first(self, problem):
        if problem is not None:
            raise problem

    @property
    def _declared_controls(self):
        """{name: its declaration} of the controls."""
        return {name: cell for name, cell in self._declared.items() if isinstance(cell, Control)}

    def _hear(self, cell, widget, *which):
        """Let a declared control be heard."""
        self._roots.append(widget)
        weak = weakref.WeakMethod(self._heard)  # ipywidgets keeps every widget alive, and must not keep the explorer

        def heard(told):
            method = weak()
            if method is not None and not _is_echo(told):
                method(cell, which)

        if isinstance(widget, ipywidgets.Button):
            widget.on_click(heard)
        else:
            widget.observe(heard, "value")

    def _heard(self, cell, which):
        """A declared control has another value, or was pressed."""
        self._cells.changed(cell)
        if not self._quiet:
            self._handle(cell, which)

    @answering
    def _handle(self, cell, which):
        if isinstance(cell, Background):
            self._computing = None
        for each in self._declared.values():
            if isinstance(each, slow) and each.pressed is cell:
                each.start(self)
        for name, given in self._handlers.get(cell, ()):
            getattr(self, name)(*which, *given)

    def _refresh(self, problem=None):
        """Bring up to date whatever follows from something that has changed.

        Returns the first error: the one that is given, or one of its own. What else can be drawn is drawn.
        """
        if not self._declared:
            return problem
        self.tools.clear()
        for act, kinds in (("follow", (Control, slow, Pane)), ("draw", (Shown,))):
            for cell in self._declared.values():
                if isinstance(cell, kinds):
                    try:
                        getattr(cell, act)(self)
                    except Exception as error:
                        problem = problem or error
        return problem

    def _compute_beside(self, cell, work):
        """Let the job compute a `slow` value."""
        self._computing = cell
        self._begin_job(work, functools.partial(self._computed, cell))

    @answering
    def _computed(self, cell, result):
        self._computing = None
        cell._found(self, result)

    # Below the panels -----------------------------------------------------------------------------

    @answering
    def _tool_reset(self):
        """Put all controls, and what is remembered, back to the start."""
        for name, start in self._starts.items():
            control = self._declared[name]
            if not callable(control.start):  # a rule brings its control back by itself
                control.put(self, start)
            else:
                self._cells.forget((control, "value"))
            control.follow(self)
        for cell in self._declared.values():
            if isinstance(cell, State):
                cell.begin(self)

    def _tool_save(self):
        self._offer(lambda: self.tools.offer_file(self.still(), f"{self._kind}.png"))

    def _tool_code(self):
        self._offer(lambda: self.tools.offer_code(self._code()))

    @answering
    def _tool_large(self):
        for cell in self._declared.values():
            if isinstance(cell, panel):
                self._cells.forget(cell)

    def _offer(self, make):
        """What is offered stays until something changes: nothing is brought up to date for it."""
        try:
            make()
        except Exception as error:
            self.say(sentence(error))

    def _code(self):
        """Lines of Python that show the same again; a subclass may know better."""
        return as_code(self)

    @property
    def _kind(self):
        return type(self).__name__.removesuffix("Explorer").lower()

    def _first_line(self):
        """The first line of the still picture."""
        return f"{self._title}." if self._title else ""

    def still(self, small=False):
        """A `Picture` of the present state, for pages without a kernel.

        small  as a notebook keeps it beside the widget: of at most `drawing.SMALL` bytes, and nothing is computed for
               it
        """
        with self._lock:
            return self._finished(*self._composed(), small=small)

    def _composed(self):
        """(sheet, alt text) of what is on the page; by itself as `layout` has it."""
        return composed(self)

    def _finished(self, sheet, alt, small=False):
        """A `Picture` of a sheet, which says so where it is of phantoms."""
        return drawing.finished(sheet, alt, phantom=self._phantom, small=small)

    def _shown_as(self, cell, sheet, alt):
        """The HTML of a sheet."""
        return img(self._finished(sheet, alt), width=f"{self._times(cell) * sheet.width / drawing.SCALE:.0f}px")

    def _times(self, cell):
        """How much larger than usual a panel is shown."""
        return 2 if self._declared and self.tools.large.value == cell.name else 1

    def _on(self, control, answer, *given):
        """Let a method answer a control: its new value, or the press of a button.

        given  what it is called with; left out: with the change, or the button, as ipywidgets tells it

        What `_set` sets is no move of the user's, nor is what a browser sends back of it: both stay unanswered.
        """
        self._roots.append(control)
        # ipywidgets keeps every widget alive, and a widget must not keep the explorer alive.
        weak = weakref.WeakMethod(answer)

        def heard(told):
            method = weak()
            if method is not None and not method.__self__._quiet and not _is_echo(told):
                method(*(given or (told,)))

        if isinstance(control, ipywidgets.Button):
            control.on_click(heard)
        else:
            control.observe(heard, "value")

    def _set(self, control, **traits):
        """Change a control without answering it; a slider is put where a browser would round it to."""
        with self._quiet:
            for trait, value in traits.items():
                setattr(control, trait, as_shown(control, value) if trait == "value" else value)

    def _begin_job(self, work, done):
        """Let the `job` compute `work(tell)` beside the widget; `done(result)`, a method that is `answering`, shows
        it.
        """
        self.job.start(work, done, self._failed)

    def say(self, words):
        """Show a sentence to the user, also to one who listens to a screen reader; "" clears it."""
        self.message.value = f'<div role="alert"><b>{html.escape(words)}</b></div>' if words else ""

    @answering
    def _failed(self, error):
        self._computing = None
        raise error

    def close(self):
        """Take the widgets off every page, and out of memory; shown again, the explorer brings them back."""
        with self._lock:
            if self.job is not None and self.job.running:
                self.job.cancel()
                if self._computing is not None and self._computing.pressed is None:
                    self._cells.forget(self._computing)  # shown again, it begins anew
        shown.close(self._roots)

    @answering
    def _begin_anew(self):
        """Compute what was broken off when the explorer was closed: nobody presses a button for it."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        shown.reopen(self._roots)
        automatic = (cell for cell in self._declared.values() if isinstance(cell, slow) and cell.pressed is None)
        if not all(self._cells.is_fresh(cell, self) for cell in automatic):
            self._begin_anew()
        shown.remember(self)
        try:
            picture = self.still(small=True)
        except Exception as error:  # the widget may well work
            picture = f"<p>{html.escape(sentence(error))}</p>"
        return live(self.box, picture)


def live(box, picture):
    """The MIME bundle of a widget with a picture (or any HTML) for where no kernel runs.

    picture  a `Picture`, or a string of HTML that stands in for the widget
    """
    if isinstance(picture, Picture):
        data = picture._repr_mimebundle_()
    else:
        data = {"text/html": picture, "text/plain": "a widget, which needs a running kernel"}
    return {**data, VIEW: {"version_major": 2, "version_minor": 0, "model_id": box.model_id}}


def sentence(error):
    """An error in words, for whoever can do something about it."""
    if isinstance(error, MedtutorError):
        return str(error)
    # Unforeseen: where it happened helps whoever mends it.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (in {place.name}); choose something else, or make the explorer anew"


def _is_echo(told):
    """Whether a change is none: a browser sends back what it was given with a last digit of its own
    (0.7000000000000001).
    """
    slider = getattr(told, "owner", None)  # a button tells itself
    return isinstance(slider, ipywidgets.FloatSlider) and abs(told.new - told.old) < SAME * slider.step


def img(picture, width=None):
    """The `<img alt=…>` of a `Picture`, for an `ipywidgets.HTML`: an `Image` widget has no alt text."""
    return picture._repr_mimebundle_()["text/html"].replace(
        "max-width:100%", f"max-width:100%;width:{width}" if width else "max-width:100%", 1
    )
