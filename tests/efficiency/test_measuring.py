"""What a network costs: time by a clock that is known, bytes by a file, energy by counters that are made up."""

import pytest
import torch
from torch import nn

from medtutor.data import card
from medtutor.efficiency import energy, file_bytes, latency, measure_network, measuring, model_latency, peak_memory
from medtutor.errors import InputError
from medtutor.models import build

XRAY = card("pneumoniamnist")


@pytest.fixture
def clock(monkeypatch):
    """The seconds that each piece of work takes, by a clock that nothing else moves."""
    durations, now = [], [0.0]
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: now[0])

    def work():
        now[0] += durations.pop(0)

    return work, durations


def test_the_warm_up_is_told_apart_and_p99_is_a_time_that_was_measured(clock):
    work, durations = clock
    durations += [0.5, 0.1] + [0.001] * 98 + [0.004, 0.002]
    spent = latency(work, repeats=100, warm_up=2)
    assert spent.first == pytest.approx(500)
    assert len(spent.times) == 100 and spent.median == pytest.approx(1)
    assert spent.p99 == pytest.approx(4)


def test_it_is_measured_on_one_thread_and_the_number_of_before_comes_back():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        latency(lambda: seen.append(torch.get_num_threads()), repeats=2, warm_up=1)
        assert seen == [1, 1, 1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"warm_up": 0}, {"repeats": 2.5}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        latency(lambda: None, **wrong)


def test_the_bytes_are_those_of_the_file(tmp_path):
    from safetensors.torch import save_file

    model = build("lenet", XRAY).to(memory_format=torch.channels_last)
    save_file({name: each.contiguous() for name, each in model.state_dict().items()}, tmp_path / "x")
    assert file_bytes(model) == (tmp_path / "x").stat().st_size


def test_a_network_is_left_as_it_was():
    model = build("cnn", XRAY, widths=(4, 8)).train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    cost = measure_network(model, XRAY, batch=2, repeats=3)
    assert model.training and cost.latency.median > 0 and cost.bytes > 4 * cost.parameters
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_answers_are_timed_without_gradients():
    seen = []

    class Looks(nn.Module):
        def forward(self, x):
            seen.append((torch.is_grad_enabled(), self.training))
            return x

    model_latency(Looks(), torch.zeros(1, 3), repeats=1, warm_up=1)
    assert seen == [(False, False)] * 2


def test_energy_is_read_from_counters_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "RAPL", tmp_path)
    assert energy(lambda: None) == "not measurable here"
    for name in ("intel-rapl:0", "intel-rapl:0:0"):  # the second is a part of the first
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text("1000000\n")
    counter = tmp_path / "intel-rapl:0" / "energy_uj"

    def work():
        counter.write_text(str(int(counter.read_text()) + 2500))

    assert energy(work, repeats=4) == "2.5 mJ"
    assert energy(lambda: counter.write_text("0"), repeats=1) == "not measurable here"  # it began again


def test_memory_grows_with_what_was_held():
    before = peak_memory()
    held = bytearray(300_000_000)
    assert before is None or peak_memory() >= before and peak_memory() > len(held)
