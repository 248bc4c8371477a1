"""Fixtures of the browser tests: one JupyterLab and one Chromium for all of them.

Where there is no browser they are skipped, and the summary of tests/conftest.py says in one
line how to get it. With MEDTUTOR_NEEDS_BROWSER=1 that is an error instead.
"""

import os
import subprocess
import tarfile

import pytest

from .lab import FLAGS, JupyterLab, NotebookPage, chromium, missing


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: drives a real JupyterLab in Chromium; skipped where there is none")


@pytest.fixture(scope="package")
def chrome():
    """A running headless Chromium, of playwright's sync API."""
    if lack := missing():
        if os.environ.get("MEDTUTOR_NEEDS_BROWSER") == "1":
            pytest.fail(f"MEDTUTOR_NEEDS_BROWSER=1, but {lack}", pytrace=False)
        pytest.skip(lack)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab(chrome, tmp_path_factory):
    """A running `JupyterLab` on an empty folder."""
    server = JupyterLab(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home"))
    yield server
    server.stop()


@pytest.fixture
def page(chrome, lab):
    """A `NotebookPage` in a fresh browser profile; checked again when the test is over, and its kernel ended."""
    context = chrome.new_context(viewport={"width": 1200, "height": 1200})
    page = NotebookPage(context.new_page(), lab)
    yield page
    try:
        page.check()
    finally:
        context.close()
        lab.end_kernels()


@pytest.fixture
def notebook(page, lab):
    """A function: code cells -> their `NotebookPage`, run to the end and checked."""

    def run(*cells):
        page.open(lab.write(f"n{os.urandom(4).hex()}.ipynb", *cells)).run_all()
        page.check()
        return page

    return run


@pytest.fixture(scope="package")
def axe(chrome, tmp_path_factory):
    """The text of axe-core, which finds faults of accessibility in a page; fetched from npm."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        subprocess.run(["npm", "pack", "axe-core@4"], cwd=folder, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        lack = f"axe-core cannot be fetched with npm ({type(error).__name__}); get npm, and a way to its registry"
        if os.environ.get("MEDTUTOR_NEEDS_BROWSER") == "1":
            pytest.fail(f"MEDTUTOR_NEEDS_BROWSER=1, but {lack}", pytrace=False)
        pytest.skip(lack)
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()
