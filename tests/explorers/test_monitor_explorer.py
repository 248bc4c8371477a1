"""The monitor explorer: its numbers are those of the detectors, its threshold chosen in advance, it answers at once."""

import statistics
import time
from functools import cache

import numpy as np
import pytest

import medtutor as mt
from medtutor.clinic.monitoring import CHANGES, SIGNALS, followed, limit_in_advance
from medtutor.data import phantoms
from medtutor.errors import InputError
from medtutor.explorers import monitor
from medtutor.explorers.monitor import CHANGE, LENGTH, STREAMS
from medtutor.metrics import first_alarm, run_length


@cache
def trained():
    dataset = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 60, "val": 120, "test": 20})
    return mt.fit(mt.build("mlp", dataset), dataset, mt.Recipe(epochs=1), progress=False), dataset


@pytest.fixture
def explorer():
    return monitor(*trained())


@pytest.mark.parametrize("detector", ["CUSUM", "KS"])
@pytest.mark.parametrize("change", CHANGES)
def test_delay_misses_and_false_alarms_are_those_of_the_streams(explorer, detector, change):
    explorer.detector.value, explorer.change.value, explorer.signal.value = detector, change, "sharpness"
    usual = explorer._usual["sharpness"]
    threshold = limit_in_advance(detector, usual, 1000)
    assert explorer.threshold.value == pytest.approx(threshold, abs=0.01)
    quiet, changed = (followed(detector, each, usual) for each in explorer._values)
    alarms = first_alarm(changed, explorer.threshold.value)
    after = np.sort(alarms[alarms > CHANGE] - CHANGE)
    assert explorer.false == np.mean(alarms <= CHANGE)
    assert explorer.delay == after[(len(after) - 1) // 2] and explorer.missed == np.isinf(after).mean()
    assert explorer.measured == run_length(quiet, explorer.threshold.value)
    assert alarms.shape == (STREAMS,) and changed.shape == (STREAMS, LENGTH)


def test_a_larger_change_is_noticed_sooner_and_none_not_at_all(explorer):
    explorer.signal.value, explorer.change.value = "sharpness", "noise"
    delays = []
    for size in (0.1, 0.3, 1.0):
        explorer.size.value = size
        delays.append(explorer.delay)
    assert delays == sorted(delays, reverse=True) and delays[0] > delays[-1] and delays[-1] < 30
    explorer.size.value = 0.0
    assert (explorer._with_change == explorer._without_change).all() and "nothing changes" in explorer._meaning.value


def test_the_threshold_follows_the_choice_until_it_is_moved(explorer):
    low = explorer.threshold.value
    explorer.cases.value = 5000
    assert explorer.threshold.value > low
    explorer.threshold.value = 2.0
    assert f"{explorer.measured:,.0f} images" in explorer._numbers.value
    explorer.stream.value = 2
    assert explorer.threshold.value == 2.0


def test_only_the_control_of_the_detector_is_there(explorer):
    assert (explorer.slack.layout.display, explorer.window.layout.display) == (None, "none")
    explorer.detector.value = "KS"
    assert (explorer.slack.layout.display, explorer.window.layout.display) == ("none", None)


def test_every_signal_and_change_is_told_without_an_error(explorer):
    for signal in SIGNALS:
        for change in CHANGES:
            explorer.signal.value, explorer.change.value = signal, change
            assert explorer.message.value == "" and SIGNALS[signal] in explorer._meaning.value.replace("&#x27;", "'")


@pytest.mark.parametrize(
    "name, values",
    [
        ("threshold", np.linspace(1, 8, 9)),
        ("size", [0.1, 0.2, 0.5, 1.0, 0.3]),
        ("slack", [0.2, 0.4, 0.8, 1.2]),
        ("stream", range(2, 9)),
        ("change", ["noise", "blur", "prevalence", "contrast"]),
        ("signal", ["features", "sharpness", "brightness", "score"]),
        ("cases", [200, 5000, 1000]),
    ],
)
def test_every_control_answers_within_a_tenth_of_a_second(explorer, name, values):
    spent = []
    for value in values:
        begin = time.process_time()
        getattr(explorer, name).value = value
        spent.append(time.process_time() - begin)
    assert statistics.median(spent) < 0.1


def test_a_window_answers_at_once(explorer):
    """Within a tenth of a second where nothing else runs: some times as long as a hundred sums over all streams."""
    explorer.detector.value = "KS"
    values, spent, summed = np.zeros((STREAMS, LENGTH), dtype=bool), [], []
    for value in (20, 40, 100, 200):
        begin = time.process_time()
        explorer.window.value = value
        spent.append(time.process_time() - begin)
        begin = time.process_time()
        for _ in range(100):
            np.cumsum(values, axis=-1, dtype=np.int32)
        summed.append(time.process_time() - begin)
    assert statistics.median(spent) < 10 * statistics.median(summed), (spent, summed)


def test_what_is_not_fit_is_refused():
    run, dataset = trained()
    with pytest.raises(InputError, match="at least 40"):
        monitor(run, dataset, "test")
    with pytest.raises(InputError, match="val"):
        monitor(run, dataset, "train")
    with pytest.raises(InputError, match="takes a Run"):
        monitor(dataset, run)
