"""What is exported, run by onnxruntime, against torch's own autograd."""

import numpy as np
import onnxruntime
import pytest
import torch
from captum.attr import GuidedBackprop
from torch import nn

from medtutor.errors import InputError
from medtutor.explanation import randomised
from medtutor.explanation.anatomy import feature_maps, last_feature_map, trace
from medtutor.explanation.familiar import pooled, weighted
from medtutor.models.cnn import CNN, MLP, VGG, BagOfPatches, LeNet, SwishCNN
from medtutor.models.vit import ViT
from medtutor.pages.graph import WEIGHTS, export

NETWORKS = {
    "cnn": lambda: CNN(channels=3, classes=4),
    "mlp": lambda: MLP(classes=3),
    "vgg": lambda: VGG(widths=(4, 8, 16)),
    "swish cnn": lambda: SwishCNN(widths=(4, 8, 16)),
    "lenet": lambda: LeNet(shape=(30, 21)),  # pooling leaves pixels over
    "bag of patches": lambda: BagOfPatches(widths=(4, 8, 8, 8)),
    "patches together": lambda: BagOfPatches(widths=(4, 8, 8, 8), together=True),
}


def lively(net):
    """The network as if it had been trained: batch normalisation that does something."""
    draws = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2),
                (module.weight.data, 0.5, 2),
            ):
                tensor.uniform_(low, high, generator=draws)
    return net.eval()


def session(graph, weights, kind, folder):
    (folder / WEIGHTS).write_bytes(weights)
    (folder / kind).write_bytes(getattr(graph, kind))
    return onnxruntime.InferenceSession(folder / kind)


def close(found, expected):
    expected = expected.detach()
    return np.abs(found - expected.numpy()).max() <= 1e-4 * expected.abs().max()


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request):
    """(network, its graph, shape of an image, classes, layer, last layer)."""
    torch.manual_seed(0)
    net = lively(NETWORKS[request.param]())
    shape = {"cnn": (3, 28, 28), "lenet": (1, 30, 21)}.get(request.param, (1, 28, 28))
    blank = torch.zeros(1, *shape)
    seen = trace(net, blank)
    layer = last_feature_map(seen, 2)
    maps = feature_maps(seen, 2).get(layer)
    classes = net(blank).shape[1]
    last = weighted(seen)[-1] if len(weighted(seen)) > 1 else None
    guided = any(isinstance(module, nn.ReLU) for module in net.modules())
    graph = export(net, shape, classes, layer, maps, known=last, guided=guided)
    return net, graph, shape, classes, layer, last


@pytest.mark.parametrize("learned", [True, False], ids=["trained", "twin"])
def test_scores_and_gradients_are_those_of_autograd(exported, tmp_path, learned):
    """Of the network, and of another one in the same graph; with batches of several sizes."""
    net, graph, shape, classes, layer, last = exported
    net = net if learned else randomised(net, seed=3)
    weights = graph.weights(net)
    gradient, forward = (session(graph, weights, kind, tmp_path) for kind in ("gradient", "forward"))
    kept = {}
    if layer:
        net.get_submodule(layer).register_forward_hook(lambda module, inputs, output: kept.update(maps=output))
    net.get_submodule(last).register_forward_hook(lambda *call: kept.update(known=pooled(*call)))
    for batch in (1, 4, 7):
        x = torch.rand(batch, *shape, generator=torch.Generator().manual_seed(batch)) * 2 - 1
        asked = torch.zeros(batch, classes)
        asked[range(batch), torch.arange(batch) % classes] = 1
        found = gradient.run(None, {"x": x.numpy(), "weights": asked.numpy()})
        scores = net(x.requires_grad_())
        logits, known = forward.run(["logits", "known"], {"x": x.detach().numpy()})
        assert close(found[0], scores) and close(logits, scores) and close(known, kept["known"])
        wanted = [x, kept["maps"]] if layer else [x]
        gradients = torch.autograd.grad((scores * asked).sum(), wanted)
        assert close(found[1], gradients[0])
        if layer:
            assert close(found[2], kept["maps"])
            # Where a maximum is shared, torch gives all to the first place; Grad-CAM asks for the mean over places.
            assert close(found[3].mean(axis=(2, 3)), gradients[1].mean(dim=(2, 3)))


@pytest.mark.parametrize("learned", [True, False], ids=["trained", "twin"])
def test_guided_backpropagation_is_that_of_captum(exported, tmp_path, learned):
    net, graph, shape, classes, *_ = exported
    if graph.guided is None:
        assert not any(isinstance(module, nn.ReLU) for module in net.modules())
        return
    net = net if learned else randomised(net, seed=3)
    guided = session(graph, graph.weights(net), "guided", tmp_path)
    for batch in (1, 4):
        x = torch.rand(batch, *shape, generator=torch.Generator().manual_seed(batch)) * 2 - 1
        targets = torch.arange(batch) % classes
        asked = nn.functional.one_hot(targets, classes).float()
        found = guided.run(["gradient"], {"x": x.numpy(), "weights": asked.numpy()})[0]
        assert close(found, GuidedBackprop(net).attribute(x.requires_grad_(), target=targets))


def test_the_graphs_hold_no_weights(exported):
    """So one graph serves the trained network and the random one."""
    net, graph, *_ = exported
    numbers = sum(tensor.numel() for name, tensor in net.state_dict().items() if name in graph.names)
    assert len(graph.weights(net)) == 4 * numbers
    assert len(graph.gradient) < 60_000 and len(graph.forward) < len(graph.gradient)
    assert {name for name, _ in net.named_parameters()} <= set(graph.names)


class Overlapping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x):
        return self.layers(x)


class OneSize(nn.Module):
    """Knows one size of batch alone."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 2)

    def forward(self, x):
        return self.layer(x.reshape(len(x) if len(x) > 6 else 1, -1)[:, :64]).expand(len(x), 2)


@pytest.mark.parametrize(
    "net, words",
    [(Overlapping(), "overlapping"), (OneSize(), "cannot be exported"), (ViT(shape=(8, 8), depth=1), "single=True")],
)
def test_what_cannot_be_exported_is_one_sentence(net, words):
    with pytest.raises(InputError, match=words) as refused:
        export(net, (1, 8, 8), 2)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
