"""Phantoms: images that medtutor draws, so that the truth about them is known.

A phantom is an instrument, not a patient. On a real image nobody knows which
pixels ought to decide the label; on a phantom they are known, because they
were put there. `Split.evidence` marks them and `Split.masks` names the anatomy
around them, so an explanation or a segmentation can be marked right or wrong.
Results on phantoms say nothing about patients and never stand beside published
ones.

name            what is drawn           evidence                    masks
pneumoniamnist  frontal chest X-ray     opacities in the lungs      1 left lung, 2 right lung,
                                                                    3 heart and mediastinum
breastmnist     breast ultrasound       malignant lesion, shadow    1 lesion, 2 strip behind it
vesselmnist3d   brain vessel            the bulge of an aneurysm    1 vessel
adrenalmnist3d  adrenal gland           what a swelling has added   1 gland

No label is wrong on purpose. The tasks are hard because faint disease is drawn
beside healthy look-alikes: a skin fold over a lung, a benign mass with a
shadow, a vessel that swells where it branches, a gland that is thick all over.
"""

from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage

from ... import checks
from ...errors import InputError
from ..arrays import make_split
from ..card import SPLITS, Card, phantom_card
from ..dataset import Dataset

SIZE = 28  # pixels along each side of every phantom
ZOOM = 2  # flat pictures are drawn this much finer, then averaged to SIZE
BATCH = 50  # pictures drawn at once: few enough to stay in the processor's cache

# The share of label 1 in each split is that of the real set.
_SHARES = {
    "pneumoniamnist": {"train": 0.742, "val": 0.742, "test": 0.625},
    "breastmnist": {"train": 0.731, "val": 0.731, "test": 0.731},
    "vesselmnist3d": {"train": 0.112, "val": 0.115, "test": 0.113},
    "adrenalmnist3d": {"train": 0.218, "val": 0.224, "test": 0.232},
}
NAMES = tuple(_SHARES)
# Enough to train on and quick to draw; as few ultrasound images as the real set has.
COUNTS = {
    "pneumoniamnist": {"train": 1500, "val": 300, "test": 500},
    "breastmnist": {"train": 546, "val": 78, "test": 156},
    "vesselmnist3d": {"train": 600, "val": 120, "test": 240},
    "adrenalmnist3d": {"train": 600, "val": 120, "test": 240},
}


def draw(card, counts=None, seed=0):
    """The phantom `Dataset` of a card; provenance "phantom".

    card    of a set named in `NAMES`, at size 28
    counts  cases to draw, such as {"train": 100}; a split left out keeps its
            usual number of `COUNTS`
    seed    a whole number from 0: the same seed draws the same images, bit for bit

    Images are uint8 (N, 1, 28, 28) or (N, 1, 28, 28, 28), volumes 0 or 255;
    labels mean what they mean in the real set; evidence (bool) and masks
    (uint8) have the shape of the images without the channel.

    Raises `InputError` where no phantom of the card exists, for fewer than two
    cases in a split, and for a seed that is not a whole number from 0.
    """
    checks.instance("card", card, Card, "the Card of a data set, such as medtutor.data.card gives")
    dims = 3 if card.name.endswith("3d") else 2
    if card.name not in NAMES or card.shape != (SIZE,) * dims:
        raise InputError(
            f"there is no phantom of {card.name} at size {card.size}; choose one of {', '.join(NAMES)} at size {SIZE}"
        )
    counts, seed = checks.counts(counts, COUNTS[card.name], 2, ", one case a class"), checks.whole("seed", seed, 0)
    card = phantom_card(card)
    splits = {}
    for number, split in enumerate(SPLITS):
        # The number of the split is part of the seed: no two splits share a stream.
        rng = np.random.default_rng([seed, NAMES.index(card.name), number])
        labels = _labels(rng, counts[split], _SHARES[card.name][split])
        images, evidence, masks = _cases(card.name, rng, labels)
        checked = make_split(split, torch.from_numpy(images).unsqueeze(1), labels, card)
        splits[split] = replace(checked, evidence=torch.from_numpy(evidence), masks=torch.from_numpy(masks))
    return Dataset(**splits, card=card, provenance="phantom")


def _labels(rng, count, share):
    """Labels 0 and 1 in random order, the given share of them 1, at least one of each."""
    ones = min(max(round(count * share), 1), count - 1)
    return rng.permutation(np.repeat([0, 1], [count - ones, ones]))


def _cases(name, rng, labels):
    """Draw one case for each label, BATCH at a time: numpy images, evidence, masks."""
    batches = [labels[i : i + BATCH] for i in range(0, len(labels), BATCH)]
    parts = [_PAINTERS[name](rng, batch) for batch in batches]
    return tuple(np.concatenate(part) for part in zip(*parts))


# Brushes -----------------------------------------------------------------------------------
# A flat picture is an array (n, height, width) of brightness, 0 black to 1 white. Numbers that
# differ from picture to picture have shape (n, 1, 1), so that one line of numpy draws n of them.


def _uniform(rng, n, low, high):
    """One random number a picture, (n, 1, 1)."""
    return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)


def _often(rng, n, share):
    """1 for that share of the pictures, else 0, (n, 1, 1)."""
    return (rng.random((n, 1, 1)) < share).astype(np.float32)


def _edge(distance, blur):
    """0 outside (distance < 0), 1 inside, a ramp of that half-width between."""
    return np.clip(0.5 + 0.5 * distance / blur, 0, 1)


def _clouds(rng, n, down, across):
    """Random texture with lumps of that size (fine pixels); mean 0, spread 1."""
    noise = rng.standard_normal((n, SIZE * ZOOM, SIZE * ZOOM), dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0, down, across), mode="wrap", truncate=2.5)
    return noise / noise.std()


def _paint(picture, mask, level):
    """Cover the picture with a level where mask is 1; half where it is 0.5."""
    return picture + mask * (level - picture)


def _axes():
    """Fine coordinates (1, height, 1) and (1, 1, width): -1 top or left, 1 bottom or right."""
    line = (np.arange(SIZE * ZOOM, dtype=np.float32) + 0.5) / (SIZE * ZOOM / 2) - 1
    return line[None, :, None], line[None, None, :]


def _shrink(fine):
    """The mean of each ZOOM x ZOOM block, as a camera with bigger pixels sees it."""
    n = len(fine)
    return fine.reshape(n, SIZE, ZOOM, SIZE, ZOOM).mean((2, 4))


def _to_uint8(brightness):
    return np.clip(np.rint(brightness * 255), 0, 255).astype(np.uint8)


# Chest X-ray: 0 normal, 1 pneumonia --------------------------------------------------------


def _chest_xrays(rng, labels):
    """Frontal chest X-rays: images, evidence, masks. The patient's left is on our right."""
    n = len(labels)
    x, y = _pose(rng, n)
    lungs, cage, abdomen = _lungs(rng, n, x, y)
    heart = _mediastinum(rng, n, x, y)
    visible = [lung * (1 - heart) * (1 - abdomen) for lung in lungs]
    air = visible[0] + visible[1]

    opacity = _opacities(rng, n, x, y, air) * (labels == 1)[:, None, None]
    level = _uniform(rng, n, 0.24, 0.42) + _uniform(rng, n, -0.06, 0.06) * x
    level = level + _uniform(rng, n, 0.01, 0.05) * _clouds(rng, n, 2, 2)  # vessels in the lungs
    # Fluid in the air spaces whitens the lung towards the level of soft tissue.
    level = level + opacity * (0.74 - level)

    tissue = 0.64 + 0.03 * _clouds(rng, n, 5, 5)
    picture = _paint(tissue, heart, _uniform(rng, n, 0.72, 0.8))
    picture = _paint(picture, abdomen, _uniform(rng, n, 0.72, 0.86))
    picture = _paint(picture, air, level)
    picture = picture + _ribs(rng, n, x, y) * cage * (1 - 0.6 * opacity) * (1 - 0.8 * heart)
    picture = picture + _clavicles(rng, n, x, y) + _folds(rng, n, x, y) * (1 - abdomen)
    picture = _paint(picture, _outside(rng, n, x, y), _uniform(rng, n, 0.0, 0.12))
    images = _exposure(rng, n, _shrink(picture))

    left, right, middle = (_shrink(part) for part in (*visible, heart * (1 - abdomen)))
    # The neck is no part of the mediastinum: start at the top of the lungs.
    air_rows = ((left > 0.5) | (right > 0.5)).any(2, keepdims=True)
    middle = middle * np.maximum.accumulate(air_rows, 1)
    masks = np.select([left > 0.5, right > 0.5, middle > 0.5], [1, 2, 3]).astype(np.uint8)
    # Evidence: where the lung is whitened at least a third as much as at its whitest.
    white = _shrink(opacity) * ((masks == 1) | (masks == 2))
    peak = white.max((1, 2), keepdims=True)
    return images, (white > 0.35 * peak) & (peak > 0), masks


def _pose(rng, n):
    """Coordinates on the body (n, height, width): shifted, turned, nearer or farther."""
    down, across = _axes()
    turn, zoom = _uniform(rng, n, -0.09, 0.09), _uniform(rng, n, 0.76, 1.04)
    down, across = down - _uniform(rng, n, -0.1, 0.1), across - _uniform(rng, n, -0.1, 0.1)
    return zoom * (across + turn * down), zoom * (down - turn * across)


def _lungs(rng, n, x, y):
    """Soft masks of the left and right lung, of the rib cage, and of the abdomen below.

    A lung is a tall dome: narrow at the apex, leaning outward, cut off below by
    the diaphragm, which stands higher on the right, over the liver.
    """
    apex, base = _uniform(rng, n, -0.82, -0.62), _uniform(rng, n, 0.42, 0.7)
    width, lean = _uniform(rng, n, 0.24, 0.31), _uniform(rng, n, 0.12, 0.26)
    depth = np.clip((y - apex) / (base - apex), 0, 1.3)  # 0 apex, 1 base
    half = width * np.sqrt(np.clip(1 - (1 - np.minimum(depth, 1)) ** 2.2, 0, 1))
    lungs, cage, abdomen = [], 0, 0
    for side, lift in ((1, 0.0), (-1, 0.07)):
        centre = 0.31 + lean * depth
        # Highest under the middle of the lung; nearly flat towards the heart.
        dome = base - lift + 0.9 * np.maximum(side * x - centre + 0.08, -0.2) ** 2
        inside = half * (1 + 0.08 * side) - np.abs(side * x - centre)
        above = _edge(dome - y, 0.05)
        lungs.append(_edge(inside, 0.05) * above * (y > apex))
        cage = cage + _edge(inside + 0.12, 0.06) * above * (y > apex)
        abdomen = abdomen + (side * x > 0) * (1 - above)
    return lungs, cage, abdomen


def _mediastinum(rng, n, x, y):
    """Soft mask of what lies between the lungs: spine, great vessels, heart to our right."""
    spine = _edge(_uniform(rng, n, 0.1, 0.17) + 0.05 * np.abs(y) - np.abs(x), 0.06)
    size, low = _uniform(rng, n, 0.27, 0.42), _uniform(rng, n, 0.22, 0.4)
    # An egg that leans: its tip points down and to the patient's left.
    across = (x - _uniform(rng, n, 0.06, 0.16) - 0.3 * (y - low)) / size
    heart = _edge(1 - across**2 - ((y - low) / (1.4 * size)) ** 2, 0.35)
    return np.maximum(spine, heart)


def _opacities(rng, n, x, y, air):
    """What pneumonia adds to the lungs, 0 to 1: one lobe, a few patches, or a diffuse haze."""
    kind = rng.integers(0, 3, (n, 1, 1))
    haze = np.zeros_like(x)
    for patch in range(4):
        side = np.where(rng.random((n, 1, 1)) < 0.5, 1, -1)
        across = (x - side * _uniform(rng, n, 0.22, 0.55)) / _uniform(rng, n, 0.7, 1.3)
        down = y - _uniform(rng, n, -0.5, 0.5)
        radius = np.where(kind == 0, _uniform(rng, n, 0.22, 0.4), _uniform(rng, n, 0.1, 0.22))
        spot = np.exp(-(((across**2 + down**2) / radius**2) ** 1.5))
        wanted = (kind == 1) | ((kind == 0) & (patch == 0))
        haze = np.maximum(haze, spot * wanted)
    lumps = 0.25 * _clouds(rng, n, 4, 4)
    haze = np.where(kind == 2, 0.7 + 0.8 * lumps, haze * (1 + lumps))
    haze = np.clip(haze, 0, None) * air
    severity = _uniform(rng, n, 0.3, 1.0)
    return severity * haze / np.maximum(haze.max((1, 2), keepdims=True), 1e-3)


def _ribs(rng, n, x, y):
    """Bright arcs that fall from the spine outward, eight or nine pairs."""
    arc = y + _uniform(rng, n, -0.35, 0.1) * np.abs(x) + _uniform(rng, n, 0.2, 0.5) * x**2
    wave = np.cos(_uniform(rng, n, 28, 36) * arc + _uniform(rng, n, 0, 6.3))
    return _uniform(rng, n, 0.02, 0.1) * np.clip(wave, -0.3, 1)


def _clavicles(rng, n, x, y):
    """Two bright bars from the breastbone up and outward."""
    line = y + _uniform(rng, n, 0.6, 0.8) + _uniform(rng, n, 0.05, 0.35) * np.abs(x)
    bar = _edge(0.05 - np.abs(line), 0.05) * _edge(0.75 - np.abs(x), 0.1)
    return _uniform(rng, n, 0.02, 0.13) * bar


def _folds(rng, n, x, y):
    """Healthy look-alikes: breast or skin shadows. They do not stop where the lung stops."""
    low = _edge(y - _uniform(rng, n, 0.0, 0.5), 0.25) * _uniform(rng, n, 0, 0.12)
    side = np.where(rng.random((n, 1, 1)) < 0.5, 1, -1)
    across = x - side * _uniform(rng, n, 0.5, 0.95)
    down = y - _uniform(rng, n, -0.6, 0.6)
    fold = np.exp(-(((across**2 + down**2) / _uniform(rng, n, 0.25, 0.5) ** 2) ** 1.5))
    return low + fold * _uniform(rng, n, 0.0, 0.2) * _often(rng, n, 0.6)


def _outside(rng, n, x, y):
    """Soft mask of the dark air over the shoulders and beside the chest."""
    shoulder = -_uniform(rng, n, 0.85, 1.2) + _uniform(rng, n, 0.0, 0.25) * np.abs(x)
    neck = np.abs(x) > _uniform(rng, n, 0.25, 0.4)
    above = _edge(shoulder - y, 0.05) * neck
    beside = _edge(np.abs(x) - _uniform(rng, n, 0.9, 1.25), 0.05)
    return np.maximum(above, beside)


def _exposure(rng, n, picture):
    """Dose, contrast and grain of the film: they differ widely and mean nothing."""
    picture = np.clip(picture, 0.0, 1.2) ** _uniform(rng, n, 0.8, 1.35)
    picture = 0.55 + _uniform(rng, n, 0.6, 1.1) * (picture - 0.55) + _uniform(rng, n, -0.1, 0.08)
    grain = _uniform(rng, n, 0.004, 0.02) * rng.standard_normal(picture.shape, dtype=np.float32)
    return _to_uint8(picture + grain)


# Breast ultrasound: 0 malignant, 1 normal or benign ----------------------------------------


def _breast_scans(rng, labels):
    """Breast ultrasound scans, probe on top: images, evidence, masks."""
    n = len(labels)
    malignant = (labels == 0)[:, None, None]
    # About a quarter of the cases without cancer show no lesion at all.
    present = malignant | (rng.random((n, 1, 1)) < 0.75)
    y, x = _axes()
    lesion, rim, behind = _lesion(rng, n, x, y, malignant)
    lesion, rim, behind = lesion * present, rim * present, behind * present

    echo = _breast_layers(rng, n, x, y)
    darkness = np.where(malignant, _uniform(rng, n, 0.45, 0.95), _uniform(rng, n, 0.35, 1.0))
    # Behind a solid cancer it is dark, behind fluid bright; both rules have exceptions.
    change = np.where(malignant, _uniform(rng, n, -0.85, 0.15), _uniform(rng, n, -0.4, 0.7))
    echo = echo * (1 + change * behind * (1 - lesion)) + _uniform(rng, n, 0.0, 0.25) * rim
    echo = echo * (1 - darkness * lesion)
    images = _to_uint8(_shrink(_probe(rng, n, x, y, echo)))

    inside, strip = _shrink(lesion) > 0.4, _shrink(behind) > 0.4
    masks = np.select([inside, strip], [1, 2], 0).astype(np.uint8)
    shadow = strip & (change < -0.2)  # weaker ones cannot be told from chance
    return images, (inside | shadow) & malignant, masks


def _breast_layers(rng, n, x, y):
    """Echo of healthy tissue: bright skin, dark fat, streaky gland, dark muscle below."""
    wave = 0.08 * _clouds(rng, n, 12, 14) + _uniform(rng, n, -0.12, 0.12) * x
    depth = y + wave
    fat, gland = _uniform(rng, n, 0.2, 0.45), _uniform(rng, n, 0.35, 0.65)
    echo = fat + (gland - fat) * _edge(depth - _uniform(rng, n, -0.7, -0.1), 0.1)
    muscle = _edge(depth - _uniform(rng, n, 0.35, 1.1), 0.08)
    echo = _paint(echo, muscle, _uniform(rng, n, 0.12, 0.35))
    skin = _edge(_uniform(rng, n, -0.95, -0.75) - y, 0.08)
    echo = _paint(echo, skin, _uniform(rng, n, 0.45, 0.65))
    streaks = _uniform(rng, n, 0.05, 0.25) * _clouds(rng, n, 1.3, 7)
    lobules = _uniform(rng, n, 0.05, 0.3) * _clouds(rng, n, 4, 6)  # fat between the ducts
    return np.clip(echo * (1 + streaks + lobules), 0.02, None)


def _lesion(rng, n, x, y, malignant):
    """Soft masks of a lesion, of its rim, and of the strip behind it.

    Benign: a smooth oval, wider than tall. Malignant: ragged, blurred, and often
    taller than wide. The ranges overlap, as they do in a clinic.
    """
    size = _uniform(rng, n, 0.18, 0.5)
    tall = np.where(malignant, _uniform(rng, n, 0.6, 1.35), _uniform(rng, n, 0.42, 1.0))
    ragged = np.where(malignant, _uniform(rng, n, 0.06, 0.3), _uniform(rng, n, 0.0, 0.12))
    across = (x - _uniform(rng, n, -0.5, 0.5)) / (size / np.sqrt(tall))
    down = (y - _uniform(rng, n, -0.4, 0.2)) / (size * np.sqrt(tall))
    # The distance inward from the outline, in radii of the lesion; negative outside.
    gap = 1 - np.hypot(across, down) + ragged * _clouds(rng, n, 2.2, 2.2)
    blur = np.where(malignant, _uniform(rng, n, 0.12, 0.4), _uniform(rng, n, 0.08, 0.3))
    lesion = _edge(gap, blur)
    rim = np.exp(-(((gap + 0.2) / 0.2) ** 2))
    behind = _edge(0.85 - np.abs(across), 0.25) * _edge(down - 0.3, 0.3)
    return lesion, rim, behind


def _probe(rng, n, x, y, echo):
    """What the machine adds: stray shadows, loss with depth, speckle, gain."""
    streak = _edge(_uniform(rng, n, 0.08, 0.3) - np.abs(x - _uniform(rng, n, -1, 1)), 0.15)
    shadow = streak * _edge(y - _uniform(rng, n, -0.6, 0.4), 0.3) * _often(rng, n, 0.5)
    echo = echo * (1 - _uniform(rng, n, 0.2, 0.75) * shadow)
    echo = echo * np.exp(-_uniform(rng, n, 0, 1.1) * (y + 1) * _often(rng, n, 0.8))
    # Speckle multiplies, and its grains are wider than deep.
    speckle = 1 + _uniform(rng, n, 0.1, 0.25) * _clouds(rng, n, 1.0, 2.0)
    return _uniform(rng, n, 0.85, 1.3) * echo * np.clip(speckle, 0.1, None)


# Volumes -----------------------------------------------------------------------------------
# A shape is a chain of balls: points (k, 3) in voxels and their radii (k,).


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


# Brain vessels: 0 vessel, 1 aneurysm --------------------------------------------------------


def _vessels(rng, labels):
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


# Adrenal glands: 0 normal, 1 hyperplasia ----------------------------------------------------


def _adrenals(rng, labels):
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


_PAINTERS = {
    "pneumoniamnist": _chest_xrays,
    "breastmnist": _breast_scans,
    "vesselmnist3d": _vessels,
    "adrenalmnist3d": _adrenals,
}
