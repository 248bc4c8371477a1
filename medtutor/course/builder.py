"""From one source the notebooks: `source/NN_name.py` -> `NN_name.ipynb` and `solutions/NN_name.ipynb`.

The source is jupytext's py:percent with the solutions in it, between nbgrader's
marks; people edit and review it. Students open the notebook without the
solutions, executed, with its outputs. Building twice gives the same file
wherever the outputs are the same: cell ids come from the cells' text, and what
changes by itself (times of execution, progress bars, widget state) is left out.

A new lesson is a new source file, and a folder of its name in `lessons`: everything
here finds them by their names.
"""

import ast
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

from ..errors import InputError, MedtutorError
from ..files import write_whole
from .execution import execute, needed
from .folding import fold_answers
from .glossary import linked
from .hosted import is_setup, opening_cells, repository

SOLUTION = re.compile(r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION[ \t]*$", re.M | re.S)
# The same marks, also where they are misspelt: such a solution would stay in the students' notebook.
MARK = re.compile(r"^[ \t]*#+[ \t]*(?:BEGIN|END)[ \t_]*SOLUTION\b.*$", re.M | re.I)
PAIR = ["### BEGIN SOLUTION", "### END SOLUTION"]
CLAIM = re.compile(r'review\.claim\("([\w-]+)"\)')
BLANK = "...  # your code here"
PHANTOM_WARNING = "PhantomWarning"


def sources(notebooks):
    """The lessons' sources in the folder of notebooks, in order.

    Raises `InputError` where there are none, and where two have the same number.
    """
    found = sorted((Path(notebooks) / "source").glob("[0-9][0-9]_*.py"))
    if not found:
        raise InputError(f"no lesson sources (NN_name.py) in {Path(notebooks) / 'source'}; run this in the repository")
    for one, other in zip(found, found[1:]):
        if one.name[:2] == other.name[:2]:
            raise InputError(f"{one.name} and {other.name} have the same number; give one of them another")
    return found


def products(source):
    """{path of a notebook: whether the solutions are in it} that a source is built to."""
    source = Path(source)
    folder, name = source.parent.parent, f"{source.stem}.ipynb"
    return {folder / name: False, folder / "solutions" / name: True}


def read(source, solved, links=True):
    """The notebook of a source, not executed, with stable ids.

    links  the first place of each standard term in bold leads to the glossary

    Raises `InputError` where the source is no py:percent file, a cell is no Python,
    or the marks around a solution do not come in pairs.
    """
    source = Path(source)
    notebook = _cells(source)
    _add_opening(notebook, source, solved)
    set_cell_ids(notebook)
    if links:
        seen = set()
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = linked(cell.source, seen)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            _check_marks(cell.source, f"{source.name}, cell {number}")
            cell.source = without_marks(cell.source) if solved else blanked(cell.source)
            _check_python(cell.source, f"{source.name}, cell {number}")
    return notebook


def _add_opening(notebook, source, solved):
    """Where the repository has an address: links to Colab and Kaggle below the title's cell, and what they need."""
    import nbformat

    root = source.parent.parent.parent
    address = repository(root)
    if address is not None:
        path = next(path for path, with_solutions in products(source).items() if with_solutions == solved)
        badges, setup = opening_cells(address, path.relative_to(root).as_posix())
        notebook.cells[1:1] = [nbformat.v4.new_markdown_cell(badges), nbformat.v4.new_code_cell(setup)]


def _cells(source):
    """What jupytext reads in a source."""
    jupytext = needed("jupytext")
    try:
        text = source.read_text(encoding="utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError:
        raise InputError(f"{source.name} is not written in UTF-8; save it so") from None
    except OSError as error:
        raise InputError(
            f"{source} cannot be read ({error.strerror}); see whether it is there and yours to read"
        ) from None
    if not re.search(r"^# %%", text, re.M):
        raise InputError(f"{source.name} has no cells; begin each with a line # %%, or # %% [markdown]")
    header = (
        f"{source.name} is no py:percent source: the header between the lines # --- cannot be read; mend it, or leave"
        " it out"
    )
    try:
        notebook = jupytext.reads(text, fmt="py:percent")
    except Exception:
        raise InputError(header) from None
    # What jupytext does not understand it takes for text.
    if notebook.cells[0].cell_type == "raw" and notebook.cells[0].source.startswith("---"):
        raise InputError(header)
    for number, cell in enumerate(notebook.cells, 1):
        if "incorrectly_encoded_metadata" in cell.metadata:
            raise InputError(
                f"{source.name}, cell {number}: what stands behind # %% cannot be read; mend it, or leave it out"
            )
    return notebook


def _check_marks(code, where):
    marks = [found[0].lstrip() for found in MARK.finditer(code)]
    if marks != PAIR * (len(marks) // 2):
        raise InputError(
            f"{where}: the lines {PAIR[0]} and {PAIR[1]} must stand in pairs, spelt just so; "
            "otherwise the solution stays in the students' notebook"
        )


def _check_python(code, where):
    try:
        _parse(code)
    except (SyntaxError, ValueError) as error:
        # A zero byte is a ValueError in older versions of Python.
        line, said = getattr(error, "lineno", None) or 1, getattr(error, "msg", str(error))
        raise InputError(f"{where}, line {line}: no Python ({said}); mend it, and build again") from None


def _parse(code):
    """The syntax tree of a cell, which may await and hold what only IPython knows. Raises `SyntaxError`."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return compile(code, "cell", "exec", flags)
    except (SyntaxError, ValueError):
        from IPython.core.inputtransformer2 import TransformerManager

        return compile(TransformerManager().transform_cell(code), "cell", "exec", flags)


def blanked(code):
    """Code with each solution replaced by three dots."""
    return SOLUTION.sub(lambda found: found["indent"] + BLANK, code)


def without_marks(code):
    """Code with the solutions, without the marks around them."""
    return re.sub(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", "", code, flags=re.M).rstrip("\n")


def solutions(source):
    """{exercise: the lesson's own answer} for each `check.exercise(answer)` in a source.

    Runs the cells that only import and those with a solution, nothing else.
    Raises `InputError` for an answer that is in none of them.
    """
    space = {}
    checked = {}
    for cell in (cell.source for cell in _cells(Path(source)).cells if cell.cell_type == "code"):
        checked.update(re.findall(r"\bcheck\.(\w+)\((\w+)\)", cell))
        only_imports = all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in _parse(cell).body)
        if only_imports or SOLUTION.search(cell):
            exec(compile(without_marks(cell), str(source), "exec"), space)
    for exercise, name in checked.items():
        if name not in space:
            raise InputError(
                f"{Path(source).name} checks {name}, which is in no cell with a solution; see check.{exercise}"
            )
    return {exercise: space[name] for exercise, name in checked.items()}


def retext(source):
    """Write the text of a source anew into its notebooks, whose code is as it was: the outputs stay. [path, …]

    Cells that only show claims are drawn anew, too: a card comes from rule and evidence, not from what ran before it.
    Raises `InputError` where a notebook is missing or a cell of code has changed: then it must be built.
    """
    source = Path(source)
    texts = {}
    for path, solved, notebook in _products_read(source):
        built = read_notebook(path) if path.exists() else {"cells": []}
        code = [cell for cell in built["cells"] if _keeps_outputs(cell)]
        wanted = [cell for cell in notebook.cells if _keeps_outputs(cell)]
        if [cell.source for cell in wanted] != ["".join(cell["source"]) for cell in code]:
            raise InputError(
                f"the code of {path.name} is not that of {source.name}; run: medtutor notebooks build {source.name[:2]}"
            )
        for cell, old in zip(wanted, code):
            cell.outputs = old["outputs"]
        for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
            if shown_claims(cell.source):
                cell.outputs = _cards(cell.source)
            cell.execution_count = count
            for output in cell.outputs:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = count
        texts[path] = _finished(notebook, solved)
    _write(texts)
    return [*texts]


def _keeps_outputs(cell):
    """Whether a cell is code whose outputs only a build makes: no card of a claim, nor the set-up, which has none."""
    return cell["cell_type"] == "code" and not shown_claims(cell["source"]) and not is_setup(cell["source"])


def shown_claims(code):
    """The ids of the claims that a cell shows, where it does nothing else: [id, …]."""
    code = "".join(code)
    return [] if re.sub(r"display\(|[\s,)]", "", CLAIM.sub("", code)) else CLAIM.findall(code)


def _cards(code):
    """The outputs of a cell that only shows claims; the last expression of a cell is its result."""
    from ..review import claim

    last = code.strip().splitlines()[-1].startswith("review.claim")
    outputs = []
    for shown in map(claim, shown_claims(code)):
        data = {"text/html": shown._repr_html_(), "text/plain": str(shown)}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    if last:
        outputs[-1]["output_type"] = "execute_result"
    return outputs


def build(source):
    """Execute a source and write its notebooks; {path: Cost}.

    The old notebooks are replaced only when every cell of both new ones ran.
    Raises `MedtutorError` naming the cell and its error otherwise, where published
    images were wanted but phantoms stood in for them, and where a file cannot be
    written; `InputError` for a source that cannot be read.
    """
    source = Path(source)
    costs, texts = {}, {}
    for path, solved, notebook in _products_read(source):
        costs[path] = execute(notebook, source)
        if any(
            PHANTOM_WARNING in output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
        ):
            raise MedtutorError(
                f"{source.name} fell back to phantoms, but lessons are built on the published images; "
                "set MEDTUTOR_DATA to the folder that holds them, or connect to the network"
            )
        strip_what_changes(notebook)
        texts[path] = _finished(notebook, solved)
    _write(texts)
    return costs


def _products_read(source):
    """[(path, whether the solutions are in it, notebook), …]: what cannot be read is found before anything runs."""
    return [(path, solved, read(source, solved)) for path, solved in products(source).items()]


def read_notebook(path):
    """The notebook in a file, as plain values.

    Raises `InputError` for a file that is none of the form that we write, nbformat 4.5.
    """
    from nbformat.validator import iter_validate

    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be read ({str(error).splitlines()[0]}); it is no notebook") from None
    try:
        fits = isinstance(notebook, dict) and not any(iter_validate(notebook, version=4, version_minor=5))
    except (TypeError, AttributeError, ValueError, RecursionError):  # nbformat, too, stumbles over some
        fits = False
    if not fits:
        raise InputError("is no notebook of the form that we write")
    return notebook


def _finished(notebook, solved):
    """The text of a notebook's file, with what a student should not read yet folded."""
    if not solved:
        fold_answers(notebook)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _write(texts):
    for path, text in texts.items():
        try:
            path.parent.mkdir(exist_ok=True)
            write_whole(path, text)
        except OSError as error:
            raise MedtutorError(
                f"{path.name} could not be written to {path.parent} ({error.strerror}); what was there is as it was: "
                "make room for it, and build again"
            ) from error


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
