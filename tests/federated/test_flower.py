"""Flower's federated averaging, in several processes, beside our loop. Needs Flower: `make test-federated`."""

import copy

import pytest
import torch

from medtutor.models.cnn import LeNet
from medtutor.models.randomness import seeded
from medtutor.training.federated import Client, Settings, federate, local_training

pytest.importorskip("flwr", reason="Flower stands beside the course's packages: make test-federated")
from .flower_rounds import rounds_by_flower  # noqa: E402

HOW = Settings(epochs=1, batch_size=8, learning_rate=1e-2)


@pytest.fixture
def start():
    with seeded(0):
        return LeNet()


@pytest.fixture
def clients():
    generator = torch.Generator().manual_seed(0)
    return [
        Client(name, torch.rand(count, 1, 28, 28, generator=generator) * 2 - 1, torch.arange(count) % 2)
        for name, count in (("A", 40), ("B", 11), ("C", 23))
    ]


def test_flower_gives_the_weights_of_our_loop(start, clients):
    ours = federate(copy.deepcopy(start), clients, 2, HOW).model.state_dict()
    theirs = rounds_by_flower(start, clients, 2, HOW)
    assert list(theirs) == list(ours)
    for name, weights in ours.items():
        torch.testing.assert_close(theirs[name], weights, rtol=0, atol=0)


def test_flower_goes_on_without_a_process_that_dies_in_a_round(start, clients):
    def dying(model, client, settings, number):
        if client.name == "B":
            raise ConnectionError("the process has ended")
        return local_training(model, client, settings, number)

    ours = federate(copy.deepcopy(start), clients, 2, HOW, train=dying).model.state_dict()
    theirs = rounds_by_flower(start, clients, 2, HOW, kill=(2, 1))
    for name, weights in ours.items():
        torch.testing.assert_close(theirs[name], weights, rtol=0, atol=0)
