"""A PACS by DIMSE, with pynetdicom."""

import socket

from .pacs_base import LEVELS, TRY_AGAIN, UIDS, Pacs, PacsAway, PacsRefused, needs

NOT_TAKEN = (
    "the PACS takes no objects of this kind (SOP class and transfer syntax) by DIMSE; send it uncompressed, or by"
    " DICOMweb"
)


class Dimse(Pacs):
    """By the network services of PS3.7: C-ECHO, C-FIND, C-GET and C-STORE; an association for each call.

    C-GET in place of C-MOVE: what is asked for comes back on the same connection, so nobody must be able to call us.
    """

    kind = "DIMSE"

    def __init__(self, address, host, port, caller, called, timeout):
        try:
            import pynetdicom  # noqa: F401
        except ImportError as error:
            raise needs(error) from None
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
                    "the PACS refuses the association; ask whether it knows the calling AE title, from this machine,"
                    " and whether its own is the one that is called"
                )
            if connection.rejected_contexts:  # it answered, and took none of what was proposed
                raise PacsRefused(NOT_TAKEN)
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

    def _look_up(self, uids):
        groups = [uids[start : start + 100] for start in range(0, len(uids), 100)]  # a list of UIDs is one question
        return [found for some in groups for found in self._find("instance", {"SOPInstanceUID": "\\".join(some)})]

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
                raise PacsRefused(NOT_TAKEN)
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
