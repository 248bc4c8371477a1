"""The experiments about a model at work: which images they read, and what they count."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.data import phantoms
from medtutor.errors import InputError
from medtutor.review.experiments import clinic, clinic_standards


@pytest.fixture(scope="module")
def xray():
    return phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 200, "val": 20, "test": 20})


@pytest.fixture
def few(monkeypatch):
    for name, value in {"TRAIN": 60, "USUAL": 60, "STREAMS": 30}.items():
        monkeypatch.setattr(clinic, name, value)


def test_the_published_val_and_test_images_are_not_read(xray, few):
    parts = clinic.apart(xray, 0)
    assert [len(getattr(parts, name)) for name in ("train", "val", "test")] == [60, 60, 80]
    dealt = torch.cat([getattr(parts, name).images for name in ("train", "val", "test")])
    assert sorted(map(hash, (each.numpy().tobytes() for each in dealt))) == sorted(
        map(hash, (each.numpy().tobytes() for each in xray.train.images))
    )
    assert not torch.equal(clinic.apart(xray, 1).train.images, parts.train.images)


def test_what_changes_is_noticed_more_often_than_what_does_not(xray, few):
    parts = clinic.apart(xray, 0)
    run = mt.fit(mt.build("mlp", parts), parts, mt.Recipe(epochs=1, seed=0), progress=False)
    found = clinic.noticed(run, parts)
    assert all(0 <= value <= 1 for value in found.values())
    for detector in clinic.DETECTORS:
        shares = [found[f"{detector}, sharpness, {change}, 100"] for change in ("noise", "unchanged")]
        assert shares[0] > shares[1]
        soon = [found[f"{detector}, all, blur, {images}"] for images in clinic.SOON]
        assert soon == sorted(soon)
    same = SimpleNamespace(values=found)
    (one,) = [
        each
        for each in clinic.drift_in_time({"x": xray}, (0,), lambda *_, **__: same)
        if each.name == "CUSUM of all signals: scanner, 100 images"
    ]
    kinds = [found[f"CUSUM, all, {kind}, 100"] for kind in ("contrast", "noise", "blur")]
    assert one.first[0] == pytest.approx(np.mean(kinds), abs=1e-4)
    assert one.second[0] == pytest.approx(found["CUSUM, all, unchanged, 100"], abs=1e-4)


def test_objects_that_a_reader_finds_otherwise_do_not_count(xray, monkeypatch):
    monkeypatch.setattr(clinic_standards, "XRAYS", 1)
    run = mt.Run(mt.build("mlp", xray), xray.card, mt.Recipe(epochs=1), xray.provenance)
    try:
        found = clinic_standards.taken(run, xray)
    except InputError as error:
        pytest.skip(str(error))
    assert found["objects, right"] == found["objects, all"] == 2
    whole = clinic_standards.as_bytes
    monkeypatch.setattr(clinic_standards, "as_bytes", lambda each: whole(each)[:-9])  # cut off
    assert clinic_standards.taken(run, xray)["objects, right"] == 0


def test_a_reader_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(clinic_standards.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="dsrdump is not installed"):
        clinic_standards._asked("dsrdump", "x")
