"""The cine phantom: the truth that is handed out is the truth that was drawn, and only order tells the classes
apart.
"""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from medtutor.data.card import SPLITS
from medtutor.data.phantoms import cine
from medtutor.errors import InputError

FEW = {"train": 12, "val": 6, "test": 8}


@pytest.fixture(scope="module", params=cine.TARGETS)
def few(request):
    return cine.draw(request.param, FEW)


@pytest.fixture(scope="module")
def many():
    return cine.draw("filling", {"train": 2000, "val": 2, "test": 2}, seed=1)["train"]


def test_shapes_types_and_ranges(few):
    assert tuple(few) == SPLITS
    for split, count in FEW.items():
        clips = few[split]
        assert len(clips) == count
        assert clips.images.shape == (count, 16, 1, 28, 28) and clips.images.dtype == torch.uint8
        assert clips.masks.shape == (count, 16, 28, 28) and clips.masks.dtype == torch.uint8
        assert clips.volumes.shape == (count, 16) and clips.volumes.dtype == torch.float32
        assert clips.ejection.shape == (count,) and clips.ejection.dtype == torch.float32
        assert clips.filling.shape == (count,) and clips.filling.dtype == torch.int64
        low = {"ejection fraction": 0.15, "filling": 0.40}[clips.target]
        assert clips.ejection.min() >= low and clips.ejection.max() <= 0.75
        assert set(clips.masks.unique().tolist()) == {0, 1, 2}


def test_targets_are_what_was_asked_for(few):
    clips = few["test"]
    assert clips.targets is {"ejection fraction": clips.ejection, "filling": clips.filling}[clips.target]


def test_same_seed_same_clips_other_seed_other_clips():
    first, again, other = (cine.draw(counts=FEW, seed=seed) for seed in (3, 3, 4))
    for split in SPLITS:
        for part in ("images", "masks", "volumes", "ejection", "filling"):
            assert torch.equal(getattr(first[split], part), getattr(again[split], part))
        assert not torch.equal(first[split].images, other[split].images)
    assert not torch.equal(first["train"].volumes[:6], first["val"].volumes[:6])


def test_the_cavity_has_the_volume_and_the_wall_keeps_its_area():
    """At radii that leave room around the ventricle."""
    clips = cine.draw(counts={"train": 100, "val": 2, "test": 2}, radius=(6.0, 7.0))["train"]
    cavity, wall = ((clips.masks == i).sum((2, 3)).float() for i in (1, 2))
    full = (cavity / clips.volumes).mean(1, keepdim=True)
    assert (cavity / full - clips.volumes).abs().mean() < 0.02
    assert ((wall - wall.mean(1, keepdim=True)).abs() < 12).all(), "pixels"
    assert (wall.std(1) / wall.mean(1)).mean() < 0.04


def test_ejection_fraction_is_that_of_the_volumes(many):
    seen = 1 - many.volumes.amin(1) / many.volumes.amax(1)
    # The fullest and the emptiest moment may fall between two frames, never outside them.
    assert (seen <= many.ejection + 1e-6).all()
    assert (many.ejection - seen).mean() < 0.02 and (many.ejection - seen).max() < 0.12


def test_dark_cavity_bright_wall(few):
    clips = few["train"]
    level = [clips.images[:, :, 0][clips.masks == i].float().mean() for i in range(3)]
    assert level[1] + 20 < level[0] < level[2] - 40


def test_fast_filling_is_slow_filling_backwards():
    """The same numbers drawn, the other class: the same volumes in the opposite order."""
    difficulty = {"ejection": (0.4, 0.75), "systole": (0.2, 0.3), "beat": (9.0, 16.0)}
    curves = [cine._volumes(np.random.default_rng(5), np.full(300, label), difficulty) for label in (0, 1)]
    (ejection, slow), (same, fast) = curves
    assert np.array_equal(ejection, same) and np.array_equal(slow, fast[:, ::-1])
    assert np.array_equal(np.sort(slow), np.sort(fast))
    spectra = [np.abs(np.fft.rfft(curve)) for curve in (slow, fast)]
    assert np.allclose(*spectra, atol=1e-4)


def test_slow_filling_takes_most_of_the_beat(many):
    growing = (many.volumes.diff(dim=1) > 0).float().mean(1)
    assert growing[many.filling == 0].mean() > 0.7 > 0.3 > growing[many.filling == 1].mean()
    assert roc_auc_score(many.filling, growing) < 0.01


def test_both_classes_are_as_frequent(many):
    assert many.filling.float().mean() == 0.5


def test_nothing_that_forgets_the_order_tells_the_classes_apart(many):
    """Within chance: 2000 clips give an AUC a standard error of 0.013, and 0.045 is 3.5 of them."""
    images = many.images.float()
    grey = images.mean((2, 3, 4))
    spectrum = np.abs(np.fft.rfft(many.volumes.numpy()))
    statistics = {
        "ejection fraction": many.ejection,
        "mean grey level": grey.mean(1),
        "spread over time": grey.std(1),
        "one frame": grey[:, 8],
        "brightest frame": grey.amax(1),
        "darkest frame": grey.amin(1),
        "first and last frame": grey[:, 0] + grey[:, -1],
        "pixels' spread over time": images.std(1).mean((1, 2, 3)),
        "median volume": many.volumes.median(1).values,
        "steepest step": many.volumes.diff(dim=1).abs().amax(1),
        **{f"swing {i}": spectrum[:, i] for i in range(1, 9)},
    }
    for name, statistic in statistics.items():
        assert abs(roc_auc_score(many.filling, statistic) - 0.5) < 0.045, name


def test_sorted_volumes_have_the_same_distribution(many):
    volumes = many.volumes.sort(1).values.numpy()
    slow, fast = (volumes[many.filling.numpy() == label] for label in (0, 1))
    # 16 tests: one by chance below 0.05 / 16 in twenty seeds.
    assert min(ks_2samp(slow[:, i], fast[:, i]).pvalue for i in range(16)) > 0.05 / 16


def test_difficulty():
    counts = {"train": 60, "val": 2, "test": 2}
    even = cine.draw("filling", counts, systole=(0.5, 0.5))["train"]
    growing = (even.volumes.diff(dim=1) > 0).float().mean(1)
    assert abs(growing[even.filling == 0].mean() - growing[even.filling == 1].mean()) < 0.1
    coarse, fine = (cine.draw(counts=counts, grain=grain)["train"].images[..., :3, :3] for grain in (4, 1000))
    spread = [corner.float().flatten(2).std(2).mean() for corner in (coarse, fine)]
    assert spread[0] > 5 * spread[1]
    still = cine.draw(counts=counts, ejection=(0.0, 0.0))["train"]
    assert (still.volumes == 1).all()


# What can happen to a clip


@pytest.fixture
def numbered():
    """Two clips of four frames of one pixel: 1 2 3 4 and 5 6 7 8."""
    return torch.arange(1, 9, dtype=torch.uint8).view(2, 4, 1, 1, 1)


def _rows(clips):
    assert clips.dtype == torch.uint8
    return clips.flatten(1).tolist()


def test_reversed_in_time(numbered):
    assert _rows(cine.reversed_in_time(numbered)) == [[4, 3, 2, 1], [8, 7, 6, 5]]


def test_shuffled(numbered):
    one, same = (cine.shuffled(numbered, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(one, same)
    assert [sorted(row) for row in _rows(one)] == _rows(numbered)
    many = cine.shuffled(numbered[:1].expand(100, -1, -1, -1, -1))
    assert len({tuple(row) for row in _rows(many)}) > 15, "each clip has an order of its own"


@pytest.mark.parametrize(
    "keep, mode, expected",
    [
        (2, "black", [[1, 2, 0, 0], [5, 6, 0, 0]]),
        (2, "held", [[1, 2, 2, 2], [5, 6, 6, 6]]),
        (2, "cut", [[1, 2], [5, 6]]),
        (4, "black", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ([True, False, True, False], "black", [[1, 0, 3, 0], [5, 0, 7, 0]]),
        ([False, True, False, True], "held", [[2, 2, 2, 4], [6, 6, 6, 8]]),
        ([[False] * 4, [False, False, True, False]], "held", [[0] * 4, [7] * 4]),
    ],
)
def test_dropped(numbered, keep, mode, expected):
    assert _rows(cine.dropped(numbered, torch.tensor(keep) if isinstance(keep, list) else keep, mode)) == expected


def test_wrong_inputs_are_refused(numbered):
    with pytest.raises(InputError, match="did you mean filling"):
        cine.draw("fillings", FEW)
    with pytest.raises(InputError, match="unknown difficulty 'speckle'"):
        cine.draw(counts=FEW, speckle=3)
    with pytest.raises(InputError, match=r"systole is 0.5; give a range \(low, high\)"):
        cine.draw(counts=FEW, systole=0.5)
    with pytest.raises(InputError, match="ejection is .* between 0 and 0.95"):
        cine.draw(counts=FEW, ejection=(0.6, 0.2))
    with pytest.raises(InputError, match="grain is .* a number between"):
        cine.draw(counts=FEW, grain=0)
    with pytest.raises(InputError, match="did you mean held"):
        cine.dropped(numbered, 2, "hold")
    for keep, mode in (
        (0, "black"),
        (5, "held"),
        (True, "black"),
        (torch.ones(3, dtype=torch.bool), "cut"),
        (0.5, "cut"),
    ):
        with pytest.raises(InputError, match="keep does not fit 2 clips of 4 frames"):
            cine.dropped(numbered, keep, mode)
    with pytest.raises(InputError, match=r"\(N, T, C, H, W\)"):
        cine.shuffled(numbered[0])


@pytest.mark.parametrize("count", [1, 0, -3, 2.5, True])
def test_too_few_clips(count):
    with pytest.raises(InputError, match="whole number from 2"):
        cine.draw(counts={"val": count})


@pytest.mark.parametrize("counts", [100, (1, 2, 3), {"training": 10}])
def test_counts_of_another_form(counts):
    with pytest.raises(InputError, match="give a dict"):
        cine.draw(counts=counts)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None])
def test_seed(seed):
    with pytest.raises(InputError, match="seed"):
        cine.draw(counts=FEW, seed=seed)
