"""`Source`: where data sets come from. A new one is one file here, and one line in `catalog.SOURCES`.

What it calls its images (`publisher`) gets a line in `dataset.PROVENANCES`, which says what such images are.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from ...errors import FetchError
from ..card import Card
from ..dataset import Dataset


class Source(ABC):
    """A publisher of data sets: what there is, where it lies, how it is read, and what stands in for it.

    publisher  its name, also the provenance of its data sets (one of `dataset.PROVENANCES`)
    names      of its sets, in the order in which they are listed

    The names, sizes and cards that the methods are given have been checked by `catalog`.
    What is always drawn has no file: it leaves `find`, `fetch` and `read` as they are here.
    """

    publisher: str
    names: tuple[str, ...]

    @abstractmethod
    def sizes(self, name: str) -> tuple[int, ...]:
        """The sizes in pixels that there are of a set, the usual one first."""

    @abstractmethod
    def counts(self, name: str) -> dict[str, int]:
        """The number of cases in each split."""

    @abstractmethod
    def card(self, name: str, size: int) -> Card:
        """The card of a set at a size."""

    def find(self, card: Card, folders: Sequence[Path]) -> Path | None:
        """Where a set lies in the first of the folders that has it; None where none has."""
        return None

    def fetch(self, card: Card, folders: Sequence[Path], progress: bool = True) -> Path:
        """Fetch a set's file into the first of the folders; its path. Raises `FetchError` where that cannot be."""
        raise FetchError(f"{card.name} is drawn by medtutor; there is nothing to fetch")

    def read(self, path: Path, card: Card, progress: bool = True) -> Dataset:
        """The set in a file or folder that `find` gave. Raises `InputError` for a damaged one."""
        raise NotImplementedError

    def copies(self, card: Card, folders: Sequence[Path]) -> list[Path]:
        """The folders of decoded copies that `read` has made of a set in the folders: they may be deleted."""
        return []

    def has_phantom(self, card: Card) -> bool:
        """Whether `draw` can draw the set."""
        return True

    @abstractmethod
    def draw(self, card: Card) -> Dataset:
        """The phantom of the set. Raises `InputError` where there is none."""
