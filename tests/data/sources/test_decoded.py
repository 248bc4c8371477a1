"""Sets larger than memory, made small: the same images, decoded once, and nothing half used."""

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import time
import zipfile

import numpy as np
import psutil
import pytest
import torch

import medtutor as mt
from medtutor import cli, files
from medtutor.data import catalog
from medtutor.data.card import SPLITS
from medtutor.data.sources import decoded, medmnist
from medtutor.errors import InputError, MedtutorError

CASES = {"train": 40, "val": 20, "test": 18}
fork = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of data and an empty cache; every set is larger than memory, chunks are of a few images."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path / "data"))
    info = {name: dict(entry) for name, entry in medmnist._info().items()}
    monkeypatch.setattr(medmnist, "_info", lambda: info)
    monkeypatch.setattr(decoded, "SHARE", 0.0)
    monkeypatch.setattr(decoded, "CHUNK", 28 * 28 * 7)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def publish(folder, name="breastmnist", size=28, seed=0):
    """A set's file with noise whose brightness tells the label, which the catalogue knows; its path."""
    card, rng, arrays = catalog.card(name, size), np.random.default_rng(seed), {}
    for split, count in CASES.items():
        labels = np.arange(count) % len(card.classes)
        shape = (count, *card.shape, *((3,) if card.channels == 3 else ()))
        noise = rng.integers(0, 120, shape) + 10 * labels.reshape(-1, *[1] * (len(shape) - 1))
        arrays |= {f"{split}_images": noise.astype(np.uint8), f"{split}_labels": labels[:, None].astype(np.uint8)}
    path = folder / medmnist.filename(name, size)
    np.savez_compressed(path, **arrays)
    medmnist._info()[name]["MD5" if size == 28 else f"MD5_{size}"] = hashlib.md5(path.read_bytes()).hexdigest()
    return path


def in_memory(monkeypatch, *given):
    with monkeypatch.context() as patch:
        patch.setattr(decoded, "SHARE", 1.0)
        return mt.load(*given)


def same(one, other):
    return all(
        torch.equal(getattr(getattr(one, split), what), getattr(getattr(other, split), what))
        for split in SPLITS
        for what in ("images", "labels")
    )


def decodings(monkeypatch, path):
    """A file that gets a line whenever a copy is made, also by a child of this process."""
    log, decode = path.parent / "log", decoded._decode_alone

    def logged(*given):
        with open(log, "a") as file:
            file.write("x\n")
        decode(*given)

    monkeypatch.setattr(decoded, "_decode_alone", logged)
    log.touch()
    return log


def only(path, *others):
    """Whether nothing but the file and those others lies in its folder: no lock, no part."""
    return sorted(os.listdir(path.parent)) == sorted([path.name, *others])


@pytest.mark.parametrize("name", ["breastmnist", "pathmnist", "adrenalmnist3d"])  # grey, in colour, volumes
def test_the_same_set_as_in_memory(folder, monkeypatch, name):
    path = publish(folder, name)
    expected = in_memory(monkeypatch, name)
    assert only(path)
    for _ in range(2):
        found = mt.load(name)
        assert same(found, expected) and str(found) == str(expected)
        assert found.train.images.is_contiguous() and found.train.images.dtype == torch.uint8
        assert only(path, f"{name}.decoded")


def test_the_same_training_bit_for_bit(folder, monkeypatch):
    publish(folder)
    runs = []
    for dataset in (in_memory(monkeypatch, "breastmnist"), mt.load("breastmnist")):
        model = mt.build("cnn", dataset, widths=(4, 8, 8))
        torch.manual_seed(0)
        runs.append(mt.fit(model, dataset, mt.Recipe(epochs=2, batch_size=16, seed=0), progress=False))
    assert [row["loss"] for row in runs[0].history] == [row["loss"] for row in runs[1].history]
    for key, value in runs[0].model.state_dict().items():
        assert torch.equal(value, runs[1].model.state_dict()[key]), key
    assert torch.equal(runs[0].predictions["test"], runs[1].predictions["test"])


def test_what_a_user_writes_to_the_images_stays_his(folder):
    publish(folder)
    dataset = mt.load("breastmnist")
    before = dataset.train.images.clone()
    dataset.train.images[:] = 7
    assert (dataset.train.images == 7).all() and torch.equal(mt.load("breastmnist").train.images, before)


def test_a_small_set_is_not_decoded(folder, monkeypatch):
    path = publish(folder)
    monkeypatch.setattr(decoded, "SHARE", 0.5)
    mt.load("breastmnist")
    assert only(path)
    size = sum(CASES.values()) * 28 * 28
    monkeypatch.setattr(decoded, "available_memory", lambda: 2 * size - 2)
    assert decoded.too_large(path)
    monkeypatch.setattr(decoded, "available_memory", lambda: 3 * size)
    assert not decoded.too_large(path)


def test_memory_that_is_available_within_a_cgroup(tmp_path):
    machine = decoded.available_memory(tmp_path)
    assert 0 < machine <= psutil.virtual_memory().total
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 100\n")
    assert decoded.available_memory(tmp_path) > 10_000
    (tmp_path / "memory.max").write_text("1000\n")
    assert decoded.available_memory(tmp_path) == 400
    first = tmp_path / "1" / "memory"
    first.mkdir(parents=True)
    for name, text in (("limit_in_bytes", "90"), ("usage_in_bytes", "100")):
        (first / f"memory.{name}").write_text(text)
    (first / "memory.stat").write_text("total_inactive_file 30\n")
    assert decoded.available_memory(tmp_path / "1") == 20


def test_a_map_may_be_larger_than_all_memory(tmp_path):
    """Of a file with a hole, which takes no room on the disk."""
    count = psutil.virtual_memory().total + psutil.swap_memory().total + 2**30
    with open(tmp_path / "huge.npy", "xb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, 1)})
        try:
            file.truncate(file.tell() + count)
        except OSError:
            pytest.skip("this disk does not hold files with holes of that size")
    assert decoded._mapped(tmp_path / "huge.npy", [count, 1])[count - 5 :].tolist() == [[0]] * 5


def test_eight_processes_decode_once(folder, monkeypatch):
    path = publish(folder)
    log, decode = decodings(monkeypatch, path), decoded._decode_split
    monkeypatch.setattr(decoded, "_decode_split", lambda *given: (time.sleep(0.2), decode(*given))[1])
    expected, together = in_memory(monkeypatch, "breastmnist"), fork.Barrier(8)

    def work():
        together.wait()
        os._exit(0 if same(mt.load("breastmnist"), expected) else 1)

    processes = [fork.Process(target=work) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8
    assert log.read_text() == "x\n" and only(path, "breastmnist.decoded", "log")


@pytest.mark.parametrize("split", SPLITS)
def test_after_a_kill_nothing_half_is_used(folder, monkeypatch, split):
    path = publish(folder)
    expected = in_memory(monkeypatch, "breastmnist")

    def slow(archive, name, target, bar):
        shape = decode(archive, name, target, bar)
        if name == split:
            time.sleep(60)
        return shape

    decode = decoded._decode_split
    with monkeypatch.context() as patch:
        patch.setattr(decoded, "_decode_split", slow)
        process = fork.Process(target=mt.load, args=("breastmnist",))
        process.start()
        part = folder / ".breastmnist.decoded.part"
        until = time.monotonic() + 30
        while not (part / f"{split}.npy").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
    assert process.exitcode == -signal.SIGKILL and part.is_dir() and not (folder / "breastmnist.decoded").exists()
    assert same(mt.load("breastmnist"), expected) and only(path, "breastmnist.decoded")


class FullDisk:
    """An open file of a disk that is full at the n-th write, or says so only when what was written is to be kept."""

    def __init__(self, file, writes, code):
        self.file, self.left, self.code = file, writes, code

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def full(self):
        raise OSError(self.code, os.strerror(self.code))

    def write(self, content):
        self.left -= 1
        return self.full() if self.left < 0 else self.file.write(content)

    def flush(self):
        return self.full() if self.left < 50 else self.file.flush()


@pytest.mark.parametrize(
    ("name", "writes", "code", "words"),
    [
        ("train.npy", 1, errno.ENOSPC, "No space left"),  # after the header
        ("test.npy", 2, errno.ENOSPC, "No space left"),
        ("val.npy", 50, errno.EDQUOT, "quota exceeded"),  # said at the end alone, as over a network
        ("train.npy", 2, errno.EFBIG, "File too large"),
    ],
)
def test_a_disk_that_gets_full_while_decoding(folder, monkeypatch, name, writes, code, words):
    path = publish(folder)
    before, expected = path.read_bytes(), in_memory(monkeypatch, "breastmnist")

    def opened(where, mode="r"):
        full = "x" in mode and os.path.basename(where) == name
        return FullDisk(open(where, mode), writes, code) if full else open(where, mode)

    with monkeypatch.context() as patch:
        patch.setattr(decoded, "open", opened, raising=False)
        with pytest.raises(MedtutorError, match=f"breastmnist.npz is too large .*{words}.* GB free") as error:
            mt.load("breastmnist")
    sentence = str(error.value)
    assert "\n" not in sentence and str(folder) in sentence and "set MEDTUTOR_DATA" in sentence
    assert only(path) and path.read_bytes() == before
    assert same(mt.load("breastmnist"), expected)


@pytest.mark.parametrize("ending", [".lock", ".part", "decoded.json"])
def test_a_disk_that_holds_no_more_files(folder, monkeypatch, ending):
    """It may have room, but no entry left for another file: then the small ones fail."""
    path = publish(folder)

    def unless_full(work):
        def tried(name, *given, **named):
            if str(name).endswith(ending):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return work(name, *given, **named)

        return tried

    with monkeypatch.context() as patch:
        for owner, name in ((files.os, "open"), (decoded.Path, "mkdir"), (decoded, "write_whole")):
            patch.setattr(owner, name, unless_full(getattr(owner, name)))
        with pytest.raises(MedtutorError, match="No space left.*set MEDTUTOR_DATA"):
            mt.load("breastmnist")
    assert only(path)
    mt.load("breastmnist")


def test_a_quota_that_the_system_keeps(folder, monkeypatch):
    """Not a word of ours: the kernel refuses to write more than that to any file."""
    resource = pytest.importorskip("resource")
    path = publish(folder)
    expected, limits = in_memory(monkeypatch, "breastmnist"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # of train 31,360 bytes
    try:
        with pytest.raises(MedtutorError, match="File too large.*set MEDTUTOR_DATA"):
            mt.load("breastmnist")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert only(path) and same(mt.load("breastmnist"), expected)


def test_a_disk_without_room_is_known_before(folder, monkeypatch):
    path = publish(folder)
    usage = shutil.disk_usage(folder)._replace(free=1000)
    monkeypatch.setattr(decoded.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(decoded, "_decode_split", lambda *_: pytest.fail("decoded without room"))
    with pytest.raises(MedtutorError, match="No space left"):
        mt.load("breastmnist")
    assert only(path)


def altered(manifest, **values):
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | values))


@pytest.mark.parametrize(
    "damage",
    [
        lambda copy: os.truncate(copy / "val.npy", 5000),
        lambda copy: os.truncate(copy / "val.npy", 50),
        lambda copy: (copy / "val.npy").unlink(),
        lambda copy: shutil.copy(copy / "val.npy", copy / "test.npy"),
        lambda copy: (copy / "decoded.json").unlink(),
        lambda copy: (copy / "decoded.json").write_text("{"),
        lambda copy: (copy / "decoded.json").write_text("[]"),
        lambda copy: altered(copy / "decoded.json", format=0),
        lambda copy: altered(copy / "decoded.json", format=2),
        lambda copy: altered(copy / "decoded.json", md5="0" * 32),
        lambda copy: altered(copy / "decoded.json", shapes={"train": 3}),
    ],
)
def test_a_copy_that_is_damaged_or_of_another_version_is_made_anew(folder, monkeypatch, damage):
    path = publish(folder)
    expected = in_memory(monkeypatch, "breastmnist")
    mt.load("breastmnist")
    damage(folder / "breastmnist.decoded")
    log = decodings(monkeypatch, path)
    assert same(mt.load("breastmnist"), expected) and log.read_text() == "x\n"
    assert same(mt.load("breastmnist"), expected) and log.read_text() == "x\n"
    assert only(path, "breastmnist.decoded", "log")


def test_another_file_of_the_same_name_is_decoded_anew(folder, monkeypatch):
    publish(folder)
    mt.load("breastmnist")
    path = publish(folder, seed=1)
    assert same(mt.load("breastmnist"), in_memory(monkeypatch, "breastmnist"))
    with open(path, "r+b") as file:  # and a damaged one is refused, also where a copy lies beside it
        file.truncate(path.stat().st_size - 1)
    with pytest.raises(InputError, match="damaged"):
        mt.load("breastmnist")


def md5_of(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_a_file_that_was_only_touched_is_not_decoded_anew(folder, monkeypatch):
    path = publish(folder)
    mt.load("breastmnist")
    log = decodings(monkeypatch, path)
    monkeypatch.setattr(medmnist, "_md5", lambda _: pytest.fail("the MD5 of a file that is known"))
    mt.load("breastmnist")
    os.utime(path, (1, 1))
    with monkeypatch.context() as patch:
        patch.setattr(medmnist, "_md5", md5_of)
        mt.load("breastmnist")
    mt.load("breastmnist")  # its MD5 was checked, once
    assert log.read_text() == "" and only(path, "breastmnist.decoded", "log")


def test_a_touched_file_whose_copy_lies_where_nothing_can_be_written(folder, monkeypatch):
    path = publish(folder)
    expected = mt.load("breastmnist")
    os.utime(path, (1, 1))

    def forbidden(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(decoded, "_lock", forbidden)
    monkeypatch.setattr(decoded, "write_whole", forbidden)
    for _ in range(2):
        assert same(mt.load("breastmnist"), expected) and only(path, "breastmnist.decoded")


def test_a_file_that_was_changed_in_place_with_its_time_kept(folder):
    path = publish(folder)
    arrays = dict(np.load(path))
    np.savez(path, **arrays)  # not compressed: other labels take as many bytes
    medmnist._info()["breastmnist"]["MD5"] = md5_of(path)
    mt.load("breastmnist")
    before = path.stat()
    arrays["test_labels"][0] = 1 - arrays["test_labels"][0]
    np.savez(path, **arrays)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(InputError, match="damaged or not the published file"):
        mt.load("breastmnist")


def test_two_sizes_side_by_side(folder, monkeypatch):
    path = publish(folder)
    publish(folder, size=224)
    for size in (28, 224, 28):
        dataset = mt.load("breastmnist", size)
        assert dataset.train.images.shape[1:] == (1, size, size)
        assert same(dataset, in_memory(monkeypatch, "breastmnist", size))
    assert only(path, "breastmnist.decoded", "breastmnist_224.npz", "breastmnist_224.decoded")


def test_a_folder_that_cannot_be_written(folder, tmp_path, monkeypatch):
    path = publish(folder)
    expected, lock = in_memory(monkeypatch, "breastmnist"), decoded._lock

    def forbidden(place):
        if place.parent == folder:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return lock(place)

    monkeypatch.setattr(decoded, "_lock", forbidden)
    assert same(mt.load("breastmnist"), expected) and only(path)
    assert (tmp_path / "cache" / "medtutor" / "breastmnist.decoded" / "train.npy").exists()
    log = decodings(monkeypatch, path)
    assert same(mt.load("breastmnist"), expected) and log.read_text() == ""
    monkeypatch.setattr(decoded, "places", lambda path: [path.with_name("breastmnist.decoded")])
    with pytest.raises(MedtutorError, match="Read-only file system.*set MEDTUTOR_DATA"):
        mt.load("breastmnist")


def test_a_broken_archive_is_refused_and_leaves_nothing(folder):
    path = publish(folder)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("val_images.npy")
    content = bytearray(path.read_bytes())
    content[member.header_offset + 2000] ^= 255
    path.write_bytes(content)
    medmnist._info()["breastmnist"]["MD5"] = hashlib.md5(content).hexdigest()
    with pytest.raises(InputError, match="cannot be read as a MedMNIST file"):
        mt.load("breastmnist")
    assert only(path)


def test_list_shows_a_copy_and_clean_deletes_it(folder, capsys):
    path = publish(folder)
    mt.load("breastmnist")
    assert cli.main(["data", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["datasets"]}
    assert rows["breastmnist"]["decoded"] == {"28": [str(folder / "breastmnist.decoded")]}
    assert rows["pathmnist"]["decoded"] == {}
    assert cli.main(["data", "list"]) == 0 and "28*+ 64" in capsys.readouterr().out
    assert cli.main(["data", "clean", "breastmnist", "--size", "64"]) == 0
    assert "no decoded copy of breastmnist" in capsys.readouterr().out and not only(path)
    assert cli.main(["data", "clean", "breastmnist"]) == 0
    assert f"deleted: {folder / 'breastmnist.decoded'}" in capsys.readouterr().out and only(path)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda images: images.astype(np.float16), "val images are float16; scale to"),
        (np.asfortranarray, "val images are in Fortran order"),
        (lambda images: images[:0], "the val split is empty"),
        (lambda images: images[:, :20], r"val images have shape \(1, 20, 28\), expected"),
        (lambda images: images[:5], "val split has 5 images but 20 labels"),
    ],
)
def test_images_that_do_not_fit_get_a_sentence(folder, made, words):
    path = publish(folder)
    arrays = dict(np.load(path))
    arrays["val_images"] = made(arrays["val_images"])
    np.savez_compressed(path, **arrays)
    medmnist._info()["breastmnist"]["MD5"] = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=words):
        mt.load("breastmnist")
