"""The public API: what `medtutor` and its rooms name in `__all__`. It has types, and examples that run."""

import doctest
import importlib
import inspect
import warnings

import pytest

import medtutor

ROOMS = ("data", "models", "metrics", "training", "explanation", "reports", "figures", "explorers", "review", "course")


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
def test_a_public_function_has_an_example_that_runs(name):
    function = inspect.unwrap(FUNCTIONS[name])
    examples = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert examples and examples[0].examples, "no >>> in the docstring"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a phantom says that it is one
        runner.run(examples[0], out=said.append)
    assert runner.failures == 0, "".join(said)
