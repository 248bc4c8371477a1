"""The gallery: what is on disk and the phantoms of the rest, one set in memory at a time."""

import hashlib
import html
import re
import threading
import time
from functools import partial

import numpy as np
import pytest

from medtutor.data import catalog, loading, phantoms
from medtutor.data.phantoms import cine, hippocampus
from medtutor.data.sources import medmnist
from medtutor.explorers import gallery
from medtutor.widgets.explorer import VIEW


def alt(explorer):
    return html.unescape(re.search(r'<img alt="([^"]*)"', explorer._shown.value).group(1))


def of_class(labels, count):
    """`count` labels in turn, as MedMNIST stores them: (N, 1)."""
    return (np.arange(count) % labels).astype(np.uint8)[:, None]


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A function that writes a small file under a set's name, and makes its MD5 the published one."""
    md5 = {}
    address = medmnist.address
    monkeypatch.setattr(medmnist, "address", lambda name, size=28: (address(name, size)[0], md5.get((name, size), "")))

    def write(name, size=28, labels=None, count=30):
        card = catalog.card(name, size)
        generator = np.random.default_rng(size)
        shape = (count, *card.shape, *([3] if card.channels == 3 else []))
        arrays = {}
        for split in ("train", "val", "test"):
            arrays[f"{split}_images"] = generator.integers(0, 255, shape, dtype=np.uint8)
            arrays[f"{split}_labels"] = of_class(len(card.classes), count) if labels is None else labels
        path = tmp_path / medmnist.filename(name, size)
        np.savez(path, **arrays)
        md5[name, size] = hashlib.md5(path.read_bytes()).hexdigest()
        return path

    return write


@pytest.fixture
def small_phantoms(monkeypatch):
    """Phantoms of few cases: quick to draw."""
    monkeypatch.setattr(phantoms, "COUNTS", {name: {"train": 40, "val": 12, "test": 10} for name in phantoms.NAMES})


def test_with_nothing_on_disk_it_shows_phantoms(empty_home, small_phantoms):
    explorer = gallery()
    known = dict(choice for _, choice in explorer.name.options)
    assert set(known) == set(catalog.names())
    drawn = {name for name, kind in known.items() if kind == "phantom"}
    assert drawn == {*phantoms.NAMES, "hippocampus", *(name for name in known if name.startswith(("cine_", "marks_")))}
    for label, (_, kind) in explorer.name.options:
        assert {"phantom": "PHANTOM", "absent": "not on this machine"}[kind] in label
    for name in phantoms.NAMES:
        explorer.name.value = (name, "phantom")
        explorer.job.wait()
        assert alt(explorer).startswith("Phantom images, drawn by medtutor. 24 ") and "PHANTOM" in alt(explorer)
        assert "PHANTOM" in explorer._about.value and "not for clinical use" in explorer._about.value
        assert explorer.dataset.is_phantom and explorer.message.value == ""
        still = explorer.still()
        assert "PHANTOM" in still.alt and still.png.startswith(b"\x89PNG")


def test_a_set_on_disk_comes_first_and_has_no_phantom(empty_home, small_phantoms, published, tmp_path):
    published("breastmnist")
    explorer = gallery(tmp_path)
    assert explorer.name.options[0] == ("BreastMNIST", ("breastmnist", "on disk"))
    assert [kind for _, (name, kind) in explorer.name.options if name == "breastmnist"] == ["on disk"]
    assert "PHANTOM" not in alt(explorer) + explorer._about.value and not explorer.dataset.is_phantom
    assert "CC BY 4.0" in explorer._about.value and "Read the intervals" in explorer._about.value


def test_pages_splits_and_classes(empty_home, small_phantoms, published, tmp_path):
    published("bloodmnist", count=40)
    explorer = gallery(tmp_path)
    first = explorer._shown.value
    assert "1 to 24 of 40: " in alt(explorer) and list(explorer.listed) == list(range(24))
    explorer.pages.next.click()
    assert "25 to 40 of 40" in alt(explorer) and explorer._shown.value != first
    explorer.split.value = "test"
    assert "test split" in alt(explorer) and "1 to 24" in alt(explorer)
    explorer.of.value = 2
    name = explorer.dataset.card.classes[2]
    assert list(explorer.listed) == [2, 10, 18, 26, 34] and f"5 of {name}." in alt(explorer)
    assert explorer._about.value.count("5 (12%)") == 24 and "colour" in explorer._about.value


def test_several_labels_an_image(empty_home, small_phantoms, published, tmp_path):
    labels = np.zeros((30, 14), np.uint8)
    labels[np.arange(28), np.arange(28) % 14] = 1
    labels[0, 3] = 1
    published("chestmnist", labels=labels)
    explorer = gallery(tmp_path)
    classes = explorer.dataset.card.classes
    assert f"1 of {classes[0]}, {classes[3]}" in alt(explorer)
    explorer.of.value = 3
    assert list(explorer.listed) == [0, 3, 17]
    explorer.of.value = -1
    explorer.pages.next.click()
    assert "2 of no label" in alt(explorer)


def test_slices_of_volumes(empty_home, small_phantoms):
    explorer = gallery()
    assert explorer.depth.layout.display == "none"
    explorer.name.value = ("vesselmnist3d", "phantom")
    explorer.job.wait()
    assert explorer.depth.layout.display is None and "slice 15 of 28" in alt(explorer)
    before = explorer._shown.value
    explorer.depth.value = 11
    assert "slice 11 of 28" in alt(explorer) and explorer._shown.value != before


def test_sizes_on_disk(empty_home, small_phantoms, published, tmp_path):
    published("dermamnist")
    published("dermamnist", 64)
    explorer = gallery(tmp_path)
    assert explorer.size.options == (28, 64) and explorer.size.layout.display is None
    explorer.size.value = 64
    explorer.job.wait()
    assert "64 x 64 pixels" in explorer._about.value and "CC BY-NC" in explorer._about.value
    explorer.name.value = ("breastmnist", "phantom")
    explorer.job.wait()
    assert explorer.size.layout.display == "none" and explorer.dataset.card.size == 28


def test_a_damaged_file_gives_a_sentence_and_the_rest_works(empty_home, small_phantoms, tmp_path):
    (tmp_path / "pneumoniamnist.npz").write_bytes(b"not what was published")
    explorer = gallery(tmp_path)
    assert "pneumoniamnist.npz is damaged" in explorer.message.value and explorer.dataset is None
    assert "cannot be shown" in explorer._repr_mimebundle_()["text/plain"]
    explorer.split.value = "val"
    explorer.pages.next.click()
    explorer.name.value = ("breastmnist", "phantom")
    explorer.job.wait()
    assert explorer.message.value == "" and "val split" in alt(explorer)


def test_a_file_that_vanished_is_not_fetched(empty_home, small_phantoms, published, tmp_path, monkeypatch):
    path = published("breastmnist")
    explorer = gallery(tmp_path)
    explorer.name.value = ("pneumoniamnist", "phantom")
    explorer.job.wait()
    path.unlink()
    monkeypatch.setattr("medtutor.data.sources.medmnist.fetch", lambda *_, **__: pytest.fail("it was fetched"))
    explorer.name.value = ("breastmnist", "on disk")
    explorer.job.wait()
    assert "no longer on disk" in explorer.message.value


def test_bundle_and_labels(empty_home, small_phantoms):
    explorer = gallery()
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id and bundle["text/html"].startswith("<img alt=")
    for control in (explorer.name, explorer.size, explorer.split, explorer.of, explorer.depth, explorer.pages.number):
        assert control.description


def test_a_set_is_read_beside_the_widget(empty_home, small_phantoms, monkeypatch):
    explorer = gallery()
    gate, begun, load = threading.Event(), threading.Event(), loading.load

    def waiting(*arguments, **options):
        begun.set()
        gate.wait(5)
        return load(*arguments, **options)

    monkeypatch.setattr(loading, "load", waiting)
    start = time.perf_counter()
    explorer.name.value = ("breastmnist", "phantom")
    assert begun.wait(5) and time.perf_counter() - start < 5
    assert explorer.dataset is None and "is being read" in explorer._repr_mimebundle_()["text/plain"]
    explorer.split.value = "val"
    gate.set()
    explorer.job.wait()
    assert explorer.dataset.card.name == "breastmnist" and "val split" in alt(explorer) and explorer.message.value == ""


def test_a_set_that_was_not_read_is_said_to_be_missing(empty_home, small_phantoms, monkeypatch):
    explorer = gallery()
    gate, begun = threading.Event(), threading.Event()
    monkeypatch.setattr(loading, "load", lambda *_, **__: begun.set() or gate.wait(5))
    explorer.name.value = ("breastmnist", "phantom")
    assert begun.wait(5)
    explorer.job.stop.click()
    assert "was not read; choose another set" in explorer.message.value
    gate.set()
    explorer.job.wait()
    assert explorer.dataset is None and "cannot be shown" in explorer._repr_mimebundle_()["text/plain"]


def test_of_a_set_that_is_not_there_the_card_is_shown_and_how_to_get_it(empty_home, small_phantoms):
    explorer = gallery()
    explorer.name.value = ("organamnist", "absent")
    explorer.job.wait()
    assert "medtutor data fetch organamnist" in explorer._about.value and explorer.dataset is None
    assert "abdominal CT" in explorer._about.value and "CC BY 4.0" in explorer._about.value
    explorer.name.value = ("breastmnist", "phantom")
    explorer.job.wait()
    assert explorer.message.value == "" and "How many of each class" in explorer._about.value


def test_volumes_with_masks(empty_home, small_phantoms, monkeypatch):
    few = partial(hippocampus.draw, {"train": 5, "val": 2, "test": 2})
    monkeypatch.setattr(hippocampus, "draw", few)
    explorer = gallery()
    explorer.name.value = ("hippocampus", "phantom")
    explorer.job.wait()
    assert "slice 25 of 48; anterior orange, posterior blue, 1 to 5 of 5: volume" in alt(explorer)
    assert explorer.of.layout.display == "none" and explorer.masks.layout.display is None
    assert "How many cases" in explorer._about.value
    coloured = explorer._shown.value
    explorer.masks.value = "hidden"
    assert "anterior" not in alt(explorer) and explorer._shown.value != coloured
    explorer.name.value = ("breastmnist", "phantom")
    explorer.job.wait()
    assert explorer.of.layout.display is None and explorer.masks.layout.display == "none"


@pytest.mark.parametrize("name, words", [("cine_ejection", "ejection fraction of each, 0."), ("cine_filling", "slow")])
def test_clips_frame_by_frame(empty_home, small_phantoms, monkeypatch, name, words):
    monkeypatch.setattr(cine, "draw", partial(cine.draw, counts={"train": 6, "val": 4, "test": 4}))
    explorer = gallery()
    explorer.name.value = (name, "phantom")
    explorer.job.wait()
    assert "frame 9 of 16" in alt(explorer) and words in alt(explorer) and explorer.depth.description == "frame"
    before = explorer._shown.value
    explorer.depth.value = 3
    assert "frame 3 of 16" in alt(explorer) and explorer._shown.value != before
    assert "16 frames of 28 x 28 pixels" in explorer._about.value
