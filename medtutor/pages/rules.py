"""The backward passes that ONNX has no name for, written with operations that it has."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import InputError
from ..explanation.anatomy import replace
from ..models.recurrent import lstm_step

aten = torch.ops.aten


def rules(guided: bool = False) -> dict[Any, Any]:
    """What `make_fx` puts in place of an operation: {operation: function}.

    guided  whether a ReLU lets nothing negative back, as guided backpropagation has it
    """
    from torch._decomp import core_aten_decompositions, get_decompositions

    known = get_decompositions(
        [
            aten.native_batch_norm,
            aten._native_batch_norm_legit_no_training,
            aten.native_batch_norm_backward,
            aten.native_layer_norm,
            aten.native_layer_norm_backward,
            aten.gelu_backward,
            aten.sigmoid_backward,
            aten.tanh_backward,
            aten._softmax_backward_data,
            aten.slice_backward,
            aten.select_backward,
        ]
    )
    found = {**core_aten_decompositions(), **known}
    found.pop(aten.convolution.default, None)
    return found | {
        aten.convolution_backward.default: convolution,
        aten.threshold_backward.default: guided_threshold if guided else threshold,
        aten.max_pool2d_with_indices_backward.default: max_pool,
        aten.adaptive_max_pool2d.default: global_max,
        aten.adaptive_max_pool2d_backward.default: global_max_backward,
    }


class GlobalMean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3), keepdim=True)


class Swish(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(x)


class Repeated(nn.Module):
    """Each pixel of a map as a square of as many pixels each way."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        batch, channels, height, width = x.shape
        large = x.reshape(batch, channels, height, 1, width, 1).expand(-1, -1, -1, self.factor, -1, self.factor)
        return large.reshape(batch, channels, height * self.factor, width * self.factor)


class Scaled(nn.Module):
    """A batch normalisation that has learned: each channel times a number, plus a number."""

    def __init__(self, norm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.register_buffer("running_mean", norm.running_mean)
        self.register_buffer("running_var", norm.running_var)

    def forward(self, x):
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        each = (-1, *[1] * (x.dim() - 2))
        return x * scale.view(each) + (self.bias - self.running_mean * scale).view(each)


class Steps(nn.Module):
    """A recurrent layer, (B, T, F) -> (B, T, hidden), frame by frame: an LSTM or a GRU of one layer."""

    def __init__(self, layer):
        super().__init__()
        self.is_lstm, self.hidden_size = isinstance(layer, nn.LSTM), layer.hidden_size
        self.ways = ["", "_reverse"] if layer.bidirectional else [""]
        for name, weight in layer.named_parameters():
            self.register_parameter(name, weight)

    def forward(self, x):
        return torch.cat([self._way(x, way) for way in self.ways], 2), None

    def _way(self, x, way):
        weight_x, weight_h, bias_x, bias_h = (
            getattr(self, f"{name}_l0{way}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = c = x[:, 0, :1] * 0 + x.new_zeros(1, self.hidden_size)
        frames, states = list(x.unbind(1)), []
        for frame in frames[::-1] if way else frames:
            if self.is_lstm:
                h, c = lstm_step(frame, h, c, weight_x, weight_h, bias_x + bias_h)
            else:
                reset, keep, new = (frame @ weight_x.T + bias_x).chunk(3, 1)
                of_reset, of_keep, of_new = (h @ weight_h.T + bias_h).chunk(3, 1)
                keep = (keep + of_keep).sigmoid()
                h = (1 - keep) * (new + (reset + of_reset).sigmoid() * of_new).tanh() + keep * h
            states.append(h)
        return torch.stack(states[::-1] if way else states, 1)


def write_out(net: nn.Module) -> None:
    """Put the formula in place of modules of a copied network whose own passes write into memory, or that torch
    writes down in another way in each of its versions.
    """
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            replace(net, name, GlobalMean())
        elif isinstance(module, nn.SiLU):
            replace(net, name, Swish())
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine and module.track_running_stats:
            replace(net, name, Scaled(module))
        elif isinstance(module, nn.Upsample) and module.mode == "nearest" and _is_whole(module.scale_factor):
            replace(net, name, Repeated(int(module.scale_factor)))  # type: ignore[arg-type]
        elif isinstance(module, (nn.LSTM, nn.GRU)) and module.num_layers == 1:
            replace(net, name, Steps(module))


def _is_whole(factor):
    return isinstance(factor, (int, float)) and float(factor).is_integer()


def convolution(gradient, x, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups, wanted):
    """Of a convolution's input: a transposed convolution with the same weights, and the other way round."""
    if wanted[1] or wanted[2]:
        raise InputError("only the gradient of the image is exported, not that of weights")
    dims = weight.dim() - 2
    stride, padding, dilation = (
        list(each) * dims if len(each) == 1 else list(each) for each in (stride, padding, dilation)
    )
    if transposed:
        return (
            aten.convolution(gradient, weight, None, stride, padding, dilation, False, [0] * dims, groups),
            None,
            None,
        )
    if groups == 1 and all(each == 1 for each in (*stride, *dilation)):
        # As a convolution with the weights turned round, which runtimes compute faster.
        around = [size - 1 - pad for size, pad in zip(weight.shape[2:], padding)]
        if min(around) >= 0:
            turned = weight.transpose(0, 1).flip(list(range(2, 2 + dims)))
            return aten.convolution(gradient, turned, None, stride, around, dilation, False, [0] * dims, 1), None, None
    # What a stride leaves over at the far edge.
    over = [
        int(
            x.shape[2 + i]
            - ((gradient.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (weight.shape[2 + i] - 1) + 1)
        )
        for i in range(dims)
    ]
    return aten.convolution(gradient, weight, None, stride, padding, dilation, True, over, groups), None, None


def threshold(gradient, x, value):
    """Of a ReLU; a product, since runtimes take four times as long to choose between two numbers."""
    return gradient * (x > value).to(gradient.dtype)


def guided_threshold(gradient, x, value):
    """Of a ReLU in guided backpropagation: what is negative is cut off."""
    return aten.relu(threshold(gradient, x, value))


def max_pool(gradient, x, kernel, stride, padding, dilation, ceil_mode, indices):
    """Of a max-pooling whose windows do not overlap: to the largest of each window, the first of several."""
    height, width = list(kernel) * (2 if len(kernel) == 1 else 1)
    steps = list(stride) * (2 if len(stride) == 1 else 1) or [height, width]
    if steps != [height, width] or any(padding) or any(each != 1 for each in dilation):
        raise InputError("max-pooling with overlapping or padded windows is not exported")
    rows, columns = gradient.shape[2:]
    # Windows may reach beyond the image, or leave pixels over.
    inside = _fitted(x, rows * height, columns * width, float("-inf"))
    windows = inside.reshape(-1, x.shape[1], rows, height, columns, width)
    hit = (windows == windows.amax((3, 5), keepdim=True)).to(gradient.dtype)
    each = hit.permute(0, 1, 2, 4, 3, 5).reshape(-1, x.shape[1], rows, columns, height * width)
    first = each * (each.cumsum(4) == 1).to(gradient.dtype)  # where several are the largest
    hit = first.reshape(-1, x.shape[1], rows, columns, height, width).permute(0, 1, 2, 4, 3, 5)
    shares = hit * gradient.reshape(-1, x.shape[1], rows, 1, columns, 1)
    spread = shares.reshape(-1, x.shape[1], rows * height, columns * width)
    return _fitted(spread, x.shape[2], x.shape[3], 0.0)


def _fitted(x, height, width, value):
    """Maps cut to a size, or filled up to it."""
    inside = x[:, :, : min(height, x.shape[2]), : min(width, x.shape[3])]
    missing = [0, max(width - x.shape[3], 0), 0, max(height - x.shape[2], 0)]
    return F.pad(inside, missing, value=value) if any(missing) else inside


def global_max(x, size):
    """The maximum over all places, and indices that nobody asks for."""
    if any(side != 1 for side in size):
        raise InputError("adaptive max-pooling to more than one place is not exported")
    most = aten.amax(x, (2, 3), True)
    return most, torch.zeros_like(most, dtype=torch.long)


def global_max_backward(gradient, x, indices):
    """To the largest of all places, in equal shares where there are several."""
    hit = (x == aten.amax(x, (2, 3), True)).to(gradient.dtype)
    return gradient * hit / hit.sum((2, 3), keepdim=True)
