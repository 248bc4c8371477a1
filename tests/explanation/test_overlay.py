"""The map over the image, pixel by pixel."""

import time

import numpy as np
import pytest
import torch

from medtutor.errors import InputError
from medtutor.explanation import colours, overlay
from medtutor.explanation.overlay import AGAINST, FOR, strength, strongest_slice


def test_colours_by_hand():
    image = torch.full((1, 1, 3), 100, dtype=torch.uint8)
    values = torch.tensor([[1.0, -1.0, 0.0]])
    mixed = overlay(image, values, opacity=0.5, limit=1)
    assert mixed.dtype == np.uint8 and mixed.shape == (1, 3, 3)
    assert np.abs(mixed[0, 0] - (50 + FOR / 2)).max() <= 0.5 and np.abs(mixed[0, 1] - (50 + AGAINST / 2)).max() <= 0.5
    assert mixed[0, 2].tolist() == [100, 100, 100]
    assert colours(values, limit=1).tolist() == [[FOR.tolist(), AGAINST.tolist(), [255, 255, 255]]]
    assert overlay(image, values, zoom=4).shape == (4, 12, 3)


def test_strength():
    assert strength([[2.0, -4.0]], limit=4).tolist() == [[0.5, -1]]
    assert strength(np.zeros((3, 3))).max() == 0
    sparse = np.zeros((28, 28))
    sparse[3, 3] = -2
    assert strength(sparse)[3, 3] == -1


def test_volumes_and_colour_images():
    volume, values = torch.zeros(1, 4, 5, 6, dtype=torch.uint8), torch.zeros(4, 5, 6)
    values[2, 1, 1] = 1
    assert (overlay(volume, values) > 0).any() and not overlay(volume, values, slice=0).any()
    assert overlay(torch.zeros(3, 5, 6, dtype=torch.uint8), torch.ones(5, 6)).shape == (5, 6, 3)
    with pytest.raises(InputError, match="do not fit"):
        overlay(volume, values[0])
    with pytest.raises(InputError, match="from 0 to 1"):
        overlay(volume, values, opacity=2)


def test_what_cannot_be_drawn_is_a_sentence():
    image, values = torch.zeros(1, 5, 6, dtype=torch.uint8), torch.zeros(5, 6)
    volume, cube = torch.zeros(1, 4, 5, 6, dtype=torch.uint8), torch.zeros(4, 5, 6)
    for call, words in (
        (lambda: overlay(image, values * float("nan")), "holds NaN or infinity"),
        (lambda: colours(values / 0), "holds NaN or infinity"),
        (lambda: strength("map"), "must be an array of numbers"),
        (lambda: colours(values, limit=-1), "limit must be"),
        (lambda: colours(values, limit=float("nan")), "limit must be a finite number"),
        (lambda: overlay(image.float(), values), "torch.float32; give uint8"),
        (lambda: overlay(image, values, opacity=None), "opacity is None; give a number from 0 to 1"),
        (lambda: overlay(image, values, zoom=0), "zoom must be from 1 to 64"),
        (lambda: overlay(image, values, zoom=10**6), "zoom must be from 1 to 64"),
        (lambda: overlay(image, values, zoom=1.5), "zoom must be a whole number"),
        (lambda: overlay(volume, cube, slice=4), "slice must be from 0 to 3"),
        (lambda: overlay(volume, cube, slice=-1), "slice must be from 0 to 3"),
        (lambda: strongest_slice(values), "only the map of a volume"),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_an_empty_map_leaves_the_image_as_it_is():
    image = torch.randint(0, 256, (1, 5, 6), dtype=torch.uint8)
    assert (overlay(image, torch.zeros(5, 6)) == image.permute(1, 2, 0).numpy()).all() and (
        colours(np.zeros((5, 6))) == 255
    ).all()
    assert np.array_equal(overlay(image[0], torch.ones(5, 6, requires_grad=True)), overlay(image, np.ones((5, 6))))


def test_fast_enough_for_a_slider():
    image, values = torch.zeros(1, 28, 28, dtype=torch.uint8), torch.randn(28, 28)
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        overlay(image, values, zoom=8)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.005
