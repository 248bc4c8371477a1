"""What stands between a guess and its answer is folded, also what the reconciling cell shows before it."""

from types import SimpleNamespace

from medtutor.course.folding import START, fold_answers


def shown(text):
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def test_a_table_before_the_answer_is_folded_and_the_answer_stays():
    cells = [
        SimpleNamespace(cell_type="code", source=source, outputs=[shown(text) for text in texts])
        for source, texts in (
            ("guess = Prediction('a')", ["the question"]),
            ("table\nguess.reconcile(1)", ["1", "box"]),
            ("more", ["open"]),
        )
    ]
    notebook = SimpleNamespace(cells=cells)
    for _ in range(2):  # folded again, the same
        fold_answers(notebook)
        table, box = cells[1].outputs
        assert table["data"]["text/html"] == f"{START}<pre>1</pre></details>" and box == shown("box")
        assert cells[0].outputs == [shown("the question")] and cells[2].outputs == [shown("open")]
