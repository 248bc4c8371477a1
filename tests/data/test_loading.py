"""Loading, the catalogue and a user's own arrays, on small made-up files."""

import hashlib
import io
import socket
import threading
import tracemalloc
import warnings
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import medtutor as mt
import medtutor.data
from medtutor.data import PhantomWarning, catalog, from_arrays, load, normalise
from medtutor.data.card import SPLITS
from medtutor.data.dataset import Dataset, Split
from medtutor.data.loading import fetch_set, find, folders
from medtutor.data.sources import decathlon, medmnist
from medtutor.data.sources.published import published_rows
from medtutor.errors import FetchError, InputError


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home, and no folder or proxy of this machine's user."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("MEDTUTOR_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "home"


@pytest.fixture
def info(monkeypatch):
    """A copy of the catalogue in which nobody serves any file, to be changed at will."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        copy = {
            name: {key: url if key.startswith("url") else value for key, value in entry.items()}
            for name, entry in medmnist._info().items()
        }
        monkeypatch.setattr(medmnist, "_info", lambda: copy)
        yield copy


@pytest.fixture
def phantoms(monkeypatch):
    """A stand-in for the phantoms, so that loading is tested alone."""

    def draw(card, counts=None, seed=0):
        split = Split(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.tensor([0, 1]))
        return Dataset(split, split, split, card, "phantom")

    module = SimpleNamespace(NAMES=("pneumoniamnist",), draw=draw)
    monkeypatch.setattr(medmnist, "phantoms", module)


def arrays_of(name, size=28, cases=6):
    """Arrays laid out as in a MedMNIST file: channels last, labels (N, 1) uint8."""
    card = catalog.card(name, size)
    rng = np.random.default_rng(0)
    channels = (3,) if card.channels == 3 else ()
    arrays = {}
    for split in SPLITS:
        count = max(cases, len(card.classes))
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, *card.shape, *channels), dtype=np.uint8)
        if card.task == "multi-label":
            arrays[f"{split}_labels"] = np.eye(count, dtype=np.uint8)
        else:
            arrays[f"{split}_labels"] = (np.arange(count, dtype=np.uint8) % len(card.classes))[:, None]
    return arrays


def publish(info, folder, name, size=28, arrays=None):
    """Write a set's file, and let the catalogue know its MD5; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / medmnist.filename(name, size)
    np.savez_compressed(path, **(arrays_of(name, size) if arrays is None else arrays))
    info[name]["MD5" if size == 28 else f"MD5_{size}"] = hashlib.md5(path.read_bytes()).hexdigest()
    return path


def one_sentence(error):
    message = str(error.value)
    assert message and "\n" not in message and ". " not in message.replace(". Known", "")
    return message


# The catalogue


MEDMNIST = [name for name in catalog.names() if catalog.publisher(name) == "medmnist"]
SETS = [(name, size) for name in MEDMNIST for size in ((28, 64) if name.endswith("3d") else (28, 64, 128, 224))]


def test_eighteen_sets_the_hippocampus_and_what_is_always_drawn():
    drawn = ("cine_ejection", "cine_filling", "marks_shapes", "marks_patterns")
    assert len(MEDMNIST) == 18 and catalog.names() == (*MEDMNIST, "hippocampus", *drawn)
    assert [(name, size) for name in MEDMNIST for size in catalog.sizes(name)] == SETS


def test_the_card_of_the_hippocampus():
    card = catalog.card("hippocampus")
    assert (card.task, card.shape, card.spacing, card.classes[0]) == (
        "segmentation",
        (56, 40),
        (1.0, 1.0, 1.0),
        "background",
    )
    assert catalog.sizes("hippocampus") == (card.size,) and sum(catalog.counts("hippocampus").values()) == 48
    assert card.licence == "CC BY-SA 4.0" and "not for clinical use" in str(card)
    with pytest.raises(InputError, match="size 28; choose one of 40"):
        mt.load("hippocampus", 28)
    with pytest.raises(InputError, match="not published by medmnist; say source='decathlon'"):
        mt.load("hippocampus", source="medmnist")


def test_hippocampus_without_a_network_is_a_phantom(empty_home, monkeypatch):
    def no_network(*_, **__):
        raise FetchError("no network")

    monkeypatch.setattr(decathlon, "fetch_tar", no_network)
    with pytest.warns(PhantomWarning, match="PHANTOM IMAGES stand in for Hippocampus"):
        dataset = mt.load("hippocampus")
    assert dataset.is_phantom and "drew it" in dataset.card.licence
    assert dataset.train.images.shape[1:] == (1, 56, 40) and dataset.train.labels is None
    volumes = dataset.as_volumes()
    assert volumes.test.images.shape == (12, 1, 48, 56, 40) and volumes.test.masks.shape == (12, 48, 56, 40)
    assert torch.equal(volumes.test.masks[3, 20], dataset.test.masks[3 * 48 + 20])
    with pytest.raises(FetchError, match="no network"):
        mt.load("hippocampus", source="decathlon")


def masked(count, seed, patients=None):
    """(images, masks): a bright square of class 1 with a dark core of class 2."""
    generator = np.random.default_rng(seed)
    images = generator.integers(60, 120, (count, 12, 16), dtype=np.uint8)
    masks = np.zeros((count, 12, 16), dtype=np.uint8)
    masks[:, 3:9, 4:12], masks[:, 5:7, 6:10] = 1, 2
    images[masks == 1], images[masks == 2] = 220, 10
    return images, masks


def test_own_images_with_masks():
    dataset = mt.from_arrays(
        masked(4, 0), masked(3, 1), masked(2, 2), classes=["background", "rim", "core"], spacing=(0.5, 0.5)
    )
    assert dataset.card.task == "segmentation" and dataset.card.spacing == (0.5, 0.5)
    assert dataset.train.labels is None and dataset.train.targets is dataset.train.masks
    assert dataset.train.masks.dtype == torch.uint8 and dataset.train.masks.shape == (4, 12, 16)
    with pytest.raises(InputError, match="does not say which images are of one patient"):
        dataset.as_volumes()


def test_own_slices_stack_to_volumes():
    patients = {"train": [7, 7, 3, 3], "val": [1, 1], "test": [2, 2]}
    dataset = mt.from_arrays(masked(4, 0), masked(2, 1), masked(2, 2), patients=patients, spacing=(3, 1, 1))
    assert dataset.as_volumes().train.images.shape == (2, 1, 2, 12, 16) and "volumes: 2 train" in str(dataset)
    assert dataset.as_volumes().train.patients.tolist() == [7, 3]


MASKS_NOT_TO_BE_LEARNED = [
    (lambda i, m: (i, m[:-1]), {}, r"train masks have shape \(3, 12, 16\), expected \(4, 12, 16\)"),
    (lambda i, m: (i, m + 1), {"classes": ["a", "b", "c"]}, "train masks hold 3, out of range 0…2"),
    (lambda i, m: (i, m / 2), {}, "train labels must be whole numbers"),
    (lambda i, m: (i, np.minimum(m, 1)), {"classes": ["a", "b", "c"]}, "train split has no pixel of c"),
    (lambda i, m: (i, m), {"spacing": (1, 1, 1)}, "spacing must be 2 lengths"),
    (lambda i, m: (i, m), {"spacing": (0, 1)}, "spacing must be 2 lengths"),
    (
        lambda i, m: (i, m),
        {"patients": {"train": [1, 1, 1, 2], "val": [1] * 4, "test": [1] * 4}},
        "unequal numbers of slices",
    ),
    (
        lambda i, m: (i, m),
        {"patients": {"train": [1, 2, 1, 2], "val": [1] * 4, "test": [1] * 4}},
        "do not stand together",
    ),
    (lambda i, m: (i, m), {"patients": {"train": [1, 1]}}, "4 images but 2 patient numbers"),
    (lambda i, m: (i, m), {"task": "binary"}, "a binary task has 2 classes, not 3"),
]


@pytest.mark.parametrize("change, options, sentence", MASKS_NOT_TO_BE_LEARNED)
def test_masks_that_cannot_be_learned_are_refused(change, options, sentence):
    with pytest.raises(InputError, match=sentence):
        mt.from_arrays(change(*masked(4, 0)), masked(4, 1), masked(4, 2), **options)


@pytest.mark.parametrize("name, size", SETS)
def test_every_card(name, size):
    card = catalog.card(name, size)
    url, md5 = medmnist.address(name, size)
    assert medmnist.filename(name, size) in url
    assert len(md5) == 32
    assert card.shape == (size,) * card.dims and card.size == size
    assert card.dims == (3 if name.endswith("3d") else 2)
    assert card.channels in (1, 3)
    assert len(card.classes) >= 2 and all(card.classes)
    assert card.licence.startswith("CC BY")
    assert "not for clinical use" in str(card) and card.title in str(card)
    assert set(catalog.counts(name)) == set(SPLITS)
    assert card.published


def test_organs_are_never_mirrored():
    assert all(catalog.card(name).mirror == () for name in catalog.names() if name.startswith("organ"))


def test_warnings_are_on_the_card():
    assert "Accuracy says nothing here" in str(catalog.card("chestmnist"))
    assert "BY-NC" in catalog.card("dermamnist").licence
    assert "commercial" in str(catalog.card("dermamnist"))
    assert "156 images" in str(catalog.card("breastmnist"))


def test_name_is_read_without_regard_to_case():
    assert catalog.card(" PneumoniaMNIST ").name == "pneumoniamnist"


def test_resnet_18_at_28_pixels_is_the_first_published_row():
    for name in MEDMNIST:
        first = published_rows(name)[0]
        assert first.model.startswith("ResNet-18") and first.size == "28"
    row = catalog.card("pneumoniamnist").published[0]
    assert (row.auc, row.acc) == (0.944, 0.854)


def test_published_rows_at_one_size():
    rows = published_rows("pneumoniamnist", 28)
    assert rows and all(row.size == "28" for row in rows)
    best = {row.model: (row.auc, row.acc) for row in rows if "Scientific Reports 2025" in row.source}
    assert best == {"VGG16": (0.9704, 0.8478), "DINO ViT-B/16, linear probe": (0.9729, 0.8659)}
    assert published_rows("pneumoniamnist", 17) == ()
    assert published_rows("arrays") == ()


# Where files are looked for


def test_search_path_in_order(info, tmp_path, home, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path / "data"))
    root = tmp_path / "root"
    assert folders(root) == [root, tmp_path / "data", home / ".medmnist"]
    assert find("breastmnist", root=root) is None
    for folder in (home / ".medmnist", tmp_path / "data", root):
        path = publish(info, folder, "breastmnist")
        assert find("breastmnist", root=root) == path


def test_search_path_without_root_and_variable(home, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", "")
    assert folders() == [home / ".medmnist"]


def test_sizes_have_their_own_files(info, tmp_path):
    small, large = (publish(info, tmp_path, "vesselmnist3d", size) for size in (28, 64))
    assert (small.name, large.name) == ("vesselmnist3d.npz", "vesselmnist3d_64.npz")
    assert load("vesselmnist3d", 64, root=tmp_path).train.images.shape[-1] == 64


# What a file becomes


@pytest.mark.parametrize(
    "name, size, images, labels",
    [
        ("pneumoniamnist", 28, (6, 1, 28, 28), (6,)),
        ("pneumoniamnist", 64, (6, 1, 64, 64), (6,)),
        ("bloodmnist", 28, (8, 3, 28, 28), (8,)),
        ("chestmnist", 28, (14, 1, 28, 28), (14, 14)),
        ("retinamnist", 28, (6, 3, 28, 28), (6,)),
        ("nodulemnist3d", 28, (6, 1, 28, 28, 28), (6,)),
    ],
    ids=["grey", "64 pixels", "colour", "multi-label", "ordinal", "volumes"],
)
def test_decodes(info, tmp_path, name, size, images, labels):
    arrays = arrays_of(name, size)
    publish(info, tmp_path, name, size, arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = load(name, size, source="medmnist", root=tmp_path)
    assert dataset.provenance == "medmnist" and not dataset.is_phantom
    for split in SPLITS:
        part = getattr(dataset, split)
        assert part.images.dtype == torch.uint8 and part.labels.dtype == torch.int64
        assert tuple(part.images.shape) == images and tuple(part.labels.shape) == labels
        assert len(part) == images[0]
        assert part.images.is_contiguous()
        stored = arrays[f"{split}_images"]
        channels_first = stored.transpose(0, 3, 1, 2) if images[1] == 3 else stored[:, None]
        assert np.array_equal(part.images.numpy(), channels_first)
        assert np.array_equal(part.labels.numpy(), arrays[f"{split}_labels"].reshape(labels))
    assert "published images" in str(dataset) and "PHANTOM" not in str(dataset)


def test_volumes_as_sequences_of_slices(info, tmp_path):
    publish(info, tmp_path, "vesselmnist3d")
    volumes = load("vesselmnist3d", root=tmp_path)
    sequences = volumes.as_sequence()
    assert tuple(sequences.train.images.shape) == (6, 28, 1, 28, 28)
    assert torch.equal(sequences.train.images[2, 5, 0], volumes.train.images[2, 0, 5])
    assert (sequences.card.frames, sequences.card.shape, sequences.card.dims) == (28, (28, 28), 2)
    assert sequences.card.mirror == (-1, -2)
    assert sequences.provenance == "medmnist"
    assert "28 frames of 28 x 28" in str(sequences)


def test_images_are_no_sequences(info, tmp_path):
    publish(info, tmp_path, "breastmnist")
    with pytest.raises(InputError, match="does not hold volumes"):
        load("breastmnist", root=tmp_path).as_sequence()


def test_normalise_spans_minus_one_to_one():
    normal = normalise(torch.tensor([0, 255], dtype=torch.uint8))
    assert normal.dtype == torch.float32 and normal.tolist() == [-1.0, 1.0]


# What cannot be loaded


def test_unknown_set_offers_the_nearest():
    with pytest.raises(InputError, match="unknown data set 'pneumonia'") as error:
        load("pneumonia")
    assert "did you mean pneumoniamnist" in one_sentence(error)


def test_size_that_is_not_published():
    with pytest.raises(InputError, match="nodulemnist3d is not published at size 128") as error:
        load("nodulemnist3d", 128)
    assert "28, 64" in one_sentence(error)


def test_unknown_source():
    with pytest.raises(InputError, match="unknown source 'web'") as error:
        load("breastmnist", source="web")
    assert "auto, medmnist, decathlon, phantom" in one_sentence(error)


@pytest.mark.parametrize("source", ["auto", "medmnist"])
def test_truncated_file(info, tmp_path, phantoms, source):
    path = publish(info, tmp_path, "pneumoniamnist")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged") as error:
        load("pneumoniamnist", source=source, root=tmp_path)
    assert f"delete {path} and run: medtutor data fetch pneumoniamnist --size 28" in one_sentence(error)


def test_file_that_is_not_the_published_one(info, tmp_path):
    path = publish(info, tmp_path, "breastmnist")
    info["breastmnist"]["MD5"] = "0" * 32
    with pytest.raises(InputError, match="MD5 differs") as error:
        load("breastmnist", root=tmp_path)
    assert path.name in one_sentence(error)


def test_file_that_is_no_archive(info, tmp_path):
    path = tmp_path / "breastmnist.npz"
    path.write_bytes(b"PK\x03\x04 and no more")
    info["breastmnist"]["MD5"] = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="cannot be read") as error:
        load("breastmnist", root=tmp_path)
    assert "medtutor data fetch" in one_sentence(error)


def test_missing_array(info, tmp_path):
    arrays = arrays_of("breastmnist")
    del arrays["val_labels"]
    publish(info, tmp_path, "breastmnist", arrays=arrays)
    with pytest.raises(InputError, match="val_labels") as error:
        load("breastmnist", root=tmp_path)
    assert "delete" in one_sentence(error)


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickle_is_refused_and_not_run(info, tmp_path):
    sprung = tmp_path / "sprung"
    arrays = arrays_of("breastmnist")
    arrays["train_images"] = np.array([Trap(sprung)], dtype=object)
    path = publish(info, tmp_path, "breastmnist", arrays=arrays)
    with pytest.raises(InputError, match="Python objects, which are never unpickled") as error:
        load("breastmnist", root=tmp_path)
    assert "delete" in one_sentence(error)
    assert not sprung.exists()
    # The trap is a real one.
    with np.load(path, allow_pickle=True) as opened:
        opened["train_images"][0].close()
    assert sprung.exists()


def declared(shape, dtype="|u1"):
    """The header of an npy file that promises an array of that shape, and no more."""
    file = io.BytesIO()
    np.lib.format.write_array_header_2_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    "name, content",
    [
        ("train_images", declared((10**6, 28, 28)) + bytes(100)),
        ("val_images", declared((10**12, 28, 28))),
        ("test_labels", declared((10**10, 1))),
        ("train_images", declared((2**40, 2**40, 2**40))),
        ("test_images", declared((6, 28, 28)) + bytes(2**24)),
    ],
    ids=["short", "huge", "labels", "beyond 64 bits", "bomb"],
)
def test_files_that_declare_more_than_the_published_ones(info, tmp_path, name, content):
    """Refused by what they declare, before memory is asked for it."""
    path = publish(info, tmp_path, "breastmnist")
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, own in members.items():
            archive.writestr(member, content if member == f"{name}.npy" else own)
    info["breastmnist"]["MD5"] = hashlib.md5(path.read_bytes()).hexdigest()
    split, kind = name.split("_")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=f"breastmnist.npz declares {split} {kind} of") as error:
            load("breastmnist", root=tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert "data fetch" in one_sentence(error)


def test_files_that_are_packed_in_a_broken_or_unknown_way(info, tmp_path):
    for place, value in (
        (200, 255),
        (8, 99),
        (6, 1),
    ):  # in the packed bytes; the way of packing; the flag of a password
        path = publish(info, tmp_path, "breastmnist")
        content = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            entry = archive.infolist()[0]
        content[entry.header_offset + place] = value
        where = content.index(b"PK\x01\x02") + place + 2  # the same in the list at the end
        content[where] = value if place < 200 else content[where]
        path.write_bytes(content)
        info["breastmnist"]["MD5"] = hashlib.md5(content).hexdigest()
        with pytest.raises(InputError, match="cannot be read as a MedMNIST file"):
            load("breastmnist", root=tmp_path)


def test_images_of_another_size_than_named(info, tmp_path):
    publish(info, tmp_path, "breastmnist", arrays=arrays_of("breastmnist", 64))
    with pytest.raises(InputError, match="expected"):
        load("breastmnist", root=tmp_path)


# Network and phantoms


def test_fetches_what_is_not_on_disk(info, tmp_path, monkeypatch):
    publish(info, tmp_path / "served", "breastmnist")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=tmp_path / "served"))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    info["breastmnist"]["url"] = f"http://127.0.0.1:{server.server_port}/breastmnist.npz?download=1"
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path / "data"))
    try:
        dataset = load("breastmnist", progress=False)
        assert fetch_set("breastmnist", root=tmp_path / "root", progress=False) == tmp_path / "root" / "breastmnist.npz"
    finally:
        server.shutdown()
        server.server_close()
    assert dataset.provenance == "medmnist"
    assert (tmp_path / "data" / "breastmnist.npz").is_file()
    # And from there, now that the server is gone.
    assert len(load("breastmnist", source="medmnist").train) == 6


def test_phantom_stands_in_with_a_warning(info, phantoms, home):
    with pytest.warns(PhantomWarning, match="PHANTOM IMAGES stand in for PneumoniaMNIST") as caught:
        dataset = load("pneumoniamnist", progress=False)
    assert "cannot reach 127.0.0.1" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert dataset.provenance == "phantom" and dataset.is_phantom
    assert "PHANTOM" in dataset.title and "PHANTOM" in str(dataset)
    assert not any((home / ".medmnist").glob("*"))


def test_medmnist_never_falls_back(info, phantoms):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FetchError, match="cannot reach 127.0.0.1") as error:
            load("pneumoniamnist", source="medmnist", progress=False)
    assert "in a browser" in one_sentence(error)


@pytest.mark.parametrize("name, size", [("bloodmnist", 28), ("pneumoniamnist", 64)])
def test_no_phantom_to_fall_back_to(info, phantoms, name, size):
    with pytest.raises(FetchError, match="cannot reach"):
        load(name, size, progress=False)


def test_phantom_on_demand(info, tmp_path, phantoms):
    publish(info, tmp_path, "pneumoniamnist")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load("pneumoniamnist", source="phantom", root=tmp_path).is_phantom


def test_phantom_that_does_not_exist():
    with pytest.raises(InputError, match="no phantom of bloodmnist at size 28") as error:
        load("bloodmnist", source="phantom")
    assert "pneumoniamnist" in one_sentence(error)


# A user's own arrays


def pair(*shape, classes=2, cases=6):
    """Random uint8 images of a shape, and labels 0, 1, …, 0, 1, …"""
    images = np.random.default_rng(0).integers(0, 256, (cases, *shape), dtype=np.uint8)
    return images, np.arange(cases) % classes


def three(images, labels, **options):
    """`from_arrays` with the same images and labels in each split."""
    return from_arrays((images, labels), (images, labels), (images, labels), **options)


@pytest.mark.parametrize(
    "shape, sequence, expected, frames",
    [
        ((28, 28), False, (1, 28, 28), None),
        ((17, 40), False, (1, 17, 40), None),
        ((28, 28, 1), False, (1, 28, 28), None),
        ((32, 48, 3), False, (3, 32, 48), None),
        ((9, 10, 11), False, (1, 9, 10, 11), None),
        ((9, 10, 11, 3), False, (3, 9, 10, 11), None),
        ((3, 10, 11, 1), False, (1, 3, 10, 11), None),
        ((5, 20, 24), True, (5, 1, 20, 24), 5),
        ((5, 20, 24, 3), True, (5, 3, 20, 24), 5),
    ],
    ids=[
        "grey",
        "any size",
        "grey axis",
        "colour",
        "volume",
        "colour volume",
        "thin volume",
        "sequence",
        "colour cine",
    ],
)
def test_own_images_of_every_kind(shape, sequence, expected, frames):
    images, labels = pair(*shape)
    dataset = three(images, labels, sequence=sequence)
    assert tuple(dataset.train.images.shape[1:]) == expected
    assert dataset.train.images.dtype == torch.uint8 and dataset.train.labels.dtype == torch.int64
    assert dataset.card.frames == frames
    assert dataset.card.channels == expected[1 if sequence else 0]
    assert dataset.card.shape == expected[2 if sequence else 1 :]
    assert dataset.provenance == "arrays" and dataset.card.published == ()
    assert "your own arrays" in str(dataset)
    # The first pixels of the first case are where they were.
    first = images[0].reshape(-1, dataset.card.channels)[0]
    taken = dataset.train.images[0, 0] if sequence else dataset.train.images[0]
    assert taken.reshape(dataset.card.channels, -1)[:, 0].tolist() == first.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 0, 1]),
        torch.tensor([0, 1, 0, 1]),
        [0, 1, 0, 1],
        np.array([[0], [1], [0], [1]], np.uint8),
        np.array([0.0, 1.0, 0.0, 1.0]),
        np.array([False, True, False, True]),
    ],
    ids=["numpy", "torch", "list", "column", "floats", "bools"],
)
def test_own_labels_in_every_form(labels):
    images = torch.zeros(4, 8, 8, dtype=torch.uint8)
    assert three(images, labels).train.labels.tolist() == [0, 1, 0, 1]


def test_tasks_follow_from_the_labels():
    images = np.zeros((6, 8, 8), np.uint8)
    many = np.array([[0, 1], [1, 1], [1, 0]] * 2)
    assert three(images, [0, 1] * 3).card.task == "binary"
    assert three(images, [0, 1, 2] * 2).card.task == "multi-class"
    assert three(images, many).card.task == "multi-label"
    assert three(images, [0, 1, 2] * 2, task="ordinal").card.task == "ordinal"
    assert tuple(three(images, many).train.labels.shape) == (6, 2)


def test_class_names():
    images, labels = pair(8, 8)
    assert three(images, labels).card.classes == ("class 0", "class 1")
    assert three(images, labels, classes=["well", "ill"]).card.classes == ("well", "ill")


def test_mirror_is_off_unless_said():
    images, labels = pair(8, 8)
    assert three(images, labels).card.mirror == ()
    assert three(images, labels, mirror=(-1,)).card.mirror == (-1,)


def test_read_only_arrays_bring_no_warning():
    images, labels = pair(8, 8, cases=18)
    images.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_arrays(*((images[part::3], labels[part::3]) for part in range(3)))


GREY, LABELS = pair(8, 8)
NAN = np.full((6, 8, 8), np.nan)
ROWS = [np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)]


@pytest.mark.parametrize(
    "images, labels, words",
    [
        (NAN, LABELS, "train images hold NaN"),
        (GREY / 255, LABELS, "train images are float64; scale to 0…255"),
        (GREY.astype(int), LABELS, "train images are int64"),
        (None, LABELS, "train images are object"),
        (ROWS * 3, LABELS, "train images: the rows have different shapes"),
        (GREY[:, 0], LABELS, r"train images have shape \(6, 8\); expected \(N, H, W"),
        (np.zeros((6, 2, 2, 2, 2, 3), np.uint8), LABELS, "expected"),
        (np.zeros((6, 3, 8, 8), np.uint8), LABELS, "channels last"),
        (np.zeros((6, 1, 8, 8), np.uint8), LABELS, "channels last"),
        (np.zeros((6, 8, 8, 4), np.uint8), LABELS, "channels last"),
        (GREY, LABELS[:5], "the train split has 6 images but 5 labels"),
        (GREY, LABELS * np.nan, "train labels must be whole numbers"),
        (GREY, LABELS / 2, "train labels must be whole numbers"),
        (GREY, list("ababab"), "train labels must be whole numbers"),
        (GREY, None, "train labels must be whole numbers"),
        (GREY, 1, "train labels must be whole numbers"),
        (GREY, [[0], [1, 2]] * 3, "train labels: the rows have different shapes"),
        (GREY, LABELS - 1, "train labels hold -1, out of range 0…1"),
        (GREY, np.zeros((6, 2, 2), int), r"expected"),
        (GREY, np.zeros(6, int), "the train split holds one class only"),
        (GREY, [0, 2] * 3, "the train split has no case of class 1"),
        (GREY, [[0, 2], [1, 0]] * 3, "must be 0 or 1"),
        (GREY, [[0, 1], [1, 1]] * 3, "the same label for class 1"),
        (GREY[:0], LABELS[:0], "the train split is empty"),
        ([], [], "the train split is empty"),
    ],
)
def test_arrays_that_cannot_be_trained_on(images, labels, words):
    with pytest.raises(InputError, match=words) as error:
        three(images, labels)
    one_sentence(error)


@pytest.mark.parametrize(
    "val, words",
    [
        ((GREY[:0], LABELS[:0]), "the val split is empty"),
        ((GREY, LABELS * 0), "the val split holds one class only"),
        ((GREY[:, :7], LABELS), r"val images have shape \(1, 7, 8\), expected \(1, 8, 8\)"),
        ((GREY, LABELS + 1), "val labels hold 2, out of range 0…1"),
        ((GREY, LABELS[:, None].repeat(2, 1)), "val labels have shape"),
        ((GREY / 255, LABELS), "val images are float64"),
        ((GREY,), "val must be a pair"),
        (GREY, "val must be a pair"),
    ],
)
def test_splits_that_do_not_fit_the_first(val, words):
    with pytest.raises(InputError, match=words) as error:
        from_arrays((GREY, LABELS), val, (GREY, LABELS))
    one_sentence(error)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"task": "ranking"}, "unknown task 'ranking'; choose one of binary"),
        ({"task": "binary", "classes": ["a", "b", "c"]}, "a binary task has 2 classes, not 3"),
        ({"task": "multi-class", "classes": ["a", "b", "c"]}, "no case of c"),
        ({"task": "multi-class", "classes": ["a"]}, "out of range 0…0 for 1 classes"),
        ({"task": "multi-label"}, "train labels have shape"),
        ({"sequence": True}, r"expected \(N, T, H, W"),
    ],
)
def test_options_that_do_not_fit_the_arrays(options, words):
    with pytest.raises(InputError, match=words) as error:
        three(GREY, LABELS, **options)
    one_sentence(error)


def test_a_class_may_be_missing_from_val_and_test():
    images, labels = pair(8, 8, classes=3)
    few = (images[:2], labels[:2])
    assert len(from_arrays((images, labels), few, few).card.classes) == 3


def test_one_hot_labels_are_not_taken_for_multi_label():
    images, labels = np.zeros((6, 8, 8), np.uint8), np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]]
    with pytest.raises(InputError, match="argmax"):
        from_arrays(*[(images, labels)] * 3)
    assert from_arrays(*[(images, labels)] * 3, task="multi-label").card.task == "multi-label"


@pytest.mark.parametrize("mirror", [-1, (1,), (-3,)])
def test_mirror_axes_are_checked(mirror):
    pair = np.zeros((6, 8, 8), np.uint8), np.array([0, 1] * 3)
    with pytest.raises(InputError, match="mirror must be a tuple"):
        from_arrays(pair, pair, pair, mirror=mirror)


def test_the_cine_is_always_drawn():
    for name, task in (("cine_ejection", "regression"), ("cine_filling", "binary")):
        card = catalog.card(name)
        assert (card.task, card.frames, card.shape) == (task, 16, (28, 28)) and "PHANTOM" in str(card)
        assert find(name) is None
        with pytest.raises(InputError, match="not published by medmnist; say source='phantom'"):
            mt.load(name, source="medmnist")
    dataset = mt.load("cine_ejection")
    assert dataset.is_phantom and dataset.train.images.shape == (1500, 16, 1, 28, 28)
    assert dataset.train.labels.dtype == torch.float32 and dataset.train.masks.shape == (1500, 16, 28, 28)
    assert 0.15 <= dataset.test.labels.min() < dataset.test.labels.max() <= 0.75


def test_the_marks_are_always_drawn():
    for name in ("marks_shapes", "marks_patterns"):
        card = catalog.card(name)
        assert (card.task, card.classes, card.shape) == (
            "binary",
            ("different", "same"),
            (28, 28),
        ) and "PHANTOM" in str(card)
        assert find(name) is None
        dataset = mt.load(name)
        assert dataset.is_phantom and dataset.card == card
        assert {split: len(getattr(dataset, split)) for split in ("train", "val", "test")} == catalog.counts(name)
        with pytest.raises(InputError, match="not published by medmnist; say source='phantom'"):
            mt.load(name, source="medmnist")


def test_own_numbers_to_predict():
    images = np.zeros((4, 12, 12), np.uint8)
    pair = (images, [0.5, 1.5, 2.0, -1.0])
    dataset = mt.from_arrays(pair, pair, pair, task="regression", classes=["age"])
    assert dataset.train.labels.tolist() == pair[1] and dataset.card.classes == ("age",)
    for labels, sentence in (([1.0, 1.0, 1.0, 1.0], "nothing to predict"), ([1.0, np.nan, 2.0, 3.0], "finite numbers")):
        with pytest.raises(InputError, match=sentence):
            mt.from_arrays((images, labels), pair, pair, task="regression")
    with pytest.raises(InputError, match="one name, not 2"):
        mt.from_arrays(pair, pair, pair, task="regression", classes=["a", "b"])
