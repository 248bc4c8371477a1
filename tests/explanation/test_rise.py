"""RISE: the mean of random masks, weighted by how far the score is above its mean."""

import pytest
import torch
from torch import nn

from medtutor.errors import InputError
from medtutor.explanation import explain, explain_batch
from medtutor.explanation.methods.rise import _masks

IMAGES = torch.randint(1, 256, (2, 2, 12, 15), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Quadrant(nn.Module):
    """Scores how bright the upper left is, and how bright the rest; plus a number that says nothing."""

    def __init__(self, height=6, width=7, plus=0.0):
        super().__init__()
        self.height, self.width, self.plus = height, width, plus

    def forward(self, x):
        part = x[..., : self.height, : self.width].flatten(1).sum(1)
        return torch.stack([part, x.flatten(1).sum(1) - part], 1) + self.plus


def test_it_is_the_formula():
    """Of Petsiuk et al. 2018, section 3, with the score less its mean, for two channels."""
    found = explain(Quadrant(), IMAGES[0], "rise", target=0, samples=40, cells=3, baseline="black", share=0.4, seed=5)
    draws = torch.Generator().manual_seed(5)
    left = torch.rand(40, 1, 3, 3, generator=draws) < 0.4
    masks = _masks(left, torch.rand(40, 2, generator=draws), (12, 15)).double()
    x = IMAGES[0].double() / 127.5 - 1
    scores = torch.stack([Quadrant()(mask * x - (1 - mask))[0, 0] for mask in masks.unsqueeze(1)])
    expected = sum((score - scores.mean()) * mask[0] for score, mask in zip(scores, masks)) / (40 * 0.4)
    torch.testing.assert_close(found.map, expected.float(), rtol=1e-4, atol=1e-4)


def test_masks_are_smooth_and_lie_at_random_places():
    left = torch.tensor([[[[True, False], [True, False]]]]).expand(2, 1, 2, 2)
    masks = _masks(left, torch.tensor([[0.0, 0.0], [0.0, 0.99]]), (8, 8))
    assert masks.shape == (2, 1, 8, 8) and 0 <= masks.min() and masks.max() <= 1
    assert torch.equal(masks[0, 0, 0], masks[0, 0, 7])  # rows alike
    assert (masks[0, 0, 0].diff() <= 0).all() and masks[0, 0, 0].diff().abs().max() < 0.3
    assert torch.equal(masks[0, 0, :, 3:], masks[1, 0, :, :5])  # cut out three pixels on, of the four of a cell


def test_it_points_to_what_the_network_looks_at():
    found = explain(Quadrant(), IMAGES[0], "rise", target=0, baseline="black").map
    assert found[:6, :7].mean() > 0 and found[:6, :7].mean() > 4 * found[6:, 7:].abs().mean()


def test_a_score_that_never_changes_gets_an_empty_map_whatever_it_is():
    flat = explain(Quadrant(0, 0, plus=5.0), IMAGES[0], "rise", target=0, samples=30)
    assert (flat.map == 0).all()
    low, high = (explain(Quadrant(plus=plus), IMAGES[0], "rise", target=0, samples=30).map for plus in (0, 64))
    torch.testing.assert_close(low, high, rtol=1e-3, atol=1e-3)


def test_the_seed_decides():
    once, other = (explain(Quadrant(), IMAGES[0], "rise", target=0, samples=20, seed=seed).map for seed in (0, 1))
    assert torch.equal(explain_batch(Quadrant(), IMAGES, "rise", target=0, samples=20)[0].map, once)
    assert not torch.allclose(once, other)


@pytest.mark.parametrize(
    "options, words", [({"cells": 17}, "from 2 to 16"), ({"share": 0}, "share is 0; give a number")]
)
def test_settings_that_make_no_sense(options, words):
    with pytest.raises(InputError, match=words):
        explain(Quadrant(), IMAGES[0], "rise", **options)
