"""The generator explorer: what a GAN draws, whether it copies, who can tell it from real, and how it learned.

A generator turns any code, a few dozen random numbers, into an image of nobody.
Here the code moves: from one random code to another, towards the middle, along
the directions to which the pixels respond most. Beside each drawn image stand
the real ones it learned from that are nearest to it, and a yardstick: how near a
real image that was never learned from comes to them. Then a game, "real or drawn?",
with the score of a classifier beside the player's, and the training as a film.
"""

import numpy as np
import torch

from ..data.dataset import Dataset
from ..training.gan import GANRun, draw, spread
from ..widgets import (
    MESSAGE,
    Button,
    Buttons,
    Choice,
    Column,
    Explorer,
    Number,
    Pane,
    Several,
    Slider,
    State,
    Text,
    derived,
    drawing,
    on,
    panel,
    sentences,
)
from ..widgets.controls import number_of
from . import generator_panels as panels
from . import generator_words as words
from .generator_film import Film
from .generator_game import RealOrDrawn
from .generator_panels import DRAWN, FRAME, REAL
from .generator_parts import (
    NO_PATIENT,
    PARTS,
    WALK,
    Place,
    Reference,
    check,
    class_names,
    code_of,
    directions,
    labels_of,
)

REACH = 4.0  # how far a slider of an axis goes, in standard deviations of the prior
STOPS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of an axis, where the sheet of the axes shows it
STEPS = 7  # of the film strip between two codes
SAMPLES = 16
LARGEST_SEED = 9999
SIDE, SMALL = 126, 56  # page pixels of a tile: neighbours, axes


def generator(
    adversary: GANRun,
    dataset: Dataset | None = None,
    split: str = "val",
    trained_on: torch.Tensor | None = None,
    two_sample: float | None = None,
    part: str = WALK,
) -> "GeneratorExplorer":
    """The explorer of a GAN's generator: a `GeneratorExplorer`, shown by a notebook as a widget.

    adversary   a `GANRun`, such as `fit_gan` and `load_gan` return; trained or not
    dataset     the `Dataset` whose train split it learned from; without one there are no real images
                to compare with, and no game
    split       "val" or "test": real images that it did not learn from
    trained_on  uint8 (N, C, H, W): what it learned from, where that is not the whole train split
    two_sample  accuracy 0…1 of a classifier that tells real from drawn images, such as
                `two_sample_accuracy` returns; left out: a button computes it
    part        "walk", "game" or "film": what is shown first

    Raises `InputError` for anything else than a `GANRun`, for images of another size, volumes and
    sequences, and for a generator that draws no numbers.

    >>> from medtutor.explorers import generator
    >>> from medtutor.models.gan import Generator
    >>> from medtutor.training.gan import GANRun
    >>> untrained = GANRun(Generator(latents=8, shape=(28, 28), widths=(16, 8)).eval())
    >>> explorer = generator(untrained)
    >>> explorer.axes[0].value = 2.0
    >>> explorer.still().alt
    'Generator of 8 numbers a code, ... no patient: seed 0, truncation 1.00, moved +2.0 along axis 1. ...'
    """
    return GeneratorExplorer(adversary, dataset, split, trained_on, two_sample, part)


class GeneratorExplorer(RealOrDrawn, Film, Explorer):
    """A generator, walked through, guessed at, and seen while it learned.

    Here are its controls and pictures for the walk; those of `RealOrDrawn` and `Film` come with them.

    point                    float (1, latents): the present code
    image                    uint8 (1, C, H, W): what is drawn there
    distances, neighbours    of the nearest images that it learned from, and their numbers; None without a data set
    """

    heading, width = "Images of nobody", "880px"

    part = Buttons(
        "look at",
        [(label, name) for name, label in PARTS.items()],
        start=lambda self: self._part,
        meaning="one part of the explorer at a time",
    )
    seed = Number("seed", 0, LARGEST_SEED, meaning="of the first random code", width="14em")
    another = Button("another", icon="random", width="8em", meaning="the next seed")
    kind = Choice(
        "class",
        lambda self: [(name, number) for number, name in enumerate(self._names)] or [("none", 0)],
        visible=lambda self: bool(self._names),
        meaning="what the generator is asked for",
    )
    truncation = Slider("truncation", 0.0, 1.5, 0.05, start=1.0, meaning="what the random code is multiplied by")
    axes = Several(lambda self: [_axis(number, share) for number, share in enumerate(self._shares, start=1)])
    home = Button("all sliders back", icon="undo", width="12em", meaning="to the random code itself")
    towards = Number("towards seed", 0, LARGEST_SEED, start=1, meaning="of the second random code", width="14em")
    along = Slider("along", 0.0, 1.0, 0.02, meaning="0: the first code, 1: the second; on the arc between them")
    more = Button("16 others", icon="random", width="9em", meaning="other random codes")
    _sample_seed = State(1000)

    def __init__(self, adversary, dataset=None, split="val", trained_on=None, two_sample=None, part=WALK):
        check(adversary, dataset, split, trained_on, two_sample, part)
        self._adversary, self._generator, self._dataset, self._split = adversary, adversary.generator, dataset, split
        self._part, self._given = part, two_sample
        self._phantom = adversary.provenance == "phantom" or (dataset is not None and dataset.is_phantom)
        self._names = class_names(adversary, dataset)
        self._directions, self._shares = directions(self._generator)
        self._held_out = self._reference = self._learned_labels = None
        if dataset is not None:
            self._held_out, learned = getattr(dataset, split), dataset.train
            self._reference = Reference(learned.images if trained_on is None else trained_on, self._held_out.images)
            self._learned_labels = learned.labels if trained_on is None else None
        self._is_own = dataset is None or adversary.provenance in ("arrays", dataset.provenance)
        self._near_to = "image that it learned from" if self._is_own else "image of the data set"
        self._caution = words.caution(adversary, dataset, self._reference, self._is_own)
        self._title = words.title(adversary, dataset, self._caution)
        given = ["dataset" if dataset else None, split, "trained_on" if trained_on is not None else None]
        self.call = "generator(adversary, {}, {!r}, {}, {!r}, {!r})".format(*given, two_sample, part)
        super().__init__()

    # Codes ------------------------------------------------------------------------------------

    @on(another)
    def _next_seed(self):
        self.seed.value = (self.seed.value + 1) % (LARGEST_SEED + 1)

    @on(home)
    def _went_home(self):
        for control in (*self.axes, self.along):
            self._set(control, value=0.0)
        self._set(self.truncation, value=1.0)

    @on(more)
    def _drew_more(self):
        self._sample_seed += 1

    @property
    def _class(self):
        """The number of the class that is asked for; None where the generator knows none."""
        return self.kind.value if self._generator.classes else None

    @derived
    def _place(self):
        ends, moves = (self.seed.value, self.towards.value), tuple(number_of(axis) for axis in self.axes)
        return Place(*ends, self.along.value, self.truncation.value, moves, self._class)

    @derived
    def point(self):
        return self._place.code(self._generator, self._directions)

    def _drawn(self, codes):
        """uint8 (N, C, H, W) of codes (N, latents), of the chosen class."""
        return draw(self._generator, codes, labels_of(self._generator, self.kind.value, len(codes)))

    @derived
    def image(self):
        return self._drawn(self.point)

    @derived
    def _nearest(self):
        if self._reference is None:
            return None, None
        distances, numbers = self._reference.nearest(self.image)
        return distances[0], numbers[0]

    distances = property(lambda self: self._nearest[0])
    neighbours = property(lambda self: self._nearest[1])

    def _where(self):
        """The present code in words."""
        return self._place.words(self._names)

    code = Text(
        "as code",
        rows=8,
        start=lambda self: self._place.lines(),
        meaning="lines of Python that draw this image",
        width="880px",
        label="5em",
    )

    # The drawn image and its neighbours -------------------------------------------------------

    @sentences(read_out=True)
    def _point_words(self):
        said = words.of_code(self._where(), self.point)
        if self.distances is not None:
            said += f" The nearest {self._near_to} is at {self.distances[0]:.2f}."
            said += words.nearness(self._reference, self.distances, self._split) if self._is_own else ""
        return said

    _copies = sentences(lambda self: words.COPIES)
    _nameless = sentences(lambda self: words.NAMELESS)

    @panel
    def _point_shown(self):
        return self._draw_point()

    def _draw_point(self):
        label = "no patient" if self._class is None else f"{self._names[self._class]}, no patient"
        sheet = panels.rows(self.image, [label], "Drawn by a GAN", SIDE, DRAWN)
        alt = f"An image {NO_PATIENT}: {self._where()}."
        if self.distances is None:
            return sheet, alt
        labels = [words.label(self._learned_labels, self._dataset, number) for number in self.neighbours]
        near = list(zip(self.distances, labels, self.neighbours))
        captions = [f"{far:.2f}  {label or f'#{number + 1}'}" for far, label, number in near]
        images, title = self._reference.images[self.neighbours], f"The nearest {self._near_to}, two more"
        sheet = drawing.beside(sheet, drawing.blank(6, 1), panels.rows(images, captions, title, SIDE, REAL))
        each = ", ".join(f"{number + 1}{f' ({label})' if label else ''} at {far:.2f}" for far, label, number in near)
        alt += f" The nearest {self._near_to}, and two more: {each}."
        if self._is_own:
            real = self._reference.real
            sheet = drawing.beside(sheet, self._yardstick.at(self.distances[0] / panels.farthest(real)))
            alt += f" Half of the real {self._split} images are nearer to theirs than {np.median(real):.2f}."
        return sheet, alt

    @derived
    def _yardstick(self):
        return panels.yardstick(self._reference.real, self._split)

    # Rows of drawn images ---------------------------------------------------------------------

    @panel
    def _axes_shown(self):
        """For each axis the image of the seed moved by each of STOPS; no other slider counts."""
        code, seed = code_of(self._generator, self.seed.value), self.seed.value
        images = self._drawn(torch.cat([code + stop * axis for axis in self._directions for stop in STOPS]))
        captions = [f"{stop:+g}" if stop else "0" for stop in STOPS]
        titles = [f"axis {number}, {share:.0%} of the response" for number, share in enumerate(self._shares, start=1)]
        parts = [
            panels.rows(part, captions, title, SMALL, DRAWN) for part, title in zip(images.split(len(STOPS)), titles)
        ]
        above = drawing.written([f"Seed {seed}, moved: {NO_PATIENT}"], parts[0].width / drawing.SCALE)
        return drawing.below(above, *parts), (
            f"Images {NO_PATIENT}: the code of seed {seed}, truncation 1, moved along each of {len(parts)} axes by"
            f" {', '.join(captions)} standard deviations."
        )

    def _far(self, images):
        """(captions, sentence): how far each image is from the nearest real one; ([], "") without a data set."""
        if self._reference is None:
            return [], ""
        far = [f"{distance:.2f}" for distance in self._reference.nearest(images, 1)[0][:, 0]]
        return far, f" Distances to the nearest {self._near_to}: {', '.join(far)}."

    @derived
    def _strip(self):
        """The film strip between the two codes, without its mark; and distances in words."""
        shares, ends = np.linspace(0, 1, STEPS), (self.seed.value, self.towards.value)
        places = [Place(*ends, float(share), self.truncation.value) for share in shares]
        images = self._drawn(torch.cat([place.code(self._generator, self._directions) for place in places]))
        far, said = self._far(images)
        title = f"Seed {ends[0]} to seed {ends[1]}: {NO_PATIENT}{'; how far along: distance' if far else ''}"
        captions = [
            f"{share:.2f}{': ' if far else ''}{distance}" for share, distance in zip(shares, far or [""] * STEPS)
        ]
        return drawing.below(panels.rows(images, captions, title, FRAME, DRAWN), drawing.blank(1, 14)), said

    @panel
    def _strip_shown(self):
        (strip, far), share = self._strip, self.along.value
        return panels.marked(strip, share, STEPS), (
            f"{STEPS} images {NO_PATIENT}, from seed {self.seed.value} to seed {self.towards.value}, marked at"
            f" {share:.2f}.{far}"
        )

    @panel
    def _samples_shown(self):
        truncation = self.truncation.value
        images = self._adversary.sample(SAMPLES, self._class, seed=self._sample_seed, truncation=truncation)
        said, (captions, far) = f"differ by {spread(images):.0f} grey levels{self._real_spread}", self._far(images)
        kind = f"{self._names[self._class]}, " if self._names else ""
        return panels.rows(images, captions, f"D{NO_PATIENT[1:]}; they {said}", FRAME, DRAWN, 2), (
            f"{SAMPLES} images {NO_PATIENT}: {kind}truncation {truncation:.2f}; they {said}.{far}"
        )

    @derived
    def _real_spread(self):
        """How much real images differ, of the same class where there are such, in words."""
        labels = self._learned_labels if self._names else None
        if self._dataset is None:
            real = self._adversary.real_spread
        else:
            images = self._reference.images if labels is None else self._reference.images[labels == self.kind.value]
            real = spread(images[:256]) if len(images) > 1 else None
        mixed = " of all classes" if self._names and labels is None else ""
        return f", real ones{mixed} by {real:.0f}" if real else ""

    _walk = Pane(
        _point_shown,
        _point_words,
        _copies,
        [Column("400px", [seed, another], kind, truncation, axes, home, _nameless), Column("330px", _axes_shown)],
        "From one random code to another",
        [towards, along],
        _strip_shown,
        "Sixteen at random, of what is chosen above",
        more,
        _samples_shown,
        code,
        visible=lambda self: self.part.value == WALK,
    )
    _panes = property(lambda self: dict(zip(PARTS, (self._walk, self._game, self._film))))
    layout = [part, MESSAGE, _walk, RealOrDrawn._game, Film._film]


def _axis(number, share):
    """The slider of one of the `directions`, which has a share of the whole response."""
    meaning = "moves the code along this direction, in standard deviations of the prior"
    label = f"axis {number}, {share:.0%}"
    return Slider(label, -REACH, REACH, 0.1, start=0.0, readout_format="+.1f", meaning=meaning)
