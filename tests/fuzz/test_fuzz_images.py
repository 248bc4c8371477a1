"""Files of images: npz as MedMNIST's, NIfTI, the tar of the hippocampus, pictures."""

import gzip
import hashlib
import io
import os
import struct
import tarfile
import zipfile
import zlib
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from PIL import Image

import medtutor as mt
from medtutor.data import catalog
from medtutor.data.sources import decathlon, medmnist
from medtutor.data.sources.nifti import SHAPE as FITTED
from medtutor.data.sources.nifti import read_pair
from medtutor.explorers.own_image import read_image

from . import things
from .harness import REFUSED, attempt, damaged, fuzzed, odd_array, some_altered
from .test_fuzz_arrays import check_card, check_split

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("images")


# --- npz ------------------------------------------------------------------------------

NAMES = (
    "breastmnist",
    "retinamnist",
    "chestmnist",
    "adrenalmnist3d",
)  # binary, ordinal in colour, multi-label, volumes


@cache
def published(name):
    """{array: content} of a small file as MedMNIST writes it."""
    card, rng = catalog.card(name), np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 12), ("val", 10), ("test", 10)):
        colour = (3,) if card.channels == 3 else ()
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, *card.shape, *colour), dtype=np.uint8)
        number = np.arange(count)
        many = (number[:, None] >> (np.arange(len(card.classes)) % 3)) & 1
        arrays[f"{split}_labels"] = (
            many if card.task == "multi-label" else number[:, None] % len(card.classes)
        ).astype(np.uint8)
    return arrays


def npz(arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(shape, dtype="'|u1'", content=b"", extra=""):
    """An npy file that says what shape it has, whatever follows."""
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, {extra}}}".encode()
    header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def with_member(content, name, data, compressed=True):
    """A zip file with one of its members replaced by other bytes, or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED)
    return buffer.getvalue()


HUGE = [
    npy("(1000000000000, 28, 28)"),
    npy("(4000000000,)"),
    npy("(12, 28, 28)", "'|O'", b"\x80\x04N."),
    npy("(99999999999999999999, 28)"),
    npy("(-1, 28, 28)"),
    npy("(12, 28, 28)", "'|V9'"),
    npy("'x'"),
    npy("(12, 28, 28)", content=bytes(100)),
    npy("(12,)", "[('a', 'u1')]", bytes(12)),
    b"",
    b"\x93NUMPY\x09\x00",
    npy("(3000000, 28, 28)", content=bytes(2000)),
    npy("(12, 28, 28)", content=bytes(12 * 784), extra="'more': 1"),
    npy("(" * 150 + ")" * 150),
]


@cache
def bomb():
    """One and a half gigabytes of zeros in as many megabytes: a zip file, written by hand."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = pack.compress(npy("(2000000, 28, 28)")) + pack.flush(zlib.Z_FULL_FLUSH)
    zeros = pack.compress(bytes(10_000_000)) + pack.flush(
        zlib.Z_FULL_FLUSH
    )  # after a full flush, pieces can be repeated
    packed = head + zeros * 150 + pack.flush()
    size, name = 128 + 150 * 10_000_000, b"train_images.npy"
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + fields + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


@st.composite
def npz_files(draw, name):
    arrays = published(name)
    how = draw(st.sampled_from(["arrays"] * 5 + ["bytes"] * 2 + ["member", "member", "no member", "more"]))
    if how == "arrays":
        changed = draw(some_altered(arrays))
        if draw(st.booleans()) and isinstance(changed, dict):
            key = draw(st.sampled_from(sorted(arrays)))
            changed = {**changed, key: draw(odd_array(arrays[key]))}
        try:
            return npz(changed)
        except Exception:  # what numpy does not write
            return npz({})
    if how == "bytes":
        return draw(damaged(npz(arrays)))
    if how == "more":
        return with_member(
            npz(arrays), draw(st.sampled_from(["../x.npy", "/x.npy", "x", "train_images.npy/", "a" * 200])), b"x"
        )
    if how == "no member":
        lost = draw(st.sampled_from(sorted(arrays)))
        return npz({key: value for key, value in arrays.items() if key != lost})
    member = f"{draw(st.sampled_from(sorted(arrays)))}.npy"
    return with_member(npz(arrays), member, draw(st.sampled_from(HUGE)), draw(st.booleans()))


def load_npz(place, name, content, md5=None):
    """`mt.load` of these bytes as the published file, its MD5 as if it were the right one."""
    path = place / f"{name}.npz"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            medmnist, "address", lambda *_: ("http://127.0.0.1:9/x.npz", md5 or hashlib.md5(content).hexdigest())
        )
        return attempt(mt.load, name, source="medmnist", root=place, progress=False)


@fuzzed(4, name=st.sampled_from(NAMES), data=st.data())
def test_an_npz_file_gives_what_it_holds_or_a_sentence(place, name, data):
    content = data.draw(npz_files(name))
    found = load_npz(place, name, content)
    if found is REFUSED:
        return
    check_card(found.card)
    assert found.provenance == "medmnist" and found.card == catalog.card(name)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for split in SPLITS:
            images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
            own = getattr(found, split)
            check_split(own, found.card, split)
            assert images.dtype == np.uint8
            assert np.array_equal(own.images.movedim(1, -1).numpy().reshape(images.shape), images)
            assert np.array_equal(own.labels.numpy().reshape(labels.shape).astype(float), labels.astype(float))


@fuzzed(1, data=st.data())
def test_an_altered_npz_file_is_refused_by_its_digest(place, data):
    whole = npz(published("breastmnist"))
    content = data.draw(damaged(whole))
    if content != whole:
        assert load_npz(place, "breastmnist", content, hashlib.md5(whole).hexdigest()) is REFUSED


def test_a_zip_bomb_takes_no_gigabytes(place):
    assert load_npz(place, "breastmnist", bomb()) is REFUSED


# --- NIfTI ----------------------------------------------------------------------------

SHAPE = (20, 24, 16)


@cache
def volume():
    return np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32)


@cache
def mask():
    found = np.zeros(SHAPE, np.uint8)
    found[6:14, 8:16, 4:12] = 1
    found[6:10, 8:16, 4:12] = 2
    return found


def nifti(array, affine=None):
    import nibabel

    return nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine).to_bytes()


# name: (offset in the header, struct format), of fields that decide how a file is read
FIELDS = {
    "sizeof_hdr": (0, "<i"),
    "dim0": (40, "<h"),
    "dim1": (42, "<h"),
    "dim2": (44, "<h"),
    "dim3": (46, "<h"),
    "dim4": (48, "<h"),
    "datatype": (70, "<h"),
    "bitpix": (72, "<h"),
    "pixdim0": (76, "<f"),
    "pixdim1": (80, "<f"),
    "pixdim2": (84, "<f"),
    "pixdim3": (88, "<f"),
    "vox_offset": (108, "<f"),
    "scl_slope": (112, "<f"),
    "scl_inter": (116, "<f"),
    "xyzt_units": (123, "<b"),
    "qform_code": (252, "<h"),
    "sform_code": (254, "<h"),
    "quatern_b": (256, "<f"),
    "qoffset_x": (268, "<f"),
    "srow_x0": (280, "<f"),
    "srow_x3": (292, "<f"),
    "srow_y1": (300, "<f"),
    "srow_z2": (320, "<f"),
    "extension": (348, "<b"),
}
WHOLES = [
    -32768,
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    20,
    32,
    64,
    128,
    256,
    512,
    768,
    1024,
    1280,
    1536,
    1792,
    2048,
    2304,
    32767,
]
REALS = [
    float("nan"),
    float("inf"),
    float("-inf"),
    0.0,
    -1.0,
    1.0,
    2.0,
    0.5,
    1e-30,
    1e30,
    352.0,
    353.5,
    16.0,
    -352.0,
    2.0**31,
    1e10,
]


@cache
def other_images():
    return [
        volume().astype("i2"),
        volume().astype("f8"),
        np.full(SHAPE, 7.0, "f4"),
        np.zeros((60, 70, 50), "f4") + np.arange(50, dtype="f4"),
        volume()[..., None],
        volume()[0],
        volume().astype("c8"),
        np.zeros((*SHAPE, 3), "u1"),
        np.where(volume() > 150, np.nan, volume()).astype("f4"),
        volume() * np.float32(1e36),
        volume() * np.float32(1e-40),
    ]


@cache
def other_masks():
    return [
        mask().astype("f4"),
        mask() * 3,
        mask() * 0,
        mask() + 0.5,
        mask().astype("i2") - 1,
        np.roll(mask(), 1, 0),
        mask()[:-1],
        mask().astype("f8") * 1e300,
        mask()[..., None],
    ]


@st.composite
def nifti_bytes(draw, array, others):
    content = nifti(array)
    how = draw(st.sampled_from(["header"] * 5 + ["bytes"] * 3 + ["other"] * 3 + ["gzip", "affine"]))
    if how == "header":
        for _ in range(draw(st.integers(1, 2))):
            offset, form = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
            value = draw(
                st.sampled_from(
                    REALS if form == "<f" else [each for each in WHOLES if form != "<b" or -128 <= each < 128]
                )
            )
            content = content[:offset] + struct.pack(form, value) + content[offset + struct.calcsize(form) :]
    elif how == "bytes":
        content = draw(damaged(content))
    elif how == "other":
        content = nifti(draw(st.sampled_from(others)))
    elif how == "affine":
        affine = np.eye(4)
        affine[draw(st.integers(0, 3)), draw(st.integers(0, 3))] = draw(st.sampled_from(REALS))
        try:
            content = nifti(array, affine)
        except Exception:  # what nibabel does not write
            content = nifti(array)
    if how == "gzip" or draw(st.booleans()):
        packed = gzip.compress(content, 1)
        return (
            draw(st.sampled_from([packed, packed[:-5], packed + b"\0" * 9, packed + packed, packed[:40] + packed[41:]]))
            if how == "gzip"
            else packed
        )
    return content


def read_nifti(content):
    """(dims, spacing, values) of a NIfTI-1 file, by struct and numpy alone; None for kinds that this test does not
    know.
    """
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return None
    # nibabel, too, goes by the number of axes where the length of the header is no help.
    order = (
        "<"
        if struct.unpack_from("<i", content)[0] == 348 or 1 <= struct.unpack_from("<h", content, 40)[0] <= 7
        else ">"
    )
    dims = struct.unpack_from(f"{order}8h", content, 40)
    kinds = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
    kind = kinds.get(struct.unpack_from(f"{order}h", content, 70)[0])
    if kind is None:
        return None
    shape = dims[1 : 1 + dims[0]]
    start = int(struct.unpack_from(f"{order}f", content, 108)[0])
    values = np.frombuffer(content, order + kind, int(np.prod(shape)), start).reshape(shape, order="F")
    slope, inter = struct.unpack_from(f"{order}2f", content, 112)
    if np.isfinite(slope) and slope != 0:
        values = values * slope + (inter if np.isfinite(inter) else 0)
    return shape, struct.unpack_from(f"{order}3f", content, 80), values


@fuzzed(5, data=st.data())
def test_a_nifti_pair_is_read_as_it_is_meant_or_refused(place, data):
    which = data.draw(st.sampled_from(["image", "mask", "both"]))
    image = data.draw(nifti_bytes(volume(), other_images())) if which != "mask" else nifti(volume())
    truth = data.draw(nifti_bytes(mask(), other_masks())) if which != "image" else nifti(mask())
    paths = place / "scan.nii.gz", place / "mask.nii.gz"
    for path, content in zip(paths, (image, truth)):
        path.write_bytes(content)
    found = attempt(read_pair, *paths)
    if found is REFUSED:
        return
    pixels, labels = found
    assert pixels.dtype == labels.dtype == torch.uint8
    assert tuple(pixels.shape) == (1, *FITTED) and tuple(labels.shape) == FITTED
    assert pixels.float().std() > 0 and labels.any() and labels.max() <= 2
    for content, name in ((image, "image"), (truth, "mask")):
        by_hand = read_nifti(content)
        if by_hand is None:
            continue
        shape, spacing, values = by_hand
        assert np.isfinite(values).all(), f"the {name} holds no finite numbers"
        assert len([side for side in shape if side != 1]) <= 3 and all(0 < side < 3000 for side in shape)
        if name == "mask":
            assert set(np.unique(values).tolist()) <= {0, 1, 2}
            counts = [np.bincount(each.ravel(), minlength=3)[1:] for each in (values.astype(int), labels.numpy())]
            assert np.array_equal(*counts)


# --- the tar --------------------------------------------------------------------------

FEW = {"train": (1, 3), "val": (4,), "test": (6,)}


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    return info, content


@cache
def members():
    image, truth = gzip.compress(nifti(volume()), 1), gzip.compress(nifti(mask()), 1)
    names = [(part, number) for part in decathlon.PARTS for ids in FEW.values() for number in ids]
    return [
        member(f"Task04_Hippocampus/{part}/hippocampus_{number:03d}.nii.gz", image if part == "imagesTr" else truth)
        for part, number in names
    ]


def tar(chosen):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for info, content in chosen:
            out.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return buffer.getvalue()


@cache
def odd_members():
    name = members()[0][0].name
    kinds = [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, members()[4][0].name),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
        (tarfile.SYMTYPE, name),
    ]
    return [
        *(member(name, kind=kind, link=link) for kind, link in kinds),
        member("../../out.nii.gz", b"x"),
        member("/abs.nii.gz", b"x"),
        member(name, b""),
        member(name, b"no image"),
        member(name, gzip.compress(bytes(50_000_000), 1)),
        member("Task04_Hippocampus/x" * 12, b"x"),
        member("./" + name, members()[0][1]),
    ]


@fuzzed(
    1,
    how=st.sampled_from(["whole", "less", "twice", "odd", "odd", "odd for one", "bytes", "bytes"]),
    at=st.integers(0, 7),
    data=st.data(),
)
def test_the_tar_is_read_in_memory_or_refused(place, how, at, data):
    chosen = list(members())
    if how == "less":
        del chosen[at]
    elif how == "twice":
        chosen.append(chosen[at])
    elif how.startswith("odd"):
        if how == "odd for one":
            del chosen[0]
        chosen.insert(at, data.draw(st.sampled_from(odd_members())))
    content = tar(chosen)
    if how == "bytes":
        content = data.draw(damaged(content))
    path = place / decathlon.TAR
    path.write_bytes(content)
    before = sorted(place.rglob("*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decathlon, "SPLIT", FEW)
        patch.setattr(decathlon, "MD5", hashlib.md5(content).hexdigest())
        found = attempt(decathlon.read, path)
    assert sorted(place.rglob("*")) == before and not os.path.exists("/abs.nii.gz")
    if how == "whole":
        assert found is not REFUSED
    if found is not REFUSED:
        for split, ids in FEW.items():
            images, masks, numbers = found[split]
            assert numbers.tolist() == list(ids) and len(images) == len(masks) == len(ids)
            assert images.dtype == masks.dtype == torch.uint8 and all(each.any() for each in masks)


# --- pictures -------------------------------------------------------------------------


@cache
def pictures():
    found = []
    for mode in ("L", "RGB", "RGBA", "LA", "P", "1", "I", "F", "CMYK"):
        picture = Image.fromarray((np.arange(64 * 48).reshape(64, 48) % 251).astype(np.uint8)).convert(mode)
        for form in ("PNG", "JPEG", "TIFF", "GIF", "BMP"):
            buffer = io.BytesIO()
            try:
                picture.save(buffer, form)
            except (OSError, ValueError, KeyError):  # a form that does not know the mode
                continue
            found.append(buffer.getvalue())
    return found


def huge_png():
    """A PNG that says it has 60,000 x 60,000 pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", 4)
        + b"IDATabcd"
        + bytes(4)
    )


@fuzzed(2, name=st.sampled_from(["pneumoniamnist", "pathmnist"]), data=st.data())
def test_a_picture_is_made_to_fit_or_refused(name, data):
    content = data.draw(st.sampled_from([*pictures(), huge_png()]))
    content = data.draw(st.one_of(st.just(content), damaged(content), damaged(content)))
    card = catalog.card(name)
    found = attempt(read_image, content, card, "own.png")
    if found is not REFUSED:
        image, said = found
        assert image.dtype == torch.uint8 and tuple(image.shape) == (card.channels, *card.shape) and "own.png" in said


@fuzzed(
    1,
    what=st.one_of(st.sampled_from([None, "", "/", "nowhere.png", b"", 3, "\0", things.__file__]), st.text(max_size=5)),
)
def test_only_pictures_are_pictures(what):
    assert attempt(read_image, what, catalog.card("pneumoniamnist")) is REFUSED
