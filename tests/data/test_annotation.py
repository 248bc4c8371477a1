"""Three raters who draw otherwise, and the counts of films that were read twice."""

import numpy as np
import pytest
import torch

from medtutor.data.annotation import raters, read_twice
from medtutor.errors import InputError
from medtutor.metrics.agreement import kappa, raters_dice


def ball(count=2, side=24):
    """(count, side, side, side), two halves of a ball."""
    places = np.indices((side, side, side)) - side / 2 + 0.5
    mask = (np.square(places).sum(0) < 64) * np.where(places[1] < 0, 1, 2)
    return torch.from_numpy(np.stack([mask] * count).astype(np.uint8))


def test_the_generous_one_marks_more_and_the_sparing_one_less():
    truth = ball()
    marked = {name: int((mask > 0).sum()) for name, mask in raters(truth).items()}
    assert marked["generous"] > int((truth > 0).sum()) > marked["sparing"]


def test_raters_differ_from_each_other_and_from_case_to_case_and_repeat():
    truth = ball()
    marked = raters(truth, seed=1)
    assert len({mask.numpy().tobytes() for mask in marked.values()}) == 3
    assert all(not torch.equal(mask[0], mask[1]) for mask in marked.values())
    again, other = raters(truth, seed=1), raters(truth, seed=2)
    assert all(torch.equal(marked[name], again[name]) for name in marked)
    assert not any(torch.equal(marked[name], other[name]) for name in marked)


def test_they_agree_as_people_do_not_as_one():
    agreement = raters_dice({"truth": ball(), **raters(ball())}, 3)
    apart = agreement[np.tril_indices(4, -1)]
    assert 0.7 < apart.min() and apart.max() < 0.97


def test_both_structures_stay_and_nothing_else_comes_up():
    assert all(mask.unique().tolist() == [0, 1, 2] for mask in raters(ball()).values())


def test_slices_are_marked_too_and_an_empty_one_stays_empty():
    slices = torch.cat([ball(1)[0, 10:14], torch.zeros(1, 24, 24, dtype=torch.uint8)])
    for mask in raters(slices).values():
        assert mask.shape == slices.shape and mask.dtype == torch.uint8 and not mask[-1].any()


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (torch.zeros(2, 8, 8, dtype=torch.uint8), "background alone"),
        (torch.rand(2, 8, 8), "float32 of shape"),
        (torch.ones(8, 8, dtype=torch.uint8), "of shape \\(8, 8\\)"),
    ],
)
def test_masks_that_nobody_can_mark_are_refused(masks, words):
    with pytest.raises(InputError, match=words):
        raters(masks)


def test_films_read_twice_have_the_counts_they_say():
    for each in read_twice():
        first, second = each.labels()
        assert len(first) == len(second) == each.images == 4376
        assert (first.sum(), second.sum(), (first & second).sum()) == (each.first, each.second, each.both)
    assert kappa(*read_twice()[0].labels()) == pytest.approx(0.427, abs=5e-4)
