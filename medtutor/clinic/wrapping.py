"""Images of a set as a scanner would have written them: what lessons and tests send through the clinic.

The images are real, or phantoms; everything else in these files is made up, and each file says so. There is no patient
behind them.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import text, whole
from ..data.card import Card
from ..errors import InputError
from .uids import uid_of

CLASSES = {"CR": "1.2.840.10008.5.1.4.1.1.1", "MR": "1.2.840.10008.5.1.4.1.1.4"}


def as_dicom(
    image: ArrayLike, card: Card, number: int = 0, *, name: str = "Nobody^Real", negative: bool = False
) -> Any:
    """An X-ray of a set as a computed radiograph, a pydicom `Dataset`; the same call gives the same one.

    image     uint8 (H, W), or (1, H, W)
    card      of its data set, which the file names as its source
    number    which image it is, from 0: its own study, series and identifiers
    name      the patient's, made up
    negative  stored as MONOCHROME1: the lowest number is white

    Raises `InputError` for anything but one grey 8-bit image.

    >>> import medtutor as mt
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> made = as_dicom(image, mt.data.card("pneumoniamnist"), 3, negative=True)
    >>> made.Modality, made.PhotometricInterpretation, int(made.pixel_array[0, 0])
    ('CR', 'MONOCHROME1', 255)
    """
    pixels = np.asarray(image)
    pixels = pixels[0] if pixels.ndim == 3 and len(pixels) == 1 else pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise InputError("as_dicom takes one grey image of 8 bits, uint8 (H, W)")
    made = _object("CR", card, f"image {whole('number', number, 0)}", 1, text("name", name))
    made.BodyPartExamined, made.ViewPosition, made.PatientOrientation = "CHEST", "PA", ["L", "F"]
    fill(made, 255 - pixels if negative else pixels)
    made.PhotometricInterpretation = "MONOCHROME1" if negative else "MONOCHROME2"
    return made


def as_series(volume: ArrayLike, card: Card, number: int = 0) -> list[Any]:
    """A volume as axial MRI slices, pydicom `Dataset`s from the feet to the head, 1 mm apart.

    volume  uint8 or uint16 (R, A, S): to the right, front and head, 1 mm voxels
    card    of its data set
    number  which volume it is, from 0

    Raises `InputError` for another shape or type.

    >>> import medtutor as mt
    >>> made = as_series(np.zeros((4, 5, 6), np.uint8), mt.data.card("hippocampus"))
    >>> len(made), made[0].Rows, made[0].Columns, [float(each) for each in made[1].ImagePositionPatient]
    (6, 5, 4, [0.0, 0.0, 1.0])
    """
    voxels = np.asarray(volume)
    if voxels.dtype not in (np.uint8, np.uint16) or voxels.ndim != 3:
        raise InputError("as_series takes one grey volume, uint8 or uint16 (R, A, S)")
    slices = []
    # Rows from front to back, columns from the patient's right to the left, as a radiologist looks at them.
    for height, pixels in enumerate(voxels[::-1, ::-1].transpose(2, 1, 0)):
        made = _object("MR", card, f"volume {whole('number', number, 0)}", height + 1, "Nobody^Real")
        made.ImagePositionPatient, made.ImageOrientationPatient = [0, 0, height], [1, 0, 0, 0, 1, 0]
        made.PixelSpacing, made.SliceThickness, made.SpacingBetweenSlices = [1, 1], 1, 1
        made.FrameOfReferenceUID, made.PositionReferenceIndicator = uid_of("frame", card.name, str(number)), ""
        made.ScanningSequence, made.SequenceVariant, made.ScanOptions, made.MRAcquisitionType = "GR", "NONE", "", "3D"
        made.RepetitionTime = made.EchoTime = made.EchoTrainLength = None
        fill(made, pixels)
        made.PhotometricInterpretation = "MONOCHROME2"
        slices.append(made)
    return slices


def blank(kind: str, modality: str, instance: str, study: str, series: str) -> Any:
    """The head that every made-up object has, without pixels: a pydicom `Dataset` of nobody.

    kind                    the UID of its SOP class
    modality                what it says of itself
    instance, study, series its own UIDs

    >>> blank(CLASSES["MR"], "MR", "2.25.1", "2.25.2", "2.25.3").StudyDate
    '20260101'
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made: Any = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = kind
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = instance
    made.StudyInstanceUID, made.SeriesInstanceUID = study, series
    made.StudyDate = made.ContentDate = "20260101"
    made.StudyTime = made.ContentTime = "120000"
    made.PatientBirthDate = made.PatientSex = made.AccessionNumber = made.ReferringPhysicianName = ""
    made.StudyID, made.Modality, made.SeriesNumber, made.InstanceNumber = "1", modality, 1, 1
    return made


def fill(made: Any, pixels: np.ndarray, stored: int | None = None) -> None:
    """Put grey pixels, uint8 or uint16 (H, W), into a pydicom `Dataset`.

    stored  how many bits of each are used; left out: all

    >>> made = blank(CLASSES["CR"], "CR", "2.25.1", "2.25.2", "2.25.3")
    >>> fill(made, np.zeros((3, 5), np.uint8))
    >>> made.Rows, made.Columns, len(made.PixelData)
    (3, 5, 16)
    """
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PixelRepresentation, made.BitsAllocated = 1, 0, 8 * pixels.itemsize
    made.BitsStored = stored or made.BitsAllocated
    made.HighBit = made.BitsStored - 1
    data = np.ascontiguousarray(pixels).tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)


def _object(modality, card, which, instance, name):
    """An object of a set: real pixels, or a phantom's, and nobody's name."""
    facts = (modality, card.name, which)
    own = uid_of("instance", *facts, str(instance), name)
    made = blank(CLASSES[modality], modality, own, uid_of("study", *facts), uid_of("series", *facts))
    made.PatientName, made.PatientID, made.InstanceNumber = name, f"{card.name} {which}", instance
    made.SeriesDate, made.SeriesTime = made.StudyDate, made.StudyTime
    made.Manufacturer = "medtutor"
    made.ImageType = ["DERIVED", "SECONDARY"] + (["OTHER"] if modality == "MR" else [])
    made.ImageComments = f"Made from {card.title}, for teaching. NOT FOR CLINICAL USE"
    return made
