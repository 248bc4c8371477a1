"""The files of data/ stand in one order: none imports, at its top or inside a function, one that needs it."""

import ast
from pathlib import Path

import medtutor

ROOT = Path(medtutor.__file__).parent


def modules():
    """{("data", "card"): path, …}; a package by its own name."""
    for path in (ROOT / "data").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield (parts[:-1] if parts[-1] == "__init__" else parts), path


def needed(path, known):
    """The modules that a file imports."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*package[: len(package) - node.level + 1], *filter(None, (node.module or "").split(".")))
            for alias in node.names:
                yield (*base, alias.name) if (*base, alias.name) in known else base


def test_no_circle():
    known = dict(modules())
    waiting = {name: set(needed(path, known)) & set(known) - {name} for name, path in known.items()}
    while waiting:
        ready = {name for name, needs in waiting.items() if not needs & set(waiting)}
        assert ready, f"these import each other in a circle: {sorted(waiting)}"
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
