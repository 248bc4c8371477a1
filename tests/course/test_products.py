"""What one source becomes, side by side: the student's notebook, the solved one, and the assignment."""

from pathlib import Path

import pytest

from medtutor.course.assignment import assignment
from medtutor.course.builder import SOLUTION, read, read_notebook, sources, without_marks

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
