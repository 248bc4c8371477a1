"""What DIMSE and DICOMweb have in common: the methods of a PACS, its errors, and when two objects are the same."""

from collections.abc import Iterable
from os import PathLike
from typing import Any

from ..checks import one_of
from ..errors import InputError, MedtutorError
from .journal import OTHER
from .opening import open_dicom
from .uids import as_bytes

LEVELS = {
    "study": ("StudyInstanceUID", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"),
    "series": ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances"),
    "instance": ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber"),
}
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
TRY_AGAIN = range(0xA700, 0xA800)  # out of resources, PS3.4 table B.2-1


class PacsAway(MedtutorError):
    """Nobody answers, the connection broke, or the archive has no room: it may work later."""


class PacsRefused(InputError):
    """The archive answered no, or would have taken it and kept something else."""


class Pacs:
    """What both have in common."""

    kind = ""

    def __init__(self, address: str) -> None:
        self.address = address

    def __repr__(self):
        return f"{type(self).__name__}({self.address!r})"

    def echo(self) -> None:
        """Does nothing, where the archive answers. Raises `PacsAway` or `PacsRefused` where not."""
        raise NotImplementedError

    def find(self, level: str, **filters: Any) -> list[Any]:
        """What it holds: pydicom data sets with the UIDs of each, and what was asked for; names are not asked for.

        level    "study", "series" or "instance"
        filters  what must match, by keyword: Modality="CT", PatientName="DOE*", StudyDate="20260101-20261231"

        Raises `InputError` for an unknown level or keyword, `PacsAway` and `PacsRefused`.
        """
        from pydicom.datadict import tag_for_keyword

        one_of("level", level, LEVELS)
        for keyword in filters:
            if tag_for_keyword(keyword) is None:
                raise InputError(f"{keyword[:40]!r} is no keyword of DICOM; write it as in Modality or StudyDate")
        return self._find(level, {keyword: str(value) for keyword, value in filters.items()})

    def retrieve(self, found: Any) -> bytes:
        """The content of a DICOM file, of what `find("instance")` gave; in the transfer syntax in which it is stored.

        Raises `PacsAway`, and `PacsRefused` where the archive does not give it.
        """
        raise NotImplementedError

    def store(self, objects: Iterable[Any]) -> list[bool]:
        """Send DICOM files or pydicom data sets. For each: True where it was sent, False where the archive held it.

        Raises `PacsRefused` where the archive holds another object under the same UID, before anything is sent: a
        correction is a new instance, with a UID of its own. And where it takes none of this kind; `PacsAway` where it
        does not answer, `InputError` for what is no DICOM object.
        """
        objects = [_whole(each) for each in objects]
        first: dict[str, Any] = {}
        for each in objects:
            if not same(first.setdefault(each.SOPInstanceUID, each), each):
                raise PacsRefused(OTHER)
        held = {each.SOPInstanceUID: each for each in self._look_up(list(first))}
        for uid, found in held.items():
            if uid in first and not same(open_dicom(self.retrieve(found)), first[uid]):
                raise PacsRefused(OTHER)
        self._send([each for uid, each in first.items() if uid not in held])
        return [each.SOPInstanceUID not in held and first[each.SOPInstanceUID] is each for each in objects]

    def _look_up(self, uids):
        """What it holds of these, under whatever study and series: an archive goes by the object's UID alone."""
        return [found for uid in uids for found in self._find("instance", {"SOPInstanceUID": str(uid)})]

    def _find(self, level, filters):
        raise NotImplementedError

    def _send(self, datasets):
        raise NotImplementedError


def written(dataset: Any) -> bytes:
    """A pydicom data set as the content of a DICOM file. Raises `InputError` for one that cannot be written as such."""
    try:
        return as_bytes(dataset)
    except Exception as error:  # of pydicom anything may come, and its words hold values
        raise InputError(
            f"a data set cannot be written as a DICOM file ({type(error).__name__}); give it its UIDs and a file_meta"
            " with TransferSyntaxUID"
        ) from None


def _whole(thing):
    """A file or data set as it will be in the archive."""
    return open_dicom(thing if isinstance(thing, (str, PathLike, bytes)) else written(thing))


PIXELS, PADDING = 0x7FE00010, 0xFFFCFFFC  # the padding at the end is no content, and Orthanc's C-GET leaves it out


def same(one: Any, other: Any) -> bool:
    """Whether two data sets are one object: all elements alike; of two transfer syntaxes the decoded pixels."""
    import numpy as np

    if one is other:
        return True
    recoded = one.file_meta.TransferSyntaxUID != other.file_meta.TransferSyntaxUID
    recoded = recoded and "PixelData" in one and "PixelData" in other
    left_out = {PADDING, PIXELS} if recoded else {PADDING}
    first, second = ({each.tag: each for each in thing if each.tag not in left_out} for thing in (one, other))
    return first == second and (not recoded or np.array_equal(one.pixel_array, other.pixel_array))


def needs(error):
    return InputError(f'{error.name} is not installed; run: pip install "medtutor[clinic]"')
