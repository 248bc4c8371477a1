"""Files that are there whole or not at all, whenever the power goes, and folders that are written by one process at a
time.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict
from uuid import uuid4

from .errors import InputError, MedtutorError
from .records import digest, read_json, typed

LOCK = ".medtutor-lock"
WAIT = 60  # seconds for another process to end its writing


# --- paths ---------------------------------------------------------------------------


def home() -> Path | None:
    """The user's home folder, or None where there is none: an unknown user in a container, without $HOME."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def resolve(path: str | os.PathLike) -> Path:
    """The `Path` of what a user gave as a file or folder: `~` is the home folder, as in a shell.

    Every path that comes from outside goes through here. Raises `InputError` for what can be no path, and for `~` where
    there is no home folder.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in os.fsdecode(path):
        raise InputError(f"{str(path)[:60]!r} is no path; give the name of a file or folder")
    try:
        found = Path(os.fsdecode(path)).expanduser()
        os.lstat(found)
    except RuntimeError:
        raise InputError(
            f"{path} cannot be found: there is no home folder here; give the whole path, or set HOME"
        ) from None
    except (OSError, ValueError) as error:  # most errors are for whoever opens it: there may be nothing yet
        if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:
            why = "it is too long" if isinstance(error, OSError) else "it holds characters that no file name can have"
            raise InputError(f"{str(path)[:60]!r} is no path: {why}; give the name of a file or folder") from None
    return found


# --- whole files, one writer -----------------------------------------------------------


def write_whole(path: Path, content: str | bytes) -> None:
    """Write text or bytes to a `Path`; what stood there before stands until the new is on the disk.

    Raises `OSError` where the file cannot be written.
    """
    # Two processes, or threads, may write the same file: each has a partial one of its own.
    partial = path.with_name(f"{path.name}.{uuid4().hex[:8]}.partial")
    try:
        with open(partial, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def write_text(path: str | os.PathLike, content: str) -> None:
    """Write text to a file, whole or not at all. Raises `InputError` where that is impossible.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_text(file, "a line")
    >>> file.read_text()
    'a line'
    """
    target = resolve(path)
    try:
        write_whole(target, content)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror or error}); choose a file in a folder that can be written"
        ) from None


def remove_partial(folder: Path, names: str) -> None:
    """Delete what killed processes left of `write_whole` in a folder, of files whose name the pattern `names` fits.

    Only for whoever holds the folder's lock: what a living process writes looks the same.
    """
    for path in folder.iterdir():
        if re.fullmatch(rf"(?:{names})\.[0-9a-f]+\.partial", path.name):
            path.unlink(missing_ok=True)


@contextmanager
def alone(lock: Any) -> Iterator[None]:
    """Within, this process alone holds a `FileLock`, whose file is gone afterwards.

    A lock whose file is deleted could have two holders: one of the deleted file, which it had
    opened before, and one of the next. So whoever gets it looks whether the file is still there.
    Raises `filelock.Timeout`, an `OSError`, after the lock's own time.
    """
    path = Path(lock.lock_file)
    while True:
        seen = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with lock:
                # The file is the one seen before the lock was had, so it was that one all the time.
                if _is_file(seen, path):
                    try:
                        yield
                    finally:
                        with suppress(OSError):  # Windows does not delete open files
                            path.unlink()
                    return
        finally:
            os.close(seen)


def _is_file(descriptor, path):
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def locked(folder: Path, wait: float = WAIT) -> AbstractContextManager[None]:
    """`alone` in a folder that is there. Raises `filelock.Timeout` where another process does not end its writing."""
    from filelock import FileLock

    return alone(FileLock(folder / LOCK, timeout=wait))


# --- folders of tensors ------------------------------------------------------------------


class _Entry(TypedDict):
    file: str
    sha256: str


class Folder:
    """A folder that `save` wrote: a manifest, which is a JSON file, and the safetensors files that it lists.

    Nothing in it is executed when it is read. The manifest names each file with its SHA-256 and is replaced in one step
    after all files are written: a kill at any moment leaves either the old or the new, whole, and who reads meanwhile
    gets one of them. Writers wait for each other. Files that no manifest of ours lists are somebody else's, and stay.

    path      a `Path`
    manifest  name of the JSON file
    holds     what the folder holds, in a word
    version   of the manifest's form, a whole number
    remedies  what to do, as sentences: "absent" where there is no manifest, "damaged", "outdated"
    """

    TENSORS = r"[a-z]+-[0-9a-f]{12}\.safetensors"
    # Names that a save is about to write, one a line: what it leaves when it is killed is known by them.
    NOTES = ".medtutor-writing"

    def __init__(self, path: Path, manifest: str, holds: str, version: int, remedies: dict[str, str]) -> None:
        self.path, self.manifest = path, path / manifest
        self.holds, self.version, self.remedies = holds, version, remedies

    def check(self) -> None:
        """Raises `InputError` where the folder holds files, but not what `save` wrote there: nothing is lost by
        mistake.
        """
        try:
            names = sorted(os.listdir(self.path))
            if self._is_ours(names):
                return
        except (FileNotFoundError, NotADirectoryError):
            return  # whether it can be made is another question
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror or error}); choose another folder") from None
        first = next(name for name in names if not name.startswith("."))
        raise InputError(
            f"{self.path} holds files that are no {self.holds}'s, such as {first}; "
            f"choose a new or empty folder, or one that holds a {self.holds}"
        )

    def _is_ours(self, names):
        ours = rf"(?:{re.escape(self.manifest.name)}|{self.TENSORS})(?:\.[0-9a-f]+\.partial)?"
        left = {*self._noted(), *(name for name in names if name.endswith(".partial") and re.fullmatch(ours, name))}
        visible = [name for name in names if not name.startswith(".") and name not in left]
        if not visible:
            return True
        if self.manifest.name not in visible:
            return False
        with suppress(ValueError):
            record = read_json(self.manifest)
            if isinstance(record, dict) and isinstance(record.get("format"), int) and "files" in record:
                return True
        # Damaged: ours, if our files lie beside it.
        return any(re.fullmatch(self.TENSORS, name) for name in visible)

    def save(self, record: dict, tensors: dict[str, dict]) -> None:
        """Write a record of plain values, and groups of tensors {name: {key: tensor}}; what was saved here before is
        replaced.

        Raises `InputError` for a folder with other files (see `check`) and for values that JSON cannot hold,
        `MedtutorError` where the folder cannot be written; then what stood there before still stands.
        """
        from filelock import Timeout

        try:
            record = json.loads(json.dumps({"format": self.version, **record}, default=_plain, allow_nan=False))
        except (RecursionError, TypeError, ValueError) as error:
            raise InputError(
                f"the {self.holds} cannot be written ({error}); give plain, finite numbers and text as options"
            ) from None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with locked(self.path):
                self.check()
                former = self._listed()
                try:
                    self._write(record, tensors)
                finally:
                    self._remove_stale(former)
        except Timeout:
            raise MedtutorError(
                f"the {self.holds} could not be written to {self.path}: another process is writing there, and did not"
                f" end within {WAIT} seconds; wait for it, or choose another folder"
            ) from None
        except OSError as error:
            raise MedtutorError(
                f"the {self.holds} could not be written to {self.path} ({error.strerror or error}); "
                "choose a folder that can be written and has room"
            ) from error

    def _write(self, record, tensors):
        from safetensors.torch import save

        record["files"] = {}
        with open(self.path / self.NOTES, "a", encoding="utf-8") as notes:
            for name, group in tensors.items():
                content = save({key: tensor.detach().cpu().contiguous() for key, tensor in group.items()})
                sha256 = hashlib.sha256(content).hexdigest()
                file = f"{name}-{sha256[:12]}.safetensors"
                notes.write(f"{file}\n")
                notes.flush()
                os.fsync(notes.fileno())
                write_whole(self.path / file, content)
                record["files"][name] = {"file": file, "sha256": sha256}
        write_whole(self.manifest, json.dumps(record | {"sha256": digest(record)}, indent=1) + "\n")

    def _remove_stale(self, former):
        """Delete what the former manifest listed, and what a save left that did not come to its end; not what the
        manifest lists.
        """
        with suppress(OSError):  # they take up room, no more
            for name in (former | self._noted()) - self._listed():
                (self.path / name).unlink(missing_ok=True)
            remove_partial(self.path, rf"{re.escape(self.manifest.name)}|{self.TENSORS}")
            (self.path / self.NOTES).unlink(missing_ok=True)

    def _listed(self):
        """The names of the files that the manifest lists; those of no other files, whatever it says."""
        try:
            entries = read_json(self.manifest)["files"].values()
            found = {entry["file"] for entry in entries}
        except (FileNotFoundError, ValueError, AttributeError, LookupError, TypeError):
            return set()
        return {name for name in found if re.fullmatch(self.TENSORS, str(name))}

    def _noted(self):
        try:
            names = (self.path / self.NOTES).read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, ValueError):
            return set()
        return {name for name in names if re.fullmatch(self.TENSORS, name)}

    def load(self) -> tuple[dict, dict[str, dict]]:
        """(record, {name: tensors}). Raises `InputError` for what is missing, damaged, or of another version.

        The record's own values are for the caller to check, within `checked`; then `verify`.
        """
        record = None
        while True:
            before, record = record, self._read()
            try:
                return record, {name: read_tensors(self.path, entry) for name, entry in record["files"].items()}
            except InputError:
                # Another process may have replaced manifest and files since the manifest was read.
                if record == before:
                    raise

    def _read(self):
        try:
            record = read_json(self.manifest)
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"{self.path} holds no {self.holds} (no {self.manifest.name}); {self.remedies['absent']}"
            ) from None
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"{self.manifest} cannot be read ({reason}); make it readable, or copy the folder"
            ) from None
        except ValueError:
            raise InputError(f"{self.manifest} is damaged; {self.remedies['damaged']}") from None
        if not isinstance(record, dict) or type(record.get("format")) is not int or record["format"] != self.version:
            raise InputError(f"{self.manifest} was written by another version of medtutor; {self.remedies['outdated']}")
        with self.checked():
            typed("files", record.get("files"), dict[str, _Entry])
        return record

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Whatever goes wrong within, with values of the record, is an `InputError` that says so."""
        try:
            yield
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(
                f"{self.manifest} was altered and does not fit its files ({reason}); {self.remedies['damaged']}"
            ) from error

    def verify(self, record: dict) -> None:
        """Raises `ValueError` where any value of the record was altered.

        One of an earlier medtutor bears no SHA-256.
        """
        values = {key: value for key, value in record.items() if key != "sha256"}
        if "sha256" in record and record["sha256"] != digest(values):
            raise ValueError("its SHA-256 differs")


def _plain(value):
    """A number or an array of numpy or torch as Python's own, for JSON."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"a {type(value).__name__} cannot be kept in a file")
    return value.tolist()


def read_tensors(folder: Path, entry: dict) -> dict:
    """The tensors of one safetensors file, {"file": …, "sha256": …}.

    Raises `InputError` for one that is missing or altered.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / Path(entry["file"]).name  # never outside the folder
    try:
        content = path.read_bytes()
    except PermissionError as error:
        raise InputError(
            f"{path.name} in {folder} cannot be read ({error.strerror}); make it readable, or copy the folder"
        ) from None
    except (OSError, ValueError):
        raise InputError(f"{path.name} is missing from {folder}; copy the whole folder, or make it again") from None
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise InputError(f"{path.name} in {folder} was altered or damaged; copy the folder again, or make it again")
    try:
        return load(content)
    except (SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path.name} in {folder} is no safetensors file ({error}); make it again") from None
