"""`read_images`: DICOM and NIfTI files as a `Reading`."""

from os import PathLike
from typing import Any

from .readings import Reading


def read_images(source: str | PathLike | bytes | Any) -> Reading:
    """A file, a folder, a data set or a list of them as a `Reading`."""
    raise NotImplementedError
