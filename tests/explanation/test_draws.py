"""Whatever is explained, scored or randomised: the random numbers of everybody else stay as they are, at every
moment.
"""

import copy
import random
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import medtutor as mt
from medtutor.explanation import (
    METHODS,
    cascade,
    deletion,
    explain,
    explain_batch,
    infidelity,
    insertion,
    layers,
    random_map,
    randomised,
    receptive_field,
    score,
    sensitivity,
    trust_table,
)

CHEAP = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "kernel_shap": {"samples": 20, "patch": 4},
    "rise": {"samples": 20, "cells": 3},
    "occlusion": {"window": 6, "stride": 6},
}
IMAGES = torch.randint(0, 256, (2, 1, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


with torch.random.fork_rng():  # made once: making one draws, too
    torch.manual_seed(0)
    CNN = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    ).eval()
    VIT = mt.models.ViT(1, (12, 12), 2, width=8, depth=1, heads=2).eval()


def network(method=None):
    return VIT if method is not None and METHODS[method].needs_attention else CNN


def _map():
    return explain(network(), IMAGES[0], "smoothgrad", target=1, samples=2)


WORK = {
    **{
        method: lambda method=method: explain_batch(network(method), IMAGES, method, **CHEAP.get(method, {}))
        for method in METHODS
    },
    "deletion": lambda: deletion(network(), IMAGES[0], _map(), steps=3),
    "insertion": lambda: insertion(network(), IMAGES[0], _map(), steps=3),
    "infidelity": lambda: infidelity(network(), IMAGES[0], _map(), samples=4),
    "sensitivity": lambda: sensitivity(network(), IMAGES[0], _map(), samples=2),
    "score": lambda: score(network(), IMAGES[0], _map()),
    "randomised": lambda: randomised(network(), seed=3),
    "cascade": lambda: cascade(network(), IMAGES, "saliency"),
    "trust_table": lambda: trust_table(network(), IMAGES, [0, 1], methods=["kernel_shap"], curves=1),
    "receptive_field": lambda: receptive_field(network(), images=2),
    "layers": lambda: layers(network()),
    "random_map": lambda: random_map((4, 4), 1),
}


def states():
    """The random state that the whole process shares, of torch, numpy and python."""
    return torch.get_rng_state().tolist(), [str(part) for part in np.random.get_state()], random.getstate()


@pytest.mark.parametrize("name", WORK)
def test_the_shared_random_state_is_neither_drawn_from_nor_set(name, monkeypatch):
    """Where nothing sets it back and it is the same afterwards, nothing was drawn in between either."""

    def forbidden(*_, **__):
        raise AssertionError("the random state of the whole process was set")

    WORK[name]()  # libraries load
    for home, setter in (
        (torch, "manual_seed"),
        (torch, "set_rng_state"),
        (torch.random, "manual_seed"),
        (torch.random, "set_rng_state"),
        (torch.random, "fork_rng"),
        (np.random, "seed"),
        (np.random, "set_state"),
        (random, "seed"),
        (random, "setstate"),
    ):
        monkeypatch.setattr(home, setter, forbidden)
    before = states()
    WORK[name]()
    assert states() == before


@pytest.mark.parametrize("name", WORK)
def test_draws_beside_it_are_those_of_a_thread_alone(name):
    def draw():
        return torch.rand(1).item(), np.random.rand(), random.random()

    def seed():
        torch.manual_seed(7), np.random.seed(7), random.seed(7)

    def work():
        for _ in range(2):
            WORK[name]()

    WORK[name]()  # libraries load
    thread, beside = threading.Thread(target=work), []
    seed()
    thread.start()
    while thread.is_alive():
        beside.append(draw())
    seed()
    assert beside == [draw() for _ in beside]


def test_a_training_with_dropout_beside_an_explanation_ends_at_the_same_weights():
    def train():
        torch.manual_seed(0)
        model = copy.deepcopy(CNN).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(150):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(8, 1, 12, 12)), torch.randint(2, (8,))).backward()
            optimizer.step()
        return torch.cat([weight.detach().flatten() for weight in model.parameters()])

    def explained():
        while not done.is_set():
            for method in ("smoothgrad", "gradient_shap", "kernel_shap", "rise"):
                explain(model, IMAGES[0], method, **CHEAP[method])
            randomised(model)

    alone, model, done = train(), network(), threading.Event()
    thread = threading.Thread(target=explained)
    thread.start()
    try:
        beside = train()
    finally:
        done.set()
        thread.join()
    assert torch.equal(alone, beside)


def test_a_seed_draws_what_torch_draws_from_it():
    from medtutor.explanation.draws import OwnDraws

    for make in (
        lambda: torch.randn(3),
        lambda: torch.randint(9, (4,)),
        lambda: torch.randperm(7),
        lambda: torch.normal(0.0, torch.ones(4)),
        lambda: nn.Linear(5, 3).weight,
        lambda: nn.LSTM(3, 4).weight_ih_l0,
        lambda: F.dropout(torch.ones(9)),
        lambda: nn.init.orthogonal_(torch.empty(4, 4)),
        lambda: torch.rand_like(torch.zeros(3)),
    ):
        with torch.random.fork_rng():
            torch.manual_seed(5)
            expected = make()
        before = torch.get_rng_state()
        with OwnDraws(5) as draws:
            found = make()
        assert torch.equal(found, expected) and torch.equal(before, torch.get_rng_state()) and draws.drawn
    with OwnDraws() as draws:
        F.dropout(torch.ones(9), training=False), F.rrelu(torch.ones(3))
    assert not draws.drawn


def test_randomised_weights_are_those_of_torch_and_the_seed():
    model = network()
    expected = copy.deepcopy(model)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected[5].reset_parameters(), expected[0].reset_parameters()
    for found, wanted in zip(randomised(model, seed=3).parameters(), expected.parameters()):
        assert torch.equal(found, wanted)
