"""A file of the user's own, a picture, DICOM or NIfTI, made to fit what a model takes."""

import io
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from ..data.card import Card
from ..data.sources.nifti import LARGEST, is_nifti
from ..errors import InputError
from ..files import resolve
from .own_scan import dicom_frame, eight_bits, is_dicom, nifti_slice, nifti_volume

SEE_THROUGH = ("LA", "PA", "RGBA", "La", "RGBa")  # Pillow's modes that say how transparent each pixel is


def read_image(file: str | PathLike | bytes, card: Card, name: str | None = None) -> tuple[torch.Tensor, str]:
    """A file as a uint8 image (C, H, W) of a card's size, and a sentence on what was done to it.

    file  a path, or the bytes of a file: PNG, JPEG, DICOM or NIfTI, which its content tells; for a card of
          volumes NIfTI, and the image is (C, D, H, W)
    name  to call it by, where only bytes are given

    What is transparent is put on white; of several pictures in one file the first is taken, of several frames of a
    DICOM file the middle one, of a NIfTI file the middle slice. Cut to the card's proportions around its middle, then
    resized; never stretched.
    Raises `InputError` for what is none of these, for files larger than 256 MB, and for pictures where the card is of
    volumes.

    >>> import medtutor as mt
    >>> file = io.BytesIO()
    >>> Image.new("L", (40, 30), 90).save(file, "PNG")
    >>> image, sentence = read_image(file.getvalue(), mt.data.card("breastmnist"), "own.png")
    >>> image.shape
    torch.Size([1, 28, 28])
    >>> sentence
    'own.png (40 x 30 pixels, grey) was cut to its middle, resized to 28 x 28. It has no label.'
    """
    file = resolve(file) if isinstance(file, (str, PathLike)) else file
    name = name or (file.name if isinstance(file, Path) else "the file")
    content = _content(file, name)
    if card.dims != 2:
        if not is_nifti(content):
            raise InputError(
                f"{card.name} holds volumes, and a picture file is none; give a NIfTI file, or a uint8 array to show()"
                " instead"
            )
        volume, said = nifti_volume(content, name, card.shape)
        return volume.repeat(card.channels, 1, 1, 1), said
    height, width = card.shape
    if is_dicom(content) or is_nifti(content):
        pixels, kind, done = (dicom_frame if is_dicom(content) else nifti_slice)(content, name)
        picture = Image.fromarray(pixels)
        was = picture.size
    else:
        picture = _opened(content, name)
        was = picture.size
        picture, kind, done = _plain(picture, name)
    if "colour" in kind and card.channels == 1:
        done.append("converted to grey")
    picture = picture.convert("RGB" if card.channels == 3 else "L")
    picture = ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)
    pixels = np.array(picture)
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy() if pixels.ndim == 3 else pixels[None])
    return image, _said(name, was, (width, height), kind, done)


def uploaded(value):
    """(name, bytes) of the last file in the value of a `FileUpload`, of ipywidgets 8 or 7; None where there is none."""
    if not value:
        return None
    if isinstance(value, dict):  # 7: {name: {"metadata": …, "content": bytes}}
        name, entry = list(value.items())[-1]
    else:  # 8: ({"name": …, "content": memoryview}, …)
        entry = value[-1]
        name = entry["name"]
    return name, bytes(entry["content"])


def emptied(upload):
    """A `FileUpload`, of ipywidgets 8 or 7, without its files."""
    if isinstance(upload.value, dict):  # 7: the value is made of what the page sends, and counted
        upload.data, upload.metadata, upload._counter = [], [], 0
        upload.set_trait("value", {})
    else:
        upload.value = ()


def _content(file, name):
    """A file's bytes; no more of them are read than a file may have."""
    try:
        if isinstance(file, Path):
            with file.open("rb") as opened:
                file = opened.read(LARGEST + 1)
        content = io.BytesIO(file).getvalue()
    except (OSError, TypeError, ValueError) as error:
        raise _no_picture(name, error) from None
    if len(content) > LARGEST:
        raise InputError(f"{name} holds more than {LARGEST // 2**20} MB; give a smaller file, such as one slice of it")
    return content


def _no_picture(name, error):
    return InputError(f"{name} cannot be read as a picture ({error}); give a PNG, JPEG, DICOM or NIfTI file")


def _opened(content, name):
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
        picture.info["pictures"] = getattr(picture, "n_frames", 1)  # a file may hold several
        picture.seek(0)
        return ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, Image.DecompressionBombError) as error:
        raise _no_picture(name, error) from None


def _plain(picture, name):
    """The picture in grey or RGB with 8 bits, which of both in words, and what was done to it."""
    done = [f"taken as the first of {picture.info['pictures']} pictures"] if picture.info.get("pictures", 1) > 1 else []
    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(eight_bits(np.asarray(picture), name)), "grey, its levels spread over 0…255", done
    grey, palette = picture.mode in ("L", "1", "LA", "La"), picture.mode in ("P", "PA")
    try:
        if picture.mode in SEE_THROUGH or "transparency" in picture.info:
            picture = picture.convert("LA") if picture.mode == "La" else picture
            picture = picture.convert("RGBA")
            if picture.getchannel("A").getextrema()[0] < 255:
                done.append("put on white where it is transparent")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        picture = picture.convert("L" if grey else "RGB")
    except ValueError as error:  # such as Lab
        raise InputError(
            f"{name} cannot be made grey or RGB ({error}); save it as a PNG or JPEG file of one of both"
        ) from None
    if palette:  # its colours may all be grey
        pixels = np.asarray(picture)
        grey = bool((pixels == pixels[..., :1]).all())
    return picture, "grey" if grey else "colour", done


def _said(name, was, size, kind, done):
    if was[0] * size[1] != was[1] * size[0]:
        done.append("cut to its middle")
    if was != size:
        done.append(f"resized to {size[0]} x {size[1]}")
    return f"{name} ({was[0]} x {was[1]} pixels, {kind}) was {', '.join(done) or 'taken as it is'}. It has no label."
