"""Ten files that are wrong, each in a way of its own, and harmless: what a watcher meets before a hospital does.

All hold drawn pixels and a patient who never was. None is larger than 200 kB, whatever it declares.
"""

import struct
from os import PathLike
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import resolve, write_whole
from .uids import as_bytes, uid_of
from .wrapping import blank, fill

SIDE = 128
DEEP = 400  # sequences within each other


def x_ray(pixels: np.ndarray, name: str, modality: str = "DX") -> Any:
    """A drawn X-ray as a DICOM data set, with all that its kind must have; its UIDs are a function of its name.

    pixels    uint16 (H, W), 0…4095
    modality  what it says of itself

    >>> import numpy as np
    >>> from medtutor.clinic.broken import x_ray
    >>> x_ray(np.zeros((64, 48), np.uint16), "an example").Rows
    64
    """
    from pydicom.uid import UID, DigitalXRayImageStorageForPresentation

    own = UID(uid_of("drawn instance", name))
    kind, study = DigitalXRayImageStorageForPresentation, uid_of("drawn study")
    made = blank(kind, modality, own, study, uid_of("drawn series", name))
    made.PatientName, made.PatientID, made.PatientSex, made.Manufacturer = "Drawn^Nobody", "DRAWN", "O", "drawn"
    made.ImageType, made.PresentationIntentType = ["ORIGINAL", "PRIMARY", ""], "FOR PRESENTATION"
    made.PhotometricInterpretation = "MONOCHROME2"
    fill(made, pixels.astype(np.uint16), stored=12)
    return made


def _shaded(seed=0):
    shade = np.linspace(0, 2000, SIDE)[:, None] + np.linspace(0, 1000, SIDE)[None]
    return (shade + np.random.default_rng(seed).normal(500, 100, (SIDE, SIDE))).clip(0, 4095).astype(np.uint16)


def _edited(name, **values):
    made = x_ray(_shaded(), name)
    for keyword, value in values.items():
        if value is None:
            del made[keyword]
        else:
            setattr(made, keyword, value)
    return as_bytes(made)


def _longer():
    """The length of the pixels, 2 times 128 times 128, becomes almost 4 GB."""
    tag = b"\xe0\x7f\x10\x00OW\x00\x00"
    return _edited("longer").replace(tag + struct.pack("<I", 2 * SIDE * SIDE), tag + struct.pack("<I", 0xFFFFFFF0))


def _deep():
    """An element that comes before the pixels: a sequence with an item with a sequence with …"""
    body = b""
    for _ in range(DEEP):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(body)) + body
        body = b"\x40\x00\x75\x02SQ\x00\x00" + struct.pack("<I", len(item)) + item
    whole = _edited("deep")
    place = whole.index(b"\xe0\x7f\x10\x00OW")
    return whole[:place] + body + whole[place:]


def _path():
    """Its UID is replaced by a path of the same length, which leads out of wherever it is put."""
    uid = uid_of("drawn instance", "path").encode()
    return _edited("path").replace(uid, (b"../" * 30)[: len(uid)])


BROKEN = {
    "01_empty.dcm": ("nothing stands in it", lambda: b""),
    "02_text.dcm": (
        "it is a text that is called .dcm",
        lambda: b"Dear colleague, please find the X-ray enclosed.\n" * 20,
    ),
    "03_cut_off.dcm": ("it ends in the middle of its pixels", lambda: _edited("cut off")[: -SIDE * SIDE]),
    "04_longer.dcm": ("its pixels are declared as 4 GB; the file has 33 kB", _longer),
    "05_too_many_pixels.dcm": (
        "it declares 65535 rows and columns, and holds 128 each",
        lambda: _edited("too many pixels", Rows=65535, Columns=65535),
    ),
    "06_deep.dcm": (f"{DEEP} sequences are nested in it", _deep),
    "07_path.dcm": ("in place of a UID it has a path that leads out of the folder", _path),
    "08_other_modality.dcm": (
        "it is an MR, for a model of X-rays",
        lambda: as_bytes(x_ray(_shaded(), "other modality", "MR")),
    ),
    "09_no_pixels.dcm": ("it has no pixels", lambda: _edited("no pixels", PixelData=None)),
    "10_blank.dcm": ("all of its pixels are alike", lambda: as_bytes(x_ray(np.full((SIDE, SIDE), 7), "blank"))),
}


def write_broken(folder: str | PathLike) -> dict[str, str]:
    """Ten broken or hostile files in a folder, harmless; {name: what is wrong with it}.

    Raises `InputError` where the folder cannot be written.

    >>> import tempfile
    >>> from medtutor.clinic.broken import write_broken
    >>> wrong = write_broken(tempfile.mkdtemp())
    >>> len(wrong), wrong["01_empty.dcm"]
    (10, 'nothing stands in it')
    """
    target = resolve(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, (_, content) in BROKEN.items():
            write_whole(target / name, content())
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror or error}); choose another folder") from None
    return {name: wrong for name, (wrong, _) in BROKEN.items()}
