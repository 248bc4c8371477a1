"""Torch's, numpy's and Python's own random states are nobody's here: no call moves them, and a training repeats
whatever runs beside it.
"""

import random
import threading
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, partial

import numpy as np
import pytest
import torch
from conftest import blobs
from torch import nn

import medtutor as mt
from medtutor import errors
from medtutor.data import card, phantoms
from medtutor.data.cohort import draw_cohort
from medtutor.data.dataset import normalise
from medtutor.metrics import generative
from medtutor.models.autoencoder import VAE
from medtutor.models.gan import Discriminator, Generator
from medtutor.models.hybrid import Fusion
from medtutor.models.recurrent import HEADS
from medtutor.reports.cost import forward_flops, measure_cost
from medtutor.training.fusion import fit_fusion, predict_fusion
from medtutor.training.gan import fit_gan, load_gan
from medtutor.training.heads import features_of, fit_head
from medtutor.training.reconstruction import fit_reconstruction

RECIPE = mt.Recipe(epochs=2, batch_size=16, shift_at_test=0)


STARTS = {}


def drawn(name, make):
    """A copy of the network of that name, whose first weights are drawn once, before threads run."""
    if name not in STARTS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            STARTS[name] = make()
    return deepcopy(STARTS[name])


@cache
def tiny():
    return mt.from_arrays(blobs(48, 0), blobs(40, 1), blobs(40, 2), classes=["top", "bottom"], name="tiny")


@cache
def clips():
    generator = np.random.default_rng(0)
    splits = [(generator.integers(0, 256, (16, 4, 12, 12), dtype=np.uint8), np.arange(16) % 2) for _ in range(3)]
    return mt.from_arrays(*splits, sequence=True, name="clips")


@cache
def cohort():
    return draw_cohort(tiny(), "additive")


@cache
def trained():
    return fitted()


def with_dropout(model, layer="classifier"):
    setattr(model, layer, nn.Sequential(nn.Dropout(0.5), getattr(model, layer)))
    return model


def fitted():
    return mt.fit(with_dropout(mt.build("cnn", tiny(), widths=(4, 8))), tiny(), RECIPE, progress=False)


def fitted_sequence():
    return mt.fit(
        mt.build("single_frame", clips()), clips(), RECIPE, progress=False
    )  # which draws the frame it looks at


def fitted_head():
    head = drawn("head", lambda: with_dropout(HEADS["mean_frames"](48, 2, 4), "answer"))
    features = torch.rand(40, 4, 48, generator=torch.Generator().manual_seed(0))
    return fit_head(head, features, torch.arange(40) % 2, task="binary", epochs=3, batch_size=8, progress=False)


def fitted_reconstruction():
    model = drawn("vae", partial(VAE, shape=(16, 16), latents=2, widths=(4, 8)))
    return fit_reconstruction(model, normalise(tiny().train.images), beta=1.0, epochs=2, progress=False)


def fitted_fusion():
    model = drawn("fusion", lambda: with_dropout(Fusion(shape=(16, 16)), "answer"))
    return fit_fusion(model, cohort().train, epochs=1, progress=False)


def fitted_gan():
    def made():
        size = {"shape": (16, 16)}
        networks = Generator(latents=4, widths=(8, 4), **size), Discriminator(widths=(4, 8), **size)
        return networks[0], with_dropout(networks[1], "score")

    generator, discriminator = drawn("gan", made)
    return fit_gan(
        generator, discriminator, normalise(tiny().train.images), steps=6, batch_size=8, frames=2, progress=False
    ).generator


def scores():
    splits = (getattr(tiny(), name).images for name in ("train", "val", "test"))
    return generative.generative_scores(*splits)


TRAININGS = {
    each.__name__: each
    for each in (fitted, fitted_sequence, fitted_head, fitted_reconstruction, fitted_fusion, fitted_gan)
}
CALLS = TRAININGS | {
    "build": lambda: mt.build("vit", tiny(), width=16, depth=1, seed=3),
    "features_of": lambda: features_of(mt.build("lstm", clips()), clips().train.images),
    "generative_scores": scores,
    "domain_features": lambda: (generative._network.cache_clear(), generative.domain_features(tiny().train.images)),
    "measure_cost": lambda: measure_cost(with_dropout(mt.build("cnn", tiny(), widths=(4, 8))), tiny().card, batch=2),
    "forward_flops": lambda: forward_flops(trained().model, tiny().card),
    "predict": lambda: trained().predict(tiny().test.images),
    "predict_fusion": lambda: predict_fusion(
        drawn("asked", partial(Fusion, shape=(16, 16))), cohort().test.images, cohort().test.table
    ),
    "load_gan and sample": lambda: load_gan("pneumoniamnist").sample(2),
    "explain": lambda: [
        mt.explain(mt.build("cnn", tiny(), widths=(4, 8)), tiny().test.images[0], method=method)
        for method in ("smoothgrad", "gradient_shap", "kernel_shap")
    ],
    "phantoms": lambda: phantoms.draw(card("breastmnist"), {"train": 4, "val": 4, "test": 4}),
}


def states():
    return torch.random.get_rng_state().numpy().tobytes(), str(np.random.get_state()), random.getstate()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_every_random_state_as_it_was(name):
    trained(), cohort()
    torch.rand(1), np.random.rand(1), random.random()
    before = states()
    CALLS[name]()
    assert states() == before


def test_a_refused_and_a_failed_training_leave_it_too():
    before = states()
    for recipe in (mt.Recipe(epochs=2, learning_rate=1e25), mt.Recipe(shift=100.0)):
        with pytest.raises(errors.MedtutorError):
            mt.fit(mt.build("cnn", tiny(), widths=(4, 8)), tiny(), recipe, progress=False)
    assert states() == before


def test_a_run_that_was_saved_comes_back_without_a_draw(tmp_path):
    run = mt.fit(mt.build("cnn", tiny(), widths=(4, 8)), tiny(), RECIPE, progress=False)
    before = states()
    run.save(tmp_path / "run")
    mt.Run.load(tmp_path / "run")
    assert states() == before


@contextmanager
def hammered():
    """Beside what is done within, another thread builds, explains, measures and draws."""
    fitted_head()
    stop, rounds, trouble = threading.Event(), [], []
    busy = [CALLS[name] for name in ("build", "features_of", "fitted_head", "explain", "generative_scores")]

    def work():
        try:
            while not stop.is_set():
                torch.rand(3)
                busy[len(rounds) % len(busy)]()
                rounds.append(1)
        except Exception as error:  # said where the test can see it
            trouble.append(error)

    state = torch.random.get_rng_state()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield rounds
    finally:
        stop.set(), thread.join()
        torch.random.set_rng_state(state)
    assert not trouble, trouble


def weights(trained):
    return torch.cat([value.flatten().float() for value in getattr(trained, "model", trained).state_dict().values()])


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_gives_the_same_weights_alone_and_beside_others(name):
    trained(), cohort(), scores()
    alone = weights(TRAININGS[name]())
    with hammered() as rounds:
        while len(rounds) < 5:  # each of what runs beside it, once
            assert torch.equal(weights(TRAININGS[name]()), alone)


def test_what_a_user_draws_is_the_same_beside_calls_in_another_thread():
    """The other way round: an own training loop, whose dropout draws from torch's state."""
    fitted_head()
    alike = torch.Generator()
    alike.set_state(torch.random.get_rng_state())
    rounds = []

    def work():
        while len(rounds) < 20:
            mt.build("lenet", tiny()), generative.kernel_distance(*[torch.ones(20, 3)] * 2)
            rounds.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        assert torch.equal(torch.rand(100), torch.rand(100, generator=alike))
    thread.join()
    assert len(rounds) == 20


def test_dropout_hangs_on_the_seed():
    head = partial(drawn, "head", lambda: with_dropout(HEADS["mean_frames"](48, 2, 4), "answer"))
    features, labels = torch.rand(16, 4, 48, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2
    one, same, other = (
        fit_head(head(), features, labels, task="binary", epochs=1, noise=0, seed=seed, progress=False)
        for seed in (0, 0, 1)
    )
    assert torch.equal(weights(one), weights(same)) and not torch.equal(weights(one), weights(other))
