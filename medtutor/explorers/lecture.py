"""The explorers of one Run beside each other, a tab for each: what a lecture needs, without a cell of code."""

import ipywidgets

from ..data import Dataset
from ..errors import InputError
from ..training.run import Run
from ..widgets import Explorer
from .attribution import explore
from .classification import classification


class Lecture(ipywidgets.Tab):
    """A tab for each explorer; widgets of ipywidgets.

    explorers  {title: explorer}, in the order of the tabs
    """

    def __init__(self, explorers: dict[str, Explorer]) -> None:
        super().__init__(children=[each.box for each in explorers.values()])
        self.explorers = explorers
        for place, title in enumerate(explorers):
            self.set_title(place, title)


def lecture(run: Run, dataset: Dataset | None = None) -> Lecture:
    """The explorers that a run has, each in a tab; those that do not take it are left out.

    run      a finished `Run`
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on the run's card

    Raises `InputError` where no explorer takes the run.

    >>> import medtutor as mt
    >>> from medtutor.explorers import lecture
    >>> phantoms = mt.load("breastmnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", phantoms), phantoms, mt.Recipe(epochs=1), progress=False)
    >>> list(lecture(run, phantoms).explorers)
    ['why', 'thresholds']
    """
    dataset = run.dataset() if dataset is None else dataset
    found: dict[str, Explorer] = {}
    first = None
    for title, make in (("why", explore), ("thresholds", classification)):
        try:
            found[title] = make(run, dataset)
        except InputError as error:
            first = first or error
    if not found and first is not None:
        raise first
    return Lecture(found)
