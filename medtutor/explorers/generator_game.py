"""The game of the generator explorer, real or drawn?, and a classifier that plays it too."""

from dataclasses import dataclass

import numpy as np
import torch

from ..figures import GREY
from ..metrics.generative import domain_features, two_sample_accuracy
from ..widgets import Background, Button, Column, Pane, State, markup, on, panel, sentences, slow
from ..widgets.controls import status
from . import generator_panels as panels
from .generator_panels import DRAWN, REAL, YELLOW
from .generator_parts import GAME, NO_PATIENT

LARGE = 224  # page pixels of the present image
JUDGED = 500  # images of each kind that the classifier is asked about


class RealOrDrawn:
    """The controls and pictures of the game, a part of `GeneratorExplorer`.

    game               `Game`, or None without a data set
    two_sample, floor  the classifier's accuracy on drawn against real images, and on real ones that were
                       learned from against real ones that were not; None where not known
    """

    real = Button("Real", icon="user", width="9em", meaning="the image is of a patient")
    drawn = Button("Drawn", icon="pencil", width="9em", meaning="the image is the generator's")
    again = Button("new game", icon="undo", width="9em", meaning="begin at nothing, with other images")
    classify = Button("let a classifier try", icon="calculator", width="14em", meaning="it has the same question")
    job = Background()
    _games = State(0)
    game = State(lambda self: self._begun())

    def _begun(self):
        if self._dataset is None:
            return None
        labels = self._held_out.labels if self._generator.classes else None
        return Game(self._adversary, self._held_out.images, labels, self._split, self._games)

    @on(real, True)
    @on(drawn, False)
    def _answered(self, is_real):
        self.game.answer(is_real)
        self.game = self.game  # the same, one answer on: let what is shown of it follow

    @on(again)
    def _new_game(self):
        self._games += 1
        self.game = self._begun()

    @slow(classify)
    def _accuracies(self):
        learned = self._reference.images, self._learned_labels
        return lambda tell: judged(self._adversary, self._held_out, *learned, tell)

    two_sample = property(lambda self: self._accuracies[0] if self._accuracies else self._given)
    floor = property(lambda self: self._accuracies[1] if self._accuracies else None)

    @property
    def _turn_alt(self):
        number = len(self.game.answered) + 1
        return f"Image number {number} of the game: it is real, or drawn by a network and no patient."

    @panel
    def _turn_shown(self):
        if self.game is None:
            return None
        caption = f"number {len(self.game.answered) + 1}; if drawn, no patient"
        image = self.game.turn.image[None]
        return panels.rows(image, [caption], "Real, or drawn by a network?", LARGE, GREY), self._turn_alt

    @markup
    def _verdict(self):
        if self.game is None or not self.game.answered:
            return None
        last = self.game.answered[-1]
        right = "Right" if last.is_right else "Wrong"
        return f"<b>{status(f'{right}, the last one was {last.name}.')}</b>"

    @panel
    def _scores_shown(self):
        if self.game is None:
            return None
        rows = [
            ("you", self.game.share, self.game.interval, YELLOW),
            ("classifier", self.two_sample, None, DRAWN),
            ("classifier, real only", self.floor, None, REAL),
        ]
        return panels.scores(rows), f"Right answers on a scale from 0 to 100%. {self._score()}"

    @sentences(read_out=True)
    def _score_words(self):
        return [] if self.game is None else self._score()

    def _score(self):
        text = self.game.words
        if self.two_sample is None:
            return f"{text}No classifier has tried yet."
        text += f"A classifier, on images new to it: {self.two_sample:.0%}"
        if self.floor is not None:
            among = f"on real images only, those that the generator learned from against {self._split}"
            text += f"; {among}: {self.floor:.0%}"
        return f"{text}. One half is guessing."

    @panel
    def _answered_shown(self):
        return None if self.game is None else panels.answered(self.game.answered)

    @sentences
    def _no_game(self):
        no = "There is no game without real images; give the data set too: generator(adversary, dataset)."
        return no if self.game is None else []

    _playing = Pane(
        [_turn_shown, Column("440px", [real, drawn], _verdict, _scores_shown, _score_words)],
        _answered_shown,
        [classify, job, again],
        visible=lambda self: self.game is not None,
    )
    _game = Pane(_no_game, _playing, visible=lambda self: self.part.value == GAME)


@dataclass(frozen=True)
class Turn:
    """An image of the game, uint8 (C, H, W), and the truth about it."""

    image: torch.Tensor
    is_real: bool
    name: str  # where it is from
    said_real: bool | None = None  # the answer

    @property
    def is_right(self):
        return self.is_real == self.said_real


class Game:
    """Real or drawn? Each image is one or the other by the toss of a coin, so that there is nothing to count.

    turn      the present `Turn`
    answered  list of `Turn`s
    """

    def __init__(self, adversary, images, labels, split, seed=0):
        self._adversary, self._images, self._labels, self._split = adversary, images, labels, split
        self._random = np.random.default_rng(seed)
        self.answered, self._waiting = [], []
        self.turn = self._next()

    def answer(self, is_real):
        turn = self.turn
        self.answered.append(Turn(turn.image, turn.is_real, turn.name, is_real))
        self.turn = self._next()

    def _next(self):
        if not self._waiting:
            self._waiting = list(self._random.permutation(len(self._images)))
        # Of drawn ones too the label is that of a real image: classes are as frequent among both.
        number = int(self._waiting.pop())
        if self._random.random() < 0.5:
            return Turn(self._images[number], True, f"real: image {number + 1} of {self._split}")
        label = None if self._labels is None else int(self._labels[number])
        image = self._adversary.sample(1, label, seed=int(self._random.integers(2**31)))[0]
        return Turn(image, False, NO_PATIENT)

    @property
    def right(self):
        return sum(turn.is_right for turn in self.answered)

    @property
    def share(self):
        """0…1: the share of right answers, or None before the first."""
        return self.right / len(self.answered) if self.answered else None

    @property
    def interval(self):
        """95 % interval of that share (Wilson), or None before the first."""
        from scipy.stats import binomtest  # half a second: for the game alone

        if not self.answered:
            return None
        found = binomtest(self.right, len(self.answered)).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    @property
    def words(self):
        """The score in words, "" before the first answer."""
        if not self.answered:
            return ""
        low, high = self.interval
        text = f"You: {self.right} of {len(self.answered)} right, 95% interval {low:.0%} to {high:.0%}"
        if low <= 0.5 <= high:
            text += ": it holds one half, so this may be guessing. "
        else:
            text += ". " if low > 0.5 else ", below one half: you see a difference, and take it the wrong way. "
        for is_real, name in ((True, "real"), (False, "drawn")):
            of_kind = [turn.is_right for turn in self.answered if turn.is_real == is_real]
            text += f"Of {len(of_kind)} {name}, {sum(of_kind)} called so. " if of_kind else ""
        return text


def judged(adversary, held_out, learned, learned_labels, tell):
    """(accuracy of a classifier on drawn against real images, on real ones learned from against others), 0…1.

    held_out  cases that the generator did not learn from
    learned   uint8 (N, C, H, W): images that it learned from; learned_labels (N,), or None
    tell      of a `Job`
    """
    random = np.random.default_rng(0)
    chosen = torch.from_numpy(random.permutation(len(held_out))[:JUDGED])
    labels = held_out.labels[chosen] if adversary.generator.classes else None
    rows = _alike(None if labels is None else learned_labels, labels, len(learned), len(chosen), random)
    sets = [held_out.images[chosen], adversary.sample(len(chosen), labels, seed=1), learned[rows]]
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
    return two_sample, two_sample_accuracy(real, learned)


def _alike(learned, wanted, total, count, random):
    """Numbers of at most `count` of the images learned from, with as many of each class as `wanted` has (or chance)."""
    order = torch.from_numpy(random.permutation(total))
    if learned is None or wanted is None:
        return order[:count]
    return torch.cat([order[learned[order] == label][: int((wanted == label).sum())] for label in wanted.unique()])
