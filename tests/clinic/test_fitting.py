"""What a run gets against what it was trained on: a sentence, or a refusal; and the way back to the file's grid."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_voi_lut

import medtutor as mt
from medtutor.clinic import as_input, read_images
from medtutor.clinic.fitting import levels
from medtutor.clinic.pixel_values import windowed
from medtutor.clinic.resampling import centred, placed, resized, window
from medtutor.data import card
from medtutor.data.sources.nifti import SHAPE, fit, grey_levels
from medtutor.errors import InputError
from medtutor.explanation.familiar import known

from .made import PLANTED, from_ras, series_of, slice_of

rng = np.random.default_rng(1)


def untrained(name, model="mlp"):
    return mt.Run(mt.build(model, card(name)), card(name), mt.Recipe(), "phantom")


def cr(pixels, **more):
    made = slice_of(np.asarray(pixels, np.uint16), modality="CR")
    for name, value in more.items():
        setattr(made, name, value)
    return read_images(made)


def test_an_image_of_the_set_s_own_size_is_given_as_it_is(xray):
    run, dataset = xray
    image = dataset.test.images[0]
    found = as_input(cr(image[0].numpy(), WindowCenter=128, WindowWidth=256), run)
    assert torch.equal(found.images[0], image)
    wide = cr(image[0].numpy().astype(int) * 16, WindowCenter=2048, WindowWidth=4096)
    assert (as_input(wide, run).images.int() - image.int()).abs().max() <= 1


def test_another_modality_is_refused_and_an_unsaid_one_said(xray):
    run, _ = xray
    for modality in ("CT", "MR", "US"):
        made = slice_of(rng.integers(0, 99, (30, 30)).astype(np.uint16), modality="CR")
        made.Modality = modality
        with pytest.raises(InputError, match=f"modality {modality}.*chest X-ray"):
            as_input(read_images(made), run)
    made.Modality = "OT"
    assert any("does not say what made" in sentence for sentence in as_input(read_images(made), run).sentences)


def test_sets_that_no_scanner_writes_are_refused():
    with pytest.raises(InputError, match="no scanner"):
        as_input(
            read_images(series_of(np.ones((4, 4, 4), np.int16) + np.eye(4, dtype=np.int16))),
            untrained("adrenalmnist3d", "cnn"),
        )


def test_another_part_of_the_body_is_said(xray):
    pixels = rng.integers(0, 99, (30, 30))
    said = as_input(cr(pixels, BodyPartExamined="FOOT"), xray[0]).sentences
    assert any("another part of the body" in sentence for sentence in said)
    assert not any("another part" in each for each in as_input(cr(pixels, BodyPartExamined="CHEST"), xray[0]).sentences)


def test_constant_images_are_refused(xray):
    with pytest.raises(InputError, match="one value throughout"):
        as_input(cr(np.full((30, 30), 7)), xray[0])


def test_an_image_is_cut_and_never_stretched(xray):
    pixels = np.zeros((100, 200))
    pixels[:, 50:150] = rng.integers(1, 255, (100, 100))
    found = as_input(cr(pixels), xray[0])
    assert any("50% of the image" in sentence for sentence in found.sentences)
    # Pixels twice as high as wide: 100 rows are as long as 200 columns.
    found = as_input(cr(pixels, ImagerPixelSpacing=[2, 1]), xray[0])
    assert any("made square" in sentence for sentence in found.sentences)
    assert not any("cut off" in sentence for sentence in found.sentences)


def test_ct_is_windowed_in_hounsfield_units():
    reading = read_images(get_testdata_file("CT_small.dcm", download=False))
    run = untrained("organamnist")
    grey, words = levels(reading, run)
    assert np.array_equal(grey[0, 0], windowed(reading.frames[0], (40, 400))) and "HU" in words[-1]


@pytest.mark.parametrize("curve", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_are_those_of_pydicom_on_0_to_255(curve):
    """pydicom's apply_voi_lut answers over the whole stored range, not 0…255."""
    made = slice_of(rng.integers(0, 4000, (16, 16)).astype(np.uint16), modality="CR")
    made.WindowCenter, made.WindowWidth, made.VOILUTFunction = 1000, 500, curve
    theirs = apply_voi_lut(made.pixel_array, made)
    assert theirs.max() > 60000
    ours = windowed(made.pixel_array, (1000, 500), curve)
    assert np.abs(theirs * (255 / 65535) - ours).max() <= 0.51


def test_padding_does_not_count():
    made = slice_of(np.full((32, 32), 100, np.int16) + np.arange(32, dtype=np.int16), modality="MR")
    pixels = made.pixel_array.copy()
    pixels[:8] = -2000
    made.PixelData, made.PixelPaddingValue = pixels.tobytes(), -2000
    run = untrained("breastmnist")
    run = replace(run, card=replace(run.card, modality="brain MRI"))
    grey, words = levels(read_images(made), run)
    assert grey[0, 0, 8:].min() == 0 and grey.max() == 255 and "25% of the pixels are padding" in words[0]


def test_colours_to_grey_and_grey_to_colours():
    loop = read_images(get_testdata_file("examples_ybr_color.dcm", download=False))
    found = as_input(loop, untrained("breastmnist"))
    assert found.images.shape == (30, 1, 28, 28)
    assert any("converted to grey" in sentence for sentence in found.sentences)
    grey = as_input(cr(rng.integers(0, 99, (30, 30)), Modality="XC"), untrained("dermamnist"))
    assert grey.images.shape == (1, 3, 28, 28) and any("grey; the run" in each for each in grey.sentences)


def test_clips_and_volumes():
    loop = read_images(get_testdata_file("examples_ybr_color.dcm", download=False))
    found = as_input(loop, untrained("cine_filling", "lstm"))
    assert found.images.shape == (1, 16, 1, 28, 28) and "16 of 30 frames" in found.sentences[-1]
    with pytest.raises(InputError, match="one image"):
        as_input(cr(rng.integers(0, 9, (30, 30)), Modality="MR"), untrained("cine_filling", "lstm"))
    volume = read_images(series_of(rng.integers(0, 999, (40, 30, 30)).astype(np.int16), modality="CT"))
    assert as_input(volume, untrained("organmnist3d", "cnn")).images.shape == (1, 1, 28, 28, 28)
    with pytest.raises(InputError, match="do not lie one above"):
        as_input(read_images(get_testdata_file("CT_small.dcm", download=False)), untrained("organmnist3d", "cnn"))


def test_what_is_unlike_the_validation_images_is_said(xray):
    run, dataset = xray
    found = known(run, dataset.val.images)
    usual = as_input(cr(dataset.test.images[0, 0].numpy(), WindowCenter=128, WindowWidth=256), run, found)
    assert usual.unusual is not None and len(usual.unusual) == 1
    noise = cr(rng.integers(0, 2, (28, 28)) * 255, WindowCenter=128, WindowWidth=256)
    odd = as_input(noise, run, found)
    assert odd.unusual.tolist() == [True] and "out of distribution" in odd.sentences[-1]


# --- hippocampus --------------------------------------------------------------------------


def as_series(volume, order, spacing=(1.0, 1.0, 1.0)):
    frames, directions = from_ras(volume, order)
    return series_of(np.ascontiguousarray(frames).astype(np.uint16), directions, spacing)


@pytest.mark.parametrize("order", ["axial", "sagittal"])
def test_a_volume_is_turned_as_the_hippocampus_set_lies(hippocampus, order):
    """However the scanner sliced it: the run is given what its own set would hold."""
    run, (image, _) = hippocampus
    small = image[4:-4, 3:-3, 2:-2]
    found = as_input(read_images(as_series(small.astype(int) * 8, order)), run)
    expected = fit(grey_levels(small.astype(np.float32), "it"))
    assert found.images.shape == (48, 1, 56, 40)
    assert (found.images[:, 0].int() - torch.from_numpy(expected).int()).abs().max() <= 1
    # And back to the frames of the series: an indicator of place returns to its place.
    chances = np.zeros((48, 3, 56, 40), np.float32)
    inner = tuple(slice((want - have) // 2, (want - have) // 2 + have) for want, have in zip(SHAPE, small.shape))
    indicator = rng.random(small.shape).astype(np.float32)
    for c, value in ((0, 1 - indicator), (1, indicator)):
        cube = np.full(SHAPE, float(c == 0), np.float32)
        cube[inner] = value
        chances[:, c] = cube
    back = found.back(chances)
    assert np.allclose(back[1], from_ras(indicator, order)[0]) and np.allclose(back.sum(axis=0), 1)


def test_voxels_of_another_size_are_resampled_and_said(hippocampus):
    run, (image, _) = hippocampus
    coarse = as_input(read_images(as_series(image[:, :, ::3], "axial", (3.0, 1.0, 1.0))), run)
    assert coarse.images.shape == (48, 1, 56, 40)
    assert any("resampled to 1 mm" in sentence for sentence in coarse.sentences)
    assert any("up to 3 mm long" in sentence for sentence in coarse.sentences)
    large = as_input(read_images(as_series(np.pad(image, 10), "axial")), run)
    assert any("only the middle was looked at" in sentence for sentence in large.sentences)


def test_what_is_no_volume_in_space_is_refused(hippocampus):
    run, _ = hippocampus
    with pytest.raises(InputError, match="MRI volumes"):
        as_input(read_images(slice_of(rng.integers(0, 9, (40, 40)).astype(np.uint16))), run)
    with pytest.raises(InputError, match="modality CT"):
        as_input(read_images(series_of(rng.integers(0, 9, (8, 40, 40)).astype(np.uint16), modality="CT")), run)


# --- steps ------------------------------------------------------------------------------


def test_steps_come_back():
    volume = rng.random((10, 60, 38)).astype(np.float32)
    step = centred(volume.shape, SHAPE, lambda array: fit(array, 0))
    back = step.back(step.there(volume)[None])[0]
    assert np.array_equal(back[:, 2:58], volume[:, 2:58])  # of 60 rows the model sees the middle 56
    assert (back[:, :2] == 1).all()  # the rest is background
    smooth = np.fromfunction(lambda i, j: i + 2 * j, (20, 30))
    step = resized((20, 30), (40, 60))
    assert np.abs(step.back(step.there(smooth)[None])[0] - smooth)[2:-2, 2:-2].max() < 0.5
    whole = placed(np.ones((2, 4, 4), np.float32), (4, 8), window((4, 8), (1, 1), (2, 2)))
    assert whole[0].sum() == 32 and whole[1].sum() == 16


def test_no_sentence_names_the_patient(xray):
    made = slice_of(rng.integers(0, 99, (30, 50)).astype(np.uint16), modality="CR")
    made.BodyPartExamined = "PLANTED-ID-4711"
    said = " ".join(as_input(read_images(made), xray[0]).sentences)
    assert not any(name in said for name in PLANTED)
