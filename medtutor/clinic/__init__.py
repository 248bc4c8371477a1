"""A Run between real systems: DICOM and NIfTI in; segmentations, structured reports, pictures and FHIR out."""

from .fitting import ModelInput, as_input
from .opening import open_dicom
from .processing import Processed, process
from .reading import read_images
from .readings import Reading

__all__ = ["ModelInput", "Processed", "Reading", "as_input", "open_dicom", "process", "read_images"]
