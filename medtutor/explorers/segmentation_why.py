"""Why a network gives a region to a class: the map of one method, and how it is shown."""

import numpy as np
import torch

from ..errors import InputError
from ..explanation import METHODS, explain, methods_for, overlay
from . import segmentation_panels as panels
from .answers import Question, alone, few_threads, heard
from .segmentation_parts import ALL

OFF = "off"


def methods_of(run):
    """What can be chosen: off, and the methods that can ask about a region, (title, name) each."""
    return [(OFF, OFF), *((METHODS[name].title, name) for name in methods_for(run))]


def explaining(run, image, mask, looked, method, classes):
    """The work of a `Job`: an `Attribution` of the region that a mask gives to a class.

    image, mask  uint8 (C, H, W) and (H, W), or of a volume (C, D, H, W) and (D, H, W)
    looked       a class; with ALL the one that has most of the region

    Raises `InputError` where the mask has no pixel of it. None where the method is `OFF`.
    """
    if method == OFF:
        return None
    sizes = np.bincount(mask.ravel(), minlength=len(classes))
    target = 1 + int(sizes[1:].argmax()) if looked == ALL else looked
    if not sizes[target]:
        what, where = "foreground" if looked == ALL else classes[target], "image" if mask.ndim == 2 else "volume"
        raise InputError(
            f"the prediction has no {what} in this {where}, so there is no region to explain; choose another slice,"
            " class or rule"
        )
    options = tuple(METHODS[method].complete({}, mask.shape).items())
    question = Question((), b"", method, options, target, None, "trained")
    passing = question.effort(mask.shape) + 4  # the network is also asked for its scores

    def work(tell):
        tell(0.0, f"{question.title} for {classes[target]}")
        with few_threads(mask.shape), alone(tell), heard(run, tell, passing) as subject:
            return explain(subject, image, method, target=target, region=torch.from_numpy(mask == target))

    return work


def shown(found, image, at, place):
    """(sheet, alt text): the map over a slice, with the region outlined, and what it is of.

    found  an `Attribution`, of the slice or of the volume
    image  uint8 (C, D, H, W)
    at     the slice, from 0
    """
    values, inside, volume = found.map.numpy(), found.region.numpy(), found.map.dim() == 3
    pixels = overlay(image, values, slice=at) if volume else overlay(image[:, at], values)
    size, count = panels.tile_size(pixels.shape[:2]), int(inside.sum())
    if volume:
        values, inside = values[at], inside[at]
    picture = panels.ring(panels.tile(pixels, size), inside)
    unit = "voxels" if volume else "pixels"
    colours = "orange speaks for it, blue against it" if found.signed else "orange: what it depends on"
    lines = [f"Why {found.target.name} here?", f"of {count} {unit}, outlined in white", f"{found.said} there", colours]
    total = float(np.abs(values).sum())
    share = float(np.abs(values)[inside].sum()) / total if total else 0.0
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    alt = (
        f"Map of {found.title} over {place}: why {found.target.name}, {found.said} over the {count} {unit} of the"
        f" prediction, outlined; {colours}. {share:.0%} of the map here is within the outline; strongest in row"
        f" {row + 1}, column {column + 1}."
    )
    return panels.drawing.beside(panels.panel(picture, found.title, [place], size), panels.words(lines, 2, size)), alt
