"""The confidence explorer: every number is that of the metrics, calibrated here or there, and no control waits."""

import re
import statistics
import time
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data.corruptions import corrupted
from medtutor.errors import InputError
from medtutor.explorers import confidence
from medtutor.explorers.confidence import NONE, ON_OTHER_HALF, ON_VAL
from medtutor.metrics import calibration as cal
from medtutor.metrics.conformal import SplitConformal, coverage
from medtutor.metrics.selective import at_prevalence, net_benefit
from medtutor.training.run import Run
from medtutor.training.uncertainty import with_dropout


@cache
def phantoms():
    return mt.data.phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 80, "val": 120, "test": 200})


@cache
def run():
    """A `Run` without training, which knows val and is far too sure of test."""
    generator = torch.Generator().manual_seed(0)
    network = with_dropout(mt.build("cnn", phantoms(), widths=(4, 8, 8)))
    made = Run(network, phantoms().card, mt.Recipe(epochs=1), "phantom")
    for split, known, factor in (("val", 2.0, 1.0), ("test", 0.5, 4.0)):
        labels = getattr(phantoms(), split).labels
        score = known * (2 * labels - 1) + 1.5 * torch.randn(len(labels), generator=generator)
        made.labels[split] = labels
        made.predictions[split] = torch.stack([-factor * score, torch.zeros(len(labels))], 1).softmax(1)
    return made


def explorer(split="test"):
    return confidence(run(), phantoms(), split)


def parts(shown):
    """(probabilities looked at, labels, of the other half, labels) by hand."""
    rows = shown._rows
    other = np.setdiff1d(np.arange(200), rows)
    p, y = run().predictions["test"].double().numpy(), run().labels["test"].numpy()
    return p[rows], y[rows], p[other], y[other]


def test_halves_are_apart_and_hold_half_of_each_class():
    shown = explorer()
    here, labels, _, others = parts(shown)
    assert len(labels) + len(others) == 200
    assert np.abs(np.bincount(labels) - np.bincount(others)).max() <= 1


@pytest.mark.parametrize("where", [ON_VAL, ON_OTHER_HALF])
@pytest.mark.parametrize("by_class", [False, True])
def test_sets_and_numbers_are_those_of_the_metrics(where, by_class):
    shown = explorer()
    shown.calibrated_on.value, shown.by_class.value, shown.asked.value = where, by_class, 0.8
    here, labels, other, others = parts(shown)
    val = run().predictions["val"].double().numpy(), run().labels["val"].numpy()
    made = SplitConformal.fit(*(val if where == ON_VAL else (other, others)), 0.8, by_class)
    assert shown.found.share == coverage(made.sets(here), labels).share
    assert shown.bins.ece == pytest.approx(cal.calibration_error(here, labels, 10))
    assert f"The true class is in {shown.found.share:.3f} of them" in shown._bars.value
    assert f"coverage {shown.found.share:.3f}" in shown._numbers.value


def test_the_shift_is_seen_and_the_other_half_mends_it():
    shown = explorer()
    here, labels, other, others = parts(shown)
    assert shown.calibrated_on.value == ON_VAL
    low, _ = shown.found.interval
    assert shown.found.interval[1] < 0.9
    shown.fit_it.click()
    of_val = shown.temperature.value
    shown.calibrated_on.value = ON_OTHER_HALF
    shown.fit_it.click()
    assert shown.temperature.value > 2 * of_val
    assert shown.temperature.value == pytest.approx(min(cal.fit_temperature(np.log(other), others), 5.0), abs=0.03)
    assert shown.found.interval[0] < 0.9 < shown.found.interval[1] + 0.05
    assert shown.bins.ece < cal.calibration_error(here, labels, 10)


def test_the_decision_follows_threshold_and_prevalence():
    shown = explorer()
    here, labels, *_ = parts(shown)
    shown.prevalence.value, shown.threshold.value = 0.2, 0.3
    model, _ = shown._benefit
    assert model[29] == pytest.approx(net_benefit(labels == 1, here[:, 1], [0.3], 0.2)[0] / 0.2)
    assert "Where 20% are pneumonia" in shown._decision.value
    shown.corrected.value = True
    was = run().labels["val"].double().mean().item()
    moved = at_prevalence(here[:, 1], was, 0.2)
    assert shown._benefit[0][29] == pytest.approx(net_benefit(labels == 1, moved, [0.3], 0.2)[0] / 0.2)


def test_a_corruption_asks_the_network_about_corrupted_images():
    shown = explorer()
    shown.corruption.value = "another scanner"
    assert wait_for(lambda: shown._worse is not None)
    images, logs = shown._seen
    assert (images.numpy() == corrupted(shown._images, "another scanner", 3)).all()
    assert np.exp(logs) == pytest.approx(run().predict(images).double().numpy(), abs=1e-4)
    shown.corruption.value = NONE
    assert shown._seen[0] is shown._images and shown.message.value == ""


def wait_for(found, seconds=60):
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.05)
    return found()


def test_one_image_has_its_set_its_doubt_and_its_neighbours():
    shown = explorer()
    shown.number.value = 7
    assert "Passes with dropout disagree" in shown._about.value and "Set: " in shown._about.value
    assert "Image 8 of those looked at" in shown._image.value
    found, away = shown._near
    assert len(found) == 4 and (away.diff() >= 0).all()


def test_a_network_without_dropout_or_features_is_shown_without_them(tiny):
    generator = torch.Generator().manual_seed(0)
    made = Run(mt.build("mlp", tiny), tiny.card, mt.Recipe(epochs=1), tiny.provenance)
    for split in ("val", "test"):
        made.labels[split] = getattr(tiny, split).labels
        made.predictions[split] = torch.rand(len(made.labels[split]), 2, generator=generator).softmax(1)
    shown = confidence(made, tiny)
    assert "dropout" not in shown._about.value and shown.message.value == ""
    assert shown.calibrated_on.options == (ON_OTHER_HALF,)


def test_phantoms_are_marked():
    assert "Phantom images" in explorer().still().alt


def test_no_live_control_waits():
    shown = explorer()
    moves = {
        "temperature": (1.5, 2.0, 2.5),
        "asked": (0.7, 0.8, 0.95),
        "threshold": (0.2, 0.3, 0.4),
        "prevalence": (0.05, 0.2, 0.3),
        "number": (3, 4, 5),
        "bin_count": (5, 15, 20),
        "by_class": (True, False, True),
        "calibrated_on": (ON_OTHER_HALF, ON_VAL, ON_OTHER_HALF),
    }
    for name, values in moves.items():
        took = []
        for value in values:
            begin = time.thread_time()
            getattr(shown, name).value = value
            took.append(time.thread_time() - begin)
        assert statistics.median(took) < 0.1, name
        assert shown.message.value == "", name


def of_three_classes():
    splits = [blobs(60, seed, size=18, classes=3) for seed in range(3)]
    return mt.from_arrays(*splits, classes=["low", "middle", "high"], name="three")


def test_three_classes():
    dataset, generator = of_three_classes(), torch.Generator().manual_seed(0)
    made = Run(mt.build("mlp", dataset), dataset.card, mt.Recipe(epochs=1), dataset.provenance)
    for split in ("val", "test"):
        made.labels[split] = getattr(dataset, split).labels
        made.predictions[split] = torch.rand(60, 3, generator=generator).softmax(1)
    shown = confidence(made, dataset)
    shown.positive.value = 2
    assert re.search("sets of high|high 0|high 1", shown._bars.value) and "are high" in shown._decision.value


def changed(split, **changes):
    other = Run(run().model, run().card, run().recipe, "phantom")
    other.labels, other.predictions = dict(run().labels), dict(run().predictions)
    getattr(other, next(iter(changes)))[split] = next(iter(changes.values()))
    return other


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: confidence(run(), "xray"), "takes a Run and its Dataset"),
        (lambda: confidence(run(), of_three_classes()), "not on this data set"),
        (lambda: confidence(run(), phantoms(), "train"), "no predictions for the train split"),
        (lambda: confidence(changed("test", labels=1 - run().labels["test"]), phantoms(), "test"), "labels .* differ"),
        (lambda: confidence(changed("val", predictions=torch.full((120, 2), torch.nan)), phantoms()), "hold NaN"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_class_of_one_case_is_refused():
    splits = [blobs(24, seed) for seed in range(3)]
    splits[1] = splits[1][0], np.eye(24, dtype=int)[0]
    dataset = mt.from_arrays(*splits, classes=["top", "bottom"], name="one")
    made = Run(mt.build("mlp", dataset), dataset.card, mt.Recipe(epochs=1), dataset.provenance)
    for split in ("val", "test"):
        made.labels[split] = getattr(dataset, split).labels
        made.predictions[split] = torch.full((24, 2), 0.5)
    with pytest.raises(InputError, match="the val split has 1 cases of bottom"):
        confidence(made, dataset)
