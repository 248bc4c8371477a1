"""What the attribution explorer says in words and small tables: where a map is strongest, scores, probabilities."""

import html
from urllib.parse import quote

import numpy as np

from ..explanation import METHODS
from ..figures import BLUE, ORANGE

LESSON = "09_interpretability"  # beside the lesson, or the notebook, that shows the explorer

SIGNS = {"both": "for and against", "positive": "for the class", "negative": "against it", "absolute": "either way"}
# score: (its name, what speaks for the map)
SCORES = {
    "deletion": ("deletion", "low: without its pixels the model soon doubts"),
    "insertion": ("insertion", "high: few of its pixels suffice"),
    "infidelity": ("infidelity", "low: it foretells what covering squares does, 0…1"),
    "sensitivity": ("sensitivity", "low: an invisible change leaves it as it is"),
    "completeness_error": ("completeness error", "low: it adds up to the score"),
    "to_randomised": ("similarity to a random network's map", "near 0: it shows what was learned"),
    "pointing_game": ("pointing game", "1: the highest value is on the evidence"),
    "relevance_mass": ("mass on the evidence", "high: more than the evidence's share of the image"),
}


def lesson_of(method):
    """The link to what lesson 09 says of a method, as HTML; its words tell the way where the page does not follow it.

    Within a notebook a heading is found by its words, with hyphens for blanks.
    """
    title = METHODS[method].title
    return (
        f'<a href="{LESSON}.ipynb#{quote(title.replace(" ", "-"))}" target="_blank" rel="noopener">Lesson 09,'
        f" '{html.escape(title)}'</a>"
    )


def about(method, layer=None):
    """What a method computes, as HTML, with the link to its paragraph.

    layer  the one that was looked at
    """
    how, at = METHODS[method], f" Layer: {html.escape(layer)}." if layer else ""
    return (
        f"<div style='line-height:1.35;max-width:760px'><b>{html.escape(how.title)}.</b>"
        f" {html.escape(how.computes)}{at} {lesson_of(method)}. <small>{html.escape(how.paper)}.</small></div>"
    )


def place(values):
    """Where a map is highest, in words: "upper left (row 3, column 5)", and of a volume the slice."""
    spot = np.unravel_index(int(np.argmax(values)), values.shape)
    down, across = (int(3 * (spot[axis] + 0.5) / values.shape[axis]) for axis in (-2, -1))
    vertical, sideways = ("upper", "middle", "lower")[down], ("left", "middle", "right")[across]
    where = "centre" if vertical == sideways else f"{vertical} {sideways}"
    slices = f", slice {spot[0] + 1}" if len(spot) == 3 else ""
    return f"{where} (row {spot[-2] + 1}, column {spot[-1] + 1}{slices})"


def described(answer, question, values, sign, scores):
    """A map in words, for who cannot see it; `values` as they are shown, -1…1."""
    weights = "" if question.weights == "trained" else f", weights: {question.weights}"
    options = "".join(f", {name} {value}" for name, value in answer.options.items())
    words = [
        f"{answer.title} for '{answer.target.name}' (probability {answer.probability:.3f}){options}{weights},"
        f" {SIGNS[sign]}."
    ]
    if values.max() > 0:
        words.append(f"Strongest at the {place(values)}.")
    if values.min() < 0:
        words.append(f"Strongest against the class at the {place(-values)}.")
    if not values.any():
        words.append("Nothing to show of that sign.")
    if scores is not None:
        words.append("; ".join(f"{SCORES[name][0]} {text}" for name, text in numbers(scores).items()) + ".")
    return " ".join(words)


def numbers(scores):
    """{name: text} of the scores that there are."""
    return {name: f"{value:.3f}" for name in SCORES if (value := getattr(scores, name)) is not None}


def score_table(titles, scores, share=None):
    """`Scores` of one or two maps as an HTML table, None where they are not computed.

    share  of the image that the evidence covers, where it is known
    """
    if not any(scores):
        return "<small>Not computed yet; for most methods a few seconds.</small>"
    cell = "style='text-align:right;padding:0 0.8em'"
    left = "style='text-align:left;font-weight:normal'"
    head = "".join(f"<th scope='col' {cell}>{html.escape(title)}</th>" for title in titles)
    rows = [
        f"<tr><th scope='col' style='text-align:left'>score</th>{head}<th scope='col' {left}>speaks for the"
        " map</th></tr>"
    ]
    columns = [numbers(one) if one else {} for one in scores]
    for name, (title, good) in SCORES.items():
        if any(name in column for column in columns):
            good = f"{good}, {share:.1%}" if name == "relevance_mass" and share is not None else good
            cells = "".join(f"<td {cell}>{column.get(name, '–')}</td>" for column in columns)
            rows.append(
                f"<tr><th scope='row' {left}>{title}</th>{cells}<td {left}><small>{html.escape(good)}</small></td></tr>"
            )
    return f"<table style='line-height:1.35'>{''.join(rows)}</table>"


def answer_table(rows):
    """Probabilities as an HTML table: rows of (class, probability, probability with the square or None, remark)."""
    body = "".join(_bar(*row) for row in rows)
    striped = any(row[2] is not None for row in rows)
    key = "<small>filled: the image as it is; striped: with the square</small>" if striped else ""
    return f"<table style='line-height:1.35'>{body}</table>{key}"


def _bar(name, before, after, remark):
    outer = "display:inline-block;width:150px;height:{}px;border:1px solid #808080;vertical-align:middle"
    inner = f"<div style='height:100%;width:{100 * before:.1f}%;background:{BLUE}'></div>"
    bars, number = f"<div style='{outer.format(10)}'>{inner}</div>", f"{before:.3f}"
    if after is not None:
        stripes = f"repeating-linear-gradient(45deg,{ORANGE} 0 4px,#ffffff 4px 6px)"
        inner = f"<div style='height:100%;width:{100 * after:.1f}%;background:{stripes}'></div>"
        bars += f"<br><div style='{outer.format(8)}'>{inner}</div>"
        number += f" &#8594; {after:.3f}"
    left = "text-align:left;font-weight:normal;padding-right:0.6em"
    return (
        f"<tr><th scope='row' style='{left}'>{html.escape(name)}</th><td>{bars}</td>"
        f"<td style='padding:0 0.6em;white-space:nowrap'><b>{number}</b></td>"
        f"<td style='text-align:left'>{html.escape(remark)}</td></tr>"
    )
