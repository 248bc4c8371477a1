"""fit_fusion: repeats, learns what is plain, and says what does not fit."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from conftest import blobs
from sklearn.metrics import roc_auc_score

import medtutor as mt
from medtutor.data.cohort import draw_cohort
from medtutor.data.dataset import normalise
from medtutor.errors import InputError, MedtutorError
from medtutor.models.hybrid import WAYS, Fusion
from medtutor.training.fusion import fit_fusion, predict_fusion


@cache
def cohort():
    squares = mt.from_arrays(
        *[blobs(count, seed) for seed, count in enumerate((160, 20, 200))], classes=["top", "bottom"]
    )
    return draw_cohort(squares, "additive", missing=0.1)


def made(way="early", seed=0, **options):
    torch.manual_seed(seed)
    return Fusion(shape=(16, 16), way=way, **options)


def fitted(model, patients=None, **options):
    return fit_fusion(
        model,
        cohort().train if patients is None else patients,
        progress=False,
        **{"epochs": 2, "batch_size": 32} | options,
    )


def weights(model):
    return [value.clone() for value in model.state_dict().values()]


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other)))


@pytest.mark.parametrize("way", WAYS)
def test_the_same_seed_gives_the_same_weights(way):
    first, again = (fitted(made(way), seed=1, hide=0.2) for _ in range(2))
    assert equal(first, again) and not first.training
    assert not equal(first, made(way))
    assert not equal(first, fitted(made(way), seed=2, hide=0.2))


def test_it_leaves_the_random_state_and_the_patients_alone():
    model, before = made(), cohort().train.table.clone()
    state = torch.random.get_rng_state()
    fitted(model, hide=0.5)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(cohort().train.table.nan_to_num(9.0), before.nan_to_num(9.0))


def plain(column=0):
    """Patients whose outcome is the sign of a number in the table, and their test."""
    pair = []
    for patients in (cohort().train, cohort().test):
        table = patients.table.nan_to_num(0.3)
        pair.append(replace(patients, table=table, labels=(table[:, column] > 0).long()))
    return pair


def test_a_plain_table_is_learned_in_a_second():
    train, test = plain()
    model = fitted(made("table"), train, epochs=20)
    probabilities = predict_fusion(model, test.images, test.table)
    assert roc_auc_score(test.labels, probabilities[:, 1]) > 0.97
    others = predict_fusion(model, test.images, test.table.roll(1, 0))
    assert roc_auc_score(test.labels, others[:, 1]) < 0.7


def test_a_plain_image_is_learned_with_a_table_beside_it():
    train, test = (replace(patients, labels=patients.findings) for patients in (cohort().train, cohort().test))
    model = fitted(made("early"), train, epochs=6)
    assert roc_auc_score(test.labels, predict_fusion(model, test.images, test.table)[:, 1]) > 0.9


def test_hidden_numbers_are_learned_to_be_done_without():
    """Of two numbers that say the same, a model that sees one at a time learns both."""
    train, test = plain()
    twice = [replace(patients, table=patients.table[:, :1].repeat(1, 2)) for patients in (train, test)]
    without = twice[1].table.clone()
    without[:, 0] = float("nan")
    model = fitted(made("table"), twice[0], epochs=30, hide=0.4)
    assert roc_auc_score(test.labels, predict_fusion(model, test.images, without)[:, 1]) > 0.95


def test_predictions_are_probabilities_in_any_batches():
    model = fitted(made())
    test = cohort().test
    all_at_once = predict_fusion(model, test.images, test.table)
    assert all_at_once.shape == (200, 2) and all_at_once.sum(1) == pytest.approx(torch.ones(200), abs=1e-6)
    assert predict_fusion(model, test.images, test.table, batch_size=7) == pytest.approx(all_at_once, abs=1e-5)
    with torch.no_grad():
        assert model(normalise(test.images), test.table).softmax(1) == pytest.approx(all_at_once, abs=1e-5)


def test_predicting_does_not_change_a_model_in_training():
    model = made().train()
    before = weights(model)
    first = predict_fusion(model, cohort().test.images, cohort().test.table)
    assert model.training and all(torch.equal(a, b) for a, b in zip(before, weights(model)))
    assert torch.equal(first, predict_fusion(model.eval(), cohort().test.images, cohort().test.table))


def test_more_in_a_batch_than_there_are_patients():
    few = replace(
        cohort().train,
        **{name: getattr(cohort().train, name)[:5] for name in ("images", "table", "labels", "findings", "chances")},
    )
    assert not fitted(made(), few, batch_size=64, epochs=1).training
    alike = replace(few, labels=torch.zeros(5, dtype=torch.int64))
    fitted(made(), alike, epochs=1)  # all with the same outcome: nothing to learn, and no error
    one = replace(
        few, **{name: getattr(few, name)[:1] for name in ("images", "table", "labels", "findings", "chances")}
    )
    with pytest.raises(InputError, match="there are 1 patients; give at least 2"):
        fitted(made(), one)


def test_wrong_numbers_are_said():
    for options, words in (
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": True}, "epochs is True"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"learning_rate": 0}, "learning rate is 0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"hide": 1.0}, "hide is 1.0"),
        ({"hide": -0.1}, "hide is -0.1"),
    ):
        with pytest.raises(InputError, match=words):
            fitted(made(), **options)


def test_models_that_do_not_fit_are_said_and_left_as_they_were():
    model = made(columns=3).train()
    before = weights(model)
    with pytest.raises(InputError, match=r"does not take images \(1, 16, 16\) with a table of 2 columns .*Fusion\("):
        fitted(model)
    assert model.training and all(torch.equal(a, b) for a, b in zip(before, weights(model)))
    with pytest.raises(InputError, match="does not take images"):
        fitted(made(channels=3))
    with pytest.raises(InputError, match="does not take images"):
        fitted(torch.nn.Linear(2, 2))
    with pytest.raises(InputError, match=r"answers \(2, 5\) for two patients"):
        fitted(made(classes=5))


def test_a_loss_that_is_no_number_is_said():
    model = made()
    torch.nn.init.constant_(model.answer[0].weight, float("nan"))
    with pytest.raises(MedtutorError, match="loss is nan in epoch 1"):
        fitted(model)
