"""A run on files: standard objects that independent readers take, valid, the same again, and nobody's name said."""

import json
import logging
import warnings

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from pydicom.data import get_testdata_file

import medtutor as mt
from medtutor.clinic import process, read_images
from medtutor.clinic.uids import as_bytes, model_hash, weights_hash
from medtutor.data import card
from medtutor.data.sources.nifti import fit, grey_levels
from medtutor.errors import InputError

from .made import OBLIQUE, PLANTED, from_ras, saved, series_of, slice_of
from .made import as_bytes as file_of

rng = np.random.default_rng(2)


def cr(pixels, number=1, **more):
    made = slice_of(np.asarray(pixels, np.uint16), number, modality="CR", series="5")
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.fixture(scope="module")
def of_xray(xray):
    run, dataset = xray
    image = dataset.test.images[0, 0].numpy().astype(int) * 16
    return process(run, cr(image, WindowCenter=2048, WindowWidth=4096)), run, dataset


@pytest.fixture(scope="module")
def scan(hippocampus):
    """An axial series of a drawn hippocampus, and its true mask on the frames."""
    _, (image, mask) = hippocampus
    frames, directions = from_ras(image.astype(np.uint16) * 8)
    return series_of(np.ascontiguousarray(frames), directions, (1.0, 1.0, 1.0)), from_ras(mask)[0]


@pytest.fixture(scope="module")
def of_scan(hippocampus, scan):
    return process(hippocampus[0], scan[0])


def write(objects, folder):
    paths = []
    for each in objects:
        paths.append(folder / f"{each.Modality}.dcm")
        paths[-1].write_bytes(as_bytes(each))
    return paths


# --- the answer -------------------------------------------------------------------------


def test_an_answer_is_the_run_s_own(of_xray):
    found, run, dataset = of_xray
    own = run.predict(dataset.test.images[:1]).numpy()
    assert np.abs(found.answers - own).max() < 0.02
    assert [each.value for each in found.measured] == [round(float(p), 4) for p in found.answers[0]]
    assert [each.finding.meaning for each in found.measured] == ["Normal", "Pneumonia"]
    assert [each.Modality for each in found.objects] == ["SR", "OT"]


def test_masks_lie_on_the_frames_of_the_series(hippocampus, of_scan):
    """They are those of the volume as the run's own set would hold it, turned to the slices of the scanner."""
    run, (image, _) = hippocampus
    grey = fit(grey_levels(image.astype(np.float32) * 8, "it"))
    own = run.predict(torch.from_numpy(grey)[:, None]).argmax(dim=1).numpy()
    assert np.array_equal(from_ras(own)[0], of_scan.masks)
    assert set(np.unique(own)) == {0, 1, 2}
    assert [each.Modality for each in of_scan.objects] == ["SEG", "SR", "OT"]
    assert [each.value for each in of_scan.measured] == [float((of_scan.masks == n).sum()) for n in (1, 2)]


@pytest.mark.parametrize("order", ["axial", "sagittal"])
def test_left_and_right_stay(hippocampus, order):
    """One volume cut in two ways has one mask, and lies at one place."""
    run, (image, _) = hippocampus
    frames, directions = from_ras(image.astype(np.uint16) * 8, order)
    found = process(run, series_of(np.ascontiguousarray(frames), directions), picture=False)
    axial = from_ras(image.astype(np.uint16) * 8)
    other = process(run, series_of(np.ascontiguousarray(axial[0]), axial[1]), picture=False)
    ras = (
        found.masks.transpose(0, 2, 1)[:, ::-1, ::-1]
        if order == "sagittal"
        else found.masks.transpose(2, 1, 0)[::-1, ::-1]
    )
    assert np.array_equal(from_ras(ras)[0], other.masks)


def test_nifti_has_no_dicom_objects(hippocampus, tmp_path):
    import nibabel

    run, (image, _) = hippocampus
    nibabel.save(nibabel.Nifti1Image(image.astype(np.int16), np.eye(4)), tmp_path / "a.nii")
    found = process(run, tmp_path / "a.nii")
    assert found.objects == [] and found.masks.shape == (40, 56, 48) and len(found.measured) == 2
    assert "imagingStudy" not in found.fhir["entry"][0]["resource"]


# --- valid ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_dciodvfy_finds_no_error(tool, tmp_path, hippocampus, scan, of_xray, kind):
    objects = process(hippocampus[0], scan[0], kind=kind).objects
    for path in write([*objects, *of_xray[0].objects[:1]], tmp_path):
        checked = tool("dciodvfy", path)
        assert checked.returncode == 0 and "Error" not in checked.stderr, checked.stderr
    for path in write(of_xray[0].objects[1:], tmp_path):
        assert "Error" not in tool("dciodvfy", path).stderr


@pytest.mark.parametrize("name", ["CT_small.dcm", "693_J2KI.dcm"])
def test_dciodvfy_finds_no_error_about_a_real_file(tool, tmp_path, name):
    ct = card("organamnist")
    run = mt.Run(mt.build("mlp", ct, seed=0), ct, mt.Recipe(), "phantom")
    for path in write(process(run, get_testdata_file(name, download=False)).objects, tmp_path):
        checked = tool("dciodvfy", path)
        assert "Error" not in checked.stderr, checked.stderr


def test_every_object_says_what_it_is(of_scan, of_xray, hippocampus):
    for run, found in ((hippocampus[0], of_scan), (of_xray[1], of_xray[0])):
        for each in found.objects:
            text = as_bytes(each).decode("latin-1")
            assert "NOT FOR CLINICAL USE" in text and weights_hash(run) in text and mt.__version__ in text
            assert "PHANTOM" in text  # the run was trained on drawn images
            assert each.SeriesDescription.endswith("NOT FOR CLINICAL USE")
        said = json.dumps(found.fhir)
        assert "NOT FOR CLINICAL USE" in said and weights_hash(run) in said and '"preliminary"' in said


# --- independent readers -----------------------------------------------------------------


def test_a_binary_seg_through_dcmqi(tool, tmp_path, of_scan):
    """Its masks are ours, at our place; only slices with frames are there."""
    path = write(of_scan.objects[:1], tmp_path)[0]
    done = tool("segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "--outputType", "nii")
    assert done.returncode == 0, done.stderr
    for number in (1, 2):
        assert np.array_equal(on_our_grid(tmp_path / f"{number}.nii.gz", of_scan.reading) > 0, of_scan.masks == number)


def on_our_grid(path, reading):
    """A volume of a file, (N, H, W), at the places of a reading's pixels."""
    ours = sitk.GetImageFromArray(np.zeros(reading.frames.shape, np.uint8))
    ours.SetOrigin(reading.position.tolist())
    ours.SetSpacing(reading.spacing[::-1])
    ours.SetDirection(reading.orientation[:, ::-1].flatten().tolist())
    theirs = sitk.ReadImage(str(path))
    return sitk.GetArrayFromImage(sitk.Resample(theirs, ours, sitk.Transform(), sitk.sitkNearestNeighbor))


def test_a_seg_through_pydicom_frame_by_frame(of_scan):
    """highdicom writes frames from above to below: each names its source, so order is no matter."""
    seg = pydicom.dcmread(pydicom.filebase.DicomBytesIO(as_bytes(of_scan.objects[0])))
    place = {uid: k for k, (uid, _) in enumerate(of_scan.reading.instances)}
    masks, heights = np.zeros_like(of_scan.masks), []
    for frame, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence):
        uid = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        masks[place[uid]][frame > 0] = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        heights.append(float(group.PlanePositionSequence[0].ImagePositionPatient[2]))
    assert np.array_equal(masks, of_scan.masks)
    first = [h for h, g in zip(heights, seg.PerFrameFunctionalGroupsSequence)]
    assert first != sorted(first)
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == 1.0


def test_the_spacing_is_what_the_positions_say_and_odd_columns_are_said(hippocampus, scan):
    slices = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(file_of(each))) for each in scan[0][:20]]
    for each in slices:
        each.SpacingBetweenSlices = 7.5  # a lie that readers would believe
    found = process(hippocampus[0], scan[0][:20], picture=False)
    assert not any("multiple of 8" in sentence for sentence in found.sentences)
    for each in slices:
        each.Rows, each.Columns = 64, 42
    found = process(hippocampus[0], slices, picture=False)
    assert any("multiple of 8" in sentence for sentence in found.sentences)
    measures = found.objects[0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == 1.0


def test_simpleitk_reads_a_binary_seg_as_0_and_255_stacked(of_scan, tmp_path):
    """So it is not for Dice: one slice for each frame of each segment, 1.0 apart."""
    path = write(of_scan.objects[:1], tmp_path)[0]
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert set(np.unique(theirs)) == {0, 255}
    assert len(theirs) == int(of_scan.objects[0].NumberOfFrames) != len(of_scan.masks)


def test_a_fractional_seg_holds_probabilities(hippocampus, scan, tool, tmp_path):
    found = process(hippocampus[0], scan[0], kind="FRACTIONAL", picture=False)
    seg = found.objects[0]
    assert seg.SegmentationType == "FRACTIONAL" and seg.MaximumFractionalValue == 255
    path = write([seg], tmp_path)[0]
    assert (
        tool("segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "--outputType", "nii").returncode
        == 0
    )
    image = hippocampus[1][0]
    grey = fit(grey_levels(image.astype(np.float32) * 8, "it"))
    own = hippocampus[0].predict(torch.from_numpy(grey)[:, None])[:, 1].numpy()
    theirs = on_our_grid(tmp_path / "1.nii.gz", found.reading)
    assert np.abs(theirs - 255 * from_ras(own)[0]).max() <= 1 and len(np.unique(theirs)) > 2
    with pytest.raises(InputError, match="kind"):
        process(hippocampus[0], scan[0], kind="LABELMAP")


def test_a_report_through_dcmqi_and_dsrdump(tool, tmp_path, of_scan, of_xray):
    path = write(of_scan.objects[1:2], tmp_path)[0]
    done = tool("tid1500reader", "--inputDICOM", path, "--outputMetadata", tmp_path / "sr.json")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    assert [row["TrackingIdentifier"] for row in rows] == ["anterior", "posterior"]
    values = [float(row["measurementItems"][0]["value"]) for row in rows]
    assert values == [each.value for each in of_scan.measured]
    assert {row["segmentationSOPInstanceUID"] for row in rows} == {of_scan.objects[0].SOPInstanceUID}
    text = tool("dsrdump", write(of_xray[0].objects[:1], tmp_path)[0]).stdout
    assert "NOT FOR CLINICAL USE" in text and "UNVERIFIED" in text and '"Pneumonia"' in text


def test_a_picture_through_simpleitk(of_xray, tmp_path):
    path = write(of_xray[0].objects[1:], tmp_path)[0]
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    theirs = theirs[0] if theirs.ndim == 4 else theirs
    assert np.array_equal(theirs, of_xray[0].objects[1].pixel_array)
    assert "LossyImageCompression" not in of_xray[0].objects[1]


def test_an_oblique_series(hippocampus):
    """A SEG of slices that lie aslant has their directions; it is said that the run saw them straight."""
    pixels = rng.integers(0, 2000, (20, 30, 40)).astype(np.uint16)
    found = process(hippocampus[0], series_of(pixels, OBLIQUE, (1.0, 1.0, 1.0)), picture=False)
    assert any("aslant" in sentence for sentence in found.sentences)
    groups = found.objects[0].SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    assert np.allclose(groups.ImageOrientationPatient, OBLIQUE.flatten(), atol=1e-5)


# --- the same again, another never ----------------------------------------------------------


def test_the_same_input_gives_the_same_bytes_whatever_the_day(of_scan, hippocampus, scan, of_xray, xray, monkeypatch):
    again = process(hippocampus[0], list(reversed(scan[0])))
    assert [as_bytes(each) for each in again.objects] == [as_bytes(each) for each in of_scan.objects]
    assert again.fhir == of_scan.fhir
    today = pydicom.valuerep.datetime.datetime.now().strftime("%Y%m%d")
    assert not any(today in str(each) for each in (*again.objects, *of_xray[0].objects))


def test_another_model_or_a_corrected_file_gives_another_instance(xray, of_xray):
    run, dataset = xray
    found = of_xray[0]
    image = dataset.test.images[0, 0].numpy().astype(int) * 16
    corrected = process(run, cr(image + (image > 2000) * 900, WindowCenter=2048, WindowWidth=4096))
    other = mt.Run(mt.build("cnn", dataset, seed=1, widths=(4, 8, 8)), run.card, run.recipe, run.provenance)
    by_other = process(other, cr(image, WindowCenter=2048, WindowWidth=4096))
    uids = [{str(each.SOPInstanceUID) for each in made.objects} for made in (found, corrected, by_other)]
    assert not uids[0] & uids[1] and not uids[0] & uids[2]
    assert found.objects[0].SeriesInstanceUID == corrected.objects[0].SeriesInstanceUID
    assert found.objects[0].SeriesInstanceUID != by_other.objects[0].SeriesInstanceUID
    assert found.objects[0].StudyInstanceUID == by_other.objects[0].StudyInstanceUID


def test_no_two_objects_have_one_uid_and_other_bytes(xray, of_xray):
    """Of images that differ a little, and names that were corrected: a UID has one content."""
    run, dataset = xray
    seen = {}
    for number in range(3):
        image = dataset.test.images[number, 0].numpy().astype(int) * 16
        for name in ("Plantedname^Anna", "Plantedname^Anne"):
            for each in process(run, cr(image, number + 1, PatientName=name), picture=number == 0).objects:
                content = as_bytes(each)
                assert seen.setdefault(each.SOPInstanceUID, content) == content
    assert len(seen) == 2 * 4


def test_the_hash_is_that_of_all_that_the_answer_depends_on(xray, tmp_path):
    run, dataset = xray
    run.save(tmp_path / "run")
    again = mt.Run.load(tmp_path / "run")
    assert model_hash(again) == model_hash(run)
    assert any(path.name.startswith(f"model-{weights_hash(run)[:12]}") for path in (tmp_path / "run").iterdir())
    other = mt.Run(run.model, run.card, run.recipe.but(mirror=not run.recipe.mirror), run.provenance)
    assert model_hash(other) != model_hash(run) and weights_hash(other) == weights_hash(run)


# --- nobody's name ---------------------------------------------------------------------


def test_no_identifier_in_sentences_logs_and_warnings(xray, hippocampus, scan, caplog, capfd, tmp_path):
    """highdicom and pydicom warn of names that break the standard, and quote them."""
    run, dataset = xray
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is made here
        made = cr(dataset.test.images[0, 0].numpy())
        made.PatientName = "Plantedname Anna=b=c=d"
        made.PatientSex, made.StudyDate = "Plantedname", "PLANTED"
        folder = saved(scan[0][:-1], tmp_path / "Plantedname")
    caplog.clear()
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        found = process(run, made)
        said = [*found.sentences, *map(str, found.measured), repr(found), *process(hippocampus[0], folder).sentences]
        said += [caplog.text, *capfd.readouterr(), *(str(each.message) for each in warned)]
        assert found.objects[0].PatientName == "Plantedname Anna=b=c=d"  # it is the patient's report, after all
    assert not any(name in text for name in PLANTED for text in said)
    assert found.objects[0].PatientSex == "" and any("PatientSex" in sentence for sentence in found.sentences)


def test_a_structure_that_was_not_found_has_a_volume_of_zero(hippocampus, scan, tool, tmp_path):
    """A SEG without a pixel is still a SEG."""
    run = hippocampus[0]
    blind = mt.Run(mt.build("unet", run.card, seed=0, widths=(8, 16, 32)), run.card, run.recipe, run.provenance)
    with torch.no_grad():
        list(blind.model.parameters())[-1].copy_(torch.tensor([50.0, 0, 0]))
    found = process(blind, scan[0], picture=False)
    assert [each.value for each in found.measured] == [0, 0] and not found.objects[0].pixel_array.any()
    assert tool("dciodvfy", write(found.objects[:1], tmp_path)[0]).returncode == 0


def test_a_file_that_lacks_a_study_s_attributes_still_has_a_report(xray):
    run, dataset = xray
    made = cr(dataset.test.images[0, 0].numpy())
    for name in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "AccessionNumber",
        "StudyID",
        "StudyDate",
        "StudyTime",
        "ContentDate",
        "ContentTime",
        "ReferringPhysicianName",
    ):
        delattr(made, name)
    found = process(run, pydicom.dcmread(pydicom.filebase.DicomBytesIO(file_of(made))))
    assert found.objects[0].PatientID == "" and found.objects[0].ContentDate == "19000101"
    assert found.fhir["entry"][0]["resource"]["subject"]["display"] == "not named by the file"


def test_a_loop_has_an_answer_a_frame():
    breast = card("breastmnist")
    run = mt.Run(mt.build("mlp", breast, seed=0), breast, mt.Recipe(), "phantom")
    found = process(run, get_testdata_file("examples_ybr_color.dcm", download=False))
    assert found.answers.shape == (30, 2) and len(found.measured) == 60
    assert found.measured[-1].title == "normal, benign, image 30"
    assert read_images(get_testdata_file("examples_ybr_color.dcm", download=False)).kind == "frames"
