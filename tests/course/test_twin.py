"""`same_network`: equal modules are equal, and each way of being different is a sentence."""

import pytest
import torch
from torch import nn

from medtutor.course import same_network
from medtutor.errors import InputError


class Theirs(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.convolution(x))).amax((2, 3)))


class Mine(nn.Module):
    """The same with other names; `pool` is what a student may get wrong."""

    def __init__(self, width=4, bias=True, pool=lambda x: x.amax((2, 3))):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=bias), nn.BatchNorm2d(width), nn.ReLU())
        self.b, self.pool = nn.Linear(width, 2), pool

    def forward(self, x):
        return self.b(self.pool(self.a(x)))


IMAGES = torch.rand(3, 1, 8, 8)


def test_the_same_written_otherwise():
    mine, theirs = Mine(), Theirs().train()
    said = str(same_network(mine, theirs, IMAGES))
    assert said.startswith("✓ The same network: 58 parameters")
    assert theirs.training and mine.training
    assert torch.equal(mine.b.weight, theirs.head.weight)


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        (Mine(bias=False), "8 tensors of weights"),
        (Mine(width=8), r"your a.0.weight has shape \(8, 1, 3, 3\), medtutor's convolution.weight \(4, 1, 3, 3\)"),
        (Mine(pool=lambda x: x.mean((2, 3))), "with the same weights the answers differ by up to"),
        (Mine(pool=lambda x: x.mean((2, 3)) * float("nan")), "differ by up to nan"),
        (Mine(pool=lambda x: x.amax(3).mT), r"answers with shape \(3, 8, 2\), medtutor's with \(3, 2\)"),
        (lambda x: x, "mine must be an nn.Module"),
    ],
)
def test_what_differs_is_said(mine, words):
    with pytest.raises(InputError, match=words):
        same_network(mine, Theirs(), IMAGES)


def test_all_tensors_of_an_answer_are_compared():
    class Plain(nn.RNN):
        def forward(self, x):
            states, last = super().forward(x)
            return states, self.scale * last

    mine, theirs, x = Plain(2, 3), nn.RNN(2, 3), torch.rand(5, 4, 2)
    mine.scale = 1
    assert "21 parameters" in str(same_network(mine, theirs, x))
    mine.scale = float("nan")
    with pytest.raises(InputError, match="differ by up to nan"):
        same_network(mine, theirs, x)


def test_an_answer_that_is_no_tensor():
    mine = Mine()
    mine.forward = lambda x: None
    with pytest.raises(InputError, match="answers with a NoneType"):
        same_network(mine, Theirs(), IMAGES)
