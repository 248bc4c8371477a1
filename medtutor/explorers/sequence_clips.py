"""What the sequence explorer computes: clips played otherwise, what a run answers to them, and tables of it."""

import html
from typing import Any

import numpy as np
import torch

from ..data.dataset import Dataset, normalise
from ..data.phantoms import cine
from ..errors import InputError, unknown
from ..models.inference import evaluating
from ..training.run import Run
from .cases import check_has_predictions, has_labels_of, was_made_on

AS_FILMED, REVERSED, SHUFFLED = "as filmed", "reversed", "shuffled"
BLACK, HELD, HALF = "every 2nd black", "every 2nd held", "first half"
HOWS = (AS_FILMED, REVERSED, SHUFFLED, BLACK, HELD, HALF)
BEFORE, FLAT = "the one before", "grey"
RUNS = 5  # in the tables; more would not be live
UNITS = 48  # rows of the hidden state that are shown

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


def checked(run, dataset, split, others):
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
    check_has_predictions(run, split)
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
    if not was_made_on(run, dataset):
        raise InputError(
            f"the run {name} was made on {_described(run.card, run.provenance)}, not on this data set, "
            f"{_described(dataset.card, dataset.provenance)}; give runs and data set that belong together"
        )
    if not has_labels_of(run, dataset, split):
        raise InputError(
            f"the {split} labels of the run {name} and of this {dataset.card.name} differ; "
            "give the data set that the run was made on"
        )


def _described(card, provenance):
    frames = f"{card.frames} frames of " if card.frames else ""
    return f"{card.name} ({provenance}, {frames}{' x '.join(map(str, card.shape))} pixels)"


def over_time(run: Run, clip: torch.Tensor) -> np.ndarray:
    """(T, outputs): a run's answers over time to one clip."""
    model: Any = run.model
    with torch.inference_mode(), evaluating(model):
        logits = model.answers_over_time(normalise(clip[None]))[0]
    return run.read(logits).numpy()


def hidden(run: Run, clip: torch.Tensor) -> np.ndarray:
    """(T, units): what a run's model holds after each frame."""
    model: Any = run.model
    with torch.inference_mode(), evaluating(model):
        return model.hidden(normalise(clip[None]))[0].flatten(1).numpy()


def answered(run, clips, batch=64):
    """float (N, outputs): a run's answers to whole clips, as probabilities or the numbers of a regression.

    The clips as they are: a test may average over mirrored views of each, which takes several times as long.
    """
    with torch.inference_mode(), evaluating(run.model):
        logits = [run.model(normalise(clips[start : start + batch])) for start in range(0, len(clips), batch)]
    return run.read(torch.cat(logits)).numpy()


def true_size(cases, case: int, is_cine: bool) -> np.ndarray | None:
    """Pixels (T,) of the cavity, or of what decides the label; None where nothing is known."""
    if is_cine and cases.masks is not None:
        return (cases.masks[case] == 1).sum((1, 2)).numpy().astype(float)
    if cases.evidence is not None:
        return cases.evidence[case].sum((1, 2)).numpy().astype(float)
    return None


def over_many(runs: dict, clips: torch.Tensor, labels: np.ndarray, looked: int, tell=lambda *_: None) -> dict:
    """{run: {how: (score, by how much its answers move on average)}} over many clips.

    looked  which answer
    tell    of a `Job`
    """
    found = {}
    for number, (name, run) in enumerate(runs.items()):
        answers = {}
        for place, how in enumerate(HOWS):
            tell((number + place / len(HOWS)) / len(runs), f"{name}, {how}")
            answers[how] = answered(run, played(clips, orders(how, run.card.frames, len(clips))))
        filmed = answers[AS_FILMED][:, looked]
        moves = {how: np.abs(each[:, looked] - filmed).mean() for how, each in answers.items()}
        found[name] = {how: (score(each, labels, run.card.task), moves[how]) for how, each in answers.items()}
    return found


def errors(predictions, labels, task):
    """(N,): how wrong each answer is; of classes, what the label's probability lacks."""
    if task == "regression":
        return np.abs(predictions[:, 0] - labels)
    if task == "multi-label":
        return np.abs(predictions - labels).max(axis=1)
    return 1 - predictions[np.arange(len(labels)), labels]


def score(answers, labels, task):
    """R², AUC, or the share of right answers; NaN where there is none."""
    from sklearn.metrics import r2_score, roc_auc_score  # takes most of a second to load

    if task == "regression":
        return r2_score(labels, answers[:, 0]) if np.isfinite(answers).all() else float("nan")
    if task == "binary":
        return roc_auc_score(labels, answers[:, 1]) if len(set(labels)) == 2 else float("nan")
    called = answers > 0.5 if task == "multi-label" else answers.argmax(1)
    return float((called == labels).mean())


def ordered(units, filmed):
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


def signed(number):
    return f"{round(float(number), 2) + 0.0:+.2f}".replace("-", "−")  # + 0.0: no minus before nothing


def _grid(head, rows):
    """An HTML table; the first cell of each row names it."""
    cell = "style='text-align:right;padding:0 0.7em'"
    left = "style='text-align:left;font-weight:normal;padding-right:0.7em'"
    top = "".join(
        f"<th scope='col' {left if n == 0 else cell}>{html.escape(words)}</th>" for n, words in enumerate(head)
    )
    body = "".join(
        f"<tr><th scope='row' {left}>{html.escape(name)}</th>"
        + "".join(f"<td {cell}>{value}</td>" for value in values)
        + "</tr>"
        for name, *values in rows
    )
    return f"<table style='line-height:1.35'><tr>{top}</tr>{body}</table>"


def runs_table(filmed, now, looked, how):
    """Each run's answer to this clip."""
    other, rows = how != AS_FILMED, []
    for name in filmed:
        before, after = filmed[name][-1, looked], now[name][-1, looked]
        moved = [f"{after:.2f}", f"<b>{signed(after - before)}</b>"] if other else []
        rows.append((name, f"{before:.2f}", *moved))
    return _grid(["answer to this clip", AS_FILMED, *([how, "moves by"] if other else [])], rows)


def scores_table(scores, measure, count):
    """Each run's score on many clips, and how far its answers move."""
    rows = []
    for name, each in scores.items():
        cells = []
        for how, (score, move) in each.items():
            moves = "" if how == AS_FILMED else f"<br><small>moves {move:.3f}</small>"
            cells.append(("–" if np.isnan(score) else f"{score:.2f}") + moves)
        rows.append((name, *cells))
    return _grid([f"{measure} on the first {count} clips", *HOWS], rows)


# Words ----------------------------------------------------------------------------------------


def in_words(label, card) -> str:
    """The label of a clip."""
    if card.task == "regression":
        return f"{label:.2f}"
    if np.ndim(label):
        return ", ".join(name for name, there in zip(card.classes, label) if there) or "none of them"
    return card.classes[label]


def compared(filmed, now, looked, how, expectation) -> list[str]:
    """What all runs say to the clip as it is played, and what had to be expected."""
    lines = []
    for name, answers in filmed.items() if how != AS_FILMED else ():
        before, after = answers[-1, looked], now[name][-1, looked]
        lines.append(f"{name}: {before:.2f} as filmed, {after:.2f} {how}; it moves by {signed(after - before)}.")
    return lines + [expectation] * bool(expectation)
