"""Controls of the attribution explorer alone: the options of the chosen method, and the lines of code."""

import ipywidgets

from ..explanation import METHODS
from ..widgets.controls import number_of, of_option
from ..widgets.declared import Control


class Settings(Control):
    """The options of the method that `explorer.method` names, in a VBox; made once, so that each method keeps its own.

    `@on(settings)` gets the name of the method whose option was moved.
    """

    def __init__(self):
        self.start = None

    def begin(self, explorer):
        explorer._widgets[self] = box = ipywidgets.VBox()
        explorer._roots.append(box)
        explorer._options = {}
        self.follow(explorer)

    def of(self, explorer, method):
        """{option: its control} of a method."""
        made = explorer._options
        if method not in made:
            defaults, shape = self._defaults(explorer, method), tuple(explorer._card.shape)
            made[method] = {
                option.name: of_option(option, defaults[option.name], shape) for option in METHODS[method].options
            }
            for control in made[method].values():
                explorer._hear(self, control, method)
            self.fit_stride(explorer, method)
        return made[method]

    def chosen(self, explorer, method):
        """The options of a method as sorted pairs."""
        explorer._cells.touched(self)
        return tuple(sorted((name, number_of(control)) for name, control in self.of(explorer, method).items()))

    def fit_stride(self, explorer, method):
        """A stride wider than the window would leave pixels out."""
        controls = self.of(explorer, method)
        if "stride" in controls:
            explorer._set(controls["stride"], max=controls["window"].value)

    def follow(self, explorer):
        box, controls = explorer._widgets[self], tuple(self.of(explorer, explorer.method.value).values())
        if box.children != controls:
            box.children = controls

    @staticmethod
    def _defaults(explorer, method):
        return METHODS[method].complete({}, tuple(explorer._card.shape))

    # Back to the start, and as code ---------------------------------------------------------------

    def value(self, explorer):
        return {method: dict(self.chosen(explorer, method)) for method in explorer._options}

    def put(self, explorer, value):
        """All methods' options go back to their defaults."""
        for method, controls in explorer._options.items():
            for name, default in self._defaults(explorer, method).items():
                explorer._set(controls[name], value=default)
            self.fit_stride(explorer, method)

    def lines(self, explorer, value, start):
        method = explorer.method.value
        defaults = self._defaults(explorer, method)
        return [
            f"explorer.settings.children[{number}].value = {number_of(control)!r}"
            for number, (name, control) in enumerate(self.of(explorer, method).items())
            if number_of(control) != defaults[name]
        ]


class Lines(Control):
    """Lines of text that follow from the rest: `start` is the rule."""

    kind = ipywidgets.Textarea

    def made(self, **traits):
        return self.kind(**traits, layout={"width": "98%", "height": "12em"}, style={"description_width": "5em"})

    def lines(self, explorer, value, start):
        return []
