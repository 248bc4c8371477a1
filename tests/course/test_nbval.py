"""The notebooks' own tests can fail: nbval runs every cell, and sees one that is broken."""

import subprocess
import sys

import pytest

from medtutor.course.builder import build, products

LESSON = """# %%
total = 2 + 2
total

# %%
# NBVAL_CHECK_OUTPUT
print(total)
"""


@pytest.fixture
def notebook(tmp_path):
    (tmp_path / "source").mkdir()
    source = tmp_path / "source" / "00_example.py"
    source.write_text(LESSON)
    build(source)
    return next(iter(products(source)))


def nbval(notebook):
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, f"--rootdir={notebook.parent}", "-c", "/dev/null", str(notebook)], capture_output=True, text=True
    )


def test_a_lesson_passes_twice_in_a_row(notebook):
    for _ in range(2):
        result = nbval(notebook)
        assert result.returncode == 0 and "2 passed" in result.stdout, result.stdout


@pytest.mark.parametrize(
    "old, new, said",
    [("total = 2 + 2", "total = 2 + missing", "NameError"), ("total = 2 + 2", "total = 2 + 3", "Cell outputs differ")],
)
def test_a_broken_cell_fails(notebook, old, new, said):
    text = notebook.read_text()
    assert old in text
    notebook.write_text(text.replace(old, new))
    result = nbval(notebook)
    assert result.returncode == 1 and said in result.stdout, result.stdout
