"""What becomes of each attribute when a DICOM object is de-identified: the Basic Profile of PS3.15, and own rules.

`basic_profile.csv` is the standard's table. It says nothing of attributes that it does not name, and those may hold
text as well: here it is emptied, but for the technical ones in `KEPT`. The standard leaves open what to do with an
attribute of several actions ("X/Z/D"); here it is always the last one, with which an object keeps its form.
"""

import csv
from functools import cache
from importlib.resources import files

# Text and bytes that the table does not name and that describe how an image was made, or are parts of a code.
KEPT = frozenset(
    """
    CodeValue CodeMeaning CodingSchemeDesignator CodingSchemeVersion CodingSchemeName LongCodeValue URNCodeValue
    Manufacturer ManufacturerModelName SoftwareVersions DeidentificationMethod
    SequenceName PulseSequenceName ConvolutionKernel FilterType ImagedNucleus ReceiveCoilName TransmitCoilName
    AcquisitionMode AcquisitionDeviceProcessingCode AttenuationCorrectionMethod ReconstructionMethod
    ScatterCorrectionMethod ModalityLUTType RescaleType WindowCenterWidthExplanation LUTExplanation Radiopharmaceutical
    PositionReferenceIndicator StackID SegmentLabel SegmentAlgorithmName AlgorithmName AlgorithmVersion
    PatientSpeciesDescription DimensionDescriptionLabel
    PixelData FloatPixelData DoubleFloatPixelData SpectroscopyData ICCProfile
    RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
    SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData
    SegmentedBluePaletteColorLookupTableData LUTData
    """.split()
)
# Replaced although the table does not name them: a text or a name in a structured report must not be left out.
REPLACED = {"TextValue": "D", "SegmentDescription": "D", "EvaluatorName": "D"}
FREE = frozenset("AE LO LT OB OD OF OL OV OW PN SH ST UC UN UR UT".split())  # value representations that hold anything
BYTES = frozenset("OB OD OF OL OV OW UN".split())  # of these
TIMES = frozenset(("DA", "DT", "TM"))


def action_of(tag: int, keyword: str, vr: str) -> str:
    """What becomes of an attribute: one of

        "keep"     as it is; a sequence is gone through
        "remove"
        "empty"
        "replace"  by words that say nothing; a sequence is gone through
        "uid"      replaced by another unique identifier, the same in every file
        "move"     a date, moved with all others of the patient

    tag      group and element as one number, of no private element
    keyword  as pydicom's dictionary has it; "" where it does not know the tag
    vr       value representation, two letters

    >>> action_of(0x00100010, "PatientName", "PN"), action_of(0x00080020, "StudyDate", "DA")
    ('empty', 'move')
    >>> action_of(0x00281050, "WindowCenter", "DS"), action_of(0x00181020, "SoftwareVersions", "LO")
    ('keep', 'keep')
    """
    if not keyword or tag >> 24 in (0x50, 0x60) or tag & 0xFFFF == 0 or vr == "UN":
        return "remove"  # what nobody knows; curves and overlays; lengths of groups
    letters, dates = _table().get(tag, ("", False))
    letter = REPLACED.get(keyword) or letters.rpartition("/")[2]
    if vr in TIMES and (dates or letter in ("", "D")):
        return "move"
    if not letter:
        if vr == "UI":
            return "uid"
        return "keep" if vr not in FREE or keyword in KEPT else "remove" if vr in BYTES else "empty"
    return {"X": "remove", "Z": "empty", "D": "replace", "U": "uid", "U*": "keep"}[letter]


@cache
def _table():
    """{tag: (action as the standard writes it, whether it is a date that may stay, moved)}; groups 50xx and 60xx are
    above.
    """
    text = files(__package__).joinpath("basic_profile.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {int(row["tag"], 16): (row["action"], row["dates"] == "C") for row in rows if "x" not in row["tag"]}
