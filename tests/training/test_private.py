"""Private training: what it refuses, what it promises, and that two accountants agree."""

import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from medtutor.errors import InputError
from medtutor.models.group_norm import GroupNormCNN
from medtutor.models.randomness import seeded
from medtutor.training import private
from medtutor.training.private import check_private, epsilon_of, fit_plain, fit_private, noise_for

IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
LABELS = torch.arange(40) % 2


def net(seed=0, **options):
    with seeded(seed):
        return GroupNormCNN(shape=(8, 8), widths=(4, 4), **options)


class Mixing(nn.Module):
    """Takes the mean image of the batch away: no layer of it has a name that a validator knows."""

    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, x):
        return self.net(x - x.mean(0, keepdim=True))


@pytest.mark.parametrize(
    "noise, rate, steps, delta", [(1.1, 1 / 19, 95, 1e-5), (5.0, 0.05, 100, 1e-4), (2.0, 0.2, 50, 1e-3)]
)
def test_two_accountants_agree_within_two_percent(noise, rate, steps, delta):
    by_opacus, by_google = (epsilon_of(noise, rate, steps, delta, name) for name in ("prv", "pld"))
    assert by_opacus == pytest.approx(by_google, rel=0.02)
    assert epsilon_of(noise, rate, steps, delta, "rdp") > by_opacus


def test_noise_is_the_least_that_does():
    noise = noise_for(1.0, 0.1, 50)
    assert 0.98 < epsilon_of(noise, 0.1, 50) <= 1.0 < epsilon_of(0.97 * noise, 0.1, 50)


@pytest.mark.parametrize("made", [net, lambda: nn.Sequential(nn.Dropout(0.5), net())])
def test_a_network_that_keeps_images_apart_is_taken(made):
    check_private(made(), IMAGES[:4], LABELS[:4])


@pytest.mark.parametrize(
    "made, words",
    [
        (Mixing, "changes with the others"),
        (lambda: nn.Sequential(nn.BatchNorm2d(1), net()), "changes with the others"),
        (lambda: net().to(memory_format=torch.channels_last), "not channels_last"),
        (lambda: nn.Flatten(), "nothing to train"),
        (lambda: net(channels=3), "does not take images"),
    ],
)
def test_a_network_of_which_the_promise_would_not_hold_is_refused(made, words):
    with pytest.raises(InputError, match=words):
        check_private(made(), IMAGES[:4], LABELS[:4])


def test_a_check_leaves_the_network_as_it_was():
    model = net().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_private(model, IMAGES[:4], LABELS[:4])
    assert not model.training and all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(hasattr(weight, "grad_sample") for weight in model.parameters())


def test_one_step_without_noise_is_that_of_clipped_gradients(monkeypatch):
    """Opacus does what lesson 12 has written: rows clipped, added up, divided by the expected batch."""
    monkeypatch.setattr(private, "noise_for", lambda *_: 0.0)
    monkeypatch.setattr(private, "epsilon_of", lambda *_, **__: 1.0)
    model, clip = net(), 0.05
    before = [weight.detach().clone() for weight in model.parameters()]
    rows = (torch.rand(40, generator=torch.Generator().manual_seed(3)) < 39 / 40).nonzero()[:, 0]
    total = [torch.zeros_like(weight) for weight in before]
    for row in rows:
        one = net()
        F.cross_entropy(one(IMAGES[row][None]), LABELS[row][None]).backward()
        length = torch.cat([weight.grad.flatten() for weight in one.parameters()]).norm()
        for sum_, weight in zip(total, one.parameters()):
            sum_ += weight.grad * min(1.0, clip / length)
    fit_private(
        model, IMAGES, LABELS, epsilon=1, delta=1e-3, clip=clip, epochs=1, batch_size=39, seed=3, learning_rate=1.0,
        progress=False,
    )  # fmt: skip
    for weight, old, sum_ in zip(model.parameters(), before, total):
        torch.testing.assert_close(weight.detach(), old - sum_ / 39, rtol=1e-3, atol=1e-6)


def test_empty_batches_are_steps_too():
    model = net()
    done = fit_private(
        model, IMAGES, LABELS, epsilon=5, delta=1e-3, epochs=1, batch_size=1, learning_rate=0.01, progress=False
    )
    assert done.steps == 40 and all(weight.isfinite().all() for weight in model.parameters())
    assert not model.training and done.epsilon <= 5


def test_the_same_seed_gives_the_same_network():
    how = dict(epsilon=3, delta=1e-3, epochs=1, batch_size=10, progress=False)
    one, other = (fit_private(net(), IMAGES, LABELS, seed=4, **how).model.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_training_learns():
    images = torch.where(LABELS[:, None, None, None] == 1, IMAGES.abs(), -IMAGES.abs())
    for model in (
        fit_plain(net(), images, LABELS, epochs=30, batch_size=10, progress=False),
        fit_private(
            net(), images, LABELS, epsilon=50, delta=1e-3, epochs=30, batch_size=10, learning_rate=0.3, progress=False
        ).model,
    ):
        with torch.no_grad():
            assert (model(images).argmax(1) == LABELS).float().mean() > 0.9


@pytest.mark.parametrize(
    "change, words",
    [
        ({"epsilon": 0}, "epsilon must be a number above 0"),
        ({"epsilon": -1}, "above 0"),
        ({"epsilon": float("nan")}, "epsilon must be a finite number"),
        ({"epsilon": 0.001}, "nothing is learned"),
        ({"delta": 0.1}, "there are 40 images; give one below"),
        ({"clip": 0}, "clip must be"),
        ({"batch_size": 40}, "give a smaller one"),
        ({"labels": LABELS[:3]}, "one label for each"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "give at least 4"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(change, words):
    given = {"images": IMAGES, "labels": LABELS, "epsilon": 1, "delta": 1e-3, "epochs": 1, "batch_size": 10} | change
    images, labels = given.pop("images"), given.pop("labels")
    with pytest.raises(InputError, match=words):
        fit_private(net(), images, labels, progress=False, **given)


@pytest.mark.parametrize("package, name", [("opacus", "prv"), ("dp_accounting", "pld")])
def test_without_the_packages_a_sentence_says_what_to_install(monkeypatch, package, name):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r"pip install 'medtutor\[privacy\]'"):
        epsilon_of(1.0, 0.1, 10, 1e-4, name)
