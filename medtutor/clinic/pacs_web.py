"""A PACS by DICOMweb, with dicomweb-client."""

import fnmatch
import re
from typing import Any

from .pacs_base import LEVELS, TRY_AGAIN, UIDS, Pacs, PacsAway, PacsRefused, needs, written


class Web(Pacs):
    """By the web services of PS3.18: QIDO-RS, WADO-RS and STOW-RS."""

    kind = "DICOMweb"

    def __init__(self, address, host, timeout):
        try:
            import requests
            from dicomweb_client import DICOMwebClient
        except ImportError as error:
            raise needs(error) from None
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
                f"the PACS answered something that is no DICOMweb ({type(error).__name__}) when asked to {what}; give"
                " the address of its DICOMweb, such as http://HOST:PORT/dicom-web"
            ) from None

    def echo(self):
        self._ask("search", self._client.search_for_studies, limit=1)

    def _find(self, level, filters):
        from pydicom.dataset import Dataset

        # Some servers (Orthanc's plugin 1.7) do not decode the percent signs that a client rightly writes, and answer
        # "nothing found" without an error. What would need them is matched here.
        sent = {name: value for name, value in filters.items() if re.fullmatch(r"[\w.~-]+", value, re.ASCII)}
        asked = set(sent)
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
        own = UIDS[list(LEVELS).index(level)]
        fields = [*LEVELS[level], *filters]
        found: dict[str, Any] = {}
        while True:  # a server may answer in parts, or ignore from where on it is asked: then all comes again
            part = self._ask("search", search, search_filters=sent, fields=fields, offset=len(found))
            some = self._ask("search", lambda part=part: [Dataset.from_json(answer) for answer in part])
            new = {str(each[own].value): each for each in some if own in each and str(each[own].value) not in found}
            if not new:
                break
            found |= new
        here = {name: value for name, value in filters.items() if value and name not in asked}
        for each in found.values():
            for element in list(each):  # servers send names without being asked
                if element.keyword not in (*fields, "SpecificCharacterSet"):
                    del each[element.tag]
        return [each for each in found.values() if all(_matches(each.get(name), value) for name, value in here.items())]

    def retrieve(self, found):
        uids = [str(found[name].value) for name in UIDS]
        every = (("application/dicom", "*"),)
        return written(self._ask("give an object", self._client.retrieve_instance, *uids, media_types=every))

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
