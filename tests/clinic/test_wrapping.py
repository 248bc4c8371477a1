"""Images of a set as DICOM files: what went in comes out, and every file says where it is from."""

import numpy as np
import pytest

from medtutor.clinic import read_images
from medtutor.clinic.uids import as_bytes
from medtutor.clinic.wrapping import as_dicom, as_series
from medtutor.data import card
from medtutor.errors import InputError

DICE = np.random.default_rng(0)


@pytest.mark.parametrize("negative", [False, True])
def test_an_image_comes_back_as_it_is(negative):
    image = DICE.integers(0, 256, (27, 27)).astype(np.uint8)  # an odd number of bytes
    made = as_dicom(image, card("pneumoniamnist"), 3, negative=negative)
    assert np.corrcoef(read_images(made).frames[0].ravel(), image.ravel())[0, 1] == pytest.approx(1)
    assert as_bytes(made) == as_bytes(as_dicom(image, card("pneumoniamnist"), 3, negative=negative))
    assert "PneumoniaMNIST" in made.ImageComments and "NOT FOR CLINICAL USE" in made.ImageComments


def test_a_volume_comes_back_in_its_axes():
    volume = DICE.integers(0, 256, (6, 5, 4)).astype(np.uint8)  # to the right, front and head
    made = as_series(volume, card("hippocampus"))
    assert (read_images(made[::-1]).frames == volume[::-1, ::-1].transpose(2, 1, 0)).all()


@pytest.mark.parametrize("wrong", [np.zeros((2, 8, 8), np.uint8), np.zeros((8, 8)), np.zeros(8, np.uint8)])
def test_anything_else_is_a_sentence(wrong):
    with pytest.raises(InputError, match="one grey image of 8 bits"):
        as_dicom(wrong, card("pneumoniamnist"))
