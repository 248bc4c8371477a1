"""Pictures of several things beside each other: Runs, published results, patients, lines, methods."""

from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike

from ..errors import InputError
from ..metrics import metrics_kind
from ..metrics.intervals import bootstrap, with_interval
from ..reports import compare
from ..training.run import Run
from .canvas import BLUE, GREEN, GREY, ORANGE, VERMILION, Picture, checked_run, new_figure, picture, predictions

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, GREY)  # of what stands beside each other in one row


def ladder(runs: Sequence[Run], split: str = "val") -> Picture:
    """The AUC of several runs on the same images, one under the other, with intervals and sizes.

    Of segmentations the Dice, of regressions R². Raises `InputError` for no run, for runs of different
    tasks or other images, and for a split that was not read.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.ladder([run]).alt)
    Phantom images, drawn by medtutor. val AUC of 1 models....
    """
    if not isinstance(runs, (list, tuple)) or not runs:
        raise InputError("there is no run to show; give a list of runs")
    labels = [predictions(run, split)[0] for run in runs]
    first = runs[0].card
    if any(run.card.task != first.task or not np.array_equal(each, labels[0]) for run, each in zip(runs, labels)):
        raise InputError(
            f"the runs were not tested on the same {split} cases, so their numbers do not compare; give runs of one"
            " data set"
        )
    key, name = metrics_kind(first.task).curve[0], metrics_kind(first.task).headline
    values = [getattr(getattr(run, split), key) for run in runs]
    figure = new_figure(6.5, 0.42 * len(runs) + 0.8)
    ax = figure.subplots()
    names = [f"{run.model.name}, {run.parameters / 1000:,.0f} k parameters" for run in runs]
    for place, (run, value) in enumerate(zip(runs, values)):
        interval = getattr(getattr(run, split), f"{key}_interval")
        if interval:
            ax.plot(interval, [place, place], color=BLUE, linewidth=3, alpha=0.4, solid_capstyle="round")
        ax.plot(value, place, "o", color=BLUE)
    ax.set_yticks(range(len(runs)), names, fontsize=9)
    ax.set_xlabel(f"{split} {name}, with the 95 % interval over images")
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(runs) - 0.5, -0.5)
    words = "; ".join(f"{each}: {value:.3f}" for each, value in zip(names, values))
    return picture(figure, f"{split} {name} of {len(runs)} models. {words}.", phantom=runs[0].provenance == "phantom")


def comparison(run: Run) -> Picture:
    """The run's test AUC and ACC, with intervals, beside the published results; of a regression R² and mean error,
    beside the mean.

    Raises `InputError` for a run that is not finished, and for a segmentation, as `compare`.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.comparison(run).alt)
    Phantom images, drawn by medtutor. Test AUC and accuracy as points...
    """
    rows = compare(checked_run(run))
    if not rows:
        raise InputError("the run is not finished: there is no test result to compare; resume it first")
    figure = new_figure(8, 0.34 * len(rows) + 1.1)
    titles = ("test R²", "test mean error") if run.card.task == "regression" else ("test AUC", "test accuracy")
    for ax, name, title in zip(figure.subplots(1, 2, sharey=True), rows[0].columns, titles):
        for place, row in enumerate(rows):
            value, interval = getattr(row, name), getattr(row, f"{name}_interval")
            own = row is rows[0]
            if interval:
                ax.plot(
                    interval,
                    [place, place],
                    color=BLUE if own else GREY,
                    linewidth=3,
                    alpha=0.4,
                    solid_capstyle="round",
                )
            ax.plot(value, place, "o" if own else "D", color=BLUE if own else GREY, markersize=7 if own else 5)
        ax.set_yticks(range(len(rows)), [f"{row.model} ({row.size} px)" for row in rows], fontsize=8)
        ax.set_xlabel(title)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    own, others = rows[0], rows[1:]
    if run.card.task == "regression":
        mean = others[0]
        words = (
            f"Test R² and mean error as points, with 95 % intervals. This run: R² {own.r2:.3f}, mean error"
            f" {own.mae:.3g}. Who says the mean of the training numbers of every case: R² {mean.r2:.3f}, mean error"
            f" {mean.mae:.3g}."
        )
        return picture(figure, words, phantom=run.provenance == "phantom")
    best = max(others, key=lambda row: row.auc, default=None)
    beaten = sum(row.auc < own.auc for row in others)
    words = (
        f"Test AUC and accuracy as points, with 95 % intervals. This run: AUC {own.auc:.3f}, accuracy {own.acc:.3f}."
    )
    if best:
        words += (
            f" Its AUC is above {beaten} of {len(others)} published results; the highest of those is "
            f"{best.model} with {best.auc:.3f}."
        )
    return picture(figure, words, phantom=run.provenance == "phantom")


def side_by_side(tables: dict) -> Picture:
    """Test AUC over the operations of one image, one panel a data set: {title: rows}.

    rows  with family, model, labels (share), auc, interval and cost.flops, as of `review.side_by_side()`;
          hollow where only a share of the labels was used

    >>> from types import SimpleNamespace
    >>> from medtutor import figures
    >>> cost = SimpleNamespace(flops=2e6)
    >>> row = SimpleNamespace(family="CNN", model="cnn", labels=1.0, auc=0.9, interval=(0.8, 1.0), cost=cost)
    >>> figures.side_by_side({"a set": [row]}).alt[-51:]
    'a set, cnn, 100% of the labels: 0.900 at 2 million.'
    """
    looks = {
        "CNN": (BLUE, "o"),
        "ViT": (VERMILION, "s"),
        "hybrid": (GREEN, "D"),
        "RNN": (ORANGE, "^"),
        "autoencoder": ("#CC79A7", "v"),
        "baseline": (GREY, "P"),
    }
    figure = new_figure(3.4 * len(tables) + 0.6, 3.6)
    words = []
    for ax, (title, rows) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items()):
        for row in rows:
            colour, shape = looks[row.family]
            flops, whole = row.cost.flops / 1e6, row.labels == 1
            ax.plot([flops, flops], row.interval, color=colour, alpha=0.5, linewidth=2)
            ax.plot(flops, row.auc, shape, color=colour, markerfacecolor=colour if whole else "white", markersize=7)
            name = row.model if whole else f"{row.labels:.0%}"
            # CNN and hybrid cost about as much: their names must not meet.
            away = {"ViT": (-7, "right"), "hybrid": (24, "left")}.get(row.family, (7, "left"))
            ax.annotate(name, (flops, row.auc), (away[0], -3), textcoords="offset points", fontsize=7, ha=away[1])
            words.append(f"{title}, {row.model}, {row.labels:.0%} of the labels: {row.auc:.3f} at {flops:.0f} million")
        ax.set(xscale="log", xlabel="million operations an image", title=title)
        ax.xaxis.set_major_formatter("{x:g}")
        every = [row.cost.flops for row in rows]
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if max(every) > 100 * min(every) else (1.0, 3.0), numticks=9))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(alpha=0.3)
        ax.margins(x=0.35)
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("test AUC")
    found = {row.family for rows in tables.values() for row in rows}
    marks = [
        Line2D([], [], color=colour, marker=shape, linestyle="", label=name)
        for name, (colour, shape) in looks.items()
        if name in found
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=8)
    return picture(
        figure,
        f"Test AUC with 95 % intervals over seeds, over the operations that one image costs. {'; '.join(words)}.",
    )


def patients(
    scores: dict[str, dict],
    alt: str,
    *,
    subjects: ArrayLike | None = None,
    labels: dict[str, str] | None = None,
    phantom: bool = False,
) -> Picture:
    """Scores of each volume, one row per method: dots are volumes, the bar is the mean with its 95 % interval.

    scores    {method: {"dice": (P,), "hd95": (P,), "surface_dice": (P,)}}, or any other named arrays
    subjects  whose each volume is, (P,), such as `Split.subjects`: the interval then draws people, not volumes
    labels    {score: label of its axis}

    Raises `InputError` where the methods have not the same scores, for scores that are not finite, and for subjects
    that are not as many.

    >>> from medtutor import figures
    >>> figures.patients({"U-Net": {"dice": [0.8, 0.9, 0.85]}}, "Dice of three patients.").alt
    'Dice of three patients. Means: U-Net Dice 0.85.'
    """
    if not scores or any(list(values) != list(next(iter(scores.values()))) for values in scores.values()):
        raise InputError("give the same scores of each method, of one method or more")
    for method, values in scores.items():
        for column, each in values.items():
            if np.ndim(each) != 1 or not np.size(each) or not np.isfinite(np.asarray(each, dtype=float)).all():
                raise InputError(f"the {column} of {method} must be finite numbers, one for each patient")
    columns = list(next(iter(scores.values())))
    labels = {"dice": "Dice", "hd95": "HD95, mm (less is better)", "surface_dice": "surface Dice at 1 mm"} | (
        labels or {}
    )
    figure = new_figure(2.6 * len(columns) + 1.6, 0.42 * len(scores) + 0.9)
    words = []
    for ax, column in zip(figure.subplots(1, len(columns), sharey=True, squeeze=False)[0], columns):
        for place, (method, values) in enumerate(scores.items()):
            each = np.asarray(values[column], dtype=float)
            ax.plot(each, np.full(len(each), place), ".", color=GREY, alpha=0.6, markersize=5)
            ax.plot(
                bootstrap(lambda drawn: drawn.mean(axis=-1), each, subjects=subjects),
                [place, place],
                color=BLUE,
                linewidth=5,
                alpha=0.5,
                solid_capstyle="butt",
            )
            ax.plot(each.mean(), place, "|", color=BLUE, markersize=14, markeredgewidth=2.5)
            words.append(f"{method} {labels.get(column, column)} {each.mean():.3g}")
        ax.set_yticks(range(len(scores)), list(scores), fontsize=9)
        ax.set_xlabel(labels.get(column, column), fontsize=9)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(scores) - 0.5, -0.5)
    return picture(figure, f"{alt} Means: {'; '.join(words)}.", phantom=phantom)


def dots(
    rows: dict[str, dict[str, tuple[float, tuple[float, float] | None]]],
    xlabel: str,
    alt: str = "",
    *,
    marks: dict[str, float] | None = None,
    phantom: bool = False,
) -> Picture:
    """Numbers with their intervals, one row for each name, at most five beside each other in a row.

    rows   {name: {arm: (value, (low, high))}}, None in place of an interval that is not known
    alt    what else is to be said of it, a sentence that stands before
    marks  {what it is: value}: vertical lines to compare with

    Raises `InputError` for no row, for more arms than can be told apart, and for values that are not finite.

    >>> from medtutor import figures
    >>> figures.dots({"CNN": {"all": (0.9, (0.85, 0.94))}, "MLP": {"all": (0.8, None)}}, "AUC").alt
    'AUC. CNN: all 0.900 [0.850, 0.940]; MLP: all 0.800.'
    """
    arms, styles = list(dict.fromkeys(arm for row in rows.values() for arm in row)), list(zip(_COLOURS, "os^dv"))
    if not rows or not 1 <= len(arms) <= len(styles):
        raise InputError(f"there are {len(rows)} rows of {len(arms)} arms; give a row or more, of 1 to {len(styles)}")
    if not all(np.isfinite(value) for row in rows.values() for value, _ in row.values()):
        raise InputError("values must be finite numbers; leave out what was not measured")
    figure = new_figure(6.5, (0.2 + 0.12 * len(arms)) * len(rows) + 1.0)
    ax = figure.subplots()
    for arm, (colour, mark) in zip(arms, styles):
        name: str | None = arm
        for place, row in enumerate(rows.values()):
            if arm in row:
                value, interval = row[arm]
                at = place + 0.15 * (arms.index(arm) - (len(arms) - 1) / 2)
                if interval is not None:
                    ax.plot(interval, [at, at], color=colour, linewidth=2.5, alpha=0.5, solid_capstyle="butt")
                ax.plot(value, at, mark, color=colour, markersize=5, label=name)
                name = None
    for label, value in (marks or {}).items():
        ax.axvline(value, color=GREY, linestyle=":", linewidth=1)
        ax.text(value, -0.62, label, fontsize=8, color="#5f5f5f", ha="center", va="bottom")
    ax.set_yticks(range(len(rows)), list(rows), fontsize=9)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    ax.set_xlabel(xlabel, fontsize=9)
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if len(arms) > 1:
        figure.legend(loc="outside lower center", ncols=len(arms), fontsize=8, frameon=False)
    told = "; ".join(
        f"{name}: {', '.join(f'{arm} {with_interval(*each)}' for arm, each in row.items())}"
        for name, row in rows.items()
    )
    lines = "".join(f" Line at {value:.3f}: {label}." for label, value in (marks or {}).items())
    return picture(figure, f"{alt} {xlabel}. {told}.{lines}".strip(), phantom=phantom)


def curves(
    x: Sequence, lines: dict[str, Sequence[float]], xlabel: str, ylabel: str, alt: str = "", *, phantom: bool = False
) -> Picture:
    """Named lines over x: `{"CNN": [...], "MLP": [...]}`, at most five. The alt text gives their values.

    alt  what else is to be said of them, a sentence that stands before

    Raises `InputError` for more lines, and for lines that are not as long as x.

    >>> from medtutor import figures
    >>> figures.curves([1, 2, 3], {"CNN": [0.7, 0.8, 0.9]}, "epoch", "AUC").alt
    'AUC against epoch. CNN: 0.7 at 1, 0.8 at 2, 0.9 at 3.'
    """
    styles = list(zip((BLUE, VERMILION, GREEN, ORANGE, GREY), ("o-", "s--", "^-.", "d:", "v-")))
    if not 1 <= len(lines) <= len(styles):
        raise InputError(f"there are {len(lines)} lines; give 1 to {len(styles)}: no more can be told apart")
    for name, y in lines.items():
        if len(y) != len(x):
            raise InputError(f"the line {name!r} has {len(y)} values, x has {len(x)}; give one for each")
    figure = new_figure(5, 2.8)
    ax = figure.subplots()
    for (name, y), (colour, style) in zip(lines.items(), styles):
        ax.plot(x, y, style, color=colour, label=name, markersize=4)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if all(isinstance(value, int) for value in x):
        ax.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 1.5
    ax.legend(fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    # Of a long line every so manyth point, the first and the last: nobody listens to a hundred numbers.
    at = sorted({round(place) for place in np.linspace(0, len(x) - 1, min(len(x), 8))})
    told = "; ".join(f"{name}: {', '.join(f'{y[i]:.3g} at {_short(x[i])}' for i in at)}" for name, y in lines.items())
    return picture(figure, f"{alt} {ylabel} against {xlabel}. {told}.".strip(), phantom=phantom)


def _short(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def matrix(values: ArrayLike, names: Sequence[str], alt: str = "", *, phantom: bool = False) -> Picture:
    """A square table of correlations -1…1, as colours and numbers. Alt text names the closest and furthest pair.

    alt  what else is to be said of it, a sentence that stands before

    Raises `InputError` where it is not as large as the names say.

    >>> from medtutor import figures
    >>> figures.matrix([[1, 0.3], [0.3, 1]], ["CNN", "ViT"]).alt
    'Correlations of 2: the highest is 0.30, of ViT and CNN, the lowest 0.30, of ViT and CNN.'
    """
    if np.shape(values) != (len(names), len(names)):
        raise InputError(
            f"the table has shape {np.shape(values)} and {len(names)} names; give one name for each row and column"
        )
    side = 0.55 * len(names) + 1.8
    figure = new_figure(side, side * 0.9)
    ax = figure.subplots()
    table = np.asarray(values)
    ax.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1)
    for i in range(len(names)):
        for j in range(len(names)):
            colour = "white" if abs(table[i, j]) > 0.6 else "black"
            ax.text(j, i, f"{table[i, j]:.1f}", ha="center", va="center", color=colour, fontsize=8)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    told = ""
    if pairs := sorted((table[i, j], f"of {names[i]} and {names[j]}") for i in range(len(names)) for j in range(i)):
        (low, of_low), (high, of_high) = pairs[0], pairs[-1]
        told = f"Correlations of {len(names)}: the highest is {high:.2f}, {of_high}, the lowest {low:.2f}, {of_low}."
    return picture(figure, f"{alt} {told}".strip(), phantom=phantom)
