"""Reading NIfTI pairs: what is read, and what is refused with one sentence."""

import gzip
import hashlib
import io
import os
import shutil
import struct
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from medtutor.data.sources import decathlon, nifti
from medtutor.errors import InputError

SPLIT = {"train": (1, 3), "val": (4,), "test": (6,)}
FEW = sorted(number for ids in SPLIT.values() for number in ids)


def volume(shape=(20, 24, 16), seed=0):
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


def labels(shape=(20, 24, 16)):
    mask = np.zeros(shape, np.uint8)
    middle = tuple(slice(size // 2 - 4, size // 2 + 4) for size in shape)
    mask[middle] = 2
    mask[middle[0], shape[1] // 2 : shape[1] // 2 + 4, middle[2]] = 1
    return mask


def save(path, array, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


@pytest.fixture
def pair(tmp_path):
    """Write a pair and read it; what is not given is as it should be."""

    def read(image=None, mask=None, image_affine=None, mask_affine=None, **options):
        image = save(tmp_path / "scan.nii.gz", volume() if image is None else image, image_affine)
        mask_affine = image_affine if mask_affine is None else mask_affine
        mask = save(tmp_path / "mask.nii.gz", labels() if mask is None else mask, mask_affine)
        return nifti.read_pair(image, mask, **options)

    return read


@pytest.fixture
def small_set(tmp_path, monkeypatch):
    """A folder like the published one, with four volumes, which are all that is wanted."""
    monkeypatch.setattr(decathlon, "SPLIT", SPLIT)
    folder = tmp_path / "Task04_Hippocampus"
    for number in FEW:
        save(folder / "imagesTr" / f"hippocampus_{number:03d}.nii.gz", volume(seed=number))
        save(folder / "labelsTr" / f"hippocampus_{number:03d}.nii.gz", labels())
    return folder


@pytest.fixture
def small_tar(small_set, monkeypatch):
    """The folder as a tar, as a Mac packs it, with members that must not be read."""
    path = small_set.parent / "tars" / decathlon.TAR
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        for name in (
            "Task04_Hippocampus/imagesTr/._hippocampus_001.nii.gz",
            "imagesTr/hippocampus_001.nii.gz",
            "../hippocampus_001.nii.gz",
        ):
            tar.addfile(_member(name, 4), io.BytesIO(b"junk"))
        link = tarfile.TarInfo("Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
        tar.add(small_set, "./Task04_Hippocampus")
    monkeypatch.setattr(decathlon, "MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


def _member(name, size):
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def refusal(call, *arguments, **options):
    """The message of the `InputError`: one sentence."""
    with pytest.raises(InputError) as raised:
        call(*arguments, **options)
    message = str(raised.value)
    assert "\n" not in message and not message.endswith(".") and len(message) < 400
    return message


# The split ---------------------------------------------------------------------------------


def test_the_split_has_48_volumes_and_none_twice():
    assert [len(decathlon.SPLIT[name]) for name in ("train", "val", "test")] == [30, 6, 12]
    numbers = [number for ids in decathlon.SPLIT.values() for number in ids]
    assert len(set(numbers)) == 48
    assert all(tuple(sorted(ids)) == ids for ids in decathlon.SPLIT.values())


def test_the_volumes_of_a_patient_are_in_one_split():
    patients = [{(number + 1) // 2 for number in ids} for ids in decathlon.SPLIT.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 34


def test_the_split_is_drawn_as_its_comment_says():
    numbers = sorted(number for ids in decathlon.SPLIT.values() for number in ids)
    drawn, room = {"test": [], "val": [], "train": []}, {"test": 12, "val": 6, "train": 30}
    for patient in np.random.default_rng(0).permutation(sorted({(number + 1) // 2 for number in numbers})):
        sides = [number for number in numbers if (number + 1) // 2 == patient]
        drawn[next(name for name in room if len(drawn[name]) + len(sides) <= room[name])] += sides
    assert {name: tuple(sorted(ids)) for name, ids in drawn.items()} == decathlon.SPLIT


# Finding and fetching ----------------------------------------------------------------------


def test_finds_the_folder_or_the_tar_in_order(small_tar, small_set, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    assert decathlon.find([elsewhere]) is None and decathlon.find([]) is None
    assert decathlon.find([str(elsewhere), tmp_path, small_tar.parent]) == small_set
    assert decathlon.find([small_tar.parent, tmp_path]) == small_tar
    shutil.copytree(small_set, tmp_path / "hippocampus")
    assert decathlon.find([tmp_path]) == tmp_path / "hippocampus"
    shutil.rmtree(tmp_path / "hippocampus" / "labelsTr")
    assert decathlon.find([tmp_path]) == small_set


def test_fetches_the_published_tar(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(decathlon, "fetch", lambda *given, **options: asked.append((given, options)) or given[1])
    path = decathlon.fetch_tar(str(tmp_path), progress=False)
    assert path == tmp_path / "Task04_Hippocampus.tar"
    url = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar"
    assert asked == [((url, path, "9d24dba78a72977dbd1d2e110310f31b"), {"progress": False})]


def test_address_and_md5_are_those_that_monai_names():
    from monai.apps import DecathlonDataset

    assert DecathlonDataset.resource["Task04_Hippocampus"] == decathlon.URL
    assert DecathlonDataset.md5["Task04_Hippocampus"] == decathlon.MD5


# Reading -----------------------------------------------------------------------------------


def test_shapes_types_and_ids(small_set):
    splits = decathlon.read(small_set)
    assert list(splits) == ["train", "val", "test"]
    for name, (images, masks, ids) in splits.items():
        count = len(SPLIT[name])
        assert images.shape == (count, 1, 48, 56, 40) and images.dtype == torch.uint8
        assert masks.shape == (count, 48, 56, 40) and masks.dtype == torch.uint8
        assert tuple(ids.tolist()) == SPLIT[name] and ids.dtype == torch.int64


def test_the_tar_reads_as_the_folder_does_and_is_not_extracted(small_tar, small_set):
    before = sorted(small_tar.parent.rglob("*"))
    from_folder, from_tar = decathlon.read(small_set), decathlon.read(small_tar)
    for name in SPLIT:
        assert all(torch.equal(a, b) for a, b in zip(from_folder[name], from_tar[name]))
    assert sorted(small_tar.parent.rglob("*")) == before


def test_volumes_outside_the_split_are_not_read(small_set):
    for part in decathlon.PARTS:
        (small_set / part / "hippocampus_002.nii.gz").write_bytes(b"no NIfTI")
        (small_set / part / "._hippocampus_001.nii.gz").write_bytes(b"no NIfTI")
    assert decathlon.read(small_set)["train"][2].tolist() == [1, 3]


def test_zero_is_three_deviations_below_the_mean_and_255_above(pair):
    image = volume()
    read, _ = pair(image)
    clipped = np.clip(image, *np.percentile(image, [1, 99]))
    expected = np.rint(((clipped - clipped.mean()) / clipped.std() + 3) * 42.5)
    inside = read[0, 14:34, 16:40, 12:28].numpy()
    assert np.abs(inside - expected).max() <= 1
    assert read[0, 0, 0, 0] == inside.min()


def test_brightness_does_not_depend_on_the_scanners_scale(pair):
    one, _ = pair(volume())
    other, _ = pair(volume() * 3000 + 7)
    assert (one.int() - other.int()).abs().max() <= 1


def test_masks_are_padded_with_background_in_the_same_place(pair):
    image, mask = pair(np.where(labels() > 0, 50, 10).astype(np.uint8))
    assert mask.sum() == labels().sum() and set(mask.unique().tolist()) == {0, 1, 2}
    assert torch.equal(image[0] > 128, mask > 0)
    assert torch.equal(mask[14:34, 16:40, 12:28], torch.from_numpy(labels()))


def test_larger_volumes_are_cut_around_the_middle(pair):
    shape = (50, 61, 40)
    image, mask = pair(volume(shape), labels(shape))
    assert image.shape == (1, 48, 56, 40)
    assert torch.equal(mask, torch.from_numpy(labels(shape)[1:49, 2:58]))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64])
def test_masks_of_any_type_with_whole_numbers(pair, kind):
    _, mask = pair(mask=labels().astype(kind))
    assert mask.dtype == torch.uint8 and mask.sum() == labels().sum()


def test_uncompressed_files_and_another_number_of_labels(tmp_path, pair):
    image, mask = save(tmp_path / "a.nii", volume()), save(tmp_path / "b.nii", labels() * 2)
    assert nifti.read_pair(str(image), str(mask), labels=5)[1].max() == 4
    assert "b.nii holds the value 4" in refusal(nifti.read_pair, image, mask, labels=4)


# Refusals of a pair ------------------------------------------------------------------------


def moved(by):
    affine = np.eye(4)
    affine[:3, 3] = by
    return affine


def test_mask_in_another_place(pair):
    message = refusal(pair, image_affine=np.eye(4), mask_affine=moved([0, 0, 2]))
    assert "mask.nii.gz has another affine than its image scan.nii.gz" in message and "resample" in message
    pair(image_affine=moved([5, 5, 5]))  # both moved: fine


def test_mask_of_another_shape(pair):
    message = refusal(pair, mask=labels((20, 24, 18)))
    assert "mask.nii.gz has shape (20, 24, 18) but its image scan.nii.gz (20, 24, 16)" in message


@pytest.mark.parametrize("spacing", [(1, 1, 2), (0.8, 0.8, 0.8)])
def test_other_spacing(pair, spacing):
    message = refusal(pair, image_affine=np.diag([*spacing, 1.0]))
    assert "scan.nii.gz has voxels of" in message and "resample image and mask to 1 mm" in message


def test_spacing_is_one_up_to_rounding(pair):
    pair(image_affine=np.diag([1.0000002, 0.9999998, 1, 1]))


@pytest.mark.parametrize(
    "affine", [np.diag([-1.0, 1, 1, 1]), np.eye(4)[[1, 0, 2, 3]], np.eye(4)[[0, 2, 1, 3]]], ids=["LAS", "swap", "RSA"]
)
def test_another_order_of_axes(pair, affine):
    message = refusal(pair, image_affine=affine)
    assert "scan.nii.gz has its axes in another order" in message and "reorient" in message


def test_oblique_axes(pair):
    affine = np.eye(4)
    affine[:2, :2] = [[0.96, -0.28], [0.28, 0.96]]
    assert "reorient" in refusal(pair, image_affine=affine)


def test_empty_mask(pair):
    assert "mask.nii.gz is empty" in refusal(pair, mask=np.zeros((20, 24, 16), np.uint8))


@pytest.mark.parametrize("value, shown", [(3, "3"), (-1, "-1"), (0.5, "0.5"), (np.nan, "nan")])
def test_other_labels(pair, value, shown):
    mask = labels().astype(np.float32)
    mask[0, 0, 0] = value
    message = refusal(pair, mask=mask)
    assert f"mask.nii.gz holds the value {shown};" in message and "0 to 2" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_image_with_nan(pair, value):
    image = volume()
    image[3, 4, 5] = value
    assert "scan.nii.gz holds NaN or infinite values" in refusal(pair, image=image)


@pytest.mark.parametrize("value", [0, 7, 1e6])
def test_constant_image(pair, value):
    image = np.full((20, 24, 16), value, np.float32)
    image[0, 0, 0] += 1  # one bright voxel is no contrast
    assert "scan.nii.gz is constant" in refusal(pair, image=image)


def test_four_axes(pair):
    message = refusal(pair, image=np.stack([volume(), volume()], -1))
    assert "scan.nii.gz has 4 axes, shape (20, 24, 16, 2)" in message


def test_colours(pair):
    colours = np.zeros((20, 24, 16), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "not grey values" in refusal(pair, image=colours)


def test_no_label_is_cut_off_silently(pair):
    shape = (70, 24, 16)
    mask = labels(shape)
    pair(volume(shape), mask)
    mask[3, 12, 8] = 2
    message = refusal(pair, volume(shape), mask)
    assert "mask.nii.gz has labels outside the middle 48 x 56 x 40 voxels" in message and "crop" in message


def damaged(content):
    whole = gzip.decompress(content)
    return {
        "empty": b"",
        "text": b"not an image at all",
        "zip": b"PK\x03\x04" + bytes(2000),
        "cut gzip": content[: len(content) // 2],
        "broken gzip": content[:40] + bytes(40) + content[80:],
        "cut inside": gzip.compress(whole[:1000]),
        "header only": whole[:352],
        "half a header": whole[:200],
        "gzip of text": gzip.compress(b"not an image" * 100),
    }


@pytest.mark.parametrize("kind", damaged(gzip.compress(bytes(500))))
def test_files_that_are_no_nifti(tmp_path, pair, kind):
    pair()
    scan, mask = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    scan.write_bytes(damaged(scan.read_bytes())[kind])
    message = refusal(nifti.read_pair, scan, mask)
    assert message.startswith("scan.nii.gz is no whole NIfTI file") and "export it as .nii.gz" in message


def test_headers_with_wrong_bytes_are_read_or_refused(tmp_path, pair):
    pair()
    scan, mask = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    whole, rng = gzip.decompress(scan.read_bytes()), np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(0, 348, 3):
            content[place] = rng.integers(256)
        scan.write_bytes(bytes(content))
        try:
            nifti.read_pair(scan, mask)
        except InputError:
            pass


@pytest.mark.parametrize(
    "place, form, value",
    [
        (108, "<f", float("inf")),
        (108, "<f", float("nan")),
        (108, "<f", -1e30),
        (108, "<f", 1e30),
        (42, "<hhh", (32767, 32767, 32767)),
        (42, "<hhh", (-20, -24, 16)),
        (70, "<h", 1792),
    ],
    ids=["offset infinite", "offset NaN", "offset negative", "offset far", "huge", "negative", "complex"],
)
def test_headers_that_promise_what_is_not_there(tmp_path, pair, place, form, value):
    pair()
    scan, mask = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    content = bytearray(gzip.decompress(scan.read_bytes()))
    struct.pack_into(form, content, place, *(value if isinstance(value, tuple) else (value,)))
    scan.write_bytes(bytes(content))
    assert "scan.nii.gz" in refusal(nifti.read_pair, scan, mask)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path, pair, monkeypatch):
    pair()
    scan, mask = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    monkeypatch.setattr(nifti, "LARGEST", 2**20, raising=False)
    scan.write_bytes(gzip.compress(bytes(2**24)))
    assert "scan.nii.gz holds more than 1 MB; crop" in refusal(nifti.read_pair, scan, mask)
    scan.write_bytes(bytes(2**21))
    assert "scan.nii.gz holds more than 1 MB; crop" in refusal(nifti.read_pair, scan, mask)


@pytest.mark.parametrize("labels", [True, 1, 300, "3", 2.5])
def test_the_number_of_labels_is_a_whole_number(tmp_path, pair, labels):
    pair()
    assert "labels must be" in refusal(nifti.read_pair, tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz", labels)


def test_a_file_that_is_not_there(tmp_path):
    message = refusal(nifti.read_pair, tmp_path / "none.nii.gz", tmp_path / "none.nii.gz")
    assert "none.nii.gz cannot be read (No such file or directory)" in message


def test_image_and_mask_of_one_name_are_told_apart(tmp_path):
    image = save(tmp_path / "imagesTr" / "a.nii.gz", volume())
    mask = save(tmp_path / "labelsTr" / "a.nii.gz", labels() * 0)
    assert str(Path("labelsTr") / "a.nii.gz") + " is empty" in refusal(nifti.read_pair, image, mask)


# Refusals of a set -------------------------------------------------------------------------


@pytest.mark.parametrize("part, other", [("labelsTr", "imagesTr"), ("imagesTr", "labelsTr")])
def test_half_of_a_pair(small_set, part, other):
    (small_set / part / "hippocampus_004.nii.gz").unlink()
    message = refusal(decathlon.read, small_set)
    assert f"hippocampus_004.nii.gz is in {other} but not in {part}" in message and "data fetch" in message


def test_missing_volumes(small_set):
    for part in decathlon.PARTS:
        for number in (3, 6):
            (small_set / part / f"hippocampus_{number:03d}.nii.gz").unlink()
    message = refusal(decathlon.read, small_set)
    assert "lacks 2 of 4 volumes (hippocampus_003, hippocampus_006)" in message and "data fetch" in message


def test_a_refused_volume_of_a_set_is_named(small_set):
    save(small_set / "labelsTr" / "hippocampus_004.nii.gz", labels(), moved([1, 0, 0]))
    message = refusal(decathlon.read, small_set)
    assert message.startswith("labelsTr/hippocampus_004.nii.gz has another affine")


def test_damaged_tar(small_tar):
    small_tar.write_bytes(small_tar.read_bytes() + b"!")
    message = refusal(decathlon.read, small_tar)
    assert "its MD5 differs" in message and f"delete {small_tar}" in message


def test_a_tar_that_is_none(small_tar, monkeypatch):
    small_tar.write_bytes(b"no tar" * 1000)
    monkeypatch.setattr(decathlon, "MD5", hashlib.md5(small_tar.read_bytes()).hexdigest())
    assert "cannot be read as a tar file" in refusal(decathlon.read, small_tar)


def test_a_link_is_not_followed(small_tar, monkeypatch):
    with tarfile.open(small_tar, "w") as tar:
        link = tarfile.TarInfo("Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    monkeypatch.setattr(decathlon, "MD5", hashlib.md5(small_tar.read_bytes()).hexdigest())
    assert "lacks 4 of 4 volumes" in refusal(decathlon.read, small_tar)


def test_nothing_there(tmp_path):
    assert "data fetch hippocampus" in refusal(decathlon.read, tmp_path / "nothing")


# Real volumes ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    path = decathlon.find([os.environ["MEDTUTOR_DATA"]] if os.environ.get("MEDTUTOR_DATA") else [])
    if path is None:
        pytest.skip("MEDTUTOR_DATA holds no hippocampus volumes")
    return decathlon.read(path)


def test_real_volumes(real):
    assert [len(ids) for _, _, ids in real.values()] == [30, 6, 12]
    for images, masks, _ in real.values():
        assert set(masks.unique().tolist()) == {0, 1, 2}
        assert 0.025 < (masks > 0).float().mean() < 0.035
        assert (images.flatten(1).float().std(1) > 30).all()


def test_the_head_lies_in_front_of_and_below_the_tail(real):
    for _, masks, _ in real.values():
        for mask in masks:
            head, tail = ((mask == label).nonzero().float().mean(0) for label in (1, 2))
            assert head[1] > tail[1] + 10 and head[2] < tail[2]
