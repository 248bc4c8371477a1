"""`Measured`: one number that a model said, with its code and unit, for the report and for FHIR alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.card import Card
from .codes import AREA, EJECTION, FINDING, MM2, MM3, NO_UNIT, PERCENT, PROBABILITY, VOLUME, Code, of_class
from .readings import Reading

DIGITS = 4  # of a probability: the rest is noise, and would make another instance on another machine


@dataclass(frozen=True)
class Measured:
    """One number.

    name     of the class, or of what is predicted
    finding  its code
    what     the code of what is measured: a probability, a volume, …
    value, unit
    case     which frame of the reading it is about, from 0; None: all of them
    segment  number of the segment, of a segmentation
    """

    name: str
    finding: Code
    what: Code
    value: float
    unit: Code
    case: int | None = None
    segment: int | None = None
    many: bool = False

    @property
    def title(self) -> str:
        """What it is in words."""
        return f"{self.name}, image {self.case + 1}" if self.many and self.case is not None else self.name

    def __str__(self) -> str:
        unit = "" if self.unit == NO_UNIT else f" {self.unit.value}"
        return f"{self.title}: {self.what.meaning.lower()} {self.value:g}{unit}"


def of_answers(answers: np.ndarray, card: Card, reading: Reading) -> list[Measured]:
    """What a classification or a regression said of each case; (B, classes) probabilities or numbers.

    Where all frames were one case, it is about all of them.
    """
    found = []
    single = len(answers) == len(reading.frames)
    for case, row in enumerate(answers):
        place: dict[str, Any] = {"case": case if single else None, "many": len(answers) > 1}
        for number, value in enumerate(row):
            name = card.classes[number]
            if card.task == "regression":
                ejection = name == "ejection fraction"  # of the set a share, in a report per cent
                what, unit, scale = (EJECTION, PERCENT, 100) if ejection else (FINDING, NO_UNIT, 1)
                found.append(Measured(name, what, what, round(scale * float(value), DIGITS), unit, **place))
            else:
                code = of_class(card, number)
                found.append(Measured(name, code, PROBABILITY, round(float(value), DIGITS), NO_UNIT, **place))
    return found


def of_masks(masks: np.ndarray, card: Card, reading: Reading) -> list[Measured]:
    """Volume of each structure in mm³, of single images its area in mm²; none where distances are not known.

    masks  uint8 (N, H, W)
    """
    between, rows, columns = reading.spacing
    if rows is None or columns is None or (reading.kind == "volume" and between is None):
        return []
    found = []
    for number in range(1, len(card.classes)):
        code = of_class(card, number)
        if reading.kind == "volume":
            value = float((masks == number).sum()) * _voxel(reading)
            found.append(Measured(card.classes[number], code, VOLUME, round(value, 1), MM3, segment=number))
        else:
            for case, mask in enumerate(masks):
                area = round(float((mask == number).sum()) * rows * columns, 1)
                many = len(masks) > 1
                found.append(Measured(card.classes[number], code, AREA, area, MM2, case=case, many=many))
    return found


def _voxel(reading):
    """mm³, also of slices that are shifted against each other."""
    if reading.affine is not None:
        return abs(float(np.linalg.det(reading.affine[:3, :3])))
    return float(np.prod(reading.spacing))
