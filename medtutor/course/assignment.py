"""A lesson's exercises as an nbgrader assignment, and a folder of them as a course.

An assignment holds what of a lesson can be graded: the text before each exercise, the function to write, its check,
and one question that a person reads. It needs nothing that the lesson has computed, so that it is graded in
seconds. Students read and run the lesson itself, and copy what they have written there.
"""

import ast
import json
import re
import secrets
from pathlib import Path

from ..errors import InputError
from ..files import write_text
from .builder import SOLUTION, _cells, set_cell_ids, without_marks
from .gradebook import api_of, last_line

POINTS = 2  # of an exercise, and of the answer that a person reads
CHECK = re.compile(r"^check\.(\w+)\((\w+)\)\s*$", re.M)
WRITTEN = """## In your own words

Choose one prediction of this lesson in which you were wrong, or unsure. In three to five sentences: what did you
expect, what came out, and why? Name the number that convinced you."""

CONFIG = """# How nbgrader grades this course; `medtutor course grade` in this folder's parent reads it, too.
c = get_config()
c.CourseDirectory.course_id = "medtutor"
c.ClearSolutions.code_stub = {{"python": "raise NotImplementedError()"}}
# A student's code runs in a sandbox, and is compared outside of it, on inputs that are drawn from this number. Keep it
# to yourself, and this file.
c.Judge.seed = {seed}
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "medtutor.course.grading.Once",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "medtutor.course.grading.Judge",
    "nbgrader.preprocessors.IgnorePattern",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
"""


def assignment(source):
    """The nbgrader notebook of a lesson's source, with solutions between nbgrader's marks; not executed.

    Raises `InputError` where the lesson has no exercise, and what `builder.read` raises.
    """
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    source = Path(source)
    cells = _cells(source).cells
    checks = {number: CHECK.search(cell.source) for number, cell in enumerate(cells) if cell.cell_type == "code"}
    checks = {number: found.groups() for number, found in checks.items() if found}
    if not checks:
        raise InputError(f"{source.name} has no exercise with a check: it makes no assignment")
    title = re.search(r"^# (.+)$", cells[1].source if cells[0].cell_type == "raw" else cells[0].source, re.M)
    total = POINTS * (len(checks) + 1)
    head = (
        f"# {title[1] if title else source.stem}: exercises\n\n"
        f"Of lesson {source.stem[:2]}, whose notebook `{source.stem}.ipynb` you have worked through. {total} points:"
        f" {POINTS} for each function and {POINTS} for the answer at the end. Put your function where it says"
        " `raise NotImplementedError()`; its check may be run as often as you like, and says what is wrong. Cells"
        " with a check stay as they are. Graded is what your functions answer, on other inputs than here."
    )
    parts, solved = [], []
    for number, (exercise, name) in checks.items():
        at = max(
            (place for place in range(number) if SOLUTION.search(cells[place].source) and _defines(cells[place], name)),
            default=None,
        )
        if at is None:
            raise InputError(
                f"{source.name} checks {name}, which no cell with a solution defines; see check.{exercise}"
            )
        text = next((cells[place].source for place in range(at, -1, -1) if cells[place].cell_type == "markdown"), "")
        solved.append(cells[at].source)
        parts += [
            new_markdown_cell(_without_local_links(text)),
            new_code_cell(cells[at].source, metadata=_graded(exercise, solution=True)),
            new_code_cell(f"check.{exercise}({name})", metadata=_graded(f"{exercise}-check", points=POINTS)),
        ]
    setup = "\n".join([*_imports(cells, solved), "from medtutor.course import check"])
    written = new_markdown_cell("*Your answer.*", metadata=_graded("in-your-own-words", POINTS, solution=True))
    notebook = new_notebook(
        cells=[new_markdown_cell(head), new_code_cell(setup), *parts, new_markdown_cell(WRITTEN), written],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    set_cell_ids(notebook)
    return notebook


def build_course(sources, out):
    """A course of nbgrader in a folder: `source` with solutions, `release` without, its configuration. [name, …]

    Lessons without an exercise are left out. Submissions that lie there already stay. Raises `InputError` where the
    folder holds something else, where nothing is left to build, and where nbgrader is not installed.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()) and not (out / "nbgrader_config.py").exists():
        raise InputError(f"{out} holds something else; name a new folder")
    made = {}
    for source in map(Path, sources):
        if any(map(CHECK.search, [cell.source for cell in _cells(source).cells])):
            made[source.stem] = assignment(source)
    if not made:
        raise InputError("none of these lessons has an exercise with a check; choose others")
    out.mkdir(parents=True, exist_ok=True)
    config = out / "nbgrader_config.py"
    if not config.exists():
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(seed=secrets.randbelow(2**31)), encoding="utf-8")
    (out / "submitted").mkdir(exist_ok=True)
    api = api_of(out)
    for name, notebook in made.items():
        folder = out / "source" / name
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{name}.ipynb", json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        done = api.generate_assignment(name)
        if not done["success"]:
            raise InputError(f"nbgrader could not make the assignment {name}: {last_line(done)}")
    return list(made)


def _graded(name, points=None, solution=False):
    """The mark by which nbgrader knows a cell."""
    mark = {"grade_id": name, "grade": points is not None, "solution": solution, "locked": not solution}
    mark |= {"schema_version": 3, "task": False} | ({} if points is None else {"points": points})
    return {"nbgrader": mark}


def _defines(cell, name):
    return any(getattr(node, "name", None) == name for node in ast.parse(without_marks(cell.source)).body)


def _imports(cells, solved):
    """The lesson's lines that import what its solutions use."""
    used = {
        node.id for code in solved for node in ast.walk(ast.parse(without_marks(code))) if isinstance(node, ast.Name)
    }
    found = {}
    for cell in cells:
        if cell.cell_type != "code" or cell.source.lstrip().startswith(("%", "!")):
            continue
        for node in ast.parse(without_marks(cell.source)).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [each for each in node.names if (each.asname or each.name).split(".")[0] in used]
                if names:
                    node.names = names
                    found[ast.unparse(node)] = True
    return list(found)


def _without_local_links(text):
    """Links to other notebooks and to headings lead nowhere from here: their words stay."""
    return re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", text)
