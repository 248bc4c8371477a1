"""Letters in pixels: found where they were drawn, and not where there are none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import medtutor as mt
from medtutor.clinic.burned_in import find_letters


@pytest.fixture(scope="module")
def radiographs():
    """Chest images of 256 pixels, real ones where they are at hand."""
    images = mt.load("pneumoniamnist").val.images[:12, 0].numpy()
    return [np.asarray(Image.fromarray(each).resize((256, 256), Image.Resampling.BICUBIC)) for each in images]


def written_on(image, words, ink, size, at=(20, 30)):
    """The image with words on it, and where they stand."""
    sheet = Image.new("L", image.shape[::-1])
    ImageDraw.Draw(sheet).text(at, words, 255, ImageFont.load_default(size))
    share = np.asarray(sheet) / 255
    return (image * (1 - share) + share * ink)[None], share > 0.5


def test_no_letters_are_seen_where_there_are_none(radiographs):
    assert [find_letters(image[None]).any() for image in radiographs] == [False] * len(radiographs)


@pytest.mark.parametrize("size", [11, 16, 24])
@pytest.mark.parametrize("ink", ["bright", "dark"])
def test_a_name_is_found_whole(radiographs, size, ink):
    hits = []
    for image in radiographs[:6]:
        colour, box = (255, np.s_[20:70, 10:250]) if ink == "bright" else (0, np.s_[20:70, 10:250])
        ground = image.copy()
        ground[box] = 40 if ink == "bright" else 215  # a border, as scanners have
        shown, letters = written_on(ground, "WEBER ANNA 1967", colour, size)
        hits.append(find_letters(shown)[letters].mean())
    assert min(hits) > 0.98


def test_most_names_over_anatomy_are_found(radiographs):
    hits = [
        find_letters(shown)[letters].mean() > 0.95
        for image in radiographs
        for shown, letters in [written_on(image, "WEBER ANNA", 255, 16, (60, 110))]
    ]
    assert np.mean(hits) >= 0.7


def test_a_flat_or_tiny_picture_holds_no_letters():
    assert not find_letters(np.zeros((1, 64, 64))).any()
    assert not find_letters(np.random.default_rng(0).random((1, 28, 28))).any()


def test_of_a_loop_what_moves_stays(radiographs):
    frames = np.zeros((6, 200, 200))
    frames[:, 60:160, 50:150] = np.random.default_rng(0).random((6, 100, 100))
    frames[:, 5:25, 5:15] = 1  # stands still
    letters = find_letters(frames, "US")
    assert letters[5:25, 5:15].all() and not letters[70:150, 60:140].any()
