"""What is shown is what a new explorer would show, however the user came there: nothing is older than the controls."""

import importlib
import random
from collections import Counter

import ipywidgets
import pytest
import torch
from test_every_explorer import MADE, quick  # noqa: F401

from medtutor.errors import InputError
from medtutor.explorers import answers
from medtutor.widgets import Pages
from medtutor.widgets.cells import Cell, Cells, derived
from medtutor.widgets.controls import as_shown
from medtutor.widgets.declared import Button
from medtutor.widgets.output import Shown, panel

MOVES, EVERY = 25, 8  # moves of a sequence; after so many it is compared
# The mask is what the brush has drawn on its way: which controls stand where does not tell it.
BY_THE_WAY = {"draw_mask"}
# The point goes where the user last sent it, to an image or along the walk; `copy as code` knows.
BY_THE_LAST = {"latent"}
DECLARED = [name for name in MADE if name not in ("prediction", "quiz")]
# The reader study has buttons alone: nothing to move.
declared = pytest.mark.parametrize("name", [name for name in DECLARED if name != "reading"])


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """How long a map takes must not decide what is shown."""
    monkeypatch.setattr("medtutor.explorers.attribution.PATIENCE", 1e9)


def made(name):
    torch.manual_seed(0)  # networks that were not trained
    return settled(MADE[name]())


def settled(explorer):
    if explorer.job is not None:
        explorer.job.wait()
    return explorer


def widgets(explorer):
    """{name: widget} of all controls with a value, in order of declaration."""
    found = {}
    for name, cell in explorer._declared_controls.items():
        widget = explorer._widgets[cell]
        each = widget.number if isinstance(cell, Pages) else getattr(widget, "children", widget)
        if isinstance(each, (list, tuple)):
            found.update({f"{name}[{number}]": one for number, one in enumerate(each)})
        elif not isinstance(cell, Button):
            found[name] = each
    return {name: widget for name, widget in found.items() if not isinstance(widget, ipywidgets.Button)}


def another(widget, draw):
    """A value to which a user may put a control; None where it is written, not chosen."""
    if hasattr(widget, "_options_values"):
        return draw.choice(widget._options_values)
    if isinstance(widget.value, bool):
        return not widget.value
    if isinstance(widget, ipywidgets.FloatSlider):
        return as_shown(widget, draw.choice([widget.min, widget.max, draw.uniform(widget.min, widget.max)]))
    return draw.randint(widget.min, widget.max) if hasattr(widget, "max") else None


def move(explorer, draw):
    """Move one of the controls that are on the page."""
    name, widget = draw.choice(
        [(name, each) for name, each in widgets(explorer).items() if each.layout.display != "none"]
    )
    value = another(widget, draw)
    if value is not None:
        widget.value = value
        settled(explorer)


def seen(explorer):
    """Everything that a user can see of an explorer."""
    found = {
        cell.name: explorer._widgets[cell].value for cell in explorer._declared.values() if isinstance(cell, Shown)
    }
    for name, widget in widgets(explorer).items():
        traits = ("value", "min", "max", "options", "description", "tooltip", "description_tooltip")
        shown = [getattr(widget, trait, None) for trait in traits]
        shown = [round(each, 9) if isinstance(each, float) else each for each in shown]  # as lines of code have it
        found[name] = [repr(each) for each in shown] + [widget.layout.display]
    return {**found, "message": explorer.message.value, "alt": explorer.still().alt}


def same(one, other):
    """The names of what differs, none; pictures are too long to be printed."""
    assert [name for name in one if one[name] != other[name]] == [] and one.keys() == other.keys()


def computed_anew(explorer):
    """Everything that follows from controls and states is forgotten, and computed again where these stand."""
    for cell in explorer._declared.values():
        if isinstance(cell, (derived, Shown)):
            explorer._cells.forget(cell)
    explorer._cells.changed = lambda key: None  # no rule may move a control for it
    problem = explorer._refresh()
    del explorer._cells.changed
    assert problem is None
    return explorer


def put(explorer, other):
    """Put the controls where those of another stand, in order of declaration."""
    for name, widget in widgets(other).items():
        mine = widgets(explorer)[name]
        if another(mine, random.Random(0)) is not None and mine.value != widget.value:
            mine.value = widget.value
            settled(explorer)
    return explorer


def run_code(explorer, lines):
    """Run what `copy as code` gives, but for the line that makes the explorer: it is given."""
    lines = lines.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith("explorer = "))
    imports = [line for line in lines[:start] if line.startswith("import ")]
    exec("\n".join([*imports, *lines[start + 1 :]]), {"explorer": explorer})
    return settled(explorer)


@declared
def test_what_is_shown_is_what_a_new_explorer_shows(name):
    draw, explorer = random.Random(name), made(name)
    first = seen(explorer)
    for number in range(1, MOVES + 1):
        move(explorer, draw)
        if number % EVERY:
            continue
        now = seen(explorer)
        same(now, seen(computed_anew(explorer)))
        if name not in BY_THE_WAY | BY_THE_LAST:
            fresh = put(made(name), explorer)
            same(now, seen(fresh))
            fresh.close()
        if name not in BY_THE_WAY:
            coded = run_code(made(name), explorer._code())
            again = seen(coded)
            if "play" in again:  # lines of code do not start a film
                again["play"] = now["play"]
            same(now, again)
            coded.close()
    explorer.tools.reset.click()
    same(first, seen(settled(explorer)))


@declared
def test_nothing_is_computed_twice_when_an_explorer_is_made(name, monkeypatch):
    compute, counted = Cells.compute, Counter()

    def counting(cells, key, *given):
        counted[getattr(key, "name", key)] += 1
        return compute(cells, key, *given)

    monkeypatch.setattr(Cells, "compute", counting)
    MADE[name]()
    assert [each for each, times in counted.items() if times > 1] == []


def test_the_attention_of_the_first_image_is_computed_once(monkeypatch):
    module, asked = importlib.import_module("medtutor.explorers.attention"), []
    ask = module.attention_of
    monkeypatch.setattr(module, "attention_of", lambda *given: asked.append(given) or ask(*given))
    explorer = made("attention")
    assert len(asked) == 1
    explorer.image.value = 1
    explorer.image.value = 0
    assert len(asked) == 3


@declared
def test_a_panel_that_fails_is_blank_for_as_long(name, monkeypatch):
    explorer = made(name)
    before = seen(explorer)
    cell = next(each for each in explorer._declared.values() if isinstance(each, panel) and before[each.name])

    def failed(_):
        raise InputError("it cannot be drawn")

    monkeypatch.setattr(cell, "function", failed)
    explorer._tool_large()  # draws all panels
    assert explorer._widgets[cell].value == "" and "it cannot be drawn" in explorer.message.value
    monkeypatch.undo()
    explorer._tool_large()
    same(before, seen(explorer))


@declared
def test_an_explorer_that_was_closed_shows_the_same_and_follows(name):
    draw, explorer = random.Random(name), made(name)
    for _ in range(3):
        move(explorer, draw)
    before = seen(explorer)
    explorer.close()
    explorer._repr_mimebundle_()
    same(before, seen(explorer))
    for _ in range(3):
        move(explorer, draw)
    same(seen(explorer), seen(computed_anew(explorer)))


def test_what_changes_while_something_is_computed_is_not_taken_for_fresh():
    """The user's own thread takes note of a move at once, also in the middle of a computation that has read before."""
    cells, read = Cells(), Cell()

    def follows():
        cells.touched(read)
        cells.changed(read)

    cells.compute("what follows", follows)
    assert not cells.is_fresh("what follows", None)
    cells.compute("what follows", cells.touched, read)
    assert cells.is_fresh("what follows", None)


def test_a_map_that_was_computed_for_its_scores_is_shown(monkeypatch):
    explorer = made("attribution")
    explorer.method.value = "kernel_shap"  # waits for a button
    assert explorer.attribution is None
    explorer.score.click()
    settled(explorer)
    assert explorer.attribution is not None and "No map" not in explorer.still().alt
    monkeypatch.setattr(answers, "explain", lambda *_, **__: pytest.fail("it was computed twice"))
    explorer.compute.click()
    settled(explorer)


def test_the_ends_of_a_tooltip_follow():
    explorer = made("sequence")
    for how, last in (("first half", 2), ("as filmed", 4)):
        explorer.how.value = how
        tooltip = getattr(explorer.frame, "tooltip", None) or explorer.frame.description_tooltip
        assert explorer.frame.max == last and f"(1 to {last})" in tooltip
    pages = made("classification").pages
    tooltip = getattr(pages.number, "tooltip", None) or pages.number.description_tooltip
    assert f"(1 to {pages.number.max})" in tooltip
