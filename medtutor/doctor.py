"""What works on this machine, and what to do about the rest."""

import os
import platform
import shutil
import socket
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlparse

from .errors import InputError


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `needed`: without it, no lesson runs."""

    subject: str
    ok: bool
    text: str
    remedy: str = ""
    needed: bool = False


def examine():
    """[Finding, …] about Python, torch, memory, data, network and notebooks."""
    return [_python(), _torch(), _threads(), _memory(), _data(), _writable(), _network(), *_notebooks()]


def _python():
    ok = sys.version_info >= (3, 11)
    return Finding("python", ok, platform.python_version(), "" if ok else "install Python 3.11 or newer", needed=True)


def _torch():
    import torch

    device = f"GPU {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "CPU"
    return Finding("torch", True, f"{version('torch')}, trains on the {device}", needed=True)


def _threads():
    from .training.processes import cpu_quota, measure_threads

    seen, quota = os.cpu_count(), cpu_quota()
    text = f"{quota} of {seen} CPUs may be used"
    given = os.environ.get("OMP_NUM_THREADS")
    if given and given.isdigit() and int(given) > quota:
        return Finding("threads", False, f"OMP_NUM_THREADS={given}, but {text}", "unset OMP_NUM_THREADS")
    if quota == 1:
        return Finding("threads", True, text)
    seconds = measure_threads(quota)
    best = min(seconds, key=seconds.get)
    speeds = ", ".join(f"{count} threads {seconds[1] / seconds[count]:.1f}" for count in seconds if count > 1)
    text += f"; as fast as one thread just now: {speeds} times; training takes {given or best}"
    if best < quota and not given:
        return Finding(
            "threads",
            False,
            text,
            "other work keeps the CPUs busy; stop it, or let training run on fewer threads, as it will",
        )
    return Finding("threads", True, text)


def _memory():
    from .data.sources.decoded import available_memory
    from .training.processes import LESSON_BYTES

    free = available_memory()
    remedy = "" if free > LESSON_BYTES else f"close other programs: a lesson takes up to {LESSON_BYTES / 1e9:g} GB"
    return Finding("memory", free > LESSON_BYTES, f"{free / 1e9:.1f} GB free", remedy)


def _data():
    from .data import catalog
    from .data.loading import find, folders

    try:
        sets = [name for name in catalog.names() if catalog.publisher(name) == "medmnist"]
        found = [name for name in sets if find(name)]
        others = "".join(f"; {name} is on disk" for name in catalog.names() if name not in sets and find(name))
    except InputError as error:
        return Finding("data", False, str(error), "set MEDTUTOR_DATA to a folder")
    looked = ", ".join(map(str, folders())) or "no folder: there is no home folder, and MEDTUTOR_DATA is not set"
    if found:
        text = (
            f"{len(found)} of {len(sets)} MedMNIST sets on disk at 28 px ({', '.join(found)}){others}; looked in"
            f" {looked}"
        )
        return Finding("data", True, text)
    return Finding(
        "data",
        False,
        f"no MedMNIST set on disk{others}; looked in {looked}",
        "medtutor data fetch pneumoniamnist; until then lessons use phantoms and say so",
    )


def _writable():
    from .data.loading import folders

    remedy = "set MEDTUTOR_DATA to a folder that can be written, with 0.5 GB free"
    try:
        folder = folders()[0]
    except (InputError, IndexError) as error:
        text = str(error) if isinstance(error, InputError) else "no home folder to keep data in"
        return Finding("folder", False, text, remedy)
    existing = nearest_existing(folder)
    free = shutil.disk_usage(existing).free / 1e9
    ok = can_be_written(folder) and free > 0.5
    remedy = "" if ok else remedy
    return Finding("folder", ok, f"{folder}: {free:.0f} GB free{'' if ok else ', cannot be used'}", remedy)


def nearest_existing(path):
    """The path itself, or the nearest of its parents that exists: where it would be made."""
    return next(place for place in (path, *path.absolute().parents) if os.path.exists(place))


def can_be_written(folder):
    """Whether files can be written to a folder, or it can be made."""
    existing = nearest_existing(folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _network():
    from .data.sources.medmnist import address

    host = urlparse(address("pneumoniamnist")[0]).hostname
    try:
        socket.create_connection((host, 443), timeout=3).close()
        return Finding("network", True, f"{host} answers: missing sets are fetched")
    except OSError as error:
        return Finding(
            "network",
            False,
            f"{host} cannot be reached ({error.strerror or error})",
            "missing sets become phantoms; or copy the files into the data folder by hand",
        )


def _notebooks():
    for package in ("jupyterlab", "ipywidgets"):
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, "not installed", 'pip install "medtutor[lab]"')
