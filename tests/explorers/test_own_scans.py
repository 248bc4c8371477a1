"""Files of the user's own in the attribution explorer: DICOM and NIfTI, and whether the model has seen the like."""

import gzip
import html
import io
import re
from dataclasses import replace
from functools import cache

import nibabel
import numpy as np
import pydicom
import pytest
import torch
from conftest import blobs
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

import medtutor as mt
from medtutor.errors import InputError
from medtutor.explanation import familiar
from medtutor.explorers import attribution_cases, explore, own_image, own_scan
from medtutor.explorers.attribution_cases import likeness
from medtutor.explorers.own_image import read_image

CARD = mt.data.card("breastmnist")  # 28 x 28, grey


def dicom(pixels, syntax=ExplicitVRLittleEndian, **values):
    """A DICOM file's bytes, made in memory."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    colour = pixels.shape[-1] == 3
    rows, columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    file.Rows, file.Columns, file.SamplesPerPixel = rows, columns, 3 if colour else 1
    file.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 8 * pixels.itemsize
    file.HighBit, file.PixelRepresentation = file.BitsStored - 1, int(pixels.dtype.kind == "i")
    if colour:
        file.PlanarConfiguration = 0
    file.PixelData = pixels.tobytes()
    for name, value in values.items():
        setattr(file, name, value)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, file, enforce_file_format=True)
    return buffer.getvalue()


def nifti(array, affine=None, kind=nibabel.Nifti1Image):
    return kind(array, np.eye(4) if affine is None else affine).to_bytes()


def ramp():
    """int16 (28, 28): from -1000 in the upper left corner to 1351."""
    return (np.arange(28 * 28).reshape(28, 28) * 3 - 1000).astype(np.int16)


# DICOM ----------------------------------------------------------------------------------------


def test_a_dicom_file_is_rescaled_and_windowed():
    stored = (ramp() + 1024).astype(np.uint16)
    content = dicom(stored, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=[40, 300], WindowWidth=[400, 1500])
    image, sentence = read_image(content, CARD, "ct")  # by its content, whatever it is called
    expected = (((ramp() - 39.5) / 399 + 0.5).clip(0, 1) * 255).round()
    assert image.shape == (1, 28, 28) and np.array_equal(image[0], expected)
    assert sentence == (
        "ct (28 x 28 pixels, DICOM, grey) was rescaled (slope 1, intercept -1024), windowed (centre 40, width 400)."
        " It has no label."
    )
    exact = read_image(dicom(ramp(), WindowCenter=40, WindowWidth=400, VOILUTFunction="LINEAR_EXACT"), CARD)[0]
    assert np.array_equal(exact[0], (((ramp() - 40) / 400 + 0.5).clip(0, 1) * 255).round())
    soft = read_image(dicom(ramp(), WindowCenter=40, WindowWidth=400, VOILUTFunction="SIGMOID"), CARD)[0]
    assert np.array_equal(soft[0], (255 / (1 + np.exp(-4 * (ramp() - 40.0) / 400))).round())


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 5, "WindowWidth": 0}, {"WindowCenter": "", "WindowWidth": ""}])
def test_without_a_window_all_grey_values_are_shown(window):
    image, sentence = read_image(dicom(ramp(), **window), CARD)
    assert image.min() == 0 and image.max() == 255 and "spread from its lowest to its highest value" in sentence


def test_monochrome1_is_inverted():
    plain, inverted = (
        read_image(dicom(ramp(), PhotometricInterpretation=f"MONOCHROME{number}"), CARD) for number in (2, 1)
    )
    assert torch.equal(inverted[0], 255 - plain[0]) and "inverted (MONOCHROME1)" in inverted[1]
    assert "inverted" not in plain[1]


def test_of_several_frames_the_middle_one_is_taken():
    frames = np.stack([ramp()] * 5)
    frames[2] = frames[2][::-1]
    image, sentence = read_image(dicom(frames, NumberOfFrames=5), CARD)
    assert torch.equal(image, read_image(dicom(frames[2]), CARD)[0]) and "its middle frame (3 of 5)" in sentence


def test_colours_and_sizes_of_dicom_files():
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 200
    image, sentence = read_image(dicom(red, PixelSpacing=[1, 2]), CARD)
    assert (image == 60).all() and "converted to grey, cut to its middle, resized to 28 x 28" in sentence
    assert "its pixels of 1 x 2 mm taken as squares" in sentence
    image, sentence = read_image(dicom(red), replace(CARD, channels=3))
    assert image.shape == (3, 28, 28) and image[:, 3, 3].tolist() == [200, 0, 0] and "DICOM, colour" in sentence


@pytest.mark.parametrize("name", ["examples_palette.dcm", "examples_ybr_color.dcm", "CT_small.dcm"])
def test_files_that_pydicom_ships(name):
    """A palette; JPEG in several frames; a CT."""
    with open(get_testdata_file(name, download=False), "rb") as file:
        image, sentence = read_image(file.read(), CARD, name)
    assert image.shape == (1, 28, 28) and image.float().std() > 10 and "DICOM" in sentence


def test_broken_dicom_files_get_a_sentence(monkeypatch):
    whole = dicom(ramp())
    for wrong, words in (
        (whole[:-200], "no whole DICOM file"),
        (whole[:140], "DICOM file"),
        (whole[:132], "DICOM file"),
        (dicom(ramp(), Rows=40), "no whole DICOM file"),
        (dicom(ramp(), Rows=60000, Columns=60000), "can be read"),
        (dicom(ramp(), NumberOfFrames=1000), "no whole DICOM file"),
        (dicom(ramp(), PixelData=None), "without an image|no whole DICOM file"),
        (dicom(ramp(), DeflatedExplicitVRLittleEndian), "packed as a whole"),
    ):
        with pytest.raises(InputError, match=words):
            read_image(wrong, CARD)
    no_pixels = pydicom.dcmread(io.BytesIO(whole))
    del no_pixels.PixelData
    buffer = io.BytesIO()
    no_pixels.save_as(buffer)
    with pytest.raises(InputError, match="without an image"):
        read_image(buffer.getvalue(), CARD)
    packed = pydicom.dcmread(io.BytesIO(whole))
    packed.file_meta.TransferSyntaxUID = MPEG2MPML  # which no reader of pixels unpacks
    packed.PixelData = pydicom.encaps.encapsulate([b"abcd"])
    packed["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    packed.save_as(buffer)
    with pytest.raises(InputError, match=r"is compressed \(MPEG2 .* export it uncompressed"):
        read_image(buffer.getvalue(), CARD)
    with pytest.raises(InputError, match="holds volumes"):
        read_image(whole, mt.data.card("nodulemnist3d"))


# NIfTI ----------------------------------------------------------------------------------------


def head():
    """float32 (28, 28, 9) from left to right, back to front, below to above: bright on the right and in front."""
    x, y, z = np.meshgrid(range(28), range(28), range(9), indexing="ij")
    return (x + 3 * y + 100 * (z == 4)).astype(np.float32)


def test_the_middle_slice_of_a_nifti_file(tmp_path):
    for name in ("scan.nii", "scan.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(head(), np.eye(4)), tmp_path / name)
        image, sentence = read_image(tmp_path / name, CARD)
        rows = head()[::-1, ::-1, 4].T
        expected = ((rows - rows.min()) / (rows.max() - rows.min()) * 255).round()
        assert np.array_equal(image[0], expected) and image[0, 0, 0] == 255  # in front, the patient's right
        assert sentence.startswith(f"{name} (28 x 28 pixels, NIfTI, grey, its levels spread from lowest to highest)")
        assert "its middle slice (5 of 9)" in sentence and "the patient's right on the left" in sentence


def test_axes_in_another_order_give_the_same_slice():
    expected = read_image(nifti(head()), CARD)[0]
    turned = head()[::-1].transpose(2, 0, 1)  # below to above, right to left, back to front
    affine = np.array([[0, -1, 0, 27], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], float)
    assert torch.equal(read_image(nifti(turned, affine), CARD)[0], expected)


def test_long_voxels_are_told():
    affine = np.diag([1.0, 2.0, 5.0, 1.0])
    assert "its pixels of 1 x 2 mm taken as squares" in read_image(nifti(head(), affine), CARD)[1]
    volumes = mt.data.card("nodulemnist3d")
    assert "its voxels of 1 x 2 x 5 mm taken as cubes" in read_image(nifti(head(), affine), volumes)[1]


def test_a_whole_volume_for_models_of_volumes():
    card = mt.data.card("nodulemnist3d")
    cube = np.random.default_rng(0).normal(size=(28, 28, 28)).astype(np.float32)
    image, sentence = read_image(nifti(cube), card, "lung.nii")
    assert np.array_equal(image[0], ((cube - cube.min()) / (cube.max() - cube.min()) * 255).round())
    assert "lung.nii (28 x 28 x 28 voxels, NIfTI, grey) was spread from its lowest to its highest" in sentence
    large = np.kron(np.arange(8).reshape(2, 2, 2), np.ones((28, 28, 28))).astype(np.int16)
    image, sentence = read_image(gzip.compress(nifti(large[:, :, :50])), card)
    assert image.shape == (1, 28, 28, 28) and image[0, 0, 0, 0] == 0 and image[0, -1, -1, -1] == 255
    assert "cut to its middle, resized to 28 x 28 x 28" in sentence
    with pytest.raises(InputError, match="holds volumes"):
        read_image(b"no picture", card)


def test_broken_nifti_files_get_a_sentence(monkeypatch):
    whole = nifti(head())
    odd = head()
    odd[3, 3, 4] = np.nan
    for wrong, words in (
        (whole[:-9], "no whole NIfTI"),
        (whole[:352], "no whole NIfTI"),
        (gzip.compress(whole)[:-900], "NIfTI|cannot be read"),
        (nifti(odd), "NaN"),
        (nifti(np.zeros((4, 4, 4, 2), np.float32)), "4 axes"),
        (nifti(head(), kind=nibabel.Nifti2Image), "NIfTI"),
        (gzip.compress(b"no picture"), "cannot be read as a picture"),
    ):
        with pytest.raises(InputError, match=words):
            read_image(wrong, CARD)
    monkeypatch.setattr(own_scan, "VOXELS", 1000)
    with pytest.raises(InputError, match="at most 1,000 can be read"):
        read_image(whole, CARD)


def test_large_files_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(own_image, "LARGEST", 2**20)
    (tmp_path / "a.png").write_bytes(bytes(2**20 + 1))
    for file in (tmp_path / "a.png", bytes(2**20 + 1)):
        with pytest.raises(InputError, match="holds more than 1 MB"):
            read_image(file, CARD)


# Whether the model has seen the like ------------------------------------------------------------


@cache
def of_blobs(model="cnn", **options):
    dataset = mt.from_arrays(
        *[blobs(count, seed, **options) for seed, count in enumerate((48, 41, 20))], classes=["top", "bottom"]
    )
    recipe = mt.Recipe(epochs=3, batch_size=16)
    return mt.fit(mt.build(model, dataset), dataset, recipe, progress=False), dataset


@pytest.fixture
def explorer():
    return explore(*of_blobs())


def upload(control, name, content):
    if isinstance(control.value, dict):  # ipywidgets 7
        control.metadata, control.data = [{"name": name}], [content]
        control._counter += 1
    else:
        entry = {"name": name, "type": "", "size": len(content), "content": memoryview(content)}
        control.value = (entry | {"last_modified": __import__("datetime").datetime.now()},)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def said(explorer):
    return html.unescape(re.sub("<[^>]*>", "", explorer._likeness.value))


def test_a_validation_image_given_back_is_usual(explorer):
    assert said(explorer) == ""
    upload(explorer.upload, "same.png", png(of_blobs()[1].val.images[3, 0]))
    assert "no farther from the nearest validation image (0) than 95%" in said(explorer)
    usual = explorer._known.usual
    limit = float(torch.quantile(usual, 0.95))
    alarms = int((usual > limit).sum())
    assert f"(up to {limit:.3g}): nothing unusual" in said(explorer)
    assert f"{alarms} of the 41 validation images ({alarms / 41:.1%})" in said(explorer)
    assert 'role="status"' in explorer._likeness.value
    explorer.pages.next.click()
    assert said(explorer) == ""


def test_the_distances_are_those_of_brute_force(explorer):
    upload(explorer.upload, "same.png", png(of_blobs()[1].val.images[3, 0]))
    points = explorer._known.features.double().numpy()
    away = np.sqrt(((points[:, None] - points) ** 2).sum(2))
    np.fill_diagonal(away, np.inf)
    assert np.allclose(explorer._known.usual, away.min(1), atol=1e-4)


@pytest.mark.parametrize("strange", ["noise", "inverted"])
def test_what_the_model_has_not_seen_is_said_before_it_is_explained(explorer, strange):
    pixels = of_blobs()[1].val.images[3, 0].numpy()
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    upload(explorer.upload, "odd.png", png(noise if strange == "noise" else 255 - pixels))
    assert "farther from every validation image" in said(explorer) and "False alarms: " in said(explorer)
    still = explorer.still()
    assert said(explorer) in still.alt and still.alt.index("validation image") < still.alt.index("its map")
    assert "odd.png (16 x 16 pixels, grey) was taken as it is" in still.alt
    explorer.show(pixels)
    assert "nothing unusual" in said(explorer)


def test_the_explorer_takes_dicom_files(explorer):
    upload(explorer.upload, "own", dicom(ramp(), WindowCenter=40, WindowWidth=400))
    assert "windowed (centre 40, width 400), resized to 16 x 16" in explorer._note.value
    assert explorer.attribution is not None and "validation image" in said(explorer)
    upload(explorer.upload, "own", dicom(ramp())[:-50])
    assert "no whole DICOM file" in explorer.message.value


def test_many_validation_images_wait_for_a_button(explorer, monkeypatch):
    monkeypatch.setattr(attribution_cases, "AT_ONCE", 100)
    assert explorer.compare.layout.display == "none"
    explorer.show(of_blobs()[1].val.images[3])
    assert "press 'compare with the validation images'" in said(explorer) and explorer._known is None
    assert explorer.compare.layout.display != "none"
    explorer.compare.click()
    explorer.job.wait()
    assert "nothing unusual" in said(explorer) and explorer.compare.layout.display == "none"
    explorer.show(of_blobs()[1].val.images[4])
    assert "nothing unusual" in said(explorer)


def test_the_features_are_computed_once_and_anew_for_other_weights(monkeypatch):
    run, dataset = of_blobs()
    other = mt.build("cnn", dataset)
    run = replace(run, model=other)
    explorer, calls = explore(run, dataset), []
    known = familiar.known
    monkeypatch.setattr(attribution_cases, "known", lambda *given: calls.append(1) or known(*given))
    explorer.show(dataset.val.images[3])
    explorer.show(dataset.val.images[4])
    assert len(calls) == 1
    other.load_state_dict(of_blobs()[0].model.state_dict())
    explorer.show(dataset.val.images[3])
    assert len(calls) == 2 and "image (0)" in said(explorer)


def test_volumes_are_read_and_it_is_said_that_they_are_not_compared():
    run, dataset = of_blobs("mlp", depth=9)
    explorer = explore(run, dataset)
    assert explorer.upload_volume.layout.display != "none" == explorer.compare.layout.display[:4]
    upload(explorer.upload_volume, "own.nii", nifti(head()))
    assert "own.nii (28 x 28 x 9 voxels" in explorer._note.value and "cannot be said of volumes" in said(explorer)
    assert explorer.case.image.shape == (1, 9, 16, 16) and explorer.attribution is not None


class Pixels(torch.nn.Module):
    """One layer, which looks at the pixels: there are no features before it."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(256, 2)

    def forward(self, x):
        return self.head(x.flatten(1))


def test_a_model_without_features_of_its_own_says_so():
    run, dataset = of_blobs()
    explorer = explore(replace(run, model=Pixels()), dataset)
    explorer.show(dataset.val.images[3])
    assert "cannot be said: Pixels makes no features of its own before its last layer." in said(explorer)
    assert explorer.attribution is not None


@pytest.mark.parametrize("model", ["mlp", "vit", "resnet18"])
def test_other_models_have_features(model):
    run, dataset = of_blobs()
    found = familiar.known(replace(run, model=mt.build(model, dataset)), dataset.val.images)
    assert found.features.shape[0] == 41 and found.features.dim() == 2 and (found.usual > 0).all()


def test_the_same_features_for_all_tell_nothing():
    assert "cannot be said" in likeness(1.0, torch.zeros(30))
    with pytest.raises(InputError, match="fewer than two images"):
        familiar.known(of_blobs()[0], of_blobs()[1].val.images[:1])
