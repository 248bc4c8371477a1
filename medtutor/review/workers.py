"""Evidence of several claims at once, by an `Executor`: processes on this machine, or a Dask cluster.

A worker takes one claim after the other and trains on one thread. What goes to a worker and back are pickles: they
pass between processes that the user has started, never through a file, and a cluster is only asked where its address
was given.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..checks import whole
from ..errors import InputError, MedtutorError
from .evidence import Evidence, code_of
from .plan import sharing

# A worker of Dask may have several threads; torch's random numbers belong to the process.
_ONE_AT_A_TIME = threading.Lock()
SECONDS = 20  # for a cluster to answer


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """An executor of processes on this machine, which end with this one. Raises `InputError` for a count below 1.

    >>> from medtutor.review.workers import processes
    >>> with processes(2) as executor:
    ...     executor.submit(sum, [1, 2]).result()
    3
    """
    whole("processes", count, 1)
    executor = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _end_with_parent)
    before = set(multiprocessing.active_children())
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        # They would work on until their claim has its evidence.
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    executor.shutdown()


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """The executor of a Dask cluster, whose workers have this medtutor installed.

    Raises `InputError` where `distributed` is not installed, and where nothing answers at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError('a Dask cluster needs distributed; run: pip install "medtutor[dask]"') from None
    try:
        client = Client(address, timeout=SECONDS)
    except (OSError, ValueError, TypeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"no Dask cluster answers at {address} ({said}); start it, or mend --dask") from None
    with client, client.get_executor(pure=False) as executor:
        yield executor


def collect(
    chosen: Sequence[Any],
    executor: Executor,
    *,
    load: Callable[[str], Any],
    folder: Path,
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    report: Callable[[str], object] = lambda line: None,
) -> Iterator[tuple[Any, Evidence]]:
    """(claim, its `Evidence`) of each `Claim`, as they come in. The numbers are those of `run_trial` on one thread.

    `load` is a function that the workers can import: load(name) -> Dataset. Claims that share trainings go to one
    worker, the longest first. Trainings are kept in `folder`, where the workers see it too: what was interrupted goes
    on after the last of them.

    Raises what a worker raised, in one sentence that begins with the claim, as an `InputError` or `MedtutorError`.
    """
    from .kept import use

    options = {"load": load, "seeds": seeds, "folder": folder, "device": device, "progress": False}
    futures = {}
    for group in sharing(chosen):
        futures[executor.submit(_evidence_of, group, options)] = group
    for future in as_completed(futures):
        group = futures[future]
        names = ", ".join(claim.id for claim in group)
        try:
            found, used = future.result()
        except MedtutorError:
            raise
        except BrokenExecutor:
            raise MedtutorError(
                f"{names}: a process ended before its work was done, perhaps for want of memory; "
                "the finished trainings are kept: the same command goes on after them"
            ) from None
        except Exception as error:
            said = (str(error).splitlines() or [""])[0]
            raise MedtutorError(f"{names}: a worker failed ({type(error).__name__}: {said})") from error
        use(folder, used)
        for claim, evidence in zip(group, found):
            if evidence.code != code_of(claim.trial):
                raise InputError(f"{claim.id}: the worker has another medtutor; install this one there, too")
            report(f"{claim.id}: {evidence.seconds:.0f} s of training")
            yield claim, evidence


def load_published(name, source=None, root=None):
    """The data set of a claim: as published, unless another source is asked for."""
    from ..data.catalog import publisher
    from ..data.loading import load

    return load(name, source=source or publisher(name), root=root)


def _evidence_of(group, options):
    """In a worker: ([evidence of each claim, …], the fingerprints of the trainings that they used)."""
    with _ONE_AT_A_TIME:
        os.environ["OMP_NUM_THREADS"] = "1"  # `choose_threads` leaves that alone
        import torch

        from .kept import hand_over
        from .trials import run_trial

        torch.set_num_threads(1)
        say = partial(print, file=sys.stderr, flush=True)
        found = []
        for claim in group:
            try:
                found.append(run_trial(claim, report=say, **options))
            except MedtutorError as error:
                raise type(error)(f"{claim.id}: {error}") from None
        return found, hand_over(options["folder"])


def _end_with_parent():
    """A worker whose parent was killed would wait for work for ever."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
