"""From one source the notebooks: `source/NN_name.py` -> `NN_name.ipynb` and `solutions/NN_name.ipynb`.

The source is jupytext's py:percent with the solutions in it, between nbgrader's
marks; people edit and review it. Students open the notebook without the
solutions, executed, with its outputs. Building twice gives the same file
wherever the outputs are the same: cell ids come from the cells' text, and what
changes by itself (times of execution, progress bars, widget state) is left out.

A new lesson is a new source file: everything here finds it by its name.
"""

import ast
import hashlib
import json
import os
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, MedtutorError
from ..files import write_whole

CELL_SECONDS = 180
SOLUTION = re.compile(r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION[ \t]*$", re.M | re.S)
BLANK = "...  # your code here"
PHANTOM_WARNING = "PhantomWarning"


@dataclass(frozen=True)
class Cost:
    """What executing a notebook took: wall seconds, and the kernel's peak memory in bytes."""

    seconds: float
    peak: int

    def __str__(self):
        return f"{self.seconds:.0f} s, {self.peak / 1e9:.2f} GB"


def sources(notebooks):
    """The lessons' sources in the folder of notebooks, in order.

    Raises `InputError` where there are none.
    """
    found = sorted((Path(notebooks) / "source").glob("[0-9][0-9]_*.py"))
    if not found:
        raise InputError(f"no lesson sources (NN_name.py) in {Path(notebooks) / 'source'}; run this in the repository")
    return found


def products(source):
    """{path of a notebook: whether the solutions are in it} that a source is built to."""
    source = Path(source)
    folder, name = source.parent.parent, f"{source.stem}.ipynb"
    return {folder / name: False, folder / "solutions" / name: True}


def read(source, solved):
    """The notebook of a source, not executed, with stable ids. Raises `InputError` for a file that is no such source."""
    import jupytext

    try:
        notebook = jupytext.read(source, fmt="py:percent")
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        cause = " ".join(str(error).split())[:200]
        raise InputError(f"{Path(source).name} cannot be read as a lesson ({cause}); write it in UTF-8, in jupytext's percent form") from None
    set_cell_ids(notebook)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            blank = blanked(cell.source)
            if "BEGIN SOLUTION" in blank or "END SOLUTION" in blank:  # else students would find the solution in their notebook
                raise InputError(f"{Path(source).name}, cell {number}: ### BEGIN SOLUTION and ### END SOLUTION do not pair, each on a line of its own")
            cell.source = without_marks(cell.source) if solved else blank
    return notebook


def blanked(code):
    """Code with each solution replaced by three dots."""
    return SOLUTION.sub(lambda found: found["indent"] + BLANK, code)


def without_marks(code):
    """Code with the solutions, without the marks around them."""
    return re.sub(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", "", code, flags=re.M).rstrip("\n")


def solutions(source):
    """{exercise: the lesson's own answer} for each `check.exercise(answer)` in a source.

    Runs the cells that only import and those with a solution, nothing else.
    """
    space = {}
    checked = {}
    for cell in _raw_code(source):
        checked.update(re.findall(r"\bcheck\.(\w+)\((\w+)\)", cell))
        only_imports = all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(cell).body)
        if only_imports or SOLUTION.search(cell):
            exec(compile(without_marks(cell), str(source), "exec"), space)
    return {exercise: space[name] for exercise, name in checked.items()}


def _raw_code(source):
    import jupytext

    return [cell.source for cell in jupytext.read(source, fmt="py:percent").cells if cell.cell_type == "code"]


def build(source):
    """Execute a source and write its notebooks; {path: Cost}.

    An old notebook is replaced only when every cell of the new one ran. Raises
    `MedtutorError` naming the cell's error otherwise, and where published images
    were wanted but phantoms stood in for them.
    """
    costs = {}
    for path, solved in products(source).items():
        notebook = read(source, solved)
        costs[path] = execute(notebook, Path(source))
        if any(PHANTOM_WARNING in output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])):
            raise MedtutorError(
                f"{Path(source).name} fell back to phantoms, but lessons are built on the published images; "
                "set MEDTUTOR_DATA to the folder that holds them, or connect to the network"
            )
        strip_what_changes(notebook)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return costs


def execute(notebook, source):
    """Run all cells in the folder of the notebooks, in place; the `Cost`.

    Raises `MedtutorError` with the error of the first cell that fails.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    # The last cell asks for the peak; it is taken off again.
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False, store_widget_state=False,
        resources={"metadata": {"path": str(source.parent.parent)}},
    )  # fmt: skip
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        try:
            # A home of its own: whoever builds has perhaps made guesses already.
            client.execute(env={**os.environ, "MEDTUTOR_HOME": home})
        except (CellExecutionError, CellTimeoutError) as error:
            last = str(error).strip().splitlines()[-1]
            raise MedtutorError(f"{source.name} did not run to its end: {last}; run its notebook to see the cell") from error
    peak = int(notebook.cells.pop().outputs[-1]["text"])
    return Cost(time.perf_counter() - start, peak)


PEAK = """
import pathlib as _pathlib, resource as _resource
_status = _pathlib.Path("/proc/self/status")
_peak = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss
if _status.exists():
    _peak = next(int(line.split()[1]) for line in _status.read_text().splitlines() if line.startswith("VmHWM"))
print(_peak * 1024)
"""


def set_cell_ids(notebook):
    """Ids from the cells' own text: they stay when cells are added before them."""
    seen = Counter()
    for cell in notebook.cells:
        text = f"{cell.cell_type}\0{cell.source}"
        seen[text] += 1
        cell["id"] = "c" + hashlib.sha256(f"{seen[text]}\0{text}".encode()).hexdigest()[:11]


def strip_what_changes(notebook):
    """Take out of an executed notebook what differs from one run to the next."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        # Progress bars and warnings of libraries go to stderr.
        cell.outputs = _joined([output for output in cell.outputs if output.get("name") != "stderr"])
        for output in cell.outputs:
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def _joined(outputs):
    """Outputs with neighbouring pieces of stdout made one: where a kernel cuts them is chance."""
    joined = []
    for output in outputs:
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream":
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined
