"""A picture file of the user's own, made to fit what a model takes."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from ..errors import InputError
from ..files import resolve


def read_image(file, card, name=None):
    """A PNG or JPEG file as a uint8 image (C, H, W) of a card's size, and a sentence on what was done to it.

    file  a path, or the bytes of a file
    name  to call it by, where only bytes are given

    Cut to the card's proportions around its middle, then resized; never stretched.
    Raises `InputError` for what is no picture, and for cards of volumes.
    """
    if card.dims != 2:
        raise InputError(f"{card.name} holds volumes, and a picture file is none; give a uint8 array to show() instead")
    file = resolve(file) if isinstance(file, (str, Path)) else file
    name = name or (file.name if isinstance(file, Path) else "the file")
    picture = _opened(file, name)
    height, width = card.shape
    was, colour = picture.size, picture.mode not in ("L", "1", "I;16", "I", "F", "LA")
    picture = _eight_bits(picture).convert("RGB" if card.channels == 3 else "L")
    picture = ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)
    pixels = np.array(picture)
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy() if pixels.ndim == 3 else pixels[None])
    return image, _said(name, was, (width, height), colour, card.channels == 3)


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


def _opened(file, name):
    try:
        picture = Image.open(file if isinstance(file, (str, Path)) else io.BytesIO(file))
        picture.load()
        return ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{name} cannot be read as a picture ({error}); give a PNG or JPEG file") from None


def _eight_bits(picture):
    """16-bit and float pictures spread over 0…255: Pillow itself would cut them off at 255."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture, dtype=np.float64)
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) / max(high - low, 1e-9) * 255).round().astype(np.uint8))


def _said(name, was, size, colour, wanted):
    done = []
    if colour and not wanted:
        done.append("converted to grey")
    if was[0] * size[1] != was[1] * size[0]:
        done.append("cut to its middle")
    if was != size:
        done.append(f"resized to {size[0]} x {size[1]}")
    kind = "colour" if colour else "grey"
    return f"{name} ({was[0]} x {was[1]} pixels, {kind}) was {', '.join(done) or 'taken as it is'}. It has no label."
