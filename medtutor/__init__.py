"""medtutor: run the review.

import medtutor as mt

xray = mt.load("pneumoniamnist")
run = mt.fit(mt.build("cnn", xray), xray)
run.test
"""

import os
from importlib import import_module

# Threads that wait for each other sleep. Otherwise they spin: on a machine that also does other work two of them then
# take several times as long as one. LLVM's OpenMP knows the policy alone; GNU's goes by its own count before that, and
# to look a thousand times and then sleep is as quick as spinning on a quiet machine, and gives way on a busy one.
# Read when torch is loaded, so it does nothing where torch came first.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Names load their module when first used: `import medtutor` itself is quick.
_HOME = {
    "Card": "data",
    "Dataset": "data",
    "from_arrays": "data",
    "load": "data",
    "build": "models",
    "explain": "explanation",
    "explore": "explorers",
    "page": "pages",
    "Recipe": "training",
    "Run": "training",
    "default_recipe": "training",
    "fit": "training",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name == "__version__":
        return import_module("importlib.metadata").version("medtutor")
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*__all__, "__version__"]
