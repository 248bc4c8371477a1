"""How long a newcomer waits: from a clone to the first prediction, and from a clone to a graded hand-in.

    python tools/time_newcomer.py [--repository FOLDER_OR_ADDRESS] [--keep FOLDER]

Clones the repository into a temporary folder and does what README.md says, by the very lines that stand there: a README
that no longer has them is refused. Installs everything, some GB; a minute or many, as pip's files are on disk or not.
On Linux, with bubblewrap. The home of medtutor is in the temporary folder; data are those of `MEDTUTOR_DATA`, else
fetched, else phantoms.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
WAIT = 3600  # seconds that a step may take
# Runs a notebook up to its first prediction, as a student does who runs cell after cell.
TO_PREDICTION = """
import nbclient, nbformat
book = nbformat.read("notebooks/00_start_here.ipynb", 4)
code = [cell.cell_type == "code" and "Prediction(" in cell.source for cell in book.cells]
book.cells = book.cells[: code.index(True) + 1]
nbclient.NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": "notebooks"}}).execute()
"""


def commands(readme: str, heading: str) -> list[str]:
    """The lines of the code blocks of a section of README.md, without comments.

    >>> commands("## Start\\n```\\nmake lab  # opens\\n```\\n## Next", "Start")
    ['make lab']
    """
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", readme, re.M | re.S)
    blocks = re.findall(r"^```\w*\n(.*?)^```", section[1], re.M | re.S) if section else []
    lines = (line.partition("#")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def command(readme: str, heading: str, beginning: str) -> str:
    """The first command of a section that begins so; ends the program with a sentence where there is none."""
    for line in commands(readme, heading):
        if line.startswith(beginning):
            return line
    sys.exit(
        f"README.md has no '{beginning}' under '{heading}'; change tools/time_newcomer.py as the README has changed"
    )


class Newcomer:
    """Somebody in a folder, who runs commands and looks at the clock.

    steps  [(what, seconds)]
    """

    def __init__(self, folder: Path):
        self.folder, self.steps = folder, []
        self.clone = folder / "medtutor"
        programs = os.pathsep.join([str(self.clone / ".venv" / "bin"), os.environ["PATH"]])
        self.environment = os.environ | {"PATH": programs, "MEDTUTOR_HOME": str(folder / "home")}
        for name in ("PYTHONPATH", "VIRTUAL_ENV"):  # nothing of whoever measures
            self.environment.pop(name, None)

    @contextlib.contextmanager
    def timed(self, what):
        started = time.monotonic()
        yield
        self.steps.append((what, time.monotonic() - started))
        print(f"{self.steps[-1][1]:7.0f} s  {what}", flush=True)

    def run(self, what, line, at=None):
        """A command to its end; its words are shown where it fails."""
        with self.timed(what):
            done = subprocess.run(
                line if isinstance(line, list) else shlex.split(line),
                cwd=at or self.clone,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=WAIT,
            )
        if done.returncode:
            sys.exit(f"{done.stdout[-3000:]}\n{what} failed")

    def open_lab(self, line):
        """`make lab` until JupyterLab answers; then it is ended."""
        with open(self.folder / "lab.txt", "w+", encoding="utf-8") as said:
            started = subprocess.Popen(
                shlex.split(line),
                cwd=self.clone,
                env=self.environment | {"BROWSER": "true"},  # a program that does nothing
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                with self.timed(f"{line}, until JupyterLab answers"):
                    urlopen(self._address(started), timeout=60).read()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(started.pid, signal.SIGTERM)
                started.wait(60)

    def _address(self, started):
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            text = (self.folder / "lab.txt").read_text(encoding="utf-8")
            if found := re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab\?token=\w+", text):
                return found[0]
            if started.poll() is not None:
                sys.exit(f"{text[-3000:]}\nJupyterLab did not start")
            time.sleep(0.2)
        sys.exit("JupyterLab did not start in an hour")


def main():
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", default=str(ROOT), help="what is cloned; this one when left out")
    parser.add_argument("--keep", help="work in this folder, and leave it as it is; a temporary one when left out")
    options = parser.parse_args()
    if options.keep:
        Path(options.keep).mkdir(parents=True, exist_ok=True)
        return measure(Path(options.keep).resolve(), options.repository)
    with tempfile.TemporaryDirectory(prefix="medtutor-newcomer-") as folder:
        return measure(Path(folder), options.repository)


def measure(folder, repository):
    """Both ways, in a folder; 0."""
    here = Newcomer(folder)
    here.run("git clone", ["git", "clone", "--quiet", str(repository), str(here.clone)], at=folder)
    readme = (here.clone / "README.md").read_text(encoding="utf-8")
    lab = command(readme, "Start", "make lab")
    train = command(readme, "The main job", "medtutor train")
    build = command(readme, "For instructors", "medtutor course build")
    grade = command(readme, "For instructors", "medtutor course grade")

    here.open_lab(lab)
    here.run("lesson 00 from its first cell to its first prediction", ["python", "-c", TO_PREDICTION])
    print(f"{sum(seconds for _, seconds in here.steps):7.0f} s  from a clone to the first prediction")
    installed = len(here.steps) - 1
    here.run(train, train)

    here.run(build, build)
    course = here.clone / shlex.split(build)[3]
    lesson = min(path.name for path in (course / "source").iterdir())
    handed_in = course / "submitted" / "newcomer" / lesson
    handed_in.mkdir(parents=True)
    # With its solutions: what a student hands in who has done all of it.
    shutil.copy(course / "source" / lesson / f"{lesson}.ipynb", handed_in)
    here.run(f"{grade}, one hand-in of lesson {lesson[:2]}", grade)
    found = json.loads((course / "grades.json").read_text())["students"]["newcomer"][lesson]
    if found.get("failed") or not found["score"]:
        sys.exit(f"the hand-in was not graded: {found}")
    seconds = sum(seconds for _, seconds in [*here.steps[:installed], *here.steps[-2:]])
    print(f"{seconds:7.0f} s  from a clone to a graded hand-in ({found['score']:g} of {found['of']:g} points)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
