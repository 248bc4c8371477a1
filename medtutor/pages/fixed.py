"""Networks as ONNX that take one image, or one clip, at a time: segmentation, sequences, and the attention of a
transformer. With one size alone they are exported in seconds.
"""

from dataclasses import dataclass

import torch
from torch import nn

from ..efficiency.exporting import quiet
from ..errors import InputError
from ..explanation.anatomy import copied, title_of
from ..models.recurrent import FrameSequence, Recurrent
from .graph import check_installed, places_of, reason_of, without_weights, written
from .rules import rules, write_out


@dataclass(frozen=True)
class FixedGraph:
    """ONNX files by name, without their numbers, and the tensors of the `state_dict` that these are, in order."""

    files: dict[str, bytes]
    names: tuple[str, ...]

    def weights(self, model: nn.Module) -> bytes:
        """The numbers of a network of this architecture, float32, one tensor after the other."""
        state = model.state_dict()
        return b"".join(state[name].detach().cpu().float().contiguous().numpy().tobytes() for name in self.names)


class Region(nn.Module):
    """(x, weights) -> logits (1, K, H, W), and the gradient of their weighted sum with respect to x."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, weights):
        logits, back = torch.func.vjp(self.net, x)
        return logits, back(weights)[0]


class OverTime(nn.Module):
    """A clip (1, T, C, H, W) -> answers over time (1, T, outputs), as logits."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        if not isinstance(self.net, FrameSequence):
            return self.net.answers_over_time(x)
        features, head = self.net.features(x), self.net.head
        if isinstance(head, Recurrent) and not head.both_ways:  # which knows no frame that comes later
            return head.answer(head.hidden(features))
        return torch.stack([head(features[:, :end]) for end in range(1, x.shape[1] + 1)], 1)


class Looks(nn.Module):
    """An image -> attention weights (blocks, heads, N, N)."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return torch.cat(self.net.attention(x))


def export_segmentation(model: nn.Module, shape: tuple[int, ...], classes: int) -> FixedGraph:
    """A U-Net with the gradient of a region, files `gradient` (x, weights) and `forward` x -> logits.

    model  takes (1, C, H, W), and returns (1, K, H, W); it is left as it is
    shape  (C, H, W)

    Raises `InputError` where the network computes what has no ONNX form here.
    """
    asked = (torch.zeros(1, *shape), torch.zeros(1, classes, *shape[1:]))
    found = _exported(model, Region, asked, ["x", "weights"], ["logits", "gradient"], "gradient")
    import onnx
    from onnx.utils import Extractor

    forward = Extractor(onnx.load_from_string(found.files["gradient"])).extract_model(["x"], ["logits"])
    return FixedGraph(found.files | {"forward": forward.SerializeToString()}, found.names)


def export_sequence(model: nn.Module, shape: tuple[int, ...]) -> FixedGraph:
    """A network of clips, file `forward` x -> logits: its answers over time.

    shape  (T, C, H, W)
    """
    return _exported(model, OverTime, (torch.zeros(1, *shape),), ["x"], ["logits"], "forward")


def export_attention(model: nn.Module, shape: tuple[int, ...]) -> FixedGraph:
    """A transformer, file `attention` x -> attention (blocks, heads, N, N).

    shape  (C, H, W)
    """
    return _exported(model, Looks, (torch.zeros(1, *shape),), ["x"], ["attention"], "attention")


def _exported(model, around, asked, inputs, outputs, name):
    check_installed()
    net = copied(model).requires_grad_(False)
    write_out(net)
    try:
        with quiet():
            whole, homes = written(net, around(net), rules(), asked, inputs, outputs)
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        raise InputError(
            f"{title_of(model)} cannot be exported ({reason_of(error)}); show it in an explorer"
        ) from error
    places = places_of(net)
    without_weights(whole, homes, places)
    return FixedGraph({name: whole.SerializeToString()}, tuple(places))
