"""Images learned from images: each kind learns what it should, the same each time, and says what does not fit."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from medtutor.data.augmentation import corrupt
from medtutor.errors import InputError, MedtutorError
from medtutor.models.autoencoder import VAE, Autoencoder, Translator, active_units
from medtutor.training.losses import reconstruction_loss
from medtutor.training.reconstruction import fit_reconstruction

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def ramps():
    """Images of two numbers each: a slope across and one down, (128, 1, 8, 8)."""
    slopes = torch.rand(128, 2, 1, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
    line = torch.linspace(-1, 1, 8)
    return (0.5 * (slopes[:, :1] * line + slopes[:, 1:] * line.view(-1, 1))).view(128, 1, 8, 8)


def fresh(model=Autoencoder, latents=2, seed=0, **options):
    torch.manual_seed(seed)
    return model(shape=(8, 8), latents=latents, widths=(8, 16), **options)


@torch.no_grad()
def error(model, inputs, targets):
    return (F.mse_loss(model(inputs), targets) / targets.var()).item()


def test_an_autoencoder_learns_to_give_its_input_back(ramps):
    model = fit_reconstruction(fresh(), ramps, epochs=40, **QUIET)
    assert not model.training
    assert error(fresh(), ramps, ramps) > 0.9 and error(model, ramps, ramps) < 0.05


def test_a_denoising_one_gives_back_what_was_there_before_the_noise(ramps):
    noise = partial(corrupt, noise=0.4, hole=3)
    plain, denoising = (fit_reconstruction(fresh(), ramps, epochs=40, corrupt=each, **QUIET) for each in (None, noise))
    noisy = noise(ramps, generator=torch.Generator().manual_seed(5))
    assert error(denoising, noisy, ramps) < 0.8 * error(plain, noisy, ramps)
    assert error(denoising, noisy, ramps) < 0.5 * (F.mse_loss(noisy, ramps) / ramps.var())


def test_beta_is_the_price_of_each_number_of_a_code(ramps):
    def active(beta):
        model = fit_reconstruction(fresh(VAE, latents=4), ramps, epochs=40, beta=beta, **QUIET)
        return active_units(model.encode(ramps)[0].detach())

    assert active(0.01) >= 2 and active(100.0) == 0


def test_pairs_are_translated(ramps):
    torch.manual_seed(0)
    model = fit_reconstruction(Translator(widths=(8, 16)), ramps, -ramps, epochs=20, **QUIET)
    assert error(model, ramps, -ramps) < 0.05


def test_the_loss_of_a_vae_is_the_sum_over_pixels_and_latents():
    images, targets = torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)
    mean, log_variance = torch.full((3, 5), 2.0), torch.zeros(3, 5)
    assert reconstruction_loss(images, targets) == 1
    # 4 pixels of error 1; each of 5 numbers 2²/2 = 2 nats from the prior.
    assert reconstruction_loss((images, mean, log_variance), targets, beta=0.1) == pytest.approx(4 + 0.1 * 5 * 2)


@pytest.mark.parametrize("model, options", [(Autoencoder, {"corrupt": corrupt}), (VAE, {"beta": 1.0})])
def test_the_same_seed_gives_the_same_model_bit_for_bit(ramps, model, options):
    options = {"epochs": 2, **options, **QUIET}
    if "corrupt" in options:
        options["corrupt"] = partial(corrupt, hole=2)
    runs = []
    for seed in (1, 1, 2):
        made = fresh(model)
        torch.rand(seed * 3)  # what was drawn before does not matter
        runs.append(fit_reconstruction(made, ramps, seed=seed, **options).state_dict())
    first, again, other = runs
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_images_and_threads_are_left_as_they_are(ramps):
    before, threads = ramps.clone(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit_reconstruction(fresh(), ramps, epochs=1, corrupt=partial(corrupt, hole=2), **QUIET)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(ramps, before)


def test_fewer_images_than_a_batch_will_do(ramps):
    fit_reconstruction(fresh(), ramps[:5], epochs=2, batch_size=64, **QUIET)


def test_progress_is_shown_where_it_is_wanted(ramps, capsys):
    fit_reconstruction(fresh(), ramps, epochs=1)
    assert "4/4" in capsys.readouterr().err
    fit_reconstruction(fresh(), ramps, epochs=1, progress=False)
    assert capsys.readouterr().err == ""


def test_a_loss_that_is_no_number_stops_the_training(ramps):
    model = fresh()
    with pytest.raises(
        MedtutorError,
        match=r"the loss is (nan|inf) in epoch \d+, step \d+; the learning rate 1e\+12 is probably too high",
    ):
        fit_reconstruction(model, ramps, learning_rate=1e12, **QUIET)
    assert not model.training


@pytest.mark.parametrize(
    "change, words",
    [
        ({"inputs": torch.zeros(4, 1, 8, 8, dtype=torch.uint8)}, "the inputs are torch.uint8.*normalise"),
        ({"inputs": torch.zeros(4, 8, 8)}, "the inputs are torch.float32 .4, 8, 8.; give a float tensor"),
        ({"inputs": [1, 2]}, "the inputs are list"),
        ({"inputs": torch.zeros(1, 1, 8, 8)}, "the inputs hold 1 images; give at least 2"),
        ({"inputs": torch.full((4, 1, 8, 8), float("nan"))}, "no finite numbers"),
        ({"inputs": torch.zeros(4, 3, 8, 8)}, "does not take images of shape .3, 8, 8."),
        ({"targets": torch.zeros(3, 1, 8, 8)}, "4 inputs but 3 targets"),
        ({"targets": torch.zeros(4, 1, 8, 9)}, "draws images of shape .1, 8, 8., but the targets have .1, 8, 9."),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"learning_rate": -1.0}, "learning rate is -1.0"),
        ({"beta": -1}, "beta is -1"),
        ({"beta": 1.0}, "leave beta out"),
        ({"model": fresh(VAE)}, "give beta"),
        ({"corrupt": lambda images, generator: images[..., 1:]}, "the shape has to stay"),
    ],
)
def test_what_does_not_fit_is_said_before_work_starts(change, words):
    arguments = {"model": fresh(), "inputs": torch.zeros(4, 1, 8, 8), **QUIET, **change}
    with pytest.raises(InputError, match=words):
        fit_reconstruction(**arguments)
