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

from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Float, Integer

from ..errors import InputError
from ..files import write_text
from .assignment import CHECK
from .check import exercises, look_at
from .gradebook import api_of, last_line
from .sandbox import Sandbox


class Judge(NbGraderPreprocessor):
    """In nbgrader's place of executing a notebook: each check's outcome, as a box and, unless it is right, an error."""

    seed = Integer(0, help="from which the inputs are drawn").tag(config=True)
    seconds = Float(20, help="for the cells of a submission, and for each question to a function").tag(config=True)

    def preprocess(self, nb, resources):
        """Judge a notebook of which nbgrader has restored the cells with checks."""
        own = [cell.source for cell in nb.cells if cell.cell_type == "code" and not _points(cell)]
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
    # nbgrader's way with SQLAlchemy, of no concern to who grades.
    warnings.filterwarnings("ignore", "Object of type <Submitted", module="nbgrader")
    api, students, graded = api_of(folder), {}, 0
    names = sorted(path.name for path in (folder / "source").iterdir() if path.is_dir())
    for name in names:
        if lessons and name[:2] not in lessons:
            continue
        for who in sorted(api.get_submitted_students(name)):
            started = time.monotonic()
            done = api.autograde(name, who)
            graded += 1
            found = _scores(api, name, who) if done["success"] else {"score": 0.0, "failed": last_line(done)}
            found["seconds"] = round(time.monotonic() - started, 1)
            students.setdefault(who, {})[name] = found
            progress(f"{who}, {name}: " + (found.get("failed") or f"{found['score']:g} of {found['of']:g}"))
        if api.get_autograded_students(name):
            api.generate_feedback(name)
    if not graded:
        raise InputError(
            f"nothing was handed in: put notebooks into {folder}/submitted/WHO/LESSON/LESSON.ipynb, where LESSON is one"
            f" of {', '.join(names)}"
        )
    grades = {"course": "medtutor", "students": students}
    write_text(folder / "grades.json", json.dumps(grades, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "grades.csv", _table(students))
    return grades


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
    lines.writerow(["student", "lesson", "score", "of", "to_read"])
    for who, lessons in students.items():
        for name, found in lessons.items():
            to_read = len(found.get("to_read", []))
            lines.writerow([_plain(who), name, found["score"], found.get("of", ""), to_read])
    return text.getvalue()


def _plain(word):
    """A name that no spreadsheet takes for a formula."""
    return "'" + word if re.match(r"[=+\-@\t]", word) else word
