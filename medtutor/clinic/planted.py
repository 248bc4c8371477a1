"""Sixty made-up identifiers, planted in a DICOM object where such things stand, and a search for them afterwards.

A de-identification is tried on them: on ours, and on any other program's. The person does not exist.
"""

from typing import Any

import numpy as np

from ..errors import InputError

# Identifiers by where they stand. `Keyword` is an element; "nested", "private" and the rest are told in `plant`.
PLANTED = {
    "PatientName": "Musterfrau^Adelheid^Rosalinde",
    "PatientID": "PAT-4711-0815",
    "PatientBirthDate": "19310704",
    "PatientAge": "095Y",
    "OtherPatientIDs": "OLD-220184",
    "OtherPatientNames": "Lindqvist^Adelheid",
    "PatientBirthName": "Holmgren^Adelheid",
    "PatientMotherBirthName": "Ekstrand^Gunnhild",
    "PatientAddress": "Birkenallee 17",
    "PatientTelephoneNumbers": "+49-555-0134-229",
    "CountryOfResidence": "Ruritania",
    "EthnicGroup": "Karelian",
    "Occupation": "Organ builder",
    "MilitaryRank": "Oberfeldarzt",
    "MedicalRecordLocator": "MRL-903377",
    "PatientReligiousPreference": "Quietist",
    "IssuerOfPatientID": "QUELLHEIM-MPI",
    "AdmissionID": "ADM-665544",
    "PatientComments": "twin sister of Mrs Sundstroem",
    "AdditionalPatientHistory": "fell off the bell tower of St Ottmar",
    "AccessionNumber": "ACC-778812",
    "StudyID": "STU-30991",
    "StudyDate": "20260117",
    "AcquisitionDateTime": "20260118101112.5",
    "StudyInstanceUID": "1.2.826.0.1.3680043.9.7777.11.20260117",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.9.7777.12.20260117",
    "SOPInstanceUID": "1.2.826.0.1.3680043.9.7777.13.20260117",
    "FrameOfReferenceUID": "1.2.826.0.1.3680043.9.7777.14.20260117",
    "InstitutionName": "Klinik Abendstern",
    "InstitutionAddress": "Am Stadtgraben 3",
    "InstitutionalDepartmentName": "Kinderradiologie Nord",
    "StationName": "QHEIM-US-02",
    "DeviceSerialNumber": "SN-55501987",
    "ReferringPhysicianName": "Wackernagel^Theodora",
    "ReferringPhysicianTelephoneNumbers": "+49-555-0177-8811",
    "PerformingPhysicianName": "Isselhorst^Benno",
    "OperatorsName": "Trelawney^Kit",
    "PhysiciansOfRecord": "Oppermann^Silke",
    "RequestingPhysician": "Zabriskie^Juno",
    "StudyDescription": "Follow-up of Mrs Querfurth",
    "SeriesDescription": "as asked by Dr Yarborough",
    "ProtocolName": "Protocol Prof Nachtigall",
    "ImageComments": "compare with Mr Vandenberg",
    "RequestedProcedureDescription": "as for Miss Umlauf",
    "DerivationDescription": "sent by Ulrike Xanthopoulos",
    "nested number": "RP-120034",
    "nested name": "Fitzwilliam^Odo",
    "nested uid": "1.2.826.0.1.3680043.9.7777.15.20260117",
    "nested deep": "Ravenscroft^Maud",
    "code": "seen by Dr Wackernagel",
    "kernel": "KRN Musterfrau",
    "private": "Private note on Mrs Jablonski",
    "private nested": "Kowalczyk^Ida",
    "overlay": "Overlay of Mrs Eichendorff",
    "overlay comments": "drawn by Dr Hohenlohe",
    "preamble": "Preamble Gottschalk",
    "head": "Sent from Dievenow",
    "after the pixels": "Behind it all Petrosyan",
    "padding": "Padding Brunswick",
    "burned in": "MUSTERFRAU 04.07.1931",
}


def plant(dataset: Any) -> None:
    """Put the identifiers of `PLANTED` into a pydicom `Dataset` of an image, uncompressed, which is changed.

    "burned in" is drawn into the pixels, at the top left of each frame, white on black.

    Raises `InputError` for a data set with pixels of other than 8 or 16 bits, or that are compressed.

    >>> from pydicom import dcmread
    >>> from pydicom.data import get_testdata_file
    >>> scan = dcmread(get_testdata_file("CT_small.dcm"))
    >>> plant(scan)
    >>> scan.PatientAge, len(PLANTED)
    ('095Y', 60)
    """
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    if dataset.get("BitsAllocated") not in (8, 16) or dataset.file_meta.TransferSyntaxUID.is_compressed:
        raise InputError("identifiers are planted in images of 8 or 16 bits, not compressed; decompress it first")
    for name, value in PLANTED.items():
        if name[0].isupper():
            setattr(dataset, name, value)
    request, physician, code, deep = Dataset(), Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99LOCAL", PLANTED["code"]
    physician.PersonName, physician.InstitutionName = PLANTED["nested name"], PLANTED["InstitutionName"]
    deep.PersonName = PLANTED["nested deep"]
    request.RequestedProcedureID = PLANTED["nested number"]
    request.ReasonForRequestedProcedureCodeSequence = Sequence([code])
    request.add_new(0x00400039, "SQ", Sequence([physician]))
    physician.add_new(0x0040A730, "SQ", Sequence([deep]))
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = dataset.SOPClassUID, PLANTED["nested uid"]
    dataset.RequestAttributesSequence = Sequence([request])
    dataset.ReferencedImageSequence = Sequence([image])
    dataset.AcquisitionContextSequence = Sequence([physician])
    dataset.ProcedureCodeSequence = Sequence([code])
    dataset.ConvolutionKernel = PLANTED["kernel"]
    block = dataset.private_block(0x0099, "QUELLHEIM", create=True)
    block.add_new(1, "LO", PLANTED["private"])
    inner = Dataset()
    inner.PatientName = PLANTED["private nested"]
    block.add_new(2, "SQ", Sequence([inner]))
    _overlay(dataset)
    dataset.add_new(0xFFFCFFFC, "OB", PLANTED["padding"].encode() + b"\0" * (len(PLANTED["padding"]) % 2))
    dataset.preamble = PLANTED["preamble"].encode().ljust(128, b"\0")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.826.0.1.3680043.9.7777"
    dataset.file_meta.PrivateInformation = PLANTED["head"].encode()
    _burn(dataset)


def _overlay(dataset):
    words = PLANTED["overlay"].encode()
    dataset.add_new(0x60000010, "US", 16)
    dataset.add_new(0x60000011, "US", 16)
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60003000, "OW", words.ljust(32, b"\0"))
    dataset.add_new(0x60004000, "LT", PLANTED["overlay comments"])


def _burn(dataset):
    """Draw the letters into each frame, and put others behind the pixels."""
    from PIL import Image, ImageDraw, ImageFont

    shape = (-1, dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    signed = "i" if dataset.get("PixelRepresentation") else "u"
    size = dataset.BitsAllocated // 8
    count = int(dataset.get("NumberOfFrames") or 1) * dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    pixels = np.frombuffer(dataset.PixelData, f"<{signed}{size}", count).reshape(shape).copy()
    words = PLANTED["burned in"].split() if dataset.Columns < 300 else [PLANTED["burned in"]]
    sheet = Image.new("L", (int(dataset.Columns), 20 * len(words) + 2))
    font = ImageFont.load_default(15)
    for line, word in enumerate(words):
        ImageDraw.Draw(sheet).text((4, 20 * line), word, 255, font)
    ink = np.asarray(sheet)[..., None] / 255
    high, low = float(pixels.max()), float(pixels.min())
    pixels[:, : len(ink)] = (low + ink * (high - low)).astype(pixels.dtype)
    behind = PLANTED["after the pixels"].encode()
    dataset.PixelData = pixels.tobytes() + behind + b"\0" * (len(behind) % 2)


def left_in(data: bytes) -> list[str]:
    """Those of `PLANTED` that still stand in these bytes, large or small, of one or two bytes a letter, by their keys.

    A name counts where it stands as DICOM writes names, a sentence where its last word is. What stands in the pixels
    as a picture needs eyes: `read_off`.

    >>> left_in(b"... MUSTERFRAU^A ... 19310704 ...")
    ['PatientName', 'PatientBirthDate']
    """
    texts = [text.lower() for text in (data, data.replace(b"\0", b""))]
    return [name for name in PLANTED if any(word in text for word in _words(name) for text in texts)]


def _words(name):
    """What must not be found of an identifier, as bytes in small letters."""
    value = PLANTED[name]
    last = value.rpartition(" ")[2]
    if "^" in value:
        family, *given = value.split("^")
        found = [f"{family}^", *(part for part in given if len(part) >= 4 and part != "Adelheid")]
    elif name not in ("code", "kernel") and " " in value and last.isalpha() and last[0].isupper():
        found = [last]
    else:
        found = [value]
    return [each.lower().encode() for each in found]


def read_off(dataset: Any, pictures: int = 2) -> str:
    """The words that tesseract, a program that reads letters, finds in some frames of a pydicom `Dataset`, in small
    letters: eyes that know nothing of how letters were sought here.

    pictures  how many frames are read: the first, the last, and some between

    Raises `InputError` where tesseract or the package pytesseract is not there.
    """
    try:
        import pytesseract
        from PIL import Image

        pytesseract.get_tesseract_version()
    except Exception:
        raise InputError(
            "tesseract is not there; install it (apt-get install tesseract-ocr, pip install pytesseract)"
        ) from None
    pixels = np.asarray(dataset.pixel_array, dtype=np.float32)
    pixels = pixels.reshape(-1, dataset.Rows, dataset.Columns, dataset.SamplesPerPixel).max(axis=3)
    said = []
    for frame in pixels[np.unique(np.linspace(0, len(pixels) - 1, pictures).round().astype(int))]:
        grey = (255 * (frame - frame.min()) / max(frame.max() - frame.min(), 1)).astype(np.uint8)
        large = Image.fromarray(grey).resize((3 * grey.shape[1], 3 * grey.shape[0]), Image.Resampling.BICUBIC)
        for picture in (large, Image.eval(large, lambda value: 255 - value)):
            said.append(pytesseract.image_to_string(picture, config="--psm 11"))
    return " ".join(" ".join(said).lower().split())
