"""What one source becomes, side by side: the student's notebook, the solved one, the assignment and what is released of
it, the static page, with links to Colab where the repository has an address, and the exam.
"""

import html
import re
import shutil
from pathlib import Path

import pytest

from medtutor.course import site
from medtutor.course.assignment import assignment, build_course
from medtutor.course.builder import SOLUTION, read, read_notebook, sources, without_marks
from medtutor.course.exam import exam
from medtutor.course.hosted import is_setup

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAME = "02_cnn_segmentation"
SOURCE = next(source for source in sources(NOTEBOOKS) if source.stem == NAME)


@pytest.fixture(scope="module")
def cells():
    """{product: its cells}, as the source gives them."""
    return {"student": read(SOURCE, solved=False).cells, "solved": read(SOURCE, solved=True).cells}


def test_student_and_solved_have_the_same_cells_and_differ_in_the_solutions_alone(cells):
    assert [cell.id for cell in cells["student"]] == [cell.id for cell in cells["solved"]]
    differ = [
        (student.source, solved.source)
        for student, solved in zip(cells["student"], cells["solved"])
        if student.source != solved.source
    ]
    assert len(differ) >= 3
    for student, solved in differ:
        assert "..." in student and "..." not in solved
        assert student.splitlines()[0] == solved.splitlines()[0]  # the same function
    assert not any(SOLUTION.search(cell.source) for product in cells.values() for cell in product)


def test_the_notebooks_that_are_there_have_these_cells(cells):
    for product, path in (("student", f"{NAME}.ipynb"), ("solved", f"solutions/{NAME}.ipynb")):
        written = read_notebook(NOTEBOOKS / path)["cells"]
        assert [(cell["id"], "".join(cell["source"])) for cell in written] == [
            (cell.id, cell.source) for cell in cells[product]
        ]


def test_the_assignment_has_each_exercise_with_its_solution_and_its_check_and_nothing_else_of_the_lesson(cells):
    graded = {
        cell.metadata["nbgrader"]["grade_id"]: cell for cell in assignment(SOURCE).cells if "nbgrader" in cell.metadata
    }
    checks = [name.removesuffix("-check") for name in graded if name.endswith("-check")]
    lesson = {product: [cell.source.strip() for cell in of] for product, of in cells.items()}
    assert len(checks) >= 3 and set(graded) == {*checks, *(f"{name}-check" for name in checks), "in-your-own-words"}
    for name in checks:
        assert SOLUTION.search(graded[name].source)  # nbgrader takes it out of what is released
        assert without_marks(graded[name].source).strip() in lesson["solved"]
        assert without_marks(graded[name].source).strip() not in lesson["student"]
        assert any(graded[f"{name}-check"].source in source for source in lesson["student"])


def test_what_is_released_has_the_exercises_of_the_lesson_without_a_line_of_their_solutions(cells, tmp_path):
    pytest.importorskip("nbgrader")
    assert build_course([SOURCE], tmp_path / "course") == [NAME]
    released = read_notebook(tmp_path / "course" / "release" / NAME / f"{NAME}.ipynb")["cells"]
    graded = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in released if "nbgrader" in cell["metadata"]}
    whole = {
        cell.metadata["nbgrader"]["grade_id"]: cell for cell in assignment(SOURCE).cells if "nbgrader" in cell.metadata
    }
    assert list(graded) == list(whole)
    text = "\n".join("".join(cell["source"]) for cell in released)
    for name, cell in whole.items():
        if found := SOLUTION.search(cell.source):
            assert found[0] not in text and without_marks(cell.source).strip() not in text, name
            assert "raise NotImplementedError()" in "".join(graded[name]["source"]), name


def visible(page):
    """The words of a page of HTML, each blank one blank."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


def test_the_static_page_has_the_student_s_code_the_pictures_and_no_solution(cells, tmp_path):
    for name in site.NEEDED:
        pytest.importorskip(name)
    made = site.build_site(NOTEBOOKS, tmp_path / "site", ["02"], report=str)
    page = made["02"].read_text(encoding="utf-8")
    shown = visible(page)
    student, solved = ([cell for cell in cells[which] if cell.cell_type == "code"] for which in ("student", "solved"))
    for cell, with_solution in zip(student, solved, strict=True):
        assert " ".join(cell.source.split()) in shown
        if cell.source != with_solution.source:
            assert " ".join(with_solution.source.split()) not in shown
    outputs = [
        "".join(output.get("data", {}).get("text/html", ""))
        for cell in read_notebook(NOTEBOOKS / f"{NAME}.ipynb")["cells"]
        for output in cell.get("outputs", [])
    ]
    alts = re.findall(r'<img\b[^>]*?\balt="([^"]+)"', "".join(outputs))
    there = set(map(html.unescape, re.findall(r'<img\b[^>]*?\balt="([^"]+)"', page)))
    assert len(alts) > 10 and {html.unescape(alt) for alt in alts} <= there


def test_with_an_address_the_notebooks_have_links_and_set_up_and_the_assignment_has_neither(cells, tmp_path):
    (tmp_path / "notebooks" / "source").mkdir(parents=True)
    source = shutil.copy(SOURCE, tmp_path / "notebooks" / "source")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nurls = { Repository = "https://github.com/someone/medtutor" }\n'
    )
    for solved, path in ((False, f"notebooks/{NAME}.ipynb"), (True, f"notebooks/solutions/{NAME}.ipynb")):
        title, badges, setup, *rest = read(source, solved).cells
        assert f"colab.research.google.com/github/someone/medtutor/blob/main/{path}" in badges.source
        assert is_setup(setup.source)
        own = cells["solved" if solved else "student"]
        assert [cell.source for cell in (title, *rest)] == [cell.source for cell in own]
    assert [cell.source for cell in assignment(source).cells] == [cell.source for cell in assignment(SOURCE).cells]


def test_the_exam_asks_of_the_lesson():
    asked, missing = exam(["02"], seed=1)
    assert list(asked) == [NAME] and not missing and len(asked[NAME]) == 10
