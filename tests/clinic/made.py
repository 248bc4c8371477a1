"""DICOM files for tests, harmless, with planted identifiers that nothing may repeat."""

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROOT = "1.2.276.0.7230010.3.1.9"  # of test files alone
PLANTED = ("Plantedname", "PLANTED-ID-4711", "19370213", "PLANTEDACC", "Plantedclinic", "Plantedoctor")
CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4", "CR": "1.2.840.10008.5.1.4.1.1.1"}
AXIAL = np.array([[1.0, 0, 0], [0, 1.0, 0]])  # directions along a row and along a column, LPS
SAGITTAL = np.array([[0, 1.0, 0], [0, 0, -1.0]])
OBLIQUE = np.array([[0.96, 0.28, 0], [-0.28 * 0.8, 0.96 * 0.8, 0.6]])


def slice_of(pixels, number=1, position=(0, 0, 0), directions=AXIAL, spacing=(1.0, 1.0), modality="MR", series="1"):
    """One single-frame data set with the identifiers planted; `pixels` (H, W) int16 or uint16."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = CLASSES[modality]
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.{series}.{number}"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{ROOT}.7", f"{ROOT}.7.{series}"
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = f"{ROOT}.8", ""
    made.PatientName, made.PatientID, made.PatientBirthDate = "Plantedname^Anna", "PLANTED-ID-4711", "19370213"
    made.PatientSex, made.AccessionNumber, made.StudyID = "F", "PLANTEDACC", "1"
    made.InstitutionName, made.ReferringPhysicianName = "Plantedclinic", "Plantedoctor^B"
    made.StudyDate, made.StudyTime, made.ContentDate, made.ContentTime = "20200102", "101112", "20200102", "101113"
    made.Modality, made.SeriesNumber, made.InstanceNumber = modality, 1, number
    made.Manufacturer, made.ImageType = "test", ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
    made.PixelRepresentation = int(pixels.dtype == np.int16)
    if modality != "CR":
        made.ImagePositionPatient = [round(float(each), 6) for each in position]
        made.ImageOrientationPatient = [round(float(each), 6) for each in directions.flatten()]
        made.PixelSpacing, made.SliceThickness = list(map(float, spacing)), 1.0
    if modality == "CT":
        made.RescaleSlope, made.RescaleIntercept = 1, -1024
    made.PixelData = np.ascontiguousarray(pixels).tobytes()
    return made


def series_of(volume, directions=AXIAL, spacing=(1.0, 1.0, 1.0), origin=(-10.0, 20.0, 30.0), modality="MR", series="1"):
    """A list of data sets, one a frame of (N, H, W); frame k lies k steps along the normal."""
    normal = np.cross(*directions)
    return [
        slice_of(frame, k + 1, np.array(origin) + normal * spacing[0] * k, directions, spacing[1:], modality, series)
        for k, frame in enumerate(volume)
    ]


def picture(name="CT_small.dcm", **values):
    """One of pydicom's own files under a new SOPInstanceUID, in a series and study of its own; with other values."""
    dataset = pydicom.dcmread(get_testdata_file(name, download=False))
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def saved(datasets, folder):
    """Written as files, in an order that is not that of the slices; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(datasets):
        dataset.save_as(folder / f"{(number * 37) % 97:03d}_{number}.dcm", enforce_file_format=True)
    return folder


def as_bytes(dataset):
    """A data set as a file's bytes."""
    stream = pydicom.filebase.DicomBytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def from_ras(volume, order="axial"):
    """A volume (right, front, head) as (frames, directions) of a series: axial or sagittal slices as scanners have
    them."""
    if order == "axial":  # rows from front to back, columns from the patient's right to left
        return volume[::-1, ::-1].transpose(2, 1, 0), AXIAL
    return volume[:, ::-1, ::-1].transpose(
        0, 2, 1
    ), SAGITTAL  # frames to the right, rows to the feet, columns to the back
