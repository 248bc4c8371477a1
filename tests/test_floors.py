"""The house: no import runs upward, none in a circle, and the roof is light."""

import ast
import subprocess
import sys
from pathlib import Path

import medtutor

ROOT = Path(medtutor.__file__).parent

# From the ground up. A module may import from its own floor and those below.
FLOORS = [
    ["errors", "checks", "files"],
    ["data", "models"],
    ["evaluation"],
    ["training"],
    ["explanation"],
    ["figures"],
    ["widgets"],
    ["explorers"],
    ["review"],
    ["course"],
    ["bench", "doctor"],
    ["cli"],
    ["__main__"],
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def imports(path):
    """The parts of medtutor that a file imports, at its top or inside functions."""
    inside = path.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = inside[: len(inside) - node.level]
            parts = [*package, *(node.module or "").split(".")]
            for name in [parts[0]] if parts[0] else [alias.name for alias in node.names]:
                yield name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]:
                assert not name.startswith("medtutor"), f"{path}: inside the package, import with dots"


def test_every_part_has_a_floor():
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__"} == set(FLOOR)


def test_no_import_runs_upward():
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for name in imports(path):
            assert FLOOR[name] <= FLOOR[own], f"{path.relative_to(ROOT)} imports {name}, which stands above it"


def test_data_and_models_know_nothing_of_each_other():
    for own, other in (("data", "models"), ("models", "data")):
        for path in (ROOT / own).rglob("*.py"):
            assert other not in set(imports(path)), path


def test_only_what_shows_widgets_imports_ipywidgets():
    for path in ROOT.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        if any(name.split(".")[0] == "ipywidgets" for name in names):
            assert path.relative_to(ROOT).parts[0] in ("widgets", "explorers", "course"), path


def test_import_is_light():
    """`import medtutor` alone loads neither torch nor medmnist nor matplotlib."""
    code = (
        "import sys, medtutor; print([m for m in ('torch', 'medmnist', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_all_public_names_are_there():
    for name in medtutor.__all__:
        assert getattr(medtutor, name).__doc__
