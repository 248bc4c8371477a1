"""The sequence explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# A few drawn clips and one epoch: a second or two.
FIT = """
from dataclasses import replace

import medtutor as mt
from medtutor.data.phantoms import cine
from medtutor.explorers.sequence import sequence

card = mt.data.card("cine_filling")
drawn = cine.draw("filling", {"train": 60, "val": 20, "test": 80})
clips = mt.from_arrays(
    *[(part.images[:, :, 0], part.targets) for part in drawn.values()],
    classes=card.classes, name="cine_filling", sequence=True,
)
parts = {split: replace(getattr(clips, split), masks=part.masks) for split, part in drawn.items()}
clips = replace(clips, **parts, provenance="phantom")
recipe = mt.default_recipe(clips.card, epochs=1)
run, pooled = (mt.fit(mt.build(name, clips), clips, recipe, progress=False) for name in ("lstm", "max_min_frames"))
"""
FILM, FRAME = "Heat map of", "Frame [0-9]+ of [0-9]+, .*(film|black frame)[.]$"


def test_sequence_by_keyboard(notebook, record_property):
    page = notebook(FIT, "sequence(run, clips, 'test', others={'max/min': pooled})")
    film, frame = page.phantom_pictures(FILM, FRAME)
    first = [png(picture.get_attribute("src")) for picture in (film, frame)]
    button = lambda name: page.output.get_by_role("button", name=name, exact=True)  # noqa: E731

    page.focus(page.control("clip"))
    page.tab_to(page.control("frame"))
    page.press("ArrowRight", page.picture("Frame 2 of 16[.]"))
    scrubs = page.latencies(film, "ArrowRight", 10)
    record_property("milliseconds", ["frame of a clip", statistics.median(scrubs)])
    assert statistics.median(scrubs) < 1000
    page.picture("Frame 12 of 16, as filmed: frame 12 of the film").wait_for()
    assert all(png(picture.get_attribute("src")) != old for picture, old in zip((film, frame), first))

    page.focus(page.control("clip"))
    page.tab_to(button("reversed"))
    reversed_ = page.press("Space", page.picture("split, reversed[.].*As filmed the answer is"))
    page.output.get_by_text("must change sides").wait_for()
    page.picture("Frame 12 of 16, reversed: frame 5 of the film").wait_for()
    waits = [reversed_]
    for _ in range(3):
        page.page.keyboard.press("Shift+Tab")
        page.press("Space", page.picture("split, as filmed[.].*Heat map of"))
        page.tab_to(button("reversed"))
        waits.append(page.press("Space", page.picture("split, reversed[.]")))
    record_property("milliseconds", ["a clip reversed, two runs", 1000 * statistics.median(waits)])
    assert statistics.median(waits) < 1.5
    assert page.output.get_by_role("rowheader", name="max/min").is_visible()

    page.tab_to(button("every 2nd black"))
    page.press("Space", page.picture("Frame 12 of 16, every 2nd black: a black frame"))
    page.tab_to(button("first half"))
    page.press("Space", page.picture("Frame 8 of 8, first half: frame 8 of the film"))
    page.tab_to(button("grey"))
    before = png(film.get_attribute("src"))
    page.page.keyboard.press("Space")
    page.page.wait_for_function(
        "([image, old]) => image.isConnected === false || image.src !== old",
        arg=[film.element_handle(), film.get_attribute("src")],
    )
    assert png(film.get_attribute("src")) != before
    page.tab_to(page.output.get_by_role("button", name="the same on 80 clips"))
    page.press("Enter", page.output.get_by_text("AUC on the first 80 clips"), timeout=60)
    assert page.output.get_by_role("alert").count() == 0


def test_play_and_clips_by_keyboard(notebook):
    page = notebook(FIT, "sequence(run, clips, 'test')")
    page.picture(FILM).wait_for()
    play = page.output.get_by_role("button", name="play")
    page.focus(page.control("frame"))
    page.tab_to(play)
    page.press("Space", page.picture("Frame ([3-9]|1[0-6]) of 16[.]"))  # not one of them: it is gone too soon
    page.page.keyboard.press("Space")  # and stop
    page.page.wait_for_timeout(600)
    stopped = page.picture(FILM).get_attribute("alt")
    page.page.wait_for_timeout(600)
    assert page.picture(FILM).get_attribute("alt") == stopped

    page.focus(page.control("clip"))
    page.tab_to(page.output.get_by_role("button", name="next"))
    page.press("Enter", page.output.get_by_text("2 of 80"))
    page.tab_to(page.control("order"))
    page.choose(1)
    page.output.get_by_text("clip 1 of the test split").wait_for()
