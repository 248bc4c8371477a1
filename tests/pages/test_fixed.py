"""What is exported for one image or clip at a time, run by onnxruntime, against torch's own autograd."""

import onnxruntime
import pytest
import torch
from test_graph import close, lively
from torch import nn

from medtutor.errors import InputError
from medtutor.models.conv_lstm import ConvLSTM
from medtutor.models.hybrid import Hybrid, TransformerUNet
from medtutor.models.recurrent import FrameSequence
from medtutor.models.unet import AttentionUNet, UNet
from medtutor.models.vit import ViT, WindowedViT
from medtutor.pages.fixed import export_attention, export_segmentation, export_sequence
from medtutor.pages.graph import WEIGHTS, export

TRANSFORMERS = {
    "class token": lambda: ViT(shape=(14, 14), patch=7, width=8, depth=1, heads=2, readout="class"),
    "windowed": lambda: WindowedViT(shape=(14, 14), patch=3, width=8, depth=2, heads=2, window=3),
    "hybrid": lambda: Hybrid(shape=(14, 14), widths=(4, 4), width=8, depth=1, heads=2),
}
UNETS = {"unet": UNet, "gated": AttentionUNet, "tokens": TransformerUNet}
HEADS = ("lstm", "gru", "max_min_frames")


def session(content, weights, folder):
    (folder / WEIGHTS).write_bytes(weights)
    (folder / "net").write_bytes(content)
    return onnxruntime.InferenceSession(folder / "net")


def noise(*shape):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_scores_and_gradients_of_a_transformer(name, tmp_path):
    torch.manual_seed(0)
    net, x, asked = TRANSFORMERS[name]().eval(), noise(1, 14, 14), torch.tensor([[0.0, 1.0]])
    graph = export(net, (1, 14, 14), 2, single=True)
    found = session(graph.gradient, graph.weights(net), tmp_path).run(None, {"x": x.numpy(), "weights": asked.numpy()})
    scores = net(x.requires_grad_())
    assert close(found[0], scores) and close(found[1], torch.autograd.grad((scores * asked).sum(), x)[0])


@pytest.mark.parametrize("name", ["class token", "windowed"])
def test_attention_of_a_transformer(name, tmp_path):
    torch.manual_seed(0)
    net, x = TRANSFORMERS[name]().eval(), noise(1, 14, 14)
    graph = export_attention(net, (1, 14, 14))
    found = session(graph.files["attention"], graph.weights(net), tmp_path).run(None, {"x": x.numpy()})
    assert close(found[0], torch.cat(net.attention(x)))


@pytest.mark.parametrize("name", UNETS)
def test_the_gradient_of_a_region(name, tmp_path):
    """Sides that pooling does not divide, and an even border, where maxima are shared: torch takes the first."""
    torch.manual_seed(0)
    net, x = lively(UNETS[name](shape=(14, 11), widths=(4, 4, 4))), noise(1, 14, 11)
    x[..., :4] = -1
    region = torch.zeros(1, 3, 14, 11)
    region[:, 1, 3:9, 2:8] = 1 / 36
    graph = export_segmentation(net, (1, 14, 11), 3)
    given = {"x": x.numpy().copy(), "weights": region.numpy()}
    found = session(graph.files["gradient"], graph.weights(net), tmp_path).run(None, given)
    logits = net(x.requires_grad_())
    assert close(found[0], logits) and close(found[1], torch.autograd.grad((logits * region).sum(), x)[0])
    forward = session(graph.files["forward"], graph.weights(net), tmp_path).run(None, {"x": given["x"]})
    assert close(forward[0], logits)


@pytest.mark.parametrize("head", [*HEADS, "maps"])
def test_answers_over_time(head, tmp_path):
    torch.manual_seed(0)
    shape = {"shape": (8, 8), "frames": 3}
    net = (ConvLSTM(hidden=2, **shape) if head == "maps" else FrameSequence(head=head, **shape)).eval()
    graph, x = export_sequence(net, (3, 1, 8, 8)), noise(3, 1, 8, 8)
    found = session(graph.files["forward"], graph.weights(net), tmp_path).run(None, {"x": x.numpy()})
    assert close(found[0], net.answers_over_time(x))


class Odd(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0]] * int(x.sum() > 0) + [x[:, 0]], 1)


def test_what_cannot_be_exported_is_one_sentence():
    with pytest.raises(InputError, match="cannot be exported") as refused:
        export_segmentation(Odd(), (1, 8, 8), 2)
    assert "\n" not in str(refused.value) and "explorer" in str(refused.value)
