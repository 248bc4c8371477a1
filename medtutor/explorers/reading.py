"""A reader study in miniature: twenty X-rays, read without a hint and then with one that is wrong on some of them.

Automation bias is how much more often a reader says what a wrong hint says than the same reader says by himself, of the
same films. The hints are drawn by lot, no network gives them: so it is known which are wrong.
"""

import numpy as np

from ..checks import instance, whole
from ..checks import seed as checked_seed
from ..data.dataset import Dataset
from ..errors import InputError
from ..widgets import MESSAGE, Button, Explorer, State, derived, drawing, on, panel, sentences
from ..widgets.drawing import GAP, INK, SCALE

SIDE = 280  # page pixels of the film
LEAST = 4
COUNT, WRONG = 20, 8  # films, and wrong hints among them, unless others are asked for
NOBODY = "Nobody has read yet."


def reading(dataset: Dataset, *, count: int = COUNT, wrong: int = WRONG, seed: int = 0) -> "ReadingExplorer":
    """The explorer of a reader study: a `ReadingExplorer`, shown by a notebook as a widget.

    dataset  of images and two classes; the films are of its val split, as many of either class as can be
    count    of films, an even number from 4; each is read twice
    wrong    of the hints, from 1
    seed     of films, order and hints

    Nothing is invented: where nobody has read, it says so.

    Raises `InputError` for other data sets, and for more films than there are.

    >>> import medtutor as mt
    >>> from medtutor import explorers
    >>> from medtutor.data import phantoms
    >>> few = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 4, "val": 40, "test": 4})
    >>> explorer = explorers.reading(few, count=4, wrong=2)
    >>> explorer.bias is None  # nobody has read
    True
    >>> explorer.first.click()  # as the reader does
    >>> len(explorer.answers)
    1
    """
    return ReadingExplorer(dataset, count, wrong, seed)


class ReadingExplorer(Explorer):
    """Films, one at a time: first all of them without a hint, then all of them with one.

    first, second  Buttons: the two classes
    undo           Button: takes the last answer back

    answers  [class, …], in the order in which they were given
    bias     share of the wrongly hinted films on which the reader says what the hint says, with the hint minus without;
             None before all is read
    """

    heading, width = "What does a wrong hint do to you?", "700px"
    answers = State(lambda self: [])

    first = Button(lambda self: self._classes[0], meaning="the film shows the first class", width="14em")
    second = Button(lambda self: self._classes[1], meaning="the film shows the second class", width="14em")
    undo = Button("undo", meaning="take the last answer back")

    def __init__(self, dataset, count=COUNT, wrong=WRONG, seed=0):
        self._films, self._truth, self._hints, self._orders = drawn_films(dataset, count, wrong, seed)
        self._classes, self._phantom = dataset.card.classes, dataset.is_phantom
        self._title = f"{len(self._films)} films of {dataset.title}, val split"
        self.call = f"reading(dataset, count={count}, wrong={wrong}, seed={seed})"
        super().__init__()

    @on(first, 0)
    @on(second, 1)
    def _answer(self, said):
        if not self.is_read:
            self.answers = [*self.answers, said]

    @on(undo)
    def _undo(self):
        self.answers = self.answers[:-1]

    # What follows from the answers ----------------------------------------------------------------

    @property
    def is_read(self):
        """Whether all films were read twice."""
        return len(self.answers) == 2 * len(self._films)

    @derived
    def case(self):
        """(with a hint, number of the film), None at the end."""
        done, count = len(self.answers), len(self._films)
        return None if done == 2 * count else (done >= count, int(self._orders[done // count][done % count]))

    @derived
    def _said(self):
        """(2, films): what was said without and with the hint; None before all is read."""
        if not self.is_read:
            return None
        said = np.empty((2, len(self._films)), dtype=int)
        for phase, order in enumerate(self._orders):
            said[phase, order] = self.answers[phase * len(order) : (phase + 1) * len(order)]
        return said

    @derived
    def bias(self):
        if self._said is None:
            return None
        wrong = self._hints != self._truth
        return float(
            np.subtract(*(self._said[phase, wrong] == self._hints[wrong] for phase in (1, 0)), dtype=float).mean()
        )

    # Words and pictures ---------------------------------------------------------------------------

    @sentences(read_out=True)
    def _progress(self):
        done, count = len(self.answers), len(self._films)
        if self.case is None:
            return ["All is read."]
        how = "with a hint, which may be wrong" if self.case[0] else "without a hint"
        lines = [] if done else [f"{NOBODY} First each film without a hint, then each with one."]
        return [*lines, f"Film {done % count + 1} of {count}, {how}."]

    @sentences(read_out=True)
    def _result(self):
        if self._said is None:
            return []
        from scipy.stats import binomtest  # a second to load, and only who has read to the end needs it

        hints, truth = self._hints, self._truth
        wrong = hints != truth
        (before, after), right = (self._said[:, wrong] == hints[wrong]).sum(1), self._said[:, ~wrong] == hints[~wrong]
        toward = int(((self._said[0] != hints) & (self._said[1] == hints)).sum())
        away = int(((self._said[0] == hints) & (self._said[1] != hints)).sum())
        chance = binomtest(toward, toward + away).pvalue if toward + away else 1.0
        return [
            f"Wrong hint, {wrong.sum()} films: you said what it says on {before} without it, on {after} with it."
            f" Automation bias: {self.bias:+.2f}.",
            f"Right hint, {(~wrong).sum()} films: right on {right[0].sum()} without it, on {right[1].sum()} with it.",
            f"Your answer moved toward the hint on {toward} films, away from it on {away}: a fair coin"
            f" is as uneven as that, or more, with a probability of {chance:.2f}. So few films say little, and to"
            " read a film twice changes answers, too.",
        ]

    @panel
    def _film(self):
        if self.case is None:
            return None
        with_hint, number = self.case
        hint = f"hint: {self._classes[self._hints[number]]}" if with_hint else "no hint"
        sheet = drawing.blank(SIDE + 2 * GAP, SIDE + 30)
        film = drawing.Image.fromarray(self._films[number]).resize((SIDE * SCALE, SIDE * SCALE), 0)
        sheet.paste(film, (GAP * SCALE, 2 * SCALE))
        place = (GAP * SCALE, (SIDE + 8) * SCALE)
        drawing.ImageDraw.Draw(sheet).text(place, hint, INK, drawing.font(13, True))
        return sheet, f"Film {len(self.answers) % len(self._films) + 1} of {len(self._films)}, {hint}."

    layout = [MESSAGE, _progress, _film, [first, second, undo], _result]


def drawn_films(dataset, count, wrong, seed):
    """(films (count, H, W, 3), classes, hints, two orders); or an `InputError`."""
    instance("dataset", dataset, Dataset, "a Dataset, such as load and from_arrays give")
    card = dataset.card
    if card.task != "binary" or card.dims != 2 or card.frames:
        raise InputError(f"a reader study is of images with two classes; {card.name} holds others")
    count = whole("count", count, LEAST)
    if count % 2:
        raise InputError(f"count must be even, as many films of either class, not {count}")
    wrong = whole("wrong", wrong, 1, count - 1)
    rng = np.random.default_rng(checked_seed(seed))
    labels = dataset.val.labels.numpy()
    of_class = [np.flatnonzero(labels == number) for number in (0, 1)]
    if min(map(len, of_class)) < count // 2:
        raise InputError(
            f"{count} films need {count // 2} of either class, but the val split has {min(map(len, of_class))} of one;"
            " ask for fewer"
        )
    rows = np.concatenate([rng.choice(own, count // 2, replace=False) for own in of_class])
    hints = labels[rows].copy()
    turned = rng.permutation(count)[:wrong]
    hints[turned] = 1 - hints[turned]
    films = drawing.flat(dataset.val.images[rows])
    return films, labels[rows], hints, (rng.permutation(count), rng.permutation(count))
