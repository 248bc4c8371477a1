"""The loop that all trainings share: batches in a random order, a loss, a step of the optimiser.

What differs from one training to the next, the loss of a batch, is a function that it hands over. All of them use
AdamW, unless they say another optimiser, on a one-cycle schedule, draw from random states of their own, stop where
the loss is no number any more, and keep the weights after the last step: nothing is selected.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import nn
from tqdm import tqdm

from .. import checks
from ..errors import MedtutorError
from ..models.randomness import seeded
from . import given
from .muon import Muon

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": partial(torch.optim.AdamW, fused=True),  # all weights in one pass
    "muon": Muon,
}
# (row numbers of a batch, generator) -> its mean loss
BatchLoss = Callable[[torch.Tensor, torch.Generator | None], torch.Tensor]


class Trainer:
    """One training of a model, in place.

    cases    int64 (N,): the rows of the data that are trained on
    loss_of  a function of the rows of a batch (B,) and a `torch.Generator`; their mean loss
    epochs, batch_size, learning_rate, weight_decay
             of the optimiser; the rate is the highest of the one-cycle schedule (Smith & Topin, 2018)
    seed     of the batch order, of what `loss_of` draws and of what layers draw, such as dropout
    title    that the progress bar bears
    optimiser  "adamw" or "muon"

    Raises `InputError` for numbers that cannot be; the model is then as it was.
    """

    def __init__(
        self,
        model: nn.Module,
        cases: torch.Tensor,
        loss_of: BatchLoss,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        seed: int,
        title: str,
        progress: bool = True,
        optimiser: str = "adamw",
    ) -> None:
        self.epochs, batch_size = given.count("epochs", epochs), given.count("batch_size", batch_size)
        self.learning_rate, seed = given.learning_rate(learning_rate), checks.seed(seed)
        self.model, self.cases, self.loss_of = model, cases, loss_of
        # The last partial batch is left out: its statistics would be of few cases.
        self.batch = min(batch_size, len(cases))
        self.steps = len(cases) // self.batch
        self.optimiser = OPTIMISERS[optimiser](model.parameters(), self.learning_rate, weight_decay=weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            self.learning_rate,
            total_steps=self.steps * self.epochs + 1,
            cycle_momentum="betas" in self.optimiser.defaults,
        )
        self.generator: torch.Generator | None
        self.generator, self.layers_draw = own_random(seed)
        self.bar = progress_bar(self.steps * self.epochs, title, progress)

    epochs_done = 0  # of a training that goes on, more

    def train(self) -> None:
        """All epochs that are left. Raises `MedtutorError` where loss or weights stop being numbers."""
        try:
            for epoch in range(self.epochs_done, self.epochs):
                self.train_epoch(epoch)
            given.check_finite(self.model, self.learning_rate)
        finally:
            self.bar.close()
            self.model.eval()

    def train_epoch(self, epoch: int) -> float:
        """Every case once; the mean loss."""
        self.model.train()
        with self.layers_draw:
            order = self.cases[torch.randperm(len(self.cases), generator=self.generator)]
        total = 0.0
        for step, rows in enumerate(order[: self.steps * self.batch].split(self.batch), 1):
            loss = self.step(rows, self.generator)
            if not math.isfinite(loss):
                raise MedtutorError(
                    f"the loss is {loss} in epoch {epoch + 1}, step {step}; "
                    f"the learning rate {self.learning_rate:g} is probably too high"
                )
            total += loss
            self.bar.set_postfix_str(self.status(loss), refresh=False)
            self.bar.update()
        return total / self.steps

    def step(self, rows: torch.Tensor, generator: torch.Generator | None) -> float:
        """Learn from one batch; its loss."""
        with self.layers_draw:
            loss = self.loss_of(rows, generator)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.item()

    def status(self, loss: float) -> str:
        """What the progress bar says beside the loss."""
        return f"loss {loss:.4g}"


def own_random(seed: int, layers_draw: bool = True) -> tuple[torch.Generator, AbstractContextManager]:
    """A generator for what is handed one, and a context for layers, which know none: torch's own random state is left
    as it was.

    layers_draw  False where none does, see `randomness.draws`: the context does nothing then, and takes no time
    """
    return torch.Generator().manual_seed(seed), seeded(seed) if layers_draw else nullcontext()


def progress_bar(steps: int, title: str, progress: bool = True) -> tqdm:
    return tqdm(total=steps, unit="step", dynamic_ncols=True, desc=title, disable=not progress)


def moving_average(decay: float) -> Callable:
    """In-place update of the averaged tensors towards the current ones.

    Early on the average forgets faster, or it would long hold the untrained weights.
    """

    def update(averaged, current, count):
        keep = min(decay, (1 + int(count)) / (10 + int(count)))
        for old, new in zip(averaged, current):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)

    return update
