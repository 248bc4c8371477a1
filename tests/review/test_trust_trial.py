"""The experiment about promises: each test image is judged by what the *other* half has calibrated."""

import numpy as np

import medtutor as mt
from medtutor.data import phantoms
from medtutor.metrics.calibration import overconfidence
from medtutor.review.experiments import trust
from medtutor.training import uncertainty


def test_halves_are_calibrated_on_each_other_and_put_back_in_order():
    half = np.array([True, False, False, True, False])
    seen = []

    def of(here, there):
        assert not (here & there).any() and (here | there).all()
        seen.append(here.tolist())
        return np.flatnonzero(here)

    assert trust._of_halves(half, of).tolist() == [0, 1, 2, 3, 4] and len(seen) == 2


def test_what_is_measured_is_of_all_test_images_and_of_each_class(monkeypatch):
    xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 40, "val": 30, "test": 40})
    monkeypatch.setattr(uncertainty, "BATCH", 16)
    found = trust.promises(mt.Recipe(epochs=1, seed=3), xray)
    ill = int(xray.test.labels.sum())
    lengths = {name: len(np.asarray(trust_values(each))) for name, each in found.items()}
    assert lengths.pop("covered val 1") == ill and lengths.pop("covered other by class 0") == 40 - ill
    assert {length for name, length in lengths.items() if name[-1] not in "01"} == {40}
    whole = found["covered val"].number * 40
    parts = found["covered val 0"].number * (40 - ill) + found["covered val 1"].number * ill
    assert abs(whole - parts) < 1e-6
    again = trust.promises(mt.Recipe(epochs=1, seed=3), xray)
    assert {name: each.number for name, each in found.items()} == {name: each.number for name, each in again.items()}
    # The first network is looked at, the ensemble is of all three.
    run = trust._trained(xray, 1, 9)
    assert abs(found["over plain"].number - overconfidence(run.predictions["test"], xray.test.labels)) < 1e-6


def trust_values(case):
    from medtutor.review.cases import unpacked

    return unpacked(case.values, case.columns)
