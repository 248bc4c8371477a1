"""The privacy explorer: epsilon as the accountant says, and pictures that say what they show."""

import importlib
import time

import numpy as np
import pytest

from medtutor.explorers import privacy

module = importlib.import_module("medtutor.explorers.privacy")


@pytest.fixture
def explorer():
    return privacy()


@pytest.mark.parametrize("noise, epochs, images", [(1.7, 10, 4708), (6.3, 20, 4708), (3.1, 10, 500)])
def test_epsilon_is_what_the_accountant_says(explorer, noise, epochs, images):
    from medtutor.training.private import epsilon_of

    explorer.images.value = images
    explorer.noise.value, explorer.epochs.value = noise, epochs
    batch = explorer.batch.value
    wanted = epsilon_of(explorer.noise.value, batch / images, images // batch * epochs, module.DELTA)
    assert explorer.epsilon == pytest.approx(wanted, rel=0.02)


def test_more_noise_spends_less_and_more_epochs_spend_more(explorer):
    spent = []
    for noise in np.linspace(0.5, 16, 25):
        explorer.noise.value = noise
        spent.append(explorer.epsilon)
    assert (np.diff(spent) < 0).all()
    explorer.epochs.value = 1
    few = explorer.epsilon
    explorer.epochs.value = 40
    assert explorer.epsilon > few


def test_the_bound_follows_epsilon_and_never_exceeds_one(explorer):
    explorer.noise.value = 16
    assert explorer.bound == pytest.approx(np.exp(explorer.epsilon) * 0.01 + 1e-4)
    explorer.noise.value = 0.5
    assert explorer.bound <= 1
    assert f"{explorer.bound:.1%}" in str(explorer._words.value)


def test_no_attack_on_a_private_network_finds_more_than_the_bound():
    for name, found in module._attacks().items():
        if name.startswith("epsilon"):
            epsilon = float(name.split()[1])
            assert (np.array(found["true"]) <= np.minimum(1, np.exp(epsilon) * module.RATES + 1e-4) + 0.02).all()


def test_every_control_answers_in_time(explorer):
    privacy()  # what is read once was read
    for control, value in (("noise", 4.0), ("epochs", 20), ("images", 500), ("attacked", "stopped early")):
        begin = time.process_time()
        getattr(explorer, control).value = value
        assert time.process_time() - begin < 0.3  # 100 ms on a quiet machine; drawing axes anew is the slowest
        assert explorer.message.value == ""


def test_all_batches_and_epochs_are_stored():
    for images, batches in module.BATCHES.items():
        for batch in batches:
            for epochs in module.EPOCHS:
                assert np.isfinite(module._spent(images, batch, epochs)(0.0))
