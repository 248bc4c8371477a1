"""The numbers of every kind of training: out of range they are one sentence before work starts, and numpy's are as good
as Python's.
"""

from functools import partial

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data.cohort import draw_cohort
from medtutor.data.dataset import normalise
from medtutor.errors import InputError, MedtutorError
from medtutor.models.autoencoder import VAE, Autoencoder
from medtutor.models.gan import Discriminator, Generator
from medtutor.models.hybrid import Fusion
from medtutor.models.recurrent import HEADS
from medtutor.training.fusion import fit_fusion, predict_fusion
from medtutor.training.gan import GANRun, augment, fit_gan
from medtutor.training.heads import features_of, fit_head
from medtutor.training.reconstruction import fit_reconstruction

IMAGES = normalise(
    torch.randint(0, 256, (24, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
)
FEATURES, LABELS = torch.rand(16, 4, 48, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2


def patients():
    return draw_cohort(
        mt.from_arrays(*[blobs(count, seed) for seed, count in enumerate((48, 20, 20))]), "additive"
    ).train


def networks():
    return Generator(shape=(16, 16), latents=4, widths=(8, 4)), Discriminator(shape=(16, 16), widths=(4, 8))


TRAININGS = {
    "fit_head": lambda **options: fit_head(
        HEADS["lstm"](48, 2, 4), FEATURES, LABELS, task="binary", progress=False, **options
    ),
    "fit_reconstruction": lambda **options: fit_reconstruction(
        Autoencoder(shape=(16, 16), widths=(4, 8)), IMAGES, progress=False, **options
    ),
    "fit_fusion": lambda **options: fit_fusion(Fusion(shape=(16, 16)), patients(), progress=False, **options),
    "fit_gan": lambda **options: fit_gan(
        *networks(), IMAGES, progress=False, **{"steps": 1, "batch_size": 4, "frames": 2} | options
    ),
}
WRONG = {
    "epochs": (0, -1, True, 1.5, "3", None, 10**12),
    "batch_size": (0, False, 2.5, None, -4),
    "learning_rate": (0, -1.0, float("nan"), float("inf"), True, "fast"),
    "seed": (-1, 1.5, True, 2**64, 10**30, None, "x"),
}
ALSO = {
    "fit_head": {"noise": (-0.1, float("nan"), "x"), "weight_decay": (-1, float("inf"))},
    "fit_reconstruction": {"beta": (-1, float("nan"), "x", True)},
    "fit_fusion": {"hide": (1.0, -0.1, "x", True), "shift": (-1, float("nan"), 17, "x")},
    "fit_gan": {
        "steps": (0, True, 2.5, 10**12),
        "frames": (1, 1.5, 10**9),
        "average": (1, -0.1, "x"),
        "discriminator_rate": (0, float("nan"), "x"),
        "augmentation": (
            {"zoom": 1.5},
            {"shift": 17},
            {"shift": 0.5},
            {"cutout": 99},
            {"brightness": float("nan")},
            {"mirror": 2},
            3,
            "yes",
        ),
        "about": ({"colour": "red"}, "mine"),
    },
}
CASES = [
    (name, option, value)
    for name in TRAININGS
    for option, values in {**WRONG, **ALSO[name]}.items()
    for value in values
    if not (name == "fit_gan" and option == "epochs")
]


@pytest.mark.parametrize("name, option, value", CASES)
def test_a_number_that_cannot_be_is_refused(name, option, value):
    with pytest.raises(InputError) as raised:
        TRAININGS[name](**{option: value})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", TRAININGS)
def test_numbers_of_numpy_are_as_good(name):
    few = {"steps": np.int64(1)} if name == "fit_gan" else {"epochs": np.int64(1)}
    first, again = (
        TRAININGS[name](**few, batch_size=np.int32(4), learning_rate=np.float32(1e-3), seed=torch.tensor(3))
        for _ in range(2)
    )
    assert first is not None and again is not None


@pytest.mark.parametrize("count", [0, -1, 1.5, True, 10**9, None, "many"])
def test_so_many_samples_cannot_be_drawn(count):
    with pytest.raises(InputError, match="cannot be drawn; give a count from 1 to 100,000"):
        GANRun(networks()[0]).sample(count)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": 2**70},
        {"seed": 0.5},
        {"truncation": -1},
        {"truncation": float("nan")},
        {"truncation": "x"},
    ],
)
def test_samples_want_numbers(options):
    with pytest.raises(InputError):
        GANRun(networks()[0]).sample(2, **options)


def test_samples_are_counted_by_numpy_too():
    made = GANRun(networks()[0].eval())
    assert torch.equal(made.sample(np.int64(3), seed=np.int64(1)), made.sample(3, seed=1))


def test_a_batch_of_nobody_is_refused():
    clips = torch.zeros(2, 4, 1, 12, 12, dtype=torch.uint8)
    from medtutor.models.recurrent import FrameSequence

    for size in (0, 1.5, None):
        with pytest.raises(InputError, match="batch_size is"):
            features_of(FrameSequence(shape=(12, 12), frames=4), clips, batch_size=size)
        with pytest.raises(InputError, match="batch_size is"):
            predict_fusion(
                Fusion(shape=(16, 16)), torch.zeros(2, 1, 16, 16, dtype=torch.uint8), torch.zeros(2, 2), batch_size=size
            )
    with pytest.raises(InputError, match="no clip"):
        features_of(FrameSequence(shape=(12, 12), frames=4), clips[:0])
    with pytest.raises(InputError, match="2 images but 3 rows"):
        predict_fusion(Fusion(shape=(16, 16)), torch.zeros(2, 1, 16, 16, dtype=torch.uint8), torch.zeros(3, 2))


def test_variations_are_held_to_the_image():
    for options in ({"shift": 99}, {"zoom": 1.0}, {"contrast": -1}, {"cutout": 2.5}):
        with pytest.raises(InputError):
            augment(IMAGES, generator=torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize(
    "train",
    [
        partial(TRAININGS["fit_head"], epochs=1, batch_size=16),
        partial(TRAININGS["fit_fusion"], epochs=1, batch_size=48),
        partial(TRAININGS["fit_reconstruction"], epochs=1, batch_size=24),
        partial(TRAININGS["fit_gan"]),
        lambda **options: fit_reconstruction(
            VAE(shape=(16, 16), widths=(4, 8)), IMAGES, beta=1.0, epochs=1, batch_size=24, progress=False, **options
        ),
    ],
)
def test_a_last_step_that_makes_no_numbers_of_the_weights_is_said(train, monkeypatch):
    """One step: the loss before it is a number, the weights after it are none."""

    def overflow(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.fill_(float("inf"))

    for kind in (torch.optim.AdamW, torch.optim.Adam):
        monkeypatch.setattr(kind, "step", overflow)
    with pytest.raises(MedtutorError, match="learning rate"):
        train()
