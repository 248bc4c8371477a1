"""Grading a course of nbgrader: `Judge` asks a submission's functions in the sandbox, `grade` does it for a class.

Nothing that a student has written runs in this process, and no verdict comes from the sandbox: what the functions
answer is compared out here, by the same checks as in the lessons, on inputs of the course's own.
"""

import csv
import io
import json
import re
import time
import warnings
from pathlib import Path

import nbformat
from nbgrader.preprocessors import DeduplicateIds, NbGraderPreprocessor
from traitlets import Float, Integer

from ..errors import InputError
from ..files import write_text
from .assignment import CHECK
from .check import exercises, look_at
from .gradebook import api_of, last_line
from .sandbox import Sandbox

# Lines that have no part in a submission's own code: in the sandbox there are no checks.
CHECKS = re.compile(r"^(from medtutor\.course import check|check\.\w+\(.*\))[ \t]*$", re.M)


class Once(DeduplicateIds):
    """In nbgrader's place of finding copies of a cell, of which the last counts: the others are cells like any. With
    nbgrader they keep an empty mark, for which it then refuses the notebook.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        """Take the mark from a cell whose mark another one after it has."""
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


class Judge(NbGraderPreprocessor):
    """In nbgrader's place of executing a notebook: each check's outcome, as a box and, unless it is right, an error."""

    seed = Integer(0, help="from which the inputs are drawn").tag(config=True)
    seconds = Float(20, help="for the cells of a submission, and for each question to a function").tag(config=True)

    def preprocess(self, nb, resources):
        """Judge a notebook of which nbgrader has restored the cells with checks."""
        own = [CHECKS.sub("", cell.source) for cell in nb.cells if cell.cell_type == "code" and not _points(cell)]
        with Sandbox(own, self.seconds) as sandbox:
            for cell in nb.cells:
                found = CHECK.search(cell.source) if cell.cell_type == "code" and _points(cell) else None
                if found:
                    cell.outputs = self._outputs(sandbox, *found.groups())
        return nb, resources

    def _outputs(self, sandbox, exercise, name):
        from nbformat.v4 import new_output

        box = look_at(exercises()[exercise], sandbox.function(name), seed=self.seed)
        outputs = [new_output("display_data", {"text/html": box._repr_html_(), "text/plain": str(box)})]
        if box.kind != "right":
            said = str(box)
            failed = [
                f"{words[0]}: {words[1]}" for words in sandbox.failed.values() if words[0] != "NotImplementedError"
            ]
            if box.kind == "open" and (failed or sandbox.why):
                said += " Your cells stopped: " + (sandbox.why or failed[0])
            outputs.append(new_output("error", ename="NotRight", evalue=said, traceback=[said]))
        return outputs


def _points(cell):
    return cell.metadata.get("nbgrader", {}).get("grade", False)


def grade(folder, lessons=None, progress=print):
    """Grade what lies in `submitted/WHO/LESSON/LESSON.ipynb` of a course, and write feedback, grades.csv, grades.json.

    lessons   numbers such as "01"; all when left out
    progress  is told a line for each submission

    Returns what grades.json holds: {"course", "students": {who: {lesson: {"score", "of", "exercises": {name: points},
    "to_read", "seconds", "failed"}}}}: `to_read` are the answers that wait for a person, `failed` says why nothing
    could be graded. Raises `InputError` where there is no course, or nothing was handed in.
    """
    folder = Path(folder).resolve()
    api = api_of(folder)
    names = sorted(path.name for path in (folder / "source").iterdir() if path.is_dir())
    chosen = [name for name in names if not lessons or name[:2] in lessons]
    with warnings.catch_warnings():
        # nbgrader's way with SQLAlchemy, of no concern to who grades.
        warnings.filterwarnings("ignore", "Object of type <Submitted", module="nbgrader")
        students = _graded_students(api, folder, chosen, progress)
    if not students:
        raise InputError(
            f"nothing was handed in: put notebooks into {folder}/submitted/WHO/LESSON/LESSON.ipynb, where LESSON is one"
            f" of {', '.join(names)}"
        )
    grades = {"course": "medtutor", "students": students}
    write_text(folder / "grades.json", json.dumps(grades, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "grades.csv", _table(students))
    return grades


def _graded_students(api, folder, names, progress):
    """{who: {lesson: what `_graded` says and the seconds}}; feedback is written after each lesson."""
    students: dict = {}
    for name in names:
        for who in sorted(api.get_submitted_students(name)):
            started = time.monotonic()
            found = _graded(api, folder, name, who)
            found["seconds"] = round(time.monotonic() - started, 1)
            students.setdefault(who, {})[name] = found
            progress(f"{who}, {name}: " + (found.get("failed") or f"{found['score']:g} of {found['of']:g}"))
        if api.get_autograded_students(name):
            api.generate_feedback(name)
    return students


def _graded(api, folder, name, who):
    """One submission: its scores, or why there are none. The others are graded whatever it is."""
    if re.search(r"[*?\[\]]", who):
        why = "the name of its folder holds one of * ? [ ], which nbgrader takes for a pattern; rename the folder"
        return {"score": 0.0, "failed": why}
    file = folder / "submitted" / who / name / f"{name}.ipynb"
    if not file.is_file():
        return {
            "score": 0.0,
            "failed": f"there is no {name}.ipynb in its folder; a notebook of another name is not read",
        }
    try:
        list(nbformat.read(file, 4).cells)
    except Exception:  # no JSON, or JSON of another shape
        return {"score": 0.0, "failed": f"its {name}.ipynb is damaged and no notebook; ask for it anew"}
    done = api.autograde(name, who)
    return _scores(api, name, who) if done["success"] else {"score": 0.0, "failed": last_line(done)}


def _scores(api, name, who):
    """What nbgrader's gradebook holds of one submission."""
    with api.gradebook as book:
        notebook = book.find_submission_notebook(name, name, who)
        cells = {each.name: each for each in notebook.grades}
        return {
            "score": float(notebook.score),
            "of": float(notebook.max_score),
            "exercises": {
                key.removesuffix("-check"): float(each.auto_score or 0)
                for key, each in cells.items()
                if key.endswith("-check")
            },
            "to_read": [key for key, each in cells.items() if each.needs_manual_grade],
        }


def _table(students):
    """A line for each submission, as learning platforms read it."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["student", "lesson", "score", "of", "to_read", "failed"])
    for who, lessons in students.items():
        for name, found in lessons.items():
            to_read = len(found.get("to_read", []))
            failed = found.get("failed", "")
            score = "" if failed else found["score"]  # nobody has looked at it: that is no score of 0
            lines.writerow([_plain(who), name, score, found.get("of", ""), to_read, _plain(failed)])
    return text.getvalue()


def _plain(word):
    """Words that no spreadsheet takes for a formula."""
    return "'" + word if re.match(r"[=+\-@\t]", word) else word
