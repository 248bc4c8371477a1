"""What all DICOM objects here share: whose study they join, who made them, that they are not for clinical use.

The dates and times in them are those of the source, so that the same input gives the same instance, byte for byte;
when it was computed is for whoever keeps a journal.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from ..errors import InputError
from ..training.run import Run
from .readings import Reading
from .uids import model_hash, settle, uid_of, weights_hash

NOT_CLINICAL = "NOT FOR CLINICAL USE"
MAKER = "medtutor"
# What every object of a patient's study needs; "" is "not known", and is allowed for each of them.
STUDY = {
    "PatientID": 64,
    "PatientName": 64,
    "PatientBirthDate": 8,
    "PatientSex": 1,
    "AccessionNumber": 16,
    "StudyID": 16,
    "StudyDate": 8,
    "StudyTime": 16,
    "ReferringPhysicianName": 64,
}
SERIES = {"SEG": 9301, "SR": 9302, "SC": 9303}  # numbers of our series, which a scanner does not reach


@dataclass(frozen=True)
class Author:
    """Which model made an object, and of what it is.

    hash     of all that the answer depends on
    weights  SHA-256 of the weights
    """

    model: str
    title: str
    version: str
    hash: str
    weights: str

    @classmethod
    def of(cls, run: Run) -> "Author":
        """That of a run."""
        title = f"{run.card.title} (PHANTOM)" if run.provenance == "phantom" else run.card.title
        weights = weights_hash(run)
        return cls(str(run.model.name), title, version("medtutor"), model_hash(run, weights), weights)

    @property
    def words(self) -> tuple[str, ...]:
        """What every object says of it, a line each."""
        return (
            NOT_CLINICAL,
            f"made by {MAKER} {self.version}, model {self.model} trained on {self.title}",
            f"weights SHA-256 {self.weights}",
        )

    def equipment(self) -> dict[str, Any]:
        """As highdicom takes it."""
        return {
            "manufacturer": MAKER,
            "manufacturer_model_name": f"{MAKER} {self.model}"[:64],
            "software_versions": self.version,
            "device_serial_number": self.hash[:32],
        }


@contextmanager
def quietly(what: str) -> Iterator[None]:
    """Within, highdicom says nothing, and what it refuses is an `InputError`: its words hold a patient's name."""
    loggers = [logging.getLogger(name) for name in ("highdicom", "pydicom")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        except (InputError, ImportError):
            raise
        except Exception as error:
            raise InputError(
                f"no {what} can be written about these images ({type(error).__name__}): their file lacks what it needs,"
                " or has it in another form than the standard's"
            ) from None
        finally:
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)


def check_installed() -> None:
    """Raises `InputError` without highdicom."""
    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise InputError("writing DICOM needs highdicom; install it with: pip install medtutor[clinic]") from None


def cleaned(reading: Reading) -> tuple[list[Any], list[str]]:
    """(copies of the sources that highdicom takes, words): what a study needs and lacks is empty, what is no value of
    its kind too.
    """
    from pydicom.valuerep import DA, TM

    found, lost = [], set()
    for source in reading.sources:
        copy = type(source)()
        copy.update(source)
        copy.file_meta = source.file_meta
        for name, most in STUDY.items():
            value = str(copy.get(name) or "")
            if name == "PatientSex":
                right = value in ("", "M", "F", "O")
            else:
                right = _readable(value, {"Date": DA, "Time": TM}.get(name[-4:])) and len(value) <= 4 * most
            if not right:
                lost.add(name)
            if not right or name not in copy or copy[name].value is None:
                setattr(copy, name, "")
        found.append(copy)
    return found, [f"the file's {name} is in no form of the standard and was left out" for name in sorted(lost)]


def _readable(value, kind):
    if kind is None or not value:
        return "\\" not in value
    try:
        return kind(value) is not None
    except (ValueError, TypeError):
        return False


def series_of(kind: str, source: Any, author: Author) -> dict[str, Any]:
    """Number and UID of the series of our objects of a kind, about the series of a source."""
    return {
        "series_instance_uid": uid_of("series", kind, str(source.SeriesInstanceUID), author.hash),
        "series_number": SERIES[kind],
        "sop_instance_uid": uid_of("unsettled"),
        "instance_number": 1,
    }


def finished(dataset: Any, kind: str, reading: Reading, author: Author) -> Any:
    """An object with its dates, its words and at last its own UID."""
    source = reading.sources[0]
    date, time = _when(source)
    dataset.ContentDate, dataset.ContentTime = date, time
    for name in ("InstanceCreationDate", "InstanceCreationTime"):
        if name in dataset:
            del dataset[name]
    if "DateOfSecondaryCapture" in dataset:
        dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = date, time
    # highdicom adds itself to those that had a part in it, and when.
    for item in (dataset.get("ContributingEquipmentSequence") or [])[
        len(source.get("ContributingEquipmentSequence") or []) :
    ]:
        if "ContributionDateTime" in item:
            del item.ContributionDateTime
    if dataset.get("PatientIdentityRemoved") == "YES":  # highdicom copies that, and not how
        for name in ("DeidentificationMethod", "DeidentificationMethodCodeSequence"):
            if name in source:
                dataset[name] = source[name]
        if "DeidentificationMethod" not in dataset and "DeidentificationMethodCodeSequence" not in dataset:
            dataset.DeidentificationMethod = "not said by the source images"
    dataset.SeriesDescription = f"{MAKER} {kind}: {NOT_CLINICAL}"
    if kind != "SR":
        dataset.ImageComments = "; ".join(author.words)
    return settle(dataset, reading.sources, kind, author.hash, *(uid for uid, _ in reading.instances))


def _when(source):
    for name in ("Content", "Acquisition", "Series", "Study"):
        date, time = str(source.get(f"{name}Date") or ""), str(source.get(f"{name}Time") or "")
        if len(date) == 8 and date.isdigit() and _readable(time, _time_kind()):
            return date, time or "000000"
    return "19000101", "000000"  # the file says no day


def _time_kind():
    from pydicom.valuerep import TM

    return TM
