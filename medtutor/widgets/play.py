"""What plays a slider like a film, as a control."""

import ipywidgets

from .controls import film
from .declared import Control, _explain


class Play(Control):
    """A button that plays a slider like a film.

    slider    a `Slider` of whole numbers, declared above
    interval  milliseconds between two of its values
    """

    def __init__(self, slider, interval, **declared):
        super().__init__("play", start=False, **declared)
        self.slider, self.interval = slider, interval

    def begin(self, explorer):
        button, player, links = film(explorer._widgets[self.slider], self.interval)
        _explain(button, self.meaning)
        self.keep(explorer, button)
        explorer._cells.values[self] = player
        explorer._roots.extend(links)

    def follow(self, explorer):
        """It plays in the page, as far as the slider goes."""
        explorer._set(explorer._cells.values[self], max=explorer._widgets[self.slider].max)

    def box(self, explorer):
        return ipywidgets.HBox([explorer._widgets[self], explorer._cells.values[self]])

    def lines(self, explorer, value, start):
        return []
