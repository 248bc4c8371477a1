"""A report about a class: one HTML file with tables and a picture, which needs nothing else and runs nothing."""

import html
from os import PathLike

from ..explorers.classroom import bars, words
from ..files import write_text
from ..reports.classroom import MADE_UP, NEAR, VIEWS, Classroom, read_class
from ..widgets import drawing

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#202020;background:#fff}"
    "table{border-collapse:collapse;margin:1em 0}caption{text-align:left;font-weight:bold}"
    "th,td{border-bottom:1px solid #ccc;padding:2px 10px;text-align:left;overflow-wrap:anywhere}"
)


def write_class_report(folder: str | PathLike, path: str | PathLike) -> Classroom:
    """Write the report about the files in a folder, and return the `Classroom` that was read.

    Raises `InputError` as `read_class` does, and where the file cannot be written.
    """
    found = read_class(folder)
    write_text(path, class_report(found))
    return found


def class_report(found: Classroom) -> str:
    """The HTML of a report. Whatever stands in a student's file is escaped, and no name of a student is shown."""
    pictured = next((view for view in VIEWS if found.rows(view)), "mistakes")
    rows = found.rows(pictured, order="highest first")
    picture = drawing.finished(*bars(found, pictured, rows))
    parts = [picture._repr_mimebundle_()["text/html"]]
    for view in VIEWS:
        ordered = "highest first" if view == "mistakes" else "lowest first"
        said = "".join(f"<p>{html.escape(line)}</p>" for line in words(found, view, found.rows(view)))
        parts.append(f"<h2>{view.capitalize()}</h2>{said}{found.table(view, order=ordered)._repr_html_()}")
    if found.left_out:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in found.left_out)
        parts.append(f"<h2>Left out</h2><ul>{items}</ul>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Class report</title>'
        f"<style>{STYLE}</style></head><body><main><h1>Class report</h1>"
        f"<p>{_about(found)} A student counts once in a row, and a guess is near where it is at most"
        f" {NEAR:.0%} of its range away from the result.</p>"
        f"{''.join(parts)}</main></body></html>\n"
    )


def _about(found):
    return f"{MADE_UP}." if found.made_up else f"{len(found.students)} students handed in a file."
