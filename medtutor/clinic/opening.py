"""`open_dicom`: a DICOM file, checked before memory is asked for what it declares.

What a file says of itself is compared with what is there: the length of every element, the depth of its sequences,
the size of its pixels, and the size that a compressed picture gives for itself. No message holds a value of the file.
"""

import io
import logging
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

from ..errors import InputError
from ..files import resolve

LARGEST = 2**30  # bytes of a file, also of what a deflated one unpacks to
VALUES = 2**27  # pixels x colours of all that is read at once: 512 MB as float32, a CT of 500 slices
DEPTH = 24  # sequences within each other; a structured report has up to ten
ELEMENTS = 2_000_000  # data elements of a file: those of an enhanced series of 10,000 frames
DEFLATED = "1.2.840.10008.1.2.1.99"
UIDS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
WHOLE = {"Rows": 65535, "Columns": 65535, "SamplesPerPixel": 4, "BitsAllocated": 64}

LONG_VR = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END, PIXEL_DATA = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x7FE00010


def open_dicom(file: str | PathLike | bytes, pixels: bool = True) -> Any:
    """A DICOM file as a pydicom `Dataset`, checked before any of it is believed.

    file    a path, or a file's bytes
    pixels  whether its pixels are kept; False leaves them out, once they were checked

    Raises `InputError`, with one sentence that names neither the file nor a value of it, for what is no DICOM file of
    at most 1 GB; whose elements are longer than the file, nested more than 24 times, or more than 2 million; whose
    identifiers are no UIDs; which declares more pixels than it holds, or holds a compressed picture of another size.

    >>> from pydicom.data import get_testdata_file
    >>> open_dicom(get_testdata_file("CT_small.dcm", download=False)).Rows
    128
    >>> open_dicom(b"no picture")
    Traceback (most recent call last):
    ...
    medtutor.errors.InputError: the file is no DICOM file; give one that begins with 128 bytes and the letters DICM
    """
    content = file if isinstance(file, bytes) else content_of(file)
    with only_our_words("the file is no whole DICOM file; get it anew from where it came"):
        dataset = _parsed(content)
        check_dataset(dataset)
        if not pixels:
            for name in PIXELS:
                if name in dataset:
                    del dataset[name]
        return dataset


def content_of(file: str | PathLike, most: int = LARGEST) -> bytes:
    """The bytes of a file. Raises `InputError` for a folder, a pipe or a device, and for more bytes than `most`."""
    path = resolve(file)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError("there is no file of that name, or it is a folder, pipe or device; give a file")
        if found.st_size > most:
            raise InputError(f"the file has {found.st_size:,} bytes; at most {most:,} can be read: give a part of it")
        with path.open("rb") as opened:
            return opened.read(most)
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror or type(error).__name__})") from None


@contextmanager
def only_our_words(sentence: str) -> Iterator[None]:
    """Within, pydicom neither warns nor logs, and whatever it raises is an `InputError` that says `sentence`.

    What it says holds values of the file, a patient's name among them.
    """
    logger = logging.getLogger("pydicom")
    was = logger.disabled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.disabled = True
        try:
            yield
        except InputError:
            raise
        except BaseException as error:  # any value may be missing or of another kind
            # A decoder in Rust that panics raises what is no Exception.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise InputError(sentence) from None
            raise
        finally:
            logger.disabled = was


def _parsed(content):
    from pydicom import dcmread
    from pydicom.filereader import read_dataset, read_preamble

    if content[128:132] != b"DICM":
        raise InputError("the file is no DICOM file; give one that begins with 128 bytes and the letters DICM")
    check_elements(content, 132, "<", True, meta=True)
    stream = io.BytesIO(content)
    read_preamble(stream, force=False)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    syntax = str(meta.get("TransferSyntaxUID") or "")
    start = stream.tell()
    if syntax == DEFLATED:
        content, syntax = _unpacked(content, start, syntax)
    check_elements(content, start, ">" if syntax == "1.2.840.10008.1.2.2" else "<", syntax != "1.2.840.10008.1.2")
    return dcmread(io.BytesIO(content))


def _unpacked(content, start, syntax):
    """A deflated file as an explicit one of little endian, no larger than a file may be."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    body = unpacker.decompress(content[start:], LARGEST)
    if unpacker.unconsumed_tail:
        raise InputError(f"the file unpacks to more than {LARGEST:,} bytes; give it unpacked, in parts")
    plain = "1.2.840.10008.1.2.1"
    head = content[:start].replace(syntax.encode(), plain.encode().ljust(len(syntax), b"\0"))
    return head + body, plain


def check_elements(content: bytes, start: int, order: str, explicit: bool, meta: bool = False) -> None:
    """Walk over the elements of a file's bytes without reading their values. Raises `InputError` for what cannot be.

    order     "<" little or ">" big endian
    explicit  whether elements name their kind (VR)
    meta      whether to stop after group 2
    """
    short, tags = struct.Struct(order + "HHH"), struct.Struct(order + "HHI")
    count, at = 0, start
    ends = [len(content)]  # of each sequence and item that we are in; UNDEFINED where a delimiter ends it
    while True:
        while len(ends) > 1 and ends[-1] != UNDEFINED and at >= ends[-1]:
            if at > ends[-1]:
                raise _cut()
            ends.pop()
        limit = next(end for end in reversed(ends) if end != UNDEFINED)
        if at >= limit:
            if len(ends) > 1:
                raise _cut()
            return
        if at + 8 > limit:
            raise _cut()
        group, number, length = tags.unpack_from(content, at)
        tag, head = group << 16 | number, 8
        if meta and group != 2:
            return
        count += 1
        if count > ELEMENTS:
            raise InputError(f"the file has more than {ELEMENTS:,} data elements; give a part of it")
        sequence = False
        if tag in (ITEM_END, SEQUENCE_END):
            if ends[-1] != UNDEFINED:
                raise _cut()
            ends.pop()
            at += 8
            continue
        if tag == ITEM:
            sequence = True
        elif explicit:
            kind = content[at + 4 : at + 6]
            if kind in LONG_VR:
                head = 12
                if at + head > limit:
                    raise _cut()
                length = struct.unpack_from(order + "I", content, at + 8)[0]
            else:
                length = short.unpack_from(content, at + 2)[2]
            # What is unknown and of unknown length is a sequence, without kinds; its items say so by their lengths.
            sequence = kind == b"SQ" or (length == UNDEFINED and tag != PIXEL_DATA)
            if kind == b"UN" and length == UNDEFINED:
                at = _implicit_end(content, at + head, limit, order, len(ends))
                continue
        else:
            sequence = length == UNDEFINED and tag != PIXEL_DATA or _is_sequence(tag)
        at += head
        if tag == PIXEL_DATA and length == UNDEFINED:
            at = _fragments_end(content, at, limit, order)
        elif sequence:
            if length != UNDEFINED and at + length > limit:
                raise _cut()
            ends.append(UNDEFINED if length == UNDEFINED else at + length)
            if len(ends) > 2 * DEPTH:
                raise InputError(f"the file has sequences nested more than {DEPTH} times; it was made by no scanner")
        else:
            if length == UNDEFINED or at + length > limit:
                raise _cut()
            at += length


def _cut():
    return InputError(
        "the file is no whole DICOM file: it declares more bytes than it holds; get it anew from where it came"
    )


def _is_sequence(tag):
    """Whether the standard's dictionary has a sequence of that tag: without kinds, nothing else tells."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False


def _implicit_end(content, at, limit, order, depth):
    """Where a sequence of unknown kind ends, whose elements have none either; its depth counts on."""
    level, tags = 0, struct.Struct(order + "HHI")
    while at + 8 <= limit:
        group, number, length = tags.unpack_from(content, at)
        tag, at = group << 16 | number, at + 8
        if tag == SEQUENCE_END and level == 0:
            return at
        if tag in (ITEM_END, SEQUENCE_END):
            level -= 1
        elif length == UNDEFINED:
            level += 1
            if depth + level > 2 * DEPTH:
                raise InputError(f"the file has sequences nested more than {DEPTH} times; it was made by no scanner")
        else:
            at += length
    raise _cut()


def _fragments_end(content, at, limit, order):
    """Where the fragments of compressed pixels end."""
    tags = struct.Struct(order + "HHI")
    while at + 8 <= limit:
        group, number, length = tags.unpack_from(content, at)
        tag, at = group << 16 | number, at + 8
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM or at + length > limit:
            raise _cut()
        at += length
    raise _cut()


def check_dataset(dataset: Any) -> None:
    """Refuse identifiers that are no UIDs, and pixels whose declared size cannot be. Raises `InputError`."""
    for name in UIDS:
        value = dataset.get(name)
        if value and not re.fullmatch(r"[0-9]+(\.[0-9]+)*", str(value)) or len(str(value or "")) > 64:
            raise InputError(f"the file's {name} is no UID, digits and points; it was changed by hand: get it anew")
    if any(name in dataset for name in PIXELS):
        _check_pixels(dataset)


def _check_pixels(dataset):
    sizes = {}
    for name, most in WHOLE.items():
        value = dataset.get(name)
        if not isinstance(value, int) or not 1 <= value <= most:
            raise InputError(f"the file's {name} is missing or out of range, so its pixels cannot be read")
        sizes[name] = value
    frames = int(dataset.get("NumberOfFrames") or 1)
    values = sizes["Rows"] * sizes["Columns"] * sizes["SamplesPerPixel"] * frames
    if not 0 < values <= VALUES:
        raise InputError(f"the file declares {values:,} pixel values; from 1 to {VALUES:,} can be read: give a part")
    bits = values * sizes["BitsAllocated"]
    if str(dataset.get("PhotometricInterpretation") or "").startswith("YBR_FULL_422"):
        bits = bits * 2 // 3
    element = next(dataset[name] for name in PIXELS if name in dataset)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_streams(dataset, element.value, frames, sizes)
    elif len(element.value) < (bits + 7) // 8:
        raise InputError(
            f"the file declares {(bits + 7) // 8:,} bytes of pixels but holds {len(element.value):,};"
            " get it anew from where it came"
        )


def _check_streams(dataset, content, frames, sizes):
    """Refuse a compressed picture that gives itself another size than the file says: decoders believe the picture."""
    from pydicom.encaps import generate_frames

    found = 0
    for stream in generate_frames(content, number_of_frames=frames):
        found += 1
        size = stream_size(stream)
        if size is not None and size != (sizes["Rows"], sizes["Columns"], sizes["SamplesPerPixel"]):
            raise InputError(
                "a compressed picture in the file has another size than the file says; get it anew from where it came"
            )
    if found < frames:
        raise InputError(f"the file declares {frames} frames but holds {found}; get it anew from where it came")


def stream_size(stream: bytes) -> tuple[int, int, int] | None:
    """(rows, columns, colours) that a JPEG, JPEG-LS or JPEG 2000 stream gives for itself; None of any other.

    >>> stream_size(bytes.fromhex("ffd8 ffc0 0011 08 0010 0020 03".replace(" ", "")) + bytes(9))
    (16, 32, 3)
    """
    if stream[4:8] == b"jP  ":  # a JP2 file around the stream
        stream = stream[max(stream.find(b"\xff\x4f\xff\x51"), 0) :]
    if stream[:4] == b"\xff\x4f\xff\x51":
        right, below, left, above = struct.unpack_from(">IIII", stream, 8)
        return below - above, right - left, struct.unpack_from(">H", stream, 40)[0]
    if stream[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 4 <= len(stream):
        if stream[at] != 0xFF:
            at += 1
            continue
        marker = stream[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD9:
            at += 1 if marker == 0xFF else 2
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns, colours = struct.unpack_from(">HHB", stream, at + 5)
            return rows, columns, colours
        else:
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
    return None
