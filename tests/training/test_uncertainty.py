"""Committees: passes with dropout, which move nothing else, and how much their members disagree."""

import numpy as np
import pytest
import torch
from torch import nn

import medtutor as mt
from medtutor.data import phantoms
from medtutor.errors import InputError
from medtutor.training.run import Run
from medtutor.training.uncertainty import AS_IT_IS, disagreement, dropout_passes, has_dropout, with_dropout

XRAY = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 40, "val": 10, "test": 10})


def run_of(share=0.4):
    network = mt.build("cnn", XRAY, widths=(4, 8, 8))
    return Run(with_dropout(network, share) if share else network, XRAY.card, mt.Recipe(), "phantom")


def test_passes_differ_and_repeat_with_one_seed():
    run = run_of()
    first = dropout_passes(run, XRAY.test.images, passes=4)
    assert first.shape == (4, 10, 2) and torch.allclose(first.sum(-1), torch.ones(4, 10))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, dropout_passes(run, XRAY.test.images, passes=4))
    assert not torch.equal(first, dropout_passes(run, XRAY.test.images, passes=4, seed=1))


def test_batch_normalisation_and_the_mode_stay_as_they_are():
    """A whole network in training mode would move its statistics, and let one image change the answer to another."""
    run = run_of()
    run.model.eval()
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    dropout_passes(run, XRAY.test.images, passes=2)
    assert all(torch.equal(value, before[name]) for name, value in run.model.state_dict().items())
    assert not any(module.training for module in run.model.modules())
    run.model.train()
    dropout_passes(run, XRAY.test.images, passes=1)
    assert all(module.training for module in run.model.modules())


def test_who_asks_the_model_meanwhile_gets_no_dropout(monkeypatch):
    run, seen = run_of(), []
    run.model.eval()
    before = run.predict(XRAY.test.images)
    reading = run.read
    monkeypatch.setattr(run, "read", lambda logits: seen.append(has_dropout_on(run.model)) or reading(logits))
    dropout_passes(run, XRAY.test.images, passes=3)
    assert seen == [False] * 3 and torch.equal(run.predict(XRAY.test.images), before)


def has_dropout_on(model):
    return any(isinstance(module, nn.Dropout) and module.training for module in model.modules())


def test_the_mean_of_many_passes_lies_near_the_answer_without_dropout():
    run = run_of(0.2)
    many = dropout_passes(run, XRAY.test.images, passes=200).mean(0)
    assert torch.allclose(many, run.predict(XRAY.test.images), atol=0.1)


def test_torchs_own_random_state_is_left_alone():
    before = torch.get_rng_state()
    dropout_passes(run_of(), XRAY.test.images, passes=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_with_dropout_learns_and_keeps_its_names_of_weights():
    network = mt.build("cnn", XRAY, widths=(4, 8, 8))
    names = list(network.state_dict())
    assert not has_dropout(network)
    run = mt.fit(with_dropout(network), XRAY, mt.default_recipe(XRAY.card, "cnn", **AS_IT_IS | {"epochs": 1}))
    assert list(run.model.state_dict()) == names and has_dropout(run.model)


def test_who_says_the_same_does_not_disagree_however_unsure():
    same = np.full((5, 3, 2), 0.5)
    assert disagreement(same) == pytest.approx(np.zeros(3))
    split = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert disagreement(split) == pytest.approx([np.log(2)])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: dropout_passes(run_of(None), XRAY.test.images), "has no dropout"),
        (lambda: dropout_passes(run_of(), XRAY.test.images, passes=0), "passes"),
        (lambda: dropout_passes(run_of(), XRAY.test.images[:0]), "no image"),
        (lambda: with_dropout(nn.Linear(2, 2)), "flatten"),
        (lambda: with_dropout(mt.build("cnn", XRAY), 1.0), "share"),
        (lambda: disagreement([[0.5, 0.5]]), "members, N, classes"),
        (lambda: disagreement([[[np.nan, 0.5]]]), "NaN"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
