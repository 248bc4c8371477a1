"""DICOM Secondary Capture: what the model looked at, beside the same with a map or masks, and what it is in letters."""

from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..errors import InputError
from ..explanation import explain, methods_for, overlay
from ..explanation.methods import METHODS
from ..training.run import Run
from .fitting import ModelInput
from .measured import Measured
from .readings import Reading
from .writing import NOT_CLINICAL, Author, cleaned, finished, quietly, series_of

SIDE = 320  # pixels of each of the two pictures, at least
PREFERRED = ("grad_cam", "input_x_gradient")  # quick, and right on the phantoms of lesson 09
COLOURS = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115], [213, 94, 0], [204, 121, 167]], np.float32)


def capture(
    reading: Reading, given: ModelInput, run: Run, measured: list[Measured], author: Author, masks: Any = None
) -> Any:
    """A Secondary Capture of one picture in colour.

    given     what the model was given
    measured  what it said, which stands below the picture
    masks     of a segmentation uint8 (N, H, W) on the reading's frames; else the picture has a map of why
    """
    import highdicom as hd

    pixels = picture(reading, given, run, measured, author, masks)
    sources, _ = cleaned(reading)
    with quietly("secondary capture"):
        made = hd.sc.SCImage.from_ref_dataset(
            ref_dataset=sources[0],
            pixel_array=pixels,
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=("L", "P"),
            manufacturer=author.equipment()["manufacturer"],
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            **series_of("SC", sources[0], author),
        )
        made.PatientOrientation = []  # two pictures beside each other have none
        made.ManufacturerModelName = author.equipment()["manufacturer_model_name"]
        made.DeviceSerialNumber, made.SoftwareVersions = author.hash[:32], author.version
        made.ConversionType, made.Laterality = "SYN", ""
        made.DerivationDescription = f"what the model was given, and why it said so; {NOT_CLINICAL}"
        burned = str(sources[0].get("BurnedInAnnotation") or "")
        if burned in ("YES", "NO"):  # letters in the source are letters in the picture
            made.BurnedInAnnotation = burned
        return finished(made, "SC", reading, author)


def picture(reading, given, run, measured, author, masks=None) -> np.ndarray:
    """uint8 (H, W, 3): left what the model was given, right the same with a map or masks, below what was said."""
    if masks is not None:
        left, right, what = _masked(reading, masks)
    else:
        left, right, what = _explained(given, run)
    zoom = max(1, -(-SIDE // max(left.shape[:2])))
    pair = np.concatenate([left, right], axis=1).repeat(zoom, axis=0).repeat(zoom, axis=1)
    lines = [*author.words[:2], f"weights {author.weights[:12]}; {what}"]
    lines += [str(each) for each in sorted(measured, key=lambda each: -each.value)[:4]]
    return np.concatenate([pair, _letters(lines, pair.shape[1])])


def _masked(reading, masks):
    """The frame with most of the masks, spread over its own grey levels."""
    best = int((masks > 0).sum(axis=(1, 2)).argmax())
    frame = reading.frames[best]
    low, high = np.percentile(frame, [1, 99])
    grey = ((frame - low) * (255 / max(high - low, 1e-6))).clip(0, 255)
    grey = (grey if reading.colour else grey[..., None].repeat(3, axis=-1)).astype(np.float32)
    shade = COLOURS[masks[best] % len(COLOURS)]
    mixed = np.where(masks[best][..., None] > 0, 0.5 * grey + 0.5 * shade, grey)
    return grey.astype(np.uint8), mixed.astype(np.uint8), f"segments on frame {best + 1} of {len(masks)}"


def _explained(given, run):
    """The first case (of a volume the slice that matters most) and its map, with the first method that works."""
    image = given.images[0]
    if run.card.frames:
        middle = image[len(image) // 2]
        left = overlay(middle, np.zeros(middle.shape[1:]))
        return left, left, "the middle frame of the clip; no map"
    for method in PREFERRED:
        if method in methods_for(run):
            try:
                found = explain(run, image, method)
            except InputError:
                continue
            size = torch.zeros_like(found.map) if run.card.task == "regression" and not found.signed else found.map
            chosen = int(found.map.abs().sum(dim=(1, 2)).argmax()) if found.map.dim() == 3 else None
            left = overlay(image, torch.zeros_like(found.map), slice=chosen)
            return left, overlay(image, size, slice=chosen), f"{METHODS[method].title} for {found.target.name}"
    flat = np.zeros(image.shape[1:])
    left = overlay(image, flat)
    return left, left, "no map: no method here explains this model"


def _letters(lines, width):
    """Lines in white on black, as wide as the picture."""
    font = ImageFont.load_default(14)
    made = Image.new("RGB", (width, 20 * len(lines) + 8))
    draw = ImageDraw.Draw(made)
    for number, line in enumerate(lines):
        while line and draw.textlength(line, font=font) > width - 12:
            line = line[:-2]
        draw.text((6, 4 + 20 * number), line, fill=(255, 255, 255), font=font)
    return np.asarray(made)
