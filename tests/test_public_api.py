"""The public API: what `medtutor` and its rooms name in `__all__`. It has types, and examples that run."""

import doctest
import importlib
import inspect
import warnings
from functools import cache
from pathlib import Path

import pytest

import medtutor
from medtutor.data.catalog import SOURCES

ROOMS = (
    "data",
    "models",
    "metrics",
    "training",
    "efficiency",
    "explanation",
    "reports",
    "figures",
    "explorers",
    "pages",
    "clinic",
    "review",
    "course",
)


def public():
    """{"room.name": the function or class} of all rooms, each thing once."""
    found = {}
    for room in ROOMS:
        module = importlib.import_module(f"medtutor.{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and thing not in found.values():
                found[f"{room}.{name}"] = thing
    return found


PUBLIC = public()
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing)}


def test_the_package_says_that_it_has_types():
    assert importlib.resources.files("medtutor").joinpath("py.typed").is_file()


def test_every_name_of_the_package_is_one_of_a_room():
    assert all(getattr(medtutor, name) in PUBLIC.values() for name in medtutor.__all__ if not name.startswith("_"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_has_types(name):
    """On every parameter and on what comes back: mypy checks them, an editor shows them."""
    signature = inspect.signature(FUNCTIONS[name])
    bare = [parameter.name for parameter in signature.parameters.values() if parameter.annotation is parameter.empty]
    if signature.return_annotation is signature.empty:
        bare.append("return")
    assert not bare


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_has_an_example(name):
    assert ">>> " in (FUNCTIONS[name].__doc__ or ""), "no >>> in the docstring"


def modules_with_examples():
    """Every file of the package that has one, but what a lesson reads by its path."""
    root = Path(medtutor.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8") and path.stem.isidentifier():
            yield ".".join(("medtutor", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")


@pytest.fixture(scope="module")
def drawn_once():
    """A set that many examples load is drawn for the first; no example changes it."""
    with pytest.MonkeyPatch.context() as patch:
        for source in SOURCES:
            patch.setattr(source, "draw", cache(source.draw))
        yield


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_the_examples_run(name, drawn_once):
    """Of a module, its functions and classes, public or not."""
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a phantom says that it is one
        for examples in doctest.DocTestFinder().find(importlib.import_module(name)):
            runner.run(examples, out=said.append)
    assert runner.failures == 0, "".join(said)
    assert runner.tries
