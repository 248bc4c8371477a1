"""Hostile, cut and odd files: refused with one sentence before memory is asked for; all of them harmless, made here."""

import logging
import os
import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from medtutor.clinic import open_dicom, opening, read_images
from medtutor.clinic.opening import stream_size
from medtutor.errors import InputError

from .made import PLANTED, as_bytes, slice_of

PIXELS = np.arange(64, dtype=np.int16).reshape(8, 8)


def element(tag, kind, value, length=None):
    """An explicit, little-endian element of the long form, or of the short one."""
    length = len(value) if length is None else length
    head = struct.pack("<HH", *tag) + kind
    if kind in opening.LONG_VR:
        return head + b"\0\0" + struct.pack("<I", length) + value
    return head + struct.pack("<H", length) + value


def with_elements(*more, syntax="1.2.840.10008.1.2.1"):
    """The head of a file, then these elements."""
    meta = element((2, 0x10), b"UI", syntax.encode() + b"\0" * (len(syntax) % 2))
    return bytes(128) + b"DICM" + element((2, 0), b"UL", struct.pack("<I", len(meta))) + meta + b"".join(more)


def nested(depth, kind=b"SQ"):
    """A sequence in a sequence in a sequence, each of undefined length."""
    start = element((8, 0x1115), kind, b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return start * depth + end * depth


def declared(**sizes):
    """A small image that declares other sizes than it has."""
    made = slice_of(PIXELS)
    for name, value in sizes.items():
        setattr(made, name, value)
    return as_bytes(made)


def compressed(stream, syntax="1.2.840.10008.1.2.4.50", **more):
    """An image of 8 x 8 whose compressed pixels are this stream."""
    made = slice_of(PIXELS.astype(np.uint16))
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    for name, value in more.items():
        setattr(made, name, value)
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = pydicom.encaps.encapsulate([stream + b"\0" * (len(stream) % 2)])
    made["PixelData"].is_undefined_length = True
    return as_bytes(made)


JPEG = bytes.fromhex("ffd8 ffc0 000b 08 ffff ffff 01 011100 ffd9")
J2K = b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIH", 41, 0, 60000, 60000, 0, 0, 60000, 60000, 0, 0, 1) + b"\7\1\1"
HOSTILE = {
    "an element longer than the file": with_elements(element((8, 0x60), b"UT", b"CT", 0x7FFFFFFF)),
    "of undefined length, not ended": with_elements(element((8, 0x1115), b"SQ", b"", 0xFFFFFFFF)),
    "a text of undefined length": with_elements(element((8, 0x60), b"UT", b"", 0xFFFFFFFF)),
    "nested 2,000 deep": with_elements(nested(2000)),
    "nested 2,000 deep, of unknown kind": with_elements(nested(2000, b"UN")),
    "a sequence longer than its parent": with_elements(
        element((8, 0x1115), b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 500), 8)
    ),
    "65,535 x 65,535 pixels": declared(Rows=65535, Columns=65535),
    "a million frames": declared(NumberOfFrames=1_000_000),
    "twice the rows": declared(Rows=16),
    "no rows": declared(Rows=None),
    "minus one frame": declared(NumberOfFrames=-1),
    "a JPEG of 65,535 x 65,535": compressed(JPEG),
    "a JPEG 2000 of 60,000 x 60,000": compressed(J2K, "1.2.840.10008.1.2.4.90"),
    "a second frame that is not there": compressed(JPEG.replace(b"\xff\xff\xff\xff", b"\0\10\0\10"), NumberOfFrames=2),
    "a UID that climbs folders": declared(SOPInstanceUID="../../../etc/passwd"),
    "a UID of a device": declared(SeriesInstanceUID="1.2/CON"),
    "a UID of 2,000 digits": declared(StudyInstanceUID="1." + "2" * 2000),
    "no file": b"",
    "a head alone": with_elements(),
    "letters": b"no picture at all" * 100,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_before_memory_is_asked_for(what):
    tracemalloc.start()
    with pytest.raises(InputError) as refused:
        read_images(HOSTILE[what])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20, "memory was asked for"
    assert len(str(refused.value)) < 200 and "\n" not in str(refused.value)


def test_what_unpacks_to_more_than_a_file_may_have_is_refused(monkeypatch):
    body = element((8, 0x60), b"CS", b"MR") + element((0x7FE0, 0x10), b"OW", bytes(3_000_000))
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    file = with_elements(packed.compress(body) + packed.flush(), syntax=opening.DEFLATED)
    assert len(file) < 10_000
    monkeypatch.setattr(opening, "LARGEST", 2_000_000)
    with pytest.raises(InputError, match="unpacks to more than"):
        open_dicom(file)


def test_a_deflated_file_is_read():
    file = get_testdata_file("image_dfl.dcm", download=False)
    assert (open_dicom(file).pixel_array == pydicom.dcmread(file).pixel_array).all()


def test_pipes_devices_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path / "nothing"):
        with pytest.raises(InputError):
            open_dicom(path)
    with pytest.raises(InputError):
        open_dicom(tmp_path)


def test_links_in_a_folder_are_not_followed(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.dcm").write_bytes(as_bytes(slice_of(PIXELS)))
    (tmp_path / "inside" / "link.dcm").symlink_to(tmp_path / "outside.dcm")
    with pytest.raises(InputError, match="no DICOM image"):
        read_images(tmp_path / "inside")


def test_every_cut_and_every_flipped_byte_is_a_sentence_without_an_identifier(caplog, capfd):
    """Of a file with planted identifiers: whatever is wrong, no message, log, warning or cause repeats one."""
    whole, rng = as_bytes(slice_of(PIXELS)), np.random.default_rng(0)
    files = [whole[:cut] for cut in range(132, len(whole), 13)]
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(128, len(whole) - 128, 3):
            broken[place] = rng.integers(256)
        files.append(bytes(broken))
    refused = 0
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        for file in files:
            try:
                read_images(file)
            except InputError as error:
                refused += 1
                assert error.__suppress_context__ or error.__context__ is None
                assert not any(name in str(error) for name in PLANTED)
    said = caplog.text + "".join(capfd.readouterr()) + "".join(str(each.message) for each in warned)
    assert not any(name in said for name in PLANTED)
    assert refused > 100


def test_an_invalid_name_is_not_repeated_by_pydicom(caplog):
    """pydicom's own warning quotes the value; the file is read without a word."""
    made = slice_of(PIXELS)
    made.PatientBirthDate = "19370213"
    file = as_bytes(made).replace(b"19370213", b"Planted!")
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        read_images(file)
    assert "Planted" not in caplog.text and not any("Planted" in str(each.message) for each in warned)


@pytest.mark.parametrize(
    "name", ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm"]
)
def test_whole_files_of_every_form_are_opened(name):
    file = get_testdata_file(name, download=False)
    assert open_dicom(file).PatientID == pydicom.dcmread(file).PatientID
    assert "PixelData" not in open_dicom(file, pixels=False)


def test_a_damaged_rle_frame_is_a_sentence(capfd):
    """The plug-in of pylibjpeg panics, which is no Exception and writes a trace: a watcher would end."""
    whole = open(get_testdata_file("MR_small_RLE.dcm", download=False), "rb").read()
    start = whole.index(b"\xfe\xff\x00\xe0", whole.index(b"\xe0\x7f\x10\x00")) + 8
    start = whole.index(b"\xfe\xff\x00\xe0", start) + 8
    rng, refused = np.random.default_rng(0), 0
    for _ in range(60):
        broken = bytearray(whole)
        for place in rng.integers(start, len(whole) - 8, 40):
            broken[place] = rng.integers(256)
        try:
            read_images(bytes(broken))
        except InputError:
            refused += 1
    assert refused and capfd.readouterr() == ("", "")


def test_a_report_and_a_mask_are_no_images():
    for name in ("reportsi.dcm", "liver_1frame.dcm", "rtplan.dcm"):
        with pytest.raises(InputError, match="no image|Rows"):
            read_images(get_testdata_file(name, download=False))


def test_the_size_that_a_stream_gives_for_itself():
    assert stream_size(JPEG) == (65535, 65535, 1)
    assert stream_size(J2K) == (60000, 60000, 1)
    assert stream_size(b"RLE") is None
