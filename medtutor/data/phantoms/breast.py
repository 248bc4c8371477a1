"""Breast ultrasound: 0 malignant, 1 normal or benign."""

import numpy as np

from .brushes import clouds, edge, fine_axes, often, paint, shrink, to_uint8, uniform


def scans(rng, labels):
    """Breast ultrasound scans, probe on top: images, evidence, masks."""
    n = len(labels)
    malignant = (labels == 0)[:, None, None]
    # About a quarter of the cases without cancer show no lesion at all.
    present = malignant | (rng.random((n, 1, 1)) < 0.75)
    y, x = fine_axes()
    lesion, rim, behind = _lesion(rng, n, x, y, malignant)
    lesion, rim, behind = lesion * present, rim * present, behind * present

    echo = _layers(rng, n, x, y)
    darkness = np.where(malignant, uniform(rng, n, 0.45, 0.95), uniform(rng, n, 0.35, 1.0))
    # Behind a solid cancer it is dark, behind fluid bright; both rules have exceptions.
    change = np.where(malignant, uniform(rng, n, -0.85, 0.15), uniform(rng, n, -0.4, 0.7))
    echo = echo * (1 + change * behind * (1 - lesion)) + uniform(rng, n, 0.0, 0.25) * rim
    echo = echo * (1 - darkness * lesion)
    images = to_uint8(255 * shrink(_probe(rng, n, x, y, echo)))

    inside, strip = shrink(lesion) > 0.4, shrink(behind) > 0.4
    masks = np.select([inside, strip], [1, 2], 0).astype(np.uint8)
    shadow = strip & (change < -0.2)  # weaker ones cannot be told from chance
    return images, (inside | shadow) & malignant, masks


def _layers(rng, n, x, y):
    """Echo of healthy tissue: bright skin, dark fat, streaky gland, dark muscle below."""
    wave = 0.08 * clouds(rng, n, 12, 14) + uniform(rng, n, -0.12, 0.12) * x
    depth = y + wave
    fat, gland = uniform(rng, n, 0.2, 0.45), uniform(rng, n, 0.35, 0.65)
    echo = fat + (gland - fat) * edge(depth - uniform(rng, n, -0.7, -0.1), 0.1)
    muscle = edge(depth - uniform(rng, n, 0.35, 1.1), 0.08)
    echo = paint(echo, muscle, uniform(rng, n, 0.12, 0.35))
    skin = edge(uniform(rng, n, -0.95, -0.75) - y, 0.08)
    echo = paint(echo, skin, uniform(rng, n, 0.45, 0.65))
    streaks = uniform(rng, n, 0.05, 0.25) * clouds(rng, n, 1.3, 7)
    lobules = uniform(rng, n, 0.05, 0.3) * clouds(rng, n, 4, 6)  # fat between the ducts
    return np.clip(echo * (1 + streaks + lobules), 0.02, None)


def _lesion(rng, n, x, y, malignant):
    """Soft masks of a lesion, of its rim, and of the strip behind it.

    Benign: a smooth oval, wider than tall. Malignant: ragged, blurred, and often
    taller than wide. The ranges overlap, as they do in a clinic.
    """
    size = uniform(rng, n, 0.18, 0.5)
    tall = np.where(malignant, uniform(rng, n, 0.6, 1.35), uniform(rng, n, 0.42, 1.0))
    ragged = np.where(malignant, uniform(rng, n, 0.06, 0.3), uniform(rng, n, 0.0, 0.12))
    across = (x - uniform(rng, n, -0.5, 0.5)) / (size / np.sqrt(tall))
    down = (y - uniform(rng, n, -0.4, 0.2)) / (size * np.sqrt(tall))
    # The distance inward from the outline, in radii of the lesion; negative outside.
    gap = 1 - np.hypot(across, down) + ragged * clouds(rng, n, 2.2, 2.2)
    blur = np.where(malignant, uniform(rng, n, 0.12, 0.4), uniform(rng, n, 0.08, 0.3))
    lesion = edge(gap, blur)
    rim = np.exp(-(((gap + 0.2) / 0.2) ** 2))
    behind = edge(0.85 - np.abs(across), 0.25) * edge(down - 0.3, 0.3)
    return lesion, rim, behind


def _probe(rng, n, x, y, echo):
    """What the machine adds: stray shadows, loss with depth, speckle, gain."""
    streak = edge(uniform(rng, n, 0.08, 0.3) - np.abs(x - uniform(rng, n, -1, 1)), 0.15)
    shadow = streak * edge(y - uniform(rng, n, -0.6, 0.4), 0.3) * often(rng, n, 0.5)
    echo = echo * (1 - uniform(rng, n, 0.2, 0.75) * shadow)
    echo = echo * np.exp(-uniform(rng, n, 0, 1.1) * (y + 1) * often(rng, n, 0.8))
    # Speckle multiplies, and its grains are wider than deep.
    speckle = 1 + uniform(rng, n, 0.1, 0.25) * clouds(rng, n, 1.0, 2.0)
    return uniform(rng, n, 0.85, 1.3) * echo * np.clip(speckle, 0.1, None)
