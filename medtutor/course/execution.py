"""Run a notebook's cells in a kernel, measured, and say in a sentence where it failed."""

import math
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass

from ..errors import InputError, MedtutorError
from ..training.processes import seconds_of_children, slowness
from .memory import Memory

# On the reference machine; `slowness` times as long on a slower one.
CELL_SECONDS = 180


@dataclass(frozen=True)
class Cost:
    """What executing a notebook took.

    seconds  wall time
    peak     most bytes of memory of their own that the kernel and what it starts held at once
    mapped   most bytes of files, such as torch's libraries, that they had in memory at once: how many differs
             from build to build of torch, and the system takes them back where memory is short
    worked   seconds of the processor, over all its cores: more where other programs share a core and its caches
    """

    seconds: float
    peak: int
    mapped: int = 0
    worked: float = 0.0

    def __str__(self):
        return (
            f"{self.seconds:.0f} s ({self.worked:.0f} s of the processor), {self.peak / 1e9:.2f} GB of its own and"
            f" {self.mapped / 1e9:.2f} GB of files"
        )


def needed(package):
    """A package that only building needs."""
    try:
        return __import__(package)
    except ImportError:
        raise InputError(f'building lessons needs {package}; run: pip install "medtutor[dev]"') from None


def cell_seconds():
    """The whole seconds that a cell may take on this machine."""
    return math.ceil(CELL_SECONDS * slowness())


def execute(notebook, source):
    """Run all cells in the folder of the notebooks, in place; the `Cost`.

    Raises `MedtutorError` with the error of the first cell that fails, takes too
    long or ends the kernel, and where no kernel starts; `KeyboardInterrupt` where
    the user stops it.
    """
    nbclient = needed("nbclient")
    needed("psutil")
    at = [None]
    client = nbclient.NotebookClient(
        notebook,
        timeout=cell_seconds(),
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(source.parent.parent)}},
        on_cell_execute=lambda cell_index, **_: at.append(cell_index),
    )
    start, worked = time.perf_counter(), seconds_of_children()
    try:
        with tempfile.TemporaryDirectory() as home, Memory() as memory:
            # A home of its own: whoever builds has perhaps made guesses already. What the kernel's own machinery says
            # is no news.
            client.execute(env={**os.environ, "MEDTUTOR_HOME": home}, stderr=subprocess.DEVNULL)
    except Exception as error:
        # On Ctrl-C nbclient ends the kernel, and then meets whatever it meets.
        if getattr(client, "_async_cleanup_kernel_future", None) is not None:
            raise KeyboardInterrupt from None
        raise MedtutorError(_what_failed(error, source.name, notebook, at[-1])) from error
    return Cost(time.perf_counter() - start, memory.peak, memory.mapped, seconds_of_children() - worked)


def _what_failed(error, name, notebook, place):
    """One sentence about what ended an execution, and where."""
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    if isinstance(error, NoSuchKernel):
        return f'{name} was not run: Jupyter knows no kernel {error.name}; run: pip install "medtutor[dev]"'
    if place is None:
        return (
            f"{name} was not run: no kernel started ({_first_line(error)}); medtutor doctor says what is missing here"
        )
    line = next(iter(notebook.cells[place].source.strip().splitlines()), "")
    where = f"{name} did not run to its end: cell {place + 1} (“{line[:60]}”)"
    if isinstance(error, DeadKernelError):
        return (
            f"{where} ended the kernel, most likely because memory ran out; close what else needs memory, or let the"
            " cell need less"
        )
    if isinstance(error, CellTimeoutError):
        return f"{where} took longer than {cell_seconds()} s; let it do less, or load what it trains"
    if isinstance(error, CellExecutionError):
        said = f"{error.ename}: {next(iter(error.evalue.strip().splitlines()), '')}"
        return f"{where} stopped with {said.removesuffix(': ')}; run its notebook to see the cell"
    return f"{where} was cut off by {type(error).__name__} ({_first_line(error)}); build again"


def _first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
