"""The builder: the same source gives the same file, and an error keeps the old one."""

import json

import pytest

from medtutor.course import build_notebook, sources
from medtutor.errors import InputError, MedtutorError

SOURCE = """# %% [markdown]
# # A lesson

# %%
import sys
print("bar", file=sys.stderr)
print(2 + 2)

# %%
2 + 2

# %%
2 + 2
"""


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    path = tmp_path / "source" / "00_example.py"
    path.write_text(SOURCE)
    return path


def test_built_twice_is_the_same_file(source):
    first = build_notebook(source).read_bytes()
    assert build_notebook(source).read_bytes() == first
    notebook = json.loads(first)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code[0]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": "4\n"}]
    assert code[1]["outputs"][0]["data"]["text/plain"] == "4"
    assert len({cell["id"] for cell in notebook["cells"]}) == 4


def test_a_cell_keeps_its_id_when_one_is_added_before_it(source):
    before = json.loads(build_notebook(source).read_text())["cells"][1]["id"]
    source.write_text("# %%\n1\n\n" + SOURCE)
    assert json.loads(build_notebook(source).read_text())["cells"][2]["id"] == before


def test_an_error_keeps_the_old_notebook(source):
    path = build_notebook(source)
    old = path.read_bytes()
    source.write_text(SOURCE + "\n# %%\n1 / 0\n")
    with pytest.raises(MedtutorError, match="00_example.py did not run.*division by zero"):
        build_notebook(source)
    assert path.read_bytes() == old and not list(path.parent.glob("*.partial"))


def test_a_fallback_to_phantoms_is_refused(source):
    source.write_text(
        "# %%\nimport warnings\nfrom medtutor.data import PhantomWarning\n"
        "warnings.warn('PHANTOM IMAGES stand in', PhantomWarning)\n"
    )
    with pytest.raises(MedtutorError, match="fell back to phantoms.*MEDTUTOR_DATA"):
        build_notebook(source)


def test_no_sources(tmp_path):
    with pytest.raises(InputError, match="no lesson sources"):
        sources(tmp_path)
