"""Exercises of lesson 15, into the clinic."""

import numpy as np

from ...check import Exercise, Mistake


def windowed(stored, slope, intercept, centre, width):
    """Stored values as grey, 0 to 1: rescaled to the modality's units, then windowed (DICOM PS3.3 C.11.2.1.2.1).

    stored (H, W) integers -> (H, W)
    """
    units = np.asarray(stored, dtype=float) * slope + intercept
    return np.clip((units - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _scan(generator):
    stored = generator.integers(0, 4096, size=(5, 6))
    width = int(generator.integers(40, 400))
    slope, intercept = float(generator.uniform(0.5, 2)), float(-generator.integers(200, 1200))
    # Around the middle of what is there, so that some values lie in the window, some below and some above.
    centre = round(float(np.median(stored) * slope + intercept))
    stored[0, :4] = np.round((centre + width * np.array([-0.3, -0.1, 0.2, 0.4]) - intercept) / slope)
    return stored.astype(float), slope, intercept, centre, width


def _not_rescaled(stored, slope, intercept, centre, width):
    return windowed(stored, 1, 0, centre, width)


def _intercept_first(stored, slope, intercept, centre, width):
    return windowed(stored + intercept, slope, 0, centre, width)


def _not_cut_off(stored, slope, intercept, centre, width):
    return (stored * slope + intercept - (centre - 0.5)) / (width - 1) + 0.5


def _exact(stored, slope, intercept, centre, width):
    return np.clip((stored * slope + intercept - centre) / width + 0.5, 0, 1)


def _centre_is_the_lower_end(stored, slope, intercept, centre, width):
    return np.clip((stored * slope + intercept - centre) / width, 0, 1)


def position_ras(origin, orientation, spacing, row, column):
    """Where the middle of a pixel lies in the patient, in RAS: mm to the right, the front and the head.

    origin       ImagePositionPatient, of the first pixel's middle, in LPS (3,)
    orientation  ImageOrientationPatient: the direction along a row (its columns increase), then that down a column (6,)
    spacing      PixelSpacing: between rows, between columns (2,)
    """
    left, back, up = origin + orientation[:3] * spacing[1] * column + orientation[3:] * spacing[0] * row
    return np.array([-left, -back, up])


def _slice(generator):
    """A slice that is tilted, with pixels that are not square."""
    first = generator.normal(size=3)
    first /= np.linalg.norm(first)
    second = np.cross(generator.normal(size=3), first)
    second /= np.linalg.norm(second)
    origin = generator.uniform(-200, 200, size=3)
    spacing = generator.uniform(0.4, 0.9), generator.uniform(1.1, 2)
    row, column = int(generator.integers(5, 30)), int(generator.integers(40, 90))
    return origin, np.concatenate([first, second]), np.array(spacing), row, column


def _lps(origin, orientation, spacing, row, column):
    return position_ras(origin, orientation, spacing, row, column) * np.array([-1, -1, 1])


def _all_turned(origin, orientation, spacing, row, column):
    return -_lps(origin, orientation, spacing, row, column)


def _spacing_swapped(origin, orientation, spacing, row, column):
    return position_ras(origin, orientation, spacing[::-1], row, column)


def _directions_swapped(origin, orientation, spacing, row, column):
    return position_ras(origin, np.roll(orientation, 3), spacing, row, column)


def _without_the_origin(origin, orientation, spacing, row, column):
    return position_ras(0 * origin, orientation, spacing, row, column)


def pixel_bytes(rows, columns, frames, samples, bits):
    """How many bytes of pixels an uncompressed file must hold, by its header (DICOM PS3.5, 8.1.1 and 8.2).

    One bit a pixel is packed, eight to a byte, across rows and frames; a value of odd length gets one byte more.
    """
    total = -(-rows * columns * frames * samples * bits // 8)
    return total + total % 2


def _header(generator):
    # Half are masks of one bit, with a number of pixels that no byte holds evenly.
    rows, columns = int(generator.integers(5, 40)) * 2 + 1, int(generator.integers(5, 40)) * 2 + 1
    frames = int(generator.integers(1, 6)) * 2 + 1
    if generator.random() < 0.5:
        return rows, columns, frames, 1, 1
    return rows, columns, frames, int(generator.choice([1, 3])), int(generator.choice([8, 16]))


def _one_frame(rows, columns, frames, samples, bits):
    return pixel_bytes(rows, columns, 1, samples, bits)


def _not_even(rows, columns, frames, samples, bits):
    return -(-rows * columns * frames * samples * bits // 8)


def _a_byte_a_pixel(rows, columns, frames, samples, bits):
    total = rows * columns * frames * samples * -(-bits // 8)
    return total + total % 2


def _rounded_down(rows, columns, frames, samples, bits):
    total = rows * columns * frames * samples * bits // 8
    return total + total % 2


def _grey(rows, columns, frames, samples, bits):
    return pixel_bytes(rows, columns, frames, 1, bits)


def cusum_alarm(values, mean, slack, threshold):
    """When a one-sided CUSUM cries out: the number of the first value at which it does, from 0; -1 for never.

    The sum of what each value lies above mean + slack never falls below 0; it cries out above the threshold
    (Page 1954).
    """
    total = 0.0
    for number, value in enumerate(values):
        total = max(0.0, total + float(value) - mean - slack)
        if total > threshold:
            return number
    return -1


def _stream(generator):
    """Low for a time and then raised, raised from the beginning, or neither: there is not always an alarm."""
    mean, slack = float(generator.uniform(-1, 1)), float(generator.uniform(0.3, 0.5))
    values = mean + generator.normal(scale=0.5, size=140)
    kind = generator.integers(3)
    values[:30] += (-1.0, 1.5, -1.0)[kind]
    values[50:] += (1.5, 1.5, 0.0)[kind]
    return values, mean, slack, float(generator.uniform(3, 5))


def _never_reset(values, mean, slack, threshold):
    above = np.flatnonzero(np.cumsum(np.asarray(values) - mean - slack) > threshold)
    return int(above[0]) if len(above) else -1


def _no_slack(values, mean, slack, threshold):
    return cusum_alarm(values, mean, 0.0, threshold)


def _each_value_alone(values, mean, slack, threshold):
    above = np.flatnonzero(np.asarray(values) - mean - slack > threshold)
    return int(above[0]) if len(above) else -1


def _downwards(values, mean, slack, threshold):
    return cusum_alarm(-np.asarray(values), -mean, slack, threshold)


EXERCISES = [
    Exercise(
        "windowed",
        windowed,
        _scan,
        (
            Mistake(
                "not rescaled",
                _not_rescaled,
                "the window is in the modality's units (for CT: Hounsfield units), but you have put it on the stored"
                " numbers. Which two fields of the header lead from the one to the other?",
            ),
            Mistake(
                "intercept before slope",
                _intercept_first,
                "the order counts: is the intercept in stored numbers, or in the units that come out?",
            ),
            Mistake(
                "not cut off",
                _not_cut_off,
                "some of your values lie below 0 or above 1. What does a screen show of what is outside of the window?",
            ),
            Mistake(
                "LINEAR_EXACT",
                _exact,
                "that is the standard's LINEAR_EXACT. Where a file says nothing it means LINEAR, which counts whole"
                " numbers: its centre is half a unit lower, its width one unit less.",
            ),
            Mistake(
                "the centre as the lower end",
                _centre_is_the_lower_end,
                "a value at the window's centre should come out as a middle grey, not as black.",
            ),
        ),
    ),
    Exercise(
        "position_ras",
        position_ras,
        _slice,
        (
            Mistake(
                "left in LPS",
                _lps,
                "DICOM's axes point to the left and to the back of the patient. RAS wants right and front: which"
                " numbers change their sign?",
            ),
            Mistake(
                "all three turned", _all_turned, "two of the three axes point the other way in RAS. Up is up in both."
            ),
            Mistake(
                "spacing swapped",
                _spacing_swapped,
                "PixelSpacing begins with the distance between *rows*. Along which direction do you go from one row to"
                " the next?",
            ),
            Mistake(
                "directions swapped",
                _directions_swapped,
                "the first three numbers of the orientation are the way along a row, on which the *column* number"
                " grows.",
            ),
            Mistake(
                "without the origin",
                _without_the_origin,
                "where does the first pixel lie? Your answer does not depend on it.",
            ),
        ),
    ),
    Exercise(
        "pixel_bytes",
        pixel_bytes,
        _header,
        (
            Mistake("one frame", _one_frame, "a file may hold many frames. How many bytes are there of all of them?"),
            Mistake(
                "a byte for each bit",
                _a_byte_a_pixel,
                "a mask of one bit a pixel is packed: how many pixels does one byte hold?",
            ),
            Mistake(
                "odd length", _not_even, "every value in a DICOM file has an even length. What is done with an odd one?"
            ),
            Mistake("rounded down", _rounded_down, "bits that do not fill a byte still need one: round up, not down."),
            Mistake("grey only", _grey, "a colour pixel has three samples. Does your answer know?"),
        ),
        trials=16,
    ),
    Exercise(
        "cusum_alarm",
        cusum_alarm,
        _stream,
        (
            Mistake(
                "never reset",
                _never_reset,
                "your sum goes far below zero in a quiet time, and a later change must first climb out of that hole."
                " What does a CUSUM do at zero?",
            ),
            Mistake(
                "no slack",
                _no_slack,
                "without the slack, noise alone adds up. What is taken off each value besides the mean?",
            ),
            Mistake(
                "each value alone",
                _each_value_alone,
                "that looks at one value at a time. A small change that lasts is seen only in the sum.",
            ),
            Mistake(
                "downwards",
                _downwards,
                "that cries out when the values fall. Here an alarm means that they have risen.",
            ),
        ),
        trials=24,
    ),
]
