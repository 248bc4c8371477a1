"""The maps and scores of an explorer: computed once, kept, and stopped where the user wants."""

import ctypes
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import MedtutorError
from ..explanation import (
    METHODS,
    Attribution,
    Scores,
    deletion,
    explain,
    infidelity,
    insertion,
    pointing_game,
    randomised,
    relevance_mass,
    sensitivity,
    similarity,
)
from ..explanation.subject import Subject
from ..widgets.recent import Recent
from .cases import Case

WEIGHTS = {"trained": None, "head at random": "head", "all at random": "all"}
KEPT = 64  # maps, and as many scores
# Memory is given back after a map that took so many seconds, where nobody notices, and after so many quick ones.
UNHURRIED, MAPS = 0.5, 10
SMALL = 64 * 64  # pixels of an image that one thread is enough for
# Methods and random weights draw from torch's and numpy's one random state, which all threads share:
# two at once would give maps that no seed brings back.
_DRAWING = threading.Lock()


class Busy(Exception):
    """Another computation draws random numbers just now, and will for a while."""


@dataclass(frozen=True)
class Question:
    """All that a map depends on; the same question has the same answer.

    case     the key of a `Case`
    said     the model's logits for the image as bytes, so that a model that was
             trained on, or mended, is asked anew
    options  of the method, as sorted pairs
    target   class number
    weights  one of `WEIGHTS`
    """

    case: tuple
    said: bytes
    method: str
    options: tuple
    target: int
    layer: str | None
    weights: str

    @property
    def title(self):
        title = METHODS[self.method].title
        return title if self.weights == "trained" else f"{title}, {self.weights}"

    def effort(self, shape):
        """About how many images of a shape go through the network for the map."""
        options = dict(self.options)
        if "window" in options:
            return int(np.prod([-(-(side - options["window"]) // options["stride"]) + 1 for side in shape]))
        return options.get("steps") or options.get("samples") or 1


@dataclass
class Found:
    """What is found for one case and one question, made anew for each; None for what is not known, or not wanted.

    logits, probabilities  what the model says to the image
    question, other        what the map and the one to compare with answer
    map, second            their `Attribution`s
    alike                  the similarity of the two
    problem                the error of a method that cannot work, to be said
    wait                   seconds, where a map waits for the button
    covered, after         the image with the square, and its probabilities
    subject                the network as it was when it was asked, until the maps are there: to copy it takes as long
                           as an image through it
    """

    case: Case | None
    subject: Subject | None = None
    logits: torch.Tensor | None = None
    probabilities: list | None = None
    question: Question | None = None
    other: Question | None = None
    map: Attribution | None = None
    second: Attribution | None = None
    alike: float | None = None
    problem: MedtutorError | None = None
    wait: float | None = None
    covered: torch.Tensor | None = None
    after: list | None = None

    @property
    def questions(self):
        return [question for question in (self.question, self.other) if question is not None]

    @property
    def is_own(self):
        return self.case is not None and self.case.key[0] == "own"


class Answers:
    """Maps and scores of one run; the last `KEPT` of each are kept, fewer where they are large.

    forward_seconds  what one image took through the network, at best
    """

    def __init__(self, run):
        self._run, self._shape = run, run.card.shape
        self._maps, self._scores, self._pace, self._computed = Recent(), Recent(), {}, 0
        self.forward_seconds = float("inf")

    def probabilities(self, image, subject=None):
        """The model's logits [classes] for a uint8 image, and the probabilities as a list; it is always asked anew.

        subject  the run's `Subject` as it is now, where there is one
        """
        subject, begin = subject or Subject.of(self._run), time.perf_counter()
        logits = subject.scores(subject.batch(image, many=False))
        self.forward_seconds = min(self.forward_seconds, time.perf_counter() - begin)
        return logits[0].float().cpu(), subject.probabilities(logits.float().cpu())[0].tolist()

    def map_of(self, question):
        """The `Attribution` that answers a question, None where it was not computed yet."""
        return self._maps.get(question)

    def scores_of(self, question):
        """The `Scores` of the answer, None where they were not computed yet."""
        return self._scores.get(question)

    def seconds(self, question):
        """How long it will take to answer, about; infinite for a method that is never live."""
        if not METHODS[question.method].live:
            return float("inf")
        if question.effort(self._shape) == 1:
            return 0.0  # not much more than the probabilities, which are always computed
        # Measured, or guessed: images in a batch are several times cheaper than a single one. A measured time far above
        # that of a single one was a first time, when libraries load, or a busy moment: a live method stays live.
        pace = min(self._pace.get(question.method, self.forward_seconds / 4), 3 * self.forward_seconds)
        return pace * question.effort(self._shape)

    def answer(self, question, case, tell=None, patience=None, subject=None):
        """Compute the map, and keep it.

        tell      of a `Job`, hears of each image that goes through the network
        patience  seconds after which it raises `Busy` where another computation goes on; left out: it waits
        subject   the run's `Subject` as it was asked, where it is known
        """
        effort = question.effort(self._shape)
        with alone(tell, patience):
            begin = time.perf_counter()
            with heard(self._weighted(question, subject), tell, effort) as asked:
                options = dict(question.options)
                found = explain(
                    asked, case.image, question.method, target=question.target, layer=question.layer, **options
                )
            seconds = time.perf_counter() - begin
        # The quickest counts: a busy moment must not make a live method wait for a button.
        self._pace[question.method] = min(seconds / effort, self._pace.get(question.method, seconds / effort))
        self._computed += 1
        if seconds > UNHURRIED or self._computed % MAPS == 0:
            give_back()
        size = sum(value.nbytes for value in vars(found).values() if isinstance(value, torch.Tensor))
        return self._maps.keep(question, found, size, KEPT)

    def score(self, question, case, tell):
        """Compute the scores of a map, and keep them; `tell` hears which one is next."""
        found = self._maps.get(question) or self.answer(question, case, lambda share=None: tell())
        steps, values = self._steps(question, case, found), {}
        for number, (name, step) in enumerate(steps.items()):
            tell(number / len(steps), f"{question.title}: {name.replace('_', ' ')}")
            with alone(tell):
                values[name] = step(tell)
        give_back()
        return self._scores.keep(question, Scores(**values), 0, KEPT)

    def _weighted(self, question, subject=None):
        """What `explain` is asked about: the run, or its `Subject`, or the run with random weights."""
        upto = WEIGHTS[question.weights]
        return (subject or self._run) if upto is None else randomised(self._run, upto)

    def _steps(self, question, case, found):
        """How each of the `Scores` is computed, one by one, as `explanation.score` does it: {name: tell -> value}."""
        with alone():
            run = self._weighted(question)
        image, evidence = case.image, case.evidence

        def stoppable(function, run=run):
            def step(tell):
                with heard(run, tell) as subject:
                    return function(subject)

            return step

        def unlearned(tell):
            return stoppable(likeness, randomised(run))(tell)

        def likeness(subject):
            other = explain(subject, image, found.method, target=found.target, layer=found.layer, **found.options)
            return similarity(found, other)

        steps = {
            "deletion": stoppable(lambda subject: deletion(subject, image, found).auc),
            "insertion": stoppable(lambda subject: insertion(subject, image, found).auc),
            "infidelity": stoppable(lambda subject: infidelity(subject, image, found)),
            "sensitivity": stoppable(lambda subject: sensitivity(subject, image, found)),
            "completeness_error": lambda tell: found.completeness_error,
            "to_randomised": unlearned,
        }
        if evidence is not None and bool(evidence.any()):
            steps["pointing_game"] = lambda tell: pointing_game(found, evidence)
            steps["relevance_mass"] = lambda tell: relevance_mass(found, evidence)
        return steps


@contextmanager
def alone(tell=None, patience=None):
    """While nothing else draws random numbers. `tell`, where given, is asked whether to stop waiting for that."""
    while not _DRAWING.acquire(timeout=0.1 if patience is None else patience):
        if patience is not None:
            raise Busy
        if tell is not None:
            tell()
    try:
        yield
    finally:
        _DRAWING.release()


def give_back():
    """Give freed memory back to the system.

    glibc keeps what a network has used for a map, in pieces that the next map may not fit into: of a few dozen maps
    more than a hundred megabytes stay. It takes some milliseconds; elsewhere nothing is done.
    """
    if _trim is not None:
        _trim(0)


try:
    _trim = ctypes.CDLL(None).malloc_trim
except (AttributeError, OSError, TypeError):  # not glibc
    _trim = None  # type: ignore[assignment]


@contextmanager
def few_threads(shape):
    """Small images are computed by one thread: two gain little, and lose a lot where something else keeps a core busy.

    With a training beside it, the map of a 28-pixel image took 30 times as long with two threads as with one.
    """
    before = torch.get_num_threads()  # of this thread of Python: each has its own number
    torch.set_num_threads(1 if np.prod(shape) <= SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def heard(run, tell, effort=None):
    """What `explanation` takes for a run, where `tell` hears of each pass through the network, and may stop it.

    effort  how many images will pass; left out: `tell` is only asked whether to stop
    """
    if tell is None:
        yield run
        return
    subject, passed = Subject.of(run), 0

    def listen(net, inputs):
        nonlocal passed
        tell(*([] if effort is None else [passed / effort]))
        passed += len(inputs[0])

    handle = subject.net.register_forward_pre_hook(listen)
    try:
        yield subject
    finally:
        handle.remove()
