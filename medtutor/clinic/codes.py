"""Codes of what is said in reports, from published systems: SNOMED CT, DICOM's own (part 16, annex D), LOINC, UCUM.

SNOMED CT's are those that DICOM part 16 lists, or of its free Global Patient Set. A class without a code here is
"Clinical finding" or "Tissue", with its name in words.
"""

from dataclasses import dataclass
from typing import Any

from ..data.card import Card

SYSTEMS = {  # as DICOM writes them, and as FHIR does
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
}


@dataclass(frozen=True)
class Code:
    """One concept: value, system as DICOM abbreviates it, and its meaning in words."""

    value: str
    system: str
    meaning: str

    @property
    def dicom(self) -> Any:
        """As highdicom takes it."""
        from highdicom.sr import CodedConcept

        return CodedConcept(self.value, self.system, self.meaning)

    @property
    def fhir(self) -> dict:
        """As a FHIR Coding."""
        return {"system": SYSTEMS[self.system], "code": self.value, "display": self.meaning}


PROBABILITY = Code("122157", "DCM", "Probability")
AI = Code("123110", "DCM", "Artificial Intelligence")
IMAGING = Code("363679005", "SCT", "Imaging procedure")
IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic imaging study")
FINDING = Code("404684003", "SCT", "Clinical finding")
TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
ALTERED = Code("49755003", "SCT", "Morphologically Abnormal Structure")
VOLUME = Code("118565006", "SCT", "Volume")
AREA = Code("42798000", "SCT", "Area")
EJECTION = Code("70822001", "SCT", "Cardiac ejection fraction")
NO_UNIT = Code("1", "UCUM", "no units")
PERCENT = Code("%", "UCUM", "percent")
MM3 = Code("mm3", "UCUM", "cubic millimeter")
MM2 = Code("mm2", "UCUM", "square millimeter")

# Of classes, by data set; a name that stands in several sets means the same in all of them.
CLASSES = {
    "normal": Code("17621005", "SCT", "Normal"),
    "pneumonia": Code("233604007", "SCT", "Pneumonia"),
    "malignant": Code("21594007", "SCT", "Malignant"),
    "benign": Code("30807003", "SCT", "Benign"),
    "atelectasis": Code("46621007", "SCT", "Atelectasis"),
    "cardiomegaly": Code("8186001", "SCT", "Cardiomegaly"),
    "effusion": Code("60046008", "SCT", "Pleural effusion"),
    "pneumothorax": Code("36118008", "SCT", "Pneumothorax"),
    "edema": Code("19242006", "SCT", "Pulmonary edema"),
    "emphysema": Code("87433001", "SCT", "Pulmonary emphysema"),
    "liver": Code("10200004", "SCT", "Liver"),
    "spleen": Code("78961009", "SCT", "Spleen"),
    "pancreas": Code("15776009", "SCT", "Pancreas"),
    "heart": Code("80891009", "SCT", "Heart"),
    "bladder": Code("89837001", "SCT", "Bladder"),
}
HIPPOCAMPUS = Code("5366008", "SCT", "Hippocampus")


def of_class(card: Card, number: int) -> Code:
    """The code of a class; "Clinical finding", of a segmentation "Tissue", where there is none.

    >>> from medtutor.data import card
    >>> of_class(card("pneumoniamnist"), 1).meaning, of_class(card("hippocampus"), 1).meaning
    ('Pneumonia', 'Hippocampus')
    """
    name = card.classes[number].lower()
    if card.name == "hippocampus":
        return HIPPOCAMPUS  # of its parts, head and body with tail, no code is at hand: their names are said in words
    if card.task == "segmentation":
        return CLASSES.get(name, TISSUE)
    return CLASSES.get(name, FINDING)


def category_of(code: Code) -> Code:
    """What kind of thing a segment is."""
    return TISSUE if code == TISSUE else ALTERED if code == CLASSES["malignant"] else ANATOMY
