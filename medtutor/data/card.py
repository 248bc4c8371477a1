"""`Card`: what is known of one data set, to be shown with its images."""

from dataclasses import dataclass, replace
from typing import Any

from .sources.published import Published, published_rows

TASKS = ("binary", "multi-class", "multi-label", "ordinal", "segmentation", "regression")
SPLITS = ("train", "val", "test")
NOT_CLINICAL = "For teaching and research; not for clinical use."
# What the card of every drawn set says.
PHANTOM: dict[str, Any] = {
    "licence": "as medtutor, which drew it (BSD-3-Clause)",
    "citation": "",
    "warnings": ("PHANTOM: drawn by medtutor, no patient's image; not to be compared.",),
    "publisher": "phantom",
}


@dataclass(frozen=True)
class Card:
    """What is known of one data set.

    name      as given to `load`, such as "pneumoniamnist"
    title     as written in print, such as "PneumoniaMNIST"
    modality  what made the images
    task      "binary", "multi-class", "multi-label", "ordinal", "segmentation" or
              "regression"
    classes   the names of the labels, by number; of a segmentation 0 is the background;
              of a regression what is predicted
    channels  1 for grey, 3 for colour
    shape     (height, width), or (depth, height, width) of a volume
    frames    how many images make one sequence; None where one image is one case
    mirror    axes (-1 left-right, -2 up-down, -3 through slices) along which
              a mirrored image keeps its label
    spacing   of a segmentation: millimetres between slices, rows and columns (without
              the first where an image is a case of its own); None: distances in pixels
    licence, citation, description, warnings: to be shown with the data
    publisher  "medmnist", "decathlon", or "phantom" of what medtutor drew; None of your own
              arrays, whatever their name

    >>> card = Card("mine", "My X-rays", "chest X-ray", "binary", ("ill", "well"), 1, (64, 48))
    >>> card.dims, card.size
    (2, 48)
    """

    name: str
    title: str
    modality: str
    task: str
    classes: tuple[str, ...]
    channels: int
    shape: tuple[int, ...]
    frames: int | None = None
    mirror: tuple[int, ...] = ()
    spacing: tuple[float, ...] | None = None
    licence: str = "not stated"
    citation: str = ""
    description: str = ""
    warnings: tuple[str, ...] = ()
    publisher: str | None = None

    @property
    def size(self) -> int:
        """Pixels along the last axis: 28 for a 28 x 28 image."""
        return self.shape[-1]

    @property
    def dims(self) -> int:
        """2 for images, 3 for volumes."""
        return len(self.shape)

    @property
    def published(self) -> tuple[Published, ...]:
        """Published results on this set, rows of `published.csv`; none of phantoms and of your own arrays."""
        return published_rows(self.name) if self.publisher == "medmnist" else ()

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        if self.frames:
            size = f"{self.frames} frames of {size}"
        lines = [
            f"{self.title}: {self.modality}, {self.task}, {size}, {'colour' if self.channels == 3 else 'grey'}",
            f"classes: {', '.join(f'{i} {name}' for i, name in enumerate(self.classes))}",
            f"licence: {self.licence}. {self.citation}".strip(),
            *(f"beware: {warning}" for warning in self.warnings),
            NOT_CLINICAL,
        ]
        return "\n".join(lines)


def phantom_card(card: Card) -> Card:
    """The card of a set's phantom: what it is, and nobody's licence but ours."""
    return replace(
        card, description=f"Drawn by medtutor after the likeness of {card.title}; no patient's image.", **PHANTOM
    )
