"""A model that was refused, asked or measured is as it was: its modes, its gradients, its place in memory."""

from functools import partial

import numpy as np
import pytest
import torch
from conftest import blobs
from torch import nn

import medtutor as mt
from medtutor.data.cohort import draw_cohort
from medtutor.data.dataset import normalise
from medtutor.errors import InputError, MedtutorError
from medtutor.explanation import parts
from medtutor.models import frozen, parameter_count
from medtutor.models.autoencoder import Autoencoder
from medtutor.models.gan import Discriminator, Generator
from medtutor.models.hybrid import Fusion
from medtutor.models.recurrent import HEADS
from medtutor.reports.cost import forward_flops, measure_cost
from medtutor.training.fusion import fit_fusion, predict_fusion
from medtutor.training.gan import GANRun, draw, fit_gan
from medtutor.training.heads import features_of, fit_head
from medtutor.training.prediction import predict_logits
from medtutor.training.reconstruction import fit_reconstruction

IMAGES = torch.randint(0, 256, (24, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
FEATURES = torch.rand(16, 4, 48, generator=torch.Generator().manual_seed(0))


def tiny():
    return mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), name="tiny")


def clips():
    generator = np.random.default_rng(0)
    splits = [(generator.integers(0, 256, (8, 4, 12, 12), dtype=np.uint8), np.arange(8) % 2) for _ in range(3)]
    return mt.from_arrays(*splits, sequence=True)


def of_images():
    return mt.build("cnn", tiny(), widths=(4, 8))


def of_clips():
    return mt.build("lstm", clips())


def generator():
    return Generator(shape=(16, 16), latents=4, widths=(8, 4))


def judge():
    return Discriminator(shape=(16, 16), widths=(4, 8))


def patients():
    return draw_cohort(tiny(), "additive").train


# A model, and something that is done with it: each puts the model in eval mode, and back.
ASKED = {
    "predict_logits": (of_images, lambda model: predict_logits(model, IMAGES)),
    "predict": (of_images, lambda model: mt.Run(model, tiny().card, mt.Recipe(), "arrays").predict(IMAGES)),
    "features_of": (of_clips, lambda model: features_of(model, clips().train.images)),
    "predict_fusion": (
        partial(Fusion, shape=(16, 16)),
        lambda model: predict_fusion(model, IMAGES, torch.zeros(24, 2)),
    ),
    "draw": (generator, lambda model: draw(model, torch.zeros(3, 4))),
    "sample": (generator, lambda model: GANRun(model).sample(3)),
    "forward_flops": (of_images, lambda model: forward_flops(model, tiny().card)),
    "measure_cost": (of_images, lambda model: measure_cost(model, tiny().card, batch=2)),
    "measure_cost of clips": (of_clips, lambda model: measure_cost(model, clips().card, batch=2)),
    "shares": (
        partial(Fusion, shape=(16, 16)),
        lambda model: parts.shapley_values(model, patients().images[0], patients().table[0], patients()),
    ),
    "explain": (of_images, lambda model: mt.explain(model, IMAGES[0], method="saliency")),
}
# A model, and a training that is refused.
REFUSED = {
    "fit": (
        of_images,
        lambda model: mt.fit(model, mt.from_arrays(*[blobs(9, seed, classes=3) for seed in range(3)]), progress=False),
    ),
    "fit, other images": (
        partial(mt.build, "mlp", tiny()),
        lambda model: mt.fit(model, mt.from_arrays(*[blobs(8, seed, size=24) for seed in range(3)]), progress=False),
    ),
    "fit, moves": (of_images, lambda model: mt.fit(model, tiny(), mt.Recipe(shift=99.0), progress=False)),
    "fit, device": (of_images, lambda model: mt.fit(model, tiny(), device="tpu", progress=False)),
    "fit_head": (
        partial(HEADS["lstm"], 48, 2, 4),
        lambda model: fit_head(model, FEATURES, torch.full((16,), 5), task="binary", progress=False),
    ),
    "fit_head, features": (
        partial(HEADS["lstm"], 3),
        lambda model: fit_head(model, FEATURES, torch.zeros(16).long(), task="binary", progress=False),
    ),
    "fit_reconstruction": (
        partial(Autoencoder, shape=(16, 16)),
        lambda model: fit_reconstruction(model, normalise(IMAGES), beta=1.0, progress=False),
    ),
    "fit_reconstruction, shape": (
        partial(Autoencoder, shape=(12, 12)),
        lambda model: fit_reconstruction(model, normalise(IMAGES), progress=False),
    ),
    "fit_fusion": (
        partial(Fusion, shape=(16, 16), classes=5),
        lambda model: fit_fusion(model, patients(), progress=False),
    ),
    "fit_gan, judge": (
        partial(Discriminator, shape=(28, 28)),
        lambda model: fit_gan(generator(), model, normalise(IMAGES), steps=1, batch_size=4),
    ),
    "fit_gan, numbers": (
        judge,
        lambda model: fit_gan(generator(), model, normalise(IMAGES), steps=1, batch_size=4, augmentation={"zoom": 2.0}),
    ),
}


def made(make):
    """A network in training, one part of which is in eval mode; its weights have gradients."""
    model = make().train()
    next(module for module in model.modules() if not list(module.children())).eval()
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    return model


def seen(model):
    """All that a caller could find changed."""
    weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return (
        [module.training for module in model.modules()],
        {
            name: (value.detach().clone(), value.stride(), value.device, value.requires_grad)
            for name, value in weights.items()
        },
        {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None},
    )


def same(one, other):
    modes, weights, gradients = zip(one, other)
    return (
        modes[0] == modes[1]
        and weights[0].keys() == weights[1].keys()
        and gradients[0].keys() == gradients[1].keys()
        and all(
            torch.equal(weights[0][name][0], weights[1][name][0]) and weights[0][name][1:] == weights[1][name][1:]
            for name in weights[0]
        )
        and all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])
    )


@pytest.mark.parametrize("name", ASKED)
def test_a_model_that_is_asked_is_as_it_was(name):
    make, ask = ASKED[name]
    model = made(make)
    before = seen(model)
    ask(model)
    assert same(seen(model), before)


@pytest.mark.parametrize("name", [name for name in ASKED if name != "explain"])  # which asks a copy
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_model_that_is_asked_and_interrupted_is_as_it_was(name, error):
    make, ask = ASKED[name]
    model = made(make)
    before = seen(model)

    def stop(module, given):
        raise error

    hook = model.register_forward_pre_hook(stop)
    inner = [module.register_forward_pre_hook(stop) for module in model.modules()]
    with pytest.raises((error, InputError)):
        ask(model)
    for each in (hook, *inner):
        each.remove()
    assert same(seen(model), before)


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_whose_training_is_refused_is_as_it_was(name):
    make, train = REFUSED[name]
    model = made(make)
    before = seen(model)
    with pytest.raises(InputError):
        train(model)
    assert same(seen(model), before)


def test_a_training_that_breaks_off_leaves_a_model_in_eval_mode_on_its_device():
    model = of_images()
    with pytest.raises(MedtutorError, match="the learning rate .* is probably too high"):
        mt.fit(model, tiny(), mt.Recipe(epochs=1, learning_rate=1e25), progress=False)
    assert not model.training and next(model.parameters()).device.type == "cpu"


# A part of the weights is frozen -------------------------------------------------------------


def half_frozen(seed=0):
    return mt.build("lstm", clips(), seed=seed, encoder=of_clips().encoder)


def test_a_run_counts_what_was_trained_and_says_so_again_when_it_is_read(tmp_path):
    run = mt.fit(half_frozen(), clips(), mt.Recipe(epochs=1, batch_size=4), progress=False)
    assert run.parameters == parameter_count(run.model.head) == run.summary()[
        "parameters"
    ] and f"{run.parameters:,} parameters" in str(run)
    assert measure_cost(run.model, clips().card, timed=False).parameters == run.parameters
    run.save(tmp_path)
    again = mt.Run.load(tmp_path)
    assert frozen(again.model) == frozen(run.model) != [] and again.summary() == run.summary() | {
        "seconds": again.seconds,
        "cpu_seconds": again.cpu_seconds,
    }


def test_what_was_frozen_must_be_so_when_a_run_goes_on():
    from test_loop import interrupt_in

    recipe = mt.Recipe(epochs=2, batch_size=4)
    with pytest.MonkeyPatch.context() as patch:
        interrupt_in(patch, epoch=1)
        stopped = mt.fit(half_frozen(), clips(), recipe, progress=False)
    with pytest.raises(InputError, match="own data, model and recipe"):
        mt.fit(of_clips(), clips(), recipe, resume=stopped, progress=False)
    assert mt.fit(half_frozen(), clips(), recipe, resume=stopped, progress=False).test is not None


@pytest.mark.parametrize(
    "train",
    [
        lambda: mt.fit(of_images().requires_grad_(False), tiny(), progress=False),
        lambda: fit_head(HEADS["lstm"](48, 2, 4).requires_grad_(False), FEATURES, torch.arange(16) % 2, task="binary"),
        lambda: fit_reconstruction(Autoencoder(shape=(16, 16)).requires_grad_(False), normalise(IMAGES)),
        lambda: fit_fusion(Fusion(shape=(16, 16)).requires_grad_(False), patients()),
        lambda: fit_gan(generator().requires_grad_(False), judge(), normalise(IMAGES), steps=1, batch_size=4),
    ],
)
def test_a_model_that_is_frozen_as_a_whole_is_not_trained(train):
    with pytest.raises(InputError, match="there is nothing to train"):
        train()


def test_a_frozen_model_and_one_without_weights_have_a_cost():
    cost = measure_cost(of_images().requires_grad_(False), tiny().card, batch=2)
    assert cost.train_ms is None and cost.predict_ms > 0
    assert measure_cost(nn.Flatten(), tiny().card, batch=2).parameters == 0
