"""Answers to many questions at once: a forest plot, and a map of families by questions.

An answer has a colour, a shape and a letter: no reader needs the colour.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import InputError, unknown
from .canvas import BLUE, GREEN, GREY, ORANGE, VERMILION, Picture, new_figure, picture

REACH = 4.0  # margins that a forest plot shows to each side; what lies beyond is an arrow
LINE = 0.2  # inches a row
# answer: (colour, matplotlib's marker, letter)
ANSWER_STYLES = {
    "supported": (BLUE, "o", "+"),
    "contradicted": (VERMILION, "s", "−"),
    "no difference larger than the margin": (GREEN, "D", "="),
    "inconclusive": (ORANGE, "^", "?"),
    "not testable here": (GREY, "x", "×"),
}


class Effect(NamedTuple):
    """A row of a forest plot.

    name       such as a claim's id
    in_margins (low, difference, high) in units of the margin; None where nothing was read
    answer     of `ANSWER_STYLES`
    measured   the same in its own unit, in words
    marks      what else is to be known of it, such as "phantom images"
    """

    name: str
    in_margins: tuple[float, float, float] | None
    answer: str
    measured: str
    marks: tuple[str, ...] = ()


def forest(rows: Sequence[Effect]) -> Picture:
    """Differences in units of their margins, one under the other, each with its 95 % interval and its answer.

    Between the dotted lines, at one margin to each side, differences are too small to count. What lies further out
    than four margins ends in an arrow; the numbers stand beside it.

    Raises `InputError` for no row, and for an answer that is none of `ANSWER_STYLES`.

    >>> from medtutor import figures
    >>> row = figures.Effect("cnn-beats-mlp", (1.1, 2.0, 2.9), "supported", "+0.030 (+0.016 to +0.044) AUC")
    >>> figures.forest([row]).alt
    'Forest plot of 1 claims, each difference in units of its margin. supported: cnn-beats-mlp +0.030 ...'
    """
    if not rows:
        raise InputError("there is no row to draw; give one Effect at least")
    _check_answers(row.answer for row in rows)
    figure = new_figure(10.5, LINE * len(rows) + 1.1)
    ax = figure.subplots()
    ax.axvspan(-1, 1, color="#eeeeee")
    for x in (-1, 1):
        ax.axvline(x, color=GREY, linestyle=":", linewidth=1)
    ax.axvline(0, color=GREY, linewidth=0.8)
    for place, row in enumerate(rows):
        _draw_effect(ax, place, row)
    labels = [f"{row.name}{''.join(f' [{mark}]' for mark in row.marks)}" for row in rows]
    ax.set_yticks(range(len(rows)), labels, fontsize=8)
    ax.set(xlim=(-REACH, REACH), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xlabel("difference in units of its margin, with the 95 % interval", fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    used = [answer for answer in ANSWER_STYLES if any(row.answer == answer for row in rows)]
    for answer in used:
        colour, marker, _ = ANSWER_STYLES[answer]
        ax.plot([], [], linestyle="none", marker=marker, color=colour, label=answer)
    figure.legend(loc="outside upper center", ncols=len(used), fontsize=8, frameon=False)
    told = "; ".join(
        f"{answer}: {', '.join(f'{row.name} {row.measured}' for row in rows if row.answer == answer)}"
        for answer in used
    )
    return picture(figure, f"Forest plot of {len(rows)} claims, each difference in units of its margin. {told}.")


def _draw_effect(ax, place, row):
    colour, marker, _ = ANSWER_STYLES[row.answer]
    ax.annotate(row.measured, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    if row.in_margins is None:
        return
    low, value, high = row.in_margins
    if high > -REACH and low < REACH:
        ax.plot([max(low, -REACH), min(high, REACH)], [place, place], color=colour, linewidth=2)
    if abs(value) <= REACH:
        ax.plot(value, place, marker, color=colour, markersize=6, clip_on=False)
    for edge, beyond, arrow in ((REACH, high > REACH, ">"), (-REACH, low < -REACH, "<")):
        if beyond:
            ax.plot(edge, place, arrow, color=colour, markersize=7, clip_on=False)


def answer_map(cells: Mapping[tuple[str, str], Sequence[str]]) -> Picture:
    """Families by questions: in each cell a square for each claim, with the letter and the colour of its answer.

    cells  {(family, question): answers}; the rows and columns are in the order in which they come first

    Raises `InputError` for no cell, and for an answer that is none of `ANSWER_STYLES`.

    >>> from medtutor import figures
    >>> figures.answer_map({("CNN", "does it help?"): ["supported", "inconclusive"]}).alt
    'Answers by family and question. CNN, does it help?: 1 supported, 1 inconclusive.'
    """
    if not any(cells.values()):
        raise InputError("there is no answer to draw; give one cell at least")
    _check_answers(answer for answers in cells.values() for answer in answers)
    families = list(dict.fromkeys(family for family, _ in cells))
    questions = list(dict.fromkeys(question for _, question in cells))
    figure = new_figure(1.3 + 1.75 * len(questions), 0.62 * len(families) + 1.3)
    ax = figure.subplots()
    for (family, question), answers in cells.items():
        for number, answer in enumerate(sorted(answers, key=list(ANSWER_STYLES).index)):
            colour, _, letter = ANSWER_STYLES[answer]
            x = questions.index(question) - 0.36 + 0.24 * (number % 4)
            y = families.index(family) - 0.18 * (len(answers) > 4) + 0.38 * (number // 4)
            box = dict(boxstyle="square,pad=0.25", facecolor="white", edgecolor=colour, linewidth=2)
            ax.text(x, y, letter, ha="center", va="center", fontsize=9, family="monospace", bbox=box)
    ax.set_xticks(range(len(questions)), [_broken(each) for each in questions], fontsize=8)
    ax.set_yticks(range(len(families)), families, fontsize=9)
    ax.set(xlim=(-0.55, len(questions) - 0.45), ylim=(len(families) - 0.5, -0.5))
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for edge in range(1, len(questions)):
        ax.axvline(edge - 0.5, color="#d0d0d0", linewidth=0.8)
    for edge in range(1, len(families)):
        ax.axhline(edge - 0.5, color="#d0d0d0", linewidth=0.8)
    key = "    ".join(f"{letter} {answer}" for answer, (_, _, letter) in ANSWER_STYLES.items())
    ax.set_xlabel(key, fontsize=8, labelpad=8)
    told = "; ".join(
        f"{family}, {question}: {', '.join(f'{count} {answer}' for answer, count in Counter(answers).items())}"
        for (family, question), answers in cells.items()
    )
    return picture(figure, f"Answers by family and question. {told}.")


def _broken(words):
    """Words in two lines, broken near the middle."""
    places = [place for place, letter in enumerate(words) if letter == " "] or [len(words)]
    middle = min(places, key=lambda place: abs(place - len(words) / 2))
    return f"{words[:middle]}\n{words[middle + 1 :]}"


def _check_answers(answers):
    for answer in answers:
        if answer not in ANSWER_STYLES:
            raise unknown("answer", answer, list(ANSWER_STYLES))
