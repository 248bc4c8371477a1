"""The builder: the same source gives the same files, and an error keeps the old ones."""

import json

import pytest

from medtutor.course.builder import blanked, build, products, read, solutions, sources, without_marks
from medtutor.errors import InputError, MedtutorError

SOURCE = """# %% [markdown]
# # A lesson

# %%
import sys
print("bar", file=sys.stderr)
print(2 + 2)

# %%
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %%
half(8)

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


def built(source):
    """(student notebook, solved notebook) as plain values."""
    build(source)
    return [json.loads(path.read_text()) for path in products(source)]


@pytest.mark.parametrize("wrong", ["### END SOLUTIONS", "    ### END  SOLUTION", "# END SOLUTION", "pass  ### END SOLUTION"])
def test_a_solution_whose_marks_do_not_pair_never_reaches_a_student(source, wrong):
    source.write_text(SOURCE.replace("    ### END SOLUTION", wrong))
    for solved in (False, True):
        with pytest.raises(InputError, match="cell 3.*do not pair"):
            read(source, solved)


def test_a_file_that_is_no_source_is_refused(source):
    for content in (b"\xff\xfe# %%", b"# ---\n# jupyter:\n#   kernelspec: 1\n# ---\n"):
        source.write_bytes(content)
        with pytest.raises(InputError, match="00_example.py cannot be read as a lesson"):
            read(source, solved=True)


def test_built_twice_is_the_same_files(source):
    build(source)
    first = [path.read_bytes() for path in products(source)]
    build(source)
    assert [path.read_bytes() for path in products(source)] == first


def test_outputs_are_kept_and_bars_are_not(source):
    student, _ = built(source)
    code = [cell for cell in student["cells"] if cell["cell_type"] == "code"]
    assert code[0]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": "4\n"}]
    assert code[-1]["outputs"][0]["data"]["text/plain"] == "4"
    assert len({cell["id"] for cell in student["cells"]}) == 6
    assert "VmHWM" not in str(student)


def test_printed_lines_are_one_output_however_the_kernel_cuts_them(source):
    source.write_text("# %%\nimport time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.4)\n")
    student, _ = built(source)
    assert [output["text"] for output in student["cells"][0]["outputs"]] == ["0\n1\n2\n"]


def test_the_student_gets_blanks_and_the_solved_notebook_solutions(source):
    student, solved = built(source)
    assert student["cells"][2]["source"] == "def half(x):\n    ...  # your code here"
    assert solved["cells"][2]["source"] == "def half(x):\n    return x / 2"
    # A blank that is not filled in still runs to the end.
    assert student["cells"][3]["outputs"] == [] and solved["cells"][3]["outputs"][0]["data"]["text/plain"] == "4.0"
    assert [cell["id"] for cell in student["cells"]] == [cell["id"] for cell in solved["cells"]]


def test_several_solutions_in_one_cell():
    code = "a = 1\n### BEGIN SOLUTION\nb = 2\n\nc = 3\n### END SOLUTION\nif a:\n    ### BEGIN SOLUTION\n    d = 4\n    ### END SOLUTION\n    e = 5"
    assert blanked(code) == "a = 1\n...  # your code here\nif a:\n    ...  # your code here\n    e = 5"
    assert without_marks(code) == "a = 1\nb = 2\n\nc = 3\nif a:\n    d = 4\n    e = 5"


def test_the_answers_that_a_lesson_checks_are_found(source):
    source.write_text(SOURCE + "\n# %%\ncheck.auc(half)\n")
    assert solutions(source)["auc"](8) == 4


def test_a_cell_keeps_its_id_when_one_is_added_before_it(source):
    before = read(source, solved=False).cells[1]["id"]
    source.write_text("# %%\n1\n\n" + SOURCE)
    assert read(source, solved=False).cells[2]["id"] == before


def test_an_error_keeps_the_old_notebook(source):
    student, _ = products(source)
    build(source)
    old = student.read_bytes()
    source.write_text(SOURCE + "\n# %%\n1 / 0\n")
    with pytest.raises(MedtutorError, match="00_example.py did not run.*division by zero"):
        build(source)
    assert student.read_bytes() == old and not list(student.parent.rglob("*.partial"))


def test_a_fallback_to_phantoms_is_refused(source):
    source.write_text(
        "# %%\nimport warnings\nfrom medtutor.data import PhantomWarning\n"
        "warnings.warn('PHANTOM IMAGES stand in', PhantomWarning)\n"
    )
    with pytest.raises(MedtutorError, match="fell back to phantoms.*MEDTUTOR_DATA"):
        build(source)


def test_time_and_memory_are_measured(source):
    cost = list(build(source).values())[0]
    assert 0.1 < cost.seconds < 60 and 1e7 < cost.peak < 5e8


def test_who_builds_keeps_his_guesses_to_himself(source, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "mine"))
    source.write_text("# %%\nimport os\nprint(os.environ['MEDTUTOR_HOME'] == " + repr(str(tmp_path / "mine")) + ")\n")
    student, _ = built(source)
    assert student["cells"][0]["outputs"][0]["text"] == "False\n"


def test_no_sources(tmp_path):
    with pytest.raises(InputError, match="no lesson sources"):
        sources(tmp_path)
