"""Frontal chest X-rays: 0 normal, 1 pneumonia."""

import numpy as np

from .brushes import clouds, edge, fine_axes, often, paint, shrink, to_uint8, uniform


def xrays(rng, labels):
    """Frontal chest X-rays: images, evidence, masks. The patient's left is on our right."""
    n = len(labels)
    x, y = _pose(rng, n)
    lungs, cage, abdomen = _lungs(rng, n, x, y)
    heart = _mediastinum(rng, n, x, y)
    visible = [lung * (1 - heart) * (1 - abdomen) for lung in lungs]
    air = visible[0] + visible[1]

    opacity = _opacities(rng, n, x, y, air) * (labels == 1)[:, None, None]
    level = uniform(rng, n, 0.24, 0.42) + uniform(rng, n, -0.06, 0.06) * x
    level = level + uniform(rng, n, 0.01, 0.05) * clouds(rng, n, 2, 2)  # vessels in the lungs
    # Fluid in the air spaces whitens the lung towards the level of soft tissue.
    level = level + opacity * (0.74 - level)

    tissue = 0.64 + 0.03 * clouds(rng, n, 5, 5)
    picture = paint(tissue, heart, uniform(rng, n, 0.72, 0.8))
    picture = paint(picture, abdomen, uniform(rng, n, 0.72, 0.86))
    picture = paint(picture, air, level)
    picture = picture + _ribs(rng, n, x, y) * cage * (1 - 0.6 * opacity) * (1 - 0.8 * heart)
    picture = picture + _clavicles(rng, n, x, y) + _folds(rng, n, x, y) * (1 - abdomen)
    picture = paint(picture, _outside(rng, n, x, y), uniform(rng, n, 0.0, 0.12))
    images = _exposure(rng, n, shrink(picture))

    left, right, middle = (shrink(part) for part in (*visible, heart * (1 - abdomen)))
    # The neck is no part of the mediastinum: start at the top of the lungs.
    air_rows = ((left > 0.5) | (right > 0.5)).any(2, keepdims=True)
    middle = middle * np.maximum.accumulate(air_rows, 1)
    masks = np.select([left > 0.5, right > 0.5, middle > 0.5], [1, 2, 3]).astype(np.uint8)
    # Evidence: where the lung is whitened at least a third as much as at its whitest.
    white = shrink(opacity) * ((masks == 1) | (masks == 2))
    peak = white.max((1, 2), keepdims=True)
    return images, (white > 0.35 * peak) & (peak > 0), masks


def _pose(rng, n):
    """Coordinates on the body (n, height, width): shifted, turned, nearer or farther."""
    down, across = fine_axes()
    turn, zoom = uniform(rng, n, -0.09, 0.09), uniform(rng, n, 0.76, 1.04)
    down, across = down - uniform(rng, n, -0.1, 0.1), across - uniform(rng, n, -0.1, 0.1)
    return zoom * (across + turn * down), zoom * (down - turn * across)


def _lungs(rng, n, x, y):
    """Soft masks of the left and right lung, of the rib cage, and of the abdomen below.

    A lung is a tall dome: narrow at the apex, leaning outward, cut off below by
    the diaphragm, which stands higher on the right, over the liver.
    """
    apex, base = uniform(rng, n, -0.82, -0.62), uniform(rng, n, 0.42, 0.7)
    width, lean = uniform(rng, n, 0.24, 0.31), uniform(rng, n, 0.12, 0.26)
    depth = np.clip((y - apex) / (base - apex), 0, 1.3)  # 0 apex, 1 base
    half = width * np.sqrt(np.clip(1 - (1 - np.minimum(depth, 1)) ** 2.2, 0, 1))
    lungs, cage, abdomen = [], 0, 0
    for side, lift in ((1, 0.0), (-1, 0.07)):
        centre = 0.31 + lean * depth
        # Highest under the middle of the lung; nearly flat towards the heart.
        dome = base - lift + 0.9 * np.maximum(side * x - centre + 0.08, -0.2) ** 2
        inside = half * (1 + 0.08 * side) - np.abs(side * x - centre)
        above = edge(dome - y, 0.05)
        lungs.append(edge(inside, 0.05) * above * (y > apex))
        cage = cage + edge(inside + 0.12, 0.06) * above * (y > apex)
        abdomen = abdomen + (side * x > 0) * (1 - above)
    return lungs, cage, abdomen


def _mediastinum(rng, n, x, y):
    """Soft mask of what lies between the lungs: spine, great vessels, heart to our right."""
    spine = edge(uniform(rng, n, 0.1, 0.17) + 0.05 * np.abs(y) - np.abs(x), 0.06)
    size, low = uniform(rng, n, 0.27, 0.42), uniform(rng, n, 0.22, 0.4)
    # An egg that leans: its tip points down and to the patient's left.
    across = (x - uniform(rng, n, 0.06, 0.16) - 0.3 * (y - low)) / size
    heart = edge(1 - across**2 - ((y - low) / (1.4 * size)) ** 2, 0.35)
    return np.maximum(spine, heart)


def _opacities(rng, n, x, y, air):
    """What pneumonia adds to the lungs, 0 to 1: one lobe, a few patches, or a diffuse haze."""
    kind = rng.integers(0, 3, (n, 1, 1))
    haze = np.zeros_like(x)
    for patch in range(4):
        side = np.where(rng.random((n, 1, 1)) < 0.5, 1, -1)
        across = (x - side * uniform(rng, n, 0.22, 0.55)) / uniform(rng, n, 0.7, 1.3)
        down = y - uniform(rng, n, -0.5, 0.5)
        radius = np.where(kind == 0, uniform(rng, n, 0.22, 0.4), uniform(rng, n, 0.1, 0.22))
        spot = np.exp(-(((across**2 + down**2) / radius**2) ** 1.5))
        wanted = (kind == 1) | ((kind == 0) & (patch == 0))
        haze = np.maximum(haze, spot * wanted)
    lumps = 0.25 * clouds(rng, n, 4, 4)
    haze = np.where(kind == 2, 0.7 + 0.8 * lumps, haze * (1 + lumps))
    haze = np.clip(haze, 0, None) * air
    severity = uniform(rng, n, 0.3, 1.0)
    return severity * haze / np.maximum(haze.max((1, 2), keepdims=True), 1e-3)


def _ribs(rng, n, x, y):
    """Bright arcs that fall from the spine outward, eight or nine pairs."""
    arc = y + uniform(rng, n, -0.35, 0.1) * np.abs(x) + uniform(rng, n, 0.2, 0.5) * x**2
    wave = np.cos(uniform(rng, n, 28, 36) * arc + uniform(rng, n, 0, 6.3))
    return uniform(rng, n, 0.02, 0.1) * np.clip(wave, -0.3, 1)


def _clavicles(rng, n, x, y):
    """Two bright bars from the breastbone up and outward."""
    line = y + uniform(rng, n, 0.6, 0.8) + uniform(rng, n, 0.05, 0.35) * np.abs(x)
    bar = edge(0.05 - np.abs(line), 0.05) * edge(0.75 - np.abs(x), 0.1)
    return uniform(rng, n, 0.02, 0.13) * bar


def _folds(rng, n, x, y):
    """Healthy look-alikes: breast or skin shadows. They do not stop where the lung stops."""
    low = edge(y - uniform(rng, n, 0.0, 0.5), 0.25) * uniform(rng, n, 0, 0.12)
    side = np.where(rng.random((n, 1, 1)) < 0.5, 1, -1)
    across = x - side * uniform(rng, n, 0.5, 0.95)
    down = y - uniform(rng, n, -0.6, 0.6)
    fold = np.exp(-(((across**2 + down**2) / uniform(rng, n, 0.25, 0.5) ** 2) ** 1.5))
    return low + fold * uniform(rng, n, 0.0, 0.2) * often(rng, n, 0.6)


def _outside(rng, n, x, y):
    """Soft mask of the dark air over the shoulders and beside the chest."""
    shoulder = -uniform(rng, n, 0.85, 1.2) + uniform(rng, n, 0.0, 0.25) * np.abs(x)
    neck = np.abs(x) > uniform(rng, n, 0.25, 0.4)
    above = edge(shoulder - y, 0.05) * neck
    beside = edge(np.abs(x) - uniform(rng, n, 0.9, 1.25), 0.05)
    return np.maximum(above, beside)


def _exposure(rng, n, picture):
    """Dose, contrast and grain of the film: they differ widely and mean nothing."""
    picture = np.clip(picture, 0.0, 1.2) ** uniform(rng, n, 0.8, 1.35)
    picture = 0.55 + uniform(rng, n, 0.6, 1.1) * (picture - 0.55) + uniform(rng, n, -0.1, 0.08)
    grain = uniform(rng, n, 0.004, 0.02) * rng.standard_normal(picture.shape, dtype=np.float32)
    return to_uint8(255 * (picture + grain))
