"""A hand, as an X-ray shows it: what somebody sends to a network for chests by mistake."""

import numpy as np

from ... import checks
from .brushes import SIZE, ZOOM, edge, fine_axes, lumps, paint, shrink, to_uint8, uniform

# Of the five fingers, thumb first: where it leaves the palm, its angle from upright in degrees, its length.
FINGERS = ((-0.42, 0.10, -52, 0.55), (-0.30, -0.18, -14, 0.68), (-0.10, -0.24, -4, 0.78), (0.10, -0.22, 5, 0.72),
           (0.29, -0.14, 15, 0.55))  # fmt: skip


def hands(count: int, seed: int = 0) -> np.ndarray:
    """Phantom X-rays of hands: uint8 (count, 1, 28, 28).

    No two are alike: they are turned, and differ in size, brightness and noise. Raises `InputError` for a count
    below 1.

    >>> hands(3).shape
    (3, 1, 28, 28)
    """
    count, rng = checks.whole("count", count, 1, checks.MOST), np.random.default_rng(checks.seed(seed))
    down, across = fine_axes()
    turn, size = np.radians(uniform(rng, count, -25, 25)), uniform(rng, count, 0.9, 1.15)
    x = (np.cos(turn) * across + np.sin(turn) * down) / size
    y = (-np.sin(turn) * across + np.cos(turn) * down) / size - 0.12
    soft = np.broadcast_to(edge(1 - np.hypot(x / 0.46, (y - 0.15) / 0.44), 0.1), (count, SIZE * ZOOM, SIZE * ZOOM))
    soft = np.maximum(soft, edge(0.27 - np.abs(x), 0.05) * (y > 0.3))  # the wrist
    bone = np.zeros_like(soft)
    for left, top, angle, length in FINGERS:
        way = np.radians(angle + uniform(rng, count, -4, 4))
        along, aside = np.sin(way), -np.cos(way)
        reach = length * uniform(rng, count, 0.92, 1.08)
        at = np.clip((x - left) * along + (y - top) * aside, -0.45, reach)  # the nearest place of the finger's axis
        away = np.hypot(x - left - at * along, y - top - at * aside)
        soft = np.maximum(soft, edge(0.105 - away, 0.03) * (at > -0.05))
        joints = np.abs(((at / reach * 3 + 0.02) % 1) - 0.5) < 0.43  # dark gaps between three phalanges
        bone = np.maximum(bone, edge(0.05 - away, 0.03) * np.where(at > 0, joints, 1.0))
    bone = np.maximum(bone, edge(0.1 - np.abs(np.abs(x) - 0.12), 0.03) * (y > 0.62))  # radius and ulna
    picture = np.broadcast_to(uniform(rng, count, 0.02, 0.1), soft.shape).copy()
    picture = paint(picture, soft, uniform(rng, count, 0.35, 0.5))
    picture = paint(picture, bone, uniform(rng, count, 0.75, 0.95))
    picture += 0.02 * lumps(rng, picture.shape, (0, 1, 1))
    return to_uint8(255 * shrink(picture))[:, None]
