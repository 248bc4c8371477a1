"""`Reading`: what was read of one file or series, in one convention, with words on what was done to it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Reading:
    """Images of one file or one series.

    frames    float32 (N, H, W) of grey images, (N, H, W, 3) of colours 0…255; in the modality's units, more is
              brighter
    affine    float64 (4, 4): (frame, row, column, 1) to millimetres in DICOM's axes, to the patient's left, back and
              head (LPS); centres of pixels. None where the files do not say where the frames lie
    spacing   millimetres between frames, rows and columns; None for each that the files do not say
    modality  DICOM's code, such as "CT"; "" where the file does not say
    units     of the values, such as "HU"; "" where the file does not say
    window    (centre, width) in units of `frames`, the file's first; None where it has none
    curve     of the window: "LINEAR", "LINEAR_EXACT" or "SIGMOID"
    padding   the value of pixels that are no part of the image; None where none is named
    instances (SOPInstanceUID, frame number from 1) of each frame; () of NIfTI
    sources   the data sets without their pixels, each once, in the order of the frames; [] of NIfTI
    sentences what was done and what to beware of; they name no patient and no file
    kind      "image", "volume" (frames lie one above the other) or "frames" (of a loop, or of no known place)

    Frames of a volume rise along the normal, which is rows' direction x columns' direction (the cross product of
    ImageOrientationPatient's two): of axial images from the feet to the head, whatever the order of the files.
    """

    frames: np.ndarray
    affine: np.ndarray | None
    spacing: tuple[float | None, float | None, float | None]
    modality: str
    units: str = ""
    window: tuple[float, float] | None = None
    curve: str = "LINEAR"
    padding: float | None = None
    instances: tuple[tuple[str, int], ...] = ()
    sources: tuple[Any, ...] = field(default=(), repr=False)
    sentences: tuple[str, ...] = ()
    kind: str = "image"

    @property
    def colour(self) -> bool:
        """Whether frames have three colours."""
        return self.frames.ndim == 4

    @property
    def orientation(self) -> np.ndarray | None:
        """(3, 3): the directions of frames, rows and columns as unit columns, LPS; None where unknown."""
        if self.affine is None:
            return None
        return self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def position(self) -> np.ndarray | None:
        """(3,): the centre of the first pixel of the first frame, LPS in mm; None where unknown."""
        return None if self.affine is None else self.affine[:3, 3]
