"""Autoencoders: shapes, sizes, what goes through the bottleneck, and the formulas of the VAE against torch's own."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from medtutor.data.augmentation import corrupt
from medtutor.errors import InputError
from medtutor.models import parameter_count
from medtutor.models.autoencoder import VAE, Autoencoder, Translator, active_units, kl, reparameterise

SHAPES = [(8, 8), (28, 28), (9, 13), (31, 28)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_comes_out_has_the_shape_of_what_went_in(channels, shape):
    x = torch.zeros(2, channels, *shape)
    auto, vae = Autoencoder(channels, shape, latents=5), VAE(channels, shape, latents=5)
    assert auto.encode(x).shape == (2, 5) and auto(x).shape == x.shape
    image, mean, log_variance = vae(x)
    assert image.shape == x.shape and mean.shape == log_variance.shape == (2, 5)
    assert vae.decode(vae.prior(7)).shape == (7, channels, *shape)
    for skips in (True, False):
        assert Translator(channels, 2, skips=skips)(x).shape == (2, 2, *shape)


def test_the_parameter_counts_of_the_docstrings():
    counts = [parameter_count(model) for model in (Autoencoder(), VAE(), Translator(), Translator(skips=False))]
    assert counts == [241_441, 341_825, 87_569, 76_049]


def test_other_widths_and_depths():
    model = Autoencoder(shape=(30, 22), latents=3, widths=(4, 8, 16))
    assert model(torch.zeros(2, 1, 30, 22)).shape == (2, 1, 30, 22)
    assert Translator(widths=(4, 8))(torch.zeros(2, 1, 30, 22)).shape == (2, 1, 30, 22)


def _trained(model, images, loss, steps=150):
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(model, images).backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="module")
def ramps():
    """Images of two numbers each: a slope across and one down, (64, 1, 8, 8)."""
    generator = torch.Generator().manual_seed(0)
    slopes = torch.rand(64, 2, 1, 1, generator=generator) * 2 - 1
    line = torch.linspace(-1, 1, 8)
    return (0.5 * (slopes[:, :1] * line + slopes[:, 1:] * line.view(-1, 1))).view(64, 1, 8, 8)


def test_two_latents_hold_images_of_two_numbers_and_one_does_not(ramps):
    def error(latents):
        torch.manual_seed(0)
        model = Autoencoder(shape=(8, 8), latents=latents, widths=(8, 16))
        _trained(model, ramps, lambda model, x: ((model(x) - x) ** 2).mean())
        return ((model(ramps) - ramps) ** 2).mean() / ramps.var()

    assert error(2) < 0.05 < 0.1 < error(1)


def test_a_high_beta_collapses_the_code_and_a_low_one_does_not(ramps):
    def active(beta):
        def loss(model, x):
            image, mean, log_variance = model(x)
            return ((image - x) ** 2).sum((1, 2, 3)).mean() + beta * kl(mean, log_variance).sum(1).mean()

        torch.manual_seed(0)
        model = _trained(VAE(shape=(8, 8), latents=4, widths=(8, 16)), ramps, loss)
        return active_units(model.encode(ramps)[0])

    assert active(0.01) >= 2 and active(100.0) == 0


def test_what_does_not_pass_the_bottleneck_is_not_in_the_image():
    """Without skips the translator sees its source through the coarsest map only."""
    x = torch.randn(2, 1, 28, 28)
    for skips, same in ((True, False), (False, True)):
        model = Translator(skips=skips).eval()
        maps = model.encode(x)
        changed = [torch.randn_like(each) for each in maps[:-1]] + [maps[-1]]
        assert torch.equal(model.decode(maps), model.decode(changed)) is same
        assert [each.shape[1:] for each in maps] == [(16, 28, 28), (32, 14, 14), (64, 7, 7)]


def test_kl_is_that_of_torch():
    mean, log_variance = torch.randn(6, 3), torch.randn(6, 3)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    assert torch.allclose(kl(mean, log_variance), expected, atol=1e-5)
    assert (kl(mean, log_variance) >= 0).all() and kl(torch.zeros(1, 3), torch.zeros(1, 3)).sum() == 0


def test_reparameterised_codes_have_the_mean_and_the_spread_and_let_the_gradient_through():
    mean, log_variance = torch.tensor([[1.0, -2.0]], requires_grad=True), torch.tensor([[0.0, 1.0]], requires_grad=True)
    z = reparameterise(mean, log_variance, torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(z.mean(0), mean[0], atol=0.02) and torch.allclose(z.var(0), log_variance[0].exp(), rtol=0.02)
    z.sum().backward()
    assert (mean.grad == 100_000).all() and (log_variance.grad != 0).all()


def test_a_vae_draws_while_it_trains_and_takes_the_mean_afterwards():
    x, model = torch.randn(2, 1, 28, 28), VAE(latents=4)
    assert not torch.equal(model.train()(x)[0], model(x)[0])
    image, mean, log_variance = model.eval()(x)
    assert torch.equal(image, model.decode(mean))
    noise = torch.ones(2, 4)
    assert torch.equal(model(x, noise)[0], model.decode(reparameterise(mean, log_variance, noise)))


def test_active_units_are_those_that_vary():
    means = torch.zeros(50, 3)
    means[:, 1] = torch.linspace(-1, 1, 50)
    means[:, 2] = 5.0  # far from the prior, but the same for every image
    assert active_units(means) == 1


def test_corruption_is_the_noise_and_the_hole_that_were_asked_for():
    clean = torch.full((200, 3, 28, 28), 0.5)
    noisy = corrupt(clean, noise=0.25, hole=0, generator=torch.Generator().manual_seed(0))
    assert abs((noisy - clean).std() - 0.25) < 0.005 and abs((noisy - clean).mean()) < 0.005
    holed = corrupt(clean, noise=0.0, hole=9, generator=torch.Generator().manual_seed(0))
    gone = holed == 0
    assert (gone.sum((1, 2, 3)) == 3 * 81).all() and (holed[~gone] == 0.5).all()
    assert (gone[:, :1] == gone).all(), "the hole goes through all channels"
    corners = gone[:, 0].flatten(1).float().argmax(1)
    assert len(corners.unique()) > 100, "a place of its own in each image"
    assert (clean == 0.5).all()
    everything = corrupt(clean[:2], noise=0.0, hole=28)
    assert (everything == 0).all()


def test_the_same_generator_corrupts_the_same_way():
    clean = torch.zeros(4, 1, 12, 12)
    first, again, other = (corrupt(clean, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_what_cannot_be_is_said():
    for build in (Autoencoder, VAE):
        with pytest.raises(InputError, match="at least 8 pixels"):
            build(shape=(28, 7))
        with pytest.raises(InputError, match="at least 8 pixels"):
            build(shape=(28, 28, 28))
        with pytest.raises(InputError, match="latents from 1"):
            build(latents=0)
    with pytest.raises(InputError, match="hole of 29 pixels"):
        corrupt(torch.zeros(1, 1, 28, 28), hole=29)
    with pytest.raises(InputError, match="standard deviation"):
        corrupt(torch.zeros(1, 1, 28, 28), noise=-0.1)
