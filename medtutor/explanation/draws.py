"""Random numbers of one's own: nothing here reads, seeds or swaps the random state that the whole process shares.

A training may run in another thread while a map is computed. Were torch's or numpy's
global state touched, if only for a moment, that training could not be repeated.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..checks import whole

# Dropout on a GPU, to which no generator can be handed over.
_HIDDEN_DRAW = "native_dropout"


def checked_seed(seed):
    """A seed as an int. Raises `InputError` for what is none."""
    return whole("seed", seed, 0, 2**63 - 1)


def generator(seed, device="cpu"):
    """A torch generator that draws what torch would after `torch.manual_seed(seed)`."""
    return torch.Generator(device).manual_seed(checked_seed(seed))


class OwnDraws(TorchDispatchMode):
    """A context in which all that torch draws, in this thread, comes from generators of its own.

    seed        of the generators, one for each device
    operations  the names of torch's operations that ran, in order
    drawn       whether anything was drawn
    """

    def __init__(self, seed=0):
        super().__init__()
        self._seed, self._generators = checked_seed(seed), {}
        self.operations = []

    @property
    def drawn(self):
        fresh = (torch.Generator(device).manual_seed(self._seed) for device in self._generators)
        moved = (not torch.equal(own.get_state(), new.get_state()) for own, new in zip(self._generators.values(), fresh))
        return _HIDDEN_DRAW in self.operations or any(moved)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        self.operations.append(function.overloadpacket.__name__)
        drawing = _with_generator(function)
        if drawing is not None and kwargs.get("generator") is None:
            device = next((one.device for one in args if isinstance(one, torch.Tensor)), kwargs.get("device") or "cpu")
            function, kwargs["generator"] = drawing, self._of(torch.device(device))
        return function(*args, **kwargs)

    def _of(self, device):
        if device not in self._generators:
            self._generators[device] = generator(self._seed, device)
        return self._generators[device]


def _with_generator(function):
    """The form of a torch operation that takes a generator, None where there is none."""
    if any(argument.name == "generator" for argument in function._schema.arguments):
        return function
    name = function._overloadname
    return getattr(function.overloadpacket, "generator" if name == "default" else f"{name}_generator", None)
