"""Random numbers of one's own: nothing here reads, seeds or swaps the random state that the whole process shares.

A training may run in another thread while a map is computed. Were torch's or numpy's
global state touched, if only for a moment, that training could not be repeated.
"""

import torch

from ..checks import whole
from ..models.randomness import seeded


def checked_seed(seed):
    """A seed as an int. Raises `InputError` for what is none."""
    return whole("seed", seed, 0, 2**63 - 1)


def generator(seed, device="cpu"):
    """A torch generator that draws what torch would after `torch.manual_seed(seed)`."""
    return torch.Generator(device).manual_seed(checked_seed(seed))


class OwnDraws(seeded):
    """`seeded`, and a witness of what ran within.

    operations  the names of torch's operations, in order
    drawn       whether anything was drawn
    """

    def __init__(self, seed=0):
        super().__init__(checked_seed(seed))
        self.operations = []

    @property
    def drawn(self):
        # Some operations take a generator and then do not need it.
        fresh = (torch.Generator(device).manual_seed(self._seed) for device in self._generators)
        return any(
            not torch.equal(own.get_state(), new.get_state()) for own, new in zip(self._generators.values(), fresh)
        )

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations.append(operation.overloadpacket.__name__)
        return super().__torch_dispatch__(operation, types, args, kwargs)
