"""Ten files as they come in, each with something wrong: broken, or sound and not fit for an X-ray model.

They are made from one small X-ray and harm nothing. What a reader should do with each is the exercise.
"""

from os import PathLike
from typing import Any

import numpy as np

from ..data.card import Card
from ..files import resolve, write_whole
from .uids import as_bytes
from .wrapping import as_dicom


def broken_files(folder: str | PathLike, card: Card, image: Any) -> dict[str, str]:
    """Write ten files into a folder: {name of the file: what is wrong with it}.

    card, image  whose X-ray stands in them, uint8 (H, W), as `as_dicom` takes it

    >>> import tempfile
    >>> import medtutor as mt
    >>> image = (np.arange(784) % 251).astype(np.uint8).reshape(28, 28)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wrong = broken_files(folder, mt.data.card("pneumoniamnist"), image)
    >>> len(wrong), wrong["01.dcm"]
    (10, 'cut off in the middle of the pixels')
    """

    def made(**values):
        found = as_dicom(image, card)
        for keyword, value in values.items():
            setattr(found, keyword, value)
        return found

    sound = as_bytes(made())
    pixels = np.asarray(image).reshape(np.shape(image)[-2:])
    files = {
        "cut off in the middle of the pixels": sound[: len(sound) - pixels.size // 2],
        "a header that declares 60,000 rows": as_bytes(made(Rows=60_000)),
        "no DICOM, but a text file of that name": b"Dear colleague, please find the X-ray attached.\n" * 20,
        "an empty file": b"",
        "a report without any pixels": _without_pixels(made()),
        "a CT slice, for a model of X-rays": as_bytes(made(Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")),
        "an X-ray of a foot": as_bytes(made(BodyPartExamined="FOOT")),
        "a picture of one grey level": as_bytes(made(PixelData=bytes([90]) * pixels.size)),
        "a negative that says so (MONOCHROME1)": as_bytes(as_dicom(image, card, negative=True)),
        "three pictures in a file for one": _three(made()),
    }
    place = resolve(folder)
    place.mkdir(parents=True, exist_ok=True)
    names = {}
    for number, (what, content) in enumerate(files.items(), start=1):
        names[f"{number:02}.dcm"] = what
        write_whole(place / f"{number:02}.dcm", content)
    return names


def _without_pixels(dataset):
    del dataset.PixelData
    return as_bytes(dataset)


def _three(dataset):
    """Three times the pixels, and a header that speaks of one picture."""
    dataset.PixelData = dataset.PixelData * 3
    return as_bytes(dataset)
