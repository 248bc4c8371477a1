"""Shapes without grey: brain vessels (0 vessel, 1 aneurysm) and adrenal glands (0 normal, 1 hyperplasia).

A shape is a chain of balls: points (k, 3) in voxels and their radii (k,).
"""

import numpy as np

from .brushes import SIZE


def _balls(points, radii):
    """The voxels (28, 28, 28) that lie in any of the balls; balls may leave the volume."""
    reach = int(radii.max() + 0.5)
    steps = np.arange(-reach, reach + 1)
    around = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    voxels = np.rint(points).astype(int)[:, None] + around
    near = ((voxels - points[:, None]) ** 2).sum(-1) <= radii[:, None] ** 2
    voxels = voxels[near]
    voxels = voxels[((voxels >= 0) & (voxels < SIZE)).all(1)]
    volume = np.zeros((SIZE,) * 3, bool)
    volume[tuple(voxels.T)] = True
    return volume


def _centred(*chains):
    """The chains of points, moved together so that they fill the middle of the volume."""
    points = np.concatenate(chains)
    shift = (SIZE - 1) / 2 - (points.min(0) + points.max(0)) / 2
    return [chain + shift for chain in chains]


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _stack(pairs):
    """(shape, evidence) of each case to arrays of images, evidence and masks."""
    shapes, evidence = (np.stack(part) for part in zip(*pairs))
    return np.where(shapes, 255, 0).astype(np.uint8), evidence, shapes.astype(np.uint8)


# Brain vessels ------------------------------------------------------------


def vessels(rng, labels):
    """Pieces of brain vessels: images, evidence, masks."""
    return _stack([_vessel(rng, label == 1) for label in labels])


def _vessel(rng, aneurysm):
    """A winding vessel with branches, and a blister on its wall: shape, evidence."""
    radius = np.exp(rng.uniform(np.log(1.1), np.log(2.6)))
    trunk = _winding(rng, np.zeros(3), _unit(rng.normal(size=3)), rng.uniform(14, 30))
    wobble = np.sin(np.linspace(0, rng.uniform(2, 9), len(trunk)) + rng.uniform(0, 6.3))
    chains, widths = [trunk], [radius * (1 + rng.uniform(0, 0.2) * wobble)]
    for _ in range(rng.integers(0, 4)):
        root = rng.integers(len(trunk) // 5, len(trunk) * 4 // 5)
        branch = _winding(rng, trunk[root], _unit(rng.normal(size=3)), rng.uniform(3, 16))
        # Healthy look-alike: some branches leave the trunk in a funnel.
        funnel = 1 + rng.uniform(0, 0.6) * np.exp(-np.arange(len(branch)) / 4)
        chains.append(branch)
        widths.append(np.maximum(radius * rng.uniform(0.5, 0.9) * funnel, 0.8))

    root = rng.integers(len(trunk) // 6, len(trunk) * 5 // 6)
    away = _unit(np.cross(rng.normal(size=3), trunk[root + 1] - trunk[root - 1]))
    sac = max(radius * rng.uniform(1.4, 2.4), 2.7)
    blister = trunk[root] + away * (radius + 0.6 * sac)
    if not aneurysm:
        healthy = _balls(np.concatenate(_centred(*chains)), np.concatenate(widths))
        return healthy, np.zeros_like(healthy)
    *chains, blister = _centred(*chains, blister[None])
    healthy = _balls(np.concatenate(chains), np.concatenate(widths))
    bulge = _balls(blister, np.array([sac])) & ~healthy
    return healthy | bulge, bulge


def _winding(rng, start, heading, length, step=0.6):
    """Points of a curve in space that keeps turning to one side and trembles."""
    count = max(int(length / step), 6)
    turn = rng.uniform(0.3, 2.2) * _unit(rng.normal(size=3)) / count
    tremble = rng.normal(size=(count, 3)) * 0.12
    headings = _unit(heading + np.cumsum(2 * turn + tremble, axis=0))
    return start + step * np.cumsum(headings, axis=0)


# Adrenal glands ------------------------------------------------------------


def adrenals(rng, labels):
    """Adrenal glands: images, evidence, masks."""
    return _stack([_adrenal(rng, label == 1) for label in labels])


def _adrenal(rng, hyperplasia):
    """An adrenal gland, two thin limbs that part from a ridge, and its swelling."""
    points, out = _gland(rng)
    radii = rng.uniform(0.85, 1.5) * (1.15 - 0.3 * out / out.max())
    # Healthy look-alikes: in some people the body, where the limbs meet, is
    # thicker, and a lobule stands out a little.
    radii = radii * (1 + rng.uniform(0, 0.6) * np.exp(-((out / 2) ** 2)))
    radii = radii * (1 + rng.uniform(0, 0.35) * _bump(rng, points))
    points = _centred(points)[0]
    healthy = _balls(points, radii)
    if not hyperplasia:
        return healthy, np.zeros_like(healthy)
    ill = _balls(points, radii * (1 + rng.uniform(0.8, 1.4) * _bump(rng, points))) | healthy
    return ill, ill & ~healthy


def _bump(rng, points):
    """How much each point takes part in a swelling at one of them, 0 to 1.

    A nodule where the swelling is narrow, a thickened limb where it is wide.
    """
    centre, reach = points[rng.integers(len(points))], rng.uniform(1.0, 2.0)
    return np.exp(-((points - centre) ** 2).sum(1) / (2 * reach**2))


def _gland(rng):
    """Points (k, 3) along the middle of the two limbs, and each one's way from the ridge (k,)."""
    # The ridge runs obliquely through the slices; side and back span the cut across it.
    ridge = _unit(np.array([0.15, 0.7, 0.7]) + rng.normal(size=3) * 0.15)
    side, back = np.array([0, -0.7, 0.7]), np.array([1.0, 0, 0])
    length, curve = rng.uniform(11, 20), rng.uniform(-1, 4)
    steps = int(length * 1.3)
    along, out = np.meshgrid(np.linspace(0, 1, steps), np.arange(0, 9, 0.8))
    points, distances = [], []
    for sign in (1, -1):
        # A limb grows and shrinks along the ridge, its border is ragged, and
        # it parts further and further from the other one, like a V that opens.
        reach = rng.uniform(3, 8.5) * np.sin(np.pi * (0.15 + 0.75 * along)) ** 1.5
        keep = out <= reach * rng.uniform(0.7, 1.15, steps)
        a, o = along[keep], out[keep]
        angle = sign * (rng.uniform(0.1, 0.5) + rng.uniform(0.1, 0.7) * a)
        points.append(
            np.outer((a - 0.5) * length, ridge)
            + np.outer(o * np.cos(angle), back)
            + np.outer(o * np.sin(angle) - curve * (2 * a - 1) ** 2, side)
        )
        distances.append(o)
    return np.concatenate(points), np.concatenate(distances)
