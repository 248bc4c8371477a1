"""`process`: a run on a file or series, and what comes of it as standard objects."""

from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from .readings import Reading


@dataclass(frozen=True, eq=False)
class Processed:
    """What came of a run on one file or series.

    objects    DICOM data sets, each with `file_meta`, to be stored: of a segmentation SEG, SR and SC; else SR and SC.
               Empty of NIfTI, which names no study
    fhir       a FHIR R4 Bundle (type "collection"): DiagnosticReport, ImagingStudy, Observations, Device
    sentences  all that was said on the way; they name no patient and no file
    answers    (B, classes) probabilities, of a regression numbers (B, 1)
    masks      of a segmentation uint8 (N, H, W) class numbers on the reading's frames; else None
    """

    objects: list[Any]
    fhir: dict
    sentences: tuple[str, ...]
    answers: np.ndarray
    reading: Reading = field(repr=False)
    masks: np.ndarray | None = field(default=None, repr=False)


def process(run: Any, path: str | PathLike | bytes | Any, known: Any = None, *, picture: bool = True) -> Processed:
    """A run on a file or series."""
    raise NotImplementedError
