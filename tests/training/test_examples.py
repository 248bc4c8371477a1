"""The examples in the docstrings of models and training run, and say what comes out."""

import doctest
import importlib
import pkgutil
import warnings

import pytest

from medtutor import models, training

MODULES = [
    f"{room.__name__}.{each.name}" for room in (models, training) for each in pkgutil.iter_modules(room.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a phantom says that it is one
        assert doctest.testmod(importlib.import_module(name)).failed == 0
