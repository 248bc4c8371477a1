"""Where in the course something is shown: a lesson by its number, and a heading in it."""

from functools import cache
from importlib.resources import files
from urllib.parse import quote

LESSONS = tuple(f"{number:02}" for number in range(17))  # as planned


@cache
def _written() -> dict[str, str]:
    # The folders of their exercises, which ship; the notebooks need not be on this machine.
    folder = files(__package__.partition(".")[0]).joinpath("course", "lessons")
    return {each.name[:2]: each.name for each in folder.iterdir() if each.name[:2] in LESSONS}


def lesson_name(number: str) -> str | None:
    """The name of a lesson by its number; None where it is still to be written.

    >>> lesson_name("09")
    '09_interpretability'
    """
    return _written().get(number)


def link(number: str, cell: str = "") -> str | None:
    """The link to a heading of a lesson, from a notebook beside it; None where the lesson is still to be written.

    cell  the heading; "" for the beginning

    >>> link("09", "Kernel SHAP")
    '09_interpretability.ipynb#Kernel-SHAP'
    """
    name, anchor = lesson_name(number), quote(cell.replace(" ", "-"))  # as Jupyter names headings
    return name and f"{name}.ipynb{f'#{anchor}' if anchor else ''}"


def shown_in(number: str, cell: str = "") -> str:
    """The place in words: "lesson 09, Grad-CAM"; "lesson 16, to come" of one that is still to be written.

    >>> shown_in("09", "Kernel SHAP")
    'lesson 09, Kernel SHAP'
    """
    if lesson_name(number) is None:
        return f"lesson {number}, to come"
    return f"lesson {number}, {cell}" if cell else f"lesson {number}"
