"""The generator explorer in JupyterLab in Chromium, by keyboard only."""

import re
import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# Two hundred phantoms and thirty steps: a few seconds.
FIT = """
import torch
import medtutor as mt
from medtutor.data import normalise, phantoms
from medtutor.explorers.generator import generator
from medtutor.models.gan import Discriminator, Generator
from medtutor.training.gan import fit_gan

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 200, "val": 20, "test": 60})
torch.manual_seed(0)
networks = Generator(classes=2, widths=(32, 16, 8)), Discriminator(classes=2, widths=(8, 16, 32))
about = {"provenance": "phantom", "classes": xray.card.classes}
adversary = fit_gan(
    *networks, normalise(xray.train.images), xray.train.labels,
    steps=30, batch_size=16, frames=8, progress=False, about=about,
)
"""
POINT, SAMPLES, STRIP = (
    "An image drawn by a network",
    "16 images drawn by a network, no patient: ",
    "7 images drawn by a network",
)
TURN, SCORES, FRAME, COURSE = (
    "number [0-9]+ of the game",
    "Right answers",
    "moment [0-9]+ of",
    "Two charts over the steps",
)


def button(page, name):
    """The button of that name; before it there may stand the sign of an icon."""
    return page.output.get_by_role("button", name=re.compile(rf"(^|\s|[^\w ]){re.escape(name)}$"))


def test_walk_by_keyboard(notebook, record_property):
    page = notebook(FIT, "generator(adversary, xray, 'test')")
    shown = page.phantom_pictures(POINT, SAMPLES, STRIP)
    assert all("no patient" in each.get_attribute("alt") for each in shown)
    before = [png(each.get_attribute("src")) for each in shown]

    button(page, "walk among the codes").focus()
    page.tab_to(button(page, "another"))
    page.press("Space", page.picture("no patient: seed 1, class normal"))
    page.tab_to(page.control("class"))
    page.choose(1)
    page.picture("no patient: seed 1, class pneumonia").wait_for()
    page.tab_to(page.control("truncation"))
    page.press("ArrowLeft", page.picture("no patient: seed 1, .* truncation 0.95"))
    moves = page.latencies(shown[1], "ArrowLeft", 10)
    record_property("milliseconds", ["truncation of a code", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    page.tab_to(page.output.get_by_role("slider").nth(1))
    page.press("ArrowRight", page.picture("no patient: .* moved [+]0.1 along axis 1"))
    moves = page.latencies(shown[0], "ArrowRight", 12)
    record_property("milliseconds", ["along an axis of a generator", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    page.tab_to(page.control("towards seed"))
    page.page.keyboard.press("Control+A")
    page.page.keyboard.type("30")
    page.press("Tab", page.picture("from seed 1 to seed 30"))
    page.tab_to(page.control("along"))
    page.press("ArrowRight", page.picture("7 images .* marked at 0.02"))
    page.tab_to(button(page, "16 others"))
    page.press("Enter", page.picture(SAMPLES))
    page.page.wait_for_timeout(500)
    assert all(png(each.get_attribute("src")) != old for each, old in zip(shown, before))
    assert page.output.get_by_role("alert").count() == 0


def test_game_by_keyboard(notebook):
    page = notebook(FIT, "generator(adversary, xray, 'test')")
    page.picture(POINT).wait_for()
    button(page, "walk among the codes").focus()
    page.tab_to(button(page, "real or drawn?"))
    page.press("Space", page.picture(TURN))
    assert not page.picture(POINT).is_visible()  # one part at a time
    page.tab_to(button(page, "Real"))
    for number in range(2, 8):
        page.press("Space", page.picture(f"number {number} of the game"))  # the focus stays where it was
    page.tab_to(button(page, "Drawn"))
    page.press("Enter", page.picture("number 8 of the game"))
    page.picture("of 7 right, 95% interval").wait_for()
    page.output.get_by_text("the last one was").wait_for()
    page.tab_to(button(page, "let a classifier try"))
    page.press("Space", page.picture("A classifier, on images new to it"), timeout=60)
    page.tab_to(button(page, "new game"))
    page.press("Space", page.picture("number 1 of the game"))
    page.page.wait_for_timeout(500)  # the scores follow the turn
    assert page.picture(SCORES).get_attribute("alt").count("right, 95%") == 0
    assert page.output.get_by_role("alert").count() == 0


def test_film_by_keyboard(notebook, record_property):
    page = notebook(FIT, "generator(adversary, part='film')")
    frame, course = page.picture(FRAME), page.picture(COURSE)
    page.picture("moment 8 of 8").wait_for()
    before = [png(each.get_attribute("src")) for each in (frame, course)]
    page.focus(page.control("moment"))
    page.press("ArrowLeft", page.picture("moment 7 of 8"))
    steps = page.latencies(frame, "ArrowLeft", 5)
    record_property("milliseconds", ["moment of a training", statistics.median(steps)])
    assert statistics.median(steps) < 1000
    page.picture("moment 2 of 8").wait_for()
    assert all(png(each.get_attribute("src")) != old for each, old in zip((frame, course), before))
    page.tab_to(button(page, "play"))
    page.press("Space", page.picture("moment 6 of 8"))  # it goes on by itself
    page.page.keyboard.press("Space")
    assert page.output.get_by_role("alert").count() == 0
