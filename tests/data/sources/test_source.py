"""A new source of data needs a class and a line in the registry, and nothing else."""

import json
from dataclasses import replace

import pytest
import torch

import medtutor as mt
from medtutor import cli
from medtutor.data import Card, Dataset, catalog
from medtutor.data.arrays import make_split
from medtutor.data.loading import fetch_set, find
from medtutor.data.sources.source import Source
from medtutor.errors import FetchError, InputError


class Ramps(Source):
    publisher = "phantom"
    names = ("ramps",)

    def sizes(self, name):
        return (8, 16)

    def counts(self, name):
        return {"train": 4, "val": 4, "test": 4}

    def card(self, name, size):
        return Card(name, "Ramps", "ramps", "binary", ("left", "right"), 1, (size, size), publisher=self.publisher)

    def draw(self, card):
        ramp = torch.arange(card.size, dtype=torch.uint8).expand(card.size, card.size)
        images = torch.stack([ramp, ramp.flip(1)] * 2)[:, None]
        split = make_split("train", images, torch.tensor([0, 1, 0, 1]).numpy(), card)
        return Dataset(split, split, split, card, "phantom")


class Filed(Ramps):
    """Ramps that lie in a file."""

    publisher = "arrays"

    def find(self, card, folders):
        return next((folder / "ramps" for folder in folders if (folder / "ramps").exists()), None)

    def fetch(self, card, folders, progress=True):
        raise FetchError("the server sleeps")

    def read(self, path, card, progress=True):
        return replace(self.draw(card), provenance="arrays")


def test_a_drawn_source(monkeypatch, capsys):
    monkeypatch.setattr(catalog, "SOURCES", (*catalog.SOURCES, Ramps()))
    assert catalog.names()[-1] == "ramps" and catalog.publisher("ramps") == "phantom"
    assert mt.load("Ramps").train.images.shape == (4, 1, 8, 8) and mt.load("ramps", 16).card.size == 16
    assert find("ramps") is None
    with pytest.raises(FetchError, match="ramps is drawn by medtutor"):
        fetch_set("ramps")
    with pytest.raises(InputError, match="not published at size 9; choose one of 8, 16"):
        mt.load("ramps", 9)
    assert cli.main(["data", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["datasets"][-1]["cases"] == {"train": 4, "val": 4, "test": 4}


def test_a_source_with_a_file(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog, "SOURCES", (*catalog.SOURCES, Filed()))
    with pytest.warns(mt.data.PhantomWarning, match="stand in for Ramps: the server sleeps"):
        assert mt.load("ramps", root=tmp_path).is_phantom
    with pytest.raises(FetchError, match="the server sleeps"):
        mt.load("ramps", root=tmp_path, source="arrays")
    (tmp_path / "ramps").touch()
    assert mt.load("ramps", root=tmp_path).provenance == "arrays"
