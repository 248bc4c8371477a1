"""The builder: the same source gives the same files, and an error keeps the old ones."""

import errno
import json
import subprocess
import sys
import time

import pytest

from medtutor import cli
from medtutor.course.builder import blanked, build, execute, products, read, retext, solutions, sources, without_marks
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


@pytest.mark.parametrize(
    "wrong", ["### END SOLUTIONS", "    ### END  SOLUTION", "# END SOLUTION", "pass  ### END SOLUTION"]
)
def test_a_solution_whose_marks_do_not_pair_never_reaches_a_student(source, wrong):
    source.write_text(SOURCE.replace("    ### END SOLUTION", wrong))
    for solved in (False, True):
        with pytest.raises(InputError, match="cell 3.*must stand in pairs"):
            read(source, solved)


def test_a_file_that_is_no_source_is_refused(source):
    for content in (b"\xff\xfe# %%", b"# ---\n# jupyter:\n#   kernelspec: 1\n# ---\n"):
        source.write_bytes(content)
        with pytest.raises(
            InputError, match="00_example.py (is not written in UTF-8|has no cells|is no py:percent source)"
        ):
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
    code = (
        "a = 1\n### BEGIN SOLUTION\nb = 2\n\nc = 3\n### END SOLUTION\nif a:\n    ### BEGIN SOLUTION\n    d = 4\n    ###"
        " END SOLUTION\n    e = 5"
    )
    assert blanked(code) == "a = 1\n...  # your code here\nif a:\n    ...  # your code here\n    e = 5"
    assert without_marks(code) == "a = 1\nb = 2\n\nc = 3\nif a:\n    d = 4\n    e = 5"


def test_the_answers_that_a_lesson_checks_are_found(source):
    source.write_text(SOURCE + "\n# %%\ncheck.auc(half)\n")
    assert solutions(source)["auc"](8) == 4


def test_a_cell_keeps_its_id_when_one_is_added_before_it(source):
    before = read(source, solved=False).cells[1]["id"]
    source.write_text("# %%\n1\n\n" + SOURCE)
    assert read(source, solved=False).cells[2]["id"] == before


def test_a_changed_text_keeps_the_outputs(source):
    build(source)
    before = built(source)
    source.write_text(SOURCE.replace("# %% [markdown]\n", "# %% [markdown]\n# Written **anew**.\n", 1))
    assert retext(source) == [*products(source)]
    after = [json.loads(path.read_text()) for path in products(source)]
    for old, new in zip(before, after):
        assert "anew" in str(new) and "anew" not in str(old)
        outputs = [[cell.get("outputs") for cell in each["cells"]] for each in (old, new)]
        assert outputs[0] == outputs[1]


def test_cards_are_drawn_anew_and_as_running_the_cell_would(source):
    cards = (
        '\n# %%\nfrom medtutor import review\n\n# %%\nreview.claim("depth-helps")\n\n'
        '# %%\ndisplay(\n    review.claim("depth-helps"),\n    review.claim("cnn-beats-mlp"),\n)\n\n# %%\n1 + 1\n'
    )
    source.write_text(SOURCE + cards)
    build(source)
    first = [path.read_bytes() for path in products(source)]
    assert retext(source) == [*products(source)]
    assert [path.read_bytes() for path in products(source)] == first
    source.write_text(SOURCE + cards.replace('\n# %%\nreview.claim("depth-helps")\n', "", 1))
    retext(source)
    student = json.loads(next(iter(products(source))).read_text())
    assert [cell["execution_count"] for cell in student["cells"] if cell["cell_type"] == "code"] == [*range(1, 9)]


def test_text_alone_is_refused_where_code_has_changed_or_nothing_was_built(source):
    with pytest.raises(InputError, match="the code of 00_example.ipynb is not that of 00_example.py; run"):
        retext(source)
    build(source)
    first = [path.read_bytes() for path in products(source)]
    source.write_text(SOURCE.replace("x / 2", "x / 2.0"))
    with pytest.raises(InputError, match="the code of 00_example.ipynb"):
        retext(source)
    assert [path.read_bytes() for path in products(source)] == first


def test_outputs_between_guess_and_answer_are_folded_for_students(source):
    source.write_text(
        "# %%\nfrom IPython.display import HTML\nclass Prediction:\n    def __init__(self, key): pass\n"
        "    def reconcile(self, result): return 'It is'\n\n"
        "# %%\nguess = Prediction('00/x')\n\n# %%\nprint('0.9 <')\nHTML('<b>0.9</b>')\n\n# %%\nx = 1\n\n"
        "# %%\nguess.reconcile(1)\n\n# %%\nprint('free')\n"
    )
    student, solved = built(source)
    shown = [cell["outputs"] for cell in student["cells"]]
    (folded,) = shown[2]
    assert folded["data"]["text/html"].startswith("<details><summary>") and folded["output_type"] == "display_data"
    assert "<pre>0.9 &lt;\n</pre><b>0.9</b></details>" in folded["data"]["text/html"]
    assert shown[3] == [] and shown[4][0]["data"] == {"text/plain": "'It is'"} and shown[5][0]["text"] == "free\n"
    assert "<details>" not in str(solved)
    retext(source)
    assert json.loads(next(iter(products(source))).read_text()) == student


def test_terms_lead_to_the_glossary_and_ids_do_not_hang_on_it(source):
    source.write_text("# %% [markdown]\n# A **token**, **tokens**.\n")
    cell, plain = read(source, solved=True).cells[0], read(source, solved=True, links=False).cells[0]
    assert cell.source.count("00_start_here.ipynb#Glossary") == 1 and plain.source == "A **token**, **tokens**."
    assert cell["id"] == plain["id"]


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
    assert 0.1 < cost.worked < 60


def test_memory_is_that_of_the_kernel_and_of_what_it_starts(source):
    source.write_text(
        "# %%\nimport subprocess, sys\nwork = 'held = bytearray(b\"1\") * 200_000_000; import time; time.sleep(1)'\n"
        "subprocess.run([sys.executable, '-c', work], check=True)\n\n# %%\n"
        "held = bytearray(b'1') * 100_000_000\nimport time\ntime.sleep(1)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", "held = bytearray(b'1') * 400_000_000; import time; time.sleep(60)"]
    )
    time.sleep(2)
    try:
        cost = execute(read(source, solved=False), source)
    finally:
        other.kill()
        other.wait()
    assert 2e8 < cost.peak < 3e8 and 1e7 < cost.mapped < 2e8
    assert "GB of its own" in str(cost)


def test_who_builds_keeps_his_guesses_to_himself(source, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "mine"))
    source.write_text("# %%\nimport os\nprint(os.environ['MEDTUTOR_HOME'] == " + repr(str(tmp_path / "mine")) + ")\n")
    student, _ = built(source)
    assert student["cells"][0]["outputs"][0]["text"] == "False\n"


def test_no_sources(tmp_path):
    with pytest.raises(InputError, match="no lesson sources"):
        sources(tmp_path)


# --- every way to fail -----------------------------------------------------------


def refused(source, monkeypatch, capsys):
    """(exit code, the one line that is said), and the old notebooks are still there."""
    old = {path: path.read_bytes() for path in products(source) if path.exists()}
    monkeypatch.setattr(cli.lessons, "_notebooks", lambda: source.parent.parent)
    code = cli.main(["notebooks", "build"])
    said = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("…")]
    assert len(said) == 1 and said[0].startswith("medtutor: "), said
    assert {path: path.read_bytes() for path in products(source) if path.exists()} == old
    assert not list(source.parent.parent.rglob("*.partial"))
    return code, said[0].removeprefix("medtutor: ")


@pytest.fixture
def old(source):
    """A source whose notebooks have been built, by somebody else."""
    for path in products(source):
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    return source


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("# %%\nx = 1 +\n", "00_example.py, cell 1, line 1: no Python (invalid syntax)"),
        (
            "# %%\nif 1:\n### BEGIN SOLUTION\n    pass\n### END SOLUTION\n",
            "00_example.py, cell 1, line 2: no Python (expected an indented block",
        ),
        ("print(1)\n", "00_example.py has no cells; begin each with a line # %%"),
        ("", "00_example.py has no cells"),
        ("# ---\n# jupyter: [\n# ---\n# %%\n1\n", "00_example.py is no py:percent source: the header between"),
        (
            "# ---\n# jupyter:\n#   jupytext: 3\n# ---\n# %%\n1\n",
            "00_example.py is no py:percent source: the header between",
        ),
        ('# %%\n1\n\n# %% {"tags": \n1\n', "00_example.py, cell 2: what stands behind # %% cannot be read"),
        ("# %%\nx = '\0'\n", "00_example.py, cell 1, line 1: no Python ("),
    ],
)
def test_a_source_that_is_none_is_refused_before_anything_runs(old, text, sentence, monkeypatch, capsys):
    old.write_text(text)
    monkeypatch.setattr("medtutor.course.builder.execute", None)
    code, said = refused(old, monkeypatch, capsys)
    assert code == 2 and said.startswith(sentence), said


@pytest.mark.parametrize(
    "begin, end",
    [
        ("### BEGIN SOLUTION", "### End solution"),
        ("### BEGIN SOLUTION", ""),
        ("", "### END SOLUTION"),
        ("## BEGIN SOLUTION", "## END SOLUTION"),
        ("###BEGIN SOLUTION", "### END SOLUTION"),
        ("### BEGIN SOLUTION ", "### END SOLUTION"),
        ("### BEGIN SOLUTION\n    ### BEGIN SOLUTION", "### END SOLUTION"),
        ("### END SOLUTION", "### BEGIN SOLUTION"),
        ("### begin_solution", "### end_solution"),
    ],
)
def test_a_solution_whose_marks_are_misspelt_never_reaches_the_students(source, begin, end):
    source.write_text(f"# %%\ndef half(x):\n    {begin}\n    return x / 2\n    {end}\n")
    for solved in (False, True):
        with pytest.raises(
            InputError, match="cell 1: the lines ### BEGIN SOLUTION and ### END SOLUTION must stand in pairs"
        ):
            read(source, solved)


def test_what_ipython_knows_is_python_enough(source):
    source.write_text("# %%\n# %matplotlib inline\nx = 1\n\n# %%\nawait something()\n")
    assert read(source, solved=False).cells[0].source.startswith("%matplotlib inline")


def test_a_source_in_another_encoding_is_refused(old, monkeypatch, capsys):
    old.write_bytes("# %%\n# Fr\u00e9chet\n".encode("latin-1"))
    assert refused(old, monkeypatch, capsys) == (2, "00_example.py is not written in UTF-8; save it so")


def test_two_lessons_of_one_number_are_refused(old, monkeypatch, capsys):
    old.with_name("00_other.py").write_text(SOURCE)
    code, said = refused(old, monkeypatch, capsys)
    assert code == 2 and said == "00_example.py and 00_other.py have the same number; give one of them another"


@pytest.mark.parametrize("package", ["jupytext", "nbclient"])
def test_a_package_that_only_building_needs_is_asked_for(old, package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert refused(old, monkeypatch, capsys) == (
        2,
        f'building lessons needs {package}; run: pip install "medtutor[dev]"',
    )


def test_a_kernel_that_is_killed_is_one_sentence(old, monkeypatch, capsys):
    old.write_text("# %% [markdown]\n# One\n\n# %%\nimport os\nos.kill(os.getpid(), 9)\n")
    code, said = refused(old, monkeypatch, capsys)
    assert code == 1
    assert said.startswith(
        "00_example.py did not run to its end: cell 2 (“import os”) ended the kernel, most likely because memory ran"
        " out; "
    )


def test_ctrl_c_is_an_interruption_and_no_dead_kernel(old, monkeypatch, capsys):
    # The kernel's parent is who builds.
    old.write_text("# %%\nimport os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(60)\n")
    assert refused(old, monkeypatch, capsys) == (130, "interrupted")


def test_a_cell_that_takes_too_long_is_one_sentence(old, monkeypatch, capsys):
    old.write_text("# %%\nimport time\ntime.sleep(60)\n")
    monkeypatch.setattr("medtutor.course.execution.CELL_SECONDS", 0.5)
    monkeypatch.setattr("medtutor.course.execution.slowness", lambda: 2.0)
    code, said = refused(old, monkeypatch, capsys)
    assert code == 1
    assert said.startswith(
        "00_example.py did not run to its end: cell 1 (“import time”) took longer than 1 s; let it do less"
    )


def executing_raises(monkeypatch, error):
    def execute(client, **_):
        raise error

    monkeypatch.setattr("nbclient.NotebookClient.execute", execute)


@pytest.mark.parametrize(
    "error, sentence",
    [
        ("no kernel", "was not run: Jupyter knows no kernel python3; run: pip install"),
        (
            RuntimeError("Kernel died before replying to kernel_info\nmore"),
            "was not run: no kernel started (Kernel died before replying to kernel_info); medtutor doctor",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "was not run: no kernel started ([Errno 28] No space left on device)",
        ),
    ],
)
def test_a_kernel_that_does_not_start_is_one_sentence(old, error, sentence, monkeypatch, capsys):
    from jupyter_client.kernelspec import NoSuchKernel

    executing_raises(monkeypatch, NoSuchKernel("python3") if error == "no kernel" else error)
    code, said = refused(old, monkeypatch, capsys)
    assert code == 1 and said.startswith(f"00_example.py {sentence}"), said


def test_a_full_disk_is_one_sentence_and_neither_notebook_is_replaced(old, monkeypatch, capsys):
    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("medtutor.course.builder.write_whole", full)
    code, said = refused(old, monkeypatch, capsys)
    assert code == 1
    assert said.startswith(
        f"00_example.ipynb could not be written to {old.parent.parent} (No space left on device); what was there is as"
        " it was"
    )


def test_an_error_in_the_solved_notebook_keeps_that_of_the_students(old, monkeypatch, capsys):
    old.write_text("# %%\n### BEGIN SOLUTION\nraise ValueError('first\\nsecond')\n### END SOLUTION\n")
    code, said = refused(old, monkeypatch, capsys)
    assert code == 1
    assert (
        said == "00_example.py did not run to its end: cell 1 (“raise ValueError('first\\nsecond')”) stopped with"
        " ValueError: first; run its notebook to see the cell"
    )


def test_an_answer_that_no_cell_holds_is_named(source):
    source.write_text(SOURCE + "\n# %%\ncheck.auc(third)\n")
    with pytest.raises(InputError, match="00_example.py checks third, which is in no cell with a solution"):
        solutions(source)
