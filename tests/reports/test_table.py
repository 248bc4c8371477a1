"""A table is the same rows as text and as HTML, and says when they are of phantoms."""

import pytest

from medtutor.errors import InputError
from medtutor.reports import Table


def test_text_and_html_have_the_same_cells():
    table = Table(["model", "AUC"], [["c<n", 0.97129], ["mlp", 1]], "One run")
    assert str(table).splitlines() == ["One run", "model  AUC", "c<n    0.971", "mlp    1"]
    html = table._repr_html_()
    assert "<caption>One run</caption>" in html
    assert '<td style="text-align:left">c&lt;n</td><td>0.971</td>' in html


def test_phantoms_are_marked():
    assert str(Table(["a"], [[1]], "One run", phantom=True)).startswith("PHANTOM: drawn, no patient. One run")
    assert "<caption>PHANTOM" in Table(["a"], [[1]], phantom=True)._repr_html_()


def test_a_row_too_long_is_said():
    with pytest.raises(InputError, match="row 2 has 1 cells, the head 2"):
        Table(["a", "b"], [[1, 2], [1]])
