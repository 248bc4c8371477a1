"""The profiles of the fuzz tests, and the line that counts their cases."""

import time
from pathlib import Path

import pytest
from hypothesis import settings

from .harness import PROFILES, Counter, register_profiles

register_profiles()
settings.load_profile("brief")
LEAST = 2000  # cases of `make fuzz`
_begin = time.monotonic()


@pytest.fixture(autouse=True, scope="module")
def nobody_home(tmp_path_factory):
    """A home without data and guesses, and no network: the tests see nothing of whoever runs them."""
    from medtutor.data.sources import medmnist

    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        patch.setenv("MEDTUTOR_HOME", str(home / "guesses"))
        patch.delenv("MEDTUTOR_DATA", raising=False)
        patch.setattr(medmnist, "address", lambda name, size=28: ("http://127.0.0.1:9/x.npz", "0" * 32))
        yield home


def _too_few(config):
    """Whether this is all of `make fuzz`, and yet fewer cases ran than it promises."""
    whole = [Path(given).name for given in config.args] == ["fuzz"] and not config.option.keyword
    return whole and settings.default.max_examples == PROFILES["fuzz"] and Counter.cases < LEAST


def pytest_sessionfinish(session):
    if _too_few(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if Counter.cases:
        terminalreporter.write_line(f"fuzz: {Counter.cases} cases in {time.monotonic() - _begin:.0f} s")
    if _too_few(config):
        terminalreporter.write_line(f"fuzz: that is fewer than {LEAST}")
