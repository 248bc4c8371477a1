"""Every name that a lesson takes from the package is there: found in seconds, where running a lesson takes minutes."""

import ast
import importlib
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "source").glob("*.py"))


def lacking(source):
    """What a source asks of medtutor in vain: ["line 7: medtutor.data has no mri", …]."""
    tree, known, found = ast.parse(source), {}, []

    def take(owner, name, node):
        try:
            return getattr(owner, name)
        except AttributeError:
            with suppress(ModuleNotFoundError):
                return importlib.import_module(f"{owner.__name__}.{name}")
            found.append(f"line {node.lineno}: {owner.__name__} has no {name}")

    def value(node):
        """What a name or a chain of names stands for; None where it is not the package's."""
        if isinstance(node, ast.Name):
            return known.get(node.id)
        owner = value(node.value) if isinstance(node, ast.Attribute) else None
        return take(owner, node.attr, node) if isinstance(owner, ModuleType) else None

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            ours = [each for each in node.names if each.name.split(".")[0] == "medtutor"]
            known |= {each.asname or each.name: importlib.import_module(each.name) for each in ours}
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "medtutor":
            module = importlib.import_module(node.module)
            known |= {each.asname or each.name: take(module, each.name, node) for each in node.names}
    for node in ast.walk(tree):
        # The outermost attribute of a chain looks at all of it.
        value(node)
    return sorted(set(found))


@pytest.mark.parametrize("source", SOURCES, ids=[path.stem for path in SOURCES])
def test_names_are_there(source):
    assert lacking(source.read_text(encoding="utf-8")) == []


def test_a_name_that_is_not_there_is_told():
    source = "import medtutor as mt\nfrom medtutor.data import mri, load\nmt.absent.measure\nmt.load\nload.absent\n"
    assert lacking(source) == ["line 2: medtutor.data has no mri", "line 3: medtutor has no absent"]
