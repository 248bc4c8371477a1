"""A PACS by DIMSE and DICOMweb: against a real Orthanc, with the traps that it sets."""

import io
import socket

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless, generate_uid

from medtutor.clinic.orthanc import orthanc
from medtutor.clinic.pacs import PacsAway, PacsRefused, connect
from medtutor.clinic.pacs_base import same
from medtutor.clinic.uids import as_bytes
from medtutor.errors import InputError

from .made import picture


@pytest.fixture(params=["dicom", "web"])
def pacs(request, archive):
    return connect(getattr(archive, request.param))


def only(pacs, dataset):
    """What the archive has under an object's UID, read as a file without help."""
    [found] = pacs.find("instance", SOPInstanceUID=dataset.SOPInstanceUID)
    return dcmread(io.BytesIO(pacs.retrieve(found)))


def test_it_answers(pacs):
    pacs.echo()


FILES = ["CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "examples_ybr_color.dcm", "test-SR.dcm"]


@pytest.mark.parametrize("name", FILES)
def test_what_is_sent_comes_back_as_it_was(pacs, name):
    """In its own transfer syntax, under its own UID: a compressed file is not decoded on the way."""
    sent = picture(name)
    assert pacs.store([sent]) == [True]
    back = only(pacs, sent)
    assert back.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    assert same(back, sent)
    assert pacs.store([sent, sent]) == [False, False]  # it is there


def test_a_file_is_sent_as_well_as_a_data_set(pacs, tmp_path):
    one, two = picture(), picture()
    one.save_as(tmp_path / "one")
    assert pacs.store([tmp_path / "one", as_bytes(two)]) == [True, True]


def test_of_one_object_given_twice_one_is_sent(pacs):
    one = picture()
    assert pacs.store([one, as_bytes(one)]) == [True, False]


def test_a_correction_under_the_same_uid_is_refused_before_anything_is_sent(pacs):
    """Orthanc would say "success" and keep the first."""
    one, new = picture(), picture()
    pacs.store([one])
    other = dcmread(io.BytesIO(as_bytes(one)))
    other.StudyDescription = "corrected"
    with pytest.raises(PacsRefused, match="a correction is a new instance"):
        pacs.store([new, other])
    assert not pacs.find("instance", SOPInstanceUID=new.SOPInstanceUID)
    assert only(pacs, one).get("StudyDescription") != "corrected"


def test_orthanc_says_success_to_a_correction_and_keeps_the_first(pacs):
    """The trap itself: should Orthanc once refuse it, this says so."""
    one = picture(StudyDescription="first")
    pacs.store([one])
    one.StudyDescription = "corrected"
    pacs._send([one])
    assert only(pacs, one).StudyDescription == "first"


def test_two_objects_with_one_uid_in_one_call_are_refused(pacs):
    one = picture()
    other = dcmread(io.BytesIO(as_bytes(one)))
    other.Rows = 127
    other.PixelData = other.PixelData[: 127 * 128 * 2]
    with pytest.raises(PacsRefused, match="a correction"):
        pacs.store([one, other])


def test_other_pixels_are_other_content_and_another_coding_is_not():
    one = picture()
    coded = dcmread(io.BytesIO(as_bytes(one)))
    coded.compress(RLELossless, generate_instance_uid=False)
    assert coded.SOPInstanceUID == one.SOPInstanceUID and same(coded, one) and same(one, coded)
    one.PixelData = bytes(2) + one.PixelData[2:]
    assert not same(coded, one)


def test_pydicom_gives_a_compressed_object_a_new_uid():
    """Why nothing is coded anew on the way to the archive."""
    one = picture()
    before = one.SOPInstanceUID
    one.compress(RLELossless)
    assert one.SOPInstanceUID != before


# --- questions -----------------------------------------------------------------------------------------------------


def test_questions_are_answered_level_by_level(pacs):
    year = {"DIMSE": 2031, "DICOMweb": 2032}[pacs.kind]
    one = picture(Modality="PT", StudyDate=f"{year}0405")
    two = picture(Modality="PT", StudyDate=f"{year}0405", StudyInstanceUID=one.StudyInstanceUID)
    pacs.store([one, two])
    [study] = pacs.find("study", StudyDate=f"{year}0401-{year}0430")
    assert study.StudyInstanceUID == one.StudyInstanceUID and "PatientName" not in study
    series = pacs.find("series", StudyInstanceUID=one.StudyInstanceUID, Modality="PT")
    assert {each.SeriesInstanceUID for each in series} == {one.SeriesInstanceUID, two.SeriesInstanceUID}
    assert {int(each.NumberOfSeriesRelatedInstances) for each in series} == {1}
    uids = {"StudyInstanceUID": one.StudyInstanceUID, "SeriesInstanceUID": one.SeriesInstanceUID}
    [found] = pacs.find("instance", **uids)
    assert found.SOPInstanceUID == one.SOPInstanceUID and found.SOPClassUID == one.SOPClassUID
    assert pacs.find("study", StudyInstanceUID=generate_uid()) == []


@pytest.mark.parametrize("asked", ["Planted^Percent Sign", "planted^*", "PLANTED^?ercent*", "*Sign"])
def test_a_name_is_found_with_its_signs(pacs, asked):
    one = picture(PatientName="Planted^Percent Sign")
    pacs.store([one])
    uid = one.StudyInstanceUID
    assert [each.StudyInstanceUID for each in pacs.find("study", PatientName=asked, StudyInstanceUID=uid)] == [uid]
    assert pacs.find("study", PatientName="Planted^Per[c]ent*", StudyInstanceUID=uid) == []


def test_the_plugin_does_not_decode_the_percent_signs_of_a_question(archive):
    """The trap itself: nothing found, and no error."""
    pacs = connect(archive.web)
    pacs.store([picture(PatientName="Planted^Percent Sign")])
    assert pacs._client.search_for_studies(search_filters={"PatientName": "Planted^Percent Sign"}) == []
    assert pacs.find("study", PatientName="Planted^Percent Sign")


def test_single_frames_come_by_the_media_type_that_orthanc_gives(archive):
    pacs, one = connect(archive.web), picture()
    pacs.store([one])
    [found] = pacs.find("instance", SOPInstanceUID=one.SOPInstanceUID)
    assert pacs.frames(found, [1]) == [one.PixelData[: 128 * 128 * 2]]
    with pytest.raises((PacsRefused, PacsAway)):
        pacs.frames(found, [2])


@pytest.mark.parametrize("level, filters", [("patient", {}), ("study", {"Modalty": "CT"}), ("study", {"_x": 1})])
def test_a_wrong_question_is_refused(pacs, level, filters):
    with pytest.raises(InputError):
        pacs.find(level, **filters)


# --- callers -------------------------------------------------------------------------------------------------------


def stranger(archive):
    return connect(archive.dicom.replace("MEDTUTOR", "STRANGER"))


def test_an_unknown_caller_is_told_what_to_do(archive):
    for what in (lambda pacs: pacs.find("study"), lambda pacs: pacs.store([picture()]), lambda pacs: pacs.echo()):
        with pytest.raises((PacsRefused, PacsAway), match="AE title|know"):
            what(stranger(archive))
    with pytest.raises(PacsRefused, match="AE title"):
        connect(archive.dicom.replace("/ORTHANC", "/ELSEWHERE")).echo()


def test_as_it_comes_orthanc_stores_from_strangers_but_does_not_answer_them():
    """The trap itself. A strict one, as our lesson and tests start it, refuses them."""
    with orthanc(strangers=True) as open_to_all:
        one, pacs = picture(), connect(open_to_all.dicom.replace("MEDTUTOR", "STRANGER").replace("/ORTHANC", "/NOBODY"))
        pacs._send([one])
        assert len(connect(open_to_all.web).find("instance")) == 1
        with pytest.raises(PacsAway, match="may not know this caller"):
            pacs.find("study")


# --- what is refused -----------------------------------------------------------------------------------------------


def test_what_is_no_object_is_refused_before_anything_is_sent(pacs, tmp_path):
    (tmp_path / "bad").write_bytes(b"no DICOM")
    for wrong in (tmp_path / "bad", b"neither", Dataset()):
        with pytest.raises(InputError):
            pacs.store([wrong])


def test_a_kind_that_the_archive_does_not_take_is_a_sentence(archive):
    """Orthanc 1.10 takes a label map by the web alone."""
    one = picture(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.7")
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    with pytest.raises(PacsRefused, match="takes no objects of this kind .* or by DICOMweb"):
        connect(archive.dicom).store([one])
    assert connect(archive.web).store([one]) == [True]


@pytest.mark.parametrize("scheme", ["dicom", "http"])
def test_a_pacs_that_is_away_is_told_soon(scheme):
    with socket.socket() as place:  # a port where nobody listens
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        address = {"dicom": f"dicom://A@127.0.0.1:{port}/B", "http": f"http://127.0.0.1:{port}/dicom-web"}[scheme]
        for question in (
            lambda pacs: pacs.echo(),
            lambda pacs: pacs.find("study"),
            lambda pacs: pacs.store([picture()]),
        ):
            with pytest.raises(PacsAway, match="does not answer"):
                question(connect(address, timeout=2))


@pytest.mark.parametrize("scheme", ["dicom", "http"])
def test_one_that_takes_the_call_and_says_nothing_is_left(scheme):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        port = place.getsockname()[1]
        address = {"dicom": f"dicom://A@127.0.0.1:{port}/B", "http": f"http://127.0.0.1:{port}/dicom-web"}[scheme]
        with pytest.raises(PacsAway):
            connect(address, timeout=0.5).echo()


def test_a_web_server_that_is_no_dicomweb_is_told(archive):
    with pytest.raises(PacsRefused, match="address of its DICOMweb|HTTP status 404"):
        connect(archive.page).find("study")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nowhere",
        "dicom://127.0.0.1/ORTHANC",
        "dicom://A@127.0.0.1:104",
        "dicom://A@h:99999/B",
        "ftp://h/x",
        4242,
        None,
    ]
    + [f"dicom://{'A' * 17}@h:104/B", "dicom://A\\B@h:104/C", "http://", "http://h:x/"],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="no address of a PACS"):
        connect(address)


# --- independent eyes ----------------------------------------------------------------------------------------------


def test_dcmtk_sends_to_it_and_we_read_it(archive, tool, tmp_path):
    one = picture()
    one.save_as(tmp_path / "one.dcm")
    _, _, port = archive.dicom.rpartition("/")[0].rpartition(":")
    sent = tool("storescu", "-aet", "MEDTUTOR", "-aec", "ORTHANC", "127.0.0.1", port, tmp_path / "one.dcm")
    assert sent.returncode == 0
    assert same(only(connect(archive.dicom), one), one)


def test_what_is_retrieved_is_a_file_to_dcmtk(archive, tool, tmp_path):
    """The bare data set of a C-STORE, saved as it comes, is none."""
    pacs, one = connect(archive.dicom), picture("MR_small_RLE.dcm")
    pacs.store([one])
    (tmp_path / "back.dcm").write_bytes(pacs.retrieve(pacs.find("instance", SOPInstanceUID=one.SOPInstanceUID)[0]))
    said = tool("dcmdump", tmp_path / "back.dcm")
    assert said.returncode == 0 and "RLELossless" in said.stdout and not said.stderr
