"""Sources to notebooks: `notebooks/source/NN_name.py` -> `notebooks/NN_name.ipynb`.

The source is jupytext's py:percent, which people edit and review; the notebook
is executed, with its outputs, which is what students open. Building twice
gives the same file wherever the outputs are the same: cell ids come from the
cells' text, and whatever changes by itself (times of execution, progress bars,
widget state) is left out.
"""

import hashlib
import json
from collections import Counter
from pathlib import Path

from ..errors import InputError, MedtutorError

CELL_SECONDS = 180


def sources(notebooks):
    """The lessons' sources in the folder of notebooks, in order.

    Raises `InputError` where there are none.
    """
    found = sorted((Path(notebooks) / "source").glob("[0-9][0-9]_*.py"))
    if not found:
        raise InputError(f"no lesson sources (NN_name.py) in {Path(notebooks) / 'source'}; run this in the repository")
    return found


def build_notebook(source):
    """Execute one source and write its notebook beside the folder `source`; its path.

    An old notebook is replaced only when every cell ran. Raises `MedtutorError`
    naming the cell and the error otherwise, and where published images were
    wanted but phantoms stood in for them.
    """
    import jupytext
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    source = Path(source)
    folder = source.parent.parent
    notebook = jupytext.read(source, fmt="py:percent")
    set_cell_ids(notebook)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False, store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        # Colour codes of the traceback help nobody in a log.
        last = str(error).strip().splitlines()[-1]
        raise MedtutorError(f"{source.name} did not run to its end: {last}; run its notebook to see the cell") from error
    if any("PhantomWarning" in output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])):
        raise MedtutorError(
            f"{source.name} fell back to phantoms, but lessons are built on the published images; "
            "set MEDTUTOR_DATA to the folder that holds them, or connect to the network"
        )
    strip_what_changes(notebook)
    path = folder / f"{source.stem}.ipynb"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


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
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
