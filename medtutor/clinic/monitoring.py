"""Watching a model at work: what is measured of each case, what may change, a silent run, and the way back.

The measures need no truth, which comes late or never in a hospital. They say that something is otherwise, not what,
and not whether the answers are worse: `SilentRun` holds them against the reader's for that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..checks import as_numbers, as_probabilities, instance, number, one_of, text, whole
from ..checks import seed as as_seed
from ..data.augmentation import degrade
from ..errors import InputError
from ..explanation.familiar import BATCH, Known, features_of, nearest
from ..explanation.subject import Subject
from ..files import locked, resolve, write_text
from ..metrics.drift import cusum, cusum_limit, limit_for, normal_scores, windowed_ks
from ..models.inference import probabilities
from ..training.run import Run

# What is followed of each case: its meaning.
SIGNALS = {
    "score": "the model's probability of the positive class",
    "features": "how far the image is from the nearest known one, in the network's own features",
    "brightness": "the mean grey level of the image",
    "sharpness": "the mean difference between neighbouring pixels",
}
SCANNER = ("contrast", "noise", "blur")  # as `data.augmentation.degrade` has them
PREVALENCE = "prevalence"
CHANGES = (*SCANNER, PREVALENCE)
DETECTORS = ("CUSUM", "KS")


def signals_of(run: Run, images: torch.Tensor, known: Known) -> dict[str, np.ndarray]:
    """What is followed of each image: {a name of `SIGNALS`: float64 (N,)}.

    run     a `Run` of a binary classification of single images
    images  uint8 (N, C, H, W)
    known   `explanation.familiar.known` of the run and images from when all was well

    The network is asked about each image once, without its mirror image: a monitor has no time, and needs none.
    Raises `InputError` for another run.

    >>> import medtutor as mt
    >>> from medtutor.explanation.familiar import known
    >>> few = mt.data.phantoms.draw(mt.data.card("breastmnist"), {"train": 20, "val": 30, "test": 8})
    >>> run = mt.fit(mt.build("cnn", few, widths=(4, 8, 8)), few, mt.Recipe(epochs=1), progress=False)
    >>> found = signals_of(run, few.test.images, known(run, few.val.images))
    >>> sorted(found), found["score"].shape
    (['brightness', 'features', 'score', 'sharpness'], (8,))
    """
    instance("run", run, Run, "a Run")
    if run.card.task != "binary" or run.card.dims != 2 or run.card.frames:
        raise InputError("a monitor follows a binary classification of single images; give such a run")
    subject = Subject.of(run)
    with torch.no_grad():
        logits = torch.cat([subject.scores(subject.batch(some, many=True)) for some in images.split(BATCH)])
        features = features_of(subject, images, known.layer)
    grey = images.double().mean(dim=1)
    edges = (grey.diff(dim=1).abs().mean(dim=(1, 2)) + grey.diff(dim=2).abs().mean(dim=(1, 2))) / 2
    return {
        "score": probabilities(logits, "binary")[:, 1].double().numpy(),
        "features": nearest(features, known.features).double().numpy(),
        "brightness": grey.mean(dim=(1, 2)).numpy(),
        "sharpness": edges.numpy(),
    }


def rescanned(images: torch.Tensor, kind: str, size: float, seed: int = 0) -> torch.Tensor:
    """The images as another scanner might have taken them: uint8 of the same shape.

    kind  of `SCANNER`
    size  0 (no change) to 1, as `data.augmentation.degrade` takes it

    Raises `InputError` for another kind or size, and for images of several channels.

    >>> rescanned(torch.full((2, 1, 28, 28), 90, dtype=torch.uint8), "noise", 0.5).shape
    torch.Size([2, 1, 28, 28])
    """
    one_of("change of scanner", kind, SCANNER)
    if images.dim() != 4 or images.shape[1] != 1:
        raise InputError(f"images have shape {tuple(images.shape)}; give grey ones, (N, 1, H, W)")
    return torch.from_numpy(degrade(images[:, 0].numpy(), kind, size, seed)).unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Streams:
    """Cases as they might come in, drawn again and again from images at hand: their places in the pool.

    quiet    int (S, N): nothing changes
    changed  int (S, N): another mix of classes from `change` on; where the scanner changes, the same as `quiet`
    change   how many cases come before the change
    """

    quiet: np.ndarray
    changed: np.ndarray
    change: int


def draw_streams(
    labels: ArrayLike, length: int, change: int, *, prevalence: float | None = None, count: int = 100, seed: int = 0
) -> Streams:
    """`count` streams of `length` cases, drawn from a pool with replacement, as often positive as the pool is.

    labels      (M,): 0 or 1, of the pool
    change      after how many cases something changes
    prevalence  share of positives from then on; left out: as before

    Raises `InputError` for labels of one class, a change beyond the end, and a prevalence outside 0…1.

    >>> made = draw_streams([0, 1, 1, 0], 60, 20, prevalence=1.0, count=5)
    >>> np.isin(made.changed[:, 20:], (1, 2)).all(), (made.changed[:, :20] == made.quiet[:, :20]).all()
    (np.True_, np.True_)
    """
    truth = as_numbers("labels", labels)
    length, count = whole("length", length, 1), whole("count", count, 1)
    change = whole("change", change, 0, length)
    if truth.ndim != 1 or set(np.unique(truth)) != {0, 1}:
        raise InputError("labels must be 0 and 1, both of them, (M,); take a set with two classes")
    rng = np.random.default_rng(as_seed(seed))
    quiet = rng.integers(0, len(truth), (count, length))
    changed = quiet
    if prevalence is not None:
        share = number("prevalence", prevalence, 0, 1)
        of = [np.flatnonzero(truth == label) for label in (0, 1)]
        drawn = [rng.choice(places, (count, length - change)) for places in of]
        mixed = np.where(rng.random((count, length - change)) < share, drawn[1], drawn[0])
        changed = np.concatenate([quiet[:, :change], mixed], axis=1)
    return Streams(quiet, changed, change)


def followed(detector: str, values: ArrayLike, usual: ArrayLike, *, window: int = 50, slack: float = 0.5) -> np.ndarray:
    """The statistic of a detector, (…, N): of `metrics.drift`, `cusum` of the normal scores, or `windowed_ks`.

    detector  "CUSUM", which has a slack, or "KS", which has a window
    values    (…, N), in the order in which they came
    usual     (M,): what was measured while all was well

    >>> usual = np.random.default_rng(0).standard_normal(200)
    >>> followed("CUSUM", [3.0] * 10, usual)[-1] > 5 > followed("CUSUM", usual[:10], usual)[-1]
    np.True_
    """
    one_of("detector", detector, DETECTORS)
    if detector == "KS":
        return windowed_ks(values, usual, window)
    return cusum(normal_scores(values, usual), slack)


def limit_in_advance(
    detector: str, usual: ArrayLike, cases: float, *, window: int = 50, slack: float = 0.5, seed: int = 0
) -> float:
    """The limit with which a detector alarms for nothing once in so many cases, from the usual values alone.

    That of CUSUM is Siegmund's; that of KS is read off 200 streams drawn from the usual values.

    >>> round(limit_in_advance("CUSUM", np.arange(100.0), 465), 1)
    5.0
    """
    one_of("detector", detector, DETECTORS)
    if detector == "CUSUM":
        return cusum_limit(cases, slack)
    known = as_numbers("the usual values", usual)
    drawn = np.random.default_rng(as_seed(seed)).choice(known, (200, max(2 * window, min(round(cases), 1000))))
    return limit_for(windowed_ks(drawn, known, window), cases)


@dataclass(frozen=True)
class SilentRun:
    """A model that is asked and not shown, beside the reader whose word counts.

    n            cases
    agree        how many they call alike
    kappa        agreement beyond chance, Cohen's
    only_model   places of cases that the model alone calls positive
    only_reader  those that the reader alone does
    """

    n: int
    agree: int
    kappa: float
    only_model: tuple[int, ...]
    only_reader: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{self.agree} of {self.n} called alike (kappa {self.kappa:.2f}); {len(self.only_model)} positive for the"
            f" model alone, {len(self.only_reader)} for the reader alone: look at these again"
        )


def silent_run(scores: ArrayLike, readings: ArrayLike, threshold: float = 0.5) -> SilentRun:
    """A model's answers held against a reader's, case by case, before anyone sees them.

    scores     (N,), 0…1
    readings   (N,): 0 or 1, what the reader says without having seen the model's answer
    threshold  above it the model calls a case positive

    Raises `InputError` where these are not of the same cases, and for readings other than 0 and 1.

    >>> print(silent_run([0.9, 0.2, 0.8, 0.1], [1, 0, 0, 0]))
    3 of 4 called alike (kappa 0.50); 1 positive for the model alone, 0 for the reader alone: look at these again
    """
    called = as_probabilities("scores", scores) > number("threshold", threshold, 0, 1)
    read = as_numbers("readings", readings)
    if called.ndim != 1 or called.shape != read.shape or not called.size or not np.isin(read, (0, 1)).all():
        raise InputError("give one score and one reading, 0 or 1, of each case")
    found = read == 1
    agree = called == found
    by_chance = called.mean() * found.mean() + (1 - called.mean()) * (1 - found.mean())
    kappa = float((agree.mean() - by_chance) / (1 - by_chance)) if by_chance < 1 else float("nan")
    alone = (tuple(np.flatnonzero(which).tolist()) for which in (called & ~found, found & ~called))
    return SilentRun(len(called), int(agree.sum()), kappa, *alone)


class InService:
    """Which model answers in a folder's name, since when and why; and back to the one before.

    folder  where the list is kept, as in_service.json; it only ever grows

    A model is named by the hash of its weights, `clinic.uids.model_hash`. Raises `InputError` for a list that cannot be
    read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     service = InService(place)
    ...     service.take("1f0c…", "first release", "2026-11-01")
    ...     service.take("9ab3…", "trained on more", "2026-11-20")
    ...     _ = service.roll_back("alarm of the monitor", "2026-11-29")
    ...     service.current, len(service.history)
    ('1f0c…', 3)
    """

    def __init__(self, folder: str | PathLike):
        self._path = resolve(folder) / "in_service.json"

    @property
    def history(self) -> list[dict[str, Any]]:
        """Each change: model, why, day, and whether it was a step back; the last is in force."""
        if not self._path.exists():
            return []
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            assert all(isinstance(entry, dict) and isinstance(entry["model"], str) for entry in found)
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            raise InputError("in_service.json cannot be read; restore it, since it says which model answers") from None
        return found

    @property
    def current(self) -> str | None:
        """The model in service; None before the first."""
        history = self.history
        return history[-1]["model"] if history else None

    def take(self, model: str, why: str, day: str) -> None:
        """Put a model into service. Raises `InputError` where it is the one in service."""
        self._add({"model": text("model", model), "why": text("why", why), "day": text("day", day), "back": False})

    def roll_back(self, why: str, day: str) -> str:
        """Take the model before this one into service again, and name it. Raises `InputError` where there is none.

        Whoever rolls back twice goes back by two: a model that was left is not returned to.
        """
        kept: list[str] = []
        for entry in self.history:
            if entry["back"]:
                kept.pop()
            else:
                kept.append(entry["model"])
        if len(kept) < 2:
            raise InputError("there is no model before this one to go back to; take it out of service by hand")
        self._add({"model": kept[-2], "why": text("why", why), "day": text("day", day), "back": True})
        return kept[-2]

    def _add(self, entry: Mapping[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._path.parent):
            history = self.history
            if history and history[-1]["model"] == entry["model"]:
                raise InputError("this model is in service already; name another")
            write_text(self._path, json.dumps([*history, entry], indent=1) + "\n")
