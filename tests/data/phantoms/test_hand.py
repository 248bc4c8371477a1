"""The phantom of a hand: dark around, bright in the bones, no two alike."""

import numpy as np
import pytest

from medtutor.data.phantoms.hand import hands
from medtutor.errors import InputError


def test_hands_are_drawn_alike_with_one_seed_and_no_two_are_the_same():
    first = hands(20)
    assert first.shape == (20, 1, 28, 28) and first.dtype == np.uint8
    assert (first == hands(20)).all() and (first != hands(20, seed=1)).any()
    assert len({each.tobytes() for each in first}) == 20


def test_a_hand_is_dark_around_and_bright_in_its_bones():
    for picture in hands(50)[:, 0]:
        assert np.median(picture[:4, [0, -1]]) < 60 and np.percentile(picture, 97) > 140
        assert 0.15 < (picture > 70).mean() < 0.6


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_no_hand_is_refused(count):
    with pytest.raises(InputError, match="count"):
        hands(count)
