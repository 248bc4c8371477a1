"""Muon: an optimiser under which a convolutional network needs a quarter to a half fewer epochs."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

LEAST = 32  # inputs of a kernel that is moved by Muon: the kernel that reads a grey or a coloured image has fewer
LONGER = 5.0  # times the learning rate, for an orthogonal step
MOMENTUM, DECAYS = 0.9, (0.9, 0.99)  # of Muon; of Adam's mean and mean square


class Muon(torch.optim.Optimizer):
    """Kernels of convolutions by Muon, all other weights by Adam.

    Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) takes a kernel's averaged gradient as a
    matrix, outputs by inputs, and makes it `orthogonal`: what many cases ask for and what few ask for is learned
    at one speed. The kernel that reads the image has few inputs; that, biases, normalisation and linear layers go
    by Adam (Kingma & Ba, arXiv:1412.6980).

    learning_rate  of Adam; an orthogonal step is `LONGER` times as long
    weight_decay   share of a kernel that goes with each step, times the learning rate, as in AdamW

    >>> kernel = torch.nn.Parameter(torch.zeros(8, 4, 3, 3))
    >>> kernel.grad = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    >>> Muon([kernel], learning_rate=0.1, weight_decay=0.0).step()
    >>> moved = torch.linalg.svdvals(kernel.detach().flatten(1))  # 0.1 x LONGER, about
    >>> bool((moved > 0.3).all() and (moved < 0.65).all())
    True
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], learning_rate: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": learning_rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> Any:
        """Move every weight that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if weight.dim() > 2 and weight[0].numel() >= LEAST:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.sub_(self._orthogonal_step(weight), alpha=LONGER * group["lr"])
                else:
                    weight.sub_(self._adam_step(weight), alpha=group["lr"])
        return loss

    def _orthogonal_step(self, weight):
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].mul_(MOMENTUM).add_(weight.grad)
        ahead = (weight.grad + MOMENTUM * state["momentum"]).flatten(1)
        step = orthogonal(ahead)
        # A kernel with more outputs than inputs turns its inputs as far as a square one.
        return (step * max(1.0, step.shape[0] / step.shape[1]) ** 0.5).view(weight.shape)

    def _adam_step(self, weight):
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(weight), torch.zeros_like(weight)
        state["step"] += 1
        state["mean"].lerp_(weight.grad, 1 - DECAYS[0])
        state["square"].lerp_(weight.grad.square(), 1 - DECAYS[1])
        mean, square = (
            state[name] / (1 - decay ** state["step"].item()) for name, decay in zip(("mean", "square"), DECAYS)
        )
        return mean / (square.sqrt() + 1e-8)


def orthogonal(matrix: torch.Tensor, rounds: int = 3) -> torch.Tensor:
    """A matrix (M, N) with the same singular vectors, whose singular values are about 1 where they were not tiny.

    Newton and Schulz's iteration with the coefficients of Jordan et al.: products of matrices in place of a
    singular value decomposition. About: each is between 0.6 and 1.3 after five rounds; three are enough to train by.

    >>> values = torch.linalg.svdvals(orthogonal(torch.diag(torch.tensor([3.0, 1.0, 0.5])), rounds=5))
    >>> bool((values > 0.6).all() and (values < 1.3).all())
    True
    """
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(rounds):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
