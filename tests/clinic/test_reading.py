"""DICOM and NIfTI in one convention, held against SimpleITK, nibabel and MONAI on the same files."""

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from monai.transforms import LoadImage
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale

from medtutor.clinic import read_images
from medtutor.clinic.pixel_values import windowed
from medtutor.clinic.resampling import off_axis, to_ras
from medtutor.errors import InputError

from .made import AXIAL, OBLIQUE, PLANTED, SAGITTAL, as_bytes, from_ras, saved, series_of, slice_of

NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"
rng = np.random.default_rng(0)
VOLUME = rng.integers(0, 2000, (6, 8, 10)).astype(np.int16)


def file(name):
    return get_testdata_file(name, download=False)


def itk_affine(image):
    """SimpleITK's place of a voxel (frame, row, column), LPS."""
    affine = np.eye(4)
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, :3], affine[:3, 3] = axes[:, ::-1], image.GetOrigin()
    return affine


def itk_series(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


# --- values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "693_J2KI.dcm"]
)
def test_values_are_those_of_simpleitk(name):
    """Rescaled, and decoded from compressed forms."""
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(file(name)))
    assert np.array_equal(read_images(file(name)).frames, theirs.astype(np.float32))


def test_compressed_forms_hold_the_same_pixels():
    plain = read_images(file("MR_small.dcm")).frames
    for name in ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"):
        assert np.array_equal(read_images(file(name)).frames, plain), name


def test_monochrome1_is_inverted_within_its_stored_bits_as_simpleitk_does(tmp_path):
    """Trained with one reader and served with another, an X-ray would be a negative: pydicom leaves it as it is."""
    pixels = rng.integers(0, 1000, (8, 10)).astype(np.uint16)
    made = slice_of(pixels, modality="CR")
    made.PhotometricInterpretation, made.BitsStored, made.HighBit = "MONOCHROME1", 12, 11
    made.WindowCenter, made.WindowWidth = 300, 200
    made.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    reading = read_images(tmp_path / "x.dcm")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "x.dcm")))
    assert np.array_equal(reading.frames, theirs.astype(np.float32))
    assert np.array_equal(reading.frames[0], 4095 - pixels.astype(np.float32))
    # The window is turned round with the values: what was at its dark end is at its bright end.
    straight = windowed(pixels, (300, 200))
    assert np.array_equal(windowed(reading.frames[0], reading.window), 255 - straight)
    assert any("MONOCHROME1" in sentence for sentence in reading.sentences)


def enhanced(slopes=((2.0, -1000.0), (2.0, -1000.0)), positions=((0, 0, 5), (0, 0, 0))):
    """A multi-frame file whose rescale and places stand in functional groups, upper slice first."""
    pixels = np.stack([np.full((8, 8), 10 * k + 1, np.uint16) for k in range(len(positions))])
    made = slice_of(pixels[0], modality="CT")
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(made, name)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    made.NumberOfFrames = len(positions)
    made.PixelData = pixels.tobytes()

    def item(**values):
        group = Dataset()
        for name, value in values.items():
            setattr(group, name, value)
        return group

    made.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.5], SliceThickness=5)],
        )
    ]
    made.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=list(map(float, position)))],
            PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="HU")],
        )
        for position, (slope, intercept) in zip(positions, slopes)
    ]
    return made


def test_an_enhanced_file_is_rescaled_and_sorted():
    """pydicom's apply_rescale leaves it as it is, without a word."""
    made = enhanced()
    assert np.array_equal(apply_rescale(made.pixel_array, made), made.pixel_array)
    reading = read_images(made)
    assert reading.kind == "volume" and reading.units == "HU" and reading.spacing == (5.0, 0.5, 0.5)
    assert reading.frames[:, 0, 0].tolist() == [2 * 11 - 1000, 2 * 1 - 1000]  # lower slice first
    assert [frame for _, frame in reading.instances] == [2, 1]


def test_slopes_of_each_frame():
    reading = read_images(enhanced(slopes=((2.0, 0.0), (0.5, 0.0))))
    assert reading.frames[:, 0, 0].tolist() == [5.5, 2.0]


def test_a_pet_keeps_fractions_and_large_values(tmp_path):
    """With slope 1 on the first slice SimpleITK keeps int16: it cuts fractions and wraps."""
    slices = series_of(np.full((3, 4, 4), 30000, np.int16), modality="MR")
    for slope, made in zip((1.0, 2.750067, 0.0003), slices):
        made.Modality, made.Units, made.RescaleSlope, made.RescaleIntercept = "PT", "BQML", slope, 0
    reading = read_images(slices)
    assert reading.units == "BQML"
    assert np.allclose(reading.frames[:, 0, 0], [30000, 82502.01, 9.0])


def test_what_old_files_keep_above_the_stored_bits_is_no_grey():
    pixels = (np.arange(64, dtype=np.uint16).reshape(8, 8)) | 0x8000  # an overlay in the highest bit
    made = slice_of(pixels, modality="CR")
    made.BitsStored, made.HighBit = 12, 11
    assert read_images(made).frames.max() == 63


def test_colours_are_rgb_whatever_the_file_says():
    """pydicom's pixel_array of a YBR loop is RGB while the tag still says YBR."""
    reading = read_images(file("examples_ybr_color.dcm"))
    assert reading.frames.shape == (30, 240, 320, 3) and reading.kind == "frames" and reading.colour
    rgb = read_images(file("SC_rgb_small_odd.dcm")).frames
    assert rgb.max() <= 255 and rgb.min() >= 0
    assert read_images(file("examples_palette.dcm")).frames.shape[-1] == 3


def test_values_that_are_no_numbers_are_refused():
    made = slice_of(np.zeros((8, 8), np.int16))
    del made.PixelData
    made.BitsAllocated, made.FloatPixelData = 32, np.full((8, 8), np.nan, np.float32).tobytes()
    for name in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, name)
    with pytest.raises(InputError, match="NaN"):
        read_images(made)
    made = slice_of(np.ones((8, 8), np.int16))
    made.RescaleSlope, made.RescaleIntercept = 0, 5
    with pytest.raises(InputError, match="slope"):
        read_images(made)


# --- places ----------------------------------------------------------------------------


@pytest.mark.parametrize("directions", [AXIAL, SAGITTAL, OBLIQUE], ids=["axial", "sagittal", "oblique"])
def test_a_series_lies_where_simpleitk_and_monai_have_it(directions, tmp_path):
    folder = saved(series_of(VOLUME, directions, (2.5, 0.7, 0.6)), tmp_path / "series")
    reading = read_images(folder)
    theirs = itk_series(folder)
    assert np.array_equal(reading.frames, sitk.GetArrayFromImage(theirs).astype(np.float32))
    assert np.allclose(reading.affine, itk_affine(theirs), atol=1e-4)
    assert np.allclose(reading.spacing, (2.5, 0.7, 0.6))
    loaded = LoadImage(reader="PydicomReader", image_only=True)(str(folder))  # (column, row, frame), RAS
    assert np.array_equal(reading.frames, np.asarray(loaded).transpose(2, 1, 0))
    ras = np.diag([-1, -1, 1, 1]) @ reading.affine[:, [2, 1, 0, 3]]
    assert np.allclose(ras, np.asarray(loaded.affine), atol=1e-4)
    assert len(reading.instances) == 6 and reading.instances[0][0].endswith(".1")


@pytest.mark.parametrize("name", ["example4d.nii.gz", "anatomical.nii", "functional.nii"])
def test_nifti_lies_where_nibabel_and_simpleitk_have_it(name, tmp_path):
    source = nibabel.load(NIBABEL / name)
    array = np.asarray(source.dataobj)
    array = array[..., 0] if array.ndim == 4 else array
    affine = source.affine.copy()
    made = nibabel.Nifti1Image(array.astype(np.float32), affine)
    made.set_qform(affine, 1)
    made.set_sform(affine, 1)
    nibabel.save(made, tmp_path / "a.nii.gz")
    reading = read_images(tmp_path / "a.nii.gz")
    assert np.array_equal(reading.frames, array.astype(np.float32).transpose(2, 1, 0))
    assert np.allclose(np.diag([-1, -1, 1, 1]) @ reading.affine[:, [2, 1, 0, 3]], affine, atol=1e-3)
    theirs = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    assert np.allclose(itk_affine(theirs), reading.affine, atol=2e-2)
    assert np.array_equal(sitk.GetArrayFromImage(theirs), reading.frames)


def test_nifti_with_two_places_is_said(tmp_path):
    """nibabel takes the sform, SimpleITK the qform: image and mask would be shifted against each other."""
    made = nibabel.Nifti1Image(VOLUME, np.eye(4))
    moved = np.eye(4)
    moved[0, 3] = 12
    made.set_sform(moved, 2)
    made.set_qform(np.eye(4), 1)
    nibabel.save(made, tmp_path / "a.nii")
    reading = read_images(tmp_path / "a.nii")
    assert any("two places" in sentence and "12 mm" in sentence for sentence in reading.sentences)
    assert reading.position.tolist() == [-12, 0, 0]
    assert sitk.ReadImage(str(tmp_path / "a.nii")).GetOrigin()[0] == 0


def test_nifti_without_a_place_and_in_metres(tmp_path):
    made = nibabel.Nifti1Image(VOLUME, None)
    made.header.set_zooms((1, 2, 3))
    nibabel.save(made, tmp_path / "a.nii")
    reading = read_images(tmp_path / "a.nii")
    assert reading.affine is None and reading.spacing == (3, 2, 1) and "does not say where" in reading.sentences[0]
    made = nibabel.Nifti1Image(VOLUME, np.diag([0.001, 0.002, 0.003, 1]))
    made.header.set_xyzt_units("meter")
    nibabel.save(made, tmp_path / "b.nii")
    assert np.allclose(read_images(tmp_path / "b.nii").spacing, (3, 2, 1))


def test_one_volume_as_dicom_and_as_nifti_lies_at_one_place(tmp_path):
    ras = rng.integers(0, 1000, (6, 8, 10)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(ras, np.eye(4)), tmp_path / "a.nii")
    nifti = read_images(tmp_path / "a.nii")
    for order in ("axial", "sagittal"):
        frames, directions = from_ras(ras, order)
        reading = read_images(series_of(np.ascontiguousarray(frames), directions))
        for each in (reading, nifti):
            step, sizes = to_ras(each.affine)
            assert np.array_equal(step.there(each.frames), ras)
            assert np.allclose(sizes, 1)
            # And back: the same array, with an axis for classes.
            assert np.array_equal(step.back(ras[None].astype(np.float32))[0], each.frames)


def test_axes_are_put_in_order_as_nibabel_puts_them(tmp_path):
    for directions in (AXIAL, SAGITTAL, OBLIQUE):
        reading = read_images(series_of(VOLUME, directions, (2.5, 0.7, 0.6)))
        ras = np.diag([-1.0, -1, 1, 1]) @ reading.affine
        theirs = nibabel.as_closest_canonical(nibabel.Nifti1Image(reading.frames, ras))
        step, sizes = to_ras(reading.affine)
        assert np.array_equal(step.there(reading.frames), theirs.get_fdata(dtype=np.float32))
        assert np.allclose(sizes, theirs.header.get_zooms())
    assert off_axis(reading.affine) > 10


# --- what is no series ------------------------------------------------------------------


def refused(datasets, match):
    with pytest.raises(InputError, match=match) as error:
        read_images(datasets)
    assert not any(name in str(error.value) for name in PLANTED)


def test_a_missing_slice_is_refused():
    """SimpleITK warns only, and gives the mean spacing."""
    slices = series_of(VOLUME)
    refused(slices[:2] + slices[3:], "1 slices are missing, the first between slices 2 and 3")


def test_two_slices_at_one_place_are_refused_and_copies_left_out():
    slices = series_of(VOLUME)
    other = slice_of(VOLUME[0] + 1, 99, (-10, 20, 30))
    refused([*slices, other], "where another lies")
    reading = read_images([*slices, slices[2]])
    assert len(reading.frames) == 6 and "1 files are copies" in reading.sentences[0]
    liar = slice_of(VOLUME[0] + 1, 1, (-10, 20, 90))  # the UID of the first, other pixels
    refused([*slices, liar], "call themselves the same instance")


def test_uneven_slices_are_refused_or_said():
    slices = series_of(VOLUME)
    slices[3].ImagePositionPatient[2] += 0.3
    refused(slices, "distances between slices run from")
    slices[3].ImagePositionPatient[2] -= 0.27
    reading = read_images(slices)
    assert any("varies from" in sentence for sentence in reading.sentences)
    tilted = series_of(VOLUME)
    for k, each in enumerate(tilted):
        each.ImagePositionPatient[1] += 0.2 * k
    reading = read_images(tilted)
    assert any("aside" in sentence for sentence in reading.sentences)
    assert np.allclose(reading.affine[:3, 0], [0, 0.2, 1])


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("SeriesInstanceUID", "1.2.3", "2 series"),
        ("PatientID", "other", "2 patients"),
        ("Modality", "CT", "2 modalities"),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, -1], "several directions"),
        ("PixelSpacing", [2, 2], "different distances"),
        ("ImageOrientationPatient", None, "do not say where"),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "cannot be"),
        ("Rows", 4, "2 sizes"),
    ],
)
def test_mixed_series_are_refused(name, value, match):
    slices = series_of(VOLUME)
    setattr(slices[3], name, value)
    refused(slices, match)


def test_a_folder_with_other_files_and_one_broken(tmp_path):
    folder = saved(series_of(VOLUME), tmp_path / "Plantedname_Anna")
    (folder / "notes.txt").write_text("hello")
    shutil.copy(file("reportsi.dcm"), folder / "report.dcm")
    assert "2 other files in the folder were left out" in read_images(folder).sentences
    (folder / "zz_Plantedname.dcm").write_bytes(as_bytes(slice_of(VOLUME[0]))[:-40])
    refused(folder, "1 of the folder's files cannot be read, file 9 of 9")
    with pytest.raises(InputError, match="no DICOM image"):
        (tmp_path / "empty").mkdir()
        read_images(tmp_path / "empty")


def test_what_is_said_names_nobody():
    reading = read_images(series_of(VOLUME))
    assert not any(name in " ".join(reading.sentences) + repr(reading.spacing) for name in PLANTED)
    assert "PixelData" not in reading.sources[0]
    assert not any(name in repr(reading) for name in PLANTED)


def test_spacing_of_an_xray_is_that_on_the_detector():
    made = slice_of(VOLUME[0].astype(np.uint16), modality="CR")
    assert read_images(made).spacing == (None, None, None)
    made.ImagerPixelSpacing = [0.2, 0.1]
    reading = read_images(made)
    assert reading.spacing == (None, 0.2, 0.1) and "on the detector" in reading.sentences[0]
