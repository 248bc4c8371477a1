"""Sets that medtutor draws, since no real ones of this size are free: cines, and two marks far apart."""

from dataclasses import replace

from ..arrays import make_split
from ..card import Card
from ..dataset import Dataset
from ..phantoms import cine, marks
from .source import Source

_TARGETS = {f"cine_{target.split()[0]}": target for target in cine.TARGETS}
_KINDS = {f"marks_{kind}": kind for kind in marks.KINDS}


class Drawn(Source):
    """The cines, one for each question asked of a clip, and the marks, one for each kind."""

    publisher = "phantom"
    names = (*_TARGETS, *_KINDS)

    def sizes(self, name: str) -> tuple[int, ...]:
        return (cine.SIZE,) if name in _TARGETS else (marks.SIZE,)

    def counts(self, name: str) -> dict[str, int]:
        return dict(cine.COUNTS if name in _TARGETS else marks.COUNTS)

    def card(self, name: str, size: int) -> Card:
        return cine.card(name, _TARGETS[name]) if name in _TARGETS else marks.card(_KINDS[name])

    def draw(self, card: Card) -> Dataset:
        if card.name in _KINDS:
            return marks.draw_marks(_KINDS[card.name])
        splits = {}
        for name, clips in cine.draw(_TARGETS[card.name]).items():
            splits[name] = replace(make_split(name, clips.images, clips.targets, card), masks=clips.masks)
        return Dataset(**splits, card=card, provenance=self.publisher)
