"""What arrives for the watcher: taken from a folder, or fetched from a PACS, one by one into a folder of its own.

A file is taken by renaming it: of two watchers one gets it, its sender cannot write over it any more, and its name, in
which a patient's may stand, is gone. What a watcher had taken when it was killed, another adopts.
"""

import hashlib
import io
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from ..errors import InputError, MedtutorError
from ..files import write_whole
from .journal import Journal, digest_of
from .opening import LARGEST
from .pacs import Pacs, PacsRefused

AT_ONCE = 500  # names that are held in memory, however many lie in the folder
UNFINISHED = (".partial", ".part", ".tmp", ".crdownload")  # how senders name what they are still writing
NO_PICTURES = ("SR", "SEG", "PR", "KO", "DOC", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "FID", "ECG", "AU", "PLAN", "OT")


class Arrived(NamedTuple):
    """An object on its way.

    path      the file, or the folder of one series
    key       SHA-256 of its content
    instance  SHA-256 of its SOPInstanceUID, where it has one
    wrong     why it cannot even be looked at, in a sentence
    """

    path: Path
    key: str
    instance: str | None = None
    wrong: str | None = None


def identified(path: Path) -> Arrived:
    """What lies there, by its content. What no picture can be is not opened: links, pipes, files above 1 GB."""
    try:
        about = os.lstat(path)
        if stat.S_ISDIR(about.st_mode):
            return _identified_series(path)
        if not stat.S_ISREG(about.st_mode):
            return Arrived(path, uuid4().hex * 2, wrong="it is a link or a pipe, and no file; send the file itself")
        if about.st_size > LARGEST:
            return Arrived(path, uuid4().hex * 2, wrong="it is larger than 1 GB; send its series one by one")
        with open(path, "rb") as file:
            return Arrived(path, _content(file), _instance(file))
    except FileNotFoundError:
        raise
    except OSError as error:
        return Arrived(path, uuid4().hex * 2, wrong=f"it cannot be read ({error.strerror or 'no reason given'})")


def _identified_series(path):
    members = []
    with os.scandir(path) as inside:
        for entry in inside:
            if entry.is_dir(follow_symlinks=False):
                return Arrived(
                    path, uuid4().hex * 2, wrong="it is a folder with folders in it; send each series in one"
                )
            members.append(identified(Path(entry.path)))
    wrong = next((f"of a file in it: {member.wrong}" for member in members if member.wrong), None)
    uids = sorted(member.instance for member in members if member.instance)
    key = digest_of(" ".join(sorted(member.key for member in members)))
    return Arrived(path, key, digest_of(" ".join(uids)) if uids else None, wrong)


def _content(file):
    """SHA-256 of a file's data set and its transfer syntax. Preamble and meta information tell how it came here, and
    differ between two copies of one object.
    """
    head, found = file.read(144), hashlib.sha256()
    if head[128:140] == b"DICM\x02\x00\x00\x00UL\x04\x00":
        meta = file.read(min(int.from_bytes(head[140:], "little"), 65536))
        _, _, syntax = meta.partition(b"\x02\x00\x10\x00UI")
        found.update(syntax[2 : 2 + int.from_bytes(syntax[:2], "little")])
    else:
        file.seek(0)
    while block := file.read(1 << 20):
        found.update(block)
    return found.hexdigest()


def _instance(file):
    """SHA-256 of the SOPInstanceUID, of what can be read that far."""
    from pydicom.filereader import read_partial

    file.seek(0)
    try:
        uid = read_partial(io.BytesIO(file.read(65536)), stop_when=lambda tag, *_: tag > 0x00080018).SOPInstanceUID
        return digest_of(str(uid))
    except Exception:  # whoever opens it whole will say what is wrong with it
        return None


class Intake:
    """A watcher's own folder, into which what arrives is taken, under numbers for names.

    folder   where it lies
    journal  whose watcher it is
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder, self._journal, self._number = folder, journal, 0
        folder.mkdir(parents=True, exist_ok=True)

    def _next(self, suffix=".dcm"):
        self._number += 1
        return self._folder / f"{self._journal.owner}-{self._number}{suffix}"

    def adopted(self) -> Iterator[Arrived]:
        """What dead watchers had taken and not ended."""
        for path in sorted(self._folder.iterdir()):
            owner = path.name.partition("-")[0]
            if owner == self._journal.owner or self._journal.lives(owner):
                continue
            if path.name.endswith(".partial"):  # it was being fetched, and will be again
                remove(path)
                continue
            yield from self._taken(path)

    def from_folder(self, folder: Path, settle: float, ended: Callable[[], bool]) -> Iterator[Arrived]:
        """What lies in a folder, oldest first: files, and folders of one series each. What was changed within the last
        `settle` seconds is still being written, and what is hidden or called .part, .partial or .tmp.
        """
        for path in waiting(folder, settle):
            if ended():
                return
            yield from self._taken(path)

    def _taken(self, path):
        target = self._next(suffix_of(path))
        with suppress(FileNotFoundError):  # another watcher was quicker
            move(path, target)
            yield identified(target)

    def from_pacs(self, pacs: Pacs, ended: Callable[[], bool], modality: str | None = None) -> Iterator[Arrived]:
        """Objects of a PACS that were not here before, results of our own left out."""
        for series in new_series(pacs, self._journal, modality):
            for found in pacs.find("instance", **_uids(series, 2)):
                instance = digest_of(str(found.SOPInstanceUID))
                if self._journal.knows(instance):
                    continue
                if ended():
                    return
                try:
                    content = pacs.retrieve(found)
                except PacsRefused as error:
                    self._journal.refuse(digest_of(f"not fetched {instance}"), str(error), instance)
                    continue
                target = self._next()
                write_whole(target, content)
                yield identified(target)
            self._journal.all_fetched(digest_of(str(series.SeriesInstanceUID)), _count(series))


def new_series(pacs: Pacs, journal: Journal | None, modality: str | None) -> Iterator[Any]:
    """The series of pictures in a PACS that have more objects than when they were last fetched."""
    for study in pacs.find("study"):
        for series in pacs.find("series", **_uids(study, 1)):
            kind = str(series.get("Modality") or "")
            if kind != modality if modality else kind in NO_PICTURES:
                continue
            if not journal or journal.fetched(digest_of(str(series.SeriesInstanceUID))) != (_count(series) or -1):
                yield series


def _uids(found, count):
    return {name: str(found[name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID")[:count]}


def _count(series):
    return int(series.get("NumberOfSeriesRelatedInstances") or 0)


def waiting(folder: Path, settle: float) -> list[Path]:
    """At most 500 files and folders that lie there whole, oldest first."""
    now, found = time.time(), []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
                    continue
                with suppress(FileNotFoundError):
                    changed = _changed(entry)
                    if changed is not None and abs(now - changed) >= settle:
                        found.append((changed, entry.path))
                        if len(found) >= AT_ONCE:
                            break
    except OSError as error:
        raise MedtutorError(
            f"{folder} cannot be read ({error.strerror or error}); make it readable, or watch another folder"
        ) from None
    return [Path(path) for _, path in sorted(found)]


def _changed(entry):
    """When the last byte was written there, in a folder to the last of its files; None of an empty one."""
    about = entry.stat(follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode):
        return about.st_ctime
    with os.scandir(entry.path) as inside:
        return max([each.stat(follow_symlinks=False).st_ctime for each in inside], default=None)


def suffix_of(path: Path) -> str:
    """How the name of what is taken ends: of a folder nothing, of a file one of three, whatever it was called."""
    if path.is_dir() and not path.is_symlink():
        return ""
    return next((known for known in (".nii.gz", ".nii") if path.name.lower().endswith(known)), ".dcm")


def move(path: Path, target: Path) -> None:
    """Rename, also onto another disk.

    Raises `FileNotFoundError` where it is gone, `MedtutorError` where it cannot be.
    """
    try:
        os.rename(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                partial = target.with_name(f"{target.name}.partial")
                shutil.copytree(path, partial, symlinks=True)
                os.rename(partial, target)
            elif stat.S_ISREG(os.lstat(path).st_mode):
                write_whole(target, path.read_bytes())
            remove(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise MedtutorError(
                f"a file cannot be moved out of {path.parent} ({error.strerror or error}); let this user write there"
            ) from None


def remove(path: Path) -> None:
    """A file, or a folder with what is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


def check_folder(folder: Path, out: Path) -> None:
    """Raises `InputError` where there is no such folder, or the results would lie in it and be taken for new."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; make it, or give the address of a PACS (dicom://… or http://…)")
    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"--out {out} lies in the folder that is watched; choose one beside it")
