"""The sequence explorer: does this model use the order of the frames?

A model that was trained on clips may well answer from one frame, or from the
darkest and the brightest, and never notice which came first. To find out, play
the clip backwards, or in a random order, and see whether the answer moves. Here
the film, what each frame does to the answer, what the model holds in mind, its
answer so far and, of phantoms, the true volume stand below each other over one
time axis, so that a change of the film can be followed all the way down.
"""

import html
from dataclasses import dataclass
from functools import cached_property

import ipywidgets
import numpy as np
import torch
from PIL import Image, ImageDraw
from sklearn.metrics import r2_score, roc_auc_score

from ..data.dataset import Dataset, normalise
from ..data.phantoms import cine
from ..errors import InputError, unknown
from ..figures import BLUE, GREEN, GREY, VERMILION
from ..models.inference import evaluating
from ..training.run import Run
from ..widgets import drawing, panels
from ..widgets.controls import blocks, buttons, choice, column, film, heading, slider, status
from ..widgets.explorer import Explorer, answering
from ..widgets.job import Job
from ..widgets.pages import Pages

AS_FILMED, REVERSED, SHUFFLED = "as filmed", "reversed", "shuffled"
BLACK, HELD, HALF = "every 2nd black", "every 2nd held", "first half"
HOWS = (AS_FILMED, REVERSED, SHUFFLED, BLACK, HELD, HALF)
WORST, AS_STORED = "worst first", "as stored"
BEFORE, FLAT = "the one before", "grey"
MANY = 200  # clips of the table over many: a second or two
READING = (
    "Answers that do not move when the clips are shuffled: the order is not used. Answers that move and a score that"
    " falls: it is used. Answers that move and a score as good as before: the model minds which frame comes when, and"
    " it helps nothing. (Each clip once; a test may average over mirrored views of it.)"
)
UNITS = 48  # rows of the hidden state that are shown
RUNS = 5  # in the tables; more would not be live

# What must come of a clip that is played otherwise, where it is known: {data set: {how: sentence}}.
EXPECTED = {
    "cine_filling": {
        REVERSED: "Slow filling played backwards is fast filling: a model that uses the order must change sides.",
        SHUFFLED: (
            "In a random order fast and slow filling are alike: no model can tell them apart, however sure it seems."
        ),
    },
    "cine_ejection": {
        REVERSED: "The ejection fraction is the same forwards and backwards: the answer should stay.",
        SHUFFLED: "The ejection fraction is the same in any order: the answer should stay.",
        HELD: "Half of the frames were never seen; the truth is still that of the whole film.",
        HALF: "The fullest or emptiest moment may lie in the other half; the truth is that of the whole film.",
    },
}


def sequence(run, dataset, split="test", others=None):
    """The explorer of a run's answers to clips: a `SequenceExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a sequence model: a `FrameSequence` with any head, a `ConvLSTM`
    dataset  the `Dataset` that it was trained on: a cine, volumes `.as_sequence()`, or own clips
    split    "val" or "test"
    others   {name: Run}: at most four runs on the same clips, whose answers stand in the tables

    Raises `InputError` for a run of single images, for a data set that is not the
    run's own, for clips of one frame, and where there are no predictions of the split.
    """
    return SequenceExplorer(run, dataset, split, others)


def orders(how, frames, count=1, seed=0):
    """Which frame is played when: int64 (count, frames played), from 1; 0 is a black frame.

    how   one of `HOWS`
    seed  of the random orders, one for each of `count` clips
    """
    if how not in HOWS:
        raise unknown("way to play", how, HOWS)
    numbers = torch.arange(1, frames + 1).repeat(count, 1)[:, :, None, None, None]
    every_second = torch.arange(frames) % 2 == 0
    played = {
        AS_FILMED: lambda: numbers,
        REVERSED: lambda: cine.reversed_in_time(numbers),
        SHUFFLED: lambda: cine.shuffled(numbers, torch.Generator().manual_seed(seed)),
        BLACK: lambda: cine.dropped(numbers, every_second, "black"),
        HELD: lambda: cine.dropped(numbers, every_second, "held"),
        HALF: lambda: cine.dropped(numbers, frames // 2, "cut"),
    }[how]()
    return played.flatten(1)


def played(clips, order):
    """Clips (N, T, C, H, W) with the frames that `orders` names: (N, frames played, C, H, W)."""
    film = torch.cat([torch.zeros_like(clips[:, :1]), clips], 1)
    return film[torch.arange(len(clips))[:, None], order]


def replaced(clip, instead):
    """A clip (T, C, H, W) T times, the i-th time without its frame i: uint8 (T, T, C, H, W).

    instead  BEFORE: the frame before stands there too (for the first one, the second);
             FLAT: the mean grey of the clip
    """
    each, number = clip.repeat(len(clip), 1, 1, 1, 1), torch.arange(len(clip))
    if instead == BEFORE:
        other = (number - 1).abs().clamp(max=len(clip) - 1)
        each[number, number] = clip[other]
    else:
        each[number, number] = clip.float().mean((0, 2, 3)).round().to(torch.uint8)[:, None, None]
    return each


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

    case     the number of the clip, in the split
    answers  float (frames played,): the answer, had the clip ended after each frame
    filmed   the same of the clip as filmed
    effects  float (frames played,): the answer less the answer without that frame
    """

    def __init__(self, run, dataset, split="test", others=None):
        super().__init__()
        self._runs, self._run = _checked(run, dataset, split, others), run
        self._card, self._split, self._cases = dataset.card, split, getattr(dataset, split)
        self._phantom = dataset.is_phantom
        self._title = f"{run.model.name} on {dataset.title}, {split} split"
        self._labels = self._cases.labels.numpy()
        self._errors = _errors(run.predictions[split].double().numpy(), self._labels, self._card.task)
        self._make_controls()
        self._arrange()
        self._list_cases()

    def _composed(self):
        width = self._film_sheet.width / drawing.SCALE
        lines = [f"{self._title}. {self._where}"]
        text = drawing.written([*self._sentences(), *self._compared()], width - self._frame_sheet.width / drawing.SCALE)
        sheet = drawing.below(drawing.written(lines, width), drawing.beside(self._frame_sheet, text), self._film_sheet)
        return sheet, f"{self._title}. {self._film_alt} {' '.join(self._compared())}"

    # The controls -----------------------------------------------------------------------------

    def _make_controls(self):
        frames, classes = self._card.frames, self._card.classes
        self.cases = Pages(1, self._other_case)
        self.cases.number.description = "clip"
        self.order = choice("order", [WORST, AS_STORED])
        several = self._card.task not in ("regression", "binary")
        usual = 0 if several or self._card.task == "regression" else 1
        self.looked = choice("answer", [(name, number) for number, name in enumerate(classes)], usual)
        self.looked.layout.display = None if several else "none"
        self.how = buttons("play it", HOWS)
        self.frame = slider("frame", 1, 1, frames, 1)
        self.frame.layout.max_width = "560px"
        self.play, self._player, links = film(self.frame, interval=250)
        self._roots.extend(links)
        self.instead = buttons("effect of a frame, against", [BEFORE, FLAT])
        self.instead.style.description_width = "12em"
        self.many = ipywidgets.Button(
            description=f"the same on {min(MANY, len(self._cases))} clips", icon="calculator", layout={"width": "16em"}
        )
        self.job = Job(self._lock)
        self._on(self.order, self._other_order)
        self._on(self.looked, self._other_answer)
        self._on(self.how, self._other_film)
        self._on(self.instead, self._other_instead)
        self._on(self.frame, self._scrubbed)
        self._on(self.many, self._asked_for_many)

    def _arrange(self):
        self._frame_shown, self._film_shown, self._numbers, self._table, self._many_table = (
            ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(5)
        )
        self.order.layout.width = self.looked.layout.width = "17em"
        for control in (self.order, self.looked):
            control.style.description_width = "4em"
        line = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="98%", max_width="880px")
        high = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="98%", max_width="880px")
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>Does it use the order?</h3>{html.escape(self._title)}"),
            ipywidgets.HBox([self.cases.box, self.order, self.looked], layout=line),
            self.how,
            self.message,
            ipywidgets.HBox([self._frame_shown, column("420px", self._numbers, self._table)], layout=high),
            ipywidgets.HBox([self.frame, self.play, self._player], layout=line),
            self._film_shown,
            self.instead,
            heading("One clip proves little"),
            ipywidgets.HBox([self.many, self.job.box, self._many_table], layout=line),
            self.keys,
        )

    # What the user did ------------------------------------------------------------------------

    @answering
    def _other_order(self, _):
        self._list_cases()

    @answering
    def _other_case(self):
        self._take_case()

    @answering
    def _other_film(self, _):
        self._take_film()

    @answering
    def _other_answer(self, _):
        self.job.cancel()
        self._many_table.value = ""  # it was of another answer
        self._take_film()

    @answering
    def _other_instead(self, _):
        self._take_effects()
        self._draw()

    @answering
    def _scrubbed(self, _):
        self._draw_present()

    @answering
    def _asked_for_many(self, _):
        looked = self.looked.value
        self._begin_job(lambda tell: self._over_many(looked, tell), self._found_many)

    @answering
    def _found_many(self, scores):
        self._many_table.value = _scores_table(scores, self._measure, min(MANY, len(self._cases))) + status(READING)

    # The state --------------------------------------------------------------------------------

    def _list_cases(self):
        worst = np.argsort(-self._errors, kind="stable")
        self._listed = worst if self.order.value == WORST else np.arange(len(self._errors))
        self.cases.restart(len(self._listed))
        self._take_case()

    def _take_case(self):
        self.case = int(self._listed[self.cases.shown][0])
        self._clip = self._cases.images[self.case]
        self._size = self._true_size()
        self._filmed = {name: self._asked(run, self._clip) for name, run in self._runs.items()}
        self._filmed_units = self._hidden(self._clip)
        self._take_film()

    def _take_film(self):
        """The clip as it is played now, and all answers to it."""
        self._order = orders(self.how.value, self._card.frames, seed=self.case)[0]
        self._film = played(self._clip[None], self._order[None])[0]
        usual = self.how.value == AS_FILMED
        self._now = self._filmed if usual else {name: self._asked(run, self._film) for name, run in self._runs.items()}
        self._units = self._filmed_units if usual else self._hidden(self._film)
        name = self._run.model.name
        self.answers, self.filmed = (each[name][:, self.looked.value] for each in (self._now, self._filmed))
        for control in (self.frame, self._player):
            self._set(control, max=len(self._film))
        self._take_effects()
        self._draw()

    def _take_effects(self):
        without = _answered(self._run, replaced(self._film, self.instead.value))[:, self.looked.value]
        self.effects = self.answers[-1] - without

    def _asked(self, run, clip):
        """(T, outputs): a run's answers over time to one clip."""
        with torch.inference_mode(), evaluating(run.model):
            logits = run.model.answers_over_time(normalise(clip[None]))[0]
        return run.read(logits).numpy()

    def _hidden(self, clip):
        """(T, units): what the run's model holds after each frame."""
        with torch.inference_mode(), evaluating(self._run.model):
            return self._run.model.hidden(normalise(clip[None]))[0].flatten(1).numpy()

    def _true_size(self):
        """Pixels (T,) of the cavity, or of what decides the label; None where nothing is known."""
        cases = self._cases
        if self._is_cine and cases.masks is not None:
            return (cases.masks[self.case] == 1).sum((1, 2)).numpy().astype(float)
        if cases.evidence is not None:
            return cases.evidence[self.case].sum((1, 2)).numpy().astype(float)
        return None

    @property
    def _is_cine(self):
        """Whether structure 1 of the masks is a cavity."""
        return self._phantom and self._card.name in EXPECTED

    def _over_many(self, looked=None, tell=lambda *_: None):
        """{run: {how: (score, by how much its answers move on average)}} over the first clips of the split.

        looked  which answer; left out: the present one
        tell    of a `Job`
        """
        looked = self.looked.value if looked is None else looked
        clips, labels, found = self._cases.images[:MANY], self._labels[:MANY], {}
        for number, (name, run) in enumerate(self._runs.items()):
            answers = {}
            for place, how in enumerate(HOWS):
                tell((number + place / len(HOWS)) / len(self._runs), f"{name}, {how}")
                answers[how] = _answered(run, played(clips, orders(how, self._card.frames, len(clips))))
            filmed = answers[AS_FILMED][:, looked]
            moves = {how: np.abs(each[:, looked] - filmed).mean() for how, each in answers.items()}
            found[name] = {how: (_score(each, labels, self._card.task), moves[how]) for how, each in answers.items()}
        return found

    @property
    def _measure(self):
        return {"regression": "R²", "binary": "AUC"}.get(self._card.task, "accuracy")

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
        """The label in words."""
        label, classes = self._labels[self.case], self._card.classes
        if self._card.task == "regression":
            return f"{label:.2f}"
        if np.ndim(label):
            return ", ".join(name for name, there in zip(classes, label) if there) or "none of them"
        return classes[label]

    @property
    def _where(self):
        """The clip in words."""
        return f"Clip {self.case} of the {self._split} split, {self.how.value}."

    def _sentences(self):
        """What is known of the clip as it was filmed, each number with its meaning."""
        filmed = self.filmed[-1]
        return [
            (
                f"label {self._label}: clip {self.case} of the {self._split} split ({self.order.value},"
                f" {self.cases.place})"
            ),
            f"answer {filmed:.2f}: {self._what}, as filmed",
            f"error {abs(filmed - self._truth):.2f}: between the two",
        ]

    def _compared(self):
        """What all runs say to the clip as it is played, and what had to be expected."""
        how, looked, lines = self.how.value, self.looked.value, []
        for name, filmed in self._filmed.items() if how != AS_FILMED else ():
            before, after = filmed[-1, looked], self._now[name][-1, looked]
            lines.append(f"{name}: {before:.2f} as filmed, {after:.2f} {how}; it moves by {_signed(after - before)}.")
        return lines + [self._expectation] * bool(self._expectation)

    @property
    def _expectation(self):
        return EXPECTED[self._card.name].get(self.how.value, "") if self._is_cine else ""

    # Pictures ---------------------------------------------------------------------------------

    def _draw(self):
        values = None if self._size is None else np.concatenate([[np.nan], self._size])[self._order]
        self._panels = _Film(
            pixels=drawing.flat(self._film),
            numbers=self._order.tolist(),
            total=self._card.frames,
            effects=self.effects,
            units=_ordered(self._units, self._filmed_units),
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
        self._numbers.value = blocks(self._sentences())
        self._table.value = _runs_table(self._filmed, self._now, self.looked.value, self.how.value) + status(
            self._expectation
        )
        self._draw_present()

    @property
    def _span(self):
        """From where to where the answer's axis goes."""
        if self._card.task != "regression":
            return 0.0, 1.0
        # What is not finite has no place on an axis.
        values = np.concatenate([self._labels, self.answers, self.filmed])
        low, high = values.min(), values.max()
        return float(low), float(high)

    def _draw_present(self):
        now = min(self.frame.value, len(self._film)) - 1
        self._film_sheet = self._panels.at(now)
        number = self._panels.numbers[now]
        filmed = f"frame {number} of the film" if number else "a black frame"
        title, caption = (
            f"{now + 1} of {len(self._film)}, {self.how.value}",
            f"{filmed}. Had it ended here: {self.answers[now]:.2f}",
        )
        # The margin leaves room for the mark of a phantom.
        self._frame_sheet = drawing.beside(
            panels.panel(panels.tile(self._panels.pixels[now]), title, caption), drawing.blank(28, 1)
        )
        self._put(
            self._frame_shown, self._frame_sheet, f"Frame {now + 1} of {len(self._film)}, {self.how.value}: {filmed}."
        )
        self._film_alt = (
            f"{self._where} Frame {now + 1} of {len(self._film)}. {self._panels.words(now)} Label: {self._label}."
        )
        self._put(self._film_shown, self._film_sheet, self._film_alt)


# Numbers ------------------------------------------------------------------------------------


def _checked(run, dataset, split, others):
    """{name: Run}, the first one first; or an `InputError`."""
    if not isinstance(run, Run):
        raise InputError(f"sequence takes a Run, not {type(run).__name__}; train one with fit(…)")
    card = run.card
    if card.frames is None:
        raise InputError(
            f"the run is about single images, {card.name}; this explorer plays clips: give a run of a sequence model, "
            "trained on a cine or on volumes as dataset.as_sequence()"
        )
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset is {type(dataset).__name__}; give the Dataset that the run was made on")
    if not hasattr(run.model, "answers_over_time"):
        raise InputError(
            "the run's model has no answers over time; build one of medtutor's sequence models, such as lstm"
        )
    if split not in run.predictions:
        read = " or ".join(map(repr, run.predictions)) or "none yet"
        raise InputError(
            f"the run has no predictions for the {split} split (it has {read}); "
            "finish it with fit(…, resume=…), or name another split"
        )
    others = {} if others is None else others
    if (
        not isinstance(others, dict)
        or not all(isinstance(each, Run) for each in others.values())
        or len(others) >= RUNS
    ):
        raise InputError(f'others must be a dict of at most {RUNS - 1} runs, such as {{"max/min": run}}')
    if run.model.name in others:
        raise InputError(f"one of the others has the run's own name, {run.model.name!r}; give it another")
    runs = {run.model.name: run, **others}
    for name, each in runs.items():
        _check_own(name, each, dataset, split)
    if card.frames < 2:
        raise InputError("the clips have one frame each, so there is no order; give clips of two frames or more")
    if not bool(run.predictions[split].isfinite().all()):
        raise InputError("the run's predictions hold NaN; train it again with a lower learning rate")
    return runs


def _check_own(name, run, dataset, split):
    """Whether a run was made on a data set."""
    facts = ("name", "task", "classes", "channels", "shape", "frames")
    same = all(getattr(run.card, fact) == getattr(dataset.card, fact) for fact in facts)
    if not same or run.provenance != dataset.provenance:
        raise InputError(
            f"the run {name} was made on {_described(run.card, run.provenance)}, not on this data set, "
            f"{_described(dataset.card, dataset.provenance)}; give runs and data set that belong together"
        )
    labels, own = run.labels.get(split), getattr(dataset, split).labels
    if labels is None or labels.shape != own.shape or not bool((labels == own).all()):
        raise InputError(
            f"the {split} labels of the run {name} and of this {dataset.card.name} differ; "
            "give the data set that the run was made on"
        )


def _described(card, provenance):
    frames = f"{card.frames} frames of " if card.frames else ""
    return f"{card.name} ({provenance}, {frames}{' x '.join(map(str, card.shape))} pixels)"


def _answered(run, clips, batch=64):
    """float (N, outputs): a run's answers to whole clips, as probabilities or the numbers of a regression.

    The clips as they are: a test may average over mirrored views of each, which takes several times as long.
    """
    with torch.inference_mode(), evaluating(run.model):
        logits = [run.model(normalise(clips[start : start + batch])) for start in range(0, len(clips), batch)]
    return run.read(torch.cat(logits)).numpy()


def _errors(predictions, labels, task):
    """(N,): how wrong each answer is; of classes, what the label's probability lacks."""
    if task == "regression":
        return np.abs(predictions[:, 0] - labels)
    if task == "multi-label":
        return np.abs(predictions - labels).max(axis=1)
    return 1 - predictions[np.arange(len(labels)), labels]


def _score(answers, labels, task):
    """R², AUC, or the share of right answers; NaN where there is none."""
    if task == "regression":
        return r2_score(labels, answers[:, 0]) if np.isfinite(answers).all() else float("nan")
    if task == "binary":
        return roc_auc_score(labels, answers[:, 1]) if len(set(labels)) == 2 else float("nan")
    called = answers > 0.5 if task == "multi-label" else answers.argmax(1)
    return float((called == labels).mean())


def _ordered(units, filmed):
    """Units (T, U) as rows (at most UNITS, T) of -1…1, those first that peak first in the clip as filmed.

    Each is divided by its largest size in the clip as filmed; where there are many,
    those that change most are taken.
    """
    largest = np.abs(filmed).max(axis=0)
    alive = np.flatnonzero(largest > 0)
    scale = np.where(largest > 0, largest, 1)
    spread = (filmed / scale).std(axis=0)[alive]
    chosen = alive[np.argsort(-spread, kind="stable")[:UNITS]]
    peak = np.abs(filmed[:, chosen]).argmax(axis=0)
    chosen = chosen[np.lexsort((chosen, peak))]
    return np.clip((units / scale)[:, chosen].T, -1, 1)


# Words as HTML --------------------------------------------------------------------------------


def _signed(number):
    return f"{round(float(number), 2) + 0.0:+.2f}".replace("-", "−")  # + 0.0: no minus before nothing


def _grid(head, rows):
    """An HTML table; the first cell of each row names it."""
    cell = "style='text-align:right;padding:0 0.7em'"
    left = "style='text-align:left;font-weight:normal;padding-right:0.7em'"
    top = "".join(
        f"<th scope='col' {left if n == 0 else cell}>{html.escape(words)}</th>" for n, words in enumerate(head)
    )
    body = "".join(
        "<tr><th scope='row'"
        f" {left}>{html.escape(name)}</th>{''.join(f'<td {cell}>{value}</td>' for value in values)}</tr>"
        for name, *values in rows
    )
    return f"<table style='line-height:1.35'><tr>{top}</tr>{body}</table>"


def _runs_table(filmed, now, looked, how):
    """Each run's answer to this clip."""
    rows = []
    for name in filmed:
        before, after = filmed[name][-1, looked], now[name][-1, looked]
        rows.append(
            (
                name,
                f"{before:.2f}",
                *([] if how == AS_FILMED else [f"{after:.2f}", f"<b>{_signed(after - before)}</b>"]),
            )
        )
    return _grid(["answer to this clip", AS_FILMED, *([] if how == AS_FILMED else [how, "moves by"])], rows)


def _scores_table(scores, measure, count):
    """Each run's score on many clips, and how far its answers move."""
    rows = []
    for name, each in scores.items():
        cells = []
        for how, (score, move) in each.items():
            moves = "" if how == AS_FILMED else f"<br><small>moves {move:.3f}</small>"
            cells.append(("–" if np.isnan(score) else f"{score:.2f}") + moves)
        rows.append((name, *cells))
    return _grid([f"{measure} on the first {count} clips", *HOWS], rows)


# The panels below each other ------------------------------------------------------------------

LEFT, WIDE, RIGHT, APART = 128, 704, 38, 12  # page pixels: names of the panels, time axis, margin, between panels
NAME = 6  # where the names begin
YELLOW = "#F0E442"  # marks the present frame
LARGEST = 112  # page pixels of a frame in the strip at most
THUMB = 24  # page pixels that a frame of the strip needs at least
EFFECTS, HIDDEN, ANSWER, SIZE = 60, 112, 120, 70  # heights


@dataclass(frozen=True, eq=False)
class _Film:
    """Film strip, effects, hidden state, answer and size over one time axis; drawn once, on which a cursor moves.

    pixels   uint8 (T, H, W, 3) of the frames played, of `total` that were filmed
    numbers  T numbers of frames in the film, 0 for a black one
    units    (rows, T), -1…1, of `hidden` that there are
    span     the ends of the answer's axis
    size     (T,) or None: true sizes; NaN in a black frame
    usual    whether the clip is played as filmed
    against  what a frame was replaced by for its effect
    """

    pixels: np.ndarray
    numbers: list
    total: int
    effects: np.ndarray
    units: np.ndarray
    hidden: int
    answers: np.ndarray
    filmed: np.ndarray
    truth: float
    what: str
    span: tuple
    size: np.ndarray | None
    size_filmed: np.ndarray | None
    size_name: str
    usual: bool
    against: str

    @property
    def step(self):
        """Page pixels of a frame."""
        return WIDE / self.total

    @property
    def each(self):
        """Every so manieth frame is in the strip."""
        return -(-THUMB * self.total // WIDE)

    @property
    def thumb(self):
        """(width, height) of a frame in the strip, in page pixels; small frames are enlarged by whole numbers."""
        height, width = self.pixels.shape[1:3]
        room = min(int((self.step * self.each - 2) * drawing.SCALE), LARGEST * drawing.SCALE)
        wide = room // width * width or room
        return wide / drawing.SCALE, max(1, round(wide * height / width)) / drawing.SCALE

    @cached_property
    def tops(self):
        """{panel: (top, height)} in page pixels."""
        heights = {"film": 18 + max(self.thumb[1], 28), "effects": EFFECTS, "hidden": HIDDEN, "answer": ANSWER}
        if self.size is not None:
            heights["size"] = SIZE
        tops, y = {}, 4
        for name, height in heights.items():
            tops[name] = (y, height)
            y += height + APART
        return tops

    @property
    def bottom(self):
        """Where the last panel ends."""
        return sum(list(self.tops.values())[-1])

    def x(self, frame):
        """The middle of a frame."""
        return LEFT + (frame + 0.5) * self.step

    def y(self, panel, value):
        """Where a value stands in a panel with a curve."""
        low, high = self.span if panel == "answer" else (0, self.size_filmed.max())
        top, height = self.tops[panel]
        return top + 5 + (1 - (value - low) / max(high - low, 1e-9)) * (height - 10)

    def words(self, now):
        """The panels in words, for who cannot see them."""
        strongest = int(np.abs(self.effects).argmax())
        filmed = "" if self.usual else f"As filmed the answer is {self.filmed[-1]:.2f}. "
        known = self.size is not None and np.isfinite(self.size[now])
        size = f"True size here ({self.size_name}): {self.size[now]:.0f}. " if known else ""
        return (
            f"The answer ({self.what}) is {self.answers[now]:.2f} had it ended here, {self.answers[-1]:.2f} at the end."
            f" {filmed}Frame {strongest + 1} does most to it: {_signed(self.effects[strongest])} against"
            f" {self.against}. {size}Heat map of {len(self.units)} hidden units over time."
        )

    def at(self, now):
        """The sheet with the present frame marked in every panel."""
        sheet = self.drawn.copy()
        pen, x = _Pen(sheet), self.x(now)
        pen.line([(x, self.tops["effects"][0]), (x, self.bottom)], drawing.INK, 1)
        left, top, right, bottom = self._box(now // self.each * self.each)
        for apart, colour in ((3, drawing.INK), (1.5, YELLOW)):
            pen.box((left - apart, top - apart, right + apart, bottom + apart), outline=colour)
        self._mark(pen, "answer", now, self.answers[now], 15, f"now {self.answers[now]:.2f}")
        pen.text(NAME, self.tops["effects"][0] + 43, f"this one {_signed(self.effects[now])}")
        if self.size is not None:
            black = np.isnan(self.size[now])
            self._mark(pen, "size", now, self.size[now], 30, "now black" if black else f"now {self.size[now]:.0f}")
        return sheet

    def _mark(self, pen, panel, frame, value, below, words):
        """The present value of a curve: a dot on it, and a number below the panel's name."""
        pen.text(NAME, self.tops[panel][0] + below, words)
        if np.isfinite(value):
            pen.dot(self.x(frame), self.y(panel, value), 5, YELLOW, outline=drawing.INK)

    # What stays ---------------------------------------------------------------------------------

    @cached_property
    def drawn(self):
        sheet = drawing.blank(LEFT + WIDE + RIGHT, self.bottom + 20)
        pen = _Pen(sheet)
        self._draw_film(sheet, pen)
        self._draw_effects(pen)
        self._draw_hidden(sheet, pen)
        self._draw_answer(pen)
        if self.size is not None:
            self._draw_size(pen)
        pen.text(LEFT - 5, self.bottom + 4, "frame played", 10, colour=drawing.FAINT, anchor="ra")
        for frame in range(0, self.total, -(-20 * self.total // WIDE)):
            pen.text(self.x(frame), self.bottom + 4, str(frame + 1), 10, colour=drawing.FAINT, anchor="ma")
        return sheet

    def _box(self, frame):
        """Where a frame of the strip lies: (left, top, right, bottom)."""
        (width, height), top = self.thumb, self.tops["film"][0] + 18
        left = LEFT + (frame + self.each / 2) * self.step - width / 2
        return left, top, left + width, top + height

    def _draw_film(self, sheet, pen):
        width, height = (round(side * drawing.SCALE) for side in self.thumb)
        how = Image.Resampling.NEAREST if width >= self.pixels.shape[2] else Image.Resampling.BOX
        for frame in range(0, len(self.pixels), self.each):
            left, top, right, _ = self._box(frame)
            picture = Image.fromarray(np.ascontiguousarray(self.pixels[frame])).resize((width, height), how)
            sheet.paste(picture, (round(left * drawing.SCALE), round(top * drawing.SCALE)))
            number = self.numbers[frame]
            moved = number != frame + 1
            colour = drawing.INK if moved else drawing.FAINT
            pen.text((left + right) / 2, top - 4, str(number or "–"), 10, moved, colour, "ms")
        moved = self.numbers != list(range(1, len(self.numbers) + 1))
        self._name(pen, "film", "film", ["number: as filmed"] + ["bold: moved"] * moved)

    def _draw_effects(self, pen):
        top, height = self.tops["effects"]
        # A hundredth of the axis at least: what is as good as nothing is to look like it.
        largest = max(float(np.abs(self.effects).max()), (self.span[1] - self.span[0]) / 100)
        middle, half_width = top + height / 2, 0.31 * self.step
        pen.rule(middle)
        for frame, effect in enumerate(self.effects):
            x, end = self.x(frame), middle - effect / largest * height / 2
            if effect:
                colour = VERMILION if effect > 0 else BLUE
                pen.box((x - half_width, min(middle, end), x + half_width, max(middle, end)), fill=colour)
        self._name(pen, "effects", "effect of a frame", [f"against {self.against}", f"full height ±{largest:.2f}"])

    def _draw_hidden(self, sheet, pen):
        top, height = self.tops["hidden"]
        box = (LEFT, top, LEFT + len(self.pixels) * self.step, top + height)
        left, upper, right, lower = (round(side * drawing.SCALE) for side in box)
        if len(self.units):
            colours = panels.alone(self.units.astype(np.float32), panels.COLOURS["vermilion and blue"])
            sheet.paste(
                Image.fromarray(colours).resize((right - left, lower - upper), Image.Resampling.NEAREST), (left, upper)
            )
        pen.box(box, outline="#808080")
        some = f"{len(self.units)} of {self.hidden} units" if len(self.units) < self.hidden else f"{self.hidden} units"
        self._name(
            pen, "hidden", "hidden state", [some, "top: early peak", "red: above 0", "blue: below 0", "white: 0"]
        )

    def _draw_answer(self, pen):
        top, height = self.tops["answer"]
        for value in self.span:
            pen.rule(self.y("answer", value))
            pen.text(LEFT - 5, self.y("answer", value), f"{value:.2g}", 10, colour=drawing.FAINT, anchor="rm")
        y = self.y("answer", self.truth)
        pen.line([(LEFT, y), (LEFT + WIDE, y)], GREEN, 2.5)
        pen.text(LEFT + WIDE + 4, y, "label", 10, True, GREEN, "lm")
        self._name(pen, "answer", "answer so far", [])
        if not self.usual:
            self._curve(pen, "answer", self.filmed, GREY, 1.5, dashed=True)
            pen.text(NAME, top + 30, "dashes: as filmed", 10, colour=drawing.FAINT)
        self._curve(pen, "answer", self.answers, BLUE, 2.5)

    def _draw_size(self, pen):
        pen.rule(self.y("size", 0))
        pen.text(LEFT - 5, self.y("size", 0), "0", 10, colour=drawing.FAINT, anchor="rm")
        if not self.usual:
            self._curve(pen, "size", self.size_filmed, GREY, 1.5, dashed=True)
        self._curve(pen, "size", self.size, drawing.INK, 2)
        self._name(pen, "size", "true size", [self.size_name])

    def _curve(self, pen, panel, values, colour, width, dashed=False):
        """Values over time, with gaps where they are NaN; dots where it is not dashed."""
        points = [(self.x(frame), self.y(panel, value)) for frame, value in enumerate(values)]
        for start, end in zip(points, points[1:]):
            if np.isfinite(start[1] + end[1]):
                pen.dashes(start, end, colour, width) if dashed else pen.line([start, end], colour, width)
        for x, y in points if not dashed else []:
            if np.isfinite(y):
                pen.dot(x, y, 2.5, colour)

    def _name(self, pen, panel, name, lines):
        top, _ = self.tops[panel]
        pen.text(NAME, top, name, bold=True)
        for number, line in enumerate(lines):
            pen.text(NAME, top + 15 + 13 * number, line, 10, colour=drawing.FAINT)


class _Pen:
    """Pillow's pen, in page pixels."""

    def __init__(self, sheet):
        self._pen = ImageDraw.Draw(sheet)

    def text(self, x, y, words, size=11, bold=False, colour=drawing.INK, anchor="la"):
        self._pen.text((x * drawing.SCALE, y * drawing.SCALE), words, colour, drawing.font(size, bold), anchor=anchor)

    def line(self, points, colour, width):
        self._pen.line(
            [(x * drawing.SCALE, y * drawing.SCALE) for x, y in points], colour, round(width * drawing.SCALE)
        )

    def dashes(self, start, end, colour, width):
        """A line of three dashes."""
        (x0, y0), (x1, y1) = start, end
        for near, far in ((0.05, 0.25), (0.4, 0.6), (0.75, 0.95)):
            self.line([(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in (near, far)], colour, width)

    def rule(self, y):
        """A faint line over the whole time axis."""
        self.line([(LEFT, y), (LEFT + WIDE, y)], "#d0d0d0", 1)

    def box(self, corners, fill=None, outline=None):
        self._pen.rectangle([side * drawing.SCALE for side in corners], fill, outline, width=3 if outline else 0)

    def dot(self, x, y, radius, colour, outline=None):
        corners = [side * drawing.SCALE for side in (x - radius, y - radius, x + radius, y + radius)]
        self._pen.ellipse(corners, colour, outline, width=3 if outline else 0)
