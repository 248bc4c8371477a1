"""What a network is made of, seen by running it once: its layers, and what is computed outside of them.

Explanation methods hook modules. Two things make a hook lie without an error: a
module that is called twice, and an operation that no module holds, such as
`torch.relu(x)` or `x + y` in a `forward`. `trace` finds both.
"""

from collections import OrderedDict
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]  # not in its __all__
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.utils._python_dispatch import TorchDispatchMode

from ..errors import InputError

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

# torch's names of operations that move numbers about without changing them …
RESHAPING = frozenset(
    "view _unsafe_view reshape _reshape_alias flatten unsqueeze squeeze permute transpose t clone contiguous detach"
    " alias as_strided as_strided_ resize_ expand slice select split unbind empty empty_like copy_ _to_copy to"
    " lift_fresh".split()
)
# … and of those that are linear in their input, for which a gradient is exact.
LINEAR = RESHAPING | frozenset(
    "convolution _convolution addmm mm native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm"
    " avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d repeat"
    " mean sum add add_ sub cat stack constant_pad_nd neg"
    " upsample_nearest2d upsample_bilinear2d upsample_nearest3d".split()
)


def unwrapped(model):
    """The model inside of `torch.compile`, `DataParallel` and the like, which change how it runs, not what it
    answers.
    """
    while isinstance(inner := getattr(model, "_orig_mod", None) or _replicated(model), nn.Module):
        model = inner
    return model


def _replicated(model):
    kinds = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return model.module if isinstance(model, kinds) else None


@torch.inference_mode(False)  # else new tensors would be such as no gradient can pass
def twin(model):
    """A copy of a model in eval mode that shares its weights.

    Hooks, modes, buffers and exchanged modules stay on the twin: the model itself is never
    touched. What a user's hooks do in the forward pass is part of the model, and done; backward hooks are
    left out. ReLUs are out-of-place on it, since a hook must see what went in.

    Raises `InputError` for a model that cannot be copied, or has no weights yet.
    """
    check_weights(model)
    copy = copied(model, shared={id(parameter): _usable(parameter) for parameter in model.parameters()})
    if isinstance(copy, torch.jit.ScriptModule):
        copy = Scripted(copy)  # which takes hooks
    for module in copy.modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue  # nothing in it can be exchanged
        # A user's backward hooks are for training: they may change gradients, and those of captum trip over them.
        module._backward_hooks.clear(), module._backward_pre_hooks.clear()
        if getattr(module, "inplace", False) is True:
            module.inplace = False
        if type(module) is nn.Conv2d and isinstance(module.weight, nn.Parameter):
            # Convolutions are fastest in this order, and captum's own batches do not keep that of the images.
            weight = module.weight.detach().to(memory_format=torch.channels_last)
            module.weight = nn.Parameter(weight, requires_grad=module.weight.requires_grad)
    return copy


def copied(model, shared=()):
    """A copy of a model in eval mode.

    shared  id of a tensor -> the tensor that stands for it in the copy; others are copied

    Raises `InputError` for a model that cannot be copied.
    """
    # Tensors that were computed, such as the weight under a weight norm, refuse to be copied as others are.
    own = {id(tensor): tensor.detach().clone() for module in model.modules() for tensor in _tensors(vars(module))}
    # A module has a dozen dicts of hooks, nearly all of them empty: half of the time went into copying these.
    own |= {id(each): type(each)() for module in model.modules() for each in vars(module).values() if _is_bare(each)}
    try:
        copy = deepcopy(model, {**own, **dict(shared)})
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{title_of(model)} cannot be copied ({reason}), and only a copy can be explained; take what holds this off"
            " the model"
        ) from error
    try:
        return copy.eval()
    except NotImplementedError:
        return copy  # of torch.export: it has no modes


def check_weights(model):
    """Raise `InputError` for a lazy layer whose weights are not there yet, and for weights without numbers."""
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        layer = name.rpartition(".")[0] or title_of(model)
        if isinstance(tensor, UninitializedTensorMixin):
            raise InputError(
                f"layer {layer} has no weights yet; give the model one batch of images, model(x), so that it makes them"
            )
        if tensor.is_meta:
            raise InputError(f"layer {layer} has weights without numbers (device meta); load them into the model first")


def title_of(model):
    """A model's name, for messages."""
    for name in (getattr(model, "name", None), getattr(model, "original_name", None)):
        if isinstance(name, str) and name:
            return name
    return type(model).__name__


def _usable(parameter):
    """A parameter as it is; of one that was made in inference mode, through which no gradient can pass, a copy."""
    return nn.Parameter(parameter.detach().clone(), parameter.requires_grad) if parameter.is_inference() else parameter


def _is_bare(value):
    return type(value) in (dict, OrderedDict) and not value


def _tensors(value):
    """All tensors but parameters in a nest of dicts, lists and tuples."""
    if isinstance(value, torch.Tensor):
        if not isinstance(value, nn.Parameter):
            yield value
    elif isinstance(value, (dict, list, tuple)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each)


class Scripted(nn.Module):
    """A TorchScript model as a module that takes hooks; its layers cannot be looked at."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


class Copied(nn.Module):
    """x as a new tensor, so that two hooks need not share one."""

    def forward(self, x):
        return x.clone()


def is_scripted(net):
    """Whether a network, or a part of it, is TorchScript: what happens inside cannot be looked at."""
    return any(isinstance(module, torch.jit.ScriptModule) for module in net.modules())


def is_quantised(net):
    """Whether a layer of a network computes with whole numbers: no gradient passes it."""
    homes = [type(module).__module__ for module in net.modules()]
    return any(home.startswith("torch.ao.nn.") and "quantized" in home for home in homes)


def replace(net, name, module):
    """Put a module in the place of the one of that name."""
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, module)


def fold_norms(net, seen):
    """Fold each batch normalisation of a copy into the layer before it: in eval mode, that changes no answer.

    seen  the `Trace` of the network that was copied
    """
    before = {id(call.output): call.name for call in seen.leaves if isinstance(call.module, WEIGHTED)}
    for call in seen.leaves:
        if isinstance(call.module, NORMS):
            layer = net.get_submodule(before[id(call.input)])
            fuse = fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
            replace(net, before[id(call.input)], fuse(layer, net.get_submodule(call.name)))
            replace(net, call.name, nn.Identity())


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
        if name and not isinstance(module, torch.jit.ScriptModule):  # which takes no hooks
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


def last_feature_map(seen, dims, coarsest=False):
    """The name of the layer that Grad-CAM looks at by default, or None.

    It is the last one with feature maps that does not pool: pooling only throws
    places away. Where that is the end of a block, the block gives the name.

    coarsest  the last one where the maps are coarsest, and something is decided: the end of a segmentation is
              the answer itself, and its map would be that answer
    """
    maps = feature_maps(seen, dims)
    leaves = [call for call in seen.leaves if call.name in maps and "Pool" not in type(call.module).__name__]
    if not leaves:
        return None
    if coarsest:
        least = min(call.output.shape[2:].numel() for call in leaves)
        leaves = [call for call in leaves if call.output.shape[2:].numel() == least]
        leaves = [call for call in leaves if not isinstance(call.module, (nn.Conv2d, nn.Conv3d))] or leaves
    last = leaves[-1]
    same = [call.name for call in seen.calls if not call.is_leaf and call.output is last.output]
    return same[0] if same else last.name


def covered(net, shape):
    """The pixels under a network's grid of tokens: of images of `shape`, and what patches that do not divide it have
    filled up.
    """
    return tuple(getattr(net, "covers", shape))
