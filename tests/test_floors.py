"""The house: no import runs upward, none in a circle, and the roof is light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import medtutor

ROOT = Path(medtutor.__file__).parent

# From the ground up. A module may import from its own floor and those below.
FLOORS = [
    ["errors", "checks", "records", "files"],
    ["data", "models"],
    ["metrics"],
    ["training"],
    ["efficiency"],
    ["explanation", "reports"],
    ["figures"],
    ["widgets"],
    ["clinic"],
    ["review"],  # its experiments are about all of the above
    ["explorers", "pages"],  # of the review, too: its literature, its screening
    ["course"],
    ["bench", "doctor"],
    ["cli"],
    ["__main__"],
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def name_of(path):
    """A file's module: "data.catalog"; "data" of a folder's own file, "" of the package's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def imports(path):
    """The modules of medtutor that a file imports, at its top or inside functions."""
    inside = path.relative_to(ROOT).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*inside[: len(inside) - node.level], *filter(None, [node.module])])
            names = {alias.name: f"{base}.{alias.name}".strip(".") for alias in node.names}
            found |= {name if name in FILES else base for name in names.values()}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]:
                assert not name.startswith("medtutor"), f"{path}: inside the package, import with dots"
    return found


def outside(path):
    """The libraries that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)


def circles(graph):
    """The shortest circle through each of the modules that are in one: {(module, …, the same module), …}."""
    found = set()
    for start in graph:
        ways, seen = [(start,)], {start}
        while ways:
            way = ways.pop(0)
            nexts = graph.get(way[-1], ())
            if start in nexts:
                first = way.index(min(way))
                found.add((*way[first:], *way[:first], way[first]))
                break
            ways += [(*way, module) for module in sorted(set(nexts) - seen)]
            seen |= set(nexts)
    return found


def test_every_part_has_a_floor():
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__"} == set(FLOOR)


def test_no_import_runs_upward():
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for name in imports(path):
            part = name.partition(".")[0]
            assert FLOOR[part] <= FLOOR[own], f"{path.relative_to(ROOT)} imports {name}, which stands above it"


def test_data_and_models_know_nothing_of_each_other():
    for own, other in (("data", "models"), ("models", "data")):
        for path in (ROOT / own).rglob("*.py"):
            assert not any(name.partition(".")[0] == other for name in imports(path)), path


def test_no_files_import_each_other_in_a_circle():
    """Not inside a folder, and not inside functions either: who reads one file can begin with what it imports."""
    found = circles({name: imports(path) for name, path in FILES.items()})
    assert not found, "\n".join(" -> ".join(circle) for circle in sorted(found))


def test_a_circle_is_found_and_told_as_its_files():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {("a", "b", "c", "a")}
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == set()


def test_only_what_is_shown_in_a_notebook_needs_widgets():
    for name, path in FILES.items():
        if name.partition(".")[0] not in ("widgets", "explorers", "course"):
            assert "ipywidgets" not in outside(path), f"{name} imports ipywidgets"


LINES = 400
# Longer: names of modules, or what they begin with.
LONG = (
    "course.lessons.",  # exercises: functions, wrong answers and their hints, one after the other
    # To be taken apart.
    "explorers.segmentation",  # controls, values and panels of four tasks at once
)


def test_no_file_is_long():
    for name, path in FILES.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LINES or name.startswith(LONG), f"{name} has {lines} lines; at most {LINES}"


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


def test_captum_is_loaded_by_what_explains_and_not_by_what_reports():
    code = "import sys, medtutor.reports, medtutor.figures, medtutor.cli; print('captum' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
