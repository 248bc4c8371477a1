"""A Run between real systems: DICOM and NIfTI in; segmentations, structured reports, pictures and FHIR out."""

from .deidentify import Deidentified, Deidentifier, deidentify_folder
from .fitting import ModelInput, as_input
from .opening import open_dicom
from .processing import Processed, process
from .reading import read_images
from .readings import Reading

__all__ = [
    "Deidentified",
    "Deidentifier",
    "ModelInput",
    "Processed",
    "Reading",
    "as_input",
    "deidentify_folder",
    "open_dicom",
    "process",
    "read_images",
]
