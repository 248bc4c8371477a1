"""Every speed-up of training, predicting and explaining, switched off: the same numbers, within what is said here.

The networks have the size of real ones and learn for three steps. Not in the table, since they are no other way to the
same numbers: recipes (Muon is part of one), and how long threads spin before they sleep. Many processes are in
`test_processes`.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.data import card, normalise, phantoms
from medtutor.data.sources import decoded
from medtutor.explanation.methods import method, occlusion
from medtutor.models.gan import Discriminator, Generator
from medtutor.training import loop, processes
from medtutor.training.gan import fit_gan
from medtutor.training.prediction import predict_logits


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Chest phantoms, of which those to train on are mapped from a file, and the default network after a step."""
    data = phantoms.draw(card("pneumoniamnist"), {"train": 32, "val": 12, "test": 12})
    path = tmp_path_factory.mktemp("mapped") / "train.npy"
    np.save(path, data.train.images.numpy())
    mapped = replace(data, train=replace(data.train, images=decoded._mapped(path, data.train.images.shape)))
    return SimpleNamespace(data=mapped, run=fitted(data, 1), fast={})


def fitted(data, epochs):
    model = mt.build("cnn", data)
    return mt.fit(model, data, mt.Recipe(epochs=epochs, batch_size=32), device="cpu", progress=False)


# --- the work ------------------------------------------------------------------------------------


def trained(given):
    """The losses of three steps of the default recipe, and the answers after them."""
    run = fitted(given.data, 3)
    return torch.tensor([row["loss"] for row in run.history]), run.predictions["test"]


def predicted(given):
    model = copy.deepcopy(given.run.model).to(memory_format=torch.channels_last)
    return (predict_logits(model, given.data.test.images, mirror=(-1,), shift=1),)


def drawn(given):
    """The losses of three steps of a GAN, and what its generator draws after them."""
    torch.manual_seed(0)
    networks, images = (Generator(), Discriminator()), normalise(given.data.train.images)
    made = fit_gan(*networks, images, steps=3, batch_size=16, progress=False)
    losses = torch.tensor([[row["discriminator"], row["generator"]] for row in made.history])
    return losses, made.sample(4).float()


def explained(name, **options):
    """The map of one image by a method."""
    return lambda given: (mt.explain(given.run, given.data.test.images[0], method=name, **options).map,)


# --- the switches --------------------------------------------------------------------------------


def float32(patch, given):
    patch.setenv("MEDTUTOR_PRECISION", "float32")


def plain_order(patch, given):
    patch.setattr(torch, "channels_last", torch.contiguous_format)


def another_number_of_threads(patch, given):
    """Two, also where one is asked for: the tests run on one."""
    patch.setattr(processes, "choose_threads", lambda: torch.set_num_threads(2))
    patch.setattr(processes.torch, "set_num_threads", lambda count, real=torch.set_num_threads: real(2))
    torch.set_num_threads(2)


def in_memory(patch, given):
    train = given.data.train
    patch.setattr(given, "data", replace(given.data, train=replace(train, images=train.images.clone())))


def one_image_at_a_time(patch, given):
    patch.setattr(method, "PIXELS", 1)
    patch.setattr(predict_logits, "__defaults__", ((), 0, 1))


def moved_one_by_one(patch, given):
    whole = loop.apply_affine

    def each(images, affine):
        return torch.cat([whole(*pair) for pair in zip(images.split(1), affine.split(1))])

    patch.setattr(loop, "apply_affine", each)


def not_dealt_out(patch, given):
    patch.setattr(occlusion, "cpu_quota", lambda: 1)


class SpeedUp(NamedTuple):
    name: str
    off: Callable
    work: Callable
    # The largest difference that may be, as a share of the largest number. 0: bit for bit.
    losses: float = 0.0  # or whatever the work gives first
    answers: float = 0.0
    moved: bool = False  # whether there must be a difference: that the switch is one


SPEED_UPS = [
    SpeedUp("bfloat16, training", float32, trained, 0.03, 0.01, moved=True),
    SpeedUp("channels_last, training", plain_order, trained, 1e-3, 1e-3, moved=True),
    SpeedUp("channels_last, predicting", plain_order, predicted, 1e-5),
    SpeedUp("bfloat16, GAN", float32, drawn, 0.005, 0.03, moved=True),
    # Adam's first steps are as long for a gradient that is nothing but rounding as for any other: one grey level.
    SpeedUp("channels_last, GAN", plain_order, drawn, 1e-4, 0.01),
    SpeedUp("threads, training", another_number_of_threads, trained, 1e-3, 1e-3, moved=True),
    SpeedUp("threads, predicting", another_number_of_threads, predicted, 1e-5),
    SpeedUp("threads, GAN", another_number_of_threads, drawn, 1e-4, 0.01),
    SpeedUp("threads, explaining", another_number_of_threads, explained("integrated_gradients"), 1e-5),
    SpeedUp("maps in place of memory", in_memory, trained),
    SpeedUp("a batch moved at once", moved_one_by_one, trained),
    SpeedUp("64 images at once, predicting", one_image_at_a_time, predicted, 1e-5),
    *(
        SpeedUp(f"many images at once, {name}", one_image_at_a_time, explained(name, **options), 1e-4)
        for name, options in (
            ("integrated_gradients", {"steps": 8}),
            ("smoothgrad", {"samples": 8}),
            ("gradient_shap", {"samples": 8}),
            ("kernel_shap", {"samples": 50}),
            ("occlusion", {}),
        )
    ),
    SpeedUp("occlusion's windows dealt to threads", not_dealt_out, explained("occlusion"), 1e-6),
]


@pytest.mark.parametrize("speed_up", SPEED_UPS, ids=lambda each: each.name)
def test_switched_off_the_same_numbers(given, speed_up, monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(processes, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(occlusion, "cpu_quota", lambda: 2)
    if speed_up.off is not float32:
        float32(monkeypatch, given)  # which shows differences that bfloat16 would hide
    key = speed_up.work, speed_up.off is float32
    fast = given.fast[key] = given.fast.get(key) or speed_up.work(given)
    try:
        with monkeypatch.context() as patch:
            speed_up.off(patch, given)
            plain = speed_up.work(given)
    finally:
        torch.set_num_threads(threads)
    found = [float((one - other).abs().max() / one.abs().max()) for one, other in zip(fast, plain)]
    assert all(share <= most for share, most in zip(found, (speed_up.losses, speed_up.answers))), found
    assert any(found) or not speed_up.moved
