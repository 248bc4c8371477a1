"""Parts of the attention explorer: what it can be made of, the buttons over the image."""

from collections.abc import Callable

import ipywidgets

from ..data.card import SPLITS
from ..data.dataset import Dataset
from ..errors import InputError, unknown
from ..explanation import layers
from ..explanation.attention import is_transformer
from ..training.run import Run
from ..widgets import Button, Several, panel
from ..widgets.drawing import SCALE
from .cases import own_dataset


def checked(run: Run, dataset: Dataset | None, cnn: Run | None, split: str) -> Dataset:
    """The data set of the run; or an `InputError`."""
    for name, given in (("run", run), *((("cnn", cnn),) if cnn is not None else ())):
        if not isinstance(given, Run):
            raise InputError(f"{name} is {type(given).__name__}; attention takes a Run: train one with fit(…)")
    if split not in SPLITS:
        raise unknown("split", split, list(SPLITS))
    if run.card.frames or run.card.dims == 3:
        what = "sequences" if run.card.frames else "volumes"
        raise InputError(f"the run is about {what}; the attention explorer shows images only")
    if not is_transformer(run):
        raise InputError(f"{named(run)} has no attention to look at; give a run of 'vit', 'windowed_vit' or 'hybrid'")
    if cnn is not None:
        ours, theirs = (sides((one.card.channels, *one.card.shape)) for one in (run, cnn))
        if ours != theirs or cnn.card.frames:
            raise InputError(
                f"the cnn takes images of {theirs}, the transformer of {ours}; give one for images of the same size"
            )
        if is_transformer(cnn) or not layers(cnn):
            raise InputError(
                f"{named(cnn)} is no CNN with feature maps, so there is no receptive field to show; give a run of 'cnn'"
            )
    return own_dataset(run, dataset)


def stages(maps: dict) -> dict:
    """Of a network's feature maps, {name: shape}, those that no larger part of it gives as well."""

    def is_part(name):
        return any(name.startswith(f"{other}.") and maps[name] == maps[other] for other in maps)

    return {name: shape for name, shape in maps.items() if not is_part(name)}


def lengths(side: int, covered: int, count: int) -> list[float]:
    """Pixels of each patch along a side of the image, as far as they lie in it: the last may reach beyond, others lie
    beyond.

    covered  pixels under all of the `count` patches
    """
    patch = covered / count
    left = (side - number * patch for number in range(count))
    return [min(patch, length) for length in left if length > 1e-6]


def named(run: Run) -> str:
    """What a run's model is called."""
    return getattr(run.model, "name", None) or type(run.model).__name__


def sides(lengths: tuple) -> str:
    """A size in words: "28 x 28"."""
    return " x ".join(map(str, lengths))


def place(spot: tuple) -> str:
    """A place of the grid in words, counted from 1."""
    return f"row {spot[0] + 1}, column {spot[1] + 1}"


# The image, and buttons over it ---------------------------------------------------------------


class Patch(Button):
    """An invisible button; it has a name, and Tab passes it by: the sliders do the same."""

    def made(self, **traits) -> ipywidgets.Button:
        layout = {"width": "auto", "height": "auto", "min_width": "0", "margin": "0", "padding": "0", "border": "none"}
        style = {"button_color": "transparent", "text_color": "transparent", "font_size": "0"}
        return ipywidgets.Button(**traits, tabbable=False, layout=layout, style=style)


class Patches(Several):
    """A `Patch` for each place of a grid, row by row; their number is (rows, columns), a function of the explorer."""

    def __init__(self, grid: Callable):
        super().__init__(
            lambda explorer: [
                Patch(place((row, column)), meaning=place((row, column)))
                for row in range(grid(explorer)[0])
                for column in range(grid(explorer)[1])
            ]
        )

    def follow(self, explorer):
        """Nothing about them changes, and they are many."""


class under(panel):  # a decorator
    """A panel that lies under the buttons of `Patches`; `explorer._lengths` are the heights and widths of these."""

    def __init__(self, patches: Patches):
        self._patches = patches

    def __call__(self, function: Callable) -> "under":
        super().__init__(function)
        return self

    def begin(self, explorer):
        super().begin(explorer)
        down, across = (" ".join(f"{length:g}fr" for length in each) for each in explorer._lengths)
        layout = self._shown(explorer).layout
        layout.margin, layout.grid_area = "0", "image"
        explorer._over = ipywidgets.GridBox(
            explorer._widgets[self._patches],
            layout={
                "grid_area": "image",
                "grid_gap": "0",
                "margin": "0",
                "grid_template_rows": down,
                "grid_template_columns": across,
            },
        )

    def _shown(self, explorer):
        return explorer._widgets[self]

    def box(self, explorer):
        both = self._shown(explorer), explorer._over
        return ipywidgets.GridBox(both, layout={"grid_template_areas": '"image"', "margin": "4px 12px 4px 4px"})

    def as_html(self, explorer, result):
        """The buttons lie over the image, not over what is written below it of phantoms."""
        width, height = (explorer._times(self) * side / SCALE for side in result[0].size)
        self._shown(explorer).layout.width = explorer._over.layout.width = f"{width:.0f}px"
        explorer._over.layout.height = f"{height:.0f}px"
        return super().as_html(explorer, result)
