"""What a student has done, in a file of the student's own: guesses, and exercises that were solved.

Nothing leaves the machine. A restart of the kernel changes nothing.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from filelock import Timeout

from ..errors import InputError
from ..files import home, locked, remove_partial, resolve, write_whole
from ..records import read_json


def guesses_file():
    """Where guesses are kept: `guesses.json` in `$MEDTUTOR_HOME`, else in `~/.medtutor`; None where there is no home
    folder.

    Raises `InputError` where `$MEDTUTOR_HOME` can be no path.
    """
    given = os.environ.get("MEDTUTOR_HOME")
    if given:
        return resolve(given) / "guesses.json"
    return home() and home() / ".medtutor" / "guesses.json"


def kept() -> dict:
    """All that is kept, {key: value}; nothing where the file cannot be found or read.

    The keys of guesses are those of their predictions, such as "01/mlp"; of solved exercises "solved/" and the name.
    """
    try:
        path = guesses_file()
        return path and _read(path) or {}
    except (InputError, OSError):
        return {}


def keep(key: str, value: object) -> None:
    """Write one value to the file. Raises `InputError` where that cannot be."""
    change(guesses_file(), lambda values: {**values, key: value})


def change(path: Path | None, changed: Callable[[dict], dict], fits: Callable[[dict], bool] = lambda _: True) -> None:
    """Write to a file of JSON what `changed` makes of what stands there, {} where nothing does.

    What is no JSON, or does not fit, is moved to NAME.damaged before. Raises `InputError` where that cannot be, and
    whatever `changed` raises; then the file stays.
    """
    remedy = "set MEDTUTOR_HOME to a folder that can be written"
    if path is None:
        raise InputError(f"there is no home folder to keep it in: {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two notebooks may write at once: read anew, under a lock.
        with locked(path.parent, wait=5):
            values = _read(path)
            if values and not fits(values):
                values = None
            after = json.dumps(changed(values or {}), indent=1)
            if values is None:  # somebody's own work, perhaps: it stays, under another name
                os.replace(path, path.with_suffix(".damaged"))
            write_whole(path, after)
            remove_partial(path.parent, path.name)
    except Timeout:
        raise InputError(f"another notebook is writing to {path.parent}: commit it again") from None
    except OSError as error:
        raise InputError(f"it could not be kept in {path.parent} ({error}): {remedy}") from error


def _read(path):
    """What is in a file: {} where there is none, None where it is damaged.

    Raises `OSError` where it cannot be read.
    """
    try:
        values = read_json(path)
    except FileNotFoundError:
        return {}
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
