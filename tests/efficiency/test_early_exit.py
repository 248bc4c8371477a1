"""A second way out: who is sure leaves, the others get the answer of the whole network."""

import pytest
import torch

from medtutor.efficiency import EarlyExit
from medtutor.errors import InputError
from medtutor.models import CNN, LeNet


@pytest.fixture
def net():
    torch.manual_seed(0)
    return CNN(shape=(8, 8), widths=(4, 8)).eval()


@torch.no_grad()
def test_who_is_not_sure_gets_the_answer_of_the_whole_network(net):
    branchy, x = EarlyExit(net).eval(), torch.randn(20, 1, 8, 8)
    all_go_on = branchy(x, 1.01)
    assert not all_go_on.early.any() and torch.allclose(all_go_on.logits, net(x), atol=1e-6)
    sure = branchy(x, 0.5).logits.softmax(1).amax(1)
    some = branchy(x, float(sure.median()))
    assert torch.equal(some.early, sure >= sure.median())
    assert torch.allclose(some.logits[~some.early], net(x)[~some.early], atol=1e-6)
    assert not torch.allclose(some.logits[some.early], net(x)[some.early], atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_exit_learns_and_the_network_stays(classes):
    torch.manual_seed(0)
    net = CNN(shape=(8, 8), widths=(4, 8), classes=classes).eval()
    labels = torch.arange(60) % classes
    images = torch.full((60, 1, 8, 8), -1.0) + labels.view(-1, 1, 1, 1) + 0.01 * torch.randn(60, 1, 8, 8)
    before = {name: each.clone() for name, each in net.state_dict().items()}
    branchy = EarlyExit(net).fit_exit(images, labels).eval()
    with torch.no_grad():
        assert (branchy(images, 0.0).logits.argmax(1) == labels).float().mean() > 0.9
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())


def test_other_networks_and_numbers_are_refused(net):
    with pytest.raises(InputError, match="LeNet; give a cnn"):
        EarlyExit(LeNet())
    with pytest.raises(InputError, match="after"):
        EarlyExit(net, after=2)
