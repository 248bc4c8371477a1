"""medtutor: run the review.

    import medtutor as mt

    xray = mt.load("pneumoniamnist")
    run = mt.fit(mt.build("cnn", xray), xray)
    run.test
"""

from importlib import import_module

# Names load their module when first used: `import medtutor` itself is quick.
_HOME = {
    "Card": "data",
    "Dataset": "data",
    "from_arrays": "data",
    "load": "data",
    "build": "models",
    "explain": "explanation",
    "explore": "explorers",
    "Recipe": "training",
    "Run": "training",
    "default_recipe": "training",
    "fit": "training",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
