"""What the tests share: small data sets, and no look at the user's own files."""

import os

# Before torch is imported: tests train tiny networks, two threads only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal
from pathlib import Path

import numpy as np
import pytest

import medtutor as mt
from medtutor.training.processes import slowness

HERE = Path(__file__).parent


# Files that take above eight seconds, on one core of the machine where that was measured; `make test-quick` leaves
# them out, and the browser's.
SLOW = """
test_bench test_cli test_every_task test_files test_homeless test_main_job test_public_api browser
clinic/test_deidentify clinic/test_watch clinic/test_watch_command
course/test_builder course/test_check course/test_grading course/test_inspection course/test_nbval course/test_products
data/sources/test_fetching
explanation/test_attribution explanation/test_explain_command explanation/test_models explanation/test_trust
explorers/test_attention_explorer explorers/test_attribution_explorer explorers/test_classification_explorer
explorers/test_every_explorer explorers/test_fresh_and_followed explorers/test_generator_explorer
review/test_screening review/test_transformer_trials review/test_trial_command review/test_trials
pages/test_document pages/test_graph
training/test_gan_training training/test_processes training/test_run training/test_speedups
""".split()


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out the files that take longest")


def pytest_ignore_collect(collection_path, config):
    place = collection_path.relative_to(HERE).with_suffix("") if collection_path.is_relative_to(HERE) else None
    return True if config.option.quick and place and place.as_posix() in SLOW else None


def pytest_configure(config):
    """A cell of a notebook may take longer by as much as this machine is slower than the reference, and never less."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; tests send Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    given = getattr(config.option, "nbval_cell_timeout", 0)
    config.option.nbval_cell_timeout = max(given, 300 * slowness())


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """A home without data, and no MEDTUTOR_DATA: what a new user has."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MEDTUTOR_DATA", raising=False)
    return tmp_path / "home"


def blobs(count, seed, size=16, channels=1, depth=None, classes=2):
    """(images, labels): a bright square whose place tells the class, in noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    shape = (count, *([depth] if depth else []), size, size, *([channels] if channels == 3 else []))
    images = generator.integers(0, 120, shape, dtype=np.uint8)
    for image, label in zip(images, labels):
        start = 1 + label * (size // classes)
        window = (slice(None),) * (1 if depth else 0) + (slice(start, start + 4), slice(2, 6))
        image[window] = 220
    return images, labels


@pytest.fixture
def tiny():
    """A two-class grey data set that a network learns in a second."""
    return mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), classes=["top", "bottom"], name="tiny")


@pytest.fixture
def quick():
    """A recipe of three short epochs."""
    return mt.Recipe(epochs=3, batch_size=16, rotation=5.0, scale=0.05, shift=1.0)


def pytest_collection_modifyitems(items):
    """The files that take longest first, so that at the end no process works alone. A file's tests stay together."""
    items.sort(key=lambda item: next((n for n, place in enumerate(SLOWEST) if item.nodeid.startswith(place)), 99))


SLOWEST = (
    "notebooks/",
    "tests/browser/",
    "tests/course/test_grading.py",
    "tests/test_every_task.py",
    "tests/review/",
    "tests/test_public_api.py",
)


def pytest_terminal_summary(terminalreporter):
    """The tables that tests have gathered with `record_property`, for who reads their output."""
    passed = terminalreporter.getreports("passed")

    def gathered(wanted):
        return [value for report in passed for name, value in report.user_properties if name == wanted]

    if milliseconds := gathered("milliseconds"):
        measured = ", ".join(f"{what} {wait:.0f}" for what, wait in milliseconds)
        terminalreporter.write_line(f"median milliseconds, from key press to changed picture unless said: {measured}")
    if lacks := {
        report.longrepr[2] for report in terminalreporter.getreports("skipped") if "/browser/" in report.nodeid
    }:
        terminalreporter.write_line(f"browser tests skipped: {'; '.join(sorted(lacks))}", yellow=True)
    if cells := gathered("cell"):
        _write_cells(terminalreporter, {(name, task, form): words for name, task, form, words in cells})
    if refused := gathered("refused"):
        terminalreporter.section("wrong answers, and the hint each one gets")
        widths = [max(map(len, column)) for column in zip(*refused)]
        for exercise, mistake, hint in refused:
            terminalreporter.write_line(f"{exercise:{widths[0]}}  {mistake:{widths[1]}}  {hint}")


def _write_cells(terminalreporter, cells):
    """A line for each function, a column for each task and form: + works, else the number of the sentence below."""
    terminalreporter.section("every task through every public function")
    tasks, forms = (list(dict.fromkeys(key[place] for key in cells)) for place in (1, 2))
    names = list(dict.fromkeys(key[0] for key in cells))
    sentences = list(dict.fromkeys(words for words in cells.values() if words))
    wide, cell = max(map(len, names)) + 2, 3 * len(forms) + 1
    terminalreporter.write_line(f"{'':{wide}}" + "".join(f"{task[: cell - 1]:{cell}}" for task in tasks))
    terminalreporter.write_line(f"{'':{wide}}" + ("".join(f"{form[:2]:3}" for form in forms) + " ") * len(tasks))
    for name in names:
        line = f"{name:{wide}}"
        for task in tasks:
            for form in forms:
                words = cells.get((name, task, form))
                line += f"{'?' if words is None else sentences.index(words) + 1 if words else '+':<3}"
            line += " "
        terminalreporter.write_line(line.rstrip())
    for number, words in enumerate(sentences, 1):
        terminalreporter.write_line(f"{number:3} … {words} …")
