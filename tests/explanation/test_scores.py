"""Scores against cases whose answer is known."""

import dataclasses

import numpy as np
import pytest
import torch
from squares import data, evidence, images, run  # noqa: F401 (fixtures)
from torch import nn

from medtutor.errors import InputError
from medtutor.explanation import (
    Scores,
    agreement,
    deletion,
    edge_map,
    explain,
    explain_batch,
    infidelity,
    insertion,
    pointing_game,
    random_map,
    relevance_mass,
    score,
    sensitivity,
    similarity,
)


class Weighted(nn.Module):
    """Score of class 1: a weighted sum of the pixels; of class 0: nothing."""

    def __init__(self, weights):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weights))

    def forward(self, x):
        score = (x * self.weight).flatten(1).sum(1)
        return torch.stack([torch.zeros_like(score), score], dim=1)


@pytest.fixture
def weighted():
    """Four pixels, all white (1), of weights 4, 3, 2, 1: covered with black (-1), each takes twice its weight."""
    return Weighted([[[4.0, 3.0], [2.0, 1.0]]]), torch.full((1, 2, 2), 255, dtype=torch.uint8)


def test_deletion_and_insertion_of_a_linear_model(weighted):
    model, image = weighted
    best = torch.tensor([[4.0, 3.0], [2.0, 1.0]])
    kwargs = {"steps": 4, "using": "black", "of": "score"}
    curve = deletion(model, image, (best, 1), **kwargs)
    assert curve.share.tolist() == [0, 0.25, 0.5, 0.75, 1] and curve.value.tolist() == [10, 2, -4, -8, -10]
    assert curve.auc == pytest.approx((10 / 2 + 2 - 4 - 8 - 10 / 2) / 4)
    assert insertion(model, image, (best, 1), **kwargs).value.tolist() == [-10, -2, 4, 8, 10]
    worst = deletion(model, image, (-best, 1), **kwargs)
    assert worst.value.tolist() == [10, 8, 4, -2, -10] and worst.auc > curve.auc
    assert deletion(model, image, (best, 1), steps=1, using="black", of="score").value.tolist() == [10, -10]
    assert deletion(model, image, (best, 0), steps=99, using="black").value[0] == pytest.approx(
        1 / (1 + 2.718281828**10)
    )


def test_a_flat_map_is_not_read_from_the_corner():
    """Of equal values, random ones go first: the score of a flat map is that of chance."""
    weights = torch.zeros(1, 16, 16)
    weights[:, :8] = 1.0
    image = torch.full((1, 16, 16), 255, dtype=torch.uint8)
    curve = deletion(Weighted(weights), image, (torch.zeros(16, 16), 1), steps=2, using="black", of="score")
    assert abs(curve.value[1].item()) < 40  # top half first would give -128


def test_infidelity_of_a_linear_model(weighted):
    """Its own gradient x change foretells every fall exactly; noise does not."""
    generator = torch.Generator().manual_seed(0)
    model = Weighted(torch.randn(1, 12, 12, generator=generator))
    image = torch.randint(0, 256, (1, 12, 12), dtype=torch.uint8, generator=generator)
    truth = explain(model, image, "integrated_gradients", target=1, baseline="blurred", steps=2)
    assert infidelity(model, image, truth) == pytest.approx(0, abs=1e-5)
    assert infidelity(model, image, (7 * truth.map, 1)) == pytest.approx(0, abs=1e-5)  # scale is free
    assert infidelity(model, image, (torch.zeros(12, 12), 1)) == pytest.approx(1)
    assert 0.5 < infidelity(model, image, (torch.randn(12, 12, generator=generator), 1)) <= 1


def test_sensitivity_of_a_linear_model():
    """Its gradient is the same everywhere; input x gradient changes as the pixels do."""
    model, image = Weighted(torch.ones(1, 6, 6)), torch.full((1, 6, 6), 255, dtype=torch.uint8)
    assert sensitivity(model, image, explain(model, image, "saliency", target=1)) == 0
    moved = sensitivity(model, image, explain(model, image, "input_x_gradient", target=1), radius=0.05)
    assert 0.03 < moved <= 0.1  # at most 0.1 on a pixel of 1


def test_similarity_is_spearmans():
    one = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert similarity(one, one**3) == pytest.approx(1) == similarity(one, -one)
    assert similarity(one, 5 - one) == pytest.approx(-1)
    assert similarity(one, torch.tensor([[1.0, 2.0], [4.0, 3.0]])) == pytest.approx(0.8)  # 1 - 6 * 2 / (4 * 15)
    assert similarity(one, torch.ones(2, 2)) == 0
    with pytest.raises(InputError, match="same image"):
        similarity(one, torch.ones(3, 3))
    matrix = agreement([one, -one, 5 - one])
    assert torch.allclose(matrix, torch.tensor([[1.0, 1, -1], [1, 1, -1], [-1, -1, 1]]))


def test_pointing_and_mass():
    evidence = torch.tensor([[True, False], [False, False]])
    assert pointing_game(torch.tensor([[3.0, 1], [-4, 0]]), evidence) == 1
    assert pointing_game(torch.tensor([[3.0, 1], [-4, 0]]), evidence, part="absolute") == 0
    assert pointing_game(torch.tensor([[1.0, 3], [0, 0]]), evidence) == 0
    assert pointing_game(torch.tensor([[1.0, 3], [0, 0]]), evidence, tolerance=1) == 1
    assert pointing_game(torch.zeros(2, 2), evidence) == 0.25
    half_on_it = torch.tensor([[3.0, 3], [0, 0]])
    assert [pointing_game(half_on_it, evidence, ties=ties) for ties in ("share", "touch")] == [0.5, 1]
    assert pointing_game(torch.zeros(2, 2), evidence, ties="touch") == 0.25, "a flat map points nowhere"
    assert pointing_game(torch.tensor([[1.0, 3], [3, 0]]), evidence, ties="touch") == 0
    assert relevance_mass(torch.tensor([[3.0, 1], [-4, 0]]), evidence) == 0.75
    assert relevance_mass(torch.tensor([[3.0, 1], [-4, 0]]), evidence, part="absolute") == 0.375
    assert relevance_mass(torch.zeros(2, 2), evidence) == 0
    volume = torch.zeros(4, 4, 4)
    volume[1, 2, 3] = 1
    assert pointing_game(volume, volume > 0) == 1 == relevance_mass(volume, volume > 0)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda e: pointing_game(torch.zeros(2, 2), e[:1]), "evidence has shape"),
        (lambda e: relevance_mass(torch.zeros(2, 2), torch.zeros(2, 2)), "nothing was planted"),
        (lambda e: relevance_mass(torch.zeros(2, 2), e, part="negative"), "Known: positive, absolute"),
    ],
)
def test_wrong_evidence(call, words):
    with pytest.raises(InputError, match=words):
        call(torch.ones(2, 2, dtype=torch.bool))


def test_wrong_arguments(weighted):
    model, image = weighted
    found, one = explain(model, image, "occlusion", window=1, stride=1), (torch.zeros(2, 2), 1)
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    for call, words in (
        (lambda: deletion(model, image, (torch.zeros(3, 3), 1)), "map has shape"),
        (lambda: deletion(model, image, torch.zeros(2, 2)), "pair"),
        (lambda: deletion(model, image, (torch.zeros(2, 2), 1), steps=0), "whole number from 1"),
        (lambda: deletion(model, image, (torch.zeros(2, 2), 1), using="grey"), "Known: black"),
        (lambda: insertion(model, image, (torch.zeros(2, 2), 1), of="logit"), "Known: probability, score"),
        (lambda: infidelity(model, image, (torch.zeros(2, 2), 5)), "out of range"),
        (lambda: deletion(model, image, one, steps=True), "whole number from 1"),
        (lambda: deletion(model, image, one, using=3), "unknown baseline 3"),
        (lambda: insertion(model, image, one, of=None), "unknown measure None"),
        (lambda: infidelity(model, image, one, samples=0), "samples must be from 1 to 10000, not 0"),
        (lambda: infidelity(model, image, one, samples=10**9), "samples must be from 1 to 10000"),
        (lambda: infidelity(model, image, one, seed=-1), "seed must be from 0"),
        (lambda: infidelity(model, image, one, using="grey"), "Known: black"),
        (lambda: sensitivity(model, image, one), "give an Attribution, as explain returns it, not tuple"),
        (lambda: sensitivity(model, image, found, samples=-1), "samples must be from 1"),
        (lambda: sensitivity(model, image, found, radius=float("nan")), "radius must be a finite number from 0 to 1"),
        (lambda: sensitivity(model, image, found, seed=1.5), "seed must be a whole number"),
        (lambda: sensitivity(flat, image.repeat(1, 2, 2), found), "map has shape"),
        (lambda: score(flat, image.repeat(1, 2, 2), found), "map has shape"),
        (lambda: score(model, image, one), "give an Attribution"),
        (lambda: score(model, image, found, seed="a"), "seed must be a whole number"),
        (lambda: score(model, image, found, evidence=torch.ones(3, 3)), "evidence has shape"),
        (lambda: score(model, image, found, evidence="here"), "evidence must be an array"),
        (lambda: random_map((2, 0)), "each side of shape must be from 1"),
        (lambda: random_map(10**12), "each side of shape"),
        (lambda: random_map((50_000, 50_000)), "at most"),
        (lambda: random_map((2, 2), seed=-1), "seed must be from 0"),
        (lambda: agreement(3), "give a list"),
        (lambda: pointing_game(torch.zeros(2, 2), torch.ones(2, 2), tolerance=-1), "tolerance must be from 0"),
        (lambda: pointing_game(torch.zeros(2, 2), torch.ones(2, 2), ties="first"), "unknown ties 'first'"),
        (lambda: pointing_game(torch.zeros(2, 2), torch.ones(2, 2), tolerance=0.5), "tolerance must be a whole number"),
    ):
        with pytest.raises(InputError, match=words):
            call()


@pytest.mark.parametrize(
    "broken",
    [
        torch.tensor([[0.0, float("nan")]]),
        torch.tensor([[float("inf"), 0.0]]),
        torch.zeros(0, 2),
        "map",
        [[1], [1, 2]],
        1j,
        None,
    ],
)
def test_a_map_that_is_none_is_not_scored(broken, weighted):
    model, image = weighted
    for call in (
        lambda: similarity(broken, broken),
        lambda: agreement([broken, broken]),
        lambda: pointing_game(broken, torch.ones(1, 2)),
        lambda: relevance_mass(broken, torch.ones(1, 2)),
        lambda: deletion(model, image, (broken, 1)),
        lambda: insertion(model, image, (broken, 1)),
        lambda: infidelity(model, image, (broken, 1)),
    ):
        with pytest.raises(InputError, match="map"):
            call()


def test_evidence_says_yes_or_no():
    values = torch.tensor([[3.0, 1.0], [0.0, 0.0]])
    for marked in ([[1, 0], [0, 0]], np.array([[2, 0], [0, 0]], dtype=np.uint8), torch.tensor([[1.0, 0], [0, 0]])):
        assert pointing_game(values, marked) == 1 and relevance_mass(values, marked) == 0.75
    for marked in (values / 3, values * float("nan")):
        with pytest.raises(InputError, match="evidence must say yes or no"):
            relevance_mass(values, marked)


def test_scores_stay_within_their_range():
    """Whatever the rounding: shares and areas reach 1 at most, and huge or tiny values neither overflow nor vanish."""
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-38, 1.0, 1e38):
        values = torch.rand(28, 28, generator=generator) * scale
        assert (
            relevance_mass(values, torch.ones(28, 28))
            == 1
            == pointing_game(values, torch.ones(28, 28), tolerance=10**9)
        )
        assert 0.4 < relevance_mass(values, torch.arange(28 * 28).view(28, 28) % 2 == 0) < 0.6
        assert similarity(values, values.clone()) == 1 and -1 <= similarity(values, -values.flip(0)) <= 1
    sure, image = Weighted(torch.ones(1, 30, 30)), torch.full((1, 30, 30), 255, dtype=torch.uint8)
    for steps in (3, 7, 28, 99):
        curve = deletion(sure, image, (torch.rand(30, 30, generator=generator), 1), steps=steps, using="mean")
        assert curve.auc == 1 and curve.value.max() == 1  # its mean is as white


def test_of_ties_each_gets_its_share():
    values, evidence = torch.zeros(4, 4), torch.zeros(4, 4)
    values[0, :2] = values[3, :2] = 5
    evidence[0] = 1
    assert (
        pointing_game(values, evidence) == 0.5 and pointing_game(-values, evidence) == 0.25
    )  # nothing speaks for it: chance
    assert pointing_game(-values, evidence, part="absolute") == 0.5


def test_maps_that_need_no_model():
    assert torch.equal(random_map((4, 5), 1), random_map((4, 5), 1))
    assert not torch.equal(random_map((4, 5), 1), random_map((4, 5), 2))
    step = torch.zeros(1, 6, 6, dtype=torch.uint8)
    step[..., 3:] = 255
    edges = edge_map(step)
    assert edges.shape == (6, 6) and edges[:, 2:4].min() == edges.max() > 0 and edges[:, [0, 1, 4, 5]].max() == 0
    assert edge_map(torch.zeros(3, 4, 5, 6, dtype=torch.uint8)).shape == (4, 5, 6)


def test_scores_of_a_network_that_learned_where_to_look(run, images, evidence):
    attributions = explain_batch(run, images)
    hits = [pointing_game(one, where) for one, where in zip(attributions, evidence)]
    assert sum(hits) >= 4  # of 8; by chance 0.16
    attributions = explain_batch(run, images, "lrp")
    hits = [pointing_game(one, where) for one, where in zip(attributions, evidence)]
    shares = [relevance_mass(one, where) for one, where in zip(attributions, evidence)]
    assert sum(shares) / 8 > 3 * evidence.float().mean()
    found = score(run, images[0], attributions[0], evidence=evidence[0])
    assert isinstance(found, Scores) and found.pointing_game == hits[0] and found.completeness_error < 0.05
    assert found.deletion < found.insertion and 0 <= found.infidelity <= 1 and found.sensitivity >= 0
    assert -1 <= found.to_randomised < 0.7
    assert found == score(run, images[0], attributions[0], evidence=evidence[0])  # seeded
    unknown = score(run, images[0], attributions[0], evidence=torch.zeros_like(evidence[0]))
    assert unknown == dataclasses.replace(found, pointing_game=None, relevance_mass=None)
