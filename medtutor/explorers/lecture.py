"""The explorers that fit one Run, one of them at a time: what a lecture needs, without a cell of code."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import ipywidgets

from ..data import Dataset
from ..errors import InputError, unknown
from ..review.frontier import DATASET
from ..training.gan_run import GANRun
from ..training.run import Run
from ..widgets import Explorer
from ..widgets.access import CLASS, mending
from ..widgets.controls import status
from ..widgets.explorer import sentence
from . import attention_parts, confidence_parts, features_parts, segmentation_parts, sequence_clips
from .attention import attention
from .attribution import AttributionExplorer
from .cases import check_classes, check_no_sequences, own_dataset
from .classification import checked_predictions, classification
from .confidence import confidence
from .draw_mask import checked_number, draw_mask
from .features import features
from .frontier import frontier
from .generator import generator
from .monitor import checked_images, monitor
from .reading import COUNT, WRONG, drawn_films, reading
from .segmentation import segmentation
from .sequence import sequence

SPLIT = "val"  # of the explorers that look at one: the test split is read once, at the end


class Kind(NamedTuple):
    """An explorer that may fit a run: both take (run, its data set).

    check  raises `InputError` where it does not fit; takes no time to speak of
    make   gives the explorer
    """

    check: Callable[[Run, Dataset], object]
    make: Callable[[Run, Dataset], Explorer]


def _check_frontier(run, dataset):
    if (run.card.name, run.card.size) != (DATASET, 28):
        raise InputError(f"it shows models of {DATASET} at 28 pixels, and the run is about {run.card.name}")


def _of_data(explorer):
    return lambda run, dataset: explorer(dataset)


# In the order in which they are offered. Explorers of groups, codes, tables or the review are none of a saved run's.
KINDS = {
    "attribution": Kind(lambda run, dataset: (check_no_sequences(run), check_classes(run)), AttributionExplorer),
    "classification": Kind(lambda run, dataset: checked_predictions(run, dataset, SPLIT), classification),
    "confidence": Kind(lambda run, dataset: confidence_parts.check(run, dataset, SPLIT), confidence),
    "features": Kind(lambda run, dataset: features_parts.checked(run, dataset, SPLIT), features),
    "attention": Kind(lambda run, dataset: attention_parts.checked(run, dataset, None, SPLIT), attention),
    "segmentation": Kind(lambda run, dataset: segmentation_parts.checked(run, dataset, SPLIT, {}), segmentation),
    "sequence": Kind(lambda run, dataset: sequence_clips.checked(run, dataset, SPLIT, None), sequence),
    "monitor": Kind(lambda run, dataset: checked_images(run, dataset, SPLIT), monitor),
    "draw_mask": Kind(lambda run, dataset: checked_number(dataset, "train", None), _of_data(draw_mask)),
    "reading": Kind(lambda run, dataset: drawn_films(dataset, COUNT, WRONG, 0), _of_data(reading)),
    "frontier": Kind(_check_frontier, lambda run, dataset: frontier()),
}


class Lecture(ipywidgets.VBox):
    """A row of buttons, one for each explorer, and the explorer whose button is pressed.

    makers     {name: a function that makes the explorer}, in the order of the buttons

    chosen     ToggleButtons: the name of the one that is shown
    explorers  {name: explorer}, of those that were opened: each is made the first time that it is chosen
    message    an HTML widget for sentences about errors
    """

    def __init__(self, makers: dict[str, Callable[[], Explorer]]) -> None:
        self.explorers: dict[str, Explorer] = {}
        self._makers = makers
        self._places = {name: ipywidgets.VBox() for name in makers}
        self.chosen = ipywidgets.ToggleButtons(
            options=[(name.replace("_", " "), name) for name in makers],
            description="explorer",
            style={"description_width": "7em", "button_width": "auto"},
            layout={"width": "98%", "display": None if len(makers) > 1 else "none"},
        )
        self.message = ipywidgets.HTML()
        # Each explorer brings the same script for its own box.
        above = ipywidgets.VBox([self.chosen, self.message, ipywidgets.HTML(mending())])
        above.add_class(CLASS)
        super().__init__([above, *self._places.values()])
        self.chosen.observe(lambda told: self._show(told.new), "value")
        self._show(self.chosen.value)

    def _show(self, name):
        for each, place in self._places.items():
            place.layout.display = None if each == name else "none"
        self.message.value = ""
        if name in self.explorers:
            return
        self.message.value = status(f"{name.replace('_', ' ')} is being made …")
        try:
            self.explorers[name] = self._makers[name]()
        except Exception as error:
            self.message.value = status(sentence(error))
            return
        self._places[name].children = [self.explorers[name].box]
        self.message.value = ""


def fitting(run: Run | GANRun, dataset: Dataset | None = None, only: str | None = None) -> dict[str, Callable]:
    """{name: a function that makes the explorer}, of the explorers that fit a run; arguments and errors as of
    `lecture`.
    """
    found: dict[str, Callable] = {}
    reasons: dict[str, InputError] = {}
    if isinstance(run, GANRun):
        found["generator"] = partial(generator, run, dataset)
    else:
        dataset = own_dataset(run, dataset, sequences=True)
        for name, kind in KINDS.items():
            try:
                kind.check(run, dataset)
                found[name] = partial(kind.make, run, dataset)
            except InputError as error:
                reasons[name] = error
    if not found:
        raise next(iter(reasons.values()))
    if only is None:
        return found
    if only in reasons:
        raise InputError(f"{only} does not fit this run: {reasons[only]}. What fits: {', '.join(found)}")
    if only not in found:
        raise unknown("explorer", only, list(found))
    return {only: found[only]}


def lecture(run: Run | GANRun, dataset: Dataset | None = None, only: str | None = None) -> Lecture:
    """The explorers that fit a run, behind a button each; an explorer is made when it is opened.

    run      a finished `Run`, or a `GANRun`
    dataset  of a `Run`, the `Dataset` that it was trained on; left out: loaded by the name on the run's card. A
             `GANRun` does without: then there are no real images to compare with
    only     the name of one explorer, which is shown alone

    Raises `InputError` where no explorer fits the run, where the data set is not the run's own, and for a name that is
    unknown or does not fit; the sentence names those that do.

    >>> import medtutor as mt
    >>> from medtutor.explorers import lecture
    >>> phantoms = mt.load("breastmnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", phantoms), phantoms, mt.Recipe(epochs=1), progress=False)
    >>> shown = lecture(run, phantoms)
    >>> [name for _, name in shown.chosen.options]
    ['attribution', 'classification', 'confidence', 'monitor', 'reading']
    >>> shown.chosen.value = "classification"  # as its button does
    >>> list(shown.explorers)
    ['attribution', 'classification']
    """
    return Lecture(fitting(run, dataset, only))
