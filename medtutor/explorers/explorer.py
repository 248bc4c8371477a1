"""What every explorer is: a box of widgets, a picture for where no kernel runs, sentences for errors.

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
import traceback

import ipywidgets

from ..errors import MedtutorError
from ..figures import Picture

VIEW = "application/vnd.jupyter.widget-view+json"
# JupyterLab keeps the arrow keys and letters for itself, but for sliders and number fields.
# Radio buttons and open lists (`RadioButtons`, `Select`) cannot be operated by keyboard there: no explorer uses them.
KEYS = "By keyboard: Tab goes on, arrow keys move a slider, Space opens a list or presses a button, Enter chooses."


class Explorer:
    """Base of the explorers. A subclass fills `box` and answers `still`.

    box      the ipywidgets container that is shown where a kernel runs
    message  an HTML widget for sentences about errors; put it into the box
    keys     an HTML widget that says how to do without a mouse; put it below
    """

    def __init__(self):
        self.message = ipywidgets.HTML()
        self.keys = ipywidgets.HTML(f"<small>{KEYS}</small>")
        self.box = ipywidgets.VBox()
        self._quiet = False

    def still(self):
        """A `Picture` of the present state, for pages without a kernel."""
        raise NotImplementedError

    def _set(self, control, **traits):
        """Change a control without answering to it: the callbacks that this would call see `_quiet`."""
        self._quiet = True
        try:
            for trait, value in traits.items():
                setattr(control, trait, value)
        finally:
            self._quiet = False

    def say(self, sentence):
        """Show a sentence to the user, also to one who listens to a screen reader; "" clears it."""
        text = f'<div role="alert"><b>{html.escape(sentence)}</b></div>' if sentence else ""
        self.message.value = text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return live(self.box, self.still())


def live(box, picture):
    """The MIME bundle of a widget with a picture (or any HTML) for where no kernel runs.

    picture  a `Picture`, or a string of HTML that stands in for the widget
    """
    if isinstance(picture, Picture):
        data = picture._repr_mimebundle_()
    else:
        data = {"text/html": picture, "text/plain": "a widget, which needs a running kernel"}
    return {**data, VIEW: {"version_major": 2, "version_minor": 0, "model_id": box.model_id}}


def answering(method):
    """Decorator for an explorer's callbacks: an error becomes a sentence, the widget lives on."""

    @functools.wraps(method)
    def careful(self, *arguments, **options):
        try:
            result = method(self, *arguments, **options)
        except MedtutorError as error:
            self.say(str(error))
        except Exception as error:
            # Unforeseen: where it happened helps whoever mends it.
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.say(f"{type(error).__name__}: {error} (in {place.name}); choose something else, or make the explorer anew")
        else:
            self.say("")
            return result

    return careful


def img(picture, width=None):
    """The `<img alt=…>` of a `Picture`, for an `ipywidgets.HTML`: an `Image` widget has no alt text."""
    return picture._repr_mimebundle_()["text/html"].replace(
        "max-width:100%", f"max-width:100%;width:{width}" if width else "max-width:100%", 1
    )
