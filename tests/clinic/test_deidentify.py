"""De-identification: of sixty planted identifiers none is left, in no byte and no pixel; what stays, stays useful."""

import errno
import io
import os
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from medtutor.cli import main
from medtutor.clinic import Deidentifier, deidentify_folder
from medtutor.clinic.beside import left_by_each
from medtutor.clinic.pixels import _declared_bits
from medtutor.clinic.planted import PLANTED, left_in, plant, read_off
from medtutor.clinic.profile import action_of
from medtutor.errors import InputError, MedtutorError

LOOP, CT = "examples_ybr_color.dcm", "CT_small.dcm"


def given(name):
    """One of pydicom's files, uncompressed."""
    dataset = pydicom.dcmread(get_testdata_file(name, download=False))
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.decompress(generate_instance_uid=False)
    return dataset


def as_bytes(dataset):
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


@pytest.fixture(scope="module", params=(LOOP, CT))
def planted(request):
    """A data set with all identifiers, and its de-identified bytes."""
    dataset = given(request.param)
    plant(dataset)
    content = as_bytes(dataset)
    return content, as_bytes(Deidentifier().dataset(pydicom.dcmread(io.BytesIO(content))))


@pytest.fixture
def eyes():
    """tesseract, or a skipped test."""
    try:
        read_off(given("MR_small.dcm"), 1)
    except InputError as error:
        if os.environ.get("MEDTUTOR_NEEDS_CLINIC") == "1":
            raise
        pytest.skip(str(error))


def test_sixty_identifiers_are_planted_each_by_itself(planted):
    assert len(PLANTED) == len(set(PLANTED.values())) == 60
    assert set(left_in(planted[0])) == set(PLANTED) - {"burned in"}, "planted, but not to be found"


def test_no_identifier_is_left_in_any_byte(planted):
    assert left_in(planted[1]) == []
    parts = {part.lower().encode() for value in PLANTED.values() for part in re.split(r"[^A-Za-z]+", value)}
    small = planted[1].lower()
    assert [part for part in parts if len(part) >= 6 and part not in (b"protocol",) and part in small] == []


def test_no_identifier_is_left_in_the_pixels(planted, eyes):
    before, after = (read_off(pydicom.dcmread(io.BytesIO(content))) for content in planted)
    assert "musterfrau" in before and "04.07.1" in before, "tesseract cannot read what was planted"
    assert "muster" not in after and "04.07" not in after and "1931" not in after


def test_the_search_finds_what_stands_in_two_bytes_a_letter():
    assert left_in("Musterfrau^A".encode("utf-16-le")) == left_in(b"MUSTERFRAU^") == ["PatientName"]


def test_the_loop_loses_its_letters_and_keeps_its_heart(eyes):
    """Lesson 04 cut the border away: PLA, the patient's name, stands in it."""
    dataset = given(LOOP)
    made = Deidentifier().dataset(dataset)
    before, after = dataset.pixel_array, made.pixel_array
    assert before[:, :36, :48].max() > 100 and after[:, :36, :48].max() == 0
    read = [set(read_off(each, 2).split()) for each in (dataset, made)]
    assert {"crd", "p21", "mi"} <= read[0] and not {"crd", "p21", "mi", "pla"} & read[1]
    heart = np.s_[:, 80:190, 110:210]
    assert np.array_equal(after[heart], before[heart])
    assert made.BurnedInAnnotation == "NO" and made.PhotometricInterpretation == "RGB"


@pytest.mark.parametrize("name", [CT, "MR_small.dcm", "693_J2KI.dcm", "examples_overlay.dcm"])
def test_pixels_without_letters_stay_as_they_are(name):
    dataset = pydicom.dcmread(get_testdata_file(name, download=False))
    made = Deidentifier().dataset(dataset)
    assert np.array_equal(made.pixel_array, dataset.pixel_array)


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "MR_small_RLE.dcm", "MR_small_implicit.dcm"])
def test_whatever_the_transfer_syntax_the_pixels_are_the_same(name):
    made = Deidentifier().dataset(pydicom.dcmread(get_testdata_file(name, download=False)))
    read = pydicom.dcmread(io.BytesIO(as_bytes(made)))
    assert read.file_meta.TransferSyntaxUID.name == "Explicit VR Little Endian"
    assert np.array_equal(read.pixel_array, given("MR_small.dcm").pixel_array)


def test_bits_beside_the_pixels_are_emptied():
    dataset = given("examples_overlay.dcm")  # 12 of 16 bits
    spare = np.frombuffer(dataset.PixelData, "<u2") | 0xA000
    dataset.PixelData = spare.tobytes()
    made = Deidentifier().dataset(dataset)
    assert np.frombuffer(made.PixelData, "<u2").max() < 2**12


@pytest.mark.parametrize("signed", [False, True])
def test_only_declared_bits_are_kept(signed):
    """Whatever the library that decodes them does: 10 bits of 16, from the twelfth down."""
    dataset = Dataset()
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 10, 11
    pixels = np.array([0xF7FF, 0x0003, 0x0FFF, 0x0800], np.uint16).view(np.int16 if signed else np.uint16)
    expected = [0x07FC, 0, -4, -2048] if signed else [0x07FC, 0, 0x0FFC, 0x0800]
    assert _declared_bits(pixels, dataset).tolist() == expected


def test_a_comment_in_a_jpeg_does_not_come_along():
    dataset = pydicom.dcmread(get_testdata_file(LOOP, download=False))
    words = PLANTED["PatientComments"].encode()
    comment = b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words
    frames = [frame[:2] + comment + frame[2:] for frame in pydicom.encaps.generate_frames(dataset.PixelData)]
    dataset.PixelData = encapsulate(frames[:2])
    dataset.NumberOfFrames = 2
    content = as_bytes(dataset)
    assert left_in(content) == ["PatientComments"]
    assert left_in(as_bytes(Deidentifier().dataset(pydicom.dcmread(io.BytesIO(content))))) == []


def test_dates_move_evenly_with_and_without_a_time():
    dataset = given(CT)
    dataset.StudyDate, dataset.StudyTime = "20240301", "000100"
    dataset.SeriesDate, dataset.SeriesTime = "20240229", "235900"
    dataset.AcquisitionDate = dataset.ContentDate = "20240301"
    del dataset.AcquisitionTime
    dataset.AcquisitionDateTime = "20240301000100.5+0100"
    item = Dataset()
    item.ScheduledProcedureStepStartDate = "20240302"
    dataset.RequestAttributesSequence = Sequence([item])
    made = Deidentifier(b"0123456789abcdef").dataset(dataset)
    day = {name: made[name].value for name in ("StudyDate", "AcquisitionDate", "ContentDate")}
    assert len(set(day.values())) == 1 and made.StudyDate != "20240301"
    assert made.AcquisitionDateTime == f"{made.StudyDate}000100.5+0100"
    assert (made.StudyTime, made.SeriesTime) == ("000100", "235900")
    moved = [np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}") for text in (made.StudyDate, made.SeriesDate)]
    assert moved[0] - moved[1] == np.timedelta64(1, "D")
    assert made.PatientBirthDate == "", "no moved date of birth: with the year of an illness it names a person"


@pytest.mark.parametrize("wrong", ["Musterfrau", "00010101", "20241399", "2024", "20240301 Musterfrau"])
def test_what_is_no_date_becomes_none(wrong):
    dataset = given(CT)
    with pydicom.config.disable_value_validation():
        dataset.StudyDate = wrong
        content = as_bytes(dataset)
    made = Deidentifier().dataset(pydicom.dcmread(io.BytesIO(content)))
    assert made.StudyDate == ""


def test_identifiers_are_replaced_alike_in_all_objects_and_by_another_key_otherwise():
    one, other = given(CT), given("MR_small.dcm")
    other.StudyInstanceUID, other.PatientID = one.StudyInstanceUID, one.PatientID
    referenced = Dataset()
    referenced.ReferencedSOPClassUID, referenced.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
    other.ReferencedImageSequence = Sequence([referenced])
    same, new = Deidentifier(b"0123456789abcdef"), Deidentifier()
    first, second = same.dataset(one), same.dataset(other)
    assert first.StudyInstanceUID == second.StudyInstanceUID != one.StudyInstanceUID
    assert first.PatientID == second.PatientID != one.PatientID
    assert second.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.ReferencedImageSequence[0].ReferencedSOPClassUID == one.SOPClassUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert new.dataset(one).StudyInstanceUID != first.StudyInstanceUID
    assert all(len(uid) <= 64 and re.fullmatch(r"2\.25\.[1-9]\d*", uid) for uid in (first.SOPInstanceUID,))


def test_it_says_what_was_done():
    made = Deidentifier().dataset(given(CT))
    assert made.PatientIdentityRemoved == "YES" and made.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = {item.CodeValue for item in made.DeidentificationMethodCodeSequence}
    assert codes == {"113100", "113101", "113107"} and "PS3.15" in made.DeidentificationMethod


def test_the_object_that_is_given_stays_as_it_is():
    dataset = given(CT)
    before = as_bytes(dataset)
    Deidentifier().dataset(dataset)
    assert as_bytes(dataset) == before


@pytest.mark.parametrize(
    "tag, keyword, vr, action",
    [
        (0x00080018, "SOPInstanceUID", "UI", "uid"),
        (0x00100030, "PatientBirthDate", "DA", "empty"),
        (0x00101010, "PatientAge", "AS", "remove"),
        (0x00080080, "InstitutionName", "LO", "replace"),
        (0x00081140, "ReferencedImageSequence", "SQ", "keep"),  # its UIDs are replaced
        (0x0040A160, "TextValue", "UT", "replace"),
        (0x60023000, "OverlayData", "OW", "remove"),
        (0x50100010, "CurveData", "OW", "remove"),
        (0x00280030, "PixelSpacing", "DS", "keep"),
        (0x00204000, "ImageComments", "LT", "remove"),
        (0x00186000, "AnythingNewWithText", "UT", "empty"),
        (0x00186001, "AnythingNewWithBytes", "OB", "remove"),
        (0x00111001, "", "LO", "remove"),
    ],
)
def test_what_becomes_of_an_attribute(tag, keyword, vr, action):
    assert action_of(tag, keyword, vr) == action


def test_the_profile_is_whole():
    """The table names 654 attributes; those that every object has do what the standard's table says."""
    text = (Path(__file__).parents[2] / "medtutor/clinic/basic_profile.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")][1:]
    assert len(rows) > 640 and len({row[0] for row in rows}) == len(rows)
    assert {row[3] for row in rows} == {"X", "Z", "D", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"}


@pytest.fixture
def folder(tmp_path):
    """A folder of files with identifiers in their names, too; one is no DICOM file."""
    made = tmp_path / "in" / "Musterfrau"
    made.mkdir(parents=True)
    for number, name in enumerate((CT, "MR_small.dcm")):
        dataset = given(name)
        plant(dataset)
        dataset.SOPInstanceUID += f".{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(made / f"Adelheid Musterfrau {number}.dcm", enforce_file_format=True)
    (made / "letter to Musterfrau.txt").write_bytes(b"Dear Adelheid Musterfrau")
    return tmp_path / "in"


def no_identifier(text):
    return left_in(text.encode()) == [] and "adelheid" not in text.lower()


def test_a_folder_becomes_another_without_any_identifier(folder, tmp_path, capfd):
    assert main(["clinic", "deidentify", str(folder), "--out", str(tmp_path / "out")]) == 0
    said = "".join(capfd.readouterr())
    assert "2 files de-identified" in said and "file 3 left out: the file is no DICOM file" in said
    assert no_identifier(said)
    written = sorted((tmp_path / "out").rglob("*"))
    assert len(written) == 2 and all(no_identifier(path.name) and left_in(path.read_bytes()) == [] for path in written)
    assert len({pydicom.dcmread(path).StudyInstanceUID for path in written}) == 1


def test_with_the_same_key_the_same_files(folder, tmp_path, capsys):
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    for name in ("a", "b"):
        assert (
            main(["clinic", "deidentify", str(folder), "--out", str(tmp_path / name), "--key", str(tmp_path / "key")])
            == 0
        )
    first, second = (sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("a", "b"))
    assert first == second
    (tmp_path / "key").write_bytes(b"short")
    assert (
        main(["clinic", "deidentify", str(folder), "--out", str(tmp_path / "c"), "--key", str(tmp_path / "key")]) == 2
    )
    assert "16 to 4096 bytes" in capsys.readouterr().err


def test_no_folder_that_would_be_overwritten_or_read_again(folder, tmp_path):
    with pytest.raises(InputError, match="lies within"):
        deidentify_folder(folder, folder / "out")
    with pytest.raises(InputError, match="not there"):
        deidentify_folder(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "own").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        deidentify_folder(folder, tmp_path / "full")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file"):
        deidentify_folder(tmp_path / "empty", tmp_path / "out")


def test_a_full_disk_is_not_the_file_s_fault(folder, tmp_path, monkeypatch):
    """Nor is an output that cannot be written anything unexpected."""
    with pytest.raises(MedtutorError, match="output cannot be written"):
        deidentify_folder(folder, "/dev/null/out")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("medtutor.clinic.deidentify.write_whole", full)
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(MedtutorError, match="No space left on device"):
        deidentify_folder(folder, tmp_path / "out")


def test_people_without_a_number_do_not_become_one():
    pseudonyms = {}
    deidentifier = Deidentifier()
    for name, study in (("Ann^One", "1.2.1"), ("Bob^Two", "1.2.2"), ("Ann^One", "1.2.3"), ("", "1.2.4"), ("", "1.2.5")):
        dataset = given(CT)
        dataset.PatientID, dataset.PatientName, dataset.StudyInstanceUID = "", name, study
        pseudonyms[study] = deidentifier.dataset(dataset).PatientID
    assert pseudonyms["1.2.1"] == pseudonyms["1.2.3"] and len(set(pseudonyms.values())) == 4


def test_a_link_is_left_out_and_told(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "scan.dcm").symlink_to(CT)
    done = deidentify_folder(tmp_path / "in", tmp_path / "out")
    assert done.written == 0 and "it is a link" in done.left_out[1]


def broken(change):
    dataset = given(CT)
    plant(dataset)
    with pydicom.config.disable_value_validation():
        change(dataset)
    return dataset


def _deep(dataset):
    item = Dataset()
    for _ in range(60):
        outer = Dataset()
        outer.SharedFunctionalGroupsSequence = Sequence([item])
        item = outer
    dataset.SharedFunctionalGroupsSequence = Sequence([item])


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: setattr(d, "EncapsulatedDocument", b"%PDF Musterfrau"), "document"),
        (lambda d: setattr(d, "SOPClassUID", "1.2.3.4"), "kind of object"),
        (lambda d: setattr(d, "PixelData", d.PixelData[:100]), "cannot be decoded"),
        (lambda d: setattr(d, "Rows", 60000) or setattr(d, "NumberOfFrames", 60000), "two gigabytes"),
        (lambda d: setattr(d, "HighBit", 40), "bits that cannot be"),
        (_deep, "nested"),
    ],
)
def test_what_cannot_be_cleaned_is_refused_in_a_sentence_without_identifiers(change, words):
    with pytest.raises(InputError, match=words) as caught:
        Deidentifier().dataset(broken(change))
    assert no_identifier(str(caught.value)) and caught.value.__suppress_context__ | (caught.value.__cause__ is None)


def test_a_damaged_rle_frame_is_a_sentence():
    dataset = pydicom.dcmread(get_testdata_file("MR_small_RLE.dcm", download=False))
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData))
    dataset.PixelData = encapsulate([frame[:4] + bytes((255, 255, 255, 255)) + frame[8:200]])
    with pytest.raises(InputError):
        Deidentifier().dataset(dataset)


def test_a_structured_report_loses_its_words_and_keeps_its_numbers():
    report = pydicom.dcmread(get_testdata_file("reportsi.dcm", download=False))
    made = Deidentifier().dataset(report)
    texts = [str(element.value) for element in made.iterall() if element.keyword in ("TextValue", "PersonName")]
    assert texts and set(texts) <= {"REMOVED", str(made.PatientName)}
    assert [each.value for each in made.iterall() if each.keyword in ("ValueType", "NumericValue")] == [
        each.value for each in report.iterall() if each.keyword in ("ValueType", "NumericValue")
    ]


@pytest.mark.parametrize("key", ["0123456789abcdef", b"short", 7])
def test_a_key_must_be_bytes_and_long_enough(key):
    with pytest.raises(InputError, match="16 to 4096 bytes"):
        Deidentifier(key)


def test_only_a_dataset_is_taken():
    with pytest.raises(InputError, match="pydicom Dataset"):
        Deidentifier().dataset("scan.dcm")


def test_beside_other_programs_ours_leaves_nothing():
    dataset = given(CT)
    plant(dataset)
    rows = {row[0]: row[1:] for row in left_by_each(dataset).rows}
    assert rows["medtutor"][0] == "0 of 60" and rows["Orthanc /anonymize"][0] == "not there"
    if rows["dicognito"][0] != "not there":
        assert 10 <= int(rows["dicognito"][0].split()[0]) < 60 and "StudyDescription" in rows["dicognito"][1]


def test_an_orthanc_that_does_not_answer_is_a_sentence():
    dataset = given(CT)
    plant(dataset)
    with pytest.raises(InputError, match="Orthanc does not answer"):
        left_by_each(dataset, "http://127.0.0.1:9")
