"""The sequence explorer: does this model use the order of the frames?

A model that was trained on clips may well answer from one frame, or from the
darkest and the brightest, and never notice which came first. To find out, play
the clip backwards, or in a random order, and see whether the answer moves. Here
the film, what each frame does to the answer, what the model holds in mind, its
answer so far and, of phantoms, the true volume stand below each other over one
time axis, so that a change of the film can be followed all the way down.
"""

import numpy as np

from ..data.dataset import Dataset
from ..training.run import Run
from ..widgets import (
    MESSAGE,
    Background,
    Button,
    Buttons,
    Choice,
    Column,
    Explorer,
    Pages,
    Play,
    Slider,
    derived,
    drawing,
    markup,
    panel,
    panels,
    sentences,
    slow,
)
from ..widgets.controls import status
from . import sequence_clips as clips
from .sequence_clips import AS_FILMED, BEFORE, EXPECTED, FLAT, HOWS
from .sequence_film import Film

WORST, AS_STORED = "worst first", "as stored"
MANY = 200  # clips of the table over many: a second or two
READING = (
    "Answers that do not move when the clips are shuffled: the order is not used. Answers that move and a score that"
    " falls: it is used. Answers that move and a score as good as before: the model minds which frame comes when, and"
    " it helps nothing. (Each clip once; a test may average over mirrored views of it.)"
)


def sequence(run: Run, dataset: Dataset, split: str = "val", others: dict | None = None) -> "SequenceExplorer":
    """The explorer of a run's answers to clips: a `SequenceExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a sequence model: a `FrameSequence` with any head, a `ConvLSTM`
    dataset  the `Dataset` that it was trained on: a cine, volumes `.as_sequence()`, or own clips
    split    "val" or "test"
    others   {name: Run}: at most four runs on the same clips, whose answers stand in the tables

    Raises `InputError` for a run of single images, for a data set that is not the
    run's own, for clips of one frame, and where there are no predictions of the split.

    >>> import numpy as np
    >>> import medtutor as mt
    >>> from medtutor.explorers import sequence
    >>> noise, labels = np.random.default_rng(0), np.arange(12) % 2
    >>> parts = [(noise.integers(0, 255, (12, 6, 16, 16), dtype=np.uint8), labels) for _ in range(3)]
    >>> clips = mt.from_arrays(*parts, classes=["slow", "fast"], sequence=True)
    >>> run = mt.fit(mt.build("lstm", clips), clips, mt.Recipe(epochs=1), progress=False)
    >>> explorer = sequence(run, clips)
    >>> explorer.how.value = "first half"
    >>> explorer.answers.shape  # one after each of three frames
    (3,)
    """
    return SequenceExplorer(run, dataset, split, others)


class as_table(sentences):  # a decorator
    """Sentences that are a table on the page."""

    def as_html(self, explorer, result):
        return explorer._table_html()


class SequenceExplorer(Explorer):
    """A clip, played in six ways, and what the model makes of it.

    cases    `Pages`: which clip, one on each page
    order    Dropdown: worst first, or as stored
    looked   Dropdown: which class the answer is about, where there are more than two
    how      ToggleButtons, `HOWS`: how the clip is played
    frame    IntSlider from 1: the present frame
    play     ToggleButton: moves the slider on, round and round
    instead  ToggleButtons: what replaces a frame to see what that frame does
    many     Button: the same on many clips, which the `job` computes

    case     the index of the clip, in the split
    answers  float (frames played,): the answer, had the clip ended after each frame
    filmed   the same of the clip as filmed
    effects  float (frames played,): the answer less the answer without that frame
    """

    heading, width = "Does it use the order?", "880px"

    order = Choice(
        "order", [WORST, AS_STORED], meaning="of the clips, by the error of their answers", width="17em", label="4em"
    )

    def __init__(self, run, dataset, split="val", others=None):
        self._runs, self._run = clips.checked(run, dataset, split, others), run
        self._card, self._split, self._cases = dataset.card, split, getattr(dataset, split)
        self._phantom = dataset.is_phantom
        self._title = f"{run.model.name} on {dataset.title}, {split} split"
        self.call = f'sequence(run, dataset, "{split}"{", others" if others else ""})'
        self._labels = self._cases.labels.numpy()
        self._errors = clips.errors(run.predictions[split].double().numpy(), self._labels, self._card.task)
        self._many = min(MANY, len(self._cases))
        super().__init__()

    @derived
    def _listed(self):
        """The numbers of the clips, in order."""
        worst = np.argsort(-self._errors, kind="stable")
        return worst if self.order.value == WORST else np.arange(len(worst))

    cases = Pages(1, _listed, description="clip", meaning="its place in the order")
    looked = Choice(
        "answer",
        lambda self: [(name, number) for number, name in enumerate(self._card.classes)],
        start=lambda self: 1 if self._card.task == "binary" else 0,
        visible=lambda self: self._card.task not in ("regression", "binary"),
        meaning="which class the answer is about",
        width="17em",
        label="4em",
    )
    how = Buttons("play it", HOWS, meaning="in which order, and with which frames, the clip is played")
    instead = Buttons(
        "effect of a frame, against",
        [BEFORE, FLAT],
        meaning="what stands in place of a frame, to see what that frame does to the answer",
        label="12em",
    )

    # What follows from the controls ---------------------------------------------------------

    @derived
    def case(self):
        return int(self._listed[self.cases.shown][0])

    @derived
    def _clip(self):
        return self._cases.images[self.case]

    @derived
    def _order(self):
        """Which frame is played when, from 1; 0 is a black one."""
        return clips.orders(self.how.value, self._card.frames, seed=self.case)[0]

    @derived
    def _film(self):
        """The clip as it is played now."""
        return clips.played(self._clip[None], self._order[None])[0]

    frame = Slider(
        "frame", 1, lambda self: len(self._film), start=1, meaning="the present one, as played", width="560px"
    )
    play = Play(frame, 250, meaning="moves the frame on, round and round")

    @derived
    def _filmed(self):
        """{run: (T, outputs)}: the answers over time to the clip as it was filmed."""
        return {name: clips.over_time(run, self._clip) for name, run in self._runs.items()}

    @derived
    def _now(self):
        """The same as it is played."""
        if self.how.value == AS_FILMED:
            return self._filmed
        return {name: clips.over_time(run, self._film) for name, run in self._runs.items()}

    @derived
    def _filmed_units(self):
        return clips.hidden(self._run, self._clip)

    @derived
    def _units(self):
        return self._filmed_units if self.how.value == AS_FILMED else clips.hidden(self._run, self._film)

    @derived
    def answers(self):
        return self._now[self._run.model.name][:, self.looked.value]

    @derived
    def filmed(self):
        return self._filmed[self._run.model.name][:, self.looked.value]

    @derived
    def effects(self):
        return self._take_effects()

    def _take_effects(self):
        return (
            self.answers[-1]
            - clips.answered(self._run, clips.replaced(self._film, self.instead.value))[:, self.looked.value]
        )

    @derived
    def _size(self):
        return clips.true_size(self._cases, self.case, self._is_cine)

    @property
    def _player(self):
        return self._cells.values[SequenceExplorer.play]

    @property
    def _is_cine(self):
        """Whether structure 1 of the masks is a cavity."""
        return self._phantom and self._card.name in EXPECTED

    # Many clips -----------------------------------------------------------------------------

    many = Button(
        lambda self: f"the same on {self._many} clips",
        icon="calculator",
        meaning="score and moves of all runs, in each way to play",
        width="16em",
    )
    job = Background()

    @slow(many)
    def _scores(self):
        looked = self.looked.value
        return lambda tell: self._over_many(looked, tell)

    def _over_many(self, looked=None, tell=lambda *_: None):
        """`over_many` of the first clips of the split; `looked` left out: the present answer."""
        looked = self.looked.value if looked is None else looked
        return clips.over_many(self._runs, self._cases.images[:MANY], self._labels[:MANY], looked, tell)

    @markup
    def _many_table(self):
        if self._scores is None:
            return None
        measure = {"regression": "R²", "binary": "AUC"}.get(self._card.task, "accuracy")
        return clips.scores_table(self._scores, measure, self._many) + status(READING)

    # Words ------------------------------------------------------------------------------------

    @property
    def _what(self):
        """What the answer is a number of."""
        name = self._card.classes[self.looked.value]
        return name if self._card.task == "regression" else f"probability of {name}"

    @property
    def _truth(self):
        """The number that the answer should be."""
        label = self._labels[self.case]
        if self._card.task == "regression":
            return float(label)
        return float(label[self.looked.value] if np.ndim(label) else label == self.looked.value)

    @property
    def _label(self):
        return clips.in_words(self._labels[self.case], self._card)

    @property
    def _where(self):
        """The clip in words."""
        return f"Clip {self.case + 1} of the {self._split} split, {self.how.value}."

    @sentences(as_blocks=True)
    def _numbers(self):
        """What is known of the clip as it was filmed, each number with its meaning."""
        filmed, where = self.filmed[-1], f"clip {self.case + 1} of the {self._split} split"
        return [
            f"label {self._label}: {where} ({self.order.value}, {self.cases.place})",
            f"answer {filmed:.2f}: {self._what}, as filmed",
            f"error {abs(filmed - self._truth):.2f}: between the two",
        ]

    @property
    def _expectation(self):
        return EXPECTED[self._card.name].get(self.how.value, "") if self._is_cine else ""

    @as_table
    def _table(self):
        return clips.compared(self._filmed, self._now, self.looked.value, self.how.value, self._expectation)

    def _table_html(self):
        return clips.runs_table(self._filmed, self._now, self.looked.value, self.how.value) + status(self._expectation)

    def _first_line(self):
        return f"{self._title}. {self._where}"

    # Pictures -------------------------------------------------------------------------------

    @property
    def _span(self):
        """From where to where the answer's axis goes."""
        if self._card.task != "regression":
            return 0.0, 1.0
        # What is not finite has no place on an axis.
        values = np.concatenate([self._labels, self.answers, self.filmed])
        return float(values.min()), float(values.max())

    @derived
    def _drawn(self):
        """What stays while the frame moves."""
        values = None if self._size is None else np.concatenate([[np.nan], self._size])[self._order]
        return Film(
            pixels=drawing.flat(self._film),
            numbers=self._order.tolist(),
            total=self._card.frames,
            effects=self.effects,
            units=clips.ordered(self._units, self._filmed_units),
            hidden=self._filmed_units.shape[1],
            answers=self.answers,
            filmed=self.filmed,
            truth=self._truth,
            what=self._what,
            span=self._span,
            size=values,
            size_filmed=self._size,
            size_name="cavity, pixels" if self._is_cine else "decisive pixels",
            usual=self.how.value == AS_FILMED,
            against=self.instead.value,
        )

    @property
    def _present(self):
        """(index of the present frame, what it is)."""
        now = min(self.frame.value, len(self._film)) - 1
        number = self._drawn.numbers[now]
        return now, f"frame {number} of the film" if number else "a black frame"

    @panel
    def _frame_shown(self):
        now, filmed = self._present
        title = f"{now + 1} of {len(self._film)}, {self.how.value}"
        caption = f"{filmed}. Had it ended here: {self.answers[now]:.2f}"
        shown = panels.panel(panels.tile(self._drawn.pixels[now]), title, caption)
        # The margin leaves room for the mark of a phantom.
        return drawing.beside(shown, drawing.blank(28, 1)), f"Frame {title}: {filmed}."

    @panel
    def _film_shown(self):
        now, _ = self._present
        words = f"Frame {now + 1} of {len(self._film)}. {self._drawn.words(now)} Label: {self._label}."
        return self._drawn.at(now), f"{self._where} {words}"

    layout = [
        [cases, order, looked],
        how,
        MESSAGE,
        [_frame_shown, Column("420px", _numbers, _table)],
        [frame, play],
        _film_shown,
        instead,
        "One clip proves little",
        [many, job, _many_table],
    ]
