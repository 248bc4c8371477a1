"""The watcher's memory: which objects were processed, refused and sent, in a SQLite file that outlives every kill.

An object is known by the SHA-256 of its content, and by that of its SOPInstanceUID; no identifier and no name of a file
stands in the journal. Several watchers may share one: each says that it lives by a lock on a file of its own, which the
system lets go whenever and however the process ends. What a dead one had begun, another takes over.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..errors import InputError, MedtutorError
from ..files import locked

VERSION = 1
ATTEMPTS = 5  # that ended with the end of the process; then the object is to blame
SCHEMA = """
CREATE TABLE objects (
    key TEXT PRIMARY KEY,      -- SHA-256 of the content
    instance TEXT,             -- SHA-256 of the SOPInstanceUID, where it has one
    state TEXT NOT NULL,       -- begun, done, refused
    owner TEXT,                -- of what is begun: which watcher
    attempts INTEGER NOT NULL,
    reason TEXT                -- of what is refused
) WITHOUT ROWID;
CREATE INDEX by_instance ON objects (instance);
CREATE TABLE results (
    instance TEXT PRIMARY KEY, -- SHA-256 of the result's SOPInstanceUID
    content TEXT NOT NULL,     -- SHA-256 of its content
    key TEXT NOT NULL,         -- of what it is the result
    file TEXT NOT NULL,        -- its name in the folder of results
    state TEXT NOT NULL,       -- waiting, sent, refused
    owner TEXT,                -- of what is waiting: which watcher is at it
    reason TEXT
) WITHOUT ROWID;
CREATE INDEX by_state ON results (state);
CREATE TABLE about (
    model TEXT NOT NULL        -- whose results these are
);
CREATE TABLE series (
    uid TEXT PRIMARY KEY,      -- SHA-256 of the SeriesInstanceUID
    count INTEGER NOT NULL     -- of its objects, when all were fetched
) WITHOUT ROWID;
"""
OTHER = (
    "an object with the same SOPInstanceUID, and other content, was here before; a correction is a new instance, with a"
    " new UID"
)
POISON = f"the process ended {ATTEMPTS} times while it was at it; look at it by itself, on a machine with more memory"


def digest_of(text: str) -> str:
    """SHA-256 of a UID, by which it is known here.

    >>> digest_of("1.2.3")[:12]
    'c47f5b18b8a4'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Journal:
    """The journal in a folder, open for one watcher; to be closed, or used in a `with`.

    folder  a `Path`; the journal is the file journal.sqlite in it, made where there is none
    model   SHA-256 of the model's weights: a journal is of one model

    Raises `InputError` for a file that is no journal, and for that of another model; `MedtutorError` where it cannot be
    written.
    """

    def __init__(self, folder: Path, model: str = "") -> None:
        from filelock import FileLock

        self.owner = uuid4().hex[:12]
        self._folder, self._alive = folder, folder / "alive"
        try:
            self._alive.mkdir(parents=True, exist_ok=True)
            with locked(folder):
                self._lock = FileLock(self._alive / self.owner)
                self._lock.acquire()
        except OSError as error:
            raise MedtutorError(
                f"{folder} cannot be written ({error.strerror or type(error).__name__}); choose another folder"
            ) from None
        try:
            self._open(folder / "journal.sqlite", model)
        except BaseException:
            self.close()
            raise

    def _open(self, file, model):
        with _understandable():
            self._data = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
            self._data.execute("PRAGMA journal_mode = WAL")
            self._data.execute("PRAGMA synchronous = FULL")  # on the disk, when a call returns
        with self._at_once() as data:
            version = data.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in SCHEMA.split(";"):
                    data.execute(statement)
                data.execute("INSERT INTO about VALUES (?)", (model,))
                data.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise InputError(f"{file} was written by another version of medtutor; choose another folder")
            if data.execute("SELECT model FROM about").fetchone()[0] != model:
                raise InputError(f"{file} tells of another model's results; choose another folder for this one's")

    @contextmanager
    def _at_once(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, and no other watcher in between."""
        with _understandable():
            self._data.execute("BEGIN IMMEDIATE")
            try:
                yield self._data
            except BaseException:
                with suppress(sqlite3.Error):
                    self._data.execute("ROLLBACK")
                raise
            self._data.execute("COMMIT")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Once is enough. What was begun and not ended is for the next to take over."""
        data, self._data = getattr(self, "_data", None), None
        if data is not None:
            data.close()
        with suppress(OSError):
            with locked(self._folder):
                self._lock.release()
                (self._alive / self.owner).unlink(missing_ok=True)

    # --- who lives ---------------------------------------------------------------------------------------------------

    def lives(self, owner: str) -> bool:
        """Whether a watcher with this name runs, here or in another process."""
        from filelock import FileLock, Timeout

        if owner == self.owner:
            return True
        with locked(self._folder):
            file = self._alive / os.path.basename(owner)
            if not file.exists():
                return False
            lock = FileLock(file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return True
            lock.release()
            file.unlink(missing_ok=True)  # nobody holds it, and none will again
            return False

    # --- objects -----------------------------------------------------------------------------------------------------

    def begin(self, key: str, instance: str | None = None) -> str:
        """Take an object on: "mine" where it is now for this watcher to process, or why it is not.

        key       SHA-256 of the content
        instance  SHA-256 of its SOPInstanceUID

        "busy" where another watcher is at it, "done" and "refused" where it was here before. Where one with the same
        UID and other content was here, or it ended the process too often, it is refused, and `reason` says why.
        """
        with self._at_once() as data:
            row = data.execute("SELECT state, owner, attempts FROM objects WHERE key = ?", (key,)).fetchone()
            if row is None:
                other = (
                    instance
                    and data.execute(
                        "SELECT 1 FROM objects WHERE instance = ? AND state != 'refused'", (instance,)
                    ).fetchone()
                )
                values = ("refused", None, 0, OTHER) if other else ("begun", self.owner, 1, None)
                data.execute("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", (key, instance, *values))
                return "refused" if other else "mine"
            state, owner, attempts = row
            if state != "begun":
                return state
            if owner != self.owner and self.lives(owner):
                return "busy"
            if attempts >= ATTEMPTS:
                self._refuse(data, key, POISON)
                return "refused"
            data.execute("UPDATE objects SET owner = ?, attempts = attempts + 1 WHERE key = ?", (self.owner, key))
            return "mine"

    def reason(self, key: str) -> str | None:
        """Why an object was refused."""
        with _understandable():
            row = self._data.execute("SELECT reason FROM objects WHERE key = ?", (key,)).fetchone()
        return row and row[0]

    def done(self, key: str, results: Iterable[tuple[str, str, str]] = ()) -> None:
        """An object was processed; what came of it waits to be sent.

        results  of each: SHA-256 of its SOPInstanceUID, SHA-256 of its content, the file's name
        """
        with self._at_once() as data:
            for instance, content, file in results:
                row = data.execute("SELECT content FROM results WHERE instance = ?", (instance,)).fetchone()
                if row is None:
                    values = (instance, content, key, file, "waiting", None, None)
                    data.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                elif row[0] != content:
                    raise MedtutorError(f"a result cannot be sent: {OTHER}")
            data.execute("UPDATE objects SET state = 'done', owner = NULL WHERE key = ?", (key,))

    def refuse(self, key: str, reason: str, instance: str | None = None) -> None:
        """An object cannot be processed, and why, in a sentence without identifiers."""
        with self._at_once() as data:
            data.execute("INSERT OR IGNORE INTO objects VALUES (?, ?, 'begun', NULL, 1, NULL)", (key, instance))
            self._refuse(data, key, reason)

    def _refuse(self, data, key, reason):
        data.execute("UPDATE objects SET state = 'refused', owner = NULL, reason = ? WHERE key = ?", (reason, key))

    def knows(self, instance: str) -> bool:
        """Whether an object with this SHA-256 of its SOPInstanceUID was here, or is one of our own results."""
        question = "SELECT 1 FROM objects WHERE instance = ? UNION ALL SELECT 1 FROM results WHERE instance = ?"
        with _understandable():
            return self._data.execute(question, (instance, instance)).fetchone() is not None

    # --- results -----------------------------------------------------------------------------------------------------

    def take(self, most: int) -> list[tuple[str, str, str]]:
        """Results that wait to be sent, now for this watcher to send: (SHA-256 of the UID, key, the file's name)."""
        with self._at_once() as data:
            owners = data.execute("SELECT DISTINCT owner FROM results WHERE state = 'waiting'").fetchall()
            free = [owner for (owner,) in owners if owner is not None and not self.lives(owner)] + [self.owner]
            mine = f"state = 'waiting' AND (owner IS NULL OR owner IN ({', '.join('?' * len(free))}))"
            rows = data.execute(
                f"SELECT instance, key, file FROM results WHERE {mine} LIMIT ?", (*free, most)
            ).fetchall()
            data.executemany(
                "UPDATE results SET owner = ? WHERE instance = ?", [(self.owner, instance) for instance, *_ in rows]
            )
            return rows

    def sent(self, instances: Iterable[str]) -> None:
        """Results with these SHA-256 of their UIDs are in the archive."""
        with self._at_once() as data:
            data.executemany(
                "UPDATE results SET state = 'sent', owner = NULL WHERE instance = ?", [(each,) for each in instances]
            )

    def unsent(self, instance: str, reason: str) -> None:
        """A result that the archive does not take, and why; it is not tried again."""
        with self._at_once() as data:
            data.execute(
                "UPDATE results SET state = 'refused', owner = NULL, reason = ? WHERE instance = ?", (reason, instance)
            )

    # --- series of an archive ----------------------------------------------------------------------------------------

    def fetched(self, series: str) -> int:
        """How many objects a series had when all were fetched; 0 where it was not."""
        with _understandable():
            row = self._data.execute("SELECT count FROM series WHERE uid = ?", (series,)).fetchone()
        return row[0] if row else 0

    def all_fetched(self, series: str, count: int) -> None:
        """All objects of a series were fetched, so many."""
        with self._at_once() as data:
            data.execute("INSERT OR REPLACE INTO series VALUES (?, ?)", (series, count))

    def counts(self) -> dict[str, int]:
        """How many objects are done, refused and begun; how many results are sent, waiting and unsent."""
        with _understandable():
            objects = dict(self._data.execute("SELECT state, count(*) FROM objects GROUP BY state"))
            results = dict(self._data.execute("SELECT state, count(*) FROM results GROUP BY state"))
        found = {state: objects.get(state, 0) for state in ("done", "refused", "begun")}
        return found | {
            name: results.get(state, 0)
            for name, state in (("sent", "sent"), ("waiting", "waiting"), ("unsent", "refused"))
        }


@contextmanager
def _understandable():
    try:
        yield
    except sqlite3.OperationalError as error:
        raise MedtutorError(
            f"the journal cannot be written ({error}); make room, or see that its folder can be written"
        ) from None
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"the journal is damaged ({error}); move journal.sqlite away: what has a folder of results is not processed"
            " again"
        ) from None
