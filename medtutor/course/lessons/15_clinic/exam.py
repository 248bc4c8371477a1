"""Exam questions of lesson 15, into the clinic."""

import numpy as np

from ....clinic.pixel_values import windowed
from ....metrics.drift import cusum
from ...exam import question


@question(
    "A DICOM file stores {stored}; rescale slope {slope}, intercept {intercept}. Which value does the pixel have?",
    "{:.1f}",
)
def rescaled(generator):
    stored, slope = int(generator.integers(200, 3000)), float(generator.choice([0.5, 2.0, 2.5]))
    intercept = -int(generator.choice([1000, 1024, 500]))
    return {"stored": stored, "slope": slope, "intercept": intercept}, [
        (stored * slope + intercept, "Slope times what is stored, plus the intercept."),
        (stored, "What is stored is no value yet: a reader may leave this step to you."),
        ((stored + intercept) * slope, "The slope comes first."),
        (stored + intercept, "The slope is forgotten."),
    ]


@question(
    "A file of {bits} bits is MONOCHROME1 (0 is white) and stores {stored}. Which number means the same in MONOCHROME2?"
)
def inverted(generator):
    bits = int(generator.choice([8, 10, 12]))
    stored = int(generator.integers(1, 2**bits - 1))
    return {"bits": bits, "stored": stored}, [
        (2**bits - 1 - stored, "Turned round within the range: the highest number is 2^bits - 1."),
        (stored, "Not inverted, the network sees a negative, and answers all the same."),
        (2**bits - stored, "The highest number is 2^bits - 1: 0 has to become that."),
        (-stored, "Stored numbers have no sign here; they are turned round within the range."),
    ]


@question(
    "A window of centre {centre} and width {width} (LINEAR_EXACT) maps to 0 to 255. What does the value {value} become,"
    " rounded?",
    "{:.0f}",
)
def window(generator):
    centre, width = 10 * int(generator.integers(-60, 20)), 100 * int(generator.integers(3, 16))
    value = centre + int(generator.integers(-width // 3, width // 3))
    key = int(windowed(np.array([float(value)]), (float(centre), float(width)), "LINEAR_EXACT")[0])
    return {"centre": centre, "width": width, "value": value}, [
        (key, "How far the value lies above the window's lower end, over its width, times 255."),
        (255 * abs(value - centre) / width, "The window begins half a width below its centre."),
        (255 - key, "The window was turned round: low is black."),
        (255 * (0.5 + (value - centre) / (2 * width)), "The width is from end to end, not from the centre."),
    ]


@question(
    "A mask has {voxels} voxels; pixels are {x} x {y} mm, slices {thick} mm thick, and {gap} mm from centre to"
    " centre. What is its volume in ml?",
    "{:.3f}",
)
def volume(generator):
    voxels = int(generator.integers(1500, 6000))
    x = int(generator.integers(4, 12)) / 10
    thick, gap = (int(v) / 10 for v in generator.choice(np.arange(10, 50), 2, replace=False))
    return {"voxels": voxels, "x": x, "y": x, "thick": thick, "gap": gap}, [
        (
            voxels * x * x * gap / 1000,
            "The distance of slices counts, not their thickness, which may overlap or leave gaps.",
        ),
        (voxels * x * x * thick / 1000, "Slices may be thicker or thinner than their distance."),
        (voxels / 1000, "A voxel is not 1 mm wide."),
        (voxels * x * gap / 1000, "A pixel has two sides."),
    ]


@question(
    "ImagePositionPatient of two neighbouring slices is {one} and {two}; slices lie across the third axis. The"
    " first slice is number 0. At which third coordinate is slice {k}?",
    "{:.1f}",
)
def position(generator):
    first, step, k = (
        int(x) for x in (generator.integers(-90, 90), generator.integers(2, 9), generator.integers(4, 30))
    )
    sign = int(generator.choice([-1, 1]))
    second = first + sign * step
    return {"one": f"(0, 0, {first})", "two": f"(0, 0, {second})", "k": k}, [
        (first + sign * step * k, "The first position, and k times the step, with its sign."),
        (first - sign * step * k, "The sign of the step says in which direction slices are counted."),
        (first + sign * step * (k + 1), "The first slice is number 0."),
        (sign * step * k, "The first slice need not lie at 0."),
    ]


@question(
    "A monitor (CUSUM: the larger of the sums upward and downward; slack {slack}) sees the deviations {x}. What does it"
    " stand at after the last one?",
    "{:.2f}",
)
def summed(generator):
    x, slack = generator.integers(-10, 22, 6) / 10, 0.5
    key = float(np.ravel(cusum(x[None], slack))[-1])
    total = 0.0
    for each in x:
        total += each - slack
    return {"slack": slack, "x": ", ".join(f"{v:.1f}" for v in x)}, [
        (
            key,
            "Each deviation less the slack is added, on either side, and no sum falls below 0; the larger one counts.",
        ),
        (total, "The sum begins anew at 0 wherever it would fall below."),
        (x.sum(), "The slack is taken off each deviation."),
        (x[-1] - slack, "The sum remembers: that is what it is for."),
    ]


@question(
    "A test alarms falsely on one of {rate} days, each day anew. How likely is at least one false alarm in"
    " {days} days?",
    "{:.3f}",
)
def alarms(generator):
    rate, days = int(generator.integers(50, 300)), int(generator.integers(20, 120))
    return {"rate": rate, "days": days}, [
        (1 - (1 - 1 / rate) ** days, "1 minus the chance of no false alarm on any day."),
        (1 / rate, "This is for one day."),
        (days / rate, "This is how many are expected; the chance of at least one is lower."),
        ((1 - 1 / rate) ** days, "This is the chance of none."),
    ]


@question(
    "A monitor alarms at or above {limit}. It stands at {values} on the days 1 to 7. On which day does it first alarm?"
)
def first(generator):
    values, limit = generator.integers(0, 60, 7) / 10, int(generator.integers(25, 45)) / 10
    over = np.flatnonzero(values >= limit)
    if not len(over):
        return {}, []
    return {"limit": limit, "values": ", ".join(f"{v:.1f}" for v in values)}, [
        (int(over[0]) + 1, "The first day on which the limit is reached: later ones change nothing."),
        (int(values.argmax()) + 1, "The highest value is not the first above the limit."),
        (int(over[-1]) + 1, "This is the last day above the limit."),
        (int(over[0]), "The first day is number 1, not 0."),
    ]


@question(
    "A network was trained on pixels of {trained} mm, and a film has {film} mm. A finding of {size} mm is how"
    " many pixels long, after resampling to what the network knows?",
    "{:.2f}",
)
def resampled(generator):
    trained, film = (int(x) / 10 for x in generator.choice(np.arange(3, 25), 2, replace=False))
    size = int(generator.integers(8, 50))
    return {"trained": trained, "film": film, "size": size}, [
        (size / trained, "Millimetres over the size of a pixel that the network knows."),
        (size / film, "This is before resampling: the network would see another size than in training."),
        (size * trained / film, "Resampling changes how many pixels there are, not how many millimetres."),
        (size, "A pixel is not 1 mm."),
    ]


@question(
    "Of {n} files that come in, {odd} are not fit for the model; a check refuses {caught} of these and {good}"
    " good ones. What share of what reaches the model is not fit?",
    "{:.4f}",
)
def refused(generator):
    n, odd = int(generator.integers(300, 900)), int(generator.integers(30, 90))
    caught, good = int(odd * generator.uniform(0.6, 0.95)), int(generator.integers(2, 30))
    return {"n": n, "odd": odd, "caught": caught, "good": good}, [
        ((odd - caught) / (n - caught - good), "What was missed, of what was not refused."),
        ((odd - caught) / n, "What was refused does not reach the model."),
        (1 - caught / odd, "This is a share of the unfit files."),
        (odd / n, "This is before the check."),
    ]
