"""A default network and a small transformer that were trained for seconds, once for all tests here."""

from functools import cache

import pytest
import torch
from conftest import blobs

import medtutor as mt


@cache
def _data():
    sets = [blobs(count, seed, size=28) for seed, count in enumerate((96, 20, 20))]
    return mt.from_arrays(*sets, classes=["top", "bottom"], name="squares")


@cache
def _run():
    return mt.fit(mt.build("cnn", _data()), _data(), mt.Recipe(epochs=4, batch_size=16, seed=0), progress=False)


@pytest.fixture
def data():
    """Bright squares, top or bottom, 28 x 28."""
    return _data()


@pytest.fixture
def run():
    return _run()


@cache
def _transformer():
    model = mt.build("vit", _data(), width=16, depth=2, heads=2)
    return mt.fit(model, _data(), mt.Recipe(epochs=2, batch_size=16, seed=0), progress=False)


@pytest.fixture
def transformer():
    return _transformer()


@pytest.fixture
def images():
    """Eight test images, uint8 (8, 1, 28, 28)."""
    return _data().test.images[:8]


@pytest.fixture
def evidence():
    """Where the squares of those images are, bool (8, 28, 28)."""
    places = torch.zeros(8, 28, 28, dtype=torch.bool)
    for mask, label in zip(places, _data().test.labels.tolist()):
        mask[1 + 14 * label : 5 + 14 * label, 2:6] = True
    return places
