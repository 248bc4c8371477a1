"""Trainings that a trial keeps in its folder, so that an interrupted one goes on after the last of them.

They lie in `.trainings`, each under its fingerprint, with a SHA-256 over its values. Several processes may work on
trials in one folder. Each has a list of the trainings that it used, and holds a lock on it while it lives; nobody
deletes a training that another's list names.
"""

import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from ..checks import number, whole
from ..errors import InputError
from ..files import alone, remove_partial, resolve, write_whole
from ..records import read_json, signed, typed, unsigned
from ..training import Recipe
from .cases import PerCase, unpacked
from .evidence import as_plain, writing

PLACE = ".trainings"
# {folder: (this process's list there, the lock on it)}
_LISTS: dict[Path, tuple[Path, FileLock]] = {}


@dataclass(frozen=True)
class Training:
    """What one training came to.

    values   what was measured: {"0": test AUC, "2": the same on test images moved by 2
             pixels, …} where `train_once` was given no `measure`
    seconds  wall time of training and measuring
    cases    what was said of each test case, `PerCase`, where the measure tells it: {"0": …}
    """

    dataset: str
    model: str
    options: dict
    parameters: int
    recipe: dict
    values: dict[str, float]
    device: str
    threads: int
    versions: dict[str, str]
    seconds: float
    cases: dict[str, PerCase] = field(default_factory=dict)


def keep(folder, fingerprint, training):
    """Write a `Training` into a folder. Raises `MedtutorError` where that is impossible."""
    folder = resolve(folder)
    cases = {key: as_plain(each) for key, each in training.cases.items()}
    record = asdict(training) | {"fingerprint": fingerprint, "cases": cases}
    with writing(folder):
        place = _made(folder)
        _note(place, fingerprint)
        write_whole(place / f"{fingerprint}.json", json.dumps(signed(record)) + "\n")
        remove_partial(place, r"[0-9a-f]+\.json|\.gitignore")


def _made(folder):
    """The place of the trainings in a folder, which git passes over."""
    place = folder / PLACE
    place.mkdir(exist_ok=True)
    write_whole(place / ".gitignore", "*\n")
    return place


def kept(folder, fingerprint):
    """The `Training` that is kept in a folder, or None. Raises `InputError` for one that was damaged or altered."""
    folder = resolve(folder)
    path = folder / PLACE / f"{fingerprint}.json"
    if not os.path.isfile(path):
        return None
    with writing(folder):
        if not os.path.isfile(path):
            return None
        _note(path.parent, fingerprint)
        return _read(path)


def _read(path):
    try:
        record = read_json(path)
        values = {name: value for name, value in record.items() if name not in ("fingerprint", "sha256")}
        training = typed("", values, Training)
        typed("recipe", training.recipe, Recipe)
        whole("parameters", training.parameters, 0)
        whole("threads", training.threads, 1)
        number("seconds", training.seconds, 0)
        for name, case in training.cases.items():
            unpacked(case.values, whole(f"cases.{name}.columns", case.columns, 1))
        for name, value in training.values.items():
            if name.isdecimal():  # moves of the test images
                number(f"values.{name}, an AUC,", value, 0, 1)
        if record.get("fingerprint") != path.stem:
            raise ValueError("it is of another training")
        if unsigned(record) is None:
            raise ValueError("it was altered after it was written")
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise InputError(
            f"the kept training {path} cannot be used ({error}); delete this file, and it is trained again"
        ) from None
    return training


@contextmanager
def locked_training(folder, fingerprint):
    """Within, no other process does this training: it waits, and then finds the training kept."""
    folder = resolve(folder)
    with writing(folder):
        place = _made(folder)
    with alone(FileLock(place / f"{fingerprint}.lock")):
        yield


def hand_over(folder):
    """The fingerprints of the trainings that this process has used in a folder; it then holds them no longer."""
    place = (resolve(folder) / PLACE).resolve()
    own, lock = _LISTS.pop(place, (None, None))
    if own is None:
        return []
    with writing(resolve(folder)):
        names = sorted(_names(own))
        own.unlink(missing_ok=True)
        lock.release()
        _lock_of(own).unlink(missing_ok=True)
    return names


def use(folder, fingerprints):
    """Hold trainings that another process has handed over, where they lie in a folder here."""
    folder = resolve(folder)
    with writing(folder):
        for fingerprint in fingerprints:
            if (folder / PLACE / f"{fingerprint}.json").is_file():
                _note(folder / PLACE, fingerprint)


def forget_trainings(folder):
    """Delete the trainings kept in a folder that this process has used, or all where it has used none.

    Those stay that another process uses, or has used before it was interrupted.
    """
    folder = resolve(folder)
    place = folder / PLACE
    if not place.is_dir():
        return
    with writing(folder):
        own, lock = _LISTS.pop(place.resolve(), (None, None))
        used = _names(own) if own else {path.stem for path in place.glob("*.json")}
        needed = set()
        for other in place.glob("*.used"):
            if other == own:
                continue
            names = _names(other)
            if names <= used and _is_dead(other):
                other.unlink()  # all that it wanted to go on with has become evidence
            else:
                needed |= names
        for fingerprint in used - needed:
            (place / f"{fingerprint}.json").unlink(missing_ok=True)
        if own:
            own.unlink(missing_ok=True)
            lock.release()
            _lock_of(own).unlink(missing_ok=True)
        remove_partial(place, r"[0-9a-f]+\.json|\.gitignore")
        if not any(path.suffix in (".json", ".used") for path in place.iterdir()):
            (place / ".gitignore").unlink(missing_ok=True)
            with suppress(OSError):  # files of somebody else
                place.rmdir()


def _note(place, fingerprint):
    """Write down that this process uses a training; for whoever holds the folder's lock."""
    key = place.resolve()
    if key not in _LISTS or not _LISTS[key][0].exists():
        own = place / f"{uuid4().hex[:12]}.used"
        lock = FileLock(_lock_of(own))
        lock.acquire()
        _LISTS[key] = own, lock
    own, _ = _LISTS[key]
    with open(own, "a", encoding="utf-8") as file:
        if fingerprint not in _names(own):
            file.write(f"{fingerprint}\n")


def _names(path):
    return set(re.findall(r"^[0-9a-f]{64}$", path.read_text(encoding="utf-8"), re.MULTILINE))


def _is_dead(path):
    """Whether the process that wrote a list has ended."""
    try:
        with FileLock(_lock_of(path), timeout=0):
            _lock_of(path).unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def _lock_of(path):
    return path.with_suffix(".lock")
