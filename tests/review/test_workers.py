"""Evidence by processes and by a Dask cluster is the evidence of one process, and a failure names its claim."""

import os
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import replace

import psutil
import pytest
from conftest import blobs

import medtutor as mt
from medtutor import cli
from medtutor.errors import InputError, MedtutorError
from medtutor.review import Rule, claim, workers
from medtutor.review.kept import PLACE, forget_trainings
from medtutor.review.trials import run_trial

IDS = ("cnn-beats-mlp", "cnn-keeps-lead-shifted")


def short(claim_id, *seeds):
    """A claim whose trainings take a moment."""
    settings = {"epochs": {"tiny": 1}, "recipe": {"shift_at_test": 0, "batch_size": 16}, "moves": []}
    return replace(claim(claim_id), rule=Rule("above", "AUC", 0.015, "tiny"), settings=settings, seeds=seeds)


def load(name):
    """In every worker."""
    return mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), name=name)


@pytest.fixture(scope="module")
def chosen():
    """Two claims that share their trainings, and a third."""
    return [short("cnn-beats-mlp", 0, 1), replace(short("cnn-beats-mlp", 0, 1), id="twin"), short(IDS[1], 2, 3)]


@pytest.fixture(scope="module")
def alone(chosen, tmp_path_factory):
    """What one process comes to."""
    folder = tmp_path_factory.mktemp("alone")
    return {each.id: without_times(run_trial(each, load=load, folder=folder, progress=False)) for each in chosen}


def without_times(evidence):
    return replace(evidence, seconds=0.0).as_record()


def collected(chosen, executor, folder):
    found = workers.collect(chosen, executor, folder=folder, load=load)
    return {each.id: without_times(evidence) for each, evidence in found}


def test_two_processes_come_to_what_one_does(chosen, alone, tmp_path):
    with workers.processes(2) as executor:
        assert collected(chosen, executor, tmp_path) == alone
    kept = sorted((tmp_path / PLACE).glob("*.json"))
    assert len(kept) == 8  # two claims share four of twelve
    forget_trainings(tmp_path)
    assert not (tmp_path / PLACE).exists()


def test_a_dask_cluster_of_two_workers_comes_to_what_one_process_does(chosen, alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": tmp_path}
    with distributed.LocalCluster(**settings, silence_logs=50) as cluster:
        with workers.dask_cluster(cluster.scheduler_address) as executor:
            assert collected(chosen, executor, tmp_path) == alone


def test_no_cluster_at_the_address(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "SECONDS", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://here"):
        with pytest.raises(InputError, match="no Dask cluster answers at .*--dask"):
            workers.dask_cluster(address).__enter__()


def test_without_distributed_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="pip install"):
        workers.dask_cluster("tcp://127.0.0.1:9").__enter__()


class Here:
    """An executor without processes."""

    def submit(self, function, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_a_failure_names_its_claim(chosen, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    unknown = replace(chosen[0], trial="alchemy")
    with pytest.raises(InputError, match="^cnn-beats-mlp: unknown trial"):
        collected([unknown], Here(), tmp_path)
    monkeypatch.setattr("medtutor.review.trials.fit", lambda *_, **__: 1 / 0)
    with pytest.raises(MedtutorError, match="^cnn-beats-mlp, twin: a worker failed .ZeroDivisionError"):
        collected(chosen[:2], Here(), tmp_path)


def test_a_process_that_ends_is_told(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_evidence_of", end)
    with pytest.raises(MedtutorError, match="^cnn-beats-mlp.*a process ended.*goes on after them"):
        with workers.processes(1) as executor:
            list(workers.collect(chosen[:1], executor, folder=tmp_path, load=load))


def end(*_):
    os._exit(3)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--processes", "0"], "--processes must be a whole number from 1, not 0"),
        (["--processes", "two"], "invalid int value"),
        (["--processes", "2", "--dask", "tcp://x:1"], "not allowed with argument"),
    ],
)
def test_wrong_numbers_of_workers(arguments, words, capsys, tmp_path):
    assert cli.main(["trial", "run", IDS[0], "--out", str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\nfrom pathlib import Path\nfrom medtutor.review.workers import processes\n"
        "if __name__ == '__main__':\n"
        "    with processes(1) as executor:\n"
        "        print(executor.submit(os.getpid).result(), flush=True)\n        os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100)
    worker = int(done.stdout)
    try:
        psutil.Process(worker).wait(20)
    except psutil.NoSuchProcess:
        pass
    assert not psutil.pid_exists(worker)
