"""Layer-wise relevance propagation: conserved, and the rules that it says it follows."""

import pytest
import torch
from squares import images, run  # noqa: F401 (fixtures)
from torch import nn

import medtutor as mt
from medtutor.data import card
from medtutor.data.dataset import normalise
from medtutor.explanation import explain, explain_batch


def shaken(name, dataset, seed=0):
    """A network whose normalisation and biases are not those of a fresh one, where all is easy."""
    model = mt.build(name, card(dataset), seed=seed)
    facts = card(dataset)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        with torch.no_grad():
            for _ in range(3):
                model.train()(torch.rand(4, facts.channels, *facts.shape) * 2 - 1)
        for module in model.modules():
            if getattr(module, "bias", None) is not None:
                nn.init.normal_(module.bias, 0, 0.2)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
        return model.eval(), torch.randint(0, 256, (2, facts.channels, *facts.shape), dtype=torch.uint8)


@pytest.mark.parametrize(
    "name, dataset",
    [
        ("cnn", "pneumoniamnist"),
        ("resnet18", "pneumoniamnist"),
        ("vgg", "pathmnist"),
        ("lenet", "pathmnist"),
        ("mlp", "pathmnist"),
        ("mlp", "organmnist3d"),
        ("cnn", "organmnist3d"),
    ],
)
def test_relevance_is_conserved(name, dataset):
    model, images = shaken(name, dataset)
    for attribution in explain_batch(model, images, "lrp"):
        assert attribution.expected_sum == pytest.approx(attribution.score)
        assert attribution.completeness_error < 0.05
        assert attribution.map.abs().max() < 100 * abs(attribution.score)  # no division by almost zero


def test_relevance_is_conserved_on_a_trained_network(run, images):
    for target in (0, 1):
        for attribution in explain_batch(run, images, "lrp", target=target):
            assert attribution.completeness_error < 0.05


def test_the_rules_by_hand():
    """conv (box) -> ReLU -> conv (z+) -> ReLU -> flatten -> linear (epsilon, bias shared), written out."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 4, 2)
    ).double()
    image = torch.randint(0, 256, (1, 8, 8), dtype=torch.uint8)
    x = normalise(image[None]).double()
    first, second, last = model[0], model[2], model[5]
    a1 = first(x).relu().detach()
    a2 = second(a1).relu().detach()
    terms = (last.weight[1] * a2.flatten()).detach()
    relevance = terms + last.bias[1].item() * terms.abs() / terms.abs().sum()  # sums to the score

    def share(function, inputs, relevance):
        """Each input's part of `relevance`, in proportion to its part of function(*inputs)."""
        inputs = [value.clone().requires_grad_() for value in inputs]
        z = function(*inputs)
        ratio = torch.where(z == 0, 0, relevance / z.detach())
        return [value.detach() * g for value, g in zip(inputs, torch.autograd.grad((z * ratio).sum(), inputs))]

    conv = nn.functional.conv2d
    (r1,) = share(lambda a: conv(a, second.weight.clamp(min=0)), [a1], relevance.view_as(a2))
    bounds = [x, torch.full_like(x, -1), torch.full_like(x, 1)]
    w = first.weight
    parts = share(lambda v, low, high: conv(v, w) - conv(low, w.clamp(min=0)) - conv(high, w.clamp(max=0)), bounds, r1)
    ours = explain(model, image, "lrp", target=1)
    torch.testing.assert_close(ours.raw, sum(parts)[0].float(), rtol=1e-3, atol=1e-6)


def test_folded_normalisation_changes_nothing():
    """A normalised convolution, and the one that does the same without, get one map."""
    torch.manual_seed(0)
    model, images = shaken("vgg", "pneumoniamnist")
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    plain, layers = mt.build("vgg", card("pneumoniamnist")).eval(), list(model.features)
    plain.load_state_dict(model.state_dict())
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            plain.features[i - 1], plain.features[i] = fuse_conv_bn_eval(layers[i - 1], layer), nn.Identity()
    one, other = (explain(m, images[0], "lrp", target=0).map for m in (model, plain))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
