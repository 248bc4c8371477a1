"""Text files of the user's, CSV among them: read and written whole, or a sentence that says why not."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike

from ..errors import InputError
from ..files import resolve


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


@contextmanager
def csv_rows(text: str, name: str) -> Iterator[csv.DictReader]:
    """A reader of CSV text with a header; `name` is what the sentence calls it.

    Raises `InputError`, with the line, where it turns out to be no CSV.

    >>> with csv_rows("a,b\\n1,2\\n", "the text") as reader:
    ...     list(reader)
    [{'a': '1', 'b': '2'}]
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        yield reader
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} of {name}: it is no CSV ({error}); save it as CSV again") from None


def csv_text(rows: Iterable[Iterable]) -> str:
    """Rows of values as CSV text.

    >>> csv_text([("a", "b"), (1, "two, three")])
    'a,b\\n1,"two, three"\\n'
    """
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
