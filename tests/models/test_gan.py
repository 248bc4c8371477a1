"""GANs: shapes, sizes, ranges, and what is told a label listens to it."""

import pytest
import torch

from medtutor.errors import InputError
from medtutor.models import parameter_count
from medtutor.models.gan import Critic, Discriminator, Generator

SHAPES = [(8, 8), (28, 28), (9, 13), (31, 28)]


@pytest.mark.parametrize("channels, classes", [(1, 0), (3, 2), (1, 7)])
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_become_images_and_images_become_verdicts(channels, classes, shape):
    generator = Generator(channels, shape, classes, latents=5)
    labels = torch.tensor([0, 1, 1]) if classes else None
    images = generator(generator.prior(3), labels)
    assert images.shape == (3, channels, *shape) and images.abs().max() <= 1
    for judge in (Discriminator, Critic):
        assert judge(channels, shape, classes)(images, labels).shape == (3,)


def test_the_parameter_counts_of_the_docstrings():
    assert parameter_count(Generator()) == 432_801
    assert parameter_count(Generator(classes=2)) == 442_209  # less than 2 MB in float32
    assert [parameter_count(judge()) for judge in (Discriminator, Critic)] == [165_738, 165_729]


def test_the_same_generator_of_numbers_gives_the_same_codes():
    first, again = (Generator(latents=5).prior(4, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (4, 5) and torch.equal(first, again)


def test_the_label_changes_image_and_verdict():
    torch.manual_seed(0)
    generator, zeros, ones = (
        Generator(shape=(8, 8), classes=2).eval(),
        torch.zeros(2, dtype=int),
        torch.ones(2, dtype=int),
    )
    codes = generator.prior(2)
    assert not torch.allclose(generator(codes, zeros), generator(codes, ones))
    for judge in (Discriminator(shape=(8, 8), classes=2), Critic(shape=(8, 8), classes=2)):
        images = torch.randn(2, 1, 8, 8)
        assert not torch.allclose(judge(images, zeros), judge(images, ones))


def test_spectral_norms_hold_the_slopes_of_a_discriminator_and_not_those_of_a_critic():
    torch.manual_seed(0)
    for judge, held in ((Discriminator(shape=(16, 16)), True), (Critic(shape=(16, 16)), False)):
        linear = judge.score
        with torch.no_grad():
            (linear.parametrizations.weight.original if held else linear.weight).mul_(100)
        for _ in range(20):  # the norm is estimated a little better at each look
            weight = linear.weight
        assert (torch.linalg.matrix_norm(weight, 2) < 1.01) == held


def test_a_discriminator_sees_the_batch_and_a_critic_each_image_alone():
    torch.manual_seed(0)
    images = torch.randn(4, 1, 8, 8)
    alone = images[:1].expand(4, 1, 8, 8)
    critic, discriminator = Critic(shape=(8, 8)).eval(), Discriminator(shape=(8, 8)).eval()
    assert torch.allclose(critic(images)[0], critic(alone)[0], atol=1e-6)
    assert not torch.allclose(discriminator(images)[0], discriminator(alone)[0], atol=1e-6)
    bare = Discriminator(shape=(8, 8), spectral=False, minibatch=False)
    assert bare.state_dict().keys() == critic.state_dict().keys()  # a critic is one without safeguards


@pytest.mark.parametrize("network", [Generator, Discriminator, Critic])
@pytest.mark.parametrize(
    "shape, classes, part", [((7, 28), 0, "at least 8"), ((8, 8, 8), 0, "height, width"), ((8, 8), 1, "at least 2")]
)
def test_what_cannot_be_built_is_said_in_one_sentence(network, shape, classes, part):
    with pytest.raises(InputError, match=part):
        network(shape=shape, classes=classes)


def test_a_code_without_numbers_is_refused():
    with pytest.raises(InputError, match="latents from 1"):
        Generator(latents=0)
