"""Pairs of contrasts: one anatomy in both, and the lesion is where it is said to be."""

import numpy as np
import pytest
import torch

from medtutor.data.phantoms import contrasts
from medtutor.data.phantoms.contrasts import (
    AIR,
    FLUID,
    GREY,
    IN_B_ONLY,
    IN_BOTH,
    LESION,
    LEVELS_A,
    LEVELS_B,
    NO_LESION,
    WHITE,
)
from medtutor.errors import InputError

FEW = {"train": 8, "val": 4, "test": 4}


@pytest.fixture(scope="module")
def pairs():
    return contrasts.draw({"train": 8, "val": 4, "test": 400}, seed=5).test


def _level(images, where):
    """Mean brightness 0…1 of the marked pixels of images (N, 1, H, W)."""
    return images[:, 0][where].double().mean() / 255


def test_shapes_types_and_shares():
    data = contrasts.draw(FEW)
    assert "PHANTOM" in data.title
    for name, count in FEW.items():
        split = getattr(data, name)
        assert len(split) == count
        for images in (split.a, split.b):
            assert images.shape == (count, 1, 28, 28) and images.dtype == torch.uint8 and images.is_contiguous()
        assert split.tissues.shape == (count, 28, 28) and split.tissues.dtype == torch.uint8
        assert split.kinds.dtype == torch.int64
        assert split.kinds.bincount(minlength=3).tolist() == [count // 2, count // 4, count // 4]


def test_the_tissues_have_the_brightness_of_the_table(pairs):
    for images, levels in ((pairs.a, LEVELS_A), (pairs.b, LEVELS_B)):
        seen = [_level(images, _inner(pairs.tissues, tissue)) for tissue in (AIR, FLUID, GREY, WHITE)]
        # Not the scalp and the skull: layers of a pixel or two are mixed with what is beside them.
        assert np.allclose(seen, [levels[tissue] for tissue in (AIR, FLUID, GREY, WHITE)], atol=0.12)


def _inner(tissues, tissue):
    """The pixels whose four neighbours are of the same tissue."""
    own = tissues == tissue
    inner = own.clone()
    for step, axis in ((1, 1), (-1, 1), (1, 2), (-1, 2)):
        inner &= own.roll(step, axis)
    return inner


def test_no_curve_turns_a_into_b(pairs):
    """Fluid is as dark as bone in A, and brighter than all in B: what a pixel is, its own brightness does not say."""
    white, fluid = (pairs.tissues == tissue for tissue in (WHITE, FLUID))
    assert (
        _level(pairs.b, fluid) > _level(pairs.b, white) + 0.3 and _level(pairs.a, fluid) < _level(pairs.a, white) - 0.2
    )
    # The best curve of grey levels, fitted on these very images, leaves most of the fluid's error.
    a, b = pairs.a.flatten().long(), pairs.b.flatten().double()
    curve = torch.zeros(256, dtype=torch.double).index_add_(0, a, b) / a.bincount(minlength=256).clamp(min=1)
    residual = (curve[a] - b).view(pairs.b.shape)[:, 0].abs()
    assert residual[fluid].mean() > 40 and residual.mean() > 4 * 255 * contrasts.NOISE * 0.8


def test_the_lesion_is_seen_where_its_kind_says(pairs):
    has_lesion = (pairs.tissues == LESION).flatten(1).sum(1)
    assert (has_lesion[pairs.kinds == NO_LESION] == 0).all()
    assert (has_lesion[pairs.kinds != NO_LESION] >= 4).all(), "a lesion that nobody could see"

    def contrast(images, kind):
        case = (pairs.kinds == kind)[:, None, None]
        return _level(images, case & (pairs.tissues == LESION)) - _level(images, case & (pairs.tissues == WHITE))

    assert contrast(pairs.b, IN_BOTH) > 0.3 and contrast(pairs.b, IN_B_ONLY) > 0.3
    assert contrast(pairs.a, IN_BOTH) < -0.2
    assert abs(contrast(pairs.a, IN_B_ONLY)) < 0.06


def test_the_hidden_lesion_leaves_no_trace_in_a(pairs):
    """Not even a rim: in A its pixels are as bright, and vary as much, as the white matter around them."""
    hidden = (pairs.kinds == IN_B_ONLY)[:, None, None] & (pairs.tissues == LESION)
    deep = (pairs.kinds == NO_LESION)[:, None, None] & (pairs.tissues == WHITE)
    a = pairs.a[:, 0].double()
    assert a[hidden].std() < 1.5 * a[deep].std()


def test_the_shares_of_the_tissues_add_up():
    shares, lesion = contrasts._head(np.random.default_rng(0), 5)
    for each in (shares, contrasts._with_lesion(shares, lesion)):
        assert each.min() > -1e-5 and np.allclose(each.sum(0), 1, atol=1e-5)


def test_same_seed_same_pairs_other_seed_other_pairs():
    first, again, other = (contrasts.draw(FEW, seed) for seed in (3, 3, 4))
    for part in ("a", "b", "tissues", "kinds"):
        assert torch.equal(getattr(first.test, part), getattr(again.test, part))
    assert not torch.equal(first.test.a, other.test.a)
    assert not torch.equal(first.test.a, first.val.a), "no image stands in two splits"


@pytest.mark.parametrize(
    "counts, seed, words", [({"train": 1}, 0, "from 2"), (5, 0, "dict"), (None, -1, "from 0"), (None, True, "from 0")]
)
def test_what_cannot_be_drawn_is_said(counts, seed, words):
    with pytest.raises(InputError, match=words):
        contrasts.draw(counts, seed)
