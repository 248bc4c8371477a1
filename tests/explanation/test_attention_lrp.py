"""Layer-wise relevance propagation on attention: conserved, by hand, and beside other methods."""

import pytest
import torch
from squares import data, evidence, images  # noqa: F401 (fixtures)
from torch import nn

import medtutor as mt
from medtutor.errors import InputError
from medtutor.explanation import explain, explain_batch, pointing_game, relevance_mass
from medtutor.explanation.methods.attention_lrp import Gather, Last, Layer, Mean, Same, Sum
from medtutor.models.cnn import Add
from medtutor.models.hybrid import Hybrid
from medtutor.models.vit import ViT, WindowedViT, attend


def relevance_of(layer, score, *inputs):
    """(value, gradient times input) of one rule, for the sum of outputs times `score`."""
    inputs = [value.clone().requires_grad_() for value in inputs]
    value = layer(*inputs)
    found = torch.autograd.grad((value * score).sum(), inputs)
    return value.detach(), [gradient * one.detach() for gradient, one in zip(found, inputs)]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def shaken(model, seed=0):
    """A network whose biases and normalisations are not those of a fresh one, where all is easy."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return model.eval()


NETWORKS = {
    "vit": (lambda: ViT(1, (28, 28), width=16, depth=3, heads=2), (1, 28, 28)),
    "vit without positions": (lambda: ViT(3, (28, 28), 3, width=16, depth=2, heads=2, positions=False), (3, 28, 28)),
    "vit of volumes": (lambda: ViT(1, (12, 12, 12), width=16, depth=2, heads=2), (1, 12, 12, 12)),
    "windowed_vit": (lambda: WindowedViT(1, (28, 28), width=16, depth=2, heads=2), (1, 28, 28)),
    "hybrid": (lambda: Hybrid(1, (28, 28), width=16, depth=2, heads=2, widths=(6, 8)), (1, 28, 28)),
    "one output": (lambda: ViT(1, (28, 28), 1, width=16, depth=2, heads=2), (1, 28, 28)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_relevance_is_conserved(name):
    build, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = shaken(build())
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (3, *shape), dtype=torch.uint8, generator=generator)
    for target in (0, 1):
        for one in explain_batch(model, pixels, "lrp", target=target):
            assert one.expected_sum == pytest.approx(one.score) and one.completeness_error < 1e-3
            assert one.map.abs().max() < 10 * abs(one.score)  # no division by almost zero


def test_a_class_token_and_what_fills_up_patches_keep_their_part():
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    token = explain(ViT(1, (28, 28), width=16, depth=3, heads=2, readout="class").eval(), pixels, "lrp")
    filled = explain(ViT(1, (27, 26), width=16, depth=3, heads=2).eval(), pixels[:, :27, :26], "lrp")
    assert 1e-4 < token.completeness_error < 0.5 and 1e-4 < filled.completeness_error < 0.5
    assert filled.map.shape == (27, 26)


def test_attention_by_hand():
    """Four tokens, a head of three numbers: every rule, term by term."""
    queries, keys, values, arriving = (draw(4, 3, seed=seed) for seed in range(4))
    value, found = relevance_of(lambda *given: Gather.apply(*given, None), arriving, queries, keys, values)
    assert torch.allclose(value, attend(queries, keys, values))
    scores = queries @ keys.T / 3**0.5
    weights = scores.softmax(dim=1)
    to_queries, to_keys, to_values = (torch.zeros(4, 3, dtype=torch.float64) for _ in range(3))
    for i in range(4):
        # The product of weights and values: of what reaches output i, half is of the weights, half of the values.
        terms = weights[i, :, None] * values * arriving[i]  # (4 tokens, 3 numbers)
        of_weights = terms.sum(dim=1) / 2
        to_values += terms / 2
        # The softmax, and what it leaves unexplained.
        of_scores = scores[i] * (of_weights - weights[i] * of_weights.sum())
        to_values += terms.abs() / terms.abs().sum() * (of_weights.sum() - of_scores.sum())
        # The product of queries and keys.
        for j in range(4):
            each = queries[i] * keys[j] / 3**0.5
            to_queries[i] += each / each.sum() * of_scores[j] / 2
            to_keys[j] += each / each.sum() * of_scores[j] / 2
    for ours, by_hand in zip(found, (to_queries, to_keys, to_values)):
        torch.testing.assert_close(ours, by_hand)
    assert sum(each.sum() for each in found) == pytest.approx((value * arriving).sum())


def test_even_attention_gives_all_to_the_values():
    """Without scores attention is a mean, and is shared out as a mean."""
    values, arriving = draw(4, 3), draw(4, 3, seed=1)
    nothing = torch.zeros(4, 3, dtype=torch.float64)
    value, (of_queries, of_keys, of_values) = relevance_of(
        lambda *given: Gather.apply(*given, None), arriving, nothing, draw(4, 3, seed=2), values
    )
    assert not of_queries.any() and not of_keys.any()
    assert of_values.sum() == pytest.approx((value * arriving).sum())


def test_what_must_not_meet_gets_nothing():
    apart = torch.tensor([[False, True], [False, False]])
    queries, keys, values = draw(2, 3), draw(2, 3, seed=1), draw(2, 3, seed=2)
    first = torch.tensor([[1.0, 1, 1], [0, 0, 0]], dtype=torch.float64)
    value, found = relevance_of(lambda *given: Gather.apply(*given, apart), first, queries, keys, values)
    assert all(each.isfinite().all() for each in found) and not found[2][1].any() and not found[1][1].any()
    assert found[2][0].sum() == pytest.approx(value[0].sum())


def test_the_rules_of_layers_by_hand():
    layer = nn.Linear(5, 4).double()
    x, arriving = draw(1, 5), draw(1, 4, seed=1)
    value, (found,) = relevance_of(Layer(layer), arriving, x)
    assert torch.allclose(value, layer(x))
    by_hand = torch.zeros(5, dtype=torch.float64)
    for unit in range(4):
        terms = (x[0] * layer.weight[unit]).detach()
        pushing = torch.where(terms.sign() == terms.sum().sign(), terms, 0)
        by_hand += pushing / pushing.sum() * (value[0, unit] * arriving[0, unit])
    torch.testing.assert_close(found[0], by_hand)
    value, (found,) = relevance_of(Last(layer), arriving, x)
    terms = (x * layer.weight).detach()  # (4, 5)
    shared = terms + layer.bias[:, None].detach() * terms.abs() / terms.abs().sum(dim=1, keepdim=True)
    torch.testing.assert_close(found[0], (shared * arriving.T).sum(dim=0))


def test_sums_means_and_what_stays_the_same():
    one, other, arriving = draw(6), draw(6, seed=1), draw(6, seed=2)
    value, (left, right) = relevance_of(Sum(Add()), arriving, one, other)
    torch.testing.assert_close(left + right, value * arriving)
    assert not left[one.sign() != value.sign()].any() and not right[other.sign() != value.sign()].any()
    maps, arriving = draw(1, 2, 3, 3), draw(1, 2, 1, 1, seed=1)
    value, (found,) = relevance_of(Mean(nn.AdaptiveAvgPool2d(1)), arriving, maps)
    torch.testing.assert_close(found.sum(dim=(2, 3), keepdim=True), value * arriving)
    assert not found[maps.sign() != value.sign()].any()
    for layer in (nn.LayerNorm(6).double(), nn.GELU()):
        value, (found,) = relevance_of(Same(layer), draw(6, seed=2), one)
        torch.testing.assert_close(found, value * draw(6, seed=2))


def test_it_finds_what_is_known(data, images, evidence):
    """On squares that a small hybrid has learned; the others but integrated gradients find next to none of them."""
    model = mt.build("hybrid", data, width=16, depth=2, heads=2, widths=(4, 8))
    recipe = mt.Recipe(
        epochs=6, batch_size=8, seed=0, shift=0.0, rotation=0.0, scale=0.0, mirror=False, shift_at_test=0
    )
    run = mt.fit(model, data, recipe, progress=False)
    hit, mass = {}, {}
    for method in ("lrp", "saliency", "input_x_gradient", "attention_rollout"):
        maps = explain_batch(run, images, method, target=data.test.labels[:8])
        hit[method] = sum(pointing_game(one, where) for one, where in zip(maps, evidence)) / len(maps)
        mass[method] = sum(relevance_mass(one, where) for one, where in zip(maps, evidence)) / len(maps)
    share = evidence.float().mean().item()
    assert run.test.acc == 1 and hit["lrp"] == max(hit.values()) > 5 * share, hit
    assert mass["lrp"] == max(mass.values()) > 3 * share, mass


def test_what_is_made_of_them_may_compute_anything():
    class Odd(ViT):
        pass

    with pytest.raises(
        InputError, match="lrp has no rule for Learned .*'vit', 'windowed_vit' and 'hybrid' as they are built"
    ):
        explain(Odd(1, (28, 28), width=16, depth=1, heads=2).eval(), torch.zeros(1, 28, 28, dtype=torch.uint8), "lrp")
