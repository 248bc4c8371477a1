"""Two marks whose relation is the label: read again from the pixels, and each alone worth nothing."""

from math import sqrt

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import medtutor as mt
from medtutor.data.phantoms.marks import CELLS, COUNTS, GREY, KINDS, SHAPES, draw_marks
from medtutor.errors import InputError

FEW = {"train": 40, "val": 10, "test": 10}


def clean(kind="shapes", count=400, **options):
    """The training images without noise: their split, and where the upper and the lower mark lie."""
    split = draw_marks(kind, FEW | {"train": count}, noise=0, contrast=0.5, **options).train
    return split, [boxes(split.evidence, half) for half in (slice(0, 14), slice(14, 28))]


def boxes(evidence, half):
    """int64 (N, 4): first and last row and column of the evidence in the upper or lower half."""
    part = evidence[:, half]
    rows, columns = part.any(2).int(), part.any(1).int()
    ends = [
        rows.argmax(1) + half.start,
        27 - (14 - half.start) - rows.flip(1).argmax(1),
        columns.argmax(1),
        27 - columns.flip(1).argmax(1),
    ]
    return torch.stack(ends, dim=1)


def marks(split, places):
    """bool (N, side, side): what is bright inside the boxes."""
    cut = [
        image[0, top : bottom + 1, left : right + 1]
        for image, (top, bottom, left, right) in zip(split.images, places.tolist())
    ]
    return torch.stack(cut) > 255 * GREY + 50


def far_from_chance(share, count):
    """How many standard deviations a share of `count` coin throws is away from one half."""
    return abs(share - 0.5) * 2 * sqrt(count)


@pytest.mark.parametrize("kind, cells, cell", [("shapes", 6, 1), *(("patterns", *pair) for pair in CELLS)])
def test_the_label_is_what_the_pixels_say(kind, cells, cell):
    split, (upper, lower) = clean(kind, cells=cells, cell=cell)
    first, second = marks(split, upper), marks(split, lower)
    same = (first == second).flatten(1).all(1)
    assert torch.equal(same.long(), split.labels)
    if kind == "patterns":  # the others differ clearly: in two squares or more
        differ = (first != second).flatten(1).sum(1)[~same] / cell**2
        assert differ.min() >= 2 and differ.mean().item() / cells**2 == pytest.approx(
            3 / 4 if cells == 2 else 1 / 2, abs=0.05
        )


def test_marks_are_crosses_and_squares():
    split, places = clean()
    both = torch.cat([marks(split, one) for one in places])
    known = [(both == torch.from_numpy(shape > 0)).flatten(1).all(1) for shape in SHAPES]
    assert (known[0] ^ known[1]).all()
    assert SHAPES.tolist()[0] == [[0, 0, 1, 0, 0]] * 2 + [[1] * 5] + [[0, 0, 1, 0, 0]] * 2
    assert SHAPES.tolist()[1] == [[1] * 5] + [[1, 0, 0, 0, 1]] * 3 + [[1] * 5]


@pytest.mark.parametrize("cells, cell", CELLS)
def test_patterns_are_squares_drawn_anew(cells, cell):
    split, places = clean("patterns", cells=cells, cell=cell)
    for one in places:
        found = marks(split, one)
        assert found.shape[1:] == (cells * cell, cells * cell)
        small = found[:, ::cell, ::cell]
        assert torch.equal(small.repeat_interleave(cell, 1).repeat_interleave(cell, 2), found)
        assert far_from_chance(small.double().mean().item(), small.numel()) < 5
        assert len(small.flatten(1).unique(dim=0)) == 16 if cells == 2 else len(small.flatten(1).unique(dim=0)) > 200


@pytest.mark.parametrize("kind", KINDS)
def test_one_mark_alone_says_nothing_about_the_label(kind):
    """Counted over every mark that there is: with each of them, half of the labels are 1."""
    split, places = clean(kind, 8000, cells=2, cell=2)
    for one in places:
        found, number, counts = marks(split, one).flatten(1).unique(dim=0, return_inverse=True, return_counts=True)
        assert len(found) == {"shapes": 2, "patterns": 16}[kind]
        ones = torch.zeros(len(found)).index_add_(0, number, split.labels.float())
        assert all(far_from_chance(share.item(), count.item()) < 4 for share, count in zip(ones / counts, counts))
    # Nor does where they lie.
    rising = places[0][:, 2] > 14
    for group in (rising, ~rising):
        assert far_from_chance(split.labels[group].double().mean().item(), int(group.sum())) < 4
    # Brighter images are not more often of one class. Two of a kind are both bright or both dark: that is the relation
    # itself.
    assert roc_auc_score(split.labels, split.images.double().mean((1, 2, 3))) == pytest.approx(
        0.5, abs=0.026
    )  # 4 sigma


@pytest.mark.parametrize(
    "kind, pair, side",
    [("shapes", (6, 1), 5), ("patterns", (6, 1), 6), ("patterns", (2, 2), 4), ("patterns", (2, 3), 6)],
)
@pytest.mark.parametrize("jitter", [0, 1, 2, 3])
def test_marks_lie_in_opposite_corners_and_move_by_the_jitter(kind, pair, side, jitter):
    split, (upper, lower) = clean(kind, 600, cells=pair[0], cell=pair[1], jitter=jitter)
    near, far = set(range(1, 2 + 2 * jitter)), set(range(27 - side - 2 * jitter, 28 - side))
    rising = upper[:, 2] > 14
    for one, rows in ((upper, near), (lower, far)):
        assert (one[:, 1] - one[:, 0] == side - 1).all() and (one[:, 3] - one[:, 2] == side - 1).all()
        assert set(one[:, 0].tolist()) == rows
        for group in (rising, ~rising):
            right = (one is upper) == bool(group is rising)
            assert set(one[group, 2].tolist()) == (far if right else near)
    assert far_from_chance(rising.double().mean().item(), 600) < 4
    assert split.evidence.sum((1, 2)).unique().tolist() == [2 * side**2]


def test_moves_are_drawn_apart_for_each_mark_and_each_way():
    _, (upper, lower) = clean(count=2000)
    moves = torch.stack([upper[:, 0], upper[:, 2] % 19, lower[:, 0], lower[:, 2] % 19]).double()
    assert (torch.corrcoef(moves) - torch.eye(4)).abs().max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_the_evidence_is_where_the_image_was_changed(kind):
    split = draw_marks(kind, FEW, noise=0, contrast=0.3).train
    ground = round(255 * GREY)
    assert (split.images[:, 0][~split.evidence] == ground).all()
    changed = split.images[:, 0][split.evidence].float() - ground
    values = {round(255 * (GREY + part * 0.3)) - ground for part in ((0, 1) if kind == "shapes" else (-1, 1))}
    assert set(changed.tolist()) == values


def test_noise_lies_on_the_ground_as_strong_as_asked():
    for noise in (0.05, 0.1):
        split = draw_marks(counts=FEW | {"train": 200}, noise=noise).train
        ground = split.images[:, 0][~split.evidence].double() / 255
        assert ground.mean().item() == pytest.approx(GREY, abs=0.003) and ground.std().item() == pytest.approx(
            noise, rel=0.03
        )


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_balanced_in_every_split(kind):
    dataset = draw_marks(kind, {"train": 101, "val": 30, "test": 7})
    for name, count in (("train", 101), ("val", 30), ("test", 7)):
        split = getattr(dataset, name)
        assert len(split) == count and split.labels.sum() == count // 2
        assert split.images.shape == (count, 1, 28, 28) and split.images.dtype == torch.uint8
        assert split.evidence.shape == (count, 28, 28) and split.evidence.dtype == torch.bool
    assert not torch.equal(dataset.train.labels[:50], dataset.train.labels[:50].sort().values)  # and in no order


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_bits(kind):
    first, again, other = (draw_marks(kind, FEW, seed=seed) for seed in (3, 3, 4))
    for name in ("train", "val", "test"):
        one, two = getattr(first, name), getattr(again, name)
        assert (
            torch.equal(one.images, two.images)
            and torch.equal(one.labels, two.labels)
            and torch.equal(one.evidence, two.evidence)
        )
        assert not torch.equal(one.images, getattr(other, name).images)
    assert not torch.equal(first.val.images, first.test.images) and not torch.equal(
        first.train.images[:10], first.val.images
    )
    state = np.random.get_state()[1].copy(), torch.get_rng_state()
    draw_marks(kind, FEW)
    assert (np.random.get_state()[1] == state[0]).all() and torch.equal(torch.get_rng_state(), state[1])


def test_it_says_that_it_is_a_phantom():
    dataset = draw_marks("patterns", FEW)
    assert dataset.is_phantom and dataset.provenance == "phantom" and "PHANTOM" in dataset.title
    card = dataset.card
    assert (card.task, card.classes, card.channels, card.shape) == ("binary", ("different", "same"), 1, (28, 28))
    assert card.name != draw_marks("shapes", FEW).card.name


def test_turning_both_marks_over_keeps_the_label():
    """Training may mirror: an image turned over has the same two marks, each turned over."""
    split, _ = clean("patterns", 100)
    for axis in draw_marks("patterns", FEW).card.mirror:
        turned = type(split)(split.images.flip(axis), split.labels, evidence=split.evidence.flip(axis))
        first, second = (marks(turned, boxes(turned.evidence, half)) for half in (slice(0, 14), slice(14, 28)))
        assert torch.equal((first == second).flatten(1).all(1).long(), split.labels)


def test_splits_left_out_keep_their_number(monkeypatch):
    from medtutor.data.phantoms import marks as module

    monkeypatch.setattr(module, "COUNTS", {"train": 12, "val": 8, "test": 6})
    assert [len(getattr(draw_marks(counts={"val": 5}), name)) for name in ("train", "val", "test")] == [12, 5, 6]
    assert set(COUNTS) == {"train", "val", "test"} and min(COUNTS.values()) >= 500


def test_the_marks_can_be_learned_from_and_built_for():
    dataset = draw_marks(counts={"train": 64, "val": 16, "test": 16})
    run = mt.fit(mt.build("bag_of_patches", dataset), dataset, mt.Recipe(epochs=1), progress=False)
    assert run.provenance == "phantom" and "PHANTOM" in str(run)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"kind": "shape"}, "unknown kind of marks 'shape'.*did you mean shapes"),
        ({"counts": {"train": 3}}, "give a whole number from 4 for each of train, val, test"),
        ({"counts": {"tests": 40}}, "give a whole number from 4"),
        ({"counts": {"train": 40.0}}, "give a whole number from 4"),
        ({"noise": 0.6}, "at most 0.5"),
        ({"noise": -0.1}, "noise and contrast of at most 0.5"),
        ({"noise": float("nan")}, "noise and contrast of at most 0.5"),
        ({"contrast": 0}, "contrast of at most 0.5"),
        ({"contrast": 0.6}, "contrast of at most 0.5"),
        ({"jitter": 5}, "a jitter of 0…4 pixels"),
        ({"jitter": -1}, "a jitter of 0…4 pixels"),
        ({"jitter": 1.5}, "a jitter of 0…4 pixels"),
        ({"kind": "patterns", "cells": 7}, r"has \(cells, cell\) of \(2, 2\), .*, not \(7, 1\)"),
        ({"kind": "patterns", "cell": 2}, r"not \(6, 2\)"),
        ({"kind": "patterns", "cells": 0}, r"not \(0, 1\)"),
        ({"kind": "patterns", "jitter": 4}, "marks of 6 pixels that move by 4 could meet; give a jitter of at most 3"),
        ({"kind": "patterns", "cells": 2, "cell": 3, "jitter": 4}, "marks of 6 pixels"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, words):
    with pytest.raises(InputError, match=words):
        draw_marks(**options)


@pytest.mark.parametrize(
    "kind, pair, jitter",
    [("shapes", (6, 1), 4), ("patterns", (2, 2), 4), ("patterns", (5, 1), 4), ("patterns", (3, 2), 3)],
)
def test_marks_never_meet(kind, pair, jitter):
    evidence = draw_marks(kind, FEW | {"train": 3000}, cells=pair[0], cell=pair[1], jitter=jitter).train.evidence
    assert evidence.sum((1, 2)).unique().numel() == 1
    assert not (evidence[:, 13] & evidence[:, 14]).any() and not (evidence[:, :, 13] & evidence[:, :, 14]).any()
