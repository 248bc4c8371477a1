"""The generator explorer: what a GAN draws, whether it copies, who can tell it from real, and how it learned.

A generator turns any code, a few dozen random numbers, into an image of nobody.
Here the code moves: from one random code to another, towards the middle, along
the directions to which the pixels respond most. Beside each drawn image stand
the real ones it learned from that are nearest to it, and a yardstick: how near a
real image that was never learned from comes to them. Then a game, "real or drawn?",
with the score of a classifier beside the player's, and the training as a film.
"""

import html
from functools import cached_property

import ipywidgets
import numpy as np
import torch
from PIL import ImageDraw

from ..data.card import SPLITS
from ..errors import InputError, unknown
from ..figures import GREY
from ..metrics.generative import domain_features, two_sample_accuracy
from ..training.gan import GANRun, draw, spread
from ..widgets import drawing
from ..widgets.controls import buttons, choice, column, film, heading, number_of, slider, status
from ..widgets.drawing import GAP, SCALE
from ..widgets.explorer import Explorer, answering
from ..widgets.job import Job
from . import generator_panels as panels
from .generator_panels import DRAWN, REAL, YELLOW
from .generator_parts import NO_PATIENT, Game, Reference, code_of, directions, labels_of, ratio

REACH = 4.0  # how far a slider of an axis goes, in standard deviations of the prior
STOPS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of an axis, where the sheet of the axes shows it
STEPS = 7  # of the film strip between two codes
SAMPLES = 16
JUDGED = 500  # images of each kind that the classifier is asked about
LAST = 10  # answers of the game that stay on the page
LARGEST_SEED = 9999

SIDE, SMALL, FRAME, LARGE = 140, 56, 84, 224  # page pixels of a tile: neighbours, axes, strip and samples, game
WALK, GAME, FILM = "walk", "game", "film"
PARTS = {WALK: "walk among the codes", GAME: "real or drawn?", FILM: "the training as a film"}
NAMELESS = (
    "Tried out at 8 random codes: along these directions the pixels change most. "
    "What a direction means, if it means anything, is for you to see; nobody named it."
)
COPIES = (
    "A copy is near to one image and far from all others. A smooth, blurred image is near to many: small distances"
    " alone prove nothing, so look at the two pictures. A copy that was moved or mirrored is not found this way."
)


def generator(adversary, dataset=None, split="test", trained_on=None, two_sample=None, part=WALK):
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
    """
    return GeneratorExplorer(adversary, dataset, split, trained_on, two_sample, part)


# The explorer ---------------------------------------------------------------------------------


class GeneratorExplorer(Explorer):
    """A generator, walked through, guessed at, and seen while it learned.

    part                     ToggleButtons: walk, game or film
    seed, towards, along     two random codes, and how far from one to the other, 0…1
    kind                     Dropdown: the class that is asked for, where the generator knows classes
    truncation               FloatSlider: what the code is multiplied by
    axes                     FloatSliders: moves along the `directions`, in standard deviations of the prior
    another, home, more      Buttons: the next seed, all sliders back, other samples
    code                     Textarea: the present image as Python lines
    real, drawn, again       Buttons: the two answers, and a new game
    classify, job            Button and `Job`: a classifier plays too
    moment, play             IntSlider from 1 and ToggleButton: the moment of the film

    point                    float (1, latents): the present code
    image                    uint8 (1, C, H, W): what is drawn there
    distances, neighbours    of the nearest images that it learned from, and their numbers; None without a data set
    game                     `Game`, or None without a data set
    two_sample, floor        the classifier's accuracy on drawn against real images, and on real ones that were
                             learned from against real ones that were not; None where not known
    """

    def __init__(self, adversary, dataset=None, split="test", trained_on=None, two_sample=None, part=WALK):
        super().__init__()
        _check(adversary, dataset, split, trained_on, two_sample, part)
        self._adversary, self._generator, self._dataset, self._split = adversary, adversary.generator, dataset, split
        self._phantom = adversary.provenance == "phantom" or (dataset is not None and dataset.is_phantom)
        self._names = _class_names(adversary, dataset)
        self._directions, self._shares = directions(self._generator)
        self._reference = None if dataset is None else _reference(dataset, split, trained_on)
        self._learned_labels = None if dataset is None or trained_on is not None else dataset.train.labels
        self.two_sample, self.floor, self._games, self.game, self._spreads = two_sample, None, 0, None, {}
        of_what = "" if dataset is None else f" on {dataset.title}"
        self._title = f"Generator of {self._generator.latents} numbers a code, after {adversary.steps:,} steps{of_what}"
        self._is_own = dataset is None or adversary.provenance in ("arrays", dataset.provenance)
        self._near_to = "image that it learned from" if self._is_own else "image of the data set"
        self._caution = self._cautioned()
        self._make_walk()
        self._make_game()
        self._make_film()
        self._arrange()
        self._begin(part)

    def _composed(self):
        sheet, alt = {WALK: self._still_walk, GAME: self._still_game, FILM: self._still_film}[self.part.value]()
        width = max(sheet.width / SCALE, 560)
        sheet = drawing.below(drawing.written([f"{self._title}. {self._caution}".strip()], width), sheet)
        return sheet, f"{self._title}. {self._caution} {alt}"

    def _still_walk(self):
        point = self._point_sheet
        words = drawing.written([self._point_sentence()], point.width / SCALE)
        beside = drawing.beside(self._axes_sheet, drawing.written([f"Axes: {NAMELESS}", COPIES], 330))
        sheet = drawing.below(point, words, beside, self._strip_sheet, self._samples_sheet)
        return sheet, " ".join([self._point_alt, self._axes_alt, self._strip_alt, self._samples_alt])

    def _still_game(self):
        if self.game is None:
            return drawing.written([self._no_game], 560), self._no_game
        right = drawing.below(
            self._scores_sheet, drawing.written([self._score_sentence()], self._scores_sheet.width / SCALE)
        )
        sheet = drawing.below(drawing.beside(self._turn_sheet, right), self._answered_sheet)
        return sheet, " ".join([self._turn_alt, self._scores_alt, self._answered_alt])

    def _still_film(self):
        if not self._steps:
            return drawing.written([self._no_film], 560), self._no_film
        words = drawing.written([self._moment_sentence()], self._frame_sheet.width / SCALE)
        return drawing.below(self._frame_sheet, words, self._course_sheet), f"{self._frame_alt} {self._course_alt}"

    # What there is ----------------------------------------------------------------------------

    def _cautioned(self):
        """What keeps the real images from being those that it learned from, in words; "" where nothing does."""
        if self._dataset is None:
            return "No data set was given: nothing real to compare with."
        learned, given = self._adversary.provenance, self._dataset.provenance
        if not self._is_own:
            return (
                f"This generator learned from {_KINDS.get(learned, learned)}, the data set here is of "
                f"{_KINDS.get(given, given)}: it did not learn from these, and nearness says nothing about copies."
            )
        count, here = self._adversary.settings.get("images"), len(self._reference.images)
        if count is not None and count != here:
            return f"It learned from {count:,} images, and {here:,} are searched here."
        if len(self._reference.numbers) < here:
            return (
                f"{len(self._reference.numbers):,} of the {here:,} images are searched; a copy of another goes unseen."
            )
        return ""

    def _label_words(self, number):
        """The label of an image that it learned from, or ""."""
        labels = self._learned_labels
        if labels is None or labels.dim() != 1 or labels.is_floating_point():
            return ""
        return self._dataset.card.classes[int(labels[number])]

    # The controls -----------------------------------------------------------------------------

    def _make_walk(self):
        self.seed, self.towards = _number("seed", 0), _number("towards seed", 1)
        self.another = ipywidgets.Button(description="another", icon="random", layout={"width": "8em"})
        self.along = slider("along", 0.0, 0.0, 1.0, 0.02, "0: the first code, 1: the second; on the arc between them")
        self.kind = choice("class", [(name, number) for number, name in enumerate(self._names)] or [("none", 0)])
        self.kind.layout.display = None if self._names else "none"
        self.truncation = slider("truncation", 1.0, 0.0, 1.5, 0.05, "what the random code is multiplied by")
        self.axes = [
            slider(f"axis {number + 1}, {share:.0%}", 0.0, -REACH, REACH, 0.1, "standard deviations of the prior")
            for number, share in enumerate(self._shares)
        ]
        for axis in self.axes:
            axis.readout_format = "+.1f"
        self.home = ipywidgets.Button(description="all sliders back", icon="undo", layout={"width": "12em"})
        self.more = ipywidgets.Button(description="16 others", icon="random", layout={"width": "9em"})
        self.code = ipywidgets.Textarea(
            description="as code",
            layout={"width": "98%", "max_width": "880px", "height": "9em"},
            style={"description_width": "5em"},
        )
        for control in (self.seed, self.kind, self.truncation):
            self._on(control, self._other_code)
        self._on(self.towards, self._other_end)
        self._on(self.along, self._went_along)
        for axis in self.axes:
            self._on(axis, self._moved)
        self._on(self.another, self._next_seed)
        self._on(self.home, self._went_home)
        self._on(self.more, self._drew_more)

    def _make_game(self):
        self.real = ipywidgets.Button(description="Real", icon="user", layout={"width": "9em", "height": "3em"})
        self.drawn = ipywidgets.Button(description="Drawn", icon="pencil", layout={"width": "9em", "height": "3em"})
        self.again = ipywidgets.Button(description="new game", icon="undo", layout={"width": "9em"})
        self.classify = ipywidgets.Button(
            description="let a classifier try", icon="calculator", layout={"width": "14em"}
        )
        self.job = Job(self._lock)
        self._on(self.real, self._answered, True)
        self._on(self.drawn, self._answered, False)
        self._on(self.again, self._new_game)
        self._on(self.classify, self._asked_a_classifier)

    def _make_film(self):
        history = self._adversary.history
        self._steps = [] if self._adversary.film is None else [0, *(row["step"] for row in history)]
        last = max(len(self._steps), 1)
        self.moment = slider("moment", last, 1, max(last, 2), 1)
        self.moment.layout.max_width = "560px"
        self.play, self._player, links = film(self.moment, interval=400)
        self._roots.extend(links)
        self._on(self.moment, self._other_moment)

    def _arrange(self):
        (
            self._point_shown,
            self._axes_shown,
            self._strip_shown,
            self._samples_shown,
            self._turn_shown,
            self._scores_shown,
            self._answered_shown,
            self._frame_shown,
            self._course_shown,
        ) = (ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(9))
        self._point_words, self._verdict, self._score_words, self._moment_words = (ipywidgets.HTML() for _ in range(4))
        line = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="98%", max_width="880px")
        high = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="98%", max_width="880px")
        sliders = column(
            "400px",
            ipywidgets.HBox([self.seed, self.another], layout=line),
            self.kind,
            self.truncation,
            *self.axes,
            self.home,
            ipywidgets.HTML(f"<small>{NAMELESS}</small>"),
        )
        walk = [
            self._point_shown,
            self._point_words,
            ipywidgets.HTML(f"<small>{COPIES}</small>"),
            ipywidgets.HBox([sliders, column("330px", self._axes_shown)], layout=high),
            heading("From one random code to another"),
            ipywidgets.HBox([self.towards, self.along], layout=line),
            self._strip_shown,
            heading(f"Sixteen at random, of this {'class and ' if self._names else ''}truncation"),
            self.more,
            self._samples_shown,
            self.code,
        ]
        answers = ipywidgets.HBox([self.real, self.drawn], layout=line)
        game = [
            ipywidgets.HBox(
                [self._turn_shown, column("440px", answers, self._verdict, self._scores_shown, self._score_words)],
                layout=high,
            ),
            self._answered_shown,
            ipywidgets.HBox([self.classify, self.job.box, self.again], layout=line),
        ]
        moments = [
            ipywidgets.HBox([self.moment, self.play, self._player], layout=line),
            self._frame_shown,
            self._moment_words,
            self._course_shown,
        ]
        self._no_game = "There is no game without real images; give the data set too: generator(adversary, dataset)."
        self._no_film = "This GANRun has no film; fit_gan makes one while it trains."
        game = game if self._dataset is not None else _instead(self._no_game, game)
        moments = moments if self._steps else _instead(self._no_film, moments)
        self._panes = {name: ipywidgets.VBox(pane) for name, pane in ((WALK, walk), (GAME, game), (FILM, moments))}
        self.part = buttons("look at", [(words, name) for name, words in PARTS.items()])
        self._on(self.part, self._other_part)
        caution = f"<br><b>{html.escape(self._caution)}</b>" if self._caution else ""
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>Images of nobody</h3>{html.escape(self._title)}{caution}"),
            self.part,
            self.message,
            *self._panes.values(),
            self.keys,
        )

    def _begin(self, part):
        self._sample_seed = 1000
        self._draw_axes()
        self._take_strip()
        self._take_point()
        self._draw_samples()
        if self._dataset is not None:
            self._start_game()
        self._set(self.part, value=part)
        self._show_part()
        if self._steps:
            self._draw_moment()  # its charts take too long for the press of a button

    # What the user did ------------------------------------------------------------------------

    @answering
    def _other_part(self, _):
        self._show_part()

    def _show_part(self):
        for name, pane in self._panes.items():
            pane.layout.display = None if name == self.part.value else "none"

    @answering
    def _other_code(self, change):
        if change["owner"] is not self.truncation:
            self._draw_axes()
        if change["owner"] is not self.seed:
            self._draw_samples()
        self._take_strip()
        self._take_point()

    @answering
    def _other_end(self, _):
        self._take_strip()
        self._take_point()

    @answering
    def _went_along(self, _):
        self._take_point()
        self._mark_strip()

    @answering
    def _moved(self, _):
        self._take_point()

    def _next_seed(self, _):
        self.seed.value = (self.seed.value + 1) % (LARGEST_SEED + 1)

    @answering
    def _went_home(self, _):
        for control in (*self.axes, self.along):
            self._set(control, value=0.0)
        self._set(self.truncation, value=1.0)
        self._take_strip()
        self._take_point()
        self._draw_samples()

    @answering
    def _drew_more(self, _):
        self._sample_seed += 1
        self._draw_samples()

    @answering
    def _answered(self, is_real):
        self.game.answer(is_real)
        self._draw_game()

    @answering
    def _new_game(self, _):
        self._games += 1
        self._start_game()

    @answering
    def _asked_a_classifier(self, _):
        self._begin_job(self._classified, self._found_accuracy)

    def _classified(self, tell):
        """Work of the `Job`: a classifier is asked what the player is asked."""
        held_out, random = getattr(self._dataset, self._split), np.random.default_rng(0)
        chosen = torch.from_numpy(random.permutation(len(held_out))[:JUDGED])
        labels = held_out.labels[chosen] if self._generator.classes else None
        sets = [held_out.images[chosen], self._adversary.sample(len(chosen), labels, seed=1)]
        learned = self._reference.images
        rows = _alike(None if labels is None else self._learned_labels, labels, len(learned), len(chosen), random)
        sets.append(learned[rows])
        parts, found = [[], [], []], 0
        for place, images in enumerate(sets):
            for some in images.tensor_split(max(1, len(images) // 50)):  # parts of at least 50, not a small last one
                tell(0.9 * found / sum(map(len, sets)), "looking at the images")
                parts[place].append(domain_features(some))
                found += len(some)
        tell(0.9, "training classifiers on them")
        real, drawn, learned = (torch.cat(each) for each in parts)
        two_sample = two_sample_accuracy(real, drawn)
        tell(0.95, "and on real images alone")
        floor = two_sample_accuracy(real, learned)
        return two_sample, floor

    @answering
    def _found_accuracy(self, found):
        self.two_sample, self.floor = found
        self._draw_scores()

    @answering
    def _other_moment(self, _):
        self._draw_moment()

    # The walk ---------------------------------------------------------------------------------

    def _code(self, along=None, moves=()):
        return code_of(
            self._generator,
            self.seed.value,
            self.towards.value,
            self.along.value if along is None else along,
            self.truncation.value,
            moves,
            self._directions,
        )

    @property
    def _moves(self):
        return tuple(number_of(axis) for axis in self.axes)

    def _drawn(self, codes):
        """uint8 (N, C, H, W) of codes (N, latents), of the chosen class."""
        return draw(self._generator, codes, labels_of(self._generator, self.kind.value, len(codes)))

    def _take_point(self):
        self.point = self._code(moves=self._moves)
        self.image = self._drawn(self.point)
        self.distances = self.neighbours = None
        if self._reference is not None:
            distances, numbers = self._reference.nearest(self.image)
            self.distances, self.neighbours = distances[0], numbers[0]
        self._draw_point()
        self.code.value = self._as_code()

    def _where(self):
        """The present code in words."""
        place = f"seed {self.seed.value}"
        if self.along.value:
            place = f"{self.along.value:.2f} of the way from seed {self.seed.value} to seed {self.towards.value}"
        moves = " and ".join(f"{move:+.1f} along axis {number + 1}" for number, move in enumerate(self._moves) if move)
        kind = f", class {self._names[self.kind.value]}" if self._names else ""
        return f"{place}{kind}, truncation {self.truncation.value:.2f}" + (f", moved {moves}" if moves else "")

    def _as_code(self):
        label = f", torch.tensor([{self.kind.value}])" if self._names else ""
        moved = any(self._moves)
        settings = [f"seed={self.seed.value}"]
        if self.along.value:
            settings += [f"towards={self.towards.value}", f"along={self.along.value:.2f}"]
        settings += [f"truncation={self.truncation.value:.2f}"]
        settings += [f"moves=({', '.join(f'{move:.1f}' for move in self._moves)},)"] if moved else []
        return "\n".join(
            [
                "import torch",
                "from medtutor.explorers.generator import code_of",
                "from medtutor.training.gan import draw",
                "",
                "# adversary: as you gave it to generator()",
                f"code = code_of(adversary.generator, {', '.join(settings)})",
                f"image = draw(adversary.generator, code{label})[0]",
            ]
        )

    def _point_sentence(self):
        length, latents = float(self.point.norm()), self._generator.latents
        text = (
            f"D{NO_PATIENT[1:]}: {self._where()}. Its code has length {length:.1f}; "
            f"random codes have about {latents**0.5:.1f}, give or take 0.7. "
        )
        if self.distances is None:
            return text.strip()
        text += f"The nearest {self._near_to} is at {self.distances[0]:.2f}. "
        if not self._is_own:
            return text.strip()
        real, near = self._reference.real, self._reference.nearer(self.distances[0])
        low, middle, high = np.quantile(real, [0.05, 0.5, 0.95])
        text += (
            f"Real {self._split} images, which it did not learn from, are at {middle:.2f} from theirs "
            f"(9 of 10 within {low:.2f}…{high:.2f}), {near:.0%} of them nearer. "
        )
        alone = self._reference.alone(self.distances)
        if alone is not None:
            text += f"The second nearest is {min(ratio(self.distances), 99):.2f} times as far; "
            text += f"so alone beside one image are {alone:.0%} of the real {self._split} images. "
        return text + _verdict(near, alone)

    def _draw_point(self):
        label = f"{self._names[self.kind.value]}, no patient" if self._names else "no patient"
        sheet = _tiles(self.image, [label], "Drawn by a network", SIDE, DRAWN)
        alt = f"An image {NO_PATIENT}: {self._where()}."
        if self.distances is not None:
            words = [self._label_words(number) for number in self.neighbours]
            near = _tiles(
                self._reference.images[self.neighbours],
                [
                    f"{far:.2f}  {word or f'#{number}'}"
                    for far, word, number in zip(self.distances, words, self.neighbours)
                ],
                f"The nearest {self._near_to}, two more, and how far",
                SIDE,
                REAL,
            )
            sheet = drawing.beside(sheet, drawing.blank(GAP, 1), near)
            each = ", ".join(
                f"{number}{f' ({word})' if word else ''} at {far:.2f}"
                for number, word, far in zip(self.neighbours, words, self.distances)
            )
            alt += f" The nearest {self._near_to}, and two more: {each}."
            if self._is_own:
                real = self._reference.real
                sheet = drawing.beside(sheet, self._yardstick.at(self.distances[0] / panels.farthest(real)))
                alt += f" Half of the real {self._split} images are nearer to theirs than {np.median(real):.2f}."
        self._point_sheet, self._point_alt = sheet, alt
        self._put(self._point_shown, sheet, alt)
        self._point_words.value = status(self._point_sentence())

    @cached_property
    def _yardstick(self):
        return panels.yardstick(self._reference.real, self._split)

    def _draw_axes(self):
        """For each axis the image of the seed moved by each of STOPS; no other slider counts."""
        code = code_of(self._generator, self.seed.value)
        codes = torch.cat([code + stop * axis for axis in self._directions for stop in STOPS])
        images = self._drawn(codes).unflatten(0, (len(self.axes), len(STOPS)))
        captions = [f"{stop:+g}" if stop else "0" for stop in STOPS]
        rows = [
            _tiles(row, captions, f"axis {number + 1}, {share:.0%} of the response", SMALL, DRAWN)
            for number, (row, share) in enumerate(zip(images, self._shares))
        ]
        title = f"Seed {self.seed.value}, moved: {NO_PATIENT}"
        self._axes_sheet = drawing.below(drawing.written([title], rows[0].width / SCALE), *rows)
        self._axes_alt = (
            f"Images {NO_PATIENT}: the code of seed {self.seed.value}, truncation 1, moved along each of"
            f" {len(self.axes)} axes by {', '.join(captions)} standard deviations."
        )
        self._put(self._axes_shown, self._axes_sheet, self._axes_alt)

    def _take_strip(self):
        """The film strip between the two codes, without its mark."""
        shares = np.linspace(0, 1, STEPS)
        images = self._drawn(torch.cat([self._code(along=float(share)) for share in shares]))
        captions, self._strip_words = [f"{share:.2f}" for share in shares], ""
        if self._reference is not None:
            far = [f"{distance:.2f}" for distance in self._reference.nearest(images, 1)[0][:, 0]]
            captions = [f"{share}: {distance}" for share, distance in zip(captions, far)]
            self._strip_words = f" Distances to the nearest {self._near_to}: {', '.join(far)}."
        title = f"Seed {self.seed.value} to seed {self.towards.value}: {NO_PATIENT}"
        title += "" if self._reference is None else "; how far along: distance"
        self._strip = drawing.below(_tiles(images, captions, title, FRAME, DRAWN), drawing.blank(1, 14))
        self._mark_strip()

    def _mark_strip(self):
        """The film strip with a mark for how far along the slider is."""
        sheet, share = self._strip.copy(), self.along.value
        pen, step = ImageDraw.Draw(sheet), (FRAME + GAP) * SCALE
        left, y = GAP * SCALE + FRAME * SCALE // 2, sheet.height - 8 * SCALE
        x = left + share * (STEPS - 1) * step
        pen.line((left, y, left + (STEPS - 1) * step, y), fill=GREY, width=3)
        pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=YELLOW, outline=drawing.INK, width=3)
        self._strip_sheet = sheet
        self._strip_alt = (
            f"{STEPS} images {NO_PATIENT}, from seed {self.seed.value} to seed {self.towards.value}, marked at"
            f" {share:.2f}.{self._strip_words}"
        )
        self._put(self._strip_shown, sheet, self._strip_alt)

    def _draw_samples(self):
        label = self.kind.value if self._generator.classes else None
        images = self._adversary.sample(SAMPLES, label, seed=self._sample_seed, truncation=self.truncation.value)
        kind = f"{self._names[self.kind.value]}, " if self._names else ""
        said = f"they differ by {spread(images):.0f} grey levels{self._real_spread(self.kind.value)}"
        captions = [""] * SAMPLES
        if self._reference is not None:
            captions = [f"{distance:.2f}" for distance in self._reference.nearest(images, 1)[0][:, 0]]
        title = f"D{NO_PATIENT[1:]}; {said}"
        self._samples_sheet = drawing.tiles(
            drawing.flat(images), captions, title=title, columns=SAMPLES // 2, rows=2, side=FRAME, colour=DRAWN
        )
        far = "" if self._reference is None else f" Distances to the nearest {self._near_to}: {', '.join(captions)}."
        self._samples_alt = f"{SAMPLES} images {NO_PATIENT}: {kind}truncation {self.truncation.value:.2f}; {said}.{far}"
        self._put(self._samples_shown, self._samples_sheet, self._samples_alt)

    def _real_spread(self, kind):
        """How much real images differ, of the same class where there are such, in words."""
        if self._dataset is None:
            real = self._adversary.real_spread
            return f", real ones{' of all classes' if self._names else ''} by {real:.0f}" if real else ""
        if kind not in self._spreads:
            images = self._reference.images
            labels = self._learned_labels if self._names else None
            images = images if labels is None else images[labels == kind]
            self._spreads[kind] = spread(images[:256]) if len(images) > 1 else None
        real = self._spreads[kind]
        mixed = " of all classes" if self._names and self._learned_labels is None else ""
        return "" if real is None else f", real ones{mixed} by {real:.0f}"

    # The game ---------------------------------------------------------------------------------

    def _start_game(self):
        held_out = getattr(self._dataset, self._split)
        labels = held_out.labels if self._generator.classes else None
        self.game = Game(self._adversary, held_out.images, labels, self._split, self._games)
        self._draw_game()

    def _draw_game(self):
        number = len(self.game.answered) + 1
        self._turn_sheet = _tiles(
            self.game.turn.image[None],
            [f"number {number}; if drawn, no patient"],
            "Real, or drawn by a network?",
            LARGE,
            GREY,
        )
        self._turn_alt = f"Image number {number} of the game: it is real, or drawn by a network and no patient."
        self._put(self._turn_shown, self._turn_sheet, self._turn_alt)
        last = self.game.answered[: -LAST - 1 : -1]
        self._answered_sheet = panels.framed(
            drawing.flat(torch.stack([turn.image for turn in last])) if last else [],
            [f"{'✓' if turn.is_right else '✗'} {'real' if turn.is_real else 'no patient'}" for turn in last],
            [REAL if turn.is_real else DRAWN for turn in last],
            f"Answered, the last one first; orange: {NO_PATIENT}" if last else "Nothing answered yet",
            SIDE // 2,
        )
        each = ", ".join(f"{turn.name}, {'right' if turn.is_right else 'wrong'}" for turn in last)
        self._answered_alt = f"The last {len(last)} images: {each}." if last else "No image answered yet."
        self._put(self._answered_shown, self._answered_sheet, self._answered_alt)
        self._verdict.value = ""
        if last:
            right = "Right" if last[0].is_right else "Wrong"
            self._verdict.value = f"<b>{status(f'{right}, the last one was {last[0].name}.')}</b>"
        self._draw_scores()

    def _score_sentence(self):
        game, text = self.game, ""
        if game.answered:
            low, high = game.interval
            text = f"You: {game.right} of {len(game.answered)} right, 95% interval {low:.0%} to {high:.0%}"
            if low <= 0.5 <= high:
                text += ": it holds one half, so this may be guessing. "
            else:
                text += ". " if low > 0.5 else ", below one half: you see a difference, and take it the wrong way. "
            for is_real, name in ((True, "real"), (False, "drawn")):
                of_kind = [turn for turn in game.answered if turn.is_real == is_real]
                if of_kind:
                    text += f"Of {len(of_kind)} {name}, {sum(turn.is_right for turn in of_kind)} called so. "
        if self.two_sample is None:
            return text + "No classifier has tried yet."
        text += f"A classifier, on images new to it: {self.two_sample:.0%}"
        if self.floor is not None:
            text += (
                f"; on real images only, those that the generator learned from against {self._split}: {self.floor:.0%}"
            )
        return text + ". One half is guessing."

    def _draw_scores(self):
        game = self.game
        share = game.right / len(game.answered) if game.answered else None
        rows = [
            ("you", share, game.interval, YELLOW),
            ("classifier", self.two_sample, None, DRAWN),
            ("classifier, real only", self.floor, None, REAL),
        ]
        self._scores_sheet = panels.scores(rows)
        self._scores_alt = f"Right answers on a scale from 0 to 100%. {self._score_sentence()}"
        self._put(self._scores_shown, self._scores_sheet, self._scores_alt)
        self._score_words.value = status(self._score_sentence())

    # The film ---------------------------------------------------------------------------------

    def _moment_sentence(self):
        number = self.moment.value - 1
        if number == 0:
            return "Before the first step: weights are random, and so are the images."
        row, real = self._adversary.history[number - 1], self._adversary.real_spread
        text = (
            f"Step {row['step']:,} of {self._steps[-1]:,}: loss of the discriminator {row['discriminator']:.2f}, of the"
            f" generator {row['generator']:.2f}. The 16 samples differ by {row['spread']:.0f} grey levels on average,"
            f" real images by {real:.0f}"
        )
        if row["spread"] < real / 2:
            return (
                f"{text}: less than half as much. That is usual at first; later, if all look the same, it is a"
                " collapse."
            )
        return f"{text}."

    @cached_property
    def _course(self):
        cross_entropy = self._adversary.settings.get("discriminator") == "Discriminator"
        return panels.course(self._steps, self._adversary.history, self._adversary.real_spread, cross_entropy)

    def _draw_moment(self):
        number = self.moment.value - 1
        step, classes = self._steps[number], self._generator.classes
        captions = [self._names[place * classes // SAMPLES] if classes else "" for place in range(SAMPLES)]
        self._frame_sheet = drawing.tiles(
            drawing.flat(self._adversary.film[number]),
            captions,
            title=f"The same 16 codes after {step:,} steps: {NO_PATIENT}",
            columns=SAMPLES // 2,
            rows=2,
            side=FRAME,
            colour=DRAWN,
        )
        where = f"after {step:,} steps, moment {number + 1} of {len(self._steps)}"
        self._frame_alt = f"16 images {NO_PATIENT}, {where}. {self._moment_sentence()}"
        share = panels.place_of(step, self._steps[-1])
        self._course_sheet = self._course.at(share, share)
        first, last = self._adversary.history[0], self._adversary.history[-1]
        self._course_alt = (
            f"Two charts over the steps, marked at {step:,}. The discriminator's loss goes from"
            f" {first['discriminator']:.2f} to {last['discriminator']:.2f}, the generator's from"
            f" {first['generator']:.2f} to {last['generator']:.2f}; the spread of the samples from"
            f" {first['spread']:.0f} to {last['spread']:.0f}; real images: {self._adversary.real_spread:.0f}."
        )
        self._put(self._frame_shown, self._frame_sheet, self._frame_alt)
        self._put(self._course_shown, self._course_sheet, self._course_alt)
        self._moment_words.value = status(self._moment_sentence())


def _verdict(near, alone):
    """Whether an image looks like a copy: from the shares of real images that are nearer, and as near to one alone."""
    rarest = near if alone is None else min(near, alone)
    if rarest == 0:
        return "No real image is so: this may be a copy."
    if rarest < 0.05:
        return "Few real images are so: compare the two pictures."
    if near > 0.9:
        return "It is less like anything that it learned from than most real images are."
    return "Real images are so too: no sign of a copy."


# What is given --------------------------------------------------------------------------------

_KINDS = {
    "medmnist": "published images",
    "decathlon": "published images",
    "phantom": "phantoms",
    "arrays": "your own arrays",
}


def _check(adversary, dataset, split, trained_on, two_sample, part):
    if not isinstance(adversary, GANRun):
        raise InputError(f"{type(adversary).__name__} is no GANRun; give what fit_gan or load_gan returns")
    if part not in PARTS:
        raise unknown("part", part, list(PARTS))
    if split not in SPLITS or split == "train":
        raise InputError(f"the split is {split!r}; give 'val' or 'test', whose images the generator did not learn from")
    if two_sample is not None and not 0 <= two_sample <= 1:
        raise InputError(f"two_sample is {two_sample!r}; give an accuracy 0…1, or leave it out")
    film, history = adversary.film, adversary.history
    if film is not None and len(film) != len(history) + 1:
        raise InputError(
            f"the film has {len(film)} moments, the history {len(history)} after the first; train anew with fit_gan"
        )
    if dataset is None:
        if trained_on is not None:
            raise InputError(
                "trained_on needs the data set too, to compare with; give generator(adversary, dataset, …)"
            )
        return
    card, shape = dataset.card, (adversary.generator.channels, *adversary.generator.shape)
    if card.dims == 3 or card.frames:
        raise InputError(
            f"{card.name} holds {'sequences' if card.frames else 'volumes'}; this explorer shows single images only"
        )
    if (card.channels, *card.shape) != shape:
        size = " x ".join(map(str, shape))
        raise InputError(
            f"the generator draws {size} pixels, unlike {card.name}; give the data set that it learned from"
        )
    if trained_on is not None:
        given = (
            isinstance(trained_on, torch.Tensor)
            and trained_on.dtype == torch.uint8
            and tuple(trained_on.shape[1:]) == shape
        )
        if not given or not len(trained_on):
            size = ", ".join(map(str, shape))
            raise InputError(
                f"trained_on must be the images that it learned from, a uint8 tensor (N, {size}), at least one"
            )
    classes = adversary.generator.classes
    labels = getattr(dataset, split).labels
    if classes and (labels is None or labels.dim() != 1 or labels.is_floating_point() or int(labels.max()) >= classes):
        raise InputError(
            f"the generator has {classes} classes, {card.name} has others; give the data set that it learned from"
        )


def _reference(dataset, split, trained_on):
    return Reference(dataset.train.images if trained_on is None else trained_on, getattr(dataset, split).images)


def _class_names(adversary, dataset):
    """Names of the generator's classes, () where it has none."""
    classes = adversary.generator.classes
    for names in (adversary.classes, () if dataset is None else dataset.card.classes):
        if len(names) == classes:
            return tuple(names)
    return tuple(f"class {number}" for number in range(classes))


def _alike(learned, wanted, total, count, random):
    """Numbers of at most `count` of the images learned from, with as many of each class as `wanted` has (or chance)."""
    order = torch.from_numpy(random.permutation(total))
    if learned is None or wanted is None:
        return order[:count]
    return torch.cat([order[learned[order] == label][: int((wanted == label).sum())] for label in wanted.unique()])


def _tiles(images, captions, title, side, colour):
    """A row of uint8 images (N, C, H, W)."""
    return drawing.tiles(
        drawing.flat(images), captions, title=title, columns=len(images), rows=1, side=side, colour=colour
    )


def _instead(sentence, widgets):
    """A sentence in place of widgets, which stay out of sight."""
    return [ipywidgets.HTML(status(sentence)), ipywidgets.VBox(widgets, layout={"display": "none"})]


def _number(description, value):
    """A field for a seed."""
    return ipywidgets.BoundedIntText(
        value=value,
        min=0,
        max=LARGEST_SEED,
        description=description,
        layout={"width": "14em"},
        style={"description_width": "7em"},
    )
