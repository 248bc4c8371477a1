"""Occlusion deals its windows out to threads: the same map, and never of a network that draws."""

import threading

import pytest
import torch
from torch import nn

import medtutor as mt
from medtutor.data import phantoms
from medtutor.explanation.anatomy import trace
from medtutor.explanation.methods import occlusion

IMAGES = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 4, "val": 4, "test": 4})


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten, self.linear = nn.Flatten(), nn.Linear(784, 2)

    def forward(self, x):
        return self.linear(self.flatten(x + torch.randn_like(x)))


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(occlusion, "cpu_quota", lambda: 2)


@pytest.mark.parametrize("name", ["cnn", "vgg", "mlp"])
def test_the_map_is_the_same(name, monkeypatch):
    model, image = mt.build(name, IMAGES), IMAGES.test.images[0]
    dealt = mt.explain(model, image, method="occlusion").map
    monkeypatch.setattr(occlusion, "dealt_out", lambda seen: seen.net)
    assert torch.equal(dealt, mt.explain(model, image, method="occlusion").map)


def test_a_large_batch_is_shared_and_a_small_one_is_not():
    net, threads = mt.build("cnn", IMAGES).eval(), set()
    answer = occlusion.dealt_out(trace(net, torch.zeros(2, 1, 28, 28)))
    net.register_forward_pre_hook(lambda *_: threads.add(threading.get_ident()))
    images = torch.randn(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(answer(images), net(images).detach())
    assert len(threads - {threading.get_ident()}) in (1, 2)
    threads.clear()
    answer(images[:8])
    assert threads == {threading.get_ident()}


def test_what_draws_goes_through_as_it_is():
    net = Noisy().eval()
    seen = trace(net, torch.zeros(2, 1, 28, 28))
    assert occlusion.dealt_out(seen) is seen.net


def test_what_a_hook_raises_in_a_thread_arrives():
    class Enough(BaseException):
        pass

    def stop(*_):
        raise Enough

    net = mt.build("cnn", IMAGES).eval()
    answer = occlusion.dealt_out(trace(net, torch.zeros(2, 1, 28, 28)))
    net.register_forward_pre_hook(stop)
    with pytest.raises(Enough):
        answer(torch.zeros(40, 1, 28, 28))
