"""A course of nbgrader: assignments, and a class of submissions, graded in a sandbox; some of them are hostile."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytest.importorskip("nbgrader")

from medtutor.cli import main
from medtutor.course.assignment import assignment, build_course
from medtutor.course.builder import SOLUTION, sources
from medtutor.course.check import exercises, look_at
from medtutor.course.grading import grade
from medtutor.course.sandbox import TMP, Sandbox, command
from medtutor.errors import InputError, MedtutorError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCES = sources(NOTEBOOKS)
NAME = "02_cnn_segmentation"
SOURCE = next(source for source in SOURCES if source.stem == NAME)
NEEDS = os.environ.get("MEDTUTOR_NEEDS_CLINIC")  # .ci/run installs what Debian has to offer, and says so
sandboxed = pytest.mark.skipif(
    not NEEDS and shutil.which("bwrap") is None, reason="bubblewrap is not installed: apt-get install bubblewrap"
)

# What no exercise asks for; each takes the place of one function.
HOSTILE = {
    "reads the references": "def dice(*inputs):\n    from medtutor.course.check import exercises\n"
    "    return exercises()['dice'].reference(*inputs)\n",
    "never ends": "def dice(*inputs):\n    while True: pass\n",
    "ends the process": "def dice(*inputs):\n    import os\n    os._exit(0)\n",
    "starts processes": "def dice(*inputs):\n    import os\n    while True: os.fork()\n",
    "fills the disk": f"def dice(*inputs):\n    with open('{TMP}/full', 'wb') as file:\n"
    "        while True: file.write(bytes(10**6))\n",
    "takes memory": "def dice(*inputs):\n    return [bytearray(10**9) for _ in range(50)]\n",
    "answers with an object": "class Any:\n    def __eq__(self, other): return True\n"
    "def dice(*inputs):\n    return Any()\n",
    "swallows every error": "def dice(*inputs):\n    while True:\n        try:\n            while True: pass\n"
    "        except BaseException: pass\n",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "course"
    build_course([SOURCE], folder)
    return folder


def read(folder, kind):
    return json.loads((folder / kind / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def hand_in(folder, who, change):
    """A student's notebook: the release, each cell changed by a function of it and the one with solutions."""
    notebook = read(folder, "release")
    for cell, solved in zip(notebook["cells"], read(folder, "source")["cells"]):
        new = change(grade_id(cell), "".join(solved["source"]))
        cell["source"] = "".join(cell["source"]) if new is None else new
    path = folder / "submitted" / who / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def solved(name, source):
    return source if "### BEGIN SOLUTION" in source else None


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_an_assignment_has_each_exercise_once_and_runs_by_itself(source):
    notebook = assignment(source)
    checked = re.findall(r"^check\.(\w+)\(", source.read_text(encoding="utf-8"), re.M)
    names = [grade_id(cell) for cell in notebook.cells]
    assert [name for name in names if name.endswith("-check")] == [f"{each}-check" for each in checked]
    space = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.startswith("check."):
            exec(compile(cell.source, source.name, "exec"), space)  # solutions need nothing but what is imported
    for cell in notebook.cells:
        if found := re.match(r"check\.(\w+)\((\w+)\)", cell.source):
            assert look_at(exercises()[found[1]], space[found[2]], seed=0).kind == "right"


def test_what_students_get_has_no_solution_and_the_lesson_s_points(course):
    text = json.dumps(read(course, "release"))
    assert "SOLUTION" not in text and "masks & truths" not in text
    for cell in read(course, "source")["cells"]:
        code = "".join(cell["source"])
        if SOLUTION.search(code):
            assert code in SOURCE.read_text(encoding="utf-8")
    marks = [cell["metadata"]["nbgrader"] for cell in read(course, "release")["cells"] if grade_id(cell)]
    checks = [mark for mark in marks if mark["grade_id"].endswith("-check")]
    assert all(mark["points"] == 2 and mark["locked"] for mark in checks)
    assert sum(mark.get("points", 0) for mark in marks) == 2 * len(checks) + 2
    assert (course / "nbgrader_config.py").stat().st_mode & 0o077 == 0


@sandboxed
def test_a_class_is_graded(course, capsys):
    """Right answers get all points, blanks none, each curated mistake loses just its own; nobody harms anybody."""
    hand_in(course, "right", solved)
    hand_in(course, "blank", lambda name, source: None)
    hand_in(course, "edits-the-checks", lambda name, source: "pass" if name.endswith("-check") else None)
    for what, code in HOSTILE.items():
        hand_in(
            course,
            what.replace(" ", "-"),
            lambda name, source, code=code: code if name == "dice" else solved(name, source),
        )
    mistake = "def jaccard_from_dice(dice):\n    return dice\n"
    hand_in(course, "wrong", lambda name, source: mistake if name == "jaccard_from_dice" else solved(name, source))
    prose = "I expected .9; it was .7, since the borders differ."
    hand_in(course, "writes", lambda name, source: prose if name == "in-your-own-words" else solved(name, source))
    # A class of thirty.
    for number in range(30 - len(os.listdir(course / "submitted"))):
        hand_in(course, f"student-{number:02}", solved)
    started = time.monotonic()
    assert main(["course", "grade", str(course)]) == 0
    seconds = time.monotonic() - started
    print(f"30 submissions of {NAME} in {seconds:.0f} s")
    students = json.loads((course / "grades.json").read_text())["students"]
    scores = {who: found[NAME]["exercises"] for who, found in students.items()}
    full = dict.fromkeys(scores["right"], 2.0)
    assert len(students) == 30 and len(full) == 4
    assert scores["right"] == scores["student-00"] == scores["writes"] == full
    assert scores["blank"] == scores["edits-the-checks"] == dict.fromkeys(full, 0.0)
    assert scores["wrong"] == full | {"jaccard_from_dice": 0.0}
    assert {what: scores[what.replace(" ", "-")] for what in HOSTILE} == {
        what: full | {"dice": 0.0} for what in HOSTILE
    }
    assert students["writes"][NAME]["to_read"] == ["in-your-own-words"]
    assert (course / "grades.csv").read_text().splitlines()[0] == "student,lesson,score,of,to_read,failed"
    feedback = (course / "feedback/wrong" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "jaccard_from_dice: not yet" in feedback
    assert not Path(TMP, "full").exists()


@sandboxed
def test_gradients_come_out_of_the_sandbox_too():
    """An answer that is right and breaks the way back is refused, as in the lesson."""
    exercise = exercises()["soft_dice_loss"]
    right = next(cell.source for cell in assignment(SOURCE).cells if grade_id(cell) == "soft_dice_loss")
    broken = f"{right}\nright = soft_dice_loss\ndef soft_dice_loss(*inputs):\n    return right(*inputs).detach()"
    said = {}
    for code in (right, broken):
        with Sandbox(["import torch", code]) as sandbox:
            said[code] = look_at(exercise, sandbox.function("soft_dice_loss"), seed=0)
    assert said[right].kind == "right" and "gradients" in said[right].text
    assert said[broken].kind == "wrong" and "no gradient flows" in said[broken].text


@sandboxed
def test_the_sandbox_holds_nothing_of_the_course_and_nobody_s_files():
    code = """def seen():
    import os
    found = [os.path.join(folder, file) for folder, _, files in os.walk("/") for file in files
             if not folder.startswith(("/usr", "/proc", "/lib", "/dev"))]
    return [str(os.getuid()), *(each for each in found if "exercises" in each or "medtutor" in each)]
"""
    with Sandbox([code]) as sandbox:
        user, *found = sandbox.function("seen")()
    assert user == "65534"
    assert [each for each in found if "course/lessons" in each or "notebooks" in each] == []


def test_the_package_is_hidden_wherever_it_is_seen_from(monkeypatch, tmp_path):
    """Through a link to the environment, too; and a clone in /usr/src is not even there."""
    package = tmp_path / "real/lib/site-packages/medtutor"
    package.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/bwrap")
    monkeypatch.setattr("medtutor.course.sandbox.HERE", package / "course/sandbox.py")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "link"))
    monkeypatch.setattr("sys.base_prefix", str(tmp_path / "real"))
    line = command()
    hidden = {line[number + 1] for number, word in enumerate(line) if word == "--tmpfs"}
    assert {str(tmp_path / kind / "lib/site-packages/medtutor") for kind in ("real", "link")} <= hidden
    seen = [Path(line[number + 1]) for number, word in enumerate(line) if word == "--ro-bind"]
    assert not any(Path("/usr/src/clone").is_relative_to(place) for place in seen)


@sandboxed
def test_a_python_below_the_temporary_folder_starts_too(monkeypatch, tmp_path):
    """As of a clone that somebody tries out there."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    python = tmp_path / "venv" / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(sys, "executable", str(python))
    *start, executable, _, _, _ = command()
    assert executable == str(python)
    code = f"import os; open('{TMP}/own', 'w').write('1'); print(os.listdir('{TMP}'))"
    done = subprocess.run([*start, executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "own" in done.stdout


@sandboxed
def test_what_the_sandbox_cannot_hold_is_one_sentence():
    with Sandbox(["def same(x):\n    x += 1\n    return x", "def f(:", "def g():\n    return {1: 2}"]) as sandbox:
        assert sandbox.failed[1][0] == "SyntaxError"
        assert sandbox.function("f") is None
        x = torch.zeros(3)
        sandbox.function("same")(x)
        assert x[0] == 1  # that an input was changed is seen outside
        assert type(sandbox.function("g")()) is object


def test_without_bubblewrap_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MedtutorError, match="apt-get install bubblewrap"), Sandbox(["1"]):
        pass


def test_wrong_folders_are_one_sentence(tmp_path, course):
    with pytest.raises(InputError, match="no course"):
        grade(tmp_path)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="something else"):
        build_course([SOURCE], tmp_path)
    with pytest.raises(InputError, match="nothing was handed in"):
        grade(course, lessons=["99"])
    assert (tmp_path / "mine.txt").read_text() == "x"


@sandboxed
def test_a_function_that_is_too_slow_spoils_no_other(monkeypatch):
    """What it answers after it was given up is not taken for what the next one answers."""
    monkeypatch.setitem(look_at.__globals__, "SECONDS", 2)
    slow = "import time\ndef dice(*inputs):\n    time.sleep(1.5)\n    return 0.\n"
    right = next(cell.source for cell in assignment(SOURCE).cells if grade_id(cell) == "jaccard_from_dice")
    with Sandbox([slow, right]) as sandbox:
        said = [look_at(exercises()[name], sandbox.function(name)) for name in ("dice", "jaccard_from_dice")]
    assert [box.kind for box in said] == ["wrong", "right"] and "stopped after 2 seconds" in said[0].text


FORGED = """import json, os, struct
def f():
    head = json.dumps({"tree": 1, "changed": False, "flows": [], "arrays": [["<f8", [20_000_000]]] * 3}).encode()
    for to in os.listdir("/proc/self/fd"):
        try:
            os.write(int(to), struct.pack("<q", len(head)) + head)
            for _ in range(3):
                os.write(int(to), bytes(160_000_000))
        except OSError:
            pass
"""


@sandboxed
@pytest.mark.parametrize("code", [FORGED, "def f():\n    return 'x' * 20_000_000"], ids=["arrays", "words"])
def test_no_answer_fills_the_memory_of_who_grades(code):
    """An answer is limited as a whole: all its arrays together, and the words about them."""
    with Sandbox([code]) as sandbox, pytest.raises(RuntimeError, match="more memory"):
        sandbox.function("f")()


@sandboxed
def test_an_odd_hand_in_costs_nobody_else_a_grade(tmp_path):
    """What cannot be graded is told in a sentence, and is no score of 0; a copied cell, and words from in there that
    no file can hold, are no reason.
    """
    folder = tmp_path / "course"
    build_course([SOURCE], folder)
    for who in ("[a]*", "empty", "list", "renamed"):
        hand_in(folder, who, solved)
    file = f"{NAME}/{NAME}.ipynb"
    (folder / "submitted/empty" / file).write_text("")
    (folder / "submitted/list" / file).write_text("[]")
    (folder / "submitted/renamed" / file).rename(folder / f"submitted/renamed/{NAME}/{NAME} (1).ipynb")
    answers = "import json, os, struct\nhead = json.dumps({'failed': {'x': []}, 'arrays': []}).encode()\n"
    answers += (
        "for to in os.listdir('/proc/self/fd'):\n    try: os.write(int(to), struct.pack('<q', len(head)) + head)\n"
    )
    answers += "    except OSError: pass\n"
    half = "def dice(*inputs):\n    raise ValueError(chr(0xd800))\n"
    broken = "def dice(*inputs)\n    return 0\n"
    for who, code in (("answers-itself", answers), ("half", half), ("broken", broken)):
        hand_in(folder, who, lambda name, source, code=code: code if name == "dice" else solved(name, source))
    hand_in(folder, "zz-copied", solved)
    path = folder / "submitted/zz-copied" / file
    notebook = json.loads(path.read_text(encoding="utf-8"))
    copied = [cell for cell in notebook["cells"] if grade_id(cell) == "dice-check"]
    notebook["cells"] += [cell | {"id": f"copy{number}"} for number, cell in enumerate(copied)]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    found = {who: lessons[NAME] for who, lessons in grade(folder, progress=lambda line: None)["students"].items()}
    said = {who: each["failed"] for who, each in found.items() if "failed" in each}
    assert set(said) == {"[a]*", "empty", "list", "renamed"}
    assert "rename the folder" in said["[a]*"] and f"no {NAME}.ipynb" in said["renamed"]
    assert "damaged" in said["empty"] and "damaged" in said["list"]
    scores = {who: each["score"] for who, each in found.items() if who not in said}
    assert scores == {"answers-itself": 0, "half": 6, "broken": 6, "zz-copied": 8}
    lines = (folder / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line.startswith("empty,")).startswith(f"empty,{NAME},,,0,its {NAME}.ipynb is")
    feedback = (folder / "feedback/broken" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "Your cells stopped: SyntaxError" in feedback
