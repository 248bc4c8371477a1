"""What a network is made of, seen by running it once: its layers, and what is computed outside of them.

Explanation methods hook modules. Two things make a hook lie without an error: a
module that is called twice, and an operation that no module holds, such as
`torch.relu(x)` or `x + y` in a `forward`. `trace` finds both.
"""

from copy import deepcopy
from dataclasses import dataclass
from itertools import chain

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

# torch's names of operations that move numbers about without changing them …
RESHAPING = frozenset(
    "view _unsafe_view reshape _reshape_alias flatten unsqueeze squeeze permute transpose t clone contiguous detach "
    "alias as_strided as_strided_ resize_ expand slice select split unbind empty empty_like copy_ _to_copy to lift_fresh".split()
)
# … and of those that are linear in their input, for which a gradient is exact.
LINEAR = RESHAPING | frozenset(
    "convolution _convolution addmm mm native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm "
    "avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d "
    "mean sum add add_ sub cat stack constant_pad_nd neg upsample_nearest2d upsample_bilinear2d upsample_nearest3d".split()
)


@torch.inference_mode(False)  # else new tensors would be such as no gradient can pass
def twin(model):
    """A copy of a model in eval mode that shares its weights.

    Hooks, modes and exchanged modules stay on the twin: the model itself is never
    touched. ReLUs are out-of-place on it, since a hook must see what went in.
    """
    tensors = chain(model.parameters(), model.buffers(), *(vars(module).values() for module in model.modules()))
    shared = {id(tensor): tensor for tensor in tensors if isinstance(tensor, torch.Tensor)}
    copy = deepcopy(model, shared).eval()
    for module in copy.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False
        if type(module) is nn.Conv2d and isinstance(module.weight, nn.Parameter):
            # Convolutions are fastest in this order, and captum's own batches do not keep that of the images.
            weight = module.weight.detach().to(memory_format=torch.channels_last)
            module.weight = nn.Parameter(weight, requires_grad=module.weight.requires_grad)
    return copy


class Copied(nn.Module):
    """x as a new tensor, so that two hooks need not share one."""

    def forward(self, x):
        return x.clone()


def replace(net, name, module):
    """Put a module in the place of the one of that name."""
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, module)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one module during a forward pass; tensors are those of the pass."""

    name: str
    module: nn.Module
    input: torch.Tensor | None
    output: torch.Tensor | None

    @property
    def is_leaf(self):
        return next(self.module.children(), None) is None


@dataclass(frozen=True, eq=False)
class Trace:
    """A forward pass as it went.

    net     the network
    calls   every `Call`, in the order in which they ended
    hidden  names of torch operations that ran in no leaf module, in order
    inside  name of a leaf module -> names of the operations it ran
    """

    net: nn.Module
    calls: list
    hidden: list
    inside: dict

    @property
    def leaves(self):
        return [call for call in self.calls if call.is_leaf]

    def called_twice(self, kinds=nn.Module):
        """The names of leaf modules of these classes that were called more than once."""
        names = [call.name for call in self.leaves if isinstance(call.module, kinds)]
        return sorted({name for name in names if names.count(name) > 1})


class _Operations(TorchDispatchMode):
    """Notes each torch operation under the leaf module that runs it."""

    def __init__(self):
        super().__init__()
        self.leaf, self.hidden, self.inside = None, [], {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        (self.hidden if self.leaf is None else self.inside.setdefault(self.leaf, [])).append(name)
        return function(*args, **(kwargs or {}))


def trace(net, x):
    """Run `net`, a `twin`, on a float batch and note what happens: a `Trace`."""
    operations, calls, handles = _Operations(), [], []

    def enter(name, is_leaf):
        def hook(module, inputs):
            if is_leaf:
                operations.leaf = name

        return hook

    def leave(name, is_leaf):
        def hook(module, inputs, output):
            if is_leaf:
                operations.leaf = None
            tensors = [value if isinstance(value, torch.Tensor) else None for value in (*inputs[:1], output)]
            calls.append(Call(name, module, tensors[0] if inputs else None, tensors[-1]))

        return hook

    for name, module in net.named_modules():
        if name:
            is_leaf = next(module.children(), None) is None
            handles.append(module.register_forward_pre_hook(enter(name, is_leaf)))
            handles.append(module.register_forward_hook(leave(name, is_leaf)))
    try:
        with torch.no_grad(), operations:
            net(x)
    finally:
        for handle in handles:
            handle.remove()
    return Trace(net, calls, operations.hidden, operations.inside)


def feature_maps(seen, dims):
    """The layers that give feature maps with more than one pixel: {name: (C, *spatial)}.

    seen  a `Trace`
    dims  2 for images, 3 for volumes

    Attention weights, (B, heads, N, N), look like maps and are none.
    """
    called = [call for call in seen.calls if call.output is not None and not isinstance(call.module, nn.Softmax)]
    maps = [call for call in called if call.output.dim() == dims + 2]
    return {call.name: tuple(call.output.shape[1:]) for call in maps if call.output.shape[2:].numel() > 1}


def last_feature_map(seen, dims):
    """The name of the layer that Grad-CAM looks at by default, or None.

    It is the last one with feature maps that does not pool: pooling only throws
    places away. Where that is the end of a block, the block gives the name.
    """
    maps = feature_maps(seen, dims)
    leaves = [call for call in seen.leaves if call.name in maps and "Pool" not in type(call.module).__name__]
    if not leaves:
        return None
    last = leaves[-1]
    same = [call.name for call in seen.calls if not call.is_leaf and call.output is last.output]
    return same[0] if same else last.name
