"""De-identification: the Basic Profile of DICOM PS3.15, its dates moved and its pixels cleaned.

What is written is made anew from what may stay: an element is copied, replaced, or not there. Nothing that stands
between the elements comes along: preamble, private group of the file's head, comments of a JPEG, bits and bytes beyond
the pixels. Times of day stay, since they are moved by whole days: so a date without a time moves as one with.

Sentences and errors name a file by its place in the folder, sorted by name, and never by its name or by what stands in
it: names of files are often those of patients.
"""

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

from ..checks import instance
from ..errors import InputError, MedtutorError
from ..files import resolve, write_whole
from .opening import only_our_words, open_dicom
from .pixels import cleaned_pixels
from .profile import action_of

METHOD = "medtutor: PS3.15 Basic Profile; dates moved; pixels cleaned"
# Codes of PS3.16 CID 7050.
CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
UNREADABLE = "it holds what cannot be read as the standard has it; leave it out"
DUMMY = "REMOVED"  # what replaced text says
DEEPEST = 40  # sequences within sequences
LONGEST_KEY, SHORTEST_KEY = 4096, 16
# Whatever stands here is looked for in what stays; a name is looked for part by part.
NAMING = frozenset(
    """
    PatientID OtherPatientIDs AccessionNumber InstitutionName InstitutionAddress InstitutionalDepartmentName
    PatientAddress PatientTelephoneNumbers MedicalRecordLocator StationName DeviceSerialNumber
    """.split()
)
# Words of the standard alone, without which an object falls apart; a person may be called Text or Seg.
FORM = frozenset("ValueType RelationshipType ContinuityOfContent Modality PhotometricInterpretation".split())
PIXELS = frozenset(
    "PixelData FloatPixelData DoubleFloatPixelData ExtendedOffsetTable ExtendedOffsetTableLengths".split()
)
DATE, TIME = r"\d{8}", r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?"
MOMENT = re.compile(rf"({DATE})((?:{TIME})?(?:[+-]\d{{4}})?)")


@dataclass(frozen=True)
class Deidentified:
    """What `deidentify_folder` has done.

    written   how many files were written
    cleaned   of how many of them letters were blacked out
    left_out  {place of a file in the folder, from 1: why it was not written, in a sentence}
    """

    written: int
    cleaned: int
    left_out: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        black = f"letters, or what looks like them, blacked out in {self.cleaned}: look at the pictures all the same"
        said = [
            f"{self.written} files de-identified; {black}",
            *(f"file {place} left out: {why}" for place, why in self.left_out.items()),
        ]
        return "\n".join(said)


class Deidentifier:
    """Replaces what identifies a person, alike in all objects that it is given.

    key  at least 16 bytes from which pseudonyms, unique identifiers and the move of the dates are made; who has it can
         check a guess. Left out: a new one, which nobody knows, also not later

    Raises `InputError` for another key.

    >>> from pydicom import dcmread
    >>> from pydicom.data import get_testdata_file
    >>> made = Deidentifier().dataset(dcmread(get_testdata_file("CT_small.dcm")))
    >>> made.PatientIdentityRemoved, str(made.PatientBirthDate), "PatientAge" in made
    ('YES', '', False)
    """

    def __init__(self, key: bytes | None = None):
        if key is not None and not (isinstance(key, bytes) and SHORTEST_KEY <= len(key) <= LONGEST_KEY):
            raise InputError(
                f"key must be {SHORTEST_KEY} to {LONGEST_KEY} bytes; make one with secrets.token_bytes(32)"
            )
        self._key = key or secrets.token_bytes(32)

    def dataset(self, dataset: Any) -> Any:
        """A new pydicom `Dataset` without what identifies a person; the one given stays as it is.

        Its pixels are uncompressed, and black where letters stood. `save_as` writes it as it is.

        Raises `InputError` for what cannot be cleaned: an embedded document, a private kind of object, pixels that
        cannot be decoded. It never says what stood in the object.
        """
        return self.cleaned(dataset)[0]

    def cleaned(self, dataset: Any) -> tuple[Any, float]:
        """As `dataset`, and with it the share of the picture that was blacked out, 0…1."""
        from pydicom.dataset import Dataset

        instance("dataset", dataset, Dataset, "a pydicom Dataset")
        with only_our_words(UNREADABLE):
            return self._cleaned(dataset)

    def _cleaned(self, dataset):
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, UID_dictionary

        if str(dataset.get("SOPClassUID", "")) not in UID_dictionary:
            raise InputError(
                "it is no kind of object that the standard knows, and nobody can say where names stand in it"
            )
        if "EncapsulatedDocument" in dataset:
            raise InputError("it holds a document, whose pages cannot be cleaned; leave it out")
        patient = _patient(dataset)
        names = _Names(dataset)
        made = self._copy(dataset, patient, names, 0)
        made.PatientID = made.PatientName = self._pseudonym(patient)
        found = cleaned_pixels(dataset, made)
        self._record(made, found is not None)
        if found is not None:
            made.BurnedInAnnotation = "NO"
        made.file_meta = FileMetaDataset()
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.preamble = bytes(128)
        return made, found or 0.0

    def _copy(self, dataset, patient, names, depth):
        """What may stay of a data set, and of those within it."""
        from pydicom.datadict import keyword_for_tag
        from pydicom.dataelem import empty_value_for_VR
        from pydicom.dataset import Dataset
        from pydicom.sequence import Sequence

        if depth > DEEPEST:
            raise InputError(f"its sequences are nested more than {DEEPEST} deep; such a file is broken, leave it out")
        made = Dataset()
        for tag in dataset.keys():
            keyword = "" if tag.is_private else keyword_for_tag(tag)
            if not keyword or keyword in PIXELS:
                continue
            try:
                element = dataset[tag]
                value, vr = element.value, element.VR
            except Exception:
                continue  # what cannot be read cannot be judged
            action = action_of(tag, keyword, vr)
            if action == "remove":
                continue
            if vr == "SQ":
                items = [] if action == "empty" else [self._copy(item, patient, names, depth + 1) for item in value]
                value = Sequence(items)
            elif action == "empty":
                value = empty_value_for_VR(vr)
            elif action == "replace":
                value = _dummy(vr)
            elif action == "uid":
                value = _each(value, self.uid)
            elif action == "move":
                value = _each(value, lambda moment, vr=vr: self._moved(moment, vr, patient))
            elif keyword not in FORM and names.stand_in(value):
                value = DUMMY if vr in ("LO", "SH", "ST", "LT", "UT", "UC", "CS") else None
            made.add_new(tag, vr, value)
        return made

    def uid(self, uid: str) -> str:
        """Another unique identifier, always the same for the same one; one that the standard defines stays."""
        from pydicom.uid import UID_dictionary

        if not uid or uid in UID_dictionary:
            return uid
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', uid)[:16], version=4).int}"

    def _pseudonym(self, patient):
        return f"P-{self._digest('patient', patient).hex()[:12].upper()}"

    def _moved(self, moment, vr, patient):
        """A date, date with time, or time; "" of what is none. All dates of a patient move by as many days."""
        moment = str(moment).strip()
        if vr == "TM":
            return moment if re.fullmatch(TIME, moment) else ""
        found = MOMENT.fullmatch(moment.replace(".", "") if vr == "DA" else moment)
        if not found or vr == "DA" and found[2]:
            return ""
        back = timedelta(days=365 + int.from_bytes(self._digest("days", patient)[:4], "big") % 3650)
        try:
            day = date(int(found[1][:4]), int(found[1][4:6]), int(found[1][6:])) - back
        except (ValueError, OverflowError):
            return ""
        return f"{day:%Y%m%d}".zfill(8) + found[2]

    def _digest(self, kind, value):
        return hmac.digest(self._key, f"{kind}:{value}".encode("utf-8", "surrogatepass"), hashlib.sha256)

    def _record(self, made, pixels):
        from pydicom.dataset import Dataset
        from pydicom.sequence import Sequence

        made.PatientIdentityRemoved = "YES"
        made.LongitudinalTemporalInformationModified = "MODIFIED"
        made.DeidentificationMethod = METHOD
        codes = []
        for value, meaning in CODES:
            if pixels or value != "113101":
                code = Dataset()
                code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
                codes.append(code)
        made.DeidentificationMethodCodeSequence = Sequence(codes)


def _patient(dataset):
    """Whose it is: by the number, where there is none by the name, where there is neither by the study; two people
    without a number do not become one.
    """
    given = [str(dataset.get(name) or "") for name in ("PatientID", "PatientName", "PatientBirthDate")]
    return given[0] or (" ".join(given[1:]) if given[1] else str(dataset.get("StudyInstanceUID") or ""))


class _Names:
    """Names and numbers of a data set, to be looked for in what stays of it."""

    def __init__(self, dataset):
        words = set()
        for element in _elements(dataset):
            for value in _values(element.value):
                text = str(value)
                if element.VR == "PN":
                    words |= {part.lower() for part in re.split(r"[\^=\s]+", text) if len(part) >= 3}
                elif element.keyword in NAMING and len(text.strip()) >= 4:
                    words.add(text.strip().lower())
        ends = r"(?<![^\W_]){}(?![^\W_])"
        self._words = re.compile("|".join(ends.format(re.escape(word)) for word in sorted(words))) if words else None

    def stand_in(self, value) -> bool:
        """Whether one of them stands in text or bytes."""
        if self._words is None:
            return False
        return any(
            self._words.search((each.decode("latin-1") if isinstance(each, bytes) else str(each)).lower())
            for each in _values(value)
            if isinstance(each, (str, bytes))
        )


def _elements(dataset, depth=0) -> Iterator[Any]:
    """All elements that can be read, those of items too."""
    for tag in dataset.keys():
        try:
            element = dataset[tag]
            value = element.value
        except Exception:
            continue
        if element.VR == "SQ":
            for item in value if depth < DEEPEST else ():
                yield from _elements(item, depth + 1)
        elif tag.group != 0x7FE0:
            yield element


def _values(value) -> list:
    from pydicom.multival import MultiValue

    return list(value) if isinstance(value, (MultiValue, list, tuple)) else [] if value is None else [value]


def _each(value, change):
    """One value, or several, each changed."""
    changed = [change(str(each)) for each in _values(value)]
    return changed if len(changed) > 1 else changed[0] if changed else None


def _dummy(vr):
    if vr in ("IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV"):
        return 0
    if vr in ("OB", "OW", "OF", "OD", "OL", "OV"):
        return b"\0\0"
    return {"AS": "000Y", "UR": "http://removed.invalid", "AT": 0}.get(vr, DUMMY)


def deidentify_folder(folder: str | PathLike, out: str | PathLike, *, key: bytes | None = None) -> Deidentified:
    """De-identify all files in a folder and below it; each becomes a file of `out`, named by its new identifier.

    folder  DICOM files; others, and links, are left out, and the answer says so
    out     a new or empty folder outside of it
    key     as `Deidentifier` takes it

    Pseudonyms, unique identifiers and the move of the dates are the same in all of them.

    Raises `InputError` for a folder that is not there or holds no file, and for an `out` that is not empty or lies
    within it; `MedtutorError` where `out` cannot be written.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pydicom.data import get_testdata_file
    >>> with tempfile.TemporaryDirectory() as place:
    ...     given = Path(place, "in")
    ...     given.mkdir()
    ...     _ = Path(given, "scan.dcm").write_bytes(Path(get_testdata_file("MR_small.dcm")).read_bytes())
    ...     print(deidentify_folder(given, Path(place, "out")))
    1 files de-identified; letters, or what looks like them, blacked out in 0: look at the pictures all the same
    """
    source, target = resolve(folder), resolve(out)
    if not source.is_dir():
        raise InputError("the folder to de-identify is not there; give one that holds DICOM files")
    if target == source or source in target.parents:
        raise InputError("the folder for the output lies within the one that is read; give another")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("the folder for the output is not empty; give a new one")
    files = sorted(path for path in source.rglob("*") if path.is_file() or path.is_symlink())
    if not files:
        raise InputError("the folder to de-identify holds no file; give one that holds DICOM files")
    deidentifier = Deidentifier(key)
    left_out: dict[int, str] = {}
    cleaned = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        for place, path in enumerate(files, start=1):
            try:
                cleaned += _write_one(deidentifier, path, target)
            except InputError as error:
                left_out[place] = str(error)
    except OSError as error:  # what cannot be read is an `InputError`
        why = error.strerror or type(error).__name__
        raise MedtutorError(
            f"the folder for the output cannot be written ({why}); make room, or give another"
        ) from None
    return Deidentified(len(files) - len(left_out), cleaned, left_out)


def _write_one(deidentifier: Deidentifier, path: Path, target: Path) -> bool:
    """Write the de-identified copy of one file; whether letters were blacked out in it."""
    if path.is_symlink():
        raise InputError("it is a link, which is not followed; give the file itself")
    content = BytesIO()
    with only_our_words(UNREADABLE):
        made, black = deidentifier.cleaned(open_dicom(path))
        made.save_as(content, enforce_file_format=True)
    name = target / f"{made.SOPInstanceUID}.dcm"
    if name.exists():
        raise InputError("another file before it has the same identifier; only the first is written")
    write_whole(name, content.getvalue())
    return black > 0
