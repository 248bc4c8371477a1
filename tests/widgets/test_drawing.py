"""Sheets: PNGs that any reader reads, pixels as they were, text that fits."""

import io
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from medtutor.widgets import drawing


def read(content):
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 200)])
def test_png_holds_the_very_pixels(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert (read(drawing.png(Image.fromarray(pixels))) == pixels).all()


@pytest.mark.parametrize("heights", [(1, 1), (200,), (3, 2, 1, 4, 3, 70), (1, 5, 1, 5), (300, 1)])
def test_png_of_rows_that_repeat(heights):
    rows = np.random.default_rng(0).integers(0, 256, (len(heights), 9, 3), dtype=np.uint8)
    rows[-1] = 0  # black
    pixels = rows.repeat(heights, axis=0)
    content = drawing.png(Image.fromarray(pixels))
    assert (read(content) == pixels).all()
    assert zlib.decompress(content.partition(b"IDAT")[2].partition(b"IEND")[0][:-8])  # the checksum is right, too


@pytest.mark.parametrize("shape", [(3, 1, 28, 28), (3, 3, 28, 28), (3, 1, 9, 28, 28)])
def test_images_colours_and_slices_become_rgb(shape):
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    flat = drawing.flat(images)
    expected = images[:, :, 4] if len(shape) == 5 else images
    assert flat.shape == (3, 28, 28, 3) and (flat[..., 0] == expected[:, 0].numpy()).all()
    if len(shape) == 5:
        assert (drawing.flat(images, 7)[..., 2] == images[:, 0, 7].numpy()).all()


@pytest.mark.parametrize("side", [5, 28, 64, 168, 400])
def test_a_tile_stays_in_its_place(side):
    """Enlarged by whole numbers or shrunk, and within the white sheet."""
    pixels = np.full((2, side, side // 2 + 1, 3), 90, np.uint8)
    sheet = drawing.tiles(pixels, ["a", "b"], title="t", columns=2, rows=1, side=84)
    drawn = np.argwhere((np.asarray(sheet) == 90).all(-1))
    assert len(drawn) and (drawn.min(0) > 0).all() and (drawn.max(0) < (sheet.height, sheet.width)).all()
    assert np.ptp(drawn[:, 0]) < 84 * drawing.SCALE


def test_long_words_are_cut_and_long_lines_broken():
    cut = drawing.shortened("normal, benign and everything else", 60, 10)
    assert cut.endswith("…") and drawing.font(10).getlength(cut) <= 60 * drawing.SCALE
    assert drawing.shortened("short", 60, 10) == "short"
    assert drawing.written(["word " * 60], 300).height > drawing.written(["word"], 300).height


def test_a_phantom_is_marked_in_picture_and_alt_text():
    sheet = drawing.blank(200, 50)
    plain, marked = drawing.finished(sheet, "a picture"), drawing.finished(sheet, "a picture", phantom=True)
    assert marked.alt.startswith("Phantom images") and plain.alt == "a picture"
    assert read(plain.png).shape[0] < read(marked.png).shape[0]
    assert (read(marked.png)[: sheet.height] == 255).all() and (read(marked.png)[sheet.height :] < 255).any()
