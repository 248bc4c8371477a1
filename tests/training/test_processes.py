"""Threads by quota, and two processes that do what one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.errors import InputError
from medtutor.models import MODELS
from medtutor.training import processes
from medtutor.training.processes import cpu_quota, gather_rows, share

HERE = Path(__file__).parent


def launch(count, model):
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    environment = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*start, str(HERE / "worker.py"), model], capture_output=True, text=True, env=environment, timeout=240
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_two_processes_do_what_one_does(model, monkeypatch):
    """With batch normalisation and without; batches and splits of odd sizes. bfloat16 would round the sums."""
    monkeypatch.setenv("MEDTUTOR_PRECISION", "float32")
    one, two = launch(1, model), launch(2, model)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["losses"] == pytest.approx(two["losses"], abs=1e-5)
    # Every case of the split once, in order.
    assert two["labels"] == blobs(27, 2)[1].tolist() and two["test"] == 27
    assert torch.allclose(torch.tensor(one["val"]), torch.tensor(two["val"]), atol=1e-3)
    assert one["auc"] == pytest.approx(two["auc"], abs=1e-3)


def test_bfloat16_learns_what_float32_learns(tiny, quick, monkeypatch):
    """Where the processor has no instructions for it, it is emulated here."""
    monkeypatch.delenv("MEDTUTOR_PRECISION", raising=False)
    monkeypatch.setattr(processes, "_has_bfloat16", lambda: True)
    coarse, again = (mt.fit(mt.build("cnn", tiny), tiny, quick, device="cpu", progress=False) for _ in range(2))
    monkeypatch.setenv("MEDTUTOR_PRECISION", "float32")
    fine = mt.fit(mt.build("cnn", tiny), tiny, quick, device="cpu", progress=False)
    assert (coarse.versions["precision"], fine.versions["precision"]) == ("bfloat16", "float32")
    assert torch.equal(coarse.predictions["test"], again.predictions["test"])
    assert not torch.equal(coarse.predictions["test"], fine.predictions["test"])
    losses = [[row["loss"] for row in run.history] for run in (coarse, fine)]
    assert losses[0] == pytest.approx(losses[1], abs=0.05)
    assert (coarse.predictions["test"] - fine.predictions["test"]).abs().mean() < 0.05
    assert {weight.dtype for weight in coarse.model.parameters()} == {torch.float32}


def test_another_precision_is_refused(tiny, quick, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_PRECISION", "half")
    with pytest.raises(InputError, match="MEDTUTOR_PRECISION is 'half'; set it to float32, or leave it out"):
        mt.fit(mt.build("cnn", tiny), tiny, quick, device="cpu", progress=False)


class Pretend:
    """An Accelerator of three processes, of which this is one after the other."""

    num_processes = 3

    def __init__(self, rows):
        self.rows = rows

    def gather(self, _):
        longest = max(len(rows) for rows in self.rows)
        return torch.cat([torch.cat([r, r.new_zeros(longest - len(r), *r.shape[1:])]) for r in self.rows])


@pytest.mark.parametrize("total", [1, 2, 3, 7, 8, 9])
def test_each_row_is_gathered_once_and_in_order(total):
    rows = torch.arange(total * 2.0).view(total, 2)
    accelerator = Pretend([])
    for index in range(3):
        accelerator.process_index = index
        accelerator.rows.append(rows[share(total, accelerator)])
    assert torch.equal(gather_rows(accelerator.rows[0], total, accelerator), rows)


def test_cgroup_limits(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert list(processes._cgroup_limits(tmp_path)) == [(150000, 100000)]
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert list(processes._cgroup_limits(tmp_path)) == []
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("400000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert list(processes._cgroup_limits(tmp_path)) == [(400000, 100000)]


def test_quota_is_at_least_one_and_never_above_the_machine(monkeypatch):
    assert 1 <= cpu_quota() <= os.cpu_count()
    monkeypatch.setattr(processes, "_cgroup_limits", lambda: [(50_000, 100_000)])
    assert cpu_quota() == 1


def test_a_users_thread_count_is_left_alone(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    processes.choose_threads()
    assert torch.get_num_threads() == before


@pytest.fixture
def without_given_threads(monkeypatch):
    """As on a user's machine; the number of threads of before comes back."""
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processes, "cpu_quota", lambda: 2)
    processes._fastest.cache_clear()
    yield
    processes._fastest.cache_clear()
    torch.set_num_threads(before)


@pytest.mark.parametrize("seconds, chosen", [({1: 0.004, 2: 0.002}, 2), ({1: 0.1, 2: 0.9}, 1)])
def test_the_fastest_number_of_threads_is_taken_and_measured_once(monkeypatch, without_given_threads, seconds, chosen):
    """Once in a process: two runs of one notebook give the same bits."""
    measured = []
    monkeypatch.setattr(processes, "measure_threads", lambda most: measured.append(most) or seconds)
    assert [processes.choose_threads(), processes.choose_threads()] == [chosen, chosen]
    assert torch.get_num_threads() == chosen and measured == [2]


def test_processes_that_train_together_do_not_measure_each_other(monkeypatch, without_given_threads):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(processes, "measure_threads", None)
    assert processes.choose_threads() == 1


@pytest.mark.parametrize("seconds, times", [({1: 0.0084}, 3), ({1: 0.0140, 2: 0.0056}, 2), ({1: 0.0010}, 1)])
def test_slowness_is_beside_the_reference_and_never_below_1(monkeypatch, without_given_threads, seconds, times):
    monkeypatch.setattr(processes, "measure_threads", lambda most, patience: seconds)
    processes.slowness.cache_clear()
    assert processes.slowness() == pytest.approx(times)
    processes.slowness.cache_clear()


def test_measuring_threads_leaves_their_number_and_the_random_state():
    before, state = torch.get_num_threads(), torch.get_rng_state()
    seconds = processes.measure_threads(3, patience=0)
    assert list(seconds) == [1, 2, 3] and all(value > 0 for value in seconds.values())
    assert torch.get_num_threads() == before and torch.equal(torch.get_rng_state(), state)


def test_waiting_threads_sleep_unless_the_user_says_otherwise():
    ask = [sys.executable, "-c", "import os, medtutor; print(os.environ['OMP_WAIT_POLICY'])"]
    for given, found in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"} | given
        assert subprocess.run(ask, capture_output=True, text=True, env=environment).stdout.strip() == found


@pytest.mark.parametrize(
    "given, found",
    [
        ({}, "PASSIVE 1000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"GOMP_SPINCOUNT": "7"}, "PASSIVE 7"),
        ({"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}, "PASSIVE 0"),
    ],
)
def test_threads_of_gnus_openmp_look_a_thousand_times_before_they_sleep(given, found):
    names = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
    ask = [sys.executable, "-c", f"import os, medtutor; print(*map(os.environ.get, {names}))"]
    environment = {key: value for key, value in os.environ.items() if key not in names} | given
    assert subprocess.run(ask, capture_output=True, text=True, env=environment).stdout.strip() == found


def unclean():
    """Memory that was used before, as it is in any program."""
    used = [torch.full((2**power,), float("nan")) for power in range(2, 21)]
    del used


@pytest.mark.parametrize("name, depth", [("cnn", None), ("cnn", 24), ("unet", 24)])
def test_where_every_kernel_fits_a_gradient_in_bfloat16_repeats_whatever_the_memory_held(name, depth):
    """And is that of float32, but for rounding, by which a maximum moves; see findings/onednn_bfloat16_gradient.sh."""
    torch.manual_seed(0)
    shape = (24, 24) if depth is None else (depth, 24, 24)
    model, images = MODELS[name].model(shape=shape), torch.randn(4, 1, *shape)
    assert processes.kernels_fit(model, images) and not processes.kernels_fit(model, images[..., :2, :2])

    def gradient(coarse):
        unclean()
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=coarse):
            answer = model(images)
        answer.float().square().mean().backward()
        return torch.cat([weight.grad.flatten() for weight in model.parameters()])

    fine, first, again = gradient(False), gradient(True), gradient(True)
    assert torch.equal(first, again)
    assert (first - fine).norm() < 0.25 * fine.norm()
