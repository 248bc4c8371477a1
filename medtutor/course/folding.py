"""What a notebook file shows between a prediction and its reconciliation: folded, so that nobody reads the answer.

A cell that a student runs shows its own outputs, open. Jupyter's own way of hiding an output is no help: in its place
JupyterLab shows the output's first words, and other pages show all of it.
"""

import re
from html import escape

SUMMARY = "what this cell showed: commit your guess first, then run it"
START = f"<details><summary>{SUMMARY}</summary>"


def fold_answers(notebook):
    """Fold the outputs of all cells between a prediction and its reconciliation, each cell's as one, in place.

    So is what the reconciling cell shows before its answer. Cells that check an exercise or ask a question stay open;
    what is folded already stays as it is.
    """
    open_questions = set()
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        answered = set(re.findall(r"^(\w+)\.reconcile\(", cell.source, re.M))
        if open_questions and not re.search(r"^check\.|\bPrediction\(", cell.source, re.M):
            last = len(cell.outputs) - bool(answered)  # a reconciliation folds its own answer
            if last > 0:
                cell.outputs = [_folded(cell.outputs[:last]), *cell.outputs[last:]]
        open_questions -= answered
        open_questions |= set(re.findall(r"^(\w+) = Prediction\(", cell.source, re.M))


def _folded(outputs):
    """One output with all that several show."""
    if "".join(outputs[0].get("data", {}).get("text/html", "")).startswith(START):
        return outputs[0]
    shown, plain = [], []
    for output in outputs:
        data = output.get("data", {})
        text = "".join(output.get("text", data.get("text/plain", "")))
        shown.append("".join(data.get("text/html", "")) or f"<pre>{escape(text)}</pre>")
        plain.append(text)
    data = {"text/html": f"{START}{''.join(shown)}</details>", "text/plain": "\n".join(plain)}
    return {"output_type": "display_data", "data": data, "metadata": {}}
