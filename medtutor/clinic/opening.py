"""`open_dicom`: a DICOM file, checked before memory is asked for what it declares."""

from os import PathLike
from typing import Any


def open_dicom(file: str | PathLike | bytes, pixels: bool = True) -> Any:
    """A DICOM file as a pydicom `Dataset`, checked before any of it is believed."""
    raise NotImplementedError
