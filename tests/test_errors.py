"""Errors are sentences, whatever was given."""

import numpy as np
import pytest

from medtutor import cli
from medtutor.errors import unknown


@pytest.mark.parametrize(
    "given", ["x" * 5000, 10**5000, np.arange(10_000), ["a\nb"] * 500], ids=["text", "number", "array", "list"]
)
def test_what_is_unknown_is_told_in_a_line(given):
    sentence = str(unknown("model", given, ["cnn", "lenet"]))
    assert len(sentence) < 200 and "\n" not in sentence and sentence.endswith("Known: cnn, lenet")


@pytest.mark.parametrize(
    "arguments", [["train", "x" * 5000], ["train", "breastmnist", "--size", "1" * 5000], ["evaluate", "x" * 5000]]
)
def test_an_error_is_a_line_however_much_was_typed(empty_home, capsys, arguments):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("medtutor: ") and len(err) < 1200 and err.count("\n") == 1
