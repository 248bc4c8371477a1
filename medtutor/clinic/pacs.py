"""A PACS: asked, read from and sent to, by DIMSE or by DICOMweb.

`connect` takes an address and gives one of two classes with the same methods: `echo`, `find`, `retrieve`, `store`. An
object is sent as it is, in its own transfer syntax; pydicom's `compress` and `decompress` would give it a new UID. What
the archive holds under an object's UID is looked at first: Orthanc, for one, answers "success" to a second object with
other content, and keeps the first.
"""

import fnmatch
import io
import re
import socket
from collections.abc import Iterable
from os import PathLike
from typing import Any
from urllib.parse import urlsplit

from ..checks import number, one_of
from ..errors import InputError, MedtutorError
from .opening import open_dicom

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


def connect(address: str, *, timeout: float = 10) -> "Pacs":
    """The PACS at an address.

    address  "dicom://CALLER@HOST:PORT/CALLED", with the titles (AE titles) of both sides, or where its DICOMweb is:
             "http://HOST:PORT/dicom-web"
    timeout  seconds that each answer may take

    Nothing is sent before the first question. Raises `InputError` for anything else than such an address, and where the
    package that it takes is not installed.

    >>> from medtutor.clinic.pacs import connect
    >>> connect("dicom://MEDTUTOR@127.0.0.1:4242/ORTHANC")
    Dimse('dicom://MEDTUTOR@127.0.0.1:4242/ORTHANC')
    >>> connect("http://127.0.0.1:8042/dicom-web").kind
    'DICOMweb'
    """
    seconds = number("timeout", timeout, above=0)
    try:
        parts = urlsplit(address)
        if parts.scheme == "dicom" and parts.hostname and parts.port:
            titles = [parts.username or "", parts.path.strip("/")]
            if all(re.fullmatch(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?", title) for title in titles):
                return Dimse(address, parts.hostname, parts.port, *titles, seconds)
        elif parts.scheme in ("http", "https") and parts.hostname and (parts.port or True):
            return Web(address, parts.hostname, seconds)
    except (AttributeError, TypeError, ValueError):
        pass
    raise InputError(
        "this is no address of a PACS; give dicom://CALLER@HOST:PORT/CALLED, with AE titles of at most 16 letters, or the"
        " http:// address of its DICOMweb"
    )


def _needs(error):
    return InputError(f'{error.name} is not installed; run: pip install "medtutor[clinic]"')


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
        new = [uid for uid, each in first.items() if not self.holds(each)]
        self._send([first[uid] for uid in new])
        return [each.SOPInstanceUID in new and first[each.SOPInstanceUID] is each for each in objects]

    def holds(self, dataset: Any) -> bool:
        """Whether the archive holds this very object. Raises `PacsRefused` where it holds another under its UID."""
        found = self._find("instance", {name: str(dataset.get(name, "")) for name in UIDS})
        if not found:  # elsewhere, under another study: an archive goes by the object's UID alone
            found = self._find("instance", {"SOPInstanceUID": str(dataset.SOPInstanceUID)})
        if not found:
            return False
        if not same(open_dicom(self.retrieve(found[0])), dataset):
            raise PacsRefused(OTHER)
        return True

    def _find(self, level, filters):
        raise NotImplementedError

    def _send(self, datasets):
        raise NotImplementedError


OTHER = (
    "another object with the same SOPInstanceUID, and other content, was sent before; a correction is a new instance,"
    " with a new UID"
)


def as_bytes(dataset: Any) -> bytes:
    """A pydicom data set as the content of a DICOM file, with preamble and meta information.

    Raises `InputError` for one that cannot be written as such.
    """
    from pydicom import dcmwrite

    file = io.BytesIO()
    try:
        dcmwrite(file, dataset, enforce_file_format=True)
    except Exception as error:  # of pydicom anything may come, and its words hold values
        raise InputError(
            f"a data set cannot be written as a DICOM file ({type(error).__name__}); give it its UIDs and a file_meta"
            " with TransferSyntaxUID"
        ) from None
    return file.getvalue()


def _whole(thing):
    """A file or data set as it will be in the archive."""
    return open_dicom(thing if isinstance(thing, (str, PathLike, bytes)) else as_bytes(thing))


PIXELS, PADDING = 0x7FE00010, 0xFFFCFFFC  # the padding at the end is no content, and Orthanc's C-GET leaves it out


def same(one: Any, other: Any) -> bool:
    """Whether two data sets are one object: all elements alike; the pixels, where the transfer syntaxes differ, decoded."""
    import numpy as np

    if one is other:
        return True
    recoded = one.file_meta.TransferSyntaxUID != other.file_meta.TransferSyntaxUID
    recoded = recoded and "PixelData" in one and "PixelData" in other
    left_out = {PADDING, PIXELS} if recoded else {PADDING}
    first, second = ({each.tag: each for each in thing if each.tag not in left_out} for thing in (one, other))
    return first == second and (not recoded or np.array_equal(one.pixel_array, other.pixel_array))


# --- DIMSE ---------------------------------------------------------------------------------------------------------


class Dimse(Pacs):
    """By the network services of PS3.7: C-ECHO, C-FIND, C-GET and C-STORE; an association for each call.

    C-GET in place of C-MOVE: what is asked for comes back on the same connection, so nobody must be able to call us.
    """

    kind = "DIMSE"

    def __init__(self, address, host, port, caller, called, timeout):
        try:
            import pynetdicom  # noqa: F401
        except ImportError as error:
            raise _needs(error) from None
        super().__init__(address)
        self._host, self._port, self._caller, self._called, self._timeout = host, port, caller, called, timeout

    def _entity(self):
        from pynetdicom import AE

        entity = AE(ae_title=self._caller)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self._timeout
        return entity

    def _talk(self, contexts, question, roles=(), handlers=()):
        """What `question` makes of an association with these [(class, [transfer syntax, …]), …]."""
        from pynetdicom import evt

        entity = self._entity()
        for kind, syntaxes in contexts:
            entity.add_requested_context(kind, syntaxes)
        handlers = [(evt.EVT_CONN_OPEN, _at_once), (evt.EVT_DATA_SENT, _at_once), *handlers]
        connection = entity.associate(
            self._host, self._port, ae_title=self._called, ext_neg=list(roles), evt_handlers=handlers
        )
        if not connection.is_established:
            if connection.is_rejected:
                raise PacsRefused(
                    "the PACS refuses the association; ask whether it knows the calling AE title, from this machine, and"
                    " whether its own is the one that is called"
                )
            raise PacsAway("the PACS does not answer; ask whether it runs, and whether host and port are right")
        try:
            return question(connection)
        except (OSError, RuntimeError) as error:
            raise PacsAway(f"the connection to the PACS broke ({type(error).__name__}); try again") from None
        finally:
            if connection.is_established:
                connection.release()

    def echo(self):
        from pynetdicom.sop_class import Verification

        status = self._talk([(Verification, None)], lambda connection: connection.send_c_echo())
        _check(status, "answer an echo")

    def _find(self, level, filters):
        from pydicom.dataset import Dataset
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

        asked = Dataset()
        asked.QueryRetrieveLevel = {"study": "STUDY", "series": "SERIES", "instance": "IMAGE"}[level]
        for keyword in LEVELS[level]:
            setattr(asked, keyword, None)
        for keyword, value in filters.items():
            setattr(asked, keyword, value)

        def question(connection):
            found = []
            for status, answer in connection.send_c_find(asked, Find):
                _check(status, "search", (0xFF00, 0xFF01))
                if answer is not None:
                    found.append(answer)
            return found

        return self._talk([(Find, None)], question)

    def retrieve(self, found):
        from pydicom.dataset import Dataset
        from pynetdicom import ALL_TRANSFER_SYNTAXES, build_role, evt
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as Get

        asked = Dataset()
        asked.QueryRetrieveLevel = "IMAGE"
        for name in UIDS:
            setattr(asked, name, found[name].value)
        came = []

        def receive(event):
            # The data set alone, saved as it comes, is a file that pydicom refuses: it lacks the meta information.
            came.append(event.encoded_dataset(include_meta=True))
            return 0x0000

        def question(connection):
            for status, _ in connection.send_c_get(asked, Get):
                _check(status, "give an object", (0xFF00,))

        # Each syntax by itself: whoever sends takes the one in which the object is stored.
        contexts = [(found.SOPClassUID, [syntax]) for syntax in ALL_TRANSFER_SYNTAXES]
        self._talk(
            [(Get, None), *contexts],
            question,
            [build_role(found.SOPClassUID, scp_role=True)],
            [(evt.EVT_C_STORE, receive)],
        )
        if len(came) != 1:
            raise PacsRefused("the PACS gave no such object, though it had found it; ask for it by DICOMweb")
        return came[0]

    def _send(self, datasets):
        if not datasets:
            return
        kinds = dict.fromkeys((each.SOPClassUID, each.file_meta.TransferSyntaxUID) for each in datasets)

        def question(connection):
            taken = {(context.abstract_syntax, context.transfer_syntax[0]) for context in connection.accepted_contexts}
            if not taken.issuperset(kinds):
                raise PacsRefused(
                    "the PACS takes no objects of this kind (SOP class and transfer syntax) by DIMSE; send it"
                    " uncompressed, or by DICOMweb"
                )
            for each in datasets:
                _check(connection.send_c_store(each), "store the object", (0xB000, 0xB006, 0xB007))

        self._talk([(kind, [syntax]) for kind, syntax in kinds], question)


def _at_once(event):
    """Both sides write an answer in two parts, and hold the second back until the first is acknowledged, which takes
    40 ms where nobody says otherwise: four times as long as the rest.
    """
    link = event.assoc.dul.socket.socket
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_QUICKACK"):  # of Linux; holds until the next answer
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _check(status, what, more=()):
    code = status.get("Status")
    if code is None:  # pynetdicom's word for: no answer, or an abort
        raise PacsAway(
            f"the PACS broke off when it was asked to {what}; it may not know this caller: enter its AE title, host and"
            " port there among the modalities that it knows"
        )
    if code in TRY_AGAIN:
        raise PacsAway(f"the PACS has no room to {what} (status {code:04X}); try again later")
    if code != 0x0000 and code not in more:
        raise PacsRefused(f"the PACS does not {what} (status {code:04X}); its own log says why")


# --- DICOMweb ------------------------------------------------------------------------------------------------------


class Web(Pacs):
    """By the web services of PS3.18: QIDO-RS, WADO-RS and STOW-RS."""

    kind = "DICOMweb"

    def __init__(self, address, host, timeout):
        try:
            import requests
            from dicomweb_client import DICOMwebClient
        except ImportError as error:
            raise _needs(error) from None
        super().__init__(address)
        session = requests.Session()
        session.trust_env = host not in ("127.0.0.1", "localhost", "::1")  # no proxy leads to this machine
        self._client = DICOMwebClient(address.rstrip("/"), session=session, timeout=timeout)
        self._client.set_http_retry_params(retry=False)  # who calls decides when to try again

    def _ask(self, what, question, *arguments, **options):
        import requests

        try:
            return question(*arguments, **options)
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if code in (408, 429, 500, 502, 503, 504, 507):
                raise PacsAway(f"the PACS could not {what} (HTTP status {code}); try again later") from None
            raise PacsRefused(f"the PACS does not {what} (HTTP status {code}); its own log says why") from None
        except (requests.RequestException, OSError):
            raise PacsAway(
                "the PACS does not answer; ask whether it runs, and whether the address of its DICOMweb is right"
            ) from None
        except Exception as error:  # the client's words hold what it got
            raise PacsRefused(
                f"the PACS answered something that is no DICOMweb ({type(error).__name__}) when asked to {what}; give the"
                " address of its DICOMweb, such as http://HOST:PORT/dicom-web"
            ) from None

    def echo(self):
        self._ask("search", self._client.search_for_studies, limit=1)

    def _find(self, level, filters):
        from pydicom.dataset import Dataset

        # Some servers (Orthanc's plugin 1.7) do not decode the percent signs that a client rightly writes, and answer
        # "nothing found" without an error. What would need them is matched here.
        sent = {name: value for name, value in filters.items() if re.fullmatch(r"[\w.~-]+", value, re.ASCII)}
        search = {
            "study": self._client.search_for_studies,
            "series": self._client.search_for_series,
            "instance": self._client.search_for_instances,
        }[level]
        if level != "study":
            within = UIDS[: 1 if level == "series" else 2]
            if set(within) <= set(sent):
                names = ("study_instance_uid", "series_instance_uid")
                search = _with(search, dict(zip(names, (sent.pop(name) for name in within))))
        fields = [*LEVELS[level], *filters]
        answers = self._ask("search", search, search_filters=sent, fields=fields, get_remaining=True)
        found = self._ask("search", lambda: [Dataset.from_json(answer) for answer in answers])
        here = {name: value for name, value in filters.items() if value and name not in (*sent, *UIDS)}
        return [each for each in found if all(_matches(each.get(name), value) for name, value in here.items())]

    def retrieve(self, found):
        uids = [str(found[name].value) for name in UIDS]
        every = (("application/dicom", "*"),)
        return as_bytes(
            self._ask("give an object", self._client.retrieve_instance, *uids, media_types=every)
        )

    def frames(self, found: Any, numbers: list[int]) -> list[bytes]:
        """The raw bytes of single frames, numbered from 1, of what `find("instance")` gave.

        Raises as `retrieve` does: an archive need not give single frames of every object.
        """
        uids = [str(found[name].value) for name in UIDS]
        raw = ("application/octet-stream",)  # by default the client asks for what Orthanc does not give
        return self._ask("give frames", self._client.retrieve_instance_frames, *uids, numbers, media_types=raw)

    def _send(self, datasets):
        if not datasets:
            return
        answer = self._ask("store the object", self._client.store_instances, datasets)
        failed = answer.get("FailedSOPSequence") or []
        reasons = [int(item.get("FailureReason", 0)) for item in failed]
        if any(reason in TRY_AGAIN for reason in reasons):
            raise PacsAway("the PACS has no room to store the object; try again later")
        if failed:
            raise PacsRefused(f"the PACS does not store the object (reason {reasons[0]:04X}); its own log says why")


def _with(search, options):
    return lambda **more: search(**options, **more)


def _matches(value, pattern):
    """As an archive matches: `*` and `?`, and of names without a look at capitals."""
    values = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    escaped = pattern.replace("[", "[[]").upper()
    return any(fnmatch.fnmatchcase(str(each if each is not None else "").upper(), escaped) for each in values)
