"""Where the frames of DICOM files lie: one order, one grid, in millimetres to the patient's left, back and head.

Frames are sorted along their normal, and what is no even stack is refused or said.
"""

from typing import Any

import numpy as np

from ..errors import InputError
from .pixel_values import functional

SAME = 1e-3  # cosines of directions that are one direction, files round them
UNEVEN = 0.1  # steps between slices that differ by more are refused, as a share of the usual one
SAID = 0.01  # and by more than this said
Place = tuple[np.ndarray, np.ndarray, np.ndarray]  # position (3,), directions (2, 3) along a row and a column, spacing


def place_of(dataset: Any, frame: int = 0) -> Place | None:
    """(position, directions, pixel spacing) of a frame; None where the file does not say where it lies.

    Raises `InputError` for directions and distances that cannot be.
    """
    enhanced = "PerFrameFunctionalGroupsSequence" in dataset or "SharedFunctionalGroupsSequence" in dataset
    holders = dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"), dataset)
    if enhanced:
        names = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        holders = {name: functional(dataset, frame, group) for name, group in zip(holders, names)}
    found = [holder.get(name) or () for name, holder in holders.items() if holder is not None]
    if len(found) < 3 or not all(found):
        return None
    position, directions, spacing = (np.array([float(number) for number in each]) for each in found)
    if position.shape != (3,) or directions.shape != (6,) or spacing.shape != (2,):
        raise InputError("the file does not say where its pixels lie in the form of the standard; get it anew")
    directions = directions.reshape(2, 3)
    right = np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-2) and abs(directions[0] @ directions[1]) < 1e-2
    if not (np.isfinite(position).all() and right and np.isfinite(spacing).all() and (spacing > 0).all()):
        raise InputError("the file's directions or distances between pixels cannot be; get it anew from where it came")
    return position, directions, spacing


def ordered(places: list[Place]) -> np.ndarray:
    """The order of frames along their normal. Raises `InputError` where they are no stack of one direction."""
    first = places[0]
    for _, directions, spacing in places:
        if not np.allclose(directions, first[1], atol=SAME):
            raise InputError(
                "the frames lie in several directions, such as a planning image among the slices; give a folder of"
                " those of one direction"
            )
        if not np.allclose(spacing, first[2], rtol=SAME):
            raise InputError("the frames have different distances between pixels; give a folder of those of one grid")
    return np.argsort(_heights(places), kind="stable")


def _heights(places):
    normal = np.cross(places[0][1][0], places[0][1][1])
    return np.array([position @ normal for position, _, _ in places])


def grid(places: list[Place], thickness: float | None = None) -> tuple[np.ndarray, float | None, list[str]]:
    """(affine (4, 4), mm between frames, words) of frames in order.

    thickness  of the slice, which a single frame has in place of a distance to the next

    Raises `InputError` for frames at one place, a frame that is missing, and steps that differ by more than a tenth.
    """
    position, (along_row, along_column), (between_rows, between_columns) = places[0]
    words, step = [], np.cross(along_row, along_column) * (thickness or 1.0)
    distance = thickness
    if len(places) > 1:
        heights = _heights(places)
        steps = np.diff(heights)
        usual = float(np.median(steps))
        _check_steps(steps, usual)
        if np.abs(steps - usual).max() > SAID * usual:
            words.append(
                f"the distance between slices varies from {steps.min():.3g} to {steps.max():.3g} mm;"
                " it was taken as even"
            )
        step = (places[-1][0] - position) / (len(places) - 1)
        distance = float((heights[-1] - heights[0]) / (len(places) - 1))
        aside = np.linalg.norm(step - np.cross(along_row, along_column) * distance)
        if aside > SAID * distance:
            words.append(
                f"each slice lies {aside:.3g} mm aside of the one below (a tilted gantry); they were not straightened"
            )
    affine = np.eye(4)
    affine[:3] = np.stack([step, along_column * between_rows, along_row * between_columns, position], axis=1)
    return affine, distance, words


def _check_steps(steps, usual):
    if usual <= 0 or (steps < SAID * usual).any() or steps.min() <= 0:
        doubles = int((steps <= SAID * max(usual, 1e-6)).sum()) or len(steps)
        raise InputError(
            f"{doubles} of the frames lie where another lies (several phases, echoes or copies in one folder); give a"
            " folder with one frame at each place"
        )
    rounded = np.rint(steps / usual)
    if (rounded >= 2).any():
        gap = int(np.argmax(rounded))
        raise InputError(
            f"{int((rounded - 1).clip(0).sum())} slices are missing, the first between slices {gap + 1} and {gap + 2}"
            " from below; get the whole series"
        )
    if np.abs(steps - usual).max() > UNEVEN * usual:
        raise InputError(
            f"the distances between slices run from {steps.min():.3g} to {steps.max():.3g} mm; only an even stack is a"
            " volume: resample it, or get the whole series"
        )


def flat_spacing(dataset: Any) -> tuple[float | None, float | None, str | None]:
    """(mm between rows, between columns, a sentence) of an image without a place, such as an X-ray or ultrasound."""
    region = (dataset.get("SequenceOfUltrasoundRegions") or [None])[0]
    if dataset.get("PixelSpacing"):
        rows, columns = map(float, dataset.PixelSpacing[:2])
        said = None
    elif dataset.get("ImagerPixelSpacing"):
        rows, columns = map(float, dataset.ImagerPixelSpacing[:2])
        said = "the distance between pixels is that on the detector, which enlarges the body"
    elif dataset.get("NominalScannedPixelSpacing"):
        rows, columns = map(float, dataset.NominalScannedPixelSpacing[:2])
        said = "the distance between pixels is that of a scanned film"
    elif region is not None and region.get("PhysicalUnitsXDirection") == region.get("PhysicalUnitsYDirection") == 3:
        rows, columns = 10 * abs(float(region.PhysicalDeltaY)), 10 * abs(float(region.PhysicalDeltaX))
        said = "the distance between pixels is that of its first ultrasound region"
    else:
        return None, None, None
    if not (np.isfinite([rows, columns]).all() and rows > 0 and columns > 0):
        return None, None, "the distance between pixels that the file gives cannot be; none was taken"
    return rows, columns, said
