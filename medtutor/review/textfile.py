"""Text files of the user's: read and written whole, or a sentence that says why not."""

from os import PathLike

from ..errors import InputError
from ..files import resolve, write_whole


def read_text(path: str | PathLike, wanted: str) -> str:
    """The text of a UTF-8 file. Raises `InputError`, with what is `wanted` in its place, where there is none.

    >>> read_text("/no/such/file.csv", "PRISMA2020's CSV")
    Traceback (most recent call last):
    medtutor.errors.InputError: /no/such/file.csv cannot be read (No such file or directory); give PRISMA2020's CSV
    """
    found = resolve(path)
    try:
        return found.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{found.name} is no UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{found} cannot be read ({error.strerror or error}); give {wanted}") from None


def write_text(path: str | PathLike, content: str) -> None:
    """Write text to a file, whole or not at all. Raises `InputError` where that is impossible.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_text(file, "a line")
    >>> read_text(file, "a text")
    'a line'
    """
    target = resolve(path)
    try:
        write_whole(target, content)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror or error}); choose a file in a folder that can be written"
        ) from None
