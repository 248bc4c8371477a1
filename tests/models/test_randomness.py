"""`seeded`: torch's own numbers, without torch's own state, and in one thread alone."""

import random
import threading

import numpy as np
import pytest
import torch
from torch import nn

from medtutor.models.randomness import seeded

X = torch.ones(4, 8, 5, 5)
DRAWS = {
    "rand": lambda: torch.rand(3, 4),
    "randn": lambda: torch.randn(40),
    "like": lambda: torch.randn_like(X) + torch.rand_like(X),
    "order": lambda: torch.randperm(50),
    "whole numbers": lambda: torch.randint(2, 9, (9,)) + torch.randint_like(X[0, 0, 0, 0], 2, 9),
    "in place": lambda: torch.empty(9).uniform_() + torch.empty(9).normal_() + torch.empty(9).bernoulli_(0.3),
    "dropout": lambda: nn.Dropout(0.3)(X) + nn.Dropout2d(0.5)(X),
    "dropout between recurrent layers": lambda: nn.LSTM(3, 4, 2, dropout=0.5)(torch.ones(2, 5, 3))[0].detach(),
    "initial weights": lambda: torch.cat(
        [weight.detach().flatten() for weight in (*nn.Linear(4, 5).parameters(), *nn.Conv2d(1, 2, 3).parameters())]
    ),
    "truncated": lambda: nn.init.trunc_normal_(torch.empty(7, 7)),
    "chosen": lambda: torch.multinomial(torch.ones(9), 4),
    "distributions": lambda: torch.distributions.Normal(0.0, 1.0).sample((5,)),
}


def states():
    return torch.random.get_rng_state().numpy().tobytes(), str(np.random.get_state()), random.getstate()


@pytest.mark.parametrize("name", DRAWS)
def test_the_numbers_are_those_of_torch_and_go_on_where_they_stopped(name):
    draw = DRAWS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        first, second = draw(), draw()
    before, own = states(), seeded(7)
    with own:
        assert torch.equal(draw(), first)
    torch.rand(3)  # others draw in between
    torch.random.set_rng_state(torch.frombuffer(bytearray(before[0]), dtype=torch.uint8))
    with own:
        assert torch.equal(draw(), second)
    assert states() == before and own.drew


def test_a_generator_that_is_given_is_the_one_that_draws():
    with seeded(7):
        drawn = torch.rand(4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn, torch.rand(4, generator=torch.Generator().manual_seed(1)))


def test_what_another_thread_draws_and_seeds_changes_nothing():
    def numbers():
        with seeded(3):
            return torch.cat([nn.Dropout(0.5)(torch.ones(50)) for _ in range(200)])

    alone, stop = numbers(), threading.Event()

    def disturb():
        while not stop.is_set():
            torch.manual_seed(0), torch.rand(5)

    with torch.random.fork_rng(devices=[]):
        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            beside = [numbers() for _ in range(3)]
        finally:
            stop.set(), thread.join()
    assert all(torch.equal(each, alone) for each in beside)


def test_dropout_of_a_gpu_is_told_its_generator():
    """The one operation that draws there and takes none; its stand-in keeps the mean, and gradients know what was
    dropped.
    """
    from medtutor.models.randomness import _native_dropout

    x = torch.ones(20_000)
    kept, mask = _native_dropout(x, 0.2, True, torch.Generator().manual_seed(0))
    assert (
        kept.mean() == pytest.approx(1, abs=0.02)
        and torch.equal(kept > 0, mask)
        and mask.float().mean() == pytest.approx(0.8, abs=0.01)
    )
    assert torch.equal(_native_dropout(x, 0.2, False, None)[0], x)


def test_a_generator_that_is_none_is_as_good_as_none_given():
    with seeded(3):
        found = torch.randperm(9, generator=None), torch.randn(2, generator=None)
    with seeded(3):
        assert torch.equal(found[0], torch.randperm(9)) and torch.equal(found[1], torch.randn(2))
