"""Random numbers of one's own, for what can be given no generator.

Batch orders, augmentation and codes are drawn from a `torch.Generator` each. Initial
weights, dropout and the noise inside a layer know none: they draw from a state that torch
shares between all threads. Were it seeded here, if only for a moment, a training in another
thread could not be repeated. So it is left alone: what draws here is handed a generator.
"""

from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class seeded(TorchDispatchMode):
    """A context in which all that torch draws, in this thread, comes from a seed; torch's own random state is not
    touched.

    The numbers are those that torch would draw after `torch.manual_seed(seed)`. Entered again,
    the same object goes on where it stopped:

        own = seeded(3)
        with own:
            first = torch.rand(2)
        with own:
            second = torch.rand(2)  # the two numbers after those of `first`

    What is told its own generator draws from that one. Dropout inside a recurrent layer that
    runs on a GPU is out of reach, and still draws from torch's state.

    >>> with seeded(3):
    ...     numbers = torch.rand(2)
    >>> torch.equal(numbers, torch.rand(2, generator=torch.Generator().manual_seed(3)))
    True
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    @property
    def drew(self) -> bool:
        """Whether anything was drawn within."""
        return bool(self._generators)

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        drawing = _with_generator(operation)
        if drawing is None or kwargs.get("generator") is not None:
            return operation(*args, **kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name != "generator"}  # one that is None
        tensor = next((each for each in args if isinstance(each, torch.Tensor)), None)
        device = torch.device(kwargs.get("device") or (torch.get_default_device() if tensor is None else tensor.device))
        if device.type == "meta":  # shapes alone: there is nothing to draw
            return operation(*args, **kwargs)
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return drawing(*args, **kwargs, generator=self._generators[device])


def draws(model: nn.Module, *asked: Any) -> bool:
    """Whether a model's layers draw when it is trained: then it is to be asked within `seeded`, which costs some
    microseconds for each operation, a tenth of a step of small networks.

    model  left as it is: a copy is asked
    asked  what it takes, two cases or more

    >>> draws(nn.Linear(4, 2), torch.zeros(2, 4)), draws(nn.Dropout(0.5), torch.zeros(2, 4))
    (False, True)
    """
    own = seeded(0)
    with torch.no_grad(), own:
        deepcopy(model).train()(*asked)
    return own.drew


@cache
def _with_generator(operation):
    """The form of a torch operation that takes a generator; None of one that does not draw."""
    packet, given = operation.overloadpacket, _arguments(operation)
    if packet.__name__ in _WITHOUT:
        return _WITHOUT[packet.__name__]
    if "generator" in given:
        return operation
    forms = (getattr(packet, name) for name in packet.overloads())
    return next((form for form in forms if _arguments(form) == given | {"generator"}), None)


def _arguments(operation):
    return {argument.name for argument in operation._schema.arguments}


def _native_dropout(x, share, training, generator):
    """What a GPU does in one step, of which it tells no generator."""
    if not training or share == 0:
        return x, torch.ones_like(x, dtype=torch.bool)
    kept = torch.empty_like(x, dtype=torch.bool).bernoulli_(1 - share, generator=generator)
    return x * kept / (1 - share), kept


def _rand_like(x, *, generator, **how):
    return torch.empty_like(x, **how).uniform_(generator=generator)


def _randn_like(x, *, generator, **how):
    return torch.empty_like(x, **how).normal_(generator=generator)


# Operations that take no generator, in some versions of torch or in all.
_WITHOUT = {"native_dropout": _native_dropout, "rand_like": _rand_like, "randn_like": _randn_like}
