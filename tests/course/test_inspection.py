"""The inspection finds what it promises to find, and the lessons have nothing of it."""

import ast
import json
import time
from pathlib import Path

import pytest

from medtutor import review
from medtutor.cli import main
from medtutor.course import inspection
from medtutor.course.builder import build, products, sources
from medtutor.course.execution import Cost
from medtutor.course.inspection import inspect_lesson, inspect_notebook, inspect_source, orphans, over_budget

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = """# %% [markdown]
# # A lesson
# Not for clinical use.

# %%
1 + 1

# %% [markdown]
# ## Key points
# ## References
"""


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("- A paper of 2020.", "a reference without a link"),
        ("- A paper. [doi:10.1/x](https://doi.org/10.1/x)", "no DOI or arXiv number has the form"),
        ("- A paper. [arXiv](https://arxiv.org/abs/20.1)", "no DOI or arXiv number has the form"),
        ("- A paper.\n#   [doi:10.1000/x](https://doi.org/10.1000/x.1)", None),
        ("- A paper. [arXiv:2101.00001](https://arxiv.org/abs/2101.00001)", None),
        ("- A book, at [its publisher](https://example.org/a).", None),
    ],
)
def test_references_lead_to_their_papers(tmp_path, item, words):
    source = tmp_path / "00_linked.py"
    source.write_text(LESSON + f"# {item}\n")
    found = [problem for problem in inspect_source(source) if "reference" in problem or "arXiv" in problem]
    assert found == [] if words is None else len(found) == 1 and words in found[0]


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    path = tmp_path / "source" / "00_example.py"
    path.write_text(LESSON)
    return path


def found_in(cell, path=Path("x.ipynb")):
    """What the inspection says about one cell."""
    whole = {"cell_type": "code", "source": "", "execution_count": 1, "outputs": [], **cell}
    return " ".join(inspect_notebook({"cells": [whole]}, path))


def html_output(text):
    return {"outputs": [{"output_type": "display_data", "data": {"text/html": text}}]}


def test_the_lessons_keep_the_rules_and_that_is_found_out_fast(capsys):
    start = time.perf_counter()
    assert main(["notebooks", "check", "--fast"]) == 0, capsys.readouterr().out
    assert time.perf_counter() - start < 20
    assert capsys.readouterr().out.startswith("ok")


def test_a_lesson_that_is_built_is_in_step(source):
    build(source)
    assert inspect_lesson(source) == []


def test_a_source_changed_after_the_build_is_found(source):
    build(source)
    source.write_text(LESSON.replace("1 + 1", "1 + 2"))
    student, solved = inspect_lesson(source)
    assert "00_example.ipynb: not in step" in student and "solutions/00_example.ipynb: not in step" in solved
    assert "medtutor notebooks build 00" in student


def test_a_notebook_edited_by_hand_is_found(source):
    build(source)
    path = next(iter(products(source)))
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["source"] = "1 + 3"
    path.write_text(json.dumps(notebook))
    assert "not in step" in inspect_lesson(source)[0]


def test_a_lesson_not_built_is_found(source):
    assert "00_example.ipynb is missing; run: medtutor notebooks build 00" in inspect_lesson(source)


def test_a_notebook_without_a_source_is_found(source):
    build(source)
    source.rename(source.with_name("01_other.py"))
    assert len(orphans(source.parent.parent)) == 2


def test_a_source_that_cannot_be_read_is_one_sentence(source):
    source.write_text(LESSON.replace("1 + 1", "1 +"))
    assert inspect_lesson(source) == [
        "00_example.py, cell 2, line 1: no Python (invalid syntax); mend it, and build again"
    ]


def test_a_source_that_is_named_otherwise_is_found(source):
    source.with_name("extra.py").write_text(LESSON)
    (sentence,) = orphans(source.parent.parent)
    assert sentence.startswith("source/extra.py is never built")


@pytest.mark.parametrize("text", ['{"cells": [', "", "[]", '{"cells": 3}', '{"cells": [{}]}', "<<<<<<< HEAD\n{}"])
def test_a_damaged_notebook_is_one_sentence(source, text):
    for path in products(source):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    student, solved = inspect_lesson(source)
    assert student.startswith("00_example.ipynb ") and student.endswith("run: medtutor notebooks build 00")
    assert "is no notebook" in student or "cannot be read" in student


def test_a_link_to_a_damaged_notebook_is_dead(tmp_path):
    (tmp_path / "01_other.ipynb").write_text('{"cells": [')
    found = found_in({"cell_type": "markdown", "source": "[see](01_other.ipynb#There)"}, tmp_path / "x.ipynb")
    assert "dead link: 01_other.ipynb#There (01_other.ipynb cannot be read" in found


def test_cells_that_are_neither_text_nor_code_and_bare_ones_are_looked_at():
    assert found_in({"cell_type": "raw", "source": "as it is"}) == ""
    assert inspect_notebook({"cells": [{"cell_type": "code", "source": ""}]}, Path("x.ipynb")) == [
        "cell 1 was not executed"
    ]


def test_a_lesson_that_does_not_run_hides_no_other_problem(source, monkeypatch, capsys):
    build(source)
    source.write_text(LESSON.replace("1 + 1", "1 / 0").replace("Not for", "For"))
    monkeypatch.setattr("medtutor.cli.lessons._notebooks", lambda: source.parent.parent)
    assert main(["notebooks", "check"]) == 1
    said = capsys.readouterr().out
    assert "does not say 'not for clinical use'" in said and "not in step" in said and "division by zero" in said


@pytest.mark.parametrize(
    "text, problem",
    [
        (LESSON.replace("1 + 1", "1\n" * 16), "16 lines of code"),
        (LESSON.replace("1 + 1", "x = '" + "x" * 80 + "'"), "a line of 86 columns"),
        (LESSON.replace("Key points", "End"), "no section 'key points'"),
        (LESSON.replace("Not for clinical use", "Enjoy"), "not for clinical use"),
    ],
)
def test_rules_of_the_text(source, text, problem):
    source.write_text(text)
    assert problem in " ".join(inspect_source(source))


@pytest.mark.parametrize(
    "cell, problem",
    [
        ({"execution_count": None}, "not executed"),
        ({"outputs": [{"output_type": "error", "ename": "ValueError", "evalue": "no"}]}, "ends in ValueError: no"),
        ({"outputs": [{"output_type": "display_data", "data": {"image/png": "abc"}}]}, "bare picture"),
        (
            {"outputs": [{"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}}]},
            "widget",
        ),
        (html_output("<img src='data:image/png;base64,AAAA'>"), "without alt text"),
        (html_output("<img alt=' ' src='x'>"), "without alt text"),
        ({"cell_type": "markdown", "source": "![](picture.png)"}, "without alt text"),
        ({"outputs": [{"output_type": "stream", "text": "saved to /home/ann/x"}]}, "one machine: /home/ann/x"),
        ({"source": "load(root='/mnt/data')"}, "one machine: /mnt/data"),
        ({"cell_type": "markdown", "source": "[see](02_other.ipynb)"}, "dead link: 02_other.ipynb"),
        ({"cell_type": "markdown", "source": "[see](#Nowhere)"}, "no such heading"),
    ],
)
def test_rules_of_the_notebook(cell, problem):
    assert problem in found_in(cell)


@pytest.mark.parametrize(
    "cell",
    [
        html_output('<img alt="a lung" src="data:image/png;base64,/home/AAA/mnt/">'),
        {"cell_type": "markdown", "source": "# A heading\n[up](#A-heading), [out](https://example.org/home/x)"},
        {"outputs": [{"output_type": "stream", "text": "in ~/.medmnist; train/val"}]},
    ],
)
def test_what_is_fine_is_left_in_peace(cell):
    assert found_in(cell) == ""


def test_budgets(monkeypatch):
    monkeypatch.setattr(inspection, "slowness", lambda: 1.0)
    assert over_budget(Cost(179, int(1.1e9))) == []
    assert len(over_budget(Cost(181, int(1.3e9)))) == 2
    assert over_budget(Cost(60, int(1.1e9), mapped=int(2e9))) == []
    monkeypatch.setattr(inspection, "slowness", lambda: 3.0)
    assert over_budget(Cost(539, 0)) == [] and over_budget(Cost(541, 0)) == ["took 541 s; at most 540"]


# Lesson 16 measures a claim again, and one of the student's own, with what was said of each case.
TRIED = {("medtutor.review.trials", "run_trial"), ("medtutor.review.cases", "PerCase")}


@pytest.mark.parametrize("source", sources(NOTEBOOKS), ids=lambda source: source.stem)
def test_lessons_take_from_the_review_only_what_it_found(source):
    """Claims, evidence, verdicts and tables: models, measures and ways to draw images have rooms of their own."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medtutor.review"):
            names = {alias.name for alias in node.names}
            if source.stem == "16_what_we_found" and {(node.module, name) for name in names} <= TRIED:
                continue
            assert node.module == "medtutor.review" and names <= set(review.__all__), ast.unparse(node)
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("medtutor.review") for alias in node.names), ast.unparse(node)


def test_the_course_has_its_lessons():
    assert [source.stem for source in sources(NOTEBOOKS)][:2] == ["00_start_here", "01_cnn_classification"]


@pytest.mark.parametrize(
    "text",
    [
        '{"cells": [{"cell_type": null, "source": ""}]}',
        '{"cells": [{"cell_type": "markdown", "source": ["a", 1]}]}',
        "[" * 100_000,
    ],
)
def test_a_file_of_another_form_than_a_notebook_is_a_problem_and_no_traceback(source, text):
    for path in products(source):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert [
        problem for problem in inspect_lesson(source) if "no notebook" in problem or "cannot be read" in problem
    ] != []


def test_odd_html_and_names_too_long_are_inspected(tmp_path):
    assert "HTML that cannot be read" in found_in(html_output("<![x["))
    assert "dead link" in found_in({"cell_type": "markdown", "source": f"[see]({'x' * 5000})"}, tmp_path / "x.ipynb")
