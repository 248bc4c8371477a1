"""Diffusion: shapes, noise levels, a loss that is that of v, and a sampler that needs no luck."""

import pytest
import torch

from medtutor.errors import InputError
from medtutor.models import parameter_count
from medtutor.models.diffusion import Denoiser, denoising_loss, levels, sample


@pytest.mark.parametrize("channels, shape, classes", [(1, (28, 28), 2), (3, (9, 13), 0), (1, (7, 5), 4)])
def test_noisy_images_become_images_of_any_size(channels, shape, classes):
    labels = torch.tensor([0, 1, 1]) if classes else None
    noisy = torch.randn(3, channels, *shape)
    assert Denoiser(channels, shape, classes, widths=(8, 16, 24))(noisy, torch.rand(3), labels).shape == noisy.shape


def test_the_shipped_size_is_less_than_two_megabytes():
    assert parameter_count(Denoiser(classes=2)) == 317_185


def test_image_and_noise_share_the_variance():
    t = torch.linspace(0, 1, 7)
    a, b = levels(t)
    assert a.shape == (7, 1, 1, 1) and torch.allclose(a**2 + b**2, torch.ones_like(a))
    assert a[0] == 1 and b[-1] == 1 and (a.diff(dim=0) < 0).all()


def test_without_noise_the_image_stays_as_it_is():
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(Denoiser(widths=(8, 8))(x, torch.zeros(2)), x)


def test_time_and_class_change_the_answer():
    torch.manual_seed(0)
    denoiser, x = Denoiser(shape=(8, 8), classes=2, widths=(8, 8)).eval(), torch.randn(1, 1, 8, 8)
    half, later, zero, one = torch.tensor([0.5]), torch.tensor([0.6]), torch.tensor([0]), torch.tensor([1])
    assert not torch.allclose(denoiser(x, half, zero), denoiser(x, half, one))
    a, b = levels(half)
    v = (a * x - denoiser(x, half, zero)) / b
    a, b = levels(later)
    assert not torch.allclose(v, (a * x - denoiser(x, later, zero)) / b, atol=1e-4)


def test_the_loss_is_the_squared_error_of_v():
    torch.manual_seed(0)
    denoiser, images = Denoiser(shape=(8, 8), widths=(8, 8)).eval(), torch.rand(5, 1, 8, 8) * 2 - 1
    loss = denoising_loss(denoiser, images, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    t = torch.rand(5, generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    a, b = levels(t)
    noisy = a * images + b * noise
    v = (a * noisy - denoiser(noisy, t)) / b
    assert torch.allclose(loss, (v - (a * noise - b * images)).square().mean(), rtol=1e-4)


class Knows(Denoiser):
    """A denoiser that is always right, since there is one image only."""

    def forward(self, noisy, t, labels=None):
        return torch.full_like(noisy, 0.25)


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_a_perfect_denoiser_ends_at_the_image(steps):
    drawn = sample(Knows(widths=(8, 8)), torch.randn(3, 1, 8, 8), steps=steps)
    assert torch.allclose(drawn, torch.full_like(drawn, 0.25), atol=1e-5)


def test_the_same_noise_gives_the_same_image_and_the_mode_comes_back():
    denoiser, noise = Denoiser(shape=(8, 8), widths=(8, 8)).train(), torch.randn(2, 1, 8, 8)
    first = sample(denoiser, noise, steps=3)
    assert torch.equal(first, sample(denoiser, noise, steps=3)) and denoiser.training
    assert first.abs().max() <= 1 and not first.requires_grad


def test_what_cannot_be_is_said_in_one_sentence():
    with pytest.raises(InputError, match="multiples of 8"):
        Denoiser(widths=(8, 12))
    with pytest.raises(InputError, match="at least 4 pixels"):
        Denoiser(shape=(3, 28), widths=(8, 8, 8))
    with pytest.raises(InputError, match="steps"):
        sample(Denoiser(widths=(8, 8)), torch.randn(1, 1, 8, 8), steps=0)
