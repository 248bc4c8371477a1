"""An image back from its gradient, and not from a gradient with noise."""

import pytest
import torch

from medtutor.errors import InputError
from medtutor.models.randomness import seeded
from medtutor.training.inversion import SmallConvNet, gradient_of, invert


def sent():
    with seeded(0):
        net = SmallConvNet(shape=(12, 12))
    ramp = torch.linspace(-1, 1, 12)
    image = (ramp[:, None] * ramp[None])[None, None]  # smooth, and no two corners alike
    return net, image, gradient_of(net, image, torch.tensor([1]))


def alike(one, other):
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_the_image_comes_back():
    net, image, gradient = sent()
    assert alike(invert(net, gradient, 1, (1, 12, 12), steps=120), image) > 0.95


def test_it_does_not_come_back_through_noise():
    net, image, gradient = sent()
    generator = torch.Generator().manual_seed(0)
    size = torch.sqrt(sum((each**2).sum() for each in gradient))
    noisy = [each + size * torch.randn(each.shape, generator=generator) for each in gradient]
    assert abs(alike(invert(net, noisy, 1, (1, 12, 12), steps=60), image)) < 0.5


@pytest.mark.parametrize(
    "spoil, words",
    [(lambda g: g[:-1], "not of this model"), (lambda g: [each * float("nan") for each in g], "NaN or infinity")],
)
def test_a_gradient_that_cannot_be_read_is_a_sentence(spoil, words):
    net, _, gradient = sent()
    with pytest.raises(InputError, match=words):
        invert(net, spoil(gradient), 1, (1, 12, 12))
