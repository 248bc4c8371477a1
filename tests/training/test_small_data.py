"""Trainings on few labels: remedies do what they say, weights come from elsewhere, and what is of no use is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from medtutor.data import card, phantoms
from medtutor.data.planting import plant_side
from medtutor.data.subsets import draw_labels
from medtutor.errors import InputError
from medtutor.models import build
from medtutor.training import small_data
from medtutor.training.small_data import Setup, features, fit_small, pretrain, probe


@pytest.fixture(scope="module")
def xray():
    return phantoms.draw(card("pneumoniamnist"), {"train": 120, "val": 40, "test": 40})


@pytest.fixture(scope="module")
def few(xray):
    return draw_labels(xray, 20, seed=0)


def weights(model):
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()])


def test_a_training_learns_repeats_and_leaves_torchs_random_state(few):
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    found = fit_small(few, Setup(steps=15, dropout=0.3, augmentation="geometry"), seed=1)
    assert torch.equal(torch.rand(3), wanted)
    again = fit_small(few, Setup(steps=15, dropout=0.3, augmentation="geometry"), seed=1)
    other = fit_small(few, Setup(steps=15, dropout=0.3, augmentation="geometry"), seed=2)
    assert torch.equal(weights(found.model), weights(again.model))
    assert not torch.equal(weights(found.model), weights(other.model))
    assert fit_small(few, Setup(steps=100)).quality(few.train).auc > 0.9 and not found.model.training
    scores = found.scores(few.test.images)
    assert scores.shape == (40, 2) and np.allclose(scores.sum(axis=1), 1)


def test_quality_is_auc_cross_entropy_and_calibration(few, monkeypatch):
    found = fit_small(few, Setup(steps=2))
    chances = np.array([[0.9, 0.1]] * 10)
    monkeypatch.setattr(found, "scores", lambda images: chances)
    cases = small_data.replace(few.test, images=few.test.images[:10], labels=torch.tensor([0] * 6 + [1] * 4))
    of = found.quality(cases)
    assert of.auc == 0.5 and of.calibration == pytest.approx(0.3, abs=1e-6)  # 90 % sure, 60 % right
    assert of.loss == pytest.approx(-(0.6 * np.log(0.9) + 0.4 * np.log(0.1)))


def test_every_remedy_changes_the_training_and_no_two_alike(few):
    plain = Setup(steps=30)
    remedies = {
        "none": {},
        "dropout": {"dropout": 0.5},
        "weight decay": {"weight_decay": 1.0},
        "label smoothing": {"label_smoothing": 0.1},
        "early stopping": {"early_stopping": True},
        "averaging": {"average": 0.9},
        **{kind: {"augmentation": kind} for kind in small_data.AUGMENTATIONS[1:]},
    }
    found = {name: weights(fit_small(few, plain.but(**how)).model) for name, how in remedies.items()}
    names = list(found)
    same = [(a, b) for i, a in enumerate(names) for b in names[:i] if torch.equal(found[a], found[b])]
    assert set(same) <= {("early stopping", "none")}, "which may have stopped at the end"
    decayed, free = found["weight decay"].norm(), found["none"].norm()
    assert decayed < free


def test_dropout_stands_before_linear_layers_and_is_off_afterwards(few):
    found = fit_small(few, Setup(steps=2, dropout=0.5)).model
    kinds = [type(part).__name__ for part in found.classifier]
    assert kinds == ["Flatten", "Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    mlp = fit_small(few, Setup(steps=2, dropout=0.5), model="mlp", width=8).model
    kinds = [type(part).__name__ for part in mlp.layers]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"], "pixels stay"
    x = torch.rand(4, 1, 28, 28)
    assert torch.equal(found(x), found(x))


def test_early_stopping_keeps_the_weights_of_the_lowest_loss_it_saw(few, monkeypatch):
    seen = []
    loss = small_data._loss
    monkeypatch.setattr(small_data, "_loss", lambda *given: seen.append((len(given[2]), loss(*given))) or seen[-1][1])
    found = fit_small(few, Setup(steps=60, learning_rate=2e-2, early_stopping=True))
    assert len(seen) == small_data.LOOKS and {count for count, _ in seen} == {20}, "as many as it learns from"
    rows = torch.randperm(40, generator=torch.Generator().manual_seed(0))[:20]
    kept = loss(found.model, small_data.normalise(few.val.images[rows]), few.val.labels[rows])
    assert kept == pytest.approx(min(value for _, value in seen), abs=1e-6)


def test_a_watched_training_has_a_history_and_is_the_same(few):
    watched, plain = fit_small(few, Setup(steps=20), watch=4), fit_small(few, Setup(steps=20))
    assert [row["step"] for row in watched.history] == [5, 10, 15, 20] and plain.history == ()
    assert torch.equal(weights(watched.model), weights(plain.model))


def test_val_and_test_are_not_learned_from(few):
    """Other images there, the same weights."""
    other = small_data.replace(few, val=few.test, test=few.val)
    assert torch.equal(weights(fit_small(few, Setup(steps=10)).model), weights(fit_small(other, Setup(steps=10)).model))


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "autoencoder"])
def test_weights_from_elsewhere_are_taken_over_but_for_the_head(xray, few, labels):
    breast = phantoms.draw(card("breastmnist"), {"train": 40, "val": 8, "test": 8})
    start = pretrain(breast, labels=labels, epochs=1)
    network = build("lenet", few)
    small_data._take_over(network, start)
    assert torch.equal(weights(network.features), weights(start.features))
    assert not torch.equal(weights(network.features), weights(build("lenet", few).features))
    assert torch.equal(weights(network.classifier), weights(build("lenet", few).classifier))
    tuned = fit_small(few, Setup(steps=2), start=start)
    assert not torch.equal(weights(tuned.model), weights(fit_small(few, Setup(steps=2)).model))


def test_a_probe_leaves_the_weights_as_they_are(few):
    start = build("lenet", few).eval()
    before = weights(start).clone()
    found = probe(start, few)
    assert torch.equal(weights(start), before) and found.scores(few.test.images).shape == (40, 2)
    assert features(start, few.test.images).shape == (40, 400)
    assert found.quality(few.train).auc > 0.9


def test_a_mirror_takes_the_side_away(xray):
    """Of images whose label is the side, a mirror leaves nothing to learn."""
    sides = plant_side(xray)
    plain, mirrored = (
        fit_small(sides, Setup(steps=150, augmentation=kind)).quality(sides.test).auc for kind in ("none", "mirror")
    )
    assert plain > 0.9 and mirrored < 0.75


@pytest.mark.parametrize(
    "given, words",
    [
        ({"dropout": 1.0}, "dropout is 1.0; give a share from 0 to below 1"),
        ({"steps": 0}, "steps is 0; give a whole number from 1"),
        ({"learning_rate": 0}, "the learning rate is 0"),
        ({"augmentation": "mixin"}, "mixing"),
        ({"early_stopping": 1}, "early_stopping must be True or False"),
        ({"weight_decay": -1}, "weight_decay is -1"),
    ],
)
def test_a_setup_that_cannot_be_is_one_sentence(given, words):
    with pytest.raises(InputError, match=words) as refused:
        Setup(**given)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_trained_is_one_sentence(few, xray):
    ill = xray.train.labels == 1
    of_one = small_data.replace(
        xray, train=small_data.replace(few.train, images=xray.train.images[ill], labels=xray.train.labels[ill])
    )
    with pytest.raises(
        InputError, match="are of one class, and nobody learns what it never sees; draw others, or more"
    ):
        fit_small(of_one)
    with pytest.raises(InputError, match="of one class, and nobody learns"):
        probe(build("lenet", few), of_one)
    with pytest.raises(InputError, match="vesselmnist3d does not hold images of one class each"):
        fit_small(phantoms.draw(card("vesselmnist3d"), {"train": 4, "val": 2, "test": 2}))
    with pytest.raises(InputError, match="the convolutions of Linear do not fit into LeNet"):
        fit_small(few, start=nn.Linear(2, 2))
    with pytest.raises(InputError, match="mlp has no convolutions to hand on"):
        pretrain(few, labels=False, model="mlp")
    with pytest.raises(InputError, match="setup must be a Setup"):
        fit_small(few, {"steps": 3})
