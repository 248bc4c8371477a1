"""Colab and Kaggle: links and set-up from one address, and a set-up that leaves torch and numpy alone."""

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from medtutor.course.builder import products, read, retext
from medtutor.course.hosted import SETUP, is_setup, opening_cells, repository
from medtutor.errors import InputError

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/someone/medtutor"
SOURCE = "# %% [markdown]\n# # A lesson\n\n# %%\n1 + 1\n"


@pytest.fixture
def clone(tmp_path):
    """A source in a repository whose address is not set yet; (source, function that sets it)."""
    path = tmp_path / "notebooks" / "source" / "00_example.py"
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)

    def set_address(address):
        (tmp_path / "pyproject.toml").write_text(f'[project]\n[project.urls]\nRepository = "{address}"\n')

    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return path, set_address


def test_lessons_have_badges_exactly_when_the_repository_has_an_address():
    """Until then a badge would lead nowhere."""
    address = repository(ROOT)
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert ("colab-badge.svg" in text) == (address is not None), f"run: medtutor notebooks build --text {path.stem}"
        assert address is None or f"{address.removeprefix('https://')}/blob" in text.replace("/github/", "/github.com/")


def test_the_address_brings_links_and_set_up_without_running_the_lesson(clone):
    source, set_address = clone
    (source.parent.parent / "solutions").mkdir()
    for path, solved in products(source).items():
        notebook = read(source, solved)
        assert len(notebook.cells) == 2
        result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "2"}}
        notebook.cells[1].outputs = [result]
        notebook.cells[1].execution_count = 1
        path.write_text(json.dumps(notebook))
    set_address(ADDRESS)
    for path in retext(source):
        title, badges, setup, code = json.loads(path.read_text())["cells"]
        place = path.relative_to(source.parents[2]).as_posix()
        assert f"colab.research.google.com/github/someone/medtutor/blob/main/{place}" in badges["source"]
        assert f"src={ADDRESS}/blob/main/{place}" in badges["source"]
        assert is_setup(setup["source"]) and ADDRESS in setup["source"] and setup["outputs"] == []
        assert code["outputs"][0]["data"] == {"text/plain": "2"}
    first = [path.read_bytes() for path in products(source)]
    assert [path.read_bytes() for path in retext(source)] == first


@pytest.mark.parametrize("address", ["github.com/a/b", "https://example.org/a/b", "https://github.com/a"])
def test_an_address_that_colab_cannot_open_is_refused(clone, address):
    source, set_address = clone
    set_address(address)
    with pytest.raises(InputError, match="Repository is .*https://github.com/OWNER/NAME"):
        read(source, solved=False)


def test_the_set_up_does_nothing_on_ones_own_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("installed something"))
    exec(opening_cells(ADDRESS, "x.ipynb")[1], {})
    assert list(tmp_path.iterdir()) == []


def test_the_set_up_never_replaces_torch_or_numpy(tmp_path, monkeypatch):
    """What it asks pip for is tried with the package here in place of the address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: asked.append(command))
    exec(SETUP.format(address=ADDRESS), {})
    monkeypatch.undo()
    assert (tmp_path / "same.txt").read_text() == f"torch=={version('torch')}\nnumpy=={version('numpy')}\n"
    ((*pip, wanted),) = asked
    here = wanted.replace(f"git+{ADDRESS}", ROOT.as_uri())
    options = ["--dry-run", "--no-build-isolation", "--report", "report.json"]
    done = subprocess.run([*pip, *options, here], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
    touched = {
        each["metadata"]["name"].lower() for each in json.loads((tmp_path / "report.json").read_text())["install"]
    }
    assert "medtutor" in touched and not touched & {"torch", "numpy", "torchvision", "ipywidgets"}
