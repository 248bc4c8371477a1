"""Each number about samples beside one computed by hand, and beside what it must tell apart."""

import json
from importlib.resources import files

import numpy as np
import pytest
import torch
from scipy import ndimage

import medtutor as mt
from medtutor.data.loading import find
from medtutor.errors import InputError
from medtutor.metrics.generative import (
    domain_features,
    frechet_distance,
    generative_scores,
    kernel_distance,
    memorisation_ratio,
    nearest,
    precision_recall,
    two_sample_accuracy,
)


def smooth(count, seed, channels=1, side=28, sigma=4.0):
    """Images uint8 (N, C, H, W) of smooth random shapes."""
    noise = np.random.default_rng(seed).normal(size=(count, channels, side, side))
    shapes = ndimage.gaussian_filter(noise, (0, 0, sigma, sigma))
    return torch.from_numpy((128 + 60 * shapes / shapes.std()).clip(0, 255).astype(np.uint8))


def noisy(images, seed, strength=4):
    worse = images.numpy() + np.random.default_rng(seed).normal(0, strength, images.shape)
    return torch.from_numpy(worse.round().clip(0, 255).astype(np.uint8))


def gaussian(count, seed, mean=(0, 0, 0, 0), deviation=(1, 1, 1, 1)):
    """Features (N, 4) whose sample mean and covariance are exactly the given ones."""
    x = np.random.default_rng(seed).normal(size=(count, 4))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return torch.from_numpy(x * deviation + mean)


def grid(sides):
    return torch.cartesian_prod(torch.arange(*sides), torch.arange(*sides)).float()


def test_features_are_64_numbers_of_one_image_whatever_is_beside_it():
    images = smooth(300, 0)
    features = domain_features(images)
    assert features.shape == (300, 64) and features.dtype == torch.float32 and not features.requires_grad
    assert torch.allclose(features[7:40], domain_features(images[7:40].numpy()), atol=1e-4)
    assert torch.allclose(domain_features(images.expand(-1, 3, -1, -1)), features, atol=1e-3), (
        "three channels: their mean"
    )
    assert domain_features(smooth(20, 1, side=40)).shape == (20, 64)


def test_the_network_is_small_and_says_where_it_comes_from():
    folder = files("medtutor.metrics") / "features"
    assert len((folder / "domain.safetensors").read_bytes()) < 400_000
    story = json.loads((folder / "domain.json").read_text(encoding="utf-8"))
    assert story["test images seen"] == 0 and "make_domain_features" in story["made by"]


def test_frechet_distance_of_two_gaussians_by_hand():
    real, fake = gaussian(100, 0), gaussian(80, 1, mean=(3, 0, 0, 0), deviation=(1, 2, 1, 1))
    # |(3, 0, 0, 0)|² + (1 + 4 - 2 · 2)
    assert frechet_distance(real, fake) == pytest.approx(10, abs=0.01)
    assert frechet_distance(real, real) == pytest.approx(0, abs=0.01)


def test_kernel_distance_of_two_points_by_hand():
    here, there = torch.zeros(40, 2), torch.tensor([[2.0, 0.0]]).repeat(40, 1)
    # k(x, y) = (x·y / 2 + 1)³: 1 within here, 27 within there, 1 across
    assert kernel_distance(here, there) == pytest.approx(1 + 27 - 2 * 1)
    real = gaussian(300, 0)
    assert (
        abs(kernel_distance(real, gaussian(300, 1))) < 0.3 < kernel_distance(real, gaussian(300, 1, mean=(1, 0, 0, 0)))
    )


def test_the_kernel_distance_is_the_same_each_time_and_leaves_torchs_random_state():
    real, fake = gaussian(60, 0), gaussian(60, 1)
    before = torch.random.get_rng_state()
    assert (
        kernel_distance(real, fake, seed=1)
        == kernel_distance(real, fake, seed=1)
        != kernel_distance(real, fake, seed=2)
    )
    assert (torch.random.get_rng_state() == before).all()


def test_precision_and_recall_of_a_square_inside_a_square_by_hand():
    large, small = grid((0, 12)), grid((3, 9))
    # Balls of k = 3 reach to the next point, from a corner to the diagonal one: of the large
    # square the small one reaches its own 36 points, 6 beside each of 4 sides, and 4 corners.
    assert precision_recall(large, small) == pytest.approx((1, (36 + 24 + 4) / 144))
    assert precision_recall(small, large) == pytest.approx(((36 + 24 + 4) / 144, 1))
    assert precision_recall(large, large + 100) == (0, 0)


def test_nobody_tells_the_same_apart_and_everybody_a_shift():
    real = gaussian(200, 0)
    assert 0.4 < two_sample_accuracy(real, gaussian(260, 1)) < 0.6
    assert two_sample_accuracy(real, gaussian(200, 1, mean=(9, 0, 0, 0))) == 1
    with_images = two_sample_accuracy(smooth(60, 0), smooth(60, 1, sigma=1.0))
    assert with_images > 0.95


def test_nearest_by_hand():
    among = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    among[1], among[2] = 255, 51
    distances, indices = nearest(torch.full((1, 3, 8, 8), 102, dtype=torch.uint8), among.expand(-1, 3, -1, -1))
    assert indices.tolist() == [2] and distances[0] == pytest.approx(8 * 0.2)
    assert nearest(among, among)[1].tolist() == [0, 1, 2]


def test_copies_have_a_ratio_far_below_one_and_honest_samples_do_not():
    train, test = smooth(300, 0), smooth(80, 1)
    honest = memorisation_ratio(smooth(100, 2), train, test)
    assert honest.low < 1 < honest.high and 0.9 < honest.value < 1.1
    # Few copies of many train images: what a search among a part of the train images would miss.
    copies = memorisation_ratio(noisy(train[:100], 3), train, test)
    assert copies.low <= copies.value <= copies.high < 0.5
    half = memorisation_ratio(torch.cat([noisy(train[:50], 3), smooth(50, 2)]), train, test)
    assert copies.high < half.low and half.high < honest.low
    assert memorisation_ratio(noisy(train[:100], 3), train, test) == copies
    assert str(copies) == f"{copies.value:.2f} [{copies.low:.2f}, {copies.high:.2f}]"


def test_all_scores_beside_their_floor():
    train, test = smooth(120, 0), smooth(60, 1)
    scores = generative_scores(smooth(70, 2, sigma=1.0), train, test)
    assert scores.n == 60 and scores.floor.n == 60 and scores.floor.memorisation is None
    assert scores.frechet > 3 * scores.floor.frechet and scores.kernel > scores.floor.kernel
    assert scores.precision < scores.floor.precision and scores.two_sample > scores.floor.two_sample
    assert generative_scores(smooth(70, 2, sigma=1.0), train, test) == scores
    text = str(scores)
    assert (
        f"FID {scores.frechet:.2f} ({scores.floor.frechet:.2f})" in text and "memorisation" in text and "n = 60" in text
    )


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        (lambda good: good.float(), "give uint8"),
        (lambda good: good[:, 0], "give uint8"),
        (lambda good: good.expand(-1, 2, -1, -1), "C 1 or 3"),
        (lambda good: good[:39], "are 39; give at least 40"),
        (lambda good: good[..., :20], "both of one shape"),
        (lambda good: None, "are no array"),
    ],
)
def test_what_cannot_be_scored_is_refused(wrong, sentence):
    good = smooth(40, 0)
    for place in range(3):
        given = [good, good, good]
        given[place] = wrong(good)
        with pytest.raises(InputError, match=sentence):
            generative_scores(*given)


def test_wrong_features_and_numbers_are_refused():
    real = gaussian(30, 0)
    with pytest.raises(InputError, match="are 19; give at least 20"):
        frechet_distance(real, real[:19])
    with pytest.raises(InputError, match="4 and 3 numbers"):
        precision_recall(real, real[:, :3])
    with pytest.raises(InputError, match="not finite"):
        kernel_distance(real, real / 0)
    for k in (0, 30, 1.5):
        with pytest.raises(InputError, match="k is"):
            precision_recall(real, real, k)
    train = smooth(40, 0)
    with pytest.raises(InputError, match="held-out images are copies"):
        memorisation_ratio(smooth(40, 1), train, train)


@pytest.mark.skipif(find("pneumoniamnist") is None, reason="needs the published images")
def test_on_x_rays_every_number_sees_a_blur_and_real_ones_pass():
    data = mt.load("pneumoniamnist", source="medmnist")
    train, val = data.train.images, data.val.images[:300]
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(train)))
    real, others = domain_features(train[order[:300]]), train[order[300:600]]
    blurred = torch.from_numpy(ndimage.gaussian_filter(others.numpy(), (0, 0, 1, 1)))
    for images, least, most in ((others, 0.4, 0.6), (blurred, 0.95, 1)):
        assert least <= two_sample_accuracy(real, domain_features(images)) <= most
    assert frechet_distance(real, blurred) > 20 * frechet_distance(real, others)
    assert min(precision_recall(real, others)) > 0.7 and max(precision_recall(real, blurred)) < 0.3
    honest, copies = (
        memorisation_ratio(each, train[order[600:]], val) for each in (others, noisy(train[order[600:900]], 0))
    )
    assert honest.value > 0.9 and copies.high < 0.4


IMAGE_FORMS = {
    "-1…1": lambda images: images.float() / 127.5 - 1,
    "0…1": lambda images: images.float() / 255,
    "0…255": lambda images: images.float(),
    "whole numbers": lambda images: images.long(),
}


@pytest.mark.parametrize("form", IMAGE_FORMS)
@pytest.mark.parametrize("score", [frechet_distance, kernel_distance, precision_recall, two_sample_accuracy])
def test_pictures_in_another_form_are_refused_and_never_scored_as_others(score, form):
    """The same pictures have one distance; as floats they would have another, so they are no pictures here."""
    real, fake = smooth(40, 0), smooth(40, 1, sigma=2.0)
    for pair in ((IMAGE_FORMS[form](real), fake), (real, IMAGE_FORMS[form](fake))):
        with pytest.raises(InputError, match="give uint8"):
            score(*pair)
    with pytest.raises(InputError, match="give uint8"):
        domain_features(IMAGE_FORMS[form](real))
    assert score(real, fake) == score(real.numpy(), domain_features(fake))


def test_numbers_that_cannot_be_are_refused():
    real, fake = smooth(40, 0), smooth(40, 1)
    for wrong in (-1, 1.5, None, 2**70):
        for score in (kernel_distance, two_sample_accuracy):
            with pytest.raises(InputError, match="seed must be"):
                score(real, fake, seed=wrong)
        with pytest.raises(InputError, match="seed must be"):
            generative_scores(real, fake, smooth(40, 2), seed=wrong)
    for wrong in (0, -1, 1.5, None):
        with pytest.raises(InputError, match="resamples must be"):
            memorisation_ratio(real, fake, smooth(40, 2), resamples=wrong)
    assert precision_recall(real, fake, np.int64(3)) == precision_recall(real, fake, 3)
