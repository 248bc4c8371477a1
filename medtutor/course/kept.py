"""What a student has done, in files of the student's own: guesses and solved exercises, and each attempt.

Nothing leaves the machine. A restart of the kernel changes nothing.
"""

import json
import os

from filelock import Timeout

from ..errors import InputError
from ..files import home, locked, remove_partial, resolve, write_whole
from ..records import read_json

ATTEMPTS, SCHEMA = "attempts.jsonl", 1


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
    path, remedy = guesses_file(), "set MEDTUTOR_HOME to a folder that can be written"
    if path is None:
        raise InputError(f"there is no home folder to keep it in: {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two notebooks may write at once: read anew, under a lock.
        with locked(path.parent, wait=5):
            values = _read(path)
            if values is None:  # somebody's own work, perhaps: it stays, under another name
                os.replace(path, path.with_suffix(".damaged"))
            write_whole(path, json.dumps({**(values or {}), key: value}, indent=1))
            remove_partial(path.parent, "guesses.json")
    except Timeout:
        raise InputError(f"another notebook is writing to {path.parent}: commit it again") from None
    except OSError as error:
        raise InputError(f"it could not be kept in {path.parent} ({error}): {remedy}") from error


def record(event: dict) -> None:
    """Add one attempt to `attempts.jsonl`, beside the guesses; nothing is said where that cannot be.

    event  plain values, with "kind": "check", "prediction" or "quiz"
    """
    try:
        path = guesses_file()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two notebooks may write at once. A line begins with an end of line: what a killed kernel left of the line
        # before stays alone.
        with locked(path.parent, wait=5), open(path.with_name(ATTEMPTS), "ab") as file:
            file.write(f"\n{json.dumps({'schema': SCHEMA, **event})}\n".encode())
    except (InputError, OSError):  # for the student's own overview alone: no reason to stop anything here
        return


def recorded() -> list[dict]:
    """All attempts, in their order; lines that are damaged or of another schema are left out."""
    try:
        path = guesses_file()
        lines = path.with_name(ATTEMPTS).read_text(encoding="utf-8", errors="replace").splitlines() if path else []
    except (InputError, OSError):
        return []
    found = []
    for line in filter(None, lines):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and event.get("schema") == SCHEMA:
            found.append(event)
    return found


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
