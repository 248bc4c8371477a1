"""The experiments about smaller and faster networks, on few phantoms: what is compared with what, and what counts."""

import numpy as np
import pytest

import medtutor as mt
from medtutor.data import phantoms
from medtutor.review import claims
from medtutor.review.experiments import efficiency as trials
from medtutor.review.trials import TRIALS

OURS = [each for each in claims() if each.lesson == "14_efficiency"]


@pytest.fixture(scope="module")
def xray():
    return phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 80, "val": 20, "test": 40})


@pytest.fixture(scope="module")
def run(xray):
    recipe = mt.default_recipe(xray.card, "cnn", epochs=1, shift_at_test=0, optimiser="adamw")
    return mt.fit(mt.build("cnn", xray, widths=(4, 8)), xray, recipe, progress=False)


def contrasts(claim, dataset, values):
    class Told:
        cases = {}

    Told.values = values
    return {each.name: each for each in TRIALS[claim.trial][0]({"x": dataset}, (0, 1), lambda *_, **__: Told)}


def test_every_contrast_of_a_rule_is_yielded_from_what_was_measured(xray, run, monkeypatch):
    monkeypatch.setattr(trials, "AGAIN", dict(epochs=1, learning_rate=1e-3))
    monkeypatch.setattr(trials, "ALONE", dict(epochs=1, learning_rate=1e-3))
    monkeypatch.setattr(trials, "TAUGHT", dict(epochs=1, learning_rate=1e-3))
    monkeypatch.setattr(trials, "CALIBRATION", 16)
    measured = trials.made_smaller(run, xray)
    values = {name: each.number for name, each in measured.items()}
    for claim in OURS:
        if claim.trial == "frames_of_a_loop":
            continue
        found = contrasts(claim, xray, values)
        assert set(claim.rule.contrasts) <= set(found)
        assert all(np.isfinite(each.mean) for each in found.values())
    # What is compared has the same cases, so that the interval can be over them, too.
    assert measured["whole"].labels == measured["taught"].labels == tuple(xray.test.labels.tolist())
    assert values["none"] == 0 and 0 <= values["int8, flipped"] <= 1


def test_a_frame_counts_if_it_was_answered_before_the_next_one(xray, run, monkeypatch):
    monkeypatch.setattr(trials, "ROUNDS", 1)
    monkeypatch.setattr(trials, "SLOW_ROUNDS", 1)
    spent = np.tile([[0.05, 0.02]], (30, 1))  # late by the clock, in time by the processor
    monkeypatch.setattr(trials, "_times", lambda file, answer: spent)
    values = {name: each.number for name, each in trials.in_time(run, xray).items()}
    assert values["answer and map, clock"] == 0 and values["answer and map, processor"] == 1
    (claim,) = [each for each in OURS if each.trial == "frames_of_a_loop"]
    assert set(claim.rule.contrasts) <= set(contrasts(claim, xray, values))


def test_the_loop_is_timed_from_decoding_to_the_answer(run):
    file, seen = trials.get_testdata_file(trials.LOOP, download=False), []
    spent = trials._times(file, seen.append)
    assert spent.shape == (30, 2) and (spent > 0).all()
    assert {tuple(each.shape) for each in seen} == {(1, 28, 28)}
