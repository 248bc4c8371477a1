"""A picture file of the user's own, made to fit what a model takes."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from ..errors import InputError
from ..files import resolve

SEE_THROUGH = ("LA", "PA", "RGBA", "La", "RGBa")  # Pillow's modes that say how transparent each pixel is


def read_image(file, card, name=None):
    """A PNG or JPEG file as a uint8 image (C, H, W) of a card's size, and a sentence on what was done to it.

    file  a path, or the bytes of a file
    name  to call it by, where only bytes are given

    What is transparent is put on white; of several pictures in one file the first is taken. Cut to the
    card's proportions around its middle, then resized; never stretched.
    Raises `InputError` for what is no picture, and for cards of volumes.
    """
    if card.dims != 2:
        raise InputError(f"{card.name} holds volumes, and a picture file is none; give a uint8 array to show() instead")
    file = resolve(file) if isinstance(file, (str, Path)) else file
    name = name or (file.name if isinstance(file, Path) else "the file")
    picture = _opened(file, name)
    height, width = card.shape
    was = picture.size
    picture, kind, done = _plain(picture, name)
    if kind == "colour" and card.channels == 1:
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


def _opened(file, name):
    try:
        picture = Image.open(file if isinstance(file, (str, Path)) else io.BytesIO(file))
        picture.load()
        picture.info["pictures"] = getattr(picture, "n_frames", 1)  # a file may hold several
        picture.seek(0)
        return ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"{name} cannot be read as a picture ({error}); give a PNG or JPEG file") from None


def _plain(picture, name):
    """The picture in grey or RGB with 8 bits, which of both in words, and what was done to it."""
    done = [f"taken as the first of {picture.info['pictures']} pictures"] if picture.info.get("pictures", 1) > 1 else []
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture, name), "grey, its levels spread over 0…255", done
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


def _eight_bits(picture, name):
    """16-bit and float pictures spread over 0…255: Pillow itself would cut them off at 255."""
    values = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinite values; replace them, for example with 0")
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) / max(high - low, 1e-9) * 255).round().astype(np.uint8))


def _said(name, was, size, kind, done):
    if was[0] * size[1] != was[1] * size[0]:
        done.append("cut to its middle")
    if was != size:
        done.append(f"resized to {size[0]} x {size[1]}")
    return f"{name} ({was[0]} x {was[1]} pixels, {kind}) was {', '.join(done) or 'taken as it is'}. It has no label."
