"""Right answers of lesson 15."""

from itertools import accumulate

import numpy as np
import pydicom
from pydicom.pixels import apply_rescale, apply_windowing

from . import right


@right("windowed")
def by_interp(stored, slope, intercept, centre, width):
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    return np.interp(np.asarray(stored) * slope + intercept, [low, high], [0, 1])


@right("windowed")
def by_three_cases(stored, slope, intercept, centre, width):
    """As the standard writes it, pixel by pixel."""
    shown = np.zeros(stored.shape)
    for place, value in np.ndenumerate(stored):
        unit = value * slope + intercept
        if unit <= centre - 0.5 - (width - 1) / 2:
            shown[place] = 0
        elif unit > centre - 0.5 + (width - 1) / 2:
            shown[place] = 1
        else:
            shown[place] = (unit - (centre - 0.5)) / (width - 1) + 0.5
    return shown


@right("windowed")
def by_pydicom(stored, slope, intercept, centre, width):
    header = pydicom.Dataset()
    header.RescaleSlope, header.RescaleIntercept = f"{slope:.10g}", f"{intercept:.10g}"
    units = apply_rescale(np.asarray(stored), header)
    header = pydicom.Dataset()  # the units are already what the window is in
    header.WindowCenter, header.WindowWidth, header.BitsStored = f"{centre:g}", f"{width:g}", 16
    header.PixelRepresentation, header.PhotometricInterpretation = 0, "MONOCHROME2"
    return apply_windowing(units, header) / 65535


@right("position_ras")
def by_an_affine(origin, orientation, spacing, row, column):
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(orientation[3:]) * spacing[0]
    affine[:3, 1] = np.asarray(orientation[:3]) * spacing[1]
    affine[:3, 3] = origin
    return (np.diag([-1, -1, 1, 1]) @ affine @ [row, column, 0, 1])[:3]


@right("position_ras")
def by_loops(origin, orientation, spacing, row, column):
    place = []
    for axis in range(3):
        place.append(origin[axis] + column * spacing[1] * orientation[axis] + row * spacing[0] * orientation[3 + axis])
    return [-place[0], -place[1], place[2]]


@right("position_ras")
def by_highdicom(origin, orientation, spacing, row, column):
    from highdicom.spatial import PixelToReferenceTransformer

    there = PixelToReferenceTransformer(
        image_position=[float(x) for x in origin],
        image_orientation=[float(x) for x in orientation],
        pixel_spacing=[float(x) for x in spacing],
    )
    return there(np.array([[column, row]]))[0] * [-1, -1, 1]


@right("pixel_bytes")
def by_divmod(rows, columns, frames, samples, bits):
    whole, rest = divmod(rows * columns * frames * samples * bits, 8)
    whole += rest > 0
    return whole if whole % 2 == 0 else whole + 1


@right("pixel_bytes")
def by_words_of_two_bytes(rows, columns, frames, samples, bits):
    return 2 * int(np.ceil(rows * columns * frames * samples * bits / 16))


@right("pixel_bytes")
def by_packing(rows, columns, frames, samples, bits):
    pixels = np.zeros(rows * columns * frames * samples, {1: bool, 8: np.uint8, 16: np.uint16}[bits])
    data = np.packbits(pixels) if bits == 1 else pixels
    return data.nbytes + data.nbytes % 2


@right("cusum_alarm")
def by_accumulate(values, mean, slack, threshold):
    sums = accumulate(
        [float(v) - mean - slack for v in values], lambda total, step: max(0.0, total + step), initial=0.0
    )
    return next((number - 1 for number, total in enumerate(sums) if total > threshold), -1)


@right("cusum_alarm")
def by_the_lowest_point(values, mean, slack, threshold):
    """The sum that starts anew at zero is how far the plain one lies above its lowest point."""
    plain = np.concatenate([[0], np.cumsum(np.asarray(values, dtype=float) - mean - slack)])
    above = np.flatnonzero((plain - np.minimum.accumulate(plain))[1:] > threshold)
    return int(above[0]) if len(above) else -1


@right("cusum_alarm")
def by_counting_backwards(values, mean, slack, threshold):
    """At each value: is there a stretch that ends here and whose sum lies above the threshold?"""
    steps = [float(value) - mean - slack for value in values]
    for end in range(len(steps)):
        if max(accumulate(reversed(steps[: end + 1]))) > threshold:
            return end
    return -1
